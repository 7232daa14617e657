/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_fixture.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

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

static void listen_on(struct host *host, struct rig *rig, struct rig_endpoint local,
                      const struct rig_net_options *options)
{
    struct rig_err err;
    int ret =
        rig_listener_open(&host->listener, rig->net, &local, options, on_accepted, host, &err);
    if (ret != 0)
        fail_msg("%s", err.text);
    host->local = rig_listener_local(host->listener);
}

static void connect_to(struct end *end, struct rig *rig, struct rig_endpoint peer,
                       const struct rig_net_options *options)
{
    struct rig_err err;
    int ret = rig_stream_connect(&end->stream, rig->net, &peer, NULL, options, &events, end, &err);
    if (ret != 0)
        fail_msg("%s", err.text);
}

/* A connection over loopback, both ends up. */
static void pair_up(struct host *host, struct end *client, struct rig *rig)
{
    listen_on(host, rig, at("127.0.0.1", 0), NULL);
    connect_to(client, rig, host->local, NULL);
    run_until(rig, &client->connected, 1);
    run_until(rig, &host->accepted, 1);
}

static void take_down(struct host *host, struct end *client)
{
    rig_stream_close(client->stream);
    rig_stream_close(host->server.stream);
    rig_listener_close(host->listener);
}

/* ---- carrying ---- */

static void a_connection_carries_bytes_both_ways(void **state)
{
    struct host host = {0};
    struct end client = {0};
    pair_up(&host, &client, *state);
    assert_int_equal(rig_stream_write(client.stream, "ping", 4), 4);
    run_until(*state, &host.server.bytes, 4);
    assert_int_equal(host.server.last_byte, 'g');
    assert_int_equal(rig_stream_write(host.server.stream, "hello", 5), 5);
    run_until(*state, &client.bytes, 5);
    assert_int_equal(client.last_byte, 'o');
    take_down(&host, &client);
}

static void both_ends_know_both_addresses(void **state)
{
    struct host host = {0};
    struct end client = {0};
    pair_up(&host, &client, *state);
    struct rig_endpoint here = rig_stream_local(client.stream);
    struct rig_endpoint there = rig_stream_peer(host.server.stream);
    assert_true(rig_endpoint_equal(&here, &there));
    here = rig_stream_peer(client.stream);
    there = rig_stream_local(host.server.stream);
    assert_true(rig_endpoint_equal(&here, &there));
    assert_int_equal(here.port, host.local.port);
    take_down(&host, &client);
}

static void a_sink_counts_bytes_that_it_never_sees(void **state)
{
    struct host host = {0};
    struct end client = {0};
    static uint8_t data[100000];
    pair_up(&host, &client, *state);
    rig_stream_discard(host.server.stream, true);
    assert_int_equal(rig_stream_write(client.stream, data, sizeof(data)), sizeof(data));
    run_until(*state, &host.server.bytes, sizeof(data));
    assert_int_equal(host.server.bytes, sizeof(data));
    assert_false(host.server.saw_data);
    take_down(&host, &client);
}

static void a_full_stream_takes_less_and_tells_when_there_is_room(void **state)
{
    struct host host = {0};
    struct end client = {0};
    static uint8_t data[1 << 20];
    pair_up(&host, &client, *state);
    rig_stream_pause(host.server.stream, true);
    uint64_t taken = 0;
    int64_t n;
    while ((n = rig_stream_write(client.stream, data, sizeof(data))) > 0)
        taken += (uint64_t)n;
    assert_int_equal(n, 0);
    assert_true(rig_stream_unacked(client.stream) > 0);
    run_for(*state, 50 * RIG_NS_PER_MS);
    assert_int_equal(host.server.bytes, 0);
    rig_stream_pause(host.server.stream, false);
    run_until(*state, &client.writable, 1);
    run_until(*state, &host.server.bytes, taken);
    assert_int_equal(host.server.bytes, taken);
    assert_int_equal(rig_stream_unacked(client.stream), 0);
    take_down(&host, &client);
}

/* ---- the end ---- */

static void the_peers_end_is_told_once_and_writing_goes_on(void **state)
{
    struct host host = {0};
    struct end client = {0};
    pair_up(&host, &client, *state);
    rig_stream_shutdown(client.stream);
    run_until(*state, &host.server.closed, 1);
    assert_int_equal(host.server.error, 0);
    assert_int_equal(rig_stream_write(host.server.stream, "still", 5), 5);
    run_until(*state, &client.bytes, 5);
    assert_int_equal(rig_stream_write(client.stream, "x", 1), -EPIPE);
    run_for(*state, 20 * RIG_NS_PER_MS);
    assert_int_equal(host.server.closed, 1);
    take_down(&host, &client);
}

static void a_shutdown_while_connecting_waits_for_the_connection(void **state)
{
    struct host host = {0};
    struct end client = {0};
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    connect_to(&client, *state, host.local, NULL);
    rig_stream_shutdown(client.stream);
    run_until(*state, &host.server.closed, 1);
    assert_int_equal(host.server.error, 0);
    assert_int_equal(client.connected, 1);
    take_down(&host, &client);
}

static void a_refused_connection_is_told_by_closed(void **state)
{
    struct host host = {0};
    struct end client = {0};
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    rig_listener_close(host.listener);
    client.close_when_closed = true;
    connect_to(&client, *state, host.local, NULL);
    run_until(*state, &client.closed, 1);
    assert_int_equal(client.error, -ECONNREFUSED);
    assert_int_equal(client.connected, 0);
}

/* Connect with a plain socket; the descriptor. */
static int plain_client(const struct host *host)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(host->local.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

static void a_reset_is_told_by_closed_even_while_paused(void **state)
{
    struct host host = {0};
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    int fd = plain_client(&host);
    run_until(*state, &host.accepted, 1);
    rig_stream_pause(host.server.stream, true);
    reset(fd);
    run_until(*state, &host.server.closed, 1);
    assert_int_equal(host.server.error, -ECONNRESET);
    assert_int_equal(rig_stream_write(host.server.stream, "x", 1), -ECONNRESET);
    take_down(&host, &(struct end){0});
}

static void writing_to_a_peer_that_left_is_an_error_and_no_signal(void **state)
{
    struct host host = {0};
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    int fd = plain_client(&host);
    run_until(*state, &host.accepted, 1);
    close(fd);
    run_until(*state, &host.server.closed, 1);
    rig_stream_write(host.server.stream, "x", 1); /* answered by a reset */
    usleep(10000);
    assert_int_equal(rig_stream_write(host.server.stream, "x", 1), -ECONNRESET);
    take_down(&host, &(struct end){0});
}

/* ---- closing in callbacks ---- */

static void a_stream_may_be_closed_in_each_of_its_callbacks(void **state)
{
    struct host host = {0};
    struct end client = {.close_when_connected = true};
    host.server.close_when_closed = true;
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    connect_to(&client, *state, host.local, NULL);
    run_until(*state, &host.server.closed, 1);
    assert_null(client.stream);
    assert_null(host.server.stream);

    host.server.close_when_readable = true;
    client.close_when_connected = false;
    connect_to(&client, *state, host.local, NULL);
    run_until(*state, &client.connected, 2);
    rig_stream_write(client.stream, "x", 1);
    run_until(*state, &host.server.bytes, 1);
    assert_null(host.server.stream);
    run_until(*state, &client.closed, 1);
    take_down(&host, &client);
}

static void a_stream_may_be_closed_while_it_is_accepted(void **state)
{
    struct host host = {.refuse = true};
    struct end client = {0};
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    connect_to(&client, *state, host.local, NULL);
    run_until(*state, &client.closed, 1);
    take_down(&host, &client);
}

/* ---- no spinning ---- */

static void an_ended_connection_costs_no_processor_time(void **state)
{
    struct host host = {0};
    struct end client = {0};
    pair_up(&host, &client, *state);
    rig_stream_shutdown(client.stream);
    rig_stream_shutdown(host.server.stream);
    run_until(*state, &host.server.closed, 1);
    run_until(*state, &client.closed, 1);
    assert_true(idle_cost_ns(*state) < 50 * RIG_NS_PER_MS);
    take_down(&host, &client);
}

static void a_paused_stream_whose_peer_left_costs_no_processor_time(void **state)
{
    struct host host = {0};
    struct end client = {0};
    pair_up(&host, &client, *state);
    rig_stream_pause(host.server.stream, true);
    rig_stream_shutdown(host.server.stream);
    rig_stream_write(client.stream, "abc", 3);
    rig_stream_shutdown(client.stream);
    assert_true(idle_cost_ns(*state) < 50 * RIG_NS_PER_MS);
    assert_int_equal(host.server.bytes, 0);
    rig_stream_pause(host.server.stream, false);
    run_until(*state, &host.server.closed, 1);
    assert_int_equal(host.server.bytes, 3);
    take_down(&host, &client);
}

static void without_descriptors_the_listener_waits_and_goes_on(void **state)
{
    struct host host = {0};
    listen_on(&host, *state, at("127.0.0.1", 0), NULL);
    int fd = plain_client(&host);
    int lowest_free = dup(fd);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    close(lowest_free);
    none = before;
    none.rlim_cur = (rlim_t)lowest_free;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    rig_ns_t cost_ns = idle_cost_ns(*state);
    uint64_t accepted = host.accepted;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(accepted, 0);
    assert_true(cost_ns < 50 * RIG_NS_PER_MS);
    run_until(*state, &host.accepted, 1);
    close(fd);
    take_down(&host, &(struct end){0});
}

struct crowd {
    struct rig_listener *listener;
    uint64_t count;
    struct rig_stream *streams[1000];
};

static void on_crowd(void *ctx, struct rig_stream *stream)
{
    struct crowd *crowd = ctx;
    static struct end nobody;
    rig_stream_set_events(stream, &events, &nobody);
    crowd->streams[crowd->count++] = stream;
}

static void a_thousand_silent_clients_are_held(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    static int fds[1000];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2100)
        skip();
    limit.rlim_cur = 2100;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct rig_endpoint local = at("127.0.0.1", 0);
    assert_int_equal(
        rig_listener_open(&crowd.listener, rig->net, &local, NULL, on_crowd, &crowd, NULL), 0);
    struct host where = {.local = rig_listener_local(crowd.listener)};
    for (int i = 0; i < 1000; i++)
        fds[i] = plain_client(&where);
    run_until(rig, &crowd.count, 1000);
    assert_true(idle_cost_ns(rig) < 50 * RIG_NS_PER_MS);
    for (int i = 0; i < 1000; i++) {
        rig_stream_close(crowd.streams[i]);
        close(fds[i]);
    }
    rig_listener_close(crowd.listener);
}

/* ---- addresses and options ---- */

static void an_ipv6_listener_accepts_ipv4_as_ipv4(void **state)
{
    struct host host = {0};
    struct end client = {0};
    listen_on(&host, *state, at("::", 0), NULL);
    connect_to(&client, *state, at("127.0.0.1", host.local.port), NULL);
    run_until(*state, &host.accepted, 1);
    assert_int_equal(rig_stream_peer(host.server.stream).addr.family, 4);
    assert_int_equal(rig_stream_local(host.server.stream).addr.family, 4);
    take_down(&host, &client);
}

static void a_listener_without_an_address_hears_both_families(void **state)
{
    struct host host = {0};
    struct end four = {0}, six = {0};
    listen_on(&host, *state, (struct rig_endpoint){.port = 0}, NULL);
    connect_to(&four, *state, at("127.0.0.1", host.local.port), NULL);
    run_until(*state, &four.connected, 1);
    run_until(*state, &host.accepted, 1);
    rig_stream_close(host.server.stream);
    connect_to(&six, *state, at("::1", host.local.port), NULL);
    run_until(*state, &host.accepted, 2);
    assert_int_equal(rig_stream_peer(host.server.stream).addr.family, 6);
    rig_stream_close(six.stream);
    take_down(&host, &four);
}

static void a_v6only_listener_refuses_ipv4(void **state)
{
    struct host host = {0};
    struct end client = {0};
    struct rig_net_options options = {.v6only = true};
    listen_on(&host, *state, at("::", 0), &options);
    connect_to(&client, *state, at("127.0.0.1", host.local.port), NULL);
    run_until(*state, &client.closed, 1);
    assert_int_equal(client.error, -ECONNREFUSED);
    take_down(&host, &client);
}

static void an_address_in_use_is_named(void **state)
{
    struct rig *rig = *state;
    struct host host = {0};
    struct rig_listener *second;
    struct rig_err err;
    char expected[RIG_ERR_TEXT_BYTES];
    listen_on(&host, rig, at("127.0.0.1", 0), NULL);
    assert_int_equal(
        rig_listener_open(&second, rig->net, &host.local, NULL, on_accepted, &host, &err),
        -EADDRINUSE);
    snprintf(expected, sizeof(expected), "cannot bind TCP 127.0.0.1:%u: the address is in use",
             host.local.port);
    assert_string_equal(err.text, expected);
    rig_listener_close(host.listener);
}

static void expect_refusal(struct rig *rig, const struct rig_net_options *options, int code,
                           const char *words)
{
    struct rig_listener *listener;
    struct rig_err err;
    struct rig_endpoint local = at("127.0.0.1", 0);
    assert_int_equal(rig_listener_open(&listener, rig->net, &local, options, NULL, NULL, &err),
                     code);
    if (!strstr(err.text, words))
        fail_msg("'%s' is not in '%s'", words, err.text);
}

static void a_refused_option_is_named_with_its_value(void **state)
{
    expect_refusal(*state, &(struct rig_net_options){.congestion = "nosuch"}, -ENOENT, "'nosuch'");
    expect_refusal(*state, &(struct rig_net_options){.device = "nosuch0"}, -ENODEV, "'nosuch0'");
    expect_refusal(*state, &(struct rig_net_options){.device = "a-name-of-20-letters"}, -ENODEV,
                   "'a-name-of-20-letters'");
    expect_refusal(*state, &(struct rig_net_options){.mss_bytes = 40}, -EINVAL,
                   "(TCP_MAXSEG, 88 to 32767) of 40");
}

static void options_reach_both_ends(void **state)
{
    struct host host = {0};
    struct end client = {0};
    struct rig_stream_info info;
    struct rig_net_options options = {.window_bytes = 100000,
                                      .mss_bytes = 1000,
                                      .nodelay = true,
                                      .tos = 0x10,
                                      .ttl = 7,
                                      .congestion = "reno",
                                      .device = "lo"};
    listen_on(&host, *state, at("::", 0), &options);
    connect_to(&client, *state, at("::1", host.local.port), &options);
    run_until(*state, &client.connected, 1);
    run_until(*state, &host.accepted, 1);
    assert_true(rig_stream_window(client.stream, true) >= 100000);
    assert_true(rig_stream_window(host.server.stream, false) >= 100000);
    assert_true(rig_stream_info(host.server.stream, &info));
    assert_true(info.mss_bytes <= 1000 && info.mss_bytes > 0);
    assert_true(info.rtt_us > 0 && info.cwnd_bytes > 0);
    take_down(&host, &client);
}

static void addresses_of_two_families_do_not_connect(void **state)
{
    struct rig *rig = *state;
    struct rig_stream *stream;
    struct rig_err err;
    struct rig_endpoint local = at("127.0.0.1", 0), peer = at("::1", 5001);
    assert_int_equal(
        rig_stream_connect(&stream, rig->net, &peer, &local, NULL, &events, NULL, &err), -EINVAL);
    assert_non_null(strstr(err.text, "one family"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_carries_bytes_both_ways),
        TEST(both_ends_know_both_addresses),
        TEST(a_sink_counts_bytes_that_it_never_sees),
        TEST(a_full_stream_takes_less_and_tells_when_there_is_room),
        TEST(the_peers_end_is_told_once_and_writing_goes_on),
        TEST(a_shutdown_while_connecting_waits_for_the_connection),
        TEST(a_refused_connection_is_told_by_closed),
        TEST(a_reset_is_told_by_closed_even_while_paused),
        TEST(writing_to_a_peer_that_left_is_an_error_and_no_signal),
        TEST(a_stream_may_be_closed_in_each_of_its_callbacks),
        TEST(a_stream_may_be_closed_while_it_is_accepted),
        TEST(an_ended_connection_costs_no_processor_time),
        TEST(a_paused_stream_whose_peer_left_costs_no_processor_time),
        TEST(without_descriptors_the_listener_waits_and_goes_on),
        TEST(a_thousand_silent_clients_are_held),
        TEST(an_ipv6_listener_accepts_ipv4_as_ipv4),
        TEST(a_listener_without_an_address_hears_both_families),
        TEST(a_v6only_listener_refuses_ipv4),
        TEST(an_address_in_use_is_named),
        TEST(a_refused_option_is_named_with_its_value),
        TEST(options_reach_both_ends),
        TEST(addresses_of_two_families_do_not_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
