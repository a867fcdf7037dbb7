/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who judges samples: queues, one behind the other, first come first served in
 * the order of generation.
 *
 *   rule        `workers`, so many seconds a sample
 *   model, reference   replicas of an engine, in turn; of s tokens, prompt and
 *               answers of tools included:
 *     reads     CPU + prefill(s), one sample after another
 *     and writes n tokens, B samples at once in one of its places:
 *               B prefill(s) + n iterations of B from B s tokens of context;
 *               B counts those that its replica has when it begins
 *
 * With one sample at a time, and with all places taken, that is continuous
 * batching; between the two B is that of the beginning.
 * Of a loop that is sampled each sample comes as often as it stands for; its
 * date is the mean of theirs.
 * Leaves out: batches of prefill, the way of samples there.
 */
#include "loop.h"

#include <math.h>

void lh__verifiers_make(struct lh__loop *l)
{
    struct lh_arena *arena = l->ctx->arena;

    l->verifiers = LH_NEW(arena, struct lh__verifier, l->rl->n_verifiers);
    for (int i = 0; i < l->rl->n_verifiers; i++) {
        struct lh__verifier *v = &l->verifiers[i];
        const struct lh_rl_verifier *asked = &l->rl->verifiers[i];
        v->n = asked->workers;
        v->places = 1;
        if (asked->kind != LH_JUDGE_RULE) {
            v->judge = &l->in->judges[i];
            v->n = v->judge->replicas;
            if (asked->output > 0)
                v->places = v->judge->rates.concurrency;
        }
        v->free_s = LH_NEW(arena, double, v->n * v->places);
    }
}

/* Tokens that a judge reads. */
static double length_of(const struct lh_rl *rl, const struct lh__sample *sample)
{
    return (double)(lh_rl_other_tokens(rl) + sample->tokens);
}

/* The place of a replica that is free first; those that are taken, and it. */
static double *first_free(const struct lh__verifier *v, double date_s,
                          double *together)
{
    double *places = &v->free_s[v->next * v->places], *first = places;

    *together = 1;
    for (int64_t i = 0; i < v->places; i++) {
        *together += places[i] > date_s;
        if (places[i] < *first)
            first = &places[i];
    }
    *together = fmin(*together, (double)v->places);
    return first;
}

static double judge(struct lh__loop *l, int i, double date_s,
                    const struct lh__sample *sample)
{
    const struct lh_rl_verifier *asked = &l->rl->verifiers[i];
    struct lh__verifier *v = &l->verifiers[i];
    double together, service_s = asked->time_s;
    double *free_s = first_free(v, date_s, &together);
    double begin_s = fmax(date_s, *free_s);

    if (v->judge) {
        double tokens = length_of(l->rl, sample);
        const struct lh_rl_rates *rates = &v->judge->rates;
        service_s = together * lh_rl_prefill_s(rates, tokens);
        service_s += asked->output > 0
                         ? lh_rl_decode_s(rates, together, together * tokens,
                                          (double)asked->output)
                         : rates->cpu_s;
    }
    if (free_s == v->free_s)
        lh__span(l, LH_RL_LANE_ROLES + l->rl->n_fleets + i, "judge", begin_s,
                 begin_s + service_s);
    v->next = (v->next + 1) % v->n;
    v->wait_s += begin_s - date_s;
    v->service_s += service_s;
    v->busy_s += service_s;
    v->judged++;
    *free_s = begin_s + service_s;
    return *free_s;
}

double lh__verify(struct lh__loop *l, const struct lh__sample *sample)
{
    double now_s = lh__loop_now(l), sum_s = 0;
    int64_t n = 0;

    for (l->copies += l->each; l->copies >= 1 || n == 0; l->copies--, n++) {
        double date_s = now_s;
        for (int i = 0; i < l->rl->n_verifiers; i++)
            date_s = judge(l, i, date_s, sample);
        sum_s += date_s - now_s;
    }
    l->verify_sum_s += sum_s / (double)n;
    l->n_verified++;
    return n > 1 ? now_s + sum_s / (double)n : now_s + sum_s;
}

/* Booked and not done yet. */
static double ahead(const struct lh__verifier *v, double now_s)
{
    double sum_s = 0;

    for (int64_t k = 0; k < v->n * v->places; k++)
        sum_s += fmax(0, v->free_s[k] - now_s);
    return sum_s;
}

void lh__verifiers_reset(struct lh__loop *l)
{
    for (int i = 0; i < l->rl->n_verifiers; i++) {
        struct lh__verifier *v = &l->verifiers[i];
        v->busy_s = ahead(v, lh__loop_now(l));
        v->service_s = v->wait_s = 0;
        v->judged = 0;
    }
}

void lh__verifiers_account(struct lh__loop *l, double window_s)
{
    for (int i = 0; i < l->rl->n_verifiers; i++) {
        const struct lh__verifier *v = &l->verifiers[i];
        double busy_s = v->busy_s - ahead(v, lh__loop_now(l));
        double all_s = window_s * (double)(v->n * v->places);
        double n = v->judged > 0 ? (double)v->judged : 1;
        l->out->verifiers[i].busy_frac =
            all_s > 0 ? fmin(1, fmax(0, busy_s / all_s)) : 0;
        l->out->verifiers[i].wait_s = v->wait_s / n;
        l->out->verifiers[i].service_s = v->service_s / n;
    }
}
