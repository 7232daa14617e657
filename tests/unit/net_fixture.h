/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the kernel's net share: a loop that runs until a condition holds, addresses of
 * the loopback interface, and the processor time that a stretch of waiting took. */
#ifndef RIG_TESTS_NET_FIXTURE_H
#define RIG_TESTS_NET_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_NS (5 * RIG_NS_PER_S)

struct rig {
    struct rig_loop *loop;
    struct rig_net *net;
    struct rig_timer timer;
    bool expired;
};

static void expire(void *ctx)
{
    struct rig *rig = ctx;
    rig->expired = true;
    rig_loop_stop(rig->loop);
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    assert_int_equal(rig_loop_new(&rig->loop, NULL), 0);
    assert_int_equal(rig_net_kernel_new(&rig->net, rig->loop, NULL), 0);
    rig_timer_init(&rig->timer, expire, rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    rig_net_free(rig->net);
    rig_loop_free(rig->loop);
    free(rig);
    return 0;
}

/* Run the loop; false if nobody stopped it within `time_ns`. */
static bool run_for(struct rig *rig, rig_ns_t time_ns)
{
    rig->expired = false;
    rig_loop_timer_set(rig->loop, &rig->timer, rig_clock_ns() + time_ns);
    assert_int_equal(rig_loop_run(rig->loop, NULL), 0);
    rig_loop_timer_stop(rig->loop, &rig->timer);
    return !rig->expired;
}

/* Run the loop, turn after turn, until `*count` is at least `wanted`. */
static void run_until(struct rig *rig, const uint64_t *count, uint64_t wanted)
{
    rig_ns_t end_ns = rig_clock_ns() + DEADLINE_NS;
    while (*count < wanted && rig_clock_ns() < end_ns)
        run_for(rig, RIG_NS_PER_MS);
    if (*count < wanted)
        fail_msg("waited for %llu, got %llu", (unsigned long long)wanted,
                 (unsigned long long)*count);
}

/* Processor time that the loop takes to wait 200 ms. */
static inline rig_ns_t idle_cost_ns(struct rig *rig)
{
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    run_for(rig, 200 * RIG_NS_PER_MS);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    return (rig_ns_t)(after.tv_sec - before.tv_sec) * RIG_NS_PER_S + (rig_ns_t)after.tv_nsec -
           (rig_ns_t)before.tv_nsec;
}

static inline struct rig_endpoint at(const char *text, uint16_t port)
{
    struct rig_endpoint endpoint = {.port = port};
    assert_int_equal(rig_addr_parse(&endpoint.addr, text, NULL), 0);
    return endpoint;
}

#endif
