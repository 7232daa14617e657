/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket options from struct rig_net_options. Each is set before connect or listen: windows decide
 * the window scale of the handshake, and what accept returns inherits from the listener.
 */
#include "net/net_kernel_internal.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>

struct option {
    int level;
    int name;
    int value;
    const char *text; /* as the sentence names it */
};

static int set_int(int fd, const struct option *option, struct rig_err *err)
{
    if (setsockopt(fd, option->level, option->name, &option->value, sizeof(option->value)) == 0)
        return 0;
    int code = -errno;
    return rig_err_set(err, code, "the kernel refuses %s %d: %s", option->text, option->value,
                       strerror(-code));
}

static int set_all(int fd, const struct option *options, uint32_t n, struct rig_err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        int code = set_int(fd, &options[i], err);
        if (code != 0)
            return code;
    }
    return 0;
}

static int set_congestion(int fd, const char *name, struct rig_err *err)
{
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
        return 0;
    int code = -errno;
    if (code == -ENOENT)
        return rig_err_set(err, code,
                           "this kernel has no congestion control '%s'; "
                           "/proc/sys/net/ipv4/tcp_available_congestion_control lists those it has",
                           name);
    return rig_err_set(err, code, "the kernel refuses congestion control '%s': %s", name,
                       code == -EPERM ? "it is not open to this user" : strerror(-code));
}

static int set_device(int fd, const char *device, struct rig_err *err)
{
    /* The kernel would cut a longer name and perhaps find another interface. */
    if (strlen(device) >= IFNAMSIZ)
        return rig_err_set(err, -ENODEV, "no interface has the name '%s': at most %d letters",
                           device, IFNAMSIZ - 1);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) == 0)
        return 0;
    int code = -errno;
    return rig_err_set(err, code, "cannot bind to the interface '%s': %s", device, strerror(-code));
}

static int set_window(int fd, uint32_t window_bytes, struct rig_err *err)
{
    int bytes = window_bytes < INT32_MAX ? (int)window_bytes : INT32_MAX;
    const struct option options[] = {
        {SOL_SOCKET, SO_SNDBUF, bytes, "a send window (SO_SNDBUF) of"},
        {SOL_SOCKET, SO_RCVBUF, bytes, "a receive window (SO_RCVBUF) of"},
    };
    return set_all(fd, options, 2, err);
}

/* An IPv6 socket that may carry IPv4 takes the IPv4 options too. */
static int set_tos(int fd, int family, int tos, struct rig_err *err)
{
    const struct option options[] = {
        {IPPROTO_IP, IP_TOS, tos, "the type of service (IP_TOS)"},
        {IPPROTO_IPV6, IPV6_TCLASS, tos, "the traffic class (IPV6_TCLASS)"},
    };
    return set_all(fd, options, family == AF_INET6 ? 2 : 1, err);
}

static int set_ttl(int fd, int family, int ttl, struct rig_err *err)
{
    const struct option options[] = {
        {IPPROTO_IP, IP_TTL, ttl, "a time to live (IP_TTL) of"},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "a hop limit (IPV6_UNICAST_HOPS) of"},
    };
    return set_all(fd, options, family == AF_INET6 ? 2 : 1, err);
}

static int set_multicast_ttl(int fd, int family, int ttl, struct rig_err *err)
{
    const struct option options[] = {
        {IPPROTO_IP, IP_MULTICAST_TTL, ttl, "a multicast time to live (IP_MULTICAST_TTL) of"},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl, "a multicast hop limit (IPV6_MULTICAST_HOPS) of"},
    };
    return set_all(fd, options, family == AF_INET6 ? 2 : 1, err);
}

static int set_tcp(int fd, const struct rig_net_options *options, struct rig_err *err)
{
    if (options->congestion) {
        int code = set_congestion(fd, options->congestion, err);
        if (code != 0)
            return code;
    }
    if (options->mss_bytes) {
        int bytes = options->mss_bytes < INT32_MAX ? (int)options->mss_bytes : INT32_MAX;
        const struct option mss = {IPPROTO_TCP, TCP_MAXSEG, bytes,
                                   "a segment size (TCP_MAXSEG, 88 to 32767) of"};
        int code = set_int(fd, &mss, err);
        if (code != 0)
            return code;
    }
    const struct option nodelay = {IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"};
    return options->nodelay ? set_int(fd, &nodelay, err) : 0;
}

static int set_ip(int fd, int family, const struct rig_net_options *options, struct rig_err *err)
{
    int code = options->window_bytes ? set_window(fd, options->window_bytes, err) : 0;
    if (code == 0 && options->tos)
        code = set_tos(fd, family, options->tos, err);
    if (code == 0 && options->ttl)
        code = set_ttl(fd, family, options->ttl, err);
    if (code == 0 && options->device)
        code = set_device(fd, options->device, err);
    return code;
}

int rig_net_kernel_options(int fd, const struct rig_net_kernel_spec *spec, struct rig_err *err)
{
    static const struct rig_net_options defaults;
    const struct rig_net_options *options = spec->options ? spec->options : &defaults;
    int family = rig_net_kernel_family(fd);
    if (family == AF_INET6) {
        /* Set both ways: the system's default (net.ipv6.bindv6only) may be either. */
        const struct option v6only = {IPPROTO_IPV6, IPV6_V6ONLY, options->v6only, "IPV6_V6ONLY"};
        int code = set_int(fd, &v6only, err);
        if (code != 0)
            return code;
    }
    int code = set_ip(fd, family, options, err);
    if (code == 0 && spec->type == SOCK_STREAM)
        code = set_tcp(fd, options, err);
    else if (code == 0 && options->ttl)
        code = set_multicast_ttl(fd, family, options->ttl, err);
    return code;
}
