/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A data table with fitted values in it: the text of the table, comments and
 * order and all, in which the fitted cells alone are replaced, so that it can
 * stand in a folder for --data.
 *
 * Place in the pipeline: after a calibration.
 */
#include <string.h>

#include "calibrate.h"

struct table {
    const char *name;
    char *text;
    struct lh_csv csv;
};

static enum lh_status read_table(struct table *t, struct lh_ctx *ctx)
{
    enum lh_status st = lh_data_read(&t->csv, t->name, ctx);
    size_t n;
    if (st != LH_OK)
        return st;
    const char *built_in =
        lh_data_text(lh_format(ctx->arena, "%s.csv", t->name));
    if (built_in && strncmp(t->csv.file, "data/", 5) == 0
        && (!ctx->data_dir
            || strncmp(t->csv.file, ctx->data_dir, strlen(ctx->data_dir))
                   != 0)) {
        t->text = lh_strdup(ctx->arena, built_in);
        return LH_OK;
    }
    return lh_file_read(&t->text, &n, t->csv.file, ctx);
}

static void replace_cell(struct table *t, int row, int column, const char *cell,
                         struct lh_arena *arena)
{
    struct lh_where where =
        lh__cell_where("", t->text, t->csv.lines[row], column);
    const char *begin = t->text;
    for (int line = 1; line < where.line; line++)
        begin = strchr(begin, '\n') + 1;
    begin += where.col - 1;
    size_t n = strlen(lh_csv_cell(&t->csv, row, column));
    if (*begin == '"') /* a number has no quotes inside */
        n += 2;
    t->text = lh_format(arena, "%.*s%s%s", (int)(begin - t->text), t->text,
                        cell, begin + n);
}

enum lh_status lh_calibrated_table(struct lh_text *out, const char *table,
                                   const struct lh_calibration *c,
                                   struct lh_ctx *ctx)
{
    struct table t = {.name = table};
    enum lh_status st = read_table(&t, ctx);
    for (int k = 0; k < c->n_constants && st == LH_OK; k++) {
        const struct lh_constant *one = &c->constants[k];
        if (strcmp(one->table, table) != 0)
            continue;
        int column = lh_csv_column(&t.csv, one->column);
        for (int i = 0; i < one->n_rows; i++)
            replace_cell(&t, lh_csv_find(&t.csv, one->rows[i]), column,
                         lh__constant_cell(one, i, one->value, ctx->arena),
                         ctx->arena);
    }
    if (st == LH_OK)
        lh_text_add(out, t.text);
    return st;
}
