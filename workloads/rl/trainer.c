/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The trainer of the loop: takes a batch of verified groups, first come first
 * served, runs forward passes for log-probabilities and trains.
 *
 * Groups whose first token is older than max_staleness are thrown away when a
 * step would take them; so the bound holds whatever the order of completion.
 * Where its step shares links with weights on their way it takes longer
 * beside them (beside.c); log-probabilities do not: they exchange no gradients.
 */
#include "loop.h"

#include <math.h>

/* ---- steps ----------------------------------------------------------------
 */

static void discard(struct lh__loop *l, struct lh__group *g)
{
    l->out->tokens_discarded += lh__group_tokens(g, l->rl->samples);
    l->out->samples_discarded += l->rl->samples;
    lh__group_end(l, g);
}

static struct lh__group *take_first(struct lh__loop *l)
{
    struct lh__group *g = l->buffer;

    l->buffer = g->next;
    l->n_buffer--;
    return g;
}

/* Throws away what is too old for this step. */
static void purge(struct lh__loop *l)
{
    struct lh__group *g = l->buffer, *next;

    l->buffer = l->buffer_last = NULL;
    l->n_buffer = 0;
    for (; g; g = next) {
        next = g->next;
        g->next = NULL;
        if (l->version - lh__group_version(g, l->rl->samples)
            > l->rl->max_staleness) {
            discard(l, g);
            l->n_stale++;
            continue;
        }
        if (l->buffer)
            l->buffer_last->next = g;
        else
            l->buffer = g;
        l->buffer_last = g;
        l->n_buffer++;
    }
}

/* A group goes into the step; its tokens, prompts included. */
static int64_t use(struct lh__loop *l, struct lh__group *g)
{
    int64_t samples = l->rl->samples, tokens = lh__group_tokens(g, samples);
    struct lh_rl_result *out = l->out;

    if (!lh_rl_kept(l->rl, l->in->seed, g->prompt)) {
        discard(l, g);
        return 0;
    }
    for (int64_t i = 0; i < samples; i++) {
        int64_t stale = l->version - g->samples[i].version;
        if (stale >= LH_RL_STALENESS_MAX)
            stale = LH_RL_STALENESS_MAX - 1;
        out->staleness[stale]++;
        if (stale >= out->staleness_n)
            out->staleness_n = (int)stale + 1;
    }
    out->tokens_trained += tokens;
    out->samples_trained += samples;
    lh__group_end(l, g);
    return tokens + samples * lh_rl_other_tokens(l->rl);
}

static void span_step(struct lh__loop *l)
{
    double end_s = lh__loop_now(l), train_s = end_s - l->train_s;
    double log_prob_s = train_s - l->log_prob_s;

    lh__span(l, LH_RL_LANE_TRAINER, "switch", log_prob_s - l->in->switch_s,
             log_prob_s);
    lh__span(l, LH_RL_LANE_TRAINER, "log-probs", log_prob_s, train_s);
    lh__span(l, LH_RL_LANE_TRAINER, "train", train_s, end_s);
    lh__span_step(l);
}

static void trained(void *data)
{
    struct lh__loop *l = data;
    double now_s = lh__loop_now(l);

    if (lh__beside(l)) {
        l->push_cost_s += now_s - l->train_begin_s - l->train_s;
        l->train_s = now_s - l->train_begin_s;
    }
    l->out->trainer.log_prob_s += l->log_prob_s;
    l->out->trainer.train_s += l->train_s;
    l->out->trainer.switch_s += l->in->switch_s;
    l->version_s[++l->version] = now_s;
    span_step(l);
    l->spells = 0;
    l->busy = false;
    l->free_since_s = l->trained_until_s = now_s;
    if (l->version == l->rl->steps) {
        l->ended = true;
        l->engine->stop(l->engine->self);
        return;
    }
    if (l->version == l->rl->warmup_steps)
        lh__account_reset(l);
    lh__push_if_due(l);
    if (!lh__loop_batches(l))
        lh__loop_issue_more(l);
    lh__trainer_try(l);
}

static void training_begins(void *data)
{
    struct lh__loop *l = data;

    l->train_begin_s = lh__loop_now(l);
    lh__beside_train(l, l->train_s, trained);
}

static void train(struct lh__loop *l)
{
    double now_s = lh__loop_now(l);
    int64_t tokens = 0;

    for (int64_t i = 0; i < l->rl->prompts; i++)
        tokens += use(l, take_first(l));
    l->out->trainer.wait_s += now_s - l->free_since_s;
    l->busy = true;
    l->log_prob_s = l->train_s = 0;
    if (tokens > 0 && l->status == LH_OK)
        l->status = l->in->train(l->in->self, llround((double)tokens * l->each),
                                 &l->log_prob_s, &l->train_s);
    if (l->status != LH_OK) {
        l->ended = true;
        l->engine->stop(l->engine->self);
        return;
    }
    if (lh__beside(l))
        lh__loop_at(l, now_s + l->in->switch_s + l->log_prob_s, training_begins,
                    l);
    else
        lh__loop_at(l, now_s + l->in->switch_s + l->log_prob_s + l->train_s,
                    trained, l);
}

void lh__trainer_try(struct lh__loop *l)
{
    int64_t stale = l->n_stale;

    if (l->busy || l->ended || l->n_buffer < l->rl->prompts
        || lh__ghosts_hold(l))
        return;
    if (!lh__loop_batches(l))
        purge(l);
    if (l->n_buffer >= l->rl->prompts)
        train(l);
    if (l->n_stale > stale)
        lh__loop_issue_more(l);
}
