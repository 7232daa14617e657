/* SPDX-License-Identifier: BSD-2-Clause */
/* The grammar of port names (see port.h), parsed in this one place. */
#ifndef RIG_PORT_PORT_NAME_H
#define RIG_PORT_PORT_NAME_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define RIG_PORT_OPTIONS_MAX 16
#define RIG_PORT_TEXT_MAX    256

struct rig_port_option {
    char key[24];
    char value[RIG_PORT_TEXT_MAX]; /* "" if the option has none */
};

struct rig_port_name {
    char kind[16]; /* "tap", "packet", ... */
    char target[RIG_PORT_TEXT_MAX];
    uint32_t n_options;
    struct rig_port_option options[RIG_PORT_OPTIONS_MAX];
};

/* -EINVAL with a sentence that quotes the name and says what is wrong and what is allowed. Knows
 * the kinds, not what each kind's options mean. */
int rig_port_name_parse(struct rig_port_name *name, const char *text, struct rig_err *err);

/* The value of `key`, or NULL if it is absent. */
const char *rig_port_name_option(const struct rig_port_name *name, const char *key);

/* -EINVAL with a sentence if an option is not in `allowed` (a NULL-terminated list). */
int rig_port_name_check_options(const struct rig_port_name *name, const char *const *allowed,
                                struct rig_err *err);

/* on|off|yes|no|1|0, and bare "@key" means on; `value` stays as it is if the option is absent. */
int rig_port_name_switch(const struct rig_port_name *name, const char *key, bool *value,
                         struct rig_err *err);

#endif
