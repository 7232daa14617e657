/* SPDX-License-Identifier: BSD-2-Clause */
/* Big-endian numbers in memory, and where they stand in the headers that this layer reads and
 * writes (RFC 791, 8200, 768, 9293). */
#ifndef RIG_FRAME_WIRE_H
#define RIG_FRAME_WIRE_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "all hosts of this project are");

enum {
    RIG_IPV4_TOS = 1,
    RIG_IPV4_LEN = 2,
    RIG_IPV4_ID = 4,
    RIG_IPV4_FRAG = 6,
    RIG_IPV4_TTL = 8,
    RIG_IPV4_PROTO = 9,
    RIG_IPV4_CSUM = 10,
    RIG_IPV4_SRC = 12,
    RIG_IPV4_DST = 16,
    RIG_IPV6_LEN = 4,
    RIG_IPV6_NEXT = 6,
    RIG_IPV6_HOPS = 7,
    RIG_IPV6_SRC = 8,
    RIG_IPV6_DST = 24,
    RIG_UDP_LEN = 4,
    RIG_UDP_CSUM = 6,
    RIG_TCP_SEQ = 4,
    RIG_TCP_OFFSET = 12,
    RIG_TCP_FLAGS = 13,
    RIG_TCP_CSUM = 16,
};

/* A number as one that a checksum can add: its bytes in memory are in network order. */
static inline uint16_t rig_be16(uint32_t v)
{
    return __builtin_bswap16((uint16_t)v);
}

static inline uint32_t rig_be32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static inline uint16_t rig_get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t rig_get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void rig_put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void rig_put_be32(uint8_t *p, uint32_t v)
{
    rig_put_be16(p, v >> 16);
    rig_put_be16(p + 2, v);
}

#endif
