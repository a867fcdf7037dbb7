/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the writers of `solve` share: values of the key in words and units, the
 * answer as text and as markdown, and the curve, which is every value that was
 * simulated, going up.
 * Place in the pipeline: behind write_solve.c and write_extreme.c.
 */
#include "solve_parts.h"

#include <math.h>
#include <string.h>

struct lh__solve_unit lh__solve_unit(const struct lh_solve_report *r,
                                     double value, struct lh_arena *arena)
{
    const struct lh_range *range = &r->search->vary.range;
    const char *text, *name, *why;
    struct lh__solve_unit unit = {range->unit, 1};

    if (range->dimension == LH_DIM_NONE)
        return unit;
    text = lh_units_human(arena, value, range->dimension);
    name = strrchr(text, ' ') + 1;
    if (lh_units_read(&unit.si, lh_format(arena, "1 %s", name),
                      range->dimension, arena, &why)
        != LH_OK)
        return unit;
    unit.name = name;
    return unit;
}

const char *lh__solve_setting(const struct lh_solve_report *r, double value,
                              struct lh_arena *arena)
{
    return lh_range_text(&r->search->vary.range, value, arena);
}

const char *lh__solve_value(const struct lh_solve_report *r, double value,
                            struct lh_arena *arena)
{
    const struct lh_range *range = &r->search->vary.range;
    const char *text = lh_units_human(arena, value, range->dimension);
    const char *why;
    double read;

    if (range->dimension == LH_DIM_NONE
        || lh_units_read(&read, text, range->dimension, arena, &why) != LH_OK
        || read != value)
        return lh__solve_setting(r, value, arena);
    return text;
}

const char *lh__solve_curve_value(const struct lh_solve_report *r,
                                  const struct lh_trial *trial,
                                  struct lh_arena *arena)
{
    const struct lh_range *range = &r->search->vary.range;

    if (range->dimension == LH_DIM_NONE)
        return lh__solve_value(r, trial->value, arena);
    return lh_units_human(arena, trial->value, range->dimension);
}

const char *lh__solve_figure(const struct lh_solve_report *r, double value,
                             struct lh_arena *arena)
{
    return lh_figure_text(&r->search->target.figure, value, arena);
}

/* ---- text, markdown ------------------------------------------------------ */

static int at_least(int width, const char *text)
{
    int n = (int)strlen(text);

    return n > width ? n : width;
}

void lh__solve_text(struct lh_text *out, const struct lh_solve_report *r,
                    const struct lh__solve_words *words)
{
    const struct lh_search *search = r->search;
    struct lh_arena *arena = out->arena;
    const char *name = search->target.figure.name;
    int width = at_least(14, search->vary.path), wide = at_least(20, name);

    lh_text_printf(out, "%s: %s\n", search->vary.path, words->verdict);
    if (*words->note != '\0')
        lh_text_printf(out, "%s\n", words->note);
    lh_text_printf(out, "%s; %d value%s simulated\n\n", r->batch,
                   search->n_trials, search->n_trials == 1 ? "" : "s");
    lh_text_printf(out, "%*s  %*s\n", width, search->vary.path, wide, name);
    for (int i = 0; i < search->n_trials; i++) {
        const struct lh_trial *trial = &search->trials[i];
        lh_text_printf(out, "%*s  ", width,
                       lh__solve_curve_value(r, trial, arena));
        if (isfinite(trial->figure))
            lh_text_printf(out, "%*s%s\n", wide,
                           lh__solve_figure(r, trial->figure, arena),
                           words->is_answer(r, trial) ? "  <-" : "");
        else
            lh_text_printf(out, "refused: %s\n", trial->loss.text);
    }
}

void lh__solve_markdown(struct lh_text *out, const struct lh_solve_report *r,
                        const struct lh__solve_words *words)
{
    const struct lh_search *search = r->search;
    struct lh_arena *arena = out->arena;
    const char *note = words->note;

    lh_text_printf(out, "`%s`: %s.%s%s%s %s.\n\n| `%s` | `%s` |\n|---|---|\n",
                   search->vary.path, words->verdict, *note ? " " : "", note,
                   *note ? "." : "", r->batch, search->vary.path,
                   search->target.figure.name);
    for (int i = 0; i < search->n_trials; i++) {
        const struct lh_trial *trial = &search->trials[i];
        const char *bold = words->is_answer(r, trial) ? "**" : "";
        lh_text_printf(out, "| %s%s%s | %s |\n", bold,
                       lh__solve_curve_value(r, trial, arena), bold,
                       isfinite(trial->figure)
                           ? lh__solve_figure(r, trial->figure, arena)
                           : "refused");
    }
}

/* ---- JSON ---------------------------------------------------------------- */

void lh__solve_key(struct lh_text *out, const char *name, const char *value)
{
    lh_text_printf(out, ",\n  \"%s\": ", name);
    if (value != NULL)
        lh_text_json_string(out, value);
    else
        lh_text_add(out, "null");
}

void lh__solve_number(struct lh_text *out, const char *name, double value)
{
    lh_text_printf(out, ",\n  \"%s\": ", name);
    lh_text_json_double(out, value);
}

void lh__solve_curve(struct lh_text *out, const struct lh_search *search,
                     struct lh__solve_unit unit)
{
    lh_text_add(out, ",\n  \"curve\": [");
    for (int i = 0; i < search->n_trials; i++) {
        const struct lh_trial *trial = &search->trials[i];
        lh_text_add(out, i > 0 ? ",\n    {\"value\": " : "\n    {\"value\": ");
        lh_text_json_double(out, trial->value / unit.si);
        lh_text_add(out, ", \"figure\": ");
        lh_text_json_double(out, trial->figure);
        if (!isfinite(trial->figure)) {
            lh_text_add(out, ", \"refused\": ");
            lh_text_json_string(out, trial->loss.text);
        }
        lh_text_add(out, "}");
    }
    lh_text_add(out, "\n  ]");
}
