/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a frame with any virtio-net header: parse, judge, complete, cut.
 *
 * Input: one byte that says where the frame's first segment ends (0: there is one only), ten bytes
 * of struct virtio_net_hdr, the frame. Segments lie in memory of their exact size.
 */
#include "frame/csum.h"
#include "frame/packet.h"
#include "frame/segment.h"
#include "virtio/net_hdr.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_HDR_BYTES (1 + RIG_VIRTIO_NET_HDR_BYTES)
#define PIECES_MAX      64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[RIG_FRAME_BYTES_MAX];

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct rig_seg copy_of(const uint8_t *bytes, uint32_t len_bytes)
{
    struct rig_seg seg = {.base = malloc(len_bytes ? len_bytes : 1), .len_bytes = len_bytes};
    must(seg.base != NULL);
    memcpy(seg.base, bytes, len_bytes);
    return seg;
}

static void make_frame(struct rig_frame *frame, const uint8_t *data, uint32_t len_bytes,
                       uint32_t split_bytes)
{
    *frame = (struct rig_frame){.len_bytes = len_bytes, .n_segs = 1};
    if (split_bytes && split_bytes < len_bytes) {
        frame->seg[1] = copy_of(data + split_bytes, len_bytes - split_bytes);
        frame->n_segs = 2;
        len_bytes = split_bytes;
    }
    frame->seg[0] = copy_of(data, len_bytes);
}

static void check_parse(const struct rig_frame *frame)
{
    struct rig_packet packet;
    if (!rig_packet_parse(&packet, frame) || !packet.ip_version)
        return;
    must(packet.l3_offset_bytes < packet.payload_offset_bytes);
    must(!packet.l4_offset_bytes || (packet.l3_offset_bytes < packet.l4_offset_bytes &&
                                     packet.l4_offset_bytes < packet.payload_offset_bytes));
    must(packet.payload_offset_bytes <= frame->len_bytes);
    must(packet.payload_len_bytes <= frame->len_bytes - packet.payload_offset_bytes);
    must(!packet.is_fragment || !packet.l4_offset_bytes);
}

static void check_piece(const struct rig_frame *frame, uint32_t index)
{
    uint32_t len = rig_segment_write(frame, index, out, sizeof(out));
    must(len > 0 && len <= frame->len_bytes);
    must(rig_segment_write(frame, index, out, len - 1) == 0);
    if (frame->offload.gso_type == RIG_GSO_NONE)
        return;
    struct rig_frame piece;
    struct rig_packet packet;
    rig_frame_init(&piece, out, len);
    must(rig_packet_parse(&packet, &piece));
    must(packet.payload_offset_bytes == frame->offload.hdr_len_bytes);
    must(packet.payload_offset_bytes + packet.payload_len_bytes == len);
}

static void check_cut(const struct rig_frame *frame)
{
    uint32_t n = rig_segment_count(frame);
    must(rig_segment_write(frame, n, out, sizeof(out)) == 0);
    for (uint32_t i = 0; i < n && i < PIECES_MAX; i++)
        check_piece(frame, i);
    if (n)
        check_piece(frame, n - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= INPUT_HDR_BYTES || size > INPUT_HDR_BYTES + RIG_FRAME_BYTES_MAX)
        return 0;
    struct rig_frame frame;
    make_frame(&frame, data + INPUT_HDR_BYTES, (uint32_t)size - INPUT_HDR_BYTES, data[0]);
    check_parse(&frame);
    if (rig_virtio_net_hdr_read(&frame, data + 1)) {
        must(rig_frame_offload_valid(&frame));
        check_cut(&frame);
        rig_csum_complete(&frame);
    }
    free(frame.seg[0].base);
    free(frame.seg[1].base);
    return 0;
}
