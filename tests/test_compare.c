/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Scenarios side by side: which batch is equal, what the sentence on the cause
 * says of results made by hand, and when exposed WAN time is latency.
 */
#include <string.h>

#include <longhaul/result.h>

#include "../analysis/writers.h"
#include "unit.h"

/* A scenario of the example with its program, and a result made by hand. */
struct side {
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_result result;
    union {
        struct lh_link_use links[2];
        struct lh_link_use fibre;
    };
};

struct fixture {
    struct lh_ctx ctx;
    struct side sides[2];
    struct lh_comparison comparison;
};

static void read_side(struct side *side, const struct lh_setting *setting,
                      struct lh_ctx *ctx)
{
    LH_REQUIRE(lh_scenario_read(&side->scenario,
                                LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
                                setting, setting->path ? 1 : 0, ctx)
               == LH_OK);
    LH_REQUIRE(lh_program_build(&side->program, &side->scenario, ctx) == LH_OK);
}

/* compute_s of compute, wan_s of exposed WAN; the fibre carries for wire_s. */
static void make_result(struct side *side, double compute_s, double wan_s,
                        double wire_s)
{
    double step_s = compute_s + wan_s;

    side->fibre = (struct lh_link_use){.name = "fibre a->b",
                                       .kind = LH_LINK_WAN,
                                       .count = 1,
                                       .capacity_bytes_per_s = 1,
                                       .bytes = wire_s,
                                       .busy_frac = wire_s / step_s};
    side->result = (struct lh_result){.step_time_s = step_s,
                                      .tokens_per_s =
                                          (double)side->program.tokens / step_s,
                                      .fits = true,
                                      .n_links = 1,
                                      .links = &side->fibre};
    side->result.breakdown_s[LH_COMPUTE] = compute_s;
    side->result.breakdown_s[LH_WAN_COMM] = wan_s;
}

static void begin(struct fixture *f, struct lh_setting setting)
{
    f->ctx = lh_ctx_begin();
    read_side(&f->sides[0], &(struct lh_setting){NULL, NULL}, &f->ctx);
    read_side(&f->sides[1], &setting, &f->ctx);
    make_result(&f->sides[0], 2, 1, 0.5);
    make_result(&f->sides[1], 2, 1, 0.5);
}

static void compare(struct fixture *f)
{
    static const char *const titles[] = {"one", "other"};
    struct lh_report reports[2];

    for (int i = 0; i < 2; i++)
        reports[i] = (struct lh_report){.scenario = &f->sides[i].scenario,
                                        .program = &f->sides[i].program,
                                        .result = &f->sides[i].result};
    lh_compare(&f->comparison, reports, titles, 2, &f->ctx);
}

static void equal_global_batches(void)
{
    struct fixture f;

    begin(&f, (struct lh_setting){"plan.tensor", "8"});
    compare(&f);
    LH_CHECK(f.comparison.batch == LH_BATCH_GLOBAL);
    LH_CHECK(lh_diag_total(&f.ctx) == 0);
    LH_CHECK_NEAR(f.comparison.of[0].batch_per_gpu, 4, 0);
    lh_ctx_end(&f.ctx);
}

/* 2 x 512 sequences on the same 128 accelerators: neither. */
static void unequal_batches_are_warned_of(void)
{
    struct fixture f;

    begin(&f, (struct lh_setting){"training.global_batch", "1024"});
    compare(&f);
    LH_CHECK(f.comparison.batch == LH_BATCH_NEITHER);
    LH_REQUIRE(lh_diag_total(&f.ctx) == 1);
    LH_CHECK(lh_diag_at(&f.ctx, 0)->severity == LH_WARNING);
    LH_CHECK(
        strstr(f.comparison.of[1].cause, "tokens/s an accelerator +100.0 %")
        != NULL);
    lh_ctx_end(&f.ctx);
}

/* As many tokens a step in sequences of half the length. */
static void tokens_count_not_sequences(void)
{
    struct fixture f;

    begin(&f, (struct lh_setting){"training.sequence_length", "4096"});
    compare(&f);
    LH_CHECK(f.comparison.batch == LH_BATCH_NEITHER);
    f.sides[1].program.tokens = f.sides[0].program.tokens;
    compare(&f);
    LH_CHECK(f.comparison.batch == LH_BATCH_GLOBAL);
    lh_ctx_end(&f.ctx);
}

static void says_what_costs_more(void)
{
    struct fixture f;

    begin(&f, (struct lh_setting){"plan.zero", "1"});
    make_result(&f.sides[1], 3.5, 1.25, 0.5);
    compare(&f);
    LH_CHECK_TEXT(
        f.comparison.of[1].cause,
        "a step of B takes 1.75 s more than one of A (+58.3 %), 1.5 s "
        "of it compute; they differ in plan.zero (0, 1)");
    make_result(&f.sides[1], 1.5, 1, 0.5);
    compare(&f);
    LH_CHECK_TEXT(f.comparison.of[1].cause,
                  "a step of B takes 500 ms less than one of A (-16.7 %), "
                  "500 ms of it compute; they differ in plan.zero (0, 1)");
    make_result(&f.sides[1], 2, 1, 0.5);
    compare(&f);
    LH_CHECK_TEXT(f.comparison.of[1].cause,
                  "a step of B takes as long as one of A; they differ in "
                  "plan.zero (0, 1)");
    lh_ctx_end(&f.ctx);
}

/* 1 s more on the WAN: with the same bytes, 0.3 s more of them, 0.8 s more. */
static void tells_latency_from_bandwidth(void)
{
    static const struct {
        double wire_s;
        const char *says;
    } cases[] = {{0.5, "(latency: fibre a->b is 12 % busy)"},
                 {0.8, "(latency and bandwidth: fibre a->b is 20 % busy)"},
                 {1.3, "(bandwidth: fibre a->b is 32 % busy)"}};
    struct fixture f;

    begin(&f, (struct lh_setting){"fibres[0].length", "3000 km"});
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        make_result(&f.sides[1], 2, 2, cases[i].wire_s);
        compare(&f);
        LH_CHECK(strstr(f.comparison.of[1].cause, cases[i].says) != NULL);
    }
    lh_ctx_end(&f.ctx);
}

/* Against a one-site step without a fibre: 0.05 s of 1 s are bytes. */
static void a_loss_over_one_site_has_a_kind(void)
{
    struct lh_result one = {.step_time_s = 2, .breakdown_s = {2}};
    struct fixture f;
    struct lh_loss loss;

    begin(&f, (struct lh_setting){"plan.zero", "1"});
    struct lh_report report = {.scenario = &f.sides[0].scenario,
                               .program = &f.sides[0].program,
                               .result = &f.sides[0].result,
                               .one_site = &one};
    make_result(&f.sides[0], 2, 1, 0.05);
    loss = lh_loss_of(&report, f.ctx.arena);
    LH_CHECK_TEXT(loss.kind, "latency");
    LH_CHECK_TEXT(loss.text,
                  "the step takes 1 s more than in one site, 1 s of it WAN, "
                  "exposed (latency: fibre a->b is 1.7 % busy)");
    make_result(&f.sides[0], 2, 1, 0.9);
    LH_CHECK_TEXT(lh_loss_of(&report, f.ctx.arena).kind, "bandwidth");
    make_result(&f.sides[0], 4, 1, 0.9);
    LH_CHECK_TEXT(lh_loss_of(&report, f.ctx.arena).kind, "compute");
    report.one_site = NULL;
    LH_CHECK_TEXT(lh_loss_of(&report, f.ctx.arena).text,
                  "the largest part of the step is compute");
    lh_ctx_end(&f.ctx);
}

/* A step of 2 s in one site, here 1 s more. */
struct bound {
    double wan_s, bubble_s, compute_s,
        path_s;            /* more of each; of the path WAN */
    double fibre_s, nic_s; /* that links carry */
    const char *kind, *says;
};

static void add_nic(struct side *side, double nic_s)
{
    side->links[1] =
        (struct lh_link_use){.name = "gpu0->leaf0",
                             .kind = LH_LINK_NIC,
                             .count = 1,
                             .capacity_bytes_per_s = 1,
                             .bytes = nic_s,
                             .busy_frac = nic_s / side->result.step_time_s};
    side->result.n_links = 2;
}

static void every_bound_has_its_word(void)
{
    static const struct bound cases[] = {
        {1, 0, 0, 1, 0.01, 0.05, "latency",
         "1 s of it WAN, exposed (latency: fibre a->b is 0.33 % busy)"},
        {1, 0, 0, 1, 2.9, 0.1, "bandwidth",
         "1 s of it WAN, exposed (bandwidth: fibre a->b is 97 % busy)"},
        {1, 0, 0, 1, 3, 2.5, "bandwidth",
         "1 s of it WAN, exposed (bandwidth: fibre a->b is 100 % busy)"},
        {1, 0, 0, 1, 0.01, 2.7, "site bandwidth",
         "1 s of it WAN, exposed (site bandwidth: gpu0->leaf0 is 90 % busy)"},
        {1, 0, 0, 1, 0.3, 0.1, "latency and bandwidth",
         "1 s of it WAN, exposed (latency and bandwidth: fibre a->b is 10 % "
         "busy)"},
        {0.4, 0.6, 0, 1, 0.01, 0.05, "latency",
         "600 ms of it pipeline bubble behind WAN, exposed (latency: fibre "
         "a->b is 0.33 % busy)"},
        {0, 0, 1, 0, 0.01, 0.05, "compute", "1 s of it compute"},
        {0, 1, 0, 0, 0.01, 0.05, "pipeline bubble",
         "1 s of it pipeline bubble"},
    };
    struct lh_result one = {.step_time_s = 2, .breakdown_s = {2}};
    struct fixture f;

    one.critical_path_s[LH_COMPUTE] = 2;
    begin(&f, (struct lh_setting){"plan.zero", "1"});
    struct side *side = &f.sides[0];
    struct lh_report report = {.scenario = &side->scenario,
                               .program = &side->program,
                               .result = &side->result,
                               .one_site = &one};
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        const struct bound *c = &cases[i];
        make_result(side, 3 - c->wan_s, c->wan_s, c->fibre_s);
        side->result.breakdown_s[LH_COMPUTE] = 2 + c->compute_s;
        side->result.breakdown_s[LH_PIPELINE_BUBBLE] = c->bubble_s;
        side->result.critical_path_s[LH_COMPUTE] = 2 + c->compute_s;
        side->result.critical_path_s[LH_WAN_COMM] = c->path_s;
        add_nic(side, c->nic_s);
        struct lh_loss loss = lh_loss_of(&report, f.ctx.arena);
        LH_CHECK_TEXT(loss.kind, c->kind);
        LH_CHECK_TEXT(loss.text,
                      lh_format(f.ctx.arena,
                                "the step takes 1 s more than in one site, %s",
                                c->says));
    }
    lh_ctx_end(&f.ctx);
}

/* A step of 2.2 s, 2 s in one site, with 1.5 times the tokens, then 1.05. */
static void tokens_bind_where_they_cost_most(void)
{
    struct lh_result one = {.step_time_s = 2, .breakdown_s = {2}};
    struct lh_target plain, equal;
    struct fixture f;

    begin(&f, (struct lh_setting){"sync.kind", "diloco"});
    struct side *side = &f.sides[1];
    struct lh_report report = {.scenario = &side->scenario,
                               .program = &side->program,
                               .result = &side->result,
                               .one_site = &one};
    make_result(side, 2, 0.2, 2.2);
    side->scenario.equal_loss.on = true;
    side->scenario.equal_loss.tokens_factor = 1.5;
    LH_REQUIRE(lh_target_read(&plain, "efficiency >= 0.95", &f.ctx) == LH_OK);
    LH_REQUIRE(lh_target_read(&equal, "equal_loss_efficiency >= 0.95", &f.ctx)
               == LH_OK);
    LH_CHECK_TEXT(lh_target_loss(&plain, &report, f.ctx.arena).kind,
                  "bandwidth");
    LH_CHECK_TEXT(lh_target_loss(&equal, &report, f.ctx.arena).kind, "tokens");
    LH_CHECK_TEXT(lh_target_loss(&equal, &report, f.ctx.arena).text,
                  "a step takes 1.1 times as long as in one site, but equal "
                  "loss 1.5 times the tokens");
    side->scenario.equal_loss.tokens_factor = 1.05;
    LH_CHECK_TEXT(lh_target_loss(&equal, &report, f.ctx.arena).kind,
                  "bandwidth");
    lh_ctx_end(&f.ctx);
}

static void shares_have_no_exponent(void)
{
    static const struct {
        double share;
        const char *text;
    } cases[] = {{1, "100 %"},      {0.9951, "100 %"},
                 {0.99, "99 %"},    {0.0996, "10 %"},
                 {0.0994, "9.9 %"}, {0.0005, "0.05 %"},
                 {1e-5, "0.001 %"}, {1e-9, "less than 0.001 %"},
                 {1.234, "123 %"},  {0, "0 %"}};
    struct lh_ctx ctx = lh_ctx_begin();

    for (size_t i = 0; i < LH_COUNT(cases); i++)
        LH_CHECK_TEXT(lh__busy_percent(ctx.arena, cases[i].share),
                      cases[i].text);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"sees equal global batches", equal_global_batches},
        {"warns of unequal batches", unequal_batches_are_warned_of},
        {"counts tokens, not sequences", tokens_count_not_sequences},
        {"says what costs more", says_what_costs_more},
        {"tells latency from bandwidth", tells_latency_from_bandwidth},
        {"gives a loss over one site its kind",
         a_loss_over_one_site_has_a_kind},
        {"has a word for every bound", every_bound_has_its_word},
        {"says tokens where they cost most", tokens_bind_where_they_cost_most},
        {"writes shares without exponents", shares_have_no_exponent},
    };

    return lh_unit_run("compare", tests, LH_COUNT(tests));
}
