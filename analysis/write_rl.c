/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning in the formats of `run`: the object `rl`
 * of JSON, columns of CSV; the table for people is write_rl_text.c.
 *
 * Place in the pipeline: called by the writers, which write the trainer's step
 * around it.  Definitions: docs/model.md, "RL loop".
 */
#include "writers.h"

#include <inttypes.h>

const char *lh__rl_mode(const struct lh_rl *rl)
{
    static const char *const modes[] = {"co-located", "sync", "one-step-off",
                                        "async"};

    return modes[rl->mode];
}

const char *lh__rl_judge(const struct lh_rl_verifier *verifier)
{
    static const char *const kinds[] = {"rule", "model", "reference"};

    return kinds[verifier->kind];
}

/* ---- CSV, and what JSON has beside roles ------------------------------------
 */

double lh__rl_discarded(const struct lh_rl_result *r)
{
    return r->tokens_generated > 0
               ? (double)r->tokens_discarded / (double)r->tokens_generated
               : 0;
}

static double staleness_mean(const struct lh_rl_result *r)
{
    double sum = 0;

    for (int i = 0; i < r->staleness_n; i++)
        sum += (double)i * (double)r->staleness[i];
    return r->samples_trained > 0 ? sum / (double)r->samples_trained : 0;
}

struct lh__rl_column lh__rl_column(const struct lh_rl_result *r, int i)
{
    const struct lh__rl_column columns[LH__RL_COLUMNS] = {
        {"rl_step_time_s", LH_DIM_TIME, r->step_time_s},
        {"rl_tokens_trained_per_s", LH_DIM_NONE, r->tokens_trained_per_s},
        {"rl_tokens_generated_per_s", LH_DIM_NONE, r->tokens_generated_per_s},
        {"rl_samples_per_s", LH_DIM_NONE, r->samples_per_s},
        {"rl_weight_sync_s", LH_DIM_TIME, r->weight_sync_s},
        {"rl_weight_sync_exposed_s", LH_DIM_TIME, r->weight_sync_exposed_s},
        {"rl_trainer_wait_s", LH_DIM_TIME, r->trainer.wait_s},
        {"rl_generator_wait_s", LH_DIM_TIME, r->generators.wait_s},
        {"rl_tokens_generated", LH_DIM_NONE, (double)r->tokens_generated},
        {"rl_tokens_trained", LH_DIM_NONE, (double)r->tokens_trained},
        {"rl_tokens_discarded", LH_DIM_NONE, (double)r->tokens_discarded},
        {"rl_tokens_in_flight", LH_DIM_NONE, (double)r->tokens_in_flight},
        {"rl_staleness_mean", LH_DIM_NONE, staleness_mean(r)},
        {"rl_staleness_max", LH_DIM_NONE, (double)(r->staleness_n - 1)},
        {"rl_discarded_fraction", LH_DIM_NONE, lh__rl_discarded(r)},
    };

    return columns[i];
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
    number(out, ", ", "away_s", r->generators.away_s);
    number(out, ", ", "wait_s", r->generators.wait_s);
    integer(out, ", ", "departures", r->departures);
    lh_text_add(out, ", \"entries\": [");
    for (int i = 0; i < rl->n_fleets; i++) {
        const struct lh_rl_fleet_input *f = &report->fleets[i];
        lh_text_printf(out, "%s\n        {\"site\": ", i > 0 ? "," : "");
        lh_text_json_string(out, rl->fleets[i].site_name);
        integer(out, ", ", "gpus", rl->fleets[i].gpus);
        integer(out, ", ", "replicas", f->replicas);
        integer(out, ", ", "concurrency", f->rates.concurrency);
        number(out, ", ", "busy_fraction", r->fleet_busy_frac[i]);
        number(out, ", ", "away_fraction", r->fleet_away_frac[i]);
        number(out, ",\n         ", "transfer_s", f->push.transfer_s);
        number(out, ", ", "load_s", f->push.load_s);
        lh_text_add(out, ", \"weights_from\": ");
        lh_text_json_string(out, lh__rl_sender(report, i));
        number(out, ", ", "wan_bytes", report->wan_bytes[i]);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "\n      ]}");
}

const char *lh__rl_sender(const struct lh_rl_report *report, int entry)
{
    const struct lh_rl *rl = &report->scenario->rl;
    int relay = report->relay[entry];

    return relay < 0 ? rl->trainer_site_name : rl->fleets[relay].site_name;
}

static void verifiers(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;
    const struct lh_rl_result *r = &report->result;

    lh_text_add(out, ",\n      \"verifiers\": [");
    for (int i = 0; i < rl->n_verifiers; i++) {
        const struct lh_rl_verifier *v = &rl->verifiers[i];
        lh_text_printf(out, "%s\n        {\"kind\": \"%s\", \"site\": ",
                       i > 0 ? "," : "", lh__rl_judge(v));
        lh_text_json_string(out, v->site_name);
        if (v->kind == LH_JUDGE_RULE)
            integer(out, ", ", "workers", v->workers);
        else
            integer(out, ", ", "gpus", v->on.gpus);
        number(out, ", ", "busy_fraction", r->verifiers[i].busy_frac);
        number(out, ", ", "wait_s", r->verifiers[i].wait_s);
        number(out, ", ", "service_s", r->verifiers[i].service_s);
        lh_text_add(out, "}");
    }
    lh_text_add(out, rl->n_verifiers > 0 ? "\n      ]" : "]");
}

/* Of accelerators that do one thing at a site. */
static void use(struct lh_text *out, bool *any, const char *role,
                const char *site, double busy_frac)
{
    lh_text_printf(
        out, "%s\n      {\"role\": \"%s\", \"site\": ", *any ? "," : "", role);
    lh_text_json_string(out, site);
    number(out, ", ", "busy_fraction", busy_frac);
    lh_text_add(out, "}");
    *any = true;
}

/* Generators of a site, weighted by accelerators. */
static double site_busy(const struct lh_rl_report *report, int site)
{
    const struct lh_rl *rl = &report->scenario->rl;
    double sum = 0, gpus = 0;

    for (int i = 0; i < rl->n_fleets; i++) {
        double n = (double)rl->fleets[i].gpus;
        if (rl->fleets[i].site != site)
            continue;
        sum += n * report->result.fleet_busy_frac[i];
        gpus += n;
    }
    return gpus > 0 ? sum / gpus : -1;
}

static void utilization(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_scenario *s = report->scenario;
    const struct lh_rl_result *r = &report->result;
    bool any = false;

    lh_text_add(out, ",\n    \"utilization\": [");
    use(out, &any, "trainer", s->rl.trainer_site_name,
        (r->trainer.log_prob_s + r->trainer.train_s) / r->step_time_s);
    for (int i = 0; i < s->n_sites; i++)
        if (site_busy(report, i) >= 0)
            use(out, &any, "generators", s->sites[i].name,
                site_busy(report, i));
    for (int i = 0; i < s->rl.n_verifiers; i++)
        use(out, &any, lh__rl_judge(&s->rl.verifiers[i]),
            s->rl.verifiers[i].site_name, r->verifiers[i].busy_frac);
    lh_text_add(out, "\n    ]");
}

static void fibres(struct lh_text *out, const struct lh_rl_report *report)
{
    lh_text_add(out, ",\n    \"fibres\": [");
    for (int i = 0; i < report->n_fibres; i++) {
        const struct lh_rl_fibre *f = &report->fibres[i];
        lh_text_printf(out, "%s\n      {\"name\": ", i > 0 ? "," : "");
        lh_text_json_string(out, f->name);
        number(out, ", ", "push_bytes", f->push_bytes);
        number(out, ", ", "step_bytes", f->step_bytes);
        number(out, ", ", "busy_fraction", f->busy_frac);
        lh_text_add(out, "}");
    }
    lh_text_add(out, report->n_fibres > 0 ? "\n    ]" : "]");
}

static void engine(struct lh_text *out, const struct lh_rl_result *r)
{
    lh_text_printf(out, ",\n    \"engine\": {\"kind\": \"%s\"",
                   r->each > 1 ? "order-statistics" : "exact");
    integer(out, ", ", "replicas", r->replicas);
    integer(out, ", ", "simulated", r->simulated);
    number(out, ", ", "prompts_for_one", r->each);
    number(out, ", ", "rounding_fraction", r->rounding_frac);
    number(out, ", ", "step_standard_error_s", r->step_error_s);
    lh_text_add(out, "}");
}

static void weights(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;

    number(out, ",\n    ", "weight_bytes", report->weight_bytes);
    number(out, ",\n    ", "push_bytes", report->push_bytes);
    number(out, ",\n    ", "weight_sync_s", r->weight_sync_s);
    number(out, ",\n    ", "weight_sync_exposed_s", r->weight_sync_exposed_s);
    number(out, ",\n    ", "weight_sync_hidden_s", r->weight_sync_hidden_s);
    number(out, ",\n    ", "weight_sync_cost_s", r->push_cost_s);
    lh_text_add(out, ",\n    \"weight_traffic\": {");
    number(out, "", "sent_bytes", r->weights.sent_bytes);
    number(out, ", ", "received_bytes", r->weights.received_bytes);
    number(out, ", ", "lost_bytes", r->weights.lost_bytes);
    number(out, ", ", "in_flight_bytes", r->weights.in_flight_bytes);
    number(out, ",\n      ", "train_extra_fraction", report->train_extra);
    number(out, ", ", "push_extra_fraction", report->push_extra);
    lh_text_add(out, "}");
    integer(out, ",\n    ", "weight_pushes", r->pushes);
}

void lh__write_rl_json(struct lh_text *out, const struct lh_rl_report *report)
{
    const struct lh_rl_result *r = &report->result;

    lh_text_add(out, ",\n  \"rl\": {\n    \"mode\": ");
    lh_text_json_string(out, lh__rl_mode(&report->scenario->rl));
    integer(out, ",\n    ", "steps", r->steps);
    number(out, ",\n    ", "step_time_s", r->step_time_s);
    number(out, ",\n    ", "all_steps_s", r->wall_s);
    lh_text_add(out, ",\n    \"roles\": {");
    trainer(out, report);
    generators(out, report);
    verifiers(out, report);
    number(out, ",\n      ", "verify_s", r->verify_s);
    number(out, ", ", "environment_s", r->environment_s);
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
    number(out, ",\n    ", "discarded_fraction", lh__rl_discarded(r));
    utilization(out, report);
    fibres(out, report);
    engine(out, r);
    weights(out, report);
    integer(out, ",\n    ", "train_shapes", report->train_shapes);
    integer(out, ",\n    ", "events", r->events);
    lh_text_add(out, "\n  }");
}
