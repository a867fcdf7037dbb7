/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Coupled: the engine sees the reduced links and one channel a shape.
 * Message by message: it sees every limiting link of the topology, because the
 * hops of a collective no longer move together.
 */
#include "wire.h"

#include <math.h>

enum lh_status lh__wire_coupled(struct lh_engine *engine,
                                const struct lh__placed *p, struct lh_ctx *ctx)
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
    const struct lh__placed *p;
    int32_t *engine_link;           /* [link classes], -1: does not limit */
    int32_t *class_of;              /* [links of the topology] */
    struct lh__schedule *schedules; /* [engine links] */
    int32_t n_engine_links;
    struct lh_ctx *ctx;
};

static lh_channel declare(void *data, const struct lh_channel_spec *spec)
{
    const struct wiring *w = data;
    struct lh_channel_spec mapped = *spec;
    int32_t *links = LH_NEW(w->ctx->arena, int32_t, spec->n_links);
    for (int32_t i = 0; i < spec->n_links; i++)
        links[i] = w->engine_link[w->class_of[spec->links[i]]];
    mapped.links = links;
    return lh__engine_channel(w->engine, &mapped);
}

/* Unfolded, a link class is a link. */
static enum lh_status open_all_links(struct wiring *w)
{
    const struct lh__placed *p = w->p;
    double *capacity = LH_NEW(w->ctx->arena, double, p->n_links);
    w->engine_link = LH_NEW(w->ctx->arena, int32_t, p->n_links);
    w->schedules = LH_NEW(w->ctx->arena, struct lh__schedule, p->n_links);
    int32_t kept = 0;
    w->class_of =
        LH_NEW(w->ctx->arena, int32_t, lh_topology_link_end(p->topology));
    for (int32_t i = 0; i < p->n_links; i++) {
        w->class_of[lh__fold_link(&p->fold, i)] = i;
        w->engine_link[i] = -1;
        if (!isfinite(p->link_capacity[i]))
            continue;
        capacity[kept] = p->link_capacity[i];
        if (p->link_schedule[i])
            w->schedules[kept] = *p->link_schedule[i];
        w->engine_link[i] = kept++;
    }
    w->n_engine_links = kept;
    return lh__engine_open(w->engine, kept, capacity, w->ctx);
}

/* A shape as it is, over the links that can limit. */
static void declare_shape(const struct wiring *w, const struct lh__shape *s)
{
    int32_t *links = LH_NEW(w->ctx->arena, int32_t, s->n_links);
    int64_t *weights = LH_NEW(w->ctx->arena, int64_t, s->n_links);
    struct lh_channel_spec spec = {.links = links,
                                   .weights = weights,
                                   .alpha_s = s->alpha_s,
                                   .phi = s->phi,
                                   .cap_bytes_per_s = s->cap_bytes_per_s};
    for (int32_t k = 0; k < s->n_links; k++) {
        if (w->engine_link[s->links[k]] < 0)
            continue;
        links[spec.n_links] = w->engine_link[s->links[k]];
        weights[spec.n_links++] = s->weights[k];
    }
    lh__engine_channel(w->engine, &spec);
}

static const struct lh__geometry *geometry_of(const struct lh__placed *p,
                                              const struct lh__shape *shape)
{
    const struct lh__incidence *in = &p->incidence;
    return &in->geometries[in->families[shape->family].geometry];
}

static enum lh_status plan_make(struct lh__messages_plan **plan,
                                const struct lh__placed *p,
                                const struct lh__shape *shape,
                                const struct lh_comm *comm, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = &p->incidence;
    const struct lh__geometry *g = geometry_of(p, shape);
    const struct lh__skeleton *s = &in->skeletons[g->skeleton];
    int64_t n = s->n_members;
    if (n > LH__MESSAGES_MEMBERS_MAX) {
        lh_error(ctx, LH_NOWHERE,
                 "engine.collectives: messages simulates at most %d members a "
                 "collective; this plan has one of %lld",
                 LH__MESSAGES_MEMBERS_MAX, (long long)n);
        return LH_BAD_INPUT;
    }
    int64_t *members = LH_NEW(ctx->arena, int64_t, n);
    lh__skeleton_members(s, &in->ranks,
                         in->comm[p->fold.comm_first[shape->comm_class]].number,
                         members);
    for (int64_t i = 0; i < n; i++)
        members[i] = lh__rank_accelerator(&in->ranks, members[i]);
    struct lh__flow_request request = {.collective = comm->collective,
                                       .algorithm = comm->algorithm,
                                       .n = n,
                                       .accelerators = members,
                                       .bytes = comm->bytes,
                                       .base_s = in->base_s,
                                       .protocol = shape->protocol,
                                       .load = comm->load,
                                       .copies = comm->copies};
    lh__messages_plan_make(plan, &request, shape->algorithm, p->topology, ctx);
    return LH_OK;
}

enum lh_status lh__wire_messages(struct lh_engine *engine,
                                 struct lh__exec_options *options,
                                 const struct lh__placed *p, struct lh_ctx *ctx)
{
    struct wiring w = {.engine = engine, .p = p, .ctx = ctx};
    struct lh__messages_plan **plans =
        LH_NEW(ctx->arena, struct lh__messages_plan *, p->n_shapes);
    const struct lh_reroute *epochs;
    if (lh_topology_reroutes(p->topology, &epochs) > 1) {
        lh_error(ctx, LH_NOWHERE,
                 "engine.collectives: messages is not supported by this "
                 "version where faults with dates have 'reroute'");
        return LH_BAD_INPUT;
    }
    enum lh_status st = open_all_links(&w);
    if (st != LH_OK)
        return st;
    options->plans = plans;
    options->links = w.schedules;
    options->n_links = w.n_engine_links;
    for (int32_t i = 0; i < p->n_shapes; i++)
        declare_shape(&w, &p->shapes[i]);
    for (int32_t g = 0; g < p->n_groups; g++) {
        int32_t shape = p->group_shape[g];
        const struct lh_comm *comm = &p->program->comms[p->group_comm[g]];
        if (comm->collective == LH_SEND || plans[shape] != NULL
            || geometry_of(p, &p->shapes[shape])->small)
            continue;
        st = plan_make(&plans[shape], p, &p->shapes[shape], comm, ctx);
        if (st != LH_OK)
            return st;
        lh__messages_plan_declare(plans[shape], declare, &w, ctx);
    }
    return LH_OK;
}
