/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lab on the host, which stays until it is taken down.
 *
 * For each step: look whether what it would make is there already (then it is not ours and the
 * lab is refused), write the undo, do the step, and note the index of an interface it made.
 */
#include "lab/lab_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int need_root(const char *what, struct rig_err *err)
{
    if (geteuid() == 0)
        return 0;
    return rig_err_set(err, -EPERM,
                       "'netrig lab %s' changes the host's network and needs root; "
                       "'netrig lab run' does not",
                       what);
}

static int check_name(const char *name, struct rig_err *err)
{
    if (rig_lab_name_ok(name, strlen(name), RIG_LAB_NAME_MAX - 1))
        return 0;
    return rig_err_set(err, -EINVAL,
                       "'%.64s' cannot name a lab: 1 to 31 letters, digits, '_', '-' or '.', a "
                       "letter, digit or '_' first",
                       name);
}

/* ---- what is there already ---- */

static int refuse_ns(const char *lab, const struct rig_lab_step *step, struct rig_err *err)
{
    char path[RIG_LAB_NS_PATH_MAX];
    struct stat status;
    rig_lab_ns_path(path, lab, step->name);
    if (lstat(path, &status) != 0)
        return 0;
    return rig_err_set(err, -EEXIST, "%s exists and is not this lab's", path);
}

static int refuse_link(struct rig_lab_ns *ns, const char *name, struct rig_err *err)
{
    struct rig_lab_link link;
    int code = rig_lab_nl_find(ns->nl, name, &link, err);
    if (code == -ENODEV)
        return 0;
    if (code != 0)
        return code;
    return rig_err_set(err, -EEXIST, "interface '%s' exists and is not this lab's", name);
}

static int refuse_addr(struct rig_lab_ns *ns, const struct rig_lab_step *step, struct rig_err *err)
{
    struct rig_lab_link link;
    bool has = false;
    int code = rig_lab_nl_find(ns->nl, step->name, &link, err);
    if (code == 0)
        code = rig_lab_nl_has_addr(ns->nl, link.index, &step->prefix, &has, err);
    if (code != 0 || !has)
        return code;
    return rig_err_set(err, -EEXIST, "interface '%s' has that address already", step->name);
}

static int refuse_route(struct rig_lab_ns *ns, const struct rig_lab_step *step, struct rig_err *err)
{
    bool has = false;
    int code = rig_lab_nl_has_route(ns->nl, step->prefix.addr.family, &has, err);
    if (code != 0 || !has)
        return code;
    return rig_err_set(err, -EEXIST, "there is a default route already");
}

static int refuse_port(struct rig_lab_ns *ns, const struct rig_lab_step *step, struct rig_err *err)
{
    struct rig_lab_link link;
    int code = rig_lab_nl_find(ns->nl, step->name, &link, err);
    if (code != 0 || link.master_index == 0)
        return code;
    return rig_err_set(err, -EBUSY, "interface '%s' is part of another already", step->name);
}

static int check_step(struct rig_lab_net *net, const char *lab, const struct rig_lab_step *step,
                      struct rig_err *err)
{
    if (step->kind == RIG_LAB_NS)
        return refuse_ns(lab, step, err);
    struct rig_lab_ns *ns = rig_lab_net_find(net, step->ns, err);
    if (ns == NULL)
        return -ENOENT;
    int code;
    switch (step->kind) {
    case RIG_LAB_VETH:
        code = refuse_link(ns, step->name, err);
        ns = rig_lab_net_find(net, step->peer_ns, err);
        if (code != 0 || ns == NULL)
            return code;
        return refuse_link(ns, step->peer, err);
    case RIG_LAB_TAP:
    case RIG_LAB_BRIDGE:
        return refuse_link(ns, step->name, err);
    case RIG_LAB_PORT:
        return refuse_port(ns, step, err);
    case RIG_LAB_ADDR:
        return refuse_addr(ns, step, err);
    case RIG_LAB_ROUTE:
        return refuse_route(ns, step, err);
    default:
        return 0;
    }
}

/* ---- one step with its undo ---- */

static int fill_undo(struct rig_lab_net *net, const struct rig_lab_step *step,
                     struct rig_lab_record *record, struct rig_err *err)
{
    static const enum rig_lab_undo undo_of[] = {
        [RIG_LAB_NS] = RIG_LAB_UNDO_NS,     [RIG_LAB_VETH] = RIG_LAB_UNDO_LINK,
        [RIG_LAB_TAP] = RIG_LAB_UNDO_LINK,  [RIG_LAB_BRIDGE] = RIG_LAB_UNDO_LINK,
        [RIG_LAB_PORT] = RIG_LAB_UNDO_PORT, [RIG_LAB_ADDR] = RIG_LAB_UNDO_ADDR,
        [RIG_LAB_MTU] = RIG_LAB_UNDO_MTU,   [RIG_LAB_ROUTE] = RIG_LAB_UNDO_ROUTE,
    };
    char addr[RIG_ADDR_TEXT_MAX];
    struct rig_lab_link link;
    *record = (struct rig_lab_record){.undo = undo_of[step->kind]};
    memcpy(record->ns, step->kind == RIG_LAB_NS ? step->name : step->ns, sizeof(record->ns));
    if (step->kind != RIG_LAB_NS)
        memcpy(record->name, step->name, sizeof(record->name));
    if (step->kind == RIG_LAB_ADDR)
        snprintf(record->what, sizeof(record->what), "%s/%u",
                 rig_addr_format(&step->prefix.addr, addr), step->prefix.len_bits);
    if (step->kind == RIG_LAB_ROUTE)
        snprintf(record->what, sizeof(record->what), "%s",
                 rig_addr_format(&step->prefix.addr, addr));
    if (step->kind != RIG_LAB_MTU)
        return 0;
    struct rig_lab_ns *ns = rig_lab_net_find(net, step->ns, err);
    int code = ns != NULL ? rig_lab_nl_find(ns->nl, step->name, &link, err) : -ENOENT;
    if (code == 0)
        snprintf(record->what, sizeof(record->what), "%u", link.mtu_bytes);
    return code;
}

static int note_index(struct rig_lab_net *net, const struct rig_lab_step *step, int journal_fd,
                      struct rig_err *err)
{
    if (step->kind != RIG_LAB_VETH && step->kind != RIG_LAB_TAP && step->kind != RIG_LAB_BRIDGE)
        return 0;
    struct rig_lab_record record = {.undo = RIG_LAB_UNDO_MADE};
    struct rig_lab_link link;
    struct rig_lab_ns *ns = rig_lab_net_find(net, step->ns, err);
    int code = ns != NULL ? rig_lab_nl_find(ns->nl, step->name, &link, err) : -ENOENT;
    if (code != 0)
        return code;
    memcpy(record.ns, step->ns, sizeof(record.ns));
    memcpy(record.name, step->name, sizeof(record.name));
    snprintf(record.what, sizeof(record.what), "%u", link.index);
    return rig_lab_journal_write(journal_fd, &record, err);
}

static int prepare_step(struct rig_lab_net *net, const char *lab, const struct rig_lab_step *step,
                        struct rig_lab_record *record, struct rig_err *err)
{
    int code = check_step(net, lab, step, err);
    if (code == 0)
        code = fill_undo(net, step, record, err);
    if (code != 0) {
        char text[RIG_LAB_STEP_TEXT_MAX];
        rig_err_prefix(err, "%s", rig_lab_step_format(step, text));
    }
    return code;
}

static int do_step(struct rig_lab_net *net, const char *lab, const struct rig_lab_step *step,
                   int journal_fd, struct rig_err *err)
{
    char path[RIG_LAB_NS_PATH_MAX];
    struct rig_lab_record record;
    rig_lab_ns_path(path, lab, step->name);
    int code = prepare_step(net, lab, step, &record, err);
    if (code == 0)
        code = rig_lab_journal_write(journal_fd, &record, err);
    if (code == 0)
        code = rig_lab_step_make(net, step, path, err);
    return code == 0 ? note_index(net, step, journal_fd, err) : code;
}

static int make_plan(const char *lab, const struct rig_lab_plan *plan, int journal_fd,
                     struct rig_err *err)
{
    struct rig_lab_net *net = NULL;
    int code = rig_lab_net_new(&net, err);
    if (code != 0)
        return code;
    if (mkdir("/run/netns", 0755) != 0 && errno != EEXIST)
        code = rig_err_set(err, -errno, "cannot make /run/netns: %s", strerror(errno));
    for (uint32_t i = 0; i < plan->n_steps && code == 0; i++)
        code = do_step(net, lab, &plan->steps[i], journal_fd, err);
    rig_lab_net_free(net);
    const struct rig_lab_record complete = {.undo = RIG_LAB_UNDO_COMPLETE};
    return code == 0 ? rig_lab_journal_write(journal_fd, &complete, err) : code;
}

/* ---- up, down, list ---- */

static bool is_complete(const struct rig_lab_journal *journal)
{
    return journal->n_records > 0 &&
           journal->records[journal->n_records - 1].undo == RIG_LAB_UNDO_COMPLETE;
}

/* A lab that is half taken down stands no more, should a kill come before it is gone. */
static int mark_down(int folder_fd, const char *lab, struct rig_err *err)
{
    const struct rig_lab_record down = {.undo = RIG_LAB_UNDO_DOWN};
    int fd = rig_lab_journal_append(folder_fd, lab, err);
    if (fd < 0)
        return fd;
    int code = rig_lab_journal_write(fd, &down, err);
    close(fd);
    return code;
}

/* Undo one lab. -ENOENT: it has no journal. `killed_only`: refuse a lab that stands. */
static int undo_lab(int folder_fd, const char *lab, bool killed_only, struct rig_err *err)
{
    struct rig_lab_journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return rig_err_set(err, -ENOMEM, "no memory for a journal");
    int code = rig_lab_journal_read(folder_fd, lab, journal, err);
    if (code == 0 && killed_only && is_complete(journal))
        code = rig_err_set(err, -EEXIST, "lab '%s' stands; 'netrig lab down %s' takes it down", lab,
                           lab);
    if (code == 0 && is_complete(journal))
        code = mark_down(folder_fd, lab, err);
    if (code == 0)
        code = rig_lab_undo_all(lab, journal, err);
    if (code == 0)
        code = rig_lab_journal_remove(folder_fd, lab, err);
    free(journal);
    return code;
}

static int up_locked(int folder_fd, const char *lab, const struct rig_lab_plan *plan,
                     struct rig_err *err)
{
    int code = undo_lab(folder_fd, lab, true, err);
    if (code != 0 && code != -ENOENT)
        return code;
    int journal_fd = rig_lab_journal_create(folder_fd, lab, err);
    if (journal_fd < 0)
        return journal_fd;
    code = make_plan(lab, plan, journal_fd, err);
    close(journal_fd);
    if (code != 0)
        undo_lab(folder_fd, lab, false, NULL);
    return code;
}

int rig_lab_up(const char *name, const struct rig_lab_plan *plan, struct rig_err *err)
{
    int code = check_name(name, err);
    if (code == 0)
        code = need_root("up", err);
    if (code != 0)
        return code;
    int folder_fd = rig_lab_journal_folder(true, err);
    if (folder_fd < 0)
        return folder_fd;
    code = up_locked(folder_fd, name, plan, err);
    close(folder_fd);
    return code;
}

/* The name of the lab if `file` is a journal's. */
static bool lab_of_file(const char *file, char lab[static RIG_LAB_NAME_MAX])
{
    static const char end[] = ".journal";
    size_t len = strlen(file);
    size_t end_len = sizeof(end) - 1;
    if (len <= end_len || strcmp(file + len - end_len, end) != 0)
        return false;
    if (!rig_lab_name_ok(file, len - end_len, RIG_LAB_NAME_MAX - 1))
        return false;
    memcpy(lab, file, len - end_len);
    lab[len - end_len] = '\0';
    return true;
}

/* Call `fn` for each lab, in order of their names, until it returns other than 0. */
static int for_each_lab(int folder_fd, int (*fn)(void *ctx, const char *lab, struct rig_err *err),
                        void *ctx, struct rig_err *err)
{
    struct dirent **entries = NULL;
    int n = scandirat(folder_fd, ".", &entries, NULL, alphasort);
    if (n < 0)
        return rig_err_set(err, -errno, "cannot list the journals: %s", strerror(errno));
    int code = 0;
    for (int i = 0; i < n; i++) {
        char lab[RIG_LAB_NAME_MAX];
        if (code == 0 && lab_of_file(entries[i]->d_name, lab))
            code = fn(ctx, lab, err);
        free(entries[i]);
    }
    free(entries);
    return code;
}

struct down {
    int folder_fd;
    uint32_t n_undone;
};

static int down_one(void *ctx, const char *lab, struct rig_err *err)
{
    struct down *down = ctx;
    int code = undo_lab(down->folder_fd, lab, false, err);
    if (code == 0)
        down->n_undone++;
    return code == -ENOENT ? 0 : code;
}

int rig_lab_down(const char *name, uint32_t *n_undone, struct rig_err *err)
{
    struct down down = {0};
    if (n_undone != NULL)
        *n_undone = 0;
    int code = name != NULL ? check_name(name, err) : 0;
    if (code != 0)
        return code;
    down.folder_fd = rig_lab_journal_folder(false, err);
    if (down.folder_fd == -ENOENT)
        return 0;
    if (down.folder_fd < 0)
        return down.folder_fd;
    if (name != NULL)
        code = down_one(&down, name, err);
    else
        code = for_each_lab(down.folder_fd, down_one, &down, err);
    close(down.folder_fd);
    if (n_undone != NULL)
        *n_undone = down.n_undone;
    return code;
}

struct listing {
    int folder_fd;
    void (*fn)(void *ctx, const char *name, uint32_t n_steps);
    void *ctx;
};

static int list_one(void *ctx, const char *lab, struct rig_err *err)
{
    const struct listing *listing = ctx;
    struct rig_lab_journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return rig_err_set(err, -ENOMEM, "no memory for a journal");
    int code = rig_lab_journal_read(listing->folder_fd, lab, journal, err);
    uint32_t n_steps = 0;
    for (uint32_t i = 0; i < journal->n_records; i++)
        n_steps += journal->records[i].undo < RIG_LAB_UNDO_MADE;
    if (code == 0)
        listing->fn(listing->ctx, lab, n_steps);
    free(journal);
    return code == -ENOENT ? 0 : code;
}

int rig_lab_list(void (*fn)(void *ctx, const char *name, uint32_t n_steps), void *ctx,
                 struct rig_err *err)
{
    struct listing listing = {.fn = fn, .ctx = ctx};
    listing.folder_fd = rig_lab_journal_folder(false, err);
    if (listing.folder_fd == -ENOENT)
        return 0;
    if (listing.folder_fd < 0)
        return listing.folder_fd;
    int code = for_each_lab(listing.folder_fd, list_one, &listing, err);
    close(listing.folder_fd);
    return code;
}
