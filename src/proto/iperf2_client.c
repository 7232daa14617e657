/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An iperf 2 client:
 *
 *   connecting -> (all stand) waiting for --txstart-time -> running -> (-r: the server's turn) ->
 * done
 *
 * With -P all flows start together. For -d and -r the client is also a server, on the port that the
 * request names, for as many flows as it has itself.
 */
#include "proto/iperf2_client.h"
#include "proto/iperf2_server.h"

#include <errno.h>
#include <stdlib.h>

#define BACK_PATIENCE_NS (10 * RIG_NS_PER_S)

bool rig_iperf2_client_sends(const struct rig_iperf2_client *client)
{
    return client->run.config.test != RIG_IPERF2_REVERSE;
}

bool rig_iperf2_client_receives(const struct rig_iperf2_client *client)
{
    return client->run.config.test == RIG_IPERF2_REVERSE ||
           client->run.config.test == RIG_IPERF2_FULL_DUPLEX;
}

static bool comes_back(const struct rig_iperf2_client *client)
{
    return client->run.config.test == RIG_IPERF2_DUAL ||
           client->run.config.test == RIG_IPERF2_TRADEOFF;
}

static void finish(struct rig_iperf2_client *client)
{
    rig_loop_timer_stop(client->run.loop, &client->back_timer);
    if (client->back)
        rig_iperf2_server_stop(client->back);
    rig_iperf2_run_done(&client->run);
}

static void check_done(struct rig_iperf2_client *client)
{
    if (client->n_done < client->n_flows)
        return;
    if (!comes_back(client) || client->back_done || client->run.error) {
        finish(client);
        return;
    }
    rig_loop_timer_set(client->run.loop, &client->back_timer,
                       rig_loop_now(client->run.loop) + BACK_PATIENCE_NS);
}

void rig_iperf2_client_flow_failed(struct rig_iperf2_client *client,
                                   const struct rig_iperf2_report *flow, int error,
                                   const char *sentence)
{
    if (client->run.error != error)
        rig_iperf2_run_fail(&client->run, flow, error, "%s", sentence);
}

void rig_iperf2_client_flow_done(struct rig_iperf2_client *client)
{
    client->n_done++;
    check_done(client);
}

/* ---- the server inside, for -d and -r ---- */

static void back_report(void *ctx, const struct rig_iperf2_report *report)
{
    struct rig_iperf2_client *client = ctx;
    struct rig_iperf2_report ours = *report;
    ours.is_server = false;
    rig_iperf2_run_report(&client->run, &ours);
}

static void back_done(void *ctx, int error)
{
    struct rig_iperf2_client *client = ctx;
    client->back_done = true;
    if (error && !client->run.error)
        client->run.error = error;
    check_done(client);
}

/* A flow that runs ends by itself, and the patience begins anew; one that never comes does not. */
static void on_back_timer(void *ctx)
{
    struct rig_iperf2_client *client = ctx;
    if (client->back->active) {
        rig_loop_timer_set(client->run.loop, &client->back_timer,
                           rig_loop_now(client->run.loop) + BACK_PATIENCE_NS);
        return;
    }
    rig_iperf2_run_fail(&client->run, NULL, -ETIMEDOUT,
                        "the server came back to port %u with %u of %u flows within 10 s",
                        client->request.port, client->back->served, client->n_flows);
    finish(client);
}

static int open_back(struct rig_iperf2_client *client, struct rig_err *err)
{
    struct rig_iperf2_config config = client->run.config;
    config.local = (struct rig_endpoint){.port = client->request.port};
    config.local.addr = client->run.config.local.addr;
    if (!config.local.addr.family)
        config.local.addr.family = client->run.config.peer.addr.family;
    config.parallel = client->n_flows;
    config.duration_ns = 0;
    config.one_at_a_time = false;
    config.compatible = true;
    struct rig_iperf2_hooks hooks = {.report = back_report, .done = back_done, .ctx = client};
    return rig_iperf2_server_new_with_ids(&client->back, client->run.net, &config, &hooks,
                                          client->run.next_id, err);
}

/* ---- life ---- */

static void start_now(void *ctx)
{
    struct rig_iperf2_client *client = ctx;
    client->started = true;
    if (client->run.config.udp)
        rig_iperf2_client_udp_start(client);
    else
        rig_iperf2_client_tcp_start(client);
}

void rig_iperf2_client_ready(struct rig_iperf2_client *client)
{
    rig_ns_t now_ns = rig_clock_ns();
    rig_ns_t wall_ns = rig_clock_wall_ns();
    rig_ns_t start_wall_ns = client->run.config.txstart_wall_ns;
    rig_ns_t wait_ns = start_wall_ns > wall_ns ? start_wall_ns - wall_ns : 0;
    client->request.start_wall_ns = start_wall_ns ? start_wall_ns : wall_ns;
    rig_loop_timer_set(client->run.loop, &client->start, now_ns + wait_ns);
}

static void report_connecting(struct rig_iperf2_client *client)
{
    struct rig_iperf2_report report = {
        .event = RIG_IPERF2_CONNECTING,
        .udp = client->run.config.udp,
        .is_sender = true,
        .peer = client->run.config.peer,
    };
    rig_iperf2_run_report(&client->run, &report);
}

/* In bits/s, which every server understands; packets/s then need the length, too. */
static uint64_t asked_rate_bps(const struct rig_iperf2_config *config)
{
    if (!config->rate.is_pps)
        return config->rate.value;
    uint64_t packet_bits = 8ull * config->len_bytes;
    return config->rate.value > UINT64_MAX / packet_bits ? 0 : config->rate.value * packet_bits;
}

static void prepare_request(struct rig_iperf2_client *client)
{
    const struct rig_iperf2_config *config = &client->run.config;
    client->request = (struct rig_iperf2_request){
        .test = config->compatible ? RIG_IPERF2_NORMAL : config->test,
        .n_threads = client->n_flows,
        .port = config->listen_port ? config->listen_port : config->peer.port,
        .len_bytes = config->len_set || config->rate.is_pps ? config->len_bytes : 0,
        .amount_bytes = client->amount.bytes,
        .duration_ns = client->amount.duration_ns,
        .rate_bps = asked_rate_bps(config),
        .tos = config->net.tos,
        .trip_times = config->trip_times,
        .has_start = config->txstart_wall_ns != 0,
    };
}

static void prepare(struct rig_iperf2_client *client)
{
    const struct rig_iperf2_config *config = &client->run.config;
    client->n_flows = config->parallel ? config->parallel : 1;
    client->amount = (struct rig_iperf2_amount){
        .duration_ns = config->amount_bytes ? 0 : config->duration_ns,
        .bytes = config->amount_bytes,
        .rate_pps = rig_iperf2_rate_pps(&config->rate, config->len_bytes),
        .len_bytes = config->len_bytes,
        .bursts = !config->udp && config->trip_times,
    };
    prepare_request(client);
    rig_iperf2_group_init(&client->tx_group, &client->run, true);
    rig_iperf2_group_init(&client->rx_group, &client->run, false);
    rig_timer_init(&client->start, start_now, client);
    rig_timer_init(&client->back_timer, on_back_timer, client);
}

static int open_all(struct rig_iperf2_client *client, struct rig_err *err)
{
    if (comes_back(client)) {
        int rc = open_back(client, err);
        if (rc < 0)
            return rc;
    }
    report_connecting(client);
    return client->run.config.udp ? rig_iperf2_client_udp_open(client, err)
                                  : rig_iperf2_client_tcp_open(client, err);
}

int rig_iperf2_client_new(struct rig_iperf2_client **client, struct rig_net *net,
                          const struct rig_iperf2_config *config,
                          const struct rig_iperf2_hooks *hooks, struct rig_err *err)
{
    struct rig_iperf2_client *new = calloc(1, sizeof(*new));
    if (!new)
        return rig_err_set(err, -ENOMEM, "no memory for a client");
    int rc = rig_iperf2_run_init(&new->run, net, config, hooks, err);
    if (rc < 0) {
        free(new);
        return rc;
    }
    prepare(new);
    rc = open_all(new, err);
    if (rc < 0) {
        rig_iperf2_client_free(new);
        return rc;
    }
    *client = new;
    return 0;
}

void rig_iperf2_client_stop(struct rig_iperf2_client *client)
{
    if (client->stopping)
        return;
    client->stopping = true;
    rig_loop_timer_stop(client->run.loop, &client->start);
    rig_iperf2_client_tcp_stop(client);
    rig_iperf2_client_udp_stop(client);
    finish(client);
}

void rig_iperf2_client_free(struct rig_iperf2_client *client)
{
    if (!client)
        return;
    rig_loop_timer_stop(client->run.loop, &client->start);
    rig_loop_timer_stop(client->run.loop, &client->back_timer);
    rig_iperf2_client_tcp_close(client);
    rig_iperf2_client_udp_close(client);
    rig_iperf2_server_free(client->back);
    rig_iperf2_run_fini(&client->run);
    free(client);
}
