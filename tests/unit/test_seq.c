/* SPDX-License-Identifier: BSD-2-Clause */
/* The judge is a model without a window: one byte for each number of a small range. */
#include "load/seq.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define WINDOW  ((uint64_t)RIG_SEQ_WINDOW)
#define MODEL_N (1 << 18) /* numbers that the model knows, from first on */

struct model {
    int64_t first, highest;
    uint64_t received, out_of_order, duplicated, late, below_first;
    uint8_t seen[MODEL_N];
};

static void model_init(struct model *model, int64_t first)
{
    memset(model, 0, sizeof(*model));
    model->first = first;
    model->highest = first - 1;
}

static void model_add(struct model *model, int64_t number)
{
    if (number < model->first) {
        model->below_first++;
        return;
    }
    uint8_t *seen = &model->seen[number - model->first];
    if (number <= model->highest - (int64_t)RIG_SEQ_WINDOW) {
        model->late++;
        model->out_of_order++;
        return;
    }
    model->duplicated += *seen;
    model->received += !*seen;
    model->out_of_order += !*seen && number < model->highest;
    model->highest = number > model->highest ? number : model->highest;
    *seen = 1;
}

static void check_figure(const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        fail_msg("%s: %" PRIu64 ", not %" PRIu64, what, got, want);
}

static void check(const struct rig_seq *seq, const struct model *model)
{
    check_figure("highest", (uint64_t)seq->highest, (uint64_t)model->highest);
    check_figure("received", seq->received, model->received);
    check_figure("out of order", seq->out_of_order, model->out_of_order);
    check_figure("duplicated", seq->duplicated, model->duplicated);
    check_figure("late", seq->late, model->late);
    check_figure("below first", seq->below_first, model->below_first);
    uint64_t expected = (uint64_t)(model->highest - model->first + 1);
    check_figure("expected", rig_seq_expected(seq), expected);
    check_figure("lost", rig_seq_lost(seq), expected - model->received);
}

static void packets_in_order_lose_nothing(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 1);
    for (int64_t i = 1; i <= 100000; i++)
        rig_seq_add(&seq, i);
    assert_true(seq.received == 100000 && rig_seq_expected(&seq) == 100000);
    assert_true(rig_seq_lost(&seq) == 0 && seq.out_of_order == 0 && seq.duplicated == 0);
}

static void nothing_received_is_nothing_lost(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 5);
    assert_true(rig_seq_expected(&seq) == 0 && rig_seq_lost(&seq) == 0);
}

static void a_packet_that_overtakes_leaves_the_overtaken_out_of_order(void **state)
{
    (void)state;
    static const int64_t order[] = {0, 1, 4, 2, 3, 5, 5, 3, 8};
    struct rig_seq seq;
    rig_seq_init(&seq, 0);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        rig_seq_add(&seq, order[i]);
    assert_int_equal(seq.received, 7);
    assert_int_equal(seq.out_of_order, 2);
    assert_int_equal(seq.duplicated, 2);
    assert_int_equal(rig_seq_lost(&seq), 2);
}

static void the_first_packet_may_be_a_later_one(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 0);
    rig_seq_add(&seq, 10);
    assert_int_equal(rig_seq_lost(&seq), 10);
    rig_seq_add(&seq, 0);
    assert_true(rig_seq_lost(&seq) == 9 && seq.out_of_order == 1);
}

/* Where a random flow is: mostly onwards, with gaps, steps back and repeats. */
static int64_t random_next(struct rig_prng *prng, int64_t at, uint64_t reach)
{
    switch (rig_prng_below(prng, 8)) {
    case 0:
        return at - (int64_t)rig_prng_below(prng, reach);
    case 1:
        return at + (int64_t)rig_prng_below(prng, reach);
    case 2:
        return at;
    default:
        return at + 1;
    }
}

/* One flow, told to the model packet by packet, and to ours as packets and as runs. */
static void check_random_flow(struct rig_prng *prng, uint64_t reach, uint32_t run_max)
{
    static struct model model;
    struct rig_seq seq, in_runs;
    int64_t first = (int64_t)rig_prng_below(prng, 200000) - 100000, at = first;
    model_init(&model, first);
    rig_seq_init(&seq, first);
    rig_seq_init(&in_runs, first);
    for (int step = 0; step < 3000; step++) {
        at = random_next(prng, at, reach);
        uint32_t n = (uint32_t)rig_prng_below(prng, run_max + 1);
        if (at < first - 1000)
            at = first;
        if (at - first + n >= MODEL_N)
            break;
        rig_seq_add_run(&in_runs, at, n);
        for (uint32_t i = 0; i < n; i++) {
            rig_seq_add(&seq, at + i);
            model_add(&model, at + i);
        }
        at += n ? n - 1 : 0;
        check(&in_runs, &model);
    }
    check(&seq, &model);
    assert_memory_equal(&seq, &in_runs, sizeof(seq));
}

static void random_flows_inside_the_window_agree_with_the_model(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 1);
    for (int round = 0; round < 60; round++)
        check_random_flow(&prng, 1 + rig_prng_below(&prng, 300), 1);
}

static void random_runs_agree_with_the_model(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 2);
    for (int round = 0; round < 60; round++)
        check_random_flow(&prng, 1 + rig_prng_below(&prng, 300), 130);
}

static void random_flows_across_the_windows_edge_agree_with_the_model(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 3);
    for (int round = 0; round < 100; round++)
        check_random_flow(&prng, 2 * WINDOW, 1 + (uint32_t)rig_prng_below(&prng, 200));
}

static void runs_longer_than_the_window_agree_with_the_model(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 4);
    for (int round = 0; round < 40; round++)
        check_random_flow(&prng, 3 * WINDOW, 3 * RIG_SEQ_WINDOW);
}

static void the_oldest_number_in_the_window_is_remembered_and_the_next_is_late(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 0);
    rig_seq_add(&seq, RIG_SEQ_WINDOW);
    rig_seq_add(&seq, 1);
    assert_true(seq.out_of_order == 1 && seq.late == 0 && seq.received == 2);
    rig_seq_add(&seq, 1);
    assert_int_equal(seq.duplicated, 1);
    rig_seq_add(&seq, 0);
    rig_seq_add(&seq, 0);
    assert_true(seq.out_of_order == 3 && seq.late == 2 && seq.received == 2);
    assert_int_equal(rig_seq_lost(&seq), RIG_SEQ_WINDOW + 1 - 2);
}

static void numbers_below_the_first_are_counted_apart(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 1);
    rig_seq_add(&seq, 1);
    rig_seq_add(&seq, 0);
    rig_seq_add(&seq, -1);
    rig_seq_add(&seq, INT64_MIN);
    rig_seq_add_run(&seq, -3, 6); /* -3 .. 2 */
    assert_int_equal(seq.below_first, 7);
    assert_int_equal(seq.received, 2);
    assert_int_equal(seq.duplicated, 1);
    assert_true(rig_seq_lost(&seq) == 0 && seq.out_of_order == 0);
}

static void a_jump_far_ahead_clears_the_window_once(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 0);
    rig_seq_add_run(&seq, 0, RIG_SEQ_WINDOW);
    int64_t far = INT64_C(1) << 62;
    rig_seq_add(&seq, far);
    assert_true(rig_seq_lost(&seq) == (uint64_t)far - RIG_SEQ_WINDOW);
    rig_seq_add_run(&seq, far - RIG_SEQ_WINDOW + 1, RIG_SEQ_WINDOW - 1);
    assert_true(seq.duplicated == 0 && seq.out_of_order == RIG_SEQ_WINDOW - 1);
    assert_true(rig_seq_lost(&seq) == (uint64_t)far - 2 * WINDOW + 1);
    rig_seq_add(&seq, RIG_SEQ_WINDOW);
    assert_int_equal(seq.late, 1);
}

static void numbers_at_both_ends_of_64_bits_are_safe(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, INT64_MIN);
    assert_true(rig_seq_expected(&seq) == 0);
    rig_seq_add_run(&seq, INT64_MAX - 1, UINT32_MAX);
    assert_true(seq.received == 2 && seq.highest == INT64_MAX);
    assert_true(rig_seq_expected(&seq) == UINT64_MAX);
    assert_true(rig_seq_lost(&seq) == UINT64_MAX - 2);
    rig_seq_add_run(&seq, INT64_MAX, 3);
    assert_true(seq.received == 2 && seq.duplicated == 1);
    rig_seq_add_run(&seq, INT64_MIN, 2);
    assert_true(seq.below_first == 1 && seq.late == 1);
    rig_seq_add_run(&seq, INT64_MIN, 0);
    assert_true(seq.below_first == 1);
}

/* 2^32 numbers, behind and ahead, take no more than passes over the window. */
static void the_longest_run_is_accounted_at_once(void **state)
{
    (void)state;
    struct rig_seq seq;
    rig_seq_init(&seq, 0);
    rig_seq_add_run(&seq, 0, UINT32_MAX);
    rig_seq_add_run(&seq, 0, UINT32_MAX);
    assert_true(seq.received == UINT32_MAX && seq.duplicated == RIG_SEQ_WINDOW);
    assert_true(seq.late == UINT32_MAX - RIG_SEQ_WINDOW && rig_seq_lost(&seq) == 0);
}

/* A flow that jumps over the window each time, and one whose runs lie at odd bits; a loop over
 * numbers would need minutes where this needs milliseconds. */
static void hostile_jumps_cost_processor_time_in_proportion_to_the_window(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 5);
    struct rig_seq seq;
    rig_seq_init(&seq, 0);
    clock_t start = clock();
    for (int i = 0; i < 10000; i++)
        rig_seq_add_run(&seq, (int64_t)rig_prng_u64(&prng), (uint32_t)rig_prng_u64(&prng));
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    assert_true(seq.received <= rig_seq_expected(&seq));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_in_order_lose_nothing),
        cmocka_unit_test(nothing_received_is_nothing_lost),
        cmocka_unit_test(a_packet_that_overtakes_leaves_the_overtaken_out_of_order),
        cmocka_unit_test(the_first_packet_may_be_a_later_one),
        cmocka_unit_test(random_flows_inside_the_window_agree_with_the_model),
        cmocka_unit_test(random_runs_agree_with_the_model),
        cmocka_unit_test(random_flows_across_the_windows_edge_agree_with_the_model),
        cmocka_unit_test(runs_longer_than_the_window_agree_with_the_model),
        cmocka_unit_test(the_oldest_number_in_the_window_is_remembered_and_the_next_is_late),
        cmocka_unit_test(numbers_below_the_first_are_counted_apart),
        cmocka_unit_test(a_jump_far_ahead_clears_the_window_once),
        cmocka_unit_test(numbers_at_both_ends_of_64_bits_are_safe),
        cmocka_unit_test(the_longest_run_is_accounted_at_once),
        cmocka_unit_test(hostile_jumps_cost_processor_time_in_proportion_to_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
