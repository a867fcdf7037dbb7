/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The breakdown of traces written down by hand: what each instant belongs to.
 */
#include <string.h>

#include <longhaul/result.h>

#include "../analysis/breakdown.h"
#include "unit.h"

/* Two ranks run:  compute a | all-reduce | compute b.
 * Rank 0 computes 1 s, rank 1 computes 3 s (0.5 of it gaps), the all-reduce
 * takes 2 s, the last compute 1 s: the step is 6 s. */
static struct lh_op ops[] = {
    {.kind = LH_OP_COMPUTE,
     .stream = LH_STREAM_COMPUTE,
     .comm = -1,
     .category = LH_COMPUTE,
     .seconds = 1},
    {.kind = LH_OP_COMM,
     .stream = LH_STREAM_DATA,
     .comm = 0,
     .category = LH_DATA_COMM},
    {.kind = LH_OP_COMPUTE,
     .stream = LH_STREAM_COMPUTE,
     .comm = -1,
     .category = LH_OPTIMIZER,
     .seconds = 1},
    {.kind = LH_OP_COMPUTE,
     .stream = LH_STREAM_COMPUTE,
     .comm = -1,
     .category = LH_COMPUTE,
     .seconds = 3,
     .gap_s = 0.5},
    {.kind = LH_OP_COMM,
     .stream = LH_STREAM_DATA,
     .comm = 0,
     .category = LH_DATA_COMM},
    {.kind = LH_OP_COMPUTE,
     .stream = LH_STREAM_COMPUTE,
     .comm = -1,
     .category = LH_OPTIMIZER,
     .seconds = 1},
};
static int32_t dep_begin[] = {0, 0, 1, 2};
static int32_t deps[] = {0, 1};

struct example {
    struct lh_template templates[2];
    struct lh_program program;
    struct lh_trace trace;
};

static int64_t class_size[] = {3, 1};
static lh_rank class_rank[] = {0, 3};
static int32_t class_template[] = {0, 1};
static int64_t class_first[] = {0, 3, 6};
static double class_begin_s[] = {0, 0};
static double class_end_s[] = {6, 6};
static double posted_s[] = {0, 1, 5, 0, 3, 5};
static double start_s[] = {0, 3, 5, 0, 3, 5};
static double end_s[] = {1, 5, 6, 3, 5, 6};
static int64_t late[] = {-1, 4, -1, -1, 4, -1};
static int32_t group[] = {-1, 0, -1, -1, 0, -1};
static uint8_t group_wan[] = {0};

static void example_make(struct example *e, int other_stage)
{
    memset(e, 0, sizeof *e);
    e->templates[0] = (struct lh_template){.name = "a",
                                           .stage = 0,
                                           .n_ops = 3,
                                           .ops = ops,
                                           .dep_begin = dep_begin,
                                           .deps = deps};
    e->templates[1] = e->templates[0];
    e->templates[1].ops = ops + 3;
    e->templates[1].stage = other_stage;
    e->program.n_templates = 2;
    e->program.templates = e->templates;
    for (int a = 0; a < LH_AXES; a++)
        e->program.axes.size[a] = 1;
    e->program.axes.size[LH_AXIS_DATA] = 4;
    e->trace = (struct lh_trace){.n_classes = 2,
                                 .class_size = class_size,
                                 .class_rank = class_rank,
                                 .class_template = class_template,
                                 .class_first = class_first,
                                 .class_begin_s = class_begin_s,
                                 .class_end_s = class_end_s,
                                 .n_records = 6,
                                 .posted_s = posted_s,
                                 .start_s = start_s,
                                 .end_s = end_s,
                                 .late = late,
                                 .group = group,
                                 .n_groups = 1,
                                 .group_wan = group_wan,
                                 .step_time_s = 6,
                                 .steady = true};
}

static void check_common(const struct lh_result *r)
{
    LH_CHECK_NEAR(r->breakdown_s[LH_COMPUTE], (3 * 1 + 2.5) / 4, 1e-12);
    LH_CHECK_NEAR(r->breakdown_s[LH_OTHER], 0.5 / 4, 1e-12);
    LH_CHECK_NEAR(r->breakdown_s[LH_OPTIMIZER], 1, 1e-12);
    LH_CHECK_NEAR(r->critical_path_s[LH_COMPUTE], 2.5, 1e-12);
    LH_CHECK_NEAR(r->critical_path_s[LH_OTHER], 0.5, 1e-12);
    LH_CHECK_NEAR(r->critical_path_s[LH_OPTIMIZER], 1, 1e-12);
}

static void waiting_for_the_same_stage(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct example e;
    example_make(&e, 0);
    struct lh_result r = {0};
    LH_CHECK(lh__breakdown(&r, &e.trace, &e.program, &ctx) == LH_OK);
    check_common(&r);
    LH_CHECK_NEAR(r.breakdown_s[LH_DATA_COMM], 2, 1e-12);
    LH_CHECK_NEAR(r.breakdown_s[LH_WAIT], 3 * 2 / 4.0, 1e-12);
    LH_CHECK(r.breakdown_s[LH_PIPELINE_BUBBLE] == 0);
    LH_CHECK_NEAR(r.critical_path_s[LH_DATA_COMM], 2, 1e-12);
    LH_CHECK(r.critical_path_s[LH_WAIT] == 0);
    lh_ctx_end(&ctx);
}

static void waiting_for_another_stage(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct example e;
    example_make(&e, 1);
    struct lh_result r = {0};
    LH_CHECK(lh__breakdown(&r, &e.trace, &e.program, &ctx) == LH_OK);
    check_common(&r);
    LH_CHECK_NEAR(r.breakdown_s[LH_PIPELINE_BUBBLE], 3 * 2 / 4.0, 1e-12);
    LH_CHECK(r.breakdown_s[LH_WAIT] == 0);
    lh_ctx_end(&ctx);
}

static void between_sites(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct example e;
    example_make(&e, 0);
    static uint8_t wan[] = {1};
    e.trace.group_wan = wan;
    struct lh_result r = {0};
    LH_CHECK(lh__breakdown(&r, &e.trace, &e.program, &ctx) == LH_OK);
    LH_CHECK_NEAR(r.breakdown_s[LH_WAN_COMM], 2, 1e-12);
    LH_CHECK(r.breakdown_s[LH_DATA_COMM] == 0);
    lh_ctx_end(&ctx);
}

static void a_sum_that_does_not_close_is_an_error(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct example e;
    example_make(&e, 0);
    e.trace.step_time_s = 6.1;
    struct lh_result r = {0};
    LH_CHECK(lh__breakdown(&r, &e.trace, &e.program, &ctx) == LH_FAILED);
    LH_CHECK(
        strncmp(lh_diag_at(&ctx, 0)->text, "internal: the breakdown sums", 28)
        == 0);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"waiting for the same stage is wait", waiting_for_the_same_stage},
        {"waiting for another stage is bubble", waiting_for_another_stage},
        {"between sites it is wan_comm", between_sites},
        {"a sum that does not close is an error",
         a_sum_that_does_not_close_is_an_error},
    };
    return lh_unit_run("breakdown", tests, LH_COUNT(tests));
}
