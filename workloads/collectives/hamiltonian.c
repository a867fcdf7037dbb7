/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Hamiltonian: one ring over all accelerators of a torus, every hop of which is
 * one link.  It runs through the torus like a snake: along x, one step along y,
 * back along x, and so on; the snake ends one link from where it began if its
 * last dimension has an even side.  So it is defined where the members are all
 * accelerators of one torus, in any order, that has one dimension longer than 1
 * or an even side.
 *
 *   reduce-scatter, all-gather   n - 1 steps, (n - 1)/n S a hop
 *   all-reduce                   both, one after the other
 *   alpha                        the largest latency of `steps` hops in a row
 *
 * Source: ring all-reduce as in ring.c; the order is the reflected mixed-radix
 * Gray code (Knuth, The Art of Computer Programming 4A, section 7.2.1.1).
 * Leaves out: a second ring the other way round, rings over other links:
 * "torus" uses them all.
 */
#include "list.h"

/* Sides in the order of the snake, an even one last. */
static bool snake_make(struct lh__torus_sides *out,
                       const struct lh_members *members)
{
    struct lh__torus_sides t;

    if (!lh__torus_whole(&t, members))
        return false;
    *out = t;
    int last = t.n_dims - 1;
    int even = last;
    while (even >= 0 && t.size[even] % 2 != 0)
        even--;
    if (even < 0)
        return t.n_dims == 1;
    out->size[last] = t.size[even];
    out->stride[last] = t.stride[even];
    out->size[even] = t.size[last];
    out->stride[even] = t.stride[last];
    return true;
}

/* The place of stop i: an odd digit turns the dimensions below it round. */
static int64_t snake_place(const struct lh__torus_sides *t, int64_t n,
                           int64_t i)
{
    int64_t below = n;
    int64_t place = 0;

    for (int d = t->n_dims - 1; d >= 0; d--) {
        below /= t->size[d];
        int64_t digit = i / below;
        i %= below;
        place += digit * t->stride[d];
        if (digit % 2 != 0)
            i = below - 1 - i;
    }
    return place;
}

static int64_t ring_steps(enum lh_collective collective, int64_t n)
{
    return collective == LH_ALL_REDUCE ? 2 * (n - 1) : n - 1;
}

static bool hamiltonian_defined(enum lh_collective collective,
                                const struct lh_members *members)
{
    struct lh__torus_sides snake;

    return collective < LH_ALL_TO_ALL && snake_make(&snake, members);
}

static void hamiltonian_hops(struct lh_hops *out, enum lh_collective collective,
                             const struct lh_members *members,
                             struct lh_ctx *ctx)
{
    struct lh__torus_sides snake;
    int64_t n = members->n;
    int64_t *member = lh__torus_members(members, ctx);

    snake_make(&snake, members);
    lh__hops_new(out, n, ctx);
    for (int64_t h = 0; h < n; h++) {
        out->from[h] = member[snake_place(&snake, n, h)];
        out->to[h] = member[snake_place(&snake, n, (h + 1) % n)];
        out->weight[h] = 1;
    }
    out->unit_frac = (double)ring_steps(collective, n) / (double)n;
}

static double hamiltonian_latency(const struct lh_hops *hops,
                                  enum lh_collective collective,
                                  const struct lh_members *members,
                                  const double *latency_s)
{
    (void)hops;
    return lh__cycle_max(latency_s, members->n,
                         ring_steps(collective, members->n));
}

static void hamiltonian_pipes(struct lh_pipes *out,
                              enum lh_collective collective,
                              const struct lh_members *members,
                              struct lh_ctx *ctx)
{
    struct lh_hops hops;

    hamiltonian_hops(&hops, collective, members, ctx);
    lh__pipes_ring(out, &hops, hops.n, ring_steps(collective, members->n), ctx);
}

const struct lh_algorithm lh__hamiltonian_algorithm = {
    .name = "hamiltonian",
    .help = "one ring over a torus, every hop of which is one link",
    .defined = hamiltonian_defined,
    .hops = hamiltonian_hops,
    .latency = hamiltonian_latency,
    .pipes = hamiltonian_pipes,
};
