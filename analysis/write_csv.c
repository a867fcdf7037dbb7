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

/* The cells, column by column. */
struct table {
    struct lh_arena *arena;
    struct lh_column *columns;
    size_t n, capacity;
};

static struct lh_column *column(struct table *table, const char *name)
{
    table->columns = lh_grow(table->arena, table->columns, &table->capacity,
                             table->n + 1, sizeof *table->columns);
    table->columns[table->n].name = name;
    return &table->columns[table->n++];
}

static void number(struct table *table, const char *name, double value)
{
    column(table, name)->number = isfinite(value) ? value : (double)NAN;
}

static void text(struct table *table, const char *name, const char *value)
{
    column(table, name)->text = value;
}

static void breakdown(struct table *table, const struct lh_result *result)
{
    for (int i = 0; i < LH_CATEGORIES; i++) {
        const char *name = lh_category_name((enum lh_category)i);
        number(table, lh_format(table->arena, "%s_s", name),
               result->breakdown_s[i]);
    }
}

int lh_report_columns(struct lh_column **out, const struct lh_report *report,
                      struct lh_arena *arena)
{
    struct table table = {.arena = arena};
    const struct lh_result *r = report->result;
    const struct lh_link_use *busiest = lh__busiest(r, LH__ANYWHERE);
    struct lh_goodput goodput;
    struct lh_at_equal_loss at_equal_loss;

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
    if (lh_equal_loss_make(&at_equal_loss, report)) {
        number(&table, "tokens_factor",
               report->scenario->equal_loss.tokens_factor);
        number(&table, "equal_loss_step_time_s", at_equal_loss.step_time_s);
        number(&table, "equal_loss_efficiency", at_equal_loss.efficiency);
    }
    for (int i = 0; report->rl != NULL && i < LH__RL_COLUMNS; i++) {
        struct lh__rl_column column = lh__rl_column(&report->rl->result, i);
        number(&table, column.name, column.value);
    }
    for (int i = 0; report->async != NULL && i < LH__ASYNC_COLUMNS; i++) {
        double value;
        const char *name = lh__async_column(&value, report->async, i);
        number(&table, name, value);
    }
    if (report->timing) {
        number(&table, "wall_s", report->trace->wall_s);
    }
    *out = table.columns;
    return (int)table.n;
}

void lh_csv_cell_write(struct lh_text *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        lh_text_add(out, text);
        return;
    }
    lh_text_add(out, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        lh_text_printf(out, *c == '"' ? "\"\"" : "%c", *c);
    }
    lh_text_add(out, "\"");
}

void lh_column_write(struct lh_text *out, const struct lh_column *column)
{
    if (column->text != NULL) {
        lh_csv_cell_write(out, column->text);
    } else if (isfinite(column->number)) {
        lh_text_double(out, column->number);
    }
}

void lh_write_csv(struct lh_text *out, const struct lh_report *report)
{
    struct lh_column *columns;
    int n = lh_report_columns(&columns, report, out->arena);

    for (int i = 0; i < n; i++) {
        lh_text_printf(out, "%s%s", columns[i].name, i + 1 < n ? "," : "\n");
    }
    for (int i = 0; i < n; i++) {
        lh_column_write(out, &columns[i]);
        lh_text_add(out, i + 1 < n ? "," : "\n");
    }
}
