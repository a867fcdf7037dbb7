/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Communication -> one coupled flow: the hops of its algorithm are laid on the
 * paths of the topology, and the weights of the hops that cross a link are
 * added up.
 *
 *   bytes of link l   w_l x unit_frac x S
 *   time alone        alpha + max over l of w_l x unit_frac x S / capacity_l,
 *                     and of unit_frac x S / cap
 *   cap               v <= min over h of the cap of h's path / w_h
 *   alpha             software base, once, + the algorithm's chain of hops;
 *                     both, and a factor on the bytes, by protocol (protocol.c)
 *   rescaling         weights / k, unit_frac, phi and cap x k change nothing; k
 *                     is the greatest common divisor of the weights
 *
 * Place in the pipeline: placement makes one shape for each set of members.
 * Source: docs/model.md, "Communications as coupled flows".
 * Leaves out: links of infinite capacity never limit but are listed, since
 * their bytes are counted; contention is the engine's.
 */
#include "flow.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct use {
    lh_link link;
    int64_t weight;
};

static int use_compare(const void *a, const void *b)
{
    lh_link x = ((const struct use *)a)->link;
    lh_link y = ((const struct use *)b)->link;
    return (x > y) - (x < y);
}

int64_t lh__divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Where members stand in tori: of the first member's dims; several domains
 * are never one torus. */
static void members_torus(struct lh_members *out,
                          const struct lh__flow_request *request,
                          const struct lh_topology *t, struct lh_ctx *ctx)
{
    out->n_dims = lh_topology_torus(t, request->accelerators[0], out->dims);
    if (out->n_dims == 0)
        return;
    int64_t *place = LH_NEW(ctx->arena, int64_t, request->n);
    for (int64_t i = 0; i < request->n; i++)
        place[i] = lh_topology_accelerator_place(t, request->accelerators[i]);
    out->place = place;
}

struct lh_members lh__flow_members(const struct lh__flow_request *request,
                                   const struct lh_topology *t,
                                   struct lh_ctx *ctx)
{
    int32_t *site = LH_NEW(ctx->arena, int32_t, request->n);
    int64_t *domain = LH_NEW(ctx->arena, int64_t, request->n);
    for (int64_t i = 0; i < request->n; i++) {
        int64_t a = request->accelerators[i];
        site[i] = lh_topology_accelerator_site(t, a);
        domain[i] = lh_topology_accelerator_domain(t, a);
    }
    struct lh_members members = {.n = request->n,
                                 .site = site,
                                 .domain = domain,
                                 .load = request->load,
                                 .copies = request->copies,
                                 .channels_max =
                                     request->bytes <= LH__SMALL_BYTES ? 1 : 0};
    members_torus(&members, request, t, ctx);
    lh__protocol_members(&members, t);
    return members;
}

/* What the hops use, one entry a link crossed and hop. */
struct uses {
    struct use *list;
    size_t n;
    size_t capacity;
    double *hop_latency_s;
    double cap_bytes_per_s;
    bool crosses_wan;
};

static void uses_collect(struct uses *out, const struct lh_hops *hops,
                         const struct lh__flow_request *request,
                         const struct lh_topology *t, struct lh_ctx *scratch)
{
    out->hop_latency_s = LH_NEW(scratch->arena, double, hops->n);
    out->cap_bytes_per_s = INFINITY;
    for (int64_t h = 0; h < hops->n; h++) {
        struct lh_path path;
        lh_topology_path(&path, t, request->accelerators[hops->from[h]],
                         request->accelerators[hops->to[h]]);
        out->hop_latency_s[h] = path.latency_s;
        out->cap_bytes_per_s =
            fmin(out->cap_bytes_per_s, lh__hop_cap(&path, hops->weight[h]));
        out->crosses_wan = out->crosses_wan || path.crosses_wan;
        out->list = lh_grow(scratch->arena, out->list, &out->capacity,
                            out->n + (size_t)path.n_links, sizeof *out->list);
        for (int i = 0; i < path.n_links; i++)
            out->list[out->n++] = (struct use){path.links[i], hops->weight[h]};
    }
}

static void uses_merge(struct uses *uses)
{
    size_t n = 0;
    if (uses->n > 1)
        qsort(uses->list, uses->n, sizeof *uses->list, use_compare);
    for (size_t i = 0; i < uses->n; i++) {
        if (n > 0 && uses->list[n - 1].link == uses->list[i].link)
            uses->list[n - 1].weight += uses->list[i].weight;
        else
            uses->list[n++] = uses->list[i];
    }
    uses->n = n;
}

static bool between_sites(enum lh_link_kind kind)
{
    return kind == LH_LINK_WAN || kind == LH_LINK_GATEWAY;
}

/* Limiting links first; the common divisor of the weights goes to the unit. */
static void shape_links(struct lh__flow_shape *out, const struct uses *uses,
                        int64_t together, const struct lh_topology *t,
                        struct lh_ctx *ctx)
{
    int64_t common = 0;
    double unit_frac = out->unit_frac;
    double *capacity = LH_NEW(ctx->arena, double, uses->n);
    double *share = LH_NEW(ctx->arena, double, uses->n);
    for (size_t i = 0; i < uses->n; i++) {
        common = lh__divisor(uses->list[i].weight, common);
        struct lh_link_info link =
            lh_topology_link_facts(t, uses->list[i].link);
        capacity[i] = link.capacity_bytes_per_s;
        share[i] =
            between_sites(link.kind) && together > 1 ? (double)together : 1.0;
    }
    out->links = LH_NEW(ctx->arena, lh_link, uses->n);
    out->weights = LH_NEW(ctx->arena, int64_t, uses->n);
    for (int part = 0; part < 2; part++) {
        for (size_t i = 0; i < uses->n; i++) {
            bool limits = !isinf(capacity[i]);
            if (limits != (part == 0))
                continue;
            out->links[out->n_links] = uses->list[i].link;
            out->weights[out->n_links++] = uses->list[i].weight / common;
            out->s_per_byte =
                fmax(out->s_per_byte, (double)uses->list[i].weight * share[i]
                                          * unit_frac / capacity[i]);
        }
        if (part == 0)
            out->n_limiting = out->n_links;
    }
    out->s_per_byte = fmax(out->s_per_byte, unit_frac / out->cap_bytes_per_s);
    out->unit_frac *= (double)common;
    out->phi *= (double)common;
    out->cap_bytes_per_s *= (double)common;
}

void lh__send_hops(struct lh_hops *out, struct lh_ctx *ctx)
{
    *out = (struct lh_hops){
        .n = 1,
        .from = LH_NEW(ctx->arena, int64_t, 1),
        .to = LH_NEW(ctx->arena, int64_t, 1),
        .weight = LH_NEW(ctx->arena, int64_t, 1),
        .unit_frac = 1.0,
        .phi = 1.0,
    };
    out->to[0] = 1;
    out->weight[0] = 1;
}

static double latency_of(enum lh__protocol protocol, int algorithm,
                         const struct lh_hops *hops,
                         enum lh_collective collective,
                         const struct lh_members *members,
                         const struct lh_topology *t, const double *path_s,
                         struct lh_ctx *scratch)
{
    double *latency_s = LH_NEW(scratch->arena, double, hops->n);
    for (int64_t h = 0; h < hops->n; h++)
        latency_s[h] = lh__protocol_hop_s(protocol, members, t, hops->from[h],
                                          hops->to[h], path_s[h]);
    return algorithm < 0 ? latency_s[0]
                         : lh_algorithm_at(algorithm)->latency(
                             hops, collective, members, latency_s);
}

enum lh__protocol lh__flow_protocol(const double *alphas_s,
                                    const double *bytes_per_byte,
                                    double s_per_byte, double bytes)
{
    enum lh__protocol best = LH__PLAIN;
    double best_s = INFINITY;
    for (int p = LH__PLAIN; p < LH__PROTOCOLS; p++) {
        double time_s = alphas_s[p] + bytes_per_byte[p] * s_per_byte * bytes;
        if (time_s < best_s) {
            best = (enum lh__protocol)p;
            best_s = time_s;
        }
    }
    return best;
}

/* The protocol, and what comes of it. */
static void shape_protocol(struct lh__flow_shape *out, double bytes)
{
    out->plain_s_per_byte = out->s_per_byte;
    out->protocol = lh__flow_protocol(out->alphas_s, out->bytes_per_byte,
                                      out->plain_s_per_byte, bytes);
    out->alpha_s = out->alphas_s[out->protocol];
    out->unit_frac *= out->bytes_per_byte[out->protocol];
    out->s_per_byte *= out->bytes_per_byte[out->protocol];
}

/* algorithm < 0: a send. */
static void shape_of(struct lh__flow_shape *out, int algorithm,
                     const struct lh__flow_request *request,
                     const struct lh_topology *t, struct lh_ctx *ctx)
{
    struct lh_members members = lh__flow_members(request, t, ctx);
    struct lh_hops hops;
    struct uses uses = {0};
    if (algorithm < 0)
        lh__send_hops(&hops, ctx);
    else
        lh_algorithm_at(algorithm)->hops(&hops, request->collective, &members,
                                         ctx);
    uses_collect(&uses, &hops, request, t, ctx);
    uses_merge(&uses);
    *out = (struct lh__flow_shape){
        .algorithm = algorithm,
        .unit_frac = hops.unit_frac,
        .phi = hops.phi,
        .cap_bytes_per_s = uses.cap_bytes_per_s,
        .crosses_wan = uses.crosses_wan,
    };
    for (int i = 0; i < LH__PROTOCOLS; i++) {
        enum lh__protocol p = (enum lh__protocol)i;
        out->alphas_s[p] = INFINITY;
        out->bytes_per_byte[p] = 1.0;
        if ((request->protocol != LH__PROTOCOL_ANY && request->protocol != p)
            || !lh__protocol_defined(p, algorithm, request->collective,
                                     &members, t))
            continue;
        out->bytes_per_byte[p] = lh__protocol_bytes(p, &members, t);
        out->alphas_s[p] =
            lh__protocol_base_s(p, &members, t, request->base_s)
            + latency_of(p, algorithm, &hops, request->collective, &members, t,
                         uses.hop_latency_s, ctx);
    }
    shape_links(out, &uses, request->together, t, ctx);
    shape_protocol(out, request->bytes);
}

static void shape_copy(struct lh__flow_shape *out,
                       const struct lh__flow_shape *from, struct lh_ctx *ctx)
{
    *out = *from;
    out->links = LH_NEW(ctx->arena, lh_link, from->n_links);
    out->weights = LH_NEW(ctx->arena, int64_t, from->n_links);
    for (int32_t i = 0; i < from->n_links; i++) {
        out->links[i] = from->links[i];
        out->weights[i] = from->weights[i];
    }
}

/* There a library's tree is a chain, which a ring is always better than. */
static bool in_one_domain(const struct lh_members *members)
{
    for (int64_t i = 1; i < members->n; i++) {
        if (members->domain[i] != members->domain[0])
            return false;
    }
    return true;
}

bool lh__flow_candidate(int i, const char *algorithm,
                        enum lh_collective collective,
                        const struct lh_members *members)
{
    const struct lh_algorithm *a = lh_algorithm_at(i);
    if (strcmp(algorithm, "auto") != 0 && lh_algorithm_find(algorithm) != a)
        return false;
    if (strcmp(algorithm, "auto") == 0 && a->by_name)
        return false;
    if (strcmp(algorithm, "auto") == 0 && members->has_library
        && a == lh_algorithm_find("tree") && in_one_domain(members))
        return false;
    return a->defined(collective, members);
}

static enum lh_status refuse(const struct lh__flow_request *request,
                             struct lh_ctx *ctx)
{
    if (strcmp(request->algorithm, "auto") != 0
        && !lh_algorithm_find(request->algorithm))
        lh_error(ctx, LH_NOWHERE, "unknown collective algorithm '%s'",
                 request->algorithm);
    else
        lh_error(ctx, LH_NOWHERE,
                 "%s by algorithm '%s' is not defined for these %lld members",
                 lh_collective_name(request->collective), request->algorithm,
                 (long long)request->n);
    return LH_BAD_INPUT;
}

enum lh_status lh__flow_shape_make(struct lh__flow_shape *out,
                                   const struct lh__flow_request *request,
                                   const struct lh_topology *t,
                                   struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    struct lh_ctx scratch = {.arena = lh_arena_new(), .diag = ctx->diag};
    struct lh_members members = lh__flow_members(request, t, &scratch);
    struct lh__flow_shape best = {0};
    double best_s = INFINITY;
    assert(request->n >= 2);
    if (request->collective == LH_SEND) {
        shape_of(&best, -1, request, t, &scratch);
        best_s = best.alpha_s;
    }
    for (int i = 0; i < lh_algorithm_count(); i++) {
        struct lh__flow_shape shape;
        if (request->collective == LH_SEND
            || !lh__flow_candidate(i, request->algorithm, request->collective,
                                   &members))
            continue;
        shape_of(&shape, i, request, t, &scratch);
        double time_s = shape.alpha_s + shape.s_per_byte * request->bytes;
        if (time_s < best_s) {
            best = shape;
            best_s = time_s;
        }
    }
    if (isinf(best_s))
        st = refuse(request, ctx);
    else
        shape_copy(out, &best, ctx);
    lh_arena_free(scratch.arena);
    return st;
}
