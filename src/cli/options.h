/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Option tables: a command describes its options once, and the parser, the help text, the man
 * page and the shell completion all come from that table.
 */
#ifndef RIG_CLI_OPTIONS_H
#define RIG_CLI_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What `rig_options_parse` returns when --help (or -h, if the table has no other use for it) was
 * met; nothing behind it has been looked at. Every table has this option without naming it. */
#define RIG_OPTIONS_HELP 1

struct rig_option {
    char letter;       /* 0: none */
    const char *name;  /* long name without dashes; NULL: none (then there is a letter) */
    const char *arg;   /* name of its argument, in capitals: "RATE"; NULL: a flag */
    const char *group; /* heading; options of one group stand together. NULL: as the one before */
    const char *help;  /* NULL: accepted but not shown (an old or second spelling) */
    int id;            /* what `set` is called with; several options may share one */
};

struct rig_options {
    const char *command;     /* "iperf" */
    const char *summary;     /* one line, lower case, without a full stop */
    const char *synopsis;    /* what follows "netrig iperf"; several forms are parted by '\n' */
    const char *description; /* paragraphs parted by '\n'; one that begins with a space stands as
                                it is written; or NULL */
    const char *examples;    /* command lines, one a line, parted by '\n'; or NULL */
    const char *env_prefix;  /* "IPERF_": each long option is also a variable; NULL: none */
    bool stops_at_word;      /* options end at the first positional argument */
    uint32_t n_options;
    const struct rig_option *options;
};

struct rig_options_sink {
    /* One option. `arg` is NULL for a flag. On refusal return -errno with a sentence; the parser
     * puts the option in front of it as it was typed ("-b: ...", "--bandwidth: ...",
     * "IPERF_BANDWIDTH in the environment: ..."). */
    int (*set)(void *ctx, int id, const char *arg, struct rig_err *err);
    void *ctx;
};

/*
 * Call sink->set for each option: first those of the environment in the table's order, then those
 * of argv[1..] in theirs, so that the command line wins. Long names may be abbreviated. Positional
 * arguments are moved behind the options (argv is permuted): they are argv[*first .. argc - 1].
 * 0, RIG_OPTIONS_HELP, -EINVAL with a sentence, or what `set` returned.
 * Uses getopt_long's state: one thread, not from within `set`.
 */
int rig_options_parse(const struct rig_options *table, int argc, char **argv,
                      const struct rig_options_sink *sink, int *first, struct rig_err *err);

/* The help text, at most 80 columns wide. */
void rig_options_help(const struct rig_options *table, FILE *stream);
/* The manual page netrig-COMMAND(1), in mdoc(7). */
void rig_options_man(const struct rig_options *table, const char *version, FILE *stream);
/* The bash completion of the whole program; `tables[0 .. n)` are its commands. */
void rig_options_bash(const struct rig_options *const *tables, uint32_t n, FILE *stream);

bool rig_options_has_letter(const struct rig_options *table, char letter);

/* Edits (insert, delete, replace, swap neighbours) from one word to the other, at most `limit`. */
uint32_t rig_options_distance(const char *a, const char *b, uint32_t limit);

#endif
