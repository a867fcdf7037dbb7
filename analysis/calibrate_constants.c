/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Constants to calibrate: read from TABLE:ROW[+ROW...].COLUMN[=LOW..HIGH], with
 * the table's cell as where to start, and put back as cells.
 *
 * Bounds are those given, those of data/fitted.csv, or half and twice the cell;
 * a share (column *_frac) ends at 1.  A cell keeps its unit.
 * Place in the pipeline: before a calibration, and at each of its trials.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate.h"

static const char *const tables[] = {"accelerators", "fabrics", "protocols",
                                     "stacks"};
enum { N_TABLES = (int)(sizeof tables / sizeof tables[0]) };

static enum lh_status fault(struct lh_ctx *ctx, const char *name,
                            const char *why)
{
    lh_error(ctx, LH_NOWHERE, "constant '%s': %s", name, why);
    return LH_BAD_INPUT;
}

static const char *known_words(struct lh_arena *arena, const char *what,
                               const char *got, const char *const *words, int n)
{
    struct lh_text text = lh_text_new(arena);
    const char *near = lh_nearest(got, words, n);
    lh_text_printf(&text, "there is no %s '%.40s'", what, got);
    if (near) {
        lh_text_printf(&text, "; did you mean '%s'?", near);
        return text.s;
    }
    lh_text_add(&text, "; there are");
    for (int i = 0; i < n; i++)
        lh_text_printf(&text, "%s %s", i > 0 ? "," : "", words[i]);
    return text.s;
}

/* ---- the name -------------------------------------------------------------
 */

/* Cuts "TABLE:ROW+ROW.COLUMN" into its parts; false where it is not one. */
static bool cut_name(struct lh_constant *out, struct lh_arena *arena)
{
    const char *colon = strchr(out->name, ':');
    const char *dot = colon ? strrchr(colon, '.') : NULL;
    if (!dot || dot == colon + 1 || dot[1] == '\0')
        return false;
    out->table = lh_strndup(arena, out->name, (size_t)(colon - out->name));
    out->column = lh_strdup(arena, dot + 1);
    out->rows = LH_NEW(arena, const char *, (size_t)(dot - colon));
    for (const char *p = colon + 1; p < dot;) {
        size_t n = strcspn(p, "+");
        if (n > (size_t)(dot - p))
            n = (size_t)(dot - p);
        if (n == 0)
            return false;
        out->rows[out->n_rows++] = lh_strndup(arena, p, n);
        p += n;
        p += *p == '+';
    }
    return out->n_rows > 0;
}

static enum lh_status check_table(const struct lh_constant *constant,
                                  struct lh_ctx *ctx)
{
    for (int i = 0; i < N_TABLES; i++) {
        if (strcmp(tables[i], constant->table) == 0)
            return LH_OK;
    }
    return fault(
        ctx, constant->name,
        known_words(ctx->arena, "table", constant->table, tables, N_TABLES));
}

/* ---- the cells ------------------------------------------------------------
 */

static enum lh_status read_cell(struct lh_constant *out, int i,
                                const struct lh_csv *csv, struct lh_ctx *ctx)
{
    int row = lh_csv_find(csv, out->rows[i]);
    int column = lh_csv_column(csv, out->column);
    const char **names = LH_NEW(ctx->arena, const char *, (size_t)csv->n_rows);
    char *end;
    for (int k = 0; k < csv->n_rows; k++)
        names[k] = lh_csv_cell(csv, k, 0);
    if (row < 0)
        return fault(
            ctx, out->name,
            known_words(ctx->arena, "row", out->rows[i], names, csv->n_rows));
    if (column < 0)
        return fault(ctx, out->name,
                     known_words(ctx->arena, "column", out->column,
                                 csv->columns, csv->n_columns));
    const char *cell = lh_csv_cell(csv, row, column);
    out->cells[i] = strtod(cell, &end);
    if (end == cell || !(out->cells[i] > 0) || !isfinite(out->cells[i]))
        return fault(ctx, out->name,
                     lh_format(ctx->arena,
                               "the cell '%.40s' is no number above 0", cell));
    if (i == 0)
        out->unit = lh_strdup(ctx->arena, end);
    else if (strcmp(end, out->unit) != 0)
        return fault(ctx, out->name, "its rows have different units");
    return LH_OK;
}

static enum lh_status read_cells(struct lh_constant *out, struct lh_ctx *ctx)
{
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, out->table, ctx);
    out->cells = LH_NEW(ctx->arena, double, (size_t)out->n_rows);
    for (int i = 0; i < out->n_rows && st == LH_OK; i++)
        st = read_cell(out, i, &csv, ctx);
    out->value = out->cells[0];
    return st;
}

const char *lh__constant_cell(const struct lh_constant *constant, int row,
                              double value, struct lh_arena *arena)
{
    double share = constant->cells[row] / constant->cells[0];
    return share == 1
               ? lh_format(arena, "%.6g%s", value, constant->unit)
               : lh_format(arena, "%.4g%s", value * share, constant->unit);
}

void lh__constants_override(struct lh_ctx *out, const struct lh_calibration *c,
                            const double *x, struct lh_arena *arena)
{
    struct lh_override *cells;
    int n = 0;
    for (int k = 0; k < c->n_constants; k++)
        n += c->constants[k].n_rows;
    cells = LH_NEW(arena, struct lh_override, (size_t)n);
    n = 0;
    for (int k = 0; k < c->n_constants; k++) {
        const struct lh_constant *one = &c->constants[k];
        for (int i = 0; i < one->n_rows; i++)
            cells[n++] =
                (struct lh_override){one->table, one->rows[i], one->column,
                                     lh__constant_cell(one, i, x[k], arena)};
    }
    out->overrides = cells;
    out->n_overrides = n;
}

/* ---- bounds ---------------------------------------------------------------
 */

/* A number with the cell's unit, or without one. */
static bool read_bound(double *out, const struct lh_constant *constant,
                       const char *text, size_t n, struct lh_arena *arena)
{
    char *copy = lh_strndup(arena, text, n), *end;
    *out = strtod(copy, &end);
    return end != copy && (*end == '\0' || strcmp(end, constant->unit) == 0);
}

static bool is_share(const struct lh_constant *constant)
{
    size_t n = strlen(constant->column);
    return n > 5 && strcmp(constant->column + n - 5, "_frac") == 0;
}

static enum lh_status check_bounds(struct lh_constant *c, struct lh_ctx *ctx)
{
    if (!(c->low > 0) || !(c->high > c->low) || !isfinite(c->high))
        return fault(ctx, c->name, "bounds are LOW..HIGH with 0 < LOW < HIGH");
    if (is_share(c) && c->high > 1)
        return fault(ctx, c->name, "a share ends at 1");
    if (c->value < c->low || c->value > c->high)
        return fault(ctx, c->name,
                     lh_format(ctx->arena,
                               "its value %g%s is outside the bounds %g..%g",
                               c->value, c->unit, c->low, c->high));
    return LH_OK;
}

static enum lh_status given_bounds(struct lh_constant *c, const char *text,
                                   struct lh_ctx *ctx)
{
    const char *dots = strstr(text, "..");
    if (!dots
        || !read_bound(&c->low, c, text, (size_t)(dots - text), ctx->arena)
        || !read_bound(&c->high, c, dots + 2, strlen(dots + 2), ctx->arena))
        return fault(ctx, c->name,
                     lh_format(ctx->arena,
                               "'%s' is no pair of bounds, e.g. "
                               "'0.5%s..1%s'",
                               text, c->unit, c->unit));
    return check_bounds(c, ctx);
}

static enum lh_status usual_bounds(struct lh_constant *c, struct lh_ctx *ctx)
{
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, "fitted", ctx);
    if (st != LH_OK)
        return st;
    int row = lh_csv_find(&csv, c->name);
    int bounds = lh_csv_column(&csv, "bounds");
    if (row >= 0 && bounds >= 0)
        return given_bounds(c, lh_csv_cell(&csv, row, bounds), ctx);
    c->low = c->value / 2;
    c->high = is_share(c) ? fmin(1, 2 * c->value) : 2 * c->value;
    return check_bounds(c, ctx);
}

enum lh_status lh_constant_read(struct lh_constant *out, const char *text,
                                struct lh_ctx *ctx)
{
    const char *equals = strchr(text, '=');
    *out = (struct lh_constant){.n_rows = 0};
    out->name = equals ? lh_strndup(ctx->arena, text, (size_t)(equals - text))
                       : lh_strdup(ctx->arena, text);
    if (!cut_name(out, ctx->arena))
        return fault(ctx, out->name,
                     "it is written TABLE:ROW.COLUMN, e.g. "
                     "'accelerators:a100-sxm.gemm_sustained_frac'");
    enum lh_status st = check_table(out, ctx);
    if (st == LH_OK)
        st = read_cells(out, ctx);
    if (st != LH_OK)
        return st;
    return equals ? given_bounds(out, equals + 1, ctx) : usual_bounds(out, ctx);
}

enum lh_status lh_constants_fitted(struct lh_constant **out, int *n,
                                   struct lh_ctx *ctx)
{
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, "fitted", ctx);
    if (st != LH_OK)
        return st;
    int of = lh_csv_column(&csv, "of");
    *out = LH_NEW(ctx->arena, struct lh_constant, (size_t)csv.n_rows);
    *n = 0;
    for (int i = 0; i < csv.n_rows && st == LH_OK; i++) {
        if (of < 0 || strcmp(lh_csv_cell(&csv, i, of), "training") == 0)
            st =
                lh_constant_read(&(*out)[(*n)++], lh_csv_cell(&csv, i, 0), ctx);
    }
    return st;
}
