/* SPDX-License-Identifier: BSD-2-Clause */
/* Where lwIP asks us (lwipopts.h names the hooks, since lwIP's headers look for them). */
#ifndef RIG_LWIP_HOOKS_H
#define RIG_LWIP_HOOKS_H

#include "lwip/ip4_addr.h"
#include "lwip/ip6_addr.h"
#include "lwip/netif.h"

/* The interface that owns `src`: an answer leaves by the interface that was asked. */
struct netif *rig_lwip_route_src(const ip4_addr_t *src, const ip4_addr_t *dest);

/* The IPv6 gateway that was set by hand, or NULL. */
const ip6_addr_t *rig_lwip_gateway6(struct netif *netif, const ip6_addr_t *dest);

#endif
