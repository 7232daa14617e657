/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this folder share. They need each other in this order only:
 *
 *     stack.c  ->  stack_input.c  ->  stack_icmp.c  ->  stack_udp.c  ->  stack_route.c
 *                                     stack_flow.c  ->  stack_udp.c
 *     all      ->  stack_ready.c, stack_netif.c
 */
#ifndef RIG_STACK_STACK_INTERNAL_H
#define RIG_STACK_STACK_INTERNAL_H

#include "frame/flow.h"
#include "frame/packet.h"
#include "stack/lwip_port/rig_lwip.h"
#include "stack/stack.h"

#include <lwip/ip_addr.h>
#include <lwip/udp.h>

#define RIG_STACK_UDP_BUCKETS   1024u
#define RIG_STACK_SCRATCH_BYTES RIG_FRAME_BYTES_MAX
#define RIG_STACK_TTL           64u

struct rig_stack_udp {
    struct rig_stack *stack;
    struct rig_stack_udp *next; /* in its bucket */
    struct udp_pcb *pcb;        /* lwIP's twin, for what comes through lwIP */
    struct rig_endpoint local;  /* addr unset: all */
    struct rig_endpoint peer;   /* addr unset: everybody */
    const struct rig_stack_udp_events *events;
    void *ctx;
    rig_ns_t waiting_ns; /* when a datagram last went to wait in lwIP for a neighbour; 0: never */
};

struct rig_stack_flow {
    struct rig_stack_udp *udp;
    struct rig_stack_flow *next; /* of the stack */
    struct rig_stack_flow_spec spec;
    struct rig_flow headers;
    struct rig_mac hop;    /* that `headers` was made for */
    struct rig_addr local; /* likewise */
    bool resolved;
    bool asked;                 /* a datagram waits in lwIP for the neighbour's answer */
    int error;                  /* from ICMP, told by the next send */
    uint32_t payload_max_bytes; /* without fragments */
    uint32_t
        path_payload_max_bytes; /* likewise, as routers on the way have it; 0: they are silent */
    rig_ns_t next_check_ns;     /* when the neighbour is to be looked at again */
    rig_ns_t asked_ns;          /* when it was first asked for */
    uint32_t n_asked_again;
};

struct rig_stack_ready {
    void (*fn)(void *ctx, int error, const char *sentence); /* NULL: nobody waits */
    void *ctx;
    rig_ns_t timeout_ns;
    rig_ns_t deadline_ns;
    struct rig_timer timer;
};

struct rig_stack_gone {
    void (*fn)(void *ctx, int error);
    void *ctx;
    bool seen;
    bool told;
    struct rig_timer timer;
};

struct rig_stack {
    struct rig_loop *loop;
    struct rig_port *port;
    struct rig_stack_config config;
    struct rig_mac mac;
    rig_ns_t start_ns;
    struct rig_lwip_netif lwip;
    struct rig_watch watch;
    struct rig_timer lwip_timer;
    rig_ns_t refresh_ns; /* permanent IPv6 neighbours: when to write them again */
    bool arp_written;    /* permanent IPv4 neighbours are in lwIP's table */
    struct rig_stack_ready ready;
    struct rig_stack_gone gone;
    struct rig_stack_udp *buckets[RIG_STACK_UDP_BUCKETS];
    struct rig_stack_flow *flows;
    uint32_t n_connected;
    rig_ns_t rx_wall_ns; /* of the frame that lwIP is working on */
    uint8_t *scratch;    /* RIG_STACK_SCRATCH_BYTES: datagrams and cut frames on their way */
    struct rig_stack_counters counters;
};

/* ---- stack_route.c: addresses and the way to a peer ---- */

void rig_stack_to_lwip(const struct rig_stack *stack, const struct rig_addr *addr, ip_addr_t *out);
void rig_stack_from_lwip(const ip_addr_t *addr, struct rig_addr *out);
/* True if it is a usable unicast address of this stack. */
bool rig_stack_is_local(const struct rig_stack *stack, const struct rig_addr *addr);
/* The MAC that leads to `dst`: 0; -EAGAIN: unknown as yet; -EHOSTUNREACH: no route. Asks nobody. */
int rig_stack_next_hop(struct rig_stack *stack, const struct rig_addr *dst, struct rig_mac *mac);
/* Ask for the MAC of the next hop to `dst` once more, ahead of lwIP's own schedule (IPv4). */
void rig_stack_ask(struct rig_stack *stack, const struct rig_addr *dst);

/* ---- stack_udp.c ---- */

/* The socket that hears `peer` on `dst` (a unicast address of ours), or NULL. */
struct rig_stack_udp *rig_stack_udp_find(const struct rig_stack *stack,
                                         const struct rig_endpoint *dst,
                                         const struct rig_endpoint *peer);

/* ---- stack_icmp.c ---- */

/* Tell the socket or flow whose datagram an ICMP error quotes. */
void rig_stack_icmp_error(struct rig_stack *stack, const struct rig_frame *frame,
                          const struct rig_packet *packet);

/* ---- stack_netif.c ---- */

int rig_stack_netif_add(struct rig_stack *stack);
void rig_stack_netif_remove(struct rig_stack *stack);
/* Write permanent neighbours into lwIP's tables, where it has an address by now. */
void rig_stack_netif_neighbours(struct rig_stack *stack);

/* ---- stack_input.c ---- */

/* Take frames from the port; a loop callback. */
void rig_stack_input(void *ctx, uint32_t events);

/* ---- stack_ready.c ---- */

void rig_stack_ready_init(struct rig_stack *stack);
void rig_stack_ready_fini(struct rig_stack *stack);
/* Addresses may have changed: look, and tell who waits. */
void rig_stack_ready_check(struct rig_stack *stack);
/* Has the port's device gone? If so stop listening to it and tell, once, from the loop. */
bool rig_stack_gone_check(struct rig_stack *stack);

#endif
