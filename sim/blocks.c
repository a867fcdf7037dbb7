/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where to cut.  Along an axis of stride t and size z, blocks of m places hold
 * m t ranks; m t must be a multiple of every site's unit, and m must divide z
 * unless the axis is the outermost, so that blocks of different outer places
 * are cut alike.  The outermost axis that allows it is taken (never the
 * pipeline's, whose places differ, nor one along which pairs meet, which a
 * run of places would part), with blocks of at least sqrt(ranks)/4: the
 * work is then O(sqrt(ranks)) blocks and as many ranks a kind of block.
 *
 * The last block of a site takes what is left of it.
 */
#include "blocks.h"

#include "flow.h"

static int64_t lcm(int64_t a, int64_t b)
{
    return a / lh__divisor(a, b) * b;
}

static bool is_outermost(const struct lh_axes *axes, int axis)
{
    for (int a = 0; a < LH_AXES; a++) {
        if (axes->size[a] > 1 && axes->stride[a] > axes->stride[axis])
            return false;
    }
    return true;
}

static int64_t site_ranks(const struct lh__ranks *ranks, int site)
{
    return ranks->site_rank[site + 1] - ranks->site_rank[site];
}

/* Places of a full block along an axis; 0: it cannot be cut there. */
static int64_t places_of(const struct lh__ranks *ranks,
                         const struct lh_topology *t, int axis)
{
    const struct lh_axes *axes = ranks->axes;
    int64_t stride = axes->stride[axis], size = axes->size[axis];
    int64_t least = stride;
    for (int s = 0; s < ranks->n_sites; s++) {
        if (site_ranks(ranks, s) == 0)
            continue;
        least = lcm(least, lh_topology_unit(t, s));
        if (least > ranks->n)
            return 0;
    }
    int64_t step = least / stride, places = step;
    while (places * stride * places * stride * 16 < ranks->n)
        places += step;
    if (is_outermost(axes, axis))
        return places;
    while (places <= size && size % places != 0)
        places += step;
    return places <= size ? places : 0;
}

/* Every site begins and ends where blocks may. */
static bool sites_fit(const struct lh__ranks *ranks, int axis, int64_t places)
{
    const struct lh_axes *axes = ranks->axes;
    int64_t unit = axes->stride[axis];
    if (!is_outermost(axes, axis))
        unit *= places;
    for (int s = 0; s <= ranks->n_sites; s++) {
        if (ranks->site_rank[s] % unit != 0)
            return false;
    }
    return true;
}

static int32_t blocks_count(const struct lh__ranks *ranks, int64_t n)
{
    int64_t count = 0;
    for (int s = 0; s < ranks->n_sites; s++)
        count += (site_ranks(ranks, s) + n - 1) / n;
    return (int32_t)count;
}

static void blocks_list(struct lh__blocks *out, const struct lh__ranks *ranks,
                        struct lh_arena *arena)
{
    const struct lh_axes *axes = ranks->axes;
    out->block = LH_NEW(arena, struct lh__block, out->n);
    out->site_first = LH_NEW(arena, int32_t, ranks->n_sites + 1);
    int32_t b = 0;
    for (int s = 0; s < ranks->n_sites; s++) {
        lh_rank end = ranks->site_rank[s + 1];
        for (lh_rank r = ranks->site_rank[s]; r < end; r += out->ranks, b++) {
            struct lh__block *block = &out->block[b];
            block->first = r;
            block->n = end - r < out->ranks ? end - r : out->ranks;
            block->site = s;
            block->accelerator = lh__rank_accelerator(ranks, r);
            block->place = lh_axes_coordinate(axes, r, (enum lh_axis)out->axis);
            block->places = block->n / axes->stride[out->axis];
        }
        out->site_first[s + 1] = b;
    }
}

/* Axes from the outermost inwards. */
static int axis_inwards(const struct lh_axes *axes, int64_t below)
{
    int found = -1;
    for (int a = 0; a < LH_AXES; a++) {
        if (axes->size[a] > 1 && axes->stride[a] < below
            && (found < 0 || axes->stride[a] > axes->stride[found]))
            found = a;
    }
    return found;
}

static bool cut_along(struct lh__blocks *out, const struct lh__ranks *ranks,
                      const struct lh_topology *t, int axis)
{
    int64_t places = places_of(ranks, t, axis);
    if (places == 0 || !sites_fit(ranks, axis, places))
        return false;
    out->cut = true;
    out->axis = axis;
    out->places = places;
    out->ranks = places * ranks->axes->stride[axis];
    out->n = blocks_count(ranks, out->ranks);
    return out->n > ranks->n_sites;
}

static bool has_pairs(const struct lh_program *p, int axis)
{
    for (int32_t i = 0; i < p->n_comms; i++) {
        if (p->comms[i].shift_kind != LH_SHIFT_CYCLIC
            && p->comms[i].shift_axis == (enum lh_axis)axis)
            return true;
    }
    return false;
}

static void whole(struct lh__blocks *out, const struct lh__ranks *ranks,
                  struct lh_arena *arena)
{
    *out = (struct lh__blocks){.ranks = ranks->n, .n = 1};
    out->block = LH_NEW(arena, struct lh__block, 1);
    out->block[0] = (struct lh__block){.n = ranks->n};
}

void lh__blocks_cut(struct lh__blocks *out, const struct lh__ranks *ranks,
                    const struct lh_topology *t, bool wanted,
                    struct lh_arena *arena)
{
    int64_t below = INT64_MAX;
    for (int a; wanted && (a = axis_inwards(ranks->axes, below)) >= 0;
         below = ranks->axes->stride[a]) {
        *out = (struct lh__blocks){0};
        if (a == LH_AXIS_PIPELINE || has_pairs(ranks->program, a)
            || !cut_along(out, ranks, t, a))
            continue;
        blocks_list(out, ranks, arena);
        return;
    }
    whole(out, ranks, arena);
}

int32_t lh__block_of_rank(const struct lh__blocks *b,
                          const struct lh__ranks *ranks, lh_rank rank)
{
    if (!b->cut)
        return 0;
    int s = lh__rank_site(ranks, rank);
    return b->site_first[s]
           + (int32_t)((rank - ranks->site_rank[s]) / b->ranks);
}

int32_t lh__block_of_accelerator(const struct lh__blocks *b,
                                 const struct lh__ranks *ranks,
                                 const struct lh_topology *t,
                                 int64_t accelerator)
{
    if (!b->cut)
        return 0;
    int s = lh_topology_accelerator_site(t, accelerator);
    int64_t i = (accelerator - ranks->site_accelerator[s]) / b->ranks;
    return i < b->site_first[s + 1] - b->site_first[s]
               ? b->site_first[s] + (int32_t)i
               : -1;
}
