/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plan.overlap.tensor: the matrix products that hide a segment's tensor
 * communication, on one device.  Called by transformer.c; pass.c puts them
 * beside the communication.
 *
 * With sequence parallelism over t accelerators the tokens of a product are cut
 * into t chunks, and the chunk that is there is worked on while the next one is
 * on its way (Wang et al. 2023, "Overlap communication with dependent
 * computation via decomposition", ASPLOS; TransformerEngine's user buffers):
 *
 *   forward   (t - 1) max(chunk, hop) + chunk, of the segment's first product
 *             with its gather, and of its last with its reduction
 *   backward  the same of the gather and the input gradient of the segment's
 *             last product; the reduction beside the weight gradient of its
 *             first, which needs no chunks
 *
 * hop = communication / (t - 1).  Chunks have T / t rows, whose quantisation
 * is their own.
 *
 * Left out: multiprocessors that the communication takes; the products of
 * other segments, and of the embedding and the head, which hide nothing.
 */
#include "workload.h"

/* t products of T / t rows; C[T, n] = A[T, k] B[k, n]. */
static void chunks(struct lh__overlap *out, const struct lh__fit *fit,
                   const struct lh_device *device, double n, double k,
                   struct lh__work *beside)
{
    double t = fit->dims.tensor, tokens = fit->dims.tokens;
    struct lh__gemm whole = {.batch = 1.0, .m = tokens, .n = n, .k = k};
    struct lh__gemm chunk = {.batch = 1.0, .m = tokens / t, .n = n, .k = k};
    struct lh__work one = {.precision = out->replaced.precision,
                           .frozen = out->replaced.frozen};

    lh__work_gemm(&out->replaced, device, &whole);
    lh__work_gemm(&one, device, &chunk);
    lh__work_add_part(beside, &one, t);
}

void lh__overlap_make(struct lh__overlap *out, const struct lh__fit *fit,
                      const struct lh_device *device,
                      const struct lh__block *block, bool backward)
{
    double hidden = fit->dims.hidden;
    struct lh__gemm weights = {.batch = 1.0,
                               .m = hidden,
                               .n = block->wide,
                               .k = fit->dims.tokens,
                               .accumulate = true};

    *out = (struct lh__overlap){0};
    lh__layer_work(&out->replaced, fit);
    lh__layer_work(&out->reduction, fit);
    if (!backward) {
        chunks(out, fit, device, block->wide, hidden, &out->gather);
        chunks(out, fit, device, hidden, block->narrow, &out->reduction);
        return;
    }
    chunks(out, fit, device, block->narrow, hidden, &out->gather);
    if (out->replaced.frozen) /* nothing is left to hide the reduction */
        return;
    lh__work_gemm(&out->replaced, device, &weights);
    lh__work_gemm(&out->reduction, device, &weights);
}
