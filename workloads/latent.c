/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multi-head latent attention as kernels on one accelerator: queries, keys and
 * values come out of low ranks.  Called by transformer.c for models that have
 * it; the core between and the norm and residual around it are its own.
 *
 * With a = heads / t of an accelerator, n, r, v the head dimensions without
 * position, with it, and of values, q and k the low ranks:
 *
 *   down   GEMM (T, q, h), (T, k + r, h), norms of the q and the k values
 *   up     GEMM (T, a (n + r), q), (T, a (n + v), k)
 *   rotary on a r queries and r keys, which then stand before each head
 *   core   heads of n + r for queries and keys, of v for values: as many FLOPs
 *          and bytes as heads of (n + r + v) / 2 for all four
 *   out    GEMM (T, h, a v)
 *
 * Without a low rank of queries: GEMM (T, a (n + r), h) in its place.
 * Kept a token: Q, K (2 a (n + r) each), V and the core's output (2 a v each),
 * both sides of the norms of the low ranks (4 (q + k)), the shared keys (2 r).
 * Source: DeepSeek-V2, arXiv:2405.04434, section 2.1.
 *
 * Split over tensor: what goes up and out.  What goes down is computed, and
 * held, by every accelerator of a tensor group.
 * Leaves out: matrices absorbed into one another (for decoding only).
 */
#include "workload.h"

/* Of one accelerator. */
struct ranks {
    double heads, nope, rope, value, query_rank, key_rank;
};

static struct ranks ranks_of(const struct lh_scenario *s)
{
    const struct lh_model *m = &s->model;

    return (struct ranks){
        .heads = (double)m->heads / (double)s->plan.tensor,
        .nope = (double)m->qk_nope_head_dim,
        .rope = (double)m->qk_rope_head_dim,
        .value = (double)m->v_head_dim,
        .query_rank = (double)m->q_lora_rank,
        .key_rank = (double)m->kv_lora_rank,
    };
}

static void gemm(struct lh__work *work, const struct lh_device *device,
                 const double mnk[3], bool backward)
{
    struct lh__gemm forward = {
        .batch = 1.0, .m = mnk[0], .n = mnk[1], .k = mnk[2]};

    lh__pass_gemm(work, device, &forward, backward);
}

/* A norm of `width` values a token. */
static void norm(struct lh__work *work, const struct lh__fit *fit,
                 const struct lh_device *device, double width, bool backward)
{
    lh__work_bytes(work, device,
                   (backward ? 6.0 : 4.0) * fit->dims.tokens * width);
}

void lh__latent_attention(struct lh__work *work, const struct lh__fit *fit,
                          const struct lh_device *device, bool backward)
{
    struct ranks r = ranks_of(fit->scenario);
    double tokens = fit->dims.tokens, hidden = fit->dims.hidden;
    double queries = r.heads * (r.nope + r.rope);

    if (r.query_rank > 0.0) {
        gemm(work, device, (double[]){tokens, r.query_rank, hidden}, backward);
        norm(work, fit, device, r.query_rank, backward);
        gemm(work, device, (double[]){tokens, queries, r.query_rank}, backward);
    } else {
        gemm(work, device, (double[]){tokens, queries, hidden}, backward);
    }
    gemm(work, device, (double[]){tokens, r.key_rank + r.rope, hidden},
         backward);
    norm(work, fit, device, r.key_rank, backward);
    gemm(work, device,
         (double[]){tokens, r.heads * (r.nope + r.value), r.key_rank},
         backward);
    /* Queries and keys with their positions: each head in and out. */
    lh__work_bytes(work, device, 4.0 * tokens * queries);
    lh__work_bytes(work, device, 4.0 * tokens * queries);
    gemm(work, device, (double[]){tokens, hidden, r.heads * r.value}, backward);
}

double lh__latent_kept_bytes(const struct lh__fit *fit)
{
    struct ranks r = ranks_of(fit->scenario);

    return 4.0 * r.heads * (r.nope + r.rope + r.value)
           + 4.0 * (r.query_rank + r.key_rank) + 2.0 * r.rope;
}

/* The norms' outputs in one byte, the core's output in both. */
double lh__latent_narrow_bytes(const struct lh__fit *fit)
{
    struct ranks r = ranks_of(fit->scenario);

    return r.heads * r.value - r.query_rank - r.key_rank;
}

double lh__latent_parameters(const struct lh_scenario *scenario)
{
    struct ranks r = ranks_of(scenario);
    double hidden = (double)scenario->model.hidden;
    double queries = r.heads * (r.nope + r.rope);
    double n = hidden * (r.key_rank + r.rope) + r.key_rank
               + r.key_rank * r.heads * (r.nope + r.value)
               + r.heads * r.value * hidden;

    n += r.query_rank > 0.0
             ? (hidden + 1.0) * r.query_rank + r.query_rank * queries
             : hidden * queries;
    if (scenario->model.attention_bias)
        n += r.query_rank + r.key_rank + r.rope + hidden;
    return n;
}
