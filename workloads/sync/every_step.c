/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Synchronous data parallelism: gradients are reduced over the data axis once
 * a step, then the optimiser runs, then (ZeRO-1) weights are gathered.
 *
 *   zero 0   all-reduce of the gradients, optimiser on all parameters
 *   zero 1   reduce-scatter of the gradients, optimiser on 1/data of them,
 *            all-gather of the bf16 weights (Rajbhandari et al. 2020,
 *            arXiv:1910.02054)
 *
 *   zero 2   as 1, but gradients are kept as shards: every micro-batch's
 *            backward ends with their reduce-scatter, as in DeepSpeed
 *   zero 3   as 2, a bucket a unit; weights are gathered where they are used
 *            (weights.c), not after the optimiser.  With a pipeline gradients
 *            are whole until a chunk's last backward, which ends with their
 *            only reduction (PyTorch, torch/distributed/pipelining/stage.py)
 *
 * Zero 2 and 3 beside the backward: the computation after the next waits for a
 * reduction, so that two are in flight at most, and a forward waits for all
 * (PyTorch, torch/distributed/fsdp: post_backward and its final callback).
 *
 * What a bucket goes through, of shard groups, levels and routed experts:
 * levels.c.
 *
 * overlap off: one reduction of the stage's whole buffer after its last
 * backward, one gather.  overlap on: buckets in the order in which the last
 * micro-batch's backward completes them, a bucket closed once it holds
 * plan.bucket bytes (a layer is not divided); the gathers go in the order of
 * the next forward, which waits for each where it needs it.  (zero 2, overlap
 * off: a chunk's buffer after every backward; zero 3: unit by unit, and the
 * computation waits.)
 *
 * Before the optimiser (updates.c) the gradient norm, an all-reduce of 4 bytes
 * over everybody who holds another part of the gradient; plan.overlap.forward
 * has none.
 *
 * training.lora_rank: of the adapters alone; frozen weights stay as they are.
 *
 * Word embeddings shared by the first and the last stage exchange their
 * gradients, one buffer each way, after the reduction, as in Megatron-LM.
 *
 * Left out: the all-reduce of the norms'
 * gradients over tensor under sequence parallelism (some kB).
 */
#include "../workload.h"

#include <math.h>

static bool shards_gradients(const struct lh__builder *b)
{
    return b->fit->scenario->plan.zero >= 2;
}

static int32_t norm_row_make(struct lh__builder *b)
{
    const struct lh_plan *plan = &b->fit->scenario->plan;
    bool over_data = plan->zero >= 1 && b->fit->shard > 1;
    struct lh_comm norm = {
        .collective = LH_ALL_REDUCE,
        .axes = LH_AXIS_BIT(LH_AXIS_TENSOR) | LH_AXIS_BIT(LH_AXIS_PIPELINE),
        .bytes = 4.0,
        .category = LH_OPTIMIZER,
        .algorithm = "auto",
    };

    if (plan->tensor * plan->pipeline * plan->expert == 1 && !over_data)
        return -1;
    if (lh__fit_updates_apart(b->fit))
        return -1;
    if (plan->expert > 1)
        norm.axes |= LH_AXIS_BIT(LH_AXIS_EXPERT);
    if (over_data)
        norm.axes |= b->fit->shard_axes;
    return lh__rows_add(b->rows, &norm, b->ctx->arena);
}

/* Cyclic shifts on the pipeline: +1 from the last stage is the first. */
static int32_t tied_rows_make(struct lh__builder *b)
{
    const struct lh__dims *d = &b->fit->dims;
    struct lh_comm send = {
        .collective = LH_SEND,
        .shift_axis = LH_AXIS_PIPELINE,
        .shift = 1,
        .bytes = lh__gradient_bytes(b->fit) * d->vocab * d->hidden,
        .category = LH_PIPELINE_COMM,
        .algorithm = "auto",
    };
    int32_t first;

    if (!lh__fit_ties_stages(b->fit))
        return -1;
    first = lh__rows_add(b->rows, &send, b->ctx->arena);
    send.shift = -1;
    lh__rows_add(b->rows, &send, b->ctx->arena);
    return first;
}

void lh__sync_rows(struct lh__builder *b)
{
    b->norm_row = norm_row_make(b);
    b->tied_rows = tied_rows_make(b);
    b->mirror_rows = lh__mirror_rows(b);
}

/* ---- buckets ------------------------------------------------------------ */

static struct lh__bucket *bucket_add(struct lh__builder *b, int chunk, int unit)
{
    struct lh__bucket *bucket = &b->buckets[b->n_buckets++];

    *bucket = (struct lh__bucket){
        .chunk = chunk,
        .first_unit = unit,
        .backward = -1,
        .gate = -1,
    };
    return bucket;
}

static void unit_add(const struct lh__builder *b, struct lh__bucket *bucket,
                     const struct lh__chunk *c, int unit)
{
    double routed = lh__unit_routed(b->fit, c, unit);

    double trained = lh__unit_trained(b->fit, c, unit) - routed;

    bucket->routed += routed;
    bucket->parameters += trained;
    if (lh__unit_is_head(c, unit) || lh__unit_is_embedding(c, unit))
        bucket->wide += trained;
}

static void add_chunk(const struct lh__builder *b, struct lh__bucket *bucket,
                      const struct lh__chunk *c)
{
    for (int u = 0; u < lh__chunk_units(c); u++)
        unit_add(b, bucket, c, u);
}

static void fill_buckets(struct lh__builder *b, int chunk)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    const struct lh_plan *plan = &b->fit->scenario->plan;
    double full_bytes = plan->zero == 3           ? 0.0
                        : plan->overlap_gradients ? plan->bucket_bytes
                                                  : INFINITY;
    struct lh__bucket *bucket = NULL;

    for (int u = 0; u < lh__chunk_units(c); u++) {
        if (bucket == NULL && u > 0 && lh__unit_trained(b->fit, c, u) == 0.0)
            bucket = &b->buckets[b->n_buckets - 1];
        if (bucket == NULL)
            bucket = bucket_add(b, chunk, u);
        bucket->last_unit = u;
        unit_add(b, bucket, c, u);
        if ((bucket->parameters + bucket->routed) * lh__gradient_bytes(b->fit)
            >= full_bytes)
            bucket = NULL;
    }
}

void lh__sync_buckets(struct lh__builder *b)
{
    const struct lh_plan *plan = &b->fit->scenario->plan;
    int n_units = 0;

    b->n_buckets = 0;
    b->reductions[0] = b->reductions[1] = LH__NO_OP;
    if (b->fit->data == 1)
        return;
    for (int c = 0; c < b->fit->n_chunks; c++)
        n_units += lh__chunk_units(lh__fit_chunk(b->fit, b->stage, c));
    b->buckets = LH_NEW(b->ctx->arena, struct lh__bucket, (size_t)n_units);
    if (!plan->overlap_gradients && plan->zero < 2) {
        struct lh__bucket *all = bucket_add(b, -1, 0);

        for (int c = 0; c < b->fit->n_chunks; c++)
            add_chunk(b, all, lh__fit_chunk(b->fit, b->stage, c));
        return;
    }
    for (int c = b->fit->n_chunks - 1; c >= 0; c--)
        fill_buckets(b, c);
}

/* ---- reductions --------------------------------------------------------- */

bool lh__sync_reduces(const struct lh__builder *b, bool last)
{
    return b->n_buckets > 0 && (last || !lh__fit_reduces_once(b->fit));
}

/* Two reductions may be in flight beside the computation. */
static void hold_back(struct lh__builder *b, int32_t reduction)
{
    bool overlap = b->fit->scenario->plan.overlap_gradients;

    lh__emit_compute_wait(b, overlap ? b->reductions[1] : reduction);
    b->reductions[0] = b->reductions[1];
    b->reductions[1] = reduction;
    if (!overlap && b->n_visits > 0) /* nor does a gather run beside it */
        b->visits[b->n_visits - 1] = reduction;
}

void lh__sync_forward(struct lh__builder *b)
{
    if (!shards_gradients(b))
        return;
    lh__emit_compute_wait(b, b->reductions[1]);
    b->reductions[0] = b->reductions[1] = LH__NO_OP;
}

/* Beside the flow: what goes on does not wait for the reduction. */
void lh__sync_bucket_done(struct lh__builder *b, int bucket, bool last)
{
    int32_t flow, micro_batch = b->micro_batch, reduction;
    int n_waits;
    const struct lh__bucket *it = &b->buckets[bucket];
    double bytes = lh__gradient_bytes(b->fit);

    lh__weights_copy(b,
                     b->fit->scenario->stack.reduce_copy_bytes * bytes / 4.0
                         * (it->parameters + it->routed),
                     -1);
    lh__emit_flush(b);
    flow = b->flow;
    n_waits = b->n_waits; /* of the flow */
    lh__emit_cut(b);
    if (last)
        b->micro_batch = -1;
    lh__emit_wait(b, b->last_compute);
    b->buckets[bucket].backward = b->last_compute;
    reduction = lh__bucket_reduce(b, it, last);
    b->flow = flow;
    b->n_waits = n_waits;
    b->micro_batch = micro_batch;
    if (shards_gradients(b))
        hold_back(b, reduction);
}

/* First and last stage send their gradient of the embedding to each other;
 * returns the op that received the other's. */
static int32_t exchange_tied(struct lh__builder *b)
{
    bool first = b->stage == 0;
    struct lh__comm_spec spec = {.layer = -1, .task = LH_TASK_GRADIENTS};

    if (b->tied_rows < 0 || (!first && b->stage != b->fit->n_stages - 1))
        return LH__NO_OP;
    lh__emit_cut(b);
    lh__emit_wait(b, b->last_compute);
    lh__wait_reductions(b);
    spec.row = b->tied_rows + first;
    spec.stream = first ? LH_STREAM_BACKWARD_SEND : LH_STREAM_FORWARD_SEND;
    spec.role = LH_ROLE_SENDER;
    lh__emit_comm(b, &spec);
    lh__emit_cut(b);
    spec.row = b->tied_rows + !first;
    spec.stream = first ? LH_STREAM_FORWARD_RECV : LH_STREAM_BACKWARD_RECV;
    spec.role = LH_ROLE_RECEIVER;
    return lh__emit_comm(b, &spec);
}

/* ---- all ----------------------------------------------------------------- */

void lh__sync_finish(struct lh__builder *b)
{
    int32_t tied, mirrored, update, first;
    struct lh__comm_spec norm = {
        .row = b->norm_row,
        .stream = LH_STREAM_DATA,
        .task = LH_TASK_NORM,
        .role = LH_ROLE_MEMBER,
        .layer = -1,
    };

    lh__emit_cut(b);
    b->micro_batch = -1;
    if (b->n_buckets > 0 && b->buckets[0].chunk < 0 && !shards_gradients(b))
        lh__sync_bucket_done(b, 0, true);
    if (lh__fit_updates_apart(b->fit)) {
        lh__update_apart(b);
        return;
    }
    tied = exchange_tied(b);
    mirrored = lh__mirror_gradients(b);
    lh__emit_cut(b);
    if (b->norm_row >= 0) {
        lh__emit_wait(b, b->last_compute);
        lh__emit_wait(b, tied);
        lh__emit_wait(b, mirrored);
        if (b->fit->group < b->fit->data) /* else on the same stream */
            lh__wait_reductions(b);
        lh__emit_comm(b, &norm);
    } else {
        lh__wait_reductions(b);
        lh__emit_wait(b, tied);
        lh__emit_wait(b, mirrored);
    }
    update = lh__update_stage(b);
    lh__outer_emit(b);
    b->flow = update;
    first = b->n_ops;
    if (b->fit->scenario->plan.zero == 3) {
        lh__weights_finish(b, update);
        lh__outer_await(b, b->first_gather, true);
    } else if (b->fit->scenario->plan.zero >= 1) {
        lh__gather_weights(b);
    }
    if (b->n_ops > first)
        lh__outer_await(b, first, false);
    lh__emit_cut(b);
}
