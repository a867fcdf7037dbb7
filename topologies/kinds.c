/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The names and help of topologies/list.h, for `longhaul list topologies`.
 *
 * Place in the pipeline: beside it; nothing is built here.
 */
#include <longhaul/topology.h>

static const struct lh_choice kinds[] = {
#define LH_FABRIC(id, name, shape, help) {name, "inside a site: " help},
#define LH_LAYOUT(id, name, add, help)   {name, "between sites: " help},
#include "list.h"
};

const struct lh_choice *lh_topology_kind_at(int i)
{
    int n = (int)(sizeof kinds / sizeof kinds[0]);

    return i < n ? &kinds[i] : NULL;
}
