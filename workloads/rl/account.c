/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Accounts of the loop: what each role did with a step, tokens by what became
 * of them, and what holds of a loop that is sampled.  Behind loop.c, whose
 * sums it reads.  Definitions: docs/model.md, "RL loop".
 *
 * Leaves out: differences between the replicas of an entry.
 */
#include "loop.h"

#include <math.h>
#include <string.h>

static int64_t generated(const struct lh__loop *l)
{
    int64_t sum = 0;

    for (int i = 0; i < l->n_replicas; i++)
        sum += l->replicas[i].tokens;
    return sum;
}

/* What a replica has booked and not done yet. */
static void ahead(const struct lh__replica *r, double *generate_s,
                  double *update_s)
{
    double now_s = lh__loop_now(r->loop);

    *generate_s = 0; /* less than 0: of an iteration that runs */
    if (!r->loading && !r->away && (lh__replica_works(r) || r->since_s > now_s))
        *generate_s = r->since_s - now_s;
    *update_s = r->loading ? r->due_s - now_s : 0;
}

void lh__account_reset(struct lh__loop *l)
{
    struct lh_rl_result *out = l->out;

    for (int i = 0; i < l->n_replicas; i++) {
        struct lh__replica *r = &l->replicas[i];
        lh__replica_advance(r);
        ahead(r, &r->generate_s, &r->update_s);
        r->away_s = 0;
        r->away_since_s = lh__loop_now(l);
    }
    l->reset_s = lh__loop_now(l);
    memset(&out->trainer, 0, sizeof out->trainer);
    l->exposed_s = l->tail_sum_s = l->push_cost_s = 0;
    l->verify_sum_s = l->environment_sum_s = 0;
    l->n_verified = 0;
    lh__verifiers_reset(l);
    l->trained_before = out->tokens_trained;
    l->discarded_before = out->tokens_discarded;
    l->samples_before = out->samples_trained;
    l->generated_before = generated(l);
}

/* What the samples have of groups that are neither trained on nor thrown
 * away. */
static int64_t in_flight(const struct lh__loop *l)
{
    int64_t sum = 0;

    for (const struct lh__group *g = l->alive; g; g = g->behind)
        for (int64_t k = 0; k < l->rl->samples; k++)
            sum += lh__replica_tokens(g->replica, &g->samples[k]);
    return sum;
}

/* 0 where no time passes: steps of which nothing is kept. */
static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* What parts leave of a whole; none is none, whatever rounding left. */
static double rest_of(double whole_s, double parts_s)
{
    double rest_s = whole_s - parts_s;
    return fabs(rest_s) <= 1e-12 * whole_s ? 0 : rest_s;
}

static void account_replicas(struct lh__loop *l, double window_s)
{
    struct lh_rl_result *out = l->out;
    double steps = (double)(l->rl->steps - l->rl->warmup_steps), gpus = 0;

    for (int f = 0; f < l->in->n_fleets; f++) {
        const struct lh_rl_fleet *fleet = &l->rl->fleets[f];
        double busy_s = 0, update_s = 0, away_s = 0;
        int first = l->fleet_first[f], end = l->fleet_first[f + 1];
        for (int i = first; i < end; i++) {
            const struct lh__replica *r = &l->replicas[i];
            double ahead_s, loading_s;
            ahead(r, &ahead_s, &loading_s);
            busy_s += r->generate_s - ahead_s;
            update_s += r->update_s - loading_s;
            away_s += r->away_s;
            if (r->away && !r->loading)
                away_s += lh__loop_now(l) - r->away_since_s;
        }
        busy_s /= end - first;
        update_s /= end - first;
        away_s /= end - first;
        out->fleet_away_frac[f] = share(away_s, window_s);
        out->generators.away_s += away_s / steps * (double)fleet->gpus;
        out->fleet_busy_frac[f] = share(busy_s, window_s);
        out->generators.generate_s += busy_s / steps * (double)fleet->gpus;
        out->generators.update_s += update_s / steps * (double)fleet->gpus;
        gpus += (double)fleet->gpus;
    }
    out->generators.generate_s /= gpus;
    out->generators.update_s /= gpus;
    out->generators.away_s /= gpus;
    out->generators.wait_s = rest_of(
        window_s / steps, out->generators.generate_s + out->generators.update_s
                              + out->generators.away_s);
    if (!lh__loop_batches(l))
        l->exposed_s += out->generators.update_s * steps;
}

/* What one in w stands for; the sum stays that of its parts. */
void lh__account_scale(struct lh_rl_result *out)
{
    double each = out->each;
    int64_t *const counts[] = {&out->tokens_trained, &out->tokens_discarded,
                               &out->tokens_in_flight, &out->samples_discarded};

    out->tokens_trained_per_s *= each;
    out->tokens_generated_per_s *= each;
    out->tokens_used_per_s *= each;
    out->samples_per_s *= each;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *counts[i] = llround((double)*counts[i] * each);
    out->tokens_generated =
        out->tokens_trained + out->tokens_discarded + out->tokens_in_flight;
    out->samples_trained = 0;
    for (int i = 0; i < out->staleness_n; i++) {
        out->staleness[i] = llround((double)out->staleness[i] * each);
        out->samples_trained += out->staleness[i];
    }
    out->departures = llround((double)out->departures * each);
}

/* Standard error of the mean of steps after warm-up. */
static double step_error_s(const struct lh__loop *l)
{
    int64_t from = l->rl->warmup_steps, n = l->rl->steps - from;
    double squares = 0;

    for (int64_t i = from; i < l->rl->steps; i++) {
        double off =
            l->version_s[i + 1] - l->version_s[i] - l->out->step_time_s;
        squares += off * off;
    }
    return n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : 0;
}

/* Weights on their way beside work. */
static double hidden_s(const struct lh__loop *l)
{
    const struct lh_rl_result *out = l->out;
    double pushes =
        l->rl->steps > 1 ? (double)out->pushes / (double)(l->rl->steps - 1) : 0;
    double all_s = out->weight_sync_s * pushes + out->generators.update_s;
    double rest_s = all_s - out->weight_sync_exposed_s;

    return rest_s > 1e-12 * all_s ? rest_s : 0; /* nothing but rounding */
}

static void account_engine(struct lh__loop *l)
{
    struct lh_rl_result *out = l->out;

    out->simulated = l->n_replicas;
    out->each = l->each;
    out->step_error_s = step_error_s(l);
}

void lh__account(struct lh__loop *l)
{
    struct lh_rl_result *out = l->out;
    double steps = (double)(l->rl->steps - l->rl->warmup_steps);
    double window_s = l->trained_until_s - l->reset_s;

    for (int i = 0; i < l->n_replicas; i++)
        lh__replica_advance(&l->replicas[i]);
    out->steps = l->rl->steps;
    out->wall_s = l->trained_until_s;
    out->step_time_s = window_s / steps;
    out->trainer.log_prob_s /= steps;
    out->trainer.train_s /= steps;
    out->trainer.gather_s /= steps;
    out->trainer.switch_s /= steps;
    out->trainer.wait_s /= steps;
    account_replicas(l, window_s);
    out->push_cost_s = fmax(0, l->push_cost_s / steps);
    out->weight_sync_exposed_s = l->exposed_s / steps;
    out->weight_sync_s =
        out->pushes > 0 ? l->push_sum_s / (double)out->pushes : 0;
    out->tail_s = l->tail_sum_s / steps;
    out->verify_s =
        l->n_verified > 0 ? l->verify_sum_s / (double)l->n_verified : 0;
    out->environment_s =
        l->n_verified > 0 ? l->environment_sum_s / (double)l->n_verified : 0;
    out->weight_sync_hidden_s = hidden_s(l);
    lh__verifiers_account(l, window_s);
    account_engine(l);
    out->tokens_generated = generated(l);
    out->tokens_in_flight = in_flight(l);
    out->tokens_trained_per_s =
        share((double)(out->tokens_trained - l->trained_before), window_s);
    out->samples_per_s =
        share((double)(out->samples_trained - l->samples_before), window_s);
    out->tokens_generated_per_s =
        share((double)(out->tokens_generated - l->generated_before), window_s);
    out->tokens_used_per_s =
        out->tokens_trained_per_s
        + share((double)(out->tokens_discarded - l->discarded_before),
                window_s);
}
