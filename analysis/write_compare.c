/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Scenarios side by side as text, JSON (schema "longhaul.compare/1"), CSV and
 * Markdown.  Differences are those from the first; rows in which nothing stands
 * are left out of text and Markdown.
 * Place in the pipeline: after lh_compare(); nothing here simulates.
 */
#include <longhaul/result.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "writers.h"

/* ---- the table of text and Markdown -------------------------------------- */

enum row_kind { PLAIN, HUNDREDTHS, SECONDS, PERCENT, GIBIBYTES };

struct row {
    const char *label;
    enum row_kind kind;
    double (*value)(const struct lh_compared *c, int category);
    int category;
};

static double accelerators(const struct lh_compared *c, int unused)
{
    (void)unused;
    return (double)c->accelerators;
}

static double global_batch(const struct lh_compared *c, int unused)
{
    (void)unused;
    return (double)c->report.scenario->training.global_batch;
}

static double step_time(const struct lh_compared *c, int unused)
{
    (void)unused;
    return c->report.result->step_time_s;
}

static double part(const struct lh_compared *c, int category)
{
    return c->report.result->breakdown_s[category];
}

static double one_site(const struct lh_compared *c, int unused)
{
    (void)unused;
    return c->report.one_site ? c->report.one_site->step_time_s : (double)NAN;
}

static double efficiency(const struct lh_compared *c, int unused)
{
    (void)unused;
    return lh__efficiency(&c->report);
}

/* What a step counts; one of every-step is as long as it is. */
static double equal_loss(const struct lh_compared *c, int unused)
{
    struct lh_at_equal_loss e;

    (void)unused;
    if (c->report.scenario->sync == LH_SYNC_EVERY_STEP)
        return c->report.result->step_time_s;
    return lh_equal_loss_make(&e, &c->report) ? e.step_time_s : (double)NAN;
}

static double tokens_per_s(const struct lh_compared *c, int unused)
{
    (void)unused;
    return c->report.result->tokens_per_s;
}

static double tokens_per_s_per_gpu(const struct lh_compared *c, int unused)
{
    (void)unused;
    return c->report.result->tokens_per_s
           / (double)lh_axes_ranks(&c->report.program->axes);
}

static double mfu(const struct lh_compared *c, int unused)
{
    (void)unused;
    return c->report.result->mfu;
}

static double memory(const struct lh_compared *c, int unused)
{
    (void)unused;
    return lh_memory_fullest(c->report.program, c->report.scenario).bytes;
}

static const struct row before[] = {
    {"accelerators", PLAIN, accelerators, 0},
    {"global batch", PLAIN, global_batch, 0},
    {"step time", SECONDS, step_time, 0},
};

static const struct row after[] = {
    {"one site", SECONDS, one_site, 0},
    {"efficiency", PERCENT, efficiency, 0},
    {"at equal loss", SECONDS, equal_loss, 0},
    {"tokens/s", PLAIN, tokens_per_s, 0},
    {"  an accelerator", PLAIN, tokens_per_s_per_gpu, 0},
    {"MFU", PERCENT, mfu, 0},
    {"memory", GIBIBYTES, memory, 0},
};

/* Of the loop. */
static double loop_part(const struct lh_compared *c, int i)
{
    const struct lh_rl_report *rl = c->report.rl;

    if (!rl)
        return NAN;
    const struct lh_rl_result *r = &rl->result;
    const double values[] = {
        r->step_time_s,
        r->trainer.log_prob_s,
        r->trainer.train_s,
        r->trainer.gather_s,
        r->trainer.switch_s,
        r->trainer.wait_s,
        r->generators.generate_s,
        r->generators.update_s,
        r->generators.wait_s,
        r->weight_sync_s,
        r->samples_per_s,
        r->tokens_trained_per_s,
        lh__rl_column(r, LH__RL_COLUMNS - 3).value,
        lh__rl_discarded(r),
    };
    return values[i];
}

static const struct row loop[] = {
    {"loop step", SECONDS, loop_part, 0},
    {"  log-probs", SECONDS, loop_part, 1},
    {"  train", SECONDS, loop_part, 2},
    {"  gather weights", SECONDS, loop_part, 3},
    {"  switch", SECONDS, loop_part, 4},
    {"  trainer waits", SECONDS, loop_part, 5},
    {"generate", SECONDS, loop_part, 6},
    {"  load weights", SECONDS, loop_part, 7},
    {"  generators wait", SECONDS, loop_part, 8},
    {"a push", SECONDS, loop_part, 9},
    {"samples/s", HUNDREDTHS, loop_part, 10},
    {"trained tokens/s", PLAIN, loop_part, 11},
    {"staleness, mean", HUNDREDTHS, loop_part, 12},
    {"discarded", PERCENT, loop_part, 13},
};

enum {
    N_LOOP = (int)(sizeof loop / sizeof loop[0]),
    N_BEFORE = (int)(sizeof before / sizeof before[0]),
    N_AFTER = (int)(sizeof after / sizeof after[0]),
    N_ROWS = N_BEFORE + LH_CATEGORIES + N_AFTER + N_LOOP
};

static struct row row_at(int i, struct lh_arena *arena)
{
    if (i < N_BEFORE)
        return before[i];
    if (i >= N_ROWS - N_LOOP)
        return loop[i - N_ROWS + N_LOOP];
    if (i >= N_BEFORE + LH_CATEGORIES)
        return after[i - N_BEFORE - LH_CATEGORIES];
    i -= N_BEFORE;
    return (struct row){
        lh_format(arena, "  %s", lh__category_label((enum lh_category)i)),
        SECONDS, part, i};
}

/* A number, with its sign where it is a difference. */
static const char *number_text(double value, int decimals, bool difference,
                               const char *unit, struct lh_arena *arena)
{
    if (fabs(value) < 0.5 * pow(10, -decimals))
        return lh_format(arena, "%.*f%s", decimals, 0.0, unit);
    return lh_format(arena, difference ? "%+.*f%s" : "%.*f%s", decimals, value,
                     unit);
}

/* All times are in the unit of the first step. */
static const char *cell_text(const struct lh_comparison *c, struct row row,
                             double value, bool difference,
                             struct lh_arena *arena)
{
    double step_s = c->of[0].report.result->step_time_s;

    if (!isfinite(value))
        return "-";
    switch (row.kind) {
    case SECONDS:
        if (step_s >= 1)
            return number_text(value, 3, difference, " s", arena);
        if (step_s >= 1e-3)
            return number_text(1e3 * value, 3, difference, " ms", arena);
        return number_text(1e6 * value, 3, difference, " us", arena);
    case PERCENT:
        return number_text(100 * value, 1, difference,
                           difference ? " pp" : " %", arena);
    case GIBIBYTES:
        return number_text(value / (1024.0 * 1024.0 * 1024.0), 1, difference,
                           " GiB", arena);
    case HUNDREDTHS: return number_text(value, 2, difference, "", arena);
    case PLAIN: break;
    }
    return number_text(value, 0, difference, "", arena);
}

static bool asks_for_equal_loss(const struct lh_comparison *c)
{
    struct lh_at_equal_loss e;

    for (int i = 0; i < c->n; i++) {
        if (lh_equal_loss_make(&e, &c->of[i].report))
            return true;
    }
    return false;
}

static bool is_empty(const struct lh_comparison *c, struct row row)
{
    if (row.value == equal_loss && !asks_for_equal_loss(c))
        return true;
    for (int i = 0; i < c->n; i++) {
        double value = row.value(&c->of[i], row.category);
        if (isfinite(value) && value != 0)
            return false;
    }
    return true;
}

/* The cells of a row, each in the format of text or of Markdown. */
static void put_cells(struct lh_text *out, const struct lh_comparison *c,
                      struct row row, const char *format)
{
    double first = row.value(&c->of[0], row.category);

    for (int i = 0; i < c->n; i++) {
        double value = row.value(&c->of[i], row.category);
        lh_text_printf(out, format,
                       cell_text(c, row, value, false, out->arena));
    }
    for (int i = 1; i < c->n; i++) {
        double by = row.value(&c->of[i], row.category) - first;
        lh_text_printf(out, format, cell_text(c, row, by, true, out->arena));
    }
}

static const char *difference_head(const struct lh_comparison *c, int i,
                                   struct lh_arena *arena)
{
    return lh_format(arena, "%s - %s", c->of[i].label, c->of[0].label);
}

static void put_heads(struct lh_text *out, const struct lh_comparison *c,
                      const char *format)
{
    for (int i = 0; i < c->n; i++)
        lh_text_printf(out, format, c->of[i].label);
    for (int i = 1; i < c->n; i++)
        lh_text_printf(out, format, difference_head(c, i, out->arena));
}

static void write_text(struct lh_text *out, const struct lh_comparison *c)
{
    for (int i = 0; i < c->n; i++)
        lh_text_printf(out, "%s  %s\n", c->of[i].label, c->of[i].title);
    lh_text_printf(out, "%s\n\n%-18s", c->batch_text, "");
    put_heads(out, c, "%13s");
    lh_text_add(out, "\n");
    for (int i = 0; i < N_ROWS; i++) {
        struct row row = row_at(i, out->arena);
        if (is_empty(c, row))
            continue;
        lh_text_printf(out, "%-18s", row.label);
        put_cells(out, c, row, "%13s");
        lh_text_add(out, "\n");
    }
    for (int i = 1; i < c->n; i++)
        lh_text_printf(out, "\n%s\n", c->of[i].cause);
}

static void write_markdown(struct lh_text *out, const struct lh_comparison *c)
{
    for (int i = 0; i < c->n; i++)
        lh_text_printf(out, "- %s: `%s`\n", c->of[i].label, c->of[i].title);
    lh_text_printf(out, "\nBatch: %s.\n\n| |", c->batch_text);
    put_heads(out, c, " %s |");
    lh_text_add(out, "\n|---|");
    for (int i = 1; i < 2 * c->n; i++)
        lh_text_add(out, "---:|");
    lh_text_add(out, "\n");
    for (int i = 0; i < N_ROWS; i++) {
        struct row row = row_at(i, out->arena);
        if (is_empty(c, row))
            continue;
        lh_text_printf(out, "| %s |", row.label + strspn(row.label, " "));
        put_cells(out, c, row, " %s |");
        lh_text_add(out, "\n");
    }
    for (int i = 1; i < c->n; i++)
        lh_text_printf(out, "\n%s.\n", c->of[i].cause);
}

/* ---- JSON ---------------------------------------------------------------- */

static void put_number(struct lh_text *out, const char *name, double value)
{
    lh_text_printf(out, ", \"%s\": ", name);
    lh_text_json_double(out, value);
}

static void put_string(struct lh_text *out, const char *name, const char *value)
{
    lh_text_printf(out, ", \"%s\": ", name);
    lh_text_json_string(out, value);
}

static void put_breakdown(struct lh_text *out, const double *seconds,
                          const double *less)
{
    lh_text_add(out, ", \"breakdown_s\": {");
    for (int i = 0; i < LH_CATEGORIES; i++) {
        lh_text_printf(out, "%s\"%s\": ", i > 0 ? ", " : "",
                       lh_category_name((enum lh_category)i));
        lh_text_json_double(out, seconds[i] - (less ? less[i] : 0));
    }
    lh_text_add(out, "}");
}

static void put_scenario(struct lh_text *out, const struct lh_compared *c)
{
    const struct lh_result *r = c->report.result;

    lh_text_add(out, "{\"label\": ");
    lh_text_json_string(out, c->label);
    put_string(out, "title", c->title);
    put_string(out, "name", c->report.scenario->name);
    lh_text_printf(
        out, ", \"accelerators\": %" PRId64 ", \"global_batch\": %" PRId64,
        c->accelerators, c->report.scenario->training.global_batch);
    put_number(out, "step_time_s", r->step_time_s);
    put_number(out, "tokens_per_s", r->tokens_per_s);
    put_number(out, "tokens_per_s_per_gpu", tokens_per_s_per_gpu(c, 0));
    put_number(out, "mfu", r->mfu);
    put_number(out, "hfu", r->hfu);
    lh_text_printf(out, ", \"fits\": %s", r->fits ? "true" : "false");
    put_number(out, "memory_bytes", memory(c, 0));
    put_number(out, "one_site_step_time_s", one_site(c, 0));
    put_number(out, "efficiency", efficiency(c, 0));
    if (c->report.scenario->equal_loss.on)
        put_number(out, "equal_loss_step_time_s", equal_loss(c, 0));
    put_breakdown(out, r->breakdown_s, NULL);
    for (int i = 0; c->report.rl && i < LH__RL_COLUMNS; i++) {
        struct lh__rl_column column = lh__rl_column(&c->report.rl->result, i);
        put_number(out, column.name, column.value);
    }
    lh_text_add(out, "}");
}

static void put_keys(struct lh_text *out, const struct lh_compared *c)
{
    lh_text_add(out, ", \"keys\": [");
    for (int i = 0; i < c->n_keys; i++) {
        lh_text_add(out, i > 0 ? ", {\"key\": " : "{\"key\": ");
        lh_text_json_string(out, c->keys[i].path);
        put_string(out, "from", c->keys[i].a);
        put_string(out, "to", c->keys[i].b);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "]");
}

static void put_difference(struct lh_text *out, const struct lh_compared *first,
                           const struct lh_compared *c)
{
    const struct lh_result *a = first->report.result, *b = c->report.result;

    lh_text_add(out, "{\"of\": ");
    lh_text_json_string(out, c->label);
    put_string(out, "from", first->label);
    put_number(out, "step_time_s", b->step_time_s - a->step_time_s);
    put_number(out, "step_time_share", b->step_time_s / a->step_time_s - 1);
    put_breakdown(out, b->breakdown_s, a->breakdown_s);
    put_string(out, "cause", c->cause);
    put_keys(out, c);
    lh_text_add(out, "}");
}

static void write_json(struct lh_text *out, const struct lh_comparison *c)
{
    static const char *const equal[] = {[LH_BATCH_GLOBAL] = "global",
                                        [LH_BATCH_PER_GPU] = "per-accelerator",
                                        [LH_BATCH_NEITHER] = "neither"};

    lh_text_printf(out,
                   "{\n  \"schema\": \"longhaul.compare/1\",\n"
                   "  \"equal_batch\": \"%s\",\n  \"scenarios\": [",
                   equal[c->batch]);
    for (int i = 0; i < c->n; i++) {
        lh_text_add(out, i > 0 ? ",\n    " : "\n    ");
        put_scenario(out, &c->of[i]);
    }
    lh_text_add(out, "\n  ],\n  \"differences\": [");
    for (int i = 1; i < c->n; i++) {
        lh_text_add(out, i > 1 ? ",\n    " : "\n    ");
        put_difference(out, &c->of[0], &c->of[i]);
    }
    lh_text_add(out, "\n  ]\n}\n");
}

/* ---- CSV ----------------------------------------------------------------- */

static void put_quoted(struct lh_text *out, const char *text)
{
    lh_text_add(out, "\"");
    for (; *text != '\0'; text++)
        lh_text_printf(out, *text == '"' ? "\"%c" : "%c", *text);
    lh_text_add(out, "\"");
}

static void put_cell(struct lh_text *out, double value)
{
    lh_text_add(out, ",");
    if (isfinite(value))
        lh_text_double(out, value);
}

static void write_csv(struct lh_text *out, const struct lh_comparison *c)
{
    lh_text_add(out, "label,title,accelerators,global_batch,step_time_s,"
                     "tokens_per_s,mfu,hfu,memory_bytes,one_site_step_time_s,"
                     "efficiency");
    for (int i = 0; i < LH_CATEGORIES; i++)
        lh_text_printf(out, ",%s_s", lh_category_name((enum lh_category)i));
    for (int i = 0; c->of[0].report.rl && i < LH__RL_COLUMNS; i++)
        lh_text_printf(out, ",%s",
                       lh__rl_column(&c->of[0].report.rl->result, i).name);
    lh_text_add(out, "\n");
    for (int i = 0; i < c->n; i++) {
        const struct lh_compared *of = &c->of[i];
        lh_text_printf(out, "%s,", of->label);
        put_quoted(out, of->title);
        put_cell(out, (double)of->accelerators);
        put_cell(out, global_batch(of, 0));
        put_cell(out, of->report.result->step_time_s);
        put_cell(out, of->report.result->tokens_per_s);
        put_cell(out, of->report.result->mfu);
        put_cell(out, of->report.result->hfu);
        put_cell(out, memory(of, 0));
        put_cell(out, one_site(of, 0));
        put_cell(out, efficiency(of, 0));
        for (int k = 0; k < LH_CATEGORIES; k++)
            put_cell(out, of->report.result->breakdown_s[k]);
        for (int k = 0; c->of[0].report.rl && k < LH__RL_COLUMNS; k++)
            put_cell(out, of->report.rl
                              ? lh__rl_column(&of->report.rl->result, k).value
                              : (double)NAN);
        lh_text_add(out, "\n");
    }
}

static const struct lh_compare_output outputs[] = {
    {"text", write_text},
    {"json", write_json},
    {"csv", write_csv},
    {"markdown", write_markdown},
};

const struct lh_compare_output *lh_compare_output_at(int i)
{
    return i < (int)(sizeof outputs / sizeof outputs[0]) ? &outputs[i] : NULL;
}
