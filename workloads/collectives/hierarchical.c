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
 * The rings inside site a are its K_a channels (list.h), each with 1/K_a of
 * every shard.  Which units pass a hop depends on the two members alone, so
 * this holds for any order of them.
 *
 * A unit is S/L.  With C the lcm of all K_a, in integers: all-reduce in
 * S/(M L C), else in S/(n L C), divided by what they have in common; a hop
 * inside weighs C/K_a of the above, a hop across C.  The fibre of an all-reduce
 * carries 2 (M - 1)/M S in each direction of the ring of sites, whatever n is.
 *
 *   alpha   of each phase, the largest chain of (steps) hops in a row; summed
 *
 * Where the lcm of n_a is beyond 2^24, L is 2^24 and bounds are rounded to
 * units.
 * Source: the phases are those of Mikami et al., Massively
 * distributed SGD (2018), 2D-torus all-reduce.
 * Leaves out: the fill of the pipeline in the coupled form; orders of the
 * sites other than that of the scenario.
 */
#include "list.h"

#include <math.h>
#include <stdlib.h>

/* Chunks of the message form; with channels there are more messages a chunk. */
enum { UNITS_MAX = 1 << 24, CHUNKS = 128, CHANNEL_CHUNKS = 32 };

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
    int64_t *channels;    /* [n_sites] K_a */
    int64_t shares;       /* C */
    int64_t *ring_begin;  /* [n_sites + 1] hops of the rings of sites before */
    int64_t *order;       /* [hops] channel by channel: member of its site */
    int64_t *position;    /* [hops] the inverse, in a channel of a site */
};

static int64_t site_size(const struct layout *l, int64_t site)
{
    return l->first[site + 1] - l->first[site];
}

static int64_t units_lcm(int64_t a, int64_t b)
{
    int64_t common = lh__lcm(a, b);
    return common < UNITS_MAX ? common : UNITS_MAX;
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

/* Hops of one ring inside a site: none for a lone member. */
static int64_t ring_size(const struct layout *l, int64_t site)
{
    return site_size(l, site) > 1 ? site_size(l, site) : 0;
}

static void layout_orders(struct layout *l, int64_t site,
                          const struct lh__channels *channels)
{
    int64_t size = ring_size(l, site);
    for (int64_t c = 0; size > 0 && c < channels->count; c++) {
        int64_t begin = l->ring_begin[site] + c * size;
        lh__channels_order(l->order + begin, channels, c);
        for (int64_t i = 0; i < size; i++)
            l->position[begin + l->order[begin + i]] = i;
    }
}

/* The channels of each site: those of its own members. */
static void layout_rings(struct layout *l, const struct lh_members *members,
                         struct lh_ctx *ctx)
{
    struct lh__channels *channels =
        LH_NEW(ctx->arena, struct lh__channels, l->n_sites);
    int64_t *domain = LH_NEW(ctx->arena, int64_t, l->n);
    l->shares = 1;
    l->channels = LH_NEW(ctx->arena, int64_t, l->n_sites);
    l->ring_begin = LH_NEW(ctx->arena, int64_t, l->n_sites + 1);
    for (int64_t i = 0; i < l->n; i++)
        domain[i] = members->domain[l->member[i]];
    for (int64_t site = 0; site < l->n_sites; site++) {
        lh__channels_make(&channels[site], domain + l->first[site],
                          site_size(l, site), members->channels_max, ctx);
        l->channels[site] = channels[site].count;
        l->shares = lh__lcm(l->shares, l->channels[site]);
        l->ring_begin[site + 1] =
            l->ring_begin[site] + ring_size(l, site) * l->channels[site];
    }
    l->order = LH_NEW(ctx->arena, int64_t, l->ring_begin[l->n_sites]);
    l->position = LH_NEW(ctx->arena, int64_t, l->ring_begin[l->n_sites]);
    for (int64_t site = 0; site < l->n_sites; site++)
        layout_orders(l, site, &channels[site]);
}

static struct layout layout_make(const struct lh_members *members,
                                 struct lh_ctx *ctx)
{
    struct layout l = {0};
    layout_sites(&l, members, ctx);
    layout_atoms(&l, ctx);
    layout_owners(&l, ctx);
    layout_rings(&l, members, ctx);
    return l;
}

/* The member (of its site) that the given hop of the site's rings is to. */
static int64_t ring_next(const struct layout *l, int64_t site, int64_t hop)
{
    int64_t size = ring_size(l, site);
    int64_t i = hop - l->ring_begin[site];
    return l->order[i % size == size - 1 ? hop - size + 1 : hop + 1];
}

static bool hierarchical_defined(enum lh_collective collective,
                                 const struct lh_members *members)
{
    if (collective >= LH_ALL_TO_ALL)
        return false;
    for (int64_t i = 1; i < members->n; i++) {
        if (members->site[i] != members->site[0])
            return true;
    }
    return false;
}

/* Weight of a hop of a site's rings. */
static int64_t inside_weight(const struct layout *l,
                             enum lh_collective collective, int64_t site,
                             int64_t hop)
{
    int64_t share = l->shares / l->channels[site];
    int64_t scatter = l->units - unit_width(l, site, l->order[hop]);
    int64_t gather = l->units - unit_width(l, site, ring_next(l, site, hop));
    if (collective == LH_REDUCE_SCATTER)
        return l->n * scatter * share;
    if (collective == LH_ALL_GATHER)
        return l->n * gather * share;
    return l->n_sites * (scatter + gather) * share;
}

/* Weight of an atom's hop from its owner at a site to that at the next. */
static int64_t across_weight(const struct layout *l,
                             enum lh_collective collective, int64_t site,
                             int64_t atom)
{
    int64_t width = (l->bound[atom + 1] - l->bound[atom]) * l->shares;
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
    lh__hops_new(out, l.ring_begin[l.n_sites] + l.n_atoms * l.n_sites, ctx);
    for (int64_t site = 0; site < l.n_sites; site++) {
        const int64_t *member = l.member + l.first[site];
        for (; h < l.ring_begin[site + 1]; h++) {
            out->from[h] = member[l.order[h]];
            out->to[h] = member[ring_next(&l, site, h)];
            out->weight[h] = inside_weight(&l, collective, site, h);
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
    out->unit_frac =
        1.0 / ((double)parts * (double)l.units * (double)l.shares);
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
};

static struct phases phases_make(const struct layout *l,
                                 enum lh_collective collective)
{
    struct phases p = {.layout = l, .collective = collective};
    int64_t inside = l->ring_begin[l->n_sites];
    p.across = collective == LH_ALL_GATHER ? 0 : inside;
    p.gather = p.across + l->n_atoms * l->n_sites;
    p.end = p.gather + (collective == LH_REDUCE_SCATTER ? 0 : inside);
    p.steps = across_steps(collective, l->n_sites);
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

/* A gather waits for all that its member has got from across. */
static int64_t gates_from_across(struct lh_pipes *out, const struct phases *p,
                                 int64_t site, int64_t pipe)
{
    const struct layout *l = p->layout;
    int64_t i = l->order[pipe - p->gather];
    int64_t *gates = out->gates + out->gate_begin[pipe];
    int64_t n = 0;
    for (int64_t a = 0; a < l->n_atoms; a++) {
        if (l->owner[a * l->n_sites + site] == l->first[site] + i)
            gates[n++] = p->across + a * l->n_sites +
                         modulo(site - 1, l->n_sites);
    }
    return n;
}

/* Round k of a ring inside: the member at place i passes on the shard that ends
 * at (gather: began at) the member at place i - 1 - k (i - k). */
static void pipes_inside(struct lh_pipes *out, const struct phases *p,
                         int64_t site, bool gathers)
{
    const struct layout *l = p->layout;
    int64_t size = ring_size(l, site);
    int64_t phase = gathers ? p->gather : p->scatter;
    double share = 1.0 / (double)(l->units * l->channels[site]);
    for (int64_t hop = l->ring_begin[site]; hop < l->ring_begin[site + 1];
         hop++) {
        int64_t i = (hop - l->ring_begin[site]) % size;
        const int64_t *order = l->order + hop - i;
        int64_t pipe = phase + hop;
        out->from[pipe] = l->member[l->first[site] + order[i]];
        out->to[pipe] =
            l->member[l->first[site] + ring_next(l, site, hop)];
        out->chain[pipe] = pipe - i + modulo(i - 1, size);
        pipe_open(out, pipe, size - 1,
                  gathers ? gates_from_across(out, p, site, pipe) : 0);
        for (int64_t k = 0; k < size - 1; k++) {
            int64_t shard = order[modulo(gathers ? i - k : i - 1 - k, size)];
            out->round_frac[out->round_begin[pipe] + k] =
                (double)unit_width(l, site, shard) * share;
        }
    }
}

/* A ring across waits for what the rings inside bring its member. */
static int64_t gates_from_inside(struct lh_pipes *out, const struct phases *p,
                                 int64_t site, int64_t pipe)
{
    const struct layout *l = p->layout;
    int64_t size = ring_size(l, site);
    int64_t atom = (pipe - p->across) / l->n_sites;
    int64_t member = l->owner[atom * l->n_sites + site] - l->first[site];
    int64_t *gates = out->gates + out->gate_begin[pipe];
    int64_t n = 0;
    for (int64_t ring = l->ring_begin[site]; ring < l->ring_begin[site + 1];
         ring += size)
        gates[n++] = p->scatter + ring +
                     modulo(l->position[ring + member] - 1, size);
    return n;
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
        bool gated = p->collective != LH_ALL_GATHER;
        out->from[pipe] = l->member[owner[site]];
        out->to[pipe] = l->member[owner[(site + 1) % l->n_sites]];
        out->chain[pipe] = first + modulo(site - 1, l->n_sites);
        pipe_open(out, pipe, p->steps,
                  gated ? gates_from_inside(out, p, site, pipe) : 0);
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
    struct phases p = phases_make(&l, collective);
    int64_t rounds = l.n_atoms * l.n_sites * p.steps;
    int64_t gates = 0;
    for (int64_t site = 0; site < l.n_sites; site++) {
        rounds += 2 * l.channels[site] * ring_size(&l, site) *
                  (site_size(&l, site) - 1);
        gates += 2 * l.channels[site] * l.n_atoms;
    }
    lh__pipes_new(out, p.end, rounds, gates, ctx);
    out->chunks = l.shares > 1 ? CHANNEL_CHUNKS : CHUNKS;
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
