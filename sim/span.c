/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Cuts the hops of communicators that span blocks into pieces, one a block.
 *
 * O(hops of one inner number of each pattern); only latencies are worked out
 * for all inner numbers, once a kind of hop.
 */
#include "span.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct maker {
    struct lh__span *span;
    struct lh_arena *arena;
    struct lh_arena *scratch;
    struct lh__interned kinds;
    size_t kind_capacity;
    int32_t **hop_kinds;   /* [n_outer * kinds of inner numbers][hops] */
    int32_t *list;         /* [entries * kinds of inner numbers] */
    int32_t *member_entry; /* [members] of the outer number at hand */
    int64_t *member_place; /* [members] counted in its block */
};

lh_rank lh__span_rank(const struct lh__span *span, int32_t block, int64_t j,
                      int64_t inner)
{
    const struct lh__incidence *in = span->in;
    int64_t base = lh__skeleton_base(span->s, &in->ranks, &in->blocks, inner);
    return in->blocks.block[block].first + base
           + (span->s->axes ? span->s->offset[j] : 0);
}

/* ---- entries ------------------------------------------------------------- */

static int64_t outer_of(const struct lh__span *span, int32_t block,
                        int32_t receiver)
{
    return lh__skeleton_outer(span->s, &span->in->ranks, &span->in->blocks,
                              block, receiver == 1);
}

/* Counting sort by outer number; of a send first all senders. */
static void entries_make(struct lh__span *span, struct lh_arena *arena)
{
    int32_t n_blocks = span->in->blocks.n;
    int roles = span->s->axes ? 1 : 2;
    span->first = LH_NEW(arena, int64_t, span->s->n_outer + 2);
    for (int32_t role = 0; role < roles; role++) {
        for (int32_t b = 0; b < n_blocks; b++) {
            int64_t o = outer_of(span, b, role);
            if (o >= 0)
                span->first[o + 2]++;
        }
    }
    for (int64_t o = 0; o < span->s->n_outer; o++)
        span->first[o + 2] += span->first[o + 1];
    span->entry =
        LH_NEW(arena, struct lh__entry, span->first[span->s->n_outer + 1]);
    for (int32_t role = 0; role < roles; role++) {
        for (int32_t b = 0; b < n_blocks; b++) {
            int64_t o = outer_of(span, b, role);
            if (o >= 0)
                span->entry[span->first[o + 1]++] =
                    (struct lh__entry){.block = b, .receiver = role};
        }
    }
}

/* Members of outer number o, which ascend with their blocks. */
static void members_locate(struct maker *m, int64_t o)
{
    const struct lh__span *span = m->span;
    int64_t member = 0;
    for (int64_t e = span->first[o]; e < span->first[o + 1]; e++) {
        int64_t n = lh__skeleton_in_block(
            span->s, &span->in->ranks, &span->in->blocks, span->entry[e].block);
        for (int64_t j = 0; j < n; j++, member++) {
            m->member_entry[member] = (int32_t)(e - span->first[o]);
            m->member_place[member] = j;
        }
    }
}

/* ---- hops ---------------------------------------------------------------- */

/* The blocks of an outer number, for a kind of inner numbers. */
struct outer {
    const struct lh__entry *entries;
    int32_t inner_kind;
};

/* Where in its scale-up domain a member stands, and of how many; of the lowest
 * inner number of the kind: two that are alike for one are alike for all. */
struct domain_place {
    int64_t place, size;
};

static struct domain_place domain_place(const struct maker *m,
                                        const struct outer *o, int64_t member)
{
    const struct lh__span *span = m->span;
    const struct lh_topology *t = span->in->topology;
    lh_rank rank =
        lh__span_rank(span, o->entries[m->member_entry[member]].block,
                      m->member_place[member], span->p->kind_of[o->inner_kind]);
    int64_t a = lh__rank_accelerator(&span->in->ranks, rank);
    return (struct domain_place){lh_topology_accelerator_place(t, a),
                                 lh_topology_domain_size(t, a)};
}

static int32_t hop_kind_of(struct maker *m, const struct outer *o, int64_t from,
                           int64_t to, enum lh__side side)
{
    struct lh__span *span = m->span;
    const struct lh__block *block = span->in->blocks.block;
    int32_t a = o->entries[m->member_entry[from]].block;
    int32_t b = o->entries[m->member_entry[to]].block;
    struct domain_place other = {0, 0};
    if (side != LH__BOTH)
        other = domain_place(m, o, side == LH__FROM ? to : from);
    const int64_t key[] = {side == LH__TO ? other.place : m->member_place[from],
                           side == LH__FROM ? other.place : m->member_place[to],
                           other.size,
                           block[a].site,
                           block[b].site,
                           side == LH__TO ? 0 : block[a].n,
                           side == LH__FROM ? 0 : block[b].n,
                           side,
                           a == b, /* a send to itself crosses nothing */
                           o->inner_kind};
    int32_t kind = lh__intern(&m->kinds, key, sizeof key / sizeof key[0]);
    if (kind < span->n_hop_kinds)
        return kind;
    span->hop_kind = lh_grow(m->arena, span->hop_kind, &m->kind_capacity,
                             (size_t)kind + 1, sizeof *span->hop_kind);
    span->hop_kind[kind] = (struct lh__hop_kind){
        a, b, m->member_place[from], m->member_place[to], o->inner_kind};
    span->n_hop_kinds = kind + 1;
    return kind;
}

/* What one block sees of a hop. */
struct sight {
    int32_t entry;    /* counted in its outer number */
    int64_t value[3]; /* hop kind, side, weight */
};

static int by_entry(const void *x, const void *y)
{
    const struct sight *a = x, *b = y;
    if (a->entry != b->entry)
        return a->entry < b->entry ? -1 : 1;
    for (int i = 0; i < 3; i++) {
        if (a->value[i] != b->value[i])
            return a->value[i] < b->value[i] ? -1 : 1;
    }
    return 0;
}

/* Adds up the weights of what one block sees alike. */
static int64_t sights_join(struct sight *sight, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        struct sight *last = kept > 0 ? &sight[kept - 1] : NULL;
        if (last && last->entry == sight[i].entry
            && last->value[0] == sight[i].value[0])
            last->value[2] += sight[i].value[2];
        else
            sight[kept++] = sight[i];
    }
    return kept;
}

/* Fills kind[] of the hops as the blocks see them that they begin in. */
static int64_t sights_list(struct maker *m, struct sight *out,
                           const struct lh_hops *hops, const struct outer *o,
                           int32_t *kind)
{
    int64_t n = 0;
    for (int64_t h = 0; h < hops->n; h++) {
        int64_t from = hops->from[h], to = hops->to[h];
        int32_t a = m->member_entry[from], b = m->member_entry[to];
        enum lh__side side = a == b ? LH__BOTH : LH__FROM;
        kind[h] = hop_kind_of(m, o, from, to, side);
        out[n++] = (struct sight){a, {kind[h], side, hops->weight[h]}};
        if (a != b)
            out[n++] = (struct sight){
                b,
                {hop_kind_of(m, o, from, to, LH__TO), LH__TO, hops->weight[h]}};
    }
    qsort(out, (size_t)n, sizeof *out, by_entry);
    return sights_join(out, n);
}

/* The list of each entry of outer number o, for a kind of inner numbers. */
static void lists_make(struct maker *m, int64_t o, int32_t k,
                       const struct lh_hops *hops, int32_t *kind)
{
    struct lh__span *span = m->span;
    struct lh_arena *scratch = lh_arena_new();
    struct sight *sight = LH_NEW(scratch, struct sight, 2 * hops->n);
    struct outer outer = {span->entry + span->first[o], k};
    int64_t n = sights_list(m, sight, hops, &outer, kind), i = 0;
    int64_t *value = LH_NEW(scratch, int64_t, 3 * n);
    for (int64_t e = 0; e < span->first[o + 1] - span->first[o]; e++) {
        size_t n_values = 0;
        for (; i < n && sight[i].entry == e; i++) {
            for (int v = 0; v < 3; v++)
                value[n_values++] = sight[i].value[v];
        }
        m->list[(span->first[o] + e) * span->p->n_kinds + k] =
            span->g->small ? 0 : lh__intern(&span->lists, value, n_values);
    }
    lh_arena_free(scratch);
}

static void outer_make(struct maker *m, int64_t o)
{
    struct lh__span *span = m->span;
    int32_t n_kinds = span->p->n_kinds;
    members_locate(m, o);
    for (int32_t k = 0; k < n_kinds; k++) {
        const struct lh_hops *hops =
            &span->g->hops[span->p->outer[o * n_kinds + k]];
        int32_t *kind = LH_NEW(m->scratch, int32_t, hops->n);
        m->hop_kinds[o * n_kinds + k] = kind;
        lists_make(m, o, k, hops, kind);
    }
}

static void pieces_make(struct maker *m)
{
    struct lh__span *span = m->span;
    int32_t n_kinds = span->p->n_kinds;
    int64_t *value = LH_NEW(m->scratch, int64_t, n_kinds);
    for (int64_t e = 0; e < span->first[span->s->n_outer]; e++) {
        for (int32_t k = 0; k < n_kinds; k++)
            value[k] = m->list[e * n_kinds + k];
        span->entry[e].piece =
            lh__intern(&span->pieces, value, (size_t)n_kinds);
    }
}

/* ---- latencies and caps -------------------------------------------------- */

struct hop_figures {
    double *latency_s;
    double *cap_bytes_per_s;
};

static void hop_figures_fill(struct hop_figures *out,
                             const struct lh__span *span, int64_t inner)
{
    const struct lh__incidence *in = span->in;
    for (int32_t i = 0; i < span->n_hop_kinds; i++) {
        const struct lh__hop_kind *kind = &span->hop_kind[i];
        struct lh_path path;
        out->latency_s[i] = out->cap_bytes_per_s[i] = 0;
        if (kind->inner_kind != span->p->kind[inner])
            continue;
        lh_topology_path(
            &path, in->topology,
            lh__rank_accelerator(
                &in->ranks,
                lh__span_rank(span, kind->from_block, kind->from, inner)),
            lh__rank_accelerator(&in->ranks, lh__span_rank(span, kind->to_block,
                                                           kind->to, inner)));
        out->latency_s[i] = path.latency_s;
        out->cap_bytes_per_s[i] = path.cap_bytes_per_s;
    }
}

/* Groups of inner numbers of one kind whose hops have equal figures. */
static int64_t *groups_make(struct maker *m)
{
    struct lh__span *span = m->span;
    size_t n = (size_t)span->n_hop_kinds;
    struct lh__interned vectors;
    int64_t *value = LH_NEW(m->scratch, int64_t, 2 * n + 1);
    struct hop_figures figures = {LH_NEW(m->scratch, double, n),
                                  LH_NEW(m->scratch, double, n)};
    int64_t *group_of = LH_NEW(m->scratch, int64_t, span->s->n_inner);
    lh__intern_begin(&vectors, m->scratch);
    span->group = LH_NEW(m->arena, int32_t, span->s->n_inner);
    for (int64_t k = 0; k < span->s->n_inner; k++) {
        hop_figures_fill(&figures, span, k);
        memcpy(value, figures.latency_s, n * sizeof(double));
        memcpy(value + n, figures.cap_bytes_per_s, n * sizeof(double));
        value[2 * n] = span->p->kind[k];
        span->group[k] = lh__intern(&vectors, value, 2 * n + 1);
        if (span->group[k] == span->n_groups)
            group_of[span->n_groups++] = k;
    }
    return group_of;
}

static void figures_of(struct maker *m, int64_t o, int32_t group, int32_t kind,
                       const struct hop_figures *figures)
{
    struct lh__span *span = m->span;
    int64_t pair = o * span->p->n_kinds + kind;
    int64_t out = o * span->n_groups + group;
    int32_t pattern = span->p->outer[pair];
    const struct lh_hops *hops = &span->g->hops[pattern];
    const int32_t *hop_kind = m->hop_kinds[pair];
    int algorithm = span->g->algorithm[pattern];
    struct lh_members members =
        lh__geometry_members(span->in, span->g, pattern);
    struct lh_arena *scratch = lh_arena_new();
    double *latency_s = LH_NEW(scratch, double, hops->n);
    double cap = INFINITY;
    for (int64_t h = 0; h < hops->n; h++) {
        latency_s[h] = lh__protocol_hop_s(
            span->g->protocol[pattern], &members, span->in->topology,
            hops->from[h], hops->to[h], figures->latency_s[hop_kind[h]]);
        cap = fmin(cap, figures->cap_bytes_per_s[hop_kind[h]]
                            / (double)hops->weight[h]);
    }
    span->cap_bytes_per_s[out] = span->g->small ? INFINITY : cap;
    span->latency_s[out] =
        algorithm < 0 ? latency_s[0]
                      : lh_algorithm_at(algorithm)->latency(
                          hops, span->g->collective, &members, latency_s);
    lh_arena_free(scratch);
}

static void latencies_make(struct maker *m)
{
    struct lh__span *span = m->span;
    const int64_t *group_of = groups_make(m);
    int64_t n = span->s->n_outer * span->n_groups;
    struct hop_figures figures = {
        LH_NEW(m->scratch, double, span->n_hop_kinds),
        LH_NEW(m->scratch, double, span->n_hop_kinds)};
    span->latency_s = LH_NEW(m->arena, double, n);
    span->cap_bytes_per_s = LH_NEW(m->arena, double, n);
    for (int32_t group = 0; group < span->n_groups; group++) {
        hop_figures_fill(&figures, span, group_of[group]);
        for (int64_t o = 0; o < span->s->n_outer; o++)
            figures_of(m, o, group, span->p->kind[group_of[group]], &figures);
    }
}

static enum lh_status lone_latency(struct lh__span *span,
                                   struct lh__incidence *in, struct lh_ctx *ctx)
{
    span->n_groups = 1;
    span->group = LH_NEW(ctx->arena, int32_t, 1);
    span->latency_s = LH_NEW(ctx->arena, double, 1);
    span->cap_bytes_per_s = LH_NEW(ctx->arena, double, 1);
    span->cap_bytes_per_s[0] = INFINITY;
    return lh__small_latency_s(span->latency_s, in, span->g, span->p->outer[0],
                               ctx);
}

enum lh_status lh__span_make(struct lh__span *out, struct lh__incidence *in,
                             const struct lh__geometry *g, struct lh_ctx *ctx)
{
    struct lh_arena *arena = ctx->arena;
    *out = (struct lh__span){.in = in,
                             .g = g,
                             .s = &in->skeletons[g->skeleton],
                             .p = &in->patterns[g->skeleton]};
    struct maker m = {.span = out, .arena = arena, .scratch = lh_arena_new()};
    entries_make(out, arena);
    if (lh__is_lone(g, out->s)) {
        lh_arena_free(m.scratch);
        return lone_latency(out, in, ctx);
    }
    lh__intern_begin(&m.kinds, m.scratch);
    lh__intern_begin(&out->lists, arena);
    lh__intern_begin(&out->pieces, arena);
    m.hop_kinds =
        LH_NEW(m.scratch, int32_t *, out->s->n_outer * out->p->n_kinds);
    m.list = LH_NEW(m.scratch, int32_t,
                    out->first[out->s->n_outer] * out->p->n_kinds);
    m.member_entry = LH_NEW(m.scratch, int32_t, out->s->n_members);
    m.member_place = LH_NEW(m.scratch, int64_t, out->s->n_members);
    for (int64_t o = 0; o < out->s->n_outer; o++)
        outer_make(&m, o);
    pieces_make(&m);
    latencies_make(&m);
    lh_arena_free(m.scratch);
    return LH_OK;
}
