/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups of replicas inside which gradients are reduced first, and the axes
 * that they stand on.  Part of fit.c; levels.c uses them.
 *
 *   plan.shard            a shard group: what plan.zero says is shared in it
 *   plan.overlap.levels   as many replicas as divide those of every site
 *   else                  all, or the replicas of an island
 *
 * Axes: SHARD within a group; over the groups DATA, or with islands, which DATA
 * is over, GROUP.  Beside SHARD (or DATA, where there is one group) those that
 * share a sequence and experts.
 */
#include "workload.h"

bool lh__fit_is_hybrid(const struct lh__fit *fit)
{
    return fit->scenario->plan.zero >= 1 && fit->shard < fit->data;
}

bool lh__fit_has_levels(const struct lh__fit *fit)
{
    return fit->group < fit->shard;
}

bool lh__fit_updates_apart(const struct lh__fit *fit)
{
    return fit->scenario->plan.overlap_forward && fit->data > 1;
}

double lh__shard_parameters(const struct lh__fit *fit, double dense,
                            double routed)
{
    return (dense + routed * (double)lh_expert_replicas(&fit->scenario->plan))
           / (double)fit->shard;
}

/* Replicas of one group of the first level; 0: there is one level. */
static int64_t level_replicas(const struct lh_scenario *s)
{
    bool levels = s->plan.overlap_levels && s->n_sites > 1
                  && s->across_sites == LH_ACROSS_DATA;

    return levels ? lh_common_replicas(s) : 0;
}

void lh__groups_make(struct lh__fit *fit)
{
    const struct lh_scenario *s = fit->scenario;
    const struct lh_plan *plan = &s->plan;
    bool islands = s->sync != LH_SYNC_EVERY_STEP;
    int64_t level = level_replicas(s) * plan->context;
    unsigned inner = 0;
    bool grouped;

    fit->shard = plan->zero >= 1 && plan->shard > 0
                     ? plan->shard * plan->context
                     : fit->data;
    fit->group = fit->shard == fit->data && level > 1 && level < fit->data
                     ? level
                     : fit->shard;
    grouped = fit->group < fit->data;
    if (plan->context > 1)
        inner |= LH_AXIS_BIT(LH_AXIS_CONTEXT);
    if (lh_expert_replicas(plan) > 1)
        inner |= LH_AXIS_BIT(LH_AXIS_EXPERT);
    fit->across_axes = LH_AXIS_BIT(islands ? LH_AXIS_GROUP : LH_AXIS_DATA);
    fit->group_axes =
        inner | LH_AXIS_BIT(islands || grouped ? LH_AXIS_SHARD : LH_AXIS_DATA);
    fit->shard_axes = fit->group_axes;
    if (lh__fit_has_levels(fit))
        fit->shard_axes |= fit->across_axes;
}
