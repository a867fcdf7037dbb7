/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Colour refinement of the incidence rank x communicator x link.  A colour is
 * 64 bits; in a round
 *
 *   communicator  <- itself, sum over its members of h(role, rank's),
 *                    sum over its uses of weight x h(link's)
 *   link          <- itself, sum over the uses of it of weight x h(comm's)
 *   rank          <- itself, and in the order of geometries and roles its
 *                    communicators'
 *
 * until no round makes more colours.  The sums are over multisets, so they are
 * what conditions (a) to (c) speak of: the total weight of a class on a link,
 * and the members by class.  Colours only bucket: lh__fold_check() verifies
 * the classes they give by exact counts, so that a collision is found.
 *
 * O((ranks + members + uses) x rounds).
 */
#include "fold.h"

#include <string.h>

/* ---- colours ------------------------------------------------------------ */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t mix2(uint64_t a, uint64_t b)
{
    return mix(a ^ mix(b));
}

static uint64_t bits(double value)
{
    uint64_t b;
    memcpy(&b, &value, sizeof b);
    return b;
}

/* Dense ids for colours, in order of first appearance. */
struct ids {
    uint64_t *colour; /* of the slot */
    int32_t *id;      /* -1: free */
    size_t n_slots;
    int32_t n;
    struct lh_arena *arena;
};

static void ids_begin(struct ids *t, struct lh_arena *arena)
{
    *t = (struct ids){.n_slots = 1024, .arena = arena};
    t->colour = LH_NEW(arena, uint64_t, t->n_slots);
    t->id = LH_NEW(arena, int32_t, t->n_slots);
    memset(t->id, 0xff, t->n_slots * sizeof *t->id);
}

static size_t ids_slot(const struct ids *t, uint64_t colour)
{
    size_t i = (size_t)colour & (t->n_slots - 1);
    while (t->id[i] >= 0 && t->colour[i] != colour)
        i = (i + 1) & (t->n_slots - 1);
    return i;
}

static void ids_double(struct ids *t)
{
    struct ids old = *t;
    t->n_slots *= 4;
    t->colour = LH_NEW(t->arena, uint64_t, t->n_slots);
    t->id = LH_NEW(t->arena, int32_t, t->n_slots);
    memset(t->id, 0xff, t->n_slots * sizeof *t->id);
    for (size_t i = 0; i < old.n_slots; i++) {
        if (old.id[i] < 0)
            continue;
        size_t slot = ids_slot(t, old.colour[i]);
        t->colour[slot] = old.colour[i];
        t->id[slot] = old.id[i];
    }
}

static int32_t ids_of(struct ids *t, uint64_t colour)
{
    size_t i = ids_slot(t, colour);
    if (t->id[i] >= 0)
        return t->id[i];
    if ((size_t)t->n * 2 >= t->n_slots) {
        ids_double(t);
        i = ids_slot(t, colour);
    }
    t->colour[i] = colour;
    t->id[i] = t->n;
    return t->n++;
}

/* ---- refinement ---------------------------------------------------------- */

struct colours {
    const struct lh__incidence *in;
    uint64_t *rank, *comm, *link;
    uint64_t *link_sum, *rank_sum; /* and hashes, in turn */
};

static const struct lh__skeleton *
geometry_skeleton(const struct lh__incidence *in, const struct lh__geometry *g)
{
    return &in->skeletons[g->skeleton];
}

/* What tells members of a geometry apart from those of another, and a sender
 * from a receiver. */
static uint64_t role_hash(const struct lh__skeleton *s, int64_t member,
                          int32_t geometry)
{
    uint64_t role = s->axes == 0 ? 1 + (uint64_t)member : 0;
    return mix(((uint64_t)geometry << 2) | role);
}

/* h(colour) of all, so that no use works it out again. */
static void hashes(uint64_t *out, const uint64_t *colour, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = mix(colour[i]);
}

static uint64_t link_colour(const struct lh_topology *t, lh_link link)
{
    struct lh_link_info f = lh_topology_link_facts(t, link);
    uint64_t sites =
        (uint64_t)(f.site_from + 1) << 32 | (uint64_t)(f.site_to + 1);
    return mix2(mix2((uint64_t)f.kind, sites),
                mix2(bits(f.capacity_bytes_per_s), bits(f.latency_s)));
}

static void first_colours(struct colours *c)
{
    const struct lh__incidence *in = c->in;
    const struct lh__ranks *ranks = &in->ranks;
    for (lh_rank r = 0; r < ranks->n; r++)
        c->rank[r] = mix2((uint64_t)lh__rank_template(ranks, r),
                          (uint64_t)lh__rank_site(ranks, r));
    for (int32_t g = 0; g < in->n_geometries; g++) {
        const struct lh__geometry *geometry = &in->geometries[g];
        const struct lh__skeleton *s = geometry_skeleton(in, geometry);
        for (int64_t i = 0; i < s->n_comms; i++) {
            int64_t x = geometry->first_comm + i;
            c->comm[x] = mix2(
                mix2((uint64_t)g, (uint64_t)s->pattern[i]),
                mix2(bits(in->latency_s[x]), bits(in->cap_bytes_per_s[x])));
        }
    }
    for (int l = 0; l < in->n_links; l++)
        c->link[l] = link_colour(in->topology, l);
}

static void comms_round(struct colours *c)
{
    const struct lh__incidence *in = c->in;
    hashes(c->rank_sum, c->rank, in->ranks.n);
    hashes(c->link_sum, c->link, in->n_links);
    for (int32_t g = 0; g < in->n_geometries; g++) {
        const struct lh__geometry *geometry = &in->geometries[g];
        const struct lh__skeleton *s = geometry_skeleton(in, geometry);
        uint64_t role[2] = {role_hash(s, 0, g), role_hash(s, 1, g)};
        struct lh__walk w = lh__walk_begin(s, &in->ranks);
        for (int64_t i = 0; i < s->n_comms; i++, lh__walk_next(&w)) {
            int64_t x = geometry->first_comm + i;
            uint64_t sum = 0, uses = 0;
            for (int64_t m = 0; m < s->n_members; m++)
                sum += mix(role[m > 0 && s->axes == 0]
                           ^ c->rank_sum[lh__walk_member(&w, m)]);
            for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
                uses += (uint64_t)lh__use_weight(in, u)
                        * c->link_sum[in->use_link[u]];
            c->comm[x] = mix2(mix2(c->comm[x], sum), uses);
        }
    }
}

static void links_and_ranks_round(struct colours *c)
{
    const struct lh__incidence *in = c->in;
    memset(c->link_sum, 0, (size_t)in->n_links * sizeof *c->link_sum);
    memset(c->rank_sum, 0, (size_t)in->ranks.n * sizeof *c->rank_sum);
    for (int32_t g = 0; g < in->n_geometries; g++) {
        const struct lh__geometry *geometry = &in->geometries[g];
        const struct lh__skeleton *s = geometry_skeleton(in, geometry);
        uint64_t role[2] = {role_hash(s, 0, g), role_hash(s, 1, g)};
        struct lh__walk w = lh__walk_begin(s, &in->ranks);
        for (int64_t i = 0; i < s->n_comms; i++, lh__walk_next(&w)) {
            int64_t x = geometry->first_comm + i;
            uint64_t h = mix(c->comm[x]);
            uint64_t of_role[2] = {mix(role[0] ^ h), mix(role[1] ^ h)};
            for (int64_t m = 0; m < s->n_members; m++)
                c->rank_sum[lh__walk_member(&w, m)] +=
                    of_role[m > 0 && s->axes == 0];
            for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
                c->link_sum[in->use_link[u]] +=
                    (uint64_t)lh__use_weight(in, u) * h;
        }
    }
    for (lh_rank r = 0; r < in->ranks.n; r++)
        c->rank[r] = mix2(c->rank[r], c->rank_sum[r]);
    for (int l = 0; l < in->n_links; l++) {
        if (c->link_sum[l] != 0)
            c->link[l] = mix2(c->link[l], c->link_sum[l]);
    }
}

static int32_t count(const uint64_t *colour, int64_t n)
{
    struct lh_arena *arena = lh_arena_new();
    struct ids ids;
    ids_begin(&ids, arena);
    for (int64_t i = 0; i < n; i++)
        (void)ids_of(&ids, colour[i]);
    lh_arena_free(arena);
    return ids.n;
}

static int64_t colours_count(const struct colours *c)
{
    return (int64_t)count(c->rank, c->in->ranks.n)
           + count(c->comm, c->in->n_comms) + count(c->link, c->in->n_links);
}

/* ---- classes ------------------------------------------------------------- */

static int32_t *classes_of(const uint64_t *colour, int64_t n, int32_t *n_ids,
                           struct lh_arena *arena)
{
    int32_t *class = LH_NEW(arena, int32_t, n);
    struct ids ids;
    ids_begin(&ids, arena);
    for (int64_t i = 0; i < n; i++)
        class[i] = ids_of(&ids, colour[i]);
    *n_ids = ids.n;
    return class;
}

static void sizes_make(const int32_t *class, int64_t n, int32_t n_classes,
                       int64_t *size, int64_t *first)
{
    for (int32_t i = 0; i < n_classes; i++)
        first[i] = -1;
    for (int64_t i = 0; i < n; i++) {
        if (class[i] < 0)
            continue;
        if (size[class[i]]++ == 0)
            first[class[i]] = i;
    }
}

/* Links that nothing crosses have no class; the others keep their order. */
static void unused_links_drop(struct lh__fold *f, struct lh_arena *arena)
{
    const struct lh__incidence *in = f->in;
    int32_t *id = LH_NEW(arena, int32_t, f->n_links);
    bool *used = LH_NEW(arena, bool, in->n_links);
    for (int64_t u = 0; u < in->use_first[in->n_comms]; u++)
        used[in->use_link[u]] = true;
    memset(id, 0xff, (size_t)f->n_links * sizeof *id);
    int32_t n = 0;
    for (int l = 0; l < in->n_links; l++) {
        int32_t class = f->link_class[l];
        if (used[l] && id[class] < 0)
            id[class] = n++;
        f->link_class[l] = used[l] ? id[class] : -1;
    }
    f->n_links = n;
}

/* W_ij: what a representative takes, spread over the links of class j that all
 * communicators of class i cross: total weight x size_i / size_j. */
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
            sum[j] += lh__use_weight(in, u);
        }
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
    unused_links_drop(f, arena);
    f->rank_size = LH_NEW(arena, int64_t, f->n_ranks);
    f->rank_first = LH_NEW(arena, int64_t, f->n_ranks);
    f->comm_size = LH_NEW(arena, int64_t, f->n_comms);
    f->comm_first = LH_NEW(arena, int64_t, f->n_comms);
    f->link_size = LH_NEW(arena, int64_t, f->n_links);
    f->link_first = LH_NEW(arena, lh_link, f->n_links);
    int64_t *link_first = LH_NEW(arena, int64_t, f->n_links);
    sizes_make(f->rank_class, in->ranks.n, f->n_ranks, f->rank_size,
               f->rank_first);
    sizes_make(f->comm_class, in->n_comms, f->n_comms, f->comm_size,
               f->comm_first);
    sizes_make(f->link_class, in->n_links, f->n_links, f->link_size,
               link_first);
    for (int32_t j = 0; j < f->n_links; j++)
        f->link_first[j] = (lh_link)link_first[j];
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
                             .n_ranks = (int32_t)in->ranks.n,
                             .n_comms = (int32_t)in->n_comms,
                             .n_links = in->n_links};
    out->rank_class = identity(in->ranks.n, ctx->arena);
    out->comm_class = identity(in->n_comms, ctx->arena);
    out->link_class = identity(in->n_links, ctx->arena);
    fold_finish(out, ctx->arena);
}

void lh__fold_refine(struct lh__fold *out, const struct lh__incidence *in,
                     struct lh_ctx *ctx)
{
    struct lh_arena *scratch = lh_arena_new();
    struct colours c = {.in = in,
                        .rank = LH_NEW(scratch, uint64_t, in->ranks.n),
                        .rank_sum = LH_NEW(scratch, uint64_t, in->ranks.n),
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
        classes_of(c.rank, in->ranks.n, &out->n_ranks, ctx->arena);
    out->comm_class =
        classes_of(c.comm, in->n_comms, &out->n_comms, ctx->arena);
    out->link_class =
        classes_of(c.link, in->n_links, &out->n_links, ctx->arena);
    lh_arena_free(scratch);
    fold_finish(out, ctx->arena);
}
