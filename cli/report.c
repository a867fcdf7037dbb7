/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * --report and --plot of `longhaul run`: the runs that the pictures need beside
 * the scenario's own (variants of --vary; the heat map's are report_grid.c's),
 * and the files.
 */
#include <string.h>

#include "cli.h"

enum { OPTION_REPORT = 2000, OPTION_PLOT, OPTION_GRID, OPTION_VARY };
enum { VARIANTS_MAX = 16 };

static const struct argp_option options[] = {
    {"report", OPTION_REPORT, "FILE.html", 0,
     "Write a page with pictures of the result", 0},
    {"plot", OPTION_PLOT, "PREFIX", 0,
     "Write PREFIX-*.csv and PREFIX.gp, which gnuplot draws", 0},
    {"report-grid", OPTION_GRID, "NxM|off", 0,
     "Of the heat map: N bandwidths, M lengths of the fibres (7x7; 7x4 where "
     "a run takes long)",
     0},
    {"vary", OPTION_VARY, "KEY=A,B,..", 0,
     "Variants beside the scenario, in the page and the plots", 0},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

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

static bool is_asked(const struct lh__pictures *p)
{
    return p->html_path != NULL || p->plot_prefix != NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct lh__pictures *out = state->input;

    switch (key) {
    case ARGP_KEY_INIT: out->grid = lh__report_grid_default(); return 0;
    case OPTION_REPORT: out->html_path = arg; return 0;
    case OPTION_PLOT:
        check_plot(arg, state);
        out->plot_prefix = arg;
        return 0;
    case OPTION_GRID:
        lh__report_grid_read(&out->grid, arg, state);
        out->grid_asked = true;
        return 0;
    case OPTION_VARY:
        if (out->vary_text != NULL)
            argp_error(state, "one key at a time");
        out->vary_text = arg;
        return 0;
    case ARGP_KEY_END:
        if (out->vary_text != NULL && !is_asked(out))
            argp_error(state, "--vary goes with --report or --plot; longhaul "
                              "compare prints variants side by side");
        if (out->grid_asked && !is_asked(out))
            argp_error(state, "--report-grid goes with --report or --plot");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp lh__pictures_argp = {options, parse, 0, 0, 0, 0, 0};

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

static enum lh_status variants_run(struct lh__pictures *p,
                                   const struct lh__input *input, int jobs)
{
    struct lh_ctx *ctx = input->ctx;
    struct lh__baselines baselines = {.ctx = ctx};
    struct lh_vary vary;
    struct lh__point *points;
    enum lh_status st = variants_read(&vary, p, ctx);

    if (st != LH_OK)
        return st;
    points = LH_NEW(ctx->arena, struct lh__point, vary.n);
    p->bars = LH_NEW(ctx->arena, struct lh_report_bar, vary.n);
    p->n_bars = vary.n;
    for (int i = 0; i < vary.n; i++) {
        struct lh__input more =
            lh__input_with(input, vary.path, vary.values[i]);
        enum lh_status one;
        points[i].ctx = ctx;
        one = lh__point_build(&points[i], &more);
        st = st == LH_OK ? one : st;
        p->bars[i] = (struct lh_report_bar){
            .title = lh_format(ctx->arena, "%s=%s", vary.path, vary.values[i]),
            .result = &points[i].result};
    }
    if (st == LH_OK)
        st = lh__points_run(points, vary.n, &baselines, jobs);
    for (int i = 0; i < vary.n; i++) {
        if (st == LH_OK && points[i].rl != NULL)
            p->bars[i].loop = &points[i].rl->result;
        lh__stages_free(&points[i].stages);
    }
    lh__baselines_free(&baselines);
    return st;
}

/* ---- all ----------------------------------------------------------------- */

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
        st =
            lh__report_grid_run(&p->grid, &p->has_grid, here, jobs, input->ctx);
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
    struct lh_report_grid grid = p->grid;
    struct lh_report_page page = {.report = report,
                                  .n_bars = p->n_bars,
                                  .bars = p->bars,
                                  .grid = p->has_grid ? &grid : NULL};
    int status = LH__EXIT_OK;

    if (report->rl == NULL && report->one_site != NULL)
        grid.base_s = report->one_site->step_time_s;

    if (p->html_path != NULL)
        status = write_html(p, &page, ctx);
    if (p->plot_prefix != NULL && write_plots(p, &page, ctx) != LH__EXIT_OK)
        status = LH__EXIT_NO;
    return status;
}
