/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a --vary option says: a key and the values it shall take, one after the
 * other.
 *
 *     KEY=a,b,c          these; the unit on every one, or once at the end
 *     KEY=lo..hi:xK      lo, lo K, lo K^2, ... up to hi
 *     KEY=lo..hi:+S      lo, lo + S, lo + 2 S, ... up to hi
 *     KEY=lo..hi         a span without steps, for who chooses values himself
 *     KEY                the same, the whole range that the table of keys
 * states
 *
 * Only numbers have spans.  Values of steps are rounded to 12 digits, so that
 * 0.1 + 0.2 is 0.3; hi is one of them where a step meets it.
 * Stage: beside the reader; makes texts that --set could hold, which the reader
 * then checks.  Leaves out the product of several options, which is a sweep's.
 */
#include "schema.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 100000 };

struct reading {
    struct lh_vary *out;
    struct lh_where where;
    struct lh_ctx *ctx;
    size_t capacity, number_capacity;
};

static const char *trimmed(struct lh_arena *arena, const char *text, size_t n)
{
    while (n > 0 && isspace((unsigned char)*text)) {
        text++;
        n--;
    }
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    return lh_strndup(arena, text, n);
}

/* What follows the number at the beginning of text; text itself if there is
 * none. */
static const char *unit_of(const char *text)
{
    char *end;

    strtod(text, &end);
    while (*end == ' ')
        end++;
    return end;
}

/* With the unit of `other` where it has none itself. */
static const char *with_unit(const struct reading *r, const char *text,
                             const char *other)
{
    if (r->out->range.dimension == LH_DIM_NONE || *unit_of(text)
        || unit_of(text) == text || !*unit_of(other))
        return text;
    return lh_format(r->ctx->arena, "%s %s", text, unit_of(other));
}

static bool read_value(double *out, struct reading *r, const char *text)
{
    const char *why;

    if (lh_units_read(out, text, r->out->range.dimension, r->ctx->arena, &why)
        != LH_OK) {
        lh_error(r->ctx, r->where, "%s", why);
        return false;
    }
    if (r->out->range.whole && *out != floor(*out)) {
        lh_error(r->ctx, r->where, "'%s' is not a whole number", text);
        return false;
    }
    return true;
}

const char *lh_range_text(const struct lh_range *range, double value,
                          struct lh_arena *arena)
{
    struct lh_text text;

    if (range->dimension != LH_DIM_NONE)
        return lh_units_canonical(arena, value, range->dimension);
    if (range->whole)
        return lh_format(arena, "%.0f", value);
    text = lh_text_new(arena);
    lh_text_double(&text, value);
    return text.s;
}

static void add_value(struct reading *r, const char *text, double number)
{
    struct lh_vary *v = r->out;
    size_t need = (size_t)v->n + 1;

    v->values = lh_grow(r->ctx->arena, v->values, &r->capacity, need,
                        sizeof *v->values);
    v->numbers = lh_grow(r->ctx->arena, v->numbers, &r->number_capacity, need,
                         sizeof *v->numbers);
    v->values[v->n] = text;
    v->numbers[v->n++] = number;
}

/* ---- a,b,c -------------------------------------------------------------- */

/* Up to the next comma that stands in no bracket. */
static size_t item_length(const char *text)
{
    int depth = 0;
    size_t i = 0;

    for (; text[i] && (depth > 0 || text[i] != ','); i++)
        depth += (text[i] == '[' || text[i] == '{')
                 - (text[i] == ']' || text[i] == '}');
    return i;
}

static void read_list(struct reading *r, const char *text)
{
    const char *last = "";
    bool good = true;

    for (const char *p = text;;) {
        size_t n = item_length(p);
        last = trimmed(r->ctx->arena, p, n);
        if (!*last) {
            lh_error(r->ctx, r->where, "an empty value in '%s'", text);
            return;
        }
        add_value(r, last, NAN);
        if (!p[n])
            break;
        p += n + 1;
    }
    for (int i = 0; r->out->is_number && good && i < r->out->n; i++) {
        r->out->values[i] = with_unit(r, r->out->values[i], last);
        good = read_value(&r->out->numbers[i], r, r->out->values[i]);
    }
}

/* ---- lo..hi ------------------------------------------------------------- */

static double rounded(double value)
{
    char text[40];

    snprintf(text, sizeof text, "%.12g", value);
    return strtod(text, NULL);
}

static void put_steps(struct reading *r, double by, bool times)
{
    double lo = r->out->lo, hi = r->out->hi;
    double most = times ? log(hi / lo) / log(by) : (hi - lo) / by;

    if (most >= VALUES_MAX) {
        lh_error(r->ctx, r->where, "more than %d values", VALUES_MAX);
        return;
    }
    for (int i = 0; i <= (int)(most + 1e-9); i++) {
        double value = rounded(times ? lo * pow(by, i) : lo + i * by);
        if (r->out->range.whole && value != floor(value)) {
            lh_error(r->ctx, r->where, "%s would not be a whole number",
                     lh_range_text(&(struct lh_range){.whole = false}, value,
                                   r->ctx->arena));
            return;
        }
        add_value(r, lh_range_text(&r->out->range, value, r->ctx->arena),
                  value);
    }
}

/* "x2", "+100 km" */
static void read_steps(struct reading *r, const char *step, const char *hi)
{
    bool times = *step == 'x';
    const char *number = trimmed(r->ctx->arena, step + 1, strlen(step + 1));
    const char *why;
    double by;

    if (!times && *step != '+') {
        lh_error(r->ctx, r->where, "steps are xFACTOR or +DIFFERENCE, not '%s'",
                 step);
    } else if (!times) {
        if (!read_value(&by, r, with_unit(r, number, hi)))
            return;
        if (!(by > 0))
            lh_error(r->ctx, r->where, "a step must be above 0");
        else
            put_steps(r, by, false);
    } else if (lh_units_read(&by, number, LH_DIM_NONE, r->ctx->arena, &why)
               != LH_OK) {
        lh_error(r->ctx, r->where, "%s", why);
    } else if (!(by > 1) || !(r->out->lo > 0)) {
        lh_error(r->ctx, r->where,
                 "x needs a factor above 1 and a first value above 0");
    } else {
        put_steps(r, by, true);
    }
}

static void read_span(struct reading *r, const char *text)
{
    struct lh_arena *arena = r->ctx->arena;
    const char *dots = strstr(text, "..");
    size_t n_hi = strcspn(dots + 2, ":");
    const char *hi = trimmed(arena, dots + 2, n_hi);
    const char *lo =
        with_unit(r, trimmed(arena, text, (size_t)(dots - text)), hi);

    r->out->span = true;
    if (!read_value(&r->out->lo, r, lo) || !read_value(&r->out->hi, r, hi))
        return;
    if (!(r->out->lo < r->out->hi)) {
        lh_error(r->ctx, r->where, "%s is not below %s", lo, hi);
        return;
    }
    if (dots[2 + n_hi]) {
        r->out->span = false;
        read_steps(r, dots + 2 + n_hi + 1, hi);
    }
}

/* ---- doors -------------------------------------------------------------- */

static bool range_of(struct lh_range *out, const struct lh__key *key)
{
    if (key->type != LH__COUNT && key->type != LH__NUMBER
        && key->type != LH__QUANTITY)
        return false;
    *out = (struct lh_range){
        .dimension = key->type == LH__QUANTITY ? key->dimension : LH_DIM_NONE,
        .whole = key->type == LH__COUNT,
        .above_min = key->flags & LH__POSITIVE,
        .min = key->min,
        .max = key->max > 0 ? key->max : (double)INFINITY,
        .unit = key->unit ? key->unit : "",
    };
    return true;
}

enum lh_status lh_vary_read(struct lh_vary *out, const char *text,
                            struct lh_ctx *ctx)
{
    const char *equals = strchr(text, '=');
    size_t n_path = equals ? (size_t)(equals - text) : strlen(text);
    const char *path = trimmed(ctx->arena, text, n_path);
    struct lh_where where = {lh_format(ctx->arena, "--vary %s", path), 0, 0};
    struct reading r = {.out = out, .where = where, .ctx = ctx};
    int before = lh_diag_count(ctx, LH_ERROR);
    const struct lh__key *key = lh__key_asked(path, where, ctx);

    *out = (struct lh_vary){.path = path};
    if (!key)
        return LH_BAD_INPUT;
    out->is_number = range_of(&out->range, key);
    if (lh__key_is_group(key)) {
        lh_error(ctx, where, "a mapping or list has no values to vary");
    } else if (equals && out->is_number && strstr(equals + 1, "..")) {
        read_span(&r, equals + 1);
    } else if (equals) {
        read_list(&r, equals + 1);
    } else if (!out->is_number) {
        lh_error(ctx, where, "it is %s: name the values, as in %s=a,b",
                 lh__key_domain(key, ctx->arena), path);
    } else {
        out->span = true;
        out->lo = out->range.min;
        out->hi = out->range.max;
    }
    return lh_diag_count(ctx, LH_ERROR) > before ? LH_BAD_INPUT : LH_OK;
}
