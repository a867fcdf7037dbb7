/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sharded weights (ZeRO-3: Rajbhandari et al. 2020, arXiv:1910.02054; FSDP:
 * Zhao et al. 2023, arXiv:2304.11277): a unit's bf16 weights are gathered over
 * the shard group before its forward and again before its backward, for every
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
 * forward at once; anything without plan.reshard_after_forward.  The first gather of a
 * step waits for the optimiser of the step before.  A head whose matrix is the
 * embedding's gathers it once more.
 *
 * Left out: the copies into and out of a gather's buffer; shards that do not
 * divide, which are padded.
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

void lh__weights_begin(struct lh__builder *b)
{
    size_t n_units =
        (size_t)lh__chunk_units(lh__fit_chunk(b->fit, b->stage, 0));

    b->first_gather = LH__NO_OP;
    b->n_visits = 0;
    if (!shards_weights(b))
        return;
    b->visits = LH_NEW(b->ctx->arena, int32_t,
                       2 * n_units * (size_t)b->fit->n_micro_batches);
    b->last_visit = LH_NEW(b->ctx->arena, int, n_units);
    b->last_forward = LH_NEW(b->ctx->arena, bool, n_units);
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

/* A backward frees its unit's weights, a forward does where the plan says so
 * and the next pass is another unit's. */
static bool is_whole(const struct lh__builder *b, int unit)
{
    bool freed = b->fit->scenario->plan.reshard_after_forward
                 && b->last_visit[unit] != b->n_visits - 1;

    return b->last_visit[unit] >= 0 && b->last_forward[unit] && !freed;
}

void lh__weights_need(struct lh__builder *b, const struct lh__chunk *chunk,
                      int unit)
{
    struct lh__comm_spec spec;
    int32_t gather;

    if (!shards_weights(b) || is_whole(b, unit))
        return;
    spec = lh__shard_comm(b, LH_ALL_GATHER,
                          2.0 * lh__unit_weights(b->fit, chunk, unit),
                          LH_TASK_WEIGHTS);
    spec.stream = LH_STREAM_WEIGHTS;
    if (!lh__unit_is_head(chunk, unit) && !lh__unit_is_embedding(chunk, unit))
        spec.layer = lh__unit_layer(chunk, unit);
    gather = lh__emit_beside(b, &spec, room_for(b, unit));
    if (b->first_gather == LH__NO_OP)
        b->first_gather = gather;
    lh__emit_compute_wait(b, gather);
}

void lh__weights_done(struct lh__builder *b, int unit, bool backward)
{
    if (!shards_weights(b))
        return;
    lh__emit_flush(b);
    b->last_visit[unit] = b->n_visits;
    b->last_forward[unit] = !backward;
    b->visits[b->n_visits++] = b->flow;
}

void lh__weights_finish(struct lh__builder *b, int32_t optimizer)
{
    if (b->first_gather != LH__NO_OP)
        lh__emit_dep(b, b->first_gather, ~optimizer);
}
