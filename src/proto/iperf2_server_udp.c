/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UDP half of an iperf 2 server: one socket, and a session for each client's address and port.
 *
 *   receiving -> answering (the final datagram came) -> gone
 *   receiving -> gone (silence)
 *
 * While answering, every repeated final datagram gets the report again; a first datagram of a new
 * test from the same port starts a new session.
 *
 * Anybody can send a datagram under any address. A session without a sender is a few KiB, and there
 * are at most RIG_IPERF2_SESSIONS_MAX; when half of them are taken, those of which only one train
 * came have to prove themselves soon. A sender (-R) has slots of 128 KiB: at most
 * RIG_IPERF2_SENDERS_MAX at a time. Nothing tells a server whether a client of -R still listens, so
 * no sender sends for longer than SENDING_MAX_NS, whatever it was asked.
 */
#include "proto/iperf2_server.h"

#include <errno.h>
#include <stdlib.h>

#define SWEEP_NS          RIG_NS_PER_S
#define ANSWERING_NS      (3 * RIG_NS_PER_S) /* longer than all of a client's retries */
#define CROWDED_NS        (2 * RIG_NS_PER_S) /* silence after a first train while there are many */
#define SENDING_MAX_NS    (3600 * RIG_NS_PER_S)
#define UDP_LEN_MAX_BYTES 65507u

struct rig_iperf2_session {
    struct rig_iperf2_server *server;
    struct rig_endpoint peer;
    struct rig_addr local;
    struct rig_iperf2_request request;
    uint32_t id;
    bool receiving;
    bool sending; /* counted in n_senders */
    bool ended;   /* counted as served */
    rig_ns_t ended_ns;
    rig_ns_t silence_ns;
    struct rig_iperf2_udp_rx rx;
    struct rig_iperf2_udp_tx tx;
    uint8_t answer[RIG_IPERF2_REPORT_BYTES];
    struct rig_iperf2_session *next;
};

static struct rig_iperf2_session **bucket_of(struct rig_iperf2_server *server,
                                             const struct rig_endpoint *peer)
{
    return &server->buckets[rig_endpoint_hash(peer) & (RIG_IPERF2_SESSION_BUCKETS - 1)];
}

static struct rig_iperf2_session *find(struct rig_iperf2_server *server,
                                       const struct rig_endpoint *peer)
{
    struct rig_iperf2_session *last = server->last_session;
    if (last && rig_endpoint_equal(&last->peer, peer))
        return last;
    struct rig_iperf2_session *session = *bucket_of(server, peer);
    while (session && !rig_endpoint_equal(&session->peer, peer))
        session = session->next;
    server->last_session = session;
    return session;
}

static void session_end(struct rig_iperf2_session *session)
{
    if (session->ended)
        return;
    session->ended = true;
    session->ended_ns = rig_loop_now(session->server->run.loop);
    rig_iperf2_server_ended(session->server);
}

/* Over when neither direction goes on. */
static void check_end(struct rig_iperf2_session *session)
{
    bool rx_open = session->receiving && !session->rx.ended;
    if (!rx_open && !session->tx.active)
        session_end(session);
}

static void sender_ended(struct rig_iperf2_session *session)
{
    session->server->n_senders -= session->sending;
    session->sending = false;
}

static void session_free(struct rig_iperf2_session *session)
{
    struct rig_iperf2_server *server = session->server;
    struct rig_iperf2_session **at = bucket_of(server, &session->peer);
    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    if (server->last_session == session)
        server->last_session = NULL;
    rig_iperf2_udp_rx_fini(&session->rx);
    rig_iperf2_udp_tx_fini(&session->tx);
    sender_ended(session);
    server->n_sessions--;
    free(session);
}

static void on_tx_done(void *ctx, int error)
{
    struct rig_iperf2_session *session = ctx;
    /* Stock clients of -R never answer the final datagram. */
    if (error && error != -ETIMEDOUT && error != -ECONNREFUSED)
        rig_iperf2_run_warn(&session->server->run, &session->tx.meter.base, "sending: %s",
                            rig_iperf2_error_text(error));
    sender_ended(session);
    check_end(session);
}

/* What the client asked for, within bounds. */
static struct rig_iperf2_amount amount_of(const struct rig_iperf2_session *session)
{
    const struct rig_iperf2_request *request = &session->request;
    uint32_t len = request->len_bytes ? request->len_bytes : session->server->run.config.len_bytes;
    if (len < RIG_IPERF2_UDP_LEN_MIN_BYTES)
        len = RIG_IPERF2_UDP_LEN_MIN_BYTES;
    if (len > UDP_LEN_MAX_BYTES)
        len = UDP_LEN_MAX_BYTES;
    struct rig_iperf2_amount amount = rig_iperf2_server_amount(request, len);
    if (!amount.duration_ns || amount.duration_ns > SENDING_MAX_NS)
        amount.duration_ns = SENDING_MAX_NS;
    return amount;
}

static bool may_send(struct rig_iperf2_server *server)
{
    if (server->n_senders < RIG_IPERF2_SENDERS_MAX)
        return true;
    if (!server->senders_warned)
        rig_iperf2_run_warn(&server->run, NULL,
                            "more than %u UDP flows to send at a time: further ones are not sent",
                            RIG_IPERF2_SENDERS_MAX);
    server->senders_warned = true;
    return false;
}

static void start_sending(struct rig_iperf2_session *session)
{
    struct rig_iperf2_server *server = session->server;
    if (!may_send(server))
        return;
    struct rig_iperf2_amount amount = amount_of(session);
    /* With --trip-times a client of -R wants to know when the sender began. */
    struct rig_iperf2_request plain = {
        .test = RIG_IPERF2_NORMAL,
        .len_bytes = amount.len_bytes,
        .trip_times = session->request.trip_times,
        .start_wall_ns = rig_clock_wall_ns(),
    };
    struct rig_iperf2_udp_tx_spec spec = {
        .udp = server->udp,
        .peer = session->peer,
        .local = session->local,
        .amount = amount,
        .request = &plain,
        .group = rig_iperf2_server_group(server, &session->peer.addr, true),
        .expects_answer = true,
        .full_duplex = session->request.test == RIG_IPERF2_FULL_DUPLEX,
        .trip_times = session->request.trip_times,
        .done = on_tx_done,
        .ctx = session,
    };
    struct rig_err err;
    if (rig_iperf2_udp_tx_start(&session->tx, &server->run, &spec, session->id, &err) < 0) {
        rig_iperf2_run_warn(&server->run, NULL, "cannot send to the client: %s", err.text);
        return;
    }
    session->sending = true;
    server->n_senders++;
}

static struct rig_iperf2_session *session_new(struct rig_iperf2_server *server,
                                              const struct rig_endpoint *peer,
                                              const struct rig_addr *local)
{
    if (server->n_sessions >= RIG_IPERF2_SESSIONS_MAX) {
        if (!server->sessions_warned)
            rig_iperf2_run_warn(&server->run, NULL,
                                "more than %u UDP flows at a time: further ones are not answered",
                                RIG_IPERF2_SESSIONS_MAX);
        server->sessions_warned = true;
        return NULL;
    }
    struct rig_iperf2_session *session = calloc(1, sizeof(*session));
    if (!session)
        return NULL;
    session->server = server;
    session->peer = *peer;
    session->local = *local;
    session->id = rig_iperf2_run_next_id(&server->run);
    struct rig_iperf2_session **bucket = bucket_of(server, peer);
    session->next = *bucket;
    *bucket = session;
    server->n_sessions++;
    server->last_session = session;
    if (!rig_timer_armed(&server->sweep))
        rig_loop_timer_set(server->run.loop, &server->sweep,
                           rig_loop_now(server->run.loop) + SWEEP_NS);
    rig_iperf2_udp_rx_init(&session->rx, &server->run, server->udp);
    rig_iperf2_server_began(server, &peer->addr);
    return session;
}

/* -d and -r: the other direction is a flow to the port where the client listens. */
static void start_sending_back(struct rig_iperf2_session *session)
{
    struct rig_endpoint back = {.addr = session->peer.addr, .port = session->request.port};
    struct rig_iperf2_session *other = find(session->server, &back);
    if (other && !other->ended)
        return;
    if (other) /* of the last test, kept for strays: clients listen at the same port each time */
        session_free(other);
    other = session_new(session->server, &back, &session->local);
    if (!other)
        return;
    other->request = session->request;
    start_sending(other);
    check_end(other);
}

static void start_receiving(struct rig_iperf2_session *session, const struct rig_udp_train *train)
{
    struct rig_iperf2_server *server = session->server;
    struct rig_iperf2_meter *meter = &session->rx.meter;
    struct rig_endpoint local = rig_udp_local(server->udp);
    local.addr = train->local;
    session->receiving = true;
    session->silence_ns =
        rig_iperf2_silence_ns(rig_iperf2_server_rate_pps(&session->request, train->stride_bytes));
    rig_iperf2_meter_join(meter, rig_iperf2_server_group(server, &train->peer.addr, false));
    meter->base.trip_times = session->request.trip_times;
    meter->base.full_duplex = session->request.test == RIG_IPERF2_FULL_DUPLEX;
    if (session->sending) /* which has reported the connection */
        rig_iperf2_meter_identify(meter, session->id, &local, &train->peer);
    else
        rig_iperf2_meter_connected(meter, session->id, &local, &train->peer,
                                   rig_udp_window(server->udp, false));
}

static struct rig_iperf2_session *begin(struct rig_iperf2_server *server,
                                        const struct rig_udp_train *train)
{
    struct rig_iperf2_session *session = session_new(server, &train->peer, &train->local);
    if (!session)
        return NULL;
    rig_iperf2_udp_request_read(&session->request, train->data, train->stride_bytes);
    enum rig_iperf2_test test = session->request.test;
    if (test == RIG_IPERF2_REVERSE || test == RIG_IPERF2_FULL_DUPLEX)
        start_sending(session);
    if (test != RIG_IPERF2_REVERSE)
        start_receiving(session, train);
    if (test == RIG_IPERF2_DUAL)
        start_sending_back(session);
    check_end(session);
    return session;
}

/* Does this look like the start of a test? Strays of an ended one have negative ids. */
static bool is_first(const struct rig_udp_train *train, struct rig_iperf2_datagram *datagram)
{
    bool is_64bit = rig_iperf2_udp_is_64bit(train->data, train->stride_bytes);
    return train->len_bytes &&
           rig_iperf2_udp_read(datagram, train->data, train->stride_bytes, is_64bit) &&
           datagram->id >= 0;
}

static void answer(struct rig_iperf2_session *session)
{
    if (!session->request.no_udp_fin)
        (void)rig_udp_send(session->server->udp, &session->peer, &session->local, session->answer,
                           sizeof(session->answer));
}

static void receive(struct rig_iperf2_session *session, const struct rig_udp_train *train)
{
    rig_iperf2_udp_rx_train(&session->rx, train);
    if (!session->rx.ended)
        return;
    rig_iperf2_udp_rx_answer(&session->rx, session->answer);
    answer(session);
    if (session->request.test == RIG_IPERF2_TRADEOFF)
        start_sending_back(session);
    check_end(session);
}

/* Is it the client's report on what we sent? It may come again after the end. */
static bool is_report(const struct rig_iperf2_session *session, const struct rig_udp_train *train)
{
    struct rig_iperf2_server_report report;
    return session->tx.run && rig_iperf2_report_read(&report, train->data, train->stride_bytes);
}

static bool is_new_test(const struct rig_iperf2_session *session, const struct rig_udp_train *train)
{
    struct rig_iperf2_datagram datagram;
    return session->ended && is_first(train, &datagram) && datagram.id <= 1 &&
           !is_report(session, train);
}

static void on_received(void *ctx, const struct rig_udp_train *train)
{
    struct rig_iperf2_server *server = ctx;
    struct rig_iperf2_datagram datagram;
    if (server->stopping)
        return;
    struct rig_iperf2_session *session = find(server, &train->peer);
    if (session && is_new_test(session, train)) {
        session_free(session);
        session = NULL;
    }
    if (!session) {
        if (!is_first(train, &datagram) || !rig_iperf2_server_may_begin(server, &train->peer.addr))
            return;
        session = begin(server, train);
        if (!session)
            return;
    }
    if (is_report(session, train))
        rig_iperf2_udp_tx_answered(&session->tx);
    else if (session->receiving && !session->rx.ended)
        receive(session, train);
    else if (session->rx.ended && !is_first(train, &datagram))
        answer(session);
}

static void on_failed(void *ctx, int error)
{
    /* An unconnected socket hears of one peer's refusal without learning whose: sessions that only
     * send find out by never being answered. */
    (void)ctx;
    (void)error;
}

static const struct rig_udp_events udp_events = {
    .received = on_received,
    .failed = on_failed,
};

/* A stranger's only datagram is no claim to a place when places become few. */
static rig_ns_t silence_allowed(const struct rig_iperf2_session *session)
{
    bool crowded = session->server->n_sessions > RIG_IPERF2_SESSIONS_MAX / 2;
    return crowded && session->rx.meter.total.ops <= 1 ? CROWDED_NS : session->silence_ns;
}

static void sweep_session(struct rig_iperf2_session *session, rig_ns_t now_ns)
{
    if (session->ended) {
        if (now_ns - session->ended_ns > ANSWERING_NS)
            session_free(session);
        return;
    }
    if (!session->receiving || session->rx.ended ||
        now_ns - session->rx.progress_ns < silence_allowed(session))
        return;
    char peer[RIG_ENDPOINT_TEXT_MAX];
    rig_iperf2_run_warn(&session->server->run, &session->rx.meter.base,
                        "%s fell silent without ending its test",
                        rig_endpoint_format(&session->peer, peer));
    rig_iperf2_udp_rx_finish(&session->rx, session->rx.progress_ns);
    session->rx.ended = true;
    rig_iperf2_udp_rx_answer(&session->rx, session->answer); /* it may come back and ask */
    check_end(session);
}

static void each_session(struct rig_iperf2_server *server,
                         void (*fn)(struct rig_iperf2_session *session, rig_ns_t now_ns))
{
    rig_ns_t now_ns = rig_loop_now(server->run.loop);
    for (uint32_t i = 0; i < RIG_IPERF2_SESSION_BUCKETS && server->n_sessions; i++) {
        struct rig_iperf2_session *session = server->buckets[i];
        while (session) {
            struct rig_iperf2_session *next = session->next;
            fn(session, now_ns);
            session = next;
        }
    }
}

static void on_sweep(void *ctx)
{
    struct rig_iperf2_server *server = ctx;
    each_session(server, sweep_session);
    if (server->n_sessions)
        rig_loop_timer_set(server->run.loop, &server->sweep,
                           rig_loop_now(server->run.loop) + SWEEP_NS);
}

int rig_iperf2_server_udp_open(struct rig_iperf2_server *server, struct rig_err *err)
{
    rig_timer_init(&server->sweep, on_sweep, server);
    return rig_udp_open(&server->udp, server->run.net, &server->run.config.local, NULL,
                        &server->run.config.net, &udp_events, server, err);
}

static void stop_session(struct rig_iperf2_session *session, rig_ns_t now_ns)
{
    if (session->receiving)
        rig_iperf2_udp_rx_finish(&session->rx, now_ns);
    rig_iperf2_udp_tx_stop(&session->tx);
}

void rig_iperf2_server_udp_stop(struct rig_iperf2_server *server)
{
    each_session(server, stop_session);
}

static void free_session(struct rig_iperf2_session *session, rig_ns_t now_ns)
{
    (void)now_ns;
    session_free(session);
}

void rig_iperf2_server_udp_close(struct rig_iperf2_server *server)
{
    each_session(server, free_session);
    rig_loop_timer_stop(server->run.loop, &server->sweep);
    rig_udp_close(server->udp);
    server->udp = NULL;
}
