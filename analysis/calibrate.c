/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Calibration: constants of data tables fitted to validation rows.
 *
 *   uses          a row uses a constant that changes it by more than 1e-6 when
 *                 it changes by 1 %
 *   fit           calibrate_search.c
 *   leave one out for each source: everything fitted anew without it, then the
 *                 median |error| of its rows.  A constant that only its rows
 *                 use is put in the middle of its bounds.
 *
 * Place in the pipeline: around all of it, many times.  Nothing is random: the
 * same rows and tables give the same values.
 * Leaves out: a value for one row or one model; constants belong to a device,
 * a fabric or a software stack.
 */
#include <math.h>
#include <string.h>

#include "calibrate.h"

static const double changed_by = 1e-6, nudge = 0.99;

/* ---- uses -----------------------------------------------------------------
 */

static enum lh_status values_at(double *out, struct lh__fit *fit, int k,
                                double value)
{
    double was = fit->x[k];
    fit->x[k] = value;
    enum lh_status st = lh__fit_evaluate(fit, -1, k);
    for (int i = 0; i < fit->n_rows && st == LH_OK; i++) {
        if (fit->rows[i].uses[k])
            out[i] = lh__fit_value(fit, &fit->rows[i]);
    }
    fit->x[k] = was;
    return st;
}

static bool differs(double a, double b)
{
    return isfinite(a) != isfinite(b) || fabs(a / b - 1) > changed_by;
}

static bool is_new_model(const struct lh__fit *fit, const bool *used, int row)
{
    for (int i = 0; i < row; i++) {
        if (used[i] && fit->rows[i].row->kind == LH_ROW_TRAINING
            && strcmp(fit->rows[i].model, fit->rows[row].model) == 0)
            return false;
    }
    return true;
}

static void count_uses(struct lh_constant *constant, const struct lh__fit *fit,
                       const bool *used)
{
    for (int i = 0; i < fit->n_rows; i++) {
        if (!used[i])
            continue;
        if (fit->rows[i].row->kind == LH_ROW_BUSBW) {
            constant->n_busbw++;
            continue;
        }
        constant->n_used++;
        constant->n_models += is_new_model(fit, used, i);
    }
}

/* Counts the rows that use constant k, and forgets that the others could. */
static enum lh_status find_uses(struct lh__fit *fit, int k, const double *base)
{
    struct lh_constant *constant = &fit->c->constants[k];
    const double at[] = {nudge * fit->x[k], constant->low, constant->high};
    int n_at = fit->c->fit ? 3 : 1;
    struct lh_arena *arena = fit->ctx->arena;
    size_t n = (size_t)fit->n_rows;
    double *values = LH_NEW(arena, double, n);
    bool *used = LH_NEW(arena, bool, n), *can = LH_NEW(arena, bool, n);
    for (int j = 0; j < n_at; j++) {
        enum lh_status st = values_at(values, fit, k, at[j]);
        if (st != LH_OK)
            return st;
        for (int i = 0; i < fit->n_rows; i++) {
            bool moves = fit->rows[i].uses[k] && differs(values[i], base[i]);
            used[i] = used[i] || (j == 0 && moves);
            can[i] = can[i] || moves;
        }
    }
    for (int i = 0; i < fit->n_rows; i++)
        fit->rows[i].uses[k] = can[i];
    count_uses(constant, fit, used);
    return LH_OK;
}

/* Rows that were refused are taken out. */
static void drop_refused(struct lh__fit *fit)
{
    int n = 0;
    for (int i = 0; i < fit->n_rows; i++) {
        if (isfinite(lh__fit_value(fit, &fit->rows[i])))
            fit->rows[n++] = fit->rows[i];
    }
    fit->n_rows = n;
}

/* So are rows of bus bandwidth, unless a constant moves one. */
static void drop_busbw(struct lh__fit *fit)
{
    int n = 0;
    for (int k = 0; k < fit->c->n_constants; k++) {
        if (fit->c->constants[k].n_busbw > 0)
            return;
    }
    for (int i = 0; i < fit->n_rows; i++) {
        if (fit->rows[i].row->kind != LH_ROW_BUSBW)
            fit->rows[n++] = fit->rows[i];
    }
    fit->n_rows = n;
}

static enum lh_status all_uses(struct lh__fit *fit)
{
    double *base;
    enum lh_status st = lh__fit_evaluate(fit, -1, -1);
    if (st != LH_OK)
        return st;
    drop_refused(fit);
    base = LH_NEW(fit->ctx->arena, double, (size_t)fit->n_rows);
    for (int i = 0; i < fit->n_rows; i++)
        base[i] = lh__fit_value(fit, &fit->rows[i]);
    for (int k = 0; k < fit->c->n_constants && st == LH_OK; k++)
        st = find_uses(fit, k, base);
    drop_busbw(fit);
    return st;
}

/* ---- fits -----------------------------------------------------------------
 */

static void count_rows(struct lh__fit *fit)
{
    for (int i = 0; i < fit->n_rows; i++) {
        struct lh_calibrated_source *s = &fit->c->sources[fit->rows[i].source];
        s->n_rows++;
        s->n_training += fit->rows[i].row->kind == LH_ROW_TRAINING;
    }
    for (int i = 0; i < fit->c->n_sources; i++)
        fit->c->sources[i].before = lh__fit_source_median(fit, i);
}

static enum lh_status fit_all(struct lh__fit *fit, struct lh__surrogate *s)
{
    struct lh_calibration *c = fit->c;
    enum lh_status st = lh__fit_loss(&c->loss_before, fit);
    if (st == LH_OK)
        st = lh__fit_search(&c->loss_after, s);
    for (int k = 0; k < c->n_constants; k++)
        c->constants[k].value = fit->x[k];
    for (int i = 0; i < c->n_sources; i++)
        c->sources[i].after = lh__fit_source_median(fit, i);
    return st;
}

static enum lh_status leave_one_out(struct lh__fit *fit,
                                    struct lh__surrogate *s)
{
    struct lh_calibration *c = fit->c;
    enum lh_status st = LH_OK;
    for (int i = 0; i < c->n_sources && st == LH_OK; i++) {
        if (c->sources[i].n_rows == 0)
            continue;
        for (int k = 0; k < c->n_constants; k++)
            fit->x[k] = c->constants[k].value;
        st = lh__fit_without(i, s);
        c->sources[i].left_out = lh__fit_source_median(fit, i);
    }
    return st;
}

enum lh_status lh_calibrate(struct lh_calibration *c, struct lh_validation *v,
                            struct lh_ctx *ctx)
{
    struct lh__fit fit = {.c = c, .ctx = ctx, .left_out = -1};
    struct lh__surrogate surrogate;
    size_t n = (size_t)c->n_constants;
    c->before = LH_NEW(ctx->arena, double, n);
    fit.x = LH_NEW(ctx->arena, double, n);
    for (int k = 0; k < c->n_constants; k++)
        fit.x[k] = c->before[k] = c->constants[k].value;
    c->n_sources = v->n_sources;
    c->sources =
        LH_NEW(ctx->arena, struct lh_calibrated_source, (size_t)v->n_sources);
    for (int i = 0; i < v->n_sources; i++)
        c->sources[i] = (struct lh_calibrated_source){
            v->sources[i].name, 0, 0, NAN, NAN, NAN};
    enum lh_status st = lh__fit_rows(&fit, v);
    if (st == LH_OK)
        st = all_uses(&fit);
    if (st != LH_OK)
        return st;
    count_rows(&fit);
    lh__surrogate_begin(&surrogate, &fit);
    if (c->fit)
        st = fit_all(&fit, &surrogate);
    if (st == LH_OK && c->leave_one_out)
        st = leave_one_out(&fit, &surrogate);
    return st;
}
