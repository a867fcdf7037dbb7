/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which routes hold when: faults[] that cut fibres and say `reroute`.
 *
 *   no date          the fibres are not there: all routes are found without
 *   at .. at + for   from at + switch_time until at + for, routes are those
 *                    found without the fibres; before and after the usual ones
 *
 * Between two dates one set of fibres is known to be dead; a set of routes is
 * found for every such set (route.c), where a pair of sites that nothing joins
 * any more keeps its usual route and waits.  A fibre is one link a set: set 0
 * is what all else sees, and the links of the other sets stand behind all
 * links of the topology.  A path lists its fibres in all sets; sim/faults.c
 * lets only those of the set that holds limit.  So a change of routes is a
 * change of capacities, and what is in flight goes on over the new route.
 *
 * Ducts: fibres of one bundle may lie in several; a bundle is cut where all of
 * it lies in the duct, else it loses the part that does.
 *
 * Place: topology.c, after the fibres and before the routes.
 * Leaves out: times to detect and switch that differ from pair to pair,
 * routes that are chosen by load.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "topology.h"

enum { FAULTS_MAX = 64 };

struct cut {
    bool *dead; /* [2 * n_fibres] */
    double from_s, to_s;
};

struct cuts {
    const struct lh_topology *t;
    struct lh_ctx *ctx;
    int n;
    struct cut cut[FAULTS_MAX];
};

/* ---- ducts --------------------------------------------------------------- */

double lh_topology_duct_left(const struct lh_topology *t, lh_link link,
                             const char *duct, double each_bytes_per_s)
{
    lh_link k = lh__fibre_way(t, link);
    double left = 0;
    bool found = false;

    for (const struct lh__strand *s = t->wan.fibres[k / 2].strands; s;
         s = s->next) {
        bool hit = s->duct && strcmp(s->duct, duct) == 0;
        left += hit ? fmin(each_bytes_per_s, s->bytes_per_s[k % 2])
                    : s->bytes_per_s[k % 2];
        found = found || hit;
    }
    return found ? left : -1;
}

/* ---- what a fault cuts --------------------------------------------------- */

static bool joins(const struct lh__fibre *f, int a, int b)
{
    return (f->a == a && f->b == b) || (f->a == b && f->b == a);
}

static bool is_cut(const struct lh_topology *t, const struct lh_fault *fault,
                   lh_link link)
{
    if (fault->duct)
        return lh_topology_duct_left(t, link, fault->duct, 0) == 0;
    if (fault->link)
        return link == lh_topology_link_find(t, fault->link);
    return joins(&t->wan.fibres[lh__fibre_way(t, link) / 2], fault->site_a,
                 fault->site_b);
}

static enum lh_status cut_add(struct cuts *cuts, const struct lh_fault *fault)
{
    const struct lh_topology *t = cuts->t;
    int n_ways = 2 * t->wan.n_fibres, n = 0;
    bool always = fault->at_s == 0 && isinf(fault->for_s);
    struct cut *cut = &cuts->cut[cuts->n];

    if (cuts->n == FAULTS_MAX) {
        lh_error(cuts->ctx, fault->where,
                 "more than %d faults have 'reroute', which this version does "
                 "not support",
                 (int)FAULTS_MAX);
        return LH_BAD_INPUT;
    }
    *cut =
        (struct cut){.dead = LH_NEW(cuts->ctx->arena, bool, n_ways),
                     .from_s = always ? 0 : fault->at_s + fault->switch_time_s,
                     .to_s = fault->at_s + fault->for_s};
    for (int k = 0; k < n_ways; k++) {
        cut->dead[k] = is_cut(t, fault, t->first_wan + k);
        n += cut->dead[k];
    }
    if (n > 0 && cut->from_s < cut->to_s)
        cuts->n++;
    return LH_OK;
}

/* ---- sets and dates ------------------------------------------------------ */

static int by_date(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* What is known to be dead at a date. */
static void dead_at(bool *out, const struct cuts *cuts, double date_s)
{
    size_t n_ways = 2 * (size_t)cuts->t->wan.n_fibres;

    memset(out, 0, n_ways * sizeof *out);
    for (int i = 0; i < cuts->n; i++) {
        const struct cut *c = &cuts->cut[i];
        for (size_t k = 0;
             c->from_s <= date_s && date_s < c->to_s && k < n_ways; k++)
            out[k] |= c->dead[k];
    }
}

static int set_id(struct lh__outages *out, const bool *dead, size_t n_ways)
{
    for (int i = 0; i < out->n_sets; i++)
        if (memcmp(out->dead[i], dead, n_ways * sizeof *dead) == 0)
            return i;
    if (out->n_sets == LH__SETS_MAX)
        return -1;
    memcpy(out->dead[out->n_sets], dead, n_ways * sizeof *dead);
    return out->n_sets++;
}

/* Set 0 is what is dead for ever. */
static enum lh_status epochs_make(struct lh__outages *out,
                                  const struct cuts *cuts)
{
    struct lh_arena *arena = cuts->ctx->arena;
    size_t n_ways = 2 * (size_t)cuts->t->wan.n_fibres;
    bool *dead = LH_NEW(arena, bool, n_ways);
    double date_s[2 * FAULTS_MAX + 1] = {0};
    int n = 1;

    for (int i = 0; i < LH__SETS_MAX; i++)
        out->dead[i] = LH_NEW(arena, bool, n_ways);
    out->n_sets = 1;
    for (int i = 0; i < cuts->n; i++) {
        const struct cut *c = &cuts->cut[i];
        if (c->from_s == 0 && isinf(c->to_s))
            for (size_t k = 0; k < n_ways; k++)
                out->dead[0][k] |= c->dead[k];
        date_s[n++] = c->from_s;
        date_s[n++] = c->to_s;
    }
    qsort(date_s, (size_t)n, sizeof *date_s, by_date);
    out->epochs = LH_NEW(arena, struct lh_reroute, n);
    for (int i = 0; i < n && isfinite(date_s[i]); i++) {
        dead_at(dead, cuts, date_s[i]);
        int set = set_id(out, dead, n_ways);
        if (set < 0)
            return LH_BAD_INPUT;
        if (out->n_epochs > 0 && out->epochs[out->n_epochs - 1].set == set)
            continue;
        out->epochs[out->n_epochs++] = (struct lh_reroute){date_s[i], set};
    }
    return LH_OK;
}

enum lh_status lh__outages_make(struct lh__outages *out,
                                const struct lh_topology *t,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx)
{
    struct cuts *cuts = LH_NEW(ctx->arena, struct cuts, 1);
    struct lh_where where = LH_NOWHERE;

    *out = (struct lh__outages){0};
    cuts->t = t;
    cuts->ctx = ctx;
    for (int i = 0; i < scenario->n_faults; i++) {
        if (!scenario->faults[i].reroute)
            continue;
        where = scenario->faults[i].where;
        enum lh_status st = cut_add(cuts, &scenario->faults[i]);
        if (st != LH_OK)
            return st;
    }
    enum lh_status st = epochs_make(out, cuts);
    if (st != LH_OK)
        lh_error(ctx, where,
                 "outages with 'reroute' leave more than %d different sets "
                 "of fibres, which this version does not support",
                 (int)LH__SETS_MAX);
    return st;
}

/* ---- asking -------------------------------------------------------------- */

int lh_topology_reroutes(const struct lh_topology *t,
                         const struct lh_reroute **out)
{
    *out = t->outages.epochs;
    return t->outages.n_epochs;
}

int lh_topology_link_set(const struct lh_topology *t, lh_link link)
{
    return link < t->n_links ? 0
                             : 1 + (link - t->n_links) / (2 * t->wan.n_fibres);
}

lh_link lh_topology_link_in_set(const struct lh_topology *t, lh_link link,
                                int set)
{
    return t->first_wan + lh__fibre_way(t, link) + set * 2 * t->wan.n_fibres;
}

lh_link lh_topology_link_end(const struct lh_topology *t)
{
    return t->n_links + (t->outages.n_sets - 1) * 2 * t->wan.n_fibres;
}
