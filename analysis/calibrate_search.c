/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The search of a calibration: one constant after the other, over and over.
 *
 *   loss = mean over sources of the mean (or median) over a source's rows of
 *          |log(simulated / published)|
 *
 * The absolute value makes it robust against single rows; every source weighs
 * the same.  Values lie at t in [0, 1] between the logarithms of the bounds.
 * The first sweep looks at nine values of t; every sweep then goes up and down
 * by steps that are halved.  Values are rounded to four digits, and often the
 * same in fits without a source: what is known is used again
 * (calibrate_rows.c).
 * Leaves out: the curvature, and so error bars; constants that trade off
 * against each other (two that all rows use alike) are not told apart.
 */
#include <math.h>
#include <stdlib.h>

#include "calibrate.h"

enum { SCAN = 8, SWEEPS = 5 };
static const double after_scan = 1.0 / 16, without_scan = 1.0 / 64,
                    least_step = 1.0 / 256, least_gain = 1e-4;

/* ---- the loss -------------------------------------------------------------
 */

/* Of the rows of a source; false: it has none. */
static bool source_loss(double *out, const struct lh__fit *fit, int source,
                        double *errors)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < fit->n_rows; i++) {
        const struct lh__fit_row *row = &fit->rows[i];
        if (row->source != source)
            continue;
        double value = lh__fit_value(fit, row);
        errors[n] =
            isfinite(value) ? fabs(log(value / row->row->published)) : INFINITY;
        sum += errors[n++];
    }
    if (n > 0)
        *out = fit->c->median ? lh__median(errors, n) : sum / n;
    return n > 0;
}

enum lh_status lh__fit_loss(double *loss, struct lh__fit *fit)
{
    enum lh_status st = lh__fit_evaluate(fit, -1, -1);
    if (st != LH_OK)
        return st;
    struct lh_arena *arena = lh_arena_new();
    double *errors = LH_NEW(arena, double, (size_t)fit->n_rows);
    double sum = 0, one = 0;
    int n = 0;
    for (int i = 0; i < fit->c->n_sources; i++) {
        if (i != fit->left_out && source_loss(&one, fit, i, errors)) {
            sum += one;
            n++;
        }
    }
    lh_arena_free(arena);
    *loss = n > 0 ? sum / n : 0;
    return LH_OK;
}

/* ---- the search -----------------------------------------------------------
 */

/* To four digits, inside the bounds. */
static double value_at(const struct lh_constant *k, double t)
{
    char text[32];
    double value = k->low * pow(k->high / k->low, t);
    snprintf(text, sizeof text, "%.4g", value);
    return fmin(fmax(strtod(text, NULL), k->low), k->high);
}

static double place_of(const struct lh_constant *k, double value)
{
    return log(value / k->low) / log(k->high / k->low);
}

/* Takes the value at t if it is better. */
static enum lh_status try_value(double *loss, struct lh__fit *fit, int k,
                                double t)
{
    double was = fit->x[k], found = 0;
    if (t < 0 || t > 1)
        return LH_OK;
    fit->x[k] = value_at(&fit->c->constants[k], t);
    enum lh_status st = lh__fit_loss(&found, fit);
    if (st == LH_OK && found < *loss - 1e-12)
        *loss = found;
    else
        fit->x[k] = was;
    return st;
}

static enum lh_status sweep_constant(double *loss, struct lh__fit *fit, int k,
                                     bool scan)
{
    const struct lh_constant *constant = &fit->c->constants[k];
    enum lh_status st = LH_OK;
    for (int j = 0; j <= SCAN && scan && st == LH_OK; j++)
        st = try_value(loss, fit, k, (double)j / SCAN);
    for (double step = scan ? after_scan : without_scan;
         step >= least_step && st == LH_OK; step /= 2) {
        double before = *loss, t = place_of(constant, fit->x[k]);
        st = try_value(loss, fit, k, t - step);
        if (st == LH_OK && *loss == before)
            st = try_value(loss, fit, k, t + step);
    }
    return st;
}

/* Does a row that is not left out use it? */
static bool is_determined(const struct lh__fit *fit, int k)
{
    for (int i = 0; i < fit->n_rows; i++) {
        if (fit->rows[i].source != fit->left_out && fit->rows[i].uses[k])
            return true;
    }
    return false;
}

enum lh_status lh__fit_search(double *loss, struct lh__fit *fit)
{
    for (int k = 0; k < fit->c->n_constants; k++) {
        if (fit->left_out >= 0 && !is_determined(fit, k))
            fit->x[k] = value_at(&fit->c->constants[k], 0.5);
    }
    enum lh_status st = lh__fit_loss(loss, fit);
    double before = INFINITY;
    for (int sweep = 0;
         sweep < SWEEPS && st == LH_OK && *loss < before - least_gain;
         sweep++) {
        before = *loss;
        for (int k = 0; k < fit->c->n_constants && st == LH_OK; k++) {
            if (is_determined(fit, k))
                st = sweep_constant(loss, fit, k, sweep == 0);
        }
    }
    return st;
}
