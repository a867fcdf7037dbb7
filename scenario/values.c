/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tree of a file as it was written: building it, finding places in it.
 * Pipeline: yaml.c and tables.c -> this -> read.c.  Nothing here knows types.
 */
#include "values.h"

#include <string.h>

struct lh__value *lh__value_new(struct lh_arena *arena, enum lh__kind kind,
                                struct lh_where where)
{
    struct lh__value *value = LH_NEW(arena, struct lh__value, 1);

    value->kind = kind;
    value->where = where;
    return value;
}

void lh__value_append(struct lh_arena *arena, struct lh__value *list,
                      struct lh__value *item)
{
    size_t need = (size_t)list->n + 1;

    list->items = lh_grow(arena, list->items, &list->items_capacity, need,
                          sizeof list->items[0]);
    list->items[list->n++] = item;
}

void lh__value_put(struct lh_arena *arena, struct lh__value *mapping,
                   const char *name, struct lh_where place,
                   struct lh__value *item)
{
    for (int i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->names[i], name) == 0) {
            mapping->items[i] = item;
            mapping->places[i] = place;
            return;
        }
    }
    size_t need = (size_t)mapping->n + 1;
    mapping->names = lh_grow(arena, mapping->names, &mapping->names_capacity,
                             need, sizeof mapping->names[0]);
    mapping->places = lh_grow(arena, mapping->places, &mapping->places_capacity,
                              need, sizeof mapping->places[0]);
    mapping->names[mapping->n] = name;
    mapping->places[mapping->n] = place;
    lh__value_append(arena, mapping, item);
}

struct lh__value *lh__value_get(const struct lh__value *mapping,
                                const char *name)
{
    if (!mapping || mapping->kind != LH__MAPPING)
        return NULL;
    for (int i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->names[i], name) == 0)
            return mapping->items[i];
    }
    return NULL;
}

/* "[12]" at *at. */
static bool step_index(struct lh__step *out, const char **at)
{
    const char *p = *at + 1;
    int index = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (index > 100000000)
            return false;
        index = index * 10 + (*p - '0');
    }
    if (*p != ']')
        return false;
    out->name[0] = '\0';
    out->index = index;
    *at = p + 1;
    return true;
}

bool lh__path_step(struct lh__step *out, const char **at)
{
    if (**at == '[')
        return step_index(out, at);
    size_t n = strcspn(*at, ".[");
    if (n == 0 || n >= sizeof out->name)
        return false;
    memcpy(out->name, *at, n);
    out->name[n] = '\0';
    out->index = -1;
    *at += n;
    return true;
}

struct lh__value *lh__value_at(struct lh__value *root, const char *path)
{
    struct lh__step step;

    while (root && *path) {
        if (*path == '.')
            path++;
        if (!lh__path_step(&step, &path))
            return NULL;
        if (step.name[0])
            root = lh__value_get(root, step.name);
        else if (root->kind == LH__LIST && step.index < root->n)
            root = root->items[step.index];
        else
            return NULL;
    }
    return root;
}

bool lh__value_ok(const struct lh__value *value)
{
    if (!value)
        return true;
    if (value->bad)
        return false;
    for (int i = 0; i < value->n; i++) {
        if (!lh__value_ok(value->items[i]))
            return false;
    }
    return true;
}

const char *lh__kind_name(enum lh__kind kind)
{
    static const char *const names[] = {"a single value", "a list",
                                        "a mapping"};
    return names[kind];
}
