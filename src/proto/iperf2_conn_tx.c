/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sending half of a conn.
 *
 * What is written is a sequence of blocks of `len` bytes; each block is due at its own time when
 * the rate is limited. A block may have a head of its own (the request before the first one, a
 * burst header with --trip-times), which is written first and counts as payload, as iperf counts
 * it.
 *
 * The end: at the time or the amount asked for the stream is shut down; the sender's clock goes
 * on until the last byte is acknowledged, so that bytes which still wait in a buffer of this host
 * never make the rate look better than the network was.
 */
#include "proto/iperf2_conn.h"

#include <errno.h>
#include <string.h>

#define PUSH_BYTES        (2u << 20) /* written in one turn of the loop before others get theirs */
#define DRAIN_LOOK_NS     RIG_NS_PER_MS
#define DRAIN_PATIENCE_NS (10 * RIG_NS_PER_S) /* without a byte being acknowledged */
#define STALL_PATIENCE_NS (60 * RIG_NS_PER_S) /* of a server with a client that does not read */

static void push(struct rig_iperf2_conn *conn);
static void drain(struct rig_iperf2_conn *conn);

static void on_timer(void *ctx)
{
    struct rig_iperf2_conn *conn = ctx;
    if (conn->tx.draining)
        drain(conn);
    else
        push(conn);
}

static void sample(void *ctx)
{
    struct rig_iperf2_conn *conn = ctx;
    struct rig_iperf2_meter *meter = &conn->tx.meter;
    if (!conn->stream)
        return;
    meter->has_info = rig_stream_info(conn->stream, &meter->info);
    if (meter->has_info)
        meter->total.retransmits = meter->info.retransmits;
}

void rig_iperf2_conn_tx_init(struct rig_iperf2_conn *conn)
{
    rig_timer_init(&conn->tx.timer, on_timer, conn);
    rig_iperf2_meter_init(&conn->tx.meter, conn->run, NULL, true);
    conn->tx.meter.sample = sample;
    conn->tx.meter.ctx = conn;
}

void rig_iperf2_conn_tx_fini(struct rig_iperf2_conn *conn)
{
    rig_loop_timer_stop(conn->run->loop, &conn->tx.timer);
    rig_iperf2_meter_fini(&conn->tx.meter);
    conn->tx.active = false;
}

static void finish(struct rig_iperf2_conn *conn, rig_ns_t end_ns)
{
    rig_iperf2_meter_finish(&conn->tx.meter, end_ns);
    rig_iperf2_conn_tx_fini(conn);
    rig_iperf2_conn_check_done(conn);
}

static void drain(struct rig_iperf2_conn *conn)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    rig_ns_t now_ns = rig_clock_ns();
    uint64_t unacked_bytes = rig_stream_unacked(conn->stream);
    if (!unacked_bytes) {
        finish(conn, now_ns);
        return;
    }
    if (unacked_bytes != tx->unacked_bytes) {
        tx->unacked_bytes = unacked_bytes;
        tx->progress_ns = now_ns;
    }
    if (now_ns - tx->progress_ns > DRAIN_PATIENCE_NS) {
        rig_iperf2_conn_end(conn, -ETIMEDOUT);
        return;
    }
    rig_loop_timer_set(conn->run->loop, &tx->timer, now_ns + DRAIN_LOOK_NS);
}

static void start_draining(struct rig_iperf2_conn *conn)
{
    conn->tx.draining = true;
    conn->tx.progress_ns = rig_loop_now(conn->run->loop);
    rig_stream_shutdown(conn->stream);
    drain(conn);
}

static void put_burst_header(struct rig_iperf2_conn *conn, uint32_t block_bytes)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    tx->burst_seq_bytes += block_bytes;
    struct rig_iperf2_burst burst = {
        .id = ++tx->burst_id,
        .size_bytes = block_bytes,
        .seq_bytes = tx->burst_seq_bytes,
        .start_wall_ns = tx->start_wall_ns,
        .sent_wall_ns = rig_clock_wall_ns(),
    };
    rig_iperf2_burst_write(tx->head, &burst);
    tx->head_len_bytes = RIG_IPERF2_BURST_HDR_BYTES;
    tx->head_sent_bytes = 0;
}

/* Prepare the next block. False: it is not due yet (the timer is set), or all is written. */
static bool next_block(struct rig_iperf2_conn *conn, rig_ns_t now_ns)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    if (now_ns >= tx->end_ns || !tx->left_bytes) {
        start_draining(conn);
        return false;
    }
    if (!rig_pacer_due(&tx->pacer, now_ns, 1)) {
        rig_ns_t due_ns = rig_pacer_next(&tx->pacer, now_ns);
        rig_loop_timer_set(conn->run->loop, &tx->timer, due_ns < tx->end_ns ? due_ns : tx->end_ns);
        return false;
    }
    rig_pacer_sent(&tx->pacer, now_ns, 1);
    tx->progress_ns = now_ns;
    uint32_t block = tx->len_bytes;
    if (block > tx->left_bytes)
        block = (uint32_t)tx->left_bytes;
    if (tx->bursts) {
        if (block < RIG_IPERF2_BURST_HDR_BYTES)
            block = RIG_IPERF2_BURST_HDR_BYTES;
        put_burst_header(conn, block);
        block -= RIG_IPERF2_BURST_HDR_BYTES;
    }
    tx->block_left_bytes = block;
    return true;
}

/* Write from the head or the block; returns the bytes taken, or -errno. */
static int64_t write_some(struct rig_iperf2_conn *conn, uint32_t *asked_bytes)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    if (tx->head_sent_bytes < tx->head_len_bytes) {
        *asked_bytes = tx->head_len_bytes - tx->head_sent_bytes;
        int64_t n = rig_stream_write(conn->stream, tx->head + tx->head_sent_bytes, *asked_bytes);
        if (n > 0)
            tx->head_sent_bytes += (uint32_t)n;
        return n;
    }
    *asked_bytes = tx->block_left_bytes;
    int64_t n = rig_stream_write(conn->stream, conn->run->pattern, *asked_bytes);
    if (n > 0)
        tx->block_left_bytes -= (uint32_t)n;
    return n;
}

static void account(struct rig_iperf2_conn *conn, uint64_t n, rig_ns_t now_ns)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    rig_iperf2_meter_at(&tx->meter, now_ns);
    tx->meter.total.bytes += n;
    if (n) {
        tx->meter.total.ops++;
        tx->progress_ns = now_ns;
    }
    if (tx->left_bytes != UINT64_MAX)
        tx->left_bytes -= n < tx->left_bytes ? n : tx->left_bytes;
}

/* `writable` goes on; the timer sees to the end if the peer never reads again. A user may wait as
 * long as he likes, but nobody may bind a server for ever. */
static void wait_for_room(struct rig_iperf2_conn *conn, rig_ns_t now_ns)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    rig_ns_t due_ns = tx->end_ns;
    if (now_ns >= tx->end_ns) {
        start_draining(conn);
        return;
    }
    if (conn->run->is_server) {
        rig_ns_t stalled_ns = tx->progress_ns + STALL_PATIENCE_NS;
        if (now_ns >= stalled_ns) {
            rig_iperf2_conn_end(conn, -ETIMEDOUT);
            return;
        }
        due_ns = due_ns < stalled_ns ? due_ns : stalled_ns;
    }
    if (due_ns != UINT64_MAX)
        rig_loop_timer_set(conn->run->loop, &tx->timer, due_ns);
}

static void push(struct rig_iperf2_conn *conn)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    uint64_t pushed_bytes = 0;
    while (pushed_bytes < PUSH_BYTES) {
        rig_ns_t now_ns = rig_clock_ns();
        bool head = tx->head_sent_bytes < tx->head_len_bytes;
        if (!head && !tx->block_left_bytes && !next_block(conn, now_ns))
            return;
        uint32_t asked_bytes;
        int64_t n = write_some(conn, &asked_bytes);
        if (n < 0) {
            rig_iperf2_conn_end(conn, (int)n);
            return;
        }
        account(conn, (uint64_t)n, now_ns);
        pushed_bytes += (uint64_t)n;
        if ((uint32_t)n < asked_bytes) {
            tx->meter.total.op_errors += n == 0;
            wait_for_room(conn, now_ns);
            return;
        }
    }
    rig_loop_timer_set(conn->run->loop, &tx->timer, rig_loop_now(conn->run->loop));
}

void rig_iperf2_conn_tx_writable(struct rig_iperf2_conn *conn)
{
    if (conn->tx.active && !conn->tx.draining)
        push(conn);
}

void rig_iperf2_conn_ask(struct rig_iperf2_conn *conn, const struct rig_iperf2_request *request)
{
    uint8_t head[RIG_IPERF2_TCP_HDR_MAX_BYTES];
    uint32_t len = rig_iperf2_tcp_request_write(head, request);
    /* The first bytes of a fresh connection always fit its send buffer. */
    int64_t n = rig_stream_write(conn->stream, head, len);
    if (n != len)
        rig_iperf2_conn_end(conn, n < 0 ? (int)n : -ENOBUFS);
}

void rig_iperf2_conn_send(struct rig_iperf2_conn *conn, struct rig_iperf2_group *group,
                          const struct rig_iperf2_amount *amount,
                          const struct rig_iperf2_request *request)
{
    struct rig_iperf2_conn_tx *tx = &conn->tx;
    rig_ns_t now_ns = rig_clock_ns();
    tx->active = true;
    rig_iperf2_meter_join(&tx->meter, group);
    tx->len_bytes = amount->len_bytes;
    tx->bursts = amount->bursts;
    tx->progress_ns = now_ns;
    tx->start_wall_ns = rig_clock_wall_ns();
    tx->end_ns = amount->duration_ns ? now_ns + amount->duration_ns : UINT64_MAX;
    tx->left_bytes = amount->bytes ? amount->bytes : UINT64_MAX;
    rig_pacer_init(&tx->pacer, amount->rate_pps, now_ns);
    if (request)
        tx->head_len_bytes = rig_iperf2_tcp_request_write(tx->head, request);
    rig_iperf2_meter_start(&tx->meter, now_ns);
    /* From the loop, not from here: the owner may still be setting the other direction up. */
    rig_loop_timer_set(conn->run->loop, &tx->timer, now_ns);
}
