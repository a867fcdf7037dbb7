/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to analysis/: learners and a server, from their simulations
 * (async.c) to one result (async_result.c).
 */
#ifndef LH_ANALYSIS_ASYNC_PARTS_H
#define LH_ANALYSIS_ASYNC_PARTS_H

#include <longhaul/result.h>

/* A learner of a site: with its outer work [0], without [1], and as slow as
 * faults make it [2 ..]. */
struct lh__learner {
    int n; /* of them */
    struct lh_scenario *scenario;
    struct lh_topology *topology;
    struct lh_program program[2];
    struct lh_result *result;
    double *slowdown; /* [n] asked for */
};

struct lh__async_run {
    const struct lh_scenario *s;
    const struct lh_program *program;
    const struct lh_topology *topology;
    struct lh_async_report *out;
    struct lh__learner *learners; /* [n_sites of the report] */
    bool from_rest;               /* faults or background have dates */
    struct lh_ctx *ctx;
};

/* The first accelerator of a site; and where the server stands, as seen from an
 * accelerator. */
int64_t lh__async_first(const struct lh__async_run *r, int site);
int64_t lh__async_server(const struct lh__async_run *r, int64_t from);

/* async_faults.c: the slower learners of a site; and when a site's learners are
 * slow and away, once they have been simulated. */
int lh__async_slow_count(const struct lh_scenario *s, int site);
void lh__async_slow(struct lh__learner *l, const struct lh__async_run *r,
                    int site);
void lh__async_dates(struct lh_async_learner *out,
                     const struct lh__async_run *r, int i);
bool lh__async_dated(const struct lh_scenario *s);

/* Fills what the sites' figures are made of, then the result. */
enum lh_status lh__async_result(struct lh_result *result,
                                const struct lh__async_run *r) LH_MUST_USE;

#endif
