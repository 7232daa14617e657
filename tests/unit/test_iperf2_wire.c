/* SPDX-License-Identifier: BSD-2-Clause */
/* The vectors named stock_* are what iperf 2.1.8 sent. */
#include "proto/iperf2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static uint32_t unhex(uint8_t *out, const char *hex)
{
    uint32_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[n++] = (uint8_t)byte;
    }
    return n;
}

/* ---- streams ---- */

struct tcp_vector {
    const char *hex;
    struct rig_iperf2_request request;
};

static const struct tcp_vector stock_tcp[] = {
    {"400100780000000100001391000000000000000000002000000000000000000000000000000200010008000300000"
     "000"
     "000000000000000000000000",
     {.test = RIG_IPERF2_NORMAL, .n_threads = 1, .port = 5009, .amount_bytes = 8192}},
    {"440100780000000100001391000000000000000000002000000000000000000004000000000200010008000300000"
     "000"
     "000000000000000000000000",
     {.test = RIG_IPERF2_REVERSE, .n_threads = 1, .port = 5009, .amount_bytes = 8192}},
    {"440100780000000100001391000000000000000000002000000000000000000008000000000200010008000300000"
     "000"
     "000000000000000000000000",
     {.test = RIG_IPERF2_FULL_DUPLEX, .n_threads = 1, .port = 5009, .amount_bytes = 8192}},
    {"c00100790000000300001771000000000000000000002000000000000000000000000000000200010008000300000"
     "000"
     "000000000000000000000000",
     {.test = RIG_IPERF2_DUAL, .n_threads = 3, .port = 6001, .amount_bytes = 8192}},
    {"c00100780000000100001391000000000000000000002000000000000000000000000000000200010008000300000"
     "000"
     "000000000000000000000000",
     {.test = RIG_IPERF2_TRADEOFF, .n_threads = 1, .port = 5009, .amount_bytes = 8192}},
    {"400100a00000000100001391000000000000000000002000000000000000000000100000000200010008000300000"
     "000"
     "000000000000000000000000000000006b016b0d000c1eb90000000000000000",
     {.test = RIG_IPERF2_NORMAL,
      .n_threads = 1,
      .port = 5009,
      .amount_bytes = 8192,
      .trip_times = true,
      .start_wall_ns = 0x6b016b0d * RIG_NS_PER_S + 0xc1eb9 * RIG_NS_PER_US}},
    {"400100780000000100001391000003e80000000000002000000000000000000000000000000200010008000300000"
     "0b8009896800000000000000000",
     {.test = RIG_IPERF2_NORMAL,
      .n_threads = 1,
      .port = 5009,
      .len_bytes = 1000,
      .amount_bytes = 8192,
      .rate_bps = 10000000,
      .tos = 0xb8}},
};

static void a_tcp_request_is_byte_for_byte_what_stock_iperf_sends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stock_tcp) / sizeof(stock_tcp[0]); i++) {
        uint8_t want[256];
        uint8_t got[RIG_IPERF2_TCP_HDR_MAX_BYTES];
        uint32_t want_len = unhex(want, stock_tcp[i].hex);
        assert_int_equal(rig_iperf2_tcp_request_write(got, &stock_tcp[i].request), want_len);
        assert_memory_equal(got, want, want_len);
    }
}

static void a_stock_tcp_request_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stock_tcp) / sizeof(stock_tcp[0]); i++) {
        uint8_t bytes[256];
        struct rig_iperf2_request got;
        const struct rig_iperf2_request *want = &stock_tcp[i].request;
        uint32_t len = unhex(bytes, stock_tcp[i].hex);
        assert_int_equal(rig_iperf2_tcp_request_len(bytes, len), len);
        assert_true(rig_iperf2_tcp_request_read(&got, bytes, len));
        assert_int_equal(got.test, want->test);
        assert_int_equal(got.n_threads, want->n_threads);
        assert_int_equal(got.port, want->port);
        assert_int_equal(got.amount_bytes, want->amount_bytes);
        assert_int_equal(got.len_bytes, want->len_bytes);
        assert_int_equal(got.rate_bps, want->rate_bps);
        assert_int_equal(got.tos, want->tos);
        assert_int_equal(got.trip_times, want->trip_times);
        assert_int_equal(got.start_wall_ns, want->start_wall_ns);
    }
}

static void only_requests_below_version_2_want_an_acknowledgement(void **state)
{
    (void)state;
    const bool want[] = {true, false, false, true, true, true, true};
    for (size_t i = 0; i < sizeof(stock_tcp) / sizeof(stock_tcp[0]); i++) {
        uint8_t bytes[256];
        struct rig_iperf2_request got;
        uint32_t len = unhex(bytes, stock_tcp[i].hex);
        rig_iperf2_tcp_request_read(&got, bytes, len);
        assert_int_equal(got.wants_ack, want[i]);
    }
}

static void a_stream_without_a_request_is_plain_data(void **state)
{
    (void)state;
    const uint8_t digits[] = "01234567890123456789";
    const uint8_t zeros[64] = {0};
    assert_int_equal(rig_iperf2_tcp_request_len(digits, sizeof(digits)), -1);
    assert_int_equal(rig_iperf2_tcp_request_len(zeros, sizeof(zeros)), -1);
}

static void three_bytes_are_too_few_to_know(void **state)
{
    (void)state;
    const uint8_t bytes[3] = {0x40, 0x01, 0x00};
    assert_int_equal(rig_iperf2_tcp_request_len(bytes, sizeof(bytes)), 0);
}

static void a_request_that_claims_less_than_its_base_is_plain_data(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x40, 0x01, 0x00, 23 << 1};
    assert_int_equal(rig_iperf2_tcp_request_len(bytes, sizeof(bytes)), -1);
}

static void a_truncated_request_yields_what_it_holds(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct rig_iperf2_request got;
    uint32_t len = unhex(bytes, stock_tcp[1].hex);
    assert_false(rig_iperf2_tcp_request_read(&got, bytes, 23));
    for (uint32_t cut = 24; cut < len; cut++) {
        assert_true(rig_iperf2_tcp_request_read(&got, bytes, cut));
        assert_int_equal(got.test, RIG_IPERF2_NORMAL);
        assert_int_equal(got.port, 5009);
    }
}

static void a_time_is_sent_as_a_negative_amount_of_10_ms(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_TCP_HDR_MAX_BYTES];
    struct rig_iperf2_request got;
    struct rig_iperf2_request request = {.duration_ns = 1500 * RIG_NS_PER_MS};
    uint32_t len = rig_iperf2_tcp_request_write(bytes, &request);
    assert_memory_equal(bytes + 20, "\xff\xff\xff\x6a", 4);
    assert_true(rig_iperf2_tcp_request_read(&got, bytes, len));
    assert_int_equal(got.duration_ns, request.duration_ns);
    assert_int_equal(got.amount_bytes, 0);
}

static void a_burst_header_survives_the_way(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_BURST_HDR_BYTES];
    struct rig_iperf2_burst got;
    struct rig_iperf2_burst burst = {
        .id = 7,
        .size_bytes = 131072,
        .seq_bytes = 5000000000,
        .start_wall_ns = 1700000000 * RIG_NS_PER_S,
        .sent_wall_ns = 1700000001 * RIG_NS_PER_S + 5000,
    };
    rig_iperf2_burst_write(bytes, &burst);
    assert_true(rig_iperf2_burst_read(&got, bytes));
    assert_memory_equal(&got, &burst, sizeof(got));
}

static void a_burst_smaller_than_its_header_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_BURST_HDR_BYTES];
    struct rig_iperf2_burst got;
    rig_iperf2_burst_write(bytes, &(struct rig_iperf2_burst){.size_bytes = 91});
    assert_false(rig_iperf2_burst_read(&got, bytes));
}

/* ---- datagrams ---- */

static const char stock_udp[] = "000000016b016b0d000c72420000000048010098000000010000139200000000"
                                "00000000ffffff9c000000000000000000000000000200010008000300000000"
                                "001000000000000000000000";
static const char stock_udp_trip[] =
    "000000016b016b0d000d3c1000000000680100d8000000010000139200000000"
    "00000000ffffff9c000000000000000000100000000200010008000300000000"
    "0010000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000"
    "6b016b0d000d3c100000000000000000";
static const char stock_udp_18[] = "000000026b016b0d000cff21000000004801";

static void a_udp_request_is_byte_for_byte_what_stock_iperf_sends(void **state)
{
    (void)state;
    uint8_t want[256];
    uint8_t got[RIG_IPERF2_UDP_REQUEST_MAX_BYTES];
    uint32_t want_len = unhex(want, stock_udp);
    struct rig_iperf2_request request = {
        .n_threads = 1, .port = 5010, .duration_ns = RIG_NS_PER_S, .rate_bps = 1024 * 1024};
    assert_int_equal(rig_iperf2_udp_request_write(got, &request), want_len);
    assert_memory_equal(got + 16, want + 16, want_len - 16);

    want_len = unhex(want, stock_udp_trip);
    request.trip_times = true;
    request.start_wall_ns = 0x6b016b0d * RIG_NS_PER_S + 0xd3c10 * RIG_NS_PER_US;
    assert_int_equal(rig_iperf2_udp_request_write(got, &request), want_len);
    assert_memory_equal(got + 16, want + 16, want_len - 16);
}

static void a_stock_udp_request_is_understood(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct rig_iperf2_request got;
    uint32_t len = unhex(bytes, stock_udp_trip);
    assert_true(rig_iperf2_udp_request_read(&got, bytes, len));
    assert_int_equal(got.duration_ns, RIG_NS_PER_S);
    assert_int_equal(got.rate_bps, 1024 * 1024);
    assert_int_equal(got.port, 5010);
    assert_true(got.seq64);
    assert_true(got.trip_times);
}

static void ids_have_64_bits_even_when_the_payload_cuts_the_flags(void **state)
{
    (void)state;
    uint8_t bytes[32];
    struct rig_iperf2_datagram got;
    uint32_t len = unhex(bytes, stock_udp_18);
    assert_true(rig_iperf2_udp_is_64bit(bytes, len));
    assert_true(rig_iperf2_udp_read(&got, bytes, len, true));
    assert_int_equal(got.id, 2);
}

static void an_id_above_32_bits_survives_the_way(void **state)
{
    (void)state;
    const int64_t ids[] = {1, 4294967297, -1, -4294967297, INT64_MAX};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        uint8_t bytes[16];
        struct rig_iperf2_datagram got;
        struct rig_iperf2_datagram datagram = {.id = ids[i], .sent_wall_ns = 1700000000123456000};
        rig_iperf2_udp_write(bytes, sizeof(bytes), &datagram);
        assert_true(rig_iperf2_udp_read(&got, bytes, sizeof(bytes), true));
        assert_true(got.id == ids[i]);
        assert_true(got.sent_wall_ns == datagram.sent_wall_ns);
    }
}

static void a_datagram_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0};
    struct rig_iperf2_datagram got;
    assert_false(rig_iperf2_udp_read(&got, bytes, 11, false));
    assert_false(rig_iperf2_udp_read(&got, bytes, 15, true));
}

static void a_million_microseconds_are_no_time(void **state)
{
    (void)state;
    uint8_t bytes[16];
    struct rig_iperf2_datagram got;
    unhex(bytes, "00000001000000010"
                 "00f4240"
                 "00000000");
    assert_false(rig_iperf2_udp_read(&got, bytes, sizeof(bytes), true));
}

/* ---- reports ---- */

static void a_report_survives_the_way(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_REPORT_BYTES];
    struct rig_iperf2_server_report got;
    struct rig_iperf2_server_report report = {
        .bytes = 5000000000,
        .duration_ns = 10 * RIG_NS_PER_S + 250000,
        .lost = 4294967299,
        .out_of_order = 3,
        .datagrams = 8589934592,
        .jitter_ns = 12000,
        .has_transit = true,
        .transit_min_s = 0.001,
        .transit_max_s = 1.5,
        .transit_mean_s = 0.25,
        .transit_count = 99,
    };
    rig_iperf2_report_write(bytes, &report, 0);
    assert_true(rig_iperf2_report_read(&got, bytes, sizeof(bytes)));
    assert_int_equal(got.bytes, report.bytes);
    assert_int_equal(got.duration_ns, report.duration_ns);
    assert_int_equal(got.lost, report.lost);
    assert_int_equal(got.out_of_order, report.out_of_order);
    assert_int_equal(got.datagrams, report.datagrams);
    assert_true(got.jitter_ns > 11999 && got.jitter_ns < 12001);
    assert_true(got.transit_max_s > 1.499 && got.transit_max_s < 1.501);
    assert_int_equal(got.transit_count, 99);
}

static void a_report_with_the_old_header_of_12_bytes_is_read(void **state)
{
    (void)state;
    uint8_t new[RIG_IPERF2_REPORT_BYTES];
    uint8_t old[12 + 40];
    struct rig_iperf2_server_report got;
    rig_iperf2_report_write(new, &(struct rig_iperf2_server_report){.bytes = 77, .lost = 5}, -9);
    memcpy(old, new, 12);
    memcpy(old + 12, new + 16, 40);
    memcpy(old + 12, "\x80\0\0\0", 4);
    assert_true(rig_iperf2_report_read(&got, old, sizeof(old)));
    assert_int_equal(got.bytes, 77);
    assert_int_equal(got.lost, 5);
}

static void a_final_datagram_is_no_report(void **state)
{
    (void)state;
    uint8_t bytes[1470] = {0};
    struct rig_iperf2_server_report got;
    rig_iperf2_udp_request_write(bytes, &(struct rig_iperf2_request){.test = RIG_IPERF2_REVERSE});
    rig_iperf2_udp_write(bytes, 16, &(struct rig_iperf2_datagram){.id = -855});
    assert_false(rig_iperf2_report_read(&got, bytes, sizeof(bytes)));
}

static void a_truncated_report_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_REPORT_BYTES];
    struct rig_iperf2_server_report got;
    rig_iperf2_report_write(bytes, &(struct rig_iperf2_server_report){.bytes = 1}, 0);
    for (uint32_t len = 0; len < 16 + 40; len++)
        assert_false(rig_iperf2_report_read(&got, bytes, len));
    assert_true(rig_iperf2_report_read(&got, bytes, 16 + 40));
}

static void a_time_below_10_ms_is_not_a_test_without_end(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_TCP_HDR_MAX_BYTES];
    struct rig_iperf2_request got;
    struct rig_iperf2_request request = {.test = RIG_IPERF2_REVERSE, .duration_ns = 1};
    uint32_t len = rig_iperf2_tcp_request_write(bytes, &request);
    assert_true(rig_iperf2_tcp_request_read(&got, bytes, len));
    assert_int_equal(got.duration_ns, 10 * RIG_NS_PER_MS);
}

static void a_rate_in_packets_is_told_from_one_in_bits(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_UDP_REQUEST_MAX_BYTES];
    struct rig_iperf2_request got;
    struct rig_iperf2_request request = {
        .test = RIG_IPERF2_REVERSE, .rate_bps = 100, .rate_is_pps = true};
    uint32_t len = rig_iperf2_udp_request_write(bytes, &request);
    assert_true(rig_iperf2_udp_request_read(&got, bytes, len));
    assert_int_equal(got.rate_bps, 100);
    assert_true(got.rate_is_pps);
    bytes[16 + 24 + 9] &= 0x7f; /* the lower byte of the upper flags */
    assert_true(rig_iperf2_udp_request_read(&got, bytes, len));
    assert_false(got.rate_is_pps);
}

static void delays_between_clocks_that_disagree_stay_within_their_fields(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_REPORT_BYTES];
    struct rig_iperf2_server_report got;
    struct rig_iperf2_server_report report = {.has_transit = true,
                                              .transit_count = 1000000,
                                              .transit_min_s = -2.5e9,
                                              .transit_max_s = 1.7e9,
                                              .transit_sum_s = 1.7e15,
                                              .transit_m2_s2 = 1e30};
    rig_iperf2_report_write(bytes, &report, 0);
    assert_true(rig_iperf2_report_read(&got, bytes, sizeof(bytes)));
    assert_true(got.transit_min_s == -INT32_MAX);
    assert_true(got.transit_max_s == 1.7e9);
    assert_true(got.transit_sum_s == INT32_MAX);
}

static void a_negative_sum_of_squares_is_not_believed(void **state)
{
    (void)state;
    uint8_t bytes[RIG_IPERF2_REPORT_BYTES];
    struct rig_iperf2_server_report got;
    struct rig_iperf2_server_report report = {
        .has_transit = true, .transit_count = 2, .transit_m2_s2 = -1};
    rig_iperf2_report_write(bytes, &report, 0);
    assert_true(rig_iperf2_report_read(&got, bytes, sizeof(bytes)));
    assert_true(got.transit_m2_s2 == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_request_is_byte_for_byte_what_stock_iperf_sends),
        cmocka_unit_test(a_stock_tcp_request_is_understood),
        cmocka_unit_test(only_requests_below_version_2_want_an_acknowledgement),
        cmocka_unit_test(a_stream_without_a_request_is_plain_data),
        cmocka_unit_test(three_bytes_are_too_few_to_know),
        cmocka_unit_test(a_request_that_claims_less_than_its_base_is_plain_data),
        cmocka_unit_test(a_truncated_request_yields_what_it_holds),
        cmocka_unit_test(a_time_is_sent_as_a_negative_amount_of_10_ms),
        cmocka_unit_test(a_burst_header_survives_the_way),
        cmocka_unit_test(a_burst_smaller_than_its_header_is_refused),
        cmocka_unit_test(a_udp_request_is_byte_for_byte_what_stock_iperf_sends),
        cmocka_unit_test(a_stock_udp_request_is_understood),
        cmocka_unit_test(ids_have_64_bits_even_when_the_payload_cuts_the_flags),
        cmocka_unit_test(an_id_above_32_bits_survives_the_way),
        cmocka_unit_test(a_datagram_shorter_than_its_header_is_refused),
        cmocka_unit_test(a_million_microseconds_are_no_time),
        cmocka_unit_test(a_report_survives_the_way),
        cmocka_unit_test(a_report_with_the_old_header_of_12_bytes_is_read),
        cmocka_unit_test(a_final_datagram_is_no_report),
        cmocka_unit_test(a_truncated_report_is_refused),
        cmocka_unit_test(a_time_below_10_ms_is_not_a_test_without_end),
        cmocka_unit_test(a_rate_in_packets_is_told_from_one_in_bits),
        cmocka_unit_test(delays_between_clocks_that_disagree_stay_within_their_fields),
        cmocka_unit_test(a_negative_sum_of_squares_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
