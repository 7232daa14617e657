/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux tap interface: one write or read a frame, each with a virtio-net header of 10 bytes
 * before it.
 *
 * The system call is all the cost there is, so nothing else may weigh: a reserved buffer has room
 * for the header just before the frame, and a frame that lies in its buffer leaves as one piece of
 * memory. Frames with segments of the caller's go as several. A batch goes through io_uring in one
 * system call where the kernel lets us (tap_ring.h), a frame alone by write(2).
 *
 * Only a tap that exists is opened. TUNSETIFF would make a missing one and take it away again at
 * close, together with the addresses and the bridge it was meant for.
 *
 * Errors of write(2), from drivers/net/tun.c: EIO: the interface is down, which passes;
 * EAGAIN, ENOBUFS, ENOMEM: no room; EBADFD: the interface was deleted, which is for good.
 * A tap does not check the MTU of what is written to it, so it is done here.
 *
 * Offloads: TUNSETOFFLOAD says what the kernel may hand us unfinished (rx). What we may hand to the
 * kernel (tx) needs no permission but a kernel that knows it: USO came with Linux 6.2 in both
 * directions, so whether TUNSETOFFLOAD takes it answers for tx as well.
 */
#include "port/netdev.h"
#include "port/port_backend.h"
#include "port/port_pool.h"
#include "port/tap_ring.h"
#include "virtio/net_hdr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* headers before Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define HDR_BYTES RIG_VIRTIO_NET_HDR_BYTES
#define TX_BUFS   RIG_TAP_RING_WRITES_MAX
#define RX_BUFS   256u

/* How long a tap may stay busy after its last user was killed: the kernel ends a ring at leisure.
 */
#define BUSY_TRIES   20
#define BUSY_WAIT_NS (10 * RIG_NS_PER_MS)

struct port_tap {
    struct rig_port port;
    int fd;
    uint32_t hdr_bytes;        /* of the virtio-net header before each frame; 0: @offload=off */
    struct rig_tap_ring *ring; /* made with the first batch, in the process that sends it */
    bool ring_refused;
    struct rig_port_pool tx;
    struct rig_port_pool rx;
};

/* ---- sending ---- */

static uint32_t tap_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_tap *tap = (struct port_tap *)port;
    return rig_port_pool_lend(&tap->tx, frames, n);
}

/* Header and frame as pieces of memory; returns how many. */
static uint32_t gather(struct iovec iov[static 1 + RIG_FRAME_SEGS_MAX], struct rig_port_buf *buf,
                       uint32_t hdr_bytes)
{
    const struct rig_frame *frame = &buf->frame;
    uint8_t *start = buf->data - hdr_bytes;
    if (hdr_bytes)
        rig_virtio_net_hdr_write(start, &frame->offload);
    if (frame->n_segs == 1 && frame->seg[0].base == buf->data) {
        iov[0] = (struct iovec){.iov_base = start, .iov_len = hdr_bytes + frame->seg[0].len_bytes};
        return 1;
    }
    iov[0] = (struct iovec){.iov_base = start, .iov_len = hdr_bytes};
    for (uint32_t i = 0; i < frame->n_segs; i++) {
        iov[1 + i].iov_base = frame->seg[i].base;
        iov[1 + i].iov_len = frame->seg[i].len_bytes;
    }
    return 1 + frame->n_segs;
}

static void write_one(struct port_tap *tap, struct rig_tap_write *out)
{
    ssize_t ret = out->n_iov == 1 ? write(tap->fd, out->iov->iov_base, out->iov->iov_len)
                                  : writev(tap->fd, out->iov, (int)out->n_iov);
    out->result = ret < 0 ? -errno : (int32_t)ret;
    tap->port.counters.syscalls++;
}

static bool has_ring(struct port_tap *tap)
{
    const struct iovec memory = {tap->tx.memory, tap->tx.memory_len_bytes};
    if (!tap->ring && !tap->ring_refused)
        tap->ring_refused = rig_tap_ring_open(&tap->ring, tap->fd, &memory) < 0;
    return tap->ring != NULL;
}

static void write_all(struct port_tap *tap, struct rig_tap_write *writes, uint32_t n)
{
    if (n < 2 || !has_ring(tap)) {
        for (uint32_t i = 0; i < n; i++)
            write_one(tap, &writes[i]);
        return;
    }
    tap->port.counters.syscalls++;
    if (rig_tap_ring_write(tap->ring, writes, n) < 0) {
        rig_tap_ring_close(tap->ring);
        tap->ring = NULL;
        tap->ring_refused = true;
    }
}

/* Of a failed read or write: has the interface gone for good? */
static bool is_gone(int code)
{
    return code == EBADFD || code == ENODEV || code == ENXIO;
}

static void count_tx_error(struct rig_port *port, int code)
{
    if (code == EAGAIN || code == ENOBUFS || code == ENOMEM)
        port->counters.tx_drop_full++;
    else
        port->counters.tx_drop_error++;
    if (is_gone(code))
        port->error = -ENODEV;
}

static uint32_t tap_tx_commit(struct rig_port *port, uint32_t n)
{
    struct port_tap *tap = (struct port_tap *)port;
    struct iovec iov[TX_BUFS][1 + RIG_FRAME_SEGS_MAX];
    struct rig_tap_write writes[TX_BUFS];
    uint32_t n_writes = 0;
    uint32_t taken = 0;
    n = rig_port_pool_lend_end(&tap->tx, n);
    for (uint32_t i = 0; i < n; i++) {
        struct rig_port_buf *buf = &tap->tx.bufs[i];
        if (!rig_port_tx_allowed(port, &buf->frame))
            continue;
        writes[n_writes].iov = iov[n_writes];
        writes[n_writes].n_iov = gather(iov[n_writes], buf, tap->hdr_bytes);
        n_writes++;
    }
    write_all(tap, writes, n_writes);
    for (uint32_t i = 0; i < n_writes; i++) {
        if (writes[i].result < 0) {
            count_tx_error(port, -writes[i].result);
            continue;
        }
        port->counters.tx_bytes += (uint32_t)writes[i].result - tap->hdr_bytes;
        taken++;
    }
    port->counters.tx_frames += taken;
    return taken;
}

/* ---- receiving ---- */

/* One frame into `buf`; false when there is none. */
static bool read_frame(struct port_tap *tap, struct rig_port_buf *buf, ssize_t *len)
{
    struct rig_port *port = &tap->port;
    port->counters.syscalls++;
    *len = read(tap->fd, buf->data - tap->hdr_bytes, tap->hdr_bytes + RIG_PORT_BUF_ROOM_BYTES);
    if (*len >= 0)
        return true;
    if (is_gone(errno))
        port->error = -ENODEV;
    return false;
}

/* Is what was read a frame to show? Counts the drop if not. */
static bool accept_frame(struct port_tap *tap, struct rig_port_buf *buf, ssize_t len)
{
    struct rig_port *port = &tap->port;
    ssize_t hdr_len = tap->hdr_bytes;
    if (len <= hdr_len || len >= hdr_len + (ssize_t)RIG_PORT_BUF_ROOM_BYTES) {
        port->counters.rx_drop_truncated++;
        return false;
    }
    struct rig_frame *frame = &buf->frame;
    frame->len_bytes = (uint32_t)(len - hdr_len);
    frame->seg[0].len_bytes = frame->len_bytes;
    if (hdr_len && !rig_virtio_net_hdr_read(frame, buf->data - hdr_len)) {
        port->counters.rx_drop_offload++;
        return false;
    }
    port->counters.rx_frames++;
    port->counters.rx_bytes += frame->len_bytes;
    return true;
}

static uint32_t tap_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_tap *tap = (struct port_tap *)port;
    uint32_t got = 0;
    while (got < n) {
        struct rig_port_buf *buf = rig_port_pool_get(&tap->rx);
        if (!buf)
            break;
        ssize_t len;
        bool more = read_frame(tap, buf, &len);
        if (more && accept_frame(tap, buf, len))
            frames[got++] = &buf->frame;
        else
            rig_port_pool_put(&tap->rx, buf);
        if (!more)
            break;
    }
    return got;
}

static void tap_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_tap *tap = (struct port_tap *)port;
    while (n > 0)
        rig_port_pool_put(&tap->rx, rig_port_buf_of(frames[--n]));
}

static int tap_fd(const struct rig_port *port)
{
    return ((const struct port_tap *)port)->fd;
}

/* ---- opening ---- */

static void tap_close(struct rig_port *port)
{
    struct port_tap *tap = (struct port_tap *)port;
    rig_tap_ring_close(tap->ring);
    if (tap->fd >= 0)
        close(tap->fd);
    rig_port_pool_fini(&tap->tx);
    rig_port_pool_fini(&tap->rx);
    free(tap);
}

static const struct rig_port_ops tap_ops = {
    .tx_reserve = tap_tx_reserve,
    .tx_commit = tap_tx_commit,
    .rx_peek = tap_rx_peek,
    .rx_release = tap_rx_release,
    .fd = tap_fd,
    .close = tap_close,
};

static int open_tun(struct port_tap *tap, struct rig_err *err)
{
    tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap->fd >= 0)
        return 0;
    int code = -errno;
    if (code == -ENOENT || code == -ENODEV || code == -ENXIO)
        return rig_err_set(err, code,
                           "there is no /dev/net/tun: load the kernel's module with "
                           "'modprobe tun', or let the container have the device");
    if (code == -EACCES || code == -EPERM)
        return rig_err_set(err, code,
                           "/dev/net/tun is closed to this user: its owner can open it with "
                           "'chmod 666 /dev/net/tun', or use a packet: port");
    return rig_err_set(err, code, "cannot open /dev/net/tun: %s", strerror(-code));
}

static int attach(struct port_tap *tap, const char *name, struct rig_err *err)
{
    struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    if (tap->hdr_bytes)
        req.ifr_flags |= IFF_VNET_HDR;
    memcpy(req.ifr_name, name, strlen(name) + 1);
    int code = -EBUSY;
    for (int i = 0; code == -EBUSY && i < BUSY_TRIES; i++) {
        if (ioctl(tap->fd, TUNSETIFF, &req) == 0)
            return 0;
        code = -errno;
        if (code == -EBUSY)
            nanosleep(&(struct timespec){.tv_nsec = BUSY_WAIT_NS}, NULL);
    }
    if (code == -EBUSY)
        return rig_err_set(err, code, "another process has this tap open; a tap has one user");
    if (code == -EPERM)
        return rig_err_set(err, code,
                           "no privilege: the tap belongs to someone else; CAP_NET_ADMIN gives "
                           "it, or make it with 'ip tuntap add %s mode tap user %u'",
                           name, (unsigned)geteuid());
    if (code == -EINVAL)
        return rig_err_set(err, code,
                           "the interface is no tap with a single queue; make one with "
                           "'ip tuntap add NAME mode tap'");
    return rig_err_set(err, code, "cannot attach to the tap: %s", strerror(-code));
}

/* Ask for `flags` from the kernel; true if it knows them all. */
static bool offer(struct port_tap *tap, unsigned flags)
{
    return ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)flags) == 0;
}

static void negotiate_offload(struct port_tap *tap, bool offload, bool uso)
{
    const unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    const uint32_t tso_caps =
        RIG_PORT_TX_CSUM | RIG_PORT_TX_TSO4 | RIG_PORT_TX_TSO6 | RIG_PORT_RX_OFFLOAD;
    if (offload && uso && offer(tap, tso | TUN_F_USO4 | TUN_F_USO6))
        tap->port.caps = tso_caps | RIG_PORT_TX_USO;
    else if (offload && offer(tap, tso))
        tap->port.caps = tso_caps;
    else
        offer(tap, 0);
}

/* The last user of a tap that stays may have left it with a longer header. */
static int set_header_size(struct port_tap *tap, struct rig_err *err)
{
    int size = HDR_BYTES;
    if (!tap->hdr_bytes)
        return 0;
    if (ioctl(tap->fd, TUNSETVNETHDRSZ, &size) < 0)
        return rig_err_set(err, -errno, "the kernel refuses a virtio-net header of %d bytes: %s",
                           size, strerror(errno));
    return 0;
}

static int open_device(struct port_tap *tap, const char *name, struct rig_err *err)
{
    struct rig_netdev dev;
    int ret = rig_netdev_get(&dev, name, err);
    if (ret == -ENOENT)
        return rig_err_set(err, ret,
                           "there is no interface '%s' in this network namespace; make it with "
                           "'ip tuntap add %s mode tap' or with 'netrig lab'",
                           name, name);
    if (ret == 0)
        ret = open_tun(tap, err);
    if (ret == 0)
        ret = attach(tap, name, err);
    if (ret == 0)
        ret = set_header_size(tap, err);
    tap->port.mtu_bytes = dev.mtu_bytes;
    tap->port.mac = dev.mac;
    return ret;
}

static int make_pools(struct port_tap *tap, struct rig_err *err)
{
    if (rig_port_pool_init(&tap->tx, TX_BUFS, HDR_BYTES) < 0 ||
        rig_port_pool_init(&tap->rx, RX_BUFS, HDR_BYTES) < 0)
        return rig_err_set(err, -ENOMEM, "no memory for frames");
    tap->port.room_bytes = tap->tx.room_bytes;
    return 0;
}

int rig_port_tap_open(struct rig_port **port, const struct rig_port_name *name, struct rig_err *err)
{
    static const char *const allowed[] = {"offload", "uso", NULL};
    bool offload = true, uso = true;
    int ret = rig_port_name_check_options(name, allowed, err);
    if (ret == 0)
        ret = rig_port_name_switch(name, "offload", &offload, err);
    if (ret == 0)
        ret = rig_port_name_switch(name, "uso", &uso, err);
    if (ret < 0)
        return ret;

    struct port_tap *tap = calloc(1, sizeof(*tap));
    if (!tap)
        return rig_err_set(err, -ENOMEM, "no memory for port 'tap:%s'", name->target);
    tap->fd = -1;
    tap->hdr_bytes = offload ? HDR_BYTES : 0;
    tap->port.ops = &tap_ops;
    ret = open_device(tap, name->target, err);
    if (ret == 0)
        ret = make_pools(tap, err);
    if (ret < 0) {
        rig_err_prefix(err, "port 'tap:%.80s'", name->target);
        tap_close(&tap->port);
        return ret;
    }
    negotiate_offload(tap, offload, uso);
    *port = &tap->port;
    return 0;
}
