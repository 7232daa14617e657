/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/csum.h"
#include "frame_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t big[FX_ROOM];

/* A sum in host order, to compare with the fixture's. */
static uint32_t host(uint16_t sum)
{
    uint8_t bytes[2];
    memcpy(bytes, &sum, sizeof(bytes));
    return fx_get16(bytes);
}

static void the_example_of_rfc_1071_sums_as_printed(void **state)
{
    (void)state;
    const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    uint64_t sum = rig_csum_add(0, data, sizeof(data));
    assert_int_equal(host(rig_csum_fold(sum)), 0xddf2);
    assert_int_equal(host(rig_csum_finish(sum)), 0xffff & ~0xddf2);
}

static void every_length_and_alignment_sums_as_word_by_word(void **state)
{
    (void)state;
    fx_fill(big, 0, sizeof(big));
    for (uint32_t len = 0; len < 200; len++)
        for (uint32_t at = 0; at < 9; at++)
            assert_int_equal(host(rig_csum_fold(rig_csum_add(0, big + at, len))),
                             fx_sum(0, big + at, len));
    assert_int_equal(host(rig_csum_fold(rig_csum_add(0, big + 1, 65535))),
                     fx_sum(0, big + 1, 65535));
}

static void no_carry_is_lost_in_64_kib_of_ones(void **state)
{
    (void)state;
    memset(big, 0xff, sizeof(big));
    assert_int_equal(rig_csum_fold(rig_csum_add(0, big, 65536)), 0xffff);
    big[65535] = 0xfe;
    assert_int_equal(host(rig_csum_fold(rig_csum_add(0, big, 65536))), 0xfffe);
}

static void pieces_of_even_length_sum_as_the_whole(void **state)
{
    (void)state;
    fx_fill(big, 0, 1500);
    uint64_t sum = rig_csum_add(0, big, 2);
    sum = rig_csum_add(sum, big + 2, 58);
    sum = rig_csum_add(sum, big + 60, 1440);
    assert_int_equal(rig_csum_fold(sum), rig_csum_fold(rig_csum_add(0, big, 1500)));
}

static void the_sum_of_nothing_needs_no_memory(void **state)
{
    (void)state;
    assert_int_equal(rig_csum_add(7, NULL, 0), 7);
}

static void pseudo_headers_sum_as_the_rfcs_lay_them_out(void **state)
{
    (void)state;
    struct rig_addr src = {.family = 4}, dst = {.family = 4};
    uint8_t ip[40] = {0x45};
    memcpy(ip + 12, fx_v4_src, 4);
    memcpy(ip + 16, fx_v4_dst, 4);
    memcpy(src.bytes, fx_v4_src, 4);
    memcpy(dst.bytes, fx_v4_dst, 4);
    assert_int_equal(host(rig_csum_fold(rig_csum_pseudo(&src, &dst, 17, 1234))),
                     fx_pseudo(ip, 17, 1234));
    src.family = dst.family = 6;
    ip[0] = 0x60;
    memcpy(src.bytes, fx_v6_src, 16);
    memcpy(dst.bytes, fx_v6_dst, 16);
    memcpy(ip + 8, fx_v6_src, 16);
    memcpy(ip + 24, fx_v6_dst, 16);
    assert_int_equal(host(rig_csum_fold(rig_csum_pseudo(&src, &dst, 6, 0x12345))),
                     fx_pseudo(ip, 6, 0x12345));
}

static struct rig_frame open_udp(uint8_t *bytes, uint32_t version, uint32_t payload)
{
    struct rig_frame frame;
    rig_frame_init(&frame, bytes, fx_udp_frame(bytes, version, payload));
    frame.offload.needs_csum = true;
    frame.offload.csum_start_bytes = version == 4 ? 34 : 54;
    frame.offload.csum_offset_bytes = 6;
    return frame;
}

static void an_open_checksum_is_completed_and_closed(void **state)
{
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        struct rig_frame frame = open_udp(big, version, 1471);
        assert_true(rig_csum_complete(&frame));
        assert_false(frame.offload.needs_csum);
        assert_true(fx_is_sound(big, FX_L3, version == 4 ? 34 : 54, frame.len_bytes));
    }
}

static void segments_of_odd_length_are_summed_in_place(void **state)
{
    (void)state;
    uint8_t a[45], b[33], c[200];
    struct rig_frame frame = open_udp(big, 4, 200);
    memcpy(a, big, 45);
    memcpy(b, big + 45, 33);
    memcpy(c, big + 78, frame.len_bytes - 78);
    frame.n_segs = 3;
    frame.seg[0] = (struct rig_seg){a, 45};
    frame.seg[1] = (struct rig_seg){b, 33};
    frame.seg[2] = (struct rig_seg){c, frame.len_bytes - 78};
    assert_true(rig_csum_complete(&frame));
    memcpy(big, a, 45);
    assert_true(fx_is_sound(big, FX_L3, 34, frame.len_bytes));
}

static void a_checksum_of_zero_is_sent_as_all_ones(void **state)
{
    (void)state;
    struct rig_frame frame = open_udp(big, 4, 2);
    memset(big + 42, 0, 2);
    fx_put16(big + 42, ~fx_sum(0, big + 34, 10)); /* what brings the sum to all ones */
    assert_true(rig_csum_complete(&frame));
    assert_int_equal(fx_get16(big + 40), 0xffff);
}

static void a_frame_that_asks_for_nothing_stays_as_it_is(void **state)
{
    (void)state;
    struct rig_frame frame = open_udp(big, 4, 10);
    uint32_t before = fx_get16(big + 40);
    frame.offload.needs_csum = false;
    assert_true(rig_csum_complete(&frame));
    assert_int_equal(fx_get16(big + 40), before);
}

static void a_field_that_is_not_whole_in_the_frame_is_refused(void **state)
{
    (void)state;
    struct rig_frame frame = open_udp(big, 4, 10);
    frame.offload.csum_offset_bytes = (uint16_t)(frame.len_bytes - 34 - 1);
    assert_false(rig_csum_complete(&frame));
    frame.offload.csum_offset_bytes = UINT16_MAX;
    frame.offload.csum_start_bytes = UINT16_MAX;
    assert_false(rig_csum_complete(&frame));
    assert_true(frame.offload.needs_csum);
}

static void a_super_frame_has_no_checksum_to_complete(void **state)
{
    (void)state;
    struct rig_frame frame = open_udp(big, 4, 1000);
    frame.offload.gso_type = RIG_GSO_UDP_L4;
    frame.offload.gso_size_bytes = 100;
    frame.offload.hdr_len_bytes = 42;
    assert_false(rig_csum_complete(&frame));
    assert_true(frame.offload.needs_csum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071_sums_as_printed),
        cmocka_unit_test(every_length_and_alignment_sums_as_word_by_word),
        cmocka_unit_test(no_carry_is_lost_in_64_kib_of_ones),
        cmocka_unit_test(pieces_of_even_length_sum_as_the_whole),
        cmocka_unit_test(the_sum_of_nothing_needs_no_memory),
        cmocka_unit_test(pseudo_headers_sum_as_the_rfcs_lay_them_out),
        cmocka_unit_test(an_open_checksum_is_completed_and_closed),
        cmocka_unit_test(segments_of_odd_length_are_summed_in_place),
        cmocka_unit_test(a_checksum_of_zero_is_sent_as_all_ones),
        cmocka_unit_test(a_frame_that_asks_for_nothing_stays_as_it_is),
        cmocka_unit_test(a_field_that_is_not_whole_in_the_frame_is_refused),
        cmocka_unit_test(a_super_frame_has_no_checksum_to_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
