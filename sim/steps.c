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

static struct lh__step *step_new(struct lh__steps *s)
{
    const struct lh__placed *p = s->p;
    struct lh_arena *arena = s->ctx->arena;
    size_t n = (size_t)p->n_records;
    if (s->n_spare > 0) {
        struct lh__step *step = s->spare[--s->n_spare];
        memset(step->arrived, 0, (size_t)p->n_groups * sizeof *step->arrived);
        memset(step->posted_s, 0, n * sizeof *step->posted_s);
        memset(step->class_end_s, 0,
               (size_t)p->n_classes * sizeof *step->class_end_s);
        if (step->runs)
            memset(step->runs, 0, (size_t)p->n_groups * sizeof(void *));
        step->repeats = step->n_running = step->n_done = 0;
        step->least_s = 0;
        return step;
    }
    struct lh__step *step = LH_NEW(arena, struct lh__step, 1);
    step->waits = LH_NEW(arena, uint16_t, n);
    step->arrived = LH_NEW(arena, int32_t, p->n_groups);
    if (s->has_messages)
        step->runs = LH_NEW(arena, struct lh__messages_run *, p->n_groups);
    step->posted_s = LH_NEW(arena, double, n);
    step->start_s = LH_NEW(arena, double, n);
    step->end_s = LH_NEW(arena, double, n);
    step->late = LH_NEW(arena, int64_t, n);
    step->class_end_s = LH_NEW(arena, double, p->n_classes);
    return step;
}

/* What was known of the step's ops with turns before it was made. */
static void take_early(struct lh__steps *s, struct lh__step *step, int64_t r)
{
    if (s->early == NULL || s->early[r] == 0)
        return;
    step->waits[r] = (uint16_t)(step->waits[r] - s->early[r]);
    step->posted_s[r] = s->early_s[r];
    s->early[r] = 0;
    s->early_s[r] = 0;
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
        lh__followers_waits(step->waits + p->class_first[c],
                            &s->followers[p->class_template[c]],
                            lh__steps_template(s, c), number, s->cycle);
    for (int64_t r = 0; r < p->n_records; r++) {
        step->start_s[r] = step->end_s[r] = -1.0;
        step->late[r] = -1;
        if (step->waits[r] == UINT16_MAX)
            continue;
        step->n_running++;
        take_early(s, step, r);
    }
    s->at = lh_grow(s->ctx->arena, s->at, &s->capacity, (size_t)s->n + 1,
                    sizeof *s->at);
    s->at[s->n] = step;
    return s->n++;
}

void lh__steps_begin(struct lh__steps *s, const struct lh__placed *p,
                     const struct lh__exec_options *options, struct lh_ctx *ctx)
{
    struct lh_arena *arena = ctx->arena;
    int n_templates = p->program->n_templates;
    s->p = p;
    s->ctx = ctx;
    s->has_messages = options->plans != NULL;
    s->from_rest = p->program->once
                   || (p->incidence.faults && p->incidence.faults->dated);
    s->cycles_max = s->from_rest ? 1 : options->steps_max;
    s->cycle = lh_cycle_steps(p->program);
    s->finished = -1;
    s->followers = LH_NEW(arena, struct lh__followers, n_templates);
    for (int t = 0; t < n_templates; t++)
        lh__followers_make(&s->followers[t], &p->program->templates[t],
                           s->cycle, arena);
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

struct lh__landing lh__steps_land(struct lh__steps *s, int64_t record,
                                  int32_t slot, int32_t k, double end_s)
{
    int32_t c = s->record_class[record];
    int64_t first = s->p->class_first[c];
    const struct lh__followers *f = &s->followers[s->p->class_template[c]];
    const struct lh__step *from = s->at[slot];
    struct lh__landing to = {.slot = -1, .record = first + f->op[k]};
    int64_t number = from->number + f->lag[k];

    if (f->lag[k] == 1 && from->repeats > 0) {
        number += from->repeats;
        end_s += (double)from->repeats * (from->repeat_s[c] - from->least_s);
    }
    if (lh__steps_over(s, number)
        || (f->turn[k] > 0 && number % s->cycle != f->turn[k] - 1))
        return to;
    to.slot = f->lag[k] == 0 ? slot : slot_of(s, number);
    if (to.slot < 0)
        return land_early(s, to.record, end_s);
    struct lh__step *step = s->at[to.slot];
    if (step->posted_s[to.record] < end_s)
        step->posted_s[to.record] = end_s;
    to.is_ready = --step->waits[to.record] == 0;
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
