/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A whole run, from a scenario to what the writers take: its step, and where
 * it has several sites that of the same accelerators in one site beside it.
 *
 * Place in the pipeline: behind every stage; `longhaul run' and users of the
 * library both come through here, so that their figures are the same.
 * Leaves out: many scenarios at once, which share baselines (cli/points.c,
 * cli/sweep_work.c).
 */
#include <longhaul/longhaul.h>

#include <math.h>
#include <string.h>

enum { DEFAULT_JOBS = 2 };

const char *lh_version(void)
{
    return PACKAGE_VERSION;
}

static bool is_async(const struct lh_run *run)
{
    return run->scenario[LH_HERE].sync == LH_SYNC_ASYNC_DILOCO;
}

static enum lh_status build_side(struct lh_run *run, enum lh_side side,
                                 struct lh_ctx *ctx)
{
    return lh_stages_build(&run->topology[side], &run->program[side],
                           &run->scenario[side], ctx);
}

enum lh_status lh_run_build(struct lh_run **out, const struct lh_scenario *s,
                            struct lh_ctx *ctx)
{
    struct lh_run *run = LH_NEW(ctx->arena, struct lh_run, 1);
    enum lh_status st;

    *out = NULL;
    run->asked = *s;
    run->n_sides = LH_HERE + 1;
    run->scenario[LH_HERE] = *s;
    st = build_side(run, LH_HERE, ctx);
    if (st == LH_OK && run->scenario[LH_HERE].n_sites > 1) {
        run->n_sides = LH_SIDES;
        lh_scenario_one_site(&run->scenario[LH_ONE_SITE],
                             &run->scenario[LH_HERE], ctx);
        lh_warn_of_unlike_sites(&run->scenario[LH_HERE], ctx);
        st = build_side(run, LH_ONE_SITE, ctx);
    }
    if (st != LH_OK) {
        lh_run_free(run);
        return st;
    }
    *out = run;
    return LH_OK;
}

/* Of learners and a server the scenario itself is no step that repeats. */
static enum lh_status simulate_steps(struct lh_run *run, int jobs,
                                     struct lh_ctx *ctx)
{
    struct lh_sim_point points[LH_SIDES];
    enum lh_status statuses[LH_SIDES];
    int first = is_async(run) ? LH_ONE_SITE : LH_HERE;
    enum lh_status st;

    for (int i = first; i < run->n_sides; i++) {
        points[i] = (struct lh_sim_point){&run->scenario[i], &run->program[i],
                                          run->topology[i]};
    }
    st = lh_sim_run_many(run->trace + first, statuses, points + first,
                         run->n_sides - first, jobs, ctx);
    if (st == LH_OK && first > LH_HERE) {
        st = lh_async_run(&run->async, &run->result[LH_HERE],
                          &run->scenario[LH_HERE], &run->program[LH_HERE],
                          run->topology[LH_HERE], jobs, ctx);
    }
    for (int i = first; i < run->n_sides && st == LH_OK; i++) {
        st = lh_result_make(&run->result[i], &run->trace[i], &run->program[i],
                            run->topology[i], ctx);
    }
    return st;
}

static struct lh_report report_of(const struct lh_run *run)
{
    return (struct lh_report){
        .scenario = &run->scenario[LH_HERE],
        .program = &run->program[LH_HERE],
        .topology = run->topology[LH_HERE],
        .trace = &run->trace[LH_HERE],
        .result = &run->result[LH_HERE],
        .one_site =
            run->n_sides > LH_ONE_SITE ? &run->result[LH_ONE_SITE] : NULL,
        .validation = &run->validation,
        .rl = run->asked.rl.on ? &run->rl : NULL,
        .async = is_async(run) ? &run->async : NULL,
        .max_links = lh_output_find("json")->max_links,
    };
}

enum lh_status lh_run_simulate(struct lh_run *run, int jobs, struct lh_ctx *ctx)
{
    enum lh_status st = simulate_steps(run, jobs, ctx);

    if (st == LH_OK && run->asked.rl.on) {
        st = lh_loop_run(&run->rl, &run->asked, ctx);
    }
    if (st == LH_OK) {
        st = lh_family_error_read(&run->validation, &run->scenario[LH_HERE],
                                  ctx);
    }
    if (st == LH_OK) {
        lh_warn_of_memory(&run->program[LH_HERE], &run->scenario[LH_HERE],
                          run->result[LH_HERE].fits, ctx);
        run->report = report_of(run);
    }
    return st;
}

enum lh_status lh_run_file(struct lh_run **out, const char *path,
                           const struct lh_setting *settings, int n_settings,
                           struct lh_ctx *ctx)
{
    struct lh_scenario scenario;
    struct lh_run *run = NULL;
    enum lh_status st =
        lh_scenario_read(&scenario, path, settings, n_settings, ctx);

    if (st == LH_OK) {
        st = lh_run_build(&run, &scenario, ctx);
    }
    if (st == LH_OK) {
        st = lh_run_simulate(run, DEFAULT_JOBS, ctx);
    }
    if (st != LH_OK) {
        lh_run_free(run);
        run = NULL;
    }
    *out = run;
    return st;
}

double lh_run_figure(const struct lh_run *run, const char *name)
{
    struct lh_arena *arena = lh_arena_new();
    struct lh_figure figure;
    double value = NAN;

    for (int i = 0; lh_figure_at(&figure, i, arena); i++) {
        if (strcmp(figure.name, name) == 0) {
            value = lh_figure_value(&figure, &run->report);
            break;
        }
    }
    lh_arena_free(arena);
    return value;
}

void lh_run_free(struct lh_run *run)
{
    for (int i = 0; run != NULL && i < LH_SIDES; i++) {
        lh_topology_free(run->topology[i]);
        run->topology[i] = NULL;
    }
}
