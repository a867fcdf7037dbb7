/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What every stage stands on: status codes, diagnostics, the arena, text
 * buffers, units, CSV tables and the data tables compiled into the program.
 *
 * Rules that hold everywhere:
 * - SI inside (seconds, bytes, bytes/s, FLOP, metres, watts) as double; text
 *   becomes SI, and SI becomes text, only in base/units.c.
 * - A function that can fail on the user's input returns enum lh_status and
 *   leaves the message in ctx->diag; it never prints and never exits.
 * - Memory of a run comes from ctx->arena and is released with it, at once.
 *   Running out of memory aborts, as it does in GLib: there is no message
 *   to a user who could act on it.
 */
#ifndef LONGHAUL_BASE_H
#define LONGHAUL_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum lh_status {
    LH_OK = 0,
    LH_BAD_INPUT,     /* the user's input; the diag says what and where   */
    LH_UNREACHABLE,   /* a target cannot be met, a plan does not fit      */
    LH_FAILED,        /* the machine or a library; the diag says what     */
};

#if defined(__GNUC__)
#define LH_MUST_USE __attribute__((warn_unused_result))
#define LH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LH_MUST_USE
#define LH_PRINTF(fmt, args)
#endif

/* ---- arena: everything of a run, released at once ---------------------- */

struct lh_arena;

struct lh_arena *lh_arena_new(void);
void lh_arena_free(struct lh_arena *arena); /* NULL is allowed */

/* n x size zeroed bytes, aligned for any type; n may be 0 (still non-NULL). */
void *lh_alloc(struct lh_arena *arena, size_t n, size_t size);
#define LH_NEW(arena, type, n) ((type *)lh_alloc((arena), (n), sizeof(type)))

/* From mmap(); unmapped when the arena is freed. */
void lh_arena_keep(struct lh_arena *arena, void *mapping, size_t bytes);
char *lh_strdup(struct lh_arena *arena, const char *text);
char *lh_strndup(struct lh_arena *arena, const char *text, size_t n);
char *lh_format(struct lh_arena *arena, const char *fmt, ...) LH_PRINTF(2, 3);

/* Doubles *capacity of an arena array until it holds `need` elements; returns
 * the array (moved, old contents copied, new part zeroed). */
void *lh_grow(struct lh_arena *arena, void *array, size_t *capacity,
              size_t need, size_t size);

/* ---- diagnostics -------------------------------------------------------- */

enum lh_severity { LH_NOTE, LH_WARNING, LH_ERROR };

/* Where in the user's input; line and col count from 1, 0 = unknown. */
struct lh_where {
    const char *file; /* NULL: no place, the message stands alone */
    int line;
    int col;
};

struct lh_message {
    enum lh_severity severity;
    struct lh_where where;
    const char *text; /* one line, control characters escaped */
};

/* Messages in the order of discovery; printing sorts by file, line, col. */
struct lh_diag;

/* One cell of a data table, in place of what the table says. */
struct lh_override {
    const char *table;  /* "accelerators" */
    const char *row;    /* its first cell */
    const char *column;
    const char *cell;
};

/* What every stage is handed.  data_dir: NULL, or --data DIR. */
struct lh_ctx {
    struct lh_arena *arena;
    struct lh_diag *diag; /* lives in the arena */
    const char *data_dir;
    int n_overrides;
    const struct lh_override *overrides;
};

/* A context on a fresh arena; lh_ctx_end() frees the arena. */
struct lh_ctx lh_ctx_begin(void);
void lh_ctx_end(struct lh_ctx *ctx);

void lh_error(struct lh_ctx *ctx, struct lh_where where, const char *fmt, ...)
    LH_PRINTF(3, 4);
void lh_warn(struct lh_ctx *ctx, struct lh_where where, const char *fmt, ...)
    LH_PRINTF(3, 4);
void lh_note(struct lh_ctx *ctx, struct lh_where where, const char *fmt, ...)
    LH_PRINTF(3, 4);
#define LH_NOWHERE ((struct lh_where){NULL, 0, 0})

int lh_diag_count(const struct lh_ctx *ctx, enum lh_severity severity);
int lh_diag_total(const struct lh_ctx *ctx);
const struct lh_message *lh_diag_at(const struct lh_ctx *ctx, int i);
struct lh_text;
/* All of them, a line each, sorted by place: "two.yaml:3:5: error: ...". */
void lh_diag_write(struct lh_text *out, const struct lh_ctx *ctx);

/* ---- text buffer -------------------------------------------------------- */

struct lh_text {
    struct lh_arena *arena;
    char *s;         /* NUL-terminated; never NULL after lh_text_new */
    size_t n;        /* length without the NUL */
    size_t capacity;
};

struct lh_text lh_text_new(struct lh_arena *arena);
void lh_text_add(struct lh_text *text, const char *s);
void lh_text_printf(struct lh_text *text, const char *fmt, ...)
    LH_PRINTF(2, 3);
/* The shortest decimal that reads back as exactly the same double. */
void lh_text_double(struct lh_text *text, double value);
/* As a JSON number; NaN and infinities become null on purpose. */
void lh_text_json_double(struct lh_text *text, double value);
/* As a quoted JSON string. */
void lh_text_json_string(struct lh_text *text, const char *s);

/* ---- units --------------------------------------------------------------- */

enum lh_dimension {
    LH_DIM_NONE,      /* a plain number                                      */
    LH_DIM_TIME,      /* s: s ms us µs ns min h d                            */
    LH_DIM_LENGTH,    /* m: m km                                             */
    LH_DIM_BYTES,     /* B: [kMGT|KiMiGiTi]B or b (8 b = 1 B)                */
    LH_DIM_BANDWIDTH, /* B/s: bit/s bps B/s with prefixes                    */
    LH_DIM_POWER,     /* W: W kW MW GW                                       */
    LH_DIM_MONEY,     /* $                                                   */
    LH_DIM_FLOPS,     /* FLOP/s: with k M G T P E                            */
};

/* Reads "400 Gbit/s" as dimension -> SI into *out.  On failure *why is a
 * sentence in the arena, e.g. "'400 Gb' is a size; a bandwidth needs bit/s or
 * B/s, e.g. '400 Gbit/s'".  The whole text must be consumed. */
enum lh_status lh_units_read(double *out, const char *text,
                             enum lh_dimension dimension,
                             struct lh_arena *arena, const char **why)
    LH_MUST_USE;
/* Canonical text with unit: reading it gives exactly the same double. */
const char *lh_units_canonical(struct lh_arena *arena, double value,
                               enum lh_dimension dimension);
/* For people: three or four significant digits and a fitting prefix;
 * bandwidth in bit/s. */
const char *lh_units_human(struct lh_arena *arena, double value,
                           enum lh_dimension dimension);
/* "a time", "a bandwidth" ... and an example value "30 s". */
const char *lh_dimension_name(enum lh_dimension dimension);
const char *lh_dimension_example(enum lh_dimension dimension);

/* ---- lists ---------------------------------------------------------------- */

/* One line of what `longhaul list` prints. */
struct lh_choice {
    const char *name;
    const char *help;
};

/* ---- CSV ------------------------------------------------------------------ */

/* A table with a header row, cells as text.  Lines count from 1. */
struct lh_csv {
    const char *file;
    int n_columns;
    int n_rows;            /* without the header */
    const char **columns;  /* [n_columns] */
    const char **cells;    /* [n_rows * n_columns], never NULL */
    int *lines;            /* [n_rows] line where the row begins */
    const char **files;    /* [n_rows] file of the row */
    const struct lh_csv *own; /* of rows joined from two tables, the user's
                                 alone; else NULL */
};

/* Errors (missing file, ragged row, unterminated quote, duplicate column) go
 * to the diag with their line. */
enum lh_status lh_csv_read_file(struct lh_csv *out, const char *path,
                                struct lh_ctx *ctx) LH_MUST_USE;
enum lh_status lh_csv_read_text(struct lh_csv *out, const char *name,
                                const char *text, size_t n,
                                struct lh_ctx *ctx) LH_MUST_USE;
int lh_csv_column(const struct lh_csv *csv, const char *name); /* -1: none */
const char *lh_csv_cell(const struct lh_csv *csv, int row, int column);
/* Row whose first column equals name; -1: none. */
int lh_csv_find(const struct lh_csv *csv, const char *name);

/* ---- data tables ----------------------------------------------------------- */

/* data/NAME.csv as compiled into the program.  Where ctx->data_dir has a table
 * of that name its rows are joined in: one takes the place of the built-in row
 * of its name, whole, the others follow at the end.  Columns are those of
 * both; a cell that its table does not have is empty.
 * ctx->overrides replace single cells of the outcome. */
enum lh_status lh_data_read(struct lh_csv *out, const char *name,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* Text of a file compiled into the program by its name without folders,
 * "models.csv" or "llama-8b-two-sites.yaml"; NULL if there is none. */
const char *lh_data_text(const char *file_name);
/* Names of the files compiled in, in a fixed order; NULL after the last. */
const char *lh_data_name_at(int i);

/* Nearest of n words by edit distance, or NULL if none is near enough to be
 * offered as "did you mean". */
const char *lh_nearest(const char *word, const char *const *words, int n);

/* A whole file as arena text (NUL-terminated, *n bytes); errors to diag. */
enum lh_status lh_file_read(char **out, size_t *n, const char *path,
                            struct lh_ctx *ctx) LH_MUST_USE;

#endif
