/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How far to trust it: the error of this program against published runs, by
 * family (data/validated.csv, made by `make validate`), that of the run marked.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { ROWS = 14 };

static double cell_number(const struct lh_csv *csv, int row, const char *name)
{
    int column = lh_csv_column(csv, name);

    return column < 0 ? NAN : strtod(lh_csv_cell(csv, row, column), NULL);
}

/* Families on the same device; where it has none, all. */
static int families_near(int *rows, struct lh__page *p, const char *family)
{
    const struct lh_csv *csv = p->families;
    size_t device = strcspn(family, " ") + 1;
    int n = 0;

    for (int i = 0; i < csv->n_rows && n < ROWS; i++) {
        if (strncmp(lh_csv_cell(csv, i, 0), family, device) == 0)
            rows[n++] = i;
    }
    for (int i = 0; n == 0 && i < csv->n_rows && i < ROWS; i++)
        rows[i] = i;
    return n > 0 ? n : (csv->n_rows < ROWS ? csv->n_rows : ROWS);
}

static const char *caption(struct lh__page *p)
{
    const struct lh_family_error *v = p->in->report->validation;
    double step_s = p->in->report->result->step_time_s;

    if (v->n_rows == 0)
        return lh_format(p->arena,
                         "No published run is of this family, %s; the bars are "
                         "the median errors of others.",
                         v->family);
    return lh_format(
        p->arena,
        "Median error of %s against %d published figure%s: %s, which of a step "
        "of %s is %s.",
        v->family, v->n_rows, v->n_rows == 1 ? "" : "s",
        lh__share_text(p->arena, v->median_abs_error),
        lh__seconds(p->arena, step_s),
        lh__seconds(p->arena, v->median_abs_error * step_s));
}

static struct lh__bar family_bar(struct lh__page *p, int row)
{
    const char *name = lh_csv_cell(p->families, row, 0);
    bool own = strcmp(name, p->in->report->validation->family) == 0;
    struct lh__part *part = LH_NEW(p->arena, struct lh__part, 1);

    *part = (struct lh__part){cell_number(p->families, row, "median_abs_error"),
                              own ? "wan" : "recompute", name};
    return (struct lh__bar){.label = name,
                            .figure = lh__share_text(p->arena, part->value),
                            .n = 1,
                            .parts = part,
                            .mark = NAN,
                            .strong = own};
}

void lh__report_validation(struct lh__page *p)
{
    static const char *const heads[] = {"family", "published figures",
                                        "median error", "within 10 %"};
    int rows[ROWS];
    struct lh__bar bars[ROWS];
    double most = 0.1;
    int n;

    if (p->in->report->validation == NULL || p->families->n_rows == 0)
        return;
    n = families_near(rows, p, p->in->report->validation->family);
    for (int i = 0; i < n; i++) {
        bars[i] = family_bar(p, rows[i]);
        most = fmax(most, bars[i].parts[0].value);
    }
    lh__section_begin(p, "validation", "Validation", caption(p));
    lh__bars(p, "Median error against published runs by family", bars, n, most);
    lh__table_begin(p, heads, 4);
    for (int i = 0; i < n; i++) {
        int column = lh_csv_column(p->families, "rows");
        const char *cells[] = {
            bars[i].label,
            column < 0 ? "" : lh_csv_cell(p->families, rows[i], column),
            bars[i].figure,
            lh__share_text(p->arena, cell_number(p->families, rows[i],
                                                 "within_10_percent"))};
        lh__table_row(p, cells, 4);
    }
    lh__table_end(p);
    lh__section_end(p);
}
