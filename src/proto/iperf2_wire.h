/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iperf 2's wire format (2.0.5 to 2.1.8), as values. doc/iperf2-wire.md has the field offsets. All
 * fields are big-endian. Nothing here trusts a length: each reader is given what has arrived and
 * answers only for that.
 */
#ifndef RIG_PROTO_IPERF2_WIRE_H
#define RIG_PROTO_IPERF2_WIRE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define RIG_IPERF2_PORT 5001

/* ---- datagrams ---- */

#define RIG_IPERF2_UDP_HDR_MIN_BYTES 12u /* id, seconds, microseconds: before 2.0.10 */
#define RIG_IPERF2_UDP_HDR_BYTES     16u /* and the upper half of the id */

struct rig_iperf2_datagram {
    int64_t id;            /* from 1 (from 0 before 2.0.10); negative: the last one */
    rig_ns_t sent_wall_ns; /* 0: the sender gave none */
};

/* Does a flow's datagram say that ids have 64 bits? */
bool rig_iperf2_udp_is_64bit(const uint8_t *data, uint32_t len_bytes);
/* False if shorter than a header or with an impossible time. */
bool rig_iperf2_udp_read(struct rig_iperf2_datagram *out, const uint8_t *data, uint32_t len_bytes,
                         bool is_64bit);
/* Writes RIG_IPERF2_UDP_HDR_BYTES, or the first 12 of them if there is no room for more. */
void rig_iperf2_udp_write(uint8_t *out, uint32_t room_bytes, const struct rig_iperf2_datagram *in);

/* ---- what a client asks for ---- */

enum rig_iperf2_test {
    RIG_IPERF2_NORMAL,      /* client sends */
    RIG_IPERF2_DUAL,        /* -d: server connects back at once */
    RIG_IPERF2_TRADEOFF,    /* -r: server connects back afterwards */
    RIG_IPERF2_REVERSE,     /* -R: server sends on the same socket */
    RIG_IPERF2_FULL_DUPLEX, /* both send on the same socket */
};

struct rig_iperf2_request {
    enum rig_iperf2_test test;
    uint32_t n_threads;
    uint16_t port;         /* where the client listens for -d and -r */
    uint32_t len_bytes;    /* 0: not given */
    uint64_t amount_bytes; /* 0: the test is timed */
    rig_ns_t duration_ns;  /* 0: the test is by amount, or endless */
    uint64_t rate_bps;     /* 0: not given; packets a second if rate_is_pps */
    bool rate_is_pps;
    uint8_t tos;
    bool trip_times;
    bool no_udp_fin;
    bool wants_ack;         /* the client waits for a header acknowledgement (TCP) */
    bool seq64;             /* UDP: 64-bit ids */
    rig_ns_t start_wall_ns; /* trip_times or txstart: when the client starts; else 0 */
    bool has_start;         /* --txstart-time */
};

#define RIG_IPERF2_TCP_HDR_MAX_BYTES     256u
#define RIG_IPERF2_UDP_REQUEST_MAX_BYTES 160u

/*
 * How many bytes of a stream's head make up the request: 0 if more than `len` are needed to know
 * (at least 4), -1 if the stream has no request at all (plain data, as mirage_iperf and -C send).
 */
int32_t rig_iperf2_tcp_request_len(const uint8_t *data, uint32_t len_bytes);
/* `len` as rig_iperf2_tcp_request_len said. False: contradictory; treat the stream as plain data.
 */
bool rig_iperf2_tcp_request_read(struct rig_iperf2_request *out, const uint8_t *data,
                                 uint32_t len_bytes);
/* Returns the bytes written, at most RIG_IPERF2_TCP_HDR_MAX_BYTES. */
uint32_t rig_iperf2_tcp_request_write(uint8_t out[static RIG_IPERF2_TCP_HDR_MAX_BYTES],
                                      const struct rig_iperf2_request *in);

/* The request in a datagram, from its start. False: there is none; `out` is then a normal test. */
bool rig_iperf2_udp_request_read(struct rig_iperf2_request *out, const uint8_t *data,
                                 uint32_t len_bytes);
/* Writes the datagram's header with id 0 and the request; returns the bytes written. */
uint32_t rig_iperf2_udp_request_write(uint8_t out[static RIG_IPERF2_UDP_REQUEST_MAX_BYTES],
                                      const struct rig_iperf2_request *in);

/* The server's acknowledgement of a TCP request (2.0.10 on). Returns the bytes written. */
#define RIG_IPERF2_ACK_MAX_BYTES 52u
uint32_t rig_iperf2_ack_write(uint8_t out[static RIG_IPERF2_ACK_MAX_BYTES],
                              const struct rig_iperf2_request *request, rig_ns_t accepted_wall_ns,
                              rig_ns_t now_wall_ns);

/* ---- bursts in a TCP stream (--trip-times) ---- */

#define RIG_IPERF2_BURST_HDR_BYTES 92u

struct rig_iperf2_burst {
    uint32_t id;
    uint32_t size_bytes; /* with its header */
    int64_t seq_bytes;   /* bytes of all bursts so far, with this one */
    rig_ns_t start_wall_ns;
    rig_ns_t sent_wall_ns;
};

void rig_iperf2_burst_write(uint8_t out[static RIG_IPERF2_BURST_HDR_BYTES],
                            const struct rig_iperf2_burst *in);
/* False: the size is smaller than the header. */
bool rig_iperf2_burst_read(struct rig_iperf2_burst *out,
                           const uint8_t in[static RIG_IPERF2_BURST_HDR_BYTES]);

/* ---- the server's report on a datagram test ---- */

#define RIG_IPERF2_REPORT_BYTES 128u /* datagram header 16, report 40, extension 60, 64-bit 12 */

struct rig_iperf2_server_report {
    uint64_t bytes;
    rig_ns_t duration_ns;
    uint64_t lost;
    uint64_t out_of_order;
    uint64_t datagrams; /* expected: the highest id */
    double jitter_ns;
    bool has_transit; /* the extension is filled in */
    double transit_min_s, transit_max_s, transit_mean_s, transit_sum_s, transit_m2_s2;
    uint64_t transit_count;
};

void rig_iperf2_report_write(uint8_t out[static RIG_IPERF2_REPORT_BYTES],
                             const struct rig_iperf2_server_report *in, int64_t id);
/* Both layouts (header of 12 or 16 bytes). False: not a report. A report has the id 0, or before
 * 2.0.10 that of the final datagram, negative. */
bool rig_iperf2_report_read(struct rig_iperf2_server_report *out, const uint8_t *data,
                            uint32_t len_bytes);

#endif
