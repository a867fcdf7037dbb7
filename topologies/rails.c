/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shape of a rail-optimised site: a node of S accelerators with a scale-up
 * switch; the NIC of accelerator i goes to leaf i of its pod of group[0]
 * nodes; all leaves of all pods meet in one spine layer.  With a single pod
 * there is no spine: rails are joined by the scale-up switches alone.
 *
 * The spine layer is one vertex: traffic is sprayed over its switches, so that
 * equal parallel cables act as one of summed capacity (times spread_frac).
 * Uplink of a leaf, of its pod's nominal size n = group[0] nodes:
 *
 *     up = n x nic_bytes_per_s / oversubscription[0] x spread_frac
 *
 * A partly filled pod has the uplinks of a full one, as a real one has.
 *
 * Source: NVIDIA DGX SuperPOD reference architecture (scalable units of 20
 * nodes for A100, 32 for H100).  Leaves out: single spine switches, more than
 * one NIC an accelerator, a third level over the spines.
 */
#include "topology.h"

void lh__rails_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                     int64_t gpus)
{
    int64_t size = fabric->scale_up_gpus;
    int64_t nodes = (gpus + size - 1) / size;
    int64_t pod_nodes = fabric->n_levels > 0 ? fabric->group[0] : nodes;
    int64_t pods = (nodes + pod_nodes - 1) / pod_nodes;
    int64_t rails = size < gpus ? size : gpus;

    *out = (struct lh__shape){
        .scale_up_gpus = size,
        .leaf_nodes = pod_nodes,
        .n_rails = rails,
        .n_levels = pods > 1 ? 2 : 1,
        .count = {pods * rails, 1},
        .children = {pods * rails},
    };
    if (pods > 1)
        out->up_bytes_per_s[0] = (double)pod_nodes * fabric->nic_bytes_per_s
                                 / lh__oversubscription(fabric, 0)
                                 * fabric->spread_frac;
}
