/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The values of --vary, in each of its forms; and in which keys two scenarios
 * differ.
 */
#include <math.h>
#include <string.h>

#include <longhaul/scenario.h>

#include "unit.h"

/* The values that the text means are these, "|" between them. */
static void means(const char *text, const char *values)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text joined = lh_text_new(ctx.arena);
    struct lh_vary vary;

    LH_CHECK(lh_vary_read(&vary, text, &ctx) == LH_OK);
    for (int i = 0; i < vary.n; i++)
        lh_text_printf(&joined, "%s%s", i > 0 ? "|" : "", vary.values[i]);
    LH_CHECK_TEXT(joined.s, values);
    lh_ctx_end(&ctx);
}

static void refused(const char *text, const char *why)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_vary vary;

    LH_CHECK(lh_vary_read(&vary, text, &ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text, why);
    lh_ctx_end(&ctx);
}

static void reads_lists(void)
{
    means("fibres[0].bandwidth=100 Gbit/s, 400 Gbit/s,1 Tbit/s",
          "100 Gbit/s|400 Gbit/s|1 Tbit/s");
    means("fibres[1].length=80,1000,5000 km", "80 km|1000 km|5000 km");
    means("fibres[0].length=80 m,1,2 km", "80 m|1 km|2 km");
    means("plan.tensor=1,2,4", "1|2|4");
    means("plan.schedule=1f1b, gpipe", "1f1b|gpipe");
    means("plan.stage_layers=[1,2],[2,1]", "[1,2]|[2,1]");
    means("model.config=../a.json,../b.json", "../a.json|../b.json");
}

static void reads_steps(void)
{
    means("plan.tensor=1..8:x2", "1|2|4|8");
    means("plan.tensor=1..9:x2", "1|2|4|8");
    means("sites[0].gpus=64..256:+64", "64|128|192|256");
}

static void reads_steps_with_units(void)
{
    means("fibres[0].length=100..400 km:x2", "100 km|200 km|400 km");
    means("fibres[0].length=100 m..1.6 km:x4", "100 m|400 m|1.6 km");
    means("fibres[0].length=100..300 km:+100", "100 km|200 km|300 km");
    means("fibres[0].length=0..1 km:+500 m", "0 m|500 m|1 km");
    means("fibres[0].bandwidth=100..400 Gbit/s:+150 Gbit/s",
          "100 Gbit/s|250 Gbit/s|400 Gbit/s");
    means("training.routing.exponent=0.1..0.4:+0.1", "0.1|0.2|0.3|0.4");
}

static void reads_spans(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_vary vary;

    LH_REQUIRE(lh_vary_read(&vary, "fibres[0].length=1..2 km", &ctx) == LH_OK);
    LH_CHECK(vary.span && vary.n == 0);
    LH_CHECK_NEAR(vary.lo, 1000, 0);
    LH_CHECK_NEAR(vary.hi, 2000, 0);
    LH_REQUIRE(lh_vary_read(&vary, "plan.zero", &ctx) == LH_OK);
    LH_CHECK(vary.span && vary.range.whole);
    LH_CHECK_NEAR(vary.lo, 0, 0);
    LH_CHECK_NEAR(vary.hi, 3, 0);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    lh_ctx_end(&ctx);
}

static void says_what_is_wrong(void)
{
    refused("fibres[0].lengths=1,2 km",
            "no key 'fibres[0].lengths'; did you mean 'fibres[].length'?");
    refused("fibres[0].length=1,2",
            "'1' has no unit; a length needs m or km, e.g. '1000 km'");
    refused("plan.tensor=1,,2", "an empty value in '1,,2'");
    refused("plan.tensor=1,1.5", "'1.5' is not a whole number");
    refused("plan.tensor=8..2", "8 is not below 2");
    refused("plan.tensor=1..8:2", "steps are xFACTOR or +DIFFERENCE, not '2'");
    refused("plan.tensor=0..8:x2",
            "x needs a factor above 1 and a first value above 0");
    refused("plan.tensor=1..8:+0", "a step must be above 0");
    refused("plan.tensor=1..8:x1.5", "1.5 would not be a whole number");
    refused("fibres[0].length=0..1000 km:+1 m", "more than 100000 values");
    refused("plan=1,2", "a mapping or list has no values to vary");
    refused("plan.schedule",
            "it is one of gpipe, 1f1b, interleaved, zero-bubble, dualpipe, "
            "dualpipe-v: name the values, as in plan.schedule=a,b");
}

/* ---- differences --------------------------------------------------------- */

static struct lh_scenario read_example(const char *path, const char *value,
                                       struct lh_ctx *ctx)
{
    struct lh_setting setting = {path, value};
    struct lh_scenario s;

    LH_REQUIRE(lh_scenario_read(&s,
                                LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
                                &setting, 1, ctx)
               == LH_OK);
    return s;
}

static void finds_what_differs(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_difference *found;
    struct lh_scenario a = read_example("fibres[0].length", "1000 km", &ctx);
    struct lh_scenario b = read_example("fibres[0].length", "80 km", &ctx);
    struct lh_scenario c = read_example("name", "another", &ctx);
    struct lh_scenario d = read_example("sync.algorithm", "ring", &ctx);

    LH_REQUIRE(lh_scenario_differences(&found, &a, &b, ctx.arena) == 1);
    LH_CHECK_TEXT(found[0].path, "fibres[0].length");
    LH_CHECK_TEXT(found[0].a, "1000 km");
    LH_CHECK_TEXT(found[0].b, "80 km");
    LH_CHECK(lh_scenario_differences(&found, &a, &c, ctx.arena) == 0);
    LH_REQUIRE(lh_scenario_differences(&found, &a, &d, ctx.arena) == 1);
    LH_CHECK_TEXT(found[0].b, "ring");
    lh_ctx_end(&ctx);
}

/* A fibre of another length has the same accelerators in one site. */
static void baselines_are_echoed_alike(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario a = read_example("fibres[0].length", "80 km", &ctx);
    struct lh_scenario b = read_example("sync.algorithm", "ring", &ctx);
    struct lh_scenario one_a, one_b;
    struct lh_text text_a = lh_text_new(ctx.arena);
    struct lh_text text_b = lh_text_new(ctx.arena);

    lh_scenario_one_site(&one_a, &a, &ctx);
    lh_scenario_one_site(&one_b, &b, &ctx);
    lh_scenario_print_yaml(&text_a, &one_a);
    lh_scenario_print_yaml(&text_b, &one_b);
    LH_CHECK_TEXT(text_a.s, text_b.s);
    LH_CHECK(one_a.n_sites == 1 && one_a.sites[0].gpus == 128);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"reads lists of values", reads_lists},
        {"reads steps", reads_steps},
        {"reads steps with units", reads_steps_with_units},
        {"reads spans", reads_spans},
        {"says what is wrong", says_what_is_wrong},
        {"finds the keys that differ", finds_what_differs},
        {"echoes equal baselines alike", baselines_are_echoed_alike},
    };

    return lh_unit_run("vary", tests, LH_COUNT(tests));
}
