/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Double binary tree all-reduce: two trees over the same members, each takes
 * half of the buffer up to its root (reduce) and down again (broadcast), in
 * chunks, so that all edges work at once: S/2 an edge and direction.
 *
 * Where several members stand in one scale-up domain, the trees join domains
 * and a chain joins the members of a domain (a run, list.h): channel c has a
 * pair of trees over the members that it comes to first, and K channels take
 * S/K each, S/(2 K) an edge and direction.  Below, "member" means run.
 *
 * A tree over positions 0 .. n-1 is in order: position 0 is the root with one
 * child, the tree over 1 .. n-1; the root of 1 .. m is the largest power of
 * two r <= m, left of it 1 .. r-1, right of it r+1 .. m in the same way.  So
 * odd positions are leaves and even ones are inner.  In the first tree member
 * i stands at position i; in the second at n-1-i (n even) or i-1 modulo n (n
 * odd), which swaps leaves and inner members (n odd: all but member 0).
 *
 *   alpha   twice the latency of the deepest path from a root
 *
 * Source: Sanders, Speck and Traeff, Two-tree algorithms for full bandwidth
 * broadcast, reduction and scan, Parallel Computing 35 (2009).
 * Chains and channels: S. Jeaugey, NVIDIA/nccl issues 545 and 919.
 * Leaves out: NCCL's chain where all members stand in one domain (here: trees
 * of members); two accelerators of a node that share a tree's edges; the fill
 * of the pipeline in the coupled form.
 */
#include "list.h"

#include <math.h>
#include <stdlib.h>

/* The fill of the message form is 2 x depth chunks out of the chunks; with
 * channels there are as many more messages, so it has fewer chunks. */
enum { CHUNKS_PER_LEVEL = 192, CHANNEL_CHUNKS_PER_LEVEL = 32 };

static bool tree_defined(enum lh_collective collective,
                         const struct lh_members *members)
{
    return collective == LH_ALL_REDUCE && members->n >= 2;
}

/* parent[p] of the positions first+1 .. first+m, the root's being `above`. */
static void parents_fill(int64_t *parent, int64_t first, int64_t m,
                         int64_t above)
{
    while (m > 0) {
        int64_t root = 1;
        while (2 * root <= m)
            root *= 2;
        parent[first + root] = above;
        parents_fill(parent, first, root - 1, first + root);
        above = first + root;
        first += root;
        m -= root;
    }
}

/* The run at a position of tree 0 or 1. */
static int64_t run_at(int tree, int64_t n, int64_t position)
{
    if (tree == 0)
        return position;
    return n % 2 == 0 ? n - 1 - position : (position + 1) % n;
}

void lh__tree_of_runs(int64_t *parent, int tree, int64_t n, struct lh_ctx *ctx)
{
    int64_t *above = LH_NEW(ctx->arena, int64_t, n); /* of positions */
    parents_fill(above, 0, n - 1, 0);
    parent[run_at(tree, n, 0)] = -1;
    for (int64_t p = 1; p < n; p++)
        parent[run_at(tree, n, p)] = run_at(tree, n, above[p]);
}

/* parent[i] of member i in a tree of channel c, -1: the root. */
static void tree_parents(int64_t *out, int tree,
                         const struct lh__channels *channels, int64_t c,
                         struct lh_ctx *ctx)
{
    int64_t n = channels->n_runs;
    int64_t *above = LH_NEW(ctx->arena, int64_t, n);
    int64_t *order = LH_NEW(ctx->arena, int64_t, channels->n);
    lh__channels_order(order, channels, c);
    for (int64_t i = 1; i < channels->n; i++)
        out[order[i]] = order[i - 1];
    lh__tree_of_runs(above, tree, n, ctx);
    for (int64_t r = 0; r < n; r++)
        out[lh__channels_head(channels, c, r)] =
            above[r] < 0 ? -1 : lh__channels_head(channels, c, above[r]);
}

/* Hops (or pipes) of one tree: of the edge from a member to its parent, the one
 * up and then the one down, by the member's number. */
struct block {
    int64_t first;
    int64_t n_edges;
    int64_t root;
};

static struct block block_at(const int64_t *from, int64_t first,
                             int64_t n_edges)
{
    struct block b = {first, n_edges, 0};
    while (b.root < n_edges && from[first + 2 * b.root] == b.root)
        b.root++;
    return b;
}

/* The hop up from a member, or -1 for the root. */
static int64_t hop_up(const struct block *b, int64_t member)
{
    if (member == b->root)
        return -1;
    return b->first + 2 * (member - (member > b->root));
}

/* Hops: block by block, the two trees of the first channel first. */
static void tree_hops(struct lh_hops *out, enum lh_collective collective,
                      const struct lh_members *members, struct lh_ctx *ctx)
{
    (void)collective;
    int64_t *parent = LH_NEW(ctx->arena, int64_t, members->n);
    struct lh__channels channels;
    int64_t h = 0;
    lh__channels_make(&channels, members->domain, members->n,
                      members->channels_max, ctx);
    lh__hops_new(out, 4 * channels.count * (members->n - 1), ctx);
    for (int64_t b = 0; b < 2 * channels.count; b++) {
        tree_parents(parent, (int)(b % 2), &channels, b / 2, ctx);
        for (int64_t i = 0; i < members->n; i++) {
            if (parent[i] < 0)
                continue;
            out->from[h] = out->to[h + 1] = i;
            out->to[h] = out->from[h + 1] = parent[i];
            out->weight[h] = out->weight[h + 1] = 1;
            h += 2;
        }
    }
    out->unit_frac = 0.5 / (double)channels.count;
}

/* The latency of the deepest path up to the root and of that down from it. */
/* Latencies from each member up to the root and back, each edge added once:
 * a member is walked up from until one is met that is known, and the members
 * passed are filled in on the way back. */
static double depth_latency(const struct lh_hops *hops, const struct block *b,
                            const double *latency_s)
{
    size_t n = (size_t)b->n_edges + 1;
    double *up = calloc(2 * n, sizeof *up), *down = up + n;
    int64_t *passed = calloc(n, sizeof *passed);
    bool *known = calloc(n, sizeof *known);
    double up_most = 0.0, down_most = 0.0;
    if (up == NULL || passed == NULL || known == NULL)
        abort();
    for (int64_t i = 0; i <= b->n_edges; i++) {
        int64_t n_passed = 0, at = i;
        while (!known[at] && hop_up(b, at) >= 0) {
            passed[n_passed++] = at;
            at = hops->to[hop_up(b, at)];
        }
        known[at] = true;
        while (n_passed > 0) {
            int64_t below = passed[--n_passed];
            int64_t h = hop_up(b, below);
            up[below] = up[at] + latency_s[h];
            down[below] = down[at] + latency_s[h + 1];
            known[below] = true;
            at = below;
        }
        up_most = fmax(up_most, up[i]);
        down_most = fmax(down_most, down[i]);
    }
    free(up);
    free(passed);
    free(known);
    return up_most + down_most;
}

double lh__tree_depth_s(const struct lh_hops *runs, int64_t first,
                        int64_t n_edges, const double *latency_s)
{
    struct block b = block_at(runs->from, first, n_edges);
    return depth_latency(runs, &b, latency_s);
}

static double tree_latency(const struct lh_hops *hops,
                           enum lh_collective collective,
                           const struct lh_members *members,
                           const double *latency_s)
{
    (void)collective;
    int64_t n_edges = members->n - 1;
    double most_s = 0.0;
    for (int64_t h = 0; h < hops->n; h += 2 * n_edges) {
        struct block b = block_at(hops->from, h, n_edges);
        most_s = fmax(most_s, depth_latency(hops, &b, latency_s));
    }
    return most_s;
}

/* Levels of a tree of all members, which no chain and tree is much above. */
static int64_t levels(int64_t n)
{
    int64_t count = 1;
    while ((int64_t)1 << count < n)
        count++;
    return count;
}

/* A chunk goes up when all children have delivered it, and down when the
 * parent has; the root turns it round. */
static void gates_make(struct lh_pipes *out, const int64_t *from,
                       const int64_t *to, const struct block *b)
{
    int64_t last = b->first + 2 * b->n_edges;
    int64_t g = out->gate_begin[b->first];
    for (int64_t p = b->first; p < last; p++) {
        int64_t member = from[p];
        int64_t up = hop_up(b, member);
        bool downward = (p - b->first) % 2 == 1;
        if (downward && up >= 0) {
            out->gates[g++] = up + 1;
        } else {
            for (int64_t q = b->first; q < last; q += 2) {
                if (to[q] == member)
                    out->gates[g++] = q;
            }
        }
        out->gate_begin[p + 1] = g;
    }
}

void lh__tree_gates(struct lh_pipes *out, const struct lh_hops *runs,
                    int64_t first, int64_t n_edges)
{
    struct block b = block_at(runs->from, first, n_edges);
    gates_make(out, runs->from, runs->to, &b);
}

static void tree_pipes(struct lh_pipes *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh_hops hops;
    tree_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, hops.n, hops.n, 4 * hops.n, ctx);
    out->chunks = levels(members->n)
                  * (hops.n > 4 * (members->n - 1) ? CHANNEL_CHUNKS_PER_LEVEL
                                                   : CHUNKS_PER_LEVEL);
    for (int64_t p = 0; p < out->n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = hops.unit_frac;
    }
    for (int64_t p = 0; p < out->n; p += 2 * (members->n - 1)) {
        struct block b = block_at(out->from, p, members->n - 1);
        gates_make(out, out->from, out->to, &b);
    }
}

const struct lh_algorithm lh__tree_algorithm = {
    .name = "tree",
    .help = "two binary trees, each for half of the buffer",
    .defined = tree_defined,
    .hops = tree_hops,
    .latency = tree_latency,
    .pipes = tree_pipes,
};
