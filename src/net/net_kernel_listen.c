/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listener on the kernel's TCP. When the process or the system has no descriptors or memory left,
 * a pending connection stays readable and accept fails at once, for ever: the listener then looks
 * away for a while instead of spinning, and the connection waits in the kernel's backlog.
 */
#include "net/net_kernel_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN    64
#define BACKLOG_CONNECTIONS 1024 /* the kernel cuts it to net.core.somaxconn */
#define ACCEPT_PAUSE_NS     (100 * RIG_NS_PER_MS)

struct kernel_listener {
    struct rig_listener base;
    struct rig_net_kernel *net;
    struct rig_watch watch;
    struct rig_timer resume;
    int fd;
    void (*accepted)(void *ctx, struct rig_stream *stream);
    void *ctx;
};

static void resume_accepting(void *ctx)
{
    struct kernel_listener *listener = ctx;
    rig_loop_set_events(listener->net->base.loop, &listener->watch, RIG_LOOP_IN);
}

static void pause_accepting(struct kernel_listener *listener)
{
    struct rig_loop *loop = listener->net->base.loop;
    rig_loop_set_events(loop, &listener->watch, 0);
    rig_loop_timer_set(loop, &listener->resume, rig_clock_ns() + ACCEPT_PAUSE_NS);
}

/* Returns false when there is nothing more to accept now. */
static bool accept_failed(struct kernel_listener *listener, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        pause_accepting(listener);
        return false;
    default: /* that connection is gone already (accept(2)); the next may be well */
        return true;
    }
}

static bool accept_one(struct kernel_listener *listener)
{
    union rig_net_kernel_addr peer = {.any.sa_family = AF_UNSPEC};
    socklen_t len = sizeof(peer);
    int fd = accept4(listener->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return accept_failed(listener, errno);
    struct rig_endpoint endpoint = rig_net_kernel_from(&peer);
    struct rig_net_kernel *net = listener->net;
    struct rig_stream *stream = rig_net_kernel_stream_adopt(net, fd, &endpoint);
    if (!stream) {
        close(fd);
        pause_accepting(listener);
        return false;
    }
    listener->accepted(listener->ctx, stream);
    return net->current == listener;
}

static void on_listener(void *ctx, uint32_t events)
{
    (void)events;
    struct kernel_listener *listener = ctx;
    struct rig_net_kernel *net = listener->net;
    net->current = listener;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (!accept_one(listener))
            break;
    }
    net->current = NULL;
}

static void listener_close(struct rig_listener *base)
{
    struct kernel_listener *listener = (struct kernel_listener *)base;
    struct rig_loop *loop = listener->net->base.loop;
    if (listener->net->current == listener)
        listener->net->current = NULL;
    rig_loop_timer_stop(loop, &listener->resume);
    rig_loop_remove(loop, &listener->watch);
    close(listener->fd);
    free(listener);
}

static const struct rig_listener_ops listener_ops = {.close = listener_close};

static int start_listening(int fd, const struct rig_endpoint *local, struct rig_err *err)
{
    if (listen(fd, BACKLOG_CONNECTIONS) == 0)
        return 0;
    int code = -errno;
    char text[RIG_ENDPOINT_TEXT_MAX];
    return rig_err_set(err, code, "cannot listen on TCP %s: %s", rig_endpoint_format(local, text),
                       rig_net_kernel_reason(code));
}

int rig_net_kernel_listener_open(struct rig_listener **listener, struct rig_net *net,
                                 const struct rig_endpoint *local,
                                 const struct rig_net_options *options,
                                 void (*accepted)(void *ctx, struct rig_stream *stream), void *ctx,
                                 struct rig_err *err)
{
    struct rig_net_kernel_spec spec = {SOCK_STREAM, local, NULL, options};
    int fd = rig_net_kernel_socket(&spec, err);
    if (fd < 0)
        return fd;
    struct kernel_listener *made = calloc(1, sizeof(*made));
    int code;
    if (!made) {
        code = rig_err_set(err, -ENOMEM, "no memory for a listener");
        goto fail;
    }
    made->base.ops = &listener_ops;
    made->base.local = rig_net_kernel_local(fd);
    made->net = (struct rig_net_kernel *)net;
    made->fd = fd;
    made->accepted = accepted;
    made->ctx = ctx;
    rig_timer_init(&made->resume, resume_accepting, made);
    code = start_listening(fd, &made->base.local, err);
    if (code == 0)
        code = rig_loop_add_fd(net->loop, &made->watch, fd, RIG_LOOP_IN, on_listener, made, err);
    if (code != 0)
        goto fail;
    *listener = &made->base;
    return 0;
fail:
    free(made);
    close(fd);
    return code;
}
