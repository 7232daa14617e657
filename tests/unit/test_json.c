/* SPDX-License-Identifier: BSD-2-Clause */
/* Python's json module is the judge: each test writes what it made, with what it must mean, into
 * an interpreter that ends with 0 if all agree. */
#include "base/json.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads lines of JSON, a tab, and a Python expression that the JSON must equal, types included. */
#define JUDGE                                                                                      \
    "python3 -c '\n"                                                                               \
    "import json, sys\n"                                                                           \
    "def refuse(word): raise ValueError(word)\n"                                                   \
    "for line in sys.stdin.buffer.readlines():\n"                                                  \
    "    text, want = line.decode(\"utf-8\").rstrip(\"\\n\").split(\"\\t\", 1)\n"                  \
    "    got = json.loads(text, parse_constant=refuse)\n"                                          \
    "    if repr(got) != repr(eval(want)): sys.exit(text + \" is not \" + want)\n"                 \
    "'"

static FILE *call_judge(void)
{
    FILE *judge = popen(JUDGE, "w");
    assert_non_null(judge);
    return judge;
}

static void check_verdict(FILE *judge)
{
    assert_int_equal(pclose(judge), 0);
}

static void write_document(struct rig_json *json)
{
    rig_json_str(json, "event", "interval");
    rig_json_u64(json, "u", UINT64_MAX);
    rig_json_i64(json, "i", INT64_MIN);
    rig_json_f64(json, "f", 12.5, 3);
    rig_json_bool(json, "t", true);
    rig_json_bool(json, "n", false);
    rig_json_null(json, "z");
    rig_json_object(json, "o");
    rig_json_close(json);
    rig_json_array(json, "a");
    rig_json_u64(json, NULL, 1);
    rig_json_object(json, NULL);
    rig_json_str(json, "k", NULL);
    rig_json_array(json, "e");
    rig_json_close(json);
    rig_json_close(json);
    rig_json_str(json, NULL, "");
    rig_json_close(json);
    rig_json_u64(json, "last", 0);
}

#define DOCUMENT                                                                                   \
    "{\"event\":\"interval\",\"u\":18446744073709551615,\"i\":-9223372036854775808,\"f\":12.500,"  \
    "\"t\":true,\"n\":false,\"z\":null,\"o\":{},\"a\":[1,{\"k\":null,\"e\":[]},\"\"],\"last\":0}"

static void a_document_of_all_kinds_is_read_back(void **state)
{
    (void)state;
    char buf[500];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    write_document(&json);
    const char *text = rig_json_end(&json);
    assert_string_equal(text, DOCUMENT);
    FILE *judge = call_judge();
    fprintf(
        judge,
        "%s\t{'event': 'interval', 'u': 2**64-1, 'i': -2**63, 'f': 12.5, 't': True, 'n': False, "
        "'z': None, 'o': {}, 'a': [1, {'k': None, 'e': []}, ''], 'last': 0}\n",
        text);
    check_verdict(judge);
}

static void the_judge_notices_a_difference(void **state)
{
    (void)state;
    FILE *judge = popen(JUDGE " 2>/dev/null", "w");
    assert_non_null(judge);
    fprintf(judge, "{\"a\":1}\t{'a': 2}\n");
    assert_int_not_equal(pclose(judge), 0);
}

/* malloc, so that a sanitizer sees one byte too many. */
static void a_buffer_of_any_size_holds_all_or_nothing(void **state)
{
    (void)state;
    for (size_t size = 0; size <= sizeof(DOCUMENT) + 3; size++) {
        char *buf = malloc(size ? size : 1);
        struct rig_json json;
        rig_json_begin(&json, buf, size);
        write_document(&json);
        const char *text = rig_json_end(&json);
        if (size < sizeof(DOCUMENT))
            assert_null(text);
        else
            assert_string_equal(text, DOCUMENT);
        free(buf);
    }
}

static void what_is_left_open_is_closed_at_the_end(void **state)
{
    (void)state;
    char buf[64];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_array(&json, "a");
    rig_json_object(&json, NULL);
    assert_string_equal(rig_json_end(&json), "{\"a\":[{}]}");
}

static void special_characters_are_escaped(void **state)
{
    (void)state;
    char buf[128];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_str(&json, "a\"\\b", "\b\f\n\r\t\x01\x1f\x7f/\xc3\xa9");
    assert_string_equal(rig_json_end(&json),
                        "{\"a\\\"\\\\b\":\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f/"
                        "\xc3\xa9\"}");
}

static void check_string(FILE *judge, const char *value)
{
    char buf[4096];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_str(&json, "s", value);
    rig_json_array(&json, value);
    const char *text = rig_json_end(&json);
    assert_non_null(text);
    fprintf(judge, "%s\t(lambda s: {'s': s, s: []} if s != 's' else {'s': []})(bytes.fromhex('",
            text);
    for (const char *p = value; *p; p++)
        fprintf(judge, "%02x", (unsigned char)*p);
    fprintf(judge, "').decode('utf-8', 'replace'))\n");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        "plain",
        "\x80",
        "\xff\xfe",
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\x80",     /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf4\x8f\xbf\xbf", /* U+10FFFF */
        "\xf0\x90\x80\x80", /* U+10000 */
        "\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80",
        "\xe2\x82", /* cut off */
        "\xe2\x82\"",
        "\xf0\x9f\x98",
        "\xf0\x9f\x98x\xe2\x82\xac",
        "\xc3\xc3\xa9",
    };
    FILE *judge = call_judge();
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        check_string(judge, values[i]);
    check_verdict(judge);
}

static void random_bytes_are_read_back_as_python_decodes_them(void **state)
{
    (void)state;
    static const unsigned char rich[] = {0x22, 0x5c, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0,
                                         0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x7f, 0x0a};
    struct rig_prng prng;
    rig_prng_init(&prng, 1);
    FILE *judge = call_judge();
    for (int round = 0; round < 4000; round++) {
        char value[24] = "";
        size_t len = rig_prng_below(&prng, sizeof(value));
        for (size_t i = 0; i < len; i++)
            value[i] = rig_prng_below(&prng, 3) ? (char)rich[rig_prng_below(&prng, sizeof(rich))]
                                                : (char)(1 + rig_prng_below(&prng, 255));
        check_string(judge, value);
    }
    check_verdict(judge);
}

static void check_f64(FILE *judge, double value, int decimals, const char *want)
{
    char buf[512];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_f64(&json, "f", value, decimals);
    const char *text = rig_json_end(&json);
    assert_non_null(text);
    fprintf(judge, "%s\t{'f': %s}\n", text, want);
}

static void numbers_that_are_not_finite_are_null(void **state)
{
    (void)state;
    FILE *judge = call_judge();
    check_f64(judge, NAN, 3, "None");
    check_f64(judge, -NAN, 3, "None");
    check_f64(judge, INFINITY, 0, "None");
    check_f64(judge, -INFINITY, 9, "None");
    check_verdict(judge);
}

static void numbers_have_as_many_decimals_as_asked_for(void **state)
{
    (void)state;
    FILE *judge = call_judge();
    check_f64(judge, 1.0 / 3, 9, "0.333333333");
    check_f64(judge, 1.0 / 3, 99, "0.333333333");
    check_f64(judge, 2.0 / 3, 0, "1");
    check_f64(judge, 2.0 / 3, -1, "1");
    check_f64(judge, -0.0004, 3, "0.0");
    check_f64(judge, -0.0, 0, "0");
    check_f64(judge, -10, 1, "-10.0");
    check_f64(judge, DBL_MAX, 0, "int(sys.float_info.max)");
    check_f64(judge, -DBL_MAX, 9, "-sys.float_info.max");
    check_f64(judge, DBL_MIN, 9, "0.0");
    check_verdict(judge);
}

static void a_broken_nesting_is_refused_at_the_end(void **state)
{
    (void)state;
    char buf[256];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_u64(&json, NULL, 1); /* no key in an object */
    assert_null(rig_json_end(&json));
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_array(&json, "a");
    rig_json_u64(&json, "key", 1); /* a key in an array */
    assert_null(rig_json_end(&json));
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_close(&json);
    rig_json_u64(&json, "behind", 1);
    assert_null(rig_json_end(&json));
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_close(&json);
    rig_json_close(&json);
    assert_null(rig_json_end(&json));
}

static void nesting_reaches_its_limit_and_no_further(void **state)
{
    (void)state;
    for (int depth = RIG_JSON_DEPTH_MAX - 1; depth <= RIG_JSON_DEPTH_MAX + 5; depth++) {
        char buf[256];
        struct rig_json json;
        rig_json_begin(&json, buf, sizeof(buf));
        for (int i = 1; i < depth; i++)
            rig_json_object(&json, "o");
        const char *text = rig_json_end(&json);
        assert_int_equal(text != NULL, depth <= RIG_JSON_DEPTH_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_of_all_kinds_is_read_back),
        cmocka_unit_test(the_judge_notices_a_difference),
        cmocka_unit_test(a_buffer_of_any_size_holds_all_or_nothing),
        cmocka_unit_test(what_is_left_open_is_closed_at_the_end),
        cmocka_unit_test(special_characters_are_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(random_bytes_are_read_back_as_python_decodes_them),
        cmocka_unit_test(numbers_that_are_not_finite_are_null),
        cmocka_unit_test(numbers_have_as_many_decimals_as_asked_for),
        cmocka_unit_test(a_broken_nesting_is_refused_at_the_end),
        cmocka_unit_test(nesting_reaches_its_limit_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
