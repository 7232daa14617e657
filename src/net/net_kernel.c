/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net over the kernel's sockets: the net itself, and how a socket is made from our addresses
 * and options. Streams are in net_kernel_stream.c, datagrams in net_kernel_udp.c (receive) and
 * net_kernel_udp_send.c.
 */
#include "net/net_kernel_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IP4_UDP_HEADERS_BYTES 28u
#define IP6_UDP_HEADERS_BYTES 48u
#define UDP_PAYLOAD_MAX_BYTES 65507u

/* ---- addresses ---- */

static void to_v6(struct sockaddr_in6 *out, const struct rig_endpoint *endpoint)
{
    out->sin6_family = AF_INET6;
    out->sin6_port = htons(endpoint->port);
    if (endpoint->addr.family == 4 && !rig_addr_is_any(&endpoint->addr)) {
        out->sin6_addr.s6_addr[10] = 0xff;
        out->sin6_addr.s6_addr[11] = 0xff;
        memcpy(&out->sin6_addr.s6_addr[12], endpoint->addr.bytes, 4);
    } else if (endpoint->addr.family == 6) {
        memcpy(out->sin6_addr.s6_addr, endpoint->addr.bytes, 16);
        out->sin6_scope_id = endpoint->addr.scope_id;
    }
}

socklen_t rig_net_kernel_to(union rig_net_kernel_addr *out, const struct rig_endpoint *endpoint,
                            int family)
{
    memset(out, 0, sizeof(*out));
    if (family == AF_INET6) {
        to_v6(&out->v6, endpoint);
        return sizeof(out->v6);
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(endpoint->port);
    if (endpoint->addr.family == 4)
        memcpy(&out->v4.sin_addr, endpoint->addr.bytes, 4);
    return sizeof(out->v4);
}

struct rig_endpoint rig_net_kernel_from(const union rig_net_kernel_addr *in)
{
    struct rig_endpoint endpoint = {.port = 0};
    if (in->any.sa_family == AF_INET) {
        endpoint.addr.family = 4;
        memcpy(endpoint.addr.bytes, &in->v4.sin_addr, 4);
        endpoint.port = ntohs(in->v4.sin_port);
    } else if (in->any.sa_family == AF_INET6) {
        endpoint.addr.family = 6;
        memcpy(endpoint.addr.bytes, in->v6.sin6_addr.s6_addr, 16);
        endpoint.addr.scope_id = in->v6.sin6_scope_id;
        endpoint.port = ntohs(in->v6.sin6_port);
        rig_addr_unmap(&endpoint.addr);
    }
    return endpoint;
}

int rig_net_kernel_family(int fd)
{
    int family = AF_UNSPEC;
    socklen_t len = sizeof(family);
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
    return family;
}

struct rig_endpoint rig_net_kernel_local(int fd)
{
    union rig_net_kernel_addr name = {.any.sa_family = AF_UNSPEC};
    socklen_t len = sizeof(name);
    getsockname(fd, &name.any, &len);
    return rig_net_kernel_from(&name);
}

/* ---- a socket ---- */

uint32_t rig_net_kernel_window(int fd, bool send)
{
    int bytes = 0;
    socklen_t len = sizeof(bytes);
    if (getsockopt(fd, SOL_SOCKET, send ? SO_SNDBUF : SO_RCVBUF, &bytes, &len) != 0 || bytes < 0)
        return 0;
    return (uint32_t)bytes;
}

int rig_net_kernel_error(int fd)
{
    int code = 0;
    socklen_t len = sizeof(code);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
        return -errno;
    return -code;
}

const char *rig_net_kernel_reason(int code)
{
    switch (-code) {
    case EADDRINUSE:
        return "the address is in use";
    case EADDRNOTAVAIL:
        return "no interface of this host has the address, or no port is left";
    case EACCES:
    case EPERM:
        return "permission denied";
    case EMFILE:
        return "this process may not open more files (ulimit -n)";
    case EAFNOSUPPORT:
        return "this kernel does not have the address family";
    case ENETUNREACH:
        return "no route leads there";
    default:
        return strerror(-code);
    }
}

/* AF_INET6 also serves "any address of both families". */
static int choose_family(const struct rig_net_kernel_spec *spec, struct rig_err *err)
{
    uint8_t local = spec->local ? spec->local->addr.family : 0;
    uint8_t peer = spec->peer ? spec->peer->addr.family : 0;
    if (local && peer && local != peer)
        return rig_err_set(err, -EINVAL,
                           "the local address is IPv%u and the peer's is IPv%u: both must be of "
                           "one family",
                           local, peer);
    return (peer ? peer : local) == 4 ? AF_INET : AF_INET6;
}

static int join_group(int fd, const struct rig_net_kernel_spec *spec,
                      const union rig_net_kernel_addr *group, socklen_t len, struct rig_err *err)
{
    if (spec->type != SOCK_DGRAM || !rig_addr_is_multicast(&spec->local->addr))
        return 0;
    struct group_req request = {.gr_interface = spec->local->addr.scope_id};
    if (spec->options && spec->options->device)
        request.gr_interface = if_nametoindex(spec->options->device);
    memcpy(&request.gr_group, group, len);
    int level = group->any.sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof(request)) == 0)
        return 0;
    char text[RIG_ADDR_TEXT_MAX];
    int code = -errno;
    return rig_err_set(err, code, "cannot join the multicast group %s: %s",
                       rig_addr_format(&spec->local->addr, text), rig_net_kernel_reason(code));
}

static int bind_local(int fd, const struct rig_net_kernel_spec *spec, int family,
                      struct rig_err *err)
{
    static const struct rig_endpoint any;
    const struct rig_endpoint *local = spec->local ? spec->local : &any;
    bool named = local->port || (local->addr.family && !rig_addr_is_any(&local->addr));
    if (spec->peer && !named)
        return 0;
    int on = 1;
    /* A stream's port may be in TIME_WAIT; a datagram port is either ours or another's. */
    if (spec->type == SOCK_STREAM || rig_addr_is_multicast(&local->addr))
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* With a peer to come the kernel can choose the port when it knows both ends. */
    if (spec->peer && !local->port)
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    union rig_net_kernel_addr name;
    socklen_t len = rig_net_kernel_to(&name, local, family);
    if (bind(fd, &name.any, len) == 0)
        return spec->local ? join_group(fd, spec, &name, len, err) : 0;
    int code = -errno;
    struct rig_endpoint shown = rig_net_kernel_from(&name);
    char text[RIG_ENDPOINT_TEXT_MAX];
    return rig_err_set(err, code, "cannot bind %s %s: %s",
                       spec->type == SOCK_STREAM ? "TCP" : "UDP", rig_endpoint_format(&shown, text),
                       rig_net_kernel_reason(code));
}

static int open_socket(const struct rig_net_kernel_spec *spec, int family, struct rig_err *err)
{
    int fd = socket(family, spec->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int code = -errno;
        return rig_err_set(err, code, "cannot make an IPv%d %s socket: %s",
                           family == AF_INET ? 4 : 6, spec->type == SOCK_STREAM ? "TCP" : "UDP",
                           rig_net_kernel_reason(code));
    }
    int code = rig_net_kernel_options(fd, spec, err);
    if (code == 0)
        code = bind_local(fd, spec, family, err);
    if (code == 0)
        return fd;
    close(fd);
    return code;
}

int rig_net_kernel_socket(const struct rig_net_kernel_spec *spec, struct rig_err *err)
{
    int family = choose_family(spec, err);
    if (family < 0)
        return family;
    int fd = open_socket(spec, family, err);
    /* A kernel without IPv6 still has "any address". */
    bool any_family = !spec->peer && (!spec->local || spec->local->addr.family == 0);
    if (fd == -EAFNOSUPPORT && any_family && !(spec->options && spec->options->v6only))
        fd = open_socket(spec, AF_INET, err);
    return fd;
}

/* ---- the net ---- */

static void kernel_free(struct rig_net *net)
{
    struct rig_net_kernel *kernel = (struct rig_net_kernel *)net;
    rig_net_kernel_rx_free(kernel->rx);
    rig_net_kernel_tx_free(kernel->tx);
    free(kernel->read_buffer);
    free(kernel);
}

/* The route's MTU (or the path's, where it is known), asked of a connected probe. */
static uint32_t route_mtu_bytes(const struct rig_addr *peer)
{
    int family = peer->family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    struct rig_endpoint endpoint = {.addr = *peer, .port = 9}; /* no packet leaves */
    union rig_net_kernel_addr name;
    socklen_t len = rig_net_kernel_to(&name, &endpoint, family);
    int mtu = 0;
    socklen_t mtu_len = sizeof(mtu);
    if (connect(fd, &name.any, len) != 0 ||
        getsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                   family == AF_INET ? IP_MTU : IPV6_MTU, &mtu, &mtu_len) != 0)
        mtu = 0;
    close(fd);
    return mtu > 0 ? (uint32_t)mtu : 0;
}

static uint32_t kernel_udp_payload_max(const struct rig_net *net, const struct rig_addr *peer)
{
    (void)net;
    uint32_t headers = peer->family == 4 ? IP4_UDP_HEADERS_BYTES : IP6_UDP_HEADERS_BYTES;
    uint32_t mtu = route_mtu_bytes(peer);
    if (mtu <= headers)
        return 0;
    uint32_t payload = mtu - headers;
    return payload < UDP_PAYLOAD_MAX_BYTES ? payload : UDP_PAYLOAD_MAX_BYTES;
}

static const struct rig_net_ops kernel_ops = {
    .free = kernel_free,
    .udp_payload_max = kernel_udp_payload_max,
    .listener_open = rig_net_kernel_listener_open,
    .stream_connect = rig_net_kernel_stream_connect,
    .udp_open = rig_net_kernel_udp_open,
};

int rig_net_kernel_new(struct rig_net **net, struct rig_loop *loop, struct rig_err *err)
{
    struct rig_net_kernel *kernel = calloc(1, sizeof(*kernel));
    if (!kernel)
        return rig_err_set(err, -ENOMEM, "no memory for the kernel's net");
    kernel->base.ops = &kernel_ops;
    kernel->base.loop = loop;
    *net = &kernel->base;
    return 0;
}
