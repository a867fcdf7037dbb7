/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counts of what occurred in the draws of tests/test_fold.c.
 */
#ifndef LH_FOLD_FEATURES_H
#define LH_FOLD_FEATURES_H

#include "fold_pair.h"

enum { N_FEATURES = 94 };

/* What this build reads in a scenario; draws leave out the rest. */
struct drawable {
    bool faults, windows;
};

/* Adds 1 to each kind that the pair, which has run, is of. */
void features_count(int *count, const struct draw *d, struct pair *p);
/* Prints the counts.  Of 500 draws or more 150 fold partly and 20 are of each
 * kind; of n_few or more at least one is. */
void features_check(const int *count, int n_draws, int n_few,
                    const struct drawable *can);

#endif
