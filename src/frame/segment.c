/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each frame of a cut gets a copy of the super-frame's headers and its share of the payload; then
 * the fields that differ are set: lengths, the IPv4 identification (counting up), TCP's sequence
 * number, FIN and PSH (last frame only), CWR (first only), and the checksums.
 */
#include "frame/segment.h"
#include "frame/csum.h"
#include "frame/packet.h"
#include "frame/wire.h"

#include <string.h>

#define TCP_FIN_PSH 0x09
#define TCP_CWR     0x80

struct cut {
    struct rig_packet packet;
    uint32_t hdr_bytes;
    uint32_t payload_bytes;
    uint32_t n_frames;
};

static bool proto_fits(enum rig_gso type, const struct rig_packet *packet)
{
    switch (type) {
    case RIG_GSO_TCPV4:
        return packet->ip_version == 4 && packet->ip_proto == RIG_IPPROTO_TCP;
    case RIG_GSO_TCPV6:
        return packet->ip_version == 6 && packet->ip_proto == RIG_IPPROTO_TCP;
    case RIG_GSO_UDP_L4:
        return packet->ip_proto == RIG_IPPROTO_UDP;
    case RIG_GSO_NONE:
        break;
    }
    return false;
}

static bool plan(struct cut *cut, const struct rig_frame *frame)
{
    const struct rig_offload *offload = &frame->offload;
    if (!rig_frame_offload_valid(frame) || !rig_packet_parse(&cut->packet, frame) ||
        !proto_fits(offload->gso_type, &cut->packet) ||
        cut->packet.l4_offset_bytes != offload->csum_start_bytes ||
        cut->packet.payload_offset_bytes != offload->hdr_len_bytes)
        return false;
    cut->hdr_bytes = cut->packet.payload_offset_bytes;
    cut->payload_bytes = cut->packet.payload_len_bytes;
    cut->n_frames = (cut->payload_bytes + offload->gso_size_bytes - 1) / offload->gso_size_bytes;
    return true;
}

uint32_t rig_segment_count(const struct rig_frame *frame)
{
    struct cut cut;
    if (frame->offload.gso_type == RIG_GSO_NONE)
        return rig_frame_offload_valid(frame) ? 1 : 0;
    return plan(&cut, frame) ? cut.n_frames : 0;
}

static void fix_ip(const struct cut *cut, uint8_t *out, uint32_t len_bytes, uint32_t index)
{
    uint8_t *ip = out + cut->packet.l3_offset_bytes;
    uint32_t l3_len = len_bytes - cut->packet.l3_offset_bytes;
    if (cut->packet.ip_version == 6) {
        rig_put_be16(ip + RIG_IPV6_LEN, l3_len - RIG_IPV6_HDR_BYTES);
        return;
    }
    uint32_t hdr = cut->packet.l4_offset_bytes - cut->packet.l3_offset_bytes;
    rig_put_be16(ip + RIG_IPV4_LEN, l3_len);
    rig_put_be16(ip + RIG_IPV4_ID, rig_get_be16(ip + RIG_IPV4_ID) + index);
    memset(ip + RIG_IPV4_CSUM, 0, 2);
    uint16_t csum = rig_csum_finish(rig_csum_add(0, ip, hdr));
    memcpy(ip + RIG_IPV4_CSUM, &csum, sizeof(csum));
}

static void fix_tcp(const struct cut *cut, uint8_t *tcp, uint32_t index, uint32_t gso_size_bytes)
{
    rig_put_be32(tcp + RIG_TCP_SEQ, rig_get_be32(tcp + RIG_TCP_SEQ) + index * gso_size_bytes);
    if (index + 1 < cut->n_frames)
        tcp[RIG_TCP_FLAGS] &= (uint8_t)~TCP_FIN_PSH;
    if (index > 0)
        tcp[RIG_TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

/* The field holds the pseudo-header's sum for the whole super-frame; only the length in it changes.
 * (Behind a routing header it is not the sum of the addresses that IPv6's header shows.) */
static void fix_l4_csum(const struct cut *cut, uint8_t *l4, uint32_t l4_len_bytes)
{
    uint32_t super_len = cut->hdr_bytes - cut->packet.l4_offset_bytes + cut->payload_bytes;
    uint8_t *field = l4 + (cut->packet.ip_proto == RIG_IPPROTO_UDP ? RIG_UDP_CSUM : RIG_TCP_CSUM);
    uint16_t pseudo;
    memcpy(&pseudo, field, sizeof(pseudo));
    memset(field, 0, sizeof(pseudo));
    uint64_t sum = (uint64_t)pseudo + (uint16_t)~rig_be16(super_len) + rig_be16(l4_len_bytes);
    uint16_t csum = rig_csum_finish(rig_csum_add(sum, l4, l4_len_bytes));
    if (csum == 0)
        csum = UINT16_MAX; /* as rig_csum_complete */
    memcpy(field, &csum, sizeof(csum));
}

static uint32_t write_plain(const struct rig_frame *frame, uint8_t *out, uint32_t room_bytes)
{
    if (frame->len_bytes > room_bytes || !rig_frame_copy(frame, 0, out, frame->len_bytes))
        return 0;
    struct rig_frame copy;
    rig_frame_init(&copy, out, frame->len_bytes);
    copy.offload = frame->offload;
    return rig_csum_complete(&copy) ? frame->len_bytes : 0;
}

uint32_t rig_segment_write(const struct rig_frame *frame, uint32_t index, uint8_t *out,
                           uint32_t room_bytes)
{
    struct cut cut;
    if (frame->offload.gso_type == RIG_GSO_NONE)
        return index == 0 ? write_plain(frame, out, room_bytes) : 0;
    if (!plan(&cut, frame) || index >= cut.n_frames)
        return 0;
    uint32_t size = frame->offload.gso_size_bytes;
    uint32_t share = cut.payload_bytes - index * size;
    if (share > size)
        share = size;
    uint32_t len = cut.hdr_bytes + share;
    if (len > room_bytes || !rig_frame_copy(frame, 0, out, cut.hdr_bytes) ||
        !rig_frame_copy(frame, cut.hdr_bytes + index * size, out + cut.hdr_bytes, share))
        return 0;
    uint8_t *l4 = out + cut.packet.l4_offset_bytes;
    uint32_t l4_len = len - cut.packet.l4_offset_bytes;
    fix_ip(&cut, out, len, index);
    if (cut.packet.ip_proto == RIG_IPPROTO_UDP)
        rig_put_be16(l4 + RIG_UDP_LEN, l4_len);
    else
        fix_tcp(&cut, l4, index, size);
    fix_l4_csum(&cut, l4, l4_len);
    return len;
}
