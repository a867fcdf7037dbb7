/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Blocks: runs of consecutive ranks that the generated quotient repeats.  A
 * block is a box of coordinates: along one axis (`axis`) a run of places, of
 * all axes further in everything, of those further out one place; and it fills
 * whole units of its site, so that no link inside one serves two blocks.
 *
 *     block b     ranks first .. first + n - 1
 *
 * Whole (uncut): one block of all ranks, whatever sites they stand on.
 */
#ifndef LH_SIM_BLOCKS_H
#define LH_SIM_BLOCKS_H

#include "ranks.h"

struct lh__block {
    lh_rank first;
    int64_t n;
    int site;            /* of its first rank */
    int64_t accelerator; /* of its first rank */
    int64_t place;       /* its first coordinate on the axis cut */
    int64_t places;      /* how many it has of it */
};

struct lh__blocks {
    bool cut;
    int axis;      /* enum lh_axis; of a whole block unused */
    int64_t ranks; /* of a full block */
    int64_t places;
    int32_t n;
    struct lh__block *block;
    int32_t *site_first; /* [n_sites + 1] first block of a site */
};

/* Cuts the ranks into blocks, or leaves them whole where that is not possible
 * (or not wanted). */
void lh__blocks_cut(struct lh__blocks *out, const struct lh__ranks *ranks,
                    const struct lh_topology *t, bool wanted,
                    struct lh_arena *arena);
/* O(log of the sites). */
int32_t lh__block_of_rank(const struct lh__blocks *b,
                          const struct lh__ranks *ranks, lh_rank rank);
/* The block whose units an accelerator stands in; -1: an idle one. */
int32_t lh__block_of_accelerator(const struct lh__blocks *b,
                                 const struct lh__ranks *ranks,
                                 const struct lh_topology *t,
                                 int64_t accelerator);

#endif
