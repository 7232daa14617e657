/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio/net_hdr.h"
#include "frame_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[FX_ROOM];

static struct rig_frame udp_frame(uint32_t payload)
{
    struct rig_frame frame;
    rig_frame_init(&frame, bytes, fx_udp_frame(bytes, 4, payload));
    return frame;
}

static struct rig_frame tcp_frame(uint32_t version, uint32_t payload)
{
    struct rig_frame frame;
    rig_frame_init(&frame, bytes, fx_tcp_frame(bytes, version, payload));
    return frame;
}

/* Refused, and nothing left of it. */
static void assert_refused(struct rig_frame *frame, const uint8_t *hdr)
{
    static const struct rig_offload none;
    memset(&frame->offload, 0, sizeof(frame->offload));
    frame->offload.needs_csum = true;
    assert_false(rig_virtio_net_hdr_read(frame, hdr));
    assert_memory_equal(&frame->offload, &none, sizeof(none));
}

static void the_fields_lie_where_virtio_has_them(void **state)
{
    (void)state;
    const struct rig_offload offload = {
        .gso_type = RIG_GSO_TCPV4,
        .gso_ecn = true,
        .needs_csum = true,
        .gso_size_bytes = 0x5a8,
        .hdr_len_bytes = 0x142,
        .csum_start_bytes = 0x122,
        .csum_offset_bytes = 16,
    };
    const uint8_t want[10] = {1, 0x81, 0x42, 1, 0xa8, 5, 0x22, 1, 16, 0};
    uint8_t hdr[10];
    rig_virtio_net_hdr_write(hdr, &offload);
    assert_memory_equal(hdr, want, 10);
}

static void a_frame_without_offloads_has_a_header_of_zeros(void **state)
{
    (void)state;
    const struct rig_offload none = {.gso_type = RIG_GSO_NONE};
    const uint8_t want[10] = {0};
    uint8_t hdr[12];
    memset(hdr, 0xa5, sizeof(hdr));
    rig_virtio_net_hdr_write(hdr, &none);
    assert_memory_equal(hdr, want, 10);
    assert_int_equal(hdr[10], 0xa5);
    struct rig_frame frame = udp_frame(10);
    assert_true(rig_virtio_net_hdr_read(&frame, hdr));
    assert_int_equal(frame.offload.gso_type, RIG_GSO_NONE);
    assert_false(frame.offload.needs_csum);
}

static void each_type_of_super_frame_survives_both_ways(void **state)
{
    (void)state;
    const uint8_t wire[] = {1, 4, 5};
    const enum rig_gso types[] = {RIG_GSO_TCPV4, RIG_GSO_TCPV6, RIG_GSO_UDP_L4};
    for (int i = 0; i < 3; i++) {
        bool udp = types[i] == RIG_GSO_UDP_L4;
        struct rig_frame frame = udp ? udp_frame(3000) : tcp_frame(i ? 6 : 4, 3000);
        uint16_t l4 = i == 1 ? 54 : 34;
        struct rig_offload offload = {
            .gso_type = types[i],
            .gso_ecn = !udp,
            .needs_csum = true,
            .gso_size_bytes = 1000,
            .hdr_len_bytes = (uint16_t)(l4 + (udp ? 8 : 32)),
            .csum_start_bytes = l4,
            .csum_offset_bytes = udp ? 6 : 16,
        };
        uint8_t hdr[10];
        rig_virtio_net_hdr_write(hdr, &offload);
        assert_int_equal(hdr[1] & 0x7f, wire[i]);
        assert_true(rig_virtio_net_hdr_read(&frame, hdr));
        assert_int_equal(frame.offload.gso_type, types[i]);
        assert_int_equal(frame.offload.gso_ecn, !udp);
        assert_true(frame.offload.needs_csum);
        assert_int_equal(frame.offload.gso_size_bytes, 1000);
        assert_int_equal(frame.offload.hdr_len_bytes, offload.hdr_len_bytes);
        assert_int_equal(frame.offload.csum_start_bytes, l4);
        assert_int_equal(frame.offload.csum_offset_bytes, offload.csum_offset_bytes);
    }
}

static void the_length_of_headers_is_taken_from_the_headers(void **state)
{
    (void)state;
    const uint8_t hdr[10] = {1, 1, 0xff, 0xff, 0xe8, 3, 34, 0, 16, 0}; /* hdr_len 65535 */
    struct rig_frame frame = tcp_frame(4, 3000);
    assert_true(rig_virtio_net_hdr_read(&frame, hdr));
    assert_int_equal(frame.offload.hdr_len_bytes, 66);
}

static void a_verified_checksum_is_told_both_ways(void **state)
{
    (void)state;
    const struct rig_offload valid = {.data_valid = true};
    uint8_t hdr[10];
    rig_virtio_net_hdr_write(hdr, &valid);
    assert_int_equal(hdr[0], 2);
    struct rig_frame frame = udp_frame(10);
    assert_true(rig_virtio_net_hdr_read(&frame, hdr));
    assert_true(frame.offload.data_valid);
    assert_false(frame.offload.needs_csum);
}

static void what_is_not_asked_for_is_not_read(void **state)
{
    (void)state;
    /* No flag and no type: the other fields mean nothing. */
    const uint8_t hdr[10] = {0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct rig_frame frame = udp_frame(10);
    assert_true(rig_virtio_net_hdr_read(&frame, hdr));
    assert_int_equal(frame.offload.csum_start_bytes, 0);
    assert_int_equal(frame.offload.gso_size_bytes, 0);
}

static void types_that_nobody_offered_are_refused(void **state)
{
    (void)state;
    const uint8_t types[] = {2, 3, 6, 0x7f, 0x80, 0x83, 0x85};
    for (size_t i = 0; i < sizeof(types); i++) {
        struct rig_frame frame = udp_frame(3000);
        uint8_t hdr[10] = {1, 5, 42, 0, 100, 0, 34, 0, 6, 0};
        assert_true(rig_virtio_net_hdr_read(&frame, hdr));
        hdr[1] = types[i];
        assert_refused(&frame, hdr);
    }
}

static void a_checksum_outside_the_frame_is_refused(void **state)
{
    (void)state;
    struct rig_frame frame = udp_frame(10); /* 52 bytes */
    uint8_t hdr[10] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0};
    assert_true(rig_virtio_net_hdr_read(&frame, hdr));
    hdr[8] = 17;
    assert_refused(&frame, hdr);
    memset(hdr + 6, 0xff, 4);
    assert_refused(&frame, hdr);
}

static void a_super_frame_needs_an_open_checksum_and_a_size(void **state)
{
    (void)state;
    struct rig_frame frame = udp_frame(3000);
    const uint8_t closed[10] = {0, 5, 42, 0, 100, 0, 34, 0, 6, 0};
    const uint8_t sizeless[10] = {1, 5, 42, 0, 0, 0, 34, 0, 6, 0};
    assert_refused(&frame, closed);
    assert_refused(&frame, sizeless);
}

static void a_super_frame_whose_headers_leave_it_is_refused(void **state)
{
    (void)state;
    uint8_t hdr[10] = {1, 1, 66, 0, 100, 0, 34, 0, 16, 0};
    struct rig_frame frame = tcp_frame(4, 3000);
    bytes[34 + 12] = 0x40; /* TCP with 16 bytes of header */
    assert_refused(&frame, hdr);
    bytes[34 + 12] = 0x80;
    frame.len_bytes = frame.seg[0].len_bytes = 66; /* no payload */
    assert_refused(&frame, hdr);
    frame.len_bytes = frame.seg[0].len_bytes = 46; /* nor the byte that tells */
    hdr[6] = 28;
    assert_refused(&frame, hdr);
    hdr[6] = hdr[7] = 0xff; /* 65535 and a header behind it do not wrap around */
    assert_refused(&frame, hdr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fields_lie_where_virtio_has_them),
        cmocka_unit_test(a_frame_without_offloads_has_a_header_of_zeros),
        cmocka_unit_test(each_type_of_super_frame_survives_both_ways),
        cmocka_unit_test(the_length_of_headers_is_taken_from_the_headers),
        cmocka_unit_test(a_verified_checksum_is_told_both_ways),
        cmocka_unit_test(what_is_not_asked_for_is_not_read),
        cmocka_unit_test(types_that_nobody_offered_are_refused),
        cmocka_unit_test(a_checksum_outside_the_frame_is_refused),
        cmocka_unit_test(a_super_frame_needs_an_open_checksum_and_a_size),
        cmocka_unit_test(a_super_frame_whose_headers_leave_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
