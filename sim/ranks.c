/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ranks on accelerators.  Ranks fill the sites in the scenario's order, each
 * site as many as it holds whole (replicas, or stages of all replicas); within
 * a site rank order is accelerator order.
 */
#include "ranks.h"

/* How many ranks a site takes. */
static int64_t site_ranks(const struct lh_axes *axes,
                          const struct lh_scenario *s, int64_t gpus)
{
    enum lh_axis outer = s->across_sites == LH_ACROSS_DATA ? LH_AXIS_DATA
                         : s->across_sites == LH_ACROSS_PIPELINE
                             ? LH_AXIS_PIPELINE
                             : LH_AXIS_EXPERT;
    int64_t unit = lh_axes_ranks(axes) / axes->size[outer];
    if (outer == LH_AXIS_DATA) /* islands may be of several sites */
        unit /= axes->size[LH_AXIS_SHARD] * axes->size[LH_AXIS_GROUP];
    return gpus / unit * unit;
}

enum lh_status lh__ranks_place(struct lh__ranks *out,
                               const struct lh_sim_point *p, struct lh_ctx *ctx)
{
    const struct lh_scenario *s = p->scenario;
    const struct lh_axes *axes = &p->program->axes;
    int64_t n = lh_axes_ranks(axes), rank = 0, accelerator = 0;
    *out = (struct lh__ranks){
        .axes = axes, .program = p->program, .n = n, .n_sites = s->n_sites};
    out->site_rank = LH_NEW(ctx->arena, int64_t, s->n_sites + 1);
    out->site_accelerator = LH_NEW(ctx->arena, int64_t, s->n_sites);
    for (int i = 0; i < s->n_sites; i++) {
        int64_t here = site_ranks(axes, s, s->sites[i].gpus);
        out->site_rank[i] = rank;
        out->site_accelerator[i] = accelerator;
        rank += here < n - rank ? here : n - rank;
        accelerator += s->sites[i].gpus;
    }
    out->site_rank[s->n_sites] = rank;
    if (rank == n)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "the plan has %lld ranks, the sites hold only %lld of them",
             (long long)n, (long long)rank);
    return LH_BAD_INPUT;
}

int lh__rank_site(const struct lh__ranks *ranks, lh_rank rank)
{
    int low = 0, high = ranks->n_sites - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (rank < ranks->site_rank[middle + 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t lh__rank_accelerator(const struct lh__ranks *ranks, lh_rank rank)
{
    int site = lh__rank_site(ranks, rank);
    return ranks->site_accelerator[site] + rank - ranks->site_rank[site];
}

int32_t lh__rank_template(const struct lh__ranks *ranks, lh_rank rank)
{
    const struct lh_program *p = ranks->program;
    int64_t stage = lh_axes_coordinate(ranks->axes, rank, LH_AXIS_PIPELINE);
    return (int32_t)stage * p->n_devices
           + p->site_device[lh__rank_site(ranks, rank)];
}
