/* SPDX-License-Identifier: BSD-2-Clause */
/* What port.c and the back ends share; nobody above src/port includes it. */
#ifndef RIG_PORT_PORT_BACKEND_H
#define RIG_PORT_PORT_BACKEND_H

#include "port/port.h"
#include "port/port_name.h"

/*
 * Each opens its kind of port. port_open.c fills in the name; a back end sets everything else in
 * the common part that is not zero.
 */
int rig_port_tap_open(struct rig_port **port, const struct rig_port_name *name,
                      struct rig_err *err);
int rig_port_packet_open(struct rig_port **port, const struct rig_port_name *name,
                         struct rig_err *err);
int rig_port_pcap_open(struct rig_port **port, const struct rig_port_name *name,
                       struct rig_err *err);
int rig_port_pair_open(struct rig_port **port, const struct rig_port_name *name,
                       struct rig_err *err);
int rig_port_null_open(struct rig_port **port, const struct rig_port_name *name,
                       struct rig_err *err);

#define RIG_PORT_TX_OFFLOADS                                                                       \
    (RIG_PORT_TX_CSUM | RIG_PORT_TX_TSO4 | RIG_PORT_TX_TSO6 | RIG_PORT_TX_USO)

#define RIG_PORT_MTU_DEFAULT 1500u

/* @mtu=BYTES for the kinds that have no interface to ask; `mtu` stays if the option is absent. */
int rig_port_option_mtu(const struct rig_port_name *name, uint32_t *mtu_bytes, struct rig_err *err);

/*
 * May this frame go to the device? Counts the drop if not: longer than the MTU and no super-frame,
 * or an offload that the port does not have.
 */
bool rig_port_tx_allowed(struct rig_port *port, const struct rig_frame *frame);

#endif
