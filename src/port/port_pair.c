/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wire inside the process: what is committed at one end is peeked at the other, whole, with its
 * offload metadata, and without a copy of what lies in the reserved buffer. The wire comes with
 * the first end that is opened and goes with the last one that is closed. An end whose other
 * end is not open is an unplugged cable: its frames are lost and counted (tx_drop_error).
 *
 * The registry of open wires is a static list, because two calls of rig_port_open have nothing
 * but a name in common. One thread, like the ports themselves.
 */
#include "port/port_backend.h"
#include "port/port_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAY_BUFS 256u

/* Frames from end i to the other one. A buffer is free, lent to the sender, queued, or with the
 * receiver. */
struct way {
    struct rig_port_pool pool;
    uint32_t n_lent;
    struct rig_port_buf *lent[WAY_BUFS];
    uint32_t head; /* free-running; queue[head % WAY_BUFS] is the oldest */
    uint32_t tail;
    struct rig_port_buf *queue[WAY_BUFS];
};

struct wire {
    struct wire *next;
    char name[RIG_PORT_TEXT_MAX];
    struct port_pair *ends[2];
    struct way ways[2]; /* ways[i]: sent by ends[i] */
};

struct port_pair {
    struct rig_port port;
    struct wire *wire;
    uint32_t end;
};

static struct wire *wires;

static uint32_t pair_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_pair *pair = (struct port_pair *)port;
    struct way *way = &pair->wire->ways[pair->end];
    assert(way->n_lent == 0);
    while (way->n_lent < n) {
        struct rig_port_buf *buf = rig_port_pool_get(&way->pool);
        if (!buf)
            break;
        frames[way->n_lent] = &buf->frame;
        way->lent[way->n_lent++] = buf;
    }
    return way->n_lent;
}

static bool has_offload(const struct rig_offload *offload)
{
    return offload->needs_csum || offload->gso_type != RIG_GSO_NONE;
}

/* Can the other end have it? Counts the drop if not. */
static bool may_cross(struct port_pair *pair, struct rig_port_buf *buf)
{
    struct rig_port *port = &pair->port;
    const struct port_pair *peer = pair->wire->ends[!pair->end];
    if (!rig_port_tx_allowed(port, &buf->frame))
        return false;
    if (!peer || (has_offload(&buf->frame.offload) && !(peer->port.caps & RIG_PORT_RX_OFFLOAD))) {
        port->counters.tx_drop_error++;
        return false;
    }
    if (!rig_port_buf_gather(buf)) {
        port->counters.tx_drop_too_long++;
        return false;
    }
    return true;
}

static uint32_t pair_tx_commit(struct rig_port *port, uint32_t n)
{
    struct port_pair *pair = (struct port_pair *)port;
    struct way *way = &pair->wire->ways[pair->end];
    uint32_t taken = 0;
    assert(n <= way->n_lent);
    for (uint32_t i = 0; i < way->n_lent; i++) {
        struct rig_port_buf *buf = way->lent[i];
        if (i >= n || !may_cross(pair, buf)) {
            rig_port_pool_put(&way->pool, buf);
            continue;
        }
        way->queue[way->tail++ % WAY_BUFS] = buf; /* never full: it has a place for each buffer */
        port->counters.tx_bytes += buf->frame.len_bytes;
        taken++;
    }
    way->n_lent = 0;
    port->counters.tx_frames += taken;
    return taken;
}

static uint32_t pair_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_pair *pair = (struct port_pair *)port;
    struct way *way = &pair->wire->ways[!pair->end];
    uint32_t got = 0;
    while (got < n && way->head != way->tail) {
        frames[got] = &way->queue[way->head++ % WAY_BUFS]->frame;
        port->counters.rx_bytes += frames[got]->len_bytes;
        got++;
    }
    port->counters.rx_frames += got;
    return got;
}

static void pair_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_pair *pair = (struct port_pair *)port;
    struct way *way = &pair->wire->ways[!pair->end];
    for (uint32_t i = 0; i < n; i++)
        rig_port_pool_put(&way->pool, rig_port_buf_of(frames[i]));
}

static int pair_fd(const struct rig_port *port)
{
    (void)port;
    return -1;
}

static bool pair_rx_ready(const struct rig_port *port)
{
    const struct port_pair *pair = (const struct port_pair *)port;
    const struct way *way = &pair->wire->ways[!pair->end];
    return way->head != way->tail;
}

/* ---- the registry ---- */

static struct wire **find_wire(const char *name, size_t len)
{
    struct wire **link = &wires;
    while (*link && !(strlen((*link)->name) == len && memcmp((*link)->name, name, len) == 0))
        link = &(*link)->next;
    return link;
}

static void free_wire(struct wire *wire)
{
    rig_port_pool_fini(&wire->ways[0].pool);
    rig_port_pool_fini(&wire->ways[1].pool);
    free(wire);
}

static struct wire *new_wire(const char *name, size_t len)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    if (!wire)
        return NULL;
    memcpy(wire->name, name, len);
    if (rig_port_pool_init(&wire->ways[0].pool, WAY_BUFS, 0) < 0 ||
        rig_port_pool_init(&wire->ways[1].pool, WAY_BUFS, 0) < 0) {
        free_wire(wire);
        return NULL;
    }
    return wire;
}

static bool is_lent(const struct way *way, const struct rig_port_buf *buf)
{
    for (uint32_t i = 0; i < way->n_lent; i++) {
        if (way->lent[i] == buf)
            return true;
    }
    return false;
}

/* The receiver has gone, with frames queued and frames it held: all but the sender's are free. */
static void reset_way(struct way *way)
{
    way->head = way->tail;
    way->pool.n_free = 0;
    for (uint32_t i = 0; i < WAY_BUFS; i++) {
        if (!is_lent(way, &way->pool.bufs[i]))
            rig_port_pool_put(&way->pool, &way->pool.bufs[i]);
    }
}

static void pair_close(struct rig_port *port)
{
    struct port_pair *pair = (struct port_pair *)port;
    struct wire *wire = pair->wire;
    if (wire->ways[pair->end].n_lent > 0)
        pair_tx_commit(port, 0);
    reset_way(&wire->ways[!pair->end]);
    wire->ends[pair->end] = NULL;
    if (!wire->ends[!pair->end]) {
        *find_wire(wire->name, strlen(wire->name)) = wire->next;
        free_wire(wire);
    }
    free(pair);
}

static const struct rig_port_ops pair_ops = {
    .tx_reserve = pair_tx_reserve,
    .tx_commit = pair_tx_commit,
    .rx_peek = pair_rx_peek,
    .rx_release = pair_rx_release,
    .fd = pair_fd,
    .rx_ready = pair_rx_ready,
    .close = pair_close,
};

/* ---- opening ---- */

/* "NAME/0" or "NAME/1" */
static int parse_target(const char *target, size_t *name_len, uint32_t *end, struct rig_err *err)
{
    const char *slash = strrchr(target, '/');
    if (!slash || slash == target || (strcmp(slash, "/0") != 0 && strcmp(slash, "/1") != 0))
        return rig_err_set(err, -EINVAL,
                           "port 'pair:%.80s': write pair:NAME/0 for one end and pair:NAME/1 for "
                           "the other",
                           target);
    *name_len = (size_t)(slash - target);
    *end = slash[1] == '1';
    return 0;
}

static int plug_in(struct port_pair *pair, const char *target, struct rig_err *err)
{
    size_t len = 0;
    int ret = parse_target(target, &len, &pair->end, err);
    if (ret < 0)
        return ret;
    struct wire **link = find_wire(target, len);
    if (*link && (*link)->ends[pair->end])
        return rig_err_set(err, -EBUSY, "port 'pair:%.80s': this end is open already", target);
    if (!*link)
        *link = new_wire(target, len);
    if (!*link)
        return rig_err_set(err, -ENOMEM, "port 'pair:%.80s': no memory", target);
    pair->wire = *link;
    pair->wire->ends[pair->end] = pair;
    return 0;
}

static int set_options(struct rig_port *port, const struct rig_port_name *name, struct rig_err *err)
{
    static const char *const allowed[] = {"offload", "mtu", NULL};
    bool offload = true;
    int ret = rig_port_name_check_options(name, allowed, err);
    if (ret == 0)
        ret = rig_port_name_switch(name, "offload", &offload, err);
    if (ret == 0)
        ret = rig_port_option_mtu(name, &port->mtu_bytes, err);
    port->caps = offload ? RIG_PORT_TX_OFFLOADS | RIG_PORT_RX_OFFLOAD : 0;
    return ret;
}

int rig_port_pair_open(struct rig_port **port, const struct rig_port_name *name,
                       struct rig_err *err)
{
    struct port_pair *pair = calloc(1, sizeof(*pair));
    if (!pair)
        return rig_err_set(err, -ENOMEM, "port 'pair:%.80s': no memory", name->target);
    pair->port.ops = &pair_ops;
    pair->port.mtu_bytes = RIG_PORT_MTU_DEFAULT;
    pair->port.room_bytes = RIG_PORT_BUF_ROOM_BYTES;
    int ret = set_options(&pair->port, name, err);
    if (ret == 0)
        ret = plug_in(pair, name->target, err);
    if (ret < 0) {
        free(pair);
        return ret;
    }
    *port = &pair->port;
    return 0;
}
