/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sends and receives of activations and their gradients between the stages of a
 * pipeline.  Called by pass.c where they run beside the computation, by
 * program.c where they block it (plan.overlap.pipeline: false).
 *
 *   beside    a receive depends on the one before it alone: it is posted early;
 *             a send on what it sends.  Nobody waits but who needs the data.
 *   blocking  between two passes one batch: the sends of the one, the receives
 *             of the other, posted when the first has ended.  The next pass
 *             waits for all of them, so a send waits for its late receiver.
 *             Interleaved: between two pairs of a forward and a backward.
 *
 *             What ends last of equal passes keeps its neighbours waiting
 *             (docs/model.md, "The slowest accelerator").
 *
 *             The CPU waits with it (torch.cuda.synchronize), so that the
 *             accelerator waits for the dispatch of FIRST_KERNELS.
 *
 * Source of blocking: NVIDIA/Megatron-LM, p2p_communication.py,
 * batch_isend_irecv with its wait and synchronisation, the only way before
 * --overlap-p2p-communication (2023); Jiang et al. 2024 (arXiv:2402.15627),
 * section 3.2, "Overlapping in pipeline parallelism".
 */
#include "workload.h"

/* What a pass leaves for the stage's other chunk: its last op and its last
 * computation, which what was to be sent would have waited for. */
static void turn(struct lh__builder *b, const struct lh__slot *slot, bool send)
{
    int32_t *last =
        b->turns[slot->backward * b->fit->n_micro_batches + slot->micro_batch];

    if (send) {
        last[0] = b->flow;
        last[1] = b->last_compute;
        b->n_waits = 0;
        return;
    }
    lh__emit_wait(b, last[0]);
    if (last[1] != last[0])
        lh__emit_wait(b, last[1]);
}

static int32_t emit(struct lh__builder *b, const struct lh__slot *slot,
                    bool send)
{
    struct lh__comm_spec spec;

    if (!lh__route_make(&spec, b, slot, send))
        return LH__NO_OP;
    if (spec.row >= 0)
        return lh__emit_comm(b, &spec);
    turn(b, slot, send);
    return LH__NO_OP;
}

int32_t lh__transfer_receive(struct lh__builder *b, const struct lh__slot *slot)
{
    return emit(b, slot, false);
}

int32_t lh__transfer_send(struct lh__builder *b, const struct lh__slot *slot)
{
    return emit(b, slot, true);
}

/* ---- blocking ----------------------------------------------------------- */

enum { BATCH_MAX = 4 }; /* a forward and a backward, both ways */

/* What is dispatched before the accelerator has work for longer than a dispatch:
 * the schedule's own steps between two passes (counted as one, assumed), a norm
 * and a gather; the product behind them is launched while they run. */
#define FIRST_KERNELS 3.0

struct batch {
    int32_t after[2]; /* what ends the passes that are done, LH__NO_OP */
    int32_t ops[BATCH_MAX];
    int n;
};

static void add(struct lh__builder *b, struct batch *batch,
                const struct lh__slot *slot, bool send)
{
    struct lh__comm_spec spec;
    int32_t op;

    if (!lh__route_make(&spec, b, slot, send))
        return;
    b->micro_batch = slot->micro_batch;
    op = lh__emit_beside(b, &spec, batch->after[0]);
    if (batch->after[1] != LH__NO_OP)
        lh__emit_dep(b, op, batch->after[1]);
    batch->ops[batch->n++] = op;
}

/* Passes of equal accelerators take unequal time, and a batch ends when the
 * last of those that meet in it is there. */
static double meeting_s(const struct lh__builder *b)
{
    return b->since_meeting_s * b->device->speed_spread_frac
           * lh__slowest_neighbours(b->fit->n_stages);
}

/* The CPU was waiting as well: the first kernels are not launched ahead. */
static void launch(struct lh__builder *b, const struct lh__slot *slot)
{
    struct lh__work first = {.n_kernels = FIRST_KERNELS,
                             .meeting_s = meeting_s(b)};

    b->micro_batch = slot->micro_batch;
    lh__emit_work(b, &first, LH_COMPUTE,
                  slot->backward ? LH_TASK_BACKWARD : LH_TASK_FORWARD, -1);
    lh__emit_cut(b);
    lh__emit_wait(b, b->last_compute);
    b->since_meeting_s = 0.0;
}

void lh__transfer_batch(struct lh__builder *b, const struct lh__slots *done,
                        const struct lh__slots *due)
{
    int micro_batch = b->micro_batch;
    struct batch batch = {.after = {LH__NO_OP, LH__NO_OP}};

    lh__emit_flush(b);
    if (done->n > 0) {
        batch.after[0] = b->last_compute;
        if (b->flow != b->last_compute)
            batch.after[1] = b->flow;
    }
    for (int i = 0; i < done->n; i++)
        add(b, &batch, &done->at[i], true);
    for (int i = 0; i < due->n; i++)
        add(b, &batch, &due->at[i], false);
    lh__emit_cut(b);
    for (int i = 0; i < batch.n; i++)
        lh__emit_wait(b, batch.ops[i]);
    if (batch.n > 0 && due->n > 0)
        launch(b, &due->at[0]);
    b->micro_batch = micro_batch;
}
