/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams over the kernel's UDP: the socket and its receiving half (sending:
 * net_kernel_udp_send.c).
 *
 * One recvmmsg takes a batch of messages; with UDP_GRO a message is a train of equal datagrams of
 * one flow that the kernel never cut or put together again, and a control message gives their
 * stride. The arrival time is the kernel's (SO_TIMESTAMPNS), taken when the packet reached the
 * host's stack, so that waiting in the socket's queue does not count as transit.
 *
 * The buffers belong to the net: 64 KiB for each message of a batch (a train is never longer), two
 * cache lines apart from a multiple of 64 KiB, so that the short datagrams of a batch do not all
 * fall into the same set of the cache. Memory that no train reached is never touched.
 */
#include "net/net_kernel_internal.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RX_MESSAGES      32u
#define RX_ROOM_BYTES    65536u
#define RX_STAGGER_BYTES 128u
#define RX_CONTROL_BYTES 192u /* stamp 32, packet info 40, stride 24, and to spare */
#define RX_BATCHES_TURN  4
#define DRAIN_MAX        4096
#define RX_WINDOW_BYTES  (4 << 20)

struct rx_control {
    _Alignas(struct cmsghdr) uint8_t bytes[RX_CONTROL_BYTES];
};

struct rig_net_kernel_rx {
    struct mmsghdr messages[RX_MESSAGES];
    struct iovec vectors[RX_MESSAGES];
    union rig_net_kernel_addr names[RX_MESSAGES];
    struct rx_control controls[RX_MESSAGES];
    uint32_t used; /* headers that the kernel wrote into since they were made ready */
    uint8_t *room;
};

static struct rig_net_kernel_udp *of(struct rig_udp *udp)
{
    return (struct rig_net_kernel_udp *)udp;
}

static const struct rig_net_kernel_udp *of_const(const struct rig_udp *udp)
{
    return (const struct rig_net_kernel_udp *)udp;
}

/* ---- the batch ---- */

static void ready_message(struct rig_net_kernel_rx *rx, uint32_t i)
{
    struct msghdr *header = &rx->messages[i].msg_hdr;
    header->msg_name = &rx->names[i];
    header->msg_namelen = sizeof(rx->names[i]);
    header->msg_iov = &rx->vectors[i];
    header->msg_iovlen = 1;
    header->msg_control = rx->controls[i].bytes;
    header->msg_controllen = sizeof(rx->controls[i].bytes);
    header->msg_flags = 0;
}

static int make_rx(struct rig_net_kernel *net, struct rig_err *err)
{
    if (net->rx)
        return 0;
    struct rig_net_kernel_rx *rx = calloc(1, sizeof(*rx));
    uint8_t *room = malloc(RX_MESSAGES * (size_t)(RX_ROOM_BYTES + RX_STAGGER_BYTES));
    if (!rx || !room) {
        free(rx);
        free(room);
        return rig_err_set(err, -ENOMEM, "no memory for receiving datagrams");
    }
    rx->room = room;
    rx->used = RX_MESSAGES;
    for (uint32_t i = 0; i < RX_MESSAGES; i++) {
        rx->vectors[i].iov_base = room + i * (size_t)(RX_ROOM_BYTES + RX_STAGGER_BYTES);
        rx->vectors[i].iov_len = RX_ROOM_BYTES;
    }
    net->rx = rx;
    return 0;
}

void rig_net_kernel_rx_free(struct rig_net_kernel_rx *rx)
{
    if (!rx)
        return;
    free(rx->room);
    free(rx);
}

/* ---- one message ---- */

static void local_from_v4(struct rig_udp_train *train, const struct in_pktinfo *info)
{
    train->local = (struct rig_addr){.family = 4};
    memcpy(train->local.bytes, &info->ipi_addr, 4);
}

static void local_from_v6(struct rig_udp_train *train, const struct in6_pktinfo *info)
{
    train->local = (struct rig_addr){.family = 6};
    memcpy(train->local.bytes, &info->ipi6_addr, 16);
    if (rig_addr_is_link_local(&train->local))
        train->local.scope_id = info->ipi6_ifindex;
    rig_addr_unmap(&train->local);
}

/* The kernel wrote the control message: its length is trusted, its alignment is not. */
static void read_control(struct rig_udp_train *train, const struct cmsghdr *control)
{
    const uint8_t *data = CMSG_DATA(control);
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec stamp;
        memcpy(&stamp, data, sizeof(stamp));
        train->rx_wall_ns = (rig_ns_t)stamp.tv_sec * RIG_NS_PER_S + (rig_ns_t)stamp.tv_nsec;
    } else if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO) {
        int stride;
        memcpy(&stride, data, sizeof(stride));
        if (stride > 0 && (uint32_t)stride < train->len_bytes)
            train->stride_bytes = (uint32_t)stride;
    } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, data, sizeof(info));
        local_from_v4(train, &info);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, data, sizeof(info));
        local_from_v6(train, &info);
    }
}

static void read_message(const struct rig_net_kernel_udp *udp, struct rig_udp_train *train,
                         uint32_t i)
{
    struct mmsghdr *message = &udp->net->rx->messages[i];
    *train = (struct rig_udp_train){
        .data = udp->net->rx->vectors[i].iov_base,
        .len_bytes = message->msg_len,
        .stride_bytes = message->msg_len,
        .local = udp->base.local.addr,
    };
    train->peer = udp->connected ? udp->peer : rig_net_kernel_from(&udp->net->rx->names[i]);
    for (struct cmsghdr *control = CMSG_FIRSTHDR(&message->msg_hdr); control;
         control = CMSG_NXTHDR(&message->msg_hdr, control))
        read_control(train, control);
    if (train->rx_wall_ns == 0)
        train->rx_wall_ns = rig_clock_wall_ns();
}

/* ---- receive ---- */

static int receive_batch(struct rig_net_kernel_udp *udp)
{
    struct rig_net_kernel_rx *rx = udp->net->rx;
    for (uint32_t i = 0; i < rx->used; i++)
        ready_message(rx, i);
    int got = recvmmsg(udp->fd, rx->messages, RX_MESSAGES, MSG_DONTWAIT, NULL);
    /* A message that failed may have been written to as well. */
    rx->used = got < 0 ? 1 : (uint32_t)got + 1;
    if (rx->used > RX_MESSAGES)
        rx->used = RX_MESSAGES;
    return got;
}

static void receive_failed(struct rig_net_kernel_udp *udp, int error)
{
    /* EMSGSIZE tells of a path's new MTU: the sender's concern (it stops using super-packets). */
    if (error == EAGAIN || error == EINTR || error == EMSGSIZE)
        return;
    if (udp->base.events->failed)
        udp->base.events->failed(udp->base.ctx, -error);
}

/* Returns true while there may be more and the socket is still open. */
static bool receive_some(struct rig_net_kernel_udp *udp)
{
    const struct rig_net_kernel *net = udp->net;
    int got = receive_batch(udp);
    if (got < 0) {
        receive_failed(udp, errno);
        return false;
    }
    for (uint32_t i = 0; i < (uint32_t)got; i++) {
        if (net->rx->messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
            udp->truncated++;
            continue;
        }
        struct rig_udp_train train;
        read_message(udp, &train, i);
        if (udp->base.events->received)
            udp->base.events->received(udp->base.ctx, &train);
        if (net->current != udp)
            return false;
    }
    return (uint32_t)got == RX_MESSAGES;
}

static void on_udp(void *ctx, uint32_t events)
{
    struct rig_net_kernel_udp *udp = ctx;
    struct rig_net_kernel *net = udp->net;
    net->current = udp;
    if (events & (RIG_LOOP_IN | RIG_LOOP_HUP)) {
        for (int i = 0; i < RX_BATCHES_TURN; i++) {
            if (!receive_some(udp))
                break;
        }
    }
    if (net->current == udp && (events & RIG_LOOP_OUT))
        rig_net_kernel_udp_wake(udp);
    if (net->current == udp)
        rig_net_kernel_udp_rewatch(udp);
    net->current = NULL;
}

void rig_net_kernel_udp_rewatch(struct rig_net_kernel_udp *udp)
{
    uint32_t events = RIG_LOOP_IN | (udp->wants_room ? RIG_LOOP_OUT : 0u);
    if (udp->watch.events != events)
        rig_loop_set_events(udp->net->base.loop, &udp->watch, events);
}

/* ---- operations ---- */

static uint32_t udp_window(const struct rig_udp *base, bool send)
{
    return rig_net_kernel_window(of_const(base)->fd, send);
}

/* The kernel counts a train that it threw away as one. */
static uint64_t udp_rx_dropped(const struct rig_udp *base)
{
    const struct rig_net_kernel_udp *udp = of_const(base);
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(memory);
    if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) != 0)
        return udp->truncated;
    return udp->truncated + memory[SK_MEMINFO_DROPS];
}

static void udp_close(struct rig_udp *base)
{
    struct rig_net_kernel_udp *udp = of(base);
    if (udp->net->current == udp)
        udp->net->current = NULL;
    rig_loop_remove(udp->net->base.loop, &udp->watch);
    close(udp->fd);
    free(udp);
}

static const struct rig_udp_ops udp_ops = {
    .send = rig_net_kernel_udp_send,
    .window = udp_window,
    .rx_dropped = udp_rx_dropped,
    .sender_open = rig_net_kernel_sender_open,
    .close = udp_close,
};

/* ---- open ---- */

/* Each of these only makes the reports better: a kernel without one still receives. */
static void ask_for_reports(int fd, int family, bool connected)
{
    int on = 1;
    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    if (connected) /* the local address is known */
        return;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

/*
 * The system's default holds less than a hundred datagrams of 1470 bytes: a receiver that is off
 * its processor for a few milliseconds would report its own loss as the network's. Taken as far as
 * net.core.rmem_max goes, or beyond with CAP_NET_ADMIN.
 */
static void ask_for_room(int fd)
{
    int bytes = RX_WINDOW_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* What came between bind and connect may be from anybody; what comes later is the peer's. */
static void drain(int fd)
{
    uint8_t byte;
    for (int i = 0; i < DRAIN_MAX; i++) {
        if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) < 0)
            return;
    }
}

static int connect_udp(struct rig_net_kernel_udp *udp, const struct rig_endpoint *peer,
                       struct rig_err *err)
{
    if (!peer)
        return 0;
    union rig_net_kernel_addr name;
    socklen_t len = rig_net_kernel_to(&name, peer, udp->family);
    if (connect(udp->fd, &name.any, len) != 0) {
        int code = -errno;
        char text[RIG_ENDPOINT_TEXT_MAX];
        return rig_err_set(err, code, "cannot send UDP to %s: %s", rig_endpoint_format(peer, text),
                           rig_net_kernel_reason(code));
    }
    drain(udp->fd);
    udp->connected = true;
    udp->peer = *peer;
    return 0;
}

static int start_udp(struct rig_net_kernel_udp *udp, const struct rig_endpoint *peer,
                     struct rig_err *err)
{
    int code = make_rx(udp->net, err);
    if (code == 0)
        code = connect_udp(udp, peer, err);
    if (code != 0)
        return code;
    ask_for_reports(udp->fd, udp->family, udp->connected);
    udp->base.local = rig_net_kernel_local(udp->fd);
    return rig_loop_add_fd(udp->net->base.loop, &udp->watch, udp->fd, RIG_LOOP_IN, on_udp, udp,
                           err);
}

int rig_net_kernel_udp_open(struct rig_udp **udp, struct rig_net *net,
                            const struct rig_endpoint *local, const struct rig_endpoint *peer,
                            const struct rig_net_options *options,
                            const struct rig_udp_events *events, void *ctx, struct rig_err *err)
{
    struct rig_net_kernel_spec spec = {SOCK_DGRAM, local, peer, options};
    int fd = rig_net_kernel_socket(&spec, err);
    if (fd < 0)
        return fd;
    struct rig_net_kernel_udp *made = calloc(1, sizeof(*made));
    int code;
    if (!made) {
        code = rig_err_set(err, -ENOMEM, "no memory for a UDP socket");
        goto fail;
    }
    made->base.ops = &udp_ops;
    made->base.events = events;
    made->base.ctx = ctx;
    made->net = (struct rig_net_kernel *)net;
    made->fd = fd;
    made->family = rig_net_kernel_family(fd);
    if (!options || !options->window_bytes)
        ask_for_room(fd);
    code = start_udp(made, peer, err);
    if (code != 0)
        goto fail;
    *udp = &made->base;
    return 0;
fail:
    free(made);
    close(fd);
    return code;
}
