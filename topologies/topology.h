/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to topologies/: how struct lh_topology is laid out.
 *
 * Vertices: accelerators of all sites, then a site's switches, site by site,
 * then the nodes of a map that are no site:
 *
 *   0 .. A-1        | nvswitches, level 0, 1, .., gateway, border | .. | map
 *   accelerators      of site 0                                   site 1 ..
 *
 * Links come in pairs: link 2k is one direction of a cable (upwards, from the
 * accelerator to the gateway; a to b on a fibre) and 2k + 1 the other, so the
 * opposite of link l is l ^ 1.  Within a site:
 *
 *   scale-up [gpus] | NIC [gpus] | up of level 0 [count] | up of level 1 | ..
 *   | top level to gateway [count of the top] | border to gateway [0 or 1]
 *
 * and after all sites the fibres.  Everything a path needs is therefore
 * arithmetic on these first ids.
 */
#ifndef LH_TOPOLOGIES_TOPOLOGY_H
#define LH_TOPOLOGIES_TOPOLOGY_H

#include <igraph/igraph.h>

#include <longhaul/topology.h>

enum { LH__LEVELS = LH_FABRIC_LEVELS + 1 };

/* Most links that one end of a path needs inside its site: two over the
 * scale-up switch, the NIC, the levels, top to border to gateway. */
enum { LH__SITE_LINKS_MAX = 2 + 1 + (LH__LEVELS - 1) + 2 };
enum { LH__ROUTE_MAX = LH_PATH_MAX - 2 * LH__SITE_LINKS_MAX };

/* Levels of switches over the NICs of a site; what a fabric's file fills.
 *
 * The leaf of the accelerator with index i in its site, node = i / S:
 *     (node / leaf_nodes) * n_rails + (n_rails > 1 ? i % S : 0)
 * Switch j of level k hangs under switch j / children[k] of level k + 1. */
struct lh__shape {
    int64_t scale_up_gpus; /* S; 1: no scale-up switch        */
    int64_t leaf_nodes;
    int64_t n_rails;
    int n_levels;                      /* >= 1                            */
    int64_t count[LH__LEVELS];         /* switches of a level             */
    int64_t children[LH__LEVELS];      /* [n_levels - 1]                  */
    double up_bytes_per_s[LH__LEVELS]; /* [n_levels - 1] of one switch    */
};

struct lh__site {
    const char *name;
    struct lh_fabric fabric;
    struct lh__shape shape;
    int64_t gpus;
    int64_t nodes;             /* scale-up domains                */
    int64_t first_accelerator; /* also its vertex                 */
    int64_t first_domain;
    double gateway_bytes_per_s;
    lh_node first_nvswitch;           /* [nodes], if S > 1               */
    lh_node first_switch[LH__LEVELS]; /* [count]                         */
    lh_node gateway;                  /* -1: the only site               */
    lh_node border;                   /* -1: the top level is one switch,
                                         or the gateway has no limit     */
    lh_link first_link, end_link;
    lh_link first_scale_up;
    lh_link first_nic;
    lh_link first_up[LH__LEVELS];
    lh_link first_gateway;
    lh_link border_link;
};

/* ---- fibres -------------------------------------------------------------- */

/* WAN node w < n_sites is the gateway of site w; the others are map nodes. */
struct lh__wan_node {
    const char *name;
    bool has_location;
    double latitude_deg, longitude_deg;
};

/* One fibre, or a bundle of fibres with equal ends, length, latency and
 * transport. */
struct lh__fibre {
    int a, b;
    double length_m;
    double geodesic_m; /* < 0: the length was given                 */
    double route_factor;
    double latency_s;      /* one way                                   */
    double bytes_per_s[2]; /* a to b, b to a                            */
    enum lh_transport transport;
    struct lh_tcp tcp;
    int n_cables;
    int ordinal; /* 1: first between its ends                 */
};

struct lh__wan {
    int n_sites;
    int n_nodes;
    size_t node_capacity;
    struct lh__wan_node *nodes;
    int n_fibres;
    size_t fibre_capacity;
    struct lh__fibre *fibres;
    double latency_s_per_m;
    const char *map; /* file of a GraphML layout, or NULL         */
};

/* A fibre before its length and latency are known. */
struct lh__span {
    int a, b;
    double length_m; /* < 0: geodesic x route_factor              */
    double route_factor;
    double equipment_latency_s;
    double bytes_per_s[2];
    enum lh_transport transport;
    struct lh_tcp tcp;
    struct lh_where where;
};

/* Route from one gateway to another. */
struct lh__route {
    int n_links;
    lh_link *links;
    double latency_s;
};

enum lh__vertex_kind {
    LH__ACCELERATOR,
    LH__NVSWITCH,
    LH__SWITCH,
    LH__GATEWAY,
    LH__BORDER,
    LH__MAP_NODE,
};

struct lh_topology {
    struct lh_arena *arena;
    igraph_t graph;
    int n_sites;
    struct lh__site *sites;
    int64_t n_accelerators;
    lh_node n_vertices;
    uint8_t *vertex_kind;  /* [n_vertices] enum lh__vertex_kind         */
    uint8_t *vertex_level; /* [n_vertices] of a switch                  */
    int32_t *vertex_site;  /* [n_vertices] -1: a map node               */
    int32_t *vertex_index; /* [n_vertices] among its kind in its site   */
    lh_link n_links;
    double *capacity_bytes_per_s; /* [n_links] */
    double *latency_s;            /* [n_links] */
    uint8_t *link_kind;           /* [n_links] */
    const char **link_name;       /* [n_links] made when first asked for   */
    lh_link first_wan;
    struct lh__wan wan;
    struct lh__route *routes; /* [n_sites * n_sites] from, to          */
};

/* ---- inside the folder --------------------------------------------------- */

/* igraph calls our code's error handler for its own faults; between begin and
 * end they only come back as return codes, and nothing is printed. */
struct lh__handlers {
    igraph_error_handler_t *error;
    igraph_warning_handler_t *warning;
};
struct lh__handlers lh__igraph_begin(igraph_error_handler_t *error);
void lh__igraph_end(struct lh__handlers saved);
enum lh_status lh__igraph_status(struct lh_ctx *ctx, const char *what,
                                 igraph_error_t error) LH_MUST_USE;

/* Shapes: switch.c, rails.c, fat_tree.c.  The fabric's values are checked. */
void lh__switch_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                      int64_t gpus);
void lh__rails_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                     int64_t gpus);
void lh__fat_tree_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                        int64_t gpus);
/* oversubscription[level]; the last one given serves all further levels. */
double lh__oversubscription(const struct lh_fabric *fabric, int level);

/* length.c */
double lh__geodesic_m(const struct lh__wan_node *a,
                      const struct lh__wan_node *b);
enum lh_status lh__fibre_constants(struct lh__wan *wan,
                                   struct lh_ctx *ctx) LH_MUST_USE;

/* wan.c */
enum lh_status lh__wan_build(struct lh__wan *out,
                             const struct lh_scenario *scenario,
                             struct lh_ctx *ctx) LH_MUST_USE;
int lh__wan_node_add(struct lh__wan *wan, struct lh__wan_node node,
                     struct lh_ctx *ctx);
/* Finds length and latency; joins an equal fibre into one bundle. */
enum lh_status lh__wan_add(struct lh__wan *wan, const struct lh__span *span,
                           struct lh_ctx *ctx) LH_MUST_USE;

/* graphml.c: a map file as arrays. */
struct lh__map {
    const char *file;
    bool directed;
    int n_nodes;
    const char **label;    /* [n_nodes] never NULL, may be ""           */
    bool *located;         /* [n_nodes] */
    double *latitude_deg;  /* [n_nodes] */
    double *longitude_deg; /* [n_nodes] */
    int n_edges;
    int *from, *to;      /* [n_edges] */
    double *bytes_per_s; /* [n_edges] 0: the map states none          */
    double *length_m;    /* [n_edges] < 0: the map states none        */
};
enum lh_status lh__map_read(struct lh__map *out, const char *file,
                            struct lh_ctx *ctx) LH_MUST_USE;

/* map.c: sites onto a map, its fibres into the WAN. */
enum lh_status lh__map_add(struct lh__wan *wan,
                           const struct lh_scenario *scenario,
                           struct lh_ctx *ctx) LH_MUST_USE;

/* transport.c: what one hop may move a second over a fibre, on a route of so
 * long a round trip; INFINITY: no limit of its own. */
double lh__transport_cap(const struct lh__fibre *fibre, double rtt_s);
bool lh__transport_equal(const struct lh__fibre *f, const struct lh__fibre *g);
/* Fills cap_bytes_per_s of a path that is complete but for that. */
void lh__transport_limit(struct lh_path *path, const struct lh_topology *t);

/* route.c */
enum lh_status lh__routes_build(struct lh_topology *t,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx) LH_MUST_USE;

/* names.c */
const char *lh__link_name(struct lh_arena *arena, const struct lh_topology *t,
                          lh_link link);
const char *lh__level_name(int level); /* "leaf" "spine" "core" "level4" .. */

static inline lh_node lh__link_from(const struct lh_topology *t, lh_link link)
{
    return (lh_node)IGRAPH_FROM(&t->graph, link);
}

static inline lh_node lh__link_to(const struct lh_topology *t, lh_link link)
{
    return (lh_node)IGRAPH_TO(&t->graph, link);
}

#endif
