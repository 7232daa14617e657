/* SPDX-License-Identifier: BSD-2-Clause */
/* Interarrival jitter (RFC 3550 section 6.4.1): J += (|D| - J) / 16, D the change of transit time
 * between one packet and the one before. The clocks' offset cancels. */
#ifndef RIG_LOAD_JITTER_H
#define RIG_LOAD_JITTER_H

#include <stdbool.h>
#include <stdint.h>

struct rig_jitter {
    double jitter_ns;
    int64_t last_transit_ns;
    bool started;
};

void rig_jitter_init(struct rig_jitter *jitter);
void rig_jitter_add(struct rig_jitter *jitter, int64_t transit_ns);

#endif
