/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiving half of a datagram flow.
 *
 * Ids count from 1 (iperf 2.0.10 on) or from 0 (before, and mirage_iperf); the final datagram
 * carries its own id negated and is itself counted, on both sides. A train of consecutive ids is
 * accounted in one step, because at tens of millions of datagrams a second the per-datagram work is
 * what limits.
 */
#include "proto/iperf2_udp.h"

static void sample(void *ctx)
{
    struct rig_iperf2_udp_rx *rx = ctx;
    struct rig_iperf2_counts *total = &rx->meter.total;
    total->datagrams = rig_seq_expected(&rx->seq);
    total->lost = (int64_t)rig_seq_lost(&rx->seq);
    total->out_of_order = rx->seq.out_of_order;
    total->duplicated = rx->seq.duplicated;
    rx->meter.jitter_ns = rx->jitter.jitter_ns;
}

void rig_iperf2_udp_rx_init(struct rig_iperf2_udp_rx *rx, struct rig_iperf2_run *run,
                            struct rig_udp *udp)
{
    rig_iperf2_meter_init(&rx->meter, run, NULL, false);
    rx->udp = udp;
    rx->dropped_before = rig_udp_rx_dropped(udp);
    rx->meter.sample = sample;
    rx->meter.ctx = rx;
    rig_seq_init(&rx->seq, 1);
    rig_jitter_init(&rx->jitter);
    rx->started = rx->ended = rx->seq64 = false;
    rx->progress_ns = rig_loop_now(run->loop);
}

void rig_iperf2_udp_rx_fini(struct rig_iperf2_udp_rx *rx)
{
    rig_iperf2_meter_fini(&rx->meter);
}

static void start(struct rig_iperf2_udp_rx *rx, const struct rig_udp_train *train, rig_ns_t now_ns)
{
    struct rig_iperf2_datagram first;
    rx->seq64 = rig_iperf2_udp_is_64bit(train->data, train->stride_bytes);
    if (rig_iperf2_udp_read(&first, train->data, train->stride_bytes, rx->seq64) && first.id == 0)
        rig_seq_init(&rx->seq, 0);
    rx->started = true;
    rig_iperf2_meter_start(&rx->meter, now_ns);
}

/* A run of consecutive ids that have not been handed to the sequence tracker yet. */
struct run_of_ids {
    int64_t first;
    uint32_t n;
};

static void run_flush(struct rig_iperf2_udp_rx *rx, struct run_of_ids *run)
{
    if (run->n)
        rig_seq_add_run(&rx->seq, run->first, run->n);
    run->n = 0;
}

static void run_add(struct rig_iperf2_udp_rx *rx, struct run_of_ids *run, int64_t id)
{
    if (run->n && id == run->first + run->n) {
        run->n++;
        return;
    }
    run_flush(rx, run);
    run->first = id;
    run->n = 1;
}

/* One datagram; false if it was the final one, or is none of ours. */
static bool take(struct rig_iperf2_udp_rx *rx, struct run_of_ids *run,
                 const struct rig_iperf2_datagram *datagram, rig_ns_t rx_wall_ns)
{
    int64_t id = datagram->id;
    if (id < 0) {
        rx->ended = true;
        id = -id;
    }
    run_add(rx, run, id);
    if (datagram->sent_wall_ns) {
        int64_t transit_ns = (int64_t)(rx_wall_ns - datagram->sent_wall_ns);
        rig_jitter_add(&rx->jitter, transit_ns);
        rig_stats_add(&rx->meter.transit_interval_s, (double)transit_ns / 1e9);
    }
    return !rx->ended;
}

void rig_iperf2_udp_rx_train(struct rig_iperf2_udp_rx *rx, const struct rig_udp_train *train)
{
    rig_ns_t now_ns = rig_loop_now(rx->meter.run->loop);
    if (rx->ended || !train->len_bytes)
        return;
    if (!rx->started)
        start(rx, train, now_ns);
    rig_iperf2_meter_at(&rx->meter, now_ns);
    rx->progress_ns = now_ns;
    rx->meter.total.ops++;

    struct run_of_ids run = {0};
    for (uint32_t at = 0; at < train->len_bytes; at += train->stride_bytes) {
        uint32_t len = train->len_bytes - at;
        if (len > train->stride_bytes)
            len = train->stride_bytes;
        struct rig_iperf2_datagram datagram;
        if (!rig_iperf2_udp_read(&datagram, train->data + at, len, rx->seq64))
            continue;
        rx->meter.total.bytes += len;
        if (!take(rx, &run, &datagram, train->rx_wall_ns))
            break;
    }
    run_flush(rx, &run);
    if (rx->ended)
        rig_iperf2_udp_rx_finish(rx, now_ns);
}

/* Loss that happened in this host's socket is not the network's: the user is to know. */
static void tell_own_drops(struct rig_iperf2_udp_rx *rx)
{
    uint64_t dropped = rig_udp_rx_dropped(rx->udp) - rx->dropped_before;
    if (!dropped)
        return;
    rig_iperf2_run_warn(rx->meter.run, &rx->meter.base,
                        "flow %u: this host's socket buffer of %u bytes overflowed %llu times (a "
                        "train of datagrams counts once): that loss is the receiver's, not the "
                        "network's",
                        rx->meter.base.id, rig_udp_window(rx->udp, false),
                        (unsigned long long)dropped);
}

void rig_iperf2_udp_rx_finish(struct rig_iperf2_udp_rx *rx, rig_ns_t end_ns)
{
    if (!rx->meter.running)
        return;
    rig_iperf2_meter_finish(&rx->meter, end_ns);
    tell_own_drops(rx);
}

void rig_iperf2_udp_rx_answer(const struct rig_iperf2_udp_rx *rx,
                              uint8_t out[static RIG_IPERF2_REPORT_BYTES])
{
    const struct rig_iperf2_meter *meter = &rx->meter;
    const struct rig_stats *transit = &meter->transit_s;
    struct rig_iperf2_server_report report = {
        .bytes = meter->total.bytes,
        .duration_ns = meter->cut_ns - meter->start_ns,
        .lost = rig_seq_lost(&rx->seq),
        .out_of_order = rx->seq.out_of_order,
        .datagrams = rig_seq_expected(&rx->seq),
        .jitter_ns = rx->jitter.jitter_ns,
        .has_transit = transit->count && (meter->run->config.enhanced || meter->base.trip_times),
    };
    if (report.has_transit) {
        report.transit_min_s = transit->min;
        report.transit_max_s = transit->max;
        report.transit_mean_s = transit->mean;
        report.transit_sum_s = transit->mean * (double)transit->count;
        report.transit_m2_s2 = transit->m2;
        report.transit_count = transit->count;
    }
    rig_iperf2_report_write(out, &report, 0);
}
