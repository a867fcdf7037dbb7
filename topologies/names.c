/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of links, made when asked for (a million accelerators have four million
 * of them); find.c is the other way round.  A link is "FROM->TO"; TO is told
 * relative to FROM:
 *
 *   ashburn/node3/gpu5->nvswitch      ashburn/node3/nvswitch->gpu5
 *   ashburn/node3/gpu5->leaf2         ashburn/pod0/leaf2->node3/gpu5
 *   ashburn/pod0/leaf2->spine         ashburn/spine->gateway
 *   ashburn/pod0/leaf2->spine#5       ashburn/spine->pod0/leaf2#5
 *   ashburn/group0->group7            ashburn/group0->mesh
 *   ashburn/slice0/chip(1,2,3)->x+    ashburn/slice0/chip(2,2,3)->x-
 *   fibre ashburn->memphis            fibre ashburn->memphis #2
 *
 * Place: accessors and prints of a built topology.  A switch level is named
 * leaf, spine, core, level4, ..; of a dragonfly group, mesh; over buildings
 * campus; it carries a number unless it is the only one of a level above the
 * leaves, and a cable of an uplink unless it is the only one.  Unique because
 * site names are (the reader checks them), map nodes are made so in map.c, and
 * an accelerator has one NIC.
 */
#include "topology.h"

const char *lh__level_name(const struct lh__site *site, int level)
{
    static const char *const names[LH__LEVELS] = {
        "leaf",   "spine",  "core",   "level4",
        "level5", "level6", "level7", "campus",
    };

    if (site->shape.is_campus && level == lh__top_level(site))
        return "campus";
    if (site->fabric.kind == LH_FABRIC_DRAGONFLY)
        return level == 0 ? "group" : "mesh";
    return names[level];
}

static const char *switch_name(struct lh_arena *arena,
                               const struct lh__site *site, int level,
                               int32_t index, bool in_pod)
{
    const struct lh__shape *shape = &site->shape;
    const char *word = lh__level_name(site, level);

    if (site->fabric.kind == LH_FABRIC_SWITCH)
        return "switch";
    if (level == 0 && site->fabric.kind == LH_FABRIC_RAILS)
        return in_pod ? lh_format(arena, "leaf%lld",
                                  (long long)(index % shape->n_rails))
                      : lh_format(arena, "pod%lld/leaf%lld",
                                  (long long)(index / shape->n_rails),
                                  (long long)(index % shape->n_rails));
    if (level > 0 && shape->count[level] == 1)
        return word;
    return lh_format(arena, "%s%d", word, index);
}

static const char *gpu_name(struct lh_arena *arena, const struct lh__site *site,
                            int32_t index, bool in_node)
{
    int64_t size = site->shape.scale_up_gpus;

    if (site->fabric.kind == LH_FABRIC_SWITCH)
        return lh_format(arena, "gpu%d", index);
    if (lh__is_torus(site))
        return lh__torus_chip_name(arena, site, index);
    if (in_node)
        return lh_format(arena, "gpu%lld", (long long)(index % size));
    return lh_format(arena, "node%lld/gpu%lld", (long long)(index / size),
                     (long long)(index % size));
}

/* Name of a vertex inside its site; seen from one of kind `near`, or -1. */
static const char *vertex_name(struct lh_arena *arena,
                               const struct lh_topology *t,
                               const struct lh__vertex *v, int near)
{
    const struct lh__site *site = &t->sites[v->site];
    int32_t index = (int32_t)v->index;

    switch (v->kind) {
    case LH__ACCELERATOR:
        return gpu_name(arena, site, index, near == LH__NVSWITCH);
    case LH__NVSWITCH:
        return near == LH__ACCELERATOR
                   ? "nvswitch"
                   : lh_format(arena, "node%d/nvswitch", index);
    case LH__SWITCH:
        return switch_name(arena, site, v->level, index,
                           near == LH__ACCELERATOR);
    case LH__GATEWAY: return "gateway";
    case LH__BORDER: return "border";
    case LH__MAP_NODE: break;
    }
    return "";
}

static const char *fibre_name(struct lh_arena *arena,
                              const struct lh_topology *t, lh_link link)
{
    lh_link k = lh__fibre_way(t, link);
    const struct lh__fibre *f = &t->wan.fibres[k / 2];
    const char *a = t->wan.nodes[k % 2 ? f->b : f->a].name;
    const char *b = t->wan.nodes[k % 2 ? f->a : f->b].name;

    if (f->ordinal > 1)
        return lh_format(arena, "fibre %s->%s #%d", a, b, f->ordinal);
    return lh_format(arena, "fibre %s->%s", a, b);
}

const char *lh__link_name(struct lh_arena *arena, const struct lh_topology *t,
                          lh_link link)
{
    if (link >= t->first_wan)
        return fibre_name(arena, t, link);
    const struct lh__site *site = lh__link_site(t, link);
    if (lh__is_torus(site) && link < site->first_nic)
        return lh_format(
            arena, "%s/%s", site->name,
            lh__torus_link_name(arena, site, link - site->first_scale_up));
    struct lh__vertex from = lh__vertex_at(t, lh__link_from(t, link));
    struct lh__vertex to = lh__vertex_at(t, lh__link_to(t, link));

    const struct lh__block *block = lh__link_block(site, link);
    const char *cable =
        block->cables == 1
            ? ""
            : lh_format(arena, "#%lld", (long long)lh__link_cable(block, link));
    return lh_format(arena, "%s/%s->%s%s", t->sites[from.site].name,
                     vertex_name(arena, t, &from, -1),
                     vertex_name(arena, t, &to, (int)from.kind), cable);
}
