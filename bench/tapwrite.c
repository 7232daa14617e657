/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simplest sender there is: write(2) of one frame to a tap, again and again, until it is
 * killed. A bound for whoever sends one frame a system call, and bench/run's second peer.
 *
 *     tapwrite TAP FRAME_BYTES DST_MAC
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MIN_BYTES 42
#define FRAME_MAX_BYTES 1514

static int tap_open(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* An IPv4 frame with a UDP header and nothing behind it; nobody is meant to take it. */
static void fill(uint8_t frame[static FRAME_MAX_BYTES], const unsigned mac[static 6])
{
    static const uint8_t rest[] = {2, 0, 0, 0, 0, 1, 8, 0, 0x45};

    memset(frame, 0, FRAME_MAX_BYTES);
    for (int i = 0; i < 6; i++)
        frame[i] = (uint8_t)mac[i];
    memcpy(frame + 6, rest, sizeof(rest));
    frame[23] = 17;
}

static int usage(void)
{
    fprintf(stderr, "usage: tapwrite TAP FRAME_BYTES DST_MAC\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint8_t frame[FRAME_MAX_BYTES];
    unsigned mac[6];

    if (argc != 4)
        return usage();
    long len_bytes = strtol(argv[2], NULL, 10);
    if (len_bytes < FRAME_MIN_BYTES || len_bytes > FRAME_MAX_BYTES ||
        sscanf(argv[3], "%2x:%2x:%2x:%2x:%2x:%2x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
               &mac[5]) != 6)
        return usage();
    int fd = tap_open(argv[1]);
    if (fd < 0) {
        fprintf(stderr, "tapwrite: %s: %s\n", argv[1], strerror(errno));
        return 3;
    }
    fill(frame, mac);
    for (;;)
        if (write(fd, frame, (size_t)len_bytes) < 0 && errno != EAGAIN)
            return 3;
}
