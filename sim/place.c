/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Places a program on a topology: ranks on accelerators, rows of communication
 * into groups, groups onto links.  Here every rank is its own class (the
 * trivial fold).
 *
 * Ranks fill the sites in the scenario's order, each site as many as it holds
 * whole (replicas, or stages of all replicas); within a site rank order is
 * accelerator order.
 */
#include "place.h"

#include <assert.h>
#include <string.h>

/* A table from a pair of ids to a small id, in order of first appearance. */
struct pair {
    int64_t a, b;
    int32_t id; /* -1: free */
};

struct pairs {
    struct pair *slots;
    size_t n_slots; /* a power of two */
    int32_t n;
};

/* What rows of communication share when they take the same links: all but the
 * bytes, which count only for the choice of "auto". */
struct signature {
    enum lh_collective collective;
    unsigned axes;
    enum lh_axis shift_axis;
    int shift;
    double bytes;
    const char *algorithm;
};

struct placement {
    struct lh__placed *out;
    const struct lh_sim_point *point;
    const struct lh_program *program;
    const struct lh_axes *axes;
    int64_t *rank_accelerator;
    int *rank_site;
    int32_t *row_signature;
    struct pairs groups; /* (row, key rank)             */
    struct pairs shapes; /* (signature, key rank)       */
    size_t group_capacity, group_count_capacity, group_shape_capacity;
    size_t group_bytes_capacity, shape_capacity, accelerator_capacity;
    struct lh_ctx *ctx;
};

/* ---- pairs ---------------------------------------------------------------- */

static size_t pair_slot(const struct pairs *p, int64_t a, int64_t b)
{
    uint64_t h = (uint64_t)a * 0x9e3779b97f4a7c15u + (uint64_t)b;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    h ^= h >> 32;
    size_t i = (size_t)h & (p->n_slots - 1);
    while (p->slots[i].id >= 0 &&
           (p->slots[i].a != a || p->slots[i].b != b))
        i = (i + 1) & (p->n_slots - 1);
    return i;
}

static void pairs_resize(struct pairs *p, size_t n_slots,
                         struct lh_arena *arena)
{
    struct pair *old = p->slots;
    size_t n_old = p->n_slots;
    p->slots = LH_NEW(arena, struct pair, n_slots);
    p->n_slots = n_slots;
    for (size_t i = 0; i < n_slots; i++)
        p->slots[i].id = -1;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].id >= 0)
            p->slots[pair_slot(p, old[i].a, old[i].b)] = old[i];
    }
}

/* The id of (a, b); *is_new tells whether it was given just now. */
static int32_t pairs_id(struct pairs *p, int64_t a, int64_t b, bool *is_new,
                        struct lh_arena *arena)
{
    if ((size_t)p->n * 2 >= p->n_slots)
        pairs_resize(p, p->n_slots ? p->n_slots * 2 : 1024, arena);
    size_t i = pair_slot(p, a, b);
    *is_new = p->slots[i].id < 0;
    if (*is_new)
        p->slots[i] = (struct pair){a, b, p->n++};
    return p->slots[i].id;
}

/* ---- ranks ---------------------------------------------------------------- */

/* How many ranks a site takes: whole replicas, or whole stages. */
static int64_t site_ranks(const struct placement *pl, int64_t gpus)
{
    const struct lh_axes *axes = pl->axes;
    enum lh_axis outer = pl->point->scenario->across_sites == LH_ACROSS_DATA
                             ? LH_AXIS_DATA
                             : LH_AXIS_PIPELINE;
    int64_t unit = lh_axes_ranks(axes) / axes->size[outer];
    return gpus / unit * unit;
}

static enum lh_status ranks_place(struct placement *pl)
{
    const struct lh_scenario *s = pl->point->scenario;
    int64_t n = lh_axes_ranks(pl->axes);
    pl->rank_accelerator = LH_NEW(pl->ctx->arena, int64_t, n);
    pl->rank_site = LH_NEW(pl->ctx->arena, int, n);
    int64_t rank = 0, first_accelerator = 0;
    for (int i = 0; i < s->n_sites; i++) {
        int64_t here = site_ranks(pl, s->sites[i].gpus);
        for (int64_t k = 0; k < here && rank < n; k++, rank++) {
            pl->rank_accelerator[rank] = first_accelerator + k;
            pl->rank_site[rank] = i;
        }
        first_accelerator += s->sites[i].gpus;
    }
    if (rank == n)
        return LH_OK;
    lh_error(pl->ctx, LH_NOWHERE,
             "the plan has %lld ranks, the sites hold only %lld of them",
             (long long)n, (long long)rank);
    return LH_BAD_INPUT;
}

static void classes_make(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    const struct lh_program *program = pl->program;
    struct lh_arena *arena = pl->ctx->arena;
    int64_t n = lh_axes_ranks(pl->axes);
    out->n_classes = (int32_t)n;
    out->class_size = LH_NEW(arena, int64_t, n);
    out->class_rank = LH_NEW(arena, lh_rank, n);
    out->class_template = LH_NEW(arena, int32_t, n);
    out->class_speed = LH_NEW(arena, double, n);
    out->class_first = LH_NEW(arena, int64_t, n + 1);
    for (int64_t r = 0; r < n; r++) {
        int64_t stage = lh_axes_coordinate(pl->axes, r, LH_AXIS_PIPELINE);
        int32_t t = (int32_t)stage * program->n_devices +
                    program->site_device[pl->rank_site[r]];
        out->class_size[r] = 1;
        out->class_rank[r] = r;
        out->class_template[r] = t;
        out->class_speed[r] = 1.0;
        out->class_first[r + 1] =
            out->class_first[r] + program->templates[t].n_ops;
    }
    out->n_records = out->class_first[n];
}

/* Every rank is simulated, so the size of what fits in memory is limited. */
static enum lh_status records_check(const struct placement *pl)
{
    if (pl->out->n_records <= LH__RECORDS_MAX)
        return LH_OK;
    lh_error(pl->ctx, LH_NOWHERE,
             "%lld ranks have %lld operations a step; this version simulates "
             "every rank and takes at most %d operations: fewer accelerators "
             "or micro-batches, e.g. --set sites[0].gpus=...",
             (long long)pl->out->n_classes, (long long)pl->out->n_records,
             LH__RECORDS_MAX);
    return LH_UNREACHABLE;
}

/* ---- members of a group ----------------------------------------------------- */

static void signatures_make(struct placement *pl)
{
    const struct lh_program *program = pl->program;
    struct signature *known =
        LH_NEW(pl->ctx->arena, struct signature, program->n_comms);
    int32_t n = 0;
    pl->row_signature = LH_NEW(pl->ctx->arena, int32_t, program->n_comms);
    for (int32_t row = 0; row < program->n_comms; row++) {
        const struct lh_comm *c = &program->comms[row];
        int32_t i = n - 1;
        for (; i >= 0; i--) {
            if (known[i].collective == c->collective &&
                known[i].axes == c->axes && known[i].shift == c->shift &&
                known[i].shift_axis == c->shift_axis &&
                known[i].bytes == c->bytes &&
                strcmp(known[i].algorithm, c->algorithm) == 0)
                break;
        }
        if (i < 0) {
            i = n++;
            known[i] = (struct signature){c->collective, c->axes,
                                          c->shift_axis, c->shift, c->bytes,
                                          c->algorithm};
        }
        pl->row_signature[row] = i;
    }
}

static lh_rank shifted(const struct lh_axes *axes, lh_rank rank,
                       enum lh_axis axis, int shift)
{
    int64_t size = axes->size[axis];
    int64_t from = lh_axes_coordinate(axes, rank, axis);
    int64_t to = ((from + shift) % size + size) % size;
    return rank + (to - from) * axes->stride[axis];
}

/* The rank that names a group: of a collective its first member, of a send
 * its sender. */
static lh_rank key_rank(const struct lh_axes *axes, const struct lh_comm *c,
                        const struct lh_op *op, lh_rank rank)
{
    if (c->collective == LH_SEND)
        return op->role == LH_ROLE_SENDER
                   ? rank
                   : shifted(axes, rank, c->shift_axis, -c->shift);
    for (int a = 0; a < LH_AXES; a++) {
        if (c->axes & LH_AXIS_BIT(a))
            rank -= lh_axes_coordinate(axes, rank, a) * axes->stride[a];
    }
    return rank;
}

static bool ascending(const int64_t *ranks, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        if (ranks[i - 1] >= ranks[i])
            return false;
    }
    return true;
}

/* Axes from the innermost (smallest stride) outwards. */
static void axes_by_stride(const struct lh_axes *axes, int order[LH_AXES])
{
    for (int a = 0; a < LH_AXES; a++) {
        int i = a;
        for (; i > 0 && axes->stride[order[i - 1]] > axes->stride[a]; i--)
            order[i] = order[i - 1];
        order[i] = a;
    }
}

/* Members in rank order; *n of them, in the arena. */
static lh_rank *group_ranks(const struct lh_axes *axes,
                            const struct lh_comm *c, lh_rank key, int64_t *n,
                            struct lh_arena *arena)
{
    if (c->collective == LH_SEND) {
        lh_rank *pair = LH_NEW(arena, lh_rank, 2);
        pair[0] = key;
        pair[1] = shifted(axes, key, c->shift_axis, c->shift);
        *n = 2;
        return pair;
    }
    *n = 1;
    for (int a = 0; a < LH_AXES; a++) {
        if (c->axes & LH_AXIS_BIT(a))
            *n *= axes->size[a];
    }
    lh_rank *ranks = LH_NEW(arena, lh_rank, *n);
    int order[LH_AXES];
    axes_by_stride(axes, order);
    int64_t made = 1;
    ranks[0] = key;
    for (int i = 0; i < LH_AXES; i++) {
        int a = order[i];
        if (!(c->axes & LH_AXIS_BIT(a)))
            continue;
        int64_t before = made;
        for (int64_t k = 1; k < axes->size[a]; k++) {
            for (int64_t j = 0; j < before; j++)
                ranks[made++] = ranks[j] + k * axes->stride[a];
        }
    }
    assert(ascending(ranks, *n));
    return ranks;
}

/* ---- shapes and groups -------------------------------------------------------- */

static enum lh_status shape_make(struct placement *pl, int32_t shape,
                                 const struct lh_comm *c, lh_rank key)
{
    struct lh__placed *out = pl->out;
    struct lh_arena *arena = pl->ctx->arena;
    int64_t n = 0;
    lh_rank *members = group_ranks(pl->axes, c, key, &n, arena);
    for (int64_t i = 0; i < n; i++)
        members[i] = pl->rank_accelerator[members[i]];
    out->shapes = lh_grow(arena, out->shapes, &pl->shape_capacity,
                          (size_t)shape + 1, sizeof *out->shapes);
    out->shape_members =
        lh_grow(arena, out->shape_members, &pl->accelerator_capacity,
                (size_t)shape + 1, sizeof *out->shape_members);
    out->n_shapes = shape + 1;
    struct lh__flow_request request = {
        .collective = c->collective, .algorithm = c->algorithm, .n = n,
        .accelerators = members, .bytes = c->bytes,
        .base_s = out->base_s};
    out->shape_members[shape] =
        (struct lh__shape_members){.n = n, .accelerators = members};
    return lh__flow_shape_make(&out->shapes[shape], &request,
                               pl->point->topology, pl->ctx);
}

static enum lh_status group_make(struct placement *pl, int32_t g, int32_t row,
                                 lh_rank key)
{
    struct lh__placed *out = pl->out;
    struct lh_arena *arena = pl->ctx->arena;
    const struct lh_comm *c = &pl->program->comms[row];
    bool is_new = false;
    int32_t shape = pairs_id(&pl->shapes, pl->row_signature[row], key,
                             &is_new, arena);
    if (is_new) {
        enum lh_status st = shape_make(pl, shape, c, key);
        if (st != LH_OK)
            return st;
    }
    size_t n = (size_t)g + 1;
    out->group_comm = lh_grow(arena, out->group_comm, &pl->group_capacity, n,
                              sizeof *out->group_comm);
    out->group_shape =
        lh_grow(arena, out->group_shape, &pl->group_shape_capacity, n,
                sizeof *out->group_shape);
    out->group_bytes =
        lh_grow(arena, out->group_bytes, &pl->group_bytes_capacity, n,
                sizeof *out->group_bytes);
    out->group_count =
        lh_grow(arena, out->group_count, &pl->group_count_capacity, n,
                sizeof *out->group_count);
    out->n_groups = g + 1;
    out->group_comm[g] = row;
    out->group_shape[g] = shape;
    out->group_bytes[g] = c->bytes * out->shapes[shape].unit_frac;
    out->group_count[g] = 1;
    return LH_OK;
}

static enum lh_status groups_make(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    out->record_group =
        LH_NEW(pl->ctx->arena, int32_t, out->n_records);
    for (int32_t c = 0; c < out->n_classes; c++) {
        const struct lh_template *t =
            &pl->program->templates[out->class_template[c]];
        for (int32_t o = 0; o < t->n_ops; o++) {
            int64_t r = out->class_first[c] + o;
            out->record_group[r] = -1;
            if (t->ops[o].kind != LH_OP_COMM)
                continue;
            int32_t row = t->ops[o].comm;
            lh_rank key = key_rank(pl->axes, &pl->program->comms[row],
                                   &t->ops[o], out->class_rank[c]);
            bool is_new = false;
            int32_t g =
                pairs_id(&pl->groups, row, key, &is_new, pl->ctx->arena);
            out->record_group[r] = g;
            enum lh_status st =
                is_new ? group_make(pl, g, row, key) : LH_OK;
            if (st != LH_OK)
                return st;
        }
    }
    return LH_OK;
}

/* CSR of member records; every group must have found all its members. */
static enum lh_status members_collect(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    struct lh_arena *arena = pl->ctx->arena;
    out->group_first = LH_NEW(arena, int64_t, out->n_groups + 2);
    for (int64_t r = 0; r < out->n_records; r++) {
        if (out->record_group[r] >= 0)
            out->group_first[out->record_group[r] + 2]++;
    }
    for (int32_t g = 0; g < out->n_groups; g++)
        out->group_first[g + 2] += out->group_first[g + 1];
    out->group_record =
        LH_NEW(arena, int64_t, out->group_first[out->n_groups + 1]);
    for (int64_t r = 0; r < out->n_records; r++) {
        if (out->record_group[r] >= 0)
            out->group_record[out->group_first[out->record_group[r] + 1]++] =
                r;
    }
    for (int32_t g = 0; g < out->n_groups; g++) {
        int64_t found = out->group_first[g + 1] - out->group_first[g];
        int64_t wanted = out->shape_members[out->group_shape[g]].n;
        if (found != wanted) {
            lh_error(pl->ctx, LH_NOWHERE,
                     "internal: communication %d has %lld of its %lld members",
                     out->group_comm[g], (long long)found, (long long)wanted);
            return LH_FAILED;
        }
    }
    return LH_OK;
}

static void bytes_count(struct lh__placed *out, struct lh_arena *arena)
{
    out->link_bytes =
        LH_NEW(arena, double, lh_topology_link_count(out->topology));
    for (int32_t g = 0; g < out->n_groups; g++) {
        const struct lh__flow_shape *s = &out->shapes[out->group_shape[g]];
        for (int32_t k = 0; k < s->n_links; k++)
            out->link_bytes[s->links[k]] +=
                (double)s->weights[k] * out->group_bytes[g];
    }
}

enum lh_status lh__place(struct lh__placed *out, const struct lh_sim_point *p,
                         struct lh_ctx *ctx)
{
    *out = (struct lh__placed){
        .program = p->program, .topology = p->topology,
        .base_s = p->scenario->stack.collective_base_s};
    struct placement pl = {.out = out, .point = p, .program = p->program,
                           .axes = &p->program->axes, .ctx = ctx};
    enum lh_status st = ranks_place(&pl);
    if (st != LH_OK)
        return st;
    classes_make(&pl);
    st = records_check(&pl);
    if (st != LH_OK)
        return st;
    signatures_make(&pl);
    st = groups_make(&pl);
    if (st != LH_OK)
        return st;
    st = members_collect(&pl);
    if (st != LH_OK)
        return st;
    bytes_count(out, ctx->arena);
    lh__place_reduce(out, ctx);
    return LH_OK;
}
