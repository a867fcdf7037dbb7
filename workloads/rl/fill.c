/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Prompts, and contexts that are computed again, before a sample runs: whole,
 * while the replica's other samples wait; or in chunks beside them (chunked
 * prefill).  Between replica.c, which takes samples in, and those that run.
 *
 *   tokens of prompts an iteration   c = chunk - B (1 + drafted), those that
 *               fill first, first; from one to the next within an iteration
 *   their attention   core x (c p + c (c - 1) / 2) of c tokens behind p, the
 *               first term at least p kv (what they see is read)
 *
 * n iterations with the same c within one prompt have a sum in closed form; an
 * iteration in which one is complete stands alone.  A sample whose prompt is
 * complete runs from the next iteration on; one that shares a prompt has
 * nothing to compute, and comes behind the one that computes it.  Memory for
 * all of a prompt is taken when it begins to wait.
 *
 * Source: Agrawal et al. 2024 (arXiv:2403.02310); vLLM V1, first those that
 * run, then what the budget of tokens leaves.
 * Leaves out: the first token, which comes of the prompt's last chunk, and is
 * here of the iteration after.
 */
#include "loop.h"

#include <math.h>

double lh__fill_s(const struct lh__replica *r, struct lh__fill fill)
{
    return lh_rl_prefill_s(r->rates, fill.before + fill.tokens)
           - lh_rl_prefill_s(r->rates, fill.before);
}

int64_t lh__iterations(const struct lh__replica *r, int64_t tokens)
{
    double pace = lh_rl_pace(r->rates);

    return pace > 1 ? (int64_t)ceil((double)tokens / pace) : tokens;
}

double lh__sample_context(const struct lh__replica *r,
                          const struct lh__sample *sample)
{
    double made = sample->running ? (double)(r->iteration - sample->begun) : 0;

    return lh__turn_context(sample, r->loop->rl) + (double)sample->had
           + made * lh_rl_pace(r->rates);
}

void lh__sample_run(struct lh__replica *r, struct lh__sample *sample)
{
    sample->running = true;
    sample->begun = r->iteration;
    sample->end = r->iteration + lh__iterations(r, sample->part - sample->had);
    r->context += lh__sample_context(r, sample);
    lh__heap_push(r, sample);
}

/* ---- those that wait for their context -------------------------------------
 */

void lh__fill_add(struct lh__replica *r, struct lh__sample *sample,
                  struct lh__fill fill)
{
    sample->fill = fill;
    sample->fills = fill.tokens > 0;
    sample->filling = true;
    r->filling += lh__sample_context(r, sample);
    r->n_filling++;
    lh__queue_add(&r->fill, sample);
}

/* It fills no more. */
static void forget(struct lh__replica *r, struct lh__sample *sample)
{
    r->filling -= lh__sample_context(r, sample);
    r->n_filling--;
    sample->filling = false;
}

/* Where it computes the prompt of its group, another will. */
void lh__fill_remove(struct lh__replica *r, struct lh__sample *sample)
{
    struct lh__queue all = r->fill;
    struct lh__sample *next;

    r->fill = (struct lh__queue){NULL, NULL};
    for (struct lh__sample *s = all.first; s; s = next) {
        next = s->next;
        if (s != sample)
            lh__queue_add(&r->fill, s);
    }
    forget(r, sample);
    if (sample->fills && sample->turn == 0 && sample->had == 0)
        sample->group->prefilled = false;
}

void lh__fill_start(struct lh__replica *r)
{
    while (r->fill.first && r->fill.first->fill.tokens <= 0) {
        struct lh__sample *sample = lh__queue_take(&r->fill);
        forget(r, sample);
        if (sample->done + sample->had == 0)
            sample->version = r->version;
        sample->kv_version = r->version;
        lh__sample_run(r, sample);
    }
}

/* ---- new weights -----------------------------------------------------------
 */

/* It begins again, or what it has is computed again. */
static void renew(struct lh__replica *r, struct lh__sample *sample, bool fills)
{
    const struct lh_rl *rl = r->loop->rl;
    struct lh__fill all = {0, 0};

    sample->kv_version = r->version;
    if (!rl->partial_rollouts) {
        r->loop->out->tokens_discarded += sample->done + sample->had;
        lh__turn_first(sample, rl);
        sample->version = r->version;
        fills = !sample->group->prefilled;
        sample->group->prefilled = true;
    }
    if (fills)
        all.tokens = lh__sample_context(r, sample);
    lh__fill_add(r, sample, all);
}

/* Of those that are not complete; renew() sets it again. */
static void forget_prompts(struct lh__replica *r)
{
    for (int64_t i = 0; i < r->n_running; i++)
        r->heap[i]->group->prefilled = false;
    for (struct lh__sample *s = r->fill.first; s; s = s->next)
        s->group->prefilled = false;
}

void lh__fill_renew(struct lh__replica *r)
{
    const struct lh_rl *rl = r->loop->rl;
    struct lh__queue before = r->fill;
    struct lh__sample *sample;

    if (rl->partial_rollouts && rl->keep_kv)
        return;
    if (!rl->partial_rollouts)
        forget_prompts(r);
    r->fill = (struct lh__queue){NULL, NULL};
    while (r->n_running > 0) {
        sample = lh__heap_take(r, 0);
        sample->had = lh__replica_tokens(r, sample) - sample->done;
        sample->running = false;
        renew(r, sample, true);
    }
    r->context = 0;
    while ((sample = lh__queue_take(&before))) {
        forget(r, sample);
        renew(r, sample, sample->fills);
    }
}

/* ---- chunks ----------------------------------------------------------------
 */

/* What the first iteration's attention of `tokens` behind `before` takes. */
static double attention_s(const struct lh_rl_rates *rates, double before,
                          double tokens)
{
    return before * fmax(tokens * rates->prefill_core_s, rates->kv_s)
           + rates->prefill_core_s * tokens * (tokens - 1) / 2;
}

/* An iteration in which prompts are complete. */
static void fill_some(struct lh__replica *r, double budget)
{
    for (struct lh__sample *s = r->fill.first; s && r->chunk < budget;
         s = s->next) {
        double tokens = fmin(budget - r->chunk, s->fill.tokens);
        if (tokens > 0)
            r->chunk_s += attention_s(r->rates, s->fill.before, tokens);
        r->chunk += tokens;
    }
}

int64_t lh__fill_plan(struct lh__replica *r, int64_t n)
{
    const struct lh_rl_rates *rates = r->rates;
    const struct lh__sample *first = r->fill.first;
    double budget = rates->chunk - (double)r->n_running * (1 + rates->drafted);

    r->chunk = r->chunk_s = r->chunk_more_s = 0;
    if (!first || budget < 1 || n == 0)
        return n;
    if (first->fill.tokens < budget) {
        fill_some(r, budget);
        return 1;
    }
    double whole = floor(first->fill.tokens / budget);
    r->chunk = budget;
    r->chunk_s = attention_s(rates, first->fill.before, budget);
    r->chunk_more_s =
        budget * fmax(budget * rates->prefill_core_s, rates->kv_s);
    return (double)n < whole ? n : (int64_t)whole;
}

double lh__fill_decode_s(const struct lh__replica *r, int64_t iterations)
{
    double n = (double)iterations, running = (double)r->n_running;

    return n * lh_rl_mixed_s(r->rates, running, r->chunk)
           + lh_rl_read_s(r->rates, running, r->context, n) + n * r->chunk_s
           + r->chunk_more_s * n * (n - 1) / 2;
}

void lh__fill_book(struct lh__replica *r, int64_t n)
{
    double left = (double)n * r->chunk;

    for (struct lh__sample *s = r->fill.first; s && left > 0; s = s->next) {
        double tokens = fmin(left, s->fill.tokens);
        s->fill.before += tokens;
        s->fill.tokens -= tokens;
        left -= tokens;
    }
    r->chunk_s += (double)n * r->chunk_more_s;
}
