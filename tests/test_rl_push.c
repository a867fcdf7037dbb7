/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pushes of the loop by hand arithmetic: what they and training lose beside
 * each other (workloads/rl/beside.c), and where their bytes are
 * (workloads/rl/push.c); and the shares of a scenario (analysis/rl_beside.c).
 */
#include "rl_loop.h"

#include "../workloads/rl/loop.h"

/* ---- beside training --------------------------------------------------------
 */

/* One step off, the trainer always busy: 1 s of log-probabilities, 3 s of
 * training; a push takes 2 s from the end of a step on. */
static void busy_make(struct loop *l)
{
    loop_make(l);
    l->rl.mode = LH_RL_ONE_STEP_OFF;
    l->inputs[0].push.transfer_s = 2;
}

/* One of its two seconds is beside log-probabilities, the other takes two
 * beside training, of which 1.5 s are done meanwhile. */
static void slow_each_other_down(void)
{
    struct loop l;
    busy_make(&l);
    struct lh_rl_result alone = loop_run(&l);
    LH_CHECK_NEAR(alone.step_time_s, 4, 1e-12);
    LH_CHECK_NEAR(alone.weight_sync_s, 2, 1e-12);
    LH_CHECK(alone.push_cost_s == 0);
    l.input.push_extra = 1;
    l.input.train_extra = 1.0 / 3;
    struct lh_rl_result beside = loop_run(&l);
    LH_CHECK_NEAR(beside.step_time_s, 1 + 2 + (3 - 1.5), 1e-12);
    LH_CHECK_NEAR(beside.weight_sync_s, 1 + 2, 1e-12);
    LH_CHECK_NEAR(beside.push_cost_s, 0.5, 1e-12);
    LH_CHECK_NEAR(beside.trainer.train_s, 3.5, 1e-12);
    LH_CHECK_NEAR(beside.trainer.log_prob_s, 1, 1e-12);
    LH_CHECK_NEAR(beside.trainer.wait_s + beside.trainer.train_s
                      + beside.trainer.log_prob_s,
                  beside.step_time_s, 1e-12);
}

/* A second entry that is nearer: training is slow until the last has its
 * weights, and both are slow beside it.  1.5 s and 2 s: half a second's work is
 * left of the first when training begins, one second's of the other. */
static void two_entries_on_their_way(void)
{
    struct loop l;
    busy_make(&l);
    l.rl.n_fleets = l.input.n_fleets = 2;
    l.inputs[1].push.transfer_s = 1.5;
    l.input.push_extra = 1;
    l.input.train_extra = 1.0 / 3;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, 4.5, 1e-12);
    LH_CHECK_NEAR(r.weight_sync_s, 3, 1e-12);
}

/* A push that outlasts the run: all of training is slow, 1 + 4 s a step. */
static void always_on_their_way(void)
{
    struct loop l;
    busy_make(&l);
    l.rl.mode = LH_RL_ASYNC;
    l.rl.max_staleness = 10;
    l.rl.steps = 9;
    l.rl.warmup_steps = 1;
    l.inputs[0].push.transfer_s = 100;
    l.input.train_extra = 1.0 / 3;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, 1 + 4, 1e-12);
    LH_CHECK_NEAR(r.push_cost_s, 1, 1e-12);
    LH_CHECK(r.pushes == 0);
}

/* By interval: at its first multiple from the end of a step on. */
static void dates_of_an_interval(void)
{
    struct loop l;
    busy_make(&l);
    l.rl.mode = LH_RL_ASYNC;
    l.rl.max_staleness = 10;
    l.rl.steps = 9;
    l.rl.push_interval_s = 5;
    l.inputs[0].push.transfer_s = 0.5;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK(r.wall_s > 36 && r.wall_s < 37); /* 5, 10, .. 35 */
    LH_CHECK(r.pushes == 7);
    l.inputs[0].push.transfer_s = 6; /* each second one finds it on its way */
    r = loop_run(&l);
    LH_CHECK(r.pushes == 3);
}

/* A push takes as long as a thousand million intervals, and the loop waits
 * for it. */
static void an_interval_shorter_than_a_push(void)
{
    struct loop l;
    busy_make(&l);
    l.rl.mode = LH_RL_ASYNC;
    l.rl.max_staleness = 0;
    l.rl.push_interval_s = 1e-6;
    l.inputs[0].push.transfer_s = 1000;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK(r.steps == 3 && r.pushes == 2);
    LH_CHECK(r.step_time_s > 1004 && r.step_time_s < 1005);
    LH_CHECK(r.events < 1000);
}

/* Replicas that never stay long enough for a sample. */
static void says_that_replicas_go_too_soon(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_engine clock;
    struct lh_rl_result out;
    struct loop l;
    busy_make(&l);
    l.fleets[0].up_s = l.fleets[0].down_s = 1e-6;
    lh_rl_clock(&clock, &ctx);
    LH_CHECK(lh_rl_loop(&out, &l.input, &clock, &ctx) == LH_FAILED);
    LH_CHECK(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "replicas went away 1000000 times in one step, which is "
                  "given up: up_time of rl.generators[0] is too short to "
                  "generate in");
    lh_ctx_end(&ctx);
}

/* ---- bytes ------------------------------------------------------------------
 */

static void bytes_arrive(void)
{
    struct loop l;
    busy_make(&l);
    l.inputs[0].push.bytes = 1000;
    struct lh_rl_result r = loop_run(&l); /* none after the last step */
    LH_CHECK(r.pushes == 2 && r.weights.sent_bytes == 2000);
    LH_CHECK(r.weights.received_bytes == 2000);
    LH_CHECK(r.weights.lost_bytes == 0 && r.weights.in_flight_bytes == 0);
}

static void bytes_are_under_way_at_the_end(void)
{
    struct loop l;
    busy_make(&l);
    l.rl.mode = LH_RL_ASYNC;
    l.rl.max_staleness = 10;
    l.inputs[0].push.transfer_s = 100;
    l.inputs[0].push.bytes = 1000;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK(r.weights.sent_bytes == 1000 && r.weights.received_bytes == 0);
    LH_CHECK(r.weights.in_flight_bytes == 1000);
}

/* Two replicas, a copy each; the first goes away at once, and stays away. */
static void bytes_are_lost_with_who_goes_away(void)
{
    struct loop l;
    busy_make(&l);
    l.inputs[0].replicas = 2;
    l.inputs[0].push.bytes = 2000;
    l.inputs[0].push.to_each = true;
    while (lh_rl_spell_s(l.input.seed, 1, 0, 1)
               < 1000 * lh_rl_spell_s(l.input.seed, 0, 0, 1)
           || lh_rl_spell_s(l.input.seed, 0, 1, 1) < 0.1)
        l.input.seed++;
    l.fleets[0].up_s = 0.05 / lh_rl_spell_s(l.input.seed, 0, 0, 1);
    l.fleets[0].down_s = 1e4;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK(r.departures == 1 && r.pushes == 2);
    LH_CHECK(r.weights.sent_bytes == 4000);
    LH_CHECK(r.weights.received_bytes == 2000 && r.weights.lost_bytes == 2000);
    l.inputs[0].push.to_each = false; /* one for both: the other has it */
    r = loop_run(&l);
    LH_CHECK(r.weights.received_bytes == 4000 && r.weights.lost_bytes == 0);
}

/* It is back after a second, and fetches them in another. */
static void bytes_are_fetched(void)
{
    struct loop l;
    busy_make(&l);
    l.inputs[0].replicas = 2;
    l.inputs[0].push.join_bytes = 700;
    l.inputs[0].push.join_s = 1;
    while (lh_rl_spell_s(l.input.seed, 1, 0, 1)
               < 1000 * lh_rl_spell_s(l.input.seed, 0, 0, 1)
           || lh_rl_spell_s(l.input.seed, 0, 2, 1)
                  < 1000 * lh_rl_spell_s(l.input.seed, 0, 0, 1))
        l.input.seed++;
    l.fleets[0].up_s = 0.05 / lh_rl_spell_s(l.input.seed, 0, 0, 1);
    l.fleets[0].down_s = 1 / lh_rl_spell_s(l.input.seed, 0, 1, 1);
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK(r.departures == 1 && r.weights.sent_bytes == 700);
    LH_CHECK(r.weights.received_bytes == 700);
    l.inputs[0].push.join_s = 1000; /* not before the end */
    r = loop_run(&l);
    LH_CHECK(r.weights.in_flight_bytes == 700 && r.weights.received_bytes == 0);
}

static void sees_a_byte_that_vanishes(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_rl_result out = {.weights = {.sent_bytes = 1e6,
                                           .received_bytes = 1e6 - 2,
                                           .lost_bytes = 1}};
    struct lh_rl_input input = {.n_fleets = 0};
    struct lh__loop l = {.in = &input, .ctx = &ctx, .out = &out};
    LH_CHECK(lh__push_check(&l) == LH_FAILED);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "internal: 1000000 bytes of weights were sent, but 999999 "
                  "are received, lost or in flight");
    out.weights.lost_bytes = 2;
    LH_CHECK(lh__push_check(&l) == LH_OK);
    lh_ctx_end(&ctx);
}

/* ---- of a scenario ----------------------------------------------------------
 */

/* Two accelerators compute for 0.1 s and exchange 2 GB over NICs of 20 GB/s,
 * 0.1 s; a push of 1 GB in 0.2 s leaves by one NIC at 5 GB/s: beside it they
 * exchange at 15 GB/s. */
static void shares_of_a_step(void)
{
    static const char two[] =
        "longhaul: 1\n"
        "model: {ideal: {layers: 10, parameters: 1e9, step_time: 100 ms}}\n"
        "training: {gradient_precision: bf16, stack: none}\n"
        "plan: {overlap: {gradients: false}}\n"
        "sites:\n"
        "  - {name: a, gpus: 2, device: h100-sxm, fabric: {name: switch,\n"
        "     nic_bandwidth: 160 Gbit/s, nic_latency: 0 s, "
        "switch_latency: 0 s}}\n";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_program program;
    struct lh_topology *t;
    struct lh_rl_fleet_input fleet = {.push = {.transfer_s = 0.2}};
    double copies = 1, flows = 1;
    int relay = -1;
    LH_REQUIRE(lh_scenario_read_text(&s, "t.yaml", two, strlen(two), ".", NULL,
                                     0, &ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&t, &s, &ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&program, &s, &ctx) == LH_OK);
    struct lh_sim_point point = {&s, &program, t};
    s.rl.n_fleets = 1;
    struct lh_rl_report report = {.scenario = &s,
                                  .fleets = &fleet,
                                  .push_bytes = 1e9,
                                  .copies = &copies,
                                  .flows = &flows,
                                  .relay = &relay};
    LH_REQUIRE(lh_rl_beside(&report, &point, &ctx) == LH_OK);
    LH_CHECK_NEAR(report.train_extra, (0.1 + 2.0 / 15) / 0.2 - 1, 1e-6);
    LH_CHECK(report.push_extra < 1e-6); /* it has all that it asks for */
    fleet.push.transfer_s = 0.05; /* 20 GB/s: half of it beside gradients */
    LH_REQUIRE(lh_rl_beside(&report, &point, &ctx) == LH_OK);
    LH_CHECK_NEAR(report.train_extra, 0.5, 1e-6);
    LH_CHECK_NEAR(report.push_extra, 20 / (4 / 0.3) - 1, 1e-6);
    lh_topology_free(t);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a push and training slow each other down", slow_each_other_down},
        {"two entries on their way", two_entries_on_their_way},
        {"weights that are always on their way", always_on_their_way},
        {"dates of an interval", dates_of_an_interval},
        {"an interval shorter than a push", an_interval_shorter_than_a_push},
        {"says that replicas go too soon", says_that_replicas_go_too_soon},
        {"bytes arrive", bytes_arrive},
        {"bytes are under way at the end", bytes_are_under_way_at_the_end},
        {"bytes are lost with who goes away",
         bytes_are_lost_with_who_goes_away},
        {"bytes are fetched by who comes back", bytes_are_fetched},
        {"sees a byte that vanishes", sees_a_byte_that_vanishes},
        {"shares of a step", shares_of_a_step},
    };
    return lh_unit_run("rl_push", tests, LH_COUNT(tests));
}
