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
 * A batch ends with the last of all replicas, not of one in w.  A replica
 * stands for w that are given the same prompts' neighbours: sample k of prompt
 * i for sample k of i + 1, i + 2 .. , with their lengths, drawn as all are by
 * (seed, prompt, sample).  Where sample by sample it has l tokens and another
 * m, that one is done later by
 *
 *   (iteration - a) (e - e') + a sum (m - l)
 *   + kv sum ((m - l) P + (m^2 - l^2)/2)
 *
 * e' the iteration in which the replica is done, e the largest of those in
 * which a sample is complete + m - l; a what a sequence adds to an iteration, P
 * tokens of prompt; with drafted tokens the sums are over those of an
 * iteration. The batch waits for the latest (a ghost: no tokens, no training).
 * Source: iterations, sequences and tokens read are what the time of a replica
 * is a sum of (generate.c); that samples begin in the same iterations is the
 * approximation. Leaves out: longest times of tools and verifiers, which are
 * one in w.
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
        out->fleets[f].replicas =
            (int64_t)fmax(1, round((double)in->fleets[f].replicas / out->each));
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
    return l->each > 1 && (lh__loop_batches(l) || l->rl->max_staleness == 0);
}

/* Another replica, less the one that is simulated. */
struct lh__other {
    int64_t end; /* iteration */
    double tokens, read;
};

static int64_t others(const struct lh__loop *l)
{
    return (int64_t)ceil(l->each) - 1;
}

void lh__ghost_see(struct lh__replica *r, const struct lh__sample *sample)
{
    struct lh__loop *l = r->loop;
    const struct lh__group *g = sample->group;
    double prompt = (double)lh_rl_other_tokens(l->rl);
    double had = (double)sample->tokens;

    if (!waits(l))
        return;
    if (!r->others)
        r->others = LH_NEW(l->ctx->arena, struct lh__other, others(l));
    for (int64_t i = 0; i < others(l); i++) {
        struct lh__other *o = &r->others[i];
        int64_t tokens = lh_rl_length(l->rl, l->in->seed, g->prompt + 1 + i,
                                      sample - g->samples);
        int64_t end = r->iteration + lh__iterations(r, tokens - sample->tokens);
        double more = (double)tokens - had;
        o->end = end > o->end ? end : o->end;
        o->tokens += more;
        o->read += more * (prompt + ((double)tokens + had) / 2);
    }
}

static void forget(struct lh__replica *r)
{
    r->ghost_until_s = -1;
    for (int64_t i = 0; r->others && i < others(r->loop); i++)
        r->others[i] = (struct lh__other){0, 0, 0};
}

static void ghost_over(void *data)
{
    struct lh__replica *r = data;
    struct lh__loop *l = r->loop;

    if (l->ended || r->ghost_until_s != lh__loop_now(l))
        return;
    r->ghost_until_s = -1;
    l->n_ghosts--;
    lh__loop_batch_over(l);
}

void lh__ghost_wait(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;
    double one_s = lh_rl_iteration_s(r->rates, 1), latest_s = 0;
    double more_s = lh_rl_iteration_s(r->rates, 2) - one_s;
    double read_s = lh_rl_read_s(r->rates, 0, 1, 1);

    if (!waits(l))
        return;
    for (int64_t i = 0; i < others(l); i++) {
        const struct lh__other *o = &r->others[i];
        latest_s =
            fmax(latest_s, (one_s - more_s) * (double)(o->end - r->iteration)
                               + (more_s * o->tokens + read_s * o->read)
                                     / lh_rl_pace(r->rates));
    }
    forget(r);
    if (latest_s <= 0)
        return;
    r->ghost_until_s = lh__loop_now(l) + latest_s;
    l->n_ghosts++;
    lh__loop_at(l, r->ghost_until_s, ghost_over, r);
}

void lh__ghost_end(struct lh__replica *r)
{
    r->loop->n_ghosts -= r->ghost_until_s >= 0;
    forget(r);
}

bool lh__ghosts_hold(const struct lh__loop *l)
{
    return l->n_ghosts > 0
           && (l->version + 1) * l->rl->prompts >= l->n_issued - l->n_stale;
}
