/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as values: IPv4/IPv6 address, address with port, prefix, MAC. Parsing and
 * printing only; name resolution is the business of a platform. Addresses are held in
 * network byte order (the order of the bytes on the wire), ports in host order.
 */
#ifndef RIG_BASE_ADDR_H
#define RIG_BASE_ADDR_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define RIG_MAC_BYTES         6
#define RIG_ADDR_TEXT_MAX     64 /* longest text of an address with scope, with its NUL */
#define RIG_ENDPOINT_TEXT_MAX 80
#define RIG_MAC_TEXT_MAX      18

struct rig_addr {
    uint8_t family;    /* 0 unset, 4 or 6 */
    uint8_t bytes[16]; /* 4 or 16 of them are used, the rest is zero */
    uint32_t scope_id; /* interface index of an IPv6 link-local address, else 0 */
};

struct rig_endpoint {
    struct rig_addr addr;
    uint16_t port; /* host order */
};

struct rig_prefix {
    struct rig_addr addr;
    uint8_t len_bits;
};

struct rig_mac {
    uint8_t bytes[RIG_MAC_BYTES];
};

/* "10.0.0.1", "fe80::1" (a %scope must be a number). -EINVAL with a sentence. */
int rig_addr_parse(struct rig_addr *addr, const char *text, struct rig_err *err);
/* Returns `buf`. */
char *rig_addr_format(const struct rig_addr *addr, char buf[static RIG_ADDR_TEXT_MAX]);
bool rig_addr_equal(const struct rig_addr *a, const struct rig_addr *b);
bool rig_addr_is_any(const struct rig_addr *addr);
bool rig_addr_is_multicast(const struct rig_addr *addr);
bool rig_addr_is_link_local(const struct rig_addr *addr);
/* A v4-mapped IPv6 address (::ffff:a.b.c.d) becomes its IPv4 address; others stay. */
void rig_addr_unmap(struct rig_addr *addr);

bool rig_endpoint_equal(const struct rig_endpoint *a, const struct rig_endpoint *b);
/* A hash that spreads ports and low address bits; the same for equal endpoints. */
uint32_t rig_endpoint_hash(const struct rig_endpoint *endpoint);
/* "10.0.0.1:5001", "[fe80::1]:5001". Returns `buf`. */
char *rig_endpoint_format(const struct rig_endpoint *endpoint,
                          char buf[static RIG_ENDPOINT_TEXT_MAX]);

/* "10.0.0.1/24": the length is required and at most 32 or 128. */
int rig_prefix_parse(struct rig_prefix *prefix, const char *text, struct rig_err *err);
bool rig_prefix_contains(const struct rig_prefix *prefix, const struct rig_addr *addr);

/* "02:00:00:00:00:01" (also with '-'). */
int rig_mac_parse(struct rig_mac *mac, const char *text, struct rig_err *err);
char *rig_mac_format(const struct rig_mac *mac, char buf[static RIG_MAC_TEXT_MAX]);

#endif
