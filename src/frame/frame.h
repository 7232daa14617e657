/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame: an Ethernet frame without FCS, as a short list of segments, with the offload
 * metadata of virtio-net (virtio 1.2 section 5.1.6). A super-frame is up to 64 KiB of one
 * flow with `gso_type` set: whoever hands it on either passes it whole or cuts it once
 * (frame/segment.h).
 *
 * `len_bytes` excludes the FCS: RFC 2544's frame size is len + 4, on the wire + 24.
 */
#ifndef RIG_FRAME_FRAME_H
#define RIG_FRAME_FRAME_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define RIG_FRAME_SEGS_MAX            4
#define RIG_FRAME_BYTES_MAX           65550u /* 14 of Ethernet, 65535 of IP, rounded up */
#define RIG_FRAME_FCS_BYTES           4u
#define RIG_FRAME_WIRE_OVERHEAD_BYTES 24u /* FCS 4, preamble and SFD 8, gap 12 */

enum rig_gso {
    RIG_GSO_NONE,
    RIG_GSO_TCPV4,
    RIG_GSO_TCPV6,
    RIG_GSO_UDP_L4, /* "USO": one UDP header, datagrams of gso_size_bytes */
};

/* What the sender left for a lower layer to do, or what a receiver was promised. */
struct rig_offload {
    enum rig_gso gso_type;
    bool gso_ecn;               /* the TCP super-frame has CWR set (virtio GSO_ECN) */
    bool needs_csum;            /* checksum from csum_start to the end is to be filled in at
                                   csum_start + csum_offset; the pseudo-header sum is there */
    bool data_valid;            /* received: the checksum was verified below */
    uint16_t gso_size_bytes;    /* L4 payload bytes of each frame once cut */
    uint16_t hdr_len_bytes;     /* Ethernet to the end of the L4 header, for gso_type != NONE */
    uint16_t csum_start_bytes;  /* from the start of the frame */
    uint16_t csum_offset_bytes; /* from csum_start */
};

struct rig_seg {
    uint8_t *base;
    uint32_t len_bytes;
};

struct rig_frame {
    struct rig_offload offload;
    uint32_t len_bytes;  /* sum of the segments */
    uint32_t room_bytes; /* reserved for sending: writable bytes at seg[0].base */
    uint32_t n_segs;
    rig_ns_t rx_wall_ns; /* received: the stamp of the port's source, 0 if it has none */
    struct rig_seg seg[RIG_FRAME_SEGS_MAX];
};

/* A frame of `len_bytes` contiguous bytes without offloads. */
void rig_frame_init(struct rig_frame *frame, uint8_t *bytes, uint32_t len_bytes);

/*
 * The one checked accessor: bytes [offset, offset + len) of the frame as contiguous
 * memory, or NULL if they are not all in the frame or do not lie in one segment.
 */
uint8_t *rig_frame_at(const struct rig_frame *frame, uint32_t offset_bytes, uint32_t len_bytes);

/* Copy [offset, offset + len) out, whatever the segments; false if not all in the frame. */
bool rig_frame_copy(const struct rig_frame *frame, uint32_t offset_bytes, void *out,
                    uint32_t len_bytes);

/* True if the offload fields agree with the frame's length and with one another. Whatever
 * comes from a peer must pass before anyone acts on it. */
bool rig_frame_offload_valid(const struct rig_frame *frame);

#endif
