/* SPDX-License-Identifier: BSD-2-Clause */
/* Many frames in one commit to a tap. */
#include "port/tap_ring.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "port_tap_fixture.h"

static bool kernel_has_ring(void)
{
    struct rig_tap_ring *ring;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool has = rig_tap_ring_open(&ring, fd, NULL) == 0;
    if (has)
        rig_tap_ring_close(ring);
    close(fd);
    return has;
}

static void commit_batch(struct rig_port *port, uint32_t n)
{
    struct rig_frame *frames[64];
    assert_int_equal(rig_port_tx_reserve(port, frames, n), n);
    for (uint32_t i = 0; i < n; i++) {
        netns_fill(frames[i]->seg[0].base, 60 + i, (uint8_t)i);
        frames[i]->seg[0].len_bytes = frames[i]->len_bytes = 60 + i;
    }
    assert_int_equal(rig_port_tx_commit(port, n), n);
}

static void a_batch_is_one_system_call(void **state)
{
    (void)state;
    struct rig_port *port = open_tap(PORT);
    commit_batch(port, 8);
    /* Without io_uring it is one a frame. */
    assert_int_equal(port->counters.syscalls, kernel_has_ring() ? 1 : 8);
    assert_int_equal(port->counters.tx_batches, 1);
    assert_int_equal(port->counters.tx_frames, 8);
    rig_port_close(port);
}

static void a_batch_arrives_whole_and_in_order(void **state)
{
    (void)state;
    uint8_t got[2000];
    struct rig_port *port = open_tap(PORT);
    int raw = netns_raw_socket(TAP, false);
    commit_batch(port, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(netns_recv(raw, got, sizeof(got)), 60 + i);
    close(raw);
    rig_port_close(port);
}

static void a_tap_whose_user_was_killed_can_be_opened_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct rig_port *port;
            if (rig_port_open(&port, PORT, NULL) == 0)
                commit_batch(port, 8);
            raise(SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        rig_port_close(open_tap(PORT));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TAP_TEST(a_batch_is_one_system_call),
        TAP_TEST(a_batch_arrives_whole_and_in_order),
        TAP_TEST(a_tap_whose_user_was_killed_can_be_opened_at_once),
    };
    if (!netns_enter())
        return TEST_SKIPPED;
    if (!netns_may_make_tuns()) {
        fprintf(stderr, "SKIPPED: /dev/net/tun: %s\n", strerror(errno));
        return TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
