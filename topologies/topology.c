/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Builds the graph: sites (list.h: rails, fat-tree, torus ..), their gateways,
 * the fibres between them (wan.c, map.c), and the routes (route.c).
 *
 * Place: struct lh_scenario -> struct lh_topology, the second stage.
 *
 * Capacities, bytes/s in each direction:
 *   scale-up  scale_up_bytes_per_s x scale_up_frac
 *   NIC       nic_bytes_per_s x nic_frac
 *   uplink    the shape's (nominal x spread_frac; rails.c, fat_tree.c)
 *   gateway   gateway_bytes_per_s of the site in total, INFINITY = no limit
 *   fibre     as given (usable)
 * Latencies are the fabric's per link; gateway links take switch_latency_s.
 * A site with one top-level switch has one gateway link.  A rails site with a
 * single pod has a leaf a rail and no spine: every leaf is joined to the
 * gateway, over a border switch where the gateway has a limit, so that the
 * limit holds for the sum of the rails.
 *
 * Equal parallel cables are one link.  O(vertices + links) without the WAN.
 * Leaves out: faults and changing capacities (the engine sets those), hashing.
 */
#include <math.h>

#include "topology.h"

typedef void shape_fn(struct lh__shape *out, const struct lh_fabric *fabric,
                      int64_t gpus);

static shape_fn *const shapes[] = {
#define LH_FABRIC(id, name, shape, help) [LH_FABRIC_##id] = shape,
#include "list.h"
};

/* ---- igraph's handlers --------------------------------------------------- */

struct lh__handlers lh__igraph_begin(igraph_error_handler_t *error)
{
    struct lh__handlers saved;

    saved.error = igraph_set_error_handler(error);
    saved.warning = igraph_set_warning_handler(igraph_warning_handler_ignore);
    return saved;
}

void lh__igraph_end(struct lh__handlers saved)
{
    igraph_set_error_handler(saved.error);
    igraph_set_warning_handler(saved.warning);
}

enum lh_status lh__igraph_status(struct lh_ctx *ctx, const char *what,
                                 igraph_error_t error)
{
    if (error == IGRAPH_SUCCESS)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE, "%s: igraph: %s", what, igraph_strerror(error));
    return LH_FAILED;
}

/* ---- values of a fabric -------------------------------------------------- */

struct range {
    const char *key;
    double value;
    double above;   /* value > above ..   */
    double at_most; /* .. and <= at_most  */
};

static bool in_range(const struct range *r)
{
    return isfinite(r->value) && r->value > r->above && r->value <= r->at_most;
}

static void levels_check(const struct lh__site *site, struct lh_where where,
                         struct lh_ctx *ctx)
{
    const struct lh_fabric *f = &site->fabric;

    for (int k = 0; k < f->n_levels; k++)
        if (f->group[k] < 1)
            lh_error(ctx, where,
                     "site '%s': fabric: group[%d] is %lld; it "
                     "must be at least 1",
                     site->name, k, (long long)f->group[k]);
    for (int k = 0; k < f->n_oversubscription; k++)
        if (!(f->oversubscription[k] > 0) || !isfinite(f->oversubscription[k]))
            lh_error(ctx, where,
                     "site '%s': fabric: oversubscription[%d] is "
                     "%g; it must be above 0",
                     site->name, k, f->oversubscription[k]);
    if (f->kind == LH_FABRIC_RAILS
        && (f->n_levels > 1 || f->n_oversubscription > 1))
        lh_error(ctx, where,
                 "site '%s': fabric: rails has one level of pods, "
                 "so it takes one group and one oversubscription; use kind "
                 "fat-tree for more levels",
                 site->name);
}

/* The scenario's reader checks its keys; a fabric may also come from a
 * caller's own struct, and a capacity that is not above 0 would only surface
 * as a flow that never ends. */
static enum lh_status fabric_check(const struct lh__site *site,
                                   struct lh_where where, struct lh_ctx *ctx)
{
    const struct lh_fabric *f = &site->fabric;
    bool scale_up = f->kind != LH_FABRIC_SWITCH && f->scale_up_gpus > 1;
    const struct range ranges[] = {
        {"gpus", (double)site->gpus, 0, 1e8},
        {"scale_up_gpus", (double)f->scale_up_gpus, 0, 1e8},
        {"scale_up_bandwidth", scale_up ? f->scale_up_bytes_per_s : 1, 0,
         HUGE_VAL},
        {"scale_up_efficiency", scale_up ? f->scale_up_frac : 1, 0, 1},
        {"scale_up_latency", -f->scale_up_latency_s, -1e9, 0},
        {"nic_bandwidth", f->nic_bytes_per_s, 0, HUGE_VAL},
        {"nic_efficiency", f->nic_frac, 0, 1},
        {"nic_latency", -f->nic_latency_s, -1e9, 0},
        {"switch_latency", -f->switch_latency_s, -1e9, 0},
        {"spread_efficiency", f->spread_frac, 0, 1},
    };
    int before = lh_diag_count(ctx, LH_ERROR);

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (!in_range(&ranges[i]))
            lh_error(ctx, where, "site '%s': fabric: %s is out of range",
                     site->name, ranges[i].key);
    if (!(site->gateway_bytes_per_s > 0))
        lh_error(ctx, where, "site '%s': gateway_bandwidth must be above 0",
                 site->name);
    levels_check(site, where, ctx);
    if (f->kind == LH_FABRIC_TORUS
        && lh__torus_check(site, where, ctx) != LH_OK)
        return LH_BAD_INPUT;
    return lh_diag_count(ctx, LH_ERROR) > before ? LH_BAD_INPUT : LH_OK;
}

/* ---- ids ----------------------------------------------------------------- */

static bool has_nvswitches(const struct lh__site *site)
{
    return site->shape.scale_up_gpus > 1 && !lh__is_torus(site);
}

static int64_t scale_up_cables(const struct lh__site *site)
{
    if (lh__is_torus(site))
        return lh__torus_cables(site);
    return site->shape.scale_up_gpus > 1 ? site->gpus : 0;
}

static int top_level(const struct lh__site *site)
{
    return site->shape.n_levels - 1;
}

static int64_t top_count(const struct lh__site *site)
{
    return site->shape.count[top_level(site)];
}

/* Numbers a site's vertices from *vertex on and its links from *link on. */
static void site_number(struct lh__site *site, bool gateway, int64_t *vertex,
                        int64_t *link)
{
    const struct lh__shape *shape = &site->shape;

    site->first_nvswitch = (lh_node)*vertex;
    *vertex += has_nvswitches(site) ? site->nodes : 0;
    for (int k = 0; k < shape->n_levels; k++) {
        site->first_switch[k] = (lh_node)*vertex;
        *vertex += shape->count[k];
    }
    bool border =
        gateway && top_count(site) > 1 && isfinite(site->gateway_bytes_per_s);
    site->gateway = gateway ? (lh_node)(*vertex)++ : -1;
    site->border = border ? (lh_node)(*vertex)++ : -1;

    site->first_link = (lh_link)*link;
    site->first_scale_up = (lh_link)*link;
    *link += 2 * scale_up_cables(site);
    site->first_nic = (lh_link)*link;
    *link += 2 * site->gpus;
    for (int k = 0; k < top_level(site); k++) {
        site->first_up[k] = (lh_link)*link;
        *link += 2 * shape->count[k];
    }
    site->first_gateway = (lh_link)*link;
    *link += gateway ? 2 * top_count(site) : 0;
    site->border_link = (lh_link)*link;
    *link += border ? 2 : 0;
    site->end_link = (lh_link)*link;
}

static enum lh_status sites_make(struct lh_topology *t,
                                 const struct lh_scenario *scenario,
                                 struct lh_ctx *ctx)
{
    int64_t domain = 0;
    enum lh_status st = LH_OK;

    t->n_sites = scenario->n_sites;
    t->sites = LH_NEW(ctx->arena, struct lh__site, (size_t)t->n_sites);
    for (int i = 0; i < t->n_sites; i++) {
        const struct lh_site *from = &scenario->sites[i];
        struct lh__site *site = &t->sites[i];

        site->name = from->name;
        site->fabric = from->fabric;
        site->gpus = from->gpus;
        site->gateway_bytes_per_s = from->gateway_bytes_per_s;
        if (fabric_check(site, from->where, ctx) != LH_OK) {
            st = LH_BAD_INPUT;
            continue;
        }
        shapes[site->fabric.kind](&site->shape, &site->fabric, site->gpus);
        int64_t size = site->shape.scale_up_gpus;
        site->nodes = (site->gpus + size - 1) / size;
        site->first_accelerator = t->n_accelerators;
        site->first_domain = domain;
        t->n_accelerators += site->gpus;
        domain += site->nodes;
    }
    return st;
}

static enum lh_status number(struct lh_topology *t, struct lh_ctx *ctx)
{
    int64_t vertex = t->n_accelerators;
    int64_t link = 0;

    if (t->n_accelerators > INT32_MAX / 32) {
        lh_error(ctx, LH_NOWHERE,
                 "%lld accelerators in one graph are not "
                 "supported by this version",
                 (long long)t->n_accelerators);
        return LH_BAD_INPUT;
    }
    for (int i = 0; i < t->n_sites; i++)
        site_number(&t->sites[i], t->n_sites > 1, &vertex, &link);
    t->first_wan = (lh_link)link;
    t->n_vertices = (lh_node)(vertex + t->wan.n_nodes - t->wan.n_sites);
    t->n_links = (lh_link)(link + 2 * t->wan.n_fibres);
    return LH_OK;
}

/* ---- vertices ------------------------------------------------------------ */

static void vertices_set(struct lh_topology *t, int site, int64_t first,
                         int64_t n, enum lh__vertex_kind kind, int level)
{
    for (int64_t i = 0; i < n; i++) {
        t->vertex_kind[first + i] = (uint8_t)kind;
        t->vertex_level[first + i] = (uint8_t)level;
        t->vertex_site[first + i] = site;
        t->vertex_index[first + i] = (int32_t)i;
    }
}

static void vertices_make(struct lh_topology *t)
{
    size_t n = (size_t)t->n_vertices;
    int n_map = t->wan.n_nodes - t->wan.n_sites;

    t->vertex_kind = LH_NEW(t->arena, uint8_t, n);
    t->vertex_level = LH_NEW(t->arena, uint8_t, n);
    t->vertex_site = LH_NEW(t->arena, int32_t, n);
    t->vertex_index = LH_NEW(t->arena, int32_t, n);
    for (int i = 0; i < t->n_sites; i++) {
        const struct lh__site *s = &t->sites[i];

        vertices_set(t, i, s->first_accelerator, s->gpus, LH__ACCELERATOR, 0);
        if (has_nvswitches(s))
            vertices_set(t, i, s->first_nvswitch, s->nodes, LH__NVSWITCH, 0);
        for (int k = 0; k < s->shape.n_levels; k++)
            vertices_set(t, i, s->first_switch[k], s->shape.count[k],
                         LH__SWITCH, k);
        if (s->gateway >= 0)
            vertices_set(t, i, s->gateway, 1, LH__GATEWAY, 0);
        if (s->border >= 0)
            vertices_set(t, i, s->border, 1, LH__BORDER, 0);
    }
    vertices_set(t, -1, t->n_vertices - n_map, n_map, LH__MAP_NODE, 0);
}

/* ---- links --------------------------------------------------------------- */

struct cable {
    int64_t a, b; /* vertices; the first link goes a to b */
    double bytes_per_s[2];
    double latency_s;
    enum lh_link_kind kind;
};

struct builder {
    struct lh_topology *t;
    igraph_vector_int_t *ends;
    lh_link next;
};

static void cable_add(struct builder *b, const struct cable *c)
{
    struct lh_topology *t = b->t;

    for (int way = 0; way < 2; way++) {
        lh_link link = b->next++;

        VECTOR(*b->ends)[2 * link] = way ? c->b : c->a;
        VECTOR(*b->ends)[2 * link + 1] = way ? c->a : c->b;
        t->capacity_bytes_per_s[link] = c->bytes_per_s[way];
        t->latency_s[link] = c->latency_s;
        t->link_kind[link] = (uint8_t)c->kind;
    }
}

static void accelerators_add(struct builder *b, const struct lh__site *s)
{
    const struct lh_fabric *f = &s->fabric;
    int64_t size = s->shape.scale_up_gpus;
    int64_t n_rails = s->shape.n_rails;
    double up = f->scale_up_bytes_per_s * f->scale_up_frac;
    double nic = f->nic_bytes_per_s * f->nic_frac;

    for (int64_t i = 0; i < scale_up_cables(s); i++) {
        struct cable c = {s->first_accelerator + i,
                          s->first_nvswitch + i / size,
                          {up, up},
                          f->scale_up_latency_s,
                          LH_LINK_SCALE_UP};
        if (lh__is_torus(s)) {
            struct lh__torus_ends ends = lh__torus_ends(s, i);
            c.a = s->first_accelerator + ends.lower;
            c.b = s->first_accelerator + ends.upper;
        }
        cable_add(b, &c);
    }
    for (int64_t i = 0; i < s->gpus; i++) {
        int64_t leaf = i / size / s->shape.leaf_nodes * n_rails
                       + (n_rails > 1 ? i % size : 0);

        cable_add(b, &(struct cable){s->first_accelerator + i,
                                     s->first_switch[0] + leaf,
                                     {nic, nic},
                                     f->nic_latency_s,
                                     LH_LINK_NIC});
    }
}

static void switches_add(struct builder *b, const struct lh__site *s)
{
    const enum lh_link_kind kind[] = {LH_LINK_LEAF, LH_LINK_SPINE,
                                      LH_LINK_CORE};

    for (int k = 0; k < top_level(s); k++) {
        double up = s->shape.up_bytes_per_s[k];

        for (int64_t j = 0; j < s->shape.count[k]; j++)
            cable_add(b, &(struct cable){s->first_switch[k] + j,
                                         s->first_switch[k + 1]
                                             + j / s->shape.children[k],
                                         {up, up},
                                         s->fabric.switch_latency_s,
                                         kind[k < 2 ? k : 2]});
    }
}

static void gateway_add(struct builder *b, const struct lh__site *s)
{
    lh_node first = s->first_switch[top_level(s)];
    double limit = s->gateway_bytes_per_s;
    double spread = s->border >= 0 ? (double)INFINITY : limit;

    if (s->gateway < 0)
        return;
    for (int64_t j = 0; j < top_count(s); j++)
        cable_add(b, &(struct cable){first + j,
                                     s->border >= 0 ? s->border : s->gateway,
                                     {spread, spread},
                                     s->fabric.switch_latency_s,
                                     LH_LINK_GATEWAY});
    if (s->border >= 0)
        cable_add(
            b,
            &(struct cable){
                s->border, s->gateway, {limit, limit}, 0.0, LH_LINK_GATEWAY});
}

static int64_t wan_vertex(const struct lh_topology *t, int node)
{
    if (node < t->n_sites)
        return t->sites[node].gateway;
    return t->n_vertices - (t->wan.n_nodes - node);
}

static void fibres_add(struct builder *b)
{
    const struct lh_topology *t = b->t;

    for (int i = 0; i < t->wan.n_fibres; i++) {
        const struct lh__fibre *f = &t->wan.fibres[i];

        cable_add(b, &(struct cable){wan_vertex(t, f->a),
                                     wan_vertex(t, f->b),
                                     {f->bytes_per_s[0], f->bytes_per_s[1]},
                                     f->latency_s,
                                     LH_LINK_WAN});
    }
}

static enum lh_status graph_make(struct lh_topology *t, struct lh_ctx *ctx)
{
    size_t n = (size_t)t->n_links;
    igraph_vector_int_t ends;
    struct builder b = {.t = t, .ends = &ends};
    enum lh_status st;

    t->capacity_bytes_per_s = LH_NEW(ctx->arena, double, n);
    t->latency_s = LH_NEW(ctx->arena, double, n);
    t->link_kind = LH_NEW(ctx->arena, uint8_t, n);
    t->link_name = LH_NEW(ctx->arena, const char *, n);
    st = lh__igraph_status(ctx, "topology",
                           igraph_vector_int_init(&ends, 2 * t->n_links));
    if (st != LH_OK)
        return st;
    for (int i = 0; i < t->n_sites; i++) {
        accelerators_add(&b, &t->sites[i]);
        switches_add(&b, &t->sites[i]);
        gateway_add(&b, &t->sites[i]);
    }
    fibres_add(&b);
    st = lh__igraph_status(
        ctx, "topology",
        igraph_create(&t->graph, &ends, t->n_vertices, IGRAPH_DIRECTED));
    igraph_vector_int_destroy(&ends);
    return st;
}

/* ---- public -------------------------------------------------------------- */

enum lh_status lh_topology_build(struct lh_topology **out,
                                 const struct lh_scenario *scenario,
                                 struct lh_ctx *ctx)
{
    struct lh_topology *t = LH_NEW(ctx->arena, struct lh_topology, 1);
    struct lh__handlers saved = lh__igraph_begin(igraph_error_handler_ignore);
    enum lh_status st, wan;

    t->arena = ctx->arena;
    st = sites_make(t, scenario, ctx);
    wan = lh__wan_build(&t->wan, scenario, ctx);
    if (st == LH_OK)
        st = wan;
    if (st != LH_OK)
        goto out;
    st = number(t, ctx);
    if (st != LH_OK)
        goto out;
    vertices_make(t);
    st = graph_make(t, ctx);
    if (st != LH_OK)
        goto out;
    st = lh__routes_build(t, scenario, ctx);
    if (st != LH_OK) {
        igraph_destroy(&t->graph);
        goto out;
    }
    *out = t;
out:
    lh__igraph_end(saved);
    return st;
}

void lh_topology_free(struct lh_topology *topology)
{
    if (topology != NULL)
        igraph_destroy(&topology->graph);
}

int lh_topology_link_count(const struct lh_topology *t)
{
    return t->n_links;
}

struct lh_link_info lh_topology_link_facts(const struct lh_topology *t,
                                           lh_link link)
{
    struct lh_link_info info = {
        .from = lh__link_from(t, link),
        .to = lh__link_to(t, link),
        .capacity_bytes_per_s = t->capacity_bytes_per_s[link],
        .latency_s = t->latency_s[link],
        .kind = (enum lh_link_kind)t->link_kind[link],
    };

    info.site_from = t->vertex_site[info.from];
    info.site_to = t->vertex_site[info.to];
    if (info.kind == LH_LINK_WAN)
        info.length_m = t->wan.fibres[(link - t->first_wan) / 2].length_m;
    return info;
}

struct lh_link_info lh_topology_link_at(const struct lh_topology *t,
                                        lh_link link)
{
    struct lh_link_info info = lh_topology_link_facts(t, link);

    if (t->link_name[link] == NULL)
        t->link_name[link] = lh__link_name(t->arena, t, link);
    info.name = t->link_name[link];
    return info;
}

double lh_topology_link_capacity(const struct lh_topology *t, lh_link link)
{
    return t->capacity_bytes_per_s[link];
}

int64_t lh_topology_accelerator_count(const struct lh_topology *t)
{
    return t->n_accelerators;
}

int lh_topology_accelerator_site(const struct lh_topology *t, int64_t a)
{
    return t->vertex_site[a];
}

int64_t lh_topology_accelerator_domain(const struct lh_topology *t, int64_t a)
{
    const struct lh__site *site = &t->sites[t->vertex_site[a]];

    return site->first_domain
           + (a - site->first_accelerator) / site->shape.scale_up_gpus;
}
