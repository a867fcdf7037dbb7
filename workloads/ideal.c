/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step of a model of which only layers, parameters and the time of computing
 * are known (model.ideal): in place of pass.c and every_step.c, before
 * builder.c.  For published models of synchronisation that know no more, and
 * for machines of which no more is known.
 *
 * L equal layers, T seconds.  Without model.ideal.backward 3 L - 1 units of
 * T / (3 L - 1): a layer's forward is one, its backward two (gradients of
 * inputs, then of weights), the first layer's one (Douillard et al. 2025,
 * arXiv:2501.18512).  With a share x: forward (1 - x) T / L a layer, backward
 * x T / L.
 *
 * plan.overlap.gradients: a layer's reduction begins when its backward has
 * ended, else all as one after the last backward.  Reductions follow each
 * other.  plan.overlap.forward: a layer of the next forward waits for its own
 * reduction, else the first for all.  Islands: the same inside an island in
 * every step, and of a fragment's layers between islands in the step in which
 * it is sent; the forward of the step overlap + 1 later waits, a gate of no
 * length before it.
 *
 * Left out: everything else: memory, optimiser, FLOPs.
 */
#include "workload.h"

void lh__ideal_fit(struct lh__fit *out, const struct lh_scenario *s)
{
    bool every_step = s->sync == LH_SYNC_EVERY_STEP;
    int64_t islands = every_step ? 1 : s->plan.data / s->outer.island;

    *out = (struct lh__fit){
        .scenario = s,
        .n_stages = 1,
        .n_chunks = 1,
        .n_micro_batches = 1,
        .replicas = s->plan.data,
        .islands = islands,
        .data = s->plan.data / islands,
        .shard = s->plan.data / islands,
        .group = s->plan.data / islands,
        .shard_axes = LH_AXIS_BIT(every_step ? LH_AXIS_DATA : LH_AXIS_SHARD),
    };
}

/* ---- computing ----------------------------------------------------------- */

static double forward_s(const struct lh_ideal *m)
{
    double n = (double)m->layers;

    return m->backward_frac < 0 ? m->step_s / (3.0 * n - 1.0)
                                : (1.0 - m->backward_frac) * m->step_s / n;
}

static double backward_s(const struct lh_ideal *m, int64_t layer)
{
    if (m->backward_frac < 0)
        return (layer == 0 ? 1.0 : 2.0) * forward_s(m);
    return m->backward_frac * m->step_s / (double)m->layers;
}

static int32_t compute(struct lh__builder *b, double seconds, enum lh_task task,
                       int64_t layer)
{
    struct lh__work work = {.kernel_s = seconds};

    lh__emit_work(b, &work, LH_COMPUTE, task, (int)layer);
    lh__emit_flush(b);
    return b->last_compute;
}

/* ---- islands ------------------------------------------------------------- */

static bool has_islands(const struct lh__builder *b)
{
    return b->fit->scenario->sync != LH_SYNC_EVERY_STEP
           && lh__outer_sends(b->fit);
}

static int32_t *gate_at(const struct lh__builder *b, int32_t *gates,
                        int64_t layer, int64_t fragment)
{
    return &gates[layer * lh__fragments(&b->fit->scenario->outer) + fragment];
}

/* In the step after that in which a fragment is merged, before what waits: a
 * layer, or (layer 0) all that is reduced as one. */
static void emit_gates(struct lh__builder *b, int32_t *gates, int64_t layer)
{
    const struct lh_scenario *s = b->fit->scenario;
    bool one = !s->plan.overlap_gradients;

    for (int64_t f = 0; has_islands(b) && f < lh__fragments(&s->outer); f++) {
        if (one ? layer > 0 : lh__fragment_share(s, layer, f) == 0.0)
            continue;
        b->turn = (int32_t)(lh__merge_turn(s, f) % s->outer.every) + 1;
        *gate_at(b, gates, layer, f) = compute(b, 0.0, LH_TASK_OUTER, layer);
    }
    b->turn = 0;
}

/* Layers' worth of a fragment for the other islands; the gate waits for it.
 * `inner` is the island's own reduction of the same. */
static void send(struct lh__builder *b, int64_t fragment, double layers,
                 int32_t inner, int32_t gate)
{
    const struct lh_scenario *s = b->fit->scenario;
    bool flat = s->outer.reduction == LH_REDUCTION_FLAT;
    double n = layers * s->ideal.parameters / (double)s->ideal.layers;
    double parts = flat ? 1.0 : (double)b->fit->data;
    double bytes = lh__wire_bytes(&s->outer, n / parts, b->fit->islands);
    int32_t op;

    lh__emit_cut(b);
    b->turn = lh__send_turn(&s->outer, fragment);
    lh__emit_wait(b, b->last_compute);
    lh__emit_wait(b, inner);
    if (lh__is_gathered(&s->outer)) {
        op = lh__outer_reduce(b, LH_ALL_GATHER, bytes);
    } else if (s->outer.reduction == LH_REDUCTION_EXCHANGE) {
        lh__outer_reduce(b, LH_ALL_TO_ALL, bytes);
        op = lh__outer_reduce(b, LH_ALL_GATHER, bytes);
    } else {
        op = lh__outer_reduce(b, LH_ALL_REDUCE, bytes);
    }
    lh__emit_dep(b, gate, ~op);
    b->turn = 0;
}

/* What layers first .. end - 1 have for the other islands, by fragment. */
static void send_layers(struct lh__builder *b, int32_t *gates, int64_t first,
                        int64_t end, int32_t inner)
{
    const struct lh_scenario *s = b->fit->scenario;

    for (int64_t f = 0; has_islands(b) && f < lh__fragments(&s->outer); f++) {
        double layers = 0.0;

        for (int64_t l = first; l < end; l++)
            layers += lh__fragment_share(s, l, f);
        if (layers > 0.0)
            send(b, f, layers, inner, *gate_at(b, gates, first, f));
    }
}

/* ---- every step ---------------------------------------------------------- */

static int32_t reduce_layers(struct lh__builder *b, int64_t n_layers,
                             int32_t waiting)
{
    const struct lh_ideal *m = &b->fit->scenario->ideal;
    double n = m->parameters * (double)n_layers / (double)m->layers;
    struct lh__comm_spec spec = lh__shard_comm(
        b, LH_ALL_REDUCE, lh__gradient_bytes(b->fit) * n, LH_TASK_GRADIENTS);
    int32_t op;

    if (b->fit->data == 1)
        return LH__NO_OP;
    lh__emit_cut(b);
    lh__emit_wait(b, b->last_compute);
    op = lh__emit_comm(b, &spec);
    lh__emit_dep(b, waiting, ~op);
    return op;
}

static void backward(struct lh__builder *b, const int32_t *forwards,
                     int32_t *gates)
{
    const struct lh_plan *plan = &b->fit->scenario->plan;
    const struct lh_ideal *m = &b->fit->scenario->ideal;
    int64_t n = m->layers;

    for (int64_t l = n - 1; l >= 0; l--) {
        int32_t inner = LH__NO_OP;

        lh__emit_cut(b);
        compute(b, backward_s(m, l), LH_TASK_BACKWARD, l);
        if (!plan->overlap_gradients)
            continue;
        inner = reduce_layers(b, 1, forwards[plan->overlap_forward ? l : 0]);
        send_layers(b, gates, l, l + 1, inner);
    }
    if (!plan->overlap_gradients) {
        int32_t inner = reduce_layers(b, n, forwards[0]);

        send_layers(b, gates, 0, n, inner);
    }
    lh__emit_cut(b);
}

void lh__ideal_emit(struct lh__builder *b)
{
    const struct lh_scenario *s = b->fit->scenario;
    size_t n = (size_t)s->ideal.layers;
    int32_t *forwards = LH_NEW(b->ctx->arena, int32_t, n);
    int32_t *gates =
        LH_NEW(b->ctx->arena, int32_t, n * (size_t)lh__fragments(&s->outer));

    b->micro_batch = -1;
    for (int64_t l = 0; l < s->ideal.layers && !s->plan.overlap_forward; l++)
        emit_gates(b, gates, l);
    for (int64_t l = 0; l < s->ideal.layers; l++) {
        if (s->plan.overlap_forward)
            emit_gates(b, gates, l);
        forwards[l] = compute(b, forward_s(&s->ideal), LH_TASK_FORWARD, l);
    }
    backward(b, forwards, gates);
}
