/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiving half of a conn.
 *
 *   reading the request -> counting -> end of stream
 *
 * A server does not know what a stream is before its first bytes: up to 256 of them may be a
 * request. A stream without one is plain data from its first byte. Once it is only data, it is
 * discarded where it lies (rig_stream_discard), unless --trip-times asked to look into every burst.
 * A server that sends bursts for -R puts a request in front of them, too, which a client skips.
 */
#include "proto/iperf2_conn.h"

#include <errno.h>
#include <string.h>

static void on_watchdog(void *ctx)
{
    struct rig_iperf2_conn *conn = ctx;
    rig_ns_t gone_ns = conn->rx.progress_ns + conn->rx.silence_ns;
    if (rig_loop_now(conn->run->loop) >= gone_ns)
        rig_iperf2_conn_end(conn, -ETIMEDOUT);
    else
        rig_loop_timer_set(conn->run->loop, &conn->rx.watchdog, gone_ns);
}

void rig_iperf2_conn_rx_init(struct rig_iperf2_conn *conn)
{
    rig_timer_init(&conn->rx.watchdog, on_watchdog, conn);
    rig_iperf2_meter_init(&conn->rx.meter, conn->run, NULL, false);
}

void rig_iperf2_conn_rx_fini(struct rig_iperf2_conn *conn)
{
    rig_loop_timer_stop(conn->run->loop, &conn->rx.watchdog);
    rig_iperf2_meter_fini(&conn->rx.meter);
    conn->rx.active = false;
}

void rig_iperf2_conn_receive(struct rig_iperf2_conn *conn, struct rig_iperf2_group *group,
                             bool bursts, rig_ns_t silence_ns)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    rx->active = true;
    rig_iperf2_meter_join(&rx->meter, group);
    rx->meter.base.trip_times = bursts;
    rx->bursts = bursts;
    rx->reading_request = bursts && !conn->events->requested;
    rx->head_len_bytes = 0;
    rx->progress_ns = rig_loop_now(conn->run->loop);
    rx->silence_ns = silence_ns;
    if (silence_ns)
        rig_loop_timer_set(conn->run->loop, &rx->watchdog, rx->progress_ns + silence_ns);
    rig_stream_discard(conn->stream, !bursts);
}

static void burst_ends(struct rig_iperf2_conn *conn)
{
    double transit_s = (double)(int64_t)(rig_clock_wall_ns() - conn->rx.burst_sent_wall_ns) / 1e9;
    rig_stats_add(&conn->rx.meter.transit_interval_s, transit_s);
}

static void burst_begins(struct rig_iperf2_conn *conn)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    struct rig_iperf2_burst burst;
    rx->head_len_bytes = 0;
    if (!rig_iperf2_burst_read(&burst, rx->head)) {
        /* Not a burst: what follows cannot be parsed either, but it can still be counted. */
        rx->bursts = false;
        rig_stream_discard(conn->stream, true);
        return;
    }
    rx->burst_left_bytes = burst.size_bytes - RIG_IPERF2_BURST_HDR_BYTES;
    rx->burst_sent_wall_ns = burst.sent_wall_ns;
    if (!rx->burst_left_bytes)
        burst_ends(conn);
}

static uint32_t fill_head(struct rig_iperf2_conn_rx *rx, const uint8_t *data, uint32_t len_bytes,
                          uint32_t need_bytes)
{
    uint32_t n = need_bytes - rx->head_len_bytes;
    if (n > len_bytes)
        n = len_bytes;
    memcpy(rx->head + rx->head_len_bytes, data, n);
    rx->head_len_bytes += n;
    return n;
}

static void parse_bursts(struct rig_iperf2_conn *conn, const uint8_t *data, uint32_t len_bytes)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    while (len_bytes && rx->bursts) {
        uint32_t n;
        if (rx->burst_left_bytes) {
            n = len_bytes < rx->burst_left_bytes ? len_bytes : rx->burst_left_bytes;
            rx->burst_left_bytes -= n;
            if (!rx->burst_left_bytes)
                burst_ends(conn);
        } else {
            n = fill_head(rx, data, len_bytes, RIG_IPERF2_BURST_HDR_BYTES);
            if (rx->head_len_bytes == RIG_IPERF2_BURST_HDR_BYTES)
                burst_begins(conn);
        }
        data += n;
        len_bytes -= n;
    }
}

static void count(struct rig_iperf2_conn *conn, uint32_t len_bytes)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    rig_ns_t now_ns = rig_loop_now(conn->run->loop);
    if (!rx->meter.running)
        rig_iperf2_meter_start(&rx->meter, now_ns);
    rig_iperf2_meter_at(&rx->meter, now_ns);
    rx->progress_ns = now_ns;
    rx->meter.total.bytes += len_bytes;
    rx->meter.total.ops++;
    uint64_t bin = (uint64_t)len_bytes * RIG_IPERF2_READ_BINS / (conn->run->config.len_bytes + 1u);
    rx->meter.total.read_bins[bin < RIG_IPERF2_READ_BINS ? bin : RIG_IPERF2_READ_BINS - 1]++;
}

/* An error that a write meets comes only as its answer. */
static int acknowledge(struct rig_iperf2_conn *conn, const struct rig_iperf2_request *request)
{
    uint8_t ack[RIG_IPERF2_ACK_MAX_BYTES];
    uint32_t len = rig_iperf2_ack_write(ack, request, conn->accepted_wall_ns, rig_clock_wall_ns());
    int64_t n = rig_stream_write(conn->stream, ack, len);
    return n < 0 ? (int)n : 0;
}

/* A client knows what it asked for: the request that it gets is only taken off the stream. What is
 * none is the first burst's head. */
static void skip_request(struct rig_iperf2_conn *conn, bool has_request)
{
    if (has_request)
        conn->rx.head_len_bytes = 0;
    conn->rx.reading_request = false;
}

/* All of the request is there, or there is none. `head_len` bytes of the stream are held. False:
 * the conn is over and may be freed. */
static bool request_complete(struct rig_iperf2_conn *conn, bool has_request)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    struct rig_iperf2_request request = {.test = RIG_IPERF2_NORMAL};
    uint32_t held_bytes = rx->head_len_bytes;
    if (!conn->events->requested) {
        skip_request(conn, has_request);
        if (held_bytes)
            count(conn, held_bytes);
        return true;
    }
    rx->reading_request = false;
    int rc = 0;
    if (has_request && rig_iperf2_tcp_request_read(&request, rx->head, held_bytes) &&
        request.wants_ack && !conn->run->config.compatible)
        rc = acknowledge(conn, &request);
    if (rc < 0) {
        rig_iperf2_conn_end(conn, rc);
        return false;
    }
    conn->events->requested(conn->ctx, conn, &request);
    if (rx->active)
        count(conn, held_bytes);
    return true;
}

/* Takes from `data` what belongs to the request (or is held to find out). False: the conn is over
 * and may be freed. */
static bool read_request(struct rig_iperf2_conn *conn, const uint8_t **data, uint32_t *len_bytes)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    uint32_t used =
        fill_head(rx, *data, *len_bytes, rx->head_len_bytes < 4 ? 4 : rx->head_len_bytes);
    int32_t need = rig_iperf2_tcp_request_len(rx->head, rx->head_len_bytes);
    if (need > 0 && (uint32_t)need > rx->head_len_bytes)
        used += fill_head(rx, *data + used, *len_bytes - used, (uint32_t)need);
    *data += used;
    *len_bytes -= used;
    if (!need || (need > 0 && (uint32_t)need > rx->head_len_bytes))
        return true;
    return request_complete(conn, need > 0);
}

void rig_iperf2_conn_rx_readable(struct rig_iperf2_conn *conn, const uint8_t *data,
                                 uint32_t len_bytes)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    if (rx->reading_request && !read_request(conn, &data, &len_bytes))
        return;
    if (!rx->active || !len_bytes)
        return;
    count(conn, len_bytes);
    if (data && rx->bursts)
        parse_bursts(conn, data, len_bytes);
}

void rig_iperf2_conn_rx_eof(struct rig_iperf2_conn *conn)
{
    struct rig_iperf2_conn_rx *rx = &conn->rx;
    /* Gone before it said what it wanted: fewer bytes than a request, counted as data. */
    if (rx->reading_request && !request_complete(conn, false))
        return;
    if (rx->active) {
        rig_iperf2_meter_finish(&rx->meter, rig_loop_now(conn->run->loop));
        rig_iperf2_conn_rx_fini(conn);
    }
    rig_iperf2_conn_check_done(conn);
}
