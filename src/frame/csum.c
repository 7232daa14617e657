/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One's complement addition is associative and its carries wrap around, so 32-bit words may be
 * summed in 64-bit accumulators and folded at the very end (RFC 1071 section 2). The accumulators
 * are vectors of two: low and high halves of each 64-bit word apart, so that no carry is lost and
 * none has to be looked for. A sum stays so far below 2^64 that callers add to it with a plain +.
 */
#include "frame/csum.h"
#include "frame/wire.h"

#include <string.h>

#define BLOCK_BYTES 32u

typedef uint64_t lanes_t __attribute__((vector_size(16)));

static uint64_t add_word(uint64_t sum, uint64_t word)
{
    return sum + (word & UINT32_MAX) + (word >> 32);
}

static uint64_t add_blocks(uint64_t sum, const uint8_t *at, uint32_t len_bytes)
{
    const lanes_t low_half = {UINT32_MAX, UINT32_MAX};
    lanes_t low[2] = {{0}}, high[2] = {{0}};
    for (const uint8_t *end = at + len_bytes; at != end; at += BLOCK_BYTES) {
        lanes_t words[2];
        memcpy(words, at, sizeof(words));
        low[0] += words[0] & low_half;
        low[1] += words[1] & low_half;
        high[0] += words[0] >> 32;
        high[1] += words[1] >> 32;
    }
    lanes_t all = low[0] + low[1] + high[0] + high[1];
    return sum + all[0] + all[1];
}

/* Fewer than BLOCK_BYTES, without a call of memcpy for the last few. */
static uint64_t add_rest(uint64_t sum, const uint8_t *at, uint32_t len_bytes)
{
    for (; len_bytes >= 8; at += 8, len_bytes -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        sum = add_word(sum, word);
    }
    if (len_bytes & 4) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        sum += word;
        at += 4;
    }
    if (len_bytes & 2) {
        uint16_t word;
        memcpy(&word, at, sizeof(word));
        sum += word;
        at += 2;
    }
    return len_bytes & 1 ? sum + *at : sum; /* the low byte of a word, on a little-endian host */
}

uint64_t rig_csum_add(uint64_t sum, const void *data, uint32_t len_bytes)
{
    const uint8_t *at = data;
    uint32_t in_blocks = len_bytes - len_bytes % BLOCK_BYTES;
    if (in_blocks)
        sum = add_blocks(sum, at, in_blocks);
    return add_rest(sum, at + in_blocks, len_bytes - in_blocks);
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
    return sum + rig_be32(l4_len_bytes) + rig_be16(proto);
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
    if (!field || offload->gso_type != RIG_GSO_NONE)
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
