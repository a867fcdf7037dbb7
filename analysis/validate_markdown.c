/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/validation.md: a validation as a document, made by `make validate`.
 *
 * Place in the pipeline: after lh_validation_run().  Assumptions are the
 * comments of the files of rows.
 */
#include <math.h>
#include <string.h>

#include "validate.h"

static void put_cell(struct lh_text *out, const char *text)
{
    for (; *text; text++)
        lh_text_printf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void put_share(struct lh_text *out, double frac, const char *format)
{
    if (isfinite(frac))
        lh_text_printf(out, format, 100 * frac);
    else
        lh_text_add(out, "–");
}

static void totals_row(struct lh_text *out, const char *name,
                       const struct lh_validation_totals *t)
{
    lh_text_printf(out, "| %s | %d | %d | ", name, t->n_rows, t->n_compared);
    put_share(out, t->median_abs_error, "%.1f %%");
    lh_text_add(out, " | ");
    put_share(out, t->within_10_frac, "%.0f %%");
    lh_text_printf(out, " | %d |\n", t->n_unsupported);
}

static bool is_training(const struct lh_validation_source *source)
{
    return source->totals.n_rows > 0;
}

static void put_totals(struct lh_text *out, const struct lh_validation *v)
{
    lh_text_add(out, "| source | rows | compared | median error | within "
                     "10 % | unsupported |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < v->n_sources; i++) {
        const char *name = v->sources[i].name;
        if (is_training(&v->sources[i]))
            totals_row(out, lh_format(out->arena, "[%s](#%s)", name, name),
                       &v->sources[i].totals);
    }
    totals_row(out, "**all**", &v->totals);
    lh_text_add(out, "\nMedian of the sources' medians: ");
    put_share(out, v->median_of_medians, "%.1f %%");
    lh_text_add(out, ".\n\n");
}

static void busbw_row(struct lh_text *out, const char *name,
                      const struct lh_busbw_totals *t)
{
    lh_text_printf(out, "| %s | %d | %d | ", name, t->n_rows, t->n_large);
    put_share(out, t->median_large, "%.1f %%");
    lh_text_printf(out, " | %d | ", t->n_middle);
    put_share(out, t->median_middle, "%.1f %%");
    lh_text_add(out, " |\n");
}

static void put_busbw(struct lh_text *out, const struct lh_validation *v)
{
    if (v->totals.busbw.n_rows == 0)
        return;
    lh_text_add(out, "| bus bandwidth | rows | from 8 MiB | median error | 0.5 "
                     "to 8 MiB | median error |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < v->n_sources; i++) {
        const char *name = v->sources[i].name;
        if (v->sources[i].totals.busbw.n_rows > 0)
            busbw_row(out, lh_format(out->arena, "[%s](#%s)", name, name),
                      &v->sources[i].totals.busbw);
    }
    busbw_row(out, "**all**", &v->totals.busbw);
    lh_text_add(out, "\n");
}

static void put_figure(struct lh_text *out, const char *figure,
                       const char *unit)
{
    lh_text_printf(out, "%s%s%s | ", figure, *unit ? " " : "", unit);
}

static void put_row(struct lh_text *out, const struct lh_validation_row *row)
{
    const char *unit = lh__row_unit(row);
    lh_text_add(out, "| ");
    put_cell(out, row->name);
    lh_text_printf(out, " | %s%s%s | ", row->quantity,
                   *row->convention ? ", " : "", row->convention);
    put_figure(out, row->published_text, unit);
    if (row->unsupported) {
        lh_text_add(out, "unsupported: ");
        put_cell(out, row->unsupported);
        lh_text_add(out, " | | ");
    } else {
        put_figure(out, lh__figure(out->arena, row->simulated), unit);
        lh_text_printf(out, "%s | ", lh__percent(out->arena, row->error));
    }
    lh_text_printf(out, "%s%s",
                   row->unsupported || row->fits ? "" : "does not fit; ",
                   lh__row_is_judged(row) ? ""
                   : *row->note           ? "does not count: "
                                          : "does not count");
    put_cell(out, row->note);
    lh_text_add(out, " |\n");
}

static const struct lh_validation_row *
find_row(const struct lh_validation_source *source, const char *name)
{
    for (int i = 0; i < source->n_rows; i++) {
        if (strcmp(source->rows[i].name, name) == 0)
            return &source->rows[i];
    }
    return NULL;
}

static void put_ablation(struct lh_text *out,
                         const struct lh_validation_source *source,
                         const struct lh_validation_row *row)
{
    const struct lh_validation_row *of = find_row(source, row->ablates);
    lh_text_add(out, "| ");
    put_cell(out, row->ablates);
    lh_text_add(out, " | ");
    put_cell(out, *row->note ? row->note : row->name);
    lh_text_printf(out, " | %s | ", lh__percent(out->arena, of->error));
    if (row->unsupported) {
        lh_text_add(out, "unsupported: ");
        put_cell(out, row->unsupported);
    } else {
        lh_text_add(out, lh__percent(out->arena, row->error));
    }
    lh_text_add(out, " |\n");
}

/* The same rows with one assumption changed. */
static void put_ablations(struct lh_text *out,
                          const struct lh_validation_source *source)
{
    int n = 0;
    for (int i = 0; i < source->n_rows; i++) {
        if (*source->rows[i].ablates == '\0')
            continue;
        if (n++ == 0)
            lh_text_add(out, "Ablation: the same with one assumption "
                             "changed.\n\n| row | changed | error | then "
                             "|\n|---|---|---|---|\n");
        put_ablation(out, source, &source->rows[i]);
    }
    lh_text_add(out, n > 0 ? "\n" : "");
}

static void put_source(struct lh_text *out,
                       const struct lh_validation_source *source)
{
    lh_text_printf(out, "## %s\n\n%s\n\n", source->name, source->title);
    if (*source->remarks)
        lh_text_printf(out, "%s\n\n", source->remarks);
    lh_text_add(out, "| row | quantity | published | simulated | error | note "
                     "|\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < source->n_rows; i++) {
        if (*source->rows[i].ablates == '\0')
            put_row(out, &source->rows[i]);
    }
    lh_text_add(out, "\n");
    put_ablations(out, source);
}

void lh__validation_markdown(struct lh_text *out, const struct lh_validation *v)
{
    const struct lh_choice *choice;
    lh_text_add(out, lh__markdown_intro);
    put_totals(out, v);
    put_busbw(out, v);
    lh__rl_markdown(out, v);
    if (v->calibrated)
        lh__markdown_calibrated(out, v);
    for (int i = 0; i < v->n_sources; i++)
        put_source(out, &v->sources[i]);
    lh_text_add(out, lh__markdown_own_rows);
    for (int i = 0; (choice = lh_quantity_at(i)) != NULL; i++)
        lh_text_printf(out, "| `%s` | %s |\n", choice->name, choice->help);
}
