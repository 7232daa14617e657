/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_conn.h"

#include <errno.h>
#include <stdlib.h>

static void on_connected(void *ctx)
{
    struct rig_iperf2_conn *conn = ctx;
    conn->connected = true;
    conn->events->connected(conn->ctx, conn);
}

static void on_readable(void *ctx, const uint8_t *data, uint32_t len_bytes)
{
    rig_iperf2_conn_rx_readable(ctx, data, len_bytes);
}

static void on_writable(void *ctx)
{
    rig_iperf2_conn_tx_writable(ctx);
}

static void on_closed(void *ctx, int error)
{
    struct rig_iperf2_conn *conn = ctx;
    if (error) {
        rig_iperf2_conn_end(conn, error);
        return;
    }
    conn->eof = true;
    rig_iperf2_conn_rx_eof(conn);
}

static const struct rig_stream_events stream_events = {
    .connected = on_connected,
    .readable = on_readable,
    .writable = on_writable,
    .closed = on_closed,
};

static struct rig_iperf2_conn *conn_new(struct rig_iperf2_run *run,
                                        const struct rig_iperf2_conn_events *events, void *ctx)
{
    struct rig_iperf2_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->run = run;
    conn->events = events;
    conn->ctx = ctx;
    rig_iperf2_conn_tx_init(conn);
    rig_iperf2_conn_rx_init(conn);
    return conn;
}

int rig_iperf2_conn_connect(struct rig_iperf2_conn **conn, struct rig_iperf2_run *run,
                            const struct rig_endpoint *peer, const struct rig_endpoint *local,
                            const struct rig_iperf2_conn_events *events, void *ctx,
                            struct rig_err *err)
{
    struct rig_iperf2_conn *new = conn_new(run, events, ctx);
    if (!new)
        return rig_err_set(err, -ENOMEM, "no memory for another connection");
    int rc = rig_stream_connect(&new->stream, run->net, peer, local, &run->config.net,
                                &stream_events, new, err);
    if (rc < 0) {
        free(new);
        return rc;
    }
    rig_stream_set_read_size(new->stream, run->config.len_bytes);
    *conn = new;
    return 0;
}

struct rig_iperf2_conn *rig_iperf2_conn_accepted(struct rig_iperf2_run *run,
                                                 struct rig_stream *stream,
                                                 const struct rig_iperf2_conn_events *events,
                                                 void *ctx)
{
    struct rig_iperf2_conn *conn = conn_new(run, events, ctx);
    if (!conn)
        return NULL;
    conn->stream = stream;
    conn->connected = true;
    conn->rx.reading_request = true;
    conn->accepted_wall_ns = rig_clock_wall_ns();
    rig_stream_set_read_size(stream, run->config.len_bytes);
    rig_stream_set_events(stream, &stream_events, conn);
    return conn;
}

void rig_iperf2_conn_announce(struct rig_iperf2_conn *conn, bool is_sender)
{
    struct rig_endpoint local = rig_stream_local(conn->stream);
    struct rig_endpoint peer = rig_stream_peer(conn->stream);
    uint32_t window_bytes = rig_stream_window(conn->stream, is_sender);
    conn->id = rig_iperf2_run_next_id(conn->run);
    struct rig_iperf2_meter *meter = is_sender ? &conn->tx.meter : &conn->rx.meter;
    rig_iperf2_meter_connected(meter, conn->id, &local, &peer, window_bytes);
    conn->tx.meter.base.id = conn->rx.meter.base.id = conn->id;
    conn->tx.meter.base.local = conn->rx.meter.base.local = local;
    conn->tx.meter.base.peer = conn->rx.meter.base.peer = peer;
}

void rig_iperf2_conn_end(struct rig_iperf2_conn *conn, int error)
{
    if (conn->done)
        return;
    conn->done = true;
    rig_iperf2_conn_stop(conn);
    conn->events->done(conn->ctx, conn, error);
}

void rig_iperf2_conn_check_done(struct rig_iperf2_conn *conn)
{
    if (!conn->tx.active && !conn->rx.active)
        rig_iperf2_conn_end(conn, 0);
}

void rig_iperf2_conn_stop(struct rig_iperf2_conn *conn)
{
    rig_ns_t now_ns = rig_loop_now(conn->run->loop);
    rig_iperf2_meter_finish(&conn->tx.meter, now_ns);
    rig_iperf2_meter_finish(&conn->rx.meter, now_ns);
    rig_iperf2_conn_tx_fini(conn);
    rig_iperf2_conn_rx_fini(conn);
    rig_stream_close(conn->stream);
    conn->stream = NULL;
}

void rig_iperf2_conn_free(struct rig_iperf2_conn *conn)
{
    if (!conn)
        return;
    rig_iperf2_conn_tx_fini(conn);
    rig_iperf2_conn_rx_fini(conn);
    rig_stream_close(conn->stream);
    free(conn);
}
