/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software segmentation: cut a super-frame (TCPV4, TCPV6 or UDP_L4) into frames that stand on
 * their own, with lengths, IPv4 identification, TCP sequence and flags, and full checksums set,
 * as the kernel's GSO does.
 */
#ifndef RIG_FRAME_SEGMENT_H
#define RIG_FRAME_SEGMENT_H

#include "frame/frame.h"

/* How many frames the cut makes; 1 for a frame that is none; 0 if its offload fields are wrong. */
uint32_t rig_segment_count(const struct rig_frame *frame);

/*
 * Write frame number `index` (0 .. count - 1) of the cut, contiguous and with its checksums, at
 * `out`, which has room for `room` bytes. Returns its length, or 0 if it does not fit or the
 * super-frame is malformed.
 */
uint32_t rig_segment_write(const struct rig_frame *frame, uint32_t index, uint8_t *out,
                           uint32_t room_bytes);

#endif
