/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Interleaved 1F1B: a stage holds v chunks and runs p micro-batches of one
 * chunk before it turns to the next; stage s warms up with
 * 2 (p - s - 1) + (v - 1) p forwards.  Bubble (p - 1) (t_f + t_b) / v.  The
 * number of micro-batches is a multiple of p.  With one chunk it is 1F1B.
 * Transfers that block come once a forward and backward, since stages in a ring
 * would wait for each other between the two.
 * Where a forward stands beside a backward (pair.c) a stage warms up with one
 * forward more, so that the last one's are of different micro-batches.
 * Source: Narayanan et al. 2021, arXiv:2104.04473, section 2.2.2.
 */
#include "schedules.h"

/* The k-th forward or backward of a stage; the same order on every stage. */
static void add_kth(struct lh__slots *slots, bool backward, int k,
                    const struct lh__pipeline *pipeline)
{
    int p = pipeline->n_stages, v = pipeline->n_chunks;
    int chunk = k / p % v;

    lh__slots_add(slots, backward, backward ? v - 1 - chunk : chunk,
                  k / (p * v) * p + k % p);
}

void lh__schedule_interleaved(struct lh__slots *slots,
                              const struct lh__pipeline *pipeline)
{
    int p = pipeline->n_stages, v = pipeline->n_chunks;
    int total = pipeline->n_micro_batches * v;
    int warmup = 2 * (p - pipeline->stage - 1) + (v - 1) * p + pipeline->pairs;

    if (v == 1) {
        lh__schedule_one_f_one_b(slots, pipeline);
        return;
    }
    if (warmup > total)
        warmup = total;
    for (int k = 0; k < warmup; k++)
        add_kth(slots, false, k, pipeline);
    for (int k = warmup; k < total; k++) {
        add_kth(slots, false, k, pipeline);
        slots->at[slots->n - 1].joined = true;
        slots->at[slots->n - 1].paired = pipeline->pairs;
        add_kth(slots, true, k - warmup, pipeline);
    }
    for (int k = total - warmup; k < total; k++)
        add_kth(slots, true, k, pipeline);
}
