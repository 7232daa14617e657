/* SPDX-License-Identifier: BSD-2-Clause */
/* One step of a topology: what it says, and how it is done. */
#include "lab/lab_internal.h"

#include <errno.h>
#include <string.h>

static const char *at(const char *ns)
{
    return ns[0] != '\0' ? "@" : "";
}

char *rig_lab_step_format(const struct rig_lab_step *step, char buf[static RIG_LAB_STEP_TEXT_MAX])
{
    char addr[RIG_ADDR_TEXT_MAX];
    const char *name = step->name;
    const char *ns = step->ns;
    const size_t size = RIG_LAB_STEP_TEXT_MAX;
    switch (step->kind) {
    case RIG_LAB_NS:
        snprintf(buf, size, "namespace %s", name);
        break;
    case RIG_LAB_VETH:
        snprintf(buf, size, "pair %s%s%s and %s%s%s", name, at(ns), ns, step->peer,
                 at(step->peer_ns), step->peer_ns);
        break;
    case RIG_LAB_TAP:
        snprintf(buf, size, "tap %s%s%s", name, at(ns), ns);
        break;
    case RIG_LAB_BRIDGE:
        snprintf(buf, size, "bridge %s%s%s", name, at(ns), ns);
        break;
    case RIG_LAB_PORT:
        snprintf(buf, size, "%s%s%s into bridge %s", name, at(ns), ns, step->peer);
        break;
    case RIG_LAB_ADDR:
        snprintf(buf, size, "address %s/%u on %s%s%s", rig_addr_format(&step->prefix.addr, addr),
                 step->prefix.len_bits, name, at(ns), ns);
        break;
    case RIG_LAB_ROUTE:
        snprintf(buf, size, "default route via %s in %s", rig_addr_format(&step->prefix.addr, addr),
                 ns[0] != '\0' ? ns : "home");
        break;
    case RIG_LAB_MTU:
        snprintf(buf, size, "MTU %u on %s%s%s", step->value, name, at(ns), ns);
        break;
    }
    return buf;
}

static int make_veth(struct rig_lab_net *net, struct rig_lab_ns *ns,
                     const struct rig_lab_step *step, struct rig_err *err)
{
    const struct rig_lab_ns *peer_ns = rig_lab_net_find(net, step->peer_ns, err);
    if (peer_ns == NULL)
        return -ENOENT;
    struct rig_lab_link link;
    int code = rig_lab_nl_veth(ns->nl, step->name, step->peer, peer_ns->fd, err);
    if (code == 0)
        code = rig_lab_nl_find(peer_ns->nl, step->peer, &link, err);
    return code == 0 ? rig_lab_nl_up(peer_ns->nl, link.index, err) : code;
}

static int make_tap(struct rig_lab_net *net, struct rig_lab_ns *ns, const struct rig_lab_step *step,
                    struct rig_err *err)
{
    struct rig_lab_link link;
    int code = rig_lab_ns_tap(net, ns, step->name, err);
    if (code == 0)
        code = rig_lab_nl_find(ns->nl, step->name, &link, err);
    return code == 0 ? rig_lab_nl_up(ns->nl, link.index, err) : code;
}

static int join_bridge(struct rig_lab_ns *ns, const struct rig_lab_step *step, struct rig_err *err)
{
    struct rig_lab_link link;
    struct rig_lab_link bridge;
    int code = rig_lab_nl_find(ns->nl, step->name, &link, err);
    if (code == 0)
        code = rig_lab_nl_find(ns->nl, step->peer, &bridge, err);
    return code == 0 ? rig_lab_nl_master(ns->nl, link.index, bridge.index, err) : code;
}

/* What is set on an interface that is there. */
static int set_interface(struct rig_lab_ns *ns, const struct rig_lab_step *step,
                         struct rig_err *err)
{
    struct rig_lab_link link;
    int code = rig_lab_nl_find(ns->nl, step->name, &link, err);
    if (code != 0)
        return code;
    if (step->kind == RIG_LAB_MTU)
        return rig_lab_nl_mtu(ns->nl, link.index, step->value, err);
    return rig_lab_nl_addr(ns->nl, link.index, &step->prefix, true, err);
}

static int make(struct rig_lab_net *net, const struct rig_lab_step *step, const char *path,
                struct rig_err *err)
{
    if (step->kind == RIG_LAB_NS)
        return rig_lab_net_add(net, step->name, path, err);
    struct rig_lab_ns *ns = rig_lab_net_find(net, step->ns, err);
    if (ns == NULL)
        return -ENOENT;
    switch (step->kind) {
    case RIG_LAB_VETH:
        return make_veth(net, ns, step, err);
    case RIG_LAB_TAP:
        return make_tap(net, ns, step, err);
    case RIG_LAB_BRIDGE:
        return rig_lab_nl_bridge(ns->nl, step->name, err);
    case RIG_LAB_PORT:
        return join_bridge(ns, step, err);
    case RIG_LAB_ROUTE:
        return rig_lab_nl_route(ns->nl, &step->prefix.addr, true, err);
    default:
        return set_interface(ns, step, err);
    }
}

int rig_lab_step_make(struct rig_lab_net *net, const struct rig_lab_step *step, const char *path,
                      struct rig_err *err)
{
    int code = make(net, step, path, err);
    if (code != 0) {
        char text[RIG_LAB_STEP_TEXT_MAX];
        rig_err_prefix(err, "%s", rig_lab_step_format(step, text));
    }
    return code;
}
