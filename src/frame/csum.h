/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071), fast on long buffers. Sums are in network order of memory:
 * store the result as it is, without htons. */
#ifndef RIG_FRAME_CSUM_H
#define RIG_FRAME_CSUM_H

#include "base/addr.h"
#include "frame/frame.h"

/* Unfolded one's complement sum of `len` bytes added to `sum`; an odd length is padded with 0, so
 * only the last piece of a sum may be odd. Unfolded sums may be added with +. */
uint64_t rig_csum_add(uint64_t sum, const void *data, uint32_t len_bytes);
/* Fold to 16 bits without complementing (what NEEDS_CSUM wants as the pseudo-header sum). */
uint16_t rig_csum_fold(uint64_t sum);
/* Fold and complement. */
uint16_t rig_csum_finish(uint64_t sum);
/* Pseudo-header of IPv4 (RFC 768, 9293) or IPv6 (RFC 8200 section 8.1); both addresses of one
 * family. */
uint64_t rig_csum_pseudo(const struct rig_addr *src, const struct rig_addr *dst, uint8_t proto,
                         uint32_t l4_len_bytes);
/* Do what needs_csum asks for, in place, and clear it; true if nothing was asked. False if the
 * fields do not fit the frame, or if it is a super-frame: only its pieces have checksums. */
bool rig_csum_complete(struct rig_frame *frame);

#endif
