/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time of kernels: a roofline per kernel, launch gaps per segment.  Called by
 * transformer.c for the segments of a layer; knows devices, not models.
 *
 *   kernel  = max(flops / (peak x eta), bytes / (bandwidth x eta_m))
 *   segment = max(sum (kernel + gap), sum dispatch)
 *
 * GEMM: eta = (best-shape share of the device) x (what a step sustains of it)
 * x (tile and wave quantisation) x k / (k + GEMM_FILL).  Quantisation is the
 * share of the multiprocessors' tile slots that hold wanted output, over the
 * best of a few tiles and split-K factors: NVIDIA, "Matrix Multiplication
 * Background User's Guide", sections on tile and wave quantisation.  Smaller
 * tiles re-read more from cache and are given a lower ceiling (assumption, see
 * TILES).
 *
 * Attention: fused kernels (Dao 2023, arXiv:2307.08691; Shah et al. 2024,
 * arXiv:2407.08608) run 4 x b x a x s^2 x d FLOP forward and 2.5 times as many
 * backward (the scores are computed again: five GEMMs against two), of which
 * the causal mask leaves the tiles on and below the diagonal,
 * (1 + tile/s) / 2, less (s - w)(s - w - tile) / 2 s^2 with a window of w < s
 * tokens (flash attention from 2.3 on).  What they reach depends on device,
 * version, direction and rows, not on the head's dimension; with a window rows
 * are what a token of a whole triangle would have to see as much, s - (s - w)^2
 * / s.  Unfused kernels write the s x s scores to memory, do the full square,
 * whatever the mask and the window, and are limited by bytes (Korthikanti et
 * al. 2022, arXiv:2205.05198, figure 3 lists the kernels).
 *
 * Left out: power capping within a device row, cache residency of small
 * operands, and multiprocessors taken by a concurrent collective.
 */
#include "kernels.h"

#include <math.h>

/* A GEMM fills and drains its pipeline once a tile: as long as this many
 * columns of k.  Assumption: 2 stages of 32 to 64 and the epilogue. */
#define GEMM_FILL 64.0

/* mxfp8: values that share a scale of one byte. */
#define BLOCK_VALUES 32.0

/* Tokens of a tile along the diagonal of a causal fused kernel. */
#define CORE_TILE 128.0

/* Rows at which a fused causal kernel reaches half of its long-row rate.
 * Assumption: without a mask, Shah et al. 2024, figure 5, head_dim 128 (467,
 * 565, 625, 638, 646, 648 TFLOP/s on 512 to 16k rows) gives about 180; with
 * one, half of the tiles are gone and short rows fill the device later. */
#define CORE_HALF_ROWS 450.0

/* Output tile as a share of the device's usual one, and the ceiling it has
 * compared with it.  Assumption: the ceilings follow the intensity
 * tm tn / (tm + tn) of the tile to the power 1/4. */
static const struct {
    double m, n, ceiling_frac;
} tiles[] = {
    {1.0, 1.0, 1.00},
    {1.0, 0.5, 0.93},
    {0.5, 0.5, 0.84},
};

static const double splits[] = {1.0, 2.0, 4.0};

void lh__work_add(struct lh__work *work, const struct lh__work *other)
{
    lh__work_add_part(work, other, 1.0);
}

void lh__work_add_part(struct lh__work *work, const struct lh__work *other,
                       double part)
{
    work->kernel_s += part * other->kernel_s;
    work->n_kernels += part * other->n_kernels;
    work->meeting_s += part * other->meeting_s;
    work->weights_s += part * other->weights_s;
    work->n_weights += part * other->n_weights;
}

void lh__work_bytes(struct lh__work *work, const struct lh_device *device,
                    double bytes)
{
    work->kernel_s +=
        bytes / (device->memory_bytes_per_s * device->memory_frac);
    work->n_kernels += 1.0;
}

double lh__gemm_frac(const struct lh_device *device,
                     const struct lh__gemm *gemm)
{
    double slots = (double)device->multiprocessors, best = 0.0;

    for (size_t t = 0; t < sizeof tiles / sizeof tiles[0]; t++) {
        double tm = (double)device->tile_m * tiles[t].m;
        double tn = (double)device->tile_n * tiles[t].n;
        double n_tiles = gemm->batch * ceil(gemm->m / tm) * ceil(gemm->n / tn);

        for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
            double waves = ceil(n_tiles * splits[i] / slots);
            double wanted = gemm->batch * gemm->m * gemm->n * splits[i];
            double k = gemm->k / splits[i];
            double frac = wanted / (waves * slots * tm * tn)
                          * tiles[t].ceiling_frac * k / (k + GEMM_FILL);

            best = fmax(best, frac);
        }
    }
    return best;
}

/* fp8 (a scale a tensor, of its present values): the largest is found first (2
 * in), then bf16 in (2), a copy out (1), and a transposed one (1) for the GEMM
 * that sums over the other index.  mxfp8 (a scale a block along the sum) needs
 * no pass for the largest; its second copy is another quantisation, made from
 * the same bf16. */
double lh__cast_bytes(enum lh_precision precision, bool both)
{
    double copies = both ? 2.0 : 1.0;

    switch (precision) {
    case LH_FP8: return 4.0 + copies;
    case LH_MXFP8: return 2.0 + copies * (1.0 + 1.0 / BLOCK_VALUES);
    case LH_BF16: break;
    }
    return 0.0;
}

/* An activation, or the gradient of one, becomes fp8; the GEMM of the weights'
 * gradient takes the transposed copies. */
static void cast(struct lh__work *work, const struct lh_device *device,
                 double values)
{
    double bytes = values * lh__cast_bytes(work->precision, !work->frozen);

    if (bytes == 0.0)
        return;
    lh__work_bytes(work, device, bytes);
    if (work->precision == LH_FP8) /* the largest value, its scale, the cast */
        work->n_kernels += 2.0;
}

/* What GEMMs of the best shape reach, and a step sustains of it. */
static double best_rate(const struct lh_device *device,
                        enum lh_precision precision)
{
    double fp8 = device->fp8_flops_per_s * device->gemm_fp8_frac
                 * device->gemm_sustained_fp8_frac;

    if (precision == LH_BF16)
        return device->bf16_flops_per_s * device->gemm_bf16_frac
               * device->gemm_sustained_frac;
    return precision == LH_MXFP8 ? fp8 * device->mxfp8_frac : fp8;
}

void lh__work_gemm(struct lh__work *work, const struct lh_device *device,
                   const struct lh__gemm *g)
{
    bool narrow = work->precision != LH_BF16;
    double flops = 2.0 * g->batch * g->m * g->n * g->k;
    double bytes = g->batch
                   * ((narrow ? 1.0 : 2.0) * (g->m * g->k + g->k * g->n)
                      + (g->accumulate ? 8.0 : 2.0) * g->m * g->n);
    double rate = best_rate(device, work->precision) * lh__gemm_frac(device, g);
    double memory_s =
        bytes / (device->memory_bytes_per_s * device->memory_frac);

    work->kernel_s += fmax(flops / rate, memory_s);
    work->n_kernels += 1.0;
    if (!g->accumulate)
        cast(work, device, g->batch * g->m * g->k);
    if (g->accumulate) {
        work->weights_s += fmax(flops / rate, memory_s);
        work->n_weights += 1.0;
    }
}

/* Share of the peak that the stack's flash attention reaches on long rows. */
static double flash_frac(const struct lh_device *device, int64_t version,
                         bool backward)
{
    double newest = backward ? device->attention_backward_frac
                             : device->attention_forward_frac;

    if (version == 1)
        return backward ? device->flash_1_backward_frac
                        : device->flash_1_forward_frac;
    return version == 2 ? newest * device->flash_2_frac : newest;
}

/* Rows that do not see the first token. */
static double core_outside(const struct lh__core *c)
{
    return c->window > 0.0 && c->window < c->rows ? c->rows - c->window : 0.0;
}

/* Share of the square whose tiles a causal kernel works on; with a window those
 * are left out that lie outside it as a whole. */
static double core_kept(const struct lh__core *c, double outside)
{
    double causal = fmin(1.0, (1.0 + CORE_TILE / c->rows) / 2.0);

    return causal
           - fmax(0.0, outside * (outside - CORE_TILE))
                 / (2.0 * c->rows * c->rows);
}

static void core_fused(struct lh__work *work, const struct lh_device *device,
                       const struct lh__core *c, bool backward)
{
    double square = c->batch * c->heads * c->rows * c->rows * c->head_dim;
    double out = core_outside(c), causal = core_kept(c, out);
    double flops =
        4.0 * square * (causal + c->halves / 2.0) * (backward ? 2.5 : 1.0);
    double seen = c->rows - out * out / c->rows;
    double eta = flash_frac(device, c->flash_version, backward) * seen
                 / (seen + CORE_HALF_ROWS);
    /* Q, K, V in and O out; backward also dO in and dQ, dK, dV out. */
    double bytes =
        2.0 * c->batch * c->rows * c->head_dim
        * (c->heads * (1.0 + c->passes) + c->kv_heads * (1.0 + c->halves))
        * (backward ? 4.0 : 2.0);

    work->kernel_s +=
        fmax(flops / (device->bf16_flops_per_s * eta),
             bytes / (device->memory_bytes_per_s * device->memory_frac));
    work->n_kernels += (1.0 + c->passes) * (backward ? 2.0 : 1.0);
}

/* Forward: scores, softmax with mask [, dropout], values.  Backward: the four
 * GEMMs, softmax' [, dropout'].  `scores` is one pass over the s x s matrix.
 * The output is copied into the order of tokens, backward its gradient out of
 * it and those of Q, K and V into one tensor. */
static void core_unfused(struct lh__work *work, const struct lh_device *device,
                         const struct lh__core *c, bool backward)
{
    double scores = 2.0 * c->batch * c->heads * c->rows * c->rows;
    double tokens = c->batch * c->rows * c->head_dim;
    double copied =
        4.0 * tokens
        * (backward ? 2.0 * c->heads + 2.0 * c->kv_heads : c->heads);
    struct lh__gemm to_square = {.batch = c->batch * c->heads,
                                 .m = c->rows,
                                 .n = c->rows,
                                 .k = c->head_dim};
    struct lh__gemm from_square = {.batch = c->batch * c->heads,
                                   .m = c->rows,
                                   .n = c->head_dim,
                                   .k = c->rows};

    lh__work_gemm(work, device, &to_square);
    for (int i = 0; i < (backward ? 3 : 1); i++)
        lh__work_gemm(work, device, &from_square);
    lh__work_bytes(work, device, (backward ? 3.0 : 2.0) * scores);
    work->kernel_s +=
        copied / (device->memory_bytes_per_s * device->memory_frac);
    if (c->dropout) /* in, out, and a mask of one byte */
        lh__work_bytes(work, device, 2.5 * scores);
}

void lh__work_core(struct lh__work *work, const struct lh_device *device,
                   const struct lh__core *core, bool backward)
{
    if (core->fused)
        core_fused(work, device, core, backward);
    else
        core_unfused(work, device, core, backward);
}

double lh__work_seconds(const struct lh__work *work,
                        const struct lh_device *device,
                        const struct lh_stack *stack, double *gap_s)
{
    double gaps_s = work->n_kernels * device->kernel_gap_s;
    double dispatch_s = work->n_kernels * stack->dispatch_s;
    double seconds = fmax(work->kernel_s + gaps_s, dispatch_s);

    *gap_s = seconds - work->kernel_s;
    return seconds;
}

double lh__work_slowest_s(const struct lh__work *work,
                          const struct lh_device *device,
                          const struct lh_stack *stack, double behind_frac)
{
    struct lh__work slow = *work;
    double gap_s;

    slow.kernel_s *= 1.0 + behind_frac;
    return lh__work_seconds(&slow, device, stack, &gap_s)
           - lh__work_seconds(work, device, stack, &gap_s);
}
