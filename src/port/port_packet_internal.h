/* SPDX-License-Identifier: BSD-2-Clause */
/* The pieces of port_packet.c. */
#ifndef RIG_PORT_PORT_PACKET_INTERNAL_H
#define RIG_PORT_PORT_PACKET_INTERNAL_H

#include "port/port_backend.h"
#include "port/port_pool.h"
#include "virtio/net_hdr.h"

#include <linux/if_packet.h>
#include <stddef.h>

#define PACKET_BLOCK_BYTES (1u << 20)

/* One direction's slots in the mapping that the kernel shares with us. */
struct packet_ring {
    uint8_t *base;
    uint32_t n_blocks;
    uint32_t slot_bytes;
    uint32_t slots_per_block;
    uint32_t n_slots;
    uint32_t head; /* the slot to look at next */
};

/* A super-frame on its way to a user who takes none. */
struct packet_cut {
    struct rig_port_buf *super; /* NULL: none */
    uint32_t index;             /* of the next piece */
    uint32_t n;
};

struct port_packet {
    struct rig_port port;
    int fd;
    int super_fd; /* to send super-frames: a socket with a TX ring sends nothing else; or -1 */
    int ifindex;
    rig_ns_t next_check_ns; /* not to ask about the interface before */
    void *map;
    size_t map_bytes;

    struct packet_ring rx;
    struct rig_port_pool rx_pool;
    struct packet_cut cut;
    uint32_t n_since_stats; /* slots since the kernel was asked for its drops */

    struct packet_ring tx;
    struct rig_port_pool tx_pool;
};

static inline uint8_t *packet_slot(const struct packet_ring *ring, uint32_t index)
{
    return ring->base + (size_t)(index / ring->slots_per_block) * PACKET_BLOCK_BYTES +
           (size_t)(index % ring->slots_per_block) * ring->slot_bytes;
}

static inline struct tpacket2_hdr *packet_hdr(const struct packet_ring *ring, uint32_t index)
{
    return (struct tpacket2_hdr *)packet_slot(ring, index);
}

/* The status word is all that kernel and user exchange; what it guards is written before it. */
static inline uint32_t packet_status(const struct tpacket2_hdr *hdr)
{
    return __atomic_load_n(&hdr->tp_status, __ATOMIC_ACQUIRE);
}

static inline void packet_set_status(struct tpacket2_hdr *hdr, uint32_t status)
{
    __atomic_store_n(&hdr->tp_status, status, __ATOMIC_RELEASE);
}

int rig_port_packet_rx_init(struct port_packet *packet); /* 0 or -ENOMEM */

uint32_t rig_port_packet_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n);
uint32_t rig_port_packet_tx_commit(struct rig_port *port, uint32_t n);
uint32_t rig_port_packet_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n);
void rig_port_packet_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n);
bool rig_port_packet_rx_ready(const struct rig_port *port);

/* Something says that the interface does not work: is it down, which passes, or gone (port.error)?
 * Both ask the kernel every 10 ms at most. */
void rig_port_packet_check_device(struct port_packet *packet);
void rig_port_packet_check_error(struct port_packet *packet); /* only if the socket has an error */

#endif
