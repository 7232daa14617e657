/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way into the namespaces of a lab.
 *
 * NETRIG_LAB is "PID:NAME=FD,NAME=FD,...": the holder's process number as the lab sees it, and its
 * descriptor of each namespace, reached as /proc/PID/fd/FD. Home is called "home". The value is
 * checked like any other input: it may be stale, or somebody's own.
 */
#include "lab/lab_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define RIG_LAB_PATH_MAX 128

static const char variable[] = "NETRIG_LAB";

int rig_lab_publish(const struct rig_lab_net *net, struct rig_err *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return rig_err_set(err, -ENOMEM, "no memory for %s", variable);
    fprintf(stream, "%d:", (int)getpid());
    for (uint32_t i = 0; i < net->n_ns; i++)
        fprintf(stream, "%s%s=%d", i > 0 ? "," : "", i > 0 ? net->ns[i].name : "home",
                net->ns[i].fd);
    int code = 0;
    if (fclose(stream) != 0 || setenv(variable, text, 1) != 0)
        code = rig_err_set(err, -ENOMEM, "no memory for %s", variable);
    free(text);
    return code;
}

void rig_lab_show_sysfs(void)
{
    /* Over the old one: in a user namespace the host's mounts cannot be taken away. Where even
     * this is refused, only /sys/class/net goes on showing another namespace. */
    if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) != 0)
        mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL);
}

/* The value of "NAME=" among "NAME=FD,NAME=FD", or -1. */
static long find_fd(const char *list, const char *name)
{
    size_t len = strlen(name);
    while (list != NULL && *list != '\0') {
        if (strncmp(list, name, len) == 0 && list[len] == '=')
            return strtol(list + len + 1, NULL, 10);
        list = strchr(list, ',');
        list = list != NULL ? list + 1 : NULL;
    }
    return -1;
}

static int path_inside(char path[static RIG_LAB_PATH_MAX], const char *ns, struct rig_err *err)
{
    const char *text = getenv(variable);
    if (text == NULL || *text == '\0')
        return rig_err_set(err, -ENOENT, "this is not inside a lab: %s is not set", variable);
    char *end = NULL;
    long pid = strtol(text, &end, 10);
    if (pid <= 0 || *end != ':')
        return rig_err_set(err, -EBADMSG, "%s is damaged: '%.64s'", variable, text);
    long fd = find_fd(end + 1, ns);
    if (fd < 0)
        return rig_err_set(err, -ENOENT, "the lab has no namespace '%s'; it has %.160s", ns,
                           end + 1);
    snprintf(path, RIG_LAB_PATH_MAX, "/proc/%ld/fd/%ld", pid, fd);
    return 0;
}

static int path_on_host(char path[static RIG_LAB_PATH_MAX], const char *lab, const char *ns,
                        struct rig_err *err)
{
    if (!rig_lab_name_ok(lab, strlen(lab), RIG_LAB_NAME_MAX - 1) ||
        !rig_lab_name_ok(ns, strlen(ns), RIG_LAB_NAME_MAX - 1))
        return rig_err_set(err, -EINVAL, "'%.64s' or '%.64s' cannot name a lab or namespace", lab,
                           ns);
    if (strcmp(ns, "home") == 0)
        snprintf(path, RIG_LAB_PATH_MAX, "/proc/1/ns/net");
    else
        snprintf(path, RIG_LAB_PATH_MAX, "/run/netns/%s-%s", lab, ns);
    return 0;
}

/* A mount namespace of its own, so that /sys can be laid over. */
static void own_sysfs(void)
{
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
        rig_lab_show_sysfs();
}

int rig_lab_enter(const char *lab, const char *ns, struct rig_err *err)
{
    char path[RIG_LAB_PATH_MAX];
    int code = lab == NULL ? path_inside(path, ns, err) : path_on_host(path, lab, ns, err);
    if (code != 0)
        return code;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rig_err_set(err, -errno, "cannot open namespace '%s' at %s: %s", ns, path,
                           strerror(errno));
    if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
        code = rig_err_set(err, -EBADMSG, "%s is no network namespace", path);
    else if (setns(fd, CLONE_NEWNET) != 0)
        code = rig_err_set(err, -errno, "cannot enter namespace '%s': %s", ns, strerror(errno));
    close(fd);
    if (code == 0)
        own_sysfs();
    return code;
}
