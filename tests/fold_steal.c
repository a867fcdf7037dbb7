/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What communication takes of multiprocessors, looked at from the other end
 * than sim/pace.c: not operation by operation as things happen, but in the
 * finished trace.  Between two dates at which nothing begins, ends or changes,
 * a rank computes at
 *
 *   its speed x (1 - min(1/2, multiprocessors of all it has in flight / its
 *   own))
 *
 * and over an operation from its start to its end this adds up to the
 * operation's seconds.  In a steady step, or cycle of them, what is in flight
 * of the steps before and after is this one's, moved by whole steps or cycles;
 * of a step that others repeat, which were left out, it is its own.
 */
#include <math.h>
#include <stdlib.h>

#include "fold_pair.h"

enum { CUTS_MAX = 4096 };

/* A communication in flight, in the times of the trace. */
struct flight {
    double from_s, to_s, sms;
};

struct sight {
    const struct lh_trace *t;
    const struct lh__placed *placed;
    struct lh_arena *arena;
    int32_t class;
    bool repeats;
    int32_t step;          /* of those kept */
    double begin_s, end_s; /* of what it computes */
    struct flight *flights;
    size_t capacity, n_flights;
    double cut_s[CUTS_MAX];
    int n_cuts;
};

static void cut(struct sight *s, double date_s, double from_s, double to_s)
{
    if (date_s > from_s && date_s < to_s && s->n_cuts < CUTS_MAX)
        s->cut_s[s->n_cuts++] = date_s;
}

static double class_begin_s(const struct sight *s, int32_t step)
{
    return s->t->class_begin_s[(int64_t)step * s->t->n_classes + s->class];
}

static double class_end_s(const struct sight *s, int32_t step)
{
    return s->t->class_end_s[(int64_t)step * s->t->n_classes + s->class];
}

/* The communications of a kept step, moved by so much, as far as the step in
 * sight computes beside them. */
static void flights_of(struct sight *s, int32_t step, double shift_s)
{
    const struct lh_trace *t = s->t;
    for (int64_t r = t->class_first[s->class]; r < t->class_first[s->class + 1];
         r++) {
        int64_t i = step * t->n_records + r;
        if (t->group[r] < 0 || t->start_s[i] < 0)
            continue;
        struct flight f = {t->start_s[i] + shift_s, t->end_s[i] + shift_s,
                           (double)s->placed->group_sms[t->group[r]]};
        if (f.sms == 0 || f.to_s <= s->begin_s || f.from_s >= s->end_s)
            continue;
        s->flights = lh_grow(s->arena, s->flights, &s->capacity,
                             s->n_flights + 1, sizeof *s->flights);
        s->flights[s->n_flights++] = f;
    }
}

/* Of the cycle that is kept, and those beside it. */
static void flights_find(struct sight *s)
{
    int32_t n = lh_trace_steps(s->t);
    double cycle_s = class_end_s(s, n - 1) - class_begin_s(s, 0);
    s->n_flights = 0;
    for (int k = s->repeats ? -1 : 0; k <= (s->repeats ? 1 : 0); k++) {
        for (int32_t i = 0; i < n; i++) {
            double length_s = class_end_s(s, i) - class_begin_s(s, i);
            int64_t more = s->t->step_repeats ? s->t->step_repeats[i] : 0;
            flights_of(s, i, k * cycle_s);
            if (more > 0)
                flights_of(s, i, k * cycle_s + length_s);
            if (more > 1)
                flights_of(s, i, k * cycle_s + (double)more * length_s);
        }
    }
}

/* The dates between two others at which the rate of a class may change. */
static void cuts_find(struct sight *s, double from_s, double to_s)
{
    const struct lh__schedule *speed = s->placed->class_schedule[s->class];
    s->n_cuts = 0;
    for (size_t i = 0; i < s->n_flights; i++) {
        cut(s, s->flights[i].from_s, from_s, to_s);
        cut(s, s->flights[i].to_s, from_s, to_s);
    }
    for (int32_t i = 0; speed && i < speed->n; i++)
        cut(s, speed->changes[i].at_s, from_s, to_s);
}

static double speed_at(const struct sight *s, double date_s)
{
    const struct lh__schedule *speed = s->placed->class_schedule[s->class];
    double now = s->placed->class_speed[s->class];
    for (int32_t i = 0; speed && i < speed->n; i++) {
        if (speed->changes[i].at_s <= date_s)
            now = speed->changes[i].value;
    }
    return now;
}

static double taken_at(const struct sight *s, double date_s)
{
    double taken = 0, own = (double)s->placed->class_sms[s->class];
    for (size_t i = 0; i < s->n_flights; i++) {
        if (s->flights[i].from_s < date_s && date_s < s->flights[i].to_s)
            taken += s->flights[i].sms;
    }
    return own > 0 ? fmin(0.5, taken / own) : 0.0;
}

static int by_value(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* The seconds at speed 1 that a class computes between two dates. */
static double computed_s(struct sight *s, double from_s, double to_s)
{
    double sum_s = 0, last_s = from_s;
    cuts_find(s, from_s, to_s);
    qsort(s->cut_s, (size_t)s->n_cuts, sizeof *s->cut_s, by_value);
    for (int i = 0; i <= s->n_cuts; i++) {
        double next_s = i < s->n_cuts ? s->cut_s[i] : to_s;
        double middle_s = last_s + (next_s - last_s) / 2;
        sum_s += (next_s - last_s) * speed_at(s, middle_s)
                 * (1 - taken_at(s, middle_s));
        last_s = next_s;
    }
    return sum_s;
}

static const struct lh_op *op_of(const struct pair *p, const struct lh_trace *t,
                                 int32_t c, int64_t r)
{
    return &p->program.templates[t->class_template[c]]
                .ops[r - t->class_first[c]];
}

/* What the steps take that were left out after a kept one, of a class. */
static double left_out_s(const struct lh_trace *t, int32_t step, int32_t c)
{
    int64_t at = (int64_t)step * t->n_classes + c;
    return t->class_begin_s[at + t->n_classes] - t->class_end_s[at];
}

/* Do steps left out before or after the one in sight take its class longer than
 * others?  Then what it has in flight at that end is not simulated beside it
 * (sim/repeat.c). */
static bool waits_for_rest(const struct sight *s)
{
    const struct lh_trace *t = s->t;
    for (int32_t i = s->step - 1; i <= s->step; i++) {
        if (i < 0 || i + 1 >= lh_trace_steps(t) || t->step_repeats[i] == 0)
            continue;
        double own_s = left_out_s(t, i, s->class);
        for (int32_t c = 0; c < t->n_classes; c++) {
            if (own_s > left_out_s(t, i, c) * (1 + 1e-12))
                return true;
        }
    }
    return false;
}

/* Where the trace is not all that is run, and does not repeat, what the steps
 * before have in flight is not in it: then a rank has computed no more than it
 * seems. */
static const char *step_differs(struct pair *p, struct sight *s)
{
    const struct lh_trace *t = s->t;
    bool complete = t->steady || t->steps_simulated == lh_trace_steps(t);
    for (int64_t r = t->class_first[s->class]; r < t->class_first[s->class + 1];
         r++) {
        const struct lh_op *op = op_of(p, t, s->class, r);
        int64_t i = s->step * t->n_records + r;
        if (op->kind != LH_OP_COMPUTE || t->start_s[i] < 0)
            continue;
        double seen_s = computed_s(s, t->start_s[i], t->end_s[i]);
        double tol_s = 1e-9 * t->step_time_s * lh_trace_steps(t);
        if ((!waits_for_rest(s) && seen_s < op->seconds - tol_s)
            || (complete && seen_s > op->seconds + tol_s))
            return lh_format(p->ctx.arena,
                             "record %lld of class %d in step %d computes "
                             "%.17g s, by what is in flight %.17g",
                             (long long)r, s->class, s->step, op->seconds,
                             seen_s);
    }
    return NULL;
}

/* From the first to the last that the step in sight computes. */
static void bounds_find(struct pair *p, struct sight *s)
{
    const struct lh_trace *t = s->t;
    s->begin_s = INFINITY;
    s->end_s = 0;
    for (int64_t r = t->class_first[s->class]; r < t->class_first[s->class + 1];
         r++) {
        int64_t i = s->step * t->n_records + r;
        if (op_of(p, t, s->class, r)->kind != LH_OP_COMPUTE
            || t->start_s[i] < 0)
            continue;
        s->begin_s = fmin(s->begin_s, t->start_s[i]);
        s->end_s = fmax(s->end_s, t->end_s[i]);
    }
}

static const char *class_differs(struct pair *p, struct sight *s)
{
    const char *why = NULL;
    for (s->step = 0; s->step < lh_trace_steps(s->t) && !why; s->step++) {
        bounds_find(p, s);
        flights_find(s);
        why = step_differs(p, s);
    }
    return why;
}

const char *stealing_differs(struct pair *p)
{
    struct sight *s = LH_NEW(p->ctx.arena, struct sight, 1);
    const char *why = NULL;
    for (int side = 0; side < SIDES && !why; side++) {
        s->t = &p->trace[side];
        s->placed = &p->placed[side];
        s->arena = p->ctx.arena;
        s->repeats = s->t->steady && s->t->steps_simulated > 1;
        for (s->class = 0; s->class < s->t->n_classes && !why; s->class ++)
            why = class_differs(p, s);
    }
    return why;
}

bool computing_is_slowed(const struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    for (int32_t c = 0; c < t->n_classes; c++) {
        for (int64_t r = t->class_first[c]; r < t->class_first[c + 1]; r++) {
            const struct lh_op *op = op_of(p, t, c, r);
            double own_s = op->seconds / p->placed[FOLDED].class_speed[c];
            if (op->kind == LH_OP_COMPUTE
                && p->placed[FOLDED].class_schedule[c] == NULL
                && t->end_s[r] - t->start_s[r] > 1.001 * own_s)
                return true;
        }
    }
    return false;
}
