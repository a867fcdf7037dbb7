/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The conditions under which a fold is exact (docs/folding.md), verified by
 * exact integer counts over the whole incidence:
 *
 *   (a) every link of class j carries the same total weight W_ij of class-i
 *       communicators, and has the same capacity, schedule, latency and kind
 *   (b) if one communicator of class i crosses a link of class j, all do
 *   (c) communicators of a class have the same geometry and pattern, and so
 *       the same algorithm and kernel (sim/steal.c), the same latency and cap,
 *       and as many members of each rank class in each role
 *   (d) ranks of a class have the same template, site and schedule, and for
 *       each geometry and role a communicator of the same class
 *
 * (a) counts weights link by link, and that the links of class j that class i
 * touches are all of them; (b) follows from (a) and from every communicator of
 * a class taking as much of class j.  What is listed for many counts as often.
 */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

static enum lh_status broken(struct lh_ctx *ctx, const char *what, int64_t a,
                             int64_t b)
{
    return lh__inexact(ctx, "fold is not", what, a, b);
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
    int32_t *touched; /* [links] */
    int64_t *wanted;  /* [link classes] W_ij */
    int64_t *found;   /* [link classes] links touched */
    int64_t *own;     /* [link classes] of one communicator */
};

/* What the class takes of one listed link; false: it is no whole number. */
static bool take(struct weights *w, const struct lh__incidence *in, int64_t x,
                 int64_t u, int64_t *n_touched)
{
    int32_t l = in->use_link[u];
    int64_t all = in->comm[x].count * lh__use_times(in, u);
    int64_t links = in->link_count[l];
    if (w->link[l] == 0)
        w->touched[(*n_touched)++] = l;
    w->link[l] += lh__use_weight(in, u) * (links == 1 ? all : all / links);
    return links == 1 || all % links == 0;
}

static enum lh_status class_weights_check(const struct lh__fold *f, int32_t i,
                                          const struct by_class *by,
                                          struct weights *w, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    enum lh_status st = LH_OK;
    int64_t n = 0;
    for (int64_t k = f->weight_first[i]; k < f->weight_first[i + 1]; k++)
        w->wanted[f->weight_link[k]] = f->weight[k];
    for (int64_t k = by->first[i]; k < by->first[i + 1]; k++) {
        int64_t x = by->comm[k];
        for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++) {
            if (!take(w, in, x, u, &n) && st == LH_OK)
                st = broken(ctx, "links of a type are not used alike", i,
                            in->use_link[u]);
        }
    }
    for (int64_t k = 0; k < n; k++) {
        int32_t l = w->touched[k], j = f->link_class[l];
        if (w->link[l] != w->wanted[j] && st == LH_OK)
            st = broken(ctx, "weights on links of a class differ", i, j);
        w->found[j] += in->link_count[l];
        w->link[l] = 0;
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
            w->own[f->link_class[in->use_link[u]]] +=
                lh__use_weight(in, u) * lh__use_times(in, u);
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
                        .touched = LH_NEW(arena, int32_t, f->in->n_links),
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
    const struct lh__incidence *in = f->in;
    for (int32_t l = 0; l < in->n_links; l++) {
        lh_link first = lh__fold_link(f, f->link_class[l]);
        struct lh_link_info a =
            lh_topology_link_facts(in->topology, in->link[l]);
        struct lh_link_info b = lh_topology_link_facts(in->topology, first);
        if (a.kind != b.kind || a.latency_s != b.latency_s
            || a.capacity_bytes_per_s != b.capacity_bytes_per_s
            || a.site_from != b.site_from || a.site_to != b.site_to
            || lh__faults_link(in->faults, in->link[l])
                   != lh__faults_link(in->faults, first))
            return broken(ctx, "links of a class differ", l, f->link_class[l]);
    }
    return LH_OK;
}

/* ---- (c) ----------------------------------------------------------------- */

/* How many members of each rank class a communicator has (a receiver counts
 * twice). */
struct members {
    int64_t *rep, *own; /* [rank classes] of the representative, of one */
    int32_t *seen;      /* [rank classes] of the representative */
};

static int64_t role_count(const struct lh__incidence *in, int64_t x,
                          int64_t member)
{
    bool receiver =
        member > in->member_first[x] && lh__comm_skeleton(in, x)->axes == 0;
    return lh__member_times(in, member) * (receiver ? 2 : 1);
}

/* Adds the members of x; the classes that were not there go to seen. */
static int32_t members_add(const struct lh__fold *f, int64_t x, int64_t *count,
                           int32_t *seen)
{
    const struct lh__incidence *in = f->in;
    int32_t n = 0;
    for (int64_t m = in->member_first[x]; m < in->member_first[x + 1]; m++) {
        int32_t c = f->rank_class[in->member_rank[m]];
        if (count[c] == 0 && seen != NULL)
            seen[n++] = c;
        count[c] += role_count(in, x, m);
    }
    return n;
}

/* x has the members that the representative's counts say, which are n. */
static bool same_members(const struct lh__fold *f, int64_t x, struct members *m,
                         int32_t n)
{
    const struct lh__incidence *in = f->in;
    int64_t all = 0, wanted = 0;
    bool agree = true;
    (void)members_add(f, x, m->own, NULL);
    for (int32_t k = 0; k < n; k++) {
        agree = agree && m->own[m->seen[k]] == m->rep[m->seen[k]];
        wanted += m->rep[m->seen[k]];
    }
    for (int64_t i = in->member_first[x]; i < in->member_first[x + 1]; i++) {
        all += role_count(in, x, i);
        m->own[f->rank_class[in->member_rank[i]]] = 0;
    }
    return agree && all == wanted;
}

static bool same_comm(const struct lh__incidence *in, int64_t a, int64_t b)
{
    const struct lh__listed_comm *x = &in->comm[a], *y = &in->comm[b];
    return x->geometry == y->geometry && x->pattern == y->pattern
           && x->latency_s == y->latency_s
           && x->cap_bytes_per_s == y->cap_bytes_per_s;
}

static enum lh_status members_check(const struct lh__fold *f, int32_t i,
                                    const struct by_class *by,
                                    struct members *m, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    int64_t rep = f->comm_first[i];
    int32_t n = members_add(f, rep, m->rep, m->seen);
    for (int64_t k = by->first[i]; k < by->first[i + 1] && st == LH_OK; k++) {
        if (!same_comm(f->in, by->comm[k], rep))
            st = broken(ctx, "communicators of a class differ", by->comm[k],
                        rep);
        else if (!same_members(f, by->comm[k], m, n))
            st = broken(ctx, "members of a class differ", by->comm[k], rep);
    }
    for (int32_t k = 0; k < n; k++)
        m->rep[m->seen[k]] = 0;
    return st;
}

/* ---- (d) ----------------------------------------------------------------- */

/* The class of a rank's communicator in a geometry and role is that of its
 * representative's. */
static enum lh_status ranks_check(const struct lh__fold *f, struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    for (int64_t row = 0; row < 2 * (int64_t)in->n_geometries; row++) {
        const int32_t *comm = in->rank_comm + row * in->n_ranks;
        for (int32_t r = 0; r < in->n_ranks; r++) {
            int32_t first = f->rank_first[f->rank_class[r]];
            int32_t a = comm[r] < 0 ? -1 : f->comm_class[comm[r]];
            int32_t b = comm[first] < 0 ? -1 : f->comm_class[comm[first]];
            if (a != b)
                return broken(ctx, "ranks of a class meet different classes", r,
                              first);
        }
    }
    return LH_OK;
}

static enum lh_status templates_check(const struct lh__fold *f,
                                      struct lh_ctx *ctx)
{
    const struct lh__incidence *in = f->in;
    for (int32_t r = 0; r < in->n_ranks; r++) {
        lh_rank rank = in->rank[r];
        lh_rank first = lh__fold_rank(f, f->rank_class[r]);
        if (lh__rank_template(&in->ranks, rank)
                != lh__rank_template(&in->ranks, first)
            || lh__rank_site(&in->ranks, rank)
                   != lh__rank_site(&in->ranks, first)
            || lh__faults_rank(in->faults, rank)
                   != lh__faults_rank(in->faults, first))
            return broken(ctx, "ranks of a class differ", rank, first);
    }
    return LH_OK;
}

enum lh_status lh__fold_check(const struct lh__fold *fold, struct lh_ctx *ctx)
{
    struct lh_arena *arena = lh_arena_new();
    struct members m = {.rep = LH_NEW(arena, int64_t, fold->n_ranks),
                        .own = LH_NEW(arena, int64_t, fold->n_ranks),
                        .seen = LH_NEW(arena, int32_t, fold->n_ranks)};
    struct by_class by = comms_by_class(fold, arena);
    enum lh_status st = templates_check(fold, ctx);
    if (st == LH_OK)
        st = links_check(fold, ctx);
    if (st == LH_OK)
        st = weights_check(fold, &by, arena, ctx);
    for (int32_t i = 0; i < fold->n_comms && st == LH_OK; i++)
        st = members_check(fold, i, &by, &m, ctx);
    if (st == LH_OK)
        st = ranks_check(fold, ctx);
    lh_arena_free(arena);
    return st;
}
