/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP sockets. Each is in our table, where the fast way finds it, and has a twin in lwIP (a
 * udp_pcb), so that what lwIP handles (reassembled datagrams, broadcasts) reaches it as well, and
 * lwIP answers "port unreachable" for exactly the ports that nobody has.
 *
 * The table is hashed by local port for sockets that hear everybody, by local port and peer for
 * connected ones. Several connected sockets may share a local port, with one that hears the rest.
 */
#include "stack/stack_internal.h"

#include <errno.h>
#include <lwip/ip.h>
#include <stdlib.h>
#include <string.h>

#define PORT_FIRST  49152u /* RFC 6335: ports for those who do not care */
#define PORT_COUNT  16384u
#define UDP_LEN_MAX 65507u

static uint32_t bucket_of(uint16_t port, const struct rig_endpoint *peer)
{
    uint32_t hash = port;
    if (peer)
        hash ^= rig_endpoint_hash(peer);
    return (hash ^ hash >> 16) % RIG_STACK_UDP_BUCKETS;
}

static bool same_addr(const struct rig_addr *a, const struct rig_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool same_endpoint(const struct rig_endpoint *a, const struct rig_endpoint *b)
{
    return a->port == b->port && same_addr(&a->addr, &b->addr);
}

static bool is_connected(const struct rig_stack_udp *udp)
{
    return udp->peer.addr.family != 0;
}

/* Does the socket's own address take `addr`? Unset takes all, "any" its family. */
static bool takes_addr(const struct rig_stack_udp *udp, const struct rig_addr *addr)
{
    const struct rig_addr *own = &udp->local.addr;
    return !own->family || same_addr(own, addr) ||
           (own->family == addr->family && rig_addr_is_any(own));
}

/* ---- finding ---- */

struct rig_stack_udp *rig_stack_udp_find(const struct rig_stack *stack,
                                         const struct rig_endpoint *dst,
                                         const struct rig_endpoint *peer)
{
    struct rig_stack_udp *udp;
    if (stack->n_connected)
        for (udp = stack->buckets[bucket_of(dst->port, peer)]; udp; udp = udp->next)
            if (udp->local.port == dst->port && is_connected(udp) &&
                same_endpoint(&udp->peer, peer) && takes_addr(udp, &dst->addr))
                return udp;
    for (udp = stack->buckets[bucket_of(dst->port, NULL)]; udp; udp = udp->next)
        if (udp->local.port == dst->port && !is_connected(udp) && takes_addr(udp, &dst->addr))
            return udp;
    return NULL;
}

/* Would both hear the same datagram? */
static bool in_conflict(const struct rig_stack_udp *a, const struct rig_stack_udp *b)
{
    const struct rig_addr *x = &a->local.addr, *y = &b->local.addr;
    if (a->local.port != b->local.port || !same_endpoint(&a->peer, &b->peer))
        return false;
    return !x->family || !y->family || takes_addr(a, y) || takes_addr(b, x);
}

static bool is_taken(const struct rig_stack_udp *wanted)
{
    const struct rig_endpoint *peer = is_connected(wanted) ? &wanted->peer : NULL;
    const struct rig_stack_udp *udp = wanted->stack->buckets[bucket_of(wanted->local.port, peer)];
    for (; udp; udp = udp->next)
        if (in_conflict(udp, wanted))
            return true;
    return false;
}

/* Chosen ports are shared with nobody, not even with another peer's socket. */
static bool is_port_used(const struct rig_stack *stack, uint16_t port)
{
    for (uint32_t i = 0; i < RIG_STACK_UDP_BUCKETS; i++)
        for (const struct rig_stack_udp *udp = stack->buckets[i]; udp; udp = udp->next)
            if (udp->local.port == port)
                return true;
    return false;
}

static uint16_t choose_port(const struct rig_stack *stack)
{
    uint32_t start = rig_lwip_rand();
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        if (!is_port_used(stack, port))
            return port;
    }
    return 0;
}

/* ---- what comes through lwIP ---- */

static void from_lwip(void *ctx, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                      u16_t port)
{
    struct rig_stack_udp *udp = ctx;
    struct rig_stack *stack = udp->stack;
    struct rig_stack_train train = {.len_bytes = p->tot_len, .stride_bytes = p->tot_len};
    (void)pcb;
    rig_stack_from_lwip(addr, &train.peer.addr);
    train.peer.port = port;
    rig_stack_from_lwip(ip_current_dest_addr(), &train.local);
    train.rx_wall_ns = stack->rx_wall_ns;
    train.data = p->payload;
    if (p->next) {
        pbuf_copy_partial(p, stack->scratch, p->tot_len, 0);
        train.data = stack->scratch;
    }
    udp->events->received(udp->ctx, &train);
    pbuf_free(p);
}

static int make_pcb(struct rig_stack_udp *udp)
{
    struct rig_stack *stack = udp->stack;
    ip_addr_t local, peer;
    rig_stack_to_lwip(stack, &udp->local.addr, &local);
    rig_stack_to_lwip(stack, &udp->peer.addr, &peer);
    udp->pcb = udp_new_ip_type(IP_GET_TYPE(&local));
    if (!udp->pcb)
        return -ENOMEM;
    ip_set_option(udp->pcb, SOF_REUSEADDR); /* our table knows what is in conflict */
    udp_bind_netif(udp->pcb, &stack->lwip.netif);
    udp_recv(udp->pcb, from_lwip, udp);
    if (udp_bind(udp->pcb, &local, udp->local.port) == ERR_OK &&
        (!is_connected(udp) || udp_connect(udp->pcb, &peer, udp->peer.port) == ERR_OK))
        return 0;
    udp_remove(udp->pcb);
    return -EINVAL;
}

/* ---- life ---- */

static int check_local(const struct rig_stack_udp *udp, struct rig_err *err)
{
    const struct rig_addr *local = &udp->local.addr;
    char text[RIG_ADDR_TEXT_MAX];
    if (local->family && !rig_addr_is_any(local) && !rig_stack_is_local(udp->stack, local))
        return rig_err_set(err, -EADDRNOTAVAIL, "%s is not an address of the stack on %s",
                           rig_addr_format(local, text), udp->stack->port->name);
    if (is_connected(udp) && local->family && local->family != udp->peer.addr.family)
        return rig_err_set(err, -EAFNOSUPPORT, "%s and its peer are not of one family",
                           rig_addr_format(local, text));
    return 0;
}

static int take_port(struct rig_stack_udp *udp, struct rig_err *err)
{
    if (!udp->local.port)
        udp->local.port = choose_port(udp->stack);
    if (!udp->local.port)
        return rig_err_set(err, -EADDRINUSE, "no free UDP port on %s", udp->stack->port->name);
    if (is_taken(udp))
        return rig_err_set(err, -EADDRINUSE, "UDP port %u on %s is in use", udp->local.port,
                           udp->stack->port->name);
    return 0;
}

static struct rig_stack_udp **bucket(struct rig_stack_udp *udp)
{
    uint32_t i = bucket_of(udp->local.port, is_connected(udp) ? &udp->peer : NULL);
    return &udp->stack->buckets[i];
}

static void enter(struct rig_stack_udp *udp)
{
    struct rig_stack_udp **head = bucket(udp);
    udp->next = *head;
    *head = udp;
    udp->stack->n_connected += is_connected(udp);
}

int rig_stack_udp_open(struct rig_stack_udp **out, struct rig_stack *stack,
                       const struct rig_stack_udp_spec *spec, struct rig_err *err)
{
    struct rig_stack_udp *udp = calloc(1, sizeof(*udp));
    if (!udp)
        return rig_err_set(err, -ENOMEM, "no memory for a UDP socket");
    *udp = (struct rig_stack_udp){
        .stack = stack,
        .local = spec->local,
        .peer = spec->peer,
        .events = spec->events,
        .ctx = spec->ctx,
    };
    /* Links have no number here, so addresses are compared without one. */
    udp->local.addr.scope_id = udp->peer.addr.scope_id = 0;
    if (is_connected(udp) && !udp->local.addr.family)
        udp->local.addr.family = udp->peer.addr.family;
    int rc = check_local(udp, err);
    if (!rc)
        rc = take_port(udp, err);
    if (!rc) {
        rc = make_pcb(udp);
        if (rc)
            rig_err_set(err, rc, "cannot bind UDP port %u on %s", udp->local.port,
                        stack->port->name);
    }
    if (rc) {
        free(udp);
        return rc;
    }
    enter(udp);
    *out = udp;
    return 0;
}

void rig_stack_udp_close(struct rig_stack_udp *udp)
{
    if (!udp)
        return;
    struct rig_stack_udp **at = bucket(udp);
    while (*at != udp)
        at = &(*at)->next;
    *at = udp->next;
    udp->stack->n_connected -= is_connected(udp);
    udp_remove(udp->pcb);
    free(udp);
}

struct rig_endpoint rig_stack_udp_local(const struct rig_stack_udp *udp)
{
    struct rig_endpoint local = udp->local;
    if (is_connected(udp) && rig_addr_is_any(&local.addr))
        local.addr = rig_stack_addr(udp->stack, udp->peer.addr.family, &udp->peer.addr);
    return local;
}

/* ---- one datagram out ---- */

static int errno_of(const struct rig_stack *stack, err_t err)
{
    if (stack->port->error)
        return -ENODEV;
    switch (err) {
    case ERR_OK:
        return 0;
    case ERR_RTE:
        return -EHOSTUNREACH;
    case ERR_WOULDBLOCK:
        return -EAGAIN;
    case ERR_MEM:
    case ERR_BUF:
        return -ENOBUFS;
    default:
        return -EINVAL;
    }
}

static struct rig_addr source_addr(const struct rig_stack_udp *udp,
                                   const struct rig_stack_flow_spec *to)
{
    const struct rig_addr *own = &udp->local.addr;
    if (to->local.family && !rig_addr_is_any(&to->local))
        return to->local;
    if (own->family && !rig_addr_is_any(own))
        return *own;
    return rig_stack_addr(udp->stack, to->peer.addr.family, &to->peer.addr);
}

int rig_stack_udp_send(struct rig_stack_udp *udp, const struct rig_stack_flow_spec *to,
                       const void *data, uint32_t len_bytes)
{
    struct rig_stack *stack = udp->stack;
    struct rig_addr local = source_addr(udp, to);
    ip_addr_t src, dst;
    if (len_bytes > UDP_LEN_MAX)
        return -EMSGSIZE;
    if (!local.family)
        return -EHOSTUNREACH;
    if (local.family != to->peer.addr.family)
        return -EAFNOSUPPORT;
    rig_stack_to_lwip(stack, &local, &src);
    rig_stack_to_lwip(stack, &to->peer.addr, &dst);
    udp->pcb->tos = to->tos;
    udp->pcb->ttl = to->ttl ? to->ttl : RIG_STACK_TTL;
    /* By reference: lwIP copies what it must keep. */
    struct pbuf *p = pbuf_alloc_reference((void *)(uintptr_t)data, (u16_t)len_bytes, PBUF_REF);
    if (!p)
        return -ENOBUFS;
    err_t err = udp_sendto_if_src(udp->pcb, p, &dst, to->peer.port, &stack->lwip.netif, &src);
    pbuf_free(p);
    struct rig_mac hop;
    if (err == ERR_OK && rig_stack_next_hop(stack, &to->peer.addr, &hop) == -EAGAIN)
        udp->waiting_ns = rig_loop_now(stack->loop);
    return errno_of(stack, err);
}
