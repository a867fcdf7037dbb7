/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Workloads that decide as they go: an engine with a channel a route, in a
 * forked child, and a state machine that sees no more than that.
 *
 *   weight of a link   of NICs and scale-up 1: each flow of a route has its own
 *                      of gateways and fibres the flows of the route
 *   alpha, cap         those of a send from the first accelerator to the other
 *
 * Gateways and fibres change their capacity as faults and background say, from
 * the beginning on (faults.c).
 *
 * Leaves out: the levels of a site's network above its NICs, which bear what
 * NICs do unless they are oversubscribed.
 */
#include "engine.h"
#include "faults.h"
#include "flow.h"
#include "fork.h"

#include <longhaul/trace.h>

#include <math.h>
#include <string.h>

struct wiring {
    const struct lh_sim_dynamic *d;
    struct lh_channel_spec *channels; /* [n_routes] */
    int32_t *engine_link;             /* [links of the topology] -1 */
    double *capacity;
    int32_t n_links;
    struct lh__faults faults;
    struct lh_ctx *ctx;
};

/* A capacity from a date on. */
struct change {
    const struct lh_engine *engine;
    int32_t link;
    double bytes_per_s;
};

static bool is_shared(enum lh_link_kind kind)
{
    return kind == LH_LINK_GATEWAY || kind == LH_LINK_WAN;
}

static bool is_own(enum lh_link_kind kind)
{
    return kind == LH_LINK_NIC || kind == LH_LINK_SCALE_UP;
}

static int32_t engine_link(struct wiring *w, lh_link link)
{
    int32_t schedule = lh__faults_link(&w->faults, link);

    if (w->engine_link[link] < 0) {
        w->capacity[w->n_links] =
            schedule < 0
                ? lh_topology_link_capacity(w->d->point->topology, link)
                : w->faults.schedules[schedule].changes[0].value;
        w->engine_link[link] = w->n_links++;
    }
    return w->engine_link[link];
}

static void links_add(struct wiring *w, struct lh_channel_spec *spec,
                      const struct lh__flow_shape *shape, int64_t flows)
{
    int32_t *links = LH_NEW(w->ctx->arena, int32_t, shape->n_links);
    int64_t *weights = LH_NEW(w->ctx->arena, int64_t, shape->n_links);

    for (int32_t i = 0; i < shape->n_links; i++) {
        enum lh_link_kind kind =
            lh_topology_link_facts(w->d->point->topology, shape->links[i]).kind;
        bool limits = i < shape->n_limiting
                      || lh__faults_link(&w->faults, shape->links[i]) >= 0;

        if (!limits || (!is_shared(kind) && !is_own(kind)))
            continue;
        links[spec->n_links] = engine_link(w, shape->links[i]);
        weights[spec->n_links++] = is_shared(kind) ? flows : 1;
    }
    spec->links = links;
    spec->weights = weights;
}

static enum lh_status channel_make(struct wiring *w, int32_t i)
{
    const struct lh_sim_route *r = &w->d->routes[i];
    const int64_t ends[] = {r->from, r->to};
    struct lh__flow_request request = {.collective = LH_SEND,
                                       .algorithm = "auto",
                                       .n = 2,
                                       .accelerators = ends,
                                       .base_s = w->d->base_s};
    struct lh__flow_shape shape;

    w->channels[i] = (struct lh_channel_spec){
        .alpha_s = w->d->base_s, .phi = 1.0, .cap_bytes_per_s = INFINITY};
    if (r->from == r->to)
        return LH_OK;
    enum lh_status st =
        lh__flow_shape_make(&shape, &request, w->d->point->topology, w->ctx);
    if (st != LH_OK)
        return st;
    w->channels[i].alpha_s = shape.alpha_s;
    w->channels[i].cap_bytes_per_s = shape.cap_bytes_per_s;
    links_add(w, &w->channels[i], &shape, r->flows);
    return LH_OK;
}

/* ---- capacities that change ---------------------------------------------- */

static void change(void *data)
{
    const struct change *c = data;
    enum lh_status st =
        c->engine->link_set(c->engine->self, c->link, c->bytes_per_s);

    if (st != LH_OK)
        c->engine->stop(c->engine->self);
}

static enum lh_status changes_ask(struct lh_engine *engine,
                                  const struct wiring *w)
{
    enum lh_status st = LH_OK;

    for (int32_t i = 0; i < w->faults.n_links; i++) {
        const struct lh__schedule *s =
            &w->faults.schedules[w->faults.link_schedule[i]];
        int32_t link = w->engine_link[w->faults.link[i]];

        for (int32_t k = 1; k < s->n && link >= 0 && st == LH_OK; k++) {
            struct change *c = LH_NEW(w->ctx->arena, struct change, 1);
            *c = (struct change){engine, link, s->changes[k].value};
            st = engine->at(engine->self, s->changes[k].at_s, change, c);
        }
    }
    return st;
}

static enum lh_status wire(struct lh_engine *out, struct wiring *w,
                           const struct lh_sim_dynamic *d, struct lh_ctx *ctx)
{
    int32_t n = (int32_t)lh_topology_link_end(d->point->topology);
    *w = (struct wiring){.d = d, .ctx = ctx};
    enum lh_status st = lh__faults_make(&w->faults, d->point, ctx);

    w->channels = LH_NEW(ctx->arena, struct lh_channel_spec, d->n_routes);
    w->engine_link = LH_NEW(ctx->arena, int32_t, n);
    w->capacity = LH_NEW(ctx->arena, double, n);
    memset(w->engine_link, 0xff, (size_t)n * sizeof *w->engine_link);
    for (int32_t i = 0; i < d->n_routes && st == LH_OK; i++)
        st = channel_make(w, i);
    if (st == LH_OK)
        st = lh__engine_open(out, w->n_links, w->capacity, ctx);
    for (int32_t i = 0; i < d->n_routes && st == LH_OK; i++)
        lh__engine_channel(out, &w->channels[i]);
    return st;
}

static enum lh_status child(void *shared, const void *input, struct lh_ctx *ctx)
{
    const struct lh_sim_dynamic *d = input;
    struct lh_engine engine, counted;
    struct lh__ledger *ledger;
    struct wiring w;
    enum lh_status st = wire(&engine, &w, d, ctx);

    if (st != LH_OK)
        return st;
    struct lh__wiring wiring = lh__engine_wiring(&engine);
    lh__ledger_open(&counted, &ledger, &engine, &wiring, ctx);
    st = changes_ask(&counted, &w);
    if (st == LH_OK)
        st = d->work(shared, &counted, d->input, ctx);
    return st == LH_OK ? lh__ledger_close(ledger) : st;
}

enum lh_status lh_sim_dynamic(void *out, size_t bytes,
                              const struct lh_sim_dynamic *d,
                              struct lh_ctx *ctx)
{
    struct lh__job job = {.bytes = bytes, .input = d, .work = child};
    enum lh_status st = lh__fork_all(&job, 1, 1, ctx);

    if (st == LH_OK)
        memcpy(out, job.shared, bytes);
    lh__fork_end(&job, 1);
    return st;
}
