/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program from Chakra execution traces (model.trace).  In place of all that
 * makes one from a model; a trace that this program wrote is trace_own.c's.
 *
 *   node                       op
 *   COMP, is_cpu_op            on the host's stream, for its duration
 *   COMP                       on the accelerator, for its duration; without
 *                              one max(num_ops / peak, tensor_size / memory
 *                              bandwidth) of the device, as ASTRA-sim's
 * roofline COMM_COLL, not of the CPU  a collective over its process group, one
 * stream for each dim of the ranks' grid COMM_SEND, COMM_RECV       the k-th
 * send of a stage to another with a tag is received by the k-th receive of that
 * tag the rest                   on the host's stream, for its duration
 *
 *   comm_size: the buffer of an all-reduce; of an all-gather what one rank has
 *   (the output is n times that); the input of a reduce-scatter and all-to-all.
 *   Broadcast and reduce of S: every link of a ring passes S, as in an
 * all-gather and a reduce-scatter of S n / (n - 1).  Barrier: an all-reduce of
 * 4 bytes.
 *
 * A collective that does not say what it is takes its recorded time on the
 * accelerator, with a warning.  The step begins at rest and is run once.
 *
 * Source: mlcommons/chakra, et_def.proto; astra-sim/astra-sim, Workload.cc and
 * Ring.cc (sizes), Roofline.cc; nccl-tests, doc/PERFORMANCE.md (factors).
 * Refused: gather, scatter; groups by network dims; sends in a file of all
 * ranks.
 */
#include "trace_chakra.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

_Static_assert((int)LH_AXES == (int)LH_CHAKRA_DIMS && LH_AXIS_PIPELINE == 3
                   && LH_AXIS_DATA == LH_AXES - 1,
               "lh_chakra_axes() knows the order of the axes");

/* ---- collectives --------------------------------------------------------- */

static unsigned axes_of(const struct lh__trace_maker *m, int dims)
{
    unsigned axes = 0;

    for (int k = 0; k < m->trace->grid.n_dims; k++)
        if (dims & 1 << k)
            axes |= LH_AXIS_BIT(m->dim_axis[k]);
    return axes;
}

static int64_t members_of(const struct lh__trace_maker *m, unsigned axes)
{
    int64_t n = 1;

    for (int axis = 0; axis < LH_AXES; axis++)
        n *= axes & LH_AXIS_BIT(axis) ? m->p->axes.size[axis] : 1;
    return n;
}

/* One stream a dim, by the innermost; a communicator has its own. */
static enum lh_stream stream_of(unsigned axes)
{
    static const enum lh_stream streams[LH_AXES] = {
        LH_STREAM_TENSOR, LH_STREAM_CONTEXT,  LH_STREAM_WEIGHTS,
        LH_STREAM_SITES,  LH_STREAM_REPLICAS, LH_STREAM_REPLICAS,
        LH_STREAM_DATA};

    for (int axis = 0; axis < LH_AXES; axis++)
        if (axes == LH_AXIS_BIT(axis))
            return streams[axis];
    return LH_STREAM_DATA;
}

/* False: there is no such collective here. */
static bool collective_of(struct lh_comm *out, int coll, double bytes, double n)
{
    out->bytes = bytes;
    switch (coll) {
    case LH_CHAKRA_ALL_REDUCE: out->collective = LH_ALL_REDUCE; return true;
    case LH_CHAKRA_ALL_TO_ALL: out->collective = LH_ALL_TO_ALL; return true;
    case LH_CHAKRA_REDUCE_SCATTER:
    case LH_CHAKRA_REDUCE_SCATTER_BLOCK:
        out->collective = LH_REDUCE_SCATTER;
        return true;
    case LH_CHAKRA_ALL_GATHER:
        out->collective = LH_ALL_GATHER;
        out->bytes = bytes * n;
        return true;
    case LH_CHAKRA_BROADCAST:
    case LH_CHAKRA_REDUCE:
        out->collective =
            coll == LH_CHAKRA_BROADCAST ? LH_ALL_GATHER : LH_REDUCE_SCATTER;
        out->bytes = bytes * n / (n - 1);
        return true;
    case LH_CHAKRA_BARRIER:
        out->collective = LH_ALL_REDUCE;
        out->bytes = 4;
        return true;
    default: return false;
    }
}

static enum lh_category category_of(const struct lh_comm *c)
{
    if (c->collective == LH_ALL_TO_ALL)
        return LH_EXPERT_COMM;
    return c->axes == LH_AXIS_BIT(LH_AXIS_TENSOR) ? LH_TENSOR_COMM
                                                  : LH_DATA_COMM;
}

static void replay(struct lh__trace_maker *m, struct lh_op *op,
                   const struct lh_chakra_node *node)
{
    if (m->n_replayed++ == 0)
        m->replayed = node->id;
    op->stream = LH_STREAM_COMPUTE;
    op->seconds = node->seconds;
}

static enum lh_status collective(struct lh__trace_maker *m, struct lh_op *op,
                                 const struct lh_chakra_rank *rank,
                                 const struct lh_chakra_node *node)
{
    struct lh_comm comm = {.algorithm = "auto"};
    int dims = lh_chakra_span(&m->trace->grid, rank, node->group);
    int64_t n;

    if (node->some_dims)
        return lh__trace_refuse(
            m, rank, node,
            "involved_dim leaves dims of a network out, which ranks "
            "do not have here; a process group (pg_name) says the "
            "same");
    comm.axes = axes_of(m, dims);
    n = members_of(m, comm.axes);
    if (n == 1)
        return LH_OK;
    if (node->coll < 0
        || (node->bytes < 0 && node->coll != LH_CHAKRA_BARRIER)) {
        replay(m, op, node);
        return LH_OK;
    }
    if (!collective_of(&comm, node->coll, node->bytes, (double)n))
        return lh__trace_refuse(m, rank, node,
                                "gather and scatter are not supported");
    comm.category = category_of(&comm);
    op->kind = LH_OP_COMM;
    op->stream = stream_of(comm.axes);
    op->category = comm.category;
    op->task = LH_TASK_GRADIENTS;
    op->role = LH_ROLE_MEMBER;
    op->comm = lh__rows_add(&m->rows, &comm, m->ctx->arena);
    m->rows.at[op->comm].n_ops++;
    return LH_OK;
}

/* ---- templates ----------------------------------------------------------- */

/* Of a node that computes on the accelerator. */
static double seconds_on(const struct lh_chakra_node *node,
                         const struct lh_device *device)
{
    if (node->seconds > 0)
        return node->seconds;
    return fmax(node->flops / device->bf16_flops_per_s,
                node->tensor_bytes / device->memory_bytes_per_s);
}

static enum lh_status op_make(struct lh__trace_maker *m, struct lh_op *out,
                              int stage, int32_t index,
                              const struct lh_chakra_rank *rank)
{
    const struct lh_chakra_node *node = &rank->nodes[index];
    bool on_cpu = node->is_cpu || node->type == LH_CHAKRA_INVALID
                  || node->type == LH_CHAKRA_METADATA
                  || node->type == LH_CHAKRA_MEM_LOAD
                  || node->type == LH_CHAKRA_MEM_STORE;

    *out = (struct lh_op){.kind = LH_OP_COMPUTE,
                          .stream = LH_STREAM_HOST,
                          .category = LH_OTHER,
                          .task = LH_TASK_FORWARD,
                          .comm = -1,
                          .micro_batch = -1,
                          .layer = -1};
    if (on_cpu) {
        out->seconds = node->seconds;
        return LH_OK;
    }
    if (node->type == LH_CHAKRA_COLL)
        return collective(m, out, rank, node);
    if (node->type != LH_CHAKRA_COMP)
        return lh__trace_send(m, out, stage, index, rank, node);
    out->stream = LH_STREAM_COMPUTE;
    out->category = LH_COMPUTE;
    out->seconds = seconds_on(node, m->p->devices[0]);
    if (out->seconds == 0 && m->n_empty++ == 0)
        m->empty = node->id;
    return LH_OK;
}

static void deps_make(struct lh_template *out,
                      const struct lh_chakra_rank *rank, struct lh_arena *arena)
{
    size_t n = 0;

    for (int i = 0; i < rank->n_nodes; i++)
        n += (size_t)rank->nodes[i].n_deps;
    out->dep_begin = LH_NEW(arena, int32_t, (size_t)rank->n_nodes + 1);
    out->deps = LH_NEW(arena, int32_t, n);
    n = 0;
    for (int i = 0; i < rank->n_nodes; i++) {
        for (int k = 0; k < rank->nodes[i].n_deps; k++)
            out->deps[n++] = rank->nodes[i].deps[k];
        out->dep_begin[i + 1] = (int32_t)n;
    }
}

static enum lh_status template_make(struct lh__trace_maker *m, int stage)
{
    const struct lh_chakra *t = m->trace;
    const struct lh_chakra_rank *rank = &t->ranks[t->program_rank[stage]];
    struct lh_template *out = &m->p->templates[stage * m->p->n_devices];
    enum lh_status st = LH_OK;

    out->stage = stage;
    out->name =
        lh_format(m->ctx->arena, "rank %" PRId64 " on %s",
                  rank->rank < 0 ? 0 : rank->rank, m->p->devices[0]->name);
    out->n_ops = rank->n_nodes;
    out->ops = LH_NEW(m->ctx->arena, struct lh_op, (size_t)rank->n_nodes);
    deps_make(out, rank, m->ctx->arena);
    for (int32_t i = 0; i < out->n_ops && st == LH_OK; i++)
        st = op_make(m, &out->ops[i], stage, i, rank);
    return st;
}

/* The first device's template with another's times. */
static void template_copy(struct lh__trace_maker *m, int stage, int device)
{
    const struct lh_chakra *t = m->trace;
    const struct lh_chakra_rank *rank = &t->ranks[t->program_rank[stage]];
    struct lh_template *first = &m->p->templates[stage * m->p->n_devices];
    struct lh_template *out = first + device;
    size_t n = (size_t)first->n_ops;

    *out = *first;
    out->device = device;
    out->ops = LH_NEW(m->ctx->arena, struct lh_op, n);
    memcpy(out->ops, first->ops, n * sizeof *out->ops);
    for (size_t i = 0; i < n; i++)
        if (rank->nodes[i].type == LH_CHAKRA_COMP
            && out->ops[i].stream == LH_STREAM_COMPUTE)
            out->ops[i].seconds =
                seconds_on(&rank->nodes[i], m->p->devices[device]);
}

static void warn(const struct lh__trace_maker *m)
{
    struct lh_where where = {m->scenario->traced.file, 0, 0};

    if (m->n_replayed > 0)
        lh_warn(m->ctx, where,
                "node %" PRIu64 " and %" PRId64 " other collectives have no "
                "comm_type or comm_size: they take their recorded time",
                m->replayed, m->n_replayed - 1);
    if (m->n_empty > 0)
        lh_warn(m->ctx, where,
                "node %" PRIu64 " and %" PRId64 " others compute without "
                "duration, num_ops and tensor_size: they take no time",
                m->empty, m->n_empty - 1);
}

static enum lh_status others_program(struct lh_program *out,
                                     const struct lh_scenario *s,
                                     struct lh_ctx *ctx)
{
    struct lh_program p = {.once = true, .cycle_steps = 1, .micro_batches = 1};
    struct lh__trace_maker m = {
        .ctx = ctx, .scenario = s, .trace = s->traced.chakra, .p = &p};
    enum lh_status st = LH_OK;

    lh__devices_make(&p, s, ctx);
    p.n_stages = m.trace->n_programs;
    if (!lh_chakra_axes(&m.trace->grid, p.axes.size, p.axes.stride, m.dim_axis))
        return LH_BAD_INPUT; /* said, where the scenario was read */
    p.n_templates = p.n_stages * p.n_devices;
    p.templates = LH_NEW(ctx->arena, struct lh_template, (size_t)p.n_templates);
    p.memory = LH_NEW(ctx->arena, struct lh_memory, (size_t)p.n_stages);
    p.stage_layers = LH_NEW(ctx->arena, int64_t, (size_t)p.n_stages);
    for (int stage = 0; stage < p.n_stages && st == LH_OK; stage++)
        st = template_make(&m, stage);
    if (st == LH_OK)
        st = lh__trace_match(&m);
    for (int k = 0; k < p.n_templates && st == LH_OK; k++)
        if (k % p.n_devices > 0)
            template_copy(&m, k / p.n_devices, k % p.n_devices);
    if (st == LH_OK)
        warn(&m);
    p.n_comms = m.rows.n;
    p.comms = m.rows.at;
    *out = p;
    return st;
}

/* ---- both ---------------------------------------------------------------- */

/* Ranks in their order are the coordinates of the axes. */
static bool axes_whole(const struct lh_axes *axes)
{
    int64_t at = 1, n = lh_axes_ranks(axes);

    while (at < n) {
        int next = -1;
        for (int k = 0; k < LH_AXES; k++)
            if (axes->size[k] > 1 && axes->stride[k] == at)
                next = k;
        if (next < 0)
            return false;
        at *= axes->size[next];
    }
    return at == n;
}

/* Faults of a file's program are not ours: they are said as the file's. */
static enum lh_status check(const struct lh_program *p,
                            const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_where where = {s->traced.file, 0, 0};
    int64_t gpus =
        s->plan.tensor * s->plan.pipeline * s->plan.context * s->plan.data;
    struct lh_ctx own;
    enum lh_status st;

    if (lh_axes_ranks(&p->axes) != gpus || !axes_whole(&p->axes)) {
        lh_error(ctx, where,
                 "a trace of %" PRId64 " ranks does not go on %" PRId64
                 " accelerators",
                 lh_axes_ranks(&p->axes), gpus);
        return LH_BAD_INPUT;
    }
    own = lh_ctx_begin();
    st = lh_program_check(p, &own);
    if (st != LH_OK)
        lh_error(ctx, where, "the programs of its ranks do not fit: %s",
                 lh_diag_total(&own) > 0 ? lh_diag_at(&own, 0)->text : "");
    lh_ctx_end(&own);
    return st == LH_OK ? LH_OK : LH_BAD_INPUT;
}

enum lh_status lh__chakra_program(struct lh_program *out,
                                  const struct lh_scenario *s,
                                  struct lh_ctx *ctx)
{
    enum lh_status st = s->traced.chakra->is_own ? lh__own_program(out, s, ctx)
                                                 : others_program(out, s, ctx);

    return st == LH_OK ? check(out, s, ctx) : st;
}
