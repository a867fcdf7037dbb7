/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * 1F1B: stage s warms up with min(p - s - 1, m) forwards, then alternates one
 * forward and one backward, then drains.  Bubble (p - 1) (t_f + t_b) as
 * GPipe's, but at most p - s micro-batches are in flight.
 * Source: Narayanan et al. 2021, arXiv:2104.04473, section 2.2.1.
 */
#include "schedules.h"

void lh__schedule_one_f_one_b(struct lh__slots *slots,
                              const struct lh__pipeline *pipeline)
{
    int m = pipeline->n_micro_batches;
    int warmup = lh__slots_warm_up(slots, pipeline);

    for (int i = warmup; i < m; i++) {
        lh__slots_add(slots, false, 0, i);
        lh__slots_add(slots, true, 0, i - warmup);
    }
    for (int i = m - warmup; i < m; i++)
        lh__slots_add(slots, true, 0, i);
}
