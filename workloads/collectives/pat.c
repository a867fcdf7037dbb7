/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * PAT, parallel aggregated trees: all-gather and reduce-scatter in log2 n
 * steps. Each member's part goes down a binomial tree of its own, shifted to
 * begin at it; step k passes on what goes 2^k members further, the far ones
 * first:
 *
 *   hops    i to i + 2^k modulo n (all-gather), back (reduce-scatter), of
 *             c(k) = floor((n-1) / 2^k) - floor((n-1) / 2^(k+1))
 *           parts of S/n, as many as positions below n have lowest bit k; their
 *           sum is n - 1, and the near hops carry most
 *   alpha   sum over k of the longest hop of the step
 *
 * For one member a scale-up domain, as in NCCL.  The library's linear part and
 * its share of a ring's bandwidth are the protocol's (sim/protocol.c).
 *
 * Place in the pipeline: one of the algorithms of list.h.
 * Source: S. Jeaugey, PAT, arXiv:2506.20252; NCCL 2.23 and later.
 * Leaves out: internal buffers that are too small for a step, which then takes
 * several; members that share a domain.
 */
#include "list.h"

#include <math.h>

static bool pat_defined(enum lh_collective collective,
                        const struct lh_members *members)
{
    if ((collective != LH_REDUCE_SCATTER && collective != LH_ALL_GATHER)
        || !members->pat || members->n < 2)
        return false;
    for (int64_t i = 1; i < members->n; i++) {
        if (members->domain[i] <= members->domain[i - 1])
            return false;
    }
    return true;
}

static int64_t steps_count(int64_t n)
{
    int64_t steps = 0;
    while ((int64_t)1 << steps < n)
        steps++;
    return steps;
}

/* Step by step, the near one first, by the member that the tree comes from. */
static void pat_hops(struct lh_hops *out, enum lh_collective collective,
                     const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t n = members->n;
    int64_t h = 0;

    lh__hops_new(out, n * steps_count(n), ctx);
    for (int64_t far = 1; far < n; far *= 2) {
        for (int64_t i = 0; i < n; i++, h++) {
            bool down = collective == LH_ALL_GATHER;
            out->from[h] = down ? i : (i + far) % n;
            out->to[h] = down ? (i + far) % n : i;
            out->weight[h] = (n - 1) / far - (n - 1) / (2 * far);
        }
    }
    out->unit_frac = 1.0 / (double)n;
    lh__hops_reduce(out);
}

static double pat_latency(const struct lh_hops *hops,
                          enum lh_collective collective,
                          const struct lh_members *members,
                          const double *latency_s)
{
    double all_s = 0.0;

    (void)collective;
    for (int64_t h = 0; h < hops->n; h += members->n) {
        double most_s = 0.0;
        for (int64_t i = 0; i < members->n; i++)
            most_s = fmax(most_s, latency_s[h + i]);
        all_s += most_s;
    }
    return all_s;
}

/* A step waits for all that its member has got in the steps before: of an
 * all-gather the far ones, of a reduce-scatter the near ones. */
static void pat_gates(struct lh_pipes *out, enum lh_collective collective,
                      int64_t n)
{
    int64_t steps = steps_count(n);
    int64_t g = 0;

    for (int64_t p = 0; p < out->n; p++) {
        int64_t step = p / n;
        bool down = collective == LH_ALL_GATHER;
        for (int64_t s = down ? step + 1 : 0; s < (down ? steps : step); s++) {
            int64_t far = ((int64_t)1 << s) % n;
            int64_t from = out->from[p];
            int64_t at = down ? (from - far + n) % n : from;
            out->gates[g++] = s * n + at;
        }
        out->gate_begin[p + 1] = g;
    }
}

static void pat_pipes(struct lh_pipes *out, enum lh_collective collective,
                      const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh_hops hops;
    int64_t steps = steps_count(members->n);

    pat_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, hops.n, hops.n, hops.n * steps, ctx);
    for (int64_t p = 0; p < out->n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = hops.unit_frac * (double)hops.weight[p];
    }
    pat_gates(out, collective, members->n);
}

const struct lh_algorithm lh__pat_algorithm = {
    .name = "pat",
    .help = "a binomial tree a member, log2 n steps; one member a domain",
    .defined = pat_defined,
    .hops = pat_hops,
    .latency = pat_latency,
    .pipes = pat_pipes,
};
