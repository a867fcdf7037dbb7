/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of validation rows: CSV, one published figure a row.
 *
 *   row,quantity,published[,unit][,convention][,counts][,confidence][,note]
 *      [,scenario][,ablates][,collective,size[,algorithm]][,over],
 *      and any key of a scenario: "plan.tensor", "sites[0].gpus"
 *
 * The scenario of a row is the file named in `scenario` (of the file's folder;
 * without it the file of the same name that ends in .yaml) with the row's
 * cells set in it as --set would; an empty cell sets nothing.  A row that
 * ablates another has that one's cells where its own are empty, and never
 * counts.  The comment before the header is the source (validate_comment.c).
 * Place in the pipeline: before the scenarios; nothing is simulated here.
 */
#include <math.h>
#include <string.h>

#include "validate_read.h"

enum { N_NEEDED = PUBLISHED + 1 };

static struct lh_where cell_where(const struct lh__reader_of_rows *r, int line,
                                  int column)
{
    return lh__cell_where(r->csv.file, r->text, line, column);
}

/* ---- columns --------------------------------------------------------------
 */

const char *const lh__columns_of_row[COLUMNS] = {
    [ROW] = "row",
    [QUANTITY] = "quantity",
    [PUBLISHED] = "published",
    [UNIT] = "unit",
    [CONVENTION] = "convention",
    [COUNTS] = "counts",
    [CONFIDENCE] = "confidence",
    [NOTE] = "note",
    [SCENARIO] = "scenario",
    [ABLATES] = "ablates",
    [COLLECTIVE] = "collective",
    [SIZE] = "size",
    [ALGORITHM] = "algorithm",
    [OVER] = "over",
};

int lh__column_reserved(const char *name)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (strcmp(lh__columns_of_row[i], name) == 0)
            return i;
    }
    return -1;
}

static void check_key(const struct lh__reader_of_rows *r, int column)
{
    struct lh_ctx scratch = lh_ctx_begin();
    struct lh_text text = lh_text_new(scratch.arena);
    const char *name = r->csv.columns[column];
    if (lh_schema_explain(&text, name, &scratch) != LH_OK) {
        lh_error(r->ctx, cell_where(r, r->header_line, column),
                 "column '%s' is neither one of a row's nor a key of a "
                 "scenario: %s",
                 name, lh_diag_at(&scratch, 0)->text);
    }
    lh_ctx_end(&scratch);
}

static enum lh_status read_columns(struct lh__reader_of_rows *r)
{
    int before = lh_diag_count(r->ctx, LH_ERROR);
    for (int i = 0; i < COLUMNS; i++)
        r->at[i] = lh_csv_column(&r->csv, lh__columns_of_row[i]);
    for (int i = 0; i < N_NEEDED; i++) {
        if (r->at[i] < 0)
            lh_error(r->ctx, (struct lh_where){r->csv.file, r->header_line, 1},
                     "missing column '%s'", lh__columns_of_row[i]);
    }
    for (int i = 0; i < r->csv.n_columns; i++) {
        if (lh__column_reserved(r->csv.columns[i]) < 0)
            check_key(r, i);
    }
    return lh_diag_count(r->ctx, LH_ERROR) > before ? LH_BAD_INPUT : LH_OK;
}

/* ---- files ----------------------------------------------------------------
 */

static const char *stem(const char *path, struct lh_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strncmp(path, LH__BUILT_IN, sizeof LH__BUILT_IN - 1) == 0)
        name = path + sizeof LH__BUILT_IN - 1;
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? lh_strndup(arena, name, (size_t)(dot - name))
                             : name;
}

static enum lh_status read_source(struct lh_validation_source *out,
                                  const char *path, const char *text, size_t n,
                                  struct lh_ctx *ctx)
{
    struct lh__reader_of_rows r = {.ctx = ctx, .text = text, .source = out};
    int before = lh_diag_count(ctx, LH_ERROR);
    enum lh_status st = lh_csv_read_text(&r.csv, path, text, n, ctx);
    if (st != LH_OK)
        return st;
    *out = (struct lh_validation_source){.name = stem(path, ctx->arena)};
    r.header_line = lh__header_line(text);
    lh__read_comment(out, text, ctx->arena);
    st = read_columns(&r);
    if (st != LH_OK)
        return st;
    if (r.csv.n_rows == 0)
        lh_error(ctx, (struct lh_where){path, r.header_line, 0},
                 "there is no row below the header");
    out->n_rows = r.csv.n_rows;
    out->rows =
        LH_NEW(ctx->arena, struct lh_validation_row, (size_t)out->n_rows);
    lh__rows_read(&r);
    return lh_diag_count(ctx, LH_ERROR) > before ? LH_BAD_INPUT : LH_OK;
}

static enum lh_status read_path(struct lh_validation_source *out,
                                const char *path, struct lh_ctx *ctx)
{
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);
    return st == LH_OK ? read_source(out, path, text, n, ctx) : st;
}

static bool is_built_in(const char *name)
{
    size_t n = strlen(name);
    return strncmp(name, LH__BUILT_IN, sizeof LH__BUILT_IN - 1) == 0 && n > 4
           && strcmp(name + n - 4, ".csv") == 0;
}

static enum lh_status read_built_in(struct lh_validation *out,
                                    struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    const char *name;
    int n = 0;
    for (int i = 0; (name = lh_data_name_at(i)) != NULL; i++)
        n += is_built_in(name);
    out->sources = LH_NEW(ctx->arena, struct lh_validation_source, (size_t)n);
    for (int i = 0; (name = lh_data_name_at(i)) != NULL && st == LH_OK; i++) {
        const char *text = lh_data_text(name);
        if (is_built_in(name))
            st = read_source(&out->sources[out->n_sources++], name, text,
                             strlen(text), ctx);
    }
    return st;
}

enum lh_status lh_validation_read(struct lh_validation *out,
                                  const char *const *paths, int n,
                                  struct lh_ctx *ctx)
{
    enum lh_status all = LH_OK;
    *out = (struct lh_validation){.n_sources = 0};
    if (n == 0) {
        struct lh_csv *calibrated = LH_NEW(ctx->arena, struct lh_csv, 1);
        out->calibrated = calibrated;
        all = lh_data_read(calibrated, "calibrated", ctx);
        return all == LH_OK ? read_built_in(out, ctx) : all;
    }
    out->sources = LH_NEW(ctx->arena, struct lh_validation_source, (size_t)n);
    out->n_sources = n;
    for (int i = 0; i < n; i++) {
        enum lh_status st = read_path(&out->sources[i], paths[i], ctx);
        all = all == LH_OK ? st : all;
    }
    return all;
}
