/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The steps that the executor has in hand: made as they are first waited for,
 * compared as they end, repeated instead of run where that is exact.
 *
 *   slot   index of a step that is simulated
 *   number of a step, counted from the first, those left out included
 */
#ifndef LH_SIM_STEPS_H
#define LH_SIM_STEPS_H

#include "exec.h"
#include "followers.h"

struct lh__step {
    int64_t number;
    int64_t repeats;   /* steps after it that are left out, being like it */
    double *repeat_s;  /* [n_classes] what each of those takes */
    double least_s;    /* of these */
    double ahead_s;    /* of the clock: what steps left out before it take */
    int64_t n_running; /* records that run in it */
    int64_t n_done;
    struct lh_times *times;         /* [n_records] */
    int32_t *arrived;               /* [n_groups] */
    struct lh__messages_run **runs; /* [n_groups], message by message */
    double *class_end_s;
};

struct lh__steps {
    const struct lh__placed *p;
    struct lh_ctx *ctx;
    struct lh__followers *followers; /* [n_templates] */
    int32_t *record_class;           /* [n_records] */
    uint16_t *waits;                 /* [most ops of a template] */
    const struct lh__exec_options *options;
    bool has_messages;
    bool from_rest; /* one step or cycle, with the dated faults */
    int cycles_max; /* of one step each, where all are alike */
    int64_t cycle;  /* steps */
    bool *busy;     /* [cycle] an op with a turn runs; NULL: no cycles */
    int64_t reach;  /* steps that an op with a turn may keep others waiting */

    struct lh__step **at; /* [n]; NULL: given up */
    size_t capacity;
    int32_t n;
    int32_t n_given_up; /* slots below are NULL */
    int32_t n_complete; /* slots below have ended, and been looked at */
    struct lh__step **spare;
    size_t spare_capacity;
    int32_t n_spare;

    uint16_t *early; /* [n_records] of the next run of an op with a turn: */
    double *early_s; /* ends it no longer waits for, and the last of them */

    double turned_end_s; /* of the clock: the last op with a turn that ended */

    int32_t finished; /* slot; -1: still running */
    int32_t first;    /* slot where the last cycle began */
    bool steady;
};

void lh__steps_begin(struct lh__steps *s, const struct lh__placed *p,
                     const struct lh__exec_options *options,
                     struct lh_ctx *ctx);

static inline const struct lh_template *
lh__steps_template(const struct lh__steps *s, int32_t c)
{
    return &s->p->program->templates[s->p->class_template[c]];
}

static inline const struct lh__followers *
lh__steps_followers(const struct lh__steps *s, int32_t c)
{
    return &s->followers[s->p->class_template[c]];
}

/* Where an end at end_s in a slot matters, along a follower of an op of class
 * c. */
struct lh__landing {
    int32_t slot; /* -1: nowhere, or later than any step in hand */
    int64_t record;
    bool is_ready;
};
struct lh__landing lh__steps_land_far(struct lh__steps *s, int32_t c,
                                      int32_t slot, struct lh__follower to,
                                      double end_s);

static inline struct lh__landing lh__steps_land(struct lh__steps *s, int32_t c,
                                                int32_t slot,
                                                struct lh__follower to,
                                                double end_s)
{
    if (to.lag != 0 || to.turn != 0)
        return lh__steps_land_far(s, c, slot, to, end_s);
    int64_t r = s->p->class_first[c] + to.op;
    struct lh_times *times = &s->at[slot]->times[r];
    if (times->posted_s < end_s)
        times->posted_s = end_s;
    return (struct lh__landing){slot, r, --times->waits == 0};
}

/* Is the step one that is not run any more? */
static inline bool lh__steps_over(const struct lh__steps *s, int64_t number)
{
    return number >= s->cycles_max * s->cycle;
}

/* repeat.c: all of a slot has ended, and of those before it.  Finishes the run
 * where the state repeats, leaves out what would repeat. */
void lh__steps_check(struct lh__steps *s, int32_t slot);
/* An op of the slot has ended; true: the run is over. */
bool lh__steps_ended(struct lh__steps *s, int32_t slot);

#endif
