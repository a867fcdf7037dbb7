/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The search of a calibration: least loss over the values of the constants,
 * within their bounds.
 *
 * Rounds: points are simulated along each constant, first over the whole range
 * and then ever closer to the centre; the surrogate (calibrate_surrogate.c)
 * says where to go, the step there is simulated, and taken if it is better;
 * otherwise the next is shorter.  Nothing is random.
 * A fit without a source descends in the same surrogate, and only its rows are
 * simulated then; a constant that no other source uses is put in the middle of
 * its bounds.
 * Leaves out: error bars; constants that all rows use alike are not told apart.
 */
#include <math.h>
#include <string.h>

#include "calibrate.h"

enum { ROUNDS = 3, SPREAD = 2 };
static const double least_gain = 1e-4, least_radius = 1.0 / 256;

/* Does a row that is not left out use it? */
static bool is_determined(const struct lh__fit *fit, int k)
{
    for (int i = 0; i < fit->n_rows; i++) {
        if (fit->rows[i].source != fit->left_out && fit->rows[i].uses[k])
            return true;
    }
    return false;
}

static void places(double *t, bool *free, const struct lh__fit *fit)
{
    for (int k = 0; k < fit->c->n_constants; k++) {
        t[k] = lh__constant_place(&fit->c->constants[k], fit->x[k]);
        free[k] = is_determined(fit, k);
    }
}

/* Over the whole range, or at `width` to either side of the centre. */
static enum lh_status points(struct lh__surrogate *s, const double *t,
                             const bool *free, double width)
{
    enum lh_status st = LH_OK;
    for (int k = 0; k < s->fit->c->n_constants; k++) {
        int n = width >= 1 ? SPREAD : 1;
        for (int j = 0; j <= n && free[k] && st == LH_OK; j++) {
            double at = (double)j / n;
            st = lh__surrogate_point(
                s, k, width >= 1 ? at : t[k] + (2 * at - 1) * width);
        }
    }
    return st;
}

enum lh_status lh__fit_loss(double *loss, struct lh__fit *fit)
{
    enum lh_status st = lh__fit_evaluate(fit, -1, -1);
    struct lh_arena *arena = lh_arena_new();
    double *e = LH_NEW(arena, double, (size_t)fit->n_rows);
    double *scratch = LH_NEW(arena, double, (size_t)fit->n_rows);
    for (int i = 0; i < fit->n_rows && st == LH_OK; i++)
        e[i] = log(lh__fit_value(fit, &fit->rows[i])
                   / fit->rows[i].row->published);
    *loss = lh__loss(fit, e, scratch);
    if (!isfinite(*loss)) /* a row is refused there */
        *loss = INFINITY;
    lh_arena_free(arena);
    return st;
}

/* Simulates the place t; the centre goes there if it is better. */
static enum lh_status step_to(const double *t, double *loss, bool *better,
                              struct lh__surrogate *s)
{
    struct lh__fit *fit = s->fit;
    size_t n = (size_t)fit->c->n_constants;
    struct lh_arena *arena = lh_arena_new();
    double *was = LH_NEW(arena, double, n), found = 0;
    memcpy(was, fit->x, n * sizeof *was);
    for (size_t k = 0; k < n; k++) {
        const struct lh_constant *one = &fit->c->constants[k];
        if (fabs(t[k] - lh__constant_place(one, fit->x[k])) > 1e-9)
            fit->x[k] = lh__constant_at(one, t[k]);
    }
    enum lh_status st = lh__fit_loss(&found, fit);
    *better = st == LH_OK && found < *loss - least_gain;
    if (*better) {
        *loss = found;
        st = lh__surrogate_centre(s);
    } else {
        memcpy(fit->x, was, n * sizeof *was);
    }
    lh_arena_free(arena);
    return st;
}

enum lh_status lh__fit_search(double *loss, struct lh__surrogate *s)
{
    struct lh__fit *fit = s->fit;
    size_t n = (size_t)fit->c->n_constants;
    double *t = LH_NEW(fit->ctx->arena, double, n), width = 1, radius = 1;
    bool *free = LH_NEW(fit->ctx->arena, bool, n), better = true;
    enum lh_status st = lh__fit_loss(loss, fit);
    if (st == LH_OK)
        st = lh__surrogate_centre(s);
    for (int i = 0; i < ROUNDS && radius >= least_radius && st == LH_OK; i++) {
        places(t, free, fit);
        st = points(s, t, free, width);
        lh__surrogate_descend(s, t, free, radius);
        if (st == LH_OK)
            st = step_to(t, loss, &better, s);
        width /= i == 0 ? 2 * SPREAD : SPREAD;
        radius = better ? radius : width;
    }
    return st;
}

enum lh_status lh__fit_without(int source, struct lh__surrogate *s)
{
    struct lh__fit *fit = s->fit;
    size_t n = (size_t)fit->c->n_constants;
    double *t = LH_NEW(fit->ctx->arena, double, n);
    bool *free = LH_NEW(fit->ctx->arena, bool, n);
    fit->left_out = source;
    places(t, free, fit);
    for (size_t k = 0; k < n; k++)
        t[k] = free[k] ? t[k] : 0.5;
    lh__surrogate_descend(s, t, free, 1);
    for (size_t k = 0; k < n; k++)
        fit->x[k] = lh__constant_at(&fit->c->constants[k], t[k]);
    fit->left_out = -1;
    return lh__fit_evaluate(fit, source, -1);
}
