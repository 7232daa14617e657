/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A meter counts one flow in one direction and cuts its counts into intervals; a group adds
 * up the flows that run together. The owner adds to `total`; everything that is reported is a
 * difference of totals, so intervals always add up to the result.
 */
#ifndef RIG_PROTO_IPERF2_METER_H
#define RIG_PROTO_IPERF2_METER_H

#include "proto/iperf2_run.h"

#define RIG_IPERF2_GROUP_SLOTS 8 /* intervals that flows of a group may be apart */

struct rig_iperf2_group {
    struct rig_iperf2_run *run;
    bool is_sender;
    uint32_t members; /* meters that point here, also before they start */
    uint32_t joined;  /* flows that ran in it since it was last empty */
    uint32_t running;
    rig_ns_t start_ns; /* of the first */
    rig_ns_t end_ns;   /* of the last */
    struct rig_iperf2_counts total;
    struct {
        uint64_t index; /* 1-based number of the interval; 0: free */
        uint32_t n_flows;
        rig_ns_t span_ns; /* of the longest line: the last interval may be short */
        struct rig_iperf2_counts counts;
    } slots[RIG_IPERF2_GROUP_SLOTS];
};

void rig_iperf2_group_init(struct rig_iperf2_group *group, struct rig_iperf2_run *run,
                           bool is_sender);

struct rig_iperf2_meter {
    struct rig_iperf2_run *run;
    struct rig_iperf2_group *group;
    struct rig_iperf2_report base; /* what all lines of this flow have in common */
    void (*sample)(void *ctx);     /* bring `total` and the other figures up to date; may be NULL */
    void *ctx;
    struct rig_timer timer;
    bool running;
    rig_ns_t start_ns;
    rig_ns_t cut_ns; /* start of the interval that runs; the end, once finished */
    uint64_t index;  /* its 1-based number */
    struct rig_iperf2_counts total;
    struct rig_iperf2_counts at_cut;
    struct rig_stats transit_s;          /* of all */
    struct rig_stats transit_interval_s; /* of the interval that runs */
    double jitter_ns;
    bool has_info;
    struct rig_stream_info info;
    struct rig_stats pacing_late_ns;
};

void rig_iperf2_meter_init(struct rig_iperf2_meter *meter, struct rig_iperf2_run *run,
                           struct rig_iperf2_group *group, bool is_sender);
/* Be added up with the flows of `group` (or NULL) from the start on. Once for a meter. */
void rig_iperf2_meter_join(struct rig_iperf2_meter *meter, struct rig_iperf2_group *group);
/* Take the number and the endpoints. */
void rig_iperf2_meter_identify(struct rig_iperf2_meter *meter, uint32_t id,
                               const struct rig_endpoint *local, const struct rig_endpoint *peer);
/* The same, and report CONNECTED. */
void rig_iperf2_meter_connected(struct rig_iperf2_meter *meter, uint32_t id,
                                const struct rig_endpoint *local, const struct rig_endpoint *peer,
                                uint32_t window_bytes);
void rig_iperf2_meter_start(struct rig_iperf2_meter *meter, rig_ns_t now_ns);
/* Cut the intervals that ended by `now`: call it before adding what came after. */
static inline void rig_iperf2_meter_at(struct rig_iperf2_meter *meter, rig_ns_t now_ns);
/* Report the rest as a last interval, and the result. No effect if not running. */
void rig_iperf2_meter_finish(struct rig_iperf2_meter *meter, rig_ns_t end_ns);
/* Stop without a report. */
void rig_iperf2_meter_fini(struct rig_iperf2_meter *meter);

/* For rig_iperf2_meter_at alone. */
void rig_iperf2_meter_cut(struct rig_iperf2_meter *meter, rig_ns_t now_ns);

static inline void rig_iperf2_meter_at(struct rig_iperf2_meter *meter, rig_ns_t now_ns)
{
    rig_ns_t interval_ns = meter->run->config.interval_ns;
    if (interval_ns && now_ns >= meter->start_ns + meter->index * interval_ns)
        rig_iperf2_meter_cut(meter, now_ns);
}

#endif
