/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which algorithm each family takes on each pattern, and the geometries that
 * come of it.  "auto" takes the algorithm of the least time on the first
 * communicator of a pattern, the first in the list among equals.
 *
 * O(hops of a pattern x algorithms); nothing is looked at a communicator.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "incidence.h"

enum { OPTIONS_MAX = 64, FEW_HOPS = 256 };

static bool is_small(const struct lh__family *f)
{
    return f->bytes <= LH__SMALL_BYTES && f->collective != LH_SEND;
}

/* ---- latency and cap ----------------------------------------------------- */

double lh__stand_latency_s(const struct lh__incidence *in,
                           const struct lh_hops *hops, int algorithm,
                           enum lh__protocol protocol,
                           enum lh_collective collective,
                           const struct lh_members *members,
                           const struct lh__stand *stand)
{
    double few[FEW_HOPS];
    double *many =
        hops->n > FEW_HOPS ? calloc((size_t)hops->n, sizeof *many) : NULL;
    double *latency_s = many ? many : few;
    if (hops->n > FEW_HOPS && many == NULL)
        abort();
    for (int64_t h = 0; h < hops->n; h++)
        latency_s[h] = lh__protocol_hop_s(
            protocol, members, in->topology, hops->from[h], hops->to[h],
            lh_topology_latency(in->topology, stand->accelerator[hops->from[h]],
                                stand->accelerator[hops->to[h]]));
    double all_s = algorithm < 0 ? latency_s[0]
                                 : lh_algorithm_at(algorithm)->latency(
                                     hops, collective, members, latency_s);
    free(many);
    return all_s;
}

double lh__stand_cap(const struct lh__incidence *in, const struct lh_hops *hops,
                     const struct lh__stand *stand)
{
    double cap_bytes_per_s = INFINITY;
    for (int64_t h = 0; h < hops->n; h++) {
        struct lh_path path;
        if (stand->site[hops->from[h]] == stand->site[hops->to[h]])
            continue;
        lh_topology_path(&path, in->topology, stand->accelerator[hops->from[h]],
                         stand->accelerator[hops->to[h]]);
        cap_bytes_per_s =
            fmin(cap_bytes_per_s, lh__hop_cap(&path, hops->weight[h]));
    }
    return cap_bytes_per_s;
}

/* ---- options ------------------------------------------------------------- */

static bool is_option(const struct lh__option *a, const struct lh__option *b)
{
    return a->collective == b->collective && a->algorithm == b->algorithm
           && a->small == b->small && a->load == b->load
           && lh_copies_equal(a->copies, b->copies);
}

/* Latency alone, on one channel. */
static void small_evaluate(struct lh__option *o, const struct lh__incidence *in,
                           const struct lh__pattern *p,
                           const struct lh__stand *stand,
                           struct lh_ctx *scratch)
{
    struct lh_members members = p->members;
    struct lh_hops hops;
    members.channels_max = 1;
    members.load = o->load;
    members.copies = o->copies;
    lh_algorithm_at(o->algorithm)
        ->hops(&hops, o->collective, &members, scratch);
    for (int i = 0; i < LH__PROTOCOLS; i++) {
        enum lh__protocol protocol = (enum lh__protocol)i;
        o->alphas_s[i] = INFINITY;
        if (!lh__protocol_defined(protocol, o->algorithm, o->collective,
                                  &members, in->topology))
            continue;
        o->latency_s[i] = lh__stand_latency_s(in, &hops, o->algorithm, protocol,
                                              o->collective, &members, stand);
        o->alphas_s[i] =
            o->latency_s[i]
            + lh__protocol_base_s(protocol, &members, in->topology, in->base_s);
    }
}

static enum lh_status option_evaluate(struct lh__option *o,
                                      const struct lh__incidence *in,
                                      const struct lh__skeleton *s,
                                      const struct lh__pattern *p,
                                      struct lh_ctx *ctx)
{
    struct lh_ctx scratch = {.arena = lh_arena_new(), .diag = ctx->diag};
    struct lh__stand stand = lh__stand_new(s->n_members, scratch.arena);
    struct lh__flow_shape shape;
    enum lh_status st = LH_OK;
    lh__stand_fill(&stand, in, s, p->comm);
    struct lh__flow_request request = {.collective = o->collective,
                                       .algorithm =
                                           lh_algorithm_at(o->algorithm)->name,
                                       .n = s->n_members,
                                       .accelerators = stand.accelerator,
                                       .bytes = 2 * LH__SMALL_BYTES,
                                       .base_s = in->base_s,
                                       .together = s->n_comms,
                                       .load = o->load,
                                       .copies = o->copies};
    if (o->small) {
        small_evaluate(o, in, p, &stand, &scratch);
    } else {
        st = lh__flow_shape_make(&shape, &request, in->topology, &scratch);
        memcpy(o->alphas_s, shape.alphas_s, sizeof o->alphas_s);
        memcpy(o->bytes_per_byte, shape.bytes_per_byte,
               sizeof o->bytes_per_byte);
        o->s_per_byte = shape.plain_s_per_byte;
    }
    lh_arena_free(scratch.arena);
    return st;
}

/* An algorithm on the first communicator of a pattern, evaluated once. */
static enum lh_status option_of(const struct lh__option **out,
                                const struct lh__incidence *in,
                                const struct lh__skeleton *s,
                                struct lh__pattern *p, struct lh__option wanted,
                                struct lh_ctx *ctx)
{
    for (int i = 0; i < p->n_options; i++) {
        *out = &p->options[i];
        if (is_option(*out, &wanted))
            return LH_OK;
    }
    enum lh_status st = option_evaluate(&wanted, in, s, p, ctx);
    if (st != LH_OK)
        return st;
    if (p->options == NULL)
        p->options = LH_NEW(ctx->arena, struct lh__option, OPTIONS_MAX);
    assert(p->n_options < OPTIONS_MAX);
    p->options[p->n_options] = wanted;
    *out = &p->options[p->n_options++];
    return LH_OK;
}

enum lh_status lh__small_latency_s(double *out, struct lh__incidence *in,
                                   const struct lh__geometry *g,
                                   int32_t pattern, struct lh_ctx *ctx)
{
    const struct lh__option *option = NULL;
    enum lh_status st =
        option_of(&option, in, &in->skeletons[g->skeleton],
                  &in->patterns[g->skeleton].pattern[pattern],
                  (struct lh__option){.collective = g->collective,
                                      .algorithm = g->algorithm[pattern],
                                      .small = true,
                                      .load = g->load,
                                      .copies = g->copies},
                  ctx);
    if (st == LH_OK)
        *out = option->latency_s[g->protocol[pattern]];
    return st;
}

static enum lh_status cannot(const struct lh__family *f, int64_t n,
                             struct lh_ctx *ctx)
{
    const struct lh_algorithm *a = lh_algorithm_find(f->algorithm);
    lh_error(ctx, LH_NOWHERE,
             "sync.algorithm: '%s' cannot do the %s of these %lld members "
             "(%s); 'auto' takes what can",
             f->algorithm, lh_collective_name(f->collective), (long long)n,
             a ? a->help : "unknown");
    return LH_BAD_INPUT;
}

/* Which algorithms may do it; a lone one needs no evaluation. */
static int candidates(int *out, const struct lh__family *f,
                      const struct lh_members *members)
{
    struct lh_members own = *members;
    int n = 0;
    own.copies = f->copies;
    for (int i = 0; i < lh_algorithm_count(); i++) {
        if (lh__flow_candidate(i, f->algorithm, f->collective, &own))
            out[n++] = i;
    }
    return n;
}

/* The algorithm that a family takes on a pattern, of a send -1, and the
 * protocol. */
static enum lh_status algorithm_of(int *out, enum lh__protocol *protocol,
                                   const struct lh__incidence *in,
                                   const struct lh__family *f,
                                   struct lh__pattern *p, struct lh_ctx *ctx)
{
    const struct lh__skeleton *s = &in->skeletons[f->skeleton];
    int candidate[OPTIONS_MAX];
    double best_s = INFINITY;
    *out = -1;
    *protocol = LH__PLAIN;
    if (f->collective == LH_SEND) {
        if (lh__protocol_defined(LH__SIMPLE, -1, LH_SEND, &p->members,
                                 in->topology))
            *protocol = LH__SIMPLE;
        return LH_OK;
    }
    int n = candidates(candidate, f, &p->members);
    if (n == 0)
        return cannot(f, s->n_members, ctx);
    *out = candidate[0];
    bool choice = n > 1
                  || !lh__protocol_defined(LH__PLAIN, *out, f->collective,
                                           &p->members, in->topology);
    for (int i = 0; choice && i < n; i++) {
        const struct lh__option *option = NULL;
        enum lh_status st =
            option_of(&option, in, s, p,
                      (struct lh__option){.collective = f->collective,
                                          .algorithm = candidate[i],
                                          .small = is_small(f),
                                          .load = f->load,
                                          .copies = f->copies},
                      ctx);
        if (st != LH_OK)
            return st;
        enum lh__protocol best =
            lh__flow_protocol(option->alphas_s, option->bytes_per_byte,
                              option->s_per_byte, f->bytes);
        double time_s =
            option->alphas_s[best]
            + option->bytes_per_byte[best] * option->s_per_byte * f->bytes;
        if (time_s < best_s) {
            best_s = time_s;
            *out = candidate[i];
            *protocol = best;
        }
    }
    return choice && isinf(best_s) ? cannot(f, s->n_members, ctx) : LH_OK;
}

/* ---- geometries ---------------------------------------------------------- */

/* Rings of all collectives have the same hops. */
static enum lh_collective canonical(const struct lh__family *f,
                                    const int *algorithm, int32_t n_patterns)
{
    if (f->collective == LH_SEND)
        return LH_SEND;
    for (int32_t i = 0; i < n_patterns; i++) {
        if (lh_algorithm_at(algorithm[i]) != lh_algorithm_find("ring"))
            return f->collective;
    }
    return LH_ALL_REDUCE;
}

static bool same_geometry(const struct lh__geometry *a,
                          const struct lh__geometry *b, size_t n_patterns)
{
    return a->skeleton == b->skeleton && a->collective == b->collective
           && a->small == b->small && a->load == b->load
           && lh_copies_equal(a->copies, b->copies)
           && memcmp(a->algorithm, b->algorithm,
                     n_patterns * sizeof *a->algorithm)
                  == 0
           && memcmp(a->protocol, b->protocol, n_patterns * sizeof *a->protocol)
                  == 0;
}

static void hops_make(struct lh__geometry *g, const struct lh__incidence *in,
                      struct lh_ctx *ctx)
{
    const struct lh__patterns *p = &in->patterns[g->skeleton];
    g->hops = LH_NEW(ctx->arena, struct lh_hops, p->n);
    for (int32_t i = 0; i < p->n; i++) {
        g->hops[i] = (struct lh_hops){.unit_frac = 1, .phi = 1};
        if (lh__is_lone(g, &in->skeletons[g->skeleton]))
            continue;
        struct lh_members members = lh__geometry_members(in, g, i);
        if (g->algorithm[i] < 0)
            lh__send_hops(&g->hops[i], ctx);
        else
            lh_algorithm_at(g->algorithm[i])
                ->hops(&g->hops[i], g->collective, &members, ctx);
    }
}

static int32_t geometry_of(struct lh__incidence *in, const struct lh__family *f,
                           int *algorithm, enum lh__protocol *protocol,
                           struct lh_ctx *ctx)
{
    const struct lh__patterns *p = &in->patterns[f->skeleton];
    struct lh__geometry wanted = {.skeleton = f->skeleton,
                                  .collective = canonical(f, algorithm, p->n),
                                  .small = is_small(f),
                                  .load = f->load,
                                  .copies = f->copies,
                                  .algorithm = algorithm,
                                  .protocol = protocol};
    for (int32_t i = 0; i < in->n_geometries; i++) {
        if (same_geometry(&in->geometries[i], &wanted, (size_t)p->n))
            return i;
    }
    hops_make(&wanted, in, ctx);
    in->geometries[in->n_geometries] = wanted;
    return in->n_geometries++;
}

enum lh_status lh__geometries_make(struct lh__incidence *in, struct lh_ctx *ctx)
{
    in->geometries = LH_NEW(ctx->arena, struct lh__geometry, in->n_families);
    for (int32_t i = 0; i < in->n_families; i++) {
        struct lh__family *f = &in->families[i];
        struct lh__patterns *p = &in->patterns[f->skeleton];
        int *algorithm = LH_NEW(ctx->arena, int, p->n);
        enum lh__protocol *protocol =
            LH_NEW(ctx->arena, enum lh__protocol, p->n);
        for (int32_t k = 0; k < p->n; k++) {
            enum lh_status st = algorithm_of(&algorithm[k], &protocol[k], in, f,
                                             &p->pattern[k], ctx);
            if (st != LH_OK)
                return st;
        }
        f->geometry = geometry_of(in, f, algorithm, protocol, ctx);
    }
    return LH_OK;
}
