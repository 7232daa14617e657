/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program: a table of commands, and nothing else.
 *
 * `generate` is not listed: the build calls it to write the manual pages and the shell completion
 * from the same option tables that the commands parse with.
 */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>

#ifndef RIG_VERSION
#error "the build defines RIG_VERSION"
#endif

struct command {
    const struct rig_options *(*options)(void);
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {rig_cmd_iperf_options, rig_cmd_iperf},
    {rig_cmd_lab_options, rig_cmd_lab},
    {rig_cmd_ports_options, rig_cmd_ports},
};

#define N_COMMANDS ((uint32_t)(sizeof(commands) / sizeof(commands[0])))

static const struct command *find_command(const char *name)
{
    for (uint32_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].options()->command, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int finish(FILE *stream)
{
    return fflush(stream) == 0 && !ferror(stream) ? RIG_EXIT_OK : RIG_EXIT_CANNOT;
}

static int print_help(void)
{
    puts("Usage: netrig COMMAND [OPTION...]\n"
         "       netrig help COMMAND\n"
         "       netrig --version\n"
         "\n"
         "Measures a virtual network from the place where a unikernel or a VM stands.\n"
         "\n"
         "Commands:");
    for (uint32_t i = 0; i < N_COMMANDS; i++) {
        const struct rig_options *table = commands[i].options();
        printf("  %-10s %s\n", table->command, table->summary);
    }
    puts("\n"
         "Exit status: 0 measured, 1 measured and failed its criterion, 2 the command line is\n"
         "wrong, 3 could not measure.");
    return finish(stdout);
}

static const char *nearest_command(const char *name)
{
    const char *best = NULL;
    uint32_t best_distance = 3;
    for (uint32_t i = 0; i < N_COMMANDS; i++) {
        const char *command = commands[i].options()->command;
        uint32_t distance = rig_options_distance(name, command, best_distance);
        if (distance < best_distance) {
            best = command;
            best_distance = distance;
        }
    }
    return best;
}

static int refuse_command(const char *name)
{
    const char *near = nearest_command(name);
    if (near != NULL)
        fprintf(stderr, "netrig: unknown command '%s'; the nearest is '%s'\n", name, near);
    else
        fprintf(stderr, "netrig: unknown command '%s'; 'netrig --help' lists them\n", name);
    return RIG_EXIT_USAGE;
}

static int help_command(int argc, char **argv)
{
    if (argc < 2)
        return print_help();
    const struct command *command = find_command(argv[1]);
    return command != NULL ? rig_cmd_help(command->options()) : refuse_command(argv[1]);
}

static int generate_completion(void)
{
    const struct rig_options *tables[N_COMMANDS];
    for (uint32_t i = 0; i < N_COMMANDS; i++)
        tables[i] = commands[i].options();
    rig_options_bash(tables, N_COMMANDS, stdout);
    return finish(stdout);
}

static int generate(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "completion") == 0)
        return generate_completion();
    if (argc != 3 || strcmp(argv[1], "man") != 0) {
        fputs("netrig: generate what: 'man COMMAND' or 'completion'\n", stderr);
        return RIG_EXIT_USAGE;
    }
    const struct command *command = find_command(argv[2]);
    if (command == NULL)
        return refuse_command(argv[2]);
    rig_options_man(command->options(), RIG_VERSION, stdout);
    return finish(stdout);
}

static int print_version(void)
{
    puts("netrig " RIG_VERSION);
    return finish(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("netrig: say a command; 'netrig --help' lists them\n", stderr);
        return RIG_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help();
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return print_version();
    if (strcmp(name, "help") == 0)
        return help_command(argc - 1, argv + 1);
    if (strcmp(name, "generate") == 0)
        return generate(argc - 1, argv + 1);
    const struct command *command = find_command(name);
    if (command == NULL)
        return refuse_command(name);
    return command->run(argc - 1, argv + 1);
}
