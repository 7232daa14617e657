/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lab: network namespaces, veths, taps, bridges and addresses, made through netlink and
 * undone on every way out.
 *
 * Two lives:
 *   - rig_lab_run: everything inside fresh namespaces of one process tree. Its end, kill -9
 *     included, ends them all and the kernel takes the network down with them. Needs no privilege
 *     where user namespaces are allowed.
 *   - rig_lab_up / down: on the host, as root. Each step's undo is written to a journal before
 *     the step is done; down plays it backwards and may be repeated.
 */
#ifndef RIG_LAB_LAB_H
#define RIG_LAB_LAB_H

#include "base/addr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RIG_LAB_STEPS_MAX 256
#define RIG_LAB_NAME_MAX  32

enum rig_lab_kind {
    RIG_LAB_NS,     /* name */
    RIG_LAB_VETH,   /* name in ns, and peer in peer_ns */
    RIG_LAB_TAP,    /* name in ns */
    RIG_LAB_BRIDGE, /* name in ns */
    RIG_LAB_PORT,   /* name joins the bridge `peer`, both in ns */
    RIG_LAB_ADDR,   /* prefix on name in ns */
    RIG_LAB_ROUTE,  /* default route of ns via prefix.addr */
    RIG_LAB_MTU,    /* value on name in ns */
};

/* One step of a topology; ns "" is the lab's first namespace ("home"). */
struct rig_lab_step {
    enum rig_lab_kind kind;
    char name[RIG_LAB_NAME_MAX];
    char ns[RIG_LAB_NAME_MAX];
    char peer[RIG_LAB_NAME_MAX];
    char peer_ns[RIG_LAB_NAME_MAX];
    struct rig_prefix prefix;
    uint32_t value;
};

struct rig_lab_plan {
    uint32_t n_steps;
    struct rig_lab_step steps[RIG_LAB_STEPS_MAX];
};

/*
 * Add the step(s) that one word of the lab language says:
 *   ns:NAME                       another namespace
 *   veth:A[@NS],B[@NS]            a pair, each end in its namespace
 *   tap:NAME[@NS]                 a persistent tap (vnet header, no packet information)
 *   bridge:NAME[@NS][=IF+IF...]   a bridge, no STP, no forward delay, and its ports
 *   addr:IF[@NS]=A/P              an address (IPv6 without duplicate address detection)
 *   route:[NS]=GATEWAY            a default route
 *   mtu:IF[@NS]=BYTES
 * Interfaces are brought up as they are made. -EINVAL with a sentence that quotes the word.
 */
int rig_lab_plan_add(struct rig_lab_plan *plan, const char *word, struct rig_err *err);

#define RIG_LAB_STEP_TEXT_MAX 192

/* What a step does, for a person: "address 10.0.0.1/24 on a@left". Returns `buf`. */
char *rig_lab_step_format(const struct rig_lab_step *step, char buf[static RIG_LAB_STEP_TEXT_MAX]);

/*
 * Make the plan in new namespaces and run argv in "home" with NETRIG_LAB set, so that
 * rig_lab_enter finds the lab. Waits for it, ends what is left of it, and returns its exit status
 * (128 + n for signal n) or -errno. The caller's own namespaces stay as they are.
 */
int rig_lab_run(const struct rig_lab_plan *plan, char *const argv[], struct rig_err *err);

/*
 * Move this process into namespace `ns` ("home": the first) of a lab, with a /sys that shows it.
 * `lab` NULL: the rig_lab_run that it is inside of (NETRIG_LAB); else the name of a rig_lab_up.
 */
int rig_lab_enter(const char *lab, const char *ns, struct rig_err *err);

/* On the host (root): make the plan under `name`; namespaces become /run/netns/NAME-NS. A journal
 * of the same name left by a killed run is undone first. */
int rig_lab_up(const char *name, const struct rig_lab_plan *plan, struct rig_err *err);
/* Undo `name`, or all journals (NULL). Nothing to undo is success. `n_undone` may be NULL. */
int rig_lab_down(const char *name, uint32_t *n_undone, struct rig_err *err);
/* Call `fn` for each journal on this host. */
int rig_lab_list(void (*fn)(void *ctx, const char *name, uint32_t n_steps), void *ctx,
                 struct rig_err *err);

#endif
