/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net over our own stack on a port (stack/stack.h): datagrams only, until src/tcp stands.
 *
 * A sender's slots lie one behind the other without a gap, which is what a super-frame's payload
 * looks like, so a commit is one call of rig_stack_flow_send. When that takes fewer, the port is
 * full or the peer's MAC is being asked for; neither has an event of its own, so a timer looks
 * again after RETRY_NS.
 */
#include "net/net_internal.h"

#include "stack/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS        (100 * RIG_NS_PER_US)
#define RETRY_SLOW_NS   (2 * RIG_NS_PER_MS)
#define RETRIES_FAST    50u /* 5 ms: longer than any ring needs to drain a part of itself */
#define SLOTS_MAX       256u
#define SLOTS_MIN       4u
#define SLOTS_BYTES_MAX (512u * 1024u)
#define PAYLOAD_MAX     65507u

struct net_stack {
    struct rig_net net;
    struct rig_stack *stack;
};

struct udp_stack {
    struct rig_udp udp;
    struct net_stack *net;
    struct rig_stack_udp *socket;
    uint8_t tos;
    uint8_t ttl;
};

struct sender_stack {
    struct rig_udp_sender sender;
    struct rig_loop *loop;
    struct rig_stack_flow *flow;
    struct rig_timer retry;
    uint32_t n_retries; /* since the network last took something */
    void (*writable)(void *ctx);
    void *ctx;
};

/* ---- senders ---- */

static void retry(void *ctx)
{
    struct sender_stack *sender = ctx;
    sender->writable(sender->ctx);
}

static void retry_later(struct sender_stack *sender)
{
    rig_ns_t wait_ns = sender->n_retries++ < RETRIES_FAST ? RETRY_NS : RETRY_SLOW_NS;
    rig_loop_timer_set(sender->loop, &sender->retry, rig_clock_ns() + wait_ns);
}

static int64_t sender_commit(struct rig_udp_sender *base, uint32_t n)
{
    struct sender_stack *sender = (struct sender_stack *)base;
    int64_t taken = rig_stack_flow_send(sender->flow, base->slots, n, base->stride_bytes);
    if (taken > 0)
        sender->n_retries = 0;
    if (taken >= 0 && taken < n)
        retry_later(sender);
    return taken;
}

static void sender_close(struct rig_udp_sender *base)
{
    struct sender_stack *sender = (struct sender_stack *)base;
    rig_loop_timer_stop(sender->loop, &sender->retry);
    rig_stack_flow_close(sender->flow);
    free(base->slots);
    free(sender);
}

static const struct rig_udp_sender_ops sender_ops = {
    .commit = sender_commit,
    .close = sender_close,
};

static int make_slots(struct rig_udp_sender *sender, const struct rig_udp_sender_spec *spec)
{
    uint32_t len = spec->len_bytes, n = SLOTS_BYTES_MAX / len;
    sender->n_slots = n > SLOTS_MAX ? SLOTS_MAX : n < SLOTS_MIN ? SLOTS_MIN : n;
    sender->stride_bytes = len;
    sender->slots = malloc((size_t)sender->n_slots * len);
    if (!sender->slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < sender->n_slots; i++)
        memcpy(sender->slots + (size_t)i * len, spec->payload, len);
    return 0;
}

static int open_flow(struct sender_stack *sender, struct udp_stack *udp,
                     const struct rig_udp_sender_spec *spec, struct rig_err *err)
{
    struct rig_stack_flow_spec to = {
        .peer = spec->peer,
        .local = spec->local,
        .tos = udp->tos,
        .ttl = udp->ttl,
        .single = spec->single,
    };
    return rig_stack_flow_open(&sender->flow, udp->socket, &to, err);
}

static int sender_open(struct rig_udp_sender **out, struct rig_udp *base,
                       const struct rig_udp_sender_spec *spec, void (*writable)(void *ctx),
                       void *ctx, struct rig_err *err)
{
    struct udp_stack *udp = (struct udp_stack *)base;
    if (spec->len_bytes == 0 || spec->len_bytes > PAYLOAD_MAX)
        return rig_err_set(err, -EMSGSIZE, "a datagram has 1 to %u bytes, not %u", PAYLOAD_MAX,
                           spec->len_bytes);
    struct sender_stack *sender = calloc(1, sizeof(*sender));
    if (!sender)
        return rig_err_set(err, -ENOMEM, "no memory for a sender");
    sender->sender.ops = &sender_ops;
    sender->loop = udp->net->net.loop;
    sender->writable = writable;
    sender->ctx = ctx;
    rig_timer_init(&sender->retry, retry, sender);
    int rc = make_slots(&sender->sender, spec);
    if (rc)
        rig_err_set(err, rc, "no memory for the datagrams of a sender");
    else
        rc = open_flow(sender, udp, spec, err);
    if (rc) {
        free(sender->sender.slots);
        free(sender);
        return rc;
    }
    *out = &sender->sender;
    return 0;
}

/* ---- sockets ---- */

static void on_received(void *ctx, const struct rig_stack_train *from)
{
    struct udp_stack *udp = ctx;
    struct rig_udp_train train = {
        .data = from->data,
        .len_bytes = from->len_bytes,
        .stride_bytes = from->stride_bytes,
        .peer = from->peer,
        .local = from->local,
        .rx_wall_ns = from->rx_wall_ns ? from->rx_wall_ns : rig_clock_wall_ns(),
    };
    udp->udp.events->received(udp->udp.ctx, &train);
}

static void on_failed(void *ctx, int error)
{
    struct udp_stack *udp = ctx;
    if (udp->udp.events->failed)
        udp->udp.events->failed(udp->udp.ctx, error);
}

static const struct rig_stack_udp_events socket_events = {
    .received = on_received,
    .failed = on_failed,
};

static int udp_send(struct rig_udp *base, const struct rig_endpoint *peer,
                    const struct rig_addr *local, const void *data, uint32_t len_bytes)
{
    struct udp_stack *udp = (struct udp_stack *)base;
    struct rig_stack_flow_spec to = {.peer = *peer, .tos = udp->tos, .ttl = udp->ttl};
    if (local)
        to.local = *local;
    return rig_stack_udp_send(udp->socket, &to, data, len_bytes);
}

/* No buffer stands between the port's ring and the receiver. */
static uint32_t udp_window(const struct rig_udp *udp, bool send)
{
    (void)udp;
    (void)send;
    return 0;
}

static uint64_t udp_rx_dropped(const struct rig_udp *base)
{
    const struct udp_stack *udp = (const struct udp_stack *)base;
    return rig_stack_port(udp->net->stack)->counters.rx_drop_kernel;
}

static void udp_close(struct rig_udp *base)
{
    struct udp_stack *udp = (struct udp_stack *)base;
    rig_stack_udp_close(udp->socket);
    free(udp);
}

static const struct rig_udp_ops udp_ops = {
    .send = udp_send,
    .window = udp_window,
    .rx_dropped = udp_rx_dropped,
    .sender_open = sender_open,
    .close = udp_close,
};

static int open_socket(struct udp_stack *udp, const struct rig_endpoint *local,
                       const struct rig_endpoint *peer, struct rig_err *err)
{
    struct rig_stack_udp_spec spec = {.events = &socket_events, .ctx = udp};
    if (local)
        spec.local = *local;
    if (peer)
        spec.peer = *peer;
    return rig_stack_udp_open(&udp->socket, udp->net->stack, &spec, err);
}

static int udp_open(struct rig_udp **out, struct rig_net *net, const struct rig_endpoint *local,
                    const struct rig_endpoint *peer, const struct rig_net_options *options,
                    const struct rig_udp_events *events, void *ctx, struct rig_err *err)
{
    struct udp_stack *udp = calloc(1, sizeof(*udp));
    if (!udp)
        return rig_err_set(err, -ENOMEM, "no memory for a UDP socket");
    udp->udp = (struct rig_udp){.ops = &udp_ops, .events = events, .ctx = ctx};
    udp->net = (struct net_stack *)net;
    if (options) {
        udp->tos = options->tos;
        udp->ttl = options->ttl;
    }
    int rc = open_socket(udp, local, peer, err);
    if (rc) {
        free(udp);
        return rc;
    }
    udp->udp.local = rig_stack_udp_local(udp->socket);
    *out = &udp->udp;
    return 0;
}

/* ---- streams: their place ---- */

static int no_tcp(const struct rig_net *net, struct rig_err *err)
{
    const struct rig_stack *stack = ((const struct net_stack *)net)->stack;
    return rig_err_set(err, -EOPNOTSUPP,
                       "TCP on a port (%s) is not there yet: leave out --on, or use --on kernel",
                       rig_stack_port(stack)->name);
}

static int listener_open(struct rig_listener **listener, struct rig_net *net,
                         const struct rig_endpoint *local, const struct rig_net_options *options,
                         void (*accepted)(void *ctx, struct rig_stream *stream), void *ctx,
                         struct rig_err *err)
{
    (void)listener, (void)local, (void)options, (void)accepted, (void)ctx;
    return no_tcp(net, err);
}

static int stream_connect(struct rig_stream **stream, struct rig_net *net,
                          const struct rig_endpoint *peer, const struct rig_endpoint *local,
                          const struct rig_net_options *options,
                          const struct rig_stream_events *events, void *ctx, struct rig_err *err)
{
    (void)stream, (void)peer, (void)local, (void)options, (void)events, (void)ctx;
    return no_tcp(net, err);
}

/* ---- the net ---- */

static void net_free(struct rig_net *net)
{
    free(net);
}

static uint32_t udp_payload_max(const struct rig_net *net, const struct rig_addr *peer)
{
    return rig_stack_udp_payload_max(((const struct net_stack *)net)->stack, peer);
}

static const struct rig_net_ops net_ops = {
    .free = net_free,
    .udp_payload_max = udp_payload_max,
    .listener_open = listener_open,
    .stream_connect = stream_connect,
    .udp_open = udp_open,
};

int rig_net_stack_new(struct rig_net **net, struct rig_loop *loop, struct rig_stack *stack,
                      struct rig_err *err)
{
    struct net_stack *ours = calloc(1, sizeof(*ours));
    if (!ours)
        return rig_err_set(err, -ENOMEM, "no memory for endpoints on a stack");
    ours->net = (struct rig_net){.ops = &net_ops, .loop = loop};
    ours->stack = stack;
    *net = &ours->net;
    return 0;
}
