/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners and a server (workloads/sync/async.c; docs/model.md, "Learners and a
 * server"): against arithmetic by hand on accelerators a thin fibre apart, and
 * drawn learners on the fake engine.  T is the step of a learner alone, S the
 * payload over the bandwidth, K what goes through memory.
 *
 *   all wait for all     H T + K + 2 S a round, 4 S where two share a fibre
 *   nobody waits         each H T + K + 2 S of its own
 *   tau steps hide it    H T + K, as of diloco with its own K
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "fake_engine.h"
#include "random.h"
#include "unit.h"

#define HEAD                                                                   \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 12, sequence_length: 2048, stack: "              \
    "cuda-graphs}\n"
#define SITE(name, device)                                                     \
    "  - {name: " name ", gpus: 1, device: " device ", fabric: switch}\n"
#define FIBRE(from, to, gbit)                                                  \
    "  - {between: [" from ", " to "], length: 100 km, bandwidth: " gbit       \
    " Gbit/s}\n"
#define PAIR(device, gbit)                                                     \
    HEAD "sites:\n" SITE("a", "h100-sxm")                                      \
        SITE("b", device) "fibres:\n" FIBRE("a", "b", gbit)
/* b and c reach the server at a over one fibre. */
#define CHAIN                                                                  \
    HEAD "sites:\n" SITE("a", "h100-sxm") SITE("b", "h100-sxm")                \
        SITE("c", "h100-sxm") "fibres:\n" FIBRE("a", "b", "1")                 \
            FIBRE("b", "c", "1")
#define STEP                                                                   \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 6, sequence_length: 2048, stack: cuda-graphs}\n" \
    "sites:\n"

static const double bytes_per_s = 1e9 / 8;

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_trace trace;
    struct lh_result result;
    struct lh_async_report async;
};

static enum lh_status simulate(struct run *r)
{
    struct lh_sim_point point = {&r->scenario, &r->program, r->topology};
    enum lh_status st;

    if (r->scenario.sync == LH_SYNC_ASYNC_DILOCO)
        return lh_async_run(&r->async, &r->result, &r->scenario, &r->program,
                            r->topology, 1, &r->ctx);
    st = lh_sim_run(&r->trace, &point, &r->ctx);
    return st == LH_OK ? lh_result_make(&r->result, &r->trace, &r->program,
                                        r->topology, &r->ctx)
                       : st;
}

static void run_it(struct run *r, const char *machine, const char *sync)
{
    char text[2048];
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    snprintf(text, sizeof text, "%s%s%s%s", machine, sync ? "sync: {" : "",
             sync ? sync : "", sync ? "}\n" : "");
    enum lh_status st = lh_scenario_read_text(
        &r->scenario, "t.yaml", text, strlen(text), ".", NULL, 0, &r->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&r->topology, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_build(&r->program, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_check(&r->program, &r->ctx);
    if (st == LH_OK)
        st = simulate(r);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&r->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
}

static void run_end(struct run *r)
{
    lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}

/* A round of the first learner of a site, as many steps as it has. */
static double round_s(const struct run *r, int site)
{
    return r->async.sites[site].step_s * (double)r->async.sites[site].of.steps;
}

/* The same where all have one. */
static double all_round_s(const char *machine, const char *sync)
{
    struct run r;
    run_it(&r, machine, sync);
    double s = round_s(&r, 0);
    for (int i = 1; i < r.async.n_sites; i++)
        LH_CHECK_NEAR(round_s(&r, i), s, 1e-9);
    LH_CHECK_NEAR(r.result.step_time_s * (double)r.async.sites[0].of.steps, s,
                  1e-9);
    run_end(&r);
    return s;
}

static double step_s(const char *machine, const char *sync)
{
    struct run r;
    run_it(&r, machine, sync);
    double s = r.result.step_time_s;
    run_end(&r);
    return s;
}

static double parameters(void)
{
    struct run r;
    run_it(&r, STEP SITE("a", "h100-sxm"), NULL);
    double n = (double)r.scenario.model.parameters;
    run_end(&r);
    return n;
}

/* What bytes take through the memory of an H100. */
static double memory_s(double bytes)
{
    struct run r;
    run_it(&r, STEP SITE("a", "h100-sxm"), NULL);
    const struct lh_device *d = &r.scenario.sites[0].device;
    double s = bytes / (d->memory_bytes_per_s * d->memory_frac);
    run_end(&r);
    return s;
}

/* ---- a quorum of all ------------------------------------------------------
 */

static void a_round_of_all_is_its_steps_and_both_ways(void)
{
    double n = parameters();
    double alone_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double full_s = all_round_s(PAIR("h100-sxm", "1"),
                                "kind: async-diloco, every: 10, quorum: 2");
    double small_s = all_round_s(PAIR("h100-sxm", "1"),
                                 "kind: async-diloco, every: 10, quorum: 2, "
                                 "payload_bits: 4");
    double long_s = all_round_s(PAIR("h100-sxm", "1"),
                                "kind: async-diloco, every: 100, quorum: 2");
    LH_CHECK_NEAR(full_s - small_s, 2 * n * (4 - 0.5) / bytes_per_s, 1e-8);
    LH_CHECK_NEAR(long_s - full_s, 90 * alone_s, 1e-8);
    double rest_s = full_s - 10 * alone_s - 2 * 4 * n / bytes_per_s
                    - memory_s((12 + 14) * n);
    LH_CHECK(rest_s > 2 * 100e3 * 4.9e-9 && rest_s < 2 * 100e3 * 4.9e-9 + 1e-4);
}

/* The server is a parameter server's, whose answers begin before the last byte
 * has come; memory 26 bytes of outer optimiser, or 14. */
static void a_quorum_of_all_is_the_synchronous_form(void)
{
    double n = parameters(), more_s = memory_s((26 - 14) * n);
    double sync_s = 10
                    * step_s(PAIR("h100-sxm", "1"),
                             "kind: diloco, every: 10, algorithm: server");
    double async_s = all_round_s(PAIR("h100-sxm", "1"),
                                 "kind: async-diloco, every: 10, quorum: 2");
    LH_CHECK_NEAR(async_s - sync_s + more_s, 4 * n / bytes_per_s, 1e-4);
    sync_s = 10
             * step_s(PAIR("h100-sxm", "400"),
                      "kind: diloco, every: 10, overlap: 9");
    async_s =
        all_round_s(PAIR("h100-sxm", "400"),
                    "kind: async-diloco, every: 10, overlap: 9, quorum: 2");
    LH_CHECK_NEAR(async_s + more_s, sync_s, 1e-9);
}

static void a_bound_of_no_staleness_is_a_quorum_of_all(void)
{
    double quorum_s = all_round_s(CHAIN, "kind: async-diloco, quorum: 3");
    double bound_s = all_round_s(CHAIN, "kind: async-diloco, max_staleness: 0");
    LH_CHECK_NEAR(bound_s, quorum_s, 1e-9);
}

static void two_pushes_share_a_fibre(void)
{
    double n = parameters();
    double full_s =
        all_round_s(CHAIN, "kind: async-diloco, every: 10, quorum: 3");
    double small_s = all_round_s(
        CHAIN, "kind: async-diloco, every: 10, quorum: 3, payload_bits: 16");
    /* c's half on a-b is bound there, so both take twice as long, both ways */
    LH_CHECK_NEAR(full_s - small_s, 2 * 2 * 2 * n / bytes_per_s, 1e-6);
}

static void the_server_takes_its_time(void)
{
    double n = parameters();
    double free_s = all_round_s(CHAIN, "kind: async-diloco, quorum: 3");
    double slow_s = all_round_s(
        CHAIN, "kind: async-diloco, quorum: 3, server_bandwidth: 8 Gbit/s");
    LH_CHECK_NEAR(slow_s - free_s, 26 * n / 1e9, 1e-8);
}

/* ---- learners that do not wait ---------------------------------------------
 */

static void learners_have_rounds_of_their_own(void)
{
    struct run r;
    double n = parameters();
    double fast_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double slow_s = step_s(STEP SITE("a", "a100-sxm"), NULL);
    run_it(&r, PAIR("a100-sxm", "1"), "kind: async-diloco, every: 50");
    double k_s = memory_s((12 + 14) * n);
    LH_CHECK(round_s(&r, 0) > 50 * fast_s + k_s);
    LH_CHECK_NEAR(round_s(&r, 0), 50 * fast_s + k_s, 1e-3);
    LH_CHECK_NEAR(round_s(&r, 1), 50 * slow_s + 2 * 4 * n / bytes_per_s, 1e-3);
    double tokens = 12 * 2048 / 2.0;
    LH_CHECK_NEAR(r.result.tokens_per_s,
                  tokens / r.async.sites[0].step_s
                      + tokens / r.async.sites[1].step_s,
                  1e-12);
    LH_CHECK(r.async.result->staleness_max > 0);
    /* each way over the fibre, of the second learner alone */
    for (int i = 0; i < r.result.n_links; i++) {
        if (r.result.links[i].kind != LH_LINK_WAN)
            continue;
        LH_CHECK_NEAR(r.result.links[i].bytes,
                      4 * n * r.result.step_time_s / round_s(&r, 1), 1e-9);
    }
    run_end(&r);
}

static void steps_by_speed_end_together(void)
{
    struct run r;
    double fast_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double slow_s = step_s(STEP SITE("a", "a100-sxm"), NULL);
    run_it(&r, PAIR("a100-sxm", "400"),
           "kind: async-diloco, every: 100, local_steps: by-speed");
    LH_CHECK(r.async.sites[0].of.steps == 100);
    LH_CHECK(r.async.sites[1].of.steps == (int)(100 * fast_s / slow_s));
    LH_CHECK(round_s(&r, 1) < round_s(&r, 0) * 1.02
             && round_s(&r, 1) > round_s(&r, 0) * 0.97);
    run_end(&r);
}

/* The fast one may be one outer step ahead, and then waits; its pushes are
 * never more than so stale. */
static void the_bound_holds_a_fast_learner_back(void)
{
    struct run r;
    double free_s, bound_s;
    run_it(&r, PAIR("a100-sxm", "1"), "kind: async-diloco, every: 50");
    free_s = r.async.sites[0].step_s;
    run_end(&r);
    run_it(&r, PAIR("a100-sxm", "1"),
           "kind: async-diloco, every: 50, max_staleness: 2");
    bound_s = r.async.sites[0].step_s;
    LH_CHECK(r.async.result->staleness_max <= 2);
    LH_CHECK(bound_s > 1.05 * free_s);
    LH_CHECK(r.async.sites[0].wait_s > 0.05 * free_s);
    run_end(&r);
}

/* Of a quarter of the weights: the outer parameters that it began at, what is
 * pushed and what comes back.  In one site nothing is WAN. */
static void a_learner_keeps_what_it_began_at(void)
{
    static const char eight[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 16, sequence_length: 2048}\n"
        "sites: [{name: a, gpus: 8, device: h100-sxm}]\n";
    struct run plain, r;
    run_it(&plain, eight, NULL);
    run_it(&r, eight, "kind: async-diloco, island: 4, every: 5");
    LH_CHECK_NEAR(r.program.memory[0].optimizer
                      - plain.program.memory[0].optimizer,
                  (4 + 2 * 4) * (double)r.scenario.model.parameters / 4, 1e-9);
    LH_CHECK(r.async.n == 2 && r.async.sites[0].learners == 2);
    LH_CHECK(r.result.breakdown_s[LH_WAN_COMM] == 0);
    LH_CHECK(r.result.breakdown_s[LH_DATA_COMM] > r.async.sites[0].wan_s);
    run_end(&plain);
    run_end(&r);
}

/* ---- the machine alone -----------------------------------------------------
 */

enum { LEARNERS = 7 };

struct drawn {
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
    LH_REQUIRE(lh_async_loop(out, &input, &engine, ctx) == LH_OK);
    return out;
}

/* lh_async_loop() fails if a push is lost. */
static void drawn_learners_keep_the_bound_in_any_order(void)
{
    uint64_t state = 7;
    int held = 0, stale = 0, shared = 0;
    for (int i = 0; i < 200; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct drawn d;
        draw(&d, &state);
        const struct lh_async_result *a = machine_run(&d, 0, &ctx);
        const struct lh_async_result *b = machine_run(&d, 1, &ctx);
        LH_CHECK(a->versions == b->versions && a->pushed == b->pushed
                 && a->staleness_max == b->staleness_max);
        for (int k = 0; k < d.input.n; k++) {
            const struct lh_async_times *t = &a->times[(k + 1) % d.input.n];
            const struct lh_async_learner *l = &d.learners[(k + 1) % d.input.n];
            double busy_s =
                (double)l->steps * l->step_s + l->send_s + l->merge_s;
            LH_CHECK_NEAR(b->times[k].all_s, t->all_s, 1e-9);
            LH_CHECK_NEAR((double)t->rounds * busy_s + t->wan_s + t->wait_s,
                          t->all_s, 1e-9);
            held += t->wait_s > 0;
        }
        if (d.async.max_staleness >= 0)
            LH_CHECK(a->staleness_max <= d.async.max_staleness);
        if (d.async.max_staleness == 0 || d.async.quorum == d.input.n)
            LH_CHECK(a->staleness_max == 0);
        stale += a->staleness_max > 0;
        shared += a->applied > a->versions + 2 * d.input.n;
        lh_ctx_end(&ctx);
    }
    LH_CHECK(held > 100 && stale > 30 && shared > 50);
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
        {"a round of all is its steps and both ways",
         a_round_of_all_is_its_steps_and_both_ways},
        {"a quorum of all is the synchronous form",
         a_quorum_of_all_is_the_synchronous_form},
        {"a bound of no staleness is a quorum of all",
         a_bound_of_no_staleness_is_a_quorum_of_all},
        {"two pushes share a fibre", two_pushes_share_a_fibre},
        {"the server takes its time", the_server_takes_its_time},
        {"learners have rounds of their own",
         learners_have_rounds_of_their_own},
        {"steps by speed end together", steps_by_speed_end_together},
        {"the bound holds a fast learner back",
         the_bound_holds_a_fast_learner_back},
        {"a learner keeps what it began at", a_learner_keeps_what_it_began_at},
        {"drawn learners keep the bound in any order",
         drawn_learners_keep_the_bound_in_any_order},
        {"the grace window joins pushes", the_grace_window_joins_pushes},
    };
    return lh_unit_run("async", tests, LH_COUNT(tests));
}
