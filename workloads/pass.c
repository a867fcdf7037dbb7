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
 * and around the layers: embedding (reduction of its output), head (gather of
 * its input, reduction of its input's gradient) and three fp32 values a token
 * of the vocab-parallel loss, as one all-reduce.
 *
 * Full recomputation runs a layer's forward again, with its communication,
 * before its backward; selective runs the attention core again.
 *
 * plan.overlap.tensor puts the gather and the reduction of a segment beside its
 * matrix products (overlap.c).
 *
 * With tensor = 1 nothing interrupts a chunk, and its layers are one op, but
 * for the passes that gradients or weights overlap with: those are cut where
 * a bucket ends.
 *
 * Left out: the second gather of a segment's input for its weight gradient
 * under sequence parallelism (hidden behind the input gradient in Megatron-LM);
 * hiding the backward's reduction behind the weight gradient.
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
    const struct lh__overlap *overlap; /* of its products */
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

/* overlap.c: all but the two products first, then the gather beside t - 1 of t
 * chunks of one, the last chunk, the first of the other, and the reduction
 * beside the rest of that; backward the reduction beside all of it. */
static void overlapped(struct lh__builder *b, const struct lap *lap,
                       const struct segment *s)
{
    const struct lh__overlap *o = s->overlap;
    double last = 1.0 / b->fit->dims.tensor, first = s->backward ? 0.0 : last;
    struct lh__work rest = *s->work, beside = {0}, between = {0}, after = {0};
    int32_t arrived;

    lh__work_add_part(&rest, &o->replaced, -1.0);
    lh__work_add_part(&beside, &o->gather, 1.0 - last);
    lh__work_add_part(&between, &o->gather, last);
    lh__work_add_part(&between, &o->reduction, first);
    lh__work_add_part(&after, &o->reduction, 1.0 - first);
    run(b, lap, s, &rest);
    gather(b, lap);
    arrived = b->flow;
    lh__emit_cut(b);
    compute(b, lap, &beside);
    lh__emit_wait(b, arrived);
    compute(b, lap, &between);
    reduce(b, lap);
    arrived = b->flow;
    lh__emit_cut(b);
    if (b->half != LH__INPUTS || !s->backward)
        compute(b, lap, &after);
    lh__emit_flush(b);
    b->flow = arrived;
}

static void segment(struct lh__builder *b, const struct lap *lap,
                    const struct segment *s)
{
    if (b->fit->scenario->plan.overlap_tensor && b->fit->dims.tensor > 1.0) {
        overlapped(b, lap, s);
        return;
    }
    gather(b, lap);
    run(b, lap, s, s->work);
    reduce(b, lap);
}

static void attention(struct lh__builder *b, const struct lap *lap,
                      bool backward)
{
    struct segment s = {
        .work = backward ? &b->costs.attention_backward
                         : &b->costs.attention_forward,
        .overlap = &b->costs.attention[backward],
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

static void layer_forward(struct lh__builder *b, const struct lap *lap)
{
    attention(b, lap, false);
    mlp(b, lap, false);
}

static void recompute_layer(struct lh__builder *b, int layer)
{
    struct lap lap = {LH_RECOMPUTE, LH_RECOMPUTE, LH_TASK_RECOMPUTE, layer};

    if (b->fit->scenario->plan.recompute == LH_RECOMPUTE_FULL)
        layer_forward(b, &lap);
}

static void layer_backward(struct lh__builder *b, int layer)
{
    struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_BACKWARD, layer};

    mlp(b, &lap, true);
    attention(b, &lap, true);
}

/* ---- the ends of the model ---------------------------------------------- */

static void embedding(struct lh__builder *b, bool backward)
{
    struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_EMBEDDING, -1};

    if (backward) {
        gather(b, &lap);
        compute(b, &lap, &b->costs.embedding_backward);
    } else {
        compute(b, &lap, &b->costs.embedding_forward);
        reduce(b, &lap);
    }
}

static void head(struct lh__builder *b, bool backward)
{
    struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_HEAD, -1};

    if (backward) {
        compute(b, &lap, &b->costs.head_backward);
        reduce(b, &lap);
    } else {
        gather(b, &lap);
        compute(b, &lap, &b->costs.head_forward);
        tensor_comm(b, &lap, LH_ALL_REDUCE, 12.0 * b->fit->dims.tokens);
        lh__emit_flush(b);
        b->loss[b->micro_batch] = b->flow;
    }
}

/* ---- pipeline ----------------------------------------------------------- */

/* The transfer over boundary k, between the k-th and the next chunk of the
 * model. */
static void transfer(struct lh__builder *b, int k, bool backward, bool send)
{
    static const enum lh_stream streams[2][2] = {
        {LH_STREAM_FORWARD_RECV, LH_STREAM_FORWARD_SEND},
        {LH_STREAM_BACKWARD_RECV, LH_STREAM_BACKWARD_SEND},
    };
    int m = b->fit->n_micro_batches;
    int n_boundaries = b->fit->n_stages * b->fit->n_chunks - 1;
    struct lh__comm_spec spec = {
        .row = b->sends[(backward * n_boundaries + k) * m + b->micro_batch],
        .stream = streams[backward][send],
        .task = LH_TASK_ACTIVATIONS,
        .role = send ? LH_ROLE_SENDER : LH_ROLE_RECEIVER,
        .layer = -1,
    };

    lh__emit_comm(b, &spec);
}

/* Place of a chunk in the order of the model. */
static int chunk_place(const struct lh__builder *b, int chunk)
{
    return chunk * b->fit->n_stages + b->stage;
}

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
 * begins, the op ends and the next one is the bucket's gate. */
static void open_gate(struct lh__builder *b, int chunk, int unit)
{
    int bucket = find_bucket(b, chunk, unit);

    if (b->fit->scenario->plan.zero == 0 || bucket < 0
        || b->buckets[bucket].gate >= 0 || b->gate == bucket)
        return;
    lh__emit_flush(b);
    if (b->buckets[bucket].gate < 0)
        b->gate = bucket;
}

void lh__pass_forward(struct lh__builder *b, int chunk, bool first)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    int place = chunk_place(b, chunk);

    lh__emit_cut(b);
    if (place > 0)
        transfer(b, place - 1, false, false);
    for (int u = lh__chunk_units(c) - 1; u >= 0; u--) {
        struct lap lap = {LH_COMPUTE, LH_TENSOR_COMM, LH_TASK_FORWARD,
                          lh__unit_layer(c, u)};

        if (first)
            open_gate(b, chunk, u);
        if (lh__unit_is_embedding(c, u))
            embedding(b, false);
        else if (lh__unit_is_head(c, u))
            head(b, false);
        else
            layer_forward(b, &lap);
    }
    lh__emit_flush(b);
    if (!c->head)
        transfer(b, place, false, true);
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
                           int place)
{
    int32_t loss;

    lh__emit_cut(b);
    if (!c->head) {
        transfer(b, place, true, false);
        return;
    }
    loss = b->loss[b->micro_batch];
    if (b->ops[loss].stream != LH_STREAM_COMPUTE)
        lh__emit_wait(b, loss);
}

void lh__pass_backward(struct lh__builder *b, int chunk, bool last)
{
    const struct lh__chunk *c = lh__fit_chunk(b->fit, b->stage, chunk);
    int place = chunk_place(b, chunk), n = lh__chunk_units(c);
    bool cut =
        last && b->fit->scenario->plan.overlap_gradients && b->n_buckets > 0;

    begin_backward(b, c, place);
    for (int u = 0; u < n;) {
        int bucket = cut ? find_bucket(b, chunk, u) : -1;
        int end = cut ? b->buckets[bucket].last_unit : n - 1;

        backward_range(b, c, u, end);
        if (cut)
            lh__sync_bucket_done(b, bucket);
        u = end + 1;
    }
    if (place > 0)
        transfer(b, place - 1, true, true);
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
            lh__work_add(&all, &costs->mlp_backward);
            lh__work_add(&all, &costs->attention_backward);
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
    bool cut =
        last && b->fit->scenario->plan.overlap_gradients && b->n_buckets > 0;

    lh__emit_cut(b);
    for (int u = 0; u < n;) {
        int bucket = cut ? find_bucket(b, chunk, u) : -1;
        int end = cut ? b->buckets[bucket].last_unit : n - 1;

        weights_range(b, c, u, end);
        if (cut)
            lh__sync_bucket_done(b, bucket);
        u = end + 1;
    }
}
