/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the net over the kernel's sockets share: the net itself, and sockets made from
 * our addresses and options. */
#ifndef RIG_NET_NET_KERNEL_INTERNAL_H
#define RIG_NET_NET_KERNEL_INTERNAL_H

#include "net/net_internal.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct rig_net_kernel_rx; /* net_kernel_udp.c: what one recvmmsg fills */
struct rig_net_kernel_tx; /* net_kernel_udp_send.c: what one sendmmsg takes */

/*
 * Memory for what is on its way between a socket and a callback is the net's, not the object's: one
 * thread, so one at a time, and a thousand idle streams cost a thousand small structs.
 */
struct rig_net_kernel {
    struct rig_net base;
    /* The object whose callbacks run now. Its close clears this, and the code that called back
     * looks here before it touches the object again. */
    const void *current;
    uint8_t *read_buffer;
    uint32_t read_room_bytes;
    struct rig_net_kernel_rx *rx; /* NULL until the first UDP socket is opened */
    struct rig_net_kernel_tx *tx; /* NULL until the first UDP sender is opened */
};

union rig_net_kernel_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct rig_net_kernel_sender;

struct rig_net_kernel_udp {
    struct rig_udp base;
    struct rig_net_kernel *net;
    struct rig_watch watch;
    int fd;
    int family;
    bool connected;
    struct rig_endpoint peer;              /* if connected */
    struct rig_net_kernel_sender *senders; /* all that are open on this socket */
    struct rig_net_kernel_sender *next_to_wake;
    bool wants_room;    /* a sender waits for `writable` */
    uint64_t truncated; /* datagrams longer than the receive buffer */
};

struct rig_net_kernel_spec {
    int type;                              /* SOCK_STREAM or SOCK_DGRAM */
    const struct rig_endpoint *local;      /* NULL: chosen */
    const struct rig_endpoint *peer;       /* NULL: a socket that waits */
    const struct rig_net_options *options; /* NULL: the defaults */
};

/*
 * A non-blocking socket of the family that the addresses ask for, its options set, bound if `local`
 * asks for it or there is no peer. Returns the descriptor or -errno with a sentence.
 */
int rig_net_kernel_socket(const struct rig_net_kernel_spec *spec, struct rig_err *err);
/* Set what the options ask for; the sentence names the option and the value that was refused. */
int rig_net_kernel_options(int fd, const struct rig_net_kernel_spec *spec, struct rig_err *err);

/* For a socket of `family` (AF_INET6 takes IPv4 addresses as mapped ones). */
socklen_t rig_net_kernel_to(union rig_net_kernel_addr *out, const struct rig_endpoint *endpoint,
                            int family);
/* The kernel's address as ours, unmapped. */
struct rig_endpoint rig_net_kernel_from(const union rig_net_kernel_addr *in);
int rig_net_kernel_family(int fd);
struct rig_endpoint rig_net_kernel_local(int fd);
uint32_t rig_net_kernel_window(int fd, bool send);
/* The socket's pending error (cleared by this), 0 or a negative errno. */
int rig_net_kernel_error(int fd);
/* Why binding or connecting failed, in the user's words. */
const char *rig_net_kernel_reason(int code);

int rig_net_kernel_listener_open(struct rig_listener **listener, struct rig_net *net,
                                 const struct rig_endpoint *local,
                                 const struct rig_net_options *options,
                                 void (*accepted)(void *ctx, struct rig_stream *stream), void *ctx,
                                 struct rig_err *err);
int rig_net_kernel_stream_connect(struct rig_stream **stream, struct rig_net *net,
                                  const struct rig_endpoint *peer, const struct rig_endpoint *local,
                                  const struct rig_net_options *options,
                                  const struct rig_stream_events *events, void *ctx,
                                  struct rig_err *err);
/* A stream of a socket that was accepted, watched from now on; takes `fd` over. NULL: no memory,
 * and `fd` stays the caller's. */
struct rig_stream *rig_net_kernel_stream_adopt(struct rig_net_kernel *net, int fd,
                                               const struct rig_endpoint *peer);
/* Bring the loop's watch in line with what the socket waits for. */
void rig_net_kernel_udp_rewatch(struct rig_net_kernel_udp *udp);
/* There is room: call `writable` of every sender that waits. */
void rig_net_kernel_udp_wake(struct rig_net_kernel_udp *udp);
int rig_net_kernel_udp_send(struct rig_udp *base, const struct rig_endpoint *peer,
                            const struct rig_addr *local, const void *data, uint32_t len_bytes);
int rig_net_kernel_sender_open(struct rig_udp_sender **sender, struct rig_udp *base,
                               const struct rig_udp_sender_spec *spec, void (*writable)(void *ctx),
                               void *ctx, struct rig_err *err);
/* Free what the UDP half keeps in the net. */
void rig_net_kernel_rx_free(struct rig_net_kernel_rx *rx);
void rig_net_kernel_tx_free(struct rig_net_kernel_tx *tx);
int rig_net_kernel_udp_open(struct rig_udp **udp, struct rig_net *net,
                            const struct rig_endpoint *local, const struct rig_endpoint *peer,
                            const struct rig_net_options *options,
                            const struct rig_udp_events *events, void *ctx, struct rig_err *err);

#endif
