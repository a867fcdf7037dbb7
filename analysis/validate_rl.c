/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Validation rows of the RL loop: speed-ups, totals, and how these are written.
 *
 *   rl_speed_up   rl_step_time of the row `over` / that of the row of the same
 *                 name, both simulated
 *   steps         median of |error| over rl_step_time and rl_train_time, and
 *                 the share within 30 %
 *   syncs         the same of weight_sync_time, and the worst
 *
 * Place in the pipeline: after the rows are simulated.  These rows are in no
 * total of training.
 */
#include <math.h>
#include <string.h>

#include "validate.h"

bool lh__is_speed_up(const struct lh_validation_row *row)
{
    return strcmp(row->quantity, "rl_speed_up") == 0;
}

static const struct lh_validation_row *
step_of(const struct lh_validation_source *source, const char *name)
{
    for (int i = 0; i < source->n_rows; i++) {
        const struct lh_validation_row *row = &source->rows[i];
        if (strcmp(row->name, name) == 0
            && strcmp(row->quantity, "rl_step_time") == 0)
            return row;
    }
    return NULL;
}

static void speed_up(struct lh_validation_row *row,
                     const struct lh_validation_source *source)
{
    const struct lh_validation_row *slow = step_of(source, row->over);
    const struct lh_validation_row *fast = step_of(source, row->name);

    row->fits = true;
    row->unsupported = lh__no_value(row);
    if (!slow || !fast || slow->unsupported || fast->unsupported)
        return;
    row->unsupported = NULL;
    row->simulated = slow->step_time_s / fast->step_time_s;
    row->error = row->simulated / row->published - 1;
    row->step_time_s = fast->step_time_s;
    row->model = fast->model;
    row->family = fast->family;
}

void lh__speed_ups(struct lh_validation *v)
{
    for (int i = 0; i < v->n_sources; i++)
        for (int k = 0; k < v->sources[i].n_rows; k++)
            if (lh__is_speed_up(&v->sources[i].rows[k]))
                speed_up(&v->sources[i].rows[k], &v->sources[i]);
}

/* ---- totals ---------------------------------------------------------------
 */

struct errors {
    double *steps, *syncs, *speed_ups;
};

static void add(struct lh_rl_totals *t, struct errors *e,
                const struct lh_validation_row *row)
{
    double error = fabs(row->error);

    if (row->kind != LH_ROW_RL || *row->ablates != '\0')
        return;
    t->n_rows++;
    if (!lh__row_is_judged(row) || row->unsupported)
        return;
    if (lh__is_speed_up(row)) {
        e->speed_ups[t->n_speed_ups++] = error;
    } else if (strcmp(row->quantity, "weight_sync_time") == 0) {
        e->syncs[t->n_syncs++] = error;
        t->worst_sync = fmax(t->worst_sync, error);
    } else {
        e->steps[t->n_steps++] = error;
    }
}

void lh__rl_totals(struct lh_rl_totals *out,
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
    *out = (struct lh_rl_totals){.n_rows = 0};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < sources[i].n_rows; k++)
            add(out, &e, &sources[i].rows[k]);
    for (int i = 0; i < out->n_steps; i++)
        within += e.steps[i] <= 0.3;
    out->within_30_frac =
        out->n_steps > 0 ? (double)within / out->n_steps : (double)NAN;
    out->median_steps = lh__median(e.steps, out->n_steps);
    out->median_syncs = lh__median(e.syncs, out->n_syncs);
    out->median_speed_ups = lh__median(e.speed_ups, out->n_speed_ups);
    if (out->n_syncs == 0)
        out->worst_sync = (double)NAN;
}

/* ---- written --------------------------------------------------------------
 */

void lh__rl_text(struct lh_text *out, const struct lh_rl_totals *t)
{
    const char *comma = " ";

    lh_text_add(out, "RL loop:");
    if (t->n_steps > 0) {
        lh_text_printf(out,
                       " steps: median error %.1f %%, %.0f %% of %d within "
                       "30 %%",
                       100 * t->median_steps, 100 * t->within_30_frac,
                       t->n_steps);
        comma = "; ";
    }
    if (t->n_syncs > 0) {
        lh_text_printf(out, "%sweights: median %.1f %%, worst %.1f %% of %d",
                       comma, 100 * t->median_syncs, 100 * t->worst_sync,
                       t->n_syncs);
        comma = "; ";
    }
    if (t->n_speed_ups > 0)
        lh_text_printf(out, "%sspeed-ups: median %.1f %% of %d", comma,
                       100 * t->median_speed_ups, t->n_speed_ups);
    if (t->n_steps + t->n_syncs + t->n_speed_ups == 0)
        lh_text_add(out, " no row that counts was simulated");
    lh_text_add(out, "\n");
}

static void json_number(struct lh_text *out, const char *key, double value)
{
    lh_text_printf(out, "\"%s\": ", key);
    lh_text_json_double(out, value);
    lh_text_add(out, ", ");
}

void lh__rl_json(struct lh_text *out, const struct lh_rl_totals *t)
{
    lh_text_add(out, "\"rl\": ");
    if (t->n_rows == 0) {
        lh_text_add(out, "null, ");
        return;
    }
    lh_text_add(out, "{");
    json_number(out, "median_abs_error_steps", t->median_steps);
    json_number(out, "within_30_percent", t->within_30_frac);
    json_number(out, "median_abs_error_syncs", t->median_syncs);
    json_number(out, "worst_sync", t->worst_sync);
    json_number(out, "median_abs_error_speed_ups", t->median_speed_ups);
    lh_text_printf(out,
                   "\"n_steps\": %d, \"n_syncs\": %d, \"n_speed_ups\": %d, "
                   "\"n_rows\": %d}, ",
                   t->n_steps, t->n_syncs, t->n_speed_ups, t->n_rows);
}

static void put_percent(struct lh_text *out, double frac)
{
    if (isfinite(frac))
        lh_text_printf(out, "%.1f %% | ", 100 * frac);
    else
        lh_text_add(out, "– | ");
}

static void markdown_row(struct lh_text *out, const char *name,
                         const struct lh_rl_totals *t)
{
    lh_text_printf(out, "| %s | %d | %d | ", name, t->n_rows, t->n_steps);
    put_percent(out, t->median_steps);
    put_percent(out, t->within_30_frac);
    lh_text_printf(out, "%d | ", t->n_syncs);
    put_percent(out, t->worst_sync);
    lh_text_printf(out, "%d | ", t->n_speed_ups);
    put_percent(out, t->median_speed_ups);
    out->s[--out->n] = '\0'; /* the last blank */
    lh_text_add(out, "\n");
}

void lh__rl_markdown(struct lh_text *out, const struct lh_validation *v)
{
    if (v->totals.rl.n_rows == 0)
        return;
    lh_text_add(out, "| RL loop | rows | steps | median error | within 30 % | "
                     "weights sent | worst error | speed-ups | median error "
                     "|\n|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < v->n_sources; i++) {
        const char *name = v->sources[i].name;
        if (v->sources[i].totals.rl.n_rows > 0)
            markdown_row(out, lh_format(out->arena, "[%s](#%s)", name, name),
                         &v->sources[i].totals.rl);
    }
    markdown_row(out, "**all**", &v->totals.rl);
    lh_text_add(out, "\n");
}
