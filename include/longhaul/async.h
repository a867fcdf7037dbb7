/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners that push to a server when they are ready (sync.kind:
 * async-diloco): what the state machine is handed, and what it finds.
 * Equations and limits: docs/model.md, "Learners and a server".
 */
#ifndef LONGHAUL_ASYNC_H
#define LONGHAUL_ASYNC_H

#include <longhaul/engine.h>
#include <longhaul/scenario.h>

/* A speed from a date on, 1 = nominal, > 0. */
struct lh_async_pace {
    double at_s, speed;
};
/* The learner is not there: its round, and what is on its way, is lost. */
struct lh_async_absence {
    double from_s, to_s;
};

struct lh_async_learner {
    int64_t steps;   /* of a round */
    int64_t overlap; /* of these, that go on before it is merged; < steps */
    double step_s;
    double send_s, merge_s; /* of all fragments, before and after */
    lh_channel up, down;
    int n_paces;            /* none: nominal */
    const struct lh_async_pace *paces;       /* ascending; nominal before */
    int n_absences;
    const struct lh_async_absence *absences; /* ascending, apart */
};

struct lh_async_input {
    const struct lh_async *async;
    double apply_s;     /* an outer step of the server, of all fragments */
    double bytes;       /* of all fragments pushed, and of what comes back, on a
                           channel */
    double fetch_bytes; /* what a learner that was away gets, on a channel */
    int64_t n_fragments;       /* 0: 1 */
    const double *share;       /* [n_fragments] of parameters; NULL: one */
    bool from_rest;            /* dates count: nothing is left out as warm-up */
    int n;
    const struct lh_async_learner *learners;
};

enum { LH_ASYNC_STALENESS = 64, LH_ASYNC_WARMUP = 5 };

/* Of the rounds after warm-up; seconds are sums over them. */
struct lh_async_times {
    int64_t rounds;
    int64_t steps;
    int64_t merges;    /* of a fragment */
    double all_s;
    double outer_s;    /* sending and merging, at nominal speed */
    double exchange_s; /* from the pushes to what comes back */
    double held_s;     /* of these at the server */
    double wan_s;      /* the learner stands still for a transfer, */
    double wait_s;     /* or for others, at the server */
    double away_s;     /* absences, with the rounds that they spoil */
};

/* Flat. */
struct lh_async_result {
    int64_t versions;      /* outer steps after warm-up, of a fragment, in */
    double versions_s;
    int64_t pushed, received, applied, returned; /* of all, from the first on */
    int64_t dropped;       /* answered without being applied: too stale */
    int64_t skipped;       /* not pushed: the answer to the last was not back */
    int64_t forced;        /* outer steps of less than a quorum, as all stood
                              still */
    int64_t lost;          /* with their learner, on the way or at the server */
    int staleness_n;       /* largest + 1 */
    int64_t staleness[LH_ASYNC_STALENESS]; /* pushes after warm-up; the last: or
                                              more */
    int64_t staleness_max;
    struct lh_async_times times[]; /* [n] */
};

static inline size_t lh_async_result_bytes(int n)
{
    return sizeof(struct lh_async_result)
           + (size_t)n * sizeof(struct lh_async_times);
}

/* LH_FAILED if a push is lost for no reason. */
enum lh_status lh_async_loop(struct lh_async_result *out,
                             const struct lh_async_input *input,
                             const struct lh_engine *engine,
                             struct lh_ctx *ctx) LH_MUST_USE;

#endif
