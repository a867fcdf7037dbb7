/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One micro-batch forward or backward through one chunk of a stage: receives,
 * segments of compute with tensor communication between them, sends.
 *
 * Tensor communication of a layer, T = b s tokens (Shoeybi et al. 2019,
 * arXiv:1909.08053; Korthikanti et al. 2022, arXiv:2205.05198, section 4.2):
 *   plain               attention, all-reduce 2 T h, MLP, all-reduce 2 T h;
 *                       backward the same two
 *   sequence_parallel   all-gather, attention, reduce-scatter, all-gather,
 *                       MLP, reduce-scatter, each of a whole buffer of 2 T h;
 *                       backward mirrors it
 *   parallel block      one segment in place of the two
 * and around the layers: embedding (reduction of its output), head (gather of
 * its input, reduction of its input's gradient) and three fp32 values a token
 * of the vocab-parallel loss, as one all-reduce.
 *
 * Full recomputation runs a layer's forward again, with its communication,
 * before its backward; a stack that stops early spares what no gradient needs,
 * the MLP's last GEMM and its reduction.  Selective runs the attention core
 * again; operators what transformer.c says, after its gathers again, while sums
 * over tensor are kept.
 *
 * A layer with routed experts on X = plan.expert replicas has, in place of the
 * MLP's, an all-to-all of k copies of every token to their experts and one of
 * their outputs back (dispatch, combine), backward of gradients in the same
 * precisions.  Within a tensor group, whose accelerators share each expert, the
 * copies are gathered before the experts and summed after them, like a
 * segment's tokens; so are those of shared experts.
 *
 * plan.overlap.tensor puts the gather and the reduction of a segment beside its
 * matrix products (overlap.c).  Where a stack does not join the products of one
 * input, the backward's sum follows their addition and nothing hides it
 * (PyTorch's asynchronous tensor parallelism looks for a product followed by
 * its reduction: torch/_inductor/fx_passes/micro_pipeline_tp.py).
 *
 * With tensor = context = expert = 1 nothing interrupts a chunk, and its layers
 * are one op, but for the passes that gradients or weights overlap with: those
 * are cut where a bucket ends.
 *
 * Left out: dispatch and combine behind other work (shared experts, another
 * micro-batch); the combine of skewed loads from the most visited accelerator
 * is taken as its mirror, the dispatch to it; with plan.overlap.tensor, hiding
 * the gather of a recomputed MLP that stops early, and those of operators.
 */
#include "workload.h"

/* Where in the step a segment stands. */
struct lap {
    enum lh_category category; /* of compute and of its communication */
    enum lh_category comm;
    enum lh_task task;
    int layer;
};

static void tensor_comm(struct lh__builder *b, const struct lap *lap,
                        enum lh_collective collective, double bytes)
{
    struct lh__comm_spec spec = {
        .comm =
            {
                .collective = collective,
                .axes = LH_AXIS_BIT(LH_AXIS_TENSOR),
                .bytes = bytes,
                .category = lap->comm,
                .algorithm = "auto",
            },
        .row = -1,
        .stream = LH_STREAM_TENSOR,
        .task = lap->task,
        .role = LH_ROLE_MEMBER,
        .layer = lap->layer,
    };

    if (b->fit->dims.tensor > 1.0)
        lh__emit_comm(b, &spec);
}

static double values_bytes(const struct lh__builder *b)
{
    return 2.0 * b->fit->dims.tokens * b->fit->dims.hidden;
}

/* Before a segment: its input whole on every accelerator. */
static void gather(struct lh__builder *b, const struct lap *lap)
{
    if (b->fit->scenario->plan.sequence_parallel)
        tensor_comm(b, lap, LH_ALL_GATHER, values_bytes(b));
}

/* After a segment: the sum of its partial outputs. */
static void reduce(struct lh__builder *b, const struct lap *lap)
{
    tensor_comm(b, lap,
                b->fit->scenario->plan.sequence_parallel ? LH_REDUCE_SCATTER
                                                         : LH_ALL_REDUCE,
                values_bytes(b));
}

static void compute(struct lh__builder *b, const struct lap *lap,
                    const struct lh__work *work)
{
    lh__emit_work(b, work, lap->category, lap->task, lap->layer);
}

/* ---- segments ----------------------------------------------------------- */

/* Attention and what is around it; around NULL: the core alone. */
static void attention_core(struct lh__builder *b, const struct lap *lap,
                           const struct lh__work *around, bool backward)
{
    struct lh__attention attention = {
        .category = lap->category,
        .comm = lap->comm == LH_RECOMPUTE ? LH_RECOMPUTE : LH_CONTEXT_COMM,
        .task = lap->task,
        .layer = lap->layer,
        .backward = backward,
        .around = around,
    };

    if (b->fit->dims.context > 1.0)
        lh__context_attention(b, &attention);
    else
        compute(b, lap, around != NULL ? around : &b->costs.core);
}

static void recompute_core(struct lh__builder *b, int layer)
{
    struct lap lap = {LH_RECOMPUTE, LH_RECOMPUTE, LH_TASK_RECOMPUTE, layer};

    if (b->fit->scenario->plan.recompute == LH_RECOMPUTE_SELECTIVE)
        attention_core(b, &lap, NULL, false);
}

/* A segment between its gather and its reduction. */
struct segment {
    const struct lh__work *work;
    const struct lh__overlap *overlap; /* of its products; NULL: none */
    bool is_attention, backward;
};

static void run(struct lh__builder *b, const struct lap *lap,
                const struct segment *s, const struct lh__work *work)
{
    if (s->is_attention && s->backward && !b->merge)
        recompute_core(b, lap->layer);
    if (s->is_attention)
        attention_core(b, lap, work, s->backward);
    else
        compute(b, lap, work);
}

static bool splits(const struct lh__builder *b)
{
    return b->fit->dims.tensor > 1.0;
}

/* Work beside the communication that has just begun; what follows waits for
 * both. */
static void beside(struct lh__builder *b, const struct lap *lap,
                   const struct lh__work *work)
{
    int32_t arrived = b->flow;

    lh__emit_cut(b);
    compute(b, lap, work);
    lh__emit_flush(b);
    b->flow = arrived;
    lh__emit_wait(b, b->last_compute);
}

/* The end of a backward: the input gradient of the segment's first product
 * beside the second gather of its input, the reduction beside its weight
 * gradient. */
static void reduce_beside_weights(struct lh__builder *b, const struct lap *lap,
                                  const struct lh__overlap *o)
{
    if (lh__gathers_twice(b->fit->scenario)) {
        gather(b, lap);
        beside(b, lap, &o->input);
    }
    reduce(b, lap);
    if (b->half != LH__INPUTS && o->reduction.n_kernels > 0.0)
        beside(b, lap, &o->reduction);
}

/* overlap.c: all but the products that hide something first, then the gather
 * beside t - 1 of t chunks of one, the last chunk, the first of the other, and
 * the reduction beside the rest of that. */
static void in_chunks(struct lh__builder *b, const struct lap *lap,
                      const struct segment *s)
{
    const struct lh__overlap *o = s->overlap;
    double last = 1.0 / b->fit->dims.tensor, first = s->backward ? 0.0 : last;
    struct lh__work chunks = {0}, between = {0}, after = {0};

    lh__work_add_part(&chunks, &o->gather, 1.0 - last);
    lh__work_add_part(&between, &o->gather, last);
    lh__work_add_part(&between, &o->reduction, first);
    lh__work_add_part(&after, &o->reduction, 1.0 - first);
    gather(b, lap);
    beside(b, lap, &chunks);
    compute(b, lap, &between);
    if (s->backward && !b->fit->scenario->stack.joined) {
        if (b->half != LH__INPUTS)
            compute(b, lap, &after);
        reduce(b, lap);
        return;
    }
    if (s->backward) {
        reduce_beside_weights(b, lap, o);
        return;
    }
    reduce(b, lap);
    beside(b, lap, &after);
}

static void segment(struct lh__builder *b, const struct lap *lap,
                    const struct segment *s)
{
    bool in_parts = b->fit->scenario->plan.overlap_tensor;
    bool hides = b->fit->scenario->stack.backward_overlap && s->backward
                 && s->overlap != NULL;
    struct lh__work rest = *s->work;

    if (!splits(b) || (!in_parts && !hides)) {
        gather(b, lap);
        run(b, lap, s, s->work);
        reduce(b, lap);
        return;
    }
    lh__work_add_part(&rest, &s->overlap->replaced, -1.0);
    if (!in_parts)
        gather(b, lap);
    run(b, lap, s, &rest);
    if (in_parts)
        in_chunks(b, lap, s);
    else
        reduce_beside_weights(b, lap, s->overlap);
}

static void attention(struct lh__builder *b, const struct lap *lap,
                      bool backward)
{
    bool latent = b->fit->scenario->model.attention == LH_ATTENTION_MLA;
    struct segment s = {
        .work = backward ? &b->costs.attention_backward
                         : &b->costs.attention_forward,
        .overlap = latent ? NULL : &b->costs.attention[backward],
        .is_attention = true,
        .backward = backward,
    };

    segment(b, lap, &s);
}

static void mlp(struct lh__builder *b, const struct lap *lap, bool backward)
{
    struct segment s = {
        .work = backward ? &b->costs.mlp_backward : &b->costs.mlp_forward,
        .overlap = &b->costs.mlp[backward],
        .backward = backward,
    };

    segment(b, lap, &s);
}

/* ---- routed experts ----------------------------------------------------- */

/* Copies of a rank's tokens to their experts, or back. */
static void exchange(struct lh__builder *b, const struct lap *lap,
                     enum lh_task task)
{
    const struct lh_plan *plan = &b->fit->scenario->plan;
    bool fp8 = task == LH_TASK_DISPATCH && plan->dispatch_precision == LH_FP8;
    bool relay = plan->dispatch == LH_DISPATCH_RELAY;
    struct lh_copies copies = {b->fit->scenario->model.experts_per_token,
                               b->fit->scenario->training.routing_domains};
    const struct lh__dims *d = &b->fit->dims;
    struct lh__comm_spec spec = {
        .comm =
            {
                .collective = LH_ALL_TO_ALL,
                .axes =
                    LH_AXIS_BIT(LH_AXIS_EXPERT)
                    | (plan->whole_experts ? LH_AXIS_BIT(LH_AXIS_TENSOR) : 0),
                .bytes = (fp8 ? 1.0 : 2.0) * d->visits * d->hidden * d->tokens
                         / d->shards,
                .load = b->loads,
                .copies = relay ? copies : (struct lh_copies){0},
                .category =
                    lap->comm == LH_TENSOR_COMM ? LH_EXPERT_COMM : lap->comm,
                .algorithm = relay ? "relay" : "auto",
            },
        .row = -1,
        .stream = LH_STREAM_TENSOR,
        .task = task,
        .role = LH_ROLE_MEMBER,
        .layer = lap->layer,
    };

    if (plan->expert > 1)
        lh__emit_comm(b, &spec);
}

/* Experts on tokens that stand on one accelerator of the tensor group each. */
static void expert_segment(struct lh__builder *b, const struct lap *lap,
                           const struct lh__work *work, double copies)
{
    double bytes = copies * values_bytes(b);

    tensor_comm(b, lap, LH_ALL_GATHER, bytes);
    compute(b, lap, work);
    tensor_comm(b, lap, LH_REDUCE_SCATTER, bytes);
}

static void routed_experts(struct lh__builder *b, const struct lap *lap,
                           const struct lh__work *work)
{
    exchange(b, lap, LH_TASK_DISPATCH);
    if (b->fit->scenario->plan.whole_experts)
        compute(b, lap, work);
    else
        expert_segment(b, lap, work,
                       b->fit->dims.visits * b->fit->dims.hottest);
    exchange(b, lap, LH_TASK_COMBINE);
}

static void sparse_forward(struct lh__builder *b, const struct lap *lap)
{
    const struct lh__sparse *costs = &b->costs.sparse_forward;

    compute(b, lap, &costs->entry);
    if (b->fit->dims.shared_ffn > 0.0)
        expert_segment(b, lap, &costs->shared, 1.0);
    routed_experts(b, lap, &costs->routed);
    compute(b, lap, &costs->leave);
}

static void sparse_backward(struct lh__builder *b, const struct lap *lap)
{
    const struct lh__sparse *costs = &b->costs.sparse_backward;

    compute(b, lap, &costs->leave);
    routed_experts(b, lap, &costs->routed);
    if (b->fit->dims.shared_ffn > 0.0)
        expert_segment(b, lap, &costs->shared, 1.0);
    compute(b, lap, &costs->entry);
}

/* ---- layers ------------------------------------------------------------- */

/* A parallel block is the segment of its attention. */
static bool is_parallel(const struct lh__builder *b)
{
    return b->fit->scenario->model.parallel_block;
}

static void layer_forward(struct lh__builder *b, const struct lap *lap)
{
    attention(b, lap, false);
    if (lh__layer_is_sparse(b->fit, lap->layer))
        sparse_forward(b, lap);
    else if (!is_parallel(b))
        mlp(b, lap, false);
}

static void recompute_layer(struct lh__builder *b, int layer)
{
    struct lap lap = {LH_RECOMPUTE, LH_RECOMPUTE, LH_TASK_RECOMPUTE, layer};

    if (b->fit->scenario->plan.recompute == LH_RECOMPUTE_OPERATORS) {
        gather(b, &lap);
        compute(b, &lap, &b->costs.attention_second);
        gather(b, &lap);
        compute(b, &lap, &b->costs.mlp_second);
        return;
    }
    if (b->fit->scenario->plan.recompute != LH_RECOMPUTE_FULL)
        return;
    if (lh__layer_is_sparse(b->fit, layer)
        || !b->fit->scenario->stack.early_stop) {
        layer_forward(b, &lap);
        return;
    }
    if (!is_parallel(b))
        attention(b, &lap, false);
    gather(b, &lap);
    if (is_parallel(b))
        attention_core(b, &lap, &b->costs.mlp_again, false);
    else
        compute(b, &lap, &b->costs.mlp_again);
}

static void layer_backward(struct lh__builder *b, int layer)
{
    struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_BACKWARD, layer};

    if (lh__layer_is_sparse(b->fit, layer))
        sparse_backward(b, &lap);
    else if (!is_parallel(b))
        mlp(b, &lap, true);
    attention(b, &lap, true);
}

/* ---- the ends of the model ---------------------------------------------- */

static void embedding(struct lh__builder *b, bool backward)
{
    struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_EMBEDDING, -1};

    if (backward && lh__fit_is_frozen(b->fit))
        return;
    if (backward) {
        gather(b, &lap);
        compute(b, &lap, &b->costs.embedding_backward);
    } else {
        compute(b, &lap, &b->costs.embedding_forward);
        reduce(b, &lap);
    }
}

static void head_backward(struct lh__builder *b, const struct lap *lap)
{
    struct lh__work rest = b->costs.head_backward;

    if (!splits(b) || !b->fit->scenario->stack.backward_overlap) {
        compute(b, lap, &rest);
        reduce(b, lap);
        return;
    }
    lh__work_add_part(&rest, &b->costs.head.replaced, -1.0);
    compute(b, lap, &rest);
    reduce_beside_weights(b, lap, &b->costs.head);
}

static void head(struct lh__builder *b, bool backward)
{
    struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_HEAD, -1};

    if (backward) {
        head_backward(b, &lap);
        return;
    }
    gather(b, &lap);
    compute(b, &lap, &b->costs.head_forward);
    tensor_comm(b, &lap, LH_ALL_REDUCE, 12.0 * b->fit->dims.tokens);
    lh__emit_flush(b);
    b->loss[b->micro_batch] = b->flow;
}

/* ---- passes ------------------------------------------------------------- */

static int find_bucket(const struct lh__builder *b, int chunk, int unit)
{
    for (int i = 0; i < b->n_buckets; i++) {
        const struct lh__bucket *bucket = &b->buckets[i];

        if (bucket->chunk < 0
            || (bucket->chunk == chunk && unit >= bucket->first_unit
                && unit <= bucket->last_unit))
            return i;
    }
    return -1;
}

/* The first forward of a step must wait for gathered weights: where a bucket
 * begins, the op ends and the next one is the bucket's gate; or, for gathered
 * gradients, its update is. */
static void open_gate(struct lh__builder *b, int chunk, int unit)
{
    int64_t zero = b->fit->scenario->plan.zero;
    bool updates = zero == 0 && lh__fit_updates_apart(b->fit);
    int bucket = find_bucket(b, chunk, unit);

    if ((zero == 0 && !updates) || zero == 3 || bucket < 0
        || b->buckets[bucket].gate >= 0 || b->gate == bucket)
        return;
    lh__emit_flush(b);
    if (updates)
        lh__sync_update(b, bucket);
    else if (b->buckets[bucket].gate < 0)
        b->gate = bucket;
}

static bool beside_transfers(const struct lh__builder *b)
{
    return b->fit->scenario->plan.overlap_pipeline;
}

/* A pass begins with what another stage has sent. */
static void receive(struct lh__builder *b, const struct lh__slot *slot)
{
    struct lap lap = {LH_COMPUTE, LH_PIPELINE_COMM, LH_TASK_ACTIVATIONS, -1};

    bool sent =
        !beside_transfers(b) || lh__transfer_receive(b, slot) != LH__NO_OP;

    if (sent && lh__fit_scatters(b->fit))
        tensor_comm(b, &lap, LH_ALL_GATHER, values_bytes(b));
}

/* What the pass made goes to the next stage.  The compute stream waits for the
 * pass's last reduction, whatever comes next but a pass beside it (pair.c). */
static void end_pass(struct lh__builder *b, const struct lh__slot *slot)
{
    lh__emit_flush(b);
    if (b->flow != LH__NO_OP && b->ops[b->flow].kind == LH_OP_COMM) {
        if (b->paired)
            b->paired_end = b->flow;
        else
            lh__emit_compute_wait(b, b->flow);
    }
    if (beside_transfers(b))
        lh__transfer_send(b, slot);
}

void lh__pass_forward(struct lh__builder *b, int chunk, bool first)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    struct lh__slot slot = {.chunk = chunk, .micro_batch = b->micro_batch};

    lh__emit_cut(b);
    lh__sync_forward(b);
    if (!c->embedding)
        receive(b, &slot);
    for (int u = lh__chunk_units(c) - 1; u >= 0; u--) {
        struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_FORWARD,
                          lh__unit_layer(c, u)};

        if (first)
            open_gate(b, chunk, u);
        lh__weights_need(b, chunk, u, false);
        if (lh__unit_is_embedding(c, u))
            embedding(b, false);
        else if (lh__unit_is_head(c, u))
            head(b, false);
        else
            layer_forward(b, &lap);
        lh__weights_done(b, chunk, u, false);
    }
    end_pass(b, &slot);
}

static bool is_layer(const struct lh__chunk *c, int unit)
{
    return !lh__unit_is_head(c, unit) && !lh__unit_is_embedding(c, unit);
}

/* Units [first, last] backward.  Merged, all of a range is recomputed before
 * its backward, so that each is one op. */
static void backward_range(struct lh__builder *b, const struct lh__chunk *c,
                           int first, int last)
{
    if (lh__unit_is_head(c, first)) {
        head(b, true);
        first++;
    }
    for (int u = first; b->merge && u <= last; u++) {
        if (is_layer(c, u)) {
            recompute_layer(b, lh__unit_layer(c, u));
            recompute_core(b, lh__unit_layer(c, u));
        }
    }
    for (int u = first; u <= last; u++) {
        if (!is_layer(c, u)) {
            embedding(b, true);
            continue;
        }
        if (!b->merge)
            recompute_layer(b, lh__unit_layer(c, u));
        layer_backward(b, lh__unit_layer(c, u));
    }
    lh__emit_flush(b);
}

static void begin_backward(struct lh__builder *b, const struct lh__chunk *c,
                           const struct lh__slot *slot)
{
    int32_t loss;

    lh__emit_cut(b);
    if (!c->head) {
        receive(b, slot);
        return;
    }
    loss = b->loss[b->micro_batch];
    if (b->ops[loss].stream != LH_STREAM_COMPUTE)
        lh__emit_wait(b, loss);
}

void lh__pass_backward(struct lh__builder *b, int chunk, bool last)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    struct lh__slot slot = {
        .backward = true, .chunk = chunk, .micro_batch = b->micro_batch};
    int n = lh__chunk_units(c);
    bool by_unit = b->fit->scenario->plan.zero == 3 && b->n_buckets > 0;
    bool reduces = b->half == LH__WHOLE && lh__sync_reduces(b, last);
    bool cut = by_unit || (reduces && b->buckets[0].chunk >= 0);

    begin_backward(b, c, &slot);
    for (int u = 0; u < n;) {
        int bucket = cut ? find_bucket(b, chunk, u) : -1;
        int end = cut ? b->buckets[bucket].last_unit : n - 1;

        lh__weights_need(b, chunk, u, true);
        backward_range(b, c, u, end);
        lh__weights_done(b, chunk, u, true);
        if (cut && reduces)
            lh__sync_bucket_done(b, bucket, last);
        u = end + 1;
    }
    end_pass(b, &slot);
}

static void add_sparse(struct lh__work *sum, const struct lh__sparse *costs)
{
    lh__work_add(sum, &costs->entry);
    lh__work_add(sum, &costs->shared);
    lh__work_add(sum, &costs->routed);
}

/* Gradients of the weights of units [first, last], as one op without tensor
 * communication.  The embedding's are made with its gradient of inputs. */
static void weights_range(struct lh__builder *b, const struct lh__chunk *c,
                          int first, int last)
{
    const struct lh__costs *costs = &b->costs;
    struct lh__work all = {0}, weights;

    for (int u = first; u <= last; u++) {
        if (lh__unit_is_head(c, u)) {
            lh__work_add(&all, &costs->head_backward);
        } else if (is_layer(c, u)) {
            lh__work_add(&all, &costs->attention_backward);
            if (lh__layer_is_sparse(b->fit, lh__unit_layer(c, u)))
                add_sparse(&all, &costs->sparse_backward);
            else
                lh__work_add(&all, &costs->mlp_backward);
        }
    }
    weights = (struct lh__work){.kernel_s = all.weights_s,
                                .n_kernels = all.n_weights};
    if (weights.n_kernels > 0.0)
        lh__emit_work(b, &weights, LH_COMPUTE, LH_TASK_WEIGHT_GRADIENTS, -1);
    lh__emit_flush(b);
}

void lh__pass_weights(struct lh__builder *b, int chunk, bool last)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    int n = lh__chunk_units(c);
    bool cut = lh__sync_reduces(b, last) && b->buckets[0].chunk >= 0;

    lh__emit_cut(b);
    for (int u = 0; u < n;) {
        int bucket = cut ? find_bucket(b, chunk, u) : -1;
        int end = cut ? b->buckets[bucket].last_unit : n - 1;

        weights_range(b, c, u, end);
        if (cut)
            lh__sync_bucket_done(b, bucket, last);
        u = end + 1;
    }
}
