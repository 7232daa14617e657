/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwIP as netrig wants it: no threads, raw interface, IPv4 and IPv6, UDP. Its TCP stays off:
 * src/tcp will stand on this IP. What is not named here has lwIP's default.
 */
#ifndef RIG_LWIPOPTS_H
#define RIG_LWIPOPTS_H

#include <stdint.h>

/* ---- platform: one thread ---- */
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET          0
#define LWIP_NETCONN         0
#define LWIP_STATS           0
#define LWIP_TIMERS          1
#define MEM_ALIGNMENT        8
/* Packets come from the C library's heap (the slow path only), where the sanitizers see overruns;
 * what queues and collects them comes from pools, so that no peer can make them grow. */
#define MEM_LIBC_MALLOC  1
#define MEMP_MEM_MALLOC  0
#define MEMP_NUM_UDP_PCB 4096
#define MEMP_NUM_PBUF    512 /* payloads by reference */
#define PBUF_POOL_SIZE   4   /* unused */

/* ---- protocols ---- */
#define LWIP_TCP                       0
#define LWIP_RAW                       0
#define LWIP_DNS                       0
#define LWIP_IGMP                      0
#define LWIP_UDP                       1
#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_ARP                       1
#define LWIP_ICMP                      1
#define LWIP_ICMP6                     1
#define LWIP_DHCP                      1
#define LWIP_IPV6_DHCP6                0
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_MLD                  1 /* snooping bridges ask for it before they pass solicitations */
#define MEMP_NUM_MLD6_GROUP            64
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 0
/* One probe a second is what RFC 4862 asks for, and what the user waits for. */
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
/* Ask for routers each second, three times: a tap that was just opened loses the first answer. */
#define ND6_RTR_SOLICITATION_INTERVAL 1000
/* lwIP's probe of an offered address costs seconds; servers probe before they offer. */
#define DHCP_DOES_ARP_CHECK 0
#define IP_DEFAULT_TTL      64
#define LWIP_ICMP6_HL       64

/* ---- interfaces ---- */
#define LWIP_SINGLE_NETIF       0
#define LWIP_NETIF_LOOPBACK     0
#define LWIP_HAVE_LOOPIF        0
#define LWIP_IPV6_NUM_ADDRESSES 6 /* link-local, static, SLAAC from several prefixes */

/* ---- neighbours: tables are searched linearly, and only on the slow path ---- */
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define ARP_TABLE_SIZE                1024
#define ARP_QUEUEING                  1
#define ARP_QUEUE_LEN                 64 /* a datagram of 64 KiB in fragments */
#define MEMP_NUM_ARP_QUEUE            256
#define LWIP_ND6_QUEUEING             1
#define LWIP_ND6_NUM_NEIGHBORS        120 /* lwIP counts both in an int8_t */
#define LWIP_ND6_NUM_DESTINATIONS     120
#define MEMP_NUM_ND6_QUEUE            256

/* ---- fragments: 45 of 1500 bytes make one datagram of 64 KiB ---- */
#define IP_REASSEMBLY      1
#define IP_FRAG            1
#define LWIP_IPV6_REASS    1
#define LWIP_IPV6_FRAG     1
#define IP_REASS_MAX_PBUFS 2048
#define MEMP_NUM_REASSDATA 64
#define MEMP_NUM_FRAG_PBUF 512
/* Pointers have 64 bits: the reassembly helper does not fit into a fragment header. */
#define IPV6_FRAG_COPYHEADER 1

/* ---- UDP: several sockets on one local port, each with its own peer ---- */
#define SO_REUSE     1
#define LWIP_UDPLITE 0

/* ---- checksums: by rig_csum; what a port promised is not checked again ---- */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY        0
#define LWIP_CHKSUM                  rig_lwip_chksum
uint16_t rig_lwip_chksum(const void *data, int len_bytes);

#define LWIP_HOOK_FILENAME                 "rig_lwip_hooks.h"
#define LWIP_HOOK_IP4_ROUTE_SRC(src, dest) rig_lwip_route_src(src, dest)
#define LWIP_HOOK_ND6_GET_GW(netif, dest)  rig_lwip_gateway6(netif, dest)

#endif
