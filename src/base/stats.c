/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/stats.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

void rig_stats_init(struct rig_stats *stats)
{
    *stats = (struct rig_stats){0};
}

void rig_stats_add(struct rig_stats *stats, double sample)
{
    bool first = stats->count == 0;
    if (first || sample < stats->min)
        stats->min = sample;
    if (first || sample > stats->max)
        stats->max = sample;
    stats->count++;
    double before = sample - stats->mean;
    stats->mean += before / (double)stats->count;
    stats->m2 += before * (sample - stats->mean);
}

void rig_stats_merge(struct rig_stats *stats, const struct rig_stats *other)
{
    if (other->count == 0)
        return;
    if (stats->count == 0) {
        *stats = *other;
        return;
    }
    double n = (double)stats->count, m = (double)other->count;
    double apart = other->mean - stats->mean;
    stats->mean += apart * (m / (n + m));
    stats->m2 += other->m2 + apart * apart * (n * m / (n + m));
    stats->count += other->count;
    stats->min = other->min < stats->min ? other->min : stats->min;
    stats->max = other->max > stats->max ? other->max : stats->max;
}

double rig_stats_stddev(const struct rig_stats *stats)
{
    if (stats->count < 2)
        return 0;
    return sqrt(stats->m2 / (double)(stats->count - 1));
}

/* Let samples[root] sink until the heap of `n` has its largest on top again. */
static void sift_down(double *samples, size_t root, size_t n)
{
    double sinking = samples[root];
    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && samples[child + 1] > samples[child])
            child++;
        if (!(samples[child] > sinking))
            break;
        samples[root] = samples[child];
        root = child;
    }
    samples[root] = sinking;
}

/* Heapsort: in place, n log n at worst, and (unlike glibc's qsort) never allocates. */
static void sort(double *samples, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(samples, i, n);
    for (size_t end = n; end > 1; end--) {
        double largest = samples[0];
        samples[0] = samples[end - 1];
        samples[end - 1] = largest;
        sift_down(samples, 0, end - 1);
    }
}

/* p * n may be rounded across a whole number (0.07 * 100 > 7), so the rank is settled by the
 * definition itself: the smallest one with rank / n >= p. */
static size_t rank_of(size_t n, double p)
{
    double guess = p * (double)n;
    size_t rank = guess >= (double)n ? n : guess >= 1 ? (size_t)guess : 1;
    while (rank < n && (double)rank / (double)n < p)
        rank++;
    return rank;
}

double rig_stats_percentile(double *samples, size_t n, double p)
{
    assert(n > 0);
    sort(samples, n);
    return samples[rank_of(n, p) - 1];
}

double rig_stats_median(double *samples, size_t n)
{
    assert(n > 0);
    sort(samples, n);
    double upper = samples[n / 2];
    if (n % 2 == 1)
        return upper;
    double lower = samples[n / 2 - 1];
    return lower + (upper - lower) / 2;
}
