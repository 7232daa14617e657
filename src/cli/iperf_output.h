/* SPDX-License-Identifier: BSD-2-Clause */
/* How `netrig iperf` shows what a run reports: as iperf prints it, as iperf's CSV, or as JSON
 * Lines. */
#ifndef RIG_CLI_IPERF_OUTPUT_H
#define RIG_CLI_IPERF_OUTPUT_H

#include "cli/iperf_args.h"

#include <stdio.h>

struct rig_iperf_output {
    FILE *stream;
    const struct rig_iperf_args *args;
    rig_ns_t start_ns;  /* of the program, for t_s */
    const char *header; /* the column titles that stand above the last lines, or NULL */
};

void rig_iperf_output_init(struct rig_iperf_output *output, FILE *stream,
                           const struct rig_iperf_args *args);
/* Show one report, and flush: whoever reads a pipe sees a line when it happened. */
void rig_iperf_output_report(struct rig_iperf_output *output,
                             const struct rig_iperf2_report *report);
/* A failure outside a run (JSON: an error line; else nothing, stderr has the sentence). */
void rig_iperf_output_error(struct rig_iperf_output *output, const char *sentence);
/* The stack on --on has its addresses (JSON and text). */
void rig_iperf_output_ready(struct rig_iperf_output *output, const struct rig_stack *stack);

/* The three styles. */
void rig_iperf_text_report(struct rig_iperf_output *output, const struct rig_iperf2_report *report);
void rig_iperf_csv_report(struct rig_iperf_output *output, const struct rig_iperf2_report *report);
void rig_iperf_json_report(struct rig_iperf_output *output, const struct rig_iperf2_report *report);
void rig_iperf_json_error(struct rig_iperf_output *output, const char *sentence);
void rig_iperf_json_ready(struct rig_iperf_output *output, const struct rig_stack *stack);

#endif
