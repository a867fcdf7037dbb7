/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A replica of an engine: continuous batching from completion to completion.
 * Between two boundaries the running samples are the same, so that n
 * iterations take a sum known in closed form (lh_rl_decode_s); the result is
 * that of stepping token by token.  What comes from outside (new samples, new
 * weights) waits for the end of the iteration that runs.
 *
 * At a boundary, in this order: samples that are complete leave; new weights
 * are loaded if they may be; where the next token of all would not fit into
 * memory, the sample taken in last is put back, at the head of those that wait;
 * else samples are taken in as far as memory goes: those that come back from
 * tools with their place (turns.c), those that had been put back or that come
 * back without, and from the queue, first come first served.  Their prompts are
 * computed, once a group; one that was put back has its context computed again
 * (vLLM, recompute): all wait for it, or it fills iterations (fill.c).
 *
 * Where tokens are drafted a sample has floor(i (1 + accepted)) tokens after i
 * iterations, and its context grows by 1 + accepted in each.
 */
#include "loop.h"

#include <math.h>

static double decode_s(const struct lh__replica *r, int64_t n)
{
    if (r->chunk > 0)
        return lh__fill_decode_s(r, n);
    return lh_rl_decode_s(r->rates, (double)r->n_running, r->context,
                          (double)n);
}

/* Iterations that are complete after so many seconds. */
static int64_t iterations_in(const struct lh__replica *r, double seconds)
{
    double read_s = lh_rl_read_s(r->rates, (double)r->n_running, 0, 2);
    double a = (read_s + r->chunk_more_s) / 2.0; /* a n^2 + b n */
    double b = decode_s(r, 1) - a;
    double n =
        a > 0 ? (sqrt(b * b + 4 * a * seconds) - b) / (2 * a) : seconds / b;
    int64_t whole = (int64_t)floor(n);

    while (whole > 0 && decode_s(r, whole) > seconds)
        whole--;
    while (decode_s(r, whole + 1) <= seconds)
        whole++;
    return whole;
}

/* Tokens that all running samples have so far, of their turns. */
static int64_t sum_tokens(const struct lh__replica *r)
{
    int64_t sum = 0;

    for (int64_t i = 0; i < r->n_running; i++)
        sum += lh__replica_tokens(r, r->heap[i]) - r->heap[i]->done;
    return sum;
}

static void book(struct lh__replica *r, int64_t n)
{
    double seconds = decode_s(r, n), pace = lh_rl_pace(r->rates);
    int64_t before = pace > 1 ? sum_tokens(r) : 0;

    r->since_s += seconds;
    r->generate_s += seconds;
    r->iteration += n;
    r->context += (double)n * (double)r->n_running * pace;
    r->tokens += pace > 1 ? sum_tokens(r) - before : n * r->n_running;
    r->due_n -= n;
    if (r->chunk > 0)
        lh__fill_book(r, n);
}

void lh__replica_advance(struct lh__replica *r)
{
    double now_s = lh__loop_now(r->loop);

    if (!lh__replica_works(r) || r->loading || r->drained || r->away
        || now_s < r->since_s)
        return;
    int64_t n = iterations_in(r, now_s - r->since_s);
    book(r, n < r->due_n ? n : r->due_n);
}

int64_t lh__replica_tokens(const struct lh__replica *r,
                           const struct lh__sample *sample)
{
    int64_t made = r->iteration - sample->begun, most = sample->part;

    if (!sample->running)
        return sample->done + sample->had;
    if (r->iteration >= sample->end)
        return sample->done + most;
    made = (int64_t)floor((double)made * lh_rl_pace(r->rates)) + sample->had;
    return sample->done + (made < most ? made : most);
}

static void due(void *data);

static void set_due(struct lh__replica *r, double date_s, int64_t n)
{
    r->due_s = date_s;
    r->due_n = n;
    lh__loop_at(r->loop, date_s, due, r);
}

/* ---- who runs -------------------------------------------------------------
 */

/* A turn has ended, or all. */
static void end_turn(struct lh__replica *r, struct lh__sample *sample)
{
    const struct lh_rl *rl = r->loop->rl;

    r->context -= lh__sample_context(r, sample);
    sample->running = false;
    sample->done += sample->part;
    sample->had = 0;
    if (sample->done < sample->tokens || sample->turn + 1 < rl->turns) {
        if (!rl->turn_keeps_kv)
            lh__room_leave(r, sample);
        lh__turn_park(r, sample);
        return;
    }
    lh__room_leave(r, sample);
    sample->complete = true;
    r->outstanding--;
    lh__ghost_see(r, sample);
    if (r->outstanding == 0)
        lh__ghost_wait(r);
    lh__loop_generated(r, sample);
}

static void leave(struct lh__replica *r)
{
    while (r->n_running > 0 && r->heap[0]->end <= r->iteration)
        end_turn(r, lh__heap_take(r, 0));
    if (r->n_running == 0)
        r->context = 0; /* paces are no whole tokens */
}

/* Running samples with new weights: begun again, or their keys and values
 * computed again, or neither.  Seconds. */
static double renew(struct lh__replica *r)
{
    const struct lh_rl *rl = r->loop->rl;
    double seconds = 0;
    int64_t n = r->n_running;

    if (r->rates->chunk > 0) {
        lh__fill_renew(r);
        return 0;
    }
    for (int64_t i = 0; i < n; i++) {
        struct lh__sample *sample = r->heap[i];
        int64_t had = lh__replica_tokens(r, sample);
        double before = lh__turn_context(sample, rl);
        sample->kv_version = r->version;
        if (rl->partial_rollouts) {
            if (!rl->keep_kv)
                seconds += lh_rl_prefill_s(
                    r->rates, before + (double)(had - sample->done));
            continue;
        }
        r->loop->out->tokens_discarded += had;
        r->context -= lh__sample_context(r, sample);
        lh__turn_first(sample, rl);
        sample->version = r->version;
        seconds += lh_rl_prefill_s(r->rates, (double)rl->prompt_length)
                   / (double)rl->samples;
    }
    if (!rl->partial_rollouts) { /* the order of ends is another */
        r->n_running = 0;
        for (int64_t i = 0; i < n; i++)
            lh__sample_run(r, r->heap[i]);
    }
    return seconds;
}

/* Goes on after a stop of so many seconds. */
static void go_on(struct lh__replica *r, double stall_s)
{
    double now_s = lh__loop_now(r->loop);
    bool full = lh__room_make(r);

    if (!full && (r->coming < 0 || r->loop->rl->apply == LH_APPLY_AT_ONCE))
        stall_s += lh__room_admit(r);
    lh__fill_start(r);
    r->due_s = (double)INFINITY;
    r->since_s = now_s + stall_s;
    r->generate_s += stall_s;
    lh__span_generate(r, lh__replica_works(r), now_s);
    if (!lh__replica_works(r))
        return;
    int64_t n = lh__fill_plan(r, lh__room_iterations(r));
    set_due(r, r->since_s + decode_s(r, n), n);
}

void lh__replica_load(struct lh__replica *r, double seconds)
{
    double now_s = lh__loop_now(r->loop);

    lh__span_generate(r, false, now_s);
    if (r->index == r->loop->fleet_first[r->fleet])
        lh__span(r->loop, LH_RL_LANE_ROLES + r->fleet, "load weights", now_s,
                 now_s + seconds);
    r->loading = true;
    r->update_s += seconds;
    set_due(r, now_s + seconds, 0);
}

static void load(struct lh__replica *r)
{
    lh__replica_load(r, r->loop->in->fleets[r->fleet].push.load_s);
}

void lh__replica_drained(struct lh__loop *l, int fleet)
{
    if (l->fleet_drained[fleet] == 0
        || l->fleet_drained[fleet] < l->fleet_up[fleet])
        return;
    l->fleet_drained[fleet] = 0;
    for (int i = l->fleet_first[fleet]; i < l->fleet_first[fleet + 1]; i++) {
        if (!l->replicas[i].drained)
            continue;
        l->replicas[i].drained = false;
        load(&l->replicas[i]);
    }
}

/* All of an entry have drained: they load together. */
static void load_together(struct lh__replica *r)
{
    r->drained = true;
    r->due_s = (double)INFINITY;
    lh__span_generate(r, false, lh__loop_now(r->loop));
    r->loop->fleet_drained[r->fleet]++;
    lh__replica_drained(r->loop, r->fleet);
}

static void loaded(struct lh__replica *r)
{
    r->loading = false;
    r->version = r->coming;
    r->coming = -1;
    if (r->away)
        lh__absence_over(r);
    go_on(r, renew(r));
    lh__loop_updated(r);
}

static void due(void *data)
{
    struct lh__replica *r = data;
    const struct lh_rl *rl = r->loop->rl;

    if (lh__loop_now(r->loop) != r->due_s || r->loop->ended)
        return; /* it has been put off */
    if (r->loading) {
        loaded(r);
        return;
    }
    book(r, r->due_n);
    leave(r);
    if (r->coming < 0
        || (rl->apply != LH_APPLY_AT_ONCE && lh__replica_works(r)))
        go_on(r, 0);
    else if (rl->apply == LH_APPLY_DRAIN)
        load_together(r);
    else
        load(r);
}

void lh__replica_poke(struct lh__replica *r)
{
    double now_s = lh__loop_now(r->loop);

    if (r->loading || r->drained || r->away)
        return;
    if (!lh__replica_works(r) && r->due_s != now_s)
        set_due(r, fmax(now_s, r->since_s), 0);
    if (!lh__replica_works(r))
        return;
    if (now_s < r->since_s) {
        set_due(r, r->since_s, 0);
        return;
    }
    lh__replica_advance(r);
    if (r->due_n > 1)
        set_due(r, r->since_s + decode_s(r, 1), 1);
}

void lh__replica_offer(struct lh__replica *r, int64_t version)
{
    r->coming = version;
    lh__replica_poke(r);
}

static bool waits_for_less(const struct lh__sample *a,
                           const struct lh__sample *b)
{
    int64_t x = a->group->least_version, y = b->group->least_version;

    return x < y || (x == y && a->order < b->order);
}

/* The queue is in the order of the versions that samples wait for: what comes
 * from another replica must not stand behind what waits for its training. */
void lh__replica_add(struct lh__replica *r, struct lh__sample *sample)
{
    struct lh__queue *q = &r->queue;
    struct lh__sample **at = &q->first;

    r->outstanding++;
    if (!q->first || !waits_for_less(sample, q->last)) {
        lh__queue_add(q, sample);
        return;
    }
    while (!waits_for_less(sample, *at))
        at = &(*at)->next;
    sample->next = *at;
    *at = sample;
}

void lh__replica_make(struct lh__replica *r, struct lh__loop *l, int fleet)
{
    const struct lh_rl_rates *rates = &l->in->fleets[fleet].rates;
    double full = (double)rates->concurrency;
    double context = full * ((double)l->rl->prompt_length + l->mean_tokens / 2);

    *r = (struct lh__replica){
        .loop = l,
        .fleet = fleet,
        .rates = rates,
        .coming = -1,
        .due_s = (double)INFINITY,
        .span_from_s = -1,
        .ghost_until_s = -1,
        .peak =
            full * lh_rl_pace(rates) / lh_rl_decode_s(rates, full, context, 1),
    };
}
