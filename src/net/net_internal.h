/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two nets implement. Every object begins with its ops, so that net.c can send a call on
 * without knowing which net it has.
 */
#ifndef RIG_NET_NET_INTERNAL_H
#define RIG_NET_NET_INTERNAL_H

#include "net/net.h"

struct rig_net_ops {
    void (*free)(struct rig_net *net);
    uint32_t (*udp_payload_max)(const struct rig_net *net, const struct rig_addr *peer);
    int (*listener_open)(struct rig_listener **listener, struct rig_net *net,
                         const struct rig_endpoint *local, const struct rig_net_options *options,
                         void (*accepted)(void *ctx, struct rig_stream *stream), void *ctx,
                         struct rig_err *err);
    int (*stream_connect)(struct rig_stream **stream, struct rig_net *net,
                          const struct rig_endpoint *peer, const struct rig_endpoint *local,
                          const struct rig_net_options *options,
                          const struct rig_stream_events *events, void *ctx, struct rig_err *err);
    int (*udp_open)(struct rig_udp **udp, struct rig_net *net, const struct rig_endpoint *local,
                    const struct rig_endpoint *peer, const struct rig_net_options *options,
                    const struct rig_udp_events *events, void *ctx, struct rig_err *err);
};

struct rig_listener_ops {
    void (*close)(struct rig_listener *listener);
};

struct rig_stream_ops {
    int64_t (*write)(struct rig_stream *stream, const void *data, uint32_t len_bytes);
    void (*shutdown)(struct rig_stream *stream);
    void (*discard)(struct rig_stream *stream, bool on);
    void (*pause)(struct rig_stream *stream, bool on);
    void (*set_read_size)(struct rig_stream *stream, uint32_t len_bytes);
    uint64_t (*unacked)(const struct rig_stream *stream);
    bool (*info)(const struct rig_stream *stream, struct rig_stream_info *info);
    uint32_t (*window)(const struct rig_stream *stream, bool send);
    void (*close)(struct rig_stream *stream);
};

struct rig_udp_ops {
    int (*send)(struct rig_udp *udp, const struct rig_endpoint *peer, const struct rig_addr *local,
                const void *data, uint32_t len_bytes);
    uint32_t (*window)(const struct rig_udp *udp, bool send);
    uint64_t (*rx_dropped)(const struct rig_udp *udp);
    int (*sender_open)(struct rig_udp_sender **sender, struct rig_udp *udp,
                       const struct rig_udp_sender_spec *spec, void (*writable)(void *ctx),
                       void *ctx, struct rig_err *err);
    void (*close)(struct rig_udp *udp);
};

struct rig_udp_sender_ops {
    int64_t (*commit)(struct rig_udp_sender *sender, uint32_t n);
    void (*close)(struct rig_udp_sender *sender);
};

/* First members of the implementations' own structs. */
struct rig_net {
    const struct rig_net_ops *ops;
    struct rig_loop *loop;
};

struct rig_listener {
    const struct rig_listener_ops *ops;
    struct rig_endpoint local;
};

struct rig_stream {
    const struct rig_stream_ops *ops;
    const struct rig_stream_events *events;
    void *ctx;
    struct rig_endpoint local;
    struct rig_endpoint peer;
};

struct rig_udp {
    const struct rig_udp_ops *ops;
    const struct rig_udp_events *events;
    void *ctx;
    struct rig_endpoint local;
};

struct rig_udp_sender {
    const struct rig_udp_sender_ops *ops;
    uint8_t *slots; /* n_slots of stride_bytes each, every one filled with the payload */
    uint32_t n_slots;
    uint32_t stride_bytes;
};

#endif
