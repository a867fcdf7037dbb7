/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The MLP of a layer with routed experts as kernels on one accelerator, and how
 * tokens spread over the experts.  Beside transformer.c; pass.c puts the
 * communications between the pieces.
 *
 * A token visits k of E routed experts of width e, and all shared ones.  The
 * experts lie on X = plan.expert replicas, E/X each, split over tensor as a
 * dense MLP is; T tokens, S as in transformer.c, z the share of the most
 * visited accelerator over the mean:
 *
 *   entry   norm, router GEMM (T/S, E, h), scores in fp32 (12 bytes each,
 *           backward 8), tokens put in order: k h values a token in and out
 *   shared  GEMM (T, 2 e s, h), activation, GEMM (T, h, e s), s shared experts
 *   routed  grouped GEMMs of E/X groups of z k T X / E rows:
 *           (rows, 2 e / t, h), activation, (rows, h, e / t);
 *           with X > 1 rows are put in order of experts before and back after
 *   leave   k h values a token weighted and added in place, residual
 *
 * (a plain MLP has e in place of 2 e).  With fp8 the products of routed and
 * shared experts are in fp8, the router's in bf16.  A group of few rows fills
 * few tiles and waits for its weights: kernels.c.  Kept a token: z k (2 h + 6 e
 * / t; plain 4), 6 or 4 e s / t, and 4 E / S of scores.
 *
 * Routing: balanced, or the i-th most popular expert is visited by a share of
 * the tokens in proportion to i^-exponent, capped at one visit a token; what
 * the capped ones lose goes to the others.  Expert i is on accelerator i mod X.
 * The most visited accelerator sets the time for all: they meet again in the
 * next combine.
 * Source: Megatron-Core, mixture of experts (Yan et al. 2026 and its user
 * guide): permute, dispatch, grouped GEMM, combine, unpermute.
 * Leaves out: dropped tokens, auxiliary loss, padding of groups, unequal groups
 * on one accelerator, several visits on one accelerator sent once.
 */
#include "workload.h"

#include <math.h>

/* Routing is many small kernels on tokens x experts: scores, the k largest, the
 * map, counts, losses of balance, places.  Assumption: 20 forward, counted in
 * megatron/core/transformer/moe (router.py, token_dispatcher.py), half of them
 * backward; the bytes of all are those of the scores. */
#define ROUTING_KERNELS 20.0

/* ---- kernels ------------------------------------------------------------ */

static double gates(const struct lh__fit *fit)
{
    return fit->scenario->model.gated_mlp ? 2.0 : 1.0;
}

/* One kernel, or where the stack has none for groups, one each. */
static void grouped_gemm(struct lh__work *work, const struct lh__fit *fit,
                         const struct lh_device *device,
                         const struct lh__gemm *gemm, bool backward)
{
    double kernels = fit->scenario->stack.grouped_gemm ? 1.0 : gemm->batch;
    struct lh__work own = {.precision = work->precision,
                           .frozen = work->frozen};

    lh__pass_gemm(&own, device, gemm, backward);
    own.n_kernels *= kernels;
    own.n_weights *= kernels;
    lh__work_add(work, &own);
}

/* `groups` MLPs of `rows` tokens each. */
static void grouped_mlp(struct lh__work *work, const struct lh__fit *fit,
                        const struct lh_device *device,
                        const struct lh__gemm *group, bool backward)
{
    double g = gates(fit), inner = group->batch * group->m * group->n;
    struct lh__gemm up = {.batch = group->batch,
                          .m = group->m,
                          .n = g * group->n,
                          .k = fit->dims.hidden};
    struct lh__gemm down = {.batch = group->batch,
                            .m = group->m,
                            .n = fit->dims.hidden,
                            .k = group->n};

    grouped_gemm(work, fit, device, &up, backward);
    lh__work_bytes(work, device,
                   2.0 * inner * (backward ? 2.0 * g + 1.0 : g + 1.0));
    grouped_gemm(work, fit, device, &down, backward);
}

/* Copies of tokens in another order: in and out. */
static void reorder(struct lh__work *work, const struct lh__fit *fit,
                    const struct lh_device *device, double rows)
{
    lh__work_bytes(work, device,
                   fit->scenario->stack.order_bytes * rows * fit->dims.hidden);
}

static void entry(struct lh__work *work, const struct lh__fit *fit,
                  const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    double tokens = d->tokens / d->shards;
    double experts = (double)fit->scenario->model.experts;
    struct lh__gemm router = {
        .batch = 1.0, .m = tokens, .n = experts, .k = d->hidden};

    lh__block_entry(work, fit, device, backward);
    lh__pass_gemm(work, device, &router, backward); /* stays bf16 */
    lh__work_bytes(work, device, (backward ? 8.0 : 12.0) * tokens * experts);
    work->n_kernels += ROUTING_KERNELS / (backward ? 2.0 : 1.0) - 1.0;
    reorder(work, fit, device, d->visits * tokens);
}

static void routed(struct lh__work *work, const struct lh__fit *fit,
                   const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    double rows = d->hottest * d->visits * d->tokens * d->own_frac;
    struct lh__gemm group = {
        .batch = d->experts, .m = rows / d->experts, .n = d->expert_ffn};
    bool spread = fit->scenario->plan.expert > 1;

    if (spread)
        reorder(work, fit, device, rows);
    grouped_mlp(work, fit, device, &group, backward);
    if (spread)
        reorder(work, fit, device, rows);
}

void lh__sparse_make(struct lh__sparse *out, const struct lh__fit *fit,
                     const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    struct lh__gemm shared = {.batch = 1.0, .m = d->tokens, .n = d->shared_ffn};

    lh__layer_work(&out->shared, fit);
    lh__layer_work(&out->routed, fit);
    entry(&out->entry, fit, device, backward);
    if (d->shared_ffn > 0.0)
        grouped_mlp(&out->shared, fit, device, &shared, backward);
    routed(&out->routed, fit, device, backward);
    reorder(&out->leave, fit, device, d->visits * d->tokens / d->shards);
    lh__block_exit(&out->leave, fit, device, backward);
}

double lh__sparse_kept_bytes(const struct lh__fit *fit)
{
    const struct lh__dims *d = &fit->dims;
    double inner = gates(fit) > 1.0 ? 6.0 : 4.0;

    return d->hottest * d->visits * d->own_frac
               * (2.0 * d->hidden + inner * d->expert_ffn)
           + inner * d->shared_ffn
           + 4.0 * (double)fit->scenario->model.experts / d->shards;
}

/* Copies of tokens, and the inputs of the second GEMM, in one byte; shared
 * experts keep an input of their own, since the router keeps its. */
double lh__sparse_narrow_bytes(const struct lh__fit *fit)
{
    const struct lh__dims *d = &fit->dims;
    double own = d->shared_ffn > 0.0 ? d->hidden / d->shards : 0.0;

    return own - d->shared_ffn
           - d->hottest * d->visits * d->own_frac * (d->hidden + d->expert_ffn);
}

/* ---- routing ------------------------------------------------------------ */

/* Visits of a token to expert i in proportion to i^-exponent, at most one. */
static void visits_make(double *visits, const struct lh_scenario *s)
{
    int64_t n = s->model.experts, n_full = 0;

    for (;;) {
        double left = (double)(s->model.experts_per_token - n_full), sum = 0.0;

        for (int64_t i = n_full; i < n; i++)
            sum += pow((double)(i + 1), -s->training.routing_exponent);
        for (int64_t i = n_full; i < n; i++)
            visits[i] = left / sum
                        * pow((double)(i + 1), -s->training.routing_exponent);
        if (n_full >= n || visits[n_full] <= 1.0)
            return;
        visits[n_full++] = 1.0;
    }
}

/* [plan.expert] visits of a token to experts of each; NULL: all alike. */
static double *shares_make(const struct lh_scenario *s, struct lh_arena *arena)
{
    double *visits, *shares;

    if (s->model.experts == 0 || s->training.routing == LH_ROUTING_BALANCED)
        return NULL;
    visits = LH_NEW(arena, double, (size_t)s->model.experts);
    shares = LH_NEW(arena, double, (size_t)s->plan.expert);
    visits_make(visits, s);
    for (int64_t i = 0; i < s->model.experts; i++)
        shares[i % s->plan.expert] += visits[i];
    return shares;
}

static double relative(const struct lh_scenario *s, double share)
{
    return share * (double)s->plan.expert / (double)s->model.experts_per_token;
}

int64_t *lh__routing_loads(const struct lh_scenario *s, struct lh_arena *arena)
{
    double *shares = shares_make(s, arena);
    int64_t *loads;

    if (shares == NULL || s->plan.expert == 1)
        return NULL;
    loads = LH_NEW(arena, int64_t, (size_t)s->plan.expert);
    for (int64_t i = 0; i < s->plan.expert; i++)
        loads[i] = (int64_t)fmax(1.0, round(1000.0 * relative(s, shares[i])));
    return loads;
}

double lh__routing_hottest(const struct lh_scenario *s, struct lh_arena *arena)
{
    double *shares = shares_make(s, arena);
    double most = 1.0;

    for (int64_t i = 0; shares != NULL && i < s->plan.expert; i++)
        most = fmax(most, relative(s, shares[i]));
    return most;
}
