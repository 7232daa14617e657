/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port_name.h"

#include "port/port.h"
#include "port/port_backend.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The sentence of a refusal, which must be -EINVAL and quote the name. */
static const char *refusal(const char *text)
{
    static struct rig_err err;
    struct rig_port_name name;
    err.text[0] = '\0';
    assert_int_equal(rig_port_name_parse(&name, text, &err), -EINVAL);
    assert_memory_equal(err.text, "port '", 6);
    return err.text;
}

static void says(const char *text, const char *part)
{
    const char *sentence = refusal(text);
    if (!strstr(sentence, part))
        fail_msg("'%s' says '%s' and not '%s'", text, sentence, part);
}

static void parse(struct rig_port_name *name, const char *text)
{
    struct rig_err err = {.text = ""};
    if (rig_port_name_parse(name, text, &err) != 0)
        fail_msg("'%s': %s", text, err.text);
}

static void a_name_falls_into_kind_target_and_options(void **state)
{
    (void)state;
    struct rig_port_name name;
    parse(&name, "tap:tap0@offload=off,uso");
    assert_string_equal(name.kind, "tap");
    assert_string_equal(name.target, "tap0");
    assert_int_equal(name.n_options, 2);
    assert_string_equal(rig_port_name_option(&name, "offload"), "off");
    assert_string_equal(rig_port_name_option(&name, "uso"), "");
    assert_null(rig_port_name_option(&name, "mtu"));
}

static void every_kind_that_is_listed_parses(void **state)
{
    (void)state;
    uint32_t n;
    const struct rig_port_kind *kinds = rig_port_kinds(&n);
    assert_true(n > 0);
    for (uint32_t i = 0; i < n; i++) {
        struct rig_port_name name;
        parse(&name, kinds[i].syntax);
        assert_memory_equal(kinds[i].syntax, name.kind, strlen(name.kind));
    }
}

static void a_target_may_hold_slashes_colons_and_equals(void **state)
{
    (void)state;
    struct rig_port_name name;
    parse(&name, "pair:a:b=c,d/1@mtu=9000");
    assert_string_equal(name.target, "a:b=c,d/1");
    assert_string_equal(rig_port_name_option(&name, "mtu"), "9000");
}

static void null_has_no_target(void **state)
{
    (void)state;
    struct rig_port_name name;
    parse(&name, "null");
    assert_string_equal(name.kind, "null");
    assert_string_equal(name.target, "");
    says("null:x", "takes no ':'");
}

static void unknown_kinds_are_refused_with_the_list_of_kinds(void **state)
{
    (void)state;
    says("", "no such kind of port");
    says("tun:x", "tap:NAME");
    says("TAP:x", "no such kind of port");
    says("ta:x", "no such kind of port");
    says("taps:x", "no such kind of port");
    says("kernel", "no such kind of port");
    says(":x", "no such kind of port");
    says("@", "no such kind of port");
}

static void a_kind_with_a_target_needs_one(void **state)
{
    (void)state;
    says("tap", "needs a ':'");
    says("tap@offload=off", "needs a ':'");
    says("tap:", "nothing stands behind 'tap:'");
    says("tap:@offload=off", "nothing stands behind 'tap:'");
}

static void broken_options_are_refused(void **state)
{
    (void)state;
    says("tap:x@", "an option has no name");
    says("tap:x@a,", "an option has no name");
    says("tap:x@,a", "an option has no name");
    says("tap:x@=1", "an option has no name");
    says("tap:x@a=", "nothing behind its '='");
    says("tap:x@a=1,a=2", "given twice");
    says("tap:x@A=1", "an option's name is");
    says("tap:x@a b=1", "an option's name is");
    says("tap:x@a@b", "an option's name is");
    says("tap:x@abcdefghijklmnopqrstuvwx=1", "an option's name is");
    says("tap:x@a1,a2,a3,a4,a5,a6,a7,a8,a9,b1,b2,b3,b4,b5,b6,b7,b8", "more than 16 options");
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    struct rig_port_name name;
    char text[2000] = "tap:";
    memset(text + 4, 'x', RIG_PORT_TEXT_MAX - 1);
    parse(&name, text);
    assert_int_equal(strlen(name.target), RIG_PORT_TEXT_MAX - 1);

    text[4 + RIG_PORT_TEXT_MAX - 1] = 'x';
    says(text, "has 256 bytes; 255 are allowed");

    memset(text + 4, 'x', sizeof(text) - 5);
    says(text, "longer than 511 bytes");
}

static void control_characters_are_refused_and_never_quoted(void **state)
{
    (void)state;
    const char *sentence = refusal("tap:a\033[2Jb");
    assert_non_null(strstr(sentence, "control character"));
    assert_null(strchr(sentence, '\033'));
    says("tap:a@k=\n", "control character");
    assert_null(strchr(refusal("\x80\xff\n"), '\n'));
}

static void a_refused_name_leaves_the_object_alone(void **state)
{
    (void)state;
    struct rig_port_name name, before;
    parse(&name, "tap:tap0@offload=off");
    before = name;
    assert_int_equal(rig_port_name_parse(&name, "pair:x/0@", NULL), -EINVAL);
    assert_memory_equal(&name, &before, sizeof(name));
}

static void an_option_that_a_kind_does_not_have_is_refused(void **state)
{
    (void)state;
    static const char *const some[] = {"offload", "uso", NULL};
    static const char *const none[] = {NULL};
    struct rig_port_name name;
    struct rig_err err = {.text = ""};
    parse(&name, "tap:x@offload,ufo=on");
    assert_int_equal(rig_port_name_check_options(&name, some, &err), -EINVAL);
    assert_string_equal(err.text, "a 'tap' port has no option 'ufo'; it takes @offload, @uso");
    assert_int_equal(rig_port_name_check_options(&name, none, &err), -EINVAL);
    assert_string_equal(err.text, "a 'tap' port has no option 'offload'; it takes none");
    parse(&name, "tap:x@uso");
    assert_int_equal(rig_port_name_check_options(&name, some, &err), 0);
}

static void switches_take_on_off_yes_no_1_0_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int expect; /* -1: refused */
    } cases[] = {{"null@k", 1},     {"null@k=on", 1},  {"null@k=yes", 1}, {"null@k=1", 1},
                 {"null@k=off", 0}, {"null@k=no", 0},  {"null@k=0", 0},   {"null@k=ON", -1},
                 {"null@k=2", -1},  {"null@k=onn", -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig_port_name name;
        struct rig_err err = {.text = ""};
        parse(&name, cases[i].text);
        bool value = cases[i].expect != 1;
        int ret = rig_port_name_switch(&name, "k", &value, &err);
        assert_int_equal(ret, cases[i].expect < 0 ? -EINVAL : 0);
        if (ret < 0)
            assert_non_null(strstr(err.text, "on and off are allowed"));
        else
            assert_int_equal(value, cases[i].expect);
    }
}

static void an_absent_switch_keeps_its_default(void **state)
{
    (void)state;
    struct rig_port_name name;
    parse(&name, "null@other=off");
    bool value = true;
    assert_int_equal(rig_port_name_switch(&name, "k", &value, NULL), 0);
    assert_true(value);
}

static void mtu_is_a_number_between_68_and_65535(void **state)
{
    (void)state;
    struct rig_port_name name;
    struct rig_err err = {.text = ""};
    uint32_t mtu_bytes = 1500;
    parse(&name, "null");
    assert_int_equal(rig_port_option_mtu(&name, &mtu_bytes, &err), 0);
    assert_int_equal(mtu_bytes, 1500);
    parse(&name, "null@mtu=9000");
    assert_int_equal(rig_port_option_mtu(&name, &mtu_bytes, &err), 0);
    assert_int_equal(mtu_bytes, 9000);
    static const char *const bad[] = {"null@mtu", "null@mtu=67", "null@mtu=65536", "null@mtu=-1",
                                      "null@mtu=1k"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        parse(&name, bad[i]);
        assert_true(rig_port_option_mtu(&name, &mtu_bytes, &err) < 0);
        assert_non_null(strstr(err.text, "'mtu'"));
        assert_int_equal(mtu_bytes, 9000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_falls_into_kind_target_and_options),
        cmocka_unit_test(every_kind_that_is_listed_parses),
        cmocka_unit_test(a_target_may_hold_slashes_colons_and_equals),
        cmocka_unit_test(null_has_no_target),
        cmocka_unit_test(unknown_kinds_are_refused_with_the_list_of_kinds),
        cmocka_unit_test(a_kind_with_a_target_needs_one),
        cmocka_unit_test(broken_options_are_refused),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(control_characters_are_refused_and_never_quoted),
        cmocka_unit_test(a_refused_name_leaves_the_object_alone),
        cmocka_unit_test(an_option_that_a_kind_does_not_have_is_refused),
        cmocka_unit_test(switches_take_on_off_yes_no_1_0_and_nothing_else),
        cmocka_unit_test(an_absent_switch_keeps_its_default),
        cmocka_unit_test(mtu_is_a_number_between_68_and_65535),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
