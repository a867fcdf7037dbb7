/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which site waits for which (docs/model.md, "The breakdown"): of the walks of
 * breakdown.c, by site, the mean over a site's ranks of
 *
 *   busy   compute + recompute + optimizer
 *   wan    exposed communication between sites
 *   wait   the parts of wait and pipeline_bubble in which the member that came
 *          last stands on another site; waits_for is the one longest so
 *
 * Where several came last at once, and one of them stands on this site, nobody
 * waits for another.
 *
 * Leaves out: what a step from rest waits at its end, and who made the late
 * one late.
 */
#include <string.h>

#include "breakdown.h"

struct lh__site_waits {
    const struct lh_trace *trace;
    int n;
    double *now_s;   /* [n] of the class in hand, for ranks of each site */
    bool *has;       /* [n_classes] it waited for another site in this step */
    double *waits_s; /* [n][n] of all of a site's ranks, for another's */
    struct lh_site_time *sites; /* sums over ranks */
    int64_t *group_first;       /* [n_groups + 1] into: */
    int32_t *group_record;      /* members, in order */
};

static void members_list(struct lh__site_waits *w, struct lh_arena *arena)
{
    const struct lh_trace *t = w->trace;
    int64_t *first = LH_NEW(arena, int64_t, (size_t)t->n_groups + 2);
    for (int64_t r = 0; r < t->n_records; r++) {
        if (t->group[r] >= 0)
            first[t->group[r] + 2]++;
    }
    for (int32_t g = 0; g < t->n_groups; g++)
        first[g + 2] += first[g + 1];
    w->group_record = LH_NEW(arena, int32_t, first[t->n_groups + 1]);
    for (int64_t r = 0; r < t->n_records; r++) {
        if (t->group[r] >= 0)
            w->group_record[first[t->group[r] + 1]++] = (int32_t)r;
    }
    w->group_first = first;
}

struct lh__site_waits *lh__site_waits_new(const struct lh_trace *trace,
                                          struct lh_ctx *ctx)
{
    struct lh_arena *arena = ctx->arena;
    struct lh__site_waits *w = LH_NEW(arena, struct lh__site_waits, 1);
    size_t n = trace->class_site ? (size_t)trace->n_sites : 1;
    *w =
        (struct lh__site_waits){.trace = trace,
                                .n = (int)n,
                                .now_s = LH_NEW(arena, double, n),
                                .has = LH_NEW(arena, bool, trace->n_classes),
                                .waits_s = LH_NEW(arena, double, n *n),
                                .sites = LH_NEW(arena, struct lh_site_time, n)};
    for (int32_t c = 0; c < trace->n_classes; c++)
        w->sites[trace->class_site ? trace->class_site[c] : 0].ranks +=
            trace->class_size[c];
    if (n > 1 || trace->class_twin)
        members_list(w, arena);
    return w;
}

static int site_of(const struct lh__site_waits *w, int32_t c)
{
    return w->trace->class_site ? w->trace->class_site[c] : 0;
}

bool lh__site_waits_same(const struct lh__site_waits *w, int32_t a, int32_t b)
{
    return site_of(w, a) == site_of(w, b);
}

const int32_t *lh__site_waits_members(const struct lh__site_waits *w,
                                      int64_t record, int64_t *first,
                                      int64_t *end)
{
    int32_t g = w->trace->group[record];
    *first = w->group_first ? w->group_first[g] : 0;
    *end = w->group_first ? w->group_first[g + 1] : 0;
    return w->group_record;
}

void lh__site_waits_begin(struct lh__site_waits *w)
{
    memset(w->now_s, 0, (size_t)w->n * sizeof *w->now_s);
}

void lh__site_waits_note(struct lh__site_waits *w, int32_t late_class,
                         double seconds)
{
    w->now_s[site_of(w, late_class)] += seconds;
}

bool lh__site_waits_has(const struct lh__site_waits *w, int32_t c)
{
    return w->has[c];
}

void lh__site_waits_add(struct lh__site_waits *w, int32_t c,
                        const double *own_s, double weight)
{
    int here = site_of(w, c);
    struct lh_site_time *site = &w->sites[here];
    double times = weight * (double)w->trace->class_size[c];
    site->busy_s +=
        times * (own_s[LH_COMPUTE] + own_s[LH_RECOMPUTE] + own_s[LH_OPTIMIZER]);
    site->wan_s += times * own_s[LH_WAN_COMM];
    w->has[c] = false;
    for (int k = 0; k < w->n; k++) {
        if (k == here || w->now_s[k] == 0)
            continue;
        w->has[c] = true;
        w->waits_s[here * w->n + k] += times * w->now_s[k];
    }
}

void lh__site_waits_finish(struct lh_result *out, struct lh__site_waits *w)
{
    for (int i = 0; i < w->n; i++) {
        struct lh_site_time *site = &w->sites[i];
        const double *waits_s = &w->waits_s[i * w->n];
        double ranks = site->ranks > 0 ? (double)site->ranks : 1.0, sum_s = 0;
        site->waits_for = -1;
        for (int k = 0; k < w->n; k++) {
            sum_s += waits_s[k];
            if (waits_s[k] > 0
                && (site->waits_for < 0
                    || waits_s[k] > waits_s[site->waits_for]))
                site->waits_for = k;
        }
        site->busy_s /= ranks;
        site->wan_s /= ranks;
        site->wait_s = sum_s / ranks;
    }
    out->n_sites = w->n;
    out->sites = w->sites;
}
