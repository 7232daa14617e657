/* SPDX-License-Identifier: BSD-2-Clause */
/* The help text of an option table: aligned, grouped, at most 80 columns wide. */
#include "cli/options.h"

#include <string.h>

#define RIG_HELP_COLUMNS  80u
#define RIG_HELP_LEFT_MAX 30u /* a longer left side has its text on the next line */

/* Print words from `text` to `end`, continued at column `indent`; `column` is where we are. */
static void wrap(FILE *stream, const char *text, const char *end, uint32_t indent, uint32_t column)
{
    bool first = true;
    while (text < end) {
        size_t len = strcspn(text, " \n");
        if (len > (size_t)(end - text))
            len = (size_t)(end - text);
        if (!first && column + 1 + len > RIG_HELP_COLUMNS) {
            fprintf(stream, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        fprintf(stream, "%s%.*s", first ? "" : " ", (int)len, text);
        column += (uint32_t)len + (first ? 0 : 1);
        first = false;
        text += len;
        while (text < end && *text == ' ')
            text++;
    }
    fputc('\n', stream);
}

/* Call `line` for each of the lines of `text`. */
static void paragraph(FILE *stream, const char *line, const char *end)
{
    if (*line == ' ')
        fprintf(stream, "%.*s\n", (int)(end - line), line);
    else
        wrap(stream, line, end, 0, 0);
}

static void print_prose(FILE *stream, const char *text)
{
    bool was_verbatim = false;
    while (text != NULL && *text != '\0') {
        const char *end = text + strcspn(text, "\n");
        bool verbatim = *text == ' ';
        if (!(verbatim && was_verbatim))
            fputc('\n', stream);
        paragraph(stream, text, end);
        was_verbatim = verbatim;
        text = *end == '\n' ? end + 1 : end;
    }
}

static void print_usage(const struct rig_options *table, FILE *stream)
{
    const char *text = table->synopsis != NULL ? table->synopsis : "";
    const char *head = "Usage:";
    do {
        const char *end = text + strcspn(text, "\n");
        int used = fprintf(stream, "%s netrig %s ", head, table->command);
        wrap(stream, text, end, (uint32_t)used, (uint32_t)used);
        head = "      ";
        text = *end == '\n' ? end + 1 : end;
    } while (*text != '\0');
}

static void left_side(const struct rig_option *option, char text[static 64])
{
    const char *gap = option->arg != NULL ? " " : "";
    const char *arg = option->arg != NULL ? option->arg : "";
    if (option->name == NULL)
        snprintf(text, 64, "  -%c%s%s", option->letter, gap, arg);
    else if (option->letter == 0)
        snprintf(text, 64, "      --%s%s%s", option->name, gap, arg);
    else
        snprintf(text, 64, "  -%c, --%s%s%s", option->letter, option->name, gap, arg);
}

/* Where the help texts begin: behind the longest left side that is not too long. */
static uint32_t help_column(const struct rig_options *table)
{
    uint32_t column = 0;
    for (uint32_t i = 0; i < table->n_options; i++) {
        char text[64];
        left_side(&table->options[i], text);
        uint32_t len = (uint32_t)strlen(text) + 2;
        if (table->options[i].help != NULL && len <= RIG_HELP_LEFT_MAX && len > column)
            column = len;
    }
    return column > 14 ? column : 14;
}

static void print_option(const struct rig_option *option, uint32_t column, FILE *stream)
{
    char text[64];
    left_side(option, text);
    uint32_t len = (uint32_t)strlen(text);
    fputs(text, stream);
    if (len + 2 > column) {
        fputc('\n', stream);
        len = 0;
    }
    fprintf(stream, "%*s", (int)(column - len), "");
    wrap(stream, option->help, option->help + strlen(option->help), column, column);
}

static void print_help_option(const struct rig_options *table, uint32_t column, FILE *stream)
{
    struct rig_option help = {'h', "help", NULL, NULL, "print this and exit", 0};
    if (rig_options_has_letter(table, 'h'))
        help.letter = 0;
    fputc('\n', stream);
    print_option(&help, column, stream);
}

void rig_options_help(const struct rig_options *table, FILE *stream)
{
    print_usage(table, stream);
    fputc('\n', stream);
    wrap(stream, table->summary, table->summary + strlen(table->summary), 0, 0);
    print_prose(stream, table->description);

    uint32_t column = help_column(table);
    const char *group = "";
    for (uint32_t i = 0; i < table->n_options; i++) {
        const struct rig_option *option = &table->options[i];
        if (option->group != NULL && strcmp(option->group, group) != 0) {
            group = option->group;
            fprintf(stream, "\n%s:\n", group);
        }
        if (option->help != NULL)
            print_option(option, column, stream);
    }
    print_help_option(table, column, stream);
    if (table->examples != NULL)
        fputs("\nExamples:", stream);
    for (const char *text = table->examples; text != NULL && *text != '\0';) {
        size_t len = strcspn(text, "\n");
        fprintf(stream, "\n  %.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
    if (table->examples != NULL)
        fputc('\n', stream);
}
