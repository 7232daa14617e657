/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_meter.h"

#include <string.h>

static void counts_add(struct rig_iperf2_counts *a, const struct rig_iperf2_counts *b)
{
    a->bytes += b->bytes;
    a->datagrams += b->datagrams;
    a->lost += b->lost;
    a->out_of_order += b->out_of_order;
    a->duplicated += b->duplicated;
    a->ops += b->ops;
    a->op_errors += b->op_errors;
    a->retransmits += b->retransmits;
    for (int i = 0; i < RIG_IPERF2_READ_BINS; i++)
        a->read_bins[i] += b->read_bins[i];
}

static struct rig_iperf2_counts counts_since(const struct rig_iperf2_counts *now,
                                             const struct rig_iperf2_counts *then)
{
    struct rig_iperf2_counts d = *now;
    d.bytes -= then->bytes;
    d.datagrams -= then->datagrams;
    d.lost -= then->lost;
    d.out_of_order -= then->out_of_order;
    d.duplicated -= then->duplicated;
    d.ops -= then->ops;
    d.op_errors -= then->op_errors;
    d.retransmits -= then->retransmits;
    for (int i = 0; i < RIG_IPERF2_READ_BINS; i++)
        d.read_bins[i] -= then->read_bins[i];
    return d;
}

static bool counts_empty(const struct rig_iperf2_counts *counts)
{
    static const struct rig_iperf2_counts zero;
    return memcmp(counts, &zero, sizeof(zero)) == 0;
}

/* ---- groups ---- */

void rig_iperf2_group_init(struct rig_iperf2_group *group, struct rig_iperf2_run *run,
                           bool is_sender)
{
    *group = (struct rig_iperf2_group){.run = run, .is_sender = is_sender};
}

static void group_report(struct rig_iperf2_group *group, enum rig_iperf2_event event,
                         uint32_t n_flows, const struct rig_iperf2_report *line)
{
    struct rig_iperf2_report report = *line;
    report.event = event;
    report.n_flows = n_flows;
    report.is_sender = group->is_sender;
    report.is_server = group->run->is_server;
    report.udp = group->run->config.udp;
    rig_stats_init(&report.transit_s);
    rig_stats_init(&report.pacing_late_ns);
    rig_iperf2_run_report(group->run, &report);
}

static void slot_flush(struct rig_iperf2_group *group, uint32_t i)
{
    /* One flow that outlives the others still belongs to the sum: intervals add up to its result.
     */
    if (group->slots[i].index && group->joined > 1) {
        rig_ns_t start_ns = (group->slots[i].index - 1) * group->run->config.interval_ns;
        struct rig_iperf2_report line = {
            .start_ns = start_ns,
            .end_ns = start_ns + group->slots[i].span_ns,
            .counts = group->slots[i].counts,
        };
        group_report(group, RIG_IPERF2_SUM_INTERVAL, group->slots[i].n_flows, &line);
    }
    group->slots[i].index = 0;
}

/* Report what still waits for slower flows, oldest first, up to but not with `limit`. */
static void slots_flush_below(struct rig_iperf2_group *group, uint64_t limit)
{
    for (;;) {
        uint32_t oldest = RIG_IPERF2_GROUP_SLOTS;
        uint64_t index = limit;
        for (uint32_t i = 0; i < RIG_IPERF2_GROUP_SLOTS; i++) {
            if (group->slots[i].index && group->slots[i].index < index) {
                oldest = i;
                index = group->slots[i].index;
            }
        }
        if (oldest == RIG_IPERF2_GROUP_SLOTS)
            return;
        slot_flush(group, oldest);
    }
}

/* `late_ns`: of the flow's start behind the group's. Its line goes to the nearest interval. */
static void group_interval(struct rig_iperf2_group *group, rig_ns_t late_ns,
                           const struct rig_iperf2_report *line)
{
    rig_ns_t interval_ns = group->run->config.interval_ns;
    uint64_t index = (late_ns + line->start_ns + interval_ns / 2) / interval_ns + 1;
    rig_ns_t span_ns = line->end_ns - line->start_ns;
    uint32_t i = (uint32_t)(index % RIG_IPERF2_GROUP_SLOTS);
    if (group->slots[i].index != index) {
        slot_flush(group, i);
        memset(&group->slots[i], 0, sizeof(group->slots[i]));
        group->slots[i].index = index;
    }
    group->slots[i].n_flows++;
    if (span_ns > group->slots[i].span_ns)
        group->slots[i].span_ns = span_ns;
    counts_add(&group->slots[i].counts, &line->counts);
    if (group->slots[i].n_flows >= group->running)
        slots_flush_below(group, index + 1);
}

static void group_join(struct rig_iperf2_group *group, rig_ns_t start_ns)
{
    if (!group->running) {
        group->joined = 0;
        group->start_ns = start_ns;
        group->end_ns = start_ns;
        memset(&group->total, 0, sizeof(group->total));
    }
    group->joined++;
    group->running++;
}

static void group_leave(struct rig_iperf2_group *group, rig_ns_t end_ns,
                        const struct rig_iperf2_report *result)
{
    counts_add(&group->total, &result->counts);
    if (end_ns > group->end_ns)
        group->end_ns = end_ns;
    if (--group->running)
        return;
    slots_flush_below(group, UINT64_MAX);
    if (group->joined < 2)
        return;
    struct rig_iperf2_report line = {.end_ns = group->end_ns - group->start_ns,
                                     .counts = group->total};
    group_report(group, RIG_IPERF2_SUM_RESULT, group->joined, &line);
}

/* ---- meters ---- */

static rig_ns_t next_cut(const struct rig_iperf2_meter *meter)
{
    return meter->start_ns + meter->index * meter->run->config.interval_ns;
}

static void on_timer(void *ctx)
{
    struct rig_iperf2_meter *meter = ctx;
    rig_iperf2_meter_at(meter, rig_loop_now(meter->run->loop));
    if (meter->running)
        rig_loop_timer_set(meter->run->loop, &meter->timer, next_cut(meter));
}

void rig_iperf2_meter_init(struct rig_iperf2_meter *meter, struct rig_iperf2_run *run,
                           struct rig_iperf2_group *group, bool is_sender)
{
    memset(meter, 0, sizeof(*meter));
    meter->run = run;
    rig_iperf2_meter_join(meter, group);
    meter->base.is_sender = is_sender;
    meter->base.is_server = run->is_server;
    meter->base.udp = run->config.udp;
    rig_stats_init(&meter->transit_s);
    rig_stats_init(&meter->transit_interval_s);
    rig_stats_init(&meter->pacing_late_ns);
    rig_timer_init(&meter->timer, on_timer, meter);
}

void rig_iperf2_meter_join(struct rig_iperf2_meter *meter, struct rig_iperf2_group *group)
{
    meter->group = group;
    if (group)
        group->members++;
}

static void let_go_of_group(struct rig_iperf2_meter *meter)
{
    if (meter->group)
        meter->group->members--;
    meter->group = NULL;
}

void rig_iperf2_meter_identify(struct rig_iperf2_meter *meter, uint32_t id,
                               const struct rig_endpoint *local, const struct rig_endpoint *peer)
{
    meter->base.id = id;
    meter->base.local = *local;
    meter->base.peer = *peer;
}

void rig_iperf2_meter_connected(struct rig_iperf2_meter *meter, uint32_t id,
                                const struct rig_endpoint *local, const struct rig_endpoint *peer,
                                uint32_t window_bytes)
{
    rig_iperf2_meter_identify(meter, id, local, peer);
    struct rig_iperf2_report report = meter->base;
    report.event = RIG_IPERF2_CONNECTED;
    report.window_bytes = window_bytes;
    rig_iperf2_run_report(meter->run, &report);
}

void rig_iperf2_meter_start(struct rig_iperf2_meter *meter, rig_ns_t now_ns)
{
    meter->running = true;
    meter->start_ns = now_ns;
    meter->cut_ns = now_ns;
    meter->index = 1;
    if (meter->group)
        group_join(meter->group, now_ns);
    if (meter->run->config.interval_ns)
        rig_loop_timer_set(meter->run->loop, &meter->timer, next_cut(meter));
}

static struct rig_iperf2_report make_line(const struct rig_iperf2_meter *meter,
                                          enum rig_iperf2_event event, rig_ns_t from_ns,
                                          rig_ns_t to_ns)
{
    struct rig_iperf2_report line = meter->base;
    line.event = event;
    line.n_flows = 1;
    line.start_ns = from_ns - meter->start_ns;
    line.end_ns = to_ns - meter->start_ns;
    line.jitter_ns = meter->jitter_ns;
    line.has_info = meter->has_info;
    line.info = meter->info;
    return line;
}

static void report_interval(struct rig_iperf2_meter *meter, rig_ns_t to_ns)
{
    struct rig_iperf2_report line = make_line(meter, RIG_IPERF2_INTERVAL, meter->cut_ns, to_ns);
    line.counts = counts_since(&meter->total, &meter->at_cut);
    line.transit_s = meter->transit_interval_s;

    meter->at_cut = meter->total;
    meter->cut_ns = to_ns;
    meter->index++;
    rig_stats_merge(&meter->transit_s, &meter->transit_interval_s);
    rig_stats_init(&meter->transit_interval_s);
    rig_iperf2_run_report(meter->run, &line);
    if (meter->group)
        group_interval(meter->group, meter->start_ns - meter->group->start_ns, &line);
}

void rig_iperf2_meter_cut(struct rig_iperf2_meter *meter, rig_ns_t now_ns)
{
    if (!meter->running)
        return;
    if (meter->sample)
        meter->sample(meter->ctx);
    while (next_cut(meter) <= now_ns)
        report_interval(meter, next_cut(meter));
}

void rig_iperf2_meter_finish(struct rig_iperf2_meter *meter, rig_ns_t end_ns)
{
    if (!meter->running)
        return;
    rig_iperf2_meter_at(meter, end_ns);
    if (end_ns < meter->cut_ns)
        end_ns = meter->cut_ns;
    if (meter->sample)
        meter->sample(meter->ctx);
    struct rig_iperf2_counts rest = counts_since(&meter->total, &meter->at_cut);
    if (meter->run->config.interval_ns && !counts_empty(&rest))
        report_interval(meter, end_ns);
    rig_stats_merge(&meter->transit_s, &meter->transit_interval_s);

    struct rig_iperf2_report result = make_line(meter, RIG_IPERF2_RESULT, meter->start_ns, end_ns);
    result.counts = meter->total;
    result.transit_s = meter->transit_s;
    result.pacing_late_ns = meter->pacing_late_ns;
    meter->running = false;
    meter->cut_ns = end_ns;
    rig_loop_timer_stop(meter->run->loop, &meter->timer);
    rig_iperf2_run_report(meter->run, &result);
    if (meter->group)
        group_leave(meter->group, end_ns, &result);
    let_go_of_group(meter);
}

void rig_iperf2_meter_fini(struct rig_iperf2_meter *meter)
{
    if (meter->running && meter->group)
        meter->group->running--;
    meter->running = false;
    let_go_of_group(meter);
    rig_loop_timer_stop(meter->run->loop, &meter->timer);
}
