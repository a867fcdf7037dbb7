/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of a sweep as an SQLite database: `points`, with the columns of
 * the CSV (REAL, or TEXT where any point has a text), and `sweep`, which says
 * what was asked.  Tables are STRICT, https://www.sqlite.org/stricttables.html.
 *
 * Place in the pipeline: the last stage of a sweep, and the door to SQLite.
 * One process writes a new file, which is renamed into place: no journal that
 * a network file system would have to lock.
 */
#include <longhaul/sweep.h>

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "fibres[0].length" as a name: quoted, quotes doubled. */
static void add_name(struct lh_text *out, const char *name)
{
    lh_text_add(out, "\"");
    for (const char *c = name; *c != '\0'; c++) {
        lh_text_printf(out, *c == '"' ? "\"\"" : "%c", *c);
    }
    lh_text_add(out, "\"");
}

static const char *create_text(const struct lh_sweep_table *t,
                               struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    lh_text_add(&text, "CREATE TABLE points (");
    for (int i = 0; i < t->n_columns; i++) {
        lh_text_add(&text, i > 0 ? ", " : "");
        add_name(&text, t->names[i]);
        lh_text_add(&text, i == 0          ? " INTEGER PRIMARY KEY"
                           : t->is_text[i] ? " TEXT"
                                           : " REAL");
    }
    lh_text_add(&text, ") STRICT");
    return text.s;
}

static const char *insert_text(const struct lh_sweep_table *t,
                               struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    lh_text_add(&text, "INSERT INTO points VALUES (");
    for (int i = 0; i < t->n_columns; i++) {
        lh_text_add(&text, i > 0 ? ",?" : "?");
    }
    lh_text_add(&text, ")");
    return text.s;
}

static int bind_cell(sqlite3_stmt *insert, int at, const struct lh_column *cell,
                     bool is_text)
{
    if (cell->text != NULL) {
        return sqlite3_bind_text(insert, at, cell->text, -1, SQLITE_STATIC);
    }
    if (!isfinite(cell->number)) {
        return sqlite3_bind_null(insert, at);
    }
    if (at == 1) {
        return sqlite3_bind_int64(insert, at, (sqlite3_int64)cell->number);
    }
    return is_text ? SQLITE_MISMATCH
                   : sqlite3_bind_double(insert, at, cell->number);
}

static int put_rows(sqlite3 *db, const struct lh_sweep_table *t,
                    struct lh_arena *arena)
{
    sqlite3_stmt *insert = NULL;
    int code = sqlite3_prepare_v2(db, insert_text(t, arena), -1, &insert, NULL);

    for (int i = 0; i < t->n_rows && code == SQLITE_OK; i++) {
        const struct lh_column *row =
            t->cells + (size_t)i * (size_t)t->n_columns;
        for (int k = 0; k < t->n_columns && code == SQLITE_OK; k++) {
            code = bind_cell(insert, k + 1, &row[k], t->is_text[k]);
        }
        if (code == SQLITE_OK && sqlite3_step(insert) != SQLITE_DONE) {
            code = sqlite3_errcode(db);
        }
        if (code == SQLITE_OK) {
            code = sqlite3_reset(insert);
        }
    }
    sqlite3_finalize(insert);
    return code;
}

static int put_fact(sqlite3 *db, const char *name, const char *value)
{
    sqlite3_stmt *insert = NULL;
    int code = sqlite3_prepare_v2(db, "INSERT INTO sweep VALUES (?, ?)", -1,
                                  &insert, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(insert, 2, value, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK && sqlite3_step(insert) != SQLITE_DONE) {
        code = sqlite3_errcode(db);
    }
    sqlite3_finalize(insert);
    return code;
}

static int put_facts(sqlite3 *db, const struct lh_sweep *sweep,
                     struct lh_arena *arena)
{
    int code = put_fact(db, "id", sweep->id);

    if (code == SQLITE_OK) {
        code = put_fact(db, "version", sweep->version);
    }
    if (code == SQLITE_OK) {
        code = put_fact(db, "file", sweep->file);
    }
    for (int i = 0; i < sweep->n_settings && code == SQLITE_OK; i++) {
        code = put_fact(db, "set",
                        lh_format(arena, "%s=%s", sweep->settings[i].path,
                                  sweep->settings[i].value));
    }
    for (int i = 0; i < sweep->n_vary && code == SQLITE_OK; i++) {
        code = put_fact(db, "vary", sweep->vary_texts[i]);
    }
    return code;
}

static int run(sqlite3 *db, const char *statement)
{
    return sqlite3_exec(db, statement, NULL, NULL, NULL);
}

static int fill(sqlite3 *db, const struct lh_sweep *sweep,
                const struct lh_sweep_table *table, struct lh_arena *arena)
{
    int code = run(db, "PRAGMA journal_mode = OFF");

    if (code == SQLITE_OK) {
        code = run(db, "BEGIN");
    }
    if (code == SQLITE_OK) {
        code = run(db, create_text(table, arena));
    }
    if (code == SQLITE_OK) {
        code = run(db, "CREATE TABLE sweep (what TEXT, value TEXT) STRICT");
    }
    if (code == SQLITE_OK) {
        code = put_facts(db, sweep, arena);
    }
    if (code == SQLITE_OK) {
        code = put_rows(db, table, arena);
    }
    return code == SQLITE_OK ? run(db, "COMMIT") : code;
}

enum lh_status lh_sweep_sqlite(const char *path, const struct lh_sweep *sweep,
                               const struct lh_sweep_table *table,
                               struct lh_ctx *ctx)
{
    const char *new = lh_format(ctx->arena, "%s.%ld.new", path, (long)getpid());
    struct lh_where where = {path, 0, 0};
    enum lh_status st = LH_OK;
    sqlite3 *db = NULL;

    unlink(new);
    if (sqlite3_open(new, &db) != SQLITE_OK
        || fill(db, sweep, table, ctx->arena) != SQLITE_OK) {
        lh_error(ctx, where, "cannot be written: %s", sqlite3_errmsg(db));
        st = LH_FAILED;
    }
    if (sqlite3_close(db) != SQLITE_OK && st == LH_OK) {
        lh_error(ctx, where, "cannot be closed");
        st = LH_FAILED;
    }
    if (st == LH_OK && rename(new, path) != 0) {
        lh_error(ctx, where, "cannot be written: %s", strerror(errno));
        st = LH_FAILED;
    }
    return st;
}
