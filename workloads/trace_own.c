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
#include "trace_own.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

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
        if (own->n_numbers - N_COMM != lh__own_members(r->p, out))
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
