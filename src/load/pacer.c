/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schedule is a function, not a state: slot k is due at start + k * interval, computed from k
 * each time. A sum of intervals would collect a rounding error a packet; the product has one
 * error of 2^-53 of the elapsed time (0.01 ns after a day), however many packets there were.
 *
 * The next packet takes slot `sent + skipped`. A sender that was held up finds many slots due and
 * catches up, `burst` a call, so its average is right. But one that was held up for more than
 * GIVE_UP_NS (stopped, suspended, or simply too slow for the rate) would then flood the path with
 * what it owes; the slots that are due by then are given up and counted in `skipped`.
 *
 * Due times are rounded up to whole nanoseconds in one place, slot_ns(), which both
 * rig_pacer_due() and rig_pacer_next() ask: a sender that sleeps until `next` finds a packet due.
 */
#include "load/pacer.h"

#include <stdbool.h>

#define GIVE_UP_NS      RIG_NS_PER_S
#define INTERVAL_NS_MIN 1e-3   /* 10^12 packets/s: nobody comes that far */
#define SLOTS_MAX       0x1p53 /* as far as a double counts one by one; 28 years at 10 Mpps */
#define OFFSET_NS_MAX   1e19   /* 300 years: never */
#define NEVER_NS        UINT64_MAX

static bool is_unlimited(const struct rig_pacer *pacer)
{
    return pacer->interval_ns == 0;
}

static uint64_t next_slot(const struct rig_pacer *pacer)
{
    return pacer->sent + pacer->skipped;
}

static rig_ns_t slot_ns(const struct rig_pacer *pacer, uint64_t slot)
{
    double offset_ns = (double)slot * pacer->interval_ns;
    if (offset_ns >= OFFSET_NS_MAX)
        return NEVER_NS;
    uint64_t whole_ns = (uint64_t)offset_ns;
    whole_ns += (double)whole_ns < offset_ns;
    return whole_ns > NEVER_NS - pacer->start_ns ? NEVER_NS : pacer->start_ns + whole_ns;
}

static bool is_due(const struct rig_pacer *pacer, uint64_t slot, rig_ns_t now_ns)
{
    rig_ns_t due_ns = slot_ns(pacer, slot);
    return due_ns <= now_ns && due_ns != NEVER_NS;
}

/* The first slot that is not due at `now`. The true quotient's whole part is the last one due;
 * rounding shifts it by one at most (seen in a thousandth of all cases, either way), so counting
 * up from it meets the first that slot_ns() puts after `now`. */
static uint64_t first_slot_after(const struct rig_pacer *pacer, rig_ns_t now_ns)
{
    if (now_ns < pacer->start_ns)
        return 0;
    double quotient = (double)(now_ns - pacer->start_ns) / pacer->interval_ns;
    if (quotient >= SLOTS_MAX)
        return (uint64_t)SLOTS_MAX;
    uint64_t slot = (uint64_t)quotient;
    while (is_due(pacer, slot, now_ns))
        slot++;
    return slot;
}

void rig_pacer_init(struct rig_pacer *pacer, double rate_pps, rig_ns_t start_ns)
{
    double interval_ns = rate_pps > 0 ? (double)RIG_NS_PER_S / rate_pps : 0;
    *pacer = (struct rig_pacer){
        .start_ns = start_ns,
        .interval_ns = interval_ns < INTERVAL_NS_MIN ? 0 : interval_ns,
    };
    rig_stats_init(&pacer->late_ns);
}

uint32_t rig_pacer_due(const struct rig_pacer *pacer, rig_ns_t now_ns, uint32_t burst)
{
    if (is_unlimited(pacer))
        return burst;
    uint64_t after = first_slot_after(pacer, now_ns), next = next_slot(pacer);
    if (after <= next)
        return 0;
    return after - next < burst ? (uint32_t)(after - next) : burst;
}

void rig_pacer_sent(struct rig_pacer *pacer, rig_ns_t now_ns, uint32_t n)
{
    if (n == 0)
        return;
    if (is_unlimited(pacer)) {
        pacer->sent += n;
        return;
    }
    rig_ns_t due_ns = slot_ns(pacer, next_slot(pacer));
    rig_ns_t late_ns = now_ns > due_ns ? now_ns - due_ns : 0;
    rig_stats_add(&pacer->late_ns, (double)late_ns);
    pacer->sent += n;
    uint64_t after = first_slot_after(pacer, now_ns), next = next_slot(pacer);
    if (late_ns > GIVE_UP_NS && after > next)
        pacer->skipped += after - next;
}

rig_ns_t rig_pacer_next(const struct rig_pacer *pacer, rig_ns_t now_ns)
{
    if (is_unlimited(pacer))
        return now_ns;
    rig_ns_t due_ns = slot_ns(pacer, next_slot(pacer));
    return due_ns > now_ns ? due_ns : now_ns;
}
