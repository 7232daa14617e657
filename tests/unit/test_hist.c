/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hist.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX 500

static struct rig_hist *new_hist(void)
{
    struct rig_hist *hist = malloc(sizeof(*hist));
    assert_non_null(hist);
    rig_hist_init(hist);
    return hist;
}

/* A histogram that saw `value` and, so that the true maximum hides nothing, one far above. */
static uint64_t cell_top_of(struct rig_hist *hist, uint64_t value)
{
    rig_hist_init(hist);
    rig_hist_add(hist, value);
    rig_hist_add(hist, RIG_HIST_MAX);
    return rig_hist_percentile(hist, 0.5);
}

static void every_value_is_known_better_than_a_thousandth(void **state)
{
    (void)state;
    struct rig_hist *hist = new_hist();
    struct rig_prng prng;
    rig_prng_init(&prng, 1);
    for (int round = 0; round < 3000; round++) {
        uint64_t value =
            rig_prng_u64(&prng) >> (64 - RIG_HIST_MAX_BITS + rig_prng_below(&prng, 40));
        uint64_t top = cell_top_of(hist, value);
        if (top < value || top - value > value / 1000)
            fail_msg("%" PRIu64 " is told as %" PRIu64, value, top);
    }
    free(hist);
}

static void values_below_2048_are_exact(void **state)
{
    (void)state;
    struct rig_hist *hist = new_hist();
    for (uint64_t value = 0; value < 2048; value += 7)
        assert_true(cell_top_of(hist, value) == value);
    assert_true(cell_top_of(hist, 2047) == 2047);
    assert_true(cell_top_of(hist, 2048) == 2049);
    free(hist);
}

/* Neighbouring cells must neither overlap nor leave a gap, at each power of two most of all. */
static void cells_adjoin_at_every_power_of_two(void **state)
{
    (void)state;
    struct rig_hist *hist = new_hist();
    for (unsigned bits = 1; bits < RIG_HIST_MAX_BITS; bits++) {
        uint64_t edge = 1ull << bits;
        assert_true(cell_top_of(hist, edge - 1) == edge - 1);
        uint64_t top = cell_top_of(hist, edge);
        assert_true(cell_top_of(hist, top) == top);
        assert_true(cell_top_of(hist, top + 1) > top + (top - edge));
    }
    free(hist);
}

static int compare(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void check_percentiles(const struct rig_hist *hist, const uint64_t *sorted, size_t n)
{
    for (unsigned percent = 1; percent <= 100; percent++) {
        size_t rank = (percent * n + 99) / 100;
        uint64_t want = sorted[rank - 1], told = rig_hist_percentile(hist, percent / 100.0);
        if (told < want || told - want > want / 1000 || told > sorted[n - 1])
            fail_msg("p%u of %zu is %" PRIu64 ", not %" PRIu64, percent, n, told, want);
    }
}

static size_t random_values(struct rig_prng *prng, uint64_t values[static N_MAX])
{
    size_t n = 1 + rig_prng_below(prng, N_MAX);
    for (size_t i = 0; i < n; i++)
        values[i] = rig_prng_u64(prng) >> (24 + rig_prng_below(prng, 40));
    return n;
}

static void percentiles_follow_a_sorted_list(void **state)
{
    (void)state;
    struct rig_hist *hist = new_hist();
    struct rig_prng prng;
    rig_prng_init(&prng, 2);
    for (int round = 0; round < 40; round++) {
        uint64_t values[N_MAX];
        size_t n = random_values(&prng, values);
        double sum = 0;
        rig_hist_init(hist);
        for (size_t i = 0; i < n; i++) {
            rig_hist_add(hist, values[i]);
            sum += (double)values[i];
        }
        qsort(values, n, sizeof(values[0]), compare);
        check_percentiles(hist, values, n);
        assert_true(hist->count == n && hist->min == values[0] && hist->max == values[n - 1]);
        assert_true(rig_hist_mean(hist) == sum / (double)n);
    }
    free(hist);
}

static void merged_parts_equal_the_whole(void **state)
{
    (void)state;
    struct rig_hist *whole = new_hist(), *part[2] = {new_hist(), new_hist()};
    struct rig_prng prng;
    rig_prng_init(&prng, 3);
    for (int round = 0; round < 40; round++) {
        uint64_t values[N_MAX];
        size_t n = random_values(&prng, values), cut = round ? rig_prng_below(&prng, n + 1) : 0;
        rig_hist_init(whole);
        rig_hist_init(part[0]);
        rig_hist_init(part[1]);
        for (size_t i = 0; i < n; i++) {
            rig_hist_add(whole, values[i] >> 16); /* sums of these are exact in any order */
            rig_hist_add(part[i >= cut], values[i] >> 16);
        }
        rig_hist_merge(part[0], part[1]);
        assert_memory_equal(part[0], whole, sizeof(*whole));
    }
    free(whole);
    free(part[0]);
    free(part[1]);
}

static void values_above_the_range_count_and_show_in_the_maximum(void **state)
{
    (void)state;
    struct rig_hist *hist = new_hist();
    rig_hist_add(hist, 1);
    rig_hist_add(hist, RIG_HIST_MAX + 1);
    rig_hist_add(hist, UINT64_MAX);
    assert_true(hist->count == 3 && hist->cells[RIG_HIST_CELLS - 1] == 2);
    assert_true(rig_hist_percentile(hist, 0.3) == 1);
    assert_true(rig_hist_percentile(hist, 0.5) == UINT64_MAX);
    assert_true(rig_hist_percentile(hist, 1) == UINT64_MAX);
    free(hist);
}

static void an_empty_histogram_tells_zero(void **state)
{
    (void)state;
    struct rig_hist *empty = new_hist(), *five = new_hist();
    assert_true(rig_hist_percentile(empty, 0.5) == 0);
    assert_true(rig_hist_mean(empty) == 0);
    rig_hist_add(five, 5);
    rig_hist_merge(five, empty);
    assert_true(five->min == 5 && five->max == 5 && five->count == 1);
    free(empty);
    free(five);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_known_better_than_a_thousandth),
        cmocka_unit_test(values_below_2048_are_exact),
        cmocka_unit_test(cells_adjoin_at_every_power_of_two),
        cmocka_unit_test(percentiles_follow_a_sorted_list),
        cmocka_unit_test(merged_parts_equal_the_whole),
        cmocka_unit_test(values_above_the_range_count_and_show_in_the_maximum),
        cmocka_unit_test(an_empty_histogram_tells_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
