/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of ports on real interfaces do with a port. */
#ifndef RIG_TESTS_PORT_FIXTURE_H
#define RIG_TESTS_PORT_FIXTURE_H

#include "port/port.h"

#include "port_netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static inline struct rig_port *open_port(const char *name)
{
    struct rig_port *port = NULL;
    struct rig_err err = {.text = ""};
    if (rig_port_open(&port, name, &err) != 0)
        fail_msg("%s", err.text);
    return port;
}

static inline uint32_t send_frame(struct rig_port *port, uint32_t len_bytes, uint8_t seed)
{
    struct rig_frame *frame;
    assert_int_equal(rig_port_tx_reserve(port, &frame, 1), 1);
    assert_true(frame->room_bytes >= len_bytes);
    netns_fill(frame->seg[0].base, len_bytes, seed);
    frame->seg[0].len_bytes = len_bytes;
    frame->len_bytes = len_bytes;
    return rig_port_tx_commit(port, 1);
}

static inline struct rig_frame *wait_frame(struct rig_port *port)
{
    struct rig_frame *frame = NULL;
    for (int i = 0; i < 1000 && !rig_port_rx_peek(port, &frame, 1); i++) {
        struct pollfd fd = {.fd = port->ops->fd(port), .events = POLLIN};
        poll(&fd, 1, 10);
    }
    assert_non_null(frame);
    return frame;
}

static inline void refused(const char *name, int code, const char *sentence)
{
    struct rig_port *port = NULL;
    struct rig_err err = {.text = ""};
    assert_int_equal(rig_port_open(&port, name, &err), code);
    assert_null(port);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' is refused with '%s'", name, err.text);
}

#endif
