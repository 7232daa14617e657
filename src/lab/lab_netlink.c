/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink: links, addresses and routes.
 *
 * libnl builds and carries the messages. Its error numbers are coarser than the kernel's, so an
 * error callback keeps the errno of the last answer.
 */
#include "lab/lab_internal.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct rig_lab_nl {
    struct nl_sock *socket;
    int errno_kernel; /* of the last refusal, negative */
};

static int keep_error(struct sockaddr_nl *from, struct nlmsgerr *answer, void *ctx)
{
    (void)from;
    struct rig_lab_nl *nl = ctx;
    nl->errno_kernel = answer->error;
    return NL_STOP;
}

/* What libnl returned, as -errno with the sentence "WHAT: reason". */
static int outcome(const struct rig_lab_nl *nl, int code, const char *what, struct rig_err *err)
{
    if (code >= 0)
        return 0;
    if (nl->errno_kernel != 0)
        return rig_err_set(err, nl->errno_kernel, "%s: %s", what, strerror(-nl->errno_kernel));
    return rig_err_set(err, -EIO, "%s: %s", what, nl_geterror(code));
}

int rig_lab_nl_open(struct rig_lab_nl **nl, struct rig_err *err)
{
    struct rig_lab_nl *made = calloc(1, sizeof(*made));
    struct nl_sock *socket = nl_socket_alloc();
    if (made == NULL || socket == NULL) {
        free(made);
        nl_socket_free(socket);
        return rig_err_set(err, -ENOMEM, "no memory for a netlink socket");
    }
    made->socket = socket;
    nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, keep_error, made);
    int code = outcome(made, nl_connect(socket, NETLINK_ROUTE), "cannot open rtnetlink", err);
    if (code != 0) {
        rig_lab_nl_close(made);
        return code;
    }
    *nl = made;
    return 0;
}

void rig_lab_nl_close(struct rig_lab_nl *nl)
{
    if (nl == NULL)
        return;
    nl_socket_free(nl->socket);
    free(nl);
}

int rig_lab_nl_find(struct rig_lab_nl *nl, const char *name, struct rig_lab_link *link,
                    struct rig_err *err)
{
    struct rtnl_link *found = NULL;
    nl->errno_kernel = 0; /* and so it stays: this call has an error callback of its own */
    int code = rtnl_link_get_kernel(nl->socket, 0, name, &found);
    if (code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND)
        return rig_err_set(err, -ENODEV, "there is no interface '%s'", name);
    if (code < 0)
        return outcome(nl, code, "cannot look up the interface", err);
    *link = (struct rig_lab_link){
        .index = (uint32_t)rtnl_link_get_ifindex(found),
        .mtu_bytes = rtnl_link_get_mtu(found),
        .master_index = (uint32_t)rtnl_link_get_master(found),
    };
    rtnl_link_put(found);
    return 0;
}

static struct nl_msg *link_message(int type, int flags, uint32_t index, uint32_t if_flags)
{
    struct ifinfomsg info = {
        .ifi_index = (int)index,
        .ifi_flags = if_flags,
        .ifi_change = if_flags,
    };
    struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
    if (msg != NULL && nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

/* Send, take the answer, free the message (NULL or `built` false: it did not fit). */
static int send_message(struct rig_lab_nl *nl, struct nl_msg *msg, bool built, const char *what,
                        struct rig_err *err)
{
    if (msg == NULL || !built) {
        nlmsg_free(msg);
        return rig_err_set(err, -ENOMEM, "%s: no memory", what);
    }
    nl->errno_kernel = 0;
    return outcome(nl, nl_send_sync(nl->socket, msg), what, err);
}

static bool put_peer(struct nl_msg *msg, const char *peer, int peer_ns_fd)
{
    struct ifinfomsg info = {0}; /* not up: veth refuses that until both ends exist */
    struct nlattr *nest = nla_nest_start(msg, VETH_INFO_PEER);
    if (nest == NULL || nlmsg_append(msg, &info, sizeof(info), 0) < 0)
        return false;
    if (nla_put_string(msg, IFLA_IFNAME, peer) < 0 ||
        nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)peer_ns_fd) < 0)
        return false;
    return nla_nest_end(msg, nest) == 0;
}

static bool put_bridge(struct nl_msg *msg)
{
    return nla_put_u32(msg, IFLA_BR_FORWARD_DELAY, 0) == 0 &&
           nla_put_u32(msg, IFLA_BR_STP_STATE, 0) == 0 &&
           /* Without a querier, snooping can only hold multicast back. */
           nla_put_u8(msg, IFLA_BR_MCAST_SNOOPING, 0) == 0;
}

int rig_lab_nl_veth(struct rig_lab_nl *nl, const char *name, const char *peer, int peer_ns_fd,
                    struct rig_err *err)
{
    struct nl_msg *msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP);
    struct nlattr *kind = NULL;
    struct nlattr *data = NULL;
    bool built = msg != NULL && nla_put_string(msg, IFLA_IFNAME, name) == 0 &&
                 (kind = nla_nest_start(msg, IFLA_LINKINFO)) != NULL &&
                 nla_put_string(msg, IFLA_INFO_KIND, "veth") == 0 &&
                 (data = nla_nest_start(msg, IFLA_INFO_DATA)) != NULL &&
                 put_peer(msg, peer, peer_ns_fd) && nla_nest_end(msg, data) == 0 &&
                 nla_nest_end(msg, kind) == 0;
    return send_message(nl, msg, built, "cannot make the pair", err);
}

int rig_lab_nl_bridge(struct rig_lab_nl *nl, const char *name, struct rig_err *err)
{
    struct nl_msg *msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP);
    struct nlattr *kind = NULL;
    struct nlattr *data = NULL;
    bool built = msg != NULL && nla_put_string(msg, IFLA_IFNAME, name) == 0 &&
                 (kind = nla_nest_start(msg, IFLA_LINKINFO)) != NULL &&
                 nla_put_string(msg, IFLA_INFO_KIND, "bridge") == 0 &&
                 (data = nla_nest_start(msg, IFLA_INFO_DATA)) != NULL && put_bridge(msg) &&
                 nla_nest_end(msg, data) == 0 && nla_nest_end(msg, kind) == 0;
    return send_message(nl, msg, built, "cannot make the bridge", err);
}

int rig_lab_nl_up(struct rig_lab_nl *nl, uint32_t index, struct rig_err *err)
{
    struct nl_msg *msg = link_message(RTM_NEWLINK, 0, index, IFF_UP);
    return send_message(nl, msg, true, "cannot bring it up", err);
}

static int set_u32(struct rig_lab_nl *nl, uint32_t index, int attribute, uint32_t value,
                   struct rig_err *err)
{
    struct nl_msg *msg = link_message(RTM_NEWLINK, 0, index, 0);
    bool built = msg != NULL && nla_put_u32(msg, attribute, value) == 0;
    return send_message(nl, msg, built, "refused", err);
}

int rig_lab_nl_mtu(struct rig_lab_nl *nl, uint32_t index, uint32_t mtu_bytes, struct rig_err *err)
{
    return set_u32(nl, index, IFLA_MTU, mtu_bytes, err);
}

int rig_lab_nl_master(struct rig_lab_nl *nl, uint32_t index, uint32_t master_index,
                      struct rig_err *err)
{
    return set_u32(nl, index, IFLA_MASTER, master_index, err);
}

int rig_lab_nl_delete(struct rig_lab_nl *nl, uint32_t index, struct rig_err *err)
{
    struct nl_msg *msg = link_message(RTM_DELLINK, 0, index, 0);
    return send_message(nl, msg, true, "cannot delete it", err);
}

static int af_of(const struct rig_addr *addr)
{
    return addr->family == 6 ? AF_INET6 : AF_INET;
}

static int size_of(const struct rig_addr *addr)
{
    return addr->family == 6 ? 16 : 4;
}

int rig_lab_nl_addr(struct rig_lab_nl *nl, uint32_t index, const struct rig_prefix *prefix,
                    bool add, struct rig_err *err)
{
    struct ifaddrmsg info = {
        .ifa_family = (uint8_t)af_of(&prefix->addr),
        .ifa_prefixlen = prefix->len_bits,
        .ifa_flags = prefix->addr.family == 6 ? IFA_F_NODAD : 0,
        .ifa_scope = rig_addr_is_link_local(&prefix->addr) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .ifa_index = index,
    };
    struct nl_msg *msg =
        nlmsg_alloc_simple(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    int size = size_of(&prefix->addr);
    bool built = msg != NULL && nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) == 0 &&
                 nla_put(msg, IFA_LOCAL, size, prefix->addr.bytes) == 0 &&
                 nla_put(msg, IFA_ADDRESS, size, prefix->addr.bytes) == 0;
    return send_message(nl, msg, built, "refused", err);
}

int rig_lab_nl_route(struct rig_lab_nl *nl, const struct rig_addr *gateway, bool add,
                     struct rig_err *err)
{
    struct rtmsg info = {
        .rtm_family = (uint8_t)af_of(gateway),
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    struct nl_msg *msg =
        nlmsg_alloc_simple(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    bool built = msg != NULL && nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) == 0 &&
                 nla_put(msg, RTA_GATEWAY, size_of(gateway), gateway->bytes) == 0;
    if (built && gateway->scope_id != 0)
        built = nla_put_u32(msg, RTA_OIF, gateway->scope_id) == 0;
    return send_message(nl, msg, built, "refused", err);
}

static bool same_addr(struct rtnl_addr *entry, uint32_t index, const struct rig_prefix *prefix)
{
    struct nl_addr *local = rtnl_addr_get_local(entry);
    return (uint32_t)rtnl_addr_get_ifindex(entry) == index && local != NULL &&
           nl_addr_get_family(local) == af_of(&prefix->addr) &&
           memcmp(nl_addr_get_binary_addr(local), prefix->addr.bytes,
                  (size_t)size_of(&prefix->addr)) == 0;
}

int rig_lab_nl_has_addr(struct rig_lab_nl *nl, uint32_t index, const struct rig_prefix *prefix,
                        bool *has, struct rig_err *err)
{
    struct nl_cache *cache = NULL;
    nl->errno_kernel = 0;
    int code = outcome(nl, rtnl_addr_alloc_cache(nl->socket, &cache), "cannot list addresses", err);
    if (code != 0)
        return code;
    *has = false;
    struct nl_object *entry = nl_cache_get_first(cache);
    for (; entry != NULL && !*has; entry = nl_cache_get_next(entry))
        *has = same_addr((struct rtnl_addr *)entry, index, prefix);
    nl_cache_free(cache);
    return 0;
}

static bool is_default(struct rtnl_route *entry)
{
    struct nl_addr *to = rtnl_route_get_dst(entry);
    return rtnl_route_get_table(entry) == RT_TABLE_MAIN &&
           rtnl_route_get_type(entry) == RTN_UNICAST &&
           (to == NULL || nl_addr_get_prefixlen(to) == 0);
}

int rig_lab_nl_has_route(struct rig_lab_nl *nl, uint8_t family, bool *has, struct rig_err *err)
{
    struct nl_cache *cache = NULL;
    int af = family == 6 ? AF_INET6 : AF_INET;
    nl->errno_kernel = 0;
    int code =
        outcome(nl, rtnl_route_alloc_cache(nl->socket, af, 0, &cache), "cannot list routes", err);
    if (code != 0)
        return code;
    *has = false;
    struct nl_object *entry = nl_cache_get_first(cache);
    for (; entry != NULL && !*has; entry = nl_cache_get_next(entry))
        *has = is_default((struct rtnl_route *)entry);
    nl_cache_free(cache);
    return 0;
}
