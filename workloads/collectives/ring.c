/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ring: every member sends to the next one in rank order, which is site by
 * site.  The buffer is cut into n shards.
 *
 *   reduce-scatter, all-gather   n - 1 steps, (n - 1)/n S a hop
 *   all-reduce                   both, one after the other
 *   alpha                        the chain of hops that the last shard takes:
 *                                the largest latency of `steps` hops in a row
 *
 * Source: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for
 * clusters of workstations, JPDC 69 (2009).
 * Leaves out: several rings over other orders of the members (channels); the
 * protocols of NCCL (LL, LL128), whose latency is in the software base.
 */
#include "list.h"

static int64_t ring_steps(enum lh_collective collective, int64_t n)
{
    return collective == LH_ALL_REDUCE ? 2 * (n - 1) : n - 1;
}

static bool ring_defined(enum lh_collective collective,
                         const struct lh_members *members)
{
    return collective != LH_SEND && members->n >= 2;
}

static void ring_hops(struct lh_hops *out, enum lh_collective collective,
                      const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t n = members->n;
    lh__hops_new(out, n, ctx);
    for (int64_t i = 0; i < n; i++) {
        out->from[i] = i;
        out->to[i] = (i + 1) % n;
        out->weight[i] = 1;
    }
    out->unit_frac = (double)ring_steps(collective, n) / (double)n;
}

static double ring_latency(const struct lh_hops *hops,
                           enum lh_collective collective,
                           const struct lh_members *members,
                           const double *latency_s)
{
    (void)hops;
    return lh__cycle_max(latency_s, members->n,
                         ring_steps(collective, members->n));
}

static void ring_pipes(struct lh_pipes *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t n = members->n;
    int64_t steps = ring_steps(collective, n);
    lh__pipes_new(out, n, n * steps, 0, ctx);
    for (int64_t i = 0; i < n; i++) {
        out->from[i] = i;
        out->to[i] = (i + 1) % n;
        out->chain[i] = (i + n - 1) % n;
        out->round_begin[i + 1] = (i + 1) * steps;
        for (int64_t k = 0; k < steps; k++)
            out->round_frac[i * steps + k] = 1.0 / (double)n;
    }
}

const struct lh_algorithm lh__ring_algorithm = {
    .name = "ring",
    .help = "one ring over all members in rank order",
    .defined = ring_defined,
    .hops = ring_hops,
    .latency = ring_latency,
    .pipes = ring_pipes,
};
