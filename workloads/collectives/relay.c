/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Relayed all-to-all of tokens that visit several members: a token is sent once
 * to a scale-up domain, to the member there that has the sender's place, which
 * hands it on inside, once to a member.  S is what a sender would send if each
 * of a token's k visits were a copy of its own, as of pairwise.
 *
 *   D(m)            m (1 - (1 - 1/m)^k): of m that are alike, how many a token
 *                   visits at least once
 *   domains         N; a token visits at most M of them, m = min(M, N)
 *   hop to another  domain's relay   S D(m) / (k N)
 *   hop to a member, in the sender's domain or from its relay
 *                   S D(m n / N) / (k n)
 *   with loads      both in proportion to what those beyond them get
 *   alpha           the largest sum of a hop to a relay and one from it
 *   phi             1 / the heaviest weight
 *
 * All hops at once: the relay hands on while it receives.
 *
 * Place in the pipeline: see list.c.
 * Source: DeepSeek-V3, arXiv:2412.19437, section 3.2.2 (node-limited routing,
 * one transfer a node over InfiniBand, then NVLink); deepseek-ai/DeepEP. Leaves
 * out: that the k experts are drawn without putting back (D is low by less than
 * 1 % for 8 of 256); experts that one domain favours; the multiprocessors that
 * a relay takes.
 */
#include <math.h>

#include "list.h"

enum { RELAY_MEMBERS_MAX = 4096, RELAY_CHUNKS = 8 };

/* Weights are integers: thousandths of a copy. */
#define PARTS 1000.0

/* Runs of members in one domain. */
struct runs {
    int64_t n;
    int64_t *first; /* [n + 1] */
    int64_t *of;    /* [members] */
};

static bool relay_defined(enum lh_collective collective,
                          const struct lh_members *members)
{
    return collective == LH_ALL_TO_ALL && members->copies.visits > 0
           && members->n >= 2 && members->n <= RELAY_MEMBERS_MAX;
}

static void runs_make(struct runs *out, const struct lh_members *m,
                      struct lh_ctx *ctx)
{
    out->n = 0;
    out->first = LH_NEW(ctx->arena, int64_t, m->n + 1);
    out->of = LH_NEW(ctx->arena, int64_t, m->n);
    for (int64_t i = 0; i < m->n; i++) {
        if (i == 0 || m->domain[i] != m->domain[i - 1])
            out->first[out->n++] = i;
        out->of[i] = out->n - 1;
    }
    out->first[out->n] = m->n;
}

static double visited(double alike, double visits)
{
    return alike * (1.0 - pow(1.0 - 1.0 / alike, visits));
}

/* What member j gets, over the mean. */
static double share(const struct lh_members *m, int64_t j, double load_sum)
{
    return m->load == NULL ? 1.0 : (double)m->load[j] * (double)m->n / load_sum;
}

/* The member that receives from i for run r. */
static int64_t relay_of(const struct runs *runs, int64_t i, int64_t r)
{
    int64_t place = i - runs->first[runs->of[i]];
    return runs->first[r] + place % (runs->first[r + 1] - runs->first[r]);
}

/* The hop that brings what i sends to j. */
static int64_t hop_of(const struct lh_members *m, int64_t i, int64_t j)
{
    return i * (m->n - 1) + j - (j > i);
}

static int64_t whole(double weight)
{
    return weight < 1.0 ? 1 : (int64_t)llround(weight);
}

/* Hops: sender by sender, one for each other member that it reaches. */
static void relay_hops(struct lh_hops *out, enum lh_collective collective,
                       const struct lh_members *m, struct lh_ctx *ctx)
{
    (void)collective;
    struct runs runs;
    runs_make(&runs, m, ctx);
    double n = (double)m->n, visits = (double)m->copies.visits, sum = 0.0;
    double domains = (double)runs.n, most = domains;
    if (m->copies.domains_max > 0)
        most = fmin(domains, (double)m->copies.domains_max);
    double to_member = PARTS * visited(most * n / domains, visits);
    double to_domain = PARTS * visited(most, visits);
    double *run_share = LH_NEW(ctx->arena, double, runs.n);
    for (int64_t j = 0; m->load != NULL && j < m->n; j++)
        sum += (double)m->load[j];
    for (int64_t j = 0; j < m->n; j++)
        run_share[runs.of[j]] += share(m, j, sum);
    lh__hops_new(out, m->n * (m->n - 1), ctx);
    for (int64_t i = 0; i < m->n; i++) {
        for (int64_t j = 0; j < m->n; j++) {
            int64_t relay = relay_of(&runs, i, runs.of[j]);
            int64_t h = hop_of(m, i, j);
            bool here = runs.of[i] == runs.of[j];
            if (i == j)
                continue;
            out->from[h] = here || j == relay ? i : relay;
            out->to[h] = j;
            out->weight[h] =
                whole(!here && j == relay ? to_domain * run_share[runs.of[j]]
                                          : to_member * share(m, j, sum));
        }
    }
    out->unit_frac = 1.0 / (PARTS * visits * n);
    lh__hops_reduce(out);
}

static double relay_latency(const struct lh_hops *hops,
                            enum lh_collective collective,
                            const struct lh_members *m, const double *latency_s)
{
    (void)collective;
    double most_s = 0.0;
    for (int64_t h = 0; h < hops->n; h++) {
        int64_t i = h / (m->n - 1);
        double s = latency_s[h];
        if (hops->from[h] != i)
            s += latency_s[hop_of(m, i, hops->from[h])];
        most_s = fmax(most_s, s);
    }
    return most_s;
}

/* A pipe a hop; what a relay hands on waits for the chunk to arrive. */
static void relay_pipes(struct lh_pipes *out, enum lh_collective collective,
                        const struct lh_members *m, struct lh_ctx *ctx)
{
    struct lh_hops hops;
    int64_t gates = 0;
    relay_hops(&hops, collective, m, ctx);
    lh__pipes_new(out, hops.n, hops.n, hops.n, ctx);
    out->chunks = RELAY_CHUNKS;
    for (int64_t p = 0; p < hops.n; p++) {
        int64_t i = p / (m->n - 1);
        out->from[p] = hops.from[p];
        out->to[p] = hops.to[p];
        out->chain[p] = -1;
        out->round_begin[p + 1] = p + 1;
        out->round_frac[p] = (double)hops.weight[p] * hops.unit_frac;
        if (hops.from[p] != i)
            out->gates[gates++] = hop_of(m, i, hops.from[p]);
        out->gate_begin[p + 1] = gates;
    }
}

const struct lh_algorithm lh__relay_algorithm = {
    .name = "relay",
    .help = "all-to-all of tokens: once to a scale-up domain, handed on inside",
    .defined = relay_defined,
    .hops = relay_hops,
    .latency = relay_latency,
    .pipes = relay_pipes,
};
