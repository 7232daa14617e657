/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* 100 bytes as 60, none and 40. */
static struct rig_frame three_segments(uint8_t a[static 60], uint8_t b[static 40])
{
    struct rig_frame frame = {.len_bytes = 100, .n_segs = 3};
    frame.seg[0] = (struct rig_seg){a, 60};
    frame.seg[1] = (struct rig_seg){b, 0};
    frame.seg[2] = (struct rig_seg){b, 40};
    return frame;
}

static void a_new_frame_is_one_segment_without_offloads(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct rig_frame frame;
    memset(&frame, 0xff, sizeof(frame));
    rig_frame_init(&frame, bytes, sizeof(bytes));
    assert_int_equal(frame.len_bytes, 64);
    assert_int_equal(frame.n_segs, 1);
    assert_ptr_equal(frame.seg[0].base, bytes);
    assert_int_equal(frame.seg[0].len_bytes, 64);
    assert_int_equal(frame.offload.gso_type, RIG_GSO_NONE);
    assert_false(frame.offload.needs_csum);
    assert_int_equal(frame.rx_wall_ns, 0);
}

static void bytes_in_one_segment_are_found(void **state)
{
    (void)state;
    uint8_t a[60], b[40];
    struct rig_frame frame = three_segments(a, b);
    assert_ptr_equal(rig_frame_at(&frame, 0, 60), a);
    assert_ptr_equal(rig_frame_at(&frame, 59, 1), a + 59);
    assert_ptr_equal(rig_frame_at(&frame, 60, 40), b);
    assert_ptr_equal(rig_frame_at(&frame, 99, 1), b + 39);
}

static void bytes_across_segments_are_not_contiguous(void **state)
{
    (void)state;
    uint8_t a[60], b[40];
    struct rig_frame frame = three_segments(a, b);
    assert_null(rig_frame_at(&frame, 59, 2));
    assert_null(rig_frame_at(&frame, 0, 100));
}

static void bytes_outside_the_frame_are_not_found(void **state)
{
    (void)state;
    uint8_t a[60], b[40];
    struct rig_frame frame = three_segments(a, b);
    assert_null(rig_frame_at(&frame, 60, 41));
    assert_null(rig_frame_at(&frame, 100, 1));
    assert_null(rig_frame_at(&frame, 101, 0));
    assert_null(rig_frame_at(&frame, UINT32_MAX, 1));
    assert_null(rig_frame_at(&frame, UINT32_MAX, UINT32_MAX));
    assert_null(rig_frame_at(&frame, 61, UINT32_MAX));
}

static void an_empty_range_at_the_end_is_in_the_frame(void **state)
{
    (void)state;
    uint8_t a[60], b[40];
    struct rig_frame frame = three_segments(a, b);
    assert_ptr_equal(rig_frame_at(&frame, 100, 0), b + 40);
}

static void a_copy_crosses_segments(void **state)
{
    (void)state;
    uint8_t a[60], b[40], out[100];
    memset(a, 1, sizeof(a));
    memset(b, 2, sizeof(b));
    struct rig_frame frame = three_segments(a, b);
    assert_true(rig_frame_copy(&frame, 58, out, 4));
    assert_memory_equal(out, "\1\1\2\2", 4);
    assert_true(rig_frame_copy(&frame, 0, out, 100));
    assert_memory_equal(out, a, 60);
    assert_memory_equal(out + 60, b, 40);
    assert_true(rig_frame_copy(&frame, 100, out, 0));
}

static void a_copy_that_leaves_the_frame_is_refused(void **state)
{
    (void)state;
    uint8_t a[60], b[40], out[8];
    struct rig_frame frame = three_segments(a, b);
    assert_false(rig_frame_copy(&frame, 97, out, 4));
    assert_false(rig_frame_copy(&frame, 101, out, 0));
    assert_false(rig_frame_copy(&frame, UINT32_MAX, out, 2));
    assert_false(rig_frame_copy(&frame, 2, out, UINT32_MAX));
}

static bool is_csum_valid(uint16_t start, uint16_t offset)
{
    static uint8_t bytes[100];
    struct rig_frame frame;
    rig_frame_init(&frame, bytes, sizeof(bytes));
    frame.offload.needs_csum = true;
    frame.offload.csum_start_bytes = start;
    frame.offload.csum_offset_bytes = offset;
    return rig_frame_offload_valid(&frame);
}

static void an_open_checksum_lies_behind_ethernet_and_in_the_frame(void **state)
{
    (void)state;
    assert_true(is_csum_valid(34, 6));
    assert_true(is_csum_valid(14, 84));
    assert_false(is_csum_valid(14, 85));
    assert_false(is_csum_valid(13, 6));
    assert_false(is_csum_valid(100, 0));
    assert_false(is_csum_valid(65535, 65535));
}

static struct rig_frame super_frame(enum rig_gso type)
{
    static uint8_t bytes[3000];
    bool udp = type == RIG_GSO_UDP_L4;
    struct rig_frame frame;
    rig_frame_init(&frame, bytes, sizeof(bytes));
    frame.offload = (struct rig_offload){
        .gso_type = type,
        .needs_csum = true,
        .gso_size_bytes = 1000,
        .hdr_len_bytes = udp ? 42 : 54,
        .csum_start_bytes = 34,
        .csum_offset_bytes = udp ? 6 : 16,
    };
    return frame;
}

static void a_super_frame_has_a_size_headers_and_payload(void **state)
{
    (void)state;
    const enum rig_gso types[] = {RIG_GSO_TCPV4, RIG_GSO_TCPV6, RIG_GSO_UDP_L4};
    for (int i = 0; i < 3; i++) {
        struct rig_frame good = super_frame(types[i]), bad = good;
        assert_true(rig_frame_offload_valid(&good));
        bad.offload.gso_size_bytes = 0;
        assert_false(rig_frame_offload_valid(&bad));
        bad = good;
        bad.offload.hdr_len_bytes--; /* no room for the L4 header */
        assert_false(rig_frame_offload_valid(&bad));
        bad = good;
        bad.offload.hdr_len_bytes = 3000;
        assert_false(rig_frame_offload_valid(&bad));
    }
}

static void a_super_frame_leaves_the_checksum_of_its_protocol_open(void **state)
{
    (void)state;
    struct rig_frame tcp = super_frame(RIG_GSO_TCPV4), udp = super_frame(RIG_GSO_UDP_L4);
    tcp.offload.csum_offset_bytes = 6;
    udp.offload.csum_offset_bytes = 16;
    assert_false(rig_frame_offload_valid(&tcp));
    assert_false(rig_frame_offload_valid(&udp));
    tcp = super_frame(RIG_GSO_TCPV4);
    tcp.offload.needs_csum = false;
    assert_false(rig_frame_offload_valid(&tcp));
}

static void only_tcp_super_frames_have_ecn(void **state)
{
    (void)state;
    struct rig_frame frame = super_frame(RIG_GSO_TCPV6);
    frame.offload.gso_ecn = true;
    assert_true(rig_frame_offload_valid(&frame));
    frame = super_frame(RIG_GSO_UDP_L4);
    frame.offload.gso_ecn = true;
    assert_false(rig_frame_offload_valid(&frame));
    frame.offload = (struct rig_offload){.gso_ecn = true};
    assert_false(rig_frame_offload_valid(&frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_frame_is_one_segment_without_offloads),
        cmocka_unit_test(bytes_in_one_segment_are_found),
        cmocka_unit_test(bytes_across_segments_are_not_contiguous),
        cmocka_unit_test(bytes_outside_the_frame_are_not_found),
        cmocka_unit_test(an_empty_range_at_the_end_is_in_the_frame),
        cmocka_unit_test(a_copy_crosses_segments),
        cmocka_unit_test(a_copy_that_leaves_the_frame_is_refused),
        cmocka_unit_test(an_open_checksum_lies_behind_ethernet_and_in_the_frame),
        cmocka_unit_test(a_super_frame_has_a_size_headers_and_payload),
        cmocka_unit_test(a_super_frame_leaves_the_checksum_of_its_protocol_open),
        cmocka_unit_test(only_tcp_super_frames_have_ecn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
