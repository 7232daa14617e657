/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/addr.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct rig_addr addr_of(const char *text)
{
    struct rig_addr addr;
    struct rig_err err = {""};
    int rc = rig_addr_parse(&addr, text, &err);
    if (rc < 0)
        fail_msg("%s: %s", text, err.text);
    return addr;
}

static void check_addr_text(const char *text, const char *printed)
{
    struct rig_addr addr = addr_of(text);
    char buf[RIG_ADDR_TEXT_MAX];
    assert_string_equal(rig_addr_format(&addr, buf), printed);
}

static void addresses_are_printed_in_their_canonical_form(void **state)
{
    (void)state;
    check_addr_text("10.0.0.1", "10.0.0.1");
    check_addr_text("255.255.255.255", "255.255.255.255");
    check_addr_text("::", "::");
    check_addr_text("::1", "::1");
    check_addr_text("1::", "1::");
    check_addr_text("FE80:0:0:0:0:0:0:00Ab", "fe80::ab");
    check_addr_text("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    check_addr_text("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    check_addr_text("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    check_addr_text("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    check_addr_text("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8");
    check_addr_text("::ffff:10.0.0.1", "::ffff:10.0.0.1");
    check_addr_text("64:ff9b::10.0.0.1", "64:ff9b::a00:1");
    check_addr_text("1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a");
    check_addr_text("fe80::1%3", "fe80::1%3");
    check_addr_text("ff02::1%4294967295", "ff02::1%4294967295");
    check_addr_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295",
                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295");
}

static void texts_that_are_no_address_are_refused_and_quoted(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "256.0.0.1",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1..2.3",
        "1.2.3.-4",
        "0x1.2.3.4",
        "1.2.3.4/24",
        ":",
        ":::",
        "1:",
        ":1",
        "1:2:3",
        "1::2::3",
        "::1:",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1.2.3",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "[::1]",
        "::1%1",
        "10.0.0.1%1",
        "fe80::1%",
        "fe80::1%0",
        "fe80::1%01",
        "fe80::1%eth0",
        "fe80::1%4294967296",
        "fe80::1%1x",
        "::ffff:1.2.3.4%1",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct rig_addr addr = {.family = 77};
        struct rig_err err = {""};
        char quoted[80];
        snprintf(quoted, sizeof(quoted), "'%s'", wrong[i]);
        if (rig_addr_parse(&addr, wrong[i], &err) != -EINVAL)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_non_null(strstr(err.text, quoted));
        assert_int_equal(addr.family, 77);
    }
}

/* libc's own functions are the model; its printing of ::a.b.c.d (deprecated) is not ours. */
static void random_ipv6_addresses_agree_with_libc(void **state)
{
    (void)state;
    struct rig_prng prng;
    rig_prng_init(&prng, 1);
    for (int round = 0; round < 20000; round++) {
        struct rig_addr addr = {.family = 6}, back;
        for (int i = 0; i < 16; i += 2) {
            bool zero = rig_prng_below(&prng, 2);
            addr.bytes[i] = zero ? 0 : (uint8_t)rig_prng_below(&prng, 2);
            addr.bytes[i + 1] = zero ? 0 : (uint8_t)rig_prng_u64(&prng);
        }
        addr.bytes[0] |= 0x20;
        char ours[RIG_ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, addr.bytes, theirs, sizeof(theirs));
        assert_string_equal(rig_addr_format(&addr, ours), theirs);
        assert_int_equal(rig_addr_parse(&back, theirs, NULL), 0);
        assert_true(rig_addr_equal(&addr, &back));
    }
}

static void random_texts_are_judged_as_libc_judges_them(void **state)
{
    (void)state;
    static const char alphabet[] = "::::..0125afF";
    struct rig_prng prng;
    rig_prng_init(&prng, 2);
    unsigned taken = 0;
    for (int round = 0; round < 300000; round++) {
        char text[24] = "";
        size_t len = rig_prng_below(&prng, 16);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[rig_prng_below(&prng, sizeof(alphabet) - 1)];
        uint8_t model[16] = {0};
        int family = inet_pton(AF_INET6, text, model) == 1  ? 6
                     : inet_pton(AF_INET, text, model) == 1 ? 4
                                                            : 0;
        struct rig_addr addr = {0};
        rig_addr_parse(&addr, text, NULL);
        if (addr.family != family || memcmp(addr.bytes, model, family == 4 ? 4 : 16) != 0)
            fail_msg("\"%s\": family %d, libc says %d", text, addr.family, family);
        taken += family != 0;
    }
    assert_true(taken > 1000);
}

static void classes_of_addresses_are_told_apart(void **state)
{
    (void)state;
    struct rig_addr any4 = addr_of("0.0.0.0"), any6 = addr_of("::"), unset = {0};
    struct rig_addr multi4 = addr_of("239.1.2.3"), multi6 = addr_of("ff02::1");
    struct rig_addr local4 = addr_of("169.254.1.1"), local6 = addr_of("febf::1");
    struct rig_addr other4 = addr_of("240.0.0.1"), other6 = addr_of("fec0::1");
    assert_true(rig_addr_is_any(&any4) && rig_addr_is_any(&any6));
    assert_false(rig_addr_is_any(&unset) || rig_addr_is_any(&other6));
    assert_true(rig_addr_is_multicast(&multi4) && rig_addr_is_multicast(&multi6));
    assert_false(rig_addr_is_multicast(&other4) || rig_addr_is_multicast(&local6));
    assert_true(rig_addr_is_link_local(&local4) && rig_addr_is_link_local(&local6));
    assert_false(rig_addr_is_link_local(&other4) || rig_addr_is_link_local(&other6));
}

static void a_mapped_address_becomes_ipv4_and_others_stay(void **state)
{
    (void)state;
    struct rig_addr mapped = addr_of("::ffff:10.0.0.1"), plain = addr_of("10.0.0.1");
    struct rig_addr six = addr_of("::1"), six_before = six;
    rig_addr_unmap(&mapped);
    rig_addr_unmap(&six);
    assert_true(rig_addr_equal(&mapped, &plain));
    assert_true(rig_addr_equal(&six, &six_before));
}

static void a_scope_makes_an_address_another(void **state)
{
    (void)state;
    struct rig_addr one = addr_of("fe80::1%1"), two = addr_of("fe80::1%2");
    assert_false(rig_addr_equal(&one, &two));
}

static void addresses_that_differ_in_any_byte_are_not_equal(void **state)
{
    (void)state;
    struct rig_addr addr = addr_of("2001:db8::1");
    for (int i = 0; i < 16; i++) {
        struct rig_addr other = addr;
        other.bytes[i] ^= 1;
        assert_false(rig_addr_equal(&addr, &other));
    }
}

static void endpoints_are_printed_with_brackets_around_ipv6(void **state)
{
    (void)state;
    char buf[RIG_ENDPOINT_TEXT_MAX];
    struct rig_endpoint four = {.addr = addr_of("10.0.0.1"), .port = 5001};
    struct rig_endpoint six = {
        .addr = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295"), .port = 65535};
    assert_string_equal(rig_endpoint_format(&four, buf), "10.0.0.1:5001");
    assert_string_equal(rig_endpoint_format(&six, buf),
                        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void endpoints_that_differ_in_one_part_are_not_equal(void **state)
{
    (void)state;
    struct rig_endpoint a = {.addr = addr_of("10.0.0.1"), .port = 1}, b = a;
    assert_true(rig_endpoint_equal(&a, &b));
    assert_int_equal(rig_endpoint_hash(&a), rig_endpoint_hash(&b));
    b.port = 2;
    assert_false(rig_endpoint_equal(&a, &b));
    b = a;
    b.addr = addr_of("10.0.0.2");
    assert_false(rig_endpoint_equal(&a, &b));
}

/* 64 hosts x 256 neighbouring ports into 16384 buckets: chance alone fills 1 - 1/e = 63 %. */
static void hash_spreads_ports_and_low_bits_of_addresses(void **state)
{
    (void)state;
    static uint8_t bucket[16384];
    unsigned filled = 0;
    for (unsigned i = 0; i < 16384; i++) {
        struct rig_endpoint e = {.addr = addr_of("10.0.0.0"), .port = (uint16_t)(32768 + i % 256)};
        e.addr.bytes[3] = (uint8_t)(i / 256);
        uint8_t *b = &bucket[rig_endpoint_hash(&e) % 16384];
        filled += *b == 0;
        *b = 1;
    }
    assert_in_range(filled, 10000, 10700);
}

static void prefix_contains_exactly_its_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *addr;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.1.77/23", "10.0.0.1", true},
        {"10.0.1.77/23", "10.0.2.1", false},
        {"10.0.0.1/32", "10.0.0.1", true},
        {"10.0.0.1/32", "10.0.0.0", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::", false},
        {"fd00::/64", "fd00::ffff:1", true},
        {"fd00::/64", "fd00:0:0:1::", false},
        {"fd00::1/127", "fd00::", true},
        {"fd00::1/127", "fd00::2", false},
        {"fd00::1/128", "fd00::1", true},
        {"fd00::1/128", "fd00::", false},
        {"::/0", "ffff::", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig_prefix prefix;
        struct rig_addr addr = addr_of(cases[i].addr);
        assert_int_equal(rig_prefix_parse(&prefix, cases[i].prefix, NULL), 0);
        if (rig_prefix_contains(&prefix, &addr) != cases[i].inside)
            fail_msg("%s in %s", cases[i].addr, cases[i].prefix);
    }
}

static void an_unset_or_impossible_prefix_contains_nothing(void **state)
{
    (void)state;
    struct rig_addr addr = addr_of("10.0.0.1"), unset = {0};
    struct rig_prefix impossible = {.addr = addr, .len_bits = 33}, none = {0};
    assert_false(rig_prefix_contains(&impossible, &addr));
    assert_false(rig_prefix_contains(&none, &unset));
}

static void a_prefix_without_a_fitting_length_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"10.0.0.1",     "10.0.0.1/",   "10.0.0.1/33", "fd00::/129",
                                        "10.0.0.1/-1",  "10.0.0.1/8x", "/8",          "10.0.0.1/08",
                                        "10.0.0.1/24 ", "10.0.0/8",    "fe80::1%1/64"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct rig_prefix prefix = {.len_bits = 99};
        struct rig_err err = {""};
        assert_int_equal(rig_prefix_parse(&prefix, wrong[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, wrong[i]));
        assert_int_equal(prefix.len_bits, 99);
    }
}

static void mac_addresses_are_read_and_printed(void **state)
{
    (void)state;
    struct rig_mac mac;
    char buf[RIG_MAC_TEXT_MAX];
    assert_int_equal(rig_mac_parse(&mac, "02:00:5E:10:00:ff", NULL), 0);
    assert_string_equal(rig_mac_format(&mac, buf), "02:00:5e:10:00:ff");
    assert_int_equal(rig_mac_parse(&mac, "0a-1B-2c-3d-4e-5f", NULL), 0);
    assert_string_equal(rig_mac_format(&mac, buf), "0a:1b:2c:3d:4e:5f");
}

static void texts_that_are_no_mac_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "0",
                                        "02",
                                        "02:00:00:00:00",
                                        "02:00:00:00:00:01:",
                                        "02:00:00:00:00:0",
                                        "02:00:00-00:00:01",
                                        "2:0:0:0:0:1",
                                        "02:00:00:00:00:0g",
                                        "020000000001",
                                        "02:00:00:00:00:01 "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct rig_mac mac = {{9, 9, 9, 9, 9, 9}};
        struct rig_err err = {""};
        assert_int_equal(rig_mac_parse(&mac, wrong[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, wrong[i]));
        assert_int_equal(mac.bytes[0], 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_printed_in_their_canonical_form),
        cmocka_unit_test(texts_that_are_no_address_are_refused_and_quoted),
        cmocka_unit_test(random_ipv6_addresses_agree_with_libc),
        cmocka_unit_test(random_texts_are_judged_as_libc_judges_them),
        cmocka_unit_test(classes_of_addresses_are_told_apart),
        cmocka_unit_test(a_mapped_address_becomes_ipv4_and_others_stay),
        cmocka_unit_test(a_scope_makes_an_address_another),
        cmocka_unit_test(addresses_that_differ_in_any_byte_are_not_equal),
        cmocka_unit_test(endpoints_are_printed_with_brackets_around_ipv6),
        cmocka_unit_test(endpoints_that_differ_in_one_part_are_not_equal),
        cmocka_unit_test(hash_spreads_ports_and_low_bits_of_addresses),
        cmocka_unit_test(prefix_contains_exactly_its_addresses),
        cmocka_unit_test(an_unset_or_impossible_prefix_contains_nothing),
        cmocka_unit_test(a_prefix_without_a_fitting_length_is_refused),
        cmocka_unit_test(mac_addresses_are_read_and_printed),
        cmocka_unit_test(texts_that_are_no_mac_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
