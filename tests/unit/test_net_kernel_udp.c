/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_fixture.h"

#include <sched.h>

/* A socket and what it has heard. Datagrams begin with their number. */
struct ear {
    struct rig_udp *udp;
    uint64_t datagrams;
    uint64_t trains;
    uint64_t bytes;
    uint64_t disordered;
    uint32_t next; /* number expected */
    uint32_t stride_bytes;
    uint32_t last_len_bytes;
    struct rig_endpoint peer;
    struct rig_addr local;
    rig_ns_t rx_wall_ns;
    uint64_t failed;
    int error;
    uint64_t writable;
    bool close_when_received;
};

static void hear_datagram(struct ear *ear, const uint8_t *data, uint32_t len_bytes)
{
    uint32_t number = ear->next;
    if (len_bytes >= sizeof(number))
        memcpy(&number, data, sizeof(number));
    if (number != ear->next)
        ear->disordered++;
    ear->next = number + 1;
    ear->datagrams++;
    ear->last_len_bytes = len_bytes;
}

static void on_received(void *ctx, const struct rig_udp_train *train)
{
    struct ear *ear = ctx;
    ear->trains++;
    ear->bytes += train->len_bytes;
    ear->stride_bytes = train->stride_bytes;
    ear->peer = train->peer;
    ear->local = train->local;
    ear->rx_wall_ns = train->rx_wall_ns;
    uint32_t offset = 0;
    do {
        uint32_t left = train->len_bytes - offset;
        uint32_t len = left < train->stride_bytes ? left : train->stride_bytes;
        hear_datagram(ear, train->data + offset, len);
        offset += len;
    } while (offset < train->len_bytes);
    if (ear->close_when_received) {
        rig_udp_close(ear->udp);
        ear->udp = NULL;
    }
}

static void on_failed(void *ctx, int error)
{
    struct ear *ear = ctx;
    ear->failed++;
    ear->error = error;
}

static void on_writable(void *ctx)
{
    struct ear *ear = ctx;
    ear->writable++;
}

static const struct rig_udp_events events = {on_received, on_failed};

static void open_ear(struct ear *ear, struct rig *rig, struct rig_endpoint local,
                     const struct rig_endpoint *peer)
{
    struct rig_err err;
    int ret = rig_udp_open(&ear->udp, rig->net, &local, peer, NULL, &events, ear, &err);
    if (ret != 0)
        fail_msg("%s", err.text);
}

/* A server on `text` and a client connected to it. */
static void open_pair(struct ear *server, struct ear *client, struct rig *rig, const char *text)
{
    open_ear(server, rig, at(text, 0), NULL);
    struct rig_endpoint there = rig_udp_local(server->udp);
    open_ear(client, rig, (struct rig_endpoint){.port = 0}, &there);
}

static void close_pair(struct ear *server, struct ear *client)
{
    rig_udp_close(server->udp);
    rig_udp_close(client->udp);
}

static struct rig_udp_sender *open_sender(struct ear *ear, struct rig_endpoint peer,
                                          uint32_t len_bytes, bool single)
{
    static uint8_t payload[65507];
    struct rig_udp_sender *sender;
    struct rig_err err;
    struct rig_udp_sender_spec spec = {
        .peer = peer, .payload = payload, .len_bytes = len_bytes, .single = single};
    memset(payload, 0x55, sizeof(payload));
    if (rig_udp_sender_open(&sender, ear->udp, &spec, on_writable, ear, &err) != 0)
        fail_msg("%s", err.text);
    return sender;
}

/* Number the slots from `first` on and commit them; how many were taken. */
static int64_t send_numbered(struct rig_udp_sender *sender, uint32_t first, uint32_t n)
{
    uint32_t stride;
    uint8_t *slots = rig_udp_sender_slots(sender, &n, &stride);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = first + i;
        memcpy(slots + i * (size_t)stride, &number, sizeof(number));
    }
    return rig_udp_sender_commit(sender, n);
}

/* ---- trains ---- */

static void a_train_arrives_whole_and_in_order(void **state)
{
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_udp_sender *sender = open_sender(&client, rig_udp_local(server.udp), 100, false);
    assert_int_equal(send_numbered(sender, 0, 200), 200);
    run_until(*state, &server.datagrams, 200);
    assert_int_equal(server.bytes, 200 * 100);
    assert_int_equal(server.disordered, 0);
    assert_int_equal(server.stride_bytes, 100);
    assert_int_equal(server.last_len_bytes, 100);
    assert_true(server.trains < 10);
    rig_udp_sender_close(sender);
    close_pair(&server, &client);
}

static void single_datagrams_are_packets_of_their_own(void **state)
{
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_udp_sender *sender = open_sender(&client, rig_udp_local(server.udp), 100, true);
    assert_int_equal(send_numbered(sender, 0, 100), 100);
    run_until(*state, &server.datagrams, 100);
    assert_int_equal(server.trains, 100);
    assert_int_equal(server.disordered, 0);
    rig_udp_sender_close(sender);
    close_pair(&server, &client);
}

static void each_length_arrives_as_it_was_sent(void **state)
{
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "::1");
    const uint32_t lens[] = {4, 12, 64, 1023, 1470, 1500, 9000, 32754, 65507};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        uint64_t before = server.datagrams;
        struct rig_udp_sender *sender =
            open_sender(&client, rig_udp_local(server.udp), lens[i], false);
        assert_int_equal(send_numbered(sender, server.next, 1), 1);
        run_until(*state, &server.datagrams, before + 1);
        int64_t sent = send_numbered(sender, server.next, 3);
        assert_true(sent >= 1 && sent <= 3);
        run_until(*state, &server.datagrams, before + 1 + (uint64_t)sent);
        assert_int_equal(server.last_len_bytes, lens[i]);
        rig_udp_sender_close(sender);
    }
    assert_int_equal(server.disordered, 0);
    close_pair(&server, &client);
}

static void a_datagram_longer_than_udp_allows_is_refused(void **state)
{
    struct ear server = {0}, client = {0};
    struct rig_udp_sender *sender;
    struct rig_err err;
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_udp_sender_spec spec = {.len_bytes = 65508, .payload = ""};
    assert_int_equal(rig_udp_sender_open(&sender, client.udp, &spec, NULL, NULL, &err), -EINVAL);
    assert_string_equal(err.text,
                        "a datagram of 65508 bytes cannot be sent: 1 to 65507 are allowed");
    close_pair(&server, &client);
}

static void an_empty_datagram_is_heard(void **state)
{
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_endpoint there = rig_udp_local(server.udp);
    assert_int_equal(rig_udp_send(client.udp, &there, NULL, "", 0), 0);
    run_until(*state, &server.trains, 1);
    assert_int_equal(server.bytes, 0);
    close_pair(&server, &client);
}

static void the_arrival_is_stamped(void **state)
{
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_endpoint there = rig_udp_local(server.udp);
    assert_int_equal(rig_udp_send(client.udp, &there, NULL, "abcd", 4), 0);
    rig_ns_t sent_ns = rig_clock_wall_ns();
    usleep(30000); /* in the queue: not part of the way */
    run_until(*state, &server.trains, 1);
    assert_true(server.rx_wall_ns < sent_ns + 20 * RIG_NS_PER_MS);
    assert_true(server.rx_wall_ns + RIG_NS_PER_S > sent_ns);
    close_pair(&server, &client);
}

/* ---- addresses ---- */

static void an_answer_goes_back_the_way_it_came(void **state)
{
    struct rig *rig = *state;
    struct ear server = {0}, client = {0};
    open_ear(&server, rig, (struct rig_endpoint){.port = 0}, NULL);
    uint16_t port = rig_udp_local(server.udp).port;
    const char *const names[] = {"127.0.0.1", "127.0.0.5", "::1"};
    for (uint64_t i = 0; i < 3; i++) {
        struct rig_endpoint there = at(names[i], port);
        open_ear(&client, rig, (struct rig_endpoint){.port = 0}, &there);
        assert_int_equal(rig_udp_send(client.udp, &there, NULL, "abcd", 4), 0);
        run_until(rig, &server.trains, i + 1);
        struct rig_endpoint here = rig_udp_local(client.udp);
        assert_true(rig_endpoint_equal(&server.peer, &here));
        assert_true(rig_addr_equal(&server.local, &there.addr));
        /* The connected client hears this only if it comes from the address it sent to. */
        assert_int_equal(rig_udp_send(server.udp, &server.peer, &server.local, "efgh", 4), 0);
        run_until(rig, &client.trains, i + 1);
        rig_udp_close(client.udp);
    }
    rig_udp_close(server.udp);
}

static void a_sender_of_an_unconnected_socket_keeps_its_local_address(void **state)
{
    struct rig *rig = *state;
    struct ear server = {0}, client = {0};
    open_ear(&server, rig, (struct rig_endpoint){.port = 0}, NULL);
    struct rig_endpoint there = at("127.0.0.5", rig_udp_local(server.udp).port);
    open_ear(&client, rig, (struct rig_endpoint){.port = 0}, &there);
    struct rig_udp_sender_spec spec = {.peer = rig_udp_local(client.udp),
                                       .local = there.addr,
                                       .payload = "abcdefgh",
                                       .len_bytes = 8};
    struct rig_udp_sender *sender;
    assert_int_equal(rig_udp_sender_open(&sender, server.udp, &spec, on_writable, &server, NULL),
                     0);
    assert_int_equal(send_numbered(sender, 0, 130), 130);
    run_until(rig, &client.datagrams, 130);
    assert_int_equal(client.disordered, 0);
    rig_udp_sender_close(sender);
    close_pair(&server, &client);
}

static void a_connected_socket_hears_only_its_peer(void **state)
{
    struct rig *rig = *state;
    struct ear server = {0}, client = {0}, stranger = {0};
    open_pair(&server, &client, rig, "127.0.0.1");
    struct rig_endpoint there = rig_udp_local(client.udp);
    open_ear(&stranger, rig, at("127.0.0.1", 0), NULL);
    assert_int_equal(rig_udp_send(stranger.udp, &there, NULL, "abcd", 4), 0);
    assert_int_equal(rig_udp_send(server.udp, &there, NULL, "abcd", 4), 0);
    run_until(rig, &client.trains, 1);
    run_for(rig, 10 * RIG_NS_PER_MS);
    assert_int_equal(client.trains, 1);
    rig_udp_close(stranger.udp);
    close_pair(&server, &client);
}

static void an_address_in_use_is_named(void **state)
{
    struct rig *rig = *state;
    struct ear first = {0};
    struct rig_udp *second;
    struct rig_err err;
    char expected[RIG_ERR_TEXT_BYTES];
    open_ear(&first, rig, at("::1", 0), NULL);
    struct rig_endpoint local = rig_udp_local(first.udp);
    assert_int_equal(rig_udp_open(&second, rig->net, &local, NULL, NULL, &events, NULL, &err),
                     -EADDRINUSE);
    snprintf(expected, sizeof(expected), "cannot bind UDP [::1]:%u: the address is in use",
             local.port);
    assert_string_equal(err.text, expected);
    rig_udp_close(first.udp);
}

static void loopback_takes_the_longest_payload(void **state)
{
    struct rig *rig = *state;
    struct rig_endpoint four = at("127.0.0.1", 0), six = at("::1", 0);
    assert_int_equal(rig_net_udp_payload_max(rig->net, &four.addr), 65507);
    assert_int_equal(rig_net_udp_payload_max(rig->net, &six.addr), 65488);
}

static void options_are_taken_on_a_socket_of_both_families(void **state)
{
    struct rig *rig = *state;
    struct ear ear = {0};
    struct rig_err err;
    struct rig_net_options options = {.window_bytes = 50000, .tos = 0x20, .ttl = 3, .device = "lo"};
    struct rig_endpoint any = {.port = 0};
    if (rig_udp_open(&ear.udp, rig->net, &any, NULL, &options, &events, &ear, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(rig_udp_window(ear.udp, true) >= 50000);
    assert_true(rig_udp_window(ear.udp, false) >= 50000);
    rig_udp_close(ear.udp);
}

static void a_group_is_joined_by_listening_on_it(void **state)
{
    struct rig *rig = *state;
    struct ear server = {0}, client = {0};
    struct rig_net_options options = {.device = "lo"};
    struct rig_endpoint group = at("239.1.2.3", 0);
    struct rig_err err;
    if (rig_udp_open(&server.udp, rig->net, &group, NULL, &options, &events, &server, &err) != 0)
        fail_msg("%s", err.text);
    group = rig_udp_local(server.udp);
    struct rig_endpoint local = at("127.0.0.1", 0);
    assert_int_equal(
        rig_udp_open(&client.udp, rig->net, &local, &group, &options, &events, &client, &err), 0);
    assert_int_equal(rig_udp_send(client.udp, &group, NULL, "abcd", 4), 0);
    run_until(rig, &server.trains, 1);
    close_pair(&server, &client);
}

/* ---- refusals and losses ---- */

static void a_port_where_nobody_listens_is_told(void **state)
{
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_endpoint there = rig_udp_local(server.udp);
    struct rig_udp_sender *sender = open_sender(&client, there, 100, false);
    rig_udp_close(server.udp);
    assert_int_equal(rig_udp_send(client.udp, &there, NULL, "abcd", 4), 0);
    run_until(*state, &client.failed, 1);
    assert_int_equal(client.error, -ECONNREFUSED);
    assert_int_equal(send_numbered(sender, 0, 1), 1);
    assert_int_equal(send_numbered(sender, 0, 1), -ECONNREFUSED);
    rig_udp_sender_close(sender);
    rig_udp_close(client.udp);
}

static void datagrams_without_room_are_counted(void **state)
{
    struct rig *rig = *state;
    struct ear server = {0}, client = {0};
    struct rig_net_options options = {.window_bytes = 100000};
    struct rig_endpoint there = at("127.0.0.1", 0);
    assert_int_equal(
        rig_udp_open(&server.udp, rig->net, &there, NULL, &options, &events, &server, NULL), 0);
    there = rig_udp_local(server.udp);
    open_ear(&client, rig, (struct rig_endpoint){.port = 0}, &there);
    struct rig_udp_sender *sender = open_sender(&client, there, 1000, true);
    uint64_t sent = 0;
    for (int i = 0; i < 20; i++)
        sent += (uint64_t)send_numbered(sender, (uint32_t)sent, 100);
    assert_int_equal(sent, 2000);
    run_for(rig, 50 * RIG_NS_PER_MS);
    assert_true(rig_udp_rx_dropped(server.udp) > 0);
    assert_int_equal(server.datagrams + rig_udp_rx_dropped(server.udp), sent);
    rig_udp_sender_close(sender);
    close_pair(&server, &client);
}

static void without_a_window_a_receiver_has_room_for_a_late_reader(void **state)
{
    struct ear ear = {0};
    open_ear(&ear, *state, at("127.0.0.1", 0), NULL);
    FILE *file = fopen("/proc/sys/net/core/rmem_max", "re");
    unsigned most = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &most), 1);
    fclose(file);
    assert_true(rig_udp_window(ear.udp, false) >= (most < 4u << 20 ? most : 4u << 20));
    rig_udp_close(ear.udp);
}

static void a_socket_may_be_closed_by_what_it_receives(void **state)
{
    struct ear server = {.close_when_received = true}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_udp_sender *sender = open_sender(&client, rig_udp_local(server.udp), 100, true);
    assert_int_equal(send_numbered(sender, 0, 10), 10);
    run_until(*state, &server.trains, 1);
    run_for(*state, 10 * RIG_NS_PER_MS);
    assert_int_equal(server.trains, 1);
    rig_udp_sender_close(sender);
    rig_udp_close(client.udp);
}

/* In a network of its own, whose loopback passes 400 Mbit/s: the socket's buffer fills. */
static bool slow_loopback(void)
{
    uid_t uid = geteuid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    FILE *map = fopen("/proc/self/uid_map", "we"); /* without it `ip` would have no privilege */
    if (!map)
        return false;
    fprintf(map, "0 %u 1", uid);
    return fclose(map) == 0 &&
           system("ip link set lo up 2>/dev/null && tc qdisc add dev lo root tbf rate 400mbit "
                  "burst 200k limit 100m 2>/dev/null") == 0;
}

static void a_full_socket_takes_less_and_nothing_is_lost_or_doubled(void **state)
{
    if (!slow_loopback())
        skip();
    struct ear server = {0}, client = {0};
    open_pair(&server, &client, *state, "127.0.0.1");
    struct rig_udp_sender *sender = open_sender(&client, rig_udp_local(server.udp), 1000, false);
    uint32_t sent = 0;
    uint64_t refusals = 0;
    while (sent < 5000) {
        int64_t taken = send_numbered(sender, sent, 100);
        assert_true(taken >= 0);
        sent += (uint32_t)taken;
        if (taken < 100) {
            refusals++;
            run_until(*state, &client.writable, client.writable + 1);
        }
    }
    assert_true(refusals > 0);
    run_until(*state, &server.datagrams, sent);
    assert_int_equal(server.datagrams, sent);
    assert_int_equal(server.disordered, 0);
    uint64_t writable = client.writable;
    assert_true(idle_cost_ns(*state) < 50 * RIG_NS_PER_MS);
    assert_int_equal(client.writable, writable);
    rig_udp_sender_close(sender);
    close_pair(&server, &client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_train_arrives_whole_and_in_order),
        TEST(single_datagrams_are_packets_of_their_own),
        TEST(each_length_arrives_as_it_was_sent),
        TEST(a_datagram_longer_than_udp_allows_is_refused),
        TEST(an_empty_datagram_is_heard),
        TEST(the_arrival_is_stamped),
        TEST(an_answer_goes_back_the_way_it_came),
        TEST(a_sender_of_an_unconnected_socket_keeps_its_local_address),
        TEST(a_connected_socket_hears_only_its_peer),
        TEST(an_address_in_use_is_named),
        TEST(loopback_takes_the_longest_payload),
        TEST(options_are_taken_on_a_socket_of_both_families),
        TEST(a_group_is_joined_by_listening_on_it),
        TEST(a_port_where_nobody_listens_is_told),
        TEST(datagrams_without_room_are_counted),
        TEST(without_a_window_a_receiver_has_room_for_a_late_reader),
        TEST(a_socket_may_be_closed_by_what_it_receives),
        TEST(a_full_socket_takes_less_and_nothing_is_lost_or_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
