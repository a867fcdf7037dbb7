/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to workloads/: time of kernels on a device, summed into work.
 */
#ifndef LH_WORKLOADS_KERNELS_H
#define LH_WORKLOADS_KERNELS_H

#include <longhaul/scenario.h>

/* Kernels that follow each other without a synchronisation. */
struct lh__work {
    double kernel_s; /* sum of the kernels, launch gaps left out */
    double n_kernels;
    double meeting_s; /* waits for slower neighbours before the kernels */
    double weights_s; /* of kernel_s and n_kernels: gradients of weights */
    double n_weights;
    enum lh_precision precision; /* of the operands of what is added to it */
    bool frozen;                 /* its weights get no gradients */
};

/* C[m, n] = A[m, k] x B[k, n], `batch` times in one kernel. */
struct lh__gemm {
    double batch;
    double m, n, k;
    bool accumulate; /* C is fp32 and is added to (weight gradients) */
};

/* The attention core between the QKV GEMM and the output projection. */
struct lh__core {
    double batch; /* sequences */
    double rows;  /* tokens of a sequence */
    double heads; /* on this accelerator */
    double kv_heads;
    double head_dim;
    double halves; /* more half squares of rows x rows, below the diagonal:
                      keys of the other accelerators that share a sequence */
    double passes; /* kernels that these take beyond the first */
    double window; /* last tokens that a token sees; 0: all before it */
    bool fused;    /* flash attention */
    int64_t flash_version; /* 1, 2; else the newest of the device */
    bool dropout;
};

void lh__work_add(struct lh__work *work, const struct lh__work *other);
/* Adds `part` of the other; -1 takes it away. */
void lh__work_add_part(struct lh__work *work, const struct lh__work *other,
                       double part);
void lh__work_gemm(struct lh__work *work, const struct lh_device *device,
                   const struct lh__gemm *gemm);
/* Bytes that casting a value of bf16 costs: into one copy, or into one of each
 * direction.  0 in bf16. */
double lh__cast_bytes(enum lh_precision precision, bool both);
/* A kernel that only streams bytes through device memory. */
void lh__work_bytes(struct lh__work *work, const struct lh_device *device,
                    double bytes);
void lh__work_core(struct lh__work *work, const struct lh_device *device,
                   const struct lh__core *core, bool backward);

/* Seconds of the work as one segment: max(kernels + gaps, CPU dispatch);
 * *gap_s is what is not kernels. */
double lh__work_seconds(const struct lh__work *work,
                        const struct lh_device *device,
                        const struct lh_stack *stack, double *gap_s);
/* By how much the segment is longer on an accelerator whose kernels take
 * `behind_frac` more time than the mean. */
double lh__work_slowest_s(const struct lh__work *work,
                          const struct lh_device *device,
                          const struct lh_stack *stack, double behind_frac);

/* Share of the best shape's rate that this GEMM reaches, in (0, 1]. */
double lh__gemm_frac(const struct lh_device *device,
                     const struct lh__gemm *gemm);

#endif
