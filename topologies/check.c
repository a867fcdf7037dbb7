/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Checks what the rest of the program takes for granted of a topology:
 *
 *   capacities > 0, latencies >= 0; link l ^ 1 is the other way of link l;
 *   names unique; every accelerator reaches every other; a path is a walk in
 *   the graph from one accelerator to the other, its latency is the sum over
 *   its links and not below igraph's shortest (Dijkstra).
 *
 * Place: after the build, in every run and in the tests; a fault here is ours,
 * not the user's: LH_FAILED.  Paths are sampled: all pairs of up to 32
 * accelerators, else 8 sources spread over the machine, 32 targets each.  A
 * machine of more than 2^14 links is made by the same rules as a small one:
 * its names are not compared and igraph is not asked for shortest paths, both
 * of which would take longer than the simulation.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "topology.h"

enum { ALL_PAIRS_MAX = 32, SOURCES = 8, TARGETS = 32 };
enum { SLOW_CHECKS_LINKS_MAX = 1 << 14 };

static enum lh_status fault(struct lh_ctx *ctx, const struct lh_topology *t,
                            lh_link link, const char *what)
{
    lh_error(ctx, LH_NOWHERE, "internal error: topology: link %d '%s': %s",
             link, lh_topology_link_at(t, link).name, what);
    return LH_FAILED;
}

static enum lh_status links_check(const struct lh_topology *t,
                                  struct lh_ctx *ctx)
{
    if (t->n_links != igraph_ecount(&t->graph) || t->n_links % 2 != 0) {
        lh_error(ctx, LH_NOWHERE,
                 "internal error: topology: %d links, %lld "
                 "edges",
                 t->n_links, (long long)igraph_ecount(&t->graph));
        return LH_FAILED;
    }
    for (lh_link l = 0; l < t->n_links; l++) {
        if (!(t->capacity_bytes_per_s[l] > 0))
            return fault(ctx, t, l, "capacity is not above 0");
        if (!(t->latency_s[l] >= 0) || !isfinite(t->latency_s[l]))
            return fault(ctx, t, l, "latency is out of range");
        if (lh__link_from(t, l) != lh__link_to(t, l ^ 1)
            || lh__link_to(t, l) != lh__link_from(t, l ^ 1)
            || t->link_kind[l] != t->link_kind[l ^ 1])
            return fault(ctx, t, l, "it has no opposite");
    }
    return LH_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum lh_status names_check(const struct lh_topology *t,
                                  struct lh_ctx *ctx)
{
    size_t n = (size_t)t->n_links;
    const char **names = LH_NEW(ctx->arena, const char *, n);

    for (lh_link l = 0; l < t->n_links; l++)
        names[l] = lh_topology_link_at(t, l).name;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0) {
            lh_error(ctx, LH_NOWHERE,
                     "internal error: topology: two links "
                     "have the name '%s'",
                     names[i]);
            return LH_FAILED;
        }
    return LH_OK;
}

static enum lh_status reach_check(const struct lh_topology *t,
                                  struct lh_ctx *ctx)
{
    igraph_vector_int_t part;
    enum lh_status st =
        lh__igraph_status(ctx, "topology", igraph_vector_int_init(&part, 0));

    if (st != LH_OK)
        return st;
    st = lh__igraph_status(ctx, "topology",
                           igraph_connected_components(&t->graph, &part, NULL,
                                                       NULL, IGRAPH_STRONG));
    for (int64_t a = 1; st == LH_OK && a < t->n_accelerators; a++)
        if (VECTOR(part)[a] != VECTOR(part)[0]) {
            lh_error(ctx, LH_NOWHERE,
                     "internal error: topology: accelerator "
                     "%lld cannot reach accelerator 0",
                     (long long)a);
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

        if (link < 0 || link >= t->n_links || lh__link_from(t, link) != at)
            return "it is no walk in the graph";
        at = lh__link_to(t, link);
        latency_s += t->latency_s[link];
        wan = wan || t->link_kind[link] == LH_LINK_WAN;
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

static bool is_small(const struct lh_topology *t)
{
    return t->n_links <= SLOW_CHECKS_LINKS_MAX;
}

/* Latencies of the shortest paths from one vertex to all: a 1 x n matrix. */
static enum lh_status shortest_from(igraph_matrix_t *out,
                                    const struct lh_topology *t, int64_t from,
                                    struct lh_ctx *ctx)
{
    igraph_vector_t weights;

    igraph_vector_view(&weights, t->latency_s, t->n_links);
    return lh__igraph_status(
        ctx, "topology",
        igraph_distances_dijkstra(&t->graph, out,
                                  igraph_vss_1((igraph_integer_t)from),
                                  igraph_vss_all(), &weights, IGRAPH_OUT));
}

static enum lh_status source_check(const struct lh_topology *t, int64_t from,
                                   int n_targets, int shift, struct lh_ctx *ctx)
{
    igraph_matrix_t shortest;
    enum lh_status st =
        lh__igraph_status(ctx, "topology", igraph_matrix_init(&shortest, 0, 0));

    if (st != LH_OK)
        return st;
    if (is_small(t))
        st = shortest_from(&shortest, t, from, ctx);
    for (int k = 0; st == LH_OK && k < n_targets; k++) {
        int64_t to = sample(t, k, n_targets, shift);
        const char *what =
            to == from ? NULL
                       : path_fault(t, from, to,
                                    is_small(t) ? MATRIX(shortest, 0, to)
                                                : 0.0);

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

enum lh_status lh_topology_check(const struct lh_topology *t,
                                 struct lh_ctx *ctx)
{
    struct lh__handlers saved = lh__igraph_begin(igraph_error_handler_ignore);
    bool all = t->n_accelerators <= ALL_PAIRS_MAX;
    int n_sources = all ? (int)t->n_accelerators : SOURCES;
    int n_targets = all ? (int)t->n_accelerators : TARGETS;
    enum lh_status st = links_check(t, ctx);

    if (st == LH_OK && is_small(t))
        st = names_check(t, ctx);
    if (st == LH_OK)
        st = reach_check(t, ctx);
    for (int k = 0; st == LH_OK && k < n_sources; k++)
        st = source_check(t, sample(t, k, n_sources, all ? 0 : k), n_targets,
                          all ? 0 : 3 * k + 1, ctx);
    lh__igraph_end(saved);
    return st;
}
