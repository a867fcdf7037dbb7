/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NVLS, NVLink SHARP: the switch of a scale-up domain adds up what its members
 * send and gives every one the sum, so that an all-reduce passes S a member and
 * direction instead of 2 (n - 1)/n S.
 *
 *   hops    member i to member i + 1, S each: what a member sends up and what
 *           it gets, whatever the switch does in between
 *   alpha   one hop, up and down
 *
 * Place in the pipeline: one of the algorithms of list.h.
 * Source: NVIDIA, GTC 2024, S62129; nccl src/graph/tuning.cc.
 * Leaves out: trees over several domains (NVLSTree); reduce-scatter and
 * all-gather, which measure no faster than a ring (H200, 16 GiB: 363 and 361
 * GB/s of 367).
 */
#include "list.h"

static bool nvls_defined(enum lh_collective collective,
                         const struct lh_members *members)
{
    if (collective != LH_ALL_REDUCE || !members->in_network
        || !members->has_library || members->n < 2)
        return false;
    for (int64_t i = 1; i < members->n; i++) {
        if (members->domain[i] != members->domain[0])
            return false;
    }
    return true;
}

static void nvls_hops(struct lh_hops *out, enum lh_collective collective,
                      const struct lh_members *members, struct lh_ctx *ctx)
{
    (void)collective;
    lh__hops_new(out, members->n, ctx);
    for (int64_t h = 0; h < out->n; h++) {
        out->from[h] = h;
        out->to[h] = (h + 1) % out->n;
        out->weight[h] = 1;
    }
    out->unit_frac = 1.0;
}

/* One message a hop. */
static void nvls_pipes(struct lh_pipes *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh_hops hops;
    nvls_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, hops.n, hops.n, 0, ctx);
    out->chunks = 1;
    for (int64_t p = 0; p < out->n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = 1.0;
    }
}

const struct lh_algorithm lh__nvls_algorithm = {
    .name = "nvls",
    .help = "sums in the scale-up switch of one domain (NVLink SHARP)",
    .defined = nvls_defined,
    .hops = nvls_hops,
    .latency = lh__longest_hop_s,
    .pipes = nvls_pipes,
};
