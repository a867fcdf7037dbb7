/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bytes of one accelerator that ZeRO leaves (Rajbhandari et al. 2020,
 * arXiv:1910.02054).  Beside memory.c, which has the rest.
 *
 *   plan.zero shards, over plan.shard replicas x context: 1 the optimiser,
 *   2 and gradients, beside two buckets on their way, 3 and weights.  Routed
 *   experts lie on plan.expert times fewer replicas.
 *   zero 3: gathered units are whole from plan.prefetch passes before their own
 *   to its end, and beyond it as weights.c says: found by walking the stage's
 *   schedule.  Of the rest there is only the optimiser's fp32 shard, from which
 *   a gather is cast, and the fp32 shard of the gradient, however it was
 *   reduced (PyTorch's FSDP).  With a pipeline and several
 *   micro-batches gradients are whole: all of them wait for their last.
 *
 * Left out: the shards of gradients that are made while others are still whole.
 */
#include "workload.h"

#include <math.h>

/* ---- weights ------------------------------------------------------------- */

/* The passes of a step over units that need weights, in program order. */
struct walk {
    const struct lh__fit *fit;
    int n_units;     /* of all chunks of the stage */
    double *weights; /* [n_units] bytes */
    int *held;       /* [n_units] reasons to hold it whole */
    int *left;       /* [n_units] passes to come */
    bool *kept;      /* [n_units] since an earlier pass */
    int n;
    int *unit; /* [n] */
    bool *backward;
    double now, most; /* bytes held */
};

/* Of a unit while it is whole: a layer's weights as they are gathered, and cast
 * (or transposed) for its pass. */
static double whole_unit_bytes(const struct lh__fit *fit,
                               const struct lh__chunk *c, int unit)
{
    double n = lh__unit_weights(fit, c, unit);
    bool cast = lh__fit_is_narrow(fit) && !lh__unit_is_head(c, unit)
                && !lh__unit_is_embedding(c, unit);

    return n * (cast ? lh__gather_bytes(fit) + 1.0 : 2.0);
}

static void units_add(struct walk *w, const struct lh__chunk *c)
{
    for (int u = 0; u < lh__chunk_units(c); u++)
        w->weights[w->n_units++] = whole_unit_bytes(w->fit, c, u);
}

static void pass_add(struct walk *w, int unit, bool backward)
{
    w->unit[w->n] = unit;
    w->backward[w->n++] = backward;
    w->left[unit]++;
}

static void slots_add(struct walk *w, const struct lh__slots *slots, int stage)
{
    for (int i = 0; i < slots->n; i++) {
        const struct lh__slot *s = &slots->at[i];
        int first = 0, n;

        for (int c = 0; c < s->chunk; c++)
            first += lh__chunk_units(lh__fit_chunk(w->fit, stage, c));
        n = lh__chunk_units(lh__fit_chunk(w->fit, stage, s->chunk));
        if (s->half == LH__WEIGHTS)
            continue;
        for (int u = 0; u < n; u++)
            pass_add(w, first + (s->backward ? u : n - 1 - u), s->backward);
    }
}

static void walk_make(struct walk *w, const struct lh__fit *fit, int stage,
                      struct lh_ctx *ctx)
{
    struct lh__slots slots;
    int n_units = 0;
    size_t n;

    for (int c = 0; c < fit->n_chunks; c++)
        n_units += lh__chunk_units(lh__fit_chunk(fit, stage, c));
    n = (size_t)n_units;
    *w = (struct walk){.fit = fit,
                       .weights = LH_NEW(ctx->arena, double, n),
                       .held = LH_NEW(ctx->arena, int, n),
                       .left = LH_NEW(ctx->arena, int, n),
                       .kept = LH_NEW(ctx->arena, bool, n)};
    for (int c = 0; c < fit->n_chunks; c++)
        units_add(w, lh__fit_chunk(fit, stage, c));
    n *= 2 * (size_t)fit->n_micro_batches;
    w->unit = LH_NEW(ctx->arena, int, n);
    w->backward = LH_NEW(ctx->arena, bool, n);
    lh__slots_make(&slots, fit, stage, ctx);
    slots_add(w, &slots, stage);
}

static void hold(struct walk *w, int unit, int reasons)
{
    bool was = w->held[unit] > 0;

    w->held[unit] += reasons;
    w->now += w->weights[unit] * ((w->held[unit] > 0) - was);
}

/* Pass i has ended: its unit is kept, or freed. */
static void pass_end(struct walk *w, int i)
{
    int unit = w->unit[i];
    bool keeps = w->backward[i] ? lh__fit_reduces_once(w->fit)
                                : !w->fit->scenario->plan.reshard_after_forward;

    w->left[unit]--;
    keeps = keeps && w->left[unit] > 0;
    hold(w, unit, keeps - w->kept[unit] - 1);
    w->kept[unit] = keeps;
}

/* The most that is whole at once. */
static double gathered_bytes(const struct lh__fit *fit, int stage,
                             struct lh_ctx *ctx)
{
    int64_t ahead = 0, prefetch = fit->scenario->plan.prefetch;
    struct walk w;

    walk_make(&w, fit, stage, ctx);
    for (int i = 0; i < w.n; i++) {
        for (; ahead < w.n && ahead <= i + prefetch; ahead++)
            hold(&w, w.unit[ahead], 1);
        w.most = fmax(w.most, w.now);
        pass_end(&w, i);
    }
    return w.most;
}

/* ---- gradients ----------------------------------------------------------- */

/* Beside the shard: the buckets that two reductions in flight hold, one of
 * which is still computed. */
static double unreduced_parameters(const struct lh__fit *fit, int stage)
{
    const struct lh_plan *plan = &fit->scenario->plan;
    double full = plan->zero == 3 ? 0.0
                  : plan->overlap_gradients
                      ? plan->bucket_bytes / lh__gradient_bytes(fit)
                      : INFINITY;
    double last = 0.0, most = 0.0;

    for (int c = fit->n_chunks - 1; c >= 0; c--) {
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, c);
        double bucket = 0.0;

        for (int u = 0; u < lh__chunk_units(chunk); u++) {
            bucket += lh__unit_parameters(fit, chunk, u);
            most = fmax(most, bucket + (plan->overlap_gradients ? last : 0.0));
            if (bucket >= full || u == lh__chunk_units(chunk) - 1) {
                last = bucket;
                bucket = 0.0;
            }
        }
    }
    return most;
}

static double sharded_gradients(const struct lh__fit *fit, int stage,
                                double shard)
{
    bool fp32 = fit->scenario->plan.zero == 3;
    double bytes = lh__gradient_bytes(fit);

    if (fp32 && lh__fit_reduces_once(fit) && fit->n_micro_batches > 1)
        return bytes * lh__stage_parameters(fit, stage);
    return (fp32 ? 4.0 : bytes) * shard
           + bytes * unreduced_parameters(fit, stage);
}

void lh__shard_memory(struct lh_memory *out, const struct lh__fit *fit,
                      int stage, struct lh_ctx *ctx)
{
    int64_t zero = fit->scenario->plan.zero;
    double routed = lh__stage_routed(fit, stage);
    double dense = lh__stage_trained(fit, stage) - routed;
    double shard = lh__shard_parameters(fit, dense, routed);

    if (fit->shard == 1)
        return;
    if (zero >= 1)
        out->optimizer = 12.0 * shard * lh__mirror_share(fit);
    if (zero >= 2)
        out->gradients = sharded_gradients(fit, stage, shard);
    if (zero >= 3)
        out->weights = gathered_bytes(fit, stage, ctx);
}
