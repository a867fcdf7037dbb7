/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The protocols that a library of collectives chooses from by size: their
 * software latency, and the bytes that they put on the links.  protocol.c has
 * the equations.
 */
#ifndef LH_SIM_PROTOCOL_H
#define LH_SIM_PROTOCOL_H

#include <longhaul/program.h>
#include <longhaul/topology.h>

enum lh__protocol {
    LH__PROTOCOL_ANY, /* the one of the least time */
    LH__PLAIN,        /* no library: the stack's base and the paths */
    LH__LL,
    LH__LL128,
    LH__SIMPLE, /* of rings */
    LH__TREE,   /* Simple of trees */
    LH__NVLS,   /* of the algorithm nvls alone */
    LH__NVLS_TREE, /* and of these too */
    LH__SHARP,
    LH__PAT,
};
enum { LH__PROTOCOLS = LH__PAT + 1 };

/* Sets members->has_library and in_network, of the first member's fabric. */
void lh__protocol_members(struct lh_members *members,
                          const struct lh_topology *t);

/* Has an algorithm (-1: a send) this protocol for these members? */
bool lh__protocol_defined(enum lh__protocol protocol, int algorithm,
                          enum lh_collective collective,
                          const struct lh_members *members,
                          const struct lh_topology *t);

/* Once a collective; stack_base_s is that of LH__PLAIN. */
double lh__protocol_base_s(enum lh__protocol protocol,
                           const struct lh_members *members,
                           const struct lh_topology *t, double stack_base_s);

/* Of a hop between two members whose path has this latency. */
double lh__protocol_hop_s(enum lh__protocol protocol,
                          const struct lh_members *members,
                          const struct lh_topology *t, int64_t from, int64_t to,
                          double path_latency_s);

/* Bytes of a link's time for a byte of the collective. */
double lh__protocol_bytes(enum lh__protocol protocol,
                          const struct lh_members *members,
                          const struct lh_topology *t);

/* "LL128"; "-" of LH__PLAIN. */
const char *lh__protocol_name(enum lh__protocol protocol);

#endif
