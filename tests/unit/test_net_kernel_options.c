/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_stream_fixture.h"

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
    expect_refusal(*state, &(struct rig_net_options){.congestion = "nosuch"}, -ENOENT,
                   "no congestion control 'nosuch'");
    expect_refusal(*state, &(struct rig_net_options){.device = "nosuch0"}, -ENODEV, "'nosuch0'");
    expect_refusal(*state, &(struct rig_net_options){.device = "a-name-of-20-letters"}, -ENODEV,
                   "'a-name-of-20-letters': at most 15");
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
