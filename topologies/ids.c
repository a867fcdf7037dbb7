/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands behind the number of a vertex, a link or an accelerator, by
 * arithmetic on the first ids of the sites and their blocks (topology.h).  With
 * k = (link - block.first) / 2, the cable of a block, its ends are
 *
 *   scale-up   accelerator k            nvswitch k / S; a torus: torus.c
 *   NIC        accelerator k            its leaf
 *   level j    switch k / n             switch k / n / children[j] of level j+1
 *   mesh       a group                  another one: dragonfly.c
 *   gateway    switch k of the top      border, or gateway
 *   border     border                   gateway
 *
 * with n the parallel cables of the level's uplinks; and an odd link goes from
 * the right to the left.  A unit starts every
 * `unit` accelerators of a site; a link stands in the unit of the first
 * accelerator below its lower end, and moving it by a accelerators moves its
 * lower end by a (x rails, x n) / span of its level.
 *
 * Place: accessors of a built topology, asked millions of times.
 * Leaves out: whether the graph is what it should be (check.c).
 */
#include <math.h>

#include "topology.h"

/* ---- vertices ------------------------------------------------------------ */

static int64_t site_of_switch(const struct lh_topology *t, lh_node v)
{
    int low = 0;
    int high = t->n_sites;

    while (high - low > 1) {
        int middle = (low + high) / 2;

        if (t->sites[middle].first_nvswitch <= v)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct lh__vertex switch_at(const struct lh_topology *t, lh_node v)
{
    int i = (int)site_of_switch(t, v);
    const struct lh__site *s = &t->sites[i];
    int k = lh__top_level(s);

    if (v == s->border)
        return (struct lh__vertex){LH__BORDER, i, 0, 0};
    if (v == s->gateway)
        return (struct lh__vertex){LH__GATEWAY, i, 0, 0};
    if (v < s->first_switch[0])
        return (struct lh__vertex){LH__NVSWITCH, i, 0, v - s->first_nvswitch};
    while (v < s->first_switch[k])
        k--;
    return (struct lh__vertex){LH__SWITCH, i, k, v - s->first_switch[k]};
}

struct lh__vertex lh__vertex_at(const struct lh_topology *t, lh_node v)
{
    if (v >= t->first_map_node)
        return (struct lh__vertex){LH__MAP_NODE, -1, 0, v - t->first_map_node};
    if (v >= t->n_accelerators)
        return switch_at(t, v);
    int site = lh__site_of(t, v);
    return (struct lh__vertex){LH__ACCELERATOR, site, 0,
                               v - t->sites[site].first_accelerator};
}

lh_node lh__wan_vertex(const struct lh_topology *t, int wan_node)
{
    if (wan_node < t->n_sites)
        return t->sites[wan_node].gateway;
    return t->first_map_node + (wan_node - t->n_sites);
}

/* ---- links --------------------------------------------------------------- */

const struct lh__site *lh__link_site(const struct lh_topology *t, lh_link link)
{
    int low = 0;
    int high = t->n_sites;

    while (high - low > 1) {
        int middle = (low + high) / 2;

        if (t->sites[middle].first_link <= link)
            low = middle;
        else
            high = middle;
    }
    return &t->sites[low];
}

const struct lh__block *lh__link_block(const struct lh__site *site,
                                       lh_link link)
{
    const struct lh__block *block = &site->blocks[site->n_blocks - 1];

    while (link < block->first)
        block--;
    return block;
}

int64_t lh__link_cable(const struct lh__block *block, lh_link link)
{
    int64_t k = (link - block->first) / 2;

    return k - lh__quotient(k, block->cables) * block->cables;
}

/* The accelerators' end of cable k of a block. */
static lh_node lower_end(const struct lh__site *s, const struct lh__block *b,
                         lh_link k)
{
    if (b->kind == LH_LINK_SCALE_UP && lh__is_torus(s))
        return (lh_node)(s->first_accelerator + lh__torus_ends(s, k).lower);
    if (b->kind == LH_LINK_SCALE_UP || b->kind == LH_LINK_NIC)
        return (lh_node)s->first_accelerator + k;
    if (b->first == s->border_link)
        return s->border;
    if (b->kind == LH_LINK_LEAF && lh__is_mesh(s))
        return s->first_switch[0] + (lh_node)lh__mesh_ends(s, k).lower;
    return s->first_switch[b->level] + (lh_node)lh__quotient(k, b->cables);
}

static lh_node leaf_over(const struct lh__site *s, lh_link accelerator)
{
    int64_t size = s->shape.scale_up_gpus;
    int64_t node = lh__quotient(accelerator, size);

    return s->first_switch[0]
           + (lh_node)lh__leaf_of(s, node, accelerator - node * size);
}

/* The gateway's end. */
static lh_node upper_end(const struct lh__site *s, const struct lh__block *b,
                         lh_link k)
{
    const struct lh__shape *shape = &s->shape;

    if (b->kind == LH_LINK_SCALE_UP && lh__is_torus(s))
        return (lh_node)(s->first_accelerator + lh__torus_ends(s, k).upper);
    if (b->kind == LH_LINK_SCALE_UP)
        return s->first_nvswitch
               + (lh_node)lh__quotient(k, shape->scale_up_gpus);
    if (b->kind == LH_LINK_NIC)
        return leaf_over(s, k);
    if (b->kind == LH_LINK_GATEWAY)
        return b->first != s->border_link && s->border >= 0 ? s->border
                                                            : s->gateway;
    if (lh__is_mesh(s))
        return s->first_switch[0] + (lh_node)lh__mesh_ends(s, k).upper;
    return s->first_switch[b->level + 1]
           + (lh_node)lh__quotient(lh__quotient(k, b->cables),
                                   shape->children[b->level]);
}

static lh_node fibre_end(const struct lh_topology *t, lh_link link, bool to)
{
    lh_link k = lh__fibre_way(t, link);
    const struct lh__fibre *f = &t->wan.fibres[k / 2];

    return lh__wan_vertex(t, (k % 2 != 0) == to ? f->a : f->b);
}

/* The vertex that a link comes from, or the one that it goes to. */
static lh_node link_end(const struct lh_topology *t, lh_link link, bool to)
{
    if (link >= t->first_wan)
        return fibre_end(t, link, to);
    const struct lh__site *site = lh__link_site(t, link);
    const struct lh__block *block = lh__link_block(site, link);
    lh_link k = link - block->first;

    return (k % 2 != 0) == to ? lower_end(site, block, k / 2)
                              : upper_end(site, block, k / 2);
}

lh_node lh__link_from(const struct lh_topology *t, lh_link link)
{
    return link_end(t, link, false);
}

lh_node lh__link_to(const struct lh_topology *t, lh_link link)
{
    return link_end(t, link, true);
}

int lh_topology_link_count(const struct lh_topology *t)
{
    return t->n_links;
}

lh_link lh_topology_first_fibre(const struct lh_topology *t)
{
    return t->first_wan;
}

static struct lh_link_info fibre_facts(const struct lh_topology *t,
                                       lh_link link)
{
    lh_link k = lh__fibre_way(t, link);
    const struct lh__fibre *f = &t->wan.fibres[k / 2];
    int from = k % 2 ? f->b : f->a;
    int to = k % 2 ? f->a : f->b;

    return (struct lh_link_info){
        .from = lh__wan_vertex(t, from),
        .to = lh__wan_vertex(t, to),
        .capacity_bytes_per_s = lh_topology_link_capacity(t, link),
        .latency_s = f->latency_s,
        .length_m = f->length_m,
        .kind = LH_LINK_WAN,
        .site_from = from < t->n_sites ? from : -1,
        .site_to = to < t->n_sites ? to : -1,
    };
}

/* Of cable k of a block: links of a torus may differ by dimension. */
static double capacity_of(const struct lh__site *s, const struct lh__block *b,
                          lh_link k)
{
    if (b->kind != LH_LINK_SCALE_UP || s->fabric.n_dims_frac == 0
        || !lh__is_torus(s))
        return b->capacity_bytes_per_s;
    return b->capacity_bytes_per_s
           * s->fabric.dims_frac[lh__torus_ends(s, k).dim];
}

struct lh_link_info lh_topology_link_facts(const struct lh_topology *t,
                                           lh_link link)
{
    if (link >= t->first_wan)
        return fibre_facts(t, link);
    const struct lh__site *s = lh__link_site(t, link);
    const struct lh__block *b = lh__link_block(s, link);
    lh_link k = link - b->first;
    lh_node lower = lower_end(s, b, k / 2);
    lh_node upper = upper_end(s, b, k / 2);

    return (struct lh_link_info){
        .from = k % 2 ? upper : lower,
        .to = k % 2 ? lower : upper,
        .capacity_bytes_per_s = capacity_of(s, b, k / 2),
        .latency_s = b->latency_s,
        .kind = b->kind,
        .site_from = (int)(s - t->sites),
        .site_to = (int)(s - t->sites),
    };
}

struct lh_link_info lh_topology_link_at(const struct lh_topology *t,
                                        lh_link link)
{
    struct lh_link_info info = lh_topology_link_facts(t, link);

    info.name = lh__link_name(t->arena, t, link);
    return info;
}

double lh_topology_link_capacity(const struct lh_topology *t, lh_link link)
{
    if (link >= t->first_wan) {
        lh_link k = lh__fibre_way(t, link);

        return link < t->n_links ? t->wan.fibres[k / 2].bytes_per_s[k % 2]
                                 : (double)INFINITY;
    }
    const struct lh__site *s = lh__link_site(t, link);
    const struct lh__block *b = lh__link_block(s, link);

    return capacity_of(s, b, (link - b->first) / 2);
}

/* ---- units --------------------------------------------------------------- */

int64_t lh_topology_unit(const struct lh_topology *t, int site)
{
    return t->sites[site].unit;
}

/* How many accelerators further the next cable of a block stands; 0: its links
 * belong to the site as a whole.  *together cables stand over the same
 * accelerators: the leaves of a pod on rails, the cables of an uplink, all
 * cables of a slice or between groups. */
static int64_t stride(const struct lh__site *s, const struct lh__block *b,
                      int64_t *together)
{
    *together = 1;
    switch (b->kind) {
    case LH_LINK_SCALE_UP:
        if (!lh__is_torus(s))
            return 1;
        *together = s->shape.torus.cables;
        return s->shape.scale_up_gpus;
    case LH_LINK_NIC: return 1;
    case LH_LINK_LEAF:
    case LH_LINK_SPINE:
    case LH_LINK_CORE:
        if (lh__is_mesh(s)) {
            *together = s->shape.mesh_cables;
            return s->unit;
        }
        *together = b->cables * (b->level == 0 ? s->shape.n_rails : 1);
        return s->span[b->level];
    case LH_LINK_GATEWAY: /* of a mesh each group has its own one */
        if (!lh__is_mesh(s) || b->first == s->border_link)
            return 0;
        *together = s->shape.count[0];
        return s->unit;
    case LH_LINK_WAN: break;
    }
    return 0;
}

int64_t lh_topology_link_unit(const struct lh_topology *t, lh_link link)
{
    if (link >= t->first_wan)
        return -1;
    const struct lh__site *s = lh__link_site(t, link);
    const struct lh__block *b = lh__link_block(s, link);
    int64_t together;
    int64_t apart = stride(s, b, &together);
    int64_t below = lh__quotient((link - b->first) / 2, together) * apart;

    return apart == 0
               ? -1
               : s->first_accelerator + lh__quotient(below, s->unit) * s->unit;
}

lh_link lh_topology_link_shift(const struct lh_topology *t, lh_link link,
                               int64_t accelerators)
{
    if (link >= t->first_wan)
        return link;
    const struct lh__site *s = lh__link_site(t, link);
    const struct lh__block *b = lh__link_block(s, link);
    int64_t together;
    int64_t apart = stride(s, b, &together);

    if (apart == 0)
        return link;
    int64_t shifted = link + 2 * (accelerators / apart) * together;
    return shifted >= b->first && shifted < b[1].first ? (lh_link)shifted : -1;
}

/* ---- accelerators -------------------------------------------------------- */

const struct lh_fabric *lh_topology_fabric(const struct lh_topology *t,
                                           int site)
{
    return &t->sites[site].fabric;
}

int64_t lh_topology_accelerator_count(const struct lh_topology *t)
{
    return t->n_accelerators;
}

int lh_topology_accelerator_site(const struct lh_topology *t, int64_t a)
{
    return lh__site_of(t, a);
}

int64_t lh_topology_accelerator_domain(const struct lh_topology *t, int64_t a)
{
    const struct lh__site *site = &t->sites[lh__site_of(t, a)];

    return site->first_domain
           + lh__quotient(a - site->first_accelerator,
                          site->shape.scale_up_gpus);
}

int64_t lh_topology_domain_size(const struct lh_topology *t,
                                int64_t accelerator)
{
    const struct lh__site *site = &t->sites[lh__site_of(t, accelerator)];

    return lh__domain_gpus(site,
                           lh__quotient(accelerator - site->first_accelerator,
                                        site->shape.scale_up_gpus));
}

int64_t lh_topology_accelerator_place(const struct lh_topology *t,
                                      int64_t accelerator)
{
    const struct lh__site *site = &t->sites[lh__site_of(t, accelerator)];

    return (accelerator - site->first_accelerator) % site->shape.scale_up_gpus;
}
