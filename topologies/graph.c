/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine as an igraph, made at the first need and kept.
 *
 * Up to 2^14 links it is whole: vertex and edge ids are node and link ids, and
 * the ends of its edges are enumerated cable by cable, from the accelerators
 * up, which is another way than ids.c takes.
 *
 * A larger machine is represented.  Of every n equal things in a site the first
 * stands for n - 1, and the last, which may be partly filled, for itself:
 * domains, pods, switches of each level, cables of an uplink.  Of very many
 * accelerators in a domain the one at the limit stands for those after it, and
 * so do the leaves of their rails.  All links over what is taken are taken,
 * with all gateways, borders and fibres, so that the graph is a part of the
 * machine, and the numbers that its vertices stand for add up to the vertices
 * of the machine.  At most some 2^20 links besides the fibres: 2 x 2^16
 * accelerators, 8 links each.
 *
 * Place: what check.c asks igraph about.  Leaves out: names, capacities.
 */
#include <stdlib.h>

#include "topology.h"

enum { WHOLE_LINKS_MAX = 1 << 14 };
enum { TAKEN_MAX = 1 << 16, TAKEN_A_DOMAIN_MAX = 1 << 12 };

/* ---- the whole ----------------------------------------------------------- */

struct builder {
    const struct lh_topology *t;
    igraph_vector_int_t *ends;
    igraph_integer_t next;
};

static void cable_add(struct builder *b, int64_t lower, int64_t upper)
{
    VECTOR(*b->ends)[b->next++] = lower;
    VECTOR(*b->ends)[b->next++] = upper;
    VECTOR(*b->ends)[b->next++] = upper;
    VECTOR(*b->ends)[b->next++] = lower;
}

static void accelerators_add(struct builder *b, const struct lh__site *s)
{
    int64_t size = s->shape.scale_up_gpus;
    int64_t n_rails = s->shape.n_rails;

    for (int64_t i = 0; i < lh__torus_cables(s); i++) {
        struct lh__torus_ends ends = lh__torus_ends(s, i);

        cable_add(b, s->first_accelerator + ends.lower,
                  s->first_accelerator + ends.upper);
    }
    for (int64_t i = 0; size > 1 && !lh__is_torus(s) && i < s->gpus; i++)
        cable_add(b, s->first_accelerator + i, s->first_nvswitch + i / size);
    for (int64_t i = 0; i < s->gpus; i++)
        cable_add(b, s->first_accelerator + i,
                  s->first_switch[0] + i / size / s->shape.leaf_nodes * n_rails
                      + (n_rails > 1 ? i % size : 0));
}

static void switches_add(struct builder *b, const struct lh__site *s)
{
    for (int k = 0; k < lh__top_level(s); k++)
        for (int64_t j = 0; j < s->shape.count[k]; j++)
            for (int64_t c = 0; c < s->shape.cables[k]; c++)
                cable_add(b, s->first_switch[k] + j,
                          s->first_switch[k + 1] + j / s->shape.children[k]);
}

static void mesh_add(struct builder *b, const struct lh__site *s)
{
    for (int64_t k = 0; k < s->shape.mesh_cables; k++) {
        struct lh__mesh_ends ends = lh__mesh_ends(s, k);

        cable_add(b, s->first_switch[0] + ends.lower,
                  s->first_switch[0] + ends.upper);
    }
}

static void gateway_add(struct builder *b, const struct lh__site *s)
{
    int top = lh__top_level(s);

    for (int64_t j = 0; s->gateway >= 0 && j < s->shape.count[top]; j++)
        cable_add(b, s->first_switch[top] + j,
                  s->border >= 0 ? s->border : s->gateway);
    if (s->border >= 0)
        cable_add(b, s->border, s->gateway);
}

static void whole_ends(igraph_vector_int_t *ends, const struct lh_topology *t)
{
    struct builder b = {.t = t, .ends = ends};

    for (int i = 0; i < t->n_sites; i++) {
        accelerators_add(&b, &t->sites[i]);
        switches_add(&b, &t->sites[i]);
        mesh_add(&b, &t->sites[i]);
        gateway_add(&b, &t->sites[i]);
    }
    for (int i = 0; i < t->wan.n_fibres; i++)
        cable_add(&b, lh__wan_vertex(t, t->wan.fibres[i].a),
                  lh__wan_vertex(t, t->wan.fibres[i].b));
}

static void whole_ids(struct lh__graph *g, const struct lh_topology *t)
{
    g->n_vertices = t->n_vertices;
    g->node = LH_NEW(t->arena, lh_node, (size_t)t->n_vertices);
    for (lh_node v = 0; v < t->n_vertices; v++)
        g->node[v] = v;
    g->n_edges = t->n_links;
    g->link = LH_NEW(t->arena, lh_link, (size_t)t->n_links);
    for (lh_link l = 0; l < t->n_links; l++)
        g->link[l] = l;
}

/* ---- what stands for it -------------------------------------------------- */

/* Accelerators taken of a domain, and leaves of a pod. */
static int64_t rails_max(const struct lh_topology *t)
{
    int64_t n = TAKEN_MAX / t->n_sites;

    if (n > TAKEN_A_DOMAIN_MAX)
        return TAKEN_A_DOMAIN_MAX;
    return n > 2 ? n : 2;
}

/* Which of the ends of a row of n things i stands for. */
static int64_t row_count(int64_t i, int64_t n)
{
    return i == n - 1 ? 1 : n - 1;
}

static int64_t rail_count(int64_t rail, int64_t n, int64_t most)
{
    return rail == most - 1 ? n - rail : 1;
}

/* Switches of a level that stand side by side over the same accelerators. */
static int64_t abreast(const struct lh__site *s, int level)
{
    return level == 0 ? s->shape.n_rails : 1;
}

int64_t lh__stands_for(const struct lh_topology *t, lh_node v)
{
    struct lh__vertex at = lh__vertex_at(t, v);

    if ((*t->graph)->whole || at.kind > LH__SWITCH)
        return 1;
    const struct lh__site *s = &t->sites[at.site];
    int64_t size = s->shape.scale_up_gpus;
    int64_t rails = at.kind == LH__SWITCH ? abreast(s, at.level) : size;

    if (at.kind == LH__NVSWITCH)
        return row_count(at.index, s->nodes);
    if (at.kind == LH__SWITCH)
        return row_count(at.index / rails, s->shape.count[at.level] / rails)
               * rail_count(at.index % rails, rails, rails_max(t));
    return row_count(at.index / size, s->nodes)
           * rail_count(at.index % size, lh__domain_gpus(s, at.index / size),
                        rails_max(t));
}

int64_t lh__cables_for(const struct lh_topology *t, lh_link link)
{
    const struct lh__block *b = lh__link_block(lh__link_site(t, link), link);

    return (*t->graph)->whole ? 1
                              : row_count(lh__link_cable(b, link), b->cables);
}

struct taken {
    struct lh__graph *g;
    const struct lh_topology *t;
    size_t capacity;
};

static void cable_take(struct taken *to, int64_t link)
{
    struct lh__graph *g = to->g;

    g->link = lh_grow(to->t->arena, g->link, &to->capacity,
                      (size_t)g->n_edges + 2, sizeof *g->link);
    g->link[g->n_edges++] = (lh_link)link;
    g->link[g->n_edges++] = (lh_link)link ^ 1;
}

/* The cables between chips that are taken. */
static void slice_take(struct taken *to, const struct lh__site *s, int64_t node)
{
    int64_t end = node * s->shape.scale_up_gpus + rails_max(to->t);
    int64_t n = s->shape.torus.cables;

    for (int64_t k = node * n; k < (node + 1) * n; k++) {
        struct lh__torus_ends ends = lh__torus_ends(s, k);

        if (ends.lower < end && ends.upper < end)
            cable_take(to, s->first_scale_up + 2 * k);
    }
}

static void domain_take(struct taken *to, const struct lh__site *s,
                        int64_t node)
{
    int64_t n = lh__domain_gpus(s, node);

    if (lh__is_torus(s))
        slice_take(to, s, node);
    for (int64_t r = 0; r < n && r < rails_max(to->t); r++) {
        int64_t i = node * s->shape.scale_up_gpus + r;

        if (s->shape.scale_up_gpus > 1 && !lh__is_torus(s))
            cable_take(to, s->first_scale_up + 2 * i);
        cable_take(to, s->first_nic + 2 * i);
    }
}

/* The first and the last of the n cables of an uplink. */
static void uplink_take(struct taken *to, int64_t first, int64_t n)
{
    cable_take(to, first);
    if (n > 1)
        cable_take(to, first + 2 * (n - 1));
}

/* The links up of a row of switches: of the first and the last of it. */
static void level_take(struct taken *to, const struct lh__site *s, int level)
{
    bool top = level == lh__top_level(s);
    int64_t first = top ? s->first_gateway : s->first_up[level];
    int64_t n = top ? 1 : s->shape.cables[level];
    int64_t rails = abreast(s, level);
    int64_t rows = s->shape.count[level] / rails;

    for (int64_t row = 0; row<rows; row += rows> 1 ? rows - 1 : 1)
        for (int64_t r = 0; r < rails && r < rails_max(to->t); r++)
            uplink_take(to, first + 2 * n * (row * rails + r), n);
}

static void site_take(struct taken *to, const struct lh__site *s)
{
    domain_take(to, s, 0);
    if (s->nodes > 1)
        domain_take(to, s, s->nodes - 1);
    for (int k = 0; k < lh__top_level(s); k++)
        level_take(to, s, k);
    if (s->shape.mesh_cables > 0) /* its first and last group are taken */
        cable_take(to, lh__mesh_link(s, 0, s->shape.count[0] - 1) & ~1);
    if (s->gateway >= 0)
        level_take(to, s, lh__top_level(s));
    if (s->border >= 0)
        cable_take(to, s->border_link);
}

static int nodes_compare(const void *a, const void *b)
{
    lh_node x = *(const lh_node *)a;
    lh_node y = *(const lh_node *)b;

    return x < y ? -1 : x > y;
}

static void taken_ids(struct lh__graph *g, const struct lh_topology *t)
{
    struct taken to = {.g = g, .t = t};
    size_t n = 0;

    for (int i = 0; i < t->n_sites; i++)
        site_take(&to, &t->sites[i]);
    for (lh_link l = t->first_wan; l < t->n_links; l += 2)
        cable_take(&to, l);
    g->node = LH_NEW(t->arena, lh_node, (size_t)g->n_edges);
    for (int e = 0; e < g->n_edges; e++)
        g->node[e] = lh__link_from(t, g->link[e]);
    qsort(g->node, (size_t)g->n_edges, sizeof *g->node, nodes_compare);
    for (int e = 0; e < g->n_edges; e++)
        if (n == 0 || g->node[n - 1] != g->node[e])
            g->node[n++] = g->node[e];
    g->n_vertices = (int)n;
}

/* The vertex of the graph that a node is; it was taken. */
static igraph_integer_t vertex_of(const struct lh__graph *g, lh_node node)
{
    const lh_node *at = bsearch(&node, g->node, (size_t)g->n_vertices,
                                sizeof *g->node, nodes_compare);

    return at - g->node;
}

static void taken_ends(igraph_vector_int_t *ends, const struct lh__graph *g,
                       const struct lh_topology *t)
{
    for (int e = 0; e < g->n_edges; e++) {
        VECTOR(*ends)[2 * e] = vertex_of(g, lh__link_from(t, g->link[e]));
        VECTOR(*ends)[2 * e + 1] = vertex_of(g, lh__link_to(t, g->link[e]));
    }
}

/* ---- the graph ----------------------------------------------------------- */

static enum lh_status
graph_make(struct lh__graph *g, const struct lh_topology *t, struct lh_ctx *ctx)
{
    igraph_vector_int_t ends;
    enum lh_status st;

    g->whole = t->n_links <= WHOLE_LINKS_MAX;
    if (g->whole)
        whole_ids(g, t);
    else
        taken_ids(g, t);
    g->latency_s = LH_NEW(t->arena, double, (size_t)g->n_edges);
    for (int e = 0; e < g->n_edges; e++)
        g->latency_s[e] = lh_topology_link_facts(t, g->link[e]).latency_s;
    st = lh__igraph_status(
        ctx, "topology",
        igraph_vector_int_init(&ends, 2 * (igraph_integer_t)g->n_edges));
    if (st != LH_OK)
        return st;
    if (g->whole)
        whole_ends(&ends, t);
    else
        taken_ends(&ends, g, t);
    st = lh__igraph_status(
        ctx, "topology",
        igraph_create(&g->graph, &ends, g->n_vertices, IGRAPH_DIRECTED));
    igraph_vector_int_destroy(&ends);
    return st;
}

const struct lh__graph *lh__graph(const struct lh_topology *t,
                                  struct lh_ctx *ctx)
{
    if (*t->graph == NULL) {
        struct lh__graph *g = LH_NEW(t->arena, struct lh__graph, 1);

        if (graph_make(g, t, ctx) != LH_OK)
            return NULL;
        *t->graph = g;
    }
    return *t->graph;
}

void lh__graph_free(struct lh__graph *graph)
{
    if (graph != NULL)
        igraph_destroy(&graph->graph);
}
