/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `solve --maximise` and `--minimise` on formulas instead of simulations
 * (analysis/extreme.c): all named values are tried, a range is narrowed to the
 * best value; equals, ends, several peaks and what has no effect are said.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

struct fixture {
    struct lh_ctx ctx;
    struct lh_search search;
    struct lh_extreme found;
};

static void extreme(struct fixture *f, const char *vary_text, bool largest,
                    double (*figure)(double))
{
    double values[LH_SEARCH_ROUND];
    struct lh_vary vary;
    struct lh_target t;
    int n;

    f->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_vary_read(&vary, vary_text, &f->ctx) == LH_OK);
    LH_REQUIRE(
        lh_extreme_read(&t, "tokens_per_s", largest, "--maximise", &f->ctx)
        == LH_OK);
    LH_REQUIRE(lh_search_begin(&f->search, &vary, &t, 0.01, &f->ctx) == LH_OK);
    while ((n = lh_search_next(&f->search, values)) > 0) {
        LH_REQUIRE(n <= LH_SEARCH_ROUND && f->search.n_trials < 100);
        for (int i = 0; i < n; i++) {
            struct lh_trial trial = {.value = values[i],
                                     .figure = figure(values[i]),
                                     .loss.text = "refused"};
            lh_search_add(&f->search, &trial);
        }
    }
    lh_extreme_make(&f->found, &f->search);
}

/* g generators and 32 - g trainers: samples a second are the lesser of g / 2
 * and 32 - g, most at 21. */
static double of_split(double g)
{
    return fmin(g / 2, 32 - g);
}

static void tries_all_named_values(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=2..30:+2", true, of_split);
    LH_CHECK(f.search.n_trials == 15);
    LH_CHECK(f.found.best.value == 20 && f.found.best.figure == 10);
    LH_CHECK(f.found.n_ties == 1 && f.found.ties[0] == 22); /* 32 - 22 */
    LH_CHECK(f.found.one_peak && !f.found.at_end && f.found.has_effect);
    lh_ctx_end(&f.ctx);
}

static double twin_peak(double g)
{
    return fmin(g, 40 - g);
}

static void says_what_is_as_good(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=8,16,24,32", true, twin_peak);
    LH_CHECK(f.found.best.value == 16 && f.found.n_ties == 1);
    LH_CHECK(f.found.ties[0] == 24 && f.found.one_peak);
    lh_ctx_end(&f.ctx);
}

/* Whole numbers: the best itself. */
static void narrows_whole_numbers(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=1..1000", true, of_split);
    LH_CHECK(f.found.best.value == 21 && f.found.best.figure == 10.5);
    LH_CHECK(f.search.n_trials < 30);
    lh_ctx_end(&f.ctx);
}

/* Least at 300 Gbit/s = 37.5 GB/s. */
static double of_bandwidth(double bytes_per_s)
{
    double off = log(bytes_per_s / 37.5e9);
    return 1 + off * off;
}

static void narrows_a_range(void)
{
    struct fixture f;
    extreme(&f, "fibres[0].bandwidth=1 Gbit/s..10 Tbit/s", false, of_bandwidth);
    LH_CHECK_NEAR(f.found.best.value, 37.5e9, 0.01);
    LH_CHECK(f.found.one_peak && !f.found.at_end);
    LH_CHECK(f.search.n_trials < 40);
    lh_ctx_end(&f.ctx);
}

static double rising(double x)
{
    return x;
}

static double level(double x)
{
    (void)x;
    return 7;
}

static void says_where_it_ends(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=8,16,24", true, rising);
    LH_CHECK(f.found.best.value == 24 && f.found.at_end);
    lh_ctx_end(&f.ctx);
    extreme(&f, "sites[0].gpus=8,16,24", false, rising);
    LH_CHECK(f.found.best.value == 8 && f.found.at_end);
    lh_ctx_end(&f.ctx);
    extreme(&f, "sites[0].gpus=8,16,24", true, level);
    LH_CHECK(!f.found.has_effect && f.found.n_ties == 2);
    LH_CHECK(f.found.best.value == 8 && f.found.one_peak);
    lh_ctx_end(&f.ctx);
}

static double two_peaks(double x)
{
    return x == 16 ? 5 : x == 48 ? 4 : 1;
}

static void says_that_it_has_several_peaks(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=8..64:+8", true, two_peaks);
    LH_CHECK(f.found.best.value == 16 && !f.found.one_peak);
    LH_CHECK(f.found.other.value == 48 && f.found.other.figure == 4);
    lh_ctx_end(&f.ctx);
}

/* Rounding of what is nothing. */
static double hardly_waits(double x)
{
    return x <= 16 ? 1e-17 * (x - 12) : 1;
}

static void takes_rounding_for_equal(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=8..24:+4", false, hardly_waits);
    LH_CHECK(f.found.best.value == 8 && f.found.n_ties == 2);
    LH_CHECK(f.found.one_peak);
    lh_ctx_end(&f.ctx);
}

static double refused_above_20(double x)
{
    return x > 20 ? (double)NAN : x;
}

static double refused(double x)
{
    (void)x;
    return (double)NAN;
}

static void leaves_out_what_is_refused(void)
{
    struct fixture f;
    extreme(&f, "sites[0].gpus=8,16,24", true, refused_above_20);
    LH_CHECK(f.found.best.value == 16 && f.found.at_end);
    lh_ctx_end(&f.ctx);
    extreme(&f, "sites[0].gpus=8,16,24", true, refused);
    LH_CHECK(f.search.n_trials == 3 && f.found.best.loss.text == NULL);
    lh_ctx_end(&f.ctx);
}

static void refuses_unknown_figures(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_target t;
    LH_CHECK(lh_extreme_read(&t, "mfux", false, "--minimise", &ctx)
             == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text,
                  "no figure 'mfux'; did you mean 'mfu'?");
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "--minimise mfux");
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"tries all named values", tries_all_named_values},
        {"says what is as good", says_what_is_as_good},
        {"narrows whole numbers", narrows_whole_numbers},
        {"narrows a range", narrows_a_range},
        {"says where it ends", says_where_it_ends},
        {"says that it has several peaks", says_that_it_has_several_peaks},
        {"takes rounding for equal", takes_rounding_for_equal},
        {"leaves out what is refused", leaves_out_what_is_refused},
        {"refuses unknown figures", refuses_unknown_figures},
    };
    return lh_unit_run("extreme", tests, LH_COUNT(tests));
}
