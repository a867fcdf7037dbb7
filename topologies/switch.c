/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shape of a site whose accelerators all hang on one non-blocking switch, with
 * no scale-up domain: the network in which nothing but NICs and fibres limits.
 * A yardstick, and the network of the collectives' closed forms.
 *
 * Place: scenario's struct lh_fabric -> levels of switches (topology.c builds
 * them).  Leaves out: everything inside the switch.
 */
#include "topology.h"

void lh__switch_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                      int64_t gpus)
{
    (void)fabric;
    *out = (struct lh__shape){
        .scale_up_gpus = 1,
        .leaf_nodes = gpus,
        .n_rails = 1,
        .n_levels = 1,
        .count = {1},
    };
}
