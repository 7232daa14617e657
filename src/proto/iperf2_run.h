/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of an iperf 2 run share: its settings, and the way its reports go up. */
#ifndef RIG_PROTO_IPERF2_RUN_H
#define RIG_PROTO_IPERF2_RUN_H

#include "proto/iperf2.h"

struct rig_iperf2_run {
    struct rig_net *net;
    struct rig_loop *loop;
    struct rig_iperf2_config config;
    struct rig_iperf2_hooks hooks;
    bool is_server;
    uint32_t *next_id; /* flows are numbered through, also when a client listens for -d and -r */
    uint32_t own_next_id;
    int error; /* the first failure */
    struct rig_timer done_timer;
    bool done_asked;
    uint8_t *pattern; /* len_bytes of payload, as iperf fills it: "0123456789..." */
};

int rig_iperf2_run_init(struct rig_iperf2_run *run, struct rig_net *net,
                        const struct rig_iperf2_config *config,
                        const struct rig_iperf2_hooks *hooks, struct rig_err *err);
void rig_iperf2_run_fini(struct rig_iperf2_run *run);
uint32_t rig_iperf2_run_next_id(struct rig_iperf2_run *run);
void rig_iperf2_run_report(struct rig_iperf2_run *run, const struct rig_iperf2_report *report);
/* One sentence; `flow` may be NULL. */
void rig_iperf2_run_warn(struct rig_iperf2_run *run, const struct rig_iperf2_report *flow,
                         const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same as FAILED; the run's outcome becomes `error` unless it had one. */
void rig_iperf2_run_fail(struct rig_iperf2_run *run, const struct rig_iperf2_report *flow,
                         int error, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Call `done` in the next turn of the loop, once. */
void rig_iperf2_run_done(struct rig_iperf2_run *run);
/* How long a peer that was to send `rate_pps` (0: unlimited) may be silent before it is gone. */
rig_ns_t rig_iperf2_silence_ns(double rate_pps);
/* Fill `len` bytes with iperf's digits. */
void rig_iperf2_fill(uint8_t *out, uint32_t len_bytes);
/* "Connection refused" and the like for what a peer or the network answered. */
const char *rig_iperf2_error_text(int error);

#endif
