/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a push of weights and the trainer's step lose beside each other: a step
 * is simulated beside a push that never ends, whose flows share the trainer's
 * NICs with the step's max-min (sim/beside.c).
 *
 *   r              bytes/s out of a NIC, by a push while the trainer stands
 *                  still: sum over entries that get weights from the trainer
 *                  of copies x P / transfer, over the most NICs that one uses
 *   train_extra    step beside the push / step - 1
 *   push_extra     r / what the push moved out of a NIC - 1
 *
 * Place in the pipeline: behind rl_push.c; workloads/rl/beside.c applies it.
 * Leaves out: what they share behind the NICs of the trainer (it stands at one
 * site, so fibres and gateways are the push's alone; leaf and spine bear what
 * NICs do), and what other senders' pushes share with generators' traffic.
 */
#include <longhaul/result.h>

#include <math.h>

/* Bytes/s out of each of the trainer's NICs that send; 0: it sends nothing. */
static double nic_rate(const struct lh_rl_report *report)
{
    const struct lh_rl *rl = &report->scenario->rl;
    double sum = 0, most = 0;

    for (int i = 0; i < rl->n_fleets; i++) {
        if (report->relay[i] >= 0)
            continue;
        sum += report->copies[i] * report->push_bytes
               / report->fleets[i].push.transfer_s;
        most = fmax(most, report->flows[i]);
    }
    return most > 0 ? sum / most : 0;
}

enum lh_status lh_rl_beside(struct lh_rl_report *out,
                            const struct lh_sim_point *step, struct lh_ctx *ctx)
{
    static const double nothing = 1e-9; /* rounding of what is alike */
    struct lh_sim_beside push = {INFINITY, nic_rate(out)};
    struct lh_sim_beside_result with;
    struct lh_trace alone;
    enum lh_status st;

    if (!(push.cap_bytes_per_s > 0) || lh_cycle_steps(step->program) > 1)
        return LH_OK;
    st = lh_sim_beside(&with, step, &push, ctx);
    if (st != LH_OK || with.bytes_per_s <= 0) /* it uses no NIC */
        return st;
    st = lh_sim_run(&alone, step, ctx);
    if (st != LH_OK)
        return st;
    out->train_extra = fmax(0, with.step_time_s / alone.step_time_s - 1);
    out->push_extra = fmax(0, push.cap_bytes_per_s / with.bytes_per_s - 1);
    if (out->train_extra < nothing)
        out->train_extra = 0;
    if (out->push_extra < nothing)
        out->push_extra = 0;
    return LH_OK;
}
