/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public functions of net.h: each sends its call on to the net that the object belongs to
 * (see net_internal.h), and keeps what both nets would do alike.
 */
#include "net/net_internal.h"

/* ---- where ---- */

void rig_net_free(struct rig_net *net)
{
    if (net)
        net->ops->free(net);
}

struct rig_loop *rig_net_loop(const struct rig_net *net)
{
    return net->loop;
}

uint32_t rig_net_udp_payload_max(const struct rig_net *net, const struct rig_addr *peer)
{
    return net->ops->udp_payload_max(net, peer);
}

/* ---- streams ---- */

int rig_listener_open(struct rig_listener **listener, struct rig_net *net,
                      const struct rig_endpoint *local, const struct rig_net_options *options,
                      void (*accepted)(void *ctx, struct rig_stream *stream), void *ctx,
                      struct rig_err *err)
{
    return net->ops->listener_open(listener, net, local, options, accepted, ctx, err);
}

void rig_listener_close(struct rig_listener *listener)
{
    if (listener)
        listener->ops->close(listener);
}

struct rig_endpoint rig_listener_local(const struct rig_listener *listener)
{
    return listener->local;
}

int rig_stream_connect(struct rig_stream **stream, struct rig_net *net,
                       const struct rig_endpoint *peer, const struct rig_endpoint *local,
                       const struct rig_net_options *options,
                       const struct rig_stream_events *events, void *ctx, struct rig_err *err)
{
    return net->ops->stream_connect(stream, net, peer, local, options, events, ctx, err);
}

void rig_stream_set_events(struct rig_stream *stream, const struct rig_stream_events *events,
                           void *ctx)
{
    stream->events = events;
    stream->ctx = ctx;
}

int64_t rig_stream_write(struct rig_stream *stream, const void *data, uint32_t len_bytes)
{
    return stream->ops->write(stream, data, len_bytes);
}

void rig_stream_shutdown(struct rig_stream *stream)
{
    stream->ops->shutdown(stream);
}

void rig_stream_discard(struct rig_stream *stream, bool on)
{
    stream->ops->discard(stream, on);
}

void rig_stream_pause(struct rig_stream *stream, bool on)
{
    stream->ops->pause(stream, on);
}

void rig_stream_set_read_size(struct rig_stream *stream, uint32_t len_bytes)
{
    stream->ops->set_read_size(stream, len_bytes);
}

uint64_t rig_stream_unacked(const struct rig_stream *stream)
{
    return stream->ops->unacked(stream);
}

bool rig_stream_info(const struct rig_stream *stream, struct rig_stream_info *info)
{
    return stream->ops->info(stream, info);
}

uint32_t rig_stream_window(const struct rig_stream *stream, bool send)
{
    return stream->ops->window(stream, send);
}

struct rig_endpoint rig_stream_local(const struct rig_stream *stream)
{
    return stream->local;
}

struct rig_endpoint rig_stream_peer(const struct rig_stream *stream)
{
    return stream->peer;
}

void rig_stream_close(struct rig_stream *stream)
{
    if (stream)
        stream->ops->close(stream);
}

/* ---- datagrams ---- */

int rig_udp_open(struct rig_udp **udp, struct rig_net *net, const struct rig_endpoint *local,
                 const struct rig_endpoint *peer, const struct rig_net_options *options,
                 const struct rig_udp_events *events, void *ctx, struct rig_err *err)
{
    return net->ops->udp_open(udp, net, local, peer, options, events, ctx, err);
}

void rig_udp_close(struct rig_udp *udp)
{
    if (udp)
        udp->ops->close(udp);
}

struct rig_endpoint rig_udp_local(const struct rig_udp *udp)
{
    return udp->local;
}

uint32_t rig_udp_window(const struct rig_udp *udp, bool send)
{
    return udp->ops->window(udp, send);
}

uint64_t rig_udp_rx_dropped(const struct rig_udp *udp)
{
    return udp->ops->rx_dropped(udp);
}

int rig_udp_send(struct rig_udp *udp, const struct rig_endpoint *peer, const struct rig_addr *local,
                 const void *data, uint32_t len_bytes)
{
    return udp->ops->send(udp, peer, local, data, len_bytes);
}

int rig_udp_sender_open(struct rig_udp_sender **sender, struct rig_udp *udp,
                        const struct rig_udp_sender_spec *spec, void (*writable)(void *ctx),
                        void *ctx, struct rig_err *err)
{
    return udp->ops->sender_open(sender, udp, spec, writable, ctx, err);
}

void rig_udp_sender_close(struct rig_udp_sender *sender)
{
    if (sender)
        sender->ops->close(sender);
}

uint8_t *rig_udp_sender_slots(struct rig_udp_sender *sender, uint32_t *n, uint32_t *stride_bytes)
{
    if (*n > sender->n_slots)
        *n = sender->n_slots;
    *stride_bytes = sender->stride_bytes;
    return sender->slots;
}

int64_t rig_udp_sender_commit(struct rig_udp_sender *sender, uint32_t n)
{
    return sender->ops->commit(sender, n < sender->n_slots ? n : sender->n_slots);
}
