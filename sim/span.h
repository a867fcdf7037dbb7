/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a geometry whose communicators span blocks looks like from the blocks:
 * in which of its communicators each block has members, and which hops begin
 * or end there.
 *
 * A hop kind is a hop as a block sees it: within the block, which member
 * (counted in the block) to which; else which member, from or to a member at
 * which place in a scale-up domain of which size, at which site (a route
 * depends on no more: it meets the other block at the top of the site; the
 * last domain of a site may be partly filled).  A piece is what one block sees
 * of a communicator: the kinds of the hops that begin or end in it, each with
 * the sum of their weights.
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_SPAN_H
#define LH_SIM_SPAN_H

#include "incidence.h"
#include "intern.h"

/* Which end of a hop stands in the block. */
enum lh__side { LH__BOTH, LH__FROM, LH__TO };

struct lh__hop_kind {
    int32_t from_block, to_block; /* of the first such hop */
    int64_t from, to;             /* members, counted in their blocks */
    int32_t inner_kind;           /* of its inner number */
};

/* A block in an outer number. */
struct lh__entry {
    int32_t block;
    int32_t receiver; /* 1: of a send */
    int32_t piece;
};

struct lh__span {
    const struct lh__incidence *in;
    const struct lh__geometry *g;
    const struct lh__skeleton *s;
    const struct lh__patterns *p;
    int64_t *first; /* [n_outer + 1] entries of an outer number, blocks
                       ascending (a send: sender, receiver) */
    struct lh__entry *entry;
    int32_t n_hop_kinds;
    struct lh__hop_kind *hop_kind;
    struct lh__interned lists;  /* (hop kind, side, weight) .. of a block */
    struct lh__interned pieces; /* list by kind of inner number */
    int32_t n_groups;           /* of inner numbers with equal latencies */
    int32_t *group;             /* [n_inner] */
    double *latency_s;          /* [n_outer * n_groups] */
    double *cap_bytes_per_s;    /* [n_outer * n_groups] */
};

/* Of geometry g, whose skeleton spans blocks. */
enum lh_status lh__span_make(struct lh__span *out, struct lh__incidence *in,
                             const struct lh__geometry *g,
                             struct lh_ctx *ctx) LH_MUST_USE;
/* The rank in a block that is member j (counted in it) of inner number k. */
lh_rank lh__span_rank(const struct lh__span *span, int32_t block, int64_t j,
                      int64_t inner);

/* Types of blocks, and of outer numbers of each span: equal ones see, and are
 * seen by, equal ones. */
struct lh__types {
    int32_t n;
    int32_t *type;       /* [blocks] */
    int32_t *type_block; /* [n] the first */
    int64_t *type_count; /* [n] */
    int32_t *n_outer;    /* [spans] types of outer numbers */
    int32_t **outer;     /* [spans][n_outer] */
    int64_t **outer_first;
    int64_t **outer_count;
};

/* Refines and verifies: LH_FAILED if the types are not what they claim. */
enum lh_status lh__types_find(struct lh__types *out,
                              const struct lh__incidence *in,
                              const struct lh__span *spans, int32_t n_spans,
                              struct lh_ctx *ctx) LH_MUST_USE;

#endif
