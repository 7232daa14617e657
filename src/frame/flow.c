/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/flow.h"
#include "frame/csum.h"
#include "frame/packet.h"
#include "frame/wire.h"

#include <string.h>

#define DEFAULT_TTL   64
#define DONT_FRAGMENT 0x4000

#define IPV4_FLOW_BYTES (RIG_ETH_HDR_BYTES + RIG_IPV4_HDR_BYTES + RIG_UDP_HDR_BYTES)

static void write_ipv4(struct rig_flow *flow, const struct rig_flow_spec *spec)
{
    uint8_t *ip = flow->hdr + RIG_ETH_HDR_BYTES;
    ip[0] = 0x45;
    ip[RIG_IPV4_TOS] = spec->tos;
    rig_put_be16(ip + RIG_IPV4_FRAG, DONT_FRAGMENT);
    ip[RIG_IPV4_TTL] = spec->ttl ? spec->ttl : DEFAULT_TTL;
    ip[RIG_IPV4_PROTO] = RIG_IPPROTO_UDP;
    memcpy(ip + RIG_IPV4_SRC, spec->src.addr.bytes, 4);
    memcpy(ip + RIG_IPV4_DST, spec->dst.addr.bytes, 4);
    flow->ip_sum = rig_csum_add(0, ip, RIG_IPV4_HDR_BYTES);
}

static void write_ipv6(struct rig_flow *flow, const struct rig_flow_spec *spec)
{
    uint8_t *ip = flow->hdr + RIG_ETH_HDR_BYTES;
    rig_put_be32(ip, 6u << 28 | (uint32_t)spec->tos << 20);
    ip[RIG_IPV6_NEXT] = RIG_IPPROTO_UDP;
    ip[RIG_IPV6_HOPS] = spec->ttl ? spec->ttl : DEFAULT_TTL;
    memcpy(ip + RIG_IPV6_SRC, spec->src.addr.bytes, 16);
    memcpy(ip + RIG_IPV6_DST, spec->dst.addr.bytes, 16);
}

void rig_flow_init(struct rig_flow *flow, const struct rig_flow_spec *spec)
{
    bool v4 = spec->src.addr.family == 4;
    uint32_t ip_hdr = v4 ? RIG_IPV4_HDR_BYTES : RIG_IPV6_HDR_BYTES;
    memset(flow, 0, sizeof(*flow));
    memcpy(flow->hdr, spec->dst_mac.bytes, RIG_MAC_BYTES);
    memcpy(flow->hdr + RIG_MAC_BYTES, spec->src_mac.bytes, RIG_MAC_BYTES);
    rig_put_be16(flow->hdr + 12, v4 ? RIG_ETHERTYPE_IPV4 : RIG_ETHERTYPE_IPV6);
    if (v4)
        write_ipv4(flow, spec);
    else
        write_ipv6(flow, spec);
    uint8_t *udp = flow->hdr + RIG_ETH_HDR_BYTES + ip_hdr;
    rig_put_be16(udp, spec->src.port);
    rig_put_be16(udp + 2, spec->dst.port);
    flow->hdr_len_bytes = RIG_ETH_HDR_BYTES + ip_hdr + RIG_UDP_HDR_BYTES;
    flow->pseudo_sum = rig_csum_pseudo(&spec->src.addr, &spec->dst.addr, RIG_IPPROTO_UDP, 0);
}

/* The copies have constant lengths, so that they are a few moves and no call. */
static void stamp_ipv4(struct rig_flow *flow, uint8_t *out, uint32_t udp_len_bytes)
{
    memcpy(out, flow->hdr, IPV4_FLOW_BYTES);
    uint8_t *ip = out + RIG_ETH_HDR_BYTES;
    uint16_t len = rig_be16(RIG_IPV4_HDR_BYTES + udp_len_bytes), id = rig_be16(flow->ip_id);
    uint16_t csum = rig_csum_finish(flow->ip_sum + len + id);
    memcpy(ip + RIG_IPV4_LEN, &len, sizeof(len));
    memcpy(ip + RIG_IPV4_ID, &id, sizeof(id));
    memcpy(ip + RIG_IPV4_CSUM, &csum, sizeof(csum));
}

static void stamp_ipv6(const struct rig_flow *flow, uint8_t *out, uint32_t udp_len_bytes)
{
    memcpy(out, flow->hdr, RIG_FLOW_HDR_MAX);
    rig_put_be16(out + RIG_ETH_HDR_BYTES + RIG_IPV6_LEN, udp_len_bytes);
}

void rig_flow_stamp(struct rig_flow *flow, uint8_t *out, uint32_t payload_len_bytes,
                    uint16_t gso_size_bytes, struct rig_offload *offload)
{
    uint32_t udp_at = flow->hdr_len_bytes - RIG_UDP_HDR_BYTES;
    uint32_t udp_len = RIG_UDP_HDR_BYTES + payload_len_bytes;
    bool is_super = gso_size_bytes && payload_len_bytes > gso_size_bytes;
    if (flow->hdr_len_bytes == IPV4_FLOW_BYTES)
        stamp_ipv4(flow, out, udp_len);
    else
        stamp_ipv6(flow, out, udp_len);
    uint16_t sum = rig_csum_fold(flow->pseudo_sum + rig_be32(udp_len));
    rig_put_be16(out + udp_at + RIG_UDP_LEN, udp_len);
    memcpy(out + udp_at + RIG_UDP_CSUM, &sum, sizeof(sum));
    *offload = (struct rig_offload){
        .needs_csum = true,
        .csum_start_bytes = (uint16_t)udp_at,
        .csum_offset_bytes = RIG_UDP_CSUM,
    };
    uint32_t n_frames = 1;
    if (is_super) {
        offload->gso_type = RIG_GSO_UDP_L4;
        offload->gso_size_bytes = gso_size_bytes;
        offload->hdr_len_bytes = (uint16_t)flow->hdr_len_bytes;
        n_frames = (payload_len_bytes + gso_size_bytes - 1) / gso_size_bytes;
    }
    flow->ip_id = (uint16_t)(flow->ip_id + n_frames); /* whoever cuts it counts them up */
}
