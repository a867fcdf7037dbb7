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
 * opposite of link l is l ^ 1.  Within a site (a torus has its cables instead of
 * the scale-up links, and no nvswitches):
 *
 *   scale-up [gpus] | NIC [gpus] | up of level 0 [count] | up of level 1 | ..
 *   | between every two groups of a dragonfly [G (G - 1) / 2]
 *   | top level to gateway [count of the top] | border to gateway [0 or 1]
 *
 * where `up` of a level with n parallel cables (ecmp.c; sprayed over, they are
 * one) has n a switch, together: [count][n].
 * and after all sites the fibres.  Ends, capacity, latency, kind and name of a
 * link, and every path, are therefore arithmetic on these first ids: nothing is
 * kept a vertex or a link (ids.c).  An igraph is made when something needs one
 * (graph.c).
 */
#ifndef LH_TOPOLOGIES_TOPOLOGY_H
#define LH_TOPOLOGIES_TOPOLOGY_H

#include <igraph/igraph.h>

#include <longhaul/topology.h>

/* Those of a fabric, one that joins them, the core of a campus. */
enum { LH__LEVELS = LH_FABRIC_LEVELS + 2 };

/* Most links that one end of a path needs inside its site: two over the
 * scale-up switch, the NIC, the levels, top to border to gateway. */
enum { LH__SITE_LINKS_MAX = 2 + 1 + (LH__LEVELS - 1) + 2 };
enum { LH__ROUTE_MAX = 64 - 2 * LH__SITE_LINKS_MAX };

/* A slice of a torus: its sides, and its cables counted dimension by dimension
 * (torus.c). */
struct lh__torus {
    int n_dims; /* 0: no torus */
    int64_t size[LH_TORUS_DIMS], stride[LH_TORUS_DIMS];
    int64_t first[LH_TORUS_DIMS + 1]; /* cables of the dimensions before */
    int64_t cables;
};

/* Levels of switches over the NICs of a site; what a fabric's file fills.
 *
 * The leaf of the accelerator with index i in its site, node = i / S:
 *     (node / leaf_nodes) * n_rails + (n_rails > 1 ? i % S : 0)
 * Switch j of level k hangs under switch j / children[k] of level k + 1. */
struct lh__shape {
    int64_t scale_up_gpus; /* S; 1: no scale-up switch        */
    struct lh__torus torus; /* instead of that switch         */
    int64_t leaf_nodes;
    int64_t n_rails;
    int n_levels;                      /* >= 1                            */
    int64_t count[LH__LEVELS];         /* switches of a level             */
    int64_t children[LH__LEVELS];      /* [n_levels - 1]                  */
    double up_bytes_per_s[LH__LEVELS]; /* [n_levels - 1] of one switch    */
    int64_t mesh_cables; /* between every two leaves (dragonfly.c); else 0  */
    double mesh_bytes_per_s;           /* of one of them                  */
    int64_t cables[LH__LEVELS];        /* [n_levels - 1] that this is of  */
    bool is_campus; /* the top level joins buildings (campus.c)             */
};

typedef void lh__shape_fn(struct lh__shape *out, const struct lh_fabric *fabric,
                          int64_t gpus);

/* A run of equal links of a site. */
struct lh__block {
    lh_link first;
    enum lh_link_kind kind;
    int level; /* of the switches below it, LH_LINK_LEAF and up        */
    double capacity_bytes_per_s;
    double latency_s;
    int64_t cables; /* links of one lower end, in each direction        */
};

/* Scale-up, NIC, up of all levels but the top, mesh, gateway, border. */
enum { LH__BLOCKS_MAX = 2 + (LH__LEVELS - 1) + 1 + 2 };

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
    lh_link first_mesh;
    lh_link first_gateway;
    lh_link border_link;
    int n_blocks; /* in the order of links; some are empty   */
    struct lh__block blocks[LH__BLOCKS_MAX];
    int64_t span[LH__LEVELS]; /* accelerators below a switch of a level  */
    int64_t unit;             /* lh_topology_unit()                      */
    double up_latency_s[LH__LEVELS]; /* [n_levels - 1] of an uplink      */
};

/* ---- fibres -------------------------------------------------------------- */

/* WAN node w < n_sites is the gateway of site w; the others are map nodes. */
struct lh__wan_node {
    const char *name;
    bool has_location;
    double latitude_deg, longitude_deg;
};

/* One cable of a bundle. */
struct lh__strand {
    const char *duct; /* NULL: its own */
    double bytes_per_s[2];
    const struct lh__strand *next;
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
    const struct lh__strand *strands; /* n_cables */
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
    double equipment_latency_s; /* < 0: from light                      */
    const struct lh_light *light;
    double bytes_per_s[2];
    enum lh_transport transport;
    struct lh_tcp tcp;
    const char *duct;
    struct lh_where where;
};

/* outage.c: the fibres that each set of routes does without, and when. */
enum { LH__SETS_MAX = 8 };
struct lh__outages {
    int n_sets; /* >= 1 */
    bool *dead[LH__SETS_MAX]; /* [2 * n_fibres] */
    int n_epochs;
    struct lh_reroute *epochs;
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

struct lh__vertex {
    enum lh__vertex_kind kind;
    int site;      /* -1: a map node                            */
    int level;     /* of a switch                               */
    int64_t index; /* among its kind (and level) in its site    */
};

/* The machine for igraph: all of it, or of a large one what stands for it. */
struct lh__graph {
    igraph_t graph;
    bool whole; /* then vertex and edge ids are node and link ids    */
    int n_vertices;
    lh_node *node; /* [n_vertices] ascending                            */
    int n_edges;
    lh_link *link;     /* [n_edges] */
    double *latency_s; /* [n_edges] */
};

struct lh__by_name; /* find.c */

struct lh_topology {
    struct lh_arena *arena;
    int n_sites;
    struct lh__site *sites;
    int64_t n_accelerators;
    lh_node n_vertices;
    lh_node first_map_node;
    lh_link n_links;
    lh_link first_wan;
    uint64_t seed; /* of the hash */
    bool hashed;   /* lh_topology_is_hashed() */
    struct lh__wan wan;
    struct lh__outages outages;
    struct lh__route *routes; /* [n_sets][n_sites * n_sites] from, to  */
    const struct lh__by_name *by_name;
    struct lh__graph **graph; /* *graph: NULL until the first need     */
};

/* ---- inside the folder --------------------------------------------------- */

/* Accelerators in a scale-up domain: the last one of a site may be partly
 * filled. */
static inline int64_t lh__domain_gpus(const struct lh__site *site, int64_t node)
{
    int64_t size = site->shape.scale_up_gpus;
    int64_t rest = site->gpus - node * size;

    return rest < size ? rest : size;
}

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
void lh__torus_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                     int64_t gpus);
void lh__dragonfly_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                         int64_t gpus);
/* oversubscription[level]; the last one given serves all further levels. */
double lh__oversubscription(const struct lh_fabric *fabric, int level);

/* ecmp.c: fills in shape->cables, of the recipe's full groups. */
void lh__cables_make(struct lh__shape *shape, const struct lh_fabric *fabric);
/* The cable of n that a connection takes up from a level. */
struct lh__connection {
    uint64_t seed;
    int64_t from, to; /* accelerators */
};
int64_t lh__cable_of(const struct lh__connection *c, int level, int64_t n);

/* torus.c: what differs from a domain with a scale-up switch.  Accelerators
 * are indices in their site, cables and links count from the site's first
 * scale-up link; link 2 k goes from the lower end of cable k to the upper. */
struct lh__torus_ends {
    int64_t lower, upper;
    int dim;
};
bool lh__is_torus(const struct lh__site *site);
/* dims, and whole slices. */
enum lh_status lh__torus_check(const struct lh__site *site,
                               struct lh_where where,
                               struct lh_ctx *ctx) LH_MUST_USE;
/* Links of the longest path in a slice. */
int lh__torus_diameter(const struct lh_fabric *fabric);
int64_t lh__torus_cables(const struct lh__site *site);
struct lh__torus_ends lh__torus_ends(const struct lh__site *site,
                                     int64_t cable);
/* Appends the path between two accelerators of one slice. */
void lh__torus_path(struct lh_path *out, const struct lh__site *site,
                    int64_t from, int64_t to);
/* "slice0/chip(1,2,3)"; find reads that much of a name, -1: it is none. */
const char *lh__torus_chip_name(struct lh_arena *arena,
                                const struct lh__site *site, int64_t index);
int64_t lh__torus_chip_find(const char **name, const struct lh__site *site);
/* "slice0/chip(1,2,3)->x+"; find is its inverse, -1: no such link. */
const char *lh__torus_link_name(struct lh_arena *arena,
                                const struct lh__site *site, int64_t link);
int64_t lh__torus_link_find(const struct lh__site *site, const char *name);
/* " in 2 slices of 4x4x4" */
const char *lh__torus_text(struct lh_arena *arena, const struct lh__site *site);

/* dragonfly.c: the cables between every two groups of a site, where routing is
 * minimal.  Link 2 k goes from the lower end of cable k to the upper. */
struct lh__mesh_ends {
    int64_t lower, upper; /* groups */
};
bool lh__is_mesh(const struct lh__site *site);
struct lh__mesh_ends lh__mesh_ends(const struct lh__site *site, int64_t cable);
/* The link from one group to another one. */
lh_link lh__mesh_link(const struct lh__site *site, int64_t from, int64_t to);

/* campus.c: a site of several buildings?  Then its shape is that of the
 * recipe, building by building, under a core. */
bool lh__is_campus(const struct lh_fabric *fabric, int64_t gpus);
enum lh_status lh__campus_check(const struct lh__site *site,
                                lh__shape_fn *recipe, struct lh_where where,
                                struct lh_ctx *ctx) LH_MUST_USE;
void lh__campus_shape(struct lh__shape *out, lh__shape_fn *recipe,
                      const struct lh_fabric *fabric, int64_t gpus);

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

/* transport.c: what one hop may move a second over a fibre on a route;
 * INFINITY: no limit of its own. */
struct lh__trip {
    double rtt_s;
    double line_bytes_per_s; /* at which it could send */
    double library_bytes;    /* in flight by the sender's library; 0: any */
};
double lh__transport_cap(const struct lh__fibre *fibre,
                         const struct lh__trip *trip);
/* What a fibre carries whose ends can hold only so much: at most buffer / its
 * round trip. */
double lh__transport_lossless(const struct lh__fibre *fibre,
                              double bytes_per_s);
bool lh__transport_equal(const struct lh__fibre *f, const struct lh__fibre *g);
/* Fills cap_bytes_per_s of a path that is complete but for that. */
void lh__transport_limit(struct lh_path *path, const struct lh_topology *t,
                         int from_site);

/* outage.c; needs the fibres and their names. */
enum lh_status lh__outages_make(struct lh__outages *out,
                                const struct lh_topology *t,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx) LH_MUST_USE;
/* 2 fibre + way of a link of any set. */
static inline lh_link lh__fibre_way(const struct lh_topology *t, lh_link link)
{
    return (link - t->first_wan) % (2 * t->wan.n_fibres);
}

/* route.c */
enum lh_status lh__routes_build(struct lh_topology *t,
                                const struct lh_scenario *scenario,
                                struct lh_ctx *ctx) LH_MUST_USE;

/* One way, gateway to gateway. */
struct lh__route_facts {
    int n_fibres;
    double length_m, latency_s;
    double bytes_per_s; /* of its fibres and both gateways */
};
struct lh__route_facts lh__route_facts(const struct lh_topology *t, int from,
                                       int to);

/* cut.c: maximum flow over the fibres, in bytes/s or, of a unit a cable, in
 * cables; between begin and end of igraph's handlers, or as they are. */
double lh__fibres_flow(const struct lh_topology *t, int a, int b, bool cables);
/* parting.c: the fewest ducts whose loss parts two sites. */
int lh__cuts_to_part(const struct lh_topology *t, int a, int b);

/* names.c */
const char *lh__link_name(struct lh_arena *arena, const struct lh_topology *t,
                          lh_link link);
/* "leaf" "spine" "core" "level4" ..; of a dragonfly "group" "mesh". */
const char *lh__level_name(const struct lh__site *site, int level);

/* find.c: what lh_topology_link_find() looks names up in. */
struct lh__by_name *lh__by_name_make(const struct lh__wan *wan,
                                     struct lh_arena *arena);

/* ids.c: what stands behind an id. */
struct lh__vertex lh__vertex_at(const struct lh_topology *t, lh_node v);
lh_node lh__link_from(const struct lh_topology *t, lh_link link);
lh_node lh__link_to(const struct lh_topology *t, lh_link link);
const struct lh__site *lh__link_site(const struct lh_topology *t, lh_link link);
const struct lh__block *lh__link_block(const struct lh__site *site,
                                       lh_link link);
/* Which of the cables of its lower end a link is. */
int64_t lh__link_cable(const struct lh__block *block, lh_link link);
lh_node lh__wan_vertex(const struct lh_topology *t, int wan_node);

/* graph.c: made at the first call, and kept; NULL: igraph failed. */
const struct lh__graph *lh__graph(const struct lh_topology *t,
                                  struct lh_ctx *ctx);
void lh__graph_free(struct lh__graph *graph); /* NULL is allowed */
/* How many equal vertices one of the graph stands for; and of the cables of one
 * lower end, how many a link does. */
int64_t lh__stands_for(const struct lh_topology *t, lh_node v);
int64_t lh__cables_for(const struct lh_topology *t, lh_link link);

/* Counts of a site are below 2^31, where a short division is far cheaper than
 * a long one; paths divide a dozen times. */
static inline int64_t lh__quotient(int64_t a, int64_t b)
{
    return (int64_t)((uint32_t)a / (uint32_t)b);
}

/* The site of an accelerator: of few sites, few comparisons. */
static inline int lh__site_of(const struct lh_topology *t, int64_t a)
{
    int low = 0;
    int high = t->n_sites;

    while (high - low > 1) {
        int middle = (low + high) / 2;

        if (t->sites[middle].first_accelerator <= a)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static inline int lh__top_level(const struct lh__site *site)
{
    return site->shape.n_levels - 1;
}

/* The leaf over the NIC of an accelerator of a site. */
static inline int64_t lh__leaf_of(const struct lh__site *site, int64_t node,
                                  int64_t rail)
{
    const struct lh__shape *shape = &site->shape;
    int64_t pod =
        node < shape->leaf_nodes ? 0 : lh__quotient(node, shape->leaf_nodes);

    return shape->n_rails > 1 ? pod * shape->n_rails + rail : pod;
}

#endif
