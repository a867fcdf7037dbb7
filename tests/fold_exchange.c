/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An all-to-all put into a built program: a row a stage over data or tensor x
 * data, and in every template one operation of it behind a compute operation,
 * which a later one waits for.  Members are of one stage, whose templates have
 * the same operations, so that all have it at the same place.
 */
#include <string.h>

#include "fold_pair.h"
#include "unit.h"

/* Where an operation goes: behind op `after`; op `waits` waits for it. */
struct place {
    int32_t after, waits;
};

static int32_t compute_op(const struct lh_template *t, int32_t nth)
{
    int32_t o = 0;
    while (t->ops[o].kind != LH_OP_COMPUTE || nth-- > 0)
        o++;
    return o;
}

static struct place place_of(const struct lh_template *t,
                             const struct exchange *e)
{
    int32_t n = 0;
    for (int32_t o = 0; o < t->n_ops; o++)
        n += t->ops[o].kind == LH_OP_COMPUTE;
    LH_REQUIRE(n >= 2);
    int32_t nth = (n - 1) * e->after_percent / 100;
    return (struct place){.after = compute_op(t, nth),
                          .waits =
                              compute_op(t, e->is_awaited ? nth + 1 : n - 1)};
}

/* The number of an op, of this step or (negative) the one before, after one
 * has been put in. */
static int32_t renumbered(int32_t dep, int32_t after)
{
    int32_t op = dep < 0 ? ~dep : dep;
    op += op > after;
    return dep < 0 ? ~op : op;
}

static void op_insert(struct lh_template *t, const struct lh_op *op,
                      struct place at, struct lh_arena *arena)
{
    struct lh_template old = *t;
    int32_t n_deps = 0;
    t->ops = LH_NEW(arena, struct lh_op, old.n_ops + 1);
    t->dep_begin = LH_NEW(arena, int32_t, old.n_ops + 2);
    t->deps = LH_NEW(arena, int32_t, old.dep_begin[old.n_ops] + 2);
    t->n_ops = 0;
    for (int32_t o = 0; o < old.n_ops; o++) {
        for (int32_t k = old.dep_begin[o]; k < old.dep_begin[o + 1]; k++)
            t->deps[n_deps++] = renumbered(old.deps[k], at.after);
        if (o == at.waits)
            t->deps[n_deps++] = at.after + 1;
        t->ops[t->n_ops++] = old.ops[o];
        t->dep_begin[t->n_ops] = n_deps;
        if (o != at.after)
            continue;
        t->deps[n_deps++] = at.after;
        t->ops[t->n_ops++] = *op;
        t->dep_begin[t->n_ops] = n_deps;
    }
}

static struct lh_comm row_of(const struct draw *d, struct lh_arena *arena)
{
    const struct exchange *e = &d->exchange;
    int n = draw_exchange_members(d);
    int64_t *load = NULL;
    if (e->loads != EVEN_LOADS)
        load = LH_NEW(arena, int64_t, n);
    for (int i = 0; load != NULL && i < n; i++)
        load[i] = draw_load(d, i);
    return (struct lh_comm){
        .collective = LH_ALL_TO_ALL,
        .axes = LH_AXIS_BIT(LH_AXIS_DATA) | LH_AXIS_BIT(LH_AXIS_GROUP)
                | LH_AXIS_BIT(LH_AXIS_SHARD)
                | (e->over_tensor ? LH_AXIS_BIT(LH_AXIS_TENSOR) : 0u),
        .bytes = e->mb * 1e6,
        .load = load,
        .category = LH_EXPERT_COMM,
        .algorithm = "auto"};
}

int32_t exchange_append(struct lh_program *p, const struct draw *d,
                        struct lh_ctx *ctx)
{
    const struct exchange *e = &d->exchange;
    int32_t first = p->n_comms;
    struct lh_comm *comms =
        LH_NEW(ctx->arena, struct lh_comm, first + p->n_stages);
    memcpy(comms, p->comms, (size_t)first * sizeof *comms);
    for (int stage = 0; stage < p->n_stages; stage++) {
        comms[first + stage] = row_of(d, ctx->arena);
        comms[first + stage].n_ops = p->n_devices;
    }
    p->comms = comms;
    p->n_comms = first + p->n_stages;
    struct lh_op op = {.kind = LH_OP_COMM,
                       .stream =
                           e->on_tensor ? LH_STREAM_TENSOR : LH_STREAM_DATA,
                       .category = LH_EXPERT_COMM,
                       .task = LH_TASK_ACTIVATIONS,
                       .role = LH_ROLE_MEMBER,
                       .micro_batch = -1,
                       .layer = -1};
    for (int i = 0; i < p->n_templates; i++) {
        struct lh_template *t = &p->templates[i];
        op.comm = first + t->stage;
        op_insert(t, &op, place_of(t, e), ctx->arena);
    }
    return first;
}
