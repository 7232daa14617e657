/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/iperf_output.h"

void rig_iperf_output_init(struct rig_iperf_output *output, FILE *stream,
                           const struct rig_iperf_args *args)
{
    *output = (struct rig_iperf_output){
        .stream = stream,
        .args = args,
        .start_ns = rig_clock_ns(),
    };
}

/* Sentences about what went wrong go to stderr in every style; JSON has them on its stream, too. */
static void say(const struct rig_iperf2_report *report)
{
    if (report->event == RIG_IPERF2_FAILED)
        fprintf(stderr, "netrig iperf: %s\n", report->text);
    else if (report->event == RIG_IPERF2_WARNING)
        fprintf(stderr, "netrig iperf: warning: %s\n", report->text);
}

void rig_iperf_output_report(struct rig_iperf_output *output,
                             const struct rig_iperf2_report *report)
{
    fflush(output->stream);
    say(report);
    switch (output->args->style) {
    case RIG_IPERF_OUTPUT_TEXT:
        rig_iperf_text_report(output, report);
        break;
    case RIG_IPERF_OUTPUT_CSV:
        rig_iperf_csv_report(output, report);
        break;
    case RIG_IPERF_OUTPUT_JSON:
        rig_iperf_json_report(output, report);
        break;
    }
    fflush(output->stream);
}

void rig_iperf_output_error(struct rig_iperf_output *output, const char *sentence)
{
    if (output->args->style == RIG_IPERF_OUTPUT_JSON)
        rig_iperf_json_error(output, sentence);
    fflush(output->stream);
}

void rig_iperf_output_ready(struct rig_iperf_output *output, const struct rig_stack *stack)
{
    char text[RIG_ADDR_TEXT_MAX];
    if (output->args->style == RIG_IPERF_OUTPUT_JSON)
        rig_iperf_json_ready(output, stack);
    if (output->args->style != RIG_IPERF_OUTPUT_TEXT)
        return;
    for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
        struct rig_addr addr = rig_stack_addr(stack, family, NULL);
        if (addr.family)
            fprintf(output->stream, "IP address: %s on %s\n", rig_addr_format(&addr, text),
                    output->args->on);
    }
    fflush(output->stream);
}
