/* SPDX-License-Identifier: BSD-2-Clause */
#include "load/pacer.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>

#define START_NS (1000 * RIG_NS_PER_S)

static struct rig_pacer pacer_at(double rate_pps)
{
    struct rig_pacer pacer;
    rig_pacer_init(&pacer, rate_pps, START_NS);
    return pacer;
}

/* A sender that sends what is due and sleeps until the next; returns when it stopped. */
static rig_ns_t send_until(struct rig_pacer *pacer, rig_ns_t now_ns, rig_ns_t end_ns,
                           uint32_t burst)
{
    while (now_ns < end_ns) {
        uint32_t n = rig_pacer_due(pacer, now_ns, burst);
        assert_true(n <= burst);
        rig_pacer_sent(pacer, now_ns, n);
        now_ns = rig_pacer_next(pacer, now_ns);
    }
    return now_ns;
}

static void first_packet_is_due_at_the_start_and_not_before(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(1000);
    assert_int_equal(rig_pacer_due(&pacer, START_NS - 1, 10), 0);
    assert_true(rig_pacer_next(&pacer, START_NS - 1) == START_NS);
    assert_int_equal(rig_pacer_due(&pacer, START_NS, 10), 1);
    assert_true(rig_pacer_next(&pacer, START_NS) == START_NS);
}

static void packets_are_due_one_interval_apart(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(1000);
    rig_pacer_sent(&pacer, START_NS, 1);
    assert_true(rig_pacer_next(&pacer, START_NS) == START_NS + RIG_NS_PER_MS);
    assert_int_equal(rig_pacer_due(&pacer, START_NS + RIG_NS_PER_MS - 1, 10), 0);
    assert_int_equal(rig_pacer_due(&pacer, START_NS + RIG_NS_PER_MS, 10), 1);
    assert_int_equal(rig_pacer_due(&pacer, START_NS + 5 * RIG_NS_PER_MS, 10), 5);
    assert_true(rig_pacer_next(&pacer, START_NS + 5 * RIG_NS_PER_MS) ==
                START_NS + 5 * RIG_NS_PER_MS);
    assert_int_equal(rig_pacer_due(&pacer, START_NS + 5 * RIG_NS_PER_MS, 3), 3);
    assert_int_equal(rig_pacer_due(&pacer, START_NS + 5 * RIG_NS_PER_MS, 0), 0);
}

static void a_sender_that_wakes_when_told_is_never_late_nor_early(void **state)
{
    (void)state;
    static const double rates_pps[] = {1, 3, 7, 999, 85034.0136, 1e6, 14880952.38};
    for (size_t i = 0; i < sizeof(rates_pps) / sizeof(rates_pps[0]); i++) {
        struct rig_pacer pacer = pacer_at(rates_pps[i]);
        rig_ns_t span_ns = (rig_ns_t)(100000 / rates_pps[i] * 1e9);
        send_until(&pacer, START_NS, START_NS + span_ns, 1);
        assert_in_range(pacer.sent, 99999, 100001);
        assert_true(pacer.late_ns.max == 0 && pacer.skipped == 0);
    }
}

/* 24 h at 812743.7 packets/s: the packet of that number is due within 1 ns of the true time, which
 * long double knows; a sum of intervals would be off by microseconds. */
static void the_schedule_is_exact_after_a_day(void **state)
{
    (void)state;
    const double rate_pps = 812743.7;
    struct rig_pacer pacer = pacer_at(rate_pps);
    struct rig_prng prng;
    rig_prng_init(&prng, 1);
    for (int round = 0; round < 10000; round++) {
        pacer.sent = rig_prng_below(&prng, (uint64_t)(86400 * rate_pps));
        long double want_ns = (long double)pacer.sent * 1e9L / rate_pps;
        long double got_ns = (long double)(rig_pacer_next(&pacer, 0) - START_NS);
        assert_true(got_ns > want_ns - 0.1L && got_ns < want_ns + 1.1L);
    }
}

/* `due` and `next` must tell one story, or a sender would spin or sleep too long. */
static void what_is_next_is_due_then_and_not_a_nanosecond_sooner(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 2);
    for (int round = 0; round < 200000; round++) {
        struct rig_pacer pacer = pacer_at(pow(10, 9 * rig_prng_unit(&prng)));
        pacer.sent = rig_prng_u64(&prng) >> (31 + rig_prng_below(&prng, 30));
        rig_ns_t due_ns = rig_pacer_next(&pacer, 0);
        assert_true(rig_pacer_next(&pacer, due_ns) == due_ns);
        assert_true(rig_pacer_due(&pacer, due_ns, UINT32_MAX) >= 1);
        assert_int_equal(rig_pacer_due(&pacer, due_ns - 1, UINT32_MAX), 0);
    }
}

static void the_rate_holds_for_a_sender_that_wakes_at_random(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(100000);
    struct rig_prng prng;
    rig_prng_init(&prng, 3);
    rig_ns_t now_ns = START_NS, end_ns = START_NS + 20 * RIG_NS_PER_S;
    while (now_ns < end_ns) {
        rig_pacer_sent(&pacer, now_ns, rig_pacer_due(&pacer, now_ns, 256));
        now_ns += rig_prng_below(&prng, 2 * RIG_NS_PER_MS);
    }
    rig_pacer_sent(&pacer, end_ns, rig_pacer_due(&pacer, end_ns, UINT32_MAX));
    assert_true(pacer.sent == 2000001 && pacer.skipped == 0);
    assert_true(pacer.late_ns.max > 1e6 && pacer.late_ns.max < 2e6);
}

static void a_short_delay_is_made_up_in_bursts(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(1000);
    rig_ns_t late_ns = START_NS + 900 * RIG_NS_PER_MS;
    unsigned calls = 0;
    for (uint32_t n; (n = rig_pacer_due(&pacer, late_ns, 64)) > 0; calls++)
        rig_pacer_sent(&pacer, late_ns, n);
    assert_int_equal(calls, 15); /* 901 packets, 64 a call */
    assert_true(pacer.sent == 901 && pacer.skipped == 0);
    assert_true(pacer.late_ns.count == 15 && pacer.late_ns.max == 900e6);
    assert_true(rig_pacer_next(&pacer, late_ns) == START_NS + 901 * RIG_NS_PER_MS);
}

static void more_than_a_second_late_the_missed_schedule_is_given_up(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(1000);
    send_until(&pacer, START_NS, START_NS + RIG_NS_PER_S, 1);
    assert_int_equal(pacer.sent, 1000);
    rig_ns_t back_ns = START_NS + 11 * RIG_NS_PER_S; /* stopped for 10 s */
    assert_int_equal(rig_pacer_due(&pacer, back_ns, 64), 64);
    rig_pacer_sent(&pacer, back_ns, 64);
    assert_int_equal(pacer.skipped, 11001 - 1000 - 64);
    assert_int_equal(rig_pacer_due(&pacer, back_ns, 64), 0);
    send_until(&pacer, back_ns, START_NS + 12 * RIG_NS_PER_S, 64);
    assert_true(pacer.sent + pacer.skipped == 12000 && pacer.late_ns.max == 10e9);
}

static void exactly_a_second_late_nothing_is_given_up(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(10);
    rig_pacer_sent(&pacer, START_NS + RIG_NS_PER_S, 1);
    assert_int_equal(pacer.skipped, 0);
    pacer = pacer_at(10);
    rig_pacer_sent(&pacer, START_NS + RIG_NS_PER_S + 1, 1);
    assert_int_equal(pacer.skipped, 10);
}

static void a_sender_too_slow_for_the_rate_never_owes_much_more_than_a_second(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(10000);
    for (rig_ns_t now_ns = START_NS; now_ns < START_NS + 60 * RIG_NS_PER_S;
         now_ns += RIG_NS_PER_MS) {
        uint32_t n = rig_pacer_due(&pacer, now_ns, 5);
        rig_pacer_sent(&pacer, now_ns, n);
    }
    assert_true(pacer.late_ns.max <= 1.01e9);
    assert_in_range(pacer.sent, 299000, 300000);
    assert_in_range(pacer.sent + pacer.skipped, 589000, 600000);
}

static void a_call_that_sent_nothing_leaves_no_sample(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(1000);
    rig_pacer_sent(&pacer, START_NS + 5 * RIG_NS_PER_S, 0);
    assert_true(pacer.late_ns.count == 0 && pacer.skipped == 0);
}

static void a_sender_ahead_of_its_schedule_is_not_late(void **state)
{
    (void)state;
    struct rig_pacer pacer = pacer_at(1000);
    rig_pacer_sent(&pacer, START_NS, 100);
    rig_pacer_sent(&pacer, START_NS, 1);
    assert_true(pacer.late_ns.max == 0 && pacer.sent == 101 && pacer.skipped == 0);
    assert_int_equal(rig_pacer_due(&pacer, START_NS + 100 * RIG_NS_PER_MS, 10), 0);
}

static void without_a_rate_a_burst_is_always_due(void **state)
{
    (void)state;
    static const double none_pps[] = {0, -1, 1e15, INFINITY, NAN};
    for (size_t i = 0; i < sizeof(none_pps) / sizeof(none_pps[0]); i++) {
        struct rig_pacer pacer = pacer_at(none_pps[i]);
        for (int call = 0; call < 3; call++) {
            assert_int_equal(rig_pacer_due(&pacer, START_NS, 64), 64);
            rig_pacer_sent(&pacer, START_NS, 64);
        }
        assert_true(rig_pacer_next(&pacer, START_NS + 5) == START_NS + 5);
        assert_true(pacer.sent == 192 && pacer.skipped == 0);
    }
}

static void extreme_rates_and_times_overflow_nothing(void **state)
{
    (void)state;
    struct rig_pacer slow = pacer_at(1e-300), fast = pacer_at(9.9e11);
    rig_pacer_sent(&slow, START_NS, 1);
    assert_true(rig_pacer_next(&slow, START_NS) == UINT64_MAX);
    assert_int_equal(rig_pacer_due(&slow, UINT64_MAX, 64), 0);
    assert_int_equal(rig_pacer_due(&fast, UINT64_MAX, 64), 64);
    rig_pacer_sent(&fast, UINT64_MAX, 64);
    assert_true(fast.skipped > 1ull << 50);
    fast = pacer_at(9.9e11);
    assert_in_range(rig_pacer_due(&fast, START_NS + 1, UINT32_MAX), 990, 991);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_packet_is_due_at_the_start_and_not_before),
        cmocka_unit_test(packets_are_due_one_interval_apart),
        cmocka_unit_test(a_sender_that_wakes_when_told_is_never_late_nor_early),
        cmocka_unit_test(the_schedule_is_exact_after_a_day),
        cmocka_unit_test(what_is_next_is_due_then_and_not_a_nanosecond_sooner),
        cmocka_unit_test(the_rate_holds_for_a_sender_that_wakes_at_random),
        cmocka_unit_test(a_short_delay_is_made_up_in_bursts),
        cmocka_unit_test(more_than_a_second_late_the_missed_schedule_is_given_up),
        cmocka_unit_test(exactly_a_second_late_nothing_is_given_up),
        cmocka_unit_test(a_sender_too_slow_for_the_rate_never_owes_much_more_than_a_second),
        cmocka_unit_test(a_call_that_sent_nothing_leaves_no_sample),
        cmocka_unit_test(a_sender_ahead_of_its_schedule_is_not_late),
        cmocka_unit_test(without_a_rate_a_burst_is_always_due),
        cmocka_unit_test(extreme_rates_and_times_overflow_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
