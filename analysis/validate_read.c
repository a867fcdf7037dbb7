/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of validation rows: CSV, one published figure a row.
 *
 *   row,quantity,published[,unit][,convention][,counts][,confidence][,note]
 *      [,scenario], and any key of a scenario: "plan.tensor", "sites[0].gpus"
 *
 * The scenario of a row is the file named in `scenario` (of the file's folder;
 * without it the file of the same name that ends in .yaml) with the row's
 * cells set in it as --set would; an empty cell sets nothing.  The comment
 * before the header is the source: its first paragraph is the citation, the
 * others say what was assumed.
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
};
enum { N_NEEDED = PUBLISHED + 1 };

struct reader {
    struct lh_ctx *ctx;
    const char *text;
    struct lh_csv csv;
    int at[COLUMNS]; /* column of the file; -1: none */
    int header_line;
    struct lh_validation_source *source;
};

/* ---- places ---------------------------------------------------------------
 */

static const char *line_begin(const char *text, int line)
{
    for (int i = 1; i < line && text; i++) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text;
}

/* Where the cell begins; column 0 where its row has line breaks before it. */
static struct lh_where cell_where(const struct reader *r, int line, int cell)
{
    struct lh_where where = {r->csv.file, line, 0};
    const char *begin = line_begin(r->text, line);
    bool quoted = false;
    for (const char *p = begin; p && *p && *p != '\n'; p++) {
        if (cell == 0) {
            where.col = (int)(p - begin) + 1;
            break;
        }
        quoted ^= *p == '"';
        cell -= *p == ',' && !quoted;
    }
    return where;
}

/* The header's line: the first that is neither a comment nor blank. */
static int find_header(const char *text)
{
    int line = 1;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    while (text && (*text == '#' || text[strspn(text, " \t\r")] == '\n')) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
        line++;
    }
    return line;
}

/* ---- the comment ----------------------------------------------------------
 */

/* Paragraphs without '#', joined: the first is the title. */
static void read_comment(struct lh_validation_source *source, const char *text,
                         struct lh_arena *arena)
{
    struct lh_text title = lh_text_new(arena), remarks = lh_text_new(arena);
    struct lh_text *out = &title;
    bool begins = true;
    while (text && *text == '#') {
        const char *line = text + 1 + strspn(text + 1, " ");
        int n = (int)strcspn(line, "\r\n");
        if (n == 0 && title.n > 0) {
            if (out == &remarks)
                lh_text_add(&remarks, "\n\n");
            out = &remarks;
            begins = true;
        } else if (n > 0) {
            lh_text_printf(out, "%s%.*s", begins ? "" : " ", n, line);
            begins = false;
        }
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    source->title = title.s;
    source->remarks = remarks.s;
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

static const char *cell(const struct reader *r, int row, enum column column)
{
    return r->at[column] < 0 ? "" : lh_csv_cell(&r->csv, row, r->at[column]);
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
    out->counts = strcmp(text, "false") != 0;
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

static void read_settings(struct lh_validation_row *out, const struct reader *r,
                          int row)
{
    out->settings =
        LH_NEW(r->ctx->arena, struct lh_setting, (size_t)r->csv.n_columns);
    for (int i = 0; i < r->csv.n_columns; i++) {
        const char *value = lh_csv_cell(&r->csv, row, i);
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
    *out = (struct lh_validation_row){
        .where = {r->csv.file, r->csv.lines[row], 0},
        .confidence = cell(r, row, CONFIDENCE),
        .note = cell(r, row, NOTE),
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
    read_settings(out, r, row);
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
    r.header_line = find_header(text);
    read_comment(out, text, ctx->arena);
    st = read_columns(&r);
    if (st != LH_OK)
        return st;
    if (r.csv.n_rows == 0)
        lh_error(ctx, (struct lh_where){path, r.header_line, 0},
                 "there is no row below the header");
    out->n_rows = r.csv.n_rows;
    out->rows =
        LH_NEW(ctx->arena, struct lh_validation_row, (size_t)out->n_rows);
    for (int i = 0; i < out->n_rows; i++)
        read_row(&out->rows[i], &r, i);
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
    if (n == 0)
        return read_built_in(out, ctx);
    out->sources = LH_NEW(ctx->arena, struct lh_validation_source, (size_t)n);
    out->n_sources = n;
    for (int i = 0; i < n; i++) {
        enum lh_status st = read_path(&out->sources[i], paths[i], ctx);
        all = all == LH_OK ? st : all;
    }
    return all;
}
