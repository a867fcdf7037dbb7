/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many cuts part two sites: the fewest ducts of which the loss leaves no
 * route (a cable that names no duct lies in one of its own).  One less is
 * survived, whichever they are.
 *
 *   no ducts given   maximum flow with a unit a cable (Menger 1927; igraph)
 *   ducts            that is an upper bound; below it, for k = 1, 2 .. : some
 *                    bundle of any route must be cut, so try each in turn, at
 *                    the price of its ducts that still hold
 *
 * Exact, but for numbers above CUTS_MAX where ducts are shared, of which the
 * upper bound is told.  Place: print.c and print_json.c ask once a pair.
 * Leaves out: cuts of one direction, sites and nodes that fail.
 */
#include <string.h>

#include "topology.h"

enum { CUTS_MAX = 4 };

struct search {
    const struct lh_topology *t;
    int n_ducts;
    int *first, *duct; /* of fibre i: duct[first[i] .. first[i + 1]) */
    bool *cut;         /* [n_ducts] */
    int *via;          /* [n_nodes] fibre that leads there, -1: not reached */
    int *queue;        /* [n_nodes] */
};

static int duct_id(const char **names, int *n, const char *name)
{
    for (int i = 0; name && i < *n; i++)
        if (names[i] && strcmp(names[i], name) == 0)
            return i;
    names[*n] = name;
    return (*n)++;
}

/* Which ducts each bundle lies in, every one once. */
static void ducts_number(struct search *s, struct lh_arena *arena)
{
    const struct lh__wan *wan = &s->t->wan;
    const char **names;
    int n = 0;

    for (int i = 0; i < wan->n_fibres; i++)
        n += wan->fibres[i].n_cables;
    names = LH_NEW(arena, const char *, (size_t)n);
    s->duct = LH_NEW(arena, int, (size_t)n);
    s->first = LH_NEW(arena, int, (size_t)wan->n_fibres + 1);
    for (int i = 0; i < wan->n_fibres; i++) {
        int end = s->first[i];
        for (const struct lh__strand *c = wan->fibres[i].strands; c;
             c = c->next) {
            int id = duct_id(names, &s->n_ducts, c->duct), k = s->first[i];
            while (k < end && s->duct[k] != id)
                k++;
            if (k == end)
                s->duct[end++] = id;
        }
        s->first[i + 1] = end;
    }
}

/* Ducts of a bundle that still hold; 0: it is cut. */
static int price(const struct search *s, int fibre)
{
    int n = 0;

    for (int k = s->first[fibre]; k < s->first[fibre + 1]; k++)
        n += !s->cut[s->duct[k]];
    return n;
}

/* Breadth first; false: parted.  `via` leads back from b. */
static bool reach(struct search *s, int a, int b)
{
    const struct lh__wan *wan = &s->t->wan;
    int head = 0, tail = 0;

    for (int w = 0; w < wan->n_nodes; w++)
        s->via[w] = -1;
    s->queue[tail++] = a;
    while (head < tail && s->via[b] < 0) {
        int at = s->queue[head++];
        for (int i = 0; i < wan->n_fibres; i++) {
            const struct lh__fibre *f = &wan->fibres[i];
            int other = f->a == at ? f->b : f->a;
            if ((f->a != at && f->b != at) || other == a || s->via[other] >= 0
                || price(s, i) == 0)
                continue;
            s->via[other] = i;
            s->queue[tail++] = other;
        }
    }
    return s->via[b] >= 0;
}

/* Cuts a bundle's ducts that still hold, or takes those back. */
static void bundle_set(struct search *s, int fibre, const bool *before,
                       bool cut)
{
    for (int k = s->first[fibre]; k < s->first[fibre + 1]; k++)
        s->cut[s->duct[k]] = cut || before[k - s->first[fibre]];
}

/* Do k cuts more part the two? */
static bool parted_by(struct search *s, int a, int b, int k)
{
    int route[LH__ROUTE_MAX + 1], n = 0;

    if (!reach(s, a, b))
        return true;
    for (int at = b; at != a && n <= LH__ROUTE_MAX;) {
        const struct lh__fibre *f = &s->t->wan.fibres[s->via[at]];
        route[n++] = s->via[at];
        at = f->a == at ? f->b : f->a;
    }
    for (int i = 0; i < n; i++) {
        int cost = price(s, route[i]), first = s->first[route[i]];
        bool before[CUTS_MAX + LH__ROUTE_MAX];
        if (cost > k || s->first[route[i] + 1] - first > LH__ROUTE_MAX)
            continue;
        for (int j = first; j < s->first[route[i] + 1]; j++)
            before[j - first] = s->cut[s->duct[j]];
        bundle_set(s, route[i], before, true);
        bool parted = parted_by(s, a, b, k - cost);
        bundle_set(s, route[i], before, false);
        if (parted)
            return true;
    }
    return false;
}

static bool has_ducts(const struct lh__wan *wan)
{
    for (int i = 0; i < wan->n_fibres; i++)
        for (const struct lh__strand *c = wan->fibres[i].strands; c;
             c = c->next)
            if (c->duct)
                return true;
    return false;
}

int lh__cuts_to_part(const struct lh_topology *t, int a, int b)
{
    struct lh__handlers saved = lh__igraph_begin(igraph_error_handler_ignore);
    int most = (int)lh__fibres_flow(t, a, b, true);
    struct lh_arena *arena;
    struct search s = {.t = t};

    lh__igraph_end(saved);
    if (!has_ducts(&t->wan))
        return most;
    arena = lh_arena_new();
    ducts_number(&s, arena);
    s.cut = LH_NEW(arena, bool, (size_t)s.n_ducts);
    s.via = LH_NEW(arena, int, (size_t)t->wan.n_nodes);
    s.queue = LH_NEW(arena, int, (size_t)t->wan.n_nodes);
    int k = 1;
    while (k < most && k <= CUTS_MAX && !parted_by(&s, a, b, k))
        k++;
    lh_arena_free(arena);
    return k <= CUTS_MAX ? k : most;
}
