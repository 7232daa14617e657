/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define ROOM_FIRST 64u

void rig_timer_init(struct rig_timer *timer, void (*fn)(void *ctx), void *ctx)
{
    *timer = (struct rig_timer){.fn = fn, .ctx = ctx};
}

void rig_timer_heap_init(struct rig_timer_heap *heap)
{
    *heap = (struct rig_timer_heap){0};
}

void rig_timer_heap_fini(struct rig_timer_heap *heap)
{
    for (uint32_t i = 1; i <= heap->count; i++)
        heap->slots[i]->heap_index = 0;
    free(heap->slots);
    rig_timer_heap_init(heap);
}

static int grow(struct rig_timer_heap *heap)
{
    uint32_t room = heap->room ? heap->room * 2 : ROOM_FIRST;
    if (room <= heap->room)
        return -ENOMEM;
    void *slots = realloc(heap->slots, ((size_t)room + 1) * sizeof(struct rig_timer *));
    if (!slots)
        return -ENOMEM;
    heap->slots = slots;
    heap->room = room;
    return 0;
}

static void place(struct rig_timer_heap *heap, uint32_t index, struct rig_timer *timer)
{
    heap->slots[index] = timer;
    timer->heap_index = index;
}

/* Put `timer` at the free place `index`, or above it: later ones on the way move down. */
static void sift_up(struct rig_timer_heap *heap, uint32_t index, struct rig_timer *timer)
{
    while (index > 1 && heap->slots[index / 2]->due_ns > timer->due_ns) {
        place(heap, index, heap->slots[index / 2]);
        index /= 2;
    }
    place(heap, index, timer);
}

static void sift_down(struct rig_timer_heap *heap, uint32_t index, struct rig_timer *timer)
{
    for (;;) {
        uint32_t child = index * 2;
        if (child > heap->count)
            break;
        if (child < heap->count && heap->slots[child + 1]->due_ns < heap->slots[child]->due_ns)
            child++;
        if (heap->slots[child]->due_ns >= timer->due_ns)
            break;
        place(heap, index, heap->slots[child]);
        index = child;
    }
    place(heap, index, timer);
}

static void settle(struct rig_timer_heap *heap, uint32_t index, struct rig_timer *timer)
{
    if (index > 1 && heap->slots[index / 2]->due_ns > timer->due_ns)
        sift_up(heap, index, timer);
    else
        sift_down(heap, index, timer);
}

int rig_timer_heap_set(struct rig_timer_heap *heap, struct rig_timer *timer, rig_ns_t due_ns)
{
    if (rig_timer_armed(timer)) {
        timer->due_ns = due_ns;
        settle(heap, timer->heap_index, timer);
        return 0;
    }
    if (heap->count == heap->room) {
        int ret = grow(heap);
        if (ret < 0)
            return ret;
    }
    timer->due_ns = due_ns;
    heap->count++;
    sift_up(heap, heap->count, timer);
    return 0;
}

void rig_timer_heap_stop(struct rig_timer_heap *heap, struct rig_timer *timer)
{
    uint32_t index = timer->heap_index;
    if (index == 0)
        return;
    assert(index <= heap->count && heap->slots[index] == timer);
    timer->heap_index = 0;
    struct rig_timer *last = heap->slots[heap->count--];
    if (last != timer)
        settle(heap, index, last);
}

rig_ns_t rig_timer_heap_next(const struct rig_timer_heap *heap)
{
    return heap->count ? heap->slots[1]->due_ns : UINT64_MAX;
}

struct rig_timer *rig_timer_heap_pop(struct rig_timer_heap *heap, rig_ns_t now_ns)
{
    if (heap->count == 0 || heap->slots[1]->due_ns > now_ns)
        return NULL;
    struct rig_timer *timer = heap->slots[1];
    rig_timer_heap_stop(heap, timer);
    return timer;
}
