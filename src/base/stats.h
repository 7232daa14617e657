/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running statistics of a stream of samples (Welford's method), and order statistics of a
 * small set. An empty set has no mean: the caller asks `count` first.
 */
#ifndef RIG_BASE_STATS_H
#define RIG_BASE_STATS_H

#include <stddef.h>
#include <stdint.h>

struct rig_stats {
    uint64_t count;
    double min;
    double max;
    double mean;
    double m2; /* sum of squared distances from the mean */
};

void rig_stats_init(struct rig_stats *stats);
void rig_stats_add(struct rig_stats *stats, double sample);
/* Add all that `other` has seen (Chan et al., parallel variance). */
void rig_stats_merge(struct rig_stats *stats, const struct rig_stats *other);
/* Sample standard deviation; 0 below two samples. */
double rig_stats_stddev(const struct rig_stats *stats);

/* Smallest x with F(x) >= p (RFC 2330 section 11.3), p in (0, 1]. Sorts `samples` in place; n > 0.
 */
double rig_stats_percentile(double *samples, size_t n, double p);
/* The median as usually reported: the mean of the middle two when n is even. Sorts; n > 0. */
double rig_stats_median(double *samples, size_t n);

#endif
