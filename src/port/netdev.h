/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says about an interface of this network namespace. */
#ifndef RIG_PORT_NETDEV_H
#define RIG_PORT_NETDEV_H

#include "base/addr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct rig_netdev {
    int index;
    uint32_t mtu_bytes;
    bool is_ethernet;   /* its frames have an Ethernet header (loopback's have) */
    struct rig_mac mac; /* zero if it has none */
};

/* -EINVAL: no interface can have this name; -ENOENT: none has. With a sentence, without a place. */
int rig_netdev_get(struct rig_netdev *dev, const char *name, struct rig_err *err);

#endif
