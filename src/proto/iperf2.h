/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iperf 2 as a client and as a server, over any net (src/net). A run tells what it sees through
 * `report`, from first to last, and ends with one `done`. It prints nothing, and it works with
 * stock iperf 2.0.5 to 2.1.8 at the other end.
 *
 * What is measured: goodput (payload bytes of TCP or UDP). A receiver counts what arrived; a
 * sender's time ends when its bytes were acknowledged (TCP) or left (UDP), not when they were
 * queued. Intervals always add up to the result, so the last one may be shorter, and the lost
 * datagrams of an interval may be negative when late ones arrived after all.
 */
#ifndef RIG_PROTO_IPERF2_H
#define RIG_PROTO_IPERF2_H

#include "base/stats.h"
#include "base/units.h"
#include "net/net.h"
#include "proto/iperf2_wire.h"

#define RIG_IPERF2_UDP_RATE_BPS      1048576ull /* without -b, as iperf 2.1 */
#define RIG_IPERF2_TCP_LEN_BYTES     (128u * 1024u)
#define RIG_IPERF2_UDP4_LEN_BYTES    1470u
#define RIG_IPERF2_UDP6_LEN_BYTES    1450u
#define RIG_IPERF2_DURATION_NS       (10 * RIG_NS_PER_S)
#define RIG_IPERF2_UDP_LEN_MIN_BYTES 18u /* what stock iperf calls its smallest payload */

struct rig_iperf2_config {
    bool udp;
    struct rig_endpoint peer;  /* client: the server */
    struct rig_endpoint local; /* server: where to listen; client: -B (port 0: chosen) */
    uint16_t listen_port;      /* client, -L: where -d and -r come back; 0: the server's port */
    enum rig_iperf2_test test; /* client */
    rig_ns_t duration_ns;      /* -t; 0: client by amount, server for ever */
    uint64_t amount_bytes;     /* client, -n; 0: timed */
    rig_ns_t interval_ns;      /* -i; 0: none */
    uint32_t len_bytes;        /* -l: of a write, a read or a datagram; > 0 */
    bool len_set;
    struct rig_rate rate; /* -b; value 0: as fast as it goes */
    bool rate_set;
    uint32_t parallel;  /* client: streams; server: end after that many (0: never) */
    bool one_at_a_time; /* server, -1 */
    bool compatible;    /* client, -C: no request is sent */
    bool trip_times;
    bool single;              /* one packet a datagram, never a super-packet */
    bool enhanced;            /* -e: fill the report that goes to the client, too */
    rig_ns_t txstart_wall_ns; /* 0: at once */
    struct rig_net_options net;
};

enum rig_iperf2_event {
    RIG_IPERF2_LISTENING,
    RIG_IPERF2_CONNECTING,
    RIG_IPERF2_CONNECTED, /* a flow stands (UDP: its first datagram came or left) */
    RIG_IPERF2_INTERVAL,
    RIG_IPERF2_RESULT,       /* of one flow in one direction, from its start to its end */
    RIG_IPERF2_SUM_INTERVAL, /* of the flows that run together in one direction */
    RIG_IPERF2_SUM_RESULT,
    RIG_IPERF2_SERVER_REPORT, /* UDP: what the far receiver counted */
    RIG_IPERF2_WARNING,       /* `text`: one sentence; the run goes on */
    RIG_IPERF2_FAILED,        /* `text`: one sentence; this flow is over */
};

#define RIG_IPERF2_READ_BINS 8

struct rig_iperf2_counts {
    uint64_t bytes;
    uint64_t datagrams; /* UDP: sent, or expected by the receiver */
    int64_t lost;
    uint64_t out_of_order;
    uint64_t duplicated;
    uint64_t ops;                             /* writes or reads that moved something */
    uint64_t op_errors;                       /* writes for which there was no room */
    uint64_t read_bins[RIG_IPERF2_READ_BINS]; /* TCP reads by size, in eighths of -l */
    uint64_t retransmits;
};

struct rig_iperf2_report {
    enum rig_iperf2_event event;
    uint32_t id;      /* number of the flow; 0 for sums and the run itself */
    uint32_t n_flows; /* of a sum */
    bool is_sender;   /* the counts are of data that this side sends */
    bool is_server;
    bool udp;
    bool full_duplex;
    bool trip_times; /* the sender's clock is said to agree with ours */
    struct rig_endpoint local;
    struct rig_endpoint peer;
    rig_ns_t start_ns; /* of this line, from the start of the flow */
    rig_ns_t end_ns;
    struct rig_iperf2_counts counts; /* of this line alone */
    double jitter_ns;                /* UDP receiver: at the end of this line */
    struct rig_stats transit_s;      /* one-way, --trip-times or UDP with synchronised clocks */
    struct rig_stats pacing_late_ns; /* UDP sender's result: departure minus due time */
    bool has_info;
    struct rig_stream_info info; /* TCP sender */
    uint32_t window_bytes;       /* CONNECTED: as granted */
    const char *text;            /* WARNING, FAILED */
};

struct rig_iperf2_hooks {
    /* `report` and what it points to are valid during the call. */
    void (*report)(void *ctx, const struct rig_iperf2_report *report);
    /* The run is over: 0, or the negative errno of the first thing that failed. Called once; the
     * run may be freed in it. */
    void (*done)(void *ctx, int error);
    void *ctx;
};

/* Packets a second that a rate means with datagrams or writes of `len` bytes; 0: unlimited. */
double rig_iperf2_rate_pps(const struct rig_rate *rate, uint32_t len_bytes);

struct rig_iperf2_client;
struct rig_iperf2_server;

/* `config` is copied; its strings must outlive the run. */
int rig_iperf2_client_new(struct rig_iperf2_client **client, struct rig_net *net,
                          const struct rig_iperf2_config *config,
                          const struct rig_iperf2_hooks *hooks, struct rig_err *err);
/* End now: results of what has been measured are reported, then `done`. */
void rig_iperf2_client_stop(struct rig_iperf2_client *client);
void rig_iperf2_client_free(struct rig_iperf2_client *client); /* NULL is allowed */

int rig_iperf2_server_new(struct rig_iperf2_server **server, struct rig_net *net,
                          const struct rig_iperf2_config *config,
                          const struct rig_iperf2_hooks *hooks, struct rig_err *err);
void rig_iperf2_server_stop(struct rig_iperf2_server *server);
void rig_iperf2_server_free(struct rig_iperf2_server *server); /* NULL is allowed */

#endif
