/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Conservation of bytes in a run that has ended, before anything is reported:
 *
 *   in time     of each channel, begun x bytes of its communications, as the
 *               executor counted them, = sent, as the engine's ledger did; and
 *               ended x bytes = arrived
 *   in space    of each communication, bytes x weight over the links that
 *               accelerators send on = over those that they receive on, site by
 *               site with what fibres (of each set of routes) bring and take
 *   on links    bytes of a link in the mean step, as they are reported, x steps
 *               of a cycle = sum over communications of the times that their
 *               operations ran in the last cycle x weight x bytes; where routes
 *               change, what fibres bring a site net of what they take, over
 *               all sets, is what it would be without
 *
 * The first counts are made while the step runs, by two sides of the engine's
 * face; the second is of the incidence that the fold made; the third compares
 * records of steps with what was known before the first.
 * Place in the pipeline: run.c, after lh__exec_run().
 * Leaves out: in time, what is simulated message by message (the ledger has
 * each message); in space, reductions and copies in switches (nvls, nvls-tree,
 * sharp), where what arrives is not what was sent.
 */
#include "audit.h"

#include <math.h>
#include <string.h>

static const double slack = 1e-9; /* of bytes: sums in another order */

/* What a link brings a site's network, or takes from it. */
struct ends {
    int from_site, to_site; /* of a fibre; -1: no site, or no fibre */
    int site;               /* of an accelerator's link; -1: none */
    int sign;               /* +1: it sends there, -1: it receives, 0: both */
    int set;                /* of routes, of a fibre */
};

struct audit {
    const struct lh__audit *in;
    const struct lh__placed *p; /* the whole */
    struct lh_ctx *ctx;
    struct ends *ends; /* [n_links] */
    double *net;       /* [sets][sites] of one communication */
    double *gross;     /* likewise, without signs */
    int n_sites, n_sets;
    double *runs; /* [n_groups] in the last cycle */
};

static bool differ(double a, double b, double of)
{
    return !(fabs(a - b) <= slack * of);
}

static enum lh_status fault(const struct audit *a, const char *text)
{
    lh_error(a->ctx, LH_NOWHERE, "internal: bytes are lost: %s", text);
    return LH_FAILED;
}

static const char *group_name(const struct audit *a, const struct lh__placed *p,
                              int32_t g)
{
    return lh_format(a->ctx->arena, "communication %d (%s)", p->group_comm[g],
                     p->program->comms[p->group_comm[g]].collective == LH_SEND
                         ? "send"
                         : "collective");
}

/* ---- in time ------------------------------------------------------------- */

static enum lh_status check_engine(const struct audit *a)
{
    const struct lh__placed *p = &a->in->twins->placed;
    const struct lh__exec_output *out = a->in->out;
    double *started = LH_NEW(a->ctx->arena, double, p->n_shapes);
    double *ended = LH_NEW(a->ctx->arena, double, p->n_shapes);
    for (int32_t g = 0; g < p->n_groups; g++) {
        if (p->group_alone_s && p->group_alone_s[g] >= 0)
            continue;
        started[p->group_shape[g]] +=
            (double)out->group_started[g] * p->group_bytes[g];
        ended[p->group_shape[g]] +=
            (double)out->group_ended[g] * p->group_bytes[g];
    }
    for (int32_t s = 0; s < p->n_shapes; s++) {
        struct lh__ledger_sum sum = lh__ledger_sum(a->in->ledger, s);
        if (differ(started[s], sum.sent, started[s])
            || differ(ended[s], sum.arrived + sum.cancelled, started[s]))
            return fault(
                a,
                lh_format(a->ctx->arena,
                          "channel %d: communications of %.17g bytes were "
                          "begun and of %.17g ended; the engine was given "
                          "%.17g and delivered %.17g",
                          (int)s, started[s], ended[s], sum.sent, sum.arrived));
    }
    return LH_OK;
}

/* ---- in space ------------------------------------------------------------ */

static struct ends ends_of(const struct lh_topology *t, lh_link link)
{
    struct lh_link_info l = lh_topology_link_facts(t, link);
    int64_t n = lh_topology_accelerator_count(t);
    struct ends e = {-1, -1, -1, 0, 0};
    if (l.kind == LH_LINK_WAN) {
        e.from_site = l.site_from;
        e.to_site = l.site_to;
        e.set = lh_topology_link_set(t, link);
    } else if (l.from < n || l.to < n) {
        e.site = l.site_from;
        e.sign = (l.from < n) - (l.to < n);
    }
    return e;
}

static void count(struct audit *a, int set, int site, double bytes)
{
    if (site < 0 || site >= a->n_sites)
        return;
    a->net[set * a->n_sites + site] += bytes;
    a->gross[set * a->n_sites + site] += fabs(bytes);
}

/* Into a site's network, +, and out of it, -. */
static void count_ends(struct audit *a, const struct ends *e, double bytes)
{
    for (int set = 0; e->sign != 0 && set < a->n_sets; set++)
        count(a, set, e->site, e->sign * bytes);
    count(a, e->set, e->from_site, -bytes);
    count(a, e->set, e->to_site, bytes);
}

static void clear(struct audit *a)
{
    size_t n = (size_t)a->n_sets * (size_t)a->n_sites;
    memset(a->net, 0, n * sizeof *a->net);
    memset(a->gross, 0, n * sizeof *a->gross);
}

static bool is_in_switches(int algorithm)
{
    static const char *const names[] = {"nvls", "nvls-tree", "sharp"};
    for (size_t i = 0; algorithm >= 0 && i < sizeof names / sizeof *names; i++)
        if (strcmp(lh_algorithm_at(algorithm)->name, names[i]) == 0)
            return true;
    return false;
}

static enum lh_status check_comm(struct audit *a, int64_t x,
                                 const struct ends *ends)
{
    const struct lh__incidence *in = &a->p->incidence;
    const struct lh__listed_comm *comm = &in->comm[x];
    const struct lh__geometry *g = &in->geometries[comm->geometry];
    if (g->small || is_in_switches(g->algorithm[comm->pattern]))
        return LH_OK;
    clear(a);
    for (int64_t u = in->use_first[x]; u < in->use_first[x + 1]; u++)
        count_ends(a, &ends[in->use_link[u]],
                   (double)lh__use_weight(in, u)
                       * (double)lh__use_times(in, u));
    for (int i = 0; i < a->n_sets * a->n_sites; i++)
        if (differ(a->net[i], 0, a->gross[i]))
            return fault(
                a, lh_format(a->ctx->arena,
                             "communicator %lld of geometry %d: of %.17g units "
                             "that enter and leave the network of site %d, "
                             "%.17g more enter than leave",
                             (long long)comm->number, (int)comm->geometry,
                             a->gross[i], i % a->n_sites, a->net[i]));
    return LH_OK;
}

static enum lh_status check_comms(struct audit *a)
{
    const struct lh__incidence *in = &a->p->incidence;
    struct ends *ends = LH_NEW(a->ctx->arena, struct ends, in->n_links);
    enum lh_status st = LH_OK;
    for (int32_t l = 0; l < in->n_links; l++)
        ends[l] = ends_of(a->p->topology, in->link[l]);
    for (int64_t x = 0; x < in->n_comms && st == LH_OK; x++)
        st = check_comm(a, x, ends);
    return st;
}

/* ---- on links ------------------------------------------------------------ */

/* The record of what was run that stands for one of the whole. */
static int64_t run_record(const struct audit *a, int64_t r)
{
    const struct lh__twins *twins = a->in->twins;
    int32_t lo = 0, hi = a->p->n_classes;
    if (twins->class_twin == NULL)
        return r;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (a->p->class_first[mid] <= r)
            lo = mid;
        else
            hi = mid;
    }
    return twins->placed.class_first[twins->class_twin[lo]] + r
           - a->p->class_first[lo];
}

/* How often each group ran in the last cycle; all its members the same. */
static enum lh_status runs_make(struct audit *a)
{
    const struct lh__placed *p = a->p;
    const struct lh__exec_output *out = a->in->out;
    a->runs = LH_NEW(a->ctx->arena, double, p->n_groups);
    for (int32_t g = 0; g < p->n_groups; g++)
        for (int64_t k = p->group_first[g]; k < p->group_first[g + 1]; k++) {
            int64_t r = run_record(a, p->group_record[k]);
            double runs = 0;
            for (int32_t i = 0; i < out->n_kept; i++)
                if (out->kept[i].times[r].start_s >= 0)
                    runs += 1 + (double)out->kept[i].repeats;
            if (k > p->group_first[g] && runs != a->runs[g])
                return fault(a,
                             lh_format(a->ctx->arena,
                                       "%s: a member sent it %.0f times, "
                                       "another %.0f",
                                       group_name(a, p, g), a->runs[g], runs));
            a->runs[g] = runs;
        }
    return LH_OK;
}

static enum lh_status check_link(const struct audit *a, int32_t j,
                                 double carried)
{
    double told = a->in->link_bytes[j] * (double)lh_cycle_steps(a->p->program);
    if (!differ(carried, told, fmax(carried, told)))
        return LH_OK;
    return fault(
        a, lh_format(a->ctx->arena,
                     "%s: its flows carried %.17g bytes, it is said to have "
                     "carried %.17g",
                     lh_topology_link_at(a->p->topology,
                                         lh__fold_link(&a->p->fold, j))
                         .name,
                     carried, told));
}

/* Is what fibres carried counted by the times of routes (detour.c)? */
static bool routes_change(const struct audit *a)
{
    const struct lh_reroute *epochs;
    return a->p->incidence.faults && a->p->incidence.faults->dated
           && lh_topology_reroutes(a->p->topology, &epochs) > 1;
}

static enum lh_status check_links(struct audit *a)
{
    const struct lh__placed *p = a->p;
    bool but_fibres = routes_change(a);
    double *carried = LH_NEW(a->ctx->arena, double, p->n_links);
    enum lh_status st = LH_OK;
    for (int32_t g = 0; g < p->n_groups; g++) {
        const struct lh__shape *s = &p->shapes[p->group_shape[g]];
        for (int32_t k = 0; k < s->n_links; k++)
            carried[s->links[k]] +=
                a->runs[g] * (double)s->weights[k] * p->group_bytes[g];
    }
    for (int32_t j = 0; j < p->n_links && st == LH_OK; j++)
        if (!but_fibres
            || lh__fold_link(&p->fold, j)
                   < lh_topology_first_fibre(p->topology))
            st = check_link(a, j, carried[j]);
    return st;
}

/* What fibres bring each site, as it is reported, less what the flows would
 * have brought it over the routes of set 0. */
static enum lh_status check_fibres(struct audit *a)
{
    const struct lh__placed *p = a->p;
    if (!routes_change(a))
        return LH_OK;
    clear(a);
    for (int32_t j = 0; j < p->n_links; j++) {
        struct ends e = ends_of(p->topology, lh__fold_link(&p->fold, j));
        double bytes =
            a->in->link_bytes[j] * (double)lh_cycle_steps(p->program);
        count(a, 0, e.from_site, -bytes);
        count(a, 0, e.to_site, bytes);
    }
    for (int32_t g = 0; g < p->n_groups; g++) {
        const struct lh__shape *s = &p->shapes[p->group_shape[g]];
        for (int32_t k = 0; k < s->n_links; k++) {
            struct ends e =
                ends_of(p->topology, lh__fold_link(&p->fold, s->links[k]));
            double bytes =
                a->runs[g] * (double)s->weights[k] * p->group_bytes[g];
            count(a, 0, e.set == 0 ? e.from_site : -1, bytes);
            count(a, 0, e.set == 0 ? e.to_site : -1, -bytes);
        }
    }
    for (int i = 0; i < a->n_sites; i++)
        if (differ(a->net[i], 0, a->gross[i]))
            return fault(a, lh_format(a->ctx->arena,
                                      "site %d: fibres brought it %.17g bytes "
                                      "more than were sent there",
                                      i, a->net[i]));
    return LH_OK;
}

/* Sites, and sets of routes, that there are. */
static void sums_make(struct audit *a)
{
    const struct lh_topology *t = a->p->topology;
    const struct lh_reroute *epochs;
    int n = lh_topology_reroutes(t, &epochs);
    a->n_sites =
        1
        + lh_topology_accelerator_site(t, lh_topology_accelerator_count(t) - 1);
    a->n_sets = 1;
    for (int i = 0; i < n; i++)
        if (epochs[i].set >= a->n_sets)
            a->n_sets = epochs[i].set + 1;
    a->net = LH_NEW(a->ctx->arena, double, (size_t)a->n_sets * a->n_sites);
    a->gross = LH_NEW(a->ctx->arena, double, (size_t)a->n_sets * a->n_sites);
}

enum lh_status lh__audit(const struct lh__audit *in, struct lh_ctx *ctx)
{
    struct audit a = {.in = in, .p = in->whole, .ctx = ctx};
    enum lh_status st = LH_OK;
    if (in->options->plans == NULL)
        st = check_engine(&a);
    sums_make(&a);
    if (st == LH_OK)
        st = check_comms(&a);
    if (st == LH_OK)
        st = runs_make(&a);
    if (st == LH_OK)
        st = check_links(&a);
    if (st == LH_OK)
        st = check_fibres(&a);
    return st;
}
