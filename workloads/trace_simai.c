/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program from SimAI's workload text (model.trace): in place of pass.c and
 * sync/, before builder.c.  Every stage of the pipeline runs the lines of the
 * file, which are those of one; times of computing are the file's.
 *
 *   forward   line by line: compute, then the communication, waited for
 *   backward  from the last line to the first: gradients of inputs, their
 *             communication, waited for, gradients of weights, whose
 *             communication nobody waits for but the end of the step
 *
 * as HYBRID_TRANSFORMER_FWD_IN_BCKWD does (aliyun/SimAI, Workload.cc).  With
 * pp > 1 the lines of a micro-batch are dealt to the vpp chunks as evenly as
 * their number allows, plan.schedule orders the passes, and stages send each
 * other pp_comm bytes; lines before the micro-batches run forward before and
 * backward after all of them, lines behind them both ways in between.  SimAI's
 * analytical mode has a formula instead, (pp - 1) / (ga vpp) of the rest.
 *
 * Groups: TP the tensor axis, EP the experts', DP all replicas of a stage,
 * DP_EP those with the same experts.  The step begins at rest and is run once.
 *
 * Left out: memory, FLOPs, overlap ratios, the time after communications of
 * weight gradients.
 */
#include "workload.h"

#include <assert.h>

/* What is computed next, and who waits for what came before. */
struct emitter {
    struct lh__builder *b;
    const struct lh_simai *file;
    double pending_s;
    bool backward;
};

void lh__simai_fit(struct lh__fit *out, const struct lh_scenario *s)
{
    const struct lh_simai *file = s->traced.simai;
    bool pipelined = file->pipeline > 1;
    int64_t chunks =
        s->plan.schedule == LH_SCHEDULE_INTERLEAVED ? s->plan.interleave : 1;

    *out = (struct lh__fit){
        .scenario = s,
        .n_stages = (int)file->pipeline,
        .n_chunks = pipelined ? (int)chunks : 1,
        .n_micro_batches = pipelined ? (int)file->micro_batches : 1,
        .replicas = s->plan.data,
        .islands = 1,
        .data = s->plan.data,
        .shard = s->plan.data,
        .group = s->plan.data,
        .shard_axes = LH_AXIS_BIT(LH_AXIS_DATA),
        /* a send has 2 x tokens x hidden bytes */
        .dims = {.tensor = 1,
                 .shards = 1,
                 .tokens = file->send_bytes / 2,
                 .hidden = 1},
    };
}

static void flush(struct emitter *e)
{
    struct lh__work work = {.kernel_s = e->pending_s};

    if (e->pending_s > 0)
        lh__emit_work(e->b, &work, LH_COMPUTE,
                      e->backward ? LH_TASK_BACKWARD : LH_TASK_FORWARD, -1);
    e->pending_s = 0;
    lh__emit_flush(e->b);
}

static unsigned group_axes(enum lh_simai_group group)
{
    switch (group) {
    case LH_SIMAI_TP: return LH_AXIS_BIT(LH_AXIS_TENSOR);
    case LH_SIMAI_EP: return LH_AXIS_BIT(LH_AXIS_EXPERT);
    case LH_SIMAI_DP_EP: return LH_AXIS_BIT(LH_AXIS_DATA);
    case LH_SIMAI_DP:
    default: return LH_AXIS_BIT(LH_AXIS_EXPERT) | LH_AXIS_BIT(LH_AXIS_DATA);
    }
}

static int64_t members(const struct emitter *e, enum lh_simai_group group)
{
    const struct lh_plan *plan = &e->b->fit->scenario->plan;

    switch (group) {
    case LH_SIMAI_TP: return plan->tensor;
    case LH_SIMAI_EP: return plan->expert;
    case LH_SIMAI_DP_EP: return plan->data / plan->expert;
    case LH_SIMAI_DP:
    default: return plan->data;
    }
}

static struct lh__comm_spec comm_spec(const struct lh_simai_part *part,
                                      bool weights)
{
    static const enum lh_collective collectives[] = {
        [LH_SIMAI_ALL_REDUCE] = LH_ALL_REDUCE,
        [LH_SIMAI_REDUCE_SCATTER] = LH_REDUCE_SCATTER,
        [LH_SIMAI_ALL_GATHER] = LH_ALL_GATHER,
        [LH_SIMAI_ALL_TO_ALL] = LH_ALL_TO_ALL,
    };
    static const enum lh_category categories[] = {
        [LH_SIMAI_TP] = LH_TENSOR_COMM,
        [LH_SIMAI_EP] = LH_EXPERT_COMM,
        [LH_SIMAI_DP] = LH_DATA_COMM,
        [LH_SIMAI_DP_EP] = LH_DATA_COMM,
    };

    return (struct lh__comm_spec){
        .comm = {.collective = collectives[part->comm],
                 .axes = group_axes(part->group),
                 .bytes = part->bytes,
                 .category = categories[part->group],
                 .algorithm = "auto"},
        .row = -1,
        .stream = weights ? LH_STREAM_DATA : LH_STREAM_TENSOR,
        .task = weights                             ? LH_TASK_GRADIENTS
                : part->comm == LH_SIMAI_ALL_TO_ALL ? LH_TASK_DISPATCH
                                                    : LH_TASK_ACTIVATIONS,
        .role = LH_ROLE_MEMBER,
        .layer = -1,
    };
}

static void emit_part(struct emitter *e, const struct lh_simai_line *line,
                      int index)
{
    const struct lh_simai_part *part = &line->parts[index];
    bool weights = index == LH_SIMAI_WEIGHTS;
    struct lh__comm_spec spec;

    e->pending_s += part->compute_s;
    if (part->comm == LH_SIMAI_NONE || members(e, part->group) == 1)
        return;
    flush(e);
    spec = comm_spec(part, weights);
    if (weights) {
        lh__emit_beside(e->b, &spec, e->b->flow);
        return;
    }
    lh__emit_comm(e->b, &spec);
    e->pending_s += line->update_s;
}

static void forward(struct emitter *e, int first, int end)
{
    e->backward = false;
    for (int i = first; i < end; i++)
        emit_part(e, &e->file->lines[i], LH_SIMAI_FORWARD);
    flush(e);
}

static void backward(struct emitter *e, int first, int end)
{
    e->backward = true;
    for (int i = end - 1; i >= first; i--) {
        emit_part(e, &e->file->lines[i], LH_SIMAI_INPUTS);
        emit_part(e, &e->file->lines[i], LH_SIMAI_WEIGHTS);
    }
    flush(e);
}

/* One chunk's part of a micro-batch: what it receives joins what the stage ran
 * before. */
static void pass(struct emitter *e, const struct lh__slot *slot)
{
    struct lh__builder *b = e->b;
    int64_t n = e->file->period, chunks = b->fit->n_chunks;
    int begin = e->file->first + (int)n * slot->micro_batch;
    int first = begin + (int)(n * slot->chunk / chunks);
    int end = begin + (int)(n * (slot->chunk + 1) / chunks);
    int32_t before = b->flow;

    b->micro_batch = slot->micro_batch;
    lh__emit_cut(b);
    lh__transfer_receive(b, slot);
    lh__emit_wait(b, before);
    if (slot->backward)
        backward(e, first, end);
    else
        forward(e, first, end);
    before = b->flow;
    lh__transfer_send(b, slot);
    b->flow = before;
}

void lh__simai_emit(struct lh__builder *b)
{
    struct emitter e = {.b = b, .file = b->fit->scenario->traced.simai};
    int behind = e.file->first + e.file->period * b->fit->n_micro_batches;
    struct lh__slots slots;

    lh__slots_make(&slots, b->fit, b->stage, b->ctx);
    b->micro_batch = -1;
    forward(&e, 0, e.file->first);
    for (int i = 0; i < slots.n; i++) {
        assert(slots.at[i].half == LH__WHOLE);
        pass(&e, &slots.at[i]);
    }
    b->micro_batch = -1;
    forward(&e, behind, e.file->n_lines);
    backward(&e, behind, e.file->n_lines);
    backward(&e, 0, e.file->first);
}
