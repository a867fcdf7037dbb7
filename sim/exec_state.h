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

/* What it takes to run a record, in the order in which ops have it. */
struct lh__unit {
    double seconds; /* compute: at speed 1; a communication alone on its links:
                       all of it; else -1 */
    int32_t group;  /* -1: compute */
    int32_t class;
    int32_t slot;    /* of the agenda, for a communication or the host */
    int32_t sms;     /* that its kernel takes */
    bool ends_class; /* on the stream whose last end is a step's */
    bool has_turn;
    bool is_lone; /* a communication alone on its links, of one member */
    bool is_host; /* computed beside the accelerator */
};

struct lh__exec {
    const struct lh__placed *p;
    struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh__messages_plan **plans; /* NULL: coupled */
    struct lh__steps steps;
    struct lh__unit *units;        /* [n_records] */
    struct lh__call *record_calls; /* [n_records], message by message */
    struct lh__call *group_calls;  /* [n_groups] */
    int64_t *group_started;        /* [n_groups] flows handed to the engine */
    int64_t *group_ended;          /* [n_groups] in all steps */
    struct lh__call *ready;        /* ops that became ready, to be started */
    size_t n_ready, ready_capacity;

    struct lh__detour *detour; /* NULL: routes do not change */
    double now_s;              /* the engine's clock or ahead of it */
    struct lh__agenda agenda;  /* [n_classes] the compute op that runs, then
                                  [n_classes x LH_STREAMS] the communication,
                                  alone on its links, that runs on a stream,
                                  then in a program with cycles [n_records]
                                  what becomes ready then */
    int32_t due_slot;          /* where these begin */
    int32_t *due_step;         /* [n_records] slot of steps; NULL: no cycles */
    struct lh__pace *pace;     /* [n_classes] */
    struct lh__call *running;  /* [due_slot] what runs: a record; of a group
                                  its first */
    int64_t n_flows;           /* asked of the engine, and not ended */
    double wake_s;  /* the engine was asked to call then; INFINITY: was not */
    double quiet_s; /* until then nothing happens in the engine; its clock:
                       not known */
    enum lh_status st;
};

/* deadlock.c: who waits for what. */
void lh__exec_deadlock(const struct lh__exec *x);

#endif
