/* SPDX-License-Identifier: BSD-2-Clause */
/* The sending half of port_packet.c; see there. */
#include "port/port_packet_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define HDR_BYTES   RIG_VIRTIO_NET_HDR_BYTES
#define DATA_OFFSET TPACKET_ALIGN(sizeof(struct tpacket2_hdr)) /* of a TX slot's data */

static bool slot_is_free(const struct packet_ring *ring, uint32_t index)
{
    return packet_status(packet_hdr(ring, index)) == TP_STATUS_AVAILABLE;
}

/* As many as there are free slots: what is in flight at the device must come back first. */
uint32_t rig_port_packet_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_packet *packet = (struct port_packet *)port;
    const struct packet_ring *ring = &packet->tx;
    uint32_t n_free = 0;
    if (n > packet->tx_pool.n_bufs)
        n = packet->tx_pool.n_bufs;
    if (n > ring->n_slots)
        n = ring->n_slots;
    while (n_free < n && slot_is_free(ring, (ring->head + n_free) % ring->n_slots))
        n_free++;
    return rig_port_pool_lend(&packet->tx_pool, frames, n_free);
}

static void count_loss(struct port_packet *packet, uint32_t n, int code)
{
    struct rig_port_counters *counters = &packet->port.counters;
    if (code == 0 || code == EAGAIN || code == ENOBUFS || code == ENOMEM)
        counters->tx_drop_full += n;
    else
        counters->tx_drop_error += n;
    if (code == ENXIO || code == ENODEV)
        packet->port.error = -ENODEV;
    else if (code == ENETDOWN)
        rig_port_packet_check_device(packet);
}

/*
 * Let the kernel send slots [first, head). What it would not take still says SEND_REQUEST: those
 * are taken back and the head with them, because the kernel's head stands there too.
 */
static uint32_t flush(struct port_packet *packet, uint32_t first)
{
    struct packet_ring *ring = &packet->tx;
    if (first == ring->head)
        return 0;
    packet->port.counters.syscalls++;
    int code = send(packet->fd, NULL, 0, MSG_DONTWAIT) < 0 ? errno : 0;

    uint32_t taken = 0, left = 0, end = ring->head;
    for (uint32_t i = first; i != end; i = (i + 1) % ring->n_slots) {
        struct tpacket2_hdr *hdr = packet_hdr(ring, i);
        if (packet_status(hdr) != TP_STATUS_SEND_REQUEST) {
            packet->port.counters.tx_bytes += hdr->tp_len - HDR_BYTES;
            taken++;
            continue;
        }
        if (left++ == 0)
            ring->head = i;
        packet_set_status(hdr, TP_STATUS_AVAILABLE);
    }
    if (left > 0)
        count_loss(packet, left, code);
    return taken;
}

static void copy_segs(uint8_t *out, const struct rig_frame *frame)
{
    for (uint32_t i = 0; i < frame->n_segs; i++) {
        memcpy(out, frame->seg[i].base, frame->seg[i].len_bytes);
        out += frame->seg[i].len_bytes;
    }
}

static void put_in_slot(struct packet_ring *ring, const struct rig_frame *frame)
{
    assert(frame->len_bytes <= ring->slot_bytes - DATA_OFFSET - HDR_BYTES); /* it is for the MTU */
    struct tpacket2_hdr *hdr = packet_hdr(ring, ring->head);
    uint8_t *data = (uint8_t *)hdr + DATA_OFFSET;
    rig_virtio_net_hdr_write(data, &frame->offload);
    uint16_t hdr_len = (uint16_t)frame->len_bytes; /* copy all, reference nothing */
    memcpy(data + 2, &hdr_len, sizeof(hdr_len));
    copy_segs(data + HDR_BYTES, frame);
    hdr->tp_len = HDR_BYTES + frame->len_bytes;
    packet_set_status(hdr, TP_STATUS_SEND_REQUEST);
    ring->head = (ring->head + 1) % ring->n_slots;
}

static uint32_t send_super(struct port_packet *packet, struct rig_port_buf *buf)
{
    const struct rig_frame *frame = &buf->frame;
    uint8_t hdr[HDR_BYTES];
    struct iovec iov[1 + RIG_FRAME_SEGS_MAX] = {{.iov_base = hdr, .iov_len = sizeof(hdr)}};
    rig_virtio_net_hdr_write(hdr, &frame->offload);
    for (uint32_t i = 0; i < frame->n_segs; i++)
        iov[1 + i] =
            (struct iovec){.iov_base = frame->seg[i].base, .iov_len = frame->seg[i].len_bytes};
    const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1 + frame->n_segs};
    packet->port.counters.syscalls++;
    if (sendmsg(packet->super_fd, &msg, MSG_DONTWAIT) < 0) {
        count_loss(packet, 1, errno);
        return 0;
    }
    packet->port.counters.tx_bytes += frame->len_bytes;
    return 1;
}

/* The kernel takes a slot's frame or skips it in silence, so what it would skip is caught here. */
static bool may_leave(struct port_packet *packet, const struct rig_frame *frame)
{
    if (!rig_port_tx_allowed(&packet->port, frame))
        return false;
    if (frame->len_bytes >= 14 && (!frame->offload.needs_csum || rig_frame_offload_valid(frame)))
        return true;
    packet->port.counters.tx_drop_error++;
    return false;
}

uint32_t rig_port_packet_tx_commit(struct rig_port *port, uint32_t n)
{
    struct port_packet *packet = (struct port_packet *)port;
    uint32_t taken = 0, first = packet->tx.head;
    n = rig_port_pool_lend_end(&packet->tx_pool, n);
    for (uint32_t i = 0; i < n; i++) {
        struct rig_port_buf *buf = &packet->tx_pool.bufs[i];
        if (!may_leave(packet, &buf->frame))
            continue;
        if (buf->frame.offload.gso_type == RIG_GSO_NONE) {
            put_in_slot(&packet->tx, &buf->frame);
            continue;
        }
        taken += flush(packet, first); /* in order */
        taken += send_super(packet, buf);
        first = packet->tx.head;
    }
    taken += flush(packet, first);
    port->counters.tx_frames += taken;
    return taken;
}
