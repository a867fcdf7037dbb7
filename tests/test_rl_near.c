/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A loop with its sites side by side, against one whose roles stand at one
 * site; what `efficiency' and the figures rl.* are of results made by hand.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

/* Roles of 8 accelerators; generators at `site'. */
static const char *text_of(const char *sites, const char *site,
                           struct lh_ctx *ctx)
{
    return lh_format(
        ctx->arena,
        "longhaul: 1\nmodel: llama-3.1-8b\n"
        "training: {sequence_length: 2048}\n"
        "plan: {tensor: 2, zero: 1, recompute: full}\n"
        "sites:\n%s"
        "rl:\n  mode: sync\n  steps: 3\n  warmup_steps: 1\n"
        "  prompts_per_step: 8\n  samples_per_prompt: 4\n"
        "  output_length: {kind: lognormal, median: 300, sigma: 0.5}\n"
        "  trainer: {site: here, gpus: 8}\n"
        "  generators:\n    - {site: %s, gpus: 8}\n",
        sites, site);
}

static double step_of(const char *text, bool near, struct lh_ctx *ctx)
{
    struct lh_scenario s, side_by_side;
    struct lh_topology *topology;
    struct lh_rl_report rl;

    LH_REQUIRE(
        lh_scenario_read_text(&s, "text", text, strlen(text), ".", NULL, 0, ctx)
        == LH_OK);
    lh_scenario_rl_near(&side_by_side, &s, ctx);
    LH_REQUIRE(lh_topology_build(&topology, near ? &side_by_side : &s, ctx)
               == LH_OK);
    LH_REQUIRE(lh_rl_run(&rl, near ? &side_by_side : &s, topology, ctx)
               == LH_OK);
    lh_topology_free(topology);
    return rl.result.step_time_s;
}

static const char one_hall[] = "  - {name: here, gpus: 16, device: h100-sxm}\n";
static const char two_halls[] =
    "  - {name: here, gpus: 8, device: h100-sxm}\n"
    "  - {name: there, gpus: 8, device: h100-sxm}\n"
    "fibres:\n  - {between: [here, there], length: 4000 km, "
    "bandwidth: 10 Gbit/s}\n";

/* A push of 16 GB takes 12.8 s over the fibre, 20 ms of way. */
static void side_by_side_is_one_site(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    double one_s = step_of(text_of(one_hall, "here", &ctx), false, &ctx);
    double near_s = step_of(text_of(two_halls, "there", &ctx), true, &ctx);
    double far_s = step_of(text_of(two_halls, "there", &ctx), false, &ctx);

    LH_CHECK_NEAR(near_s, one_s, 1e-3);
    LH_CHECK(far_s - near_s > 10 && far_s - near_s < 13);
    lh_ctx_end(&ctx);
}

static double value_of(const char *name, const struct lh_report *report,
                       struct lh_ctx *ctx)
{
    struct lh_figure figure;
    int i = 0;

    while (lh_figure_at(&figure, i, ctx->arena)
           && strcmp(figure.name, name) != 0)
        i++;
    LH_REQUIRE(lh_figure_at(&figure, i, ctx->arena));
    return lh_figure_value(&figure, report);
}

static void figures_are_of_the_loop(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_rl_report here = {.result = {.step_time_s = 10,
                                           .samples_per_s = 3,
                                           .tokens_generated = 400,
                                           .tokens_discarded = 100,
                                           .samples_trained = 8,
                                           .staleness_n = 4,
                                           .staleness = {2, 2, 0, 4}}};
    struct lh_rl_report near = {.result = {.step_time_s = 9}};
    struct lh_result step = {.step_time_s = 2}, one = {.step_time_s = 1};
    struct lh_report report = {.result = &step, .one_site = &one};

    LH_CHECK(isnan(value_of("rl.step_time_s", &report, &ctx)));
    LH_CHECK_NEAR(value_of("efficiency", &report, &ctx), 0.5, 1e-12);
    report.rl = &here;
    LH_CHECK(isnan(value_of("efficiency", &report, &ctx)));
    report.rl_near = &near;
    LH_CHECK_NEAR(value_of("efficiency", &report, &ctx), 0.9, 1e-12);
    LH_CHECK_NEAR(value_of("rl.step_time_s", &report, &ctx), 10, 1e-12);
    LH_CHECK_NEAR(value_of("rl.samples_per_s", &report, &ctx), 3, 1e-12);
    LH_CHECK_NEAR(value_of("rl.staleness_mean", &report, &ctx), 14.0 / 8,
                  1e-12);
    LH_CHECK_NEAR(value_of("rl.staleness_max", &report, &ctx), 3, 1e-12);
    LH_CHECK_NEAR(value_of("rl.discarded_fraction", &report, &ctx), 0.25,
                  1e-12);
    lh_ctx_end(&ctx);
}

/* Of a second more, 0.8 are waiting. */
static void a_loss_names_what_grows(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_rl_report here = {
        .result = {.step_time_s = 10,
                   .trainer = {.train_s = 5.2, .wait_s = 4.8},
                   .weight_sync_s = 0.5}};
    struct lh_rl_report near = {
        .result = {.step_time_s = 9, .trainer = {.train_s = 5, .wait_s = 4}}};
    struct lh_result step = {.step_time_s = 2};
    struct lh_report report = {.result = &step, .rl = &here, .rl_near = &near};
    struct lh_loss loss = lh_loss_of(&report, ctx.arena);

    LH_CHECK_TEXT(loss.kind, "weights");
    LH_CHECK_TEXT(loss.text,
                  "the loop's step takes 1 s more than with its sites side by "
                  "side, 800 ms of it the trainer's waiting for samples (a "
                  "push of weights takes 500 ms)");
    report.rl_near = NULL;
    LH_CHECK_TEXT(lh_loss_of(&report, ctx.arena).text,
                  "the loop's step takes 10 s, 5.2 s of it the trainer's "
                  "training (a push of weights takes 500 ms)");
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"sites side by side are one site", side_by_side_is_one_site},
        {"figures are of the loop", figures_are_of_the_loop},
        {"a loss names what grows", a_loss_names_what_grows},
    };

    return lh_unit_run("rl_near", tests, LH_COUNT(tests));
}
