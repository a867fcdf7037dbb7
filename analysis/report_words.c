/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The first line of the report: where the time of a step goes beside computing
 * (compute, recomputation, optimizer), the link that this runs over, and how
 * busy that is.  The link is the busiest fibre or gateway for exposed WAN time,
 * the busiest link inside the sites for other communication, and else the
 * busiest of all.  Of a loop of reinforcement learning it is what the trainer
 * does beside computing, and the busiest fibre that weights cross.
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

const char *lh__busy_text(struct lh_arena *arena, double frac)
{
    return lh_format(arena, "%.*f %%", frac < 0.01 ? 1 : 0, 100 * frac);
}

static const char *link_says(const struct lh_result *r, int category,
                             struct lh_arena *arena)
{
    enum lh__where where = where_runs(category);
    const struct lh_link_use *link = lh__busiest(r, where);

    if (link == NULL)
        return "no link carries anything";
    return lh_format(arena, "%s: %s, %s busy",
                     where == LH__ANYWHERE
                         ? "the busiest link"
                         : "the busiest link that it can run over",
                     lh__link_words(arena, link->name),
                     lh__busy_text(arena, link->busy_frac));
}

static const char *step_says(const struct lh_report *report,
                             struct lh_arena *arena)
{
    const struct lh_result *r = report->result;
    int worst = largest_beside(r);

    if (worst < 0)
        return lh_format(
            arena, "beside computing the step of %s loses nothing; %s.",
            lh__seconds(arena, r->step_time_s), link_says(r, worst, arena));
    return lh_format(
        arena,
        "the largest part beside computing is %s: %s of the step's %s (%s); "
        "%s.",
        lh__category_label((enum lh_category)worst),
        lh__seconds(arena, r->breakdown_s[worst]),
        lh__seconds(arena, r->step_time_s),
        lh__share_text(arena, r->breakdown_s[worst] / r->step_time_s),
        link_says(r, worst, arena));
}

/* ---- of a loop ------------------------------------------------------------
 */

/* In one site weights cross no fibre: then of the trainer's own step. */
static const char *push_says(const struct lh_report *report,
                             struct lh_arena *arena)
{
    const struct lh_rl_report *rl = report->rl;
    const struct lh_link_use *link = lh__busiest(report->result, LH__ANYWHERE);
    const struct lh_rl_fibre *busiest = NULL;

    for (int i = 0; i < rl->n_fibres; i++) {
        if (busiest == NULL || rl->fibres[i].busy_frac > busiest->busy_frac)
            busiest = &rl->fibres[i];
    }
    if (busiest != NULL)
        return lh_format(arena,
                         "the busiest link that weights cross: %s, %s busy",
                         lh__link_words(arena, busiest->name),
                         lh__busy_text(arena, busiest->busy_frac));
    if (link == NULL)
        return "no link carries anything";
    return lh_format(arena,
                     "the busiest link of its optimizer step: %s, %s busy",
                     lh__link_words(arena, link->name),
                     lh__busy_text(arena, link->busy_frac));
}

static const char *loop_says(const struct lh_report *report,
                             struct lh_arena *arena)
{
    const struct lh_rl_result *r = &report->rl->result;
    const struct {
        double seconds;
        const char *doing;
    } parts[] = {{r->trainer.wait_s, "waiting"},
                 {r->trainer.gather_s, "gathering weights"},
                 {r->trainer.switch_s, "switching"}};
    int worst = 0;

    for (int i = 1; i < 3; i++) {
        if (parts[i].seconds > parts[worst].seconds)
            worst = i;
    }
    return lh_format(
        arena,
        "the largest part of the trainer's loop beside computing is %s: %s of "
        "the step's %s (%s); %s.",
        parts[worst].doing, lh__seconds(arena, parts[worst].seconds),
        lh__seconds(arena, r->step_time_s),
        lh__share_text(arena, parts[worst].seconds / r->step_time_s),
        push_says(report, arena));
}

const char *lh__headline(const struct lh_report *report, struct lh_arena *arena)
{
    return report->rl != NULL ? loop_says(report, arena)
                              : step_says(report, arena);
}

const char *lh__trainer_line(const struct lh_report *report,
                             struct lh_arena *arena)
{
    return lh_format(arena, "Of the trainer's optimizer step %s",
                     step_says(report, arena));
}
