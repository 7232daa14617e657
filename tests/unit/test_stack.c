/* SPDX-License-Identifier: BSD-2-Clause */
/* One stack against frames made by hand, over a `pair:` wire. */
#include "stack_fixture.h"

#include "base/prng.h"
#include "frame/csum.h"
#include "frame/flow.h"

/* ---- frames made by hand: the stack is at end 0, the test is end 1 ---- */

static void stack_and_bare_end(struct world *world, const struct rig_stack_config *config)
{
    open_wire(world, "");
    add_stack(world, 0, config);
}

static void send_frame(struct world *world, const uint8_t *bytes, uint32_t len,
                       const struct rig_offload *offload)
{
    struct rig_frame *frame;
    assert_int_equal(rig_port_tx_reserve(world->ports[1], &frame, 1), 1);
    memcpy(frame->seg[0].base, bytes, len);
    frame->seg[0].len_bytes = frame->len_bytes = len;
    frame->offload = offload ? *offload : (struct rig_offload){0};
    assert_int_equal(rig_port_tx_commit(world->ports[1], 1), 1);
}

/* Take what the stack sent until the wanted frame is there. */
static bool take_wanted(struct world *world)
{
    struct rig_frame *frame;
    while (!world->seen_len && rig_port_rx_peek(world->ports[1], &frame, 1) == 1) {
        struct rig_packet packet;
        uint8_t bytes[2048] = {0};
        if (frame->len_bytes <= sizeof(bytes) && rig_packet_parse(&packet, frame) &&
            rig_frame_copy(frame, 0, bytes, frame->len_bytes) && world->wanted(&packet, bytes)) {
            world->seen = packet;
            world->seen_len = frame->len_bytes;
            memcpy(world->seen_bytes, bytes, sizeof(bytes));
        }
        rig_port_rx_release(world->ports[1], &frame, 1);
    }
    return world->seen_len != 0;
}

static bool expect(struct world *world, bool (*wanted)(const struct rig_packet *, const uint8_t *),
                   rig_ns_t limit_ns)
{
    world->wanted = wanted;
    world->seen_len = 0;
    return run_until(world, take_wanted, limit_ns);
}

static bool is_arp_reply(const struct rig_packet *packet, const uint8_t *bytes)
{
    return packet->ethertype == RIG_ETHERTYPE_ARP && bytes[21] == 2;
}

static bool is_arp_request(const struct rig_packet *packet, const uint8_t *bytes)
{
    static const uint8_t tester[4] = {10, 0, 0, 2};
    return packet->ethertype == RIG_ETHERTYPE_ARP && bytes[21] == 1 &&
           memcmp(bytes + 38, tester, 4) == 0;
}

static bool is_echo_reply(const struct rig_packet *packet, const uint8_t *bytes)
{
    return packet->ip_proto == RIG_IPPROTO_ICMP && bytes[34] == 0;
}

static bool is_udp(const struct rig_packet *packet, const uint8_t *bytes)
{
    (void)bytes;
    return packet->ip_proto == RIG_IPPROTO_UDP;
}

static bool is_dhcp_discover(const struct rig_packet *packet, const uint8_t *bytes)
{
    return packet->ip_proto == RIG_IPPROTO_UDP && packet->dst.port == 67 && bytes[42] == 1;
}

/* 10.0.0.2 (02::02) asks or tells 10.0.0.1 (02::01). */
static void send_arp(struct world *world, uint8_t opcode)
{
    uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  2, 0x08, 0x06,
                         0,    1,    8,    0,    6,    4,    0, 0, 2, 0, 0,  0, 0,    2,
                         10,   0,    0,    2,    2,    0,    0, 0, 0, 1, 10, 0, 0,    1};
    frame[21] = opcode;
    send_frame(world, frame, sizeof(frame), NULL);
}

static const struct rig_flow_spec to_stack = {
    .src_mac = {{2, 0, 0, 0, 0, 2}},
    .dst_mac = {{2, 0, 0, 0, 0, 1}},
    .src = {{.family = 4, .bytes = {10, 0, 0, 2}}, 4000},
    .dst = {{.family = 4, .bytes = {10, 0, 0, 1}}, PORT},
    .ttl = 64,
};

/* A UDP datagram from 10.0.0.2:4000 with its checksum filled in. */
static uint32_t make_udp(uint8_t *bytes, const char *payload)
{
    struct rig_flow flow;
    struct rig_frame frame;
    uint32_t len = (uint32_t)strlen(payload);
    rig_flow_init(&flow, &to_stack);
    memcpy(bytes + flow.hdr_len_bytes, payload, len);
    rig_frame_init(&frame, bytes, flow.hdr_len_bytes + len);
    rig_flow_stamp(&flow, bytes, len, 0, &frame.offload);
    assert_true(rig_csum_complete(&frame));
    return frame.len_bytes;
}

static uint32_t make_echo(uint8_t bytes[static 98])
{
    struct rig_frame frame;
    uint8_t udp[128];
    make_udp(udp, "1234567890123456789012345678901234567890123456789012345");
    memcpy(bytes, udp, 34);
    bytes[14 + 9] = RIG_IPPROTO_ICMP;
    bytes[17] = 98 - 14;
    bytes[24] = bytes[25] = 0;
    uint16_t sum = rig_csum_finish(rig_csum_add(0, bytes + 14, 20));
    memcpy(bytes + 24, &sum, 2);
    for (uint8_t i = 0; i < 64; i++)
        bytes[34 + i] = i;
    bytes[34] = 8;
    bytes[35] = bytes[36] = bytes[37] = 0;
    sum = rig_csum_finish(rig_csum_add(0, bytes + 34, 64));
    memcpy(bytes + 36, &sum, 2);
    rig_frame_init(&frame, bytes, 98);
    return 98;
}

static void stack_answers_arp_and_ping(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    send_arp(world, 1);
    assert_true(expect(world, is_arp_reply, WAIT_NS));
    assert_memory_equal(world->seen_bytes + 22, config.mac.bytes, 6);

    uint8_t echo[98];
    make_echo(echo);
    send_frame(world, echo, sizeof(echo), NULL);
    assert_true(expect(world, is_echo_reply, WAIT_NS));
    assert_memory_equal(world->seen_bytes + 38, echo + 38, 60);
    assert_int_equal(rig_csum_finish(rig_csum_add(0, world->seen_bytes + 34, 64)), 0);
}

static void wrong_checksums_are_refused_and_counted(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    uint8_t bytes[128];
    uint32_t len = make_udp(bytes, "truth");
    send_frame(world, bytes, len, NULL);
    assert_true(run_until(world, got_answer, WAIT_NS));

    bytes[43] ^= 1; /* payload */
    send_frame(world, bytes, len, NULL);
    bytes[43] ^= 1;
    bytes[24] ^= 1; /* IP header checksum */
    send_frame(world, bytes, len, NULL);
    bytes[24] ^= 1;
    run_for(world, 5 * RIG_NS_PER_MS);
    assert_int_equal(world->inbox[0].n_trains, 1);
    assert_int_equal(rig_stack_counters(world->stacks[0])->rx_drop_checksum, 2);

    bytes[40] = bytes[41] = 0; /* UDP over IPv4 may go without */
    send_frame(world, bytes, len, NULL);
    run_for(world, 5 * RIG_NS_PER_MS);
    assert_int_equal(world->inbox[0].n_trains, 2);
    rig_stack_udp_close(udp);
}

static void promised_checksums_are_not_checked(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    const struct rig_offload promise = {.data_valid = true};
    uint8_t bytes[128];
    uint32_t len = make_udp(bytes, "truth");
    bytes[43] ^= 1;
    send_frame(world, bytes, len, &promise);
    assert_true(run_until(world, got_answer, WAIT_NS));
    rig_stack_udp_close(udp);
}

static void super_frame_to_a_port_without_socket_is_answered(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    config.n_neighbours = 1;
    config.neighbours[0] = (struct rig_stack_neighbour){addr("10.0.0.2"), mac(2)};
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_flow flow;
    struct rig_offload offload;
    uint8_t bytes[142] = {0};
    rig_flow_init(&flow, &to_stack);
    rig_flow_stamp(&flow, bytes, 100, 50, &offload);
    send_frame(world, bytes, sizeof(bytes), &offload);
    run_for(world, 5 * RIG_NS_PER_MS);
    assert_int_equal(rig_stack_counters(world->stacks[0])->rx_lwip_frames, 2);
    assert_int_equal(rig_stack_counters(world->stacks[0])->rx_drop_malformed, 0);
}

static void permanent_neighbours_need_no_question(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    config.n_neighbours = 1;
    config.neighbours[0] = (struct rig_stack_neighbour){addr("10.0.0.2"), mac(2)};
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    struct rig_endpoint to = endpoint("10.0.0.2", 9);
    assert_int_equal(send_text(udp, &to, "hello"), 0);
    assert_true(expect(world, is_udp, 100 * RIG_NS_PER_MS));
    assert_memory_equal(world->seen.dst_mac.bytes, mac(2).bytes, 6);
    assert_int_equal(world->seen.ttl, 64);
    rig_stack_udp_close(udp);
}

static void gateway_takes_what_is_not_on_the_link(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    config.ipv4_gateway = addr("10.0.0.2");
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    struct rig_endpoint to = endpoint("192.0.2.1", 9);
    assert_int_equal(send_text(udp, &to, "hello"), 0);
    assert_true(expect(world, is_arp_request, WAIT_NS));
    send_arp(world, 2);
    assert_true(expect(world, is_udp, WAIT_NS));
    assert_true(rig_addr_equal(&world->seen.dst.addr, &to.addr));
    assert_memory_equal(world->seen.dst_mac.bytes, mac(2).bytes, 6);

    struct rig_stack_flow_spec spec = {.peer = to, .single = true};
    struct rig_stack_flow *flow;
    const uint8_t data[3 * 64] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, udp, &spec, NULL), 0);
    assert_int_equal(rig_stack_flow_send(flow, data, 3, 64), 3);
    for (int i = 0; i < 3; i++) {
        assert_true(expect(world, is_udp, WAIT_NS));
        assert_memory_equal(world->seen.dst_mac.bytes, mac(2).bytes, 6);
    }
    rig_stack_flow_close(flow);
    rig_stack_udp_close(udp);
}

static void flow_follows_a_neighbour_that_changes_its_mac(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", 9)};
    struct rig_stack_flow *flow;
    const uint8_t data[2 * 64] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, udp, &spec, NULL), 0);
    send_arp(world, 1);
    assert_true(expect(world, is_arp_reply, WAIT_NS));
    assert_int_equal(rig_stack_flow_send(flow, data, 2, 64), 2);
    assert_true(expect(world, is_udp, WAIT_NS));
    assert_memory_equal(world->seen.dst_mac.bytes, mac(2).bytes, 6);

    uint8_t moved[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  3, 0x08, 0x06,
                         0,    1,    8,    0,    6,    4,    0, 2, 2, 0, 0,  0, 0,    3,
                         10,   0,    0,    2,    2,    0,    0, 0, 0, 1, 10, 0, 0,    1};
    send_frame(world, moved, sizeof(moved), NULL);
    run_for(world, 1100 * RIG_NS_PER_MS);
    assert_true(take_wanted(world)); /* drain */
    assert_int_equal(rig_stack_flow_send(flow, data, 2, 64), 2);
    world->seen_len = 0;
    while (expect(world, is_udp, 10 * RIG_NS_PER_MS))
        if (world->seen.dst_mac.bytes[5] == 3)
            break;
    assert_int_equal(world->seen.dst_mac.bytes[5], 3);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(udp);
}

/* From a router: the datagram that `quoted` (an Ethernet frame) holds is too long for it. */
static void send_too_long(struct world *world, const uint8_t *quoted, uint16_t mtu)
{
    uint8_t echo[98], bytes[14 + 20 + 8 + 28];
    make_echo(echo);
    memcpy(bytes, echo, 34);
    bytes[17] = sizeof(bytes) - 14;
    bytes[24] = bytes[25] = 0;
    uint16_t sum = rig_csum_finish(rig_csum_add(0, bytes + 14, 20));
    memcpy(bytes + 24, &sum, 2);
    const uint8_t icmp[8] = {3, 4, 0, 0, 0, 0, (uint8_t)(mtu >> 8), (uint8_t)mtu};
    memcpy(bytes + 34, icmp, sizeof(icmp));
    memcpy(bytes + 42, quoted + 14, 28);
    sum = rig_csum_finish(rig_csum_add(0, bytes + 34, 36));
    memcpy(bytes + 36, &sum, 2);
    send_frame(world, bytes, sizeof(bytes), NULL);
}

static bool may_be_cut(const struct rig_packet *packet, const uint8_t *bytes)
{
    return packet->ip_proto == RIG_IPPROTO_UDP && !(bytes[20] & 0x40);
}

static bool may_not_be_cut(const struct rig_packet *packet, const uint8_t *bytes)
{
    return packet->ip_proto == RIG_IPPROTO_UDP && (bytes[20] & 0x40);
}

static void a_router_on_the_way_may_cut_what_it_found_too_long(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    config.n_neighbours = 1;
    config.neighbours[0] = (struct rig_stack_neighbour){addr("10.0.0.2"), mac(2)};
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.2", 9)};
    struct rig_stack_flow *flow;
    const uint8_t data[2 * 1400] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, udp, &spec, NULL), 0);
    assert_int_equal(rig_stack_flow_send(flow, data, 2, 1400), 2);
    assert_true(expect(world, may_not_be_cut, WAIT_NS));
    send_too_long(world, world->seen_bytes, 1000);
    run_for(world, 5 * RIG_NS_PER_MS);
    assert_int_equal(rig_stack_flow_send(flow, data, 2, 1400), 2);
    assert_true(expect(world, may_be_cut, WAIT_NS));
    assert_true(expect(world, may_be_cut, WAIT_NS));
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 900), 1);
    assert_true(expect(world, may_not_be_cut, WAIT_NS));
    rig_stack_flow_close(flow);
    rig_stack_udp_close(udp);
}

static void missing_dhcp_server_is_said_in_a_sentence(void **state)
{
    struct world *world = *state;
    open_wire(world, "");
    struct rig_stack_config config = {.mac = mac(1)};
    assert_int_equal(rig_stack_new(&world->stacks[0], world->loop, world->ports[0], &config, NULL),
                     0);
    rig_stack_on_ready(world->stacks[0], RIG_NS_PER_S / 2, on_ready, world);
    assert_true(expect(world, is_dhcp_discover, WAIT_NS));
    assert_true(run_until(world, one_ready, WAIT_NS));
    assert_int_equal(world->ready_error, -ETIMEDOUT);
    assert_string_equal(world->sentence, "no DHCP answer on pair:stack/0 in 0.5 s");
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(world->n_ready, 1);
}

static void static_ipv4_is_ready_at_once(void **state)
{
    rig_ns_t start_ns = rig_clock_ns();
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    assert_int_equal(world->ready_error, 0);
    assert_in_range(rig_clock_ns() - start_ns, 0, 100 * RIG_NS_PER_MS);
}

static void static_ipv6_is_ready_after_duplicate_address_detection(void **state)
{
    struct world *world = *state;
    struct rig_stack_config config = config6("fd00::1/64", 1);
    rig_ns_t start_ns = rig_clock_ns();
    stack_and_bare_end(world, &config);
    assert_int_equal(world->ready_error, 0);
    assert_in_range(rig_clock_ns() - start_ns, 0, 1800 * RIG_NS_PER_MS);
    struct rig_addr local = rig_stack_addr(world->stacks[0], 6, NULL), wanted = addr("fd00::1");
    assert_true(rig_addr_equal(&local, &wanted));
}

static bool is_router_solicitation(const struct rig_packet *packet, const uint8_t *bytes)
{
    return packet->ip_proto == RIG_IPPROTO_ICMPV6 && bytes[packet->l4_offset_bytes] == 133;
}

/* fe80::2 is a router, and 2001:db8::/64 is for autoconfiguration. */
static void send_router_advertisement(struct world *world)
{
    uint8_t bytes[14 + 40 + 16 + 32] = {0x33, 0x33, 0, 0, 0, 1,    2,
                                        0,    0,    0, 0, 2, 0x86, 0xdd,
                                        0x60, 0,    0, 0, 0, 48,   RIG_IPPROTO_ICMPV6,
                                        255};
    const struct rig_addr src = addr("fe80::2"), dst = addr("ff02::1"), prefix = addr("2001:db8::");
    const uint8_t ra[16] = {134, 0, 0, 0, 64, 0, 0x07, 0x08};
    const uint8_t option[16] = {3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x07, 0x08};
    memcpy(bytes + 22, src.bytes, 16);
    memcpy(bytes + 38, dst.bytes, 16);
    memcpy(bytes + 54, ra, sizeof(ra));
    memcpy(bytes + 70, option, sizeof(option));
    memcpy(bytes + 86, prefix.bytes, 16);
    uint64_t sum = rig_csum_pseudo(&src, &dst, RIG_IPPROTO_ICMPV6, 48);
    uint16_t csum = rig_csum_finish(rig_csum_add(sum, bytes + 54, 48));
    memcpy(bytes + 56, &csum, sizeof(csum));
    send_frame(world, bytes, sizeof(bytes), NULL);
}

static void a_router_gives_an_address(void **state)
{
    struct world *world = *state;
    struct rig_stack_config config = {.mac = mac(1), .no_ipv4 = true, .ipv6 = true};
    struct rig_prefix prefix;
    open_wire(world, "");
    start_stack(world, 0, &config);
    assert_true(expect(world, is_router_solicitation, WAIT_NS));
    send_router_advertisement(world);
    assert_true(run_until(world, one_ready, SLOW_NS));
    assert_int_equal(world->ready_error, 0);
    struct rig_addr local = rig_stack_addr(world->stacks[0], 6, NULL);
    assert_int_equal(rig_prefix_parse(&prefix, "2001:db8::/64", NULL), 0);
    assert_true(rig_prefix_contains(&prefix, &local));
}

static void address_that_another_has_is_refused(void **state)
{
    struct world *world = *state;
    open_wire(world, "");
    struct rig_stack_config a = config6("fd00::1/64", 1), b = config6("fd00::1/64", 2);
    add_stack(world, 0, &a);
    assert_int_equal(world->ready_error, 0);
    add_stack(world, 1, &b);
    assert_int_equal(world->ready_error, -EADDRINUSE);
    assert_string_equal(world->sentence, "another host on pair:stack/1 has the address fd00::1");
}

/* Valid frames with bytes changed, cut and grown, offloads that lie: nobody falls over, and the
 * stack still answers. */
static void hostile_frames_harm_nothing(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    config.ipv6 = true;
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    struct rig_prng prng;
    rig_prng_init(&prng, 42);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[256] = {0};
        uint32_t len = i & 1 ? make_udp(bytes, "hostile") : make_echo(bytes);
        uint64_t n = rig_prng_below(&prng, 6);
        while (n--)
            bytes[12 + rig_prng_below(&prng, len - 12)] = (uint8_t)rig_prng_u64(&prng);
        len = (uint32_t)(14 + rig_prng_below(&prng, len + 20));
        send_frame(world, bytes, len, NULL);
        if (i % 100 == 99) {
            run_for(world, 100 * RIG_NS_PER_US);
            world->seen_len = 0;
            world->wanted = is_dhcp_discover;
            take_wanted(world);
        }
    }
    uint8_t echo[98];
    make_echo(echo);
    send_arp(world, 1);
    send_frame(world, echo, sizeof(echo), NULL);
    assert_true(expect(world, is_echo_reply, WAIT_NS));
    rig_stack_udp_close(udp);
}

static void idle_stack_sleeps(void **state)
{
    struct rig_stack_config config = config4("10.0.0.1/24", 1);
    struct world *world = *state;
    stack_and_bare_end(world, &config);
    uint64_t before = world->ports[0]->counters.rx_batches;
    run_for(world, 300 * RIG_NS_PER_MS);
    assert_int_equal(world->ports[0]->counters.rx_batches, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(stack_answers_arp_and_ping),
        WITH_WORLD(wrong_checksums_are_refused_and_counted),
        WITH_WORLD(promised_checksums_are_not_checked),
        WITH_WORLD(super_frame_to_a_port_without_socket_is_answered),
        WITH_WORLD(permanent_neighbours_need_no_question),
        WITH_WORLD(gateway_takes_what_is_not_on_the_link),
        WITH_WORLD(flow_follows_a_neighbour_that_changes_its_mac),
        WITH_WORLD(a_router_on_the_way_may_cut_what_it_found_too_long),
        WITH_WORLD(missing_dhcp_server_is_said_in_a_sentence),
        WITH_WORLD(static_ipv4_is_ready_at_once),
        WITH_WORLD(static_ipv6_is_ready_after_duplicate_address_detection),
        WITH_WORLD(a_router_gives_an_address),
        WITH_WORLD(address_that_another_has_is_refused),
        WITH_WORLD(hostile_frames_harm_nothing),
        WITH_WORLD(idle_stack_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
