/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/packet.h"
#include "frame/wire.h"

#include <string.h>

#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define VLAN_TAGS_MAX  2
#define VLAN_TAG_BYTES 4u
#define ARP_HDR_BYTES  8u
#define ICMP_HDR_BYTES 8u /* of every message in RFC 792 and of those in use with IPv6 */

/* IPv6 extension headers (RFC 8200 section 4.1). */
#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING    43
#define NEXT_FRAGMENT   44
#define NEXT_DEST_OPTS  60
#define EXTENSIONS_MAX  8 /* more is refused: nobody sends so many but to keep us busy */

/* What is being read: the frame, and where its IP packet ends by IP's own length. */
struct reader {
    const struct rig_frame *frame;
    uint32_t at_bytes;
    uint32_t end_bytes;
};

static const uint8_t *look(const struct reader *reader, uint32_t len_bytes)
{
    if (reader->at_bytes > reader->end_bytes || len_bytes > reader->end_bytes - reader->at_bytes)
        return NULL;
    return rig_frame_at(reader->frame, reader->at_bytes, len_bytes);
}

static void set_addr(struct rig_addr *addr, uint8_t family, const uint8_t *bytes)
{
    memset(addr, 0, sizeof(*addr));
    addr->family = family;
    memcpy(addr->bytes, bytes, family == 4 ? 4 : 16);
}

static bool parse_udp(struct rig_packet *out, const struct reader *reader)
{
    const uint8_t *udp = look(reader, RIG_UDP_HDR_BYTES);
    if (!udp)
        return false;
    uint32_t len = rig_get_be16(udp + RIG_UDP_LEN);
    uint32_t room = reader->end_bytes - reader->at_bytes;
    if (len < RIG_UDP_HDR_BYTES || len > room)
        return false;
    out->src.port = rig_get_be16(udp);
    out->dst.port = rig_get_be16(udp + 2);
    out->payload_offset_bytes = reader->at_bytes + RIG_UDP_HDR_BYTES;
    out->payload_len_bytes = len - RIG_UDP_HDR_BYTES;
    return true;
}

static bool parse_tcp(struct rig_packet *out, const struct reader *reader)
{
    const uint8_t *tcp = look(reader, RIG_TCP_HDR_BYTES);
    if (!tcp)
        return false;
    uint32_t hdr = (uint32_t)(tcp[RIG_TCP_OFFSET] >> 4) * 4;
    if (hdr < RIG_TCP_HDR_BYTES || !look(reader, hdr))
        return false;
    out->src.port = rig_get_be16(tcp);
    out->dst.port = rig_get_be16(tcp + 2);
    out->payload_offset_bytes = reader->at_bytes + hdr;
    out->payload_len_bytes = reader->end_bytes - out->payload_offset_bytes;
    return true;
}

static bool parse_icmp(struct rig_packet *out, const struct reader *reader)
{
    if (!look(reader, ICMP_HDR_BYTES))
        return false;
    out->payload_offset_bytes = reader->at_bytes + ICMP_HDR_BYTES;
    out->payload_len_bytes = reader->end_bytes - out->payload_offset_bytes;
    return true;
}

static bool parse_l4(struct rig_packet *out, const struct reader *reader)
{
    uint8_t icmp = out->ip_version == 4 ? RIG_IPPROTO_ICMP : RIG_IPPROTO_ICMPV6;
    bool udp = out->ip_proto == RIG_IPPROTO_UDP, tcp = out->ip_proto == RIG_IPPROTO_TCP;
    out->payload_offset_bytes = reader->at_bytes;
    out->payload_len_bytes = reader->end_bytes - reader->at_bytes;
    if (out->is_fragment || (!udp && !tcp && out->ip_proto != icmp))
        return true;
    out->l4_offset_bytes = reader->at_bytes;
    return udp ? parse_udp(out, reader) : tcp ? parse_tcp(out, reader) : parse_icmp(out, reader);
}

static bool parse_ipv4(struct rig_packet *out, struct reader *reader)
{
    const uint8_t *ip = look(reader, RIG_IPV4_HDR_BYTES);
    if (!ip || ip[0] >> 4 != 4)
        return false;
    uint32_t hdr = (uint32_t)(ip[0] & 15) * 4;
    uint32_t total = rig_get_be16(ip + RIG_IPV4_LEN);
    if (hdr < RIG_IPV4_HDR_BYTES || total < hdr || !look(reader, hdr) ||
        total > reader->end_bytes - reader->at_bytes)
        return false;
    out->ip_version = 4;
    out->tos = ip[RIG_IPV4_TOS];
    out->ttl = ip[RIG_IPV4_TTL];
    out->ip_proto = ip[RIG_IPV4_PROTO];
    /* more fragments, or an offset */
    out->is_fragment = (rig_get_be16(ip + RIG_IPV4_FRAG) & 0x3fff) != 0;
    set_addr(&out->src.addr, 4, ip + RIG_IPV4_SRC);
    set_addr(&out->dst.addr, 4, ip + RIG_IPV4_DST);
    reader->end_bytes = reader->at_bytes + total;
    reader->at_bytes += hdr;
    return parse_l4(out, reader);
}

/* Step over one extension header; false if it does not fit. `next` becomes what follows it. */
static bool skip_extension(struct rig_packet *out, struct reader *reader, uint8_t *next)
{
    const uint8_t *ext = look(reader, 8);
    if (!ext)
        return false;
    uint32_t len = 8 + (uint32_t)ext[1] * 8;
    if (*next == NEXT_FRAGMENT) {
        len = 8;
        out->is_fragment |= (rig_get_be16(ext + 2) & 0xfff9) != 0;
    }
    if (!look(reader, len))
        return false;
    *next = ext[0];
    reader->at_bytes += len;
    return true;
}

static bool is_extension(uint8_t next)
{
    return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
           next == NEXT_DEST_OPTS;
}

static bool parse_ipv6(struct rig_packet *out, struct reader *reader)
{
    const uint8_t *ip = look(reader, RIG_IPV6_HDR_BYTES);
    if (!ip || ip[0] >> 4 != 6)
        return false;
    uint32_t len = rig_get_be16(ip + RIG_IPV6_LEN);
    if (len > reader->end_bytes - reader->at_bytes - RIG_IPV6_HDR_BYTES)
        return false;
    out->ip_version = 6;
    out->tos = (uint8_t)(rig_get_be16(ip) >> 4);
    out->ttl = ip[RIG_IPV6_HOPS];
    set_addr(&out->src.addr, 6, ip + RIG_IPV6_SRC);
    set_addr(&out->dst.addr, 6, ip + RIG_IPV6_DST);
    reader->at_bytes += RIG_IPV6_HDR_BYTES;
    reader->end_bytes = reader->at_bytes + len;
    uint8_t next = ip[RIG_IPV6_NEXT];
    for (uint32_t n = 0; is_extension(next) && !out->is_fragment; n++) {
        if (n == EXTENSIONS_MAX || !skip_extension(out, reader, &next))
            return false;
    }
    out->ip_proto = next;
    return parse_l4(out, reader);
}

/* RFC 826: two hardware and two protocol addresses, whose lengths the header tells. */
static bool is_arp_whole(const struct reader *reader)
{
    const uint8_t *arp = look(reader, ARP_HDR_BYTES);
    return arp && look(reader, ARP_HDR_BYTES + 2u * arp[4] + 2u * arp[5]);
}

static bool parse_eth(struct rig_packet *out, struct reader *reader)
{
    const uint8_t *eth = look(reader, RIG_ETH_HDR_BYTES);
    if (!eth)
        return false;
    memcpy(out->dst_mac.bytes, eth, RIG_MAC_BYTES);
    memcpy(out->src_mac.bytes, eth + RIG_MAC_BYTES, RIG_MAC_BYTES);
    out->ethertype = rig_get_be16(eth + 12);
    reader->at_bytes = RIG_ETH_HDR_BYTES;
    while (out->ethertype == ETHERTYPE_VLAN || out->ethertype == ETHERTYPE_QINQ) {
        const uint8_t *tag = look(reader, VLAN_TAG_BYTES);
        if (!tag || out->vlan_tags == VLAN_TAGS_MAX)
            return false;
        out->vlan_tags++;
        out->ethertype = rig_get_be16(tag + 2);
        reader->at_bytes += VLAN_TAG_BYTES;
    }
    out->l3_offset_bytes = reader->at_bytes;
    return true;
}

bool rig_packet_parse(struct rig_packet *out, const struct rig_frame *frame)
{
    struct reader reader = {.frame = frame, .end_bytes = frame->len_bytes};
    memset(out, 0, sizeof(*out));
    if (!parse_eth(out, &reader))
        return false;
    if (out->ethertype == RIG_ETHERTYPE_IPV4)
        return parse_ipv4(out, &reader);
    if (out->ethertype == RIG_ETHERTYPE_IPV6)
        return parse_ipv6(out, &reader);
    if (out->ethertype == RIG_ETHERTYPE_ARP)
        return is_arp_whole(&reader);
    return true;
}
