/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UDP half of an iperf 2 client: a connected socket for each flow. To receive (-R and
 * --full-duplex) the first datagram has to reach the server, so it is repeated until something
 * comes.
 */
#include "proto/iperf2_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_AGAIN_NS (250 * RIG_NS_PER_MS)

struct rig_iperf2_client_udp {
    struct rig_iperf2_client *client;
    struct rig_udp *udp;
    struct rig_iperf2_udp_tx tx;
    struct rig_iperf2_udp_rx rx;
    struct rig_timer watch; /* while receiving: ask again, or give up */
    rig_ns_t silence_ns;
    bool receiving;
    bool done;
    uint32_t id;
};

static void flow_done(struct rig_iperf2_client_udp *flow)
{
    if (flow->done)
        return;
    flow->done = true;
    rig_loop_timer_stop(flow->client->run.loop, &flow->watch);
    rig_iperf2_client_flow_done(flow->client);
}

static void check_done(struct rig_iperf2_client_udp *flow)
{
    if (!flow->tx.active && (!flow->receiving || flow->rx.ended))
        flow_done(flow);
}

static void fail(struct rig_iperf2_client_udp *flow, int error)
{
    struct rig_iperf2_client *client = flow->client;
    char peer[RIG_ENDPOINT_TEXT_MAX];
    char sentence[RIG_ERR_TEXT_BYTES];
    rig_endpoint_format(&client->run.config.peer, peer);
    if (error == -ETIMEDOUT && flow->receiving)
        snprintf(sentence, sizeof(sentence), "%s: nothing came for %llu s", peer,
                 (unsigned long long)(flow->silence_ns / RIG_NS_PER_S));
    else if (error == -ETIMEDOUT)
        snprintf(sentence, sizeof(sentence),
                 "%s did not acknowledge the end of the test after %d tries: what arrived there is "
                 "not known",
                 peer, RIG_IPERF2_FIN_TRIES);
    else
        snprintf(sentence, sizeof(sentence), "%s: %s", peer, rig_iperf2_error_text(error));
    rig_iperf2_client_flow_failed(
        client, flow->receiving ? &flow->rx.meter.base : &flow->tx.meter.base, error, sentence);
    if (flow->receiving)
        rig_iperf2_udp_rx_finish(&flow->rx, flow->rx.progress_ns);
    rig_iperf2_udp_tx_stop(&flow->tx);
    flow_done(flow);
}

static void on_tx_done(void *ctx, int error)
{
    struct rig_iperf2_client_udp *flow = ctx;
    /* In full duplex the server has its own way to end; it need not answer. */
    if (error && !(flow->receiving && error == -ETIMEDOUT))
        fail(flow, error);
    else
        check_done(flow);
}

static void report_answer(struct rig_iperf2_client_udp *flow,
                          const struct rig_iperf2_server_report *answer)
{
    struct rig_iperf2_report report = flow->tx.meter.base;
    report.event = RIG_IPERF2_SERVER_REPORT;
    report.is_sender = false;
    report.end_ns = answer->duration_ns;
    report.jitter_ns = answer->jitter_ns;
    report.counts = (struct rig_iperf2_counts){
        .bytes = answer->bytes,
        .datagrams = answer->datagrams,
        .lost = (int64_t)answer->lost,
        .out_of_order = answer->out_of_order,
    };
    rig_stats_init(&report.transit_s);
    if (answer->has_transit)
        report.transit_s = (struct rig_stats){
            .count = answer->transit_count,
            .min = answer->transit_min_s,
            .max = answer->transit_max_s,
            .mean = answer->transit_mean_s,
            .m2 = answer->transit_m2_s2,
        };
    rig_iperf2_run_report(&flow->client->run, &report);
}

static void send_report(struct rig_iperf2_client_udp *flow)
{
    struct rig_iperf2_client *client = flow->client;
    uint8_t answer[RIG_IPERF2_REPORT_BYTES];
    rig_iperf2_udp_rx_answer(&flow->rx, answer);
    (void)rig_udp_send(flow->udp, &client->run.config.peer, NULL, answer, sizeof(answer));
}

static void on_received(void *ctx, const struct rig_udp_train *train)
{
    struct rig_iperf2_client_udp *flow = ctx;
    struct rig_iperf2_server_report answer;
    if (rig_iperf2_client_sends(flow->client) &&
        rig_iperf2_report_read(&answer, train->data, train->stride_bytes)) {
        if (flow->tx.active && flow->tx.finishing) {
            report_answer(flow, &answer);
            rig_iperf2_udp_tx_answered(&flow->tx);
        }
        return;
    }
    if (!flow->receiving || flow->done)
        return;
    rig_iperf2_udp_rx_train(&flow->rx, train);
    if (flow->rx.ended) {
        send_report(flow);
        check_done(flow);
    }
}

static void on_failed(void *ctx, int error)
{
    struct rig_iperf2_client_udp *flow = ctx;
    /* A server that sent all and left refuses our report on it: no failure any more. */
    if (flow->done || (flow->receiving && flow->rx.ended))
        return;
    fail(flow, error);
}

static const struct rig_udp_events udp_events = {
    .received = on_received,
    .failed = on_failed,
};

static void ask(struct rig_iperf2_client_udp *flow)
{
    struct rig_iperf2_client *client = flow->client;
    uint8_t head[RIG_IPERF2_UDP_REQUEST_MAX_BYTES];
    uint32_t len = rig_iperf2_udp_request_write(head, &client->request);
    struct rig_iperf2_datagram datagram = {.id = 1, .sent_wall_ns = rig_clock_wall_ns()};
    rig_iperf2_udp_write(head, RIG_IPERF2_UDP_HDR_BYTES, &datagram);
    int rc = rig_udp_send(flow->udp, &client->run.config.peer, NULL, head, len);
    if (rc < 0 && rc != -EAGAIN)
        fail(flow, rc);
}

static void on_watch(void *ctx)
{
    struct rig_iperf2_client_udp *flow = ctx;
    rig_ns_t now_ns = rig_loop_now(flow->client->run.loop);
    if (flow->done)
        return;
    if (now_ns - flow->rx.progress_ns >= flow->silence_ns) {
        fail(flow, -ETIMEDOUT);
        return;
    }
    rig_loop_timer_set(flow->client->run.loop, &flow->watch, now_ns + ASK_AGAIN_NS);
    if (!flow->rx.started && !rig_iperf2_client_sends(flow->client))
        ask(flow);
}

static void start_receiving(struct rig_iperf2_client_udp *flow)
{
    struct rig_iperf2_client *client = flow->client;
    flow->receiving = true;
    rig_iperf2_udp_rx_init(&flow->rx, &client->run, flow->udp);
    struct rig_iperf2_meter *meter = &flow->rx.meter;
    struct rig_endpoint local = rig_udp_local(flow->udp);
    rig_iperf2_meter_join(meter, &client->rx_group);
    meter->base.full_duplex = client->run.config.test == RIG_IPERF2_FULL_DUPLEX;
    meter->base.trip_times = client->run.config.trip_times;
    flow->silence_ns = rig_iperf2_silence_ns(client->amount.rate_pps);
    rig_loop_timer_set(client->run.loop, &flow->watch,
                       rig_loop_now(client->run.loop) + ASK_AGAIN_NS);
    if (rig_iperf2_client_sends(client)) { /* which has reported the connection */
        rig_iperf2_meter_identify(meter, flow->id, &local, &client->run.config.peer);
        return;
    }
    rig_iperf2_meter_connected(meter, flow->id, &local, &client->run.config.peer,
                               rig_udp_window(flow->udp, false));
    ask(flow);
}

static void start_sending(struct rig_iperf2_client_udp *flow)
{
    struct rig_iperf2_client *client = flow->client;
    struct rig_iperf2_udp_tx_spec spec = {
        .udp = flow->udp,
        .peer = client->run.config.peer,
        .amount = client->amount,
        .request = &client->request,
        .group = &client->tx_group,
        /* Nobody answers for a group, as in iperf. */
        .expects_answer = !rig_addr_is_multicast(&client->run.config.peer.addr),
        .full_duplex = client->run.config.test == RIG_IPERF2_FULL_DUPLEX,
        .trip_times = client->run.config.trip_times,
        .done = on_tx_done,
        .ctx = flow,
    };
    struct rig_err err;
    int rc = rig_iperf2_udp_tx_start(&flow->tx, &client->run, &spec, flow->id, &err);
    if (rc < 0) {
        rig_iperf2_client_flow_failed(client, NULL, rc, err.text);
        flow_done(flow);
    }
}

int rig_iperf2_client_udp_open(struct rig_iperf2_client *client, struct rig_err *err)
{
    const struct rig_iperf2_config *config = &client->run.config;
    client->flows = calloc(client->n_flows, sizeof(*client->flows));
    if (!client->flows)
        return rig_err_set(err, -ENOMEM, "no memory for %u flows", client->n_flows);
    for (uint32_t i = 0; i < client->n_flows; i++) {
        struct rig_iperf2_client_udp *flow = &client->flows[i];
        struct rig_endpoint local = config->local;
        if (local.port)
            local.port = (uint16_t)(local.port + i);
        flow->client = client;
        rig_timer_init(&flow->watch, on_watch, flow);
        int rc = rig_udp_open(&flow->udp, client->run.net, &local, &config->peer, &config->net,
                              &udp_events, flow, err);
        if (rc < 0)
            return rc;
        client->n_connected++;
    }
    rig_iperf2_client_ready(client);
    return 0;
}

void rig_iperf2_client_udp_start(struct rig_iperf2_client *client)
{
    for (uint32_t i = 0; i < client->n_flows; i++) {
        struct rig_iperf2_client_udp *flow = &client->flows[i];
        flow->id = rig_iperf2_run_next_id(&client->run);
        if (rig_iperf2_client_sends(client))
            start_sending(flow);
        if (rig_iperf2_client_receives(client) && !flow->done)
            start_receiving(flow);
    }
}

void rig_iperf2_client_udp_stop(struct rig_iperf2_client *client)
{
    for (uint32_t i = 0; client->flows && i < client->n_flows; i++) {
        struct rig_iperf2_client_udp *flow = &client->flows[i];
        rig_loop_timer_stop(client->run.loop, &flow->watch);
        rig_iperf2_udp_tx_stop(&flow->tx);
        if (flow->receiving)
            rig_iperf2_udp_rx_finish(&flow->rx, rig_loop_now(client->run.loop));
        flow->done = true;
    }
}

void rig_iperf2_client_udp_close(struct rig_iperf2_client *client)
{
    for (uint32_t i = 0; client->flows && i < client->n_flows; i++) {
        struct rig_iperf2_client_udp *flow = &client->flows[i];
        if (flow->client)
            rig_loop_timer_stop(client->run.loop, &flow->watch);
        rig_iperf2_udp_tx_fini(&flow->tx);
        if (flow->receiving)
            rig_iperf2_udp_rx_fini(&flow->rx);
        rig_udp_close(flow->udp);
    }
    free(client->flows);
    client->flows = NULL;
}
