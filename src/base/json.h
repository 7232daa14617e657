/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A streaming writer of one JSON text (RFC 8259) into the caller's buffer: no allocation,
 * always valid. A number that is not finite is written as null. Strings are escaped; bytes
 * that are not UTF-8 become U+FFFD. When the buffer is too small nothing of the text is
 * usable and `rig_json_end` says so.
 *
 *     struct rig_json json;
 *     rig_json_begin(&json, buf, sizeof(buf));   {"event":"interval",
 *     rig_json_str(&json, "event", "interval");
 *     rig_json_object(&json, "latency_us");       "latency_us":{"p50":12.5}}
 *     rig_json_f64(&json, "p50", 12.5, 3);
 *     rig_json_close(&json);
 *     const char *line = rig_json_end(&json);
 *
 * Inside an array the key is NULL.
 */
#ifndef RIG_BASE_JSON_H
#define RIG_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_JSON_DEPTH_MAX 16

struct rig_json {
    char *buf;
    size_t size;
    size_t len;
    bool overflow;
    uint8_t depth;
    bool comma[RIG_JSON_DEPTH_MAX];
    char closer[RIG_JSON_DEPTH_MAX];
};

/* Open the outermost object. */
void rig_json_begin(struct rig_json *json, char *buf, size_t size);
void rig_json_str(struct rig_json *json, const char *key, const char *value); /* NULL: null */
void rig_json_u64(struct rig_json *json, const char *key, uint64_t value);
void rig_json_i64(struct rig_json *json, const char *key, int64_t value);
/* Fixed notation with `decimals` digits behind the point (0..9). */
void rig_json_f64(struct rig_json *json, const char *key, double value, int decimals);
void rig_json_bool(struct rig_json *json, const char *key, bool value);
void rig_json_null(struct rig_json *json, const char *key);
void rig_json_object(struct rig_json *json, const char *key);
void rig_json_array(struct rig_json *json, const char *key);
/* Close the innermost object or array. */
void rig_json_close(struct rig_json *json);
/* Close all that is open; the text without a newline, or NULL if it did not fit. */
const char *rig_json_end(struct rig_json *json);

#endif
