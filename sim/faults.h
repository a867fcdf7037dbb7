/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a scenario's faults and background traffic change: the speed of ranks
 * and the capacity of links, over the time of a step (docs/model.md,
 * "Faults").
 *
 * A schedule is constant from each change to the next; equal schedules are one.
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_FAULTS_H
#define LH_SIM_FAULTS_H

#include <longhaul/trace.h>

struct lh__change {
    double at_s;  /* ascending; the first is 0 */
    double value; /* a rank: speed, 1 = nominal; a link: bytes/s */
};

/* Of a fibre while traffic takes other routes: above all that flows move. */
#define LH__UNUSED_BYTES_PER_S 1e18

struct lh__schedule {
    int32_t n;
    struct lh__change *changes;
};

struct lh__faults {
    int32_t n_schedules;
    struct lh__schedule *schedules;
    int32_t n_ranks; /* that are not nominal, ascending */
    lh_rank *rank;
    int32_t *rank_schedule;
    int32_t n_links; /* whose capacity is not the topology's, ascending */
    lh_link *link;
    int32_t *link_schedule;
    bool dated; /* an entry has a date: one step from rest is simulated */
};

/* Errors: an unknown link, entries that overlap, a link of which nothing is
 * left. */
enum lh_status lh__faults_make(struct lh__faults *out,
                               const struct lh_sim_point *p,
                               struct lh_ctx *ctx) LH_MUST_USE;
/* Room for n entries of each kind. */
void lh__faults_room(struct lh__faults *f, size_t n, struct lh_arena *arena);
/* The number of the schedule, equal ones being one. */
int32_t lh__schedule_add(struct lh__faults *f, struct lh__schedule s);
/* reroute.c: a schedule a fibre and set of routes. */
void lh__reroutes_add(struct lh__faults *f, const struct lh_topology *t,
                      struct lh_arena *arena);
/* The schedule, or -1: nominal.  O(log of the faults). */
int32_t lh__faults_rank(const struct lh__faults *f, lh_rank rank);
int32_t lh__faults_link(const struct lh__faults *f, lh_link link);

/* When what starts at start_s has done `amount`, at the value's rate: the
 * integral over the schedule, whose values are above 0. */
double lh__schedule_end(const struct lh__schedule *s, double start_s,
                        double amount);
/* The integral from one date to a later one. */
double lh__schedule_amount(const struct lh__schedule *s, double from_s,
                           double to_s);
/* The largest value that is in use. */
double lh__schedule_most(const struct lh__schedule *s);

#endif
