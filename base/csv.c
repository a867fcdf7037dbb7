/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CSV tables with a header row: our data tables and the users' files.  The
 * grammar (quotes, blanks around cells) is libcsv's in its strict mode; this
 * file is the only door to it.
 *
 * Text is fed line by line so that every row and every fault has its line; a
 * quoted cell may span lines.  A line that begins with '#' outside quotes is a
 * comment, empty lines are skipped, a UTF-8 byte order mark is tolerated.
 * Every fault is reported, up to MAX_FAULTS.
 */
#include <longhaul/base.h>

#include <csv.h>
#include <string.h>

enum { MAX_FAULTS = 20 };

/* State of one reading; cells of the row at hand, then those of all rows. */
struct reader {
    struct lh_ctx *ctx;
    struct lh_csv csv;
    bool has_header;
    int n_faults;
    int row_line;          /* where the row at hand begins        */
    bool row_ended;        /* since the flag was last cleared     */
    const char **row;      /* [n_row] cells of the row at hand    */
    size_t n_row, row_capacity;
    size_t cells_capacity, lines_capacity, files_capacity;
};

static void fault(struct reader *r, int line, const char *text)
{
    if (r->n_faults++ < MAX_FAULTS) {
        lh_error(r->ctx, (struct lh_where){r->csv.file, line, 0}, "%s", text);
    }
}

static void take_header(struct reader *r)
{
    struct lh_csv *csv = &r->csv;

    r->has_header = true;
    csv->n_columns = (int)r->n_row;
    csv->columns = LH_NEW(r->ctx->arena, const char *, r->n_row);
    for (int i = 0; i < csv->n_columns; i++) {
        csv->columns[i] = r->row[i];
        if (r->row[i][0] == '\0') {
            fault(r, r->row_line,
                  lh_format(r->ctx->arena, "column %d has no name", i + 1));
            continue;
        }
        for (int j = 0; j < i; j++) {
            if (strcmp(r->row[i], r->row[j]) == 0) {
                fault(r, r->row_line,
                      lh_format(r->ctx->arena, "column '%s' appears twice",
                                r->row[i]));
                break;
            }
        }
    }
}

static void take_row(struct reader *r)
{
    struct lh_csv *csv = &r->csv;
    size_t n_columns = (size_t)csv->n_columns;
    size_t n_cells = (size_t)csv->n_rows * n_columns;

    if (r->n_row != n_columns) {
        fault(r, r->row_line,
              lh_format(r->ctx->arena,
                        "the row has %zu cell%s, the header has %zu",
                        r->n_row, r->n_row == 1 ? "" : "s", n_columns));
        return;
    }
    csv->cells = lh_grow(r->ctx->arena, csv->cells, &r->cells_capacity,
                         n_cells + n_columns, sizeof *csv->cells);
    memcpy(csv->cells + n_cells, r->row, n_columns * sizeof *csv->cells);
    csv->lines = lh_grow(r->ctx->arena, csv->lines, &r->lines_capacity,
                         (size_t)csv->n_rows + 1, sizeof *csv->lines);
    csv->files = lh_grow(r->ctx->arena, csv->files, &r->files_capacity,
                         (size_t)csv->n_rows + 1, sizeof *csv->files);
    csv->files[csv->n_rows] = csv->file;
    csv->lines[csv->n_rows++] = r->row_line;
}

static void on_cell(void *text, size_t n, void *data)
{
    struct reader *r = data;

    r->row = lh_grow(r->ctx->arena, r->row, &r->row_capacity, r->n_row + 1,
                     sizeof *r->row);
    r->row[r->n_row++] = lh_strndup(r->ctx->arena, text, n);
}

static void on_row(int terminator, void *data)
{
    struct reader *r = data;

    (void)terminator;
    if (!r->has_header) {
        take_header(r);
    } else {
        take_row(r);
    }
    r->n_row = 0;
    r->row_ended = true;
}

static bool is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(" \t\r\n", line[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Feeds all lines; false after a fault of grammar, which ends the reading. */
static bool feed(struct reader *r, struct csv_parser *parser,
                 const char *text, size_t n)
{
    bool inside = false; /* a row has begun and not ended: an open quote */
    int line = 1;

    for (size_t at = 0, length; at < n; at += length, line++) {
        const char *end = memchr(text + at, '\n', n - at);
        length = end != NULL ? (size_t)(end - (text + at)) + 1 : n - at;
        if (!inside && (text[at] == '#' || is_blank(text + at, length))) {
            continue;
        }
        if (!inside) {
            r->row_line = line;
        }
        r->row_ended = false;
        if (csv_parse(parser, text + at, length, on_cell, on_row, r) !=
            length) {
            fault(r, line, "a stray quote: a cell with quotes in it is "
                           "enclosed in quotes, each doubled inside");
            return false;
        }
        inside = !r->row_ended;
        if (r->n_faults >= MAX_FAULTS) {
            fault(r, line, "too many faults, the rest is not read");
            return false;
        }
    }
    if (csv_fini(parser, on_cell, on_row, r) != 0) {
        fault(r, r->row_line, "a quote that opens in this row never ends");
        return false;
    }
    return true;
}

enum lh_status lh_csv_read_text(struct lh_csv *out, const char *name,
                                const char *text, size_t n,
                                struct lh_ctx *ctx)
{
    struct reader r = {.ctx = ctx, .csv = {.file = lh_strdup(ctx->arena,
                                                             name)}};
    struct lh_where where = {r.csv.file, 0, 0};
    struct csv_parser parser;

    if (memchr(text, '\0', n) != NULL) {
        lh_error(ctx, where, "not a text file: it contains a NUL byte");
        return LH_BAD_INPUT;
    }
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        n -= 3;
    }
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        lh_error(ctx, where, "libcsv could not be started");
        return LH_FAILED;
    }
    if (feed(&r, &parser, text, n) && !r.has_header) {
        fault(&r, 0, "the table is empty: it needs a header row");
    }
    csv_free(&parser);
    if (r.n_faults > 0) {
        return LH_BAD_INPUT;
    }
    *out = r.csv;
    return LH_OK;
}

enum lh_status lh_csv_read_file(struct lh_csv *out, const char *path,
                                struct lh_ctx *ctx)
{
    enum lh_status st;
    char *text;
    size_t n;

    st = lh_file_read(&text, &n, path, ctx);
    if (st != LH_OK) {
        return st;
    }
    return lh_csv_read_text(out, path, text, n, ctx);
}

int lh_csv_column(const struct lh_csv *csv, const char *name)
{
    for (int i = 0; i < csv->n_columns; i++) {
        if (strcmp(csv->columns[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *lh_csv_cell(const struct lh_csv *csv, int row, int column)
{
    return csv->cells[(size_t)row * (size_t)csv->n_columns + (size_t)column];
}

int lh_csv_find(const struct lh_csv *csv, const char *name)
{
    for (int i = 0; i < csv->n_rows; i++) {
        if (strcmp(lh_csv_cell(csv, i, 0), name) == 0) {
            return i;
        }
    }
    return -1;
}
