/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * GPipe: all forwards, then all backwards from the last micro-batch to the
 * first.  Bubble (p - 1) (t_f + t_b); every micro-batch is in flight at once.
 * Source: Huang et al. 2019, arXiv:1811.06965, figure 2c.
 */
#include "schedules.h"

void lh__schedule_gpipe(struct lh__slots *slots,
                        const struct lh__pipeline *pipeline)
{
    int m = pipeline->n_micro_batches;

    for (int i = 0; i < m; i++)
        lh__slots_add(slots, false, 0, i);
    for (int i = m - 1; i >= 0; i--)
        lh__slots_add(slots, true, 0, i);
}
