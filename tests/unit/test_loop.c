/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* One loop, a timer that ends it, and what the callbacks wrote down. */
struct world {
    struct rig_loop *loop;
    struct rig_timer end;
    struct rig_watch a, b;
    int fd_a, fd_b;
    int calls, calls_a, calls_b;
    rig_ns_t rearm_until_ns;
    struct rig_timer timer;
    struct rig_port *port;
};

static void stop(void *ctx)
{
    struct world *w = ctx;
    rig_loop_stop(w->loop);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    if (!w || rig_loop_new(&w->loop, NULL) < 0)
        return -1;
    rig_timer_init(&w->end, stop, w);
    w->fd_a = eventfd(0, EFD_NONBLOCK);
    w->fd_b = eventfd(0, EFD_NONBLOCK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    rig_loop_free(w->loop);
    close(w->fd_a);
    close(w->fd_b);
    free(w);
    return 0;
}

static void raise_fd(int fd)
{
    uint64_t one = 1;
    assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void run_for(struct world *w, rig_ns_t ns)
{
    rig_loop_timer_set(w->loop, &w->end, rig_clock_ns() + ns);
    assert_int_equal(rig_loop_run(w->loop, NULL), 0);
}

static double cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* ---- descriptors ---- */

static void count_a(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    uint64_t value;
    assert_int_equal(events, RIG_LOOP_IN);
    assert_int_equal(read(w->fd_a, &value, sizeof(value)), sizeof(value));
    w->calls_a++;
}

static void a_readable_descriptor_calls_back(void **state)
{
    struct world *w = *state;
    assert_int_equal(rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, count_a, w, NULL), 0);
    raise_fd(w->fd_a);
    run_for(w, 5 * RIG_NS_PER_MS);
    assert_int_equal(w->calls_a, 1);
}

static void leave_unread(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    (void)events;
    if (++w->calls == 3)
        rig_loop_stop(w->loop);
}

static void a_descriptor_is_level_triggered(void **state)
{
    struct world *w = *state;
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, leave_unread, w, NULL);
    raise_fd(w->fd_a);
    assert_int_equal(rig_loop_run(w->loop, NULL), 0);
    assert_int_equal(w->calls, 3);
}

static void wanted_events_can_change(void **state)
{
    struct world *w = *state;
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, leave_unread, w, NULL);
    raise_fd(w->fd_a);
    rig_loop_set_events(w->loop, &w->a, 0);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 0);
    rig_loop_set_events(w->loop, &w->a, RIG_LOOP_OUT);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 3);
}

static void remember(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    w->calls = (int)events;
    rig_loop_stop(w->loop);
}

static void a_hang_up_is_reported_unasked(void **state)
{
    struct world *w = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    rig_loop_add_fd(w->loop, &w->a, ends[0], 0, remember, w, NULL);
    close(ends[1]);
    assert_int_equal(rig_loop_run(w->loop, NULL), 0);
    assert_int_equal(w->calls, RIG_LOOP_HUP);
    rig_loop_remove(w->loop, &w->a);
    close(ends[0]);
}

static void a_descriptor_that_cannot_be_watched_is_refused(void **state)
{
    struct world *w = *state;
    struct rig_err err = {.text = ""};
    assert_int_equal(rig_loop_add_fd(w->loop, &w->a, -1, RIG_LOOP_IN, count_a, w, &err), -EBADF);
    assert_false(w->a.added);
    int regular = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(rig_loop_add_fd(w->loop, &w->a, regular, RIG_LOOP_IN, count_a, w, &err),
                     -EPERM);
    assert_non_null(strstr(err.text, "cannot be waited on"));
    close(regular);
    rig_loop_remove(w->loop, &w->a); /* not added: no effect */
}

/* Each of two watches removes both and wipes them, with the other's event still to come. */
static void remove_both(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    (void)events;
    w->calls++;
    rig_loop_remove(w->loop, &w->a);
    rig_loop_remove(w->loop, &w->b);
    memset(&w->a, 0xff, sizeof(w->a));
    memset(&w->b, 0xff, sizeof(w->b));
}

static void a_callback_may_remove_a_watch_whose_event_is_pending(void **state)
{
    struct world *w = *state;
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, remove_both, w, NULL);
    rig_loop_add_fd(w->loop, &w->b, w->fd_b, RIG_LOOP_IN, remove_both, w, NULL);
    raise_fd(w->fd_a);
    raise_fd(w->fd_b);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 1);
}

static void remove_b_now(void *ctx)
{
    struct world *w = ctx;
    rig_loop_remove(w->loop, &w->b);
    memset(&w->b, 0xff, sizeof(w->b));
}

static void a_timer_may_remove_a_watch_whose_event_is_pending(void **state)
{
    struct world *w = *state;
    rig_timer_init(&w->timer, remove_b_now, w);
    rig_loop_add_fd(w->loop, &w->b, w->fd_b, RIG_LOOP_IN, remove_both, w, NULL);
    raise_fd(w->fd_b);
    rig_loop_timer_set(w->loop, &w->timer, 1);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 0);
}

/* The watch goes and a new one takes its place in memory: the old event is not the new one's. */
static void replace_a_and_b(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    (void)events;
    w->calls++;
    rig_loop_remove(w->loop, &w->a);
    rig_loop_remove(w->loop, &w->b);
    int other = eventfd(0, EFD_NONBLOCK);
    dup2(other, w->fd_a);
    dup2(other, w->fd_b);
    close(other);
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, replace_a_and_b, w, NULL);
    rig_loop_add_fd(w->loop, &w->b, w->fd_b, RIG_LOOP_IN, replace_a_and_b, w, NULL);
}

static void an_event_of_a_removed_watch_does_not_reach_its_successor(void **state)
{
    struct world *w = *state;
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, replace_a_and_b, w, NULL);
    rig_loop_add_fd(w->loop, &w->b, w->fd_b, RIG_LOOP_IN, replace_a_and_b, w, NULL);
    raise_fd(w->fd_a);
    raise_fd(w->fd_b);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 1);
}

/* ---- timers ---- */

static void note_time(void *ctx)
{
    struct world *w = ctx;
    w->rearm_until_ns = rig_clock_ns();
    rig_loop_stop(w->loop);
}

static void a_timer_never_fires_early_and_little_late(void **state)
{
    struct world *w = *state;
    rig_ns_t best_ns = UINT64_MAX;
    rig_timer_init(&w->timer, note_time, w);
    for (int i = 0; i < 20; i++) {
        rig_ns_t due_ns = rig_clock_ns() + 300 * RIG_NS_PER_US;
        rig_loop_timer_set(w->loop, &w->timer, due_ns);
        assert_int_equal(rig_loop_run(w->loop, NULL), 0);
        assert_true(w->rearm_until_ns >= due_ns);
        if (w->rearm_until_ns - due_ns < best_ns)
            best_ns = w->rearm_until_ns - due_ns;
    }
    /* The default slack of 50 us would show in the best of 20. */
    assert_true(best_ns < 45 * RIG_NS_PER_US);
}

static void rearm_now(void *ctx)
{
    struct world *w = ctx;
    w->calls++;
    if (rig_loop_now(w->loop) < w->rearm_until_ns)
        rig_loop_timer_set(w->loop, &w->timer, rig_loop_now(w->loop));
}

static void stop_at_fd(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    (void)events;
    w->calls_a = w->calls;
    rig_loop_stop(w->loop);
}

static void a_timer_rearmed_for_now_runs_once_a_turn(void **state)
{
    struct world *w = *state;
    w->rearm_until_ns = UINT64_MAX;
    rig_timer_init(&w->timer, rearm_now, w);
    rig_loop_timer_set(w->loop, &w->timer, rig_loop_now(w->loop));
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, stop_at_fd, w, NULL);
    raise_fd(w->fd_a);
    assert_int_equal(rig_loop_run(w->loop, NULL), 0);
    assert_int_equal(w->calls_a, 1); /* one timer call, then the descriptor's */
}

static void a_timer_rearmed_for_now_does_not_wait(void **state)
{
    struct world *w = *state;
    w->rearm_until_ns = rig_clock_ns() + 20 * RIG_NS_PER_MS;
    rig_timer_init(&w->timer, rearm_now, w);
    rig_loop_timer_set(w->loop, &w->timer, rig_loop_now(w->loop));
    run_for(w, 20 * RIG_NS_PER_MS);
    assert_true(w->calls > 1000);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct world *w = *state;
    rig_timer_init(&w->timer, note_time, w);
    rig_loop_timer_set(w->loop, &w->timer, rig_clock_ns() + RIG_NS_PER_MS);
    rig_loop_timer_stop(w->loop, &w->timer);
    run_for(w, 3 * RIG_NS_PER_MS);
    assert_int_equal(w->rearm_until_ns, 0);
}

/* ---- ports ---- */

struct fake_port {
    struct rig_port port;
    int fd;
    int ready;
    int errors;
};

static uint32_t fake_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    (void)frames, (void)n;
    ((struct fake_port *)port)->ready--;
    return 0;
}

static int fake_fd(const struct rig_port *port)
{
    return ((const struct fake_port *)port)->fd;
}

static bool fake_ready(const struct rig_port *port)
{
    return ((const struct fake_port *)port)->ready > 0;
}

static void fake_error(struct rig_port *port)
{
    ((struct fake_port *)port)->errors++;
    port->error = -ENODEV;
}

static const struct rig_port_ops polled_ops = {
    .rx_peek = fake_peek, .fd = fake_fd, .rx_ready = fake_ready, .fd_error = fake_error};
static const struct rig_port_ops fd_ops = {
    .rx_peek = fake_peek, .fd = fake_fd, .fd_error = fake_error};

static void peek_one(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    assert_true(events & RIG_LOOP_IN);
    w->calls++;
    w->port->ops->rx_peek(w->port, NULL, 1);
}

static void a_port_without_a_descriptor_is_asked_before_sleeping(void **state)
{
    struct world *w = *state;
    struct fake_port fake = {.port.ops = &polled_ops, .fd = -1, .ready = 3};
    w->port = &fake.port;
    assert_int_equal(rig_loop_add_port(w->loop, &w->a, &fake.port, peek_one, w, NULL), 0);
    rig_ns_t start_ns = rig_clock_ns();
    double start_ms = cpu_ms();
    run_for(w, 100 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 3);
    assert_true(rig_clock_ns() - start_ns >= 100 * RIG_NS_PER_MS);
    assert_true(cpu_ms() - start_ms < 10);
}

static void a_polled_port_can_be_muted(void **state)
{
    struct world *w = *state;
    struct fake_port fake = {.port.ops = &polled_ops, .fd = -1, .ready = 3};
    w->port = &fake.port;
    rig_loop_add_port(w->loop, &w->a, &fake.port, peek_one, w, NULL);
    rig_loop_set_events(w->loop, &w->a, 0);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 0);
}

static void a_callback_may_remove_all_polled_ports(void **state)
{
    struct world *w = *state;
    struct fake_port one = {.port.ops = &polled_ops, .fd = -1, .ready = 1};
    struct fake_port two = {.port.ops = &polled_ops, .fd = -1, .ready = 1};
    rig_loop_add_port(w->loop, &w->a, &one.port, remove_both, w, NULL);
    rig_loop_add_port(w->loop, &w->b, &two.port, remove_both, w, NULL);
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 1);
}

/* A ring whose descriptor stays readable while a frame is held: it must not keep us awake. */
static void a_descriptor_of_a_polled_port_only_wakes(void **state)
{
    struct world *w = *state;
    struct fake_port fake = {.port.ops = &polled_ops, .fd = w->fd_a, .ready = 1};
    w->port = &fake.port;
    rig_loop_add_port(w->loop, &w->a, &fake.port, peek_one, w, NULL);
    raise_fd(w->fd_a);
    double start_ms = cpu_ms();
    run_for(w, 100 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 1);
    assert_true(cpu_ms() - start_ms < 10);
}

static void a_wake_up_without_a_frame_calls_nobody(void **state)
{
    struct world *w = *state;
    struct fake_port fake = {.port.ops = &polled_ops, .fd = w->fd_a};
    w->port = &fake.port;
    rig_loop_add_port(w->loop, &w->a, &fake.port, peek_one, w, NULL);
    raise_fd(w->fd_a);
    run_for(w, 5 * RIG_NS_PER_MS);
    assert_int_equal(w->calls, 0);
}

static void count_hup(void *ctx, uint32_t events)
{
    struct world *w = ctx;
    if (events & RIG_LOOP_HUP)
        w->calls++;
}

static void a_port_that_is_useless_is_told_once(void **state)
{
    struct world *w = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct fake_port fake = {.port.ops = &fd_ops, .fd = ends[0]};
    rig_loop_add_port(w->loop, &w->a, &fake.port, count_hup, w, NULL);
    close(ends[1]);
    double start_ms = cpu_ms();
    run_for(w, 50 * RIG_NS_PER_MS);
    assert_int_equal(fake.errors, 1);
    assert_int_equal(w->calls, 1);
    assert_true(cpu_ms() - start_ms < 10);
    rig_loop_remove(w->loop, &w->a);
    close(ends[0]);
}

/* ---- the loop itself ---- */

static void an_idle_loop_uses_no_cpu(void **state)
{
    struct world *w = *state;
    struct fake_port fake = {.port.ops = &polled_ops, .fd = -1};
    rig_loop_add_fd(w->loop, &w->a, w->fd_a, RIG_LOOP_IN, count_a, w, NULL);
    rig_loop_add_port(w->loop, &w->b, &fake.port, peek_one, w, NULL);
    double start_ms = cpu_ms();
    run_for(w, 300 * RIG_NS_PER_MS);
    assert_true(cpu_ms() - start_ms < 3);
    assert_int_equal(w->calls_a + w->calls, 0);
}

static void stop_before_run_takes_effect_and_is_used_up(void **state)
{
    struct world *w = *state;
    rig_loop_stop(w->loop);
    assert_int_equal(rig_loop_run(w->loop, NULL), 0);
    rig_ns_t start_ns = rig_clock_ns();
    run_for(w, 2 * RIG_NS_PER_MS);
    assert_true(rig_clock_ns() - start_ns >= 2 * RIG_NS_PER_MS);
}

static void freeing_no_loop_is_allowed(void **state)
{
    (void)state;
    rig_loop_free(NULL);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_readable_descriptor_calls_back),
        LOOP_TEST(a_descriptor_is_level_triggered),
        LOOP_TEST(wanted_events_can_change),
        LOOP_TEST(a_hang_up_is_reported_unasked),
        LOOP_TEST(a_descriptor_that_cannot_be_watched_is_refused),
        LOOP_TEST(a_callback_may_remove_a_watch_whose_event_is_pending),
        LOOP_TEST(a_timer_may_remove_a_watch_whose_event_is_pending),
        LOOP_TEST(an_event_of_a_removed_watch_does_not_reach_its_successor),
        LOOP_TEST(a_timer_never_fires_early_and_little_late),
        LOOP_TEST(a_timer_rearmed_for_now_runs_once_a_turn),
        LOOP_TEST(a_timer_rearmed_for_now_does_not_wait),
        LOOP_TEST(a_stopped_timer_does_not_fire),
        LOOP_TEST(a_port_without_a_descriptor_is_asked_before_sleeping),
        LOOP_TEST(a_polled_port_can_be_muted),
        LOOP_TEST(a_callback_may_remove_all_polled_ports),
        LOOP_TEST(a_descriptor_of_a_polled_port_only_wakes),
        LOOP_TEST(a_wake_up_without_a_frame_calls_nobody),
        LOOP_TEST(a_port_that_is_useless_is_told_once),
        LOOP_TEST(an_idle_loop_uses_no_cpu),
        LOOP_TEST(stop_before_run_takes_effect_and_is_used_up),
        cmocka_unit_test(freeing_no_loop_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
