/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program as Chakra execution traces (longhaul run --chakra): one file a
 * template, a node an op.  trace_own.c reads them again and says what is in
 * them.
 */
#include "trace_own.h"

#include <string.h>

int64_t lh__own_members(const struct lh_program *p, const struct lh_comm *c)
{
    int64_t n = 1;

    for (int axis = 0; axis < LH_AXES; axis++)
        n *= c->axes & LH_AXIS_BIT(axis) ? p->axes.size[axis] : 1;
    return n;
}

static int coll_of(enum lh_collective collective)
{
    switch (collective) {
    case LH_ALL_REDUCE: return LH_CHAKRA_ALL_REDUCE;
    case LH_REDUCE_SCATTER: return LH_CHAKRA_REDUCE_SCATTER;
    case LH_ALL_GATHER: return LH_CHAKRA_ALL_GATHER;
    case LH_ALL_TO_ALL: return LH_CHAKRA_ALL_TO_ALL;
    case LH_SEND:
    default: return -1;
    }
}

/* The rank at the other end of a send. */
static int64_t partner(const struct lh_program *p, const struct lh_comm *c,
                       lh_rank rank, bool sends)
{
    int64_t n = p->axes.size[c->shift_axis];
    int64_t here = lh_axes_coordinate(&p->axes, rank, c->shift_axis);
    int64_t there = lh_shift_to(c->shift_kind, c->shift, n, here);

    for (int64_t k = 0; !sends && k < n; k++)
        if (lh_shift_to(c->shift_kind, c->shift, n, k) == here)
            there = k;
    return rank + (there - here) * p->axes.stride[c->shift_axis];
}

static void comm_put(struct lh_chakra_node *out, const struct lh_program *p,
                     const struct lh_op *op, lh_rank rank)
{
    const struct lh_comm *c = &p->comms[op->comm];
    bool sends = op->role == LH_ROLE_SENDER;
    int64_t n = lh__own_members(p, c);

    out->bytes = c->bytes;
    if (c->collective == LH_SEND) {
        int64_t other = partner(p, c, rank, sends);

        out->type = sends ? LH_CHAKRA_SEND : LH_CHAKRA_RECV;
        out->src = sends ? rank : other;
        out->dst = sends ? other : rank;
        out->tag = op->comm;
        return;
    }
    out->type = LH_CHAKRA_COLL;
    out->coll = coll_of(c->collective);
    if (c->collective == LH_ALL_GATHER)
        out->bytes /= (double)n;
    if (n < lh_axes_ranks(&p->axes)) /* 0 is all */
        out->group = "axes";
}

static void own_put(struct lh_chakra_own *out, const struct lh_program *p,
                    const struct lh_op *op, struct lh_arena *arena)
{
    const struct lh_comm *c = op->comm >= 0 ? &p->comms[op->comm] : NULL;
    int64_t n_loads = c && c->load ? lh__own_members(p, c) : 0;
    int64_t *at = LH_NEW(arena, int64_t, (size_t)(N_COMM + n_loads));
    double *values = LH_NEW(arena, double, 3);

    *out = (struct lh_chakra_own){.n_numbers = N_OP,
                                  .numbers = at,
                                  .n_values = 3,
                                  .values = values,
                                  .text = ""};
    at[STREAM] = op->stream;
    at[CATEGORY] = op->category;
    at[TASK] = op->task;
    at[ROLE] = op->role;
    at[MICRO_BATCH] = op->micro_batch;
    at[LAYER] = op->layer;
    at[TURN] = op->turn;
    values[0] = c ? c->bytes : op->seconds;
    values[1] = op->gap_s;
    values[2] = op->slowest_s;
    if (c == NULL)
        return;
    out->n_numbers = (int)(N_COMM + n_loads);
    out->n_values = 1;
    out->text = c->algorithm;
    at[ROW] = op->comm;
    at[COLLECTIVE] = c->collective;
    at[AXES] = c->axes;
    at[SHIFT_AXIS] = c->shift_axis;
    at[SHIFT_KIND] = c->shift_kind;
    at[SHIFT] = c->shift;
    at[COMM_CATEGORY] = c->category;
    at[VISITS] = c->copies.visits;
    at[DOMAINS_MAX] = c->copies.domains_max;
    for (int64_t i = 0; i < n_loads; i++)
        at[N_COMM + i] = c->load[i];
}

static void deps_put(struct lh_chakra_node *out, const struct lh_template *t,
                     int32_t op, struct lh_arena *arena)
{
    int32_t first = t->dep_begin[op], n = t->dep_begin[op + 1] - first;

    out->deps = LH_NEW(arena, int32_t, (size_t)n);
    out->carried = LH_NEW(arena, int32_t, (size_t)n);
    for (int32_t k = first; k < first + n; k++) {
        if (t->deps[k] >= 0)
            out->deps[out->n_deps++] = t->deps[k];
        else
            out->carried[out->n_carried++] = ~t->deps[k];
    }
}

static void file_put(struct lh_chakra_own *out, const struct lh_program *p,
                     int index, bool overlap_tensor, struct lh_arena *arena)
{
    const struct lh_template *t = &p->templates[index];
    const struct lh_memory *m = &p->memory[t->stage];
    int64_t *at = LH_NEW(arena, int64_t, LH_OWN_NUMBERS);
    double values[LH_OWN_VALUES] = {
        p->model_flops, p->hardware_flops, m->weights,
        m->gradients,   m->optimizer,      m->activations,
        m->reserved,    m->total,          m->parameters};
    double *kept = LH_NEW(arena, double, LH_OWN_VALUES);

    memcpy(kept, values, sizeof values);
    *out = (struct lh_chakra_own){.n_numbers = LH_OWN_NUMBERS,
                                  .numbers = at,
                                  .n_values = LH_OWN_VALUES,
                                  .values = kept,
                                  .text = p->devices[t->device]->name};
    at[LH_OWN_VERSION] = FORMAT;
    at[LH_OWN_STAGE] = t->stage;
    at[LH_OWN_STAGES] = p->n_stages;
    at[LH_OWN_COMMS] = p->n_comms;
    at[LH_OWN_CYCLE] = p->cycle_steps;
    at[LH_OWN_MICRO_BATCHES] = p->micro_batches;
    at[LH_OWN_ONCE] = p->once;
    at[LH_OWN_OVERLAP_TENSOR] = overlap_tensor;
    at[LH_OWN_TOKENS] = p->tokens;
    at[LH_OWN_LAYERS] = p->stage_layers[t->stage];
    for (int k = 0; k < LH_AXES; k++) {
        at[LH_OWN_SIZE + k] = p->axes.size[k];
        at[LH_OWN_STRIDE + k] = p->axes.stride[k];
    }
}

void lh_program_chakra(struct lh_chakra_rank *out, const struct lh_program *p,
                       int index, lh_rank rank,
                       const struct lh_scenario *scenario, struct lh_ctx *ctx)
{
    const struct lh_template *t = &p->templates[index];
    struct lh_arena *arena = ctx->arena;

    *out = (struct lh_chakra_rank){
        .path = "",
        .rank = rank,
        .n_nodes = t->n_ops,
        .nodes = LH_NEW(arena, struct lh_chakra_node, (size_t)t->n_ops)};
    file_put(&out->own, p, index, scenario->plan.overlap_tensor, arena);
    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        struct lh_chakra_node *node = &out->nodes[i];

        *node = (struct lh_chakra_node){.id = (uint64_t)i,
                                        .name = lh__task_name(op->task),
                                        .type = LH_CHAKRA_COMP,
                                        .is_cpu = op->stream == LH_STREAM_HOST,
                                        .seconds = op->seconds,
                                        .coll = -1,
                                        .bytes = -1,
                                        .group = "",
                                        .src = -1,
                                        .dst = -1,
                                        .tag = -1};
        if (op->kind == LH_OP_COMM)
            comm_put(node, p, op, rank);
        deps_put(node, t, i, arena);
        own_put(&node->own, p, op, arena);
    }
}
