/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's view of the compiler. */
#ifndef RIG_LWIP_ARCH_CC_H
#define RIG_LWIP_ARCH_CC_H

#include <errno.h>
#include <stdint.h>

/* The next of the numbers that the stack draws from, too (rig_lwip.c). */
uint32_t rig_lwip_rand(void);
#define LWIP_RAND() rig_lwip_rand()

/* Nothing below src/cli prints. */
#define LWIP_PLATFORM_DIAG(x)
/* A broken invariant of lwIP: stop here, where a core dump says why. */
#define LWIP_PLATFORM_ASSERT(x) __builtin_trap()

#endif
