/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `netrig iperf`, as values. */
#ifndef RIG_CLI_IPERF_ARGS_H
#define RIG_CLI_IPERF_ARGS_H

#include "cli/options.h"
#include "proto/iperf2.h"
#include "stack/stack.h"

enum rig_iperf_output_style {
    RIG_IPERF_OUTPUT_TEXT,
    RIG_IPERF_OUTPUT_CSV,
    RIG_IPERF_OUTPUT_JSON,
};

struct rig_iperf_args {
    bool server;
    const char *host; /* -c */
    const char *bind; /* -B as written */
    uint16_t port;
    bool ipv6_domain; /* -V */
    bool duration_set;
    bool daemon;
    const char *output; /* -o; NULL: stdout */
    enum rig_iperf_output_style style;
    char format;            /* -f */
    const char *on;         /* port to stand on; NULL: the kernel's sockets */
    bool stack_option_seen; /* an option that only means something with --on */
    bool ipv4_set;
    char device[16]; /* of -B ...%dev */
    struct rig_stack_config stack;
    struct rig_iperf2_config iperf;
};

/* Read the command line. 0, RIG_OPTIONS_HELP, or -EINVAL with a sentence. `args` keeps pointers
 * into argv and the environment. Addresses that need a resolver are left to rig_iperf_args_resolve.
 */
int rig_iperf_args_parse(struct rig_iperf_args *args, int argc, char **argv, struct rig_err *err);
/* Do they go together? -EINVAL with a sentence. */
int rig_iperf_args_check(const struct rig_iperf_args *args, struct rig_err *err);

/* Fill in iperf.peer and iperf.local: host names through the system's resolver. */
int rig_iperf_args_resolve(struct rig_iperf_args *args, struct rig_err *err);

#endif
