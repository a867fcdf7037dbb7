/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A calibration as text, CSV (a row a constant, then a row a source) and JSON.
 *
 * Place in the pipeline: after lh_calibrate().
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "calibrate.h"

static void write_text(struct lh_text *out, const struct lh_calibration *c);
static void write_csv(struct lh_text *out, const struct lh_calibration *c);
static void write_json(struct lh_text *out, const struct lh_calibration *c);

static const struct lh_calibration_output outputs[] = {
    {"text", write_text}, {"csv", write_csv}, {"json", write_json}};

const struct lh_calibration_output *lh_calibration_output_at(int i)
{
    return i < (int)(sizeof outputs / sizeof outputs[0]) ? &outputs[i] : NULL;
}

/* Median over sources of training rows of one of their medians; over all where
 * there is none of training. */
static double over_sources(const struct lh_calibration *c, int which,
                           struct lh_arena *arena)
{
    double *values = LH_NEW(arena, double, (size_t)c->n_sources);
    int n = 0, n_training = 0;
    for (int i = 0; i < c->n_sources; i++)
        n_training += c->sources[i].n_training;
    for (int i = 0; i < c->n_sources; i++) {
        const struct lh_calibrated_source *s = &c->sources[i];
        if (n_training > 0 && s->n_training == 0)
            continue;
        double all[] = {s->before, s->after, s->left_out};
        if (isfinite(all[which]))
            values[n++] = all[which];
    }
    return lh__median(values, n);
}

/* ---- text -----------------------------------------------------------------
 */

static const char *percent(struct lh_arena *arena, double frac)
{
    return isfinite(frac) ? lh_format(arena, "%.1f %%", 100 * frac) : "-";
}

/* What to know of a fitted value. */
static const char *remark(const struct lh_calibration *c,
                          const struct lh_constant *one)
{
    if (one->n_used + one->n_busbw == 0)
        return "  no row uses it";
    return c->fit && (one->value == one->low || one->value == one->high)
               ? "  at its bound"
               : "";
}

static void text_constants(struct lh_text *out, const struct lh_calibration *c)
{
    size_t width = strlen("constant");
    for (int k = 0; k < c->n_constants; k++) {
        size_t n = strlen(c->constants[k].name);
        width = n > width ? n : width;
    }
    lh_text_printf(out, "%-*s  %12s %12s  %-19s %5s %7s %6s\n", (int)width,
                   "constant", "table", c->fit ? "fitted" : "", "bounds",
                   "rows", "models", "busbw");
    for (int k = 0; k < c->n_constants; k++) {
        const struct lh_constant *one = &c->constants[k];
        struct lh_arena *arena = out->arena;
        lh_text_printf(
            out, "%-*s  %12s %12s  %-19s %5d %7d %6d%s\n", (int)width,
            one->name, lh__constant_cell(one, 0, c->before[k], arena),
            c->fit ? lh__constant_cell(one, 0, one->value, arena) : "",
            lh_format(arena, "%g..%g%s", one->low, one->high, one->unit),
            one->n_used, one->n_models, one->n_busbw, remark(c, one));
    }
}

static void text_sources(struct lh_text *out, const struct lh_calibration *c)
{
    struct lh_arena *arena = out->arena;
    lh_text_printf(out, "\n%-24s %5s %9s %9s %9s\n", "median |error|", "rows",
                   "before", "after", c->leave_one_out ? "left out" : "");
    for (int i = 0; i < c->n_sources; i++) {
        const struct lh_calibrated_source *s = &c->sources[i];
        if (s->n_rows > 0)
            lh_text_printf(out, "%-24s %5d %9s %9s %9s\n", s->name, s->n_rows,
                           percent(arena, s->before), percent(arena, s->after),
                           c->leave_one_out ? percent(arena, s->left_out) : "");
    }
    lh_text_printf(out, "%-24s %5s %9s %9s %9s\n", "median of these", "",
                   percent(arena, over_sources(c, 0, arena)),
                   percent(arena, over_sources(c, 1, arena)),
                   c->leave_one_out ? percent(arena, over_sources(c, 2, arena))
                                    : "");
    lh_text_printf(out,
                   "\nloss %.5f before, %.5f after: mean over sources of the "
                   "%s |log error|; rows simulated: %" PRId64 "\n",
                   c->loss_before, c->loss_after, c->median ? "median" : "mean",
                   c->simulations);
}

static void write_text(struct lh_text *out, const struct lh_calibration *c)
{
    text_constants(out, c);
    if (c->fit)
        text_sources(out, c);
}

/* ---- CSV ------------------------------------------------------------------
 */

static void csv_share(struct lh_text *out, double frac)
{
    lh_text_printf(out, isfinite(frac) ? ",%.4f" : ",", frac);
}

/* data/calibrated.csv: constants, then sources. */
static void write_csv(struct lh_text *out, const struct lh_calibration *c)
{
    struct lh_arena *arena = out->arena;
    lh_text_add(out,
                "kind,name,rows,models,busbw_rows,before,after,left_out\n");
    for (int k = 0; k < c->n_constants; k++) {
        const struct lh_constant *one = &c->constants[k];
        lh_text_printf(out, "constant,%s,%d,%d,%d,%s,%s,\n", one->name,
                       one->n_used, one->n_models, one->n_busbw,
                       lh__constant_cell(one, 0, c->before[k], arena),
                       lh__constant_cell(one, 0, one->value, arena));
    }
    for (int i = 0; i < c->n_sources; i++) {
        const struct lh_calibrated_source *s = &c->sources[i];
        if (s->n_rows == 0 || !c->fit)
            continue;
        lh_text_printf(out, "source,%s,%d,,%d", s->name, s->n_training,
                       s->n_rows - s->n_training);
        csv_share(out, s->before);
        csv_share(out, s->after);
        csv_share(out, s->left_out);
        lh_text_add(out, "\n");
    }
}

/* ---- JSON -----------------------------------------------------------------
 */

static void json_number(struct lh_text *out, const char *key, double value)
{
    lh_text_printf(out, ", \"%s\": ", key);
    lh_text_json_double(out, value);
}

static void json_constant(struct lh_text *out, const struct lh_constant *one,
                          double before)
{
    lh_text_add(out, "    {\"constant\": ");
    lh_text_json_string(out, one->name);
    lh_text_add(out, ", \"unit\": ");
    lh_text_json_string(out, one->unit + strspn(one->unit, " "));
    json_number(out, "before", before);
    json_number(out, "value", one->value);
    json_number(out, "low", one->low);
    json_number(out, "high", one->high);
    lh_text_printf(out, ", \"rows\": %d, \"models\": %d, \"busbw_rows\": %d}",
                   one->n_used, one->n_models, one->n_busbw);
}

static void json_source(struct lh_text *out,
                        const struct lh_calibrated_source *s)
{
    lh_text_add(out, "    {\"source\": ");
    lh_text_json_string(out, s->name);
    lh_text_printf(out, ", \"rows\": %d", s->n_rows);
    json_number(out, "before", s->before);
    json_number(out, "after", s->after);
    json_number(out, "left_out", s->left_out);
    lh_text_add(out, "}");
}

static void write_json(struct lh_text *out, const struct lh_calibration *c)
{
    static const char *const names[] = {"before", "after", "left_out"};
    lh_text_add(out, "{\n  \"schema\": \"longhaul.calibration/1\",\n"
                     "  \"constants\": [");
    for (int k = 0; k < c->n_constants; k++) {
        lh_text_add(out, k > 0 ? ",\n" : "\n");
        json_constant(out, &c->constants[k], c->before[k]);
    }
    lh_text_add(out, "\n  ],\n  \"sources\": [");
    for (int i = 0; i < c->n_sources; i++) {
        lh_text_add(out, i > 0 ? ",\n" : "\n");
        json_source(out, &c->sources[i]);
    }
    lh_text_printf(out, "\n  ],\n  \"loss\": \"%s\"",
                   c->median ? "median" : "mean");
    json_number(out, "loss_before", c->fit ? c->loss_before : NAN);
    json_number(out, "loss_after", c->fit ? c->loss_after : NAN);
    lh_text_add(out, ",\n  \"median_of_source_medians\": {");
    for (int i = 0; i < 3; i++) {
        lh_text_printf(out, "%s\"%s\": ", i > 0 ? ", " : "", names[i]);
        lh_text_json_double(out, over_sources(c, i, out->arena));
    }
    lh_text_add(out, "}\n}\n");
}
