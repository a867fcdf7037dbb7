/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Places a program on a topology: the incidence of ranks, communicators and
 * links is folded, and the program's rows become groups of the fold's classes.
 * Only representatives are looked at, so the cost after folding does not grow
 * with the number of ranks.
 */
#include "place.h"

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

struct placement {
    struct lh__placed *out;
    const struct lh_program *program;
    struct pairs groups; /* (row, class of communicators)    */
    struct pairs shapes; /* (family, class of communicators) */
    struct lh_ctx *ctx;
};

/* ---- pairs --------------------------------------------------------------- */

static size_t pair_slot(const struct pairs *p, int64_t a, int64_t b)
{
    uint64_t h = (uint64_t)a * 0x9e3779b97f4a7c15u + (uint64_t)b;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    h ^= h >> 32;
    size_t i = (size_t)h & (p->n_slots - 1);
    while (p->slots[i].id >= 0 && (p->slots[i].a != a || p->slots[i].b != b))
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

/* The id of (a, b), given now if it is new. */
static int32_t pairs_id(struct pairs *p, int64_t a, int64_t b,
                        struct lh_arena *arena)
{
    if ((size_t)p->n * 2 >= p->n_slots)
        pairs_resize(p, p->n_slots ? p->n_slots * 2 : 1024, arena);
    size_t i = pair_slot(p, a, b);
    if (p->slots[i].id < 0)
        p->slots[i] = (struct pair){a, b, p->n++};
    return p->slots[i].id;
}

/* ---- classes ------------------------------------------------------------- */

/* The value that schedule `id` (-1: none) begins with; *changing is set where
 * it has others later. */
static double schedule_first(const struct lh__schedule **changing,
                             double nominal, const struct lh__faults *faults,
                             int32_t id)
{
    const struct lh__schedule *s = id < 0 ? NULL : &faults->schedules[id];
    *changing = s && s->n > 1 ? s : NULL;
    return s ? s->changes[0].value : nominal;
}

static enum lh_status classes_make(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    const struct lh__fold *f = &out->fold;
    const struct lh__faults *faults = out->incidence.faults;
    struct lh_arena *arena = pl->ctx->arena;
    int32_t n = f->n_ranks;
    out->n_classes = n;
    out->class_size = f->rank_size;
    out->class_rank = LH_NEW(arena, lh_rank, n);
    out->class_template = LH_NEW(arena, int32_t, n);
    out->class_speed = LH_NEW(arena, double, n);
    out->class_schedule = LH_NEW(arena, const struct lh__schedule *, n);
    out->class_first = LH_NEW(arena, int64_t, n + 1);
    for (int32_t c = 0; c < n; c++) {
        out->class_rank[c] = lh__fold_rank(f, c);
        int32_t t =
            lh__rank_template(&out->incidence.ranks, out->class_rank[c]);
        out->class_template[c] = t;
        out->class_speed[c] =
            schedule_first(&out->class_schedule[c], 1.0, faults,
                           lh__faults_rank(faults, out->class_rank[c]));
        out->class_first[c + 1] =
            out->class_first[c] + pl->program->templates[t].n_ops;
    }
    out->n_records = out->class_first[n];
    if (out->n_records <= LH__RECORDS_MAX)
        return LH_OK;
    lh_error(pl->ctx, LH_NOWHERE,
             "%d classes of ranks have %lld operations a step; this version "
             "simulates at most %d: fewer accelerators or micro-batches, e.g. "
             "--set sites[0].gpus=...",
             n, (long long)out->n_records, LH__RECORDS_MAX);
    return LH_UNREACHABLE;
}

static void links_make(struct lh__placed *out, struct lh_arena *arena)
{
    const struct lh__fold *f = &out->fold;
    out->n_links = f->n_links;
    out->link_capacity = LH_NEW(arena, double, f->n_links);
    out->link_schedule = LH_NEW(arena, const struct lh__schedule *, f->n_links);
    out->link_bytes = LH_NEW(arena, double, f->n_links);
    const struct lh__faults *faults = out->incidence.faults;
    for (int32_t j = 0; j < f->n_links; j++)
        out->link_capacity[j] = schedule_first(
            &out->link_schedule[j],
            lh_topology_link_capacity(out->topology, lh__fold_link(f, j)),
            faults, lh__faults_link(faults, lh__fold_link(f, j)));
}

/* ---- groups -------------------------------------------------------------- */

static enum lh_status records_group(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    const struct lh__incidence *in = &out->incidence;
    struct lh_arena *arena = pl->ctx->arena;
    out->record_group = LH_NEW(arena, int32_t, out->n_records);
    for (int32_t c = 0; c < out->n_classes; c++) {
        const struct lh_template *t =
            &pl->program->templates[out->class_template[c]];
        for (int32_t o = 0; o < t->n_ops; o++) {
            const struct lh_op *op = &t->ops[o];
            int32_t *group = &out->record_group[out->class_first[c] + o];
            *group = -1;
            if (op->kind != LH_OP_COMM)
                continue;
            int64_t x = lh__incidence_comm(in, op, out->fold.rank_first[c]);
            *group =
                pairs_id(&pl->groups, op->comm, out->fold.comm_class[x], arena);
        }
    }
    out->n_groups = pl->groups.n;
    return LH_OK;
}

static void groups_make(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    struct lh_arena *arena = pl->ctx->arena;
    size_t n = (size_t)out->n_groups;
    out->group_comm = LH_NEW(arena, int32_t, n);
    out->group_shape = LH_NEW(arena, int32_t, n);
    out->group_count = LH_NEW(arena, int64_t, n);
    out->group_bytes = LH_NEW(arena, double, n);
    for (size_t i = 0; i < pl->groups.n_slots; i++) {
        const struct pair *p = &pl->groups.slots[i];
        if (p->id < 0)
            continue;
        out->group_comm[p->id] = (int32_t)p->a;
        out->group_count[p->id] = out->fold.comm_size[p->b];
        out->group_shape[p->id] = (int32_t)p->b; /* its class, for now */
    }
    for (size_t g = 0; g < n; g++)
        out->group_shape[g] =
            pairs_id(&pl->shapes, out->incidence.row_family[out->group_comm[g]],
                     out->group_shape[g], arena);
    out->n_shapes = pl->shapes.n;
}

/* CSR of member records. */
static void members_collect(struct lh__placed *out, struct lh_arena *arena)
{
    out->group_first = LH_NEW(arena, int64_t, (size_t)out->n_groups + 2);
    for (int64_t r = 0; r < out->n_records; r++) {
        if (out->record_group[r] >= 0)
            out->group_first[out->record_group[r] + 2]++;
    }
    for (int32_t g = 0; g < out->n_groups; g++)
        out->group_first[g + 2] += out->group_first[g + 1];
    out->group_record =
        LH_NEW(arena, int64_t, out->group_first[out->n_groups + 1]);
    for (int64_t r = 0; r < out->n_records; r++) {
        int32_t g = out->record_group[r];
        if (g >= 0)
            out->group_record[out->group_first[g + 1]++] = r;
    }
}

/* How many classes of ranks are members of a listed communicator (of a send
 * both ends count, also where they are of one class). */
static int64_t member_classes(const struct lh__fold *f, int64_t x, int32_t mark,
                              int32_t *seen)
{
    const struct lh__incidence *in = f->in;
    int64_t n = 0;
    if (lh__comm_skeleton(in, x)->axes == 0)
        return 2;
    for (int64_t m = in->member_first[x]; m < in->member_first[x + 1]; m++) {
        int32_t c = f->rank_class[in->member_rank[m]];
        n += seen[c] != mark;
        seen[c] = mark;
    }
    return n;
}

/* Every group has found an op in each class of its members. */
static enum lh_status members_check(struct placement *pl)
{
    const struct lh__placed *out = pl->out;
    const struct lh__fold *f = &out->fold;
    int64_t *wanted = LH_NEW(pl->ctx->arena, int64_t, f->n_comms);
    int32_t *seen = LH_NEW(pl->ctx->arena, int32_t, out->n_classes);
    for (int32_t i = 0; i < f->n_comms; i++)
        wanted[i] = member_classes(f, f->comm_first[i], i + 1, seen);
    for (int32_t g = 0; g < out->n_groups; g++) {
        int32_t i = out->shapes[out->group_shape[g]].comm_class;
        int64_t found = out->group_first[g + 1] - out->group_first[g];
        if (found == wanted[i])
            continue;
        lh_error(pl->ctx, LH_NOWHERE,
                 "internal: communication %d has %lld of its %lld classes "
                 "of members",
                 out->group_comm[g], (long long)found, (long long)wanted[i]);
        return LH_FAILED;
    }
    return LH_OK;
}

/* ---- shapes -------------------------------------------------------------- */

/* The weights are the class's on one link; they are whole multiples of the
 * hops' unit, of which the common divisor goes to the unit. */
static void shape_make(struct placement *pl, struct lh__shape *out,
                       int32_t family, int32_t comm_class)
{
    const struct lh__fold *f = &pl->out->fold;
    struct lh_arena *arena = pl->ctx->arena;
    struct lh__flow_figures figures = lh__incidence_figures(
        f->in, family, f->comm_first[comm_class], pl->ctx);
    int64_t first = f->weight_first[comm_class];
    int32_t n = (int32_t)(f->weight_first[comm_class + 1] - first);
    int64_t common = 0;
    for (int32_t k = 0; k < n; k++)
        common = lh__divisor(f->weight[first + k], common);
    if (n == 0)
        common = 1;
    *out = (struct lh__shape){.family = family,
                              .comm_class = comm_class,
                              .algorithm = figures.algorithm,
                              .protocol = figures.protocol,
                              .n_links = n,
                              .links = LH_NEW(arena, int32_t, n),
                              .weights = LH_NEW(arena, int64_t, n),
                              .alpha_s = figures.alpha_s,
                              .unit_frac = figures.unit_frac * (double)common,
                              .phi = figures.phi * (double)common,
                              .cap_bytes_per_s =
                                  figures.cap_bytes_per_s * (double)common,
                              .crosses_wan = figures.crosses_wan};
    for (int32_t k = 0; k < n; k++) {
        out->links[k] = f->weight_link[first + k];
        out->weights[k] = f->weight[first + k] / common;
    }
}

static void shapes_make(struct placement *pl)
{
    struct lh__placed *out = pl->out;
    out->shapes = LH_NEW(pl->ctx->arena, struct lh__shape, out->n_shapes);
    for (size_t i = 0; i < pl->shapes.n_slots; i++) {
        const struct pair *p = &pl->shapes.slots[i];
        if (p->id >= 0)
            shape_make(pl, &out->shapes[p->id], (int32_t)p->a, (int32_t)p->b);
    }
}

/* Steps of which a group runs in one. */
static int64_t steps_of(const struct lh__placed *p, int32_t g)
{
    int64_t r = p->group_record[p->group_first[g]];
    int32_t c = 0;
    while (p->class_first[c + 1] <= r)
        c++;
    const struct lh_template *t = &p->program->templates[p->class_template[c]];
    return t->ops[r - p->class_first[c]].turn > 0 ? lh_cycle_steps(p->program)
                                                  : 1;
}

static void bytes_count(struct lh__placed *out)
{
    bool cycles = lh_cycle_steps(out->program) > 1;
    for (int32_t g = 0; g < out->n_groups; g++) {
        const struct lh__shape *s = &out->shapes[out->group_shape[g]];
        out->group_bytes[g] =
            out->program->comms[out->group_comm[g]].bytes * s->unit_frac;
        double every = cycles ? (double)steps_of(out, g) : 1.0;
        for (int32_t k = 0; k < s->n_links; k++)
            out->link_bytes[s->links[k]] +=
                (double)s->weights[k] * out->group_bytes[g] / every;
    }
}

enum lh_status lh__place(struct lh__placed *out, const struct lh_sim_point *p,
                         struct lh_ctx *ctx)
{
    *out = (struct lh__placed){.program = p->program, .topology = p->topology};
    struct placement pl = {.out = out, .program = p->program, .ctx = ctx};
    enum lh_status st = lh__fold_point(&out->fold, &out->incidence, p, ctx);
    if (st == LH_OK)
        st = classes_make(&pl);
    if (st == LH_OK)
        st = records_group(&pl);
    if (st != LH_OK)
        return st;
    links_make(out, ctx->arena);
    groups_make(&pl);
    members_collect(out, ctx->arena);
    shapes_make(&pl);
    st = members_check(&pl);
    if (st != LH_OK)
        return st;
    bytes_count(out);
    lh__place_reduce(out, ctx);
    lh__place_alone(out, ctx);
    lh__place_steal(out, p->scenario, ctx);
    return LH_OK;
}
