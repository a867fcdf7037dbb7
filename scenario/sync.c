/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The keys of sync: islands, fragments, overlap.  After the plan, which says
 * how many replicas there are.
 *
 *   island    = the replicas of a site, where all sites have as many
 *   fragments = layers / 3, rounded up: three layers a fragment (Douillard et
 *               al. 2025, arXiv:2501.18512); 1 of async-diloco, and where the
 *               model goes as a whole
 *   overlap   = 1 of streaming-diloco, else 0
 *
 * A site holds whole islands, or an island whole sites.  Of streaming-diloco
 * every fragment has a step of its own, and is merged before it is sent again.
 */
#include "resolve.h"

#include <inttypes.h>

static const int64_t rounds_max = 1024;

/* Replicas at a site; where stages are across sites, of all. */
static int64_t replicas_at(const struct lh_scenario *s, int i)
{
    const struct lh_plan *plan = &s->plan;
    int64_t replica = plan->tensor * plan->pipeline * plan->context;

    if (s->across_sites != LH_ACROSS_DATA && s->n_sites > 1)
        return plan->data;
    return s->sites[i].gpus / replica / lh_expert_replicas(plan)
           * lh_expert_replicas(plan);
}

static void derive_island(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    int64_t island = replicas_at(s, 0);

    if (s->across_sites != LH_ACROSS_DATA && s->n_sites > 1) {
        lh_error(r->ctx, lh__key_where(r, "sync.kind"),
                 "with %s across sites sync.island must be given",
                 s->across_sites == LH_ACROSS_PIPELINE ? "stages" : "experts");
        return;
    }
    for (int i = 1; i < s->n_sites; i++) {
        if (replicas_at(s, i) == island)
            continue;
        lh_error(r->ctx, lh__key_where(r, "sync.kind"),
                 "site '%s' has %" PRId64 " replicas and site '%s' %" PRId64
                 ": sync.island must be given, which divides both",
                 s->sites[0].name, island, s->sites[i].name, replicas_at(s, i));
        return;
    }
    s->outer.island = island;
}

/* Sites that hold replicas; where these are across sites, all of them. */
static int n_parts(const struct lh_scenario *s)
{
    return s->across_sites != LH_ACROSS_DATA ? 1 : s->n_sites;
}

/* Of `here` replicas of a site, the first of which is number `begin`: whole
 * islands, or a part of one that ends where a site does. */
static bool is_whole(int64_t island, int64_t begin, int64_t here)
{
    bool within = begin % island == 0 && here % island == 0;

    return within || begin / island == (begin + here - 1) / island;
}

static void check_island_shard(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;

    if (s->plan.zero > 0 && s->plan.shard > 0
        && s->outer.island % s->plan.shard != 0)
        lh_error(r->ctx, lh__where_at(r, "plan.shard"),
                 "an island of %" PRId64 " replicas is no whole number of "
                 "shard groups of %" PRId64,
                 s->outer.island, s->plan.shard);
}

/* Levels are those of sites, which an island within one has not; nor does one
 * replica reduce anything. */
static void check_overlap(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;

    if (s->outer.island <= replicas_at(s, 0))
        lh__idle_key(r, "plan.overlap.levels",
                     "islands are no larger than a site");
    if (s->ideal.layers == 0 && s->outer.island * s->plan.context == 1)
        lh__idle_key(r, "plan.overlap.forward", "an island is one replica");
}

static void check_island(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;
    int64_t begin = 0;

    if (s->outer.island % lh_expert_replicas(&s->plan) != 0)
        lh_error(r->ctx, lh__where_at(r, "sync.island"),
                 "sync.island is %" PRId64 ", no multiple of the replicas that "
                 "share experts (%" PRId64 ", plan.expert)",
                 s->outer.island, lh_expert_replicas(&s->plan));
    for (int i = 0; i < n_parts(s); i++) {
        int64_t here = replicas_at(s, i);
        if (is_whole(s->outer.island, begin, here)) {
            begin += here;
            continue;
        }
        lh_error(r->ctx, lh__where_at(r, "sync.island"),
                 "the %" PRId64 " replicas of site '%s' are no whole number of "
                 "islands of %" PRId64 ", nor are islands whole sites",
                 here, s->sites[i].name, s->outer.island);
        return;
    }
    if (begin % s->outer.island != 0)
        lh_error(r->ctx, lh__where_at(r, "sync.island"),
                 "the %" PRId64 " replicas are no whole number of islands of "
                 "%" PRId64,
                 begin, s->outer.island);
}

static void check_steps(struct lh__reader *r)
{
    struct lh_outer *outer = &r->root->s.outer;
    bool streams = r->root->s.sync == LH_SYNC_STREAMING_DILOCO;
    bool alone = r->root->s.sync == LH_SYNC_ASYNC_DILOCO;

    if (!streams && (!alone || outer->fragments == 0))
        outer->fragments = 1;
    else if (outer->fragments == 0)
        outer->fragments = (r->root->s.model.layers + 2) / 3;
    if (outer->overlap < 0)
        outer->overlap = streams && outer->every > 1;
    if (outer->fragments > outer->every)
        lh_error(r->ctx, lh__where_at(r, "sync.fragments"),
                 "%" PRId64 " fragments are more than the %" PRId64
                 " steps of sync.every: each needs a step of its own",
                 outer->fragments, outer->every);
    if (outer->overlap >= outer->every && outer->overlap > 0)
        lh_error(r->ctx, lh__where_at(r, "sync.overlap"),
                 "sync.overlap is %" PRId64 "; what is sent must be merged "
                 "before the %" PRId64 " steps of sync.every are over",
                 outer->overlap, outer->every);
}

/* Everything in one all-reduce, where everybody has everything. */
static void check_flat(struct lh__reader *r)
{
    if (r->root->s.outer.reduction == LH_REDUCTION_FLAT
        && r->root->s.plan.zero > 0)
        lh_error(r->ctx, lh__where_at(r, "sync.reduction"),
                 "sync.reduction: flat needs plan.zero 0: shards are reduced "
                 "side by side");
}

static void check_compression(struct lh__reader *r)
{
    const struct lh_outer *outer = &r->root->s.outer;

    if (outer->compression != LH_COMPRESSION_NONE
        && outer->reduction != LH_REDUCTION_ALL_REDUCE)
        lh_error(r->ctx, lh__where_at(r, "sync.reduction"),
                 "sync.reduction does not go with sync.compression, which says "
                 "how it is reduced");
}

/* Rounds of pairs, in a cycle of so many steps. */
static void check_gossip(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;
    int64_t n = s->outer.island > 0 ? s->plan.data / s->outer.island : 1;

    if (s->sync != LH_SYNC_GOSSIP)
        return;
    if (s->ideal.layers > 0)
        lh_error(r->ctx, lh__where_at(r, "sync.kind"),
                 "sync.kind: gossip does not go with model.ideal");
    if (s->outer.average == LH_AVERAGE_OUTER
        && s->outer.compression != LH_COMPRESSION_NONE)
        lh_error(r->ctx, lh__where_at(r, "sync.compression"),
                 "sync.compression does not go with sync.average: outer, "
                 "outer parameters are sent whole");
    if (s->outer.pairs == LH_PAIRS_HYPERCUBE && (n & (n - 1)) != 0)
        lh_error(r->ctx, lh__where_at(r, "sync.pairs"),
                 "sync.pairs: hypercube needs a power of two of islands, not "
                 "%" PRId64,
                 n);
    if (s->outer.pairs == LH_PAIRS_TOURNAMENT && n > rounds_max)
        lh_error(r->ctx, lh__where_at(r, "sync.pairs"),
                 "a tournament of %" PRId64 " islands has more than %" PRId64
                 " rounds, which is too many; sync.pairs: hypercube has few",
                 n, rounds_max);
}

/* What learners that are simulated on their own leave out. */
static const char *not_with_async(const struct lh_scenario *s)
{
    if (s->ideal.layers > 0)
        return "model.ideal";
    return s->across_sites == LH_ACROSS_PIPELINE && s->n_sites > 1
               ? "stages across sites"
               : NULL;
}

/* Of learners, each at one site. */
static void check_async(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_async *async = &s->outer.async;
    struct lh__value *server = lh__value_at(r->values, "sync.server");

    if (s->sync != LH_SYNC_ASYNC_DILOCO)
        return;
    async->server = async->server_name && server ? lh__find_site(r, server) : 0;
    if (async->server >= 0)
        async->server_name = s->sites[async->server].name;
    const char *without = not_with_async(s);
    if (without)
        lh_error(r->ctx, lh__where_at(r, "sync.kind"),
                 "sync.kind: async-diloco does not go with %s", without);
    if (async->max_staleness < 0)
        lh__idle_key(r, "sync.drop_stale", "sync.max_staleness is not given");
    for (int i = 0; i < n_parts(s); i++)
        if (s->outer.island > 0 && replicas_at(s, i) % s->outer.island != 0) {
            lh_error(r->ctx, lh__where_at(r, "sync.island"),
                     "sync.kind: async-diloco needs whole islands at a site");
            return;
        }
    if (s->outer.island > 0 && async->quorum > s->plan.data / s->outer.island)
        lh_error(r->ctx, lh__where_at(r, "sync.quorum"),
                 "sync.quorum is %" PRId64 ", of %" PRId64 " islands",
                 async->quorum, s->plan.data / s->outer.island);
}

void lh_scenario_learner(struct lh_scenario *out, const struct lh_scenario *s,
                         int site, struct lh_ctx *ctx)
{
    struct lh_scenario at_site = *s;
    const struct lh_plan *plan = &s->plan;

    at_site.sites = LH_NEW(ctx->arena, struct lh_site, 1);
    at_site.sites[0] = s->sites[site];
    at_site.plan.data = s->outer.island;
    lh_scenario_one_site(out, &at_site, ctx);
    out->training.global_batch =
        s->training.global_batch / plan->data * s->outer.island;
    out->sync = s->sync;
    out->outer = s->outer;
}

/* A scenario of every-step keeps the defaults. */
void lh__resolve_sync(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh__value *sync = lh__value_get(r->values, "sync");

    if (s->sync == LH_SYNC_EVERY_STEP || s->plan.data < 1 || !lh__value_ok(sync)
        || s->outer.every < 1)
        return;
    if (s->rl.on) {
        lh_error(r->ctx, lh__key_where(r, "sync.kind"),
                 "rl needs sync.kind: every-step: its trainer is replicas at "
                 "one site, without islands");
        return;
    }
    if (s->outer.island == 0)
        derive_island(r);
    if (s->outer.island > 0) {
        check_island(r);
        check_island_shard(r);
        check_overlap(r);
    }
    check_steps(r);
    check_flat(r);
    check_compression(r);
    check_gossip(r);
    check_async(r);
}
