/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning for people: a line a role, weights and
 * fibres, entries of generators, what became of tokens.
 *
 * Place in the pipeline: called by write_text.c, before the trainer's step.
 * Definitions: docs/model.md, "RL loop".
 */
#include "writers.h"

#include <inttypes.h>

static void role(struct lh_text *out, const struct lh_rl_result *r,
                 const char *name, double seconds)
{
    if (seconds > 1e-9 * r->step_time_s) /* else rounding */
        lh_text_printf(out, "  %-26s%10.4g s  %5.1f %%\n", name, seconds,
                       100 * seconds / r->step_time_s);
}

static void roles(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;
    const struct lh_rl_result *r = &report->result;

    role(out, r, "trainer: log-probs", r->trainer.log_prob_s);
    role(out, r, "trainer: train", r->trainer.train_s);
    role(out, r, "trainer: gather weights", r->trainer.gather_s);
    role(out, r, "trainer: switch", r->trainer.switch_s);
    role(out, r, "trainer: wait", r->trainer.wait_s);
    role(out, r, "generators: generate", r->generators.generate_s);
    role(out, r, "generators: load weights", r->generators.update_s);
    role(out, r, "generators: away", r->generators.away_s);
    role(out, r, "generators: wait", r->generators.wait_s);
    for (int i = 0; i < rl->n_verifiers; i++)
        role(out, r,
             lh_format(out->arena, "verify: %s at %s",
                       lh__rl_judge(&rl->verifiers[i]),
                       rl->verifiers[i].site_name),
             r->verifiers[i].busy_frac * r->step_time_s);
    role(out, r, "tail of a batch", r->tail_s);
}

/* What became of tokens; a part of all. */
static void tokens(struct lh_text *out, const struct lh_rl_result *r)
{
    double all = (double)r->tokens_generated;

    lh_text_printf(out,
                   "response tokens %" PRId64 ": trained %.1f %%, discarded "
                   "%.1f %%, in flight %.1f %%\n",
                   r->tokens_generated, 100 * (double)r->tokens_trained / all,
                   100 * lh__rl_discarded(r),
                   100 * (double)r->tokens_in_flight / all);
    lh_text_printf(
        out, "generated %.4g/s, trained %.4g/s, %.4g samples trained/s\n",
        r->tokens_generated_per_s, r->tokens_trained_per_s, r->samples_per_s);
    if (r->samples_trained == 0)
        return;
    lh_text_add(out, "staleness (trainer steps: samples)");
    for (int i = 0; i < r->staleness_n; i++)
        lh_text_printf(out, "  %d: %" PRId64, i, r->staleness[i]);
    lh_text_add(out, "\n");
}

static void iteration(struct lh_text *out, const struct lh_rl_rates *rates)
{
    if (rates->chunk > 0)
        lh_text_printf(out, ", prompts in iterations of %.0f tokens",
                       rates->chunk);
    if (rates->drafted > 0)
        lh_text_printf(out, ", %.0f drafted (%.3g tokens an iteration)",
                       rates->drafted, lh_rl_pace(rates));
}

static void entries(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;

    for (int i = 0; i < rl->n_fleets; i++) {
        const struct lh_rl_fleet_input *f = &report->fleets[i];
        lh_text_printf(out,
                       "generators at %s: %" PRId64 " replicas of %" PRId64
                       " sequences, %.1f %% busy",
                       rl->fleets[i].site_name, f->replicas,
                       f->rates.concurrency,
                       100 * report->result.fleet_busy_frac[i]);
        iteration(out, &f->rates);
        if (rl->fleets[i].up_s > 0)
            lh_text_printf(out, ", %.1f %% away",
                           100 * report->result.fleet_away_frac[i]);
        lh_text_printf(out, "; weights %.3g s on the way", f->push.transfer_s);
        if (report->relay[i] >= 0)
            lh_text_printf(out, " by %s", lh__rl_sender(report, i));
        lh_text_printf(out, ", %.3g s to load\n", f->push.load_s);
    }
}

static void weights(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;
    struct lh_arena *arena = out->arena;

    lh_text_printf(out, "weights %s",
                   lh_units_human(arena, report->weight_bytes, LH_DIM_BYTES));
    if (report->push_bytes < report->weight_bytes)
        lh_text_printf(out, ", a push %s",
                       lh_units_human(arena, report->push_bytes, LH_DIM_BYTES));
    lh_text_printf(out,
                   ", %" PRId64 " pushes of %.4g s, exposed %.4g s a step, "
                   "hidden %.4g s",
                   r->pushes, r->weight_sync_s, r->weight_sync_exposed_s,
                   r->weight_sync_hidden_s);
    if (r->push_cost_s >= 5e-4) /* of training, beside the same links */
        lh_text_printf(out, ", training %.3g s longer", r->push_cost_s);
    lh_text_add(out, "\n");
    for (int i = 0; i < report->n_fibres; i++) {
        const struct lh_rl_fibre *f = &report->fibres[i];
        lh_text_printf(out, "%s: %s a step, %.2f %% busy\n", f->name,
                       lh_units_human(arena, f->step_bytes, LH_DIM_BYTES),
                       100 * f->busy_frac);
    }
}

static void engine(struct lh_text *out, const struct lh_rl_result *r)
{
    if (r->each > 1)
        lh_text_printf(out,
                       "order statistics: %" PRId64 " of %" PRId64
                       " replicas simulated, one prompt for %.4g; mean step "
                       "+- %.2f %% (standard error), replicas rounded by "
                       "%.2f %% at most\n",
                       r->simulated, r->replicas, r->each,
                       100 * r->step_error_s / r->step_time_s,
                       100 * r->rounding_frac);
}

void lh__write_rl_text(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;

    lh_text_printf(
        out, "\nRL loop, %s: step %.4g s (mean of %" PRId64 " after warm-up)\n",
        lh__rl_mode(&report->scenario->rl), r->step_time_s,
        r->steps - report->scenario->rl.warmup_steps);
    roles(out, report);
    engine(out, r);
    weights(out, report);
    entries(out, report);
    if (r->environment_s > 0)
        lh_text_printf(out, "between turns: %.4g s of a sample\n",
                       r->environment_s);
    tokens(out, r);
}
