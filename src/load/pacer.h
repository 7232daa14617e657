/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pacer: packet k is due at start + k / rate on the monotonic clock, whatever happened to
 * the packets before it. It never sleeps and never drifts: it says how many packets are due now
 * and when the next one will be. A sender that fell behind catches up at once, up to `burst`
 * packets a call. The error of each departure (late only) is kept.
 */
#ifndef RIG_LOAD_PACER_H
#define RIG_LOAD_PACER_H

#include "base/clock.h"
#include "base/stats.h"

#include <stdint.h>

struct rig_pacer {
    rig_ns_t start_ns;
    double interval_ns; /* between packets; 0: unlimited */
    uint64_t sent;
    uint64_t skipped; /* of the schedule given up because the sender was more than a second late */
    struct rig_stats late_ns; /* departure minus due time, one sample a call that sent */
};

/* rate_pps 0: unlimited. */
void rig_pacer_init(struct rig_pacer *pacer, double rate_pps, rig_ns_t start_ns);
/* How many packets are due at `now`, at most `burst`. */
uint32_t rig_pacer_due(const struct rig_pacer *pacer, rig_ns_t now_ns, uint32_t burst);
/* `n` packets left at `now`. */
void rig_pacer_sent(struct rig_pacer *pacer, rig_ns_t now_ns, uint32_t n);
/* When the next packet is due; `now` if one is due already or the rate is unlimited. */
rig_ns_t rig_pacer_next(const struct rig_pacer *pacer, rig_ns_t now_ns);

#endif
