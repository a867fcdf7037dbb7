/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul compare: two or more scenarios side by side, or one with several
 * values of a key: where their time goes, and what makes the difference.
 */
#include <string.h>

#include "cli.h"

struct compare {
    struct lh__input input; /* --set and --data of all */
    const struct lh_compare_output *output;
    const char *vary_text;
    const char **paths;
    size_t n_paths, capacity;
    const char *report_path; /* NULL: none */
    struct lh_report_grid grid;
    int jobs;
    struct lh_vary vary;
    int n;
    struct lh__point *points;
    const char **titles;
    struct lh__baselines baselines;
};

enum {
    OPTION_VARY = 256,
    OPTION_REPORT,
    OPTION_GRID,
    OUTPUTS_MAX = 8,
    POINTS_MAX = 64
};

static const struct argp_option options[] = {
    {"vary", OPTION_VARY, "KEY=A,B,..", 0,
     "The same FILE with these values of a key; also KEY=LO..HI:xK and "
     "KEY=LO..HI:+S",
     0},
    {"output", 'o', "FORMAT", 0, "text (default), json, csv or markdown", 0},
    {"report", OPTION_REPORT, "FILE.html", 0,
     "Write a page with pictures: of the first, with bars of all and time "
     "lines of four",
     0},
    {"report-grid", OPTION_GRID, "NxM|off", 0,
     "Of its heat maps: N bandwidths, M lengths of the fibres (7x7; 7x4 where "
     "a run takes long)",
     0},
    {"jobs", 'j', "N", 0, "Simulate N points at a time (2)", 0},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

static const struct lh_compare_output *
read_output(const struct argp_state *state, const char *name)
{
    const struct lh_compare_output *output;
    const char *names[OUTPUTS_MAX];
    int n = 0;

    for (; n < OUTPUTS_MAX && (output = lh_compare_output_at(n)) != NULL; n++) {
        if (strcmp(output->name, name) == 0) {
            return output;
        }
        names[n] = output->name;
    }
    lh__choice_error(state, "output", name, names, n);
    return NULL;
}

static void add_path(struct compare *c, const char *path)
{
    c->paths = lh_grow(c->input.ctx->arena, c->paths, &c->capacity,
                       c->n_paths + 1, sizeof *c->paths);
    c->paths[c->n_paths++] = path;
    c->input.path = c->paths[0];
}

static void check_arguments(const struct compare *c,
                            const struct argp_state *state)
{
    if (c->n_paths > POINTS_MAX) {
        argp_error(state, "more than %d scenarios", POINTS_MAX);
    }
    if (c->vary_text != NULL && c->n_paths > 1) {
        argp_error(state, "--vary takes one scenario");
    }
    if (c->vary_text == NULL && c->n_paths == 1) {
        argp_error(state, "a second scenario is needed, or --vary KEY=A,B");
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct compare *c = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &c->input;
        c->grid = lh__report_grid_default();
        return 0;
    case OPTION_VARY:
        if (c->vary_text != NULL) {
            argp_error(state, "one key at a time");
        }
        c->vary_text = arg;
        return 0;
    case OPTION_REPORT: c->report_path = arg; return 0;
    case OPTION_GRID: lh__report_grid_read(&c->grid, arg, state); return 0;
    case 'o': c->output = read_output(state, arg); return 0;
    case 'j': c->jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case ARGP_KEY_ARG: add_path(c, arg); return 0;
    case ARGP_KEY_END: check_arguments(c, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- points -------------------------------------------------------------- */

static enum lh_status read_vary(struct compare *c)
{
    struct lh_ctx *ctx = c->input.ctx;
    enum lh_status st = lh_vary_read(&c->vary, c->vary_text, ctx);

    if (st == LH_OK && (c->vary.n < 2 || c->vary.n > POINTS_MAX)) {
        lh_error(ctx,
                 (struct lh_where){
                     lh_format(ctx->arena, "--vary %s", c->vary.path), 0, 0},
                 "%d values; compare takes 2 to %d, as in KEY=A,B", c->vary.n,
                 POINTS_MAX);
        st = LH_BAD_INPUT;
    }
    return st;
}

static struct lh__input input_of(struct compare *c, int i)
{
    struct lh__input input = c->input;

    if (c->vary_text == NULL) {
        input.path = c->paths[i];
        c->titles[i] = c->paths[i];
        return input;
    }
    c->titles[i] = lh_format(input.ctx->arena, "%s: %s=%s", c->paths[0],
                             c->vary.path, c->vary.values[i]);
    return lh__input_with(&input, c->vary.path, c->vary.values[i]);
}

/* All are built, so that the faults of all are said at once. */
static enum lh_status build(struct compare *c)
{
    struct lh_arena *arena = c->input.ctx->arena;
    enum lh_status st = LH_OK;

    if (c->vary_text != NULL) {
        st = read_vary(c);
    }
    if (st == LH_OK) {
        st = lh__input_load(&c->input);
    }
    if (st != LH_OK) {
        return st;
    }
    c->n = c->vary_text != NULL ? c->vary.n : (int)c->n_paths;
    c->points = LH_NEW(arena, struct lh__point, c->n);
    c->titles = LH_NEW(arena, const char *, c->n);
    for (int i = 0; i < c->n; i++) {
        struct lh__input input = input_of(c, i);
        enum lh_status one;
        c->points[i].ctx = c->input.ctx;
        one = lh__point_build(&c->points[i], &input);
        st = st == LH_OK ? one : st;
    }
    return st;
}

static struct lh_comparison compare(const struct compare *c)
{
    struct lh_ctx *ctx = c->input.ctx;
    struct lh_report *reports = LH_NEW(ctx->arena, struct lh_report, c->n);
    struct lh_comparison out;

    for (int i = 0; i < c->n; i++) {
        const struct lh__stages *stages = &c->points[i].stages;
        reports[i] = lh__point_report(&c->points[i]);
        lh_warn_of_memory(&stages->program, &stages->scenario,
                          c->points[i].result.fits, ctx);
        lh_warn_of_unlike_sites(&stages->scenario, ctx);
    }
    lh_compare(&out, reports, c->titles, c->n, ctx);
    return out;
}

int lh__cmd_compare(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        options,
        parse,
        "FILE FILE...\nFILE --vary KEY=A,B,..",
        "Simulates scenarios and prints them side by side: where the time of "
        "their steps goes, and what makes the difference.  --set applies to "
        "all of them.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct compare c = {.input = {.ctx = &ctx},
                        .output = lh_compare_output_at(0),
                        .jobs = 2,
                        .baselines = {.ctx = &ctx}};
    struct lh_comparison comparison;
    enum lh_status st;
    int status;

    argp_parse(&argp, argc, argv, 0, NULL, &c);
    st = build(&c);
    if (st == LH_OK && c.report_path != NULL
        && lh__file_touch(c.report_path) != LH__EXIT_OK) {
        st = LH_FAILED;
    }
    if (st == LH_OK) {
        st = lh__points_run(c.points, c.n, &c.baselines, c.jobs);
    }
    if (st == LH_OK) {
        comparison = compare(&c);
    }
    if (st == LH_OK && c.report_path != NULL) {
        const struct lh__compare_page page = {c.report_path, &comparison,
                                              c.points, c.grid, c.jobs};
        st = lh__compare_write(&page, &ctx);
    }
    lh__print_messages(&ctx);
    status = lh__exit_status(st);
    if (st == LH_OK) {
        struct lh_text text = lh_text_new(ctx.arena);
        c.output->write(&text, &comparison);
        if (lh__print_result(&text) != LH__EXIT_OK) {
            status = LH__EXIT_NO;
        }
    }
    for (int i = 0; i < c.n; i++) {
        lh__stages_free(&c.points[i].stages);
    }
    lh__baselines_free(&c.baselines);
    lh_ctx_end(&ctx);
    return status;
}
