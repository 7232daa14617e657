/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/segment.h"
#include "frame_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[FX_ROOM], out[FX_ROOM];

static struct rig_frame describe(enum rig_gso type, uint32_t l4, uint32_t len, uint16_t gso_size)
{
    bool udp = type == RIG_GSO_UDP_L4;
    struct rig_frame frame;
    rig_frame_init(&frame, bytes, len);
    frame.offload = (struct rig_offload){
        .gso_type = type,
        .needs_csum = true,
        .gso_size_bytes = gso_size,
        .hdr_len_bytes = (uint16_t)(l4 + (udp ? 8 : 32)),
        .csum_start_bytes = (uint16_t)l4,
        .csum_offset_bytes = udp ? 6 : 16,
    };
    return frame;
}

static struct rig_frame super_udp(uint32_t version, uint32_t payload, uint16_t gso_size)
{
    uint32_t len = fx_udp_frame(bytes, version, payload);
    return describe(RIG_GSO_UDP_L4, version == 4 ? 34 : 54, len, gso_size);
}

static struct rig_frame super_tcp(uint32_t version, uint32_t payload, uint16_t gso_size)
{
    uint32_t len = fx_tcp_frame(bytes, version, payload);
    return describe(version == 4 ? RIG_GSO_TCPV4 : RIG_GSO_TCPV6, version == 4 ? 34 : 54, len,
                    gso_size);
}

/* Each piece is sound, has the full size save the last, and together they are the payload. */
static void assert_pieces(const struct rig_frame *frame)
{
    uint32_t hdr = frame->offload.hdr_len_bytes, size = frame->offload.gso_size_bytes;
    uint32_t payload = frame->len_bytes - hdr, n = rig_segment_count(frame);
    assert_int_equal(n, (payload + size - 1) / size);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t share = i + 1 < n ? size : payload - i * size;
        memset(out, 0xa5, hdr + share + 1);
        assert_int_equal(rig_segment_write(frame, i, out, hdr + share), hdr + share);
        assert_true(fx_is_sound(out, FX_L3, frame->offload.csum_start_bytes, hdr + share));
        assert_memory_equal(out + hdr, bytes + hdr + i * size, share);
        assert_int_equal(out[hdr + share], 0xa5);
    }
    assert_int_equal(rig_segment_write(frame, n, out, FX_ROOM), 0);
}

static void udp_is_cut_into_datagrams(void **state)
{
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        struct rig_frame frame = super_udp(version, 18 * 40, 18);
        assert_pieces(&frame);
        frame = super_udp(version, 65507, 1472);
        assert_pieces(&frame);
        frame = super_udp(version, 3001, 1001);
        assert_pieces(&frame);
        frame = super_udp(version, 300, 1);
        assert_pieces(&frame);
    }
}

static void tcp_is_cut_into_segments(void **state)
{
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        struct rig_frame frame = super_tcp(version, 65483, 1448);
        assert_pieces(&frame);
        frame = super_tcp(version, 2897, 1448);
        assert_pieces(&frame);
        frame = super_tcp(version, 5, 1448); /* one piece only */
        assert_pieces(&frame);
    }
}

static void the_ipv4_identification_counts_up_and_wraps(void **state)
{
    (void)state;
    const uint32_t want[] = {0xfffe, 0xffff, 0, 1};
    struct rig_frame frame = super_udp(4, 400, 100);
    for (uint32_t i = 0; i < 4; i++) {
        rig_segment_write(&frame, i, out, FX_ROOM);
        assert_int_equal(fx_get16(out + 18), want[i]);
    }
}

static void tcp_sequence_numbers_go_on_and_wrap(void **state)
{
    (void)state;
    const uint32_t high[] = {0xffff, 0x0000, 0x0000}, low[] = {0xfff0, 0x0054, 0x00b8};
    struct rig_frame frame = super_tcp(6, 250, 100);
    for (uint32_t i = 0; i < 3; i++) {
        rig_segment_write(&frame, i, out, FX_ROOM);
        assert_int_equal(fx_get16(out + 54 + 4), high[i]);
        assert_int_equal(fx_get16(out + 54 + 6), low[i]);
    }
}

static void fin_and_psh_are_on_the_last_and_cwr_on_the_first(void **state)
{
    (void)state;
    const uint8_t want[] = {0x90, 0x10, 0x19};
    struct rig_frame frame = super_tcp(4, 250, 100);
    frame.offload.gso_ecn = true;
    for (uint32_t i = 0; i < 3; i++) {
        rig_segment_write(&frame, i, out, FX_ROOM);
        assert_int_equal(out[34 + 13], want[i]);
    }
    frame = super_tcp(4, 100, 100);
    rig_segment_write(&frame, 0, out, FX_ROOM);
    assert_int_equal(out[34 + 13], 0x99);
}

static void a_checksum_of_zero_is_sent_as_all_ones(void **state)
{
    (void)state;
    struct rig_frame frame = super_udp(4, 200, 100);
    memset(bytes + 42, 0, 200);
    rig_segment_write(&frame, 1, out, FX_ROOM);
    memcpy(bytes + 142, out + 40, 2); /* now the sum of the second one is all ones */
    assert_int_equal(rig_segment_write(&frame, 1, out, FX_ROOM), 142);
    assert_int_equal(fx_get16(out + 40), 0xffff);
    assert_true(fx_is_sound(out, FX_L3, 34, 142));
}

static void tags_options_and_extension_headers_are_kept(void **state)
{
    (void)state;
    uint32_t l3 = fx_eth(bytes, 0x0800, 2);
    uint32_t l4 = fx_ipv4(bytes, l3, 17, 32, 8 + 250);
    fx_fill(bytes, fx_udp(bytes, l3, l4, 250), 250);
    struct rig_frame frame = describe(RIG_GSO_UDP_L4, l4, l4 + 8 + 250, 100);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t len = rig_segment_write(&frame, i, out, FX_ROOM);
        assert_int_equal(len, l4 + 8 + (i < 2 ? 100 : 50));
        assert_true(fx_is_sound(out, l3, l4, len));
        assert_memory_equal(out, bytes, l3 + 2);
    }
}

/* The sum is over the final destination (RFC 8200 section 8.1), which only the sender's
 * pseudo-header knows. */
static void a_routing_header_keeps_the_senders_pseudo_header(void **state)
{
    (void)state;
    fx_eth(bytes, 0x86dd, 0);
    uint8_t last_ip[40];
    uint32_t at = fx_ipv6(bytes, FX_L3, 43, 24 + 8 + 200);
    memcpy(last_ip, bytes + FX_L3, 40);
    last_ip[39] = 9; /* the final destination */
    const uint8_t routing[8] = {17, 2, 0, 1};
    memcpy(bytes + at, routing, 8);
    memcpy(bytes + at + 8, last_ip + 24, 16);
    fx_udp(bytes, FX_L3, at + 24, 200);
    fx_put16(bytes + at + 24 + 6, fx_pseudo(last_ip, 17, 208));
    fx_fill(bytes, at + 32, 200);
    struct rig_frame frame = describe(RIG_GSO_UDP_L4, at + 24, at + 32 + 200, 150);
    assert_int_equal(rig_segment_count(&frame), 2);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t l4_len = 8 + (i ? 50 : 150);
        assert_int_equal(rig_segment_write(&frame, i, out, FX_ROOM), at + 24 + l4_len);
        assert_int_equal(fx_get16(out + FX_L3 + 4), 24 + l4_len);
        assert_int_equal(fx_sum(fx_pseudo(last_ip, 17, l4_len), out + at + 24, l4_len), 0xffff);
    }
}

static void a_payload_in_other_segments_is_cut_as_well(void **state)
{
    (void)state;
    struct rig_frame frame = super_tcp(4, 1000, 300);
    frame.n_segs = 3;
    frame.seg[0] = (struct rig_seg){bytes, 66};
    frame.seg[1] = (struct rig_seg){bytes + 66, 301};
    frame.seg[2] = (struct rig_seg){bytes + 367, frame.len_bytes - 367};
    assert_pieces(&frame);
}

static void padding_behind_ip_is_not_cut(void **state)
{
    (void)state;
    struct rig_frame frame = super_udp(4, 200, 100);
    frame.len_bytes = frame.seg[0].len_bytes += 10;
    assert_int_equal(rig_segment_count(&frame), 2);
    assert_int_equal(rig_segment_write(&frame, 1, out, FX_ROOM), 142);
}

static void a_plain_frame_is_one_frame_with_its_checksum(void **state)
{
    (void)state;
    struct rig_frame frame = super_udp(6, 100, 0);
    frame.offload.gso_type = RIG_GSO_NONE;
    assert_int_equal(rig_segment_count(&frame), 1);
    assert_int_equal(rig_segment_write(&frame, 0, out, frame.len_bytes - 1), 0);
    assert_int_equal(rig_segment_write(&frame, 0, out, frame.len_bytes), frame.len_bytes);
    assert_true(fx_is_sound(out, FX_L3, 54, frame.len_bytes));
    assert_true(frame.offload.needs_csum); /* the frame itself is unchanged */
    assert_int_equal(rig_segment_write(&frame, 1, out, FX_ROOM), 0);
    frame.offload.csum_start_bytes = 4000;
    assert_int_equal(rig_segment_count(&frame), 0);
    assert_int_equal(rig_segment_write(&frame, 0, out, FX_ROOM), 0);
}

static void a_piece_without_room_is_not_written(void **state)
{
    (void)state;
    struct rig_frame frame = super_udp(4, 250, 100);
    memset(out, 0xa5, 200);
    assert_int_equal(rig_segment_write(&frame, 0, out, 141), 0);
    assert_int_equal(out[0], 0xa5);
    assert_int_equal(rig_segment_write(&frame, 2, out, 92), 92);
}

static void assert_refused(struct rig_frame frame)
{
    assert_int_equal(rig_segment_count(&frame), 0);
    assert_int_equal(rig_segment_write(&frame, 0, out, FX_ROOM), 0);
}

static void offloads_that_do_not_fit_the_packet_are_refused(void **state)
{
    (void)state;
    struct rig_frame frame = super_udp(4, 250, 100);
    frame.offload.csum_start_bytes = 33; /* not where UDP is */
    assert_refused(frame);
    frame = super_tcp(4, 250, 100);
    frame.offload.hdr_len_bytes = 54; /* not TCP's options */
    assert_refused(frame);
    frame.offload.hdr_len_bytes = 66;
    frame.offload.gso_type = RIG_GSO_TCPV6;
    assert_refused(frame);
    frame.offload.gso_type = RIG_GSO_UDP_L4;
    frame.offload.csum_offset_bytes = 6;
    assert_refused(frame);
    frame = super_udp(4, 250, 100);
    frame.offload.gso_type = RIG_GSO_TCPV4;
    frame.offload.csum_offset_bytes = 16;
    frame.offload.hdr_len_bytes = 54;
    assert_refused(frame);
}

static void a_super_frame_that_is_malformed_is_refused(void **state)
{
    (void)state;
    struct rig_frame frame = super_udp(4, 250, 100);
    fx_put16(bytes + 16, 1000);
    assert_refused(frame);
    frame = super_udp(4, 250, 100);
    fx_put16(bytes + 20, 0x2000); /* a fragment */
    assert_refused(frame);
    frame = super_udp(4, 250, 100);
    fx_put16(bytes + 38, 8); /* a UDP header without payload */
    assert_refused(frame);
    frame = super_tcp(4, 250, 100);
    frame.offload.gso_size_bytes = 0;
    assert_refused(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_is_cut_into_datagrams),
        cmocka_unit_test(tcp_is_cut_into_segments),
        cmocka_unit_test(the_ipv4_identification_counts_up_and_wraps),
        cmocka_unit_test(tcp_sequence_numbers_go_on_and_wrap),
        cmocka_unit_test(fin_and_psh_are_on_the_last_and_cwr_on_the_first),
        cmocka_unit_test(a_checksum_of_zero_is_sent_as_all_ones),
        cmocka_unit_test(tags_options_and_extension_headers_are_kept),
        cmocka_unit_test(a_routing_header_keeps_the_senders_pseudo_header),
        cmocka_unit_test(a_payload_in_other_segments_is_cut_as_well),
        cmocka_unit_test(padding_behind_ip_is_not_cut),
        cmocka_unit_test(a_plain_frame_is_one_frame_with_its_checksum),
        cmocka_unit_test(a_piece_without_room_is_not_written),
        cmocka_unit_test(offloads_that_do_not_fit_the_packet_are_refused),
        cmocka_unit_test(a_super_frame_that_is_malformed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
