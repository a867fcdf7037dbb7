/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The page of `longhaul compare --report`: that of the first scenario, with
 * bars of all, what makes them differ, and of the first few their time lines
 * and heat maps.
 *
 * The comparison has kept no traces, so what the time lines show is simulated
 * again.  A scenario that differs in nothing but its fibres has the heat map of
 * the first, which is not drawn twice.
 * Place: between cmd_compare.c and the page's writer.  Leaves out: maps, links
 * and memory of all but the first.
 */
#include <string.h>

#include "cli.h"

enum { PICTURED = 4 };

/* ---- what compare has not kept --------------------------------------------
 */

static enum lh_status retrace(struct lh_report *report,
                              const struct lh__stages *stages,
                              struct lh_ctx *ctx)
{
    struct lh_sim_point point = {&stages->scenario, &stages->program,
                                 stages->topology};
    struct lh_trace *trace = LH_NEW(ctx->arena, struct lh_trace, 1);
    enum lh_status st = lh_sim_run(trace, &point, ctx);

    report->trace = trace;
    if (st == LH_OK && stages->asked.rl.on) {
        struct lh_rl_report *rl = LH_NEW(ctx->arena, struct lh_rl_report, 1);
        st = lh_loop_run(rl, &stages->asked, ctx);
        report->rl = rl;
    }
    return st;
}

static enum lh_status rerun(struct lh_report *report,
                            const struct lh__stages *stages, int jobs,
                            struct lh_ctx *ctx)
{
    struct lh_async_report *async;
    struct lh_result result;

    if (!lh__is_async(&stages->scenario))
        return retrace(report, stages, ctx);
    async = LH_NEW(ctx->arena, struct lh_async_report, 1);
    report->async = async;
    return lh_async_run(async, &result, &stages->scenario, &stages->program,
                        stages->topology, jobs, ctx);
}

/* ---- heat maps ------------------------------------------------------------
 */

static bool is_of_fibres(const char *key)
{
    return strncmp(key, "fibres[", 7) == 0
           || strncmp(key, "fibre_layout.", 13) == 0;
}

static bool has_own_grid(const struct lh_compared *of, int i)
{
    for (int k = 0; k < of->n_keys; k++) {
        if (!is_of_fibres(of->keys[k].path))
            return true;
    }
    return i == 0;
}

/* NULL: nothing to vary. */
static enum lh_status run_grid(const struct lh_report_grid **out,
                               const struct lh_report_grid *size,
                               const struct lh_report *report,
                               const struct lh__stages *stages, int jobs,
                               struct lh_ctx *ctx)
{
    struct lh_report_grid *grid = LH_NEW(ctx->arena, struct lh_report_grid, 1);
    enum lh_status st;
    bool any;

    *grid = *size;
    st = lh__report_grid_run(grid, &any, stages, jobs, ctx);
    if (any && report->rl == NULL)
        grid->base_s = report->one_site->step_time_s;
    *out = any ? grid : NULL;
    return st;
}

/* ---- the page -------------------------------------------------------------
 */

static enum lh_status picture(struct lh_report_more *out,
                              const struct lh__compare_page *page, int i,
                              struct lh_ctx *ctx)
{
    const struct lh_compared *of = &page->of->of[i];
    const struct lh__stages *stages = &page->points[i].stages;
    struct lh_report *report = LH_NEW(ctx->arena, struct lh_report, 1);
    enum lh_status st;

    *report = of->report;
    *out = (struct lh_report_more){.label = of->label, .report = report};
    st = rerun(report, stages, page->jobs, ctx);
    if (st == LH_OK && has_own_grid(of, i))
        st = run_grid(&out->grid, &page->grid, report, stages, page->jobs, ctx);
    return st;
}

static const struct lh_rl_result *loop_of(const struct lh_report *report)
{
    return report->rl != NULL ? &report->rl->result : NULL;
}

static void put_bars(struct lh_report_page *out, const struct lh_comparison *of,
                     struct lh_arena *arena)
{
    struct lh_report_bar *bars = LH_NEW(arena, struct lh_report_bar, of->n);
    const char **notes = LH_NEW(arena, const char *, of->n);

    for (int i = 1; i < of->n; i++) {
        bars[i - 1] = (struct lh_report_bar){
            .title =
                lh_format(arena, "%s: %s", of->of[i].label, of->of[i].title),
            .result = of->of[i].report.result,
            .loop = loop_of(&of->of[i].report)};
        notes[i - 1] = of->of[i].cause;
    }
    out->n_bars = out->n_notes = of->n - 1;
    out->bars = bars;
    out->notes = notes;
    out->title = lh_format(arena, "%s: %s", of->of[0].label, of->of[0].title);
}

enum lh_status lh__compare_write(const struct lh__compare_page *page,
                                 struct lh_ctx *ctx)
{
    const struct lh_comparison *of = page->of;
    struct lh_report_more more[PICTURED];
    struct lh_family_error validation;
    struct lh_report first;
    struct lh_report_page out = {.more = more + 1};
    struct lh_text text = lh_text_new(ctx->arena);
    enum lh_status st = LH_OK;
    int n = of->n < PICTURED ? of->n : PICTURED;

    for (int i = 0; i < n && st == LH_OK; i++)
        st = picture(&more[i], page, i, ctx);
    if (st == LH_OK)
        st = lh_family_error_read(&validation, of->of[0].report.scenario, ctx);
    if (st != LH_OK)
        return st;
    first = *more[0].report;
    first.validation = &validation;
    out.report = &first;
    out.label = more[0].label;
    out.grid = more[0].grid;
    out.n_more = n - 1;
    put_bars(&out, of, ctx->arena);
    st = lh_write_html(&text, &out, ctx);
    if (st == LH_OK && lh__print_file(page->path, &text) != LH__EXIT_OK)
        st = LH_FAILED;
    return st;
}
