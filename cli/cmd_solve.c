/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul solve: how much of a key a target takes, by bisection over runs:
 * the smallest bandwidth, the longest distance, the largest number of steps
 * between two synchronisations (analysis/search.c says how).
 *
 * Several targets share their runs; with --each the answers for one value of
 * another key are where the search for the next begins.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seek.h"

struct solve {
    struct lh__seek seek;
    const struct lh_solve_output *output, *extreme_output;
    const char *target_texts[LH__TARGETS_MAX];
    int target_options[LH__TARGETS_MAX]; /* that these were given with */
    const char *each_text, *near_text;   /* NULL: none */
    double resolution;
    struct lh_target targets[LH__TARGETS_MAX];
    struct lh_vary each;
    double nears[LH__TARGETS_MAX]; /* 0: none */
    struct lh_text text;
    int n_answers;
    bool is_json; /* a list of answers */
    bool all_reached;
};

enum {
    OPTION_VARY = 256,
    OPTION_TARGET,
    OPTION_RESOLUTION,
    OPTION_FIXED,
    OPTION_EACH,
    OPTION_NEAR,
    OPTION_MAXIMISE,
    OPTION_MINIMISE,
    OUTPUTS_MAX = 8
};

static const struct argp_option options[] = {
    {"vary", OPTION_VARY, "KEY[=LO..HI]", 0,
     "The key, and where to look; without a range all that the key may have.  "
     "LO..HI:xK, LO..HI:+S and A,B,C name the values that come into question",
     0},
    {"target", OPTION_TARGET, "FIGURE>=VALUE", 0,
     "What shall be reached, e.g. 'efficiency >= 0.95', 'step_time_s <= 5 s', "
     "'breakdown.wan_comm <= 100 ms'; up to four, which share their runs",
     0},
    {"maximise", OPTION_MAXIMISE, "FIGURE", 0,
     "Instead of a target, or beside one: the value with which the figure is "
     "largest, e.g. rl.tokens_trained_per_s; of a list of numbers all are tried",
     0},
    {"minimise", OPTION_MINIMISE, "FIGURE", 0,
     "The value with which it is smallest", 0},
    {"each", OPTION_EACH, "KEY=A,B,..", 0,
     "Answer for each of these values of another key, beginning near the "
     "answer before",
     0},
    {"near", OPTION_NEAR, "VALUE", 0,
     "Begin near this value, not at the ends of the range", 0},
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

/* For targets, and for what is maximised. */
static void read_outputs(struct solve *solve, const struct argp_state *state,
                         const char *name)
{
    int i = 0;

    solve->output = read_output(state, name);
    while (lh_solve_output_at(i) != solve->output) {
        i++;
    }
    solve->extreme_output = lh_extreme_output_at(i);
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
    struct lh__seek *seek = &solve->seek;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &seek->input; return 0;
    case OPTION_VARY:
        if (seek->vary_text != NULL) {
            argp_error(state, "one key at a time");
        }
        seek->vary_text = arg;
        return 0;
    case OPTION_TARGET:
    case OPTION_MAXIMISE:
    case OPTION_MINIMISE:
        if (seek->n_targets == LH__TARGETS_MAX) {
            argp_error(state, "at most %d targets", LH__TARGETS_MAX);
        }
        solve->target_options[seek->n_targets] = key;
        solve->target_texts[seek->n_targets++] = arg;
        return 0;
    case OPTION_EACH: solve->each_text = arg; return 0;
    case OPTION_NEAR: solve->near_text = arg; return 0;
    case OPTION_RESOLUTION:
        solve->resolution = read_resolution(state, arg);
        return 0;
    case OPTION_FIXED: seek->batch_per_gpu = read_fixed(state, arg); return 0;
    case 'o': read_outputs(solve, state, arg); return 0;
    case 'j': seek->jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case ARGP_KEY_END:
        if (seek->vary_text == NULL || seek->n_targets == 0) {
            argp_error(
                state,
                "--vary and --target, --maximise or --minimise are needed");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- answers ---------------------------------------------------------------
 */

static const char *batch_text(const struct lh__seek *seek)
{
    struct lh_arena *arena = seek->input.ctx->arena;
    int64_t batch = seek->base.training.global_batch;

    if (seek->batch_per_gpu) {
        return lh_format(arena, "fixed batch per accelerator: %.4g sequences",
                         (double)batch / (double)lh__accelerators(&seek->base));
    }
    if (seek->base.rl.on) {
        return lh_format(arena,
                         "fixed batch: %" PRId64 " samples a step of the loop",
                         seek->base.rl.prompts * seek->base.rl.samples);
    }
    if (strcmp(seek->vary.path, "training.global_batch") == 0) {
        return "no fixed batch: it is what varies";
    }
    return lh_format(arena, "fixed global batch: %" PRId64 " sequences", batch);
}

/* No value was accepted at all. */
static enum lh_status check_accepted(const struct lh__seek *seek,
                                     const struct lh_search *search)
{
    struct lh_solution solution;

    if (search->n_trials == 0) {
        return LH_OK;
    }
    lh_search_solution(&solution, search);
    if (isfinite(solution.best.figure) && solution.best.loss.text != NULL) {
        return LH_OK;
    }
    lh_error(seek->input.ctx, LH_NOWHERE, "no value of %s is accepted: %s",
             seek->vary.path, search->trials[0].loss.text);
    return LH_BAD_INPUT;
}

/* Where the search for another value of --each begins: in the middle of what
 * is left of the range, so that the same answer is found at once. */
static double near_of(const struct lh_solution *solution)
{
    double middle = sqrt(solution->answer.value * solution->beyond.value);

    if (!solution->reached) {
        return solution->best.value;
    }
    return middle > 0 ? middle : solution->answer.value;
}

/* All answers of a run of searches, behind those before. */
static enum lh_status add_answers(struct solve *solve,
                                  const struct lh__seek *seek)
{
    enum lh_status st = LH_OK;

    for (int t = 0; t < seek->n_targets && st == LH_OK; t++) {
        const struct lh_search *search = &seek->searches[t];
        struct lh_solve_report report = {.search = search,
                                         .scenario = &seek->base,
                                         .batch = batch_text(seek)};
        struct lh_solution solution;
        struct lh_extreme extreme;
        st = check_accepted(seek, search);
        if (st != LH_OK) {
            break;
        }
        lh_search_solution(&solution, search);
        report.solution = &solution;
        if (solve->n_answers > 0) {
            lh_text_add(&solve->text, solve->is_json ? "," : "\n");
        }
        if (search->target.extreme) {
            lh_extreme_make(&extreme, search);
            report.extreme = &extreme;
            solve->extreme_output->write(&solve->text, &report);
            solve->n_answers++;
            continue;
        }
        solve->output->write(&solve->text, &report);
        solve->n_answers++;
        solve->all_reached &= solution.reached;
        if (seek->vary.span) {
            solve->nears[t] = near_of(&solution);
        }
    }
    return st;
}

/* ---- searches --------------------------------------------------------------
 */

static enum lh_status read_near(struct solve *solve)
{
    struct lh_ctx *ctx = solve->seek.input.ctx;
    const struct lh_vary *vary = &solve->seek.vary;
    struct lh_where where = {"--near", 0, 0};
    const char *why;
    double value;

    if (solve->near_text == NULL) {
        return LH_OK;
    }
    if (!vary->span) {
        lh_error(ctx, where, "it needs a range of numbers, not a list");
        return LH_BAD_INPUT;
    }
    if (lh_units_read(&value, solve->near_text, vary->range.dimension,
                      ctx->arena, &why)
        != LH_OK) {
        lh_error(ctx, where, "%s", why);
        return LH_BAD_INPUT;
    }
    if (!(value > 0) || value < vary->lo || value > vary->hi) {
        lh_error(ctx, where, "%s is not within the range of --vary",
                 solve->near_text);
        return LH_BAD_INPUT;
    }
    for (int t = 0; t < solve->seek.n_targets; t++) {
        solve->nears[t] = value;
    }
    return LH_OK;
}

static enum lh_status read_target(struct solve *solve, int t)
{
    struct lh_ctx *ctx = solve->seek.input.ctx;
    const char *text = solve->target_texts[t];
    int option = solve->target_options[t];

    if (option == OPTION_TARGET) {
        return lh_target_read(&solve->targets[t], text, ctx);
    }
    return lh_extreme_read(
        &solve->targets[t], text, option == OPTION_MAXIMISE,
        option == OPTION_MAXIMISE ? "--maximise" : "--minimise", ctx);
}

static enum lh_status read_options(struct solve *solve)
{
    struct lh__seek *seek = &solve->seek;
    struct lh_ctx *ctx = seek->input.ctx;
    enum lh_status st = lh_vary_read(&seek->vary, seek->vary_text, ctx);
    enum lh_status other;

    for (int t = 0; t < seek->n_targets; t++) {
        other = read_target(solve, t);
        st = st == LH_OK ? other : st;
    }
    if (solve->each_text != NULL) {
        other = lh_vary_read(&solve->each, solve->each_text, ctx);
        st = st == LH_OK ? other : st;
        if (other == LH_OK && solve->each.n < 1) {
            lh_error(ctx, (struct lh_where){"--each", 0, 0},
                     "it needs values, as in KEY=A,B");
            st = LH_BAD_INPUT;
        }
    }
    if (st == LH_OK) {
        st = read_near(solve);
    }
    return st == LH_OK ? lh__input_load(&seek->input) : st;
}

/* With value i of --each, from the answers before. */
static enum lh_status search(struct solve *solve, int i)
{
    struct lh__seek seek = solve->seek;
    enum lh_status st = LH_OK;

    if (solve->each_text != NULL) {
        seek.input = lh__input_with(&seek.input, solve->each.path,
                                    solve->each.values[i]);
    }
    for (int t = 0; t < seek.n_targets && st == LH_OK; t++) {
        st = lh_search_begin(&seek.searches[t], &seek.vary, &solve->targets[t],
                             solve->resolution, seek.input.ctx);
        seek.searches[t].near = solve->nears[t];
    }
    if (st == LH_OK) {
        st = lh__seek_run(&seek);
    }
    return st == LH_OK ? add_answers(solve, &seek) : st;
}

static enum lh_status search_all(struct solve *solve)
{
    enum lh_status st = read_options(solve);
    int n = solve->each_text != NULL ? solve->each.n : 1;

    solve->is_json = strcmp(solve->output->name, "json") == 0
                     && n * solve->seek.n_targets > 1;
    if (solve->is_json) {
        lh_text_add(&solve->text, "[");
    }
    for (int i = 0; i < n && st == LH_OK; i++) {
        st = search(solve, i);
    }
    if (solve->is_json) {
        lh_text_add(&solve->text, "]\n");
    }
    return st;
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
        "scenario FILE; or the value with which a figure is best.  Exit status "
        "1 where no value reaches it, with the "
        "reason.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__baselines baselines = {.ctx = &ctx};
    struct solve solve = {
        .seek = {.input = {.ctx = &ctx}, .jobs = 2, .baselines = &baselines},
        .output = lh_solve_output_at(0),
        .extreme_output = lh_extreme_output_at(0),
        .resolution = 0.01,
        .text = lh_text_new(ctx.arena),
        .all_reached = true};
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &solve);
    st = search_all(&solve);
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        status = lh__print_result(&solve.text);
        status =
            status == LH__EXIT_OK && !solve.all_reached ? LH__EXIT_NO : status;
    }
    lh__baselines_free(&baselines);
    lh_ctx_end(&ctx);
    return status;
}
