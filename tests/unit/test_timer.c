/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/timer.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void nothing(void *ctx)
{
    (void)ctx;
}

static void an_empty_heap_has_nothing_due(void **state)
{
    (void)state;
    struct rig_timer_heap heap;
    rig_timer_heap_init(&heap);
    assert_true(rig_timer_heap_next(&heap) == UINT64_MAX);
    assert_null(rig_timer_heap_pop(&heap, UINT64_MAX));
    rig_timer_heap_fini(&heap);
}

static void a_timer_is_due_at_its_time_and_not_before(void **state)
{
    (void)state;
    struct rig_timer_heap heap;
    struct rig_timer timer;
    rig_timer_heap_init(&heap);
    rig_timer_init(&timer, nothing, NULL);
    assert_false(rig_timer_armed(&timer));
    assert_int_equal(rig_timer_heap_set(&heap, &timer, 100), 0);
    assert_true(rig_timer_armed(&timer));
    assert_int_equal(rig_timer_heap_next(&heap), 100);
    assert_null(rig_timer_heap_pop(&heap, 99));
    assert_ptr_equal(rig_timer_heap_pop(&heap, 100), &timer);
    assert_false(rig_timer_armed(&timer));
    assert_null(rig_timer_heap_pop(&heap, 100));
    rig_timer_heap_fini(&heap);
}

static void setting_an_armed_timer_moves_it(void **state)
{
    (void)state;
    struct rig_timer_heap heap;
    struct rig_timer a, b;
    rig_timer_heap_init(&heap);
    rig_timer_init(&a, nothing, NULL);
    rig_timer_init(&b, nothing, NULL);
    rig_timer_heap_set(&heap, &a, 10);
    rig_timer_heap_set(&heap, &b, 20);
    rig_timer_heap_set(&heap, &a, 30);
    assert_int_equal(heap.count, 2);
    assert_ptr_equal(rig_timer_heap_pop(&heap, 100), &b);
    rig_timer_heap_set(&heap, &b, 40);
    rig_timer_heap_set(&heap, &b, 5);
    assert_ptr_equal(rig_timer_heap_pop(&heap, 100), &b);
    assert_ptr_equal(rig_timer_heap_pop(&heap, 100), &a);
    rig_timer_heap_fini(&heap);
}

static void a_stopped_timer_never_comes(void **state)
{
    (void)state;
    struct rig_timer_heap heap;
    struct rig_timer timer;
    rig_timer_heap_init(&heap);
    rig_timer_init(&timer, nothing, NULL);
    rig_timer_heap_stop(&heap, &timer); /* not armed: no effect */
    rig_timer_heap_set(&heap, &timer, 1);
    rig_timer_heap_stop(&heap, &timer);
    assert_false(rig_timer_armed(&timer));
    assert_null(rig_timer_heap_pop(&heap, UINT64_MAX));
    rig_timer_heap_fini(&heap);
}

static void fini_disarms_what_is_left(void **state)
{
    (void)state;
    struct rig_timer_heap heap;
    struct rig_timer timer;
    rig_timer_heap_init(&heap);
    rig_timer_init(&timer, nothing, NULL);
    rig_timer_heap_set(&heap, &timer, 1);
    rig_timer_heap_fini(&heap);
    assert_false(rig_timer_armed(&timer));
}

enum { MANY = 1000 };

/* What the heap must say, by looking at all of them. */
static rig_ns_t earliest(const struct rig_timer *timers)
{
    rig_ns_t min = UINT64_MAX;
    for (int i = 0; i < MANY; i++) {
        if (rig_timer_armed(&timers[i]) && timers[i].due_ns < min)
            min = timers[i].due_ns;
    }
    return min;
}

static void random_sets_and_stops_keep_the_order(void **state)
{
    (void)state;
    static struct rig_timer timers[MANY];
    struct rig_timer_heap heap;
    struct rig_prng prng;
    rig_timer_heap_init(&heap);
    rig_prng_init(&prng, 1);
    for (int i = 0; i < MANY; i++)
        rig_timer_init(&timers[i], nothing, NULL);
    for (int round = 0; round < 20000; round++) {
        struct rig_timer *timer = &timers[rig_prng_below(&prng, MANY)];
        uint64_t what = rig_prng_below(&prng, 4);
        if (what < 2)
            assert_int_equal(rig_timer_heap_set(&heap, timer, rig_prng_below(&prng, 500)), 0);
        else if (what == 2)
            rig_timer_heap_stop(&heap, timer);
        else
            rig_timer_heap_pop(&heap, rig_prng_below(&prng, 500));
        if (round % 16 == 0)
            assert_true(rig_timer_heap_next(&heap) == earliest(timers));
    }
    rig_ns_t last_ns = 0;
    uint32_t left = heap.count;
    struct rig_timer *timer;
    while ((timer = rig_timer_heap_pop(&heap, UINT64_MAX))) {
        assert_true(timer->due_ns >= last_ns);
        last_ns = timer->due_ns;
        left--;
    }
    assert_int_equal(left, 0);
    rig_timer_heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_nothing_due),
        cmocka_unit_test(a_timer_is_due_at_its_time_and_not_before),
        cmocka_unit_test(setting_an_armed_timer_moves_it),
        cmocka_unit_test(a_stopped_timer_never_comes),
        cmocka_unit_test(fini_disarms_what_is_left),
        cmocka_unit_test(random_sets_and_stops_keep_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
