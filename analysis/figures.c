/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The figures of a result by name, as targets of `solve` and columns of
 * tables, and the reader of a target, "efficiency >= 0.95":
 *
 *     FIGURE OP VALUE     OP: >= or <=; VALUE with the unit of the figure, a
 *                         share also as "95 %"
 *
 * Figures are defined in docs/model.md ("The result").  Place in the pipeline:
 * after lh_result_make(); nothing here simulates.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "writers.h"

static double step_time(const struct lh_report *r)
{
    return r->result->step_time_s;
}

static double tokens_per_s(const struct lh_report *r)
{
    return r->result->tokens_per_s;
}

static double mfu(const struct lh_report *r)
{
    return r->result->mfu;
}

static double hfu(const struct lh_report *r)
{
    return r->result->hfu;
}

static double bound(const struct lh_report *r)
{
    return r->result->bound.bound_s;
}

static double memory(const struct lh_report *r)
{
    return lh_memory_fullest(r->program, r->scenario).bytes;
}

static double goodput(const struct lh_report *r)
{
    struct lh_goodput g;
    return lh_goodput_make(&g, r) ? g.frac : (double)NAN;
}

static double goodput_tokens(const struct lh_report *r)
{
    struct lh_goodput g;
    return lh_goodput_make(&g, r) ? g.tokens_per_s : (double)NAN;
}

static double equal_loss_step(const struct lh_report *r)
{
    struct lh_at_equal_loss e;
    return lh_equal_loss_make(&e, r) ? e.step_time_s : (double)NAN;
}

static double equal_loss_efficiency(const struct lh_report *r)
{
    struct lh_at_equal_loss e;
    return lh_equal_loss_make(&e, r) ? e.efficiency : (double)NAN;
}

static const struct {
    struct lh_figure figure;
    double (*value)(const struct lh_report *report);
} figures[] = {
    {{"step_time_s", "time of a step", LH_DIM_TIME}, step_time},
    {{"efficiency",
      "step time in one site over step time here; of a loop (rl) with its "
      "sites side by side",
      LH_DIM_NONE},
     lh__efficiency},
    {{"tokens_per_s", "tokens of all accelerators a second", LH_DIM_NONE},
     tokens_per_s},
    {{"mfu", "model FLOPs over the dense bf16 peak", LH_DIM_NONE}, mfu},
    {{"hfu", "the same with what is recomputed", LH_DIM_NONE}, hfu},
    {{"bound_s", "what no schedule of the plan can beat", LH_DIM_TIME}, bound},
    {{"memory_bytes", "needed by the fullest accelerators", LH_DIM_BYTES},
     memory},
    {{"goodput", "share of the time that makes steps which last", LH_DIM_NONE},
     goodput},
    {{"goodput_tokens_per_s", "tokens of these steps a second", LH_DIM_NONE},
     goodput_tokens},
    {{"equal_loss_step_time_s", "step time x factor of tokens to equal loss",
      LH_DIM_TIME},
     equal_loss_step},
    {{"equal_loss_efficiency", "step time in one site over it", LH_DIM_NONE},
     equal_loss_efficiency},
};

enum { N_FIGURES = (int)(sizeof figures / sizeof figures[0]) };

static const char breakdown_prefix[] = "breakdown.";

static const char rl_prefix[] = "rl.";

/* Column rl_NAME of a loop is figure rl.NAME. */
static struct lh_figure rl_figure(int i, struct lh_arena *arena)
{
    static const struct lh_rl_result none;
    struct lh__rl_column column = lh__rl_column(&none, i);

    return (struct lh_figure){
        lh_format(arena, "%s%s", rl_prefix, column.name + strlen(rl_prefix)),
        "of the loop of reinforcement learning", column.dimension};
}

static double rl_value(const char *name, const struct lh_rl_result *r)
{
    for (int i = 0; r && i < LH__RL_COLUMNS; i++) {
        struct lh__rl_column column = lh__rl_column(r, i);
        if (strcmp(column.name + strlen(rl_prefix), name) == 0)
            return column.value;
    }
    return NAN;
}

/* Those of the table, then breakdown.CATEGORY, then rl.COLUMN. */
bool lh_figure_at(struct lh_figure *out, int i, struct lh_arena *arena)
{
    if (i < N_FIGURES) {
        *out = figures[i].figure;
        return true;
    }
    if (i >= N_FIGURES + LH_CATEGORIES + LH__RL_COLUMNS)
        return false;
    if (i >= N_FIGURES + LH_CATEGORIES) {
        *out = rl_figure(i - N_FIGURES - LH_CATEGORIES, arena);
        return true;
    }
    *out = (struct lh_figure){
        lh_format(arena, "%s%s", breakdown_prefix,
                  lh_category_name((enum lh_category)(i - N_FIGURES))),
        "part of the step, mean over accelerators", LH_DIM_TIME};
    return true;
}

double lh_figure_value(const struct lh_figure *figure,
                       const struct lh_report *report)
{
    size_t n = strlen(breakdown_prefix);

    if (strncmp(figure->name, rl_prefix, strlen(rl_prefix)) == 0)
        return rl_value(figure->name + strlen(rl_prefix),
                        report->rl ? &report->rl->result : NULL);
    for (int i = 0; i < N_FIGURES; i++) {
        if (strcmp(figures[i].figure.name, figure->name) == 0)
            return figures[i].value(report);
    }
    for (int i = 0; i < LH_CATEGORIES; i++) {
        if (strcmp(figure->name + n, lh_category_name((enum lh_category)i))
            == 0)
            return report->result->breakdown_s[i];
    }
    return NAN;
}

const char *lh_figure_text(const struct lh_figure *figure, double value,
                           struct lh_arena *arena)
{
    if (!isfinite(value))
        return "-";
    return lh_units_human(arena, value, figure->dimension);
}

/* ---- targets ------------------------------------------------------------- */

static enum lh_status unknown_figure(const char *name, struct lh_where where,
                                     struct lh_ctx *ctx)
{
    const char *names[N_FIGURES + LH_CATEGORIES + LH__RL_COLUMNS];
    struct lh_text all = lh_text_new(ctx->arena);
    struct lh_figure figure;
    int n = 0;

    for (; lh_figure_at(&figure, n, ctx->arena); n++) {
        names[n] = figure.name;
        lh_text_printf(&all, "%s%s", n > 0 ? ", " : "", figure.name);
    }
    const char *near = lh_nearest(name, names, n);
    if (near != NULL)
        lh_error(ctx, where, "no figure '%s'; did you mean '%s'?", name, near);
    else
        lh_error(ctx, where, "no figure '%s'; there are %s", name, all.s);
    return LH_BAD_INPUT;
}

static enum lh_status find_figure(struct lh_figure *out, const char *name,
                                  struct lh_where where, struct lh_ctx *ctx)
{
    for (int i = 0; lh_figure_at(out, i, ctx->arena); i++) {
        if (strcmp(out->name, name) == 0)
            return LH_OK;
    }
    return unknown_figure(name, where, ctx);
}

static enum lh_status read_bound(struct lh_target *out, const char *text,
                                 struct lh_where where, struct lh_ctx *ctx)
{
    size_t n = strlen(text);
    bool percent =
        out->figure.dimension == LH_DIM_NONE && n > 0 && text[n - 1] == '%';
    const char *why;

    if (percent) {
        n--;
        while (n > 0 && text[n - 1] == ' ')
            n--;
        text = lh_strndup(ctx->arena, text, n);
    }
    if (lh_units_read(&out->bound, text, out->figure.dimension, ctx->arena,
                      &why)
        != LH_OK) {
        lh_error(ctx, where, "%s", why);
        return LH_BAD_INPUT;
    }
    out->bound /= percent ? 100 : 1;
    return LH_OK;
}

enum lh_status lh_target_read(struct lh_target *out, const char *text,
                              struct lh_ctx *ctx)
{
    struct lh_where where = {lh_format(ctx->arena, "--target %s", text), 0, 0};
    const char *op = text + strcspn(text, "<>=");
    const char *name = text + strspn(text, " ");
    size_t n_name = strcspn(name, " <>=");
    enum lh_status st;

    if ((*op != '<' && *op != '>') || op[1] != '=' || n_name == 0) {
        lh_error(ctx, where,
                 "a target is FIGURE >= VALUE or FIGURE <= VALUE, e.g. "
                 "'efficiency >= 0.95'");
        return LH_BAD_INPUT;
    }
    *out = (struct lh_target){.at_least = *op == '>'};
    st = find_figure(&out->figure, lh_strndup(ctx->arena, name, n_name), where,
                     ctx);
    if (st == LH_OK)
        st = read_bound(out, op + 2 + strspn(op + 2, " "), where, ctx);
    if (st == LH_OK)
        out->text = lh_format(ctx->arena, "%s %.2s %s", out->figure.name, op,
                              op + 2 + strspn(op + 2, " "));
    return st;
}

enum lh_status lh_extreme_read(struct lh_target *out, const char *figure,
                               bool largest, const char *option,
                               struct lh_ctx *ctx)
{
    struct lh_where where = {lh_format(ctx->arena, "%s %s", option, figure), 0,
                             0};
    enum lh_status st;

    *out = (struct lh_target){.at_least = largest,
                              .extreme = true,
                              .bound = largest ? (double)INFINITY
                                               : -(double)INFINITY};
    st = find_figure(&out->figure, figure, where, ctx);
    out->text = lh_format(ctx->arena, "%s %s", largest ? "largest" : "smallest",
                          figure);
    return st;
}

bool lh_target_reached(const struct lh_target *target, double value)
{
    return target->at_least ? value >= target->bound : value <= target->bound;
}
