/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct virtio_net_hdr (virtio 1.2 section 5.1.6) to and from a frame's offload metadata. The
 * legacy layout of 10 bytes and the one with num_buffers (12) are the same in the first 10;
 * fields are little-endian (on this project's hosts that is the native order, which tap and
 * AF_PACKET use).
 */
#ifndef RIG_VIRTIO_NET_HDR_H
#define RIG_VIRTIO_NET_HDR_H

#include "frame/frame.h"

#define RIG_VIRTIO_NET_HDR_BYTES     10u
#define RIG_VIRTIO_NET_HDR_MRG_BYTES 12u

/* Write `offload` as the first 10 bytes of a header. */
void rig_virtio_net_hdr_write(uint8_t out[static RIG_VIRTIO_NET_HDR_BYTES],
                              const struct rig_offload *offload);

/*
 * Read a header that stands before `frame` (whose segments and length are set) into
 * frame->offload. False, with the offload cleared, if it has a type that nobody offered or its
 * fields do not fit the frame: such a frame is to be dropped and counted.
 */
bool rig_virtio_net_hdr_read(struct rig_frame *frame,
                             const uint8_t in[static RIG_VIRTIO_NET_HDR_BYTES]);

#endif
