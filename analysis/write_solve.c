/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What `solve` found, as text, JSON (schema "longhaul.solve/1"), CSV and
 * Markdown.  The curve is every value that was simulated, going up; the numbers
 * of one output are all in one unit, that of the answer.
 * Place in the pipeline: after lh_search_solution(); nothing here simulates.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "solve_parts.h"

static struct lh__solve_unit answer_unit(const struct lh_solve_report *r,
                                         struct lh_arena *arena)
{
    const struct lh_solution *s = r->solution;

    return lh__solve_unit(r, s->reached ? s->answer.value : r->search->vary.hi,
                          arena);
}

/* Two figures of which one reaches the target are told apart. */
static const char *apart_text(const struct lh_solve_report *r, double value,
                              double other, struct lh_arena *arena)
{
    const char *text = lh__solve_figure(r, value, arena);
    struct lh_text exact = lh_text_new(arena);

    if (r->search->target.figure.dimension != LH_DIM_NONE
        || strcmp(text, lh__solve_figure(r, other, arena)) != 0)
        return text;
    lh_text_double(&exact, value);
    return exact.s;
}

/* ---- sentences ----------------------------------------------------------- */

static void add_answer(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_solution *s = r->solution;
    struct lh_arena *arena = out->arena;
    const char *value = lh__solve_value(r, s->answer.value, arena);
    const char *target = r->search->target.text;

    if (!s->has_effect)
        lh_text_printf(out, "every value reaches %s: %s has no effect on it",
                       target, r->search->vary.path);
    else if (s->everywhere)
        lh_text_printf(out, "every value reaches %s, %s too: there it is %s",
                       target, value,
                       lh__solve_figure(r, s->answer.figure, arena));
    else
        lh_text_printf(out,
                       "%s is the %s that reaches %s: there it is %s, and %s "
                       "at %s",
                       value, s->smallest ? "smallest" : "largest", target,
                       apart_text(r, s->answer.figure, s->beyond.figure, arena),
                       apart_text(r, s->beyond.figure, s->answer.figure, arena),
                       lh__solve_value(r, s->beyond.value, arena));
}

/* Why no value reaches the target. */
static void add_reason(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_solution *s = r->solution;
    struct lh_arena *arena = out->arena;

    if (s->has_effect)
        lh_text_printf(out, "%s bound: ", s->best.loss.kind);
    lh_text_printf(out,
                   "no value from %s to %s reaches %s; the best is "
                   "%s",
                   lh__solve_value(r, r->search->vary.lo, arena),
                   lh__solve_value(r, r->search->vary.hi, arena),
                   r->search->target.text,
                   lh__solve_figure(r, s->best.figure, arena));
    if (s->has_effect)
        lh_text_printf(out, ", at %s, where %s",
                       lh__solve_value(r, s->best.value, arena),
                       s->best.loss.text);
    else
        lh_text_printf(out, " everywhere, for %s has no effect on it; %s",
                       r->search->vary.path, s->best.loss.text);
}

/* "" where it is monotone. */
static const char *order_text(const struct lh_solve_report *r,
                              struct lh_arena *arena)
{
    const struct lh_solution *s = r->solution;

    if (s->monotone)
        return "";
    return lh_format(
        arena,
        "not monotone: %s is %s at %s but %s at %s; other values may reach "
        "the target too",
        r->search->target.figure.name,
        lh__solve_figure(r, s->breaks[0].figure, arena),
        lh__solve_value(r, s->breaks[0].value, arena),
        lh__solve_figure(r, s->breaks[1].figure, arena),
        lh__solve_value(r, s->breaks[1].value, arena));
}

static const char *verdict(const struct lh_solve_report *r,
                           struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    if (r->solution->reached)
        add_answer(&text, r);
    else
        add_reason(&text, r);
    return text.s;
}

/* ---- text, markdown ------------------------------------------------------ */

static bool is_answer(const struct lh_solve_report *r,
                      const struct lh_trial *trial)
{
    return r->solution->reached && !r->solution->everywhere
           && trial->value == r->solution->answer.value;
}

static struct lh__solve_words words_of(const struct lh_solve_report *r,
                                       struct lh_arena *arena)
{
    return (struct lh__solve_words){verdict(r, arena), order_text(r, arena),
                                    is_answer};
}

static void write_text(struct lh_text *out, const struct lh_solve_report *r)
{
    struct lh__solve_words words = words_of(r, out->arena);

    lh__solve_text(out, r, &words);
}

static void write_markdown(struct lh_text *out, const struct lh_solve_report *r)
{
    struct lh__solve_words words = words_of(r, out->arena);

    lh__solve_markdown(out, r, &words);
}

/* ---- JSON, CSV ----------------------------------------------------------- */

/* Only where the scenario asks for equal loss. */
static void put_tokens(struct lh_text *out, const struct lh_scenario *s)
{
    const struct lh_equal_loss *loss = &s->equal_loss;

    if (!loss->on || s->sync == LH_SYNC_EVERY_STEP)
        return;
    lh__solve_number(out, "tokens_factor", loss->tokens_factor);
    lh__solve_number(out, "tokens_factor_low", loss->low);
    lh__solve_number(out, "tokens_factor_high", loss->high);
    lh__solve_key(out, "tokens_basis", loss->basis);
    lh__solve_key(out, "tokens_source", loss->source);
}

static void write_json(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_solution *s = r->solution;
    struct lh_arena *arena = out->arena;
    struct lh__solve_unit unit = answer_unit(r, arena);
    const char *order = order_text(r, arena);

    lh_text_add(out, "{\n  \"schema\": \"longhaul.solve/1\"");
    lh__solve_key(out, "key", r->search->vary.path);
    lh__solve_key(out, "target", r->search->target.text);
    lh_text_printf(out, ",\n  \"reached\": %s", s->reached ? "true" : "false");
    lh__solve_number(out, "value",
                     s->reached ? s->answer.value / unit.si : (double)NAN);
    lh__solve_key(out, "unit", unit.name);
    lh__solve_key(out, "setting",
                  s->reached
                      ? lh_format(arena, "%s=%s", r->search->vary.path,
                                  lh__solve_setting(r, s->answer.value, arena))
                      : NULL);
    lh__solve_number(out, "figure",
                     s->reached ? s->answer.figure : s->best.figure);
    lh__solve_key(out, "sought", s->smallest ? "smallest" : "largest");
    lh_text_printf(out, ",\n  \"monotone\": %s",
                   s->monotone ? "true" : "false");
    lh__solve_key(out, "batch", r->batch);
    lh__solve_key(out, "bound", s->reached ? NULL : s->best.loss.kind);
    lh__solve_key(out, "reason", s->reached ? NULL : verdict(r, arena));
    if (*order != '\0')
        lh__solve_key(out, "warning", order);
    put_tokens(out, r->scenario);
    lh_text_add(out, ",\n  \"scenario\": ");
    lh_scenario_print_json(out, r->scenario, 2);
    lh__solve_curve(out, r->search, unit);
    lh_text_add(out, "\n}\n");
}

static void write_csv(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_search *search = r->search;
    struct lh__solve_unit unit = answer_unit(r, out->arena);

    lh_text_printf(out, "%s,unit,%s,reached\n", search->vary.path,
                   search->target.figure.name);
    for (int i = 0; i < search->n_trials; i++) {
        const struct lh_trial *trial = &search->trials[i];
        bool there = isfinite(trial->figure);
        lh_text_double(out, trial->value / unit.si);
        lh_text_printf(out, ",%s,", unit.name);
        if (there)
            lh_text_double(out, trial->figure);
        lh_text_printf(out, ",%s\n",
                       !there ? ""
                       : lh_target_reached(&search->target, trial->figure)
                           ? "yes"
                           : "no");
    }
}

static const struct lh_solve_output outputs[] = {
    {"text", write_text},
    {"json", write_json},
    {"csv", write_csv},
    {"markdown", write_markdown},
};

const struct lh_solve_output *lh_solve_output_at(int i)
{
    return i < (int)(sizeof outputs / sizeof outputs[0]) ? &outputs[i] : NULL;
}
