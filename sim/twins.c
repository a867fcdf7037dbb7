/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fold once more, where the site does not count.  The fold's classes of
 * ranks, communicators and links keep sites apart, because results are told by
 * site; here
 *
 *   channel  <- itself, its links with weights, the classes of its members
 *   link     <- itself, the channels that cross it with weights
 *   class    <- itself, in the order of its operations their channels
 *
 * are refined until no round tells more apart, from what an operation takes
 * alone: template, speed, multiprocessors; capacity; latency, cap, algorithm,
 * and the rows whose flows take the channel.
 * The classes then satisfy what docs/folding.md asks for, with one more demand:
 * no link is crossed by two channels of one kind, so that the weights of the
 * one that is run are the link's.  Every record and group of the whole is
 * checked against what stands for it; where one differs there are no twins.
 *
 * Leaves out: faults with dates, and messages, which are run whole.
 */
#include "twins.h"

#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "intern.h"

struct refinement {
    const struct lh__placed *p;
    struct lh_arena *arena;
    int32_t *class, *channel, *link; /* kinds, from 0 in order of appearance */
    int32_t n_classes, n_channels, n_links;
    int32_t *shape_group;    /* [n_shapes] a group of it */
    int64_t *cross_first;    /* [n_engine_links + 1] into cross_*: */
    int32_t *cross_channel;  /* the channels that cross a link, */
    int64_t *cross_weight;   /* and their weights */
    int32_t *record_class;   /* [n_records] */
    int64_t *words, n_words; /* a signature */
    size_t words_capacity;
};

/* ---- signatures ---------------------------------------------------------- */

static void word(struct refinement *r, int64_t value)
{
    r->words = lh_grow(r->arena, r->words, &r->words_capacity,
                       (size_t)r->n_words + 1, sizeof *r->words);
    r->words[r->n_words++] = value;
}

static void word_of(struct refinement *r, double value)
{
    word(r, (int64_t)lh__bits(value));
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_pair(const void *a, const void *b)
{
    int d = by_value(a, b);
    return d != 0 ? d
                  : by_value((const int64_t *)a + 1, (const int64_t *)b + 1);
}

/* The words since `first`, pairs of them, in an order of their own. */
static void sort_pairs(struct refinement *r, int64_t first)
{
    qsort(r->words + first, (size_t)(r->n_words - first) / 2,
          2 * sizeof *r->words, by_pair);
}

static int32_t sign(struct refinement *r, struct lh__interned *kinds)
{
    int32_t kind = lh__intern(kinds, r->words, (size_t)r->n_words);
    r->n_words = 0;
    return kind;
}

/* ---- refinement ---------------------------------------------------------- */

static void channels_round(struct refinement *r)
{
    const struct lh__placed *p = r->p;
    struct lh__interned kinds;
    lh__intern_begin(&kinds, r->arena);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        const struct lh_channel_spec *c = &p->channels[s];
        int32_t g = r->shape_group[s];
        word(r, r->channel[s]);
        word(r, c->n_links);
        int64_t first = r->n_words;
        for (int32_t k = 0; k < c->n_links; k++) {
            word(r, r->link[c->links[k]]);
            word(r, c->weights[k]);
        }
        sort_pairs(r, first);
        first = r->n_words;
        for (int64_t m = p->group_first[g]; m < p->group_first[g + 1]; m++)
            word(r, r->class[r->record_class[p->group_record[m]]]);
        qsort(r->words + first, (size_t)(r->n_words - first), sizeof *r->words,
              by_value);
        r->channel[s] = sign(r, &kinds);
    }
    r->n_channels = kinds.n;
}

static void links_round(struct refinement *r)
{
    struct lh__interned kinds;
    lh__intern_begin(&kinds, r->arena);
    for (int32_t j = 0; j < r->p->n_engine_links; j++) {
        word(r, r->link[j]);
        int64_t first = r->n_words;
        for (int64_t k = r->cross_first[j]; k < r->cross_first[j + 1]; k++) {
            word(r, r->channel[r->cross_channel[k]]);
            word(r, r->cross_weight[k]);
        }
        sort_pairs(r, first);
        r->link[j] = sign(r, &kinds);
    }
    r->n_links = kinds.n;
}

static void classes_round(struct refinement *r)
{
    const struct lh__placed *p = r->p;
    struct lh__interned kinds;
    lh__intern_begin(&kinds, r->arena);
    for (int32_t c = 0; c < p->n_classes; c++) {
        word(r, r->class[c]);
        for (int64_t i = p->class_first[c]; i < p->class_first[c + 1]; i++) {
            int32_t g = p->record_group[i];
            if (g >= 0)
                word(r, r->channel[p->group_shape[g]]);
        }
        r->class[c] = sign(r, &kinds);
    }
    r->n_classes = kinds.n;
}

/* The rows whose flows take each channel, so that channels of one kind carry
 * the same: [n_shapes + 1] into *row. */
static int64_t *rows_of_shapes(const struct refinement *r, int32_t **row)
{
    const struct lh__placed *p = r->p;
    int64_t *first = LH_NEW(r->arena, int64_t, p->n_shapes + 2);
    for (int32_t g = 0; g < p->n_groups; g++)
        first[p->group_shape[g] + 2]++;
    for (int32_t s = 0; s < p->n_shapes; s++)
        first[s + 2] += first[s + 1];
    *row = LH_NEW(r->arena, int32_t, p->n_groups);
    for (int32_t g = 0; g < p->n_groups; g++)
        (*row)[first[p->group_shape[g] + 1]++] = p->group_comm[g];
    return first;
}

static void channels_first(struct refinement *r, struct lh__interned *kinds)
{
    const struct lh__placed *p = r->p;
    int32_t *row = NULL;
    int64_t *first = rows_of_shapes(r, &row);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        const struct lh__shape *shape = &p->shapes[s];
        word(r, shape->family);
        word(r, shape->algorithm);
        word(r, shape->protocol);
        word(r, shape->crosses_wan);
        word_of(r, shape->unit_frac);
        word_of(r, p->channels[s].alpha_s);
        word_of(r, p->channels[s].phi);
        word_of(r, p->channels[s].cap_bytes_per_s);
        int64_t begin = r->n_words;
        for (int64_t k = first[s]; k < first[s + 1]; k++)
            word(r, row[k]);
        qsort(r->words + begin, (size_t)(r->n_words - begin), sizeof *r->words,
              by_value);
        r->channel[s] = sign(r, kinds);
    }
}

static void first_kinds(struct refinement *r)
{
    const struct lh__placed *p = r->p;
    struct lh__interned classes, channels, links;
    lh__intern_begin(&classes, r->arena);
    lh__intern_begin(&channels, r->arena);
    lh__intern_begin(&links, r->arena);
    for (int32_t c = 0; c < p->n_classes; c++) {
        word(r, p->class_template[c]);
        word_of(r, p->class_speed[c]);
        word(r, p->class_sms ? p->class_sms[c] : 0);
        r->class[c] = sign(r, &classes);
    }
    channels_first(r, &channels);
    for (int32_t j = 0; j < p->n_engine_links; j++) {
        word_of(r, p->engine_capacity[j]);
        r->link[j] = sign(r, &links);
    }
    r->n_classes = classes.n;
    r->n_channels = channels.n;
    r->n_links = links.n;
}

static void crossings_build(struct refinement *r)
{
    const struct lh__placed *p = r->p;
    int64_t *first = LH_NEW(r->arena, int64_t, p->n_engine_links + 2);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        for (int32_t k = 0; k < p->channels[s].n_links; k++)
            first[p->channels[s].links[k] + 2]++;
    }
    for (int32_t j = 0; j < p->n_engine_links; j++)
        first[j + 2] += first[j + 1];
    r->cross_channel = LH_NEW(r->arena, int32_t, first[p->n_engine_links + 1]);
    r->cross_weight = LH_NEW(r->arena, int64_t, first[p->n_engine_links + 1]);
    for (int32_t s = 0; s < p->n_shapes; s++) {
        for (int32_t k = 0; k < p->channels[s].n_links; k++) {
            int64_t at = first[p->channels[s].links[k] + 1]++;
            r->cross_channel[at] = s;
            r->cross_weight[at] = p->channels[s].weights[k];
        }
    }
    r->cross_first = first;
}

static void refine(struct refinement *r)
{
    const struct lh__placed *p = r->p;
    r->class = LH_NEW(r->arena, int32_t, p->n_classes);
    r->channel = LH_NEW(r->arena, int32_t, p->n_shapes);
    r->link = LH_NEW(r->arena, int32_t, p->n_engine_links);
    r->shape_group = LH_NEW(r->arena, int32_t, p->n_shapes);
    r->record_class = LH_NEW(r->arena, int32_t, p->n_records);
    for (int32_t g = p->n_groups - 1; g >= 0; g--)
        r->shape_group[p->group_shape[g]] = g;
    for (int32_t c = 0; c < p->n_classes; c++) {
        for (int64_t i = p->class_first[c]; i < p->class_first[c + 1]; i++)
            r->record_class[i] = c;
    }
    crossings_build(r);
    first_kinds(r);
    for (int64_t before = -1, now = 0; now != before;) {
        before = now;
        channels_round(r);
        links_round(r);
        classes_round(r);
        now = (int64_t)r->n_classes + r->n_channels + r->n_links;
    }
}

/* No link is crossed by two channels of one kind. */
static bool links_are_apart(const struct refinement *r)
{
    int32_t *seen = LH_NEW(r->arena, int32_t, r->n_channels);
    for (int32_t j = 0; j < r->p->n_engine_links; j++) {
        for (int64_t k = r->cross_first[j]; k < r->cross_first[j + 1]; k++) {
            int32_t kind = r->channel[r->cross_channel[k]];
            if (seen[kind] == j + 1)
                return false;
            seen[kind] = j + 1;
        }
    }
    return true;
}

/* ---- what is run --------------------------------------------------------- */

/* The first of each of n kinds. */
static int32_t *firsts(const int32_t *kind, int32_t n_all, int32_t n,
                       struct lh_arena *arena)
{
    int32_t *first = LH_NEW(arena, int32_t, n);
    for (int32_t i = n_all - 1; i >= 0; i--)
        first[kind[i]] = i;
    return first;
}

static void classes_make(struct lh__placed *q, const struct refinement *r,
                         struct lh_arena *arena)
{
    const struct lh__placed *p = r->p;
    int32_t n = r->n_classes;
    int32_t *first = firsts(r->class, p->n_classes, n, arena);
    q->n_classes = n;
    q->class_size = LH_NEW(arena, int64_t, n);
    q->class_rank = LH_NEW(arena, lh_rank, n);
    q->class_template = LH_NEW(arena, int32_t, n);
    q->class_speed = LH_NEW(arena, double, n);
    q->class_schedule = LH_NEW(arena, const struct lh__schedule *, n);
    q->class_sms = p->class_sms ? LH_NEW(arena, int64_t, n) : NULL;
    q->class_first = LH_NEW(arena, int64_t, n + 1);
    for (int32_t c = 0; c < p->n_classes; c++)
        q->class_size[r->class[c]] += p->class_size[c];
    for (int32_t k = 0; k < n; k++) {
        int32_t c = first[k];
        q->class_rank[k] = p->class_rank[c];
        q->class_template[k] = p->class_template[c];
        q->class_speed[k] = p->class_speed[c];
        if (q->class_sms)
            q->class_sms[k] = p->class_sms[c];
        q->class_first[k + 1] =
            q->class_first[k] + p->class_first[c + 1] - p->class_first[c];
    }
    q->n_records = q->class_first[n];
}

static void channels_make(struct lh__placed *q, const struct refinement *r,
                          struct lh_arena *arena)
{
    const struct lh__placed *p = r->p;
    int32_t *first = firsts(r->channel, p->n_shapes, r->n_channels, arena);
    int32_t *seen = LH_NEW(arena, int32_t, r->n_links);
    q->n_shapes = r->n_channels;
    q->shapes = LH_NEW(arena, struct lh__shape, q->n_shapes);
    q->channels = LH_NEW(arena, struct lh_channel_spec, q->n_shapes);
    for (int32_t s = 0; s < q->n_shapes; s++) {
        const struct lh_channel_spec *from = &p->channels[first[s]];
        int32_t *links = LH_NEW(arena, int32_t, from->n_links);
        int64_t *weights = LH_NEW(arena, int64_t, from->n_links);
        int32_t n = 0;
        for (int32_t k = 0; k < from->n_links; k++) {
            int32_t j = r->link[from->links[k]];
            if (seen[j] == s + 1)
                continue;
            seen[j] = s + 1;
            links[n] = j;
            weights[n++] = from->weights[k];
        }
        q->shapes[s] = p->shapes[first[s]];
        q->channels[s] = *from;
        q->channels[s].n_links = n;
        q->channels[s].links = links;
        q->channels[s].weights = weights;
    }
}

static void links_make(struct lh__placed *q, const struct refinement *r,
                       struct lh_arena *arena)
{
    q->n_engine_links = r->n_links;
    q->engine_capacity = LH_NEW(arena, double, r->n_links);
    for (int32_t j = 0; j < r->p->n_engine_links; j++)
        q->engine_capacity[r->link[j]] = r->p->engine_capacity[j];
}

/* ---- groups -------------------------------------------------------------- */

/* The record of what is run that stands for one of the whole. */
static int64_t stands_for(const struct lh__placed *q,
                          const struct refinement *r, int64_t record)
{
    int32_t c = r->record_class[record];
    return q->class_first[r->class[c]] + record - r->p->class_first[c];
}

/* The records that stand for the members of a group, each once, in order. */
static int64_t members_of(int64_t *out, const struct lh__placed *q,
                          const struct refinement *r, int32_t g)
{
    const struct lh__placed *p = r->p;
    int64_t n = p->group_first[g + 1] - p->group_first[g], kept = 0;
    for (int64_t m = 0; m < n; m++)
        out[m] = stands_for(q, r, p->group_record[p->group_first[g] + m]);
    qsort(out, (size_t)n, sizeof *out, by_value);
    for (int64_t m = 0; m < n; m++) {
        if (m == 0 || out[m] != out[m - 1])
            out[kept++] = out[m];
    }
    return kept;
}

/* A group is its row and the kind of its channel. */
static int32_t *group_kinds(const struct refinement *r, int32_t *n)
{
    const struct lh__placed *p = r->p;
    int32_t *kind = LH_NEW(r->arena, int32_t, p->n_groups);
    struct lh__interned kinds;
    lh__intern_begin(&kinds, r->arena);
    for (int32_t g = 0; g < p->n_groups; g++) {
        int64_t words[] = {p->group_comm[g], r->channel[p->group_shape[g]]};
        kind[g] = lh__intern(&kinds, words, 2);
    }
    *n = kinds.n;
    return kind;
}

static void groups_make(struct lh__placed *q, const struct refinement *r,
                        const int32_t *first, struct lh_arena *arena)
{
    const struct lh__placed *p = r->p;
    int32_t n = q->n_groups;
    q->group_comm = LH_NEW(arena, int32_t, n);
    q->group_shape = LH_NEW(arena, int32_t, n);
    q->group_bytes = LH_NEW(arena, double, n);
    q->group_alone_s = p->group_alone_s ? LH_NEW(arena, double, n) : NULL;
    q->group_sms = p->group_sms ? LH_NEW(arena, int64_t, n) : NULL;
    q->group_count = LH_NEW(arena, int64_t, n);
    q->group_first = LH_NEW(arena, int64_t, n + 1);
    q->group_record = LH_NEW(arena, int64_t, p->group_first[p->n_groups]);
    for (int32_t k = 0; k < n; k++) {
        int32_t g = first[k];
        q->group_comm[k] = p->group_comm[g];
        q->group_shape[k] = r->channel[p->group_shape[g]];
        q->group_bytes[k] = p->group_bytes[g];
        if (q->group_alone_s)
            q->group_alone_s[k] = p->group_alone_s[g];
        if (q->group_sms)
            q->group_sms[k] = p->group_sms[g];
        q->group_first[k + 1] =
            q->group_first[k]
            + members_of(q->group_record + q->group_first[k], q, r, g);
    }
}

static bool same_double(const double *of, int32_t a, int32_t b)
{
    return of == NULL || lh__bits(of[a]) == lh__bits(of[b]);
}

/* Is group g of the whole what stands for it? */
static bool group_is(const struct lh__placed *q, const struct refinement *r,
                     int32_t g, int32_t k, int32_t first)
{
    const struct lh__placed *p = r->p;
    int64_t n = p->group_first[g + 1] - p->group_first[g];
    int64_t members[64];
    int64_t *all = n <= 64 ? members : LH_NEW(r->arena, int64_t, n);
    n = members_of(all, q, r, g);
    return n == q->group_first[k + 1] - q->group_first[k]
           && memcmp(all, q->group_record + q->group_first[k],
                     (size_t)n * sizeof *all)
                  == 0
           && same_double(p->group_bytes, g, first)
           && same_double(p->group_alone_s, g, first)
           && (p->group_sms == NULL || p->group_sms[g] == p->group_sms[first]);
}

/* The groups, and whether every one of the whole is what stands for it. */
static bool groups_fit(struct lh__placed *q, const struct refinement *r,
                       struct lh_arena *arena)
{
    const struct lh__placed *p = r->p;
    int32_t *kind = group_kinds(r, &q->n_groups);
    int32_t *first = firsts(kind, p->n_groups, q->n_groups, r->arena);
    groups_make(q, r, first, arena);
    for (int32_t g = 0; g < p->n_groups; g++) {
        q->group_count[kind[g]] += p->group_count[g];
        if (!group_is(q, r, g, kind[g], first[kind[g]]))
            return false;
    }
    q->record_group = LH_NEW(arena, int32_t, q->n_records);
    for (int64_t i = 0; i < q->n_records; i++)
        q->record_group[i] = INT32_MIN;
    for (int64_t i = 0; i < p->n_records; i++) {
        int32_t g = p->record_group[i] < 0 ? -1 : kind[p->record_group[i]];
        int32_t *known = &q->record_group[stands_for(q, r, i)];
        if (*known != INT32_MIN && *known != g)
            return false;
        *known = g;
    }
    return true;
}

/* ---- in and out ---------------------------------------------------------- */

void lh__twins_make(struct lh__twins *out, const struct lh__placed *whole,
                    struct lh_ctx *ctx)
{
    *out = (struct lh__twins){.placed = *whole};
    if (whole->incidence.faults->dated || whole->n_classes < 2)
        return;
    struct lh__placed q = *whole;
    struct refinement r = {.p = whole, .arena = lh_arena_new()};
    refine(&r);
    bool found = r.n_classes < whole->n_classes && links_are_apart(&r);
    if (found) {
        classes_make(&q, &r, ctx->arena);
        channels_make(&q, &r, ctx->arena);
        links_make(&q, &r, ctx->arena);
        found = groups_fit(&q, &r, ctx->arena);
    }
    if (found) {
        size_t n = (size_t)whole->n_classes;
        int32_t *first =
            firsts(r.class, whole->n_classes, r.n_classes, ctx->arena);
        out->placed = q;
        out->class_twin = LH_NEW(ctx->arena, int32_t, n);
        out->class_first_twin = LH_NEW(ctx->arena, int32_t, n);
        memcpy(out->class_twin, r.class, n * sizeof *r.class);
        for (size_t c = 0; c < n; c++)
            out->class_first_twin[c] = first[r.class[c]];
    }
    lh_arena_free(r.arena);
}

/* ---- what the twins did -------------------------------------------------- */

struct telling {
    struct lh_trace *trace;
    int32_t *shared;      /* [n_records] whose times it has */
    int64_t *group_first; /* [n_groups + 1] into group_record, in order */
    int32_t *group_record;
};

static void members_list(struct telling *t, struct lh_arena *arena)
{
    const struct lh_trace *trace = t->trace;
    int64_t *first = LH_NEW(arena, int64_t, (size_t)trace->n_groups + 2);
    for (int64_t r = 0; r < trace->n_records; r++) {
        if (trace->group[r] >= 0)
            first[trace->group[r] + 2]++;
    }
    for (int32_t g = 0; g < trace->n_groups; g++)
        first[g + 2] += first[g + 1];
    t->group_record = LH_NEW(arena, int32_t, first[trace->n_groups + 1]);
    for (int64_t r = 0; r < trace->n_records; r++) {
        if (trace->group[r] >= 0)
            t->group_record[first[trace->group[r] + 1]++] = (int32_t)r;
    }
    t->group_first = first;
}

/* The member of a group that the late one of what was run stands for, the
 * lowest of its twins. */
static int64_t late_of(const struct telling *t, int32_t g, int64_t late)
{
    int64_t m = t->group_first[g], end = t->group_first[g + 1];
    while (m + 1 < end && t->shared[t->group_record[m]] != late)
        m++;
    return t->group_record[m];
}

static void class_tell(const struct telling *t, int32_t step, int32_t c)
{
    struct lh_trace *trace = t->trace;
    int64_t first = trace->class_first[c];
    int64_t n = trace->class_first[c + 1] - first;
    int64_t to = step * trace->n_records + first;
    int64_t *late = trace->late + to;
    lh__times_spread(trace->posted_s + to, trace->start_s + to,
                     trace->end_s + to, late,
                     trace->times[step] + trace->class_shared[c], n);
    for (int64_t i = 0; i < n && trace->class_twin; i++) {
        if (late[i] >= 0)
            late[i] = late_of(t, trace->group[first + i], late[i]);
    }
}

void lh_trace_tell(struct lh_trace *trace, struct lh_ctx *ctx)
{
    if (trace->times == NULL)
        return;
    struct lh_arena *scratch = lh_arena_new();
    struct telling t = {.trace = trace};
    int32_t n_steps = lh_trace_steps(trace);
    size_t n = (size_t)n_steps * (size_t)trace->n_records;
    t.shared = LH_NEW(scratch, int32_t, trace->n_records);
    for (int32_t c = 0; c < trace->n_classes; c++) {
        int64_t first = trace->class_first[c];
        for (int64_t r = first; r < trace->class_first[c + 1]; r++)
            t.shared[r] = (int32_t)(trace->class_shared[c] + r - first);
    }
    members_list(&t, scratch);
    trace->posted_s = LH_NEW(ctx->arena, double, n);
    trace->start_s = LH_NEW(ctx->arena, double, n);
    trace->end_s = LH_NEW(ctx->arena, double, n);
    trace->late = LH_NEW(ctx->arena, int64_t, n);
    for (int32_t i = 0; i < n_steps; i++) {
        for (int32_t c = 0; c < trace->n_classes; c++)
            class_tell(&t, i, c);
    }
    trace->times = NULL;
    lh_arena_free(scratch);
}
