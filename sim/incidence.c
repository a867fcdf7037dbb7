/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Builds the incidence of ranks, communicators and links: families from the
 * rows of the program, skeletons from their axes, patterns of how members
 * stand, algorithms decided for the first communicator of each pattern, and at
 * last the links that every communicator's hops cross.
 *
 * O(hops x path) in all; nothing is kept a rank.
 */
#include "incidence.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- families and skeletons --------------------------------------------- */

static int32_t skeleton_of(struct lh__incidence *in, const struct lh_comm *c)
{
    for (int32_t i = 0; i < in->n_skeletons; i++) {
        const struct lh__skeleton *s = &in->skeletons[i];
        if (s->axes == c->axes
            && (c->axes != 0
                || (s->shift_axis == c->shift_axis && s->shift == c->shift)))
            return i;
    }
    in->skeletons[in->n_skeletons] = (struct lh__skeleton){
        .axes = c->axes, .shift_axis = c->shift_axis, .shift = c->shift};
    return in->n_skeletons++;
}

static int32_t family_of(struct lh__incidence *in, const struct lh_comm *c)
{
    int32_t skeleton = skeleton_of(in, c);
    for (int32_t i = in->n_families - 1; i >= 0; i--) {
        const struct lh__family *f = &in->families[i];
        if (f->skeleton == skeleton && f->collective == c->collective
            && f->bytes == c->bytes && strcmp(f->algorithm, c->algorithm) == 0)
            return i;
    }
    in->families[in->n_families] =
        (struct lh__family){.collective = c->collective,
                            .algorithm = c->algorithm,
                            .bytes = c->bytes,
                            .skeleton = skeleton};
    return in->n_families++;
}

static void families_make(struct lh__incidence *in, struct lh_arena *arena)
{
    const struct lh_program *p = in->ranks.program;
    in->families = LH_NEW(arena, struct lh__family, p->n_comms);
    in->skeletons = LH_NEW(arena, struct lh__skeleton, p->n_comms);
    in->row_family = LH_NEW(arena, int32_t, p->n_comms);
    for (int32_t row = 0; row < p->n_comms; row++)
        in->row_family[row] = family_of(in, &p->comms[row]);
}

/* The stages whose templates take part (of a send: that send). */
static void slots_make(struct lh__incidence *in, struct lh_arena *arena)
{
    const struct lh_program *p = in->ranks.program;
    for (int32_t i = 0; i < in->n_skeletons; i++) {
        in->skeletons[i].slot = LH_NEW(arena, int32_t, p->n_stages);
        in->skeletons[i].slot_stage = LH_NEW(arena, int32_t, p->n_stages);
    }
    for (int t = 0; t < p->n_templates; t++) {
        const struct lh_template *template = &p->templates[t];
        for (int32_t o = 0; o < template->n_ops; o++) {
            const struct lh_op *op = &template->ops[o];
            if (op->kind != LH_OP_COMM || op->role == LH_ROLE_RECEIVER)
                continue;
            int32_t f = in->row_family[op->comm];
            in->skeletons[in->families[f].skeleton].slot[template->stage] = 1;
        }
    }
    for (int32_t i = 0; i < in->n_skeletons; i++) {
        struct lh__skeleton *s = &in->skeletons[i];
        for (int stage = 0; stage < p->n_stages; stage++) {
            if (s->slot[stage] == 0) {
                s->slot[stage] = -1;
                continue;
            }
            s->slot_stage[s->n_slots] = stage;
            s->slot[stage] = s->n_slots++;
        }
        if (lh__skeleton_spans(s, LH_AXIS_PIPELINE))
            s->n_slots = 1;
    }
}

/* ---- patterns ----------------------------------------------------------- */

/* Scratch for the members of one communicator. */
struct stand {
    lh_rank *rank;
    int64_t *accelerator;
    int32_t *site;
    int64_t *domain;
};

static struct stand stand_new(int64_t n, struct lh_arena *arena)
{
    return (struct stand){.rank = LH_NEW(arena, lh_rank, n),
                          .accelerator = LH_NEW(arena, int64_t, n),
                          .site = LH_NEW(arena, int32_t, n),
                          .domain = LH_NEW(arena, int64_t, n)};
}

static void stand_set(struct stand *to, const struct lh__incidence *in,
                      int64_t i, lh_rank rank)
{
    int64_t a = lh__rank_accelerator(&in->ranks, rank);
    to->accelerator[i] = a;
    to->site[i] = lh_topology_accelerator_site(in->topology, a);
    to->domain[i] = lh_topology_accelerator_domain(in->topology, a);
}

static void stand_fill(struct stand *to, const struct lh__incidence *in,
                       const struct lh__skeleton *s, int64_t comm)
{
    lh__skeleton_members(s, &in->ranks, comm, to->rank);
    for (int64_t i = 0; i < s->n_members; i++)
        stand_set(to, in, i, to->rank[i]);
}

static void stand_walk(struct stand *to, const struct lh__incidence *in,
                       const struct lh__walk *w)
{
    for (int64_t i = 0; i < w->s->n_members; i++)
        stand_set(to, in, i, lh__walk_member(w, i));
}

static bool stands_alike(const struct stand *a, const struct lh_members *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        if (a->site[i] != b->site[i])
            return false;
        if (i > 0
            && (a->domain[i] == a->domain[i - 1])
                   != (b->domain[i] == b->domain[i - 1]))
            return false;
    }
    return true;
}

static int32_t pattern_of(struct lh__skeleton *s, const struct stand *stand,
                          int64_t comm, size_t *capacity,
                          struct lh_arena *arena)
{
    for (int32_t i = 0; i < s->n_patterns; i++) {
        if (stands_alike(stand, &s->patterns[i].members))
            return i;
    }
    int64_t n = s->n_members;
    int32_t *site = LH_NEW(arena, int32_t, n);
    int64_t *domain = LH_NEW(arena, int64_t, n);
    memcpy(site, stand->site, (size_t)n * sizeof *site);
    memcpy(domain, stand->domain, (size_t)n * sizeof *domain);
    s->patterns = lh_grow(arena, s->patterns, capacity,
                          (size_t)s->n_patterns + 1, sizeof *s->patterns);
    s->patterns[s->n_patterns] = (struct lh__pattern){
        .comm = comm, .members = {.n = n, .site = site, .domain = domain}};
    return s->n_patterns++;
}

static void patterns_make(struct lh__incidence *in, struct lh__skeleton *s,
                          struct lh_arena *arena)
{
    struct stand stand = stand_new(s->n_members, arena);
    size_t capacity = 0;
    s->pattern = LH_NEW(arena, int32_t, s->n_comms);
    struct lh__walk w = lh__walk_begin(s, &in->ranks);
    for (int64_t comm = 0; comm < s->n_comms; comm++, lh__walk_next(&w)) {
        stand_walk(&stand, in, &w);
        s->pattern[comm] = pattern_of(s, &stand, comm, &capacity, arena);
    }
}

/* ---- algorithms and geometries ------------------------------------------ */

enum { OPTIONS_MAX = 64 };

/* Of a geometry on a pattern, for a collective of the geometry's families. */
static void hops_of(struct lh_hops *out, const struct lh__geometry *g,
                    int32_t pattern, enum lh_collective collective,
                    const struct lh__skeleton *s, struct lh_ctx *ctx)
{
    struct lh_members members = s->patterns[pattern].members;
    int algorithm = g->algorithm[pattern];
    members.channels_max = g->small ? 1 : 0;
    if (algorithm < 0)
        lh__send_hops(out, ctx);
    else
        lh_algorithm_at(algorithm)->hops(out, collective, &members, ctx);
}

static bool is_small(const struct lh__family *f)
{
    return f->bytes <= LH__SMALL_BYTES;
}

static double comm_latency_s(int algorithm, enum lh_collective collective,
                             const struct lh_hops *hops,
                             const struct lh_members *members,
                             const double *hop_latency_s)
{
    if (algorithm < 0)
        return hop_latency_s[0];
    return lh_algorithm_at(algorithm)->latency(hops, collective, members,
                                               hop_latency_s);
}

/* Latency of an algorithm on a communicator, whose hops the members' stand
 * gives. */
static double latency_on(const struct lh__incidence *in, int algorithm,
                         enum lh_collective collective,
                         const struct lh_members *members,
                         const struct stand *stand, struct lh_ctx *scratch)
{
    struct lh_hops hops;
    lh_algorithm_at(algorithm)->hops(&hops, collective, members, scratch);
    double *latency_s = LH_NEW(scratch->arena, double, hops.n);
    for (int64_t h = 0; h < hops.n; h++) {
        struct lh_path path;
        lh_topology_path(&path, in->topology, stand->accelerator[hops.from[h]],
                         stand->accelerator[hops.to[h]]);
        latency_s[h] = path.latency_s;
    }
    return comm_latency_s(algorithm, collective, &hops, members, latency_s);
}

/* Evaluates an algorithm on the first communicator of a pattern, once. */
static enum lh_status option_of(const struct lh__option **out,
                                const struct lh__incidence *in,
                                const struct lh__skeleton *s,
                                struct lh__pattern *p, struct lh__option wanted,
                                struct lh_ctx *ctx)
{
    for (int i = 0; i < p->n_options; i++) {
        *out = &p->options[i];
        if ((*out)->collective == wanted.collective
            && (*out)->algorithm == wanted.algorithm
            && (*out)->small == wanted.small)
            return LH_OK;
    }
    struct lh_ctx scratch = {lh_arena_new(), ctx->diag, ctx->data_dir};
    struct stand stand = stand_new(s->n_members, scratch.arena);
    struct lh__flow_shape shape;
    stand_fill(&stand, in, s, p->comm);
    struct lh__flow_request request = {
        .collective = wanted.collective,
        .algorithm = lh_algorithm_at(wanted.algorithm)->name,
        .n = s->n_members,
        .accelerators = stand.accelerator,
        .bytes = 2 * LH__SMALL_BYTES,
        .base_s = in->base_s,
        .together = s->n_comms};
    enum lh_status st = LH_OK;
    if (wanted.small) {
        struct lh_members members = p->members;
        members.channels_max = 1;
        wanted.alpha_s = in->base_s
                         + latency_on(in, wanted.algorithm, wanted.collective,
                                      &members, &stand, &scratch);
    } else {
        st = lh__flow_shape_make(&shape, &request, in->topology, &scratch);
        wanted.alpha_s = shape.alpha_s;
        wanted.s_per_byte = shape.s_per_byte;
    }
    lh_arena_free(scratch.arena);
    if (st != LH_OK)
        return st;
    if (p->options == NULL)
        p->options = LH_NEW(ctx->arena, struct lh__option, OPTIONS_MAX);
    assert(p->n_options < OPTIONS_MAX);
    p->options[p->n_options] = wanted;
    *out = &p->options[p->n_options++];
    return LH_OK;
}

/* The algorithm that a family takes on a pattern: the one named, or of "auto"
 * that of the least time, the first in the list among equals. */
static enum lh_status algorithm_of(int *out, const struct lh__incidence *in,
                                   const struct lh__family *f,
                                   struct lh__pattern *p, struct lh_ctx *ctx)
{
    const struct lh__skeleton *s = &in->skeletons[f->skeleton];
    const struct lh__option *option = NULL;
    double best_s = INFINITY;
    *out = -1;
    if (f->collective == LH_SEND)
        return LH_OK;
    for (int i = 0; i < lh_algorithm_count(); i++) {
        if (!lh__flow_candidate(i, f->algorithm, f->collective, &p->members))
            continue;
        enum lh_status st =
            option_of(&option, in, s, p,
                      (struct lh__option){.collective = f->collective,
                                          .algorithm = i,
                                          .small = is_small(f)},
                      ctx);
        if (st != LH_OK)
            return st;
        double time_s = option->alpha_s + option->s_per_byte * f->bytes;
        if (time_s < best_s) {
            best_s = time_s;
            *out = i;
        }
    }
    if (*out >= 0)
        return LH_OK;
    const struct lh_algorithm *a = lh_algorithm_find(f->algorithm);
    lh_error(ctx, LH_NOWHERE,
             "sync.algorithm: '%s' cannot do the %s of these %lld members "
             "(%s); 'auto' takes what can",
             f->algorithm, lh_collective_name(f->collective),
             (long long)s->n_members, a ? a->help : "unknown");
    return LH_BAD_INPUT;
}

/* Rings of all collectives have the same hops. */
static enum lh_collective canonical(const struct lh__family *f,
                                    const int *algorithm, int32_t n_patterns)
{
    if (f->collective == LH_SEND)
        return LH_SEND;
    for (int32_t i = 0; i < n_patterns; i++) {
        if (lh_algorithm_at(algorithm[i]) != lh_algorithm_find("ring"))
            return f->collective;
    }
    return LH_ALL_REDUCE;
}

/* A send has one hop whatever its bytes. */
static int32_t geometry_of(struct lh__incidence *in, const struct lh__family *f,
                           int *algorithm)
{
    int32_t skeleton = f->skeleton;
    size_t n = (size_t)in->skeletons[skeleton].n_patterns;
    enum lh_collective collective = canonical(f, algorithm, (int32_t)n);
    bool small = f->collective != LH_SEND && is_small(f);
    for (int32_t i = 0; i < in->n_geometries; i++) {
        const struct lh__geometry *g = &in->geometries[i];
        if (g->skeleton == skeleton && g->collective == collective
            && g->small == small
            && memcmp(g->algorithm, algorithm, n * sizeof *algorithm) == 0)
            return i;
    }
    in->geometries[in->n_geometries] =
        (struct lh__geometry){.skeleton = skeleton,
                              .collective = collective,
                              .small = small,
                              .algorithm = algorithm,
                              .first_comm = in->n_comms};
    in->n_comms += in->skeletons[skeleton].n_comms;
    return in->n_geometries++;
}

static enum lh_status geometries_make(struct lh__incidence *in,
                                      struct lh_ctx *ctx)
{
    in->geometries = LH_NEW(ctx->arena, struct lh__geometry, in->n_families);
    for (int32_t i = 0; i < in->n_families; i++) {
        struct lh__family *f = &in->families[i];
        const struct lh__skeleton *s = &in->skeletons[f->skeleton];
        int *algorithm = LH_NEW(ctx->arena, int, s->n_patterns);
        for (int32_t k = 0; k < s->n_patterns; k++) {
            enum lh_status st =
                algorithm_of(&algorithm[k], in, f, &s->patterns[k], ctx);
            if (st != LH_OK)
                return st;
        }
        f->geometry = geometry_of(in, f, algorithm);
    }
    return LH_OK;
}

/* ---- links that communicators cross ------------------------------------- */

struct uses {
    size_t n;
    size_t capacity;
    lh_link *link;
    int64_t *weight;        /* NULL: all are 1 so far */
    double *hop_latency_s;  /* of the communicator at hand */
    double cap_bytes_per_s; /* the same */
    bool small;
};

static void *resized(void *array, size_t n, size_t size)
{
    void *to = realloc(array, n * size);
    if (to == NULL)
        abort();
    return to;
}

static void uses_reserve(struct uses *u, size_t more)
{
    if (u->n + more <= u->capacity)
        return;
    u->capacity = u->capacity + u->capacity / 2 + more + 1024;
    u->link = resized(u->link, u->capacity, sizeof *u->link);
    if (u->weight)
        u->weight = resized(u->weight, u->capacity, sizeof *u->weight);
}

/* From now on weights are kept. */
static void uses_weigh(struct uses *u)
{
    if (u->weight)
        return;
    uses_reserve(u, 1);
    u->weight = resized(NULL, u->capacity, sizeof *u->weight);
    for (size_t i = 0; i < u->n; i++)
        u->weight[i] = 1;
}

/* Lays one communicator's hops on the topology; a small one uses no links. */
static void comm_uses(const struct lh__incidence *in, struct uses *u,
                      const struct lh_hops *hops, const struct stand *stand)
{
    u->cap_bytes_per_s = INFINITY;
    for (int64_t h = 0; h < hops->n; h++) {
        struct lh_path path;
        lh_topology_path(&path, in->topology, stand->accelerator[hops->from[h]],
                         stand->accelerator[hops->to[h]]);
        u->hop_latency_s[h] = path.latency_s;
        if (u->small)
            continue;
        u->cap_bytes_per_s =
            fmin(u->cap_bytes_per_s, lh__hop_cap(&path, hops->weight[h]));
        uses_reserve(u, (size_t)path.n_links);
        for (int i = 0; i < path.n_links; i++) {
            u->link[u->n] = path.links[i];
            if (u->weight)
                u->weight[u->n] = hops->weight[h];
            u->n++;
        }
    }
}

static void geometry_uses(struct lh__incidence *in, struct uses *u,
                          struct lh__geometry *g, struct lh_ctx *ctx)
{
    const struct lh__skeleton *s = &in->skeletons[g->skeleton];
    struct stand stand = stand_new(s->n_members, ctx->arena);
    struct lh_hops *hops = LH_NEW(ctx->arena, struct lh_hops, s->n_patterns);
    g->unit_frac = LH_NEW(ctx->arena, double, s->n_patterns);
    g->phi = LH_NEW(ctx->arena, double, s->n_patterns);
    int64_t most = 0;
    for (int32_t k = 0; k < s->n_patterns; k++) {
        hops_of(&hops[k], g, k, g->collective, s, ctx);
        most = hops[k].n > most ? hops[k].n : most;
        g->unit_frac[k] = hops[k].unit_frac;
        g->phi[k] = hops[k].phi;
        for (int64_t h = 0; h < hops[k].n && !g->small; h++) {
            if (hops[k].weight[h] != 1)
                uses_weigh(u);
        }
    }
    u->hop_latency_s = LH_NEW(ctx->arena, double, most);
    u->small = g->small;
    struct lh__walk w = lh__walk_begin(s, &in->ranks);
    for (int64_t comm = 0; comm < s->n_comms; comm++, lh__walk_next(&w)) {
        int32_t k = s->pattern[comm];
        int64_t x = g->first_comm + comm;
        stand_walk(&stand, in, &w);
        comm_uses(in, u, &hops[k], &stand);
        in->use_first[x + 1] = (int64_t)u->n;
        in->cap_bytes_per_s[x] = u->cap_bytes_per_s;
        in->latency_s[x] =
            comm_latency_s(g->algorithm[k], g->collective, &hops[k],
                           &s->patterns[k].members, u->hop_latency_s);
    }
}

/* ---- the incidence ------------------------------------------------------ */

enum lh_status lh__incidence_build(struct lh__incidence *out,
                                   const struct lh_sim_point *p,
                                   struct lh_ctx *ctx)
{
    *out =
        (struct lh__incidence){.topology = p->topology,
                               .base_s = p->scenario->stack.collective_base_s,
                               .n_links = lh_topology_link_count(p->topology)};
    enum lh_status st = lh__ranks_place(&out->ranks, p, ctx);
    if (st != LH_OK)
        return st;
    families_make(out, ctx->arena);
    slots_make(out, ctx->arena);
    for (int32_t i = 0; i < out->n_skeletons; i++) {
        lh__skeleton_number(&out->skeletons[i], out->ranks.axes, ctx->arena);
        patterns_make(out, &out->skeletons[i], ctx->arena);
    }
    st = geometries_make(out, ctx);
    if (st != LH_OK)
        return st;
    out->use_first = LH_NEW(ctx->arena, int64_t, out->n_comms + 1);
    out->latency_s = LH_NEW(ctx->arena, double, out->n_comms);
    out->cap_bytes_per_s = LH_NEW(ctx->arena, double, out->n_comms);
    struct uses uses = {0};
    for (int32_t i = 0; i < out->n_geometries; i++)
        geometry_uses(out, &uses, &out->geometries[i], ctx);
    out->use_link = uses.link;
    out->use_weight = uses.weight;
    return LH_OK;
}

void lh__incidence_free(struct lh__incidence *in)
{
    free(in->use_link);
    free(in->use_weight);
    in->use_link = NULL;
    in->use_weight = NULL;
}

int64_t lh__incidence_comm(const struct lh__incidence *in,
                           const struct lh_op *op, lh_rank rank)
{
    const struct lh__family *f = &in->families[in->row_family[op->comm]];
    const struct lh__skeleton *s = &in->skeletons[f->skeleton];
    return in->geometries[f->geometry].first_comm
           + lh__skeleton_comm(s, in->ranks.axes, rank,
                               op->role == LH_ROLE_RECEIVER);
}

static bool on_several_sites(const struct lh_members *members)
{
    for (int64_t i = 1; i < members->n; i++) {
        if (members->site[i] != members->site[0])
            return true;
    }
    return false;
}

/* A geometry knows the figures of its own collective; those of another that
 * shares its hops (a ring's) are worked out for this communicator. */
struct lh__flow_figures lh__incidence_figures(const struct lh__incidence *in,
                                              int32_t family, int64_t comm,
                                              struct lh_ctx *ctx)
{
    const struct lh__family *f = &in->families[family];
    const struct lh__geometry *g = &in->geometries[f->geometry];
    const struct lh__skeleton *s = &in->skeletons[f->skeleton];
    int64_t local = comm - g->first_comm;
    int32_t k = s->pattern[local];
    struct lh_members members = s->patterns[k].members;
    struct lh__flow_figures out = {.algorithm = g->algorithm[k],
                                   .alpha_s = in->base_s + in->latency_s[comm],
                                   .unit_frac = g->unit_frac[k],
                                   .phi = g->phi[k],
                                   .cap_bytes_per_s = in->cap_bytes_per_s[comm],
                                   .crosses_wan = on_several_sites(&members)};
    if (f->collective == g->collective)
        return out;
    struct lh_ctx scratch = {lh_arena_new(), ctx->diag, ctx->data_dir};
    struct stand stand = stand_new(s->n_members, scratch.arena);
    struct lh_hops hops;
    stand_fill(&stand, in, s, local);
    members.channels_max = g->small ? 1 : 0;
    hops_of(&hops, g, k, f->collective, s, &scratch);
    out.unit_frac = hops.unit_frac;
    out.phi = hops.phi;
    out.alpha_s = in->base_s
                  + latency_on(in, out.algorithm, f->collective, &members,
                               &stand, &scratch);
    lh_arena_free(scratch.arena);
    return out;
}
