/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/frame.h"
#include "frame/packet.h"
#include "frame/wire.h"

#include <string.h>

void rig_frame_init(struct rig_frame *frame, uint8_t *bytes, uint32_t len_bytes)
{
    *frame = (struct rig_frame){.len_bytes = len_bytes, .n_segs = 1};
    frame->seg[0] = (struct rig_seg){.base = bytes, .len_bytes = len_bytes};
}

uint8_t *rig_frame_at(const struct rig_frame *frame, uint32_t offset_bytes, uint32_t len_bytes)
{
    for (uint32_t i = 0; i < frame->n_segs; i++) {
        const struct rig_seg *seg = &frame->seg[i];
        if (offset_bytes <= seg->len_bytes && len_bytes <= seg->len_bytes - offset_bytes)
            return seg->base + offset_bytes;
        if (offset_bytes < seg->len_bytes)
            return NULL;
        offset_bytes -= seg->len_bytes;
    }
    return NULL;
}

bool rig_frame_copy(const struct rig_frame *frame, uint32_t offset_bytes, void *out,
                    uint32_t len_bytes)
{
    if (offset_bytes > frame->len_bytes || len_bytes > frame->len_bytes - offset_bytes)
        return false;
    uint8_t *to = out;
    for (uint32_t i = 0; i < frame->n_segs && len_bytes; i++) {
        const struct rig_seg *seg = &frame->seg[i];
        if (offset_bytes >= seg->len_bytes) {
            offset_bytes -= seg->len_bytes;
            continue;
        }
        uint32_t n = seg->len_bytes - offset_bytes;
        if (n > len_bytes)
            n = len_bytes;
        memcpy(to, seg->base + offset_bytes, n);
        to += n;
        len_bytes -= n;
        offset_bytes = 0;
    }
    return len_bytes == 0;
}

static bool is_csum_valid(const struct rig_frame *frame)
{
    const struct rig_offload *offload = &frame->offload;
    uint32_t field = (uint32_t)offload->csum_start_bytes + offload->csum_offset_bytes;
    return offload->csum_start_bytes >= RIG_ETH_HDR_BYTES && field + 2 <= frame->len_bytes;
}

bool rig_frame_offload_valid(const struct rig_frame *frame)
{
    const struct rig_offload *offload = &frame->offload;
    bool udp = offload->gso_type == RIG_GSO_UDP_L4;
    if (offload->needs_csum && !is_csum_valid(frame))
        return false;
    if (offload->gso_ecn && (udp || offload->gso_type == RIG_GSO_NONE))
        return false;
    if (offload->gso_type == RIG_GSO_NONE)
        return true;
    /* virtio 1.2 section 5.1.6.4.1: a super-frame's checksum is always left open. Headers and
     * payload there must be, or there is nothing to cut. */
    uint32_t l4_hdr = udp ? RIG_UDP_HDR_BYTES : RIG_TCP_HDR_BYTES;
    return offload->needs_csum && offload->gso_size_bytes > 0 &&
           offload->csum_offset_bytes == (udp ? RIG_UDP_CSUM : RIG_TCP_CSUM) &&
           offload->hdr_len_bytes >= offload->csum_start_bytes + l4_hdr &&
           offload->hdr_len_bytes < frame->len_bytes;
}
