/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/jitter.h"

void rig_jitter_init(struct rig_jitter *jitter)
{
    *jitter = (struct rig_jitter){0};
}

/* Transit times come from a peer's stamps and may lie anywhere, so their distance is taken in
 * unsigned whole nanoseconds first: as doubles, two epoch times would be 256 ns coarse. */
void rig_jitter_add(struct rig_jitter *jitter, int64_t transit_ns)
{
    int64_t last_ns = jitter->last_transit_ns;
    jitter->last_transit_ns = transit_ns;
    if (!jitter->started) {
        jitter->started = true;
        return;
    }
    uint64_t change_ns = transit_ns > last_ns ? (uint64_t)transit_ns - (uint64_t)last_ns
                                              : (uint64_t)last_ns - (uint64_t)transit_ns;
    jitter->jitter_ns += ((double)change_ns - jitter->jitter_ns) / 16;
}
