/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define LINES_MAX 64
#define SECOND    RIG_NS_PER_S

/* A run without a network, whose reports are kept. */
struct fixture {
    struct rig_loop *loop;
    struct rig_iperf2_run run;
    struct rig_iperf2_report lines[LINES_MAX];
    uint32_t n_lines;
};

static void keep(void *ctx, const struct rig_iperf2_report *report)
{
    struct fixture *fixture = ctx;
    assert_true(fixture->n_lines < LINES_MAX);
    fixture->lines[fixture->n_lines++] = *report;
}

static void open_fixture(struct fixture *fixture, rig_ns_t interval_ns)
{
    memset(fixture, 0, sizeof(*fixture));
    assert_int_equal(rig_loop_new(&fixture->loop, NULL), 0);
    fixture->run.loop = fixture->loop;
    fixture->run.config.interval_ns = interval_ns;
    fixture->run.hooks = (struct rig_iperf2_hooks){.report = keep, .ctx = fixture};
}

static void close_fixture(struct fixture *fixture)
{
    rig_loop_free(fixture->loop);
}

static void add(struct rig_iperf2_meter *meter, rig_ns_t now_ns, uint64_t bytes)
{
    rig_iperf2_meter_at(meter, now_ns);
    meter->total.bytes += bytes;
}

static uint64_t sum_of(const struct fixture *fixture, enum rig_iperf2_event event)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < fixture->n_lines; i++)
        bytes += fixture->lines[i].event == event ? fixture->lines[i].counts.bytes : 0;
    return bytes;
}

static uint32_t count_of(const struct fixture *fixture, enum rig_iperf2_event event)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < fixture->n_lines; i++)
        n += fixture->lines[i].event == event;
    return n;
}

static void intervals_add_up_to_the_result(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_meter meter;
    open_fixture(&fixture, SECOND);
    rig_iperf2_meter_init(&meter, &fixture.run, NULL, false);
    rig_ns_t start_ns = 1000 * SECOND;
    rig_iperf2_meter_start(&meter, start_ns);
    for (uint64_t k = 0; k < 3470; k++)
        add(&meter, start_ns + k * SECOND / 1000, 7 + k % 13);
    rig_iperf2_meter_finish(&meter, start_ns + 3470 * SECOND / 1000);

    assert_int_equal(count_of(&fixture, RIG_IPERF2_INTERVAL), 4);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_RESULT), 1);
    assert_int_equal(sum_of(&fixture, RIG_IPERF2_INTERVAL), sum_of(&fixture, RIG_IPERF2_RESULT));
    close_fixture(&fixture);
}

static void what_comes_at_a_boundary_belongs_to_the_next_interval(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_meter meter;
    open_fixture(&fixture, SECOND);
    rig_iperf2_meter_init(&meter, &fixture.run, NULL, false);
    rig_iperf2_meter_start(&meter, SECOND);
    add(&meter, 2 * SECOND - 1, 10);
    add(&meter, 2 * SECOND, 5);
    rig_iperf2_meter_finish(&meter, 2 * SECOND + 1);
    assert_int_equal(fixture.lines[0].counts.bytes, 10);
    assert_int_equal(fixture.lines[0].end_ns, SECOND);
    assert_int_equal(fixture.lines[1].counts.bytes, 5);
    assert_int_equal(fixture.lines[1].start_ns, SECOND);
    close_fixture(&fixture);
}

static void a_silent_interval_is_reported_as_zero(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_meter meter;
    open_fixture(&fixture, SECOND);
    rig_iperf2_meter_init(&meter, &fixture.run, NULL, false);
    rig_iperf2_meter_start(&meter, SECOND);
    add(&meter, SECOND + 1, 10);
    add(&meter, 4 * SECOND + 1, 10);
    rig_iperf2_meter_finish(&meter, 4 * SECOND + 2);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_INTERVAL), 4);
    assert_int_equal(fixture.lines[1].counts.bytes, 0);
    assert_int_equal(fixture.lines[2].counts.bytes, 0);
    close_fixture(&fixture);
}

static void losses_that_are_made_good_later_are_negative(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_meter meter;
    open_fixture(&fixture, SECOND);
    rig_iperf2_meter_init(&meter, &fixture.run, NULL, false);
    rig_iperf2_meter_start(&meter, SECOND);
    meter.total.lost = 3;
    rig_iperf2_meter_at(&meter, 2 * SECOND);
    meter.total.lost = 1;
    rig_iperf2_meter_finish(&meter, 2 * SECOND + 5);
    assert_int_equal(fixture.lines[0].counts.lost, 3);
    assert_int_equal(fixture.lines[1].counts.lost, -2);
    assert_int_equal(fixture.lines[2].counts.lost, 1);
    close_fixture(&fixture);
}

static void a_result_ends_no_earlier_than_its_last_interval(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_meter meter;
    open_fixture(&fixture, SECOND);
    rig_iperf2_meter_init(&meter, &fixture.run, NULL, false);
    rig_iperf2_meter_start(&meter, SECOND);
    add(&meter, 3 * SECOND, 1);
    rig_iperf2_meter_finish(&meter, 2 * SECOND);
    const struct rig_iperf2_report *result = &fixture.lines[fixture.n_lines - 1];
    assert_int_equal(result->event, RIG_IPERF2_RESULT);
    assert_int_equal(result->end_ns, 2 * SECOND);
    close_fixture(&fixture);
}

static void two_flows_of_a_group_have_one_sum_an_interval(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_group group;
    struct rig_iperf2_meter meters[2];
    open_fixture(&fixture, SECOND);
    rig_iperf2_group_init(&group, &fixture.run, false);
    for (int i = 0; i < 2; i++) {
        rig_iperf2_meter_init(&meters[i], &fixture.run, &group, false);
        rig_iperf2_meter_start(&meters[i], SECOND);
    }
    for (uint64_t k = 0; k < 30; k++) {
        add(&meters[0], SECOND + k * SECOND / 10, 100);
        /* the second flow hears of each boundary a little later */
        add(&meters[1], SECOND + k * SECOND / 10 + 7, 1);
    }
    for (int i = 0; i < 2; i++)
        rig_iperf2_meter_finish(&meters[i], 4 * SECOND - 1);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 3);
    assert_int_equal(sum_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 30 * 101);
    assert_int_equal(sum_of(&fixture, RIG_IPERF2_SUM_RESULT), 30 * 101);
    close_fixture(&fixture);
}

static void sums_add_up_when_one_flow_outlives_the_other(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_group group;
    struct rig_iperf2_meter meters[2];
    open_fixture(&fixture, SECOND);
    rig_iperf2_group_init(&group, &fixture.run, false);
    for (uint64_t i = 0; i < 2; i++) {
        rig_iperf2_meter_init(&meters[i], &fixture.run, &group, false);
        rig_iperf2_meter_start(&meters[i], SECOND + i * SECOND / 100);
        add(&meters[i], SECOND + SECOND / 2, 100);
    }
    rig_iperf2_meter_finish(&meters[0], 2 * SECOND);
    add(&meters[1], 2 * SECOND + SECOND / 2, 7);
    rig_iperf2_meter_finish(&meters[1], 2 * SECOND + SECOND / 2);
    assert_int_equal(sum_of(&fixture, RIG_IPERF2_SUM_RESULT), 207);
    assert_int_equal(sum_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 207);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 2);
    close_fixture(&fixture);
}

static void a_flow_that_joins_late_is_summed_in_the_groups_time(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_group group;
    struct rig_iperf2_meter meters[2];
    open_fixture(&fixture, SECOND);
    rig_iperf2_group_init(&group, &fixture.run, false);
    for (int i = 0; i < 2; i++)
        rig_iperf2_meter_init(&meters[i], &fixture.run, &group, false);
    rig_iperf2_meter_start(&meters[0], SECOND);
    rig_iperf2_meter_at(&meters[0], 4 * SECOND);
    rig_iperf2_meter_start(&meters[1], 4 * SECOND);
    for (int i = 0; i < 2; i++)
        add(&meters[i], 4 * SECOND + 1, 10);
    for (int i = 0; i < 2; i++)
        rig_iperf2_meter_finish(&meters[i], 5 * SECOND);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 1);
    assert_int_equal(sum_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 20);
    close_fixture(&fixture);
}

static void a_group_knows_of_meters_that_have_not_begun(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_group group;
    struct rig_iperf2_meter meters[2];
    open_fixture(&fixture, SECOND);
    rig_iperf2_group_init(&group, &fixture.run, false);
    for (int i = 0; i < 2; i++)
        rig_iperf2_meter_init(&meters[i], &fixture.run, &group, false);
    assert_int_equal(group.members, 2);
    rig_iperf2_meter_fini(&meters[0]);
    rig_iperf2_meter_start(&meters[1], SECOND);
    rig_iperf2_meter_finish(&meters[1], 2 * SECOND);
    rig_iperf2_meter_fini(&meters[1]);
    assert_int_equal(group.members, 0);
    close_fixture(&fixture);
}

static void a_flow_alone_has_no_sum(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rig_iperf2_group group;
    struct rig_iperf2_meter meter;
    open_fixture(&fixture, SECOND);
    rig_iperf2_group_init(&group, &fixture.run, false);
    rig_iperf2_meter_init(&meter, &fixture.run, &group, false);
    rig_iperf2_meter_start(&meter, SECOND);
    add(&meter, 3 * SECOND, 1);
    rig_iperf2_meter_finish(&meter, 3 * SECOND);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_SUM_INTERVAL), 0);
    assert_int_equal(count_of(&fixture, RIG_IPERF2_SUM_RESULT), 0);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_add_up_to_the_result),
        cmocka_unit_test(what_comes_at_a_boundary_belongs_to_the_next_interval),
        cmocka_unit_test(a_silent_interval_is_reported_as_zero),
        cmocka_unit_test(losses_that_are_made_good_later_are_negative),
        cmocka_unit_test(a_result_ends_no_earlier_than_its_last_interval),
        cmocka_unit_test(two_flows_of_a_group_have_one_sum_an_interval),
        cmocka_unit_test(sums_add_up_when_one_flow_outlives_the_other),
        cmocka_unit_test(a_flow_that_joins_late_is_summed_in_the_groups_time),
        cmocka_unit_test(a_group_knows_of_meters_that_have_not_begun),
        cmocka_unit_test(a_flow_alone_has_no_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
