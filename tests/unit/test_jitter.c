/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

static struct rig_jitter jitter_of(const int64_t *transit_ns, int n)
{
    struct rig_jitter jitter;
    rig_jitter_init(&jitter);
    for (int i = 0; i < n; i++)
        rig_jitter_add(&jitter, transit_ns[i]);
    return jitter;
}

static void one_packet_has_no_jitter(void **state)
{
    (void)state;
    const int64_t transit_ns[] = {123456789};
    assert_true(jitter_of(transit_ns, 1).jitter_ns == 0);
}

static void each_change_counts_by_a_sixteenth(void **state)
{
    (void)state;
    const int64_t transit_ns[] = {1000, 1160, 1000, 1000};
    assert_true(jitter_of(transit_ns, 2).jitter_ns == 10);
    assert_true(jitter_of(transit_ns, 3).jitter_ns == 10 + (160 - 10) / 16.0);
    assert_true(jitter_of(transit_ns, 4).jitter_ns == 19.375 - 19.375 / 16);
}

static void constant_transit_has_no_jitter_whatever_the_clocks_offset(void **state)
{
    (void)state;
    const int64_t transit_ns[] = {-1700000000123456789, -1700000000123456789, -1700000000123456789};
    assert_true(jitter_of(transit_ns, 3).jitter_ns == 0);
}

/* As doubles, epoch times are 256 ns apart. */
static void an_offset_of_decades_costs_no_nanosecond(void **state)
{
    (void)state;
    const int64_t transit_ns[] = {1700000000123456789, 1700000000123456805};
    assert_true(jitter_of(transit_ns, 2).jitter_ns == 1);
}

static void alternating_transit_comes_near_to_its_step(void **state)
{
    (void)state;
    struct rig_jitter jitter;
    rig_jitter_init(&jitter);
    for (int i = 0; i < 1000; i++)
        rig_jitter_add(&jitter, i % 2 ? 1000000 : 0);
    assert_true(fabs(jitter.jitter_ns - 1e6) < 1);
}

static void transit_from_one_end_of_time_to_the_other_stays_finite(void **state)
{
    (void)state;
    const int64_t transit_ns[] = {INT64_MIN, INT64_MAX, INT64_MIN, 0};
    struct rig_jitter jitter = jitter_of(transit_ns, 4);
    assert_true(isfinite(jitter.jitter_ns) && jitter.jitter_ns > 1e18);
    assert_true(jitter_of(transit_ns, 2).jitter_ns == 0x1p60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_packet_has_no_jitter),
        cmocka_unit_test(each_change_counts_by_a_sixteenth),
        cmocka_unit_test(constant_transit_has_no_jitter_whatever_the_clocks_offset),
        cmocka_unit_test(an_offset_of_decades_costs_no_nanosecond),
        cmocka_unit_test(alternating_transit_comes_near_to_its_step),
        cmocka_unit_test(transit_from_one_end_of_time_to_the_other_stays_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
