/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Endpoints: streams and datagrams, event-driven, with one interface over the kernel's sockets
 * (net_kernel*.c) and over our own stack on a port (net_stack*.c). Protocols are written once
 * against this header and never know where they stand.
 *
 * All objects belong to one `rig_net` and its loop's thread. Every callback may close the object
 * it was called for; after close no callback comes. Errors inside callbacks are negative errnos.
 * A net that has no streams (own stack, until src/tcp stands) answers -EOPNOTSUPP with a sentence.
 */
#ifndef RIG_NET_NET_H
#define RIG_NET_NET_H

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"
#include "port/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct rig_net;      /* where endpoints stand */
struct rig_listener; /* waits for streams */
struct rig_stream;
struct rig_udp;        /* a bound datagram socket */
struct rig_udp_sender; /* sends datagrams of one size to one peer */
struct rig_stack;

/* ---- where ---- */

int rig_net_kernel_new(struct rig_net **net, struct rig_loop *loop, struct rig_err *err);
/* `stack` must live longer than the net. */
int rig_net_stack_new(struct rig_net **net, struct rig_loop *loop, struct rig_stack *stack,
                      struct rig_err *err);
void rig_net_free(struct rig_net *net); /* all its objects are closed by then; NULL is allowed */
struct rig_loop *rig_net_loop(const struct rig_net *net);
/* The largest UDP payload that leaves for `peer` in one unfragmented packet; 0 if unknown. */
uint32_t rig_net_udp_payload_max(const struct rig_net *net, const struct rig_addr *peer);

/* Socket settings, all optional (0, NULL or unset: the system's default). */
struct rig_net_options {
    uint32_t window_bytes;  /* SO_SNDBUF and SO_RCVBUF; 0: datagrams ask for 4 MiB to receive */
    uint32_t mss_bytes;     /* TCP_MAXSEG */
    bool nodelay;           /* TCP_NODELAY */
    uint8_t tos;            /* IP_TOS or IPV6_TCLASS */
    uint8_t ttl;            /* IP_TTL or IPV6_UNICAST_HOPS, and multicast */
    bool v6only;            /* an IPv6 listener that refuses IPv4 */
    const char *congestion; /* TCP_CONGESTION; an unknown name is -ENOENT with a sentence */
    const char *device;     /* SO_BINDTODEVICE */
};

/* ---- streams ---- */

struct rig_stream_events {
    /* The connection stands (client side only). */
    void (*connected)(void *ctx);
    /* Bytes came. While discarding, data is NULL and only the count is true. */
    void (*readable)(void *ctx, const uint8_t *data, uint32_t len_bytes);
    /* There is room again after rig_stream_write took less than it was given. */
    void (*writable)(void *ctx);
    /* The peer ended its direction: 0; or the stream broke: -ECONNRESET, -ECONNREFUSED, -ETIMEDOUT,
     * ... After 0 writing may go on; after an error only close is left. */
    void (*closed)(void *ctx, int error);
};

struct rig_stream_info { /* of the local sender, as TCP_INFO has it */
    uint32_t rtt_us;
    uint32_t rtt_var_us;
    uint32_t cwnd_bytes; /* 0: unknown */
    uint32_t mss_bytes;
    uint64_t retransmits; /* segments */
};

/* `accepted` gets a stream without events; it calls rig_stream_set_events before it returns, or
 * closes the stream. */
int rig_listener_open(struct rig_listener **listener, struct rig_net *net,
                      const struct rig_endpoint *local, const struct rig_net_options *options,
                      void (*accepted)(void *ctx, struct rig_stream *stream), void *ctx,
                      struct rig_err *err);
void rig_listener_close(struct rig_listener *listener); /* NULL is allowed */
struct rig_endpoint rig_listener_local(const struct rig_listener *listener);

/* Start to connect; the outcome comes as `connected` or `closed`. `local` NULL or any: chosen. */
int rig_stream_connect(struct rig_stream **stream, struct rig_net *net,
                       const struct rig_endpoint *peer, const struct rig_endpoint *local,
                       const struct rig_net_options *options,
                       const struct rig_stream_events *events, void *ctx, struct rig_err *err);
/* `events` must outlive the stream. */
void rig_stream_set_events(struct rig_stream *stream, const struct rig_stream_events *events,
                           void *ctx);
/*
 * Send; returns how many bytes were taken (fewer than asked, or 0: wait for `writable`) or -errno.
 * Up to RIG_STREAM_COPY_BYTES are copied at once. The bytes of a longer write stay the caller's and
 * must not change until the stream is closed: a back end may send from them in place.
 */
#define RIG_STREAM_COPY_BYTES 256u
int64_t rig_stream_write(struct rig_stream *stream, const void *data, uint32_t len_bytes);
/* No more writes; the peer sees the end of the stream. */
void rig_stream_shutdown(struct rig_stream *stream);
/* Count received bytes without copying them to user space (a sink). */
void rig_stream_discard(struct rig_stream *stream, bool on);
/* Stop and resume reading (back-pressure). */
void rig_stream_pause(struct rig_stream *stream, bool on);
/* Largest number of bytes taken by one read; 0: the default (128 KiB). */
void rig_stream_set_read_size(struct rig_stream *stream, uint32_t len_bytes);
/* Bytes written that the peer has not acknowledged. */
uint64_t rig_stream_unacked(const struct rig_stream *stream);
bool rig_stream_info(const struct rig_stream *stream, struct rig_stream_info *info);
/* The window that the system granted (send side for a client, else receive side), bytes. */
uint32_t rig_stream_window(const struct rig_stream *stream, bool send);
struct rig_endpoint rig_stream_local(const struct rig_stream *stream);
struct rig_endpoint rig_stream_peer(const struct rig_stream *stream);
void rig_stream_close(struct rig_stream *stream); /* NULL is allowed */

/* ---- datagrams ---- */

/*
 * Received datagrams come as trains: `len_bytes` of payload in datagrams of `stride_bytes` each,
 * the last perhaps shorter, all of one flow and one arrival. A train of one has stride == len.
 * The memory is the net's until the callback returns.
 */
struct rig_udp_train {
    const uint8_t *data;
    uint32_t len_bytes;
    uint32_t stride_bytes; /* > 0 unless len_bytes is 0 */
    struct rig_endpoint peer;
    struct rig_addr local; /* the address the peer sent to */
    rig_ns_t rx_wall_ns;   /* arrival, as near to the wire as the net can say */
};

struct rig_udp_events {
    void (*received)(void *ctx, const struct rig_udp_train *train);
    /* The network said no: -ECONNREFUSED (port unreachable), -EHOSTUNREACH, ... */
    void (*failed)(void *ctx, int error);
};

/* `peer` not NULL: connected, only that peer is heard. local->port 0: chosen. local->addr unset:
 * any address of the peer's family, or (no peer) IPv6 and IPv4 where the net can. */
int rig_udp_open(struct rig_udp **udp, struct rig_net *net, const struct rig_endpoint *local,
                 const struct rig_endpoint *peer, const struct rig_net_options *options,
                 const struct rig_udp_events *events, void *ctx, struct rig_err *err);
void rig_udp_close(struct rig_udp *udp); /* its senders are closed by then; NULL is allowed */
struct rig_endpoint rig_udp_local(const struct rig_udp *udp);
uint32_t rig_udp_window(const struct rig_udp *udp, bool send);
/* Datagrams that arrived and were thrown away for want of room, as far as the net can say. */
uint64_t rig_udp_rx_dropped(const struct rig_udp *udp);
/* Send one datagram now (control messages). `local` unset: chosen. 0 or -errno; -EAGAIN: no room.
 */
int rig_udp_send(struct rig_udp *udp, const struct rig_endpoint *peer, const struct rig_addr *local,
                 const void *data, uint32_t len_bytes);

/*
 * A sender's slots are contiguous, `stride` bytes apart, each holding `payload`; the caller may
 * write the first RIG_UDP_HEAD_BYTES of a slot (fewer if the payload is shorter) and nothing else.
 */
#define RIG_UDP_HEAD_BYTES 128u

struct rig_udp_sender_spec {
    struct rig_endpoint peer;
    struct rig_addr local; /* unset: chosen */
    const void *payload;   /* copied; len_bytes of it */
    uint32_t len_bytes;    /* 1 .. 65507 */
    bool single;           /* one packet a datagram: never a super-packet */
};

int rig_udp_sender_open(struct rig_udp_sender **sender, struct rig_udp *udp,
                        const struct rig_udp_sender_spec *spec, void (*writable)(void *ctx),
                        void *ctx, struct rig_err *err);
void rig_udp_sender_close(struct rig_udp_sender *sender); /* NULL is allowed */
/* The slots [0, *n) with *n <= what was asked; *stride between them. */
uint8_t *rig_udp_sender_slots(struct rig_udp_sender *sender, uint32_t *n, uint32_t *stride_bytes);
/* Send slots [0, n): returns how many datagrams the network took, in order (fewer: wait for
 * `writable`; the rest was not sent), or -errno if the peer or the device is gone. */
int64_t rig_udp_sender_commit(struct rig_udp_sender *sender, uint32_t n);

#endif
