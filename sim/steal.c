/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many multiprocessors the kernel of each group takes from what its members
 * compute, and how many the device of each rank class has.  They are figures of
 * the library of the first member's fabric, by what the kernel does:
 *
 *   send                    in a scale-up domain, or over the network
 *   all-to-all              every message its own way, or by relays
 *   gather, reduction       of plan.overlap.tensor: user buffers
 *   nvls, nvls-tree, sharp  reductions in switches
 *   rings, trees            members in one scale-up domain, or not; a small
 *                           one (LH__SMALL_BYTES) has one channel, so one
 *
 * A fabric without a library moves bytes by engines of their own (TPU,
 * Trainium): nothing is taken there.
 *
 * Place in the pipeline: the last part of lh__place(); exec.c applies it.
 * Source: docs/model.md, "Multiprocessors taken by communication"; constants in
 * data/protocols.csv.
 * Leaves out: fewer channels for sizes between small and large.
 */
#include <string.h>

#include "place.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Members come in the order of accelerators. */
static bool in_one_domain(const struct lh_members *m)
{
    return m->domain[0] == m->domain[m->n - 1];
}

static bool is_algorithm(int algorithm, const char *name)
{
    return algorithm >= 0
           && strcmp(lh_algorithm_at(algorithm)->name, name) == 0;
}

static int64_t channels(int64_t all, bool small)
{
    return small ? least(all, 1) : all;
}

static int64_t group_sms(const struct lh__placed *p, int32_t g,
                         bool hides_tensor)
{
    const struct lh__incidence *in = &p->incidence;
    const struct lh__shape *shape = &p->shapes[p->group_shape[g]];
    const struct lh_comm *comm = &p->program->comms[p->group_comm[g]];
    const struct lh__listed_comm *x =
        &in->comm[p->fold.comm_first[shape->comm_class]];
    const struct lh__geometry *geometry = &in->geometries[x->geometry];
    const struct lh_members *m =
        &in->patterns[geometry->skeleton].pattern[x->pattern].members;
    const struct lh_library_sms *sms =
        &lh_topology_fabric(in->topology, m->site[0])->library.sms;
    bool buffered = hides_tensor && comm->category == LH_TENSOR_COMM;
    if (comm->collective == LH_SEND)
        return in_one_domain(m) ? sms->send_scale_up : sms->send_network;
    if (comm->collective == LH_ALL_TO_ALL)
        return is_algorithm(shape->algorithm, "relay") ? sms->relay
                                                       : sms->exchange;
    if (buffered && comm->collective == LH_ALL_GATHER)
        return sms->buffered_gather;
    if (buffered && comm->collective == LH_REDUCE_SCATTER)
        return sms->buffered_reduce;
    if (is_algorithm(shape->algorithm, "nvls")
        || is_algorithm(shape->algorithm, "nvls-tree")
        || is_algorithm(shape->algorithm, "sharp"))
        return channels(sms->nvls, geometry->small);
    return channels(in_one_domain(m) ? sms->ring_scale_up : sms->ring_network,
                    geometry->small);
}

static int64_t class_sms(const struct lh__placed *p, int32_t c)
{
    const struct lh__ranks *ranks = &p->incidence.ranks;
    int site = lh__rank_site(ranks, p->class_rank[c]);
    int device = p->program->templates[p->class_template[c]].device;
    return lh_topology_fabric(p->topology, site)->library.name
               ? p->program->devices[device]->multiprocessors
               : 0;
}

void lh__place_steal(struct lh__placed *p, const struct lh_scenario *scenario,
                     struct lh_ctx *ctx)
{
    p->group_sms = LH_NEW(ctx->arena, int64_t, p->n_groups);
    p->class_sms = LH_NEW(ctx->arena, int64_t, p->n_classes);
    for (int32_t g = 0; g < p->n_groups; g++)
        p->group_sms[g] = group_sms(p, g, scenario->plan.overlap_tensor);
    for (int32_t c = 0; c < p->n_classes; c++)
        p->class_sms[c] = class_sms(p, c);
}
