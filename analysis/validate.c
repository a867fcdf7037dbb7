/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Simulates validation rows: each is a scenario (validate_read.c), a batch of
 * them in parallel children, and its quantity beside the published one
 * (validate_quantity.c).
 *
 * Place in the pipeline: all of it, a row at a time.  A row that the program
 * refuses, at reading, building or placing, keeps the reason.  Leaves out the
 * one-site baseline.
 */
#include <malloc.h>
#include <math.h>
#include <string.h>

#include "validate.h"

enum { BATCH = 8, REASONS = 3 };

/* A row on its way; its messages stay apart from those of other rows. */
struct run {
    struct lh_validation_row *row;
    struct lh_ctx ctx;
    enum lh_status status;
    struct lh_scenario scenario;
    struct lh_topology *topology; /* NULL: not built */
    struct lh_program program;
};

/* ---- one row --------------------------------------------------------------
 */

enum lh_status lh__row_scenario(struct lh_scenario *out,
                                const struct lh_validation_row *row,
                                struct lh_ctx *ctx)
{
    const char *text = lh_data_text(row->scenario);
    if (text)
        return lh_scenario_read_text(out, row->scenario, text, strlen(text),
                                     ".", row->settings, row->n_settings, ctx);
    return lh_scenario_read(out, row->scenario, row->settings, row->n_settings,
                            ctx);
}

/* A step of a trainer alone, of whatever kind its row is. */
static bool is_training(const struct run *run)
{
    return run->row->kind == LH_ROW_TRAINING
           || (run->row->kind == LH_ROW_RL && !run->scenario.rl.on);
}

static enum lh_status build(struct run *run)
{
    enum lh_status st = lh__row_scenario(&run->scenario, run->row, &run->ctx);
    if (st == LH_OK && is_training(run))
        st = lh_program_build(&run->program, &run->scenario, &run->ctx);
    if (st == LH_OK && is_training(run))
        st = lh_program_check(&run->program, &run->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&run->topology, &run->scenario, &run->ctx);
    if (st != LH_OK)
        return st;
    return lh_topology_check(run->topology, &run->ctx);
}

/* The errors, which name their keys; each once, a few at most. */
static const char *reason(const struct run *run, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    int n = 0;
    for (int i = 0; i < lh_diag_total(&run->ctx) && n < REASONS; i++) {
        const struct lh_message *m = lh_diag_at(&run->ctx, i);
        if (m->severity != LH_ERROR || strstr(text.s, m->text))
            continue;
        lh_text_printf(&text, "%s%s", n++ > 0 ? "; " : "", m->text);
    }
    return text.s;
}

static void take_value(struct lh_validation_row *row,
                       const struct lh__measured *measured)
{
    row->simulated = lh__quantity_value(row, measured);
    if (isnan(row->simulated))
        row->unsupported = lh__no_value(row);
    row->error = row->simulated / row->published - 1;
}

static void take_result(struct run *run, const struct lh_trace *trace,
                        const struct lh_result *result, struct lh_arena *arena)
{
    struct lh_validation_row *row = run->row;
    take_value(row, &(struct lh__measured){.scenario = &run->scenario,
                                           .program = &run->program,
                                           .trace = trace,
                                           .result = result});
    row->step_time_s = result->step_time_s;
    row->fits = result->fits;
    row->model = lh_strdup(arena, run->scenario.model.name);
    row->family = lh_family(&run->scenario, arena);
}

static void measure_collective(struct run *run)
{
    struct lh__measured measured = {.scenario = &run->scenario};
    run->status = lh__busbw_simulate(&measured.bus_bytes_per_s, run->row,
                                     &run->scenario, run->topology, &run->ctx);
    if (run->status == LH_OK)
        take_value(run->row, &measured);
    run->row->fits = true;
}

static void measure_loop(struct run *run, struct lh_arena *arena)
{
    struct lh_rl_report report;
    struct lh__measured measured = {.scenario = &run->scenario, .rl = &report};
    struct lh_validation_row *row = run->row;

    run->status = lh_rl_run(&report, &run->scenario, run->topology, &run->ctx);
    if (run->status != LH_OK)
        return;
    take_value(row, &measured);
    row->step_time_s = report.result.step_time_s;
    row->fits = true;
    row->model = lh_strdup(arena, run->scenario.model.name);
    row->family = lh_family(&run->scenario, arena);
}

/* ---- a batch --------------------------------------------------------------
 */

static struct lh_sim_point point_of(const struct run *run)
{
    return (struct lh_sim_point){&run->scenario, &run->program, run->topology};
}

/* Those that were built, `jobs` at a time. */
static void simulate(struct run *runs, int n, int jobs, struct lh_arena *arena)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sim_point points[BATCH];
    struct lh_trace traces[BATCH];
    enum lh_status statuses[BATCH];
    struct run *built[BATCH];
    int n_built = 0;
    for (int i = 0; i < n; i++) {
        if (runs[i].status != LH_OK)
            continue;
        if (runs[i].row->kind == LH_ROW_BUSBW) {
            measure_collective(&runs[i]);
            continue;
        }
        if (!is_training(&runs[i])) {
            measure_loop(&runs[i], arena);
            continue;
        }
        points[n_built] = point_of(&runs[i]);
        built[n_built++] = &runs[i];
    }
    enum lh_status all =
        lh_sim_run_many(traces, statuses, points, n_built, jobs, &ctx);
    for (int i = 0; i < n_built; i++) {
        struct run *run = built[i];
        struct lh_result result;
        run->status = statuses[i];
        if (all != LH_OK && run->status != LH_OK) /* again, for its message */
            run->status = lh_sim_run(&traces[i], &points[i], &run->ctx);
        if (run->status == LH_OK)
            run->status = lh_result_make(&result, &traces[i], &run->program,
                                         run->topology, &run->ctx);
        if (run->status == LH_OK)
            lh_trace_tell(&traces[i], &ctx);
        if (run->status == LH_OK)
            take_result(run, &traces[i], &result, arena);
    }
    lh_ctx_end(&ctx);
}

static enum lh_status end_run(struct run *run, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    if (run->status == LH_FAILED) {
        lh_error(ctx, run->row->where, "row '%s' failed: %s", run->row->name,
                 reason(run, ctx->arena));
        st = LH_FAILED;
    } else if (run->status != LH_OK) {
        run->row->unsupported = reason(run, ctx->arena);
    }
    lh_topology_free(run->topology);
    lh_ctx_end(&run->ctx);
    return st;
}

static enum lh_status run_batch(struct lh_validation_row **rows, int n,
                                int jobs, struct lh_ctx *ctx)
{
    enum lh_status all = LH_OK;
    struct run *runs = LH_NEW(ctx->arena, struct run, (size_t)n);
    for (int i = 0; i < n; i++) {
        runs[i] = (struct run){.row = rows[i], .ctx = lh_ctx_begin()};
        runs[i].ctx.data_dir = ctx->data_dir;
        runs[i].ctx.overrides = ctx->overrides;
        runs[i].ctx.n_overrides = ctx->n_overrides;
        rows[i]->unsupported = NULL;
        rows[i]->simulated = rows[i]->error = rows[i]->step_time_s = NAN;
        runs[i].status = build(&runs[i]);
    }
    simulate(runs, n, jobs, ctx->arena);
    for (int i = 0; i < n; i++) {
        enum lh_status st = end_run(&runs[i], ctx);
        all = all == LH_OK ? st : all;
    }
    malloc_trim(0); /* what is not given back, every later fork copies */
    return all;
}

enum lh_status lh__rows_run(struct lh_validation_row **rows, int n, int jobs,
                            struct lh_ctx *ctx)
{
    enum lh_status all = LH_OK;
    for (int i = 0; i < n; i += BATCH) {
        enum lh_status st =
            run_batch(rows + i, n - i < BATCH ? n - i : BATCH, jobs, ctx);
        all = all == LH_OK ? st : all;
    }
    return all;
}

/* ---- all ------------------------------------------------------------------
 */

/* A base scenario that is not there is the file's fault, not the program's. */
static bool has_scenario(const struct lh_validation_row *row)
{
    struct lh_ctx scratch = lh_ctx_begin();
    char *text;
    size_t n;
    bool there = lh_data_text(row->scenario)
                 || lh_file_read(&text, &n, row->scenario, &scratch) == LH_OK;
    lh_ctx_end(&scratch);
    return there;
}

static enum lh_status check_scenarios(const struct lh_validation_source *source,
                                      struct lh_ctx *ctx)
{
    const char *seen = "";
    for (int i = 0; i < source->n_rows; i++) {
        const struct lh_validation_row *row = &source->rows[i];
        if (strcmp(seen, row->scenario) == 0)
            continue;
        seen = row->scenario;
        if (!has_scenario(row)) {
            lh_error(ctx, row->where,
                     "row '%s' needs the base scenario %s, which cannot be "
                     "read; column 'scenario' names another",
                     row->name, row->scenario);
            return LH_BAD_INPUT;
        }
    }
    return LH_OK;
}

static void total(struct lh_validation *v, struct lh_arena *arena)
{
    double *medians = LH_NEW(arena, double, (size_t)v->n_sources);
    int n = 0;
    for (int i = 0; i < v->n_sources; i++) {
        struct lh_validation_totals *t = &v->sources[i].totals;
        lh__validation_totals(t, &v->sources[i], 1, arena);
        if (t->n_compared > 0)
            medians[n++] = t->median_abs_error;
    }
    lh__validation_totals(&v->totals, v->sources, v->n_sources, arena);
    v->median_of_medians = lh__median(medians, n);
}

enum lh_status lh_validation_run(struct lh_validation *v, int jobs,
                                 struct lh_ctx *ctx)
{
    struct lh_validation_row **rows;
    int n = 0;
    for (int i = 0; i < v->n_sources; i++) {
        enum lh_status st = check_scenarios(&v->sources[i], ctx);
        if (st != LH_OK)
            return st;
        n += v->sources[i].n_rows;
    }
    rows = LH_NEW(ctx->arena, struct lh_validation_row *, (size_t)n);
    n = 0;
    for (int i = 0; i < v->n_sources; i++) {
        for (int k = 0; k < v->sources[i].n_rows; k++)
            if (!lh__is_speed_up(&v->sources[i].rows[k]))
                rows[n++] = &v->sources[i].rows[k];
    }
    enum lh_status st = lh__rows_run(rows, n, jobs, ctx);
    lh__speed_ups(v);
    total(v, ctx->arena);
    return st;
}
