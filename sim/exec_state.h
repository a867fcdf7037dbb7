/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The state of the executor: what exec.c runs and deadlock.c reports.
 *
 * Ownership: the context's arena.
 */
#ifndef LH_SIM_EXEC_STATE_H
#define LH_SIM_EXEC_STATE_H

#include "agenda.h"
#include "detour.h"
#include "exec.h"
#include "followers.h"
#include "pace.h"

/* Of one record or group in one step. */
struct lh__call {
    struct lh__exec *x;
    int64_t index; /* record or group */
    int32_t step;
};

struct lh__step {
    uint16_t *waits;                /* [n_records] */
    int32_t *arrived;               /* [n_groups] */
    struct lh__messages_run **runs; /* [n_groups], message by message */
    double *posted_s, *start_s, *end_s;
    int64_t *late;
    double *class_end_s;
    int64_t n_done;
};

struct lh__exec {
    const struct lh__placed *p;
    struct lh_engine *engine;
    struct lh_ctx *ctx;
    int steps_max;
    struct lh__messages_plan **plans; /* NULL: coupled */
    struct lh__followers *followers;  /* [n_templates] */
    int32_t *record_class;            /* [n_records] */
    struct lh__step steps[LH__STEPS_MAX];
    struct lh__call *record_calls; /* [n_records], message by message */
    struct lh__call *group_calls;  /* [n_groups] */
    struct lh__call *ready;        /* ops that became ready, to be started */
    size_t n_ready, ready_capacity;

    struct lh__detour *detour; /* NULL: routes do not change */
    double now_s;              /* the engine's clock or ahead of it */
    struct lh__agenda agenda;  /* [n_classes] the compute op that runs, then
                                  [n_groups] those alone on their links */
    struct lh__pace *pace;     /* [n_classes] */
    struct lh__call *computes; /* [n_classes] what runs */
    int64_t n_flows;           /* asked of the engine, and not ended */
    double wake_s; /* the engine was asked to call then; INFINITY: was not */

    int finished_step; /* -1: still running */
    bool from_rest;    /* one step, with the dated faults */
    bool steady;
    enum lh_status st;
};

/* deadlock.c: who waits for what. */
void lh__exec_deadlock(const struct lh__exec *x);

#endif
