/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port that writes what is sent to it as a capture: pcap 2.4 with nanoseconds, link type
 * Ethernet, in the host's byte order (draft-ietf-opsawg-pcap). Whatever offloads a frame asks
 * for are done, so the file shows what a wire would: super-frames are cut, checksums filled in.
 *
 * Records are gathered and written when the buffer is full and at close, whole ones only: if the
 * file system has no room for a buffer, the file is cut back to where the buffer began, and the
 * port is useless (port.error). Stamps are the time of the commit.
 */
#include "port/port_pcap_internal.h"

#include "frame/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_NS        0xa1b23c4du
#define LINKTYPE_EN10MB 1u
#define SNAPLEN_BYTES   262144u
#define BUFFER_BYTES    (512u << 10)

struct file_header {
    uint32_t magic;
    uint16_t version_major;
    uint16_t version_minor;
    uint32_t zone;
    uint32_t accuracy;
    uint32_t snaplen;
    uint32_t linktype;
};

struct record_header {
    uint32_t time_s;
    uint32_t time_ns;
    uint32_t caplen_bytes;
    uint32_t len_bytes;
};

struct port_pcap_write {
    struct rig_port port;
    int fd;
    off_t written_bytes; /* in the file, whole records */
    uint32_t used_bytes; /* of the buffer */
    uint8_t *buffer;
    struct rig_port_pool pool;
};

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int flush(struct port_pcap_write *out)
{
    int ret = write_all(out->fd, out->buffer, out->used_bytes);
    out->port.counters.syscalls++;
    if (ret == 0)
        out->written_bytes += out->used_bytes;
    else if (ftruncate(out->fd, out->written_bytes) == 0)
        lseek(out->fd, out->written_bytes, SEEK_SET);
    out->used_bytes = 0;
    return ret;
}

/* Append piece `index` of the frame; false if it is malformed, or the file is full. */
static bool append(struct port_pcap_write *out, const struct rig_frame *frame, uint32_t index,
                   rig_ns_t now_ns)
{
    struct record_header hdr = {.time_s = (uint32_t)(now_ns / RIG_NS_PER_S),
                                .time_ns = (uint32_t)(now_ns % RIG_NS_PER_S)};
    if (BUFFER_BYTES - out->used_bytes < sizeof(hdr) + RIG_PORT_BUF_ROOM_BYTES) {
        out->port.error = flush(out);
        if (out->port.error)
            return false;
    }
    uint8_t *at = out->buffer + out->used_bytes;
    hdr.len_bytes = rig_segment_write(frame, index, at + sizeof(hdr), RIG_PORT_BUF_ROOM_BYTES);
    if (hdr.len_bytes == 0)
        return false;
    hdr.caplen_bytes = hdr.len_bytes;
    memcpy(at, &hdr, sizeof(hdr));
    out->used_bytes += (uint32_t)sizeof(hdr) + hdr.len_bytes;
    return true;
}

static bool append_frame(struct port_pcap_write *out, const struct rig_frame *frame,
                         rig_ns_t now_ns)
{
    uint32_t n = rig_segment_count(frame);
    for (uint32_t i = 0; i < n; i++) {
        if (!append(out, frame, i, now_ns))
            return false;
    }
    return n > 0;
}

static uint32_t write_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    return rig_port_pool_lend(&((struct port_pcap_write *)port)->pool, frames, n);
}

static uint32_t write_tx_commit(struct rig_port *port, uint32_t n)
{
    struct port_pcap_write *out = (struct port_pcap_write *)port;
    rig_ns_t now_ns = rig_clock_wall_ns();
    uint32_t taken = 0;
    n = rig_port_pool_lend_end(&out->pool, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct rig_frame *frame = &out->pool.bufs[i].frame;
        if (!rig_port_tx_allowed(port, frame))
            continue;
        if (port->error || !append_frame(out, frame, now_ns)) {
            port->counters.tx_drop_error++;
            continue;
        }
        port->counters.tx_bytes += frame->len_bytes;
        taken++;
    }
    port->counters.tx_frames += taken;
    return taken;
}

static uint32_t write_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    (void)port, (void)frames, (void)n;
    return 0;
}

static void write_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    (void)port, (void)frames, (void)n;
}

static int write_fd(const struct rig_port *port)
{
    (void)port;
    return -1;
}

static bool write_rx_ready(const struct rig_port *port)
{
    (void)port;
    return false;
}

static void write_close(struct rig_port *port)
{
    struct port_pcap_write *out = (struct port_pcap_write *)port;
    if (out->fd >= 0) {
        if (out->used_bytes > 0 && !port->error)
            flush(out);
        close(out->fd);
    }
    rig_port_pool_fini(&out->pool);
    free(out->buffer);
    free(out);
}

static const struct rig_port_ops write_ops = {
    .tx_reserve = write_tx_reserve,
    .tx_commit = write_tx_commit,
    .rx_peek = write_rx_peek,
    .rx_release = write_rx_release,
    .fd = write_fd,
    .rx_ready = write_rx_ready,
    .close = write_close,
};

static int make_file(struct port_pcap_write *out, const char *path, struct rig_err *err)
{
    const struct file_header hdr = {.magic = MAGIC_NS,
                                    .version_major = 2,
                                    .version_minor = 4,
                                    .snaplen = SNAPLEN_BYTES,
                                    .linktype = LINKTYPE_EN10MB};
    out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int ret = out->fd < 0 ? -errno : write_all(out->fd, (const uint8_t *)&hdr, sizeof(hdr));
    if (ret < 0)
        return rig_err_set(err, ret, "cannot write the file: %s", strerror(-ret));
    out->written_bytes = sizeof(hdr);
    return 0;
}

int rig_port_pcap_write_open(struct rig_port **port, const char *path, struct rig_err *err)
{
    struct port_pcap_write *out = calloc(1, sizeof(*out));
    if (!out)
        return rig_err_set(err, -ENOMEM, "no memory for a capture");
    out->fd = -1;
    out->port.ops = &write_ops;
    out->port.caps = RIG_PORT_TX_OFFLOADS;
    out->buffer = malloc(BUFFER_BYTES);
    int ret;
    if (!out->buffer || rig_port_pool_init(&out->pool, RIG_PORT_PCAP_TX_BUFS, 0) < 0)
        ret = rig_err_set(err, -ENOMEM, "no memory for frames");
    else
        ret = make_file(out, path, err);
    if (ret < 0) {
        write_close(&out->port);
        return ret;
    }
    out->port.room_bytes = out->pool.room_bytes;
    *port = &out->port;
    return 0;
}
