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
 * plan.shard: shard groups of so many replicas x context; what a group has
 * summed is summed over the groups by an all-reduce of each shard, once a step
 * (FSDP's hybrid shard), on a stream of its own.
 *
 * Zero 2 and 3 beside the backward: the computation after the next waits for a
 * reduction, so that two are in flight at most, and a forward waits for all
 * (PyTorch, torch/distributed/fsdp: post_backward and its final callback).
 *
 * Routed experts on X = plan.expert replicas are held by data/X of them, and
 * their gradients are reduced, and weights gathered, over those alone (of a
 * shard group): a second collective beside that of all other gradients, over
 * all of data.
 *
 * overlap off: one reduction of the stage's whole buffer after its last
 * backward, one gather.  overlap on: buckets in the order in which the last
 * micro-batch's backward completes them, a bucket closed once it holds
 * plan.bucket bytes (a layer is not divided); the gathers go in the order of
 * the next forward, which waits for each where it needs it.  (zero 2, overlap
 * off: a chunk's buffer after every backward; zero 3: unit by unit, and the
 * computation waits.)
 *
 * Optimiser: 30 bytes a parameter through memory: fp32 gradient, copy and two
 * moments in (16), copy and moments out (12), bf16 weights out (2).  Before it
 * the gradient norm, an all-reduce of 4 bytes over everybody who holds another
 * part of the gradient.
 *
 * fp8 and mxfp8: with the optimiser the weights of the layers are cast for the
 * step, to a copy for each direction; with plan.gather_precision fp8 each casts
 * its shard, the gather carries one byte, and transposes what arrives (2
 * bytes).
 *
 * training.lora_rank: of the adapters alone; frozen weights stay as they are.
 *
 * Word embeddings shared by the first and the last stage exchange their
 * gradients, one buffer each way, after the reduction, as in Megatron-LM.
 *
 * Left out: padding of buckets to equal shards; the all-reduce of the norms'
 * gradients over tensor under sequence parallelism (some kB).
 */
#include "../workload.h"

#include <math.h>

#define OPTIMIZER_BYTES_A_PARAMETER 30.0

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

/* ---- updates ------------------------------------------------------------- */

/* What an update is of: the stage, or a bucket. */
struct share {
    double trained, cast; /* routed experts included */
    double routed;
};

static struct share stage_share(const struct lh__builder *b)
{
    return (struct share){
        .trained = lh__stage_trained(b->fit, b->stage),
        .cast = lh__stage_cast(b->fit, b->stage),
        .routed = lh__stage_routed(b->fit, b->stage),
    };
}

static struct share bucket_share(const struct lh__bucket *bucket)
{
    return (struct share){
        .trained = bucket->parameters + bucket->routed,
        .cast = bucket->parameters - bucket->wide + bucket->routed,
        .routed = bucket->routed,
    };
}

/* Of the layers, for the step; ZeRO-3 casts what it gathers (weights.c). */
static void cast_weights(struct lh__work *work, const struct lh__builder *b,
                         const struct share *of)
{
    const struct lh_scenario *s = b->fit->scenario;
    bool gathers = s->plan.zero == 3 && b->fit->shard > 1;
    bool narrow = s->plan.gather_precision == LH_FP8;
    double shard =
        lh__mirror_share(b->fit)
        * lh__shard_parameters(b->fit, of->cast - of->routed, of->routed);
    double whole_bytes =
        narrow ? 2.0 : lh__cast_bytes(s->training.precision, true);

    if (s->training.precision == LH_BF16 || lh__fit_is_frozen(b->fit))
        return;
    if (narrow)
        lh__work_bytes(work, b->device, lh__cast_bytes(LH_FP8, false) * shard);
    if (!gathers)
        lh__work_bytes(work, b->device, whole_bytes * of->cast);
}

static void optimizer(struct lh__builder *b, const struct share *of)
{
    double parameters = of->trained;
    struct lh__work work = {0};

    if (b->fit->scenario->plan.zero >= 1)
        parameters =
            lh__mirror_share(b->fit)
            * lh__shard_parameters(b->fit, parameters - of->routed, of->routed);
    lh__work_bytes(&work, b->device, OPTIMIZER_BYTES_A_PARAMETER * parameters);
    cast_weights(&work, b, of);
    lh__emit_work(b, &work, LH_OPTIMIZER, LH_TASK_OPTIMIZER, -1);
    lh__emit_flush(b);
}

/* Beside the flow, before what the flow's next op waits for. */
void lh__sync_update(struct lh__builder *b, int bucket)
{
    int32_t flow, micro_batch = b->micro_batch;
    int n_waits, n_compute_waits;
    struct share share = bucket_share(&b->buckets[bucket]);

    lh__emit_flush(b);
    flow = b->flow;
    n_waits = b->n_waits;
    n_compute_waits = b->n_compute_waits;
    b->flow = LH__NO_OP;
    b->n_waits = b->n_compute_waits = 0; /* they stay where they are */
    b->micro_batch = -1;
    optimizer(b, &share);
    b->buckets[bucket].gate = b->last_compute;
    b->micro_batch = micro_batch;
    b->flow = flow;
    b->n_waits = n_waits;
    b->n_compute_waits = n_compute_waits;
}

/* Is the bucket the first of its stream that is gathered, besides the first of
 * all?  Levels have two streams. */
static bool begins_stream(const struct lh__builder *b, int bucket)
{
    return lh__fit_has_levels(b->fit) && bucket == b->n_buckets - 2;
}

/* Weights of the chunk that the next step meets first go first. */
static void gather_weights(struct lh__builder *b)
{
    int32_t update = b->last_compute, swapped = lh__mirror_weights(b);

    if (swapped != LH__NO_OP)
        lh__emit_wait(b, update); /* the gather is of both halves */
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        const struct lh__bucket *bucket = &b->buckets[i];
        int32_t first, op;

        if (i < b->n_buckets - 1) /* the first waits for the optimiser */
            lh__emit_cut(b);
        if (begins_stream(b, i)) {
            lh__emit_wait(b, update);
            lh__emit_wait(b, swapped);
        }
        first = b->n_ops;
        op = lh__bucket_gather(b, bucket, LH_TASK_WEIGHTS);
        lh__emit_dep(b, bucket->gate, ~op);
        if (begins_stream(b, i))
            lh__outer_await(b, first, false);
    }
}

/* plan.overlap.forward, in the order of the next forward: the gradients of each
 * bucket (zero 0), which is updated there; */
static void gather_gradients(struct lh__builder *b)
{
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        const struct lh__bucket *bucket = &b->buckets[i];

        lh__emit_cut(b);
        lh__emit_dep(b, bucket->gate,
                     ~lh__bucket_gather(b, bucket, LH_TASK_GRADIENTS));
    }
    lh__emit_cut(b);
}

/* else the update of each, then what islands send and merge, and the weights of
 * each bucket behind its update. */
static void update_and_gather(struct lh__builder *b)
{
    int32_t *updates = LH_NEW(b->ctx->arena, int32_t, (size_t)b->n_buckets);

    lh__emit_cut(b);
    lh__wait_reductions(b);
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        struct share share = bucket_share(&b->buckets[i]);

        optimizer(b, &share);
        updates[i] = b->last_compute;
    }
    lh__outer_emit(b);
    for (int i = b->n_buckets - 1; i >= 0; i--) {
        const struct lh__bucket *bucket = &b->buckets[i];
        int32_t first;

        lh__emit_cut(b);
        lh__emit_wait(b, updates[i]);
        first = b->n_ops;
        lh__emit_dep(b, bucket->gate,
                     ~lh__bucket_gather(b, bucket, LH_TASK_WEIGHTS));
        if (i == b->n_buckets - 1 || begins_stream(b, i))
            lh__outer_await(b, first, false);
    }
    lh__emit_cut(b);
}

void lh__sync_finish(struct lh__builder *b)
{
    int32_t tied, mirrored, update, first;
    struct share all = stage_share(b);
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
        if (b->fit->scenario->plan.zero == 0)
            gather_gradients(b);
        else
            update_and_gather(b);
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
    optimizer(b, &all);
    update = b->last_compute;
    lh__outer_emit(b);
    b->flow = update;
    first = b->n_ops;
    if (b->fit->scenario->plan.zero == 3) {
        lh__weights_finish(b, update);
        lh__outer_await(b, b->first_gather, true);
    } else if (b->fit->scenario->plan.zero >= 1) {
        gather_weights(b);
    }
    if (b->n_ops > first)
        lh__outer_await(b, first, false);
    lh__emit_cut(b);
}
