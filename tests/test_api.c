/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The library as its users see it: figures of a run, sides of it, and what is
 * left where it fails.
 */
#include "unit.h"

#include <longhaul/longhaul.h>

#include <math.h>
#include <string.h>

#define EXAMPLE(name) LH_SRCDIR "/examples/" name ".yaml"

/* Two sites have a side in one site, and efficiency is the ratio of both. */
static void two_sites_have_two_sides(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_setting setting = {"fibres[0].length", "80 km"};
    struct lh_text json = lh_text_new(ctx.arena);
    struct lh_run *run;

    LH_CHECK(lh_run_file(&run, EXAMPLE("llama-8b-two-sites"), &setting, 1, &ctx)
             == LH_OK);
    LH_CHECK(run->n_sides == LH_SIDES);
    LH_CHECK(run->asked.fibres[0].length_m == 80e3);
    LH_CHECK(lh_run_figure(run, "step_time_s")
             == run->result[LH_HERE].step_time_s);
    LH_CHECK(lh_run_figure(run, "efficiency")
             == run->result[LH_ONE_SITE].step_time_s
                    / run->result[LH_HERE].step_time_s);
    LH_CHECK(isnan(lh_run_figure(run, "no such figure")));
    lh_write_json(&json, &run->report);
    LH_CHECK(strstr(json.s, "\"longhaul.result/1\"") != NULL);
    lh_run_free(run);
    lh_ctx_end(&ctx);
}

static void one_site_has_one(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_run *run;

    LH_CHECK(lh_run_file(&run, EXAMPLE("llama-8b-one-site"), NULL, 0, &ctx)
             == LH_OK);
    LH_CHECK(run->n_sides == 1);
    LH_CHECK(run->report.one_site == NULL);
    LH_CHECK(isnan(lh_run_figure(run, "efficiency")));
    lh_run_free(run);
    lh_run_free(NULL);
    lh_ctx_end(&ctx);
}

/* Refused by the reader, and by what is built of what was read. */
static void failures_leave_no_run(void)
{
    static const struct lh_setting settings[] = {{"fibres[0].length", "80"},
                                                 {"plan.tensor", "7"}};

    for (int i = 0; i < 2; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_run *run = (struct lh_run *)&ctx;
        LH_CHECK(lh_run_file(&run, EXAMPLE("llama-8b-two-sites"), &settings[i],
                             1, &ctx)
                 == LH_BAD_INPUT);
        LH_CHECK(run == NULL);
        LH_CHECK(lh_diag_count(&ctx, LH_ERROR) > 0);
        lh_ctx_end(&ctx);
    }
}

/* By file, line and column; without a place last, and none twice. */
static void messages_are_sorted(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(ctx.arena);

    lh_note(&ctx, LH_NOWHERE, "last");
    lh_error(&ctx, (struct lh_where){"b.yaml", 2, 0}, "third");
    lh_warn(&ctx, (struct lh_where){"a.yaml", 9, 7}, "second");
    lh_error(&ctx, (struct lh_where){"a.yaml", 9, 3}, "first");
    lh_error(&ctx, (struct lh_where){"a.yaml", 9, 3}, "first");
    lh_diag_write(&text, &ctx);
    LH_CHECK_TEXT(text.s, "a.yaml:9:3: error: first\n"
                          "a.yaml:9:7: warning: second\n"
                          "b.yaml:2: error: third\n"
                          "note: last\n");
    lh_ctx_end(&ctx);
}

static void version_is_the_packages(void)
{
    LH_CHECK_TEXT(lh_version(), PACKAGE_VERSION);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"two sites have two sides", two_sites_have_two_sides},
        {"one site has one", one_site_has_one},
        {"failures leave no run", failures_leave_no_run},
        {"messages are sorted", messages_are_sorted},
        {"version is the package's", version_is_the_packages},
    };

    return lh_unit_run("api", tests, LH_COUNT(tests));
}
