/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Dragonfly: groups of group[0] nodes.  The routers of a group are one vertex,
 * which every NIC of the group hangs on: they are joined all to all, and
 * traffic is sprayed over their local cables.  A group's global cables go in
 * equal parts to the G - 1 others.  With U what leaves a group,
 *
 *     U = group[0] x S x nic_bytes_per_s / oversubscription x spread_frac
 *     c = U / (G - 1)                   from one group to another
 *
 * and a path between groups
 *
 *   minimal   local, global, local: one link of c for every two groups
 *   valiant   to an evenly drawn group (of all G), from there to its
 *             destination.  Group a sends o(a) in all, group b receives i(b):
 *             the cables from a to b carry o(a) / G on their first way and
 *             i(b) / G on their second one, whoever speaks to whom, and each
 *             way is given half of them.  So
 *
 *                 o(a) <= G c / 2,  i(b) <= G c / 2,
 *
 *             a tree of one level over the groups, whose links take G c / 2.
 *
 * A local hop is part of nic_latency, a global one takes switch_latency, so
 * that valiant takes it twice.
 *
 * Groups are numbered 0 .. G-1, cable (d - 1) G + i joins i and (i + d) mod G,
 * d = 1 .. G/2; of an even G the last d has G/2 cables only.
 *
 * Place: beside fat_tree.c; topology.c, ids.c, route.c, find.c and graph.c ask
 * it for the cables between groups.  A cable depends on both its groups, so a
 * site with minimal routing is one unit: its accelerators are listed one by
 * one before they are folded.
 * Source: Kim, Dally, Scott and Abts, ISCA 2008 (one global cable on a minimal
 * path, Valiant's random group against adversarial traffic); Valiant 1982.
 * Leaves out: routers and local cables that limit, choosing between the two by
 * load (UGAL), bundles that are unequal.  On the second way valiant takes half
 * of the cables also where the first one leaves some of its half idle (traffic
 * that enters a group but does not leave it).
 */
#include "topology.h"

void lh__dragonfly_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                         int64_t gpus)
{
    int64_t size = fabric->scale_up_gpus;
    int64_t nodes = (gpus + size - 1) / size;
    int64_t group = fabric->group[0];
    int64_t groups = (nodes + group - 1) / group;

    *out = (struct lh__shape){.scale_up_gpus = size,
                              .leaf_nodes = group,
                              .n_rails = 1,
                              .n_levels = 1,
                              .count = {groups}};
    if (groups == 1)
        return;
    double leave_bytes_per_s = (double)(group * size) * fabric->nic_bytes_per_s
                               / lh__oversubscription(fabric, 0)
                               * fabric->spread_frac;
    double one_bytes_per_s = leave_bytes_per_s / (double)(groups - 1);
    if (fabric->routing == LH_ROUTING_MINIMAL) {
        out->mesh_cables = groups * (groups - 1) / 2;
        out->mesh_bytes_per_s = one_bytes_per_s;
        return;
    }
    out->n_levels = 2;
    out->count[1] = 1;
    out->children[0] = groups;
    out->up_bytes_per_s[0] = (double)groups * one_bytes_per_s / 2;
}

bool lh__is_mesh(const struct lh__site *site)
{
    return site->shape.mesh_cables > 0;
}

struct lh__mesh_ends lh__mesh_ends(const struct lh__site *site, int64_t cable)
{
    int64_t groups = site->shape.count[0];
    int64_t lower = cable % groups;

    return (struct lh__mesh_ends){lower, (lower + cable / groups + 1) % groups};
}

lh_link lh__mesh_link(const struct lh__site *site, int64_t from, int64_t to)
{
    int64_t groups = site->shape.count[0];
    int64_t ahead = (to - from + groups) % groups;
    bool up = 2 * ahead < groups || (2 * ahead == groups && from < to);
    int64_t cable =
        up ? (ahead - 1) * groups + from : (groups - ahead - 1) * groups + to;

    return site->first_mesh + (lh_link)(2 * cable + !up);
}
