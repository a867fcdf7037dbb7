/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a site bears (accelerators, power), and the defaults of `reliability`.
 *
 *   power of a site = gpus x power of the device x power_overhead
 *
 * Sources of defaults: power_overhead 1.5 kW an H100 of 700 W, all in (150 MW
 * for 100,000 H100, as reported of xAI's Colossus); storage 2 TB/s sustained
 * (Llama 3, arXiv:2407.21783, section 3.3.1); restart and the copy to the host
 * (PCIe 5.0 x16) are assumed.
 * Stage: the last of resolving.  The goodput is computed in
 * analysis/goodput.c.  Leaves out power that changes in a step.
 */
#include "resolve.h"

#include <math.h>
#include <string.h>

static const double usual_overhead = 1500.0 / 700.0;
static const double usual_restart_s = 600;
static const double usual_storage_bytes_per_s = 2e12;
static const double usual_copy_bytes_per_s = 50e9;

/* ---- caps ---------------------------------------------------------------- */

static void check_room(struct lh__reader *r, int i)
{
    const struct lh_site *site = &r->root->s.sites[i];
    struct lh_arena *arena = r->ctx->arena;

    if (site->gpus_max > 0 && site->gpus > site->gpus_max)
        lh_error(r->ctx, lh__where_at(r, lh_format(arena, "sites[%d].gpus", i)),
                 "sites[%d] has %lld accelerators, and room for %lld "
                 "(gpus_max)",
                 i, (long long)site->gpus, (long long)site->gpus_max);
}

static void check_power(struct lh__reader *r, int i)
{
    struct lh_site *site = &r->root->s.sites[i];
    struct lh_arena *arena = r->ctx->arena;
    double each_w, all_w;

    if (!isfinite(site->power_cap_w) || !site->device.name)
        return;
    if (site->power_overhead < 0)
        site->power_overhead = usual_overhead;
    each_w = site->device.power_w * site->power_overhead;
    all_w = each_w * (double)site->gpus;
    if (all_w <= site->power_cap_w)
        return;
    lh_error(r->ctx, lh__where_at(r, lh_format(arena, "sites[%d].gpus", i)),
             "sites[%d] needs %s for %lld %s of %s, %.3g times that with hosts "
             "and cooling; power_cap is %s, enough for %.0f",
             i, lh_units_human(arena, all_w, LH_DIM_POWER),
             (long long)site->gpus, site->device.name,
             lh_units_human(arena, site->device.power_w, LH_DIM_POWER),
             site->power_overhead,
             lh_units_human(arena, site->power_cap_w, LH_DIM_POWER),
             floor(site->power_cap_w / each_w));
}

void lh__check_caps(struct lh__reader *r)
{
    for (int i = 0; i < r->root->s.n_sites; i++) {
        const struct lh_site *site = &r->root->s.sites[i];
        check_room(r, i);
        check_power(r, i);
        if (!isfinite(site->power_cap_w) && site->power_overhead > 0)
            lh_warn(r->ctx, site->where,
                    "sites[%d].power_overhead has no effect because power_cap "
                    "is not given",
                    i);
    }
}

/* ---- reliability --------------------------------------------------------- */

bool lh_reliability_is_on(const struct lh_reliability *r)
{
    return r->mtbf_s > 0 || r->span_mtbf_s > 0;
}

static void fill(double *value, double usual)
{
    if (*value < 0)
        *value = usual;
}

/* Islands that agree now and then fail alone. */
static int64_t islands_of(const struct lh_scenario *s)
{
    bool loose = s->sync != LH_SYNC_EVERY_STEP && s->outer.island > 0;

    return loose ? s->plan.data / s->outer.island : 1;
}

void lh__resolve_reliability(struct lh__reader *r)
{
    struct lh_reliability *fails = &r->root->s.reliability;
    struct lh__value *value = lh__value_get(r->values, "reliability");

    if (!value || !lh__value_ok(value))
        return;
    fails->where = value->where;
    if (!lh_reliability_is_on(fails)) {
        lh_warn(r->ctx, value->where,
                "reliability has no effect because neither mtbf nor span_mtbf "
                "is given");
        return;
    }
    if (fails->span_length_m > 0 && !(fails->span_mtbf_s > 0))
        lh_warn(r->ctx, lh__key_where(r, "reliability.span_length"),
                "reliability.span_length has no effect because span_mtbf is "
                "not given");
    fill(&fails->restart_s, usual_restart_s);
    fill(&fails->storage_bytes_per_s, usual_storage_bytes_per_s);
    if (fails->islands == 0)
        fails->islands = islands_of(&r->root->s);
    if (!fails->checkpoint_mode)
        fails->checkpoint_mode = "blocking";
    if (strcmp(fails->checkpoint_mode, "asynchronous") == 0)
        fill(&fails->copy_bytes_per_s, usual_copy_bytes_per_s);
}
