/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rates of one replica of an engine that generates: t x p x e accelerators
 * (tensor, pipeline, expert) on one device.
 *
 *   iteration = CPU + kernels x latency + B x CPU of a sequence / e
 *               + max(weights / (t M), B x 2 N / (t p e F)) + communication
 *               + K x max(kv / (min(t, kv heads) p e M), core / (t p e F))
 *
 * B sequences, K tokens of context, M = memory bandwidth x memory_frac, F =
 * peak x best-shape share x sustained share of GEMMs, N active parameters
 * without the look-up of the embedding; kv = 2 layers x kv heads x head_dim
 * values a token, MLA layers x (latent + positions), which every accelerator of
 * t holds.  Of routed experts those are read that B tokens visit, 1 - (1 -
 * k/E)^B of them, and each accelerator has 1/e.  A pipeline's stages take a
 * token in turn, so that weights are read p times a p-th; context and products
 * are those of B/p sequences at a time.  Attention is bf16.
 *
 *   prefill of s tokens = s x (2 N + core of (s - 1)/2 tokens) / (t p e F)
 *                         + communication of s tokens among many
 *   KV tokens           = (memory_frac x memory - weights) / kv, of what runs
 *   concurrency         = min(max_sequences or max_concurrency, KV tokens /
 *                         (prompt / samples of a prompt + mean length)): the
 *                         mean, for who shares out samples
 *
 * With g drafted tokens of which each is accepted with probability a an
 * iteration adds 1 + a + .. + a^g tokens to a sequence, checks 1 + g (products,
 * experts visited, communication; context is read once), and is preceded by g
 * drafts that each take draft_frac of an iteration without.  With a chunk it
 * has tokens of prompts beside (fill.c), which share the reading of weights.
 *
 * Sources: roofline of decoding, Pope et al. 2022 (arXiv:2211.05102); paged KV
 * and continuous batching, Kwon et al. 2023 (arXiv:2309.06180); speculative
 * decoding, Leviathan et al. 2023 (arXiv:2211.17192, equation 1 and theorem
 * 3.8); chunked prefill, Agrawal et al. 2024 (arXiv:2403.02310).
 * Leaves out: skewed experts, memory of a draft model, acceptance that differs
 * between samples.
 */
#include <longhaul/rl.h>

#include <math.h>

/* Of a layer: norm, QKV, positions, attention, output, norm, two of the MLP;
 * more where experts are: router, choice, sorting, products, sum. */
enum { KERNELS_LAYER = 8, KERNELS_EXPERTS = 12 };

static double kernels_s(const struct lh_model *m, const struct lh_serving *e)
{
    double sparse = m->experts > 0 ? (double)(m->layers - m->dense_layers) : 0;

    return e->kernel_s
           * ((double)m->layers * KERNELS_LAYER + sparse * KERNELS_EXPERTS);
}

double lh_rl_tensors(const struct lh_model *m, bool fp8)
{
    double sparse = m->experts > 0 ? (double)(m->layers - m->dense_layers) : 0;
    double mlp = m->gated_mlp ? 3 : 2;
    double heads = 4 + (m->qk_norm ? 2 : 0)
                   + (m->attention_bias ? m->qkv_bias_only ? 3 : 4 : 0);
    double layer = 2 + (m->attention == LH_ATTENTION_MLA ? 7 : heads);
    double all =
        3 + (double)m->layers * layer + ((double)m->layers - sparse) * mlp
        + sparse * (1 + mlp * (double)(m->experts + m->shared_experts));

    return fp8 ? 2 * all : all;
}

/* Parameters: what a token meets, and what an iteration reads. */
struct sizes {
    double active; /* without the embedding's look-up */
    double dense;  /* likewise, without routed experts */
    double routed;
    double kv_bytes;   /* of a token */
    double core_flops; /* of a token and one that it sees */
    double read_flops; /* likewise, of a decode: MLA sees latent values */
};

static struct sizes sizes_of(const struct lh_model *m, bool kv_fp8)
{
    double look_up =
        m->tied_embeddings ? 0.0 : (double)m->vocab * (double)m->hidden;
    double sparse =
        m->experts > 0 ? (double)(m->layers - m->dense_layers) : 0.0;
    double routed = sparse * (double)m->experts * (m->gated_mlp ? 3.0 : 2.0)
                    * (double)m->hidden * (double)m->expert_ffn;
    bool latent = m->attention == LH_ATTENTION_MLA;
    double values = latent ? (double)(m->kv_lora_rank + m->qk_rope_head_dim)
                           : 2.0 * (double)m->kv_heads * (double)m->head_dim;
    double read =
        4.0 * (double)m->kv_lora_rank + 2.0 * (double)m->qk_rope_head_dim;
    double core = latent ? 2.0 * (double)m->heads
                               * (double)(m->qk_nope_head_dim
                                          + m->qk_rope_head_dim + m->v_head_dim)
                         : 4.0 * (double)m->heads * (double)m->head_dim;

    return (struct sizes){
        .active = (double)m->active_parameters - look_up,
        .dense = (double)m->parameters - look_up - routed,
        .routed = routed,
        .kv_bytes = (double)m->layers * values * (kv_fp8 ? 1.0 : 2.0),
        .core_flops = (double)m->layers * core,
        .read_flops =
            (double)m->layers * (latent ? (double)m->heads * read : core),
    };
}

/* Of drafted tokens, on average. */
static double accepted(const struct lh_rl_fleet *f)
{
    double sum = 0;

    for (int64_t i = 1; i <= f->drafted; i++)
        sum += pow(f->accepted_frac, (double)i);
    return sum;
}

static void memory_make(struct lh_rl_rates *out, const struct lh_scenario *s,
                        const struct lh_rl_fleet *f, const struct sizes *z,
                        double weight, double kv_parts)
{
    const struct lh_device *d = &s->sites[f->site].device;
    double stages = (double)(f->tensor * f->pipeline);
    double look_up = (double)s->model.parameters - z->dense - z->routed;
    double prompt = (double)s->rl.prompt_length;
    double mean = (double)lh_rl_other_tokens(&s->rl) - prompt
                  + prompt / (double)s->rl.samples
                  + lh_rl_moments(&s->rl, s->seed).mean;

    out->weight_bytes = weight
                        * ((z->dense + look_up) / stages
                           + z->routed / stages / (double)f->expert);
    out->kv_tokens =
        (f->engine.memory_frac * d->memory_bytes - out->weight_bytes) * kv_parts
        / z->kv_bytes;
    out->max_sequences = f->max_concurrency;
    if (out->max_sequences == 0)
        out->max_sequences = f->engine.max_sequences * f->pipeline * f->expert;
    if (out->chunk > 0)
        out->max_sequences =
            (int64_t)fmin((double)out->max_sequences,
                          floor(out->chunk / (1.0 + out->drafted)));
    out->concurrency = (int64_t)fmin((double)out->max_sequences,
                                     floor(fmax(0.0, out->kv_tokens) / mean));
}

enum lh_status lh_rl_rates_make(struct lh_rl_rates *out,
                                const struct lh_scenario *s, int fleet,
                                struct lh_ctx *ctx)
{
    const struct lh_rl_fleet *f = &s->rl.fleets[fleet];
    const struct lh_device *d = &s->sites[f->site].device;
    struct sizes z = sizes_of(&s->model, f->kv_fp8);
    bool fp8 = s->rl.push_fp8 && d->fp8_flops_per_s > 0;
    double weight = s->rl.push_fp8 ? 1.0 : 2.0, t = (double)f->tensor;
    double gpus = t * (double)(f->pipeline * f->expert);
    double memory = d->memory_bytes_per_s * d->memory_frac;
    double bf16 =
        d->bf16_flops_per_s * d->gemm_bf16_frac * d->gemm_sustained_frac * gpus;
    double rate = fp8 ? d->fp8_flops_per_s * d->gemm_fp8_frac
                            * d->gemm_sustained_frac * gpus
                      : bf16;
    double heads = s->model.attention == LH_ATTENTION_MLA
                       ? 1.0
                       : fmin(t, (double)s->model.kv_heads);
    double kv_parts = heads * (double)(f->pipeline * f->expert);

    *out = (struct lh_rl_rates){
        .cpu_s = f->engine.iteration_s + kernels_s(&s->model, &f->engine),
        .sequence_s = f->engine.sequence_s / (double)f->expert,
        .dense_s = weight * z.dense / (t * memory),
        .experts_s =
            weight * z.routed
            / (t * (double)f->expert * memory * f->engine.experts_frac),
        .visit_frac = s->model.experts > 0 ? (double)s->model.experts_per_token
                                                 / (double)s->model.experts
                                           : 0.0,
        .flops_s = 2.0 * z.active / rate,
        .kv_s = fmax(z.kv_bytes / (kv_parts * memory),
                     (1.0 + (double)f->drafted) * z.read_flops / bf16),
        .prefill_s = 2.0 * z.active / rate,
        .prefill_core_s = z.core_flops / bf16,
        .chunk = (double)(f->chunk * f->pipeline * f->expert),
        .drafted = (double)f->drafted,
        .accepted = accepted(f),
        .draft_frac = f->draft_frac,
    };
    memory_make(out, s, f, &z, weight, kv_parts);
    if (out->concurrency >= 1)
        return LH_OK;
    lh_error(ctx, f->where,
             "a replica of %s has no room for one sample: "
             "weights take %.1f GiB of %.1f GiB",
             f->key, out->weight_bytes / 1073741824.0,
             f->engine.memory_frac * d->memory_bytes / 1073741824.0);
    return LH_BAD_INPUT;
}

double lh_rl_comm_s(const struct lh_rl_comm *comm, double tokens)
{
    int i = 1;

    if (comm->n == 0)
        return 0.0;
    if (comm->n == 1 || tokens <= comm->tokens[0])
        return comm->seconds[0];
    while (i < comm->n - 1 && tokens > comm->tokens[i])
        i++;
    double slope = (comm->seconds[i] - comm->seconds[i - 1])
                   / (comm->tokens[i] - comm->tokens[i - 1]);
    return comm->seconds[i] + slope * (tokens - comm->tokens[i]);
}

/* The model's own part, with so many tokens of each sequence and of prompts. */
static double model_s(const struct lh_rl_rates *r, double sequences,
                      double each, double prompts)
{
    double tokens = sequences * each + prompts;
    double visited = 1.0 - pow(1.0 - r->visit_frac, tokens);

    return r->cpu_s + sequences * r->sequence_s
           + fmax(r->dense_s + visited * r->experts_s,
                  sequences * each * r->flops_s + prompts * r->prefill_s)
           + lh_rl_comm_s(&r->comm, tokens);
}

double lh_rl_mixed_s(const struct lh_rl_rates *r, double sequences,
                     double prompts)
{
    double seconds = model_s(r, sequences, 1.0 + r->drafted, prompts);

    if (r->drafted > 0 && sequences > 0)
        seconds += r->drafted * r->draft_frac * model_s(r, sequences, 1.0, 0.0);
    return seconds;
}

double lh_rl_iteration_s(const struct lh_rl_rates *r, double sequences)
{
    return lh_rl_mixed_s(r, sequences, 0.0);
}

double lh_rl_pace(const struct lh_rl_rates *r)
{
    return 1.0 + r->accepted;
}

double lh_rl_read_s(const struct lh_rl_rates *r, double sequences,
                    double context, double n)
{
    return r->kv_s * (1.0 + r->drafted * r->draft_frac)
           * (n * context + sequences * lh_rl_pace(r) * n * (n - 1.0) / 2.0);
}

double lh_rl_decode_s(const struct lh_rl_rates *r, double sequences,
                      double context, double n)
{
    return n * lh_rl_iteration_s(r, sequences)
           + lh_rl_read_s(r, sequences, context, n);
}

/* Communication of a token among many. */
static double comm_token_s(const struct lh_rl_comm *comm)
{
    int i = comm->n - 1;

    return i < 1 ? 0.0
                 : (comm->seconds[i] - comm->seconds[i - 1])
                       / (comm->tokens[i] - comm->tokens[i - 1]);
}

double lh_rl_prefill_s(const struct lh_rl_rates *r, double tokens)
{
    return tokens
           * (r->prefill_s + comm_token_s(&r->comm)
              + r->prefill_core_s * (tokens - 1.0) / 2.0);
}
