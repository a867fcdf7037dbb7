/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reductions over sites in levels, updates beside the next forward, islands of
 * several shard groups, experts across sites (workloads/sync/levels.c,
 * every_step.c, outer.c): what goes over which axes, and the time that shows,
 * by hand.
 *
 *   levels    of two buckets the fibre is never idle between the first and the
 *             last: alpha + 4 N / C, where whole reductions of K buckets are K
 *             alpha + 4 N / C
 *   forward   all computing, and at either end of a step what the embedding and
 *             the first layer leave
 *   experts   half of what every member sends crosses, beside 4 B a dense
 *             parameter
 */
#include "unit.h"
#include "whole_run.h"

#include <longhaul/result.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    EXPERT = LH_AXIS_BIT(LH_AXIS_EXPERT),
    SHARD = LH_AXIS_BIT(LH_AXIS_SHARD),
    GROUP = LH_AXIS_BIT(LH_AXIS_GROUP),
    DATA = LH_AXIS_BIT(LH_AXIS_DATA),
};

#define TINY "{config: " LH_SRCDIR "/tests/golden/tiny_config.json}"
#define LONG                                                                   \
    "\nfibres: [{between: [a, b], length: 5000 km, bandwidth: 1 Gbit/s}]"

/* Two sites of so many H100 behind a switch, the second may be none. */
struct wanted {
    const char *model, *training, *plan, *rest;
    int a, b;
};

static void build(struct whole_run *r, const struct wanted *w)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(ctx.arena);

    lh_text_printf(&text,
                   "longhaul: 1\nmodel: %s\ntraining: {stack: cuda-graphs, "
                   "%s}\nplan: {%s}\n"
                   "sites:\n  - {name: a, gpus: %d, device: h100-sxm, fabric: "
                   "switch}\n",
                   w->model, w->training, w->plan, w->a);
    if (w->b > 0)
        lh_text_printf(&text,
                       "  - {name: b, gpus: %d, device: h100-sxm, fabric: "
                       "switch}%s\n",
                       w->b, strstr(w->rest, "fibres") ? "" : LONG);
    lh_text_printf(&text, "%s\n", w->rest);
    whole_run_build(r, text.s, NULL, 0);
    lh_ctx_end(&ctx);
}

static void run(struct whole_run *r, const struct wanted *w)
{
    build(r, w);
    whole_run_simulate(r);
    LH_CHECK(r->result.steady);
}

/* Of stage 0, over exactly these axes. */
static struct tally tally(const struct whole_run *r,
                          enum lh_collective collective, enum lh_task task,
                          unsigned axes)
{
    return program_tally(
        &r->program, (struct tally_of){collective, axes, (int)task, TALLY_ANY});
}

static double parameters(const struct whole_run *r)
{
    return r->program.memory[0].parameters;
}

/* ---- levels -------------------------------------------------------------- */

/* Four replicas a site: a quarter of each bucket is between the sites. */
static void levels_are_of_a_site_and_of_its_parts(void)
{
    for (int zero = 0; zero < 2; zero++) {
        char plan[96];
        struct whole_run r;
        snprintf(plan, sizeof plan,
                 "zero: %d, bucket: 1 B, overlap: {levels: true}", zero);
        build(&r, &(struct wanted){TINY, "global_batch: 8", plan, "", 4, 4});
        double n = parameters(&r);
        enum lh_collective inner = LH_REDUCE_SCATTER;
        enum lh_collective outer = zero ? LH_REDUCE_SCATTER : LH_ALL_REDUCE;
        enum lh_task back = zero ? LH_TASK_WEIGHTS : LH_TASK_GRADIENTS;
        struct tally t = tally(&r, inner, LH_TASK_GRADIENTS, SHARD);
        LH_CHECK(t.n == 6);
        LH_CHECK_NEAR(t.bytes, 4 * n, 1e-12);
        t = tally(&r, outer, LH_TASK_GRADIENTS, DATA);
        LH_CHECK(t.n == 6);
        LH_CHECK_NEAR(t.bytes, 4 * n / 4, 1e-12);
        t = tally(&r, LH_ALL_GATHER, back, SHARD);
        LH_CHECK(t.n == 6);
        LH_CHECK_NEAR(t.bytes, (zero ? 2 : 4) * n, 1e-12);
        t = tally(&r, LH_ALL_GATHER, LH_TASK_WEIGHTS, DATA);
        LH_CHECK(t.n == (zero ? 6 : 0));
        LH_CHECK_NEAR(t.bytes, zero * 2 * n / 4, 1e-12);
        LH_CHECK_NEAR(r.program.memory[0].optimizer, 12 * n / (zero ? 8 : 1),
                      1e-12);
        whole_run_end(&r);
    }
}

/* Two divides four and six: groups of two, five of them. */
static void unequal_sites_have_groups_that_divide_both(void)
{
    struct whole_run r;

    build(&r, &(struct wanted){TINY, "global_batch: 10",
                               "overlap: {levels: true}", "", 4, 6});
    LH_CHECK(r.program.axes.size[LH_AXIS_SHARD] == 2);
    LH_CHECK(r.program.axes.size[LH_AXIS_DATA] == 5);
    LH_CHECK_NEAR(tally(&r, LH_ALL_REDUCE, LH_TASK_GRADIENTS, DATA).bytes,
                  4 * parameters(&r) / 2, 1e-12);
    whole_run_end(&r);
}

/* Experts on two accelerators, each twice in a site: a member has a quarter of
 * the rest and half of its experts. */
static void experts_have_levels_of_their_own(void)
{
    struct whole_run r;

    build(&r, &(struct wanted){"mixtral-8x7b", "global_batch: 8",
                               "expert: 2, bucket: 1 TB, overlap: {levels: "
                               "true}",
                               "", 4, 4});
    double routed = 32 * 4 * 3 * 4096.0 * 14336; /* four experts a layer */
    double dense = parameters(&r) - routed;
    LH_CHECK_NEAR(
        tally(&r, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, SHARD | EXPERT).bytes,
        4 * dense, 1e-12);
    LH_CHECK_NEAR(tally(&r, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, SHARD).bytes,
                  4 * routed, 1e-12);
    LH_CHECK_NEAR(tally(&r, LH_ALL_REDUCE, LH_TASK_GRADIENTS, DATA).bytes,
                  4 * (dense / 4 + routed / 2), 1e-12);
    whole_run_end(&r);
}

/* From the first op between sites to the last. */
static double between_s(const char *plan)
{
    struct whole_run r;
    double first_s = INFINITY, last_s = 0;

    run(&r, &(struct wanted){TINY, "global_batch: 4, sequence_length: 512",
                             plan, "sync: {algorithm: hierarchical}", 2, 2});
    const struct lh_trace *t = &r.trace;
    for (int64_t i = 0; i < t->n_records; i++) {
        if (t->group[i] < 0 || !t->group_wan[t->group[i]]
            || r.program.comms[t->group_comm[t->group[i]]].bytes < 1e5)
            continue;
        first_s = fmin(first_s, t->start_s[i]);
        last_s = fmax(last_s, t->end_s[i]);
    }
    whole_run_end(&r);
    return last_s - first_s;
}

/* A layer's 61 MB take 0.5 s on the fibre, the round trip 49 ms.  Two buckets
 * of 253 MB: the latency of the second is behind the first's bytes.  Of six at
 * most every second shows: there are two in flight. */
static void the_fibre_is_not_idle_for_the_latency_of_a_bucket(void)
{
    struct whole_run r;

    build(&r, &(struct wanted){TINY, "global_batch: 4", "tensor: 1", "", 2, 2});
    double bytes_s = 4 * parameters(&r) / (1e9 / 8);
    whole_run_end(&r);
    double whole_s = between_s("bucket: 1 TB") - bytes_s;
    LH_CHECK(whole_s > 2 * 5e6 * 4.9e-9 && whole_s < 2 * 5e6 * 4.9e-9 + 2e-4);
    LH_CHECK_NEAR(between_s("bucket: 1 B") - bytes_s, 6 * whole_s, 1e-6);
    double alpha_s =
        between_s("bucket: 1 TB, overlap: {levels: true}") - bytes_s;
    LH_CHECK(alpha_s > 2 * 5e6 * 4.9e-9 && alpha_s < whole_s);
    LH_CHECK_NEAR(between_s("bucket: 200 MB") - bytes_s, 2 * whole_s, 1e-6);
    LH_CHECK_NEAR(between_s("bucket: 200 MB, overlap: {levels: true}")
                      - bytes_s,
                  alpha_s, 1e-6);
    double six_s = between_s("bucket: 1 B, overlap: {levels: true}") - bytes_s;
    LH_CHECK(six_s >= alpha_s * (1 - 1e-9) && six_s <= 3 * alpha_s);
}

/* ---- the next forward ---------------------------------------------------- */

/* Seconds of the k-th op of a kind in the step. */
static double op_s(const struct whole_run *r, enum lh_op_kind kind,
                   enum lh_collective collective, int k)
{
    const struct lh_template *t = &r->program.templates[0];

    for (int32_t i = 0; i < t->n_ops; i++) {
        if (t->ops[i].kind != kind
            || (kind == LH_OP_COMM
                && r->program.comms[t->ops[i].comm].collective != collective)
            || k-- > 0)
            continue;
        return kind == LH_OP_COMM ? r->trace.end_s[i] - r->trace.start_s[i]
                                  : t->ops[i].seconds;
    }
    LH_REQUIRE(false);
    return 0;
}

static double compute_s(const struct whole_run *r, enum lh_task task)
{
    const struct lh_template *t = &r->program.templates[0];
    double sum = 0;

    for (int32_t i = 0; i < t->n_ops; i++)
        sum += t->ops[i].kind == LH_OP_COMPUTE
                       && (task == LH_TASK_NORM || t->ops[i].task == task)
                   ? t->ops[i].seconds
                   : 0;
    return sum;
}

/* A layer computes for longer than it communicates.  Ops 0 and 1 of zero 0 are
 * the embedding's update and forward; reductions end with the first layer's and
 * the embedding's, gathers begin with them. */
static void gradients_are_gathered_beside_the_next_forward(void)
{
    struct whole_run r;

    run(&r,
        &(struct wanted){TINY,
                         "global_batch: 32, micro_batch: 8, "
                         "sequence_length: 4096",
                         "bucket: 1 B, overlap: {forward: true}", "", 4, 0});
    double begin_s = op_s(&r, LH_OP_COMPUTE, 0, 0);
    double embed_s = op_s(&r, LH_OP_COMPUTE, 0, 1);
    double gather_s = op_s(&r, LH_OP_COMM, LH_ALL_GATHER, 0);
    double next_s = op_s(&r, LH_OP_COMM, LH_ALL_GATHER, 1);
    double reduce_s = op_s(&r, LH_OP_COMM, LH_REDUCE_SCATTER, 5);
    double before_s = op_s(&r, LH_OP_COMM, LH_REDUCE_SCATTER, 4);
    const struct lh_template *t = &r.program.templates[0];
    int32_t last = t->n_ops - 1;
    while (t->ops[last].kind != LH_OP_COMPUTE)
        last--;
    LH_CHECK(t->ops[0].task == LH_TASK_OPTIMIZER);
    LH_CHECK(next_s > begin_s + embed_s && before_s > t->ops[last].seconds);
    LH_CHECK_NEAR(r.result.step_time_s,
                  compute_s(&r, LH_TASK_NORM) + gather_s
                      + (next_s - begin_s - embed_s) + reduce_s
                      + (before_s - t->ops[last].seconds),
                  1e-4);
    LH_CHECK(tally(&r, LH_ALL_REDUCE, LH_TASK_NORM, DATA).n == 0);
    whole_run_end(&r);
}

/* On a fibre that is never idle the step is what it carries: with either
 * overlap 4 N each way and half of the latencies of two buckets in turn. */
static void a_step_that_the_fibre_fills_is_its_bytes(void)
{
    static const char *const plans[] = {
        "bucket: 1 B, overlap: {forward: true, levels: true}",
        "zero: 1, bucket: 1 B, overlap: {forward: true, levels: true}"};
    for (size_t i = 0; i < LH_COUNT(plans); i++) {
        struct whole_run r;
        run(&r, &(struct wanted){TINY, "global_batch: 4, sequence_length: 512",
                                 plans[i], "", 2, 2});
        double n = parameters(&r);
        double bytes_s = (i == 0 ? 4 : 3) * n / (1e9 / 8);
        double rest_s = r.result.step_time_s - bytes_s;
        double alone_s = compute_s(&r, LH_TASK_NORM);
        LH_CHECK(rest_s > 0);
        LH_CHECK(rest_s < alone_s + 2 * 2 * 5e6 * 4.9e-9);
        whole_run_end(&r);
    }
}

/* ---- islands ------------------------------------------------------------- */

/* Two islands of eight, each two groups of four. */
static void an_island_of_groups_gathers_what_each_has_merged(void)
{
    struct whole_run r;

    build(&r, &(struct wanted){TINY, "global_batch: 16",
                               "zero: 1, shard: 4, bucket: 1 TB",
                               "sync: {kind: diloco, every: 10}", 8, 8});
    double n = parameters(&r);
    LH_CHECK(r.program.axes.size[LH_AXIS_SHARD] == 4);
    LH_CHECK(r.program.axes.size[LH_AXIS_GROUP] == 2);
    LH_CHECK(r.program.axes.size[LH_AXIS_DATA] == 2);
    LH_CHECK_NEAR(tally(&r, LH_REDUCE_SCATTER, LH_TASK_GRADIENTS, SHARD).bytes,
                  4 * n, 1e-12);
    LH_CHECK_NEAR(tally(&r, LH_ALL_REDUCE, LH_TASK_GRADIENTS, GROUP).bytes, n,
                  1e-12);
    LH_CHECK_NEAR(tally(&r, LH_ALL_REDUCE, LH_TASK_OUTER, DATA).bytes,
                  4 * n / 8, 1e-12);
    LH_CHECK_NEAR(tally(&r, LH_ALL_GATHER, LH_TASK_WEIGHTS, GROUP).bytes,
                  2 * n / 4, 1e-12);
    /* Adam's over the group; outer state and payload over the island */
    LH_CHECK_NEAR(r.program.memory[0].optimizer,
                  12 * n / 4 + 8 * n / 8 + 4 * n / 8, 1e-12);
    whole_run_end(&r);
}

/* Of a step, its islands' agreement left out. */
static double outer_s(const char *plan)
{
    struct whole_run r;

    run(&r, &(struct wanted){TINY, "global_batch: 16", plan,
                             "sync: {kind: diloco, every: 4}", 8, 8});
    double cycle_s = 4 * r.result.step_time_s;
    whole_run_end(&r);
    run(&r, &(struct wanted){TINY, "global_batch: 8", plan, "", 8, 0});
    double alone_s = r.result.step_time_s;
    whole_run_end(&r);
    return cycle_s - 4 * alone_s;
}

/* The same agreement, and N/4 in bf16 between two groups: one half each way. */
static void the_groups_gather_is_what_islands_of_groups_cost(void)
{
    struct whole_run r;

    build(&r, &(struct wanted){TINY, "global_batch: 8", "zero: 1", "", 8, 0});
    double bytes_s = 2 * parameters(&r) / 4 / 2 / 50e9;
    whole_run_end(&r);
    double more_s = outer_s("zero: 1, shard: 4") - outer_s("zero: 1");
    LH_CHECK(more_s > bytes_s && more_s < bytes_s + 1e-4);
}

/* What islands agree on stands between the updates and the gathers: the same,
 * and in its step the updates that the first gather hides elsewhere. */
static void islands_agree_before_what_is_gathered_beside_the_forward(void)
{
    struct whole_run r;

    build(&r, &(struct wanted){TINY, "global_batch: 8",
                               "zero: 1, overlap: {forward: true}", "", 8, 0});
    double updates_s = compute_s(&r, LH_TASK_OPTIMIZER);
    whole_run_end(&r);
    double apart_s = outer_s("zero: 1, overlap: {forward: true}");
    double plain_s = outer_s("zero: 1");
    LH_CHECK(plain_s > 1);
    LH_CHECK(apart_s > plain_s * (1 - 1e-9));
    LH_CHECK(apart_s < plain_s + updates_s * (1 + 1e-9));
}

/* Either copy of a chunk agrees on half of its shard; of dualpipe-v there is
 * one, of whole shards. */
static void dualpipe_s_copies_agree_on_half_each(void)
{
    static const char *const plans[] = {
        "pipeline: 2, zero: 1, schedule: dualpipe",
        "pipeline: 2, zero: 1, schedule: dualpipe-v"};
    for (size_t i = 0; i < LH_COUNT(plans); i++) {
        struct whole_run r;
        build(&r, &(struct wanted){TINY, "global_batch: 32", plans[i],
                                   "sync: {kind: diloco, every: 10}", 8, 8});
        double n = parameters(&r); /* four replicas a site */
        LH_CHECK_NEAR(tally(&r, LH_ALL_REDUCE, LH_TASK_OUTER, DATA).bytes,
                      4 * n / 4 / (i == 0 ? 2 : 1), 1e-12);
        whole_run_end(&r);
    }
}

/* ---- experts across sites ------------------------------------------------ */

/* Eight experts on two sites of four.  Forward and backward of 32 layers send
 * 2 visits of 2,048 tokens of 4,096 values in bf16, out and back; four members
 * a site send half of it over the fibre. */
static void half_of_what_visits_experts_crosses(void)
{
    struct whole_run r;
    double sent = 2 * 2048.0 * 4096 * 2;

    run(&r,
        &(struct wanted){"mixtral-8x7b",
                         "global_batch: 8, sequence_length: 2048", "expert: 8",
                         "placement: {across_sites: expert}\n"
                         "sync: {algorithm: hierarchical}\n"
                         "fibres: [{between: [a, b], length: 10 km, "
                         "bandwidth: 100 Gbit/s}]",
                         4, 4});
    double routed = 32 * 3 * 4096.0 * 14336; /* one expert a layer */
    double bytes = 0;
    for (int i = 0; i < r.result.n_links; i++)
        if (r.result.links[i].kind == LH_LINK_WAN)
            bytes = r.result.links[i].bytes;
    LH_CHECK_NEAR(
        bytes, 32 * 4 * (4 * sent / 2) + 4 * (parameters(&r) - routed), 1e-9);
    LH_CHECK(r.result.breakdown_s[LH_WAN_COMM] > r.result.step_time_s / 2);
    whole_run_end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"levels are of a site and of its parts",
         levels_are_of_a_site_and_of_its_parts},
        {"unequal sites have groups that divide both",
         unequal_sites_have_groups_that_divide_both},
        {"experts have levels of their own", experts_have_levels_of_their_own},
        {"the fibre is not idle for the latency of a bucket",
         the_fibre_is_not_idle_for_the_latency_of_a_bucket},
        {"gradients are gathered beside the next forward",
         gradients_are_gathered_beside_the_next_forward},
        {"a step that the fibre fills is its bytes",
         a_step_that_the_fibre_fills_is_its_bytes},
        {"an island of groups gathers what each has merged",
         an_island_of_groups_gathers_what_each_has_merged},
        {"the groups' gather is what islands of groups cost",
         the_groups_gather_is_what_islands_of_groups_cost},
        {"islands agree before what is gathered beside the forward",
         islands_agree_before_what_is_gathered_beside_the_forward},
        {"dualpipe's copies agree on half each",
         dualpipe_s_copies_agree_on_half_each},
        {"half of what visits experts crosses",
         half_of_what_visits_experts_crosses},
    };

    return lh_unit_run("levels", tests, LH_COUNT(tests));
}
