/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of port. The grammar knows them from here: what stands before the ':' of a syntax is
 * the kind, and one without a ':' takes no name. */
#include "port/port.h"

static const struct rig_port_kind kinds[] = {
    {"tap:NAME", "a Linux tap interface that exists; @offload=on|off, @uso=on|off"},
    {"packet:IF", "an Ethernet interface through AF_PACKET rings; @offload=on|off, @uso=on|off"},
    {"pcap:FILE", "reads a capture, or with @write makes one; @write, @mtu=BYTES"},
    {"pair:NAME/0|1", "an end of a wire inside this process; @offload=on|off, @mtu=BYTES"},
    {"null", "takes everything, gives nothing; @offload=on|off, @mtu=BYTES"},
};

const struct rig_port_kind *rig_port_kinds(uint32_t *n)
{
    *n = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}
