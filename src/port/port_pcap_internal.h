/* SPDX-License-Identifier: BSD-2-Clause */
/* The pieces of port_pcap.c. */
#ifndef RIG_PORT_PORT_PCAP_INTERNAL_H
#define RIG_PORT_PORT_PCAP_INTERNAL_H

#include "port/port_backend.h"
#include "port/port_pool.h"

#define RIG_PORT_PCAP_TX_BUFS 64u

int rig_port_pcap_write_open(struct rig_port **port, const char *path, struct rig_err *err);

#endif
