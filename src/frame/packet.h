/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a frame carries: a bounds-checked parse of Ethernet (with up to two VLAN tags),
 * ARP, IPv4, IPv6 (with its extension headers), ICMP, UDP and TCP. Offsets are from the
 * start of the frame. A parse never reads outside the frame and never trusts a length field.
 */
#ifndef RIG_FRAME_PACKET_H
#define RIG_FRAME_PACKET_H

#include "base/addr.h"
#include "frame/frame.h"

#define RIG_ETH_HDR_BYTES  14u
#define RIG_IPV4_HDR_BYTES 20u
#define RIG_IPV6_HDR_BYTES 40u
#define RIG_UDP_HDR_BYTES  8u
#define RIG_TCP_HDR_BYTES  20u

#define RIG_ETHERTYPE_IPV4 0x0800
#define RIG_ETHERTYPE_ARP  0x0806
#define RIG_ETHERTYPE_IPV6 0x86dd
#define RIG_IPPROTO_ICMP   1
#define RIG_IPPROTO_TCP    6
#define RIG_IPPROTO_UDP    17
#define RIG_IPPROTO_ICMPV6 58

struct rig_packet {
    struct rig_mac dst_mac;
    struct rig_mac src_mac;
    uint16_t ethertype; /* behind the VLAN tags */
    uint16_t vlan_tags; /* how many */
    uint32_t l3_offset_bytes;
    uint32_t l4_offset_bytes;      /* of UDP, TCP, ICMP or ICMPv6; 0: none that can be read */
    uint32_t payload_offset_bytes; /* behind the L4 header (8 bytes of ICMP), else IP's */
    uint32_t payload_len_bytes;    /* by IP's and UDP's own lengths, within the frame */
    uint8_t ip_version;            /* 0, 4 or 6 */
    uint8_t ip_proto;              /* of the L4 header */
    uint8_t tos;                   /* IPv4 TOS or IPv6 traffic class */
    uint8_t ttl;
    bool is_fragment;        /* any fragment but a whole datagram; no L4 is offered then */
    struct rig_endpoint src; /* port 0 unless UDP or TCP */
    struct rig_endpoint dst;
};

/*
 * Parse; true if the Ethernet header could be read and every deeper layer that the frame
 * claims is consistent with its length. False: the frame is malformed and `out` is undefined.
 * The frame's headers must lie in its first segment.
 */
bool rig_packet_parse(struct rig_packet *out, const struct rig_frame *frame);

#endif
