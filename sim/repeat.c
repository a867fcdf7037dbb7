/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When the executor may stop, and which steps it need not run.
 *
 * Without cycles a step is compared with the one before it, and the run stops
 * where they agree.  With cycles (ops that run in one step of every
 * cycle_steps) it is compared with the one a cycle before it, together with the
 * ops with turns of so many steps as one may keep another waiting.
 *
 * Folding in time.  Let step k and the one before it agree, in every end of
 * every class, up to one interval a class; let no op with a turn run in them,
 * nor in the steps begun since, and all before them have ended before they
 * began.  Then the
 * state at their ends is the same but for the time, and so is what follows,
 * until the next op with a turn: those steps are not run.  The clock goes on
 * without them, so that the next step overlaps with the last one in hand as it
 * would with the last of those left out; their time is added to what is
 * reported.  Classes have intervals of their own where they do not wait for
 * each other (sites); the same holds if they share no link.  The clock leaves
 * out the shortest interval, and what the last step in hand hands on to the
 * other classes comes later by their number x the rest.
 *
 * Left out: steps that repeat every second or third time only, they are run;
 * of classes that wait for the rest, what a step has in flight at its end
 * beside the one after those left out.
 */
#include "steps.h"

#include <math.h>

static const double same = 1e-12; /* of a time: one instant */
/* Of a cycle, over which the rounding of its many events adds up. */
static const double same_cycle = 1e-10;

static const struct lh_op *op_of(const struct lh__steps *s, int64_t r)
{
    int32_t c = s->record_class[r];
    return &lh__steps_template(s, c)->ops[r - s->p->class_first[c]];
}

/* ---- does the state repeat? ---------------------------------------------- */

/* After the first step or cycle it does if all classes end it at one instant
 * with nothing in flight and nothing carried over. */
static bool ends_agree(const struct lh__steps *s, int32_t slot)
{
    double e = s->at[slot]->class_end_s[0];
    for (int32_t c = 1; c < s->p->n_classes; c++) {
        if (fabs(s->at[slot]->class_end_s[c] - e) > same * e)
            return false;
    }
    for (int32_t i = 0; i <= slot; i++) {
        for (int64_t r = 0; r < s->p->n_records; r++) {
            if (s->at[i]->times[r].end_s > e * (1 + same))
                return false;
        }
    }
    for (int t = 0; t < s->p->program->n_templates; t++) {
        if (s->followers[t].any_carried)
            return false;
    }
    return true;
}

/* Of a class, from the end of one step to that of another. */
static double interval(const struct lh__steps *s, int32_t slot, int32_t early,
                       int32_t c)
{
    const struct lh__step *now = s->at[slot], *before = s->at[early];
    return now->class_end_s[c] - before->class_end_s[c]
           + (now->ahead_s - before->ahead_s);
}

/* Of a record. */
static double shift(const struct lh__steps *s, int32_t slot, int32_t early,
                    int64_t r)
{
    const struct lh__step *now = s->at[slot], *before = s->at[early];
    return now->times[r].end_s - before->times[r].end_s
           + (now->ahead_s - before->ahead_s);
}

/* Later it does if every operation of a class ended one interval, the class's
 * own, after the same operation of the step before, to 1e-12 of the time; or of
 * the cycle before, to so much of the interval. */
static bool records_agree(const struct lh__steps *s, int32_t slot,
                          int32_t early, double tolerance)
{
    const struct lh__step *now = s->at[slot];
    for (int32_t c = 0; c < s->p->n_classes; c++) {
        double interval_s = interval(s, slot, early, c);
        for (int64_t r = s->p->class_first[c]; r < s->p->class_first[c + 1];
             r++) {
            double shift_s = shift(s, slot, early, r);
            if (now->times[r].end_s >= 0
                && fabs(shift_s - interval_s) > fmax(
                       tolerance * interval_s, same * now->times[r].end_s))
                return false;
        }
    }
    return true;
}

static bool steps_agree(const struct lh__steps *s, int32_t slot, int32_t early)
{
    return records_agree(s, slot, early, 0.0);
}

/* Two slots a cycle apart. */
struct cycle {
    int32_t slot, early;
};

/* ---- cycles -------------------------------------------------------------- */

static bool is_busy(const struct lh__steps *s, int64_t number)
{
    return s->busy[number % s->cycle];
}

static bool is_last(const struct lh__steps *s, int64_t number)
{
    return number % s->cycle == s->cycle - 1;
}

/* The slot of a step, -1: left out or given up. */
static int32_t slot_at(const struct lh__steps *s, int32_t from, int64_t number)
{
    while (from >= 0 && s->at[from] && s->at[from]->number > number)
        from--;
    return from >= 0 && s->at[from] && s->at[from]->number == number ? from
                                                                     : -1;
}

/* Is an op with a turn, of a slot, still under way when its class ends the step
 * of `slot`?  If not nobody waits for it any more: what does runs after an
 * operation of its own step, which is later. */
static bool is_under_way(const struct lh__steps *s, int32_t i, int32_t slot,
                         int64_t r)
{
    return s->at[i]->times[r].end_s
           > s->at[slot]->class_end_s[s->record_class[r]];
}

/* The ops with turns of slot i, and of `before` (-1: none), which are under way
 * at the ends of slot and early. */
static bool turns_agree(const struct lh__steps *s, const struct cycle *c,
                        int32_t i, int32_t before)
{
    for (int64_t r = 0; r < s->p->n_records; r++) {
        int32_t k = s->record_class[r];
        if (s->at[i]->times[r].end_s < 0 || op_of(s, r)->turn == 0)
            continue;
        bool now = is_under_way(s, i, c->slot, r);
        bool then = before >= 0 && is_under_way(s, before, c->early, r);
        if (!now && !then)
            continue;
        if (!now || !then)
            return false;
        double interval_s = interval(s, c->slot, c->early, k);
        double shift_s = shift(s, i, before, r);
        if (fabs(shift_s - interval_s) > same_cycle * interval_s)
            return false;
    }
    return true;
}

/* Over a cycle all have waited for each other. */
static bool have_one_interval(const struct lh__steps *s, int32_t slot,
                              int32_t early)
{
    double first_s = interval(s, slot, early, 0);
    for (int32_t c = 1; c < s->p->n_classes; c++) {
        if (fabs(interval(s, slot, early, c) - first_s) > same_cycle * first_s)
            return false;
    }
    return true;
}

/* A step, and every op with a turn that something may still wait for, against
 * those of the cycle before. */
static bool cycles_agree(const struct lh__steps *s, int32_t slot, int32_t early)
{
    int64_t oldest = s->at[slot]->number - s->reach;
    struct cycle c = {slot, early};
    if (!have_one_interval(s, slot, early)
        || !records_agree(s, slot, early, same_cycle))
        return false;
    for (int32_t i = slot; i >= 0 && s->at[i] && s->at[i]->number > oldest;
         i--) {
        if (is_busy(s, s->at[i]->number)
            && !turns_agree(s, &c, i,
                            slot_at(s, early, s->at[i]->number - s->cycle)))
            return false;
    }
    return true;
}

/* Gives up the steps that no later one is compared with. */
static void give_up(struct lh__steps *s, int64_t number)
{
    int64_t oldest = number - s->cycle - s->reach - 1;
    for (; s->at[s->n_given_up]->number < oldest; s->n_given_up++) {
        s->spare = lh_grow(s->ctx->arena, s->spare, &s->spare_capacity,
                           (size_t)s->n_spare + 1, sizeof *s->spare);
        s->spare[s->n_spare++] = s->at[s->n_given_up];
        s->at[s->n_given_up] = NULL;
    }
}

static void finish(struct lh__steps *s, int32_t first, int32_t last,
                   bool steady)
{
    s->first = first;
    s->finished = last;
    s->steady = steady;
}

/* A cycle lies between two steps that agree, whichever they are. */
static void check_cycle(struct lh__steps *s, int32_t slot)
{
    int64_t number = s->at[slot]->number;
    int32_t early = slot_at(s, slot, number - s->cycle);
    bool is_end = is_last(s, number) && early >= 0;

    if (number == s->cycle - 1 && (s->from_rest || ends_agree(s, slot)))
        finish(s, 0, slot, !s->from_rest);
    else if (early >= 0 && s->at[early]->repeats == 0
             && s->at[slot]->repeats == 0 && cycles_agree(s, slot, early))
        finish(s, early + 1, slot, true);
    else if (is_end && lh__steps_over(s, number + 1))
        finish(s, early + 1, slot, false);
    else
        give_up(s, number);
}

/* On a link that flows of several classes cross: their interval, and when the
 * first and the last of them end the step. */
struct crossing {
    double interval_s, first_s, last_s;
};

/* May classes go on by themselves?  Where they share a link they have one
 * interval, and are less than that apart, so that what was compared is what
 * they did side by side. */
static bool are_in_step(const struct lh__steps *s, const double *interval_s,
                        const double *end_s)
{
    const struct lh__placed *p = s->p;
    struct crossing *links =
        LH_NEW(s->ctx->arena, struct crossing, p->n_engine_links);
    for (int64_t i = 0; i < p->group_first[p->n_groups]; i++) {
        int64_t r = p->group_record[i];
        int32_t c = s->record_class[r];
        const struct lh_channel_spec *channel =
            &p->channels[p->group_shape[p->record_group[r]]];
        if (op_of(s, r)->turn > 0)
            continue;
        for (int32_t k = 0; k < channel->n_links; k++) {
            struct crossing *x = &links[channel->links[k]];
            if (x->interval_s == 0)
                *x = (struct crossing){interval_s[c], end_s[c], end_s[c]};
            x->first_s = fmin(x->first_s, end_s[c]);
            x->last_s = fmax(x->last_s, end_s[c]);
            if (fabs(x->interval_s - interval_s[c]) > same * interval_s[c]
                || x->last_s - x->first_s > interval_s[c])
                return false;
        }
    }
    return true;
}

/* Steps after `number` that are neither busy nor the last of a cycle. */
static int64_t idle_after(const struct lh__steps *s, int64_t number)
{
    int64_t n = 0;
    while (!is_busy(s, number + n + 1) && !is_last(s, number + n + 1))
        n++;
    return n;
}

/* The shortest interval; what is as long to 1e-12 becomes it. */
static double least_of(double *interval_s, int32_t n)
{
    double least_s = interval_s[0];
    for (int32_t c = 1; c < n; c++)
        least_s = fmin(least_s, interval_s[c]);
    for (int32_t c = 0; c < n; c++) {
        if (interval_s[c] - least_s <= same * least_s)
            interval_s[c] = least_s;
    }
    return least_s;
}

/* Was an op with a turn, of a step before, still under way as the slot began?
 * What ended in it or since took links from it that are free by now. */
static bool is_disturbed(const struct lh__steps *s, int32_t slot)
{
    const struct lh__step *step = s->at[slot];
    for (int64_t r = 0; r < s->p->n_records; r++) {
        if (step->times[r].start_s >= 0
            && step->times[r].start_s < s->turned_end_s)
            return true;
    }
    return false;
}

/* Leaves steps out after the last in hand, once `slot` repeats the one
 * before. */
static void leave_out(struct lh__steps *s, int32_t slot)
{
    struct lh__step *last = s->at[s->n - 1];
    const struct lh__step *now = s->at[slot];
    int64_t n;

    if (s->from_rest || slot == 0 || s->at[slot - 1] == NULL
        || s->at[slot - 1]->number + 1 != now->number)
        return;
    for (int32_t i = slot - 1; i < s->n; i++) {
        if (is_busy(s, s->at[i]->number))
            return;
    }
    n = is_last(s, last->number) || last->repeats > 0
            ? 0
            : idle_after(s, last->number);
    if (n == 0 || is_disturbed(s, slot - 1) || !steps_agree(s, slot, slot - 1))
        return;
    double *interval_s = LH_NEW(s->ctx->arena, double, s->p->n_classes);
    for (int32_t c = 0; c < s->p->n_classes; c++)
        interval_s[c] = now->class_end_s[c] - s->at[slot - 1]->class_end_s[c];
    if (!are_in_step(s, interval_s, now->class_end_s))
        return;
    last->repeats = n;
    last->repeat_s = interval_s;
    last->least_s = least_of(interval_s, s->p->n_classes);
}

/* ---- a step has ended ---------------------------------------------------- */

void lh__steps_check(struct lh__steps *s, int32_t slot)
{
    if (s->cycle > 1) {
        check_cycle(s, slot);
        if (s->finished < 0)
            leave_out(s, slot);
        return;
    }
    s->steady =
        !s->from_rest
        && (slot == 0 ? ends_agree(s, slot) : steps_agree(s, slot, slot - 1));
    if (s->steady || slot + 1 == s->cycles_max) {
        s->finished = slot;
        s->first = slot;
    }
}
