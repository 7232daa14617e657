/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/loop.h"

#include <sys/wait.h>
#include <time.h>

#include "port_veth.h"

/* ---- under the loop ---- */

struct holder {
    struct rig_loop *loop;
    struct rig_port *port;
    struct rig_frame *held[1000];
    int n_held, calls, hups;
};

static void hold(void *ctx, uint32_t events)
{
    struct holder *h = ctx;
    h->calls++;
    h->hups += (events & RIG_LOOP_HUP) != 0;
    h->n_held += (int)rig_port_rx_peek(h->port, &h->held[h->n_held], 1);
}

static void stop(void *ctx)
{
    rig_loop_stop(ctx);
}

static void run_for(struct rig_loop *loop, rig_ns_t ns)
{
    struct rig_timer end;
    rig_timer_init(&end, stop, loop);
    rig_loop_timer_set(loop, &end, rig_clock_ns() + ns);
    assert_int_equal(rig_loop_run(loop, NULL), 0);
}

/* Holding each frame, and asking for one a call. */
static void a_user_who_holds_all_buffers_does_not_keep_the_loop_awake(void **state)
{
    struct world *w = *state;
    struct rig_watch watch;
    open_world(w, PORT);
    struct holder h = {.port = w->port};
    assert_int_equal(rig_loop_new(&h.loop, NULL), 0);
    assert_int_equal(rig_loop_add_port(h.loop, &watch, w->port, hold, &h, NULL), 0);
    for (int i = 0; i < 600; i++)
        far_sends(w, 60, 1);
    clock_t before = clock();
    run_for(h.loop, 100 * RIG_NS_PER_MS);
    assert_true(clock() - before < CLOCKS_PER_SEC / 50);
    assert_int_equal(h.n_held, 512);
    assert_int_equal(h.calls, 512);
    rig_port_rx_release(w->port, h.held, 1);
    run_for(h.loop, 20 * RIG_NS_PER_MS);
    assert_int_equal(h.calls, 513);
    rig_loop_remove(h.loop, &watch);
    rig_loop_free(h.loop);
}

static void pieces_of_a_super_frame_need_no_new_wake_up(void **state)
{
    struct world *w = *state;
    struct rig_watch watch;
    open_world(w, PORT "@offload=off");
    struct holder h = {.port = w->port};
    assert_int_equal(rig_loop_new(&h.loop, NULL), 0);
    assert_int_equal(rig_loop_add_port(h.loop, &watch, w->port, hold, &h, NULL), 0);
    far_sends_super(w);
    run_for(h.loop, 50 * RIG_NS_PER_MS);
    assert_int_equal(h.n_held, 40);
    rig_loop_remove(h.loop, &watch);
    rig_loop_free(h.loop);
}

static void a_receiver_is_woken_when_the_interface_is_deleted(void **state)
{
    struct world *w = *state;
    struct rig_watch watch;
    open_world(w, PORT);
    struct holder h = {.port = w->port};
    assert_int_equal(rig_loop_new(&h.loop, NULL), 0);
    rig_loop_add_port(h.loop, &watch, w->port, hold, &h, NULL);
    netns_run("ip link del " NEAR);
    run_for(h.loop, 20 * RIG_NS_PER_MS);
    assert_int_equal(h.hups, 1);
    assert_int_equal(w->port->error, -ENODEV);
    rig_loop_remove(h.loop, &watch);
    rig_loop_free(h.loop);
}

/* ---- down and gone ---- */

static void an_interface_that_is_down_is_no_lost_port(void **state)
{
    struct world *w = *state;
    struct rig_frame *frame;
    open_world(w, PORT);
    netns_run("ip link set " NEAR " down");
    assert_int_equal(rig_port_rx_peek(w->port, &frame, 1), 0);
    for (int i = 1; i < 10; i++) {
        assert_int_equal(send_frame(w->port, 60, 0), 0);
        assert_int_equal(w->port->counters.tx_drop_error, i);
    }
    assert_int_equal(w->port->error, 0);
    netns_run("ip link set " NEAR " up");
    netns_wait_running(NEAR);
    uint8_t got[2000];
    close(w->raw);
    w->raw = netns_raw_socket(FAR, true);
    assert_int_equal(send_frame(w->port, 66, 0), 1);
    assert_int_equal(netns_recv(w->raw, got, sizeof(got)), HDR + 66);
    far_sends(w, 67, 0);
    frame = wait_frame(w->port);
    assert_int_equal(frame->len_bytes, 67);
    rig_port_rx_release(w->port, &frame, 1);
}

static void a_sender_learns_that_the_interface_was_deleted(void **state)
{
    struct world *w = *state;
    struct rig_frame *frame;
    open_world(w, PORT);
    netns_run("ip link del " NEAR);
    assert_int_equal(send_frame(w->port, 60, 0), 0);
    assert_int_equal(w->port->counters.tx_drop_error, 1);
    assert_int_equal(w->port->error, -ENODEV);
    assert_int_equal(rig_port_tx_reserve(w->port, &frame, 1), 0);
}

static void a_receiver_learns_that_the_interface_was_deleted(void **state)
{
    struct world *w = *state;
    struct rig_frame *frame;
    open_world(w, PORT);
    netns_run("ip link del " NEAR);
    assert_int_equal(rig_port_rx_peek(w->port, &frame, 1), 0);
    assert_int_equal(w->port->error, -ENODEV);
}

/* ---- refusals ---- */

static void what_cannot_be_opened_is_refused_with_a_sentence(void **state)
{
    (void)state;
    refused("packet:rignone", -ENOENT, "there is no interface 'rignone'");
    refused("packet:a-name-of-over-15-characters", -EINVAL, "at most 15 characters");
    refused(PORT "@mtu=9", -EINVAL, "no option 'mtu'");
    if (netns_may_make_tuns()) {
        netns_run("ip tuntap add rigtun mode tun");
        refused("packet:rigtun", -EINVAL, "no Ethernet frames");
        netns_run("ip link del rigtun");
    }
}

static void without_privilege_the_sentence_says_what_gives_it(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rig_port *port = NULL;
        struct rig_err err = {.text = ""};
        if (setresuid(65534, 65534, 65534) < 0)
            _exit(0); /* a user namespace with one user: nobody to become */
        int ret = rig_port_open(&port, PORT, &err);
        _exit(ret == -EPERM && strstr(err.text, "CAP_NET_RAW") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define PACKET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACKET_TEST(a_user_who_holds_all_buffers_does_not_keep_the_loop_awake),
        PACKET_TEST(pieces_of_a_super_frame_need_no_new_wake_up),
        PACKET_TEST(a_receiver_is_woken_when_the_interface_is_deleted),
        PACKET_TEST(an_interface_that_is_down_is_no_lost_port),
        PACKET_TEST(a_sender_learns_that_the_interface_was_deleted),
        PACKET_TEST(a_receiver_learns_that_the_interface_was_deleted),
        PACKET_TEST(what_cannot_be_opened_is_refused_with_a_sentence),
        PACKET_TEST(without_privilege_the_sentence_says_what_gives_it),
    };
    if (!netns_enter())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
