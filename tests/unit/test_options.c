/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OPT_BANDWIDTH, OPT_UDP, OPT_PORT, OPT_REVERSE, OPT_TRIP_TIMES, OPT_VERSION };

static const struct rig_option options[] = {
    {'b', "bandwidth", "RATE", "Client or server",
     "target rate of each stream, as a number with the suffixes that the manual page names",
     OPT_BANDWIDTH},
    {'u', "udp", NULL, NULL, "datagrams", OPT_UDP},
    {'p', "port", "PORT", NULL, "port", OPT_PORT},
    {'R', "reverse", NULL, "Client", "the other way", OPT_REVERSE},
    {0, "reversed", NULL, NULL, NULL, OPT_REVERSE},
    {0, "trip-times", NULL, NULL, "one-way delays", OPT_TRIP_TIMES},
    {'v', "version", NULL, "Other", "print the version", OPT_VERSION},
    {'1', NULL, NULL, NULL, "once", 77},
};

static const struct rig_options table = {
    .command = "iperf",
    .summary = "measure",
    .synopsis = "-s [OPTION...]\n-c HOST [OPTION...]",
    .description = "One paragraph that is a good deal longer than a line of a terminal with eighty "
                   "columns is. And another.\n  kept as    it is\n.Not a request",
    .examples = "netrig iperf -s",
    .env_prefix = "IPERF_",
    .n_options = sizeof(options) / sizeof(options[0]),
    .options = options,
};

struct seen {
    int n;
    int ids[16];
    const char *args[16];
    int refuse; /* what to answer */
};

static int set(void *ctx, int id, const char *arg, struct rig_err *err)
{
    struct seen *seen = ctx;
    seen->ids[seen->n] = id;
    seen->args[seen->n++] = arg;
    return seen->refuse == 0 ? 0 : rig_err_set(err, seen->refuse, "no such thing");
}

struct outcome {
    struct seen seen;
    struct rig_err err;
    int code;
    int first;
    int argc;
    char *argv[16];
};

/* Parse up to five words behind the command's name. */
static void parse(struct outcome *out, const struct rig_options *with, const char *const *words)
{
    static char copies[16][64];
    out->argc = 0;
    for (int i = -1; i < 0 || words[i] != NULL; i++) {
        snprintf(copies[out->argc], sizeof(copies[0]), "%s", i < 0 ? "iperf" : words[i]);
        out->argv[out->argc] = copies[out->argc];
        out->argc++;
    }
    out->argv[out->argc] = NULL;
    const struct rig_options_sink sink = {set, &out->seen};
    out->code = rig_options_parse(with, out->argc, out->argv, &sink, &out->first, &out->err);
}

#define PARSE(out, ...) parse(&(out), &table, (const char *const[]){__VA_ARGS__, NULL})

static void options_arrive_in_order(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "-u", "--port", "5001", "-b10m", "-1");
    assert_int_equal(out.code, 0);
    assert_int_equal(out.seen.n, 4);
    assert_int_equal(out.seen.ids[0], OPT_UDP);
    assert_null(out.seen.args[0]);
    assert_int_equal(out.seen.ids[1], OPT_PORT);
    assert_string_equal(out.seen.args[1], "5001");
    assert_string_equal(out.seen.args[2], "10m");
    assert_int_equal(out.seen.ids[3], 77);
}

static void positional_arguments_come_back_behind_the_options(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "one", "-u", "two");
    assert_int_equal(out.code, 0);
    assert_int_equal(out.argc - out.first, 2);
    assert_string_equal(out.argv[out.first], "one");
    assert_string_equal(out.argv[out.first + 1], "two");
}

static void a_table_may_stop_at_the_first_word(void **state)
{
    (void)state;
    struct rig_options stops = table;
    stops.stops_at_word = true;
    struct outcome out = {0};
    parse(&out, &stops, (const char *const[]){"-u", "word", "-u", NULL});
    assert_int_equal(out.seen.n, 1);
    assert_int_equal(out.argc - out.first, 2);
}

static void long_names_may_be_abbreviated(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "--band=1m", "--trip");
    assert_int_equal(out.code, 0);
    assert_int_equal(out.seen.ids[0], OPT_BANDWIDTH);
    assert_int_equal(out.seen.ids[1], OPT_TRIP_TIMES);
}

static void two_spellings_of_one_option_are_not_ambiguous(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "--rev");
    assert_int_equal(out.code, 0);
    assert_int_equal(out.seen.ids[0], OPT_REVERSE);
}

static void an_ambiguous_abbreviation_names_the_candidates(void **state)
{
    (void)state;
    struct rig_option two[] = {{0, "time", "S", NULL, "time", 1}, {0, "tick", "S", NULL, "t", 2}};
    struct rig_options with = {.command = "x", .summary = "x", .n_options = 2, .options = two};
    struct outcome out = {0};
    parse(&out, &with, (const char *const[]){"--ti", "3", NULL});
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text, "option '--ti' may be any of --time, --tick");
}

static void an_unknown_name_is_quoted_with_the_nearest(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "--bandwith", "1m");
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text, "unknown option '--bandwith'; the nearest is '--bandwidth'");
}

static void a_far_name_has_no_nearest(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "--frobnicate");
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text,
                        "unknown option '--frobnicate'; 'netrig iperf --help' lists them");
}

static void an_unknown_letter_is_quoted(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "-uq");
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text, "unknown option '-q'; 'netrig iperf --help' lists them");
}

static void a_missing_argument_is_named(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "-b");
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text, "option '-b' needs an argument: RATE");
    PARSE(out, "--po");
    assert_string_equal(out.err.text, "option '--po' needs an argument: PORT");
}

static void a_flag_refuses_an_argument(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "--udp=3");
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text, "option '--udp' takes no argument, but '--udp=3' has one");
    PARSE(out, "--help=3");
    assert_int_equal(out.code, -EINVAL);
}

static void a_refusal_names_the_option(void **state)
{
    (void)state;
    struct outcome out = {.seen.refuse = -ERANGE};
    PARSE(out, "-b", "x");
    assert_int_equal(out.code, -ERANGE);
    assert_string_equal(out.err.text, "-b: no such thing");
    PARSE(out, "--band", "x");
    assert_string_equal(out.err.text, "--bandwidth: no such thing");
}

static void help_is_in_every_table(void **state)
{
    (void)state;
    struct outcome out = {0};
    PARSE(out, "-u", "-h", "-q");
    assert_int_equal(out.code, RIG_OPTIONS_HELP);
    PARSE(out, "--help");
    assert_int_equal(out.code, RIG_OPTIONS_HELP);
}

static void a_table_may_take_the_letter_h(void **state)
{
    (void)state;
    struct rig_option own[] = {{'h', "host", "HOST", NULL, "host", 5}};
    struct rig_options with = {.command = "x", .summary = "x", .n_options = 1, .options = own};
    struct outcome out = {0};
    parse(&out, &with, (const char *const[]){"-h", "me", NULL});
    assert_int_equal(out.code, 0);
    assert_string_equal(out.seen.args[0], "me");
}

static void the_environment_comes_before_the_command_line(void **state)
{
    (void)state;
    setenv("IPERF_BANDWIDTH", "5m", 1);
    setenv("IPERF_TRIP_TIMES", "", 1);
    setenv("IPERF_VERSION", "9", 1);
    struct outcome out = {0};
    PARSE(out, "-b", "10m");
    unsetenv("IPERF_BANDWIDTH");
    unsetenv("IPERF_TRIP_TIMES");
    unsetenv("IPERF_VERSION");
    assert_int_equal(out.code, 0);
    assert_int_equal(out.seen.n, 3);
    assert_string_equal(out.seen.args[0], "5m");
    assert_int_equal(out.seen.ids[1], OPT_TRIP_TIMES);
    assert_null(out.seen.args[1]);
    assert_string_equal(out.seen.args[2], "10m");
}

static void a_refused_variable_is_named(void **state)
{
    (void)state;
    setenv("IPERF_PORT", "tcp://10.0.0.1:5001", 1);
    struct outcome out = {.seen.refuse = -EINVAL};
    PARSE(out, "-u");
    unsetenv("IPERF_PORT");
    assert_int_equal(out.code, -EINVAL);
    assert_string_equal(out.err.text, "IPERF_PORT in the environment: no such thing");
}

static void distance_counts_edits_up_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(rig_options_distance("udp", "udp", 3), 0);
    assert_int_equal(rig_options_distance("upd", "udp", 3), 1);
    assert_int_equal(rig_options_distance("bandwith", "bandwidth", 3), 1);
    assert_int_equal(rig_options_distance("kitten", "sitting", 9), 3);
    assert_int_equal(rig_options_distance("", "abcdef", 3), 3);
    char longer[200];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(rig_options_distance(longer, "a", 3), 3);
}

static char *text_of(void (*print)(FILE *stream))
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    print(stream);
    fclose(stream);
    return text;
}

static void print_help(FILE *stream)
{
    rig_options_help(&table, stream);
}

static void print_man(FILE *stream)
{
    rig_options_man(&table, "1.2.3", stream);
}

static void print_bash(FILE *stream)
{
    const struct rig_options *tables[] = {&table};
    rig_options_bash(tables, 1, stream);
}

static void help_is_grouped_and_at_most_80_columns_wide(void **state)
{
    (void)state;
    char *text = text_of(print_help);
    assert_non_null(strstr(text, "Usage: netrig iperf -s [OPTION...]\n"
                                 "       netrig iperf -c HOST [OPTION...]\n"));
    assert_non_null(strstr(text, "\nClient or server:\n  -b, --bandwidth RATE  target rate"));
    assert_non_null(strstr(text, "\n      --trip-times "));
    assert_non_null(strstr(text, "\n  kept as    it is\n"));
    assert_null(strstr(text, "reversed"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
    free(text);
}

static void the_manual_page_hides_requests_and_hyphens(void **state)
{
    (void)state;
    char *text = text_of(print_man);
    assert_non_null(strstr(text, "\n.Dt NETRIG-IPERF 1\n"));
    assert_non_null(strstr(text, "\n.It Fl b , Fl \\-bandwidth Ar RATE\n"));
    assert_non_null(strstr(text, "\n\\&.Not a request\n"));
    assert_non_null(strstr(text, "\n.Ev IPERF_\n"));
    assert_non_null(strstr(text, " is.\nAnd another.\n"));
    assert_non_null(strstr(text, "\n.It Fl h , Fl \\-help\n"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
    free(text);
}

static void the_completion_lists_the_shown_options(void **state)
{
    (void)state;
    char *text = text_of(print_bash);
    assert_non_null(strstr(text, "iperf) words=\"--bandwidth --udp --port --reverse --trip-times "
                                 "--version -1 --help\""));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_arrive_in_order),
        cmocka_unit_test(positional_arguments_come_back_behind_the_options),
        cmocka_unit_test(a_table_may_stop_at_the_first_word),
        cmocka_unit_test(long_names_may_be_abbreviated),
        cmocka_unit_test(two_spellings_of_one_option_are_not_ambiguous),
        cmocka_unit_test(an_ambiguous_abbreviation_names_the_candidates),
        cmocka_unit_test(an_unknown_name_is_quoted_with_the_nearest),
        cmocka_unit_test(a_far_name_has_no_nearest),
        cmocka_unit_test(an_unknown_letter_is_quoted),
        cmocka_unit_test(a_missing_argument_is_named),
        cmocka_unit_test(a_flag_refuses_an_argument),
        cmocka_unit_test(a_refusal_names_the_option),
        cmocka_unit_test(help_is_in_every_table),
        cmocka_unit_test(a_table_may_take_the_letter_h),
        cmocka_unit_test(the_environment_comes_before_the_command_line),
        cmocka_unit_test(a_refused_variable_is_named),
        cmocka_unit_test(distance_counts_edits_up_to_its_limit),
        cmocka_unit_test(help_is_grouped_and_at_most_80_columns_wide),
        cmocka_unit_test(the_manual_page_hides_requests_and_hyphens),
        cmocka_unit_test(the_completion_lists_the_shown_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
