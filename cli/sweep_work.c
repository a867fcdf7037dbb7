/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a child of a sweep does: a one-site baseline into shared memory, or a
 * point, from its scenario to one line in its worker's file.
 *
 * Place: between sweep_run.c, which forks, and the stages.
 */
#include <string.h>

#include "sweep.h"

/* ---- children ------------------------------------------------------------ */

/* With rl the loop simulates too, in children of its own, which must not have
 * an engine behind them. */
enum lh_status lh__stages_simulate(struct lh_result *out,
                                   const struct lh__stages *stages,
                                   struct lh_ctx *ctx)
{
    struct lh_sim_point point = {&stages->scenario, &stages->program,
                                 stages->topology};
    struct lh_trace trace;
    enum lh_status st;

    if (lh__is_async(&stages->scenario)) {
        return lh__stages_async(out, stages, 1, ctx);
    }
    st = stages->asked.rl.on ? lh_sim_run(&trace, &point, ctx)
                             : lh_sim_run_here(&trace, &point, ctx);
    if (st == LH_OK) {
        st = lh_result_make(out, &trace, &stages->program, stages->topology,
                            ctx);
    }
    return st;
}

int lh__work_baseline(void *data, int task, int slot)
{
    const struct lh__running *r = data;
    struct lh__baseline_run *b = &r->baselines[task];
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__stages here;
    struct lh__stages one = {.topology = NULL};
    enum lh_status st =
        lh__sweep_read(&here, r->s, r->baseline_point[task], &ctx);

    (void)slot;
    if (st == LH_OK) {
        lh_scenario_one_site(&one.scenario, &here.scenario, &ctx);
        st = lh__stages_build(&one, &ctx);
    }
    if (st == LH_OK) {
        st = lh__stages_simulate(&b->result, &one, &ctx);
    }
    b->result.n_links = 0;
    b->result.links = NULL;
    b->result.bound.cut = NULL;
    if (st != LH_OK) {
        snprintf(b->message, sizeof b->message, "in one site: %s",
                 lh__sweep_first_error(&ctx));
    }
    b->status = st;
    return 0;
}

/* The scenario as it was planned. */
static enum lh_status read_planned(struct lh__stages *out,
                                   const struct lh__running *r, int point,
                                   struct lh_ctx *ctx)
{
    enum lh_status st = lh__sweep_read(out, r->s, point, ctx);
    struct lh_planned now;

    if (!r->s->check_ids) {
        return st;
    }
    lh_sweep_identify(&now, r->s->sweep, point,
                      st == LH_OK ? &out->scenario : NULL, ctx);
    if (strcmp(now.id, r->s->sweep->points[point].id) != 0) {
        /* Ahead of what the reader has to say, which is of another scenario. */
        *ctx = lh_ctx_begin();
        lh_error(ctx, LH_NOWHERE,
                 "the scenario, what it names, or the program is not what the "
                 "sweep was planned with");
        return LH_FAILED;
    }
    return st;
}

static enum lh_status work_stages(struct lh_outcome *out,
                                  struct lh__stages *stages,
                                  const struct lh__baseline_run *baseline,
                                  struct lh_ctx *ctx)
{
    struct lh_result result;
    struct lh_family_error validation;
    struct lh_rl_report rl;
    struct lh_report report = {
        .scenario = &stages->scenario,
        .program = &stages->program,
        .result = &result,
        .one_site = baseline != NULL ? &baseline->result : NULL,
        .validation = &validation,
        .rl = stages->asked.rl.on ? &rl : NULL,
    };
    enum lh_status st = lh__stages_simulate(&result, stages, ctx);

    report.topology = stages->topology;
    if (st == LH_OK && report.rl != NULL) {
        st = lh_loop_run(&rl, &stages->asked, ctx);
    }
    if (st == LH_OK) {
        st = lh_family_error_read(&validation, &stages->scenario, ctx);
    }
    if (st == LH_OK) {
        out->n = lh_report_columns(&out->columns, &report, ctx->arena);
    }
    return st;
}

static enum lh_status work_outcome(struct lh_outcome *out,
                                   const struct lh__running *r, int point,
                                   struct lh_ctx *ctx)
{
    int b = r->baseline_of[point];
    const struct lh__baseline_run *baseline = b >= 0 ? &r->baselines[b] : NULL;
    struct lh__stages stages;
    enum lh_status st = read_planned(&stages, r, point, ctx);

    if (st == LH_OK) {
        st = lh__stages_build(&stages, ctx);
    }
    if (st == LH_OK && baseline != NULL && baseline->status != LH_OK) {
        lh_error(ctx, LH_NOWHERE, "%s", baseline->message);
        st = baseline->status;
    }
    return st == LH_OK ? work_stages(out, &stages, baseline, ctx) : st;
}

int lh__work_point(void *data, int task, int slot)
{
    const struct lh__running *r = data;
    int point = r->pending[task];
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_outcome outcome = {.id = r->s->sweep->points[point].id};
    enum lh_status st = work_outcome(&outcome, r, point, &ctx);
    struct lh_text line = lh_text_new(ctx.arena);

    if (st != LH_OK) {
        outcome.kind = st == LH_FAILED ? LH_OUTCOME_FAILED : LH_OUTCOME_REFUSED;
        outcome.message = lh__sweep_first_error(&ctx);
    }
    lh_outcome_write(&line, point, &outcome);
    return lh_store_put(r->files[slot], &line) ? 0 : LH__EXIT_DISK;
}
