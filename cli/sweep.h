/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to cli/: what the files of `longhaul sweep` share.
 */
#ifndef LONGHAUL_CLI_SWEEP_H
#define LONGHAUL_CLI_SWEEP_H

#include "cli.h"

/* ---- a sweep --------------------------------------------------------------
 */

struct lh__sweeping {
    struct lh_ctx *ctx;
    struct lh_sweep *sweep;
    const char *dir; /* the store */
    int jobs;
    int shard, shards; /* 1 <= shard <= shards */
    bool progress;     /* lines on standard error, and no terminal */
    bool check_ids;    /* the plan is of another process */
};

/* ---- planning (sweep_plan.c) --------------------------------------------- */

/* Reads every point for its id; LH_BAD_INPUT where all are refused. */
enum lh_status lh__sweep_plan(const struct lh__sweeping *s) LH_MUST_USE;
enum lh_status lh__sweep_read(struct lh__stages *out,
                              const struct lh__sweeping *s, int point,
                              struct lh_ctx *ctx) LH_MUST_USE;
/* The first fault, with the option that it stands in. */
const char *lh__sweep_first_error(struct lh_ctx *ctx);

/* ---- simulating (sweep_run.c) -------------------------------------------- */

/* Simulates the points of the shard that the store has not. */
enum lh_status lh__sweep_run(const struct lh__sweeping *s) LH_MUST_USE;

/* ---- in children (sweep_work.c) ------------------------------------------ */

enum { LH__MESSAGE_MAX = 400 };
enum { LH__EXIT_DISK = 70 }; /* of a child: its line could not be written */

struct lh__baseline_run {
    enum lh_status status;
    char message[LH__MESSAGE_MAX];
    struct lh_result result; /* without links */
};

struct lh__running {
    const struct lh__sweeping *s;
    int n_pending;
    int *pending;     /* points */
    int *baseline_of; /* [n_points] index; -1: none */
    int n_baselines;
    int *baseline_point;                /* a point of each */
    struct lh__baseline_run *baselines; /* shared */
    int *files;                         /* of the slots */
    int n_done;
    double begin_s, said_s;
    bool disk_failed;
};

/* Tasks of a pool; data is the struct lh__running. */
int lh__work_baseline(void *data, int task, int slot);
int lh__work_point(void *data, int task, int slot);

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
