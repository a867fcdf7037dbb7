/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What `solve --maximise` and `--minimise` found, as text, JSON (schema
 * "longhaul.solve/1"), CSV and Markdown, as write_solve.c has targets: the
 * value, those that are as good, and the curve.
 * Place in the pipeline: after lh_extreme_make(); nothing here simulates.
 */
#include "solve_parts.h"

#include <math.h>
#include <string.h>

static const char *most(const struct lh_solve_report *r)
{
    return r->search->target.at_least ? "largest" : "smallest";
}

/* ---- sentences ----------------------------------------------------------- */

static void add_ties(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_extreme *e = r->extreme;

    for (int i = 0; i < e->n_ties; i++)
        lh_text_printf(out, "%s%s",
                       i == 0              ? "; as good: "
                       : i + 1 < e->n_ties ? ", "
                                           : " and ",
                       lh__solve_value(r, e->ties[i], out->arena));
}

static const char *verdict(const struct lh_solve_report *r,
                           struct lh_arena *arena)
{
    const struct lh_extreme *e = r->extreme;
    const char *name = r->search->target.figure.name;
    struct lh_text text = lh_text_new(arena);

    if (!e->has_effect && e->n_ties > 0) {
        lh_text_printf(&text, "it has no effect on %s, which is %s everywhere",
                       name, lh__solve_figure(r, e->best.figure, arena));
        return text.s;
    }
    lh_text_printf(&text, "%s has the %s %s: %s",
                   lh__solve_value(r, e->best.value, arena), most(r), name,
                   lh__solve_figure(r, e->best.figure, arena));
    add_ties(&text, r);
    if (e->at_end && e->has_effect)
        lh_text_add(&text, "; nothing was tried beyond");
    return text.s;
}

/* "" where it has one peak. */
static const char *peaks_text(const struct lh_solve_report *r,
                              struct lh_arena *arena)
{
    const struct lh_extreme *e = r->extreme;

    if (e->one_peak)
        return "";
    return lh_format(
        arena,
        "several peaks: another is %s at %s; values between those tried may "
        "be better",
        lh__solve_figure(r, e->other.figure, arena),
        lh__solve_value(r, e->other.value, arena));
}

static bool is_best(const struct lh_solve_report *r,
                    const struct lh_trial *trial)
{
    const struct lh_extreme *e = r->extreme;
    bool best = trial->value == e->best.value;

    for (int i = 0; i < e->n_ties; i++)
        best |= trial->value == e->ties[i];
    return best && e->has_effect;
}

/* ---- text, markdown ------------------------------------------------------ */

static struct lh__solve_words words_of(const struct lh_solve_report *r,
                                       struct lh_arena *arena)
{
    return (struct lh__solve_words){verdict(r, arena), peaks_text(r, arena),
                                    is_best};
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

static void put_ties(struct lh_text *out, const struct lh_extreme *e,
                     struct lh__solve_unit unit)
{
    lh_text_add(out, ",\n  \"ties\": [");
    for (int i = 0; i < e->n_ties; i++) {
        lh_text_add(out, i > 0 ? ", " : "");
        lh_text_json_double(out, e->ties[i] / unit.si);
    }
    lh_text_add(out, "]");
}

static void write_json(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_extreme *e = r->extreme;
    struct lh_arena *arena = out->arena;
    struct lh__solve_unit unit = lh__solve_unit(r, e->best.value, arena);
    const char *peaks = peaks_text(r, arena);

    lh_text_add(out, "{\n  \"schema\": \"longhaul.solve/1\"");
    lh__solve_key(out, "key", r->search->vary.path);
    lh__solve_key(out, "target", r->search->target.text);
    lh__solve_number(out, "value", e->best.value / unit.si);
    lh__solve_key(out, "unit", unit.name);
    lh__solve_key(out, "setting",
                  lh_format(arena, "%s=%s", r->search->vary.path,
                            lh__solve_setting(r, e->best.value, arena)));
    lh__solve_number(out, "figure", e->best.figure);
    lh__solve_key(out, "sought", most(r));
    put_ties(out, e, unit);
    lh_text_printf(out, ",\n  \"has_effect\": %s",
                   e->has_effect ? "true" : "false");
    lh_text_printf(out, ",\n  \"at_end\": %s", e->at_end ? "true" : "false");
    lh_text_printf(out, ",\n  \"one_peak\": %s",
                   e->one_peak ? "true" : "false");
    lh__solve_key(out, "batch", r->batch);
    if (*peaks != '\0')
        lh__solve_key(out, "warning", peaks);
    lh_text_add(out, ",\n  \"scenario\": ");
    lh_scenario_print_json(out, r->scenario, 2);
    lh__solve_curve(out, r->search, unit);
    lh_text_add(out, "\n}\n");
}

static void write_csv(struct lh_text *out, const struct lh_solve_report *r)
{
    const struct lh_search *search = r->search;
    struct lh__solve_unit unit =
        lh__solve_unit(r, r->extreme->best.value, out->arena);

    lh_text_printf(out, "%s,unit,%s,best\n", search->vary.path,
                   search->target.figure.name);
    for (int i = 0; i < search->n_trials; i++) {
        const struct lh_trial *trial = &search->trials[i];
        bool there = isfinite(trial->figure);
        lh_text_double(out, trial->value / unit.si);
        lh_text_printf(out, ",%s,", unit.name);
        if (there)
            lh_text_double(out, trial->figure);
        lh_text_printf(out, ",%s\n",
                       !there              ? ""
                       : is_best(r, trial) ? "yes"
                                           : "no");
    }
}

/* In the order of lh_solve_output_at(). */
static const struct lh_solve_output outputs[] = {
    {"text", write_text},
    {"json", write_json},
    {"csv", write_csv},
    {"markdown", write_markdown},
};

const struct lh_solve_output *lh_extreme_output_at(int i)
{
    return i < (int)(sizeof outputs / sizeof outputs[0]) ? &outputs[i] : NULL;
}
