/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A template of the headers of a UDP flow: written once, stamped on each frame. The stamp
 * sets lengths, the IPv4 identification and the checksum of the IP header; the UDP checksum is
 * left to the port (offload).
 */
#ifndef RIG_FRAME_FLOW_H
#define RIG_FRAME_FLOW_H

#include "base/addr.h"
#include "frame/frame.h"

#define RIG_FLOW_HDR_MAX 62u /* Ethernet 14, IPv6 40, UDP 8 */

struct rig_flow {
    uint8_t hdr[RIG_FLOW_HDR_MAX];
    uint32_t hdr_len_bytes; /* 42 for IPv4, 62 for IPv6 */
    uint16_t ip_id;         /* next IPv4 identification */
    uint64_t ip_sum;        /* IPv4 header without length, id and checksum */
    uint64_t pseudo_sum;    /* pseudo-header without the length */
};

struct rig_flow_spec {
    struct rig_mac src_mac;
    struct rig_mac dst_mac;
    struct rig_endpoint src;
    struct rig_endpoint dst; /* of src's family */
    uint8_t tos;
    uint8_t ttl;
};

void rig_flow_init(struct rig_flow *flow, const struct rig_flow_spec *spec);

/*
 * Write the headers for `payload_len` bytes at `out` (room for hdr_len_bytes) and describe the
 * offloads in `offload`. gso_size 0: one datagram; else a super-frame of datagrams of gso_size
 * payload bytes (the last may be shorter), if they are more than one. The payload is at most what
 * IP's length can say (65507 bytes with IPv4, 65527 with IPv6). The UDP checksum is always left
 * as NEEDS_CSUM; call rig_csum_complete for a port that cannot.
 */
void rig_flow_stamp(struct rig_flow *flow, uint8_t *out, uint32_t payload_len_bytes,
                    uint16_t gso_size_bytes, struct rig_offload *offload);

#endif
