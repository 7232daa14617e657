/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP of the stack: two stacks of one lwIP against each other, over a `pair:` wire. */
#include "stack_fixture.h"

/* Text from end 0 to end 1 and back. */
static void check_exchange(struct world *world, const struct rig_endpoint *to)
{
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL), *b = open_udp(world, 1, to->port, NULL);
    assert_int_equal(send_text(a, to, "question"), 0);
    assert_true(run_until(world, got_one, WAIT_NS));
    struct inbox *inbox = &world->inbox[1];
    assert_int_equal(inbox->last.len_bytes, 8);
    assert_int_equal(inbox->last.stride_bytes, 8);
    assert_memory_equal(inbox->bytes, "question", 8);
    assert_true(rig_addr_equal(&inbox->last.local, &to->addr));
    assert_int_equal(inbox->last.peer.port, rig_stack_udp_local(a).port);

    assert_int_equal(send_text(b, &inbox->last.peer, "answer"), 0);
    assert_true(run_until(world, got_answer, WAIT_NS));
    assert_memory_equal(world->inbox[0].bytes, "answer", 6);
    assert_true(rig_addr_equal(&world->inbox[0].last.peer.addr, &to->addr));
    rig_stack_udp_close(a);
    rig_stack_udp_close(b);
}

static void two_stacks_exchange_datagrams(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_endpoint to = endpoint("10.0.0.2", PORT);
    check_exchange(world, &to);
}

static void two_stacks_exchange_ipv6_datagrams(void **state)
{
    struct world *world = *state;
    two_stacks6(world, "");
    struct rig_endpoint to = endpoint("fd00::2", PORT);
    check_exchange(world, &to);
}

static void link_local_addresses_reach_each_other(void **state)
{
    struct world *world = *state;
    open_wire(world, "");
    struct rig_stack_config a = {.no_ipv4 = true, .ipv6 = true, .mac = mac(1)}, b = a;
    b.mac = mac(2);
    add_both(world, &a, &b);
    struct rig_endpoint to = {rig_stack_addr(world->stacks[1], 6, NULL), PORT};
    assert_true(rig_addr_is_link_local(&to.addr));
    check_exchange(world, &to);
}

/* ---- bulk ---- */

static void check_bulk(struct world *world, const struct rig_stack_flow_spec *spec, uint32_t n,
                       uint32_t len)
{
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    struct rig_stack_udp *b = open_udp(world, 1, spec->peer.port, NULL);
    struct rig_stack_flow *flow;
    assert_int_equal(rig_stack_flow_open(&flow, a, spec, NULL), 0);
    send_bulk(world, flow, n, len);
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(world->inbox[1].n_datagrams, n);
    assert_int_equal(world->inbox[1].n_bytes, (uint64_t)n * len);
    assert_int_equal(world->inbox[1].n_disordered, 0);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(a);
    rig_stack_udp_close(b);
}

static void bulk_datagrams_all_arrive_in_order(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", PORT), .single = true};
    check_bulk(world, &spec, 5000, 64);
    assert_int_equal(world->inbox[1].n_trains, 5000);
}

static void bulk_datagrams_are_summed_for_a_port_without_offload(void **state)
{
    struct world *world = *state;
    two_stacks(world, "@offload=off");
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", PORT)};
    check_bulk(world, &spec, 1000, 1471);
    assert_int_equal(rig_stack_counters(world->stacks[1])->rx_drop_checksum, 0);
    assert_int_equal(world->inbox[1].n_trains, 1000);
}

static void super_frames_arrive_as_trains(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", PORT)};
    check_bulk(world, &spec, 1281, 18);
    assert_in_range(world->inbox[1].n_trains, 21, 24);
}

static void ipv6_super_frames_arrive_as_trains(void **state)
{
    struct world *world = *state;
    two_stacks6(world, "");
    struct rig_stack_flow_spec spec = {.peer = endpoint("fd00::2", PORT)};
    check_bulk(world, &spec, 1281, 1400);
    assert_in_range(world->inbox[1].n_trains, 28, 45);
}

static void datagrams_above_the_mtu_are_fragmented_and_reassembled(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", PORT)};
    assert_int_equal(rig_stack_udp_payload_max(world->stacks[0], &spec.peer.addr), 1472);
    check_bulk(world, &spec, 5, 9000);
    assert_int_equal(world->inbox[1].n_trains, 5);
}

static void ipv6_datagrams_above_the_mtu_are_fragmented_and_reassembled(void **state)
{
    struct world *world = *state;
    two_stacks6(world, "");
    struct rig_stack_flow_spec spec = {.peer = endpoint("fd00::2", PORT)};
    assert_int_equal(rig_stack_udp_payload_max(world->stacks[0], &spec.peer.addr), 1452);
    check_bulk(world, &spec, 5, 9000);
    assert_int_equal(world->inbox[1].n_trains, 5);
}

/* ---- refusals ---- */

static void closed_port_refuses_a_connected_socket(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_endpoint to = endpoint("10.0.0.2", PORT);
    struct rig_stack_udp *a = open_udp(world, 0, 0, &to);
    assert_int_equal(send_text(a, &to, "anybody"), 0);
    assert_true(run_until(world, got_error, WAIT_NS));
    assert_int_equal(world->inbox[0].error, -ECONNREFUSED);
    rig_stack_udp_close(a);
}

static void closed_ipv6_port_refuses_a_connected_socket(void **state)
{
    struct world *world = *state;
    two_stacks6(world, "");
    struct rig_endpoint to = endpoint("fd00::2", PORT);
    struct rig_stack_udp *a = open_udp(world, 0, 0, &to);
    assert_int_equal(send_text(a, &to, "anybody"), 0);
    assert_true(run_until(world, got_error, WAIT_NS));
    assert_int_equal(world->inbox[0].error, -ECONNREFUSED);
    rig_stack_udp_close(a);
}

static void closed_port_refuses_only_the_flow_of_an_unconnected_socket(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", PORT)};
    struct rig_stack_flow *flow;
    assert_int_equal(rig_stack_flow_open(&flow, a, &spec, NULL), 0);
    send_bulk(world, flow, 1, 64);
    run_for(world, 10 * RIG_NS_PER_MS);
    const uint8_t data[64] = {0};
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), -ECONNREFUSED);
    assert_int_equal(world->inbox[0].error, 0);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(a);
}

static void silent_neighbour_is_unreachable_after_three_seconds(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.77", PORT)};
    struct rig_stack_flow *flow;
    const uint8_t data[4 * 64] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, a, &spec, NULL), 0);
    rig_ns_t start_ns = rig_clock_ns();
    assert_int_equal(rig_stack_flow_send(flow, data, 4, 64), 1); /* waits in lwIP */
    int64_t taken = 0;
    while (taken == 0 && rig_clock_ns() - start_ns < 5 * RIG_NS_PER_S) {
        run_for(world, 20 * RIG_NS_PER_MS);
        taken = rig_stack_flow_send(flow, data, 4, 64);
    }
    assert_int_equal(taken, -EHOSTUNREACH);
    assert_in_range((rig_clock_ns() - start_ns) / RIG_NS_PER_MS, 2900, 3500);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(a);
}

static uint32_t count_requests(struct rig_port *port)
{
    uint32_t n = 0;
    struct rig_frame *frame;
    while (rig_port_rx_peek(port, &frame, 1)) {
        struct rig_packet packet;
        n += rig_packet_parse(&packet, frame) && packet.ethertype == RIG_ETHERTYPE_ARP;
        rig_port_rx_release(port, &frame, 1);
    }
    return n;
}

static void a_lost_answer_costs_milliseconds_not_a_second(void **state)
{
    struct world *world = *state;
    open_wire(world, "");
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    add_stack(world, 0, &config);
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", PORT)};
    struct rig_stack_flow *flow;
    const uint8_t data[64] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, a, &spec, NULL), 0);
    count_requests(world->ports[1]); /* what the stack announces of itself */
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), 1);
    rig_ns_t start_ns = rig_clock_ns();
    uint32_t n = 0;
    while (n < 4 && rig_clock_ns() - start_ns < WAIT_NS) {
        run_for(world, 5 * RIG_NS_PER_MS);
        assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), 0);
        n += count_requests(world->ports[1]);
    }
    /* at 0, 20, 40 and 80 ms; lwIP alone would be at its first or second */
    assert_in_range((rig_clock_ns() - start_ns) / RIG_NS_PER_MS, 60, 900);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(a);
}

static void a_flow_does_not_push_out_what_its_socket_has_waiting(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_endpoint to = endpoint("10.0.0.2", PORT);
    struct rig_stack_udp *b = open_udp(world, 1, PORT, NULL);
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    struct rig_stack_flow_spec spec = {.peer = to};
    struct rig_stack_flow *flow;
    const uint8_t data[64] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, a, &spec, NULL), 0);
    assert_int_equal(send_text(a, &to, "first"), 0);
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), 0);
    assert_true(run_until(world, got_one, WAIT_NS));
    assert_memory_equal(world->inbox[1].bytes, "first", 5);
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), 1);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(a);
    rig_stack_udp_close(b);
}

static void no_route_is_said_at_once(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    struct rig_stack_flow_spec spec = {.peer = endpoint("192.0.2.1", PORT)};
    struct rig_stack_flow *flow;
    struct rig_err err;
    const uint8_t data[64] = {0};
    assert_int_equal(rig_stack_udp_send(a, &spec, data, 64), -EHOSTUNREACH);
    assert_int_equal(rig_stack_flow_open(&flow, a, &spec, NULL), 0);
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), -EHOSTUNREACH);
    rig_stack_flow_close(flow);
    spec.peer = endpoint("fd00::2", PORT);
    assert_int_equal(rig_stack_flow_open(&flow, a, &spec, &err), -EADDRNOTAVAIL);
    assert_string_equal(err.text, "the stack on pair:stack/0 has no IPv6 address to reach fd00::2");
    rig_stack_udp_close(a);
}

static void a_port_is_bound_once_for_each_peer(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_endpoint peer = endpoint("10.0.0.2", 7);
    struct rig_stack_udp *all = open_udp(world, 0, PORT, NULL);
    struct rig_stack_udp *one = open_udp(world, 0, PORT, &peer), *udp;
    struct rig_stack_udp_spec spec = {.local.port = PORT, .events = &events};
    struct rig_err err;
    assert_int_equal(rig_stack_udp_open(&udp, world->stacks[0], &spec, &err), -EADDRINUSE);
    assert_string_equal(err.text, "UDP port 5001 on pair:stack/0 is in use");
    spec.peer = peer;
    assert_int_equal(rig_stack_udp_open(&udp, world->stacks[0], &spec, &err), -EADDRINUSE);
    rig_stack_udp_close(one);
    assert_int_equal(rig_stack_udp_open(&udp, world->stacks[0], &spec, &err), 0);
    rig_stack_udp_close(udp);
    spec = (struct rig_stack_udp_spec){.local = endpoint("10.0.0.9", 9), .events = &events};
    assert_int_equal(rig_stack_udp_open(&udp, world->stacks[0], &spec, &err), -EADDRNOTAVAIL);
    assert_string_equal(err.text, "10.0.0.9 is not an address of the stack on pair:stack/0");
    rig_stack_udp_close(all);
}

static void a_connected_socket_hears_its_peer_and_another_the_rest(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_endpoint to = endpoint("10.0.0.2", PORT), peer = endpoint("10.0.0.1", 7);
    struct rig_stack_udp *seven = open_udp(world, 0, 7, NULL), *eight = open_udp(world, 0, 8, NULL);
    struct rig_stack_udp *all = open_udp(world, 1, PORT, NULL);
    struct inbox *private_inbox = calloc(1, sizeof(*private_inbox));
    struct rig_stack_udp_spec spec = {
        .local.port = PORT, .peer = peer, .events = &events, .ctx = private_inbox};
    struct rig_stack_udp *connected;
    assert_int_equal(rig_stack_udp_open(&connected, world->stacks[1], &spec, NULL), 0);
    send_text(seven, &to, "seven");
    send_text(eight, &to, "eight");
    assert_true(run_until(world, got_one, WAIT_NS));
    run_for(world, 5 * RIG_NS_PER_MS);
    assert_int_equal(world->inbox[1].n_trains, 1);
    assert_memory_equal(world->inbox[1].bytes, "eight", 5);
    assert_int_equal(private_inbox->n_trains, 1);
    assert_memory_equal(private_inbox->bytes, "seven", 5);
    rig_stack_udp_close(connected);
    rig_stack_udp_close(all);
    rig_stack_udp_close(seven);
    rig_stack_udp_close(eight);
    free(private_inbox);
}

static void count_one(void *ctx, const struct rig_stack_train *train)
{
    (void)train;
    ++*(uint32_t *)ctx;
}

static const struct rig_stack_udp_events count_events = {.received = count_one};

/* More sockets than the table has buckets, so that many share one. */
static void each_of_many_connected_sockets_hears_its_own_peer(void **state)
{
    enum { N = 1500, STEP = 30 };
    struct world *world = *state;
    static uint32_t heard[N];
    struct rig_stack_udp *sockets[N];
    two_stacks(world, "");
    memset(heard, 0, sizeof(heard));
    for (uint32_t i = 0; i < N; i++) {
        struct rig_stack_udp_spec spec = {.local.port = PORT,
                                          .peer = endpoint("10.0.0.1", (uint16_t)(1000 + i)),
                                          .events = &count_events,
                                          .ctx = &heard[i]};
        assert_int_equal(rig_stack_udp_open(&sockets[i], world->stacks[1], &spec, NULL), 0);
    }
    struct rig_endpoint to = endpoint("10.0.0.2", PORT);
    for (uint32_t i = 0; i < N; i += STEP) {
        struct rig_stack_udp *udp = open_udp(world, 0, (uint16_t)(1000 + i), NULL);
        send_text(udp, &to, "mine");
        rig_stack_udp_close(udp);
    }
    run_for(world, 10 * RIG_NS_PER_MS);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(heard[i], i % STEP == 0);
        rig_stack_udp_close(sockets[i]);
    }
}

static void a_socket_may_be_closed_by_its_own_callback(void **state)
{
    struct world *world = *state;
    two_stacks(world, "");
    struct rig_endpoint to = endpoint("10.0.0.2", PORT);
    struct rig_stack_udp *a = open_udp(world, 0, 0, NULL);
    world->inbox[1].close_me = open_udp(world, 1, PORT, NULL);
    for (int i = 0; i < 5; i++)
        send_text(a, &to, "again");
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(world->inbox[1].n_trains, 1);
    rig_stack_udp_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(two_stacks_exchange_datagrams),
        WITH_WORLD(two_stacks_exchange_ipv6_datagrams),
        WITH_WORLD(link_local_addresses_reach_each_other),
        WITH_WORLD(bulk_datagrams_all_arrive_in_order),
        WITH_WORLD(bulk_datagrams_are_summed_for_a_port_without_offload),
        WITH_WORLD(super_frames_arrive_as_trains),
        WITH_WORLD(ipv6_super_frames_arrive_as_trains),
        WITH_WORLD(datagrams_above_the_mtu_are_fragmented_and_reassembled),
        WITH_WORLD(ipv6_datagrams_above_the_mtu_are_fragmented_and_reassembled),
        WITH_WORLD(closed_port_refuses_a_connected_socket),
        WITH_WORLD(closed_ipv6_port_refuses_a_connected_socket),
        WITH_WORLD(closed_port_refuses_only_the_flow_of_an_unconnected_socket),
        WITH_WORLD(silent_neighbour_is_unreachable_after_three_seconds),
        WITH_WORLD(a_lost_answer_costs_milliseconds_not_a_second),
        WITH_WORLD(a_flow_does_not_push_out_what_its_socket_has_waiting),
        WITH_WORLD(no_route_is_said_at_once),
        WITH_WORLD(a_port_is_bound_once_for_each_peer),
        WITH_WORLD(a_connected_socket_hears_its_peer_and_another_the_rest),
        WITH_WORLD(each_of_many_connected_sockets_hears_its_own_peer),
        WITH_WORLD(a_socket_may_be_closed_by_its_own_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
