/* SPDX-License-Identifier: BSD-2-Clause */
/* The names that -S takes. */
#ifndef RIG_CLI_IPERF_TOS_H
#define RIG_CLI_IPERF_TOS_H

#include "base/err.h"

#include <stdint.h>

/* A number (decimal, 0x hexadecimal or 0 octal) up to 255, or a name of RFC 2474, 2597, 3246, 8622
 * or 1349. -EINVAL with a sentence. */
int rig_iperf_tos_parse(uint8_t *tos, const char *text, struct rig_err *err);

#endif
