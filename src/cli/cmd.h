/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the program, and what they share. */
#ifndef RIG_CLI_CMD_H
#define RIG_CLI_CMD_H

#include "base/err.h"
#include "cli/options.h"

#include <stdbool.h>
#include <stdio.h>

/* Exit codes of every command. */
enum rig_exit {
    RIG_EXIT_OK = 0,     /* measured */
    RIG_EXIT_FAILED = 1, /* measured, and failed its criterion */
    RIG_EXIT_USAGE = 2,  /* the command line is wrong */
    RIG_EXIT_CANNOT = 3, /* could not measure */
};

/*
 * A command NAME is rig_cmd_NAME (argv[0] is its name; returns an exit code) and
 * rig_cmd_NAME_options (its table); both are listed in netrig.c.
 */
int rig_cmd_iperf(int argc, char **argv);
const struct rig_options *rig_cmd_iperf_options(void);
int rig_cmd_ports(int argc, char **argv);
const struct rig_options *rig_cmd_ports_options(void);
int rig_cmd_lab(int argc, char **argv);
const struct rig_options *rig_cmd_lab_options(void);

/* Print "netrig COMMAND: sentence" on stderr and return `code`. */
int rig_cmd_fail(const char *command, enum rig_exit code, const struct rig_err *err);
/* Print the table's help on stdout; RIG_EXIT_OK, or RIG_EXIT_CANNOT if stdout does not take it. */
int rig_cmd_help(const struct rig_options *table);
/* Colour is wanted: `stream` is a terminal that can, and NO_COLOR is not set. */
bool rig_cmd_colour(FILE *stream);

#endif
