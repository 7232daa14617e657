/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two halves of a datagram flow, used by clients and by a server's sessions alike: a receiver
 * that knows what became of every number, and a sender whose datagrams each have their due time.
 */
#ifndef RIG_PROTO_IPERF2_UDP_H
#define RIG_PROTO_IPERF2_UDP_H

#include "load/jitter.h"
#include "load/pacer.h"
#include "load/seq.h"
#include "proto/iperf2_conn.h"
#include "proto/iperf2_meter.h"

/* ---- receiving ---- */

struct rig_iperf2_udp_rx {
    struct rig_udp *udp;
    uint64_t dropped_before; /* rig_udp_rx_dropped at the start of this flow */
    struct rig_iperf2_meter meter;
    struct rig_seq seq;
    struct rig_jitter jitter;
    bool started;
    bool ended; /* the final datagram came */
    bool seq64;
    rig_ns_t progress_ns; /* last arrival */
};

void rig_iperf2_udp_rx_init(struct rig_iperf2_udp_rx *rx, struct rig_iperf2_run *run,
                            struct rig_udp *udp);
void rig_iperf2_udp_rx_fini(struct rig_iperf2_udp_rx *rx);
/* Count a train. When it holds the final datagram the result is reported and `ended` is set; what
 * comes after that is not counted. */
void rig_iperf2_udp_rx_train(struct rig_iperf2_udp_rx *rx, const struct rig_udp_train *train);
/* End it now (a stop, or a peer that fell silent). */
void rig_iperf2_udp_rx_finish(struct rig_iperf2_udp_rx *rx, rig_ns_t end_ns);
/* Write the report that the peer gets, RIG_IPERF2_REPORT_BYTES. */
void rig_iperf2_udp_rx_answer(const struct rig_iperf2_udp_rx *rx,
                              uint8_t out[static RIG_IPERF2_REPORT_BYTES]);

/* ---- sending ---- */

#define RIG_IPERF2_FIN_TRIES   10
#define RIG_IPERF2_FIN_WAIT_NS (250 * RIG_NS_PER_MS)

struct rig_iperf2_udp_tx {
    struct rig_iperf2_run *run;
    struct rig_udp *udp;
    struct rig_udp_sender *sender;
    struct rig_endpoint peer;
    struct rig_addr local;
    struct rig_iperf2_meter meter;
    struct rig_pacer pacer;
    struct rig_timer timer;
    /* The flow is over: acknowledged (0), never acknowledged (-ETIMEDOUT), or the network said
     * no. */
    void (*done)(void *ctx, int error);
    void *ctx;
    bool active;
    bool finishing; /* all sent but the final datagram, which is repeated until it is answered */
    bool expects_answer;
    uint32_t tries;
    int64_t next_id;
    uint32_t len_bytes;
    rig_ns_t end_ns;
    uint64_t left_bytes;
    rig_ns_t wall_offset_ns;  /* wall clock minus monotonic clock at the start: stamps never step */
    uint8_t *payload;         /* a datagram as it is sent, request included */
    uint32_t first_len_bytes; /* of the first one, which always holds the whole request */
};

struct rig_iperf2_udp_tx_spec {
    struct rig_udp *udp;
    struct rig_endpoint peer;
    struct rig_addr local;
    struct rig_iperf2_amount amount; /* and the length of the datagrams */
    const struct rig_iperf2_request *request;
    struct rig_iperf2_group *group;
    bool expects_answer; /* the final datagram is repeated until rig_iperf2_udp_tx_answered */
    bool full_duplex;
    bool trip_times;
    void (*done)(void *ctx, int error);
    void *ctx;
};

/* Sends the first datagram at once; the rest follows from the loop. */
int rig_iperf2_udp_tx_start(struct rig_iperf2_udp_tx *tx, struct rig_iperf2_run *run,
                            const struct rig_iperf2_udp_tx_spec *spec, uint32_t id,
                            struct rig_err *err);
/* The peer has seen the final datagram. */
void rig_iperf2_udp_tx_answered(struct rig_iperf2_udp_tx *tx);
/* The network said no. */
void rig_iperf2_udp_tx_failed(struct rig_iperf2_udp_tx *tx, int error);
/* End it now with a result, without telling the peer more than one final datagram; no `done`. */
void rig_iperf2_udp_tx_stop(struct rig_iperf2_udp_tx *tx);
void rig_iperf2_udp_tx_fini(struct rig_iperf2_udp_tx *tx);

#endif
