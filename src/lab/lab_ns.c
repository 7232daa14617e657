/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces. A thread is always in one network namespace, and a socket, a tap and a file of
 * /proc/sys/net belong to the one that their opener was in; so the process steps into a namespace
 * for as long as it takes to open them, and back home.
 */
#include "lab/lab_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char own_ns[] = "/proc/thread-self/ns/net";

static int go_home(const struct rig_lab_net *net, struct rig_err *err)
{
    if (setns(net->ns[0].fd, CLONE_NEWNET) != 0)
        return rig_err_set(err, -errno, "cannot go back to the first namespace: %s",
                           strerror(errno));
    return 0;
}

/* Take up the namespace that the caller is in. */
static int take_current(struct rig_lab_net *net, const char *name, struct rig_err *err)
{
    struct rig_lab_ns *ns = &net->ns[net->n_ns];
    int fd = open(own_ns, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot open %s: %s", own_ns, strerror(errno));
    int code = rig_lab_nl_open(&ns->nl, err);
    if (code != 0) {
        close(fd);
        return code;
    }
    ns->fd = fd;
    snprintf(ns->name, sizeof(ns->name), "%s", name);
    net->n_ns++;
    return 0;
}

int rig_lab_net_new(struct rig_lab_net **net, struct rig_err *err)
{
    struct rig_lab_net *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return rig_err_set(err, -ENOMEM, "no memory for a lab");
    int code = take_current(made, "", err);
    if (code != 0) {
        free(made);
        return code;
    }
    *net = made;
    return 0;
}

void rig_lab_net_free(struct rig_lab_net *net)
{
    if (net == NULL)
        return;
    for (uint32_t i = 0; i < net->n_ns; i++) {
        rig_lab_nl_close(net->ns[i].nl);
        close(net->ns[i].fd);
    }
    free(net);
}

struct rig_lab_ns *rig_lab_net_find(struct rig_lab_net *net, const char *name, struct rig_err *err)
{
    for (uint32_t i = 0; i < net->n_ns; i++) {
        if (strcmp(net->ns[i].name, name) == 0)
            return &net->ns[i];
    }
    rig_err_set(err, -ENOENT, "there is no namespace '%s'", name);
    return NULL;
}

/* A name under /run/netns for the namespace that the caller is in, as `ip netns` makes it. */
static int keep_at(const char *path, struct rig_err *err)
{
    int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot make %s: %s", path, strerror(errno));
    close(fd);
    if (mount(own_ns, path, "none", MS_BIND, NULL) == 0)
        return 0;
    int code =
        rig_err_set(err, -errno, "cannot mount the namespace on %s: %s", path, strerror(errno));
    unlink(path);
    return code;
}

int rig_lab_net_add(struct rig_lab_net *net, const char *name, const char *path,
                    struct rig_err *err)
{
    if (unshare(CLONE_NEWNET) != 0)
        return rig_err_set(err, -errno, "cannot make a network namespace: %s", strerror(errno));
    int code = take_current(net, name, err);
    if (code == 0)
        code = rig_lab_ns_prepare(net->ns[net->n_ns - 1].nl, err);
    if (code == 0 && path != NULL)
        code = keep_at(path, err);
    int back = go_home(net, code == 0 ? err : NULL);
    return code != 0 ? code : back;
}

int rig_lab_net_attach(struct rig_lab_net *net, const char *name, const char *path,
                       struct rig_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    /* A kill between making the file and mounting on it leaves a plain file. */
    if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET || setns(fd, CLONE_NEWNET) != 0) {
        close(fd);
        return rig_err_set(err, -ENOENT, "%s is no network namespace", path);
    }
    close(fd);
    int code = take_current(net, name, err);
    int back = go_home(net, code == 0 ? err : NULL);
    return code != 0 ? code : back;
}

static int write_setting(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t done = write(fd, value, strlen(value));
    int code = done < 0 ? -errno : 0;
    close(fd);
    return code;
}

int rig_lab_ns_prepare(struct rig_lab_nl *nl, struct rig_err *err)
{
    /* Both are conveniences, absent from a kernel without IPv6 or with a closed /proc/sys. In a
     * user namespace only group 0 is mapped, and the whole range is refused. */
    static const char ping[] = "/proc/sys/net/ipv4/ping_group_range";
    if (write_setting(ping, "0 2147483647") != 0)
        write_setting(ping, "0 0");
    write_setting("/proc/sys/net/ipv6/conf/default/accept_dad", "0");

    struct rig_lab_link lo;
    int code = rig_lab_nl_find(nl, "lo", &lo, err);
    return code == 0 ? rig_lab_nl_up(nl, lo.index, err) : code;
}

static int open_tun(struct rig_err *err)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == EACCES || errno == EPERM)
        return rig_err_set(err, -errno,
                           "/dev/net/tun is closed to this user; use veth: with packet: ports "
                           "instead, or let root open it with 'chmod 666 /dev/net/tun'");
    return rig_err_set(err, -errno, "cannot open /dev/net/tun: %s", strerror(errno));
}

static int make_tap(const char *name, struct rig_err *err)
{
    int fd = open_tun(err);
    if (fd < 0)
        return fd;
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    int code = 0;
    if (ioctl(fd, TUNSETIFF, &request) != 0 || ioctl(fd, TUNSETPERSIST, 1) != 0)
        code = rig_err_set(err, -errno, "cannot make the tap: %s", strerror(errno));
    close(fd);
    return code;
}

int rig_lab_ns_tap(const struct rig_lab_net *net, const struct rig_lab_ns *ns, const char *name,
                   struct rig_err *err)
{
    if (setns(ns->fd, CLONE_NEWNET) != 0)
        return rig_err_set(err, -errno, "cannot enter namespace '%s': %s", ns->name,
                           strerror(errno));
    int code = make_tap(name, err);
    int back = go_home(net, code == 0 ? err : NULL);
    return code != 0 ? code : back;
}
