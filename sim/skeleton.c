/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Skeletons: the communicators that a set of axes, or a shift along the
 * pipeline, cuts the ranks into.  Each is named by its key rank, of a
 * collective its first member, of a send its sender; communicators are
 * numbered in the order of their keys, and members listed in rank order.
 */
#include "skeleton.h"

bool lh__skeleton_spans(const struct lh__skeleton *s, int axis)
{
    return (s->axes & LH_AXIS_BIT(axis)) != 0;
}

/* Axes from the innermost (smallest stride) outwards. */
static void axes_by_stride(const struct lh_axes *axes, int order[LH_AXES])
{
    for (int a = 0; a < LH_AXES; a++) {
        int i = a;
        for (; i > 0 && axes->stride[order[i - 1]] > axes->stride[a]; i--)
            order[i] = order[i - 1];
        order[i] = a;
    }
}

static lh_rank receiver_of(const struct lh__skeleton *s,
                           const struct lh_axes *axes, lh_rank rank)
{
    int64_t from = lh_axes_coordinate(axes, rank, s->shift_axis);
    int64_t to =
        lh_shift_to(s->shift_kind, s->shift, axes->size[s->shift_axis], from);
    return rank + (to - from) * axes->stride[s->shift_axis];
}

/* Where on the axis of a send stands who sends to a place. */
static int64_t sender_of(const struct lh__skeleton *s, int64_t size, int64_t to)
{
    bool cyclic = s->shift_kind == LH_SHIFT_CYCLIC;
    return lh_shift_to(s->shift_kind, cyclic ? -s->shift : s->shift, size, to);
}

/* Numbers the communicators and lists the members of each relative to its key
 * rank; both ascend with the rank. */
static void comms_number(struct lh__skeleton *s, const struct lh_axes *axes,
                         struct lh_arena *arena)
{
    int order[LH_AXES];
    axes_by_stride(axes, order);
    s->n_comms = 1;
    s->n_members = s->axes == 0 ? 2 : 1;
    for (int i = 0; i < LH_AXES; i++) {
        int a = order[i];
        if (lh__skeleton_spans(s, a)) {
            s->n_members *= axes->size[a];
            continue;
        }
        s->radix[a] = s->n_comms;
        s->n_comms *= a == LH_AXIS_PIPELINE ? s->n_slots : axes->size[a];
    }
    if (s->axes == 0)
        return;
    s->offset = LH_NEW(arena, int64_t, s->n_members);
    int64_t made = 1;
    for (int i = 0; i < LH_AXES; i++) {
        int a = order[i];
        int64_t before = made;
        for (int64_t k = 1; lh__skeleton_spans(s, a) && k < axes->size[a];
             k++) {
            for (int64_t j = 0; j < before; j++)
                s->offset[made++] = s->offset[j] + k * axes->stride[a];
        }
    }
}

static lh_rank skeleton_key(const struct lh__skeleton *s,
                            const struct lh_axes *axes, int64_t comm)
{
    lh_rank key = 0;
    for (int a = 0; a < LH_AXES; a++) {
        if (lh__skeleton_spans(s, a))
            continue;
        bool staged = a == LH_AXIS_PIPELINE;
        int64_t at =
            comm / s->radix[a] % (staged ? (int64_t)s->n_slots : axes->size[a]);
        key += (staged ? s->slot_stage[at] : at) * axes->stride[a];
    }
    return key;
}

void lh__skeleton_members(const struct lh__skeleton *s,
                          const struct lh__ranks *ranks, int64_t comm,
                          lh_rank *out)
{
    lh_rank key = skeleton_key(s, ranks->axes, comm);
    if (s->axes == 0) {
        out[0] = key;
        out[1] = receiver_of(s, ranks->axes, key);
        return;
    }
    for (int64_t i = 0; i < s->n_members; i++)
        out[i] = key + s->offset[i];
}

/* ---- blocks -------------------------------------------------------------- */

static int64_t places_numbered(const struct lh__skeleton *s,
                               const struct lh_axes *axes, int axis)
{
    return axis == LH_AXIS_PIPELINE ? s->n_slots : axes->size[axis];
}

static bool spans_blocks(const struct lh__skeleton *s,
                         const struct lh_axes *axes, int cut_axis)
{
    for (int a = 0; a < LH_AXES; a++) {
        bool takes = s->axes ? lh__skeleton_spans(s, a)
                             : a == (int)s->shift_axis
                                   && (s->shift_kind != LH_SHIFT_CYCLIC
                                       || s->shift != 0);
        if (takes && axes->size[a] > 1
            && axes->stride[a] >= axes->stride[cut_axis])
            return true;
    }
    return false;
}

/* Communicators of one place of everything from the axis cut outwards. */
static int64_t inner_count(const struct lh__skeleton *s,
                           const struct lh_axes *axes, int cut_axis)
{
    int64_t n = 1;
    for (int a = 0; a < LH_AXES; a++) {
        if (!lh__skeleton_spans(s, a) && axes->size[a] > 1
            && axes->stride[a] < axes->stride[cut_axis])
            n *= places_numbered(s, axes, a);
    }
    return n;
}

static void cut(struct lh__skeleton *s, const struct lh_axes *axes,
                const struct lh__blocks *blocks)
{
    s->n_inner = s->n_comms;
    s->n_outer = 1;
    if (!blocks->cut)
        return;
    s->spans = spans_blocks(s, axes, blocks->axis);
    s->n_inner = inner_count(s, axes, blocks->axis);
    if (s->spans && !lh__skeleton_spans(s, blocks->axis))
        s->n_inner *= blocks->places;
    s->n_outer = s->n_inner > 0 ? s->n_comms / s->n_inner : 0;
}

void lh__skeleton_number(struct lh__skeleton *s, const struct lh__ranks *ranks,
                         const struct lh__blocks *blocks,
                         struct lh_arena *arena)
{
    comms_number(s, ranks->axes, arena);
    cut(s, ranks->axes, blocks);
}

/* The least number of a communicator with a member (a receiver) in the block;
 * -1: its stage takes no part.  Axes further in than the one cut start at 0. */
static int64_t first_number(const struct lh__skeleton *s,
                            const struct lh__ranks *ranks,
                            const struct lh__blocks *blocks, int32_t block,
                            bool as_receiver)
{
    const struct lh_axes *axes = ranks->axes;
    lh_rank rank = blocks->block[block].first;
    int64_t number = 0;
    for (int a = 0; a < LH_AXES; a++) {
        if (lh__skeleton_spans(s, a) || axes->size[a] == 1
            || axes->stride[a] < axes->stride[blocks->axis])
            continue;
        int64_t at = lh_axes_coordinate(axes, rank, (enum lh_axis)a);
        if (as_receiver && a == (int)s->shift_axis)
            at = sender_of(s, axes->size[a], at);
        if (a == LH_AXIS_PIPELINE) {
            at = s->slot[at];
            if (at < 0)
                return -1;
        }
        number += at * s->radix[a];
    }
    return number;
}

int64_t lh__skeleton_within(const struct lh__skeleton *s,
                            const struct lh__ranks *ranks,
                            const struct lh__blocks *blocks, int32_t block,
                            int64_t *first)
{
    *first = 0;
    if (!blocks->cut)
        return s->n_comms;
    *first = first_number(s, ranks, blocks, block, false);
    if (*first < 0)
        return 0;
    return s->n_inner * blocks->block[block].places;
}

int64_t lh__skeleton_outer(const struct lh__skeleton *s,
                           const struct lh__ranks *ranks,
                           const struct lh__blocks *blocks, int32_t block,
                           bool as_receiver)
{
    int64_t first = first_number(s, ranks, blocks, block, as_receiver);
    return first < 0 ? -1 : first / s->n_inner;
}

int64_t lh__skeleton_in_block(const struct lh__skeleton *s,
                              const struct lh__ranks *ranks,
                              const struct lh__blocks *blocks, int32_t block)
{
    const struct lh_axes *axes = ranks->axes;
    int64_t n = 1;
    for (int a = 0; a < LH_AXES; a++) {
        if (lh__skeleton_spans(s, a)
            && axes->stride[a] < axes->stride[blocks->axis])
            n *= axes->size[a];
    }
    if (lh__skeleton_spans(s, blocks->axis))
        n *= blocks->block[block].places;
    return n;
}

int64_t lh__skeleton_base(const struct lh__skeleton *s,
                          const struct lh__ranks *ranks,
                          const struct lh__blocks *blocks, int64_t inner)
{
    return skeleton_key(s, ranks->axes, inner) % blocks->ranks;
}
