/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * data/validated.csv: the error of each family of training rows (family.c),
 * made by `make validate`, read by every `longhaul run`.
 *
 * Place in the pipeline: after lh_validation_run().  Rows that do not count or
 * were refused are left out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "validate.h"

struct entry {
    const char *family;
    double error;
};

static int by_family(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->family, y->family);
}

static struct entry *collect(int *n, const struct lh_validation *v,
                             struct lh_arena *arena)
{
    struct entry *all =
        LH_NEW(arena, struct entry, (size_t)v->totals.n_compared);
    *n = 0;
    for (int i = 0; i < v->n_sources; i++) {
        for (int k = 0; k < v->sources[i].n_rows; k++) {
            const struct lh_validation_row *row = &v->sources[i].rows[k];
            if (row->counts && !row->unsupported)
                all[(*n)++] = (struct entry){row->family, fabs(row->error)};
        }
    }
    qsort(all, (size_t)*n, sizeof *all, by_family);
    return all;
}

static void put_family(struct lh_text *out, const struct entry *entries, int n)
{
    double *errors = LH_NEW(out->arena, double, (size_t)n);
    int within = 0;
    for (int i = 0; i < n; i++) {
        errors[i] = entries[i].error;
        within += errors[i] <= 0.1;
    }
    lh_text_printf(out, "%s,%d,%.3f,%.3f\n", entries[0].family, n,
                   lh__median(errors, n), (double)within / n);
}

void lh__validation_families(struct lh_text *out, const struct lh_validation *v)
{
    int n, end;
    struct entry *all = collect(&n, v, out->arena);
    lh_text_add(out,
                "# Made by `make validate` (longhaul validate -o families); do "
                "not edit.\n"
                "# The error of the training rows of validation/rows by device "
                "and parallelism.\n"
                "family,rows,median_abs_error,within_10_percent\n");
    for (int i = 0; i < n; i = end) {
        for (end = i; end < n && by_family(&all[i], &all[end]) == 0;)
            end++;
        put_family(out, all + i, end - i);
    }
}
