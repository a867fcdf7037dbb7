/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Double binary tree all-reduce: two trees over the same members, each takes
 * half of the buffer up to its root (reduce) and down again (broadcast), in
 * chunks, so that all edges work at once: S/2 an edge and direction.
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
 * Leaves out: trees between nodes only, with chains inside a node, as NCCL
 * builds them; the fill of the pipeline in the coupled form.
 */
#include "list.h"

#include <math.h>

/* The fill of the message form is 2 x depth chunks out of the chunks. */
enum { CHUNKS_PER_LEVEL = 192 };

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

static int64_t member_at(int tree, int64_t n, int64_t position)
{
    if (tree == 0)
        return position;
    return n % 2 == 0 ? n - 1 - position : (position + 1) % n;
}

/* parent[i] of member i in tree 0 or 1, -1: the root. */
static void tree_parents(int64_t *out, int tree, int64_t n, struct lh_ctx *ctx)
{
    int64_t *above = LH_NEW(ctx->arena, int64_t, n); /* of positions */
    parents_fill(above, 0, n - 1, 0);
    out[member_at(tree, n, 0)] = -1;
    for (int64_t p = 1; p < n; p++)
        out[member_at(tree, n, p)] = member_at(tree, n, above[p]);
}

/* The hop up from a member, or -1 for the root. */
static int64_t hop_up(int tree, int64_t n, int64_t member)
{
    int64_t root = member_at(tree, n, 0);
    if (member == root)
        return -1;
    return 2 * (tree * (n - 1) + member - (member > root));
}

/* Edge e: member child[e] and its parent; hop (or pipe) 2 e goes up and 2 e + 1
 * down.  Edges of the first tree come first, in each by the child's number. */
static void tree_edges(int64_t *child, int64_t *parent, int64_t n,
                       struct lh_ctx *ctx)
{
    int64_t *up = LH_NEW(ctx->arena, int64_t, n);
    int64_t e = 0;
    for (int tree = 0; tree < 2; tree++) {
        tree_parents(up, tree, n, ctx);
        for (int64_t i = 0; i < n; i++) {
            if (up[i] < 0)
                continue;
            child[e] = i;
            parent[e++] = up[i];
        }
    }
}

static void tree_hops(struct lh_hops *out, enum lh_collective collective,
                      const struct lh_members *members, struct lh_ctx *ctx)
{
    (void)collective;
    int64_t n_edges = 2 * (members->n - 1);
    int64_t *child = LH_NEW(ctx->arena, int64_t, n_edges);
    int64_t *parent = LH_NEW(ctx->arena, int64_t, n_edges);
    tree_edges(child, parent, members->n, ctx);
    lh__hops_new(out, 2 * n_edges, ctx);
    for (int64_t e = 0; e < n_edges; e++) {
        out->from[2 * e] = out->to[2 * e + 1] = child[e];
        out->to[2 * e] = out->from[2 * e + 1] = parent[e];
        out->weight[2 * e] = out->weight[2 * e + 1] = 1;
    }
    out->unit_frac = 0.5;
}

/* The latency of the deepest path up to the root and of that down from it. */
static double depth_latency(const struct lh_hops *hops, int tree, int64_t n,
                            const double *latency_s)
{
    double up_most = 0.0;
    double down_most = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double up = 0.0;
        double down = 0.0;
        for (int64_t h = hop_up(tree, n, i); h >= 0;
             h = hop_up(tree, n, hops->to[h])) {
            up += latency_s[h];
            down += latency_s[h + 1];
        }
        up_most = fmax(up_most, up);
        down_most = fmax(down_most, down);
    }
    return up_most + down_most;
}

static double tree_latency(const struct lh_hops *hops,
                           enum lh_collective collective,
                           const struct lh_members *members,
                           const double *latency_s)
{
    (void)collective;
    return fmax(depth_latency(hops, 0, members->n, latency_s),
                depth_latency(hops, 1, members->n, latency_s));
}

static int64_t levels(int64_t n)
{
    int64_t count = 1;
    while ((int64_t)1 << count < n)
        count++;
    return count;
}

/* A chunk goes up when all children have delivered it, and down when the
 * parent has; the root turns it round. */
static void tree_gates(struct lh_pipes *out, int tree, int64_t n)
{
    int64_t first = 2 * tree * (n - 1);
    int64_t last = first + 2 * (n - 1);
    int64_t g = out->gate_begin[first];
    for (int64_t p = first; p < last; p++) {
        int64_t member = out->from[p];
        int64_t up = hop_up(tree, n, member);
        bool downward = (p - first) % 2 == 1;
        if (downward && up >= 0) {
            out->gates[g++] = up + 1;
        } else {
            for (int64_t q = first; q < last; q += 2) {
                if (out->to[q] == member)
                    out->gates[g++] = q;
            }
        }
        out->gate_begin[p + 1] = g;
    }
}

static void tree_pipes(struct lh_pipes *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t n = members->n;
    struct lh_hops hops;
    tree_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, hops.n, hops.n, 4 * hops.n, ctx);
    out->chunks = CHUNKS_PER_LEVEL * levels(n);
    for (int64_t p = 0; p < out->n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = 0.5;
    }
    tree_gates(out, 0, n);
    tree_gates(out, 1, n);
}

const struct lh_algorithm lh__tree_algorithm = {
    .name = "tree",
    .help = "two binary trees, each for half of the buffer",
    .defined = tree_defined,
    .hops = tree_hops,
    .latency = tree_latency,
    .pipes = tree_pipes,
};
