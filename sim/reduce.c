/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The links the engine needs to see.  A link that all its shapes cross at
 * multiples of g is one of 1/g of the capacity crossed at 1/g of the weights.
 * Of the links that are then crossed by exactly the same shapes at exactly the
 * same weights only the slowest can ever limit, so it alone is kept; a link
 * without limit is left out.  Exact: the dropped constraints are implied by
 * the kept one.  Links whose capacity changes in the course of the step are
 * all kept.
 */
#include "place.h"

#include <math.h>
#include <stdlib.h>

/* The uses of one link class: (shape, weight) in the order of shapes. */
struct uses {
    int32_t link;
    double capacity_bytes_per_s;
    const struct lh__schedule *schedule; /* NULL: it does not change */
    int64_t common;                      /* divisor of its weights */
    int32_t n;
    const int32_t *shape;
    int64_t *weight;
};

static int by_uses(const void *x, const void *y)
{
    const struct uses *a = x, *b = y;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (int32_t i = 0; i < a->n; i++) {
        if (a->shape[i] != b->shape[i])
            return a->shape[i] < b->shape[i] ? -1 : 1;
        if (a->weight[i] != b->weight[i])
            return a->weight[i] < b->weight[i] ? -1 : 1;
    }
    return 0;
}

/* Those that change behind those that do not. */
static int by_uses_then_capacity(const void *x, const void *y)
{
    const struct uses *a = x, *b = y;
    int d = by_uses(a, b);
    if (d == 0)
        d = (a->schedule != NULL) - (b->schedule != NULL);
    if (d == 0)
        d = (a->capacity_bytes_per_s > b->capacity_bytes_per_s)
            - (a->capacity_bytes_per_s < b->capacity_bytes_per_s);
    return d != 0 ? d : (a->link > b->link) - (a->link < b->link);
}

static void divide(struct uses *u)
{
    int64_t common = 0;
    for (int32_t i = 0; i < u->n; i++)
        common = lh__divisor(u->weight[i], common);
    for (int32_t i = 0; i < u->n; i++)
        u->weight[i] /= common;
    u->capacity_bytes_per_s /= (double)common;
    u->common = common;
}

/* Transposes shapes x links; returns the number of links that can limit. */
static int32_t uses_build(struct uses **out, const struct lh__placed *p,
                          struct lh_arena *arena)
{
    int64_t *first = LH_NEW(arena, int64_t, p->n_links + 2);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        for (int32_t k = 0; k < p->shapes[s].n_links; k++)
            first[p->shapes[s].links[k] + 2]++;
    }
    for (int i = 0; i < p->n_links; i++)
        first[i + 2] += first[i + 1];
    int32_t *shape = LH_NEW(arena, int32_t, first[p->n_links + 1]);
    int64_t *weight = LH_NEW(arena, int64_t, first[p->n_links + 1]);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        for (int32_t k = 0; k < p->shapes[s].n_links; k++) {
            int64_t at = first[p->shapes[s].links[k] + 1]++;
            shape[at] = s;
            weight[at] = p->shapes[s].weights[k];
        }
    }
    struct uses *uses = LH_NEW(arena, struct uses, p->n_links);
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_links; i++) {
        if (first[i + 1] == first[i] || !isfinite(p->link_capacity[i]))
            continue;
        uses[n] = (struct uses){.link = i,
                                .capacity_bytes_per_s = p->link_capacity[i],
                                .schedule = p->link_schedule[i],
                                .n = (int32_t)(first[i + 1] - first[i]),
                                .shape = &shape[first[i]],
                                .weight = &weight[first[i]]};
        divide(&uses[n++]);
    }
    *out = uses;
    return n;
}

static void channels_build(struct lh__placed *p, const struct uses *kept,
                           struct lh_arena *arena)
{
    int32_t *n = LH_NEW(arena, int32_t, p->n_shapes);
    for (int32_t i = 0; i < p->n_engine_links; i++) {
        for (int32_t k = 0; k < kept[i].n; k++)
            n[kept[i].shape[k]]++;
    }
    p->channels = LH_NEW(arena, struct lh_channel_spec, p->n_shapes);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        p->channels[s] = (struct lh_channel_spec){
            .links = LH_NEW(arena, int32_t, n[s]),
            .weights = LH_NEW(arena, int64_t, n[s]),
            .alpha_s = p->shapes[s].alpha_s,
            .phi = p->shapes[s].phi,
            .cap_bytes_per_s = p->shapes[s].cap_bytes_per_s};
    }
    for (int32_t i = 0; i < p->n_engine_links; i++) {
        for (int32_t k = 0; k < kept[i].n; k++) {
            struct lh_channel_spec *c = &p->channels[kept[i].shape[k]];
            ((int32_t *)c->links)[c->n_links] = i;
            ((int64_t *)c->weights)[c->n_links] = kept[i].weight[k];
            c->n_links++;
        }
    }
}

/* The schedules of the links kept, in the unit of their capacities. */
static void schedules_build(struct lh__placed *p, const struct uses *kept,
                            struct lh_arena *arena)
{
    p->engine_schedule = LH_NEW(arena, struct lh__schedule, p->n_engine_links);
    for (int32_t i = 0; i < p->n_engine_links; i++) {
        const struct lh__schedule *from = kept[i].schedule;
        struct lh__schedule *to = &p->engine_schedule[i];
        if (from == NULL)
            continue;
        to->n = from->n;
        to->changes = LH_NEW(arena, struct lh__change, from->n);
        for (int32_t k = 0; k < from->n; k++)
            to->changes[k] = (struct lh__change){from->changes[k].at_s,
                                                 from->changes[k].value
                                                     / (double)kept[i].common};
    }
}

void lh__place_reduce(struct lh__placed *p, struct lh_ctx *ctx)
{
    struct uses *uses = NULL;
    int32_t n = uses_build(&uses, p, ctx->arena);
    qsort(uses, (size_t)n, sizeof *uses, by_uses_then_capacity);
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        if (kept == 0 || uses[i].schedule
            || by_uses(&uses[kept - 1], &uses[i]) != 0)
            uses[kept++] = uses[i];
    }
    p->n_engine_links = kept;
    p->engine_capacity = LH_NEW(ctx->arena, double, kept);
    for (int32_t i = 0; i < kept; i++)
        p->engine_capacity[i] = uses[i].capacity_bytes_per_s;
    if (p->incidence.faults->dated)
        schedules_build(p, uses, ctx->arena);
    channels_build(p, uses, ctx->arena);
}
