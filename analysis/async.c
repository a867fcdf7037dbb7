/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners and a server, end to end: a learner of every site simulated as a
 * scenario of its own, with what it does once a round and without; then the
 * state machine of workloads/sync/async.c between them; async_result.c
 * makes one result of both.
 *
 *   T, K of a site    step without a round's extras; H (mean step with) - H T
 *   steps by speed    max(P, floor(H T_least / T)), P fragments
 *
 * Leaves out: two sites' learners that share more than fibres; what a push
 * takes of the NICs of the step that goes on.
 */
#include "async_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- learners alone ------------------------------------------------------ */

/* Sites in order, until all islands have a place. */
static void sites_list(struct lh__async_run *r)
{
    const struct lh_axes *axes = &r->program->axes;
    int64_t left = axes->size[LH_AXIS_DATA];
    int64_t gpus = lh_axes_ranks(axes) / left;
    struct lh_async_report *out = r->out;

    out->n = left;
    out->sites = LH_NEW(r->ctx->arena, struct lh_async_site, r->s->n_sites);
    for (int i = 0; i < r->s->n_sites && left > 0; i++) {
        int64_t here = r->s->sites[i].gpus / gpus;

        here = here < left ? here : left;
        if (here == 0)
            continue;
        out->sites[out->n_sites++] = (struct lh_async_site){
            .site = i, .learners = here, .first = out->n - left, .gpus = gpus};
        left -= here;
    }
}

static enum lh_status learner_build(struct lh__async_run *r, int i)
{
    struct lh__learner *l = &r->learners[i];
    int site = r->out->sites[i].site;
    int n = 2 + lh__async_slow_count(r->s, site);
    enum lh_status st = LH_OK;

    l->scenario = LH_NEW(r->ctx->arena, struct lh_scenario, n);
    l->result = LH_NEW(r->ctx->arena, struct lh_result, n);
    l->slowdown = LH_NEW(r->ctx->arena, double, n);
    l->n = 2;
    lh_scenario_learner(&l->scenario[0], r->s, site, r->ctx);
    lh_scenario_one_site(&l->scenario[1], &l->scenario[0], r->ctx);
    lh__async_slow(l, r, site);
    st = lh_topology_build(&l->topology, &l->scenario[0], r->ctx);
    if (st != LH_OK)
        l->topology = NULL;
    for (int k = 0; k < 2 && st == LH_OK; k++)
        st = lh_program_build(&l->program[k], &l->scenario[k], r->ctx);
    return st;
}

static enum lh_status learners_build(struct lh__async_run *r)
{
    enum lh_status st = LH_OK;

    for (int i = 0; i < r->out->n_sites && st == LH_OK; i++)
        st = learner_build(r, i);
    return st;
}

static enum lh_status learners_simulate(struct lh__async_run *r, int jobs)
{
    int n = 0, at = 0;

    for (int i = 0; i < r->out->n_sites; i++)
        n += r->learners[i].n;
    struct lh_sim_point *points = LH_NEW(r->ctx->arena, struct lh_sim_point, n);
    struct lh_trace *traces = LH_NEW(r->ctx->arena, struct lh_trace, n);
    enum lh_status *statuses = LH_NEW(r->ctx->arena, enum lh_status, n);

    for (int i = 0; i < r->out->n_sites; i++) {
        struct lh__learner *l = &r->learners[i];
        for (int k = 0; k < l->n; k++)
            points[at++] = (struct lh_sim_point){
                &l->scenario[k], &l->program[k > 0], l->topology};
    }
    enum lh_status st =
        lh_sim_run_many(traces, statuses, points, n, jobs, r->ctx);
    at = 0;
    for (int i = 0; i < r->out->n_sites; i++)
        for (int k = 0; k < r->learners[i].n && st == LH_OK; k++, at++)
            st =
                lh_result_make(&r->learners[i].result[k], &traces[at],
                               points[at].program, points[at].topology, r->ctx);
    return st;
}

/* The operation that sends at the end of a step of the cycle: the first outer
 * one there or, where merges of earlier sends come before it, the last. */
static int32_t send_op(const struct lh_template *of, int32_t turn, bool last)
{
    int32_t found = -1;

    for (int32_t o = 0; o < of->n_ops; o++)
        if (of->ops[o].task == LH_TASK_OUTER && of->ops[o].kind == LH_OP_COMPUTE
            && of->ops[o].turn == turn && (last || found < 0))
            found = o;
    return found;
}

/* Of all fragments, each as long as on the stage that has most of it. */
static double send_s(const struct lh_program *p, const struct lh_outer *outer)
{
    double sum = 0;

    for (int64_t f = 0; f < p->n_fragments; f++) {
        int32_t turn = (int32_t)((f + 1) * outer->every / p->n_fragments);
        double most = 0;

        for (int t = 0; t < p->n_templates; t++) {
            const struct lh_template *of = &p->templates[t];
            int32_t o = send_op(of, turn, outer->overlap > 0);

            if (o >= 0)
                most = fmax(most, of->ops[o].seconds);
        }
        sum += most;
    }
    return sum;
}

/* T, of a site that is always slow as it is then. */
static double own_step_s(const struct lh__async_run *r, int i)
{
    const struct lh_async_learner *of = &r->out->sites[i].of;
    double step_s = r->learners[i].result[1].step_time_s;

    return of->n_paces > 0 && !isfinite(of->paces[1].at_s)
               ? step_s / of->paces[0].speed
               : step_s;
}

static void rounds_make(struct lh__async_run *r)
{
    const struct lh_outer *outer = &r->s->outer;
    double least_s = (double)INFINITY;

    for (int i = 0; i < r->out->n_sites; i++) {
        lh__async_dates(&r->out->sites[i].of, r, i);
        least_s = fmin(least_s, own_step_s(r, i));
    }
    for (int i = 0; i < r->out->n_sites; i++) {
        const struct lh__learner *l = &r->learners[i];
        struct lh_async_learner *of = &r->out->sites[i].of;
        double step_s = l->result[1].step_time_s, every = (double)outer->every;
        double outer_s = fmax(0.0, every * (l->result[0].step_time_s - step_s));

        of->step_s = step_s;
        of->steps = outer->every;
        if (outer->async.local_steps == LH_STEPS_BY_SPEED) /* 1e-9: rounding */
            of->steps =
                (int64_t)fmax((double)outer->fragments,
                              floor(every * least_s / own_step_s(r, i) + 1e-9));
        of->overlap =
            outer->overlap < of->steps ? outer->overlap : of->steps - 1;
        of->send_s = fmin(send_s(&l->program[0], outer), outer_s);
        of->merge_s = outer_s - of->send_s;
    }
}

/* ---- the loop ------------------------------------------------------------ */

static double payload_bits(enum lh_payload payload)
{
    return 32.0 / (double)(1 << payload);
}

int64_t lh__async_first(const struct lh__async_run *r, int site)
{
    int64_t first = 0;

    for (int i = 0; i < site; i++)
        first += r->s->sites[i].gpus;
    return first;
}

/* Where the server stands, as seen from an accelerator of its site. */
int64_t lh__async_server(const struct lh__async_run *r, int64_t from)
{
    int server = r->s->outer.async.server;
    int64_t first = lh__async_first(r, server);

    return first == from ? first + r->s->sites[server].gpus - 1 : first;
}

/* Of a learner: up, and down. */
static struct lh_sim_route *routes_make(const struct lh__async_run *r)
{
    struct lh_sim_route *routes =
        LH_NEW(r->ctx->arena, struct lh_sim_route, 2 * r->out->n);
    struct lh_sim_route *at = routes;

    for (int i = 0; i < r->out->n_sites; i++) {
        const struct lh_async_site *site = &r->out->sites[i];
        int64_t from = lh__async_first(r, site->site);

        for (int64_t k = 0; k < site->learners; k++, from += site->gpus) {
            int64_t to = lh__async_server(r, from);
            *at++ = (struct lh_sim_route){from, to, site->gpus};
            *at++ = (struct lh_sim_route){to, from, site->gpus};
        }
    }
    return routes;
}

static enum lh_status work(void *out, const struct lh_engine *engine,
                           const void *input, struct lh_ctx *ctx)
{
    return lh_async_loop(out, input, engine, ctx);
}

/* Of a learner, one copy: the model's, or adapters as accelerators hold them.
 */
static double pushed_parameters(const struct lh__async_run *r, int64_t gpus)
{
    const struct lh_program *p = r->program;
    double sum = 0;

    if (r->s->training.lora_rank == 0)
        return (double)r->s->model.parameters;
    for (int64_t f = 0; f < p->n_fragments; f++)
        sum += p->fragment_parameters[f];
    return sum * (double)gpus;
}

/* Of the parameters, what a fragment has; NULL: there is one. */
static const double *shares(const struct lh__async_run *r)
{
    int64_t n = r->program->n_fragments;
    double *share = LH_NEW(r->ctx->arena, double, n), sum = 0;

    if (n == 1)
        return NULL;
    for (int64_t f = 0; f < n; f++)
        sum += r->program->fragment_parameters[f];
    for (int64_t f = 0; f < n; f++)
        share[f] = r->program->fragment_parameters[f] / sum;
    return share;
}

static enum lh_status loop(struct lh__async_run *r)
{
    const struct lh_async *async = &r->s->outer.async;
    struct lh_async_report *out = r->out;
    const struct lh_async_site *first = &r->out->sites[0];
    double parameters = pushed_parameters(r, first->gpus);
    size_t bytes = lh_async_result_bytes((int)out->n);
    struct lh_async_learner *learners =
        LH_NEW(r->ctx->arena, struct lh_async_learner, out->n);
    struct lh_async_input input = {.async = async,
                                   .n_fragments = r->program->n_fragments,
                                   .share = shares(r),
                                   .from_rest = r->from_rest,
                                   .n = (int)out->n,
                                   .learners = learners};
    struct lh_sim_point point = {r->s, r->program, r->topology};
    struct lh_sim_dynamic d = {.point = &point,
                               .n_routes = (int32_t)(2 * out->n),
                               .routes = routes_make(r),
                               .base_s = r->s->stack.collective_base_s,
                               .work = work,
                               .input = &input};

    for (int i = 0; i < out->n_sites; i++)
        for (int64_t k = 0; k < out->sites[i].learners; k++) {
            int64_t at = out->sites[i].first + k;
            learners[at] = out->sites[i].of;
            learners[at].up = (lh_channel)(2 * at);
            learners[at].down = (lh_channel)(2 * at + 1);
        }
    out->bytes = payload_bits(r->s->outer.payload) / 8.0 * parameters;
    out->apply_s = 26.0 * parameters / async->server_bytes_per_s;
    input.apply_s = out->apply_s;
    input.bytes = out->bytes / (double)first->gpus;
    input.fetch_bytes = 4.0 * parameters / (double)first->gpus;
    out->result = lh_alloc(r->ctx->arena, 1, bytes);
    return lh_sim_dynamic(out->result, bytes, &d, r->ctx);
}

enum lh_status
lh_async_run(struct lh_async_report *out, struct lh_result *result,
             const struct lh_scenario *s, const struct lh_program *program,
             const struct lh_topology *topology, int jobs, struct lh_ctx *ctx)
{
    struct lh__async_run r = {.s = s,
                              .program = program,
                              .topology = topology,
                              .out = out,
                              .from_rest = lh__async_dated(s),
                              .ctx = ctx};
    enum lh_status st;

    *out = (struct lh_async_report){0};
    sites_list(&r);
    r.learners = LH_NEW(ctx->arena, struct lh__learner, out->n_sites);
    st = learners_build(&r);
    if (st == LH_OK)
        st = learners_simulate(&r, jobs);
    if (st == LH_OK) {
        rounds_make(&r);
        st = loop(&r);
    }
    if (st == LH_OK) {
        st = lh__async_result(result, &r);
    }
    for (int i = 0; i < out->n_sites; i++)
        lh_topology_free(r.learners[i].topology);
    return st;
}
