/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Colour refinement of the incidence rank x communicator x link.  A colour is
 * 64 bits; in a round
 *
 *   communicator  <- itself, sum over its members of times x h(role, rank's),
 *                    sum over its uses of times x weight x h(link's)
 *   link          <- itself, sum over the uses of it of weight x h(comm's), as
 *                    often as one link is crossed by such communicators
 *   rank          <- itself, and in the order of geometries and roles its
 *                    communicators'
 *
 * until no round makes more colours.  The sums are over multisets, so they are
 * what conditions (a) to (c) speak of: the total weight of a class on a link,
 * and the members by class.  What is listed once for many enters as often as it
 * occurs, so the colours are those that listing everything gives.  Colours only
 * bucket: lh__fold_check() verifies the classes they give by exact counts, so
 * that a collision is found.
 *
 * O((ranks + members + uses listed) x rounds).
 */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

#include "colour.h"

struct colours {
    const struct lh__incidence *in;
    uint64_t *rank, *comm, *link;
    uint64_t *link_sum, *rank_sum; /* and hashes, in turn */
};

/* ---- refinement ---------------------------------------------------------- */

/* What tells members of a geometry apart from those of another, and a sender
 * from a receiver. */
static uint64_t role_hash(int32_t geometry, bool receiver, bool send)
{
    uint64_t role = send ? 1 + (uint64_t)receiver : 0;
    return lh__mix(((uint64_t)geometry << 2) | role);
}

/* h(colour) of all, so that no use works it out again. */
static void hashes(uint64_t *out, const uint64_t *colour, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = lh__mix(colour[i]);
}

/* Where routes change a fibre is a class of its own, as it is what is reported
 * of it in all sets of routes. */
static uint64_t lone_fibre(const struct lh__incidence *in, lh_link link)
{
    const struct lh_topology *t = in->topology;
    bool lone = lh_topology_link_end(t) > lh_topology_link_count(t)
                && link >= lh_topology_first_fibre(t);
    return lone ? (uint64_t)link : 0;
}

static uint64_t link_colour(const struct lh__incidence *in, lh_link link)
{
    struct lh_link_info f = lh_topology_link_facts(in->topology, link);
    uint64_t sites =
        (uint64_t)(f.site_from + 1) << 32 | (uint64_t)(f.site_to + 1);
    uint64_t schedule = (uint64_t)(lh__faults_link(in->faults, link) + 1);
    return lh__mix2(lh__mix2((uint64_t)f.kind, sites),
                    lh__mix2(lh__mix2(lh__bits(f.capacity_bytes_per_s),
                                      lh__bits(f.latency_s)),
                             lh__mix2(schedule, lone_fibre(in, link))));
}

static void first_colours(struct colours *c)
{
    const struct lh__incidence *in = c->in;
    const struct lh__ranks *ranks = &in->ranks;
    for (int32_t r = 0; r < in->n_ranks; r++) {
        lh_rank rank = in->rank[r];
        uint64_t schedule = (uint64_t)(lh__faults_rank(in->faults, rank) + 1);
        c->rank[r] = lh__mix2(lh__mix2((uint64_t)lh__rank_template(ranks, rank),
                                       (uint64_t)lh__rank_site(ranks, rank)),
                              schedule);
    }
    for (int64_t x = 0; x < in->n_comms; x++) {
        const struct lh__listed_comm *comm = &in->comm[x];
        c->comm[x] = lh__mix2(
            lh__mix2((uint64_t)comm->geometry, (uint64_t)comm->pattern),
            lh__mix2(lh__bits(comm->latency_s),
                     lh__bits(comm->cap_bytes_per_s)));
    }
    for (int32_t l = 0; l < in->n_links; l++)
        c->link[l] = link_colour(in, in->link[l]);
}

static void comms_round(struct colours *c)
{
    const struct lh__incidence *in = c->in;
    hashes(c->rank_sum, c->rank, in->n_ranks);
    hashes(c->link_sum, c->link, in->n_links);
    for (int64_t x = 0; x < in->n_comms; x++) {
        int32_t g = in->comm[x].geometry;
        bool send = lh__comm_skeleton(in, x)->axes == 0;
        int64_t first = in->member_first[x];
        uint64_t role[2] = {role_hash(g, false, send),
                            role_hash(g, true, send)};
        uint64_t sum = 0, uses = 0;
        for (int64_t m = first; m < in->member_first[x + 1]; m++)
            sum += (uint64_t)lh__member_times(in, m)
                   * lh__mix(role[send && m > first]
                             ^ c->rank_sum[in->member_rank[m]]);
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
            uses += (uint64_t)(lh__use_weight(in, u) * lh__use_times(in, u))
                    * c->link_sum[in->use_link[u]];
        c->comm[x] = lh__mix2(lh__mix2(c->comm[x], sum), uses);
    }
}

/* How many communicators such as x cross one link such as use u's. */
static int64_t crossings(const struct lh__incidence *in, int64_t x, int64_t u)
{
    return in->use_times == NULL && in->comm[x].count == 1
               ? 1
               : in->comm[x].count * lh__use_times(in, u)
                     / in->link_count[in->use_link[u]];
}

static void links_and_ranks_round(struct colours *c)
{
    const struct lh__incidence *in = c->in;
    memset(c->link_sum, 0, (size_t)in->n_links * sizeof *c->link_sum);
    memset(c->rank_sum, 0, (size_t)in->n_ranks * sizeof *c->rank_sum);
    for (int64_t x = 0; x < in->n_comms; x++) {
        int32_t g = in->comm[x].geometry;
        bool send = lh__comm_skeleton(in, x)->axes == 0;
        int64_t first = in->member_first[x];
        uint64_t h = lh__mix(c->comm[x]);
        uint64_t of_role[2] = {lh__mix(role_hash(g, false, send) ^ h),
                               lh__mix(role_hash(g, true, send) ^ h)};
        for (int64_t m = first; m < in->member_first[x + 1]; m++)
            c->rank_sum[in->member_rank[m]] += of_role[send && m > first];
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
            c->link_sum[in->use_link[u]] +=
                (uint64_t)(lh__use_weight(in, u) * crossings(in, x, u)) * h;
    }
    for (int32_t r = 0; r < in->n_ranks; r++)
        c->rank[r] = lh__mix2(c->rank[r], c->rank_sum[r]);
    for (int32_t l = 0; l < in->n_links; l++)
        c->link[l] = lh__mix2(c->link[l], c->link_sum[l]);
}

static int64_t colours_count(const struct colours *c)
{
    return (int64_t)lh__colour_count(c->rank, c->in->n_ranks)
           + lh__colour_count(c->comm, c->in->n_comms)
           + lh__colour_count(c->link, c->in->n_links);
}

/* ---- classes ------------------------------------------------------------- */

static void sizes_make(const int32_t *class, const int64_t *count, int64_t n,
                       int64_t *size, int32_t *first)
{
    for (int64_t i = n - 1; i >= 0; i--) {
        size[class[i]] += count[i];
        first[class[i]] = (int32_t)i;
    }
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* W_ij: what a representative takes of all links of class j, spread over them:
 * total weight x size_i / size_j. */
static void weights_make(struct lh__fold *f, struct lh_arena *arena)
{
    const struct lh__incidence *in = f->in;
    int64_t *sum = LH_NEW(arena, int64_t, f->n_links);
    int32_t *touched = LH_NEW(arena, int32_t, f->n_links);
    size_t link_capacity = 0, weight_capacity = 0, n = 0;
    f->weight_first = LH_NEW(arena, int64_t, f->n_comms + 1);
    for (int32_t i = 0; i < f->n_comms; i++) {
        int64_t x = f->comm_first[i];
        int32_t n_touched = 0;
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++) {
            int32_t j = f->link_class[in->use_link[u]];
            if (sum[j] == 0)
                touched[n_touched++] = j;
            sum[j] += lh__use_weight(in, u) * lh__use_times(in, u);
        }
        if (n_touched > 1)
            qsort(touched, (size_t)n_touched, sizeof *touched, by_id);
        f->weight_link = lh_grow(arena, f->weight_link, &link_capacity,
                                 n + (size_t)n_touched, sizeof *f->weight_link);
        f->weight = lh_grow(arena, f->weight, &weight_capacity,
                            n + (size_t)n_touched, sizeof *f->weight);
        for (int32_t k = 0; k < n_touched; k++) {
            int32_t j = touched[k];
            f->weight_link[n] = j;
            f->weight[n++] = sum[j] * f->comm_size[i] / f->link_size[j];
            sum[j] = 0;
        }
        f->weight_first[i + 1] = (int64_t)n;
    }
}

static void fold_finish(struct lh__fold *f, struct lh_arena *arena)
{
    const struct lh__incidence *in = f->in;
    int64_t *comm_count = LH_NEW(arena, int64_t, in->n_comms);
    f->rank_size = LH_NEW(arena, int64_t, f->n_ranks);
    f->rank_first = LH_NEW(arena, int32_t, f->n_ranks);
    f->comm_size = LH_NEW(arena, int64_t, f->n_comms);
    f->comm_first = LH_NEW(arena, int32_t, f->n_comms);
    f->link_size = LH_NEW(arena, int64_t, f->n_links);
    f->link_first = LH_NEW(arena, int32_t, f->n_links);
    for (int64_t x = 0; x < in->n_comms; x++)
        comm_count[x] = in->comm[x].count;
    sizes_make(f->rank_class, in->rank_count, in->n_ranks, f->rank_size,
               f->rank_first);
    sizes_make(f->comm_class, comm_count, in->n_comms, f->comm_size,
               f->comm_first);
    sizes_make(f->link_class, in->link_count, in->n_links, f->link_size,
               f->link_first);
    weights_make(f, arena);
}

static int32_t *identity(int64_t n, struct lh_arena *arena)
{
    int32_t *id = LH_NEW(arena, int32_t, n);
    for (int64_t i = 0; i < n; i++)
        id[i] = (int32_t)i;
    return id;
}

void lh__fold_trivial(struct lh__fold *out, const struct lh__incidence *in,
                      struct lh_ctx *ctx)
{
    *out = (struct lh__fold){.in = in,
                             .n_ranks = in->n_ranks,
                             .n_comms = (int32_t)in->n_comms,
                             .n_links = in->n_links};
    out->rank_class = identity(in->n_ranks, ctx->arena);
    out->comm_class = identity(in->n_comms, ctx->arena);
    out->link_class = identity(in->n_links, ctx->arena);
    fold_finish(out, ctx->arena);
}

void lh__fold_refine(struct lh__fold *out, const struct lh__incidence *in,
                     struct lh_ctx *ctx)
{
    struct lh_arena *scratch = lh_arena_new();
    struct colours c = {.in = in,
                        .rank = LH_NEW(scratch, uint64_t, in->n_ranks),
                        .rank_sum = LH_NEW(scratch, uint64_t, in->n_ranks),
                        .comm = LH_NEW(scratch, uint64_t, in->n_comms),
                        .link = LH_NEW(scratch, uint64_t, in->n_links),
                        .link_sum = LH_NEW(scratch, uint64_t, in->n_links)};
    *out = (struct lh__fold){.in = in};
    first_colours(&c);
    int64_t before = 0, now = colours_count(&c);
    while (now != before) {
        comms_round(&c);
        links_and_ranks_round(&c);
        before = now;
        now = colours_count(&c);
    }
    out->rank_class =
        lh__colour_ids(c.rank, in->n_ranks, &out->n_ranks, ctx->arena);
    out->comm_class =
        lh__colour_ids(c.comm, in->n_comms, &out->n_comms, ctx->arena);
    out->link_class =
        lh__colour_ids(c.link, in->n_links, &out->n_links, ctx->arena);
    lh_arena_free(scratch);
    fold_finish(out, ctx->arena);
}

/* Hashed routes differ from rank to rank; what does not fold is refused. */
static enum lh_status hashed_check(const struct lh__fold *f, struct lh_ctx *ctx)
{
    if (f->n_ranks <= LH__HASHED_CLASSES_MAX)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "hashed routes leave %d classes of %lld ranks; this version "
             "simulates at most %d: fewer accelerators, e.g. --set "
             "sites[0].gpus=..., or --set engine.routing=spray",
             f->n_ranks, (long long)f->in->ranks.n, LH__HASHED_CLASSES_MAX);
    return LH_UNREACHABLE;
}

enum lh_status lh__fold_point(struct lh__fold *out, struct lh__incidence *in,
                              const struct lh_sim_point *p, struct lh_ctx *ctx)
{
    const struct lh_scenario *s = p->scenario;
    bool hashed = lh_topology_is_hashed(p->topology);
    bool folds = s->fold && s->collectives != LH_MESSAGES;
    enum lh_status st = lh__incidence_build(in, p, folds && !hashed, ctx);
    if (st != LH_OK)
        return st;
    if (folds)
        lh__fold_refine(out, in, ctx);
    else
        lh__fold_trivial(out, in, ctx);
    if (hashed)
        st = hashed_check(out, ctx);
    return st == LH_OK ? lh__fold_check(out, ctx) : st;
}
