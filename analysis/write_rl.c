/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning in the formats of `run`: the object `rl`
 * of JSON, a table for people, columns of CSV.
 *
 * Place in the pipeline: called by the writers, which write the trainer's step
 * around it.  Definitions: docs/model.md, "RL loop".
 */
#include "writers.h"

#include <inttypes.h>

static const char *const modes[] = {"co-located", "sync", "one-step-off",
                                    "async"};

/* ---- CSV, and what JSON has beside roles ------------------------------------
 */

const char *lh__rl_column(double *value, const struct lh_rl_report *rl, int i)
{
    const struct lh_rl_result *r = &rl->result;
    const struct {
        const char *name;
        double value;
    } columns[LH__RL_COLUMNS] = {
        {"rl_step_time_s", r->step_time_s},
        {"rl_tokens_trained_per_s", r->tokens_trained_per_s},
        {"rl_tokens_generated_per_s", r->tokens_generated_per_s},
        {"rl_samples_per_s", r->samples_per_s},
        {"rl_weight_sync_s", r->weight_sync_s},
        {"rl_weight_sync_exposed_s", r->weight_sync_exposed_s},
        {"rl_trainer_wait_s", r->trainer.wait_s},
        {"rl_generator_wait_s", r->generators.wait_s},
        {"rl_tokens_generated", (double)r->tokens_generated},
        {"rl_tokens_trained", (double)r->tokens_trained},
        {"rl_tokens_discarded", (double)r->tokens_discarded},
        {"rl_tokens_in_flight", (double)r->tokens_in_flight},
    };

    *value = columns[i].value;
    return columns[i].name;
}

/* ---- JSON -------------------------------------------------------------------
 */

static void number(struct lh_text *out, const char *before, const char *name,
                   double value)
{
    lh_text_printf(out, "%s\"%s\": ", before, name);
    lh_text_json_double(out, value);
}

static void integer(struct lh_text *out, const char *before, const char *name,
                    int64_t value)
{
    lh_text_printf(out, "%s\"%s\": %" PRId64, before, name, value);
}

static void trainer(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;
    const struct lh_rl_result *r = &report->result;

    lh_text_add(out, "\n      \"trainer\": {\"site\": ");
    lh_text_json_string(out, rl->trainer_site_name);
    integer(out, ", ", "gpus", rl->trainer_gpus);
    number(out, ", ", "log_prob_s", r->trainer.log_prob_s);
    number(out, ", ", "train_s", r->trainer.train_s);
    number(out, ", ", "gather_s", r->trainer.gather_s);
    number(out, ", ", "switch_s", r->trainer.switch_s);
    number(out, ", ", "wait_s", r->trainer.wait_s);
    number(out, ", ", "busy_fraction",
           (r->trainer.log_prob_s + r->trainer.train_s) / r->step_time_s);
    lh_text_add(out, "}");
}

static void generators(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;
    const struct lh_rl_result *r = &report->result;

    lh_text_add(out, ",\n      \"generators\": {");
    number(out, "", "generate_s", r->generators.generate_s);
    number(out, ", ", "update_s", r->generators.update_s);
    number(out, ", ", "wait_s", r->generators.wait_s);
    lh_text_add(out, ", \"entries\": [");
    for (int i = 0; i < rl->n_fleets; i++) {
        const struct lh_rl_fleet_input *f = &report->fleets[i];
        lh_text_printf(out, "%s\n        {\"site\": ", i > 0 ? "," : "");
        lh_text_json_string(out, rl->fleets[i].site_name);
        integer(out, ", ", "gpus", rl->fleets[i].gpus);
        integer(out, ", ", "replicas", f->replicas);
        integer(out, ", ", "concurrency", f->rates.concurrency);
        number(out, ", ", "busy_fraction", r->fleet_busy_frac[i]);
        number(out, ",\n         ", "transfer_s", f->push.transfer_s);
        number(out, ", ", "load_s", f->push.load_s);
        number(out, ", ", "wan_bytes", report->wan_bytes[i]);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "\n      ]}");
}

void lh__write_rl_json(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;

    lh_text_add(out, ",\n  \"rl\": {\n    \"mode\": ");
    lh_text_json_string(out, modes[report->scenario->rl.mode]);
    integer(out, ",\n    ", "steps", r->steps);
    number(out, ",\n    ", "step_time_s", r->step_time_s);
    number(out, ",\n    ", "all_steps_s", r->wall_s);
    lh_text_add(out, ",\n    \"roles\": {");
    trainer(out, report);
    generators(out, report);
    number(out, ",\n      ", "verify_s", r->verify_s);
    number(out, ", ", "tail_s", r->tail_s);
    lh_text_add(out, "\n    }");
    integer(out, ",\n    ", "tokens_generated", r->tokens_generated);
    integer(out, ",\n    ", "tokens_trained", r->tokens_trained);
    integer(out, ",\n    ", "tokens_discarded", r->tokens_discarded);
    integer(out, ",\n    ", "tokens_in_flight", r->tokens_in_flight);
    integer(out, ",\n    ", "samples_trained", r->samples_trained);
    integer(out, ",\n    ", "samples_discarded", r->samples_discarded);
    number(out, ",\n    ", "tokens_trained_per_s", r->tokens_trained_per_s);
    number(out, ",\n    ", "tokens_generated_per_s", r->tokens_generated_per_s);
    number(out, ",\n    ", "samples_per_s", r->samples_per_s);
    lh_text_add(out, ",\n    \"staleness_histogram\": [");
    for (int i = 0; i < r->staleness_n; i++)
        lh_text_printf(out, "%s%" PRId64, i > 0 ? ", " : "", r->staleness[i]);
    lh_text_add(out, "]");
    number(out, ",\n    ", "weight_bytes", report->weight_bytes);
    number(out, ",\n    ", "weight_sync_s", r->weight_sync_s);
    number(out, ",\n    ", "weight_sync_exposed_s", r->weight_sync_exposed_s);
    integer(out, ",\n    ", "weight_pushes", r->pushes);
    integer(out, ",\n    ", "train_shapes", report->train_shapes);
    integer(out, ",\n    ", "events", r->events);
    lh_text_add(out, "\n  }");
}

/* ---- text -------------------------------------------------------------------
 */

static void role(struct lh_text *out, const struct lh_rl_result *r,
                 const char *name, double seconds)
{
    if (seconds > 1e-9 * r->step_time_s) /* else rounding */
        lh_text_printf(out, "  %-26s%10.4g s  %5.1f %%\n", name, seconds,
                       100 * seconds / r->step_time_s);
}

static void tokens_text(struct lh_text *out, const struct lh_rl_result *r)
{
    double all = (double)r->tokens_generated;

    lh_text_printf(out,
                   "response tokens %" PRId64 ": trained %.1f %%, discarded "
                   "%.1f %%, in flight %.1f %%\n",
                   r->tokens_generated, 100 * (double)r->tokens_trained / all,
                   100 * (double)r->tokens_discarded / all,
                   100 * (double)r->tokens_in_flight / all);
    lh_text_printf(
        out, "generated %.4g/s, trained %.4g/s, %.4g samples trained/s\n",
        r->tokens_generated_per_s, r->tokens_trained_per_s, r->samples_per_s);
    lh_text_add(out, "staleness (trainer steps: samples)");
    for (int i = 0; i < r->staleness_n; i++)
        lh_text_printf(out, "  %d: %" PRId64, i, r->staleness[i]);
    lh_text_add(out, "\n");
}

static void fleets_text(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;

    for (int i = 0; i < rl->n_fleets; i++) {
        const struct lh_rl_fleet_input *f = &report->fleets[i];
        lh_text_printf(out,
                       "generators at %s: %" PRId64 " replicas of %" PRId64
                       " sequences, %.1f %% busy; weights %.3g s on the way, "
                       "%.3g s to load\n",
                       rl->fleets[i].site_name, f->replicas,
                       f->rates.concurrency,
                       100 * report->result.fleet_busy_frac[i],
                       f->push.transfer_s, f->push.load_s);
    }
}

void lh__write_rl_text(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;
    const char *bytes =
        lh_units_human(out->arena, report->weight_bytes, LH_DIM_BYTES);

    lh_text_printf(
        out, "\nRL loop, %s: step %.4g s (mean of %" PRId64 " after warm-up)\n",
        modes[report->scenario->rl.mode], r->step_time_s,
        r->steps - report->scenario->rl.warmup_steps);
    role(out, r, "trainer: log-probs", r->trainer.log_prob_s);
    role(out, r, "trainer: train", r->trainer.train_s);
    role(out, r, "trainer: gather weights", r->trainer.gather_s);
    role(out, r, "trainer: switch", r->trainer.switch_s);
    role(out, r, "trainer: wait", r->trainer.wait_s);
    role(out, r, "generators: generate", r->generators.generate_s);
    role(out, r, "generators: load weights", r->generators.update_s);
    role(out, r, "generators: wait", r->generators.wait_s);
    role(out, r, "tail of a batch", r->tail_s);
    lh_text_printf(out,
                   "weights %s, %" PRId64 " pushes of %.4g s, exposed %.4g s a "
                   "step\n",
                   bytes, r->pushes, r->weight_sync_s,
                   r->weight_sync_exposed_s);
    fleets_text(out, report);
    tokens_text(out, r);
}
