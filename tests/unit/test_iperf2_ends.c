/* SPDX-License-Identifier: BSD-2-Clause */
/* A client and a server of iperf 2 in one process and one loop, over the kernel's loopback. */
#include "net_fixture.h"

#include "proto/iperf2_client.h"
#include "proto/iperf2_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>

/* One end of a test, and what it reported. */
struct end {
    struct rig *rig;
    struct rig_iperf2_client *client;
    struct rig_iperf2_server *server;
    uint16_t port;
    uint64_t n_done;
    int error;
    uint32_t n_of[RIG_IPERF2_FAILED + 1];
    uint64_t tx_bytes, rx_bytes; /* of results */
    uint32_t n_transits;
    double transit_max_s;
    bool free_when_done;
};

static void keep(void *ctx, const struct rig_iperf2_report *report)
{
    struct end *end = ctx;
    end->n_of[report->event]++;
    if (report->event == RIG_IPERF2_LISTENING)
        end->port = report->local.port;
    if (report->event != RIG_IPERF2_RESULT)
        return;
    *(report->is_sender ? &end->tx_bytes : &end->rx_bytes) += report->counts.bytes;
    end->n_transits += report->trip_times && report->transit_s.count;
    end->transit_max_s = report->transit_s.max;
}

static void close_end(struct end *end)
{
    rig_iperf2_client_free(end->client);
    rig_iperf2_server_free(end->server);
    end->client = NULL;
    end->server = NULL;
}

static void on_done(void *ctx, int error)
{
    struct end *end = ctx;
    end->n_done++;
    end->error = error;
    if (end->free_when_done)
        close_end(end);
}

static struct rig_iperf2_config config_of(bool udp)
{
    return (struct rig_iperf2_config){
        .udp = udp,
        .duration_ns = 100 * RIG_NS_PER_MS,
        .len_bytes = udp ? RIG_IPERF2_UDP4_LEN_BYTES : RIG_IPERF2_TCP_LEN_BYTES,
        .rate = {.value = udp ? 10000000 : 0},
    };
}

static void serve(struct end *end, struct rig *rig, const struct rig_iperf2_config *config)
{
    struct rig_err err = {""};
    struct rig_iperf2_hooks hooks = {.report = keep, .done = on_done, .ctx = end};
    struct rig_iperf2_config ours = *config;
    end->rig = rig;
    ours.local = at("127.0.0.1", 0);
    ours.duration_ns = 0;
    if (rig_iperf2_server_new(&end->server, rig->net, &ours, &hooks, &err))
        fail_msg("server: %s", err.text);
}

static void ask(struct end *end, struct rig *rig, struct rig_iperf2_config *config, uint16_t port)
{
    struct rig_err err = {""};
    struct rig_iperf2_hooks hooks = {.report = keep, .done = on_done, .ctx = end};
    end->rig = rig;
    config->peer = at("127.0.0.1", port);
    if (rig_iperf2_client_new(&end->client, rig->net, config, &hooks, &err))
        fail_msg("client: %s", err.text);
}

/* A server for one client, and that client, until both are done. */
static void run_both(struct rig *rig, struct end *client, struct end *server,
                     struct rig_iperf2_config *config)
{
    struct rig_iperf2_config of_server = config_of(config->udp);
    of_server.parallel = config->parallel ? config->parallel : 1;
    of_server.interval_ns = config->interval_ns;
    serve(server, rig, &of_server);
    ask(client, rig, config, server->port);
    run_until(rig, &client->n_done, 1);
    run_until(rig, &server->n_done, 1);
}

static void each_direction_of_a_duplex_flow_is_summed_apart(void **state)
{
    for (int udp = 0; udp < 2; udp++) {
        struct end client = {0}, server = {0};
        struct rig_iperf2_config config = config_of(udp);
        config.test = RIG_IPERF2_FULL_DUPLEX;
        run_both(*state, &client, &server, &config);
        assert_int_equal(server.n_of[RIG_IPERF2_RESULT], 2);
        assert_int_equal(server.n_of[RIG_IPERF2_SUM_RESULT], 0);
        assert_int_equal(server.n_of[RIG_IPERF2_CONNECTED], 1);
        assert_int_equal(client.tx_bytes, server.rx_bytes);
        assert_int_equal(client.rx_bytes, server.tx_bytes);
        close_end(&client);
        close_end(&server);
    }
}

static void parallel_flows_come_back_and_have_one_sum(void **state)
{
    struct end client = {0}, server = {0};
    struct rig_iperf2_config config = config_of(false);
    config.test = RIG_IPERF2_REVERSE;
    config.parallel = 3;
    run_both(*state, &client, &server, &config);
    assert_int_equal(client.error, 0);
    assert_int_equal(client.n_of[RIG_IPERF2_RESULT], 3);
    assert_int_equal(client.n_of[RIG_IPERF2_SUM_RESULT], 1);
    assert_int_equal(client.rx_bytes, server.tx_bytes);
    close_end(&client);
    close_end(&server);
}

static void trip_times_are_measured_in_every_direction(void **state)
{
    for (int udp = 0; udp < 2; udp++) {
        struct end client = {0}, server = {0};
        struct rig_iperf2_config config = config_of(udp);
        config.test = RIG_IPERF2_REVERSE;
        config.trip_times = true;
        run_both(*state, &client, &server, &config);
        assert_int_equal(client.n_transits, 1);
        assert_int_equal(client.rx_bytes, server.tx_bytes);
        assert_true(client.transit_max_s < 10); /* a stamp, not what happened to lie there */
        close_end(&client);
        close_end(&server);
    }
}

static void a_run_may_be_freed_when_it_is_done(void **state)
{
    for (int udp = 0; udp < 2; udp++) {
        struct end client = {.free_when_done = true}, server = {.free_when_done = true};
        struct rig_iperf2_config config = config_of(udp);
        run_both(*state, &client, &server, &config);
        run_for(*state, 20 * RIG_NS_PER_MS);
        assert_int_equal(client.n_done, 1);
        assert_int_equal(server.n_done, 1);
        assert_null(client.client);
    }
}

static void a_run_that_is_stopped_twice_is_done_once(void **state)
{
    struct end client = {0}, server = {0};
    struct rig_iperf2_config config = config_of(false);
    serve(&server, *state, &config);
    ask(&client, *state, &config, server.port);
    run_for(*state, 20 * RIG_NS_PER_MS);
    for (int i = 0; i < 2; i++) {
        rig_iperf2_client_stop(client.client);
        rig_iperf2_server_stop(server.server);
        run_for(*state, 20 * RIG_NS_PER_MS);
    }
    assert_int_equal(client.n_done, 1);
    assert_int_equal(server.n_done, 1);
    assert_int_equal(client.n_of[RIG_IPERF2_RESULT], 1);
    close_end(&client);
    close_end(&server);
}

static void a_refusal_is_said_once_however_many_flows(void **state)
{
    for (int udp = 0; udp < 2; udp++) {
        struct end client = {0}, server = {0};
        struct rig_iperf2_config config = config_of(udp);
        config.parallel = 4;
        serve(&server, *state, &config);
        close_end(&server); /* a port that nobody has now */
        ask(&client, *state, &config, server.port);
        run_until(*state, &client.n_done, 1);
        assert_int_equal(client.error, -ECONNREFUSED);
        assert_int_equal(client.n_of[RIG_IPERF2_FAILED], 1);
        close_end(&client);
    }
}

/* ---- peers that misbehave ---- */

static void say_little_and_close(void *ctx, struct rig_stream *stream)
{
    const uint32_t *len_bytes = ctx;
    static const uint8_t zeros[RIG_STREAM_COPY_BYTES];
    if (*len_bytes)
        rig_stream_write(stream, zeros, *len_bytes);
    rig_stream_close(stream);
}

static void a_server_that_ends_too_early_is_a_failure(void **state)
{
    struct rig *rig = *state;
    for (uint32_t len_bytes = 0; len_bytes < 200; len_bytes += 100) {
        struct end client = {0};
        struct rig_listener *listener;
        struct rig_endpoint local = at("127.0.0.1", 0);
        struct rig_iperf2_config config = config_of(false);
        config.test = RIG_IPERF2_REVERSE;
        config.duration_ns = 2 * RIG_NS_PER_S;
        assert_int_equal(rig_listener_open(&listener, rig->net, &local, NULL, say_little_and_close,
                                           &len_bytes, NULL),
                         0);
        ask(&client, rig, &config, rig_listener_local(listener).port);
        run_until(rig, &client.n_done, 1);
        assert_int_not_equal(client.error, 0);
        assert_int_equal(client.n_of[RIG_IPERF2_FAILED], 1);
        close_end(&client);
        rig_listener_close(listener);
    }
}

/* Connect, send a request that wants an acknowledgement, and reset, before anybody reads. */
static void request_and_reset(uint16_t port)
{
    uint8_t head[RIG_IPERF2_TCP_HDR_MAX_BYTES];
    struct rig_iperf2_request request = {.test = RIG_IPERF2_NORMAL, .duration_ns = RIG_NS_PER_S};
    uint32_t len = rig_iperf2_tcp_request_write(head, &request);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(send(fd, head, len, 0), len);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

static void a_client_that_resets_before_its_acknowledgement_is_let_go(void **state)
{
    struct end server = {0};
    struct rig_iperf2_config config = config_of(false);
    config.parallel = 1;
    serve(&server, *state, &config);
    request_and_reset(server.port);
    run_until(*state, &server.n_done, 1);
    close_end(&server);
}

/* ---- what a server keeps ---- */

static void an_idle_server_has_no_timer(void **state)
{
    struct end client = {0}, server = {0};
    struct rig_iperf2_config config = config_of(true);
    serve(&server, *state, &config);
    assert_false(rig_timer_armed(&server.server->sweep));
    ask(&client, *state, &config, server.port);
    run_until(*state, &client.n_done, 1);
    assert_true(rig_timer_armed(&server.server->sweep));
    assert_int_equal(server.server->n_sessions, 1);
    run_for(*state, 5500 * RIG_NS_PER_MS);
    assert_int_equal(server.server->n_sessions, 0);
    assert_false(rig_timer_armed(&server.server->sweep));
    close_end(&client);
    close_end(&server);
}

/* Send the same request from many ports, as a forger of addresses would. */
static void flood(uint16_t port, const struct rig_iperf2_request *request, uint32_t n)
{
    uint8_t head[RIG_IPERF2_UDP_REQUEST_MAX_BYTES];
    uint32_t len = rig_iperf2_udp_request_write(head, request);
    rig_iperf2_udp_write(head, len, &(struct rig_iperf2_datagram){.id = 1, .sent_wall_ns = 1});
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (uint32_t i = 0; i < n; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sendto(fd, head, len, 0, (const struct sockaddr *)&name, sizeof(name));
        close(fd);
    }
}

static void a_flood_of_requests_to_send_is_bounded(void **state)
{
    struct end server = {0};
    struct rig_iperf2_config config = config_of(true);
    struct rig_iperf2_request request = {
        .test = RIG_IPERF2_REVERSE, .rate_bps = 1000, .len_bytes = 1u << 31};
    serve(&server, *state, &config);
    for (int i = 0; i < 4; i++) {
        flood(server.port, &request, 100);
        run_for(*state, 20 * RIG_NS_PER_MS);
    }
    assert_true(server.server->n_senders > 100);
    assert_true(server.server->n_senders <= RIG_IPERF2_SENDERS_MAX);
    assert_int_equal(server.n_of[RIG_IPERF2_WARNING], 1);
    assert_int_equal(server.server->active, server.server->n_senders);
    close_end(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_direction_of_a_duplex_flow_is_summed_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(parallel_flows_come_back_and_have_one_sum, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trip_times_are_measured_in_every_direction, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_may_be_freed_when_it_is_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_that_is_stopped_twice_is_done_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_is_said_once_however_many_flows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_ends_too_early_is_a_failure, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_resets_before_its_acknowledgement_is_let_go,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_server_has_no_timer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_requests_to_send_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
