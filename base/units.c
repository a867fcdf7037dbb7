/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The only place where text with a unit becomes SI and SI becomes text; bits
 * exist only here.  Used by the scenario reader, the data tables and every
 * output.
 *
 * Reading is exact: "25.6 Tbit/s" is 25.6e12 / 8.  The power of ten of a
 * decimal prefix is added to the exponent of the number's text before strtod
 * rounds it, once; a division by 8 and a factor 2^10k do not round.  Factors
 * that are neither (min, h, d) go through long double.
 * Writing tries each unit from large to small and keeps the shortest text that
 * reads back as the same bits; failing all, the smallest unit with 17 digits.
 * Numbers are plain decimals (no nan, inf, hexadecimal, digit separators).
 * Prefixes: SI brochure 9th ed.; binary ones: IEC 80000-13.
 */
#include <longhaul/base.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SI value = number x 10^ten x 2^two x factor. */
struct unit {
    enum lh_dimension dimension;
    const char *name;
    int ten;
    int two;
    double factor;
    bool written; /* canonical text may use it */
};

#define UNIT(dimension, name, ten) {dimension, name, ten, 0, 1, true}
#define ALIAS(dimension, name, ten) {dimension, name, ten, 0, 1, false}
#define DECIMAL(dimension, unit, two, written) \
    {dimension, "T" unit, 12, two, 1, written}, \
    {dimension, "G" unit, 9, two, 1, written}, \
    {dimension, "M" unit, 6, two, 1, written}, \
    {dimension, "k" unit, 3, two, 1, written}, \
    {dimension, unit, 0, two, 1, written}
#define BINARY(dimension, unit, two, written) \
    {dimension, "Ti" unit, 0, 40 + two, 1, written}, \
    {dimension, "Gi" unit, 0, 30 + two, 1, written}, \
    {dimension, "Mi" unit, 0, 20 + two, 1, written}, \
    {dimension, "Ki" unit, 0, 10 + two, 1, written}

/* Within a dimension the units that are written go from large to small. */
static const struct unit units[] = {
    {LH_DIM_TIME, "d", 0, 0, 86400, true},
    {LH_DIM_TIME, "h", 0, 0, 3600, true},
    {LH_DIM_TIME, "min", 0, 0, 60, true},
    UNIT(LH_DIM_TIME, "s", 0),
    UNIT(LH_DIM_TIME, "ms", -3),
    UNIT(LH_DIM_TIME, "us", -6),
    ALIAS(LH_DIM_TIME, "\xc2\xb5s", -6), /* micro sign       */
    ALIAS(LH_DIM_TIME, "\xce\xbcs", -6), /* Greek letter mu  */
    UNIT(LH_DIM_TIME, "ns", -9),
    UNIT(LH_DIM_LENGTH, "km", 3),
    UNIT(LH_DIM_LENGTH, "m", 0),
    DECIMAL(LH_DIM_BYTES, "B", 0, true),
    BINARY(LH_DIM_BYTES, "B", 0, true),
    DECIMAL(LH_DIM_BYTES, "b", -3, false),
    BINARY(LH_DIM_BYTES, "b", -3, false),
    DECIMAL(LH_DIM_BYTES, "bit", -3, false),
    BINARY(LH_DIM_BYTES, "bit", -3, false),
    DECIMAL(LH_DIM_BANDWIDTH, "bit/s", -3, true),
    BINARY(LH_DIM_BANDWIDTH, "bit/s", -3, false),
    DECIMAL(LH_DIM_BANDWIDTH, "bps", -3, false),
    DECIMAL(LH_DIM_BANDWIDTH, "b/s", -3, false),
    DECIMAL(LH_DIM_BANDWIDTH, "B/s", 0, false),
    BINARY(LH_DIM_BANDWIDTH, "B/s", 0, false),
    UNIT(LH_DIM_POWER, "GW", 9),
    UNIT(LH_DIM_POWER, "MW", 6),
    UNIT(LH_DIM_POWER, "kW", 3),
    UNIT(LH_DIM_POWER, "W", 0),
    UNIT(LH_DIM_MONEY, "$", 0),
    UNIT(LH_DIM_FLOPS, "EFLOP/s", 18),
    UNIT(LH_DIM_FLOPS, "PFLOP/s", 15),
    DECIMAL(LH_DIM_FLOPS, "FLOP/s", 0, true),
};

enum { N_UNITS = (int)(sizeof units / sizeof units[0]) };

static const struct {
    const char *name;
    const char *needs;
    const char *example;
} dimensions[] = {
    [LH_DIM_NONE] = {"a plain number", "no unit", "1.5"},
    [LH_DIM_TIME] = {"a time", "s, ms, us, ns, min, h or d", "30 s"},
    [LH_DIM_LENGTH] = {"a length", "m or km", "1000 km"},
    [LH_DIM_BYTES] = {"a size", "B or b", "64 MiB"},
    [LH_DIM_BANDWIDTH] = {"a bandwidth", "bit/s or B/s", "400 Gbit/s"},
    [LH_DIM_POWER] = {"a power", "W, kW, MW or GW", "700 W"},
    [LH_DIM_MONEY] = {"an amount of money", "$", "2 $"},
    [LH_DIM_FLOPS] = {"a computing rate", "FLOP/s", "989 TFLOP/s"},
};

const char *lh_dimension_name(enum lh_dimension dimension)
{
    return dimensions[dimension].name;
}

const char *lh_dimension_example(enum lh_dimension dimension)
{
    return dimensions[dimension].example;
}

/* ---- reading ------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *s)
{
    while (*s == ' ' || *s == '\t') {
        s++;
    }
    return s;
}

/* Length of [+-] digits [. digits], then of an exponent; 0: not a number. */
static size_t scan_mantissa(const char *s)
{
    const char *at = s;
    bool any = false;

    if (*at == '+' || *at == '-') {
        at++;
    }
    for (; is_digit(*at); at++) {
        any = true;
    }
    if (*at == '.' && (any || is_digit(at[1]))) {
        for (at++; is_digit(*at); at++) {
            any = true;
        }
    }
    return any ? (size_t)(at - s) : 0;
}

static size_t scan_exponent(const char *s)
{
    size_t n = 1;

    if (*s != 'e' && *s != 'E') {
        return 0;
    }
    if (s[n] == '+' || s[n] == '-') {
        n++;
    }
    if (!is_digit(s[n])) {
        return 0;
    }
    while (is_digit(s[n])) {
        n++;
    }
    return n;
}

/* A number's text in two parts, and where its unit begins. */
struct number {
    const char *mantissa;
    size_t n_mantissa;
    long exponent;
    const char *rest; /* behind the number and blanks */
};

static bool scan_number(struct number *out, const char *text)
{
    size_t n_exponent;

    out->mantissa = skip_blanks(text);
    out->n_mantissa = scan_mantissa(out->mantissa);
    if (out->n_mantissa == 0) {
        return false;
    }
    out->rest = out->mantissa + out->n_mantissa;
    n_exponent = scan_exponent(out->rest);
    out->exponent = 0;
    if (n_exponent > 0) { /* strtol saturates, which is as good as huge */
        out->exponent = strtol(out->rest + 1, NULL, 10);
        out->exponent = out->exponent > 100000    ? 100000
                        : out->exponent < -100000 ? -100000
                                                  : out->exponent;
    }
    out->rest = skip_blanks(out->rest + n_exponent);
    return true;
}

static bool mantissa_is_zero(const struct number *number)
{
    for (size_t i = 0; i < number->n_mantissa; i++) {
        if (number->mantissa[i] >= '1' && number->mantissa[i] <= '9') {
            return false;
        }
    }
    return true;
}

/* mantissa x 10^(exponent + ten) x 2^two x factor. */
static double number_value(const struct number *number,
                           const struct unit *unit, struct lh_arena *arena)
{
    const char *text = lh_format(arena, "%.*se%ld", (int)number->n_mantissa,
                                 number->mantissa,
                                 number->exponent + unit->ten);

    if (unit->factor != 1) {
        return (double)(strtold(text, NULL) * (long double)unit->factor);
    }
    return ldexp(strtod(text, NULL), unit->two);
}

/* The unit named by n bytes, in the wanted dimension if it is there. */
static const struct unit *find_unit(const char *name, size_t n,
                                    enum lh_dimension wanted)
{
    const struct unit *found = NULL;

    for (int i = 0; i < N_UNITS; i++) {
        if (strlen(units[i].name) == n &&
            memcmp(units[i].name, name, n) == 0 &&
            (found == NULL || units[i].dimension == wanted)) {
            found = &units[i];
        }
    }
    return found;
}

static const char *needs(enum lh_dimension dimension, struct lh_arena *arena)
{
    return lh_format(arena, "%s needs %s, e.g. '%s'",
                     dimensions[dimension].name, dimensions[dimension].needs,
                     dimensions[dimension].example);
}

/* Why the unit at number->rest will not do. */
static const char *unit_fault(const char *text, const char *name, size_t n,
                              enum lh_dimension dimension,
                              struct lh_arena *arena)
{
    const struct unit *other = find_unit(name, n, dimension);
    const char *need = needs(dimension, arena);

    if (n == 0) {
        return lh_format(arena, "'%s' has no unit; %s", text, need);
    }
    if (other != NULL) {
        return lh_format(arena, "'%s' is %s; %s", text,
                         dimensions[other->dimension].name, need);
    }
    if ((*name == 'x' || *name == 'X') && name[-1] == '0') {
        return lh_format(arena, "'%s' is not a decimal number; %s", text,
                         need);
    }
    return lh_format(arena, "'%s' has an unknown unit '%.*s'; %s", text,
                     (int)n, name, need);
}

enum lh_status lh_units_read(double *out, const char *text,
                             enum lh_dimension dimension,
                             struct lh_arena *arena, const char **why)
{
    static const struct unit none = {.factor = 1};
    const struct unit *unit = &none;
    struct number number;
    const char *rest;
    size_t n;
    double value;

    if (!scan_number(&number, text)) {
        *why = lh_format(arena, "'%s' is not a number; %s", text,
                         needs(dimension, arena));
        return LH_BAD_INPUT;
    }
    n = strcspn(number.rest, " \t");
    rest = skip_blanks(number.rest + n);
    if (dimension != LH_DIM_NONE || n > 0) {
        unit = find_unit(number.rest, n, dimension);
    }
    if (unit == NULL || unit->dimension != dimension) {
        *why = unit_fault(text, number.rest, n, dimension, arena);
        return LH_BAD_INPUT;
    }
    if (*rest != '\0') {
        *why = lh_format(arena, "'%s' goes on after the unit: '%s'; %s", text,
                         rest, needs(dimension, arena));
        return LH_BAD_INPUT;
    }
    value = number_value(&number, unit, arena);
    if (!isfinite(value) || (value == 0 && !mantissa_is_zero(&number))) {
        *why = lh_format(arena, "'%s' is too %s", text,
                         value == 0 ? "small" : "large");
        return LH_BAD_INPUT;
    }
    *out = value;
    return LH_OK;
}

/* ---- writing ------------------------------------------------------------ */

static long double in_unit(double value, const struct unit *unit)
{
    long double x = ldexpl((long double)value, -unit->two);

    x /= (long double)unit->factor;
    return unit->ten < 0 ? x * powl(10, -unit->ten) : x / powl(10, unit->ten);
}

/* "1.5 km" in buffer if it is free of an exponent and reads back. */
static bool write_in_unit(char *buffer, size_t n, double value,
                          const struct unit *unit, struct lh_arena *arena)
{
    long double x = in_unit(value, unit);

    for (int digits = 15; digits <= 17; digits++) {
        const char *why;
        double back;
        snprintf(buffer, n, "%.*Lg %s", digits, x, unit->name);
        if (strchr(buffer, 'e') == NULL &&
            lh_units_read(&back, buffer, unit->dimension, arena, &why) ==
                LH_OK &&
            back == value) {
            return true;
        }
    }
    return false;
}

static const struct unit *smallest_unit(enum lh_dimension dimension)
{
    const struct unit *smallest = NULL;

    for (int i = 0; i < N_UNITS; i++) {
        if (units[i].dimension == dimension && units[i].written &&
            units[i].ten <= 0 && units[i].two <= 0 && units[i].factor == 1 &&
            (smallest == NULL || dimension != LH_DIM_TIME)) {
            smallest = &units[i];
        }
    }
    return smallest;
}

const char *lh_units_canonical(struct lh_arena *arena, double value,
                               enum lh_dimension dimension)
{
    const struct unit *base = smallest_unit(dimension);
    struct lh_text plain = lh_text_new(arena);
    char best[80] = "";
    bool best_below_1 = false;

    for (int i = 0; i < N_UNITS && isfinite(value); i++) {
        const struct unit *unit = &units[i];
        char text[80];
        bool below_1 = fabsl(in_unit(value, unit)) < 1;
        if (unit->dimension != dimension || !unit->written ||
            (value == 0 && unit != base) ||
            !write_in_unit(text, sizeof text, value, unit, arena)) {
            continue;
        }
        if (best[0] == '\0' || strlen(text) < strlen(best) ||
            (strlen(text) == strlen(best) && best_below_1 && !below_1)) {
            memcpy(best, text, sizeof best);
            best_below_1 = below_1;
        }
    }
    if (best[0] != '\0') {
        return lh_strdup(arena, best);
    }
    if (base == NULL) {
        lh_text_double(&plain, value);
        return plain.s;
    }
    return lh_format(arena, "%.17g %s", ldexp(value, -base->two), base->name);
}

/* People do not read binary prefixes of rates, nor minutes below two. */
static bool for_people(const struct unit *unit, double value)
{
    double x = fabs(value);

    if (unit->two > 0 || !unit->written) {
        return false;
    }
    if (unit->factor != 1) {
        return x >= 2 * unit->factor && unit->factor >= 3600;
    }
    return true;
}

const char *lh_units_human(struct lh_arena *arena, double value,
                           enum lh_dimension dimension)
{
    const struct unit *unit = NULL;
    double x;

    if (dimension == LH_DIM_NONE || !isfinite(value)) {
        return lh_format(arena, "%.4g", value);
    }
    for (int i = 0; i < N_UNITS; i++) {
        if (units[i].dimension == dimension && for_people(&units[i], value)) {
            unit = &units[i];
            /* 0.9999 and a half of a digit is written as 1 */
            if (fabsl(in_unit(value, unit)) >= 0.99995L) {
                break;
            }
        }
    }
    if (value == 0) {
        unit = smallest_unit(dimension);
    }
    x = (double)in_unit(value, unit);
    return lh_format(arena, fabs(x) >= 9999.5 ? "%.0f %s" : "%.4g %s", x,
                     unit->name);
}
