/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * --report and --plot of `longhaul run`: the runs that the pictures need beside
 * the scenario's own (variants of --vary, bandwidth x length of the fibre), and
 * the files.
 *
 * The grid has bandwidths around the scenario's, each four times the one
 * before, and lengths from 1 km to 20,000 km with the scenario's own among
 * them; it is run where there is one fibre, or one rule that makes all.  A
 * point that is refused is empty.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "cli.h"

enum { OPTION_REPORT = 2000, OPTION_PLOT, OPTION_GRID, OPTION_VARY };
enum { GRID = 7, GRID_MAX = 12, VARIANTS_MAX = 16 };

static const struct argp_option options[] = {
    {"report", OPTION_REPORT, "FILE.html", 0,
     "Write a page with pictures of the result", 0},
    {"plot", OPTION_PLOT, "PREFIX", 0,
     "Write PREFIX-*.csv and PREFIX.gp, which gnuplot draws", 0},
    {"report-grid", OPTION_GRID, "NxM|off", 0,
     "Of the heat map: N bandwidths, M lengths of the fibre (7x7)", 0},
    {"vary", OPTION_VARY, "KEY=A,B,..", 0,
     "Variants beside the scenario, in the page and the plots", 0},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

static void read_grid(struct lh__pictures *out, const char *text,
                      const struct argp_state *state)
{
    const char *x = strchr(text, 'x');
    char first[8] = "";

    out->n_bandwidths = 0;
    if (strcmp(text, "off") == 0)
        return;
    if (x != NULL && x - text < (int)sizeof first)
        memcpy(first, text, (size_t)(x - text));
    out->n_bandwidths = lh__read_count(state, "--report-grid", first, 2);
    out->n_lengths =
        lh__read_count(state, "--report-grid", x != NULL ? x + 1 : "", 2);
    if (out->n_bandwidths > GRID_MAX || out->n_lengths > GRID_MAX)
        argp_error(state, "--report-grid has at most %dx%d points", GRID_MAX,
                   GRID_MAX);
}

/* A name that goes into a script of gnuplot's. */
static void check_plot(const char *prefix, const struct argp_state *state)
{
    for (const char *s = prefix; *s != '\0'; s++) {
        if ((unsigned char)*s < ' ')
            argp_error(state, "--plot: a control character in the name");
    }
    if (*prefix == '\0' || prefix[strlen(prefix) - 1] == '/')
        argp_error(state, "--plot needs a name, not '%s'", prefix);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct lh__pictures *out = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        out->n_bandwidths = GRID;
        out->n_lengths = GRID;
        return 0;
    case OPTION_REPORT: out->html_path = arg; return 0;
    case OPTION_PLOT:
        check_plot(arg, state);
        out->plot_prefix = arg;
        return 0;
    case OPTION_GRID: read_grid(out, arg, state); return 0;
    case OPTION_VARY:
        if (out->vary_text != NULL)
            argp_error(state, "one key at a time");
        out->vary_text = arg;
        return 0;
    case ARGP_KEY_END:
        if (out->vary_text != NULL && out->html_path == NULL
            && out->plot_prefix == NULL)
            argp_error(state, "--vary goes with --report or --plot; longhaul "
                              "compare prints variants side by side");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp lh__pictures_argp = {options, parse, 0, 0, 0, 0, 0};

static bool is_asked(const struct lh__pictures *p)
{
    return p->html_path != NULL || p->plot_prefix != NULL;
}

/* ---- runs ---------------------------------------------------------------- */

/* Scenarios that are built in one context, and simulated side by side. */
struct batch {
    struct lh_ctx *ctx;
    int n;
    struct lh__stages *stages;
    struct lh_trace *traces;
    enum lh_status *statuses;
};

static struct batch batch_new(struct lh_ctx *ctx, int n)
{
    return (struct batch){ctx, n, LH_NEW(ctx->arena, struct lh__stages, n),
                          LH_NEW(ctx->arena, struct lh_trace, n),
                          LH_NEW(ctx->arena, enum lh_status, n)};
}

static enum lh_status batch_build(struct batch *b, int i,
                                  const struct lh__input *input)
{
    b->statuses[i] = lh__stages_read(&b->stages[i], input);
    if (b->statuses[i] == LH_OK)
        b->statuses[i] = lh__stages_build(&b->stages[i], b->ctx);
    return b->statuses[i];
}

/* Those that are built; a failure leaves its status. */
static void batch_run(struct batch *b, int jobs)
{
    struct lh_sim_point *points =
        LH_NEW(b->ctx->arena, struct lh_sim_point, b->n);
    struct lh_trace *traces = LH_NEW(b->ctx->arena, struct lh_trace, b->n);
    enum lh_status *statuses = LH_NEW(b->ctx->arena, enum lh_status, b->n);
    enum lh_status first;
    int n = 0;

    for (int i = 0; i < b->n; i++) {
        if (b->statuses[i] == LH_OK)
            points[n++] = (struct lh_sim_point){&b->stages[i].scenario,
                                                &b->stages[i].program,
                                                b->stages[i].topology};
    }
    first = lh_sim_run_many(traces, statuses, points, n, jobs, b->ctx);
    (void)first; /* each has its own */
    n = 0;
    for (int i = 0; i < b->n; i++) {
        if (b->statuses[i] != LH_OK)
            continue;
        b->statuses[i] = statuses[n];
        b->traces[i] = traces[n++];
    }
}

static void batch_free(struct batch *b)
{
    for (int i = 0; i < b->n; i++)
        lh__stages_free(&b->stages[i]);
}

/* ---- variants ------------------------------------------------------------ */

static enum lh_status variants_read(struct lh_vary *vary,
                                    const struct lh__pictures *p,
                                    struct lh_ctx *ctx)
{
    enum lh_status st = lh_vary_read(vary, p->vary_text, ctx);

    if (st == LH_OK && (vary->n < 1 || vary->n > VARIANTS_MAX)) {
        lh_error(ctx,
                 (struct lh_where){
                     lh_format(ctx->arena, "--vary %s", vary->path), 0, 0},
                 "%d values; a report takes 1 to %d, as in KEY=A,B", vary->n,
                 VARIANTS_MAX);
        st = LH_BAD_INPUT;
    }
    return st;
}

static enum lh_status variants_result(struct lh__pictures *p, struct batch *b,
                                      int i, const char *title)
{
    struct lh_result *result = LH_NEW(b->ctx->arena, struct lh_result, 1);
    struct lh_sim_point point = {&b->stages[i].scenario, &b->stages[i].program,
                                 b->stages[i].topology};
    enum lh_status st = b->statuses[i];

    if (st != LH_OK) /* again, for its message */
        st = lh_sim_run(&b->traces[i], &point, b->ctx);
    if (st == LH_OK)
        st = lh_result_make(result, &b->traces[i], point.program,
                            point.topology, b->ctx);
    p->bars[i] = (struct lh_report_bar){title, result};
    return st;
}

static enum lh_status variants_run(struct lh__pictures *p,
                                   const struct lh__input *input, int jobs)
{
    struct lh_ctx *ctx = input->ctx;
    struct lh_vary vary;
    struct batch b;
    enum lh_status st = variants_read(&vary, p, ctx);

    if (st != LH_OK)
        return st;
    b = batch_new(ctx, vary.n);
    p->bars = LH_NEW(ctx->arena, struct lh_report_bar, vary.n);
    p->n_bars = vary.n;
    for (int i = 0; i < vary.n; i++) {
        struct lh__input more =
            lh__input_with(input, vary.path, vary.values[i]);
        enum lh_status one = batch_build(&b, i, &more);
        st = st == LH_OK ? one : st;
    }
    if (st == LH_OK)
        batch_run(&b, jobs);
    for (int i = 0; i < vary.n && st == LH_OK; i++)
        st = variants_result(
            p, &b, i,
            lh_format(ctx->arena, "%s=%s", vary.path, vary.values[i]));
    batch_free(&b);
    return st;
}

/* ---- the grid ------------------------------------------------------------ */

struct grid_keys {
    const char *bandwidth, *length;
};

/* False: there is no one fibre to vary. */
static bool grid_find(struct lh__pictures *p, struct grid_keys *keys,
                      const struct lh__stages *here)
{
    const struct lh_scenario *s = &here->scenario;
    struct lh_report_grid *g = &p->grid;

    if (p->n_bandwidths == 0 || here->asked.rl.on || s->n_sites < 2)
        return false;
    if (s->n_fibres == 1 && s->layout.kind == LH_LAYOUT_NONE) {
        lh_link fibre = lh_topology_first_fibre(here->topology);
        *keys = (struct grid_keys){"fibres[0].bandwidth", "fibres[0].length"};
        g->own_bytes_per_s = s->fibres[0].bytes_per_s;
        g->own_m = lh_topology_link_facts(here->topology, fibre).length_m;
    } else if (s->n_fibres == 0 && s->layout.kind != LH_LAYOUT_NONE
               && s->layout.kind != LH_LAYOUT_GRAPHML) {
        *keys =
            (struct grid_keys){"fibre_layout.bandwidth", "fibre_layout.length"};
        g->own_bytes_per_s = s->layout.bytes_per_s;
        g->own_m = fmax(s->layout.length_m, 0);
    } else {
        return false;
    }
    return isfinite(g->own_bytes_per_s);
}

/* Lengths have one significant digit. */
static double length_at(int i, int n)
{
    double m = 1e3 * pow(20000, (double)i / (n - 1));
    double digit = pow(10, floor(log10(m) + 1e-9));

    return digit * round(m / digit);
}

/* The one that is nearest to the scenario's becomes it. */
static void take_own_length(struct lh_report_grid *g)
{
    int nearest = 0;

    for (int k = 1; k < g->n_lengths; k++) {
        if (fabs(log(g->lengths_m[k] / g->own_m))
            < fabs(log(g->lengths_m[nearest] / g->own_m)))
            nearest = k;
    }
    g->lengths_m[nearest] = g->own_m;
}

static void grid_values(struct lh__pictures *p, struct lh_arena *arena)
{
    struct lh_report_grid *g = &p->grid;

    g->n_bandwidths = p->n_bandwidths;
    g->n_lengths = p->n_lengths;
    g->bandwidths_bytes_per_s = LH_NEW(arena, double, g->n_bandwidths);
    g->lengths_m = LH_NEW(arena, double, g->n_lengths);
    g->step_s =
        LH_NEW(arena, double, (size_t)g->n_bandwidths *(size_t)g->n_lengths);
    for (int i = 0; i < g->n_bandwidths; i++)
        g->bandwidths_bytes_per_s[i] =
            g->own_bytes_per_s * pow(4, i - g->n_bandwidths / 2);
    for (int k = 0; k < g->n_lengths; k++)
        g->lengths_m[k] = length_at(k, g->n_lengths);
    if (g->own_m > 0)
        take_own_length(g);
}

/* All bandwidths of one length; messages are dropped with their context. */
static void grid_row(struct lh__pictures *p, const struct grid_keys *keys,
                     int k, const struct lh__input *input, int jobs)
{
    struct lh_report_grid *g = &p->grid;
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__input own = *input;
    struct batch b = batch_new(&ctx, g->n_bandwidths);

    ctx.data_dir = input->ctx->data_dir;
    own.ctx = &ctx;
    own = lh__input_with(
        &own, keys->length,
        lh_units_canonical(ctx.arena, g->lengths_m[k], LH_DIM_LENGTH));
    for (int i = 0; i < g->n_bandwidths; i++) {
        struct lh__input more = lh__input_with(
            &own, keys->bandwidth,
            lh_units_canonical(ctx.arena, g->bandwidths_bytes_per_s[i],
                               LH_DIM_BANDWIDTH));
        enum lh_status st = batch_build(&b, i, &more);
        (void)st; /* the cell stays empty */
    }
    batch_run(&b, jobs);
    for (int i = 0; i < g->n_bandwidths; i++)
        g->step_s[k * g->n_bandwidths + i] =
            b.statuses[i] == LH_OK ? b.traces[i].step_time_s : NAN;
    batch_free(&b);
    lh_ctx_end(&ctx);
}

static void grid_run(struct lh__pictures *p, const struct lh__input *input,
                     const struct lh__stages *here, int jobs)
{
    struct grid_keys keys;
    struct timespec begin, end;

    p->has_grid = grid_find(p, &keys, here);
    if (!p->has_grid)
        return;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    grid_values(p, input->ctx->arena);
    for (int k = 0; k < p->grid.n_lengths; k++)
        grid_row(p, &keys, k, input, jobs);
    clock_gettime(CLOCK_MONOTONIC, &end);
    fprintf(stderr, "report: %d runs for the heat map, %.1f s\n",
            p->grid.n_bandwidths * p->grid.n_lengths,
            (double)(end.tv_sec - begin.tv_sec)
                + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
}

enum lh_status lh__pictures_run(struct lh__pictures *p,
                                const struct lh__input *input,
                                const struct lh__stages *here, int jobs)
{
    enum lh_status st = LH_OK;

    if (!is_asked(p))
        return LH_OK;
    if (p->html_path != NULL && lh__file_touch(p->html_path) != LH__EXIT_OK)
        return LH_FAILED;
    if (p->vary_text != NULL)
        st = variants_run(p, input, jobs);
    if (st == LH_OK)
        grid_run(p, input, here, jobs);
    return st;
}

/* ---- files --------------------------------------------------------------- */

static int write_html(const struct lh__pictures *p,
                      const struct lh_report_page *page, struct lh_ctx *ctx)
{
    struct lh_text text = lh_text_new(ctx->arena);

    if (lh_write_html(&text, page, ctx) != LH_OK)
        return LH__EXIT_NO;
    return lh__print_file(p->html_path, &text);
}

static int write_plots(const struct lh__pictures *p,
                       const struct lh_report_page *page, struct lh_ctx *ctx)
{
    const struct lh_figure_file *file;
    int status = LH__EXIT_OK;

    for (int i = 0; (file = lh_figure_file_at(i)) != NULL; i++) {
        struct lh_text text = lh_text_new(ctx->arena);
        const char *path =
            lh_format(ctx->arena, "%s%s", p->plot_prefix, file->ending);
        if (file->write(&text, page, p->plot_prefix)
            && lh__print_file(path, &text) != LH__EXIT_OK)
            status = LH__EXIT_NO;
    }
    return status;
}

int lh__pictures_write(const struct lh__pictures *p,
                       const struct lh_report *report, struct lh_ctx *ctx)
{
    struct lh_report_page page = {.report = report,
                                  .n_bars = p->n_bars,
                                  .bars = p->bars,
                                  .grid = p->has_grid ? &p->grid : NULL};
    int status = LH__EXIT_OK;

    if (p->html_path != NULL)
        status = write_html(p, &page, ctx);
    if (p->plot_prefix != NULL && write_plots(p, &page, ctx) != LH__EXIT_OK)
        status = LH__EXIT_NO;
    return status;
}
