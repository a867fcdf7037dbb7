/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Steps of the executor: made when the first of their operations is waited for,
 * and told of every end (followers.c).  What an operation with a turn waits for
 * may be known long before its step is made: it is counted until then.
 * repeat.c looks at the steps that have ended.
 */
#include "steps.h"

#include <math.h>
#include <string.h>

/* ---- making -------------------------------------------------------------- */

static bool *busy_find(const struct lh__steps *s)
{
    const struct lh_program *program = s->p->program;
    bool *busy = LH_NEW(s->ctx->arena, bool, s->cycle);
    for (int t = 0; t < program->n_templates; t++) {
        const struct lh_template *template = &program->templates[t];
        for (int32_t o = 0; o < template->n_ops; o++) {
            if (template->ops[o].turn > 0)
                busy[template->ops[o].turn - 1] = true;
        }
    }
    return busy;
}

/* The longest that an op with a turn keeps another waiting. */
static int64_t reach_find(const struct lh__steps *s)
{
    int64_t most = 1;
    for (int t = 0; t < s->p->program->n_templates; t++) {
        const struct lh__followers *f = &s->followers[t];
        for (int32_t i = 0; i < f->n_turned; i++)
            most = f->turned[i].lag > most ? f->turned[i].lag : most;
    }
    return most < s->cycle ? most : s->cycle;
}

static struct lh_times *times_new(struct lh__steps *s)
{
    size_t n = (size_t)s->p->n_records;
    void *room = NULL;
    if (s->options->room)
        room = s->options->room(s->options->room_data,
                                n * sizeof(struct lh_times));
    return room ? room : LH_NEW(s->ctx->arena, struct lh_times, n);
}

static struct lh__step *step_new(struct lh__steps *s)
{
    const struct lh__placed *p = s->p;
    struct lh_arena *arena = s->ctx->arena;
    if (s->n_spare > 0) {
        struct lh__step *step = s->spare[--s->n_spare];
        memset(step->arrived, 0, (size_t)p->n_groups * sizeof *step->arrived);
        memset(step->class_end_s, 0,
               (size_t)p->n_classes * sizeof *step->class_end_s);
        if (step->runs)
            memset(step->runs, 0, (size_t)p->n_groups * sizeof(void *));
        step->repeats = step->n_running = step->n_done = 0;
        step->least_s = 0;
        return step;
    }
    struct lh__step *step = LH_NEW(arena, struct lh__step, 1);
    step->times = times_new(s);
    step->arrived = LH_NEW(arena, int32_t, p->n_groups);
    if (s->has_messages)
        step->runs = LH_NEW(arena, struct lh__messages_run *, p->n_groups);
    step->class_end_s = LH_NEW(arena, double, p->n_classes);
    return step;
}

/* What was known of the step's ops with turns before it was made. */
static void take_early(struct lh__steps *s, struct lh__step *step, int64_t r)
{
    if (s->early == NULL || s->early[r] == 0)
        return;
    step->times[r].waits = (uint16_t)(step->times[r].waits - s->early[r]);
    step->times[r].posted_s = s->early_s[r];
    s->early[r] = 0;
    s->early_s[r] = 0;
}

/* The operations of a class, which wait. */
static void class_begin(struct lh__steps *s, struct lh__step *step, int32_t c)
{
    const struct lh_template *t = lh__steps_template(s, c);
    int64_t first = s->p->class_first[c];
    lh__followers_waits(s->waits, lh__steps_followers(s, c), t, step->number,
                        s->cycle);
    for (int32_t o = 0; o < t->n_ops; o++) {
        step->times[first + o] =
            (struct lh_times){0.0, -1.0, -1.0, -1, s->waits[o]};
        if (s->waits[o] == UINT16_MAX)
            continue;
        step->n_running++;
        take_early(s, step, first + o);
    }
}

static int32_t step_add(struct lh__steps *s, int64_t number)
{
    const struct lh__placed *p = s->p;
    struct lh__step *step = step_new(s);
    step->number = number;
    step->ahead_s = 0;
    if (s->n > 0) {
        const struct lh__step *before = s->at[s->n - 1];
        step->ahead_s =
            before->ahead_s + (double)before->repeats * before->least_s;
    }
    for (int32_t c = 0; c < p->n_classes; c++)
        class_begin(s, step, c);
    s->at = lh_grow(s->ctx->arena, s->at, &s->capacity, (size_t)s->n + 1,
                    sizeof *s->at);
    s->at[s->n] = step;
    return s->n++;
}

/* Stages often have the same. */
static void followers_make(struct lh__steps *s, int t)
{
    const struct lh_template *templates = s->p->program->templates;
    struct lh__followers *f = &s->followers[t];
    lh__followers_make(f, &templates[t], s->cycle, s->ctx->arena);
    for (int k = t - 1; k >= 0; k--) {
        if (templates[k].n_ops == templates[t].n_ops
            && lh__followers_same(f, &s->followers[k], templates[t].n_ops)) {
            *f = s->followers[k];
            return;
        }
    }
}

static int32_t most_ops(const struct lh_program *program)
{
    int32_t most = 0;
    for (int t = 0; t < program->n_templates; t++) {
        if (program->templates[t].n_ops > most)
            most = program->templates[t].n_ops;
    }
    return most;
}

void lh__steps_begin(struct lh__steps *s, const struct lh__placed *p,
                     const struct lh__exec_options *options, struct lh_ctx *ctx)
{
    struct lh_arena *arena = ctx->arena;
    int n_templates = p->program->n_templates;
    s->p = p;
    s->ctx = ctx;
    s->options = options;
    s->has_messages = options->plans != NULL;
    s->from_rest = p->program->once
                   || (p->incidence.faults && p->incidence.faults->dated);
    s->cycles_max = s->from_rest ? 1 : options->steps_max;
    s->cycle = lh_cycle_steps(p->program);
    s->finished = -1;
    s->followers = LH_NEW(arena, struct lh__followers, n_templates);
    for (int t = 0; t < n_templates; t++)
        followers_make(s, t);
    s->waits = LH_NEW(arena, uint16_t, most_ops(p->program));
    s->record_class = LH_NEW(arena, int32_t, p->n_records);
    for (int32_t c = 0; c < p->n_classes; c++) {
        for (int64_t r = p->class_first[c]; r < p->class_first[c + 1]; r++)
            s->record_class[r] = c;
    }
    if (s->cycle > 1) {
        s->busy = busy_find(s);
        s->reach = reach_find(s);
        s->early = LH_NEW(arena, uint16_t, p->n_records);
        s->early_s = LH_NEW(arena, double, p->n_records);
    }
    step_add(s, 0);
}

/* ---- from step to step --------------------------------------------------- */

/* The slot of a step; one that follows the last in hand is made; -1: later. */
static int32_t slot_of(struct lh__steps *s, int64_t number)
{
    const struct lh__step *last = s->at[s->n - 1];
    if (number > last->number + last->repeats)
        return number == last->number + last->repeats + 1 ? step_add(s, number)
                                                          : -1;
    int32_t slot = s->n - 1;
    while (s->at[slot]->number > number)
        slot--;
    return slot;
}

static struct lh__landing land_early(struct lh__steps *s, int64_t to,
                                     double end_s)
{
    s->early[to]++;
    s->early_s[to] = fmax(s->early_s[to], end_s);
    return (struct lh__landing){.slot = -1};
}

struct lh__landing lh__steps_land_far(struct lh__steps *s, int32_t c,
                                      int32_t slot, struct lh__follower f,
                                      double end_s)
{
    const struct lh__step *from = s->at[slot];
    struct lh__landing to = {.slot = -1, .record = s->p->class_first[c] + f.op};
    int64_t number = from->number + f.lag;

    if (f.lag == 1 && from->repeats > 0) {
        number += from->repeats;
        end_s += (double)from->repeats * (from->repeat_s[c] - from->least_s);
    }
    if (lh__steps_over(s, number)
        || (f.turn > 0 && number % s->cycle != f.turn - 1))
        return to;
    to.slot = f.lag == 0 ? slot : slot_of(s, number);
    if (to.slot < 0)
        return land_early(s, to.record, end_s);
    struct lh_times *times = &s->at[to.slot]->times[to.record];
    if (times->posted_s < end_s)
        times->posted_s = end_s;
    to.is_ready = --times->waits == 0;
    return to;
}

/* ---- ends ---------------------------------------------------------------- */

bool lh__steps_ended(struct lh__steps *s, int32_t slot)
{
    s->at[slot]->n_done++;
    while (s->finished < 0 && s->n_complete < s->n
           && s->at[s->n_complete]->n_done == s->at[s->n_complete]->n_running)
        lh__steps_check(s, s->n_complete++);
    return s->finished >= 0;
}
