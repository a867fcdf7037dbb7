/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine of learners and a server (workloads/sync/async*.c) alone, on the
 * fake engine: by hand, and drawn.  All learners share one link each way, of 1
 * byte/s and 0.125 s; b bytes take 0.125 + b there and as long back.
 *
 *   P fragments          H T + K + sum over f of max(0, 2 (0.125 + b_f) - tau
 * T) an outage of D       + D, or nothing where the learner goes on half the
 * speed       what was left to do takes twice as long an absence           its
 * round is lost: it ends with the fetch
 */
#include <math.h>
#include <string.h>

#include <longhaul/async.h>

#include "fake_engine.h"
#include "random.h"
#include "unit.h"

enum { LEARNERS = 7 };

enum { FRAGMENTS = 4 };

struct drawn {
    double cut_s, mended_s; /* of both links; 0: never */
    double share[FRAGMENTS];
    struct lh_async_pace paces[2];
    struct lh_async_absence absence;
    struct lh_async async;
    struct lh_async_input input;
    struct lh_async_learner learners[LEARNERS];
};

static void draw(struct drawn *d, uint64_t *state)
{
    int n = 1 + pick(state, LEARNERS);
    *d = (struct drawn){
        .async = {.quorum = 1 + pick(state, n),
                  .max_staleness = pick(state, 5) - 1,
                  .grace_s = pick(state, 2) ? uniform(state, 0, 9) : 0,
                  .rounds = 10}};
    d->input = (struct lh_async_input){.async = &d->async,
                                       .apply_s = uniform(state, 0, 1),
                                       .bytes = uniform(state, 0, 5),
                                       .n = n,
                                       .learners = d->learners};
    for (int i = 0; i < n; i++) {
        struct lh_async_learner *l = &d->learners[i];
        l->steps = 2 + pick(state, 9);
        l->overlap = pick(state, (int)l->steps);
        l->step_s = uniform(state, 0.5, 3);
        l->send_s = uniform(state, 0, 0.2);
        l->merge_s = uniform(state, 0, 0.2);
        l->up = 2 * i;
        l->down = 2 * i + 1;
    }
}

struct cut {
    const struct lh_engine *engine;
    double bytes_per_s;
};

static void links_set(void *data)
{
    const struct cut *cut = data;

    for (int32_t link = 0; link < 2; link++)
        LH_CHECK(
            cut->engine->link_set(cut->engine->self, link, cut->bytes_per_s)
            == LH_OK);
}

/* All over one link each way, learner `turn` as the first. */
static struct lh_async_result *machine_run(struct drawn *d, int turn,
                                           struct lh_ctx *ctx)
{
    static const double capacities[] = {1, 1};
    static const int32_t links[] = {0, 1};
    static const int64_t one = 1;
    struct lh_engine engine;
    struct lh_async_result *out =
        lh_alloc(ctx->arena, 1, lh_async_result_bytes(d->input.n));
    struct lh_async_learner turned[LEARNERS];
    struct lh_async_input input = d->input;
    struct cut cut = {&engine, 0}, mended = {&engine, 1};

    input.learners = turned;
    for (int i = 0; i < input.n; i++)
        turned[i] = d->learners[(i + turn) % input.n];
    LH_REQUIRE(fake_engine_open(&engine, 2, capacities, ctx) == LH_OK);
    for (int i = 0; i < 2 * input.n; i++)
        fake_engine_channel(&engine,
                            &(struct lh_channel_spec){.n_links = 1,
                                                      .links = &links[i % 2],
                                                      .weights = &one,
                                                      .alpha_s = 0.125,
                                                      .phi = 1});
    if (d->mended_s > 0) {
        LH_REQUIRE(engine.at(engine.self, d->cut_s, links_set, &cut) == LH_OK);
        LH_REQUIRE(engine.at(engine.self, d->mended_s, links_set, &mended)
                   == LH_OK);
    }
    LH_REQUIRE(lh_async_loop(out, &input, &engine, ctx) == LH_OK);
    return out;
}

/* A fragment or several, dates or none. */
static void draw_more(struct drawn *d, uint64_t *state)
{
    int n = 1 + pick(state, FRAGMENTS);
    double sum = 0;

    d->async.goes_on = pick(state, 2);
    d->async.drops = pick(state, 2);
    for (int f = 0; f < n; f++)
        sum += d->share[f] = uniform(state, 0.1, 1);
    for (int f = 0; f < n; f++)
        d->share[f] /= sum;
    d->input.n_fragments = n;
    d->input.share = d->share;
    if (pick(state, 2))
        return;
    d->input.from_rest = true;
    d->input.fetch_bytes = uniform(state, 0, 5);
    d->cut_s = uniform(state, 0, 50);
    d->mended_s = d->cut_s + uniform(state, 0, 50);
    d->paces[0] = (struct lh_async_pace){uniform(state, 0, 40), 0.5};
    d->paces[1] = (struct lh_async_pace){uniform(state, 40, 80), 1};
    d->absence.from_s = uniform(state, 0, 60);
    d->absence.to_s = d->absence.from_s + uniform(state, 0, 60);
    d->learners[0].n_paces = 2;
    d->learners[0].paces = d->paces;
    d->learners[d->input.n - 1].n_absences = 1;
    d->learners[d->input.n - 1].absences = &d->absence;
}

/* Computing of a learner and its standing still make up its time. */
static void check_times(const struct drawn *d, const struct lh_async_times *t,
                        const struct lh_async_learner *l)
{
    double busy_s = (double)t->steps * l->step_s + t->outer_s;

    LH_CHECK(t->rounds >= 10);
    if (d->async.goes_on)
        LH_CHECK(t->wan_s == 0 && t->wait_s == 0);
    if (l->n_paces > 0)
        LH_CHECK(busy_s + t->wan_s + t->wait_s + t->away_s
                 < t->all_s * (1 + 1e-9));
    else
        LH_CHECK_NEAR(busy_s + t->wan_s + t->wait_s + t->away_s, t->all_s,
                      1e-8);
    if (!d->async.goes_on && !d->input.from_rest) {
        LH_CHECK(t->merges == t->rounds * d->input.n_fragments);
        LH_CHECK_NEAR(t->outer_s, (double)t->rounds * (l->send_s + l->merge_s),
                      1e-9);
    }
}

/* lh_async_loop() fails if a push is lost. */
static void drawn_learners_keep_the_bound_in_any_order(void)
{
    uint64_t state = 7;
    int held = 0, stale = 0, shared = 0, skipped = 0, dropped = 0, lost = 0,
        forced = 0;
    for (int i = 0; i < 400; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct drawn d;
        draw(&d, &state);
        draw_more(&d, &state);
        const struct lh_async_result *a = machine_run(&d, 0, &ctx);
        const struct lh_async_result *b = machine_run(&d, 1, &ctx);
        LH_CHECK(a->versions == b->versions && a->pushed == b->pushed
                 && a->staleness_max == b->staleness_max
                 && a->dropped == b->dropped && a->skipped == b->skipped
                 && a->lost == b->lost && a->forced == b->forced);
        for (int k = 0; k < d.input.n; k++) {
            const struct lh_async_times *t = &a->times[(k + 1) % d.input.n];
            const struct lh_async_learner *l = &d.learners[(k + 1) % d.input.n];
            LH_CHECK_NEAR(b->times[k].all_s, t->all_s, 1e-9);
            check_times(&d, t, l);
            held += t->wait_s > 0;
        }
        if (d.async.max_staleness >= 0 && a->forced == 0)
            LH_CHECK(a->staleness_max <= d.async.max_staleness);
        if (d.async.quorum == d.input.n && !d.input.from_rest && a->forced == 0)
            LH_CHECK(a->staleness_max == 0);
        stale += a->staleness_max > 0;
        skipped += a->skipped > 0;
        dropped += a->dropped > 0;
        lost += a->lost > 0;
        forced += a->forced > 0;
        shared += a->applied > a->versions + 2 * d.input.n;
        lh_ctx_end(&ctx);
    }
    LH_CHECK(held > 100 && stale > 30 && shared > 50);
    LH_CHECK(skipped > 30 && dropped > 30 && lost > 30 && forced > 8);
}

/* ---- by hand ---------------------------------------------------------------
 */

/* `n` learners alike: rounds of 10 steps of 2 s, sent and merged in 1 s, 4
 * bytes. */
static struct drawn alike(int n)
{
    struct drawn d = {.async = {.quorum = n, .max_staleness = -1, .rounds = 6},
                      .input = {.bytes = 4, .n = n}};

    for (int i = 0; i < n; i++)
        d.learners[i] = (struct lh_async_learner){.steps = 10,
                                                  .step_s = 2,
                                                  .send_s = 0.5,
                                                  .merge_s = 0.5,
                                                  .up = 2 * i,
                                                  .down = 2 * i + 1};
    return d;
}

/* A quarter and three of the bytes. */
static void in_two_fragments(struct drawn *d)
{
    d->share[0] = 0.25;
    d->share[1] = 0.75;
    d->input.n_fragments = 2;
    d->input.share = d->share;
}

/* Of the first and of the last learner, a round. */
static void check_rounds(struct drawn *d, double first_s, double last_s)
{
    struct lh_ctx ctx = lh_ctx_begin();
    const struct lh_async_result *r;

    d->input.async = &d->async;
    d->input.learners = d->learners;
    r = machine_run(d, 0, &ctx);
    LH_CHECK_NEAR(r->times[0].all_s / (double)r->times[0].rounds, first_s,
                  1e-8);
    LH_CHECK_NEAR(r->times[d->input.n - 1].all_s
                      / (double)r->times[d->input.n - 1].rounds,
                  last_s, 1e-8);
    lh_ctx_end(&ctx);
}

static void fragments_go_one_after_the_other(void)
{
    struct drawn d = alike(1);
    in_two_fragments(&d);
    check_rounds(&d, 20 + 1 + 2 * 1.125 + 2 * 3.125, 29.5);
    d.learners[0].overlap = 1;
    check_rounds(&d, 20 + 1 + 0.25 + 4.25, 25.5);
    d.learners[0].overlap = 4;
    check_rounds(&d, 20 + 1, 21);
    d.input.apply_s = 4; /* the second comes back 9.25 s after it is sent */
    check_rounds(&d, 20 + 1 + 1.25, 22.25);
    d = alike(2); /* the same way: each takes twice as long */
    in_two_fragments(&d);
    check_rounds(&d, 20 + 1 + 2 * 2.125 + 2 * 6.125, 37.5);
}

/* Without bytes, 0.125 s each way: a quorum of one leaves the fast one alone, a
 * quorum of both has it wait. */
static void a_slow_learner_slows_who_waits_for_it(void)
{
    struct drawn d = alike(2);
    in_two_fragments(&d);
    d.input.bytes = 0;
    d.async.quorum = 1;
    d.learners[1].step_s = 6;
    check_rounds(&d, 20 + 1 + 0.5, 60 + 1 + 0.5);
    d.async.quorum = 2;
    check_rounds(&d, 61.5, 61.5);
}

/* A learner of rounds of 10 s, 2 bytes each way, merged 3 steps later. */
static struct drawn from_rest(void)
{
    struct drawn d = alike(1);

    d.input.from_rest = true;
    d.input.bytes = 2;
    d.learners[0] = (struct lh_async_learner){
        .steps = 10, .overlap = 3, .step_s = 1, .down = 1};
    return d;
}

static const struct lh_async_result *run(struct drawn *d, struct lh_ctx *ctx)
{
    d->input.async = &d->async;
    d->input.learners = d->learners;
    return machine_run(d, 0, ctx);
}

/* 11.25 s a round, and the 3 steps until the last is merged. */
static void an_outage_delays_who_waits(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct drawn d = from_rest();
    LH_CHECK_NEAR(run(&d, &ctx)->times[0].all_s, 6 * 11.25 + 3, 1e-8);
    d.cut_s = 11;
    d.mended_s = 36;
    const struct lh_async_result *r = run(&d, &ctx);
    LH_CHECK_NEAR(r->times[0].all_s, 6 * 11.25 + 3 + 25, 1e-8);
    LH_CHECK_NEAR(r->times[0].wan_s, 6 * 1.25 + 25, 1e-7);
    LH_CHECK(r->skipped == 0 && r->times[0].steps == 63);
    lh_ctx_end(&ctx);
}

/* Sent at 10, the answer is back at 39.25 instead of 14.25: what is due at 20
 * and 30 is not sent, and what is merged at 40 is sent anew there. */
static void an_outage_does_not_delay_who_goes_on(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct drawn d = from_rest();
    d.async.goes_on = true;
    d.cut_s = 11;
    d.mended_s = 36;
    const struct lh_async_result *r = run(&d, &ctx);
    LH_CHECK_NEAR(r->times[0].all_s, 63, 1e-12);
    LH_CHECK(r->times[0].steps == 63 && r->times[0].wan_s == 0);
    LH_CHECK(r->skipped == 2 && r->pushed == 4 && r->returned == 3);
    LH_CHECK(r->times[0].merges == 3); /* at 40, 45, 55; of 60 not yet */
    lh_ctx_end(&ctx);
}

/* The fast one makes three or four outer steps while the slow one is in a
 * round: with at most one allowed, all that the slow one pushes is dropped. */
static void what_is_too_stale_is_dropped(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct drawn d = alike(2);
    d.input.bytes = 0;
    d.async = (struct lh_async){
        .quorum = 1, .max_staleness = 1, .rounds = 6, .drops = true};
    d.learners[1].step_s = 7;
    const struct lh_async_result *r = run(&d, &ctx);
    LH_CHECK(r->dropped == LH_ASYNC_WARMUP + 6);
    LH_CHECK(r->staleness_max == 0 && r->staleness_n == 1);
    LH_CHECK_NEAR(r->times[0].all_s / (double)r->times[0].rounds, 21.25, 1e-8);
    LH_CHECK_NEAR(r->times[1].all_s / 6, 71.25, 1e-8);
    d.async.drops = false; /* held: the fast one waits, one step ahead */
    r = run(&d, &ctx);
    LH_CHECK(r->dropped == 0 && r->staleness_max == 1);
    LH_CHECK(r->times[0].wait_s > 0);
    lh_ctx_end(&ctx);
}

/* Rounds of 14.25 s.  Away in the second one, from 20 to 50: what it did since
 * 14.25 is lost, and 4 bytes are fetched until 54.125. */
static void an_absence_costs_its_round(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct drawn d = from_rest();
    d.learners[0].overlap = 0;
    d.learners[0].n_absences = 1;
    d.learners[0].absences = &d.absence;
    d.absence = (struct lh_async_absence){20, 50};
    d.input.fetch_bytes = 4;
    const struct lh_async_result *r = run(&d, &ctx);
    LH_CHECK_NEAR(r->times[0].all_s, 54.125 + 5 * 14.25, 1e-8);
    LH_CHECK_NEAR(r->times[0].away_s, 54.125 - 14.25, 1e-8);
    LH_CHECK(r->times[0].steps == 60 && r->lost == 0 && r->pushed == 6);
    d.absence.from_s = 26; /* on the way since 24.25 */
    r = run(&d, &ctx);
    LH_CHECK_NEAR(r->times[0].all_s, 54.125 + 5 * 14.25, 1e-8);
    LH_CHECK(r->lost == 1 && r->pushed == 7 && r->received == 6);
    lh_ctx_end(&ctx);
}

/* Nobody waits for who is away, though the bound would have it. */
static void the_bound_is_of_those_who_are_there(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct drawn d = alike(2);
    d.input.bytes = 0;
    d.input.from_rest = true;
    d.async.quorum = 1;
    d.async.max_staleness = 1;
    d.learners[1].n_absences = 1;
    d.learners[1].absences = &d.absence;
    d.absence = (struct lh_async_absence){5, 505};
    const struct lh_async_result *r = run(&d, &ctx);
    LH_CHECK_NEAR(r->times[1].all_s, 505.125 + 6 * 21.25, 1e-8);
    LH_CHECK_NEAR(r->times[0].all_s / (double)r->times[0].rounds, 21.25, 1e-3);
    LH_CHECK(r->times[0].rounds >= 29);
    lh_ctx_end(&ctx);
}

/* From 5 s to 15 s at half the speed: the first round has 5 s less done. */
static void a_slow_while_stretches_what_is_computed(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct drawn d = from_rest();
    d.learners[0].overlap = 0;
    d.paces[0] = (struct lh_async_pace){5, 0.5};
    d.paces[1] = (struct lh_async_pace){15, 1};
    d.learners[0].n_paces = 2;
    d.learners[0].paces = d.paces;
    LH_CHECK_NEAR(run(&d, &ctx)->times[0].all_s, 6 * 14.25 + 5, 1e-8);
    lh_ctx_end(&ctx);
}

/* Two learners 3 s apart in a round of 20: a grace of 4 makes one step of both,
 * a grace of 1 leaves two. */
static void the_grace_window_joins_pushes(void)
{
    for (int wide = 0; wide < 2; wide++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct drawn d = {
            .async = {.quorum = 1,
                      .max_staleness = -1,
                      .grace_s = wide ? 4 : 1,
                      .rounds = 10},
            .learners = {{.steps = 10, .step_s = 2, .up = 0, .down = 1},
                         {.steps = 10, .step_s = 2.3, .up = 2, .down = 3}}};
        d.input = (struct lh_async_input){
            .async = &d.async, .n = 2, .learners = d.learners};
        const struct lh_async_result *r = machine_run(&d, 0, &ctx);
        /* rounds of 20 and 23, and twice 0.125 on the way */
        if (wide) {
            LH_CHECK_NEAR(r->times[0].all_s, 10 * 23.25, 1e-9);
            LH_CHECK_NEAR(r->times[0].wait_s, 10 * 3, 1e-8);
            LH_CHECK(r->staleness_max == 0);
        } else {
            LH_CHECK_NEAR(r->times[1].all_s, 10 * (23.25 + 1), 0.02);
            LH_CHECK(r->staleness_max > 0);
        }
        lh_ctx_end(&ctx);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"drawn learners keep the bound in any order",
         drawn_learners_keep_the_bound_in_any_order},
        {"fragments go one after the other", fragments_go_one_after_the_other},
        {"a slow learner slows who waits for it",
         a_slow_learner_slows_who_waits_for_it},
        {"an outage delays who waits", an_outage_delays_who_waits},
        {"an outage does not delay who goes on",
         an_outage_does_not_delay_who_goes_on},
        {"what is too stale is dropped", what_is_too_stale_is_dropped},
        {"an absence costs its round", an_absence_costs_its_round},
        {"the bound is of those who are there",
         the_bound_is_of_those_who_are_there},
        {"a slow while stretches what is computed",
         a_slow_while_stretches_what_is_computed},
        {"the grace window joins pushes", the_grace_window_joins_pushes},
    };
    return lh_unit_run("async_loop", tests, LH_COUNT(tests));
}
