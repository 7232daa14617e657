/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int parse_u64(uint64_t *value, const char *text, struct rig_err *err);

typedef int parse_rate(struct rig_rate *rate, const char *text, struct rig_err *err);

/* -EBADMSG: taken, but as the other kind of rate. */
static int rate_value(parse_rate *parse, bool want_pps, uint64_t *value, const char *text,
                      struct rig_err *err)
{
    struct rig_rate rate;
    int rc = parse(&rate, text, err);
    if (rc < 0)
        return rc;
    if (rate.is_pps != want_pps)
        return -EBADMSG;
    *value = rate.value;
    return 0;
}

static int parse_iperf_bits(uint64_t *value, const char *text, struct rig_err *err)
{
    return rate_value(rig_units_parse_iperf_rate, false, value, text, err);
}

static int parse_iperf_packets(uint64_t *value, const char *text, struct rig_err *err)
{
    return rate_value(rig_units_parse_iperf_rate, true, value, text, err);
}

static int parse_bits(uint64_t *value, const char *text, struct rig_err *err)
{
    return rate_value(rig_units_parse_rate, false, value, text, err);
}

static int parse_packets(uint64_t *value, const char *text, struct rig_err *err)
{
    return rate_value(rig_units_parse_rate, true, value, text, err);
}

static int parse_ratio(uint64_t *value, const char *text, struct rig_err *err)
{
    double ratio = -1;
    int rc = rig_units_parse_ratio(&ratio, text, err);
    if (rc == 0)
        memcpy(value, &ratio, sizeof(ratio));
    return rc;
}

static int parse_int(uint64_t *value, const char *text, struct rig_err *err)
{
    int64_t number = 0;
    int rc = rig_units_parse_int(&number, text, 0, INT64_MAX, err);
    if (rc == 0)
        *value = (uint64_t)number;
    return rc;
}

static parse_u64 *const all[] = {
    rig_units_parse_iperf,   parse_iperf_bits, parse_iperf_packets, rig_units_parse_count,
    rig_units_parse_bytes,   parse_bits,       parse_packets,       rig_units_parse_time,
    rig_units_parse_seconds, parse_ratio,      parse_int,
};
#define N_ALL (sizeof(all) / sizeof(all[0]))

static void check(parse_u64 *parse, const char *text, uint64_t want)
{
    uint64_t value = 0;
    struct rig_err err = {""};
    int rc = parse(&value, text, &err);
    if (rc < 0)
        fail_msg("\"%s\": %d %s", text, rc, err.text);
    if (value != want)
        fail_msg("\"%s\" is %" PRIu64 ", not %" PRIu64, text, value, want);
}

static void check_refused(parse_u64 *parse, const char *text, int code)
{
    uint64_t value = 4711;
    struct rig_err err = {""};
    int rc = parse(&value, text, &err);
    char quoted[RIG_ERR_TEXT_BYTES];
    snprintf(quoted, sizeof(quoted), "'%s' ", text);
    if (rc != code)
        fail_msg("\"%s\": %d, not %d (%s)", text, rc, code, err.text);
    assert_ptr_equal(strstr(err.text, quoted), err.text);
    assert_int_equal(value, 4711);
}

static void iperf_suffixes_count_by_1000_or_1024_by_their_case(void **state)
{
    (void)state;
    parse_u64 *const parse[] = {rig_units_parse_iperf, parse_iperf_bits};
    for (int i = 0; i < 2; i++) {
        check(parse[i], "0", 0);
        check(parse[i], "1470", 1470);
        check(parse[i], "1k", 1000);
        check(parse[i], "1K", 1024);
        check(parse[i], "3m", 3000000);
        check(parse[i], "3M", 3145728);
        check(parse[i], "2g", 2000000000);
        check(parse[i], "2G", 2147483648);
        check(parse[i], "5t", 5000000000000);
        check(parse[i], "5T", 5497558138880);
        check(parse[i], "1.05m", 1050000);
        check(parse[i], ".5k", 500);
        check(parse[i], "1.K", 1024);
    }
}

static void iperf_fractions_of_one_are_cut_off(void **state)
{
    (void)state;
    check(rig_units_parse_iperf, "1.1K", 1126);
    check(rig_units_parse_iperf, "1.0015k", 1001);
    check(rig_units_parse_iperf, "2.999", 2);
    check_refused(rig_units_parse_iperf, "0.5", -EINVAL);
    check_refused(parse_iperf_packets, "0.5pps", -EINVAL);
}

static void iperf_rate_with_pps_counts_datagrams(void **state)
{
    (void)state;
    check(parse_iperf_packets, "1000pps", 1000);
    check(parse_iperf_packets, "10kpps", 10000);
    check(parse_iperf_packets, "1Mpps", 1048576);
    check(parse_iperf_packets, "1.5mpps", 1500000);
    check_refused(parse_iperf_bits, "1bps", -EINVAL);
    check_refused(parse_iperf_bits, "1pp", -EINVAL);
    check_refused(parse_iperf_packets, "pps", -EINVAL);
    check_refused(parse_iperf_packets, "1ppspps", -EINVAL);
}

static void counts_take_prefixes_of_either_case(void **state)
{
    (void)state;
    check(rig_units_parse_count, "10k", 10000);
    check(rig_units_parse_count, "10K", 10000);
    check(rig_units_parse_count, "10ki", 10240);
    check(rig_units_parse_count, "10Ki", 10240);
    check(rig_units_parse_count, "1.5M", 1500000);
    check(rig_units_parse_count, "1.5Mi", 1572864);
    check(rig_units_parse_count, "3g", 3000000000);
    check(rig_units_parse_count, "3Gi", 3221225472);
    check(rig_units_parse_count, "7T", 7000000000000);
    check(rig_units_parse_count, "7Ti", 7696581394432);
    check(rig_units_parse_count, "007", 7);
    check_refused(rig_units_parse_count, "1.5", -EINVAL);
    check_refused(rig_units_parse_count, "1.0005k", -EINVAL);
    check_refused(rig_units_parse_count, "10i", -EINVAL);
    check_refused(rig_units_parse_count, "10B", -EINVAL);
    check_refused(rig_units_parse_count, "10kk", -EINVAL);
}

static void sizes_may_end_in_b_for_bytes(void **state)
{
    (void)state;
    check(rig_units_parse_bytes, "64KiB", 65536);
    check(rig_units_parse_bytes, "64Ki", 65536);
    check(rig_units_parse_bytes, "64kB", 64000);
    check(rig_units_parse_bytes, "64B", 64);
    check(rig_units_parse_bytes, "64", 64);
    check_refused(rig_units_parse_bytes, "64b", -EINVAL);
    check_refused(rig_units_parse_bytes, "64KiBB", -EINVAL);
    check_refused(rig_units_parse_bytes, "1bps", -EINVAL);
}

static void rates_are_bits_unless_they_say_pps(void **state)
{
    (void)state;
    check(parse_bits, "100Mbps", 100000000);
    check(parse_bits, "100M", 100000000);
    check(parse_bits, "1Gibps", 1073741824);
    check(parse_bits, "9", 9);
    check(parse_packets, "1.5Mpps", 1500000);
    check(parse_packets, "5pps", 5);
    check_refused(parse_bits, "1Bps", -EINVAL);
    check_refused(parse_bits, "1.5bps", -EINVAL);
    check_refused(parse_packets, "0.1pps", -EINVAL);
}

static void times_are_seconds_unless_they_name_a_unit(void **state)
{
    (void)state;
    check(rig_units_parse_time, "10", 10 * RIG_NS_PER_S);
    check(rig_units_parse_time, "10s", 10 * RIG_NS_PER_S);
    check(rig_units_parse_time, "250ms", 250000000);
    check(rig_units_parse_time, "1.5us", 1500);
    check(rig_units_parse_time, "7ns", 7);
    check(rig_units_parse_time, "2min", 120 * RIG_NS_PER_S);
    check(rig_units_parse_time, "1.5h", 5400 * RIG_NS_PER_S);
    check(rig_units_parse_time, "0.000000001", 1);
    check_refused(rig_units_parse_time, "5m", -EINVAL);
    check_refused(rig_units_parse_time, "5ks", -EINVAL);
    check_refused(rig_units_parse_time, "1.5ns", -EINVAL);
    check_refused(rig_units_parse_time, "18446744074", -ERANGE);
}

static void seconds_take_nine_digits_behind_the_point(void **state)
{
    (void)state;
    check(rig_units_parse_seconds, "10", 10 * RIG_NS_PER_S);
    check(rig_units_parse_seconds, "0.5", 500000000);
    check(rig_units_parse_seconds, "1.123456789", 1123456789);
    check(rig_units_parse_seconds, "1.1234567890", 1123456789);
    check_refused(rig_units_parse_seconds, "0.1234567891", -EINVAL);
    check_refused(rig_units_parse_seconds, "10s", -EINVAL);
    check_refused(rig_units_parse_seconds, "18446744073.709551616", -ERANGE);
}

static void check_ratio(const char *text, double want)
{
    double ratio = -1;
    assert_int_equal(rig_units_parse_ratio(&ratio, text, NULL), 0);
    if (ratio != want)
        fail_msg("\"%s\" is %.17g, not %.17g", text, ratio, want);
}

static void ratios_are_the_double_nearest_to_their_text(void **state)
{
    (void)state;
    check_ratio("0", 0);
    check_ratio("1", 1);
    check_ratio("1.000", 1);
    check_ratio("100%", 1);
    check_ratio("0.1%", 0.001);
    check_ratio("12.5%", 0.125);
    for (int i = 0; i < 100000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "0.%05d", i);
        check_ratio(text, strtod(text, NULL));
        double want = strtod(text, NULL);
        snprintf(text, sizeof(text), "%d.%03d%%", i / 1000, i % 1000);
        check_ratio(text, want);
    }
    check_refused(parse_ratio, "1.0001", -ERANGE);
    check_refused(parse_ratio, "101%", -ERANGE);
    check_refused(parse_ratio, "18446744073709551616%", -ERANGE);
    check_refused(parse_ratio, "5%%", -EINVAL);
    check_refused(parse_ratio, "%", -EINVAL);
}

static void no_parser_takes_what_is_not_a_plain_number(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",  "+1", "nan", "inf",   "-inf", "1e400", "1e3", "10x",   " 10",      "10 ",
        ".", "k",  "1,5", "1.2.3", "0x10", "10\n",  "--1", "1.5.k", "\xc2\xb5",
    };
    for (size_t p = 0; p < N_ALL; p++)
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
            check_refused(all[p], wrong[i], -EINVAL);
    for (size_t p = 0; p < N_ALL; p++)
        check_refused(all[p], "-1", all[p] == parse_int ? -ERANGE : -EINVAL);
}

static void numbers_fit_up_to_two_to_the_64_less_one(void **state)
{
    (void)state;
    check(rig_units_parse_count, "18446744073709551615", UINT64_MAX);
    check(rig_units_parse_count, "18446744073709551.615k", UINT64_MAX);
    check(rig_units_parse_iperf, "18446744073709551615", UINT64_MAX);
    check(rig_units_parse_time, "18446744073709551615ns", UINT64_MAX);
    check_refused(rig_units_parse_count, "18446744073709551616", -ERANGE);
    check_refused(rig_units_parse_count, "18446744073709551.616k", -ERANGE);
    check_refused(rig_units_parse_iperf, "16777216T", -ERANGE);
    check_refused(rig_units_parse_iperf, "99999999999999999999999999", -ERANGE);
    check_refused(parse_iperf_bits, "18446744073709551615k", -ERANGE);
    check_refused(parse_packets, "18446744073709551616pps", -ERANGE);
    check_refused(rig_units_parse_count, "0.1234567890123456789", -ERANGE);
}

static void whole_numbers_keep_within_their_bounds(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_int_equal(rig_units_parse_int(&value, "-5", -5, 5, NULL), 0);
    assert_true(value == -5);
    assert_int_equal(rig_units_parse_int(&value, "5", -5, 5, NULL), 0);
    assert_true(value == 5);
    struct rig_err err;
    assert_int_equal(rig_units_parse_int(&value, "6", -5, 5, &err), -ERANGE);
    assert_string_equal(err.text, "'6' is out of range: -5 to 5");
    assert_int_equal(rig_units_parse_int(&value, "-6", -5, 5, &err), -ERANGE);
    assert_int_equal(rig_units_parse_int(&value, "1.0", -5, 5, &err), -EINVAL);
    assert_string_equal(err.text, "'1.0' is not a whole number from -5 to 5");
    assert_true(value == 5);
    const char *lowest = "-9223372036854775808", *below = "-9223372036854775809";
    assert_int_equal(rig_units_parse_int(&value, lowest, INT64_MIN, INT64_MAX, NULL), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(rig_units_parse_int(&value, below, INT64_MIN, INT64_MAX, NULL), -ERANGE);
    assert_int_equal(rig_units_parse_int(&value, "9223372036854775808", INT64_MIN, INT64_MAX, NULL),
                     -ERANGE);
}

static void a_long_text_is_quoted_in_part(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t p = 0; p < N_ALL; p++) {
        uint64_t value;
        struct rig_err err = {""};
        assert_int_equal(all[p](&value, text, &err), -EINVAL);
        assert_true(strlen(err.text) < RIG_ERR_TEXT_BYTES - 1);
        assert_non_null(strstr(err.text, "x' is not a"));
    }
}

static void check_format(double bytes, char format, const char *want)
{
    char buf[32];
    assert_string_equal(rig_units_format_iperf(buf, sizeof(buf), bytes, format), want);
}

/* The texts on the right are what iperf 2.1.8 prints for the same figures. */
static void figures_look_as_iperf_prints_them(void **state)
{
    (void)state;
    check_format(0, 'a', "0.000 bit");
    check_format(0, 'A', "0.000 Byte");
    check_format(1342177280, 'A', "1.25 GByte");
    check_format(117625000, 'a', " 941 Mbit");
    check_format(131250, 'a', "1.05 Mbit");
    check_format(149375, 'a', "1.19 Mbit");
    check_format(13107200, 'A', "12.5 MByte");
    check_format(131072, 'A', " 128 KByte");
    check_format(1023, 'A', "1023 Byte");
    check_format(1023 * 1024., 'A', "1023 KByte");
    check_format(124.9, 'a', " 999 bit");
    check_format(124.999, 'a', "1000 bit");
    check_format(125, 'a', "1.00 Kbit");
    check_format(1.5e15, 'a', "12.0 Pbit");
    check_format(1e20, 'a', "800000 Pbit");
    check_format(1.1259e15, 'A', "1.00 PByte");
}

static void a_letter_fixes_the_unit(void **state)
{
    (void)state;
    check_format(1250000, 'b', "10000000 bit");
    check_format(1250000, 'k', "10000 Kbit");
    check_format(1250000, 'm', "10.0 Mbit");
    check_format(1250000, 'g', "0.010 Gbit");
    check_format(1250000000, 't', "0.010 Tbit");
    check_format(1048576, 'B', "1048576 Byte");
    check_format(1048576, 'K', "1024 KByte");
    check_format(1048576, 'M', "1.00 MByte");
    check_format(1048576, 'G', "0.001 GByte");
    check_format(1099511627776, 'T', "1.00 TByte");
}

static void rounding_never_takes_a_fifth_place(void **state)
{
    (void)state;
    char buf[32];
    double bytes = 1;
    for (int i = 0; i < 55000; i++) { /* up to 5e16 bytes */
        rig_units_format_iperf(buf, sizeof(buf), bytes, 'a');
        assert_int_equal(strcspn(buf + 1, " "), 3);
        rig_units_format_iperf(buf, sizeof(buf), bytes, 'A');
        assert_int_equal(strcspn(buf + 1, " "), 3);
        bytes *= 1.0007;
    }
    check_format(0.9995 / 8, 'b', "1.00 bit");
    check_format(0.995, 'B', "0.995 Byte");
    check_format(9.995, 'B', "10.0 Byte");
    check_format(99.95, 'B', " 100 Byte");
}

static void a_small_buffer_is_never_overrun(void **state)
{
    (void)state;
    char *buf = malloc(5);
    assert_string_equal(rig_units_format_iperf(buf, 5, 1342177280, 'A'), "1.25");
    free(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iperf_suffixes_count_by_1000_or_1024_by_their_case),
        cmocka_unit_test(iperf_fractions_of_one_are_cut_off),
        cmocka_unit_test(iperf_rate_with_pps_counts_datagrams),
        cmocka_unit_test(counts_take_prefixes_of_either_case),
        cmocka_unit_test(sizes_may_end_in_b_for_bytes),
        cmocka_unit_test(rates_are_bits_unless_they_say_pps),
        cmocka_unit_test(times_are_seconds_unless_they_name_a_unit),
        cmocka_unit_test(seconds_take_nine_digits_behind_the_point),
        cmocka_unit_test(ratios_are_the_double_nearest_to_their_text),
        cmocka_unit_test(no_parser_takes_what_is_not_a_plain_number),
        cmocka_unit_test(numbers_fit_up_to_two_to_the_64_less_one),
        cmocka_unit_test(whole_numbers_keep_within_their_bounds),
        cmocka_unit_test(a_long_text_is_quoted_in_part),
        cmocka_unit_test(figures_look_as_iperf_prints_them),
        cmocka_unit_test(a_letter_fixes_the_unit),
        cmocka_unit_test(rounding_never_takes_a_fifth_place),
        cmocka_unit_test(a_small_buffer_is_never_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
