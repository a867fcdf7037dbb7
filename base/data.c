/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data tables and examples compiled into the program (embedded-data.c,
 * made by scripts/embed-data from data/ and examples/), and the folder given
 * by --data DIR, whose tables stand before the built-in ones, table by table.
 * Single cells can be replaced for one context (lh_ctx.overrides), which is how
 * calibration tries values.
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

static enum lh_status read_table(struct lh_csv *out, const char *name,
                                 struct lh_ctx *ctx)
{
    const char *file_name = lh_format(ctx->arena, "%s.csv", name);
    const struct lh__embedded_file *file;
    struct stat info;

    if (ctx->data_dir != NULL) {
        const char *path = lh_format(ctx->arena, "%s/%s", ctx->data_dir,
                                     file_name);
        if (stat(ctx->data_dir, &info) != 0 || !S_ISDIR(info.st_mode)) {
            lh_error(ctx, (struct lh_where){ctx->data_dir, 0, 0},
                     "the data folder (--data) is not a folder");
            return LH_BAD_INPUT;
        }
        if (stat(path, &info) == 0) {
            return lh_csv_read_file(out, path, ctx);
        }
    }
    file = find_embedded(file_name);
    if (file == NULL) {
        lh_error(ctx, LH_NOWHERE, "there is no data table '%s'", name);
        return LH_FAILED;
    }
    return lh_csv_read_text(out, lh_format(ctx->arena, "data/%s", file_name),
                            (const char *)file->text, file->size, ctx);
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
