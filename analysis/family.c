/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The family of a run, device x parallelism, and the validation error that
 * data/validated.csv has for it (made by `make validate`, so that a result
 * carries its uncertainty without simulating the published rows again).
 *
 *   parallelism  tensor, pipeline, context, expert where more than one
 *                accelerator shares in it, sharded with ZeRO-2 or -3; data
 *                where there is none of these
 *
 * Place in the pipeline: after the scenario is resolved.  Leaves out the
 * number of accelerators, precision and model: the rows of a family have many.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <longhaul/result.h>

static void add_kind(struct lh_text *out, bool has, const char *name,
                     int *n_kinds)
{
    if (has)
        lh_text_printf(out, "%s%s", (*n_kinds)++ > 0 ? "+" : "", name);
}

static bool is_listed_before(const struct lh_scenario *s, int site)
{
    for (int i = 0; i < site; i++) {
        if (strcmp(s->sites[i].device.name, s->sites[site].device.name) == 0)
            return true;
    }
    return false;
}

const char *lh_family(const struct lh_scenario *s, struct lh_arena *arena)
{
    struct lh_text out = lh_text_new(arena);
    const struct lh_plan *plan = &s->plan;
    int n = 0;
    for (int i = 0; i < s->n_sites; i++) {
        if (!is_listed_before(s, i))
            lh_text_printf(&out, "%s%s", i > 0 ? "+" : "",
                           s->sites[i].device.name);
    }
    lh_text_add(&out, " with ");
    if (s->traced.file) {
        lh_text_add(&out, "a trace");
        return out.s;
    }
    add_kind(&out, plan->tensor > 1, "tensor", &n);
    add_kind(&out, plan->pipeline > 1, "pipeline", &n);
    add_kind(&out, plan->context > 1, "context", &n);
    add_kind(&out, plan->expert > 1, "expert", &n);
    add_kind(&out, plan->zero >= 2, "sharded", &n);
    add_kind(&out, n == 0, "data", &n);
    return out.s;
}

static enum lh_status bad_table(const struct lh_csv *csv, int line,
                                const char *why, struct lh_ctx *ctx)
{
    lh_error(ctx, (struct lh_where){csv->file, line, 0}, "%s", why);
    return LH_BAD_INPUT;
}

enum lh_status lh_family_error_read(struct lh_family_error *out,
                                    const struct lh_scenario *scenario,
                                    struct lh_ctx *ctx)
{
    static const char *const names[] = {"family", "rows", "median_abs_error",
                                        "within_10_percent"};
    struct lh_csv csv;
    double values[4] = {0};
    int at[4], row;
    enum lh_status st = lh_data_read(&csv, "validated", ctx);
    *out =
        (struct lh_family_error){lh_family(scenario, ctx->arena), 0, NAN, NAN};
    if (st != LH_OK)
        return st;
    row = lh_csv_find(&csv, out->family);
    for (int i = 0; i < 4; i++) {
        at[i] = lh_csv_column(&csv, names[i]);
        if (at[i] < 0)
            return bad_table(
                &csv, 0, lh_format(ctx->arena, "missing column '%s'", names[i]),
                ctx);
    }
    for (int i = 1; i < 4 && row >= 0; i++) {
        const char *why = NULL;
        st = lh_units_read(&values[i], lh_csv_cell(&csv, row, at[i]),
                           LH_DIM_NONE, ctx->arena, &why);
        if (st != LH_OK)
            return bad_table(&csv, csv.lines[row], why, ctx);
    }
    if (row >= 0)
        *out = (struct lh_family_error){out->family, (int)values[1], values[2],
                                        values[3]};
    return LH_OK;
}
