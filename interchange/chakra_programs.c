/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which ranks of a Chakra trace run the same program: nodes, sizes,
 * dependencies, groups by the distance of their ranks and sends by that of the
 * other end. Beside chakra_ranks.c, which makes a grid of it.
 */
#include "wire.h"

static int64_t row_key(const struct lh_chakra_rank *r, const char *name)
{
    const struct lh_chakra_group *group = lh__chakra_group(r, name);
    int64_t stride = 0;

    if (lh__chakra_is_all(r, name))
        return 0;
    return group && lh__chakra_row(group, &stride) ? stride * 1000003 + group->n
                                                   : -1;
}

static bool node_equal(const struct lh_chakra_rank *p,
                       const struct lh_chakra_node *a,
                       const struct lh_chakra_rank *q,
                       const struct lh_chakra_node *b)
{
    bool same = a->type == b->type && a->is_cpu == b->is_cpu
                && a->coll == b->coll && a->bytes == b->bytes
                && a->n_deps == b->n_deps
                && row_key(p, a->group) == row_key(q, b->group);

    if (same && a->type == LH_CHAKRA_SEND)
        same = a->dst - p->rank == b->dst - q->rank;
    if (same && a->type == LH_CHAKRA_RECV)
        same = a->src - p->rank == b->src - q->rank;
    for (int k = 0; k < a->n_deps && same; k++)
        same = a->deps[k] == b->deps[k];
    return same;
}

/* *differ: in times of computing. */
static bool program_equal(const struct lh_chakra_rank *p,
                          const struct lh_chakra_rank *q, bool *differ)
{
    bool same = p->n_nodes == q->n_nodes, times = false;

    for (int i = 0; i < p->n_nodes && same; i++) {
        same = node_equal(p, &p->nodes[i], q, &q->nodes[i]);
        times = times || p->nodes[i].seconds != q->nodes[i].seconds;
    }
    *differ = *differ || (same && times);
    return same;
}

/* kinds[rank]: of its program, the lowest rank with it. */
static bool kinds_make(struct lh_chakra *t, int *kinds, struct lh_arena *arena)
{
    int *first = LH_NEW(arena, int, (size_t)t->n_ranks);
    int n = 0;
    bool differ = false;

    for (int r = 0; r < t->n_ranks; r++) {
        int k = 0;

        while (k < n
               && !program_equal(&t->ranks[first[k]], &t->ranks[r], &differ))
            k++;
        if (k == n)
            first[n++] = r;
        kinds[r] = first[k];
    }
    return differ;
}

static int64_t divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : divisor(b, a % b);
}

/* Ranks in a row with one program, and after which programs repeat. */
static void find_blocks(const int *kinds, int64_t n, int64_t *block,
                        int64_t *period)
{
    *block = n;
    for (int64_t r = 1; r < n; r++)
        if (kinds[r] != kinds[r - 1])
            *block = divisor(*block, r);
    for (*period = *block; *period < n; *period += *block) {
        int64_t r = *period;

        while (n % *period == 0 && r < n && kinds[r] == kinds[r - *period])
            r++;
        if (n % *period == 0 && r == n)
            return;
    }
}

bool lh__chakra_blocks(int64_t *block, int64_t *period, struct lh_chakra *t,
                       struct lh_arena *arena)
{
    int *kinds = LH_NEW(arena, int, (size_t)t->n_ranks);
    bool differ = kinds_make(t, kinds, arena);

    find_blocks(kinds, t->n_ranks, block, period);
    return differ;
}
