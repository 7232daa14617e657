/* SPDX-License-Identifier: BSD-2-Clause */
/* A tap that is up, for each test anew. */
#ifndef RIG_TESTS_PORT_TAP_FIXTURE_H
#define RIG_TESTS_PORT_TAP_FIXTURE_H

#include "port_fixture.h"

#define TAP  "rigtap0"
#define PORT "tap:" TAP

static inline int make_tap(void **state)
{
    (void)state;
    netns_run("ip tuntap add " TAP " mode tap && ip link set " TAP " up");
    return 0;
}

static inline int remove_tap(void **state)
{
    (void)state;
    netns_run("ip link show " TAP " >/dev/null 2>&1 && ip link del " TAP " || true");
    return 0;
}

/* The kernel drops what it sends to a tap that was just opened. */
static inline struct rig_port *open_tap(const char *name)
{
    struct rig_port *port = open_port(name);
    netns_wait_running(TAP);
    return port;
}

#define TAP_TEST(name) cmocka_unit_test_setup_teardown(name, make_tap, remove_tap)

#endif
