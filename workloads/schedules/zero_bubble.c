/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Zero bubble with the memory of 1F1B (ZB-H1, called ZB1P elsewhere): a
 * backward is two passes, gradients of inputs (B) and of weights (W).  B goes
 * as in 1F1B; W of a micro-batch comes s passes after its B on stage s, so that
 * every stage has p micro-batches in flight and the first stages run W where
 * they would wait.  Bubble (p - 1) (t_F + t_B - t_W) while t_W is not above
 * t_F and t_B.
 * Source: Qi et al. 2023, arXiv:2401.10241, section 2.2 and table 1.
 *
 * Left out: ZB-H2 and the automatic schedules of the paper; going past the
 * optimiser's barrier.
 */
#include "schedules.h"

/* The input gradients of a micro-batch, then the weights that are due. */
static void add_backward(struct lh__slots *slots, int stage, int micro_batch)
{
    lh__slots_add_half(slots, LH__INPUTS, micro_batch);
    if (micro_batch >= stage)
        lh__slots_add_half(slots, LH__WEIGHTS, micro_batch - stage);
}

void lh__schedule_zero_bubble(struct lh__slots *slots,
                              const struct lh__pipeline *pipeline)
{
    int m = pipeline->n_micro_batches, stage = pipeline->stage;
    int warmup = lh__slots_warm_up(slots, pipeline);

    for (int i = warmup; i < m; i++) {
        lh__slots_add(slots, false, 0, i);
        add_backward(slots, stage, i - warmup);
    }
    for (int i = m - warmup; i < m; i++)
        add_backward(slots, stage, i);
    for (int i = m > stage ? m - stage : 0; i < m; i++)
        lh__slots_add_half(slots, LH__WEIGHTS, i);
}
