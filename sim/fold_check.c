/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The conditions under which a fold is exact (docs/folding.md), verified by
 * exact integer counts over the whole incidence:
 *
 *   (a) every link of class j carries the same total weight W_ij of class-i
 *       communicators, and has the same capacity, latency and kind
 *   (b) if one communicator of class i crosses a link of class j, all do
 *   (c) communicators of a class have the same geometry, algorithm, latency
 *       and cap, and as many members of each rank class in each role
 *   (d) ranks of a class have the same template, and for each geometry and
 *       role a communicator of the same class
 *
 * (a) counts weights link by link, and that the links of class j that class i
 * touches are all of them; (b) follows from (a) and from every communicator of
 * a class touching as many links of j, weight by weight.
 */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

static enum lh_status broken(struct lh_ctx *ctx, const char *what, int64_t a,
                             int64_t b)
{
    lh_error(ctx, LH_NOWHERE,
             "internal: the fold is not exact: %s (%lld, %lld); --set "
             "engine.fold=off simulates every rank",
             what, (long long)a, (long long)b);
    return LH_FAILED;
}

/* Communicators sorted by class (CSR). */
struct by_class {
    int64_t *first; /* [n_comms + 1] */
    int64_t *comm;
};

static struct by_class comms_by_class(const struct lh__fold *f,
                                      struct lh_arena *arena)
{
    struct by_class b = {.first =
                             LH_NEW(arena, int64_t, (size_t)f->n_comms + 2),
                         .comm = LH_NEW(arena, int64_t, f->in->n_comms)};
    for (int64_t x = 0; x < f->in->n_comms; x++)
        b.first[f->comm_class[x] + 2]++;
    for (int32_t i = 0; i < f->n_comms; i++)
        b.first[i + 2] += b.first[i + 1];
    for (int64_t x = 0; x < f->in->n_comms; x++)
        b.comm[b.first[f->comm_class[x] + 1]++] = x;
    return b;
}

/* ---- (a) and (b) --------------------------------------------------------- */

struct weights {
    int64_t *link;    /* [links] what class i takes of it, so far */
    lh_link *touched; /* [links] */
    int64_t *wanted;  /* [link classes] W_ij */
    int64_t *found;   /* [link classes] links touched */
    int64_t *own;     /* [link classes] of one communicator */
};

static enum lh_status class_weights_check(const struct lh__fold *f, int32_t i,
                                          const struct by_class *by,
                                          struct weights *w, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    int64_t n = 0;
    for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++)
        w->wanted[f->weight_link[k]] = f->weight[k];
    for (int64_t k = by->first[i]; k < by->first[i + 1]; k++) {
        int64_t x = by->comm[k];
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++) {
            lh_link l = in->use_link[u];
            if (w->link[l] == 0)
                w->touched[n++] = l;
            w->link[l] += lh__use_weight(in, u);
        }
    }
    enum lh_status st = LH_OK;
    for (int64_t k = 0; k < n; k++) {
        int32_t j = f->link_class[w->touched[k]];
        if (w->link[w->touched[k]] != w->wanted[j] && st == LH_OK)
            st = broken(ctx, "weights on links of a class differ", i, j);
        w->found[j]++;
        w->link[w->touched[k]] = 0;
    }
    for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++) {
        int32_t j = f->weight_link[k];
        if (w->found[j] != f->link_size[j] && st == LH_OK)
            st =
                broken(ctx, "a class crosses some links of a class only", i, j);
        w->found[j] = w->wanted[j] = 0;
    }
    return st;
}

/* Each communicator of class i takes as much of the links of class j. */
static enum lh_status class_uses_check(const struct lh__fold *f, int32_t i,
                                       const struct by_class *by,
                                       struct weights *w, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    enum lh_status st = LH_OK;
    for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++) {
        int32_t j = f->weight_link[k];
        int64_t all = f->weight[k] * f->link_size[j];
        if (all % f->comm_size[i] != 0)
            return broken(ctx, "weights do not divide", i, j);
        w->wanted[j] = all / f->comm_size[i];
    }
    for (int64_t k = by->first[i]; k < by->first[i + 1]; k++) {
        int64_t x = by->comm[k];
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
            w->own[f->link_class[in->use_link[u]]] += lh__use_weight(in, u);
        for (int64_t c = f->weight_first[i]; c < f->weight_first[i + 1]; c++) {
            int32_t j = f->weight_link[c];
            if (w->own[j] != w->wanted[j] && st == LH_OK)
                st = broken(ctx, "communicators of a class differ on a link", i,
                            j);
            w->own[j] = 0;
        }
    }
    for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++)
        w->wanted[f->weight_link[k]] = 0;
    return st;
}

static enum lh_status weights_check(const struct lh__fold *f,
                                    const struct by_class *by,
                                    struct lh_arena *arena, struct lh_ctx *ctx)
{
    struct weights w = {.link = LH_NEW(arena, int64_t, f->in->n_links),
                        .touched = LH_NEW(arena, lh_link, f->in->n_links),
                        .wanted = LH_NEW(arena, int64_t, f->n_links),
                        .found = LH_NEW(arena, int64_t, f->n_links),
                        .own = LH_NEW(arena, int64_t, f->n_links)};
    enum lh_status st = LH_OK;
    for (int32_t i = 0; i < f->n_comms && st == LH_OK; i++) {
        st = class_weights_check(f, i, by, &w, ctx);
        if (st == LH_OK)
            st = class_uses_check(f, i, by, &w, ctx);
    }
    return st;
}

static enum lh_status links_check(const struct lh__fold *f, struct lh_ctx *ctx)
{
    const struct lh_topology *t = f->in->topology;
    for (int l = 0; l < f->in->n_links; l++) {
        int32_t j = f->link_class[l];
        if (j < 0)
            continue;
        struct lh_link_info a = lh_topology_link_facts(t, l);
        struct lh_link_info b = lh_topology_link_facts(t, f->link_first[j]);
        if (a.kind != b.kind || a.latency_s != b.latency_s
            || a.capacity_bytes_per_s != b.capacity_bytes_per_s
            || a.site_from != b.site_from || a.site_to != b.site_to)
            return broken(ctx, "links of a class differ", l, j);
    }
    return LH_OK;
}

/* ---- (c) and (d) --------------------------------------------------------- */

/* How many members of each rank class the representative of a class of
 * communicators has (a receiver counts twice): CSR, ascending rank classes. */
struct members {
    int64_t *first; /* [n_comms + 1] */
    int32_t *class;
    int64_t *count;
    int64_t *own;  /* [rank classes] of one communicator */
    int32_t *seen; /* [rank classes] */
    int32_t *comm; /* [ranks] class of its communicator */
};

static int64_t role_count(const struct lh__skeleton *s, int64_t member)
{
    return s->axes ? 1 : member + 1;
}

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Counts the members of a communicator in m->own; their classes, n of them,
 * ascending in m->seen. */
static int32_t members_count(const struct lh__fold *f, const struct lh__walk *w,
                             struct members *m)
{
    int32_t n = 0;
    for (int64_t k = 0; k < w->s->n_members; k++) {
        int32_t c = f->rank_class[lh__walk_member(w, k)];
        if (m->own[c] == 0)
            m->seen[n++] = c;
        m->own[c] += role_count(w->s, k);
    }
    if (n > 1)
        qsort(m->seen, (size_t)n, sizeof *m->seen, by_value);
    return n;
}

static enum lh_status comm_check(const struct lh__fold *f,
                                 const struct lh__walk *w, int64_t x,
                                 struct members *m, struct lh_ctx *ctx)
{
    int32_t i = f->comm_class[x];
    int32_t n = members_count(f, w, m);
    bool agree = m->first[i + 1] - m->first[i] == n;
    for (int32_t k = 0; k < n; k++) {
        int64_t at = m->first[i] + k;
        agree = agree && m->class[at] == m->seen[k]
                && m->count[at] == m->own[m->seen[k]];
        m->own[m->seen[k]] = 0;
    }
    return agree
               ? LH_OK
               : broken(ctx, "members of a class differ", x, f->comm_first[i]);
}

/* The representatives' members.  Classes of communicators are numbered in the
 * order of their representatives. */
static void members_make(const struct lh__fold *f, struct members *m,
                         struct lh_arena *arena)
{
    const struct lh__incidence *in = f->in;
    size_t class_capacity = 0, count_capacity = 0;
    int64_t n = 0;
    int32_t next = 0;
    m->first = LH_NEW(arena, int64_t, f->n_comms + 1);
    for (int32_t g = 0; g < in->n_geometries; g++) {
        const struct lh__geometry *geometry = &in->geometries[g];
        const struct lh__skeleton *s = &in->skeletons[geometry->skeleton];
        struct lh__walk w = lh__walk_begin(s, &in->ranks);
        for (int64_t c = 0; c < s->n_comms; c++, lh__walk_next(&w)) {
            int64_t x = geometry->first_comm + c;
            if (f->comm_class[x] != next || f->comm_first[next] != x)
                continue;
            int32_t own = members_count(f, &w, m);
            size_t need = (size_t)(n + own);
            m->class = lh_grow(arena, m->class, &class_capacity, need,
                               sizeof *m->class);
            m->count = lh_grow(arena, m->count, &count_capacity, need,
                               sizeof *m->count);
            for (int32_t k = 0; k < own; k++) {
                m->class[n] = m->seen[k];
                m->count[n++] = m->own[m->seen[k]];
                m->own[m->seen[k]] = 0;
            }
            m->first[++next] = n;
            if (next == f->n_comms)
                return;
        }
    }
}

/* Communicators of a class are of one geometry, algorithm and latency, and
 * have as many members of each rank class. */
static enum lh_status geometry_check(const struct lh__fold *f, int32_t g,
                                     struct members *m, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    const struct lh__geometry *geometry = &in->geometries[g];
    const struct lh__skeleton *s = &in->skeletons[geometry->skeleton];
    struct lh__walk w = lh__walk_begin(s, &in->ranks);
    for (int64_t c = 0; c < s->n_comms; c++, lh__walk_next(&w)) {
        int64_t x = geometry->first_comm + c;
        int64_t first = f->comm_first[f->comm_class[x]];
        int64_t local = first - geometry->first_comm;
        if (local < 0 || local >= s->n_comms
            || geometry->algorithm[s->pattern[c]]
                   != geometry->algorithm[s->pattern[local]]
            || in->latency_s[x] != in->latency_s[first]
            || in->cap_bytes_per_s[x] != in->cap_bytes_per_s[first])
            return broken(ctx, "communicators of a class differ", x, first);
        enum lh_status st = comm_check(f, &w, x, m, ctx);
        if (st != LH_OK)
            return st;
    }
    return LH_OK;
}

/* The class of a rank's communicator in a geometry and role is that of its
 * representative's. */
static enum lh_status ranks_check(const struct lh__fold *f, int32_t g, int role,
                                  struct members *m, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    const struct lh__geometry *geometry = &in->geometries[g];
    const struct lh__skeleton *s = &in->skeletons[geometry->skeleton];
    memset(m->comm, 0xff, (size_t)in->ranks.n * sizeof *m->comm);
    struct lh__walk w = lh__walk_begin(s, &in->ranks);
    for (int64_t i = 0; i < s->n_comms; i++, lh__walk_next(&w)) {
        int32_t class = f->comm_class[geometry->first_comm + i];
        if (s->axes == 0) {
            m->comm[lh__walk_member(&w, role)] = class;
            continue;
        }
        for (int64_t k = 0; k < s->n_members; k++)
            m->comm[lh__walk_member(&w, k)] = class;
    }
    for (lh_rank r = 0; r < in->ranks.n; r++) {
        lh_rank first = f->rank_first[f->rank_class[r]];
        if (m->comm[r] != m->comm[first])
            return broken(ctx, "ranks of a class meet different classes", r,
                          first);
    }
    return LH_OK;
}

static enum lh_status templates_check(const struct lh__fold *f,
                                      struct lh_ctx *ctx)
{
    const struct lh__ranks *ranks = &f->in->ranks;
    for (lh_rank r = 0; r < ranks->n; r++) {
        lh_rank first = f->rank_first[f->rank_class[r]];
        if (lh__rank_template(ranks, r) != lh__rank_template(ranks, first))
            return broken(ctx, "ranks of a class differ", r, first);
    }
    return LH_OK;
}

enum lh_status lh__fold_check(const struct lh__fold *fold, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = fold->in;
    struct lh_arena *arena = lh_arena_new();
    struct members m = {.own = LH_NEW(arena, int64_t, fold->n_ranks),
                        .seen = LH_NEW(arena, int32_t, fold->n_ranks),
                        .comm = LH_NEW(arena, int32_t, in->ranks.n)};
    struct by_class by = comms_by_class(fold, arena);
    enum lh_status st = templates_check(fold, ctx);
    if (st == LH_OK)
        st = links_check(fold, ctx);
    if (st == LH_OK)
        st = weights_check(fold, &by, arena, ctx);
    if (st == LH_OK)
        members_make(fold, &m, arena);
    for (int32_t g = 0; g < in->n_geometries && st == LH_OK; g++) {
        st = geometry_check(fold, g, &m, ctx);
        int roles = in->skeletons[in->geometries[g].skeleton].axes ? 1 : 2;
        for (int role = 0; role < roles && st == LH_OK; role++)
            st = ranks_check(fold, g, role, &m, ctx);
    }
    lh_arena_free(arena);
    return st;
}
