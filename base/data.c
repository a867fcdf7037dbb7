/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data tables and examples compiled into the program (embedded-data.c,
 * made by scripts/embed-data from data/ and examples/), and the folder given
 * by --data DIR, whose rows are joined to the built-in tables of the same file
 * name: one that has the name of a built-in row takes its place.  Single cells
 * can be replaced for one context (lh_ctx.overrides), which is how calibration
 * tries values.
 *
 * Place: what scenario/ and topologies/ look names up in.
 * Leaves out: what the cells mean, and which columns a table has to have.
 */
#include <longhaul/base.h>

#include <string.h>
#include <sys/stat.h>

#include "embedded.h"

static const struct lh__embedded_file *find_embedded(const char *file_name)
{
    for (int i = 0; i < lh__n_embedded_files; i++) {
        if (strcmp(lh__embedded_files[i].name, file_name) == 0) {
            return &lh__embedded_files[i];
        }
    }
    return NULL;
}

const char *lh_data_text(const char *file_name)
{
    const struct lh__embedded_file *file = find_embedded(file_name);

    return file != NULL ? (const char *)file->text : NULL;
}

const char *lh_data_name_at(int i)
{
    return i < lh__n_embedded_files ? lh__embedded_files[i].name : NULL;
}

static enum lh_status read_embedded(struct lh_csv *out, const char *file_name,
                                    struct lh_ctx *ctx)
{
    const struct lh__embedded_file *file = find_embedded(file_name);

    if (file == NULL) {
        lh_error(ctx, LH_NOWHERE, "there is no data table '%s'", file_name);
        return LH_FAILED;
    }
    return lh_csv_read_text(out, lh_format(ctx->arena, "data/%s", file_name),
                            (const char *)file->text, file->size, ctx);
}

/* The user's table, *is_there false where there is none of that name. */
static enum lh_status read_own(struct lh_csv *out, bool *is_there,
                               const char *file_name, struct lh_ctx *ctx)
{
    const char *path = lh_format(ctx->arena, "%s/%s", ctx->data_dir, file_name);
    struct stat info;

    *is_there = false;
    if (stat(ctx->data_dir, &info) != 0 || !S_ISDIR(info.st_mode)) {
        lh_error(ctx, (struct lh_where){ctx->data_dir, 0, 0},
                 "the data folder (--data) is not a folder");
        return LH_BAD_INPUT;
    }
    if (stat(path, &info) != 0) {
        return LH_OK;
    }
    *is_there = true;
    return lh_csv_read_file(out, path, ctx);
}

/* Columns of both tables, the built-in ones first. */
static void join_columns(struct lh_csv *out, const struct lh_csv *built_in,
                         const struct lh_csv *own, struct lh_ctx *ctx)
{
    out->columns = LH_NEW(ctx->arena, const char *,
                          (size_t)built_in->n_columns + (size_t)own->n_columns);
    for (int i = 0; i < built_in->n_columns; i++) {
        out->columns[out->n_columns++] = built_in->columns[i];
    }
    for (int i = 0; i < own->n_columns; i++) {
        if (lh_csv_column(built_in, own->columns[i]) < 0) {
            out->columns[out->n_columns++] = own->columns[i];
        }
    }
}

static void put_row(struct lh_csv *out, int at, const struct lh_csv *from,
                    int row)
{
    size_t begin = (size_t)at * (size_t)out->n_columns;

    for (int i = 0; i < out->n_columns; i++) {
        int column = lh_csv_column(from, out->columns[i]);

        out->cells[begin + (size_t)i] =
            column < 0 ? "" : lh_csv_cell(from, row, column);
    }
    out->files[at] = from->file;
    out->lines[at] = from->lines[row];
}

/* A second row of the user's that has a built-in name goes to the end too, so
 * that whoever looks for rows named twice finds it. */
static void join(struct lh_csv *out, const struct lh_csv *built_in,
                 const struct lh_csv *own, struct lh_ctx *ctx)
{
    size_t n = (size_t)built_in->n_rows + (size_t)own->n_rows;

    *out = (struct lh_csv){.file = own->file, .own = own};
    join_columns(out, built_in, own, ctx);
    out->cells = LH_NEW(ctx->arena, const char *, n *(size_t)out->n_columns);
    out->files = LH_NEW(ctx->arena, const char *, n);
    out->lines = LH_NEW(ctx->arena, int, n);
    for (int i = 0; i < built_in->n_rows; i++) {
        put_row(out, out->n_rows++, built_in, i);
    }
    for (int i = 0; i < own->n_rows; i++) {
        int at = lh_csv_find(built_in, lh_csv_cell(own, i, 0));

        if (at < 0 || out->files[at] == own->file) {
            at = out->n_rows++;
        }
        put_row(out, at, own, i);
    }
}

static enum lh_status read_table(struct lh_csv *out, const char *name,
                                 struct lh_ctx *ctx)
{
    const char *file_name = lh_format(ctx->arena, "%s.csv", name);
    struct lh_csv built_in;
    struct lh_csv *own = LH_NEW(ctx->arena, struct lh_csv, 1);
    bool is_own = false;
    enum lh_status st = read_embedded(&built_in, file_name, ctx);

    if (st == LH_OK && ctx->data_dir != NULL) {
        st = read_own(own, &is_own, file_name, ctx);
    }
    if (st != LH_OK) {
        return st;
    }
    if (is_own) {
        join(out, &built_in, own, ctx);
    } else {
        *out = built_in;
    }
    return LH_OK;
}

static void override(struct lh_csv *csv, const struct lh_override *o)
{
    int row = lh_csv_find(csv, o->row);
    int column = lh_csv_column(csv, o->column);

    if (row >= 0 && column >= 0) {
        csv->cells[(size_t)row * (size_t)csv->n_columns + (size_t)column] =
            o->cell;
    }
}

enum lh_status lh_data_read(struct lh_csv *out, const char *name,
                            struct lh_ctx *ctx)
{
    enum lh_status st = read_table(out, name, ctx);

    for (int i = 0; i < ctx->n_overrides && st == LH_OK; i++) {
        if (strcmp(ctx->overrides[i].table, name) == 0) {
            override(out, &ctx->overrides[i]);
        }
    }
    return st;
}
