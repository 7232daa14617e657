/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sending half of a datagram flow.
 *
 * Datagram k is due at start + k / rate; the sender sleeps until then and sends just what is due,
 * so a paced flow leaves evenly and a late sender catches up without losing its schedule. Unlimited
 * senders fill whole batches. The final datagram has its id negated and is repeated every 250 ms,
 * ten times at most, until the peer answers (iperf's end of a test).
 */
#include "proto/iperf2_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TURN_DATAGRAMS 4096u /* sent in one turn of the loop before others get theirs */

static void push(struct rig_iperf2_udp_tx *tx);
static void send_final(struct rig_iperf2_udp_tx *tx);

static rig_ns_t stamp(const struct rig_iperf2_udp_tx *tx, rig_ns_t now_ns)
{
    return now_ns + tx->wall_offset_ns;
}

static void on_timer(void *ctx)
{
    struct rig_iperf2_udp_tx *tx = ctx;
    if (tx->finishing)
        send_final(tx);
    else
        push(tx);
}

static void on_writable(void *ctx)
{
    struct rig_iperf2_udp_tx *tx = ctx;
    if (tx->active && !tx->finishing)
        push(tx);
}

static void sample(void *ctx)
{
    struct rig_iperf2_udp_tx *tx = ctx;
    tx->meter.pacing_late_ns = tx->pacer.late_ns;
}

static void end(struct rig_iperf2_udp_tx *tx, int error)
{
    if (!tx->active)
        return;
    rig_iperf2_udp_tx_stop(tx);
    tx->done(tx->ctx, error);
}

/* Send datagram `id` on its own. */
static int send_one(struct rig_iperf2_udp_tx *tx, int64_t id, uint32_t len_bytes, rig_ns_t now_ns)
{
    struct rig_iperf2_datagram head = {.id = id, .sent_wall_ns = stamp(tx, now_ns)};
    rig_iperf2_udp_write(tx->payload, RIG_IPERF2_UDP_HDR_BYTES, &head);
    return rig_udp_send(tx->udp, &tx->peer, &tx->local, tx->payload, len_bytes);
}

static void account(struct rig_iperf2_udp_tx *tx, uint32_t n, uint64_t bytes, rig_ns_t now_ns)
{
    rig_iperf2_meter_at(&tx->meter, now_ns);
    tx->meter.total.bytes += bytes;
    tx->meter.total.datagrams += n;
    tx->meter.total.ops++;
    tx->next_id += n;
    rig_pacer_sent(&tx->pacer, now_ns, n);
    if (tx->left_bytes != UINT64_MAX)
        tx->left_bytes -= bytes < tx->left_bytes ? bytes : tx->left_bytes;
}

/* How many may go now: due, within the amount, within the slots. */
static uint32_t batch_size(const struct rig_iperf2_udp_tx *tx, rig_ns_t now_ns, uint32_t room)
{
    uint32_t n = rig_pacer_due(&tx->pacer, now_ns, room);
    if (tx->left_bytes == UINT64_MAX)
        return n;
    uint64_t left = (tx->left_bytes + tx->len_bytes - 1) / tx->len_bytes;
    return left < n ? (uint32_t)left : n;
}

static void fill_slots(struct rig_iperf2_udp_tx *tx, uint8_t *slots, uint32_t stride, uint32_t n,
                       rig_ns_t now_ns)
{
    struct rig_iperf2_datagram head = {.id = tx->next_id, .sent_wall_ns = stamp(tx, now_ns)};
    for (uint32_t i = 0; i < n; i++, head.id++)
        rig_iperf2_udp_write(slots + (size_t)i * stride, stride, &head);
}

/* Send one batch; returns how many went, 0 when the network has no room, or -errno. */
static int64_t send_batch(struct rig_iperf2_udp_tx *tx, uint32_t n, rig_ns_t now_ns)
{
    uint32_t stride;
    uint8_t *slots = rig_udp_sender_slots(tx->sender, &n, &stride);
    fill_slots(tx, slots, stride, n, now_ns);
    int64_t sent = rig_udp_sender_commit(tx->sender, n);
    if (sent > 0)
        account(tx, (uint32_t)sent, (uint64_t)sent * tx->len_bytes, now_ns);
    if (sent >= 0 && sent < n) {
        tx->meter.total.op_errors++;
        return 0;
    }
    return sent;
}

static void wait_for_due(struct rig_iperf2_udp_tx *tx, rig_ns_t now_ns)
{
    rig_ns_t due_ns = rig_pacer_next(&tx->pacer, now_ns);
    rig_loop_timer_set(tx->run->loop, &tx->timer, due_ns < tx->end_ns ? due_ns : tx->end_ns);
}

static void start_final(struct rig_iperf2_udp_tx *tx, rig_ns_t now_ns)
{
    tx->finishing = true;
    tx->tries = 0;
    rig_iperf2_meter_at(&tx->meter, now_ns);
    /* The final datagram is one more of the flow, for both sides. */
    tx->meter.total.bytes += tx->len_bytes;
    tx->meter.total.datagrams++;
    rig_iperf2_meter_finish(&tx->meter, now_ns);
    send_final(tx);
}

static void push(struct rig_iperf2_udp_tx *tx)
{
    for (uint32_t sent = 0; sent < TURN_DATAGRAMS;) {
        rig_ns_t now_ns = rig_clock_ns();
        if (now_ns >= tx->end_ns || !tx->left_bytes) {
            start_final(tx, now_ns);
            return;
        }
        uint32_t n = batch_size(tx, now_ns, TURN_DATAGRAMS);
        if (!n) {
            wait_for_due(tx, now_ns);
            return;
        }
        int64_t took = send_batch(tx, n, now_ns);
        if (took < 0) {
            end(tx, (int)took);
            return;
        }
        if (!took) {
            /* `writable` goes on; the timer sees to the end. */
            rig_loop_timer_set(tx->run->loop, &tx->timer, tx->end_ns);
            return;
        }
        sent += (uint32_t)took;
    }
    rig_loop_timer_set(tx->run->loop, &tx->timer, rig_loop_now(tx->run->loop));
}

static void send_final(struct rig_iperf2_udp_tx *tx)
{
    if (tx->tries == RIG_IPERF2_FIN_TRIES || (tx->tries && !tx->expects_answer)) {
        end(tx, tx->expects_answer ? -ETIMEDOUT : 0);
        return;
    }
    rig_ns_t now_ns = rig_clock_ns();
    int rc = send_one(tx, -tx->next_id, tx->len_bytes, now_ns);
    if (rc < 0 && rc != -EAGAIN) {
        end(tx, rc);
        return;
    }
    tx->tries++;
    rig_loop_timer_set(tx->run->loop, &tx->timer,
                       tx->expects_answer ? now_ns + RIG_IPERF2_FIN_WAIT_NS : now_ns);
}

void rig_iperf2_udp_tx_answered(struct rig_iperf2_udp_tx *tx)
{
    if (tx->finishing)
        end(tx, 0);
}

void rig_iperf2_udp_tx_failed(struct rig_iperf2_udp_tx *tx, int error)
{
    end(tx, error);
}

void rig_iperf2_udp_tx_stop(struct rig_iperf2_udp_tx *tx)
{
    if (!tx->active)
        return;
    if (!tx->finishing)
        (void)send_one(tx, -tx->next_id, tx->len_bytes, rig_clock_ns());
    rig_iperf2_meter_finish(&tx->meter, rig_clock_ns());
    rig_iperf2_udp_tx_fini(tx);
}

void rig_iperf2_udp_tx_fini(struct rig_iperf2_udp_tx *tx)
{
    if (!tx->run)
        return;
    tx->active = false;
    rig_loop_timer_stop(tx->run->loop, &tx->timer);
    rig_iperf2_meter_fini(&tx->meter);
    rig_udp_sender_close(tx->sender);
    tx->sender = NULL;
    free(tx->payload);
    tx->payload = NULL;
}

static int make_payload(struct rig_iperf2_udp_tx *tx, const struct rig_iperf2_request *request)
{
    uint8_t head[RIG_IPERF2_UDP_REQUEST_MAX_BYTES];
    uint32_t head_len = rig_iperf2_udp_request_write(head, request);
    tx->first_len_bytes = tx->len_bytes > head_len ? tx->len_bytes : head_len;
    tx->payload = malloc(tx->first_len_bytes);
    if (!tx->payload)
        return -ENOMEM;
    rig_iperf2_fill(tx->payload, tx->first_len_bytes);
    memcpy(tx->payload, head, head_len);
    return 0;
}

static int open_sender(struct rig_iperf2_udp_tx *tx, const struct rig_iperf2_udp_tx_spec *spec,
                       struct rig_err *err)
{
    if (make_payload(tx, spec->request) < 0)
        return rig_err_set(err, -ENOMEM, "no memory for datagrams of %u bytes", tx->len_bytes);
    struct rig_udp_sender_spec sender_spec = {
        .peer = spec->peer,
        .local = spec->local,
        .payload = tx->payload,
        .len_bytes = tx->len_bytes,
        .single = tx->run->config.single,
    };
    return rig_udp_sender_open(&tx->sender, tx->udp, &sender_spec, on_writable, tx, err);
}

int rig_iperf2_udp_tx_start(struct rig_iperf2_udp_tx *tx, struct rig_iperf2_run *run,
                            const struct rig_iperf2_udp_tx_spec *spec, uint32_t id,
                            struct rig_err *err)
{
    rig_ns_t now_ns = rig_clock_ns();
    *tx = (struct rig_iperf2_udp_tx){
        .run = run,
        .udp = spec->udp,
        .peer = spec->peer,
        .local = spec->local,
        .done = spec->done,
        .ctx = spec->ctx,
        .expects_answer = spec->expects_answer,
        .next_id = 1,
        .len_bytes = spec->amount.len_bytes,
        .end_ns = spec->amount.duration_ns ? now_ns + spec->amount.duration_ns : UINT64_MAX,
        .left_bytes = spec->amount.bytes ? spec->amount.bytes : UINT64_MAX,
        .wall_offset_ns = rig_clock_wall_ns() - now_ns,
    };
    rig_iperf2_meter_init(&tx->meter, run, spec->group, true);
    tx->meter.base.full_duplex = spec->full_duplex;
    tx->meter.base.trip_times = spec->trip_times;
    tx->meter.sample = sample;
    tx->meter.ctx = tx;
    rig_timer_init(&tx->timer, on_timer, tx);
    int rc = open_sender(tx, spec, err);
    if (rc < 0) {
        rig_iperf2_udp_tx_fini(tx);
        return rc;
    }
    struct rig_endpoint local = rig_udp_local(tx->udp);
    if (tx->local.family)
        local.addr = tx->local;
    tx->active = true;
    rig_iperf2_meter_connected(&tx->meter, id, &local, &tx->peer, rig_udp_window(tx->udp, true));
    rig_pacer_init(&tx->pacer, spec->amount.rate_pps, now_ns);
    rig_iperf2_meter_start(&tx->meter, now_ns);
    if (send_one(tx, tx->next_id, tx->first_len_bytes, now_ns) == 0)
        account(tx, 1, tx->first_len_bytes, now_ns);
    rig_loop_timer_set(run->loop, &tx->timer, rig_pacer_next(&tx->pacer, now_ns));
    return 0;
}
