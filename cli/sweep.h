/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to cli/: what the files of `longhaul sweep` share.
 */
#ifndef LONGHAUL_CLI_SWEEP_H
#define LONGHAUL_CLI_SWEEP_H

#include "cli.h"

/* ---- simulating (sweep_run.c) -------------------------------------------- */

struct lh__sweeping {
    struct lh_ctx *ctx;
    struct lh_sweep *sweep;
    const char *dir; /* the store */
    int jobs;
    int shard, shards; /* 1 <= shard <= shards */
    bool progress;     /* lines on standard error, and no terminal */
    bool check_ids;    /* the plan is of another process */
};
/* Reads every point for its id; LH_BAD_INPUT where all are refused. */
enum lh_status lh__sweep_plan(const struct lh__sweeping *s) LH_MUST_USE;
/* Simulates the points of the shard that the store has not. */
enum lh_status lh__sweep_run(const struct lh__sweeping *s) LH_MUST_USE;

/* ---- submitting (sweep_submit.c) ----------------------------------------- */

struct lh__submission {
    struct lh_arena *arena;
    bool slurm, dry_run;
    int shards, jobs;
    size_t n_options, option_capacity;
    const char **options;
    const char *csv, *sqlite; /* NULL: none; neither: sweep.csv in the store */
};
void lh__submission_option(struct lh__submission *s, const char *option);
/* Prints the numbers of the jobs, or the scripts. */
enum lh_status lh__submit(const struct lh__submission *s, const char *dir,
                          struct lh_ctx *ctx) LH_MUST_USE;

#endif
