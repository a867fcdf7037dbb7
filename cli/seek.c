/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The searches of `solve`, round by round: the values that a search asks for
 * are simulated side by side (cli/points.c) and told to the searches of all
 * targets (analysis/search.c).
 *
 * A value that the scenario does not take is an error where the user named it
 * or the search needs it; of a range that is the key's own it is left out.
 */
#include "seek.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- one value ----------------------------------------------------------- */

int64_t lh__accelerators(const struct lh_scenario *s)
{
    int64_t n = 0;

    for (int i = 0; i < s->n_sites; i++) {
        n += s->sites[i].gpus;
    }
    return n;
}

static const char *first_error(const struct lh_ctx *ctx, struct lh_arena *to)
{
    for (int i = 0; i < lh_diag_total(ctx); i++) {
        const struct lh_message *m = lh_diag_at(ctx, i);
        if (m->severity == LH_ERROR) {
            return lh_strdup(to, m->text);
        }
    }
    return "it failed";
}

/* Accelerators in all where the key has this value: sites[i].gpus is the only
 * key that changes their number. */
static int64_t accelerators_at(const struct lh__seek *seek, double value)
{
    int64_t n = lh__accelerators(&seek->base);

    for (int i = 0; i < seek->base.n_sites; i++) {
        const char *path =
            lh_format(seek->input.ctx->arena, "sites[%d].gpus", i);
        if (strcmp(path, seek->vary.path) == 0) {
            n += (int64_t)value - seek->base.sites[i].gpus;
        }
    }
    return n;
}

/* The batch in proportion to the accelerators, where that is asked for. */
static struct lh__input with_batch(const struct lh__seek *seek,
                                   const struct lh__input *input, double value)
{
    double batch = (double)seek->base.training.global_batch;
    int64_t gpus = lh__accelerators(&seek->base);
    int64_t now = accelerators_at(seek, value);

    if (!seek->batch_per_gpu || now == gpus) {
        return *input;
    }
    return lh__input_with(input, "training.global_batch",
                          lh_format(input->ctx->arena, "%.0f",
                                    batch * (double)now / (double)gpus));
}

static void build(struct lh__point *point, double value,
                  const struct lh__seek *seek)
{
    struct lh__input input = seek->input;

    input.ctx = point->ctx;
    input = lh__input_with(
        &input, seek->vary.path,
        lh_range_text(&seek->vary.range, value, point->ctx->arena));
    input = with_batch(seek, &input, value);
    if (lh__point_build(point, &input) == LH_FAILED) {
        lh_error(seek->input.ctx, LH_NOWHERE, "%s",
                 first_error(point->ctx, seek->input.ctx->arena));
    }
}

/* A value that was refused matters unless it came with the key's own range. */
static enum lh_status check_refused(const struct lh__seek *seek, double value,
                                    const char *why, bool first_round)
{
    struct lh_ctx *ctx = seek->input.ctx;
    bool own_range = strchr(seek->vary_text, '=') == NULL;

    if (first_round && own_range) {
        return LH_OK;
    }
    lh_error(
        ctx,
        (struct lh_where){lh_format(ctx->arena, "--vary %s", seek->vary.path),
                          0, 0},
        "%s: %s%s", lh_range_text(&seek->vary.range, value, ctx->arena), why,
        seek->vary.span ? "; name values that it takes, as in =LO..HI:+S" : "");
    return LH_BAD_INPUT;
}

/* The figure of a target; a scenario that has none is an error. */
static enum lh_status add_trial(struct lh__seek *seek, struct lh_search *search,
                                const struct lh__point *point,
                                struct lh_trial trial)
{
    enum lh_status st = point->status;

    trial.figure = NAN;
    if (point->status == LH_OK) {
        struct lh_report report = lh__point_report(point);
        trial.figure = lh_figure_value(&search->target.figure, &report);
        if (!isfinite(trial.figure)) {
            lh_error(seek->input.ctx, LH_NOWHERE,
                     "the scenario has no %s: efficiency needs several sites, "
                     "goodput `reliability', rl.* `rl', equal loss a published "
                     "figure or `sync.tokens_factor'",
                     search->target.figure.name);
            st = LH_BAD_INPUT;
        }
    }
    lh_search_add(search, &trial);
    return st;
}

/* What came of a point goes into the searches, its memory goes away. */
static enum lh_status take(struct lh__seek *seek, struct lh__point *point,
                           double value, bool first_round)
{
    struct lh_arena *arena = seek->input.ctx->arena;
    struct lh_trial trial = {.value = value};
    enum lh_status st = point->status;

    if (point->status == LH_OK) {
        struct lh_report report = lh__point_report(point);
        seek->unfit += !point->result.fits;
        trial.loss = lh_loss_of(&report, arena);
    } else if (point->status == LH_BAD_INPUT) {
        trial.loss.text = first_error(point->ctx, arena);
        st = check_refused(seek, value, trial.loss.text, first_round);
    }
    for (int t = 0; t < seek->n_targets; t++) {
        enum lh_status one = add_trial(seek, &seek->searches[t], point, trial);
        st = point->status == LH_OK && st == LH_OK ? one : st;
    }
    lh__stages_free(&point->stages);
    lh_ctx_end(point->ctx);
    return st;
}

/* ---- rounds -------------------------------------------------------------- */

static enum lh_status run_round(struct lh__seek *seek, const double *values,
                                int n)
{
    struct lh__point points[LH_SEARCH_ROUND] = {{.ctx = NULL}};
    struct lh_ctx contexts[LH_SEARCH_ROUND];
    bool first_round = seek->searches[0].n_trials == 0;
    enum lh_status st = LH_OK;

    for (int i = 0; i < n; i++) {
        contexts[i] = lh_ctx_begin();
        contexts[i].data_dir = seek->input.ctx->data_dir;
        points[i].ctx = &contexts[i];
        build(&points[i], values[i], seek);
    }
    if (lh__points_run(points, n, seek->baselines, seek->jobs) == LH_FAILED) {
        st = LH_FAILED;
    }
    for (int i = 0; i < n; i++) {
        enum lh_status one = take(seek, &points[i], values[i], first_round);
        st = st == LH_OK ? one : st;
    }
    return st;
}

static void warn_of_memory(const struct lh__seek *seek)
{
    if (seek->unfit > 0) {
        lh_warn(seek->input.ctx, LH_NOWHERE,
                "the plan does not fit into memory with %d of %d values of %s",
                seek->unfit, seek->searches[0].n_trials, seek->vary.path);
    }
}

/* The scenario as it stands, for its messages and its batch. */
static enum lh_status read_base(struct lh__seek *seek)
{
    struct lh__stages stages;
    enum lh_status st = lh__stages_read(&stages, &seek->input);

    if (st == LH_OK) {
        seek->base = stages.scenario;
        lh_warn_of_unlike_sites(&seek->base, seek->input.ctx);
        st = lh__stages_build(&stages, seek->input.ctx);
        lh__stages_free(&stages);
    }
    return st;
}

enum lh_status lh__seek_run(struct lh__seek *seek)
{
    double values[LH_SEARCH_ROUND];
    enum lh_status st = read_base(seek);
    int n;

    for (int t = 0; t < seek->n_targets; t++) {
        while (st == LH_OK
               && (n = lh_search_next(&seek->searches[t], values)) > 0) {
            st = run_round(seek, values, n);
        }
    }
    warn_of_memory(seek);
    return st;
}
