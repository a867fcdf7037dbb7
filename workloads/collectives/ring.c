/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ring: every member sends to the next one in rank order, which is site by
 * site.  Where several members stand in one scale-up domain, K rings (channels,
 * list.h) each enter and leave it at another NIC and take S/K each.  The part
 * of a channel is cut into n shards.
 *
 *   reduce-scatter, all-gather   n - 1 steps, (n - 1)/n S/K a hop
 *   all-reduce                   both, one after the other
 *   alpha                        the chain of hops that the last shard takes:
 *                                the largest latency of `steps` hops in a row
 *                                on any channel
 *   phi                          1: a channel counts as one connection
 *
 * With k members in each of several nodes on rails, every scale-up link sends K
 * hops of S/K and every NIC sends one, S/k; for an all-reduce hence
 *
 *   time = alpha + 2 (n - 1)/n S / min(k NIC rate, scale-up rate)
 *
 * Source: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for
 * clusters of workstations, JPDC 69 (2009); channels as in list.c.
 * Leaves out: other orders of the runs; protocols are sim/protocol.c's.
 */
#include "list.h"

#include <math.h>

static int64_t ring_steps(enum lh_collective collective, int64_t n)
{
    return collective == LH_ALL_REDUCE ? 2 * (n - 1) : n - 1;
}

static bool ring_defined(enum lh_collective collective,
                         const struct lh_members *members)
{
    return collective < LH_ALL_TO_ALL && members->n >= 2;
}

/* Hops: the rings, channel by channel. */
static void ring_hops(struct lh_hops *out, enum lh_collective collective,
                      const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t n = members->n;
    struct lh__channels channels;
    int64_t *order = LH_NEW(ctx->arena, int64_t, n);
    lh__channels_make(&channels, members->domain, n,
                      members->channels_max, ctx);
    lh__hops_new(out, channels.count * n, ctx);
    for (int64_t h = 0; h < out->n; h++) {
        if (h % n == 0)
            lh__channels_order(order, &channels, h / n);
        out->from[h] = order[h % n];
        out->to[h] = order[(h + 1) % n];
        out->weight[h] = 1;
    }
    out->unit_frac =
        (double)ring_steps(collective, n) / (double)(n * channels.count);
}

static double ring_latency(const struct lh_hops *hops,
                           enum lh_collective collective,
                           const struct lh_members *members,
                           const double *latency_s)
{
    int64_t n = members->n;
    double most_s = 0.0;
    for (int64_t h = 0; h < hops->n; h += n)
        most_s = fmax(most_s, lh__cycle_max(latency_s + h, n,
                                            ring_steps(collective, n)));
    return most_s;
}

/* Pipes are the hops; channels do not wait for each other. */
static void ring_pipes(struct lh_pipes *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t n = members->n;
    int64_t steps = ring_steps(collective, n);
    struct lh_hops hops;
    ring_hops(&hops, collective, members, ctx);
    lh__pipes_ring(out, &hops, n, steps, ctx);
}

const struct lh_algorithm lh__ring_algorithm = {
    .name = "ring",
    .help = "rings over all members, each through another NIC of a node",
    .defined = ring_defined,
    .hops = ring_hops,
    .latency = ring_latency,
    .pipes = ring_pipes,
};
