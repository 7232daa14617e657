/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of a numbered flow: received, lost, out of order, duplicated, counted exactly
 * as long as no packet is more than RIG_SEQ_WINDOW behind the newest; an older one is `late`
 * (out of order, and still counted as lost, since nobody remembers whether it was seen).
 *
 *   out of order  a packet with a number below the highest so far, seen for the first time
 *                 (RFC 4737 section 3: Type-P-Reordered)
 *   duplicate     a number seen before
 *   lost          numbers up to the highest that were never seen
 *   below first   a number that the flow never had; counted, and otherwise as if it never came
 *
 * Numbers come from a peer: any int64_t may follow any other, at the cost of one pass over the
 * window at most.
 */
#ifndef RIG_LOAD_SEQ_H
#define RIG_LOAD_SEQ_H

#include <stdint.h>

#define RIG_SEQ_WINDOW 16384u /* packets; a power of two */

struct rig_seq {
    int64_t first;     /* number of the flow's first packet: what is below it never was */
    int64_t highest;   /* highest number seen; first - 1 before any */
    uint64_t received; /* without duplicates */
    uint64_t out_of_order;
    uint64_t duplicated;
    uint64_t late;
    uint64_t below_first;
    uint64_t window[RIG_SEQ_WINDOW / 64]; /* bit: seen; of (highest - RIG_SEQ_WINDOW, highest] */
};

void rig_seq_init(struct rig_seq *seq, int64_t first);
void rig_seq_add(struct rig_seq *seq, int64_t number);
/* The same as add for number, number + 1, ... number + n - 1 (up to INT64_MAX). Word-wise: a run
 * in order costs a few instructions for each 64 numbers. */
void rig_seq_add_run(struct rig_seq *seq, int64_t number, uint32_t n);
static inline uint64_t rig_seq_expected(const struct rig_seq *seq)
{
    return (uint64_t)seq->highest - (uint64_t)seq->first + 1;
}
uint64_t rig_seq_lost(const struct rig_seq *seq);

#endif
