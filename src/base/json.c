/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every byte goes through put(); once one does not fit (a place is kept for the NUL), or the
 * caller breaks JSON's nesting, `overflow` stays set and the text is void. So no caller checks
 * anything before rig_json_end().
 */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define F64_TEXT_BYTES 336 /* -DBL_MAX: sign, 309 digits, point, 9 digits, NUL */

static void put_bytes(struct rig_json *json, const char *bytes, size_t n)
{
    if (json->overflow || n >= json->size - json->len) {
        json->overflow = true;
        return;
    }
    memcpy(json->buf + json->len, bytes, n);
    json->len += n;
}

static void put(struct rig_json *json, const char *text)
{
    put_bytes(json, text, strlen(text));
}

/* The length of the UTF-8 sequence at `text` (RFC 3629), or 0 if there is none; then `*bad` is
 * how many bytes were a good beginning, at least one: they become one U+FFFD together, as the
 * Unicode standard (section 3.9, table 3-8) recommends. Stops at the NUL by itself. */
static size_t utf8_len(const unsigned char *text, size_t *bad)
{
    unsigned char lead = text[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *bad = 1;
    if (len == 0 || lead > 0xf4)
        return 0;
    /* The second byte alone excludes overlong forms, surrogates and what lies above U+10FFFF. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < len; i++, low = 0x80, high = 0xbf) {
        if (text[i] < low || text[i] > high) {
            *bad = i;
            return 0;
        }
    }
    return len;
}

static void put_escaped(struct rig_json *json, unsigned char c)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = strchr(names, c);
    char text[8];
    if (at)
        snprintf(text, sizeof(text), "\\%c", letters[at - names]);
    else
        snprintf(text, sizeof(text), "\\u%04x", c);
    put(json, text);
}

/* DEL is legal in JSON, but no terminal should meet it. */
static bool must_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void put_string(struct rig_json *json, const char *value)
{
    put(json, "\"");
    const unsigned char *p = (const unsigned char *)value;
    while (*p != '\0' && !json->overflow) {
        size_t bad, len = utf8_len(p, &bad);
        if (len == 0)
            put(json, "\xef\xbf\xbd");
        else if (must_escape(*p))
            put_escaped(json, *p);
        else
            put_bytes(json, (const char *)p, len);
        p += len ? len : bad;
    }
    put(json, "\"");
}

/* What stands before a value: a comma, and in an object the key. */
static void begin_value(struct rig_json *json, const char *key)
{
    if (json->depth == 0) {
        json->overflow = true;
        return;
    }
    bool in_object = json->closer[json->depth - 1] == '}';
    if (in_object != (key != NULL)) {
        json->overflow = true;
        return;
    }
    if (json->comma[json->depth - 1])
        put(json, ",");
    json->comma[json->depth - 1] = true;
    if (key) {
        put_string(json, key);
        put(json, ":");
    }
}

static void open_nest(struct rig_json *json, char opener, char closer)
{
    if (json->depth == RIG_JSON_DEPTH_MAX) {
        json->overflow = true;
        return;
    }
    json->comma[json->depth] = false;
    json->closer[json->depth] = closer;
    json->depth++;
    put_bytes(json, &opener, 1);
}

void rig_json_begin(struct rig_json *json, char *buf, size_t size)
{
    *json = (struct rig_json){.buf = buf, .size = size};
    open_nest(json, '{', '}');
}

void rig_json_str(struct rig_json *json, const char *key, const char *value)
{
    begin_value(json, key);
    if (value)
        put_string(json, value);
    else
        put(json, "null");
}

void rig_json_u64(struct rig_json *json, const char *key, uint64_t value)
{
    char text[24];
    begin_value(json, key);
    snprintf(text, sizeof(text), "%" PRIu64, value);
    put(json, text);
}

void rig_json_i64(struct rig_json *json, const char *key, int64_t value)
{
    char text[24];
    begin_value(json, key);
    snprintf(text, sizeof(text), "%" PRId64, value);
    put(json, text);
}

/* "-0.00" is a number in JSON but puzzles readers. */
static const char *without_zeros_sign(const char *text)
{
    return text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1) ? text + 1 : text;
}

void rig_json_f64(struct rig_json *json, const char *key, double value, int decimals)
{
    char text[F64_TEXT_BYTES];
    begin_value(json, key);
    if (!__builtin_isfinite(value)) {
        put(json, "null");
        return;
    }
    int digits = decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
    snprintf(text, sizeof(text), "%.*f", digits, value);
    put(json, without_zeros_sign(text));
}

void rig_json_bool(struct rig_json *json, const char *key, bool value)
{
    begin_value(json, key);
    put(json, value ? "true" : "false");
}

void rig_json_null(struct rig_json *json, const char *key)
{
    begin_value(json, key);
    put(json, "null");
}

void rig_json_object(struct rig_json *json, const char *key)
{
    begin_value(json, key);
    open_nest(json, '{', '}');
}

void rig_json_array(struct rig_json *json, const char *key)
{
    begin_value(json, key);
    open_nest(json, '[', ']');
}

void rig_json_close(struct rig_json *json)
{
    if (json->depth == 0) {
        json->overflow = true;
        return;
    }
    json->depth--;
    put_bytes(json, &json->closer[json->depth], 1);
}

const char *rig_json_end(struct rig_json *json)
{
    while (json->depth > 0)
        rig_json_close(json);
    if (json->overflow)
        return NULL;
    json->buf[json->len] = '\0';
    return json->buf;
}
