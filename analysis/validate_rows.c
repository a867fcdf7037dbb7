/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rows of a file of validation rows: figures, scenarios, collectives, and
 * rows that ablate others.  validate_read.c says what the columns are.
 *
 * Place in the pipeline: after the columns are known, before the scenarios.
 */
#include <math.h>
#include <string.h>

#include "validate_read.h"

static struct lh_where cell_where(const struct lh__reader_of_rows *r, int line,
                                  int column)
{
    return lh__cell_where(r->csv.file, r->text, line, column);
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
static const char *cell_at(const struct lh__reader_of_rows *r, int row,
                           int column, int which)
{
    const char *own = lh_csv_cell(&r->csv, row, column);
    int parent = r->parent[row];
    return *own == '\0' && parent >= 0 && is_inherited(which)
               ? lh_csv_cell(&r->csv, parent, column)
               : own;
}

static const char *cell(const struct lh__reader_of_rows *r, int row,
                        enum lh__column_of_row column)
{
    return r->at[column] < 0 ? "" : cell_at(r, row, r->at[column], (int)column);
}

static struct lh_where where_of(const struct lh__reader_of_rows *r, int row,
                                enum lh__column_of_row column)
{
    return cell_where(r, r->csv.lines[row], r->at[column]);
}

static void read_published(struct lh_validation_row *out,
                           const struct lh__reader_of_rows *r, int row)
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

static void fault_quantity(const struct lh__reader_of_rows *r, int row)
{
    struct lh_text known = lh_text_new(r->ctx->arena);
    const struct lh_choice *choice;
    for (int i = 0; (choice = lh_quantity_at(i)) != NULL; i++)
        lh_text_printf(&known, "%s%s", i > 0 ? ", " : "", choice->name);
    lh_error(r->ctx, where_of(r, row, QUANTITY),
             "unknown quantity '%s'; there are %s", cell(r, row, QUANTITY),
             known.s);
}

static void read_quantity(struct lh_validation_row *out,
                          const struct lh__reader_of_rows *r, int row)
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

static void read_counts(struct lh_validation_row *out,
                        const struct lh__reader_of_rows *r, int row)
{
    const char *text = cell(r, row, COUNTS);
    out->judged = strcmp(text, "false") != 0 && *out->ablates == '\0';
    out->counts = out->judged && out->kind == LH_ROW_TRAINING;
    if (*text != '\0' && strcmp(text, "true") != 0
        && strcmp(text, "false") != 0)
        lh_error(r->ctx, where_of(r, row, COUNTS),
                 "'%s' is not a flag; counts must be true or false", text);
}

static void read_name(struct lh_validation_row *out,
                      const struct lh__reader_of_rows *r, int row)
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
static struct lh_where where_or_row(const struct lh__reader_of_rows *r, int row,
                                    enum lh__column_of_row column)
{
    return r->at[column] < 0
               ? (struct lh_where){r->csv.file, r->csv.lines[row], 0}
               : where_of(r, row, column);
}

static void read_which(struct lh_validation_row *out,
                       const struct lh__reader_of_rows *r, int row)
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

static void read_size(struct lh_validation_row *out,
                      const struct lh__reader_of_rows *r, int row)
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
                            const struct lh__reader_of_rows *r, int row)
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
        if (*cell(r, row, (enum lh__column_of_row)i) != '\0')
            lh_error(r->ctx, where_of(r, row, (enum lh__column_of_row)i),
                     "%s is of busbw, not of %s", lh__columns_of_row[i],
                     out->quantity);
    }
}

/* Of rl_speed_up: another row, whose step takes longer. */
static void read_over(struct lh_validation_row *out,
                      const struct lh__reader_of_rows *r, int row)
{
    bool needs = strcmp(out->quantity, "rl_speed_up") == 0;

    out->over = cell(r, row, OVER);
    if (needs == (*out->over != '\0'))
        return;
    lh_error(r->ctx, where_or_row(r, row, OVER),
             needs ? "%s needs a row to be faster than in column 'over'"
                   : "over is of rl_speed_up, not of %s",
             out->quantity);
}

static int find_row(const struct lh__reader_of_rows *r, const char *name)
{
    for (int i = 0; i < r->csv.n_rows; i++) {
        if (strcmp(lh_csv_cell(&r->csv, i, r->at[ROW]), name) == 0)
            return i;
    }
    return -1;
}

static void find_parents(struct lh__reader_of_rows *r)
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
static bool is_hopeless(const struct lh__reader_of_rows *r, int row)
{
    int parent = r->parent[row];
    if (r->at[ABLATES] < 0 || *cell(r, row, ABLATES) == '\0')
        return false;
    return parent < 0 || r->bad[parent];
}

static void read_settings(struct lh_validation_row *out,
                          const struct lh__reader_of_rows *r, int row)
{
    out->settings =
        LH_NEW(r->ctx->arena, struct lh_setting, (size_t)r->csv.n_columns);
    for (int i = 0; i < r->csv.n_columns; i++) {
        const char *value =
            cell_at(r, row, i, lh__column_reserved(r->csv.columns[i]));
        if (lh__column_reserved(r->csv.columns[i]) >= 0 || *value == '\0')
            continue;
        out->settings[out->n_settings++] =
            (struct lh_setting){r->csv.columns[i], value};
    }
}

/* Cells are printed as they are. */
static void check_cells(const struct lh__reader_of_rows *r, int row)
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
    if (strncmp(file, LH__BUILT_IN, sizeof LH__BUILT_IN - 1) == 0)
        return lh_format(arena, "%s%s", LH__BUILT_IN, name);
    if (!slash || *name == '/')
        return name;
    return lh_format(arena, "%.*s/%s", (int)(slash - file), file, name);
}

static void read_row(struct lh_validation_row *out,
                     const struct lh__reader_of_rows *r, int row)
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
    read_over(out, r, row);
    read_settings(out, r, row);
    r->bad[row] = lh_diag_count(r->ctx, LH_ERROR) > before;
}

void lh__rows_read(struct lh__reader_of_rows *r)
{
    find_parents(r);
    for (int i = 0; i < r->csv.n_rows; i++) {
        if (!is_hopeless(r, i))
            read_row(&r->source->rows[i], r, i);
    }
}
