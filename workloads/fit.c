/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Does the plan fit the model and the accelerators, and what follows from it:
 * micro-batches, chunks of layers, sizes that one accelerator holds.  First
 * step of lh_program_build().
 *
 * Layers are split as evenly as possible over the p v chunks; where they do
 * not divide, the chunks in the middle get one more, so that the first and
 * the last, which also hold the embedding and the head, have the fewer:
 * 126 layers over 16 stages are 7, 8 x 14, 7.
 */
#include "workload.h"

#include <inttypes.h>

int lh__chunk_units(const struct lh__chunk *chunk)
{
    return chunk->n_layers + chunk->head + chunk->embedding;
}

bool lh__unit_is_head(const struct lh__chunk *chunk, int unit)
{
    return chunk->head && unit == 0;
}

bool lh__unit_is_embedding(const struct lh__chunk *chunk, int unit)
{
    return chunk->embedding && unit == lh__chunk_units(chunk) - 1;
}

int lh__unit_layer(const struct lh__chunk *chunk, int unit)
{
    return chunk->first_layer + chunk->n_layers - 1 - (unit - chunk->head);
}

const struct lh__chunk *lh__fit_chunk(const struct lh__fit *fit, int stage,
                                      int chunk)
{
    return &fit->chunks[chunk * fit->n_stages + stage];
}

bool lh__layer_is_sparse(const struct lh__fit *fit, int layer)
{
    const struct lh_model *model = &fit->scenario->model;

    return model->experts > 0 && layer >= model->dense_layers;
}

double lh__unit_routed(const struct lh__fit *fit, const struct lh__chunk *chunk,
                       int unit)
{
    bool sparse = !lh__unit_is_head(chunk, unit)
                  && !lh__unit_is_embedding(chunk, unit)
                  && lh__layer_is_sparse(fit, lh__unit_layer(chunk, unit));

    return sparse ? fit->shares.routed : 0.0;
}

double lh__unit_parameters(const struct lh__fit *fit,
                           const struct lh__chunk *chunk, int unit)
{
    if (lh__unit_is_head(chunk, unit))
        return fit->shares.head;
    if (lh__unit_is_embedding(chunk, unit))
        return fit->shares.embedding;
    if (lh__layer_is_sparse(fit, lh__unit_layer(chunk, unit)))
        return fit->shares.sparse + fit->shares.routed;
    return fit->shares.layer;
}

double lh__stage_routed(const struct lh__fit *fit, int stage)
{
    double sum = 0.0;

    for (int c = 0; c < fit->n_chunks; c++) {
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, c);

        for (int u = 0; u < lh__chunk_units(chunk); u++)
            sum += lh__unit_routed(fit, chunk, u);
    }
    return sum;
}

double lh__stage_parameters(const struct lh__fit *fit, int stage)
{
    double sum = 0.0;

    for (int c = 0; c < fit->n_chunks; c++) {
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, c);

        for (int u = 0; u < lh__chunk_units(chunk); u++)
            sum += lh__unit_parameters(fit, chunk, u);
    }
    return sum;
}

double lh__gradient_bytes(const struct lh__fit *fit)
{
    return fit->scenario->training.gradient_precision == LH_GRADIENT_FP32 ? 4.0
                                                                          : 2.0;
}

bool lh__fit_is_hybrid(const struct lh__fit *fit)
{
    return fit->scenario->plan.zero >= 1 && fit->shard < fit->data;
}

bool lh__fit_ties_stages(const struct lh__fit *fit)
{
    return fit->scenario->model.tied_embeddings && fit->n_stages > 1;
}

/* ---- checks: every fault is said, then the build stops ------------------ */

/* Adds "key VALUE is not supported by this version" where `refused`. */
static void refuse(struct lh_ctx *ctx, const struct lh_scenario *s,
                   bool refused, const char *what)
{
    if (refused)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "%s is not supported by this version", what);
}

/* Is it other than dense with grouped queries? */
static bool is_other(const struct lh_model *model)
{
    return model->experts > 0 || model->attention != LH_ATTENTION_GQA;
}

/* What a shared sequence does not go with: shards and experts would stand on
 * the context axis as well, latent keys would be exchanged. */
static void check_context_alone(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;
    const char *what =
        lh_format(ctx->arena, "plan.context: %" PRId64 " with", plan->context);

    if (plan->context == 1)
        return;
    refuse(ctx, s, plan->zero > 1,
           lh_format(ctx->arena, "%s plan.zero: %" PRId64, what, plan->zero));
    refuse(ctx, s, plan->shard > 0,
           lh_format(ctx->arena, "%s plan.shard: %" PRId64, what, plan->shard));
    refuse(
        ctx, s, plan->expert > 1,
        lh_format(ctx->arena, "%s plan.expert: %" PRId64, what, plan->expert));
    refuse(ctx, s, s->model.attention != LH_ATTENTION_GQA,
           lh_format(ctx->arena, "%s latent attention", what));
}

/* What a split backward does not go with: gradients that are reduced, or
 * weights that are freed, before its second half; experts' gradients. */
static void check_halves(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    if (s->plan.schedule != LH_SCHEDULE_ZERO_BUBBLE)
        return;
    refuse(ctx, s, s->model.experts > 0,
           "plan.schedule: zero-bubble with experts");
    refuse(ctx, s, s->plan.zero > 1,
           lh_format(ctx->arena,
                     "plan.schedule: zero-bubble with plan.zero: %" PRId64,
                     s->plan.zero));
}

static void check_supported(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;

    check_context_alone(s, ctx);
    check_halves(s, ctx);
    refuse(ctx, s, plan->zero > 1 && plan->pipeline > 1,
           lh_format(ctx->arena,
                     "plan.zero: %" PRId64 " with plan.pipeline: %" PRId64,
                     plan->zero, plan->pipeline));
    refuse(ctx, s, plan->zero > 1 && plan->expert > 1,
           lh_format(ctx->arena,
                     "plan.zero: %" PRId64 " with plan.expert: %" PRId64,
                     plan->zero, plan->expert));
    refuse(ctx, s, plan->shard > 0 && plan->expert > 1,
           lh_format(ctx->arena,
                     "plan.shard: %" PRId64 " with plan.expert: %" PRId64,
                     plan->shard, plan->expert));
    refuse(ctx, s, plan->schedule == LH_SCHEDULE_DUALPIPE,
           "plan.schedule: dualpipe");
    refuse(ctx, s, plan->overlap_tensor && is_other(&s->model),
           "plan.overlap.tensor with experts or latent attention");
    refuse(ctx, s, s->training.precision == LH_MXFP8,
           "training.precision: mxfp8");
    refuse(ctx, s, s->training.precision == LH_FP8 && is_other(&s->model),
           "training.precision: fp8 with experts or latent attention");
    refuse(ctx, s, s->training.precision == LH_FP8 && plan->zero == 3,
           "training.precision: fp8 with plan.zero: 3");
}

static void check_precision(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    for (int i = 0; i < s->n_sites && s->training.precision == LH_FP8; i++) {
        const struct lh_device *device = &s->sites[i].device;

        if (device->fp8_flops_per_s > 0.0 && device->gemm_fp8_frac > 0.0)
            continue;
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "training.precision: fp8 is not a format of '%s', site '%s'",
                 device->name, s->sites[i].name);
        return;
    }
}

/* "a and b: x is no multiple of y" unless it is. */
static void check_multiple(struct lh_ctx *ctx, const struct lh_scenario *s,
                           int64_t x, int64_t y, const char *what)
{
    if (y < 1 || x % y != 0)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "%s: %" PRId64 " is not a multiple of %" PRId64, what, x, y);
}

static void check_experts(const struct lh_scenario *s, int64_t data,
                          struct lh_ctx *ctx)
{
    const struct lh_model *model = &s->model;
    struct lh_where where = {s->file, 0, 0};

    if (model->experts == 0) {
        if (s->plan.expert > 1)
            lh_error(ctx, where,
                     "plan.expert: %" PRId64 ", but model '%s' has no experts",
                     s->plan.expert, model->name);
        return;
    }
    check_multiple(ctx, s, model->experts, s->plan.expert,
                   "plan.expert does not fit the model's experts");
    check_multiple(ctx, s, data, s->plan.expert,
                   "plan.expert does not fit the replicas");
    check_multiple(ctx, s, model->expert_ffn, s->plan.tensor,
                   "plan.tensor does not fit the width of an expert");
    if (s->plan.tensor > 1 && !s->plan.sequence_parallel)
        lh_error(ctx, where,
                 "plan.sequence_parallel: false: a model with experts and "
                 "plan.tensor above 1 needs true");
}

static void check_tensor(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_model *model = &s->model;
    int64_t t = s->plan.tensor;

    check_multiple(ctx, s, model->heads, t,
                   "plan.tensor does not fit the model's heads");
    check_multiple(ctx, s, model->ffn, t,
                   "plan.tensor does not fit the model's MLP width");
    if (model->attention == LH_ATTENTION_GQA && model->kv_heads % t != 0
        && t % model->kv_heads != 0)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "plan.tensor: %" PRId64 " neither divides the model's %" PRId64
                 " key/value heads nor is a multiple of them",
                 t, model->kv_heads);
    if (s->plan.overlap_tensor && t > 1 && !s->plan.sequence_parallel)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "plan.overlap.tensor needs plan.sequence_parallel");
    if (s->plan.sequence_parallel && s->plan.context == 1)
        check_multiple(ctx, s, s->training.sequence_length, t,
                       "plan.sequence_parallel: training.sequence_length "
                       "does not fit plan.tensor");
}

/* Each accelerator holds two chunks of a sequence, one from either half. */
static void check_context(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    int64_t c = s->plan.context;
    int64_t shards = s->plan.sequence_parallel ? s->plan.tensor : 1;

    if (c == 1)
        return;
    check_multiple(ctx, s, s->training.sequence_length, 2 * c * shards,
                   "plan.context: training.sequence_length does not fit twice "
                   "plan.context (x plan.tensor with sequence_parallel)");
    if (!s->stack.fused_attention)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "plan.context: %" PRId64 " needs a stack with fused "
                 "attention; '%s' has none",
                 c, s->stack.name);
}

static void check_stages(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;
    struct lh_where where = {s->file, 0, 0};
    int64_t n = plan->pipeline * plan->interleave, sum = 0;

    if (plan->interleave > 1
        && (plan->schedule != LH_SCHEDULE_INTERLEAVED || plan->pipeline == 1))
        lh_error(ctx, where,
                 "plan.interleave: %" PRId64 " needs schedule "
                 "interleaved and a pipeline of more than one stage",
                 plan->interleave);
    if (s->model.layers < n)
        lh_error(ctx, where,
                 "plan.pipeline: %" PRId64 " layers are too few "
                 "for %" PRId64 " stages of %" PRId64 " chunks",
                 s->model.layers, plan->pipeline, plan->interleave);
    if (plan->n_stage_layers == 0)
        return;
    if (plan->n_stage_layers != n) {
        lh_error(ctx, where,
                 "plan.stage_layers: %d entries, expected %" PRId64
                 " (pipeline x interleave)",
                 plan->n_stage_layers, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        sum += plan->stage_layers[i];
        if (plan->stage_layers[i] < 1)
            lh_error(ctx, where,
                     "plan.stage_layers[%" PRId64 "]: %" PRId64
                     " layers, at least 1 is needed",
                     i, plan->stage_layers[i]);
    }
    if (sum != s->model.layers)
        lh_error(ctx, where,
                 "plan.stage_layers: the sum is %" PRId64
                 ", the model has %" PRId64 " layers",
                 sum, s->model.layers);
}

static int64_t accelerators(const struct lh_scenario *s)
{
    int64_t n = 0;

    for (int i = 0; i < s->n_sites; i++)
        n += s->sites[i].gpus;
    return n;
}

static void check_batch(const struct lh_scenario *s, int64_t data,
                        struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;
    struct lh_where where = {s->file, 0, 0};
    int64_t per_turn = data * s->training.micro_batch;
    int64_t need = plan->tensor * plan->pipeline * plan->context * data;

    if (need > accelerators(s))
        lh_error(ctx, where,
                 "plan: tensor %" PRId64 " x pipeline %" PRId64
                 " x context %" PRId64 " x data %" PRId64 " needs %" PRId64
                 " accelerators, the sites have %" PRId64,
                 plan->tensor, plan->pipeline, plan->context, data, need,
                 accelerators(s));
    if (s->training.global_batch % per_turn != 0) {
        lh_error(ctx, where,
                 "training.global_batch: %" PRId64 " is not a "
                 "multiple of data %" PRId64 " x micro_batch %" PRId64,
                 s->training.global_batch, data, s->training.micro_batch);
    } else if (plan->schedule == LH_SCHEDULE_INTERLEAVED
               && s->training.global_batch / per_turn % plan->pipeline != 0) {
        lh_error(ctx, where,
                 "plan.schedule: interleaved needs a multiple of "
                 "%" PRId64 " micro-batches (pipeline), a replica has %" PRId64,
                 plan->pipeline, s->training.global_batch / per_turn);
    }
}

/* Shard groups are whole, and whole at each site. */
static void check_shard(const struct lh_scenario *s, int64_t data,
                        struct lh_ctx *ctx)
{
    if (s->plan.zero >= 1 && s->plan.shard > 0)
        check_multiple(ctx, s, data, s->plan.shard,
                       "plan.shard does not fit the replicas");
}

/* ---- layers over chunks ------------------------------------------------- */

static int64_t chunk_layers(const struct lh_scenario *s, int n, int i)
{
    int64_t each = s->model.layers / n, more = s->model.layers % n;
    int64_t first = (n - more) / 2;

    if (s->plan.n_stage_layers > 0)
        return s->plan.stage_layers[i];
    return each + (i >= first && i < first + more);
}

static void split_layers(struct lh__fit *fit, struct lh_ctx *ctx)
{
    int n = fit->n_stages * fit->n_chunks, layer = 0;

    fit->chunks = LH_NEW(ctx->arena, struct lh__chunk, (size_t)n);
    for (int i = 0; i < n; i++) {
        fit->chunks[i] = (struct lh__chunk){
            .first_layer = layer,
            .n_layers = (int)chunk_layers(fit->scenario, n, i),
            .embedding = i == 0,
            .head = i == n - 1,
        };
        layer += fit->chunks[i].n_layers;
    }
}

/* Ops, rows and dependencies are counted in 32 bits. */
static void check_size(const struct lh_scenario *s, int64_t micro_batches,
                       struct lh_ctx *ctx)
{
    double a_layer = s->model.experts > 0 ? 48.0 : 16.0;
    double ops = a_layer * (double)s->model.layers * (double)micro_batches;

    if (ops > 1e9)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "training.global_batch: %" PRId64 " micro-batches of %" PRId64
                 " layers are more than a program can hold",
                 micro_batches, s->model.layers);
}

enum lh_status lh__fit_make(struct lh__fit *out, const struct lh_scenario *s,
                            struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;
    int errors = lh_diag_count(ctx, LH_ERROR);
    int64_t replica = plan->tensor * plan->pipeline * plan->context;
    int64_t data = plan->data > 0 ? plan->data : accelerators(s) / replica;
    int64_t islands;

    check_supported(s, ctx);
    check_precision(s, ctx);
    check_tensor(s, ctx);
    check_context(s, ctx);
    check_stages(s, ctx);
    if (data < 1) {
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "plan: one replica needs %" PRId64 " accelerators, the "
                 "sites have %" PRId64,
                 replica, accelerators(s));
    } else {
        check_batch(s, data, ctx);
        check_shard(s, data, ctx);
        check_experts(s, data, ctx);
        check_size(s, s->training.global_batch / data, ctx);
    }
    if (lh_diag_count(ctx, LH_ERROR) > errors)
        return LH_BAD_INPUT;

    islands = s->sync == LH_SYNC_EVERY_STEP ? 1 : data / s->outer.island;
    *out = (struct lh__fit){
        .scenario = s,
        .n_stages = (int)plan->pipeline,
        .n_chunks = (int)plan->interleave,
        .n_micro_batches =
            (int)(s->training.global_batch / (data * s->training.micro_batch)),
        .replicas = data,
        .islands = islands,
        .data = data * plan->context / islands,
        .shard = plan->zero >= 1 && plan->shard > 0
                     ? plan->shard
                     : data * plan->context / islands,
        .routed_axes = LH_AXIS_BIT(
            s->sync == LH_SYNC_EVERY_STEP ? LH_AXIS_DATA : LH_AXIS_SHARD),
    };
    out->data_axes = out->routed_axes;
    if (plan->context > 1)
        out->data_axes |= LH_AXIS_BIT(LH_AXIS_CONTEXT);
    if (plan->expert > 1)
        out->data_axes |= LH_AXIS_BIT(LH_AXIS_EXPERT);
    lh__dims_make(&out->dims, s);
    out->dims.hottest = lh__routing_hottest(s, ctx->arena);
    lh__shares_make(&out->shares, s);
    split_layers(out, ctx);
    return LH_OK;
}
