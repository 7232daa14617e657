/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading quantities. Numbers are held exactly, never in a double: `struct decimal` keeps the
 * digits before and behind the point apart, and a scale (1000, 2^30, nanoseconds an hour) is
 * multiplied in 128 bits. So "1.1k" is 1100 and 2^64 - 1 is read as such. Nothing depends on the
 * locale, and there is no exponent, sign, space or hex digit in the grammar.
 *
 * Roadmap: take_decimal() reads NUMBER; take_prefix() and take_iperf_suffix() read what scales it;
 * scale() applies it; each rig_units_parse_*() adds its units and its sentence.
 */
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FRACTION_DIGITS_MAX 18 /* 10^18 < 2^60, times 2^50 still fits in 128 bits */
#define NS_PER_MIN          (60 * RIG_NS_PER_S)
#define NS_PER_H            (3600 * RIG_NS_PER_S)

/* whole + fraction / 10^fraction_digits */
struct decimal {
    uint64_t whole;
    uint64_t fraction;
    unsigned fraction_digits;
};

/* One unit or suffix, and the factor that it stands for. */
struct unit {
    const char *text;
    uint64_t factor;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static int take_whole(const char **cursor, uint64_t *value)
{
    uint64_t sum = 0;
    const char *p = *cursor;
    for (; is_digit(*p); p++) {
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum))
            return -ERANGE;
    }
    *value = sum;
    *cursor = p;
    return 0;
}

/* Digits with at most one point among them, at least one digit. Zeros at the end of the fraction
 * say nothing and are not counted. */
static int take_decimal(const char **cursor, struct decimal *number)
{
    const char *p = *cursor;
    *number = (struct decimal){0};
    if (!is_digit(*p) && !(*p == '.' && is_digit(p[1])))
        return -EINVAL;
    int rc = take_whole(&p, &number->whole);
    if (rc < 0)
        return rc;
    if (*p == '.') {
        const char *digits = ++p;
        while (is_digit(*p))
            p++;
        const char *end = p;
        while (end > digits && end[-1] == '0')
            end--;
        if (end - digits > FRACTION_DIGITS_MAX)
            return -ERANGE;
        for (; digits < end; digits++, number->fraction_digits++)
            number->fraction = number->fraction * 10 + (uint64_t)(*digits - '0');
    }
    *cursor = p;
    return 0;
}

/* number * factor, rounded down; `*exact` tells whether nothing was cut off. */
static int scale(const struct decimal *number, uint64_t factor, uint64_t *value, bool *exact)
{
    uint64_t divisor = power_of_ten(number->fraction_digits);
    unsigned __int128 part = (unsigned __int128)number->fraction * factor;
    unsigned __int128 sum = (unsigned __int128)number->whole * factor + part / divisor;
    if (sum > UINT64_MAX)
        return -ERANGE;
    *exact = part % divisor == 0;
    *value = (uint64_t)sum;
    return 0;
}

/* The factor of the unit that is exactly `text`; 0 if there is none. */
static uint64_t unit_factor(const struct unit *units, const char *text)
{
    for (; units->text; units++) {
        if (strcmp(text, units->text) == 0)
            return units->factor;
    }
    return 0;
}

/* base^(k: 1, m: 2, g: 3, t: 4), whatever the case; 0 for any other letter. */
static uint64_t prefix_factor(char letter, uint64_t base)
{
    static const char letters[] = "kKmMgGtT";
    const char *at = letter ? strchr(letters, letter) : NULL;
    uint64_t factor = at ? base : 0;
    for (long i = at ? (at - letters) / 2 : 0; i > 0; i--)
        factor *= base;
    return factor;
}

/* netrig's [kMGT][i]: thousands, with "i" 1024s; 1 without a prefix. */
static uint64_t take_prefix(const char **cursor)
{
    const char *p = *cursor;
    bool binary = p[0] != '\0' && p[1] == 'i';
    uint64_t factor = prefix_factor(*p, binary ? 1024 : 1000);
    if (factor == 0)
        return 1;
    *cursor += binary ? 2 : 1;
    return factor;
}

/* iperf's [kmgtKMGT]: the case chooses between 1000s and 1024s; 1 without a suffix. */
static uint64_t take_iperf_suffix(const char **cursor)
{
    bool upper = **cursor >= 'A' && **cursor <= 'Z';
    uint64_t factor = prefix_factor(**cursor, upper ? 1024 : 1000);
    if (factor == 0)
        return 1;
    (*cursor)++;
    return factor;
}

static int refuse_syntax(struct rig_err *err, const char *what, const char *text,
                         const char *allowed)
{
    return rig_err_set(err, -EINVAL, "'%.64s' is not a %s: %s", text, what, allowed);
}

static int refuse_size(struct rig_err *err, const char *what, const char *text)
{
    return rig_err_set(err, -ERANGE,
                       "'%.64s' does not fit in a %s: below 2^64 of its smallest unit, with up "
                       "to 18 digits behind the point",
                       text, what);
}

/* What a text is called in a refusal, and what would have been right. */
struct grammar {
    const char *what;
    const char *allowed;
    bool is_iperf; /* iperf's suffixes; fractions of one are cut off as iperf does */
};

/* The last step of all that yield an integer: scale, and refuse what cannot be said in it. */
static int finish(uint64_t *value, const struct decimal *number, uint64_t factor,
                  const struct grammar *grammar)
{
    uint64_t scaled;
    bool exact;
    int rc = scale(number, factor, &scaled, &exact);
    if (rc < 0)
        return rc;
    if (!exact && (!grammar->is_iperf || scaled == 0))
        return -EDOM;
    *value = scaled;
    return 0;
}

static int refuse(struct rig_err *err, int rc, const struct grammar *grammar, const char *text)
{
    if (rc == -EINVAL)
        return refuse_syntax(err, grammar->what, text, grammar->allowed);
    if (rc == -ERANGE)
        return refuse_size(err, grammar->what, text);
    return rig_err_set(err, -EINVAL, "'%.64s' is not a %s: it comes to a fraction of one", text,
                       grammar->what);
}

static const struct unit time_units[] = {
    {"", RIG_NS_PER_S}, {"s", RIG_NS_PER_S}, {"ms", RIG_NS_PER_MS}, {"us", RIG_NS_PER_US},
    {"ns", 1},          {"min", NS_PER_MIN}, {"h", NS_PER_H},       {NULL, 0},
};

/* NUMBER and one unit of a table. */
static int parse_with_table(uint64_t *value, const char *text, const struct unit *units,
                            const struct grammar *grammar)
{
    struct decimal number;
    const char *p = text;
    int rc = take_decimal(&p, &number);
    if (rc < 0)
        return rc;
    uint64_t factor = unit_factor(units, p);
    if (factor == 0)
        return -EINVAL;
    return finish(value, &number, factor, grammar);
}

/* NUMBER and a prefix; the cursor comes to stand on the unit. */
static int take_scaled(const char **cursor, uint64_t *value, const struct grammar *grammar)
{
    struct decimal number;
    int rc = take_decimal(cursor, &number);
    if (rc < 0)
        return rc;
    uint64_t factor = grammar->is_iperf ? take_iperf_suffix(cursor) : take_prefix(cursor);
    return finish(value, &number, factor, grammar);
}

/* A scaled number with `unit` (or without it) behind it, and nothing more. */
static int parse_scaled(uint64_t *value, const char *text, const char *unit,
                        const struct grammar *grammar)
{
    const char *p = text;
    uint64_t parsed = 0;
    int rc = take_scaled(&p, &parsed, grammar);
    /* Size and syntax may both be wrong; then the syntax is what the user wants to hear. */
    if ((rc == 0 || rc == -EDOM) && *p != '\0' && strcmp(p, unit) != 0)
        rc = -EINVAL;
    if (rc == 0)
        *value = parsed;
    return rc;
}

/* The same with bits a second (`bits_unit` may stand behind them) or packets a second. */
static int parse_scaled_rate(struct rig_rate *rate, const char *text, const char *bits_unit,
                             const struct grammar *grammar)
{
    size_t len = strlen(text);
    bool is_pps = len >= 3 && strcmp(text + len - 3, "pps") == 0;
    uint64_t value;
    int rc = parse_scaled(&value, text, is_pps ? "pps" : bits_unit, grammar);
    if (rc == 0)
        *rate = (struct rig_rate){.value = value, .is_pps = is_pps};
    return rc;
}

int rig_units_parse_iperf(uint64_t *value, const char *text, struct rig_err *err)
{
    static const struct grammar grammar = {
        .what = "number",
        .allowed = "decimal, with k, m, g or t (times 1000) or K, M, G or T (times 1024)",
        .is_iperf = true,
    };
    int rc = parse_scaled(value, text, "", &grammar);
    return rc < 0 ? refuse(err, rc, &grammar, text) : 0;
}

int rig_units_parse_iperf_rate(struct rig_rate *rate, const char *text, struct rig_err *err)
{
    static const struct grammar grammar = {
        .what = "rate",
        .allowed = "bits a second, with k, m, g or t (times 1000) or K, M, G or T (times 1024); "
                   "'pps' behind it counts datagrams",
        .is_iperf = true,
    };
    int rc = parse_scaled_rate(rate, text, "", &grammar);
    return rc < 0 ? refuse(err, rc, &grammar, text) : 0;
}

int rig_units_parse_count(uint64_t *value, const char *text, struct rig_err *err)
{
    static const struct grammar grammar = {
        .what = "count",
        .allowed = "a number with k, M, G or T (times 1000) or ki, Mi, Gi or Ti (times 1024)",
    };
    int rc = parse_scaled(value, text, "", &grammar);
    return rc < 0 ? refuse(err, rc, &grammar, text) : 0;
}

int rig_units_parse_bytes(uint64_t *bytes, const char *text, struct rig_err *err)
{
    static const struct grammar grammar = {
        .what = "size in bytes",
        .allowed = "a number with k, M, G or T (times 1000) or ki, Mi, Gi or Ti (times 1024) and "
                   "an optional B, as in 64KiB",
    };
    int rc = parse_scaled(bytes, text, "B", &grammar);
    return rc < 0 ? refuse(err, rc, &grammar, text) : 0;
}

int rig_units_parse_rate(struct rig_rate *rate, const char *text, struct rig_err *err)
{
    static const struct grammar grammar = {
        .what = "rate",
        .allowed = "a number with k, M, G or T (times 1000) or ki, Mi, Gi or Ti (times 1024) and "
                   "bps (also if left out) or pps, as in 1.5Mpps",
    };
    int rc = parse_scaled_rate(rate, text, "bps", &grammar);
    return rc < 0 ? refuse(err, rc, &grammar, text) : 0;
}

int rig_units_parse_time(rig_ns_t *ns, const char *text, struct rig_err *err)
{
    static const struct grammar grammar = {
        .what = "time",
        .allowed = "a number with s (also if left out), ms, us, ns, min or h, as in 250ms",
    };
    int rc = parse_with_table(ns, text, time_units, &grammar);
    return rc < 0 ? refuse(err, rc, &grammar, text) : 0;
}

int rig_units_parse_seconds(rig_ns_t *ns, const char *text, struct rig_err *err)
{
    static const struct unit seconds[] = {{"", RIG_NS_PER_S}, {NULL, 0}};
    static const struct grammar grammar = {
        .what = "number of seconds",
        .allowed = "decimal, with up to 9 digits behind the point, as in 0.5",
    };
    int rc = parse_with_table(ns, text, seconds, &grammar);
    return rc < 0 ? refuse(err, rc == -EDOM ? -EINVAL : rc, &grammar, text) : 0;
}

int rig_units_parse_ratio(double *ratio, const char *text, struct rig_err *err)
{
    static const struct unit signs[] = {{"", 1}, {"%", 100}, {NULL, 0}};
    static const struct grammar grammar = {
        .what = "ratio",
        .allowed = "0 to 1, or 0% to 100%, with up to 18 digits behind the point",
    };
    struct decimal number;
    const char *p = text;
    int rc = take_decimal(&p, &number);
    uint64_t of = rc < 0 ? 0 : unit_factor(signs, p);
    if (rc == -EINVAL || (rc == 0 && of == 0))
        return refuse(err, -EINVAL, &grammar, text);
    if (rc < 0 || number.whole > of || (number.whole == of && number.fraction > 0))
        return rig_err_set(err, -ERANGE, "'%.64s' is not a ratio: %s", text, grammar.allowed);
    /* Both operands are whole and exact (for up to 15 digits), so the quotient is the double
     * nearest to the text. */
    uint64_t divisor = power_of_ten(number.fraction_digits);
    unsigned __int128 digits = (unsigned __int128)number.whole * divisor + number.fraction;
    *ratio = (double)digits / ((double)divisor * (double)of);
    return 0;
}

static int refuse_int(struct rig_err *err, int rc, const char *text, const int64_t bounds[2])
{
    if (rc == -EINVAL)
        return rig_err_set(err, rc, "'%.64s' is not a whole number from %" PRId64 " to %" PRId64,
                           text, bounds[0], bounds[1]);
    return rig_err_set(err, rc, "'%.64s' is out of range: %" PRId64 " to %" PRId64, text, bounds[0],
                       bounds[1]);
}

int rig_units_parse_int(int64_t *value, const char *text, int64_t min, int64_t max,
                        struct rig_err *err)
{
    const int64_t bounds[2] = {min, max};
    bool negative = text[0] == '-';
    const char *p = text + negative;
    uint64_t magnitude = 0;
    int rc = is_digit(*p) ? take_whole(&p, &magnitude) : -EINVAL;
    if (rc == 0 && *p != '\0')
        rc = -EINVAL;
    uint64_t magnitude_max = (uint64_t)INT64_MAX + negative;
    if (rc == 0 && magnitude > magnitude_max)
        rc = -ERANGE;
    if (rc < 0)
        return refuse_int(err, rc, text, bounds);
    int64_t parsed = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (parsed < min || parsed > max)
        return refuse_int(err, -ERANGE, text, bounds);
    *value = parsed;
    return 0;
}
