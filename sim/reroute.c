/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Capacities of fibres where cuts are routed around (topologies/outage.c): a
 * fibre is a link in every set of routes,
 *
 *   capacity(t, set) = capacity(t) while the routes of the set hold, else so
 *                      much that it never limits
 *
 * so that flows, which cross their fibres of all sets, follow the routes that
 * hold.
 *
 * Place: faults.c, after all else that it knows.  Leaves out: latencies.
 */
#include <math.h>
#include <string.h>

#include "faults.h"

/* The capacity `own` (NULL: always `nominal`) while the routes of a set hold;
 * else so much that it never limits. */
static struct lh__schedule schedule_in_set(const struct lh__schedule *own,
                                           double nominal, int set,
                                           const struct lh_topology *t,
                                           struct lh_arena *arena)
{
    const struct lh_reroute *epoch;
    struct lh__change always = {0, nominal};
    struct lh__schedule c = {1, &always};
    int n = lh_topology_reroutes(t, &epoch);
    if (own)
        c = *own;
    struct lh__schedule s = {.changes =
                                 LH_NEW(arena, struct lh__change, c.n + n)};
    for (int32_t i = 0, e = 0; i < c.n || e < n;) {
        double at_s = fmin(i < c.n ? c.changes[i].at_s : INFINITY,
                           e < n ? epoch[e].from_s : INFINITY);
        i += i < c.n && c.changes[i].at_s <= at_s;
        e += e < n && epoch[e].from_s <= at_s;
        double value = epoch[e - 1].set == set ? c.changes[i - 1].value
                                               : LH__UNUSED_BYTES_PER_S;
        if (s.n == 0 || s.changes[s.n - 1].value != value)
            s.changes[s.n++] = (struct lh__change){at_s, value};
    }
    return s;
}

/* Every fibre has a schedule in every set of routes (topologies/outage.c). */
void lh__reroutes_add(struct lh__faults *f, const struct lh_topology *t,
                      struct lh_arena *arena)
{
    const struct lh__faults own = *f;
    lh_link first = lh_topology_first_fibre(t);
    lh_link n_ways = lh_topology_link_count(t) - first;
    lh_link n_links = lh_topology_link_end(t) - first;
    lh__faults_room(f,
                    (size_t)(own.n_schedules + own.n_links + own.n_ranks)
                        + (size_t)n_links,
                    arena);
    f->rank = own.rank;
    f->rank_schedule = own.rank_schedule;
    memcpy(f->schedules, own.schedules,
           (size_t)own.n_schedules * sizeof *f->schedules);
    for (f->n_links = 0;
         f->n_links < own.n_links && own.link[f->n_links] < first;
         f->n_links++) {
        f->link[f->n_links] = own.link[f->n_links];
        f->link_schedule[f->n_links] = own.link_schedule[f->n_links];
    }
    for (lh_link k = 0; k < n_links; k++) {
        lh_link base = first + k % n_ways;
        double nominal = lh_topology_link_capacity(t, base);
        int32_t id = lh__faults_link(&own, base);
        if (isinf(nominal))
            continue;
        f->link[f->n_links] = first + k;
        f->link_schedule[f->n_links++] = lh__schedule_add(
            f, schedule_in_set(id < 0 ? NULL : &own.schedules[id], nominal,
                               (int)(k / n_ways), t, arena));
    }
    f->dated = true;
}
