/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SHARP: the switches of the network add up too.  The switch of each scale-up
 * domain adds up what its members send (nvls.c), one member a channel sends the
 * sum to its leaf switch and gets the sum of all domains from it.  With K
 * channels, e.g. one a NIC of a node,
 *
 *   hops    member to member in a domain, S each, as nvls_tree.c; between the
 *           domains S/K from each one's member to that of the next: what a NIC
 *           sends and gets whatever the switches do, and what a leaf sends up
 *   alpha   one hop, up and down
 *
 * Place in the pipeline: one of the algorithms of list.h.
 * Source: NCCL, src/graph/tuning.cc (NVLS on several nodes: the switch and one
 * network hop); Graham et al., SHARP, COMHPC 2016.
 * Leaves out: how many groups the switches can serve at once, trees that are
 * deeper than the levels of the fabric, reduce-scatter and all-gather.
 */
#include "list.h"

#include <math.h>

enum { PART = 1000 };

static bool sharp_defined(enum lh_collective collective,
                          const struct lh_members *members)
{
    for (int64_t i = 1; i < members->n; i++) {
        if (members->site[i] != members->site[0])
            return false;
    }
    return collective == LH_ALL_REDUCE && members->sharp
           && lh__in_several_switches(members);
}

static void sharp_hops(struct lh_hops *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh__channels channels;
    int64_t h = members->n;

    (void)collective;
    lh__channels_make(&channels, members->domain, members->n,
                      members->channels_max, ctx);
    lh__hops_new(out, h + channels.count * channels.n_runs, ctx);
    lh__switch_hops(
        out, &channels,
        llround(members->in_network_bytes * PART * (double)channels.count));
    for (int64_t c = 0; c < channels.count; c++) {
        for (int64_t r = 0; r < channels.n_runs; r++, h++) {
            out->from[h] = lh__channels_head(&channels, c, r);
            out->to[h] =
                lh__channels_head(&channels, c, (r + 1) % channels.n_runs);
            out->weight[h] = PART;
        }
    }
    out->unit_frac = 1.0 / (PART * (double)channels.count);
    lh__hops_reduce(out);
}

/* One message a hop. */
static void sharp_pipes(struct lh_pipes *out, enum lh_collective collective,
                        const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh_hops hops;

    sharp_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, hops.n, hops.n, 0, ctx);
    for (int64_t p = 0; p < out->n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = hops.unit_frac * (double)hops.weight[p];
    }
}

const struct lh_algorithm lh__sharp_algorithm = {
    .name = "sharp",
    .help = "sums in the switches of domains and of the network",
    .defined = sharp_defined,
    .hops = sharp_hops,
    .latency = lh__longest_hop_s,
    .pipes = sharp_pipes,
};
