/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * --set PATH=VALUE into the tree of the file, before it is read: so a setting
 * is read, defaulted and checked as if it had stood in the file.  A mapping
 * on the way that is absent is made; an entry of a list must exist.
 */
#include "schema.h"

#include <string.h>

struct walk {
    struct lh__value *at; /* where the path has led so far */
    struct lh_where where;
    char row[256];     /* path of the table: "sites[].fabric" */
    const char *begin; /* of the path */
    struct lh__reader *r;
};

/* A path too long for the table's is cut, and then is none of the table's. */
static void extend_row(struct walk *w, const struct lh__step *step)
{
    size_t n = strlen(w->row);

    if (step->name[0])
        snprintf(w->row + n, sizeof w->row - n, "%s%s", n ? "." : "",
                 step->name);
    else
        snprintf(w->row + n, sizeof w->row - n, "[]");
}

/* A single value that stands for a mapping becomes one. */
static void unfold_bare(struct walk *w)
{
    const struct lh__key *key = lh__key_find(w->row);
    struct lh_arena *arena = w->r->ctx->arena;

    if (w->at->kind != LH__SCALAR || !key || !key->bare || !*w->at->text)
        return;
    struct lh__value *item = LH_NEW(arena, struct lh__value, 1);
    *item = *w->at;
    *w->at = (struct lh__value){.kind = LH__MAPPING, .where = item->where};
    lh__value_put(arena, w->at, key->bare, item->where, item);
}

/* The place a step leads to: NULL with a message if it cannot be there. */
static struct lh__value **step_slot(struct walk *w, const struct lh__step *step,
                                    const char *end)
{
    struct lh_arena *arena = w->r->ctx->arena;
    int n_shown = (int)(end - w->begin);

    if (step->name[0]) {
        unfold_bare(w);
        if (w->at->kind != LH__MAPPING) {
            lh_error(w->r->ctx, w->where, "%.*s is %s; it has no key '%s'",
                     n_shown, w->begin, lh__kind_name(w->at->kind), step->name);
            return NULL;
        }
        if (!lh__value_get(w->at, step->name))
            lh__value_put(arena, w->at, lh_strdup(arena, step->name), w->where,
                          NULL);
        for (int i = 0; i < w->at->n; i++) {
            if (strcmp(w->at->names[i], step->name) == 0)
                return &w->at->items[i];
        }
    }
    if (w->at->kind != LH__LIST || step->index >= w->at->n) {
        int n = w->at->kind == LH__LIST ? w->at->n : 0;
        lh_error(w->r->ctx, w->where, "there is no [%d]: %.*s has %d entr%s",
                 step->index, n_shown, w->begin, n, n == 1 ? "y" : "ies");
        return NULL;
    }
    return &w->at->items[step->index];
}

/* Takes back the empty places that a walk that failed has left. */
static void drop_empty(struct lh__value *value)
{
    for (int i = 0; i < value->n; i++) {
        if (value->items[i])
            continue;
        value->n--;
        for (int k = i; k < value->n; k++) {
            value->items[k] = value->items[k + 1];
            value->names[k] = value->names[k + 1];
            value->places[k] = value->places[k + 1];
        }
        i--;
    }
}

static void walk_and_put(struct walk *w, struct lh__value *value)
{
    struct lh_arena *arena = w->r->ctx->arena;
    const char *p = w->begin;
    struct lh__step step;

    for (;;) {
        const char *end = p;
        if (*p == '.' && p != w->begin)
            p++;
        if (!lh__path_step(&step, &p) || (*p && *p != '.' && *p != '[')) {
            lh_error(w->r->ctx, w->where,
                     "not a path; write one such as fibres[0].length");
            return;
        }
        struct lh__value **slot = step_slot(w, &step, end);
        if (!slot)
            return;
        extend_row(w, &step);
        if (!*p) {
            *slot = value;
            return;
        }
        if (!*slot && *p == '[') {
            drop_empty(w->at);
            lh_error(w->r->ctx, w->where, "there is no %.*s in the scenario",
                     (int)(strcspn(p, "]") + 1 + (size_t)(p - w->begin)),
                     w->begin);
            return;
        }
        if (!*slot)
            *slot = lh__value_new(arena, LH__MAPPING, w->where);
        w->at = *slot;
    }
}

void lh__read_setting(struct lh__reader *r, const struct lh_setting *setting)
{
    struct lh_arena *arena = r->ctx->arena;
    struct walk w = {.at = r->values, .begin = setting->path, .r = r};
    struct lh__value *value;

    w.where.file = lh_format(arena, "--set %s", setting->path);
    if (lh__yaml_parse(&value, setting->value, strlen(setting->value), w.where,
                       r->ctx)
            != LH_OK
        || !value)
        return;
    walk_and_put(&w, value);
}
