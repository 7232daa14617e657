/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of ports on real interfaces: a network namespace of the test's own, and a raw socket
 * that stands on the other side of the port. */
#ifndef RIG_TESTS_PORT_NETNS_H
#define RIG_TESTS_PORT_NETNS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST_SKIPPED   77
#define TEST_ETHERTYPE 0x88b5 /* IEEE 802: local experiments */

static inline bool netns_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Move this process to a new network namespace, in which it has all capabilities. False, after it
 * has said why, if the kernel refuses. */
static inline bool netns_enter(void)
{
    char map[64];
    unsigned uid = geteuid(), gid = getegid();
    if (uid != 0 || unshare(CLONE_NEWNET) < 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
            fprintf(stderr, "SKIPPED: the kernel refuses a namespace: %s\n", strerror(errno));
            return false;
        }
        netns_write("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        netns_write("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        netns_write("/proc/self/gid_map", map);
    }
    netns_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    netns_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    return true;
}

/* Tun and tap devices; errno says why not. */
static inline bool netns_may_make_tuns(void)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static inline void netns_run(const char *command)
{
    if (system(command) != 0) {
        fprintf(stderr, "'%s' failed\n", command);
        abort();
    }
}

/* Wait, a few seconds at most, until the kernel has noticed an interface's carrier. */
static inline void netns_wait_running(const char *interface)
{
    struct ifreq req = {0};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", interface);
    for (int i = 0; i < 3000 && !(req.ifr_flags & IFF_RUNNING); i++) {
        usleep(1000);
        ioctl(fd, SIOCGIFFLAGS, &req);
    }
    close(fd);
}

/* A raw socket on an interface; with `vnet_hdr`, frames both ways begin with 10 bytes of header. */
static inline int netns_raw_socket(const char *interface, bool vnet_hdr)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_ll addr = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_ALL),
                               .sll_ifindex = (int)if_nametoindex(interface)};
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
    if (vnet_hdr)
        setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        abort();
    return fd;
}

/* Receive what comes within a second; -1 if nothing does. */
static inline ssize_t netns_recv(int fd, void *buf, size_t size)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 1000) == 1 ? recv(fd, buf, size, 0) : -1;
}

/* Ethernet with the experimental type, and bytes that tell their place and `seed`. */
static inline void netns_fill(uint8_t *out, uint32_t len_bytes, uint8_t seed)
{
    memcpy(out, "\x02\0\0\0\0\x0a\x02\0\0\0\0\x0b\x88\xb5", 14);
    for (uint32_t i = 14; i < len_bytes; i++)
        out[i] = (uint8_t)(i * 7 + seed);
}

/* A TCPv4 super-frame's headers (54 bytes) with the checksum field that NEEDS_CSUM wants. */
static inline void netns_fill_tcp4(uint8_t *out, uint32_t len_bytes)
{
    static const uint8_t head[54] = {0x02, 0,    0,    0,    0,    0x0a, 0x02, 0, 0,  0,
                                     0,    0x0b, 0x08, 0x00, /* Ethernet */
                                     0x45, 0,    0,    0,    0,    1,    0x40, 0, 64, 6,
                                     0,    0,    10,   0,    0,    1,    10,   0, 0,  2, /* IPv4 */
                                     0x30, 0x39, 0x13, 0x89, 0,    0,    0,    1, 0,  0,
                                     0,    1,    0x50, 0x10, 0xff, 0xff, 0,    0, 0,  0};
    memcpy(out, head, sizeof(head));
    memset(out + 54, 'x', len_bytes - 54);
    uint32_t ip_len = len_bytes - 14, tcp_len = len_bytes - 34, sum = 0;
    out[16] = (uint8_t)(ip_len >> 8);
    out[17] = (uint8_t)ip_len;
    for (uint32_t i = 14; i < 34; i += 2)
        sum += (uint32_t)out[i] << 8 | out[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    out[24] = (uint8_t)(~sum >> 8);
    out[25] = (uint8_t)~sum;
    sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + tcp_len;
    sum = (sum & 0xffff) + (sum >> 16);
    out[50] = (uint8_t)(sum >> 8);
    out[51] = (uint8_t)sum;
}

#endif
