/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A learner of async.c.  Its cycle of H steps has an agenda: fragment f of P is
 * sent at the end of step (f + 1) H / P, rounded down, and what comes back is
 * merged at the end of the step tau later, as of Streaming DiLoCo (outer.c).
 *
 *   blocking   it waits for what is not back when it is due
 *   else       it goes on, and merges it after the step in which it comes; what
 *              is not back when it ought to be sent again is skipped
 *
 * Its speed may change (paces), which stretches all that it computes.
 *
 * Place: one side of the machine of async.c, which has the sources;
 * async_absence.c has its absences.  Leaves out: what the push takes of the
 * NICs beside the island's own traffic.
 */
#include "async_parts.h"

#include <math.h>
#include <stdlib.h>

/* What goes on at a date, unless the learner has gone meanwhile. */
struct timer {
    struct timer *next;
    struct learner *l;
    int64_t life;
    void (*then)(struct learner *);
};

static void go_on(struct learner *l);
static void next_item(struct learner *l);

/* ---- time ---------------------------------------------------------------- */

/* When what is begun now has been worked on for so long at nominal speed. */
static double end_of(const struct lh_async_learner *in, double now_s,
                     double work_s)
{
    double speed = 1.0;

    for (int i = 0; i < in->n_paces; i++) {
        double until_s = in->paces[i].at_s;

        if (until_s > now_s) {
            double done_s = (until_s - now_s) * speed;
            if (work_s <= done_s)
                break;
            work_s -= done_s;
            now_s = until_s;
        }
        speed = in->paces[i].speed;
    }
    return now_s + work_s / speed;
}

static void fire(void *data)
{
    struct timer *t = data;
    struct learner *l = t->l;
    void (*then)(struct learner *) = t->then;
    bool is_void = t->life != l->life;

    t->next = l->m->spare;
    l->m->spare = t;
    if (!is_void)
        then(l);
}

static void work(struct learner *l, double seconds,
                 void (*then)(struct learner *))
{
    struct machine *m = l->m;
    struct timer *t = m->spare;

    if (t)
        m->spare = t->next;
    else
        t = LH_NEW(m->ctx->arena, struct timer, 1);
    *t = (struct timer){.l = l, .life = l->life, .then = then};
    lh__async_keep(m, m->engine->at(m->engine->self,
                                    end_of(l->in, lh__async_now(m), seconds),
                                    fire, t));
}

void lh__async_transfer(struct learner *l, bool up, double bytes,
                        lh_callback call, void *data, lh_flow *flow)
{
    const struct lh_engine *e = l->m->engine;

    lh__async_keep(l->m, e->send(e->self, up ? l->in->up : l->in->down, bytes,
                                 call, data, flow));
}

/* ---- the agenda ---------------------------------------------------------- */

static int by_turn(const void *x, const void *y)
{
    const struct item *a = x, *b = y;

    if (a->turn != b->turn)
        return a->turn < b->turn ? -1 : 1;
    return (a->fragment > b->fragment) - (a->fragment < b->fragment);
}

/* Merges before sends of the same step, but where all wait for them. */
static int by_turn_merges_first(const void *x, const void *y)
{
    const struct item *a = x, *b = y;

    return a->turn == b->turn && a->merges != b->merges ? (a->merges ? -1 : 1)
                                                        : by_turn(x, y);
}

static int by_turn_sends_first(const void *x, const void *y)
{
    const struct item *a = x, *b = y;

    return a->turn == b->turn && a->merges != b->merges ? (a->merges ? 1 : -1)
                                                        : by_turn(x, y);
}

static void agenda_make(struct learner *l)
{
    int64_t n = l->m->n_fragments, steps = l->in->steps;

    l->items = LH_NEW(l->m->ctx->arena, struct item, 2 * n);
    for (int64_t f = 0; f < n; f++) {
        int64_t send = (f + 1) * steps / n;
        send = send > 0 ? send : 1;
        l->items[2 * f] = (struct item){.turn = send, .fragment = f};
        l->items[2 * f + 1] =
            (struct item){.turn = (send + l->in->overlap - 1) % steps + 1,
                          .merges = true,
                          .fragment = f};
    }
    qsort(l->items, (size_t)(2 * n), sizeof *l->items,
          l->in->overlap > 0 ? by_turn_merges_first : by_turn_sends_first);
}

static struct part *part_now(struct learner *l)
{
    return &l->parts[l->items[l->next].fragment];
}

/* ---- rounds -------------------------------------------------------------- */

static double overlap_of(double a0, double a1, double b0, double b1)
{
    return fmax(0.0, fmin(a1, b1) - fmax(a0, b0));
}

/* The exchange as it was: who stood still, from due_s to back_s, for what. */
static void book(struct learner *l, const struct part *p)
{
    struct lh_async_times *t = &l->round;
    double still_s =
        l->m->in->async->goes_on ? 0.0 : fmax(0.0, p->back_s - p->due_s);
    double wait_s = still_s > 0 ? overlap_of(p->due_s, p->back_s, p->arrived_s,
                                             p->answered_s)
                                : 0.0;

    if (wait_s <= 2 * l->m->instant_s) /* that of the server's look alone */
        wait_s = 0;
    t->merges++;
    t->exchange_s += p->back_s - p->pushed_s;
    t->held_s += p->answered_s - p->arrived_s;
    t->wait_s += wait_s;
    t->wan_s += still_s - wait_s;
}

static void round_count(struct learner *l)
{
    struct lh_async_times *t = l->out;
    const struct lh_async_times *r = &l->round;

    t->rounds++;
    t->steps += r->steps;
    t->merges += r->merges;
    t->outer_s += r->outer_s;
    t->exchange_s += r->exchange_s;
    t->held_s += r->held_s;
    t->wait_s += r->wait_s;
    t->wan_s += r->wan_s;
    t->away_s += r->away_s;
    t->all_s = lh__async_now(l->m) - l->begin_s;
}

/* Returns whether that was the last of all. */
static bool round_end(struct learner *l)
{
    struct machine *m = l->m;

    l->sent_last = false;
    l->rounds++;
    if (l->rounds > m->n_warmup)
        round_count(l);
    l->since_s = lh__async_now(m);
    l->round = (struct lh_async_times){0};
    if (l->rounds == m->n_warmup) {
        l->begin_s = l->since_s;
        if (++m->n_warm == m->in->n) {
            m->warm_version = lh__async_versions(m);
            m->warm_s = l->since_s;
        }
    }
    if (l->rounds != m->n_warmup + m->in->async->rounds
        || ++m->n_done < m->in->n)
        return false;
    m->end_s = l->since_s;
    m->engine->stop(m->engine->self);
    return true;
}

/* ---- merging ------------------------------------------------------------- */

static void merged(struct learner *l, struct part *p)
{
    p->place = AT_HOME;
    p->due = false;
    l->round.outer_s += lh__async_share(l->m, p->fragment) * l->in->merge_s;
    book(l, p);
}

static void merged_in_turn(struct learner *l)
{
    merged(l, part_now(l));
    next_item(l);
}

static void merge_in_turn(struct learner *l)
{
    l->awaited = NULL;
    work(l, lh__async_share(l->m, part_now(l)->fragment) * l->in->merge_s,
         merged_in_turn);
}

/* Of what was due before, and is back. */
static struct part *late_part(const struct learner *l)
{
    for (int64_t f = 0; f < l->m->n_fragments; f++)
        if (l->parts[f].due && l->parts[f].place == BACK)
            return &l->parts[f];
    return NULL;
}

static bool has_overdue(const struct learner *l)
{
    for (int64_t f = 0; f < l->m->n_fragments; f++)
        if (l->parts[f].due)
            return true;
    return false;
}

/* ---- on its way ---------------------------------------------------------- */

static void returned(void *data)
{
    struct part *p = data;

    p->l->m->out->returned++;
    p->place = BACK;
    p->back_s = lh__async_now(p->l->m);
    if (p->l->awaited == p)
        merge_in_turn(p->l);
}

void lh__async_answer(struct part *p)
{
    p->place = RETURNING;
    p->answered_s = lh__async_now(p->l->m);
    lh__async_transfer(
        p->l, false, lh__async_share(p->l->m, p->fragment) * p->l->m->in->bytes,
        returned, p, &p->flow);
}

static void push(struct learner *l)
{
    struct machine *m = l->m;
    struct part *p = part_now(l);

    m->out->pushed++;
    l->sent_last |= p->fragment == m->n_fragments - 1;
    l->round.outer_s += lh__async_share(m, p->fragment) * l->in->send_s;
    p->place = PUSHING;
    p->pushed_s = lh__async_now(m);
    lh__async_transfer(l, true, lh__async_share(m, p->fragment) * m->in->bytes,
                       lh__async_arrived, p, &p->flow);
    next_item(l);
}

/* ---- steps --------------------------------------------------------------- */

static void do_item(struct learner *l)
{
    const struct item *item = &l->items[l->next];
    struct part *p = part_now(l);
    bool at_home = p->place == AT_HOME;

    if (!item->merges) {
        if (at_home) {
            work(l, lh__async_share(l->m, p->fragment) * l->in->send_s, push);
            return;
        }
        l->sent_last |= item->fragment == l->m->n_fragments - 1;
        l->m->out->skipped++;
    } else if (!at_home && !p->due) {
        p->due = true;
        p->due_s = lh__async_now(l->m);
        if (p->place == BACK) {
            merge_in_turn(l);
            return;
        }
        if (!l->m->in->async->goes_on) {
            l->awaited = p;
            if (l->m->n_fragments > 1)
                lh__async_look_soon(l->m);
            return;
        }
    }
    next_item(l);
}

static void next_item(struct learner *l)
{
    const struct item *item = &l->items[l->next];

    if (item->merges && item->fragment == l->m->n_fragments - 1 && l->sent_last
        && round_end(l))
        return;
    if (++l->next == 2 * l->m->n_fragments) {
        l->next = 0;
        l->turn -= l->in->steps;
    }
    go_on(l);
}

static void merged_late(struct learner *l);

/* A step has ended. */
static void stepped(struct learner *l)
{
    struct part *late = l->m->in->async->goes_on ? late_part(l) : NULL;

    l->late = late;
    if (late)
        work(l, lh__async_share(l->m, late->fragment) * l->in->merge_s,
             merged_late);
    else if (l->turn < l->items[l->next].turn)
        go_on(l);
    else
        do_item(l);
}

static void merged_late(struct learner *l)
{
    merged(l, l->late);
    stepped(l);
}

/* To the next thing that it does, which is sent without a pause; step by step
 * where something is overdue. */
static void go_on(struct learner *l)
{
    const struct item *item = &l->items[l->next];
    int64_t steps = item->turn - l->turn;
    bool overdue = has_overdue(l);
    bool sends = !item->merges && !overdue && part_now(l)->place == AT_HOME;

    if (steps == 0) {
        do_item(l);
        return;
    }
    if (steps > 1 && overdue)
        steps = 1;
    l->turn += steps;
    l->round.steps += steps;
    if (sends)
        work(l,
             (double)steps * l->in->step_s
                 + lh__async_share(l->m, item->fragment) * l->in->send_s,
             push);
    else
        work(l, (double)steps * l->in->step_s, stepped);
}

/* ---- begin --------------------------------------------------------------- */

void lh__async_start(struct learner *l)
{
    l->next = 0;
    l->turn = 0;
    l->sent_last = false;
    l->round = (struct lh_async_times){0};
    go_on(l);
}

void lh__async_learner_begin(struct learner *l)
{
    struct machine *m = l->m;

    l->parts = LH_NEW(m->ctx->arena, struct part, m->n_fragments);
    for (int64_t f = 0; f < m->n_fragments; f++)
        l->parts[f] = (struct part){.l = l, .fragment = f};
    agenda_make(l);
    lh__async_absences(l);
    lh__async_start(l);
}
