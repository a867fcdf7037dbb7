/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a calibration searches in, since a step takes milliseconds to simulate
 * and a search asks for thousands of values: for each row
 *
 *   e(x) = log(simulated / published) at the centre
 *          + sum over constants k of d_k(t_k)
 *
 * where d_k, piecewise linear, goes through simulations in which constant k
 * alone is off the centre, and t is the place of a value between the logarithms
 * of its bounds.  Exact along each constant at the points; effects of constants
 * on each other are left out, and so the centre moves and the points close in
 * on it (calibrate_search.c), each centre being simulated.
 *
 *   loss = mean over sources of the mean (or median) of |e| over its rows
 *
 * The descent is along one constant at a time, on a grid of the whole range,
 * then along pairs of them, since |e| has edges.
 */
#include <math.h>
#include <string.h>

#include "calibrate.h"

enum { GRID = 256, SWEEPS = 40 };

double lh__constant_at(const struct lh_constant *k, double t)
{
    double value = k->low * pow(k->high / k->low, t);
    double digit = pow(10, floor(log10(value)) - 3);
    value = round(value / digit) * digit; /* to four digits */
    return fmin(fmax(value, k->low), k->high);
}

double lh__constant_place(const struct lh_constant *k, double value)
{
    return log(value / k->low) / log(k->high / k->low);
}

/* ---- the tables -----------------------------------------------------------
 */

void lh__surrogate_begin(struct lh__surrogate *s, struct lh__fit *fit)
{
    size_t n = (size_t)fit->c->n_constants, rows = (size_t)fit->n_rows;
    struct lh_arena *arena = fit->ctx->arena;
    *s = (struct lh__surrogate){
        .fit = fit,
        .centre = LH_NEW(arena, double, rows),
        .n_points = LH_NEW(arena, int, n),
        .t = LH_NEW(arena, double, n *LH__POINTS),
        .d = LH_NEW(arena, double, n *LH__POINTS *rows),
        .sum = LH_NEW(arena, double, rows),
        .others = LH_NEW(arena, double, rows),
        .scratch = LH_NEW(arena, double, rows),
    };
}

static double *t_of(const struct lh__surrogate *s, int k)
{
    return s->t + (size_t)k * LH__POINTS;
}

static double *d_of(const struct lh__surrogate *s, int k, int point)
{
    return s->d
           + ((size_t)k * LH__POINTS + (size_t)point) * (size_t)s->fit->n_rows;
}

/* Room for a point, in order; one at the same place is taken. */
static int insert(struct lh__surrogate *s, int k, double t)
{
    int n = s->n_points[k], at = 0;
    double *ts = t_of(s, k);
    while (at < n && ts[at] < t - 1e-9)
        at++;
    if ((at < n && ts[at] < t + 1e-9) || n == LH__POINTS)
        return at < n ? at : n - 1;
    for (int i = n; i > at; i--) {
        ts[i] = ts[i - 1];
        memcpy(d_of(s, k, i), d_of(s, k, i - 1),
               (size_t)s->fit->n_rows * sizeof *s->d);
    }
    ts[at] = t;
    s->n_points[k]++;
    return at;
}

/* Adds d of constant k at t to the rows' e; level outside the points.  Rows
 * that do not use it have d = 0. */
static void add_d(double *e, const struct lh__surrogate *s, int k, double t)
{
    const double *ts = t_of(s, k);
    int n = s->n_points[k], at = 1;
    if (n == 0)
        return;
    while (at < n - 1 && ts[at] < t)
        at++;
    const double *low = d_of(s, k, n == 1 ? 0 : at - 1);
    const double *high = d_of(s, k, n == 1 ? 0 : at);
    double part = n == 1 ? 0 : (t - ts[at - 1]) / (ts[at] - ts[at - 1]);
    part = fmin(fmax(part, 0), 1);
    for (int i = 0; i < s->fit->n_rows; i++)
        e[i] += (1 - part) * low[i] + part * high[i];
}

/* A row that is refused off the centre is far off. */
static double log_error(const struct lh__fit *fit, int row)
{
    double value = lh__fit_value(fit, &fit->rows[row]);
    return isfinite(value) ? log(value / fit->rows[row].row->published) : 10;
}

enum lh_status lh__surrogate_centre(struct lh__surrogate *s)
{
    struct lh__fit *fit = s->fit;
    enum lh_status st = lh__fit_evaluate(fit, -1, -1);
    if (st != LH_OK)
        return st;
    for (int k = 0; k < fit->c->n_constants; k++) {
        double t = lh__constant_place(&fit->c->constants[k], fit->x[k]);
        memset(s->scratch, 0, (size_t)fit->n_rows * sizeof *s->scratch);
        add_d(s->scratch, s, k, t);
        int at = insert(s, k, t);
        memcpy(d_of(s, k, at), s->scratch,
               (size_t)fit->n_rows * sizeof *s->scratch);
        for (int p = 0; p < s->n_points[k]; p++) {
            for (int i = 0; i < fit->n_rows; i++)
                d_of(s, k, p)[i] -= s->scratch[i];
        }
    }
    for (int i = 0; i < fit->n_rows; i++)
        s->centre[i] = log_error(fit, i);
    return LH_OK;
}

enum lh_status lh__surrogate_point(struct lh__surrogate *s, int k, double t)
{
    struct lh__fit *fit = s->fit;
    const struct lh_constant *constant = &fit->c->constants[k];
    double was = fit->x[k];
    if (t < 0 || t > 1)
        return LH_OK;
    fit->x[k] = lh__constant_at(constant, t);
    enum lh_status st = lh__fit_evaluate(fit, -1, k);
    if (st == LH_OK && fit->x[k] != was) {
        int at = insert(s, k, lh__constant_place(constant, fit->x[k]));
        for (int i = 0; i < fit->n_rows; i++)
            d_of(s, k, at)[i] =
                fit->rows[i].uses[k] ? log_error(fit, i) - s->centre[i] : 0;
    }
    fit->x[k] = was;
    return st;
}

/* ---- the loss -------------------------------------------------------------
 */

double lh__loss(const struct lh__fit *fit, const double *e, double *scratch)
{
    double sum = 0;
    int n_sources = 0;
    for (int i = 0; i < fit->n_rows;) { /* rows of a source are together */
        int source = fit->rows[i].source, n = 0;
        double all = 0;
        for (; i < fit->n_rows && fit->rows[i].source == source; i++) {
            scratch[n] = fabs(e[i]);
            all += scratch[n++];
        }
        if (source == fit->left_out)
            continue;
        sum += fit->c->median ? lh__median(scratch, n) : all / n;
        n_sources++;
    }
    return n_sources > 0 ? sum / n_sources : 0;
}

/* The rows' e at t without what constant `but` adds (-1: all). */
static void put_e(double *e, const struct lh__surrogate *s, const double *t,
                  int but)
{
    memcpy(e, s->centre, (size_t)s->fit->n_rows * sizeof *e);
    for (int k = 0; k < s->fit->c->n_constants; k++) {
        if (k != but)
            add_d(e, s, k, t[k]);
    }
}

static double loss_at(struct lh__surrogate *s, const double *t)
{
    put_e(s->sum, s, t, -1);
    return lh__loss(s->fit, s->sum, s->scratch);
}

/* ---- the descent ----------------------------------------------------------
 */

/* The best place of constant k on the grid, the others as they are. */
static void along_one(struct lh__surrogate *s, double *t, int k, double centre,
                      double radius, double *loss)
{
    size_t bytes = (size_t)s->fit->n_rows * sizeof *s->sum;
    put_e(s->others, s, t, k);
    for (int j = 0; j <= GRID; j++) {
        double to = (double)j / GRID;
        if (fabs(to - centre) > radius)
            continue;
        memcpy(s->sum, s->others, bytes);
        add_d(s->sum, s, k, to);
        double found = lh__loss(s->fit, s->sum, s->scratch);
        if (found < *loss - 1e-9) {
            *loss = found;
            t[k] = to;
        }
    }
}

static bool take_if_better(struct lh__surrogate *s, double *t, int k, double to,
                           double *loss)
{
    double was = t[k];
    if (to < 0 || to > 1)
        return false;
    t[k] = to;
    double found = loss_at(s, t);
    if (found < *loss - 1e-9) {
        *loss = found;
        return true;
    }
    t[k] = was;
    return false;
}

static bool along_pair(struct lh__surrogate *s, double *t, const int pair[2],
                       double step, double *loss)
{
    bool moved = false;
    for (int sign = -1; sign <= 1; sign += 2) {
        double was = t[pair[0]], to = was + step;
        if (to < 0 || to > 1)
            continue;
        t[pair[0]] = to;
        if (take_if_better(s, t, pair[1], t[pair[1]] + sign * step, loss))
            moved = true;
        else
            t[pair[0]] = was;
    }
    return moved;
}

static bool along_pairs(struct lh__surrogate *s, double *t, const bool *free,
                        double *loss)
{
    bool moved = false;
    for (int a = 0; a < s->fit->c->n_constants; a++) {
        for (int b = 0; b < s->fit->c->n_constants; b++) {
            if (a == b || !free[a] || !free[b])
                continue;
            for (int step = 4; step <= GRID; step *= 4) {
                moved |= along_pair(s, t, (int[]){a, b}, 1.0 / step, loss);
                moved |= along_pair(s, t, (int[]){a, b}, -1.0 / step, loss);
            }
        }
    }
    return moved;
}

double lh__surrogate_descend(struct lh__surrogate *s, double *t,
                             const bool *free, double radius)
{
    int n = s->fit->c->n_constants;
    struct lh_arena *arena = lh_arena_new();
    double *centre = LH_NEW(arena, double, (size_t)n);
    double loss = loss_at(s, t), before = INFINITY;
    memcpy(centre, t, (size_t)n * sizeof *t);
    for (int sweep = 0; sweep < SWEEPS && loss < before; sweep++) {
        before = loss;
        for (int k = 0; k < n; k++) {
            if (free[k])
                along_one(s, t, k, centre[k], radius, &loss);
        }
        if (radius >= 1)
            along_pairs(s, t, free, &loss);
    }
    lh_arena_free(arena);
    return loss;
}
