/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Protocols of a library of collectives (NCCL): LL sends a flag with every 4
 * bytes, LL128 one with every 120, so that a receiver need not be told that
 * data have come; Simple sends data alone, and tells.  The less a hop waits,
 * the more bytes it sends.
 *
 *   alpha   base + the algorithm's chain of hops; a hop inside a scale-up
 *           domain takes scale_up, any other that of its path + network
 *   bytes   x 2 (LL), x 128/120 (LL128), x 1 (Simple); of NVLS, S a device
 *           and direction at in_network_frac of the scale-up bandwidth (of
 *           nvls-tree and sharp part of the hops' weights); of PAT
 *           1 / pat_frac
 *
 * PAT's base has pat_member for every member beside it.
 *
 * The fabric of the first member decides.  Sends and all-to-alls, algorithms
 * of tori, and fabrics without a library have one protocol, LH__PLAIN.
 *
 * Place in the pipeline: what flow.c, geometry.c and messages.c ask.
 * Source: docs/model.md, "Protocols"; constants in data/protocols.csv.
 * Leaves out: numbers of channels and threads, which NCCL lowers for small
 * sizes; the chunks that fill a pipeline.
 */
#include "protocol.h"

#include <string.h>

static const double ll_bytes = 2.0;
static const double ll128_bytes = 128.0 / 120.0;

static const struct lh_fabric *fabric_of(const struct lh_members *members,
                                         const struct lh_topology *t)
{
    return lh_topology_fabric(t, members->site[0]);
}

static const struct lh_protocol *figures_of(enum lh__protocol protocol,
                                            const struct lh_members *members,
                                            const struct lh_topology *t)
{
    return &fabric_of(members, t)
                ->library.protocol[(int)protocol - (int)LH__LL];
}

static bool has(const struct lh_library *library, int protocol)
{
    return library->protocol[protocol].base_s > 0;
}

void lh__protocol_members(struct lh_members *members,
                          const struct lh_topology *t)
{
    const struct lh_fabric *fabric = fabric_of(members, t);
    members->has_library = has(&fabric->library, LH_PROTOCOL_SIMPLE);
    members->in_network =
        fabric->in_network != LH_IN_NETWORK_NONE && fabric->n_dims == 0;
    members->nvls_tree =
        members->in_network && has(&fabric->library, LH_PROTOCOL_NVLS_TREE);
    members->sharp = members->in_network
                     && fabric->in_network == LH_IN_NETWORK_SHARP
                     && has(&fabric->library, LH_PROTOCOL_SHARP);
    members->pat = has(&fabric->library, LH_PROTOCOL_PAT);
    members->in_network_bytes = fabric->scale_up_frac / fabric->in_network_frac;
}

/* Whether an algorithm is one that a library has in several protocols. */
static bool has_protocols(const char *algorithm)
{
    return strcmp(algorithm, "ring") == 0 || strcmp(algorithm, "tree") == 0
           || strcmp(algorithm, "hierarchical") == 0;
}

/* The one protocol of an algorithm that has its own; of others LH__PLAIN. */
static enum lh__protocol own_protocol(const char *algorithm)
{
    static const struct {
        const char *algorithm;
        enum lh__protocol protocol;
    } own[] = {{"nvls", LH__NVLS},
               {"nvls-tree", LH__NVLS_TREE},
               {"sharp", LH__SHARP},
               {"pat", LH__PAT}};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(own[i].algorithm, algorithm) == 0)
            return own[i].protocol;
    }
    return LH__PLAIN;
}

bool lh__protocol_defined(enum lh__protocol protocol, int algorithm,
                          enum lh_collective collective,
                          const struct lh_members *members,
                          const struct lh_topology *t)
{
    if (protocol == LH__PROTOCOL_ANY)
        return false;
    const char *name =
        algorithm < 0 ? "send" : lh_algorithm_at(algorithm)->name;
    enum lh__protocol own = own_protocol(name);
    bool sends = collective == LH_SEND;
    bool plain = collective == LH_ALL_TO_ALL || !members->has_library
                 || (own == LH__PLAIN && !has_protocols(name) && !sends);
    if (plain || protocol == LH__PLAIN)
        return plain && protocol == LH__PLAIN;
    if (figures_of(protocol, members, t)->base_s == 0)
        return false;
    if (sends)
        return protocol == LH__SIMPLE;
    if (own != LH__PLAIN)
        return protocol == own;
    return protocol < LH__NVLS
           && protocol != (strcmp(name, "tree") == 0 ? LH__SIMPLE : LH__TREE);
}

double lh__protocol_base_s(enum lh__protocol protocol,
                           const struct lh_members *members,
                           const struct lh_topology *t, double stack_base_s)
{
    if (protocol <= LH__PLAIN)
        return stack_base_s;
    double base_s = figures_of(protocol, members, t)->base_s;
    if (protocol == LH__PAT)
        base_s +=
            (double)members->n * fabric_of(members, t)->library.pat_member_s;
    return base_s;
}

double lh__protocol_hop_s(enum lh__protocol protocol,
                          const struct lh_members *members,
                          const struct lh_topology *t, int64_t from, int64_t to,
                          double path_latency_s)
{
    if (protocol <= LH__PLAIN)
        return path_latency_s;
    const struct lh_protocol *p = figures_of(protocol, members, t);
    return members->domain[from] == members->domain[to]
               ? p->scale_up_s
               : path_latency_s + p->network_s;
}

double lh__protocol_bytes(enum lh__protocol protocol,
                          const struct lh_members *members,
                          const struct lh_topology *t)
{
    const struct lh_fabric *fabric = fabric_of(members, t);
    switch (protocol) {
    case LH__LL: return ll_bytes;
    case LH__LL128: return ll128_bytes;
    case LH__NVLS: return members->in_network_bytes;
    case LH__PAT: return 1.0 / fabric->library.pat_frac;
    case LH__NVLS_TREE:
    case LH__SHARP:
    case LH__PROTOCOL_ANY:
    case LH__PLAIN:
    case LH__SIMPLE:
    case LH__TREE:
    default: return 1.0;
    }
}

const char *lh__protocol_name(enum lh__protocol protocol)
{
    static const char *const names[LH__PROTOCOLS] = {[LH__PROTOCOL_ANY] = "any",
                                                     [LH__PLAIN] = "-",
                                                     [LH__LL] = "LL",
                                                     [LH__LL128] = "LL128",
                                                     [LH__SIMPLE] = "Simple",
                                                     [LH__TREE] = "Simple",
                                                     [LH__NVLS] = "NVLS",
                                                     [LH__NVLS_TREE] = "NVLS",
                                                     [LH__SHARP] = "SHARP",
                                                     [LH__PAT] = "Simple"};
    return names[protocol];
}
