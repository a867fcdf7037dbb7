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
 * (vLLM, recompute).
 */
#include "loop.h"

#include <math.h>

void lh__queue_add(struct lh__queue *q, struct lh__sample *sample)
{
    sample->next = NULL;
    if (q->first)
        q->last->next = sample;
    else
        q->first = sample;
    q->last = sample;
}

static struct lh__sample *queue_take(struct lh__queue *q)
{
    struct lh__sample *first = q->first;

    if (first)
        q->first = first->next;
    return first;
}

static bool ends_before(const struct lh__sample *a, const struct lh__sample *b)
{
    return a->end < b->end || (a->end == b->end && a->order < b->order);
}

static void heap_push(struct lh__replica *r, struct lh__sample *sample)
{
    int64_t i = r->n_running++;

    r->heap = lh_grow(r->loop->ctx->arena, r->heap, &r->capacity,
                      (size_t)r->n_running, sizeof *r->heap);
    for (; i > 0 && ends_before(sample, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = sample;
}

/* The sample at `i`, whose place another takes from below. */
static struct lh__sample *heap_take(struct lh__replica *r, int64_t i)
{
    struct lh__sample *first = r->heap[i], *last = r->heap[--r->n_running];
    int64_t child;

    if (i == r->n_running)
        return first;
    for (; i > 0 && ends_before(last, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    while ((child = 2 * i + 1) < r->n_running) {
        if (child + 1 < r->n_running
            && ends_before(r->heap[child + 1], r->heap[child]))
            child++;
        if (!ends_before(r->heap[child], last))
            break;
        r->heap[i] = r->heap[child];
        i = child;
    }
    r->heap[i] = last;
    return first;
}

static double decode_s(const struct lh__replica *r, int64_t n)
{
    return lh_rl_decode_s(r->rates, (double)r->n_running, r->context,
                          (double)n);
}

/* Iterations that are complete after so many seconds. */
static int64_t iterations_in(const struct lh__replica *r, double seconds)
{
    double a = r->rates->kv_s * (double)r->n_running / 2.0;
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

static void book(struct lh__replica *r, int64_t n)
{
    double seconds = decode_s(r, n);

    r->since_s += seconds;
    r->generate_s += seconds;
    r->iteration += n;
    r->context += (double)n * (double)r->n_running;
    r->tokens += n * r->n_running;
    r->due_n -= n;
}

void lh__replica_advance(struct lh__replica *r)
{
    double now_s = lh__loop_now(r->loop);

    if (r->n_running == 0 || r->loading || r->drained || r->away
        || now_s < r->since_s)
        return;
    int64_t n = iterations_in(r, now_s - r->since_s);
    book(r, n < r->due_n ? n : r->due_n);
}

int64_t lh__replica_tokens(const struct lh__replica *r,
                           const struct lh__sample *sample)
{
    int64_t left = sample->end - r->iteration;

    if (!sample->running)
        return sample->done + sample->had;
    return sample->done + (left > 0 ? sample->part - left : sample->part);
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

    r->context -= lh__turn_context(sample, rl) + (double)sample->part;
    sample->running = false;
    sample->done += sample->part;
    sample->had = 0;
    if (sample->done < sample->tokens || sample->turn + 1 < rl->turns) {
        lh__turn_park(r, sample);
        return;
    }
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
        end_turn(r, heap_take(r, 0));
}

/* Running samples with new weights: begun again, or their keys and values
 * computed again, or neither.  Seconds. */
static double renew(struct lh__replica *r)
{
    const struct lh_rl *rl = r->loop->rl;
    double seconds = 0;
    int64_t n = r->n_running;

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
        r->context -= before + (double)(had - sample->done);
        lh__turn_first(sample, rl);
        r->context += lh__turn_context(sample, rl);
        sample->end = r->iteration + sample->part;
        sample->version = r->version;
        seconds += lh_rl_prefill_s(r->rates, (double)rl->prompt_length)
                   / (double)rl->samples;
    }
    if (!rl->partial_rollouts) { /* the order of ends is another */
        r->n_running = 0;
        for (int64_t i = 0; i < n; i++)
            heap_push(r, r->heap[i]);
    }
    return seconds;
}

/* With `more` tokens, would the next one of all running samples and of `others`
 * fit?  One sample alone always does. */
static bool fits(const struct lh__replica *r, double more, int64_t others)
{
    double tokens =
        r->context + r->parked + more + (double)(r->n_running + others);

    return r->rates->kv_tokens <= 0 || r->n_running + others <= 1
           || tokens <= r->rates->kv_tokens;
}

/* The one taken in last waits before all others. */
static void put_back(struct lh__replica *r)
{
    struct lh__sample *sample;
    int64_t last = 0;

    for (int64_t i = 1; i < r->n_running; i++)
        if (r->heap[i]->taken > r->heap[last]->taken)
            last = i;
    sample = heap_take(r, last);
    sample->had = lh__replica_tokens(r, sample) - sample->done;
    sample->running = false;
    r->context -= lh__turn_context(sample, r->loop->rl) + (double)sample->had;
    sample->next = r->again.first;
    if (!r->again.first)
        r->again.last = sample;
    r->again.first = sample;
}

static bool has_room(const struct lh__replica *r,
                     const struct lh__sample *sample)
{
    double context = lh__turn_context(sample, r->loop->rl);

    return fits(r, context + (double)sample->had, 1);
}

/* What may run now; NULL: nothing. */
static struct lh__sample *next(struct lh__replica *r)
{
    const struct lh_rl_rates *rates = r->rates;
    int64_t most =
        rates->max_sequences > 0 ? rates->max_sequences : rates->concurrency;
    struct lh__sample *first = r->queue.first;

    if (r->back.first) {
        r->n_parked--;
        r->parked -= lh__turn_kept(r->back.first, r->loop->rl);
        return queue_take(&r->back);
    }
    if (r->n_running + r->n_parked >= most)
        return NULL;
    if (r->again.first)
        return has_room(r, r->again.first) ? queue_take(&r->again) : NULL;
    if (first && r->version >= first->group->least_version
        && has_room(r, first))
        return queue_take(&r->queue);
    return NULL;
}

/* Takes what there is room for; seconds of prefill. */
static double admit(struct lh__replica *r)
{
    const struct lh_rl *rl = r->loop->rl;
    struct lh__sample *sample;
    double seconds = 0;

    while ((sample = next(r))) {
        if (sample->turn > 0 || sample->had > 0) {
            seconds += lh__turn_back(r, sample);
        } else {
            sample->version = r->version;
            if (!sample->group->prefilled)
                seconds += lh_rl_prefill_s(r->rates, (double)rl->prompt_length);
            sample->group->prefilled = true;
        }
        sample->kv_version = r->version;
        sample->running = true;
        sample->taken = r->n_taken++;
        sample->end = r->iteration + sample->part - sample->had;
        r->context += lh__turn_context(sample, rl) + (double)sample->had;
        heap_push(r, sample);
    }
    return seconds;
}

/* Iterations until a sample ends or memory is full. */
static int64_t until_boundary(const struct lh__replica *r)
{
    int64_t n = r->heap[0]->end - r->iteration;
    double room = r->rates->kv_tokens - r->context - r->parked;

    if (r->rates->kv_tokens > 0 && r->n_running > 1
        && room < (double)n * (double)r->n_running)
        n = (int64_t)fmax(1, room / (double)r->n_running);
    return n;
}

/* Goes on after a stop of so many seconds. */
static void go_on(struct lh__replica *r, double stall_s)
{
    double now_s = lh__loop_now(r->loop);

    bool full = !fits(r, 0, 0);

    while (!fits(r, 0, 0))
        put_back(r);
    if (!full && (r->coming < 0 || r->loop->rl->apply == LH_APPLY_AT_ONCE))
        stall_s += admit(r);
    r->due_s = (double)INFINITY;
    r->since_s = now_s + stall_s;
    r->generate_s += stall_s;
    lh__span_generate(r, r->n_running > 0, now_s);
    if (r->n_running == 0)
        return;
    int64_t n = until_boundary(r);
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
    if (r->coming < 0 || (rl->apply != LH_APPLY_AT_ONCE && r->n_running > 0))
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
    if (r->n_running == 0 && r->due_s != now_s)
        set_due(r, fmax(now_s, r->since_s), 0);
    if (r->n_running == 0)
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
        .peak = full / lh_rl_decode_s(rates, full, context, 1),
    };
}
