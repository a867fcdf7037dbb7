/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Links in ascending order.
 */
#ifndef LH_SIM_LINKS_H
#define LH_SIM_LINKS_H

#include <longhaul/topology.h>

/* For qsort(). */
int lh__by_link(const void *a, const void *b);
/* Where a link stands among n ascending ones, or -1.  O(log n). */
int32_t lh__link_search(const lh_link *ascending, int32_t n, lh_link link);

#endif
