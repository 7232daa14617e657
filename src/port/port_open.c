/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening by name: what each kind of port_kinds.c is opened with on a Linux host. */
#include "port/port_backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct backend {
    const char *kind;
    int (*open)(struct rig_port **port, const struct rig_port_name *name, struct rig_err *err);
};

static const struct backend backends[] = {
    {"tap", rig_port_tap_open},   {"packet", rig_port_packet_open}, {"pcap", rig_port_pcap_open},
    {"pair", rig_port_pair_open}, {"null", rig_port_null_open},
};

int rig_port_open(struct rig_port **port, const char *text, struct rig_err *err)
{
    struct rig_port_name name;
    int ret = rig_port_name_parse(&name, text, err);
    if (ret < 0)
        return ret;

    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (strcmp(backends[i].kind, name.kind) != 0)
            continue;
        ret = backends[i].open(port, &name, err);
        if (ret == 0)
            snprintf((*port)->name, sizeof((*port)->name), "%s", text);
        return ret;
    }
    return rig_err_set(err, -EINVAL, "this platform has no ports of kind '%s'", name.kind);
}
