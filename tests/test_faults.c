/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Faults and background (docs/model.md, "Faults"): schedules made from a
 * scenario, and steps whose difference to the healthy step is known by hand:
 * a straggler lengthens a step without overlap by its extra compute, an outage
 * in the middle of the exchange by its length, one beside it by nothing.
 * That folded and unfolded steps agree is tests/test_fold.c's.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "fake_engine.h"
#include "unit.h"

#include "../sim/exec.h"
#include "../sim/place.h"

/* 8 replicas of one accelerator each; the gradients are exchanged behind the
 * computation.  Two sites of four: over a fibre that is the bottleneck. */
#define HEAD                                                                   \
    "longhaul: 1\nmodel: llama-3.1-8b\n"                                       \
    "training: {global_batch: 16, sequence_length: 2048}\n"                    \
    "plan: {overlap: {gradients: false}}\n"
#define ONE_SITE "sites: [{name: a, gpus: 8, device: h100-sxm}]\n"
#define TWO_SITES                                                              \
    "sites:\n  - {name: a, gpus: 4, device: h100-sxm}\n"                       \
    "  - {name: b, gpus: 4, device: h100-sxm}\n"                               \
    "fibres: [{between: [a, b], length: 100 km, bandwidth: 100 Gbit/s}]\n"
/* Dated, and in vain: the step from rest as it is without faults. */
#define IN_VAIN "faults: [{rank: 0, slowdown: 1, at: 1 s}]\n"

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_point point;
    struct lh_trace trace;
    struct lh_result result;
};

static enum lh_status build(struct run *r, const char *text)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    enum lh_status st = lh_scenario_read_text(
        &r->scenario, "t.yaml", text, strlen(text), ".", NULL, 0, &r->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&r->topology, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_build(&r->program, &r->scenario, &r->ctx);
    r->point = (struct lh_sim_point){&r->scenario, &r->program, r->topology};
    return st;
}

static void end(struct run *r)
{
    lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}

static void run_it(struct run *r, const char *text)
{
    enum lh_status st = build(r, text);
    if (st == LH_OK)
        st = lh_sim_run(&r->trace, &r->point, &r->ctx);
    if (st == LH_OK)
        st = lh_result_make(&r->result, &r->trace, &r->program, r->topology,
                            &r->ctx);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&r->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
}

static double step_s(const char *text)
{
    struct run r;
    run_it(&r, text);
    double s = r.result.step_time_s;
    end(&r);
    return s;
}

/* What a rank computes in a step at speed 1. */
static double compute_s(const struct run *r)
{
    const struct lh_template *t = &r->program.templates[0];
    double sum_s = 0;
    for (int32_t o = 0; o < t->n_ops; o++)
        sum_s += t->ops[o].kind == LH_OP_COMPUTE ? t->ops[o].seconds : 0;
    return sum_s;
}

/* The time at which the exchange over the fibre is half over. */
static double mid_exchange_s(const struct run *r)
{
    double first_s = INFINITY, last_s = 0;
    for (int64_t i = 0; i < r->trace.n_records; i++) {
        int32_t g = r->trace.group[i];
        if (g < 0 || !r->trace.group_wan[g]
            || r->program.comms[r->trace.group_comm[g]].bytes < 1e6)
            continue;
        first_s = fmin(first_s, r->trace.start_s[i]);
        last_s = fmax(last_s, r->trace.end_s[i]);
    }
    return (first_s + last_s) / 2;
}

/* ---- schedules ------------------------------------------------------------
 */

static void faults_of(struct lh__faults *out, struct run *r, const char *text)
{
    LH_REQUIRE(build(r, text) == LH_OK);
    LH_REQUIRE(lh__faults_make(out, &r->point, &r->ctx) == LH_OK);
}

static lh_link link_called(const struct run *r, const char *name)
{
    for (lh_link l = 0; l < lh_topology_link_count(r->topology); l++) {
        if (strcmp(lh_topology_link_at(r->topology, l).name, name) == 0)
            return l;
    }
    return -1;
}

static void check_schedule(const struct lh__faults *f, int32_t id,
                           const struct lh__change *wanted, int32_t n)
{
    LH_REQUIRE(id >= 0 && id < f->n_schedules);
    const struct lh__schedule *s = &f->schedules[id];
    LH_REQUIRE(s->n == n);
    for (int32_t i = 0; i < n; i++) {
        LH_CHECK_NEAR(s->changes[i].at_s, wanted[i].at_s, 1e-15);
        LH_CHECK_NEAR(s->changes[i].value, wanted[i].value, 1e-15);
    }
}

static void no_faults_are_none(void)
{
    struct run r;
    struct lh__faults f;
    faults_of(&f, &r, HEAD TWO_SITES);
    LH_CHECK(f.n_ranks == 0 && f.n_links == 0 && f.n_schedules == 0);
    LH_CHECK(!f.dated);
    LH_CHECK(lh__faults_rank(&f, 0) == -1 && lh__faults_link(&f, 0) == -1);
    end(&r);
}

static void faults_of_a_rank_follow_each_other(void)
{
    static const struct lh__change wanted[] = {
        {0, 1}, {1, 0.5}, {3, 0.25}, {3.5, 1}, {5, 0.8}};
    struct run r;
    struct lh__faults f;
    faults_of(&f, &r,
              HEAD ONE_SITE "faults:\n"
                            "  - {rank: 3, slowdown: 4, at: 3 s, for: 0.5 s}\n"
                            "  - {rank: 3, slowdown: 2, at: 1 s, for: 2 s}\n"
                            "  - {rank: 3, slowdown: 1.25, at: 5 s}\n");
    LH_CHECK(f.dated);
    LH_CHECK(f.n_ranks == 1);
    check_schedule(&f, lh__faults_rank(&f, 3), wanted, LH_COUNT(wanted));
    LH_CHECK(lh__faults_rank(&f, 2) == -1);
    LH_CHECK(lh__faults_rank(&f, 4) == -1);
    end(&r);
}

static void equal_schedules_are_one(void)
{
    static const struct lh__change twice[] = {{0, 0.5}};
    struct run r;
    struct lh__faults f;
    faults_of(&f, &r,
              HEAD ONE_SITE "faults:\n"
                            "  - {rank: 6, slowdown: 2}\n"
                            "  - {rank: 1, slowdown: 2}\n"
                            "  - {rank: 4, slowdown: 3}\n"
                            "  - {rank: 5, slowdown: 1}\n");
    LH_CHECK(!f.dated);
    LH_CHECK(f.n_ranks == 3); /* rank 5 is nominal */
    LH_CHECK(f.n_schedules == 2);
    LH_CHECK(lh__faults_rank(&f, 6) == lh__faults_rank(&f, 1));
    LH_CHECK(lh__faults_rank(&f, 6) != lh__faults_rank(&f, 4));
    LH_CHECK(lh__faults_rank(&f, 5) == -1);
    check_schedule(&f, lh__faults_rank(&f, 1), twice, LH_COUNT(twice));
    end(&r);
}

/* Background is taken off what the fault leaves; in units of Gbit/s. */
static void background_adds_up(void)
{
    static const double G = 1e9 / 8;
    const struct lh__change there[] = {{0, 90 * G}, {1, 70 * G}, {2, 20 * G},
                                       {3, 0},      {4, 70 * G}, {5, 90 * G}};
    const struct lh__change back[] = {{0, 90 * G}, {3, 0}, {4, 90 * G}};
    struct run r;
    struct lh__faults f;
    faults_of(
        &f, &r,
        HEAD TWO_SITES
        "faults:\n"
        "  - {link: 'fibre a->b', capacity: 50 Gbit/s, at: 2 s, for: 1 s}\n"
        "  - {between: [b, a], capacity: 0, at: 3 s, for: 1 s}\n"
        "background:\n"
        "  - {between: [a, b], bandwidth: 10 Gbit/s}\n"
        "  - {link: 'fibre a->b', bandwidth: 20 Gbit/s, at: 1 s, for: 4 s}\n");
    LH_CHECK(f.n_links == 2);
    check_schedule(&f, lh__faults_link(&f, link_called(&r, "fibre a->b")),
                   there, LH_COUNT(there));
    check_schedule(&f, lh__faults_link(&f, link_called(&r, "fibre b->a")), back,
                   LH_COUNT(back));
    end(&r);
}

static void work_is_the_integral_of_speed(void)
{
    struct lh__change changes[] = {{0, 1}, {1, 0.5}, {3, 0.25}, {7, 2}};
    struct lh__schedule s = {LH_COUNT(changes), changes};
    struct lh__schedule constant = {1, &changes[3]};
    LH_CHECK_NEAR(lh__schedule_end(&s, 0, 0.5), 0.5, 0);
    LH_CHECK_NEAR(lh__schedule_end(&s, 0, 1), 1, 0);
    LH_CHECK_NEAR(lh__schedule_end(&s, 0, 1.5), 2, 0);
    LH_CHECK_NEAR(lh__schedule_end(&s, 0.5, 4.5), 8, 0);
    LH_CHECK_NEAR(lh__schedule_end(&s, 1, 0.5), 2, 0);
    LH_CHECK_NEAR(lh__schedule_end(&s, 2.5, 0), 2.5, 0);
    LH_CHECK_NEAR(lh__schedule_end(&s, 9, 1), 9.5, 0);
    LH_CHECK_NEAR(lh__schedule_end(&constant, 3, 1), 3.5, 0);
    LH_CHECK_NEAR(lh__schedule_most(&s), 2, 0);
}

/* ---- stragglers ------------------------------------------------------------
 */

static void a_straggler_costs_its_extra_compute(void)
{
    struct run healthy, slow;
    run_it(&healthy, HEAD ONE_SITE);
    run_it(&slow, HEAD ONE_SITE "faults: [{rank: 5, slowdown: 2}]\n");
    double extra_s = compute_s(&healthy);
    const double *b = healthy.result.breakdown_s, *c = slow.result.breakdown_s;
    LH_CHECK(slow.result.steady && !slow.result.from_rest);
    LH_CHECK(extra_s > 0.1);
    LH_CHECK_NEAR(slow.result.step_time_s - healthy.result.step_time_s, extra_s,
                  1e-9);
    /* Seven wait for the eighth, who computes, and waits for chance as well. */
    LH_CHECK_NEAR(c[LH_WAIT] - b[LH_WAIT], extra_s * 7 / 8 + b[LH_WAIT] / 8,
                  1e-9);
    LH_CHECK_NEAR(c[LH_DATA_COMM], b[LH_DATA_COMM], 1e-9);
    LH_CHECK_NEAR(c[LH_COMPUTE], b[LH_COMPUTE] * 9 / 8, 1e-9);
    LH_CHECK_NEAR(slow.result.bound.compute_s,
                  2 * healthy.result.bound.compute_s, 1e-12);
    end(&healthy);
    end(&slow);
}

/* For half a second a rank does half the work: a quarter is missing. */
static void a_dated_straggler_is_slow_for_its_time(void)
{
    double healthy_s, chance_s, waited_s;
    struct run r, healthy;
    run_it(&healthy, HEAD ONE_SITE IN_VAIN);
    healthy_s = healthy.result.step_time_s;
    chance_s = healthy.result.breakdown_s[LH_WAIT];
    run_it(&r, HEAD ONE_SITE
           "faults: [{rank: 2, slowdown: 2, at: 20 ms, for: 0.1 s}]\n");
    waited_s = r.result.breakdown_s[LH_WAIT] - chance_s;
    LH_CHECK(r.result.from_rest && !r.result.steady);
    LH_CHECK(r.result.steps_simulated == 1);
    LH_CHECK_NEAR(r.result.step_time_s - healthy_s, 0.05, 1e-9);
    LH_CHECK(waited_s > 0.05 * 7 / 8 && waited_s < 0.0505 * 7 / 8);
    LH_CHECK_NEAR(step_s(HEAD ONE_SITE
                         "faults:\n"
                         "  - {rank: 2, slowdown: 2, at: 20 ms, for: 100 ms}\n"
                         "  - {rank: 3, slowdown: 2, at: 50 ms, for: 60 ms}\n"),
                  r.result.step_time_s, 1e-12);
    end(&healthy);
    end(&r);
}

/* Without overlap nothing is left of a step at its end, so that the steady
 * step is one from rest; faults behind its end change nothing. */
static void a_step_from_rest_is_the_steady_one(void)
{
    double steady_s = step_s(HEAD TWO_SITES);
    LH_CHECK_NEAR(step_s(HEAD TWO_SITES IN_VAIN), steady_s, 1e-12);
    LH_CHECK_NEAR(step_s(HEAD TWO_SITES
                         "faults:\n"
                         "  - {rank: 1, slowdown: 9, at: 1 h, for: 1 h}\n"
                         "  - {between: [a, b], capacity: 0, at: 1 h, for: "
                         "1 h}\n"),
                  steady_s, 1e-12);
}

/* With ZeRO-1 the weights are gathered after the optimizer: a step from rest
 * ends with that, for all ranks. */
static void a_step_from_rest_ends_with_its_last_operation(void)
{
    struct run r;
    run_it(&r, "longhaul: 1\nmodel: llama-3.1-8b\n"
               "training: {global_batch: 16, sequence_length: 2048}\n"
               "plan: {zero: 1}\n" ONE_SITE
               "faults: [{rank: 0, slowdown: 1.5, at: 10 ms}]\n");
    double last_s = 0, optimizer_s = 0;
    for (int32_t c = 0; c < r.trace.n_classes; c++) {
        const struct lh_template *t =
            &r.program.templates[r.trace.class_template[c]];
        for (int64_t i = r.trace.class_first[c]; i < r.trace.class_first[c + 1];
             i++) {
            last_s = fmax(last_s, r.trace.end_s[i]);
            if (t->ops[i - r.trace.class_first[c]].task == LH_TASK_OPTIMIZER)
                optimizer_s = fmax(optimizer_s, r.trace.end_s[i]);
        }
    }
    LH_CHECK(last_s > optimizer_s * (1 + 1e-6));
    LH_CHECK_NEAR(r.result.step_time_s, last_s, 1e-15);
    LH_CHECK(r.result.breakdown_s[LH_DATA_COMM] >= last_s - optimizer_s);
    end(&r);
}

/* ---- links -----------------------------------------------------------------
 */

static void less_capacity_is_as_a_thinner_fibre(void)
{
    double half_s =
        step_s(HEAD "sites:\n  - {name: a, gpus: 4, device: h100-sxm}\n"
                    "  - {name: b, gpus: 4, device: h100-sxm}\n"
                    "fibres: [{between: [a, b], length: 100 km, bandwidth: "
                    "50 Gbit/s}]\n");
    LH_CHECK(half_s > 1.2 * step_s(HEAD TWO_SITES));
    LH_CHECK_NEAR(step_s(HEAD TWO_SITES
                         "faults: [{between: [a, b], capacity: 50 Gbit/s}]\n"),
                  half_s, 1e-12);
    LH_CHECK_NEAR(
        step_s(HEAD TWO_SITES
               "background: [{between: [b, a], bandwidth: 50 Gbit/s}]\n"),
        half_s, 1e-12);
    /* An all-reduce needs both directions alike. */
    LH_CHECK_NEAR(
        step_s(HEAD TWO_SITES
               "faults: [{link: 'fibre b->a', capacity: 50 Gbit/s}]\n"),
        half_s, 1e-12);
}

static const char *with_cut(struct run *r, double at_s, const char *capacity,
                            const char *more)
{
    return lh_format(r->ctx.arena,
                     HEAD TWO_SITES "faults: [{between: [a, b], at: %.17g s, "
                                    "for: 1 s, capacity: %s}]\n%s",
                     at_s, capacity, more);
}

static void an_outage_in_the_exchange_costs_its_length(void)
{
    struct run healthy, cut;
    run_it(&healthy, HEAD TWO_SITES IN_VAIN);
    double mid_s = mid_exchange_s(&healthy);
    double step = healthy.result.step_time_s;
    LH_REQUIRE(isfinite(mid_s) && mid_s > 1.1);
    run_it(&cut, with_cut(&healthy, mid_s, "0", ""));
    LH_CHECK_NEAR(cut.result.step_time_s - step, 1, 1e-9);
    LH_CHECK_NEAR(cut.result.breakdown_s[LH_WAN_COMM]
                      - healthy.result.breakdown_s[LH_WAN_COMM],
                  1, 1e-9);
    /* At half the capacity half as much is missing. */
    LH_CHECK_NEAR(step_s(with_cut(&healthy, mid_s, "50 Gbit/s", "")) - step,
                  0.5, 1e-9);
    /* Before the exchange it is not felt. */
    LH_REQUIRE(compute_s(&healthy) > 0.15);
    LH_CHECK_NEAR(step_s(HEAD TWO_SITES "faults: [{between: [a, b], at: 10 ms, "
                                        "for: 100 ms, capacity: 0}]\n"),
                  step, 1e-12);
    end(&cut);
    end(&healthy);
}

/* Where the exchange starts in the outage it waits for its end. */
static void what_starts_in_an_outage_waits(void)
{
    struct run healthy, late, cut;
    run_it(&healthy, HEAD TWO_SITES IN_VAIN);
    double step = healthy.result.step_time_s;
    double start_s = INFINITY;
    for (int64_t i = 0; i < healthy.trace.n_records; i++) {
        if (healthy.trace.group[i] >= 0)
            start_s = fmin(start_s, healthy.trace.start_s[i]);
    }
    /* Latency passes in the outage as well. */
    run_it(&cut, with_cut(&healthy, start_s - 0.25, "0", ""));
    LH_CHECK(cut.result.step_time_s - step <= 0.75);
    LH_CHECK(cut.result.step_time_s - step > 0.74);
    run_it(&late,
           with_cut(&healthy, start_s - 0.25, "0", "engine: {fold: off}\n"));
    LH_CHECK_NEAR(late.result.step_time_s, cut.result.step_time_s, 1e-12);
    end(&late);
    end(&cut);
    end(&healthy);
}

/* The same outage on the fake engine, whose capacity is 0 indeed. */
static void simgrid_agrees_with_the_fake_engine(void)
{
    struct run healthy, cut;
    run_it(&healthy, HEAD TWO_SITES IN_VAIN);
    run_it(&cut, with_cut(&healthy, mid_exchange_s(&healthy), "0", ""));
    struct lh_ctx *ctx = &cut.ctx;
    struct lh__placed placed;
    struct lh_engine engine;
    LH_REQUIRE(lh__place(&placed, &cut.point, ctx) == LH_OK);
    LH_REQUIRE(fake_engine_open(&engine, placed.n_engine_links,
                                placed.engine_capacity, ctx)
               == LH_OK);
    for (int32_t i = 0; i < placed.n_shapes; i++)
        (void)fake_engine_channel(&engine, &placed.channels[i]);
    size_t n = (size_t)placed.n_records;
    struct lh__exec_output out = {
        .posted_s = LH_NEW(ctx->arena, double, n),
        .start_s = LH_NEW(ctx->arena, double, n),
        .end_s = LH_NEW(ctx->arena, double, n),
        .late = LH_NEW(ctx->arena, int64_t, n),
        .class_begin_s = LH_NEW(ctx->arena, double, placed.n_classes),
        .class_end_s = LH_NEW(ctx->arena, double, placed.n_classes)};
    struct lh__exec_options options = {.steps_max = LH__STEPS_MAX};
    LH_REQUIRE(lh__exec_run(&out, &placed, &engine, &options, ctx) == LH_OK);
    LH_CHECK(out.steps == 1 && !out.steady);
    for (size_t r = 0; r < n; r++)
        LH_CHECK_NEAR(out.end_s[r], cut.trace.end_s[r], 1e-12);
    lh__incidence_free(&placed.incidence);
    end(&cut);
    end(&healthy);
}

/* Message by message nothing passes either, and all else goes on. */
static void messages_wait_for_the_fibre(void)
{
    struct run healthy, cut;
    run_it(&healthy,
           HEAD TWO_SITES IN_VAIN "engine: {collectives: messages}\n");
    run_it(&cut, with_cut(&healthy, mid_exchange_s(&healthy), "0",
                          "engine: {collectives: messages}\n"));
    double longer_s = cut.result.step_time_s - healthy.result.step_time_s;
    LH_CHECK(longer_s > 0.99 && longer_s < 1 + 1e-9);
    end(&cut);
    end(&healthy);
}

/* ---- folding ---------------------------------------------------------------
 */

/* The healthy rail fabric folds into one class of ranks a rail and site; a
 * straggler tells apart as many classes of 64 ranks a site as of 256, and two
 * at like places of two nodes no more than their two replicas. */
static int32_t classes_of(int gpus, const char *faults)
{
    struct run r;
    struct lh_ctx ctx = lh_ctx_begin();
    run_it(&r, lh_format(ctx.arena,
                         "longhaul: 1\nmodel: llama-3.1-8b\n"
                         "training: {sequence_length: 2048}\n"
                         "plan: {tensor: 4, overlap: {gradients: false}}\n"
                         "sites:\n"
                         "  - {name: a, gpus: %d, device: h100-sxm}\n"
                         "  - {name: b, gpus: %d, device: h100-sxm}\n"
                         "fibres: [{between: [a, b], length: 100 km}]\n%s",
                         gpus, gpus, faults));
    int32_t n = r.trace.n_classes;
    end(&r);
    lh_ctx_end(&ctx);
    return n;
}

static void a_straggler_folds(void)
{
    static const char one[] = "faults: [{rank: 5, slowdown: 1.5}]\n";
    int32_t healthy = classes_of(64, ""), slow = classes_of(64, one);
    LH_CHECK(slow > healthy);
    LH_CHECK(slow <= 4 * healthy);
    LH_CHECK(classes_of(256, one) == slow);
    LH_CHECK(classes_of(256, "faults: [{rank: 5, slowdown: 1.5}, "
                             "{rank: 13, slowdown: 1.5}]\n")
             == slow);
}

/* A fold that does not see the faults is refused by the check. */
static bool blind_fold_is_refused(const char *faults)
{
    static const struct lh__faults none = {0};
    struct run r;
    struct lh__incidence in, blind;
    struct lh__fold right, wrong;
    LH_REQUIRE(build(&r, faults) == LH_OK);
    LH_REQUIRE(lh__incidence_build(&in, &r.point, true, &r.ctx) == LH_OK);
    blind = in;
    blind.faults = &none;
    lh__fold_refine(&right, &in, &r.ctx);
    lh__fold_refine(&wrong, &blind, &r.ctx);
    wrong.in = &in;
    LH_CHECK(lh__fold_check(&right, &r.ctx) == LH_OK);
    bool refused = lh__fold_check(&wrong, &r.ctx) == LH_FAILED;
    lh__incidence_free(&in);
    end(&r);
    return refused;
}

static void folds_see_faults(void)
{
    LH_CHECK(blind_fold_is_refused(
        HEAD TWO_SITES "faults: [{rank: 3, slowdown: 2, at: 1 s}]\n"));
    LH_CHECK(blind_fold_is_refused(HEAD TWO_SITES
                                   "faults: [{link: 'a/node0/gpu1->leaf1', "
                                   "capacity: 1 Gbit/s}]\n"));
    LH_CHECK(!blind_fold_is_refused(HEAD TWO_SITES));
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"no faults are none", no_faults_are_none},
        {"faults of a rank follow each other",
         faults_of_a_rank_follow_each_other},
        {"equal schedules are one", equal_schedules_are_one},
        {"background adds up", background_adds_up},
        {"work is the integral of speed", work_is_the_integral_of_speed},
        {"a straggler costs its extra compute",
         a_straggler_costs_its_extra_compute},
        {"a dated straggler is slow for its time",
         a_dated_straggler_is_slow_for_its_time},
        {"a step from rest is the steady one",
         a_step_from_rest_is_the_steady_one},
        {"a step from rest ends with its last operation",
         a_step_from_rest_ends_with_its_last_operation},
        {"less capacity is as a thinner fibre",
         less_capacity_is_as_a_thinner_fibre},
        {"an outage in the exchange costs its length",
         an_outage_in_the_exchange_costs_its_length},
        {"what starts in an outage waits", what_starts_in_an_outage_waits},
        {"SimGrid agrees with the fake engine",
         simgrid_agrees_with_the_fake_engine},
        {"messages wait for the fibre", messages_wait_for_the_fibre},
        {"a straggler folds", a_straggler_folds},
        {"folds see faults", folds_see_faults},
    };

    return lh_unit_run("faults", tests, LH_COUNT(tests));
}
