/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bytes of one accelerator of a stage.
 *
 *   weights 2 a parameter (bf16), gradients 4 or 2 (training.
 *   gradient_precision), optimiser 12 (fp32 copy and Adam's two
 *   moments)
 *
 *   of which plan.zero leaves what shards.c says
 *
 * Activations that a layer keeps from forward to backward, a token
 * (Korthikanti et al. 2022, arXiv:2205.05198, table 2: s b h (10 + 24/t +
 * 5 a s / (h t)) and with sequence parallelism s b h / t (34 + 5 a s / h)),
 * generalised to grouped queries, a gated MLP and fused attention:
 *
 *   (2 norm inputs, 2 GEMM inputs: 8 h, 2 dropout masks: 2 h) / S; a parallel
 *   block: half of it, and 2 h / S more where its norms are two
 *   + Q, K, V: 2 (q + 2 kv), projection's input 2 q
 *   + MLP: 4 f plain (activation's input and output), 6 f gated
 *   + core: unfused 5 (a/t) s (softmax, mask, dropout's output), fused 4 a/t
 *   + norms of Q and K: 2 (q + kv)
 * latent attention and routed experts as in latent.c and experts.c.
 *   fp8, mxfp8: GEMM inputs in one byte, the core's output in both: - 2 h / S
 *   - f + q; and a parameter of a layer two bytes more, one a direction; with
 *   plan.gather_precision fp8 these alone; under ZeRO-3 what is gathered has
 *   one byte more, of its pass's direction
 *   lora: the frozen matrices' inputs stay bf16 (their adapters need them), and
 *   an adapter keeps 2 r; gradients and optimiser of the adapters alone
 *
 * A split backward (zero bubble) frees a micro-batch with its gradients of
 * weights.  With shared sequences T is that of one accelerator; keys and values
 * of the others (context.c) count for one layer.
 *
 * selective drops the core's; full keeps the layer's input, 2 h / S, and one
 * layer's all while it is recomputed; operators keeps, a token (transformer.c)
 *   input 2 h / S, Q 2 q, V 2 kv, core 2 q + 4 a/t, first product 2 f, the sum
 *   over tensor after attention 2 h / S (t > 1); and what is kept in vain, but
 *   not by a compiled stack: a gated MLP's last product 2 h, its sum 2 h / S
 * and one layer's all while it is recomputed.  The head keeps its norm's and
 * GEMM's inputs, and the stack's `logit` bytes of each logit.  The most that is
 * in flight at once is found by walking the stage's schedule.
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

/* What fp8 operands of its GEMMs add to a layer, a token: inputs are kept in
 * one byte, the core's output in two as well. */
static double narrow_bytes(const struct lh__fit *fit, int layer)
{
    const struct lh__dims *d = &fit->dims;
    bool latent = fit->scenario->model.attention == LH_ATTENTION_MLA;
    double norm = -d->hidden / d->shards; /* a parallel block has one or two */
    double norms = (double)lh_model_layer_norms(&fit->scenario->model);
    double attention = latent ? lh__latent_narrow_bytes(fit) : d->queries;
    double mlp = lh__layer_is_sparse(fit, layer)
                     ? lh__sparse_narrow_bytes(fit)
                     : (norms - 1.0) * norm - d->ffn;

    if (!lh__fit_is_narrow(fit) || lh__fit_is_frozen(fit))
        return 0.0;
    return norm + attention + mlp;
}

/* All that a layer's backward needs, recomputation aside. */
static double whole_layer_bytes(const struct lh__fit *fit, int layer)
{
    const struct lh__dims *d = &fit->dims;
    const struct lh_model *model = &fit->scenario->model;
    double dropout = fit->scenario->stack.fused_attention ? 0.0 : 1.0;
    double mlp = lh__layer_is_sparse(fit, layer)
                     ? lh__sparse_kept_bytes(fit)
                     : (model->gated_mlp ? 6.0 : 4.0) * d->ffn;
    double blocks = model->parallel_block ? 1.0 : 2.0; /* with a residual */
    double norms = (double)lh_model_layer_norms(model);
    double token =
        ((2.0 + dropout) * blocks + 2.0 * norms) * d->hidden / d->shards
        + attention_bytes(fit) + mlp + core_bytes(fit)
        + narrow_bytes(fit, layer) + lh__adapter_kept_bytes(fit);

    return d->tokens * token;
}

/* The layer's input, Q, V, the core's output, the MLP's first product; what is
 * summed over tensor; and, but for a compiled stack, the seventh product of a
 * gated layer, which is the MLP's last, needed or not. */
static double operators_bytes(const struct lh__fit *fit)
{
    const struct lh__dims *d = &fit->dims;
    bool vain = !fit->scenario->stack.compiled;
    double values = d->hidden / d->shards, sums = d->tensor > 1.0 ? 1.0 : 0.0;
    double last = vain && fit->scenario->model.gated_mlp ? d->hidden : 0.0;

    return d->tokens
           * (2.0 * values * (1.0 + sums * (vain ? 2.0 : 1.0)) + 2.0 * last
              + 4.0 * d->queries + 2.0 * d->keys + 2.0 * d->ffn
              + core_bytes(fit));
}

double lh__layer_activation_bytes(const struct lh__fit *fit, int layer)
{
    const struct lh__dims *d = &fit->dims;

    switch (fit->scenario->plan.recompute) {
    case LH_RECOMPUTE_FULL: return 2.0 * d->tokens * d->hidden / d->shards;
    case LH_RECOMPUTE_SELECTIVE:
        return whole_layer_bytes(fit, layer) - d->tokens * core_bytes(fit);
    case LH_RECOMPUTE_OPERATORS: return operators_bytes(fit);
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
        bytes += d->tokens
                 * (4.0 * d->hidden / d->shards
                    + fit->scenario->stack.logit_bytes * d->vocab);
    return bytes;
}

static bool recomputes_layers(const struct lh__fit *fit)
{
    return fit->scenario->plan.recompute == LH_RECOMPUTE_FULL
           || fit->scenario->plan.recompute == LH_RECOMPUTE_OPERATORS;
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

/* What recomputation made anew and a split backward keeps from the
 * gradients of inputs to those of weights. */
static double kept_again_bytes(const struct lh__fit *fit,
                               const struct lh__chunk *chunk)
{
    bool full = fit->scenario->plan.recompute == LH_RECOMPUTE_FULL;
    double core = full ? core_bytes(fit) : 0.0; /* operators keep it anyway */
    double bytes = 0.0;

    if (!recomputes_layers(fit))
        return 0.0;
    for (int i = 0; i < chunk->n_layers; i++) {
        int layer = chunk->first_layer + i;

        bytes +=
            fmax(0.0, whole_layer_bytes(fit, layer) - fit->dims.tokens * core
                          - lh__layer_activation_bytes(fit, layer));
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
    if (recomputes_layers(fit))
        most += largest_layer_bytes(fit, stage);
    else if (fit->scenario->plan.recompute == LH_RECOMPUTE_SELECTIVE)
        most += fit->dims.tokens * core_bytes(fit);
    return most;
}

/* In one byte for each direction of the products beside two of bf16, or where
 * they are gathered in fp8 in its place. */
static double cast_weights_bytes(const struct lh__fit *fit, int stage)
{
    if (!lh__fit_is_narrow(fit) || lh__gather_bytes(fit) < 2.0)
        return 0.0;
    return 2.0 * lh__stage_cast(fit, stage);
}

void lh__memory_make(struct lh_memory *out, const struct lh__fit *fit,
                     int stage, struct lh_ctx *ctx)
{
    const struct lh_scenario *s = fit->scenario;
    double trained = lh__stage_trained(fit, stage);

    out->parameters = lh__stage_parameters(fit, stage);
    out->weights = 2.0 * out->parameters + cast_weights_bytes(fit, stage);
    out->gradients = lh__gradient_bytes(fit) * trained;
    out->optimizer = 12.0 * trained;
    lh__shard_memory(out, fit, stage, ctx);
    out->optimizer += lh__outer_memory_bytes(fit, stage);
    out->activations = activation_bytes(fit, stage, ctx);
    out->reserved = s->stack.reserved_bytes;
    out->total = out->weights + out->gradients + out->optimizer
                 + out->activations + out->reserved;
}
