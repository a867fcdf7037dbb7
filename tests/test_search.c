/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The search of `solve` on formulas instead of simulations: the edge is where
 * the formula says, to the resolution; whole numbers and lists are searched as
 * such; what is never reached, reached everywhere, without effect or not
 * monotone is said to be so.  And how targets are read.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

struct fixture {
    struct lh_ctx ctx;
    struct lh_search search;
    struct lh_solution solution;
};

/* Searches vary_text for the target on a figure that is f(value). */
static void solve(struct fixture *f, const char *vary_text, const char *target,
                  double resolution, double (*figure)(double))
{
    double values[LH_SEARCH_ROUND];
    struct lh_vary vary;
    struct lh_target t;
    int n;

    f->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_vary_read(&vary, vary_text, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_target_read(&t, target, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_search_begin(&f->search, &vary, &t, resolution, &f->ctx)
               == LH_OK);
    while ((n = lh_search_next(&f->search, values)) > 0) {
        LH_REQUIRE(n <= LH_SEARCH_ROUND && f->search.n_trials < 100);
        for (int i = 0; i < n; i++) {
            struct lh_trial trial = {.value = values[i],
                                     .figure = figure(values[i])};
            lh_search_add(&f->search, &trial);
        }
    }
    lh_search_solution(&f->solution, &f->search);
}

/* The same from a guess; how many values it takes. */
static int solve_near(struct fixture *f, double near, const char *vary_text,
                      const char *target, double (*figure)(double))
{
    double values[LH_SEARCH_ROUND];
    struct lh_vary vary;
    struct lh_target t;
    int n;

    f->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_vary_read(&vary, vary_text, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_target_read(&t, target, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_search_begin(&f->search, &vary, &t, 0.01, &f->ctx) == LH_OK);
    f->search.near = near;
    while ((n = lh_search_next(&f->search, values)) > 0) {
        LH_REQUIRE(n <= 2 && f->search.n_trials < 100);
        for (int i = 0; i < n; i++) {
            struct lh_trial trial = {.value = values[i],
                                     .figure = figure(values[i])};
            LH_CHECK(values[i] >= vary.lo && values[i] <= vary.hi);
            lh_search_add(&f->search, &trial);
        }
    }
    lh_search_solution(&f->solution, &f->search);
    return f->search.n_trials;
}

/* 400 MB over the fibre beside 1 s of compute: 0.95 at 400 MB x 19 / s. */
static double of_bandwidth(double bytes_per_s)
{
    return 1 / (1 + 4e8 / bytes_per_s);
}

/* 2 s, and 10 us a km: 2.05 s at 5000 km. */
static double of_length(double metres)
{
    return 2 + metres / 1e3 * 1e-5;
}

static double of_count(double n)
{
    return n <= 37 ? 1 : 0.9;
}

static double constant(double unused)
{
    (void)unused;
    return 0.5;
}

/* Good from 2 on, but not from 4 to 8. */
static double with_a_gap(double n)
{
    return n >= 2 && (n < 4 || n > 8) ? 0.9 + n / 1e5 : 0.1;
}

/* Even numbers are refused. */
static double sometimes_refused(double n)
{
    return fmod(n, 2) == 0 ? (double)NAN : n;
}

static void finds_the_smallest(void)
{
    const double exact = 19 * 4e8; /* 60.8 Gbit/s */
    struct fixture f;

    solve(&f, "fibres[0].bandwidth", "efficiency >= 0.95", 0.01, of_bandwidth);
    LH_CHECK(f.solution.reached && f.solution.smallest && f.solution.monotone);
    LH_CHECK(f.solution.answer.value >= exact);
    LH_CHECK_NEAR(f.solution.answer.value, exact, 0.01);
    LH_CHECK(f.solution.beyond.value < exact);
    LH_CHECK(f.search.n_trials <= 25);
    lh_ctx_end(&f.ctx);
}

static void keeps_to_the_resolution(void)
{
    struct fixture f;

    solve(&f, "fibres[0].bandwidth=1..1000 Gbit/s", "efficiency >= 95 %", 1e-6,
          of_bandwidth);
    LH_CHECK_NEAR(f.solution.answer.value, 19 * 4e8, 1e-6);
    lh_ctx_end(&f.ctx);
}

static void finds_the_largest(void)
{
    struct fixture f;

    solve(&f, "fibres[0].length", "step_time_s <= 2.05 s", 0.01, of_length);
    LH_CHECK(f.solution.reached && !f.solution.smallest);
    LH_CHECK(f.solution.answer.value <= 5e6);
    LH_CHECK_NEAR(f.solution.answer.value, 5e6, 0.01);
    LH_CHECK(f.solution.beyond.value > 5e6);
    lh_ctx_end(&f.ctx);
}

static void whole_numbers_are_exact(void)
{
    struct fixture f;

    solve(&f, "training.micro_batch=1..100000", "mfu >= 0.95", 0.5, of_count);
    LH_CHECK_NEAR(f.solution.answer.value, 37, 0);
    LH_CHECK_NEAR(f.solution.beyond.value, 38, 0);
    lh_ctx_end(&f.ctx);
}

static void lists_are_searched_by_place(void)
{
    struct fixture f;

    solve(&f, "training.micro_batch=8..800:+8", "mfu >= 0.95", 0.01, of_count);
    LH_CHECK_NEAR(f.solution.answer.value, 32, 0);
    LH_CHECK_NEAR(f.solution.beyond.value, 40, 0);
    for (int i = 0; i < f.search.n_trials; i++)
        LH_CHECK_NEAR(fmod(f.search.trials[i].value, 8), 0, 0);
    lh_ctx_end(&f.ctx);
}

/* Where a time is linear in 1/x or x a line finds the edge at once. */
static void lines_find_the_edge(void)
{
    struct fixture f;

    solve(&f, "fibres[0].bandwidth", "efficiency >= 0.95", 0.01, of_bandwidth);
    LH_CHECK(f.search.n_trials <= 9 + 2);
    lh_ctx_end(&f.ctx);
    solve(&f, "fibres[0].length=1..20000 km", "step_time_s <= 2.05 s", 0.01,
          of_length);
    LH_CHECK(f.search.n_trials <= 9 + 2);
    lh_ctx_end(&f.ctx);
}

static void begins_near_a_guess(void)
{
    const double exact = 19 * 4e8;
    struct fixture f;

    LH_CHECK(solve_near(&f, exact, "fibres[0].bandwidth", "efficiency >= 0.95",
                        of_bandwidth)
             == 2);
    LH_CHECK_NEAR(f.solution.answer.value, exact, 0.01);
    lh_ctx_end(&f.ctx);
    for (double far = 1e-4; far < 1e5; far *= 1e4) {
        LH_CHECK(solve_near(&f, exact * far, "fibres[0].bandwidth",
                            "efficiency >= 0.95", of_bandwidth)
                 <= 12);
        LH_CHECK(f.solution.reached && !f.solution.everywhere);
        LH_CHECK(f.solution.answer.value >= exact);
        LH_CHECK_NEAR(f.solution.answer.value, exact, 0.01);
        lh_ctx_end(&f.ctx);
    }
    solve_near(&f, 100, "training.micro_batch=1..100000", "mfu >= 0.95",
               of_count);
    LH_CHECK_NEAR(f.solution.answer.value, 37, 0);
    LH_CHECK_NEAR(f.solution.beyond.value, 38, 0);
    lh_ctx_end(&f.ctx);
}

/* Never, everywhere, without effect: as well from a guess. */
static void goes_to_the_ends_from_a_guess(void)
{
    struct fixture f;

    solve_near(&f, 1e9, "fibres[0].bandwidth", "efficiency >= 1.5",
               of_bandwidth);
    LH_CHECK(!f.solution.reached);
    LH_CHECK_NEAR(f.solution.best.value, f.search.vary.hi, 0);
    lh_ctx_end(&f.ctx);
    solve_near(&f, 5e4, "fibres[0].length=1..100 km", "step_time_s <= 2.05 s",
               of_length);
    LH_CHECK(f.solution.everywhere);
    LH_CHECK_NEAR(f.solution.answer.value, 1e5, 0);
    lh_ctx_end(&f.ctx);
    solve_near(&f, 5e4, "fibres[0].length=1..100 km", "mfu >= 0.6", constant);
    LH_CHECK(!f.solution.reached && !f.solution.has_effect);
    LH_CHECK_NEAR(f.search.trials[0].value, 1e3, 0);
    LH_CHECK_NEAR(f.search.trials[f.search.n_trials - 1].value, 1e5, 0);
    lh_ctx_end(&f.ctx);
}

static void says_what_is_never_reached(void)
{
    struct fixture f;

    solve(&f, "fibres[0].bandwidth=1..1000 kbit/s", "efficiency >= 0.95", 0.01,
          of_bandwidth);
    LH_CHECK(!f.solution.reached);
    LH_CHECK_NEAR(f.solution.best.value, 125e3, 0);
    LH_CHECK(f.search.n_trials == 9);
    lh_ctx_end(&f.ctx);
}

static void says_what_is_always_reached(void)
{
    struct fixture f;

    solve(&f, "fibres[0].length=0..100 km", "step_time_s <= 2.05 s", 0.01,
          of_length);
    LH_CHECK(f.solution.reached && f.solution.everywhere);
    LH_CHECK_NEAR(f.solution.answer.value, 1e5, 0);
    LH_CHECK(f.solution.has_effect);
    lh_ctx_end(&f.ctx);
    solve(&f, "fibres[0].length=0..100 km", "mfu >= 0.4", 0.01, constant);
    LH_CHECK(f.solution.everywhere && !f.solution.has_effect);
    lh_ctx_end(&f.ctx);
}

static void says_what_is_not_monotone(void)
{
    struct fixture f;

    solve(&f, "training.micro_batch=1..64", "mfu >= 0.5", 0.01, with_a_gap);
    LH_CHECK(f.solution.reached && !f.solution.monotone);
    LH_CHECK_NEAR(f.solution.answer.value, 9, 0);
    LH_CHECK(f.solution.breaks[0].value < f.solution.breaks[1].value);
    LH_CHECK(f.solution.breaks[0].figure > f.solution.breaks[1].figure);
    lh_ctx_end(&f.ctx);
}

static void refused_values_are_passed_over(void)
{
    struct fixture f;

    solve(&f, "training.micro_batch=1,2,3,4,5,6,7,8", "mfu >= 5", 0.01,
          sometimes_refused);
    LH_CHECK(f.solution.reached);
    LH_CHECK_NEAR(f.solution.answer.value, 5, 0);
    lh_ctx_end(&f.ctx);
}

/* ---- targets ------------------------------------------------------------- */

static void reads_targets(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_target t;

    LH_REQUIRE(lh_target_read(&t, "efficiency>=95%", &ctx) == LH_OK);
    LH_CHECK_NEAR(t.bound, 0.95, 1e-15);
    LH_CHECK(t.at_least && lh_target_reached(&t, 0.95)
             && !lh_target_reached(&t, 0.9499));
    LH_REQUIRE(lh_target_read(&t, " breakdown.wan_comm <= 100 ms", &ctx)
               == LH_OK);
    LH_CHECK_NEAR(t.bound, 0.1, 1e-15);
    LH_CHECK(!t.at_least && lh_target_reached(&t, 0.1));
    LH_CHECK_TEXT(t.text, "breakdown.wan_comm <= 100 ms");
    lh_ctx_end(&ctx);
}

static void refused(const char *text, const char *why)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_target t;

    LH_CHECK(lh_target_read(&t, text, &ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text, why);
    lh_ctx_end(&ctx);
}

static void says_what_is_wrong_with_a_target(void)
{
    const char *form = "a target is FIGURE >= VALUE or FIGURE <= VALUE, e.g. "
                       "'efficiency >= 0.95'";

    refused("efficiency > 0.95", form);
    refused("0.95", form);
    refused("eficiency >= 0.95",
            "no figure 'eficiency'; did you mean 'efficiency'?");
    refused("step_time_s <= 5",
            "'5' has no unit; a time needs s, ms, us, ns, min, h or d, e.g. "
            "'30 s'");
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"finds the smallest value", finds_the_smallest},
        {"keeps to the resolution", keeps_to_the_resolution},
        {"finds the largest value", finds_the_largest},
        {"finds whole numbers exactly", whole_numbers_are_exact},
        {"searches lists by their places", lists_are_searched_by_place},
        {"finds the edge by a line", lines_find_the_edge},
        {"begins near a guess", begins_near_a_guess},
        {"goes to the ends from a guess", goes_to_the_ends_from_a_guess},
        {"says what is never reached", says_what_is_never_reached},
        {"says what is always reached", says_what_is_always_reached},
        {"says what is not monotone", says_what_is_not_monotone},
        {"passes over refused values", refused_values_are_passed_over},
        {"reads targets", reads_targets},
        {"says what is wrong with a target", says_what_is_wrong_with_a_target},
    };

    return lh_unit_run("search", tests, LH_COUNT(tests));
}
