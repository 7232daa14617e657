/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void sentence_and_code_come_back(void **state)
{
    (void)state;
    struct rig_err err;
    assert_int_equal(rig_err_set(&err, -ENOENT, "%s is %d", "answer", 42), -ENOENT);
    assert_string_equal(err.text, "answer is 42");
}

static void without_a_place_for_text_only_the_code_comes_back(void **state)
{
    (void)state;
    assert_int_equal(rig_err_set(NULL, -EINVAL, "nobody reads this"), -EINVAL);
    rig_err_prefix(NULL, "nobody reads this");
}

static void long_sentence_is_cut_at_the_end_of_the_text(void **state)
{
    (void)state;
    struct rig_err err;
    memset(&err, 'x', sizeof(err));
    rig_err_set(&err, -EINVAL, "%01000d", 7);
    assert_int_equal(strlen(err.text), RIG_ERR_TEXT_BYTES - 1);
}

static void prefix_stands_before_the_sentence(void **state)
{
    (void)state;
    struct rig_err err;
    rig_err_set(&err, -EINVAL, "it is full");
    rig_err_prefix(&err, "%s %d", "cup", 3);
    assert_string_equal(err.text, "cup 3: it is full");
}

/* What the two-step copy must equal, for each length of place and sentence near the limits. */
static void check_prefix_of(size_t place_len, size_t old_len)
{
    char place[RIG_ERR_TEXT_BYTES], old[RIG_ERR_TEXT_BYTES], want[2 * RIG_ERR_TEXT_BYTES + 3];
    memset(place, 'p', place_len);
    memset(old, 'o', old_len);
    place[place_len] = old[old_len] = '\0';
    snprintf(want, sizeof(want), "%s: %s", place, old);
    want[RIG_ERR_TEXT_BYTES - 1] = '\0';

    struct rig_err err;
    rig_err_set(&err, -EINVAL, "%s", old);
    rig_err_prefix(&err, "%s", place);
    assert_string_equal(err.text, want);
}

static void prefix_and_sentence_together_are_cut_too(void **state)
{
    (void)state;
    const size_t max = RIG_ERR_TEXT_BYTES - 1;
    for (size_t place_len = 0; place_len <= max; place_len++) {
        check_prefix_of(place_len, 0);
        check_prefix_of(place_len, 1);
        check_prefix_of(place_len, max - place_len);
        check_prefix_of(place_len, max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_and_code_come_back),
        cmocka_unit_test(without_a_place_for_text_only_the_code_comes_back),
        cmocka_unit_test(long_sentence_is_cut_at_the_end_of_the_text),
        cmocka_unit_test(prefix_stands_before_the_sentence),
        cmocka_unit_test(prefix_and_sentence_together_are_cut_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
