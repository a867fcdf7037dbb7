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
 * soonest, at its rate with full concurrency.  Verifiers are queues, first come
 * first served, one behind the other.
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

int64_t lh__group_version(const struct lh__group *g, int64_t samples)
{
    int64_t least = g->samples[0].version;

    for (int64_t i = 1; i < samples; i++)
        if (g->samples[i].version < least)
            least = g->samples[i].version;
    return least;
}

int64_t lh__group_tokens(const struct lh__group *g, int64_t samples)
{
    int64_t tokens = 0;

    for (int64_t i = 0; i < samples; i++)
        tokens += g->samples[i].tokens;
    return tokens;
}

/* ---- verifiers ------------------------------------------------------------
 */

static double verify(struct lh__loop *l, double now_s)
{
    double date_s = now_s;

    for (int i = 0; i < l->rl->n_verifiers; i++) {
        const struct lh_rl_verifier *v = &l->rl->verifiers[i];
        double *free_s = &l->free_s[i][l->next_worker[i]];
        l->next_worker[i] = (l->next_worker[i] + 1) % v->workers;
        date_s = fmax(date_s, *free_s) + v->time_s;
        *free_s = date_s;
    }
    l->verify_sum_s += date_s - now_s;
    l->n_verified++;
    return date_s;
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

static void issue(struct lh__loop *l, struct lh__replica *r)
{
    struct lh__group *g = LH_NEW(l->ctx->arena, struct lh__group, 1);
    int64_t samples = l->rl->samples;

    *g = (struct lh__group){
        .loop = l, .prompt = l->n_issued, .left = samples, .replica = r};
    g->samples = LH_NEW(l->ctx->arena, struct lh__sample, samples);
    for (int64_t i = 0; i < samples; i++) {
        g->samples[i].group = g;
        g->samples[i].order = l->n_samples++;
        g->samples[i].tokens = lh_rl_length(l->rl, l->in->seed, g->prompt, i);
        lh__replica_add(r, &g->samples[i]);
    }
    l->groups = lh_grow(l->ctx->arena, l->groups, &l->groups_capacity,
                        (size_t)l->n_issued + 1, sizeof(struct lh__group *));
    l->groups[l->n_issued++] = g;
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
        if (with_room && !has_room(r))
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
        issue(l, r);
        l->groups[l->n_issued - 1]->least_version = least;
        lh__replica_poke(r);
    }
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
    for (int i = 0; i < l->n_replicas; i++)
        if (l->replicas[i].version < version || l->replicas[i].coming >= 0)
            return false;
    return true;
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

    if (l->batch_left > 0 || q == l->rl->steps || !all_have(l, needed))
        return;
    if (needed > 0)
        l->exposed_s +=
            now_s - fmax(l->generated_until_s, l->version_s[needed]);
    l->batch_left = l->rl->prompts * l->rl->samples;
    for (int64_t i = 0; i < l->rl->prompts; i++)
        issue(l, soonest(l, false));
    for (int i = 0; i < l->n_replicas; i++)
        lh__replica_poke(&l->replicas[i]);
}

void lh__loop_offer(struct lh__loop *l)
{
    bool batches = lh__loop_batches(l);

    if (batches && l->batch_left > 0)
        return;
    for (int i = 0; i < l->n_replicas; i++) {
        struct lh__replica *r = &l->replicas[i];
        int64_t there = l->fleet_arrived[r->fleet];
        if (there > r->version && there > r->coming && !r->loading
            && !(batches && r->version >= needed_version(l)))
            lh__replica_offer(r, there);
    }
}

void lh__loop_updated(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;

    if (lh__loop_batches(l)) {
        issue_batch(l);
        return;
    }
    lh__loop_offer(l); /* newer ones that came beside the load */
}

static void batch_sample(struct lh__loop *l)
{
    int64_t all = l->rl->prompts * l->rl->samples;

    if (--l->batch_left == all / 10)
        l->tail_from_s = lh__loop_now(l);
    if (l->batch_left > 0)
        return;
    l->generated_until_s = lh__loop_now(l);
    l->tail_sum_s += l->generated_until_s - l->tail_from_s;
    lh__loop_offer(l);
    issue_batch(l);
}

void lh__loop_generated(struct lh__replica *r, struct lh__sample *sample)
{
    struct lh__loop *l = r->loop;
    struct lh__group *g = sample->group;
    double date_s = verify(l, lh__loop_now(l));

    if (--g->left == 0)
        lh__loop_at(l, date_s, group_ready, g);
    if (lh__loop_batches(l))
        batch_sample(l);
    else if (has_room(r))
        lh__loop_issue_more(l);
}

/* ---- accounts -------------------------------------------------------------
 */

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
    if (!r->loading && (r->n_running > 0 || r->since_s > now_s))
        *generate_s = r->since_s - now_s;
    *update_s = r->loading ? r->due_s - now_s : 0;
}

void lh__loop_reset(struct lh__loop *l)
{
    struct lh_rl_result *out = l->out;

    for (int i = 0; i < l->n_replicas; i++) {
        struct lh__replica *r = &l->replicas[i];
        lh__replica_advance(r);
        ahead(r, &r->generate_s, &r->update_s);
    }
    l->reset_s = lh__loop_now(l);
    memset(&out->trainer, 0, sizeof out->trainer);
    l->exposed_s = l->tail_sum_s = 0;
    l->verify_sum_s = 0;
    l->n_verified = 0;
    l->trained_before = out->tokens_trained;
    l->samples_before = out->samples_trained;
    l->generated_before = generated(l);
}

/* What the samples have of groups that are neither trained on nor thrown
 * away. */
static int64_t in_flight(const struct lh__loop *l)
{
    int64_t sum = 0;

    for (int64_t i = 0; i < l->n_issued; i++) {
        const struct lh__group *g = l->groups[i];
        for (int64_t k = 0; k < l->rl->samples && !g->used; k++)
            sum += lh__replica_tokens(g->replica, &g->samples[k]);
    }
    return sum;
}

/* 0 where no time passes: steps of which nothing is kept. */
static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void account_replicas(struct lh__loop *l, double window_s)
{
    struct lh_rl_result *out = l->out;
    double steps = (double)(l->rl->steps - l->rl->warmup_steps), gpus = 0;

    for (int f = 0; f < l->in->n_fleets; f++) {
        const struct lh_rl_fleet *fleet = &l->rl->fleets[f];
        double busy_s = 0, update_s = 0;
        int first = l->fleet_first[f], end = l->fleet_first[f + 1];
        for (int i = first; i < end; i++) {
            double ahead_s, loading_s;
            ahead(&l->replicas[i], &ahead_s, &loading_s);
            busy_s += l->replicas[i].generate_s - ahead_s;
            update_s += l->replicas[i].update_s - loading_s;
        }
        busy_s /= end - first;
        update_s /= end - first;
        out->fleet_busy_frac[f] = share(busy_s, window_s);
        out->generators.generate_s += busy_s / steps * (double)fleet->gpus;
        out->generators.update_s += update_s / steps * (double)fleet->gpus;
        gpus += (double)fleet->gpus;
    }
    out->generators.generate_s /= gpus;
    out->generators.update_s /= gpus;
    out->generators.wait_s = window_s / steps - out->generators.generate_s
                             - out->generators.update_s;
    if (!lh__loop_batches(l))
        l->exposed_s += out->generators.update_s * steps;
}

static void account(struct lh__loop *l)
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
    out->weight_sync_exposed_s = l->exposed_s / steps;
    out->weight_sync_s =
        out->pushes > 0 ? l->push_sum_s / (double)out->pushes : 0;
    out->tail_s = l->tail_sum_s / steps;
    out->verify_s =
        l->n_verified > 0 ? l->verify_sum_s / (double)l->n_verified : 0;
    out->tokens_generated = generated(l);
    out->tokens_in_flight = in_flight(l);
    out->tokens_trained_per_s =
        share((double)(out->tokens_trained - l->trained_before), window_s);
    out->samples_per_s =
        share((double)(out->samples_trained - l->samples_before), window_s);
    out->tokens_generated_per_s =
        share((double)(out->tokens_generated - l->generated_before), window_s);
}

/* ---- all ------------------------------------------------------------------
 */

static void replicas_make(struct lh__loop *l)
{
    struct lh_arena *arena = l->ctx->arena;
    int n_fleets = l->in->n_fleets, n = 0;

    l->fleet_first = LH_NEW(arena, int, n_fleets + 1);
    l->fleet_drained = LH_NEW(arena, int, n_fleets);
    l->fleet_arrived = LH_NEW(arena, int64_t, n_fleets);
    for (int f = 0; f < n_fleets; f++)
        l->n_replicas += (int)l->in->fleets[f].replicas;
    l->replicas = LH_NEW(arena, struct lh__replica, l->n_replicas);
    for (int f = 0; f < n_fleets; f++) {
        l->fleet_first[f] = n;
        for (int64_t i = 0; i < l->in->fleets[f].replicas; i++)
            lh__replica_make(&l->replicas[n++], l, f);
    }
    l->fleet_first[n_fleets] = n;
}

static void verifiers_make(struct lh__loop *l)
{
    struct lh_arena *arena = l->ctx->arena;
    int n = l->rl->n_verifiers;

    l->free_s = LH_NEW(arena, double *, n);
    l->next_worker = LH_NEW(arena, int64_t, n);
    for (int i = 0; i < n; i++)
        l->free_s[i] = LH_NEW(arena, double, l->rl->verifiers[i].workers);
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
    struct lh__loop l = {.in = input,
                         .rl = input->rl,
                         .engine = engine,
                         .ctx = ctx,
                         .out = out,
                         .status = LH_OK};

    memset(out, 0, sizeof *out);
    l.version_s = LH_NEW(ctx->arena, double, input->rl->steps + 1);
    replicas_make(&l);
    verifiers_make(&l);
    lh__trainer_begin(&l);
    if (lh__loop_batches(&l))
        issue_batch(&l);
    else
        lh__loop_issue_more(&l);
    enum lh_status st = engine->run(engine->self);
    if (st == LH_OK)
        st = l.status;
    if (st != LH_OK)
        return st;
    account(&l);
    return check(&l);
}
