/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Vectors of integers as small ids: equal vectors, compared in full, have one
 * id; ids count up in order of first appearance.
 */
#ifndef LH_SIM_INTERN_H
#define LH_SIM_INTERN_H

#include <longhaul/base.h>

struct lh__interned {
    int32_t n;
    size_t *first; /* [n + 1] into value */
    int64_t *value;
    size_t first_capacity, value_capacity;
    int32_t *slot; /* [n_slots], -1: free */
    size_t n_slots;
    struct lh_arena *arena;
};

void lh__intern_begin(struct lh__interned *t, struct lh_arena *arena);
int32_t lh__intern(struct lh__interned *t, const int64_t *value, size_t n);

static inline const int64_t *lh__interned(const struct lh__interned *t,
                                          int32_t id, size_t *n)
{
    *n = t->first[id + 1] - t->first[id];
    return t->value + t->first[id];
}

#endif
