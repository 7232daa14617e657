/* SPDX-License-Identifier: BSD-2-Clause */
/* Names to addresses, for `netrig iperf`. */
#include "cli/iperf_args.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#define HOST_NAME_BYTES_MAX 253

static void from_sockaddr(struct rig_addr *out, const struct sockaddr *sa)
{
    *out = (struct rig_addr){0};
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        out->family = 6;
        out->scope_id = in6.sin6_scope_id;
        memcpy(out->bytes, &in6.sin6_addr, 16);
    } else {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        out->family = 4;
        memcpy(out->bytes, &in.sin_addr, 4);
    }
}

static int resolve(struct rig_addr *out, const char *name, bool v6, struct rig_err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > HOST_NAME_BYTES_MAX)
        return rig_err_set(err, -EINVAL, "the name of a host has 1 to %d characters",
                           HOST_NAME_BYTES_MAX);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    hints.ai_family = v6 ? AF_INET6 : AF_UNSPEC;
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(name, NULL, &hints, &list);
    if (rc != 0 || !list)
        return rig_err_set(err, -EHOSTUNREACH, "no %saddress of '%s': %s", v6 ? "IPv6 " : "", name,
                           gai_strerror(rc));
    const struct addrinfo *chosen = list;
    for (const struct addrinfo *at = list; at && !v6; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            chosen = at;
            break;
        }
    }
    from_sockaddr(out, chosen->ai_addr);
    freeaddrinfo(list);
    return 0;
}

static int parse_port(uint16_t *port, const char *text, struct rig_err *err)
{
    int64_t value;
    if (rig_units_parse_int(&value, text, 0, UINT16_MAX, err) < 0)
        return rig_err_set(err, -EINVAL, "-B: '%.64s' is not a port: 0 to 65535", text);
    *port = (uint16_t)value;
    return 0;
}

static int cut_device(struct rig_iperf_args *args, char *text, struct rig_err *err)
{
    char *device = strchr(text, '%');
    if (!device)
        return 0;
    *device++ = '\0';
    if (strlen(device) == 0 || strlen(device) >= sizeof(args->device))
        return rig_err_set(err, -EINVAL, "-B: '%s' is not the name of an interface", device);
    memcpy(args->device, device, strlen(device) + 1);
    args->iperf.net.device = args->device;
    return 0;
}

/* "[ADDR]", "[ADDR]:PORT", "ADDR:PORT" (IPv4) or "ADDR": leaves the address in `text`. */
static int cut_port(struct rig_iperf_args *args, char *text, struct rig_err *err)
{
    char *port = NULL;
    if (text[0] == '[') {
        char *bracket = strchr(text, ']');
        if (!bracket || (bracket[1] && bracket[1] != ':'))
            return rig_err_set(err, -EINVAL, "-B: '%s' is not [ADDR] or [ADDR]:PORT", args->bind);
        if (bracket[1])
            port = bracket + 2;
        *bracket = '\0';
        memmove(text, text + 1, (size_t)(bracket - text));
    } else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
        port = strchr(text, ':');
        *port++ = '\0';
    }
    return port ? parse_port(&args->iperf.local.port, port, err) : 0;
}

static int resolve_bind(struct rig_iperf_args *args, struct rig_err *err)
{
    char text[256];
    if (strlen(args->bind) >= sizeof(text))
        return rig_err_set(err, -EINVAL, "-B: the address is too long");
    memcpy(text, args->bind, strlen(args->bind) + 1);
    int rc = cut_device(args, text, err);
    if (rc == 0)
        rc = cut_port(args, text, err);
    if (rc == 0 && text[0])
        rc = resolve(&args->iperf.local.addr, text, args->ipv6_domain, err);
    return rc;
}

static int check_ports(const struct rig_iperf2_config *iperf, struct rig_err *err)
{
    if (iperf->local.port && iperf->parallel &&
        iperf->local.port + iperf->parallel - 1 > UINT16_MAX)
        return rig_err_set(err, -EINVAL, "-B: no %u ports lie between %u and 65535",
                           iperf->parallel, iperf->local.port);
    return 0;
}

/* A port has one interface; among the kernel's a link-local address has to name its own. */
static int check_scope(const struct rig_iperf_args *args, struct rig_err *err)
{
    const struct rig_iperf2_config *iperf = &args->iperf;
    const struct rig_addr *peer = &iperf->peer.addr;
    bool local = peer->family == 6 && peer->bytes[0] == 0xfe && (peer->bytes[1] & 0xc0) == 0x80;
    if (!local || peer->scope_id || args->on || iperf->local.addr.scope_id || iperf->net.device)
        return 0;
    return rig_err_set(err, -EINVAL, "-c: '%s' is link-local: say its interface, as in %s%%eth0",
                       args->host, args->host);
}

int rig_iperf_args_resolve(struct rig_iperf_args *args, struct rig_err *err)
{
    struct rig_iperf2_config *iperf = &args->iperf;
    int rc = 0;
    if (args->server)
        iperf->local.addr.family = args->on ? 0 : args->ipv6_domain ? 6 : 4;
    if (args->bind)
        rc = resolve_bind(args, err);
    if (rc == 0 && args->server && !iperf->local.port)
        iperf->local.port = args->port;
    if (rc < 0 || args->server)
        return rc;
    rc = resolve(&iperf->peer.addr, args->host, args->ipv6_domain, err);
    iperf->peer.port = args->port;
    if (rc == 0 && iperf->udp && !iperf->len_set && iperf->peer.addr.family == 6)
        iperf->len_bytes = RIG_IPERF2_UDP6_LEN_BYTES;
    if (rc == 0 && iperf->local.addr.family && iperf->local.addr.family != iperf->peer.addr.family)
        rc = rig_err_set(err, -EINVAL, "-B and -c name addresses of different families");
    if (rc == 0)
        rc = check_ports(iperf, err);
    if (rc == 0)
        rc = check_scope(args, err);
    return rc;
}
