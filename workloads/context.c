/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Attention of sequences that c accelerators share: the compute of a layer's
 * attention with the exchange of keys and values.  Called by pass.c where
 * plan.context > 1; costs come from transformer.c.
 *
 * An accelerator holds 1/c of the tokens of each sequence, two chunks of s/2c,
 * the i-th from the front and the i-th from the back, so that each has the
 * same share of the causal square: one block of rows x rows with the diagonal
 * and c - 1 halves of such a block (Llama team 2024, arXiv:2407.21783, section
 * 3.3.2; zig-zag of Megatron-Core and TransformerEngine).  With B the bytes of
 * K and V of one accelerator's tokens, 4 T kv:
 *
 *   all-gather  K and V, c B, are gathered before the core, forward and
 *               backward; their gradients are reduce-scattered after it
 *   ring        blocks of B pass c - 1 times to the neighbour, block i + 1
 *               while block i is worked on (Liu et al. 2023, arXiv:2310.01889):
 *                   (c - 1) max(block, transfer) + block
 *               here as one ring all-gather of c B beside c - 1 of c parts of
 *               the core, then the last part.  Backward, the gradients of K
 *               and V travel as well: a ring reduce-scatter of c B behind the
 *               all-gather.
 *
 * The ring's partial outputs are merged: O in fp32 in and out, the block's O
 * in; backward dQ likewise (bytes of a value of q: 10).
 *
 * Left out: the last transfer of gradients, which overlaps the last block in
 * TransformerEngine; the projection runs before the core instead of after it,
 * which is the same sum.
 */
#include "workload.h"

static bool is_ring(const struct lh__fit *fit)
{
    return fit->scenario->plan.context_kind == LH_CONTEXT_RING;
}

/* K and V of one accelerator's tokens. */
static double block_bytes(const struct lh__fit *fit)
{
    return 4.0 * fit->dims.tokens * fit->dims.keys;
}

double lh__context_passes(const struct lh__fit *fit)
{
    return is_ring(fit) ? fit->dims.context - 1.0 : 0.0;
}

void lh__context_merge(struct lh__work *work, const struct lh__fit *fit,
                       const struct lh_device *device, bool backward)
{
    const struct lh__dims *d = &fit->dims;
    double passes = lh__context_passes(fit);
    double values = d->queries + (backward ? 2.0 * d->keys : 0.0);
    struct lh__work once = {0};

    if (passes == 0.0)
        return;
    lh__work_bytes(&once, device, 10.0 * d->tokens * values);
    work->kernel_s += passes * once.kernel_s;
    work->n_kernels += passes * once.n_kernels;
}

/* all-gather: all of K, V and their gradients; ring: two blocks of each. */
double lh__context_bytes(const struct lh__fit *fit)
{
    if (fit->dims.context == 1.0)
        return 0.0;
    return block_bytes(fit) * (is_ring(fit) ? 4.0 : 2.0 * fit->dims.context);
}

/* ---- ops ---------------------------------------------------------------- */

static int32_t exchange(struct lh__builder *b, const struct lh__attention *a,
                        enum lh_collective collective)
{
    struct lh__comm_spec spec = {
        .comm =
            {
                .collective = collective,
                .axes = LH_AXIS_BIT(LH_AXIS_CONTEXT),
                .bytes = b->fit->dims.context * block_bytes(b->fit),
                .category = a->comm,
                .algorithm = is_ring(b->fit) ? "ring" : "auto",
            },
        .row = -1,
        .stream = LH_STREAM_CONTEXT,
        .task = a->task,
        .role = LH_ROLE_MEMBER,
        .layer = a->layer,
    };

    return lh__emit_comm(b, &spec);
}

static void compute(struct lh__builder *b, const struct lh__attention *a,
                    const struct lh__work *work, double part)
{
    struct lh__work scaled = {0};

    lh__work_add_part(&scaled, work, part);
    lh__emit_work(b, &scaled, a->category, a->task, a->layer);
    lh__emit_flush(b);
}

static void ring(struct lh__builder *b, const struct lh__attention *a,
                 const struct lh__work *core)
{
    double last = 1.0 / b->fit->dims.context;
    int32_t arrived = exchange(b, a, LH_ALL_GATHER);

    if (a->backward)
        arrived = exchange(b, a, LH_REDUCE_SCATTER);
    lh__emit_cut(b);
    compute(b, a, core, 1.0 - last);
    lh__emit_wait(b, arrived);
    compute(b, a, core, last);
}

void lh__context_attention(struct lh__builder *b, const struct lh__attention *a)
{
    const struct lh__work *core =
        a->backward ? &b->costs.core_backward : &b->costs.core;

    lh__emit_flush(b);
    if (a->around != NULL) {
        struct lh__work rest = *a->around;

        lh__work_add_part(&rest, core, -1.0);
        compute(b, a, &rest, 1.0);
    }
    if (is_ring(b->fit)) {
        ring(b, a, core);
        return;
    }
    exchange(b, a, LH_ALL_GATHER);
    compute(b, a, core, 1.0);
    if (a->backward)
        exchange(b, a, LH_REDUCE_SCATTER);
}
