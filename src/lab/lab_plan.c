/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lab language: one word, one or more steps (grammar in lab.h). The plan refuses what cannot
 * be meant: a name that the kernel does not take, a namespace that no earlier word made, and the
 * same interface twice. Whether an interface of addr:, mtu: or bridge: exists is the kernel's to
 * say, since it may be one of the host.
 */
#include "lab/lab_internal.h"

#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define RIG_IF_LEN_MAX    15 /* IFNAMSIZ - 1 */
#define RIG_MTU_BYTES_MIN 68
#define RIG_MTU_BYTES_MAX 65535

static const char allowed[] =
    "ns:NAME, veth:A[@NS],B[@NS], tap:NAME[@NS], bridge:NAME[@NS][=IF+IF...], addr:IF[@NS]=A/P, "
    "route:[NS]=GATEWAY and mtu:IF[@NS]=BYTES";

/* A piece of a word, not ended by a NUL. */
struct piece {
    const char *text;
    size_t len;
};

static struct piece piece_of(const char *text)
{
    return (struct piece){text, strlen(text)};
}

/* Cut `rest` at the first `mark`: returns what is before it, leaves what is behind it (text NULL
 * if there is no mark). */
static struct piece cut(struct piece *rest, char mark)
{
    struct piece head = *rest;
    const char *at = memchr(rest->text, mark, rest->len);
    if (at == NULL) {
        *rest = (struct piece){NULL, 0};
        return head;
    }
    head.len = (size_t)(at - rest->text);
    *rest = (struct piece){at + 1, rest->len - head.len - 1};
    return head;
}

bool rig_lab_name_ok(const char *text, size_t len, size_t len_max)
{
    if (len == 0 || len > len_max || text[0] == '.' || text[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("_-.", text[i]) == NULL)
            return false;
    }
    return true;
}

static void copy_piece(char to[static RIG_LAB_NAME_MAX], struct piece piece)
{
    memcpy(to, piece.text, piece.len);
    to[piece.len] = '\0';
}

static int take_if(char name[static RIG_LAB_NAME_MAX], struct piece piece, struct rig_err *err)
{
    if (!rig_lab_name_ok(piece.text, piece.len, RIG_IF_LEN_MAX))
        return rig_err_set(err, -EINVAL,
                           "'%.*s' cannot name an interface: 1 to 15 letters, digits, '_', '-' or "
                           "'.', a letter, digit or '_' first",
                           (int)piece.len, piece.text);
    copy_piece(name, piece);
    return 0;
}

static bool has_ns(const struct rig_lab_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i].kind == RIG_LAB_NS && strcmp(plan->steps[i].name, name) == 0)
            return true;
    }
    return false;
}

static int name_ns(char name[static RIG_LAB_NAME_MAX], struct piece piece, struct rig_err *err)
{
    if (!rig_lab_name_ok(piece.text, piece.len, RIG_LAB_NAME_MAX - 1))
        return rig_err_set(err, -EINVAL,
                           "'%.*s' cannot name a namespace: 1 to 31 letters, digits, '_', '-' or "
                           "'.', a letter, digit or '_' first",
                           (int)piece.len, piece.text);
    copy_piece(name, piece);
    return 0;
}

/* A namespace that is there. */
static int take_ns(const struct rig_lab_plan *plan, char name[static RIG_LAB_NAME_MAX],
                   struct piece piece, struct rig_err *err)
{
    int code = name_ns(name, piece, err);
    if (code != 0)
        return code;
    if (strcmp(name, "home") == 0)
        name[0] = '\0';
    else if (!has_ns(plan, name))
        return rig_err_set(err, -EINVAL, "there is no namespace '%s'; say ns:%s before it", name,
                           name);
    return 0;
}

/* IF[@NS] */
static int take_if_at(const struct rig_lab_plan *plan, struct piece piece, char *name, char *ns,
                      struct rig_err *err)
{
    struct piece rest = piece;
    struct piece head = cut(&rest, '@');
    int code = take_if(name, head, err);
    if (code != 0 || rest.text == NULL)
        return code;
    return take_ns(plan, ns, rest, err);
}

static bool has_interface(const struct rig_lab_plan *plan, const char *name, const char *ns)
{
    if (strcmp(name, "lo") == 0)
        return true;
    for (uint32_t i = 0; i < plan->n_steps; i++) {
        const struct rig_lab_step *step = &plan->steps[i];
        bool makes =
            step->kind == RIG_LAB_VETH || step->kind == RIG_LAB_TAP || step->kind == RIG_LAB_BRIDGE;
        if (makes && strcmp(step->name, name) == 0 && strcmp(step->ns, ns) == 0)
            return true;
        if (step->kind == RIG_LAB_VETH && strcmp(step->peer, name) == 0 &&
            strcmp(step->peer_ns, ns) == 0)
            return true;
    }
    return false;
}

static int refuse_twice(const struct rig_lab_plan *plan, const char *name, const char *ns,
                        struct rig_err *err)
{
    if (!has_interface(plan, name, ns))
        return 0;
    return rig_err_set(err, -EINVAL, "there is an interface '%s' in namespace '%s' already", name,
                       ns[0] != '\0' ? ns : "home");
}

static int push(struct rig_lab_plan *plan, const struct rig_lab_step *step, struct rig_err *err)
{
    if (plan->n_steps == RIG_LAB_STEPS_MAX)
        return rig_err_set(err, -EINVAL, "a lab has at most %d steps", RIG_LAB_STEPS_MAX);
    plan->steps[plan->n_steps++] = *step;
    return 0;
}

static int add_ns(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_NS};
    int code = name_ns(step.name, piece_of(text), err);
    if (code != 0)
        return code;
    if (strcmp(text, "home") == 0 || has_ns(plan, text))
        return rig_err_set(err, -EINVAL, "there is a namespace '%s' already", text);
    return push(plan, &step, err);
}

static int add_veth(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_VETH};
    struct piece rest = piece_of(text);
    struct piece first = cut(&rest, ',');
    if (rest.text == NULL)
        return rig_err_set(err, -EINVAL, "a pair has two ends: veth:A[@NS],B[@NS]");
    int code = take_if_at(plan, first, step.name, step.ns, err);
    if (code == 0)
        code = take_if_at(plan, rest, step.peer, step.peer_ns, err);
    if (code == 0)
        code = refuse_twice(plan, step.name, step.ns, err);
    if (code == 0)
        code = refuse_twice(plan, step.peer, step.peer_ns, err);
    if (code != 0)
        return code;
    if (strcmp(step.name, step.peer) == 0 && strcmp(step.ns, step.peer_ns) == 0)
        return rig_err_set(err, -EINVAL, "the two ends have one name in one namespace");
    return push(plan, &step, err);
}

static int add_tap(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_TAP};
    int code = take_if_at(plan, piece_of(text), step.name, step.ns, err);
    if (code == 0)
        code = refuse_twice(plan, step.name, step.ns, err);
    return code == 0 ? push(plan, &step, err) : code;
}

static int add_ports(struct rig_lab_plan *plan, const struct rig_lab_step *bridge,
                     struct piece rest, struct rig_err *err)
{
    while (rest.text != NULL) {
        struct rig_lab_step step = {.kind = RIG_LAB_PORT};
        memcpy(step.ns, bridge->ns, sizeof(step.ns));
        memcpy(step.peer, bridge->name, sizeof(step.peer));
        int code = take_if(step.name, cut(&rest, '+'), err);
        if (code == 0)
            code = push(plan, &step, err);
        if (code != 0)
            return code;
    }
    return 0;
}

static int add_bridge(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_BRIDGE};
    struct piece rest = piece_of(text);
    int code = take_if_at(plan, cut(&rest, '='), step.name, step.ns, err);
    if (code == 0)
        code = refuse_twice(plan, step.name, step.ns, err);
    if (code == 0)
        code = push(plan, &step, err);
    return code == 0 ? add_ports(plan, &step, rest, err) : code;
}

static int add_addr(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_ADDR};
    struct piece rest = piece_of(text);
    struct piece interface = cut(&rest, '=');
    if (rest.text == NULL)
        return rig_err_set(err, -EINVAL, "the address is missing: addr:IF[@NS]=A/P");
    int code = take_if_at(plan, interface, step.name, step.ns, err);
    if (code == 0)
        code = rig_prefix_parse(&step.prefix, rest.text, err);
    return code == 0 ? push(plan, &step, err) : code;
}

static int add_route(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_ROUTE};
    struct piece rest = piece_of(text);
    struct piece ns = cut(&rest, '=');
    if (rest.text == NULL)
        return rig_err_set(err, -EINVAL, "the gateway is missing: route:[NS]=GATEWAY");
    int code = ns.len > 0 ? take_ns(plan, step.ns, ns, err) : 0;
    if (code == 0)
        code = rig_addr_parse(&step.prefix.addr, rest.text, err);
    return code == 0 ? push(plan, &step, err) : code;
}

static int add_mtu(struct rig_lab_plan *plan, const char *text, struct rig_err *err)
{
    struct rig_lab_step step = {.kind = RIG_LAB_MTU};
    struct piece rest = piece_of(text);
    struct piece interface = cut(&rest, '=');
    if (rest.text == NULL)
        return rig_err_set(err, -EINVAL, "the size is missing: mtu:IF[@NS]=BYTES");
    int64_t mtu_bytes = 0;
    int code = take_if_at(plan, interface, step.name, step.ns, err);
    if (code == 0)
        code =
            rig_units_parse_int(&mtu_bytes, rest.text, RIG_MTU_BYTES_MIN, RIG_MTU_BYTES_MAX, err);
    step.value = (uint32_t)mtu_bytes;
    return code == 0 ? push(plan, &step, err) : code;
}

struct word_kind {
    const char *prefix;
    int (*add)(struct rig_lab_plan *plan, const char *text, struct rig_err *err);
};

static const struct word_kind kinds[] = {
    {"ns:", add_ns},     {"veth:", add_veth},   {"tap:", add_tap}, {"bridge:", add_bridge},
    {"addr:", add_addr}, {"route:", add_route}, {"mtu:", add_mtu},
};

int rig_lab_plan_add(struct rig_lab_plan *plan, const char *word, struct rig_err *err)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].prefix);
        if (strncmp(word, kinds[i].prefix, len) != 0)
            continue;
        uint32_t n_before = plan->n_steps;
        int code = kinds[i].add(plan, word + len, err);
        if (code != 0) {
            plan->n_steps = n_before;
            rig_err_prefix(err, "'%.64s'", word);
            return -EINVAL;
        }
        return 0;
    }
    return rig_err_set(err, -EINVAL, "'%.64s' is no word of a lab; there are %s", word, allowed);
}
