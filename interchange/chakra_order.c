/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nodes of a Chakra file in an order in which none stands before what it
 * waits for: as in the file where that is one, else the lowest id first of
 * those that are free, as ASTRA-sim issues them.  Ids become indices.
 *
 * Said, each an error: an id twice, a dependency that no node has, nodes that
 * wait for each other.
 */
#include "wire.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct lh_chakra_node *lh__draft_add(struct lh__chakra_draft *d,
                                     struct lh_arena *arena)
{
    size_t n = d->n + 1;

    d->nodes =
        lh_grow(arena, d->nodes, &d->nodes_capacity, n, sizeof *d->nodes);
    d->deps = lh_grow(arena, d->deps, &d->deps_capacity, n, sizeof *d->deps);
    d->carried =
        lh_grow(arena, d->carried, &d->carried_capacity, n, sizeof *d->carried);
    d->deps[d->n] = d->carried[d->n] = (struct lh__ids){.n = 0};
    d->nodes[d->n] = (struct lh_chakra_node){.name = "",
                                             .group = "",
                                             .coll = -1,
                                             .bytes = -1,
                                             .src = -1,
                                             .dst = -1,
                                             .tag = -1,
                                             .own = {.text = ""}};
    return &d->nodes[d->n++];
}

/* ---- ids ----------------------------------------------------------------- */

struct named {
    uint64_t id;
    int32_t node;
};

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct named *)a)->id;
    uint64_t y = ((const struct named *)b)->id;

    return (x > y) - (x < y);
}

/* -1: no node has it. */
static int32_t find(const struct named *named, size_t n, uint64_t id)
{
    struct named key = {.id = id};
    const struct named *found =
        n > 0 ? bsearch(&key, named, n, sizeof *named, by_id) : NULL;

    return found ? found->node : -1;
}

struct order {
    struct lh_ctx *ctx;
    struct lh_where where;
    const struct lh__chakra_draft *draft;
    int32_t n;
    struct named *named; /* [n] by id */
    int32_t *first, *to; /* who waits for a node (CSR) */
    int32_t *waits;      /* [n] */
    int32_t *heap;       /* free nodes; of them the lowest id is on top */
    int32_t n_heap;
};

static enum lh_status name_all(struct order *o)
{
    o->named = LH_NEW(o->ctx->arena, struct named, (size_t)o->n);
    for (int32_t i = 0; i < o->n; i++)
        o->named[i] = (struct named){o->draft->nodes[i].id, i};
    qsort(o->named, (size_t)o->n, sizeof *o->named, by_id);
    for (int32_t i = 1; i < o->n; i++) {
        if (o->named[i].id != o->named[i - 1].id)
            continue;
        lh_error(o->ctx, o->where, "two nodes have the id %" PRIu64,
                 o->named[i].id);
        return LH_BAD_INPUT;
    }
    return LH_OK;
}

/* Ids of a node's list as indices. */
static enum lh_status resolve(struct order *o, int32_t node,
                              struct lh__ids *ids, int32_t **out, int *n)
{
    *out = LH_NEW(o->ctx->arena, int32_t, ids->n);
    *n = (int)ids->n;
    for (size_t k = 0; k < ids->n; k++) {
        int32_t found = find(o->named, (size_t)o->n, ids->at[k]);
        if (found < 0) {
            lh_error(o->ctx, o->where,
                     "node %" PRIu64 " waits for %" PRIu64 ", which no node is",
                     o->draft->nodes[node].id, ids->at[k]);
            return LH_BAD_INPUT;
        }
        (*out)[k] = found;
    }
    return LH_OK;
}

/* ---- the order ----------------------------------------------------------- */

static bool is_lower(const struct order *o, int32_t a, int32_t b)
{
    return o->draft->nodes[a].id < o->draft->nodes[b].id;
}

static void swap(int32_t *a, int32_t *b)
{
    int32_t kept = *a;

    *a = *b;
    *b = kept;
}

static void heap_put(struct order *o, int32_t node)
{
    int32_t i = o->n_heap++;

    o->heap[i] = node;
    for (; i > 0 && is_lower(o, o->heap[i], o->heap[(i - 1) / 2]);
         i = (i - 1) / 2)
        swap(&o->heap[i], &o->heap[(i - 1) / 2]);
}

static int32_t heap_take(struct order *o)
{
    int32_t top = o->heap[0], i = 0;

    o->heap[0] = o->heap[--o->n_heap];
    for (;;) {
        int32_t low = i;
        for (int32_t k = 2 * i + 1; k <= 2 * i + 2 && k < o->n_heap; k++)
            if (is_lower(o, o->heap[k], o->heap[low]))
                low = k;
        if (low == i)
            return top;
        swap(&o->heap[i], &o->heap[low]);
        i = low;
    }
}

static void followers_make(struct order *o)
{
    const struct lh_chakra_node *nodes = o->draft->nodes;
    size_t n_deps = 0;

    o->first = LH_NEW(o->ctx->arena, int32_t, (size_t)o->n + 2);
    o->waits = LH_NEW(o->ctx->arena, int32_t, (size_t)o->n);
    o->heap = LH_NEW(o->ctx->arena, int32_t, (size_t)o->n);
    for (int32_t i = 0; i < o->n; i++) {
        o->waits[i] = nodes[i].n_deps;
        n_deps += (size_t)nodes[i].n_deps;
        for (int k = 0; k < nodes[i].n_deps; k++)
            o->first[nodes[i].deps[k] + 2]++;
    }
    o->to = LH_NEW(o->ctx->arena, int32_t, n_deps);
    for (int32_t i = 0; i < o->n; i++)
        o->first[i + 2] += o->first[i + 1];
    for (int32_t i = 0; i < o->n; i++)
        for (int k = 0; k < nodes[i].n_deps; k++)
            o->to[o->first[nodes[i].deps[k] + 1]++] = i;
}

/* place[node]: where it comes; LH_BAD_INPUT: nodes wait for each other. */
static enum lh_status sort(struct order *o, int32_t *place)
{
    int32_t done = 0;

    followers_make(o);
    for (int32_t i = 0; i < o->n; i++) {
        place[i] = -1;
        if (o->waits[i] == 0)
            heap_put(o, i);
    }
    while (o->n_heap > 0) {
        int32_t node = heap_take(o);

        place[node] = done++;
        for (int32_t k = o->first[node]; k < o->first[node + 1]; k++)
            if (--o->waits[o->to[k]] == 0)
                heap_put(o, o->to[k]);
    }
    for (int32_t i = 0; i < o->n; i++) {
        if (place[i] >= 0)
            continue;
        lh_error(o->ctx, o->where,
                 "node %" PRIu64 " waits for itself, by way of others",
                 o->draft->nodes[i].id);
        return LH_BAD_INPUT;
    }
    return LH_OK;
}

static bool is_in_order(const struct order *o)
{
    for (int32_t i = 0; i < o->n; i++)
        for (int k = 0; k < o->draft->nodes[i].n_deps; k++)
            if (o->draft->nodes[i].deps[k] >= i)
                return false;
    return true;
}

static void place_all(struct lh_chakra_rank *out, const struct order *o,
                      const int32_t *place)
{
    out->nodes = LH_NEW(o->ctx->arena, struct lh_chakra_node, (size_t)o->n);
    out->n_nodes = o->n;
    for (int32_t i = 0; i < o->n; i++) {
        struct lh_chakra_node *node = &out->nodes[place[i]];

        *node = o->draft->nodes[i];
        for (int k = 0; k < node->n_deps; k++)
            node->deps[k] = place[node->deps[k]];
        for (int k = 0; k < node->n_carried; k++)
            node->carried[k] = place[node->carried[k]];
    }
}

enum lh_status lh__draft_finish(struct lh_chakra_rank *out,
                                struct lh__chakra_draft *d, struct lh_ctx *ctx)
{
    struct order o = {
        .ctx = ctx, .where = {out->path, 0, 0}, .draft = d, .n = (int32_t)d->n};
    int32_t *place;
    enum lh_status st;

    if (d->n == 0 || d->n > INT32_MAX / 2) {
        lh_error(ctx, o.where, "a trace of %zu nodes", d->n);
        return LH_BAD_INPUT;
    }
    st = name_all(&o);
    for (int32_t i = 0; i < o.n && st == LH_OK; i++) {
        struct lh_chakra_node *node = &d->nodes[i];
        st = resolve(&o, i, &d->deps[i], &node->deps, &node->n_deps);
        if (st == LH_OK)
            st = resolve(&o, i, &d->carried[i], &node->carried,
                         &node->n_carried);
    }
    if (st != LH_OK)
        return st;
    place = LH_NEW(ctx->arena, int32_t, d->n);
    for (int32_t i = 0; i < o.n; i++)
        place[i] = i;
    if (!is_in_order(&o))
        st = sort(&o, place);
    if (st == LH_OK)
        place_all(out, &o, place);
    return st;
}
