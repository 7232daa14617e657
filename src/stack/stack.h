/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IP stack on a port: lwIP (its TCP switched off) for addresses, neighbours, DHCP, SLAAC,
 * ICMP and fragments, with a fast way around it for UDP in bulk. The stack answers ping.
 *
 * lwIP keeps its state in globals, so a process has one lwIP; several stacks are several network
 * interfaces of it.
 */
#ifndef RIG_STACK_STACK_H
#define RIG_STACK_STACK_H

#include "base/addr.h"
#include "base/err.h"
#include "port/loop.h"
#include "port/port.h"

#define RIG_STACK_ARP_MAX 64

struct rig_stack_neighbour {
    struct rig_addr addr;
    struct rig_mac mac;
};

struct rig_stack_config {
    struct rig_mac mac;            /* all zero: a random locally administered one */
    struct rig_prefix ipv4;        /* family 0: ask DHCP, unless no_ipv4 */
    bool no_ipv4;                  /* neither an address nor DHCP */
    struct rig_addr ipv4_gateway;  /* family 0: none */
    bool ipv6;                     /* link-local address and SLAAC */
    struct rig_prefix ipv6_static; /* family 0: none; else added beside SLAAC's (implies ipv6) */
    struct rig_addr ipv6_gateway;  /* family 0: from router advertisements */
    uint32_t n_neighbours;
    struct rig_stack_neighbour neighbours[RIG_STACK_ARP_MAX]; /* permanent, IPv4 or IPv6 */
    uint64_t seed; /* of ports, identifications and transaction ids */
};

struct rig_stack;

/* The port and the loop must live longer than the stack. Starts at once; addresses come later. */
int rig_stack_new(struct rig_stack **out, struct rig_loop *loop, struct rig_port *port,
                  const struct rig_stack_config *config, struct rig_err *err);
void rig_stack_free(struct rig_stack *stack); /* NULL is allowed */

/* Called once when every address that the configuration asks for is usable (static ones: after
 * duplicate address detection), or with -ETIMEDOUT and a sentence ("no DHCP answer on tap:tap0 in
 * 10 s"), or with -ENODEV when the port's device is gone. */
void rig_stack_on_ready(struct rig_stack *stack, rig_ns_t timeout_ns,
                        void (*fn)(void *ctx, int error, const char *sentence), void *ctx);
/* Called when the port's device is gone. */
void rig_stack_on_gone(struct rig_stack *stack, void (*fn)(void *ctx, int error), void *ctx);

struct rig_port *rig_stack_port(const struct rig_stack *stack);
struct rig_mac rig_stack_mac(const struct rig_stack *stack);
/* The address of `family` (4 or 6) by which `peer` (may be NULL) is reached; family 0 if none. */
struct rig_addr rig_stack_addr(const struct rig_stack *stack, uint8_t family,
                               const struct rig_addr *peer);

/* ---- UDP ---- */

struct rig_stack_udp;  /* a bound socket */
struct rig_stack_flow; /* a bulk sender to one peer */

/*
 * Received datagrams of one flow and one arrival: `len_bytes` of payload in datagrams of
 * `stride_bytes`, the last perhaps shorter. One datagram has stride == len. The memory is lent
 * until the callback returns.
 */
struct rig_stack_train {
    const uint8_t *data;
    uint32_t len_bytes;
    uint32_t stride_bytes;
    struct rig_endpoint peer;
    struct rig_addr local; /* the address the peer sent to */
    rig_ns_t rx_wall_ns;   /* the port's stamp, 0 if it has none */
};

/* The callbacks may close the socket that they are called for, and its flows; not the stack. */
struct rig_stack_udp_events {
    void (*received)(void *ctx, const struct rig_stack_train *train);
    /* Connected sockets only: ICMP said -ECONNREFUSED or -EHOSTUNREACH. */
    void (*failed)(void *ctx, int error);
};

struct rig_stack_udp_spec {
    struct rig_endpoint local;                 /* addr unset: all addresses; port 0: chosen */
    struct rig_endpoint peer;                  /* addr set: connected, only that peer is heard */
    const struct rig_stack_udp_events *events; /* outlive the socket */
    void *ctx;
};

/* -EADDRINUSE, -EADDRNOTAVAIL with a sentence. */
int rig_stack_udp_open(struct rig_stack_udp **out, struct rig_stack *stack,
                       const struct rig_stack_udp_spec *spec, struct rig_err *err);
void rig_stack_udp_close(struct rig_stack_udp *udp); /* its flows are closed by then */
struct rig_endpoint rig_stack_udp_local(const struct rig_stack_udp *udp);

/* Where a datagram goes. */
struct rig_stack_flow_spec {
    struct rig_endpoint peer;
    struct rig_addr local; /* unset: chosen */
    uint8_t tos;
    uint8_t ttl; /* 0: the default, 64 */
    bool single; /* never a super-frame */
};

/* One datagram through lwIP (resolves, fragments). 0 or -errno: -EHOSTUNREACH: no route; -EAGAIN:
 * the port has no room; -ENODEV: the device is gone. */
int rig_stack_udp_send(struct rig_stack_udp *udp, const struct rig_stack_flow_spec *to,
                       const void *data, uint32_t len_bytes);

/* Bulk sending: no allocation a datagram; super-frames where the port takes them. Datagrams above
 * the MTU go through lwIP, and so does one a second, which keeps the peer's MAC fresh. */
int rig_stack_flow_open(struct rig_stack_flow **out, struct rig_stack_udp *udp,
                        const struct rig_stack_flow_spec *spec, struct rig_err *err);
void rig_stack_flow_close(struct rig_stack_flow *flow); /* NULL is allowed */
/*
 * Send `n` datagrams of `stride` bytes lying one behind the other at `data`. Returns how many were
 * taken, in order: fewer when the port is full or while the peer's MAC is being asked for (try
 * again a little later), or -errno: -ENODEV: the device is gone; -EHOSTUNREACH: no route, or no
 * neighbour has answered for 3 s; -ECONNREFUSED: ICMP said so (an unconnected socket's flow).
 */
int64_t rig_stack_flow_send(struct rig_stack_flow *flow, const uint8_t *data, uint32_t n,
                            uint32_t stride_bytes);
/* Largest payload to `peer` without fragments. */
uint32_t rig_stack_udp_payload_max(const struct rig_stack *stack, const struct rig_addr *peer);

/* ---- counters ---- */

/* What came in, by what became of it. */
struct rig_stack_counters {
    uint64_t rx_fast_frames; /* UDP straight to a socket; super-frames counted as one */
    uint64_t rx_lwip_frames; /* given to lwIP, each piece of a cut super-frame */
    uint64_t rx_drop_malformed;
    uint64_t rx_drop_other_mac;
    uint64_t rx_drop_checksum; /* on the fast way; lwIP drops its own silently */
    uint64_t rx_drop_tcp;      /* nobody answers TCP here */
    uint64_t rx_drop_no_memory;
    uint64_t tx_drop_full; /* frames of lwIP's for which the port had no room */
};

const struct rig_stack_counters *rig_stack_counters(const struct rig_stack *stack);

#endif
