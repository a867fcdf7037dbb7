/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Work in forked children that write flat results to shared memory.  The
 * parent never initialises SimGrid; a child that dies is an error, not a
 * crash.  Messages that a child adds to its ctx reach the parent's diag.
 */
#ifndef LH_SIM_FORK_H
#define LH_SIM_FORK_H

#include <longhaul/base.h>

struct lh__job {
    size_t bytes;      /* of shared memory wanted, zeroed, page-aligned */
    void *shared;      /* set by lh__fork_all, released by lh__fork_end */
    const void *input; /* for work(), read-only */
    enum lh_status (*work)(void *shared, const void *input, struct lh_ctx *ctx);
    enum lh_status status;
    void *mapping; /* private */
};

/* Runs all jobs, at most at_once at a time (>= 1); each job's status is set.
 * Returns the first status that is not LH_OK. */
enum lh_status lh__fork_all(struct lh__job *jobs, int n, int at_once,
                            struct lh_ctx *ctx) LH_MUST_USE;
/* Maps a job's shared memory; lh__fork_all does it for its jobs. */
enum lh_status lh__job_map(struct lh__job *job, struct lh_ctx *ctx) LH_MUST_USE;
/* The first `used` bytes of a job's shared memory stay until the context ends.
 */
void lh__job_keep(struct lh__job *job, size_t used, struct lh_ctx *ctx);
/* Releases the shared memory of all jobs but what was kept. */
void lh__fork_end(struct lh__job *jobs, int n);

#endif
