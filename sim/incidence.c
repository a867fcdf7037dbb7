/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Builds the incidence of ranks, communicators and links: families from the
 * rows of the program, skeletons from their axes, blocks, patterns of how
 * members stand, algorithms, and at last what is listed.
 */
#include "incidence.h"

#include <stdlib.h>
#include <string.h>

#include "links.h"

/* ---- families and skeletons --------------------------------------------- */

static int32_t skeleton_of(struct lh__incidence *in, const struct lh_comm *c)
{
    for (int32_t i = 0; i < in->n_skeletons; i++) {
        const struct lh__skeleton *s = &in->skeletons[i];
        if (s->axes == c->axes
            && (c->axes != 0
                || (s->shift_axis == c->shift_axis && s->shift == c->shift
                    && s->shift_kind == c->shift_kind)))
            return i;
    }
    in->skeletons[in->n_skeletons] =
        (struct lh__skeleton){.axes = c->axes,
                              .shift_axis = c->shift_axis,
                              .shift_kind = c->shift_kind,
                              .shift = c->shift};
    return in->n_skeletons++;
}

/* The loads of a row, as one pointer where they are equal. */
static const int64_t *load_of(const struct lh__incidence *in,
                              const struct lh_comm *c)
{
    size_t n = 1;
    if (c->load == NULL)
        return NULL;
    for (int a = 0; a < LH_AXES; a++)
        n *= c->axes & LH_AXIS_BIT(a) ? (size_t)in->ranks.axes->size[a] : 1;
    for (int32_t i = 0; i < in->n_families; i++) {
        const struct lh__family *f = &in->families[i];
        if (f->load != NULL && in->skeletons[f->skeleton].axes == c->axes
            && memcmp(f->load, c->load, n * sizeof *f->load) == 0)
            return f->load;
    }
    return c->load;
}

static int32_t family_of(struct lh__incidence *in, const struct lh_comm *c)
{
    int32_t skeleton = skeleton_of(in, c);
    const int64_t *load = load_of(in, c);
    for (int32_t i = in->n_families - 1; i >= 0; i--) {
        const struct lh__family *f = &in->families[i];
        if (f->skeleton == skeleton && f->collective == c->collective
            && f->bytes == c->bytes && f->load == load
            && lh_copies_equal(f->copies, c->copies)
            && strcmp(f->algorithm, c->algorithm) == 0)
            return i;
    }
    in->families[in->n_families] =
        (struct lh__family){.collective = c->collective,
                            .algorithm = c->algorithm,
                            .load = load,
                            .copies = c->copies,
                            .bytes = c->bytes,
                            .skeleton = skeleton};
    return in->n_families++;
}

static void families_make(struct lh__incidence *in, struct lh_arena *arena)
{
    const struct lh_program *p = in->ranks.program;
    in->families = LH_NEW(arena, struct lh__family, p->n_comms);
    in->skeletons = LH_NEW(arena, struct lh__skeleton, p->n_comms);
    in->row_family = LH_NEW(arena, int32_t, p->n_comms);
    for (int32_t row = 0; row < p->n_comms; row++)
        in->row_family[row] = family_of(in, &p->comms[row]);
}

/* The stages whose templates take part (of a send: that send). */
static void slots_make(struct lh__incidence *in, struct lh_arena *arena)
{
    const struct lh_program *p = in->ranks.program;
    for (int32_t i = 0; i < in->n_skeletons; i++) {
        in->skeletons[i].slot = LH_NEW(arena, int32_t, p->n_stages);
        in->skeletons[i].slot_stage = LH_NEW(arena, int32_t, p->n_stages);
    }
    for (int t = 0; t < p->n_templates; t++) {
        const struct lh_template *template = &p->templates[t];
        for (int32_t o = 0; o < template->n_ops; o++) {
            const struct lh_op *op = &template->ops[o];
            if (op->kind != LH_OP_COMM || op->role == LH_ROLE_RECEIVER)
                continue;
            int32_t f = in->row_family[op->comm];
            in->skeletons[in->families[f].skeleton].slot[template->stage] = 1;
        }
    }
    for (int32_t i = 0; i < in->n_skeletons; i++) {
        struct lh__skeleton *s = &in->skeletons[i];
        for (int stage = 0; stage < p->n_stages; stage++) {
            if (s->slot[stage] == 0) {
                s->slot[stage] = -1;
                continue;
            }
            s->slot_stage[s->n_slots] = stage;
            s->slot[stage] = s->n_slots++;
        }
        if (lh__skeleton_spans(s, LH_AXIS_PIPELINE))
            s->n_slots = 1;
    }
}

enum lh_status lh__inexact(struct lh_ctx *ctx, const char *of, const char *what,
                           int64_t a, int64_t b)
{
    lh_error(ctx, LH_NOWHERE,
             "internal: the %s exact: %s (%lld, %lld); --set engine.fold=off "
             "simulates every rank",
             of, what, (long long)a, (long long)b);
    return LH_FAILED;
}

/* ---- the incidence ------------------------------------------------------ */

enum lh_status lh__incidence_build(struct lh__incidence *out,
                                   const struct lh_sim_point *p, bool cut,
                                   struct lh_ctx *ctx)
{
    struct lh__faults *faults = LH_NEW(ctx->arena, struct lh__faults, 1);
    *out =
        (struct lh__incidence){.topology = p->topology,
                               .faults = faults,
                               .base_s = p->scenario->stack.collective_base_s};
    enum lh_status st = lh__ranks_place(&out->ranks, p, ctx);
    if (st == LH_OK)
        st = lh__faults_make(faults, p, ctx);
    if (st != LH_OK)
        return st;
    families_make(out, ctx->arena);
    slots_make(out, ctx->arena);
    lh__blocks_cut(&out->blocks, &out->ranks, p->topology, cut, ctx->arena);
    out->patterns = LH_NEW(ctx->arena, struct lh__patterns, out->n_skeletons);
    for (int32_t i = 0; i < out->n_skeletons; i++) {
        lh__skeleton_number(&out->skeletons[i], &out->ranks, &out->blocks,
                            ctx->arena);
        lh__patterns_make(&out->patterns[i], out, &out->skeletons[i],
                          ctx->arena);
    }
    st = lh__geometries_make(out, ctx);
    if (st == LH_OK)
        st = lh__incidence_list(out, ctx);
    return st;
}

void lh__incidence_free(struct lh__incidence *in)
{
    free(in->use_link);
    free(in->use_weight);
    free(in->use_times);
    in->use_link = NULL;
    in->use_weight = in->use_times = NULL;
}

int32_t lh__listed_rank(const struct lh__incidence *in, lh_rank rank)
{
    int32_t b = lh__block_of_rank(&in->blocks, &in->ranks, rank);
    return in->block_rank[b] + (int32_t)(rank - in->blocks.block[b].first);
}

lh_link lh__block_link(const struct lh__incidence *in, lh_link link,
                       int32_t block, int32_t other)
{
    int64_t a = lh_topology_link_unit(in->topology, link);
    if (a < 0
        || lh__block_of_accelerator(&in->blocks, &in->ranks, in->topology, a)
               != block)
        return -1;
    return lh_topology_link_shift(in->topology, link,
                                  in->blocks.block[other].accelerator
                                      - in->blocks.block[block].accelerator);
}

/* The link that stands in the first block of its block's type. */
static lh_link first_such(const struct lh__incidence *in, lh_link link)
{
    int64_t a = lh_topology_link_unit(in->topology, link);
    if (!in->blocks.cut || a < 0)
        return link;
    int32_t b =
        lh__block_of_accelerator(&in->blocks, &in->ranks, in->topology, a);
    return b < 0 ? link : lh__block_link(in, link, b, in->block_first[b]);
}

int32_t lh__listed_link(const struct lh__incidence *in, lh_link link)
{
    return lh__link_search(in->link, in->n_links, first_such(in, link));
}

int64_t lh__incidence_comms(const struct lh__incidence *in)
{
    int64_t n = 0;
    for (int32_t g = 0; g < in->n_geometries; g++)
        n += in->skeletons[in->geometries[g].skeleton].n_comms;
    return n;
}

int64_t lh__incidence_comm(const struct lh__incidence *in,
                           const struct lh_op *op, int32_t rank)
{
    const struct lh__family *f = &in->families[in->row_family[op->comm]];
    int64_t row = 2 * (int64_t)f->geometry + (op->role == LH_ROLE_RECEIVER);
    return in->rank_comm[row * in->n_ranks + rank];
}

static bool on_several_sites(const struct lh_members *members)
{
    for (int64_t i = 1; i < members->n; i++) {
        if (members->site[i] != members->site[0])
            return true;
    }
    return false;
}

/* A geometry knows the figures of its own collective; those of another that
 * shares its hops (a ring's) are worked out for this communicator. */
struct lh__flow_figures lh__incidence_figures(const struct lh__incidence *in,
                                              int32_t family, int64_t comm,
                                              struct lh_ctx *ctx)
{
    const struct lh__family *f = &in->families[family];
    const struct lh__geometry *g = &in->geometries[f->geometry];
    const struct lh__listed_comm *x = &in->comm[comm];
    struct lh_members members = lh__geometry_members(in, g, x->pattern);
    enum lh__protocol protocol = g->protocol[x->pattern];
    double base_s =
        lh__protocol_base_s(protocol, &members, in->topology, in->base_s);
    double bytes = lh__protocol_bytes(protocol, &members, in->topology);
    struct lh__flow_figures out = {.algorithm = g->algorithm[x->pattern],
                                   .protocol = protocol,
                                   .alpha_s = base_s + x->latency_s,
                                   .unit_frac =
                                       bytes * g->hops[x->pattern].unit_frac,
                                   .phi = g->hops[x->pattern].phi,
                                   .cap_bytes_per_s = x->cap_bytes_per_s,
                                   .crosses_wan = on_several_sites(&members)};
    if (f->collective == g->collective)
        return out;
    struct lh_ctx scratch = {.arena = lh_arena_new(), .diag = ctx->diag};
    const struct lh__skeleton *s = &in->skeletons[g->skeleton];
    struct lh__stand stand = lh__stand_new(s->n_members, scratch.arena);
    struct lh_hops hops;
    lh__stand_fill(&stand, in, s, x->number);
    lh_algorithm_at(out.algorithm)
        ->hops(&hops, f->collective, &members, &scratch);
    out.unit_frac = bytes * hops.unit_frac;
    out.phi = hops.phi;
    out.alpha_s = base_s
                  + lh__stand_latency_s(in, &hops, out.algorithm, protocol,
                                        f->collective, &members, &stand);
    lh_arena_free(scratch.arena);
    return out;
}
