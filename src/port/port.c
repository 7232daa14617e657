/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port.h"

#include "frame/packet.h"
#include "port/port_backend.h"

#define VLAN_TAG_BYTES 4u

void rig_port_close(struct rig_port *port)
{
    if (port)
        port->ops->close(port);
}

uint32_t rig_port_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    if (port->error)
        return 0;
    return port->ops->tx_reserve(port, frames, n);
}

uint32_t rig_port_tx_commit(struct rig_port *port, uint32_t n)
{
    if (n > 0)
        port->counters.tx_batches++;
    return port->ops->tx_commit(port, n);
}

uint32_t rig_port_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    uint32_t got = port->ops->rx_peek(port, frames, n);
    if (got > 0)
        port->counters.rx_batches++;
    return got;
}

void rig_port_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    port->ops->rx_release(port, frames, n);
}

/* A VLAN tag is not part of what the MTU counts. */
static bool is_too_long(const struct rig_port *port, const struct rig_frame *frame)
{
    uint32_t max = port->mtu_bytes + RIG_ETH_HDR_BYTES;
    if (frame->len_bytes <= max)
        return false;
    const uint8_t *type = rig_frame_at(frame, 12, 2);
    bool tagged =
        type && ((type[0] == 0x81 && type[1] == 0x00) || (type[0] == 0x88 && type[1] == 0xa8));
    return !tagged || frame->len_bytes > max + VLAN_TAG_BYTES;
}

static uint32_t cap_of_gso(enum rig_gso type)
{
    switch (type) {
    case RIG_GSO_NONE:
        return 0;
    case RIG_GSO_TCPV4:
        return RIG_PORT_TX_TSO4;
    case RIG_GSO_TCPV6:
        return RIG_PORT_TX_TSO6;
    case RIG_GSO_UDP_L4:
        return RIG_PORT_TX_USO;
    }
    return ~0u;
}

bool rig_port_tx_allowed(struct rig_port *port, const struct rig_frame *frame)
{
    const struct rig_offload *offload = &frame->offload;
    if (offload->gso_type == RIG_GSO_NONE && is_too_long(port, frame)) {
        port->counters.tx_drop_too_long++;
        return false;
    }
    uint32_t wanted = cap_of_gso(offload->gso_type);
    if (offload->needs_csum)
        wanted |= RIG_PORT_TX_CSUM;
    if ((wanted & port->caps) != wanted) {
        port->counters.tx_drop_error++;
        return false;
    }
    return true;
}
