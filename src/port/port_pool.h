/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frame buffers of a port, each large enough for a super-frame, allocated once. The free
 * ones are a stack, so that the buffer used last, which is still in the cache, is used next.
 * Memory that was never used is never touched, and so costs address space only.
 */
#ifndef RIG_PORT_PORT_POOL_H
#define RIG_PORT_PORT_POOL_H

#include "frame/frame.h"

#include <stddef.h>
#include <stdint.h>

/* Room for any frame that IP can make, with two VLAN tags. */
#define RIG_PORT_BUF_ROOM_BYTES 65600u

struct rig_port_buf {
    struct rig_frame frame; /* first: a frame of the pool is its buffer */
    uint8_t *data;          /* `headroom` bytes of the port's own lie before it */
};

struct rig_port_pool {
    uint8_t *memory;
    size_t memory_len_bytes;
    struct rig_port_buf *bufs;
    struct rig_port_buf **free;
    uint32_t n_free;
    uint32_t n_bufs;
    uint32_t n_lent; /* of rig_port_pool_lend */
    uint32_t room_bytes;
};

/* 0 or -ENOMEM. */
int rig_port_pool_init(struct rig_port_pool *pool, uint32_t n_bufs, uint32_t headroom_bytes);
void rig_port_pool_fini(struct rig_port_pool *pool); /* zeroed memory is allowed */

/* A buffer whose frame is empty: one segment of no bytes at `data`, no offloads. NULL if all are
 * out. */
struct rig_port_buf *rig_port_pool_get(struct rig_port_pool *pool);
void rig_port_pool_put(struct rig_port_pool *pool, struct rig_port_buf *buf);

/* For a pool that only serves a port whose device is done with a frame when commit returns: lend
 * bufs[0 .. n_lent), the same ones each time. */
uint32_t rig_port_pool_lend(struct rig_port_pool *pool, struct rig_frame **frames, uint32_t n);
/* The end of the loan: min(n, n_lent). */
uint32_t rig_port_pool_lend_end(struct rig_port_pool *pool, uint32_t n);

/* Copy all segments into the buffer's own memory, so that the frame has one; false if there is not
 * room enough. */
bool rig_port_buf_gather(struct rig_port_buf *buf);

static inline struct rig_port_buf *rig_port_buf_of(struct rig_frame *frame)
{
    return (struct rig_port_buf *)frame;
}

#endif
