/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Printing quantities as iperf 2 does: a number that takes four places, whatever its size
 * ("0.98", "1.25", "12.5", " 125", "1023"), a space, and the unit. The number is aligned to the
 * right in those four places, so that iperf's columns stand under each other.
 */
#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define STEPS 6 /* unit, kilo, mega, giga, tera, peta */

static const char *const bit_names[STEPS] = {"bit", "Kbit", "Mbit", "Gbit", "Tbit", "Pbit"};
static const char *const byte_names[STEPS] = {"Byte", "KByte", "MByte", "GByte", "TByte", "PByte"};

/* The step that a -f letter asks for; -1: adaptive. */
static int step_of_letter(char format, bool in_bytes)
{
    const char *letters = in_bytes ? "BKMGTP" : "bkmgtp";
    const char *at = format ? strchr(letters, format) : NULL;
    return at ? (int)(at - letters) : -1;
}

/* The largest step that leaves at least one. */
static int adaptive_step(double value, double base)
{
    int step = 0;
    for (; value >= base && step < STEPS - 1; step++)
        value /= base;
    return step;
}

/* Digits behind the point. The limits lie half a last digit below the next power of ten, where
 * rounding would carry into one place more. */
static int decimals_for(double value)
{
    if (value < 0.9995)
        return 3;
    if (value < 9.995)
        return 2;
    return value < 99.95 ? 1 : 0;
}

char *rig_units_format_iperf(char *buf, size_t size, double bytes, char format)
{
    bool in_bytes = format >= 'A' && format <= 'Z';
    double base = in_bytes ? 1024.0 : 1000.0;
    double value = in_bytes ? bytes : bytes * 8.0;
    int step = step_of_letter(format, in_bytes);
    if (step < 0)
        step = adaptive_step(value < 0 ? -value : value, base);
    /* Times the reciprocal, as iperf does: 1195000 bit are 1.19 Mbit so, by division 1.20. */
    double factor = 1;
    for (int i = 0; i < step; i++)
        factor /= base;
    value *= factor;
    const char *name = in_bytes ? byte_names[step] : bit_names[step];
    snprintf(buf, size, "%4.*f %s", decimals_for(value < 0 ? -value : value), value, name);
    return buf;
}
