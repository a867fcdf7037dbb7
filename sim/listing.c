/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lists what a type of block repeats once: the ranks of its first block, the
 * communicators that stand in it, the links inside it; and of each type of
 * outer number the communicators of the first, with the members and uses they
 * have in each type of block and in how many blocks.
 *
 * O(what is listed).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "span.h"

struct lister {
    struct lh__incidence *in;
    struct lh_arena *arena, *scratch;
    struct lh__types types;
    int32_t n_spans;
    struct lh__span *spans;
    int32_t *span;    /* [geometries] -1: within blocks */
    int32_t *link_id; /* [links of the topology] 1 + listed, 0: not yet */
    size_t comm_capacity, link_capacity, n_uses, uses_capacity;
    size_t n_members, member_capacity, times_capacity;
    bool weigh, time, repeat; /* weights, times of uses, of members are not
                                 all 1 */
    int64_t *member_times;
};

static void *resized(void *array, size_t n, size_t size)
{
    void *to = realloc(array, n * size);
    if (to == NULL)
        abort();
    return to;
}

/* ---- ranks --------------------------------------------------------------- */

static void ranks_list(struct lister *l)
{
    struct lh__incidence *in = l->in;
    int64_t n = 0;
    in->block_first = LH_NEW(l->arena, int32_t, in->blocks.n);
    in->block_rank = LH_NEW(l->arena, int32_t, in->blocks.n);
    for (int32_t t = 0; t < l->types.n; t++) {
        in->block_rank[l->types.type_block[t]] = (int32_t)n;
        n += in->blocks.block[l->types.type_block[t]].n;
    }
    for (int32_t b = 0; b < in->blocks.n; b++) {
        in->block_first[b] = l->types.type_block[l->types.type[b]];
        in->block_rank[b] = in->block_rank[in->block_first[b]];
    }
    in->n_ranks = (int32_t)n;
    in->rank = LH_NEW(l->arena, lh_rank, n);
    in->rank_count = LH_NEW(l->arena, int64_t, n);
    n = 0;
    for (int32_t t = 0; t < l->types.n; t++) {
        const struct lh__block *b = &in->blocks.block[l->types.type_block[t]];
        for (int64_t i = 0; i < b->n; i++, n++) {
            in->rank[n] = b->first + i;
            in->rank_count[n] = l->types.type_count[t];
        }
    }
}

/* ---- uses ---------------------------------------------------------------- */

static void uses_reserve(struct lister *l, size_t more)
{
    struct lh__incidence *in = l->in;
    if (l->n_uses + more <= l->uses_capacity)
        return;
    size_t n = l->uses_capacity + l->uses_capacity / 2 + more + 1024;
    l->uses_capacity = n;
    in->use_link = resized(in->use_link, n, sizeof *in->use_link);
    if (l->weigh)
        in->use_weight = resized(in->use_weight, n, sizeof *in->use_weight);
    if (l->time)
        in->use_times = resized(in->use_times, n, sizeof *in->use_times);
}

static int64_t *ones(size_t n, size_t capacity)
{
    int64_t *to = resized(NULL, capacity, sizeof *to);
    for (size_t i = 0; i < n; i++)
        to[i] = 1;
    return to;
}

/* A listed link for one of the topology's, new or known. */
static int32_t listed_link(struct lister *l, lh_link link, int64_t count)
{
    struct lh__incidence *in = l->in;
    if (l->link_id[link] > 0)
        return l->link_id[link] - 1;
    size_t n = (size_t)in->n_links++;
    if (n >= l->link_capacity) {
        l->link_capacity = 2 * n + 1024;
        in->link = resized(in->link, l->link_capacity, sizeof *in->link);
        in->link_count =
            resized(in->link_count, l->link_capacity, sizeof *in->link_count);
    }
    in->link[n] = link;
    in->link_count[n] = count;
    l->link_id[link] = in->n_links;
    return (int32_t)n;
}

static void use_add(struct lister *l, int32_t link, int64_t weight,
                    int64_t times)
{
    struct lh__incidence *in = l->in;
    uses_reserve(l, 1);
    if (weight != 1 && !l->weigh) {
        in->use_weight = ones(l->n_uses, l->uses_capacity);
        l->weigh = true;
    }
    if (times != 1 && !l->time) {
        in->use_times = ones(l->n_uses, l->uses_capacity);
        l->time = true;
    }
    in->use_link[l->n_uses] = link;
    if (l->weigh)
        in->use_weight[l->n_uses] = weight;
    if (l->time)
        in->use_times[l->n_uses] = times;
    l->n_uses++;
}

/* A block's own link as that which stands so in the first block of a type;
 * -1: it is the site's or another block's. */
static int32_t own_link(struct lister *l, lh_link link, int32_t block,
                        int32_t type)
{
    lh_link own = lh__block_link(l->in, link, block, l->types.type_block[type]);
    return own < 0 ? -1 : listed_link(l, own, l->types.type_count[type]);
}

/* ---- members ------------------------------------------------------------- */

static void member_add(struct lister *l, int32_t rank, int64_t times)
{
    struct lh__incidence *in = l->in;
    in->member_rank = lh_grow(l->arena, in->member_rank, &l->member_capacity,
                              l->n_members + 1, sizeof *in->member_rank);
    l->member_times = lh_grow(l->arena, l->member_times, &l->times_capacity,
                              l->n_members + 1, sizeof *l->member_times);
    in->member_rank[l->n_members] = rank;
    l->member_times[l->n_members++] = times;
    l->repeat |= times != 1;
}

static struct lh__listed_comm *comm_add(struct lister *l)
{
    struct lh__incidence *in = l->in;
    in->comm = lh_grow(l->arena, in->comm, &l->comm_capacity,
                       (size_t)in->n_comms + 1, sizeof *in->comm);
    return &in->comm[in->n_comms++];
}

/* ---- within blocks ------------------------------------------------------- */

static void stand_uses(struct lister *l, const struct lh_hops *hops,
                       const struct lh__stand *stand, int32_t block)
{
    const struct lh__incidence *in = l->in;
    int32_t type = l->types.type[block];
    for (int64_t h = 0; h < hops->n; h++) {
        struct lh_path path;
        lh_topology_path(&path, in->topology, stand->accelerator[hops->from[h]],
                         stand->accelerator[hops->to[h]]);
        for (int i = 0; i < path.n_links; i++) {
            int32_t link =
                in->blocks.cut ? own_link(l, path.links[i], block, type) : -1;
            if (link < 0)
                link = listed_link(l, path.links[i], 1);
            use_add(l, link, hops->weight[h], 1);
        }
    }
}

static void comms_ended(struct lister *l)
{
    struct lh__incidence *in = l->in;
    in->member_first[in->n_comms] = (int64_t)l->n_members;
    in->use_first[in->n_comms] = (int64_t)l->n_uses;
}

static void within_list(struct lister *l, int32_t geometry, int32_t type)
{
    struct lh__incidence *in = l->in;
    const struct lh__geometry *g = &in->geometries[geometry];
    const struct lh__skeleton *s = &in->skeletons[g->skeleton];
    const struct lh__patterns *p = &in->patterns[g->skeleton];
    int32_t block = l->types.type_block[type];
    int64_t first;
    int64_t n = lh__skeleton_within(s, &in->ranks, &in->blocks, block, &first);
    struct lh_arena *scratch = lh_arena_new();
    struct lh__stand stand = lh__stand_new(s->n_members, scratch);
    for (int64_t k = 0; k < n; k++) {
        int32_t pattern = p->shape[p->block_shape[block]][k];
        const struct lh_hops *hops = &g->hops[pattern];
        struct lh_members members = lh__geometry_members(in, g, pattern);
        lh__stand_fill(&stand, in, s, first + k);
        *comm_add(l) = (struct lh__listed_comm){
            .geometry = geometry,
            .pattern = pattern,
            .number = first + k,
            .count = l->types.type_count[type],
            .latency_s = lh__stand_latency_s(in, hops, g->algorithm[pattern],
                                             g->protocol[pattern],
                                             g->collective, &members, &stand),
            .cap_bytes_per_s =
                g->small ? INFINITY : lh__stand_cap(in, hops, &stand)};
        for (int64_t i = 0; i < s->n_members; i++)
            member_add(l, lh__listed_rank(in, stand.rank[i]), 1);
        if (!g->small)
            stand_uses(l, hops, &stand, block);
        comms_ended(l);
    }
    lh_arena_free(scratch);
}

/* ---- across blocks ------------------------------------------------------- */

/* One block of each type of an outer number, and how many there are. */
struct group {
    const struct lh__entry *entry;
    int64_t count;
};

static int32_t groups_find(struct group *out, const struct lister *l,
                           const struct lh__span *span, int64_t o,
                           int32_t *of_type)
{
    int32_t n = 0;
    for (int64_t e = span->first[o]; e < span->first[o + 1]; e++) {
        const struct lh__entry *entry = &span->entry[e];
        int32_t key = 2 * l->types.type[entry->block] + entry->receiver;
        if (of_type[key] == 0) {
            out[n] = (struct group){entry, 0};
            of_type[key] = ++n;
        }
        out[of_type[key] - 1].count++;
    }
    for (int32_t i = 0; i < n; i++)
        of_type[2 * l->types.type[out[i].entry->block]
                + out[i].entry->receiver] = 0;
    return n;
}

/* The links of a hop that stand in its end's block, or in no block (then they
 * are crossed by the hops of all blocks of the group). */
static void sight_uses(struct lister *l, const struct lh__span *span,
                       const int64_t value[3], int64_t inner,
                       const struct group *group)
{
    const struct lh__incidence *in = l->in;
    const struct lh__hop_kind *kind = &span->hop_kind[value[0]];
    int32_t type = l->types.type[group->entry->block];
    int64_t count = group->count;
    bool to = value[1] == LH__TO;
    struct lh_path path;
    lh_topology_path(
        &path, in->topology,
        lh__rank_accelerator(&in->ranks, lh__span_rank(span, kind->from_block,
                                                       kind->from, inner)),
        lh__rank_accelerator(
            &in->ranks, lh__span_rank(span, kind->to_block, kind->to, inner)));
    for (int i = 0; i < path.n_links; i++) {
        lh_link link = path.links[i];
        int32_t own =
            own_link(l, link, to ? kind->to_block : kind->from_block, type);
        if (own >= 0)
            use_add(l, own, value[2], count);
        else if (!to && lh_topology_link_unit(in->topology, link) < 0)
            use_add(l, listed_link(l, link, 1), value[2] * count, 1);
    }
}

static void group_list(struct lister *l, const struct lh__span *span,
                       const struct group *group, int64_t inner)
{
    const struct lh__incidence *in = l->in;
    int32_t block = group->entry->block;
    int64_t n = lh__skeleton_in_block(span->s, &in->ranks, &in->blocks, block);
    size_t n_lists, n_values;
    for (int64_t j = 0; j < n; j++)
        member_add(l, lh__listed_rank(in, lh__span_rank(span, block, j, inner)),
                   group->count);
    if (span->g->small)
        return;
    const int64_t *list =
        lh__interned(&span->pieces, group->entry->piece, &n_lists);
    const int64_t *value = lh__interned(
        &span->lists, (int32_t)list[span->p->kind[inner]], &n_values);
    for (size_t i = 0; i < n_values; i += 3)
        sight_uses(l, span, value + i, inner, group);
}

static void span_list(struct lister *l, int32_t geometry, int32_t span_index)
{
    const struct lh__span *span = &l->spans[span_index];
    int32_t n_kinds = span->p->n_kinds;
    struct group *groups =
        LH_NEW(l->scratch, struct group, 2 * (int64_t)l->types.n);
    int32_t *of_type = LH_NEW(l->scratch, int32_t, 2 * (int64_t)l->types.n);
    for (int32_t t = 0; t < l->types.n_outer[span_index]; t++) {
        int64_t o = l->types.outer_first[span_index][t];
        int32_t n = groups_find(groups, l, span, o, of_type);
        for (int64_t k = 0; k < span->s->n_inner; k++) {
            int64_t figures = o * span->n_groups + span->group[k];
            *comm_add(l) = (struct lh__listed_comm){
                .geometry = geometry,
                .pattern = span->p->outer[o * n_kinds + span->p->kind[k]],
                .number = o * span->s->n_inner + k,
                .count = l->types.outer_count[span_index][t],
                .latency_s = span->latency_s[figures],
                .cap_bytes_per_s = span->cap_bytes_per_s[figures]};
            for (int32_t i = 0; i < n; i++)
                group_list(l, span, &groups[i], k);
            comms_ended(l);
        }
    }
}

/* ---- all of it ----------------------------------------------------------- */

static int64_t comms_listed(const struct lister *l)
{
    const struct lh__incidence *in = l->in;
    int64_t n = 0, first;
    for (int32_t g = 0; g < in->n_geometries; g++) {
        const struct lh__skeleton *s =
            &in->skeletons[in->geometries[g].skeleton];
        if (l->span[g] >= 0) {
            n += l->types.n_outer[l->span[g]] * s->n_inner;
            continue;
        }
        for (int32_t t = 0; t < l->types.n; t++)
            n += lh__skeleton_within(s, &in->ranks, &in->blocks,
                                     l->types.type_block[t], &first);
    }
    return n;
}

static void comms_list(struct lister *l)
{
    struct lh__incidence *in = l->in;
    int64_t n = comms_listed(l);
    in->member_first = LH_NEW(l->arena, int64_t, n + 1);
    in->use_first = LH_NEW(l->arena, int64_t, n + 1);
    for (int32_t g = 0; g < in->n_geometries; g++) {
        if (l->span[g] >= 0)
            span_list(l, g, l->span[g]);
        for (int32_t t = 0; l->span[g] < 0 && t < l->types.n; t++)
            within_list(l, g, t);
    }
    if (l->repeat)
        in->member_times = l->member_times;
}

/* Listed links, ascending: where most links are listed, by a look at all. */
static lh_link *links_ascending(const struct lister *l)
{
    const struct lh__incidence *in = l->in;
    size_t n = (size_t)in->n_links, next = 0;
    lh_link *sorted = LH_NEW(l->arena, lh_link, n);
    int all = lh_topology_link_end(in->topology);
    if (n < (size_t)all / 16) {
        memcpy(sorted, in->link, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, lh__by_link);
        return sorted;
    }
    for (lh_link link = 0; link < all; link++) {
        if (l->link_id[link] > 0)
            sorted[next++] = link;
    }
    return sorted;
}

/* Numbers the listed links in the order of the topology's. */
static void links_sort(struct lister *l)
{
    struct lh__incidence *in = l->in;
    size_t n = (size_t)in->n_links;
    int64_t *count = LH_NEW(l->arena, int64_t, n);
    int32_t *place = LH_NEW(l->scratch, int32_t, n);
    if (n == 0)
        return;
    lh_link *sorted = links_ascending(l);
    for (size_t i = 0; i < n; i++) {
        int32_t old = l->link_id[sorted[i]] - 1;
        place[old] = (int32_t)i;
        count[i] = in->link_count[old];
    }
    for (size_t u = 0; u < l->n_uses; u++)
        in->use_link[u] = place[in->use_link[u]];
    free(in->link);
    free(in->link_count);
    in->link = sorted;
    in->link_count = count;
}

static void rank_comms(struct lister *l)
{
    struct lh__incidence *in = l->in;
    size_t n = 2 * (size_t)in->n_geometries * (size_t)in->n_ranks;
    in->rank_comm = LH_NEW(l->arena, int32_t, n);
    memset(in->rank_comm, 0xff, n * sizeof *in->rank_comm);
    for (int64_t x = 0; x < in->n_comms; x++) {
        int64_t row = 2 * (int64_t)in->comm[x].geometry;
        bool send = lh__comm_skeleton(in, x)->axes == 0;
        int64_t first = in->member_first[x];
        for (int64_t m = first; m < in->member_first[x + 1]; m++) {
            int64_t at = row + (send && m > first);
            in->rank_comm[at * in->n_ranks + in->member_rank[m]] = (int32_t)x;
        }
    }
}

static enum lh_status spans_make(struct lister *l, struct lh_ctx *ctx)
{
    struct lh__incidence *in = l->in;
    l->span = LH_NEW(l->scratch, int32_t, in->n_geometries);
    l->spans = LH_NEW(l->scratch, struct lh__span, in->n_geometries);
    for (int32_t g = 0; g < in->n_geometries; g++) {
        l->span[g] = -1;
        if (!in->skeletons[in->geometries[g].skeleton].spans)
            continue;
        l->span[g] = l->n_spans++;
        enum lh_status st =
            lh__span_make(&l->spans[l->span[g]], in, &in->geometries[g], ctx);
        if (st != LH_OK)
            return st;
    }
    return lh__types_find(&l->types, in, l->spans, l->n_spans, ctx);
}

enum lh_status lh__incidence_list(struct lh__incidence *in, struct lh_ctx *ctx)
{
    struct lister l = {.in = in, .arena = ctx->arena};
    l.scratch = lh_arena_new();
    enum lh_status st = spans_make(&l, ctx);
    if (st == LH_OK) {
        l.link_id = calloc((size_t)lh_topology_link_end(in->topology) + 1,
                           sizeof *l.link_id);
        if (l.link_id == NULL)
            abort();
        ranks_list(&l);
        comms_list(&l);
        links_sort(&l);
        rank_comms(&l);
        free(l.link_id);
    }
    lh_arena_free(l.scratch);
    return st;
}
