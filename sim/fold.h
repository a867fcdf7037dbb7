/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Folding: classes of ranks, communicators and links that cannot be told
 * apart, so that one of each is simulated for all (docs/folding.md).
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_FOLD_H
#define LH_SIM_FOLD_H

#include "incidence.h"

struct lh__fold {
    const struct lh__incidence *in;
    int32_t n_ranks, n_comms, n_links; /* classes */
    int32_t *rank_class; /* [ranks]                                        */
    int32_t *comm_class; /* [in->n_comms]                                  */
    int32_t *link_class; /* [in->n_links]; -1: nothing crosses it          */
    int64_t *rank_size, *comm_size, *link_size; /* per class                */
    int64_t *rank_first, *comm_first;           /* lowest member            */
    lh_link *link_first;
    /* What comm class i takes of a link of class j, CSR over i:
     * weight_link[weight_first[i] ..) = j, weight[..] = W_ij. */
    int64_t *weight_first; /* [n_comms + 1] */
    int32_t *weight_link;
    int64_t *weight;
};

/* The finest fold: every rank, communicator and used link its own class. */
void lh__fold_trivial(struct lh__fold *out, const struct lh__incidence *in,
                      struct lh_ctx *ctx);
/* The coarsest that colour refinement finds. */
void lh__fold_refine(struct lh__fold *out, const struct lh__incidence *in,
                     struct lh_ctx *ctx);
/* Verifies the conditions (a) to (d) of docs/folding.md exactly, in one pass
 * over the incidence.  LH_FAILED with what is wrong. */
enum lh_status lh__fold_check(const struct lh__fold *fold,
                              struct lh_ctx *ctx) LH_MUST_USE;

#endif
