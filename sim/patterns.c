/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Patterns of a skeleton: communicators whose members stand alike, i.e. have
 * the same sites, and the same neighbours in rank order in one scale-up domain;
 * where they fill a torus, the same places in it.
 * An algorithm's hops are made once a pattern.
 *
 * Under a cut not every communicator is looked at.  Of a skeleton within
 * blocks, one block of each shape (site, ranks).  Of one that spans blocks, of
 * the inner numbers that are alike within every block only the lowest: members
 * in different blocks are never in one domain.
 */
#include "incidence.h"

#include <string.h>

#include "intern.h"

struct lh__stand lh__stand_new(int64_t n, struct lh_arena *arena)
{
    return (struct lh__stand){.rank = LH_NEW(arena, lh_rank, n),
                              .accelerator = LH_NEW(arena, int64_t, n),
                              .site = LH_NEW(arena, int32_t, n),
                              .domain = LH_NEW(arena, int64_t, n),
                              .place = LH_NEW(arena, int64_t, n)};
}

void lh__stand_fill(struct lh__stand *to, const struct lh__incidence *in,
                    const struct lh__skeleton *s, int64_t comm)
{
    lh__skeleton_members(s, &in->ranks, comm, to->rank);
    to->n_dims = lh_topology_torus(
        in->topology, lh__rank_accelerator(&in->ranks, to->rank[0]), to->dims);
    for (int64_t i = 0; i < s->n_members; i++) {
        int64_t a = lh__rank_accelerator(&in->ranks, to->rank[i]);
        if (to->n_dims > 0)
            to->place[i] = lh_topology_accelerator_place(in->topology, a);
        to->accelerator[i] = a;
        to->site[i] = lh_topology_accelerator_site(in->topology, a);
        to->domain[i] = lh_topology_accelerator_domain(in->topology, a);
    }
}

/* Only of a whole torus does it matter where in it a member stands. */
static bool fills_torus(const struct lh__stand *a, int64_t n)
{
    int64_t size = a->n_dims > 0;
    for (int d = 0; d < a->n_dims; d++)
        size *= a->dims[d];
    return size == n && a->domain[0] == a->domain[n - 1];
}

static bool places_alike(const struct lh__stand *a, const struct lh_members *b)
{
    bool fills = fills_torus(a, b->n);
    if (!fills || b->n_dims == 0)
        return fills == (b->n_dims > 0);
    return a->n_dims == b->n_dims
           && memcmp(a->dims, b->dims, sizeof b->dims) == 0
           && memcmp(a->place, b->place, (size_t)b->n * sizeof *b->place) == 0;
}

static bool stands_alike(const struct lh__stand *a, const struct lh_members *b)
{
    if (!places_alike(a, b))
        return false;
    if (memcmp(a->site, b->site, (size_t)b->n * sizeof *b->site) != 0)
        return false;
    for (int64_t i = 1; i < b->n; i++) {
        if ((a->domain[i] == a->domain[i - 1])
            != (b->domain[i] == b->domain[i - 1]))
            return false;
    }
    return true;
}

static int32_t pattern_of(struct lh__patterns *p,
                          const struct lh_topology *topology,
                          const struct lh__stand *stand, int64_t n,
                          int64_t comm, struct lh_arena *arena)
{
    for (int32_t i = 0; i < p->n; i++) {
        if (stands_alike(stand, &p->pattern[i].members))
            return i;
    }
    int32_t *site = LH_NEW(arena, int32_t, n);
    int64_t *domain = LH_NEW(arena, int64_t, n);
    memcpy(site, stand->site, (size_t)n * sizeof *site);
    memcpy(domain, stand->domain, (size_t)n * sizeof *domain);
    struct lh_members members = {.n = n, .site = site, .domain = domain};
    lh__protocol_members(&members, topology);
    if (fills_torus(stand, n)) {
        int64_t *place = LH_NEW(arena, int64_t, n);
        memcpy(place, stand->place, (size_t)n * sizeof *place);
        members.place = place;
        members.n_dims = stand->n_dims;
        memcpy(members.dims, stand->dims, sizeof members.dims);
    }
    p->pattern = lh_grow(arena, p->pattern, &p->capacity, (size_t)p->n + 1,
                         sizeof *p->pattern);
    p->pattern[p->n] = (struct lh__pattern){.comm = comm, .members = members};
    return p->n++;
}

/* ---- within blocks ------------------------------------------------------- */

static int32_t shape_of(const struct lh__blocks *blocks, int32_t b,
                        const int32_t *shape_block, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const struct lh__block *a = &blocks->block[shape_block[i]];
        if (a->site == blocks->block[b].site && a->n == blocks->block[b].n)
            return i;
    }
    return -1;
}

/* A block of a stage without part in the skeleton has no shape. */
static void shapes_find(struct lh__patterns *out,
                        const struct lh__incidence *in,
                        const struct lh__skeleton *s, int32_t *shape_block,
                        struct lh_arena *arena)
{
    const struct lh__blocks *blocks = &in->blocks;
    int64_t first;
    out->block_shape = LH_NEW(arena, int32_t, blocks->n);
    for (int32_t b = 0; b < blocks->n; b++) {
        out->block_shape[b] = -1;
        if (lh__skeleton_within(s, &in->ranks, blocks, b, &first) == 0)
            continue;
        int32_t i = shape_of(blocks, b, shape_block, out->n_shapes);
        if (i < 0) {
            i = out->n_shapes++;
            shape_block[i] = b;
        }
        out->block_shape[b] = i;
    }
}

static void within_make(struct lh__patterns *out,
                        const struct lh__incidence *in,
                        const struct lh__skeleton *s, struct lh_arena *arena)
{
    const struct lh__blocks *blocks = &in->blocks;
    struct lh__stand stand = lh__stand_new(s->n_members, arena);
    int32_t *shape_block = LH_NEW(arena, int32_t, 2 * in->ranks.n_sites);
    shapes_find(out, in, s, shape_block, arena);
    out->shape = LH_NEW(arena, int32_t *, out->n_shapes);
    for (int32_t i = 0; i < out->n_shapes; i++) {
        int64_t first;
        int64_t n =
            lh__skeleton_within(s, &in->ranks, blocks, shape_block[i], &first);
        out->shape[i] = LH_NEW(arena, int32_t, n);
        for (int64_t k = 0; k < n; k++) {
            lh__stand_fill(&stand, in, s, first + k);
            out->shape[i][k] = pattern_of(out, in->topology, &stand,
                                          s->n_members, first + k, arena);
        }
    }
}

/* ---- across blocks ------------------------------------------------------- */

/* What tells inner numbers apart, and how many values that is: of the members
 * in the first block of each site, which has the most, whether they share a
 * domain with the one before; of those in its last block how large their domain
 * is, for there one may be partly filled. */
struct inner {
    int64_t n;
    int64_t *value;
};

static void inner_add(struct inner *out, const struct lh__incidence *in,
                      const struct lh__skeleton *s, int32_t block, int64_t base,
                      bool sizes)
{
    int64_t members = lh__skeleton_in_block(s, &in->ranks, &in->blocks, block);
    int64_t at = in->blocks.block[block].accelerator + base, before = -1;
    for (int64_t j = 0; j < members; j++) {
        int64_t a = at + (s->axes ? s->offset[j] : 0);
        int64_t domain = lh_topology_accelerator_domain(in->topology, a);
        out->value[out->n++] =
            sizes ? lh_topology_domain_size(in->topology, a) : domain == before;
        before = domain;
    }
}

static void inner_describe(struct inner *out, const struct lh__incidence *in,
                           const struct lh__skeleton *s, int64_t inner)
{
    const int32_t *first = in->blocks.site_first;
    int64_t base = lh__skeleton_base(s, &in->ranks, &in->blocks, inner);
    out->n = 0;
    for (int site = 0; site < in->ranks.n_sites; site++) {
        if (first[site] == first[site + 1])
            continue;
        inner_add(out, in, s, first[site], base, false);
        inner_add(out, in, s, first[site + 1] - 1, base, true);
    }
}

static struct inner inner_new(const struct lh__incidence *in,
                              const struct lh__skeleton *s,
                              struct lh_arena *arena)
{
    int64_t most = 0;
    for (int site = 0; site < in->ranks.n_sites; site++) {
        int32_t b = in->blocks.site_first[site];
        if (b < in->blocks.site_first[site + 1])
            most += 2 * lh__skeleton_in_block(s, &in->ranks, &in->blocks, b);
    }
    return (struct inner){.value = LH_NEW(arena, int64_t, most)};
}

static void kinds_make(struct lh__patterns *out, const struct lh__incidence *in,
                       const struct lh__skeleton *s, struct lh_arena *arena)
{
    struct lh_arena *scratch = lh_arena_new();
    struct inner inner = inner_new(in, s, scratch);
    struct lh__interned kinds;
    size_t capacity = 0;
    lh__intern_begin(&kinds, scratch);
    out->kind = LH_NEW(arena, int32_t, s->n_inner);
    for (int64_t k = 0; k < s->n_inner; k++) {
        inner_describe(&inner, in, s, k);
        int32_t i = lh__intern(&kinds, inner.value, (size_t)inner.n);
        if (i == out->n_kinds) {
            out->kind_of = lh_grow(arena, out->kind_of, &capacity,
                                   (size_t)i + 1, sizeof *out->kind_of);
            out->kind_of[i] = k;
            out->n_kinds++;
        }
        out->kind[k] = i;
    }
    lh_arena_free(scratch);
}

static void spanning_make(struct lh__patterns *out,
                          const struct lh__incidence *in,
                          const struct lh__skeleton *s, struct lh_arena *arena)
{
    struct lh_arena *scratch = lh_arena_new();
    struct lh__stand stand = lh__stand_new(s->n_members, scratch);
    kinds_make(out, in, s, arena);
    out->outer = LH_NEW(arena, int32_t, s->n_outer * out->n_kinds);
    for (int64_t o = 0; o < s->n_outer; o++) {
        for (int32_t i = 0; i < out->n_kinds; i++) {
            int64_t comm = o * s->n_inner + out->kind_of[i];
            lh__stand_fill(&stand, in, s, comm);
            out->outer[o * out->n_kinds + i] = pattern_of(
                out, in->topology, &stand, s->n_members, comm, arena);
        }
    }
    lh_arena_free(scratch);
}

void lh__patterns_make(struct lh__patterns *out, const struct lh__incidence *in,
                       const struct lh__skeleton *s, struct lh_arena *arena)
{
    *out = (struct lh__patterns){0};
    if (s->spans)
        spanning_make(out, in, s, arena);
    else
        within_make(out, in, s, arena);
}
