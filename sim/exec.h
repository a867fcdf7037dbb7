/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The executor: runs a placed program step after step on an engine until the
 * state at the boundaries of steps, or of cycles of steps, repeats.
 */
#ifndef LH_SIM_EXEC_H
#define LH_SIM_EXEC_H

#include <longhaul/engine.h>
#include <longhaul/trace.h>

#include "messages.h"
#include "place.h"

/* Steps, or cycles of them; a program that has not settled by then is reported
 * as not steady. */
enum { LH__STEPS_MAX = 8 };

/* One step of the last cycle; times of the simulation, from its begin. */
struct lh__kept_step {
    int64_t number;  /* counted from the first that is kept */
    int64_t repeats; /* steps after it that were left out, being like it */
    const struct lh_times *times;        /* [n_records] */
    double *class_begin_s, *class_end_s; /* [n_classes] */
};

/* Times, each kind by itself: [n]. */
void lh__times_spread(double *posted_s, double *start_s, double *end_s,
                      int64_t *late, const struct lh_times *times, int64_t n);

/* kept: the steps of the last cycle, which is one step where all are alike.
 * The other arrays are the caller's, for the last step; all NULL: unwanted. */
struct lh__exec_output {
    int32_t n_kept;
    int64_t phase; /* of the cycle, in which the first kept step is */
    struct lh__kept_step *kept;
    double *posted_s, *start_s, *end_s;  /* [n_records] */
    int64_t *late;                       /* [n_records], -1: compute */
    double *class_begin_s, *class_end_s; /* [n_classes] */
    double *link_bytes;     /* [n_links] of one in the step, put right where
                               routes change; NULL: not wanted */
    int64_t *group_started; /* [n_groups] flows that the engine was given */
    int64_t *group_ended;   /* [n_groups] in all steps */
    bool steady;
    int steps;
};

struct lh__exec_options {
    int steps_max; /* 1 .. LH__STEPS_MAX; where faults have dates, 1 it is */
    const struct lh__schedule *links; /* [n_links] of the engine's links, n = 0:
                                         constant; NULL: the placed program's */
    int32_t n_links;
    /* Where the times of steps are to be, which outlive the run; NULL, or no
     * room: the arena. */
    void *(*room)(void *data, size_t bytes);
    void *room_data;
    struct lh__messages_plan **plans; /* [n_shapes] or NULL: all coupled; a
                                         plan that is NULL: coupled */
};

/* channels[i] of the placed program is channel i of the engine.  Errors
 * (LH_FAILED): a deadlock, with who waits for what; an engine's failure. */
enum lh_status lh__exec_run(struct lh__exec_output *out,
                            const struct lh__placed *placed,
                            struct lh_engine *engine,
                            const struct lh__exec_options *options,
                            struct lh_ctx *ctx) LH_MUST_USE;

#endif
