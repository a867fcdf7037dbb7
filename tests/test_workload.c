/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The step program of a transformer: splits, schedules, op lists, costs,
 * memory, FLOPs, and the ideal bubble of each schedule from the op lists by a
 * longest path with communication that takes no time.
 */
#include "unit.h"

#include "../workloads/workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scenarios by hand -------------------------------------------------- */

static struct lh_ctx begin(void)
{
    struct lh_ctx ctx = lh_ctx_begin();

    ctx.data_dir = LH_SRCDIR "/data";
    return ctx;
}

/* Megatron's 22B: korthikanti2022, table 3. */
static const struct lh_model gpt_22b = {
    .name = "gpt-22b",
    .layers = 48,
    .hidden = 6144,
    .heads = 64,
    .kv_heads = 64,
    .head_dim = 96,
    .ffn = 24576,
    .vocab = 51200,
    .attention_bias = true,
    .mlp_bias = true,
    .norm_bias = true,
    .positions = 2048,
    .tied_embeddings = true,
};

static struct lh_site sites[2];

static struct lh_scenario scenario(struct lh_ctx *ctx, int64_t gpus)
{
    struct lh_scenario s = {.file = "x.yaml", .name = "x"};

    s.model = (struct lh_model){
        .name = "tiny",
        .layers = 8,
        .hidden = 256,
        .heads = 8,
        .kv_heads = 4,
        .head_dim = 32,
        .ffn = 1024,
        .vocab = 1000,
        .gated_mlp = true,
    };
    s.training = (struct lh_training){
        .global_batch = 8,
        .sequence_length = 128,
        .micro_batch = 1,
        .gradient_precision = LH_GRADIENT_FP32,
        .optimizer = "adamw",
        .stack_name = "megatron",
    };
    s.plan = (struct lh_plan){
        .tensor = 1,
        .pipeline = 1,
        .context = 1,
        .expert = 1,
        .data = 0,
        .schedule = LH_SCHEDULE_1F1B,
        .interleave = 1,
        .bucket_bytes = 1.6e8,
        .overlap_pipeline = true,
    };
    s.sync_algorithm = "ring";
    s.n_sites = 1;
    s.sites = sites;
    sites[0] = (struct lh_site){.name = "here", .gpus = gpus};
    sites[1] = (struct lh_site){.name = "there", .gpus = gpus};
    LH_REQUIRE(lh_device_by_name(&sites[0].device, "h100-sxm", LH_NOWHERE, ctx)
               == LH_OK);
    sites[1].device = sites[0].device;
    LH_REQUIRE(lh_stack_by_name(&s.stack, "megatron", LH_NOWHERE, ctx)
               == LH_OK);
    return s;
}

static struct lh_program build(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_program p = {0};

    LH_REQUIRE(lh_program_build(&p, s, ctx) == LH_OK);
    LH_REQUIRE(lh_program_check(&p, ctx) == LH_OK);
    return p;
}

static int count_ops(const struct lh_template *t, enum lh_stream stream,
                     enum lh_task task)
{
    int n = 0;

    for (int32_t i = 0; i < t->n_ops; i++)
        n += t->ops[i].stream == stream && t->ops[i].task == task;
    return n;
}

static double sum_bytes(const struct lh_program *p, const struct lh_template *t,
                        enum lh_stream stream, enum lh_task task)
{
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->ops[i].stream == stream && t->ops[i].task == task
            && t->ops[i].comm >= 0)
            sum += p->comms[t->ops[i].comm].bytes;
    return sum;
}

static bool waits_for(const struct lh_template *t, int32_t op, int32_t dep)
{
    for (int32_t k = t->dep_begin[op]; k < t->dep_begin[op + 1]; k++)
        if (t->deps[k] == dep)
            return true;
    return false;
}

/* ---- stages ------------------------------------------------------------- */

static void splits_layers_fewer_at_the_ends(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 16);
    struct lh_program p;

    s.model.layers = 126;
    s.plan.pipeline = 16;
    p = build(&s, &ctx);
    LH_CHECK(p.stage_layers[0] == 7 && p.stage_layers[15] == 7);
    for (int i = 1; i < 15; i++)
        LH_CHECK(p.stage_layers[i] == 8);
    lh_ctx_end(&ctx);
}

static void splits_layers_as_told(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    int64_t layers[4] = {1, 2, 2, 3};
    struct lh_program p;

    s.plan.pipeline = 2;
    s.plan.interleave = 2;
    s.plan.schedule = LH_SCHEDULE_INTERLEAVED;
    s.plan.n_stage_layers = 4;
    s.plan.stage_layers = layers;
    p = build(&s, &ctx);
    LH_CHECK(p.stage_layers[0] == 3); /* chunks 0 and 2 of the model */
    LH_CHECK(p.stage_layers[1] == 5);
    lh_ctx_end(&ctx);
}

static void orders_axes_by_placement(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 16);
    struct lh_program p;

    s.plan.tensor = 2;
    s.plan.pipeline = 4;
    p = build(&s, &ctx);
    LH_CHECK(lh_axes_ranks(&p.axes) == 16);
    LH_CHECK(p.axes.stride[LH_AXIS_TENSOR] == 1);
    LH_CHECK(p.axes.stride[LH_AXIS_PIPELINE] == 2);
    LH_CHECK(p.axes.stride[LH_AXIS_DATA] == 8);
    LH_CHECK(lh_axes_coordinate(&p.axes, 13, LH_AXIS_PIPELINE) == 2);
    LH_CHECK(lh_axes_coordinate(&p.axes, 13, LH_AXIS_DATA) == 1);
    s.across_sites = LH_ACROSS_PIPELINE;
    p = build(&s, &ctx);
    LH_CHECK(p.axes.stride[LH_AXIS_DATA] == 2);
    LH_CHECK(p.axes.stride[LH_AXIS_PIPELINE] == 4);
    lh_ctx_end(&ctx);
}

/* ---- schedules ---------------------------------------------------------- */

/* "F0.1" = forward of chunk 0, micro-batch 1. */
static const char *slots_text(enum lh_schedule schedule, int p, int stage,
                              int v, int m, struct lh_ctx *ctx)
{
    struct lh_scenario s = {.plan = {.schedule = schedule}};
    struct lh__fit fit = {
        .scenario = &s, .n_stages = p, .n_chunks = v, .n_micro_batches = m};
    struct lh_text text = lh_text_new(ctx->arena);
    struct lh__slots slots;

    lh__slots_make(&slots, &fit, stage, ctx);
    for (int i = 0; i < slots.n; i++)
        lh_text_printf(&text, "%s%c%d.%d", i > 0 ? " " : "",
                       slots.at[i].half == LH__WEIGHTS ? 'W'
                       : slots.at[i].backward          ? 'B'
                                                       : 'F',
                       slots.at[i].chunk, slots.at[i].micro_batch);
    return text.s;
}

static void orders_passes_as_published(void)
{
    struct lh_ctx ctx = begin();

    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_GPIPE, 3, 1, 1, 3, &ctx),
                  "F0.0 F0.1 F0.2 B0.2 B0.1 B0.0");
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_1F1B, 3, 0, 1, 4, &ctx),
                  "F0.0 F0.1 F0.2 B0.0 F0.3 B0.1 B0.2 B0.3");
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_1F1B, 3, 2, 1, 3, &ctx),
                  "F0.0 B0.0 F0.1 B0.1 F0.2 B0.2");
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_1F1B, 4, 0, 1, 2, &ctx),
                  "F0.0 F0.1 B0.0 B0.1");
    /* narayanan2021, figure 4, two devices and two chunks. */
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_INTERLEAVED, 2, 1, 2, 4, &ctx),
                  "F0.0 F0.1 F1.0 B1.0 F1.1 B1.1 F0.2 B0.0 F0.3 B0.1 "
                  "F1.2 B1.2 F1.3 B1.3 B0.2 B0.3");
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_INTERLEAVED, 3, 0, 1, 3, &ctx),
                  slots_text(LH_SCHEDULE_1F1B, 3, 0, 1, 3, &ctx));
    /* qi2023, figure 3, top: the first and the last stage */
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_ZERO_BUBBLE, 3, 0, 1, 4, &ctx),
                  "F0.0 F0.1 F0.2 B0.0 W0.0 F0.3 B0.1 W0.1 B0.2 W0.2 B0.3 "
                  "W0.3");
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_ZERO_BUBBLE, 3, 2, 1, 4, &ctx),
                  "F0.0 B0.0 F0.1 B0.1 F0.2 B0.2 W0.0 F0.3 B0.3 W0.1 W0.2 "
                  "W0.3");
    LH_CHECK_TEXT(slots_text(LH_SCHEDULE_ZERO_BUBBLE, 3, 2, 1, 1, &ctx),
                  "F0.0 B0.0 W0.0");
    lh_ctx_end(&ctx);
}

/* ---- longest path with instantaneous communication ---------------------- */

enum { MAX_STAGES = 8 };

struct path {
    const struct lh_program *p;
    unsigned
        slow; /* streams whose communications take slow_s, others nothing */
    double slow_s;
    double *end[MAX_STAGES]; /* [n_ops], NAN: not yet */
    double *row_ready;       /* latest post of the row */
    int *row_missing;        /* ops that have not posted */
};

static double op_ready(const struct path *path, int s, int32_t i)
{
    const struct lh_template *t = &path->p->templates[s];
    double ready = 0.0;

    for (int32_t k = t->dep_begin[i]; k < t->dep_begin[i + 1]; k++)
        if (t->deps[k] >= 0)
            ready = isnan(path->end[s][t->deps[k]])
                        ? NAN
                        : fmax(ready, path->end[s][t->deps[k]]);
    for (int32_t j = i - 1; j >= 0 && !isnan(ready); j--) {
        if (t->ops[j].stream != t->ops[i].stream)
            continue;
        ready = isnan(path->end[s][j]) ? NAN : fmax(ready, path->end[s][j]);
        break;
    }
    return ready;
}

/* Posts and ends what it can on one stage; returns how many ended. */
static int sweep(struct path *path, int s, bool *posted)
{
    const struct lh_template *t = &path->p->templates[s];
    int n = 0;

    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        double ready;

        if (!isnan(path->end[s][i]))
            continue;
        ready = op_ready(path, s, i);
        if (isnan(ready))
            continue;
        if (op->kind == LH_OP_COMPUTE) {
            path->end[s][i] = ready + op->seconds;
            n++;
            continue;
        }
        if (!posted[i]) {
            posted[i] = true;
            path->row_missing[op->comm]--;
            path->row_ready[op->comm] = fmax(path->row_ready[op->comm], ready);
            n++;
        }
        if (path->row_missing[op->comm] == 0) {
            path->end[s][i] = path->row_ready[op->comm];
            if (path->slow >> op->stream & 1)
                path->end[s][i] += path->slow_s;
            n++;
        }
    }
    return n;
}

/* Seconds of one step of a one-device program; slow: a set of streams. */
static double step_on(const struct lh_program *p, unsigned slow, double slow_s,
                      struct lh_ctx *ctx)
{
    struct path path = {.p = p, .slow = slow, .slow_s = slow_s};
    bool *posted[MAX_STAGES];
    double last = 0.0;
    int n = 1;

    LH_REQUIRE(p->n_stages <= MAX_STAGES);
    path.row_ready = LH_NEW(ctx->arena, double, (size_t)p->n_comms);
    path.row_missing = LH_NEW(ctx->arena, int, (size_t)p->n_comms);
    for (int s = 0; s < p->n_stages; s++) {
        const struct lh_template *t = &p->templates[s];

        path.end[s] = LH_NEW(ctx->arena, double, (size_t)t->n_ops);
        posted[s] = LH_NEW(ctx->arena, bool, (size_t)t->n_ops);
        for (int32_t i = 0; i < t->n_ops; i++) {
            path.end[s][i] = NAN;
            if (t->ops[i].comm >= 0)
                path.row_missing[t->ops[i].comm]++;
        }
    }
    while (n > 0) {
        n = 0;
        for (int s = 0; s < p->n_stages; s++)
            n += sweep(&path, s, posted[s]);
    }
    for (int s = 0; s < p->n_stages; s++)
        for (int32_t i = 0; i < p->templates[s].n_ops; i++) {
            LH_REQUIRE(!isnan(path.end[s][i]));
            last = fmax(last, path.end[s][i]);
        }
    return last;
}

static double step_with(const struct lh_program *p, enum lh_stream slow,
                        double slow_s, struct lh_ctx *ctx)
{
    return step_on(p, 1u << slow, slow_s, ctx);
}

static double step_seconds(const struct lh_program *p, struct lh_ctx *ctx)
{
    return step_with(p, LH_STREAM_TENSOR, 0.0, ctx);
}

static bool launches_alone(const struct lh_op *op)
{
    return op->seconds - op->slowest_s <= op->gap_s * (1 + 1e-9);
}

/* Every pass of a chunk takes 1 s forward and 2 s backward, launches and
 * meetings alone nothing. */
static void set_seconds(struct lh_program *p)
{
    for (int k = 0; k < p->n_templates; k++)
        for (int32_t i = 0; i < p->templates[k].n_ops; i++) {
            struct lh_op *op = &p->templates[k].ops[i];

            if (op->kind == LH_OP_COMPUTE)
                op->seconds = launches_alone(op)             ? 0.0
                              : op->task == LH_TASK_FORWARD  ? 1.0
                              : op->task == LH_TASK_BACKWARD ? 2.0
                                                             : 0.0;
        }
}

/* qi2023, table 1: (p - 1) (t_F + t_B - t_W), of three equal passes and of
 * others. */
static void fills_bubbles_with_weights(void)
{
    static const double seconds[][3] = {
        {1, 1, 1}, {2, 3, 2}, {4, 5, 3}, {1, 1, 0}};

    for (int i = 0; i < 16; i++) {
        struct lh_ctx ctx = begin();
        const double *t = seconds[i / 4];
        int stages = 2 << i % 3, m = i % 4 < 2 ? 2 * stages : 3 * stages;
        struct lh_scenario s = scenario(&ctx, stages);
        struct lh_program p;

        s.plan.pipeline = stages;
        s.plan.schedule = LH_SCHEDULE_ZERO_BUBBLE;
        s.training.global_batch = m;
        p = build(&s, &ctx);
        for (int k = 0; k < p.n_templates; k++)
            for (int32_t o = 0; o < p.templates[k].n_ops; o++) {
                struct lh_op *op = &p.templates[k].ops[o];
                op->seconds = op->kind != LH_OP_COMPUTE       ? 0.0
                              : op->task == LH_TASK_FORWARD   ? t[0]
                              : op->task == LH_TASK_BACKWARD  ? t[1]
                              : op->task == LH_TASK_OPTIMIZER ? 0.0
                                                              : t[2];
            }
        LH_CHECK_NEAR(step_seconds(&p, &ctx),
                      m * (t[0] + t[1] + t[2])
                          + (stages - 1) * (t[0] + t[1] - t[2]),
                      1e-12);
        lh_ctx_end(&ctx);
    }
}

/* One op a pass: forward, inputs and weights each take 1 s. */
static void set_thirds(struct lh_program *p, enum lh_schedule schedule, int m,
                       struct lh_ctx *ctx)
{
    struct lh_scenario s = {.plan = {.schedule = schedule}};
    struct lh__fit fit = {.scenario = &s,
                          .n_stages = p->n_stages,
                          .n_chunks = 2,
                          .n_micro_batches = m};

    for (int k = 0; k < p->n_templates; k++) {
        struct lh_template *t = &p->templates[k];
        struct lh__slots slots;
        int at = 0;

        lh__slots_make(&slots, &fit, k, ctx);
        for (int32_t i = 0; i < t->n_ops; i++) {
            const struct lh__slot *slot = &slots.at[at];

            if (t->ops[i].kind != LH_OP_COMPUTE)
                continue;
            t->ops[i].seconds = at == slots.n ? 0.0
                                : slot->backward && slot->half == LH__WHOLE
                                    ? 2.0
                                    : 1.0;
            at += at < slots.n;
        }
        LH_CHECK(at == slots.n);
    }
}

/* deepseek-v3, table 2: (p/2 - 1) (F&B + B - 3 W), where nothing is
 * communicated; p for p/2 there and back. */
static void fills_bubbles_from_both_ends(void)
{
    static const struct {
        enum lh_schedule schedule;
        int p, m;
    } cases[] = {
        {LH_SCHEDULE_DUALPIPE, 2, 4},    {LH_SCHEDULE_DUALPIPE, 4, 8},
        {LH_SCHEDULE_DUALPIPE, 4, 14},   {LH_SCHEDULE_DUALPIPE, 8, 20},
        {LH_SCHEDULE_DUALPIPE_V, 2, 4},  {LH_SCHEDULE_DUALPIPE_V, 4, 9},
        {LH_SCHEDULE_DUALPIPE_V, 8, 16},
    };

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct lh_ctx ctx = begin();
        struct lh_scenario s = scenario(&ctx, cases[i].p);
        bool both = cases[i].schedule == LH_SCHEDULE_DUALPIPE;
        int chunks = cases[i].m * (both ? 1 : 2), half = cases[i].p;
        struct lh_program p;

        half /= both ? 2 : 1;
        s.model.layers = 2 * cases[i].p;
        s.plan.pipeline = cases[i].p;
        s.plan.schedule = cases[i].schedule;
        s.training.global_batch = cases[i].m;
        p = build(&s, &ctx);
        set_thirds(&p, cases[i].schedule, cases[i].m, &ctx);
        LH_CHECK_NEAR(step_seconds(&p, &ctx),
                      chunks * (1 + 2) + (half - 1) * (3 + 2 - 3), 1e-12);
        lh_ctx_end(&ctx);
    }
}

/* deepseek-v3, table 2: p + 1 micro-batches are kept, of chunks of 1/p of the
 * model, and twice the parameters. */
static void keeps_two_copies_and_one_more(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_program once, twice;

    s.plan.pipeline = 4;
    s.training.global_batch = 16;
    once = build(&s, &ctx);
    s.plan.schedule = LH_SCHEDULE_DUALPIPE;
    twice = build(&s, &ctx);
    for (int k = 0; k < 4; k++)
        LH_CHECK_NEAR(twice.memory[k].weights,
                      once.memory[k].weights + once.memory[3 - k].weights,
                      1e-12);
    /* Two of the middle: four in flight on stage 1 of 1F1B are three. */
    LH_CHECK_NEAR(twice.memory[1].activations,
                  once.memory[1].activations / 3 * 5, 1e-12);
    LH_CHECK_NEAR(twice.memory[2].activations, twice.memory[1].activations,
                  1e-12);
    lh_ctx_end(&ctx);
}

static void has_the_ideal_bubble(void)
{
    static const struct {
        enum lh_schedule schedule;
        int p, v, m;
    } cases[] = {
        {LH_SCHEDULE_1F1B, 1, 1, 4},        {LH_SCHEDULE_1F1B, 2, 1, 2},
        {LH_SCHEDULE_1F1B, 4, 1, 8},        {LH_SCHEDULE_1F1B, 8, 1, 3},
        {LH_SCHEDULE_GPIPE, 4, 1, 8},       {LH_SCHEDULE_GPIPE, 8, 1, 16},
        {LH_SCHEDULE_INTERLEAVED, 2, 2, 4}, {LH_SCHEDULE_INTERLEAVED, 4, 2, 8},
        {LH_SCHEDULE_INTERLEAVED, 4, 4, 4}, {LH_SCHEDULE_INTERLEAVED, 8, 2, 16},
    };

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct lh_ctx ctx = begin();
        struct lh_scenario s = scenario(&ctx, cases[i].p);
        struct lh_program p;
        double passes = cases[i].m * cases[i].v;

        s.model.layers = 32;
        s.plan.pipeline = cases[i].p;
        s.plan.interleave = cases[i].v;
        s.plan.schedule = cases[i].schedule;
        s.training.global_batch = cases[i].m;
        p = build(&s, &ctx);
        set_seconds(&p);
        /* narayanan2021, section 2.2: (p - 1) (t_f + t_b) / v */
        LH_CHECK_NEAR(step_seconds(&p, &ctx), 3.0 * (passes + cases[i].p - 1),
                      1e-12);
        lh_ctx_end(&ctx);
    }
}

enum {
    TRANSFERS = 1u << LH_STREAM_FORWARD_SEND | 1u << LH_STREAM_FORWARD_RECV
                | 1u << LH_STREAM_BACKWARD_SEND | 1u << LH_STREAM_BACKWARD_RECV
};

/* The step with transfers of transfer_s, passes of 1 and 2 s, no dispatch. */
static double step_of(struct lh_scenario *s, bool overlap, double transfer_s,
                      struct lh_ctx *ctx)
{
    struct lh_program p;

    s->plan.overlap_pipeline = overlap;
    p = build(s, ctx);
    set_seconds(&p);
    return step_on(&p, TRANSFERS, transfer_s, ctx);
}

/* 1F1B of two stages: a forward of the first stage, each of m + 1 times
 * (t_f + t_b), passes a batch of one transfer, both ways at once. */
static void waits_for_blocking_transfers(void)
{
    for (int m = 2; m < 6; m++) {
        struct lh_ctx ctx = begin();
        struct lh_scenario s = scenario(&ctx, 2);

        s.plan.pipeline = 2;
        s.training.global_batch = m;
        LH_CHECK_NEAR(step_of(&s, false, 0.25, &ctx), (m + 1) * (3.0 + 0.25),
                      1e-12);
        LH_CHECK(step_of(&s, true, 0.25, &ctx)
                 <= step_of(&s, false, 0.25, &ctx));
        lh_ctx_end(&ctx);
    }
}

/* ---- op lists ----------------------------------------------------------- */

static void merges_a_chunk_without_tensor(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    const struct lh_template *first, *last;
    struct lh_program p;

    s.plan.pipeline = 2;
    s.training.global_batch = 3;
    p = build(&s, &ctx);
    first = &p.templates[0];
    last = &p.templates[1];
    LH_CHECK(count_ops(first, LH_STREAM_COMPUTE, LH_TASK_FORWARD) == 3);
    LH_CHECK(count_ops(first, LH_STREAM_COMPUTE, LH_TASK_BACKWARD) == 3);
    LH_CHECK(count_ops(first, LH_STREAM_FORWARD_SEND, LH_TASK_ACTIVATIONS)
             == 3);
    LH_CHECK(count_ops(first, LH_STREAM_BACKWARD_RECV, LH_TASK_ACTIVATIONS)
             == 3);
    LH_CHECK(count_ops(last, LH_STREAM_FORWARD_RECV, LH_TASK_ACTIVATIONS) == 3);
    LH_CHECK(count_ops(last, LH_STREAM_BACKWARD_SEND, LH_TASK_ACTIVATIONS)
             == 3);
    /* 6 computes, 6 transfers, the norm over the pipeline, the optimiser */
    LH_CHECK(first->n_ops == 14 && last->n_ops == 14);
    LH_CHECK(p.n_comms == 2 * 3 + 1);
    LH_CHECK_NEAR(p.comms[0].bytes, 2.0 * 128 * 256, 0.0);
    /* On the first stage: forward, its send; the last op is the optimiser. */
    LH_CHECK(waits_for(first, 1, 0));
    LH_CHECK(first->ops[13].task == LH_TASK_OPTIMIZER);
    LH_CHECK(first->ops[13].category == LH_OPTIMIZER);
    LH_CHECK(waits_for(first, 13, 12));
    /* On the last: receive, forward. */
    LH_CHECK(last->ops[0].role == LH_ROLE_RECEIVER);
    LH_CHECK(waits_for(last, 1, 0));
    lh_ctx_end(&ctx);
}

/* Tensor communications of one micro-batch: (ops, bytes) of the layers. */
static void count_tensor(struct lh_scenario *s, int expected_ops,
                         struct lh_ctx *ctx)
{
    struct lh_program p;
    const struct lh_template *t;
    int n = 0;
    double bytes = 0.0;

    p = build(s, ctx);
    t = &p.templates[0];
    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->ops[i].stream == LH_STREAM_TENSOR && t->ops[i].layer >= 0
            && t->ops[i].micro_batch == 0) {
            n++;
            bytes += p.comms[t->ops[i].comm].bytes;
        }
    LH_CHECK(n == expected_ops * s->model.layers);
    LH_CHECK_NEAR(
        bytes, expected_ops * (double)s->model.layers * 2.0 * 128 * 256, 1e-12);
}

static void counts_tensor_communication(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);

    s.plan.tensor = 4;
    count_tensor(&s, 4, &ctx);
    s.plan.recompute = LH_RECOMPUTE_SELECTIVE;
    count_tensor(&s, 4, &ctx);
    s.plan.recompute = LH_RECOMPUTE_FULL;
    count_tensor(&s, 6, &ctx);
    s.plan.sequence_parallel = true;
    count_tensor(&s, 14, &ctx); /* two inputs are gathered again */
    s.plan.recompute = LH_RECOMPUTE_NONE;
    count_tensor(&s, 10, &ctx);
    s.stack.backward_overlap = false;
    count_tensor(&s, 8, &ctx);
    lh_ctx_end(&ctx);
}

/* A communication that the op behind it waits for. */
static bool runs_alone(const struct lh_template *t, int32_t op)
{
    return t->ops[op + 1].kind == LH_OP_COMM || waits_for(t, op + 1, op);
}

/* A communication is exposed by what it takes longer than the products beside
 * it: 3 of 4 chunks forward and of the gather backward. */
static void hides_tensor_communication(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    const struct lh_template *t;
    double work_s = 0.0, plain_s = 0.0;
    struct lh_program p;

    s.plan.tensor = 4;
    s.plan.sequence_parallel = true;
    s.stack.dispatch_s = 0.0;
    s.training.global_batch = 1;
    s.training.sequence_length = 4096;
    p = build(&s, &ctx);
    for (int32_t i = 0; i < p.templates[0].n_ops; i++)
        plain_s += p.templates[0].ops[i].seconds;
    s.plan.overlap_tensor = true;
    p = build(&s, &ctx);
    t = &p.templates[0];
    for (int32_t i = 0; i < t->n_ops; i++)
        work_s += t->ops[i].seconds;
    LH_CHECK(work_s > plain_s && work_s < 1.5 * plain_s);
    LH_CHECK(count_ops(t, LH_STREAM_TENSOR, LH_TASK_FORWARD) == 4 * 8);
    LH_CHECK(count_ops(t, LH_STREAM_COMPUTE, LH_TASK_FORWARD) == 8 * 8);
    LH_CHECK(count_ops(t, LH_STREAM_COMPUTE, LH_TASK_BACKWARD) == 10 * 8);
    for (int k = 0; k < 3; k++) {
        double comm_s = k * 10e-6, expected_s = work_s;

        for (int32_t i = 0; i < t->n_ops; i++)
            if (t->ops[i].stream == LH_STREAM_TENSOR)
                expected_s += runs_alone(t, i)
                                  ? comm_s
                                  : fmax(0.0, comm_s - t->ops[i + 1].seconds);
        LH_CHECK_NEAR(step_with(&p, LH_STREAM_TENSOR, comm_s, &ctx), expected_s,
                      1e-12);
    }
    lh_ctx_end(&ctx);
}

/* Where products of one input are not joined, the backward's sum waits for the
 * addition of their gradients: a segment shows all of its reduction there. */
static void hides_no_sum_of_several_products(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    double comm_s = 1e-9, alone_s;
    struct lh_program p;

    s.plan.tensor = 4;
    s.plan.sequence_parallel = true;
    s.plan.overlap_tensor = true;
    s.stack.joined = s.stack.backward_overlap = false;
    s.training.global_batch = 1;
    s.training.sequence_length = 4096;
    p = build(&s, &ctx);
    alone_s = step_with(&p, LH_STREAM_TENSOR, 0.0, &ctx);
    /* 8 layers of two sums, and four of the embedding and the head, and the
     * loss; everything else is shorter than what it runs beside */
    LH_CHECK_NEAR(step_with(&p, LH_STREAM_TENSOR, comm_s, &ctx) - alone_s,
                  (8 * 2 + 5) * comm_s, 1e-3);
    lh_ctx_end(&ctx);
}

/* Frozen products have no gradients of weights that a sum could run beside, and
 * no second gather for them: 8 layers of 4 and 4, the embedding's sum, and the
 * head's gather, loss and sum are all exposed. */
static void hides_nothing_beside_frozen_weights(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    double comm_s = 1e-5, alone_s;
    struct lh_program p;

    s.plan.tensor = 4;
    s.plan.sequence_parallel = true;
    s.stack.backward_overlap = true;
    s.stack.bias_gradients = true;
    s.model.mlp_bias = true;
    s.training.global_batch = 1;
    s.training.lora_rank = 4;
    p = build(&s, &ctx);
    alone_s = step_with(&p, LH_STREAM_TENSOR, 0.0, &ctx);
    LH_CHECK_NEAR(step_with(&p, LH_STREAM_TENSOR, comm_s, &ctx) - alone_s,
                  (8 * (4 + 4) + 4) * comm_s, 1e-9);
    lh_ctx_end(&ctx);
}

/* The last product's rest runs beside its reduction; neither ends it alone. */
static void sends_what_is_computed(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    const struct lh_template *t;
    struct lh_program p;
    int sends = 0;

    s.plan.tensor = 2;
    s.plan.pipeline = 2;
    s.plan.sequence_parallel = true;
    s.plan.overlap_tensor = true;
    p = build(&s, &ctx);
    t = &p.templates[0];
    for (int32_t i = 2; i < t->n_ops; i++) {
        if (t->ops[i].stream != LH_STREAM_FORWARD_SEND)
            continue;
        LH_CHECK(t->ops[i - 1].stream == LH_STREAM_COMPUTE);
        LH_CHECK(t->ops[i - 2].stream == LH_STREAM_TENSOR);
        LH_CHECK(waits_for(t, i, i - 1) && waits_for(t, i, i - 2));
        sends++;
    }
    LH_CHECK(sends > 0);
    lh_ctx_end(&ctx);
}

/* ---- context ------------------------------------------------------------ */

static double core_seconds(const struct lh_scenario *s, bool backward)
{
    struct lh__fit fit = {.scenario = s};
    struct lh__costs costs;

    lh__dims_make(&fit.dims, s);
    lh__costs_make(&costs, &fit, &s->sites[0].device);
    return backward ? costs.core_backward.kernel_s : costs.core.kernel_s;
}

/* c = 4 of a sequence of 32,768: a block with its diagonal and 3 halves, on
 * 8,192 rows, and three merges of 10 bytes a value of q. */
static void shares_the_causal_square(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    const struct lh_device *d = &s.sites[0].device;
    double rows = 8192, square = 4.0 * 8 * rows * rows * 32;
    double rate =
        d->bf16_flops_per_s * d->attention_forward_frac * rows / (rows + 450.0);
    double merge_s =
        10.0 * rows * 256 / (d->memory_bytes_per_s * d->memory_frac);
    double core_s = square * ((1 + 128 / rows) / 2 + 1.5) / rate;

    s.training.sequence_length = 32768;
    s.plan.context = 4;
    LH_CHECK_NEAR(core_seconds(&s, false), core_s + 3.0 * merge_s, 1e-9);
    s.plan.context_kind = LH_CONTEXT_ALL_GATHER;
    LH_CHECK_NEAR(core_seconds(&s, false), core_s, 1e-9);
    lh_ctx_end(&ctx);
}

/* One layer, one micro-batch, a transfer that takes no time, and one that
 * takes its bytes / rate: (c - 1) max(block, transfer) + block. */
static void exchanges_keys_and_values(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    const double block = 4.0 * (128.0 / 4) * (4 * 32); /* B of 32 tokens */
    const struct lh_template *t;
    struct lh_program p;

    s.plan.context = 4;
    s.training.global_batch = 1;
    for (int kind = 0; kind < 2; kind++) {
        s.plan.context_kind = (enum lh_context_kind)kind;
        p = build(&s, &ctx);
        t = &p.templates[0];
        LH_CHECK(p.axes.size[LH_AXIS_CONTEXT] == 4);
        LH_CHECK(p.axes.size[LH_AXIS_DATA] == 1);
        LH_CHECK(count_ops(t, LH_STREAM_CONTEXT, LH_TASK_FORWARD) == 8);
        LH_CHECK(count_ops(t, LH_STREAM_CONTEXT, LH_TASK_BACKWARD) == 16);
        LH_CHECK_NEAR(sum_bytes(&p, t, LH_STREAM_CONTEXT, LH_TASK_FORWARD),
                      8 * 4 * block, 1e-12);
        LH_CHECK_NEAR(sum_bytes(&p, t, LH_STREAM_CONTEXT, LH_TASK_BACKWARD),
                      16 * 4 * block, 1e-12);
        /* gradients over context x data, though there is one replica */
        LH_CHECK(count_ops(t, LH_STREAM_DATA, LH_TASK_GRADIENTS) == 1);
    }
    s.plan.recompute = LH_RECOMPUTE_SELECTIVE; /* its exchange again */
    p = build(&s, &ctx);
    LH_CHECK(count_ops(&p.templates[0], LH_STREAM_CONTEXT, LH_TASK_RECOMPUTE)
             == 8);
    lh_ctx_end(&ctx);
}

/* The ring: 3 of 4 parts of the core beside the transfer, 1 after both. */
static void passes_blocks_beside_the_core(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_program p;
    const struct lh_template *t;
    int32_t gather = 0;

    s.plan.context = 4;
    s.stack.dispatch_s = 0.0;
    p = build(&s, &ctx);
    t = &p.templates[0];
    while (t->ops[gather].stream != LH_STREAM_CONTEXT)
        gather++;
    LH_CHECK(t->ops[gather].category == LH_CONTEXT_COMM);
    LH_CHECK_TEXT(p.comms[t->ops[gather].comm].algorithm, "ring");
    LH_CHECK(waits_for(t, gather, gather - 1));
    LH_CHECK(!waits_for(t, gather + 1, gather));
    LH_CHECK(waits_for(t, gather + 2, gather));
    LH_CHECK_NEAR(t->ops[gather + 1].seconds, 3.0 * t->ops[gather + 2].seconds,
                  1e-12);
    s.plan.context_kind = LH_CONTEXT_ALL_GATHER;
    p = build(&s, &ctx);
    t = &p.templates[0];
    LH_CHECK(waits_for(t, gather + 1, gather));
    lh_ctx_end(&ctx);
}

/* A layer's attention takes (c - 1) max(block, transfer) + block by ring, and
 * its core and the transfers one after the other by all-gather: 8 layers, the
 * core 4 s forward and 8 s backward, everything else no time; transfers of
 * 2 s and 5 s, twice as much backward. */
static void hides_the_ring_behind_the_core(void)
{
    static const double transfer_s[] = {2, 5};
    static const double ring_s[] = {3 + 1 + 6 + 2, 5 + 1 + 10 + 2};
    static const double gather_s[] = {4 + 2 + 8 + 4, 4 + 5 + 8 + 10};

    for (int i = 0; i < 4; i++) {
        struct lh_ctx ctx = begin();
        struct lh_scenario s = scenario(&ctx, 4);
        struct lh_program p;
        bool ring = i < 2;

        s.plan.context = 4;
        s.plan.context_kind = ring ? LH_CONTEXT_RING : LH_CONTEXT_ALL_GATHER;
        s.training.global_batch = 1;
        p = build(&s, &ctx);
        for (int32_t o = 0, parts = 0; o < p.templates[0].n_ops; o++) {
            struct lh_op *op = &p.templates[0].ops[o];
            double core_s = op->task == LH_TASK_BACKWARD ? 8 : 4;

            if (op->stream == LH_STREAM_CONTEXT)
                parts = op->task != LH_TASK_BACKWARD ? 1 + ring
                        : ring                       ? 2
                               : p.comms[op->comm].collective == LH_ALL_GATHER;
            if (op->kind != LH_OP_COMPUTE)
                continue;
            op->seconds = !ring && parts == 1  ? core_s
                          : ring && parts == 2 ? core_s * 3 / 4
                          : ring && parts == 1 ? core_s / 4
                                               : 0.0;
            parts -= parts > 0;
        }
        LH_CHECK_NEAR(step_with(&p, LH_STREAM_CONTEXT, transfer_s[i % 2], &ctx),
                      8 * (ring ? ring_s : gather_s)[i % 2], 1e-12);
        lh_ctx_end(&ctx);
    }
}

static void recomputes_what_it_says(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_program p;
    double forward_s = 0.0, again_s = 0.0;

    s.plan.tensor = 4;
    s.plan.recompute = LH_RECOMPUTE_FULL;
    p = build(&s, &ctx);
    for (int32_t i = 0; i < p.templates[0].n_ops; i++) {
        const struct lh_op *op = &p.templates[0].ops[i];

        if (op->kind == LH_OP_COMPUTE && op->category == LH_RECOMPUTE)
            again_s += op->seconds;
        if (op->kind == LH_OP_COMPUTE && op->task == LH_TASK_FORWARD)
            forward_s += op->seconds;
        LH_CHECK(op->category != LH_RECOMPUTE || op->task == LH_TASK_RECOMPUTE);
    }
    LH_CHECK(forward_s > 0.0);
    LH_CHECK_NEAR(again_s, forward_s, 1e-12);
    lh_ctx_end(&ctx);
}

/* ---- gradients ---------------------------------------------------------- */

static void reduces_the_whole_buffer_at_the_end(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    const struct lh_template *t;
    struct lh_program p;
    double parameters;

    lh_model_count(&s.model);
    parameters = (double)s.model.parameters;
    p = build(&s, &ctx);
    t = &p.templates[0];
    LH_CHECK(p.micro_batches == 2);
    LH_CHECK(count_ops(t, LH_STREAM_DATA, LH_TASK_GRADIENTS) == 1);
    LH_CHECK_NEAR(sum_bytes(&p, t, LH_STREAM_DATA, LH_TASK_GRADIENTS),
                  4.0 * parameters, 1e-12);
    LH_CHECK_TEXT(p.comms[0].algorithm, "ring");
    LH_CHECK(p.comms[0].axes == LH_AXIS_BIT(LH_AXIS_DATA));
    /* F B F B, gradients, optimiser (no norm: nobody else has a part) */
    LH_CHECK(t->n_ops == 6);
    LH_CHECK(waits_for(t, 4, 3) && waits_for(t, 5, 4));
    s.training.gradient_precision = LH_GRADIENT_BF16;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(
        sum_bytes(&p, &p.templates[0], LH_STREAM_DATA, LH_TASK_GRADIENTS),
        2.0 * parameters, 1e-12);
    lh_ctx_end(&ctx);
}

static void overlaps_buckets_with_the_last_backward(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    const struct lh_template *t;
    struct lh_program p;
    int seen = 0;

    s.plan.overlap_gradients = true;
    s.plan.zero = 1;
    s.plan.bucket_bytes = 1.0; /* a bucket a unit: 8 layers, 2 ends */
    lh_model_count(&s.model);
    p = build(&s, &ctx);
    t = &p.templates[0];
    LH_CHECK(count_ops(t, LH_STREAM_DATA, LH_TASK_GRADIENTS) == 10);
    LH_CHECK(count_ops(t, LH_STREAM_DATA, LH_TASK_WEIGHTS) == 10);
    LH_CHECK_NEAR(sum_bytes(&p, t, LH_STREAM_DATA, LH_TASK_GRADIENTS),
                  4.0 * (double)s.model.parameters, 1e-12);
    LH_CHECK_NEAR(sum_bytes(&p, t, LH_STREAM_DATA, LH_TASK_WEIGHTS),
                  2.0 * (double)s.model.parameters, 1e-12);
    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];

        if (op->task == LH_TASK_GRADIENTS) /* right after its backward */
            LH_CHECK(waits_for(t, i, i - 1) && t->ops[i - 1].micro_batch == 1);
        if (op->task == LH_TASK_WEIGHTS) { /* the next step's k-th forward */
            LH_CHECK(waits_for(t, seen, ~i));
            seen++;
        }
    }
    LH_CHECK(seen == 10);
    lh_ctx_end(&ctx);
}

static void closes_buckets_when_full(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_program p;
    double layer_bytes;

    s.plan.overlap_gradients = true;
    s.model.vocab = 8; /* the ends weigh little */
    lh_model_count(&s.model);
    layer_bytes = 4.0 * (256.0 * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 1024);
    s.plan.bucket_bytes = 2.5 * layer_bytes; /* three layers each */
    p = build(&s, &ctx);
    LH_CHECK(count_ops(&p.templates[0], LH_STREAM_DATA, LH_TASK_GRADIENTS)
             == 3);
    LH_CHECK(p.comms[0].collective == LH_ALL_REDUCE);
    LH_CHECK_NEAR(
        sum_bytes(&p, &p.templates[0], LH_STREAM_DATA, LH_TASK_GRADIENTS),
        4.0 * (double)s.model.parameters, 1e-12);
    lh_ctx_end(&ctx);
}

static void exchanges_tied_embeddings(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_program p;

    s.model.tied_embeddings = true;
    s.plan.pipeline = 4;
    p = build(&s, &ctx);
    LH_CHECK(
        count_ops(&p.templates[0], LH_STREAM_BACKWARD_SEND, LH_TASK_GRADIENTS)
        == 1);
    LH_CHECK(
        count_ops(&p.templates[3], LH_STREAM_BACKWARD_RECV, LH_TASK_GRADIENTS)
        == 1);
    LH_CHECK(
        count_ops(&p.templates[1], LH_STREAM_BACKWARD_RECV, LH_TASK_GRADIENTS)
        == 0);
    LH_CHECK_NEAR(sum_bytes(&p, &p.templates[3], LH_STREAM_FORWARD_SEND,
                            LH_TASK_GRADIENTS),
                  4.0 * 1000 * 256, 1e-12);
    lh_ctx_end(&ctx);
}

/* ---- figures ------------------------------------------------------------ */

static void holds_every_parameter_once(void)
{
    static const char *const names[] = {
        "llama-3.1-8b", "llama-3.1-405b", "qwen3-8b",
        "gpt-neox-20b", "gpt-3-175b",
    };

    for (size_t i = 0; i < LH_COUNT(names); i++) {
        struct lh_ctx ctx = begin();
        struct lh_scenario s = scenario(&ctx, 1);
        struct lh__fit fit;

        s.training.global_batch = 1;
        LH_REQUIRE(lh_model_by_name(&s.model, names[i], LH_NOWHERE, &ctx)
                   == LH_OK);
        lh_model_count(&s.model);
        LH_REQUIRE(lh__fit_make(&fit, &s, &ctx) == LH_OK);
        LH_CHECK_NEAR(lh__stage_parameters(&fit, 0), (double)s.model.parameters,
                      1e-12);
        lh_ctx_end(&ctx);
    }
}

/* 6 N tokens + 12 L s q tokens, N without the embedding and the norms. */
static void counts_model_flops(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    struct lh_model *m = &s.model;
    double model_flops, hardware_flops, tokens, n;

    LH_REQUIRE(lh_model_by_name(m, "llama-3.1-8b", LH_NOWHERE, &ctx) == LH_OK);
    lh_model_count(m);
    s.training.sequence_length = 8192;
    tokens = 8.0 * 8192;
    n = (double)(m->parameters - m->vocab * m->hidden
                 - (2 * m->layers + 1) * m->hidden);
    s.plan.recompute = LH_RECOMPUTE_SELECTIVE;
    lh__flops_make(&model_flops, &hardware_flops, &s);
    LH_CHECK_NEAR(model_flops, tokens * (6.0 * n + 12.0 * 32 * 8192 * 4096),
                  1e-12);
    LH_CHECK_NEAR(hardware_flops - model_flops, tokens * 4.0 * 32 * 8192 * 4096,
                  1e-9);
    lh_ctx_end(&ctx);
}

/* Llama-3.1-8B on 16 accelerators a sequence, up to a million tokens: of 12 L h
 * s + 6 n FLOPs a token the first part is attention's, 97 % at a million; the
 * time of a step is a + b s + c s^2, so (T(4s) - 4 T(s)) / (T(2s) - 2 T(s)) is
 * 6, but for what starts every kernel; memory grows by tokens an accelerator.
 */
static void trains_on_a_million_tokens(void)
{
    double flops[3], core_s[3], bytes[3];
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 16);
    struct lh_model *m = &s.model;
    struct lh_program p;
    double n, seq = 1048576;

    LH_REQUIRE(lh_model_by_name(m, "llama-3.1-8b", LH_NOWHERE, &ctx) == LH_OK);
    lh_model_count(m);
    s.plan.context = 16;
    s.plan.recompute = LH_RECOMPUTE_FULL;
    s.training.global_batch = 1;
    for (int i = 0; i < 3; i++) {
        s.training.sequence_length = (int64_t)1 << (18 + i);
        p = build(&s, &ctx);
        flops[i] = p.model_flops;
        bytes[i] = p.memory[0].activations;
        core_s[i] = 0;
        for (int32_t o = 0; o < p.templates[0].n_ops; o++)
            core_s[i] += p.templates[0].ops[o].stream == LH_STREAM_COMPUTE
                             ? p.templates[0].ops[o].seconds
                                   - p.templates[0].ops[o].slowest_s
                             : 0;
    }
    n = (double)(m->parameters - m->vocab * m->hidden
                 - (2 * m->layers + 1) * m->hidden);
    LH_CHECK_NEAR(flops[2], seq * (6 * n + 12.0 * 32 * 4096 * seq), 1e-12);
    LH_CHECK_NEAR(12.0 * 32 * 4096 * seq * seq / flops[2], 0.973, 1e-3);
    LH_CHECK_NEAR((core_s[2] - 4 * core_s[0]) / (core_s[1] - 2 * core_s[0]), 6,
                  0.01);
    /* causal halves, forward twice (full recomputation), backward 2.5 times the
     * FLOPs; GEMMs four times; the rest, norms and merges, takes 2 % */
    double half = 32 * 2 * seq * (seq / 16) * 4096 / 989e12;
    double gemm = 2 * n * (seq / 16) / (989e12 * 0.803 * 0.73);
    LH_CHECK_NEAR(core_s[2], half * (2 / 0.655 + 2.5 / 0.55) + 4 * gemm, 0.03);
    LH_CHECK_NEAR((bytes[2] - bytes[1]) / (bytes[1] - bytes[0]), 2, 1e-9);
    lh_ctx_end(&ctx);
}

/* narayanan2021, eq. 3: 96 B s l h^2 (1 + s / 6h + V / 16 l h), with full
 * recomputation; the logits' last term there is 6 B s h V. */
static void counts_flops_as_megatron(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    double model_flops, hardware_flops, h = 6144, seq = 2048;

    s.model = gpt_22b;
    s.training.sequence_length = 2048;
    s.plan.recompute = LH_RECOMPUTE_FULL;
    lh__flops_make(&model_flops, &hardware_flops, &s);
    LH_CHECK_NEAR(hardware_flops,
                  96.0 * 8 * seq * 48 * h * h
                      * (1 + seq / (6 * h) + 51200 / (16 * 48 * h)),
                  1e-12);
    /* korthikanti2022, appendix A, eq. 7 */
    LH_CHECK_NEAR(model_flops,
                  72.0 * 8 * seq * 48 * h * h
                      * (1 + seq / (6 * h) + 51200 / (12 * 48 * h)),
                  1e-12);
    lh_ctx_end(&ctx);
}

/* Activation bytes of a layer, korthikanti2022, table 2. */
static double layer_bytes(struct lh_scenario *s, int64_t tensor, bool sp,
                          enum lh_recompute recompute)
{
    struct lh__fit fit = {.scenario = s};

    s->plan.tensor = tensor;
    s->plan.sequence_parallel = sp;
    s->plan.recompute = recompute;
    lh__dims_make(&fit.dims, s);
    return lh__layer_activation_bytes(&fit, 0);
}

static void keeps_activations_as_published(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    double sbh = 2048.0 * 4 * 6144, scores = 5.0 * 64 * 2048 / 6144;

    s.model = gpt_22b;
    s.training.micro_batch = 4;
    s.training.sequence_length = 2048;
    s.stack.fused_attention = false;
    LH_CHECK_NEAR(layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE),
                  sbh * (34 + scores), 1e-12);
    LH_CHECK_NEAR(layer_bytes(&s, 8, false, LH_RECOMPUTE_NONE),
                  sbh * (10 + 24.0 / 8 + scores / 8), 1e-12);
    LH_CHECK_NEAR(layer_bytes(&s, 8, true, LH_RECOMPUTE_NONE),
                  sbh / 8 * (34 + scores), 1e-12);
    LH_CHECK_NEAR(layer_bytes(&s, 8, false, LH_RECOMPUTE_SELECTIVE),
                  sbh * (10 + 24.0 / 8), 1e-12);
    LH_CHECK_NEAR(layer_bytes(&s, 8, true, LH_RECOMPUTE_SELECTIVE),
                  sbh / 8 * 34, 1e-12);
    LH_CHECK_NEAR(layer_bytes(&s, 8, false, LH_RECOMPUTE_FULL), sbh * 2, 1e-12);
    lh_ctx_end(&ctx);
}

/* By operators, a token: input, Q, V, core and its fp32 sums, first product;
 * of a gated MLP the last product in vain; over tensor two sums, one in vain.
 * Llama-3.1-8B: h = q = 4096, kv = 1024, f = 14336, 32 heads. */
static void keeps_what_operators_keep(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    double tokens = 2.0 * 8192, alone, rank, sum = 2 * 4096 / 8.0;

    LH_REQUIRE(lh_model_by_name(&s.model, "llama-3.1-8b", LH_NOWHERE, &ctx)
               == LH_OK);
    s.training.micro_batch = 2;
    s.training.sequence_length = 8192;
    alone = 2.0 * (4096 + 4096 + 1024 + 4096 + 14336) + 4 * 32;
    LH_CHECK_NEAR(layer_bytes(&s, 1, true, LH_RECOMPUTE_OPERATORS),
                  tokens * (alone + 2 * 4096), 1e-12);
    rank = sum + 2.0 * (4096 + 1024 + 4096 + 14336) / 8 + 4 * 32 / 8;
    LH_CHECK_NEAR(layer_bytes(&s, 8, true, LH_RECOMPUTE_OPERATORS),
                  tokens * (rank + 2 * sum + 2 * 4096), 1e-12);
    s.stack.compiled = true;
    LH_CHECK_NEAR(layer_bytes(&s, 1, true, LH_RECOMPUTE_OPERATORS),
                  tokens * alone, 1e-12);
    LH_CHECK_NEAR(layer_bytes(&s, 8, true, LH_RECOMPUTE_OPERATORS),
                  tokens * (rank + sum), 1e-12);
    lh_ctx_end(&ctx);
}

/* What an accelerator keeps of a shared sequence is its tokens', and the keys
 * and values (with their gradients) of the others for one layer at work. */
static void keeps_a_part_of_the_sequence(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    double block = 4.0 * (128.0 / 4) * (4 * 32), whole, part;

    s.training.global_batch = 4;
    whole = build(&s, &ctx).memory[0].activations;
    s.plan.context = 4;
    part = build(&s, &ctx).memory[0].activations;
    LH_CHECK_NEAR(part, whole / 4 + 4 * block, 1e-12);
    s.plan.context_kind = LH_CONTEXT_ALL_GATHER;
    part = build(&s, &ctx).memory[0].activations;
    LH_CHECK_NEAR(part, whole / 4 + 2 * 4 * block, 1e-12);
    lh_ctx_end(&ctx);
}

/* A token of a layer in fp8: h less for each of two GEMM inputs, f less, and
 * q more; a parameter of a layer two copies of a byte. */
static void keeps_fp8_operands(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    double wide, narrow;
    struct lh_program p, q;
    double layers =
        8 * (2.0 * 256 + 2 * 256 * 256 + 2 * 256 * 128 + 3.0 * 256 * 1024);

    wide = layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE);
    p = build(&s, &ctx);
    s.training.precision = LH_FP8;
    narrow = layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE);
    q = build(&s, &ctx);
    LH_CHECK_NEAR(wide - narrow, 128.0 * (2 * 256 + 1024 - 256), 1e-12);
    LH_CHECK_NEAR(q.memory[0].weights - p.memory[0].weights, 2.0 * layers,
                  1e-12);
    /* gathered in fp8, the two copies stand in place of bf16's */
    s.plan.zero = 1;
    s.plan.gather_precision = LH_FP8;
    q = build(&s, &ctx);
    LH_CHECK_NEAR(q.memory[0].weights, p.memory[0].weights, 1e-12);
    /* ZeRO-3: two layers whole, one byte more each for the pass's copy */
    s = scenario(&ctx, 2);
    s.plan.zero = 3;
    s.plan.prefetch = 0;
    s.plan.reshard_after_forward = true;
    s.model.vocab = 8;
    p = build(&s, &ctx);
    s.training.precision = LH_MXFP8;
    LH_REQUIRE(lh_device_by_name(&sites[0].device, "b200-sxm", LH_NOWHERE, &ctx)
               == LH_OK);
    q = build(&s, &ctx);
    LH_CHECK_NEAR(p.memory[0].weights, 2 * layers / 8, 1e-12);
    LH_CHECK_NEAR(q.memory[0].weights, 3 * layers / 8, 1e-12);
    lh_ctx_end(&ctx);
}

/* Of what a frozen layer's first product does: GEMM, scale, cast to one copy.
 */
static void casts_by_format(void)
{
    LH_CHECK_NEAR(lh__cast_bytes(LH_BF16, true), 0.0, 0.0);
    LH_CHECK_NEAR(lh__cast_bytes(LH_FP8, true), 2 + 2 + 1 + 1, 0.0);
    LH_CHECK_NEAR(lh__cast_bytes(LH_FP8, false), 2 + 2 + 1, 0.0);
    /* 33 bytes for 32 values */
    LH_CHECK_NEAR(lh__cast_bytes(LH_MXFP8, true), 2 + 2 * 33.0 / 32, 1e-15);
    LH_CHECK_NEAR(lh__cast_bytes(LH_MXFP8, false), 2 + 33.0 / 32, 1e-15);
}

/* A GEMM of 8192^3: rate of fp8, one byte an operand, and a cast of A that a
 * gradient of weights does without; the core is as in bf16. */
static void times_fp8_gemms(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    struct lh__gemm g = {.batch = 1, .m = 8192, .n = 8192, .k = 8192};
    struct lh__work wide = {0}, narrow = {.precision = LH_FP8},
                    weights = narrow;
    double n = 8192.0 * 8192, core_s = core_seconds(&s, true);
    double byte_s = n / (d->memory_bytes_per_s * d->memory_frac);
    double ratio =
        d->fp8_flops_per_s * d->gemm_fp8_frac * d->gemm_sustained_fp8_frac
        / (d->bf16_flops_per_s * d->gemm_bf16_frac * d->gemm_sustained_frac);
    struct lh__work blocks = {.precision = LH_MXFP8};
    struct lh__work frozen = {.precision = LH_FP8, .frozen = true};

    lh__work_gemm(&wide, d, &g);
    lh__work_gemm(&narrow, d, &g);
    lh__work_gemm(&blocks, d, &g);
    lh__work_gemm(&frozen, d, &g);
    LH_CHECK_NEAR(narrow.kernel_s, wide.kernel_s / ratio + 6 * byte_s, 1e-12);
    LH_CHECK_NEAR(blocks.kernel_s,
                  wide.kernel_s / ratio + (2 + 2 * 33.0 / 32) * byte_s, 1e-12);
    LH_CHECK_NEAR(frozen.kernel_s, wide.kernel_s / ratio + 5 * byte_s, 1e-12);
    LH_CHECK_NEAR(narrow.n_kernels, 1 + 3, 0.0);
    LH_CHECK_NEAR(blocks.n_kernels, 1 + 1, 0.0);
    g.accumulate = true;
    lh__work_gemm(&weights, d, &g);
    LH_CHECK_NEAR(weights.kernel_s, wide.kernel_s / ratio, 1e-12);
    LH_CHECK_NEAR(weights.weights_s, weights.kernel_s, 0.0);
    s.training.precision = LH_FP8;
    LH_CHECK_NEAR(core_seconds(&s, true), core_s, 0.0);
    lh_ctx_end(&ctx);
}

/* Rank 4 beside matrices [256, 512], [256, 256], [256, 2048], [1024, 256] of 8
 * layers: 4 (768 + 512 + 2304 + 1280) parameters each. */
static void trains_adapters_alone(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    double adapters = 8 * 4.0 * (768 + 512 + 2304 + 1280), bytes = 0;
    double frozen, kept, matrices, core, head;
    struct lh_program p = build(&s, &ctx);

    frozen = p.memory[0].parameters;
    kept = layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE);
    s.training.lora_rank = 4;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(p.memory[0].parameters, frozen + adapters, 1e-15);
    LH_CHECK_NEAR(p.memory[0].weights, 2 * (frozen + adapters), 1e-15);
    LH_CHECK_NEAR(p.memory[0].gradients, 4 * adapters, 1e-15);
    LH_CHECK_NEAR(p.memory[0].optimizer, 12 * adapters, 1e-15);
    for (int32_t i = 0; i < p.n_comms; i++)
        bytes += p.comms[i].bytes;
    LH_CHECK_NEAR(bytes, 4 * adapters, 1e-15);
    LH_CHECK_NEAR(layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE),
                  kept + 128.0 * 4 * 2 * 4, 1e-12);
    matrices = 8.0 * (256 * (512 + 256) + 3 * 256 * 1024);
    core = 8.0 * 4 * 128 * 256;
    head = 1000.0 * 256;
    LH_CHECK_NEAR(p.model_flops / (double)p.tokens,
                  2 * 2 * (matrices + head) + 3 * core + 3 * 2 * adapters,
                  1e-14);
    /* beside queries, keys and values alone */
    s.training.lora_target = LH_LORA_QKV;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(p.memory[0].gradients, 4 * 8 * 4.0 * 768, 1e-15);
    LH_CHECK_NEAR(layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE),
                  kept + 128.0 * (2 * 4 - 2 * 256 - 2 * 1024), 1e-12);
    /* beside every product of a stack that joins none */
    s.stack.joined = false;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(p.memory[0].gradients, 4 * 8 * 4.0 * (3 * 256 + 512), 1e-15);
    s.training.lora_target = LH_LORA_ALL;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(p.memory[0].gradients, 4 * (adapters + 8 * 4 * 3 * 256.0),
                  1e-15);
    /* a parallel block's one norm is that of the attention too */
    s.model.parallel_block = true;
    s.training.lora_rank = 0;
    kept = layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE);
    s.training.lora_rank = 4;
    s.training.lora_target = LH_LORA_QKV;
    LH_CHECK_NEAR(layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE),
                  kept + 128.0 * (3 * 2 * 4 - 2 * 1024), 1e-12);
    lh_ctx_end(&ctx);
}

/* The frozen head's backward is one GEMM fewer; a layer's gradients of weights
 * are those of its adapters, GEMMs (256, 4, T) and (4, 512, T) of the first. */
static void spares_gradients_of_frozen_weights(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    struct lh__gemm down = {1, 256, 4, 128, true}, up = {1, 4, 512, 128, true};
    struct lh__work gradients = {0};
    struct lh__fit fit;
    struct lh__costs all, few;

    LH_REQUIRE(lh__fit_make(&fit, &s, &ctx) == LH_OK);
    lh__costs_make(&all, &fit, d);
    s.training.lora_rank = 4;
    s.training.lora_target = LH_LORA_QKV;
    LH_REQUIRE(lh__fit_make(&fit, &s, &ctx) == LH_OK);
    lh__costs_make(&few, &fit, d);
    LH_CHECK_NEAR(few.head_backward.kernel_s,
                  all.head_backward.kernel_s - all.head_backward.weights_s,
                  1e-12);
    LH_CHECK_NEAR(few.mlp_backward.kernel_s,
                  all.mlp_backward.kernel_s - all.mlp_backward.weights_s,
                  1e-12);
    LH_CHECK_NEAR(few.mlp_forward.kernel_s, all.mlp_forward.kernel_s, 0.0);
    lh__work_gemm(&gradients, d, &down);
    lh__work_gemm(&gradients, d, &up);
    LH_CHECK_NEAR(few.attention_backward.weights_s, gradients.weights_s, 1e-12);
    LH_CHECK_NEAR(few.embedding_backward.n_kernels, 0.0, 0.0);
    lh_ctx_end(&ctx);
}

/* Of a middle stage, layers only. */
static double stage_activations(struct lh_scenario *s, int stage,
                                struct lh_ctx *ctx)
{
    struct lh_program p = build(s, ctx);

    return p.memory[stage].activations;
}

static void keeps_what_is_in_flight(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    double one;

    s.plan.pipeline = 4;
    one = 2.0 * layer_bytes(&s, 1, false, LH_RECOMPUTE_NONE);
    LH_CHECK_NEAR(stage_activations(&s, 0, &ctx), 4 * one, 1e-12);
    LH_CHECK_NEAR(stage_activations(&s, 1, &ctx), 3 * one, 1e-12);
    LH_CHECK_NEAR(stage_activations(&s, 2, &ctx), 2 * one, 1e-12);
    s.training.global_batch = 2;
    LH_CHECK_NEAR(stage_activations(&s, 0, &ctx), 2 * one, 1e-12);
    s.training.global_batch = 8;
    s.plan.schedule = LH_SCHEDULE_GPIPE;
    LH_CHECK_NEAR(stage_activations(&s, 1, &ctx), 8 * one, 1e-12);
    s.plan.schedule = LH_SCHEDULE_INTERLEAVED;
    s.plan.interleave = 2;
    /* narayanan2021: 2 (p - s - 1) + (v - 1) p + 1 chunks of one layer */
    LH_CHECK_NEAR(stage_activations(&s, 1, &ctx), 9 * one / 2, 1e-12);
    /* qi2023, table 1: p micro-batches on every stage; with full recomputation
     * a layer keeps its input from F to B and all of itself from B to W */
    s.plan.schedule = LH_SCHEDULE_ZERO_BUBBLE;
    s.plan.interleave = 1;
    for (int stage = 0; stage < 3; stage++)
        LH_CHECK_NEAR(stage_activations(&s, stage, &ctx), 4 * one, 1e-12);
    s.plan.recompute = LH_RECOMPUTE_FULL;
    LH_CHECK_NEAR(stage_activations(&s, 0, &ctx),
                  3 * 2 * 2.0 * 128 * 256 + one - 2 * 4.0 * 128 * 8 + one / 2,
                  1e-12);
    lh_ctx_end(&ctx);
}

static void keeps_weights_and_optimizer(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_program p = build(&s, &ctx);
    double n = p.memory[0].weights / 2.0;

    lh_model_count(&s.model);
    LH_CHECK_NEAR(n, (double)s.model.parameters, 1e-12);
    LH_CHECK_NEAR(p.memory[0].gradients, 4.0 * n, 1e-12);
    LH_CHECK_NEAR(p.memory[0].optimizer, 12.0 * n, 1e-12);
    s.plan.zero = 1;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(p.memory[0].optimizer, 3.0 * n, 1e-12);
    LH_CHECK_NEAR(p.memory[0].total,
                  p.memory[0].weights + p.memory[0].gradients
                      + p.memory[0].optimizer + p.memory[0].activations
                      + p.memory[0].reserved,
                  1e-12);
    lh_ctx_end(&ctx);
}

/* ---- kernels ------------------------------------------------------------ */

/* korthikanti2022, table 4 (reference 01f): forward of one layer 7.7 ms, 7.2
 * with sequence parallelism; the two reductions of 100 MB over 8 at the
 * 230 GB/s bus bandwidth of that machine (reference 09) are added here. */
static void times_the_measured_layer(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    double comm_s = 2.0 * 2.0 * 2048 * 4 * 6144 * 1.75 / 230e9;
    double expected_s[2] = {7.7e-3, 7.2e-3}, gap_s;
    struct lh_device device;

    LH_REQUIRE(lh_device_by_name(&device, "a100-sxm", LH_NOWHERE, &ctx)
               == LH_OK);
    LH_REQUIRE(lh_stack_by_name(&s.stack, "megatron-2022", LH_NOWHERE, &ctx)
               == LH_OK);
    s.model = gpt_22b;
    s.plan.tensor = 8;
    s.training.micro_batch = 4;
    s.training.sequence_length = 2048;
    for (int sp = 0; sp < 2; sp++) {
        struct lh__fit fit = {.scenario = &s};
        struct lh__costs costs;
        double seconds = comm_s;

        s.plan.sequence_parallel = sp == 1;
        lh__dims_make(&fit.dims, &s);
        lh__costs_make(&costs, &fit, &device);
        seconds += lh__work_seconds(&costs.attention_forward, &device, &s.stack,
                                    &gap_s);
        seconds +=
            lh__work_seconds(&costs.mlp_forward, &device, &s.stack, &gap_s);
        LH_CHECK_NEAR(seconds, expected_s[sp], 0.03);
    }
    lh_ctx_end(&ctx);
}

/* ---- vTrain: 1,440 iterations of Megatron-LM on one node of A100 -------- */

enum {
    GPUS,
    BATCH,
    MICRO,
    HIDDEN,
    HEADS,
    LAYERS,
    ROWS,
    TENSOR,
    DATA,
    PIPE,
    MILLISECONDS,
    VTRAIN_COLUMNS
};

/* The scenario of a row: full recomputation, as the memory of its larger rows
 * needs. */
static void vtrain_scenario(struct lh_scenario *s, const double *cell)
{
    s->model.layers = (int64_t)cell[LAYERS];
    s->model.hidden = (int64_t)cell[HIDDEN];
    s->model.heads = s->model.kv_heads = (int64_t)cell[HEADS];
    s->model.head_dim = s->model.hidden / s->model.heads;
    s->model.ffn = 4 * s->model.hidden;
    s->plan.tensor = (int64_t)cell[TENSOR];
    s->plan.pipeline = (int64_t)cell[PIPE];
    s->training.micro_batch = (int64_t)cell[MICRO];
    s->training.sequence_length = (int64_t)cell[ROWS];
}

static double seconds_of(const struct lh__work *work,
                         const struct lh_device *device,
                         const struct lh_scenario *s)
{
    double gap_s;

    return lh__work_seconds(work, device, &s->stack, &gap_s);
}

/* Ring all-reduce over NVLink of A100: 25 us + bytes at 230 GB/s of bus. */
static double reduce_seconds(double bytes, double n)
{
    return n > 1 ? 25e-6 + bytes * 2 * (n - 1) / n / 230e9 : 0.0;
}

/* 1F1B in closed form: the first or last stage sets the pace. */
static double vtrain_seconds(const struct lh_scenario *s,
                             const struct lh_device *device, const double *cell)
{
    struct lh__fit fit = {.scenario = s};
    double p = cell[PIPE], m = cell[BATCH] / (cell[DATA] * cell[MICRO]);
    double layer, ends[2], stage, parameters;
    struct lh__costs c;

    lh__dims_make(&fit.dims, s);
    lh__shares_make(&fit.shares, s);
    lh__costs_make(&c, &fit, device);
    layer = 2 * seconds_of(&c.attention_forward, device, s)
            + 2 * seconds_of(&c.mlp_forward, device, s)
            + seconds_of(&c.attention_backward, device, s)
            + seconds_of(&c.mlp_backward, device, s)
            + 6
                  * reduce_seconds(2 * fit.dims.tokens * fit.dims.hidden,
                                   cell[TENSOR]);
    ends[0] = seconds_of(&c.embedding_forward, device, s)
              + seconds_of(&c.embedding_backward, device, s);
    ends[1] = seconds_of(&c.head_forward, device, s)
              + seconds_of(&c.head_backward, device, s);
    stage = layer * cell[LAYERS] / p;
    parameters = fit.shares.layer * cell[LAYERS] / p + fit.shares.embedding;
    return (m - 1)
               * (stage + (p > 1 ? fmax(ends[0], ends[1]) : ends[0] + ends[1]))
           + p * stage + ends[0] + ends[1]
           + 30 * parameters
                 / (device->memory_bytes_per_s * device->memory_frac)
           + reduce_seconds(4 * parameters, cell[DATA]);
}

/* By hand: the header row begins with '#', a comment to lh_csv. */
static bool vtrain_row(double *cell, FILE *file)
{
    char line[256], *at = line;

    if (fgets(line, sizeof line, file) == NULL)
        return false;
    for (int k = 0; k < VTRAIN_COLUMNS; k++) {
        cell[k] = strtod(at, &at);
        at += *at == ',';
    }
    return true;
}

static void times_single_node_iterations(void)
{
    FILE *file = fopen(LH_SRCDIR "/../shared/reference/vtrain/"
                                 "single_node_iterations.csv",
                       "r");
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    double sum = 0.0, sum_abs = 0.0, cell[VTRAIN_COLUMNS];
    struct lh_device device;
    int n = 0;

    if (file == NULL) {
        lh_unit_skip("no ../shared/reference/vtrain");
        lh_ctx_end(&ctx);
        return;
    }
    LH_CHECK(lh_device_by_name(&device, "a100-sxm", LH_NOWHERE, &ctx) == LH_OK);
    LH_CHECK(lh_stack_by_name(&s.stack, "megatron-2022", LH_NOWHERE, &ctx)
             == LH_OK);
    s.model = gpt_22b;
    vtrain_row(cell, file); /* the header */
    for (; vtrain_row(cell, file); n++) {
        double error;

        vtrain_scenario(&s, cell);
        error =
            vtrain_seconds(&s, &device, cell) / (cell[MILLISECONDS] / 1e3) - 1;
        sum += error;
        sum_abs += fabs(error);
    }
    fclose(file);
    LH_CHECK(n == 1440);
    LH_CHECK(fabs(sum / n) < 0.05);
    LH_CHECK(sum_abs / n < 0.10);
    lh_ctx_end(&ctx);
}

static void quantises_gemms(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    /* 132 tiles of 128 x 256: one full wave; one more row: a second one */
    struct lh__gemm full = {1, 128 * 12, 256 * 11, 1e9, false};
    struct lh__gemm more = {1, 128 * 12 + 1, 256 * 11, 1e9, false};

    LH_CHECK_NEAR(lh__gemm_frac(d, &full), 1.0, 1e-6);
    LH_CHECK(lh__gemm_frac(d, &more) < 0.95);
    LH_CHECK(lh__gemm_frac(d, &more) > 0.5);
    lh_ctx_end(&ctx);
}

/* By hand, on 132 multiprocessors with tiles of 128 x 256. */
static void quantises_waves_and_splits_by_hand(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    /* 16 x 16 = 256 tiles in 2 waves of 132, or 512 in 4: 256 / 264; half
     * tiles, 512 and 1024, fill no better and have the lower ceiling. */
    struct lh__gemm waves = {1, 128 * 16, 256 * 16, 1e9, false};
    /* 16 tiles fill 16 of 132 slots, split 4 64 of them; the 32 half tiles,
     * split 4, fill 128, at a ceiling of 0.93. */
    struct lh__gemm split = {1, 128 * 4, 256 * 4, 1e9, false};
    /* A tile's last rows are lost: 1 of 128 rows wanted, the best of the three
     * is the tile of 64 rows; 132 of them, one wave. */
    struct lh__gemm rows = {1, 1, 128 * 132, 1e9, false};
    struct lh__gemm short_k = {1, 128 * 12, 256 * 11, 64, false};

    LH_CHECK_NEAR(lh__gemm_frac(d, &waves), 256.0 / 264, 1e-6);
    LH_CHECK_NEAR(lh__gemm_frac(d, &split), 0.93 * 128 / 132, 1e-6);
    LH_CHECK_NEAR(lh__gemm_frac(d, &rows), 0.84 / 64, 1e-6);
    LH_CHECK_NEAR(lh__gemm_frac(d, &short_k), 0.5, 1e-6);
    lh_ctx_end(&ctx);
}

/* A GEMM on either side of the roof; all figures by hand from the row. */
static void bounds_gemms_by_peak_and_by_memory(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    struct lh__gemm wide = {1, 128 * 12, 256 * 11, 1 << 20, false};
    struct lh__gemm thin = {1, 1, 1 << 14, 1 << 14, false};
    struct lh__gemm adding = {1, 1 << 14, 1 << 14, 1, true};
    struct lh__work work = {0};

    lh__work_gemm(&work, d, &wide);
    LH_CHECK_NEAR(work.kernel_s,
                  2.0 * 1536 * 2816 * 1048576 / (989e12 * 0.803 * 0.73)
                      * (1048576.0 + 64) / 1048576.0,
                  1e-12);
    work = (struct lh__work){0};
    lh__work_gemm(&work, d, &thin); /* the matrix, once, and two vectors */
    LH_CHECK_NEAR(work.kernel_s,
                  2.0 * (16384.0 * 16384 + 2 * 16384) / (3.35e12 * 0.85),
                  1e-12);
    work = (struct lh__work){0};
    lh__work_gemm(&work, d, &adding); /* read and written in fp32 */
    LH_CHECK_NEAR(work.kernel_s,
                  (8.0 * 16384 * 16384 + 4 * 16384) / (3.35e12 * 0.85), 1e-12);
    lh_ctx_end(&ctx);
}

static double flash_seconds(const struct lh_device *device, int64_t version,
                            bool backward)
{
    struct lh__core core = {.batch = 2,
                            .rows = 8192,
                            .heads = 16,
                            .kv_heads = 16,
                            .head_dim = 128,
                            .fused = true,
                            .flash_version = version};
    struct lh__work work = {0};

    lh__work_core(&work, device, &core, backward);
    return work.kernel_s;
}

/* 4 b a s^2 d, the half below the diagonal and half a tile of 128 on it. */
static void times_flash_attention_by_version(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    double flops = 4.0 * 2 * 16 * 8192 * 8192 * 128 * (1 + 128.0 / 8192) / 2;
    double rate = 989e12 * 8192 / (8192 + 450);

    LH_CHECK_NEAR(flash_seconds(d, 0, false), flops / (rate * 0.655), 1e-12);
    LH_CHECK_NEAR(flash_seconds(d, 3, true), 2.5 * flops / (rate * 0.55),
                  1e-12);
    LH_CHECK_NEAR(flash_seconds(d, 2, false), flops / (rate * 0.655 * 0.534),
                  1e-12);
    LH_CHECK_NEAR(flash_seconds(d, 1, false), flops / (rate * 0.29), 1e-12);
    LH_CHECK_NEAR(flash_seconds(d, 1, true), 2.5 * flops / (rate * 0.15),
                  1e-12);
    lh_ctx_end(&ctx);
}

static double category_seconds(const struct lh_program *p,
                               enum lh_category category)
{
    const struct lh_template *t = &p->templates[0];
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->ops[i].category == category)
            sum += t->ops[i].seconds - t->ops[i].gap_s;
    return sum;
}

/* What early stop spares a layer and micro-batch: the second GEMM of the MLP,
 * (T, h, f), and its residual, 6 T h bytes. */
static void stops_recomputation_early(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    struct lh__gemm second = {1, 128, 256, 1024, false};
    struct lh__work spared = {0};
    struct lh_program whole, early;

    lh__work_gemm(&spared, d, &second);
    lh__work_bytes(&spared, d, 6.0 * 128 * 256);
    s.plan.recompute = LH_RECOMPUTE_FULL;
    whole = build(&s, &ctx);
    s.stack.early_stop = true;
    early = build(&s, &ctx);
    LH_CHECK_NEAR(category_seconds(&whole, LH_RECOMPUTE)
                      - category_seconds(&early, LH_RECOMPUTE),
                  8 * 8 * spared.kernel_s, 1e-9);
    LH_CHECK_NEAR(category_seconds(&whole, LH_COMPUTE),
                  category_seconds(&early, LH_COMPUTE), 1e-12);
    LH_CHECK_NEAR(whole.hardware_flops - early.hardware_flops,
                  8.0 * 128 * 8 * 2 * 256 * 1024, 1e-9);
    LH_CHECK(whole.model_flops == early.model_flops);
    lh_ctx_end(&ctx);
}

/* Only what a fusing stack would fuse: norms, residuals, rotary, activation
 * of T h = 128 x 256 values, 8 layers, 8 micro-batches; both directions. */
static void moves_more_bytes_unfused(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    double norms = 2 * (4 + 6) * 256, residuals = 2 * (6 + 6) * 256;
    double rotary = 2 * 4 * (256 + 128);
    double activation = 2 * 1024 * (3 + 5);
    struct lh_program fused, unfused;

    fused = build(&s, &ctx);
    s.stack.elementwise = 3;
    s.stack.norm = 5;
    unfused = build(&s, &ctx);
    LH_CHECK_NEAR(
        category_seconds(&unfused, LH_COMPUTE)
            - category_seconds(&fused, LH_COMPUTE),
        8 * 8 * 128
            * ((residuals + rotary + activation) * (3 - 1) + norms * (5 - 1))
            / (d->memory_bytes_per_s * d->memory_frac),
        1e-9);
    lh_ctx_end(&ctx);
}

/* By operators: of 7 products K (T, kv, h), the projection (T, h, q) and the
 * gate (T, f, h) again, norms, rotary, a residual and the activation; T = 128,
 * h = q = 256, kv = 128, f = 1024; 8 layers, 8 micro-batches. */
static void recomputes_every_second_product(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    struct lh__gemm again[] = {{1, 128, 128, 256, false},
                               {1, 128, 256, 256, false},
                               {1, 128, 1024, 256, false}};
    double bytes =
        128.0 * (2 * 4 * 256 + 4 * (256 + 128) + 6 * 256 + 2 * 1024 * (2 + 1));
    struct lh__work work = {0};
    struct lh_program p;

    for (int i = 0; i < 3; i++)
        lh__work_gemm(&work, d, &again[i]);
    lh__work_bytes(&work, d, bytes);
    s.plan.recompute = LH_RECOMPUTE_OPERATORS;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(category_seconds(&p, LH_RECOMPUTE), 8 * 8 * work.kernel_s,
                  1e-9);
    LH_CHECK_NEAR(p.hardware_flops - p.model_flops,
                  8.0 * 128 * 8 * 2 * 256 * (128 + 256 + 1024), 1e-9);
    s.model.gated_mlp = false; /* its first product is kept, its second the
                                  backward does not need */
    p = build(&s, &ctx);
    work = (struct lh__work){0};
    lh__work_gemm(&work, d, &again[0]);
    lh__work_gemm(&work, d, &again[1]);
    lh__work_bytes(&work, d, bytes - 128.0 * 2 * 1024);
    LH_CHECK_NEAR(category_seconds(&p, LH_RECOMPUTE), 8 * 8 * work.kernel_s,
                  1e-9);
    lh_ctx_end(&ctx);
}

/* Sums over tensor are kept, gathers go again, two a layer; a compiled stack
 * spares the projection, whose sum is there. */
static void keeps_sums_and_gathers_again(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    struct lh__gemm projection = {1, 128, 256, 128, false};
    struct lh__work spared = {0};
    struct lh_program p;
    double eager_s;

    s.plan.tensor = 2;
    s.plan.sequence_parallel = true;
    s.plan.recompute = LH_RECOMPUTE_OPERATORS;
    p = build(&s, &ctx);
    LH_CHECK(count_ops(&p.templates[0], LH_STREAM_TENSOR, LH_TASK_RECOMPUTE)
             == 8 * 8 * 2);
    LH_CHECK_NEAR(
        sum_bytes(&p, &p.templates[0], LH_STREAM_TENSOR, LH_TASK_RECOMPUTE),
        8.0 * 8 * 2 * 2 * 128 * 256, 1e-12);
    eager_s = category_seconds(&p, LH_RECOMPUTE);
    s.stack.compiled = true;
    p = build(&s, &ctx);
    lh__work_gemm(&spared, &s.sites[0].device, &projection);
    LH_CHECK_NEAR(eager_s - category_seconds(&p, LH_RECOMPUTE),
                  8 * 8 * spared.kernel_s, 1e-9);
    lh_ctx_end(&ctx);
}

static double forward_and_backward_s(const struct lh_scenario *s,
                                     const double *widths, int n)
{
    struct lh__work work = {0};

    for (int i = 0; i < n; i++) {
        struct lh__gemm g = {1, 128, widths[i], 256, false};

        lh__pass_gemm(&work, &s->sites[0].device, &g, false);
        lh__pass_gemm(&work, &s->sites[0].device, &g, true);
    }
    return work.kernel_s;
}

/* Q, K and V, gate and first product apart, and their inputs' gradients added
 * up: (3 + 1) and (2 + 1) times 2 T h bytes compiled, 2 and 1 times 6 T h not.
 */
static void runs_products_one_by_one(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    double apart_s =
        forward_and_backward_s(&s, (double[]){256, 128, 128, 1024, 1024}, 5)
        - forward_and_backward_s(&s, (double[]){512, 2048}, 2);
    double sums[] = {6 * 2 + 6, 2 * 4 + 2 * 3}, joined_s;

    s.stack.joined = true;
    struct lh_program p = build(&s, &ctx);
    joined_s = category_seconds(&p, LH_COMPUTE);
    s.stack.joined = false;
    for (int compiled = 0; compiled < 2; compiled++) {
        s.stack.compiled = compiled;
        p = build(&s, &ctx);
        LH_CHECK_NEAR(category_seconds(&p, LH_COMPUTE) - joined_s,
                      8 * 8
                          * (apart_s
                             + sums[compiled] * 128 * 256
                                   / (d->memory_bytes_per_s * d->memory_frac)),
                      1e-8);
    }
    lh_ctx_end(&ctx);
}

/* Tokens of 2 T h bytes are put in order 4 times a layer forward and backward
 * together each way, and once forward and once backward at either end. */
static void puts_tokens_in_order(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    const struct lh_device *d = &s.sites[0].device;
    double times = 8 * (4 + 4) + 2 + 2, plain_s;
    struct lh_program p;

    s.plan.tensor = 2;
    s.plan.sequence_parallel = true;
    p = build(&s, &ctx);
    plain_s = category_seconds(&p, LH_COMPUTE);
    s.stack.tensor_copy_bytes = 4;
    p = build(&s, &ctx);
    LH_CHECK_NEAR(category_seconds(&p, LH_COMPUTE) - plain_s,
                  8 * times * 4 * 128 * 256
                      / (d->memory_bytes_per_s * d->memory_frac),
                  1e-8);
    lh_ctx_end(&ctx);
}

/* 12 bytes a logit more of 128 x 1000, 8 micro-batches; at least 14 of them
 * are of the gradient. */
static void moves_the_bytes_of_the_loss(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    double seconds[2];

    for (int i = 0; i < 2; i++) {
        struct lh_program p;

        s.stack.loss_bytes = 40 + 12 * i;
        p = build(&s, &ctx);
        seconds[i] = category_seconds(&p, LH_COMPUTE);
    }
    LH_CHECK_NEAR(
        seconds[1] - seconds[0],
        12.0 * 8 * 128 * 1000 / (d->memory_bytes_per_s * d->memory_frac), 1e-6);
    lh_ctx_end(&ctx);
}

static void bounds_a_segment_by_dispatch(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 1);
    const struct lh_device *d = &s.sites[0].device;
    struct lh__work work = {.kernel_s = 1e-6, .n_kernels = 10};
    double gap_s;

    s.stack.dispatch_s = 5e-6;
    LH_CHECK_NEAR(lh__work_seconds(&work, d, &s.stack, &gap_s), 50e-6, 1e-12);
    LH_CHECK_NEAR(gap_s, 49e-6, 1e-12);
    work.kernel_s = 1e-3;
    LH_CHECK_NEAR(lh__work_seconds(&work, d, &s.stack, &gap_s), 1.01e-3, 1e-12);
    LH_CHECK_NEAR(gap_s, 10e-6, 1e-9);
    lh_ctx_end(&ctx);
}

/* 2: 1 / sqrt(pi); 3: 3 / (2 sqrt(pi)); 1,000: 3.24144 (Harter 1961). */
static void expects_the_slowest_of_n(void)
{
    LH_CHECK(lh__slowest_of(1) == 0.0);
    LH_CHECK_NEAR(lh__slowest_of(2), 1 / sqrt(M_PI), 1e-12);
    LH_CHECK_NEAR(lh__slowest_of(3), 1.5 / sqrt(M_PI), 1e-12);
    LH_CHECK_NEAR(lh__slowest_of(1000), 3.24144, 1e-5);
}

/* About a standard normal. */
static double draw_normal(uint64_t *state)
{
    double sum = -6.0;

    for (int i = 0; i < 12; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*state >> 11) * 0x1p-53;
    }
    return sum;
}

/* Rounds of a ring, each of which waits for its two neighbours. */
static void expects_slow_neighbours(void)
{
    enum { ROUNDS = 20000, MOST = 32 };
    uint64_t state = 1;

    for (int n = 2; n <= MOST; n = n < 4 ? n + 1 : 2 * n) {
        double at[MOST] = {0}, next[MOST], mean = 0.0;

        for (int k = 0; k < ROUNDS; k++) {
            for (int i = 0; i < n; i++)
                next[i] =
                    fmax(at[i], fmax(at[(i + 1) % n], at[(i + n - 1) % n]))
                    + draw_normal(&state);
            memcpy(at, next, sizeof at);
        }
        for (int i = 0; i < n; i++)
            mean += at[i] / n / ROUNDS;
        LH_CHECK_NEAR(lh__slowest_neighbours(n), mean, 0.025);
    }
}

/* Kernels of the slowest take longer, launches do not. */
static void waits_for_the_slowest(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    struct lh_device *d = &sites[0].device;
    struct lh__work work = {.kernel_s = 1e-3, .n_kernels = 10};
    struct lh_program p;

    s.stack.dispatch_s = 5e-6;
    d->kernel_gap_s = 1e-6;
    LH_CHECK_NEAR(lh__work_slowest_s(&work, d, &s.stack, 0.02), 20e-6, 1e-12);
    work.kernel_s = 30e-6;
    LH_CHECK_NEAR(lh__work_slowest_s(&work, d, &s.stack, 0.02), 0.0, 1e-12);
    s.stack.dispatch_s = 0.0;
    d->kernel_gap_s = 0.0;
    d->speed_spread_frac = 0.02;
    p = build(&s, &ctx);
    for (int32_t i = 0; i < p.templates[0].n_ops; i++) {
        const struct lh_op *op = &p.templates[0].ops[i];
        double behind = 0.02 * lh__slowest_of((double)lh_axes_ranks(&p.axes));

        if (op->kind == LH_OP_COMPUTE)
            LH_CHECK_NEAR(op->slowest_s * (1 + behind), op->seconds * behind,
                          1e-12);
    }
    lh_ctx_end(&ctx);
}

/* ---- devices, checks, errors -------------------------------------------- */

static void makes_a_template_a_device(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    const struct lh_op *a, *b;
    struct lh_program p;

    s.n_sites = 2;
    LH_REQUIRE(lh_device_by_name(&sites[1].device, "a100-sxm", LH_NOWHERE, &ctx)
               == LH_OK);
    s.plan.pipeline = 2;
    p = build(&s, &ctx);
    LH_CHECK(p.n_devices == 2 && p.n_templates == 4);
    LH_CHECK(p.site_device[0] == 0 && p.site_device[1] == 1);
    LH_CHECK_TEXT(p.templates[3].name, "stage 1 of 2 on a100-sxm");
    LH_CHECK(p.templates[3].stage == 1 && p.templates[3].device == 1);
    a = &p.templates[0].ops[0];
    b = &p.templates[1].ops[0];
    LH_CHECK(b->seconds - b->gap_s > a->seconds - a->gap_s);
    lh_ctx_end(&ctx);
}

static void builds_every_combination(void)
{
    int built = 0;

    for (int bits = 0; bits < 1024; bits++) {
        struct lh_ctx ctx = begin();
        struct lh_scenario s = scenario(&ctx, 16);
        struct lh_text a = lh_text_new(ctx.arena), b = a;
        struct lh_program p;

        s.plan.tensor = bits & 1 ? 2 : 1;
        s.plan.sequence_parallel = bits & 2;
        s.plan.pipeline = bits & 4 ? 4 : 1;
        s.plan.schedule = bits & 8 ? LH_SCHEDULE_INTERLEAVED : LH_SCHEDULE_1F1B;
        s.plan.interleave = (bits & 12) == 12 ? 2 : 1;
        s.plan.zero = bits & 16 ? (bits & (4 | 256) ? 1 : 3) : 0;
        s.plan.overlap_gradients = bits & 32;
        s.plan.recompute = bits & 64 ? LH_RECOMPUTE_FULL : LH_RECOMPUTE_NONE;
        s.model.tied_embeddings = bits & 128;
        s.plan.overlap_tensor = (bits & 2) && (bits & 32);
        s.plan.overlap_pipeline = bits & 512;
        s.model.parallel_block = (bits & 576) == 64;
        s.plan.context = bits & 256 ? 2 : 1;
        s.plan.context_kind =
            bits & 2 ? LH_CONTEXT_RING : LH_CONTEXT_ALL_GATHER;
        if ((bits & 256) && !(bits & 8))
            s.plan.schedule = LH_SCHEDULE_ZERO_BUBBLE;
        s.plan.bucket_bytes = 6e6;
        s.training.global_batch = 64;
        p = build(&s, &ctx);
        lh_program_print(&a, &p);
        p = build(&s, &ctx);
        b = lh_text_new(ctx.arena);
        lh_program_print(&b, &p);
        LH_CHECK_TEXT(a.s, b.s);
        built++;
        lh_ctx_end(&ctx);
    }
    LH_CHECK(built == 1024);
}

static void finds_broken_programs(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    struct lh_program p;
    struct lh_op *ops;
    int32_t row;

    s.plan.pipeline = 2;
    p = build(&s, &ctx);
    ops = p.templates[1].ops;
    row = ops[0].comm; /* receives of the first two micro-batches swapped */
    for (int32_t i = 1; i < p.templates[1].n_ops; i++)
        if (ops[i].stream == LH_STREAM_FORWARD_RECV) {
            ops[0].comm = ops[i].comm;
            ops[i].comm = row;
            break;
        }
    LH_CHECK(lh_program_check(&p, &ctx) == LH_FAILED);

    p = build(&s, &ctx);
    p.templates[0].ops[0].stream = LH_STREAM_TENSOR;
    LH_CHECK(lh_program_check(&p, &ctx) == LH_FAILED);

    p = build(&s, &ctx); /* a row that nobody uses */
    p.n_comms++;
    p.comms = LH_NEW(ctx.arena, struct lh_comm, (size_t)p.n_comms);
    LH_CHECK(lh_program_check(&p, &ctx) == LH_FAILED);

    p = build(&s, &ctx); /* op 1 waits for the last op: a cycle */
    p.templates[0].deps[0] = p.templates[0].n_ops - 1;
    LH_CHECK(lh_program_check(&p, &ctx) == LH_FAILED);
    lh_ctx_end(&ctx);
}

static void checks_loads(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);
    struct lh_program p = build(&s, &ctx);
    int32_t row = 0;
    while (p.comms[row].axes == 0)
        row++;
    int64_t *load = LH_NEW(ctx.arena, int64_t, (size_t)lh_axes_ranks(&p.axes));
    for (int64_t i = 0; i < lh_axes_ranks(&p.axes); i++)
        load[i] = 1 + i;
    p.comms[row].load = load;
    LH_CHECK(lh_program_check(&p, &ctx) == LH_FAILED); /* no all-to-all */
    p.comms[row].collective = LH_ALL_TO_ALL;
    LH_CHECK(lh_program_check(&p, &ctx) == LH_OK);
    load[0] = 0;
    LH_CHECK(lh_program_check(&p, &ctx) == LH_FAILED);
    lh_ctx_end(&ctx);
}

/* The one message of a build that must fail. */
static void refuses(const struct lh_scenario *s, const char *message,
                    struct lh_ctx *ctx)
{
    struct lh_program p;
    int before = lh_diag_total(ctx);

    LH_CHECK(lh_program_build(&p, s, ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(ctx) == before + 1);
    LH_CHECK_TEXT(lh_diag_at(ctx, before)->text, message);
    LH_CHECK_TEXT(lh_diag_at(ctx, before)->where.file, "x.yaml");
}

static void refuses_what_it_cannot_do(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 2);

    s.plan.schedule = LH_SCHEDULE_DUALPIPE;
    s.plan.pipeline = 2;
    s.plan.overlap_pipeline = false;
    refuses(&s,
            "plan.overlap.pipeline: false with the schedules dualpipe and "
            "dualpipe-v is not supported by this version",
            &ctx);
    s.plan.overlap_pipeline = true;
    s.training.lora_rank = 8;
    refuses(&s,
            "training.lora_rank with the schedules dualpipe and dualpipe-v is "
            "not supported by this version",
            &ctx);
    lh_ctx_end(&ctx);
}

static void refuses_pairs(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);

    s.model.attention = LH_ATTENTION_MLA;
    s.training.lora_rank = 8;
    refuses(&s,
            "training.lora_rank with experts or latent attention is not "
            "supported by this version",
            &ctx);
    s = scenario(&ctx, 8);
    s.training.lora_rank = 8;
    s.plan.zero = 3;
    refuses(&s,
            "training.lora_rank with plan.zero: 3 is not supported by this "
            "version",
            &ctx);
    s.plan.zero = 0;
    s.plan.schedule = LH_SCHEDULE_ZERO_BUBBLE;
    refuses(&s,
            "training.lora_rank with plan.schedule: zero-bubble is not "
            "supported by this version",
            &ctx);
    s.plan.schedule = LH_SCHEDULE_1F1B;
    s.plan.recompute = LH_RECOMPUTE_OPERATORS;
    refuses(&s,
            "training.lora_rank with plan.recompute: operators is not "
            "supported by this version",
            &ctx);
    lh_ctx_end(&ctx);
}

static void refuses_plans_that_do_not_fit(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 8);
    int64_t layers[2] = {4, 5};

    s.plan.pipeline = 2;
    s.plan.n_stage_layers = 2;
    s.plan.stage_layers = layers;
    refuses(&s, "plan.stage_layers: the sum is 9, the model has 8 layers",
            &ctx);
    s = scenario(&ctx, 8);
    s.plan.pipeline = 4;
    s.plan.interleave = 3;
    s.plan.schedule = LH_SCHEDULE_INTERLEAVED;
    refuses(&s,
            "plan.pipeline: 8 layers are too few for 4 stages of 3 "
            "chunks",
            &ctx);
    s = scenario(&ctx, 8);
    s.model.heads = 12;
    s.model.kv_heads = 4;
    s.plan.tensor = 8;
    refuses(&s,
            "plan.tensor does not fit the model's heads: 12 is not a "
            "multiple of 8",
            &ctx);
    s = scenario(&ctx, 8);
    s.model.kv_heads = 3;
    s.plan.tensor = 2;
    refuses(&s,
            "plan.tensor: 2 neither divides the model's 3 key/value "
            "heads nor is a multiple of them",
            &ctx);
    s = scenario(&ctx, 8);
    s.training.global_batch = 12;
    refuses(&s,
            "training.global_batch: 12 is not a multiple of data 8 x "
            "micro_batch 1",
            &ctx);
    s = scenario(&ctx, 4);
    s.plan.pipeline = 4;
    s.plan.schedule = LH_SCHEDULE_INTERLEAVED;
    s.plan.interleave = 2;
    s.training.global_batch = 6;
    refuses(&s,
            "plan.schedule: interleaved needs a multiple of 4 "
            "micro-batches (pipeline), a replica has 6",
            &ctx);
    s = scenario(&ctx, 8);
    s.plan.context = 4;
    s.training.sequence_length = 100;
    refuses(&s,
            "plan.context: training.sequence_length does not fit twice "
            "plan.context (x plan.tensor with sequence_parallel): 100 is not "
            "a multiple of 8",
            &ctx);
    s.training.sequence_length = 128;
    s.stack.fused_attention = false;
    refuses(&s,
            "plan.context: 4 needs a stack with fused attention; 'megatron' "
            "has none",
            &ctx);
    s = scenario(&ctx, 8);
    s.training.precision = LH_FP8;
    LH_REQUIRE(lh_device_by_name(&sites[0].device, "a100-sxm", LH_NOWHERE, &ctx)
               == LH_OK);
    refuses(&s,
            "training.precision: fp8 is not a format of 'a100-sxm', site "
            "'here'",
            &ctx);
    s = scenario(&ctx, 8);
    s.training.precision = LH_MXFP8;
    refuses(&s,
            "training.precision: mxfp8 is not a format of 'h100-sxm', site "
            "'here'",
            &ctx);
    s.training.precision = LH_BF16;
    s.plan.gather_precision = LH_FP8;
    refuses(&s, "plan.gather_precision: fp8 needs training.precision: fp8",
            &ctx);
    s = scenario(&ctx, 2);
    s.plan.tensor = 2;
    s.plan.overlap_tensor = true;
    refuses(&s, "plan.overlap.tensor needs plan.sequence_parallel", &ctx);
    s = scenario(&ctx, 2);
    s.plan.tensor = 4;
    refuses(&s, "plan: one replica needs 4 accelerators, the sites have 2",
            &ctx);
    s = scenario(&ctx, 3);
    s.plan.pipeline = 3;
    s.plan.schedule = LH_SCHEDULE_DUALPIPE;
    refuses(&s, "plan.pipeline: 3, but dualpipe needs an even number of stages",
            &ctx);
    s = scenario(&ctx, 4);
    s.plan.pipeline = 4;
    s.plan.schedule = LH_SCHEDULE_DUALPIPE;
    s.training.global_batch = 6;
    refuses(&s,
            "training.global_batch: a replica has 6 micro-batches, dualpipe "
            "needs an even number, and at least 8 (twice pipeline)",
            &ctx);
    s.training.global_batch = 8;
    s.plan.zero = 3;
    s.plan.reshard_after_forward = true;
    refuses(&s,
            "plan.reshard_after_forward: true with plan.zero: 3 and the "
            "schedules dualpipe and dualpipe-v is not supported by this "
            "version",
            &ctx);
    lh_ctx_end(&ctx);
}

static void prints_what_it_built(void)
{
    struct lh_ctx ctx = begin();
    struct lh_scenario s = scenario(&ctx, 4);
    struct lh_text text = lh_text_new(ctx.arena);
    struct lh_program p;

    s.plan.pipeline = 2;
    p = build(&s, &ctx);
    lh_program_print(&text, &p);
    LH_CHECK(strncmp(text.s, "program: 4 ranks, 2 stages, 2 templates, ", 41)
             == 0);
    LH_CHECK(strstr(text.s, "template stage 1 of 2 on h100-sxm") != NULL);
    LH_CHECK(strstr(text.s, "  0..3: send of ") != NULL);
    LH_CHECK(strstr(text.s, ", pipeline -1, pipeline_comm, auto") != NULL);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"splits layers with fewer at the ends",
         splits_layers_fewer_at_the_ends},
        {"splits layers as told", splits_layers_as_told},
        {"orders axes by placement", orders_axes_by_placement},
        {"orders passes as published", orders_passes_as_published},
        {"has the ideal bubble", has_the_ideal_bubble},
        {"waits for blocking transfers", waits_for_blocking_transfers},
        {"fills bubbles with weights", fills_bubbles_with_weights},
        {"fills bubbles from both ends", fills_bubbles_from_both_ends},
        {"keeps two copies and one more", keeps_two_copies_and_one_more},
        {"merges a chunk without tensor", merges_a_chunk_without_tensor},
        {"counts tensor communication", counts_tensor_communication},
        {"hides tensor communication", hides_tensor_communication},
        {"sends what is computed", sends_what_is_computed},
        {"shares the causal square", shares_the_causal_square},
        {"exchanges keys and values", exchanges_keys_and_values},
        {"passes blocks beside the core", passes_blocks_beside_the_core},
        {"hides the ring behind the core", hides_the_ring_behind_the_core},
        {"recomputes what it says", recomputes_what_it_says},
        {"reduces the whole buffer at the end",
         reduces_the_whole_buffer_at_the_end},
        {"overlaps buckets with the last backward",
         overlaps_buckets_with_the_last_backward},
        {"closes buckets when full", closes_buckets_when_full},
        {"exchanges tied embeddings", exchanges_tied_embeddings},
        {"holds every parameter once", holds_every_parameter_once},
        {"counts model FLOPs", counts_model_flops},
        {"trains on a million tokens", trains_on_a_million_tokens},
        {"counts FLOPs as Megatron", counts_flops_as_megatron},
        {"keeps activations as published", keeps_activations_as_published},
        {"keeps a part of the sequence", keeps_a_part_of_the_sequence},
        {"keeps fp8 operands", keeps_fp8_operands},
        {"casts by format", casts_by_format},
        {"times fp8 GEMMs", times_fp8_gemms},
        {"trains adapters alone", trains_adapters_alone},
        {"spares gradients of frozen weights",
         spares_gradients_of_frozen_weights},
        {"keeps what is in flight", keeps_what_is_in_flight},
        {"keeps weights and optimizer", keeps_weights_and_optimizer},
        {"times the measured layer", times_the_measured_layer},
        {"times single-node iterations", times_single_node_iterations},
        {"quantises GEMMs", quantises_gemms},
        {"quantises waves and splits by hand",
         quantises_waves_and_splits_by_hand},
        {"bounds GEMMs by peak and by memory",
         bounds_gemms_by_peak_and_by_memory},
        {"times flash attention by version", times_flash_attention_by_version},
        {"stops recomputation early", stops_recomputation_early},
        {"moves more bytes unfused", moves_more_bytes_unfused},
        {"moves the bytes of the loss", moves_the_bytes_of_the_loss},
        {"hides no sum of several products", hides_no_sum_of_several_products},
        {"hides nothing beside frozen weights",
         hides_nothing_beside_frozen_weights},
        {"recomputes every second product", recomputes_every_second_product},
        {"keeps sums and gathers again", keeps_sums_and_gathers_again},
        {"runs products one by one", runs_products_one_by_one},
        {"puts tokens in order", puts_tokens_in_order},
        {"keeps what operators keep", keeps_what_operators_keep},
        {"bounds a segment by dispatch", bounds_a_segment_by_dispatch},
        {"expects the slowest of n", expects_the_slowest_of_n},
        {"expects slow neighbours", expects_slow_neighbours},
        {"waits for the slowest", waits_for_the_slowest},
        {"makes a template a device", makes_a_template_a_device},
        {"builds every combination", builds_every_combination},
        {"finds broken programs", finds_broken_programs},
        {"checks loads", checks_loads},
        {"refuses what it cannot do", refuses_what_it_cannot_do},
        {"refuses parts that do not go together", refuses_pairs},
        {"refuses plans that do not fit", refuses_plans_that_do_not_fit},
        {"prints what it built", prints_what_it_built},
    };

    return lh_unit_run("workload", tests, LH_COUNT(tests));
}
