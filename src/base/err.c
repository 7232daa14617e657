/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int rig_err_set(struct rig_err *err, int code, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return code;
}

void rig_err_prefix(struct rig_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    char place[RIG_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(place, sizeof(place), fmt, args);
    va_end(args);

    /* Both together may be longer than the text: its end is cut. */
    size_t len = strlen(place);
    size_t room = sizeof(err->text) - 1 - len;
    size_t colon = room < 2 ? room : 2;
    size_t old_len = strnlen(err->text, room - colon);
    memmove(err->text + len + colon, err->text, old_len);
    memcpy(err->text, place, len);
    memcpy(err->text + len, ": ", colon);
    err->text[len + colon + old_len] = '\0';
}
