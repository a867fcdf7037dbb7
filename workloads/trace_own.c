/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program as Chakra execution traces, and back (longhaul run --chakra,
 * model.trace).  One file a template; a node an op.
 *
 * Others read what the schema and ASTRA-sim know: type, dependencies, duration,
 * comm_type, comm_size (of an all-gather what a rank has), comm_src, comm_dst,
 * comm_tag.  What only this program knows, so that the same program is read
 * again, is in numbers and values of the file and of each node:
 *
 *   node, all       stream category task role micro_batch layer turn
 *   computes        seconds gap_s slowest_s
 *   communicates    ... row collective axes shift_axis shift_kind shift
 * category visits domains_max load[];  bytes;  algorithm
 *
 * Reading believes nothing: numbers out of range are an error, and the program
 * is checked as any other.
 */
#include "workload.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { FORMAT = 1 };
enum {
    STREAM,
    CATEGORY,
    TASK,
    ROLE,
    MICRO_BATCH,
    LAYER,
    TURN,
    N_OP,
    ROW = N_OP,
    COLLECTIVE,
    AXES,
    SHIFT_AXIS,
    SHIFT_KIND,
    SHIFT,
    COMM_CATEGORY,
    VISITS,
    DOMAINS_MAX,
    N_COMM
};

/* ---- out ----------------------------------------------------------------- */

static int64_t members_of(const struct lh_program *p, const struct lh_comm *c)
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
    int64_t n = members_of(p, c);

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
    int64_t n_loads = c && c->load ? members_of(p, c) : 0;
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

/* ---- in ------------------------------------------------------------------ */

struct reader {
    struct lh_program *p;
    const struct lh_chakra_rank *rank;
    struct lh_ctx *ctx;
};

static bool in(int64_t value, int64_t low, int64_t high)
{
    return value >= low && value <= high;
}

static bool is_amount(double value)
{
    return isfinite(value) && value >= 0;
}

static bool comm_get(struct lh_comm *out, const struct reader *r,
                     const struct lh_chakra_own *own)
{
    const int64_t *at = own->numbers;

    if (own->n_numbers < N_COMM || own->n_values < 1 || *own->text == '\0'
        || !in(at[COLLECTIVE], 0, LH_SEND)
        || !in(at[AXES], 0, (1 << LH_AXES) - 1)
        || !in(at[SHIFT_AXIS], 0, LH_AXES - 1)
        || !in(at[SHIFT_KIND], 0, LH_SHIFT_HYPERCUBE)
        || !in(at[SHIFT], -1000000, 1000000)
        || !in(at[COMM_CATEGORY], 0, LH_OTHER) || !in(at[VISITS], 0, 1 << 30)
        || !in(at[DOMAINS_MAX], 0, 1 << 30) || !is_amount(own->values[0])
        || (strcmp(own->text, "auto") != 0
            && lh_algorithm_find(own->text) == NULL))
        return false;
    *out = (struct lh_comm){
        .collective = (enum lh_collective)at[COLLECTIVE],
        .axes = (unsigned)at[AXES],
        .shift_axis = (enum lh_axis)at[SHIFT_AXIS],
        .shift_kind = (enum lh_shift)at[SHIFT_KIND],
        .shift = (int)at[SHIFT],
        .bytes = own->values[0],
        .copies = {.visits = at[VISITS], .domains_max = at[DOMAINS_MAX]},
        .category = (enum lh_category)at[COMM_CATEGORY],
        .algorithm = own->text};
    if (own->n_numbers > N_COMM) {
        if (own->n_numbers - N_COMM != members_of(r->p, out))
            return false;
        out->load = at + N_COMM;
    }
    return out->collective == LH_SEND ? out->axes == 0 : out->axes != 0;
}

static bool op_get(struct lh_op *out, struct reader *r,
                   const struct lh_chakra_node *node)
{
    const struct lh_chakra_own *own = &node->own;
    const int64_t *at = own->numbers;
    struct lh_comm comm;

    if (own->n_numbers < N_OP || !in(at[STREAM], 0, LH_STREAMS - 1)
        || !in(at[CATEGORY], 0, LH_OTHER) || !in(at[TASK], 0, LH_TASK_OUTER)
        || !in(at[ROLE], 0, LH_ROLE_RECEIVER)
        || !in(at[MICRO_BATCH], -1, 1 << 30) || !in(at[LAYER], -1, 1 << 30)
        || !in(at[TURN], 0, 1 << 30))
        return false;
    *out = (struct lh_op){.kind = LH_OP_COMPUTE,
                          .stream = (enum lh_stream)at[STREAM],
                          .category = (enum lh_category)at[CATEGORY],
                          .task = (enum lh_task)at[TASK],
                          .role = (enum lh_role)at[ROLE],
                          .comm = -1,
                          .micro_batch = (int32_t)at[MICRO_BATCH],
                          .layer = (int32_t)at[LAYER],
                          .turn = (int32_t)at[TURN]};
    if (own->n_numbers == N_OP) {
        if (own->n_values != 3)
            return false;
        out->seconds = own->values[0];
        out->gap_s = own->values[1];
        out->slowest_s = own->values[2];
        return is_amount(out->seconds) && is_amount(out->gap_s)
               && is_amount(out->slowest_s)
               && out->gap_s + out->slowest_s <= out->seconds;
    }
    if (!comm_get(&comm, r, own) || !in(at[ROW], 0, r->p->n_comms - 1))
        return false;
    out->kind = LH_OP_COMM;
    out->comm = (int32_t)at[ROW];
    comm.n_ops = r->p->comms[out->comm].n_ops + 1;
    r->p->comms[out->comm] = comm;
    return true;
}

static enum lh_status broken(const struct reader *r, const char *what,
                             uint64_t id)
{
    lh_error(r->ctx, (struct lh_where){r->rank->path, 0, 0},
             "the longhaul.* attributes of %s %" PRIu64
             " do not fit those of the other files, or are broken",
             what, id);
    return LH_BAD_INPUT;
}

static enum lh_status template_get(struct lh_template *out, struct reader *r)
{
    const struct lh_chakra_rank *rank = r->rank;
    struct lh_arena *arena = r->ctx->arena;
    int32_t n_deps = 0;

    out->n_ops = rank->n_nodes;
    out->ops = LH_NEW(arena, struct lh_op, (size_t)rank->n_nodes);
    out->dep_begin = LH_NEW(arena, int32_t, (size_t)rank->n_nodes + 1);
    for (int i = 0; i < rank->n_nodes; i++)
        n_deps += rank->nodes[i].n_deps + rank->nodes[i].n_carried;
    out->deps = LH_NEW(arena, int32_t, (size_t)n_deps);
    n_deps = 0;
    for (int i = 0; i < rank->n_nodes; i++) {
        const struct lh_chakra_node *node = &rank->nodes[i];

        if (!op_get(&out->ops[i], r, node))
            return broken(r, "node", node->id);
        for (int k = 0; k < node->n_deps; k++)
            out->deps[n_deps++] = node->deps[k];
        for (int k = 0; k < node->n_carried; k++)
            out->deps[n_deps++] = ~node->carried[k];
        out->dep_begin[i + 1] = n_deps;
    }
    return LH_OK;
}

/* Does a file agree with the first but in what is its own? */
static bool file_fits(const struct lh_chakra_own *own,
                      const struct lh_chakra_own *first)
{
    const int64_t *at = own->numbers, *of = first->numbers;

    if (own->n_numbers != LH_OWN_NUMBERS || own->n_values != LH_OWN_VALUES)
        return false;
    for (int k = LH_OWN_STAGES; k < LH_OWN_NUMBERS; k++)
        if (k != LH_OWN_LAYERS && at[k] != of[k])
            return false;
    for (int k = 0; k < own->n_values; k++)
        if (!is_amount(own->values[k]))
            return false;
    return at[LH_OWN_VERSION] == FORMAT
           && in(at[LH_OWN_STAGE], 0, of[LH_OWN_STAGES] - 1)
           && in(at[LH_OWN_LAYERS], 0, 1 << 30);
}

/* What all files say. */
static bool common_get(struct lh_program *p, const struct lh_chakra *t)
{
    const struct lh_chakra_own *own = &t->ranks[0].own;
    const int64_t *at = own->numbers;

    if (own->n_numbers != LH_OWN_NUMBERS || own->n_values != LH_OWN_VALUES)
        return false;
    for (int k = 0; k < LH_AXES; k++) {
        p->axes.size[k] = at[LH_OWN_SIZE + k];
        p->axes.stride[k] = at[LH_OWN_STRIDE + k];
        if (!in(p->axes.stride[k], 1, (int64_t)1 << 40))
            return false;
    }
    p->n_comms = (int32_t)at[LH_OWN_COMMS];
    p->cycle_steps = at[LH_OWN_CYCLE];
    p->micro_batches = at[LH_OWN_MICRO_BATCHES];
    p->once = at[LH_OWN_ONCE] == 1;
    p->tokens = at[LH_OWN_TOKENS];
    p->model_flops = own->values[0];
    p->hardware_flops = own->values[1];
    p->n_stages = (int)at[LH_OWN_STAGES];
    return at[LH_OWN_STAGES] == p->axes.size[LH_AXIS_PIPELINE]
           && at[LH_OWN_STAGES] <= 65536 && in(at[LH_OWN_COMMS], 0, 100000000)
           && in(at[LH_OWN_CYCLE], 0, 1 << 30)
           && in(at[LH_OWN_MICRO_BATCHES], 0, 1 << 30)
           && in(at[LH_OWN_TOKENS], 0, (int64_t)1 << 50);
}

static void stage_get(struct lh_program *p, const struct lh_chakra_own *own)
{
    const double *v = own->values;
    int64_t stage = own->numbers[LH_OWN_STAGE];

    p->stage_layers[stage] = own->numbers[LH_OWN_LAYERS];
    p->memory[stage] = (struct lh_memory){.weights = v[2],
                                          .gradients = v[3],
                                          .optimizer = v[4],
                                          .activations = v[5],
                                          .reserved = v[6],
                                          .total = v[7],
                                          .parameters = v[8]};
}

/* The file of a stage on a device; NULL: none, reported. */
static const struct lh_chakra_rank *file_of(const struct lh_scenario *s,
                                            int stage, const char *device,
                                            struct lh_ctx *ctx)
{
    const struct lh_chakra *t = s->traced.chakra;

    for (int i = 0; i < t->n_ranks; i++) {
        const struct lh_chakra_own *own = &t->ranks[i].own;

        if (own->n_numbers == LH_OWN_NUMBERS
            && own->numbers[LH_OWN_STAGE] == stage
            && strcmp(own->text, device) == 0)
            return &t->ranks[i];
    }
    lh_error(ctx, (struct lh_where){s->traced.file, 0, 0},
             "no file has the program of stage %d on %s", stage, device);
    return NULL;
}

static enum lh_status templates_get(struct reader *r,
                                    const struct lh_scenario *s)
{
    struct lh_program *p = r->p;

    for (int k = 0; k < p->n_templates; k++) {
        int stage = k / p->n_devices, device = k % p->n_devices;
        const char *name = p->devices[device]->name;
        enum lh_status st;

        r->rank = file_of(s, stage, name, r->ctx);
        if (r->rank == NULL)
            return LH_BAD_INPUT;
        if (!file_fits(&r->rank->own, &s->traced.chakra->ranks[0].own))
            return broken(r, "the file of rank",
                          (uint64_t)(r->rank->rank > 0 ? r->rank->rank : 0));
        stage_get(p, &r->rank->own);
        st = template_get(&p->templates[k], r);
        if (st != LH_OK)
            return st;
        p->templates[k].stage = stage;
        p->templates[k].device = device;
        p->templates[k].name = lh_format(r->ctx->arena, "stage %d of %d on %s",
                                         stage, p->n_stages, name);
    }
    return LH_OK;
}

enum lh_status lh__own_program(struct lh_program *out,
                               const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_program p = {.n_stages = 0};
    struct reader r = {.p = &p, .rank = s->traced.chakra->ranks, .ctx = ctx};
    enum lh_status st;

    lh__devices_make(&p, s, ctx);
    if (!common_get(&p, s->traced.chakra))
        return broken(&r, "the file of rank",
                      (uint64_t)(r.rank->rank > 0 ? r.rank->rank : 0));
    p.n_templates = p.n_stages * p.n_devices;
    p.comms = LH_NEW(ctx->arena, struct lh_comm, (size_t)p.n_comms);
    p.templates = LH_NEW(ctx->arena, struct lh_template, (size_t)p.n_templates);
    p.memory = LH_NEW(ctx->arena, struct lh_memory, (size_t)p.n_stages);
    p.stage_layers = LH_NEW(ctx->arena, int64_t, (size_t)p.n_stages);
    st = templates_get(&r, s);
    *out = p;
    return st;
}
