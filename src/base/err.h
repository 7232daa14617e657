/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of the control path.
 *
 * A function that can fail returns 0 or a negative errno and takes a
 * `struct rig_err *` as its last argument (NULL: no text wanted). On failure the
 * text holds one sentence without a full stop: what failed, where, what is
 * allowed. The object that was asked for is unchanged. Nothing below src/cli prints.
 */
#ifndef RIG_BASE_ERR_H
#define RIG_BASE_ERR_H

#define RIG_ERR_TEXT_BYTES 320

struct rig_err {
    char text[RIG_ERR_TEXT_BYTES];
};

/* Write the sentence (cut at RIG_ERR_TEXT_BYTES - 1) and return `code`, a negative errno. */
int rig_err_set(struct rig_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put a place in front of a sentence that is already there: "PLACE: sentence". */
void rig_err_prefix(struct rig_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
