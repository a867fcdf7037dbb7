/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of the step in the report: the breakdown of the scenario, of the
 * same accelerators in one site, and of variants, as stacked bars on one scale.
 * Definitions: docs/model.md, "The result".
 */
#include <math.h>

#include "report.h"

struct rows {
    int n;
    struct lh_report_bar *of;
};

static struct rows rows_of(struct lh__page *p)
{
    const struct lh_report_page *in = p->in;
    struct rows rows = {
        .of = LH_NEW(p->arena, struct lh_report_bar, in->n_bars + 2)};

    rows.of[rows.n++] =
        (struct lh_report_bar){.title = in->title ? in->title
                                        : in->report->one_site || in->n_bars > 0
                                            ? "as it stands"
                                            : in->report->scenario->name,
                               .result = in->report->result};
    if (in->report->one_site != NULL)
        rows.of[rows.n++] = (struct lh_report_bar){
            .title = "all in one site", .result = in->report->one_site};
    for (int i = 0; i < in->n_bars; i++)
        rows.of[rows.n++] = in->bars[i];
    return rows;
}

static bool is_used(const struct rows *rows, int category)
{
    for (int i = 0; i < rows->n; i++) {
        if (rows->of[i].result->breakdown_s[category] > 0)
            return true;
    }
    return false;
}

static void put_legend(struct lh__page *p, const struct rows *rows)
{
    lh__legend_begin(p);
    for (int i = 0; i < LH_CATEGORIES; i++) {
        enum lh_category category = (enum lh_category)i;
        if (is_used(rows, i))
            lh__legend_item(p, lh__category_class(category),
                            lh__category_label(category));
    }
    lh__legend_end(p);
}

static struct lh__bar bar_of(struct lh__page *p, const struct rows *rows, int i)
{
    const struct lh_result *r = rows->of[i].result;
    struct lh__part *parts = LH_NEW(p->arena, struct lh__part, LH_CATEGORIES);
    double first_s = rows->of[0].result->step_time_s;

    for (int k = 0; k < LH_CATEGORIES; k++) {
        enum lh_category category = (enum lh_category)k;
        parts[k] =
            (struct lh__part){r->breakdown_s[k], lh__category_class(category),
                              lh__category_label(category)};
    }
    return (struct lh__bar){
        .label = rows->of[i].title,
        .n = LH_CATEGORIES,
        .parts = parts,
        .mark = NAN,
        .strong = i == 0,
        .figure =
            i == 0
                ? lh__seconds(p->arena, r->step_time_s)
                : lh_format(
                    p->arena, "%s (%s)", lh__seconds(p->arena, r->step_time_s),
                    lh__change_text(p->arena, r->step_time_s / first_s - 1))};
}

static void put_table(struct lh__page *p, const struct rows *rows)
{
    const char **cells = LH_NEW(p->arena, const char *, rows->n + 1);

    cells[0] = "part";
    for (int i = 0; i < rows->n; i++)
        cells[i + 1] = rows->of[i].title;
    lh__table_begin(p, cells, rows->n + 1);
    for (int k = 0; k < LH_CATEGORIES; k++) {
        if (!is_used(rows, k))
            continue;
        cells[0] = lh__category_label((enum lh_category)k);
        for (int i = 0; i < rows->n; i++)
            cells[i + 1] =
                lh__seconds(p->arena, rows->of[i].result->breakdown_s[k]);
        lh__table_row(p, cells, rows->n + 1);
    }
    cells[0] = "step";
    for (int i = 0; i < rows->n; i++)
        cells[i + 1] = lh__seconds(p->arena, rows->of[i].result->step_time_s);
    lh__table_row(p, cells, rows->n + 1);
    lh__table_end(p);
}

void lh__report_parts(struct lh__page *p)
{
    struct rows rows = rows_of(p);
    struct lh__bar *bars = LH_NEW(p->arena, struct lh__bar, rows.n);
    double most = 0;

    for (int i = 0; i < rows.n; i++) {
        bars[i] = bar_of(p, &rows, i);
        most = fmax(most, rows.of[i].result->step_time_s);
    }
    lh__section_begin(p, "parts",
                      p->in->report->rl != NULL
                          ? "Parts of the trainer's optimizer step"
                          : "Parts of a step",
                      "Mean over all accelerators; of communication only what "
                      "computing does not hide.");
    put_legend(p, &rows);
    lh__bars(p, "Parts of a step as stacked bars", bars, rows.n, most);
    for (int i = 0; i < p->in->n_notes; i++) {
        lh_text_add(p->out, "<p>");
        lh__escaped(p->out, lh__sentence(p->arena, p->in->notes[i]));
        lh_text_add(p->out, "</p>\n");
    }
    put_table(p, &rows);
    lh__section_end(p);
}
