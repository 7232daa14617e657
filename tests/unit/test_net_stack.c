/* SPDX-License-Identifier: BSD-2-Clause */
/* Endpoints over two stacks on a `pair:` wire. */
#include "net/net.h"

#include "stack_fixture.h"

#define LEN_BYTES 200u

struct end {
    struct world *world;
    struct rig_net *net;
    uint64_t n_datagrams;
    uint64_t n_disordered;
    uint32_t next_id;
    int error;
    struct rig_udp_train last;
    /* sending */
    struct rig_udp_sender *sender;
    uint32_t n_sent;
    uint32_t n_wanted;
    uint32_t n_writable;
};

static void on_train(void *ctx, const struct rig_udp_train *train)
{
    struct end *end = ctx;
    for (uint32_t at = 0; at + 4 <= train->len_bytes; at += train->stride_bytes) {
        uint32_t id;
        memcpy(&id, train->data + at, sizeof(id));
        end->n_disordered += id != end->next_id;
        end->next_id = id + 1;
        end->n_datagrams++;
    }
    end->last = *train;
}

static void on_failed(void *ctx, int error)
{
    ((struct end *)ctx)->error = error;
}

static const struct rig_udp_events udp_events = {.received = on_train, .failed = on_failed};

static void open_ends(struct world *world, struct end ends[static 2])
{
    two_stacks(world, "");
    for (int i = 0; i < 2; i++) {
        ends[i].world = world;
        assert_int_equal(rig_net_stack_new(&ends[i].net, world->loop, world->stacks[i], NULL), 0);
        assert_ptr_equal(rig_net_loop(ends[i].net), world->loop);
    }
}

static void close_ends(struct end ends[static 2])
{
    rig_net_free(ends[0].net);
    rig_net_free(ends[1].net);
}

static struct rig_udp *open_net_udp(struct end *end, uint16_t port, const struct rig_endpoint *peer)
{
    struct rig_udp *udp;
    struct rig_endpoint local = {.port = port};
    assert_int_equal(rig_udp_open(&udp, end->net, &local, peer, NULL, &udp_events, end, NULL), 0);
    return udp;
}

/* Send until the network takes no more; it calls again when there is room. */
static void send_more(void *ctx)
{
    struct end *end = ctx;
    end->n_writable++;
    while (end->n_sent < end->n_wanted) {
        uint32_t stride, n = end->n_wanted - end->n_sent;
        uint8_t *slots = rig_udp_sender_slots(end->sender, &n, &stride);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t id = end->n_sent + i;
            memcpy(slots + (size_t)i * stride, &id, sizeof(id));
        }
        int64_t taken = rig_udp_sender_commit(end->sender, n);
        end->n_sent += taken > 0 ? (uint32_t)taken : 0;
        end->error = taken < 0 ? (int)taken : 0;
        if (taken < n)
            return;
    }
}

static void open_sender(struct end *end, struct rig_udp *udp, const char *peer, bool single)
{
    uint8_t payload[LEN_BYTES];
    memset(payload, 0x5a, sizeof(payload));
    struct rig_udp_sender_spec spec = {
        .peer = endpoint(peer, PORT), .payload = payload, .len_bytes = LEN_BYTES, .single = single};
    assert_int_equal(rig_udp_sender_open(&end->sender, udp, &spec, send_more, end, NULL), 0);
}

static void check_sender(struct world *world, bool single)
{
    struct end ends[2] = {0};
    open_ends(world, ends);
    struct rig_udp *from = open_net_udp(&ends[0], 0, NULL),
                   *to = open_net_udp(&ends[1], PORT, NULL);
    open_sender(&ends[0], from, "10.0.0.2", single);
    ends[0].n_wanted = 20000;
    send_more(&ends[0]);
    run_for(world, 300 * RIG_NS_PER_MS);
    assert_int_equal(ends[0].n_sent, 20000);
    assert_int_equal(ends[1].n_datagrams, 20000);
    assert_int_equal(ends[1].n_disordered, 0);
    assert_int_equal(ends[1].last.data != NULL, 1);
    assert_true(ends[1].last.rx_wall_ns != 0);
    assert_int_equal(ends[1].last.peer.port, rig_udp_local(from).port);
    rig_udp_sender_close(ends[0].sender);
    rig_udp_close(from);
    rig_udp_close(to);
    close_ends(ends);
}

static void sender_is_called_again_until_all_is_sent(void **state)
{
    check_sender(*state, true);
}

static void sender_of_super_frames_loses_nothing(void **state)
{
    check_sender(*state, false);
}

static void sender_to_nobody_waits_and_then_says_so(void **state)
{
    struct world *world = *state;
    struct end ends[2] = {0};
    open_ends(world, ends);
    struct rig_udp *udp = open_net_udp(&ends[0], 0, NULL);
    open_sender(&ends[0], udp, "10.0.0.99", true);
    ends[0].n_wanted = 100;
    send_more(&ends[0]);
    run_for(world, 3200 * RIG_NS_PER_MS);
    assert_int_equal(ends[0].error, -EHOSTUNREACH);
    assert_int_equal(ends[0].n_sent, 1);
    assert_in_range(ends[0].n_writable, 10, 1700); /* looks again, but does not spin */
    rig_udp_sender_close(ends[0].sender);
    rig_udp_close(udp);
    close_ends(ends);
}

static void one_datagram_goes_there_and_back(void **state)
{
    struct world *world = *state;
    struct end ends[2] = {0};
    open_ends(world, ends);
    struct rig_endpoint peer = endpoint("10.0.0.2", PORT);
    struct rig_udp *a = open_net_udp(&ends[0], 0, &peer), *b = open_net_udp(&ends[1], PORT, NULL);
    assert_int_equal(rig_udp_send(a, &peer, NULL, "\0\0\0\0", 4), 0);
    run_for(world, 10 * RIG_NS_PER_MS);
    assert_int_equal(ends[1].n_datagrams, 1);
    assert_int_equal(rig_udp_send(b, &ends[1].last.peer, &ends[1].last.local, "\0\0\0\0", 4), 0);
    run_for(world, 10 * RIG_NS_PER_MS);
    assert_int_equal(ends[0].n_datagrams, 1);
    rig_udp_close(b);
    assert_int_equal(rig_udp_send(a, &peer, NULL, "late", 4), 0);
    run_for(world, 10 * RIG_NS_PER_MS);
    assert_int_equal(ends[0].error, -ECONNREFUSED);
    rig_udp_close(a);
    close_ends(ends);
}

static void streams_are_refused_with_a_sentence(void **state)
{
    struct world *world = *state;
    struct end ends[2] = {0};
    struct rig_endpoint peer = endpoint("10.0.0.2", PORT);
    struct rig_listener *listener;
    struct rig_stream *stream;
    struct rig_err err;
    const char *sentence =
        "TCP on a port (pair:stack/0) is not there yet: leave out --on, or use --on kernel";
    open_ends(world, ends);
    assert_int_equal(rig_stream_connect(&stream, ends[0].net, &peer, NULL, NULL, NULL, NULL, &err),
                     -EOPNOTSUPP);
    assert_string_equal(err.text, sentence);
    err.text[0] = 0;
    assert_int_equal(rig_listener_open(&listener, ends[0].net, &peer, NULL, NULL, NULL, &err),
                     -EOPNOTSUPP);
    assert_string_equal(err.text, sentence);
    close_ends(ends);
}

static void payload_max_is_the_mtu_without_headers(void **state)
{
    struct end ends[2] = {0};
    struct rig_addr v4 = addr("10.0.0.2"), v6 = addr("fd00::2");
    open_ends(*state, ends);
    assert_int_equal(rig_net_udp_payload_max(ends[0].net, &v4), 1472);
    assert_int_equal(rig_net_udp_payload_max(ends[0].net, &v6), 1452);
    close_ends(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(sender_is_called_again_until_all_is_sent),
        WITH_WORLD(sender_of_super_frames_loses_nothing),
        WITH_WORLD(sender_to_nobody_waits_and_then_says_so),
        WITH_WORLD(one_datagram_goes_there_and_back),
        WITH_WORLD(streams_are_refused_with_a_sentence),
        WITH_WORLD(payload_max_is_the_mtu_without_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
