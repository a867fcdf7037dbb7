/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The keys of sync: islands, fragments, overlap.  After the plan, which says
 * how many replicas there are.
 *
 *   island    = the replicas of a site, where all sites have as many
 *   fragments = layers / 3, rounded up: three layers a fragment (Douillard et
 *               al. 2025, arXiv:2501.18512); 1 where the model goes as a whole
 *   overlap   = 1 of streaming-diloco, else 0
 *
 * A site holds whole islands, or an island whole sites.  Of streaming-diloco
 * every fragment has a step of its own, and is merged before it is sent again.
 */
#include "resolve.h"

#include <inttypes.h>

/* Replicas at a site; where stages are across sites, of all. */
static int64_t replicas_at(const struct lh_scenario *s, int i)
{
    const struct lh_plan *plan = &s->plan;
    int64_t replica = plan->tensor * plan->pipeline * plan->context;

    if (s->across_sites != LH_ACROSS_DATA && s->n_sites > 1)
        return plan->data;
    return s->sites[i].gpus / replica / plan->expert * plan->expert;
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

    if (s->outer.island % s->plan.expert != 0)
        lh_error(r->ctx, lh__where_at(r, "sync.island"),
                 "sync.island is %" PRId64 ", no multiple of plan.expert "
                 "(%" PRId64 ")",
                 s->outer.island, s->plan.expert);
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

    if (!streams)
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

/* A scenario of every-step keeps the defaults. */
void lh__resolve_sync(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh__value *sync = lh__value_get(r->values, "sync");

    if (s->sync == LH_SYNC_EVERY_STEP || s->plan.data < 1 || !lh__value_ok(sync)
        || s->outer.every < 1)
        return;
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
}
