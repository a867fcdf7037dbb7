/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Makes the op list of one template.  pass.c and sync/ emit ops in program
 * order; this file merges compute, numbers communication rows and collects
 * dependencies, which become CSR at the end:
 *
 *   deps      (op, what it waits for) pairs, in order of emission
 *   dep_begin [n_ops + 1]   counting sort by op, stable
 *
 * The flow: data moves from op to op.  An op waits for the one before it in
 * the flow if that is on another stream; on the same stream the order says it
 * already.  lh__emit_wait() adds what else the next op needs.
 *
 * Rows of a stage are numbered as they are emitted.  A stage's templates, one
 * a device, emit the same communications in the same order, so the second and
 * later ones reuse the rows of the first: next_row just counts again.
 */
#include "workload.h"

#include <assert.h>

void lh__emit_dep(struct lh__builder *b, int32_t op, int32_t dep)
{
    b->deps = lh_grow(b->ctx->arena, b->deps, &b->deps_capacity,
                      (size_t)b->n_deps + 1, sizeof *b->deps);
    b->deps[b->n_deps][0] = op;
    b->deps[b->n_deps][1] = dep;
    b->n_deps++;
}

void lh__emit_wait(struct lh__builder *b, int32_t op)
{
    lh__emit_flush(b);
    if (op == LH__NO_OP)
        return;
    assert(b->n_waits < (int)(sizeof b->waits / sizeof b->waits[0]));
    b->waits[b->n_waits++] = op;
}

void lh__emit_compute_wait(struct lh__builder *b, int32_t op)
{
    lh__emit_flush(b);
    if (op == LH__NO_OP)
        return;
    assert(b->n_compute_waits
           < (int)(sizeof b->compute_waits / sizeof b->compute_waits[0]));
    b->compute_waits[b->n_compute_waits++] = op;
}

void lh__emit_cut(struct lh__builder *b)
{
    lh__emit_flush(b);
    b->flow = LH__NO_OP;
}

/* Appends the op, with the flow and the waits as its dependencies. */
static int32_t append(struct lh__builder *b, const struct lh_op *op)
{
    int32_t id = b->n_ops;

    b->ops = lh_grow(b->ctx->arena, b->ops, &b->ops_capacity, (size_t)id + 1,
                     sizeof *b->ops);
    b->ops[b->n_ops] = *op;
    b->ops[b->n_ops++].turn = b->turn;
    if (b->flow != LH__NO_OP && b->ops[b->flow].stream != op->stream)
        lh__emit_dep(b, id, b->flow);
    for (int i = 0; i < b->n_waits; i++)
        if (b->waits[i] != b->flow)
            lh__emit_dep(b, id, b->waits[i]);
    b->n_waits = 0;
    b->flow = id;
    return id;
}

void lh__emit_flush(struct lh__builder *b)
{
    struct lh_op op = b->pending_op;

    if (!b->pending)
        return;
    b->pending = false;
    op.seconds = lh__work_seconds(&b->pending_work, b->device,
                                  &b->fit->scenario->stack, &op.gap_s);
    op.slowest_s = lh__work_slowest_s(
        &b->pending_work, b->device, &b->fit->scenario->stack,
        b->slowest * b->device->speed_spread_frac);
    op.slowest_s += b->pending_work.meeting_s;
    op.seconds += op.slowest_s;
    b->since_meeting_s += op.seconds;
    b->last_compute = append(b, &op);
    if (b->first_compute == LH__NO_OP)
        b->first_compute = b->last_compute;
    for (int i = 0; i < b->n_compute_waits; i++)
        lh__emit_dep(b, b->last_compute, b->compute_waits[i]);
    b->n_compute_waits = 0;
    if (b->gate >= 0) {
        if (b->buckets[b->gate].gate < 0)
            b->buckets[b->gate].gate = b->last_compute;
        b->gate = -1;
    }
}

void lh__emit_work(struct lh__builder *b, const struct lh__work *work,
                   enum lh_category category, enum lh_task task, int layer)
{
    struct lh__work inputs = *work;

    if (b->half == LH__INPUTS) {
        inputs.kernel_s -= inputs.weights_s;
        inputs.n_kernels -= inputs.n_weights;
        work = &inputs;
    }
    if (b->pending && (!b->merge || b->pending_op.category != category))
        lh__emit_flush(b);
    if (b->pending) {
        bool backward =
            b->pending_op.task == LH_TASK_BACKWARD || task == LH_TASK_BACKWARD;

        lh__work_add(&b->pending_work, work);
        if (b->pending_op.layer != layer)
            b->pending_op.layer = -1;
        if (b->pending_op.task != task)
            b->pending_op.task = backward ? LH_TASK_BACKWARD : LH_TASK_FORWARD;
        return;
    }
    b->pending = true;
    b->pending_work = *work;
    b->pending_op = (struct lh_op){
        .kind = LH_OP_COMPUTE,
        .stream = LH_STREAM_COMPUTE,
        .category = category,
        .task = task,
        .comm = -1,
        .micro_batch = b->micro_batch,
        .layer = layer,
    };
}

int32_t lh__rows_add(struct lh__rows *rows, const struct lh_comm *comm,
                     struct lh_arena *arena)
{
    rows->at = lh_grow(arena, rows->at, &rows->capacity, (size_t)rows->n + 1,
                       sizeof *rows->at);
    rows->at[rows->n] = *comm;
    return rows->n++;
}

static bool crosses_replicas(const struct lh_comm *comm)
{
    unsigned over = LH_AXIS_BIT(LH_AXIS_SHARD) | LH_AXIS_BIT(LH_AXIS_GROUP)
                    | LH_AXIS_BIT(LH_AXIS_DATA);
    unsigned axes = comm->collective == LH_SEND ? LH_AXIS_BIT(comm->shift_axis)
                                                : comm->axes;

    return (axes & over) != 0;
}

/* The next row of the stage. */
static int32_t row_next(struct lh__builder *b, const struct lh_comm *comm)
{
    struct lh__shared_rows *shared = b->shared;
    bool crosses = crosses_replicas(comm);
    int32_t row;

    if (shared && !shared->is_first) {
        assert(!crosses || shared->next < shared->n);
        return crosses ? shared->row[shared->next++]
                       : lh__rows_add(b->rows, comm, b->ctx->arena);
    }
    row = b->next_row++;
    if (row == b->rows->n)
        lh__rows_add(b->rows, comm, b->ctx->arena);
    if (shared && crosses) {
        shared->row = lh_grow(b->ctx->arena, shared->row, &shared->capacity,
                              (size_t)shared->n + 1, sizeof *shared->row);
        shared->row[shared->n++] = row;
    }
    return row;
}

int32_t lh__emit_comm(struct lh__builder *b, const struct lh__comm_spec *spec)
{
    int32_t row = spec->row;
    struct lh_op op = {
        .kind = LH_OP_COMM,
        .stream = spec->stream,
        .task = spec->task,
        .role = spec->role,
        .micro_batch = b->micro_batch,
        .layer = spec->layer,
    };

    lh__emit_flush(b);
    if (row < 0)
        row = row_next(b, &spec->comm);
    op.comm = row;
    op.category = b->rows->at[row].category;
    b->rows->at[row].n_ops++;
    return append(b, &op);
}

int32_t lh__emit_beside(struct lh__builder *b, const struct lh__comm_spec *spec,
                        int32_t after)
{
    int32_t flow, op;
    int n_waits;

    lh__emit_flush(b);
    flow = b->flow;
    n_waits = b->n_waits;
    b->flow = LH__NO_OP;
    b->n_waits = 0; /* they stay in b->waits, for the next op */
    op = lh__emit_comm(b, spec);
    if (after != LH__NO_OP)
        lh__emit_dep(b, op, after);
    b->flow = flow;
    b->n_waits = n_waits;
    return op;
}

void lh__builder_finish(struct lh_template *out, struct lh__builder *b)
{
    struct lh_arena *arena = b->ctx->arena;
    int32_t *begin = LH_NEW(arena, int32_t, (size_t)b->n_ops + 2);
    int32_t *deps = LH_NEW(arena, int32_t, (size_t)b->n_deps);

    assert(!b->pending);
    for (int32_t i = 0; i < b->n_deps; i++)
        begin[b->deps[i][0] + 2]++;
    for (int32_t op = 0; op < b->n_ops; op++)
        begin[op + 2] += begin[op + 1];
    for (int32_t i = 0; i < b->n_deps; i++)
        deps[begin[b->deps[i][0] + 1]++] = b->deps[i][1];
    out->n_ops = b->n_ops;
    out->ops = b->ops;
    out->dep_begin = begin;
    out->deps = deps;
}
