/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bytes of one accelerator of a stage.
 *
 *   weights 2 a parameter (bf16), gradients 4 or 2 (training.
 *   gradient_precision), optimiser 12 (fp32 copy and Adam's two moments;
 *   divided by data under ZeRO-1: Rajbhandari et al. 2020, arXiv:1910.02054)
 *
 *   of which plan.zero shards, over plan.shard replicas: 1 the optimiser,
 *   2 and gradients, beside two buckets on their way, 3 and weights, which
 *   are whole for 1 + plan.prefetch units in a row (or for all until their
 *   backward, without plan.reshard_after_forward); of the rest there is only
 *   the optimiser's fp32 shard, from which a gather is cast (PyTorch's FSDP)
 *
 * Activations that a layer keeps from forward to backward, a token
 * (Korthikanti et al. 2022, arXiv:2205.05198, table 2: s b h (10 + 24/t +
 * 5 a s / (h t)) and with sequence parallelism s b h / t (34 + 5 a s / h)),
 * generalised to grouped queries, a gated MLP and fused attention:
 *
 *   (2 norm inputs, 2 GEMM inputs: 8 h, 2 dropout masks: 2 h) / S
 *   + Q, K, V: 2 (q + 2 kv), projection's input 2 q
 *   + MLP: 4 f plain (activation's input and output), 6 f gated
 *   + core: unfused 5 (a/t) s (softmax, mask, dropout's output), fused 4 a/t
 *   + norms of Q and K: 2 (q + kv)
 * latent attention and routed experts as in latent.c and experts.c.
 *   fp8: GEMM inputs in one byte, the core's output in both: - 2 h / S - f + q;
 *   and a parameter of a layer two bytes more, cast and cast transposed
 *
 * A split backward (zero bubble) frees a micro-batch with its gradients of
 * weights.  With shared sequences T is that of one accelerator; keys and values
 * of the others (context.c) count for one layer.
 *
 * selective drops the core's; full keeps the layer's input, 2 h / S, and one
 * layer's all while it is recomputed.  The head keeps its norm's and GEMM's
 * inputs and fp32 logits.  The most that is in flight at once is found by
 * walking the stage's schedule.
 *
 * Left out: buffers of communications, and temporaries of kernels: they are
 * in the stack's reserved bytes.
 */
#include "workload.h"

#include <math.h>

/* Of the attention core, a token. */
static double core_bytes(const struct lh__fit *fit)
{
    const struct lh__dims *d = &fit->dims;

    if (fit->scenario->stack.fused_attention)
        return 4.0 * d->heads; /* log of the softmax's sum, fp32 */
    return 5.0 * d->heads * d->sequence;
}

/* Of Q, K, V and the projection's input, a token. */
static double attention_bytes(const struct lh__fit *fit)
{
    const struct lh__dims *d = &fit->dims;

    if (fit->scenario->model.attention == LH_ATTENTION_MLA)
        return lh__latent_kept_bytes(fit);
    return 4.0 * d->queries + 4.0 * d->keys
           + (fit->scenario->model.qk_norm ? 2.0 * (d->queries + d->keys)
                                           : 0.0);
}

/* All that a layer's backward needs, recomputation aside.  In fp8 the GEMMs'
 * inputs are kept in one byte, the core's output in two as well. */
static double whole_layer_bytes(const struct lh__fit *fit, int layer)
{
    const struct lh__dims *d = &fit->dims;
    const struct lh_model *model = &fit->scenario->model;
    double dropout = fit->scenario->stack.fused_attention ? 0.0 : 2.0;
    double mlp = lh__layer_is_sparse(fit, layer)
                     ? lh__sparse_kept_bytes(fit)
                     : (model->gated_mlp ? 6.0 : 4.0) * d->ffn;
    double token = (8.0 + dropout) * d->hidden / d->shards
                   + attention_bytes(fit) + mlp + core_bytes(fit);

    if (fit->scenario->training.precision == LH_FP8)
        token += d->queries - 2.0 * d->hidden / d->shards - d->ffn;
    return d->tokens * token;
}

double lh__layer_activation_bytes(const struct lh__fit *fit, int layer)
{
    const struct lh__dims *d = &fit->dims;

    switch (fit->scenario->plan.recompute) {
    case LH_RECOMPUTE_FULL: return 2.0 * d->tokens * d->hidden / d->shards;
    case LH_RECOMPUTE_SELECTIVE:
        return whole_layer_bytes(fit, layer) - d->tokens * core_bytes(fit);
    case LH_RECOMPUTE_NONE: break;
    }
    return whole_layer_bytes(fit, layer);
}

static double chunk_bytes(const struct lh__fit *fit,
                          const struct lh__chunk *chunk)
{
    const struct lh__dims *d = &fit->dims;
    double bytes = 0.0;

    for (int i = 0; i < chunk->n_layers; i++)
        bytes += lh__layer_activation_bytes(fit, chunk->first_layer + i);
    if (chunk->embedding && !fit->scenario->stack.fused_attention)
        bytes += d->tokens * d->hidden / d->shards; /* dropout mask */
    if (chunk->head)
        bytes += d->tokens * (4.0 * d->hidden / d->shards + 4.0 * d->vocab);
    return bytes;
}

/* Of the layers of a stage. */
static double largest_layer_bytes(const struct lh__fit *fit, int stage)
{
    double most = 0.0;

    for (int c = 0; c < fit->n_chunks; c++) {
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, c);
        int last = chunk->first_layer + chunk->n_layers - 1;
        double first_bytes = whole_layer_bytes(fit, chunk->first_layer);
        double last_bytes = whole_layer_bytes(fit, last);

        most = fmax(most, fmax(first_bytes, last_bytes));
    }
    return most;
}

/* What full recomputation made anew and a split backward keeps from the
 * gradients of inputs to those of weights. */
static double kept_again_bytes(const struct lh__fit *fit,
                               const struct lh__chunk *chunk)
{
    double bytes = 0.0;

    if (fit->scenario->plan.recompute != LH_RECOMPUTE_FULL)
        return 0.0;
    for (int i = 0; i < chunk->n_layers; i++) {
        int layer = chunk->first_layer + i;

        bytes += whole_layer_bytes(fit, layer)
                 - fit->dims.tokens * core_bytes(fit)
                 - lh__layer_activation_bytes(fit, layer);
    }
    return bytes;
}

static double activation_bytes(const struct lh__fit *fit, int stage,
                               struct lh_ctx *ctx)
{
    struct lh__slots slots;
    double now = 0.0, most = 0.0;

    lh__slots_make(&slots, fit, stage, ctx);
    for (int i = 0; i < slots.n; i++) {
        const struct lh__slot *slot = &slots.at[i];
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, slot->chunk);
        double again = kept_again_bytes(fit, chunk);
        double bytes = chunk_bytes(fit, chunk);

        if (!slot->backward)
            now += bytes;
        else if (slot->half == LH__INPUTS)
            now += again;
        else
            now -= bytes + (slot->half == LH__WEIGHTS ? again : 0.0);
        if (now > most)
            most = now;
    }
    most += lh__context_bytes(fit);
    if (fit->scenario->plan.recompute == LH_RECOMPUTE_FULL)
        most += largest_layer_bytes(fit, stage);
    else if (fit->scenario->plan.recompute == LH_RECOMPUTE_SELECTIVE)
        most += fit->dims.tokens * core_bytes(fit);
    return most;
}

/* ---- ZeRO ---------------------------------------------------------------- */

/* Unit of the i-th pass.  Two micro-batches show whatever stands side by side:
 * forward, backward twice, or both forwards first. */
static int unit_of_pass(const struct lh__fit *fit, int i, int n_units)
{
    bool gpipe = fit->scenario->plan.schedule == LH_SCHEDULE_GPIPE;
    int turn = i / n_units;
    bool backward =
        gpipe && fit->n_micro_batches > 1 ? turn >= 2 : turn % 2 == 1;

    return backward ? i % n_units : n_units - 1 - i % n_units;
}

/* Is the unit of pass i among those of first .. i - 1? */
static bool is_held(const struct lh__fit *fit, int first, int i, int n_units)
{
    for (int k = first; k < i; k++)
        if (unit_of_pass(fit, k, n_units) == unit_of_pass(fit, i, n_units))
            return true;
    return false;
}

/* The most parameters that `n` passes in a row hold whole. */
static double most_in_a_row(const struct lh__fit *fit, int64_t n)
{
    const struct lh__chunk *c = lh__fit_chunk(fit, 0, 0);
    int n_units = lh__chunk_units(c);
    int n_passes = (fit->n_micro_batches == 1 ? 2 : 4) * n_units;
    double most = 0.0;

    if (n > n_passes)
        n = n_passes;
    for (int first = 0; first + n <= n_passes; first++) {
        double sum = 0.0;

        for (int i = first; i < first + n; i++)
            if (!is_held(fit, first, i, n_units))
                sum += lh__unit_weights(fit, c, unit_of_pass(fit, i, n_units));
        most = fmax(most, sum);
    }
    return most;
}

/* What is gathered and not yet freed. */
static double gathered_parameters(const struct lh__fit *fit)
{
    const struct lh__chunk *c = lh__fit_chunk(fit, 0, 0);
    double sum = 0.0;

    if (fit->scenario->plan.reshard_after_forward)
        return most_in_a_row(fit, fit->scenario->plan.prefetch + 1);
    for (int u = 0; u < lh__chunk_units(c); u++)
        sum += lh__unit_weights(fit, c, u);
    return sum;
}

/* Beside the shard: the buckets that two reductions in flight hold, one of
 * which is still computed. */
static double unreduced_parameters(const struct lh__fit *fit)
{
    const struct lh_plan *plan = &fit->scenario->plan;
    const struct lh__chunk *c = lh__fit_chunk(fit, 0, 0);
    double full =
        plan->zero == 3 ? 0.0 : plan->bucket_bytes / lh__gradient_bytes(fit);
    double last = 0.0, bucket = 0.0, most = 0.0;

    if (!plan->overlap_gradients && plan->zero == 2)
        return lh__stage_parameters(fit, 0);
    for (int u = 0; u < lh__chunk_units(c); u++) {
        bucket += lh__unit_parameters(fit, c, u);
        most = fmax(most, bucket + (plan->overlap_gradients ? last : 0.0));
        if (bucket >= full) {
            last = bucket;
            bucket = 0.0;
        }
    }
    return most;
}

/* Divides what the plan shards and adds what is whole for a while. */
static void shard_memory(struct lh_memory *out, const struct lh__fit *fit,
                         int stage)
{
    int64_t zero = fit->scenario->plan.zero;
    double shard = (double)fit->shard;

    if (fit->shard == 1)
        return;
    if (zero >= 1)
        out->optimizer =
            12.0
            * (lh__stage_routed(fit, stage) * (double)fit->scenario->plan.expert
               + lh__stage_parameters(fit, stage)
               - lh__stage_routed(fit, stage))
            / shard;
    if (zero >= 2)
        out->gradients = out->gradients / shard
                         + lh__gradient_bytes(fit) * unreduced_parameters(fit);
    if (zero >= 3)
        out->weights = 2.0 * gathered_parameters(fit);
}

static int stage_layers(const struct lh__fit *fit, int stage)
{
    int n = 0;

    for (int c = 0; c < fit->n_chunks; c++)
        n += lh__fit_chunk(fit, stage, c)->n_layers;
    return n;
}

void lh__memory_make(struct lh_memory *out, const struct lh__fit *fit,
                     int stage, struct lh_ctx *ctx)
{
    const struct lh_scenario *s = fit->scenario;
    double parameters = lh__stage_parameters(fit, stage);

    out->parameters = parameters;
    out->weights = 2.0 * parameters;
    if (s->training.precision == LH_FP8) /* cast, and cast and transposed */
        out->weights +=
            2.0 * fit->shares.layer * (double)stage_layers(fit, stage);
    out->gradients = lh__gradient_bytes(fit) * parameters;
    out->optimizer = 12.0 * parameters;
    shard_memory(out, fit, stage);
    out->optimizer += lh__outer_memory_bytes(fit, stage);
    out->activations = activation_bytes(fit, stage, ctx);
    out->reserved = s->stack.reserved_bytes;
    out->total = out->weights + out->gradients + out->optimizer
                 + out->activations + out->reserved;
}
