/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Faults of sites, as the learners of async.c have them.  Of a learner whose
 * ranks all compute x times as slowly a step of its own is simulated, T_x:
 *
 *   speed while the fault holds   T / T_x, of all that the learner does
 *   without slowdown              the learner is away
 *
 * Place in the pipeline: beside async.c; fibres and gateways change in
 * sim/dynamic.c.  Leaves out: sends and merges, which are bound by memory, slow
 * down as a step does.
 */
#include "async_parts.h"

#include <math.h>
#include <stdlib.h>

static bool is_dated(double at_s, double for_s)
{
    return at_s > 0 || isfinite(for_s);
}

bool lh__async_dated(const struct lh_scenario *s)
{
    for (int i = 0; i < s->n_faults; i++)
        if (is_dated(s->faults[i].at_s, s->faults[i].for_s))
            return true;
    for (int i = 0; i < s->n_background; i++)
        if (is_dated(s->background[i].at_s, s->background[i].for_s))
            return true;
    return false;
}

static bool is_slow(const struct lh_fault *f, int site)
{
    return f->site_name && f->site == site && f->slowdown > 1;
}

int lh__async_slow_count(const struct lh_scenario *s, int site)
{
    int n = 0;

    for (int i = 0; i < s->n_faults; i++)
        n += is_slow(&s->faults[i], site);
    return n;
}

/* Its scenarios; the one site of each is number 0. */
void lh__async_slow(struct lh__learner *l, const struct lh__async_run *r,
                    int site)
{
    const struct lh_scenario *s = r->s;

    for (int i = 0; i < s->n_faults; i++) {
        struct lh_scenario *slow = &l->scenario[l->n];

        if (!is_slow(&s->faults[i], site))
            continue;
        *slow = l->scenario[1];
        slow->n_faults = 1;
        slow->faults = LH_NEW(r->ctx->arena, struct lh_fault, 1);
        slow->faults[0] = s->faults[i];
        slow->faults[0].at_s = 0;
        slow->faults[0].for_s = (double)INFINITY;
        slow->faults[0].site = 0;
        l->slowdown[l->n++] = s->faults[i].slowdown;
    }
}

/* T / T_x. */
static double speed_of(const struct lh__learner *l, double slowdown)
{
    int k = 2;

    while (l->slowdown[k] != slowdown)
        k++;
    return l->result[1].step_time_s / l->result[k].step_time_s;
}

static int by_date(const void *x, const void *y)
{
    const double *a = x, *b = y; /* the first of either struct is a date */

    return (*a > *b) - (*a < *b);
}

void lh__async_dates(struct lh_async_learner *out,
                     const struct lh__async_run *r, int i)
{
    const struct lh_scenario *s = r->s;
    int site = r->out->sites[i].site;
    struct lh_async_pace *paces =
        LH_NEW(r->ctx->arena, struct lh_async_pace, 2 * s->n_faults);
    struct lh_async_absence *absences =
        LH_NEW(r->ctx->arena, struct lh_async_absence, s->n_faults);

    out->paces = paces;
    out->absences = absences;
    for (int k = 0; k < s->n_faults; k++) {
        const struct lh_fault *f = &s->faults[k];
        double end_s = f->at_s + f->for_s;

        if (!f->site_name || f->site != site)
            continue;
        if (f->slowdown < 0) {
            absences[out->n_absences++] =
                (struct lh_async_absence){f->at_s, end_s};
        } else if (f->slowdown > 1) {
            double speed = speed_of(&r->learners[i], f->slowdown);
            paces[out->n_paces++] = (struct lh_async_pace){f->at_s, speed};
            paces[out->n_paces++] = (struct lh_async_pace){end_s, 1.0};
        }
    }
    qsort(paces, (size_t)out->n_paces, sizeof *paces, by_date);
    qsort(absences, (size_t)out->n_absences, sizeof *absences, by_date);
}
