/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Vectors of integers as small ids: an open hash table over one array of all
 * values.
 */
#include "intern.h"

#include <string.h>

#include "colour.h"

static uint64_t hash(const int64_t *value, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = lh__mix(h ^ (uint64_t)value[i]);
    return h;
}

static void slots_new(struct lh__interned *t, size_t n_slots)
{
    t->n_slots = n_slots;
    t->slot = LH_NEW(t->arena, int32_t, n_slots);
    memset(t->slot, 0xff, n_slots * sizeof *t->slot);
}

void lh__intern_begin(struct lh__interned *t, struct lh_arena *arena)
{
    *t = (struct lh__interned){.arena = arena};
    t->first = lh_grow(arena, NULL, &t->first_capacity, 1, sizeof *t->first);
    t->first[0] = 0;
    slots_new(t, 64);
}

static size_t slot_of(const struct lh__interned *t, const int64_t *value,
                      size_t n)
{
    size_t i = (size_t)hash(value, n) & (t->n_slots - 1);
    for (; t->slot[i] >= 0; i = (i + 1) & (t->n_slots - 1)) {
        size_t known;
        const int64_t *v = lh__interned(t, t->slot[i], &known);
        if (known == n && (n == 0 || memcmp(v, value, n * sizeof *v) == 0))
            break;
    }
    return i;
}

static void slots_grow(struct lh__interned *t)
{
    slots_new(t, t->n_slots * 4);
    for (int32_t id = 0; id < t->n; id++) {
        size_t n;
        const int64_t *v = lh__interned(t, id, &n);
        t->slot[slot_of(t, v, n)] = id;
    }
}

int32_t lh__intern(struct lh__interned *t, const int64_t *value, size_t n)
{
    size_t i = slot_of(t, value, n);
    if (t->slot[i] >= 0)
        return t->slot[i];
    if ((size_t)t->n * 2 >= t->n_slots) {
        slots_grow(t);
        i = slot_of(t, value, n);
    }
    size_t at = t->first[t->n];
    t->value = lh_grow(t->arena, t->value, &t->value_capacity, at + n + 1,
                       sizeof *t->value);
    if (n > 0)
        memcpy(t->value + at, value, n * sizeof *value);
    t->slot[i] = t->n;
    t->first = lh_grow(t->arena, t->first, &t->first_capacity, (size_t)t->n + 2,
                       sizeof *t->first);
    t->first[t->n + 1] = at + n;
    return t->n++;
}
