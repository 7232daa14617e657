/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one module that reads and writes quantities with units.
 *
 * Two grammars, never guessed between:
 *  - netrig's: NUMBER[k|M|G|T][i][unit]: k = 1000, ki = 1024; "10k", "1.5Mpps", "64KiB",
 *    "100Mbps", "10s", "250ms", "0.1%". Upper and lower case prefixes mean the same. A time
 *    takes no prefix: its units are s, ms, us, ns, min, h ("m" alone is refused). Without a unit
 *    a time is in seconds and a rate in bits/s. A fraction of one is refused ("1.5" packets).
 *  - iperf 2's: NUMBER[kmgtKMGT]: lower case counts by 1000, upper case by 1024 (iperf 2.1
 *    manual, "-b", "-l", "-n", "-w"). For "-b" a trailing "pps" counts datagrams. Fractions of
 *    one are cut off as iperf does ("1.0015k" is 1001), save that 0.5 does not become 0.
 *
 * Numbers are decimal, finite, not negative; a result that does not fit is refused, as is
 * anything behind the unit. Every refusal is -EINVAL (syntax) or -ERANGE (size) with one
 * sentence that quotes the text and says what is allowed.
 */
#ifndef RIG_BASE_UNITS_H
#define RIG_BASE_UNITS_H

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rig_rate {
    uint64_t value; /* bits/s, or packets/s if is_pps */
    bool is_pps;
};

/* iperf 2's grammar. */
int rig_units_parse_iperf(uint64_t *value, const char *text, struct rig_err *err);
int rig_units_parse_iperf_rate(struct rig_rate *rate, const char *text, struct rig_err *err);

/* netrig's grammar. */
int rig_units_parse_count(uint64_t *value, const char *text, struct rig_err *err);
int rig_units_parse_bytes(uint64_t *bytes, const char *text, struct rig_err *err);
int rig_units_parse_rate(struct rig_rate *rate, const char *text, struct rig_err *err);
int rig_units_parse_time(rig_ns_t *ns, const char *text, struct rig_err *err);
int rig_units_parse_ratio(double *ratio, const char *text,
                          struct rig_err *err); /* "0.1%" or "0.001" */
/* A plain decimal integer within [min, max]. */
int rig_units_parse_int(int64_t *value, const char *text, int64_t min, int64_t max,
                        struct rig_err *err);
/* Seconds as iperf takes them: decimal, up to 9 digits behind the point. */
int rig_units_parse_seconds(rig_ns_t *ns, const char *text, struct rig_err *err);

/*
 * iperf 2's way to print a transfer or a rate: a number right-aligned in four places, "1.25 GByte",
 * "12.5 Mbit", " 941 Mbit", "1000 KByte".
 * `format` is iperf's -f letter: 'b','k','m','g','t' bits by 1000; 'B','K','M','G','T' bytes by
 * 1024; 'a' adaptive bits (by 1000); 'A' adaptive bytes (by 1024), both up to peta. Adds no "s" and
 * no "/sec". Writes at most `size` bytes with the NUL and returns `buf`.
 */
char *rig_units_format_iperf(char *buf, size_t size, double bytes, char format);

#endif
