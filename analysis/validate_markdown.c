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

static const char intro[] =
    "# Validation\n\n"
    "Made by `make validate` (`longhaul validate -o markdown`); do not "
    "edit.\n\n"
    "Published runs, simulated.  An error is simulated / published - 1 in the "
    "quantity that was published: of a time, positive is slower than "
    "measured; of a rate, faster ([definitions](model.md#validation)).  Rows "
    "that do not count are left out of medians and shares: they repeat "
    "another row or measure something else; their note says which.  What this "
    "version refuses stands here with its reason.\n\n"
    "![Step times, simulated over published](validation.svg)\n\n";

static const char own_rows[] =
    "## Your own rows\n\n"
    "`longhaul validate FILE.csv...` takes files of the form of "
    "`validation/rows/*.csv`: a header row, and a published figure a row.\n\n"
    "| column | holds |\n|---|---|\n"
    "| `row` | its name |\n"
    "| `quantity` | what is published, see below |\n"
    "| `published` | the figure |\n"
    "| `unit` | its unit; empty: the first of its quantity's |\n"
    "| `convention` | how `tflops_per_gpu` counts FLOPs: `model` (without "
    "recomputation), `hardware` (with what the plan recomputes), "
    "`megatron-sc21` (equation 3 of arXiv:2104.04473: every layer's forward "
    "pass twice) |\n"
    "| `counts` | `true` (default) or `false`: in medians and shares |\n"
    "| `confidence`, `note` | texts |\n"
    "| `scenario` | the base scenario, in the file's folder; without it the "
    "file's own name with `.yaml` |\n"
    "| any key | `plan.tensor`, `sites[0].gpus`, ...: set in the base "
    "scenario as `--set` does; an empty cell sets nothing |\n\n"
    "Lines that begin with `#` before the header are the citation (the first "
    "paragraph) and what was assumed (the others).  A row that the program "
    "refuses is listed with the reason, with exit status 0; a file at fault "
    "ends with `file:line:col: error:` and 2.\n\n"
    "| quantity | meaning |\n|---|---|\n";

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

static void put_totals(struct lh_text *out, const struct lh_validation *v)
{
    lh_text_add(out, "| source | rows | compared | median error | within "
                     "10 % | unsupported |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < v->n_sources; i++) {
        const char *name = v->sources[i].name;
        totals_row(out, lh_format(out->arena, "[%s](#%s)", name, name),
                   &v->sources[i].totals);
    }
    totals_row(out, "**all**", &v->totals);
    lh_text_add(out, "\nMedian of the sources' medians: ");
    put_share(out, v->median_of_medians, "%.1f %%");
    lh_text_add(out, ".\n\n");
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
                   row->counts ? "" : "does not count: ");
    put_cell(out, row->note);
    lh_text_add(out, " |\n");
}

static void put_source(struct lh_text *out,
                       const struct lh_validation_source *source)
{
    lh_text_printf(out, "## %s\n\n%s\n\n", source->name, source->title);
    if (*source->remarks)
        lh_text_printf(out, "%s\n\n", source->remarks);
    lh_text_add(out, "| row | quantity | published | simulated | error | note "
                     "|\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < source->n_rows; i++)
        put_row(out, &source->rows[i]);
    lh_text_add(out, "\n");
}

void lh__validation_markdown(struct lh_text *out, const struct lh_validation *v)
{
    const struct lh_choice *choice;
    lh_text_add(out, intro);
    put_totals(out, v);
    for (int i = 0; i < v->n_sources; i++)
        put_source(out, &v->sources[i]);
    lh_text_add(out, own_rows);
    for (int i = 0; (choice = lh_quantity_at(i)) != NULL; i++)
        lh_text_printf(out, "| `%s` | %s |\n", choice->name, choice->help);
}
