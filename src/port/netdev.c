/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/netdev.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int query(struct rig_netdev *dev, int fd, struct ifreq *req)
{
    if (ioctl(fd, SIOCGIFINDEX, req) < 0)
        return -errno;
    dev->index = req->ifr_ifindex;
    if (ioctl(fd, SIOCGIFMTU, req) < 0)
        return -errno;
    dev->mtu_bytes = (uint32_t)req->ifr_mtu;
    if (ioctl(fd, SIOCGIFHWADDR, req) < 0)
        return -errno;
    unsigned type = req->ifr_hwaddr.sa_family;
    dev->is_ethernet = type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
    if (type == ARPHRD_ETHER)
        memcpy(dev->mac.bytes, req->ifr_hwaddr.sa_data, RIG_MAC_BYTES);
    return 0;
}

int rig_netdev_get(struct rig_netdev *dev, const char *name, struct rig_err *err)
{
    struct ifreq req = {0};
    size_t len = strlen(name);
    if (len >= sizeof(req.ifr_name))
        return rig_err_set(err, -EINVAL, "an interface's name has at most %zu characters",
                           sizeof(req.ifr_name) - 1);
    memcpy(req.ifr_name, name, len);
    *dev = (struct rig_netdev){0};

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* any socket answers */
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot make a socket: %s", strerror(errno));
    int ret = query(dev, fd, &req);
    close(fd);
    if (ret == -ENODEV)
        return rig_err_set(err, -ENOENT, "there is no interface '%s' in this network namespace",
                           name);
    if (ret < 0)
        return rig_err_set(err, ret, "cannot query interface '%s': %s", name, strerror(-ret));
    return 0;
}
