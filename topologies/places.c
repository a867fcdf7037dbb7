/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the ends of fibres stand, for whoever draws them: sites and the nodes
 * of a map that are no site.  Place: after lh_topology_build().  Leaves out:
 * the way a fibre takes between its ends.
 */
#include "topology.h"

bool lh_topology_wan_place(struct lh_wan_place *out,
                           const struct lh_topology *t, lh_node node)
{
    for (int i = 0; i < t->wan.n_nodes; i++) {
        const struct lh__wan_node *at = &t->wan.nodes[i];
        if (lh__wan_vertex(t, i) != node)
            continue;
        *out = (struct lh_wan_place){at->name, i < t->n_sites, at->has_location,
                                     at->latitude_deg, at->longitude_deg};
        return true;
    }
    return false;
}
