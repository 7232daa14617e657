/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/iperf_tos.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *name;
    uint8_t tos;
} names[] = {
    {"af11", 0x28},       {"af12", 0x30},        {"af13", 0x38},  {"af21", 0x48},
    {"af22", 0x50},       {"af23", 0x58},        {"af31", 0x68},  {"af32", 0x70},
    {"af33", 0x78},       {"af41", 0x88},        {"af42", 0x90},  {"af43", 0x98},
    {"cs0", 0x00},        {"cs1", 0x20},         {"cs2", 0x40},   {"cs3", 0x60},
    {"cs4", 0x80},        {"cs5", 0xa0},         {"cs6", 0xc0},   {"cs7", 0xe0},
    {"ef", 0xb8},         {"le", 0x04},          {"nqb", 0xb4},   {"ac_be", 0x00},
    {"ac_bk", 0x20},      {"ac_vi", 0x80},       {"ac_vo", 0xb8}, {"lowdelay", 0x10},
    {"throughput", 0x08}, {"reliability", 0x04},
};

int rig_iperf_tos_parse(uint8_t *tos, const char *text, struct rig_err *err)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(text, names[i].name) == 0) {
            *tos = names[i].tos;
            return 0;
        }
    }
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (end == text || *end || value > 255 || text[0] == '-')
        return rig_err_set(err, -EINVAL,
                           "'%s' is neither a number from 0 to 255 nor a name such as ef or af21",
                           text);
    *tos = (uint8_t)value;
    return 0;
}
