/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Campus: a site of several buildings.  Each building is a site of its own by
 * the fabric's recipe (rails, fat-tree, torus) with B = building_gpus
 * accelerators, and a campus core joins them: one level of switches more over
 * the tops of the buildings.  What one building sends to the core, and gets,
 *
 *     U = B x nic_bytes_per_s / building_oversubscription x spread_frac
 *
 * in equal parts over its tops: one, or a leaf a rail where the building is a
 * single pod of rails.  Half of building_length lies on each side of the core:
 *
 *     latency of a link to the core = switch_latency_s
 *                                     + building_length / 2 x latency_s_per_m
 *
 * so that light needs building_length from building to building.  No transport
 * of its own and no gateway: to placement and collectives it is one site.
 *
 * A building is whole groups of the recipe, so that no group stands in two of
 * them; the last one may be partly filled, and has the links of a full one.
 *
 * Place: topology.c, instead of the recipe's own shape function.
 * Source: Leiserson 1985, as fat_tree.c; latency of fibre: data/fibres.csv.
 * Leaves out: buildings of unequal size or distance, fibres from building to
 * building past the core, what the optics at both ends take (part of
 * switch_latency).
 */
#include <math.h>

#include "topology.h"

bool lh__is_campus(const struct lh_fabric *fabric, int64_t gpus)
{
    return fabric->building_gpus > 0 && fabric->building_gpus < gpus;
}

/* Leaves, or rows of leaves, and the groups over them, whole in a building? */
static bool is_whole(const struct lh__shape *building, int64_t gpus)
{
    int64_t nodes = gpus / building->scale_up_gpus;
    int64_t rows = building->count[0] / building->n_rails;

    if (rows > 1 && rows * building->leaf_nodes != nodes)
        return false;
    for (int k = 0; k + 2 < building->n_levels; k++)
        if (building->count[k + 1] * building->children[k]
            != building->count[k])
            return false;
    return gpus % building->scale_up_gpus == 0;
}

enum lh_status lh__campus_check(const struct lh__site *site,
                                lh__shape_fn *recipe, struct lh_where where,
                                struct lh_ctx *ctx)
{
    const struct lh_fabric *f = &site->fabric;
    struct lh__shape building;

    if (!(f->building_oversubscription > 0)
        || !isfinite(f->building_oversubscription)
        || !(f->building_length_m >= 0) || !isfinite(f->building_length_m)) {
        lh_error(ctx, where,
                 "site '%s': fabric: building_oversubscription must be above "
                 "0, building_length not below",
                 site->name);
        return LH_BAD_INPUT;
    }
    if (f->kind == LH_FABRIC_SWITCH || f->kind == LH_FABRIC_DRAGONFLY) {
        lh_error(ctx, where,
                 "site '%s': fabric: buildings have rails, a fat-tree or a "
                 "torus",
                 site->name);
        return LH_BAD_INPUT;
    }
    recipe(&building, f, f->building_gpus);
    if (is_whole(&building, f->building_gpus))
        return LH_OK;
    lh_error(ctx, where,
             "site '%s': fabric: building_gpus is %lld, which is no whole "
             "number of nodes and groups of the fabric",
             site->name, (long long)f->building_gpus);
    return LH_BAD_INPUT;
}

void lh__campus_shape(struct lh__shape *out, lh__shape_fn *recipe,
                      const struct lh_fabric *fabric, int64_t gpus)
{
    int64_t size, nodes, below;
    int top;

    recipe(out, fabric, fabric->building_gpus);
    size = out->scale_up_gpus;
    nodes = (gpus + size - 1) / size;
    top = out->n_levels - 1;
    if (out->count[0] == out->n_rails) /* one pod, one leaf */
        out->leaf_nodes = fabric->building_gpus / size;
    for (int k = 0; k < top; k++)
        if (out->count[k + 1] == 1)
            out->children[k] = out->count[k];
    out->up_bytes_per_s[top] = (double)fabric->building_gpus
                               * fabric->nic_bytes_per_s
                               / fabric->building_oversubscription
                               * fabric->spread_frac / (double)out->count[top];
    below = (nodes + out->leaf_nodes - 1) / out->leaf_nodes * out->n_rails;
    out->count[0] = below;
    for (int k = 0; k < top; k++) {
        below = (below + out->children[k] - 1) / out->children[k];
        out->count[k + 1] = below;
    }
    out->children[top] = out->count[top];
    out->count[top + 1] = 1;
    out->n_levels = top + 2;
    out->is_campus = true;
}
