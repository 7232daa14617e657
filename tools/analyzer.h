/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included by `make lint` before each source but err.c: clang's analyzer sees one file at a time,
 * and must be told that rig_err_set returns its code, or it follows each failure as a success.
 */
#include "base/err.h"

#define rig_err_set(err, code, ...)                                                                \
    ({                                                                                             \
        int code_ = (code);                                                                        \
        (void)(rig_err_set)(err, code_, __VA_ARGS__);                                              \
        code_;                                                                                     \
    })
