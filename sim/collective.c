/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One collective alone on a topology, coupled or message by message: what
 * `longhaul collective` prints and the cases under tests/ hold to closed
 * forms.
 *
 *   coupled    starts at the last arrival; one flow
 *   messages   every member joins at its own arrival
 *   time       from the last arrival to the last end
 *
 * Place in the pipeline: beside it; a topology in, seconds out.
 * Leaves out: other traffic on the links.
 */
#include "collective.h"

#include <math.h>
#include <stdlib.h>

#include "engine.h"
#include "flow.h"
#include "fork.h"
#include "messages.h"

enum { MESSAGES_MEMBERS_MAX = 256 };

struct bench {
    const struct lh_collective_case *c;
    const struct lh_topology *topology;
    const struct lh__engine_kind *kind;
    struct lh_ctx *ctx;
    struct lh__flow_request request;
    struct lh__flow_shape shape;
    struct lh_engine engine;
    double last_arrival_s;
    double end_s;
    int64_t n_done;
    lh_channel channel;           /* coupled */
    struct lh__messages_run *run; /* messages */
    enum lh_status status;        /* of the callbacks */
};

struct arrival {
    struct bench *bench;
    int64_t member;
};

static int accelerators_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum lh_status refuse(struct lh_ctx *ctx, const char *why)
{
    lh_error(ctx, LH_NOWHERE, "collective: %s", why);
    return LH_BAD_INPUT;
}

static enum lh_status members_check(const struct lh_collective_case *c,
                                    const struct lh_topology *t,
                                    struct lh_ctx *ctx)
{
    int64_t *sorted = LH_NEW(ctx->arena, int64_t, c->n);
    for (int64_t i = 0; i < c->n; i++) {
        sorted[i] = c->accelerators[i];
        if (sorted[i] < 0 || sorted[i] >= lh_topology_accelerator_count(t))
            return refuse(ctx, "a member is no accelerator of the topology");
        if (c->arrivals_s
            && !(c->arrivals_s[i] >= 0 && isfinite(c->arrivals_s[i])))
            return refuse(ctx, "an arrival is not a time from 0 on");
    }
    qsort(sorted, (size_t)c->n, sizeof *sorted, accelerators_compare);
    for (int64_t i = 1; i < c->n; i++) {
        if (sorted[i] == sorted[i - 1])
            return refuse(ctx, "an accelerator is a member twice");
    }
    return LH_OK;
}

static enum lh_status case_check(const struct lh_collective_case *c,
                                 const struct lh_topology *t,
                                 struct lh_ctx *ctx)
{
    if (c->n < 2)
        return refuse(ctx, "it needs two members or more");
    if (c->collective == LH_SEND && c->n != 2)
        return refuse(ctx, "a send has two members");
    if (c->mode == LH_MESSAGES && c->n > MESSAGES_MEMBERS_MAX)
        return refuse(ctx, "more than 256 members message by message are not "
                           "supported by this version");
    if (c->mode == LH_MESSAGES && c->rescale > 1)
        return refuse(ctx, "only the coupled form can be rescaled");
    if (!(c->bytes >= 0 && isfinite(c->bytes)))
        return refuse(ctx, "bytes must be 0 or more");
    if (!(c->base_s >= 0 && isfinite(c->base_s)))
        return refuse(ctx, "the software latency must be 0 or more");
    for (int64_t i = 0; c->load && i < c->n; i++) {
        if (c->load[i] < 1)
            return refuse(ctx, "a load must be 1 or more");
    }
    return members_check(c, t, ctx);
}

static void member_done(void *data, int64_t member)
{
    struct bench *b = data;
    (void)member;
    b->n_done++;
    b->end_s = b->engine.now(b->engine.self);
}

static void flow_done(void *data)
{
    struct bench *b = data;
    b->n_done = b->c->n;
    b->end_s = b->engine.now(b->engine.self);
}

static void arrivals_over(void *data)
{
    struct bench *b = data;
    double scale = (double)(b->c->rescale > 1 ? b->c->rescale : 1);
    b->status = b->engine.send(b->engine.self, b->channel,
                               b->shape.unit_frac * b->c->bytes / scale,
                               flow_done, b, NULL);
    if (b->status != LH_OK)
        b->engine.stop(b->engine.self);
}

static void member_arrives(void *data)
{
    struct arrival *a = data;
    enum lh_status st = lh__messages_join(a->bench->run, a->member);
    if (st != LH_OK) {
        a->bench->status = st;
        a->bench->engine.stop(a->bench->engine.self);
    }
}

/* Engine links are the limiting links of the shape, in its order. */
static enum lh_status engine_make(struct bench *b)
{
    int32_t n = b->shape.n_limiting;
    double *capacity = LH_NEW(b->ctx->arena, double, n);
    for (int32_t i = 0; i < n; i++)
        capacity[i] = lh_topology_link_capacity(b->topology, b->shape.links[i]);
    return b->kind->open(&b->engine, n, capacity, b->ctx);
}

/* Of links with equal weights only the slowest can limit a lone flow. */
static int32_t links_reduce(int32_t *links, int64_t *weights,
                            const struct bench *b)
{
    const struct lh__flow_shape *shape = &b->shape;
    int32_t n = 0;
    for (int32_t i = 0; i < shape->n_limiting; i++) {
        double capacity =
            lh_topology_link_capacity(b->topology, shape->links[i]);
        int32_t k = 0;
        while (k < n && weights[k] != shape->weights[i])
            k++;
        if (k == n) {
            weights[n] = shape->weights[i];
            links[n++] = i;
        } else if (capacity < lh_topology_link_capacity(
                       b->topology, shape->links[links[k]])) {
            links[k] = i;
        }
    }
    return n;
}

static enum lh_status coupled_begin(struct bench *b)
{
    int64_t scale = b->c->rescale > 1 ? b->c->rescale : 1;
    int32_t *links = LH_NEW(b->ctx->arena, int32_t, b->shape.n_limiting);
    int64_t *weights = LH_NEW(b->ctx->arena, int64_t, b->shape.n_limiting);
    struct lh_channel_spec spec = {
        .n_links = links_reduce(links, weights, b),
        .links = links,
        .weights = weights,
        .alpha_s = b->shape.alpha_s,
        .phi = b->shape.phi / (double)scale,
        .cap_bytes_per_s = b->shape.cap_bytes_per_s / (double)scale,
    };
    for (int32_t i = 0; i < spec.n_links; i++)
        weights[i] *= scale;
    b->channel = b->kind->channel(&b->engine, &spec);
    return b->engine.at(b->engine.self, b->last_arrival_s, arrivals_over, b);
}

static lh_channel declare(void *data, const struct lh_channel_spec *spec)
{
    struct bench *b = data;
    int32_t links[LH_PATH_MAX];
    struct lh_channel_spec own = *spec;
    for (int32_t i = 0; i < spec->n_links; i++) {
        int32_t low = 0;
        int32_t high = b->shape.n_limiting - 1;
        while (low < high) {
            int32_t middle = (low + high) / 2;
            if (b->shape.links[middle] < spec->links[i])
                low = middle + 1;
            else
                high = middle;
        }
        links[i] = low;
    }
    own.links = links;
    return b->kind->channel(&b->engine, &own);
}

static enum lh_status messages_begin(struct bench *b)
{
    struct lh__messages_plan *plan;
    struct lh__messages_options options = {.engine = &b->engine,
                                           .bytes = b->c->bytes,
                                           .done = member_done,
                                           .data = b};
    struct arrival *arrivals = LH_NEW(b->ctx->arena, struct arrival, b->c->n);
    b->request.protocol = b->shape.protocol;
    lh__messages_plan_make(&plan, &b->request, b->shape.algorithm, b->topology,
                           b->ctx);
    lh__messages_plan_declare(plan, declare, b, b->ctx);
    lh__messages_run_make(&b->run, plan, &options, b->ctx);
    for (int64_t i = 0; i < b->c->n; i++) {
        enum lh_status st;
        arrivals[i] = (struct arrival){b, i};
        st = b->engine.at(b->engine.self,
                          b->c->arrivals_s ? b->c->arrivals_s[i] : 0.0,
                          member_arrives, &arrivals[i]);
        if (st != LH_OK)
            return st;
    }
    return LH_OK;
}

static enum lh_status bench_run(struct bench *b)
{
    enum lh_status st =
        lh__flow_shape_make(&b->shape, &b->request, b->topology, b->ctx);
    if (st == LH_OK)
        st = engine_make(b);
    if (st == LH_OK)
        st = b->c->mode == LH_MESSAGES ? messages_begin(b) : coupled_begin(b);
    if (st == LH_OK)
        st = b->engine.run(b->engine.self);
    if (st == LH_OK)
        st = b->status;
    if (st == LH_OK && b->n_done != b->c->n) {
        lh_error(b->ctx, LH_NOWHERE,
                 "collective: %lld of %lld members are left waiting",
                 (long long)(b->c->n - b->n_done), (long long)b->c->n);
        st = LH_FAILED;
    }
    return st;
}

static struct lh__flow_request request_of(const struct lh_collective_case *c)
{
    return (struct lh__flow_request){.collective = c->collective,
                                     .algorithm = c->algorithm,
                                     .n = c->n,
                                     .accelerators = c->accelerators,
                                     .bytes = c->bytes,
                                     .base_s = c->base_s,
                                     .load = c->load,
                                     .copies = c->copies};
}

enum lh_status lh__collective_run(double *end_s,
                                  const struct lh_collective_case *c,
                                  const struct lh_topology *topology,
                                  const struct lh__engine_kind *kind,
                                  struct lh_ctx *ctx)
{
    struct bench b = {
        .c = c,
        .topology = topology,
        .kind = kind,
        .ctx = ctx,
        .request = request_of(c),
    };
    enum lh_status st = case_check(c, topology, ctx);
    if (st != LH_OK)
        return st;
    for (int64_t i = 0; c->arrivals_s && i < c->n; i++)
        b.last_arrival_s = fmax(b.last_arrival_s, c->arrivals_s[i]);
    st = bench_run(&b);
    if (st == LH_OK)
        *end_s = b.end_s - b.last_arrival_s;
    return st;
}

struct input {
    const struct lh_collective_case *c;
    const struct lh_topology *topology;
};

static enum lh_status simulate(void *shared, const void *data,
                               struct lh_ctx *ctx)
{
    static const struct lh__engine_kind simgrid = {lh__engine_open,
                                                   lh__engine_channel};
    const struct input *in = data;
    return lh__collective_run(shared, in->c, in->topology, &simgrid, ctx);
}

/* One flow, which shares its links with nothing: what the engine would find,
 * as in alone.c.  False: a link that it crosses is dead. */
static bool lone_flow(double *end_s, const struct lh__flow_shape *shape,
                      double bytes, const struct lh_topology *t)
{
    double s_per_byte =
        shape->cap_bytes_per_s > 0 ? 1.0 / shape->cap_bytes_per_s : 0.0;
    for (int32_t i = 0; i < shape->n_limiting; i++) {
        double capacity = lh_topology_link_capacity(t, shape->links[i]);
        if (!(capacity > 0))
            return false;
        s_per_byte = fmax(s_per_byte, (double)shape->weights[i] / capacity);
    }
    *end_s = shape->alpha_s + shape->unit_frac * bytes * s_per_byte;
    return true;
}

/* No child and no engine, where one flow is all there is. */
static enum lh_status lone_run(double *end_s, bool *is_lone,
                               const struct lh_collective_case *c,
                               const struct lh_topology *t, struct lh_ctx *ctx)
{
    struct lh__flow_request request = request_of(c);
    struct lh__flow_shape shape;
    enum lh_status st = case_check(c, t, ctx);
    *is_lone = false;
    if (st != LH_OK || c->mode == LH_MESSAGES)
        return st;
    st = lh__flow_shape_make(&shape, &request, t, ctx);
    if (st == LH_OK)
        *is_lone = lone_flow(end_s, &shape, c->bytes, t);
    return st;
}

enum lh_status lh_sim_collective(double *end_s,
                                 const struct lh_collective_case *c,
                                 const struct lh_topology *topology,
                                 struct lh_ctx *ctx)
{
    bool is_lone;
    enum lh_status st = lone_run(end_s, &is_lone, c, topology, ctx);
    if (st != LH_OK || is_lone)
        return st;
    struct input input = {c, topology};
    struct lh__job job = {
        .bytes = sizeof *end_s, .input = &input, .work = simulate};
    st = lh__fork_all(&job, 1, 1, ctx);
    if (st == LH_OK)
        *end_s = *(const double *)job.shared;
    lh__fork_end(&job, 1);
    return st;
}

enum lh_status lh_sim_collective_choice(struct lh_collective_choice *out,
                                        const struct lh_collective_case *c,
                                        const struct lh_topology *topology,
                                        struct lh_ctx *ctx)
{
    struct lh__flow_request request = request_of(c);
    struct lh__flow_shape shape;
    enum lh_status st = case_check(c, topology, ctx);
    if (st == LH_OK)
        st = lh__flow_shape_make(&shape, &request, topology, ctx);
    if (st != LH_OK)
        return st;
    *out = (struct lh_collective_choice){
        shape.algorithm < 0 ? "send" : lh_algorithm_at(shape.algorithm)->name,
        lh__protocol_name(shape.protocol)};
    return LH_OK;
}
