/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MIN_NS (10 * RIG_NS_PER_S)
#define SILENCE_MAX_NS (3600 * RIG_NS_PER_S)

void rig_iperf2_fill(uint8_t *out, uint32_t len_bytes)
{
    for (uint32_t i = 0; i < len_bytes; i++)
        out[i] = (uint8_t)('0' + i % 10);
}

static void call_done(void *ctx)
{
    struct rig_iperf2_run *run = ctx;
    run->hooks.done(run->hooks.ctx, run->error);
}

int rig_iperf2_run_init(struct rig_iperf2_run *run, struct rig_net *net,
                        const struct rig_iperf2_config *config,
                        const struct rig_iperf2_hooks *hooks, struct rig_err *err)
{
    run->pattern = malloc(config->len_bytes);
    if (!run->pattern)
        return rig_err_set(err, -ENOMEM, "no memory for a buffer of %u bytes", config->len_bytes);
    rig_iperf2_fill(run->pattern, config->len_bytes);
    run->net = net;
    run->loop = rig_net_loop(net);
    run->config = *config;
    run->hooks = *hooks;
    run->next_id = &run->own_next_id;
    rig_timer_init(&run->done_timer, call_done, run);
    return 0;
}

void rig_iperf2_run_fini(struct rig_iperf2_run *run)
{
    rig_loop_timer_stop(run->loop, &run->done_timer);
    free(run->pattern);
}

uint32_t rig_iperf2_run_next_id(struct rig_iperf2_run *run)
{
    return ++*run->next_id;
}

void rig_iperf2_run_report(struct rig_iperf2_run *run, const struct rig_iperf2_report *report)
{
    run->hooks.report(run->hooks.ctx, report);
}

static void say(struct rig_iperf2_run *run, const struct rig_iperf2_report *flow,
                enum rig_iperf2_event event, const char *text)
{
    struct rig_iperf2_report report = {.is_server = run->is_server, .udp = run->config.udp};
    if (flow) {
        report.id = flow->id;
        report.is_sender = flow->is_sender;
        report.local = flow->local;
        report.peer = flow->peer;
    }
    report.event = event;
    report.text = text;
    rig_iperf2_run_report(run, &report);
}

void rig_iperf2_run_warn(struct rig_iperf2_run *run, const struct rig_iperf2_report *flow,
                         const char *fmt, ...)
{
    char text[RIG_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    say(run, flow, RIG_IPERF2_WARNING, text);
}

void rig_iperf2_run_fail(struct rig_iperf2_run *run, const struct rig_iperf2_report *flow,
                         int error, const char *fmt, ...)
{
    char text[RIG_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!run->error)
        run->error = error;
    say(run, flow, RIG_IPERF2_FAILED, text);
}

void rig_iperf2_run_done(struct rig_iperf2_run *run)
{
    if (!run->done_asked)
        rig_loop_timer_set(run->loop, &run->done_timer, rig_loop_now(run->loop));
    run->done_asked = true;
}

rig_ns_t rig_iperf2_silence_ns(double rate_pps)
{
    double ten_intervals_ns = rate_pps > 0 ? 10e9 / rate_pps : 0;
    if (ten_intervals_ns > (double)SILENCE_MAX_NS)
        return SILENCE_MAX_NS;
    return ten_intervals_ns > (double)SILENCE_MIN_NS ? (rig_ns_t)ten_intervals_ns : SILENCE_MIN_NS;
}

double rig_iperf2_rate_pps(const struct rig_rate *rate, uint32_t len_bytes)
{
    if (rate->is_pps)
        return (double)rate->value;
    return (double)rate->value / (8.0 * len_bytes);
}

const char *rig_iperf2_error_text(int error)
{
    switch (-error) {
    case ECONNREFUSED:
        return "connection refused: nothing listens there";
    case ECONNRESET:
        return "the peer reset the connection";
    case EPIPE:
        return "the peer closed the connection before the end of the test";
    case ETIMEDOUT:
        return "the peer does not answer";
    case EHOSTUNREACH:
        return "no route to the host, or it does not answer";
    case ENETUNREACH:
        return "the network is unreachable";
    case ENODEV:
        return "the interface is gone";
    case EMSGSIZE:
        return "the datagram is too long for the path";
    default:
        return strerror(-error);
    }
}
