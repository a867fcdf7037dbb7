/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rows of a calibration, simulated at the values that a search tries.
 *
 * A row depends only on constants of table rows that its scenario names, so
 * what it gave is kept by the values of those: a search that moves one
 * constant simulates few rows, and one that leaves a source out finds most of
 * its values known.
 * Place in the pipeline: between the search and validate.c.
 */
#include <math.h>
#include <string.h>

#include "calibrate.h"

/* ---- which constants a row can use ----------------------------------------
 */

static bool has_row(const struct lh_constant *constant, const char *row)
{
    for (int i = 0; i < constant->n_rows && row; i++) {
        if (strcmp(constant->rows[i], row) == 0)
            return true;
    }
    return false;
}

static bool can_use(const struct lh_scenario *s,
                    const struct lh_constant *constant)
{
    const char *table = constant->table;
    if (strcmp(table, "stacks") == 0)
        return has_row(constant, s->stack.name);
    for (int i = 0; i < s->n_sites; i++) {
        const struct lh_site *site = &s->sites[i];
        if ((strcmp(table, "accelerators") == 0
             && has_row(constant, site->device.name))
            || (strcmp(table, "fabrics") == 0
                && has_row(constant, site->fabric.name))
            || (strcmp(table, "protocols") == 0
                && has_row(constant, site->fabric.library.name)))
            return true;
    }
    return false;
}

/* A row that is refused when read is none to fit to. */
static bool take_row(struct lh__fit_row *out, struct lh__fit *fit,
                     struct lh_validation_row *row)
{
    const struct lh_calibration *c = fit->c;
    struct lh_ctx scratch = lh_ctx_begin();
    struct lh_scenario scenario;
    scratch.data_dir = fit->ctx->data_dir;
    bool readable = lh__row_scenario(&scenario, row, &scratch) == LH_OK;
    if (readable) {
        *out = (struct lh__fit_row){
            .row = row,
            .model = lh_strdup(fit->ctx->arena, scenario.model.name),
            .uses = LH_NEW(fit->ctx->arena, bool, (size_t)c->n_constants)};
        for (int k = 0; k < c->n_constants; k++)
            out->uses[k] = can_use(&scenario, &c->constants[k]);
    }
    lh_ctx_end(&scratch);
    return readable;
}

enum lh_status lh__fit_rows(struct lh__fit *fit, struct lh_validation *v)
{
    size_t n = 0;
    for (int i = 0; i < v->n_sources; i++)
        n += (size_t)v->sources[i].n_rows;
    fit->rows = LH_NEW(fit->ctx->arena, struct lh__fit_row, n);
    for (int i = 0; i < v->n_sources; i++) {
        for (int k = 0; k < v->sources[i].n_rows; k++) {
            struct lh_validation_row *row = &v->sources[i].rows[k];
            struct lh__fit_row *to = &fit->rows[fit->n_rows];
            if (!lh__row_is_judged(row) || !take_row(to, fit, row))
                continue;
            to->source = i;
            fit->n_rows++;
        }
    }
    if (fit->n_rows > 0)
        return LH_OK;
    lh_error(fit->ctx, LH_NOWHERE,
             "there is no row to fit to: none counts, or none can be read");
    return LH_BAD_INPUT;
}

/* ---- what is known --------------------------------------------------------
 */

static bool is_key(const struct lh__fit *fit, const struct lh__fit_row *row,
                   const double *key)
{
    for (int k = 0; k < fit->c->n_constants; k++) {
        if (row->uses[k] && key[k] != fit->x[k])
            return false;
    }
    return true;
}

/* Index at fit->x, from the latest on; -1: not known. */
static int64_t find_known(const struct lh__fit *fit,
                          const struct lh__fit_row *row)
{
    size_t n = (size_t)fit->c->n_constants;
    for (int64_t i = (int64_t)row->n_known - 1; i >= 0; i--) {
        if (is_key(fit, row, row->keys + (size_t)i * n))
            return i;
    }
    return -1;
}

static void keep(struct lh__fit *fit, struct lh__fit_row *row)
{
    size_t n = (size_t)fit->c->n_constants, i = row->n_known++;
    row->keys = lh_grow(fit->ctx->arena, row->keys, &row->keys_capacity,
                        (i + 1) * n, sizeof *row->keys);
    row->known = lh_grow(fit->ctx->arena, row->known, &row->known_capacity,
                         i + 1, sizeof *row->known);
    memcpy(row->keys + i * n, fit->x, n * sizeof *row->keys);
    row->known[i] = row->row->simulated;
}

double lh__fit_value(const struct lh__fit *fit, const struct lh__fit_row *row)
{
    int64_t i = find_known(fit, row);
    return i < 0 ? NAN : row->known[i];
}

/* ---- simulation -----------------------------------------------------------
 */

static bool is_wanted(const struct lh__fit *fit, const struct lh__fit_row *row,
                      int source, int constant)
{
    if (constant >= 0 && !row->uses[constant])
        return false;
    return source >= 0 ? row->source == source : row->source != fit->left_out;
}

enum lh_status lh__fit_evaluate(struct lh__fit *fit, int source, int constant)
{
    struct lh_ctx trial = lh_ctx_begin();
    struct lh_validation_row **rows =
        LH_NEW(trial.arena, struct lh_validation_row *, (size_t)fit->n_rows);
    struct lh__fit_row **to =
        LH_NEW(trial.arena, struct lh__fit_row *, (size_t)fit->n_rows);
    int n = 0;
    for (int i = 0; i < fit->n_rows; i++) {
        struct lh__fit_row *row = &fit->rows[i];
        if (!is_wanted(fit, row, source, constant) || find_known(fit, row) >= 0)
            continue;
        to[n] = row;
        rows[n++] = row->row;
    }
    trial.data_dir = fit->ctx->data_dir;
    lh__constants_override(&trial, fit->c, fit->x, trial.arena);
    enum lh_status st = lh__rows_run(rows, n, fit->c->jobs, &trial);
    if (st != LH_OK)
        lh_error(fit->ctx, LH_NOWHERE, "calibration stopped: %s",
                 lh_diag_at(&trial, 0)->text);
    for (int i = 0; i < n && st == LH_OK; i++)
        keep(fit, to[i]);
    for (int i = 0; i < n; i++) /* texts of the trial's arena */
        rows[i]->unsupported = rows[i]->model = rows[i]->family = NULL;
    fit->c->simulations += n;
    lh_ctx_end(&trial);
    return st;
}

double lh__fit_source_median(const struct lh__fit *fit, int source)
{
    struct lh_arena *arena = lh_arena_new();
    double *errors = LH_NEW(arena, double, (size_t)fit->n_rows);
    int n = 0;
    for (int i = 0; i < fit->n_rows; i++) {
        const struct lh__fit_row *row = &fit->rows[i];
        double value = lh__fit_value(fit, row);
        if (row->source == source && isfinite(value))
            errors[n++] = fabs(value / row->row->published - 1);
    }
    double median = lh__median(errors, n);
    lh_arena_free(arena);
    return median;
}
