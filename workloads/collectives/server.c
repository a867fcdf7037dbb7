/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A parameter server: an all-reduce in which every member sends its buffer to
 * the first one, which sums them and sends the sum back to each.
 *
 *   hops i -> 0 and 0 -> i    weight 1, unit S, for all i above 0
 *   alpha                     the longest hop there and the longest back
 *   phi                       1
 *
 * So the first member's link carries (n - 1) S in each direction, where a
 * ring's carry 2 (n - 1)/n S.  Only by name: "auto" does not take it.
 *
 * Place in the pipeline: see list.c.
 * Source: Li et al., Scaling distributed machine learning with the parameter
 * server, OSDI'14.
 * Leaves out: several servers, of a part of the buffer each; the sum itself;
 * members that do not wait for each other.
 */
#include "list.h"

#include <math.h>

/* Pieces in which the buffer passes through the server. */
enum { SERVER_CHUNKS = 16, SERVER_MEMBERS_MAX = 4096 };

static bool server_defined(enum lh_collective collective,
                           const struct lh_members *members)
{
    return collective == LH_ALL_REDUCE && members->n >= 2
           && members->n <= SERVER_MEMBERS_MAX;
}

/* There, then back. */
static void server_hops(struct lh_hops *out, enum lh_collective collective,
                        const struct lh_members *members, struct lh_ctx *ctx)
{
    (void)collective;
    int64_t n = members->n - 1;
    lh__hops_new(out, 2 * n, ctx);
    for (int64_t i = 0; i < n; i++) {
        out->from[i] = out->to[n + i] = i + 1;
        out->to[i] = out->from[n + i] = 0;
        out->weight[i] = out->weight[n + i] = 1;
    }
}

static double server_latency_s(const struct lh_hops *hops,
                               enum lh_collective collective,
                               const struct lh_members *members,
                               const double *latency_s)
{
    (void)collective;
    (void)members;
    double there_s = 0, back_s = 0;
    for (int64_t i = 0; i < hops->n / 2; i++) {
        there_s = fmax(there_s, latency_s[i]);
        back_s = fmax(back_s, latency_s[hops->n / 2 + i]);
    }
    return there_s + back_s;
}

/* A chunk goes back when it has come from all. */
static void server_pipes(struct lh_pipes *out, enum lh_collective collective,
                         const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh_hops hops;
    int64_t n = members->n - 1;
    server_hops(&hops, collective, members, ctx);
    lh__pipes_new(out, 2 * n, 2 * n, n * n, ctx);
    out->chunks = SERVER_CHUNKS;
    for (int64_t p = 0; p < 2 * n; p++) {
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = 1.0;
        out->gate_begin[p + 1] = out->gate_begin[p];
        for (int64_t k = 0; p >= n && k < n; k++)
            out->gates[out->gate_begin[p + 1]++] = k;
    }
}

const struct lh_algorithm lh__server_algorithm = {
    .name = "server",
    .help = "all-reduce: all send to the first member, which sends the sum to "
            "all",
    .by_name = true,
    .defined = server_defined,
    .hops = server_hops,
    .latency = server_latency_s,
    .pipes = server_pipes,
};
