/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES    64u
#define STAGGER_BYTES ((size_t)5 * LINE_BYTES) /* odd, so that 64 buffers have 64 places */

/*
 * Buffers that all start at one page offset fight for the same cache sets: short frames in 64
 * buffers would need 64 ways of one set. So each starts some lines behind the one before.
 */
static size_t buf_stride(uint32_t headroom_bytes)
{
    size_t bytes = headroom_bytes + RIG_PORT_BUF_ROOM_BYTES;
    size_t pages = (bytes + 4095u) / 4096u;
    return pages * 4096u + STAGGER_BYTES;
}

/* The headroom ends so that IP headers behind 14 bytes of Ethernet are aligned to 4. */
static uint32_t data_offset(uint32_t headroom_bytes)
{
    return (headroom_bytes + 3u) / 4u * 4u + 2u;
}

int rig_port_pool_init(struct rig_port_pool *pool, uint32_t n_bufs, uint32_t headroom_bytes)
{
    size_t stride = buf_stride(headroom_bytes + LINE_BYTES);
    *pool = (struct rig_port_pool){.n_bufs = n_bufs, .room_bytes = RIG_PORT_BUF_ROOM_BYTES};
    pool->memory = calloc(n_bufs, stride);
    pool->memory_len_bytes = n_bufs * stride;
    pool->bufs = calloc(n_bufs, sizeof(*pool->bufs));
    pool->free = calloc(n_bufs, sizeof(struct rig_port_buf *));
    if (!pool->memory || !pool->bufs || !pool->free) {
        rig_port_pool_fini(pool);
        return -ENOMEM;
    }
    for (uint32_t i = n_bufs; i-- > 0;) {
        pool->bufs[i].data = pool->memory + i * stride + data_offset(headroom_bytes);
        pool->free[pool->n_free++] = &pool->bufs[i];
    }
    return 0;
}

void rig_port_pool_fini(struct rig_port_pool *pool)
{
    free(pool->free);
    free(pool->bufs);
    free(pool->memory);
    *pool = (struct rig_port_pool){0};
}

static void make_empty(struct rig_port_buf *buf, uint32_t room_bytes)
{
    struct rig_frame *frame = &buf->frame;
    frame->offload = (struct rig_offload){0};
    frame->len_bytes = 0;
    frame->room_bytes = room_bytes;
    frame->n_segs = 1;
    frame->rx_wall_ns = 0;
    frame->seg[0] = (struct rig_seg){.base = buf->data};
}

struct rig_port_buf *rig_port_pool_get(struct rig_port_pool *pool)
{
    if (pool->n_free == 0)
        return NULL;
    struct rig_port_buf *buf = pool->free[--pool->n_free];
    make_empty(buf, pool->room_bytes);
    return buf;
}

void rig_port_pool_put(struct rig_port_pool *pool, struct rig_port_buf *buf)
{
    assert(buf >= pool->bufs && buf < pool->bufs + pool->n_bufs);
    assert(pool->n_free < pool->n_bufs);
    pool->free[pool->n_free++] = buf;
}

uint32_t rig_port_pool_lend(struct rig_port_pool *pool, struct rig_frame **frames, uint32_t n)
{
    if (n > pool->n_bufs)
        n = pool->n_bufs;
    for (uint32_t i = 0; i < n; i++) {
        make_empty(&pool->bufs[i], pool->room_bytes);
        frames[i] = &pool->bufs[i].frame;
    }
    pool->n_lent = n;
    return n;
}

uint32_t rig_port_pool_lend_end(struct rig_port_pool *pool, uint32_t n)
{
    uint32_t lent = pool->n_lent;
    assert(n <= lent);
    pool->n_lent = 0;
    return n < lent ? n : lent;
}

bool rig_port_buf_gather(struct rig_port_buf *buf)
{
    struct rig_frame *frame = &buf->frame;
    uint32_t len_bytes = 0;
    for (uint32_t i = 0; i < frame->n_segs; i++) {
        const struct rig_seg *seg = &frame->seg[i];
        if (seg->len_bytes > frame->room_bytes - len_bytes)
            return false;
        if (seg->base != buf->data + len_bytes)
            memmove(buf->data + len_bytes, seg->base, seg->len_bytes);
        len_bytes += seg->len_bytes;
    }
    frame->n_segs = 1;
    frame->len_bytes = len_bytes;
    frame->seg[0] = (struct rig_seg){.base = buf->data, .len_bytes = len_bytes};
    return true;
}
