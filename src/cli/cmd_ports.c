/* SPDX-License-Identifier: BSD-2-Clause */
/* netrig ports: the kinds of port and how to name them. */
#include "cli/cmd.h"

#include "base/json.h"
#include "port/port.h"

#include <errno.h>
#include <string.h>

enum ports_option { PORTS_JSON };

static const struct rig_option ports_options[] = {
    {0, "json", NULL, "Output", "one JSON object a line", PORTS_JSON},
};

static const struct rig_options ports_table = {
    .command = "ports",
    .summary = "list the kinds of port and how to name them",
    .synopsis = "[--json]",
    .description = "Where a command takes a PORT, it is named KIND:TARGET[@OPTION[=VALUE],...]. "
                   "Each line shows one kind of port and what it stands for.",
    .examples = "netrig ports",
    .n_options = 1,
    .options = ports_options,
};

const struct rig_options *rig_cmd_ports_options(void)
{
    return &ports_table;
}

static int set_option(void *ctx, int id, const char *arg, struct rig_err *err)
{
    (void)id;
    (void)arg;
    (void)err;
    *(bool *)ctx = true;
    return 0;
}

static void print_json(const struct rig_port_kind *kind)
{
    char buf[1024];
    struct rig_json json;
    rig_json_begin(&json, buf, sizeof(buf));
    rig_json_str(&json, "event", "port_kind");
    rig_json_str(&json, "tool", "ports");
    rig_json_str(&json, "syntax", kind->syntax);
    rig_json_str(&json, "summary", kind->summary);
    const char *line = rig_json_end(&json);
    if (line != NULL)
        puts(line);
}

static void print_kinds(bool json)
{
    uint32_t n = 0;
    const struct rig_port_kind *kinds = rig_port_kinds(&n);
    size_t width = 0;
    for (uint32_t i = 0; i < n; i++) {
        size_t len = strlen(kinds[i].syntax);
        width = len > width ? len : width;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (json)
            print_json(&kinds[i]);
        else
            printf("%-*s  %s\n", (int)width, kinds[i].syntax, kinds[i].summary);
    }
}

int rig_cmd_ports(int argc, char **argv)
{
    struct rig_err err;
    bool json = false;
    int first = 0;
    const struct rig_options_sink sink = {set_option, &json};
    int code = rig_options_parse(&ports_table, argc, argv, &sink, &first, &err);
    if (code == RIG_OPTIONS_HELP)
        return rig_cmd_help(&ports_table);
    if (code == 0 && first < argc)
        code = rig_err_set(&err, -EINVAL, "takes no argument, but '%s' was given", argv[first]);
    if (code != 0)
        return rig_cmd_fail("ports", RIG_EXIT_USAGE, &err);
    print_kinds(json);
    return fflush(stdout) == 0 ? RIG_EXIT_OK : RIG_EXIT_CANNOT;
}
