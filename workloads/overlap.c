/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The matrix products that hide a segment's tensor communication, on one
 * device.  Called by transformer.c; pass.c puts them beside the communication.
 *
 * A stack with backward_overlap hides in the backward of a segment's first
 * product, whose columns are split (NVIDIA/Megatron-LM,
 * megatron/core/tensor_parallel/layers.py,
 * LinearWithGradAccumulationAndAsyncCommunication):
 *
 *   max(reduction, weight gradient), and with sequence parallelism before it
 *   max(second gather of its input, input gradient)
 *
 * plan.overlap.tensor: with sequence parallelism over t accelerators the tokens
 * of a product are cut into t chunks, and the chunk that is there is worked on
 * while the next one is on its way (Wang et al. 2023, "Overlap communication
 * with dependent computation via decomposition", ASPLOS; TransformerEngine's
 * user buffers):
 *
 *   forward   (t - 1) max(chunk, hop) + chunk, of the segment's first product
 *             with its gather, and of its last with its reduction
 *   backward  the same of the gather and the input gradient of the segment's
 *             last product; the reduction beside the weight gradient of its
 *             first, which needs no chunks
 *
 * hop = communication / (t - 1).  Chunks have T / t rows and tiles of their
 * own; their waves are shared (TransformerEngine runs them on three streams).
 *
 * Left out: multiprocessors that the communication takes; with
 * plan.overlap.tensor the forward of the head, which hides nothing.
 */
#include "workload.h"

/* t products of T / t rows; C[T, n] = A[T, k] B[k, n].  Kernels of several
 * chunks are in flight at once and fill each other's last waves, as those of a
 * batch do. */
static void chunks(struct lh__overlap *out, const struct lh__fit *fit,
                   const struct lh_device *device, double n, double k,
                   struct lh__work *beside)
{
    double t = fit->dims.tensor, tokens = fit->dims.tokens;
    struct lh__gemm whole = {.batch = 1.0, .m = tokens, .n = n, .k = k};
    struct lh__gemm parts = {.batch = t, .m = tokens / t, .n = n, .k = k};
    struct lh__work all = {.precision = out->replaced.precision,
                           .frozen = out->replaced.frozen};

    lh__work_gemm(&out->replaced, device, &whole);
    lh__work_gemm(&all, device, &parts);
    all.n_kernels *= t;
    lh__work_add(beside, &all);
}

/* The product as it is, whole. */
static void beside(struct lh__overlap *out, const struct lh_device *device,
                   const struct lh__gemm *gemm, struct lh__work *work)
{
    lh__work_gemm(&out->replaced, device, gemm);
    lh__work_gemm(work, device, gemm);
}

bool lh__gathers_twice(const struct lh_scenario *s)
{
    return s->stack.backward_overlap && s->plan.sequence_parallel
           && s->training.lora_rank == 0;
}

void lh__overlap_add(struct lh__overlap *out, const struct lh__fit *fit,
                     const struct lh_device *device,
                     const struct lh__block *block, bool backward)
{
    const struct lh_scenario *s = fit->scenario;
    double hidden = fit->dims.hidden, tokens = fit->dims.tokens;
    struct lh__gemm inputs = {
        .batch = 1.0, .m = tokens, .n = hidden, .k = block->wide};
    struct lh__gemm weights = {.batch = 1.0,
                               .m = hidden,
                               .n = block->wide,
                               .k = tokens,
                               .accumulate = true};

    if (!backward) {
        chunks(out, fit, device, block->wide, hidden, &out->gather);
        chunks(out, fit, device, hidden, block->narrow, &out->reduction);
        return;
    }
    if (s->plan.overlap_tensor && block->narrow > 0.0)
        chunks(out, fit, device, block->narrow, hidden, &out->gather);
    if (out->replaced.frozen) /* nothing is left to hide the reduction */
        return;
    if (lh__gathers_twice(s))
        beside(out, device, &inputs, &out->input);
    beside(out, device, &weights, &out->reduction);
}
