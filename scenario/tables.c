/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tables.sites and tables.fibres: rows of a CSV file become the entries of
 * `sites` and `fibres` in the tree, a column a key ("fabric.name"), an empty
 * cell a key not given, a list separated by spaces or commas.  latitude and
 * longitude may stand for location, a and b for between.
 * Pipeline: before the settings, so that --set reaches the rows.
 */
#include "schema.h"

#include <string.h>

struct table {
    const struct lh__key *group; /* "sites" or "fibres"          */
    struct lh_csv csv;
    const char **paths; /* [n_columns] "fabric.name"    */
    int *parts;         /* [n_columns] -1, or 0 | 1 of a pair */
    struct lh__reader *r;
};

static const struct {
    const char *column, *key;
    int part;
} halves[] = {
    {"latitude", "location", 0},
    {"longitude", "location", 1},
    {"a", "between", 0},
    {"b", "between", 1},
};

static const struct lh__key *column_key(const struct table *t, const char *path)
{
    const struct lh__key *key = lh__key_find(
        lh_format(t->r->ctx->arena, "%s[].%s", t->group->path, path));

    return key && !lh__key_is_group(key) ? key : NULL;
}

static void name_column(struct table *t, int column)
{
    const char *name = t->csv.columns[column];

    t->paths[column] = name;
    t->parts[column] = -1;
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        if (strcmp(halves[i].column, name) == 0
            && column_key(t, halves[i].key)) {
            t->paths[column] = halves[i].key;
            t->parts[column] = halves[i].part;
        }
    }
}

static void fault_column(struct table *t, const char *name)
{
    struct lh_where where = {t->csv.file, 1, 0};
    const char *words[64];
    int n = 0;
    size_t skip = strlen(t->group->path) + 3;

    for (int i = 0; i < lh__key_count() && n < 64; i++) {
        const struct lh__key *key = lh__key_at(i);
        if (strncmp(key->path, t->group->path, skip - 3) == 0
            && strncmp(key->path + skip - 3, "[].", 3) == 0
            && !lh__key_is_group(key))
            words[n++] = key->path + skip;
    }
    const char *near = lh_nearest(name, words, n);
    lh_error(t->r->ctx, where, "unknown column '%s'%s%s%s", name,
             near ? "; did you mean '" : "", near ? near : "",
             near ? "'?" : "");
}

/* Is the same key filled by another column (or the same half of it)? */
static bool is_repeated(const struct table *t, int column)
{
    for (int i = 0; i < column; i++) {
        if (strcmp(t->paths[i], t->paths[column]) == 0
            && (t->parts[i] == t->parts[column] || t->parts[i] < 0
                || t->parts[column] < 0))
            return true;
    }
    return false;
}

static bool has_column(const struct table *t, const char *path)
{
    for (int i = 0; i < t->csv.n_columns; i++) {
        if (strcmp(t->paths[i], path) == 0)
            return true;
    }
    return false;
}

static bool check_columns(struct table *t)
{
    struct lh_where where = {t->csv.file, 1, 0};
    int before = lh_diag_count(t->r->ctx, LH_ERROR);
    const struct lh__key *key = NULL;

    for (int i = 0; i < t->csv.n_columns; i++) {
        name_column(t, i);
        if (!column_key(t, t->paths[i]))
            fault_column(t, t->csv.columns[i]);
        else if (is_repeated(t, i))
            lh_error(t->r->ctx, where,
                     "column '%s' says again what another "
                     "column says",
                     t->csv.columns[i]);
    }
    if (lh_diag_count(t->r->ctx, LH_ERROR) > before)
        return false;
    while ((key = lh__key_next(t->group, key))) {
        if ((key->flags & LH__REQUIRED) && !has_column(t, lh__key_name(key)))
            lh_error(t->r->ctx, where, "missing column '%s'",
                     lh__key_name(key));
    }
    return lh_diag_count(t->r->ctx, LH_ERROR) == before;
}

static struct lh__value *scalar(struct lh_arena *arena, struct lh_where where,
                                const char *text)
{
    struct lh__value *value = lh__value_new(arena, LH__SCALAR, where);

    value->text = text;
    return value;
}

static struct lh__value *split_cell(struct lh_arena *arena,
                                    struct lh_where where, const char *cell)
{
    struct lh__value *list = lh__value_new(arena, LH__LIST, where);

    for (;;) {
        cell += strspn(cell, " ,");
        size_t n = strcspn(cell, " ,");
        if (n == 0)
            return list;
        lh__value_append(arena, list,
                         scalar(arena, where, lh_strndup(arena, cell, n)));
        cell += n;
    }
}

static bool is_list(const struct lh__key *key)
{
    return key->type == LH__COUNTS || key->type == LH__NUMBERS
           || key->type == LH__LOCATION || key->type == LH__PAIR;
}

/* Makes the mappings on the way to the last part of path. */
static void put_path(struct lh_arena *arena, struct lh__value *mapping,
                     const char *path, struct lh__value *value)
{
    const char *dot;

    while ((dot = strchr(path, '.'))) {
        const char *name = lh_strndup(arena, path, (size_t)(dot - path));
        struct lh__value *next = lh__value_get(mapping, name);
        if (!next) {
            next = lh__value_new(arena, LH__MAPPING, value->where);
            lh__value_put(arena, mapping, name, value->where, next);
        }
        mapping = next;
        path = dot + 1;
    }
    lh__value_put(arena, mapping, path, value->where, value);
}

static void put_cell(struct table *t, struct lh__value *entry, int column,
                     const char *cell)
{
    struct lh_arena *arena = t->r->ctx->arena;
    const char *path = t->paths[column];
    struct lh__value *list;

    if (!*cell)
        return;
    if (t->parts[column] < 0) {
        bool split = is_list(column_key(t, path));
        put_path(arena, entry, path,
                 split ? split_cell(arena, entry->where, cell)
                       : scalar(arena, entry->where, cell));
        return;
    }
    list = lh__value_get(entry, path);
    if (!list) {
        list = lh__value_new(arena, LH__LIST, entry->where);
        put_path(arena, entry, path, list);
    }
    lh__value_append(arena, list, scalar(arena, entry->where, cell));
    if (t->parts[column] == 0 && list->n == 2) { /* b stood before a */
        struct lh__value *swap = list->items[0];
        list->items[0] = list->items[1];
        list->items[1] = swap;
    }
}

static bool fill(struct table *t, struct lh__value *list, const char *path)
{
    struct lh_arena *arena = t->r->ctx->arena;
    size_t n;

    if (lh_csv_read_file(&t->csv, path, t->r->ctx) != LH_OK)
        return false;
    n = (size_t)t->csv.n_columns;
    t->paths = LH_NEW(arena, const char *, n);
    t->parts = LH_NEW(arena, int, n);
    if (!check_columns(t))
        return false;
    for (int row = 0; row < t->csv.n_rows; row++) {
        struct lh_where where = {t->csv.file, t->csv.lines[row], 0};
        struct lh__value *entry = lh__value_new(arena, LH__MAPPING, where);
        for (int column = 0; column < t->csv.n_columns; column++)
            put_cell(t, entry, column, lh_csv_cell(&t->csv, row, column));
        lh__value_append(arena, list, entry);
    }
    return true;
}

static void read_table(struct lh__reader *r, const char *name)
{
    struct lh__value *file =
        lh__value_get(lh__value_get(r->values, "tables"), name);
    struct table t = {.group = lh__key_find(name), .r = r};
    struct lh__value *list;

    if (!file || file->kind != LH__SCALAR || !*file->text || file->bad)
        return; /* read.c says what is wrong with it */
    if (lh__value_get(r->values, name)) {
        lh_error(r->ctx, file->where,
                 "tables.%s and %s are both given; only one may be", name,
                 name);
        file->bad = true;
        return;
    }
    list = lh__value_new(r->ctx->arena, LH__LIST, file->where);
    list->bad =
        !fill(&t, list, lh__join_path(r->ctx->arena, r->dir, file->text));
    lh__value_put(r->ctx->arena, r->values, t.group->path, file->where, list);
}

void lh__read_tables(struct lh__reader *r)
{
    read_table(r, "sites");
    read_table(r, "fibres");
}
