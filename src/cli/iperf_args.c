/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/iperf_args.h"
#include "cli/cmd.h"
#include "cli/iperf_tos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_SERVER = 1,
    OPT_CLIENT,
    OPT_UDP,
    OPT_PORT,
    OPT_TIME,
    OPT_NUM,
    OPT_INTERVAL,
    OPT_RATE,
    OPT_LEN,
    OPT_WINDOW,
    OPT_PARALLEL,
    OPT_DUAL,
    OPT_TRADEOFF,
    OPT_REVERSE,
    OPT_DUPLEX,
    OPT_ENHANCED,
    OPT_FORMAT,
    OPT_STYLE,
    OPT_BIND,
    OPT_MSS,
    OPT_NODELAY,
    OPT_TOS,
    OPT_TTL,
    OPT_V6,
    OPT_CONGESTION,
    OPT_ONE,
    OPT_DAEMON,
    OPT_OUTPUT,
    OPT_TXSTART,
    OPT_TRIP,
    OPT_LISTEN,
    OPT_COMPAT,
    OPT_SINGLE,
    OPT_ON,
    OPT_IPV4,
    OPT_GATEWAY,
    OPT_IPV6,
    OPT_GATEWAY6,
    OPT_MAC,
    OPT_ARP,
    OPT_JSON,
};

/* clang-format off */
static const struct rig_option options[] = {
    {'s', "server", NULL, "Role", "run as a server", OPT_SERVER},
    {'c', "client", "HOST", NULL, "run as a client of the server at HOST", OPT_CLIENT},

    {'u', "udp", NULL, "Client and server", "datagrams instead of a stream", OPT_UDP},
    {'p', "port", "PORT", NULL, "port to listen on or connect to (5001)", OPT_PORT},
    {'i', "interval", "SECONDS", NULL, "report every so many seconds (at least 0.005)", OPT_INTERVAL},
    {'l', "len", "BYTES[kmKM]", NULL, "length of a read, a write or a datagram (TCP 128K, UDP 1470, UDP over IPv6 1450)", OPT_LEN},
    {'w', "window", "BYTES[kmKM]", NULL, "socket buffer size (TCP the system's; UDP 4M to receive)", OPT_WINDOW},
    {'B', "bind", "ADDR[:PORT][%DEV]", NULL, "local address, port and interface", OPT_BIND},
    {'M', "mss", "BYTES", NULL, "TCP maximum segment size", OPT_MSS},
    {'N', "nodelay", NULL, NULL, "no Nagle algorithm", OPT_NODELAY},
    {'S', "tos", "TOS", NULL, "type of service: a number, or a name such as ef, af21, cs6", OPT_TOS},
    {'T', "ttl", "HOPS", NULL, "time to live", OPT_TTL},
    {'V', "ipv6_domain", NULL, NULL, "IPv6: prefer it (client), hear it too (server)", OPT_V6},
    {'Z', "tcp-congestion", "NAME", NULL, "TCP congestion control, such as cubic or bbr", OPT_CONGESTION},
    {'C', "compatibility", NULL, NULL, "send no request ahead of the data", OPT_COMPAT},

    {'t', "time", "SECONDS", "Client", "how long to send (10); server: how long to serve (for ever)", OPT_TIME},
    {'n', "num", "BYTES[kmgKMG]", NULL, "how much to send, instead of -t", OPT_NUM},
    {'b', "bandwidth", "RATE[kmgKMG|pps]", NULL, "bits or datagrams a second (UDP 1M, TCP unlimited; 0: unlimited)", OPT_RATE},
    {'P', "parallel", "N", NULL, "flows at a time; server: end after N flows", OPT_PARALLEL},
    {'d', "dualtest", NULL, NULL, "the server connects back and sends at the same time", OPT_DUAL},
    {'r', "tradeoff", NULL, NULL, "the server connects back and sends afterwards", OPT_TRADEOFF},
    {'R', "reverse", NULL, NULL, "the server sends, on the same socket", OPT_REVERSE},
    {0, "full-duplex", NULL, NULL, "both send, on the same socket", OPT_DUPLEX},
    {'L', "listenport", "PORT", NULL, "where -d and -r come back to (the server's port)", OPT_LISTEN},
    {0, "trip-times", NULL, NULL, "measure one-way delays (both clocks must agree)", OPT_TRIP},
    {0, "txstart-time", "EPOCH", NULL, "start to send at this second since 1970 (a decimal)", OPT_TXSTART},
    {0, "no-gso", NULL, NULL, "UDP: one packet a datagram, no super-packets", OPT_SINGLE},

    {'1', "singleclient", NULL, "Server", "serve one client host at a time", OPT_ONE},
    {'D', "daemon", NULL, NULL, "run in the background; reports go to -o FILE", OPT_DAEMON},

    {'e', "enhanced", NULL, "Output", "more columns: writes, retransmissions, window, delays", OPT_ENHANCED},
    {'f', "format", "LETTER", NULL, "unit: b k m g t bits, B K M G T bytes, a A adaptive", OPT_FORMAT},
    {'y', "reportstyle", "C", NULL, "comma-separated values, iperf's columns", OPT_STYLE},
    {'o', "output", "FILE", NULL, "write reports to FILE", OPT_OUTPUT},
    {0, "json", NULL, NULL, "one JSON object a line, while it runs", OPT_JSON},

    {0, "on", "PORT", "Where it stands (default: the kernel's sockets)", "stand on a port with an IP stack of its own: tap:NAME, packet:IF (see 'netrig ports')", OPT_ON},
    {0, "ipv4", "ADDR/LEN|dhcp|none", NULL, "own IPv4 address (dhcp; none when only --ipv6 is given)", OPT_IPV4},
    {0, "ipv4-gateway", "ADDR", NULL, "IPv4 router", OPT_GATEWAY},
    {0, "ipv6", "ADDR/LEN|auto", NULL, "own IPv6 address, or from router advertisements", OPT_IPV6},
    {0, "ipv6-gateway", "ADDR", NULL, "IPv6 router", OPT_GATEWAY6},
    {0, "mac", "MAC", NULL, "own MAC (a random local one)", OPT_MAC},
    {0, "arp", "MAC/IP", NULL, "a permanent neighbour; may be repeated", OPT_ARP},
};
/* clang-format on */

static const struct rig_options table = {
    .command = "iperf",
    .summary = "measure TCP and UDP with iperf 2 at the other end, or netrig",
    .synopsis = "-s [OPTION...]\n-c HOST [OPTION...]",
    .description =
        "An iperf 2 client and server that works with stock iperf 2.0.5 to 2.1.8 and with itself. "
        "It stands on the kernel's sockets or, with --on, on a port with an IP stack of its own: "
        "on the tap where a unikernel would stand. What is measured is goodput: payload bytes "
        "that arrived.\n"
        "Suffixes are iperf's: lower case counts by 1000, upper case by 1024.\n"
        "On a port there is UDP; TCP needs the kernel's sockets.",
    .examples = "netrig iperf -s\n"
                "netrig iperf -c 10.0.0.1 -t 5 -i 1 -Z cubic\n"
                "netrig iperf -s -u --on tap:tap0 --ipv4 10.0.0.2/24\n"
                "netrig iperf -c 10.0.0.1 -u -b 100m --on tap:tap0 --ipv4 10.0.0.2/24 --json",
    .env_prefix = "IPERF_",
    .n_options = sizeof(options) / sizeof(options[0]),
    .options = options,
};

const struct rig_options *rig_cmd_iperf_options(void)
{
    return &table;
}

/* ---- single values ---- */

static int parse_u32(uint32_t *out, const char *arg, int64_t min, int64_t max, struct rig_err *err)
{
    int64_t value;
    int rc = rig_units_parse_int(&value, arg, min, max, err);
    if (rc == 0)
        *out = (uint32_t)value;
    return rc;
}

static int parse_u16(uint16_t *out, const char *arg, int64_t min, struct rig_err *err)
{
    uint32_t value;
    int rc = parse_u32(&value, arg, min, UINT16_MAX, err);
    if (rc == 0)
        *out = (uint16_t)value;
    return rc;
}

static int parse_bytes(uint32_t *out, const char *arg, uint32_t min, uint32_t max,
                       struct rig_err *err)
{
    uint64_t value;
    int rc = rig_units_parse_iperf(&value, arg, err);
    if (rc < 0)
        return rc;
    if (value < min || value > max)
        return rig_err_set(err, -EINVAL, "'%s' bytes; %u to %u are allowed", arg, min, max);
    *out = (uint32_t)value;
    return 0;
}

static int parse_family(struct rig_addr *out, const char *arg, uint8_t family, struct rig_err *err)
{
    int rc = rig_addr_parse(out, arg, err);
    if (rc == 0 && out->family != family)
        rc = rig_err_set(err, -EINVAL, "'%s' is not an IPv%u address", arg, family);
    return rc;
}

static int parse_family_prefix(struct rig_prefix *out, const char *arg, uint8_t family,
                               struct rig_err *err)
{
    int rc = rig_prefix_parse(out, arg, err);
    if (rc == 0 && out->addr.family != family)
        rc = rig_err_set(err, -EINVAL, "'%s' is not an IPv%u address", arg, family);
    return rc;
}

static int parse_interval(rig_ns_t *out, const char *arg, struct rig_err *err)
{
    int rc = rig_units_parse_seconds(out, arg, err);
    if (rc == 0 && *out && *out < 5 * RIG_NS_PER_MS)
        rc = rig_err_set(err, -EINVAL, "'%s' is too short; 0.005 is the shortest interval", arg);
    return rc;
}

static int parse_format(char *out, const char *arg, struct rig_err *err)
{
    if (strlen(arg) != 1 || !strchr("bkmgtBKMGTaA", arg[0]))
        return rig_err_set(err, -EINVAL, "'%s' is not one of b k m g t B K M G T a A", arg);
    *out = arg[0];
    return 0;
}

static int parse_neighbour(struct rig_stack_config *stack, const char *arg, struct rig_err *err)
{
    const char *slash = strchr(arg, '/');
    char mac[RIG_MAC_TEXT_MAX] = "";
    if (!slash || (size_t)(slash - arg) >= sizeof(mac))
        return rig_err_set(err, -EINVAL, "'%s' is not MAC/IP, such as 02:00:00:00:00:01/10.0.0.1",
                           arg);
    if (stack->n_neighbours == RIG_STACK_ARP_MAX)
        return rig_err_set(err, -EINVAL, "more than %d neighbours", RIG_STACK_ARP_MAX);
    memcpy(mac, arg, (size_t)(slash - arg));
    struct rig_stack_neighbour *neighbour = &stack->neighbours[stack->n_neighbours];
    int rc = rig_mac_parse(&neighbour->mac, mac, err);
    if (rc == 0)
        rc = rig_addr_parse(&neighbour->addr, slash + 1, err);
    if (rc == 0)
        stack->n_neighbours++;
    return rc;
}

static int set_test(struct rig_iperf_args *args, enum rig_iperf2_test test, struct rig_err *err)
{
    if (args->iperf.test != RIG_IPERF2_NORMAL && args->iperf.test != test)
        return rig_err_set(err, -EINVAL,
                           "only one of -d, -r, -R and --full-duplex can be asked for");
    args->iperf.test = test;
    return 0;
}

static int set_ipv4(struct rig_iperf_args *args, const char *arg, struct rig_err *err)
{
    args->ipv4_set = true;
    args->stack.no_ipv4 = strcmp(arg, "none") == 0;
    if (args->stack.no_ipv4 || strcmp(arg, "dhcp") == 0) {
        args->stack.ipv4.addr.family = 0;
        return 0;
    }
    return parse_family_prefix(&args->stack.ipv4, arg, 4, err);
}

static int set_ipv6(struct rig_iperf_args *args, const char *arg, struct rig_err *err)
{
    args->stack.ipv6 = true;
    if (strcmp(arg, "auto") == 0)
        return 0;
    return parse_family_prefix(&args->stack.ipv6_static, arg, 6, err);
}

/* ---- the options, by what they belong to ---- */

static int set_role(struct rig_iperf_args *args, int id, const char *arg, struct rig_err *err)
{
    switch (id) {
    case OPT_SERVER:
        args->server = true;
        return 0;
    case OPT_CLIENT:
        args->host = arg;
        return 0;
    case OPT_UDP:
        args->iperf.udp = true;
        return 0;
    case OPT_PORT:
        return parse_u16(&args->port, arg, 1, err);
    case OPT_BIND:
        args->bind = arg;
        return 0;
    case OPT_V6:
        args->ipv6_domain = true;
        return 0;
    case OPT_DAEMON:
        args->daemon = true;
        return 0;
    default:
        return -ENOENT;
    }
}

static int set_load(struct rig_iperf_args *args, int id, const char *arg, struct rig_err *err)
{
    struct rig_iperf2_config *iperf = &args->iperf;
    switch (id) {
    case OPT_TIME:
        args->duration_set = true;
        return rig_units_parse_seconds(&iperf->duration_ns, arg, err);
    case OPT_NUM:
        return rig_units_parse_iperf(&iperf->amount_bytes, arg, err);
    case OPT_INTERVAL:
        return parse_interval(&iperf->interval_ns, arg, err);
    case OPT_RATE:
        iperf->rate_set = true;
        return rig_units_parse_iperf_rate(&iperf->rate, arg, err);
    case OPT_LEN:
        iperf->len_set = true;
        return parse_bytes(&iperf->len_bytes, arg, 1, 1u << 30, err);
    case OPT_PARALLEL:
        return parse_u32(&iperf->parallel, arg, 1, 10000, err);
    case OPT_LISTEN:
        return parse_u16(&iperf->listen_port, arg, 1, err);
    case OPT_TXSTART:
        return rig_units_parse_seconds(&iperf->txstart_wall_ns, arg, err);
    case OPT_TRIP:
        iperf->trip_times = true;
        return 0;
    case OPT_COMPAT:
        iperf->compatible = true;
        return 0;
    case OPT_SINGLE:
        iperf->single = true;
        return 0;
    case OPT_ONE:
        iperf->one_at_a_time = true;
        return 0;
    default:
        return -ENOENT;
    }
}

static int set_direction(struct rig_iperf_args *args, int id, const char *arg, struct rig_err *err)
{
    (void)arg;
    switch (id) {
    case OPT_DUAL:
        return set_test(args, RIG_IPERF2_DUAL, err);
    case OPT_TRADEOFF:
        return set_test(args, RIG_IPERF2_TRADEOFF, err);
    case OPT_REVERSE:
        return set_test(args, RIG_IPERF2_REVERSE, err);
    case OPT_DUPLEX:
        return set_test(args, RIG_IPERF2_FULL_DUPLEX, err);
    default:
        return -ENOENT;
    }
}

static int set_socket(struct rig_iperf_args *args, int id, const char *arg, struct rig_err *err)
{
    struct rig_net_options *net = &args->iperf.net;
    uint32_t value = 0;
    int rc = 0;
    switch (id) {
    case OPT_WINDOW:
        return parse_bytes(&net->window_bytes, arg, 1, 1u << 30, err);
    case OPT_MSS:
        return parse_u32(&net->mss_bytes, arg, 88, 65495, err);
    case OPT_NODELAY:
        net->nodelay = true;
        return 0;
    case OPT_TOS:
        return rig_iperf_tos_parse(&net->tos, arg, err);
    case OPT_TTL:
        rc = parse_u32(&value, arg, 1, 255, err);
        net->ttl = (uint8_t)value;
        return rc;
    case OPT_CONGESTION:
        net->congestion = arg;
        return 0;
    default:
        return -ENOENT;
    }
}

static int set_output(struct rig_iperf_args *args, int id, const char *arg, struct rig_err *err)
{
    switch (id) {
    case OPT_ENHANCED:
        args->iperf.enhanced = true;
        return 0;
    case OPT_FORMAT:
        return parse_format(&args->format, arg, err);
    case OPT_STYLE:
        if (strcmp(arg, "C") != 0 && strcmp(arg, "c") != 0)
            return rig_err_set(err, -EINVAL, "'%s'; C is the only style", arg);
        args->style = RIG_IPERF_OUTPUT_CSV;
        return 0;
    case OPT_OUTPUT:
        args->output = arg;
        return 0;
    case OPT_JSON:
        args->style = RIG_IPERF_OUTPUT_JSON;
        return 0;
    default:
        return -ENOENT;
    }
}

static int set_place(struct rig_iperf_args *args, int id, const char *arg, struct rig_err *err)
{
    if (id == OPT_ON) {
        args->on = strcmp(arg, "kernel") == 0 ? NULL : arg;
        return 0;
    }
    args->stack_option_seen = true;
    switch (id) {
    case OPT_IPV4:
        return set_ipv4(args, arg, err);
    case OPT_GATEWAY:
        return parse_family(&args->stack.ipv4_gateway, arg, 4, err);
    case OPT_IPV6:
        return set_ipv6(args, arg, err);
    case OPT_GATEWAY6:
        return parse_family(&args->stack.ipv6_gateway, arg, 6, err);
    case OPT_MAC:
        return rig_mac_parse(&args->stack.mac, arg, err);
    case OPT_ARP:
        return parse_neighbour(&args->stack, arg, err);
    default:
        return -ENOENT;
    }
}

static int set_option(void *ctx, int id, const char *arg, struct rig_err *err)
{
    static int (*const sets[])(struct rig_iperf_args * args, int id, const char *arg,
                               struct rig_err *err) = {
        set_role, set_load, set_direction, set_socket, set_output, set_place,
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        int rc = sets[i](ctx, id, arg, err);
        if (rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* ---- the whole ---- */

static void fill_defaults(struct rig_iperf_args *args)
{
    struct rig_iperf2_config *iperf = &args->iperf;
    bool v6 = args->ipv6_domain || (args->host && strchr(args->host, ':'));
    if (!iperf->len_set)
        iperf->len_bytes = !iperf->udp ? RIG_IPERF2_TCP_LEN_BYTES
                           : v6        ? RIG_IPERF2_UDP6_LEN_BYTES
                                       : RIG_IPERF2_UDP4_LEN_BYTES;
    if (iperf->udp && !iperf->rate_set && !args->server)
        iperf->rate.value = RIG_IPERF2_UDP_RATE_BPS;
    if (!args->server && !args->duration_set && !iperf->amount_bytes)
        iperf->duration_ns = RIG_IPERF2_DURATION_NS;
    if (args->stack.ipv6 && !args->ipv4_set)
        args->stack.no_ipv4 = true;
}

int rig_iperf_args_parse(struct rig_iperf_args *args, int argc, char **argv, struct rig_err *err)
{
    *args = (struct rig_iperf_args){.port = RIG_IPERF2_PORT, .format = 'a'};
    const struct rig_options_sink sink = {.set = set_option, .ctx = args};
    int first;
    int rc = rig_options_parse(&table, argc, argv, &sink, &first, err);
    if (rc != 0)
        return rc;
    if (first < argc)
        return rig_err_set(err, -EINVAL, "unexpected argument '%s'", argv[first]);
    fill_defaults(args);
    return rig_iperf_args_check(args, err);
}
