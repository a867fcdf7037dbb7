/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Replicas that are taken away and come back (preemptible machines, a swarm of
 * volunteers): spells drawn by seed and replica, exponential with the means
 * up_time and down_time.  Beside replica.c.
 *
 * What goes away leaves nothing: the tokens of its samples are discarded, and
 * they begin again on another replica, all of a group on one; samples of the
 * group that were complete stay.  What comes back fetches all weights, the
 * newest that its entry has, and loads them (join_s), and takes samples again.
 * All are there when the loop begins.
 * Leaves out: notice before a departure, and samples that go on elsewhere.
 */
#include "loop.h"

#include <math.h>

static void depart(void *data);

/* Departures in one step after which it is said never to end. */
enum { SPELLS_MAX = 1000000 };

static double spell_s(struct lh__replica *r, double mean_s)
{
    return lh_rl_spell_s(r->loop->in->seed, r->index, r->spells++, mean_s);
}

static const struct lh_rl_fleet *fleet_of(const struct lh__replica *r)
{
    return &r->loop->rl->fleets[r->fleet];
}

/* Its tokens are lost; ready for another replica. */
static void lose(struct lh__replica *r, struct lh__sample *sample)
{
    struct lh__loop *l = r->loop;

    if (sample->complete)
        return;
    l->out->tokens_discarded += lh__replica_tokens(r, sample);
    lh__turn_first(sample, l->rl);
    sample->running = sample->filling = false;
    sample->back_s = -1;
    r->outstanding--;
}

static void stop(struct lh__replica *r)
{
    double now_s = lh__loop_now(r->loop);

    lh__replica_advance(r);
    if (r->loading)
        r->update_s -= r->due_s - now_s;
    else if (r->since_s > now_s) /* computes prompts */
        r->generate_s -= r->since_s - now_s;
    lh__span_generate(r, false, now_s);
    r->since_s = now_s;
    r->due_s = (double)INFINITY;
    r->loading = r->drained = false;
    r->coming = -1;
}

static void leave_all(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;
    struct lh__group *g = r->groups, *below;

    lh__ghost_end(r);
    for (; g; g = g->below)
        for (int64_t i = 0; i < l->rl->samples; i++)
            lose(r, &g->samples[i]);
    r->n_running = r->n_parked = r->n_filling = 0;
    r->context = r->parked = r->filling = r->shared = r->chunk = 0;
    r->queue = r->back = r->again = r->fill = (struct lh__queue){NULL, NULL};
    g = r->groups;
    r->groups = NULL;
    for (; g; g = below) {
        below = g->below;
        lh__loop_place(l, g);
    }
}

static void come_back(void *data)
{
    struct lh__replica *r = data;
    struct lh__loop *l = r->loop;

    if (l->ended)
        return;
    r->away_s += lh__loop_now(l) - r->away_since_s;
    r->coming = l->fleet_arrived[r->fleet];
    lh__push_fetch(r);
    lh__replica_load(r, l->in->fleets[r->fleet].push.join_s);
}

static void depart(void *data)
{
    struct lh__replica *r = data;
    struct lh__loop *l = r->loop;
    bool drained = r->drained;

    if (l->ended)
        return;
    if (++l->spells > SPELLS_MAX) {
        lh_error(l->ctx, fleet_of(r)->where,
                 "replicas went away %d times in one step, which is given up: "
                 "up_time of rl.generators[%d] is too short to generate in",
                 SPELLS_MAX, r->fleet);
        l->status = LH_FAILED;
        l->ended = true;
        l->engine->stop(l->engine->self);
        return;
    }
    stop(r);
    r->away = true;
    r->away_since_s = lh__loop_now(l);
    l->out->departures++;
    l->fleet_up[r->fleet]--;
    l->fleet_drained[r->fleet] -= drained;
    leave_all(r);
    lh__replica_drained(l, r->fleet);
    lh__loop_at(l, lh__loop_now(l) + spell_s(r, fleet_of(r)->down_s), come_back,
                r);
    lh__loop_batch_over(l);
}

void lh__absence_over(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;
    double now_s = lh__loop_now(l);

    r->away = false;
    lh__push_fetched(r);
    l->fleet_up[r->fleet]++;
    lh__loop_at(l, now_s + spell_s(r, fleet_of(r)->up_s), depart, r);
    lh__loop_joined(r);
}

void lh__absence_begin(struct lh__loop *l)
{
    for (int i = 0; i < l->n_replicas; i++) {
        struct lh__replica *r = &l->replicas[i];
        if (fleet_of(r)->up_s > 0)
            lh__loop_at(l, spell_s(r, fleet_of(r)->up_s), depart, r);
    }
}
