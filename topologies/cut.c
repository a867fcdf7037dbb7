/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Capacity between two sites: the minimum cut over the fibres (igraph's
 * push-relabel maximum flow, Goldberg and Tarjan 1988), and no more than the
 * two gateways' limits.
 *
 *     cut(a, b) = min(gateway a out, max flow a -> b, gateway b in)
 *
 * Place: bounds and prints of a built topology.  A fibre without a limit
 * counts as more than all limited ones together, so that a flow above their
 * sum means: no limit.  Leaves out: the sites' insides.
 */
#include <math.h>

#include "topology.h"

/* The WAN nodes alone, with capacities; directed. */
static igraph_error_t wan_graph(igraph_t *graph, igraph_vector_t *capacity,
                                const struct lh_topology *t, double unlimited,
                                bool cables)
{
    const struct lh__wan *wan = &t->wan;
    igraph_vector_int_t ends;
    igraph_error_t error = igraph_vector_int_init(&ends, 4 * wan->n_fibres);

    if (error != IGRAPH_SUCCESS)
        return error;
    for (int i = 0; i < wan->n_fibres; i++) {
        const struct lh__fibre *f = &wan->fibres[i];

        for (int way = 0; way < 2; way++) {
            double limit = f->bytes_per_s[way];

            VECTOR(ends)[4 * i + 2 * way] = way ? f->b : f->a;
            VECTOR(ends)[4 * i + 2 * way + 1] = way ? f->a : f->b;
            VECTOR(*capacity)
            [2 * i + way] = cables            ? f->n_cables
                            : isfinite(limit) ? limit
                                              : unlimited;
        }
    }
    error = igraph_create(graph, &ends, wan->n_nodes, IGRAPH_DIRECTED);
    igraph_vector_int_destroy(&ends);
    return error;
}

double lh__fibres_flow(const struct lh_topology *t, int a, int b, bool cables)
{
    igraph_vector_t capacity;
    igraph_t graph;
    igraph_real_t flow = 0;
    double sum = 1;

    for (int i = 0; i < t->wan.n_fibres; i++)
        for (int way = 0; way < 2; way++)
            if (cables)
                sum += t->wan.fibres[i].n_cables;
            else if (isfinite(t->wan.fibres[i].bytes_per_s[way]))
                sum += t->wan.fibres[i].bytes_per_s[way];
    if (igraph_vector_init(&capacity, 2 * t->wan.n_fibres) != IGRAPH_SUCCESS)
        return 0;
    if (wan_graph(&graph, &capacity, t, 2 * sum, cables) != IGRAPH_SUCCESS)
        goto out;
    igraph_maxflow(&graph, &flow, NULL, NULL, NULL, NULL, a, b, &capacity,
                   NULL);
    igraph_destroy(&graph);
out:
    igraph_vector_destroy(&capacity);
    return flow > sum ? (double)INFINITY : flow;
}

double lh_topology_cut(const struct lh_topology *t, int site_a, int site_b)
{
    struct lh__handlers saved;
    double cut;

    if (site_a == site_b)
        return (double)INFINITY;
    saved = lh__igraph_begin(igraph_error_handler_ignore);
    cut = lh__fibres_flow(t, site_a, site_b, false);
    lh__igraph_end(saved);
    if (t->sites[site_a].gateway_bytes_per_s < cut)
        cut = t->sites[site_a].gateway_bytes_per_s;
    if (t->sites[site_b].gateway_bytes_per_s < cut)
        cut = t->sites[site_b].gateway_bytes_per_s;
    return cut;
}
