/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Low-rank adapters (training.lora_rank): the model's weights are frozen, and
 * beside every matrix of a layer stands a trained pair, x A B (Hu et al. 2021,
 * arXiv:2106.09685), or beside that of queries, keys and values alone
 * (training.lora_target).  Beside transformer.c, which puts an adapter after
 * each product of a dense layer.
 *
 * Of a matrix [k, n] at rank r, on T tokens, in bf16:
 *
 *   forward   GEMM (T, r, k), GEMM (T, n, r), scaling by alpha / r (4 T n
 *             bytes), sum with the frozen product (6 T n)
 *   backward  two GEMMs of each, scaling (4 T n), and the sum of the two
 *             gradients of x (6 T k)
 *   parameters r (k + n), kept a token: 2 r; a matrix without an adapter keeps
 *   no input (2 h / S of the MLP's norm, 2 f; the core keeps the projection's;
 *   a parallel block's one norm is that of both)
 *
 * Over t accelerators (Megatron-Bridge, ParallelLinearAdapter): beside a matrix
 * that is split by columns A has r / t columns and B n / t; beside one that is
 * split by rows A has k / t rows and B n / t columns.
 *
 * The frozen matrices have no gradients, hence no GEMMs of them, no second copy
 * of an fp8 operand, no optimiser, no reduction; gradients pass through them.
 * Embedding and head are frozen without adapters.
 *
 * A stack that does not join products of one input has an adapter beside each.
 *
 * Left out: what tensor groups exchange of an adapter's T r and T n values;
 * dropout before it; that the first layer needs no gradient of its input.
 */
#include "workload.h"

static double rank_of(const struct lh_scenario *s)
{
    return (double)s->training.lora_rank;
}

static bool is_everywhere(const struct lh_scenario *s)
{
    return s->training.lora_target == LH_LORA_ALL;
}

/* Of a layer: QKV; projection, and two of the MLP; more where the stack does
 * not join products of one input. */
static double adapters(const struct lh_scenario *s)
{
    double qkv = s->stack.joined ? 1.0 : 3.0;
    double first = s->model.gated_mlp && !s->stack.joined ? 2.0 : 1.0;

    return qkv + (is_everywhere(s) ? 1.0 + first + 1.0 : 0.0);
}

void lh__adapter(struct lh__work *work, const struct lh__fit *fit,
                 const struct lh_device *device, const struct lh__linear *base,
                 bool backward)
{
    double r = rank_of(fit->scenario), t = fit->dims.tensor;
    double tokens = fit->dims.tokens;
    double n = base->by_rows ? base->n / t : base->n;
    struct lh__gemm down = {.batch = 1.0,
                            .m = tokens,
                            .n = base->by_rows ? r : r / t,
                            .k = base->k};
    struct lh__gemm up = {.batch = 1.0, .m = tokens, .n = n, .k = r};
    struct lh__work own = {0};

    if (r == 0.0 || (!base->is_qkv && !is_everywhere(fit->scenario)))
        return;
    lh__pass_gemm(&own, device, &down, backward);
    lh__pass_gemm(&own, device, &up, backward);
    lh__work_bytes(&own, device, 4.0 * tokens * n);
    lh__work_bytes(&own, device, 6.0 * tokens * (backward ? base->k : base->n));
    lh__work_add(work, &own);
}

double lh__adapter_parameters(const struct lh_scenario *s,
                              const struct lh__dims *d)
{
    double gates = s->model.gated_mlp ? 2.0 : 1.0;
    double whole = adapters(s) * d->hidden / d->tensor;
    double split = d->queries + 2.0 * d->keys;

    if (is_everywhere(s))
        split += d->queries + (gates + 1.0) * d->ffn;
    return rank_of(s) * (whole + split);
}

double lh__adapter_kept_bytes(const struct lh__fit *fit)
{
    const struct lh_scenario *s = fit->scenario;
    const struct lh__dims *d = &fit->dims;
    double mlp_norms = (double)lh_model_layer_norms(&s->model) - 1.0;
    double spared = 2.0 * mlp_norms * d->hidden / d->shards + 2.0 * d->ffn;

    if (rank_of(s) == 0.0)
        return 0.0;
    return adapters(s) * 2.0 * rank_of(s) - (is_everywhere(s) ? 0.0 : spared);
}

double lh__adapter_flops(const struct lh_scenario *s)
{
    const struct lh_model *m = &s->model;
    double gates = m->gated_mlp ? 2.0 : 1.0;
    double heads = (double)(m->heads + 2 * m->kv_heads);
    double columns = heads * (double)m->head_dim;

    if (is_everywhere(s))
        columns +=
            (double)(m->heads * m->head_dim) + (gates + 1.0) * (double)m->ffn;
    return 2.0 * rank_of(s) * (adapters(s) * (double)m->hidden + columns);
}
