/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the lab share: rtnetlink, namespaces, steps, the journal. */
#ifndef RIG_LAB_LAB_INTERNAL_H
#define RIG_LAB_LAB_INTERNAL_H

#include "lab/lab.h"

/* lab_netlink.c: one rtnetlink socket, bound to the namespace it was opened in. */

struct rig_lab_nl;

struct rig_lab_link {
    uint32_t index;
    uint32_t mtu_bytes;
    uint32_t master_index; /* 0: none */
};

int rig_lab_nl_open(struct rig_lab_nl **nl, struct rig_err *err);
void rig_lab_nl_close(struct rig_lab_nl *nl); /* NULL is allowed */
/* -ENODEV if there is none. */
int rig_lab_nl_find(struct rig_lab_nl *nl, const char *name, struct rig_lab_link *link,
                    struct rig_err *err);
/* The end in the socket's namespace is up when it returns, the peer is not. */
int rig_lab_nl_veth(struct rig_lab_nl *nl, const char *name, const char *peer, int peer_ns_fd,
                    struct rig_err *err);
int rig_lab_nl_bridge(struct rig_lab_nl *nl, const char *name, struct rig_err *err);
int rig_lab_nl_up(struct rig_lab_nl *nl, uint32_t index, struct rig_err *err);
int rig_lab_nl_mtu(struct rig_lab_nl *nl, uint32_t index, uint32_t mtu_bytes, struct rig_err *err);
/* Join a bridge, or with 0 leave it. */
int rig_lab_nl_master(struct rig_lab_nl *nl, uint32_t index, uint32_t master_index,
                      struct rig_err *err);
int rig_lab_nl_delete(struct rig_lab_nl *nl, uint32_t index, struct rig_err *err);
int rig_lab_nl_addr(struct rig_lab_nl *nl, uint32_t index, const struct rig_prefix *prefix,
                    bool add, struct rig_err *err);
/* The default route of the gateway's family. */
int rig_lab_nl_route(struct rig_lab_nl *nl, const struct rig_addr *gateway, bool add,
                     struct rig_err *err);
int rig_lab_nl_has_addr(struct rig_lab_nl *nl, uint32_t index, const struct rig_prefix *prefix,
                        bool *has, struct rig_err *err);
int rig_lab_nl_has_route(struct rig_lab_nl *nl, uint8_t family, bool *has, struct rig_err *err);

/* lab_ns.c: the namespaces of a lab, each with its descriptor and its socket. */

struct rig_lab_ns {
    char name[RIG_LAB_NAME_MAX]; /* "": home */
    int fd;
    struct rig_lab_nl *nl;
};

struct rig_lab_net {
    uint32_t n_ns;
    struct rig_lab_ns ns[RIG_LAB_STEPS_MAX + 1]; /* ns[0] is home */
};

/* Home is the namespace that the caller is in. */
int rig_lab_net_new(struct rig_lab_net **net, struct rig_err *err);
void rig_lab_net_free(struct rig_lab_net *net); /* NULL is allowed */
/* Make a namespace; with `path` it is kept there. */
int rig_lab_net_add(struct rig_lab_net *net, const char *name, const char *path,
                    struct rig_err *err);
/* Take up the namespace that is kept at `path`; -ENOENT if there is none. */
int rig_lab_net_attach(struct rig_lab_net *net, const char *name, const char *path,
                       struct rig_err *err);
struct rig_lab_ns *rig_lab_net_find(struct rig_lab_net *net, const char *name, struct rig_err *err);
/* lo up, ping for all, no duplicate address detection; in the namespace the caller is in. */
int rig_lab_ns_prepare(struct rig_lab_nl *nl, struct rig_err *err);
/* Make a persistent tap with a virtio-net header in `ns`; the caller is in home. */
int rig_lab_ns_tap(const struct rig_lab_net *net, const struct rig_lab_ns *ns, const char *name,
                   struct rig_err *err);

/* lab_enter.c */

/* Set NETRIG_LAB for the processes that this one starts, which stays and holds `net`. */
int rig_lab_publish(const struct rig_lab_net *net, struct rig_err *err);
/* Lay a /sys that shows this network namespace over the old one, where that is allowed. */
void rig_lab_show_sysfs(void);

/* lab_step.c */

/* Do one step; for RIG_LAB_NS `path` is as for rig_lab_net_add. */
int rig_lab_step_make(struct rig_lab_net *net, const struct rig_lab_step *step, const char *path,
                      struct rig_err *err);

/* lab_plan.c */

/* Letters, digits, '_', '-', '.', not first a dot or a dash, at most `len_max` of them. */
bool rig_lab_name_ok(const char *text, size_t len, size_t len_max);

/* lab_journal.c: the undo of a lab on the host. */

#define RIG_LAB_RECORDS_MAX (2 * RIG_LAB_STEPS_MAX + 8)
#define RIG_LAB_WHAT_MAX    80

enum rig_lab_undo {
    RIG_LAB_UNDO_NS,       /* remove namespace `ns` */
    RIG_LAB_UNDO_LINK,     /* delete interface `name` of `ns` */
    RIG_LAB_UNDO_PORT,     /* `name` leaves its bridge */
    RIG_LAB_UNDO_ADDR,     /* remove the address `what` from `name` */
    RIG_LAB_UNDO_ROUTE,    /* remove the default route via `what` */
    RIG_LAB_UNDO_MTU,      /* `name` gets its old MTU `what` back */
    RIG_LAB_UNDO_MADE,     /* nothing: interface `name` has index `what` */
    RIG_LAB_UNDO_COMPLETE, /* nothing: the lab stands */
    RIG_LAB_UNDO_DOWN,     /* nothing: the lab is being taken down */
};

struct rig_lab_record {
    enum rig_lab_undo undo;
    char ns[RIG_LAB_NAME_MAX]; /* "": the host's */
    char name[RIG_LAB_NAME_MAX];
    char what[RIG_LAB_WHAT_MAX];
};

struct rig_lab_journal {
    uint32_t n_records;
    struct rig_lab_record records[RIG_LAB_RECORDS_MAX];
};

/* The folder of the journals, made and locked against other processes; returns its descriptor.
 * With `make` false a folder that is not there is -ENOENT. */
int rig_lab_journal_folder(bool make, struct rig_err *err);
/* Make the journal of `lab`, empty; returns its descriptor. */
int rig_lab_journal_create(int folder_fd, const char *lab, struct rig_err *err);
/* Open it to write behind what it has; returns its descriptor. */
int rig_lab_journal_append(int folder_fd, const char *lab, struct rig_err *err);
/* Returns when the record is on its medium. */
int rig_lab_journal_write(int fd, const struct rig_lab_record *record, struct rig_err *err);
/* -ENOENT if there is none; a last line that was cut off by a kill is left out. */
int rig_lab_journal_read(int folder_fd, const char *lab, struct rig_lab_journal *journal,
                         struct rig_err *err);
int rig_lab_journal_remove(int folder_fd, const char *lab, struct rig_err *err);

/* lab_undo.c */

#define RIG_LAB_NS_PATH_MAX 96

/* Where a namespace of a lab on the host is kept. */
void rig_lab_ns_path(char path[static RIG_LAB_NS_PATH_MAX], const char *lab, const char *ns);
/* Undo each record, the last one first. The first failure is returned, after all were tried. */
int rig_lab_undo_all(const char *lab, const struct rig_lab_journal *journal, struct rig_err *err);

#endif
