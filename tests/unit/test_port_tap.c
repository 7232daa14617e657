/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio/net_hdr.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "port_tap_fixture.h"

/* ---- frames both ways ---- */

static void a_frame_sent_reaches_the_kernel_byte_for_byte(void **state)
{
    (void)state;
    uint8_t want[60], got[2000];
    struct rig_port *port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, false);
    netns_fill(want, sizeof(want), 1);
    assert_int_equal(send_frame(port, sizeof(want), 1), 1);
    assert_int_equal(netns_recv(raw, got, sizeof(got)), sizeof(want));
    assert_memory_equal(got, want, sizeof(want));
    assert_int_equal(port->counters.tx_frames, 1);
    assert_int_equal(port->counters.tx_bytes, sizeof(want));
    close(raw);
    rig_port_close(port);
}

static void a_frame_from_the_kernel_is_peeked_byte_for_byte(void **state)
{
    (void)state;
    uint8_t want[100];
    struct rig_port *port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, false);
    netns_fill(want, sizeof(want), 2);
    assert_int_equal(send(raw, want, sizeof(want), 0), sizeof(want));
    struct rig_frame *frame = wait_frame(port);
    assert_int_equal(frame->len_bytes, sizeof(want));
    assert_int_equal(frame->n_segs, 1);
    assert_memory_equal(frame->seg[0].base, want, sizeof(want));
    assert_int_equal(port->counters.rx_frames, 1);
    assert_int_equal(port->counters.rx_bytes, sizeof(want));
    rig_port_rx_release(port, &frame, 1);
    close(raw);
    rig_port_close(port);
}

static void segments_of_the_callers_are_joined(void **state)
{
    (void)state;
    uint8_t want[300], got[2000];
    struct rig_port *port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, false);
    struct rig_frame *frame;
    netns_fill(want, sizeof(want), 3);
    rig_port_tx_reserve(port, &frame, 1);
    memcpy(frame->seg[0].base, want, 14);
    frame->seg[0].len_bytes = 14;
    frame->seg[1] = (struct rig_seg){want + 14, 86};
    frame->seg[2] = (struct rig_seg){want + 100, 200};
    frame->n_segs = 3;
    frame->len_bytes = sizeof(want);
    assert_int_equal(rig_port_tx_commit(port, 1), 1);
    assert_int_equal(netns_recv(raw, got, sizeof(got)), sizeof(want));
    assert_memory_equal(got, want, sizeof(want));
    close(raw);
    rig_port_close(port);
}

static void frames_that_are_not_committed_are_not_sent(void **state)
{
    (void)state;
    uint8_t got[2000];
    struct rig_port *port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, false);
    struct rig_frame *frames[3];
    rig_port_tx_reserve(port, frames, 3);
    assert_int_equal(rig_port_tx_commit(port, 0), 0);
    assert_int_equal(send_frame(port, 77, 1), 1);
    assert_int_equal(netns_recv(raw, got, sizeof(got)), 77);
    assert_int_equal(port->counters.tx_frames, 1);
    close(raw);
    rig_port_close(port);
}

/* ---- what it knows of the interface ---- */

static void mtu_and_mac_are_the_interfaces(void **state)
{
    (void)state;
    netns_run("ip link set " TAP " mtu 9000 address 02:00:00:00:00:77");
    struct rig_port *port = open_tap(PORT);
    assert_int_equal(port->mtu_bytes, 9000);
    assert_memory_equal(port->mac.bytes, "\x02\0\0\0\0\x77", 6);
    assert_string_equal(port->name, PORT);
    assert_true(port->room_bytes >= RIG_FRAME_BYTES_MAX);
    rig_port_close(port);
}

static void a_frame_above_the_mtu_is_too_long_but_a_vlan_tag_is_not_counted(void **state)
{
    (void)state;
    struct rig_port *port = open_tap(PORT);
    assert_int_equal(send_frame(port, 1514, 0), 1);
    assert_int_equal(send_frame(port, 1515, 0), 0);
    assert_int_equal(port->counters.tx_drop_too_long, 1);
    struct rig_frame *frame;
    rig_port_tx_reserve(port, &frame, 1);
    netns_fill(frame->seg[0].base, 1518, 0);
    memcpy(frame->seg[0].base + 12, "\x81\x00\x00\x05", 4);
    frame->seg[0].len_bytes = frame->len_bytes = 1518;
    assert_int_equal(rig_port_tx_commit(port, 1), 1);
    assert_int_equal(port->counters.tx_drop_too_long, 1);
    assert_int_equal(port->error, 0);
    rig_port_close(port);
}

/* ---- offloads ---- */

enum { SUPER_BYTES = 54 + 20 * 1448 };

static void fill_super(struct rig_frame *frame)
{
    netns_fill_tcp4(frame->seg[0].base, SUPER_BYTES);
    frame->seg[0].len_bytes = frame->len_bytes = SUPER_BYTES;
    frame->offload = (struct rig_offload){.gso_type = RIG_GSO_TCPV4,
                                          .needs_csum = true,
                                          .gso_size_bytes = 1448,
                                          .hdr_len_bytes = 54,
                                          .csum_start_bytes = 34,
                                          .csum_offset_bytes = 16};
}

static void a_super_frame_passes_whole_both_ways(void **state)
{
    (void)state;
    static uint8_t buf[RIG_VIRTIO_NET_HDR_BYTES + SUPER_BYTES];
    struct rig_port *port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, true);
    assert_true(port->caps & RIG_PORT_TX_TSO4);
    assert_true(port->caps & RIG_PORT_RX_OFFLOAD);
    struct rig_frame *frame;
    rig_port_tx_reserve(port, &frame, 1);
    fill_super(frame);
    assert_int_equal(rig_port_tx_commit(port, 1), 1);
    assert_int_equal(netns_recv(raw, buf, sizeof(buf)), sizeof(buf));
    assert_int_equal(buf[1], 1); /* VIRTIO_NET_HDR_GSO_TCPV4 */

    assert_int_equal(send(raw, buf, sizeof(buf), 0), sizeof(buf));
    frame = wait_frame(port);
    assert_int_equal(frame->len_bytes, SUPER_BYTES);
    assert_int_equal(frame->offload.gso_type, RIG_GSO_TCPV4);
    assert_int_equal(frame->offload.gso_size_bytes, 1448);
    assert_true(frame->offload.needs_csum);
    assert_int_equal(frame->offload.csum_start_bytes, 34);
    rig_port_rx_release(port, &frame, 1);
    close(raw);
    rig_port_close(port);
}

static void offload_off_gives_plain_frames_both_ways(void **state)
{
    (void)state;
    static uint8_t buf[RIG_VIRTIO_NET_HDR_BYTES + SUPER_BYTES];
    struct rig_port *port = open_tap(PORT "@offload=off");
    int raw = netns_raw_socket(TAP, true);
    assert_int_equal(port->caps, 0);

    struct rig_frame *frame;
    rig_port_tx_reserve(port, &frame, 1);
    fill_super(frame);
    rig_virtio_net_hdr_write(buf, &frame->offload);
    memcpy(buf + RIG_VIRTIO_NET_HDR_BYTES, frame->seg[0].base, SUPER_BYTES);
    assert_int_equal(rig_port_tx_commit(port, 1), 0);
    assert_int_equal(port->counters.tx_drop_error, 1);

    assert_int_equal(send(raw, buf, sizeof(buf), 0), sizeof(buf));
    for (int i = 0; i < 20; i++) { /* the kernel cuts it */
        frame = wait_frame(port);
        assert_int_equal(frame->len_bytes, 54 + 1448);
        assert_int_equal(frame->offload.gso_type, RIG_GSO_NONE);
        assert_false(frame->offload.needs_csum);
        rig_port_rx_release(port, &frame, 1);
    }
    close(raw);
    rig_port_close(port);
}

static void uso_off_drops_uso_only(void **state)
{
    (void)state;
    struct rig_port *port = open_tap(PORT "@uso=off");
    assert_int_equal(port->caps,
                     RIG_PORT_TX_CSUM | RIG_PORT_TX_TSO4 | RIG_PORT_TX_TSO6 | RIG_PORT_RX_OFFLOAD);
    rig_port_close(port);
}

static void a_header_size_left_by_another_user_does_no_harm(void **state)
{
    (void)state;
    uint8_t got[2000];
    struct rig_port *port = open_tap(PORT);
    int size = 12;
    assert_int_equal(ioctl(port->ops->fd(port), TUNSETVNETHDRSZ, &size), 0);
    rig_port_close(port);
    port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, false);
    assert_int_equal(send_frame(port, 60, 1), 1);
    assert_int_equal(netns_recv(raw, got, sizeof(got)), 60);
    close(raw);
    rig_port_close(port);
}

/* ---- a device that misbehaves: a socket pair takes the tap's place ---- */

static int replace_fd(struct rig_port *port)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_true(dup2(ends[0], port->ops->fd(port)) >= 0);
    close(ends[0]);
    return ends[1];
}

static void a_full_device_is_counted_as_full(void **state)
{
    (void)state;
    struct rig_port *port = open_tap(PORT);
    int other = replace_fd(port);
    uint32_t sent = 0;
    while (sent < 100000 && send_frame(port, 60, 0) == 1)
        sent++;
    assert_int_equal(port->counters.tx_drop_full, 1);
    assert_int_equal(port->counters.tx_drop_error, 0);
    assert_int_equal(port->error, 0);
    close(other);
    rig_port_close(port);
}

static void offload_fields_that_lie_are_counted_and_dropped(void **state)
{
    (void)state;
    uint8_t lie[RIG_VIRTIO_NET_HDR_BYTES + 60] = {1 /* NEEDS_CSUM */, [6] = 0xff, [7] = 0xff};
    struct rig_frame *frame;
    struct rig_port *port = open_tap(PORT);
    int other = replace_fd(port);
    assert_int_equal(send(other, lie, sizeof(lie), 0), sizeof(lie));
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 0);
    assert_int_equal(port->counters.rx_drop_offload, 1);
    close(other);
    rig_port_close(port);
}

static void a_frame_shorter_than_its_header_is_truncated(void **state)
{
    (void)state;
    uint8_t zero[RIG_VIRTIO_NET_HDR_BYTES] = {0};
    struct rig_frame *frame;
    struct rig_port *port = open_tap(PORT);
    int other = replace_fd(port);
    assert_int_equal(send(other, zero, 3, 0), 3);
    assert_int_equal(send(other, zero, sizeof(zero), 0), sizeof(zero));
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 0);
    assert_int_equal(port->counters.rx_drop_truncated, 2);
    assert_int_equal(port->counters.rx_frames, 0);
    close(other);
    rig_port_close(port);
}

static void frames_may_be_held_and_released_in_any_order(void **state)
{
    (void)state;
    uint8_t bytes[RIG_VIRTIO_NET_HDR_BYTES + 60] = {0};
    struct rig_frame *held[300];
    uint32_t n = 0;
    struct rig_port *port = open_tap(PORT);
    int other = replace_fd(port);
    for (int i = 0; i < 300; i++) {
        bytes[40] = (uint8_t)i;
        send(other, bytes, sizeof(bytes), 0);
        n += rig_port_rx_peek(port, &held[n], 1);
    }
    assert_int_equal(n, 256);
    assert_int_equal(held[7]->seg[0].base[30], 7); /* still what it was */
    rig_port_rx_release(port, &held[7], 1);
    rig_port_rx_release(port, &held[100], 2);
    assert_int_equal(rig_port_rx_peek(port, held, 8), 3);
    assert_int_equal(held[0]->seg[0].base[30], (uint8_t)256);
    close(other);
    rig_port_close(port);
}

/* ---- down and gone ---- */

static void an_interface_that_is_down_is_no_lost_port(void **state)
{
    (void)state;
    struct rig_frame *frame;
    struct rig_port *port = open_tap(PORT);
    netns_run("ip link set " TAP " down");
    assert_int_equal(send_frame(port, 60, 0), 0);
    assert_int_equal(port->counters.tx_drop_error, 1);
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 0);
    assert_int_equal(port->error, 0);
    netns_run("ip link set " TAP " up");
    assert_int_equal(send_frame(port, 60, 0), 1);
    rig_port_close(port);
}

static void a_sender_learns_that_the_interface_was_deleted(void **state)
{
    (void)state;
    struct rig_frame *frame;
    struct rig_port *port = open_tap(PORT);
    netns_run("ip link del " TAP);
    assert_int_equal(send_frame(port, 60, 0), 0);
    assert_int_equal(port->error, -ENODEV);
    assert_int_equal(rig_port_tx_reserve(port, &frame, 1), 0);
    rig_port_close(port);
}

static void a_receiver_is_woken_and_learns_that_the_interface_was_deleted(void **state)
{
    (void)state;
    struct rig_frame *frame;
    struct rig_port *port = open_tap(PORT);
    netns_run("ip link del " TAP);
    struct pollfd fd = {.fd = port->ops->fd(port), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 1000), 1);
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 0);
    assert_int_equal(port->error, -ENODEV);
    rig_port_close(port);
}

/* ---- refusals ---- */

static void a_tap_that_does_not_exist_is_refused_and_not_made(void **state)
{
    (void)state;
    refused("tap:rignone", -ENOENT, "make it with 'ip tuntap add rignone mode tap'");
    refused("tap:rignone", -ENOENT, "netrig lab");
    assert_int_equal(if_nametoindex("rignone"), 0);
    refused("tap:a-name-of-over-15-characters", -EINVAL, "at most 15 characters");
}

static void a_tap_in_use_is_refused(void **state)
{
    (void)state;
    struct rig_port *port = open_tap(PORT);
    refused(PORT, -EBUSY, "another process has this tap open");
    rig_port_close(port);
    rig_port_close(open_port(PORT));
}

static void an_interface_that_is_no_tap_is_refused(void **state)
{
    (void)state;
    refused("tap:lo", -EINVAL, "no tap");
}

static void unknown_options_are_refused(void **state)
{
    (void)state;
    refused(PORT "@mtu=1500", -EINVAL, "no option 'mtu'");
    refused(PORT "@offload=maybe", -EINVAL, "on and off are allowed");
}

/* In a child, because the way back is closed. Both sentences are in order: which one comes
 * depends on who may open /dev/net/tun. */
static void without_privilege_the_sentence_says_what_gives_it(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rig_port *port = NULL;
        struct rig_err err = {.text = ""};
        if (setresuid(65534, 65534, 65534) < 0)
            _exit(0); /* a user namespace with one user: nobody to become */
        int ret = rig_port_open(&port, PORT, &err);
        bool said = (ret == -EACCES && strstr(err.text, "/dev/net/tun is closed to this user")) ||
                    (ret == -EPERM && strstr(err.text, "CAP_NET_ADMIN"));
        _exit(said ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TAP_TEST(a_frame_sent_reaches_the_kernel_byte_for_byte),
        TAP_TEST(a_frame_from_the_kernel_is_peeked_byte_for_byte),
        TAP_TEST(segments_of_the_callers_are_joined),
        TAP_TEST(frames_that_are_not_committed_are_not_sent),
        TAP_TEST(mtu_and_mac_are_the_interfaces),
        TAP_TEST(a_frame_above_the_mtu_is_too_long_but_a_vlan_tag_is_not_counted),
        TAP_TEST(a_super_frame_passes_whole_both_ways),
        TAP_TEST(offload_off_gives_plain_frames_both_ways),
        TAP_TEST(uso_off_drops_uso_only),
        TAP_TEST(a_header_size_left_by_another_user_does_no_harm),
        TAP_TEST(a_full_device_is_counted_as_full),
        TAP_TEST(offload_fields_that_lie_are_counted_and_dropped),
        TAP_TEST(a_frame_shorter_than_its_header_is_truncated),
        TAP_TEST(frames_may_be_held_and_released_in_any_order),
        TAP_TEST(an_interface_that_is_down_is_no_lost_port),
        TAP_TEST(a_sender_learns_that_the_interface_was_deleted),
        TAP_TEST(a_receiver_is_woken_and_learns_that_the_interface_was_deleted),
        TAP_TEST(a_tap_that_does_not_exist_is_refused_and_not_made),
        TAP_TEST(a_tap_in_use_is_refused),
        TAP_TEST(an_interface_that_is_no_tap_is_refused),
        TAP_TEST(unknown_options_are_refused),
        TAP_TEST(without_privilege_the_sentence_says_what_gives_it),
    };
    if (!netns_enter())
        return TEST_SKIPPED;
    if (!netns_may_make_tuns()) {
        fprintf(stderr, "SKIPPED: /dev/net/tun: %s\n", strerror(errno));
        return TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
