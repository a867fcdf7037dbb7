/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why a step of the loop is longer than another, in words: the part of the
 * trainer's time that grows most.  Parts sum to the step, so that its wait has
 * what generators, verifiers and pushes take beyond it.
 * Place in the pipeline: beside cause.c, for scenarios with `rl'.
 * Leaves out: what the trainer waits for.
 */
#include "writers.h"

enum { PARTS = 5 };

static const char *const part_names[PARTS] = {
    "log-probs", "training", "gathering weights", "the switch of roles",
    "waiting for samples"};

static void parts_of(double *out, const struct lh_rl_result *r)
{
    out[0] = r->trainer.log_prob_s;
    out[1] = r->trainer.train_s;
    out[2] = r->trainer.gather_s;
    out[3] = r->trainer.switch_s;
    out[4] = r->trainer.wait_s;
}

const char *lh__rl_cause(const struct lh_rl_result *more,
                         const struct lh_rl_result *less,
                         struct lh_arena *arena)
{
    static const struct lh_rl_result nothing;
    double a[PARTS], b[PARTS];
    int worst = 0;

    less = less ? less : &nothing;
    parts_of(a, more);
    parts_of(b, less);
    for (int i = 1; i < PARTS; i++)
        if (a[i] - b[i] > a[worst] - b[worst])
            worst = i;
    return lh_format(arena,
                     "%s of it the trainer's %s (a push of weights takes %s)",
                     lh_units_human(arena, a[worst] - b[worst], LH_DIM_TIME),
                     part_names[worst],
                     lh_units_human(arena, more->weight_sync_s, LH_DIM_TIME));
}

int64_t lh__rl_gpus(const struct lh_rl_report *rl)
{
    const struct lh_rl *asked = &rl->scenario->rl;
    int64_t sum = asked->trainer_gpus;

    for (int i = 0; i < asked->n_fleets; i++)
        sum += asked->fleets[i].shared ? 0 : asked->fleets[i].gpus;
    for (int i = 0; i < asked->n_verifiers; i++)
        if (asked->verifiers[i].kind != LH_JUDGE_RULE)
            sum += asked->verifiers[i].on.gpus;
    return sum;
}

struct lh_loss lh__rl_loss(const struct lh_report *report,
                           struct lh_arena *arena)
{
    const struct lh_rl_result *here = &report->rl->result;
    const struct lh_rl_result *near =
        report->rl_near ? &report->rl_near->result : NULL;
    bool longer = near && here->step_time_s > near->step_time_s;

    if (longer)
        return (struct lh_loss){
            "weights",
            lh_format(arena,
                      "the loop's step takes %s more than with its sites side "
                      "by side, %s",
                      lh_units_human(arena,
                                     here->step_time_s - near->step_time_s,
                                     LH_DIM_TIME),
                      lh__rl_cause(here, near, arena))};
    return (struct lh_loss){
        "loop", lh_format(arena, "the loop's step takes %s, %s",
                          lh_units_human(arena, here->step_time_s, LH_DIM_TIME),
                          lh__rl_cause(here, NULL, arena))};
}
