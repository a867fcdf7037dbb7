/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The link of a name: names.c the other way round.
 *
 *     SITE "/" FROM "->" TO [CABLE]  inside a site; CABLE is "#" N
 *     "fibre " A "->" B [" #" N]   between WAN nodes
 *
 * FROM and TO are read as vertices, TO with what FROM leaves out of it; the
 * link is the one over the lower of the two that ends at the other, or its
 * opposite.  Numbers have no leading zeros, so a link has one name only.  No
 * name of a WAN node holds '>' or '#' (map.c); sites and fibres are found by
 * bisection.
 *
 * Place: accessors of a built topology; the links that a scenario names.
 * Leaves out: what a wrong name could have meant.
 */
#include <stdlib.h>
#include <string.h>

#include "topology.h"

/* ---- names of WAN nodes, and fibres by their ends ------------------------ */

struct node_name {
    const char *name;
    int node;
};

struct fibre_ends {
    int low, high; /* WAN nodes */
    int ordinal;
    int fibre;
};

struct lh__by_name {
    size_t n_nodes;
    struct node_name *nodes; /* [n_nodes] by name */
    size_t n_fibres;
    struct fibre_ends *fibres; /* [n_fibres] by ends, then ordinal */
};

static int nodes_compare(const void *a, const void *b)
{
    const struct node_name *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int fibres_compare(const void *a, const void *b)
{
    const struct fibre_ends *x = a, *y = b;

    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static struct fibre_ends ends_of(int a, int b, int ordinal)
{
    return (struct fibre_ends){a < b ? a : b, a < b ? b : a, ordinal, -1};
}

struct lh__by_name *lh__by_name_make(const struct lh__wan *wan,
                                     struct lh_arena *arena)
{
    struct lh__by_name *by = LH_NEW(arena, struct lh__by_name, 1);

    by->n_nodes = (size_t)wan->n_nodes;
    by->n_fibres = (size_t)wan->n_fibres;
    by->nodes = LH_NEW(arena, struct node_name, by->n_nodes);
    by->fibres = LH_NEW(arena, struct fibre_ends, by->n_fibres);
    for (int i = 0; i < wan->n_nodes; i++)
        by->nodes[i] = (struct node_name){wan->nodes[i].name, i};
    for (int i = 0; i < wan->n_fibres; i++) {
        const struct lh__fibre *f = &wan->fibres[i];

        by->fibres[i] = ends_of(f->a, f->b, f->ordinal);
        by->fibres[i].fibre = i;
    }
    qsort(by->nodes, by->n_nodes, sizeof *by->nodes, nodes_compare);
    qsort(by->fibres, by->n_fibres, sizeof *by->fibres, fibres_compare);
    return by;
}

/* The WAN node of the first n letters of a text, or -1. */
static int node_find(const struct lh_topology *t, const char *text, size_t n)
{
    size_t low = 0;
    size_t high = t->by_name->n_nodes;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *name = t->by_name->nodes[middle].name;
        int order = strncmp(name, text, n);

        if (order == 0 && name[n] == '\0')
            return t->by_name->nodes[middle].node;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* ---- reading a name ------------------------------------------------------ */

static bool take(const char **at, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*at, word, n) != 0)
        return false;
    *at += n;
    return true;
}

/* A whole number below `limit`, without leading zeros. */
static bool take_number(const char **at, int64_t *out, int64_t limit)
{
    const char *s = *at;
    int64_t n = 0;

    if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        n = 10 * n + (*s - '0');
        if (n >= limit)
            return false;
    }
    *at = s;
    *out = n;
    return true;
}

static bool take_numbered(const char **at, const char *word, int64_t *out,
                          int64_t limit)
{
    return take(at, word) && take_number(at, out, limit);
}

/* "gpu5" of a node that is known. */
static bool take_gpu_in(const char **at, struct lh__vertex *out,
                        const struct lh__site *s, int64_t node)
{
    int64_t gpu;

    if (!take_numbered(at, "gpu", &gpu, s->shape.scale_up_gpus))
        return false;
    out->kind = LH__ACCELERATOR;
    out->index = node * s->shape.scale_up_gpus + gpu;
    return out->index < s->gpus;
}

/* "gpu7" on a switch; "slice0/chip(1,2,3)" in a torus; else "node3/gpu5" or
 * "node3/nvswitch". */
static bool take_node(const char **at, struct lh__vertex *out,
                      const struct lh__site *s)
{
    int64_t node;

    if (s->fabric.kind == LH_FABRIC_SWITCH) {
        out->kind = LH__ACCELERATOR;
        return take_numbered(at, "gpu", &out->index, s->gpus);
    }
    if (lh__is_torus(s)) {
        int64_t chip = lh__torus_chip_find(at, s);

        out->kind = LH__ACCELERATOR;
        out->index = chip < 0 ? 0 : chip;
        return chip >= 0;
    }
    if (!take_numbered(at, "node", &node, s->nodes) || !take(at, "/"))
        return false;
    if (!take(at, "nvswitch"))
        return take_gpu_in(at, out, s, node);
    out->kind = LH__NVSWITCH;
    out->index = node;
    return s->shape.scale_up_gpus > 1;
}

/* The leaf of a rail; of the pod that is named, or of an accelerator's. */
static bool take_rail(const char **at, struct lh__vertex *out,
                      const struct lh__site *s, const struct lh__vertex *from)
{
    const struct lh__shape *shape = &s->shape;
    int64_t pod, rail;

    if (from != NULL && from->kind == LH__ACCELERATOR)
        pod = from->index / shape->scale_up_gpus / shape->leaf_nodes;
    else if (!take_numbered(at, "pod", &pod, shape->count[0] / shape->n_rails)
             || !take(at, "/"))
        return false;
    if (!take_numbered(at, "leaf", &rail, shape->n_rails))
        return false;
    out->index = pod * shape->n_rails + rail;
    return true;
}

static bool take_switch(const char **at, struct lh__vertex *out,
                        const struct lh__site *s, const struct lh__vertex *from)
{
    out->kind = LH__SWITCH;
    out->level = 0;
    if (s->fabric.kind == LH_FABRIC_SWITCH)
        return take(at, "switch");
    if (s->fabric.kind == LH_FABRIC_RAILS && take_rail(at, out, s, from))
        return true;
    for (int k = s->fabric.kind == LH_FABRIC_RAILS; k < s->shape.n_levels; k++)
        if (take(at, lh__level_name(s, k))) {
            out->level = k;
            return (k > 0 && s->shape.count[k] == 1)
                   || take_number(at, &out->index, s->shape.count[k]);
        }
    return false;
}

/* A vertex of a site as it is told; from: what it is told relative to. */
static bool take_vertex(const char **at, struct lh__vertex *out,
                        const struct lh__site *s, const struct lh__vertex *from)
{
    const char *begin = *at;

    out->index = 0;
    if (from != NULL && from->kind == LH__NVSWITCH)
        return take_gpu_in(at, out, s, from->index);
    if (from != NULL && from->kind == LH__ACCELERATOR && take(at, "nvswitch")) {
        out->kind = LH__NVSWITCH;
        out->index = from->index / s->shape.scale_up_gpus;
        return s->shape.scale_up_gpus > 1 && !lh__is_torus(s);
    }
    out->kind = LH__GATEWAY;
    if (take(at, "gateway"))
        return s->gateway >= 0;
    out->kind = LH__BORDER;
    if (take(at, "border"))
        return s->border >= 0;
    if (take_node(at, out, s))
        return from == NULL || out->kind == LH__ACCELERATOR;
    *at = begin;
    return take_switch(at, out, s, from);
}

/* ---- the link ------------------------------------------------------------ */

static lh_node node_of(const struct lh__site *s, const struct lh__vertex *v)
{
    switch (v->kind) {
    case LH__ACCELERATOR: return (lh_node)(s->first_accelerator + v->index);
    case LH__NVSWITCH: return s->first_nvswitch + (lh_node)v->index;
    case LH__SWITCH: return s->first_switch[v->level] + (lh_node)v->index;
    case LH__GATEWAY: return s->gateway;
    case LH__BORDER: return s->border;
    case LH__MAP_NODE: break;
    }
    return -1;
}

/* A cable from a switch to the level above, or -1; cable -1: the only one. */
static lh_link uplink(const struct lh__site *s, const struct lh__vertex *v,
                      int64_t cable)
{
    int64_t n = s->shape.cables[v->level];

    if ((cable >= 0) != (n > 1) || cable >= n)
        return -1;
    return s->first_up[v->level]
           + (lh_link)(2 * (v->index * n + (cable < 0 ? 0 : cable)));
}

/* The link from a vertex up to one of a kind, or -1. */
static lh_link link_over(const struct lh__site *s, const struct lh__vertex *v,
                         enum lh__vertex_kind upper, int64_t cable)
{
    lh_link k = (lh_link)(2 * v->index);

    if (v->kind == LH__SWITCH && upper == LH__SWITCH && lh__is_mesh(s))
        return -1; /* mesh_find() */
    if (v->kind == LH__SWITCH && v->level < lh__top_level(s))
        return uplink(s, v, cable);
    if (cable >= 0)
        return -1;
    if (v->kind == LH__ACCELERATOR)
        return (upper == LH__NVSWITCH ? s->first_scale_up : s->first_nic) + k;
    if (v->kind == LH__SWITCH && s->gateway >= 0)
        return s->first_gateway + k;
    return v->kind == LH__BORDER ? s->border_link : -1;
}

static lh_link link_up(const struct lh_topology *t, const struct lh__site *s,
                       const struct lh__vertex *from,
                       const struct lh__vertex *to, int64_t cable)
{
    lh_link link = link_over(s, from, to->kind, cable);

    if (link >= 0 && lh__link_from(t, link) == node_of(s, from)
        && lh__link_to(t, link) == node_of(s, to))
        return link;
    return -1;
}

/* The link from group to group, or -1. */
static lh_link mesh_find(const struct lh__site *s,
                         const struct lh__vertex *from,
                         const struct lh__vertex *to)
{
    if (!lh__is_mesh(s) || from->kind != LH__SWITCH || to->kind != LH__SWITCH
        || from->index == to->index)
        return -1;
    return lh__mesh_link(s, from->index, to->index);
}

static lh_link site_link_find(const struct lh_topology *t, const char *name)
{
    size_t n = strcspn(name, "/");
    int site = name[n] == '/' ? node_find(t, name, n) : -1;
    const char *at = name + n + 1;
    struct lh__vertex from = {.level = 0}, to = {.level = 0};
    int64_t cable = -1;

    if (site < 0 || site >= t->n_sites)
        return -1;
    const struct lh__site *s = &t->sites[site];
    int64_t cable_way = lh__is_torus(s) ? lh__torus_link_find(s, at) : -1;
    if (cable_way >= 0)
        return s->first_scale_up + (lh_link)cable_way;
    if (!take_vertex(&at, &from, s, NULL) || !take(&at, "->")
        || !take_vertex(&at, &to, s, &from)
        || (take(&at, "#") && !take_number(&at, &cable, LH_CABLES_MAX))
        || *at != '\0')
        return -1;
    lh_link link = cable < 0 ? mesh_find(s, &from, &to) : -1;
    if (link < 0)
        link = link_up(t, s, &from, &to, cable);
    if (link >= 0)
        return link;
    link = link_up(t, s, &to, &from, cable);
    return link < 0 ? -1 : link ^ 1;
}

/* " #2" at the end of a fibre's name: its ordinal, and *end before it; no such
 * end: 1; a wrong one: 0. */
static int64_t take_ordinal(const char *begin, const char **end)
{
    const char *number = strchr(begin, '#');
    int64_t ordinal;

    *end = begin + strlen(begin);
    if (number == NULL)
        return 1;
    if (number == begin || number[-1] != ' ')
        return 0;
    *end = number++ - 1;
    if (!take_number(&number, &ordinal, INT32_MAX) || *number != '\0')
        return 0;
    return ordinal > 1 ? ordinal : 0;
}

/* "A->B" or "A->B #2". */
static lh_link fibre_find(const struct lh_topology *t, const char *ends)
{
    const char *head = strchr(ends, '>');
    const char *end;

    if (head == NULL || head == ends || head[-1] != '-')
        return -1;
    int64_t ordinal = take_ordinal(head + 1, &end);
    int a = node_find(t, ends, (size_t)(head - 1 - ends));
    int b = node_find(t, head + 1, (size_t)(end - (head + 1)));
    if (a < 0 || b < 0)
        return -1;
    const struct fibre_ends wanted = ends_of(a, b, (int)ordinal);
    const struct fibre_ends *found =
        bsearch(&wanted, t->by_name->fibres, t->by_name->n_fibres,
                sizeof wanted, fibres_compare);
    if (found == NULL)
        return -1;
    return t->first_wan + 2 * found->fibre
           + (t->wan.fibres[found->fibre].a != a);
}

lh_link lh_topology_link_find(const struct lh_topology *t, const char *name)
{
    return take(&name, "fibre ") ? fibre_find(t, name)
                                 : site_link_find(t, name);
}
