/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files.
 *
 * Reading (libpcap: pcap and pcapng, any byte order and precision): frames come as fast as they
 * are asked for, with the capture's own stamps. At the end the port has `eof` set, no error, and
 * is never ready again. A record that was cut short when it was captured is no frame: it is
 * counted (rx_drop_truncated) and passed over. What is sent is refused (tx_drop_error).
 *
 * Writing (@write, port_pcap_write.c) gives nothing.
 */
#include "port/port_pcap_internal.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#define RX_BUFS 256u

struct port_pcap {
    struct rig_port port;
    pcap_t *capture;
    struct rig_port_pool rx;
    struct rig_port_pool tx; /* to lend; what comes back is refused */
};

static uint32_t pcap_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    return rig_port_pool_lend(&((struct port_pcap *)port)->tx, frames, n);
}

static uint32_t pcap_tx_commit(struct rig_port *port, uint32_t n)
{
    port->counters.tx_drop_error += rig_port_pool_lend_end(&((struct port_pcap *)port)->tx, n);
    return 0;
}

/* The next record; false at the end of the file, whichever end it is. */
static bool next_record(struct port_pcap *pcap, struct pcap_pkthdr **hdr, const uint8_t **bytes)
{
    int ret = pcap_next_ex(pcap->capture, hdr, bytes);
    if (ret == PCAP_ERROR_BREAK)
        pcap->port.eof = true;
    else if (ret < 0)
        pcap->port.error = -EIO; /* the file breaks off within a record, or cannot be read */
    return ret == 1;
}

static bool copy_record(struct rig_port_buf *buf, const struct pcap_pkthdr *hdr,
                        const uint8_t *bytes)
{
    struct rig_frame *frame = &buf->frame;
    if (hdr->caplen < hdr->len || hdr->caplen > frame->room_bytes || hdr->caplen == 0)
        return false;
    memcpy(buf->data, bytes, hdr->caplen);
    frame->len_bytes = hdr->caplen;
    frame->seg[0].len_bytes = hdr->caplen;
    /* The precision asked for puts nanoseconds where the type says microseconds. */
    frame->rx_wall_ns = (rig_ns_t)hdr->ts.tv_sec * RIG_NS_PER_S + (rig_ns_t)hdr->ts.tv_usec;
    return true;
}

static bool pcap_rx_ready(const struct rig_port *port)
{
    return !port->eof && !port->error && ((const struct port_pcap *)port)->rx.n_free > 0;
}

static uint32_t pcap_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    struct port_pcap *pcap = (struct port_pcap *)port;
    struct pcap_pkthdr *hdr;
    const uint8_t *bytes;
    uint32_t got = 0;
    while (got < n && pcap_rx_ready(port) && next_record(pcap, &hdr, &bytes)) {
        struct rig_port_buf *buf = rig_port_pool_get(&pcap->rx);
        if (copy_record(buf, hdr, bytes)) {
            port->counters.rx_bytes += buf->frame.len_bytes;
            frames[got++] = &buf->frame;
            continue;
        }
        port->counters.rx_drop_truncated++;
        rig_port_pool_put(&pcap->rx, buf);
    }
    port->counters.rx_frames += got;
    return got;
}

static void pcap_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n)
{
    while (n > 0)
        rig_port_pool_put(&((struct port_pcap *)port)->rx, rig_port_buf_of(frames[--n]));
}

static int pcap_fd(const struct rig_port *port)
{
    (void)port;
    return -1;
}

static void pcap_port_close(struct rig_port *port)
{
    struct port_pcap *pcap = (struct port_pcap *)port;
    if (pcap->capture)
        pcap_close(pcap->capture);
    rig_port_pool_fini(&pcap->rx);
    rig_port_pool_fini(&pcap->tx);
    free(pcap);
}

static const struct rig_port_ops pcap_ops = {
    .tx_reserve = pcap_tx_reserve,
    .tx_commit = pcap_tx_commit,
    .rx_peek = pcap_rx_peek,
    .rx_release = pcap_rx_release,
    .fd = pcap_fd,
    .rx_ready = pcap_rx_ready,
    .close = pcap_port_close,
};

/* libpcap has only a sentence of its own for whatever fails, so the file is opened here. */
static int open_file(FILE **file, const char *path, struct rig_err *err)
{
    *file = fopen(path, "rbe");
    if (*file)
        return 0;
    int code = -errno;
    return rig_err_set(err, code, "cannot read the file: %s", strerror(-code));
}

static int open_capture(struct port_pcap *pcap, const char *path, struct rig_err *err)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    FILE *file;
    int ret = open_file(&file, path, err);
    if (ret < 0)
        return ret;
    pcap->capture =
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!pcap->capture) {
        fclose(file);
        return rig_err_set(err, -EINVAL, "the file is no capture: %.120s", text);
    }
    if (pcap_datalink(pcap->capture) != DLT_EN10MB)
        return rig_err_set(err, -EINVAL,
                           "the file has frames of link type %d; only Ethernet's (1) can be read",
                           pcap_datalink(pcap->capture));
    return 0;
}

static int open_reader(struct rig_port **port, const char *path, struct rig_err *err)
{
    struct port_pcap *pcap = calloc(1, sizeof(*pcap));
    if (!pcap)
        return rig_err_set(err, -ENOMEM, "no memory for a capture");
    pcap->port.ops = &pcap_ops;
    int ret = open_capture(pcap, path, err);
    if (ret == 0 && (rig_port_pool_init(&pcap->rx, RX_BUFS, 0) < 0 ||
                     rig_port_pool_init(&pcap->tx, RIG_PORT_PCAP_TX_BUFS, 0) < 0))
        ret = rig_err_set(err, -ENOMEM, "no memory for frames");
    if (ret < 0) {
        pcap_port_close(&pcap->port);
        return ret;
    }
    pcap->port.room_bytes = pcap->tx.room_bytes;
    *port = &pcap->port;
    return 0;
}

int rig_port_pcap_open(struct rig_port **port, const struct rig_port_name *name,
                       struct rig_err *err)
{
    static const char *const allowed[] = {"write", "mtu", NULL};
    bool writes = false;
    uint32_t mtu_bytes = RIG_PORT_MTU_DEFAULT;
    int ret = rig_port_name_check_options(name, allowed, err);
    if (ret == 0)
        ret = rig_port_name_switch(name, "write", &writes, err);
    if (ret == 0)
        ret = rig_port_option_mtu(name, &mtu_bytes, err);
    if (ret < 0)
        return ret;
    ret = writes ? rig_port_pcap_write_open(port, name->target, err)
                 : open_reader(port, name->target, err);
    if (ret < 0) {
        rig_err_prefix(err, "port 'pcap:%.150s'", name->target);
        return ret;
    }
    (*port)->mtu_bytes = mtu_bytes;
    return 0;
}
