/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

#include <time.h>

static rig_ns_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (rig_ns_t)ts.tv_sec * RIG_NS_PER_S + (rig_ns_t)ts.tv_nsec;
}

rig_ns_t rig_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

rig_ns_t rig_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
