/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams over the kernel's TCP.
 *
 * The loop is level-triggered, so each stream watches only for what somebody wants: IN unless
 * paused or at the end, OUT while connecting or after a write that took less than it was given.
 * Hang-up is reported whether asked for or not and does not go away; a stream for which it brings
 * no news (both directions ended, or paused) leaves the loop ("parked") until it wants something
 * again.
 *
 * A callback reads a bounded number of times, so that one fast peer does not starve the others. A
 * sink reads with MSG_TRUNC and no buffer: TCP then drops the bytes in the kernel without a copy.
 *
 * An error is told once: by `closed`, or as the answer of the write that met it.
 */
#include "net/net_kernel_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READ_DEFAULT_BYTES (128u * 1024u)
#define READ_BUFFER_BYTES  (4u * 1024u * 1024u) /* a larger read size is for sinks only */
#define READS_PER_TURN     8

struct kernel_stream {
    struct rig_stream base;
    struct rig_net_kernel *net;
    struct rig_watch watch;
    uint32_t read_bytes;
    int fd;
    int error; /* 0, or what broke the stream */
    bool connecting;
    bool wants_room; /* a write took less than it was given */
    bool wants_end;  /* shutdown was asked for while connecting */
    bool ended_tx;
    bool ended_rx;
    bool discards;
    bool paused;
    bool hung_up; /* hang-up was seen: the loop would report it for ever */
};

_Static_assert(sizeof(struct kernel_stream) < 512, "a thousand idle streams must cost little");

static struct kernel_stream *of(struct rig_stream *stream)
{
    return (struct kernel_stream *)stream;
}

static const struct kernel_stream *of_const(const struct rig_stream *stream)
{
    return (const struct kernel_stream *)stream;
}

/* ---- what a stream waits for ---- */

static void on_stream(void *ctx, uint32_t events);

static uint32_t wanted_events(const struct kernel_stream *stream)
{
    if (stream->connecting)
        return RIG_LOOP_OUT;
    uint32_t events = 0;
    if (!stream->paused && !stream->ended_rx)
        events |= RIG_LOOP_IN;
    if (stream->wants_room)
        events |= RIG_LOOP_OUT;
    return events;
}

static int update_watch(struct kernel_stream *stream, struct rig_err *err)
{
    uint32_t events = wanted_events(stream);
    struct rig_loop *loop = stream->net->base.loop;
    if (stream->error || (stream->hung_up && events == 0)) {
        rig_loop_remove(loop, &stream->watch);
        return 0;
    }
    if (!stream->watch.added)
        return rig_loop_add_fd(loop, &stream->watch, stream->fd, events, on_stream, stream, err);
    if (stream->watch.events != events)
        rig_loop_set_events(loop, &stream->watch, events);
    return 0;
}

/* A broken stream leaves the loop; only close is left. */
static void break_stream(struct kernel_stream *stream, int error)
{
    stream->error = error;
    rig_loop_remove(stream->net->base.loop, &stream->watch);
}

static void fail(struct kernel_stream *stream, int error)
{
    break_stream(stream, error);
    stream->base.events->closed(stream->base.ctx, error);
}

/* For calls from outside the stream's own callbacks. Watching again fails only when the kernel has
 * no memory; then the next write tells it. */
static void rewatch(struct kernel_stream *stream)
{
    int code = update_watch(stream, NULL);
    if (code != 0)
        break_stream(stream, code);
}

/* ---- receive ---- */

/* The buffer grows to the largest read that anybody asks for, once. */
static uint32_t read_room(struct rig_net_kernel *net, uint32_t wanted_bytes)
{
    if (wanted_bytes > READ_BUFFER_BYTES)
        wanted_bytes = READ_BUFFER_BYTES;
    if (wanted_bytes > net->read_room_bytes) {
        uint8_t *grown = realloc(net->read_buffer, wanted_bytes);
        if (grown) {
            net->read_buffer = grown;
            net->read_room_bytes = wanted_bytes;
        }
    }
    return wanted_bytes < net->read_room_bytes ? wanted_bytes : net->read_room_bytes;
}

static ssize_t receive(struct kernel_stream *stream, const uint8_t **data, uint32_t *room_bytes)
{
    *data = NULL;
    *room_bytes = stream->read_bytes;
    if (stream->discards)
        return recv(stream->fd, NULL, *room_bytes, MSG_DONTWAIT | MSG_TRUNC);
    *room_bytes = read_room(stream->net, stream->read_bytes);
    if (*room_bytes == 0) {
        errno = ENOMEM;
        return -1;
    }
    *data = stream->net->read_buffer;
    return recv(stream->fd, stream->net->read_buffer, *room_bytes, MSG_DONTWAIT);
}

/* Returns true while there may be more to read and the stream still stands. */
static bool read_once(struct kernel_stream *stream)
{
    const uint8_t *data;
    uint32_t room_bytes;
    const struct rig_net_kernel *net = stream->net;
    ssize_t got = receive(stream, &data, &room_bytes);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail(stream, -errno);
        return false;
    }
    if (got == 0) {
        stream->ended_rx = true;
        stream->base.events->closed(stream->base.ctx, 0);
        return false;
    }
    stream->base.events->readable(stream->base.ctx, data, (uint32_t)got);
    /* Less than was asked for: TCP's queue is empty. */
    return net->current == stream && !stream->paused && !stream->error &&
           (uint32_t)got == room_bytes;
}

static void read_some(struct kernel_stream *stream)
{
    for (int i = 0; i < READS_PER_TURN; i++) {
        if (!read_once(stream))
            return;
    }
}

/* ---- events ---- */

static void apply_end(struct kernel_stream *stream)
{
    stream->wants_end = false;
    stream->ended_tx = true;
    shutdown(stream->fd, SHUT_WR);
}

static void finish_connect(struct kernel_stream *stream)
{
    int error = rig_net_kernel_error(stream->fd);
    if (error != 0) {
        fail(stream, error);
        return;
    }
    const struct rig_net_kernel *net = stream->net;
    stream->connecting = false;
    stream->base.local = rig_net_kernel_local(stream->fd);
    if (stream->base.events->connected)
        stream->base.events->connected(stream->base.ctx);
    if (net->current == stream && stream->wants_end && !stream->error)
        apply_end(stream);
}

/* Hang-up of a stream that does not read: an error, or nothing to do. */
static void hang_up(struct kernel_stream *stream)
{
    int error = rig_net_kernel_error(stream->fd);
    stream->hung_up = true;
    if (error != 0)
        fail(stream, error);
}

static void dispatch(struct kernel_stream *stream, uint32_t events)
{
    const struct rig_net_kernel *net = stream->net;
    if (stream->connecting) {
        finish_connect(stream);
        return;
    }
    bool reads = !stream->paused && !stream->ended_rx;
    if (reads && (events & (RIG_LOOP_IN | RIG_LOOP_HUP)))
        read_some(stream);
    else if (events & RIG_LOOP_HUP)
        hang_up(stream);
    if (net->current != stream || stream->error)
        return;
    if ((events & RIG_LOOP_OUT) && stream->wants_room) {
        stream->wants_room = false;
        if (stream->base.events->writable)
            stream->base.events->writable(stream->base.ctx);
    }
}

static void on_stream(void *ctx, uint32_t events)
{
    struct kernel_stream *stream = ctx;
    struct rig_net_kernel *net = stream->net;
    net->current = stream;
    dispatch(stream, events);
    if (net->current == stream && !stream->error) {
        int code = update_watch(stream, NULL);
        if (code != 0)
            fail(stream, code);
    }
    net->current = NULL;
}

/* ---- operations ---- */

static bool is_current(const struct kernel_stream *stream)
{
    return stream->net->current == stream;
}

static int64_t broken_write(struct kernel_stream *stream, int error)
{
    /* After a reset in CLOSE_WAIT the kernel says EPIPE; the user's word for it is reset. */
    if (error == EPIPE && !stream->ended_tx)
        error = ECONNRESET;
    break_stream(stream, -error);
    return -error;
}

static int64_t stream_write(struct rig_stream *base, const void *data, uint32_t len_bytes)
{
    struct kernel_stream *stream = of(base);
    if (stream->error)
        return stream->error;
    if (stream->wants_end || stream->ended_tx)
        return -EPIPE;
    ssize_t sent = 0;
    if (!stream->connecting)
        sent = send(stream->fd, data, len_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
            return broken_write(stream, errno);
        sent = 0;
    }
    stream->wants_room = (uint32_t)sent < len_bytes;
    /* Within a callback the watch is brought up to date once, at its end. */
    if (stream->wants_room && !is_current(stream))
        rewatch(stream);
    return stream->error ? stream->error : sent;
}

static void stream_shutdown(struct rig_stream *base)
{
    struct kernel_stream *stream = of(base);
    if (stream->error || stream->ended_tx)
        return;
    stream->wants_room = false;
    if (stream->connecting) {
        stream->wants_end = true;
        return;
    }
    apply_end(stream);
    if (!is_current(stream))
        rewatch(stream);
}

static void stream_discard(struct rig_stream *base, bool on)
{
    of(base)->discards = on;
}

static void stream_pause(struct rig_stream *base, bool on)
{
    struct kernel_stream *stream = of(base);
    stream->paused = on;
    if (!stream->error && !stream->connecting && !is_current(stream))
        rewatch(stream);
}

static void stream_set_read_size(struct rig_stream *base, uint32_t len_bytes)
{
    of(base)->read_bytes = len_bytes ? len_bytes : READ_DEFAULT_BYTES;
}

static uint64_t stream_unacked(const struct rig_stream *base)
{
    int bytes = 0;
    if (ioctl(of_const(base)->fd, SIOCOUTQ, &bytes) != 0 || bytes <= 0)
        return 0;
    /* The kernel counts the FIN as a byte; its acknowledgement may be delayed, and says nothing. */
    return (uint64_t)bytes - of_const(base)->ended_tx;
}

static bool stream_info(const struct rig_stream *base, struct rig_stream_info *info)
{
    struct tcp_info tcp;
    socklen_t len = sizeof(tcp);
    if (getsockopt(of_const(base)->fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) != 0 || len < sizeof(tcp))
        return false;
    *info = (struct rig_stream_info){
        .rtt_us = tcp.tcpi_rtt,
        .rtt_var_us = tcp.tcpi_rttvar,
        .cwnd_bytes = tcp.tcpi_snd_cwnd * tcp.tcpi_snd_mss,
        .mss_bytes = tcp.tcpi_snd_mss,
        .retransmits = tcp.tcpi_total_retrans,
    };
    return true;
}

static uint32_t stream_window(const struct rig_stream *base, bool send)
{
    return rig_net_kernel_window(of_const(base)->fd, send);
}

static void stream_close(struct rig_stream *base)
{
    struct kernel_stream *stream = of(base);
    if (is_current(stream))
        stream->net->current = NULL;
    rig_loop_remove(stream->net->base.loop, &stream->watch);
    close(stream->fd);
    free(stream);
}

static const struct rig_stream_ops stream_ops = {
    .write = stream_write,
    .shutdown = stream_shutdown,
    .discard = stream_discard,
    .pause = stream_pause,
    .set_read_size = stream_set_read_size,
    .unacked = stream_unacked,
    .info = stream_info,
    .window = stream_window,
    .close = stream_close,
};

static struct kernel_stream *new_stream(struct rig_net_kernel *net, int fd)
{
    struct kernel_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->base.ops = &stream_ops;
    stream->net = net;
    stream->fd = fd;
    stream->read_bytes = READ_DEFAULT_BYTES;
    return stream;
}

struct rig_stream *rig_net_kernel_stream_adopt(struct rig_net_kernel *net, int fd,
                                               const struct rig_endpoint *peer)
{
    struct kernel_stream *stream = new_stream(net, fd);
    if (!stream)
        return NULL;
    stream->base.peer = *peer;
    stream->base.local = rig_net_kernel_local(fd);
    if (update_watch(stream, NULL) == 0)
        return &stream->base;
    free(stream);
    return NULL;
}

/* ---- connect ---- */

static int start_connect(int fd, const struct rig_endpoint *peer, struct rig_err *err)
{
    union rig_net_kernel_addr name;
    socklen_t len = rig_net_kernel_to(&name, peer, rig_net_kernel_family(fd));
    if (connect(fd, &name.any, len) == 0 || errno == EINPROGRESS)
        return 0;
    int code = -errno;
    char text[RIG_ENDPOINT_TEXT_MAX];
    return rig_err_set(err, code, "cannot connect to %s: %s", rig_endpoint_format(peer, text),
                       rig_net_kernel_reason(code));
}

int rig_net_kernel_stream_connect(struct rig_stream **stream, struct rig_net *net,
                                  const struct rig_endpoint *peer, const struct rig_endpoint *local,
                                  const struct rig_net_options *options,
                                  const struct rig_stream_events *events, void *ctx,
                                  struct rig_err *err)
{
    struct rig_net_kernel_spec spec = {SOCK_STREAM, local, peer, options};
    int fd = rig_net_kernel_socket(&spec, err);
    if (fd < 0)
        return fd;
    int code = start_connect(fd, peer, err);
    if (code != 0)
        goto fail_fd;
    struct kernel_stream *made = new_stream((struct rig_net_kernel *)net, fd);
    if (!made) {
        code = rig_err_set(err, -ENOMEM, "no memory for a stream");
        goto fail_fd;
    }
    made->connecting = true;
    made->base.events = events;
    made->base.ctx = ctx;
    made->base.peer = *peer;
    made->base.local = rig_net_kernel_local(fd);
    code = update_watch(made, err);
    if (code != 0)
        goto fail_stream;
    *stream = &made->base;
    return 0;
fail_stream:
    free(made);
fail_fd:
    close(fd);
    return code;
}
