/* SPDX-License-Identifier: BSD-2-Clause */
/* The stack on a tap against the kernel's own sockets, in a namespace of the test's. The kernel is
 * 10.0.0.1 and fd00::1, the stack 10.0.0.2 and fd00::2. */
#include "stack_fixture.h"

#include "port_netns.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define TAP "rigstack0"

static void start_world(struct world *world, const char *options, bool ipv6)
{
    char name[80];
    struct rig_stack_config a = config4("10.0.0.2/24", 2), b = config6("fd00::2/64", 2);
    snprintf(name, sizeof(name), "tap:" TAP "%s", options);
    assert_int_equal(rig_port_open(&world->ports[0], name, NULL), 0);
    netns_wait_running(TAP);
    add_stack(world, 0, ipv6 ? &b : &a);
    assert_int_equal(world->ready_error, 0);
}

static int make_tap(void **state)
{
    netns_run("ip tuntap add " TAP " mode tap");
    netns_write("/proc/sys/net/ipv6/conf/" TAP "/disable_ipv6", "0");
    netns_run("ip addr add 10.0.0.1/24 dev " TAP " && ip addr add fd00::1/64 dev " TAP " nodad && "
              "ip link set " TAP " up");
    return new_world(state);
}

static int remove_tap(void **state)
{
    int rc = free_world(state);
    netns_run("ip link show " TAP " >/dev/null 2>&1 && ip link del " TAP " || true");
    return rc;
}

/* ---- the kernel's side ---- */

static socklen_t kernel_addr(struct sockaddr_storage *out, const char *text, uint16_t port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof(*out));
    if (strchr(text, ':')) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        inet_pton(AF_INET6, text, &in6->sin6_addr);
        return sizeof(*in6);
    }
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    inet_pton(AF_INET, text, &in->sin_addr);
    return sizeof(*in);
}

static int kernel_udp(const char *text, uint16_t port)
{
    struct sockaddr_storage addr;
    socklen_t len = kernel_addr(&addr, text, port);
    int fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 8 << 20;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    return fd;
}

static void kernel_send(int fd, const char *text, uint16_t port, const void *data, size_t size)
{
    struct sockaddr_storage addr;
    socklen_t len = kernel_addr(&addr, text, port);
    assert_int_equal(sendto(fd, data, size, 0, (struct sockaddr *)&addr, len), size);
}

/* Numbered datagrams of `len` bytes that wait in the socket: how many; they must be in order. */
static uint32_t kernel_count(int fd, uint32_t len)
{
    uint8_t bytes[65536];
    uint32_t n = 0, id;
    while (recv(fd, bytes, sizeof(bytes), 0) == (ssize_t)len) {
        memcpy(&id, bytes, sizeof(id));
        assert_int_equal(id, n);
        n++;
    }
    return n;
}

static void check_to_kernel(struct world *world, const char *kernel, uint32_t n, uint32_t len)
{
    struct rig_stack_flow_spec spec = {.peer = endpoint(kernel, PORT)};
    struct rig_stack_flow *flow;
    int fd = kernel_udp(kernel, PORT);
    struct rig_stack_udp *udp = open_udp(world, 0, 0, NULL);
    assert_int_equal(rig_stack_flow_open(&flow, udp, &spec, NULL), 0);
    send_bulk(world, flow, n, len);
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(kernel_count(fd, len), n);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(udp);
    close(fd);
}

static void kernel_receives_what_the_stack_sends(void **state)
{
    struct world *world = *state;
    start_world(world, "", false);
    check_to_kernel(world, "10.0.0.1", 1000, 22);
    check_to_kernel(world, "10.0.0.1", 1000, 1470);
    check_to_kernel(world, "10.0.0.1", 5, 9000);
}

static void kernel_receives_ipv6_from_the_stack(void **state)
{
    struct world *world = *state;
    start_world(world, "", true);
    check_to_kernel(world, "fd00::1", 1000, 22);
    check_to_kernel(world, "fd00::1", 1000, 1450);
    check_to_kernel(world, "fd00::1", 5, 9000);
}

static void kernel_finds_the_checksums_of_a_stack_without_offloads_right(void **state)
{
    struct world *world = *state;
    start_world(world, "@offload=off", false);
    check_to_kernel(world, "10.0.0.1", 1000, 23);
    check_to_kernel(world, "10.0.0.1", 1000, 1469);
}

static bool got_all(struct world *world)
{
    return world->inbox[0].n_datagrams >= 64;
}

static void check_from_kernel(struct world *world, const char *stack, const char *kernel)
{
    uint32_t numbers[64 * 25] = {0};
    int fd = kernel_udp(kernel, 0), segment = 100;
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    for (uint32_t i = 0; i < 64; i++)
        numbers[i * 25] = i;
    /* One by one, so that a neighbour's answer may come between. */
    for (uint32_t i = 0; i < 64; i++) {
        kernel_send(fd, stack, PORT, &numbers[i * 25], 100);
        if (i == 0)
            assert_true(run_until(world, got_answer, WAIT_NS));
    }
    assert_true(run_until(world, got_all, WAIT_NS));
    assert_int_equal(world->inbox[0].n_disordered, 0);

    memset(&world->inbox[0], 0, sizeof(world->inbox[0]));
    assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
    kernel_send(fd, stack, PORT, numbers, sizeof(numbers));
    assert_true(run_until(world, got_all, WAIT_NS));
    assert_int_equal(world->inbox[0].n_datagrams, 64);
    assert_int_equal(world->inbox[0].n_disordered, 0);
    if (world->ports[0]->caps & RIG_PORT_TX_USO)
        assert_int_equal(world->inbox[0].n_trains, 1);
    rig_stack_udp_close(udp);
    close(fd);
}

static void stack_receives_what_the_kernel_sends(void **state)
{
    struct world *world = *state;
    start_world(world, "", false);
    check_from_kernel(world, "10.0.0.2", "10.0.0.1");
}

static void stack_receives_ipv6_from_the_kernel(void **state)
{
    struct world *world = *state;
    start_world(world, "", true);
    check_from_kernel(world, "fd00::2", "fd00::1");
}

static void stack_reassembles_the_kernels_fragments(void **state)
{
    struct world *world = *state;
    start_world(world, "", false);
    uint8_t bytes[9000];
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    int fd = kernel_udp("10.0.0.1", 0);
    struct rig_stack_udp *udp = open_udp(world, 0, PORT, NULL);
    kernel_send(fd, "10.0.0.2", PORT, bytes, sizeof(bytes));
    assert_true(run_until(world, got_answer, WAIT_NS));
    assert_int_equal(world->inbox[0].last.len_bytes, sizeof(bytes));
    assert_memory_equal(world->inbox[0].bytes, bytes, sizeof(bytes));
    rig_stack_udp_close(udp);
    close(fd);
}

static void closed_ports_refuse_in_both_directions(void **state)
{
    struct world *world = *state;
    start_world(world, "", false);
    struct rig_endpoint to = endpoint("10.0.0.1", PORT);
    struct rig_stack_udp *udp = open_udp(world, 0, 0, &to);
    assert_int_equal(send_text(udp, &to, "anybody"), 0);
    assert_true(run_until(world, got_error, WAIT_NS));
    assert_int_equal(world->inbox[0].error, -ECONNREFUSED);
    rig_stack_udp_close(udp);

    struct sockaddr_storage addr;
    socklen_t len = kernel_addr(&addr, "10.0.0.2", PORT);
    int fd = kernel_udp("10.0.0.1", 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(send(fd, "anybody", 7, 0), 7);
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(send(fd, "anybody", 7, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void stack_answers_the_kernels_ping(void **state)
{
    struct world *world = *state;
    start_world(world, "", false);
    struct icmphdr echo = {.type = ICMP_ECHO, .checksum = (uint16_t)~ICMP_ECHO};
    uint8_t answer[256];
    int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
    assert_true(fd >= 0);
    kernel_send(fd, "10.0.0.2", 0, &echo, sizeof(echo));
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(recv(fd, answer, sizeof(answer), 0), 20 + sizeof(echo));
    assert_int_equal(answer[20], ICMP_ECHOREPLY);
    close(fd);
}

static void on_gone(void *ctx, int error)
{
    struct world *world = ctx;
    world->n_ready += 100;
    world->ready_error = error;
}

static bool is_gone(struct world *world)
{
    return world->n_ready >= 100;
}

static void deleted_tap_is_told_once(void **state)
{
    struct world *world = *state;
    start_world(world, "", false);
    struct rig_stack_flow_spec spec = {.peer = endpoint("10.0.0.1", PORT)};
    struct rig_stack_udp *udp = open_udp(world, 0, 0, NULL);
    struct rig_stack_flow *flow;
    const uint8_t data[64] = {0};
    assert_int_equal(rig_stack_flow_open(&flow, udp, &spec, NULL), 0);
    world->n_ready = 0;
    rig_stack_on_gone(world->stacks[0], on_gone, world);
    netns_run("ip link del " TAP);
    assert_true(run_until(world, is_gone, WAIT_NS));
    run_for(world, 20 * RIG_NS_PER_MS);
    assert_int_equal(world->n_ready, 100);
    assert_int_equal(world->ready_error, -ENODEV);
    assert_int_equal(rig_stack_flow_send(flow, data, 1, 64), -ENODEV);
    rig_stack_flow_close(flow);
    rig_stack_udp_close(udp);
}

#define WITH_TAP(test) cmocka_unit_test_setup_teardown(test, make_tap, remove_tap)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TAP(kernel_receives_what_the_stack_sends),
        WITH_TAP(kernel_receives_ipv6_from_the_stack),
        WITH_TAP(kernel_finds_the_checksums_of_a_stack_without_offloads_right),
        WITH_TAP(stack_receives_what_the_kernel_sends),
        WITH_TAP(stack_receives_ipv6_from_the_kernel),
        WITH_TAP(stack_reassembles_the_kernels_fragments),
        WITH_TAP(closed_ports_refuse_in_both_directions),
        WITH_TAP(stack_answers_the_kernels_ping),
        WITH_TAP(deleted_tap_is_told_once),
    };
    if (!netns_enter())
        return TEST_SKIPPED;
    if (access("/dev/net/tun", R_OK | W_OK) != 0) {
        fprintf(stderr, "SKIPPED: /dev/net/tun is closed to this user\n");
        return TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
