/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The collective algorithms, one line each: LH_ALGORITHM(name) stands for
 * struct lh_algorithm lh__name_algorithm in name.c.  Of equally fast ones
 * "auto" takes the first in this order.
 *
 * Included once a use, with LH_ALGORITHM defined; without it, it declares what
 * the files share.
 */
#ifdef LH_ALGORITHM
LH_ALGORITHM(ring)
LH_ALGORITHM(tree)
LH_ALGORITHM(hierarchical)
#else
#ifndef LH_COLLECTIVES_LIST_H
#define LH_COLLECTIVES_LIST_H

#include <longhaul/program.h>

/* Arrays of n hops; weights are 0, unit_frac and phi are 1. */
void lh__hops_new(struct lh_hops *out, int64_t n, struct lh_ctx *ctx);
/* Divides the weights by their greatest common divisor, which goes into
 * unit_frac, and sets phi to 1 / the heaviest weight. */
void lh__hops_reduce(struct lh_hops *hops);
/* Largest sum of `steps` consecutive values of a cycle of n. */
double lh__cycle_max(const double *values, int64_t n, int64_t steps);

/* Arrays of n pipes with no gates, `rounds` in all and `gates` in all. */
void lh__pipes_new(struct lh_pipes *out, int64_t n, int64_t rounds,
                   int64_t gates, struct lh_ctx *ctx);

#endif
#endif
