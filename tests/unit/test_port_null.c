/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void frames_are_taken_and_counted(void **state)
{
    (void)state;
    struct rig_port *port;
    struct rig_frame *frames[4];
    assert_int_equal(rig_port_open(&port, "null", NULL), 0);
    assert_int_equal(rig_port_tx_reserve(port, frames, 4), 4);
    for (int i = 0; i < 4; i++) {
        assert_true(frames[i]->room_bytes >= RIG_FRAME_BYTES_MAX);
        memset(frames[i]->seg[0].base, 1, 60);
        frames[i]->seg[0].len_bytes = frames[i]->len_bytes = 60;
    }
    assert_int_equal(rig_port_tx_commit(port, 3), 3);
    assert_int_equal(port->counters.tx_frames, 3);
    assert_int_equal(port->counters.tx_bytes, 180);
    assert_int_equal(port->counters.tx_batches, 1);
    assert_int_equal(rig_port_rx_peek(port, frames, 4), 0);
    assert_int_equal(port->ops->fd(port), -1);
    assert_false(port->ops->rx_ready(port));
    rig_port_close(port);
}

static void a_greedy_caller_gets_what_there_is(void **state)
{
    (void)state;
    struct rig_port *port;
    struct rig_frame *frames[1000];
    assert_int_equal(rig_port_open(&port, "null", NULL), 0);
    uint32_t n = rig_port_tx_reserve(port, frames, 1000);
    assert_true(n > 0 && n < 1000);
    assert_int_equal(rig_port_tx_commit(port, 0), 0);
    rig_port_close(port);
}

static void what_its_options_forbid_is_dropped(void **state)
{
    (void)state;
    struct rig_port *port;
    struct rig_frame *frames[2];
    assert_int_equal(rig_port_open(&port, "null@offload=off,mtu=100", NULL), 0);
    assert_int_equal(rig_port_tx_reserve(port, frames, 2), 2);
    frames[0]->seg[0].len_bytes = frames[0]->len_bytes = 60;
    frames[0]->offload.needs_csum = true;
    frames[1]->seg[0].len_bytes = frames[1]->len_bytes = 115;
    assert_int_equal(rig_port_tx_commit(port, 2), 0);
    assert_int_equal(port->counters.tx_drop_error, 1);
    assert_int_equal(port->counters.tx_drop_too_long, 1);
    rig_port_close(port);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct rig_port *port;
    assert_int_equal(rig_port_open(&port, "null@uso=off", NULL), -EINVAL);
    assert_int_equal(rig_port_open(&port, "null@offload=2", NULL), -EINVAL);
    rig_port_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_taken_and_counted),
        cmocka_unit_test(a_greedy_caller_gets_what_there_is),
        cmocka_unit_test(what_its_options_forbid_is_dropped),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
