/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who runs in a replica, by its memory and places: who is put back where the
 * next token of all would not fit, and who is taken in.  Under replica.c, whose
 * top says in which order.
 *
 *   an iteration adds 1 + drafted tokens to each sample at most, and needs
 *   places for them; on average it adds 1 + accepted (generate.c)
 *
 *   a prompt's keys and values are there once for the samples of its group
 *   (vLLM, prefix caching)
 *
 * Leaves out: blocks of memory that are not full (paged keys and values).
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

struct lh__sample *lh__queue_take(struct lh__queue *q)
{
    struct lh__sample *first = q->first;

    if (first)
        q->first = first->next;
    return first;
}

/* Tokens that have no place when all that an iteration may add are there; of
 * those that run or fill, and of `others` with `more`. */
static double lacks(const struct lh__replica *r, double more, int64_t others)
{
    int64_t n = r->n_running + r->n_filling + others;

    return r->context + r->parked + r->filling + more - r->shared
           + (double)n * (1 + r->rates->drafted) - r->rates->kv_tokens;
}

/* One sample alone always does. */
static bool fits(const struct lh__replica *r, double more, int64_t others)
{
    return r->rates->kv_tokens <= 0 || r->n_running + r->n_filling + others <= 1
           || lacks(r, more, others) <= 0;
}

/* Its prompt is there once for all of its group. */
static void enter(struct lh__replica *r, struct lh__sample *sample)
{
    if (sample->group->inside++ > 0)
        r->shared += (double)r->loop->rl->prompt_length;
}

void lh__room_leave(struct lh__replica *r, struct lh__sample *sample)
{
    if (--sample->group->inside > 0)
        r->shared -= (double)r->loop->rl->prompt_length;
}

/* The one taken in last waits before all others. */
static void put_back(struct lh__replica *r)
{
    struct lh__sample *sample = NULL;
    int64_t at = -1;

    for (int64_t i = 0; i < r->n_running; i++)
        if (!sample || r->heap[i]->taken > sample->taken)
            sample = r->heap[at = i];
    for (struct lh__sample *s = r->fill.first; s; s = s->next)
        if (!sample || s->taken > sample->taken)
            sample = s;
    if (sample->filling) {
        lh__fill_remove(r, sample);
    } else {
        lh__heap_take(r, at);
        r->context -= lh__sample_context(r, sample);
        sample->had = lh__replica_tokens(r, sample) - sample->done;
        sample->running = false;
    }
    lh__room_leave(r, sample);
    sample->next = r->again.first;
    if (!r->again.first)
        r->again.last = sample;
    r->again.first = sample;
}

bool lh__room_make(struct lh__replica *r)
{
    bool full = !fits(r, 0, 0);

    while (!fits(r, 0, 0))
        put_back(r);
    return full;
}

static bool has_room(const struct lh__replica *r,
                     const struct lh__sample *sample)
{
    const struct lh_rl *rl = r->loop->rl;
    double more = lh__turn_context(sample, rl) + (double)sample->had;

    if (sample->group->inside > 0)
        more -= (double)rl->prompt_length;
    return fits(r, more, 1);
}

static struct lh__sample *taken(struct lh__replica *r, struct lh__queue *q)
{
    struct lh__sample *sample = lh__queue_take(q);

    enter(r, sample);
    return sample;
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
        return lh__queue_take(&r->back);
    }
    if (r->n_running + r->n_filling + r->n_parked >= most)
        return NULL;
    if (r->again.first)
        return has_room(r, r->again.first) ? taken(r, &r->again) : NULL;
    if (first && r->version >= first->group->least_version
        && has_room(r, first))
        return taken(r, &r->queue);
    return NULL;
}

double lh__room_admit(struct lh__replica *r)
{
    const struct lh_rl *rl = r->loop->rl;
    struct lh__sample *sample;
    double seconds = 0;

    while ((sample = next(r))) {
        struct lh__fill fill = {0, 0};
        if (sample->turn > 0 || sample->had > 0) {
            fill = lh__turn_back(r, sample);
        } else {
            sample->version = r->version;
            if (!sample->group->prefilled)
                fill.tokens = (double)rl->prompt_length;
            sample->group->prefilled = true;
        }
        sample->kv_version = r->version;
        sample->taken = r->n_taken++;
        if (r->rates->chunk > 0) {
            lh__fill_add(r, sample, fill);
        } else {
            seconds += lh__fill_s(r, fill);
            lh__sample_run(r, sample);
        }
    }
    return seconds;
}

int64_t lh__room_iterations(const struct lh__replica *r)
{
    if (r->n_running == 0)
        return INT64_MAX;
    int64_t n = r->heap[0]->end - r->iteration;
    double each = (double)r->n_running * lh_rl_pace(r->rates);
    double room = each - lacks(r, 0, 0);

    if (r->rates->kv_tokens > 0 && r->n_running + r->n_filling > 1
        && room < (double)n * each)
        n = (int64_t)fmax(1, room / each);
    return n;
}
