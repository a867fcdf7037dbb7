/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Goldens without a simulation: what is within a tolerance, by hand; figures
 * that one side lacks; the order of what is named; the rows of data; and the
 * formats, with what must be escaped.  tests/run-kept runs the command.
 */
#include <string.h>

#include <longhaul/golden.h>

#include "unit.h"

enum { STEP, COMPUTE, WAN, N };

struct fixture {
    struct lh_ctx ctx;
    struct lh_golden_value then[N], now_values[N];
    struct lh_kept kept;
    struct lh_golden now;
    struct lh_golden_result result;
};

static void begin(struct fixture *f)
{
    static const struct lh_golden_value values[N] = {
        {"step_time_s", "step time", 10},
        {"breakdown_s.compute", "compute", 8},
        {"breakdown_s.wan_comm", "WAN, exposed", 2},
    };

    *f = (struct fixture){.ctx = lh_ctx_begin()};
    memcpy(f->then, values, sizeof values);
    memcpy(f->now_values, values, sizeof values);
    f->kept = (struct lh_kept){
        .name = "a",
        .path = "kept/a.json",
        .scenario_path = "a.yaml",
        .golden = {.n_values = N, .values = f->then, .echo = "longhaul: 1"}};
    f->now = (struct lh_golden){
        .n_values = N, .values = f->now_values, .echo = "longhaul: 1"};
}

static void compare(struct fixture *f)
{
    lh_golden_compare(&f->result, &f->kept, &f->now, &f->ctx);
}

static void fails_to_both_sides(void)
{
    static const double factors[] = {1.0049, 0.9951, 1.0051, 0.9949};

    for (int i = 0; i < 4; i++) {
        struct fixture f;
        begin(&f);
        f.now_values[COMPUTE].value *= factors[i];
        compare(&f);
        LH_CHECK(lh_golden_passed(&f.result) == (i < 2));
        LH_CHECK(f.result.n_deviations == (i < 2 ? 0 : 1));
        lh_ctx_end(&f.ctx);
    }
}

static void reads_tolerances(void)
{
    struct fixture f;

    begin(&f);
    f.now_values[COMPUTE].value = 8.16; /* + 2 % */
    f.now_values[WAN].value = 2.3;      /* + 0.3 s, 15 % */
    LH_CHECK(lh_tolerance_read(&f.kept, "default=0.021", &f.ctx) == LH_OK);
    compare(&f);
    LH_CHECK(f.result.n_deviations == 1);
    LH_CHECK(lh_tolerance_read(&f.kept, "breakdown_s.wan_comm=0,0.31", &f.ctx)
             == LH_OK);
    compare(&f);
    LH_CHECK(lh_golden_passed(&f.result));
    LH_CHECK(lh_tolerance_read(&f.kept, "default=0.019", &f.ctx) == LH_OK);
    compare(&f);
    LH_CHECK(f.result.n_deviations == 1);
    LH_CHECK(lh_golden_has(&f.now, "breakdown_s.wan_comm"));
    LH_CHECK(!lh_golden_has(&f.now, "breakdown_s.wan"));
    LH_CHECK(lh_tolerance_read(&f.kept, "default", &f.ctx) == LH_BAD_INPUT);
    LH_CHECK(lh_tolerance_read(&f.kept, "a=-1", &f.ctx) == LH_BAD_INPUT);
    LH_CHECK(lh_tolerance_read(&f.kept, "a=1,", &f.ctx) == LH_BAD_INPUT);
    lh_ctx_end(&f.ctx);
}

static void names_the_largest_category_first(void)
{
    struct fixture f;

    begin(&f);
    f.now_values[STEP].value = 10.4;
    f.now_values[COMPUTE].value = 8.1;
    f.now_values[WAN].value = 2.3;
    compare(&f);
    LH_REQUIRE(f.result.n_deviations == 3);
    LH_CHECK_TEXT(f.result.deviations[0].name, "breakdown_s.wan_comm");
    LH_CHECK_TEXT(f.result.deviations[1].name, "breakdown_s.compute");
    LH_CHECK_TEXT(f.result.deviations[2].name, "step_time_s");
    lh_ctx_end(&f.ctx);
}

static void shows_the_step_of_a_loop(void)
{
    static const struct lh_golden_value loop[] = {
        {"step_time_s", "step time", 2.5},
        {"breakdown_s.compute", "compute", 2},
        {"rl_step_time_s", "rl_step_time_s", 10},
        {"rl_tokens_trained", "rl_tokens_trained", 1e6},
        {"rl_trainer_wait_s", "rl_trainer_wait_s", 5},
    };
    struct lh_golden_value now[LH_COUNT(loop)];
    struct fixture f;

    begin(&f);
    memcpy(now, loop, sizeof loop);
    now[1].value = 2.1;
    now[2].value = 10.5;
    now[3].value = 1.1e6; /* more in tokens, less as a share */
    now[4].value = 6;
    f.kept.golden.n_values = f.now.n_values = LH_COUNT(loop);
    f.kept.golden.values = (struct lh_golden_value *)loop;
    f.now.values = now;
    LH_CHECK(lh_tolerance_read(&f.kept, "rl_step_time_s=0.01", &f.ctx)
             == LH_OK);
    compare(&f);
    LH_CHECK_NEAR(f.result.step_kept_s, 10, 0);
    LH_CHECK_NEAR(f.result.step_now_s, 10.5, 0);
    LH_CHECK_NEAR(f.result.step_tolerance.relative, 0.01, 0);
    LH_REQUIRE(f.result.n_deviations == 4);
    LH_CHECK_TEXT(f.result.deviations[0].name, "rl_step_time_s");
    LH_CHECK_TEXT(f.result.deviations[1].name, "breakdown_s.compute");
    LH_CHECK_TEXT(f.result.deviations[2].name, "rl_trainer_wait_s");
    LH_CHECK_TEXT(f.result.deviations[3].name, "rl_tokens_trained");
    lh_ctx_end(&f.ctx);
}

static void fails_where_a_figure_is_gone_or_new(void)
{
    struct fixture f;

    begin(&f);
    f.now.n_values = WAN;
    compare(&f);
    LH_REQUIRE(f.result.n_deviations == 1);
    LH_CHECK_TEXT(f.result.deviations[0].name, "breakdown_s.wan_comm");
    f.now.n_values = N;
    f.kept.golden.n_values = COMPUTE;
    compare(&f);
    LH_CHECK(f.result.n_deviations == 2);
    lh_ctx_end(&f.ctx);
}

static void names_rows_of_data(void)
{
    const char *columns[] = {"kernel_gap", "memory"};
    const char *was[] = {"1 us", "80 GiB"}, *is[] = {"2 us", "80 GiB"};
    struct lh_golden_row then = {"accelerators:x", 2, columns, was};
    struct lh_golden_row now = {"accelerators:x", 2, columns, is};
    struct fixture f;

    begin(&f);
    f.now_values[COMPUTE].value = 9;
    f.kept.golden.n_rows = f.now.n_rows = 1;
    f.kept.golden.rows = &then;
    f.now.rows = &now;
    compare(&f);
    /* The echoes are no scenarios, which is said too. */
    LH_REQUIRE(f.result.n_causes == 2);
    LH_CHECK_TEXT(f.result.causes[1],
                  "data row accelerators:x: kernel_gap 1 us -> 2 us");
    lh_ctx_end(&f.ctx);
}

static void escapes(void)
{
    struct lh_golden_result error = {.error = "a <b> & \"c\", 5 %\nnext"};
    struct lh_golden_report report = {1, &error};
    struct fixture f;
    struct lh_text text;

    begin(&f);
    f.kept.name = "x<y>:z";
    error.kept = &f.kept;
    text = lh_text_new(f.ctx.arena);
    lh_golden_output_at(2)->write(&text, &report);
    LH_CHECK(strstr(text.s, "name=\"x&lt;y&gt;:z\"") != NULL);
    LH_CHECK(strstr(text.s, "<error message=\"a &lt;b&gt; &amp; "
                            "&quot;c&quot;, 5 % next\">")
             != NULL);
    text = lh_text_new(f.ctx.arena);
    lh_golden_output_at(3)->write(&text, &report);
    LH_CHECK_TEXT(text.s,
                  "::error file=kept/a.json,title=x<y>%3Az::a <b> & \"c\", 5 "
                  "%25%0Anext\n"
                  "::notice title=longhaul golden::1 of 1 outside "
                  "tolerance\n");
    lh_ctx_end(&f.ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"fails to both sides of a tolerance", fails_to_both_sides},
        {"tolerances: relative, absolute, of one figure", reads_tolerances},
        {"categories first, the largest change first",
         names_the_largest_category_first},
        {"of a loop its step is shown, first where it moved",
         shows_the_step_of_a_loop},
        {"a figure that is gone or new deviates",
         fails_where_a_figure_is_gone_or_new},
        {"rows of data are named with their column", names_rows_of_data},
        {"escapes for XML and for GitHub", escapes},
    };

    return lh_unit_run("golden", tests, LH_COUNT(tests));
}
