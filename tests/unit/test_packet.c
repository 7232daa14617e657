/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame/packet.h"
#include "frame_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[FX_ROOM];
static struct rig_packet packet;

/* Parse the first `len` bytes of `bytes` from memory of that size, so that ASan guards its end. */
static bool parse(uint32_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    struct rig_frame frame;
    rig_frame_init(&frame, exact, len);
    bool good = rig_packet_parse(&packet, &frame);
    free(exact);
    return good;
}

static void assert_l4(uint32_t l4, uint32_t payload, uint32_t payload_len)
{
    assert_int_equal(packet.l4_offset_bytes, l4);
    assert_int_equal(packet.payload_offset_bytes, payload);
    assert_int_equal(packet.payload_len_bytes, payload_len);
}

static void udp_is_read_with_its_addresses_and_ports(void **state)
{
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        uint32_t l4 = version == 4 ? 34 : 54;
        assert_true(parse(fx_udp_frame(bytes, version, 100)));
        assert_int_equal(packet.dst_mac.bytes[5], 2);
        assert_int_equal(packet.src_mac.bytes[5], 1);
        assert_int_equal(packet.ethertype, version == 4 ? 0x0800 : 0x86dd);
        assert_int_equal(packet.ip_version, version);
        assert_int_equal(packet.ip_proto, 17);
        assert_int_equal(packet.tos, 0xb8);
        assert_int_equal(packet.ttl, 61);
        assert_int_equal(packet.l3_offset_bytes, 14);
        assert_l4(l4, l4 + 8, 100);
        assert_int_equal(packet.src.addr.family, version);
        assert_memory_equal(packet.src.addr.bytes, version == 4 ? fx_v4_src : fx_v6_src,
                            version == 4 ? 4 : 16);
        assert_memory_equal(packet.dst.addr.bytes, version == 4 ? fx_v4_dst : fx_v6_dst,
                            version == 4 ? 4 : 16);
        assert_int_equal(packet.src.port, 5001);
        assert_int_equal(packet.dst.port, 5002);
        assert_false(packet.is_fragment);
    }
}

static void tcp_options_are_header(void **state)
{
    (void)state;
    assert_true(parse(fx_tcp_frame(bytes, 4, 7)));
    assert_l4(34, 66, 7);
    assert_true(parse(fx_tcp_frame(bytes, 6, 0)));
    assert_l4(54, 86, 0);
    assert_int_equal(packet.dst.port, 5002);
}

static void every_cut_of_a_frame_is_malformed(void **state)
{
    (void)state;
    uint32_t (*const make[])(uint8_t *, uint32_t, uint32_t) = {fx_udp_frame, fx_tcp_frame};
    for (int i = 0; i < 2; i++) {
        for (uint32_t version = 4; version <= 6; version += 2) {
            uint32_t len = make[i](bytes, version, 20);
            for (uint32_t cut = 0; cut < len; cut++)
                assert_false(parse(cut));
            assert_true(parse(len));
        }
    }
}

static void ethernet_padding_is_no_payload(void **state)
{
    (void)state;
    uint32_t len = fx_udp_frame(bytes, 4, 1);
    memset(bytes + len, 0xee, 60 - len);
    assert_true(parse(60));
    assert_l4(34, 42, 1);
    len = fx_tcp_frame(bytes, 4, 3);
    assert_true(parse(len + 6));
    assert_l4(34, 66, 3);
    len = fx_tcp_frame(bytes, 6, 3);
    assert_true(parse(len + 6));
    assert_l4(54, 86, 3);
}

static void up_to_two_vlan_tags_are_stepped_over(void **state)
{
    (void)state;
    for (uint32_t tags = 0; tags <= 3; tags++) {
        uint32_t l3 = fx_eth(bytes, 0x0800, tags);
        uint32_t l4 = fx_ipv4(bytes, l3, 17, 20, 8 + 5);
        fx_udp(bytes, l3, l4, 5);
        assert_int_equal(parse(l4 + 8 + 5), tags <= 2);
        if (tags > 2)
            break;
        assert_int_equal(packet.vlan_tags, tags);
        assert_int_equal(packet.ethertype, 0x0800);
        assert_int_equal(packet.l3_offset_bytes, 14 + tags * 4);
        assert_l4(l4, l4 + 8, 5);
    }
}

static void a_tag_that_is_cut_is_malformed(void **state)
{
    (void)state;
    fx_eth(bytes, 0x0800, 1);
    assert_false(parse(17));
}

static void ipv4_options_are_stepped_over(void **state)
{
    (void)state;
    fx_eth(bytes, 0x0800, 0);
    uint32_t l4 = fx_ipv4(bytes, FX_L3, 17, 60, 8 + 9);
    fx_udp(bytes, FX_L3, l4, 9);
    assert_true(parse(l4 + 8 + 9));
    assert_l4(74, 82, 9);
}

static void an_ipv4_header_that_lies_is_malformed(void **state)
{
    (void)state;
    uint32_t len = fx_udp_frame(bytes, 4, 20);
    bytes[14] = 0x44; /* 16 bytes of header */
    assert_false(parse(len));
    bytes[14] = 0x65; /* IPv6 in a frame of IPv4 */
    assert_false(parse(len));
    bytes[14] = 0x4f; /* more header than the total length */
    assert_false(parse(len));
    len = fx_udp_frame(bytes, 4, 20);
    fx_put16(bytes + 16, 19); /* total length below the header's */
    assert_false(parse(len));
    fx_put16(bytes + 16, 20); /* no UDP */
    assert_false(parse(len));
    fx_put16(bytes + 16, len - 14 + 1);
    assert_false(parse(len));
    fx_put16(bytes + 16, 0xffff);
    assert_false(parse(len));
}

/* As above, with nothing behind IP that could refuse it. */
static void an_ipv4_header_that_lies_is_malformed_whatever_it_carries(void **state)
{
    (void)state;
    fx_eth(bytes, 0x0800, 0);
    uint32_t len = fx_ipv4(bytes, FX_L3, 132, 20, 40) + 40;
    assert_true(parse(len));
    bytes[14] = 0x44;
    assert_false(parse(len));
    bytes[14] = 0x46;
    fx_put16(bytes + 16, 23);
    assert_false(parse(len));
    fx_put16(bytes + 16, 24);
    assert_true(parse(len));
    assert_l4(0, 38, 0);
}

static void a_udp_length_that_lies_is_malformed(void **state)
{
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        uint32_t len = fx_udp_frame(bytes, version, 20), udp_len = version == 4 ? 38 : 58;
        fx_put16(bytes + udp_len, 7);
        assert_false(parse(len));
        fx_put16(bytes + udp_len, 29);
        assert_false(parse(len));
        fx_put16(bytes + udp_len, 29); /* nor may the padding count */
        assert_false(parse(len + 10));
        fx_put16(bytes + udp_len, 27);
        assert_true(parse(len));
        assert_int_equal(packet.payload_len_bytes, 19);
    }
}

static void a_tcp_header_length_that_lies_is_malformed(void **state)
{
    (void)state;
    uint32_t len = fx_tcp_frame(bytes, 4, 4);
    bytes[34 + 12] = 0x40;
    assert_false(parse(len));
    bytes[34 + 12] = 0xa0; /* 40 bytes, of which 36 are there */
    assert_false(parse(len + 4));
    bytes[34 + 12] = 0x90;
    assert_true(parse(len));
    assert_int_equal(packet.payload_len_bytes, 0);
}

static void ipv4_fragments_offer_no_l4(void **state)
{
    (void)state;
    const uint32_t fields[] = {0x2000, 0x0001, 0x1fff, 0x3fff};
    for (int i = 0; i < 4; i++) {
        uint32_t len = fx_udp_frame(bytes, 4, 40);
        fx_put16(bytes + 20, fields[i]);
        assert_true(parse(len));
        assert_true(packet.is_fragment);
        assert_int_equal(packet.ip_proto, 17);
        assert_int_equal(packet.src.port, 0);
        assert_l4(0, 34, 48);
    }
}

static void dont_fragment_is_no_fragment(void **state)
{
    (void)state;
    uint32_t len = fx_udp_frame(bytes, 4, 40);
    fx_put16(bytes + 20, 0x4000);
    assert_true(parse(len));
    assert_false(packet.is_fragment);
    assert_int_equal(packet.l4_offset_bytes, 34);
}

/* An IPv6 packet with extension headers `chain` (8 bytes each, the last 0) and UDP of 5 bytes. */
static uint32_t with_extensions(const uint8_t *chain)
{
    uint32_t n = 0;
    while (chain[n] || n == 0) /* hop-by-hop is 0, and comes first */
        n++;
    uint32_t l3 = fx_eth(bytes, 0x86dd, 0);
    uint32_t at = fx_ipv6(bytes, l3, chain[0], n * 8 + 8 + 5);
    for (uint32_t i = 0; i < n; i++, at += 8) {
        memset(bytes + at, 0, 8);
        bytes[at] = i + 1 < n ? chain[i + 1] : 17;
    }
    fx_udp(bytes, l3, at, 5);
    return at + 8 + 5;
}

static void ipv6_extension_headers_are_stepped_over(void **state)
{
    (void)state;
    const uint8_t chain[] = {0, 60, 43, 60, 0};
    assert_true(parse(with_extensions(chain)));
    assert_int_equal(packet.ip_proto, 17);
    assert_l4(54 + 32, 54 + 40, 5);
    assert_int_equal(packet.dst.port, 5002);
}

static void a_long_extension_header_is_stepped_over_whole(void **state)
{
    (void)state;
    fx_eth(bytes, 0x86dd, 0);
    uint32_t at = fx_ipv6(bytes, FX_L3, 60, 2048 + 8 + 3);
    memset(bytes + at, 0, 2048);
    bytes[at] = 17;
    bytes[at + 1] = 255;
    fx_udp(bytes, FX_L3, at + 2048, 3);
    assert_true(parse(at + 2048 + 8 + 3));
    assert_l4(at + 2048, at + 2056, 3);
    assert_false(parse(at + 2047));
}

static void an_extension_header_beyond_the_packet_is_malformed(void **state)
{
    (void)state;
    const uint8_t chain[] = {0, 60, 0};
    uint32_t len = with_extensions(chain);
    bytes[54 + 8 + 1] = 2; /* 24 bytes, of which 21 are there */
    assert_false(parse(len));
    assert_false(parse(len + 10));
    len = with_extensions(chain);
    bytes[54 + 8] = 132; /* whatever comes behind */
    bytes[54 + 8 + 1] = 2;
    assert_false(parse(len));
    with_extensions(chain);
    fx_put16(bytes + 18, 0); /* a jumbogram, or a lie */
    assert_false(parse(len));
}

static void a_chain_without_end_is_malformed(void **state)
{
    (void)state;
    const uint8_t eight[] = {60, 60, 60, 60, 60, 60, 60, 60, 0};
    const uint8_t nine[] = {60, 60, 60, 60, 60, 60, 60, 60, 60, 0};
    assert_true(parse(with_extensions(eight)));
    assert_false(parse(with_extensions(nine)));
}

static void ipv6_fragments_offer_no_l4(void **state)
{
    (void)state;
    const uint8_t chain[] = {0, 44, 0};
    const uint32_t fields[] = {0x0001, 0x0008, 0xfff8, 0xfff9};
    for (int i = 0; i < 4; i++) {
        uint32_t len = with_extensions(chain);
        fx_put16(bytes + 54 + 8 + 2, fields[i]);
        assert_true(parse(len));
        assert_true(packet.is_fragment);
        assert_int_equal(packet.ip_proto, 17);
        assert_l4(0, 54 + 16, 13);
    }
    with_extensions(chain);
    bytes[54 + 8] = 60; /* what a later fragment holds is no header, whatever its type */
    fx_put16(bytes + 54 + 8 + 2, 0x0008);
    assert_true(parse(54 + 16 + 13));
    assert_int_equal(packet.ip_proto, 60);
    assert_l4(0, 54 + 16, 13);
}

static void an_atomic_fragment_is_a_whole_datagram(void **state)
{
    (void)state;
    const uint8_t chain[] = {44, 0};
    uint32_t len = with_extensions(chain);
    fx_put16(bytes + 54 + 2, 0x0006); /* reserved bits mean nothing */
    bytes[54 + 1] = 0xff;             /* nor does this byte, which is no length here */
    assert_true(parse(len));
    assert_false(packet.is_fragment);
    assert_l4(62, 70, 5);
}

static void icmp_has_8_bytes_of_header_and_no_ports(void **state)
{
    (void)state;
    fx_eth(bytes, 0x0800, 0);
    memset(bytes + 34, 8, 16);
    fx_ipv4(bytes, FX_L3, 1, 20, 16);
    assert_true(parse(50));
    assert_l4(34, 42, 8);
    assert_int_equal(packet.src.port, 0);
    fx_ipv4(bytes, FX_L3, 1, 20, 7);
    assert_false(parse(50));
    fx_eth(bytes, 0x86dd, 0);
    fx_ipv6(bytes, FX_L3, 58, 8);
    assert_true(parse(62));
    assert_l4(54, 62, 0);
    assert_int_equal(packet.dst.port, 0);
}

static void a_protocol_that_is_not_known_has_a_payload_only(void **state)
{
    (void)state;
    const uint8_t protocols[] = {2, 58, 132};
    for (int i = 0; i < 3; i++) {
        fx_eth(bytes, 0x0800, 0);
        fx_ipv4(bytes, FX_L3, protocols[i], 20, 5);
        assert_true(parse(39));
        assert_int_equal(packet.ip_proto, protocols[i]);
        assert_l4(0, 34, 5);
    }
    fx_eth(bytes, 0x86dd, 0);
    fx_ipv6(bytes, FX_L3, 59, 0); /* no next header */
    assert_true(parse(54));
    assert_l4(0, 54, 0);
}

static void an_arp_message_is_as_long_as_its_addresses(void **state)
{
    (void)state;
    const uint8_t arp[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    fx_eth(bytes, 0x0806, 0);
    memcpy(bytes + 14, arp, 8);
    memset(bytes + 22, 0, 40);
    assert_true(parse(42));
    assert_int_equal(packet.ethertype, RIG_ETHERTYPE_ARP);
    assert_int_equal(packet.ip_version, 0);
    assert_int_equal(packet.l4_offset_bytes, 0);
    assert_false(parse(41));
    assert_false(parse(21));
    bytes[14 + 4] = 255;
    assert_false(parse(60));
}

static void other_ethertypes_are_left_alone(void **state)
{
    (void)state;
    fx_eth(bytes, 0x88cc, 0);
    assert_true(parse(14));
    assert_int_equal(packet.ethertype, 0x88cc);
    assert_int_equal(packet.l3_offset_bytes, 14);
    assert_int_equal(packet.ip_version, 0);
}

static void headers_may_end_with_the_first_segment(void **state)
{
    (void)state;
    struct rig_frame frame = {.len_bytes = fx_udp_frame(bytes, 4, 100), .n_segs = 2};
    frame.seg[0] = (struct rig_seg){bytes, 42};
    frame.seg[1] = (struct rig_seg){bytes + 42, 100};
    assert_true(rig_packet_parse(&packet, &frame));
    assert_l4(34, 42, 100);
    frame.seg[0].len_bytes = 41; /* a header across two segments is not looked for */
    frame.seg[1] = (struct rig_seg){bytes + 41, 101};
    assert_false(rig_packet_parse(&packet, &frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_is_read_with_its_addresses_and_ports),
        cmocka_unit_test(tcp_options_are_header),
        cmocka_unit_test(every_cut_of_a_frame_is_malformed),
        cmocka_unit_test(ethernet_padding_is_no_payload),
        cmocka_unit_test(up_to_two_vlan_tags_are_stepped_over),
        cmocka_unit_test(a_tag_that_is_cut_is_malformed),
        cmocka_unit_test(ipv4_options_are_stepped_over),
        cmocka_unit_test(an_ipv4_header_that_lies_is_malformed),
        cmocka_unit_test(an_ipv4_header_that_lies_is_malformed_whatever_it_carries),
        cmocka_unit_test(a_udp_length_that_lies_is_malformed),
        cmocka_unit_test(a_tcp_header_length_that_lies_is_malformed),
        cmocka_unit_test(ipv4_fragments_offer_no_l4),
        cmocka_unit_test(dont_fragment_is_no_fragment),
        cmocka_unit_test(ipv6_extension_headers_are_stepped_over),
        cmocka_unit_test(a_long_extension_header_is_stepped_over_whole),
        cmocka_unit_test(an_extension_header_beyond_the_packet_is_malformed),
        cmocka_unit_test(a_chain_without_end_is_malformed),
        cmocka_unit_test(ipv6_fragments_offer_no_l4),
        cmocka_unit_test(an_atomic_fragment_is_a_whole_datagram),
        cmocka_unit_test(icmp_has_8_bytes_of_header_and_no_ports),
        cmocka_unit_test(a_protocol_that_is_not_known_has_a_payload_only),
        cmocka_unit_test(an_arp_message_is_as_long_as_its_addresses),
        cmocka_unit_test(other_ethertypes_are_left_alone),
        cmocka_unit_test(headers_may_end_with_the_first_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
