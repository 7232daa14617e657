/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values made of addresses: comparing, classifying, hashing, printing. Texts become values in
 * addr_parse.c. Nothing here asks libc's resolver or its inet_*() family, which the guest lacks.
 */
#include "base/addr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GROUPS 8 /* 16-bit groups of an IPv6 address */

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool rig_addr_equal(const struct rig_addr *a, const struct rig_addr *b)
{
    return a->family == b->family && a->scope_id == b->scope_id &&
           memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool rig_addr_is_any(const struct rig_addr *addr)
{
    static const uint8_t zero[16];
    return addr->family != 0 && memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

bool rig_addr_is_multicast(const struct rig_addr *addr)
{
    if (addr->family == 4)
        return (addr->bytes[0] & 0xf0) == 0xe0;
    return addr->family == 6 && addr->bytes[0] == 0xff;
}

bool rig_addr_is_link_local(const struct rig_addr *addr)
{
    if (addr->family == 4)
        return addr->bytes[0] == 169 && addr->bytes[1] == 254;
    return addr->family == 6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

void rig_addr_unmap(struct rig_addr *addr)
{
    if (addr->family != 6 || memcmp(addr->bytes, v4_mapped, sizeof(v4_mapped)) != 0)
        return;
    struct rig_addr v4 = {.family = 4};
    memcpy(v4.bytes, addr->bytes + sizeof(v4_mapped), 4);
    *addr = v4;
}

static unsigned group_at(const struct rig_addr *addr, size_t i)
{
    return (unsigned)addr->bytes[2 * i] << 8 | addr->bytes[2 * i + 1];
}

/* The longest run of zero groups, the first of equals; of one group only, none (RFC 5952 section
 * 4.2): start == GROUPS then. */
static void find_longest_zero_run(const struct rig_addr *addr, unsigned *start, unsigned *len)
{
    *start = GROUPS;
    *len = 1;
    for (unsigned i = 0; i < GROUPS; i++) {
        unsigned run = 0;
        while (i + run < GROUPS && group_at(addr, i + run) == 0)
            run++;
        if (run > *len) {
            *start = i;
            *len = run;
        }
        i += run;
    }
}

static void format_v4(const uint8_t *bytes, char *buf, size_t size)
{
    snprintf(buf, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

static void format_groups(const struct rig_addr *addr, char *buf, size_t size)
{
    unsigned gap_start, gap_len;
    find_longest_zero_run(addr, &gap_start, &gap_len);
    size_t len = 0;
    for (unsigned i = 0; i < GROUPS; i++) {
        if (i == gap_start) {
            len += (size_t)snprintf(buf + len, size - len, "::");
            i += gap_len - 1;
            continue;
        }
        const char *colon = i > 0 && i != gap_start + gap_len ? ":" : "";
        len += (size_t)snprintf(buf + len, size - len, "%s%x", colon, group_at(addr, i));
    }
}

static void format_v6(const struct rig_addr *addr, char *buf, size_t size)
{
    if (memcmp(addr->bytes, v4_mapped, sizeof(v4_mapped)) == 0) {
        memcpy(buf, "::ffff:", 7);
        format_v4(addr->bytes + sizeof(v4_mapped), buf + 7, size - 7);
    } else {
        format_groups(addr, buf, size);
    }
    size_t len = strlen(buf);
    if (addr->scope_id)
        snprintf(buf + len, size - len, "%%%" PRIu32, addr->scope_id);
}

char *rig_addr_format(const struct rig_addr *addr, char buf[static RIG_ADDR_TEXT_MAX])
{
    if (addr->family == 4)
        format_v4(addr->bytes, buf, RIG_ADDR_TEXT_MAX);
    else if (addr->family == 6)
        format_v6(addr, buf, RIG_ADDR_TEXT_MAX);
    else
        snprintf(buf, RIG_ADDR_TEXT_MAX, "unset");
    return buf;
}

bool rig_endpoint_equal(const struct rig_endpoint *a, const struct rig_endpoint *b)
{
    return a->port == b->port && rig_addr_equal(&a->addr, &b->addr);
}

/* One round of MurmurHash3's 64-bit finalizer (Appleby, public domain): every input bit reaches
 * every output bit, so a table may use the low bits alone. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash ^= word;
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
    return hash ^ (hash >> 33);
}

uint32_t rig_endpoint_hash(const struct rig_endpoint *endpoint)
{
    const struct rig_addr *addr = &endpoint->addr;
    uint64_t word[2];
    memcpy(word, addr->bytes, sizeof(word));
    uint64_t hash = mix((uint64_t)endpoint->port << 8 | addr->family, word[0]);
    hash = mix(hash, word[1]);
    hash = mix(hash, addr->scope_id);
    return (uint32_t)hash;
}

char *rig_endpoint_format(const struct rig_endpoint *endpoint,
                          char buf[static RIG_ENDPOINT_TEXT_MAX])
{
    char text[RIG_ADDR_TEXT_MAX];
    rig_addr_format(&endpoint->addr, text);
    const char *shape = endpoint->addr.family == 6 ? "[%s]:%u" : "%s:%u";
    snprintf(buf, RIG_ENDPOINT_TEXT_MAX, shape, text, endpoint->port);
    return buf;
}

static unsigned address_bits(uint8_t family)
{
    return family == 4 ? 32 : family == 6 ? 128 : 0;
}

bool rig_prefix_contains(const struct rig_prefix *prefix, const struct rig_addr *addr)
{
    unsigned len_bits = prefix->len_bits;
    if (addr->family != prefix->addr.family || addr->family == 0 ||
        len_bits > address_bits(addr->family))
        return false;
    unsigned whole = len_bits / 8;
    if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
        return false;
    unsigned rest_bits = len_bits % 8;
    if (rest_bits == 0)
        return true;
    uint8_t differ = prefix->addr.bytes[whole] ^ addr->bytes[whole];
    return (differ >> (8 - rest_bits)) == 0;
}

char *rig_mac_format(const struct rig_mac *mac, char buf[static RIG_MAC_TEXT_MAX])
{
    const uint8_t *b = mac->bytes;
    snprintf(buf, RIG_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
             b[5]);
    return buf;
}
