/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul solve: how much of a key a target takes, by bisection over runs:
 * the smallest bandwidth, the longest distance, the largest number of steps
 * between two synchronisations (analysis/search.c says how).
 *
 * A value that the scenario does not take is an error where the user named it
 * or the search needs it; of a range that is the key's own it is left out.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct solve {
    struct lh__input input;
    const struct lh_solve_output *output;
    const char *vary_text, *target_text;
    bool batch_per_gpu;
    double resolution;
    int jobs;
    struct lh_vary vary;
    struct lh_target target;
    struct lh_search search;
    struct lh__baselines baselines;
    struct lh_scenario base; /* as the file and --set have it */
    int unfit;               /* values with which the plan does not fit */
};

enum {
    OPTION_VARY = 256,
    OPTION_TARGET,
    OPTION_RESOLUTION,
    OPTION_FIXED,
    OUTPUTS_MAX = 8
};

static const struct argp_option options[] = {
    {"vary", OPTION_VARY, "KEY[=LO..HI]", 0,
     "The key, and where to look; without a range all that the key may have.  "
     "LO..HI:xK, LO..HI:+S and A,B,C name the values that come into question",
     0},
    {"target", OPTION_TARGET, "FIGURE>=VALUE", 0,
     "What shall be reached, e.g. 'efficiency >= 0.95', 'step_time_s <= 5 s', "
     "'breakdown.wan_comm <= 100 ms'",
     0},
    {"resolution", OPTION_RESOLUTION, "SHARE", 0,
     "How near the answer is to the next value that fails (0.01)", 0},
    {"fixed", OPTION_FIXED, "WHAT", 0,
     "global-batch (default) or batch-per-gpu: what stays where the key "
     "changes the number of accelerators",
     0},
    {"output", 'o', "FORMAT", 0, "text (default), json, csv or markdown", 0},
    {"jobs", 'j', "N", 0, "Simulate N points at a time (2)", 0},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

static const struct lh_solve_output *read_output(const struct argp_state *state,
                                                 const char *name)
{
    const struct lh_solve_output *output;
    const char *names[OUTPUTS_MAX];
    int n = 0;

    for (; n < OUTPUTS_MAX && (output = lh_solve_output_at(n)) != NULL; n++) {
        if (strcmp(output->name, name) == 0) {
            return output;
        }
        names[n] = output->name;
    }
    lh__choice_error(state, "output", name, names, n);
    return NULL;
}

static double read_resolution(const struct argp_state *state, const char *text)
{
    char *end;
    double share = strtod(text, &end);

    if (*end != '\0' || !(share >= 1e-9) || !(share < 1)) {
        argp_error(state, "--resolution needs a share from 1e-9 to 1, not '%s'",
                   text);
    }
    return share;
}

static bool read_fixed(const struct argp_state *state, const char *text)
{
    static const char *const choices[] = {"global-batch", "batch-per-gpu"};

    for (int i = 0; i < 2; i++) {
        if (strcmp(text, choices[i]) == 0) {
            return i == 1;
        }
    }
    lh__choice_error(state, "--fixed", text, choices, 2);
    return false;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct solve *solve = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &solve->input; return 0;
    case OPTION_VARY:
        if (solve->vary_text != NULL) {
            argp_error(state, "one key at a time");
        }
        solve->vary_text = arg;
        return 0;
    case OPTION_TARGET: solve->target_text = arg; return 0;
    case OPTION_RESOLUTION:
        solve->resolution = read_resolution(state, arg);
        return 0;
    case OPTION_FIXED: solve->batch_per_gpu = read_fixed(state, arg); return 0;
    case 'o': solve->output = read_output(state, arg); return 0;
    case 'j': solve->jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case ARGP_KEY_END:
        if (solve->vary_text == NULL || solve->target_text == NULL) {
            argp_error(state, "--vary and --target are needed");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one value ----------------------------------------------------------- */

static int64_t accelerators(const struct lh_scenario *s)
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
static int64_t accelerators_at(const struct solve *solve, double value)
{
    int64_t n = accelerators(&solve->base);

    for (int i = 0; i < solve->base.n_sites; i++) {
        const char *path =
            lh_format(solve->input.ctx->arena, "sites[%d].gpus", i);
        if (strcmp(path, solve->vary.path) == 0) {
            n += (int64_t)value - solve->base.sites[i].gpus;
        }
    }
    return n;
}

/* The batch in proportion to the accelerators, where that is asked for. */
static struct lh__input with_batch(const struct solve *solve,
                                   const struct lh__input *input, double value)
{
    double batch = (double)solve->base.training.global_batch;
    int64_t gpus = accelerators(&solve->base);
    int64_t now = accelerators_at(solve, value);

    if (!solve->batch_per_gpu || now == gpus) {
        return *input;
    }
    return lh__input_with(input, "training.global_batch",
                          lh_format(input->ctx->arena, "%.0f",
                                    batch * (double)now / (double)gpus));
}

static void build(struct lh__point *point, double value,
                  const struct solve *solve)
{
    struct lh__input input = solve->input;

    input.ctx = point->ctx;
    input = lh__input_with(
        &input, solve->vary.path,
        lh_range_text(&solve->vary.range, value, point->ctx->arena));
    input = with_batch(solve, &input, value);
    if (lh__point_build(point, &input) == LH_FAILED) {
        lh_error(solve->input.ctx, LH_NOWHERE, "%s",
                 first_error(point->ctx, solve->input.ctx->arena));
    }
}

/* A value that was refused matters unless it came with the key's own range. */
static enum lh_status check_refused(const struct solve *solve, double value,
                                    const char *why, bool first_round)
{
    struct lh_ctx *ctx = solve->input.ctx;
    bool own_range = strchr(solve->vary_text, '=') == NULL;

    if (first_round && own_range) {
        return LH_OK;
    }
    lh_error(ctx,
             (struct lh_where){
                 lh_format(ctx->arena, "--vary %s", solve->vary.path), 0, 0},
             "%s: %s%s", lh_range_text(&solve->vary.range, value, ctx->arena),
             why,
             solve->vary.span ? "; name values that it takes, as in =LO..HI:+S"
                              : "");
    return LH_BAD_INPUT;
}

/* What came of a point goes into the search, its memory goes away. */
static enum lh_status take(struct solve *solve, struct lh__point *point,
                           double value, bool first_round)
{
    struct lh_arena *arena = solve->input.ctx->arena;
    struct lh_trial trial = {.value = value, .figure = NAN};
    enum lh_status st = point->status;

    if (point->status == LH_OK) {
        struct lh_report report = lh__point_report(point);
        solve->unfit += !point->result.fits;
        trial.figure = lh_figure_value(&solve->target.figure, &report);
        trial.loss = lh_loss_of(&report, arena);
        if (!isfinite(trial.figure)) {
            lh_error(solve->input.ctx, LH_NOWHERE,
                     "the scenario has no %s: efficiency needs several sites, "
                     "goodput `reliability', rl.* `rl'",
                     solve->target.figure.name);
            st = LH_BAD_INPUT;
        }
    } else if (point->status == LH_BAD_INPUT) {
        trial.loss.text = first_error(point->ctx, arena);
        st = check_refused(solve, value, trial.loss.text, first_round);
    }
    lh_search_add(&solve->search, &trial);
    lh__stages_free(&point->stages);
    lh_ctx_end(point->ctx);
    return st;
}

/* ---- rounds -------------------------------------------------------------- */

static enum lh_status run_round(struct solve *solve, const double *values,
                                int n)
{
    struct lh__point points[LH_SEARCH_ROUND] = {{.ctx = NULL}};
    struct lh_ctx contexts[LH_SEARCH_ROUND];
    bool first_round = solve->search.n_trials == 0;
    enum lh_status st = LH_OK;

    for (int i = 0; i < n; i++) {
        contexts[i] = lh_ctx_begin();
        contexts[i].data_dir = solve->input.ctx->data_dir;
        points[i].ctx = &contexts[i];
        build(&points[i], values[i], solve);
    }
    if (lh__points_run(points, n, &solve->baselines, solve->jobs)
        == LH_FAILED) {
        st = LH_FAILED;
    }
    for (int i = 0; i < n; i++) {
        enum lh_status one = take(solve, &points[i], values[i], first_round);
        st = st == LH_OK ? one : st;
    }
    return st;
}

static void warn_of_memory(const struct solve *solve)
{
    if (solve->unfit > 0) {
        lh_warn(solve->input.ctx, LH_NOWHERE,
                "the plan does not fit into memory with %d of %d values of %s",
                solve->unfit, solve->search.n_trials, solve->vary.path);
    }
}

/* The scenario as it stands, for its messages and its batch. */
static enum lh_status read_base(struct solve *solve)
{
    struct lh__stages stages;
    enum lh_status st = lh__input_load(&solve->input);

    if (st == LH_OK) {
        st = lh__stages_read(&stages, &solve->input);
    }
    if (st == LH_OK) {
        solve->base = stages.scenario;
        lh__warn_of_unlike_sites(&solve->base, solve->input.ctx);
        st = lh__stages_build(&stages, solve->input.ctx);
        lh__stages_free(&stages);
    }
    return st;
}

static enum lh_status search(struct solve *solve)
{
    struct lh_ctx *ctx = solve->input.ctx;
    double values[LH_SEARCH_ROUND];
    enum lh_status vary_st = lh_vary_read(&solve->vary, solve->vary_text, ctx);
    enum lh_status st = lh_target_read(&solve->target, solve->target_text, ctx);
    int n;

    st = vary_st == LH_OK ? st : vary_st;
    if (st == LH_OK) {
        st = lh_search_begin(&solve->search, &solve->vary, &solve->target,
                             solve->resolution, ctx);
    }
    if (st == LH_OK) {
        st = read_base(solve);
    }
    while (st == LH_OK && (n = lh_search_next(&solve->search, values)) > 0) {
        st = run_round(solve, values, n);
    }
    warn_of_memory(solve);
    return st;
}

static const char *batch_text(const struct solve *solve)
{
    struct lh_arena *arena = solve->input.ctx->arena;
    int64_t batch = solve->base.training.global_batch;

    if (solve->batch_per_gpu) {
        return lh_format(arena, "fixed batch per accelerator: %.4g sequences",
                         (double)batch / (double)accelerators(&solve->base));
    }
    if (solve->base.rl.on) {
        return lh_format(arena,
                         "fixed batch: %" PRId64 " samples a step of the loop",
                         solve->base.rl.prompts * solve->base.rl.samples);
    }
    if (strcmp(solve->vary.path, "training.global_batch") == 0) {
        return "no fixed batch: it is what varies";
    }
    return lh_format(arena, "fixed global batch: %" PRId64 " sequences", batch);
}

static int print(const struct solve *solve)
{
    struct lh_text text = lh_text_new(solve->input.ctx->arena);
    struct lh_solution solution;
    struct lh_solve_report report = {&solve->search, &solution, &solve->base,
                                     batch_text(solve)};
    int status;

    lh_search_solution(&solution, &solve->search);
    solve->output->write(&text, &report);
    status = lh__print_result(&text);
    return status == LH__EXIT_OK && !solution.reached ? LH__EXIT_NO : status;
}

int lh__cmd_solve(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        options,
        parse,
        "FILE",
        "Finds the smallest (or largest, where the figure gets worse with it) "
        "value of a key that reaches the target, by bisection over runs of the "
        "scenario FILE.  Exit status 1 where no value reaches it, with the "
        "reason.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct solve solve = {.input = {.ctx = &ctx},
                          .output = lh_solve_output_at(0),
                          .resolution = 0.01,
                          .jobs = 2,
                          .baselines = {.ctx = &ctx}};
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &solve);
    st = search(&solve);
    if (st == LH_OK && solve.search.n_trials > 0) {
        struct lh_solution solution;
        lh_search_solution(&solution, &solve.search);
        if (!isfinite(solution.best.figure)
            || solution.best.loss.text == NULL) {
            lh_error(&ctx, LH_NOWHERE, "no value of %s is accepted: %s",
                     solve.vary.path, solve.search.trials[0].loss.text);
            st = LH_BAD_INPUT;
        }
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = print(&solve);
    }
    lh__baselines_free(&solve.baselines);
    lh_ctx_end(&ctx);
    return status;
}
