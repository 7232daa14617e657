/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP stream of an iperf 2 test, at either end: it may receive, send, or both. A server's first
 * reads the client's request; a client's first sends it.
 */
#ifndef RIG_PROTO_IPERF2_CONN_H
#define RIG_PROTO_IPERF2_CONN_H

#include "load/pacer.h"
#include "proto/iperf2_meter.h"

/* How much a conn sends, and how fast. */
struct rig_iperf2_amount {
    rig_ns_t duration_ns; /* 0: by bytes */
    uint64_t bytes;       /* 0: by time; both 0: until stopped */
    double rate_pps;      /* of writes or datagrams of len_bytes; 0: unlimited */
    uint32_t len_bytes;   /* of a write (at most the run's own) or a datagram */
    bool bursts;          /* TCP: each write has a header with its time (--trip-times) */
};

struct rig_iperf2_conn;

struct rig_iperf2_conn_events {
    void (*connected)(void *ctx, struct rig_iperf2_conn *conn);
    /* Server: the request is there (or the stream has none: a normal test). Say what to do by
     * rig_iperf2_conn_receive and rig_iperf2_conn_send before returning; do not end it. */
    void (*requested)(void *ctx, struct rig_iperf2_conn *conn,
                      const struct rig_iperf2_request *request);
    /* All that was to be done is done, or `error` ended it. The conn may be freed. */
    void (*done)(void *ctx, struct rig_iperf2_conn *conn, int error);
};

struct rig_iperf2_conn_tx {
    bool active;
    bool draining; /* all written; waiting for the last acknowledgement */
    struct rig_iperf2_meter meter;
    struct rig_pacer pacer;
    struct rig_timer timer; /* next write is due, or look whether all is acknowledged */
    uint32_t len_bytes;
    bool bursts;
    rig_ns_t end_ns;                            /* UINT64_MAX: not by time */
    uint64_t left_bytes;                        /* UINT64_MAX: not by amount */
    uint8_t head[RIG_IPERF2_TCP_HDR_MAX_BYTES]; /* request or burst header on its way */
    uint32_t head_len_bytes;
    uint32_t head_sent_bytes;
    uint32_t block_left_bytes; /* of the write that is under way */
    uint32_t burst_id;
    int64_t burst_seq_bytes;
    rig_ns_t start_wall_ns;
    uint64_t unacked_bytes; /* at the last look while draining */
    rig_ns_t progress_ns;   /* when that last changed; before, when bytes were last taken */
};

struct rig_iperf2_conn_rx {
    bool active;
    struct rig_iperf2_meter meter;
    struct rig_timer watchdog;
    rig_ns_t silence_ns; /* give up when nothing comes for so long; 0: never */
    rig_ns_t progress_ns;
    uint8_t head[RIG_IPERF2_TCP_HDR_MAX_BYTES]; /* request (server), then burst headers */
    uint32_t head_len_bytes;
    bool reading_request;
    bool bursts; /* --trip-times: the stream is made of bursts */
    uint32_t burst_left_bytes;
    rig_ns_t burst_sent_wall_ns;
};

struct rig_iperf2_conn {
    struct rig_iperf2_run *run;
    struct rig_stream *stream;
    const struct rig_iperf2_conn_events *events;
    void *ctx;
    uint32_t id;
    bool connected;
    bool done;
    bool eof;
    rig_ns_t accepted_wall_ns;
    struct rig_iperf2_conn_tx tx;
    struct rig_iperf2_conn_rx rx;
    struct rig_iperf2_conn *next; /* the owner's list */
};

int rig_iperf2_conn_connect(struct rig_iperf2_conn **conn, struct rig_iperf2_run *run,
                            const struct rig_endpoint *peer, const struct rig_endpoint *local,
                            const struct rig_iperf2_conn_events *events, void *ctx,
                            struct rig_err *err);
/* Take over an accepted stream; its request is read first. */
struct rig_iperf2_conn *rig_iperf2_conn_accepted(struct rig_iperf2_run *run,
                                                 struct rig_stream *stream,
                                                 const struct rig_iperf2_conn_events *events,
                                                 void *ctx);
/* Report CONNECTED in the direction that it is first used for. */
void rig_iperf2_conn_announce(struct rig_iperf2_conn *conn, bool is_sender);
/* Begin to count what comes. `bursts`: with --trip-times. Silence of `silence_ns` is an error (0:
 * it may last for ever). */
void rig_iperf2_conn_receive(struct rig_iperf2_conn *conn, struct rig_iperf2_group *group,
                             bool bursts, rig_ns_t silence_ns);
/* Begin to send; `request` (or NULL) goes first. */
void rig_iperf2_conn_send(struct rig_iperf2_conn *conn, struct rig_iperf2_group *group,
                          const struct rig_iperf2_amount *amount,
                          const struct rig_iperf2_request *request);
/* Only send a request; the peer will do the sending. */
void rig_iperf2_conn_ask(struct rig_iperf2_conn *conn, const struct rig_iperf2_request *request);
/* End now, with results of what was measured; `done` is not called. */
void rig_iperf2_conn_stop(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_free(struct rig_iperf2_conn *conn); /* NULL is allowed */

/* Between the parts of a conn. */
void rig_iperf2_conn_end(struct rig_iperf2_conn *conn, int error);
void rig_iperf2_conn_check_done(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_tx_init(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_tx_fini(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_tx_writable(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_rx_init(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_rx_fini(struct rig_iperf2_conn *conn);
void rig_iperf2_conn_rx_readable(struct rig_iperf2_conn *conn, const uint8_t *data,
                                 uint32_t len_bytes);
void rig_iperf2_conn_rx_eof(struct rig_iperf2_conn *conn);

#endif
