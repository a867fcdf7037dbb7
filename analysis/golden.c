/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The figures of a scenario that a golden keeps, and their comparison:
 *
 *     within  <=>  |now - kept| <= max(relative x |kept|, absolute)
 *
 * Kept are the step, its parts, memory and bound, the same step in one site
 * with its parts, goodput, and the figures of an RL loop; a figure that one
 * side lacks deviates.  Faster fails as slower does: both say that something
 * moved which nobody meant to move.
 * Place in the pipeline: behind the result.  Leaves out wall time, and the
 * error of the run's family, which is no figure of the run.
 */
#include <longhaul/golden.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "writers.h"

static const struct lh_tolerance usual = {"default", 0.005, 1e-6};
static const char loop_step[] = "rl_step_time_s";

/* ---- figures ------------------------------------------------------------- */

struct taking {
    struct lh_golden *out;
    struct lh_arena *arena;
    size_t capacity;
};

static void add(struct taking *t, const char *name, const char *label,
                double value)
{
    struct lh_golden *g = t->out;

    if (!isfinite(value)) {
        return;
    }
    g->values = lh_grow(t->arena, g->values, &t->capacity,
                        (size_t)g->n_values + 1, sizeof *g->values);
    g->values[g->n_values++] = (struct lh_golden_value){name, label, value};
}

static void add_parts(struct taking *t, const char *prefix, const char *place,
                      const struct lh_result *result)
{
    for (int i = 0; i < LH_CATEGORIES; i++) {
        enum lh_category c = (enum lh_category)i;
        add(t,
            lh_format(t->arena, "%sbreakdown_s.%s", prefix,
                      lh_category_name(c)),
            lh_format(t->arena, "%s%s", place, lh__category_label(c)),
            result->breakdown_s[i]);
    }
}

static void add_figures(struct taking *t, const struct lh_report *r)
{
    struct lh_goodput goodput;

    add(t, "step_time_s", "step time", r->result->step_time_s);
    add_parts(t, "", "", r->result);
    add(t, "tokens_per_s", "tokens/s", r->result->tokens_per_s);
    add(t, "mfu", "MFU", r->result->mfu);
    add(t, "hfu", "HFU", r->result->hfu);
    add(t, "bound_s", "bound", r->result->bound.bound_s);
    add(t, "memory_bytes", "memory",
        lh_memory_fullest(r->program, r->scenario).bytes);
    if (r->one_site != NULL) {
        add(t, "one_site.step_time_s", "step time in one site",
            r->one_site->step_time_s);
        add_parts(t, "one_site.", "in one site: ", r->one_site);
    }
    if (lh_goodput_make(&goodput, r)) {
        add(t, "goodput", "goodput", goodput.frac);
    }
    for (int i = 0; r->rl != NULL && i < LH__RL_COLUMNS; i++) {
        struct lh__rl_column column = lh__rl_column(&r->rl->result, i);
        add(t, column.name, column.name, column.value);
    }
}

/* ---- rows of the data ---------------------------------------------------- */

static void keep_row(struct lh_golden_row *out, const struct lh_csv *csv,
                     int row, struct lh_arena *arena)
{
    out->columns = LH_NEW(arena, const char *, csv->n_columns);
    out->cells = LH_NEW(arena, const char *, csv->n_columns);
    for (int i = 1; i < csv->n_columns; i++) {
        const char *cell = lh_csv_cell(csv, row, i);
        if (*cell != '\0' && strcmp(csv->columns[i], "source") != 0) {
            out->columns[out->n_cells] = csv->columns[i];
            out->cells[out->n_cells++] = cell;
        }
    }
}

/* Rows whose names stand in the echo, and what all fibres share. */
static enum lh_status add_rows(struct taking *t, const char *table,
                               struct lh_ctx *ctx)
{
    struct lh_golden *g = t->out;
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, table, ctx);
    bool all = strcmp(table, "fibres") == 0;

    for (int i = 0; st == LH_OK && i < csv.n_rows; i++) {
        const char *name = lh_csv_cell(&csv, i, 0);
        const char *quoted = lh_format(ctx->arena, "\"%s\"", name);
        if (!all && strstr(g->echo, quoted) == NULL) {
            continue;
        }
        g->rows = lh_grow(ctx->arena, g->rows, &t->capacity,
                          (size_t)g->n_rows + 1, sizeof *g->rows);
        g->rows[g->n_rows].name = lh_format(ctx->arena, "%s:%s", table, name);
        keep_row(&g->rows[g->n_rows++], &csv, i, ctx->arena);
    }
    return st;
}

enum lh_status lh_golden_make(struct lh_golden *out,
                              const struct lh_report *report,
                              const struct lh_scenario *scenario,
                              struct lh_ctx *ctx)
{
    static const char *const tables[] = {"accelerators", "engines", "fabrics",
                                         "fibres",       "models",  "protocols",
                                         "stacks"};
    struct lh_text echo = lh_text_new(ctx->arena);
    struct taking t = {.out = out, .arena = ctx->arena};
    enum lh_status st = LH_OK;

    *out = (struct lh_golden){.echo = NULL};
    add_figures(&t, report);
    lh_scenario_print_json(&echo, scenario, 2);
    out->echo = lh__golden_hide_folder(echo.s, scenario->file, ctx->arena);
    t.capacity = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && st == LH_OK;
         i++) {
        st = add_rows(&t, tables[i], ctx);
    }
    return st;
}

/* ---- comparison ---------------------------------------------------------- */

static struct lh_tolerance tolerance_of(const struct lh_kept *kept,
                                        const char *name)
{
    struct lh_tolerance found = usual;

    for (int i = 0; i < kept->n_tolerances; i++) {
        if (strcmp(kept->tolerances[i].name, "default") == 0) {
            found = kept->tolerances[i];
        }
    }
    for (int i = 0; i < kept->n_tolerances; i++) {
        if (strcmp(kept->tolerances[i].name, name) == 0) {
            found = kept->tolerances[i];
        }
    }
    return found;
}

static const struct lh_golden_value *find(const struct lh_golden *g,
                                          const char *name)
{
    for (int i = 0; i < g->n_values; i++) {
        if (strcmp(g->values[i].name, name) == 0) {
            return &g->values[i];
        }
    }
    return NULL;
}

bool lh_golden_has(const struct lh_golden *golden, const char *name)
{
    return find(golden, name) != NULL;
}

static bool is_within(const struct lh_deviation *d)
{
    double allowed =
        fmax(d->tolerance.relative * fabs(d->kept), d->tolerance.absolute);

    return fabs(d->now - d->kept) <= allowed; /* false with a NAN */
}

static void compare_value(struct lh_golden_result *out,
                          const struct lh_golden_value *any,
                          const struct lh_golden_value *kept,
                          const struct lh_golden_value *now)
{
    struct lh_deviation d = {
        .name = any->name,
        .label = now != NULL ? now->label : any->label,
        .kept = kept != NULL ? kept->value : (double)NAN,
        .now = now != NULL ? now->value : (double)NAN,
        .tolerance = tolerance_of(out->kept, any->name),
        .category = strncmp(any->name, "breakdown_s.", 12) == 0,
    };

    d.relative = d.now / d.kept - 1;
    if (!is_within(&d)) {
        out->deviations[out->n_deviations++] = d;
    }
}

/* A figure that is on one side alone comes before all that moved.  Parts of
 * the step are seconds; the others have many units, and go by their share. */
static double size_of(const struct lh_deviation *d)
{
    double change = d->category ? fabs(d->now - d->kept) : fabs(d->relative);

    return isfinite(change) ? change : (double)INFINITY;
}

static int rank_of(const struct lh_deviation *d)
{
    if (strcmp(d->name, loop_step) == 0) {
        return 0;
    }
    return d->category ? 1 : 2;
}

static int by_size(const void *a, const void *b)
{
    const struct lh_deviation *x = a;
    const struct lh_deviation *y = b;

    if (rank_of(x) != rank_of(y)) {
        return rank_of(x) - rank_of(y);
    }
    if (size_of(x) != size_of(y)) {
        return size_of(x) > size_of(y) ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static double value_of(const struct lh_golden *g, const char *name)
{
    const struct lh_golden_value *v = find(g, name);

    return v != NULL ? v->value : (double)NAN;
}

void lh_golden_compare(struct lh_golden_result *out, const struct lh_kept *kept,
                       const struct lh_golden *now, struct lh_ctx *ctx)
{
    const struct lh_golden *then = &kept->golden;
    const char *step =
        lh_golden_has(then, loop_step) || lh_golden_has(now, loop_step)
            ? loop_step
            : "step_time_s";

    *out = (struct lh_golden_result){
        .kept = kept,
        .step_kept_s = value_of(then, step),
        .step_now_s = value_of(now, step),
        .step_tolerance = tolerance_of(kept, step),
        .deviations = LH_NEW(ctx->arena, struct lh_deviation,
                             then->n_values + now->n_values),
    };
    for (int i = 0; i < then->n_values; i++) {
        const struct lh_golden_value *v = &then->values[i];
        compare_value(out, v, v, find(now, v->name));
    }
    for (int i = 0; i < now->n_values; i++) {
        const struct lh_golden_value *v = &now->values[i];
        if (find(then, v->name) == NULL) {
            compare_value(out, v, NULL, v);
        }
    }
    qsort(out->deviations, (size_t)out->n_deviations, sizeof *out->deviations,
          by_size);
    if (out->n_deviations > 0) {
        lh_golden_causes(out, now, ctx);
    }
}

bool lh_golden_passed(const struct lh_golden_result *result)
{
    return result->error == NULL && result->n_deviations == 0;
}
