/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sharded state (ZeRO-2, ZeRO-3, shard groups) with pipeline stages, shared
 * sequences and experts, against closed forms of docs/model.md: what is
 * communicated over which axes, bytes, memory, and the time that shows.
 */
#include "unit.h"

#include "../workloads/workload.h"

#include <longhaul/result.h>

#include <stdio.h>
#include <string.h>

enum {
    CONTEXT = LH_AXIS_BIT(LH_AXIS_CONTEXT),
    EXPERT = LH_AXIS_BIT(LH_AXIS_EXPERT),
    SHARD = LH_AXIS_BIT(LH_AXIS_SHARD),
    DATA = LH_AXIS_BIT(LH_AXIS_DATA),
};

struct built {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
};

static const char tiny[] =
    "{config: " LH_SRCDIR "/tests/golden/tiny_config.json}";

static void build(struct built *b, const char *model, const char *training,
                  const char *plan, int gpus)
{
    memset(b, 0, sizeof *b);
    b->ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(b->ctx.arena);
    lh_text_printf(&text,
                   "longhaul: 1\nmodel: %s\ntraining: {stack: cuda-graphs, "
                   "%s}\nplan: {%s}\nsync: {algorithm: ring}\n"
                   "sites: [{name: a, gpus: %d, device: h100-sxm, fabric: "
                   "switch}]\n",
                   model, training, plan, gpus);
    enum lh_status st = lh_scenario_read_text(
        &b->scenario, "x.yaml", text.s, strlen(text.s), ".", NULL, 0, &b->ctx);
    if (st != LH_OK && lh_diag_total(&b->ctx) > 0)
        LH_CHECK_TEXT(lh_diag_at(&b->ctx, lh_diag_total(&b->ctx) - 1)->text,
                      "");
    LH_REQUIRE(st == LH_OK);
    LH_REQUIRE(lh_program_build(&b->program, &b->scenario, &b->ctx) == LH_OK);
    LH_CHECK(lh_program_check(&b->program, &b->ctx) == LH_OK);
}

static void end(struct built *b)
{
    lh_ctx_end(&b->ctx);
}

struct tally {
    int n;
    double bytes;
};

/* Of a stage, over exactly these axes; axes 0: any. */
static struct tally tally(const struct built *b, int stage,
                          enum lh_collective collective, enum lh_task task,
                          unsigned axes)
{
    const struct lh_template *t = &b->program.templates[stage];
    struct tally all = {0};

    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_comm *c = &b->program.comms[t->ops[i].comm];
        if (t->ops[i].kind != LH_OP_COMM || t->ops[i].task != task
            || c->collective != collective || (axes && c->axes != axes))
            continue;
        all.n++;
        all.bytes += c->bytes;
    }
    return all;
}

static double compute_s(const struct built *b, int stage)
{
    const struct lh_template *t = &b->program.templates[stage];
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++)
        sum += t->ops[i].kind == LH_OP_COMPUTE ? t->ops[i].seconds : 0.0;
    return sum;
}

/* ---- stages -------------------------------------------------------------- */

/* A stage of tiny has two layers and one end; four micro-batches. */
static void stages_gather_and_reduce_once_where_weights_stay(void)
{
    static const char *const schedules[] = {"gpipe", "1f1b", "zero-bubble"};

    for (size_t i = 0; i < LH_COUNT(schedules); i++) {
        struct built b;
        char plan[128];
        snprintf(plan, sizeof plan,
                 "pipeline: 2, zero: 3, reshard_after_forward: false, "
                 "schedule: %s",
                 schedules[i]);
        build(&b, tiny, "global_batch: 16, sequence_length: 512", plan, 8);
        LH_CHECK(b.program.micro_batches == 4);
        for (int s = 0; s < 2; s++) {
            double n = b.program.memory[s].parameters;
            struct tally g = tally(&b, s, LH_ALL_GATHER, LH_TASK_WEIGHTS, DATA);
            struct tally r =
                tally(&b, s, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, DATA);
            LH_CHECK(g.n == 3 && r.n == 3);
            LH_CHECK_NEAR(g.bytes, 2 * n, 1e-12);
            LH_CHECK_NEAR(r.bytes, 4 * n, 1e-12);
            LH_CHECK_NEAR(b.program.memory[s].weights, 2 * n, 1e-12);
            LH_CHECK_NEAR(b.program.memory[s].gradients, 4 * n, 1e-12);
            LH_CHECK_NEAR(b.program.memory[s].optimizer, 12 * n / 4, 1e-12);
        }
        end(&b);
    }
}

/* 1F1B, stage 0: F F B F B F B B.  A backward keeps its weights, so that a
 * forward behind it needs none; the first of a backward's units is the last of
 * the forward before it. */
static void stages_gather_what_a_forward_freed(void)
{
    struct built b;

    build(&b, tiny, "global_batch: 16, sequence_length: 512",
          "pipeline: 2, zero: 3", 8);
    LH_CHECK(tally(&b, 0, LH_ALL_GATHER, LH_TASK_WEIGHTS, DATA).n
             == 3 + 3 + 2 + 0 + 2 + 0 + 2 + 0);
    LH_CHECK(tally(&b, 1, LH_ALL_GATHER, LH_TASK_WEIGHTS, DATA).n
             == 3 + 2 + 4 * 0 + 2 + 2 + 2);
    LH_CHECK(tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, DATA).n == 3);
    end(&b);
}

/* Every chunk gathers once and reduces once; those of dualpipe are stages. */
static void chunks_gather_and_reduce_each(void)
{
    static const struct {
        const char *schedule;
        int units[2];
    } cases[] = {{"interleaved, interleave: 2", {3, 3}},
                 {"dualpipe-v", {4, 2}}, /* both ends are on the first */
                 {"dualpipe", {6, 6}}};

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct built b;
        char plan[128];
        snprintf(plan, sizeof plan,
                 "pipeline: 2, zero: 3, reshard_after_forward: false, "
                 "schedule: %s",
                 cases[i].schedule);
        build(&b, tiny, "global_batch: 16, sequence_length: 512", plan, 8);
        for (int s = 0; s < 2; s++) {
            double n = b.program.memory[s].parameters;
            struct tally g = tally(&b, s, LH_ALL_GATHER, LH_TASK_WEIGHTS, DATA);
            struct tally r =
                tally(&b, s, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, DATA);
            LH_CHECK(g.n == cases[i].units[s] && r.n == cases[i].units[s]);
            LH_CHECK_NEAR(g.bytes, 2 * n, 1e-12);
            LH_CHECK_NEAR(r.bytes, 4 * n, 1e-12);
            LH_CHECK_NEAR(b.program.memory[s].weights, 2 * n, 1e-12);
        }
        end(&b);
    }
}

/* Every backward reduces; a split one with its weights' gradients. */
static void zero_2_reduces_every_micro_batch_of_a_stage(void)
{
    static const char *const schedules[] = {"1f1b", "zero-bubble",
                                            "dualpipe-v"};

    for (size_t i = 0; i < LH_COUNT(schedules); i++) {
        struct built b;
        char plan[96];
        snprintf(plan, sizeof plan,
                 "pipeline: 2, zero: 2, bucket: 1 B, schedule: %s",
                 schedules[i]);
        build(&b, tiny, "global_batch: 16, sequence_length: 512", plan, 8);
        double n = b.program.memory[1].parameters;
        struct tally r =
            tally(&b, 1, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, DATA);
        struct tally g = tally(&b, 1, LH_ALL_GATHER, LH_TASK_WEIGHTS, DATA);
        int units = i < 2 ? 3 : 2;
        LH_CHECK(r.n == 4 * units && g.n == units);
        LH_CHECK_NEAR(r.bytes, 4 * 4 * n, 1e-12);
        LH_CHECK_NEAR(g.bytes, 2 * n, 1e-12);
        end(&b);
    }
}

/* ---- time of stages ------------------------------------------------------ */

/* A ring of four on a switch at 50 GB/s. */
static double ring_s(const struct built *b, const struct lh_topology *topology,
                     double bytes)
{
    struct lh_path path;

    lh_topology_path(&path, topology, 0, 1);
    return b->scenario.stack.collective_base_s + 3 * path.latency_s
           + 0.75 * bytes / 50e9;
}

static double pass_s(const struct built *b, int stage, int micro_batch,
                     bool backward, enum lh_task only)
{
    const struct lh_template *t = &b->program.templates[stage];
    double sum = 0.0;
    int seen = 0;

    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        if (op->kind != LH_OP_COMPUTE || op->micro_batch != micro_batch)
            continue;
        bool of_backward = op->task == LH_TASK_BACKWARD
                           || (op->task != LH_TASK_FORWARD && seen++ > 0);
        if (of_backward == backward
            && (only == LH_TASK_FORWARD || op->task == only))
            sum += op->seconds;
    }
    return sum;
}

static double step_s(struct built *b, struct lh_topology **topology)
{
    enum lh_status status;
    struct lh_trace trace;
    struct lh_result result;

    LH_REQUIRE(lh_topology_build(topology, &b->scenario, &b->ctx) == LH_OK);
    struct lh_sim_point point = {&b->scenario, &b->program, *topology};
    LH_REQUIRE(lh_sim_run_many(&trace, &status, &point, 1, 1, &b->ctx)
               == LH_OK);
    LH_REQUIRE(lh_result_make(&result, &trace, &b->program, *topology, &b->ctx)
               == LH_OK);
    return result.step_time_s - result.breakdown_s[LH_OPTIMIZER];
}

/* Two stages and two micro-batches of long sequences.  At the start the first
 * stage's embedding and first layer are gathered, at the end they are reduced;
 * all else lies beside computation or waiting.  Between them 1F1B: both passes
 * of the slower second stage, a forward and a backward of the first, and two
 * transfers, which share NICs with reductions of the second stage: they may
 * take the longer by as much. */
static void of_two_stages_the_ends_of_the_first_show(void)
{
    struct built b;
    struct lh_topology *topology = NULL;

    build(&b, tiny, "global_batch: 8, sequence_length: 65536",
          "pipeline: 2, zero: 3, reshard_after_forward: false, recompute: "
          "none",
          8);
    double step = step_s(&b, &topology);
    double ends = 32000.0 * 1024;
    double layer = (b.program.memory[0].parameters - ends) / 2;
    double f0 = pass_s(&b, 0, 0, false, LH_TASK_FORWARD);
    double b0 = pass_s(&b, 0, 0, true, LH_TASK_FORWARD);
    double f1 = pass_s(&b, 1, 0, false, LH_TASK_FORWARD);
    double b1 = pass_s(&b, 1, 0, true, LH_TASK_FORWARD);
    LH_REQUIRE(f1 > f0 && b1 > b0);
    double send = b.program.comms[0].bytes / 50e9;
    double start = ring_s(&b, topology, 2 * ends)
                   + ring_s(&b, topology, 2 * layer)
                   - pass_s(&b, 0, 0, false, LH_TASK_EMBEDDING);
    double last = ring_s(&b, topology, 4 * ends)
                  + ring_s(&b, topology, 4 * layer)
                  - pass_s(&b, 0, 0, true, LH_TASK_EMBEDDING);
    double least = start + f0 + 2 * (f1 + b1) + b0 + 2 * send + last;

    LH_CHECK(start + last > 3e-3);
    LH_CHECK(step > least);
    LH_CHECK(step < least + 4 * layer / 50e9 + 1e-4);
    lh_topology_free(topology);
    end(&b);
}

/* ---- context ------------------------------------------------------------- */

/* Groups are replicas x context: of all, and of plan.shard of them. */
static void shards_span_the_sequence(void)
{
    struct built b;

    build(&b, tiny, "global_batch: 4, sequence_length: 512",
          "context: 4, tensor: 2, zero: 3", 32);
    double n = b.program.memory[0].parameters;
    struct tally r =
        tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, CONTEXT | DATA);
    LH_CHECK(r.n == 6);
    LH_CHECK_NEAR(r.bytes, 4 * n, 1e-12);
    LH_CHECK_NEAR(b.program.memory[0].optimizer, 12 * n / (4 * 4), 1e-12);
    end(&b);

    build(&b, tiny, "global_batch: 4, sequence_length: 512",
          "context: 4, tensor: 2, zero: 3, shard: 2", 32);
    LH_CHECK(b.program.axes.size[LH_AXIS_SHARD] == 2);
    LH_CHECK(b.program.axes.size[LH_AXIS_DATA] == 2);
    r = tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, CONTEXT | SHARD);
    LH_CHECK_NEAR(r.bytes, 4 * n, 1e-12);
    r = tally(&b, 0, LH_ALL_REDUCE, LH_TASK_GRADIENTS, DATA);
    LH_CHECK_NEAR(r.bytes, 4 * n / (4 * 2), 1e-12);
    LH_CHECK_NEAR(b.program.memory[0].optimizer, 12 * n / (4 * 2), 1e-12);
    end(&b);
}

/* ---- experts ------------------------------------------------------------- */

/* Of one accelerator of 8 that share Mixtral's experts. */
static const double routed = 32 * 3 * 4096.0 * 14336;

static void experts_lie_on_fewer_replicas(void)
{
    struct built b;

    build(&b, "mixtral-8x7b", "global_batch: 32, sequence_length: 2048",
          "expert: 8, context: 2, zero: 3", 64);
    double dense = b.program.memory[0].parameters - routed;
    struct tally r = tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS,
                           CONTEXT | EXPERT | DATA);
    struct tally g =
        tally(&b, 0, LH_ALL_GATHER, LH_TASK_WEIGHTS, CONTEXT | DATA);
    LH_CHECK_NEAR(r.bytes, 4 * dense, 1e-12);
    r = tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, CONTEXT | DATA);
    LH_CHECK(r.n == 32 && g.n == 2 * 32);
    LH_CHECK_NEAR(r.bytes, 4 * routed, 1e-12);
    LH_CHECK_NEAR(g.bytes, 2 * 2 * routed, 1e-12);
    LH_CHECK_NEAR(b.program.memory[0].optimizer, 12 * (dense / 64 + routed / 8),
                  1e-12);
    end(&b);
}

/* Groups of 16 replicas hold every expert twice; a group of 8 holds each once,
 * whole, and only its replicas in other groups are summed. */
static void groups_hold_whole_experts(void)
{
    static const int groups[] = {16, 8};

    for (size_t i = 0; i < LH_COUNT(groups); i++) {
        struct built b;
        int n = groups[i];
        char plan[64];
        snprintf(plan, sizeof plan, "expert: 8, zero: 3, shard: %d", n);
        build(&b, "mixtral-8x7b", "global_batch: 32, sequence_length: 2048",
              plan, 32);
        double dense = b.program.memory[0].parameters - routed;
        LH_CHECK(b.program.axes.size[LH_AXIS_SHARD] == n / 8);
        LH_CHECK(b.program.axes.size[LH_AXIS_DATA] == 32 / n);
        struct tally r =
            tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, EXPERT | SHARD);
        LH_CHECK_NEAR(r.bytes, 4 * dense, 1e-12);
        r = tally(&b, 0, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, SHARD);
        LH_CHECK_NEAR(r.bytes, n == 16 ? 4 * routed : 0.0, 1e-12);
        r = tally(&b, 0, LH_ALL_REDUCE, LH_TASK_GRADIENTS, DATA);
        LH_CHECK_NEAR(r.bytes, 4 * (dense / n + routed * 8 / n), 1e-12);
        LH_CHECK_NEAR(b.program.memory[0].optimizer,
                      12 * (dense / n + routed * 8 / n), 1e-12);
        end(&b);
    }
}

/* A split backward has the same kernels in another order. */
static void split_experts_compute_as_much(void)
{
    struct built whole, split;

    build(&whole, "mixtral-8x7b", "global_batch: 64, sequence_length: 2048",
          "pipeline: 2, expert: 8, zero: 2, tensor: 2", 32);
    build(&split, "mixtral-8x7b", "global_batch: 64, sequence_length: 2048",
          "pipeline: 2, expert: 8, zero: 2, tensor: 2, schedule: zero-bubble",
          32);
    for (int s = 0; s < 2; s++)
        LH_CHECK_NEAR(compute_s(&split, s), compute_s(&whole, s), 1e-9);
    LH_CHECK(tally(&split, 1, LH_ALL_TO_ALL, LH_TASK_DISPATCH, EXPERT).n
             == tally(&whole, 1, LH_ALL_TO_ALL, LH_TASK_DISPATCH, EXPERT).n);
    end(&split);
    end(&whole);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"stages gather and reduce once where weights stay",
         stages_gather_and_reduce_once_where_weights_stay},
        {"stages gather what a forward freed",
         stages_gather_what_a_forward_freed},
        {"chunks gather and reduce each", chunks_gather_and_reduce_each},
        {"zero 2 reduces every micro-batch of a stage",
         zero_2_reduces_every_micro_batch_of_a_stage},
        {"of two stages the ends of the first show",
         of_two_stages_the_ends_of_the_first_show},
        {"shards span the sequence", shards_span_the_sequence},
        {"experts lie on fewer replicas", experts_lie_on_fewer_replicas},
        {"groups hold whole experts", groups_hold_whole_experts},
        {"split experts compute as much", split_experts_compute_as_much},
    };

    return lh_unit_run("shard groups", tests, LH_COUNT(tests));
}
