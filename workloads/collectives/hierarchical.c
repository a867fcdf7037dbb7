/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Hierarchical: rings inside each site and rings across the sites, all phases
 * working at once on different chunks, so one coupled flow.  Defined where the
 * members stand on M >= 2 sites, n_a of the n members at site a.
 *
 *   all-reduce       reduce-scatter inside, all-reduce across, all-gather
 *                    inside
 *   reduce-scatter   inside, then across
 *   all-gather       across, then inside
 *
 * The buffer is L units long, L = lcm of all n_a; member m of site a owns the
 * units [m L/n_a, (m+1) L/n_a).  The bounds of all sites together cut it into
 * atoms; an atom of w units has one owner a site, and the owners make a ring
 * over the sites in their order (equal n_a: n_a atoms, member m of every site).
 *
 *   units that pass a hop             from member m of site a to the next one,
 *                                     or from site a to the next one
 *   inside, reduce-scatter            L - L/n_a
 *   inside, all-gather                L - L/n_a
 *   across, all-reduce                2 (M - 1)/M w
 *   across, reduce-scatter            (1 - n_a/n) w         each member ends
 *   across, all-gather                (1 - n_(a+1)/n) w     with S/n
 *
 * A unit is S/L.  As integers: all-reduce in S/(M L), else in S/(n L), divided
 * by what they have in common.  The fibre of an all-reduce carries
 * 2 (M - 1)/M S in each direction of the ring of sites, whatever n is.
 *
 *   alpha   of each phase, the largest chain of (steps) hops in a row; summed
 *
 * Where the lcm is beyond 2^26, L is 2^26 and bounds are rounded to units.
 * Source: MODEL rules; the phases are those of Mikami et al., Massively
 * distributed SGD (2018), 2D-torus all-reduce.
 * Leaves out: the fill of the pipeline in the coupled form; orders of the
 * sites other than that of the scenario.
 */
#include "list.h"

#include <math.h>
#include <stdlib.h>

enum { UNITS_MAX = 1 << 26, CHUNKS = 128 };

/* Sites are numbered 0 .. n_sites-1 in order of their first member. */
struct layout {
    int64_t n;            /* members */
    int64_t n_sites;
    int64_t *first;       /* [n_sites + 1] into member */
    int64_t *member;      /* [n] site by site, in each in rank order */
    int64_t units;        /* L */
    int64_t n_atoms;
    int64_t *bound;       /* [n_atoms + 1] in units */
    int64_t *owner;       /* [n_atoms * n_sites] index into member */
};

static int64_t site_size(const struct layout *l, int64_t site)
{
    return l->first[site + 1] - l->first[site];
}

static int64_t units_lcm(int64_t a, int64_t b)
{
    int64_t x = a;
    int64_t y = b;
    while (y != 0) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x > UNITS_MAX / b ? UNITS_MAX : a / x * b;
}

/* First unit that member i of its site (or one past the last) owns. */
static int64_t unit_begin(const struct layout *l, int64_t site, int64_t i)
{
    return i * l->units / site_size(l, site);
}

static int64_t unit_width(const struct layout *l, int64_t site, int64_t i)
{
    return unit_begin(l, site, i + 1) - unit_begin(l, site, i);
}

static void layout_sites(struct layout *l, const struct lh_members *members,
                         struct lh_ctx *ctx)
{
    int64_t n = members->n;
    int64_t *number = LH_NEW(ctx->arena, int64_t, n); /* of a member's site */
    int32_t *seen = LH_NEW(ctx->arena, int32_t, n);
    l->n = n;
    l->first = LH_NEW(ctx->arena, int64_t, n + 2);
    l->member = LH_NEW(ctx->arena, int64_t, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t site = 0;
        while (site < l->n_sites && seen[site] != members->site[i])
            site++;
        if (site == l->n_sites)
            seen[l->n_sites++] = members->site[i];
        number[i] = site;
        l->first[site + 2]++;
    }
    for (int64_t site = 2; site <= l->n_sites; site++)
        l->first[site] += l->first[site - 1];
    for (int64_t i = 0; i < n; i++)
        l->member[l->first[number[i] + 1]++] = i;
}

static int units_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void layout_atoms(struct layout *l, struct lh_ctx *ctx)
{
    int64_t n_bounds = 0;
    l->units = 1;
    for (int64_t site = 0; site < l->n_sites; site++)
        l->units = units_lcm(l->units, site_size(l, site));
    l->bound = LH_NEW(ctx->arena, int64_t, l->n + l->n_sites);
    for (int64_t site = 0; site < l->n_sites; site++) {
        for (int64_t i = 0; i <= site_size(l, site); i++)
            l->bound[n_bounds++] = unit_begin(l, site, i);
    }
    qsort(l->bound, (size_t)n_bounds, sizeof *l->bound, units_compare);
    for (int64_t i = 1; i < n_bounds; i++) {
        if (l->bound[i] != l->bound[l->n_atoms])
            l->bound[++l->n_atoms] = l->bound[i];
    }
}

static void layout_owners(struct layout *l, struct lh_ctx *ctx)
{
    l->owner = LH_NEW(ctx->arena, int64_t, l->n_atoms * l->n_sites);
    for (int64_t site = 0; site < l->n_sites; site++) {
        int64_t i = 0;
        for (int64_t atom = 0; atom < l->n_atoms; atom++) {
            while (unit_begin(l, site, i + 1) <= l->bound[atom])
                i++;
            l->owner[atom * l->n_sites + site] = l->first[site] + i;
        }
    }
}

static struct layout layout_make(const struct lh_members *members,
                                 struct lh_ctx *ctx)
{
    struct layout l = {0};
    layout_sites(&l, members, ctx);
    layout_atoms(&l, ctx);
    layout_owners(&l, ctx);
    return l;
}

/* Hops of a ring inside a site: none for a lone member. */
static int64_t ring_size(const struct layout *l, int64_t site)
{
    return site_size(l, site) > 1 ? site_size(l, site) : 0;
}

static int64_t rings_size(const struct layout *l)
{
    int64_t n = 0;
    for (int64_t site = 0; site < l->n_sites; site++)
        n += ring_size(l, site);
    return n;
}

static bool hierarchical_defined(enum lh_collective collective,
                                 const struct lh_members *members)
{
    if (collective == LH_SEND)
        return false;
    for (int64_t i = 1; i < members->n; i++) {
        if (members->site[i] != members->site[0])
            return true;
    }
    return false;
}

/* Weight of the hop from member i of its site to the next one. */
static int64_t inside_weight(const struct layout *l,
                             enum lh_collective collective, int64_t site,
                             int64_t i)
{
    int64_t next = (i + 1) % site_size(l, site);
    int64_t scatter = l->units - unit_width(l, site, i);
    int64_t gather = l->units - unit_width(l, site, next);
    if (collective == LH_REDUCE_SCATTER)
        return l->n * scatter;
    if (collective == LH_ALL_GATHER)
        return l->n * gather;
    return l->n_sites * (scatter + gather);
}

/* Weight of an atom's hop from its owner at a site to that at the next. */
static int64_t across_weight(const struct layout *l,
                             enum lh_collective collective, int64_t site,
                             int64_t atom)
{
    int64_t width = l->bound[atom + 1] - l->bound[atom];
    int64_t next = (site + 1) % l->n_sites;
    if (collective == LH_REDUCE_SCATTER)
        return (l->n - site_size(l, site)) * width;
    if (collective == LH_ALL_GATHER)
        return (l->n - site_size(l, next)) * width;
    return 2 * (l->n_sites - 1) * width;
}

/* Hops: the rings inside, site by site; then a ring across for each atom. */
static void hierarchical_hops(struct lh_hops *out,
                              enum lh_collective collective,
                              const struct lh_members *members,
                              struct lh_ctx *ctx)
{
    struct layout l = layout_make(members, ctx);
    int64_t parts = collective == LH_ALL_REDUCE ? l.n_sites : l.n;
    int64_t h = 0;
    lh__hops_new(out, rings_size(&l) + l.n_atoms * l.n_sites, ctx);
    for (int64_t site = 0; site < l.n_sites; site++) {
        const int64_t *member = l.member + l.first[site];
        for (int64_t i = 0; i < ring_size(&l, site); i++, h++) {
            out->from[h] = member[i];
            out->to[h] = member[(i + 1) % site_size(&l, site)];
            out->weight[h] = inside_weight(&l, collective, site, i);
        }
    }
    for (int64_t atom = 0; atom < l.n_atoms; atom++) {
        const int64_t *owner = l.owner + atom * l.n_sites;
        for (int64_t site = 0; site < l.n_sites; site++, h++) {
            out->from[h] = l.member[owner[site]];
            out->to[h] = l.member[owner[(site + 1) % l.n_sites]];
            out->weight[h] = across_weight(&l, collective, site, atom);
        }
    }
    out->unit_frac = 1.0 / ((double)parts * (double)l.units);
    lh__hops_reduce(out);
}

static int64_t across_steps(enum lh_collective collective, int64_t n_sites)
{
    return collective == LH_ALL_REDUCE ? 2 * (n_sites - 1) : n_sites - 1;
}

/* The hops are cycles, one after the other; each ends where it began. */
static double hierarchical_latency(const struct lh_hops *hops,
                                   enum lh_collective collective,
                                   const struct lh_members *members,
                                   const double *latency_s)
{
    double inside = 0.0;
    double across = 0.0;
    int64_t begin = 0;
    for (int64_t h = 0; h < hops->n; h++) {
        if (hops->to[h] != hops->from[begin])
            continue;
        int64_t size = h + 1 - begin;
        const double *cycle_s = latency_s + begin;
        if (members->site[hops->from[h]] == members->site[hops->to[h]])
            inside = fmax(inside, lh__cycle_max(cycle_s, size, size - 1));
        else
            across = fmax(across,
                          lh__cycle_max(cycle_s, size,
                                        across_steps(collective, size)));
        begin = h + 1;
    }
    return across + (collective == LH_ALL_REDUCE ? 2.0 : 1.0) * inside;
}

/* Where the pipes of each phase begin, in the order scatter (inside), across,
 * gather (inside); a phase that the collective lacks is empty. */
struct phases {
    const struct layout *layout;
    enum lh_collective collective;
    int64_t scatter, across, gather, end;
    int64_t steps;        /* rounds across */
    int64_t *ring_begin;  /* [n_sites] hops of the rings before it */
};

static struct phases phases_make(const struct layout *l,
                                 enum lh_collective collective,
                                 struct lh_ctx *ctx)
{
    struct phases p = {.layout = l, .collective = collective};
    int64_t inside = rings_size(l);
    int64_t sum = 0;
    p.across = collective == LH_ALL_GATHER ? 0 : inside;
    p.gather = p.across + l->n_atoms * l->n_sites;
    p.end = p.gather + (collective == LH_REDUCE_SCATTER ? 0 : inside);
    p.steps = across_steps(collective, l->n_sites);
    p.ring_begin = LH_NEW(ctx->arena, int64_t, l->n_sites);
    for (int64_t site = 0; site < l->n_sites; site++) {
        p.ring_begin[site] = sum;
        sum += ring_size(l, site);
    }
    return p;
}

/* Fraction of S that a site's shard of an atom is of the whole. */
static double share_frac(const struct phases *p, int64_t site, int64_t atom)
{
    const struct layout *l = p->layout;
    double width = (double)(l->bound[atom + 1] - l->bound[atom]);
    double share = p->collective == LH_ALL_REDUCE
                       ? 1.0 / (double)l->n_sites
                       : (double)site_size(l, site) / (double)l->n;
    return share * width / (double)l->units;
}

static int64_t modulo(int64_t a, int64_t n)
{
    return (a % n + n) % n;
}

static void pipe_open(struct lh_pipes *out, int64_t pipe, int64_t rounds,
                      int64_t gates)
{
    out->round_begin[pipe + 1] = out->round_begin[pipe] + rounds;
    out->gate_begin[pipe + 1] = out->gate_begin[pipe] + gates;
}

/* Round k of a ring inside: member i passes on the shard that ends at (gather:
 * began at) member i - 1 - k (i - k) of its site. */
static void pipes_inside(struct lh_pipes *out, const struct phases *p,
                         int64_t site, bool gathers)
{
    const struct layout *l = p->layout;
    int64_t size = ring_size(l, site);
    int64_t first = (gathers ? p->gather : p->scatter) + p->ring_begin[site];
    for (int64_t i = 0; i < size; i++) {
        int64_t pipe = first + i;
        out->from[pipe] = l->member[l->first[site] + i];
        out->to[pipe] = l->member[l->first[site] + (i + 1) % size];
        out->chain[pipe] = first + modulo(i - 1, size);
        int64_t atoms = 0;
        for (int64_t a = 0; gathers && a < l->n_atoms; a++) {
            if (l->owner[a * l->n_sites + site] == l->first[site] + i)
                out->gates[out->gate_begin[pipe] + atoms++] =
                    p->across + a * l->n_sites +
                    modulo(site - 1, l->n_sites);
        }
        pipe_open(out, pipe, size - 1, atoms);
        for (int64_t k = 0; k < size - 1; k++) {
            int64_t shard = modulo(gathers ? i - k : i - 1 - k, size);
            out->round_frac[out->round_begin[pipe] + k] =
                (double)unit_width(l, site, shard) / (double)l->units;
        }
    }
}

/* Round k of an atom's ring across: as inside, with sites for members; the
 * gather half of an all-reduce follows its scatter half. */
static void pipes_across(struct lh_pipes *out, const struct phases *p,
                         int64_t atom)
{
    const struct layout *l = p->layout;
    int64_t first = p->across + atom * l->n_sites;
    const int64_t *owner = l->owner + atom * l->n_sites;
    for (int64_t site = 0; site < l->n_sites; site++) {
        int64_t pipe = first + site;
        int64_t size = ring_size(l, site);
        bool gated = p->collective != LH_ALL_GATHER && size > 0;
        out->from[pipe] = l->member[owner[site]];
        out->to[pipe] = l->member[owner[(site + 1) % l->n_sites]];
        out->chain[pipe] = first + modulo(site - 1, l->n_sites);
        if (gated) {
            int64_t i = owner[site] - l->first[site];
            out->gates[out->gate_begin[pipe]] =
                p->scatter + p->ring_begin[site] + modulo(i - 1, size);
        }
        pipe_open(out, pipe, p->steps, gated ? 1 : 0);
        for (int64_t k = 0; k < p->steps; k++) {
            int64_t shard =
                p->collective == LH_ALL_GATHER ? site - k : site - 1 - k;
            out->round_frac[out->round_begin[pipe] + k] =
                share_frac(p, modulo(shard, l->n_sites), atom);
        }
    }
}

static void hierarchical_pipes(struct lh_pipes *out,
                               enum lh_collective collective,
                               const struct lh_members *members,
                               struct lh_ctx *ctx)
{
    struct layout l = layout_make(members, ctx);
    struct phases p = phases_make(&l, collective, ctx);
    int64_t n_across = l.n_atoms * l.n_sites;
    int64_t rounds = n_across * p.steps;
    for (int64_t site = 0; site < l.n_sites; site++)
        rounds += 2 * ring_size(&l, site) * (site_size(&l, site) - 1);
    lh__pipes_new(out, p.end, rounds, 2 * n_across, ctx);
    out->chunks = CHUNKS;
    for (int64_t site = 0;
         collective != LH_ALL_GATHER && site < l.n_sites; site++)
        pipes_inside(out, &p, site, false);
    for (int64_t atom = 0; atom < l.n_atoms; atom++)
        pipes_across(out, &p, atom);
    for (int64_t site = 0;
         collective != LH_REDUCE_SCATTER && site < l.n_sites; site++)
        pipes_inside(out, &p, site, true);
}

const struct lh_algorithm lh__hierarchical_algorithm = {
    .name = "hierarchical",
    .help = "rings inside each site and rings across the sites",
    .defined = hierarchical_defined,
    .hops = hierarchical_hops,
    .latency = hierarchical_latency,
    .pipes = hierarchical_pipes,
};
