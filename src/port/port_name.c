/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port_name.h"

#include "base/units.h"
#include "port/port_backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUOTE_MAX 80

/* A piece of the user's text, for a sentence: cut, and without bytes that would disturb a
 * terminal. */
struct quote {
    char text[QUOTE_MAX + 4];
};

static const char *quoted(struct quote *quote, const char *text)
{
    size_t n = 0;
    for (; text[n] != '\0' && n < QUOTE_MAX; n++)
        quote->text[n] = (char)(text[n] >= ' ' && text[n] <= '~' ? text[n] : '?');
    memcpy(quote->text + n, text[n] == '\0' ? "\0\0\0" : "...", 4);
    return quote->text;
}

/* "tap:NAME, pair:NAME/0|1, null", for sentences. */
static void list_kinds(char *buf, size_t size)
{
    uint32_t n;
    const struct rig_port_kind *kinds = rig_port_kinds(&n);
    size_t len = 0;
    buf[0] = '\0';
    for (uint32_t i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(buf + len, size - len, "%s%s", i > 0 ? ", " : "", kinds[i].syntax);
}

/* The kind that `text` begins with: what stands before the ':' or '@'. */
static const struct rig_port_kind *find_kind(const char *text)
{
    uint32_t n;
    const struct rig_port_kind *kinds = rig_port_kinds(&n);
    size_t len = strcspn(text, ":@");
    for (uint32_t i = 0; i < n; i++) {
        if (strcspn(kinds[i].syntax, ":") == len && memcmp(kinds[i].syntax, text, len) == 0)
            return &kinds[i];
    }
    return NULL;
}

/* Moves `pos` behind the kind. The caller names the port in the sentence. */
static int parse_kind(struct rig_port_name *name, const char **pos, struct rig_err *err)
{
    const struct rig_port_kind *kind = find_kind(*pos);
    if (!kind) {
        char list[160];
        list_kinds(list, sizeof(list));
        return rig_err_set(err, -EINVAL, "no such kind of port; there are %s", list);
    }
    size_t len = strcspn(kind->syntax, ":");
    memcpy(name->kind, kind->syntax, len);
    name->kind[len] = '\0';
    *pos += len;
    bool has_target = kind->syntax[len] == ':';
    if (has_target && **pos != ':')
        return rig_err_set(err, -EINVAL, "'%s' needs a ':' and a name; write %s", name->kind,
                           kind->syntax);
    if (!has_target && **pos == ':')
        return rig_err_set(err, -EINVAL, "'%s' takes no ':' and no name", name->kind);
    return 0;
}

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return true;
    }
    return false;
}

/* Copy `len` bytes as a string; an error if they do not fit or hold control characters. `what` is
 * for the sentence. */
static int take_text(char out[RIG_PORT_TEXT_MAX], const char *text, size_t len, const char *what,
                     struct rig_err *err)
{
    if (len >= RIG_PORT_TEXT_MAX)
        return rig_err_set(err, -EINVAL, "the %s has %zu bytes; %d are allowed", what, len,
                           RIG_PORT_TEXT_MAX - 1);
    if (has_control(text, len))
        return rig_err_set(err, -EINVAL, "the %s has a control character", what);
    memcpy(out, text, len);
    out[len] = '\0';
    return 0;
}

static int parse_target(struct rig_port_name *name, const char **pos, struct rig_err *err)
{
    if (**pos != ':')
        return 0;
    (*pos)++;
    size_t len = strcspn(*pos, "@");
    if (len == 0)
        return rig_err_set(err, -EINVAL, "nothing stands behind '%s:'", name->kind);
    int ret = take_text(name->target, *pos, len, "name", err);
    *pos += len;
    return ret;
}

static int take_key(struct rig_port_option *option, const char *text, size_t len,
                    struct rig_err *err)
{
    if (len == 0)
        return rig_err_set(err, -EINVAL, "an option has no name; write @KEY or @KEY=VALUE,...");
    if (len >= sizeof(option->key) || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") < len)
        return rig_err_set(err, -EINVAL, "an option's name is at most %zu of a-z, 0-9, '-' and '_'",
                           sizeof(option->key) - 1);
    memcpy(option->key, text, len);
    option->key[len] = '\0';
    return 0;
}

static int parse_option(struct rig_port_name *name, const char *text, size_t len,
                        struct rig_err *err)
{
    if (name->n_options == RIG_PORT_OPTIONS_MAX)
        return rig_err_set(err, -EINVAL, "more than %d options", RIG_PORT_OPTIONS_MAX);
    struct rig_port_option *option = &name->options[name->n_options];
    const char *equals = memchr(text, '=', len);
    size_t key_len = equals ? (size_t)(equals - text) : len;
    int ret = take_key(option, text, key_len, err);
    if (ret < 0)
        return ret;
    if (rig_port_name_option(name, option->key))
        return rig_err_set(err, -EINVAL, "option '%s' is given twice", option->key);
    if (equals) {
        size_t value_len = len - key_len - 1;
        if (value_len == 0)
            return rig_err_set(err, -EINVAL, "option '%s' has nothing behind its '='", option->key);
        ret = take_text(option->value, equals + 1, value_len, "option's value", err);
    }
    if (ret == 0)
        name->n_options++;
    return ret;
}

static int parse_options(struct rig_port_name *name, const char *pos, struct rig_err *err)
{
    if (*pos == '\0')
        return 0;
    if (*pos != '@')
        return rig_err_set(err, -EINVAL, "options begin with '@'");
    do {
        pos++; /* the '@' or a ',' */
        size_t len = strcspn(pos, ",");
        int ret = parse_option(name, pos, len, err);
        if (ret < 0)
            return ret;
        pos += len;
    } while (*pos == ',');
    return 0;
}

int rig_port_name_parse(struct rig_port_name *name, const char *text, struct rig_err *err)
{
    struct rig_port_name out = {0};
    struct quote q;
    const char *pos = text;
    if (strnlen(text, RIG_PORT_NAME_MAX) >= RIG_PORT_NAME_MAX)
        return rig_err_set(err, -EINVAL, "port '%s': longer than %d bytes", quoted(&q, text),
                           RIG_PORT_NAME_MAX - 1);
    int ret = parse_kind(&out, &pos, err);
    if (ret == 0)
        ret = parse_target(&out, &pos, err);
    if (ret == 0)
        ret = parse_options(&out, pos, err);
    if (ret < 0)
        rig_err_prefix(err, "port '%s'", quoted(&q, text));
    else
        *name = out;
    return ret;
}

const char *rig_port_name_option(const struct rig_port_name *name, const char *key)
{
    for (uint32_t i = 0; i < name->n_options; i++) {
        if (strcmp(name->options[i].key, key) == 0)
            return name->options[i].value;
    }
    return NULL;
}

static bool is_allowed(const char *key, const char *const *allowed)
{
    for (; *allowed; allowed++) {
        if (strcmp(key, *allowed) == 0)
            return true;
    }
    return false;
}

static void list_allowed(char *buf, size_t size, const char *const *allowed)
{
    size_t len = 0;
    snprintf(buf, size, "it takes none");
    for (size_t i = 0; allowed[i] && len < size; i++)
        len += (size_t)snprintf(buf + len, size - len, "%s@%s", i > 0 ? ", " : "it takes ",
                                allowed[i]);
}

int rig_port_name_check_options(const struct rig_port_name *name, const char *const *allowed,
                                struct rig_err *err)
{
    for (uint32_t i = 0; i < name->n_options; i++) {
        if (is_allowed(name->options[i].key, allowed))
            continue;
        char list[160];
        list_allowed(list, sizeof(list), allowed);
        return rig_err_set(err, -EINVAL, "a '%s' port has no option '%s'; %s", name->kind,
                           name->options[i].key, list);
    }
    return 0;
}

int rig_port_name_switch(const struct rig_port_name *name, const char *key, bool *value,
                         struct rig_err *err)
{
    const char *text = rig_port_name_option(name, key);
    if (!text)
        return 0;
    static const char *const on[] = {"", "on", "yes", "1", NULL};
    static const char *const off[] = {"off", "no", "0", NULL};
    if (is_allowed(text, on))
        *value = true;
    else if (is_allowed(text, off))
        *value = false;
    else {
        struct quote q;
        return rig_err_set(err, -EINVAL, "port option '%s' is '%s'; on and off are allowed", key,
                           quoted(&q, text));
    }
    return 0;
}

int rig_port_option_mtu(const struct rig_port_name *name, uint32_t *mtu_bytes, struct rig_err *err)
{
    const char *text = rig_port_name_option(name, "mtu");
    if (!text)
        return 0;
    int64_t value;
    if (rig_units_parse_int(&value, text, 68, 65535, err) < 0) {
        rig_err_prefix(err, "port option 'mtu'");
        return -EINVAL;
    }
    *mtu_bytes = (uint32_t)value;
    return 0;
}
