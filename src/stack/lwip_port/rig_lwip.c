/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform under lwIP. It is part of lwIP's library, not of the layer: lwIP wants global
 * functions (sys_now, a random number) and keeps its own state in globals; the generator below is
 * one more of them.
 */
#include "stack/lwip_port/rig_lwip.h"

#include "base/clock.h"
#include "base/prng.h"
#include "frame/csum.h"

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include <string.h>

#include "rig_lwip_hooks.h"

static struct rig_prng prng;

u32_t sys_now(void)
{
    return (u32_t)(rig_clock_ns() / RIG_NS_PER_MS);
}

uint32_t rig_lwip_rand(void)
{
    return (uint32_t)(rig_prng_u64(&prng) >> 32);
}

uint16_t rig_lwip_chksum(const void *data, int len_bytes)
{
    return rig_csum_fold(rig_csum_add(0, data, (uint32_t)len_bytes));
}

void rig_lwip_start(uint64_t seed)
{
    /* The old state is stirred in: two stacks of one seed must not draw the same MAC. */
    rig_prng_init(&prng, seed ^ rig_prng_u64(&prng));
    /* A started lwIP always has its cyclic timers. */
    if (sys_timeouts_sleeptime() == SYS_TIMEOUTS_SLEEPTIME_INFINITE)
        lwip_init();
    else if (!netif_list)
        sys_restart_timeouts(); /* nobody ran them since the last stack went */
}

void rig_lwip_input(struct netif *netif, struct pbuf *frame)
{
    if (netif->input(frame, netif) != ERR_OK)
        pbuf_free(frame);
}

struct netif *rig_lwip_route_src(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    struct netif *netif;
    LWIP_UNUSED_ARG(dest);
    if (!src || ip4_addr_isany(src))
        return NULL;
    NETIF_FOREACH(netif)
    {
        if (ip4_addr_cmp(src, netif_ip4_addr(netif)))
            return netif;
    }
    return NULL;
}

const ip6_addr_t *rig_lwip_gateway6(struct netif *netif, const ip6_addr_t *dest)
{
    const struct rig_lwip_netif *ours = (const struct rig_lwip_netif *)netif;
    LWIP_UNUSED_ARG(dest);
    return ip6_addr_isany(&ours->gateway6) ? NULL : &ours->gateway6;
}

void rig_lwip_add_arp(struct netif *netif, const ip4_addr_t *addr, const uint8_t mac[6])
{
    struct eth_addr eth;
    memcpy(eth.addr, mac, sizeof(eth.addr));
    /* Show lwIP's router this interface alone, so that the entry is made here. */
    struct netif *all = netif_list, *next = netif->next, *old_default = netif_default;
    netif_list = netif_default = netif;
    netif->next = NULL;
    etharp_add_static_entry(addr, &eth);
    netif->next = next;
    netif_list = all;
    netif_default = old_default;
}

static struct nd6_neighbor_cache_entry *nd6_slot(const ip6_addr_t *addr)
{
    struct nd6_neighbor_cache_entry *unused = NULL;
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        struct nd6_neighbor_cache_entry *entry = &neighbor_cache[i];
        if (entry->state != ND6_NO_ENTRY && ip6_addr_cmp(addr, &entry->next_hop_address))
            return entry;
        if (!unused && entry->state == ND6_NO_ENTRY)
            unused = entry;
    }
    return unused;
}

void rig_lwip_refresh_nd6(struct netif *netif, const ip6_addr_t *addr, const uint8_t mac[6])
{
    struct nd6_neighbor_cache_entry *entry = nd6_slot(addr);
    if (!entry)
        return;
    if (entry->state == ND6_NO_ENTRY)
        entry->isrouter = 0;
    ip6_addr_copy(entry->next_hop_address, *addr);
    entry->netif = netif;
    memcpy(entry->lladdr, mac, NETIF_MAX_HWADDR_LEN);
    entry->state = ND6_REACHABLE;
    entry->counter.reachable_time = UINT32_MAX; /* 49 days */
}
