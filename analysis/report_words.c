/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The first line of the report: where the time of a step goes beside computing
 * (compute, recomputation, optimizer), the link that this runs over, and how
 * busy that is.  The link is the busiest fibre or gateway for exposed WAN time,
 * the busiest link inside the sites for other communication, and else the
 * busiest of all.
 */
#include "report.h"

static bool is_computing(int category)
{
    return category == LH_COMPUTE || category == LH_RECOMPUTE
           || category == LH_OPTIMIZER;
}

static enum lh__where where_runs(int category)
{
    switch (category) {
    case LH_WAN_COMM: return LH__ON_WAN;
    case LH_TENSOR_COMM:
    case LH_EXPERT_COMM:
    case LH_CONTEXT_COMM:
    case LH_PIPELINE_COMM:
    case LH_DATA_COMM: return LH__IN_SITES;
    default: return LH__ANYWHERE;
    }
}

/* -1: the step is computing alone. */
static int largest_beside(const struct lh_result *r)
{
    int worst = -1;

    for (int i = 0; i < LH_CATEGORIES; i++) {
        if (!is_computing(i) && r->breakdown_s[i] > 0
            && (worst < 0 || r->breakdown_s[i] > r->breakdown_s[worst]))
            worst = i;
    }
    return worst;
}

static const char *link_says(const struct lh_result *r, int category,
                             struct lh_arena *arena)
{
    enum lh__where where = where_runs(category);
    const struct lh_link_use *link = lh__busiest(r, where);

    if (link == NULL)
        return "no link carries anything";
    return lh_format(arena, "%s: %s, %.*f %% busy",
                     where == LH__ANYWHERE
                         ? "the busiest link"
                         : "the busiest link that it can run over",
                     lh__link_words(arena, link->name),
                     link->busy_frac < 0.01 ? 1 : 0, 100 * link->busy_frac);
}

static const char *loop_says(const struct lh_rl_result *r,
                             struct lh_arena *arena)
{
    return lh_format(arena,
                     "The trainer waits for %s of the loop's step of %s "
                     "(%s).  Its optimizer step: ",
                     lh__seconds(arena, r->trainer.wait_s),
                     lh__seconds(arena, r->step_time_s),
                     lh__share_text(arena, r->trainer.wait_s / r->step_time_s));
}

const char *lh__headline(const struct lh_report *report, struct lh_arena *arena)
{
    const struct lh_result *r = report->result;
    int worst = largest_beside(r);
    const char *loop =
        report->rl != NULL ? loop_says(&report->rl->result, arena) : "";

    if (worst < 0)
        return lh_format(arena,
                         "%sbeside computing the step of %s loses "
                         "nothing; %s.",
                         loop, lh__seconds(arena, r->step_time_s),
                         link_says(r, worst, arena));
    return lh_format(
        arena,
        "%sthe largest part beside computing is %s: %s of "
        "the step's %s (%s); %s.",
        loop, lh__category_label((enum lh_category)worst),
        lh__seconds(arena, r->breakdown_s[worst]),
        lh__seconds(arena, r->step_time_s),
        lh__share_text(arena, r->breakdown_s[worst] / r->step_time_s),
        link_says(r, worst, arena));
}
