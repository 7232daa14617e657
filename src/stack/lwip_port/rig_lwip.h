/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform under lwIP: time, random numbers, checksums and the hooks' data. */
#ifndef RIG_STACK_RIG_LWIP_H
#define RIG_STACK_RIG_LWIP_H

#include <lwip/netif.h>
#include <stdint.h>

/* Every interface of this process's lwIP is the first member of one of these. */
struct rig_lwip_netif {
    struct netif netif;
    ip6_addr_t gateway6; /* any: routers advertise themselves */
};

/* Start lwIP, once in a process; later calls only stir `seed` into the random numbers. */
void rig_lwip_start(uint64_t seed);

/* Give an Ethernet frame to lwIP, which frees it. */
void rig_lwip_input(struct netif *netif, struct pbuf *frame);

/* A permanent ARP entry on this interface. lwIP finds the interface of an entry by routing, so it
 * needs an address by now. */
void rig_lwip_add_arp(struct netif *netif, const ip4_addr_t *addr, const uint8_t mac[6]);

/* A neighbour entry that is reachable from now on until it ages: call it again before that. */
void rig_lwip_refresh_nd6(struct netif *netif, const ip6_addr_t *addr, const uint8_t mac[6]);

#endif
