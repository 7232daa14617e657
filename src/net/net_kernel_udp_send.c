/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams over the kernel's UDP: sending.
 *
 * A sender's slots lie one behind the other, so a run of them is one super-packet (UDP_SEGMENT,
 * "UDP GSO"): the kernel carries up to 64 datagrams and 65507 bytes as one and cuts them where the
 * path ends to understand super-packets. sendmmsg takes a batch of such messages. Without
 * super-packets (asked for, longer than the path's MTU, or refused by the kernel) it is one message
 * a datagram.
 *
 * What was taken is counted exactly: only the last message of a run is short, and sendmmsg says how
 * many messages it took. The error that stopped it half-way comes back from the next call.
 *
 * A full device queue (ENOBUFS) is treated as a full socket buffer: nothing was sent, try later.
 */
#include "net/net_kernel_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#define TX_MESSAGES     64u
#define TX_SEGMENTS     64u /* of a super-packet; the least that any kernel with GSO allows */
#define UDP_PAYLOAD_MAX 65507u
#define SLOTS_BYTES     (128u * 1024u) /* a thousand senders must not fill the memory */
#define SLOTS_MAX       1024u
#define CONTROL_BYTES   96u /* packet info 40, segment size 24 */

struct rig_net_kernel_tx {
    struct mmsghdr messages[TX_MESSAGES];
    struct iovec vectors[TX_MESSAGES];
};

struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[CONTROL_BYTES];
    size_t len;
};

struct rig_net_kernel_sender {
    struct rig_udp_sender base;
    struct rig_net_kernel_udp *udp;
    struct rig_net_kernel_sender *next;
    void (*writable)(void *ctx);
    void *ctx;
    union rig_net_kernel_addr peer;
    socklen_t peer_len;       /* 0: the socket is connected */
    struct control control;   /* first the packet info, then the segment size */
    size_t control_plain_len; /* without the segment size */
    uint32_t per_message;     /* datagrams of a full message; 1: no super-packets */
    int pending_error;        /* stopped the last commit after it had sent some */
    bool wants_room;
};

static struct rig_net_kernel_sender *of(struct rig_udp_sender *sender)
{
    return (struct rig_net_kernel_sender *)sender;
}

/* ---- control messages ---- */

static void add_control(struct control *control, int level, int type, const void *data, size_t len)
{
    struct cmsghdr header = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    uint8_t *at = control->bytes + control->len;
    memset(at, 0, CMSG_SPACE(len));
    memcpy(at, &header, sizeof(header));
    memcpy(at + CMSG_LEN(0), data, len);
    control->len += CMSG_SPACE(len);
}

/* The address to send from; an IPv6 socket takes IPv4's control message for a mapped peer too. */
static void add_local(struct control *control, const struct rig_addr *local)
{
    if (!local || local->family == 0 || rig_addr_is_any(local))
        return;
    if (local->family == 4) {
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, local->bytes, 4);
        add_control(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
        return;
    }
    struct in6_pktinfo info = {.ipi6_ifindex = local->scope_id};
    memcpy(&info.ipi6_addr, local->bytes, 16);
    add_control(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

/* ---- one datagram ---- */

int rig_net_kernel_udp_send(struct rig_udp *base, const struct rig_endpoint *peer,
                            const struct rig_addr *local, const void *data, uint32_t len_bytes)
{
    const struct rig_net_kernel_udp *udp = (const struct rig_net_kernel_udp *)base;
    union rig_net_kernel_addr name;
    struct control control = {.len = 0};
    /* sendmsg does not write: the cast only satisfies struct iovec. */
    struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = len_bytes};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (!udp->connected) {
        message.msg_namelen = rig_net_kernel_to(&name, peer, udp->family);
        message.msg_name = &name;
        add_local(&control, local);
    }
    if (control.len) {
        message.msg_control = control.bytes;
        message.msg_controllen = control.len;
    }
    ssize_t sent = sendmsg(udp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return 0;
    return errno == ENOBUFS ? -EAGAIN : -errno;
}

/* ---- a sender's commit ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void fill_message(struct rig_net_kernel_sender *sender, uint32_t i, uint32_t first,
                         uint32_t n)
{
    struct rig_net_kernel_tx *tx = sender->udp->net->tx;
    struct msghdr *header = &tx->messages[i].msg_hdr;
    size_t stride = sender->base.stride_bytes;
    tx->vectors[i].iov_base = sender->base.slots + first * stride;
    tx->vectors[i].iov_len = n * stride;
    header->msg_name = sender->peer_len ? &sender->peer : NULL;
    header->msg_namelen = sender->peer_len;
    header->msg_iov = &tx->vectors[i];
    header->msg_iovlen = 1;
    header->msg_controllen = n > 1 ? sender->control.len : sender->control_plain_len;
    header->msg_control = header->msg_controllen ? sender->control.bytes : NULL;
}

/* Messages for the slots [first, n), as many as fit a batch. */
static uint32_t fill_batch(struct rig_net_kernel_sender *sender, uint32_t first, uint32_t n)
{
    uint32_t messages = 0;
    while (messages < TX_MESSAGES && first < n) {
        uint32_t datagrams = least(sender->per_message, n - first);
        fill_message(sender, messages++, first, datagrams);
        first += datagrams;
    }
    return messages;
}

/* True if the batch is to be tried again, without super-packets from now on. */
static bool give_up_segments(struct rig_net_kernel_sender *sender, int error)
{
    if (sender->per_message == 1 || (error != EIO && error != EINVAL && error != EMSGSIZE))
        return false;
    sender->per_message = 1;
    return true;
}

static void wait_for_room(struct rig_net_kernel_sender *sender)
{
    struct rig_net_kernel_udp *udp = sender->udp;
    sender->wants_room = true;
    udp->wants_room = true;
    if (udp->net->current != udp) /* else the socket's callback does it at its end */
        rig_net_kernel_udp_rewatch(udp);
}

/* Sends a batch from slot `first` on; returns the datagrams taken or -errno. */
static int64_t send_batch(struct rig_net_kernel_sender *sender, uint32_t first, uint32_t n)
{
    const struct rig_net_kernel_udp *udp = sender->udp;
    uint32_t messages = fill_batch(sender, first, n);
    int sent = sendmmsg(udp->fd, udp->net->tx->messages, messages, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        return -errno;
    return least((uint32_t)sent * sender->per_message, n - first);
}

/* What to return when the kernel stopped after `done` datagrams. */
static int64_t stopped(struct rig_net_kernel_sender *sender, uint32_t done, int error)
{
    bool full = error == EAGAIN || error == ENOBUFS;
    if (!full && done == 0)
        return -error;
    if (!full)
        sender->pending_error = -error;
    wait_for_room(sender);
    return done;
}

static int64_t sender_commit(struct rig_udp_sender *base, uint32_t n)
{
    struct rig_net_kernel_sender *sender = of(base);
    int64_t pending = sender->pending_error;
    sender->pending_error = 0;
    sender->wants_room = false;
    if (pending)
        return pending;
    uint32_t done = 0;
    bool retried = false;
    while (done < n) {
        int64_t taken = send_batch(sender, done, n);
        if (taken >= 0) {
            done += (uint32_t)taken;
            continue;
        }
        if (taken == -EINTR || give_up_segments(sender, (int)-taken))
            continue;
        /* On a connected socket EMSGSIZE may tell of the path's MTU, not of this datagram. */
        if (taken != -EMSGSIZE || retried)
            return stopped(sender, done, (int)-taken);
        retried = true;
    }
    return done;
}

/* ---- waking ---- */

void rig_net_kernel_udp_wake(struct rig_net_kernel_udp *udp)
{
    const struct rig_net_kernel *net = udp->net;
    udp->wants_room = false;
    /* A callback may close any sender: close moves next_to_wake on. */
    udp->next_to_wake = udp->senders;
    while (net->current == udp && udp->next_to_wake) {
        struct rig_net_kernel_sender *sender = udp->next_to_wake;
        udp->next_to_wake = sender->next;
        if (!sender->wants_room)
            continue;
        sender->wants_room = false;
        if (sender->writable)
            sender->writable(sender->ctx);
    }
}

/* ---- open and close ---- */

static void sender_close(struct rig_udp_sender *base)
{
    struct rig_net_kernel_sender *sender = of(base);
    struct rig_net_kernel_udp *udp = sender->udp;
    if (udp->next_to_wake == sender)
        udp->next_to_wake = sender->next;
    struct rig_net_kernel_sender **link = &udp->senders;
    while (*link != sender)
        link = &(*link)->next;
    *link = sender->next;
    free(sender->base.slots);
    free(sender);
}

static const struct rig_udp_sender_ops sender_ops = {
    .commit = sender_commit,
    .close = sender_close,
};

static void choose_messages(struct rig_net_kernel_sender *sender,
                            const struct rig_udp_sender_spec *spec)
{
    struct rig_net *net = &sender->udp->net->base;
    uint32_t fits = least(TX_SEGMENTS, UDP_PAYLOAD_MAX / spec->len_bytes);
    uint32_t payload_max = net->ops->udp_payload_max(net, &spec->peer.addr);
    sender->per_message = spec->single || spec->len_bytes > payload_max ? 1 : fits;
    /* Whole messages, and no more memory than a good batch needs. */
    uint32_t slots = least(SLOTS_BYTES / spec->len_bytes, SLOTS_MAX);
    slots -= slots % sender->per_message;
    sender->base.n_slots = slots ? slots : 1;
    sender->base.stride_bytes = spec->len_bytes;
    sender->control_plain_len = sender->control.len;
    uint16_t segment = (uint16_t)spec->len_bytes;
    if (sender->per_message > 1)
        add_control(&sender->control, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
}

static int fill_slots(struct rig_net_kernel_sender *sender, const void *payload,
                      struct rig_err *err)
{
    size_t stride = sender->base.stride_bytes;
    sender->base.slots = malloc(sender->base.n_slots * stride);
    if (!sender->base.slots)
        return rig_err_set(err, -ENOMEM, "no memory for %u datagrams of %u bytes",
                           sender->base.n_slots, sender->base.stride_bytes);
    for (uint32_t i = 0; i < sender->base.n_slots; i++)
        memcpy(sender->base.slots + i * stride, payload, stride);
    return 0;
}

static int make_tx(struct rig_net_kernel *net)
{
    if (!net->tx)
        net->tx = calloc(1, sizeof(*net->tx));
    return net->tx ? 0 : -ENOMEM;
}

void rig_net_kernel_tx_free(struct rig_net_kernel_tx *tx)
{
    free(tx);
}

int rig_net_kernel_sender_open(struct rig_udp_sender **sender, struct rig_udp *base,
                               const struct rig_udp_sender_spec *spec, void (*writable)(void *ctx),
                               void *ctx, struct rig_err *err)
{
    struct rig_net_kernel_udp *udp = (struct rig_net_kernel_udp *)base;
    if (spec->len_bytes == 0 || spec->len_bytes > UDP_PAYLOAD_MAX)
        return rig_err_set(err, -EINVAL,
                           "a datagram of %u bytes cannot be sent: 1 to %u are allowed",
                           spec->len_bytes, UDP_PAYLOAD_MAX);
    struct rig_net_kernel_sender *made = calloc(1, sizeof(*made));
    if (!made || make_tx(udp->net) != 0) {
        free(made);
        return rig_err_set(err, -ENOMEM, "no memory for a UDP sender");
    }
    made->base.ops = &sender_ops;
    made->udp = udp;
    made->writable = writable;
    made->ctx = ctx;
    if (!udp->connected) {
        made->peer_len = rig_net_kernel_to(&made->peer, &spec->peer, udp->family);
        add_local(&made->control, &spec->local);
    }
    choose_messages(made, spec);
    int code = fill_slots(made, spec->payload, err);
    if (code != 0) {
        free(made);
        return code;
    }
    made->next = udp->senders;
    udp->senders = made;
    *sender = &made->base;
    return 0;
}
