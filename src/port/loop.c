/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop of a Linux process: one thread, one epoll, one heap of timers.
 *
 * A turn:
 *   1. Sleep until a descriptor has an event or the earliest timer is due. No sleep if a polled
 *      port (below) has a frame; no wake-up at all if there is neither timer nor event.
 *   2. Read the clock: rig_loop_now for the whole turn.
 *   3. Run the timers that are due, then the descriptors' callbacks, then those of polled ports.
 *
 * Three sorts of watch:
 *   - a descriptor, level-triggered;
 *   - a port with a descriptor and no rx_ready (tap): the same;
 *   - a polled port: one that knows itself whether it has a frame (rx_ready), asked before each
 *     sleep. If it has a descriptor too (packet), that one is edge-triggered and only ends the
 *     sleep: level-triggered, a port that is readable but has no buffer left, because its user
 *     holds them all, would make the loop spin.
 *
 * Fairness. A timer armed in a turn for that turn's time or before is due one nanosecond after
 * it, so it runs in the next turn: a sender that re-arms itself for "now" neither keeps the
 * descriptors waiting nor makes this turn endless. Each callback does a bounded amount of work.
 *
 * Removal. Any callback may remove, and then free, any watch. Events of this turn that were not
 * run yet are struck off the list, and the walk over polled ports keeps its next stop in the loop
 * itself, where a removal can move it on.
 *
 * Precision. epoll_pwait2 (Linux 5.11) takes nanoseconds, and the thread's timer slack, by
 * default 50 us, is set to 1 ns: a pacer's datagrams leave when they are due and not in clumps.
 *
 * A port that is useless (rig_port.error) hears so once: after the callback that followed, its
 * descriptor leaves the epoll, because it would report its error for ever.
 */
#include "port/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX     64
#define TIMER_SLACK_NS 1ul

struct rig_loop {
    int epoll_fd;
    bool stop;
    int error; /* of a call that has no way to tell, for rig_loop_run */
    rig_ns_t now_ns;
    struct rig_timer_heap timers;
    struct rig_watch *polled;    /* watches of ports that have rx_ready */
    struct rig_watch *poll_next; /* where this turn's walk over them goes on */
    int n_events;
    struct epoll_event events[EVENTS_MAX]; /* of this turn; data.ptr NULL: struck off */
};

int rig_loop_new(struct rig_loop **loop, struct rig_err *err)
{
    struct rig_loop *made = calloc(1, sizeof(*made));
    if (!made)
        return rig_err_set(err, -ENOMEM, "no memory for the main loop");
    made->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (made->epoll_fd < 0) {
        int code = -errno;
        free(made);
        return rig_err_set(err, code, "cannot make an epoll: %s", strerror(-code));
    }
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    rig_timer_heap_init(&made->timers);
    made->now_ns = rig_clock_ns();
    *loop = made;
    return 0;
}

void rig_loop_free(struct rig_loop *loop)
{
    if (!loop)
        return;
    rig_timer_heap_fini(&loop->timers);
    close(loop->epoll_fd);
    free(loop);
}

rig_ns_t rig_loop_now(const struct rig_loop *loop)
{
    return loop->now_ns;
}

void rig_loop_stop(struct rig_loop *loop)
{
    loop->stop = true;
}

void rig_loop_timer_set(struct rig_loop *loop, struct rig_timer *timer, rig_ns_t due_ns)
{
    if (due_ns <= loop->now_ns)
        due_ns = loop->now_ns + 1;
    int ret = rig_timer_heap_set(&loop->timers, timer, due_ns);
    if (ret < 0)
        loop->error = ret;
}

void rig_loop_timer_stop(struct rig_loop *loop, struct rig_timer *timer)
{
    rig_timer_heap_stop(&loop->timers, timer);
}

/* ---- watches ---- */

static bool is_polled(const struct rig_watch *watch)
{
    return watch->port && watch->port->ops->rx_ready;
}

static int epoll_change(struct rig_loop *loop, int op, struct rig_watch *watch)
{
    struct epoll_event event = {.data.ptr = watch};
    if (watch->events & RIG_LOOP_IN)
        event.events |= EPOLLIN;
    if (watch->events & RIG_LOOP_OUT)
        event.events |= EPOLLOUT;
    if (is_polled(watch))
        event.events |= EPOLLET;
    return epoll_ctl(loop->epoll_fd, op, watch->fd, &event) < 0 ? -errno : 0;
}

static int add(struct rig_loop *loop, struct rig_watch *watch, struct rig_err *err)
{
    if (watch->fd >= 0) {
        int ret = epoll_change(loop, EPOLL_CTL_ADD, watch);
        if (ret == -EPERM)
            return rig_err_set(err, ret, "descriptor %d is of a kind that cannot be waited on",
                               watch->fd);
        if (ret < 0)
            return rig_err_set(err, ret, "cannot watch descriptor %d: %s", watch->fd,
                               strerror(-ret));
    }
    if (is_polled(watch)) {
        watch->next = loop->polled;
        loop->polled = watch;
    }
    watch->added = true;
    return 0;
}

int rig_loop_add_fd(struct rig_loop *loop, struct rig_watch *watch, int fd, uint32_t events,
                    void (*fn)(void *ctx, uint32_t events), void *ctx, struct rig_err *err)
{
    *watch = (struct rig_watch){.fn = fn, .ctx = ctx, .fd = fd, .events = events};
    if (fd < 0)
        return rig_err_set(err, -EBADF, "descriptor %d is none that can be watched", fd);
    return add(loop, watch, err);
}

int rig_loop_add_port(struct rig_loop *loop, struct rig_watch *watch, struct rig_port *port,
                      void (*fn)(void *ctx, uint32_t events), void *ctx, struct rig_err *err)
{
    *watch = (struct rig_watch){
        .fn = fn, .ctx = ctx, .fd = port->ops->fd(port), .port = port, .events = RIG_LOOP_IN};
    return add(loop, watch, err);
}

void rig_loop_set_events(struct rig_loop *loop, struct rig_watch *watch, uint32_t events)
{
    if (!watch->added || watch->events == events)
        return;
    watch->events = events;
    if (watch->fd < 0)
        return;
    int ret = epoll_change(loop, EPOLL_CTL_MOD, watch);
    if (ret < 0)
        loop->error = ret;
}

static void unlink_polled(struct rig_loop *loop, struct rig_watch *watch)
{
    struct rig_watch **link = &loop->polled;
    while (*link && *link != watch)
        link = &(*link)->next;
    if (*link)
        *link = watch->next;
    if (loop->poll_next == watch)
        loop->poll_next = watch->next;
}

void rig_loop_remove(struct rig_loop *loop, struct rig_watch *watch)
{
    if (!watch->added)
        return;
    watch->added = false;
    if (watch->fd >= 0)
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    if (is_polled(watch))
        unlink_polled(loop, watch);
    for (int i = 0; i < loop->n_events; i++) {
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
    }
}

/* ---- a turn ---- */

static bool has_frame(const struct rig_watch *watch)
{
    return (watch->events & RIG_LOOP_IN) && watch->port->ops->rx_ready(watch->port);
}

static bool any_port_ready(const struct rig_loop *loop)
{
    for (const struct rig_watch *watch = loop->polled; watch; watch = watch->next) {
        if (has_frame(watch))
            return true;
    }
    return false;
}

/* How long this turn may sleep; NULL: until there is an event. */
static const struct timespec *sleep_time(const struct rig_loop *loop, struct timespec *time)
{
    *time = (struct timespec){0};
    if (any_port_ready(loop))
        return time;
    rig_ns_t due_ns = rig_timer_heap_next(&loop->timers);
    if (due_ns == UINT64_MAX)
        return NULL;
    rig_ns_t now_ns = rig_clock_ns();
    if (due_ns > now_ns) {
        time->tv_sec = (time_t)((due_ns - now_ns) / RIG_NS_PER_S);
        time->tv_nsec = (long)((due_ns - now_ns) % RIG_NS_PER_S);
    }
    return time;
}

static int wait_for_events(struct rig_loop *loop)
{
    struct timespec time;
    const struct timespec *timeout = sleep_time(loop, &time);
    int n = epoll_pwait2(loop->epoll_fd, loop->events, EVENTS_MAX, timeout, NULL);
    int code = n < 0 ? -errno : 0;
    loop->n_events = n < 0 ? 0 : n;
    loop->now_ns = rig_clock_ns();
    return code == -EINTR ? 0 : code;
}

static void run_timers(struct rig_loop *loop)
{
    struct rig_timer *timer;
    while ((timer = rig_timer_heap_pop(&loop->timers, loop->now_ns)))
        timer->fn(timer->ctx);
}

static uint32_t events_of(uint32_t epoll_events)
{
    uint32_t events = 0;
    if (epoll_events & EPOLLIN)
        events |= RIG_LOOP_IN;
    if (epoll_events & EPOLLOUT)
        events |= RIG_LOOP_OUT;
    if (epoll_events & (EPOLLERR | EPOLLHUP))
        events |= RIG_LOOP_HUP;
    return events;
}

static void run_event(struct rig_loop *loop, const struct epoll_event *event)
{
    struct rig_watch *watch = event->data.ptr;
    if (!watch)
        return;
    uint32_t events = events_of(event->events);
    struct rig_port *port = watch->port;
    if (port && (events & RIG_LOOP_HUP)) {
        if (port->ops->fd_error)
            port->ops->fd_error(port);
        events |= RIG_LOOP_IN; /* whoever looks for frames finds the error */
    } else if (is_polled(watch)) {
        return; /* it only woke us: the walk over polled ports comes next */
    }
    watch->fn(watch->ctx, events);

    /* Both are still there only if the callback did not remove the watch. */
    if (event->data.ptr && port && port->error && watch->fd >= 0) {
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
        watch->fd = -1;
    }
}

static void run_polled(struct rig_loop *loop)
{
    loop->poll_next = loop->polled;
    while (loop->poll_next) {
        struct rig_watch *watch = loop->poll_next;
        loop->poll_next = watch->next;
        if (has_frame(watch))
            watch->fn(watch->ctx, RIG_LOOP_IN);
    }
}

static int turn(struct rig_loop *loop)
{
    int ret = wait_for_events(loop);
    if (ret < 0)
        return ret;
    run_timers(loop);
    for (int i = 0; i < loop->n_events; i++)
        run_event(loop, &loop->events[i]);
    loop->n_events = 0;
    run_polled(loop);
    return loop->error;
}

int rig_loop_run(struct rig_loop *loop, struct rig_err *err)
{
    int ret = 0;
    while (ret == 0 && !loop->stop)
        ret = turn(loop);
    loop->stop = false;
    if (ret == -ENOSYS)
        return rig_err_set(err, ret,
                           "the main loop needs epoll_pwait2, which Linux has since 5.11");
    if (ret < 0)
        return rig_err_set(err, ret, "the main loop cannot wait: %s", strerror(-ret));
    return 0;
}
