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
    return fit->shares.layer + fit->shares.adapter;
}

bool lh__fit_is_narrow(const struct lh__fit *fit)
{
    return fit->scenario->training.precision != LH_BF16;
}

bool lh__fit_is_frozen(const struct lh__fit *fit)
{
    return fit->scenario->training.lora_rank > 0;
}

double lh__gather_bytes(const struct lh__fit *fit)
{
    return fit->scenario->plan.gather_precision == LH_BF16 ? 2.0 : 1.0;
}

static bool unit_is_layer(const struct lh__chunk *chunk, int unit)
{
    return !lh__unit_is_head(chunk, unit)
           && !lh__unit_is_embedding(chunk, unit);
}

double lh__unit_trained(const struct lh__fit *fit,
                        const struct lh__chunk *chunk, int unit)
{
    if (!lh__fit_is_frozen(fit))
        return lh__unit_parameters(fit, chunk, unit);
    return unit_is_layer(chunk, unit) ? fit->shares.adapter : 0.0;
}

/* Those of a layer that are cast to fp8. */
static double unit_cast(const struct lh__fit *fit,
                        const struct lh__chunk *chunk, int unit)
{
    return unit_is_layer(chunk, unit)
               ? lh__unit_parameters(fit, chunk, unit) - fit->shares.adapter
               : 0.0;
}

/* Sum over the units of a stage. */
static double stage_sum(const struct lh__fit *fit, int stage,
                        double (*of_unit)(const struct lh__fit *,
                                          const struct lh__chunk *, int))
{
    double sum = 0.0;

    for (int c = 0; c < fit->n_chunks; c++) {
        const struct lh__chunk *chunk = lh__fit_chunk(fit, stage, c);

        for (int u = 0; u < lh__chunk_units(chunk); u++)
            sum += of_unit(fit, chunk, u);
    }
    return sum;
}

double lh__stage_routed(const struct lh__fit *fit, int stage)
{
    return stage_sum(fit, stage, lh__unit_routed);
}

double lh__stage_parameters(const struct lh__fit *fit, int stage)
{
    return stage_sum(fit, stage, lh__unit_parameters);
}

double lh__stage_trained(const struct lh__fit *fit, int stage)
{
    return stage_sum(fit, stage, lh__unit_trained);
}

double lh__stage_cast(const struct lh__fit *fit, int stage)
{
    return stage_sum(fit, stage, unit_cast);
}

double lh__gradient_bytes(const struct lh__fit *fit)
{
    return fit->scenario->training.gradient_precision == LH_GRADIENT_FP32 ? 4.0
                                                                          : 2.0;
}

bool lh__fit_scatters(const struct lh__fit *fit)
{
    const struct lh_scenario *s = fit->scenario;

    return s->stack.scattered_sends && s->plan.tensor > 1
           && !s->plan.sequence_parallel;
}

bool lh__fit_reduces_once(const struct lh__fit *fit)
{
    int64_t zero = fit->scenario->plan.zero;

    return zero < 2 || (zero == 3 && fit->n_stages > 1);
}

bool lh__fit_ties_stages(const struct lh__fit *fit)
{
    return fit->scenario->model.tied_embeddings && fit->n_stages > 1
           && !lh__fit_is_frozen(fit) && !lh__fit_meets_itself(fit);
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

static bool meets_itself(const struct lh_plan *plan)
{
    return plan->schedule == LH_SCHEDULE_DUALPIPE
           || plan->schedule == LH_SCHEDULE_DUALPIPE_V;
}

/* Is it other than dense with grouped queries? */
static bool is_other(const struct lh_model *model)
{
    return model->experts > 0 || model->attention != LH_ATTENTION_GQA;
}

/* Whole squares are shared and latent keys kept; what a kernel skips. */
static void check_shape(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_model *model = &s->model;

    refuse(ctx, s, model->parallel_block && is_other(model),
           "model.parallel_block with experts or latent attention");
    refuse(ctx, s,
           model->parallel_block && s->plan.recompute == LH_RECOMPUTE_OPERATORS,
           "model.parallel_block with plan.recompute: operators");
    if (model->attention_window == 0)
        return;
    refuse(ctx, s, s->plan.context > 1,
           "model.attention_window with plan.context");
    refuse(ctx, s, model->attention != LH_ATTENTION_GQA,
           "model.attention_window with latent attention");
    refuse(ctx, s, s->stack.fused_attention && s->stack.flash_version == 1,
           "model.attention_window with the first flash attention");
}

/* What frozen weights do not go with: gathers and reductions unit by unit, a
 * backward whose second half is the gradients of weights. */
static void check_lora(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    if (s->training.lora_rank == 0)
        return;
    refuse(ctx, s, is_other(&s->model),
           "training.lora_rank with experts or latent attention");
    refuse(ctx, s, s->plan.zero > 1,
           lh_format(ctx->arena, "training.lora_rank with plan.zero: %" PRId64,
                     s->plan.zero));
    refuse(ctx, s, s->plan.schedule == LH_SCHEDULE_ZERO_BUBBLE,
           "training.lora_rank with plan.schedule: zero-bubble");
    refuse(ctx, s, meets_itself(&s->plan),
           "training.lora_rank with the schedules dualpipe and dualpipe-v");
    refuse(ctx, s, s->plan.recompute == LH_RECOMPUTE_OPERATORS,
           "training.lora_rank with plan.recompute: operators");
}

/* Forwards beside backwards in the interleaved schedule. */
static void check_pairs(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;

    if (!plan->overlap_expert || meets_itself(plan))
        return;
    refuse(ctx, s,
           plan->schedule != LH_SCHEDULE_INTERLEAVED || plan->interleave < 2,
           "plan.overlap.expert with another schedule than interleaved of two "
           "chunks or more");
    refuse(ctx, s, plan->zero >= 2,
           "plan.overlap.expert with plan.zero: 2 or 3");
    refuse(ctx, s, !plan->overlap_pipeline,
           "plan.overlap.expert with plan.overlap.pipeline: false");
    refuse(ctx, s, s->sync != LH_SYNC_EVERY_STEP,
           "plan.overlap.expert with sync.kind other than every-step");
}

/* What an update of a bucket alone does not go with: what is done with all
 * gradients at once, and weights that are gathered where they are used. */
static void check_forward(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;

    if (!plan->overlap_forward)
        return;
    refuse(ctx, s, !plan->overlap_gradients,
           "plan.overlap.forward with plan.overlap.gradients: false");
    refuse(ctx, s, s->sync != LH_SYNC_EVERY_STEP && plan->zero == 0,
           "plan.overlap.forward with sync.kind other than every-step and "
           "plan.zero: 0");
    refuse(ctx, s, plan->zero == 3, "plan.overlap.forward with plan.zero: 3");
    refuse(ctx, s, plan->schedule == LH_SCHEDULE_DUALPIPE,
           "plan.overlap.forward with plan.schedule: dualpipe");
    refuse(ctx, s,
           s->model.tied_embeddings && plan->pipeline > 1
               && !meets_itself(plan),
           "plan.overlap.forward with word embeddings that two stages share");
}

static void check_supported(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;

    check_shape(s, ctx);
    refuse(ctx, s,
           meets_itself(plan) && plan->zero == 3 && plan->reshard_after_forward,
           "plan.reshard_after_forward: true with plan.zero: 3 and the "
           "schedules dualpipe and dualpipe-v");
    refuse(ctx, s, meets_itself(plan) && !plan->overlap_pipeline,
           "plan.overlap.pipeline: false with the schedules dualpipe and "
           "dualpipe-v");
    check_pairs(s, ctx);
    refuse(ctx, s, plan->overlap_tensor && is_other(&s->model),
           "plan.overlap.tensor with experts or latent attention");
    refuse(ctx, s,
           plan->recompute == LH_RECOMPUTE_OPERATORS && is_other(&s->model),
           "plan.recompute: operators with experts or latent attention");
    check_lora(s, ctx);
    check_forward(s, ctx);
}

static void check_precision(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    bool blocks = s->training.precision == LH_MXFP8;
    struct lh_where where = {s->file, 0, 0};

    if (s->plan.gather_precision == LH_FP8 && s->training.precision != LH_FP8)
        lh_error(ctx, where,
                 "plan.gather_precision: fp8 needs training.precision: fp8%s",
                 blocks ? "; of mxfp8 both copies would be gathered, which is "
                          "no less than bf16"
                        : "");
    for (int i = 0; i < s->n_sites && s->training.precision != LH_BF16; i++) {
        const struct lh_device *device = &s->sites[i].device;

        if (device->fp8_flops_per_s > 0.0 && device->gemm_fp8_frac > 0.0
            && (!blocks || device->mxfp8_frac > 0.0))
            continue;
        lh_error(ctx, where,
                 "training.precision: %s is not a format of '%s', site '%s'",
                 blocks ? "mxfp8" : "fp8", device->name, s->sites[i].name);
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
    check_multiple(ctx, s, data, lh_expert_replicas(&s->plan),
                   "plan.expert does not fit the replicas");
    if (s->plan.whole_experts)
        check_multiple(ctx, s, s->plan.expert, s->plan.tensor,
                       "plan.expert does not fit plan.tensor");
    else
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
    if (s->plan.recompute == LH_RECOMPUTE_OPERATORS
        && !s->stack.fused_attention)
        lh_error(ctx, (struct lh_where){s->file, 0, 0},
                 "plan.recompute: operators needs a stack with fused "
                 "attention; '%s' has none",
                 s->stack.name);
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
    int64_t chunks =
        plan->schedule == LH_SCHEDULE_DUALPIPE_V ? 2 : plan->interleave;
    int64_t n = plan->pipeline * chunks, sum = 0;

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
                 s->model.layers, plan->pipeline, chunks);
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

/* DualPipe's stages are pairs, and its micro-batches fill the pipeline. */
static void check_ways(const struct lh_scenario *s, int64_t micro_batches,
                       struct lh_ctx *ctx)
{
    const struct lh_plan *plan = &s->plan;
    struct lh_where where = {s->file, 0, 0};
    bool both = plan->schedule == LH_SCHEDULE_DUALPIPE;

    if (!meets_itself(plan))
        return;
    if (plan->pipeline < 2 || (both && plan->pipeline % 2 != 0))
        lh_error(ctx, where, "plan.pipeline: %" PRId64 ", but %s stages",
                 plan->pipeline,
                 both ? "dualpipe needs an even number of"
                      : "dualpipe-v needs two or more");
    if (micro_batches < 2 * plan->pipeline || (both && micro_batches % 2 != 0))
        lh_error(ctx, where,
                 "training.global_batch: a replica has %" PRId64
                 " micro-batches, %s at least %" PRId64 " (twice pipeline)",
                 micro_batches,
                 both ? "dualpipe needs an even number, and"
                      : "dualpipe-v needs",
                 2 * plan->pipeline);
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
    } else {
        check_ways(s, s->training.global_batch / per_turn, ctx);
    }
}

/* Shard groups are whole, and of whole groups of replicas that share experts:
 * an expert's shards lie on replicas of the group that hold it. */
static void check_shard(const struct lh_scenario *s, int64_t data,
                        struct lh_ctx *ctx)
{
    if (s->plan.zero == 0 || s->plan.shard == 0)
        return;
    check_multiple(ctx, s, data, s->plan.shard,
                   "plan.shard does not fit the replicas");
    check_multiple(ctx, s, s->plan.shard, lh_expert_replicas(&s->plan),
                   "plan.shard does not fit plan.expert");
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
    int n = lh__fit_places(fit), layer = 0;

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
        .n_chunks = meets_itself(plan) ? 2 : (int)plan->interleave,
        .n_micro_batches =
            (int)(s->training.global_batch / (data * s->training.micro_batch)),
        .replicas = data,
        .islands = islands,
        .data = data * plan->context / islands,
    };
    lh__groups_make(out);
    lh__dims_make(&out->dims, s);
    out->dims.hottest = lh__routing_hottest(s, ctx->arena);
    lh__shares_make(&out->shares, s);
    split_layers(out, ctx);
    return LH_OK;
}
