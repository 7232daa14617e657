/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many writes to a tap in one system call, through io_uring. A tap has no sendmmsg, and the entry
 * into the kernel is a third of what a small frame costs.
 */
#ifndef RIG_PORT_TAP_RING_H
#define RIG_PORT_TAP_RING_H

#include <stdint.h>
#include <sys/uio.h>

#define RIG_TAP_RING_WRITES_MAX 64u

struct rig_tap_ring;

/* For writes to `fd`, which must not block; what lies in `memory` is written without being pinned
 * for each frame, if the limit of locked memory allows. -errno where the kernel has no io_uring or
 * forbids it. The ring belongs to the thread that opens it. */
int rig_tap_ring_open(struct rig_tap_ring **ring, int fd, const struct iovec *memory);
/* Before `fd` is closed, so that nothing holds the device any longer. NULL is allowed. */
void rig_tap_ring_close(struct rig_tap_ring *ring);

struct rig_tap_write {
    struct iovec *iov;
    uint32_t n_iov;
    int32_t result; /* out: bytes, or -errno */
};

/* Do writes[0 .. n) in order, n <= RIG_TAP_RING_WRITES_MAX, and wait for all of them. 0, or -errno
 * if the ring itself failed: writes without a result have that one, and the ring is of no more use.
 */
int rig_tap_ring_write(struct rig_tap_ring *ring, struct rig_tap_write *writes, uint32_t n);

#endif
