/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SLACK_NS (100 * RIG_NS_PER_MS)

static void on_connected(void *ctx, struct rig_iperf2_conn *conn)
{
    struct rig_iperf2_client *client = ctx;
    bool duplex = client->run.config.test == RIG_IPERF2_FULL_DUPLEX;
    conn->tx.meter.base.full_duplex = conn->rx.meter.base.full_duplex = duplex;
    rig_iperf2_conn_announce(conn, rig_iperf2_client_sends(client));
    if (++client->n_connected == client->n_flows)
        rig_iperf2_client_ready(client);
}

/* Did the server end the stream in good order, but before it had sent what it was asked for? It may
 * be short of the time by a tenth, and by what its pacing leaves over. */
static bool ended_early(const struct rig_iperf2_client *client, const struct rig_iperf2_conn *conn)
{
    const struct rig_iperf2_amount *amount = &client->amount;
    const struct rig_iperf2_meter *meter = &conn->rx.meter;
    if (!client->started)
        return true;
    if (!rig_iperf2_client_receives(client))
        return false;
    if (!meter->total.bytes || meter->total.bytes < amount->bytes)
        return true;
    double slack_ns = (double)amount->duration_ns / 10 + (double)SLACK_NS;
    if (amount->rate_pps > 0)
        slack_ns += 1e9 / amount->rate_pps;
    return (double)(meter->cut_ns - meter->start_ns) + slack_ns < (double)amount->duration_ns;
}

static void on_done(void *ctx, struct rig_iperf2_conn *conn, int error)
{
    struct rig_iperf2_client *client = ctx;
    if (!error && ended_early(client, conn))
        error = -EPIPE;
    if (error) {
        char peer[RIG_ENDPOINT_TEXT_MAX];
        char sentence[RIG_ERR_TEXT_BYTES];
        snprintf(sentence, sizeof(sentence), "%s: %s",
                 rig_endpoint_format(&client->run.config.peer, peer), rig_iperf2_error_text(error));
        rig_iperf2_client_flow_failed(client, &conn->tx.meter.base, error, sentence);
    }
    if (error && !client->started) {
        /* The flows that do stand would wait for this one for ever. */
        rig_iperf2_client_stop(client);
        return;
    }
    rig_iperf2_client_flow_done(client);
}

static const struct rig_iperf2_conn_events conn_events = {
    .connected = on_connected,
    .done = on_done,
};

int rig_iperf2_client_tcp_open(struct rig_iperf2_client *client, struct rig_err *err)
{
    const struct rig_iperf2_config *config = &client->run.config;
    client->conns = calloc(client->n_flows, sizeof(struct rig_iperf2_conn *));
    if (!client->conns)
        return rig_err_set(err, -ENOMEM, "no memory for %u connections", client->n_flows);
    for (uint32_t i = 0; i < client->n_flows; i++) {
        struct rig_endpoint local = config->local;
        if (local.port)
            local.port = (uint16_t)(local.port + i);
        int rc = rig_iperf2_conn_connect(&client->conns[i], &client->run, &config->peer, &local,
                                         &conn_events, client, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void rig_iperf2_client_tcp_start(struct rig_iperf2_client *client)
{
    const struct rig_iperf2_request *request =
        client->run.config.compatible ? NULL : &client->request;
    for (uint32_t i = 0; i < client->n_flows; i++) {
        struct rig_iperf2_conn *conn = client->conns[i];
        if (conn->done)
            continue;
        if (rig_iperf2_client_receives(client))
            rig_iperf2_conn_receive(conn, &client->rx_group, client->amount.bursts,
                                    rig_iperf2_silence_ns(client->amount.rate_pps));
        if (rig_iperf2_client_sends(client))
            rig_iperf2_conn_send(conn, &client->tx_group, &client->amount, request);
        else
            rig_iperf2_conn_ask(conn, &client->request);
    }
}

void rig_iperf2_client_tcp_stop(struct rig_iperf2_client *client)
{
    for (uint32_t i = 0; client->conns && i < client->n_flows; i++) {
        if (client->conns[i] && !client->conns[i]->done)
            rig_iperf2_conn_stop(client->conns[i]);
    }
}

void rig_iperf2_client_tcp_close(struct rig_iperf2_client *client)
{
    for (uint32_t i = 0; client->conns && i < client->n_flows; i++)
        rig_iperf2_conn_free(client->conns[i]);
    free(client->conns);
    client->conns = NULL;
}
