/* SPDX-License-Identifier: BSD-2-Clause */

#include "port_veth.h"

/* ---- frames both ways ---- */

static void a_frame_sent_reaches_the_far_end_byte_for_byte(void **state)
{
    struct world *w = *state;
    uint8_t want[60], got[2000];
    open_world(w, PORT);
    netns_fill(want, sizeof(want), 1);
    assert_int_equal(send_frame(w->port, sizeof(want), 1), 1);
    assert_int_equal(netns_recv(w->raw, got, sizeof(got)), HDR + sizeof(want));
    assert_memory_equal(got + HDR, want, sizeof(want));
    assert_int_equal(w->port->counters.tx_frames, 1);
    assert_int_equal(w->port->counters.tx_bytes, sizeof(want));
}

static void a_frame_from_the_far_end_is_peeked_with_its_time(void **state)
{
    struct world *w = *state;
    uint8_t want[100];
    open_world(w, PORT);
    netns_fill(want, sizeof(want), 2);
    rig_ns_t before_ns = rig_clock_wall_ns();
    far_sends(w, sizeof(want), 2);
    struct rig_frame *frame = wait_frame(w->port);
    assert_int_equal(frame->len_bytes, sizeof(want));
    assert_memory_equal(frame->seg[0].base, want, sizeof(want));
    assert_int_equal((uintptr_t)(frame->seg[0].base + 14) % 4, 0);
    assert_true(frame->rx_wall_ns >= before_ns && frame->rx_wall_ns <= rig_clock_wall_ns());
    rig_port_rx_release(w->port, &frame, 1);
    assert_int_equal(w->port->counters.rx_frames, 1);
    assert_int_equal(w->port->counters.rx_bytes, sizeof(want));
}

static void segments_of_the_callers_are_joined(void **state)
{
    struct world *w = *state;
    uint8_t want[300], got[2000];
    struct rig_frame *frame;
    open_world(w, PORT);
    netns_fill(want, sizeof(want), 3);
    rig_port_tx_reserve(w->port, &frame, 1);
    memcpy(frame->seg[0].base, want, 14);
    frame->seg[0].len_bytes = 14;
    frame->seg[1] = (struct rig_seg){want + 14, 86};
    frame->seg[2] = (struct rig_seg){want + 100, 200};
    frame->n_segs = 3;
    frame->len_bytes = sizeof(want);
    assert_int_equal(rig_port_tx_commit(w->port, 1), 1);
    assert_int_equal(netns_recv(w->raw, got, sizeof(got)), HDR + sizeof(want));
    assert_memory_equal(got + HDR, want, sizeof(want));
}

static void a_batch_is_one_system_call_and_keeps_its_order(void **state)
{
    struct world *w = *state;
    struct rig_frame *frames[64];
    uint8_t got[2000];
    open_world(w, PORT);
    uint64_t before = w->port->counters.syscalls;
    uint32_t n = rig_port_tx_reserve(w->port, frames, 64);
    assert_int_equal(n, 64);
    for (uint32_t i = 0; i < n; i++) {
        netns_fill(frames[i]->seg[0].base, 60 + i, 0);
        frames[i]->seg[0].len_bytes = frames[i]->len_bytes = 60 + i;
    }
    assert_int_equal(rig_port_tx_commit(w->port, n), n);
    assert_int_equal(w->port->counters.syscalls - before, 1);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(netns_recv(w->raw, got, sizeof(got)), HDR + 60 + i);
}

static void the_rings_wrap(void **state)
{
    struct world *w = *state;
    uint8_t want[60], got[2000];
    open_world(w, PORT);
    for (int i = 0; i < 12000; i++) {
        netns_fill(want, sizeof(want), (uint8_t)i);
        assert_int_equal(send_frame(w->port, sizeof(want), (uint8_t)i), 1);
        assert_int_equal(netns_recv(w->raw, got, sizeof(got)), HDR + sizeof(want));
        assert_memory_equal(got + HDR, want, sizeof(want));
        far_sends(w, 60, (uint8_t)i);
        struct rig_frame *frame = wait_frame(w->port);
        assert_memory_equal(frame->seg[0].base, want, sizeof(want));
        rig_port_rx_release(w->port, &frame, 1);
    }
    assert_int_equal(w->port->counters.rx_drop_kernel, 0);
}

static void frames_are_released_in_any_order(void **state)
{
    struct world *w = *state;
    struct rig_frame *held[4], *frame;
    uint8_t want[60];
    open_world(w, PORT);
    for (uint8_t i = 0; i < 4; i++) {
        far_sends(w, 60, i);
        held[i] = wait_frame(w->port);
    }
    rig_port_rx_release(w->port, &held[2], 1);
    for (int i = 0; i < 1000; i++) {
        far_sends(w, 60, 0xee);
        frame = wait_frame(w->port);
        rig_port_rx_release(w->port, &frame, 1);
    }
    for (uint8_t i = 0; i < 4; i++) {
        netns_fill(want, sizeof(want), i);
        if (i != 2)
            assert_memory_equal(held[i]->seg[0].base, want, sizeof(want));
    }
    rig_port_rx_release(w->port, &held[3], 1);
    rig_port_rx_release(w->port, held, 2);
}

static void what_the_kernel_drops_is_counted_to_the_frame(void **state)
{
    struct world *w = *state;
    struct rig_frame *frames[64];
    const uint64_t n_sent = 20000;
    open_world(w, PORT);
    for (uint64_t i = 0; i < n_sent; i++)
        far_sends(w, 60, 0);
    uint32_t got;
    while ((got = rig_port_rx_peek(w->port, frames, 64)) > 0)
        rig_port_rx_release(w->port, frames, got);
    assert_true(w->port->counters.rx_drop_kernel > 0);
    assert_int_equal(w->port->counters.rx_frames + w->port->counters.rx_drop_kernel, n_sent);
}

static void a_vlan_tag_stands_where_it_stood_on_the_wire(void **state)
{
    struct world *w = *state;
    uint8_t buf[HDR + 64] = {0};
    open_world(w, PORT);
    netns_fill(buf + HDR, 64, 9);
    memcpy(buf + HDR + 12, "\x81\x00\x20\x05\x88\xb5", 6);
    assert_int_equal(send(w->raw, buf, sizeof(buf), 0), sizeof(buf));
    struct rig_frame *frame = wait_frame(w->port);
    assert_int_equal(frame->len_bytes, 64);
    assert_memory_equal(frame->seg[0].base, buf + HDR, 64);
    rig_port_rx_release(w->port, &frame, 1);
}

static void mtu_and_mac_are_the_interfaces(void **state)
{
    struct world *w = *state;
    netns_run("ip link set " NEAR " mtu 9000 address 02:00:00:00:00:77");
    w->port = open_port(PORT);
    assert_int_equal(w->port->mtu_bytes, 9000);
    assert_memory_equal(w->port->mac.bytes, "\x02\0\0\0\0\x77", 6);
    assert_string_equal(w->port->name, PORT);
    assert_true(w->port->room_bytes >= RIG_FRAME_BYTES_MAX);
}

static void a_frame_above_the_mtu_is_too_long(void **state)
{
    struct world *w = *state;
    open_world(w, PORT);
    assert_int_equal(send_frame(w->port, 1514, 0), 1);
    assert_int_equal(send_frame(w->port, 1515, 0), 0);
    assert_int_equal(w->port->counters.tx_drop_too_long, 1);
}

/* ---- offloads ---- */

static void a_super_frame_is_sent_whole(void **state)
{
    struct world *w = *state;
    static uint8_t buf[HDR + 65536], want[SUPER_BYTES];
    open_world(w, PORT);
    assert_true(w->port->caps & RIG_PORT_TX_TSO4);
    assert_int_equal(send_super(w->port), 1);
    assert_int_equal(netns_recv(w->raw, buf, sizeof(buf)), HDR + SUPER_BYTES);
    assert_int_equal(buf[1], 1); /* VIRTIO_NET_HDR_GSO_TCPV4 */
    netns_fill_tcp4(want, SUPER_BYTES);
    assert_memory_equal(buf + HDR, want, SUPER_BYTES);
}

static void a_super_frame_is_received_whole(void **state)
{
    struct world *w = *state;
    static uint8_t want[SUPER_BYTES];
    open_world(w, PORT);
    assert_true(w->port->caps & RIG_PORT_RX_OFFLOAD);
    netns_fill_tcp4(want, SUPER_BYTES);
    for (int i = 0; i < 300; i++) { /* more than there are buffers */
        far_sends_super(w);
        struct rig_frame *frame = wait_frame(w->port);
        assert_int_equal(frame->len_bytes, SUPER_BYTES);
        assert_int_equal(frame->offload.gso_type, RIG_GSO_TCPV4);
        assert_int_equal(frame->offload.gso_size_bytes, 1448);
        assert_true(frame->offload.needs_csum);
        assert_memory_equal(frame->seg[0].base, want, SUPER_BYTES);
        assert_true(frame->rx_wall_ns != 0);
        rig_port_rx_release(w->port, &frame, 1);
    }
    assert_int_equal(w->port->counters.rx_drop_truncated, 0);
}

static void its_own_frames_are_not_heard(void **state)
{
    struct world *w = *state;
    struct rig_frame *frame;
    open_world(w, PORT);
    assert_int_equal(send_frame(w->port, 60, 1), 1);
    assert_int_equal(send_super(w->port), 1);
    usleep(10000);
    assert_int_equal(rig_port_rx_peek(w->port, &frame, 1), 0);
}

static void short_and_long_frames_keep_their_order(void **state)
{
    struct world *w = *state;
    struct rig_frame *frames[4];
    static uint8_t buf[HDR + 65536];
    open_world(w, PORT);
    far_sends(w, 60, 0);
    far_sends_super(w);
    far_sends(w, 61, 0);
    far_sends_super(w);
    usleep(10000);
    assert_int_equal(rig_port_rx_peek(w->port, frames, 4), 4);
    const uint32_t want[] = {60, SUPER_BYTES, 61, SUPER_BYTES};
    for (int i = 0; i < 4; i++)
        assert_int_equal(frames[i]->len_bytes, want[i]);
    rig_port_rx_release(w->port, frames, 4);

    assert_int_equal(rig_port_tx_reserve(w->port, frames, 3), 3);
    for (int i = 0; i < 3; i++) {
        frames[i]->len_bytes = i == 1 ? SUPER_BYTES : 60;
        netns_fill_tcp4(frames[i]->seg[0].base, frames[i]->len_bytes);
        frames[i]->seg[0].len_bytes = frames[i]->len_bytes;
    }
    frames[1]->offload = super_offload;
    assert_int_equal(rig_port_tx_commit(w->port, 3), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(netns_recv(w->raw, buf, sizeof(buf)), HDR + (i == 1 ? SUPER_BYTES : 60));
}

static void offload_off_gives_plain_frames_both_ways(void **state)
{
    struct world *w = *state;
    open_world(w, PORT "@offload=off");
    assert_int_equal(w->port->caps, 0);
    assert_int_equal(send_super(w->port), 0);
    assert_int_equal(w->port->counters.tx_drop_error, 1);

    for (int i = 0; i < 600 * 40; i++) { /* more super-frames than there are buffers */
        if (i % 40 == 0)
            far_sends_super(w);
        struct rig_frame *frame = wait_frame(w->port);
        assert_int_equal(frame->len_bytes, 54 + 1448);
        assert_int_equal(frame->offload.gso_type, RIG_GSO_NONE);
        assert_false(frame->offload.needs_csum);
        assert_true(frame->rx_wall_ns != 0);
        rig_port_rx_release(w->port, &frame, 1);
    }
    far_sends(w, 60, 4);
    struct rig_frame *frame = wait_frame(w->port);
    assert_int_equal(frame->len_bytes, 60);
    rig_port_rx_release(w->port, &frame, 1);
}

static void a_checksum_that_is_left_to_do_is_told_or_done(void **state)
{
    struct world *w = *state;
    static uint8_t buf[HDR + 100];
    rig_virtio_net_hdr_write(
        buf,
        &(struct rig_offload){.needs_csum = true, .csum_start_bytes = 34, .csum_offset_bytes = 16});
    netns_fill_tcp4(buf + HDR, 100);
    for (int on = 0; on < 2; on++) {
        open_world(w, on ? PORT : PORT "@offload=off");
        assert_int_equal(send(w->raw, buf, sizeof(buf), 0), sizeof(buf));
        struct rig_frame *frame = wait_frame(w->port);
        assert_int_equal(frame->offload.needs_csum, on);
        assert_int_equal(memcmp(frame->seg[0].base + 50, buf + HDR + 50, 2) == 0, on);
        rig_port_rx_release(w->port, &frame, 1);
        rig_port_close(w->port);
        w->port = NULL;
        close(w->raw);
    }
    w->raw = -1;
}

static void a_frame_with_senseless_offloads_is_not_sent(void **state)
{
    struct world *w = *state;
    struct rig_frame *frame;
    open_world(w, PORT);
    rig_port_tx_reserve(w->port, &frame, 1);
    netns_fill(frame->seg[0].base, 60, 0);
    frame->seg[0].len_bytes = frame->len_bytes = 60;
    frame->offload =
        (struct rig_offload){.needs_csum = true, .csum_start_bytes = 59, .csum_offset_bytes = 16};
    assert_int_equal(rig_port_tx_commit(w->port, 1), 0);
    assert_int_equal(w->port->counters.tx_drop_error, 1);
    assert_int_equal(send_frame(w->port, 60, 0), 1);
}

static void uso_off_drops_uso_only(void **state)
{
    struct world *w = *state;
    w->port = open_port(PORT "@uso=off");
    assert_int_equal(w->port->caps,
                     RIG_PORT_TX_CSUM | RIG_PORT_TX_TSO4 | RIG_PORT_TX_TSO6 | RIG_PORT_RX_OFFLOAD);
}

#define PACKET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACKET_TEST(a_frame_sent_reaches_the_far_end_byte_for_byte),
        PACKET_TEST(a_frame_from_the_far_end_is_peeked_with_its_time),
        PACKET_TEST(segments_of_the_callers_are_joined),
        PACKET_TEST(a_batch_is_one_system_call_and_keeps_its_order),
        PACKET_TEST(the_rings_wrap),
        PACKET_TEST(frames_are_released_in_any_order),
        PACKET_TEST(what_the_kernel_drops_is_counted_to_the_frame),
        PACKET_TEST(a_vlan_tag_stands_where_it_stood_on_the_wire),
        PACKET_TEST(mtu_and_mac_are_the_interfaces),
        PACKET_TEST(a_frame_above_the_mtu_is_too_long),
        PACKET_TEST(a_super_frame_is_sent_whole),
        PACKET_TEST(a_super_frame_is_received_whole),
        PACKET_TEST(its_own_frames_are_not_heard),
        PACKET_TEST(short_and_long_frames_keep_their_order),
        PACKET_TEST(offload_off_gives_plain_frames_both_ways),
        PACKET_TEST(a_checksum_that_is_left_to_do_is_told_or_done),
        PACKET_TEST(a_frame_with_senseless_offloads_is_not_sent),
        PACKET_TEST(uso_off_drops_uso_only),
    };
    if (!netns_enter())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
