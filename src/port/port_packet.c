/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any Ethernet interface through an AF_PACKET socket with memory-mapped rings, promiscuous, its
 * own frames not heard.
 *
 * Sending (port_packet_tx.c). A frame is copied into a slot of the TX ring, and one send(2) a
 * commit lets the kernel walk the ring. The virtio-net header before the frame says in hdr_len
 * how much of it the kernel shall copy into the packet's head; the rest it would reference in
 * the ring, page by page, and copy once more where the packet crosses a veth. Saying "all of
 * it" for a frame that is no super-frame was worth 1.4 x, and makes the ring 1.3 to 1.4 x as fast
 * as sendmmsg (60 and 1514 bytes, veth, Linux 6.18, packets per CPU second). A super-frame goes by
 * sendmsg on a second socket, straight from the caller's memory: 1.8 x the ring, which costs it a
 * copy. PACKET_QDISC_BYPASS changed nothing measurable and drops super-frames on an interface that
 * cannot segment, so it is not used.
 *
 * Receiving (port_packet_rx.c). TPACKET_V2, because V3 hands over blocks, when full or after a
 * millisecond or more, and a ping would see it. Slots are for the MTU, so that the ring is deep; a
 * super-frame that does not fit its slot waits whole in the socket's queue
 * (PACKET_COPY_THRESH, TP_STATUS_COPY) and is read from there, one recv(2) for up to 64 KiB. Where
 * the socket may not have a queue for that (SO_RCVBUF is limited by net.core.rmem_max for
 * users), slots are as large as a super-frame instead, and fewer.
 *
 *   slot: | tpacket2_hdr, sockaddr_ll | ... | virtio_net_hdr 10 | frame
 *                                           tp_mac points here -^
 *
 * The loop takes the descriptor as a mere wake-up and asks rx_ready, which looks at the ring
 * without a system call and knows of frames that wait elsewhere.
 *
 * Down or gone. Both make the socket report ENETDOWN, and while an interface is being deleted it is
 * first down. Asking for a membership waits for the kernel's lock on interfaces (RTNL), and so
 * gets the answer from after the deletion.
 */
#include "port/netdev.h"
#include "port/port_packet_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define RX_BLOCKS        8u
#define RX_BLOCKS_FAT    16u /* if slots are as large as a super-frame */
#define TX_BLOCKS        1u
#define TX_BUFS          64u
#define SLOT_EXTRA_BYTES 128u /* header, address, virtio-net header, alignment, VLAN tags */
#define QUEUE_BYTES      (32 << 20)
#define QUEUE_MIN_BYTES  (2 << 20) /* below, a burst of super-frames would be cut short */
#define CHECK_EVERY_NS   (10 * RIG_NS_PER_MS)

/* ---- is the interface still there? ---- */

static bool may_check(struct port_packet *packet)
{
    rig_ns_t now_ns = rig_clock_ns();
    if (now_ns < packet->next_check_ns || packet->port.error)
        return false;
    packet->next_check_ns = now_ns + CHECK_EVERY_NS;
    return true;
}

static void check_device(struct port_packet *packet)
{
    struct packet_mreq request = {.mr_ifindex = packet->ifindex, .mr_type = PACKET_MR_PROMISC};
    packet->port.counters.syscalls++;
    if (setsockopt(packet->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) < 0)
        packet->port.error = -ENODEV;
    else
        setsockopt(packet->fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &request, sizeof(request));
}

void rig_port_packet_check_device(struct port_packet *packet)
{
    if (may_check(packet))
        check_device(packet);
}

/* Reading the socket's error clears it. */
static int take_error(struct port_packet *packet)
{
    int code = 0;
    socklen_t len = sizeof(code);
    packet->port.counters.syscalls++;
    getsockopt(packet->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    return code;
}

void rig_port_packet_check_error(struct port_packet *packet)
{
    if (may_check(packet) && take_error(packet) != 0)
        check_device(packet);
}

static void packet_fd_error(struct rig_port *port)
{
    struct port_packet *packet = (struct port_packet *)port;
    take_error(packet);
    check_device(packet);
}

static int packet_fd(const struct rig_port *port)
{
    return ((const struct port_packet *)port)->fd;
}

static void packet_close(struct rig_port *port)
{
    struct port_packet *packet = (struct port_packet *)port;
    if (packet->map)
        munmap(packet->map, packet->map_bytes);
    if (packet->fd >= 0)
        close(packet->fd);
    if (packet->super_fd >= 0)
        close(packet->super_fd);
    rig_port_pool_fini(&packet->rx_pool);
    rig_port_pool_fini(&packet->tx_pool);
    free(packet);
}

static const struct rig_port_ops packet_ops = {
    .tx_reserve = rig_port_packet_tx_reserve,
    .tx_commit = rig_port_packet_tx_commit,
    .rx_peek = rig_port_packet_rx_peek,
    .rx_release = rig_port_packet_rx_release,
    .fd = packet_fd,
    .rx_ready = rig_port_packet_rx_ready,
    .close = packet_close,
    .fd_error = packet_fd_error,
};

/* ---- opening ---- */

/* Protocol 0: hears nothing before it is bound to its interface, if ever. */
static int open_socket(int *fd, struct rig_err *err)
{
    *fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd >= 0)
        return 0;
    int code = -errno;
    if (code == -EPERM || code == -EACCES)
        return rig_err_set(err, code,
                           "no privilege for raw packets: CAP_NET_RAW gives it ('setcap "
                           "cap_net_raw+ep PROGRAM'), and 'netrig lab' has it inside");
    return rig_err_set(err, code, "cannot make an AF_PACKET socket: %s", strerror(-code));
}

static int set(struct port_packet *packet, int option, int value)
{
    return setsockopt(packet->fd, SOL_PACKET, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Before the rings are made; the header cannot be changed after. */
static int set_options(struct port_packet *packet, struct rig_err *err)
{
    static const struct {
        int option, value;
        const char *what;
    } options[] = {
        {PACKET_VERSION, TPACKET_V2, "PACKET_VERSION 2"},
        {PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"},
        {PACKET_COPY_THRESH, 1, "PACKET_COPY_THRESH"},
        {PACKET_LOSS, 1, "PACKET_LOSS"}, /* a frame it cannot send does not stop the ring */
        {PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING (Linux 4.20)"},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int ret = set(packet, options[i].option, options[i].value);
        if (ret < 0)
            return rig_err_set(err, ret, "the kernel refuses %s: %s", options[i].what,
                               strerror(-ret));
    }
    return 0;
}

/* As much queue as we may have, by privilege or without. */
static void set_send_queue(int fd)
{
    int bytes = QUEUE_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* Returns what came of it. */
static int set_receive_queue(int fd)
{
    int bytes = QUEUE_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    socklen_t len = sizeof(bytes);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len);
    return bytes;
}

/* Slots of an odd number of cache lines, so that their starts use all of a cache's sets. */
static void ring_init(struct packet_ring *ring, uint32_t n_blocks, uint32_t frame_bytes)
{
    ring->n_blocks = n_blocks;
    ring->slot_bytes = ((frame_bytes + SLOT_EXTRA_BYTES + 63u) / 64u | 1u) * 64u;
    ring->slots_per_block = PACKET_BLOCK_BYTES / ring->slot_bytes;
    ring->n_slots = n_blocks * ring->slots_per_block;
}

static int make_ring(struct port_packet *packet, int which, const struct packet_ring *ring,
                     struct rig_err *err)
{
    struct tpacket_req request = {.tp_block_size = PACKET_BLOCK_BYTES,
                                  .tp_block_nr = ring->n_blocks,
                                  .tp_frame_size = ring->slot_bytes,
                                  .tp_frame_nr = ring->n_slots};
    if (setsockopt(packet->fd, SOL_PACKET, which, &request, sizeof(request)) == 0)
        return 0;
    int code = -errno;
    return rig_err_set(err, code, "cannot make a packet ring of %u MiB: %s",
                       ring->n_blocks * (PACKET_BLOCK_BYTES >> 20), strerror(-code));
}

static int make_rings(struct port_packet *packet, struct rig_err *err)
{
    uint32_t frame_bytes = packet->port.mtu_bytes + 14u;
    ring_init(&packet->tx, TX_BLOCKS, frame_bytes);
    set_send_queue(packet->fd);
    if (set_receive_queue(packet->fd) >= QUEUE_MIN_BYTES)
        ring_init(&packet->rx, RX_BLOCKS, frame_bytes);
    else
        ring_init(&packet->rx, RX_BLOCKS_FAT, RIG_PORT_BUF_ROOM_BYTES);

    int ret = make_ring(packet, PACKET_RX_RING, &packet->rx, err);
    if (ret == 0)
        ret = make_ring(packet, PACKET_TX_RING, &packet->tx, err);
    if (ret < 0)
        return ret;
    size_t rx_bytes = (size_t)packet->rx.n_blocks * PACKET_BLOCK_BYTES;
    size_t bytes = rx_bytes + (size_t)packet->tx.n_blocks * PACKET_BLOCK_BYTES;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, packet->fd, 0);
    if (map == MAP_FAILED)
        return rig_err_set(err, -errno, "cannot map the packet rings: %s", strerror(errno));
    packet->map = map;
    packet->map_bytes = bytes;
    packet->rx.base = map;
    packet->tx.base = packet->rx.base + rx_bytes;
    return 0;
}

static int listen_to_all(struct port_packet *packet, struct rig_err *err)
{
    struct sockaddr_ll addr = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = packet->ifindex};
    struct packet_mreq request = {.mr_ifindex = packet->ifindex, .mr_type = PACKET_MR_PROMISC};
    if (bind(packet->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        setsockopt(packet->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) < 0)
        return rig_err_set(err, -errno, "cannot listen to the interface: %s", strerror(errno));
    return 0;
}

static int open_super_socket(struct port_packet *packet, struct rig_err *err)
{
    struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_ifindex = packet->ifindex};
    int one = 1;
    int ret = open_socket(&packet->super_fd, err);
    if (ret < 0)
        return ret;
    set_send_queue(packet->super_fd);
    if (setsockopt(packet->super_fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
        bind(packet->super_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return rig_err_set(err, -errno, "cannot send super-frames: %s", strerror(errno));
    return 0;
}

static int query_device(struct port_packet *packet, const char *name, struct rig_err *err)
{
    struct rig_netdev dev;
    int ret = rig_netdev_get(&dev, name, err);
    if (ret < 0)
        return ret;
    if (!dev.is_ethernet)
        return rig_err_set(err, -EINVAL, "the interface carries no Ethernet frames");
    packet->ifindex = dev.index;
    packet->port.mtu_bytes = dev.mtu_bytes;
    packet->port.mac = dev.mac;
    return 0;
}

static int make_buffers(struct port_packet *packet, struct rig_err *err)
{
    if (rig_port_packet_rx_init(packet) < 0 ||
        rig_port_pool_init(&packet->tx_pool, TX_BUFS, RIG_VIRTIO_NET_HDR_BYTES) < 0)
        return rig_err_set(err, -ENOMEM, "no memory for frames");
    packet->port.room_bytes = packet->tx_pool.room_bytes;
    return 0;
}

static int set_up(struct port_packet *packet, const char *interface, struct rig_err *err)
{
    int ret = query_device(packet, interface, err);
    if (ret == 0)
        ret = open_socket(&packet->fd, err);
    if (ret == 0)
        ret = set_options(packet, err);
    if (ret == 0)
        ret = make_rings(packet, err);
    if (ret == 0)
        ret = make_buffers(packet, err);
    if (ret == 0)
        ret = listen_to_all(packet, err);
    if (ret == 0 && packet->port.caps)
        ret = open_super_socket(packet, err);
    return ret;
}

/* The virtio-net header knows UDP super-frames since Linux 6.2; there is no way to ask. */
static bool kernel_has_uso(void)
{
    struct utsname name;
    if (uname(&name) < 0)
        return false;
    char *dot;
    unsigned long major = strtoul(name.release, &dot, 10);
    unsigned long minor = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;
    return major > 6 || (major == 6 && minor >= 2);
}

int rig_port_packet_open(struct rig_port **port, const struct rig_port_name *name,
                         struct rig_err *err)
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

    struct port_packet *packet = calloc(1, sizeof(*packet));
    if (!packet)
        return rig_err_set(err, -ENOMEM, "no memory for port 'packet:%s'", name->target);
    packet->fd = -1;
    packet->super_fd = -1;
    packet->port.ops = &packet_ops;
    if (offload)
        packet->port.caps = RIG_PORT_TX_OFFLOADS | RIG_PORT_RX_OFFLOAD;
    if (!uso || !kernel_has_uso())
        packet->port.caps &= ~(uint32_t)RIG_PORT_TX_USO;
    ret = set_up(packet, name->target, err);
    if (ret < 0) {
        rig_err_prefix(err, "port 'packet:%.80s'", name->target);
        packet_close(&packet->port);
        return ret;
    }
    *port = &packet->port;
    return 0;
}
