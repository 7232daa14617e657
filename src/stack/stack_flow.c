/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending in bulk: headers stamped from a template straight into the port's frames, past lwIP.
 *
 * The neighbour. A flow is `resolved` when it holds the next hop's MAC. Once a second it sends one
 * datagram through lwIP instead and looks the MAC up again: lwIP then re-asks for entries that
 * grow old, and a change of MAC, gateway, address or path MTU arrives here within a second. While
 * nothing is known, one datagram waits in lwIP (which has room for no more); the flow takes none
 * until the answer is there, and after 3 s says -EHOSTUNREACH and starts anew. So no datagram that
 * was taken is lost to a missing neighbour. lwIP asks for the neighbour each second; the flow asks
 * sooner, after 20, 40, 80 ... ms, because a link that has just come up may lose the first answer,
 * and a test that stood still for a second would have to catch up in one burst.
 *
 * The frames. With RIG_PORT_TX_USO, up to 64 datagrams become one super-frame (64 is what kernels
 * before 6.11 take) of at most 64 KiB. A payload of up to COPY_MAX_BYTES is copied behind its
 * headers, so that the frame is one piece and one write(2); a longer one goes by reference. On a
 * tap the copy of 1470 bytes took 10 % less time than a second iovec did, frame for frame.
 *
 * Frames forbid fragments (as the kernel's do). An ICMP "fragmentation needed" lowers the flow's
 * path MTU until it is closed; longer datagrams then go through lwIP, which allows fragments.
 */
#include "stack/stack_internal.h"

#include "frame/csum.h"

#include <errno.h>
#include <lwip/nd6.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_FRAMES     64u
#define USO_SEGMENTS_MAX 64u
#define USO_PAYLOAD_MAX  (65535u - RIG_IPV6_HDR_BYTES - RIG_UDP_HDR_BYTES)
#define COPY_MAX_BYTES   2048u
#define CHECK_NS         RIG_NS_PER_S
#define UNREACHABLE_NS   (3 * RIG_NS_PER_S)
#define ASK_AGAIN_NS     (20 * RIG_NS_PER_MS) /* doubled each time */
#define ASK_AGAIN_MAX    6u

/* ---- the neighbour ---- */

static void make_headers(struct rig_stack_flow *flow)
{
    struct rig_stack *stack = flow->udp->stack;
    struct rig_flow_spec spec = {
        .src_mac = stack->mac,
        .dst_mac = flow->hop,
        .src = {flow->local, flow->udp->local.port},
        .dst = flow->spec.peer,
        .tos = flow->spec.tos,
        .ttl = (uint8_t)(flow->spec.ttl ? flow->spec.ttl : RIG_STACK_TTL),
    };
    uint16_t ip_id = flow->headers.ip_id;
    rig_flow_init(&flow->headers, &spec);
    flow->headers.ip_id = ip_id;
}

static struct rig_addr local_addr(const struct rig_stack_flow *flow)
{
    const struct rig_addr *own = &flow->udp->local.addr;
    if (flow->spec.local.family && !rig_addr_is_any(&flow->spec.local))
        return flow->spec.local;
    if (own->family && !rig_addr_is_any(own))
        return *own;
    return rig_stack_addr(flow->udp->stack, flow->spec.peer.addr.family, &flow->spec.peer.addr);
}

/* 0, -EAGAIN or -EHOSTUNREACH, as rig_stack_next_hop. */
static int resolve(struct rig_stack_flow *flow)
{
    struct rig_stack *stack = flow->udp->stack;
    const struct rig_addr *peer = &flow->spec.peer.addr;
    struct rig_addr local = local_addr(flow);
    struct rig_mac hop;
    int rc = local.family == peer->family ? rig_stack_next_hop(stack, peer, &hop) : -EHOSTUNREACH;
    bool was_resolved = flow->resolved;
    flow->resolved = rc == 0;
    if (rc)
        return rc;
    flow->payload_max_bytes = rig_stack_udp_payload_max(stack, peer);
    if (flow->path_payload_max_bytes && flow->path_payload_max_bytes < flow->payload_max_bytes)
        flow->payload_max_bytes = flow->path_payload_max_bytes;
    flow->next_check_ns = rig_loop_now(stack->loop) + CHECK_NS;
    if (!was_resolved || memcmp(&hop, &flow->hop, sizeof(hop)) != 0 ||
        !rig_addr_equal(&local, &flow->local)) {
        flow->hop = hop;
        flow->local = local;
        make_headers(flow);
    }
    return 0;
}

static void start_asking(struct rig_stack_flow *flow, rig_ns_t since_ns)
{
    flow->asked = true;
    flow->asked_ns = since_ns;
    flow->n_asked_again = 0;
}

/* Nothing is known: ask again, or has the wait been too long? */
static int wait_for_answer(struct rig_stack_flow *flow)
{
    struct rig_stack *stack = flow->udp->stack;
    rig_ns_t waited_ns = rig_loop_now(stack->loop) - flow->asked_ns;
    if (waited_ns >= UNREACHABLE_NS) {
        flow->asked = false;
        flow->udp->waiting_ns = 0;
        return -EHOSTUNREACH;
    }
    if (flow->n_asked_again < ASK_AGAIN_MAX && waited_ns >= ASK_AGAIN_NS << flow->n_asked_again) {
        flow->n_asked_again++;
        rig_stack_ask(stack, &flow->spec.peer.addr);
    }
    return 0;
}

/* Another datagram of this socket may be waiting in lwIP already: one more would push it out. */
static bool has_waiting(const struct rig_stack_flow *flow)
{
    rig_ns_t since_ns = flow->udp->waiting_ns;
    return !flow->resolved && since_ns &&
           rig_loop_now(flow->udp->stack->loop) - since_ns < UNREACHABLE_NS;
}

/*
 * Before a send: make the flow ready. Returns the number of datagrams that went through lwIP for
 * it (0 or 1; flow->resolved tells whether to go on), or -errno.
 */
static int prepare(struct rig_stack_flow *flow, const uint8_t *data, uint32_t len_bytes)
{
    struct rig_stack *stack = flow->udp->stack;
    rig_ns_t now_ns = rig_loop_now(stack->loop);
    if (flow->resolved && now_ns < flow->next_check_ns)
        return 0;
    if (!flow->asked && has_waiting(flow))
        start_asking(flow, flow->udp->waiting_ns);
    if (flow->asked) {
        int rc = resolve(flow);
        flow->asked = rc == -EAGAIN;
        return rc == -EAGAIN ? wait_for_answer(flow) : rc;
    }
    int rc = rig_stack_udp_send(flow->udp, &flow->spec, data, len_bytes);
    if (rc == -EAGAIN || rc == -ENOBUFS) {
        flow->resolved = false;
        return 0;
    }
    if (rc)
        return rc;
    rc = resolve(flow);
    if (rc == -EAGAIN)
        start_asking(flow, now_ns);
    return rc == -EHOSTUNREACH ? rc : 1;
}

/* ---- frames ---- */

/* How many datagrams of `len_bytes` go into one frame. */
static uint32_t datagrams_per_frame(const struct rig_stack_flow *flow, uint32_t len_bytes)
{
    if (flow->spec.single || !(flow->udp->stack->port->caps & RIG_PORT_TX_USO) || !len_bytes)
        return 1;
    uint32_t n = USO_PAYLOAD_MAX / len_bytes;
    return n > USO_SEGMENTS_MAX ? USO_SEGMENTS_MAX : n;
}

static void fill(struct rig_stack_flow *flow, struct rig_frame *frame, const uint8_t *data,
                 uint32_t n, uint32_t len_bytes)
{
    uint32_t total = n * len_bytes, hdr_len = flow->headers.hdr_len_bytes;
    uint8_t *base = frame->seg[0].base;
    bool offload = flow->udp->stack->port->caps & RIG_PORT_TX_CSUM;
    rig_flow_stamp(&flow->headers, base, total, (uint16_t)(n > 1 ? len_bytes : 0), &frame->offload);
    frame->len_bytes = hdr_len + total;
    /* The sum over two pieces would not be cheaper than a copy. */
    if (total <= COPY_MAX_BYTES || !offload) {
        memcpy(base + hdr_len, data, total);
        frame->seg[0].len_bytes = frame->len_bytes;
        frame->n_segs = 1;
    } else {
        frame->seg[0].len_bytes = hdr_len;
        frame->seg[1] = (struct rig_seg){(uint8_t *)(uintptr_t)data, total};
        frame->n_segs = 2;
    }
    if (!offload)
        rig_csum_complete(frame);
}

/* One reserve and commit; returns how many datagrams the port took. */
static uint32_t send_batch(struct rig_stack_flow *flow, const uint8_t *data, uint32_t n,
                           uint32_t len_bytes)
{
    struct rig_port *port = flow->udp->stack->port;
    struct rig_frame *frames[BATCH_FRAMES];
    uint32_t each = datagrams_per_frame(flow, len_bytes);
    uint32_t want = (n + each - 1) / each;
    uint32_t got = rig_port_tx_reserve(port, frames, want < BATCH_FRAMES ? want : BATCH_FRAMES);
    uint32_t done = 0;
    for (uint32_t i = 0; i < got; i++) {
        uint32_t now = n - done < each ? n - done : each;
        fill(flow, frames[i], data + (size_t)done * len_bytes, now, len_bytes);
        done += now;
    }
    uint32_t taken = got ? rig_port_tx_commit(port, got) : 0;
    return taken < got ? taken * each : done;
}

static int64_t send_frames(struct rig_stack_flow *flow, const uint8_t *data, uint32_t n,
                           uint32_t len_bytes)
{
    uint32_t done = 0;
    while (done < n) {
        uint32_t left = n - done;
        uint32_t taken = send_batch(flow, data + (size_t)done * len_bytes, left, len_bytes);
        done += taken;
        if (taken < left && taken < BATCH_FRAMES * datagrams_per_frame(flow, len_bytes))
            break;
    }
    return done;
}

/* Above the MTU: lwIP cuts each datagram. */
static int64_t send_fragmented(struct rig_stack_flow *flow, const uint8_t *data, uint32_t n,
                               uint32_t len_bytes)
{
    for (uint32_t i = 0; i < n; i++) {
        int rc =
            rig_stack_udp_send(flow->udp, &flow->spec, data + (size_t)i * len_bytes, len_bytes);
        if (rc)
            return i || rc == -EAGAIN || rc == -ENOBUFS ? (int64_t)i : rc;
    }
    return n;
}

int64_t rig_stack_flow_send(struct rig_stack_flow *flow, const uint8_t *data, uint32_t n,
                            uint32_t stride_bytes)
{
    struct rig_stack *stack = flow->udp->stack;
    int error = flow->error;
    flow->error = 0;
    if (rig_stack_gone_check(stack))
        return -ENODEV;
    if (error || !n)
        return error;
    int first = prepare(flow, data, stride_bytes);
    if (first < 0 || !flow->resolved || (uint32_t)first == n)
        return first;
    data += (size_t)first * stride_bytes;
    n -= (uint32_t)first;
    int64_t sent = stride_bytes > flow->payload_max_bytes
                       ? send_fragmented(flow, data, n, stride_bytes)
                       : send_frames(flow, data, n, stride_bytes);
    if (rig_stack_gone_check(stack))
        return -ENODEV;
    return sent < 0 ? sent : first + sent;
}

/* ---- life ---- */

int rig_stack_flow_open(struct rig_stack_flow **out, struct rig_stack_udp *udp,
                        const struct rig_stack_flow_spec *spec, struct rig_err *err)
{
    uint8_t family = spec->peer.addr.family;
    if (!rig_stack_addr(udp->stack, family, NULL).family) {
        char text[RIG_ADDR_TEXT_MAX];
        return rig_err_set(err, -EADDRNOTAVAIL, "the stack on %s has no IPv%c address to reach %s",
                           udp->stack->port->name, family == 6 ? '6' : '4',
                           rig_addr_format(&spec->peer.addr, text));
    }
    struct rig_stack_flow *flow = calloc(1, sizeof(*flow));
    if (!flow)
        return rig_err_set(err, -ENOMEM, "no memory for a flow");
    flow->udp = udp;
    flow->spec = *spec;
    flow->spec.peer.addr.scope_id = 0;
    flow->headers.ip_id = (uint16_t)rig_lwip_rand();
    flow->next = udp->stack->flows;
    udp->stack->flows = flow;
    *out = flow;
    return 0;
}

void rig_stack_flow_close(struct rig_stack_flow *flow)
{
    if (!flow)
        return;
    struct rig_stack_flow **at = &flow->udp->stack->flows;
    while (*at != flow)
        at = &(*at)->next;
    *at = flow->next;
    free(flow);
}
