/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON Lines of `netrig iperf`; doc/json.md says what the names mean. */
#include "cli/iperf_output.h"

#include "base/json.h"

#define LINE_BYTES 4096

static const char *event_name(enum rig_iperf2_event event)
{
    switch (event) {
    case RIG_IPERF2_LISTENING:
    case RIG_IPERF2_CONNECTING:
        return "start";
    case RIG_IPERF2_CONNECTED:
        return "connected";
    case RIG_IPERF2_INTERVAL:
        return "interval";
    case RIG_IPERF2_RESULT:
        return "result";
    case RIG_IPERF2_SUM_INTERVAL:
        return "sum_interval";
    case RIG_IPERF2_SUM_RESULT:
        return "sum_result";
    case RIG_IPERF2_SERVER_REPORT:
        return "server_report";
    case RIG_IPERF2_WARNING:
        return "warning";
    case RIG_IPERF2_FAILED:
        return "error";
    }
    return "error";
}

static void begin(struct rig_json *json, char *buf, const struct rig_iperf_output *output,
                  const char *event)
{
    rig_json_begin(json, buf, LINE_BYTES);
    rig_json_str(json, "event", event);
    rig_json_str(json, "tool", "iperf");
    rig_json_str(json, "role", output->args->server ? "server" : "client");
    rig_json_f64(json, "t_s", (double)(rig_clock_ns() - output->start_ns) / 1e9, 6);
}

static void finish(struct rig_json *json, const struct rig_iperf_output *output)
{
    const char *line = rig_json_end(json);
    if (line)
        fprintf(output->stream, "%s\n", line);
}

static void put_endpoint(struct rig_json *json, const char *key,
                         const struct rig_endpoint *endpoint)
{
    char text[RIG_ENDPOINT_TEXT_MAX];
    if (!endpoint->port)
        return;
    if (endpoint->addr.family)
        rig_endpoint_format(endpoint, text);
    else
        snprintf(text, sizeof(text), "*:%u", endpoint->port);
    rig_json_str(json, key, text);
}

static void put_flow(struct rig_json *json, const struct rig_iperf_output *output,
                     const struct rig_iperf2_report *report)
{
    rig_json_str(json, "proto", report->udp ? "udp" : "tcp");
    rig_json_str(json, "on", output->args->on ? output->args->on : "kernel");
    if (report->id)
        rig_json_u64(json, "flow", report->id);
    put_endpoint(json, "local", &report->local);
    put_endpoint(json, "peer", &report->peer);
    if (report->window_bytes)
        rig_json_u64(json, "window_bytes", report->window_bytes);
}

static void put_delay(struct rig_json *json, const char *key, const struct rig_stats *stats,
                      double to_us)
{
    if (!stats->count)
        return;
    rig_json_object(json, key);
    rig_json_u64(json, "count", stats->count);
    rig_json_f64(json, "mean", stats->mean * to_us, 3);
    rig_json_f64(json, "min", stats->min * to_us, 3);
    rig_json_f64(json, "max", stats->max * to_us, 3);
    rig_json_f64(json, "stddev", rig_stats_stddev(stats) * to_us, 3);
    rig_json_close(json);
}

static void put_datagrams(struct rig_json *json, const struct rig_iperf2_report *report,
                          double seconds)
{
    const struct rig_iperf2_counts *counts = &report->counts;
    uint64_t arrived = counts->datagrams;
    rig_json_u64(json, "datagrams", counts->datagrams);
    if (!report->is_sender) {
        arrived = counts->datagrams - (uint64_t)counts->lost;
        rig_json_i64(json, "lost", counts->lost);
        if (counts->datagrams)
            rig_json_f64(json, "loss_ratio", (double)counts->lost / (double)counts->datagrams, 9);
        rig_json_u64(json, "out_of_order", counts->out_of_order);
        if (report->event != RIG_IPERF2_SERVER_REPORT)
            rig_json_u64(json, "duplicated", counts->duplicated);
        if (report->id)
            rig_json_f64(json, "jitter_ms", report->jitter_ns / 1e6, 6);
    }
    if (seconds > 0)
        rig_json_f64(json, "pps", (double)arrived / seconds, 1);
}

static void put_stream(struct rig_json *json, const struct rig_iperf2_report *report)
{
    rig_json_u64(json, report->is_sender ? "writes" : "reads", report->counts.ops);
    if (!report->is_sender)
        return;
    rig_json_u64(json, "retransmits", report->counts.retransmits);
    if (!report->has_info)
        return;
    rig_json_u64(json, "rtt_us", report->info.rtt_us);
    rig_json_u64(json, "rtt_var_us", report->info.rtt_var_us);
    rig_json_u64(json, "cwnd_bytes", report->info.cwnd_bytes);
    rig_json_u64(json, "mss_bytes", report->info.mss_bytes);
}

static void put_figures(struct rig_json *json, const struct rig_iperf2_report *report)
{
    double seconds = (double)(report->end_ns - report->start_ns) / 1e9;
    rig_json_str(json, "direction", report->is_sender ? "tx" : "rx");
    if (report->n_flows > 1)
        rig_json_u64(json, "flows", report->n_flows);
    rig_json_f64(json, "start_s", (double)report->start_ns / 1e9, 9);
    rig_json_f64(json, "end_s", (double)report->end_ns / 1e9, 9);
    rig_json_f64(json, "seconds", seconds, 9);
    rig_json_str(json, "layer", "goodput");
    rig_json_u64(json, "bytes", report->counts.bytes);
    if (seconds > 0)
        rig_json_f64(json, "bps", (double)report->counts.bytes * 8 / seconds, 0);
    if (report->udp)
        put_datagrams(json, report, seconds);
    else
        put_stream(json, report);
    /* One-way delays mean something only if the clocks agree, which --trip-times says. */
    if (report->trip_times)
        put_delay(json, "latency_us", &report->transit_s, 1e6);
    put_delay(json, "pacing_late_us", &report->pacing_late_ns, 1e-3);
}

void rig_iperf_json_report(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    char buf[LINE_BYTES];
    struct rig_json json;
    begin(&json, buf, output, event_name(report->event));
    put_flow(&json, output, report);
    if (report->text)
        rig_json_str(&json, "error", report->text);
    else if (report->event != RIG_IPERF2_LISTENING && report->event != RIG_IPERF2_CONNECTING &&
             report->event != RIG_IPERF2_CONNECTED)
        put_figures(&json, report);
    finish(&json, output);
}

void rig_iperf_json_error(struct rig_iperf_output *output, const char *sentence)
{
    char buf[LINE_BYTES];
    struct rig_json json;
    begin(&json, buf, output, "error");
    rig_json_str(&json, "error", sentence);
    finish(&json, output);
}

void rig_iperf_json_ready(struct rig_iperf_output *output, const struct rig_stack *stack)
{
    char buf[LINE_BYTES];
    char text[RIG_ADDR_TEXT_MAX];
    char mac_text[RIG_MAC_TEXT_MAX];
    struct rig_json json;
    struct rig_mac mac = rig_stack_mac(stack);
    begin(&json, buf, output, "ready");
    rig_json_str(&json, "on", output->args->on);
    rig_json_str(&json, "mac", rig_mac_format(&mac, mac_text));
    struct rig_addr ipv4 = rig_stack_addr(stack, 4, NULL);
    struct rig_addr ipv6 = rig_stack_addr(stack, 6, NULL);
    if (ipv4.family)
        rig_json_str(&json, "ipv4", rig_addr_format(&ipv4, text));
    if (ipv6.family)
        rig_json_str(&json, "ipv6", rig_addr_format(&ipv6, text));
    finish(&json, output);
}
