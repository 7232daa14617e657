/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCP half of an iperf 2 server. Each accepted stream is a flow of its own:
 *
 *   normal       receive
 *   -R           send on the same stream
 *   --full-duplex  both
 *   -d           receive, and connect back to the client's port at once to send
 *   -r           receive, then connect back to send
 *
 * A flow may fail in any way without touching the others.
 */
#include "proto/iperf2_server.h"

#include <errno.h>
#include <stdlib.h>

struct rig_iperf2_server_conn {
    struct rig_iperf2_server *server;
    struct rig_iperf2_conn *conn;
    struct rig_stream *stream; /* while it waits for its turn */
    struct rig_endpoint peer;
    struct rig_iperf2_request request;
    bool is_back; /* we connected back to the client */
    struct rig_iperf2_server_conn *next;
};

static const struct rig_iperf2_conn_events conn_events;

static struct rig_iperf2_server_conn *flow_new(struct rig_iperf2_server *server,
                                               const struct rig_endpoint *peer)
{
    struct rig_iperf2_server_conn *flow = calloc(1, sizeof(*flow));
    if (!flow)
        return NULL;
    flow->server = server;
    flow->peer = *peer;
    return flow;
}

static void list_remove(struct rig_iperf2_server_conn **list, struct rig_iperf2_server_conn *flow)
{
    while (*list && *list != flow)
        list = &(*list)->next;
    if (*list)
        *list = flow->next;
}

static void flow_free(struct rig_iperf2_server_conn *flow)
{
    rig_iperf2_conn_free(flow->conn);
    rig_stream_close(flow->stream);
    free(flow);
}

static void connect_back(struct rig_iperf2_server *server, const struct rig_endpoint *peer,
                         const struct rig_iperf2_request *request)
{
    struct rig_endpoint target = {.addr = peer->addr, .port = request->port};
    struct rig_err err;
    struct rig_iperf2_server_conn *flow = flow_new(server, &target);
    if (!flow)
        return;
    flow->request = *request;
    flow->is_back = true;
    int rc =
        rig_iperf2_conn_connect(&flow->conn, &server->run, &target, NULL, &conn_events, flow, &err);
    if (rc < 0) {
        rig_iperf2_run_warn(&server->run, NULL, "cannot connect back to the client: %s", err.text);
        free(flow);
        return;
    }
    flow->next = server->conns;
    server->conns = flow;
    rig_iperf2_server_began(server, &target.addr);
}

static void start_sending(struct rig_iperf2_server_conn *flow)
{
    struct rig_iperf2_server *server = flow->server;
    uint32_t len_bytes = server->run.config.len_bytes;
    if (flow->request.len_bytes && flow->request.len_bytes < len_bytes)
        len_bytes = flow->request.len_bytes;
    struct rig_iperf2_amount amount = rig_iperf2_server_amount(&flow->request, len_bytes);
    if (flow->is_back) /* a stream of its own, which announces nothing */
        amount.bursts = false;
    /* In -R a client reads a request before the bursts, as a server does; in full duplex not. */
    struct rig_iperf2_request head = {
        .test = RIG_IPERF2_NORMAL,
        .n_threads = 1,
        .port = server->run.config.local.port,
        .amount_bytes = flow->request.amount_bytes,
        .duration_ns = flow->request.duration_ns,
        .trip_times = true,
        .start_wall_ns = rig_clock_wall_ns(),
    };
    bool announces = amount.bursts && flow->request.test == RIG_IPERF2_REVERSE;
    rig_iperf2_conn_send(flow->conn, rig_iperf2_server_group(server, &flow->peer.addr, true),
                         &amount, announces ? &head : NULL);
}

static void start_receiving(struct rig_iperf2_server_conn *flow)
{
    struct rig_iperf2_server *server = flow->server;
    /* A client may be as silent as it likes, but one that listens for a server's flow wants it. */
    rig_ns_t silence_ns =
        server->in_client ? rig_iperf2_silence_ns(rig_iperf2_rate_pps(&server->run.config.rate,
                                                                      server->run.config.len_bytes))
                          : 0;
    rig_iperf2_conn_receive(flow->conn, rig_iperf2_server_group(server, &flow->peer.addr, false),
                            flow->request.trip_times, silence_ns);
}

static void on_connected(void *ctx, struct rig_iperf2_conn *conn)
{
    /* Only a flow that we connected back comes here. */
    struct rig_iperf2_server_conn *flow = ctx;
    rig_iperf2_conn_announce(conn, true);
    start_sending(flow);
}

static void on_requested(void *ctx, struct rig_iperf2_conn *conn,
                         const struct rig_iperf2_request *request)
{
    struct rig_iperf2_server_conn *flow = ctx;
    flow->request = *request;
    bool duplex = request->test == RIG_IPERF2_FULL_DUPLEX;
    conn->tx.meter.base.full_duplex = conn->rx.meter.base.full_duplex = duplex;
    rig_iperf2_conn_announce(conn, request->test == RIG_IPERF2_REVERSE);
    if (request->test != RIG_IPERF2_REVERSE)
        start_receiving(flow);
    if (request->test == RIG_IPERF2_REVERSE || duplex)
        start_sending(flow);
    if (request->test == RIG_IPERF2_DUAL)
        connect_back(flow->server, &flow->peer, request);
}

static void on_done(void *ctx, struct rig_iperf2_conn *conn, int error)
{
    struct rig_iperf2_server_conn *flow = ctx;
    struct rig_iperf2_server *server = flow->server;
    (void)conn;
    if (error) {
        char peer[RIG_ENDPOINT_TEXT_MAX];
        rig_iperf2_run_warn(&server->run, &flow->conn->rx.meter.base, "%s%s: %s",
                            flow->is_back ? "connecting back to " : "",
                            rig_endpoint_format(&flow->peer, peer), rig_iperf2_error_text(error));
    }
    if (!error && !flow->is_back && flow->request.test == RIG_IPERF2_TRADEOFF && !server->stopping)
        connect_back(server, &flow->peer, &flow->request);
    list_remove(&server->conns, flow);
    flow_free(flow);
    rig_iperf2_server_ended(server);
}

static const struct rig_iperf2_conn_events conn_events = {
    .connected = on_connected,
    .requested = on_requested,
    .done = on_done,
};

static void begin(struct rig_iperf2_server_conn *flow)
{
    struct rig_iperf2_server *server = flow->server;
    flow->conn = rig_iperf2_conn_accepted(&server->run, flow->stream, &conn_events, flow);
    if (!flow->conn) {
        flow_free(flow);
        return;
    }
    flow->stream = NULL;
    flow->next = server->conns;
    server->conns = flow;
    rig_iperf2_server_began(server, &flow->peer.addr);
}

static void waiting_closed(void *ctx, int error)
{
    struct rig_iperf2_server_conn *flow = ctx;
    (void)error;
    list_remove(&flow->server->waiting, flow);
    flow_free(flow);
}

/* A flow that waits for its turn does not read, so its data stays with the client. */
static const struct rig_stream_events waiting_events = {.closed = waiting_closed};

static void wait_for_turn(struct rig_iperf2_server_conn *flow)
{
    rig_stream_set_events(flow->stream, &waiting_events, flow);
    rig_stream_pause(flow->stream, true);
    struct rig_iperf2_server_conn **end = &flow->server->waiting;
    while (*end)
        end = &(*end)->next;
    *end = flow;
}

static void on_accepted(void *ctx, struct rig_stream *stream)
{
    struct rig_iperf2_server *server = ctx;
    struct rig_endpoint peer = rig_stream_peer(stream);
    struct rig_iperf2_server_conn *flow = flow_new(server, &peer);
    if (!flow) {
        rig_stream_close(stream);
        return;
    }
    flow->stream = stream;
    if (rig_iperf2_server_may_begin(server, &peer.addr))
        begin(flow);
    else
        wait_for_turn(flow);
}

void rig_iperf2_server_tcp_next(struct rig_iperf2_server *server)
{
    struct rig_iperf2_server_conn **at = &server->waiting;
    while (*at) {
        struct rig_iperf2_server_conn *flow = *at;
        if (!rig_iperf2_server_may_begin(server, &flow->peer.addr)) {
            at = &flow->next;
            continue;
        }
        *at = flow->next;
        rig_stream_pause(flow->stream, false);
        begin(flow);
    }
}

int rig_iperf2_server_tcp_open(struct rig_iperf2_server *server, struct rig_err *err)
{
    return rig_listener_open(&server->listener, server->run.net, &server->run.config.local,
                             &server->run.config.net, on_accepted, server, err);
}

void rig_iperf2_server_tcp_stop(struct rig_iperf2_server *server)
{
    for (struct rig_iperf2_server_conn *flow = server->conns; flow; flow = flow->next)
        rig_iperf2_conn_stop(flow->conn);
    rig_listener_close(server->listener);
    server->listener = NULL;
}

static void free_list(struct rig_iperf2_server_conn **list)
{
    while (*list) {
        struct rig_iperf2_server_conn *flow = *list;
        *list = flow->next;
        flow_free(flow);
    }
}

void rig_iperf2_server_tcp_close(struct rig_iperf2_server *server)
{
    free_list(&server->conns);
    free_list(&server->waiting);
    rig_listener_close(server->listener);
    server->listener = NULL;
}
