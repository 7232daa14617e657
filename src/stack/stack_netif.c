/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's interface on a port: its frames out, its addresses, its permanent neighbours. */
#include "stack/stack_internal.h"

#include <errno.h>
#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/nd6.h>
#include <netif/ethernet.h>
#include <string.h>

/* lwIP counts a packet with its headers in 16 bits. */
#define MTU_MAX_BYTES 65000u

static err_t link_output(struct netif *netif, struct pbuf *p)
{
    struct rig_stack *stack = netif->state;
    struct rig_frame *frame;
    if (p->tot_len > stack->port->room_bytes)
        return ERR_BUF;
    if (rig_port_tx_reserve(stack->port, &frame, 1) == 0) {
        stack->counters.tx_drop_full++;
        return ERR_WOULDBLOCK;
    }
    pbuf_copy_partial(p, frame->seg[0].base, p->tot_len, 0);
    frame->seg[0].len_bytes = frame->len_bytes = p->tot_len;
    frame->n_segs = 1;
    frame->offload = (struct rig_offload){0};
    return rig_port_tx_commit(stack->port, 1) == 1 ? ERR_OK : ERR_WOULDBLOCK;
}

static err_t init_netif(struct netif *netif)
{
    struct rig_stack *stack = netif->state;
    uint32_t mtu = stack->port->mtu_bytes;
    netif->name[0] = 'r';
    netif->name[1] = 'g';
    netif->mtu = (u16_t)(mtu > MTU_MAX_BYTES ? MTU_MAX_BYTES : mtu);
    netif->hwaddr_len = RIG_MAC_BYTES;
    memcpy(netif->hwaddr, stack->mac.bytes, RIG_MAC_BYTES);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = link_output;
    return ERR_OK;
}

/* ---- permanent neighbours ---- */

void rig_stack_netif_neighbours(struct rig_stack *stack)
{
    struct netif *netif = &stack->lwip.netif;
    bool has_ipv4 = !ip4_addr_isany(netif_ip4_addr(netif));
    for (uint32_t i = 0; i < stack->config.n_neighbours; i++) {
        const struct rig_stack_neighbour *neighbour = &stack->config.neighbours[i];
        ip_addr_t addr;
        rig_stack_to_lwip(stack, &neighbour->addr, &addr);
        if (neighbour->addr.family == 6)
            rig_lwip_refresh_nd6(netif, ip_2_ip6(&addr), neighbour->mac.bytes);
        else if (has_ipv4 && !stack->arp_written)
            rig_lwip_add_arp(netif, ip_2_ip4(&addr), neighbour->mac.bytes);
    }
    stack->arp_written = has_ipv4;
}

/* ---- addresses ---- */

static void prefix_mask(uint8_t len_bits, ip4_addr_t *mask)
{
    ip4_addr_set_u32(mask, len_bits ? lwip_htonl(UINT32_MAX << (32 - len_bits)) : 0);
}

static void set_ipv4(struct rig_stack *stack)
{
    const struct rig_stack_config *config = &stack->config;
    ip_addr_t addr, gateway;
    ip4_addr_t mask;
    rig_stack_to_lwip(stack, &config->ipv4.addr, &addr);
    rig_stack_to_lwip(stack, &config->ipv4_gateway, &gateway);
    prefix_mask(config->ipv4.len_bits, &mask);
    netif_set_addr(&stack->lwip.netif, ip_2_ip4(&addr), &mask, ip_2_ip4(&gateway));
}

/* The static address takes slot 1, where stack_ready.c looks for it. */
static void set_ipv6(struct rig_stack *stack)
{
    struct netif *netif = &stack->lwip.netif;
    const struct rig_stack_config *config = &stack->config;
    ip_addr_t addr;
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    if (config->ipv6_static.addr.family) {
        rig_stack_to_lwip(stack, &config->ipv6_static.addr, &addr);
        netif_ip6_addr_set(netif, 1, ip_2_ip6(&addr));
        netif_ip6_addr_set_state(netif, 1, IP6_ADDR_TENTATIVE);
    }
    if (config->ipv6_gateway.family) {
        rig_stack_to_lwip(stack, &config->ipv6_gateway, &addr);
        ip6_addr_copy(stack->lwip.gateway6, *ip_2_ip6(&addr));
    }
}

int rig_stack_netif_add(struct rig_stack *stack)
{
    struct netif *netif = &stack->lwip.netif;
    if (!netif_add(netif, NULL, NULL, NULL, stack, init_netif, ethernet_input))
        return -ENOMEM;
    if (stack->config.ipv4.addr.family)
        set_ipv4(stack);
    if (stack->config.ipv6)
        set_ipv6(stack);
    netif_set_up(netif);
    if (!stack->config.ipv4.addr.family && !stack->config.no_ipv4 && dhcp_start(netif) != ERR_OK) {
        netif_remove(netif);
        return -ENOMEM;
    }
    rig_stack_netif_neighbours(stack);
    if (stack->config.ipv6)
        nd6_tmr(); /* probe for duplicates and ask for routers now, not within a second */
    return 0;
}

void rig_stack_netif_remove(struct rig_stack *stack)
{
    struct netif *netif = &stack->lwip.netif;
    dhcp_release_and_stop(netif); /* without a client: no effect */
    dhcp_cleanup(netif);
    netif_remove(netif);
    nd6_clear_destination_cache();
}
