/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bash completion of the program. It needs no other package: each command's words and options
 * are listed in one `case`, and file names are offered where an option's argument is a FILE.
 */
#include "cli/options.h"

#include <ctype.h>
#include <string.h>

static bool is_shown(const struct rig_option *option)
{
    return option->help != NULL;
}

/* A form of the synopsis that begins with a lower case word names a subcommand. */
static void put_subcommands(const struct rig_options *table, FILE *stream)
{
    for (const char *text = table->synopsis; text != NULL && *text != '\0';) {
        size_t word = 0;
        while (islower((unsigned char)text[word]))
            word++;
        if (word > 0 && (text[word] == ' ' || text[word] == '\n' || text[word] == '\0'))
            fprintf(stream, "%.*s ", (int)word, text);
        size_t len = strcspn(text, "\n");
        text += len + (text[len] == '\n');
    }
}

static void put_options(const struct rig_options *table, FILE *stream)
{
    for (uint32_t i = 0; i < table->n_options; i++) {
        const struct rig_option *option = &table->options[i];
        if (!is_shown(option))
            continue;
        if (option->name != NULL)
            fprintf(stream, "--%s ", option->name);
        else
            fprintf(stream, "-%c ", option->letter);
    }
    fputs("--help", stream);
}

/* The pattern of the options whose argument bash must not complete as an option; `files`: those
 * that take a FILE, else those that take anything else. */
static bool put_pattern(const struct rig_options *table, bool files, FILE *stream)
{
    bool any = false;
    for (uint32_t i = 0; i < table->n_options; i++) {
        const struct rig_option *option = &table->options[i];
        if (!is_shown(option) || option->arg == NULL || (strcmp(option->arg, "FILE") == 0) != files)
            continue;
        if (option->name != NULL)
            fprintf(stream, "%s%s/--%s", any ? "|" : "        ", table->command, option->name);
        any = any || option->name != NULL;
        if (option->letter != 0)
            fprintf(stream, "%s%s/-%c", any ? "|" : "        ", table->command, option->letter);
        any = true;
    }
    return any;
}

static void put_arguments(const struct rig_options *table, FILE *stream)
{
    if (put_pattern(table, true, stream))
        fputs(")\n            COMPREPLY=($(compgen -f -- \"$word\"))\n"
              "            return;;\n",
              stream);
    if (put_pattern(table, false, stream))
        fputs(")\n            return;;\n", stream);
}

void rig_options_bash(const struct rig_options *const *tables, uint32_t n, FILE *stream)
{
    fputs("# SPDX-License-Identifier: BSD-2-Clause\n"
          "# bash completion for netrig, generated from its option tables: change it there.\n"
          "_netrig()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} words=\"\"\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          stream);
    for (uint32_t i = 0; i < n; i++)
        fprintf(stream, "%s ", tables[i]->command);
    fputs("help --help --version\" -- \"$word\"))\n        return\n    fi\n"
          "    case $command/$before in\n",
          stream);
    for (uint32_t i = 0; i < n; i++)
        put_arguments(tables[i], stream);
    fputs("    esac\n    case $command in\n", stream);
    for (uint32_t i = 0; i < n; i++) {
        fprintf(stream, "        %s) words=\"", tables[i]->command);
        put_subcommands(tables[i], stream);
        put_options(tables[i], stream);
        fputs("\";;\n", stream);
    }
    fputs("        help) words=\"", stream);
    for (uint32_t i = 0; i < n; i++)
        fprintf(stream, "%s%s", i > 0 ? " " : "", tables[i]->command);
    fputs("\";;\n    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
          "complete -o default -F _netrig netrig\n",
          stream);
}
