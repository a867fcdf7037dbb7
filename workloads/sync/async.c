/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Asynchronous DiLoCo as a state machine on the engine.  A learner trains for
 * H steps, pushes its pseudo-gradient to a server, goes on for tau steps, and
 * waits for what comes back; the server makes an outer step of what has
 * arrived, and answers those whose pushes were in it.
 *
 *   learner   [H - tau steps] send | push ..... back | merge   a round
 *                                  [tau steps]
 *   server    as soon as q pushes are there, and g later, unless all are; not
 *             before it may: after step v -> v + 1 all who are not in it must
 *             have begun at v + 1 - s or later
 *
 * A push that began at version b and is applied in step v -> v + 1 is v - b
 * stale; s = 0, or q = all, is the synchronous form.
 *
 * Sources: Liu et al. 2024, arXiv:2401.09135 (a server that applies each push,
 * steps by speed); Douillard et al. 2026, arXiv:2604.21428 (quorum and grace
 * window); Ho et al. 2013, NIPS (bounded staleness).
 *
 * What arrives within 1e-9 of the shortest step is of one instant, whatever the
 * order in which the engine says so.
 *
 * Leaves out: a grace window that adapts; momentum that is delayed, weights of
 * pushes, which cost nothing; learners that fail; fragments; what the push
 * takes of the NICs beside the island's own traffic.
 */
#include <longhaul/async.h>

#include <math.h>

enum place { TRAINING, PUSHING, AT_SERVER, RETURNING };

struct learner {
    struct machine *m;
    const struct lh_async_learner *in;
    struct lh_async_times *out;
    enum place place;
    int64_t base;   /* version that its next push began at */
    int64_t rounds; /* merged */
    bool due, back; /* tau steps are over; the answer is there */
    double pushed_s, arrived_s, answered_s, due_s, back_s;
    double begin_s; /* of what is measured */
};

struct machine {
    const struct lh_async_input *in;
    const struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh_async_result *out;
    struct learner *learners;
    enum lh_status status;
    double instant_s;
    int64_t version;
    int n_arrived;
    bool looks, applies; /* a look is asked for; an outer step runs */
    double graced_s;     /* when the grace of this quorum ends; < 0: none */
    int n_warm, n_done;
    int64_t warm_version;
    double warm_s;
};

static double now(const struct machine *m)
{
    return m->engine->now(m->engine->self);
}

static void keep(struct machine *m, enum lh_status st)
{
    if (st == LH_OK || m->status != LH_OK)
        return;
    m->status = st;
    m->engine->stop(m->engine->self);
}

static void after(struct machine *m, double seconds, lh_callback call,
                  void *data)
{
    keep(m, m->engine->at(m->engine->self, now(m) + seconds, call, data));
}

static void transfer(struct learner *l, lh_channel channel, lh_callback call)
{
    lh_flow flow;

    keep(l->m, l->m->engine->send(l->m->engine->self, channel, l->m->in->bytes,
                                  call, l, &flow));
}

/* ---- learners ------------------------------------------------------------ */

static void push(void *data);

static double overlap_of(double a0, double a1, double b0, double b1)
{
    return fmax(0.0, fmin(a1, b1) - fmax(a0, b0));
}

/* The round as it was: who stood still, from due_s to back_s, for what. */
static void book(struct learner *l)
{
    struct lh_async_times *t = l->out;
    double still_s = fmax(0.0, l->back_s - l->due_s);
    double wait_s =
        overlap_of(l->due_s, l->back_s, l->arrived_s, l->answered_s);

    if (wait_s <= 2 * l->m->instant_s) /* that of the server's look alone */
        wait_s = 0;
    t->rounds++;
    t->exchange_s += l->back_s - l->pushed_s;
    t->held_s += l->answered_s - l->arrived_s;
    t->wait_s += wait_s;
    t->wan_s += still_s - wait_s;
    t->all_s = now(l->m) - l->begin_s;
}

static bool is_warm(const struct machine *m)
{
    return m->n_warm == m->in->n;
}

static void merged(void *data)
{
    struct learner *l = data;
    struct machine *m = l->m;

    l->rounds++;
    if (l->rounds > LH_ASYNC_WARMUP)
        book(l);
    if (l->rounds == LH_ASYNC_WARMUP) {
        l->begin_s = now(m);
        if (++m->n_warm == m->in->n) {
            m->warm_version = m->version;
            m->warm_s = now(m);
        }
    }
    if (l->rounds == LH_ASYNC_WARMUP + m->in->async->rounds
        && ++m->n_done == m->in->n) {
        m->engine->stop(m->engine->self);
        return;
    }
    l->place = TRAINING;
    after(m,
          (double)(l->in->steps - l->in->overlap) * l->in->step_s
              + l->in->send_s,
          push, l);
}

static void try_merge(struct learner *l)
{
    if (l->due && l->back)
        after(l->m, l->in->merge_s, merged, l);
}

static void due(void *data)
{
    struct learner *l = data;

    l->due = true;
    l->due_s = now(l->m);
    try_merge(l);
}

static void returned(void *data)
{
    struct learner *l = data;

    l->m->out->returned++;
    l->back = true;
    l->back_s = now(l->m);
    try_merge(l);
}

/* ---- server -------------------------------------------------------------- */

static void look(void *data);

static void look_after(struct machine *m, double seconds)
{
    if (m->looks)
        return;
    m->looks = true;
    after(m, seconds, look, m);
}

static void note_staleness(struct machine *m, int64_t staleness)
{
    struct lh_async_result *out = m->out;
    int i = staleness < LH_ASYNC_STALENESS ? (int)staleness
                                           : LH_ASYNC_STALENESS - 1;

    if (!is_warm(m))
        return;
    out->staleness[i]++;
    if (i >= out->staleness_n)
        out->staleness_n = i + 1;
    if (staleness > out->staleness_max)
        out->staleness_max = staleness;
}

/* The outer step is made of those that were there when it began. */
static void applied(void *data)
{
    struct machine *m = data;

    m->applies = false;
    for (int i = 0; i < m->in->n; i++) {
        struct learner *l = &m->learners[i];

        if (l->place != RETURNING || l->answered_s >= 0)
            continue;
        note_staleness(m, m->version - l->base);
        l->base = m->version + 1;
        l->answered_s = now(m);
        m->out->applied++;
        transfer(l, l->in->down, returned);
    }
    m->version++;
    look_after(m, m->instant_s);
}

/* Would nobody become too stale? */
static bool may_apply(const struct machine *m)
{
    int64_t most = m->in->async->max_staleness;

    for (int i = 0; most >= 0 && i < m->in->n; i++) {
        const struct learner *l = &m->learners[i];

        if (l->place != AT_SERVER && m->version + 1 - l->base > most)
            return false;
    }
    return true;
}

static void apply(struct machine *m)
{
    for (int i = 0; i < m->in->n; i++)
        if (m->learners[i].place == AT_SERVER) {
            m->learners[i].place = RETURNING;
            m->learners[i].answered_s = -1;
        }
    m->n_arrived = 0;
    m->graced_s = -1;
    m->applies = true;
    after(m, m->in->apply_s, applied, m);
}

static void graced(void *data)
{
    look_after(data, 0);
}

/* Is there still time for more? */
static bool is_graced(struct machine *m)
{
    double grace_s = m->in->async->grace_s;

    if (m->n_arrived == m->in->n || grace_s <= 0)
        return false;
    if (m->graced_s < 0) {
        m->graced_s = now(m) + grace_s;
        after(m, grace_s, graced, m);
    }
    return now(m) < m->graced_s - m->instant_s;
}

static void look(void *data)
{
    struct machine *m = data;

    m->looks = false;
    if (!m->applies && m->n_arrived >= m->in->async->quorum && may_apply(m)
        && !is_graced(m))
        apply(m);
}

static void arrived(void *data)
{
    struct learner *l = data;

    l->m->out->received++;
    l->place = AT_SERVER;
    l->arrived_s = now(l->m);
    l->m->n_arrived++;
    look_after(l->m, l->m->instant_s);
}

static void push(void *data)
{
    struct learner *l = data;

    l->m->out->pushed++;
    l->place = PUSHING;
    l->due = l->back = false;
    l->pushed_s = now(l->m);
    transfer(l, l->in->up, arrived);
    after(l->m, (double)l->in->overlap * l->in->step_s, due, l);
}

/* ---- all ----------------------------------------------------------------- */

static void begin(struct machine *m)
{
    double step_s = (double)INFINITY;

    m->learners = LH_NEW(m->ctx->arena, struct learner, m->in->n);
    for (int i = 0; i < m->in->n; i++)
        step_s = fmin(step_s, m->in->learners[i].step_s);
    m->instant_s = 1e-9 * step_s;
    m->graced_s = -1;
    for (int i = 0; i < m->in->n; i++) {
        struct learner *l = &m->learners[i];

        *l = (struct learner){
            .m = m, .in = &m->in->learners[i], .out = &m->out->times[i]};
        after(m, (double)l->in->steps * l->in->step_s + l->in->send_s, push, l);
    }
}

/* Whoever pushed is under way, there, answered or back. */
static bool is_conserved(const struct machine *m)
{
    int64_t pushing = 0, there = 0, returning = 0;

    for (int i = 0; i < m->in->n; i++) {
        const struct learner *l = &m->learners[i];
        bool answered = l->place == RETURNING && l->answered_s >= 0;

        pushing += l->place == PUSHING;
        there += l->place == AT_SERVER || (l->place == RETURNING && !answered);
        returning += answered && !l->back;
    }
    return m->out->pushed == m->out->received + pushing
           && m->out->received == m->out->applied + there
           && m->out->applied == m->out->returned + returning;
}

enum lh_status lh_async_loop(struct lh_async_result *out,
                             const struct lh_async_input *input,
                             const struct lh_engine *engine, struct lh_ctx *ctx)
{
    struct machine m = {.in = input, .engine = engine, .ctx = ctx, .out = out};

    begin(&m);
    keep(&m, engine->run(engine->self));
    if (m.status != LH_OK)
        return m.status;
    out->versions = m.version - m.warm_version;
    out->versions_s = now(&m) - m.warm_s;
    if (m.n_done == input->n && is_conserved(&m))
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "internal: learners: %d of %d have ended, %lld pushes, %lld "
             "received, %lld applied, %lld returned",
             m.n_done, input->n, (long long)out->pushed,
             (long long)out->received, (long long)out->applied,
             (long long)out->returned);
    return LH_FAILED;
}
