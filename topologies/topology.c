/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Builds the machine: sites (list.h: rails, fat-tree, torus ..), their
 * gateways, the fibres between them (wan.c, map.c), and the routes (route.c).
 *
 * Place: struct lh_scenario -> struct lh_topology, the second stage.
 *
 * Capacities, bytes/s in each direction:
 *   scale-up  scale_up_bytes_per_s x scale_up_frac
 *   NIC       nic_bytes_per_s x nic_frac
 *   uplink    the shape's (nominal x spread_frac; rails.c, fat_tree.c); hashed,
 *             each of its cables an equal part of the nominal (ecmp.c)
 *   gateway   gateway_bytes_per_s of the site in total, INFINITY = no limit
 *   fibre     as given (usable)
 * Latencies are the fabric's per link; gateway links take switch_latency_s,
 * those to the core of a campus its fibre too (campus.c).
 * A site with one top-level switch has one gateway link.  A rails site with a
 * single pod has a leaf a rail and no spine: every leaf is joined to the
 * gateway, over a border switch where the gateway has a limit, so that the
 * limit holds for the sum of the rails.
 *
 * Equal parallel cables are one link.  What is built is a few numbers a site
 * and its levels, however many accelerators it has: the links are runs of equal
 * ones (blocks), and ids.c computes each from its id.
 *
 * A unit of a site is a run of accelerators that only links of the site as a
 * whole join to the others.  With span(k) the accelerators below a switch of
 * level k, span(0) = leaf_nodes x S, span(k+1) = span(k) x children(k):
 *
 *     unit = span(n_levels - 2), what hangs below one child of the top level;
 *            S, the scale-up domain, where there is one level
 *            the whole site, where a mesh joins every two groups: such a cable
 *            depends on both ends; there the gateway's links stand in it too
 *
 * Leaves out: faults and changing capacities (the engine sets those).
 */
#include <math.h>

#include "topology.h"

static lh__shape_fn *const shapes[] = {
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
    for (int k = 0; k < f->n_cables; k++)
        if (f->cables[k] < 1 || f->cables[k] > LH_CABLES_MAX)
            lh_error(ctx, where,
                     "site '%s': fabric: cables[%d] is %lld; it must be 1 to "
                     "%d",
                     site->name, k, (long long)f->cables[k], LH_CABLES_MAX);
    if (f->kind == LH_FABRIC_DRAGONFLY
        && (f->n_levels != 1 || f->n_oversubscription > 1))
        lh_error(ctx, where,
                 "site '%s': fabric: dragonfly takes one group, the nodes of "
                 "a group, and one oversubscription",
                 site->name);
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
    if (lh_diag_count(ctx, LH_ERROR) > before)
        return LH_BAD_INPUT;
    return lh__is_campus(f, site->gpus)
               ? lh__campus_check(site, shapes[f->kind], where, ctx)
               : LH_OK;
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

static int64_t top_count(const struct lh__site *site)
{
    return site->shape.count[lh__top_level(site)];
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
    for (int k = 0; k < lh__top_level(site); k++) {
        site->first_up[k] = (lh_link)*link;
        *link += 2 * shape->count[k] * shape->cables[k];
    }
    site->first_mesh = (lh_link)*link;
    *link += 2 * shape->mesh_cables;
    site->first_gateway = (lh_link)*link;
    *link += gateway ? 2 * top_count(site) : 0;
    site->border_link = (lh_link)*link;
    *link += border ? 2 : 0;
    site->end_link = (lh_link)*link;
}

static void block_add(struct lh__site *site, const struct lh__block *block)
{
    site->blocks[site->n_blocks++] = *block;
}

/* The capacities and latencies of the table above. */
static void blocks_make(struct lh__site *s)
{
    const enum lh_link_kind kind[] = {LH_LINK_LEAF, LH_LINK_SPINE,
                                      LH_LINK_CORE};
    const struct lh_fabric *f = &s->fabric;
    double limit = s->gateway_bytes_per_s;

    block_add(s, &(struct lh__block){s->first_scale_up, LH_LINK_SCALE_UP, 0,
                                     f->scale_up_bytes_per_s * f->scale_up_frac,
                                     f->scale_up_latency_s, 1});
    block_add(s, &(struct lh__block){s->first_nic, LH_LINK_NIC, 0,
                                     f->nic_bytes_per_s * f->nic_frac,
                                     f->nic_latency_s, 1});
    for (int k = 0; k < lh__top_level(s); k++)
        block_add(s,
                  &(struct lh__block){s->first_up[k], kind[k < 2 ? k : 2], k,
                                      s->shape.up_bytes_per_s[k]
                                          / (double)s->shape.cables[k],
                                      s->up_latency_s[k], s->shape.cables[k]});
    if (lh__is_mesh(s))
        block_add(s, &(struct lh__block){s->first_mesh, LH_LINK_LEAF, 0,
                                         s->shape.mesh_bytes_per_s,
                                         f->switch_latency_s, 1});
    block_add(s, &(struct lh__block){s->first_gateway, LH_LINK_GATEWAY,
                                     lh__top_level(s),
                                     s->border >= 0 ? (double)INFINITY : limit,
                                     f->switch_latency_s, 1});
    block_add(s, &(struct lh__block){s->border_link, LH_LINK_GATEWAY, 0, limit,
                                     0.0, 1});
}

/* What is divided by is at most what is divided, so that it fits 32 bits. */
static void shape_clamp(struct lh__shape *shape, int64_t nodes)
{
    if (shape->leaf_nodes > nodes)
        shape->leaf_nodes = nodes;
    for (int k = 0; k + 1 < shape->n_levels; k++)
        if (shape->children[k] > shape->count[k])
            shape->children[k] = shape->count[k];
}

static void units_make(struct lh__site *s)
{
    int top = lh__top_level(s);

    s->span[0] = s->shape.leaf_nodes * s->shape.scale_up_gpus;
    for (int k = 0; k < top; k++)
        s->span[k + 1] = s->span[k]
                         * (k == 0 ? s->shape.children[k] / s->shape.n_rails
                                   : s->shape.children[k]);
    s->unit = top > 0 ? s->span[top - 1] : s->shape.scale_up_gpus;
    if (lh__is_mesh(s))
        s->unit = s->nodes * s->shape.scale_up_gpus;
}

/* Imperfect spraying is no part of a hash's capacities: it shows in them.  A
 * dragonfly has its own routing. */
static void site_shape(struct lh__site *site, enum lh_routing routing)
{
    bool hashed =
        routing == LH_ECMP && site->fabric.kind != LH_FABRIC_DRAGONFLY;

    if (hashed)
        site->fabric.spread_frac = 1;
    if (lh__is_campus(&site->fabric, site->gpus))
        lh__campus_shape(&site->shape, shapes[site->fabric.kind], &site->fabric,
                         site->gpus);
    else
        shapes[site->fabric.kind](&site->shape, &site->fabric, site->gpus);
    for (int k = 0; k < LH__LEVELS; k++)
        site->shape.cables[k] = 1;
    if (hashed)
        lh__cables_make(&site->shape, &site->fabric);
    int64_t size = site->shape.scale_up_gpus;
    site->nodes = (site->gpus + size - 1) / size;
    shape_clamp(&site->shape, site->nodes);
    units_make(site);
}

/* Of uplinks; those to the core of a campus are fibre. */
static enum lh_status latencies_make(struct lh_topology *t, struct lh_ctx *ctx)
{
    for (int i = 0; i < t->n_sites; i++) {
        struct lh__site *site = &t->sites[i];
        int top = lh__top_level(site);

        for (int k = 0; k < top; k++)
            site->up_latency_s[k] = site->fabric.switch_latency_s;
        if (!site->shape.is_campus)
            continue;
        if (lh__fibre_constants(&t->wan, ctx) != LH_OK)
            return LH_BAD_INPUT;
        site->up_latency_s[top - 1] +=
            site->fabric.building_length_m / 2 * t->wan.latency_s_per_m;
    }
    return LH_OK;
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
        site_shape(site, scenario->routing);
        for (int k = 0; k < lh__top_level(site); k++)
            t->hashed = t->hashed || site->shape.cables[k] > 1;
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

    for (int i = 0; i < t->n_sites; i++)
        site_number(&t->sites[i], t->n_sites > 1, &vertex, &link);
    int64_t n_vertices = vertex + t->wan.n_nodes - t->wan.n_sites;
    int64_t n_links = link + 2 * (int64_t)t->wan.n_fibres;
    if (n_links > INT32_MAX || n_vertices > INT32_MAX) {
        lh_error(ctx, LH_NOWHERE,
                 "%lld accelerators have %lld links; more than %d are not "
                 "supported by this version",
                 (long long)t->n_accelerators, (long long)n_links, INT32_MAX);
        return LH_BAD_INPUT;
    }
    t->first_wan = (lh_link)link;
    t->first_map_node = (lh_node)vertex;
    t->n_vertices = (lh_node)n_vertices;
    t->n_links = (lh_link)n_links;
    for (int i = 0; i < t->n_sites; i++)
        blocks_make(&t->sites[i]);
    return LH_OK;
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
    t->seed = (uint64_t)scenario->seed;
    t->graph = LH_NEW(ctx->arena, struct lh__graph *, 1);
    st = sites_make(t, scenario, ctx);
    wan = lh__wan_build(&t->wan, scenario, ctx);
    if (st == LH_OK)
        st = wan;
    if (st != LH_OK)
        goto out;
    st = latencies_make(t, ctx);
    if (st != LH_OK)
        goto out;
    st = number(t, ctx);
    if (st != LH_OK)
        goto out;
    t->by_name = lh__by_name_make(&t->wan, ctx->arena);
    st = lh__outages_make(&t->outages, t, scenario, ctx);
    if (st != LH_OK)
        goto out;
    st = lh__routes_build(t, scenario, ctx);
    if (st != LH_OK)
        goto out;
    *out = t;
out:
    lh__igraph_end(saved);
    return st;
}

void lh_topology_free(struct lh_topology *topology)
{
    if (topology != NULL)
        lh__graph_free(*topology->graph);
}
