/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * FLOPs of a training step, for MFU and HFU.
 *
 *   forward, a token and layer: 2 h (2 q + 2 kv) + 2 (2 or 3) h f + 4 s q
 *   forward, a token, once:     2 h V
 *   model    = 3 x forward                        (backward is twice forward)
 *   hardware = model + what is recomputed once more: full, every layer's
 *              forward (a stack that stops early: without the MLP's last
 *              GEMM, 2 h f); selective, the core 4 s q
 *
 * q = heads x head_dim, kv = kv_heads x head_dim.  Attention counts the full
 * square of s, not the causal half, and backward as twice forward whatever a
 * fused kernel recomputes: the convention of Megatron-LM (Narayanan et al.
 * 2021, arXiv:2104.04473, eq. 3; Korthikanti et al. 2022, arXiv:2205.05198,
 * appendix A), so that figures compare.  For 6 N T only the
 * matrices count; norms, biases and the embedding's look-up are left out.
 */
#include "workload.h"

void lh__flops_make(double *model_flops, double *hardware_flops,
                    const struct lh_scenario *s)
{
    const struct lh_model *model = &s->model;
    double h = (double)model->hidden, layers = (double)model->layers;
    double q = (double)(model->heads * model->head_dim);
    double kv = (double)(model->kv_heads * model->head_dim);
    double sequence = (double)s->training.sequence_length;
    double tokens = (double)s->training.global_batch * sequence;
    double core = 4.0 * sequence * q;
    double layer = 4.0 * h * (q + kv)
                   + (model->gated_mlp ? 6.0 : 4.0) * h * (double)model->ffn
                   + core;
    double again = 0.0;

    if (s->plan.recompute == LH_RECOMPUTE_FULL)
        again =
            layer - (s->stack.early_stop ? 2.0 * h * (double)model->ffn : 0);
    else if (s->plan.recompute == LH_RECOMPUTE_SELECTIVE)
        again = core;
    *model_flops =
        3.0 * tokens * (layers * layer + 2.0 * h * (double)model->vocab);
    *hardware_flops = *model_flops + tokens * layers * again;
}
