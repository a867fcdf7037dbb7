/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NVLS with trees between the domains (NCCL: NVLSTree): the switch of each
 * scale-up domain adds up what its members send, one member a channel takes the
 * sum through the double binary tree over the domains (tree.c), and the switch
 * gives every member the result.  With K channels, e.g. one a NIC of a node,
 *
 *   hops    member to member in a domain, S each, as nvls.c; an edge of a tree
 *           S/(2 K) in each direction
 *   weights a hop inside counts factor x: the links have a ring's efficiency,
 *           the switch in_network_frac (members->in_network_bytes), rounded to
 *           thousandths of an edge
 *   alpha   the deepest path of a tree, up and down; what the switch takes is
 *           part of the protocol's base
 *
 * Place in the pipeline: one of the algorithms of list.h.
 * Source: NCCL 2.18 and later, src/graph/tuning.cc (NVLS_TREE: the switch and
 * 2 log2(nodes) network hops); S. Jeaugey, NVIDIA/nccl issue 1413 (all-reduce
 * only).
 * Leaves out: the limit of a channel (perChMaxNVLSTreeBws); in the message
 * form, that a tree waits for the first sums of its domain.
 */
#include "list.h"

#include <math.h>

enum { EDGE = 1000, CHUNKS_PER_LEVEL = 32 };

/* Runs of at least two members, more than one, and no domain in two of them. */
bool lh__in_several_switches(const struct lh_members *members)
{
    int64_t n_runs = 1;
    int64_t run = 1;

    for (int64_t i = 1; i < members->n; i++) {
        bool same = members->domain[i] == members->domain[i - 1];
        if (!same && (run < 2 || members->domain[i] < members->domain[i - 1]))
            return false;
        run = same ? run + 1 : 1;
        n_runs += !same;
    }
    return run >= 2 && n_runs >= 2;
}

static bool nvls_tree_defined(enum lh_collective collective,
                              const struct lh_members *members)
{
    return collective == LH_ALL_REDUCE && members->nvls_tree
           && lh__in_several_switches(members);
}

void lh__switch_hops(struct lh_hops *hops, const struct lh__channels *channels,
                     int64_t weight)
{
    for (int64_t r = 0; r < channels->n_runs; r++) {
        int64_t first = channels->first[r];
        int64_t k = channels->first[r + 1] - first;
        for (int64_t i = 0; i < k; i++) {
            hops->from[first + i] = first + i;
            hops->to[first + i] = first + (i + 1) % k;
            hops->weight[first + i] = weight;
        }
    }
}

/* Hops inside by member; then channel by channel the two trees, of the edge
 * from a run to its parent the one up and then the one down, by run.  With
 * is_head the ends are members, else runs. */
static void hops_make(struct lh_hops *out, const struct lh_members *members,
                      bool is_head, struct lh_ctx *ctx)
{
    struct lh__channels channels;
    lh__channels_make(&channels, members->domain, members->n,
                      members->channels_max, ctx);
    int64_t n = channels.n_runs;
    int64_t *parent = LH_NEW(ctx->arena, int64_t, n);
    int64_t h = members->n;
    lh__hops_new(out, h + 4 * channels.count * (n - 1), ctx);
    lh__switch_hops(
        out, &channels,
        llround(members->in_network_bytes * 2 * EDGE * (double)channels.count));
    for (int64_t b = 0; b < 2 * channels.count; b++) {
        lh__tree_of_runs(parent, (int)(b % 2), n, ctx);
        for (int64_t r = 0; r < n; r++) {
            if (parent[r] < 0)
                continue;
            int64_t up = parent[r];
            out->from[h] = out->to[h + 1] =
                is_head ? lh__channels_head(&channels, b / 2, r) : r;
            out->to[h] = out->from[h + 1] =
                is_head ? lh__channels_head(&channels, b / 2, up) : up;
            out->weight[h] = out->weight[h + 1] = EDGE;
            h += 2;
        }
    }
    out->unit_frac = 0.5 / (EDGE * (double)channels.count);
}

static void nvls_tree_hops(struct lh_hops *out, enum lh_collective collective,
                           const struct lh_members *members, struct lh_ctx *ctx)
{
    (void)collective;
    hops_make(out, members, true, ctx);
    lh__hops_reduce(out);
}

static int64_t runs_count(const struct lh_members *members)
{
    int64_t n = 1;
    for (int64_t i = 1; i < members->n; i++)
        n += members->domain[i] != members->domain[i - 1];
    return n;
}

static double nvls_tree_latency(const struct lh_hops *hops,
                                enum lh_collective collective,
                                const struct lh_members *members,
                                const double *latency_s)
{
    struct lh_ctx scratch = {.arena = lh_arena_new()};
    int64_t n_edges = runs_count(members) - 1;
    struct lh_hops runs;
    double most_s = 0.0;

    (void)collective;
    hops_make(&runs, members, false, &scratch);
    for (int64_t h = members->n; h < hops->n; h += 2 * n_edges)
        most_s = fmax(most_s, lh__tree_depth_s(&runs, h, n_edges, latency_s));
    lh_arena_free(scratch.arena);
    return most_s;
}

/* Inside one message a hop; the trees chunk by chunk, as tree.c. */
static void nvls_tree_pipes(struct lh_pipes *out, enum lh_collective collective,
                            const struct lh_members *members,
                            struct lh_ctx *ctx)
{
    struct lh_hops hops, runs;
    int64_t n_edges = runs_count(members) - 1;
    int64_t chunks = CHUNKS_PER_LEVEL;

    (void)collective;
    hops_make(&hops, members, true, ctx);
    hops_make(&runs, members, false, ctx);
    lh__pipes_new(out, hops.n, hops.n, 4 * hops.n, ctx);
    for (int64_t n = 1; n <= n_edges; n *= 2)
        chunks += CHUNKS_PER_LEVEL;
    out->chunks = chunks;
    for (int64_t p = 0; p < out->n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = hops.unit_frac * (double)hops.weight[p];
    }
    for (int64_t p = members->n; p < out->n; p += 2 * n_edges)
        lh__tree_gates(out, &runs, p, n_edges);
}

const struct lh_algorithm lh__nvls_tree_algorithm = {
    .name = "nvls-tree",
    .help = "sums in the switches of several domains, trees between them",
    .defined = nvls_tree_defined,
    .hops = nvls_tree_hops,
    .latency = nvls_tree_latency,
    .pipes = nvls_tree_pipes,
};
