/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The searches of `solve`, round by round: the values that a search asks for
 * are simulated side by side, each in a child of a parent that has built them
 * and has their one-site baselines, and told to the searches of all targets
 * (analysis/search.c).  A child hands back figures and words, no trace.
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
    point->status = lh__point_build(point, &input);
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

/* ---- in a child ---------------------------------------------------------- */

/* What came of a value, for the parent. */
struct lh__seek_outcome {
    enum lh_status status;
    bool fits;
    char message[1024]; /* why there is none */
    struct {
        double figure;
        char kind[64], text[1024];
    } target[LH__TARGETS_MAX];
};

struct round {
    struct lh__seek *seek;
    struct lh__point *points;
    struct lh__seek_outcome *outcomes; /* shared */
};

static void put_target(struct lh__seek_outcome *out,
                       const struct lh__seek *seek, int t,
                       const struct lh__point *point)
{
    const struct lh_target *target = &seek->searches[t].target;
    struct lh_report report = lh__point_report(point);
    struct lh_loss loss = lh_target_loss(target, &report, point->ctx->arena);

    out->target[t].figure = lh_figure_value(&target->figure, &report);
    snprintf(out->target[t].kind, sizeof out->target[t].kind, "%s", loss.kind);
    snprintf(out->target[t].text, sizeof out->target[t].text, "%s", loss.text);
}

static int work(void *data, int task, int slot)
{
    const struct round *round = data;
    const struct lh__seek *seek = round->seek;
    struct lh__point *point = &round->points[task];
    struct lh__seek_outcome *out = &round->outcomes[task];

    (void)slot;
    if (point->status == LH_OK) {
        point->status =
            lh__stages_simulate(&point->result, &point->stages, point->ctx);
    }
    out->status = lh__loop_point(point, seek->baselines);
    if (out->status != LH_OK) {
        snprintf(out->message, sizeof out->message, "%s",
                 first_error(point->ctx, point->ctx->arena));
        return 0;
    }
    out->fits = point->result.fits;
    for (int t = 0; t < seek->n_targets; t++) {
        put_target(out, seek, t, point);
    }
    return 0;
}

/* One that died did not say so itself. */
static bool done(void *data, int task, int slot, int wait_status)
{
    const struct round *round = data;
    struct lh__seek_outcome *out = &round->outcomes[task];

    (void)slot;
    if (wait_status != 0) {
        out->status = LH_FAILED;
        snprintf(out->message, sizeof out->message, "a simulation died (%d)",
                 wait_status);
    }
    return true;
}

/* ---- in the parent ------------------------------------------------------- */

/* The figure of a target; a scenario that has none is an error. */
static enum lh_status check_figure(struct lh__seek *seek,
                                   const struct lh_search *search,
                                   double figure)
{
    if (isfinite(figure)) {
        return LH_OK;
    }
    lh_error(seek->input.ctx, LH_NOWHERE,
             "the scenario has no %s: efficiency needs several sites, "
             "goodput `reliability', rl.* `rl', equal loss a published "
             "figure or `sync.tokens_factor'",
             search->target.figure.name);
    return LH_BAD_INPUT;
}

/* What came of a value goes into the searches. */
static enum lh_status take(struct lh__seek *seek,
                           const struct lh__seek_outcome *out, double value,
                           bool first_round)
{
    struct lh_ctx *ctx = seek->input.ctx;
    enum lh_status st = out->status;

    if (st == LH_FAILED) {
        lh_error(ctx, LH_NOWHERE, "%s", out->message);
    } else if (st == LH_BAD_INPUT) {
        st = check_refused(seek, value, out->message, first_round);
    } else {
        seek->unfit += !out->fits;
    }
    for (int t = 0; t < seek->n_targets; t++) {
        struct lh_search *search = &seek->searches[t];
        struct lh_trial trial = {.value = value, .figure = NAN};
        if (out->status == LH_OK) {
            trial.figure = out->target[t].figure;
            trial.loss.kind = lh_strdup(ctx->arena, out->target[t].kind);
            trial.loss.text = lh_strdup(ctx->arena, out->target[t].text);
            enum lh_status one = check_figure(seek, search, trial.figure);
            st = st == LH_OK ? one : st;
        } else if (out->status == LH_BAD_INPUT) {
            trial.loss.text = lh_strdup(ctx->arena, out->message);
        }
        lh_search_add(search, &trial);
    }
    return st;
}

/* ---- rounds -------------------------------------------------------------- */

/* What the points share is simulated before the children are forked. */
static void run_shared(const struct lh__seek *seek, struct lh__point *points,
                       int n)
{
    lh__baselines_run(points, n, seek->baselines, seek->jobs);
    for (int i = 0; i < n; i++) {
        lh__loop_near(&points[i], seek->baselines);
    }
}

static enum lh_status run_round(struct lh__seek *seek, const double *values,
                                int n)
{
    struct lh__point points[LH_SEARCH_ROUND] = {{.ctx = NULL}};
    struct lh_ctx contexts[LH_SEARCH_ROUND];
    struct round round = {seek, points, seek->outcomes};
    struct lh__pool pool = {
        .n = n, .jobs = seek->jobs, .data = &round, .work = work, .done = done};
    bool first_round = seek->searches[0].n_trials == 0;
    enum lh_status st;

    for (int i = 0; i < n; i++) {
        contexts[i] = lh_ctx_begin();
        contexts[i].data_dir = seek->input.ctx->data_dir;
        points[i].ctx = &contexts[i];
        build(&points[i], values[i], seek);
        seek->outcomes[i] = (struct lh__seek_outcome){
            .status = LH_FAILED, .message = "a simulation did not begin"};
    }
    run_shared(seek, points, n);
    st = lh__pool_run(&pool, seek->input.ctx);
    for (int i = 0; i < n; i++) {
        enum lh_status one =
            take(seek, &seek->outcomes[i], values[i], first_round);
        st = st == LH_OK ? one : st;
        lh__stages_free(&points[i].stages);
        lh_ctx_end(&contexts[i]);
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

    seek->outcomes = lh__pool_memory(LH_SEARCH_ROUND * sizeof *seek->outcomes,
                                     seek->input.ctx);
    if (seek->outcomes == NULL) {
        return LH_FAILED;
    }
    for (int t = 0; t < seek->n_targets; t++) {
        while (st == LH_OK
               && (n = lh_search_next(&seek->searches[t], values)) > 0) {
            st = run_round(seek, values, n);
        }
    }
    warn_of_memory(seek);
    return st;
}
