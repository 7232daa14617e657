/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The authors' reference code, run from this state, yields these numbers. */
static void numbers_are_those_of_xoshiro256_starstar(void **state)
{
    (void)state;
    static const uint64_t want[] = {
        11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600};
    struct rig_prng prng = {{1, 2, 3, 4}};
    for (int i = 0; i < 6; i++)
        assert_true(rig_prng_u64(&prng) == want[i]);
}

static void seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 1234567);
    assert_true(prng.state[0] == 6457827717110365317u);
    assert_true(prng.state[1] == 3203168211198807973u);
    assert_true(prng.state[2] == 9817491932198370423u);
    assert_true(prng.state[3] == 4593380528125082431u);
}

static void same_seed_gives_same_sequence_and_another_does_not(void **state)
{
    (void)state;
    struct rig_prng a, b, c;
    rig_prng_init(&a, 0);
    rig_prng_init(&b, 0);
    rig_prng_init(&c, 1);
    unsigned equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t number = rig_prng_u64(&a);
        assert_true(number == rig_prng_u64(&b));
        equal += number == rig_prng_u64(&c);
    }
    assert_int_equal(equal, 0);
}

static void numbers_below_a_bound_are_equally_frequent(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 7);
    unsigned hits[10] = {0};
    for (int i = 0; i < 100000; i++)
        hits[rig_prng_below(&prng, 10)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(hits[i], 9600, 10400); /* 4 standard deviations of 95 */
}

/* With 3 * 2^62 the modulus would hit the lowest quarter twice as often as the rest: 1/2 of all
 * numbers would be below 2^62, not 1/3. */
static void a_large_bound_has_no_modulo_bias(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 7);
    unsigned low = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t number = rig_prng_below(&prng, 3ull << 62);
        assert_true(number < 3ull << 62);
        low += number < 1ull << 62;
    }
    assert_in_range(low, 32700, 33950);
}

static void below_one_is_always_zero(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 7);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rig_prng_below(&prng, 1), 0);
}

static void unit_numbers_fill_zero_to_one(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 7);
    double sum = 0, lowest = 1, highest = 0;
    for (int i = 0; i < 100000; i++) {
        double x = rig_prng_unit(&prng);
        assert_true(x >= 0 && x < 1);
        sum += x;
        lowest = x < lowest ? x : lowest;
        highest = x > highest ? x : highest;
    }
    assert_true(sum > 49600 && sum < 50400 && lowest < 0.001 && highest > 0.999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_xoshiro256_starstar),
        cmocka_unit_test(seed_is_spread_by_splitmix64),
        cmocka_unit_test(same_seed_gives_same_sequence_and_another_does_not),
        cmocka_unit_test(numbers_below_a_bound_are_equally_frequent),
        cmocka_unit_test(a_large_bound_has_no_modulo_bias),
        cmocka_unit_test(below_one_is_always_zero),
        cmocka_unit_test(unit_numbers_fill_zero_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
