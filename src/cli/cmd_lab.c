/* SPDX-License-Identifier: BSD-2-Clause */
/* netrig lab: networks to measure in, that are gone when the measurement is. */
#include "cli/cmd.h"

#include "base/json.h"
#include "lab/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum lab_option { LAB_DRY_RUN, LAB_JSON, LAB_LAB };

static const struct rig_option lab_options[] = {
    {'n', "dry-run", NULL, "run and up", "print the steps and do none of them", LAB_DRY_RUN},
    {0, "lab", "NAME", "exec", "a lab that 'netrig lab up' made; without it, the one around us",
     LAB_LAB},
    {0, "json", NULL, "list", "one JSON object a line", LAB_JSON},
};

static const struct rig_options lab_table = {
    .command = "lab",
    .summary = "make a network of namespaces, pairs, taps and bridges to measure in",
    .synopsis = "run [-n] [WORD...] -- COMMAND [ARG...]\n"
                "exec [--lab NAME] NS -- COMMAND [ARG...]\n"
                "up [-n] NAME WORD...\n"
                "down [NAME]\n"
                "list [--json]",
    .description =
        "'run' makes a network in fresh namespaces, runs COMMAND in its first one, called home, "
        "and ends with COMMAND's status. When COMMAND ends, or netrig does, even by kill -9, the "
        "kernel ends every process inside and takes the network down. It needs no privilege where "
        "user namespaces are allowed. 'exec' inside of it runs a command in another of its "
        "namespaces.\n"
        "'up' makes a network on the host, as root, and leaves it; its namespaces are kept as "
        "/run/netns/NAME-NS. 'down' takes down the lab NAME, or all, also what a killed 'up' left; "
        "it may be repeated. Nothing that existed before is deleted.\n"
        "Each WORD adds to the network, in order; interfaces are up at once:\n"
        "  ns:NAME                       another namespace\n"
        "  veth:A[@NS],B[@NS]            a pair of interfaces joined by a wire\n"
        "  tap:NAME[@NS]                 a tap, where /dev/net/tun is open to this user\n"
        "  bridge:NAME[@NS][=IF+IF...]   a bridge without spanning tree, and its ports\n"
        "  addr:IF[@NS]=A/P              an address\n"
        "  route:[NS]=GATEWAY            a default route\n"
        "  mtu:IF[@NS]=BYTES             a longest packet",
    .examples = "netrig lab run ns:far veth:a,b@far addr:a=10.0.0.1/24 addr:b@far=10.0.0.2/24 -- "
                "ping -c 3 10.0.0.2\n"
                "netrig lab run ns:far veth:a,b@far -- netrig lab exec far -- ip link\n"
                "netrig lab up demo tap:tap0 tap:tap1 bridge:br0=tap0+tap1\n"
                "netrig lab down demo",
    .n_options = sizeof(lab_options) / sizeof(lab_options[0]),
    .options = lab_options,
};

/* The command line, cut at "--". */
struct lab_args {
    bool dry_run;
    bool json;
    const char *lab;
    int n_words; /* behind the subcommand, before "--" */
    char **words;
    char **command; /* behind "--"; NULL: there is none */
    struct rig_err err;
};

const struct rig_options *rig_cmd_lab_options(void)
{
    return &lab_table;
}

static int set_option(void *ctx, int id, const char *arg, struct rig_err *err)
{
    struct lab_args *args = ctx;
    (void)err;
    switch (id) {
    case LAB_DRY_RUN:
        args->dry_run = true;
        break;
    case LAB_JSON:
        args->json = true;
        break;
    default:
        args->lab = arg;
    }
    return 0;
}

static int usage(struct lab_args *args)
{
    return rig_cmd_fail("lab", RIG_EXIT_USAGE, &args->err);
}

/* A refusal of what was typed is a matter of usage; the rest is what the host did not let us do. */
static int failed(struct lab_args *args, int code)
{
    return rig_cmd_fail("lab", code == -EINVAL ? RIG_EXIT_USAGE : RIG_EXIT_CANNOT, &args->err);
}

static int fill_plan(struct rig_lab_plan *plan, struct lab_args *args, int first)
{
    int code = 0;
    for (int i = first; i < args->n_words && code == 0; i++)
        code = rig_lab_plan_add(plan, args->words[i], &args->err);
    return code;
}

static int print_plan(const struct rig_lab_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_steps; i++) {
        char text[RIG_LAB_STEP_TEXT_MAX];
        printf("%3u  %s\n", i + 1, rig_lab_step_format(&plan->steps[i], text));
    }
    return fflush(stdout) == 0 ? RIG_EXIT_OK : RIG_EXIT_CANNOT;
}

static int with_plan(struct lab_args *args, int first,
                     int (*act)(struct lab_args *args, const struct rig_lab_plan *plan))
{
    struct rig_lab_plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL)
        return failed(args, rig_err_set(&args->err, -ENOMEM, "no memory for a plan"));
    int code = fill_plan(plan, args, first);
    int status = code == 0 ? act(args, plan) : failed(args, code);
    free(plan);
    return status;
}

static int run_plan(struct lab_args *args, const struct rig_lab_plan *plan)
{
    if (args->dry_run)
        return print_plan(plan);
    int code = rig_lab_run(plan, args->command, &args->err);
    return code < 0 ? failed(args, code) : code;
}

static int lab_run(struct lab_args *args)
{
    if (args->command == NULL && !args->dry_run) {
        rig_err_set(&args->err, -EINVAL, "say what to run, behind '--'");
        return usage(args);
    }
    return with_plan(args, 0, run_plan);
}

static int lab_exec(struct lab_args *args)
{
    if (args->n_words != 1 || args->command == NULL) {
        rig_err_set(&args->err, -EINVAL, "say one namespace and a command: exec NS -- COMMAND");
        return usage(args);
    }
    int code = rig_lab_enter(args->lab, args->words[0], &args->err);
    if (code != 0)
        return failed(args, code);
    execvp(args->command[0], args->command);
    code =
        rig_err_set(&args->err, -errno, "cannot run '%s': %s", args->command[0], strerror(errno));
    return failed(args, code);
}

static int up_plan(struct lab_args *args, const struct rig_lab_plan *plan)
{
    if (args->dry_run)
        return print_plan(plan);
    int code = rig_lab_up(args->words[0], plan, &args->err);
    return code != 0 ? failed(args, code) : RIG_EXIT_OK;
}

static int lab_up(struct lab_args *args)
{
    if (args->n_words < 2) {
        rig_err_set(&args->err, -EINVAL, "say a name and what to make: up NAME WORD...");
        return usage(args);
    }
    return with_plan(args, 1, up_plan);
}

static int lab_down(struct lab_args *args)
{
    if (args->n_words > 1) {
        rig_err_set(&args->err, -EINVAL, "say one name, or none for all: down [NAME]");
        return usage(args);
    }
    uint32_t n_undone = 0;
    int code = rig_lab_down(args->n_words == 1 ? args->words[0] : NULL, &n_undone, &args->err);
    if (n_undone > 0)
        printf("%u %s down\n", n_undone, n_undone == 1 ? "lab is" : "labs are");
    return code != 0 ? failed(args, code) : RIG_EXIT_OK;
}

static void print_lab(void *ctx, const char *name, uint32_t n_steps)
{
    const struct lab_args *args = ctx;
    char buf[256];
    struct rig_json json;
    if (!args->json) {
        printf("%-31s %4u %s\n", name, n_steps, n_steps == 1 ? "step" : "steps");
        return;
    }
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_str(&json, "event", "lab");
    rig_json_str(&json, "tool", "lab");
    rig_json_str(&json, "name", name);
    rig_json_u64(&json, "steps", n_steps);
    const char *line = rig_json_end(&json);
    if (line != NULL)
        puts(line);
}

static int lab_list(struct lab_args *args)
{
    if (args->n_words > 0) {
        rig_err_set(&args->err, -EINVAL, "list takes no name, but '%s' was given", args->words[0]);
        return usage(args);
    }
    int code = rig_lab_list(print_lab, args, &args->err);
    return code != 0 ? failed(args, code) : RIG_EXIT_OK;
}

struct subcommand {
    const char *name;
    int (*run)(struct lab_args *args);
    bool takes_command;
    bool takes_dry_run;
    bool takes_json;
    bool takes_lab;
};

static const struct subcommand subcommands[] = {
    {"run", lab_run, true, true, false, false},    {"exec", lab_exec, true, false, false, true},
    {"up", lab_up, false, true, false, false},     {"down", lab_down, false, false, false, false},
    {"list", lab_list, false, false, true, false},
};

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    }
    return NULL;
}

static int check_taken(const struct subcommand *sub, struct lab_args *args)
{
    const char *wrong = NULL;
    if (args->dry_run && !sub->takes_dry_run)
        wrong = "--dry-run";
    if (args->json && !sub->takes_json)
        wrong = "--json";
    if (args->lab != NULL && !sub->takes_lab)
        wrong = "--lab";
    if (args->command != NULL && !sub->takes_command)
        wrong = "--";
    if (wrong == NULL)
        return 0;
    return rig_err_set(&args->err, -EINVAL, "'%s' has no place in 'netrig lab %s'", wrong,
                       sub->name);
}

/* Take argv apart; 0, RIG_OPTIONS_HELP or -EINVAL. */
static int parse_args(struct lab_args *args, int argc, char **argv)
{
    /* getopt_long permutes argv and forgets where the "--" was: so it is cut off first. */
    int head = 1;
    while (head < argc && strcmp(argv[head], "--") != 0)
        head++;
    if (head + 1 < argc)
        args->command = argv + head + 1;

    int first = 0;
    const struct rig_options_sink sink = {set_option, args};
    char *dashes = argv[head];
    argv[head] = NULL;
    int code = rig_options_parse(&lab_table, head, argv, &sink, &first, &args->err);
    argv[head] = dashes;
    args->words = argv + first;
    args->n_words = head - first;
    return code;
}

int rig_cmd_lab(int argc, char **argv)
{
    struct lab_args args = {0};
    int code = parse_args(&args, argc, argv);
    if (code == RIG_OPTIONS_HELP)
        return rig_cmd_help(&lab_table);
    if (code != 0)
        return usage(&args);
    if (args.n_words == 0) {
        rig_err_set(&args.err, -EINVAL, "say what to do: run, exec, up, down or list");
        return usage(&args);
    }
    const struct subcommand *sub = find_subcommand(args.words[0]);
    if (sub == NULL) {
        rig_err_set(&args.err, -EINVAL, "'%s' is none of run, exec, up, down and list",
                    args.words[0]);
        return usage(&args);
    }
    args.words++;
    args.n_words--;
    if (check_taken(sub, &args) != 0)
        return usage(&args);
    return sub->run(&args);
}
