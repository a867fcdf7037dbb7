/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why a step is as long as it is, in words: the category of the breakdown that
 * differs most from another step's and, of exposed WAN time, whether it is
 * bandwidth or latency:
 *
 *     T = bytes of the busiest fibre in the step / its capacity, over the other
 *         step's
 *     T <  1/10 of the difference: latency, the bytes are not what takes it
 *     T >= 1/2 of the difference:  bandwidth
 *     else: both
 *
 * T is an upper bound of what a wider fibre could save.  Place in the pipeline:
 * after lh_result_make().  Leaves out causes that a category has in several
 * places: two fibres, or a fibre and its gateway, are told apart by the busy
 * share alone.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "writers.h"

/* How long the busiest fibre carries bytes in a step. */
static double wire_s(const struct lh_result *r)
{
    const struct lh_link_use *link = r ? lh__busiest(r, LH__ON_WAN) : NULL;

    return link != NULL ? link->busy_frac * r->step_time_s : 0;
}

/* What makes by_s seconds more on the WAN than in `less` (NULL: than none). */
static const char *wan_nature(const struct lh_result *more,
                              const struct lh_result *less, double by_s)
{
    double bytes_s = wire_s(more) - wire_s(less);

    if (bytes_s < by_s / 10)
        return "latency";
    return bytes_s >= by_s / 2 ? "bandwidth" : "latency and bandwidth";
}

static const char *busy_text(const struct lh_result *r, struct lh_arena *arena)
{
    const struct lh_link_use *link = lh__busiest(r, LH__ON_WAN);

    if (link == NULL)
        return "";
    return lh_format(arena, ": %s is %.2g %% busy", link->name,
                     100 * link->busy_frac);
}

/* The category that `more` has most of beyond `less` (NULL: beyond 0). */
static enum lh_category largest(const double *more, const double *less)
{
    int worst = 0;

    for (int i = 1; i < LH_CATEGORIES; i++) {
        if (more[i] - (less ? less[i] : 0)
            > more[worst] - (less ? less[worst] : 0))
            worst = i;
    }
    return (enum lh_category)worst;
}

const char *lh__cause_text(const struct lh_result *more,
                           const struct lh_result *less, struct lh_arena *arena)
{
    enum lh_category worst = largest(more->breakdown_s, less->breakdown_s);
    double by_s = more->breakdown_s[worst] - less->breakdown_s[worst];
    const char *part = lh_format(arena, "%s of it %s",
                                 lh_units_human(arena, by_s, LH_DIM_TIME),
                                 lh__category_label(worst));

    if (worst != LH_WAN_COMM)
        return part;
    return lh_format(arena, "%s (%s%s)", part, wan_nature(more, less, by_s),
                     busy_text(more, arena));
}

struct lh_loss lh_loss_of(const struct lh_report *report,
                          struct lh_arena *arena)
{
    if (report->rl)
        return lh__rl_loss(report, arena);
    const struct lh_result *here = report->result;
    const struct lh_result *one = report->one_site;
    double more_s = one ? here->step_time_s - one->step_time_s : 0;
    const double *less = more_s > 0 ? one->breakdown_s : NULL;
    enum lh_category worst = largest(here->breakdown_s, less);
    struct lh_loss loss = {.kind = lh__category_label(worst)};

    if (worst == LH_WAN_COMM)
        loss.kind =
            wan_nature(here, less ? one : NULL,
                       here->breakdown_s[worst] - (less ? less[worst] : 0));
    if (less != NULL)
        loss.text =
            lh_format(arena, "the step takes %s more than in one site, %s",
                      lh_units_human(arena, more_s, LH_DIM_TIME),
                      lh__cause_text(here, one, arena));
    else
        loss.text = lh_format(arena, "the largest part of the step is %s",
                              lh__category_label(worst));
    return loss;
}
