/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Coupled: the engine sees the reduced links and one channel a shape.
 * Message by message: it sees every limiting link of the topology, because the
 * hops of a collective no longer move together.
 */
#include "wire.h"

#include <math.h>

enum lh_status lh__wire_coupled(struct lh_engine *engine,
                                const struct lh__placed *p,
                                struct lh_ctx *ctx)
{
    enum lh_status st =
        lh__engine_open(engine, p->n_engine_links, p->engine_capacity, ctx);
    if (st != LH_OK)
        return st;
    for (int32_t i = 0; i < p->n_shapes; i++)
        lh__engine_channel(engine, &p->channels[i]);
    return LH_OK;
}

struct wiring {
    struct lh_engine *engine;
    int32_t *engine_link; /* [topology links], -1: does not limit */
    struct lh_ctx *ctx;
};

static lh_channel declare(void *data, const struct lh_channel_spec *spec)
{
    const struct wiring *w = data;
    struct lh_channel_spec mapped = *spec;
    int32_t *links = LH_NEW(w->ctx->arena, int32_t, spec->n_links);
    for (int32_t i = 0; i < spec->n_links; i++)
        links[i] = w->engine_link[spec->links[i]];
    mapped.links = links;
    return lh__engine_channel(w->engine, &mapped);
}

static enum lh_status open_all_links(struct wiring *w,
                                     const struct lh_topology *t)
{
    int n = lh_topology_link_count(t);
    double *capacity = LH_NEW(w->ctx->arena, double, n);
    w->engine_link = LH_NEW(w->ctx->arena, int32_t, n);
    int32_t kept = 0;
    for (int i = 0; i < n; i++) {
        double bytes_per_s = lh_topology_link_capacity(t, i);
        w->engine_link[i] = -1;
        if (!isfinite(bytes_per_s))
            continue;
        capacity[kept] = bytes_per_s;
        w->engine_link[i] = kept++;
    }
    return lh__engine_open(w->engine, kept, capacity, w->ctx);
}

static enum lh_status plan_make(struct lh__messages_plan **plan,
                                const struct lh__placed *p, int32_t shape,
                                const struct lh_comm *comm,
                                struct lh_ctx *ctx)
{
    const struct lh__shape_members *m = &p->shape_members[shape];
    if (m->n > LH__MESSAGES_MEMBERS_MAX) {
        lh_error(ctx, LH_NOWHERE,
                 "engine.collectives: messages simulates at most %d members a "
                 "collective; this plan has one of %lld",
                 LH__MESSAGES_MEMBERS_MAX, (long long)m->n);
        return LH_BAD_INPUT;
    }
    struct lh__flow_request request = {
        .collective = comm->collective, .algorithm = comm->algorithm,
        .n = m->n, .accelerators = m->accelerators, .bytes = comm->bytes,
        .base_s = p->base_s};
    lh__messages_plan_make(plan, &request, p->shapes[shape].algorithm,
                           p->topology, ctx);
    return LH_OK;
}

enum lh_status lh__wire_messages(struct lh_engine *engine,
                                 struct lh__messages_plan **plans,
                                 const struct lh__placed *p,
                                 struct lh_ctx *ctx)
{
    struct wiring w = {.engine = engine, .ctx = ctx};
    enum lh_status st = open_all_links(&w, p->topology);
    if (st != LH_OK)
        return st;
    for (int32_t i = 0; i < p->n_shapes; i++) {
        const struct lh__flow_shape *s = &p->shapes[i];
        struct lh_channel_spec spec = {
            .n_links = s->n_limiting, .links = s->links,
            .weights = s->weights, .alpha_s = s->alpha_s, .phi = s->phi};
        declare(&w, &spec);
    }
    for (int32_t g = 0; g < p->n_groups; g++) {
        int32_t shape = p->group_shape[g];
        const struct lh_comm *comm = &p->program->comms[p->group_comm[g]];
        if (comm->collective == LH_SEND || plans[shape] != NULL)
            continue;
        st = plan_make(&plans[shape], p, shape, comm, ctx);
        if (st != LH_OK)
            return st;
        lh__messages_plan_declare(plans[shape], declare, &w, ctx);
    }
    return LH_OK;
}
