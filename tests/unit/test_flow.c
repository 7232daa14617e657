/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/csum.h"
#include "frame/flow.h"
#include "frame_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t out[FX_ROOM];

static struct rig_flow new_flow(uint8_t family)
{
    struct rig_flow_spec spec = {
        .src_mac = {{2, 0, 0, 0, 0, 1}},
        .dst_mac = {{2, 0, 0, 0, 0, 2}},
        .src = {.addr.family = family, .port = 5001},
        .dst = {.addr.family = family, .port = 5002},
        .tos = 0xb8,
        .ttl = 61,
    };
    memcpy(spec.src.addr.bytes, family == 4 ? fx_v4_src : fx_v6_src, family == 4 ? 4 : 16);
    memcpy(spec.dst.addr.bytes, family == 4 ? fx_v4_dst : fx_v6_dst, family == 4 ? 4 : 16);
    struct rig_flow flow;
    rig_flow_init(&flow, &spec);
    return flow;
}

/* Stamp, with a payload behind, as a frame. */
static struct rig_frame stamp(struct rig_flow *flow, uint32_t payload, uint16_t gso_size)
{
    struct rig_frame frame;
    memset(out, 0xa5, flow->hdr_len_bytes);
    rig_frame_init(&frame, out, flow->hdr_len_bytes + payload);
    fx_fill(out, flow->hdr_len_bytes, payload);
    rig_flow_stamp(flow, out, payload, gso_size, &frame.offload);
    return frame;
}

static void the_headers_are_those_that_were_asked_for(void **state)
{
    (void)state;
    uint8_t want[FX_ROOM];
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct rig_flow flow = new_flow(family);
        flow.ip_id = 0xfffe;
        stamp(&flow, 100, 0);
        fx_udp_frame(want, family, 100);
        if (family == 4) { /* the fixture's lets the path fragment; a flow's does not */
            want[20] = 0x40;
            memset(want + 24, 0, 2);
            fx_put16(want + 24, ~fx_sum(0, want + 14, 20));
        }
        assert_int_equal(flow.hdr_len_bytes, family == 4 ? 42 : 62);
        assert_memory_equal(out, want, flow.hdr_len_bytes + 100);
    }
}

static void a_completed_datagram_of_any_length_is_sound(void **state)
{
    (void)state;
    const uint32_t payloads[] = {0, 1, 18, 19, 1472, 65507};
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct rig_flow flow = new_flow(family);
        for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
            struct rig_frame frame = stamp(&flow, payloads[i], 0);
            assert_true(rig_frame_offload_valid(&frame));
            assert_int_equal(frame.offload.gso_type, RIG_GSO_NONE);
            assert_true(rig_csum_complete(&frame));
            assert_true(fx_is_sound(out, FX_L3, flow.hdr_len_bytes - 8, frame.len_bytes));
        }
    }
}

static void the_checksum_of_every_identification_is_right(void **state)
{
    (void)state;
    struct rig_flow flow = new_flow(4);
    for (uint32_t id = 0; id <= 0x10000; id++) {
        stamp(&flow, 18, 0);
        assert_int_equal(fx_get16(out + 18), id & 0xffff);
        assert_int_equal(fx_sum(0, out + 14, 20), 0xffff);
    }
}

static void a_super_frame_is_described_for_whoever_cuts_it(void **state)
{
    (void)state;
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct rig_flow flow = new_flow(family);
        struct rig_frame frame = stamp(&flow, 3001, 1000);
        assert_true(rig_frame_offload_valid(&frame));
        assert_int_equal(frame.offload.gso_type, RIG_GSO_UDP_L4);
        assert_int_equal(frame.offload.gso_size_bytes, 1000);
        assert_int_equal(frame.offload.hdr_len_bytes, flow.hdr_len_bytes);
        assert_int_equal(fx_get16(out + flow.hdr_len_bytes - 4), 3009);
    }
}

static void each_datagram_of_a_super_frame_uses_up_one_identification(void **state)
{
    (void)state;
    struct rig_flow flow = new_flow(4);
    stamp(&flow, 3001, 1000);
    assert_int_equal(flow.ip_id, 4);
    stamp(&flow, 3000, 1000);
    assert_int_equal(flow.ip_id, 7);
}

static void one_datagram_is_no_super_frame(void **state)
{
    (void)state;
    struct rig_flow flow = new_flow(4);
    struct rig_frame frame = stamp(&flow, 1000, 1000);
    assert_int_equal(frame.offload.gso_type, RIG_GSO_NONE);
    assert_int_equal(frame.offload.hdr_len_bytes, 0);
    assert_int_equal(flow.ip_id, 1);
    frame = stamp(&flow, 0, 1000);
    assert_int_equal(frame.offload.gso_type, RIG_GSO_NONE);
    assert_int_equal(flow.ip_id, 2);
}

static void a_stamp_leaves_the_payload_alone(void **state)
{
    (void)state;
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct rig_flow flow = new_flow(family);
        memset(out, 0xa5, 200);
        struct rig_offload offload;
        rig_flow_stamp(&flow, out, 50, 0, &offload);
        assert_int_not_equal(out[flow.hdr_len_bytes - 2], 0xa5);
        for (uint32_t i = flow.hdr_len_bytes; i < 200; i++)
            assert_int_equal(out[i], 0xa5);
    }
}

static void a_ttl_of_0_means_64(void **state)
{
    (void)state;
    struct rig_flow_spec spec = {.src.addr.family = 4, .dst.addr.family = 4};
    struct rig_flow flow;
    rig_flow_init(&flow, &spec);
    assert_int_equal(flow.hdr[14 + 8], 64);
    spec.src.addr.family = spec.dst.addr.family = 6;
    rig_flow_init(&flow, &spec);
    assert_int_equal(flow.hdr[14 + 7], 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_headers_are_those_that_were_asked_for),
        cmocka_unit_test(a_completed_datagram_of_any_length_is_sound),
        cmocka_unit_test(the_checksum_of_every_identification_is_right),
        cmocka_unit_test(a_super_frame_is_described_for_whoever_cuts_it),
        cmocka_unit_test(each_datagram_of_a_super_frame_uses_up_one_identification),
        cmocka_unit_test(one_datagram_is_no_super_frame),
        cmocka_unit_test(a_stamp_leaves_the_payload_alone),
        cmocka_unit_test(a_ttl_of_0_means_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
