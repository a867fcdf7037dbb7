/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of validation rows: CSV, one published figure a row.
 *
 *   row,quantity,published[,unit][,convention][,counts][,confidence][,note]
 *      [,scenario][,ablates][,collective,size[,algorithm]],
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

#include "validate.h"

/* What is before the names of files compiled in (scripts/embed-data). */
static const char built_in[] = "validation:";

enum column {
    ROW,
    QUANTITY,
    PUBLISHED,
    UNIT,
    CONVENTION,
    COUNTS,
    CONFIDENCE,
    NOTE,
    SCENARIO,
    ABLATES,
    COLLECTIVE,
    SIZE,
    ALGORITHM,
    COLUMNS
};
static const char *const column_names[COLUMNS] = {
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
};
enum { N_NEEDED = PUBLISHED + 1 };

struct reader {
    struct lh_ctx *ctx;
    const char *text;
    struct lh_csv csv;
    int at[COLUMNS]; /* column of the file; -1: none */
    int header_line;
    int *parent; /* [rows] the row that a row ablates; -1: none */
    bool *bad;   /* [rows] read, and at fault */
    struct lh_validation_source *source;
};

static struct lh_where cell_where(const struct reader *r, int line, int column)
{
    return lh__cell_where(r->csv.file, r->text, line, column);
}

/* ---- columns --------------------------------------------------------------
 */

static int reserved(const char *name)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (strcmp(column_names[i], name) == 0)
            return i;
    }
    return -1;
}

static void check_key(const struct reader *r, int column)
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

static enum lh_status read_columns(struct reader *r)
{
    int before = lh_diag_count(r->ctx, LH_ERROR);
    for (int i = 0; i < COLUMNS; i++)
        r->at[i] = lh_csv_column(&r->csv, column_names[i]);
    for (int i = 0; i < N_NEEDED; i++) {
        if (r->at[i] < 0)
            lh_error(r->ctx, (struct lh_where){r->csv.file, r->header_line, 1},
                     "missing column '%s'", column_names[i]);
    }
    for (int i = 0; i < r->csv.n_columns; i++) {
        if (reserved(r->csv.columns[i]) < 0)
            check_key(r, i);
    }
    return lh_diag_count(r->ctx, LH_ERROR) > before ? LH_BAD_INPUT : LH_OK;
}

/* ---- rows -----------------------------------------------------------------
 */

/* Does an ablation take the cell of the row that it ablates? */
static bool is_inherited(int column)
{
    return column < 0 || column == QUANTITY || column == PUBLISHED
           || column == UNIT || column == CONVENTION || column == SCENARIO
           || column >= COLLECTIVE;
}

/* Of a column of the file, whose reserved name is `which` (-1: a key). */
static const char *cell_at(const struct reader *r, int row, int column,
                           int which)
{
    const char *own = lh_csv_cell(&r->csv, row, column);
    int parent = r->parent[row];
    return *own == '\0' && parent >= 0 && is_inherited(which)
               ? lh_csv_cell(&r->csv, parent, column)
               : own;
}

static const char *cell(const struct reader *r, int row, enum column column)
{
    return r->at[column] < 0 ? "" : cell_at(r, row, r->at[column], (int)column);
}

static struct lh_where where_of(const struct reader *r, int row,
                                enum column column)
{
    return cell_where(r, r->csv.lines[row], r->at[column]);
}

static void read_published(struct lh_validation_row *out,
                           const struct reader *r, int row)
{
    const char *why = NULL;
    out->published_text = cell(r, row, PUBLISHED);
    if (lh_units_read(&out->published, out->published_text, LH_DIM_NONE,
                      r->ctx->arena, &why)
        != LH_OK)
        lh_error(r->ctx, where_of(r, row, PUBLISHED), "%s", why);
    else if (!(out->published > 0))
        lh_error(r->ctx, where_of(r, row, PUBLISHED),
                 "a published figure is above 0, not '%s'",
                 out->published_text);
}

static void fault_quantity(const struct reader *r, int row)
{
    struct lh_text known = lh_text_new(r->ctx->arena);
    const struct lh_choice *choice;
    for (int i = 0; (choice = lh_quantity_at(i)) != NULL; i++)
        lh_text_printf(&known, "%s%s", i > 0 ? ", " : "", choice->name);
    lh_error(r->ctx, where_of(r, row, QUANTITY),
             "unknown quantity '%s'; there are %s", cell(r, row, QUANTITY),
             known.s);
}

static void read_quantity(struct lh_validation_row *out, const struct reader *r,
                          int row)
{
    const struct lh__quantity *quantity =
        lh__quantity_find(cell(r, row, QUANTITY));
    const char *known = "";
    out->quantity = cell(r, row, QUANTITY);
    out->convention = cell(r, row, CONVENTION);
    if (!quantity) {
        fault_quantity(r, row);
        return;
    }
    out->kind = lh__quantity_kind(quantity);
    out->unit =
        lh__quantity_unit(quantity, cell(r, row, UNIT), &known, r->ctx->arena);
    if (!out->unit)
        lh_error(r->ctx, where_of(r, row, UNIT),
                 "'%s' is no unit of %s; there are %s", cell(r, row, UNIT),
                 out->quantity, known);
    if (lh__quantity_convention(quantity, out->convention, &known))
        return;
    if (*known == '\0')
        lh_error(r->ctx, where_of(r, row, CONVENTION),
                 "%s has no convention, not '%s'", out->quantity,
                 out->convention);
    else
        lh_error(r->ctx,
                 r->at[CONVENTION] < 0
                     ? (struct lh_where){r->csv.file, r->csv.lines[row], 0}
                     : where_of(r, row, CONVENTION),
                 "%s needs a convention: one of %s", out->quantity, known);
}

static void read_counts(struct lh_validation_row *out, const struct reader *r,
                        int row)
{
    const char *text = cell(r, row, COUNTS);
    out->judged = strcmp(text, "false") != 0 && *out->ablates == '\0';
    out->counts = out->judged && out->kind == LH_ROW_TRAINING;
    if (*text != '\0' && strcmp(text, "true") != 0
        && strcmp(text, "false") != 0)
        lh_error(r->ctx, where_of(r, row, COUNTS),
                 "'%s' is not a flag; counts must be true or false", text);
}

static void read_name(struct lh_validation_row *out, const struct reader *r,
                      int row)
{
    out->name = cell(r, row, ROW);
    if (*out->name == '\0')
        lh_error(r->ctx, where_of(r, row, ROW), "a row needs a name");
    for (int i = 0; i < row; i++) {
        if (strcmp(cell(r, i, ROW), out->name) == 0
            && strcmp(cell(r, i, QUANTITY), cell(r, row, QUANTITY)) == 0) {
            lh_error(r->ctx, where_of(r, row, ROW),
                     "row '%s' has its %s on line %d already", out->name,
                     cell(r, row, QUANTITY), r->csv.lines[i]);
            return;
        }
    }
}

/* A fault in a cell, or in the row where the column is missing. */
static struct lh_where where_or_row(const struct reader *r, int row,
                                    enum column column)
{
    return r->at[column] < 0
               ? (struct lh_where){r->csv.file, r->csv.lines[row], 0}
               : where_of(r, row, column);
}

static void read_which(struct lh_validation_row *out, const struct reader *r,
                       int row)
{
    const char *name = cell(r, row, COLLECTIVE);
    struct lh_text known = lh_text_new(r->ctx->arena);
    for (int i = 0; i < LH_COLLECTIVES; i++) {
        const char *one = lh_collective_name((enum lh_collective)i);
        lh_text_printf(&known, "%s%s", i > 0 ? ", " : "", one);
        if (strcmp(one, name) == 0) {
            out->collective = (enum lh_collective)i;
            return;
        }
    }
    lh_error(r->ctx, where_or_row(r, row, COLLECTIVE),
             "busbw needs a collective, not '%s'; there are %s", name, known.s);
}

static void read_size(struct lh_validation_row *out, const struct reader *r,
                      int row)
{
    const char *why = NULL;
    if (lh_units_read(&out->size_bytes, cell(r, row, SIZE), LH_DIM_BYTES,
                      r->ctx->arena, &why)
        != LH_OK)
        lh_error(r->ctx, where_or_row(r, row, SIZE), "busbw needs a size: %s",
                 why);
    else if (out->size_bytes < 1)
        lh_error(r->ctx, where_or_row(r, row, SIZE),
                 "a size is 1 B or more, not '%s'", cell(r, row, SIZE));
}

/* Of a row of busbw; other rows have none of its columns. */
static void read_collective(struct lh_validation_row *out,
                            const struct reader *r, int row)
{
    if (out->kind == LH_ROW_BUSBW) {
        read_which(out, r, row);
        read_size(out, r, row);
        out->algorithm = cell(r, row, ALGORITHM);
        if (*out->algorithm == '\0')
            out->algorithm = "auto";
        if (strcmp(out->algorithm, "auto") != 0
            && lh_algorithm_find(out->algorithm) == NULL)
            lh_error(r->ctx, where_of(r, row, ALGORITHM),
                     "unknown algorithm '%s' (longhaul list collectives)",
                     out->algorithm);
        return;
    }
    for (int i = COLLECTIVE; i <= ALGORITHM; i++) {
        if (*cell(r, row, (enum column)i) != '\0')
            lh_error(r->ctx, where_of(r, row, (enum column)i),
                     "%s is of busbw, not of %s", column_names[i],
                     out->quantity);
    }
}

static int find_row(const struct reader *r, const char *name)
{
    for (int i = 0; i < r->csv.n_rows; i++) {
        if (strcmp(lh_csv_cell(&r->csv, i, r->at[ROW]), name) == 0)
            return i;
    }
    return -1;
}

static void find_parents(struct reader *r)
{
    r->parent = LH_NEW(r->ctx->arena, int, (size_t)r->csv.n_rows);
    r->bad = LH_NEW(r->ctx->arena, bool, (size_t)r->csv.n_rows);
    for (int i = 0; i < r->csv.n_rows; i++)
        r->parent[i] = -1;
    for (int i = 0; i < r->csv.n_rows && r->at[ABLATES] >= 0; i++) {
        const char *name = lh_csv_cell(&r->csv, i, r->at[ABLATES]);
        int parent = find_row(r, name);
        if (*name == '\0')
            continue;
        if (parent < 0)
            lh_error(r->ctx, where_of(r, i, ABLATES),
                     "there is no row '%s' to ablate", name);
        else if (*lh_csv_cell(&r->csv, parent, r->at[ABLATES]) != '\0')
            lh_error(r->ctx, where_of(r, i, ABLATES),
                     "row '%s' ablates another itself", name);
        else
            r->parent[i] = parent;
    }
}

/* Its faults are said already: it ablates nothing, or a bad row before it. */
static bool is_hopeless(const struct reader *r, int row)
{
    int parent = r->parent[row];
    if (r->at[ABLATES] < 0 || *cell(r, row, ABLATES) == '\0')
        return false;
    return parent < 0 || r->bad[parent];
}

static void read_settings(struct lh_validation_row *out, const struct reader *r,
                          int row)
{
    out->settings =
        LH_NEW(r->ctx->arena, struct lh_setting, (size_t)r->csv.n_columns);
    for (int i = 0; i < r->csv.n_columns; i++) {
        const char *value = cell_at(r, row, i, reserved(r->csv.columns[i]));
        if (reserved(r->csv.columns[i]) >= 0 || *value == '\0')
            continue;
        out->settings[out->n_settings++] =
            (struct lh_setting){r->csv.columns[i], value};
    }
}

/* Cells are printed as they are. */
static void check_cells(const struct reader *r, int row)
{
    for (int i = 0; i < r->csv.n_columns; i++) {
        for (const char *p = lh_csv_cell(&r->csv, row, i); *p; p++) {
            if ((unsigned char)*p >= 0x20 && *p != 0x7f)
                continue;
            lh_error(r->ctx, cell_where(r, r->csv.lines[row], i),
                     "a line break or another control character in '%s'",
                     r->csv.columns[i]);
            break;
        }
    }
}

/* Of the same folder, or compiled in as well. */
static const char *beside(const char *file, const char *name,
                          struct lh_arena *arena)
{
    const char *slash = strrchr(file, '/');
    if (strncmp(file, built_in, sizeof built_in - 1) == 0)
        return lh_format(arena, "%s%s", built_in, name);
    if (!slash || *name == '/')
        return name;
    return lh_format(arena, "%.*s/%s", (int)(slash - file), file, name);
}

static void read_row(struct lh_validation_row *out, const struct reader *r,
                     int row)
{
    struct lh_arena *arena = r->ctx->arena;
    const char *base = cell(r, row, SCENARIO);
    int before = lh_diag_count(r->ctx, LH_ERROR);
    *out = (struct lh_validation_row){
        .where = {r->csv.file, r->csv.lines[row], 0},
        .confidence = cell(r, row, CONFIDENCE),
        .note = cell(r, row, NOTE),
        .ablates = cell(r, row, ABLATES),
        .simulated = NAN,
        .error = NAN,
        .step_time_s = NAN,
        .scenario = beside(
            r->csv.file,
            *base != '\0' ? base : lh_format(arena, "%s.yaml", r->source->name),
            arena),
    };
    check_cells(r, row);
    read_name(out, r, row);
    read_quantity(out, r, row);
    read_published(out, r, row);
    read_counts(out, r, row);
    read_collective(out, r, row);
    read_settings(out, r, row);
    r->bad[row] = lh_diag_count(r->ctx, LH_ERROR) > before;
}

/* ---- files ----------------------------------------------------------------
 */

static const char *stem(const char *path, struct lh_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strncmp(path, built_in, sizeof built_in - 1) == 0)
        name = path + sizeof built_in - 1;
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? lh_strndup(arena, name, (size_t)(dot - name))
                             : name;
}

static enum lh_status read_source(struct lh_validation_source *out,
                                  const char *path, const char *text, size_t n,
                                  struct lh_ctx *ctx)
{
    struct reader r = {.ctx = ctx, .text = text, .source = out};
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
    find_parents(&r);
    if (r.csv.n_rows == 0)
        lh_error(ctx, (struct lh_where){path, r.header_line, 0},
                 "there is no row below the header");
    out->n_rows = r.csv.n_rows;
    out->rows =
        LH_NEW(ctx->arena, struct lh_validation_row, (size_t)out->n_rows);
    for (int i = 0; i < out->n_rows; i++) {
        if (!is_hopeless(&r, i))
            read_row(&out->rows[i], &r, i);
    }
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
    return strncmp(name, built_in, sizeof built_in - 1) == 0 && n > 4
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
