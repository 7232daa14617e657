/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iperf 2's wire format. Offsets are those of the packed structures of iperf 2.1.8
 * (doc/iperf2-wire.md lists them); older versions send prefixes of the same, save that datagram
 * headers had 12 bytes before 2.0.10, which moved everything behind them by 4.
 */
#include "proto/iperf2_wire.h"

#include <string.h>

enum {
    FLAG_VERSION1 = (int)0x80000000, /* -d or -r; also marks a server's report */
    FLAG_EXTEND = 0x40000000,
    FLAG_UDPTESTS = 0x20000000,
    FLAG_KEYCHECK = 0x10000000,
    FLAG_SEQ64 = 0x08000000,
    FLAG_VERSION2 = 0x04000000, /* -R or --full-duplex */
    FLAG_PEER_DETECT = 0x02000000,
    FLAG_BOUNCEBACK = 0x00800000,
    FLAG_LEN = 0x00010000,
    FLAG_LEN_MASK = 0x000001fe,
    FLAG_RUN_NOW = 0x00000001,
};

enum {
    UPPER_NOUDPFIN = 0x0008,
    UPPER_TRIPTIME = 0x0010,
    UPPER_UNITS_PPS = 0x0080,
    UPPER_REVERSE = 0x0400,
    UPPER_FULLDUPLEX = 0x0800,
    UPPER_EPOCH_START = 0x1000,
};

/* The base header of 24 bytes: flags, threads, port, length, window, amount. */
enum {
    BASE_FLAGS = 0,
    BASE_THREADS = 4,
    BASE_PORT = 8,
    BASE_LEN = 12,
    BASE_AMOUNT = 20,
    BASE_BYTES = 24,
    /* the extension of 36 bytes behind it */
    EXT_UPPER = BASE_BYTES + 8,
    EXT_VERSION_U = BASE_BYTES + 12,
    EXT_VERSION_L = BASE_BYTES + 16,
    EXT_TOS = BASE_BYTES + 22,
    EXT_RATE_L = BASE_BYTES + 24,
    EXT_RATE_U = BASE_BYTES + 28,
    EXT_END = BASE_BYTES + 36,
    /* start time and fair-queue rate, 20 bytes: TCP right behind, UDP behind 32 of isochronous */
    TCP_START = EXT_END,
    UDP_START = EXT_END + 32,
    START_SEC = 4,
    START_USEC = 8,
    START_BYTES = 20,
};

/* What this program calls itself to a peer that asks: iperf 2.1.8's own numbers, since peers choose
 * what they may send by them. */
#define VERSION_U 0x00020001u
#define VERSION_L 0x00080003u

#define UNIT_NS  (10 * RIG_NS_PER_MS) /* of a timed amount */
#define USEC_MAX 999999u

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof(v));
}

static rig_ns_t get_time(const uint8_t *p)
{
    return get32(p) * RIG_NS_PER_S + get32(p + 4) * RIG_NS_PER_US;
}

static void put_time(uint8_t *p, rig_ns_t wall_ns)
{
    put32(p, (uint32_t)(wall_ns / RIG_NS_PER_S));
    put32(p + 4, (uint32_t)(wall_ns % RIG_NS_PER_S / RIG_NS_PER_US));
}

/* ---- datagrams ---- */

bool rig_iperf2_udp_is_64bit(const uint8_t *data, uint32_t len_bytes)
{
    /* The flag's byte alone decides, so that it works for payloads that cut the header short. */
    return len_bytes > RIG_IPERF2_UDP_HDR_BYTES &&
           (data[RIG_IPERF2_UDP_HDR_BYTES] & (FLAG_SEQ64 >> 24)) != 0;
}

bool rig_iperf2_udp_read(struct rig_iperf2_datagram *out, const uint8_t *data, uint32_t len_bytes,
                         bool is_64bit)
{
    if (len_bytes < (is_64bit ? RIG_IPERF2_UDP_HDR_BYTES : RIG_IPERF2_UDP_HDR_MIN_BYTES))
        return false;
    if (get32(data + 8) > USEC_MAX)
        return false;
    if (is_64bit)
        out->id = (int64_t)((uint64_t)get32(data + 12) << 32 | get32(data));
    else
        out->id = (int32_t)get32(data);
    out->sent_wall_ns = get_time(data + 4);
    return out->id != INT64_MIN;
}

void rig_iperf2_udp_write(uint8_t *out, uint32_t room_bytes, const struct rig_iperf2_datagram *in)
{
    if (room_bytes < RIG_IPERF2_UDP_HDR_MIN_BYTES)
        return;
    put32(out, (uint32_t)in->id);
    put_time(out + 4, in->sent_wall_ns);
    if (room_bytes >= RIG_IPERF2_UDP_HDR_BYTES)
        put32(out + 12, (uint32_t)((uint64_t)in->id >> 32));
}

/* ---- requests ---- */

static void read_base(struct rig_iperf2_request *out, const uint8_t *base)
{
    uint32_t flags = get32(base + BASE_FLAGS);
    out->n_threads = get32(base + BASE_THREADS);
    out->port = (uint16_t)get32(base + BASE_PORT);
    out->len_bytes = get32(base + BASE_LEN);
    int32_t amount = (int32_t)get32(base + BASE_AMOUNT);
    if (amount < 0)
        out->duration_ns = (rig_ns_t)(-(int64_t)amount) * UNIT_NS;
    else
        out->amount_bytes = (uint64_t)amount;
    out->seq64 = (flags & FLAG_SEQ64) != 0;
    if ((flags & (uint32_t)FLAG_VERSION1) && !(flags & FLAG_VERSION2))
        out->test = flags & FLAG_RUN_NOW ? RIG_IPERF2_DUAL : RIG_IPERF2_TRADEOFF;
}

/* `start` is where the start time lies, or 0 if the request has none. */
static void read_extension(struct rig_iperf2_request *out, const uint8_t *base, uint32_t start)
{
    uint32_t flags = get32(base + BASE_FLAGS);
    uint16_t upper = get16(base + EXT_UPPER);
    out->tos = (uint8_t)get16(base + EXT_TOS);
    out->rate_bps = get32(base + EXT_RATE_L) | (uint64_t)(get32(base + EXT_RATE_U) >> 8) << 32;
    out->rate_is_pps = (upper & UPPER_UNITS_PPS) != 0;
    out->no_udp_fin = (upper & UPPER_NOUDPFIN) != 0;
    if (flags & FLAG_VERSION2) {
        if (upper & UPPER_FULLDUPLEX)
            out->test = RIG_IPERF2_FULL_DUPLEX;
        else if (upper & UPPER_REVERSE)
            out->test = RIG_IPERF2_REVERSE;
    }
    if (!start || get32(base + start + START_USEC) > USEC_MAX)
        return;
    out->trip_times = (upper & UPPER_TRIPTIME) != 0;
    out->has_start = (upper & UPPER_EPOCH_START) != 0;
    if (out->trip_times || out->has_start)
        out->start_wall_ns = get_time(base + start + START_SEC);
}

int32_t rig_iperf2_tcp_request_len(const uint8_t *data, uint32_t len_bytes)
{
    if (len_bytes < 4)
        return 0;
    uint32_t flags = get32(data);
    if (flags & FLAG_BOUNCEBACK ||
        !(flags & ((uint32_t)FLAG_VERSION1 | FLAG_VERSION2 | FLAG_EXTEND)))
        return -1;
    uint32_t need = BASE_BYTES;
    if (flags & FLAG_LEN)
        need = (flags & FLAG_LEN_MASK) >> 1;
    else if (flags & (FLAG_VERSION2 | FLAG_EXTEND))
        need = EXT_END;
    if (need < BASE_BYTES)
        return -1;
    return (int32_t)need;
}

bool rig_iperf2_tcp_request_read(struct rig_iperf2_request *out, const uint8_t *data,
                                 uint32_t len_bytes)
{
    *out = (struct rig_iperf2_request){.test = RIG_IPERF2_NORMAL};
    if (len_bytes < BASE_BYTES)
        return false;
    uint32_t flags = get32(data + BASE_FLAGS);
    read_base(out, data);
    bool extended = (flags & FLAG_EXTEND) && len_bytes >= EXT_END;
    if (extended)
        read_extension(out, data, len_bytes >= TCP_START + START_BYTES ? TCP_START : 0);
    out->wants_ack = (extended && !(flags & FLAG_VERSION2)) || (flags & FLAG_PEER_DETECT);
    return true;
}

static uint32_t test_flags(enum rig_iperf2_test test)
{
    switch (test) {
    case RIG_IPERF2_DUAL:
        return (uint32_t)FLAG_VERSION1 | FLAG_RUN_NOW;
    case RIG_IPERF2_TRADEOFF:
        return (uint32_t)FLAG_VERSION1;
    case RIG_IPERF2_REVERSE:
    case RIG_IPERF2_FULL_DUPLEX:
        return FLAG_VERSION2;
    case RIG_IPERF2_NORMAL:
        break;
    }
    return 0;
}

static uint16_t upper_flags(const struct rig_iperf2_request *in)
{
    uint16_t upper = 0;
    if (in->test == RIG_IPERF2_REVERSE)
        upper |= UPPER_REVERSE;
    if (in->test == RIG_IPERF2_FULL_DUPLEX)
        upper |= UPPER_FULLDUPLEX;
    if (in->trip_times)
        upper |= UPPER_TRIPTIME;
    if (in->has_start)
        upper |= UPPER_EPOCH_START;
    if (in->rate_is_pps)
        upper |= UPPER_UNITS_PPS;
    if (in->no_udp_fin)
        upper |= UPPER_NOUDPFIN;
    return upper;
}

static uint32_t amount_word(const struct rig_iperf2_request *in)
{
    if (in->amount_bytes)
        return (uint32_t)(in->amount_bytes > INT32_MAX ? INT32_MAX : in->amount_bytes);
    /* A time below one unit must not become 0, which stands for a test without end. */
    rig_ns_t units = in->duration_ns / UNIT_NS + (in->duration_ns % UNIT_NS != 0);
    return (uint32_t) - (int32_t)(units > INT32_MAX ? INT32_MAX : units);
}

static void write_common(uint8_t *base, const struct rig_iperf2_request *in, uint32_t start)
{
    put32(base + BASE_THREADS, in->n_threads);
    put32(base + BASE_PORT, in->port);
    put32(base + BASE_LEN, in->len_bytes);
    put32(base + BASE_AMOUNT, amount_word(in));
    put16(base + EXT_UPPER, upper_flags(in));
    put32(base + EXT_VERSION_U, VERSION_U);
    put32(base + EXT_VERSION_L, VERSION_L);
    put16(base + EXT_TOS, in->tos);
    put32(base + EXT_RATE_L, (uint32_t)in->rate_bps);
    put32(base + EXT_RATE_U, (uint32_t)(in->rate_bps >> 32) << 8);
    if (in->trip_times || in->has_start)
        put_time(base + start + START_SEC, in->start_wall_ns);
}

uint32_t rig_iperf2_tcp_request_write(uint8_t out[static RIG_IPERF2_TCP_HDR_MAX_BYTES],
                                      const struct rig_iperf2_request *in)
{
    uint32_t len = in->trip_times || in->has_start ? TCP_START + START_BYTES : EXT_END;
    memset(out, 0, len);
    write_common(out, in, TCP_START);
    put32(out + BASE_FLAGS, FLAG_EXTEND | FLAG_LEN | len << 1 | test_flags(in->test));
    return len;
}

bool rig_iperf2_udp_request_read(struct rig_iperf2_request *out, const uint8_t *data,
                                 uint32_t len_bytes)
{
    *out = (struct rig_iperf2_request){.test = RIG_IPERF2_NORMAL};
    bool is_64bit = rig_iperf2_udp_is_64bit(data, len_bytes);
    uint32_t hdr = is_64bit ? RIG_IPERF2_UDP_HDR_BYTES : RIG_IPERF2_UDP_HDR_MIN_BYTES;
    out->seq64 = is_64bit;
    if (len_bytes < hdr + BASE_BYTES)
        return false;
    const uint8_t *base = data + hdr;
    uint32_t flags = get32(base);
    if (!(flags & ((uint32_t)FLAG_VERSION1 | FLAG_VERSION2 | FLAG_EXTEND)))
        return false;
    read_base(out, base);
    out->seq64 = is_64bit;
    uint32_t room = len_bytes - hdr;
    if ((flags & FLAG_EXTEND) && room >= EXT_END)
        read_extension(out, base, room >= UDP_START + START_BYTES ? UDP_START : 0);
    return true;
}

uint32_t rig_iperf2_udp_request_write(uint8_t out[static RIG_IPERF2_UDP_REQUEST_MAX_BYTES],
                                      const struct rig_iperf2_request *in)
{
    bool start = in->trip_times || in->has_start;
    uint32_t len = RIG_IPERF2_UDP_HDR_BYTES + (start ? UDP_START + START_BYTES : EXT_END);
    /* The length that stock iperf announces leaves the start time out. */
    uint32_t said = RIG_IPERF2_UDP_HDR_BYTES + (start ? UDP_START : EXT_END);
    memset(out, 0, len);
    uint8_t *base = out + RIG_IPERF2_UDP_HDR_BYTES;
    write_common(base, in, UDP_START);
    uint32_t flags = FLAG_EXTEND | FLAG_SEQ64 | FLAG_LEN | said << 1 | test_flags(in->test);
    if (flags & FLAG_VERSION2 || start || in->no_udp_fin)
        flags |= FLAG_UDPTESTS;
    put32(base + BASE_FLAGS, flags);
    return len;
}

uint32_t rig_iperf2_ack_write(uint8_t out[static RIG_IPERF2_ACK_MAX_BYTES],
                              const struct rig_iperf2_request *request, rig_ns_t accepted_wall_ns,
                              rig_ns_t now_wall_ns)
{
    enum { TYPE_ACK = 2, SHORT_BYTES = 28 };
    uint32_t len = request->trip_times ? RIG_IPERF2_ACK_MAX_BYTES : SHORT_BYTES;
    memset(out, 0, len);
    put32(out, TYPE_ACK);
    put32(out + 4, len);
    put32(out + 12, VERSION_U);
    put32(out + 16, VERSION_L);
    if (request->trip_times) {
        put_time(out + 28, request->start_wall_ns);
        put_time(out + 36, accepted_wall_ns);
        put_time(out + 44, now_wall_ns);
    }
    return len;
}

/* ---- bursts ---- */

enum {
    BURST_START = 12,
    BURST_SENT = 20,
    BURST_ID = 44,
    BURST_SIZE = 48,
    BURST_SEQ_L = 52,
    BURST_SEQ_U = 56,
};

void rig_iperf2_burst_write(uint8_t out[static RIG_IPERF2_BURST_HDR_BYTES],
                            const struct rig_iperf2_burst *in)
{
    memset(out, 0, RIG_IPERF2_BURST_HDR_BYTES);
    put_time(out + BURST_START, in->start_wall_ns);
    put_time(out + BURST_SENT, in->sent_wall_ns);
    put32(out + BURST_ID, in->id);
    put32(out + BURST_SIZE, in->size_bytes);
    put32(out + BURST_SEQ_L, (uint32_t)in->seq_bytes);
    put32(out + BURST_SEQ_U, (uint32_t)((uint64_t)in->seq_bytes >> 32));
}

bool rig_iperf2_burst_read(struct rig_iperf2_burst *out,
                           const uint8_t in[static RIG_IPERF2_BURST_HDR_BYTES])
{
    out->id = get32(in + BURST_ID);
    out->size_bytes = get32(in + BURST_SIZE);
    out->seq_bytes = (int64_t)((uint64_t)get32(in + BURST_SEQ_U) << 32 | get32(in + BURST_SEQ_L));
    out->start_wall_ns = get_time(in + BURST_START);
    out->sent_wall_ns = get_time(in + BURST_SENT);
    return out->size_bytes >= RIG_IPERF2_BURST_HDR_BYTES;
}

/* ---- server reports ---- */

/* Offsets from the end of the datagram header. */
enum {
    REP_FLAGS = 0,
    REP_LEN = 4, /* upper, lower */
    REP_STOP = 12,
    REP_LOST = 20,
    REP_OOO = 24,
    REP_DATAGRAMS = 28,
    REP_JITTER = 32,
    REP_BASE_BYTES = 40,
    REP_TRANSIT = 40, /* min, max, sum, mean, m2, vd: seconds and microseconds each */
    REP_TRANSIT_COUNT = 88,
    REP_IPG_COUNT = 92,
    REP_IPG_SUM = 96,
    REP_LOST2 = 100,
    REP_OOO2 = 104,
    REP_DATAGRAMS2 = 108,
    REP_BYTES = 112,
};

/* A number as whole part and millionths, negative parts both negative, as iperf casts them. Sums of
 * delays between clocks that do not agree leave the field's range. */
static void put_split(uint8_t *p, double value)
{
    if (value > INT32_MAX)
        value = INT32_MAX;
    if (value < -INT32_MAX)
        value = -INT32_MAX;
    int32_t whole = (int32_t)value;
    put32(p, (uint32_t)whole);
    put32(p + 4, (uint32_t)(int32_t)((value - whole) * 1e6));
}

static double get_split(const uint8_t *p)
{
    return (int32_t)get32(p) + (int32_t)get32(p + 4) / 1e6;
}

static void write_transit(uint8_t *rep, const struct rig_iperf2_server_report *in)
{
    put_split(rep + REP_TRANSIT, in->transit_min_s);
    put_split(rep + REP_TRANSIT + 8, in->transit_max_s);
    put_split(rep + REP_TRANSIT + 16, in->transit_sum_s);
    put_split(rep + REP_TRANSIT + 24, in->transit_mean_s);
    put_split(rep + REP_TRANSIT + 32, in->transit_m2_s2 * 1e12);
    put32(rep + REP_TRANSIT_COUNT, (uint32_t)in->transit_count);
    double seconds = (double)in->duration_ns / 1e9;
    put32(rep + REP_IPG_COUNT, seconds > 0 ? (uint32_t)((double)in->datagrams / seconds) : 0);
    put32(rep + REP_IPG_SUM, 1);
}

void rig_iperf2_report_write(uint8_t out[static RIG_IPERF2_REPORT_BYTES],
                             const struct rig_iperf2_server_report *in, int64_t id)
{
    memset(out, 0, RIG_IPERF2_REPORT_BYTES);
    rig_iperf2_udp_write(out, RIG_IPERF2_UDP_HDR_BYTES, &(struct rig_iperf2_datagram){.id = id});
    uint8_t *rep = out + RIG_IPERF2_UDP_HDR_BYTES;
    put32(rep + REP_FLAGS,
          (uint32_t)FLAG_VERSION1 | FLAG_SEQ64 | (in->has_transit ? FLAG_EXTEND : 0u));
    put32(rep + REP_LEN, (uint32_t)(in->bytes >> 32));
    put32(rep + REP_LEN + 4, (uint32_t)in->bytes);
    put_time(rep + REP_STOP, in->duration_ns);
    put32(rep + REP_LOST, (uint32_t)in->lost);
    put32(rep + REP_OOO, (uint32_t)in->out_of_order);
    put32(rep + REP_DATAGRAMS, (uint32_t)in->datagrams);
    put_split(rep + REP_JITTER, in->jitter_ns / 1e9);
    put32(rep + REP_LOST2, (uint32_t)(in->lost >> 32));
    put32(rep + REP_OOO2, (uint32_t)(in->out_of_order >> 32));
    put32(rep + REP_DATAGRAMS2, (uint32_t)(in->datagrams >> 32));
    if (in->has_transit)
        write_transit(rep, in);
}

static void read_transit(struct rig_iperf2_server_report *out, const uint8_t *rep)
{
    out->has_transit = true;
    out->transit_min_s = get_split(rep + REP_TRANSIT);
    out->transit_max_s = get_split(rep + REP_TRANSIT + 8);
    out->transit_sum_s = get_split(rep + REP_TRANSIT + 16);
    out->transit_mean_s = get_split(rep + REP_TRANSIT + 24);
    double m2_s2 = get_split(rep + REP_TRANSIT + 32) / 1e12;
    out->transit_m2_s2 = m2_s2 > 0 ? m2_s2 : 0; /* a sum of squares: anything else is a lie */
    out->transit_count = get32(rep + REP_TRANSIT_COUNT);
}

/* Where the report's flags stand tells its age: behind 16 bytes since 2.0.10, with further flags;
 * behind 12 before, and then alone. 0: no report. */
static uint32_t report_header_len(const uint8_t *data, uint32_t len_bytes)
{
    if (len_bytes >= RIG_IPERF2_UDP_HDR_BYTES + REP_BASE_BYTES &&
        (get32(data + RIG_IPERF2_UDP_HDR_BYTES) & (uint32_t)FLAG_VERSION1))
        return RIG_IPERF2_UDP_HDR_BYTES;
    if (len_bytes >= RIG_IPERF2_UDP_HDR_MIN_BYTES + REP_BASE_BYTES &&
        get32(data + RIG_IPERF2_UDP_HDR_MIN_BYTES) == (uint32_t)FLAG_VERSION1)
        return RIG_IPERF2_UDP_HDR_MIN_BYTES;
    return 0;
}

bool rig_iperf2_report_read(struct rig_iperf2_server_report *out, const uint8_t *data,
                            uint32_t len_bytes)
{
    *out = (struct rig_iperf2_server_report){0};
    uint32_t hdr = report_header_len(data, len_bytes);
    struct rig_iperf2_datagram datagram;
    if (!hdr || !rig_iperf2_udp_read(&datagram, data, len_bytes, false) || datagram.id > 0)
        return false;
    const uint8_t *rep = data + hdr;
    uint32_t flags = get32(rep);
    out->bytes = (uint64_t)get32(rep + REP_LEN) << 32 | get32(rep + REP_LEN + 4);
    out->duration_ns = get_time(rep + REP_STOP);
    out->lost = get32(rep + REP_LOST);
    out->out_of_order = get32(rep + REP_OOO);
    out->datagrams = get32(rep + REP_DATAGRAMS);
    out->jitter_ns = get_split(rep + REP_JITTER) * 1e9;
    if (len_bytes - hdr < REP_BYTES)
        return true;
    if (flags & FLAG_SEQ64) {
        out->lost |= (uint64_t)get32(rep + REP_LOST2) << 32;
        out->out_of_order |= (uint64_t)get32(rep + REP_OOO2) << 32;
        out->datagrams |= (uint64_t)get32(rep + REP_DATAGRAMS2) << 32;
    }
    if (flags & FLAG_EXTEND)
        read_transit(out, rep);
    return true;
}
