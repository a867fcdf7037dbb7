/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In which keys two scenarios differ, defaults and derived values included, as
 * they would be echoed.  Lists of mappings are compared entry by entry; of
 * lists of unequal length the lengths are a difference too.
 * Stage: after reading; used where results stand side by side.  Leaves out the
 * scenario's name, and what the data tables (--data) say of a device or model
 * that has the same name in both.
 */
#include "schema.h"

#include <string.h>

struct comparison {
    struct lh_arena *arena;
    struct lh__root a, b;
    struct lh_difference *found;
    size_t n, capacity;
};

static void add(struct comparison *c, const char *path, const char *a,
                const char *b)
{
    c->found =
        lh_grow(c->arena, c->found, &c->capacity, c->n + 1, sizeof *c->found);
    c->found[c->n++] = (struct lh_difference){path, a ? a : "-", b ? b : "-"};
}

static const char *pair_text(const struct comparison *c,
                             const struct lh__key *key, const char *object,
                             const struct lh_scenario *s)
{
    int a = *(const int *)(const void *)(object + key->offset);
    int b = *(const int *)(const void *)(object + key->count);

    if (a < 0 || b < 0)
        return NULL;
    return lh_format(c->arena, "%s, %s", s->sites[a].name, s->sites[b].name);
}

/* NULL: nothing is stored, or it has no effect. */
static const char *value_text(const struct comparison *c,
                              const struct lh__key *key, const void *object,
                              const struct lh__root *root)
{
    const char *because;

    if (!lh__key_applies(key, root, object, c->arena, &because))
        return NULL;
    if (key->type == LH__PAIR)
        return pair_text(c, key, object, &root->s);
    return lh__key_text(key, object, c->arena);
}

/* A key that has an effect in one alone, and stands at its default there, says
 * nothing that the key which gives it effect does not. */
static bool is_same(const struct lh__key *key, const char *a, const char *b)
{
    const char *one = a != NULL ? a : b;

    if (a != NULL && b != NULL)
        return strcmp(a, b) == 0;
    return one == NULL
           || (key->fallback != NULL && strcmp(one, key->fallback) == 0);
}

static void compare_key(struct comparison *c, const struct lh__key *key,
                        const void *a, const void *b, const char *path)
{
    const char *in_a = value_text(c, key, a, &c->a);
    const char *in_b = value_text(c, key, b, &c->b);

    if (!is_same(key, in_a, in_b))
        add(c, path, in_a, in_b);
}

static const char *count_text(const struct comparison *c, int n)
{
    return lh_format(c->arena, n == 1 ? "%d entry" : "%d entries", n);
}

static void compare_lists(struct comparison *c, const struct lh__key *list)
{
    const char *a = (const char *)&c->a, *b = (const char *)&c->b;
    const struct lh__key *key = list;
    size_t n = strlen(list->path);
    int n_a = *(const int *)(const void *)(a + list->count);
    int n_b = *(const int *)(const void *)(b + list->count);
    const char *in_a = *(const char *const *)(const void *)(a + list->offset);
    const char *in_b = *(const char *const *)(const void *)(b + list->offset);

    if (n_a != n_b)
        add(c, list->path, count_text(c, n_a), count_text(c, n_b));
    for (int i = 0; i < n_a && i < n_b; i++) {
        key = list + 1;
        for (; strncmp(key->path, list->path, n) == 0 && key->path[n] == '[';
             key++) {
            const char *path = lh_format(c->arena, "%s[%d]%s", list->path, i,
                                         strchr(key->path, ']') + 1);
            if (!lh__key_is_group(key))
                compare_key(c, key, in_a + (size_t)i * list->size,
                            in_b + (size_t)i * list->size, path);
            if (key == lh__key_at(lh__key_count() - 1))
                break;
        }
    }
}

static struct lh__root root_of(const struct lh_scenario *s)
{
    struct lh__root root = {.s = *s};

    if (s->values)
        root.extra = s->values->extra;
    return root;
}

int lh_scenario_differences(struct lh_difference **out,
                            const struct lh_scenario *a,
                            const struct lh_scenario *b, struct lh_arena *arena)
{
    struct comparison c = {.arena = arena, .a = root_of(a), .b = root_of(b)};

    for (int i = 0; i < lh__key_count(); i++) {
        const struct lh__key *key = lh__key_at(i);
        if (key->flags & LH__SILENT || strstr(key->path, "[]")
            || strcmp(key->path, "name") == 0)
            continue;
        if (key->type == LH__GROUPS)
            compare_lists(&c, key);
        else if (!lh__key_is_group(key))
            compare_key(&c, key, &c.a, &c.b, key->path);
    }
    *out = c.found;
    return (int)c.n;
}
