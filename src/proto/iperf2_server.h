/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside an iperf 2 server: what its TCP half (iperf2_server_tcp.c) and its UDP half
 * (iperf2_server_udp.c) share. */
#ifndef RIG_PROTO_IPERF2_SERVER_H
#define RIG_PROTO_IPERF2_SERVER_H

#include "proto/iperf2_conn.h"
#include "proto/iperf2_udp.h"

#define RIG_IPERF2_GROUPS_MAX      64   /* client hosts whose flows are summed */
#define RIG_IPERF2_SESSIONS_MAX    4096 /* UDP flows at a time */
#define RIG_IPERF2_SENDERS_MAX     256  /* of them that send (-R): each has its slots */
#define RIG_IPERF2_SESSION_BUCKETS 1024 /* a power of two */

struct rig_iperf2_server_conn; /* a TCP flow */
struct rig_iperf2_session;     /* a UDP flow */

/* The flows of one client host in one direction. */
struct rig_iperf2_host_group {
    struct rig_addr host;
    struct rig_iperf2_group group;
};

struct rig_iperf2_server {
    struct rig_iperf2_run run;
    struct rig_timer deadline; /* -t */
    bool in_client;            /* it hears of -d and -r: whoever comes back is to send */
    bool stopping;
    uint32_t served;
    uint32_t active;
    struct rig_addr only_host; /* -1: whose turn it is while active > 0 */
    struct rig_iperf2_host_group groups[RIG_IPERF2_GROUPS_MAX];

    struct rig_listener *listener;
    struct rig_iperf2_server_conn *conns;
    struct rig_iperf2_server_conn *waiting; /* -1: accepted, but not their turn yet */

    struct rig_udp *udp;
    uint32_t n_sessions;
    uint32_t n_senders; /* of them */
    bool sessions_warned;
    bool senders_warned;
    struct rig_iperf2_session *buckets[RIG_IPERF2_SESSION_BUCKETS];
    struct rig_iperf2_session *last_session; /* of the last train: the next is likely the same */
    struct rig_timer sweep; /* while there are sessions: ends those that fell silent */
};

/* Make a server whose flows are numbered on with `ids` (a client that listens for -d and -r); NULL:
 * its own. */
int rig_iperf2_server_new_with_ids(struct rig_iperf2_server **server, struct rig_net *net,
                                   const struct rig_iperf2_config *config,
                                   const struct rig_iperf2_hooks *hooks, uint32_t *ids,
                                   struct rig_err *err);

/* The group of `host`'s flows in this direction, or NULL if there are too many hosts at once. */
struct rig_iperf2_group *rig_iperf2_server_group(struct rig_iperf2_server *server,
                                                 const struct rig_addr *host, bool is_sender);
/* A flow began. False: it is not this host's turn (-1). */
bool rig_iperf2_server_may_begin(const struct rig_iperf2_server *server,
                                 const struct rig_addr *host);
void rig_iperf2_server_began(struct rig_iperf2_server *server, const struct rig_addr *host);
void rig_iperf2_server_ended(struct rig_iperf2_server *server);

/* What a server that sends for a client sends: as long or as much, and as fast as the client asked,
 * in writes or datagrams of `len_bytes`. */
struct rig_iperf2_amount rig_iperf2_server_amount(const struct rig_iperf2_request *request,
                                                  uint32_t len_bytes);
/* Packets or writes of `len_bytes` a second that a client announced; 0: it did not say. */
double rig_iperf2_server_rate_pps(const struct rig_iperf2_request *request, uint32_t len_bytes);

int rig_iperf2_server_tcp_open(struct rig_iperf2_server *server, struct rig_err *err);
void rig_iperf2_server_tcp_stop(struct rig_iperf2_server *server);
void rig_iperf2_server_tcp_close(struct rig_iperf2_server *server);
/* -1: let the next host in. */
void rig_iperf2_server_tcp_next(struct rig_iperf2_server *server);

int rig_iperf2_server_udp_open(struct rig_iperf2_server *server, struct rig_err *err);
void rig_iperf2_server_udp_stop(struct rig_iperf2_server *server);
void rig_iperf2_server_udp_close(struct rig_iperf2_server *server);

#endif
