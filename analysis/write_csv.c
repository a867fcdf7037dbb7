/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The result as CSV: a header row and one row, to stack many runs.
 *
 * Place in the pipeline: the last stage, for spreadsheets and data frames.
 * Fields are quoted as RFC 4180 says (a quote, a comma or a line break in it;
 * quotes doubled); lines end with a newline alone.  Figures that do not exist
 * (no other site, no busy link) are empty fields.  Leaves out what has more
 * than one value: links but the busiest, memory per stage, the scenario.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "writers.h"

/* Header and row grow together, column by column. */
struct table {
    struct lh_text header;
    struct lh_text row;
};

static void column(struct table *table, const char *name)
{
    if (table->header.n > 0) {
        lh_text_add(&table->header, ",");
        lh_text_add(&table->row, ",");
    }
    lh_text_add(&table->header, name);
}

static void number(struct table *table, const char *name, double value)
{
    column(table, name);
    if (isfinite(value)) {
        lh_text_double(&table->row, value);
    }
}

static void text(struct table *table, const char *name, const char *value)
{
    column(table, name);
    if (strpbrk(value, ",\"\r\n") == NULL) {
        lh_text_add(&table->row, value);
        return;
    }
    lh_text_add(&table->row, "\"");
    for (const char *c = value; *c != '\0'; c++) {
        lh_text_printf(&table->row, *c == '"' ? "\"\"" : "%c", *c);
    }
    lh_text_add(&table->row, "\"");
}

static void breakdown(struct table *table, const struct lh_result *result)
{
    for (int i = 0; i < LH_CATEGORIES; i++) {
        const char *name = lh_category_name((enum lh_category)i);
        number(table, lh_format(table->row.arena, "%s_s", name),
               result->breakdown_s[i]);
    }
}

void lh_write_csv(struct lh_text *out, const struct lh_report *report)
{
    struct table table = {lh_text_new(out->arena), lh_text_new(out->arena)};
    const struct lh_result *r = report->result;
    const struct lh_link_use *busiest = lh__busiest(r, LH__ANYWHERE);
    struct lh_goodput goodput;

    text(&table, "scenario", report->scenario->name);
    number(&table, "step_time_s", r->step_time_s);
    number(&table, "tokens_per_s", r->tokens_per_s);
    number(&table, "mfu", r->mfu);
    number(&table, "hfu", r->hfu);
    text(&table, "fits", r->fits ? "true" : "false");
    breakdown(&table, r);
    number(&table, "one_site_step_time_s",
           report->one_site != NULL ? report->one_site->step_time_s : NAN);
    number(&table, "efficiency", lh__efficiency(report));
    number(&table, "bound_s", r->bound.bound_s);
    text(&table, "busiest_link", busiest != NULL ? busiest->name : "");
    number(&table, "busiest_link_busy_fraction",
           busiest != NULL ? busiest->busy_frac : NAN);
    text(&table, "family", report->validation->family);
    number(&table, "family_median_abs_error",
           report->validation->median_abs_error);
    if (lh_goodput_make(&goodput, report)) {
        number(&table, "goodput", goodput.frac);
        number(&table, "goodput_tokens_per_s", goodput.tokens_per_s);
    }
    for (int i = 0; report->rl != NULL && i < LH__RL_COLUMNS; i++) {
        struct lh__rl_column column = lh__rl_column(&report->rl->result, i);
        number(&table, column.name, column.value);
    }
    if (report->timing) {
        number(&table, "wall_s", report->trace->wall_s);
    }
    lh_text_printf(out, "%s\n%s\n", table.header.s, table.row.s);
}
