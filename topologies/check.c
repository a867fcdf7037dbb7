/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Checks what the rest of the program takes for granted of a topology:
 *
 *   capacities > 0, latencies >= 0; link l ^ 1 is the other way of link l;
 *   the ends that ids.c computes are those of the graph; a link is found by its
 *   name, so names are unique; every accelerator reaches every other; a path is
 *   a walk in the graph from one accelerator to the other, its latency is the
 *   sum over its links and not below igraph's shortest (Dijkstra).
 *
 * Place: after the build, in every run and in the tests; a fault here is ours,
 * not the user's: LH_FAILED.  Paths are sampled: all pairs of up to 32
 * accelerators, else 8 sources spread over the machine, 32 targets each.  Of a
 * machine of more than 2^14 links the graph holds what stands for the rest
 * (graph.c), and what that stands for must add up to the machine; igraph is not
 * asked for shortest paths, which would take longer than the simulation.
 */
#include <math.h>

#include "topology.h"

enum { ALL_PAIRS_MAX = 32, SOURCES = 8, TARGETS = 32 };

static enum lh_status fault(struct lh_ctx *ctx, const struct lh_topology *t,
                            lh_link link, const char *what)
{
    lh_error(ctx, LH_NOWHERE, "internal error: topology: link %d '%s': %s",
             link, lh_topology_link_at(t, link).name, what);
    return LH_FAILED;
}

/* NULL, or what is wrong with an edge of the graph. */
static const char *link_fault(const struct lh_topology *t,
                              const struct lh__graph *g, int edge,
                              struct lh_arena *scratch)
{
    lh_link l = g->link[edge];
    struct lh_link_info link = lh_topology_link_facts(t, l);
    struct lh_link_info back = lh_topology_link_facts(t, l ^ 1);

    if (!(link.capacity_bytes_per_s > 0)
        || link.capacity_bytes_per_s != lh_topology_link_capacity(t, l))
        return "capacity is not above 0";
    if (!(link.latency_s >= 0) || !isfinite(link.latency_s))
        return "latency is out of range";
    if (link.from != back.to || link.to != back.from || link.kind != back.kind)
        return "it has no opposite";
    if (link.from != g->node[IGRAPH_FROM(&g->graph, edge)]
        || link.to != g->node[IGRAPH_TO(&g->graph, edge)])
        return "its ends are not those of the graph";
    if (lh_topology_link_find(t, lh__link_name(scratch, t, l)) != l)
        return "it is not found by its name";
    return NULL;
}

static enum lh_status links_check(const struct lh_topology *t,
                                  const struct lh__graph *g, struct lh_ctx *ctx)
{
    struct lh_arena *scratch = lh_arena_new(); /* for the names */
    enum lh_status st = LH_OK;

    for (int e = 0; st == LH_OK && e < g->n_edges; e++) {
        const char *what = link_fault(t, g, e, scratch);

        if (what != NULL)
            st = fault(ctx, t, g->link[e], what);
    }
    lh_arena_free(scratch);
    return st;
}

static bool is_counted(const struct lh_topology *t, lh_link link)
{
    const struct lh__site *s = lh__link_site(t, link);

    if (lh__is_mesh(s))
        return link >= s->first_mesh && link < s->first_gateway;
    return lh__is_torus(s) && link < s->first_nic;
}

/* A link stands for as many as its lower end, times its cables; the cables of a
 * torus and of a mesh, of which part may be taken, are counted. */
static int64_t links_represented(const struct lh_topology *t,
                                 const struct lh__graph *g)
{
    int64_t n = 0;

    for (int e = 0; e < g->n_edges; e++) {
        lh_link l = g->link[e];

        if (l >= t->first_wan)
            n++;
        else if (!is_counted(t, l))
            n += lh__stands_for(t, lh__link_from(t, l & ~1))
                 * lh__cables_for(t, l);
    }
    for (int i = 0; i < t->n_sites; i++)
        n += 2
             * (lh__torus_cables(&t->sites[i]) + t->sites[i].shape.mesh_cables);
    return n;
}

static enum lh_status counts_check(const struct lh_topology *t,
                                   const struct lh__graph *g,
                                   struct lh_ctx *ctx)
{
    int64_t n_vertices = 0;
    int64_t n_links = links_represented(t, g);

    for (int v = 0; v < g->n_vertices; v++)
        n_vertices += lh__stands_for(t, g->node[v]);
    if (n_vertices == t->n_vertices && n_links == t->n_links
        && g->n_edges == igraph_ecount(&g->graph))
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "internal error: topology: %d vertices and %d links, but the "
             "graph stands for %lld and %lld",
             t->n_vertices, t->n_links, (long long)n_vertices,
             (long long)n_links);
    return LH_FAILED;
}

static enum lh_status reach_check(const struct lh_topology *t,
                                  const struct lh__graph *g, struct lh_ctx *ctx)
{
    igraph_vector_int_t part;
    enum lh_status st =
        lh__igraph_status(ctx, "topology", igraph_vector_int_init(&part, 0));

    if (st != LH_OK)
        return st;
    st = lh__igraph_status(ctx, "topology",
                           igraph_connected_components(&g->graph, &part, NULL,
                                                       NULL, IGRAPH_STRONG));
    for (int v = 1; st == LH_OK && v < g->n_vertices; v++)
        if (g->node[v] < t->n_accelerators
            && VECTOR(part)[v] != VECTOR(part)[0]) {
            lh_error(ctx, LH_NOWHERE,
                     "internal error: topology: accelerator "
                     "%d cannot reach accelerator 0",
                     g->node[v]);
            st = LH_FAILED;
        }
    igraph_vector_int_destroy(&part);
    return st;
}

/* NULL, or what is wrong with the path. */
static const char *path_fault(const struct lh_topology *t, int64_t from,
                              int64_t to, double shortest_s)
{
    struct lh_path path;
    int64_t at = from;
    double latency_s = 0;
    bool wan = false;

    lh_topology_path(&path, t, from, to);
    for (int i = 0; i < path.n_links; i++) {
        lh_link link = path.links[i];

        if (lh_topology_link_set(t, link) > 0)
            continue; /* on another route */
        if (link < 0 || link >= t->n_links || lh__link_from(t, link) != at)
            return "it is no walk in the graph";
        at = lh__link_to(t, link);
        struct lh_link_info info = lh_topology_link_facts(t, link);
        latency_s += info.latency_s;
        wan = wan || info.kind == LH_LINK_WAN;
    }
    if (at != to)
        return "it ends elsewhere";
    if (latency_s != path.latency_s)
        return "its latency is not the sum over its links";
    if (wan != path.crosses_wan)
        return "crosses_wan is wrong";
    if (latency_s < shortest_s * (1 - 1e-12))
        return "it is shorter than the shortest path";
    return NULL;
}

/* Accelerator k of n, spread evenly over all and shifted by `shift`. */
static int64_t sample(const struct lh_topology *t, int k, int n, int shift)
{
    return (int64_t)(((double)k / n) * (double)t->n_accelerators + shift)
           % t->n_accelerators;
}

/* Latencies of the shortest paths from one vertex to all: a 1 x n matrix. */
static enum lh_status shortest_from(igraph_matrix_t *out,
                                    const struct lh__graph *g, int64_t from,
                                    struct lh_ctx *ctx)
{
    igraph_vector_t weights;

    igraph_vector_view(&weights, g->latency_s, g->n_edges);
    return lh__igraph_status(
        ctx, "topology",
        igraph_distances_dijkstra(&g->graph, out,
                                  igraph_vss_1((igraph_integer_t)from),
                                  igraph_vss_all(), &weights, IGRAPH_OUT));
}

/* The targets of one source: n of them, shifted. */
struct targets {
    int n;
    int shift;
};

static enum lh_status source_check(const struct lh_topology *t,
                                   const struct lh__graph *g, int64_t from,
                                   struct targets targets, struct lh_ctx *ctx)
{
    igraph_matrix_t shortest;
    enum lh_status st =
        lh__igraph_status(ctx, "topology", igraph_matrix_init(&shortest, 0, 0));

    if (st != LH_OK)
        return st;
    if (g->whole)
        st = shortest_from(&shortest, g, from, ctx);
    for (int k = 0; st == LH_OK && k < targets.n; k++) {
        int64_t to = sample(t, k, targets.n, targets.shift);
        const char *what =
            to == from ? NULL
                       : path_fault(t, from, to,
                                    g->whole ? MATRIX(shortest, 0, to) : 0.0);

        if (what == NULL)
            continue;
        lh_error(ctx, LH_NOWHERE,
                 "internal error: topology: path from "
                 "accelerator %lld to %lld: %s",
                 (long long)from, (long long)to, what);
        st = LH_FAILED;
    }
    igraph_matrix_destroy(&shortest);
    return st;
}

static enum lh_status paths_check(const struct lh_topology *t,
                                  const struct lh__graph *g, struct lh_ctx *ctx)
{
    bool all = t->n_accelerators <= ALL_PAIRS_MAX;
    int n_sources = all ? (int)t->n_accelerators : SOURCES;
    enum lh_status st = LH_OK;

    for (int k = 0; st == LH_OK && k < n_sources; k++) {
        struct targets targets = {TARGETS, 3 * k + 1};

        if (all)
            targets = (struct targets){n_sources, 0};
        st = source_check(t, g, sample(t, k, n_sources, all ? 0 : k), targets,
                          ctx);
    }
    return st;
}

enum lh_status lh_topology_check(const struct lh_topology *t,
                                 struct lh_ctx *ctx)
{
    struct lh__handlers saved = lh__igraph_begin(igraph_error_handler_ignore);
    const struct lh__graph *g = lh__graph(t, ctx);
    enum lh_status st = g == NULL ? LH_FAILED : links_check(t, g, ctx);

    if (st == LH_OK)
        st = counts_check(t, g, ctx);
    if (st == LH_OK)
        st = reach_check(t, g, ctx);
    if (st == LH_OK)
        st = paths_check(t, g, ctx);
    lh__igraph_end(saved);
    return st;
}
