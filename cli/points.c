/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Several scenarios simulated side by side, with their one-site baselines: for
 * the commands that look at more than one (compare, solve).
 *
 * Baselines are told apart by the canonical echo of the one-site scenario: a
 * fibre of another length has the same baseline, which is then simulated once.
 * Traces are dropped as soon as the figures are made.
 */
#include <string.h>

#include "cli.h"

struct lh__baseline {
    const char *echo;
    struct lh__stages stages;
    struct lh_result result;
    enum lh_status status;
    bool simulated;
    struct lh__baseline *next;
};

/* ---- building ------------------------------------------------------------ */

enum lh_status lh__point_build(struct lh__point *point,
                               const struct lh__input *input)
{
    point->status = lh__stages_read(&point->stages, input);
    if (point->status == LH_OK) {
        point->status = lh__stages_build(&point->stages, point->ctx);
    }
    return point->status;
}

/* The known one, or a new one that is built. */
static struct lh__baseline *baseline_of(struct lh__baselines *all,
                                        const struct lh_scenario *scenario)
{
    struct lh_scenario one;
    struct lh_text echo = lh_text_new(all->ctx->arena);
    struct lh__baseline **at = &all->first;

    lh_scenario_one_site(&one, scenario, all->ctx);
    lh_scenario_print_yaml(&echo, &one);
    for (; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->echo, echo.s) == 0) {
            return *at;
        }
    }
    *at = LH_NEW(all->ctx->arena, struct lh__baseline, 1);
    (*at)->echo = echo.s;
    (*at)->stages.scenario = one;
    (*at)->status = lh__stages_build(&(*at)->stages, all->ctx);
    return *at;
}

void lh__baselines_free(struct lh__baselines *baselines)
{
    for (struct lh__baseline *b = baselines->first; b != NULL; b = b->next) {
        lh__stages_free(&b->stages);
    }
}

/* ---- simulating ---------------------------------------------------------- */

/* One simulation and where its result goes. */
struct job {
    struct lh__stages *stages;
    struct lh_result *result;
    enum lh_status *status;
    struct lh_ctx *ctx;
};

static struct lh_sim_point sim_point(const struct job *job)
{
    return (struct lh_sim_point){&job->stages->scenario, &job->stages->program,
                                 job->stages->topology};
}

/* A simulation that failed is run again, for its message. */
static void finish(const struct job *job, struct lh_trace *trace,
                   enum lh_status status)
{
    struct lh_sim_point point = sim_point(job);

    *job->status = status;
    if (lh__is_async(&job->stages->scenario)) {
        *job->status = lh__stages_async(job->result, job->stages, 1, job->ctx);
        return;
    }
    if (status != LH_OK) {
        *job->status = lh_sim_run(trace, &point, job->ctx);
    }
    if (*job->status == LH_OK) {
        *job->status = lh_result_make(job->result, trace, &job->stages->program,
                                      job->stages->topology, job->ctx);
    }
}

static void run_jobs(const struct job *jobs, int n, int at_once,
                     const char *data_dir)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sim_point *points = LH_NEW(ctx.arena, struct lh_sim_point, n);
    struct lh_trace *traces = LH_NEW(ctx.arena, struct lh_trace, n);
    enum lh_status *statuses = LH_NEW(ctx.arena, enum lh_status, n);
    enum lh_status first;
    int n_steps = 0;

    ctx.data_dir = data_dir;
    for (int i = 0; i < n; i++) { /* loops are run in finish() */
        if (!lh__is_async(&jobs[i].stages->scenario)) {
            points[n_steps++] = sim_point(&jobs[i]);
        }
    }
    first = lh_sim_run_many(traces, statuses, points, n_steps, at_once, &ctx);
    (void)first; /* each has its own */
    for (int i = 0, step = 0; i < n; i++) {
        bool loop = lh__is_async(&jobs[i].stages->scenario);
        finish(&jobs[i], loop ? NULL : &traces[step],
               loop ? LH_OK : statuses[step]);
        step += !loop;
    }
    lh_ctx_end(&ctx);
}

/* Baselines that no point had yet.  Returns how many simulations there are. */
static int list_baselines(struct job *jobs, struct lh__point *points, int n,
                          struct lh__baselines *baselines)
{
    int n_jobs = 0;

    for (int i = 0; i < n; i++) {
        struct lh__baseline *b;
        if (points[i].status != LH_OK
            || points[i].stages.scenario.n_sites < 2) {
            continue;
        }
        b = baseline_of(baselines, &points[i].stages.scenario);
        points[i].baseline = b;
        if (!b->simulated && b->status == LH_OK) {
            jobs[n_jobs++] = (struct job){&b->stages, &b->result, &b->status,
                                          baselines->ctx};
        }
        b->simulated = true;
    }
    return n_jobs;
}

static int list_points(struct job *jobs, struct lh__point *points, int n)
{
    int n_jobs = 0;

    for (int i = 0; i < n; i++) {
        if (points[i].status == LH_OK) {
            jobs[n_jobs++] = (struct job){&points[i].stages, &points[i].result,
                                          &points[i].status, points[i].ctx};
        }
    }
    return n_jobs;
}

/* What a point's baseline says, simulated by now. */
static void take_baseline(struct lh__point *point)
{
    if (point->baseline != NULL && point->status == LH_OK) {
        point->status = point->baseline->status;
        point->one_site = &point->baseline->result;
    }
}

void lh__baselines_run(struct lh__point *points, int n,
                       struct lh__baselines *baselines, int jobs)
{
    struct job *all = LH_NEW(baselines->ctx->arena, struct job, n);

    run_jobs(all, list_baselines(all, points, n, baselines), jobs,
             baselines->ctx->data_dir);
    for (int i = 0; i < n; i++) {
        take_baseline(&points[i]);
    }
}

enum lh_status lh__points_run(struct lh__point *points, int n,
                              struct lh__baselines *baselines, int jobs)
{
    struct job *all = LH_NEW(baselines->ctx->arena, struct job, 2 * n);
    enum lh_status st = LH_OK;
    int n_jobs = list_baselines(all, points, n, baselines);

    n_jobs += list_points(all + n_jobs, points, n);
    run_jobs(all, n_jobs, jobs, baselines->ctx->data_dir);
    for (int i = 0; i < n; i++) {
        take_baseline(&points[i]);
        enum lh_status one = lh__loop_point(&points[i], baselines);
        st = st == LH_OK ? one : st;
    }
    return st;
}

struct lh_report lh__point_report(const struct lh__point *point)
{
    return (struct lh_report){.scenario = &point->stages.scenario,
                              .program = &point->stages.program,
                              .topology = point->stages.topology,
                              .result = &point->result,
                              .one_site = point->one_site,
                              .rl = point->rl,
                              .rl_near = point->rl_near};
}
