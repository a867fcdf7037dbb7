/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Colours of 64 bits for refinement, and dense ids for them.  A colour only
 * buckets: what is taken to be equal is compared in full by those who use it.
 */
#ifndef LH_SIM_COLOUR_H
#define LH_SIM_COLOUR_H

#include <longhaul/base.h>

static inline uint64_t lh__mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t lh__mix2(uint64_t a, uint64_t b)
{
    return lh__mix(a ^ lh__mix(b));
}

uint64_t lh__bits(double value);

/* Dense ids for colours, in order of first appearance. */
struct lh__ids {
    uint64_t *colour; /* of the slot */
    int32_t *id;      /* -1: free */
    size_t n_slots;
    int32_t n;
    struct lh_arena *arena;
};

void lh__ids_begin(struct lh__ids *t, struct lh_arena *arena);
int32_t lh__ids_of(struct lh__ids *t, uint64_t colour);

/* The id of each of n colours; *n_ids of them differ. */
int32_t *lh__colour_ids(const uint64_t *colour, int64_t n, int32_t *n_ids,
                        struct lh_arena *arena);
/* How many of n colours differ. */
int32_t lh__colour_count(const uint64_t *colour, int64_t n);

#endif
