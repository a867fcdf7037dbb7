/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of online reinforcement learning: prompts to replicas, samples to
 * verifiers, groups to the trainer, weights back.  State machines over the
 * engine's dates; everything is a callback, in the order of dates.
 *
 *   co-located, sync   batch q is issued when all replicas have version q
 *   one-step-off       when batch q - 1 is generated and they have q - 1
 *   async              whenever a replica has room and, with k = (issued -
 *                      thrown away as stale) / prompts, k - max_staleness is
 *                      no version to come; a replica begins it with that
 *                      version or a newer one (AReaL, Fu et al. 2025,
 *                      arXiv:2505.24298, eq. 3)
 *
 * A group goes whole to the replica that would be done with what it has
 * soonest, at its rate with full concurrency.
 * Leaves out: the time that samples travel to verifiers and trainer.
 */
#include "loop.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

double lh__loop_now(const struct lh__loop *l)
{
    return l->engine->now(l->engine->self);
}

void lh__loop_at(struct lh__loop *l, double date_s, lh_callback call,
                 void *data)
{
    enum lh_status st = l->engine->at(l->engine->self, date_s, call, data);

    l->out->events++;
    if (st != LH_OK)
        l->status = st;
}

static void group_ready(void *data)
{
    struct lh__group *g = data;
    struct lh__loop *l = g->loop;

    if (l->ended)
        return;
    g->next = NULL;
    if (l->buffer)
        l->buffer_last->next = g;
    else
        l->buffer = g;
    l->buffer_last = g;
    l->n_buffer++;
    lh__trainer_try(l);
}

/* ---- issuing --------------------------------------------------------------
 */

static void issue(struct lh__loop *l, struct lh__replica *r,
                  int64_t least_version)
{
    struct lh__group *g = lh__group_new(l);

    g->least_version = least_version;
    for (int64_t i = 0; i < l->rl->samples; i++) {
        g->samples[i] = (struct lh__sample){
            .group = g,
            .order = l->n_samples++,
            .tokens = lh_rl_length(l->rl, l->in->seed, g->prompt, i),
            .back_s = -1};
        lh__turn_first(&g->samples[i], l->rl);
    }
    lh__group_to(g, r);
}

/* As many may wait as run, and two groups in any case, so that none runs dry
 * between two dates. */
static bool has_room(const struct lh__replica *r)
{
    int64_t most = r->rates->concurrency, samples = r->loop->rl->samples;

    return r->outstanding < 2 * (most > samples ? most : samples);
}

/* Done soonest, of all or of those with room (NULL: there is none). */
static struct lh__replica *soonest(struct lh__loop *l, bool with_room)
{
    struct lh__replica *best = NULL;
    double best_s = 0;

    for (int i = 0; i < l->n_replicas; i++) {
        struct lh__replica *r = &l->replicas[i];
        double s = (double)(r->outstanding + l->rl->samples) / r->peak;
        if (r->away || (with_room && !has_room(r)))
            continue;
        if (!best || s < best_s) {
            best = r;
            best_s = s;
        }
    }
    return best;
}

static void issue_what_may(void *data)
{
    struct lh__loop *l = data;
    struct lh__replica *r;
    bool ahead_of_room = l->rl->max_staleness == 0; /* as a batch, at once */
    int64_t least;

    l->issues = false;
    while (!l->ended
           && (least = (l->n_issued - l->n_stale) / l->rl->prompts
                       - l->rl->max_staleness)
                  <= l->version
           && (r = soonest(l, !ahead_of_room))) {
        issue(l, r, least);
        lh__replica_poke(r);
    }
}

void lh__loop_place(struct lh__loop *l, struct lh__group *g)
{
    struct lh__replica *r = soonest(l, false);

    if (!r) {
        g->next = l->orphans;
        l->orphans = g;
        return;
    }
    lh__group_to(g, r);
    lh__replica_poke(r);
}

void lh__loop_joined(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;
    struct lh__group *g = l->orphans, *next;

    l->orphans = NULL;
    for (; g; g = next) {
        next = g->next;
        lh__loop_place(l, g);
    }
    if (!lh__loop_batches(l))
        lh__loop_issue_more(l);
}

/* When all that happens at this instant has happened. */
void lh__loop_issue_more(struct lh__loop *l)
{
    if (!l->issues)
        lh__loop_at(l, lh__loop_now(l), issue_what_may, l);
    l->issues = true;
}

static bool all_have(const struct lh__loop *l, int64_t version)
{
    bool any = false;

    for (int i = 0; i < l->n_replicas; i++) {
        const struct lh__replica *r = &l->replicas[i];
        if (r->away)
            continue;
        if (r->version < version || r->coming >= 0)
            return false;
        any = true;
    }
    return any;
}

/* By the next batch. */
static int64_t needed_version(const struct lh__loop *l)
{
    int64_t q = l->n_issued / l->rl->prompts;

    return l->rl->mode == LH_RL_ONE_STEP_OFF && q > 0 ? q - 1 : q;
}

static void issue_batch(struct lh__loop *l)
{
    int64_t q = l->n_issued / l->rl->prompts, needed = needed_version(l);
    double now_s = lh__loop_now(l);

    if (l->batch_open || q == l->rl->steps || !all_have(l, needed))
        return;
    if (needed > 0)
        l->exposed_s +=
            now_s - fmax(l->generated_until_s, l->version_s[needed]);
    l->batch_open = true;
    l->batch_version = needed;
    l->batch_left = l->rl->prompts * l->rl->samples;
    for (int64_t i = 0; i < l->rl->prompts; i++)
        issue(l, soonest(l, false), needed);
    for (int i = 0; i < l->n_replicas; i++)
        lh__replica_poke(&l->replicas[i]);
}

void lh__loop_offer(struct lh__loop *l)
{
    bool batches = lh__loop_batches(l);
    int64_t needed = l->batch_open ? l->batch_version : needed_version(l);

    for (int i = 0; i < l->n_replicas; i++) {
        struct lh__replica *r = &l->replicas[i];
        int64_t there = l->fleet_arrived[r->fleet];
        if (there > r->version && there > r->coming && !r->loading && !r->away
            && !(batches && r->version >= needed))
            lh__replica_offer(r, there);
    }
}

void lh__loop_updated(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;

    lh__loop_offer(l); /* newer ones that came beside the load */
    if (lh__loop_batches(l))
        issue_batch(l);
}

void lh__loop_batch_over(struct lh__loop *l)
{
    if (l->n_ghosts == 0)
        lh__trainer_try(l);
    if (!l->batch_open || l->batch_left > 0 || l->n_ghosts > 0)
        return;
    l->batch_open = false;
    l->generated_until_s = lh__loop_now(l);
    l->tail_sum_s += l->generated_until_s - l->tail_from_s;
    lh__loop_offer(l);
    issue_batch(l);
}

static void batch_sample(struct lh__loop *l)
{
    int64_t all = l->rl->prompts * l->rl->samples;

    if (--l->batch_left == all / 10)
        l->tail_from_s = lh__loop_now(l);
    if (l->batch_left == 0)
        lh__loop_batch_over(l);
}

void lh__loop_generated(struct lh__replica *r, struct lh__sample *sample)
{
    struct lh__loop *l = r->loop;
    struct lh__group *g = sample->group;
    double date_s = lh__verify(l, sample);

    if (--g->left == 0) {
        lh__group_from(g);
        lh__loop_at(l, date_s, group_ready, g);
    }
    if (lh__loop_batches(l))
        batch_sample(l);
    else if (has_room(r))
        lh__loop_issue_more(l);
}

/* ---- all ------------------------------------------------------------------
 */

static void replicas_make(struct lh__loop *l)
{
    struct lh_arena *arena = l->ctx->arena;
    int n_fleets = l->in->n_fleets, n = 0;

    l->fleet_first = LH_NEW(arena, int, n_fleets + 1);
    l->fleet_drained = LH_NEW(arena, int, n_fleets);
    l->fleet_up = LH_NEW(arena, int, n_fleets);
    l->fleet_arrived = LH_NEW(arena, int64_t, n_fleets);
    for (int f = 0; f < n_fleets; f++)
        l->n_replicas += (int)l->in->fleets[f].replicas;
    l->replicas = LH_NEW(arena, struct lh__replica, l->n_replicas);
    for (int f = 0; f < n_fleets; f++) {
        l->fleet_first[f] = n;
        l->fleet_up[f] = (int)l->in->fleets[f].replicas;
        for (int64_t i = 0; i < l->in->fleets[f].replicas; i++, n++) {
            lh__replica_make(&l->replicas[n], l, f);
            l->replicas[n].index = n;
        }
    }
    l->fleet_first[n_fleets] = n;
}

/* Every response token is somewhere, once. */
static enum lh_status check(const struct lh__loop *l)
{
    const struct lh_rl_result *out = l->out;
    int64_t known =
        out->tokens_trained + out->tokens_discarded + out->tokens_in_flight;

    if (l->version < l->rl->steps) {
        lh_error(l->ctx, LH_NOWHERE,
                 "the loop stands still after %" PRId64 " of %" PRId64 " steps",
                 l->version, l->rl->steps);
        return LH_FAILED;
    }
    if (known == out->tokens_generated)
        return LH_OK;
    lh_error(l->ctx, LH_NOWHERE,
             "%" PRId64 " tokens were generated, but %" PRId64
             " are trained on, discarded or in flight",
             out->tokens_generated, known);
    return LH_FAILED;
}

enum lh_status lh_rl_loop(struct lh_rl_result *out,
                          const struct lh_rl_input *input,
                          const struct lh_engine *engine, struct lh_ctx *ctx)
{
    struct lh__sampled *sampled = LH_NEW(ctx->arena, struct lh__sampled, 1);
    struct lh__loop l = {
        .engine = engine, .ctx = ctx, .out = out, .status = LH_OK};

    lh__sampled_make(sampled, input);
    l.in = &sampled->input;
    l.rl = &sampled->rl;
    l.each = sampled->each;
    memset(out, 0, sizeof *out);
    out->rounding_frac = sampled->rounding_frac;
    for (int f = 0; f < input->n_fleets; f++)
        out->replicas += input->fleets[f].replicas;
    l.mean_tokens = lh_rl_moments(l.rl, l.in->seed).mean;
    l.version_s = LH_NEW(ctx->arena, double, l.rl->steps + 1);
    replicas_make(&l);
    lh__verifiers_make(&l);
    lh__push_begin(&l);
    lh__absence_begin(&l);
    if (lh__loop_batches(&l))
        issue_batch(&l);
    else
        lh__loop_issue_more(&l);
    enum lh_status st = engine->run(engine->self);
    if (st == LH_OK)
        st = l.status;
    if (st != LH_OK)
        return st;
    lh__account(&l);
    st = check(&l);
    if (st == LH_OK)
        st = lh__push_check(&l);
    lh__account_scale(out);
    return st;
}
