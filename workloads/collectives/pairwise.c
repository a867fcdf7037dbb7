/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pairwise all-to-all: every member sends to every other one directly, all at
 * once.  S is what a member sends, the part it keeps included; member j gets
 * load[j] of W = sum of load[] of it from every sender (equal: 1 of n).
 *
 *   hop i -> j      weight load[j], unit S/W, for all j other than i
 *   sent by i       (W - load[i])/W S
 *   received by j   (n - 1) load[j]/W S
 *   alpha           the largest latency of a hop: no message waits for another
 *   phi             1 / the heaviest weight: k equal hops on a link count as k
 *                   connections.  Of unequal ones the lighter end earlier: at
 *                   one rate each, (sum of weights)/(heaviest) of them are
 *                   open on average, which is what they count as.
 *
 * One coupled flow ends when the bytes of its busiest link are through, which
 * no order of the messages can beat; messages that share links fairly take up
 * to the sum over the links of a path of what each needs alone (docs/model.md).
 *
 * Place in the pipeline: see list.c.
 * Source: NCCL user guide, "Point-to-point communication" (calls of a group
 * progress independently); S. Jeaugey, NVIDIA/nccl issue 1028 (one kernel, at
 * most 8 operations a channel at a time).
 * Leaves out: that limit on open messages; loads that differ from sender to
 * sender; one copy a node that is handed on inside; more than 4,096 members,
 * since there are n (n - 1) hops.
 */
#include "list.h"

enum { PAIRWISE_MEMBERS_MAX = 4096 };

static int64_t load_of(const struct lh_members *members, int64_t member)
{
    return members->load == NULL ? 1 : members->load[member];
}

static double load_sum(const struct lh_members *members)
{
    double sum = 0.0;
    for (int64_t i = 0; i < members->n; i++)
        sum += (double)load_of(members, i);
    return sum;
}

static bool pairwise_defined(enum lh_collective collective,
                             const struct lh_members *members)
{
    return collective == LH_ALL_TO_ALL && members->n >= 2
           && members->n <= PAIRWISE_MEMBERS_MAX;
}

/* Hops: sender by sender; the first is to the next member in rank order. */
static void pairwise_hops(struct lh_hops *out, enum lh_collective collective,
                          const struct lh_members *members, struct lh_ctx *ctx)
{
    (void)collective;
    int64_t n = members->n;
    lh__hops_new(out, n * (n - 1), ctx);
    for (int64_t h = 0; h < out->n; h++) {
        out->from[h] = h / (n - 1);
        out->to[h] = (out->from[h] + 1 + h % (n - 1)) % n;
        out->weight[h] = load_of(members, out->to[h]);
    }
    out->unit_frac = 1.0 / load_sum(members);
    lh__hops_reduce(out);
}

/* A pipe a hop, with one message. */
static void pairwise_pipes(struct lh_pipes *out, enum lh_collective collective,
                           const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh_hops hops;
    pairwise_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, hops.n, hops.n, 0, ctx);
    for (int64_t p = 0; p < hops.n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = (double)hops.weight[p] * hops.unit_frac;
    }
}

const struct lh_algorithm lh__pairwise_algorithm = {
    .name = "pairwise",
    .help = "all-to-all: every member sends to every other one directly",
    .defined = pairwise_defined,
    .hops = pairwise_hops,
    .latency = lh__longest_hop_s,
    .pipes = pairwise_pipes,
};
