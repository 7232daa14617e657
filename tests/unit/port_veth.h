/* SPDX-License-Identifier: BSD-2-Clause */
/* A veth pair: the port under test on the near end, the test's raw socket on the far one. */
#ifndef RIG_TESTS_PORT_VETH_H
#define RIG_TESTS_PORT_VETH_H

#include "port_fixture.h"
#include "virtio/net_hdr.h"

#define NEAR "rigve0"
#define FAR  "rigve1"
#define PORT "packet:" NEAR

/* The far end as the test sees it: a raw socket, with a virtio-net header before each frame. */
struct world {
    struct rig_port *port;
    int raw;
};

static inline void open_world(struct world *w, const char *name)
{
    w->port = open_port(name);
    w->raw = netns_raw_socket(FAR, true);
}

static inline int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    netns_run("ip link add " NEAR " type veth peer name " FAR " && ip link set " NEAR
              " up && ip link set " FAR " up");
    netns_wait_running(NEAR);
    netns_wait_running(FAR);
    w->raw = -1;
    *state = w;
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    rig_port_close(w->port);
    if (w->raw >= 0)
        close(w->raw);
    free(w);
    netns_run("ip link show " NEAR " >/dev/null 2>&1 && ip link del " NEAR " || true");
    return 0;
}

#define HDR RIG_VIRTIO_NET_HDR_BYTES

static inline void far_sends(struct world *w, uint32_t len_bytes, uint8_t seed)
{
    static uint8_t buf[HDR + 2000];
    memset(buf, 0, HDR);
    netns_fill(buf + HDR, len_bytes, seed);
    assert_int_equal(send(w->raw, buf, HDR + len_bytes, 0), HDR + len_bytes);
}

enum { SUPER_BYTES = 54 + 40 * 1448 };

static const struct rig_offload super_offload = {.gso_type = RIG_GSO_TCPV4,
                                                 .needs_csum = true,
                                                 .gso_size_bytes = 1448,
                                                 .hdr_len_bytes = 54,
                                                 .csum_start_bytes = 34,
                                                 .csum_offset_bytes = 16};

static inline uint32_t send_super(struct rig_port *port)
{
    struct rig_frame *frame;
    assert_int_equal(rig_port_tx_reserve(port, &frame, 1), 1);
    netns_fill_tcp4(frame->seg[0].base, SUPER_BYTES);
    frame->seg[0].len_bytes = frame->len_bytes = SUPER_BYTES;
    frame->offload = super_offload;
    return rig_port_tx_commit(port, 1);
}

static inline void far_sends_super(struct world *w)
{
    static uint8_t buf[HDR + SUPER_BYTES];
    rig_virtio_net_hdr_write(buf, &super_offload);
    netns_fill_tcp4(buf + HDR, SUPER_BYTES);
    assert_int_equal(send(w->raw, buf, sizeof(buf), 0), sizeof(buf));
}

#endif
