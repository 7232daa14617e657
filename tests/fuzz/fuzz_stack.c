/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any frames on the wire of a stack with IPv4 (by hand or by DHCP) and IPv6: lwIP's parsers behind
 * ours. An input is one byte of configuration, then frames: flags, two bytes of length, the bytes
 * behind the MAC addresses. IPv4 header checksums are made right, so that more than the first check
 * is reached; L4 checksums are promised where the flags say so.
 */
#include "frame/csum.h"
#include "stack/stack.h"

#include <stdlib.h>
#include <string.h>

#define FLAG_GROUP   1u /* to a group MAC */
#define FLAG_PROMISE 2u
#define FLAG_USO     4u
#define FLAG_CUT     8u  /* USO that lies about where the header ends */
#define FLAG_WAIT    16u /* a second passes for IPv6's neighbours and addresses */
#define FRAME_MAX    4000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* lwIP's clocks of a second */
void nd6_tmr(void);
void ip_reass_tmr(void);
void ip6_reass_tmr(void);

struct world {
    struct rig_loop *loop;
    struct rig_port *ports[2];
    struct rig_stack *stack;
    struct rig_stack_udp *udp;
    struct rig_timer stop;
    uint64_t n_bytes;
};

static void stop(void *ctx)
{
    struct world *world = ctx;
    rig_loop_stop(world->loop);
}

static void received(void *ctx, const struct rig_stack_train *train)
{
    struct world *world = ctx;
    if (train->len_bytes && !train->stride_bytes)
        abort();
    for (uint32_t i = 0; i < train->len_bytes; i++)
        world->n_bytes += train->data[i];
}

static void failed(void *ctx, int error)
{
    (void)ctx;
    if (error >= 0)
        abort();
}

static const struct rig_stack_udp_events events = {.received = received, .failed = failed};

/* Once: the wire's buffers are too large to be made for every input. */
static void open_wire(struct world *world)
{
    rig_timer_init(&world->stop, stop, world);
    if (rig_loop_new(&world->loop, NULL) || rig_port_open(&world->ports[0], "pair:fuzz/0", NULL) ||
        rig_port_open(&world->ports[1], "pair:fuzz/1", NULL))
        abort();
}

static void start(struct world *world, bool dhcp)
{
    struct rig_stack_config config = {.mac = {{2, 0, 0, 0, 0, 1}}, .seed = 1};
    struct rig_stack_udp_spec spec = {.local.port = 5001, .events = &events, .ctx = world};
    if (!dhcp)
        rig_prefix_parse(&config.ipv4, "10.0.0.1/24", NULL);
    rig_prefix_parse(&config.ipv6_static, "fd00::1/64", NULL);
    if (rig_stack_new(&world->stack, world->loop, world->ports[0], &config, NULL) ||
        rig_stack_udp_open(&world->udp, world->stack, &spec, NULL))
        abort();
    nd6_tmr();
}

/* Forget fragments, whose lists the leak checker cannot follow (unaligned pointers). */
static void forget(void)
{
    for (int i = 0; i < 64; i++) {
        ip_reass_tmr();
        ip6_reass_tmr();
    }
}

static void turn(struct world *world)
{
    struct rig_frame *frames[16];
    uint32_t n;
    rig_loop_timer_set(world->loop, &world->stop, rig_clock_ns());
    rig_loop_run(world->loop, NULL);
    while ((n = rig_port_rx_peek(world->ports[1], frames, 16)) > 0)
        rig_port_rx_release(world->ports[1], frames, n);
}

static void fix_ipv4(uint8_t *bytes, uint32_t len)
{
    uint32_t hdr_len = len > 34 ? (bytes[14] & 15u) * 4u : 0;
    if (len < 34 || bytes[12] != 8 || bytes[13] != 0 || hdr_len < 20 || len < 14 + hdr_len)
        return;
    bytes[24] = bytes[25] = 0;
    uint16_t sum = rig_csum_finish(rig_csum_add(0, bytes + 14, hdr_len));
    memcpy(bytes + 24, &sum, sizeof(sum));
}

static void send_frame(struct world *world, uint32_t flags, const uint8_t *data, uint32_t len)
{
    static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {0x33, 0x33, 0, 0, 0, 1}};
    struct rig_frame *frame;
    if (rig_port_tx_reserve(world->ports[1], &frame, 1) != 1)
        return;
    uint8_t *bytes = frame->seg[0].base;
    memcpy(bytes, macs[flags & FLAG_GROUP], 6);
    memcpy(bytes + 6, "\2\0\0\0\0\2", 6);
    memcpy(bytes + 12, data, len);
    len += 12;
    fix_ipv4(bytes, len);
    frame->seg[0].len_bytes = frame->len_bytes = len;
    frame->offload = (struct rig_offload){.data_valid = flags & FLAG_PROMISE};
    if (flags & (FLAG_USO | FLAG_CUT)) {
        frame->offload.gso_type = RIG_GSO_UDP_L4;
        frame->offload.gso_size_bytes = (uint16_t)(1 + (flags >> 5));
        frame->offload.needs_csum = true;
        frame->offload.csum_start_bytes = flags & FLAG_CUT ? 40 : 34;
        frame->offload.csum_offset_bytes = 6;
        frame->offload.hdr_len_bytes = flags & FLAG_CUT ? 48 : 42;
    }
    rig_port_tx_commit(world->ports[1], 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    if (size < 1)
        return 0;
    if (!world.loop)
        open_wire(&world);
    start(&world, data[0] & 1);
    data++, size--;
    while (size >= 3) {
        uint32_t flags = data[0], len = (uint32_t)(data[1] << 8 | data[2]);
        data += 3, size -= 3;
        len = len > size ? (uint32_t)size : len;
        len = len > FRAME_MAX ? FRAME_MAX : len;
        send_frame(&world, flags, data, len);
        data += len, size -= len;
        turn(&world);
        if (flags & FLAG_WAIT)
            nd6_tmr();
    }
    forget();
    rig_stack_udp_close(world.udp);
    rig_stack_free(world.stack);
    turn(&world);
    return 0;
}
