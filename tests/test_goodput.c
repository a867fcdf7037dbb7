/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Goodput against arithmetic by hand, against the first-order formula of Young
 * where failures are rare, and against the run of Llama 3: 419 unexpected
 * interruptions in 54 days on 16,384 H100, more than 90 % effective time
 * (arXiv:2407.21783, table 5 and section 3.3.4).
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

/* sqrt(2 x 2 x 10000) = 200, x (1 + 0.01/3 + 0.0001/9), - 2. */
static void interval_is_dalys(void)
{
    LH_CHECK_NEAR(lh_checkpoint_interval(1e4, 2),
                  200 * (1 + 0.01 / 3 + 0.0001 / 9) - 2, 1e-14);
    LH_CHECK_NEAR(lh_checkpoint_interval(1e4, 3e4), 1e4, 0);
    LH_CHECK_NEAR(lh_checkpoint_interval(1e9, 2), sqrt(4e9), 1e-4);
}

/* 10^4 e^0.06 (e^0.0202 - 1) = 216.672.. s a cycle with 200 s of training. */
static void frac_is_dalys(void)
{
    double cycle_s = 1e4 * exp(0.06) * (exp(0.0202) - 1);

    LH_CHECK_NEAR(lh_goodput_frac(1e4, 200, 2, 600), 200 / cycle_s, 1e-12);
    LH_CHECK_NEAR(lh_goodput_frac(1e4, 200, 2, 600), 0.923054, 1e-6);
}

/* 1 - d/t - t/(2M) - R/M to first order. */
static void rare_failures_are_youngs(void)
{
    const double m = 1e8, t = 2e4, d = 2, after = 600;

    LH_CHECK_NEAR(1 - lh_goodput_frac(m, t, d, after),
                  d / t + t / (2 * m) + after / m, 2e-3);
    for (double other = 0.5; other < 3; other += 0.3)
        LH_CHECK(
            lh_goodput_frac(m, other * lh_checkpoint_interval(m, d), d, after)
            <= lh_goodput_frac(m, lh_checkpoint_interval(m, d), d, after));
}

/* ---- of a scenario ------------------------------------------------------- */

struct fixture {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_result result;
    struct lh_report report;
};

static void setup(struct fixture *f, const char *example,
                  const struct lh_setting *settings, int n)
{
    f->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_scenario_read(
                   &f->scenario,
                   lh_format(f->ctx.arena, LH_SRCDIR "/examples/%s", example),
                   settings, n, &f->ctx)
               == LH_OK);
    LH_REQUIRE(lh_program_build(&f->program, &f->scenario, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_topology_build(&f->topology, &f->scenario, &f->ctx) == LH_OK);
    f->result = (struct lh_result){.tokens_per_s = 1000};
    f->report = (struct lh_report){.scenario = &f->scenario,
                                   .program = &f->program,
                                   .topology = f->topology,
                                   .result = &f->result};
}

static void teardown(struct fixture *f)
{
    lh_topology_free(f->topology);
    lh_ctx_end(&f->ctx);
}

static void off_unless_asked_for(void)
{
    struct fixture f;
    struct lh_goodput g;

    setup(&f, "llama-8b-two-sites.yaml", NULL, 0);
    LH_CHECK(!lh_goodput_make(&g, &f.report));
    LH_CHECK(lh_diag_total(&f.ctx) == 0);
    teardown(&f);
}

/* 54 d x 16,384 / 419 = 50,678 h an accelerator; storage of 2 TB/s, restarts of
 * 10 min assumed.  405.9 G x 14 B / 2 TB/s = 2.84 s. */
static void llama_3_is_above_90_percent(void)
{
    const struct lh_setting settings[] = {{"reliability.mtbf", "50678 h"}};
    const double mtbf_s = 50678.0 * 3600 / 16384;
    struct fixture f;
    struct lh_goodput g;

    setup(&f, "llama-405b-16k-one-site.yaml", settings, 1);
    LH_REQUIRE(lh_goodput_make(&g, &f.report));
    LH_CHECK_NEAR(g.mtbf_s, mtbf_s, 1e-14);
    LH_CHECK_NEAR(g.mtbf_s / 3600, 3.09, 2e-3);
    LH_CHECK_NEAR(54 * 86400 / g.mtbf_s, 419, 1e-4);
    LH_CHECK_NEAR(g.checkpoint_bytes,
                  14.0 * (double)f.scenario.model.parameters, 0);
    LH_CHECK_NEAR(g.pause_s, 2.84, 1e-3);
    LH_CHECK(g.frac > 0.9 && g.frac < 0.95);
    LH_CHECK_NEAR(g.frac,
                  1 - g.pause_s / g.every_s - g.every_s / (2 * mtbf_s)
                      - g.restart_s / mtbf_s,
                  5e-3);
    LH_CHECK_NEAR(g.tokens_per_s, 1000 * g.frac, 1e-15);
    LH_CHECK_NEAR(g.coupled_frac, g.frac, 0);
    teardown(&f);
}

/* 128 accelerators, one of 1,000 km of fibre: 12.5 spans of 80 km. */
static void spans_fail_too(void)
{
    const struct lh_setting settings[] = {
        {"reliability.mtbf", "1000 d"},
        {"reliability.span_mtbf", "500 d"},
        {"reliability.span_length", "80 km"},
        {"reliability.checkpoint.every", "1 h"}};
    struct fixture f;
    struct lh_goodput g;

    setup(&f, "llama-8b-two-sites.yaml", settings, 4);
    LH_REQUIRE(lh_goodput_make(&g, &f.report));
    LH_CHECK_NEAR(g.spans, 12.5, 1e-12);
    LH_CHECK_NEAR(86400 / g.mtbf_s, 0.128 + 0.025, 1e-12);
    LH_CHECK_NEAR(g.every_s, 3600, 0);
    teardown(&f);
}

static void islands_fail_alone(void)
{
    const struct lh_setting settings[] = {{"reliability.mtbf", "100 d"},
                                          {"reliability.span_mtbf", "1 d"},
                                          {"reliability.islands", "2"}};
    struct fixture f;
    struct lh_goodput g;

    setup(&f, "llama-8b-two-sites.yaml", settings, 3);
    LH_REQUIRE(lh_goodput_make(&g, &f.report));
    LH_CHECK_NEAR(g.mtbf_s, 100 * 86400.0 / 64, 1e-14);
    LH_CHECK_NEAR(g.checkpoint_bytes,
                  28.0 * (double)f.scenario.model.parameters, 0);
    LH_CHECK(g.frac > g.coupled_frac);
    LH_CHECK_NEAR(g.frac,
                  lh_goodput_frac(g.mtbf_s,
                                  lh_checkpoint_interval(g.mtbf_s, g.pause_s),
                                  g.pause_s, g.restart_s),
                  1e-15);
    teardown(&f);
}

/* An island is a site where nothing else is said; in every step there is one. */
static void islands_are_those_that_agree(void)
{
    const struct lh_setting settings[] = {{"reliability.mtbf", "100 d"},
                                          {"sync.kind", "diloco"},
                                          {"sync.island", "8"}};
    struct fixture f;
    struct lh_goodput g;

    for (int n = 1; n <= 3; n++) {
        setup(&f, "llama-8b-two-sites.yaml", settings, (size_t)n);
        LH_REQUIRE(lh_goodput_make(&g, &f.report));
        LH_CHECK_NEAR(g.islands, n == 1 ? 1 : n == 2 ? 2 : 4, 0);
        teardown(&f);
    }
}

/* 1 TB: copied by 128 accelerators at 50 GB/s in 156.25 ms, written at 10 GB/s
 * in 100 s. */
static void asynchronous_ones_pause_for_the_copy(void)
{
    const struct lh_setting settings[] = {
        {"reliability.mtbf", "1000 d"},
        {"reliability.checkpoint.size", "1 TB"},
        {"reliability.checkpoint.bandwidth", "10 GB/s"},
        {"reliability.checkpoint.mode", "asynchronous"},
        {"reliability.restart", "5 min"}};
    struct fixture f;
    struct lh_goodput g;

    setup(&f, "llama-8b-two-sites.yaml", settings, 5);
    LH_REQUIRE(lh_goodput_make(&g, &f.report));
    LH_CHECK_NEAR(g.pause_s, 0.15625, 1e-14);
    LH_CHECK_NEAR(g.write_s, 100, 1e-14);
    LH_CHECK_NEAR(g.restart_s, 300 + 100, 1e-14);
    LH_CHECK(g.every_s >= g.write_s);
    f.result.step_time_s = 5000; /* no checkpoint within a step */
    LH_REQUIRE(lh_goodput_make(&g, &f.report));
    LH_CHECK_NEAR(g.every_s, 5000, 0);
    LH_CHECK_NEAR(
        g.frac, lh_goodput_frac(1000 * 86400.0 / 128, g.every_s, 0.15625, 500),
        1e-14);
    teardown(&f);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"the interval is Daly's", interval_is_dalys},
        {"goodput is Daly's", frac_is_dalys},
        {"where failures are rare it is Young's", rare_failures_are_youngs},
        {"it is off unless asked for", off_unless_asked_for},
        {"Llama 3 is above 90 %", llama_3_is_above_90_percent},
        {"spans of fibre fail too", spans_fail_too},
        {"islands fail alone", islands_fail_alone},
        {"islands are those that agree", islands_are_those_that_agree},
        {"asynchronous checkpoints pause for the copy",
         asynchronous_ones_pause_for_the_copy},
    };

    return lh_unit_run("goodput", tests, LH_COUNT(tests));
}
