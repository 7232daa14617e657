/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text that iperf 2 users read: the same lines, columns and units. Column titles are repeated
 * whenever lines of another kind come in between.
 */
#include "cli/iperf_output.h"

#include <string.h>

static const char rule[] = "------------------------------------------------------------\n";

static const char head_plain[] = "[ ID] Interval       Transfer     Bandwidth\n";
static const char head_udp_rx[] =
    "[ ID] Interval       Transfer     Bandwidth        Jitter   Lost/Total Datagrams\n";
static const char head_tcp_tx_e[] = "[ ID] Interval            Transfer    Bandwidth       "
                                    "Write/Err  Rtry     Cwnd/RTT(var)        NetPwr\n";
static const char head_tcp_rx_e[] =
    "[ ID] Interval            Transfer    Bandwidth       Reads=Dist\n";
static const char head_udp_tx_e[] =
    "[ ID] Interval            Transfer     Bandwidth      Write/Err  PPS\n";
static const char head_udp_rx_e[] =
    "[ ID] Interval            Transfer     Bandwidth        Jitter   Lost/Total "
    " Latency avg/min/max/stdev PPS\n";

static const char *header_for(const struct rig_iperf_output *output,
                              const struct rig_iperf2_report *report)
{
    bool enhanced = output->args->iperf.enhanced;
    if (report->udp && !report->is_sender)
        return enhanced ? head_udp_rx_e : head_udp_rx;
    if (!enhanced)
        return head_plain;
    if (report->udp)
        return head_udp_tx_e;
    return report->is_sender ? head_tcp_tx_e : head_tcp_rx_e;
}

static void print_header(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    const char *header = header_for(output, report);
    if (output->header != header)
        fputs(header, output->stream);
    output->header = header;
}

static void print_id(FILE *stream, const struct rig_iperf2_report *report)
{
    /* iperf marks the receiving half of a full-duplex flow with a star. */
    char id[16];
    snprintf(id, sizeof(id), "%s%u", report->full_duplex && !report->is_sender ? "*" : "",
             report->id);
    if (report->id)
        fprintf(stream, "[%3s] ", id);
    else
        fputs("[SUM] ", stream);
}

static double seconds_of(const struct rig_iperf2_report *report)
{
    return (double)(report->end_ns - report->start_ns) / 1e9;
}

static void print_rate(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    char transfer[32];
    char rate[32];
    char format = output->args->format;
    double seconds = seconds_of(report);
    double bytes = (double)report->counts.bytes;
    /* A transfer is always shown in bytes; -f names the unit of the rate. */
    rig_units_format_iperf(transfer, sizeof(transfer), bytes, 'A');
    rig_units_format_iperf(rate, sizeof(rate), seconds > 0 ? bytes / seconds : 0, format);
    fprintf(output->stream, "%6.4f-%6.4f sec  %ss  %ss/sec", (double)report->start_ns / 1e9,
            (double)report->end_ns / 1e9, transfer, rate);
}

static double arrived_pps(const struct rig_iperf2_report *report)
{
    double arrived = (double)report->counts.datagrams;
    if (!report->is_sender)
        arrived -= (double)report->counts.lost;
    double seconds = seconds_of(report);
    return seconds > 0 ? arrived / seconds : 0;
}

static void print_loss(FILE *stream, const struct rig_iperf2_report *report)
{
    const struct rig_iperf2_counts *counts = &report->counts;
    double percent =
        counts->datagrams ? 100.0 * (double)counts->lost / (double)counts->datagrams : 0;
    if (report->id)
        fprintf(stream, "  %6.3f ms", report->jitter_ns / 1e6);
    else
        fputs("           ", stream);
    fprintf(stream, " %lld/%llu (%.2g%%)", (long long)counts->lost,
            (unsigned long long)counts->datagrams, percent);
}

static void print_latency(FILE *stream, const struct rig_iperf2_report *report)
{
    const struct rig_stats *transit = &report->transit_s;
    bool plausible = transit->count && transit->mean > -1 && transit->mean < 600;
    if (plausible)
        fprintf(stream, " %.3f/%.3f/%.3f/%.3f ms", transit->mean * 1e3, transit->min * 1e3,
                transit->max * 1e3, rig_stats_stddev(transit) * 1e3);
    else
        fputs(" -/-/-/- ms", stream);
}

static void print_tcp_tx(FILE *stream, const struct rig_iperf2_report *report)
{
    const struct rig_iperf2_counts *counts = &report->counts;
    fprintf(stream, "  %llu/%llu %10llu", (unsigned long long)counts->ops,
            (unsigned long long)counts->op_errors, (unsigned long long)counts->retransmits);
    if (!report->has_info)
        return;
    double seconds = seconds_of(report);
    double rtt_s = report->info.rtt_us / 1e6;
    /* iperf's "network power": throughput in bytes a second over delay, in millions. */
    double power = seconds > 0 && rtt_s > 0 ? (double)counts->bytes / seconds / rtt_s / 1e6 : 0;
    fprintf(stream, " %8uK/%u(%u) us  %.0f", report->info.cwnd_bytes / 1024, report->info.rtt_us,
            report->info.rtt_var_us, power);
}

static void print_tcp_rx(FILE *stream, const struct rig_iperf2_report *report)
{
    fprintf(stream, "  %llu=", (unsigned long long)report->counts.ops);
    for (int i = 0; i < RIG_IPERF2_READ_BINS; i++)
        fprintf(stream, "%s%llu", i ? ":" : "", (unsigned long long)report->counts.read_bins[i]);
}

static void print_enhanced(FILE *stream, const struct rig_iperf2_report *report)
{
    if (!report->id)
        return;
    if (!report->udp && report->is_sender)
        print_tcp_tx(stream, report);
    else if (!report->udp)
        print_tcp_rx(stream, report);
    else if (report->is_sender)
        fprintf(stream, "  %llu/%llu %8.0f pps", (unsigned long long)report->counts.ops,
                (unsigned long long)report->counts.op_errors, arrived_pps(report));
}

static void print_line(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    FILE *stream = output->stream;
    print_header(output, report);
    print_id(stream, report);
    print_rate(output, report);
    if (report->udp && !report->is_sender)
        print_loss(stream, report);
    if (output->args->iperf.enhanced) {
        print_enhanced(stream, report);
        if (report->udp && !report->is_sender) {
            print_latency(stream, report);
            fprintf(stream, " %.0f pps", arrived_pps(report));
        }
    }
    fputc('\n', stream);
}

static void print_strays(FILE *stream, const struct rig_iperf2_report *report)
{
    const struct rig_iperf2_counts *counts = &report->counts;
    if (report->is_sender || !report->udp)
        return;
    if (counts->out_of_order) {
        print_id(stream, report);
        fprintf(stream, "%6.4f-%6.4f sec  %llu datagrams received out-of-order\n",
                (double)report->start_ns / 1e9, (double)report->end_ns / 1e9,
                (unsigned long long)counts->out_of_order);
    }
    if (counts->duplicated) {
        print_id(stream, report);
        fprintf(stream, "%6.4f-%6.4f sec  %llu datagrams received twice\n",
                (double)report->start_ns / 1e9, (double)report->end_ns / 1e9,
                (unsigned long long)counts->duplicated);
    }
}

static void print_result(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    print_line(output, report);
    if (report->udp && report->is_sender) {
        print_id(output->stream, report);
        fprintf(output->stream, "Sent %llu datagrams\n",
                (unsigned long long)report->counts.datagrams);
    }
    print_strays(output->stream, report);
}

static void print_connected(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    char local[RIG_ADDR_TEXT_MAX];
    char peer[RIG_ADDR_TEXT_MAX];
    print_id(output->stream, report);
    fprintf(output->stream, "local %s port %u connected with %s port %u%s\n",
            rig_addr_format(&report->local.addr, local), report->local.port,
            rig_addr_format(&report->peer.addr, peer), report->peer.port,
            report->full_duplex ? " (full-duplex)" : "");
}

static void print_window(struct rig_iperf_output *output, uint32_t window_bytes)
{
    char text[32];
    const struct rig_iperf2_config *iperf = &output->args->iperf;
    if (!window_bytes)
        return;
    rig_units_format_iperf(text, sizeof(text), window_bytes, 'A');
    fprintf(output->stream, "%s: %s%s\n", iperf->udp ? "UDP buffer size" : "TCP window size", text,
            iperf->net.window_bytes ? "" : " (default)");
}

static void print_listening(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    fputs(rule, output->stream);
    fprintf(output->stream, "Server listening on %s port %u\n", report->udp ? "UDP" : "TCP",
            report->local.port);
    print_window(output, report->window_bytes);
    fputs(rule, output->stream);
}

static void print_connecting(struct rig_iperf_output *output,
                             const struct rig_iperf2_report *report)
{
    char peer[RIG_ADDR_TEXT_MAX];
    const struct rig_iperf2_config *iperf = &output->args->iperf;
    fputs(rule, output->stream);
    fprintf(output->stream, "Client connecting to %s, %s port %u\n",
            rig_addr_format(&report->peer.addr, peer), report->udp ? "UDP" : "TCP",
            report->peer.port);
    double pps = rig_iperf2_rate_pps(&iperf->rate, iperf->len_bytes);
    if (report->udp)
        fprintf(output->stream, "Sending %u byte datagrams, IPG target: %.2f us\n",
                iperf->len_bytes, pps > 0 ? 1e6 / pps : 0.0);
    fputs(rule, output->stream);
}

void rig_iperf_text_report(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    switch (report->event) {
    case RIG_IPERF2_LISTENING:
        print_listening(output, report);
        break;
    case RIG_IPERF2_CONNECTING:
        print_connecting(output, report);
        break;
    case RIG_IPERF2_CONNECTED:
        print_connected(output, report);
        output->header = NULL;
        break;
    case RIG_IPERF2_INTERVAL:
    case RIG_IPERF2_SUM_INTERVAL:
    case RIG_IPERF2_SUM_RESULT:
        print_line(output, report);
        break;
    case RIG_IPERF2_RESULT:
        print_result(output, report);
        break;
    case RIG_IPERF2_SERVER_REPORT:
        print_id(output->stream, report);
        fputs("Server Report:\n", output->stream);
        output->header = NULL;
        print_result(output, report);
        break;
    case RIG_IPERF2_WARNING:
    case RIG_IPERF2_FAILED:
        break;
    }
}
