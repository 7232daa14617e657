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

    char old[RIG_ERR_TEXT_BYTES];
    memcpy(old, err->text, sizeof(old));
    size_t len = strlen(place);
    memcpy(err->text, place, len + 1);
    snprintf(err->text + len, sizeof(err->text) - len, ": %s", old);
}
