/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Parts of the loop of reinforcement learning by hand arithmetic: turns,
 * judges on accelerators, replicas that come and go, some replicas for many,
 * and pushes over several sites.
 */
#include "rl_loop.h"

/* ---- turns: five tokens, a second of tools that say five, five tokens ------
 */

static void turns_make(struct loop *l)
{
    loop_make(l);
    l->rl.turns = 2;
    l->rl.tool_s = 1;
    l->rl.tool_tokens = 5;
    l->rl.turn_keeps_kv = true;
}

/* Four samples of 100 + 5 + 5 tokens: context of 400 + 4 i, then 440 + 4 i. */
static const double turns_s = 0.02 + 0.05 + 1e-6 * (5 * 400 + 4 * 10) + 1 + 0.05
                              + 1e-6 * (5 * 440 + 4 * 10);

static void takes_turns(void)
{
    struct loop l;
    turns_make(&l);
    struct lh_rl_result r = loop_run(&l); /* four answers are computed */
    LH_CHECK_NEAR(r.step_time_s, turns_s + 4 * 5 * 1e-4 + 4, 1e-12);
    LH_CHECK_NEAR(r.environment_s, 1, 1e-12);
    LH_CHECK(r.tokens_generated == 120 && r.tokens_trained == 120);
    LH_CHECK(l.tokens == 120 + 12 * 105);
    l.rl.turn_keeps_kv = false; /* all contexts are */
    r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, turns_s + 4 * 110 * 1e-4 + 4, 1e-12);
}

/* Room for two samples.  With their places: one prompt after the other; each
 * is computed, takes a turn, waits, computes answers, takes the other. */
static void keeps_its_place(void)
{
    struct loop l;
    turns_make(&l);
    l.inputs[0].rates.concurrency = 2;
    struct lh_rl_result r = loop_run(&l);
    double turn_s = 0.05 + 1e-6 * (5 * 200 + 2 * 10);
    double next_s = 0.05 + 1e-6 * (5 * 220 + 2 * 10);
    double prompt_s = 0.01 + turn_s + 1 + 2 * 5 * 1e-4 + next_s;
    LH_CHECK_NEAR(r.step_time_s, 2 * prompt_s + 4, 1e-12);
    /* Without: the second prompt beside the first's tools; what comes back
     * waits for the first's second turn. */
    l.rl.turn_keeps_kv = false;
    r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s,
                  0.01 + turn_s + 1 + 2 * (2 * 110 * 1e-4 + next_s) + 4, 1e-12);
}

static void draws_times_of_tools(void)
{
    struct loop l;
    int below = 0, n = 10000;
    turns_make(&l);
    LH_CHECK_NEAR(lh_rl_tool_s(&l.rl, 7, 1, 2, 3), 1, 1e-12);
    l.rl.tool_sigma = 0.7;
    for (int i = 0; i < n; i++)
        below += lh_rl_tool_s(&l.rl, 7, i / 4, i % 4, 1) < 1;
    LH_CHECK_NEAR((double)below / n, 0.5, 0.03);
    LH_CHECK(lh_rl_tool_s(&l.rl, 7, 1, 2, 3)
             == lh_rl_tool_s(&l.rl, 7, 1, 2, 3));
    LH_CHECK(lh_rl_tool_s(&l.rl, 7, 1, 2, 3)
             != lh_rl_tool_s(&l.rl, 7, 1, 2, 4));
}

/* ---- judges ----------------------------------------------------------------
 */

static void judge_make(struct loop *l)
{
    loop_make(l);
    l->rl.n_verifiers = 1;
    l->verifiers[0] =
        (struct lh_rl_verifier){.kind = LH_JUDGE_MODEL, .keep_frac = 1};
    l->judges[0] = (struct lh_rl_judge_input){
        .replicas = 1,
        .rates = {
            .cpu_s = 0.01, .kv_s = 1e-6, .prefill_s = 1e-3, .concurrency = 4}};
}

/* Ten iterations, two prompts, as in tests/test_rl.c. */
static const double batch_s = 0.1 + 1e-6 * (4000 + 180) + 0.02;

/* Four samples of 110 tokens, one after another; or by two replicas. */
static void judges_read(void)
{
    struct loop l;
    judge_make(&l);
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, batch_s + 4 * 0.12 + 4, 1e-12);
    LH_CHECK_NEAR(r.verifiers[0].service_s, 0.12, 1e-12);
    LH_CHECK_NEAR(r.verifiers[0].wait_s, 0.12 * (0 + 1 + 2 + 3) / 4, 1e-12);
    LH_CHECK_NEAR(r.verifiers[0].busy_frac, 0.48 / r.step_time_s, 1e-9);
    l.judges[0].replicas = 2;
    r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, batch_s + 2 * 0.12 + 4, 1e-12);
}

/* Twenty tokens each: the fourth finds three others there. */
static void judges_write(void)
{
    struct loop l;
    judge_make(&l);
    l.verifiers[0].output = 20;
    struct lh_rl_result r = loop_run(&l);
    double last_s = 4 * 0.11 + 20 * 0.01 + 1e-6 * (20 * 440 + 4 * 190);
    LH_CHECK_NEAR(r.step_time_s, batch_s + last_s + 4, 1e-12);
    l.judges[0].rates.concurrency = 1; /* one after another */
    r = loop_run(&l);
    double one_s = 0.11 + 20 * 0.01 + 1e-6 * (20 * 110 + 190);
    LH_CHECK_NEAR(r.step_time_s, batch_s + 4 * one_s + 4, 1e-12);
}

/* ---- replicas that come and go ----------------------------------------------
 */

/* It goes at 0.06 s, when three iterations are complete, and is back 0.3 s
 * later; then it stays long enough.  Fetching and loading take 0.7 s. */
static void begins_again_when_back(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.steps = 1;
    l.rl.warmup_steps = 0;
    while (lh_rl_spell_s(l.input.seed, 0, 2, 1)
           < 4 * lh_rl_spell_s(l.input.seed, 0, 0, 1))
        l.input.seed++;
    l.fleets[0].up_s = 0.06 / lh_rl_spell_s(l.input.seed, 0, 0, 1);
    l.fleets[0].down_s = 0.3 / lh_rl_spell_s(l.input.seed, 0, 1, 1);
    l.inputs[0].push.join_s = 0.7;
    l.log_prob_s = l.train_s = 0;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.trainer.wait_s, 0.06 + 0.3 + 0.7 + batch_s, 1e-9);
    LH_CHECK_NEAR(r.generators.away_s, 0.3, 1e-9);
    LH_CHECK_NEAR(r.generators.update_s, 0.7, 1e-9);
    LH_CHECK(r.departures == 1);
    LH_CHECK(r.tokens_discarded == 3 * 4 && r.tokens_trained == 40);
    LH_CHECK(r.tokens_generated == 52);
}

/* Of two replicas the first goes: what it had begins again on the other, which
 * computes its prompt when the iteration that runs ends. */
static void goes_on_elsewhere(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.steps = 1;
    l.rl.warmup_steps = 0;
    l.rl.n_fleets = l.input.n_fleets = 2;
    l.fleets[0].up_s = 0.05 / lh_rl_spell_s(l.input.seed, 0, 0, 1);
    l.fleets[0].down_s = 1e6;
    l.inputs[1].rates.kv_s = 0;
    l.inputs[0].rates.kv_s = 0;
    struct lh_rl_result r = loop_run(&l);
    /* 0.01 s of prompt; at 0.05 four iterations are complete, and so are they
     * when the two others come: 10 more. */
    LH_CHECK_NEAR(r.trainer.wait_s, 0.05 + 0.01 + 0.1, 0.011 / 0.16);
    LH_CHECK(r.tokens_discarded == 2 * 3 || r.tokens_discarded == 2 * 4);
    LH_CHECK(r.tokens_trained == 40 && r.departures == 1);
}

/* ---- some replicas for many -------------------------------------------------
 */

/* All alike: nothing is lost. */
static void some_are_all(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.prompts = 1024;
    l.inputs[0].replicas = 512;
    struct lh_rl_result all = loop_run(&l);
    l.rl.engine = LH_RL_ORDER_STATISTICS;
    struct lh_rl_result some = loop_run(&l);
    LH_CHECK(some.simulated == 128 && some.replicas == 512);
    LH_CHECK_NEAR(some.each, 4, 1e-12);
    LH_CHECK_NEAR(some.step_time_s, all.step_time_s, 1e-12);
    LH_CHECK(some.tokens_trained == all.tokens_trained);
    LH_CHECK(some.samples_trained == all.samples_trained);
    LH_CHECK_NEAR(some.samples_per_s, all.samples_per_s, 1e-12);
}

/* One sample a replica: a batch lasts as long as its longest. */
static void ends_with_the_longest(void)
{
    struct loop l;
    int64_t longest = 0;
    loop_make(&l);
    l.rl.steps = 1;
    l.rl.warmup_steps = 0;
    l.rl.samples = 1;
    l.rl.prompts = 1024;
    l.rl.lengths = LH_LENGTHS_LOGNORMAL;
    l.rl.length_median = 100;
    l.inputs[0].replicas = 1024;
    l.inputs[0].rates.kv_s = l.inputs[0].rates.prefill_s = 0;
    l.rl.engine = LH_RL_ORDER_STATISTICS;
    struct lh_rl_result some = loop_run(&l);
    for (int64_t i = 0; i < 1024; i++)
        if (lh_rl_length(&l.rl, 1, i, 0) > longest)
            longest = lh_rl_length(&l.rl, 1, i, 0);
    LH_CHECK(some.simulated == 128);
    LH_CHECK_NEAR(some.trainer.wait_s, 0.01 * (double)longest, 1e-9);
}

/* ---- pushes
 * ------------------------------------------------------------------
 */

static const char three_sites[] =
    "longhaul: 1\nmodel: llama-3.1-8b\n"
    "sites:\n"
    "  - {name: a, gpus: 8, device: h100-sxm}\n"
    "  - {name: b, gpus: 8, device: h100-sxm}\n"
    "  - {name: c, gpus: 8, device: h100-sxm}\n"
    "fibres:\n"
    "  - {between: [a, b], length: 100 km, bandwidth: 80 Gbit/s}\n"
    "  - {between: [b, c], length: 100 km, bandwidth: 80 Gbit/s}\n"
    "rl:\n"
    "  mode: async\n"
    "  weights: {bucket: 1 B}\n"
    "  output_length: {kind: fixed, median: 1000}\n"
    "  trainer: {gpus: 8}\n"
    "  generators:\n"
    "    - {site: b, gpus: 8, plan: {tensor: 8}}\n"
    "    - {site: c, gpus: 8, plan: {tensor: 8}}\n";

struct pushed {
    struct lh_ctx ctx;
    struct lh_scenario s;
    struct lh_rl_report report;
};

static void push(struct pushed *p, const struct lh_setting *settings, int n)
{
    struct lh_topology *t;
    p->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_scenario_read_text(&p->s, "x.yaml", three_sites,
                                     strlen(three_sites), ".", settings, n,
                                     &p->ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&t, &p->s, &p->ctx) == LH_OK);
    p->report = (struct lh_rl_report){.scenario = &p->s};
    p->report.fleets =
        LH_NEW(p->ctx.arena, struct lh_rl_fleet_input, p->s.rl.n_fleets);
    LH_REQUIRE(lh_rl_push_make(&p->report, &p->s, t, 0, &p->ctx) == LH_OK);
    lh_topology_free(t);
}

/* Ten gigabytes a second on each fibre, 16.06 GB of weights. */
static void relays_over_sites(void)
{
    static const struct lh_setting direct = {"rl.weights.route", "direct"};
    struct pushed p;
    double once_s = 2 * 8030261248.0 / 1e10;

    push(&p, NULL, 0);
    LH_CHECK(p.report.relay[0] == -1 && p.report.relay[1] == 0);
    LH_CHECK_NEAR(p.report.fleets[0].push.transfer_s, once_s, 1e-3);
    LH_CHECK_NEAR(p.report.fleets[1].push.transfer_s, once_s, 2e-3);
    LH_CHECK(p.report.n_fibres == 2);
    LH_CHECK_NEAR(p.report.fibres[0].push_bytes, 2 * 8030261248.0, 1e-12);
    LH_CHECK_NEAR(p.report.fibres[1].push_bytes, 2 * 8030261248.0, 1e-12);
    lh_ctx_end(&p.ctx);
    push(&p, &direct, 1); /* two copies over the first fibre */
    LH_CHECK(p.report.relay[1] == -1);
    LH_CHECK_NEAR(p.report.fleets[0].push.transfer_s, 2 * once_s, 1e-3);
    LH_CHECK_NEAR(p.report.fleets[1].push.transfer_s, 2 * once_s, 2e-3);
    LH_CHECK_NEAR(p.report.fibres[0].push_bytes, 4 * 8030261248.0, 1e-12);
    lh_ctx_end(&p.ctx);
}

static void sends_what_changed(void)
{
    static const struct lh_setting delta[] = {{"rl.weights.precision", "delta"},
                                              {"rl.weights.fraction", "0.25"}};
    struct pushed whole, part;

    push(&whole, NULL, 0);
    push(&part, delta, 2);
    LH_CHECK_NEAR(part.report.push_bytes, 0.5 * 8030261248.0, 1e-12);
    LH_CHECK_NEAR(part.report.fleets[0].push.load_s,
                  whole.report.fleets[0].push.load_s / 4, 1e-12);
    LH_CHECK_NEAR(part.report.fleets[0].push.join_s,
                  whole.report.fleets[0].push.join_s, 1e-12);
    LH_CHECK_NEAR(part.report.gather_s, whole.report.gather_s, 1e-12);
    LH_CHECK_NEAR(part.report.fleets[0].push.transfer_s,
                  whole.report.fleets[0].push.transfer_s / 4, 2e-3);
    lh_ctx_end(&whole.ctx);
    lh_ctx_end(&part.ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"turns of a sample", takes_turns},
        {"a sample keeps its place or not", keeps_its_place},
        {"times of tools have their median and key", draws_times_of_tools},
        {"a judge that reads", judges_read},
        {"a judge that writes", judges_write},
        {"a replica that comes back begins again", begins_again_when_back},
        {"samples go on elsewhere", goes_on_elsewhere},
        {"some replicas are all, where all are alike", some_are_all},
        {"a batch ends with the longest of all", ends_with_the_longest},
        {"weights are handed on from site to site", relays_over_sites},
        {"a delta", sends_what_changed},
    };
    return lh_unit_run("rl_parts", tests, LH_COUNT(tests));
}
