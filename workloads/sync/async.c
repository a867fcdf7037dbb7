/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Asynchronous DiLoCo as a state machine on the engine.  A learner trains for
 * H steps, pushes its pseudo-gradient to a server, goes on for tau steps, and
 * waits for what comes back (or goes on, async_learner.c); the server makes an
 * outer step of what has arrived, and answers those whose pushes were in it
 * (async_server.c).  The model may go in P fragments, one every H / P steps.
 *
 *   learner   [H - tau steps] send | push ..... back | merge   a round
 *                                  [tau steps]
 *   server    of a fragment: as soon as q pushes are there
 *
 * s = 0, or q = all, is the synchronous form.
 *
 * Sources: Liu et al. 2024, arXiv:2401.09135 (a server that applies each push,
 * steps by speed); Douillard et al. 2026, arXiv:2604.21428 (Decoupled DiLoCo:
 * fragments, quorum and grace window, learners that never wait and that are
 * away); Ho et al. 2013, NIPS (bounded staleness).  All are of a server: where
 * peers average there is no quorum (that is gossip.c).
 *
 * What arrives within 1e-9 of the shortest step is of one instant, whatever the
 * order in which the engine says so.
 *
 * Leaves out: momentum that is delayed, weights of pushes, which cost nothing;
 * what the push takes of the NICs beside the island's own traffic.
 */
#include <longhaul/async.h>

#include <math.h>

#include "async_parts.h"

double lh__async_now(const struct machine *m)
{
    return m->engine->now(m->engine->self);
}

void lh__async_keep(struct machine *m, enum lh_status st)
{
    if (st == LH_OK || m->status != LH_OK)
        return;
    m->status = st;
    m->engine->stop(m->engine->self);
}

void lh__async_after(struct machine *m, double seconds, lh_callback call,
                     void *data)
{
    lh__async_keep(m, m->engine->at(m->engine->self, lh__async_now(m) + seconds,
                                    call, data));
}

double lh__async_share(const struct machine *m, int64_t fragment)
{
    return m->in->share ? m->in->share[fragment] : 1.0;
}

int64_t lh__async_versions(const struct machine *m)
{
    int64_t sum = 0;

    for (int64_t f = 0; f < m->n_fragments; f++)
        sum += m->shelves[f].version;
    return sum;
}

static void begin(struct machine *m)
{
    double step_s = (double)INFINITY;

    m->n_fragments = m->in->share ? m->in->n_fragments : 1;
    m->learners = LH_NEW(m->ctx->arena, struct learner, m->in->n);
    m->shelves = LH_NEW(m->ctx->arena, struct shelf, m->n_fragments);
    for (int64_t f = 0; f < m->n_fragments; f++)
        m->shelves[f].graced_s = -1;
    for (int i = 0; i < m->in->n; i++)
        step_s = fmin(step_s, m->in->learners[i].step_s);
    m->instant_s = 1e-9 * step_s;
    m->applies = -1;
    m->n_warmup = m->in->from_rest ? 0 : LH_ASYNC_WARMUP;
    m->n_warm = m->in->from_rest ? m->in->n : 0;
    for (int i = 0; i < m->in->n; i++) {
        m->learners[i] = (struct learner){
            .m = m, .in = &m->in->learners[i], .out = &m->out->times[i]};
        lh__async_learner_begin(&m->learners[i]);
    }
}

/* Whoever pushed is under way, there, answered, back or lost. */
static bool is_conserved(const struct machine *m)
{
    const struct lh_async_result *out = m->out;
    int64_t n[BACK + 1] = {0};

    for (int i = 0; i < m->in->n; i++)
        for (int64_t f = 0; f < m->n_fragments; f++)
            n[m->learners[i].parts[f].place]++;
    return out->pushed == out->received + n[PUSHING] + m->lost_there
           && out->received
                  == out->applied + out->dropped + n[AT_SERVER] + m->replaced
           && out->applied + out->dropped
                  == out->returned + n[IN_STEP] + n[RETURNING] + m->lost_here;
}

enum lh_status lh_async_loop(struct lh_async_result *out,
                             const struct lh_async_input *input,
                             const struct lh_engine *engine, struct lh_ctx *ctx)
{
    struct machine m = {.in = input, .engine = engine, .ctx = ctx, .out = out};

    begin(&m);
    lh__async_keep(&m, engine->run(engine->self));
    if (m.status != LH_OK)
        return m.status;
    out->versions = lh__async_versions(&m) - m.warm_version;
    out->versions_s = m.end_s - m.warm_s;
    out->lost = m.lost_there + m.lost_here + m.replaced;
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
