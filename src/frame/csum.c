/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One's complement addition is associative and its carries wrap around, so 32-bit words may be
 * summed in 64-bit accumulators and folded at the very end (RFC 1071 section 2). Four accumulators
 * keep four additions in flight.
 */
#include "frame/csum.h"

#include <string.h>

#define BLOCK_BYTES 32u

static uint64_t add_word(uint64_t sum, uint64_t word)
{
    return sum + (word & UINT32_MAX) + (word >> 32);
}

uint64_t rig_csum_add(uint64_t sum, const void *data, uint32_t len_bytes)
{
    const uint8_t *at = data;
    uint64_t sums[4] = {sum};
    for (; len_bytes >= BLOCK_BYTES; at += BLOCK_BYTES, len_bytes -= BLOCK_BYTES) {
        uint64_t words[4];
        memcpy(words, at, sizeof(words));
        for (int i = 0; i < 4; i++)
            sums[i] = add_word(sums[i], words[i]);
    }
    sum = sums[0] + sums[1] + sums[2] + sums[3];
    for (; len_bytes >= 8; at += 8, len_bytes -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        sum = add_word(sum, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, at, len_bytes);
    return add_word(sum, rest);
}

uint16_t rig_csum_fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)sum;
}

uint16_t rig_csum_finish(uint64_t sum)
{
    return (uint16_t)~rig_csum_fold(sum);
}

uint64_t rig_csum_pseudo(const struct rig_addr *src, const struct rig_addr *dst, uint8_t proto,
                         uint32_t l4_len_bytes)
{
    uint32_t addr_bytes = src->family == 6 ? 16 : 4;
    uint64_t sum = rig_csum_add(0, src->bytes, addr_bytes);
    sum = rig_csum_add(sum, dst->bytes, addr_bytes);
    /* IPv4 has 16 bits of length where IPv6 has 32; the sum is the same. */
    return sum + __builtin_bswap32(l4_len_bytes) + ((uint64_t)proto << 8);
}

/* Sum [offset, end of frame). A piece of odd length puts the next one at an odd place, where its
 * bytes count in the other half of their words. */
static uint64_t sum_from(const struct rig_frame *frame, uint32_t offset_bytes)
{
    uint64_t sum = 0;
    bool odd = false;
    for (uint32_t i = 0; i < frame->n_segs; i++) {
        const struct rig_seg *seg = &frame->seg[i];
        if (offset_bytes >= seg->len_bytes) {
            offset_bytes -= seg->len_bytes;
            continue;
        }
        uint32_t n = seg->len_bytes - offset_bytes;
        uint16_t part = rig_csum_fold(rig_csum_add(0, seg->base + offset_bytes, n));
        sum += odd ? __builtin_bswap16(part) : part;
        odd ^= n & 1;
        offset_bytes = 0;
    }
    return sum;
}

bool rig_csum_complete(struct rig_frame *frame)
{
    struct rig_offload *offload = &frame->offload;
    if (!offload->needs_csum)
        return true;
    uint32_t field_at = (uint32_t)offload->csum_start_bytes + offload->csum_offset_bytes;
    uint8_t *field = rig_frame_at(frame, field_at, 2);
    if (!field || offload->csum_start_bytes >= frame->len_bytes)
        return false;
    /* The field holds the pseudo-header's sum, so that summing it in completes the checksum. */
    uint16_t csum = rig_csum_finish(sum_from(frame, offload->csum_start_bytes));
    /* 0 means "none" to UDP (RFC 768); the other zero is as good to everyone. */
    if (csum == 0)
        csum = UINT16_MAX;
    memcpy(field, &csum, sizeof(csum));
    offload->needs_csum = false;
    return true;
}
