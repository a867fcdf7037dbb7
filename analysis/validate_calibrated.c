/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What `longhaul validate` says of the fitted constants: how many there are,
 * how many rows there are to each, how many rows and models use each, and the
 * error of each source when everything is fitted without it.  From
 * data/calibrated.csv, which `make calibration` makes (`longhaul calibrate
 * --leave-one-out -o csv`).
 *
 * Place in the pipeline: after lh_validation_run().
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "validate.h"

static const char *cell(const struct lh_validation *v, int row,
                        const char *column)
{
    int at = lh_csv_column(v->calibrated, column);
    return at < 0 ? "" : lh_csv_cell(v->calibrated, row, at);
}

static bool is_kind(const struct lh_validation *v, int row, const char *kind)
{
    return strcmp(cell(v, row, "kind"), kind) == 0;
}

static int count_kind(const struct lh_validation *v, const char *kind)
{
    int n = 0;
    for (int i = 0; i < v->calibrated->n_rows; i++)
        n += is_kind(v, i, kind);
    return n;
}

/* NAN where the cell is empty. */
static double share(const struct lh_validation *v, int row, const char *column)
{
    const char *text = cell(v, row, column);
    return *text != '\0' ? strtod(text, NULL) : NAN;
}

static double median_of(const struct lh_validation *v, const char *column,
                        struct lh_arena *arena)
{
    double *values = LH_NEW(arena, double, (size_t)v->calibrated->n_rows);
    int n = 0;
    for (int i = 0; i < v->calibrated->n_rows; i++) {
        double value = share(v, i, column);
        if (is_kind(v, i, "source") && isfinite(value))
            values[n++] = value;
    }
    return lh__median(values, n);
}

static void put_percent(struct lh_text *out, const char *format, double frac)
{
    lh_text_printf(out, format,
                   isfinite(frac) ? lh_format(out->arena, "%.1f %%", 100 * frac)
                                  : "–");
}

/* ---- text -----------------------------------------------------------------
 */

void lh__text_calibrated(struct lh_text *out, const struct lh_validation *v)
{
    int n = count_kind(v, "constant");
    if (n == 0)
        return;
    lh_text_printf(
        out,
        "%d constants fitted to training rows (data/fitted.csv), %.0f rows "
        "to each; "
        "rows and models that use it:\n",
        n, (double)v->totals.n_compared / n);
    for (int i = 0; i < v->calibrated->n_rows; i++) {
        if (is_kind(v, i, "constant"))
            lh_text_printf(out, "  %5s %3s  %s\n", cell(v, i, "rows"),
                           cell(v, i, "models"), cell(v, i, "name"));
    }
    put_percent(out, "fitted without a source, its median error: %s (median)\n",
                median_of(v, "left_out", out->arena));
}

/* ---- the document ---------------------------------------------------------
 */

static void put_constants(struct lh_text *out, const struct lh_validation *v)
{
    lh_text_printf(
        out,
        "## Fitted constants\n\n"
        "%d are fitted to training rows, of which %.0f count to each; a few "
        "more "
        "to bus bandwidth (`data/fitted.csv`); all others are measured, "
        "published "
        "or assumed (the `source` of the row in `data/`).  A row uses a "
        "constant that moves it by more than 1e-6 when changed by 1 %%.  "
        "Refitted is what `longhaul calibrate` finds with all sources, each "
        "of the same weight; what is in the tables is fitted to what "
        "`data/fitted.csv` says.\n\n"
        "| constant | rows | models | in the table | refitted |\n"
        "|---|---|---|---|---|\n",
        count_kind(v, "constant"),
        (double)v->totals.n_compared / count_kind(v, "constant"));
    for (int i = 0; i < v->calibrated->n_rows; i++) {
        if (is_kind(v, i, "constant"))
            lh_text_printf(out, "| `%s` | %s | %s | %s | %s |\n",
                           cell(v, i, "name"), cell(v, i, "rows"),
                           cell(v, i, "models"), cell(v, i, "before"),
                           cell(v, i, "after"));
    }
    lh_text_add(out, "\n");
}

static void put_left_out(struct lh_text *out, const struct lh_validation *v)
{
    static const char *const columns[] = {"before", "after", "left_out"};
    lh_text_add(out,
                "Leave one source out (`make calibration`): the median error "
                "of a source with the tables as they are, with all constants "
                "refitted, and with them refitted without it.\n\n"
                "| source | rows | tables | refitted | without it |\n"
                "|---|---|---|---|---|\n");
    for (int i = 0; i < v->calibrated->n_rows; i++) {
        if (!is_kind(v, i, "source"))
            continue;
        lh_text_printf(out, "| %s | %s |", cell(v, i, "name"),
                       cell(v, i, "rows"));
        for (int k = 0; k < 3; k++)
            put_percent(out, " %s |", share(v, i, columns[k]));
        lh_text_add(out, "\n");
    }
    lh_text_add(out, "| **median** | |");
    for (int k = 0; k < 3; k++)
        put_percent(out, " %s |", median_of(v, columns[k], out->arena));
    lh_text_add(out, "\n\n");
}

void lh__markdown_calibrated(struct lh_text *out, const struct lh_validation *v)
{
    if (count_kind(v, "constant") > 0)
        put_constants(out, v);
    if (count_kind(v, "source") > 0)
        put_left_out(out, v);
}
