/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow's numbers are 64-bit and come from a peer, so any number may follow any other. What is
 * remembered is one bit for each of the RIG_SEQ_WINDOW numbers up to the highest; number k has bit
 * k mod RIG_SEQ_WINDOW, on both sides of zero, because the window divides 2^64.
 *
 *        first            highest - WINDOW            highest
 *   below  |  late: forgotten     |  bits: seen or not  |  ahead: moves the window
 *
 * A run is cut at these borders, and each piece costs at most one pass over its words: 64
 * datagrams in order touch two words, a jump by 2^62 clears the window once.
 *
 * Differences are taken in uint64_t, where they cannot overflow once the order is known.
 */
#include "load/seq.h"

#include <string.h>

#define WINDOW RIG_SEQ_WINDOW

static uint64_t distance(int64_t low, int64_t high)
{
    return (uint64_t)high - (uint64_t)low;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Bits [from, from + n) of one word, n > 0. */
static uint64_t word_mask(uint32_t from, uint32_t n)
{
    return (~0ull >> (64 - n)) << from;
}

/* The piece of [number, number + n) that lies in number's word: its bits, and in `*n_bits` how
 * many. */
static uint64_t piece_mask(int64_t number, uint64_t n, uint32_t *n_bits)
{
    uint32_t from = (uint32_t)((uint64_t)number % 64);
    *n_bits = (uint32_t)smaller(n, 64 - from);
    return word_mask(from, *n_bits);
}

static uint64_t *word_of(struct rig_seq *seq, int64_t number)
{
    return &seq->window[(uint64_t)number % WINDOW / 64];
}

/* number + n, where the sum may be one past INT64_MAX after the last piece. */
static int64_t advance(int64_t number, uint64_t n)
{
    return (int64_t)((uint64_t)number + n);
}

static void clear_bits(struct rig_seq *seq, int64_t number, uint64_t n)
{
    uint32_t n_bits;
    if (n >= WINDOW) {
        memset(seq->window, 0, sizeof(seq->window));
        return;
    }
    for (; n > 0; n -= n_bits, number = advance(number, n_bits))
        *word_of(seq, number) &= ~piece_mask(number, n, &n_bits);
}

static void set_bits(struct rig_seq *seq, int64_t number, uint64_t n)
{
    uint32_t n_bits;
    if (n >= WINDOW) {
        memset(seq->window, 0xff, sizeof(seq->window));
        return;
    }
    for (; n > 0; n -= n_bits, number = advance(number, n_bits))
        *word_of(seq, number) |= piece_mask(number, n, &n_bits);
}

/* [number, number + n) inside the window: each is a duplicate or a packet out of order. */
static void fill_in(struct rig_seq *seq, int64_t number, uint64_t n)
{
    uint32_t n_bits;
    for (; n > 0; n -= n_bits, number = advance(number, n_bits)) {
        uint64_t mask = piece_mask(number, n, &n_bits);
        uint64_t *word = word_of(seq, number);
        uint32_t seen = (uint32_t)__builtin_popcountll(*word & mask);
        *word |= mask;
        seq->duplicated += seen;
        seq->received += n_bits - seen;
        seq->out_of_order += n_bits - seen;
    }
}

/* [number, number + n) above the highest: the numbers between are missing as yet. */
static void move_ahead(struct rig_seq *seq, int64_t number, uint64_t n)
{
    clear_bits(seq, advance(seq->highest, 1), distance(seq->highest, number) - 1);
    set_bits(seq, number, n);
    seq->received += n;
    seq->highest = advance(number, n - 1);
}

/* [number, number + n) up to the highest. */
static void add_behind(struct rig_seq *seq, int64_t number, uint64_t n)
{
    if (number < seq->first) {
        uint64_t below = smaller(n, distance(number, seq->first));
        seq->below_first += below;
        number = advance(number, below);
        n -= below;
    }
    uint64_t age = distance(number, seq->highest);
    if (n > 0 && age >= WINDOW) {
        uint64_t late = smaller(n, age - WINDOW + 1);
        seq->late += late;
        seq->out_of_order += late;
        number = advance(number, late);
        n -= late;
    }
    fill_in(seq, number, n);
}

void rig_seq_init(struct rig_seq *seq, int64_t first)
{
    memset(seq, 0, sizeof(*seq));
    /* One below `first` must exist. */
    seq->first = first == INT64_MIN ? INT64_MIN + 1 : first;
    seq->highest = seq->first - 1;
}

void rig_seq_add(struct rig_seq *seq, int64_t number)
{
    rig_seq_add_run(seq, number, 1);
}

void rig_seq_add_run(struct rig_seq *seq, int64_t number, uint32_t n_asked)
{
    /* Nothing follows INT64_MAX. */
    uint64_t left = distance(number, INT64_MAX);
    uint64_t n = left < n_asked ? left + 1 : n_asked;
    if (n > 0 && number <= seq->highest) {
        uint64_t gap = distance(number, seq->highest);
        uint64_t behind = gap < n ? gap + 1 : n;
        add_behind(seq, number, behind);
        number = advance(number, behind);
        n -= behind;
    }
    if (n > 0)
        move_ahead(seq, number, n);
}

uint64_t rig_seq_lost(const struct rig_seq *seq)
{
    return rig_seq_expected(seq) - seq->received;
}
