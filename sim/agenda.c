/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The agenda as a binary heap that knows the place of each slot (Williams,
 * CACM 7(6), 1964): putting, moving and popping a date cost O(log n).
 *
 * Place in the pipeline: the ends that exec.c knows without the engine.
 */
#include "agenda.h"

void lh__agenda_make(struct lh__agenda *out, int32_t n_slots,
                     struct lh_arena *arena)
{
    *out = (struct lh__agenda){.slot = LH_NEW(arena, int32_t, n_slots),
                               .place = LH_NEW(arena, int32_t, n_slots),
                               .date_s = LH_NEW(arena, double, n_slots)};
    for (int32_t i = 0; i < n_slots; i++)
        out->place[i] = -1;
}

static bool before(const struct lh__agenda *a, int32_t x, int32_t y)
{
    return a->date_s[x] < a->date_s[y]
           || (a->date_s[x] == a->date_s[y] && x < y);
}

static void set(struct lh__agenda *a, int32_t at, int32_t slot)
{
    a->slot[at] = slot;
    a->place[slot] = at;
}

static void rise(struct lh__agenda *a, int32_t at, int32_t slot)
{
    while (at > 0 && before(a, slot, a->slot[(at - 1) / 2])) {
        set(a, at, a->slot[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    set(a, at, slot);
}

static void sink(struct lh__agenda *a, int32_t at, int32_t slot)
{
    for (int32_t child; (child = 2 * at + 1) < a->n; at = child) {
        if (child + 1 < a->n && before(a, a->slot[child + 1], a->slot[child]))
            child++;
        if (!before(a, a->slot[child], slot))
            break;
        set(a, at, a->slot[child]);
    }
    set(a, at, slot);
}

void lh__agenda_put(struct lh__agenda *a, int32_t slot, double date_s)
{
    bool sooner = a->place[slot] < 0 || date_s < a->date_s[slot];
    if (a->place[slot] < 0)
        set(a, a->n++, slot);
    a->date_s[slot] = date_s;
    if (sooner)
        rise(a, a->place[slot], slot);
    else
        sink(a, a->place[slot], slot);
}

int32_t lh__agenda_pop(struct lh__agenda *a)
{
    int32_t first = a->slot[0];
    a->place[first] = -1;
    if (--a->n > 0)
        sink(a, 0, a->slot[a->n]);
    return first;
}
