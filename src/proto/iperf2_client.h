/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside an iperf 2 client: what its TCP half (iperf2_client_tcp.c) and its UDP half
 * (iperf2_client_udp.c) share. */
#ifndef RIG_PROTO_IPERF2_CLIENT_H
#define RIG_PROTO_IPERF2_CLIENT_H

#include "proto/iperf2_conn.h"
#include "proto/iperf2_udp.h"

struct rig_iperf2_client_udp; /* one UDP flow */

struct rig_iperf2_client {
    struct rig_iperf2_run run;
    struct rig_iperf2_request request; /* as it goes out */
    struct rig_iperf2_amount amount;
    struct rig_iperf2_group tx_group;
    struct rig_iperf2_group rx_group;
    struct rig_timer start;         /* --txstart-time */
    struct rig_iperf2_server *back; /* -d and -r: where the server comes back to */
    struct rig_timer back_timer;    /* it does not come */
    bool back_done;
    bool started;
    bool stopping;
    uint32_t n_flows; /* asked for */
    uint32_t n_connected;
    uint32_t n_done;
    struct rig_iperf2_conn **conns;      /* n_flows */
    struct rig_iperf2_client_udp *flows; /* n_flows */
};

/* A flow failed: say so, unless another one failed for the same reason. */
void rig_iperf2_client_flow_failed(struct rig_iperf2_client *client,
                                   const struct rig_iperf2_report *flow, int error,
                                   const char *sentence);
/* A flow is over; a failure has already been reported. */
void rig_iperf2_client_flow_done(struct rig_iperf2_client *client);
bool rig_iperf2_client_sends(const struct rig_iperf2_client *client);
bool rig_iperf2_client_receives(const struct rig_iperf2_client *client);

int rig_iperf2_client_tcp_open(struct rig_iperf2_client *client, struct rig_err *err);
void rig_iperf2_client_tcp_start(struct rig_iperf2_client *client);
void rig_iperf2_client_tcp_stop(struct rig_iperf2_client *client);
void rig_iperf2_client_tcp_close(struct rig_iperf2_client *client);
/* All connections stand: start, or wait for --txstart-time. */
void rig_iperf2_client_ready(struct rig_iperf2_client *client);

int rig_iperf2_client_udp_open(struct rig_iperf2_client *client, struct rig_err *err);
void rig_iperf2_client_udp_start(struct rig_iperf2_client *client);
void rig_iperf2_client_udp_stop(struct rig_iperf2_client *client);
void rig_iperf2_client_udp_close(struct rig_iperf2_client *client);

#endif
