/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Skeletons: the communicators that a set of axes, or a shift along the
 * pipeline, cuts the ranks into.  Each is named by its key rank, of a
 * collective its first member, of a send its sender; communicators are
 * numbered in the order of their keys, and members listed in rank order.
 */
#include <assert.h>

#include "incidence.h"

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

static lh_rank shifted(const struct lh_axes *axes, lh_rank rank,
                       enum lh_axis axis, int shift)
{
    int64_t size = axes->size[axis];
    int64_t from = lh_axes_coordinate(axes, rank, axis);
    int64_t to = ((from + shift) % size + size) % size;
    return rank + (to - from) * axes->stride[axis];
}

/* Sends are along the pipeline: their distance depends on the stage alone. */
static void send_deltas(struct lh__skeleton *s, const struct lh_axes *axes,
                        struct lh_arena *arena)
{
    s->delta = LH_NEW(arena, int64_t, s->n_slots);
    assert(s->shift_axis == LH_AXIS_PIPELINE);
    for (int i = 0; i < s->n_slots; i++) {
        lh_rank from = s->slot_stage[i] * axes->stride[LH_AXIS_PIPELINE];
        s->delta[i] = shifted(axes, from, s->shift_axis, s->shift) - from;
    }
}

/* Numbers the communicators and lists the members of each relative to its key
 * rank; both ascend with the rank. */
void lh__skeleton_number(struct lh__skeleton *s, const struct lh_axes *axes,
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
    if (s->axes == 0) {
        send_deltas(s, axes, arena);
        return;
    }
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

int64_t lh__skeleton_comm(const struct lh__skeleton *s,
                          const struct lh_axes *axes, lh_rank rank,
                          bool is_receiver)
{
    int64_t comm = 0;
    if (is_receiver)
        rank = shifted(axes, rank, s->shift_axis, -s->shift);
    for (int a = 0; a < LH_AXES; a++) {
        if (lh__skeleton_spans(s, a))
            continue;
        int64_t at = lh_axes_coordinate(axes, rank, a);
        comm += (a == LH_AXIS_PIPELINE ? s->slot[at] : at) * s->radix[a];
    }
    return comm;
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

struct lh__walk lh__walk_begin(const struct lh__skeleton *s,
                               const struct lh__ranks *ranks)
{
    struct lh__walk w = {.s = s, .axes = ranks->axes};
    int order[LH_AXES];
    axes_by_stride(ranks->axes, order);
    for (int i = 0; i < LH_AXES; i++) {
        if (!lh__skeleton_spans(s, order[i]))
            w.order[w.n_axes++] = order[i];
    }
    w.key = skeleton_key(s, ranks->axes, 0);
    return w;
}

void lh__walk_next(struct lh__walk *w)
{
    for (int i = 0; i < w->n_axes; i++) {
        int a = w->order[i];
        bool staged = a == LH_AXIS_PIPELINE;
        int64_t size = staged ? w->s->n_slots : w->axes->size[a];
        int64_t before = w->digit[i];
        int64_t after = before + 1 < size ? before + 1 : 0;
        int64_t moved = staged
                            ? w->s->slot_stage[after] - w->s->slot_stage[before]
                            : after - before;
        w->digit[i] = after;
        w->key += moved * w->axes->stride[a];
        if (staged)
            w->slot = after;
        if (after != 0)
            return;
    }
}

void lh__skeleton_members(const struct lh__skeleton *s,
                          const struct lh__ranks *ranks, int64_t comm,
                          lh_rank *out)
{
    lh_rank key = skeleton_key(s, ranks->axes, comm);
    if (s->axes == 0) {
        out[0] = key;
        out[1] = shifted(ranks->axes, key, s->shift_axis, s->shift);
        return;
    }
    for (int64_t i = 0; i < s->n_members; i++)
        out[i] = key + s->offset[i];
}
