/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port.h"

#include "port/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct ends {
    struct rig_port *a, *b;
};

static struct rig_port *open_port(const char *name)
{
    struct rig_port *port = NULL;
    struct rig_err err = {.text = ""};
    if (rig_port_open(&port, name, &err) != 0)
        fail_msg("%s", err.text);
    return port;
}

static struct ends open_ends(void)
{
    return (struct ends){open_port("pair:t/0"), open_port("pair:t/1")};
}

static void close_ends(struct ends *ends)
{
    rig_port_close(ends->a);
    rig_port_close(ends->b);
}

static void refused(const char *name, int code, const char *sentence)
{
    struct rig_port *port = NULL;
    struct rig_err err = {.text = ""};
    assert_int_equal(rig_port_open(&port, name, &err), code);
    assert_null(port);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' is refused with '%s'", name, err.text);
}

static uint32_t send_frame(struct rig_port *port, uint32_t len_bytes, uint8_t fill)
{
    struct rig_frame *frame;
    if (rig_port_tx_reserve(port, &frame, 1) == 0)
        return 0;
    memset(frame->seg[0].base, fill, len_bytes);
    frame->seg[0].len_bytes = len_bytes;
    frame->len_bytes = len_bytes;
    return rig_port_tx_commit(port, 1);
}

static void expect_frame(struct rig_port *port, uint32_t len_bytes, uint8_t fill)
{
    struct rig_frame *frame;
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 1);
    assert_int_equal(frame->len_bytes, len_bytes);
    assert_int_equal(frame->seg[0].len_bytes, len_bytes);
    assert_int_equal(frame->seg[0].base[0], fill);
    assert_int_equal(frame->seg[0].base[len_bytes - 1], fill);
    rig_port_rx_release(port, &frame, 1);
}

static void frames_cross_in_order_both_ways(void **state)
{
    (void)state;
    struct ends e = open_ends();
    assert_int_equal(send_frame(e.a, 60, 1), 1);
    assert_int_equal(send_frame(e.a, 61, 2), 1);
    assert_int_equal(send_frame(e.b, 62, 3), 1);
    expect_frame(e.b, 60, 1);
    expect_frame(e.b, 61, 2);
    expect_frame(e.a, 62, 3);
    struct rig_frame *frame;
    assert_int_equal(rig_port_rx_peek(e.a, &frame, 1), 0);
    assert_int_equal(e.a->counters.tx_frames, 2);
    assert_int_equal(e.a->counters.tx_bytes, 121);
    assert_int_equal(e.b->counters.rx_frames, 2);
    assert_int_equal(e.b->counters.rx_bytes, 121);
    close_ends(&e);
}

static void a_super_frame_passes_whole_with_its_offloads(void **state)
{
    (void)state;
    struct ends e = open_ends();
    static uint8_t payload[60000];
    struct rig_frame *frame;
    memset(payload, 7, sizeof(payload));
    const struct rig_offload offload = {.gso_type = RIG_GSO_UDP_L4,
                                        .needs_csum = true,
                                        .gso_size_bytes = 1472,
                                        .hdr_len_bytes = 42,
                                        .csum_start_bytes = 34,
                                        .csum_offset_bytes = 6};
    rig_port_tx_reserve(e.a, &frame, 1);
    assert_true(frame->room_bytes >= RIG_FRAME_BYTES_MAX);
    memset(frame->seg[0].base, 1, 42);
    frame->seg[0].len_bytes = 42;
    frame->seg[1] = (struct rig_seg){payload, sizeof(payload)};
    frame->n_segs = 2;
    frame->len_bytes = 42 + sizeof(payload);
    frame->offload = offload;
    assert_int_equal(rig_port_tx_commit(e.a, 1), 1);

    assert_int_equal(rig_port_rx_peek(e.b, &frame, 1), 1);
    assert_int_equal(frame->len_bytes, 42 + sizeof(payload));
    assert_int_equal(frame->n_segs, 1);
    assert_int_equal(frame->seg[0].base[41], 1);
    assert_memory_equal(frame->seg[0].base + 42, payload, sizeof(payload));
    assert_int_equal(frame->offload.gso_type, RIG_GSO_UDP_L4);
    assert_int_equal(frame->offload.gso_size_bytes, 1472);
    assert_true(frame->offload.needs_csum);
    rig_port_rx_release(e.b, &frame, 1);
    close_ends(&e);
}

static void a_reserved_frame_is_new_each_time(void **state)
{
    (void)state;
    struct ends e = open_ends();
    struct rig_frame *frame;
    rig_port_tx_reserve(e.a, &frame, 1);
    frame->offload.needs_csum = true;
    frame->offload.csum_start_bytes = 1;
    frame->n_segs = 3;
    frame->len_bytes = 9;
    rig_port_tx_commit(e.a, 0);
    rig_port_tx_reserve(e.a, &frame, 1);
    assert_false(frame->offload.needs_csum);
    assert_int_equal(frame->offload.csum_start_bytes, 0);
    assert_int_equal(frame->n_segs, 1);
    assert_int_equal(frame->len_bytes, 0);
    assert_int_equal(frame->seg[0].len_bytes, 0);
    rig_port_tx_commit(e.a, 0);
    close_ends(&e);
}

static void a_full_wire_lends_nothing_and_recovers(void **state)
{
    (void)state;
    struct ends e = open_ends();
    uint32_t n = 0;
    while (n < 10000 && send_frame(e.a, 60, (uint8_t)n) == 1)
        n++;
    assert_int_equal(n, 256);
    struct rig_frame *frame;
    assert_int_equal(rig_port_tx_reserve(e.a, &frame, 1), 0);
    rig_port_tx_commit(e.a, 0);
    expect_frame(e.b, 60, 0);
    assert_int_equal(send_frame(e.a, 60, 99), 1);
    for (uint32_t i = 1; i < n; i++)
        expect_frame(e.b, 60, (uint8_t)i);
    expect_frame(e.b, 60, 99);
    close_ends(&e);
}

static void frames_are_released_in_any_order(void **state)
{
    (void)state;
    struct ends e = open_ends();
    struct rig_frame *held[4], *frame;
    for (uint8_t i = 0; i < 4; i++)
        send_frame(e.a, 60, i);
    assert_int_equal(rig_port_rx_peek(e.b, held, 4), 4);
    rig_port_rx_release(e.b, &held[2], 1);
    for (int i = 0; i < 1000; i++) { /* held ones keep what they hold */
        send_frame(e.a, 60, 0xee);
        assert_int_equal(rig_port_rx_peek(e.b, &frame, 1), 1);
        rig_port_rx_release(e.b, &frame, 1);
    }
    assert_int_equal(held[0]->seg[0].base[0], 0);
    assert_int_equal(held[1]->seg[0].base[0], 1);
    assert_int_equal(held[3]->seg[0].base[0], 3);
    rig_port_rx_release(e.b, &held[3], 1);
    rig_port_rx_release(e.b, held, 2);
    close_ends(&e);
}

static void an_unplugged_end_loses_its_frames_and_counts_them(void **state)
{
    (void)state;
    struct rig_port *a = open_port("pair:t/0");
    assert_int_equal(send_frame(a, 60, 0), 0);
    assert_int_equal(a->counters.tx_drop_error, 1);
    assert_int_equal(a->error, 0);
    struct rig_port *b = open_port("pair:t/1");
    assert_int_equal(send_frame(a, 60, 5), 1);
    expect_frame(b, 60, 5);
    rig_port_close(a);
    rig_port_close(b);
}

static void an_end_that_closes_gives_all_buffers_back(void **state)
{
    (void)state;
    struct ends e = open_ends();
    struct rig_frame *held[8];
    for (int i = 0; i < 100; i++)
        send_frame(e.a, 60, 1);
    rig_port_rx_peek(e.b, held, 8);
    rig_port_tx_reserve(e.b, held, 8);
    rig_port_tx_reserve(e.a, held, 8);
    rig_port_close(e.b);
    rig_port_tx_commit(e.a, 0);
    e.b = open_port("pair:t/1");
    struct rig_frame *frame;
    assert_int_equal(rig_port_rx_peek(e.b, &frame, 1), 0); /* nothing old */
    for (int i = 0; i < 256; i++)
        assert_int_equal(send_frame(e.a, 60, 1), 1);
    for (int i = 0; i < 256; i++)
        assert_int_equal(send_frame(e.b, 60, 1), 1);
    close_ends(&e);
}

static void wires_of_different_names_are_apart(void **state)
{
    (void)state;
    struct rig_port *other = open_port("pair:t2/1");
    struct ends e = open_ends();
    struct rig_frame *frame;
    send_frame(e.a, 60, 1);
    assert_int_equal(rig_port_rx_peek(other, &frame, 1), 0);
    rig_port_close(other);
    expect_frame(e.b, 60, 1);
    close_ends(&e);
}

static void an_end_is_opened_once(void **state)
{
    (void)state;
    struct ends e = open_ends();
    refused("pair:t/0", -EBUSY, "open already");
    close_ends(&e);
    rig_port_close(open_port("pair:t/0"));
}

static void wrong_names_and_options_are_refused(void **state)
{
    (void)state;
    refused("pair:t", -EINVAL, "pair:NAME/0");
    refused("pair:/0", -EINVAL, "pair:NAME/0");
    refused("pair:t/2", -EINVAL, "pair:NAME/0");
    refused("pair:t/00", -EINVAL, "pair:NAME/0");
    refused("pair:t/0@uso=off", -EINVAL, "no option 'uso'");
    refused("pair:t/0@mtu=1", -EINVAL, "'mtu'");
}

static void a_frame_above_the_mtu_is_too_long(void **state)
{
    (void)state;
    struct rig_port *a = open_port("pair:t/0@mtu=9000"), *b = open_port("pair:t/1");
    assert_int_equal(a->mtu_bytes, 9000);
    assert_int_equal(send_frame(a, 9014, 1), 1);
    assert_int_equal(send_frame(a, 9015, 1), 0);
    assert_int_equal(a->counters.tx_drop_too_long, 1);
    rig_port_close(a);
    rig_port_close(b);
}

static void an_end_without_offloads_is_sent_none(void **state)
{
    (void)state;
    struct rig_port *a = open_port("pair:t/0"), *b = open_port("pair:t/1@offload=off");
    struct rig_frame *frame;
    assert_int_equal(b->caps, 0);
    for (int i = 0; i < 2; i++) {
        struct rig_port *from = i == 0 ? a : b;
        rig_port_tx_reserve(from, &frame, 1);
        frame->seg[0].len_bytes = frame->len_bytes = 60;
        frame->offload = (struct rig_offload){
            .needs_csum = true, .csum_start_bytes = 34, .csum_offset_bytes = 6};
        assert_int_equal(rig_port_tx_commit(from, 1), 0);
        assert_int_equal(from->counters.tx_drop_error, 1);
    }
    rig_port_close(a);
    rig_port_close(b);
}

/* ---- under the loop ---- */

struct echo {
    struct rig_loop *loop;
    struct rig_port *port;
    int left;
};

static void echo(void *ctx, uint32_t events)
{
    struct echo *echo = ctx;
    struct rig_frame *frame;
    (void)events;
    assert_int_equal(rig_port_rx_peek(echo->port, &frame, 1), 1);
    rig_port_rx_release(echo->port, &frame, 1);
    if (--echo->left == 0)
        rig_loop_stop(echo->loop);
    else
        assert_int_equal(send_frame(echo->port, 60, 1), 1);
}

static void a_loop_carries_frames_to_and_fro(void **state)
{
    (void)state;
    struct ends e = open_ends();
    struct rig_watch watch_a, watch_b;
    struct rig_loop *loop;
    assert_int_equal(rig_loop_new(&loop, NULL), 0);
    struct echo echo_a = {loop, e.a, 1000}, echo_b = {loop, e.b, 1000};
    rig_loop_add_port(loop, &watch_a, e.a, echo, &echo_a, NULL);
    rig_loop_add_port(loop, &watch_b, e.b, echo, &echo_b, NULL);
    send_frame(e.a, 60, 1);
    assert_int_equal(rig_loop_run(loop, NULL), 0);
    assert_int_equal(echo_b.left, 0);
    assert_int_equal(echo_a.left, 1);
    rig_loop_remove(loop, &watch_a);
    rig_loop_remove(loop, &watch_b);
    rig_loop_free(loop);
    close_ends(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_cross_in_order_both_ways),
        cmocka_unit_test(a_super_frame_passes_whole_with_its_offloads),
        cmocka_unit_test(a_reserved_frame_is_new_each_time),
        cmocka_unit_test(a_full_wire_lends_nothing_and_recovers),
        cmocka_unit_test(frames_are_released_in_any_order),
        cmocka_unit_test(an_unplugged_end_loses_its_frames_and_counts_them),
        cmocka_unit_test(an_end_that_closes_gives_all_buffers_back),
        cmocka_unit_test(wires_of_different_names_are_apart),
        cmocka_unit_test(an_end_is_opened_once),
        cmocka_unit_test(wrong_names_and_options_are_refused),
        cmocka_unit_test(a_frame_above_the_mtu_is_too_long),
        cmocka_unit_test(an_end_without_offloads_is_sent_none),
        cmocka_unit_test(a_loop_carries_frames_to_and_fro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
