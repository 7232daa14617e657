/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_stream_fixture.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

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

static void the_end_of_a_stream_is_no_unacknowledged_byte(void **state)
{
    struct host host = {0};
    struct end client = {0};
    static const uint8_t data[1000];
    pair_up(&host, &client, *state);
    assert_int_equal(rig_stream_write(client.stream, data, sizeof(data)), sizeof(data));
    run_until(*state, &host.server.bytes, sizeof(data));
    for (int i = 0; i < 100 && rig_stream_unacked(client.stream); i++)
        run_for(*state, 2 * RIG_NS_PER_MS);
    assert_int_equal(rig_stream_unacked(client.stream), 0);
    rig_stream_shutdown(client.stream);
    assert_int_equal(rig_stream_unacked(client.stream), 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_carries_bytes_both_ways),
        TEST(both_ends_know_both_addresses),
        TEST(a_sink_counts_bytes_that_it_never_sees),
        TEST(the_end_of_a_stream_is_no_unacknowledged_byte),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
