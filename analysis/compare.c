/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Scenarios side by side: which batch they have in common, in which keys each
 * differs from the first, and what the difference of their steps is.
 *
 *   global batch equal           steps do the same work; their times compare
 *   batch per accelerator equal  the accelerators do the same work each; the
 *                                steps are of unequal work (weak scaling)
 *   neither                      only tokens/s an accelerator compares: a
 *                                warning says so
 *
 * The cause is the category of the breakdown that differs most (cause.c).
 * Place in the pipeline: after lh_result_make(); nothing here simulates.
 */
#include <longhaul/result.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "writers.h"

enum { KEYS_SHOWN = 4 };

static void add_work(struct lh_compared *c)
{
    const struct lh_scenario *s = c->report.scenario;

    c->accelerators = lh_axes_ranks(&c->report.program->axes);
    if (c->report.rl)
        c->accelerators = lh__rl_gpus(c->report.rl);
    c->batch_per_gpu =
        (double)s->training.global_batch / (double)c->accelerators;
}

static bool same(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/* Tokens, not sequences, where lengths differ; of a loop samples. */
static double step_tokens(const struct lh_compared *c)
{
    const struct lh_rl_report *rl = c->report.rl;

    if (rl)
        return (double)(rl->scenario->rl.prompts * rl->scenario->rl.samples);
    return (double)c->report.program->tokens;
}

static enum lh_equal_batch equal_batch(const struct lh_comparison *c)
{
    bool global = true, per_gpu = true;

    for (int i = 1; i < c->n; i++) {
        double first = step_tokens(&c->of[0]), other = step_tokens(&c->of[i]);
        global = global && same(first, other);
        per_gpu = per_gpu
                  && same(first / (double)c->of[0].accelerators,
                          other / (double)c->of[i].accelerators);
    }
    return global    ? LH_BATCH_GLOBAL
           : per_gpu ? LH_BATCH_PER_GPU
                     : LH_BATCH_NEITHER;
}

static const char *batch_text(const struct lh_comparison *c,
                              struct lh_arena *arena)
{
    const struct lh_rl_report *rl = c->of[0].report.rl;

    switch (c->batch) {
    case LH_BATCH_GLOBAL:
        if (rl)
            return lh_format(arena,
                             "fixed batch: %.0f samples a step of the loop",
                             step_tokens(&c->of[0]));
        if (c->of[0].report.program->tokens == 0)
            return "a trace does not tell its tokens: step times compare where "
                   "the work is the same";
        return lh_format(arena,
                         "fixed global batch: %" PRId64 " tokens a step in all",
                         c->of[0].report.program->tokens);
    case LH_BATCH_PER_GPU:
        return lh_format(arena,
                         "fixed batch per accelerator: %.6g tokens a step "
                         "each; the steps are of unequal work",
                         step_tokens(&c->of[0])
                             / (double)c->of[0].accelerators);
    case LH_BATCH_NEITHER: break;
    }
    return "neither the global batch nor the batch per accelerator is equal: "
           "step times do not compare, tokens/s an accelerator do";
}

/* ---- causes -------------------------------------------------------------- */

static double rate_per_gpu(const struct lh_compared *c)
{
    return c->report.result->tokens_per_s
           / (double)lh_axes_ranks(&c->report.program->axes);
}

static void add_keys(struct lh_text *text, const struct lh_compared *c)
{
    int n = c->n_keys < KEYS_SHOWN ? c->n_keys : KEYS_SHOWN;

    if (c->n_keys == 0) {
        lh_text_add(text, "; no key differs");
        return;
    }
    for (int i = 0; i < n; i++)
        lh_text_printf(text, "%s %s (%s, %s)",
                       i == 0 ? "; they differ in" : ",", c->keys[i].path,
                       c->keys[i].a, c->keys[i].b);
    if (c->n_keys > n)
        lh_text_printf(text, " and %d key%s more", c->n_keys - n,
                       c->n_keys - n == 1 ? "" : "s");
}

static void loop_cause(struct lh_text *text, const struct lh_compared *first,
                       const struct lh_compared *c)
{
    const struct lh_rl_result *a = &first->report.rl->result;
    const struct lh_rl_result *b = &c->report.rl->result;
    double by_s = b->step_time_s - a->step_time_s;

    if (same(a->step_time_s, b->step_time_s)) {
        lh_text_printf(text,
                       "a step of the loop of %s takes as long as one of "
                       "%s",
                       c->label, first->label);
        return;
    }
    lh_text_printf(
        text,
        "a step of the loop of %s takes %s %s than one of %s "
        "(%+.1f %%), %s",
        c->label, lh_units_human(text->arena, fabs(by_s), LH_DIM_TIME),
        by_s > 0 ? "more" : "less", first->label, 100 * by_s / a->step_time_s,
        by_s > 0 ? lh__rl_cause(b, a, text->arena)
                 : lh__rl_cause(a, b, text->arena));
}

static const struct lh_scenario *whole(const struct lh_report *report)
{
    return report->rl ? report->rl->scenario : report->scenario;
}

static const char *cause_text(const struct lh_comparison *comparison,
                              const struct lh_compared *c,
                              struct lh_arena *arena)
{
    const struct lh_compared *first = &comparison->of[0];
    const struct lh_result *a = first->report.result, *b = c->report.result;
    double by_s = b->step_time_s - a->step_time_s;
    struct lh_text text = lh_text_new(arena);

    if (c->report.rl && first->report.rl) {
        loop_cause(&text, first, c);
        add_keys(&text, c);
        return text.s;
    }
    if (same(a->step_time_s, b->step_time_s))
        lh_text_printf(&text, "a step of %s takes as long as one of %s",
                       c->label, first->label);
    else
        lh_text_printf(&text,
                       "a step of %s takes %s %s than one of %s (%+.1f %%), %s",
                       c->label, lh_units_human(arena, fabs(by_s), LH_DIM_TIME),
                       by_s > 0 ? "more" : "less", first->label,
                       100 * by_s / a->step_time_s,
                       by_s > 0 ? lh__cause_text(b, a, arena)
                                : lh__cause_text(a, b, arena));
    if (comparison->batch != LH_BATCH_GLOBAL)
        lh_text_printf(&text, "; tokens/s an accelerator %+.1f %%",
                       100 * (rate_per_gpu(c) / rate_per_gpu(first) - 1));
    add_keys(&text, c);
    return text.s;
}

/* ---- the door ------------------------------------------------------------ */

static const char *label_text(struct lh_arena *arena, int i)
{
    return i < 26 ? lh_format(arena, "%c", 'A' + i)
                  : lh_format(arena, "%c%d", 'A' + i % 26, i / 26);
}

void lh_compare(struct lh_comparison *out, const struct lh_report *reports,
                const char *const *titles, int n, struct lh_ctx *ctx)
{
    *out = (struct lh_comparison){
        .n = n, .of = LH_NEW(ctx->arena, struct lh_compared, (size_t)n)};
    for (int i = 0; i < n; i++) {
        out->of[i] = (struct lh_compared){label_text(ctx->arena, i), titles[i],
                                          reports[i], .cause = ""};
        add_work(&out->of[i]);
    }
    out->batch = equal_batch(out);
    out->batch_text = batch_text(out, ctx->arena);
    if (out->batch == LH_BATCH_NEITHER)
        lh_warn(ctx, LH_NOWHERE, "%s", out->batch_text);
    for (int i = 1; i < n; i++) {
        struct lh_compared *c = &out->of[i];
        c->n_keys = lh_scenario_differences(&c->keys, whole(&reports[0]),
                                            whole(&c->report), ctx->arena);
        c->cause = cause_text(out, c, ctx->arena);
    }
}
