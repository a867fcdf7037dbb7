/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A decoder-only transformer layer as segments of kernels on one accelerator:
 * attention and dense MLP, forward and backward, embedding and head.  Latent
 * attention is in latent.c, routed experts are in experts.c.
 * Stage of the program between the model's shape and kernels.c.
 *
 * With t = tensor, S = t under sequence parallelism else 1, T = b s tokens,
 * q = heads x head_dim / t, kv = kv_heads x head_dim / t (kv_heads at least
 * one an accelerator: replicated when t is larger), f = ffn / t (Shoeybi et
 * al. 2019, arXiv:1909.08053; Korthikanti et al. 2022, arXiv:2205.05198):
 *
 *   attention  norm (T h / S), QKV GEMM (T, q + 2 kv, h), [norms of Q and K],
 *              rotary, core, projection GEMM (T, h, q), residual (T h / S)
 *   MLP        norm, GEMM (T, f or 2 f when gated, h), activation,
 *              GEMM (T, h, f), residual
 *   head       norm, logits GEMM (T, V/t, h), softmax and loss in fp32
 *
 * Backward of a GEMM is two of the same FLOPs: gradient of its input, and
 * gradient of its weights added to an fp32 buffer.  A streaming kernel moves
 * each operand once.  Biases ride along in the GEMMs' epilogues.
 * With training.precision fp8 the operands of the layers' GEMMs are fp8; the
 * core, the head and all else stay bf16 (TransformerEngine's linear layers;
 * DeepSeek-AI 2024, arXiv:2412.19437, section 3.3.1).
 * Hidden dropout (a one-byte mask on each residual) belongs to the stacks
 * that do not fuse attention, whose models had it.  Norms, residuals, rotary
 * and activations move what a stack that fuses them moves, times its
 * `elementwise`; the loss moves its `loss_bytes` a logit.
 */
#include "workload.h"

#include <math.h>

#define LOSS_BACKWARD_BYTES 14.0

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

void lh__dims_make(struct lh__dims *out, const struct lh_scenario *s)
{
    double t = (double)s->plan.tensor;
    bool latent = s->model.attention == LH_ATTENTION_MLA;
    /* Half of the core's FLOPs and bytes are of queries and keys, the other
     * half of values. */
    double head_dim =
        latent ? (double)(s->model.qk_nope_head_dim + s->model.qk_rope_head_dim
                          + s->model.v_head_dim)
                     / 2.0
               : (double)s->model.head_dim;

    *out = (struct lh__dims){
        .tensor = t,
        .shards = s->plan.sequence_parallel ? t : 1.0,
        .micro_batch = (double)s->training.micro_batch,
        .sequence = (double)s->training.sequence_length,
        .context = (double)s->plan.context,
        .hidden = (double)s->model.hidden,
        .heads = (double)s->model.heads / t,
        .kv_heads = latent ? (double)s->model.heads / t
                           : at_least((double)s->model.kv_heads / t, 1.0),
        .head_dim = head_dim,
        .ffn = (double)s->model.ffn / t,
        .vocab = ceil((double)s->model.vocab / t),
        .experts = (double)s->model.experts / (double)s->plan.expert,
        .expert_ffn = (double)s->model.expert_ffn / t,
        .shared_ffn =
            (double)(s->model.shared_experts * s->model.expert_ffn) / t,
        .visits = (double)s->model.experts_per_token,
        .hottest = 1.0,
    };
    out->tokens = out->micro_batch * out->sequence / out->context;
    out->queries = out->heads * head_dim;
    out->keys = out->kv_heads * head_dim;
}

static double attention_parameters(const struct lh_scenario *s,
                                   const struct lh__dims *d)
{
    const struct lh_model *model = &s->model;
    double n = d->hidden * (2.0 * d->queries + 2.0 * d->keys);

    if (model->attention == LH_ATTENTION_MLA)
        return lh__latent_parameters(s);
    if (model->attention_bias)
        n += d->queries + 2.0 * d->keys
             + (model->qkv_bias_only ? 0.0 : d->hidden);
    if (model->qk_norm)
        n += 2.0 * d->head_dim;
    return n;
}

static double mlp_parameters(const struct lh_model *model, double hidden,
                             double width)
{
    double gates = model->gated_mlp ? 2.0 : 1.0;

    return (gates + 1.0) * hidden * width
           + (model->mlp_bias ? gates * width + hidden : 0.0);
}

/* Weights and biases of one accelerator.  Split by columns: Q, K, V, the MLP's
 * first GEMM and their biases; by rows: projection and second GEMM, whose
 * biases every accelerator holds, like the norms and the router. */
void lh__shares_make(struct lh__shares *out, const struct lh_scenario *s)
{
    const struct lh_model *model = &s->model;
    struct lh__dims d;
    double norm, both;

    lh__dims_make(&d, s);
    norm = (model->norm_bias ? 2.0 : 1.0) * d.hidden;
    both = 2.0 * norm + attention_parameters(s, &d);
    out->layer = both + mlp_parameters(model, d.hidden, d.ffn);
    out->sparse =
        both
        + (double)model->experts * (d.hidden + (model->router_bias ? 1.0 : 0.0))
        + (double)model->shared_experts
              * mlp_parameters(model, d.hidden, d.expert_ffn);
    out->routed = d.experts * mlp_parameters(model, d.hidden, d.expert_ffn);
    out->embedding = d.vocab * d.hidden + (double)model->positions * d.hidden;
    out->head = norm;
    if (!model->tied_embeddings
        || (s->plan.pipeline > 1 && s->plan.schedule < LH_SCHEDULE_DUALPIPE))
        out->head += d.vocab * d.hidden;
}

/* ---- GEMMs -------------------------------------------------------------- */

void lh__pass_gemm(struct lh__work *work, const struct lh_device *device,
                   const struct lh__gemm *forward, bool backward)
{
    const struct lh__gemm *g = forward;
    struct lh__gemm input = {
        .batch = g->batch, .m = g->m, .n = g->k, .k = g->n};
    struct lh__gemm weights = {
        .batch = g->batch, .m = g->k, .n = g->n, .k = g->m, .accumulate = true};

    if (!backward) {
        lh__work_gemm(work, device, g);
        return;
    }
    lh__work_gemm(work, device, &input);
    lh__work_gemm(work, device, &weights);
}

static void gemm(struct lh__work *work, const struct lh_device *device,
                 const double mnk[3], bool backward)
{
    struct lh__gemm forward = {
        .batch = 1.0, .m = mnk[0], .n = mnk[1], .k = mnk[2]};

    lh__pass_gemm(work, device, &forward, backward);
}

/* ---- segments ----------------------------------------------------------- */

/* A kernel that streams `bytes` where the stack fuses what can be fused. */
static void stream(struct lh__work *work, const struct lh__fit *fit,
                   const struct lh_device *device, double bytes)
{
    lh__work_bytes(work, device, bytes * fit->scenario->stack.elementwise);
}

/* Norm before a block, on T h / S values of two bytes: in, out; backward: dy,
 * x in, dx out. */
void lh__block_entry(struct lh__work *work, const struct lh__fit *fit,
                     const struct lh_device *device, bool backward)
{
    double values = fit->dims.tokens * fit->dims.hidden / fit->dims.shards;

    stream(work, fit, device, (backward ? 6.0 : 4.0) * values);
}

/* Residual (with dropout) after a block: two in, one out; backward: the two
 * gradients are added where they meet. */
void lh__block_exit(struct lh__work *work, const struct lh__fit *fit,
                    const struct lh_device *device, bool backward)
{
    double values = fit->dims.tokens * fit->dims.hidden / fit->dims.shards;
    double mask = fit->scenario->stack.fused_attention ? 0.0 : 1.0;

    stream(work, fit, device, 6.0 * values + mask * values);
    if (backward && mask > 0.0) /* the dropout's gradient is its own kernel */
        stream(work, fit, device, 4.0 * values + mask * values);
}

static void core_make(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    bool fused = fit->scenario->stack.fused_attention;
    struct lh__core core = {
        .batch = d->micro_batch,
        .rows = d->sequence / d->context,
        .halves = d->context - 1.0,
        .passes = lh__context_passes(fit),
        .heads = d->heads,
        .kv_heads = d->kv_heads,
        .head_dim = d->head_dim,
        .fused = fused,
        .flash_version = fit->scenario->stack.flash_version,
        .dropout = !fused,
    };

    work->fp8 = false;
    lh__work_core(work, device, &core, backward);
    work->fp8 = fit->scenario->training.precision == LH_FP8;
    lh__context_merge(work, fit, device, backward);
}

static void attention(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    const struct lh_model *model = &fit->scenario->model;
    double qk_values = d->tokens * (d->queries + d->keys);

    lh__block_entry(work, fit, device, backward);
    if (model->attention == LH_ATTENTION_MLA) {
        lh__latent_attention(work, fit, device, backward);
        core_make(work, fit, device, backward);
        lh__block_exit(work, fit, device, backward);
        return;
    }
    gemm(work, device,
         (double[]){d->tokens, d->queries + 2.0 * d->keys, d->hidden},
         backward);
    if (model->qk_norm)
        stream(work, fit, device, (backward ? 6.0 : 4.0) * qk_values);
    if (model->positions == 0) /* rotary: in and out */
        stream(work, fit, device, 4.0 * qk_values);
    core_make(work, fit, device, backward);
    gemm(work, device, (double[]){d->tokens, d->hidden, d->queries}, backward);
    lh__block_exit(work, fit, device, backward);
}

/* The MLP up to its activation. */
static void mlp_inner(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    bool gated = fit->scenario->model.gated_mlp;
    double inner = d->tokens * d->ffn, gates = gated ? 2.0 : 1.0;

    lh__block_entry(work, fit, device, backward);
    gemm(work, device, (double[]){d->tokens, gates * d->ffn, d->hidden},
         backward);
    /* Forward: gates in, one out; backward: dy and gates in, dgates out. */
    stream(work, fit, device,
           2.0 * inner * (backward ? 2.0 * gates + 1.0 : gates + 1.0));
}

static void mlp(struct lh__work *work, const struct lh__fit *fit,
                const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;

    mlp_inner(work, fit, device, backward);
    gemm(work, device, (double[]){d->tokens, d->hidden, d->ffn}, backward);
    lh__block_exit(work, fit, device, backward);
}

/* Rows of the table in and out; backward adds to an fp32 gradient. */
static void embedding(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    double values = fit->dims.tokens * fit->dims.hidden;

    lh__work_bytes(work, device, (backward ? 10.0 : 4.0) * values);
}

/* The loss moves stack.loss_bytes a logit, of them backward the gradient in
 * place (8) and the cast back (4 + 2). */
static void head(struct lh__work *work, const struct lh__fit *fit,
                 const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    double values = d->tokens * d->hidden / d->shards;

    lh__work_bytes(work, device, (backward ? 6.0 : 4.0) * values);
    gemm(work, device, (double[]){d->tokens, d->vocab, d->hidden}, backward);
    lh__work_bytes(work, device,
                   (backward
                        ? LOSS_BACKWARD_BYTES
                        : fit->scenario->stack.loss_bytes - LOSS_BACKWARD_BYTES)
                       * d->tokens * d->vocab);
}

static void overlaps_make(struct lh__costs *out, const struct lh__fit *fit,
                          const struct lh_device *device)
{
    const struct lh__dims *d = &fit->dims;
    bool gated = fit->scenario->model.gated_mlp;
    struct lh__block attention = {d->queries + 2.0 * d->keys, d->queries};
    struct lh__block mlp = {(gated ? 2.0 : 1.0) * d->ffn, d->ffn};

    for (int backward = 0; backward < 2; backward++) {
        lh__overlap_make(&out->attention[backward], fit, device, &attention,
                         backward);
        lh__overlap_make(&out->mlp[backward], fit, device, &mlp, backward);
    }
}

void lh__costs_make(struct lh__costs *out, const struct lh__fit *fit,
                    const struct lh_device *device)
{
    bool fp8 = fit->scenario->training.precision == LH_FP8;

    *out = (struct lh__costs){0};
    out->attention_forward.fp8 = out->attention_backward.fp8 = fp8;
    out->mlp_forward.fp8 = out->mlp_backward.fp8 = fp8;
    attention(&out->attention_forward, fit, device, false);
    attention(&out->attention_backward, fit, device, true);
    core_make(&out->core, fit, device, false);
    core_make(&out->core_backward, fit, device, true);
    mlp(&out->mlp_forward, fit, device, false);
    mlp(&out->mlp_backward, fit, device, true);
    if (fit->scenario->model.experts > 0) {
        lh__sparse_make(&out->sparse_forward, fit, device, false);
        lh__sparse_make(&out->sparse_backward, fit, device, true);
    }
    out->mlp_again.fp8 = fp8;
    if (fit->scenario->stack.early_stop)
        mlp_inner(&out->mlp_again, fit, device, false);
    else
        out->mlp_again = out->mlp_forward;
    embedding(&out->embedding_forward, fit, device, false);
    embedding(&out->embedding_backward, fit, device, true);
    head(&out->head_forward, fit, device, false);
    head(&out->head_backward, fit, device, true);
    if (fit->scenario->plan.overlap_tensor)
        overlaps_make(out, fit, device);
}
