/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sharded gradients and weights (ZeRO-2, ZeRO-3, shard groups): what is
 * communicated and when, memory, and simulated steps of
 * tests/golden/fsdp.yaml against closed forms of docs/model.md.
 */
#include "unit.h"
#include "whole_run.h"

#include "../workloads/workload.h"

#include <longhaul/result.h>

#include <math.h>
#include <string.h>

/* ---- a run of tests/golden/fsdp.yaml ------------------------------------- */

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_trace trace;
    struct lh_result result;
};

static void run_build(struct run *r, const struct lh_setting *settings, int n)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_scenario_read(&r->scenario,
                                LH_SRCDIR "/tests/golden/fsdp.yaml", settings,
                                n, &r->ctx)
               == LH_OK);
    LH_REQUIRE(lh_program_build(&r->program, &r->scenario, &r->ctx) == LH_OK);
    LH_CHECK(lh_program_check(&r->program, &r->ctx) == LH_OK);
}

static void run_begin(struct run *r, const struct lh_setting *settings, int n)
{
    enum lh_status status;

    run_build(r, settings, n);
    LH_REQUIRE(lh_topology_build(&r->topology, &r->scenario, &r->ctx) == LH_OK);
    struct lh_sim_point point = {&r->scenario, &r->program, r->topology};
    LH_REQUIRE(lh_sim_run_many(&r->trace, &status, &point, 1, 1, &r->ctx)
               == LH_OK);
    LH_REQUIRE(
        lh_result_make(&r->result, &r->trace, &r->program, r->topology, &r->ctx)
        == LH_OK);
}

static void run_end(struct run *r)
{
    lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}

/* ---- what is communicated ------------------------------------------------ */

static struct tally tally(const struct run *r, enum lh_collective collective,
                          enum lh_stream stream, unsigned axes)
{
    return program_tally(
        &r->program,
        (struct tally_of){collective, axes, TALLY_ANY, (int)stream});
}

enum {
    SHARD = LH_AXIS_BIT(LH_AXIS_SHARD),
    DATA = LH_AXIS_BIT(LH_AXIS_DATA),
};

/* 4 layers and two ends, two micro-batches; N parameters, E of the embedding,
 * H of the head. */
static double parameters(const struct run *r)
{
    return (double)r->scenario.model.parameters;
}

static double head_parameters(void)
{
    return 32000.0 * 1024 + 1024;
}

static void gathers_for_every_pass_but_the_heads_backward(void)
{
    struct run r;
    run_build(&r, NULL, 0);
    struct tally gathers = tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD);
    struct tally scatters = tally(&r, LH_REDUCE_SCATTER, LH_STREAM_DATA, SHARD);
    struct tally sums = tally(&r, LH_ALL_REDUCE, LH_STREAM_REPLICAS, DATA);
    double n = parameters(&r);

    LH_CHECK(r.program.axes.size[LH_AXIS_SHARD] == 8);
    LH_CHECK(r.program.axes.size[LH_AXIS_DATA] == 2);
    LH_CHECK(gathers.n == 2 * (6 + 5));
    LH_CHECK_NEAR(gathers.bytes, 2 * 2.0 * (2 * n - head_parameters()), 1e-12);
    LH_CHECK(scatters.n == 2 * 6);
    LH_CHECK_NEAR(scatters.bytes, 2 * 4.0 * n, 1e-12);
    LH_CHECK(sums.n == 6); /* once a step */
    LH_CHECK_NEAR(sums.bytes, 4.0 * n / 8, 1e-12);
    run_end(&r);
}

static void keeps_what_is_not_resharded(void)
{
    struct lh_setting keep[] = {{"plan.reshard_after_forward", "false"}};
    struct run r;
    run_build(&r, keep, 1);
    struct tally gathers = tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD);
    LH_CHECK(gathers.n == 2 * 6);
    LH_CHECK_NEAR(gathers.bytes, 2 * 2.0 * parameters(&r), 1e-12);
    run_end(&r);
}

/* All forwards first: the head's weights are freed but for the last one's. */
static void gathers_the_head_again_where_others_came_between(void)
{
    struct lh_setting gpipe[] = {{"plan.schedule", "gpipe"},
                                 {"plan.reshard_after_forward", "true"}};
    struct run r;
    run_build(&r, gpipe, 2);
    LH_CHECK(tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD).n
             == 6 + 6 + 5 + 6);
    run_end(&r);
    gpipe[1].value = "false"; /* kept from the first forward to a backward */
    run_build(&r, gpipe, 2);
    LH_CHECK(tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD).n == 6 + 6);
    run_end(&r);
}

static void zero_2_reduces_every_micro_batch_and_gathers_once(void)
{
    struct lh_setting settings[] = {{"plan.zero", "2"}, {"plan.bucket", "1 B"}};
    struct run r;
    run_build(&r, settings, 2);
    struct tally scatters = tally(&r, LH_REDUCE_SCATTER, LH_STREAM_DATA, SHARD);
    struct tally gathers = tally(&r, LH_ALL_GATHER, LH_STREAM_DATA, SHARD);
    LH_CHECK(scatters.n == 2 * 6);
    LH_CHECK_NEAR(scatters.bytes, 2 * 4.0 * parameters(&r), 1e-12);
    LH_CHECK(gathers.n == 6);
    LH_CHECK_NEAR(gathers.bytes, 2.0 * parameters(&r), 1e-12);
    run_end(&r);
}

static void a_tied_head_gathers_the_embedding(void)
{
    struct run r;
    run_build(&r, NULL, 0);
    double apart = tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD).bytes;
    r.scenario.model.tied_embeddings = true;
    LH_REQUIRE(lh_program_build(&r.program, &r.scenario, &r.ctx) == LH_OK);
    double tied = tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD).bytes;
    LH_CHECK_NEAR(tied, apart, 1e-12);
    run_end(&r);
}

/* ---- memory -------------------------------------------------------------- */

static struct lh_memory memory_of(struct lh_setting *settings, int n)
{
    struct run r;
    run_build(&r, settings, n);
    struct lh_memory m = r.program.memory[0];
    run_end(&r);
    return m;
}

static void memory_is_shards_and_what_is_whole_for_a_while(void)
{
    struct lh_setting settings[] = {{"plan.prefetch", "1"}};
    struct run r;
    run_build(&r, settings, 1);
    const struct lh_memory *m = &r.program.memory[0];
    double n = parameters(&r), ends = 32000.0 * 1024;
    double layer = (n - 2 * ends - 1024) / 4;

    /* A layer and an end are the most of two passes in a row. */
    LH_CHECK_NEAR(m->weights, 2 * (layer + ends + 1024), 1e-12);
    LH_CHECK_NEAR(m->gradients, 4 * n / 8 + 4 * (layer + ends + 1024), 1e-12);
    LH_CHECK_NEAR(m->optimizer, 12 * n / 8, 1e-12);
    run_end(&r);

    settings[0] = (struct lh_setting){"training.gradient_precision", "bf16"};
    LH_CHECK_NEAR(memory_of(settings, 1).gradients,
                  4 * n / 8 + 2 * (layer + ends + 1024), 1e-12);
    settings[0] = (struct lh_setting){"plan.prefetch", "0"};
    LH_CHECK_NEAR(memory_of(settings, 1).weights, 2 * (ends + 1024), 1e-12);
    settings[0] = (struct lh_setting){"plan.reshard_after_forward", "false"};
    LH_CHECK_NEAR(memory_of(settings, 1).weights, 2 * n, 1e-12);
    settings[0] = (struct lh_setting){"plan.overlap.gradients", "false"};
    LH_CHECK_NEAR(memory_of(settings, 1).gradients,
                  4 * n / 8 + 4 * (ends + 1024), 1e-12);
}

/* 12 bytes a logit in PyTorch, 4 in place: 2,048 tokens, 32,000 words. */
static void memory_holds_the_loss(void)
{
    struct lh_setting eager = {"training.stack", "pytorch-eager"};
    struct lh_setting in_place = {"training.stack", "fsdp-pytorch"};

    LH_CHECK_NEAR(memory_of(&eager, 1).activations
                      - memory_of(&in_place, 1).activations,
                  (12.0 - 4.0) * 2048 * 32000, 1e-9);
}

/* Kernels of all compute operations. */
static double kernel_seconds(const struct run *r)
{
    const struct lh_template *t = &r->program.templates[0];
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->ops[i].kind == LH_OP_COMPUTE)
            sum += t->ops[i].seconds - t->ops[i].gap_s - t->ops[i].slowest_s;
    return sum;
}

/* Bytes of device memory that ZeRO-3 moves beyond ZeRO-2, a weight of a layer.
 */
static double bytes_more(struct lh_setting *settings, int n, double ends)
{
    double seconds[2];
    struct run r;
    double layers = 0.0, rate = 1.0;

    for (int i = 0; i < 2; i++) {
        settings[0] = (struct lh_setting){"plan.zero", i == 0 ? "2" : "3"};
        run_build(&r, settings, n);
        const struct lh_device *d = &r.scenario.sites[0].device;
        layers = parameters(&r) - ends;
        rate = d->memory_bytes_per_s * d->memory_frac;
        seconds[i] = kernel_seconds(&r);
        run_end(&r);
    }
    return (seconds[1] - seconds[0]) * rate / layers;
}

/* With a pipeline weights stay, and so do both copies: one of 5 each a step in
 * place of 6. */
static void casts_once_what_stays(void)
{
    struct lh_setting settings[] = {{"plan.zero", "3"},
                                    {"training.stack", "megatron"},
                                    {"training.precision", "fp8"},
                                    {"plan.recompute", "none"},
                                    {"plan.pipeline", "2"},
                                    {"plan.shard", "4"},
                                    {"plan.reshard_after_forward", "false"}};

    /* half of the layers are of the first stage */
    LH_CHECK_NEAR(2 * bytes_more(settings, 7, 2 * 32000.0 * 1024 + 1024),
                  5 + 5 - 6, 1e-9);
}

/* Two micro-batches: forward 5 (largest, in, out), backward 6 where its forward
 * runs again, and 5 where it does not, in place of 6 once a step.  Gathered in
 * fp8: transposed for each backward in place of once a step. */
static void casts_what_it_gathers(void)
{
    struct lh_setting settings[] = {{"plan.zero", "3"},
                                    {"training.stack", "megatron"},
                                    {"training.precision", "bf16"},
                                    {"plan.recompute", "full"},
                                    {"plan.gather_precision", "fp8"}};
    double ends = 2 * 32000.0 * 1024 + 1024;

    LH_CHECK_NEAR(1 + bytes_more(settings, 4, ends), 1, 1e-9);
    settings[2].value = "fp8";
    LH_CHECK_NEAR(bytes_more(settings, 4, ends), 2 * (5 + 6) - 6, 1e-9);
    LH_CHECK_NEAR(bytes_more(settings, 5, ends), 2 * 2 - 2, 1e-9);
    settings[3].value = "none";
    LH_CHECK_NEAR(bytes_more(settings, 4, ends), 2 * (5 + 5) - 6, 1e-9);
}

/* A byte a weight of a layer, two of the ends: by ZeRO-3 for every pass, by
 * ZeRO-2 once. */
static void gathers_a_byte_a_weight(void)
{
    struct lh_setting settings[] = {{"training.precision", "fp8"},
                                    {"plan.gather_precision", "fp8"},
                                    {"plan.zero", "2"}};
    double end = 32000.0 * 1024, layers;
    struct run r;

    run_build(&r, settings, 2);
    layers = parameters(&r) - 2 * end - 1024;
    LH_CHECK_NEAR(tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, SHARD).bytes,
                  2 * (2 * layers + 2 * 2 * end + 2 * (end + 1024)), 1e-12);
    run_end(&r);
    run_build(&r, settings, 3);
    LH_CHECK_NEAR(tally(&r, LH_ALL_GATHER, LH_STREAM_DATA, SHARD).bytes,
                  layers + 2 * (2 * end + 1024), 1e-12);
    run_end(&r);
}

/* Sharding more never takes more, with small buckets. */
static void memory_falls_with_the_level(void)
{
    struct lh_setting settings[] = {{"plan.zero", "0"},
                                    {"plan.bucket", "1 MB"}};
    static const char *const levels[] = {"0", "1", "2", "3"};
    double last = INFINITY;

    for (size_t i = 0; i < LH_COUNT(levels); i++) {
        settings[0].value = levels[i];
        double total = memory_of(settings, 2).total;
        LH_CHECK(total < last);
        last = total;
    }
}

/* 16 bytes a parameter and more: 8B is 128 GB, 70B 1.13 TB; H100 has 86 GB. */
static void known_models_fit_and_do_not(void)
{
    static const struct {
        const char *model, *gpus, *recompute;
        bool fits;
    } known[] = {
        {"llama-3.1-8b", "4", "full", true},
        {"llama-3.1-8b", "1", "full", false},
        {"llama-3.1-70b", "8", "full", false},
        {"llama-3.1-70b", "64", "full", true},
        {"llama-3.1-70b", "64", "none", false},
    };

    for (size_t i = 0; i < LH_COUNT(known); i++) {
        struct lh_setting settings[] = {
            {"model", known[i].model},
            {"sites[0].gpus", known[i].gpus},
            {"sites[1].gpus", known[i].gpus},
            {"plan.recompute", known[i].recompute},
            {"training.global_batch", "128"},
            {"training.sequence_length", "8192"},
            {"plan.shard", known[i].gpus},
        };
        bool alone = strcmp(known[i].gpus, "1") == 0;
        if (alone)
            settings[6] = (struct lh_setting){"plan.zero", "0"};
        struct run r;
        run_build(&r, settings, LH_COUNT(settings));
        bool fits =
            r.program.memory[0].total <= r.program.devices[0]->memory_bytes;
        LH_CHECK(fits == known[i].fits);
        run_end(&r);
    }
}

/* ---- times --------------------------------------------------------------- */

static const struct lh_setting one_switch[] = {
    {"sites", "[{name: a, gpus: 4, device: h100-sxm, fabric: switch}]"},
    {"fibres", "[]"},
    {"plan.shard", "4"},
};

/* A ring of four on a switch at 50 GB/s: base, 3 hops of two links, 3/4 of the
 * bytes. */
static double ring_s(const struct run *r, double bytes)
{
    struct lh_path path;

    lh_topology_path(&path, r->topology, 0, 1);
    return r->scenario.stack.collective_base_s + 3 * path.latency_s
           + 0.75 * bytes / 50e9;
}

static double compute_s(const struct run *r)
{
    const struct lh_template *t = &r->program.templates[0];
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++)
        sum += t->ops[i].kind == LH_OP_COMPUTE ? t->ops[i].seconds : 0.0;
    return sum;
}

/* All that is gathered and reduced, one after the other. */
static double in_turn_s(const struct run *r)
{
    const struct lh_template *t = &r->program.templates[0];
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->ops[i].category == LH_DATA_COMM)
            sum += ring_s(r, r->program.comms[t->ops[i].comm].bytes);
    return sum;
}

static void run_switch(struct run *r, const char *prefetch, const char *overlap,
                       const char *sequence, const char *batch)
{
    struct lh_setting settings[] = {
        one_switch[0],
        one_switch[1],
        one_switch[2],
        {"plan.prefetch", prefetch},
        {"plan.overlap.gradients", overlap},
        {"training.sequence_length", sequence},
        {"training.global_batch", batch},
        {"sync.algorithm", "ring"},
        {"training.stack", "megatron"}, /* without copies */
    };

    run_begin(r, settings, LH_COUNT(settings));
}

static void without_overlap_the_step_is_the_sum(void)
{
    struct run r;
    run_switch(&r, "0", "false", "2048", "8");
    LH_CHECK(r.program.micro_batches == 2);
    LH_CHECK_NEAR(r.result.breakdown_s[LH_DATA_COMM], in_turn_s(&r), 1e-9);
    LH_CHECK_NEAR(r.result.step_time_s,
                  in_turn_s(&r) + compute_s(&r)
                      + (r.result.breakdown_s[LH_OPTIMIZER]
                         - r.program.templates[0]
                               .ops[r.program.templates[0].n_ops - 1]
                               .seconds),
                  2e-4);
    run_end(&r);
}

/* What FSDP's copies move, a kernel each: 4 bytes a gathered weight, 6 a
 * gradient that is reduced in fp32, 3 in bf16, and 2 a weight of a layer that
 * is gathered in fp8; they are on the compute stream and the step has them,
 * whatever overlaps. */
static void copies_stand_beside_gathers_and_reductions(void)
{
    for (int i = 0; i < 3; i++) {
        struct lh_setting settings[] = {
            {"training.gradient_precision", i == 0 ? "fp32" : "bf16"},
            {"training.precision", "fp8"},
            {"plan.gather_precision", "fp8"}};
        struct run r;
        run_build(&r, settings, i == 2 ? 3 : 1);
        const struct lh_device *d = &r.scenario.sites[0].device;
        const struct lh_template *t = &r.program.templates[0];
        double n = parameters(&r), seconds = 0.0;
        double narrow = i == 2 ? n - 2 * 32000.0 * 1024 - 1024 : 0.0;
        int n_copies = 0;

        for (int32_t k = 0; k < t->n_ops; k++) {
            const struct lh_op *op = &t->ops[k];
            if (op->kind != LH_OP_COMPUTE || op->category != LH_DATA_COMM)
                continue;
            seconds += op->seconds - op->gap_s - op->slowest_s;
            n_copies++;
        }
        LH_CHECK(n_copies == 2 * (6 + 5 + 6));
        LH_CHECK_NEAR(seconds * d->memory_bytes_per_s * d->memory_frac,
                      2
                          * (4.0 * (2 * n - head_parameters())
                             - 2.0 * 2 * narrow + (i == 0 ? 6.0 : 3.0) * n),
                      1e-9);
        run_end(&r);
    }
}

static double task_s(const struct run *r, enum lh_task task, int last)
{
    const struct lh_template *t = &r->program.templates[0];
    double seconds = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++) {
        if (t->ops[i].kind != LH_OP_COMPUTE || t->ops[i].task != task)
            continue;
        seconds = t->ops[i].seconds;
        if (!last)
            break;
    }
    return seconds;
}

/* Where a layer computes for longer than it communicates, only the ends show:
 * the embedding's gather and the first layer's behind it at the start, the
 * first layer's reduction and the embedding's behind it at the end. */
static void with_overlap_only_the_ends_show(void)
{
    struct run r;
    run_switch(&r, "1", "true", "65536", "4");
    double n = parameters(&r), ends = 32000.0 * 1024;
    double layer = (n - 2 * ends - 1024) / 4;
    double start_s = ring_s(&r, 2 * ends) + ring_s(&r, 2 * layer)
                     - task_s(&r, LH_TASK_EMBEDDING, 0);
    double end_s = ring_s(&r, 4 * layer) + ring_s(&r, 4 * ends)
                   - task_s(&r, LH_TASK_EMBEDDING, 1);
    LH_CHECK_NEAR(r.result.breakdown_s[LH_DATA_COMM], start_s + end_s, 1e-9);
    run_end(&r);
}

/* Neither computation nor the network can do better than alone, and overlap
 * is never worse than none. */
static void overlap_lies_between_the_largest_and_the_sum(void)
{
    static const char *const prefetch[] = {"0", "1", "2", "8"};
    double last_s = INFINITY;

    for (size_t i = 0; i < LH_COUNT(prefetch); i++) {
        struct run r;
        run_switch(&r, prefetch[i], "true", "1024", "8");
        double network_s =
            0.75
            * (tally(&r, LH_ALL_GATHER, LH_STREAM_WEIGHTS, DATA).bytes
               + tally(&r, LH_REDUCE_SCATTER, LH_STREAM_DATA, DATA).bytes)
            / 50e9;
        double step_s = r.result.step_time_s;
        LH_CHECK(network_s > 1e-3);
        LH_CHECK(step_s > fmax(compute_s(&r), network_s));
        LH_CHECK(step_s < compute_s(&r) + in_turn_s(&r)
                              + r.result.breakdown_s[LH_OPTIMIZER]);
        /* What is gathered early takes from the reductions. */
        LH_CHECK(step_s < last_s * (i < 2 ? 1.0 : 1.01));
        last_s = step_s;
        run_end(&r);
    }
}

/* 2 (M - 1)/M = 1 time each shard, of 8 members. */
static void between_sites_go_the_gradients_once(void)
{
    struct run r;
    double bytes = 0.0;

    run_begin(&r, NULL, 0);
    for (int i = 0; i < r.result.n_links; i++)
        if (r.result.links[i].kind == LH_LINK_WAN)
            bytes += r.result.links[i].bytes;
    LH_CHECK_NEAR(bytes, 2 * 4.0 * parameters(&r), 1e-9);
    run_end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"gathers for every pass but the head's backward",
         gathers_for_every_pass_but_the_heads_backward},
        {"keeps what is not resharded", keeps_what_is_not_resharded},
        {"gathers the head again where others came between",
         gathers_the_head_again_where_others_came_between},
        {"zero 2 reduces every micro-batch and gathers once",
         zero_2_reduces_every_micro_batch_and_gathers_once},
        {"a tied head gathers the embedding",
         a_tied_head_gathers_the_embedding},
        {"copies stand beside gathers and reductions",
         copies_stand_beside_gathers_and_reductions},
        {"memory is shards and what is whole for a while",
         memory_is_shards_and_what_is_whole_for_a_while},
        {"memory holds the loss", memory_holds_the_loss},
        {"casts what it gathers", casts_what_it_gathers},
        {"casts once what stays", casts_once_what_stays},
        {"gathers a byte a weight", gathers_a_byte_a_weight},
        {"memory falls with the level", memory_falls_with_the_level},
        {"known models fit and do not", known_models_fit_and_do_not},
        {"without overlap the step is the sum",
         without_overlap_the_step_is_the_sum},
        {"with overlap only the ends show", with_overlap_only_the_ends_show},
        {"overlap lies between the largest and the sum",
         overlap_lies_between_the_largest_and_the_sum},
        {"between sites go the gradients once",
         between_sites_go_the_gradients_once},
    };

    return lh_unit_run("shard", tests, LH_COUNT(tests));
}
