/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Routes.  Between sites: least latency over the fibres; of routes with equal
 * latency the one of fewest links, then of lowest link ids at the first fork.
 * Found once a pair of sites at build (Dijkstra 1959 over the WAN nodes) and
 * kept.  Inside a site the route follows the structure, in O(path):
 *
 *   same scale-up domain    a, scale-up switch, b; in a torus from chip to
 *                           chip (torus.c)
 *   else                    a, leaf, .. lowest common switch .., leaf, b
 *   on rails                first over the scale-up switch to the neighbour
 *                           that has b's rail (NCCL calls it PXN); where the
 *                           node has no such accelerator, over a's own rail
 *                           and from there over b's scale-up switch
 *   in a dragonfly          from group to group (dragonfly.c)
 *   another site            up to the top level, gateway, fibres, and down
 *
 * Of the parallel cables of an uplink, where traffic is hashed over them, a
 * path takes the one that ecmp.c says; the same one down on the far side.
 *
 * Place: lh_topology_path(), asked once a hop by placement.
 * After an outage that is routed around, other routes hold (outage.c).
 * Leaves out: several routes at once.
 */
#include <math.h>
#include <string.h>

#include "topology.h"

/* ---- between sites ------------------------------------------------------- */

/* Fibres at a WAN node in CSR: fibre[first[w] .. first[w + 1]). */
struct adjacency {
    int *first;
    int *fibre;
};

struct distance {
    double latency_s;
    int n_links;
    bool settled;
};

/* The WAN without what a set of routes does without. */
struct living {
    const struct lh_topology *t;
    struct adjacency adj;
    const bool *dead;   /* [2 * n_fibres] */
    struct distance *d; /* [n_nodes] to the target at work */
};

static struct adjacency adjacency_make(const struct lh__wan *wan,
                                       struct lh_arena *arena)
{
    struct adjacency adj;
    size_t n = (size_t)wan->n_nodes;
    int *fill = LH_NEW(arena, int, n + 1);

    adj.first = LH_NEW(arena, int, n + 1);
    adj.fibre = LH_NEW(arena, int, 2 * (size_t)wan->n_fibres);
    for (int i = 0; i < wan->n_fibres; i++) {
        adj.first[wan->fibres[i].a + 1]++;
        adj.first[wan->fibres[i].b + 1]++;
    }
    for (size_t w = 0; w < n; w++)
        adj.first[w + 1] += adj.first[w];
    memcpy(fill, adj.first, (n + 1) * sizeof *fill);
    for (int i = 0; i < wan->n_fibres; i++) {
        adj.fibre[fill[wan->fibres[i].a]++] = i;
        adj.fibre[fill[wan->fibres[i].b]++] = i;
    }
    return adj;
}

static bool nearer(double latency_s, int n_links, const struct distance *than)
{
    if (latency_s != than->latency_s)
        return latency_s < than->latency_s;
    return n_links < than->n_links;
}

/* The way of a fibre from one of its ends, 2 fibre + way; -1: it is dead. */
static int way_from(const struct living *l, int fibre, int from)
{
    int way = 2 * fibre + (l->t->wan.fibres[fibre].a != from);

    return l->dead[way] ? -1 : way;
}

/* Distance of every WAN node to `target`; both directions of a fibre have one
 * latency.  O(nodes^2 + fibres): maps have at most a few thousand nodes. */
static void distances(const struct living *l, int target)
{
    const struct lh__wan *wan = &l->t->wan;
    struct distance *d = l->d;
    const struct adjacency *adj = &l->adj;

    for (int w = 0; w < wan->n_nodes; w++)
        d[w] = (struct distance){(double)INFINITY, INT32_MAX, false};
    d[target] = (struct distance){0, 0, false};
    for (;;) {
        int at = -1;

        for (int w = 0; w < wan->n_nodes; w++)
            if (!d[w].settled && isfinite(d[w].latency_s)
                && (at < 0 || nearer(d[w].latency_s, d[w].n_links, &d[at])))
                at = w;
        if (at < 0)
            return;
        d[at].settled = true;
        for (int i = adj->first[at]; i < adj->first[at + 1]; i++) {
            const struct lh__fibre *f = &wan->fibres[adj->fibre[i]];
            int other = f->a == at ? f->b : f->a;
            double latency_s = f->latency_s + d[at].latency_s;

            if (way_from(l, adj->fibre[i], other) >= 0
                && nearer(latency_s, d[at].n_links + 1, &d[other])) {
                d[other].latency_s = latency_s;
                d[other].n_links = d[at].n_links + 1;
            }
        }
    }
}

/* From `from` along the distances; at a fork the lowest link id.  The sums are
 * those that distances() compared, so equality is exact. */
static void route_walk(struct lh__route *out, const struct living *l, int from)
{
    const struct lh_topology *t = l->t;
    const struct distance *d = l->d;
    int at = from;

    out->n_links = d[from].n_links;
    out->latency_s = d[from].latency_s;
    out->links = LH_NEW(t->arena, lh_link, (size_t)out->n_links);
    for (int n = 0; n < out->n_links; n++) {
        int best = -1;
        int next = -1;

        for (int i = l->adj.first[at]; i < l->adj.first[at + 1]; i++) {
            int id = l->adj.fibre[i];
            const struct lh__fibre *f = &t->wan.fibres[id];
            int other = f->a == at ? f->b : f->a;
            int way = way_from(l, id, at);

            if (way >= 0 && f->latency_s + d[other].latency_s == d[at].latency_s
                && d[other].n_links + 1 == d[at].n_links
                && (best < 0 || way < best)) {
                best = way;
                next = other;
            }
        }
        out->links[n] = t->first_wan + best;
        at = next;
    }
}

static enum lh_status route_make(struct lh_topology *t, const struct living *l,
                                 int from, int to, struct lh_ctx *ctx)
{
    const struct distance *d = l->d;

    if (d[from].n_links > LH__ROUTE_MAX) {
        lh_error(ctx, LH_NOWHERE,
                 "the route from site '%s' to site '%s' has "
                 "%d fibres; more than %d are not supported by this version",
                 t->sites[from].name, t->sites[to].name, d[from].n_links,
                 (int)LH__ROUTE_MAX);
        return LH_BAD_INPUT;
    }
    route_walk(&t->routes[from * t->n_sites + to], l, from);
    return LH_OK;
}

/* Every site that no fibre joins to the first one is told. */
static enum lh_status joined_check(const struct lh_topology *t,
                                   const struct lh_scenario *scenario,
                                   const struct distance *to_first,
                                   struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int i = 1; i < t->n_sites; i++) {
        if (isfinite(to_first[i].latency_s))
            continue;
        lh_error(ctx, scenario->sites[i].where,
                 "no fibre joins site '%s' to site '%s'; give fibres or a "
                 "fibre_layout that join all sites",
                 t->sites[i].name, t->sites[0].name);
        st = LH_BAD_INPUT;
    }
    return st;
}

/* Outages of a set that nothing ends must leave a route to every site. */
static enum lh_status left_check(const struct lh_topology *t,
                                 const struct lh_scenario *scenario,
                                 const struct living *l, int set, int to,
                                 struct lh_ctx *ctx)
{
    const struct lh__outages *o = &t->outages;
    int fault = -1;

    if (o->epochs[o->n_epochs - 1].set != set)
        return LH_OK;
    for (int i = 0; i < scenario->n_faults; i++)
        if (scenario->faults[i].reroute && isinf(scenario->faults[i].for_s))
            fault = i;
    for (int from = 0; from < t->n_sites; from++) {
        if (isfinite(l->d[from].latency_s) || fault < 0)
            continue;
        lh_error(ctx, scenario->faults[fault].where,
                 "faults[%d] leaves no route from site '%s' to site '%s', for "
                 "ever; say 'for' how long",
                 fault, t->sites[to].name, t->sites[from].name);
        return LH_BAD_INPUT;
    }
    return LH_OK;
}

/* The route of a pair in another set: the usual one where nothing joins the
 * two. */
static enum lh_status detour_make(struct lh_topology *t, const struct living *l,
                                  int set, int from, int to, struct lh_ctx *ctx)
{
    int pair = from * t->n_sites + to, links = 0;
    int n_pairs = t->n_sites * t->n_sites;
    struct lh__route *out = &t->routes[set * n_pairs + pair];

    if (isfinite(l->d[from].latency_s) && l->d[from].n_links <= LH__ROUTE_MAX)
        route_walk(out, l, from);
    else
        *out = t->routes[pair];
    for (int i = 0; i <= set; i++)
        links += t->routes[i * n_pairs + pair].n_links;
    if (links <= LH_PATH_MAX - 2 * LH__SITE_LINKS_MAX)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "the routes from site '%s' to site '%s' before and after outages "
             "have %d fibres; more than %d are not supported by this version",
             t->sites[from].name, t->sites[to].name, links,
             (int)(LH_PATH_MAX - 2 * LH__SITE_LINKS_MAX));
    return LH_BAD_INPUT;
}

static enum lh_status routes_to(struct lh_topology *t, const struct living *l,
                                const struct lh_scenario *scenario, int set,
                                int to, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    distances(l, to);
    if (to == 0 && set == 0)
        st = joined_check(t, scenario, l->d, ctx);
    else if (to == 0)
        st = left_check(t, scenario, l, set, to, ctx);
    for (int from = 0; st == LH_OK && from < t->n_sites; from++)
        if (from != to)
            st = set == 0 ? route_make(t, l, from, to, ctx)
                          : detour_make(t, l, set, from, to, ctx);
    return st;
}

enum lh_status lh__routes_build(struct lh_topology *t,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx)
{
    size_t n = (size_t)t->n_sites;
    struct living l = {
        .t = t,
        .adj = adjacency_make(&t->wan, ctx->arena),
        .d = LH_NEW(ctx->arena, struct distance, (size_t)t->wan.n_nodes)};
    enum lh_status st = LH_OK;

    t->routes =
        LH_NEW(ctx->arena, struct lh__route, (size_t)t->outages.n_sets * n * n);
    for (int set = 0; st == LH_OK && set < t->outages.n_sets; set++) {
        l.dead = t->outages.dead[set];
        for (int to = 0; st == LH_OK && to < t->n_sites; to++)
            st = routes_to(t, &l, scenario, set, to, ctx);
    }
    return st;
}

struct lh__route_facts lh__route_facts(const struct lh_topology *t, int from,
                                       int to)
{
    const struct lh__route *route = &t->routes[from * t->n_sites + to];
    struct lh__route_facts facts = {.n_fibres = route->n_links,
                                    .latency_s = route->latency_s,
                                    .bytes_per_s =
                                        fmin(t->sites[from].gateway_bytes_per_s,
                                             t->sites[to].gateway_bytes_per_s)};

    for (int i = 0; i < route->n_links; i++) {
        lh_link way = lh__fibre_way(t, route->links[i]);
        facts.length_m += t->wan.fibres[way / 2].length_m;
        facts.bytes_per_s = fmin(facts.bytes_per_s,
                                 t->wan.fibres[way / 2].bytes_per_s[way % 2]);
    }
    return facts;
}

/* ---- inside a site ------------------------------------------------------- */

/* An accelerator as seen from its site. */
struct place {
    const struct lh__site *site;
    int64_t index; /* in its site             */
    int64_t node;  /* scale-up domain         */
    int64_t rail;  /* index in its domain     */
};

static struct place place_of(const struct lh__site *site, int64_t index)
{
    int64_t size = site->shape.scale_up_gpus;
    int64_t node = lh__quotient(index, size);

    return (struct place){site, index, node, index - node * size};
}

static int64_t leaf_of(const struct place *p)
{
    return lh__leaf_of(p->site, p->node, p->rail);
}

static struct place neighbour(const struct place *p, int64_t rail)
{
    return (struct place){p->site, p->index - p->rail + rail, p->node, rail};
}

static void add(struct lh_path *out, lh_link link, double latency_s)
{
    out->links[out->n_links++] = link;
    out->latency_s += latency_s;
}

static void add_scale_up(struct lh_path *out, const struct place *a,
                         const struct place *b)
{
    lh_link first = a->site->first_scale_up;
    double latency_s = a->site->fabric.scale_up_latency_s;

    if (a->index == b->index)
        return;
    if (lh__is_torus(a->site)) {
        lh__torus_path(out, a->site, a->index, b->index);
        return;
    }
    add(out, first + (lh_link)(2 * a->index), latency_s);
    add(out, first + (lh_link)(2 * b->index) + 1, latency_s);
}

/* The NIC of an accelerator; `way` 0: up, 1: down. */
static void add_nic(struct lh_path *out, const struct place *p, int way)
{
    add(out, p->site->first_nic + (lh_link)(2 * p->index) + way,
        p->site->fabric.nic_latency_s);
}

/* The rails that both ends can use: *a or *b moves to a neighbour. */
static void rails_meet(struct place *a, struct place *b)
{
    if (a->site->fabric.kind != LH_FABRIC_RAILS
        || b->site->fabric.kind != LH_FABRIC_RAILS)
        return;
    if (b->rail < lh__domain_gpus(a->site, a->node))
        *a = neighbour(a, b->rail);
    else
        *b = neighbour(b, a->rail);
}

/* The link that a connection takes from switch `index` of a level upwards. */
static lh_link up_link(const struct lh__site *site, int level, int64_t index,
                       const struct lh__connection *c)
{
    int64_t n = site->shape.cables[level];

    return site->first_up[level]
           + (lh_link)(2 * (index * n + lh__cable_of(c, level, n)));
}

/* The switch of the next level over switch `index` of a level. */
static int64_t parent(const struct lh__shape *shape, int level, int64_t index)
{
    return shape->count[level + 1] == 1
               ? 0
               : lh__quotient(index, shape->children[level]);
}

/* From the leaf of a up to the lowest common switch and down to b's leaf. */
static void add_levels(struct lh_path *out, const struct place *a,
                       const struct place *b, const struct lh__connection *c)
{
    const struct lh__site *site = a->site;
    int64_t i = leaf_of(a);
    int64_t j = leaf_of(b);
    lh_link down[LH__LEVELS];
    int n = 0;

    if (i != j && lh__is_mesh(site)) {
        add(out, lh__mesh_link(site, i, j), site->fabric.switch_latency_s);
        return;
    }
    for (int k = 0; i != j; k++) {
        add(out, up_link(site, k, i, c), site->up_latency_s[k]);
        down[n++] = up_link(site, k, j, c) ^ 1;
        i = parent(&site->shape, k, i);
        j = parent(&site->shape, k, j);
    }
    while (n-- > 0)
        add(out, down[n], site->up_latency_s[n]);
}

struct step {
    lh_link link;
    double latency_s;
};

/* Links from the leaf of p up to its gateway, in order; returns how many. */
static int to_gateway(struct step *steps, const struct place *p,
                      const struct lh__connection *c)
{
    const struct lh__site *site = p->site;
    int64_t i = leaf_of(p);
    int n = 0;

    for (int k = 0; k + 1 < site->shape.n_levels; k++) {
        steps[n++] =
            (struct step){up_link(site, k, i, c), site->up_latency_s[k]};
        i = parent(&site->shape, k, i);
    }
    steps[n++] = (struct step){site->first_gateway + (lh_link)(2 * i),
                               site->fabric.switch_latency_s};
    if (site->border >= 0)
        steps[n++] = (struct step){site->border_link, 0.0};
    return n;
}

/* The fibres of a pair's route in another set; its latency does not count. */
static void add_detour(struct lh_path *out, const struct lh_topology *t,
                       int set, int pair)
{
    const struct lh__route *route =
        &t->routes[set * t->n_sites * t->n_sites + pair];

    for (int k = 0; k < route->n_links; k++)
        out->links[out->n_links++] =
            lh_topology_link_in_set(t, route->links[k], set);
}

static void add_wan(struct lh_path *out, const struct lh_topology *t,
                    const struct place *a, const struct place *b,
                    const struct lh__connection *c)
{
    int from = (int)(a->site - t->sites);
    int to = (int)(b->site - t->sites);
    const struct lh__route *route = &t->routes[from * t->n_sites + to];
    struct step steps[LH__LEVELS + 1];
    int n = to_gateway(steps, a, c);

    for (int k = 0; k < n; k++)
        add(out, steps[k].link, steps[k].latency_s);
    for (int k = 0; k < route->n_links; k++) {
        lh_link link = route->links[k];

        add(out, link, t->wan.fibres[(link - t->first_wan) / 2].latency_s);
    }
    for (int set = 1; set < t->outages.n_sets; set++)
        add_detour(out, t, set, from * t->n_sites + to);
    n = to_gateway(steps, b, c);
    while (n-- > 0)
        add(out, steps[n].link ^ 1, steps[n].latency_s);
    out->crosses_wan = true;
}

void lh_topology_path(struct lh_path *out, const struct lh_topology *t,
                      int64_t from, int64_t to)
{
    const struct lh__site *from_site = &t->sites[lh__site_of(t, from)];
    const struct lh__site *to_site = &t->sites[lh__site_of(t, to)];
    struct place a = place_of(from_site, from - from_site->first_accelerator);
    struct place b = place_of(to_site, to - to_site->first_accelerator);
    struct place a_nic = a;
    struct place b_nic = b;
    const struct lh__connection c = {t->seed, from, to};

    out->n_links = 0;
    out->latency_s = 0;
    out->crosses_wan = false;
    out->cap_bytes_per_s = (double)INFINITY;
    if (from_site == to_site && a.node == b.node) {
        add_scale_up(out, &a, &b);
        return;
    }
    rails_meet(&a_nic, &b_nic);
    add_scale_up(out, &a, &a_nic);
    add_nic(out, &a_nic, 0);
    if (from_site == to_site)
        add_levels(out, &a_nic, &b_nic, &c);
    else
        add_wan(out, t, &a_nic, &b_nic, &c);
    add_nic(out, &b_nic, 1);
    add_scale_up(out, &b_nic, &b);
    if (out->crosses_wan)
        lh__transport_limit(out, t, (int)(from_site - t->sites));
}

/* Adds the latencies between the leaves of two accelerators: up to the lowest
 * common switch and down, or from group to group. */
static double add_between(double latency_s, const struct place *a,
                          const struct place *b)
{
    const struct lh__site *site = a->site;
    int64_t i = leaf_of(a);
    int64_t j = leaf_of(b);
    int k = 0;

    if (lh__is_mesh(site))
        return i == j ? latency_s : latency_s + site->fabric.switch_latency_s;
    for (; i != j; k++) {
        i = parent(&site->shape, k, i);
        j = parent(&site->shape, k, j);
        latency_s += site->up_latency_s[k];
    }
    while (k-- > 0)
        latency_s += site->up_latency_s[k];
    return latency_s;
}

/* The sum in the order of the path, so that it is the same to the last bit. */
double lh_topology_latency(const struct lh_topology *t, int64_t from,
                           int64_t to)
{
    const struct lh__site *site = &t->sites[lh__site_of(t, from)];
    const struct lh_fabric *f = &site->fabric;

    if (lh__is_torus(site) || site != &t->sites[lh__site_of(t, to)]) {
        struct lh_path path;

        lh_topology_path(&path, t, from, to);
        return path.latency_s;
    }
    struct place a = place_of(site, from - site->first_accelerator);
    struct place b = place_of(site, to - site->first_accelerator);
    if (a.node == b.node)
        return f->scale_up_latency_s + f->scale_up_latency_s;
    rails_meet(&a, &b);
    double latency_s = 0;
    if (a.index != from - site->first_accelerator)
        latency_s += f->scale_up_latency_s + f->scale_up_latency_s;
    latency_s += f->nic_latency_s;
    latency_s = add_between(latency_s, &a, &b);
    latency_s += f->nic_latency_s;
    if (b.index != to - site->first_accelerator) {
        latency_s += f->scale_up_latency_s;
        latency_s += f->scale_up_latency_s;
    }
    return latency_s;
}
