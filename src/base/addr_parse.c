/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts become addresses. A small scanner (`take_*`) walks the text and moves its cursor only
 * past what it understood; each parse function fills a local value and hands it over when the
 * whole text was taken, so a refused text leaves the caller's value as it was.
 *
 * Stricter than inet_aton(): four decimal parts, no leading zero (an old inet_aton() read "010"
 * as octal eight; nobody should have to wonder).
 */
#include "base/addr.h"

#include <errno.h>
#include <string.h>

#define GROUPS 8 /* 16-bit groups of an IPv6 address */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool take_char(const char **cursor, char c)
{
    if (**cursor != c)
        return false;
    (*cursor)++;
    return true;
}

/* A decimal number up to `max`, without leading zeros. */
static bool take_decimal(const char **cursor, uint32_t max, uint32_t *value)
{
    const char *p = *cursor;
    uint64_t sum = 0;
    if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
        return false;
    for (; is_digit(*p); p++) {
        sum = sum * 10 + (uint64_t)(*p - '0');
        if (sum > max)
            return false;
    }
    *value = (uint32_t)sum;
    *cursor = p;
    return true;
}

static bool take_v4(const char **cursor, uint8_t bytes[static 4])
{
    const char *p = *cursor;
    for (int i = 0; i < 4; i++) {
        uint32_t part;
        if ((i > 0 && !take_char(&p, '.')) || !take_decimal(&p, 255, &part))
            return false;
        bytes[i] = (uint8_t)part;
    }
    *cursor = p;
    return true;
}

static bool take_hex_group(const char **cursor, uint8_t bytes[static 2])
{
    const char *p = *cursor;
    unsigned value = 0, digits = 0;
    for (; hex_value(*p) >= 0; p++) {
        value = value << 4 | (unsigned)hex_value(*p);
        if (++digits > 4)
            return false;
    }
    if (digits == 0)
        return false;
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
    *cursor = p;
    return true;
}

/* What was read of an IPv6 address: `count` groups, and before which of them "::" stood. */
struct v6_text {
    uint8_t bytes[16];
    size_t count;
    int gap_at; /* -1: no "::" */
};

/* The next group, or a dotted IPv4 address as the last two. */
static bool take_v6_part(const char **cursor, struct v6_text *text, bool *last)
{
    uint8_t *at = text->bytes + 2 * text->count;
    *last = false;
    if (text->count + 2 <= GROUPS && take_v4(cursor, at)) {
        text->count += 2;
        *last = true;
        return true;
    }
    if (text->count == GROUPS || !take_hex_group(cursor, at))
        return false;
    text->count++;
    return true;
}

static bool take_v6_text(const char **cursor, struct v6_text *text)
{
    bool last = false;
    if (strncmp(*cursor, "::", 2) == 0) {
        *cursor += 2;
        text->gap_at = 0;
        if (hex_value(**cursor) < 0)
            return true;
    }
    while (take_v6_part(cursor, text, &last)) {
        if (last || !take_char(cursor, ':'))
            return true;
        if (!take_char(cursor, ':'))
            continue;
        if (text->gap_at >= 0)
            return false;
        text->gap_at = (int)text->count;
        if (hex_value(**cursor) < 0)
            return true;
    }
    return false;
}

static bool take_v6(const char **cursor, uint8_t bytes[static 16])
{
    struct v6_text text = {.gap_at = -1};
    if (!take_v6_text(cursor, &text))
        return false;
    if (text.gap_at < 0 ? text.count != GROUPS : text.count >= GROUPS)
        return false;
    size_t head = 2 * (size_t)(text.gap_at < 0 ? GROUPS : text.gap_at);
    size_t tail = 2 * text.count - (text.gap_at < 0 ? 16 : head);
    memset(bytes, 0, 16);
    memcpy(bytes, text.bytes, head);
    memcpy(bytes + 16 - tail, text.bytes + head, tail);
    return true;
}

static bool take_addr(const char **cursor, struct rig_addr *addr)
{
    const char *p = *cursor;
    if (take_v4(&p, addr->bytes)) {
        addr->family = 4;
    } else {
        p = *cursor;
        *addr = (struct rig_addr){.family = 6};
        if (!take_v6(&p, addr->bytes))
            return false;
    }
    *cursor = p;
    return true;
}

int rig_addr_parse(struct rig_addr *addr, const char *text, struct rig_err *err)
{
    const char *p = text;
    struct rig_addr parsed = {0};
    if (!take_addr(&p, &parsed))
        return rig_err_set(err, -EINVAL,
                           "'%.64s' is not an IPv4 (10.0.0.1) or IPv6 (fe80::1) address", text);
    if (*p == '%') {
        p++;
        bool scoped = parsed.family == 6 &&
                      (rig_addr_is_link_local(&parsed) || rig_addr_is_multicast(&parsed));
        if (!scoped || !take_decimal(&p, UINT32_MAX, &parsed.scope_id) || parsed.scope_id == 0)
            return rig_err_set(err, -EINVAL,
                               "'%.64s' has a wrong scope: a link-local IPv6 address may have an "
                               "interface number of 1 or more, as in fe80::1%%2",
                               text);
    }
    if (*p != '\0')
        return rig_err_set(err, -EINVAL, "'%.64s' is not an address: '%.16s' follows it", text, p);
    *addr = parsed;
    return 0;
}

int rig_prefix_parse(struct rig_prefix *prefix, const char *text, struct rig_err *err)
{
    const char *p = text;
    struct rig_prefix parsed = {0};
    uint32_t len_bits;
    if (!take_addr(&p, &parsed.addr))
        return rig_err_set(err, -EINVAL,
                           "'%.64s' does not begin with an address; a prefix is "
                           "'10.0.0.1/24' or 'fd00::1/64'",
                           text);
    unsigned max_bits = parsed.addr.family == 4 ? 32 : 128;
    if (!take_char(&p, '/') || !take_decimal(&p, max_bits, &len_bits) || *p != '\0')
        return rig_err_set(err, -EINVAL,
                           "'%.64s' needs a prefix length behind the address: /0 to /%u", text,
                           max_bits);
    parsed.len_bits = (uint8_t)len_bits;
    *prefix = parsed;
    return 0;
}

int rig_mac_parse(struct rig_mac *mac, const char *text, struct rig_err *err)
{
    const char *p = text;
    struct rig_mac parsed;
    char separator = strlen(text) > 2 && text[2] == '-' ? '-' : ':';
    for (int i = 0; i < RIG_MAC_BYTES; i++) {
        if ((i > 0 && !take_char(&p, separator)) || hex_value(p[0]) < 0 || hex_value(p[1]) < 0)
            goto refuse;
        parsed.bytes[i] = (uint8_t)(hex_value(p[0]) << 4 | hex_value(p[1]));
        p += 2;
    }
    if (*p != '\0')
        goto refuse;
    *mac = parsed;
    return 0;
refuse:
    return rig_err_set(err, -EINVAL,
                       "'%.64s' is not a MAC address: six pairs of hex digits, as in "
                       "02:00:00:00:00:01",
                       text);
}
