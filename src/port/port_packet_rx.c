/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiving half of port_packet.c; see there.
 *
 * A frame is copied out of its slot, and the slot goes back at once. The kernel stops, and drops,
 * at the first slot that is not back when it comes round: shown in its slot, one fragment that
 * waits for its datagram would silence the port for seconds. A super-frame is read from the
 * socket's queue into its buffer by the kernel, which is one copy as well.
 *
 * Drops by the kernel are asked for (PACKET_STATISTICS) when a slot says TP_STATUS_LOSING, and when
 * the ring runs empty after at least half a ring since the last time: the kernel only drops when
 * the ring is full, so between two drops at which nobody looked so many must have come out.
 */
#include "port/port_packet_internal.h"

#include "frame/csum.h"
#include "frame/segment.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define HDR_BYTES      RIG_VIRTIO_NET_HDR_BYTES
#define BUFS           512u
#define VLAN_TAG_BYTES 4u
#define MACS_BYTES     12u

int rig_port_packet_rx_init(struct port_packet *packet)
{
    return rig_port_pool_init(&packet->rx_pool, BUFS, HDR_BYTES);
}

void rig_port_packet_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_packet *packet = (struct port_packet *)port;
    while (n > 0)
        rig_port_pool_put(&packet->rx_pool, rig_port_buf_of(frames[--n]));
}

static void ask_for_drops(struct port_packet *packet)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);
    packet->n_since_stats = 0;
    packet->port.counters.syscalls++;
    if (getsockopt(packet->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
        packet->port.counters.rx_drop_kernel += stats.tp_drops;
}

/* The kernel took the VLAN tag off the frame; put it back where it was on the wire. */
static void restore_vlan_tag(struct rig_frame *frame, const struct tpacket2_hdr *hdr)
{
    if (!(hdr->tp_status & TP_STATUS_VLAN_VALID) || frame->len_bytes < MACS_BYTES)
        return;
    uint16_t type = (hdr->tp_status & TP_STATUS_VLAN_TPID_VALID) ? hdr->tp_vlan_tpid : 0x8100;
    uint8_t *base = frame->seg[0].base - VLAN_TAG_BYTES; /* where the virtio-net header was */
    memmove(base, frame->seg[0].base, MACS_BYTES);
    base[12] = (uint8_t)(type >> 8);
    base[13] = (uint8_t)type;
    base[14] = (uint8_t)(hdr->tp_vlan_tci >> 8);
    base[15] = (uint8_t)hdr->tp_vlan_tci;
    frame->seg[0].base = base;
    frame->seg[0].len_bytes += VLAN_TAG_BYTES;
    frame->len_bytes += VLAN_TAG_BYTES;
    if (frame->offload.needs_csum)
        frame->offload.csum_start_bytes += VLAN_TAG_BYTES;
    if (frame->offload.gso_type != RIG_GSO_NONE)
        frame->offload.hdr_len_bytes += VLAN_TAG_BYTES;
}

static void set_len(struct rig_frame *frame, uint32_t len_bytes)
{
    frame->len_bytes = len_bytes;
    frame->seg[0].len_bytes = len_bytes;
}

/* The frame lies in its slot, with the virtio-net header before it. */
static bool copy_from_slot(struct port_packet *packet, struct rig_port_buf *buf,
                           const struct tpacket2_hdr *hdr)
{
    uint32_t room = packet->rx.slot_bytes;
    if (hdr->tp_snaplen < hdr->tp_len || hdr->tp_mac < HDR_BYTES || hdr->tp_mac > room ||
        hdr->tp_snaplen > room - hdr->tp_mac || hdr->tp_snaplen > RIG_PORT_BUF_ROOM_BYTES) {
        packet->port.counters.rx_drop_truncated++;
        return false;
    }
    const uint8_t *from = (const uint8_t *)hdr + hdr->tp_mac - HDR_BYTES;
    memcpy(buf->data - HDR_BYTES, from, HDR_BYTES + hdr->tp_snaplen);
    set_len(&buf->frame, hdr->tp_snaplen);
    return true;
}

/* The frame lies whole in the socket's queue; the slot has only its beginning. */
static bool read_from_queue(struct port_packet *packet, struct rig_port_buf *buf)
{
    const ssize_t room = HDR_BYTES + RIG_PORT_BUF_ROOM_BYTES;
    packet->port.counters.syscalls++;
    ssize_t len = recv(packet->fd, buf->data - HDR_BYTES, (size_t)room, MSG_DONTWAIT | MSG_TRUNC);
    if (len <= (ssize_t)HDR_BYTES || len > room) {
        packet->port.counters.rx_drop_truncated++;
        return false;
    }
    set_len(&buf->frame, (uint32_t)len - HDR_BYTES);
    return true;
}

/* Without RX_OFFLOAD the user gets frames as they would be on a wire: summed, and cut by
 * next_piece. False: the offload fields lie. */
static bool make_plain(struct port_packet *packet, struct rig_port_buf *buf)
{
    if (packet->port.caps & RIG_PORT_RX_OFFLOAD)
        return true;
    if (buf->frame.offload.gso_type == RIG_GSO_NONE)
        return !buf->frame.offload.needs_csum || rig_csum_complete(&buf->frame);
    uint32_t n = rig_segment_count(&buf->frame);
    if (n > 0)
        packet->cut = (struct packet_cut){.super = buf, .n = n};
    return n > 0;
}

/* What stands in the slot at the head, as a frame; false, and counted, if that is none. */
static bool read_slot(struct port_packet *packet, struct rig_port_buf *buf,
                      const struct tpacket2_hdr *hdr)
{
    bool whole = (hdr->tp_status & TP_STATUS_COPY) ? read_from_queue(packet, buf)
                                                   : copy_from_slot(packet, buf, hdr);
    if (!whole)
        return false;
    if (!rig_virtio_net_hdr_read(&buf->frame, buf->data - HDR_BYTES)) {
        packet->port.counters.rx_drop_offload++;
        return false;
    }
    buf->frame.rx_wall_ns = hdr->tp_sec * RIG_NS_PER_S + hdr->tp_nsec;
    restore_vlan_tag(&buf->frame, hdr);
    if (make_plain(packet, buf))
        return true;
    packet->port.counters.rx_drop_offload++;
    return false;
}

/* The frame of the slot at the head; NULL if there is none to show. */
static struct rig_port_buf *next_frame(struct port_packet *packet)
{
    struct tpacket2_hdr *hdr = packet_hdr(&packet->rx, packet->rx.head);
    struct rig_port_buf *buf = rig_port_pool_get(&packet->rx_pool);
    packet->rx.head = (packet->rx.head + 1) % packet->rx.n_slots;
    packet->n_since_stats++;
    if (hdr->tp_status & TP_STATUS_LOSING)
        ask_for_drops(packet);

    bool ok = read_slot(packet, buf, hdr);
    packet_set_status(hdr, TP_STATUS_KERNEL);
    if (!ok)
        rig_port_pool_put(&packet->rx_pool, buf);
    return ok && packet->cut.super != buf ? buf : NULL;
}

/* The next piece of the super-frame that is being cut. */
static struct rig_port_buf *next_piece(struct port_packet *packet)
{
    struct packet_cut *cut = &packet->cut;
    struct rig_port_buf *super = cut->super;
    struct rig_port_buf *buf = rig_port_pool_get(&packet->rx_pool);
    uint32_t len_bytes =
        rig_segment_write(&super->frame, cut->index++, buf->data, RIG_PORT_BUF_ROOM_BYTES);
    set_len(&buf->frame, len_bytes);
    buf->frame.rx_wall_ns = super->frame.rx_wall_ns;
    if (cut->index == cut->n) {
        cut->super = NULL;
        rig_port_pool_put(&packet->rx_pool, super);
    }
    if (len_bytes > 0)
        return buf;
    packet->port.counters.rx_drop_offload++;
    rig_port_pool_put(&packet->rx_pool, buf);
    return NULL;
}

/* Is there a frame, and a buffer to show it in? */
static bool can_take(const struct port_packet *packet)
{
    if (packet->rx_pool.n_free == 0)
        return false;
    return packet->cut.super ||
           (packet_status(packet_hdr(&packet->rx, packet->rx.head)) & TP_STATUS_USER);
}

bool rig_port_packet_rx_ready(const struct rig_port *port)
{
    return !port->error && can_take((const struct port_packet *)port);
}

uint32_t rig_port_packet_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_packet *packet = (struct port_packet *)port;
    uint32_t got = 0;
    while (got < n && can_take(packet)) {
        struct rig_port_buf *buf = packet->cut.super ? next_piece(packet) : next_frame(packet);
        if (!buf)
            continue;
        frames[got++] = &buf->frame;
        port->counters.rx_bytes += buf->frame.len_bytes;
    }
    port->counters.rx_frames += got;
    if (got < n && packet->n_since_stats >= packet->rx.n_slots / 2)
        ask_for_drops(packet);
    if (got == 0)
        rig_port_packet_check_error(packet);
    return got;
}
