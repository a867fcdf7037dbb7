/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The list of collective algorithms, and what they share.
 *
 * Place in the pipeline: the program names an algorithm, placement asks it for
 * its hops (coupled form) or its pipes (message by message).
 *
 * Sharing weight: of a collective whose hops carry different weights, the
 * heaviest hop counts as one connection: phi = 1 / max weight, so that
 * v / phi = max weight x v is the rate of that hop.  A transfer from one
 * NIC to another has phi = 1.
 *
 * Channels: in a ring in rank order all traffic of a domain would leave at one
 * NIC.  NCCL builds rings that enter and leave a node at another NIC each, and
 * gives each an equal part of the buffer.  So do ring, tree and hierarchical:
 *
 *   count    lcm of the lengths k of the runs, if at most 16: then all members
 *            of a run are first equally often; else the longest k, at most 16
 *
 * Source: S. Jeaugey, NVIDIA/nccl issues 545 and 671 (channels, one tree pair
 * a NIC); 16 channels are enough for every domain whose scale-up rate is at
 * most 16 NICs'.
 */
#include "list.h"

#include <math.h>
#include <string.h>

#define LH_ALGORITHM(name) \
    extern const struct lh_algorithm lh__##name##_algorithm;
#include "list.h"
#undef LH_ALGORITHM

static const struct lh_algorithm *const algorithms[] = {
#define LH_ALGORITHM(name) &lh__##name##_algorithm,
#include "list.h"
#undef LH_ALGORITHM
};

int lh_algorithm_count(void)
{
    return (int)(sizeof algorithms / sizeof algorithms[0]);
}

const struct lh_algorithm *lh_algorithm_at(int i)
{
    return algorithms[i];
}

const struct lh_algorithm *lh_algorithm_find(const char *name)
{
    if (strcmp(name, "flat-ring") == 0)
        name = "ring";
    for (int i = 0; i < lh_algorithm_count(); i++) {
        if (strcmp(algorithms[i]->name, name) == 0)
            return algorithms[i];
    }
    return NULL;
}

void lh__hops_new(struct lh_hops *out, int64_t n, struct lh_ctx *ctx)
{
    *out = (struct lh_hops){
        .n = n,
        .from = LH_NEW(ctx->arena, int64_t, n),
        .to = LH_NEW(ctx->arena, int64_t, n),
        .weight = LH_NEW(ctx->arena, int64_t, n),
        .unit_frac = 1.0,
        .phi = 1.0,
    };
}

static int64_t divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void lh__hops_reduce(struct lh_hops *hops)
{
    int64_t common = 0;
    int64_t heaviest = 0;
    for (int64_t h = 0; h < hops->n; h++) {
        common = divisor(hops->weight[h], common);
        if (hops->weight[h] > heaviest)
            heaviest = hops->weight[h];
    }
    for (int64_t h = 0; h < hops->n; h++)
        hops->weight[h] /= common;
    hops->unit_frac *= (double)common;
    hops->phi = (double)common / (double)heaviest;
}

enum { CHANNELS_MAX = 16 };

int64_t lh__lcm(int64_t a, int64_t b)
{
    return a / divisor(a, b) * b;
}

static int64_t channels_count(const struct lh__channels *channels)
{
    int64_t common = 1;
    int64_t longest = 1;
    for (int64_t r = 0; r < channels->n_runs; r++) {
        int64_t k = channels->first[r + 1] - channels->first[r];
        longest = k > longest ? k : longest;
        if (common <= CHANNELS_MAX)
            common = lh__lcm(common, k);
    }
    if (common <= CHANNELS_MAX)
        return common;
    return longest < CHANNELS_MAX ? longest : CHANNELS_MAX;
}

void lh__channels_make(struct lh__channels *out, const int64_t *domain,
                       int64_t n, int64_t channels_max, struct lh_ctx *ctx)
{
    bool is_one_domain = true;
    *out = (struct lh__channels){
        .n = n, .count = 1, .first = LH_NEW(ctx->arena, int64_t, n + 1)};
    for (int64_t i = 1; i < n; i++)
        is_one_domain = is_one_domain && domain[i] == domain[0];
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || is_one_domain || domain[i] != domain[i - 1])
            out->first[out->n_runs++] = i;
    }
    out->first[out->n_runs] = n;
    out->count = channels_count(out);
    if (channels_max > 0 && out->count > channels_max)
        out->count = channels_max;
}

int64_t lh__channels_head(const struct lh__channels *channels, int64_t c,
                          int64_t run)
{
    int64_t first = channels->first[run];
    return first + c % (channels->first[run + 1] - first);
}

void lh__channels_order(int64_t *order, const struct lh__channels *channels,
                        int64_t c)
{
    for (int64_t r = 0; r < channels->n_runs; r++) {
        int64_t first = channels->first[r];
        int64_t k = channels->first[r + 1] - first;
        for (int64_t i = 0; i < k; i++)
            order[first + i] = first + (c + i) % k;
    }
}

double lh__cycle_max(const double *values, int64_t n, int64_t steps)
{
    int64_t rest = steps % n;
    double all = 0.0;
    double window = 0.0;
    for (int64_t i = 0; i < n; i++)
        all += values[i];
    for (int64_t i = 0; i < rest; i++)
        window += values[i];
    double largest = window;
    for (int64_t i = 0; i < n; i++) {
        window += values[(i + rest) % n] - values[i];
        largest = fmax(largest, window);
    }
    return (double)(steps / n) * all + largest;
}

void lh__pipes_new(struct lh_pipes *out, int64_t n, int64_t rounds,
                   int64_t gates, struct lh_ctx *ctx)
{
    *out = (struct lh_pipes){
        .n = n,
        .chunks = 1,
        .from = LH_NEW(ctx->arena, int64_t, n),
        .to = LH_NEW(ctx->arena, int64_t, n),
        .chain = LH_NEW(ctx->arena, int64_t, n),
        .round_begin = LH_NEW(ctx->arena, int64_t, n + 1),
        .round_frac = LH_NEW(ctx->arena, double, rounds),
        .gate_begin = LH_NEW(ctx->arena, int64_t, n + 1),
        .gates = LH_NEW(ctx->arena, int64_t, gates),
    };
}

void lh__pipes_ring(struct lh_pipes *out, const struct lh_hops *hops,
                    int64_t n, int64_t steps, struct lh_ctx *ctx)
{
    lh__pipes_new(out, hops->n, hops->n * steps, 0, ctx);
    for (int64_t p = 0; p < hops->n; p++) {
        out->from[p] = hops->from[p];
        out->to[p] = hops->to[p];
        out->chain[p] = p % n == 0 ? p + n - 1 : p - 1;
        out->round_begin[p + 1] = (p + 1) * steps;
        for (int64_t k = 0; k < steps; k++)
            out->round_frac[p * steps + k] = 1.0 / (double)hops->n;
    }
}

double lh__longest_hop_s(const struct lh_hops *hops,
                         enum lh_collective collective,
                         const struct lh_members *members,
                         const double *latency_s)
{
    double most_s = 0.0;
    (void)collective;
    (void)members;
    for (int64_t h = 0; h < hops->n; h++)
        most_s = fmax(most_s, latency_s[h]);
    return most_s;
}
