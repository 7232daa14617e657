/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log-linear histogram of unsigned values (nanoseconds, mostly), in the manner of
 * HdrHistogram: every power of two is cut into 2^RIG_HIST_SUB_BITS equal parts, so a value
 * is known to better than 0.1 %. Fixed memory, no allocation, 64-bit counts, values from 0
 * to RIG_HIST_MAX; larger ones are counted in the last cell and remembered in `max`.
 */
#ifndef RIG_BASE_HIST_H
#define RIG_BASE_HIST_H

#include <stdint.h>

#define RIG_HIST_SUB_BITS 10
#define RIG_HIST_MAX_BITS 40 /* 2^40 ns: 18 minutes */
#define RIG_HIST_MAX      ((1ull << RIG_HIST_MAX_BITS) - 1)
#define RIG_HIST_CELLS    ((RIG_HIST_MAX_BITS - RIG_HIST_SUB_BITS + 1) << RIG_HIST_SUB_BITS)

struct rig_hist {
    uint64_t count;
    uint64_t min;
    uint64_t max;
    double sum;
    uint64_t cells[RIG_HIST_CELLS];
};

void rig_hist_init(struct rig_hist *hist);
void rig_hist_add(struct rig_hist *hist, uint64_t value);
void rig_hist_merge(struct rig_hist *hist, const struct rig_hist *other);
/* Smallest recorded value x with F(x) >= p, p in (0, 1], as the top of its cell but never
 * above the true maximum; 0 when empty. */
uint64_t rig_hist_percentile(const struct rig_hist *hist, double p);
double rig_hist_mean(const struct rig_hist *hist);

#endif
