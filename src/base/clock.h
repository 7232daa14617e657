/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's clocks. Declared here, defined once for each platform
 * (clock_linux.c on a host, guest/platform for the image).
 *
 * All scheduling and all rates use the monotonic clock. The wall clock exists only
 * because iperf's wire format carries epoch times and captures carry stamps.
 */
#ifndef RIG_BASE_CLOCK_H
#define RIG_BASE_CLOCK_H

#include <stdint.h>

typedef uint64_t rig_ns_t; /* nanoseconds */

#define RIG_NS_PER_US 1000ull
#define RIG_NS_PER_MS 1000000ull
#define RIG_NS_PER_S  1000000000ull

/* Nanoseconds of a clock that never goes back and is not slewed by more than NTP's rate. */
rig_ns_t rig_clock_ns(void);

/* Nanoseconds since the epoch (may step). */
rig_ns_t rig_clock_wall_ns(void);

#endif
