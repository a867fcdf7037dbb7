/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to workloads/sync/async*.c: the state of learners and a server.
 * async.c begins and ends the machine, async_learner.c and async_server.c are
 * its two sides, async_absence.c takes learners away.
 */
#ifndef LH_WORKLOADS_SYNC_ASYNC_PARTS_H
#define LH_WORKLOADS_SYNC_ASYNC_PARTS_H

#include <longhaul/async.h>

enum place { AT_HOME, PUSHING, AT_SERVER, IN_STEP, RETURNING, BACK };

/* A learner's fragment, on its way there and back. */
struct part {
    struct learner *l;
    int64_t fragment;
    enum place place;
    bool orphan;  /* at the server, its learner has gone */
    bool due;     /* tau steps are over */
    int64_t base; /* version that the next push began at */
    lh_flow flow; /* of PUSHING and RETURNING */
    double pushed_s, arrived_s, answered_s, due_s, back_s;
};

/* What a learner does at the end of a step of its cycle. */
struct item {
    int64_t turn; /* the step, from 1 */
    bool merges;  /* or sends */
    int64_t fragment;
};

struct learner {
    struct machine *m;
    const struct lh_async_learner *in;
    struct lh_async_times *out;
    struct part *parts; /* [n_fragments] */
    struct item *items; /* [2 n_fragments] in the order of the cycle */
    int64_t next, turn;
    const struct part *awaited; /* it stands still for */
    struct part *late;          /* that it merges between two steps */
    bool away, fetches;
    bool sent_last; /* of this cycle: its merge ends a round */
    int64_t life;   /* absences so far: timers of an earlier life are void */
    lh_flow fetch;
    int64_t rounds;
    double begin_s; /* of what is measured */
    double since_s; /* the last round ended, or what it began with */
    struct lh_async_times round; /* so far */
};

/* A fragment at the server. */
struct shelf {
    int64_t version;
    int n_arrived;
    double graced_s; /* when the grace of this quorum ends; < 0: none */
};

struct machine {
    const struct lh_async_input *in;
    const struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh_async_result *out;
    int64_t n_fragments;
    struct learner *learners;
    struct shelf *shelves; /* [n_fragments] */
    struct timer *spare;
    enum lh_status status;
    double instant_s;
    bool looks;      /* a look is asked for */
    int64_t applies; /* fragment of which an outer step runs; -1: none */
    int n_away;
    int64_t n_warmup;
    int n_warm, n_done;
    int64_t warm_version;
    double warm_s, end_s;
    int64_t lost_there, lost_here, replaced; /* pushes, answers, orphans */
};

double lh__async_now(const struct machine *m);
void lh__async_keep(struct machine *m, enum lh_status st);
void lh__async_after(struct machine *m, double seconds, lh_callback call,
                     void *data);
double lh__async_share(const struct machine *m, int64_t fragment);
int64_t lh__async_versions(const struct machine *m);

/* ---- async_learner.c ----------------------------------------------------- */

void lh__async_learner_begin(struct learner *l);
/* A cycle from its first step. */
void lh__async_start(struct learner *l);
/* To the server, or from it; the flow is where the engine says. */
void lh__async_transfer(struct learner *l, bool up, double bytes,
                        lh_callback call, void *data, lh_flow *flow);
/* The server's answer is on its way. */
void lh__async_answer(struct part *p);

/* ---- async_absence.c ----------------------------------------------------- */

void lh__async_absences(struct learner *l);

/* ---- async_server.c ------------------------------------------------------ */

void lh__async_arrived(void *part);
/* A learner has gone, or stands still: is there anybody to wait for? */
void lh__async_look_soon(struct machine *m);

#endif
