/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sharded weights (ZeRO-3: Rajbhandari et al. 2020, arXiv:1910.02054; FSDP:
 * Zhao et al. 2023, arXiv:2304.11277): a unit's weights are gathered over the
 * shard group before its forward and again before its backward, for every
 * micro-batch.  Units are the layers, the embedding and the head.  Stage of
 * the program between pass.c and builder.c.
 *
 *   pass i of a step (a unit's forward or backward) computes once its gather
 *   has ended; gather i begins once gather i - 1 and pass i - 1 - prefetch
 *   have ended.  prefetch 0: in turn; 1: the next unit's gather runs beside
 *   this one's computation, which is what FSDP does.  Nor is a unit gathered
 *   before its pass before has ended.
 *
 * Not gathered again for its backward: the head, where its backward follows its
 * forward at once; anything without plan.reshard_after_forward.  With a
 * pipeline a backward frees nothing either, but the last: until then gradients
 * are whole as well (PyTorch, torch/distributed/pipelining/stage.py).  Routed
 * experts are gathered behind the rest of their unit, over the replicas that
 * hold them.  The first gather of a step waits for the optimiser of the step
 * before.  A head whose matrix is the embedding's gathers it once more.
 *
 * fp8 and mxfp8: a layer's weights arrive in bf16 and are cast for each pass to
 * the copy that its products take, recomputed ones to both
 * (TransformerEngine and torchao under FSDP).  plan.gather_precision fp8
 * (torchao's fp8 all-gather): shards are cast, arrive in one byte, and a
 * backward's are transposed, in and out.
 *
 * Copies are kernels of the computation, the stack's `gather_copy` bytes a
 * gathered weight, half of it of one gathered in fp8, and `reduce_copy` a
 * gradient that is reduced in fp32, half of it in bf16.  PyTorch: FSDP1 gathers
 * in place; the backward of its views joins the gradients (4), casts them to
 * fp32 (6) and divides them (8), in all 18
 * (torch/distributed/fsdp/_runtime_utils.py, _post_backward_hook,
 * _reduce_grad). FSDP2 splits what it gathered into its parameters (4) and
 * joins and casts gradients in one kernel (6), both on the stream of the
 * computation
 * (_composable/fsdp/_fsdp_collectives.py).
 *
 * Left out: shards that do not divide, which are padded; that FSDP1 casts and
 * divides beside the backward (memory is shared, so it is taken to slow it by
 * as much); that embedding and head are one unit of PyTorch's, the root's,
 * whole from the first forward to the end of the backward.
 */
#include "../workload.h"

static bool shards_weights(const struct lh__builder *b)
{
    return b->fit->scenario->plan.zero == 3 && b->fit->shard > 1;
}

double lh__unit_weights(const struct lh__fit *fit,
                        const struct lh__chunk *chunk, int unit)
{
    double n = lh__unit_parameters(fit, chunk, unit);

    if (lh__unit_is_head(chunk, unit) && chunk->embedding
        && fit->scenario->model.tied_embeddings)
        n += fit->dims.vocab * fit->dims.hidden;
    return n;
}

/* Units before a chunk's, in the order of a stage's chunks. */
static int first_unit(const struct lh__builder *b, int chunk)
{
    int n = 0;

    for (int c = 0; c < chunk; c++)
        n += lh__chunk_units(lh__fit_chunk(b->fit, b->stage, c));
    return n;
}

void lh__weights_begin(struct lh__builder *b)
{
    size_t n_units = (size_t)first_unit(b, b->fit->n_chunks);

    b->first_gather = LH__NO_OP;
    b->n_visits = 0;
    if (!shards_weights(b))
        return;
    b->visits = LH_NEW(b->ctx->arena, int32_t,
                       2 * n_units * (size_t)b->fit->n_micro_batches);
    b->last_visit = LH_NEW(b->ctx->arena, int, n_units);
    b->last_forward = LH_NEW(b->ctx->arena, bool, n_units);
    b->transposed = LH_NEW(b->ctx->arena, bool, n_units);
    for (size_t u = 0; u < n_units; u++)
        b->last_visit[u] = -1;
}

/* The pass whose end frees the room for this pass's weights. */
static int32_t room_for(const struct lh__builder *b, int unit)
{
    int64_t i = b->n_visits - 1 - b->fit->scenario->plan.prefetch;

    if (i < b->last_visit[unit])
        i = b->last_visit[unit];
    return i >= 0 ? b->visits[i] : LH__NO_OP;
}

/* A forward frees its unit's weights where the plan says so and the next pass
 * is another unit's; a backward does unless its gradients wait for others. */
static bool is_whole(const struct lh__builder *b, int unit)
{
    if (b->last_visit[unit] < 0)
        return false;
    if (!b->last_forward[unit])
        return lh__fit_reduces_once(b->fit);
    return !b->fit->scenario->plan.reshard_after_forward
           || b->last_visit[unit] == b->n_visits - 1;
}

void lh__weights_copy(struct lh__builder *b, double bytes, int layer)
{
    struct lh__work work = {0};

    if (!shards_weights(b) || bytes == 0.0)
        return;
    lh__work_bytes(&work, b->device, bytes);
    lh__emit_work(b, &work, LH_DATA_COMM, LH_TASK_WEIGHTS, layer);
}

static bool is_layer(const struct lh__chunk *chunk, int unit)
{
    return !lh__unit_is_head(chunk, unit)
           && !lh__unit_is_embedding(chunk, unit);
}

/* Bytes that one weight of a layer moves from its gather to its products. */
static double arrival_bytes(const struct lh__fit *fit, bool backward)
{
    enum lh_recompute recompute = fit->scenario->plan.recompute;
    bool again = backward
                 && (recompute == LH_RECOMPUTE_FULL
                     || recompute == LH_RECOMPUTE_OPERATORS);

    if (fit->scenario->plan.gather_precision == LH_FP8)
        return backward ? 2.0 : 0.0;
    return lh__cast_bytes(fit->scenario->training.precision, again);
}

static void cast(struct lh__builder *b, const struct lh__chunk *chunk, int unit,
                 bool backward)
{
    double bytes =
        arrival_bytes(b->fit, backward) * lh__unit_weights(b->fit, chunk, unit);
    struct lh__work work = {0};

    if (bytes == 0.0 || !is_layer(chunk, unit))
        return;
    lh__work_bytes(&work, b->device, bytes);
    lh__emit_work(b, &work, LH_COMPUTE,
                  backward ? LH_TASK_BACKWARD : LH_TASK_FORWARD,
                  lh__unit_layer(chunk, unit));
}

/* Is the unit cast for this pass?  A backward's copy stays with weights that
 * stay. */
static bool needs_cast(struct lh__builder *b, int id, bool is_there,
                       bool backward)
{
    if (!is_there)
        b->transposed[id] = false;
    if (!backward || b->transposed[id])
        return !is_there;
    b->transposed[id] = true;
    return true;
}

static int32_t gather(struct lh__builder *b, double bytes, unsigned axes,
                      int layer, int32_t after)
{
    struct lh__comm_spec spec =
        lh__shard_comm(b, LH_ALL_GATHER, bytes, LH_TASK_WEIGHTS);

    spec.comm.axes = axes;
    spec.stream = LH_STREAM_WEIGHTS;
    spec.layer = layer;
    return lh__emit_beside(b, &spec, after);
}

/* Routed experts behind the rest, on the same stream. */
static void gather_unit(struct lh__builder *b, const struct lh__chunk *c,
                        int unit, int id)
{
    double bytes = is_layer(c, unit) ? lh__gather_bytes(b->fit) : 2.0;
    double n = lh__unit_weights(b->fit, c, unit);
    double routed = lh__unit_routed(b->fit, c, unit);
    unsigned axes = b->fit->shard_axes;
    int layer = is_layer(c, unit) ? lh__unit_layer(c, unit) : -1;
    int32_t last;

    if (lh_expert_replicas(&b->fit->scenario->plan) > 1)
        n -= routed;
    last = gather(b, bytes * n, axes, layer, room_for(b, id));
    if (b->first_gather == LH__NO_OP)
        b->first_gather = last;
    if (lh__shards_routed(b->fit, b->fit->shard, routed)) {
        last = gather(b, bytes * routed, axes & ~LH_AXIS_BIT(LH_AXIS_EXPERT),
                      layer, LH__NO_OP);
        n += routed;
    }
    lh__emit_compute_wait(b, last);
    lh__weights_copy(
        b, b->fit->scenario->stack.gather_copy_bytes * bytes / 2.0 * n, layer);
}

void lh__weights_need(struct lh__builder *b, int chunk, int unit, bool backward)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    int id = first_unit(b, chunk) + unit;
    bool is_there;

    if (!shards_weights(b))
        return;
    is_there = is_whole(b, id);
    if (!is_there)
        gather_unit(b, c, unit, id);
    if (needs_cast(b, id, is_there, backward))
        cast(b, c, unit, backward);
}

void lh__weights_done(struct lh__builder *b, int chunk, int unit, bool backward)
{
    int id = first_unit(b, chunk) + unit;

    if (!shards_weights(b))
        return;
    lh__emit_flush(b);
    b->last_visit[id] = b->n_visits;
    b->last_forward[id] = !backward;
    b->visits[b->n_visits++] = b->flow;
}

void lh__weights_finish(struct lh__builder *b, int32_t optimizer)
{
    int32_t mirrored = lh__mirror_weights(b);

    if (b->first_gather != LH__NO_OP)
        lh__emit_dep(b, b->first_gather, ~optimizer);
    if (b->first_gather != LH__NO_OP && mirrored != LH__NO_OP)
        lh__emit_dep(b, b->first_gather, ~mirrored);
}
