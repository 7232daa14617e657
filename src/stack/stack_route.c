/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and routes: between our addresses and lwIP's, which address to send from, and the MAC
 * of the next hop. lwIP's tables are read here and never waited for.
 */
#include "stack/stack_internal.h"

#include <errno.h>
#include <lwip/etharp.h>
#include <lwip/ip6.h>
#include <lwip/nd6.h>
#include <string.h>

void rig_stack_to_lwip(const struct rig_stack *stack, const struct rig_addr *addr, ip_addr_t *out)
{
    memset(out, 0, sizeof(*out));
    if (addr->family == 6) {
        memcpy(ip_2_ip6(out)->addr, addr->bytes, 16);
        IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V6);
        /* A scope number means nothing here: link-local is this link. */
        ip6_addr_assign_zone(ip_2_ip6(out), IP6_UNKNOWN, &stack->lwip.netif);
    } else {
        memcpy(&ip_2_ip4(out)->addr, addr->bytes, 4);
        IP_SET_TYPE_VAL(*out, addr->family == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_ANY);
    }
}

void rig_stack_from_lwip(const ip_addr_t *addr, struct rig_addr *out)
{
    *out = (struct rig_addr){0};
    if (IP_IS_V6_VAL(*addr)) {
        out->family = 6;
        memcpy(out->bytes, ip_2_ip6(addr)->addr, 16);
    } else {
        out->family = 4;
        memcpy(out->bytes, &ip_2_ip4(addr)->addr, 4);
    }
}

static bool is_local4(const struct netif *netif, const uint8_t bytes[static 4])
{
    uint32_t addr;
    memcpy(&addr, bytes, 4);
    return addr && addr == netif_ip4_addr(netif)->addr;
}

static bool is_local6(const struct netif *netif, const uint8_t bytes[static 16])
{
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            memcmp(netif_ip6_addr(netif, i)->addr, bytes, 16) == 0)
            return true;
    return false;
}

bool rig_stack_is_local(const struct rig_stack *stack, const struct rig_addr *addr)
{
    const struct netif *netif = &stack->lwip.netif;
    return addr->family == 4 ? is_local4(netif, addr->bytes)
                             : addr->family == 6 && is_local6(netif, addr->bytes);
}

/* Without a peer: the first address that reaches further than the link, else the link-local one. */
static const ip_addr_t *some_addr6(const struct netif *netif)
{
    const ip_addr_t *found = NULL;
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            continue;
        if (!ip6_addr_islinklocal(netif_ip6_addr(netif, i)))
            return netif_ip_addr6(netif, i);
        found = netif_ip_addr6(netif, i);
    }
    return found;
}

static struct rig_addr local_addr6(const struct rig_stack *stack, const struct rig_addr *peer)
{
    struct rig_addr local = {0};
    const ip_addr_t *found = NULL;
    if (peer) {
        ip_addr_t dst;
        rig_stack_to_lwip(stack, peer, &dst);
        /* lwIP asks for a mutable interface and does not change it. */
        found = ip6_select_source_address((struct netif *)(uintptr_t)&stack->lwip.netif,
                                          ip_2_ip6(&dst));
    } else {
        found = some_addr6(&stack->lwip.netif);
    }
    if (found)
        rig_stack_from_lwip(found, &local);
    return local;
}

struct rig_addr rig_stack_addr(const struct rig_stack *stack, uint8_t family,
                               const struct rig_addr *peer)
{
    struct rig_addr local = {0};
    if (family == 6)
        return local_addr6(stack, peer);
    const ip4_addr_t *addr = netif_ip4_addr(&stack->lwip.netif);
    if (family == 4 && !ip4_addr_isany(addr)) {
        local.family = 4;
        memcpy(local.bytes, &addr->addr, 4);
    }
    return local;
}

uint32_t rig_stack_udp_payload_max(const struct rig_stack *stack, const struct rig_addr *peer)
{
    struct netif *netif = (struct netif *)(uintptr_t)&stack->lwip.netif;
    if (peer->family != 6)
        return netif->mtu - RIG_IPV4_HDR_BYTES - RIG_UDP_HDR_BYTES;
    ip_addr_t dst;
    rig_stack_to_lwip(stack, peer, &dst);
    return nd6_get_destination_mtu(ip_2_ip6(&dst), netif) - RIG_IPV6_HDR_BYTES - RIG_UDP_HDR_BYTES;
}

/* ---- the next hop ---- */

static bool permanent_neighbour(const struct rig_stack *stack, const struct rig_addr *addr,
                                struct rig_mac *mac)
{
    for (uint32_t i = 0; i < stack->config.n_neighbours; i++) {
        const struct rig_stack_neighbour *neighbour = &stack->config.neighbours[i];
        if (neighbour->addr.family == addr->family &&
            memcmp(neighbour->addr.bytes, addr->bytes, sizeof(addr->bytes)) == 0) {
            *mac = neighbour->mac;
            return true;
        }
    }
    return false;
}

/* Group addresses have their MAC in them (RFC 1112 section 6.4, RFC 2464 section 7). */
static bool group_mac(const struct netif *netif, const struct rig_addr *dst, struct rig_mac *mac)
{
    const uint8_t *b = dst->bytes;
    ip4_addr_t addr;
    memcpy(&addr.addr, b, 4);
    if (dst->family == 4 && ip4_addr_isbroadcast(&addr, netif))
        memset(mac->bytes, 0xff, sizeof(mac->bytes));
    else if (dst->family == 4 && ip4_addr_ismulticast(&addr))
        *mac = (struct rig_mac){{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}};
    else if (dst->family == 6 && b[0] == 0xff)
        *mac = (struct rig_mac){{0x33, 0x33, b[12], b[13], b[14], b[15]}};
    else
        return false;
    return true;
}

/* The neighbour that `dst` is, or is behind. False: there is no way. */
static bool via4(const struct netif *netif, const struct rig_addr *dst, ip4_addr_t *hop)
{
    memcpy(&hop->addr, dst->bytes, 4);
    if (ip4_addr_isany(netif_ip4_addr(netif)))
        return false;
    if (ip4_addr_netcmp(hop, netif_ip4_addr(netif), netif_ip4_netmask(netif)) ||
        ip4_addr_islinklocal(hop))
        return true;
    *hop = *netif_ip4_gw(netif);
    return !ip4_addr_isany(hop);
}

static int next_hop4(struct rig_stack *stack, const struct rig_addr *dst, struct rig_mac *mac)
{
    struct netif *netif = &stack->lwip.netif;
    struct rig_addr hop = {.family = 4};
    ip4_addr_t addr;
    if (!via4(netif, dst, &addr))
        return -EHOSTUNREACH;
    memcpy(hop.bytes, &addr.addr, 4);
    if (permanent_neighbour(stack, &hop, mac))
        return 0;
    struct eth_addr *eth;
    const ip4_addr_t *entry;
    if (etharp_find_addr(netif, &addr, &eth, &entry) < 0)
        return -EAGAIN;
    memcpy(mac->bytes, eth->addr, sizeof(mac->bytes));
    return 0;
}

void rig_stack_ask(struct rig_stack *stack, const struct rig_addr *dst)
{
    ip4_addr_t hop;
    if (dst->family == 4 && via4(&stack->lwip.netif, dst, &hop))
        etharp_request(&stack->lwip.netif, &hop);
}

static int next_hop6(struct rig_stack *stack, const struct rig_addr *dst, struct rig_mac *mac)
{
    ip_addr_t addr;
    const u8_t *found = NULL;
    rig_stack_to_lwip(stack, dst, &addr);
    err_t err = nd6_get_next_hop_addr_or_queue(&stack->lwip.netif, NULL, ip_2_ip6(&addr), &found);
    if (err == ERR_RTE)
        return -EHOSTUNREACH;
    if (err != ERR_OK || !found)
        return -EAGAIN;
    memcpy(mac->bytes, found, sizeof(mac->bytes));
    return 0;
}

int rig_stack_next_hop(struct rig_stack *stack, const struct rig_addr *dst, struct rig_mac *mac)
{
    if (group_mac(&stack->lwip.netif, dst, mac) || permanent_neighbour(stack, dst, mac))
        return 0;
    return dst->family == 4 ? next_hop4(stack, dst, mac) : next_hop6(stack, dst, mac);
}
