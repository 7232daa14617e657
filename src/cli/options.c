/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser of option tables, on top of getopt_long.
 *
 * getopt_long finds the options, permutes argv and accepts abbreviations; its own messages are
 * off, and its return values are turned into sentences here. The number it gives back for a long
 * option is RIG_LONG + the index of the first option with the same id, so that an abbreviation of
 * two spellings of one option is not ambiguous; a letter stands for itself.
 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define RIG_LONG         0x1000
#define RIG_LONG_HELP    0x0fff
#define RIG_WORD_MAX     48
#define RIG_VARIABLE_MAX 96
#define RIG_NEAR_MAX     2

/* What getopt_long wants, made from the table. */
struct parser {
    const struct rig_options *table;
    char *letters;
    struct option *longs;
    int *rows; /* row of the table for each of longs; -1: the help option */
    bool letter_help;
};

bool rig_options_has_letter(const struct rig_options *table, char letter)
{
    for (uint32_t i = 0; i < table->n_options; i++) {
        if (table->options[i].letter == letter)
            return true;
    }
    return false;
}

static void fill_letters(struct parser *parser)
{
    const struct rig_options *table = parser->table;
    char *p = parser->letters;
    if (table->stops_at_word)
        *p++ = '+';
    *p++ = ':';
    for (uint32_t i = 0; i < table->n_options; i++) {
        if (table->options[i].letter == 0)
            continue;
        *p++ = table->options[i].letter;
        if (table->options[i].arg != NULL)
            *p++ = ':';
    }
    if (parser->letter_help)
        *p++ = 'h';
    *p = '\0';
}

static int first_with_id(const struct rig_options *table, int id)
{
    uint32_t i = 0;
    while (table->options[i].id != id)
        i++;
    return (int)i;
}

static void fill_longs(struct parser *parser)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < parser->table->n_options; i++) {
        const struct rig_option *option = &parser->table->options[i];
        if (option->name == NULL)
            continue;
        parser->longs[n] = (struct option){
            .name = option->name,
            .has_arg = option->arg != NULL ? required_argument : no_argument,
            .val = RIG_LONG + first_with_id(parser->table, option->id),
        };
        parser->rows[n++] = (int)i;
    }
    parser->longs[n] = (struct option){.name = "help", .val = RIG_LONG_HELP};
    parser->rows[n] = -1;
}

static void parser_fini(struct parser *parser)
{
    free(parser->letters);
    free(parser->longs);
    free(parser->rows);
}

static int parser_init(struct parser *parser, const struct rig_options *table, struct rig_err *err)
{
    size_t room = (size_t)table->n_options + 2;
    *parser = (struct parser){.table = table, .letter_help = !rig_options_has_letter(table, 'h')};
    parser->letters = calloc(2 * room + 2, 1);
    parser->longs = calloc(room, sizeof(*parser->longs));
    parser->rows = calloc(room, sizeof(*parser->rows));
    if (parser->letters == NULL || parser->longs == NULL || parser->rows == NULL) {
        parser_fini(parser);
        return rig_err_set(err, -ENOMEM, "no memory for %u options", table->n_options);
    }
    fill_letters(parser);
    fill_longs(parser);
    return 0;
}

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t min = a < b ? a : b;
    return min < c ? min : c;
}

uint32_t rig_options_distance(const char *a, const char *b, uint32_t limit)
{
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);
    if (len_a >= RIG_WORD_MAX || len_b >= RIG_WORD_MAX)
        return limit;

    /* Optimal string alignment: rows for the last two letters of `a` and the present one. */
    uint32_t rows[3][RIG_WORD_MAX];
    for (uint32_t j = 0; j <= len_b; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= len_a; i++) {
        uint32_t *now = rows[i % 3];
        const uint32_t *last = rows[(i + 2) % 3];
        now[0] = i;
        for (uint32_t j = 1; j <= len_b; j++) {
            uint32_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                uint32_t swap = rows[(i + 1) % 3][j - 2] + 1;
                now[j] = now[j] < swap ? now[j] : swap;
            }
        }
    }
    uint32_t distance = rows[len_a % 3][len_b];
    return distance < limit ? distance : limit;
}

static const char *nearest(const struct rig_options *table, const char *word)
{
    const char *best = NULL;
    uint32_t best_distance = RIG_NEAR_MAX + 1;
    for (uint32_t i = 0; i < table->n_options; i++) {
        const struct rig_option *option = &table->options[i];
        if (option->name == NULL || option->help == NULL)
            continue;
        uint32_t distance = rig_options_distance(word, option->name, best_distance);
        if (distance < best_distance) {
            best = option->name;
            best_distance = distance;
        }
    }
    return best;
}

/* "--band=1m" without its dashes and its argument. */
static void bare_name(char name[static RIG_WORD_MAX], const char *typed)
{
    typed += strspn(typed, "-");
    size_t len = strcspn(typed, "=");
    if (len >= RIG_WORD_MAX)
        len = RIG_WORD_MAX - 1;
    memcpy(name, typed, len);
    name[len] = '\0';
}

/* The names that begin with `name`; empty when fewer than two do. */
static void candidates(const struct parser *parser, const char *name, char list[static 160])
{
    uint32_t n = 0;
    size_t used = 0;
    list[0] = '\0';
    for (const struct option *option = parser->longs; option->name != NULL; option++) {
        if (strncmp(option->name, name, strlen(name)) != 0)
            continue;
        int len = snprintf(list + used, 160 - used, "%s--%s", n > 0 ? ", " : "", option->name);
        used = used + (size_t)len < 159 ? used + (size_t)len : 159;
        n++;
    }
    if (n < 2)
        list[0] = '\0';
}

static int refuse_unknown(const struct parser *parser, const char *typed, struct rig_err *err)
{
    const char *command = parser->table->command;
    if (optopt != 0 && optopt < RIG_LONG_HELP)
        return rig_err_set(err, -EINVAL, "unknown option '-%c'; 'netrig %s --help' lists them",
                           optopt, command);

    char name[RIG_WORD_MAX];
    bare_name(name, typed);
    if (optopt != 0)
        return rig_err_set(err, -EINVAL, "option '--%s' takes no argument, but '%s' has one", name,
                           typed);

    char list[160];
    candidates(parser, name, list);
    if (list[0] != '\0')
        return rig_err_set(err, -EINVAL, "option '%s' may be any of %s", typed, list);
    const char *near = nearest(parser->table, name);
    if (near != NULL)
        return rig_err_set(err, -EINVAL, "unknown option '%s'; the nearest is '--%s'", typed, near);
    return rig_err_set(err, -EINVAL, "unknown option '%s'; 'netrig %s --help' lists them", typed,
                       command);
}

static const struct rig_option *row_of(const struct parser *parser, int value, int long_index)
{
    const struct rig_options *table = parser->table;
    if (value >= RIG_LONG)
        return &table->options[parser->rows[long_index]];
    for (uint32_t i = 0; i < table->n_options; i++) {
        if (table->options[i].letter == value)
            return &table->options[i];
    }
    return NULL;
}

static int refuse_missing(const struct parser *parser, const char *typed, struct rig_err *err)
{
    if (optopt >= RIG_LONG)
        return rig_err_set(err, -EINVAL, "option '%s' needs an argument: %s", typed,
                           parser->table->options[optopt - RIG_LONG].arg);
    return rig_err_set(err, -EINVAL, "option '-%c' needs an argument: %s", optopt,
                       row_of(parser, optopt, 0)->arg);
}

static int set_option(const struct parser *parser, int value, int long_index,
                      const struct rig_options_sink *sink, struct rig_err *err)
{
    const struct rig_option *option = row_of(parser, value, long_index);
    int code = sink->set(sink->ctx, option->id, optarg, err);
    if (code == 0)
        return 0;
    if (value >= RIG_LONG)
        rig_err_prefix(err, "--%s", option->name);
    else
        rig_err_prefix(err, "-%c", option->letter);
    return code;
}

static int parse_line(const struct parser *parser, int argc, char **argv,
                      const struct rig_options_sink *sink, struct rig_err *err)
{
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    for (;;) {
        int long_index = 0;
        optopt = 0;
        int value = getopt_long(argc, argv, parser->letters, parser->longs, &long_index);
        if (value == -1)
            return 0;
        if (value == '?')
            return refuse_unknown(parser, argv[optind - 1], err);
        if (value == ':')
            return refuse_missing(parser, argv[optind - 1], err);
        if (value == RIG_LONG_HELP || (value == 'h' && parser->letter_help))
            return RIG_OPTIONS_HELP;
        int code = set_option(parser, value, long_index, sink, err);
        if (code != 0)
            return code;
    }
}

static void variable_name(char variable[static RIG_VARIABLE_MAX], const char *prefix,
                          const char *name)
{
    snprintf(variable, RIG_VARIABLE_MAX, "%s%s", prefix, name);
    for (char *p = variable; *p != '\0'; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

/* A variable for --version would end every run of a machine that happens to have it set. */
static bool has_variable(const struct rig_option *option)
{
    return option->name != NULL && strcmp(option->name, "version") != 0;
}

static int parse_environment(const struct rig_options *table, const struct rig_options_sink *sink,
                             struct rig_err *err)
{
    for (uint32_t i = 0; i < table->n_options; i++) {
        const struct rig_option *option = &table->options[i];
        if (!has_variable(option))
            continue;
        char variable[RIG_VARIABLE_MAX];
        variable_name(variable, table->env_prefix, option->name);
        const char *value = getenv(variable);
        if (value == NULL)
            continue;
        int code = sink->set(sink->ctx, option->id, option->arg != NULL ? value : NULL, err);
        if (code != 0) {
            rig_err_prefix(err, "%s in the environment", variable);
            return code;
        }
    }
    return 0;
}

int rig_options_parse(const struct rig_options *table, int argc, char **argv,
                      const struct rig_options_sink *sink, int *first, struct rig_err *err)
{
    if (table->env_prefix != NULL) {
        int code = parse_environment(table, sink, err);
        if (code != 0)
            return code;
    }
    struct parser parser;
    int code = parser_init(&parser, table, err);
    if (code != 0)
        return code;
    code = parse_line(&parser, argc, argv, sink, err);
    *first = optind;
    parser_fini(&parser);
    return code;
}
