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
#include "pace.h"
#include "steps.h"

/* Of one record or group in one step. */
struct lh__call {
    struct lh__exec *x;
    int64_t index; /* record or group */
    int32_t step;  /* slot */
};

struct lh__exec {
    const struct lh__placed *p;
    struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh__messages_plan **plans; /* NULL: coupled */
    struct lh__steps steps;
    struct lh__call *hosts; /* [n_classes] what the host runs; NULL: nothing */
    bool *is_host;          /* [n_records] */
    int32_t host_slot;      /* of the agenda, where these are */
    double *seconds;  /* [n_records] of compute; beside each other, as they are
                         wanted in another order than ops have */
    bool *ends_class; /* [n_records] on the stream whose last end is a step's */
    bool *has_turn;   /* [n_records] NULL: no cycles */
    struct lh__call *record_calls; /* [n_records], message by message */
    struct lh__call *group_calls;  /* [n_groups] */
    struct lh__call *ready;        /* ops that became ready, to be started */
    size_t n_ready, ready_capacity;

    struct lh__detour *detour; /* NULL: routes do not change */
    double now_s;              /* the engine's clock or ahead of it */
    struct lh__agenda agenda;  /* [n_classes] the compute op that runs, then
                                  [n_groups] those alone on their links, then
                                  in a program with cycles [n_records] what
                                  becomes ready then */
    int32_t due_slot;          /* where these begin */
    int32_t *due_step;         /* [n_records] slot of steps; NULL: no cycles */
    struct lh__pace *pace;     /* [n_classes] */
    struct lh__call *computes; /* [n_classes] what runs */
    int64_t n_flows;           /* asked of the engine, and not ended */
    double wake_s; /* the engine was asked to call then; INFINITY: was not */
    enum lh_status st;
};

/* deadlock.c: who waits for what. */
void lh__exec_deadlock(const struct lh__exec *x);

#endif
