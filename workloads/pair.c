/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A forward and a backward side by side, so that the communication of one hides
 * behind the computation of the other (DualPipe: DeepSeek-AI 2024,
 * arXiv:2412.19437, section 3.2.1, figure 4: attention, dispatch, MLP, combine
 * of both in turn).  After pass.c, which has emitted them one after the other.
 *
 * A pass is cut into blocks, each of which ends with a communication of the
 * tensor or the context stream: what comes next waits for it.  The blocks of
 * the two are put in turn, evenly where one has more.  Ops keep their order
 * within a pass, and depend on nothing in the other, so that all dependencies
 * hold.  What follows the pair waits for the last communication of both.
 *
 * Under ZeRO-2 a backward's reductions stay in its strand; under ZeRO-3 nothing
 * is gathered or reduced inside a pair: weights stay (fit.c sees to it), and
 * the first and the last pass of a chunk are never of a pair.
 *
 * Left out: shifting the share of processors that communication takes;
 * gradients of weights as blocks of their own.
 */
#include "workload.h"

static bool ends_block(const struct lh_op *op)
{
    return op->stream == LH_STREAM_TENSOR || op->stream == LH_STREAM_CONTEXT;
}

static int count_blocks(const struct lh__builder *b, int32_t first,
                        int32_t last)
{
    int n = 1;

    for (int32_t i = first; i < last; i++)
        n += ends_block(&b->ops[i]);
    return n;
}

/* One of the two passes while they are put together. */
struct strand {
    int32_t next, last; /* ops, less what it sends at its end */
    bool sends;
    int done, n; /* blocks */
};

static struct strand strand_make(const struct lh__builder *b, int32_t first,
                                 int32_t last)
{
    bool sends = b->ops[last - 1].role == LH_ROLE_SENDER;

    return (struct strand){.next = first,
                           .last = last - sends,
                           .sends = sends,
                           .n = count_blocks(b, first, last - sends)};
}

/* Where the ops go; place[] begins with the pair's first op. */
struct order {
    int32_t first, at;
    int32_t *place;
};

static void place_op(struct order *o, int32_t op)
{
    o->place[op - o->first] = o->at++;
}

static void place_block(struct order *o, const struct lh__builder *b,
                        struct strand *s)
{
    bool ended = false;

    while (s->next < s->last && !ended) {
        ended = ends_block(&b->ops[s->next]);
        place_op(o, s->next++);
    }
    s->done++;
}

static int32_t moved(const int32_t *place, int32_t first, int32_t op)
{
    return op >= first ? place[op - first] : op;
}

/* All that names ops by their number. */
static void renumber(struct lh__builder *b, const int32_t *place, int32_t first,
                     int32_t first_dep)
{
    for (int32_t i = first_dep; i < b->n_deps; i++) {
        b->deps[i][0] = moved(place, first, b->deps[i][0]);
        b->deps[i][1] = moved(place, first, b->deps[i][1]);
    }
    for (int i = 0; i < b->n_buckets; i++) {
        b->buckets[i].backward = moved(place, first, b->buckets[i].backward);
        b->buckets[i].gate = moved(place, first, b->buckets[i].gate);
    }
    for (int i = 0; i < b->n_compute_waits; i++)
        b->compute_waits[i] = moved(place, first, b->compute_waits[i]);
    for (int i = 0; i < 2; i++)
        b->reductions[i] = moved(place, first, b->reductions[i]);
    for (int i = 0; i < b->fit->n_micro_batches; i++) {
        b->loss[i] = moved(place, first, b->loss[i]);
        for (int k = 0; k < 4; k++) {
            int32_t *turn = &b->turns[2 * i + k / 2][k % 2];

            *turn = moved(place, first, *turn);
        }
    }
}

/* Returns how many sends stand at the end. */
static int place_all(struct order *o, const struct lh__builder *b,
                     const struct lh__pair *pair)
{
    struct strand f = strand_make(b, pair->first, pair->middle);
    struct strand r = strand_make(b, pair->middle, b->n_ops);

    while (f.done < f.n || r.done < r.n) {
        bool forward = (int64_t)f.done * r.n <= (int64_t)r.done * f.n;

        place_block(o, b, forward ? &f : &r);
    }
    if (f.sends)
        place_op(o, f.last);
    if (r.sends)
        place_op(o, r.last);
    return f.sends + r.sends;
}

void lh__pair_merge(struct lh__builder *b, const struct lh__pair *pair)
{
    int32_t first = pair->first, n = b->n_ops - first;
    struct lh_op *ops = LH_NEW(b->ctx->arena, struct lh_op, (size_t)n);
    struct order o = {first, first, LH_NEW(b->ctx->arena, int32_t, (size_t)n)};
    int n_sends = place_all(&o, b, pair);

    for (int32_t i = 0; i < n; i++)
        ops[o.place[i] - first] = b->ops[first + i];
    for (int32_t i = 0; i < n; i++) {
        b->ops[first + i] = ops[i];
        if (ops[i].kind == LH_OP_COMPUTE)
            b->last_compute = first + i;
    }
    renumber(b, o.place, first, pair->first_dep);
    lh__emit_compute_wait(b, moved(o.place, first, b->paired_end));
    for (int i = 1; i <= n_sends; i++)
        lh__emit_dep(b, b->n_ops - i, b->last_compute);
    b->flow = LH__NO_OP;
}
