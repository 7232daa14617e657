/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When is a stack ready? Each family has a state: ready, waiting, or failed for good. An IPv4
 * address set by hand is usable at once; DHCP's when the server has acknowledged it. IPv6
 * addresses are usable after duplicate address detection, 1 s. A SLAAC address is nobody's
 * promise: if none is under way SLAAC_NS after the start, the link-local one has to do.
 *
 * Who waits is told from a timer, never from inside a call, so that the answer may come at once.
 */
#include "stack/stack_internal.h"

#include <errno.h>
#include <lwip/dhcp.h>

/* A host that is the router of a tap has first to find its own address free, 1 to 2 s. */
#define SLAAC_NS     (3 * RIG_NS_PER_S)
#define STATIC_SLOT6 1

enum state { READY, WAITING, DUPLICATE };

static enum state ipv4_state(const struct rig_stack *stack)
{
    if (stack->config.no_ipv4 || stack->config.ipv4.addr.family)
        return READY;
    return dhcp_supplied_address(&stack->lwip.netif) ? READY : WAITING;
}

static enum state slot_state(const struct netif *netif, int slot)
{
    u8_t state = netif_ip6_addr_state(netif, slot);
    if (ip6_addr_isduplicated(state))
        return DUPLICATE;
    return ip6_addr_isvalid(state) ? READY : WAITING;
}

/* Ready unless a router's prefix is being tried, or a router may still answer. */
static enum state slaac_state(const struct rig_stack *stack)
{
    const struct netif *netif = &stack->lwip.netif;
    for (int i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_istentative(netif_ip6_addr_state(netif, i)))
            return WAITING;
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            return READY;
    }
    return rig_clock_ns() - stack->start_ns < SLAAC_NS ? WAITING : READY;
}

static enum state ipv6_state(const struct rig_stack *stack)
{
    const struct netif *netif = &stack->lwip.netif;
    if (!stack->config.ipv6)
        return READY;
    enum state state = slot_state(netif, 0);
    if (state != READY)
        return state;
    return stack->config.ipv6_static.addr.family ? slot_state(netif, STATIC_SLOT6)
                                                 : slaac_state(stack);
}

static void tell(struct rig_stack *stack, int error, const char *sentence)
{
    void (*fn)(void *, int, const char *) = stack->ready.fn;
    stack->ready.fn = NULL;
    rig_loop_timer_stop(stack->loop, &stack->ready.timer);
    fn(stack->ready.ctx, error, sentence);
}

static void tell_timeout(struct rig_stack *stack)
{
    struct rig_err err;
    double seconds = (double)stack->ready.timeout_ns / (double)RIG_NS_PER_S;
    const char *what = ipv4_state(stack) != READY ? "DHCP answer" : "usable IPv6 address";
    int rc = rig_err_set(&err, -ETIMEDOUT, "no %s on %s in %g s", what, stack->port->name, seconds);
    tell(stack, rc, err.text);
}

static void tell_duplicate(struct rig_stack *stack)
{
    struct rig_err err;
    char text[RIG_ADDR_TEXT_MAX];
    const struct netif *netif = &stack->lwip.netif;
    int slot = slot_state(netif, 0) == DUPLICATE ? 0 : STATIC_SLOT6;
    struct rig_addr addr;
    rig_stack_from_lwip(netif_ip_addr6(netif, slot), &addr);
    int rc = rig_err_set(&err, -EADDRINUSE, "another host on %s has the address %s",
                         stack->port->name, rig_addr_format(&addr, text));
    tell(stack, rc, err.text);
}

/* The timer comes at once when the outcome is known, else at the deadline. */
static void on_timer(void *ctx)
{
    struct rig_stack *stack = ctx;
    struct rig_err err;
    if (!stack->ready.fn)
        return;
    enum state ipv4 = ipv4_state(stack), ipv6 = ipv6_state(stack);
    if (stack->port->error) {
        rig_err_set(&err, -ENODEV, "the device of %s is gone", stack->port->name);
        tell(stack, -ENODEV, err.text);
    } else if (ipv6 == DUPLICATE) {
        tell_duplicate(stack);
    } else if (ipv4 == READY && ipv6 == READY) {
        tell(stack, 0, "");
    } else if (rig_clock_ns() >= stack->ready.deadline_ns) {
        tell_timeout(stack);
    } else {
        rig_loop_timer_set(stack->loop, &stack->ready.timer, stack->ready.deadline_ns);
    }
}

void rig_stack_ready_check(struct rig_stack *stack)
{
    if (!stack->arp_written)
        rig_stack_netif_neighbours(stack);
    if (!stack->ready.fn)
        return;
    enum state ipv4 = ipv4_state(stack), ipv6 = ipv6_state(stack);
    if ((ipv4 == READY && ipv6 == READY) || ipv6 == DUPLICATE)
        rig_loop_timer_set(stack->loop, &stack->ready.timer, rig_loop_now(stack->loop));
}

void rig_stack_on_ready(struct rig_stack *stack, rig_ns_t timeout_ns,
                        void (*fn)(void *ctx, int error, const char *sentence), void *ctx)
{
    rig_ns_t now = rig_clock_ns();
    stack->ready.fn = fn;
    stack->ready.ctx = ctx;
    stack->ready.timeout_ns = timeout_ns;
    stack->ready.deadline_ns = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
    rig_loop_timer_set(stack->loop, &stack->ready.timer, now);
}

/* ---- gone ---- */

static void on_gone(void *ctx)
{
    struct rig_stack *stack = ctx;
    void (*fn)(void *, int) = stack->gone.fn;
    if (!fn || stack->gone.told)
        return;
    stack->gone.told = true;
    fn(stack->gone.ctx, stack->port->error);
}

bool rig_stack_gone_check(struct rig_stack *stack)
{
    if (!stack->port->error)
        return false;
    if (!stack->gone.seen) {
        rig_ns_t now = rig_loop_now(stack->loop);
        stack->gone.seen = true;
        rig_loop_remove(stack->loop, &stack->watch);
        if (stack->ready.fn)
            rig_loop_timer_set(stack->loop, &stack->ready.timer, now);
        rig_loop_timer_set(stack->loop, &stack->gone.timer, now);
    }
    return true;
}

void rig_stack_on_gone(struct rig_stack *stack, void (*fn)(void *ctx, int error), void *ctx)
{
    stack->gone.fn = fn;
    stack->gone.ctx = ctx;
    if (stack->gone.seen && !stack->gone.told)
        rig_loop_timer_set(stack->loop, &stack->gone.timer, rig_loop_now(stack->loop));
}

void rig_stack_ready_init(struct rig_stack *stack)
{
    rig_timer_init(&stack->ready.timer, on_timer, stack);
    rig_timer_init(&stack->gone.timer, on_gone, stack);
}

void rig_stack_ready_fini(struct rig_stack *stack)
{
    rig_loop_timer_stop(stack->loop, &stack->ready.timer);
    rig_loop_timer_stop(stack->loop, &stack->gone.timer);
}
