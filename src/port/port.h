/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port: anything that carries frames. One interface over every kind, so that a tool
 * never knows which it has. Batched and zero-copy; no allocation after open; one thread.
 *
 * Names (one grammar, parsed in port_name.c, printed by `netrig ports`):
 *
 *     KIND:TARGET[@OPTION[=VALUE][,OPTION[=VALUE]]...]
 *
 *     tap:NAME        a Linux tap interface that exists        @offload=on|off @uso=on|off
 *     packet:IF       an interface through AF_PACKET rings     @offload=on|off @uso=on|off
 *     pcap:FILE       reads a capture, or with @write makes one                 @mtu=BYTES
 *     pair:NAME/0|1   the two ends of a wire inside this process @offload=on|off @mtu=BYTES
 *     null            takes everything, gives nothing            @offload=on|off @mtu=BYTES
 *
 * Ownership of frames:
 *   - tx: reserve(n) lends up to n frames with `room_bytes` of writable memory at seg[0]. The
 *     caller sets seg[0].len_bytes, may add segments of its own memory (unchanged until commit
 *     returns), sets len_bytes and offload, and commits the first k in order. Reserved frames that
 *     are not committed go back with the next commit. Reserve and commit alternate.
 *   - rx: peek(n) shows up to n received frames; each stays readable until it is released, in
 *     any order. A later peek shows later frames.
 *
 * The data path returns counts. Every loss is in a named counter, and a port whose device is
 * gone says so in its `error`, never by printing.
 */
#ifndef RIG_PORT_PORT_H
#define RIG_PORT_PORT_H

#include "base/addr.h"
#include "base/err.h"
#include "frame/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* What the far side of a port takes from us whole (tx) or gives to us whole (rx). */
enum rig_port_caps {
    RIG_PORT_TX_CSUM = 1 << 0,
    RIG_PORT_TX_TSO4 = 1 << 1,
    RIG_PORT_TX_TSO6 = 1 << 2,
    RIG_PORT_TX_USO = 1 << 3,
    RIG_PORT_RX_OFFLOAD = 1 << 4, /* received frames may need a checksum or be super-frames */
};

struct rig_port_counters {
    uint64_t tx_frames; /* taken by the device, super-frames counted as one */
    uint64_t tx_bytes;
    uint64_t tx_drop_full;     /* device had no room */
    uint64_t tx_drop_error;    /* device refused the frame */
    uint64_t tx_drop_too_long; /* longer than the device's MTU allows, and no super-frame */
    uint64_t rx_frames;
    uint64_t rx_bytes;
    uint64_t rx_drop_offload; /* offload fields that lie */
    uint64_t rx_drop_truncated;
    uint64_t rx_drop_kernel; /* the kernel's ring was full (as the kernel counts it) */
    uint64_t tx_batches;     /* commits with at least one frame */
    uint64_t rx_batches;     /* peeks that showed at least one frame */
    uint64_t syscalls;
};

struct rig_port;

/* What a back end implements; see the wrappers below for the contracts. */
struct rig_port_ops {
    uint32_t (*tx_reserve)(struct rig_port *port, struct rig_frame **frames, uint32_t n);
    uint32_t (*tx_commit)(struct rig_port *port, uint32_t n);
    uint32_t (*rx_peek)(struct rig_port *port, struct rig_frame **frames, uint32_t n);
    void (*rx_release)(struct rig_port *port, struct rig_frame **frames, uint32_t n);
    /* To wait on, or -1. With rx_ready as well, the descriptor only wakes (edge-triggered) and
     * rx_ready says whether there is a frame to peek at. */
    int (*fd)(const struct rig_port *port);
    bool (*rx_ready)(const struct rig_port *port); /* NULL: the descriptor says it */
    void (*close)(struct rig_port *port);
    /* Optional: the descriptor reported an error or a hang-up; find out what it means and set
     * port->error if the port is useless now. */
    void (*fd_error)(struct rig_port *port);
};

#define RIG_PORT_NAME_MAX 512

/* The common part; a back end embeds it as its first member. Read it, do not write it. */
struct rig_port {
    const struct rig_port_ops *ops;
    char name[RIG_PORT_NAME_MAX]; /* as the user wrote it */
    uint32_t caps;                /* enum rig_port_caps */
    uint32_t mtu_bytes;           /* without the Ethernet header */
    uint32_t room_bytes;          /* of a reserved frame's own memory */
    struct rig_mac mac;           /* of the interface behind the port; zero if it has none */
    int error;                    /* 0, or the negative errno that made the port useless */
    bool eof;                     /* a capture has been read to its end: nothing more will come */
    struct rig_port_counters counters;
};

/*
 * Open by name. -EINVAL: the name does not parse; -ENOENT: no such interface or file; -EPERM,
 * -EACCES: no privilege (the sentence says what gives it); -EBUSY: in use. The port is closed by
 * rig_port_close.
 */
int rig_port_open(struct rig_port **port, const char *text, struct rig_err *err);
void rig_port_close(struct rig_port *port); /* NULL is allowed */

/* Lend up to n frames; returns how many, 0 when the device is full. */
uint32_t rig_port_tx_reserve(struct rig_port *port, struct rig_frame **frames, uint32_t n);
/* Hand over the first n reserved frames; returns how many the device took (the rest is counted as
 * dropped by cause). A frame that asks for an offload which `caps` does not have is dropped as
 * tx_drop_error. */
uint32_t rig_port_tx_commit(struct rig_port *port, uint32_t n);
uint32_t rig_port_rx_peek(struct rig_port *port, struct rig_frame **frames, uint32_t n);
void rig_port_rx_release(struct rig_port *port, struct rig_frame **frames, uint32_t n);

/* One line for each kind of port: "tap:NAME", "what it is, its options". For `netrig ports`. */
struct rig_port_kind {
    const char *syntax;
    const char *summary;
};
const struct rig_port_kind *rig_port_kinds(uint32_t *n);

#endif
