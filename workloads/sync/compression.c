/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What islands send where it is compressed (sync.compression): bytes on the way
 * and through memory, for outer.c.  Of n parameters k = sync.keep x n numbers
 * of q bytes are sent, M islands:
 *
 *   top-k     the k largest, each with its place in 4 bytes; all-gather of M k
 *             (q + 4) (Aji, Heafield 2017, arXiv:1704.05021; Lin et al. 2018,
 *             arXiv:1712.01887).  Memory: difference and what was left out
 *             before in, what is left out now out, two more passes to find the
 *             threshold: 20 bytes a parameter
 *   demo      the k largest coefficients of a cosine transform of small chunks,
 *             each with its place in the chunk in 2 bytes; all-gather of M k
 *             (q + 2) (DeMo: Peng et al. 2024, arXiv:2411.19870).  Memory:
 *             momentum in and out, the transform in and out, and back: 24
 *   low-rank  two thin factors of k numbers in all, in an all-reduce (PowerSGD:
 *             Vogels et al. 2019, arXiv:1905.13727).  Memory: the difference in
 *             for either factor and to make it anew, what is left out in and
 *             out: 20; the products are taken to be bound by memory
 *
 * At the merge what the others sent is read and added up: all that arrives, and
 * 8 bytes a parameter.  What is left out, or the momentum, is 4 bytes a
 * parameter in memory.
 *
 * Left out: entropy coding; kernels' own speeds; chunks that do not divide.
 */
#include "../workload.h"

double lh__compressed_send_bytes(const struct lh_outer *outer)
{
    static const double bytes[] = {
        [LH_COMPRESSION_TOP_K] = 20.0,
        [LH_COMPRESSION_DEMO] = 24.0,
        [LH_COMPRESSION_LOW_RANK] = 20.0,
    };

    return bytes[outer->compression];
}

double lh__compressed_merge_bytes(const struct lh_outer *outer, double n,
                                  int64_t islands)
{
    return outer->compression == LH_COMPRESSION_NONE
               ? 0.0
               : 8.0 * n + lh__wire_bytes(outer, n, islands);
}

double lh__compressed_state_bytes(const struct lh_outer *outer)
{
    return outer->compression == LH_COMPRESSION_NONE ? 0.0 : 4.0;
}

bool lh__is_gathered(const struct lh_outer *outer)
{
    return outer->compression == LH_COMPRESSION_TOP_K
           || outer->compression == LH_COMPRESSION_DEMO;
}

double lh__wire_bytes(const struct lh_outer *outer, double n, int64_t islands)
{
    double q = lh__payload_bytes(outer);

    switch (outer->compression) {
    case LH_COMPRESSION_TOP_K:
        return (double)islands * outer->keep_frac * n * (q + 4.0);
    case LH_COMPRESSION_DEMO:
        return (double)islands * outer->keep_frac * n * (q + 2.0);
    case LH_COMPRESSION_LOW_RANK: return outer->keep_frac * n * q;
    case LH_COMPRESSION_NONE: break;
    }
    return n * q;
}
