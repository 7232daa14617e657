/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the stack share: a loop that runs until a condition holds, a `pair:` wire, a
 * stack at each end of it or at one, and sockets that remember what they received.
 */
#ifndef RIG_TESTS_STACK_FIXTURE_H
#define RIG_TESTS_STACK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame/packet.h"
#include "stack/stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT     5001
#define WAIT_NS  (2 * RIG_NS_PER_S)
#define SLOW_NS  (6 * RIG_NS_PER_S)
#define READY_NS (5 * RIG_NS_PER_S)

/* ---- the world: a loop, a wire, a stack or bare port at each end ---- */

struct inbox {
    uint32_t n_trains;
    uint64_t n_datagrams;
    uint64_t n_bytes;
    uint64_t n_disordered;
    uint32_t next_id;
    struct rig_stack_train last;
    uint8_t bytes[65536];
    int error;
    struct rig_stack_udp *close_me;
};

struct world {
    struct rig_loop *loop;
    struct rig_port *ports[2];
    struct rig_stack *stacks[2];
    struct rig_timer stop;
    struct rig_timer look;
    bool (*until)(struct world *world);
    int ready_error;
    uint32_t n_ready;
    char sentence[320];
    struct inbox inbox[2];
    struct rig_packet seen; /* what the bare end waits for */
    uint8_t seen_bytes[2048];
    uint32_t seen_len;
    bool (*wanted)(const struct rig_packet *packet, const uint8_t *bytes);
};

static inline struct rig_addr addr(const char *text)
{
    struct rig_addr out;
    assert_int_equal(rig_addr_parse(&out, text, NULL), 0);
    return out;
}

static inline struct rig_endpoint endpoint(const char *text, uint16_t port)
{
    return (struct rig_endpoint){addr(text), port};
}

static inline struct rig_mac mac(uint8_t last)
{
    return (struct rig_mac){{2, 0, 0, 0, 0, last}};
}

static inline void stop_loop(void *ctx)
{
    struct world *world = ctx;
    rig_loop_stop(world->loop);
}

static inline void look(void *ctx)
{
    struct world *world = ctx;
    if (world->until(world))
        rig_loop_stop(world->loop);
    else
        rig_loop_timer_set(world->loop, &world->look, rig_clock_ns() + RIG_NS_PER_MS / 5);
}

/* Run the loop until the condition holds (true) or the time is over. */
static inline bool run_until(struct world *world, bool (*until)(struct world *), rig_ns_t limit_ns)
{
    world->until = until;
    rig_loop_timer_set(world->loop, &world->stop, rig_clock_ns() + limit_ns);
    rig_loop_timer_set(world->loop, &world->look, rig_clock_ns());
    assert_int_equal(rig_loop_run(world->loop, NULL), 0);
    rig_loop_timer_stop(world->loop, &world->stop);
    rig_loop_timer_stop(world->loop, &world->look);
    return until(world);
}

static inline bool never(struct world *world)
{
    (void)world;
    return false;
}

static inline void run_for(struct world *world, rig_ns_t ns)
{
    run_until(world, never, ns);
}

static inline void on_ready(void *ctx, int error, const char *sentence)
{
    struct world *world = ctx;
    world->n_ready++;
    world->ready_error = error;
    snprintf(world->sentence, sizeof(world->sentence), "%s", sentence);
}

static inline bool one_ready(struct world *world)
{
    return world->n_ready >= 1;
}

static inline bool both_ready(struct world *world)
{
    return world->n_ready >= 2;
}

static inline int new_world(void **state)
{
    struct world *world = *state = calloc(1, sizeof(*world));
    assert_non_null(world);
    assert_int_equal(rig_loop_new(&world->loop, NULL), 0);
    rig_timer_init(&world->stop, stop_loop, world);
    rig_timer_init(&world->look, look, world);
    return 0;
}

static inline void open_wire(struct world *world, const char *options)
{
    char name[80];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "pair:stack/%d%s", i, options);
        assert_int_equal(rig_port_open(&world->ports[i], name, NULL), 0);
    }
}

static inline int free_world(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 2; i++) {
        rig_stack_free(world->stacks[i]);
        rig_port_close(world->ports[i]);
    }
    rig_loop_free(world->loop);
    free(world);
    return 0;
}

static inline void start_stack(struct world *world, int end, const struct rig_stack_config *config)
{
    struct rig_err err = {""};
    int rc = rig_stack_new(&world->stacks[end], world->loop, world->ports[end], config, &err);
    if (rc)
        fail_msg("rig_stack_new: %s", err.text);
    rig_stack_on_ready(world->stacks[end], READY_NS, on_ready, world);
}

static inline void add_stack(struct world *world, int end, const struct rig_stack_config *config)
{
    world->n_ready = 0;
    start_stack(world, end, config);
    assert_true(run_until(world, one_ready, SLOW_NS));
}

static inline void add_both(struct world *world, const struct rig_stack_config *a,
                            const struct rig_stack_config *b)
{
    start_stack(world, 0, a);
    start_stack(world, 1, b);
    assert_true(run_until(world, both_ready, SLOW_NS));
    assert_int_equal(world->ready_error, 0);
}

static inline struct rig_stack_config config4(const char *prefix, uint8_t last)
{
    struct rig_stack_config config = {.mac = mac(last), .seed = last};
    assert_int_equal(rig_prefix_parse(&config.ipv4, prefix, NULL), 0);
    return config;
}

static inline struct rig_stack_config config6(const char *prefix, uint8_t last)
{
    struct rig_stack_config config = {
        .mac = mac(last), .no_ipv4 = true, .ipv6 = true, .seed = last};
    assert_int_equal(rig_prefix_parse(&config.ipv6_static, prefix, NULL), 0);
    return config;
}

/* 10.0.0.1 at end 0 and 10.0.0.2 at end 1. */
static inline void two_stacks(struct world *world, const char *options)
{
    open_wire(world, options);
    struct rig_stack_config a = config4("10.0.0.1/24", 1), b = config4("10.0.0.2/24", 2);
    add_both(world, &a, &b);
}

static inline void two_stacks6(struct world *world, const char *options)
{
    open_wire(world, options);
    struct rig_stack_config a = config6("fd00::1/64", 1), b = config6("fd00::2/64", 2);
    add_both(world, &a, &b);
}

/* ---- sockets ---- */

static inline void count_ids(struct inbox *inbox, const struct rig_stack_train *train)
{
    for (uint32_t at = 0; at + 4 <= train->len_bytes; at += train->stride_bytes) {
        uint32_t id;
        memcpy(&id, train->data + at, sizeof(id));
        inbox->n_disordered += id != inbox->next_id;
        inbox->next_id = id + 1;
        inbox->n_datagrams++;
    }
}

static inline void received(void *ctx, const struct rig_stack_train *train)
{
    struct inbox *inbox = ctx;
    inbox->n_trains++;
    inbox->n_bytes += train->len_bytes;
    inbox->last = *train;
    memcpy(inbox->bytes, train->data, train->len_bytes);
    count_ids(inbox, train);
    if (inbox->close_me) {
        rig_stack_udp_close(inbox->close_me);
        inbox->close_me = NULL;
    }
}

static inline void failed(void *ctx, int error)
{
    struct inbox *inbox = ctx;
    inbox->error = error;
}

static const struct rig_stack_udp_events events = {.received = received, .failed = failed};

static inline struct rig_stack_udp *open_udp(struct world *world, int end, uint16_t port,
                                             const struct rig_endpoint *peer)
{
    struct rig_stack_udp *udp;
    struct rig_err err = {""};
    struct rig_stack_udp_spec spec = {
        .local.port = port, .events = &events, .ctx = &world->inbox[end]};
    if (peer)
        spec.peer = *peer;
    if (rig_stack_udp_open(&udp, world->stacks[end], &spec, &err))
        fail_msg("rig_stack_udp_open: %s", err.text);
    return udp;
}

static inline bool got_one(struct world *world)
{
    return world->inbox[1].n_trains >= 1;
}

static inline bool got_answer(struct world *world)
{
    return world->inbox[0].n_trains >= 1;
}

static inline bool got_error(struct world *world)
{
    return world->inbox[0].error != 0;
}

static inline int send_text(struct rig_stack_udp *udp, const struct rig_endpoint *peer,
                            const char *text)
{
    struct rig_stack_flow_spec to = {.peer = *peer};
    return rig_stack_udp_send(udp, &to, text, (uint32_t)strlen(text));
}

/* Send `n` numbered datagrams of `len` bytes; the loop runs when the port is full. */
static inline void send_bulk(struct world *world, struct rig_stack_flow *flow, uint32_t n,
                             uint32_t len)
{
    uint8_t *slots = calloc(64, len);
    uint32_t id = 0;
    rig_ns_t start_ns = rig_clock_ns();
    while (id < n && rig_clock_ns() - start_ns < SLOW_NS) {
        uint32_t now = n - id < 64 ? n - id : 64;
        for (uint32_t i = 0; i < now; i++) {
            uint32_t number = id + i;
            memcpy(slots + (size_t)i * len, &number, sizeof(number));
        }
        int64_t taken = rig_stack_flow_send(flow, slots, now, len);
        assert_in_range(taken, 0, now);
        id += (uint32_t)taken;
        if (taken < now)
            run_for(world, RIG_NS_PER_MS);
    }
    free(slots);
    assert_int_equal(id, n);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, new_world, free_world)

#endif
