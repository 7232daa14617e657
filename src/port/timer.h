/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: a binary heap over timers that live in their owners' memory. Pure; the loop asks it
 * when to wake.
 */
#ifndef RIG_PORT_TIMER_H
#define RIG_PORT_TIMER_H

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct rig_timer {
    void (*fn)(void *ctx);
    void *ctx;
    rig_ns_t due_ns;
    uint32_t heap_index; /* 1-based; 0: not armed */
};

struct rig_timer_heap {
    struct rig_timer **slots; /* slots[1 .. count] */
    uint32_t count;
    uint32_t room;
};

void rig_timer_init(struct rig_timer *timer, void (*fn)(void *ctx), void *ctx);
static inline bool rig_timer_armed(const struct rig_timer *timer)
{
    return timer->heap_index != 0;
}

void rig_timer_heap_init(struct rig_timer_heap *heap);
void rig_timer_heap_fini(struct rig_timer_heap *heap);
/* Arm, or move if armed. The heap grows by doubling; -ENOMEM leaves the timer as it was. */
int rig_timer_heap_set(struct rig_timer_heap *heap, struct rig_timer *timer, rig_ns_t due_ns);
void rig_timer_heap_stop(struct rig_timer_heap *heap, struct rig_timer *timer);
/* Due time of the earliest, or UINT64_MAX. */
rig_ns_t rig_timer_heap_next(const struct rig_timer_heap *heap);
/* Take out and return the earliest timer that is due at `now`, or NULL. */
struct rig_timer *rig_timer_heap_pop(struct rig_timer_heap *heap, rig_ns_t now_ns);

#endif
