/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells: values below 2^SUB_BITS have one each. Above, the octave [2^e, 2^(e+1)) has 2^SUB_BITS
 * cells of 2^(e - SUB_BITS) values:
 *
 *   value    0 .. 1023 | 1024 .. 2047 | 2048 .. 4095 | ...   (SUB_BITS = 10)
 *   octave       0     |       1      |      2       |       block of cells
 *   width        1     |       1      |      2       |       values a cell
 *
 * so a cell's number is (octave << SUB_BITS) + the SUB_BITS bits behind the leading one. The last
 * cell has no top of its own: it also counts what is above RIG_HIST_MAX.
 */
#include "base/hist.h"

#include <string.h>

#define SUB_CELLS (1u << RIG_HIST_SUB_BITS)

static uint32_t cell_of(uint64_t value)
{
    if (value > RIG_HIST_MAX)
        return RIG_HIST_CELLS - 1;
    if (value < SUB_CELLS)
        return (uint32_t)value;
    uint32_t shift = 63 - RIG_HIST_SUB_BITS - (uint32_t)__builtin_clzll(value);
    return ((shift + 1) << RIG_HIST_SUB_BITS) + ((uint32_t)(value >> shift) - SUB_CELLS);
}

/* The largest value that the cell counts. */
static uint64_t top_of(uint32_t cell)
{
    if (cell < SUB_CELLS)
        return cell;
    if (cell == RIG_HIST_CELLS - 1)
        return UINT64_MAX;
    uint32_t shift = (cell >> RIG_HIST_SUB_BITS) - 1;
    uint64_t next = (uint64_t)(cell & (SUB_CELLS - 1)) + SUB_CELLS + 1;
    return (next << shift) - 1;
}

void rig_hist_init(struct rig_hist *hist)
{
    memset(hist, 0, sizeof(*hist));
}

void rig_hist_add(struct rig_hist *hist, uint64_t value)
{
    if (hist->count == 0 || value < hist->min)
        hist->min = value;
    if (value > hist->max)
        hist->max = value;
    hist->count++;
    hist->sum += (double)value;
    hist->cells[cell_of(value)]++;
}

void rig_hist_merge(struct rig_hist *hist, const struct rig_hist *other)
{
    if (other->count == 0)
        return;
    if (hist->count == 0 || other->min < hist->min)
        hist->min = other->min;
    if (other->max > hist->max)
        hist->max = other->max;
    hist->count += other->count;
    hist->sum += other->sum;
    for (uint32_t i = 0; i < RIG_HIST_CELLS; i++)
        hist->cells[i] += other->cells[i];
}

/* F is asked as a quotient, not as count >= p * n: that product may be rounded across a whole
 * number (0.07 * 100 > 7). */
uint64_t rig_hist_percentile(const struct rig_hist *hist, double p)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < RIG_HIST_CELLS && hist->count > 0; i++) {
        seen += hist->cells[i];
        if (hist->cells[i] == 0 || (double)seen / (double)hist->count < p)
            continue;
        uint64_t top = top_of(i);
        return top < hist->max ? top : hist->max;
    }
    return hist->max;
}

double rig_hist_mean(const struct rig_hist *hist)
{
    return hist->count ? hist->sum / (double)hist->count : 0;
}
