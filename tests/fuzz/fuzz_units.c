/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every text that the user may write goes to every parser of base. None may overrun, each refusal
 * must be one of two codes with a sentence that quotes the text, and what was taken as an address
 * must be printed so that it is read back as the same.
 */
#include "base/addr.h"
#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void check_refusal(int rc, const struct rig_err *err)
{
    if (rc == 0)
        return;
    expect(rc == -EINVAL || rc == -ERANGE);
    expect(err->text[0] == '\'');
    expect(strlen(err->text) < RIG_ERR_TEXT_BYTES - 1); /* nothing was cut off */
}

static void check_units(const char *text)
{
    struct rig_err err;
    struct rig_rate rate;
    uint64_t value;
    int64_t number;
    double ratio;
    check_refusal(rig_units_parse_iperf(&value, text, &err), &err);
    check_refusal(rig_units_parse_iperf_rate(&rate, text, &err), &err);
    check_refusal(rig_units_parse_count(&value, text, &err), &err);
    check_refusal(rig_units_parse_bytes(&value, text, &err), &err);
    check_refusal(rig_units_parse_rate(&rate, text, &err), &err);
    check_refusal(rig_units_parse_time(&value, text, &err), &err);
    check_refusal(rig_units_parse_seconds(&value, text, &err), &err);
    check_refusal(rig_units_parse_int(&number, text, INT64_MIN, INT64_MAX, &err), &err);
    int rc = rig_units_parse_ratio(&ratio, text, &err);
    check_refusal(rc, &err);
    expect(rc < 0 || (ratio >= 0 && ratio <= 1));
}

static void check_addr(const char *text)
{
    struct rig_err err;
    struct rig_addr addr, back;
    char printed[RIG_ADDR_TEXT_MAX];
    int rc = rig_addr_parse(&addr, text, &err);
    check_refusal(rc, &err);
    if (rc < 0)
        return;
    expect(rig_addr_parse(&back, rig_addr_format(&addr, printed), &err) == 0);
    expect(rig_addr_equal(&addr, &back));
}

static void check_prefix_and_mac(const char *text)
{
    struct rig_err err;
    struct rig_prefix prefix;
    struct rig_mac mac;
    int rc = rig_prefix_parse(&prefix, text, &err);
    check_refusal(rc, &err);
    expect(rc < 0 || rig_prefix_contains(&prefix, &prefix.addr));
    check_refusal(rig_mac_parse(&mac, text, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_units(text);
    check_addr(text);
    check_prefix_and_mac(text);
    free(text);
    return 0;
}
