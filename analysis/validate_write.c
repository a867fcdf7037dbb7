/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A validation as text, CSV and JSON, and the list of its formats.
 *
 * Place in the pipeline: after lh_validation_run().  What was refused has its
 * reason where the figures would stand.
 */
#include <math.h>
#include <string.h>

#include "validate.h"

enum { WIDTH = 100 };

static const struct lh_validation_output outputs[] = {
    {"text", lh__validation_text}, {"csv", lh__validation_csv},
    {"json", lh__validation_json}, {"markdown", lh__validation_markdown},
    {"svg", lh__validation_svg},   {"families", lh__validation_families},
};

const struct lh_validation_output *lh_validation_output_at(int i)
{
    return i < (int)(sizeof outputs / sizeof outputs[0]) ? &outputs[i] : NULL;
}

/* ---- figures --------------------------------------------------------------
 */

const char *lh__figure(struct lh_arena *arena, double value)
{
    int digits = value > 0 ? 3 - (int)floor(log10(value)) : 0;
    if (!isfinite(value))
        return "";
    return lh_format(arena, "%.*f",
                     digits < 0    ? 0
                     : digits > 12 ? 12
                                   : digits,
                     value);
}

const char *lh__percent(struct lh_arena *arena, double frac)
{
    return isfinite(frac) ? lh_format(arena, "%+.1f %%", 100 * frac) : "";
}

const char *lh__row_unit(const struct lh_validation_row *row)
{
    return strcmp(row->unit, "1") == 0 ? "" : row->unit;
}

/* ---- text -----------------------------------------------------------------
 */

static void text_training(struct lh_text *out,
                          const struct lh_validation_totals *t)
{
    if (t->n_compared > 0)
        lh_text_printf(
            out, "median error %.1f %%, %.0f %% of %d rows within 10 %%",
            100 * t->median_abs_error, 100 * t->within_10_frac, t->n_compared);
    else
        lh_text_add(out, "no row that counts was simulated");
    if (t->n_rows > t->n_counted)
        lh_text_printf(out, ", %d do not count", t->n_rows - t->n_counted);
    if (t->n_unsupported > 0)
        lh_text_printf(out, ", %d unsupported", t->n_unsupported);
    lh_text_add(out, "\n");
}

static void text_busbw(struct lh_text *out, const struct lh_busbw_totals *t)
{
    lh_text_add(out, "bus bandwidth: median error");
    if (t->n_large > 0)
        lh_text_printf(out, " %.1f %% of %d rows from 8 MiB on",
                       100 * t->median_large, t->n_large);
    if (t->n_middle > 0)
        lh_text_printf(out, "%s %.1f %% of %d from 0.5 to 8 MiB",
                       t->n_large > 0 ? "," : "", 100 * t->median_middle,
                       t->n_middle);
    if (t->n_large + t->n_middle == 0)
        lh_text_add(out, " of no row from 0.5 MiB on");
    lh_text_add(out, "\n");
}

static void text_totals(struct lh_text *out, const char *before,
                        const struct lh_validation_totals *t)
{
    if (t->n_rows > 0 || (t->busbw.n_rows == 0 && t->rl.n_rows == 0)) {
        lh_text_add(out, before);
        text_training(out, t);
    }
    if (t->busbw.n_rows > 0) {
        lh_text_add(out, before);
        text_busbw(out, &t->busbw);
    }
    if (t->rl.n_rows > 0) {
        lh_text_add(out, before);
        lh__rl_text(out, &t->rl);
    }
}

/* Words in lines of at most WIDTH. */
static void text_wrapped(struct lh_text *out, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (column > 0 && column + 1 + n > WIDTH) {
            lh_text_add(out, "\n");
            column = 0;
        }
        lh_text_printf(out, "%s%.*s", column > 0 ? " " : "", (int)n, text);
        column += n + (column > 0);
        text += n + strspn(text + n, " ");
    }
    lh_text_add(out, "\n");
}

/* Why a row is in no median. */
static const char *aside(const struct lh_validation_row *row,
                         struct lh_arena *arena)
{
    if (*row->ablates != '\0')
        return lh_format(arena, "  ablates '%s'", row->ablates);
    return lh__row_is_judged(row) ? "" : "  does not count";
}

static void text_row(struct lh_text *out, const struct lh_validation_row *row,
                     int width)
{
    lh_text_printf(out, "  %-*s  %-20s %9s", width, row->name, row->quantity,
                   row->published_text);
    if (row->unsupported) {
        lh_text_printf(out, "  unsupported: %s\n", row->unsupported);
        return;
    }
    lh_text_printf(out, " %9s %-11s %+6.1f %%%s%s\n",
                   lh__figure(out->arena, row->simulated), lh__row_unit(row),
                   100 * row->error, aside(row, out->arena),
                   row->fits ? "" : "  does not fit");
}

void lh__validation_text(struct lh_text *out, const struct lh_validation *v)
{
    for (int i = 0; i < v->n_sources; i++) {
        const struct lh_validation_source *source = &v->sources[i];
        int width = 0;
        for (int k = 0; k < source->n_rows; k++) {
            int n = (int)strlen(source->rows[k].name);
            width = n > width ? n : width;
        }
        lh_text_printf(out, "%s\n", source->name);
        text_wrapped(out, source->title);
        lh_text_printf(out, "  %-*s  %-20s %9s %9s %-11s %8s\n", width, "row",
                       "quantity", "published", "simulated", "", "error");
        for (int k = 0; k < source->n_rows; k++)
            text_row(out, &source->rows[k], width);
        text_totals(out, "  ", &source->totals);
        lh_text_add(out, "\n");
    }
    text_totals(out, "all: ", &v->totals);
    if (isfinite(v->median_of_medians))
        lh_text_printf(out, "median of the sources' medians %.1f %%\n",
                       100 * v->median_of_medians);
    if (v->calibrated)
        lh__text_calibrated(out, v);
}

/* ---- CSV ------------------------------------------------------------------
 */

static void csv_text(struct lh_text *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        lh_text_add(out, text);
    } else {
        lh_text_add(out, "\"");
        for (; *text != '\0'; text++)
            lh_text_printf(out, *text == '"' ? "\"\"" : "%c", *text);
        lh_text_add(out, "\"");
    }
    lh_text_add(out, ",");
}

static void csv_number(struct lh_text *out, double value)
{
    if (isfinite(value))
        lh_text_double(out, value);
    lh_text_add(out, ",");
}

static void csv_row(struct lh_text *out, const char *source,
                    const struct lh_validation_row *row)
{
    csv_text(out, source);
    csv_text(out, row->name);
    csv_text(out, row->quantity);
    csv_text(out, row->unit);
    csv_number(out, row->published);
    csv_number(out, row->simulated);
    csv_number(out, row->error);
    csv_text(out, row->counts ? "true" : "false");
    csv_number(out, row->step_time_s);
    csv_text(out, row->unsupported ? "" : row->fits ? "true" : "false");
    csv_text(out, row->unsupported ? row->unsupported : "");
    out->s[--out->n] = '\0'; /* the last comma */
    lh_text_add(out, "\n");
}

void lh__validation_csv(struct lh_text *out, const struct lh_validation *v)
{
    lh_text_add(out, "source,row,quantity,unit,published,simulated,error,"
                     "counts,step_time_s,fits,unsupported\n");
    for (int i = 0; i < v->n_sources; i++) {
        for (int k = 0; k < v->sources[i].n_rows; k++)
            csv_row(out, v->sources[i].name, &v->sources[i].rows[k]);
    }
}

/* ---- JSON -----------------------------------------------------------------
 */

static void json_text(struct lh_text *out, const char *key, const char *text)
{
    lh_text_printf(out, "\"%s\": ", key);
    if (text)
        lh_text_json_string(out, text);
    else
        lh_text_add(out, "null");
    lh_text_add(out, ", ");
}

static void json_number(struct lh_text *out, const char *key, double value)
{
    lh_text_printf(out, "\"%s\": ", key);
    lh_text_json_double(out, value);
    lh_text_add(out, ", ");
}

static void json_row(struct lh_text *out, const char *source,
                     const struct lh_validation_row *row)
{
    lh_text_add(out, "    {");
    json_text(out, "source", source);
    json_text(out, "name", row->name);
    json_text(out, "quantity", row->quantity);
    json_text(out, "unit", row->unit);
    json_text(out, "convention", *row->convention ? row->convention : NULL);
    json_number(out, "published", row->published);
    json_number(out, "simulated", row->simulated);
    json_number(out, "error", row->error);
    json_number(out, "step_time_s", row->step_time_s);
    lh_text_printf(out, "\"fits\": %s, ",
                   row->unsupported || !isfinite(row->step_time_s) ? "null"
                   : row->fits                                     ? "true"
                                                                   : "false");
    json_text(out, "unsupported", row->unsupported);
    json_text(out, "confidence", *row->confidence ? row->confidence : NULL);
    json_text(out, "note", *row->note ? row->note : NULL);
    json_text(out, "family", row->unsupported ? NULL : row->family);
    json_text(out, "ablates", *row->ablates ? row->ablates : NULL);
    if (row->kind == LH_ROW_BUSBW) {
        json_text(out, "collective", lh_collective_name(row->collective));
        json_number(out, "size_bytes", row->size_bytes);
    }
    lh_text_printf(out, "\"counts\": %s}", row->counts ? "true" : "false");
}

static void json_busbw(struct lh_text *out, const struct lh_busbw_totals *t)
{
    lh_text_add(out, "\"busbw\": ");
    if (t->n_rows == 0) {
        lh_text_add(out, "null, ");
        return;
    }
    lh_text_add(out, "{");
    json_number(out, "median_abs_error", t->median_large);
    json_number(out, "median_abs_error_middle", t->median_middle);
    lh_text_printf(out, "\"n\": %d, \"n_middle\": %d, \"n_rows\": %d}, ",
                   t->n_large, t->n_middle, t->n_rows);
}

static void json_totals(struct lh_text *out,
                        const struct lh_validation_totals *t)
{
    json_number(out, "median_abs_error", t->median_abs_error);
    json_number(out, "within_10_percent", t->within_10_frac);
    json_busbw(out, &t->busbw);
    lh__rl_json(out, &t->rl);
    lh_text_printf(out,
                   "\"n\": %d, \"n_rows\": %d, \"n_counted\": %d, "
                   "\"n_unsupported\": %d",
                   t->n_compared, t->n_rows, t->n_counted, t->n_unsupported);
}

static void json_source(struct lh_text *out,
                        const struct lh_validation_source *source)
{
    lh_text_add(out, "    {");
    json_text(out, "source", source->name);
    json_text(out, "title", source->title);
    json_totals(out, &source->totals);
    lh_text_add(out, "}");
}

void lh__validation_json(struct lh_text *out, const struct lh_validation *v)
{
    const char *comma = "";
    lh_text_add(out, "{\n  \"schema\": \"longhaul.validation/1\",\n"
                     "  \"totals\": {");
    json_number(out, "median_of_source_medians", v->median_of_medians);
    json_totals(out, &v->totals);
    lh_text_add(out, "},\n  \"sources\": [");
    for (int i = 0; i < v->n_sources; i++) {
        lh_text_add(out, i > 0 ? ",\n" : "\n");
        json_source(out, &v->sources[i]);
    }
    lh_text_add(out, "\n  ],\n  \"rows\": [");
    for (int i = 0; i < v->n_sources; i++) {
        for (int k = 0; k < v->sources[i].n_rows; k++) {
            lh_text_printf(out, "%s\n", comma);
            json_row(out, v->sources[i].name, &v->sources[i].rows[k]);
            comma = ",";
        }
    }
    lh_text_add(out, "\n  ]\n}\n");
}
