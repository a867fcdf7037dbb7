/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Dense ids for colours of 64 bits: an open hash table.
 */
#include "colour.h"

#include <string.h>

uint64_t lh__bits(double value)
{
    uint64_t b;
    memcpy(&b, &value, sizeof b);
    return b;
}

static void slots_new(struct lh__ids *t, size_t n_slots)
{
    t->n_slots = n_slots;
    t->colour = LH_NEW(t->arena, uint64_t, n_slots);
    t->id = LH_NEW(t->arena, int32_t, n_slots);
    memset(t->id, 0xff, n_slots * sizeof *t->id);
}

void lh__ids_begin(struct lh__ids *t, struct lh_arena *arena)
{
    *t = (struct lh__ids){.arena = arena};
    slots_new(t, 1024);
}

static size_t slot_of(const struct lh__ids *t, uint64_t colour)
{
    size_t i = (size_t)colour & (t->n_slots - 1);
    while (t->id[i] >= 0 && t->colour[i] != colour)
        i = (i + 1) & (t->n_slots - 1);
    return i;
}

static void slots_grow(struct lh__ids *t)
{
    struct lh__ids old = *t;
    slots_new(t, old.n_slots * 4);
    for (size_t i = 0; i < old.n_slots; i++) {
        if (old.id[i] < 0)
            continue;
        size_t slot = slot_of(t, old.colour[i]);
        t->colour[slot] = old.colour[i];
        t->id[slot] = old.id[i];
    }
}

int32_t lh__ids_of(struct lh__ids *t, uint64_t colour)
{
    size_t i = slot_of(t, colour);
    if (t->id[i] >= 0)
        return t->id[i];
    if ((size_t)t->n * 2 >= t->n_slots) {
        slots_grow(t);
        i = slot_of(t, colour);
    }
    t->colour[i] = colour;
    t->id[i] = t->n;
    return t->n++;
}

int32_t *lh__colour_ids(const uint64_t *colour, int64_t n, int32_t *n_ids,
                        struct lh_arena *arena)
{
    int32_t *id = LH_NEW(arena, int32_t, n);
    struct lh_arena *scratch = lh_arena_new();
    struct lh__ids ids;
    lh__ids_begin(&ids, scratch);
    for (int64_t i = 0; i < n; i++)
        id[i] = lh__ids_of(&ids, colour[i]);
    *n_ids = ids.n;
    lh_arena_free(scratch);
    return id;
}

int32_t lh__colour_count(const uint64_t *colour, int64_t n)
{
    struct lh_arena *scratch = lh_arena_new();
    struct lh__ids ids;
    lh__ids_begin(&ids, scratch);
    for (int64_t i = 0; i < n; i++)
        (void)lh__ids_of(&ids, colour[i]);
    lh_arena_free(scratch);
    return ids.n;
}
