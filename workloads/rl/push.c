/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pushes of the trainer's weights to the generators, and their bytes.
 *
 * A push begins where the trainer's step ends (it stands still while weights
 * are gathered) or, by interval, at its date (gathered beside a step that
 * runs); not before the push before it has reached all generators, the newest
 * version then follows at once, or at the next date of the interval.  These are
 * its multiples; those at which there is nothing to push are not simulated.
 *
 *   bytes   sent = received + lost + in flight, over the run, of pushes and of
 *           what replicas fetch that come back.  Sent is counted by who sends,
 *           received where a replica (relay: the first of an entry) is there to
 *           take them, lost where it has gone away meanwhile.
 *
 * Leaves out: what is sent again to who went away in the middle.
 */
#include "loop.h"

#include <math.h>

/* ---- bytes ----------------------------------------------------------------
 */

static void receive(const struct lh__loop *l, int fleet)
{
    const struct lh_rl_push *push = &l->in->fleets[fleet].push;
    struct lh_rl_result *out = l->out;
    int first = l->fleet_first[fleet], end = l->fleet_first[fleet + 1];

    if (!push->to_each) {
        *(l->fleet_up[fleet] > 0 ? &out->weights.received_bytes
                                 : &out->weights.lost_bytes) += push->bytes;
        return;
    }
    for (int i = first; i < end; i++)
        *(l->replicas[i].away ? &out->weights.lost_bytes
                              : &out->weights.received_bytes) +=
            push->bytes / (end - first);
}

static double fetched_bytes(const struct lh__replica *r)
{
    return r->loop->in->fleets[r->fleet].push.join_bytes * r->loop->each;
}

void lh__push_fetch(const struct lh__replica *r)
{
    r->loop->out->weights.sent_bytes += fetched_bytes(r);
}

void lh__push_fetched(const struct lh__replica *r)
{
    r->loop->out->weights.received_bytes += fetched_bytes(r);
}

enum lh_status lh__push_check(struct lh__loop *l)
{
    struct lh_rl_result *out = l->out;
    double known;

    for (int f = 0; f < l->in->n_fleets; f++)
        if (l->arrivals[f].under_way)
            out->weights.in_flight_bytes += l->in->fleets[f].push.bytes;
    for (int i = 0; i < l->n_replicas; i++)
        if (l->replicas[i].away && l->replicas[i].loading)
            out->weights.in_flight_bytes += fetched_bytes(&l->replicas[i]);
    known = out->weights.received_bytes + out->weights.lost_bytes
            + out->weights.in_flight_bytes;
    if (fabs(known - out->weights.sent_bytes) <= 1e-9 * known)
        return LH_OK;
    lh_error(l->ctx, LH_NOWHERE,
             "internal: %.17g bytes of weights were sent, but %.17g are "
             "received, lost or in flight",
             out->weights.sent_bytes, known);
    return LH_FAILED;
}

/* ---- pushes ---------------------------------------------------------------
 */

static void arrive(void *data)
{
    struct lh__arrival *a = data;
    struct lh__loop *l = a->loop;

    if (l->ended)
        return;
    a->under_way = false;
    receive(l, a->fleet);
    l->fleet_arrived[a->fleet] = a->version;
    if (--l->pushing == 0) {
        l->push_sum_s += lh__loop_now(l) - l->push_begin_s;
        lh__span(l, LH_RL_LANE_WEIGHTS, "push", l->push_begin_s,
                 lh__loop_now(l));
        l->out->pushes++;
    }
    lh__loop_offer(l);
    lh__push_if_due(l);
}

static void leave(void *data)
{
    struct lh__arrival *a = data;

    if (!a->loop->ended)
        lh__beside_transfer(a, a->loop->in->fleets[a->fleet].push.transfer_s,
                            arrive);
}

static void gathered(void *data)
{
    struct lh__loop *l = data;

    l->busy = false;
    l->free_since_s = lh__loop_now(l);
    lh__trainer_try(l);
}

static void send(struct lh__loop *l, int fleet, double now_s)
{
    const struct lh_rl_push *push = &l->in->fleets[fleet].push;
    struct lh__arrival *a = &l->arrivals[fleet];

    a->loop = l;
    a->fleet = fleet;
    a->version = l->version;
    a->under_way = true;
    l->out->weights.sent_bytes += push->bytes;
    if (lh__beside(l))
        lh__loop_at(l, now_s + l->in->gather_s, leave, a);
    else
        lh__loop_at(l, now_s + l->in->gather_s + push->transfer_s, arrive, a);
}

static void push(struct lh__loop *l)
{
    double now_s = lh__loop_now(l), gather_s = l->in->gather_s;

    l->pushed = l->version;
    l->pushing = l->in->n_fleets;
    l->push_begin_s = now_s;
    for (int f = 0; f < l->in->n_fleets; f++)
        send(l, f, now_s);
    if (l->busy)
        return; /* beside a step */
    l->busy = true;
    l->out->trainer.wait_s += now_s - l->free_since_s;
    l->out->trainer.gather_s += gather_s;
    if (!lh__loop_batches(l))
        l->exposed_s += gather_s;
    lh__span(l, LH_RL_LANE_TRAINER, "gather weights", now_s, now_s + gather_s);
    lh__loop_at(l, now_s + gather_s, gathered, l);
}

static void at_interval(void *data)
{
    struct lh__loop *l = data;

    l->awaits_date = false;
    if (!l->ended)
        push(l);
}

/* The first multiple of the interval from now on. */
static void await_date(struct lh__loop *l)
{
    double now_s = lh__loop_now(l), interval_s = l->rl->push_interval_s;

    if (l->awaits_date)
        return;
    l->awaits_date = true;
    lh__loop_at(l, fmax(now_s, interval_s * ceil(now_s / interval_s)),
                at_interval, l);
}

void lh__push_if_due(struct lh__loop *l)
{
    bool dates = l->rl->push_interval_s > 0;
    int64_t every = lh__loop_batches(l) || dates ? 1 : l->rl->push_every;

    if (l->pushing > 0 || l->version - l->pushed < every)
        return;
    if (dates)
        await_date(l);
    else
        push(l);
}

void lh__push_begin(struct lh__loop *l)
{
    l->arrivals = LH_NEW(l->ctx->arena, struct lh__arrival, l->in->n_fleets);
}
