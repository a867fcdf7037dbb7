/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to cli/: the searches of `solve`, one a target, over the runs of one
 * key.  A run counts for every target, whichever asked for it.
 */
#ifndef LH_CLI_SEEK_H
#define LH_CLI_SEEK_H

#include "cli.h"

enum { LH__TARGETS_MAX = 4 };

struct lh__seek_outcome;

struct lh__seek {
    struct lh__input input;
    const char *vary_text; /* the key, perhaps with where to look */
    bool batch_per_gpu;
    int jobs;
    struct lh_vary vary;
    int n_targets;
    struct lh_search searches[LH__TARGETS_MAX];
    struct lh__baselines *baselines;
    struct lh_scenario base;           /* as the file and --set have it */
    struct lh__seek_outcome *outcomes; /* [LH_SEARCH_ROUND] of seek.c */
    int unfit; /* values with which the plan does not fit */
};

int64_t lh__accelerators(const struct lh_scenario *s);

/* Reads the scenario as it stands, for its messages and its batch, then runs
 * until every target has its answer. */
enum lh_status lh__seek_run(struct lh__seek *seek) LH_MUST_USE;

#endif
