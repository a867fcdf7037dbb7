/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tokens to equal loss (scenario/loss.c, analysis/equal_loss.c; docs/model.md,
 * "Equal loss") against arithmetic by hand on the rows of data/loss.csv: which
 * row is the nearest, the factor and its digits, what a step is then worth, and
 * that nothing is said where nothing is published.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

struct fixture {
    struct lh_ctx ctx;
    struct lh_scenario s;
};

/* Llama-3.1-8B, 32 replicas in two sites. */
static void setup(struct fixture *f, const struct lh_setting *settings, int n)
{
    f->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_scenario_read(&f->s,
                                LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
                                settings, (size_t)n, &f->ctx)
               == LH_OK);
}

static double factor(double loss, double baseline)
{
    return pow(loss / baseline, 1 / 0.0374);
}

/* 8.03 billion parameters are nearer to 10 than to 4. */
static void takes_the_nearest_model(void)
{
    const struct lh_setting set[] = {{"sync.kind", "diloco"},
                                     {"sync.every", "30"},
                                     {"sync.equal_loss", "true"}};
    struct fixture f;

    setup(&f, set, 3);
    LH_CHECK_NEAR(f.s.equal_loss.tokens_factor, factor(2.086, 2.090), 1e-12);
    LH_CHECK_NEAR(f.s.equal_loss.tokens_factor, 0.950, 1e-3);
    LH_CHECK_NEAR(f.s.equal_loss.low, factor(2.0855, 2.0905), 1e-12);
    LH_CHECK_NEAR(f.s.equal_loss.high, factor(2.0865, 2.0895), 1e-12);
    LH_CHECK(strstr(f.s.equal_loss.source, "2503.09799") != NULL);
    LH_CHECK(lh_diag_count(&f.ctx, LH_WARNING) == 0);
    lh_ctx_end(&f.ctx);
}

/* Four islands of eight replicas. */
static void counts_islands(void)
{
    const struct lh_setting set[] = {{"sync.kind", "diloco"},
                                     {"sync.every", "30"},
                                     {"sync.island", "8"},
                                     {"sync.equal_loss", "true"}};
    struct fixture f;

    setup(&f, set, 4);
    LH_CHECK_NEAR(f.s.equal_loss.tokens_factor, factor(2.096, 2.090), 1e-12);
    lh_ctx_end(&f.ctx);
}

/* Steps weigh more than parameters: 30 steps were not run at 4 billion. */
static void steps_come_first(void)
{
    const struct lh_setting often[] = {{"sync.kind", "streaming-diloco"},
                                       {"sync.every", "30"},
                                       {"sync.equal_loss", "true"}};
    const struct lh_setting seldom[] = {{"sync.kind", "streaming-diloco"},
                                        {"sync.every", "100"},
                                        {"sync.equal_loss", "true"}};
    struct fixture f;

    setup(&f, often, 3);
    LH_CHECK_NEAR(f.s.equal_loss.tokens_factor, factor(2.48, 2.49), 1e-12);
    lh_ctx_end(&f.ctx);
    setup(&f, seldom, 3);
    LH_CHECK_NEAR(f.s.equal_loss.tokens_factor, factor(2.26, 2.25), 1e-12);
    LH_CHECK_NEAR(f.s.equal_loss.high, factor(2.265, 2.245), 1e-12);
    lh_ctx_end(&f.ctx);
}

static void says_where_nothing_is_published(void)
{
    const struct lh_setting far[] = {{"sync.kind", "diloco"},
                                     {"sync.every", "61"},
                                     {"sync.equal_loss", "true"}};
    const struct lh_setting never[] = {{"sync.kind", "local-sgd"},
                                       {"sync.every", "30"},
                                       {"sync.equal_loss", "true"}};
    const struct lh_setting *const sets[] = {far, never};

    for (int i = 0; i < 2; i++) {
        struct fixture f;
        setup(&f, sets[i], 3);
        LH_CHECK(isnan(f.s.equal_loss.tokens_factor));
        LH_CHECK(lh_diag_count(&f.ctx, LH_WARNING) == 1);
        LH_CHECK(strstr(lh_diag_at(&f.ctx, 0)->text, "no published figure")
                 != NULL);
        lh_ctx_end(&f.ctx);
    }
}

/* 1.25 times the tokens of steps of 4 s: 5 s, against 4 s in one site 80 %. */
static void a_step_is_worth_less(void)
{
    const struct lh_setting set[] = {{"sync.kind", "local-sgd"},
                                     {"sync.equal_loss", "true"},
                                     {"sync.tokens_factor", "1.25"}};
    struct lh_result here = {.step_time_s = 4, .tokens_per_s = 1000};
    struct lh_result one_site = {.step_time_s = 4};
    struct lh_at_equal_loss e;
    struct fixture f;

    setup(&f, set, 3);
    struct lh_report report = {
        .scenario = &f.s, .result = &here, .one_site = &one_site};
    LH_REQUIRE(lh_equal_loss_make(&e, &report));
    LH_CHECK_NEAR(e.step_time_s, 5, 1e-15);
    LH_CHECK_NEAR(e.tokens_per_s, 800, 1e-15);
    LH_CHECK_NEAR(e.efficiency, 0.8, 1e-15);
    f.s.sync = LH_SYNC_EVERY_STEP;
    LH_CHECK(!lh_equal_loss_make(&e, &report));
    lh_ctx_end(&f.ctx);
}

static void is_off_unless_asked_for(void)
{
    const struct lh_setting set[] = {{"sync.kind", "diloco"},
                                     {"sync.every", "30"}};
    struct lh_result here = {.step_time_s = 4};
    struct lh_at_equal_loss e;
    struct fixture f;

    setup(&f, set, 2);
    struct lh_report report = {.scenario = &f.s, .result = &here};
    LH_CHECK(!lh_equal_loss_make(&e, &report));
    LH_CHECK(isnan(f.s.equal_loss.tokens_factor));
    lh_ctx_end(&f.ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"takes the nearest model", takes_the_nearest_model},
        {"counts islands", counts_islands},
        {"steps come before parameters", steps_come_first},
        {"says where nothing is published", says_where_nothing_is_published},
        {"a step is worth less", a_step_is_worth_less},
        {"is off unless asked for", is_off_unless_asked_for},
    };

    return lh_unit_run("loss", tests, LH_COUNT(tests));
}
