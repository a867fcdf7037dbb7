/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shape of a k-level fat-tree: all NICs of a node go to one first-level
 * switch, which joins group[0] nodes; a switch of level k + 1 joins group[k]
 * of level k; a last level that joins all is added where the groups do not
 * reach over the site, and levels over a single switch are left out.
 *
 * A "switch" of a level is what traffic is sprayed over below it, e.g. all
 * spine switches of a pod: one vertex.  With u(0) = S x nic_bytes_per_s of a
 * node, the uplink of a switch of level k = 1, 2, .. is
 *
 *     u(k) = group[k-1] x u(k-1) / oversubscription[k-1]
 *
 * of the recipe's nominal group, also where a group is partly filled, and
 * carries spread_frac of it.
 *
 * Source: Leiserson 1985 for the tree of growing capacity; oversubscription
 * per level as Llama 3 section 3.3.1 states it (racks 1:1, pods 1:7).
 * Leaves out: which of the parallel cables a flow takes (ecmp.c).
 */
#include "topology.h"

double lh__oversubscription(const struct lh_fabric *fabric, int level)
{
    int n = fabric->n_oversubscription;

    if (n == 0)
        return 1.0;
    return fabric->oversubscription[level < n ? level : n - 1];
}

void lh__fat_tree_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                        int64_t gpus)
{
    int64_t size = fabric->scale_up_gpus;
    int64_t below = (gpus + size - 1) / size;
    double up_bytes_per_s = (double)size * fabric->nic_bytes_per_s;
    int level = 0;

    *out = (struct lh__shape){.scale_up_gpus = size, .n_rails = 1};
    out->leaf_nodes = fabric->n_levels > 0 ? fabric->group[0] : below;
    for (;; level++) {
        int64_t group = level < fabric->n_levels ? fabric->group[level] : below;
        out->count[level] = (below + group - 1) / group;
        if (level > 0)
            out->children[level - 1] = group;
        if (out->count[level] == 1)
            break;
        up_bytes_per_s *= (double)group / lh__oversubscription(fabric, level);
        out->up_bytes_per_s[level] = up_bytes_per_s * fabric->spread_frac;
        below = out->count[level];
    }
    out->n_levels = level + 1;
}
