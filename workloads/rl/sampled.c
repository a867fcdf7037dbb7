/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many replicas by order statistics: some hundred are simulated, each for w,
 * with one prompt of w and the trainer's steps on w times their tokens.  All
 * else is the exact loop.
 *
 *   w = prompts / n, n whole prompts: at most 1/128 of the replicas and 1/64
 *       of the prompts, and such that no entry's round(replicas / w) is more
 *       than 0.5 % off; below 2 all are simulated
 *
 * A batch ends with the longest of all its samples, not of one in w.  A sample
 * that ends at iteration e with l tokens stands for w that began when it did;
 * the longest of them has m >= l, drawn as all are by (seed, prompt, sample),
 * and ends at e + m - l.  A replica whose samples are complete runs on alone
 * until the largest of these (a ghost: no tokens, no training), after the time
 * that it would have cost those that it outlived, and the batch ends with the
 * last ghost.  Source: the maximum over a partition is the
 * maximum of the maxima; that the w begin alike is the approximation.
 * Leaves out: longest times of tools and verifiers, which are one in w.
 */
#include "loop.h"

#include <math.h>

enum { REPLICAS_EXACT = 1000, REPLICAS_LEAST = 128, PROMPTS_LEAST = 64 };

static double rounding(const struct lh_rl_input *in, double w)
{
    double most = 0;

    for (int f = 0; f < in->n_fleets; f++) {
        double n = (double)in->fleets[f].replicas;
        most = fmax(most, fabs(fmax(1, round(n / w)) * w / n - 1));
    }
    return most;
}

/* Prompts that are simulated; all of them: exact. */
static int64_t prompts_of(const struct lh_rl_input *in)
{
    int64_t prompts = in->rl->prompts, replicas = 0, best = prompts;

    for (int f = 0; f < in->n_fleets; f++)
        replicas += in->fleets[f].replicas;
    if (in->rl->engine == LH_RL_EXACT
        || (in->rl->engine == LH_RL_AUTO && replicas <= REPLICAS_EXACT))
        return prompts;
    double w = fmin((double)replicas / REPLICAS_LEAST,
                    (double)prompts / PROMPTS_LEAST);
    for (; w >= 2; w *= 0.7) {
        int64_t n = (int64_t)ceil((double)prompts / w);
        double least = 1;
        for (int64_t i = n; i < n + n / 2; i++) {
            double off = rounding(in, (double)prompts / (double)i);
            if (off < least) {
                least = off;
                best = i;
            }
        }
        if (least <= 0.005)
            return best;
    }
    return prompts;
}

void lh__sampled_make(struct lh__sampled *out, const struct lh_rl_input *in)
{
    out->rl = *in->rl;
    out->input = *in;
    out->input.rl = &out->rl;
    out->rl.prompts = prompts_of(in);
    out->each = (double)in->rl->prompts / (double)out->rl.prompts;
    out->rounding_frac = 0;
    if (out->rl.prompts == in->rl->prompts)
        return;
    out->rounding_frac = rounding(in, out->each);
    for (int f = 0; f < in->n_fleets; f++) {
        out->fleets[f] = in->fleets[f];
        out->fleets[f].replicas = (int64_t)fmax(
            1, round((double)in->fleets[f].replicas / out->each));
    }
    out->input.fleets = out->fleets;
}

int64_t lh__sampled_prompt(const struct lh__loop *l, int64_t i)
{
    return l->each > 1 ? (int64_t)floor((double)i * l->each) : i;
}

/* ---- ghosts ----------------------------------------------------------------
 */

/* Does a step wait for the longest of a batch? */
static bool waits(const struct lh__loop *l)
{
    return l->each > 1
           && (lh__loop_batches(l) || l->rl->max_staleness == 0);
}

void lh__ghost_see(struct lh__replica *r, const struct lh__sample *sample)
{
    struct lh__loop *l = r->loop;
    const struct lh__group *g = sample->group;
    int64_t most = sample->tokens, k = sample - g->samples;

    if (!waits(l))
        return;
    for (int64_t i = g->prompt + 1; (double)i < (double)g->prompt + l->each;
         i++) {
        int64_t tokens = lh_rl_length(l->rl, l->in->seed, i, k);
        most = tokens > most ? tokens : most;
    }
    if (r->iteration + most - sample->tokens <= r->ghost_end)
        return;
    r->ghost_end = r->iteration + most - sample->tokens;
    r->ghost_from = r->iteration;
    r->ghost_context = (double)(lh_rl_other_tokens(l->rl) + sample->tokens);
}

/* What one sequence more adds to n iterations. */
static double more_s(const struct lh_rl_rates *rates, double context, double n)
{
    return n * (lh_rl_iteration_s(rates, 2) - lh_rl_iteration_s(rates, 1))
           + rates->kv_s * (n * context + n * (n - 1) / 2);
}

void lh__ghost_run(struct lh__replica *r)
{
    int64_t left = r->ghost_end - r->iteration;

    if (!waits(r->loop) || left <= 0 || r->ghost.running)
        return;
    r->ghost = (struct lh__sample){.tokens = left,
                                   .part = left,
                                   .running = true,
                                   .end = r->ghost_end,
                                   .order = INT64_MAX,
                                   .back_s = -1};
    double beside = (double)(r->iteration - r->ghost_from);
    r->ghost_stall_s = more_s(r->rates, r->ghost_context, beside);
    r->ghost_context += beside;
    r->context += r->ghost_context;
    r->ghost_from_s = lh__loop_now(r->loop);
    r->loop->n_ghosts++;
    lh__replica_run(r, &r->ghost);
}

void lh__ghost_end(struct lh__replica *r)
{
    if (!r->ghost.running)
        return;
    r->tokens -= lh__replica_tokens(r, &r->ghost);
    r->generate_s -= lh__loop_now(r->loop) - r->ghost_from_s;
    r->ghost.running = false;
    r->ghost_end = 0;
    r->loop->n_ghosts--;
}

bool lh__ghosts_hold(const struct lh__loop *l)
{
    return l->n_ghosts > 0
           && (l->version + 1) * l->rl->prompts >= l->n_issued - l->n_stale;
}
