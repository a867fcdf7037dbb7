/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Hashed ECMP (engine.routing: ecmp): how many parallel cables the uplink of a
 * switch is, and which of them a connection takes.
 *
 * Cables, of the keys or derived from the recipe's full groups:
 *
 *     n(0) = NICs below a leaf / oversubscription[0]
 *     n(k) = children of a switch of level k / oversubscription[k]
 *
 * rounded, at least 1: a cable of a leaf is then as fast as a NIC, one further
 * up as fast as the uplink of a child.  The cable of a connection is
 *
 *     mix(mix(mix(mix(seed) + from) + to) + level) mod n(level)
 *
 * with mix(x) what splitmix64 draws in state x (Steele, Lea and Flood 2014,
 * Fast Splittable Pseudorandom Number Generators), where a router hashes
 * addresses and ports (RFC 2992).  Every level mixes in its number, so that
 * levels choose independently: no polarisation.
 *
 * Place: topology.c asks for the cables of a site's shape, route.c for the one
 * of each link between switches.
 * Leaves out: several connections between two accelerators, weighted and
 * flowlet-based choices, and which spine the switch of a cable was: every
 * cable of the level above can be reached from it.
 */
#include <math.h>

#include "topology.h"

static double derived(const struct lh__shape *shape,
                      const struct lh_fabric *fabric, int level)
{
    int64_t below = level > 0 ? shape->children[level - 1] : shape->leaf_nodes;

    if (shape->is_campus && level + 2 == shape->n_levels)
        return round((double)fabric->building_gpus
                     / fabric->building_oversubscription
                     / (double)(level == 0 ? shape->n_rails : 1));
    if (level == 0 && fabric->kind != LH_FABRIC_RAILS)
        below *= shape->scale_up_gpus;
    return round((double)below / lh__oversubscription(fabric, level));
}

void lh__cables_make(struct lh__shape *shape, const struct lh_fabric *fabric)
{
    for (int k = 0; k + 1 < shape->n_levels; k++) {
        double n = derived(shape, fabric, k);

        n = fmin(fmax(n, 1), LH_CABLES_MAX);
        bool is_core = shape->is_campus && k + 2 == shape->n_levels;
        shape->cables[k] =
            k < fabric->n_cables && !is_core ? fabric->cables[k] : (int64_t)n;
    }
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

int64_t lh__cable_of(const struct lh__connection *c, int level, int64_t n)
{
    uint64_t h;

    if (n == 1)
        return 0;
    h = mix(mix(c->seed) + (uint64_t)c->from);
    h = mix(h + (uint64_t)c->to);
    h = mix(h + (uint64_t)level);
    return (int64_t)(h % (uint64_t)n);
}

bool lh_topology_is_hashed(const struct lh_topology *t)
{
    return t->hashed;
}
