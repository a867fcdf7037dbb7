/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * At every change of routes notes what each group has moved by then:
 *
 *   bytes of a fibre in a set = sum over the times in which the set holds, and
 *                               over groups, of weight x what the group moves
 *
 * Their sum over sets is what the group sends, so that nothing is lost or
 * counted twice where a flow changes its route in the middle.
 *
 * Place: exec.c tells of flows, run.c asks at the end.  Leaves out: runs
 * message by message, which wire.c refuses where routes change.
 */
#include "detour.h"

struct change {
    struct lh__detour *d;
    int index;
};

struct lh__detour {
    const struct lh__placed *p;
    const struct lh_engine *engine;
    int n_epochs, n_seen; /* changes that the step saw */
    const struct lh_reroute *epochs;
    bool *flows;           /* [n_groups] */
    lh_flow *flow;         /* [n_groups] */
    double *over_bytes;    /* [n_groups] of its flows that are over */
    double *moved;         /* [n_epochs][n_groups] when epoch k began */
    struct change *change; /* [n_epochs] */
};

static double moved_by_now(const struct lh__detour *d, int32_t g)
{
    if (!d->flows[g])
        return d->over_bytes[g];
    return d->over_bytes[g] + d->p->group_bytes[g]
           - d->engine->left(d->engine->self, d->flow[g]);
}

static void changed(void *data)
{
    const struct change *c = data;
    struct lh__detour *d = c->d;
    d->n_seen = c->index + 1;
    for (int32_t g = 0; g < d->p->n_groups; g++)
        d->moved[(int64_t)c->index * d->p->n_groups + g] = moved_by_now(d, g);
}

enum lh_status lh__detour_begin(struct lh__detour **out,
                                const struct lh__placed *placed,
                                struct lh_engine *engine, struct lh_ctx *ctx)
{
    const struct lh__faults *faults = placed->incidence.faults;
    const struct lh_reroute *epochs = NULL;
    size_t n_groups = (size_t)placed->n_groups;
    enum lh_status st = LH_OK;
    int n = 0;
    *out = NULL;
    if (faults && faults->dated)
        n = lh_topology_reroutes(placed->topology, &epochs);
    if (n < 2)
        return LH_OK;
    struct lh__detour *d = LH_NEW(ctx->arena, struct lh__detour, 1);
    *d = (struct lh__detour){
        .p = placed,
        .engine = engine,
        .n_epochs = n,
        .n_seen = 1,
        .epochs = epochs,
        .flows = LH_NEW(ctx->arena, bool, n_groups),
        .flow = LH_NEW(ctx->arena, lh_flow, n_groups),
        .over_bytes = LH_NEW(ctx->arena, double, n_groups),
        .moved = LH_NEW(ctx->arena, double, (size_t)n *n_groups),
        .change = LH_NEW(ctx->arena, struct change, n)};
    for (int i = 1; st == LH_OK && i < n; i++) {
        d->change[i] = (struct change){d, i};
        st = engine->at(engine->self, epochs[i].from_s, changed, &d->change[i]);
    }
    *out = d;
    return st;
}

lh_flow *lh__detour_flow(struct lh__detour *d, int64_t group)
{
    if (d == NULL)
        return NULL;
    d->flows[group] = true;
    return &d->flow[group];
}

void lh__detour_over(struct lh__detour *d, int64_t group)
{
    if (d == NULL)
        return;
    d->flows[group] = false;
    d->over_bytes[group] += d->p->group_bytes[group];
}

/* What a group moves from the k-th change to the next, or to the end; of a
 * cycle, in the mean step. */
static double moved_in(const struct lh__detour *d, int k, int32_t g)
{
    int64_t n = d->p->n_groups;
    double end =
        k + 1 < d->n_seen ? d->moved[(k + 1) * n + g] : d->over_bytes[g];
    return (end - d->moved[k * n + g]) / (double)lh_cycle_steps(d->p->program);
}

void lh__detour_bytes(double *link_bytes, const struct lh__detour *d)
{
    const struct lh__placed *p = d->p;
    const struct lh_topology *t = p->topology;
    for (int32_t j = 0; j < p->n_links; j++) {
        if (lh__fold_link(&p->fold, j) >= lh_topology_first_fibre(t))
            link_bytes[j] = 0;
    }
    for (int32_t g = 0; g < p->n_groups; g++) {
        const struct lh__shape *s = &p->shapes[p->group_shape[g]];
        for (int32_t k = 0; k < s->n_links; k++) {
            lh_link link = lh__fold_link(&p->fold, s->links[k]);
            for (int e = 0; e < d->n_seen; e++) {
                if (link >= lh_topology_first_fibre(t)
                    && lh_topology_link_set(t, link) == d->epochs[e].set)
                    link_bytes[s->links[k]] +=
                        (double)s->weights[k] * moved_in(d, e, g);
            }
        }
    }
}
