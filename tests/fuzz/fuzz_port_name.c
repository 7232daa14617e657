/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as a port name: no crash, no read outside; what is accepted can be written down again
 * and parses to the same thing, and what is refused has a sentence without control characters. */
#include "port/port_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 1023

static void check_sentence(const struct rig_err *err)
{
    size_t len = strnlen(err->text, sizeof(err->text));
    if (len == 0 || len == sizeof(err->text))
        abort();
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)err->text[i] < ' ')
            abort();
    }
}

static void write_down(const struct rig_port_name *name, char *out, size_t size)
{
    size_t len =
        (size_t)snprintf(out, size, "%s%s%s", name->kind, name->target[0] ? ":" : "", name->target);
    for (uint32_t i = 0; i < name->n_options; i++) {
        const struct rig_port_option *option = &name->options[i];
        len += (size_t)snprintf(out + len, size - len, "%c%s%s%s", i ? ',' : '@', option->key,
                                option->value[0] ? "=" : "", option->value);
    }
}

static void check_name(const struct rig_port_name *name)
{
    char text[TEXT_MAX + 1];
    struct rig_port_name again;
    write_down(name, text, sizeof(text));
    if (rig_port_name_parse(&again, text, NULL) != 0 || memcmp(name, &again, sizeof(again)) != 0)
        abort();
    bool value;
    for (uint32_t i = 0; i < name->n_options; i++)
        rig_port_name_switch(name, name->options[i].key, &value, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX + 1];
    struct rig_port_name name;
    struct rig_err err = {.text = ""};
    if (size > TEXT_MAX)
        size = TEXT_MAX;
    memcpy(text, data, size);
    text[size] = '\0';
    if (rig_port_name_parse(&name, text, &err) == 0)
        check_name(&name);
    else
        check_sentence(&err);
    return 0;
}
