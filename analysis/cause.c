/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why a step is as long as it is, in words: the category of the breakdown that
 * differs most from another step's and, of exposed WAN time, whether it is
 * bandwidth or latency:
 *
 *     T = bytes of the busiest fibre in the step / its capacity, over the other
 *         step's; U = the same of the busiest link inside the sites
 *     T >= 1/2 of the difference:       bandwidth
 *     else U >= 1/2 of it:              site bandwidth, of that link
 *     both < 1/10 of it:                latency, the bytes are not what takes
 * it else:                             latency and bandwidth
 *
 * T is an upper bound of what a wider fibre could save.  Who waits (pipeline
 * bubble, wait for slower) waits for a cause: what the critical path has most
 * of beyond the other step's.  Place in the pipeline: after lh_result_make().
 * Leaves out causes that a category has in several places: two fibres, or a
 * fibre and its gateway, are told apart by the busy share alone.
 */
#include <longhaul/result.h>

#include <math.h>
#include <string.h>

#include "writers.h"

const char *lh__busy_percent(struct lh_arena *arena, double share)
{
    double percent = 100 * share;

    if (percent > 0 && percent < 1e-3)
        return "less than 0.001 %";
    return lh_format(arena, percent < 9.95 ? "%.2g %%" : "%.0f %%", percent);
}

/* How long the busiest link there carries bytes in a step. */
static double wire_s(const struct lh_result *r, enum lh__where where)
{
    const struct lh_link_use *link = r ? lh__busiest(r, where) : NULL;

    return link != NULL ? link->busy_frac * r->step_time_s : 0;
}

/* What makes by_s seconds more of a collective over sites. */
struct nature {
    const char *kind;
    enum lh__where where; /* of the link that shows it */
};

/* In `less` (NULL: than none). */
static struct nature wan_nature(const struct lh_result *more,
                                const struct lh_result *less, double by_s)
{
    double fibre_s = wire_s(more, LH__ON_WAN) - wire_s(less, LH__ON_WAN);
    double site_s = wire_s(more, LH__IN_SITES) - wire_s(less, LH__IN_SITES);

    if (fibre_s >= by_s / 2)
        return (struct nature){"bandwidth", LH__ON_WAN};
    if (site_s >= by_s / 2)
        return (struct nature){"site bandwidth", LH__IN_SITES};
    if (fmax(fibre_s, site_s) < by_s / 10)
        return (struct nature){"latency", LH__ON_WAN};
    return (struct nature){"latency and bandwidth",
                           fibre_s >= site_s ? LH__ON_WAN : LH__IN_SITES};
}

static const char *nature_text(struct nature nature, const struct lh_result *r,
                               struct lh_arena *arena)
{
    const struct lh_link_use *link = lh__busiest(r, nature.where);

    if (link == NULL)
        return nature.kind;
    return lh_format(arena, "%s: %s is %s busy", nature.kind, link->name,
                     lh__busy_percent(arena, link->busy_frac));
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

/* Of all that differs between two steps. */
struct cause {
    enum lh_category shown; /* of the breakdown */
    double shown_s;
    bool is_behind; /* who waits there waits for another category: */
    enum lh_category category;
    struct nature nature; /* of WAN time */
};

static double beyond(const double *more, const double *less,
                     enum lh_category category)
{
    return more[category] - (less ? less[category] : 0);
}

static bool is_waiting(enum lh_category category)
{
    return category == LH_PIPELINE_BUBBLE || category == LH_WAIT;
}

static struct cause cause_of(const struct lh_result *more,
                             const struct lh_result *less)
{
    const double *path = less ? less->critical_path_s : NULL;
    struct cause c = {
        .shown = largest(more->breakdown_s, less ? less->breakdown_s : NULL)};
    enum lh_category behind = largest(more->critical_path_s, path);
    double by_s = beyond(more->critical_path_s, path, behind);

    c.shown_s =
        beyond(more->breakdown_s, less ? less->breakdown_s : NULL, c.shown);
    c.is_behind =
        less && is_waiting(c.shown) && !is_waiting(behind) && by_s > 0;
    c.category = c.is_behind ? behind : c.shown;
    c.nature = wan_nature(more, less, c.is_behind ? by_s : c.shown_s);
    return c;
}

static const char *part_text(const struct cause *c, const struct lh_result *r,
                             struct lh_arena *arena)
{
    const char *part = lh_format(arena, "%s of it %s",
                                 lh_units_human(arena, c->shown_s, LH_DIM_TIME),
                                 lh__category_label(c->shown));

    if (c->is_behind)
        part = lh_format(arena, "%s behind %s", part,
                         lh__category_label(c->category));
    if (c->category != LH_WAN_COMM)
        return part;
    return lh_format(arena, "%s (%s)", part, nature_text(c->nature, r, arena));
}

const char *lh__cause_text(const struct lh_result *more,
                           const struct lh_result *less, struct lh_arena *arena)
{
    struct cause c = cause_of(more, less);

    return part_text(&c, more, arena);
}

struct lh_loss lh_loss_of(const struct lh_report *report,
                          struct lh_arena *arena)
{
    if (report->rl)
        return lh__rl_loss(report, arena);
    const struct lh_result *here = report->result;
    const struct lh_result *one = report->one_site;
    double more_s = one ? here->step_time_s - one->step_time_s : 0;
    struct cause c = cause_of(here, more_s > 0 ? one : NULL);
    struct lh_loss loss = {.kind = c.category == LH_WAN_COMM
                                       ? c.nature.kind
                                       : lh__category_label(c.category)};

    if (more_s > 0)
        loss.text =
            lh_format(arena, "the step takes %s more than in one site, %s",
                      lh_units_human(arena, more_s, LH_DIM_TIME),
                      part_text(&c, here, arena));
    else
        loss.text = lh_format(arena, "the largest part of the step is %s",
                              lh__category_label(c.shown));
    return loss;
}

/* Tokens where they take more than what the step loses. */
struct lh_loss lh_target_loss(const struct lh_target *target,
                              const struct lh_report *report,
                              struct lh_arena *arena)
{
    const struct lh_equal_loss *loss = &report->scenario->equal_loss;
    double step = 1 / lh__efficiency(report);
    struct lh_at_equal_loss at;

    if (strncmp(target->figure.name, "equal_loss_", 11) != 0
        || !lh_equal_loss_make(&at, report)
        || !(loss->tokens_factor > fmax(step, 1)))
        return lh_loss_of(report, arena);
    return (struct lh_loss){
        "tokens",
        lh_format(arena,
                  "a step takes %.3g times as long as in one site, but equal "
                  "loss %.3g times the tokens",
                  step, loss->tokens_factor)};
}
