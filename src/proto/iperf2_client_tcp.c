/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_client.h"

#include <errno.h>
#include <stdlib.h>

static void on_connected(void *ctx, struct rig_iperf2_conn *conn)
{
    struct rig_iperf2_client *client = ctx;
    bool duplex = client->run.config.test == RIG_IPERF2_FULL_DUPLEX;
    conn->tx.meter.base.full_duplex = conn->rx.meter.base.full_duplex = duplex;
    rig_iperf2_conn_announce(conn, rig_iperf2_client_sends(client));
    if (++client->n_connected == client->n_flows)
        rig_iperf2_client_ready(client);
}

static void on_done(void *ctx, struct rig_iperf2_conn *conn, int error)
{
    struct rig_iperf2_client *client = ctx;
    if (error && !client->run.error) {
        char peer[RIG_ENDPOINT_TEXT_MAX];
        rig_iperf2_run_fail(&client->run, &conn->tx.meter.base, error, "%s: %s",
                            rig_endpoint_format(&client->run.config.peer, peer),
                            rig_iperf2_error_text(error));
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
            rig_iperf2_conn_receive(conn, &client->rx_group, false, true);
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
