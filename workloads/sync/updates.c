/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The optimiser, and what is gathered behind it.  Called by every_step.c, once
 * all is reduced, and by pass.c.
 *
 * Optimiser: 30 bytes a parameter through memory: fp32 gradient, copy and two
 * moments in (16), copy and moments out (12), bf16 weights out (2).
 *
 * fp8 and mxfp8: with the optimiser the weights of the layers are cast for the
 * step, to a copy for each direction; with plan.gather_precision fp8 each casts
 * its shard, the gather carries one byte, and transposes what arrives (2
 * bytes).
 *
 * plan.overlap.forward: bucket by bucket, in the order of the next forward,
 * without a norm of all gradients: with zero 0 there, behind the gather of its
 * gradients (DeAR: Zhang et al. 2023, arXiv:2302.12445), else before that of
 * its weights.
 *
 * Left out: clipping by a norm, which takes no time beside the optimiser's.
 */
#include "../workload.h"

#define OPTIMIZER_BYTES_A_PARAMETER 30.0

/* What an update is of: the stage, or a bucket. */
struct share {
    double trained, cast; /* routed experts included */
    double routed;
};

static struct share stage_share(const struct lh__builder *b)
{
    return (struct share){
        .trained = lh__stage_trained(b->fit, b->stage),
        .cast = lh__stage_cast(b->fit, b->stage),
        .routed = lh__stage_routed(b->fit, b->stage),
    };
}

static struct share bucket_share(const struct lh__bucket *bucket)
{
    return (struct share){
        .trained = bucket->parameters + bucket->routed,
        .cast = bucket->parameters - bucket->wide + bucket->routed,
        .routed = bucket->routed,
    };
}

/* Of the layers, for the step; ZeRO-3 casts what it gathers (weights.c). */
static void cast_weights(struct lh__work *work, const struct lh__builder *b,
                         const struct share *of)
{
    const struct lh_scenario *s = b->fit->scenario;
    bool gathers = s->plan.zero == 3 && b->fit->shard > 1;
    bool narrow = s->plan.gather_precision == LH_FP8;
    double shard =
        lh__mirror_share(b->fit)
        * lh__shard_parameters(b->fit, of->cast - of->routed, of->routed);
    double whole_bytes =
        narrow ? 2.0 : lh__cast_bytes(s->training.precision, true);

    if (s->training.precision == LH_BF16 || lh__fit_is_frozen(b->fit))
        return;
    if (narrow)
        lh__work_bytes(work, b->device, lh__cast_bytes(LH_FP8, false) * shard);
    if (!gathers)
        lh__work_bytes(work, b->device, whole_bytes * of->cast);
}

static void optimizer(struct lh__builder *b, const struct share *of)
{
    double parameters = of->trained;
    struct lh__work work = {0};

    if (b->fit->scenario->plan.zero >= 1)
        parameters =
            lh__mirror_share(b->fit)
            * lh__shard_parameters(b->fit, parameters - of->routed, of->routed);
    lh__work_bytes(&work, b->device, OPTIMIZER_BYTES_A_PARAMETER * parameters);
    cast_weights(&work, b, of);
    lh__emit_work(b, &work, LH_OPTIMIZER, LH_TASK_OPTIMIZER, -1);
    lh__emit_flush(b);
}

int32_t lh__update_stage(struct lh__builder *b)
{
    struct share all = stage_share(b);

    optimizer(b, &all);
    return b->last_compute;
}

/* Beside the flow, before what the flow's next op waits for. */
void lh__sync_update(struct lh__builder *b, int bucket)
{
    int32_t flow, micro_batch = b->micro_batch;
    int n_waits, n_compute_waits;
    struct share share = bucket_share(&b->buckets[bucket]);

    lh__emit_flush(b);
    flow = b->flow;
    n_waits = b->n_waits;
    n_compute_waits = b->n_compute_waits;
    b->flow = LH__NO_OP;
    b->n_waits = b->n_compute_waits = 0; /* they stay where they are */
    b->micro_batch = -1;
    optimizer(b, &share);
    b->buckets[bucket].gate = b->last_compute;
    b->micro_batch = micro_batch;
    b->flow = flow;
    b->n_waits = n_waits;
    b->n_compute_waits = n_compute_waits;
}

/* Is the bucket the first of its stream that is gathered, besides the first of
 * all?  Levels have two streams. */
static bool begins_stream(const struct lh__builder *b, int bucket)
{
    return lh__fit_has_levels(b->fit) && bucket == b->n_buckets - 2;
}

void lh__gather_weights(struct lh__builder *b)
{
    int32_t update = b->last_compute, swapped = lh__mirror_weights(b);

    if (swapped != LH__NO_OP)
        lh__emit_wait(b, update); /* the gather is of both halves */
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        const struct lh__bucket *bucket = &b->buckets[i];
        int32_t first, op;

        if (i < b->n_buckets - 1) /* the first waits for the optimiser */
            lh__emit_cut(b);
        if (begins_stream(b, i)) {
            lh__emit_wait(b, update);
            lh__emit_wait(b, swapped);
        }
        first = b->n_ops;
        op = lh__bucket_gather(b, bucket, LH_TASK_WEIGHTS);
        lh__emit_dep(b, bucket->gate, ~op);
        if (begins_stream(b, i))
            lh__outer_await(b, first, false);
    }
}

/* In the order of the next forward: the gradients of each bucket (zero 0),
 * which is updated there; */
static void gather_gradients(struct lh__builder *b)
{
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        const struct lh__bucket *bucket = &b->buckets[i];

        lh__emit_cut(b);
        lh__emit_dep(b, bucket->gate,
                     ~lh__bucket_gather(b, bucket, LH_TASK_GRADIENTS));
    }
    lh__emit_cut(b);
}

/* else the update of each, then what islands send and merge, and the weights of
 * each bucket behind its update. */
static void update_and_gather(struct lh__builder *b)
{
    int32_t *updates = LH_NEW(b->ctx->arena, int32_t, (size_t)b->n_buckets);

    lh__emit_cut(b);
    lh__wait_reductions(b);
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        struct share share = bucket_share(&b->buckets[i]);

        optimizer(b, &share);
        updates[i] = b->last_compute;
    }
    lh__outer_emit(b);
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        const struct lh__bucket *bucket = &b->buckets[i];
        int32_t first;

        lh__emit_cut(b);
        lh__emit_wait(b, updates[i]);
        first = b->n_ops;
        lh__emit_dep(b, bucket->gate,
                     ~lh__bucket_gather(b, bucket, LH_TASK_WEIGHTS));
        if (i == b->n_buckets - 1 || begins_stream(b, i))
            lh__outer_await(b, first, false);
    }
    lh__emit_cut(b);
}

void lh__update_apart(struct lh__builder *b)
{
    if (b->fit->scenario->plan.zero == 0)
        gather_gradients(b);
    else
        update_and_gather(b);
}
