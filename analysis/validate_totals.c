/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Totals over validation rows.
 *
 *   median_abs_error  median of |error| over training rows that count
 *   busbw             the same over rows of bus bandwidth, from 8 MiB on and
 *                     from 0.5 to 8 MiB; below that latency is all there is,
 *                     and rows are printed only
 *
 * Place in the pipeline: after the rows are simulated.
 */
#include <math.h>
#include <stdlib.h>

#include "validate.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double lh__median(double *values, int n)
{
    if (n == 0)
        return NAN;
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

bool lh__row_is_judged(const struct lh_validation_row *row)
{
    return row->judged
           && (row->kind != LH_ROW_BUSBW
               || row->size_bytes >= LH_BUSBW_MIDDLE_BYTES);
}

/* Errors by what they are judged with. */
struct errors {
    double *training, *large, *middle;
};

static void add_busbw(struct lh_busbw_totals *t, struct errors *e,
                      const struct lh_validation_row *row)
{
    t->n_rows++;
    if (!lh__row_is_judged(row) || row->unsupported)
        return;
    if (row->size_bytes >= LH_BUSBW_LARGE_BYTES)
        e->large[t->n_large++] = fabs(row->error);
    else
        e->middle[t->n_middle++] = fabs(row->error);
}

static void add_source(struct lh_validation_totals *t, struct errors *e,
                       const struct lh_validation_source *source)
{
    for (int i = 0; i < source->n_rows; i++) {
        const struct lh_validation_row *row = &source->rows[i];
        if (*row->ablates != '\0')
            continue;
        if (row->kind == LH_ROW_BUSBW) {
            add_busbw(&t->busbw, e, row);
            continue;
        }
        if (row->kind == LH_ROW_RL)
            continue;
        t->n_rows++;
        t->n_unsupported += row->unsupported != NULL;
        t->n_counted += row->counts;
        if (row->counts && !row->unsupported)
            e->training[t->n_compared++] = fabs(row->error);
    }
}

void lh__validation_totals(struct lh_validation_totals *out,
                           const struct lh_validation_source *sources, int n,
                           struct lh_arena *arena)
{
    size_t n_rows = 0;
    int within = 0;
    for (int i = 0; i < n; i++)
        n_rows += (size_t)sources[i].n_rows;
    struct errors e = {LH_NEW(arena, double, n_rows),
                       LH_NEW(arena, double, n_rows),
                       LH_NEW(arena, double, n_rows)};
    *out = (struct lh_validation_totals){.n_rows = 0};
    for (int i = 0; i < n; i++)
        add_source(out, &e, &sources[i]);
    for (int i = 0; i < out->n_compared; i++)
        within += e.training[i] <= 0.1;
    out->within_10_frac =
        out->n_compared > 0 ? (double)within / out->n_compared : NAN;
    out->median_abs_error = lh__median(e.training, out->n_compared);
    lh__rl_totals(&out->rl, sources, n, arena);
    out->busbw.median_large = lh__median(e.large, out->busbw.n_large);
    out->busbw.median_middle = lh__median(e.middle, out->busbw.n_middle);
}
