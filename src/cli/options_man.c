/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual page of an option table, in mdoc(7). */
#include "cli/options.h"

#include <ctype.h>
#include <string.h>

#define RIG_MAN_COLUMNS 70 /* of the source; escapes make a line somewhat longer */

/* Print text so that roff takes none of it for a request, an escape or a hyphen. */
static void put_text(FILE *stream, const char *text, size_t len)
{
    if (len > 0 && (*text == '.' || *text == '\''))
        fputs("\\&", stream);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            fputs("\\e", stream);
        else if (text[i] == '-')
            fputs("\\-", stream);
        else
            fputc(text[i], stream);
    }
}

static void put_line(FILE *stream, const char *text, size_t len)
{
    put_text(stream, text, len);
    fputc('\n', stream);
}

/* Prose, a sentence to a line and no line too long, as the tools for manual pages ask for. */
static void put_sentences(FILE *stream, const char *text, size_t len)
{
    const char *end = text + len;
    size_t column = 0;
    while (text < end) {
        size_t word = strcspn(text, " \n");
        if (column > 0 && column + 1 + word > RIG_MAN_COLUMNS) {
            fputc('\n', stream);
            column = 0;
        }
        if (column > 0)
            fputc(' ', stream);
        put_text(stream, text, word);
        column += word + 1;
        if (word > 0 && strchr(".?!", text[word - 1]) != NULL) {
            fputc('\n', stream);
            column = 0;
        }
        text += word + strspn(text + word, " ");
        if (*text == '\n')
            break;
    }
    if (column > 0)
        fputc('\n', stream);
}

static void put_upper(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++)
        fputc(toupper((unsigned char)*text), stream);
}

static void put_head(const struct rig_options *table, const char *version, FILE *stream)
{
    fputs(".\\\" SPDX-License-Identifier: BSD-2-Clause\n", stream);
    fputs(".\\\" Generated from the option table of the program: change it there.\n", stream);
    fputs(".Dd $Mdocdate$\n.Dt NETRIG-", stream);
    put_upper(stream, table->command);
    fprintf(stream, " 1\n.Os netrig %s\n.Sh NAME\n.Nm netrig-%s\n.Nd ", version, table->command);
    put_line(stream, table->summary, strlen(table->summary));
}

static void put_synopsis(const struct rig_options *table, FILE *stream)
{
    fputs(".Sh SYNOPSIS\n", stream);
    const char *text = table->synopsis != NULL ? table->synopsis : "";
    do {
        size_t len = strcspn(text, "\n");
        fprintf(stream, ".Nm netrig %s\n", table->command);
        if (len > 0)
            put_line(stream, text, len);
        text += len + (text[len] == '\n');
    } while (*text != '\0');
}

/* Paragraphs; runs of lines that begin with a space are kept as they stand. */
static void put_prose(const char *text, FILE *stream)
{
    bool verbatim = false;
    bool first = true;
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\n");
        bool next = *text == ' ';
        if (verbatim && !next)
            fputs(".Ed\n", stream);
        if (!verbatim && next)
            fputs(".Bd -literal\n", stream);
        if (!next && !first)
            fputs(".Pp\n", stream);
        if (next)
            put_line(stream, text, len);
        else
            put_sentences(stream, text, len);
        verbatim = next;
        first = false;
        text += len + (text[len] == '\n');
    }
    if (verbatim)
        fputs(".Ed\n", stream);
}

static void put_option(const struct rig_option *option, FILE *stream)
{
    fputs(".It", stream);
    if (option->letter != 0)
        fprintf(stream, " Fl %c", option->letter);
    if (option->letter != 0 && option->name != NULL)
        fputs(" ,", stream);
    if (option->name != NULL) {
        fputs(" Fl \\-", stream);
        put_text(stream, option->name, strlen(option->name));
    }
    if (option->arg != NULL)
        fprintf(stream, " Ar %s", option->arg);
    fputc('\n', stream);
    put_sentences(stream, option->help, strlen(option->help));
}

static void put_options(const struct rig_options *table, FILE *stream)
{
    fputs(".Sh OPTIONS\n", stream);
    const char *group = NULL;
    for (uint32_t i = 0; i < table->n_options; i++) {
        const struct rig_option *option = &table->options[i];
        if (option->group != NULL && (group == NULL || strcmp(option->group, group) != 0)) {
            if (group != NULL)
                fputs(".El\n", stream);
            group = option->group;
            fprintf(stream, ".Ss %s\n.Bl -tag -width Ds\n", group);
        }
        if (option->help != NULL)
            put_option(option, stream);
    }
    if (group == NULL)
        fputs(".Bl -tag -width Ds\n", stream);
    fprintf(stream, ".It %sFl \\-help\nprint a summary of the options and exit\n.El\n",
            rig_options_has_letter(table, 'h') ? "" : "Fl h , ");
}

static void put_environment(const struct rig_options *table, FILE *stream)
{
    if (table->env_prefix == NULL)
        return;
    fprintf(stream,
            ".Sh ENVIRONMENT\nEach long option is also a variable, in capitals with\n.Ql _\n"
            "for\n.Ql \\-\nand\n.Ev %s\nin front; that of a flag may have any value.\n"
            "The command line wins.\n",
            table->env_prefix);
}

static void put_examples(const struct rig_options *table, FILE *stream)
{
    if (table->examples == NULL)
        return;
    fputs(".Sh EXAMPLES\n.Bd -literal\n", stream);
    for (const char *text = table->examples; *text != '\0';) {
        size_t len = strcspn(text, "\n");
        put_line(stream, text, len);
        text += len + (text[len] == '\n');
    }
    fputs(".Ed\n", stream);
}

void rig_options_man(const struct rig_options *table, const char *version, FILE *stream)
{
    put_head(table, version, stream);
    put_synopsis(table, stream);
    fputs(".Sh DESCRIPTION\n", stream);
    put_prose(table->description != NULL ? table->description : table->summary, stream);
    put_options(table, stream);
    put_environment(table, stream);
    fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n"
          ".It 0\nmeasured, or done\n"
          ".It 1\nmeasured, and failed its criterion\n"
          ".It 2\nthe command line is wrong\n"
          ".It 3\ncould not measure, or could not be done\n.El\n",
          stream);
    put_examples(table, stream);
}
