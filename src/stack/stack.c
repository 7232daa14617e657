/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a stack: an lwIP interface on a port, the loop's watch of the port, and one timer for
 * all of lwIP's, set to when the next of them is due.
 *
 * The way of a datagram: in, port -> stack_input.c -> stack_udp.c's table -> received(); out,
 * stack_flow.c -> port. Whatever is not bulk UDP goes through lwIP: in by stack_input.c, out by
 * stack_udp.c and stack_netif.c.
 */
#include "stack/stack_internal.h"

#include <errno.h>
#include <lwip/timeouts.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_NS (60 * RIG_NS_PER_S)

/* ---- lwIP's timers ---- */

static void arm_timers(struct rig_stack *stack)
{
    rig_ns_t in_ns = sys_timeouts_sleeptime() * RIG_NS_PER_MS;
    rig_loop_timer_set(stack->loop, &stack->lwip_timer, rig_clock_ns() + in_ns);
}

static void run_timers(void *ctx)
{
    struct rig_stack *stack = ctx;
    if (rig_stack_gone_check(stack))
        return;
    sys_check_timeouts();
    if (rig_loop_now(stack->loop) >= stack->refresh_ns) {
        stack->refresh_ns = rig_loop_now(stack->loop) + REFRESH_NS;
        rig_stack_netif_neighbours(stack);
    }
    rig_stack_ready_check(stack);
    arm_timers(stack);
}

/* ---- life ---- */

static struct rig_mac choose_mac(const struct rig_mac *wanted)
{
    static const struct rig_mac none;
    struct rig_mac mac = *wanted;
    if (memcmp(&mac, &none, sizeof(mac)) != 0)
        return mac;
    for (uint32_t i = 0; i < RIG_MAC_BYTES; i++)
        mac.bytes[i] = (uint8_t)rig_lwip_rand();
    mac.bytes[0] = (uint8_t)((mac.bytes[0] & 0xfc) | 2); /* locally administered, unicast */
    return mac;
}

static int check_config(const struct rig_stack_config *config, struct rig_err *err)
{
    const struct rig_prefix *ipv4 = &config->ipv4, *ipv6 = &config->ipv6_static;
    if ((ipv4->addr.family && ipv4->addr.family != 4) || ipv4->len_bits > 32)
        return rig_err_set(err, -EINVAL, "the stack's IPv4 address is none");
    if ((ipv6->addr.family && ipv6->addr.family != 6) || ipv6->len_bits > 128)
        return rig_err_set(err, -EINVAL, "the stack's IPv6 address is none");
    if (rig_addr_is_multicast(&ipv4->addr) || rig_addr_is_multicast(&ipv6->addr))
        return rig_err_set(err, -EINVAL, "a multicast address cannot be a stack's own");
    if (config->mac.bytes[0] & 1)
        return rig_err_set(err, -EINVAL, "a group MAC cannot be a stack's own");
    if (config->n_neighbours > RIG_STACK_ARP_MAX)
        return rig_err_set(err, -EINVAL, "at most %u permanent neighbours, not %u",
                           RIG_STACK_ARP_MAX, config->n_neighbours);
    return 0;
}

static int start(struct rig_stack *stack, struct rig_err *err)
{
    const char *name = stack->port->name;
    int rc = rig_stack_netif_add(stack);
    if (rc)
        return rig_err_set(err, rc, "no memory for an IP interface on %s", name);
    rc = rig_loop_add_port(stack->loop, &stack->watch, stack->port, rig_stack_input, stack, err);
    if (rc) {
        rig_stack_netif_remove(stack);
        return rc;
    }
    arm_timers(stack);
    return 0;
}

static void init(struct rig_stack *stack, struct rig_loop *loop, struct rig_port *port,
                 const struct rig_stack_config *config)
{
    stack->loop = loop;
    stack->port = port;
    stack->config = *config;
    stack->config.ipv6 |= config->ipv6_static.addr.family != 0;
    rig_lwip_start(config->seed);
    stack->mac = choose_mac(&config->mac);
    stack->start_ns = rig_clock_ns();
    stack->refresh_ns = stack->start_ns + REFRESH_NS;
    rig_timer_init(&stack->lwip_timer, run_timers, stack);
    rig_stack_ready_init(stack);
}

int rig_stack_new(struct rig_stack **out, struct rig_loop *loop, struct rig_port *port,
                  const struct rig_stack_config *config, struct rig_err *err)
{
    int rc = check_config(config, err);
    if (rc)
        return rc;
    struct rig_stack *stack = calloc(1, sizeof(*stack));
    uint8_t *scratch = malloc(RIG_STACK_SCRATCH_BYTES);
    if (!stack || !scratch) {
        rc = rig_err_set(err, -ENOMEM, "no memory for a stack on %s", port->name);
        goto fail;
    }
    stack->scratch = scratch;
    init(stack, loop, port, config);
    rc = start(stack, err);
    if (rc)
        goto fail;
    *out = stack;
    return 0;
fail:
    free(scratch);
    free(stack);
    return rc;
}

void rig_stack_free(struct rig_stack *stack)
{
    if (!stack)
        return;
    rig_stack_ready_fini(stack);
    rig_loop_timer_stop(stack->loop, &stack->lwip_timer);
    rig_loop_remove(stack->loop, &stack->watch);
    rig_stack_netif_remove(stack);
    free(stack->scratch);
    free(stack);
}

/* ---- what it is ---- */

struct rig_port *rig_stack_port(const struct rig_stack *stack)
{
    return stack->port;
}

struct rig_mac rig_stack_mac(const struct rig_stack *stack)
{
    return stack->mac;
}

const struct rig_stack_counters *rig_stack_counters(const struct rig_stack *stack)
{
    return &stack->counters;
}
