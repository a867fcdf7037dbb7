/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners of async.c that are away for a while: preempted, or failed and
 * replaced (Douillard et al. 2026, arXiv:2604.21428).  Then nobody computes;
 * what was on its way is lost, what is at the server counts; the round that it
 * was in is lost.  At the end of its absence it fetches the outer parameters of
 * the server, and begins a cycle.
 *
 * Place: beside async_learner.c.  Leaves out: state of the inner optimiser,
 * which a healthy learner or a checkpoint has.
 */
#include "async_parts.h"

static void part_forget(struct part *p)
{
    struct machine *m = p->l->m;
    bool on_its_way = p->place == PUSHING || p->place == RETURNING;

    if (on_its_way)
        m->engine->cancel(m->engine->self, p->flow);
    m->lost_there += p->place == PUSHING;
    m->lost_here += p->place == RETURNING || p->place == IN_STEP;
    p->due = false;
    p->orphan = p->place == AT_SERVER;
    if (!p->orphan)
        p->place = AT_HOME;
}

static void leave(void *data)
{
    struct learner *l = data;
    struct machine *m = l->m;

    if (l->fetches)
        m->engine->cancel(m->engine->self, l->fetch);
    m->n_away += !l->away;
    l->fetches = false;
    l->away = true;
    l->life++;
    l->awaited = NULL;
    for (int64_t f = 0; f < m->n_fragments; f++)
        part_forget(&l->parts[f]);
    lh__async_look_soon(m);
}

static void fetched(void *data)
{
    struct learner *l = data;
    double now_s = lh__async_now(l->m);
    double away_s = l->round.away_s + now_s - l->since_s;

    l->fetches = false;
    l->away = false;
    l->m->n_away--;
    l->since_s = now_s;
    lh__async_start(l);
    l->round.away_s = away_s;
}

static void come_back(void *data)
{
    struct learner *l = data;
    struct machine *m = l->m;

    for (int64_t f = 0; f < m->n_fragments; f++) {
        if (l->parts[f].orphan) { /* at the server still */
            l->parts[f] = (struct part){.l = l, .fragment = f};
            m->shelves[f].n_arrived--;
            m->replaced++;
        }
        l->parts[f].base = m->shelves[f].version + (m->applies == f);
    }
    l->fetches = true;
    lh__async_transfer(l, false, m->in->fetch_bytes, fetched, l, &l->fetch);
}

void lh__async_absences(struct learner *l)
{
    for (int i = 0; i < l->in->n_absences; i++) {
        lh__async_after(l->m, l->in->absences[i].from_s, leave, l);
        lh__async_after(l->m, l->in->absences[i].to_s, come_back, l);
    }
}
