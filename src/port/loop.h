/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop: waits on ports, timers and descriptors, sleeps when there is nothing to do
 * and never spins. One thread. loop.c is the host's; a guest brings its own behind this header.
 *
 * Callbacks may add, change and remove anything, themselves included. A callback does a bounded
 * amount of work and returns: a sender with more to send arms a timer at rig_loop_now, so that
 * others get their turn.
 */
#ifndef RIG_PORT_LOOP_H
#define RIG_PORT_LOOP_H

#include "base/clock.h"
#include "base/err.h"
#include "port/port.h"
#include "port/timer.h"

struct rig_loop;

enum rig_loop_events {
    RIG_LOOP_IN = 1 << 0,
    RIG_LOOP_OUT = 1 << 1,
    RIG_LOOP_HUP = 1 << 2, /* error or hang-up; reported whether asked for or not */
};

/* A descriptor or a port under watch; in its owner's memory, unmoved while it is added. */
struct rig_watch {
    void (*fn)(void *ctx, uint32_t events);
    void *ctx;
    int fd;                /* -1 for a port without one */
    struct rig_port *port; /* NULL for a plain descriptor */
    uint32_t events;
    struct rig_watch *next; /* the loop's list of ports without a descriptor */
    bool added;
};

int rig_loop_new(struct rig_loop **loop, struct rig_err *err);
void rig_loop_free(struct rig_loop *loop); /* NULL is allowed */

/* Monotonic time at the start of this turn; rig_clock_ns is the time now. */
rig_ns_t rig_loop_now(const struct rig_loop *loop);

/* Watch a descriptor; the caller has set nothing in `watch` before. Level-triggered. */
int rig_loop_add_fd(struct rig_loop *loop, struct rig_watch *watch, int fd, uint32_t events,
                    void (*fn)(void *ctx, uint32_t events), void *ctx, struct rig_err *err);
/* Watch a port for frames to receive (RIG_LOOP_IN), by its descriptor or its rx_ready. */
int rig_loop_add_port(struct rig_loop *loop, struct rig_watch *watch, struct rig_port *port,
                      void (*fn)(void *ctx, uint32_t events), void *ctx, struct rig_err *err);
void rig_loop_set_events(struct rig_loop *loop, struct rig_watch *watch, uint32_t events);
void rig_loop_remove(struct rig_loop *loop, struct rig_watch *watch); /* not added: no effect */

void rig_loop_timer_set(struct rig_loop *loop, struct rig_timer *timer, rig_ns_t due_ns);
void rig_loop_timer_stop(struct rig_loop *loop, struct rig_timer *timer); /* not armed: no effect */

/* Run turns until rig_loop_stop. 0, or -errno if waiting itself failed. */
int rig_loop_run(struct rig_loop *loop, struct rig_err *err);
/* May be called from a callback; takes effect at the end of the turn. */
void rig_loop_stop(struct rig_loop *loop);

#endif
