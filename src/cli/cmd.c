/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rig_cmd_fail(const char *command, enum rig_exit code, const struct rig_err *err)
{
    fflush(stdout); /* what was measured stands before the reason why it ended */
    bool colour = rig_cmd_colour(stderr);
    fprintf(stderr, "%snetrig %s:%s %s\n", colour ? "\033[31m" : "", command,
            colour ? "\033[0m" : "", err->text);
    return code;
}

int rig_cmd_help(const struct rig_options *table)
{
    rig_options_help(table, stdout);
    return fflush(stdout) == 0 && !ferror(stdout) ? RIG_EXIT_OK : RIG_EXIT_CANNOT;
}

bool rig_cmd_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color != NULL && *no_color != '\0')
        return false;
    if (term == NULL || strcmp(term, "dumb") == 0)
        return false;
    return isatty(fileno(stream)) == 1;
}
