/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * FLOPs of a training step, for MFU and HFU.
 *
 *   forward, a token and layer: 2 h (2 q + 2 kv) + 2 (2 or 3) h f + 4 s q
 *   forward, a token, once:     2 h V
 *   model    = 3 x forward                        (backward is twice forward)
 *   hardware = model + what is recomputed once more: full, every layer's
 *              forward (a stack that stops early: without the MLP's last
 *              GEMM, 2 h f); selective, the core 4 s q; operators, 2 h
 *              (kv + q [+ f])
 *
 *   latent attention, a layer:  2 x its matrices + 2 s a (n + r + v)
 *   sparse MLP, a layer:        2 (2 or 3) h e (k + shared) + 2 h E
 *
 *   lora: the frozen matrices have no gradients of weights, 2 x forward in
 * place of 3 x; the adapters' r (k + n) of each matrix have
 *
 * n, r, v the head dimensions without position, with it, and of values; e the
 * width of the k of E experts that a token visits, and of the shared ones: the
 * active matrices alone.  With model.attention_window w < s a token counts
 * s - (s - w)^2 / s positions in place of s: the whole square is twice what a
 * causal token sees, and so is this.
 * q = heads x head_dim, kv = kv_heads x head_dim.  Attention counts the full
 * square of s, not the causal half, and backward as twice forward whatever a
 * fused kernel recomputes: the convention of Megatron-LM (Narayanan et al.
 * 2021, arXiv:2104.04473, eq. 3; Korthikanti et al. 2022, arXiv:2205.05198,
 * appendix A), so that figures compare.  For 6 N T only the
 * matrices count; norms, biases and the embedding's look-up are left out.
 */
#include "workload.h"

/* Matrices of attention, parameters. */
static double attention_matrices(const struct lh_model *m)
{
    double h = (double)m->hidden, a = (double)m->heads;
    double qk = (double)(m->qk_nope_head_dim + m->qk_rope_head_dim);
    double q = (double)m->q_lora_rank, k = (double)m->kv_lora_rank;

    if (m->attention != LH_ATTENTION_MLA)
        return 2.0 * h * (a + (double)m->kv_heads) * (double)m->head_dim;
    return (q > 0.0 ? h * q + q * a * qk : h * a * qk)
           + h * (k + (double)m->qk_rope_head_dim)
           + k * a * (double)(m->qk_nope_head_dim + m->v_head_dim)
           + a * (double)m->v_head_dim * h;
}

/* FLOPs of a token and position that it sees. */
static double core_flops(const struct lh_model *m)
{
    double heads = (double)m->heads;

    if (m->attention != LH_ATTENTION_MLA)
        return 4.0 * heads * (double)m->head_dim;
    return 2.0 * heads
           * (double)(m->qk_nope_head_dim + m->qk_rope_head_dim
                      + m->v_head_dim);
}

/* Positions that a token is counted to see. */
static double seen(const struct lh_scenario *s)
{
    double length = (double)s->training.sequence_length;
    double window = (double)s->model.attention_window;
    double hidden = window > 0.0 && window < length ? length - window : 0.0;

    return length - hidden * hidden / length;
}

/* Matrices that a token meets in all MLPs, parameters. */
static double mlp_matrices(const struct lh_model *m)
{
    double h = (double)m->hidden, gates = m->gated_mlp ? 3.0 : 2.0;
    double sparse =
        m->experts > 0 ? (double)(m->layers - m->dense_layers) : 0.0;
    double experts = (double)(m->experts_per_token + m->shared_experts);

    return ((double)m->layers - sparse) * gates * h * (double)m->ffn
           + sparse
                 * (gates * h * (double)m->expert_ffn * experts
                    + h * (double)m->experts);
}

/* Of a token: the last GEMM of each dense MLP, where recomputation stops as
 * soon as it has what the backward needs. */
static double spared_flops(const struct lh_scenario *s)
{
    const struct lh_model *m = &s->model;
    double dense = (double)(m->experts > 0 ? m->dense_layers : m->layers);

    return s->stack.early_stop
               ? 2.0 * dense * (double)m->hidden * (double)m->ffn
               : 0.0;
}

/* Of a token: products of K and of the output, and a gated MLP's second. */
static double operators_flops(const struct lh_model *m)
{
    double width = (double)(m->heads + m->kv_heads) * (double)m->head_dim
                   + (m->gated_mlp ? (double)m->ffn : 0.0);

    return 2.0 * (double)m->layers * (double)m->hidden * width;
}

void lh__flops_make(double *model_flops, double *hardware_flops,
                    const struct lh_scenario *s)
{
    const struct lh_model *model = &s->model;
    double layers = (double)model->layers;
    double sequence = (double)s->training.sequence_length;
    double tokens = (double)s->training.global_batch * sequence;
    double core = layers * seen(s) * core_flops(model);
    double all = 2.0 * layers * attention_matrices(model)
                 + 2.0 * mlp_matrices(model) + core;
    double again = 0.0, head;

    if (s->plan.recompute == LH_RECOMPUTE_FULL)
        again = all - spared_flops(s);
    else if (s->plan.recompute == LH_RECOMPUTE_OPERATORS)
        again = operators_flops(model);
    else if (s->plan.recompute == LH_RECOMPUTE_SELECTIVE)
        again = core;
    head = 2.0 * (double)model->hidden * (double)model->vocab;
    *model_flops = 3.0 * tokens * (all + head);
    if (s->training.lora_rank > 0)
        *model_flops +=
            tokens
            * (3.0 * layers * lh__adapter_flops(s) - (all - core + head));
    *hardware_flops = *model_flops + tokens * again;
}
