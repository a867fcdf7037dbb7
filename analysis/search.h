/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between the searches for a target (search.c) and for the best value
 * (extreme.c): the axis, and what was tried on it.
 */
#ifndef LH_ANALYSIS_SEARCH_H
#define LH_ANALYSIS_SEARCH_H

#include <longhaul/result.h>

/* k / m of the way from a to b, in log(x + x0), or among named values. */
double lh__search_between(const struct lh_search *s, double a, double b, int k,
                          int m);
/* As near as the answer shall be? */
bool lh__search_is_narrow(const struct lh_search *s, double a, double b);
/* The next usable trial from i on, in steps of d; -1: none. */
int lh__search_usable(const struct lh_search *s, int i, int d);
bool lh__search_is_tried(const struct lh_search *s, double value);
/* The first values of a range; returns how many. */
int lh__search_scan(const struct lh_search *s, double *out);
/* lh_search_next() of an extreme target. */
int lh__extreme_next(struct lh_search *s, double *out);

#endif
