/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The server of async.c.  Of every fragment it makes an outer step, one at a
 * time, as soon as q pushes are there, and g later, unless all are who are not
 * away; then it answers those whose pushes were in it, and only those.
 *
 *   max_staleness s, held      not before it may: after step v -> v + 1 all who
 *                              are not in it must have begun at v + 1 - s or
 *                              later
 *   max_staleness s, dropped   nobody is waited for; a push that is more than s
 *                              behind is answered with what there is, and is
 *                              in no step
 *
 * With several fragments learners can stand still for different ones, each
 * with less than a quorum: then the one with most pushes is taken.
 *
 * A push that began at version b and is applied in step v -> v + 1 is v - b
 * stale.
 *
 * Place: one side of the machine of async.c, which has the sources.  Leaves
 * out: a grace window that adapts; answers to all, as that of Decoupled DiLoCo
 * gives (who was not in a step gets it with the answer to its own push).
 */
#include "async_parts.h"

static void look(void *data);

static void look_after(struct machine *m, double seconds)
{
    if (m->looks)
        return;
    m->looks = true;
    lh__async_after(m, seconds, look, m);
}

void lh__async_look_soon(struct machine *m)
{
    look_after(m, m->instant_s);
}

static struct part *part_of(const struct machine *m, int learner,
                            int64_t fragment)
{
    return &m->learners[learner].parts[fragment];
}

/* ---- outer steps --------------------------------------------------------- */

static void note_staleness(struct machine *m, int64_t staleness)
{
    struct lh_async_result *out = m->out;
    int i = staleness < LH_ASYNC_STALENESS ? (int)staleness
                                           : LH_ASYNC_STALENESS - 1;

    if (m->n_warm < m->in->n)
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
    struct shelf *shelf = &m->shelves[m->applies];

    for (int i = 0; i < m->in->n; i++) {
        struct part *p = part_of(m, i, m->applies);

        if (p->place != IN_STEP)
            continue;
        p->base = shelf->version + 1;
        lh__async_answer(p);
    }
    shelf->version++;
    m->applies = -1;
    look_after(m, m->instant_s);
}

static void apply(struct machine *m, int64_t fragment)
{
    struct shelf *shelf = &m->shelves[fragment];

    for (int i = 0; i < m->in->n; i++) {
        struct part *p = part_of(m, i, fragment);

        if (p->place != AT_SERVER)
            continue;
        note_staleness(m, shelf->version - p->base);
        m->out->applied++;
        m->lost_here += p->orphan; /* nobody is there to be answered */
        p->place = p->orphan ? AT_HOME : IN_STEP;
        p->orphan = false;
    }
    shelf->n_arrived = 0;
    shelf->graced_s = -1;
    m->applies = fragment;
    lh__async_after(m, lh__async_share(m, fragment) * m->in->apply_s, applied,
                    m);
}

/* ---- when ---------------------------------------------------------------- */

/* Would nobody become too stale? */
static bool may_apply(const struct machine *m, int64_t fragment)
{
    int64_t most = m->in->async->max_staleness;
    int64_t version = m->shelves[fragment].version;

    if (most < 0 || m->in->async->drops)
        return true;
    for (int i = 0; i < m->in->n; i++) {
        const struct learner *l = &m->learners[i];
        const struct part *p = &l->parts[fragment];

        bool is_there = !l->away || l->fetches;

        if (p->place != AT_SERVER && is_there && version + 1 - p->base > most)
            return false;
    }
    return true;
}

static void drop_stale(struct machine *m, int64_t fragment)
{
    struct shelf *shelf = &m->shelves[fragment];

    for (int i = 0; i < m->in->n; i++) {
        struct part *p = part_of(m, i, fragment);
        bool too_stale = shelf->version - p->base > m->in->async->max_staleness;

        if (p->place != AT_SERVER || !too_stale)
            continue;
        m->out->dropped++;
        shelf->n_arrived--;
        p->base = shelf->version;
        if (!p->orphan) {
            lh__async_answer(p);
            continue;
        }
        m->lost_here++;
        p->place = AT_HOME;
        p->orphan = false;
    }
}

static void graced(void *data)
{
    look_after(data, 0);
}

/* Is there still time for more? */
static bool is_graced(struct machine *m, struct shelf *shelf)
{
    double grace_s = m->in->async->grace_s;

    if (shelf->n_arrived >= m->in->n - m->n_away || grace_s <= 0)
        return false;
    if (shelf->graced_s < 0) {
        shelf->graced_s = lh__async_now(m) + grace_s;
        lh__async_after(m, grace_s, graced, m);
    }
    return lh__async_now(m) < shelf->graced_s - m->instant_s;
}

/* Do all wait for what is at the server, and nothing more is coming? */
static bool is_stuck(const struct machine *m)
{
    if (m->n_fragments == 1 || m->applies >= 0 || m->n_away > 0)
        return false;
    for (int i = 0; i < m->in->n; i++) {
        const struct learner *l = &m->learners[i];

        if (l->awaited == NULL || l->awaited->place != AT_SERVER)
            return false;
        for (int64_t f = 0; f < m->n_fragments; f++)
            if (l->parts[f].place == PUSHING)
                return false;
    }
    return true;
}

/* Of the fragments that may be, that of most pushes. */
static void force(struct machine *m)
{
    int64_t best = -1;

    for (int may = 1; may >= 0 && best < 0; may--)
        for (int64_t f = 0; f < m->n_fragments; f++)
            if (m->shelves[f].n_arrived > 0 && (!may || may_apply(m, f))
                && (best < 0
                    || m->shelves[f].n_arrived > m->shelves[best].n_arrived))
                best = f;
    m->out->forced++;
    apply(m, best);
}

static void look(void *data)
{
    struct machine *m = data;
    bool waits = false;

    m->looks = false;
    for (int64_t f = 0; f < m->n_fragments && m->applies < 0; f++) {
        struct shelf *shelf = &m->shelves[f];

        if (shelf->n_arrived == 0)
            continue;
        if (m->in->async->drops && m->in->async->max_staleness >= 0)
            drop_stale(m, f);
        if (shelf->n_arrived < m->in->async->quorum || !may_apply(m, f))
            continue;
        if (is_graced(m, shelf))
            waits = true;
        else
            apply(m, f);
    }
    if (!waits && is_stuck(m))
        force(m);
}

void lh__async_arrived(void *part)
{
    struct part *p = part;
    struct machine *m = p->l->m;

    m->out->received++;
    p->place = AT_SERVER;
    p->arrived_s = lh__async_now(m);
    m->shelves[p->fragment].n_arrived++;
    look_after(m, m->instant_s);
}
