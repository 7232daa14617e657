/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/stats.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX 200

static void check_near(double value, double want, double relative)
{
    if (fabs(value - want) > relative * fmax(1, fabs(want)))
        fail_msg("%.17g, not %.17g", value, want);
}

/* The textbook's two passes. */
static void check_against_two_passes(const struct rig_stats *stats, const double *samples, size_t n)
{
    double sum = 0, squares = 0, min = samples[0], max = samples[0];
    for (size_t i = 0; i < n; i++) {
        sum += samples[i];
        min = fmin(min, samples[i]);
        max = fmax(max, samples[i]);
    }
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (samples[i] - mean) * (samples[i] - mean);
    assert_int_equal(stats->count, n);
    assert_true(stats->min == min && stats->max == max);
    check_near(stats->mean, mean, 1e-12);
    check_near(rig_stats_stddev(stats), n < 2 ? 0 : sqrt(squares / (double)(n - 1)), 1e-9);
}

static size_t random_samples(struct rig_prng *prng, double samples[static N_MAX])
{
    size_t n = 1 + rig_prng_below(prng, N_MAX);
    double offset = (double)rig_prng_below(prng, 1000) - 500;
    uint64_t spread = 1 + rig_prng_below(prng, 1000);
    for (size_t i = 0; i < n; i++)
        samples[i] = offset + (double)rig_prng_below(prng, spread) / 4;
    return n;
}

static void a_stream_has_the_moments_of_its_samples(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 1);
    for (int round = 0; round < 2000; round++) {
        double samples[N_MAX];
        size_t n = random_samples(&prng, samples);
        struct rig_stats stats;
        rig_stats_init(&stats);
        for (size_t i = 0; i < n; i++)
            rig_stats_add(&stats, samples[i]);
        check_against_two_passes(&stats, samples, n);
    }
}

static void merged_parts_equal_the_whole(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 2);
    for (int round = 0; round < 2000; round++) {
        double samples[N_MAX];
        size_t n = random_samples(&prng, samples);
        size_t cut = rig_prng_below(&prng, n + 1);
        struct rig_stats part[2];
        rig_stats_init(&part[0]);
        rig_stats_init(&part[1]);
        for (size_t i = 0; i < n; i++)
            rig_stats_add(&part[i >= cut], samples[i]);
        rig_stats_merge(&part[0], &part[1]);
        check_against_two_passes(&part[0], samples, n);
    }
}

/* The naive sum of squares would lose all digits here. */
static void a_large_offset_leaves_the_deviation_exact(void **state)
{
    (void)state;
    struct rig_stats stats;
    rig_stats_init(&stats);
    for (int i = 0; i < 1000000; i++)
        rig_stats_add(&stats, 1e12 + i % 2);
    check_near(rig_stats_stddev(&stats), 0.50000025, 1e-9);
}

static void no_sample_and_one_sample_have_no_deviation(void **state)
{
    (void)state;
    struct rig_stats stats;
    rig_stats_init(&stats);
    assert_int_equal(stats.count, 0);
    assert_true(rig_stats_stddev(&stats) == 0);
    rig_stats_add(&stats, -5);
    assert_true(rig_stats_stddev(&stats) == 0 && stats.min == -5 && stats.max == -5);
}

static int compare(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* RFC 2330's definition, word by word: the smallest sample x with #(samples <= x) / n >= p. */
static double naive_percentile(const double *samples, size_t n, double p)
{
    double best = INFINITY;
    for (size_t i = 0; i < n; i++) {
        size_t at_most = 0;
        for (size_t j = 0; j < n; j++)
            at_most += samples[j] <= samples[i];
        if ((double)at_most / (double)n >= p)
            best = fmin(best, samples[i]);
    }
    return best;
}

static void percentile_is_the_smallest_sample_that_reaches_p(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 3);
    for (int round = 0; round < 1000; round++) {
        double samples[N_MAX], sorted[N_MAX];
        size_t n = random_samples(&prng, samples);
        for (unsigned hundredths = 1; hundredths <= 100; hundredths += 9) {
            double p = hundredths / 100.0;
            memcpy(sorted, samples, sizeof(sorted));
            assert_true(rig_stats_percentile(sorted, n, p) == naive_percentile(samples, n, p));
        }
    }
}

/* 0.07 * 100 is 7.000000000000001 in doubles; the 7 % percentile of 1..100 is 7 all the same. */
static void percentiles_of_one_to_a_hundred_are_the_percents(void **state)
{
    (void)state;
    for (int percent = 1; percent <= 100; percent++) {
        double samples[100];
        for (int i = 0; i < 100; i++)
            samples[i] = 100 - i;
        assert_true(rig_stats_percentile(samples, 100, percent / 100.0) == percent);
    }
}

static void percentiles_outside_of_their_range_are_the_extremes(void **state)
{
    (void)state;
    double samples[] = {3, 1, 2};
    assert_true(rig_stats_percentile(samples, 3, 0) == 1);
    assert_true(rig_stats_percentile(samples, 3, -1) == 1);
    assert_true(rig_stats_percentile(samples, 3, 7) == 3);
}

static void samples_are_sorted_in_place(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 4);
    for (int round = 0; round < 2000; round++) {
        double samples[N_MAX], want[N_MAX];
        size_t n = random_samples(&prng, samples);
        memcpy(want, samples, sizeof(want));
        qsort(want, n, sizeof(want[0]), compare);
        rig_stats_median(samples, n);
        assert_memory_equal(samples, want, n * sizeof(want[0]));
    }
}

static void median_of_an_even_set_is_the_mean_of_the_middle_two(void **state)
{
    (void)state;
    double one[] = {4}, two[] = {8, 4}, three[] = {9, 1, 5}, four[] = {9, 1, 5, 2};
    assert_true(rig_stats_median(one, 1) == 4);
    assert_true(rig_stats_median(two, 2) == 6);
    assert_true(rig_stats_median(three, 3) == 5);
    assert_true(rig_stats_median(four, 4) == 3.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_the_moments_of_its_samples),
        cmocka_unit_test(merged_parts_equal_the_whole),
        cmocka_unit_test(a_large_offset_leaves_the_deviation_exact),
        cmocka_unit_test(no_sample_and_one_sample_have_no_deviation),
        cmocka_unit_test(percentile_is_the_smallest_sample_that_reaches_p),
        cmocka_unit_test(percentiles_of_one_to_a_hundred_are_the_percents),
        cmocka_unit_test(percentiles_outside_of_their_range_are_the_extremes),
        cmocka_unit_test(samples_are_sorted_in_place),
        cmocka_unit_test(median_of_an_even_set_is_the_mean_of_the_middle_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
