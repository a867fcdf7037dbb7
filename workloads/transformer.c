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
 * model.parallel_block: y = x + attention(norm x) + MLP(norm x) (Wang and
 * Komatsuzaki 2021, GPT-J; Chowdhery et al. 2022, arXiv:2204.02311, section 2),
 * with one norm, or with parallel_norms one each (GPT-NeoX), and one residual.
 * The sum of the two rides along in the second GEMM's epilogue, backward in
 * that of the first ones.
 *
 * Backward of a GEMM is two of the same FLOPs: gradient of its input, and
 * gradient of its weights added to an fp32 buffer.  A streaming kernel moves
 * each operand once.  Biases ride along in the GEMMs' epilogues; their
 * gradients are kernels of their own where the stack says so. With
 * training.precision fp8 or mxfp8 the operands of the layers' GEMMs are fp8;
 * the core, the head, the router and all else stay bf16 (TransformerEngine's
 * linear layers; DeepSeek-AI 2024, arXiv:2412.19437, section 3.3.1).
 * Hidden dropout (a one-byte mask on each residual) belongs to the stacks
 * that do not fuse attention, whose models had it.  Residuals, rotary and
 * activations move what a stack that fuses them moves, times its `elementwise`,
 * norms times its `norm`; the loss moves its `loss_bytes` a logit.
 *
 * Recomputation by operators (torch.utils.checkpoint with a policy, as in
 * pytorch/torchtitan, parallelize_llama.py, _apply_ac_to_transformer_block):
 * of the products in the order Q, K, V, projection, MLP's first, gate, last,
 * the outputs of every second one are not kept, nor is anything that is no
 * product, core or sum over tensor.  Again run the norms, K, rotary, the
 * projection (a compiled stack spares it where its sum is kept), the residual,
 * the gate and the activation; not what is behind the last input that a
 * gradient needs (PyTorch stops there).
 */
#include "workload.h"

#include <math.h>

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
        .expert_ffn =
            (double)s->model.expert_ffn / (s->plan.whole_experts ? 1.0 : t),
        .shared_ffn =
            (double)(s->model.shared_experts * s->model.expert_ffn) / t,
        .visits = (double)s->model.experts_per_token,
        .own_frac = s->plan.whole_experts ? 1.0 / t : 1.0,
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
    both = (double)lh_model_layer_norms(model) * norm
           + attention_parameters(s, &d);
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
    out->adapter = lh__adapter_parameters(s, &d);
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
    if (!work->frozen)
        lh__work_gemm(work, device, &weights);
}

void lh__layer_work(struct lh__work *work, const struct lh__fit *fit)
{
    work->precision = fit->scenario->training.precision;
    work->frozen = lh__fit_is_frozen(fit);
}

static void gemm(struct lh__work *work, const struct lh_device *device,
                 const double mnk[3], bool backward)
{
    struct lh__gemm forward = {
        .batch = 1.0, .m = mnk[0], .n = mnk[1], .k = mnk[2]};

    lh__pass_gemm(work, device, &forward, backward);
}

/* A layer's product of all tokens, and its adapter. */
static void linear(struct lh__work *work, const struct lh__fit *fit,
                   const struct lh_device *device, struct lh__linear it,
                   bool backward)
{
    gemm(work, device, (double[]){fit->dims.tokens, it.n, it.k}, backward);
    lh__adapter(work, fit, device, &it, backward);
}

/* Products of the same input, T rows of the hidden size, one kernel where the
 * stack joins them; else the gradients of the input are added up: every one in
 * once and the sum out, or two in and one out each time. */
static void products(struct lh__work *work, const struct lh__fit *fit,
                     const struct lh_device *device, const double *widths,
                     int n, bool is_qkv, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    const struct lh_stack *stack = &fit->scenario->stack;
    double sum = 0.0;

    for (int i = 0; i < n; i++) {
        sum += widths[i];
        if (!stack->joined)
            linear(work, fit, device,
                   (struct lh__linear){
                       .n = widths[i], .k = d->hidden, .is_qkv = is_qkv},
                   backward);
    }
    if (stack->joined)
        linear(work, fit, device,
               (struct lh__linear){.n = sum, .k = d->hidden, .is_qkv = is_qkv},
               backward);
    else if (backward && n > 1)
        lh__work_bytes(work, device,
                       (stack->compiled ? 2.0 * (n + 1) : 6.0 * (n - 1))
                           * d->tokens * d->hidden);
}

/* Before a sum over tensor and after a gather the stack may put tokens into
 * another order: T h values, as copies of their own. */
static void reorder(struct lh__work *work, const struct lh__fit *fit,
                    const struct lh_device *device, double times)
{
    const struct lh__dims *d = &fit->dims;
    double bytes = fit->scenario->stack.tensor_copy_bytes;

    if (d->shards > 1.0 && bytes * times > 0.0)
        lh__work_bytes(work, device, bytes * times * d->tokens * d->hidden);
}

/* Copies of a segment; beside products (overlap.c) chunks arrive in place, but
 * for those of the backward's sum. */
static void reorder_segment(struct lh__work *work, const struct lh__fit *fit,
                            const struct lh_device *device, bool backward)
{
    bool hidden = fit->scenario->plan.overlap_tensor;

    reorder(work, fit, device, hidden ? (backward ? 1.0 : 0.0) : 2.0);
}

/* ---- segments ----------------------------------------------------------- */

/* The gradient of a bias reads that of its layer's output.  Dispatch is that of
 * the kernels counted elsewhere. */
static void bias_gradient(struct lh__work *work, const struct lh__fit *fit,
                          const struct lh_device *device, double values)
{
    double seconds =
        2.0 * values / (device->memory_bytes_per_s * device->memory_frac);

    if (!fit->scenario->stack.bias_gradients || work->frozen)
        return;
    work->kernel_s += seconds;
    work->weights_s += seconds;
}

/* A kernel that streams `bytes` where the stack fuses what can be fused. */
static void stream(struct lh__work *work, const struct lh__fit *fit,
                   const struct lh_device *device, double bytes)
{
    lh__work_bytes(work, device, bytes * fit->scenario->stack.elementwise);
}

static void norm(struct lh__work *work, const struct lh__fit *fit,
                 const struct lh_device *device, double bytes)
{
    lh__work_bytes(work, device, bytes * fit->scenario->stack.norm);
}

/* Norm before a block, on T h / S values of two bytes: in, out; backward: dy,
 * x in, dx out. */
void lh__block_entry(struct lh__work *work, const struct lh__fit *fit,
                     const struct lh_device *device, bool backward)
{
    double values = fit->dims.tokens * fit->dims.hidden / fit->dims.shards;

    norm(work, fit, device, (backward ? 6.0 : 4.0) * values);
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
        .window = (double)fit->scenario->model.attention_window,
        .fused = fused,
        .flash_version = fit->scenario->stack.flash_version,
        .dropout = !fused,
    };

    work->precision = LH_BF16;
    lh__work_core(work, device, &core, backward);
    lh__layer_work(work, fit);
    lh__context_merge(work, fit, device, backward);
}

/* From norm to residual. */
static void attention_inner(struct lh__work *work, const struct lh__fit *fit,
                            const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    const struct lh_model *model = &fit->scenario->model;
    double qk_values = d->tokens * (d->queries + d->keys);

    if (model->attention == LH_ATTENTION_MLA) {
        lh__latent_attention(work, fit, device, backward);
        core_make(work, fit, device, backward);
        return;
    }
    products(work, fit, device, (double[]){d->queries, d->keys, d->keys}, 3,
             true, backward);
    if (model->qk_norm)
        norm(work, fit, device, (backward ? 6.0 : 4.0) * qk_values);
    if (model->positions == 0) /* rotary: in and out */
        stream(work, fit, device, 4.0 * qk_values);
    core_make(work, fit, device, backward);
    linear(work, fit, device,
           (struct lh__linear){d->hidden, d->queries, .by_rows = true},
           backward);
    if (backward && model->attention_bias)
        bias_gradient(work, fit, device,
                      d->tokens * (d->queries + 2.0 * d->keys)
                          + (model->qkv_bias_only
                                 ? 0.0
                                 : d->tokens * d->hidden / d->shards));
}

static void attention(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    reorder_segment(work, fit, device, backward);
    lh__block_entry(work, fit, device, backward);
    attention_inner(work, fit, device, backward);
    lh__block_exit(work, fit, device, backward);
}

/* The MLP behind its norm, up to its activation. */
static void mlp_inner(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    bool gated = fit->scenario->model.gated_mlp;
    double inner = d->tokens * d->ffn, gates = gated ? 2.0 : 1.0;

    products(work, fit, device, (double[]){d->ffn, d->ffn}, gated ? 2 : 1,
             false, backward);
    /* Forward: gates in, one out; backward: dy and gates in, dgates out. */
    stream(work, fit, device,
           2.0 * inner * (backward ? 2.0 * gates + 1.0 : gates + 1.0));
    if (backward && fit->scenario->model.mlp_bias)
        bias_gradient(work, fit, device,
                      gates * inner + d->tokens * d->hidden / d->shards);
}

static void mlp(struct lh__work *work, const struct lh__fit *fit,
                const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;

    reorder_segment(work, fit, device, backward);
    lh__block_entry(work, fit, device, backward);
    mlp_inner(work, fit, device, backward);
    linear(work, fit, device,
           (struct lh__linear){d->hidden, d->ffn, .by_rows = true}, backward);
    lh__block_exit(work, fit, device, backward);
}

/* What recomputation by operators runs of a layer. */
static void second_products(struct lh__costs *out, const struct lh__fit *fit,
                            const struct lh_device *device)
{
    const struct lh__dims *d = &fit->dims;
    struct lh__work *attention = &out->attention_second;
    struct lh__work *mlp = &out->mlp_second;
    const struct lh_model *model = &fit->scenario->model;
    double qk_values = d->tokens * (d->queries + d->keys);
    double gates = model->gated_mlp ? 2.0 : 1.0;

    reorder(attention, fit, device, 1.0);
    lh__block_entry(attention, fit, device, false);
    gemm(attention, device, (double[]){d->tokens, d->keys, d->hidden}, false);
    if (model->qk_norm)
        norm(attention, fit, device, 4.0 * qk_values);
    if (model->positions == 0)
        stream(attention, fit, device, 4.0 * qk_values);
    if (d->tensor == 1.0 || !fit->scenario->stack.compiled)
        gemm(attention, device, (double[]){d->tokens, d->hidden, d->queries},
             false);
    lh__block_exit(attention, fit, device, false);
    reorder(mlp, fit, device, 1.0);
    lh__block_entry(mlp, fit, device, false);
    if (model->gated_mlp)
        gemm(mlp, device, (double[]){d->tokens, d->ffn, d->hidden}, false);
    stream(mlp, fit, device, 2.0 * d->tokens * d->ffn * (gates + 1.0));
}

/* Of a parallel block: up to the MLP's activation. */
static void block_inner(struct lh__work *work, const struct lh__fit *fit,
                        const struct lh_device *device, bool backward)
{
    reorder_segment(work, fit, device, backward);
    lh__block_entry(work, fit, device, backward);
    if (fit->scenario->model.parallel_norms)
        lh__block_entry(work, fit, device, backward);
    attention_inner(work, fit, device, backward);
    mlp_inner(work, fit, device, backward);
}

/* Attention and MLP side by side. */
static void block(struct lh__work *work, const struct lh__fit *fit,
                  const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;

    block_inner(work, fit, device, backward);
    linear(work, fit, device,
           (struct lh__linear){d->hidden, d->ffn, .by_rows = true}, backward);
    lh__block_exit(work, fit, device, backward);
}

/* Rows of the table in and out; backward adds to an fp32 gradient. */
static void embedding(struct lh__work *work, const struct lh__fit *fit,
                      const struct lh_device *device, bool backward)
{
    double values = fit->dims.tokens * fit->dims.hidden;

    lh__work_bytes(work, device, (backward ? 10.0 : 4.0) * values);
    reorder(work, fit, device, 1.0);
}

/* The loss moves stack.loss_bytes a logit, of them backward
 * stack.loss_backward_bytes: 14 are the gradient in place (8) and the cast
 * back (4 + 2). */
static void head(struct lh__work *work, const struct lh__fit *fit,
                 const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    const struct lh_stack *stack = &fit->scenario->stack;
    double values = d->tokens * d->hidden / d->shards;

    reorder(work, fit, device, 1.0);
    lh__work_bytes(work, device, (backward ? 6.0 : 4.0) * values);
    gemm(work, device, (double[]){d->tokens, d->vocab, d->hidden}, backward);
    lh__work_bytes(work, device,
                   (backward ? stack->loss_backward_bytes
                             : stack->loss_bytes - stack->loss_backward_bytes)
                       * d->tokens * d->vocab);
}

static void overlaps_make(struct lh__costs *out, const struct lh__fit *fit,
                          const struct lh_device *device)
{
    const struct lh__dims *d = &fit->dims;
    bool gated = fit->scenario->model.gated_mlp;
    bool parallel = fit->scenario->model.parallel_block;
    struct lh__block attention = {d->queries + 2.0 * d->keys, d->queries};
    struct lh__block mlp = {(gated ? 2.0 : 1.0) * d->ffn, d->ffn};
    struct lh__block head = {d->vocab, 0.0};

    out->head.replaced.frozen = lh__fit_is_frozen(fit);
    lh__overlap_add(&out->head, fit, device, &head, true);
    for (int backward = fit->scenario->plan.overlap_tensor ? 0 : 1;
         backward < 2; backward++) {
        struct lh__overlap *o[] = {&out->attention[backward],
                                   &out->mlp[backward]};

        for (int i = 0; i < 2; i++) {
            lh__layer_work(&o[i]->replaced, fit);
            lh__layer_work(&o[i]->input, fit);
            lh__layer_work(&o[i]->reduction, fit);
        }
        lh__overlap_add(o[0], fit, device, &attention, backward);
        lh__overlap_add(parallel ? o[0] : o[1], fit, device, &mlp, backward);
    }
}

/* Of a dense layer. */
static void layer_make(struct lh__costs *out, const struct lh__fit *fit,
                       const struct lh_device *device)
{
    if (fit->scenario->model.parallel_block) {
        block(&out->attention_forward, fit, device, false);
        block(&out->attention_backward, fit, device, true);
        block_inner(&out->mlp_again, fit, device, false);
        return;
    }
    attention(&out->attention_forward, fit, device, false);
    attention(&out->attention_backward, fit, device, true);
    mlp(&out->mlp_forward, fit, device, false);
    mlp(&out->mlp_backward, fit, device, true);
    reorder_segment(&out->mlp_again, fit, device, false);
    lh__block_entry(&out->mlp_again, fit, device, false);
    mlp_inner(&out->mlp_again, fit, device, false);
}

void lh__costs_make(struct lh__costs *out, const struct lh__fit *fit,
                    const struct lh_device *device)
{
    bool frozen = lh__fit_is_frozen(fit);

    *out = (struct lh__costs){0};
    lh__layer_work(&out->attention_forward, fit);
    lh__layer_work(&out->attention_backward, fit);
    lh__layer_work(&out->mlp_forward, fit);
    lh__layer_work(&out->mlp_backward, fit);
    lh__layer_work(&out->mlp_again, fit);
    out->head_backward.frozen = frozen;
    core_make(&out->core, fit, device, false);
    core_make(&out->core_backward, fit, device, true);
    layer_make(out, fit, device);
    if (fit->scenario->model.experts > 0) {
        lh__sparse_make(&out->sparse_forward, fit, device, false);
        lh__sparse_make(&out->sparse_backward, fit, device, true);
    }
    lh__layer_work(&out->attention_second, fit);
    lh__layer_work(&out->mlp_second, fit);
    if (fit->scenario->plan.recompute == LH_RECOMPUTE_OPERATORS)
        second_products(out, fit, device);
    embedding(&out->embedding_forward, fit, device, false);
    if (!frozen)
        embedding(&out->embedding_backward, fit, device, true);
    head(&out->head_forward, fit, device, false);
    head(&out->head_backward, fit, device, true);
    overlaps_make(out, fit, device);
}
