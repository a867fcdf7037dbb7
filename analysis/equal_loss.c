/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a step is worth at equal loss (sync.equal_loss): where a method needs f
 * times the tokens of every-step for the same loss (scenario/loss.c), a run to
 * that loss takes f times its steps.
 *
 *   step at equal loss = f x step time       tokens/s at equal loss = tokens/s
 * / f efficiency at equal loss = step in one site, every-step / step at equal
 * loss
 *
 * Place in the pipeline: after lh_result_make().  Leaves out that f is of
 * other models and data than the run's: `basis` says of which.
 */
#include <longhaul/result.h>

#include <math.h>

#include "writers.h"

bool lh_equal_loss_make(struct lh_at_equal_loss *out,
                        const struct lh_report *report)
{
    const struct lh_equal_loss *loss = &report->scenario->equal_loss;

    if (!loss->on || report->scenario->sync == LH_SYNC_EVERY_STEP)
        return false;
    *out = (struct lh_at_equal_loss){
        .step_time_s = report->result->step_time_s * loss->tokens_factor,
        .tokens_per_s = report->result->tokens_per_s / loss->tokens_factor,
        .efficiency = lh__efficiency(report) / loss->tokens_factor};
    return true;
}
