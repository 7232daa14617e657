/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/lab.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig_err err;

static int make_plan(void **state)
{
    *state = calloc(1, sizeof(struct rig_lab_plan));
    return *state == NULL;
}

static int free_plan(void **state)
{
    free(*state);
    return 0;
}

static void accept(struct rig_lab_plan *plan, const char *word)
{
    int code = rig_lab_plan_add(plan, word, &err);
    if (code != 0)
        print_error("%s\n", err.text);
    assert_int_equal(code, 0);
}

/* The word is refused, the plan stays as it was, and the sentence quotes the word and has `part`.
 */
static void refuse(struct rig_lab_plan *plan, const char *word, const char *part)
{
    uint32_t n_before = plan->n_steps;
    assert_int_equal(rig_lab_plan_add(plan, word, &err), -EINVAL);
    assert_int_equal(plan->n_steps, n_before);
    if (strstr(err.text, part) == NULL)
        print_error("'%s' is not in: %s\n", part, err.text);
    assert_non_null(strstr(err.text, part));
    char quoted[128];
    snprintf(quoted, sizeof(quoted), "'%.64s'", word);
    assert_non_null(strstr(err.text, quoted));
    assert_null(strchr(err.text, '\n'));
}

static void says(const struct rig_lab_plan *plan, uint32_t i, const char *sentence)
{
    char text[RIG_LAB_STEP_TEXT_MAX];
    assert_true(i < plan->n_steps);
    assert_string_equal(rig_lab_step_format(&plan->steps[i], text), sentence);
}

static void each_word_becomes_its_step(void **state)
{
    struct rig_lab_plan *plan = *state;
    accept(plan, "ns:far");
    accept(plan, "veth:a,b@far");
    accept(plan, "tap:tap0");
    accept(plan, "addr:a=10.0.0.1/24");
    accept(plan, "addr:b@far=fd00::2/64");
    accept(plan, "route:far=10.0.0.1");
    accept(plan, "route:=fd00::2");
    accept(plan, "mtu:b@far=9000");
    assert_int_equal(plan->n_steps, 8);
    says(plan, 0, "namespace far");
    says(plan, 1, "pair a and b@far");
    says(plan, 2, "tap tap0");
    says(plan, 3, "address 10.0.0.1/24 on a");
    says(plan, 4, "address fd00::2/64 on b@far");
    says(plan, 5, "default route via 10.0.0.1 in far");
    says(plan, 6, "default route via fd00::2 in home");
    says(plan, 7, "MTU 9000 on b@far");
}

static void a_bridge_takes_its_ports_in_order(void **state)
{
    struct rig_lab_plan *plan = *state;
    accept(plan, "ns:mid");
    accept(plan, "bridge:br0@mid=tap0+tap1+c");
    assert_int_equal(plan->n_steps, 5);
    says(plan, 1, "bridge br0@mid");
    says(plan, 2, "tap0@mid into bridge br0");
    says(plan, 4, "c@mid into bridge br0");
}

static void home_is_the_first_namespace(void **state)
{
    struct rig_lab_plan *plan = *state;
    accept(plan, "tap:t@home");
    assert_string_equal(plan->steps[0].ns, "");
    accept(plan, "route:home=10.0.0.1");
    assert_string_equal(plan->steps[1].ns, "");
    refuse(plan, "ns:home", "already");
}

static void one_name_may_stand_in_two_namespaces(void **state)
{
    struct rig_lab_plan *plan = *state;
    accept(plan, "ns:a");
    accept(plan, "ns:b");
    accept(plan, "veth:eth0@a,eth0@b");
    refuse(plan, "tap:eth0@b", "an interface 'eth0' in namespace 'b' already");
    refuse(plan, "veth:x,x", "one name");
    refuse(plan, "ns:a", "already");
    refuse(plan, "tap:lo", "already");
}

static void a_namespace_comes_before_its_use(void **state)
{
    struct rig_lab_plan *plan = *state;
    refuse(plan, "veth:a,b@far", "say ns:far before it");
    refuse(plan, "route:far=10.0.0.1", "say ns:far before it");
}

static void names_that_the_kernel_refuses_are_refused(void **state)
{
    struct rig_lab_plan *plan = *state;
    accept(plan, "tap:fifteen_letters");
    refuse(plan, "tap:sixteen_letters_", "cannot name an interface");
    refuse(plan, "tap:", "cannot name an interface");
    refuse(plan, "tap:a/b", "cannot name an interface");
    refuse(plan, "tap:..", "cannot name an interface");
    refuse(plan, "tap:a b", "cannot name an interface");
    refuse(plan, "tap:a@", "cannot name a namespace");
    refuse(plan, "ns:", "cannot name a namespace");
    refuse(plan, "ns:../../etc/passwd", "cannot name a namespace");
    refuse(plan, "ns:a_name_that_has_thirty_two_lettr", "cannot name a namespace");
    refuse(plan, "bridge:br=", "cannot name an interface");
    refuse(plan, "bridge:br=a++b", "cannot name an interface");
}

static void missing_parts_are_named(void **state)
{
    struct rig_lab_plan *plan = *state;
    refuse(plan, "veth:a", "veth:A[@NS],B[@NS]");
    refuse(plan, "addr:a", "addr:IF[@NS]=A/P");
    refuse(plan, "route:", "route:[NS]=GATEWAY");
    refuse(plan, "mtu:a", "mtu:IF[@NS]=BYTES");
    refuse(plan, "frob:a", "ns:NAME");
    refuse(plan, "", "ns:NAME");
}

static void values_are_checked(void **state)
{
    struct rig_lab_plan *plan = *state;
    refuse(plan, "addr:a=10.0.0.1", "prefix length");
    refuse(plan, "addr:a=10.0.0.1/33", "33");
    refuse(plan, "addr:a=10.0.0.1/24x", "24x");
    refuse(plan, "route:=nowhere", "nowhere");
    refuse(plan, "mtu:a=67", "67");
    refuse(plan, "mtu:a=65536", "65536");
    refuse(plan, "mtu:a=-1", "-1");
    refuse(plan, "mtu:a=1k", "1k");
}

static void a_full_plan_refuses_a_step_and_keeps_the_others(void **state)
{
    struct rig_lab_plan *plan = *state;
    char word[32];
    for (int i = 0; i < RIG_LAB_STEPS_MAX - 1; i++) {
        snprintf(word, sizeof(word), "tap:t%d", i);
        accept(plan, word);
    }
    refuse(plan, "bridge:br=t0", "at most 256 steps");
    accept(plan, "bridge:br");
    refuse(plan, "tap:last", "at most 256 steps");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_plan, free_plan)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_word_becomes_its_step),
        TEST(a_bridge_takes_its_ports_in_order),
        TEST(home_is_the_first_namespace),
        TEST(one_name_may_stand_in_two_namespaces),
        TEST(a_namespace_comes_before_its_use),
        TEST(names_that_the_kernel_refuses_are_refused),
        TEST(missing_parts_are_named),
        TEST(values_are_checked),
        TEST(a_full_plan_refuses_a_step_and_keeps_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
