/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Skeletons: the communicators that a set of axes, or a shift along the
 * pipeline or between pairs, cuts the ranks into, and how they lie to the
 * blocks.
 *
 * Under a cut, a skeleton either stays within blocks (a run of consecutive
 * communicators stands in each), or spans them: then communicator k + K o, of
 * inner number k < K = n_inner and outer number o < n_outer, has members in the
 * blocks of o, which it shares with the K communicators of o.
 */
#ifndef LH_SIM_SKELETON_H
#define LH_SIM_SKELETON_H

#include "blocks.h"

struct lh__skeleton {
    unsigned axes; /* spanned; 0: a send */
    enum lh_axis shift_axis;
    enum lh_shift shift_kind;
    int shift;
    int64_t n_members;
    int64_t *offset;        /* [n_members] rank - key rank; of a send unused */
    int64_t radix[LH_AXES]; /* of the comm number; 0: spanned */
    int n_slots;            /* stages that take part (senders), if it does not
                               span the pipeline; else 1 */
    int32_t *slot;          /* [stages] -1: takes no part */
    int32_t *slot_stage;    /* [n_slots] */
    int64_t n_comms;

    bool spans; /* blocks */
    int64_t n_inner, n_outer;
};

bool lh__skeleton_spans(const struct lh__skeleton *s, int axis);
/* Numbers the communicators and lists the members of each relative to its key
 * rank; needs axes, shift, slot and slot_stage.  Then how it lies to the
 * blocks. */
void lh__skeleton_number(struct lh__skeleton *s, const struct lh__ranks *ranks,
                         const struct lh__blocks *blocks,
                         struct lh_arena *arena);
/* Members of a communicator in rank order (a send: from, to). */
void lh__skeleton_members(const struct lh__skeleton *s,
                          const struct lh__ranks *ranks, int64_t comm,
                          lh_rank *out);

/* Of a skeleton within blocks: how many communicators stand in a block, and
 * the first of them. */
int64_t lh__skeleton_within(const struct lh__skeleton *s,
                            const struct lh__ranks *ranks,
                            const struct lh__blocks *blocks, int32_t block,
                            int64_t *first);
/* Of one that spans: the outer number of a block as a member (sender) or a
 * receiver, or -1. */
int64_t lh__skeleton_outer(const struct lh__skeleton *s,
                           const struct lh__ranks *ranks,
                           const struct lh__blocks *blocks, int32_t block,
                           bool as_receiver);
/* .. and how many members of one communicator stand in a block (of a send 1),
 * and where in the block the first members of inner number k do. */
int64_t lh__skeleton_in_block(const struct lh__skeleton *s,
                              const struct lh__ranks *ranks,
                              const struct lh__blocks *blocks, int32_t block);
int64_t lh__skeleton_base(const struct lh__skeleton *s,
                          const struct lh__ranks *ranks,
                          const struct lh__blocks *blocks, int64_t inner);

#endif
