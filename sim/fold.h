/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Folding: classes of ranks, communicators and links that cannot be told
 * apart, so that one of each is simulated for all (docs/folding.md).  Classes
 * are of what the incidence lists; sizes count what that stands for.
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_FOLD_H
#define LH_SIM_FOLD_H

#include "incidence.h"

struct lh__fold {
    const struct lh__incidence *in;
    int32_t n_ranks, n_comms, n_links;             /* classes */
    int32_t *rank_class;                           /* [in->n_ranks] */
    int32_t *comm_class;                           /* [in->n_comms] */
    int32_t *link_class;                           /* [in->n_links] */
    int64_t *rank_size, *comm_size, *link_size;    /* per class */
    int32_t *rank_first, *comm_first, *link_first; /* lowest listed member */
    /* What comm class i takes of a link of class j, CSR over i:
     * weight_link[weight_first[i] ..) = j, weight[..] = W_ij. */
    int64_t *weight_first; /* [n_comms + 1] */
    int32_t *weight_link;
    int64_t *weight;
};

/* The most classes of ranks that a fold over hashed routes may have. */
enum { LH__HASHED_CLASSES_MAX = 2000 };

/* The incidence of a point and its fold, checked: what a run simulates.
 * LH_UNREACHABLE: hashed routes leave too many classes of ranks. */
enum lh_status lh__fold_point(struct lh__fold *out, struct lh__incidence *in,
                              const struct lh_sim_point *p,
                              struct lh_ctx *ctx) LH_MUST_USE;

/* The finest fold: every listed rank, communicator and link its own class. */
void lh__fold_trivial(struct lh__fold *out, const struct lh__incidence *in,
                      struct lh_ctx *ctx);
/* The coarsest that colour refinement finds. */
void lh__fold_refine(struct lh__fold *out, const struct lh__incidence *in,
                     struct lh_ctx *ctx);
/* Verifies the conditions (a) to (d) of docs/folding.md exactly, in one pass
 * over the incidence.  LH_FAILED with what is wrong. */
enum lh_status lh__fold_check(const struct lh__fold *fold,
                              struct lh_ctx *ctx) LH_MUST_USE;

/* The topology's link of a class's lowest member, and its rank. */
static inline lh_link lh__fold_link(const struct lh__fold *f, int32_t class)
{
    return f->in->link[f->link_first[class]];
}

/* The class of a rank, and of a link or -1 (nothing crosses it), listed or
 * not. */
static inline int32_t lh__fold_rank_class(const struct lh__fold *f,
                                          lh_rank rank)
{
    return f->rank_class[lh__listed_rank(f->in, rank)];
}

static inline int32_t lh__fold_link_class(const struct lh__fold *f,
                                          lh_link link)
{
    int32_t listed = lh__listed_link(f->in, link);
    return listed < 0 ? -1 : f->link_class[listed];
}

static inline lh_rank lh__fold_rank(const struct lh__fold *f, int32_t class)
{
    return f->in->rank[f->rank_first[class]];
}

#endif
