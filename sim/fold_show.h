/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the text and the picture of a fold share: the fold of a point, and its
 * classes in words.
 *
 * Ownership: the context's arena, and lh__fold_show_free().
 */
#ifndef LH_SIM_FOLD_SHOW_H
#define LH_SIM_FOLD_SHOW_H

#include <longhaul/trace.h>

#include "fold.h"

/* A point folded as a run folds it, and how its classes hang together. */
struct lh__fold_show {
    const struct lh_sim_point *point;
    struct lh__incidence incidence;
    struct lh__fold fold;
    int64_t *member_first; /* [fold.n_comms + 1] CSR: of a representative */
    int32_t *member_class; /*   class of ranks, ascending                 */
    int64_t *member_count; /*   how many of it                            */
};

/* Folded and checked. */
enum lh_status lh__fold_show_make(struct lh__fold_show *out,
                                  const struct lh_sim_point *point,
                                  struct lh_ctx *ctx) LH_MUST_USE;
void lh__fold_show_free(struct lh__fold_show *show);

/* "tensor", "tensor x data", "pipeline send +1". */
const char *lh__fold_axes(const struct lh__fold_show *show, int32_t comm,
                          struct lh_arena *arena);
/* "ring", "hierarchical all-gather"; ", latency" where it is so small that it
 * uses no links; "" for a send. */
const char *lh__fold_algorithm(const struct lh__fold_show *show, int32_t comm,
                               struct lh_arena *arena);
int64_t lh__fold_members(const struct lh__fold_show *show, int32_t comm);
const char *lh__fold_site(const struct lh__fold_show *show, int32_t rank);
const char *lh__fold_template(const struct lh__fold_show *show, int32_t rank);
const char *lh__axis_word(int axis);
const char *lh__link_kind_word(enum lh_link_kind kind);

#endif
