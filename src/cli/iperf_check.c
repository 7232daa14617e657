/* SPDX-License-Identifier: BSD-2-Clause */
/* What the options of `netrig iperf` may say together. */
#include "cli/iperf_args.h"

#include <errno.h>

#define SECONDS_MAX 1000000000ull /* far from where sums of times would wrap round */

static int check_role(const struct rig_iperf_args *args, struct rig_err *err)
{
    if (args->server == (args->host != NULL))
        return rig_err_set(err, -EINVAL, "say either -s (server) or -c HOST (client)");
    if (args->server && args->iperf.test != RIG_IPERF2_NORMAL)
        return rig_err_set(err, -EINVAL, "-d, -r, -R and --full-duplex are for clients");
    if (!args->server && (args->daemon || args->iperf.one_at_a_time))
        return rig_err_set(err, -EINVAL, "-D and -1 are for servers");
    if (args->iperf.compatible && args->iperf.test != RIG_IPERF2_NORMAL)
        return rig_err_set(err, -EINVAL,
                           "-C sends no request, and -d, -r, -R and --full-duplex "
                           "need one");
    return 0;
}

static int check_place(const struct rig_iperf_args *args, struct rig_err *err)
{
    if (!args->on && args->stack_option_seen)
        return rig_err_set(err, -EINVAL,
                           "--ipv4, --ipv6, --mac, --arp and the gateways need --on "
                           "PORT: the kernel's sockets have the kernel's addresses");
    if (args->on && !args->iperf.udp)
        return rig_err_set(err, -EINVAL,
                           "on a port there is only UDP (-u); TCP needs the kernel's "
                           "sockets: leave --on out");
    return 0;
}

static int check_len(const struct rig_iperf_args *args, struct rig_err *err)
{
    uint32_t len = args->iperf.len_bytes;
    if (args->iperf.udp && (len < RIG_IPERF2_UDP_LEN_MIN_BYTES || len > 65507))
        return rig_err_set(err, -EINVAL, "-l %u: a datagram carries %u to 65507 bytes", len,
                           RIG_IPERF2_UDP_LEN_MIN_BYTES);
    if (!args->iperf.udp && args->iperf.trip_times && len < RIG_IPERF2_BURST_HDR_BYTES)
        return rig_err_set(err, -EINVAL, "-l %u: --trip-times needs writes of at least %u bytes",
                           len, RIG_IPERF2_BURST_HDR_BYTES);
    return 0;
}

static int check_times(const struct rig_iperf_args *args, struct rig_err *err)
{
    const rig_ns_t max_ns = SECONDS_MAX * RIG_NS_PER_S;
    if (args->iperf.duration_ns > max_ns || args->iperf.interval_ns > max_ns)
        return rig_err_set(err, -EINVAL, "-t and -i: at most %llu seconds", SECONDS_MAX);
    return 0;
}

/* A request has 31 bits for the amount. */
static int check_amount(const struct rig_iperf_args *args, struct rig_err *err)
{
    if (args->iperf.test != RIG_IPERF2_NORMAL && args->iperf.amount_bytes > INT32_MAX)
        return rig_err_set(err, -EINVAL, "-n %llu: a server can be asked for at most %d bytes",
                           (unsigned long long)args->iperf.amount_bytes, INT32_MAX);
    return 0;
}

int rig_iperf_args_check(const struct rig_iperf_args *args, struct rig_err *err)
{
    static int (*const checks[])(const struct rig_iperf_args *args, struct rig_err *err) = {
        check_role, check_place, check_len, check_times, check_amount,
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(checks) / sizeof(checks[0]); i++)
        rc = checks[i](args, err);
    return rc;
}
