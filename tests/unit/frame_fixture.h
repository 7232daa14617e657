/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames for tests, made and judged byte by byte: nothing here uses the code under test.
 */
#ifndef RIG_TESTS_FRAME_FIXTURE_H
#define RIG_TESTS_FRAME_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FX_L3   14u
#define FX_ROOM 66000u

static const uint8_t fx_v4_src[4] = {10, 0, 0, 1}, fx_v4_dst[4] = {10, 0, 0, 2};
static const uint8_t fx_v6_src[16] = {0xfd, [15] = 1}, fx_v6_dst[16] = {0xfd, [15] = 2};

static inline void fx_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline uint32_t fx_get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

/* RFC 1071, one word at a time, in host order. */
static inline uint32_t fx_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline uint32_t fx_pseudo(const uint8_t *ip, uint32_t proto, uint32_t l4_len)
{
    bool v4 = ip[0] >> 4 == 4;
    uint8_t tail[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)proto};
    fx_put16(tail, l4_len >> 16);
    fx_put16(tail + 2, l4_len);
    return fx_sum(fx_sum(0, ip + (v4 ? 12 : 8), v4 ? 8 : 32), tail, 8);
}

/* An Ethernet header, with `tags` VLAN tags; returns where the next header goes. */
static inline uint32_t fx_eth(uint8_t *out, uint32_t ethertype, uint32_t tags)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    memcpy(out, macs, sizeof(macs));
    for (uint32_t i = 0; i < tags; i++) {
        fx_put16(out + 12 + i * 4, i + 1 < tags ? 0x88a8 : 0x8100);
        fx_put16(out + 14 + i * 4, 7 + i);
    }
    fx_put16(out + 12 + tags * 4, ethertype);
    return FX_L3 + tags * 4;
}

/* An IPv4 header of `hdr` bytes (options are NOPs) before `len` bytes; returns its end. */
static inline uint32_t fx_ipv4(uint8_t *out, uint32_t at, uint8_t proto, uint32_t hdr, uint32_t len)
{
    uint8_t *ip = out + at;
    memset(ip, 1, hdr);
    memset(ip, 0, 20);
    ip[0] = (uint8_t)(0x40 | hdr / 4);
    ip[1] = 0xb8;
    fx_put16(ip + 2, hdr + len);
    fx_put16(ip + 4, 0xfffe);
    ip[8] = 61;
    ip[9] = proto;
    memcpy(ip + 12, fx_v4_src, 4);
    memcpy(ip + 16, fx_v4_dst, 4);
    fx_put16(ip + 10, ~fx_sum(0, ip, hdr));
    return at + hdr;
}

static inline uint32_t fx_ipv6(uint8_t *out, uint32_t at, uint8_t next, uint32_t len)
{
    uint8_t *ip = out + at;
    memset(ip, 0, 40);
    ip[0] = 0x6b; /* traffic class 0xb8 */
    ip[1] = 0x80;
    fx_put16(ip + 4, len);
    ip[6] = next;
    ip[7] = 61;
    memcpy(ip + 8, fx_v6_src, 16);
    memcpy(ip + 24, fx_v6_dst, 16);
    return at + 40;
}

/* Ports 5001 to 5002, the pseudo-header's sum in the checksum's place. */
static inline uint32_t fx_udp(uint8_t *out, uint32_t l3, uint32_t at, uint32_t payload)
{
    fx_put16(out + at, 5001);
    fx_put16(out + at + 2, 5002);
    fx_put16(out + at + 4, 8 + payload);
    fx_put16(out + at + 6, fx_pseudo(out + l3, 17, 8 + payload));
    return at + 8;
}

/* As fx_udp, with `hdr` bytes of header, ACK, PSH, FIN and CWR set. */
static inline uint32_t fx_tcp(uint8_t *out, uint32_t l3, uint32_t at, uint32_t hdr,
                              uint32_t payload)
{
    uint8_t *tcp = out + at;
    memset(tcp, 1, hdr);
    memset(tcp, 0, 20);
    fx_put16(tcp, 5001);
    fx_put16(tcp + 2, 5002);
    fx_put16(tcp + 4, 0xffff); /* the sequence number wraps at once */
    fx_put16(tcp + 6, 0xfff0);
    tcp[12] = (uint8_t)(hdr / 4 << 4);
    tcp[13] = 0x99;
    fx_put16(tcp + 16, fx_pseudo(out + l3, 6, hdr + payload));
    return at + hdr;
}

static inline void fx_fill(uint8_t *out, uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[at + i] = (uint8_t)(i * 7 + (i >> 8));
}

/* A whole frame of UDP with its payload, over IPv4 or IPv6; returns its length. */
static inline uint32_t fx_udp_frame(uint8_t *out, uint32_t version, uint32_t payload)
{
    uint32_t l3 = fx_eth(out, version == 4 ? 0x0800 : 0x86dd, 0);
    uint32_t l4 =
        version == 4 ? fx_ipv4(out, l3, 17, 20, 8 + payload) : fx_ipv6(out, l3, 17, 8 + payload);
    uint32_t at = fx_udp(out, l3, l4, payload);
    fx_fill(out, at, payload);
    return at + payload;
}

/* The same of TCP, with 12 bytes of options. */
static inline uint32_t fx_tcp_frame(uint8_t *out, uint32_t version, uint32_t payload)
{
    uint32_t l3 = fx_eth(out, version == 4 ? 0x0800 : 0x86dd, 0);
    uint32_t l4 =
        version == 4 ? fx_ipv4(out, l3, 6, 20, 32 + payload) : fx_ipv6(out, l3, 6, 32 + payload);
    uint32_t at = fx_tcp(out, l3, l4, 32, payload);
    fx_fill(out, at, payload);
    return at + payload;
}

/* Do IP's length, its checksum and that of the L4 header at `l4` hold for a frame of `len`? */
static inline bool fx_is_sound(const uint8_t *frame, uint32_t l3, uint32_t l4, uint32_t len)
{
    const uint8_t *ip = frame + l3;
    bool v4 = ip[0] >> 4 == 4;
    uint32_t claimed = fx_get16(ip + (v4 ? 2 : 4)) + (v4 ? 0 : 40);
    uint32_t proto = ip[v4 ? 9 : 6];
    if (claimed != len - l3 || (v4 && fx_sum(0, ip, (ip[0] & 15u) * 4) != 0xffff))
        return false;
    if (proto == 17 && (fx_get16(frame + l4 + 4) != len - l4 || !fx_get16(frame + l4 + 6)))
        return false;
    return fx_sum(fx_pseudo(ip, proto, len - l4), frame + l4, len - l4) == 0xffff;
}

#endif
