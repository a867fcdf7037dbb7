/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Types of blocks by colour refinement of blocks x outer numbers: a block sees
 * the outer numbers it has members in and the piece it has of each, an outer
 * number sees its blocks and their pieces.  A block with a faulty rank or link
 * keeps its own colour.  Then what the colours claim is verified in full.
 *
 * Types that are too fine only cost time: the fold of what is listed joins
 * what cannot be told apart.
 */
#include <string.h>

#include "colour.h"
#include "span.h"

struct finder {
    const struct lh__incidence *in;
    const struct lh__span *spans;
    int32_t n_spans;
    uint64_t *block, *sum; /* [blocks] */
    uint64_t **outer;      /* [spans][n_outer] */
};

/* ---- first colours ------------------------------------------------------- */

/* The block of fault i, counted over ranks, then links; -1: it is a link's of a
 * site as a whole, or between idle accelerators. */
static int32_t odd_block(const struct finder *f, int32_t i)
{
    const struct lh__faults *faults = f->in->faults;
    const struct lh__blocks *blocks = &f->in->blocks;
    const struct lh_topology *t = f->in->topology;
    if (i < faults->n_ranks)
        return lh__block_of_rank(blocks, &f->in->ranks, faults->rank[i]);
    int64_t a = lh_topology_link_unit(t, faults->link[i - faults->n_ranks]);
    return a < 0 ? -1 : lh__block_of_accelerator(blocks, &f->in->ranks, t, a);
}

static int32_t odds_count(const struct finder *f)
{
    return f->in->faults->n_ranks + f->in->faults->n_links;
}

static void odd_mark(struct finder *f)
{
    for (int32_t i = 0; i < odds_count(f); i++) {
        int32_t b = odd_block(f, i);
        if (b >= 0)
            f->block[b] = lh__mix2(f->block[b], (uint64_t)b + 1);
    }
}

static uint64_t outer_colour(const struct lh__span *span, int32_t i, int64_t o)
{
    uint64_t c = lh__mix((uint64_t)i);
    for (int32_t k = 0; k < span->p->n_kinds; k++)
        c = lh__mix2(c, (uint64_t)span->p->outer[o * span->p->n_kinds + k]);
    for (int32_t g = 0; g < span->n_groups; g++) {
        int64_t at = o * span->n_groups + g;
        c = lh__mix2(c, lh__mix2(lh__bits(span->latency_s[at]),
                                 lh__bits(span->cap_bytes_per_s[at])));
    }
    return c;
}

static void first_colours(struct finder *f, struct lh_arena *arena)
{
    const struct lh__blocks *blocks = &f->in->blocks;
    f->block = LH_NEW(arena, uint64_t, blocks->n);
    f->sum = LH_NEW(arena, uint64_t, blocks->n);
    f->outer = LH_NEW(arena, uint64_t *, f->n_spans);
    for (int32_t b = 0; b < blocks->n; b++) {
        const struct lh__block *block = &blocks->block[b];
        int32_t template = lh__rank_template(&f->in->ranks, block->first);
        f->block[b] =
            lh__mix2(lh__mix2((uint64_t)block->site, (uint64_t) template),
                     (uint64_t)block->n);
    }
    for (int32_t i = 0; i < f->n_spans; i++) {
        const struct lh__span *span = &f->spans[i];
        f->outer[i] = LH_NEW(arena, uint64_t, span->s->n_outer);
        for (int64_t o = 0; o < span->s->n_outer; o++)
            f->outer[i][o] = outer_colour(span, i, o);
    }
    odd_mark(f);
}

/* ---- refinement ---------------------------------------------------------- */

static uint64_t entry_colour(const struct lh__entry *e, uint64_t seen)
{
    uint64_t how = (uint64_t)e->piece << 1 | (uint64_t)e->receiver;
    return lh__mix(lh__mix(how) ^ seen);
}

static void round_of(struct finder *f)
{
    memset(f->sum, 0, (size_t)f->in->blocks.n * sizeof *f->sum);
    for (int32_t i = 0; i < f->n_spans; i++) {
        const struct lh__span *span = &f->spans[i];
        for (int64_t o = 0; o < span->s->n_outer; o++) {
            uint64_t sum = 0;
            for (int64_t e = span->first[o]; e < span->first[o + 1]; e++)
                sum += entry_colour(&span->entry[e],
                                    f->block[span->entry[e].block]);
            f->outer[i][o] = lh__mix2(f->outer[i][o], sum);
            for (int64_t e = span->first[o]; e < span->first[o + 1]; e++)
                f->sum[span->entry[e].block] +=
                    entry_colour(&span->entry[e], f->outer[i][o]);
        }
    }
    for (int32_t b = 0; b < f->in->blocks.n; b++)
        f->block[b] = lh__mix2(f->block[b], f->sum[b]);
}

static int64_t colours_count(const struct finder *f)
{
    int64_t n = lh__colour_count(f->block, f->in->blocks.n);
    for (int32_t i = 0; i < f->n_spans; i++)
        n += lh__colour_count(f->outer[i], f->spans[i].s->n_outer);
    return n;
}

static void refine(struct finder *f)
{
    int64_t before = 0, now = colours_count(f);
    while (now != before) {
        round_of(f);
        before = now;
        now = colours_count(f);
    }
}

/* ---- types --------------------------------------------------------------- */

static void outer_types(struct lh__types *out, const struct finder *f,
                        struct lh_arena *arena)
{
    out->n_outer = LH_NEW(arena, int32_t, f->n_spans);
    out->outer = LH_NEW(arena, int32_t *, f->n_spans);
    out->outer_first = LH_NEW(arena, int64_t *, f->n_spans);
    out->outer_count = LH_NEW(arena, int64_t *, f->n_spans);
    for (int32_t i = 0; i < f->n_spans; i++) {
        int64_t n = f->spans[i].s->n_outer;
        out->outer[i] = lh__colour_ids(f->outer[i], n, &out->n_outer[i], arena);
        out->outer_first[i] = LH_NEW(arena, int64_t, out->n_outer[i]);
        out->outer_count[i] = LH_NEW(arena, int64_t, out->n_outer[i]);
        for (int64_t o = n - 1; o >= 0; o--) {
            out->outer_first[i][out->outer[i][o]] = o;
            out->outer_count[i][out->outer[i][o]]++;
        }
    }
}

static void block_types(struct lh__types *out, const struct finder *f,
                        struct lh_arena *arena)
{
    int32_t n = f->in->blocks.n;
    out->type = lh__colour_ids(f->block, n, &out->n, arena);
    out->type_block = LH_NEW(arena, int32_t, out->n);
    out->type_count = LH_NEW(arena, int64_t, out->n);
    for (int32_t b = n - 1; b >= 0; b--) {
        out->type_block[out->type[b]] = b;
        out->type_count[out->type[b]]++;
    }
}

/* ---- the check ----------------------------------------------------------- */

static enum lh_status broken(struct lh_ctx *ctx, const char *what, int64_t a,
                             int64_t b)
{
    return lh__inexact(ctx, "blocks are not", what, a, b);
}

static bool same_figures(const struct lh__span *span, int64_t a, int64_t b)
{
    size_t k = (size_t)span->p->n_kinds, g = (size_t)span->n_groups;
    const int32_t *pattern = span->p->outer;
    const double *latency_s = span->latency_s;
    const double *cap = span->cap_bytes_per_s;
    size_t x = (size_t)a, y = (size_t)b;
    return memcmp(pattern + x * k, pattern + y * k, k * sizeof *pattern) == 0
           && memcmp(latency_s + x * g, latency_s + y * g,
                     g * sizeof *latency_s)
                  == 0
           && memcmp(cap + x * g, cap + y * g, g * sizeof *cap) == 0;
}

/* Entries of two outer numbers of one type by type of their blocks, whose
 * pieces are those of the type: as many of each. */
static enum lh_status outers_check(const struct lh__types *t,
                                   const struct finder *f, int32_t i,
                                   int64_t *count, struct lh_ctx *ctx)
{
    const struct lh__span *span = &f->spans[i];
    for (int64_t o = 0; o < span->s->n_outer; o++) {
        int64_t rep = t->outer_first[i][t->outer[i][o]];
        bool agree = same_figures(span, o, rep);
        for (int way = 0; way < 2; way++) {
            int64_t of = way ? rep : o;
            for (int64_t e = span->first[of]; e < span->first[of + 1]; e++) {
                const struct lh__entry *entry = &span->entry[e];
                count[2 * t->type[entry->block] + entry->receiver] +=
                    way ? -1 : 1;
            }
        }
        for (int64_t e = span->first[o]; e < span->first[o + 1]; e++)
            agree = agree && count[2 * t->type[span->entry[e].block]] == 0
                    && count[2 * t->type[span->entry[e].block] + 1] == 0;
        agree = agree
                && span->first[o + 1] - span->first[o]
                       == span->first[rep + 1] - span->first[rep];
        if (!agree)
            return broken(ctx, "communicators of a type differ", i, o);
    }
    return LH_OK;
}

/* What the blocks of a span see, by block: outer type and piece, as member (or
 * sender) and as receiver. */
static enum lh_status pieces_check(const struct lh__types *t,
                                   const struct finder *f, int32_t i,
                                   int64_t *seen, struct lh_ctx *ctx)
{
    const struct lh__span *span = &f->spans[i];
    int32_t n = f->in->blocks.n;
    memset(seen, 0xff, 4 * (size_t)n * sizeof *seen);
    for (int64_t o = 0; o < span->s->n_outer; o++) {
        for (int64_t e = span->first[o]; e < span->first[o + 1]; e++) {
            const struct lh__entry *entry = &span->entry[e];
            int64_t *mine =
                &seen[4 * (int64_t)entry->block + 2 * entry->receiver];
            mine[0] = t->outer[i][o];
            mine[1] = entry->piece;
        }
    }
    for (int32_t b = 0; b < n; b++) {
        int64_t rep = t->type_block[t->type[b]];
        if (memcmp(&seen[4 * (int64_t)b], &seen[4 * rep], 4 * sizeof *seen)
            != 0)
            return broken(ctx, "blocks of a type see different pieces", i, b);
    }
    return LH_OK;
}

static enum lh_status blocks_check(const struct lh__types *t,
                                   const struct finder *f, struct lh_ctx *ctx)
{
    const struct lh__blocks *blocks = &f->in->blocks;
    for (int32_t b = 0; b < blocks->n; b++) {
        const struct lh__block *mine = &blocks->block[b];
        const struct lh__block *rep = &blocks->block[t->type_block[t->type[b]]];
        if (mine->site != rep->site || mine->n != rep->n
            || lh__rank_template(&f->in->ranks, mine->first)
                   != lh__rank_template(&f->in->ranks, rep->first))
            return broken(ctx, "blocks of a type differ", b, t->type[b]);
    }
    for (int32_t i = 0; i < odds_count(f); i++) {
        int32_t b = odd_block(f, i);
        if (b >= 0 && t->type_count[t->type[b]] != 1)
            return broken(ctx, "a block with a fault is not alone", b, i);
    }
    return LH_OK;
}

static enum lh_status check(const struct lh__types *t, const struct finder *f,
                            struct lh_ctx *ctx)
{
    struct lh_arena *scratch = lh_arena_new();
    int64_t *count = LH_NEW(scratch, int64_t, 2 * (int64_t)t->n);
    int64_t *seen = LH_NEW(scratch, int64_t, 4 * (int64_t)f->in->blocks.n);
    enum lh_status st = blocks_check(t, f, ctx);
    for (int32_t i = 0; i < f->n_spans && st == LH_OK; i++) {
        st = outers_check(t, f, i, count, ctx);
        if (st == LH_OK)
            st = pieces_check(t, f, i, seen, ctx);
    }
    lh_arena_free(scratch);
    return st;
}

enum lh_status lh__types_find(struct lh__types *out,
                              const struct lh__incidence *in,
                              const struct lh__span *spans, int32_t n_spans,
                              struct lh_ctx *ctx)
{
    struct lh_arena *scratch = lh_arena_new();
    struct finder f = {.in = in, .spans = spans, .n_spans = n_spans};
    *out = (struct lh__types){0};
    first_colours(&f, scratch);
    refine(&f);
    block_types(out, &f, ctx->arena);
    outer_types(out, &f, ctx->arena);
    enum lh_status st = check(out, &f, ctx);
    lh_arena_free(scratch);
    return st;
}
