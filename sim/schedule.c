/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Schedules: values over the time of a step, constant from each change to the
 * next; equal ones are kept once.
 * Place: faults.c and reroute.c make them, pace.c and run.c ask.
 */
#include <math.h>

#include "faults.h"

void lh__faults_room(struct lh__faults *out, size_t n, struct lh_arena *arena)
{
    out->schedules = LH_NEW(arena, struct lh__schedule, n);
    out->rank = LH_NEW(arena, lh_rank, n);
    out->rank_schedule = LH_NEW(arena, int32_t, n);
    out->link = LH_NEW(arena, lh_link, n);
    out->link_schedule = LH_NEW(arena, int32_t, n);
}

static bool schedules_equal(const struct lh__schedule *a,
                            const struct lh__schedule *b)
{
    if (a->n != b->n)
        return false;
    for (int32_t i = 0; i < a->n; i++) {
        if (a->changes[i].at_s != b->changes[i].at_s
            || a->changes[i].value != b->changes[i].value)
            return false;
    }
    return true;
}

int32_t lh__schedule_add(struct lh__faults *f, struct lh__schedule s)
{
    for (int32_t i = 0; i < f->n_schedules; i++) {
        if (schedules_equal(&f->schedules[i], &s))
            return i;
    }
    f->schedules[f->n_schedules] = s;
    return f->n_schedules++;
}

double lh__schedule_end(const struct lh__schedule *s, double start_s,
                        double amount)
{
    int32_t i = 0;
    while (i + 1 < s->n && s->changes[i + 1].at_s <= start_s)
        i++;
    for (; i + 1 < s->n; i++) {
        double until_s = s->changes[i + 1].at_s;
        double done = (until_s - start_s) * s->changes[i].value;
        if (amount <= done)
            break;
        amount -= done;
        start_s = until_s;
    }
    return start_s + amount / s->changes[i].value;
}

double lh__schedule_amount(const struct lh__schedule *s, double from_s,
                           double to_s)
{
    double amount = 0;
    for (int32_t i = 0; i < s->n; i++) {
        double begin_s = fmax(from_s, s->changes[i].at_s);
        double end_s = i + 1 < s->n ? fmin(to_s, s->changes[i + 1].at_s) : to_s;
        amount += fmax(0.0, end_s - begin_s) * s->changes[i].value;
    }
    return amount;
}

double lh__schedule_most(const struct lh__schedule *s)
{
    double most = 0;
    for (int32_t i = 0; i < s->n; i++) {
        if (s->changes[i].value < LH__UNUSED_BYTES_PER_S)
            most = fmax(most, s->changes[i].value);
    }
    return most;
}
