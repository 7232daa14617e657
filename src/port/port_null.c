/* SPDX-License-Identifier: BSD-2-Clause */
/* A port that takes every frame and has none to give: the cost of a sender by itself. */
#include "port/port_backend.h"
#include "port/port_pool.h"

#include <errno.h>
#include <stdlib.h>

#define TX_BUFS 64u

struct port_null {
    struct rig_port port;
    struct rig_port_pool pool;
};

static uint32_t null_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_null *null = (struct port_null *)port;
    return rig_port_pool_lend(&null->pool, frames, n);
}

static uint32_t null_tx_commit(struct rig_port *port, uint32_t n)
{
    struct port_null *null = (struct port_null *)port;
    uint32_t taken = 0;
    n = rig_port_pool_lend_end(&null->pool, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct rig_frame *frame = &null->pool.bufs[i].frame;
        if (!rig_port_tx_allowed(port, frame))
            continue;
        port->counters.tx_bytes += frame->len_bytes;
        taken++;
    }
    port->counters.tx_frames += taken;
    return taken;
}

static uint32_t null_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    (void)port, (void)frames, (void)n;
    return 0;
}

static void null_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    (void)port, (void)frames, (void)n;
}

static int null_fd(const struct rig_port *port)
{
    (void)port;
    return -1;
}

static bool null_rx_ready(const struct rig_port *port)
{
    (void)port;
    return false;
}

static void null_close(struct rig_port *port)
{
    struct port_null *null = (struct port_null *)port;
    rig_port_pool_fini(&null->pool);
    free(null);
}

static const struct rig_port_ops null_ops = {
    .tx_reserve = null_tx_reserve,
    .tx_commit = null_tx_commit,
    .rx_peek = null_rx_peek,
    .rx_release = null_rx_release,
    .fd = null_fd,
    .rx_ready = null_rx_ready,
    .close = null_close,
};

int rig_port_null_open(struct rig_port **port, const struct rig_port_name *name,
                       struct rig_err *err)
{
    static const char *const allowed[] = {"offload", "mtu", NULL};
    bool offload = true;
    uint32_t mtu_bytes = RIG_PORT_MTU_DEFAULT;
    int ret = rig_port_name_check_options(name, allowed, err);
    if (ret == 0)
        ret = rig_port_name_switch(name, "offload", &offload, err);
    if (ret == 0)
        ret = rig_port_option_mtu(name, &mtu_bytes, err);
    if (ret < 0)
        return ret;

    struct port_null *null = calloc(1, sizeof(*null));
    if (!null || rig_port_pool_init(&null->pool, TX_BUFS, 0) < 0) {
        free(null);
        return rig_err_set(err, -ENOMEM, "no memory for port 'null'");
    }
    null->port.ops = &null_ops;
    null->port.caps = offload ? RIG_PORT_TX_OFFLOADS : 0;
    null->port.mtu_bytes = mtu_bytes;
    null->port.room_bytes = null->pool.room_bytes;
    *port = &null->port;
    return 0;
}
