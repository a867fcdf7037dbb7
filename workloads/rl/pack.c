/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Samples as a trainer meets them, prompts included: how well whole ones fill
 * rows, first fit, the longest first (Johnson 1973), of a mini-batch of the
 * first step; and how unevenly they are dealt.
 *
 *   packed_frac   tokens / (rows x tokens of a row)
 *   uneven        mean over mini-batches of (tokens of the replica that has
 *                 most / tokens of a replica on average)
 *
 * Source: sequence packing of NVIDIA NeMo RL (docs/design-docs,
 * sequence-packing-and-dynamic-batching).  Leaves out: samples past the first
 * SAMPLES of a mini-batch, which pack alike.
 */
#include <longhaul/rl.h>

#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 1024 };

static int longest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

double lh_rl_packed_frac(const struct lh_rl *rl, int64_t seed,
                         int64_t row_tokens)
{
    int64_t tokens[SAMPLES], room[SAMPLES], sum = 0, rows = 0;
    int64_t n = rl->prompts * rl->samples / rl->mini_batches;

    n = n < 1 ? 1 : n > SAMPLES ? SAMPLES : n;
    for (int64_t i = 0; i < n; i++) {
        tokens[i] = rl->prompt_length
                    + lh_rl_length(rl, seed, i / rl->samples, i % rl->samples);
        sum += tokens[i];
    }
    qsort(tokens, (size_t)n, sizeof *tokens, longest_first);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        while (k < rows && room[k] < tokens[i])
            k++;
        if (k == rows)
            room[rows++] = row_tokens;
        room[k] -= tokens[i];
    }
    return (double)sum / ((double)rows * (double)row_tokens);
}

static double most_over_mean(const struct lh_rl *rl, int64_t seed,
                             int64_t first, int64_t n, double *tokens,
                             int64_t replicas)
{
    double sum = 0, most = 0;

    for (int64_t r = 0; r < replicas; r++)
        tokens[r] = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = first + i;
        tokens[i % replicas] +=
            (double)(rl->prompt_length
                     + lh_rl_length(rl, seed, k / rl->samples,
                                    k % rl->samples));
    }
    for (int64_t r = 0; r < replicas; r++) {
        sum += tokens[r];
        most = fmax(most, tokens[r]);
    }
    return most * (double)replicas / sum;
}

double lh_rl_uneven(const struct lh_rl *rl, int64_t seed, int64_t replicas,
                    struct lh_ctx *ctx)
{
    double *tokens = LH_NEW(ctx->arena, double, replicas), sum = 0;
    int64_t n = rl->prompts * rl->samples / rl->mini_batches;

    if (n < 1)
        return 1;
    for (int64_t m = 0; m < rl->mini_batches; m++)
        sum += most_over_mean(rl, seed, m * n, n, tokens, replicas);
    return sum / (double)rl->mini_batches;
}
