/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iperf 2's CSV (-y C):
 *   time,laddr,lport,raddr,rport,id,start-end,bytes,bps[,jitter_ms,lost,total,loss%,out-of-order]
 * The bracket stands for datagrams as their receiver counted them, the server's report on a
 * client's included. A sum has 0 for ports and the id -1.
 */
#include "cli/iperf_output.h"

#include <time.h>

static void print_head(FILE *stream, const struct rig_iperf2_report *report)
{
    char local[RIG_ADDR_TEXT_MAX];
    char peer[RIG_ADDR_TEXT_MAX];
    char stamp[32];
    time_t now = (time_t)(rig_clock_wall_ns() / RIG_NS_PER_S);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
    bool sum = report->id == 0;
    fprintf(stream, "%s,%s,%u,%s,%u,%d,%.1f-%.1f", stamp,
            sum ? "" : rig_addr_format(&report->local.addr, local), report->local.port,
            sum ? "" : rig_addr_format(&report->peer.addr, peer), report->peer.port,
            sum ? -1 : (int)report->id, (double)report->start_ns / 1e9,
            (double)report->end_ns / 1e9);
}

static void print_datagrams(FILE *stream, const struct rig_iperf2_report *report)
{
    const struct rig_iperf2_counts *counts = &report->counts;
    double loss_percent =
        counts->datagrams ? 100.0 * (double)counts->lost / (double)counts->datagrams : 0;
    fprintf(stream, ",%.3f,%lld,%llu,%.3f,%llu", report->jitter_ns / 1e6, (long long)counts->lost,
            (unsigned long long)counts->datagrams, loss_percent,
            (unsigned long long)counts->out_of_order);
}

static bool has_row(const struct rig_iperf2_report *report)
{
    return report->event == RIG_IPERF2_INTERVAL || report->event == RIG_IPERF2_RESULT ||
           report->event == RIG_IPERF2_SUM_INTERVAL || report->event == RIG_IPERF2_SUM_RESULT ||
           report->event == RIG_IPERF2_SERVER_REPORT;
}

void rig_iperf_csv_report(struct rig_iperf_output *output, const struct rig_iperf2_report *report)
{
    if (!has_row(report))
        return;
    double seconds = (double)(report->end_ns - report->start_ns) / 1e9;
    double bps = seconds > 0 ? (double)report->counts.bytes * 8 / seconds : 0;
    print_head(output->stream, report);
    fprintf(output->stream, ",%llu,%.0f", (unsigned long long)report->counts.bytes, bps);
    if (report->udp && !report->is_sender)
        print_datagrams(output->stream, report);
    fputc('\n', output->stream);
}
