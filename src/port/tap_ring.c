/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tap's descriptor does not block, so each write is done while it is submitted, in order, and
 * the one system call that submits a batch also finds all its results. The descriptor is
 * registered, which saves looking it up for each frame, and unregistered before it is closed: a
 * ring that still holds it when the process ends keeps the tap busy for a moment longer.
 */
#include "port/tap_ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdlib.h>

struct rig_tap_ring {
    struct io_uring uring;
    uint8_t *fixed; /* registered memory, or NULL */
    size_t fixed_len_bytes;
};

static int init(struct io_uring *uring)
{
    /* One thread, completions only when it asks: no interrupts of its own work (Linux 6.1). */
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int ret = io_uring_queue_init_params(RIG_TAP_RING_WRITES_MAX, uring, &params);
    if (ret == -EINVAL)
        ret = io_uring_queue_init(RIG_TAP_RING_WRITES_MAX, uring, 0);
    return ret;
}

int rig_tap_ring_open(struct rig_tap_ring **ring, int fd, const struct iovec *memory)
{
    struct rig_tap_ring *new = calloc(1, sizeof(*new));
    if (!new)
        return -ENOMEM;
    int ret = init(&new->uring);
    if (ret < 0) {
        free(new);
        return ret;
    }
    ret = io_uring_register_files(&new->uring, &fd, 1);
    if (ret < 0) {
        io_uring_queue_exit(&new->uring);
        free(new);
        return ret;
    }
    if (memory && io_uring_register_buffers(&new->uring, memory, 1) == 0) {
        new->fixed = memory->iov_base;
        new->fixed_len_bytes = memory->iov_len;
    }
    *ring = new;
    return 0;
}

void rig_tap_ring_close(struct rig_tap_ring *ring)
{
    if (!ring)
        return;
    io_uring_unregister_files(&ring->uring);
    io_uring_queue_exit(&ring->uring);
    free(ring);
}

static bool is_fixed(const struct rig_tap_ring *ring, const struct iovec *iov)
{
    size_t at = (size_t)((uint8_t *)iov->iov_base - ring->fixed);
    return ring->fixed && at < ring->fixed_len_bytes;
}

static void prepare(struct rig_tap_ring *ring, struct rig_tap_write *write, uint32_t index)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    if (write->n_iov == 1 && is_fixed(ring, write->iov))
        io_uring_prep_write_fixed(sqe, 0, write->iov->iov_base, (unsigned)write->iov->iov_len, 0,
                                  0);
    else if (write->n_iov == 1)
        io_uring_prep_write(sqe, 0, write->iov->iov_base, (unsigned)write->iov->iov_len, 0);
    else
        io_uring_prep_writev(sqe, 0, write->iov, write->n_iov, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, index);
    write->result = -EINPROGRESS;
}

static uint32_t reap(struct io_uring *uring, struct rig_tap_write *writes)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    uint32_t n = 0;
    io_uring_for_each_cqe(uring, head, cqe)
    {
        writes[io_uring_cqe_get_data64(cqe)].result = cqe->res;
        n++;
    }
    io_uring_cq_advance(uring, n);
    return n;
}

int rig_tap_ring_write(struct rig_tap_ring *ring, struct rig_tap_write *writes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        prepare(ring, &writes[i], i);
    for (uint32_t seen = 0; seen < n;) {
        int ret = io_uring_submit_and_wait(&ring->uring, n - seen);
        seen += reap(&ring->uring, writes);
        if (ret >= 0 || ret == -EINTR)
            continue;
        for (uint32_t i = 0; i < n; i++) {
            if (writes[i].result == -EINPROGRESS)
                writes[i].result = ret;
        }
        return ret;
    }
    return 0;
}
