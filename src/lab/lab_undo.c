/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Playing a journal backwards. What is gone already is undone already; one undo that fails does
 * not keep the others from being tried, but the journal stays.
 */
#include "lab/lab_internal.h"

#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

void rig_lab_ns_path(char path[static RIG_LAB_NS_PATH_MAX], const char *lab, const char *ns)
{
    snprintf(path, RIG_LAB_NS_PATH_MAX, "/run/netns/%s-%s", lab, ns);
}

static bool is_gone(int code)
{
    return code == -ENOENT || code == -ENODEV || code == -ENXIO || code == -EADDRNOTAVAIL ||
           code == -ESRCH;
}

static int remove_ns(const char *lab, const char *ns, struct rig_err *err)
{
    char path[RIG_LAB_NS_PATH_MAX];
    rig_lab_ns_path(path, lab, ns);
    /* EINVAL: a kill came between making the file and mounting on it. */
    if (umount2(path, MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT)
        return rig_err_set(err, -errno, "cannot unmount %s: %s", path, strerror(errno));
    if (unlink(path) != 0 && errno != ENOENT)
        return rig_err_set(err, -errno, "cannot remove %s: %s", path, strerror(errno));
    return 0;
}

/* The index that the journal gives to an interface; 0 if a kill came before it was noted. */
static uint32_t noted_index(const struct rig_lab_journal *journal,
                            const struct rig_lab_record *link)
{
    for (uint32_t i = 0; i < journal->n_records; i++) {
        const struct rig_lab_record *record = &journal->records[i];
        if (record->undo == RIG_LAB_UNDO_MADE && strcmp(record->ns, link->ns) == 0 &&
            strcmp(record->name, link->name) == 0)
            return (uint32_t)strtoul(record->what, NULL, 10);
    }
    return 0;
}

static int set_old_mtu(struct rig_lab_ns *ns, uint32_t index, const char *what, struct rig_err *err)
{
    int64_t mtu_bytes = 0;
    int code = rig_units_parse_int(&mtu_bytes, what, 0, INT32_MAX, err);
    return code == 0 ? rig_lab_nl_mtu(ns->nl, index, (uint32_t)mtu_bytes, err) : code;
}

static int remove_addr(struct rig_lab_ns *ns, uint32_t index, const char *what, struct rig_err *err)
{
    struct rig_prefix prefix;
    int code = rig_prefix_parse(&prefix, what, err);
    return code == 0 ? rig_lab_nl_addr(ns->nl, index, &prefix, false, err) : code;
}

static int remove_route(struct rig_lab_ns *ns, const char *what, struct rig_err *err)
{
    struct rig_addr gateway;
    int code = rig_addr_parse(&gateway, what, err);
    return code == 0 ? rig_lab_nl_route(ns->nl, &gateway, false, err) : code;
}

static int undo_in(const struct rig_lab_journal *journal, const struct rig_lab_record *record,
                   struct rig_lab_ns *ns, struct rig_err *err)
{
    if (record->undo == RIG_LAB_UNDO_ROUTE)
        return remove_route(ns, record->what, err);
    struct rig_lab_link link;
    int code = rig_lab_nl_find(ns->nl, record->name, &link, err);
    if (code != 0)
        return code;
    uint32_t index = noted_index(journal, record);
    switch (record->undo) {
    case RIG_LAB_UNDO_LINK:
        /* Another index: ours was deleted, and this one is somebody else's. */
        return index == 0 || index == link.index ? rig_lab_nl_delete(ns->nl, link.index, err) : 0;
    case RIG_LAB_UNDO_PORT:
        return rig_lab_nl_master(ns->nl, link.index, 0, err);
    case RIG_LAB_UNDO_ADDR:
        return remove_addr(ns, link.index, record->what, err);
    case RIG_LAB_UNDO_MTU:
        return set_old_mtu(ns, link.index, record->what, err);
    default:
        return 0;
    }
}

/* The namespace of a record, opened when it is first met. NULL with -ENOENT: it is gone. */
static struct rig_lab_ns *open_ns(struct rig_lab_net *net, const char *lab, const char *name,
                                  int *code, struct rig_err *err)
{
    struct rig_lab_ns *ns = rig_lab_net_find(net, name, NULL);
    if (ns != NULL)
        return ns;
    char path[RIG_LAB_NS_PATH_MAX];
    rig_lab_ns_path(path, lab, name);
    *code = rig_lab_net_attach(net, name, path, err);
    return *code == 0 ? rig_lab_net_find(net, name, err) : NULL;
}

static int undo_record(struct rig_lab_net *net, const char *lab,
                       const struct rig_lab_journal *journal, const struct rig_lab_record *record,
                       struct rig_err *err)
{
    if (record->undo == RIG_LAB_UNDO_MADE || record->undo == RIG_LAB_UNDO_COMPLETE)
        return 0;
    if (record->undo == RIG_LAB_UNDO_NS)
        return remove_ns(lab, record->ns, err);
    int code = 0;
    struct rig_lab_ns *ns = open_ns(net, lab, record->ns, &code, err);
    if (ns != NULL)
        code = undo_in(journal, record, ns, err);
    if (code == 0 || is_gone(code))
        return 0;
    rig_err_prefix(err, "undo of lab '%s', %s", lab,
                   record->name[0] != '\0' ? record->name : "route");
    return code;
}

int rig_lab_undo_all(const char *lab, const struct rig_lab_journal *journal, struct rig_err *err)
{
    struct rig_lab_net *net = NULL;
    int code = rig_lab_net_new(&net, err);
    if (code != 0)
        return code;
    for (uint32_t i = journal->n_records; i > 0; i--) {
        struct rig_err later;
        int this_code =
            undo_record(net, lab, journal, &journal->records[i - 1], code == 0 ? err : &later);
        code = code == 0 ? this_code : code;
    }
    rig_lab_net_free(net);
    return code;
}
