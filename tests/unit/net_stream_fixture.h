/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ends of a connection over the kernel's net, for tests: each counts what it is told. */
#ifndef RIG_TESTS_NET_STREAM_FIXTURE_H
#define RIG_TESTS_NET_STREAM_FIXTURE_H

#include "net_fixture.h"

/* One end of a connection and what it has seen. */
struct end {
    struct rig_stream *stream;
    uint64_t connected;
    uint64_t bytes;
    uint64_t writable;
    uint64_t closed;
    int error; /* of the last `closed` */
    bool saw_data;
    uint8_t last_byte;
    bool close_when_readable;
    bool close_when_connected;
    bool close_when_closed;
};

static void drop(struct end *end)
{
    rig_stream_close(end->stream);
    end->stream = NULL;
}

static void on_connected(void *ctx)
{
    struct end *end = ctx;
    end->connected++;
    if (end->close_when_connected)
        drop(end);
}

static void on_readable(void *ctx, const uint8_t *data, uint32_t len_bytes)
{
    struct end *end = ctx;
    end->bytes += len_bytes;
    end->saw_data = data;
    if (data)
        end->last_byte = data[len_bytes - 1];
    if (end->close_when_readable)
        drop(end);
}

static void on_writable(void *ctx)
{
    struct end *end = ctx;
    end->writable++;
}

static void on_closed(void *ctx, int error)
{
    struct end *end = ctx;
    end->closed++;
    end->error = error;
    if (end->close_when_closed)
        drop(end);
}

static const struct rig_stream_events events = {on_connected, on_readable, on_writable, on_closed};

/* A listener that keeps the last stream it accepted in `server`. */
struct host {
    struct rig_listener *listener;
    struct rig_endpoint local;
    struct end server;
    uint64_t accepted;
    bool refuse;
};

static void on_accepted(void *ctx, struct rig_stream *stream)
{
    struct host *host = ctx;
    host->accepted++;
    if (host->refuse) {
        rig_stream_close(stream);
        return;
    }
    host->server.stream = stream;
    rig_stream_set_events(stream, &events, &host->server);
}

static inline void listen_on(struct host *host, struct rig *rig, struct rig_endpoint local,
                             const struct rig_net_options *options)
{
    struct rig_err err;
    int ret =
        rig_listener_open(&host->listener, rig->net, &local, options, on_accepted, host, &err);
    if (ret != 0)
        fail_msg("%s", err.text);
    host->local = rig_listener_local(host->listener);
}

static inline void connect_to(struct end *end, struct rig *rig, struct rig_endpoint peer,
                              const struct rig_net_options *options)
{
    struct rig_err err;
    int ret = rig_stream_connect(&end->stream, rig->net, &peer, NULL, options, &events, end, &err);
    if (ret != 0)
        fail_msg("%s", err.text);
}

/* A connection over loopback, both ends up. */
static inline void pair_up(struct host *host, struct end *client, struct rig *rig)
{
    listen_on(host, rig, at("127.0.0.1", 0), NULL);
    connect_to(client, rig, host->local, NULL);
    run_until(rig, &client->connected, 1);
    run_until(rig, &host->accepted, 1);
}

static inline void take_down(struct host *host, struct end *client)
{
    rig_stream_close(client->stream);
    rig_stream_close(host->server.stream);
    rig_listener_close(host->listener);
}

#endif
