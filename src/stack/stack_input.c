/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a received frame:
 *
 *   whole UDP datagrams (super-frames too) to a unicast address of ours, for which there is a
 *       socket: checked and handed to it where they lie, as a train; no copy, no allocation
 *   TCP: dropped; src/tcp will stand here
 *   super-frames otherwise: cut, each piece to lwIP
 *   the rest (ARP, ND, ICMP, DHCP, fragments, broadcasts, ports that nobody has): to lwIP, in a
 *       copy of its own
 *
 * Frames are hostile. rig_packet_parse refuses what does not hold together. lwIP 2.1.3 reads up to
 * an ICMP quotation (48 bytes) behind the end of some malformed ICMPv6 and extension headers, so
 * its copies end in PAD_BYTES of zeros that are its own.
 */
#include "stack/stack_internal.h"

#include "frame/csum.h"
#include "frame/segment.h"

#include <lwip/pbuf.h>
#include <string.h>

#define BATCH_FRAMES 64u
#define ROUNDS_MAX   4u   /* then other callbacks get their turn */
#define PIECES_MAX   128u /* of a super-frame; what kernels make at most */
#define PAD_BYTES    64u
#define LWIP_LEN_MAX 65400u

/* ---- to lwIP ---- */

/* `promised`: the L4 checksum needs no check. */
static struct pbuf *new_pbuf(struct rig_stack *stack, uint32_t len_bytes, bool promised)
{
    const uint16_t l4 = NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP |
                        NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6;
    struct pbuf *p = NULL;
    if (len_bytes <= LWIP_LEN_MAX)
        p = pbuf_alloc(PBUF_RAW, (u16_t)(len_bytes + PAD_BYTES), PBUF_RAM);
    if (!p) {
        stack->counters.rx_drop_no_memory++;
        return NULL;
    }
    memset((uint8_t *)p->payload + len_bytes, 0, PAD_BYTES);
    p->len = p->tot_len = (u16_t)len_bytes;
    NETIF_SET_CHECKSUM_CTRL(&stack->lwip.netif,
                            (uint16_t)(NETIF_CHECKSUM_ENABLE_ALL & ~(promised ? l4 : 0)));
    return p;
}

static void hand_over(struct rig_stack *stack, struct pbuf *p)
{
    stack->counters.rx_lwip_frames++;
    rig_lwip_input(&stack->lwip.netif, p);
}

static void input_whole(struct rig_stack *stack, const struct rig_frame *frame,
                        const struct rig_packet *packet)
{
    /* A promise covers one datagram, never what its fragments will make. */
    bool promised =
        (frame->offload.needs_csum || frame->offload.data_valid) && !packet->is_fragment;
    struct pbuf *p = new_pbuf(stack, frame->len_bytes, promised);
    if (p && rig_frame_copy(frame, 0, p->payload, frame->len_bytes))
        hand_over(stack, p);
    else if (p)
        pbuf_free(p);
}

static void input_cut(struct rig_stack *stack, const struct rig_frame *frame)
{
    uint32_t n = rig_segment_count(frame);
    if (n == 0 || n > PIECES_MAX) {
        stack->counters.rx_drop_malformed++;
        n = n ? PIECES_MAX : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t len = rig_segment_write(frame, i, stack->scratch, RIG_STACK_SCRATCH_BYTES);
        struct pbuf *p = len ? new_pbuf(stack, len, false) : NULL;
        if (!p)
            break;
        memcpy(p->payload, stack->scratch, len);
        hand_over(stack, p);
    }
}

/* ---- the fast way ---- */

static bool is_ip_sum_good(const struct rig_frame *frame, const struct rig_packet *packet)
{
    if (packet->ip_version == 6)
        return true;
    uint32_t hdr_len = packet->l4_offset_bytes - packet->l3_offset_bytes;
    const uint8_t *ip = rig_frame_at(frame, packet->l3_offset_bytes, hdr_len);
    return ip && rig_csum_finish(rig_csum_add(0, ip, hdr_len)) == 0;
}

static bool is_udp_sum_good(const struct rig_frame *frame, const struct rig_packet *packet)
{
    if (frame->offload.needs_csum || frame->offload.data_valid)
        return true;
    uint32_t len = RIG_UDP_HDR_BYTES + packet->payload_len_bytes;
    const uint8_t *udp = rig_frame_at(frame, packet->l4_offset_bytes, len);
    if (!udp || frame->offload.gso_type != RIG_GSO_NONE)
        return false; /* nobody summed the pieces */
    if (udp[6] == 0 && udp[7] == 0)
        return packet->ip_version == 4; /* none (RFC 768); IPv6 wants one (RFC 8200 8.1) */
    uint64_t sum = rig_csum_pseudo(&packet->src.addr, &packet->dst.addr, RIG_IPPROTO_UDP, len);
    return rig_csum_finish(rig_csum_add(sum, udp, len)) == 0;
}

/* What only lwIP's checks and tables can judge. */
static bool is_plain_udp(const struct rig_stack *stack, const struct rig_frame *frame,
                         const struct rig_packet *packet)
{
    if (packet->ip_proto != RIG_IPPROTO_UDP || !packet->l4_offset_bytes || packet->vlan_tags ||
        (frame->offload.gso_type != RIG_GSO_NONE && frame->offload.gso_type != RIG_GSO_UDP_L4))
        return false;
    const struct rig_addr *src = &packet->src.addr;
    if (rig_addr_is_multicast(src) || rig_addr_is_any(src))
        return false;
    if (packet->ip_version == 6)
        return packet->l4_offset_bytes == packet->l3_offset_bytes + RIG_IPV6_HDR_BYTES;
    uint32_t addr;
    memcpy(&addr, src->bytes, 4);
    return !ip4_addr_isbroadcast_u32(addr, &stack->lwip.netif);
}

static bool input_udp(struct rig_stack *stack, const struct rig_frame *frame,
                      const struct rig_packet *packet)
{
    if (!is_plain_udp(stack, frame, packet) || !rig_stack_is_local(stack, &packet->dst.addr))
        return false;
    struct rig_stack_udp *udp = rig_stack_udp_find(stack, &packet->dst, &packet->src);
    const uint8_t *data =
        rig_frame_at(frame, packet->payload_offset_bytes, packet->payload_len_bytes);
    if (!udp || !data)
        return false;
    if (!is_ip_sum_good(frame, packet) || !is_udp_sum_good(frame, packet)) {
        stack->counters.rx_drop_checksum++;
        return true;
    }
    struct rig_stack_train train = {
        .data = data,
        .len_bytes = packet->payload_len_bytes,
        .stride_bytes = packet->payload_len_bytes,
        .peer = packet->src,
        .local = packet->dst.addr,
        .rx_wall_ns = frame->rx_wall_ns,
    };
    uint16_t gso_size = frame->offload.gso_size_bytes;
    if (frame->offload.gso_type == RIG_GSO_UDP_L4 && gso_size && gso_size < train.len_bytes)
        train.stride_bytes = gso_size;
    stack->counters.rx_fast_frames++;
    udp->events->received(udp->ctx, &train);
    return true;
}

/* ---- the demultiplexer ---- */

static bool is_for_us(const struct rig_stack *stack, const struct rig_packet *packet)
{
    return (packet->dst_mac.bytes[0] & 1) ||
           memcmp(packet->dst_mac.bytes, stack->mac.bytes, RIG_MAC_BYTES) == 0;
}

static bool is_icmp(const struct rig_packet *packet)
{
    return packet->l4_offset_bytes &&
           (packet->ip_proto == RIG_IPPROTO_ICMP || packet->ip_proto == RIG_IPPROTO_ICMPV6);
}

/* True if lwIP saw it, so that addresses and neighbours may have changed. */
/* Fragments of anything but a datagram or ICMP are nobody's here; and fragments within fragments
 * end lwIP's reassembly in an assertion. */
static bool is_strange_fragment(const struct rig_packet *packet)
{
    return packet->ip_version == 6 && packet->is_fragment && packet->ip_proto != RIG_IPPROTO_UDP &&
           packet->ip_proto != RIG_IPPROTO_ICMPV6;
}

static bool input_frame(struct rig_stack *stack, const struct rig_frame *frame)
{
    struct rig_packet packet;
    if (!rig_packet_parse(&packet, frame) || is_strange_fragment(&packet)) {
        stack->counters.rx_drop_malformed++;
        return false;
    }
    if (!is_for_us(stack, &packet)) {
        stack->counters.rx_drop_other_mac++;
        return false;
    }
    if (input_udp(stack, frame, &packet))
        return false;
    if (packet.ip_version && packet.ip_proto == RIG_IPPROTO_TCP) {
        stack->counters.rx_drop_tcp++;
        return false;
    }
    if (is_icmp(&packet))
        rig_stack_icmp_error(stack, frame, &packet);
    stack->rx_wall_ns = frame->rx_wall_ns;
    if (frame->offload.gso_type != RIG_GSO_NONE)
        input_cut(stack, frame);
    else
        input_whole(stack, frame, &packet);
    return true;
}

void rig_stack_input(void *ctx, uint32_t events)
{
    struct rig_stack *stack = ctx;
    struct rig_frame *frames[BATCH_FRAMES];
    bool to_lwip = false;
    uint32_t n = BATCH_FRAMES;
    (void)events; /* a hang-up shows in the port's error */
    for (uint32_t round = 0; round < ROUNDS_MAX && n == BATCH_FRAMES; round++) {
        n = rig_port_rx_peek(stack->port, frames, BATCH_FRAMES);
        for (uint32_t i = 0; i < n; i++)
            to_lwip |= input_frame(stack, frames[i]);
        if (n)
            rig_port_rx_release(stack->port, frames, n);
    }
    if (to_lwip)
        rig_stack_ready_check(stack);
    rig_stack_gone_check(stack);
}
