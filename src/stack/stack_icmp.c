/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors about our own datagrams. lwIP ignores them, so they are read here, before lwIP gets
 * the frame. An error counts only if its checksum is right and it quotes a datagram from one of
 * our addresses and ports to a peer that we do send to: nobody else can have provoked it.
 */
#include "stack/stack_internal.h"

#include "frame/csum.h"

#include <errno.h>
#include <string.h>

#define ICMP4_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1
#define ICMP4_TOO_LONG    4  /* code: fragmentation needed (RFC 1191) */
#define ICMP_HDR_BYTES    8u /* of an error, before the quoted packet */
#define MTU_MIN_BYTES     576u
#define IPV4_OFFSET_MASK  0x1fff

/* 0 for what is no refusal (RFC 792, RFC 4443 section 3.1). */
static int errno_of(uint8_t version, uint8_t type, uint8_t code)
{
    if (version == 4 && type == ICMP4_UNREACHABLE) {
        switch (code) {
        case 2: /* protocol */
        case 3: /* port */
            return -ECONNREFUSED;
        case ICMP4_TOO_LONG:
            return 0;
        default:
            return -EHOSTUNREACH;
        }
    }
    if (version == 6 && type == ICMP6_UNREACHABLE)
        return code == 4 ? -ECONNREFUSED : -EHOSTUNREACH;
    return 0;
}

static bool is_sum_good(const struct rig_frame *frame, const struct rig_packet *packet,
                        uint32_t icmp_len_bytes)
{
    if (frame->offload.needs_csum || frame->offload.data_valid)
        return true;
    const uint8_t *icmp = rig_frame_at(frame, packet->l4_offset_bytes, icmp_len_bytes);
    uint64_t sum = packet->ip_version == 4 ? 0
                                           : rig_csum_pseudo(&packet->src.addr, &packet->dst.addr,
                                                             RIG_IPPROTO_ICMPV6, icmp_len_bytes);
    return icmp && rig_csum_finish(rig_csum_add(sum, icmp, icmp_len_bytes)) == 0;
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The offset of the UDP header in the quoted packet, or 0 if it is none of UDP's first fragment. */
static uint32_t quoted_udp(const uint8_t *quote, uint32_t len_bytes, uint8_t version)
{
    if (version == 6)
        return len_bytes >= RIG_IPV6_HDR_BYTES + RIG_UDP_HDR_BYTES && quote[0] >> 4 == 6 &&
                       quote[6] == RIG_IPPROTO_UDP
                   ? RIG_IPV6_HDR_BYTES
                   : 0;
    if (len_bytes < RIG_IPV4_HDR_BYTES || quote[0] >> 4 != 4 || quote[9] != RIG_IPPROTO_UDP ||
        (be16(quote + 6) & IPV4_OFFSET_MASK))
        return 0;
    uint32_t hdr_len = (quote[0] & 15u) * 4u;
    return hdr_len >= RIG_IPV4_HDR_BYTES && len_bytes >= hdr_len + RIG_UDP_HDR_BYTES ? hdr_len : 0;
}

static void quoted_ends(const uint8_t *quote, uint32_t udp_offset, uint8_t version,
                        struct rig_endpoint ends[static 2])
{
    const size_t at = version == 6 ? 8 : 12, len = version == 6 ? 16 : 4;
    for (size_t i = 0; i < 2; i++) {
        ends[i] = (struct rig_endpoint){.addr.family = version};
        memcpy(ends[i].addr.bytes, quote + at + i * len, len);
        ends[i].port = be16(quote + udp_offset + i * 2);
    }
}

static bool is_flow_of(const struct rig_stack_flow *flow, const struct rig_endpoint *local,
                       const struct rig_endpoint *peer)
{
    const struct rig_endpoint *to = &flow->spec.peer;
    return flow->udp->local.port == local->port && to->port == peer->port &&
           to->addr.family == peer->addr.family &&
           memcmp(to->addr.bytes, peer->addr.bytes, sizeof(to->addr.bytes)) == 0;
}

/* IPv6 has Packet Too Big for it, which lwIP keeps and stack_route.c asks for. */
static bool is_too_long(const struct rig_packet *packet, const uint8_t *icmp)
{
    return packet->ip_version == 4 && icmp[0] == ICMP4_UNREACHABLE && icmp[1] == ICMP4_TOO_LONG;
}

static void lower_mtu(struct rig_stack *stack, const struct rig_endpoint ends[static 2],
                      uint32_t mtu_bytes)
{
    if (mtu_bytes < MTU_MIN_BYTES)
        mtu_bytes = MTU_MIN_BYTES; /* 0 is an old router's; less is nobody's */
    for (struct rig_stack_flow *flow = stack->flows; flow; flow = flow->next) {
        if (!is_flow_of(flow, &ends[0], &ends[1]))
            continue;
        flow->path_payload_max_bytes = mtu_bytes - RIG_IPV4_HDR_BYTES - RIG_UDP_HDR_BYTES;
        flow->next_check_ns = 0;
    }
}

/* A connected socket is told at once; a flow of another one hears of it at its next send, since
 * the socket's other peers are not concerned. */
static void tell(struct rig_stack *stack, const struct rig_endpoint *local,
                 const struct rig_endpoint *peer, int error)
{
    struct rig_stack_udp *udp = rig_stack_udp_find(stack, local, peer);
    if (udp && udp->peer.addr.family) {
        if (udp->events->failed)
            udp->events->failed(udp->ctx, error);
        return;
    }
    for (struct rig_stack_flow *flow = stack->flows; flow; flow = flow->next)
        if (is_flow_of(flow, local, peer))
            flow->error = error;
}

void rig_stack_icmp_error(struct rig_stack *stack, const struct rig_frame *frame,
                          const struct rig_packet *packet)
{
    uint32_t icmp_len =
        packet->payload_offset_bytes + packet->payload_len_bytes - packet->l4_offset_bytes;
    const uint8_t *icmp = rig_frame_at(frame, packet->l4_offset_bytes, icmp_len);
    if (!icmp || icmp_len < ICMP_HDR_BYTES)
        return;
    uint8_t version = packet->ip_version;
    int error = errno_of(version, icmp[0], icmp[1]);
    bool too_long = is_too_long(packet, icmp);
    if ((!error && !too_long) || !is_sum_good(frame, packet, icmp_len))
        return;
    const uint8_t *quote = icmp + ICMP_HDR_BYTES;
    uint32_t udp_offset = quoted_udp(quote, icmp_len - ICMP_HDR_BYTES, version);
    if (!udp_offset)
        return;
    struct rig_endpoint ends[2]; /* source, destination: ours and the peer */
    quoted_ends(quote, udp_offset, version, ends);
    if (!rig_stack_is_local(stack, &ends[0].addr))
        return;
    if (too_long)
        lower_mtu(stack, ends, be16(icmp + 6));
    else
        tell(stack, &ends[0], &ends[1], error);
}
