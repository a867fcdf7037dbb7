/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Puts sites onto a map (graphml.c) and its fibres into the WAN.
 *
 * Which node a site stands at: the node whose label is sites[].node; else the
 * one with the site's name; else the nearest node, over a tail of geodesic x
 * route_factor.  Letters' case does not count.  A site named as a node is that
 * node.  Tails have no limit of bandwidth: gateway_bandwidth is that.
 *
 * Which edges become fibres: those that some route between two sites can use.
 * With one more vertex joined to every site's node these are the edges of the
 * biconnected blocks that hold that vertex (a cycle through it is a simple
 * path between two sites).  What is left out needs no coordinates.
 *
 * Length of a fibre: the edge's length_km; else, with both ends located,
 * geodesic x route_factor; else fibre_layout.length; else the nodes without
 * coordinates are placed, round by round, at the mean direction (sum of unit
 * vectors) of the neighbours that are located.  Two links an edge, also in a
 * directed map, where opposite edges are taken for the two ways of one fibre.
 *
 * Place: a layout of list.h.  Leaves out: wavelengths, countries, link types.
 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "topology.h"

struct chart {
    struct lh__wan *wan;
    const struct lh_scenario *scenario;
    struct lh__map map;
    int *site_node;  /* [n_sites] map node */
    bool *by_name;   /* [n_sites] */
    bool *used_edge; /* [n_edges] */
    bool *used_node; /* [n_nodes] an end of a used edge, or a site's */
    int *wan_node;   /* [n_nodes] -1: not used */
};

static struct lh_where map_where(const struct chart *c)
{
    return (struct lh_where){c->map.file, 0, 0};
}

/* ---- sites --------------------------------------------------------------- */

static int node_named(const struct lh__map *map, const char *name)
{
    for (int i = 0; i < map->n_nodes; i++)
        if (strcasecmp(map->label[i], name) == 0)
            return i;
    return -1;
}

static int node_nearest(const struct chart *c, int site)
{
    const struct lh__wan_node *from = &c->wan->nodes[site];
    double best_m = (double)INFINITY;
    int best = -1;

    for (int i = 0; from->has_location && i < c->map.n_nodes; i++) {
        struct lh__wan_node to = {NULL, true, c->map.latitude_deg[i],
                                  c->map.longitude_deg[i]};

        if (!c->map.located[i])
            continue;
        double distance_m = lh__geodesic_m(from, &to);
        if (distance_m < best_m) {
            best_m = distance_m;
            best = i;
        }
    }
    return best;
}

static void no_node(const struct chart *c, const struct lh_site *site,
                    struct lh_ctx *ctx)
{
    const char *name = site->node != NULL ? site->node : site->name;
    const char *near = lh_nearest(name, c->map.label, c->map.n_nodes);
    const char *hint =
        near == NULL ? "" : lh_format(ctx->arena, "; did you mean '%s'?", near);

    if (site->node != NULL)
        lh_error(ctx, site->where, "site '%s': the map %s has no node '%s'%s",
                 site->name, c->map.file, name, hint);
    else
        lh_error(ctx, site->where,
                 "site '%s' is no node of the map %s, and "
                 "%s; give node: LABEL%s",
                 site->name, c->map.file,
                 site->has_location ? "no node of it has coordinates"
                                    : "it has no location to find the "
                                      "nearest one",
                 hint);
}

static enum lh_status sites_attach(struct chart *c, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int i = 0; i < c->scenario->n_sites; i++) {
        const struct lh_site *site = &c->scenario->sites[i];

        c->site_node[i] =
            node_named(&c->map, site->node != NULL ? site->node : site->name);
        c->by_name[i] = c->site_node[i] >= 0;
        if (!c->by_name[i] && site->node == NULL)
            c->site_node[i] = node_nearest(c, i);
        if (c->site_node[i] < 0) {
            no_node(c, site, ctx);
            st = LH_BAD_INPUT;
        }
    }
    return st;
}

/* ---- what routes can use ------------------------------------------------- */

/* The map without self-loops, and one more vertex joined to the sites' nodes.
 */
static igraph_error_t closed_graph(igraph_t *graph, const struct chart *c)
{
    igraph_vector_int_t ends;
    igraph_error_t error = igraph_vector_int_init(&ends, 0);

    if (error != IGRAPH_SUCCESS)
        return error;
    for (int i = 0; error == IGRAPH_SUCCESS && i < c->map.n_edges; i++) {
        if (c->map.from[i] == c->map.to[i])
            continue;
        error = igraph_vector_int_push_back(&ends, c->map.from[i]);
        if (error == IGRAPH_SUCCESS)
            error = igraph_vector_int_push_back(&ends, c->map.to[i]);
    }
    for (int s = 0; error == IGRAPH_SUCCESS && s < c->scenario->n_sites; s++) {
        error = igraph_vector_int_push_back(&ends, c->site_node[s]);
        if (error == IGRAPH_SUCCESS)
            error = igraph_vector_int_push_back(&ends, c->map.n_nodes);
    }
    if (error == IGRAPH_SUCCESS)
        error =
            igraph_create(graph, &ends, c->map.n_nodes + 1, IGRAPH_UNDIRECTED);
    igraph_vector_int_destroy(&ends);
    return error;
}

/* Marks the edges whose ends both lie in the block. */
static void block_use(struct chart *c, const igraph_vector_int_t *block,
                      int *stamp, int number)
{
    for (igraph_integer_t i = 0; i < igraph_vector_int_size(block); i++)
        stamp[VECTOR(*block)[i]] = number;
    if (stamp[c->map.n_nodes] != number)
        return;
    for (int i = 0; i < c->map.n_edges; i++)
        if (c->map.from[i] != c->map.to[i] && stamp[c->map.from[i]] == number
            && stamp[c->map.to[i]] == number)
            c->used_edge[i] = true;
}

static enum lh_status edges_use(struct chart *c, struct lh_ctx *ctx)
{
    igraph_t graph;
    igraph_vector_int_list_t blocks;
    igraph_integer_t n = 0;
    int *stamp = LH_NEW(ctx->arena, int, (size_t)c->map.n_nodes + 1);
    igraph_error_t error = closed_graph(&graph, c);

    if (error != IGRAPH_SUCCESS)
        return lh__igraph_status(ctx, c->map.file, error);
    error = igraph_vector_int_list_init(&blocks, 0);
    if (error != IGRAPH_SUCCESS)
        goto out;
    error =
        igraph_biconnected_components(&graph, &n, NULL, NULL, &blocks, NULL);
    for (igraph_integer_t i = 0; error == IGRAPH_SUCCESS && i < n; i++)
        block_use(c, igraph_vector_int_list_get_ptr(&blocks, i), stamp,
                  (int)i + 1);
    igraph_vector_int_list_destroy(&blocks);
out:
    igraph_destroy(&graph);
    return lh__igraph_status(ctx, c->map.file, error);
}

static void nodes_use(struct chart *c, struct lh_ctx *ctx)
{
    int n_nodes = 0, n_edges = 0, n_loops = 0;

    for (int i = 0; i < c->map.n_edges; i++) {
        n_loops += c->map.from[i] == c->map.to[i];
        if (!c->used_edge[i])
            continue;
        n_edges++;
        c->used_node[c->map.from[i]] = true;
        c->used_node[c->map.to[i]] = true;
    }
    for (int s = 0; s < c->scenario->n_sites; s++)
        c->used_node[c->site_node[s]] = true;
    for (int i = 0; i < c->map.n_nodes; i++)
        n_nodes += c->used_node[i];
    if (n_nodes < c->map.n_nodes || n_edges < c->map.n_edges)
        lh_note(ctx, map_where(c),
                "%d of %d nodes and %d of %d edges lie on "
                "routes between the sites; the others are left out%s",
                n_nodes, c->map.n_nodes, n_edges, c->map.n_edges,
                n_loops > 0 ? " (an edge from a node to itself never lies on "
                              "a route)"
                            : "");
}

/* ---- coordinates --------------------------------------------------------- */

struct vector {
    double x, y, z;
};

static void vector_add(struct vector *sum, double latitude_deg,
                       double longitude_deg)
{
    double latitude = latitude_deg * M_PI / 180;
    double longitude = longitude_deg * M_PI / 180;

    sum->x += cos(latitude) * cos(longitude);
    sum->y += cos(latitude) * sin(longitude);
    sum->z += sin(latitude);
}

/* One round: nodes without coordinates that have located neighbours get the
 * mean direction of these.  Returns how many were placed. */
static int round_place(struct lh__map *map, struct vector *sum)
{
    int n = 0;

    memset(sum, 0, (size_t)map->n_nodes * sizeof *sum);
    for (int i = 0; i < map->n_edges; i++) {
        int a = map->from[i], b = map->to[i];

        if (map->located[a] && !map->located[b])
            vector_add(&sum[b], map->latitude_deg[a], map->longitude_deg[a]);
        if (map->located[b] && !map->located[a])
            vector_add(&sum[a], map->latitude_deg[b], map->longitude_deg[b]);
    }
    for (int i = 0; i < map->n_nodes; i++) {
        double flat = hypot(sum[i].x, sum[i].y);

        if (map->located[i] || hypot(flat, sum[i].z) < 1e-9)
            continue;
        map->latitude_deg[i] = atan2(sum[i].z, flat) * 180 / M_PI;
        map->longitude_deg[i] = atan2(sum[i].y, sum[i].x) * 180 / M_PI;
        map->located[i] = true;
        n++;
    }
    return n;
}

/* A used node without coordinates at a used edge without length. */
static void nodes_missing(const struct chart *c, bool *missing)
{
    const struct lh__map *map = &c->map;

    for (int i = 0; i < map->n_edges; i++) {
        if (!c->used_edge[i] || map->length_m[i] >= 0)
            continue;
        if (!map->located[map->from[i]])
            missing[map->from[i]] = true;
        if (!map->located[map->to[i]])
            missing[map->to[i]] = true;
    }
}

static int count(const bool *flags, int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        sum += flags[i];
    return sum;
}

static enum lh_status lost_report(const struct chart *c, const bool *missing,
                                  struct lh_ctx *ctx)
{
    struct lh_text names = lh_text_new(ctx->arena);
    int n = 0;

    for (int i = 0; i < c->map.n_nodes; i++) {
        if (!missing[i] || c->map.located[i])
            continue;
        if (n < 3)
            lh_text_printf(&names, "%s'%s'", n > 0 ? ", " : "",
                           c->map.label[i]);
        n++;
    }
    if (n == 0)
        return LH_OK;
    lh_error(ctx, map_where(c),
             "%d node%s that routes between the sites can "
             "use ha%s no coordinates, nor ha%s any node joined to %s: %s%s; "
             "give fibre_layout a length",
             n, n == 1 ? "" : "s", n == 1 ? "s" : "ve", n == 1 ? "s" : "ve",
             n == 1 ? "it" : "them", names.s, n > 3 ? ", .." : "");
    return LH_BAD_INPUT;
}

static enum lh_status nodes_locate(struct chart *c, struct lh_ctx *ctx)
{
    size_t n = (size_t)c->map.n_nodes;
    bool *missing = LH_NEW(ctx->arena, bool, n);
    struct vector *sum = LH_NEW(ctx->arena, struct vector, n);

    for (int s = 0; s < c->scenario->n_sites; s++) {
        const struct lh__wan_node *site = &c->wan->nodes[s];
        int node = c->site_node[s];

        if (!c->by_name[s] || c->map.located[node] || !site->has_location)
            continue;
        c->map.latitude_deg[node] = site->latitude_deg;
        c->map.longitude_deg[node] = site->longitude_deg;
        c->map.located[node] = true;
    }
    nodes_missing(c, missing);
    int n_missing = count(missing, c->map.n_nodes);
    if (n_missing == 0 || c->scenario->layout.length_m >= 0) {
        if (n_missing > 0)
            lh_note(ctx, map_where(c),
                    "%d of the nodes used have no "
                    "coordinates: fibres to them have fibre_layout's length",
                    n_missing);
        return LH_OK;
    }
    while (round_place(&c->map, sum) > 0)
        continue;
    enum lh_status st = lost_report(c, missing, ctx);
    if (st == LH_OK)
        lh_note(ctx, map_where(c),
                "%d of the nodes used have no coordinates: "
                "placed at the mean of their neighbours",
                n_missing);
    return st;
}

/* ---- nodes and fibres of the WAN ----------------------------------------- */

static bool name_taken(const struct lh__wan *wan, const char *name)
{
    for (int i = 0; i < wan->n_nodes; i++)
        if (strcmp(wan->nodes[i].name, name) == 0)
            return true;
    return false;
}

/* The label, made unique; '>' and '#' structure the names of links. */
static const char *node_name(const struct chart *c, int node,
                             struct lh_ctx *ctx)
{
    char *name = lh_strdup(ctx->arena, c->map.label[node]);

    for (char *at = name; *at != '\0'; at++)
        if (*at == '>' || *at == '#' || (unsigned char)*at < ' ')
            *at = '_';
    if (name[0] == '\0')
        name = lh_format(ctx->arena, "node %d", node);
    while (name_taken(c->wan, name))
        name = lh_format(ctx->arena, "%s (node %d)", name, node);
    return name;
}

/* Sites named as a node are that node; the others used get their own. */
static void nodes_add(struct chart *c, struct lh_ctx *ctx)
{
    for (int i = 0; i < c->map.n_nodes; i++)
        c->wan_node[i] = -1;
    for (int s = 0; s < c->scenario->n_sites; s++) {
        int node = c->site_node[s];

        if (!c->by_name[s] || c->wan_node[node] >= 0)
            continue;
        c->wan_node[node] = s;
        if (!c->map.located[node])
            continue;
        c->wan->nodes[s].has_location = true;
        c->wan->nodes[s].latitude_deg = c->map.latitude_deg[node];
        c->wan->nodes[s].longitude_deg = c->map.longitude_deg[node];
    }
    for (int i = 0; i < c->map.n_nodes; i++)
        if (c->used_node[i] && c->wan_node[i] < 0)
            c->wan_node[i] = lh__wan_node_add(
                c->wan,
                (struct lh__wan_node){node_name(c, i, ctx), c->map.located[i],
                                      c->map.latitude_deg[i],
                                      c->map.longitude_deg[i]},
                ctx);
}

/* The opposite edge of a directed map, later in the file; -1: none. */
static int opposite(const struct chart *c, const bool *done, int edge)
{
    const struct lh__map *map = &c->map;

    for (int i = edge + 1; i < map->n_edges; i++)
        if (!done[i] && map->from[i] == map->to[edge]
            && map->to[i] == map->from[edge]
            && map->length_m[i] == map->length_m[edge])
            return i;
    return -1;
}

static double edge_bytes_per_s(const struct chart *c, int edge)
{
    double stated = c->map.bytes_per_s[edge];

    return stated > 0 ? stated : c->scenario->layout.bytes_per_s;
}

static enum lh_status edge_add(struct chart *c, int edge, int back,
                               struct lh_ctx *ctx)
{
    const struct lh_layout *layout = &c->scenario->layout;
    int from = c->map.from[edge], to = c->map.to[edge];
    struct lh__span span = {
        .a = c->wan_node[from],
        .b = c->wan_node[to],
        .length_m = c->map.length_m[edge],
        .route_factor = layout->route_factor,
        .equipment_latency_s = layout->equipment_latency_s,
        .bytes_per_s = {edge_bytes_per_s(c, edge), edge_bytes_per_s(c, back)},
        .transport = layout->transport,
        .tcp = layout->tcp,
        .where = map_where(c),
    };

    if (span.length_m < 0 && (!c->map.located[from] || !c->map.located[to]))
        span.length_m = layout->length_m;
    return lh__wan_add(c->wan, &span, ctx);
}

static enum lh_status bandwidth_check(const struct chart *c, struct lh_ctx *ctx)
{
    int n = 0, n_used = 0, first = -1;

    for (int i = c->map.n_edges - 1; i >= 0; i--) {
        n_used += c->used_edge[i];
        if (!c->used_edge[i] || edge_bytes_per_s(c, i) > 0)
            continue;
        n++;
        first = i;
    }
    if (n == 0)
        return LH_OK;
    lh_error(ctx, c->scenario->layout.where,
             "%d of %d edges used of the map "
             "%s state no bandwidth, e.g. '%s' to '%s'; give fibre_layout one, "
             "e.g. 'bandwidth: 400 Gbit/s'",
             n, n_used, c->map.file, c->map.label[c->map.from[first]],
             c->map.label[c->map.to[first]]);
    return LH_BAD_INPUT;
}

static enum lh_status edges_add(struct chart *c, struct lh_ctx *ctx)
{
    bool *done = LH_NEW(ctx->arena, bool, (size_t)c->map.n_edges);
    enum lh_status st = bandwidth_check(c, ctx);
    int n_one_way = 0;

    for (int i = 0; st == LH_OK && i < c->map.n_edges; i++) {
        int back = i;

        if (done[i] || !c->used_edge[i])
            continue;
        if (c->map.directed) {
            back = opposite(c, done, i);
            n_one_way += back < 0;
            back = back < 0 ? i : back;
            done[back] = true;
        }
        st = edge_add(c, i, back, ctx);
    }
    if (n_one_way > 0)
        lh_note(ctx, map_where(c),
                "%d edges of this directed map have no "
                "opposite: each is taken for a fibre of both directions",
                n_one_way);
    return st;
}

/* ---- tails --------------------------------------------------------------- */

static enum lh_status tail_add(struct chart *c, int site, struct lh_ctx *ctx)
{
    const struct lh_site *s = &c->scenario->sites[site];
    int node = c->site_node[site];
    struct lh__span span = {
        .a = site,
        .b = c->wan_node[node],
        .length_m = c->by_name[site] ? 0 : -1,
        .route_factor = c->scenario->layout.route_factor,
        .bytes_per_s = {(double)INFINITY, (double)INFINITY},
        .transport = LH_TRANSPORT_IDEAL,
        .where = s->where,
    };

    if (span.a == span.b)
        return LH_OK;
    if (!c->by_name[site])
        lh_note(ctx, s->where,
                "site '%s' is joined to the nearest node of "
                "the map, '%s', by a fibre of %s",
                s->name, c->map.label[node],
                lh_units_human(ctx->arena,
                               span.route_factor
                                   * lh__geodesic_m(&c->wan->nodes[site],
                                                    &c->wan->nodes[span.b]),
                               LH_DIM_LENGTH));
    return lh__wan_add(c->wan, &span, ctx);
}

enum lh_status lh__map_add(struct lh__wan *wan,
                           const struct lh_scenario *scenario,
                           struct lh_ctx *ctx)
{
    size_t n_sites = (size_t)scenario->n_sites;
    struct chart c = {.wan = wan, .scenario = scenario};
    enum lh_status st = lh__map_read(&c.map, scenario->layout.file, ctx);

    if (st != LH_OK)
        return st;
    c.site_node = LH_NEW(ctx->arena, int, n_sites);
    c.by_name = LH_NEW(ctx->arena, bool, n_sites);
    c.used_edge = LH_NEW(ctx->arena, bool, (size_t)c.map.n_edges);
    c.used_node = LH_NEW(ctx->arena, bool, (size_t)c.map.n_nodes);
    c.wan_node = LH_NEW(ctx->arena, int, (size_t)c.map.n_nodes);
    wan->map = c.map.file;
    st = sites_attach(&c, ctx);
    if (st != LH_OK)
        return st;
    st = edges_use(&c, ctx);
    if (st != LH_OK)
        return st;
    nodes_use(&c, ctx);
    st = nodes_locate(&c, ctx);
    if (st != LH_OK)
        return st;
    nodes_add(&c, ctx);
    st = edges_add(&c, ctx);
    for (int s = 0; st == LH_OK && s < scenario->n_sites; s++)
        st = tail_add(&c, s, ctx);
    return st;
}
