/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A replica of an engine: continuous batching from completion to completion.
 * Between two boundaries the running samples are the same, so that n
 * iterations take a sum known in closed form (lh_rl_decode_s); the result is
 * that of stepping token by token.  What comes from outside (new samples, new
 * weights) waits for the end of the iteration that runs.
 *
 * At a boundary, in this order: samples that are complete leave; new weights
 * are loaded if they may be; samples are taken from the queue, first come
 * first served, and their prompts computed, once a group.
 */
#include "loop.h"

#include <math.h>

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

static struct lh__sample *heap_pop(struct lh__replica *r)
{
    struct lh__sample *first = r->heap[0], *last = r->heap[--r->n_running];
    int64_t i = 0, child;

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

    if (r->n_running == 0 || r->loading || r->drained || now_s < r->since_s)
        return;
    int64_t n = iterations_in(r, now_s - r->since_s);
    book(r, n < r->due_n ? n : r->due_n);
}

int64_t lh__replica_tokens(const struct lh__replica *r,
                           const struct lh__sample *sample)
{
    int64_t left = sample->end - r->iteration;

    if (sample->end == 0)
        return 0;
    return left > 0 ? sample->tokens - left : sample->tokens;
}

static void due(void *data);

static void set_due(struct lh__replica *r, double date_s, int64_t n)
{
    r->due_s = date_s;
    r->due_n = n;
    lh__loop_at(r->loop, date_s, due, r);
}

static void leave(struct lh__replica *r)
{
    while (r->n_running > 0 && r->heap[0]->end <= r->iteration) {
        struct lh__sample *sample = heap_pop(r);
        r->context -= (double)(r->loop->rl->prompt_length + sample->tokens);
        r->outstanding--;
        lh__loop_generated(r, sample);
    }
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
        if (rl->partial_rollouts) {
            if (!rl->keep_kv)
                seconds += lh_rl_prefill_s(r->rates,
                                           (double)(rl->prompt_length + had));
            continue;
        }
        r->loop->out->tokens_discarded += had;
        r->context -= (double)had;
        sample->end = r->iteration + sample->tokens;
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

/* Takes what there is room for; seconds of prefill. */
static double admit(struct lh__replica *r)
{
    const struct lh_rl *rl = r->loop->rl;
    double seconds = 0;

    while (r->first && r->n_running < r->rates->concurrency
           && r->version >= r->first->group->least_version) {
        struct lh__sample *sample = r->first;
        r->first = sample->next;
        sample->version = r->version;
        sample->end = r->iteration + sample->tokens;
        r->context += (double)rl->prompt_length;
        if (!sample->group->prefilled)
            seconds += lh_rl_prefill_s(r->rates, (double)rl->prompt_length);
        sample->group->prefilled = true;
        heap_push(r, sample);
    }
    return seconds;
}

/* Goes on after a stop of so many seconds. */
static void go_on(struct lh__replica *r, double stall_s)
{
    double now_s = lh__loop_now(r->loop);

    if (r->coming < 0 || r->loop->rl->apply == LH_APPLY_AT_ONCE)
        stall_s += admit(r);
    r->due_s = (double)INFINITY;
    r->since_s = now_s + stall_s;
    r->generate_s += stall_s;
    if (r->n_running == 0)
        return;
    int64_t n = r->heap[0]->end - r->iteration;
    set_due(r, r->since_s + decode_s(r, n), n);
}

static void load(struct lh__replica *r)
{
    double load_s = r->loop->in->fleets[r->fleet].push.load_s;

    r->loading = true;
    r->update_s += load_s;
    set_due(r, lh__loop_now(r->loop) + load_s, 0);
}

/* All of an entry have drained: they load together. */
static void load_together(struct lh__replica *r)
{
    struct lh__loop *l = r->loop;
    int first = l->fleet_first[r->fleet], end = l->fleet_first[r->fleet + 1];

    r->drained = true;
    r->due_s = (double)INFINITY;
    if (++l->fleet_drained[r->fleet] < end - first)
        return;
    l->fleet_drained[r->fleet] = 0;
    for (int i = first; i < end; i++) {
        l->replicas[i].drained = false;
        load(&l->replicas[i]);
    }
}

static void loaded(struct lh__replica *r)
{
    r->loading = false;
    r->version = r->coming;
    r->coming = -1;
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

    if (r->loading || r->drained)
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

void lh__replica_add(struct lh__replica *r, struct lh__sample *sample)
{
    sample->next = NULL;
    if (r->first)
        r->last->next = sample;
    else
        r->first = sample;
    r->last = sample;
    r->outstanding++;
}

void lh__replica_make(struct lh__replica *r, struct lh__loop *l, int fleet)
{
    const struct lh_rl_rates *rates = &l->in->fleets[fleet].rates;
    double full = (double)rates->concurrency;
    double context = full
                     * ((double)l->rl->prompt_length
                        + lh_rl_moments(l->rl, l->in->seed).mean / 2);

    *r = (struct lh__replica){
        .loop = l,
        .fleet = fleet,
        .rates = rates,
        .coming = -1,
        .due_s = (double)INFINITY,
        .peak = full / lh_rl_decode_s(rates, full, context, 1),
    };
}
