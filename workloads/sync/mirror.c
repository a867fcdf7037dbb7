/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two copies of the weights (dualpipe): stages s and p - 1 - s hold the same
 * two chunks, and add up their gradients, after each has reduced them over its
 * own data axis.  Beside every_step.c.
 *
 *   zero 0   each sends the other all its gradients
 *   zero 1+  each sends half of its shard of the gradients, updates the other
 *            half, sends the weights of that, then both gather: the optimiser
 *            is over 2 d
 *
 * Left out: doing so before the last micro-batch has ended.
 */
#include "../workload.h"

/* Is the optimiser split over both? */
static bool halves(const struct lh__fit *fit)
{
    return lh__fit_goes_both_ways(fit) && fit->scenario->plan.zero >= 1
           && fit->shard > 1;
}

double lh__mirror_share(const struct lh__fit *fit)
{
    return halves(fit) ? 0.5 : 1.0;
}

/* Of what the parameters of a stage are here, a message takes. */
static double message_parameters(const struct lh__fit *fit, double dense,
                                 double routed)
{
    return halves(fit) ? lh__shard_parameters(fit, dense, routed) / 2.0
                       : dense + routed;
}

/* Gradients, or weights: those of the layers as they are gathered. */
static double message_bytes(const struct lh__fit *fit, int stage, bool weights)
{
    double routed = lh__stage_routed(fit, stage);
    double layers = lh__stage_cast(fit, stage) - routed;
    double ends = lh__stage_parameters(fit, stage) - routed - layers;
    double wide = weights ? 2.0 : lh__gradient_bytes(fit);
    double narrow = weights ? lh__gather_bytes(fit) : wide;

    return wide * message_parameters(fit, ends, 0.0)
           + narrow * message_parameters(fit, layers, routed);
}

/* For each pair of stages: gradients to the later and back, then weights. */
int32_t lh__mirror_rows(struct lh__builder *b)
{
    const struct lh__fit *fit = b->fit;
    int32_t first = b->rows->n;

    if (!lh__fit_goes_both_ways(fit))
        return -1;
    for (int stage = 0; stage < fit->n_stages / 2; stage++) {
        int n = halves(fit) ? 4 : 2;

        for (int i = 0; i < n; i++) {
            struct lh_comm send = {
                .collective = LH_SEND,
                .shift_axis = LH_AXIS_PIPELINE,
                .shift =
                    (i % 2 == 0 ? 1 : -1) * (fit->n_stages - 1 - 2 * stage),
                .bytes = message_bytes(fit, stage, i >= 2),
                .category = LH_DATA_COMM,
                .algorithm = "auto",
            };

            lh__rows_add(b->rows, &send, b->ctx->arena);
        }
    }
    return first;
}

/* Continues the flow; returns the op that received. */
static int32_t swap(struct lh__builder *b, enum lh_task task)
{
    int mirror = b->fit->n_stages - 1 - b->stage;
    bool later = b->stage > mirror;
    int32_t row = b->mirror_rows
                  + (later ? mirror : b->stage) * (halves(b->fit) ? 4 : 2)
                  + (task == LH_TASK_WEIGHTS ? 2 : 0);
    struct lh__comm_spec send = {
        .row = row + later,
        .stream = later ? LH_STREAM_BACKWARD_SEND : LH_STREAM_FORWARD_SEND,
        .task = task,
        .role = LH_ROLE_SENDER,
        .layer = -1,
    };
    struct lh__comm_spec receive = {
        .row = row + !later,
        .stream = later ? LH_STREAM_FORWARD_RECV : LH_STREAM_BACKWARD_RECV,
        .task = task,
        .role = LH_ROLE_RECEIVER,
        .layer = -1,
    };

    lh__emit_comm(b, &send);
    lh__emit_cut(b);
    return lh__emit_comm(b, &receive);
}

int32_t lh__mirror_gradients(struct lh__builder *b)
{
    if (b->mirror_rows < 0)
        return LH__NO_OP;
    lh__emit_cut(b);
    lh__emit_wait(b, b->last_compute);
    lh__wait_reductions(b);
    return swap(b, LH_TASK_GRADIENTS);
}

int32_t lh__mirror_weights(struct lh__builder *b)
{
    if (!halves(b->fit))
        return LH__NO_OP;
    return swap(b, LH_TASK_WEIGHTS);
}
