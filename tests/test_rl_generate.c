/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Generation and what a trainer makes of samples, one thing at a time: memory
 * that fills (by hand, and against a replica that steps token by token), rows
 * that samples fill, replicas that are dealt unevenly, tensors, kernels.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

#include "random.h"

enum { SAMPLES = 512 };

struct batch {
    struct lh_rl rl;
    struct lh_rl_fleet fleet;
    struct lh_rl_fleet_input input;
    int64_t seed;
};

/* One prompt of 10 tokens, two samples of 10; an iteration takes a second, a
 * token of a prompt 0.1 s. */
static void batch_make(struct batch *b)
{
    memset(b, 0, sizeof *b);
    b->fleet.gpus = 1;
    b->rl = (struct lh_rl){
        .on = true,
        .mode = LH_RL_SYNC,
        .steps = 1,
        .prompts = 1,
        .samples = 2,
        .mini_batches = 1,
        .prompt_length = 10,
        .lengths = LH_LENGTHS_FIXED,
        .length_median = 10,
        .length_max = 10000,
        .n_fleets = 1,
        .fleets = &b->fleet,
        .push_every = 1,
        .push_interval_s = -1,
    };
    b->input = (struct lh_rl_fleet_input){
        .replicas = 1,
        .rates = {.cpu_s = 1, .prefill_s = 0.1, .concurrency = 4},
    };
    b->seed = 1;
}

static enum lh_status train(void *self, int64_t tokens, double *log_prob_s,
                            double *train_s)
{
    (void)self;
    (void)tokens;
    *log_prob_s = *train_s = 0;
    return LH_OK;
}

/* Until all are generated. */
static struct lh_rl_result run(const struct batch *b)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_rl_input input = {.rl = &b->rl,
                                .seed = b->seed,
                                .n_fleets = 1,
                                .fleets = &b->input,
                                .train = train};
    struct lh_engine clock;
    struct lh_rl_result out;

    lh_rl_clock(&clock, &ctx);
    LH_CHECK(lh_rl_loop(&out, &input, &clock, &ctx) == LH_OK);
    lh_ctx_end(&ctx);
    return out;
}

/* ---- memory ---------------------------------------------------------------
 */

/* 20 tokens: both run (a prompt of 10 tokens, 1 s) until both have 5, which
 * fills it.  The second is put back; the first ends 5 iterations later; then 15
 * tokens are computed again and 5 iterations run: 1 + 5 + 5 + 1.5 + 5. */
static void puts_back(void)
{
    struct batch b;

    batch_make(&b);
    b.input.rates.kv_tokens = 20;
    struct lh_rl_result r = run(&b);
    LH_CHECK_NEAR(r.wall_s, 17.5, 1e-12);
    LH_CHECK(r.tokens_generated == 20 && r.tokens_trained == 20);
    b.input.rates.kv_tokens = 30; /* all they will ever have */
    LH_CHECK_NEAR(run(&b).wall_s, 1 + 10, 1e-12);
    b.input.rates.kv_tokens = 11; /* one at a time, and even it does not fit */
    LH_CHECK_NEAR(run(&b).wall_s, 1 + 10 + 10, 1e-12);
}

struct stepped {
    const struct batch *b;
    int64_t n, next;                     /* samples; not yet met */
    int64_t queue[SAMPLES], n_queue;     /* put back, the last one first */
    int64_t running[SAMPLES], n_running; /* in the order of being taken in */
    int64_t had[SAMPLES], length[SAMPLES];
    double seconds;
};

static double context(const struct stepped *s)
{
    double sum = 0;

    for (int64_t i = 0; i < s->n_running; i++)
        sum += (double)(s->b->rl.prompt_length + s->had[s->running[i]]);
    return sum;
}

/* Prompts of running samples but once a group; of `more` beside. */
static double shared(const struct stepped *s, int64_t more)
{
    int64_t samples = s->b->rl.samples, n = 0;

    for (int64_t i = 0; i < s->n_running; i++) {
        bool first = s->running[i] / samples != more / samples || more < 0;
        for (int64_t k = 0; k < i; k++)
            first = first && s->running[k] / samples != s->running[i] / samples;
        n += !first;
    }
    return (double)(n * s->b->rl.prompt_length);
}

/* The head of the queue, if there is room for it. */
static bool takes(struct stepped *s)
{
    const struct lh_rl_rates *rates = &s->b->input.rates;
    int64_t prompt = s->b->rl.prompt_length;
    int64_t i = s->n_queue > 0 ? s->queue[s->n_queue - 1] : s->next;

    if ((s->n_queue == 0 && s->next == s->n)
        || s->n_running == rates->concurrency)
        return false;
    if (s->n_running > 0
        && context(s) + (double)(prompt + s->had[i] + s->n_running + 1)
                   - shared(s, i)
               > rates->kv_tokens)
        return false;
    if (s->had[i] > 0)
        s->seconds += lh_rl_prefill_s(rates, (double)(prompt + s->had[i]));
    else if (i % s->b->rl.samples == 0)
        s->seconds += lh_rl_prefill_s(rates, (double)prompt);
    if (s->n_queue > 0)
        s->n_queue--;
    else
        s->next++;
    s->running[s->n_running++] = i;
    return true;
}

static void step(struct stepped *s)
{
    const struct lh_rl_rates *rates = &s->b->input.rates;
    int64_t kept = 0;
    bool full = false;

    while (s->n_running > 1
           && context(s) + (double)s->n_running - shared(s, -1)
                  > rates->kv_tokens) {
        s->queue[s->n_queue++] = s->running[--s->n_running];
        full = true;
    }
    while (!full && takes(s))
        continue;
    s->seconds += lh_rl_iteration_s(rates, (double)s->n_running)
                  + rates->kv_s * context(s);
    for (int64_t i = 0; i < s->n_running; i++) {
        int64_t k = s->running[i];
        if (++s->had[k] < s->length[k])
            s->running[kept++] = k;
    }
    s->n_running = kept;
}

static double stepped_s(const struct batch *b)
{
    struct stepped s = {.b = b, .n = b->rl.prompts * b->rl.samples};

    for (int64_t i = 0; i < s.n; i++)
        s.length[i] =
            lh_rl_length(&b->rl, b->seed, i / b->rl.samples, i % b->rl.samples);
    do
        step(&s);
    while (s.next < s.n || s.n_queue > 0 || s.n_running > 0);
    return s.seconds;
}

static void equals_stepping(void)
{
    uint64_t random = 11;

    for (int draw = 0; draw < 60; draw++) {
        struct batch b;
        batch_make(&b);
        b.rl.prompts = 1 + pick(&random, 40);
        b.rl.samples = 1 + pick(&random, 8);
        b.rl.lengths = LH_LENGTHS_LOGNORMAL;
        b.rl.length_median = 50;
        b.rl.length_sigma = 0.8;
        b.seed = draw;
        b.input.rates.kv_s = 1e-4;
        b.input.rates.sequence_s = 1e-2;
        b.input.rates.concurrency = 1 + pick(&random, 60);
        b.input.rates.kv_tokens = 50 + (double)pick(&random, 3000);
        LH_CHECK_NEAR(run(&b).wall_s, stepped_s(&b), 1e-10);
    }
}

/* ---- samples and the trainer ----------------------------------------------
 */

static void fills_rows(void)
{
    struct batch b;

    batch_make(&b);
    b.rl.samples = 10; /* of 600 tokens: three to a row of 2,048, four rows */
    b.rl.prompt_length = 100;
    b.rl.length_median = 500;
    LH_CHECK_NEAR(lh_rl_packed_frac(&b.rl, 1, 2048), 6000 / (4 * 2048.0),
                  1e-12);
    LH_CHECK_NEAR(lh_rl_packed_frac(&b.rl, 1, 1199), 600 / 1199.0, 1e-12);
    b.rl.mini_batches = 5; /* two samples */
    LH_CHECK_NEAR(lh_rl_packed_frac(&b.rl, 1, 2048), 1200 / 2048.0, 1e-12);
}

/* Rows of 900, 500, 400 and 100 tokens, each as likely: a row of 1,000 is full
 * where they are as many. */
static void fits_the_longest_first(void)
{
    double rows[] = {900, 500, 400, 100};
    struct batch b;

    batch_make(&b);
    b.rl.lengths = LH_LENGTHS_FILE;
    b.rl.length_rows = rows;
    b.rl.n_length_rows = 4;
    b.rl.prompt_length = 0;
    b.rl.samples = 1000;
    double frac = lh_rl_packed_frac(&b.rl, 1, 1000);
    LH_CHECK(frac > 0.9 && frac <= 1);
    double in_order = 475.0 / 1000; /* a row each */
    LH_CHECK(frac > in_order);
}

static void deals_unevenly(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct batch b;

    batch_make(&b);
    b.rl.samples = 8;
    b.rl.mini_batches = 2; /* four samples each */
    LH_CHECK_NEAR(lh_rl_uneven(&b.rl, 1, 2, &ctx), 1, 1e-12);
    LH_CHECK_NEAR(lh_rl_uneven(&b.rl, 1, 3, &ctx), 2 / (4 / 3.0), 1e-12);
    LH_CHECK_NEAR(lh_rl_uneven(&b.rl, 1, 5, &ctx), 1 / (4 / 5.0), 1e-12);
    lh_ctx_end(&ctx);
}

/* ---- a model on an engine -------------------------------------------------
 */

static void read_rates(struct lh_rl_rates *out, struct lh_scenario *s,
                       const char *text, struct lh_ctx *ctx)
{
    LH_REQUIRE(lh_scenario_read_text(s, "x.yaml", text, strlen(text), ".", NULL,
                                     0, ctx)
               == LH_OK);
    LH_REQUIRE(lh_rl_rates_make(out, s, 0, ctx) == LH_OK);
}

static void rates_of(struct lh_rl_rates *out, struct lh_scenario *s,
                     const char *model, struct lh_ctx *ctx)
{
    const char *text = lh_format(
        ctx->arena,
        "longhaul: 1\nmodel: %s\nsites: [{name: a, gpus: 16, device: "
        "h100-sxm}]\nrl: {mode: sync, trainer: {gpus: 8}, generators: [{gpus: "
        "8, memory_frac: 0.75, plan: {tensor: 8}}], output_length: {kind: "
        "fixed, median: 1000}}\n",
        model);

    read_rates(out, s, text, ctx);
}

/* Latent attention of DeepSeek-V3: 61 layers of 128 heads that see 512 latent
 * values twice and 64 positions once, on 148 TFLOP/s of an H20: longer than
 * reading 576 values.  Sixteen groups share experts, each with its own
 * sequences on its own host. */
static void attends_at_its_roofline(void)
{
    static const char text[] =
        "longhaul: 1\nmodel: deepseek-v3\ntraining: {sequence_length: 4096, "
        "precision: fp8}\nplan: {expert: 16}\nsites: [{name: a, gpus: 32, "
        "device: h20-sxm, fabric: dgx-h100-rails}]\nrl: {mode: sync, trainer: "
        "{gpus: 16}, generators: [{gpus: 16, plan: {expert: 16}}], weights: "
        "{precision: fp8}, output_length: {kind: fixed, median: 1000}}\n";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_rl_rates r;

    read_rates(&r, &s, text, &ctx);
    const struct lh_device *d = &s.sites[0].device;
    double flops = 61 * 128 * 2.0 * (512 + 64 + 512);
    double rate =
        16 * d->bf16_flops_per_s * d->gemm_bf16_frac * d->gemm_sustained_frac;
    double memory = 16 * d->memory_bytes_per_s * d->memory_frac;
    LH_CHECK_NEAR(r.kv_s, flops / rate, 1e-12);
    LH_CHECK(r.kv_s > 61 * 2 * 576 / memory);
    LH_CHECK_NEAR(r.prefill_core_s, 61 * 128 * 2.0 * (128 + 64 + 128) / rate,
                  1e-12);
    LH_CHECK_NEAR(r.sequence_s, s.rl.fleets[0].engine.sequence_s / 16, 1e-12);
    lh_ctx_end(&ctx);
}

/* 20 s a token on the last line. */
static void prompts_communicate(void)
{
    struct lh_rl_rates r = {.prefill_s = 2, .prefill_core_s = 0.5};

    LH_CHECK_NEAR(lh_rl_prefill_s(&r, 4), 8 + 0.5 * 6, 1e-12);
    r.comm = (struct lh_rl_comm){3, {1, 3, 5}, {10, 20, 60}};
    LH_CHECK_NEAR(lh_rl_prefill_s(&r, 4), 8 + 0.5 * 6 + 4 * 20, 1e-12);
}

/* 8 kernels a layer, 12 more where experts are; of 30.5 G parameters 29.0 G are
 * of 48 x 128 experts of 3 x 2048 x 768. */
static void counts_kernels(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_rl_rates r;

    rates_of(&r, &s, "llama-3.1-8b", &ctx);
    const struct lh_serving *e = &s.rl.fleets[0].engine;
    LH_CHECK_NEAR(r.cpu_s, e->iteration_s + 32 * 8 * e->kernel_s, 1e-12);
    LH_CHECK_NEAR(e->memory_frac, 0.75, 0);
    rates_of(&r, &s, "qwen3-30b-a3b", &ctx);
    const struct lh_device *d = &s.sites[0].device;
    e = &s.rl.fleets[0].engine;
    LH_CHECK_NEAR(r.cpu_s, e->iteration_s + 48 * 20 * e->kernel_s, 1e-12);
    double bytes = 2.0 * 48 * 128 * 3 * 2048 * 768;
    double rate = 8 * d->memory_bytes_per_s * d->memory_frac;
    LH_CHECK_NEAR(r.experts_s, bytes / (rate * e->experts_frac), 1e-12);
    lh_ctx_end(&ctx);
}

/* As the published checkpoints have them (model.safetensors.index.json): 291,
 * 339, 707 and 18,867. */
static void counts_tensors(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_rl_rates r;

    rates_of(&r, &s, "llama-3.1-8b", &ctx);
    LH_CHECK_NEAR(lh_rl_tensors(&s.model, false), 291, 0);
    LH_CHECK_NEAR(lh_rl_tensors(&s.model, true), 582, 0);
    rates_of(&r, &s, "qwen2.5-7b", &ctx);
    LH_CHECK_NEAR(lh_rl_tensors(&s.model, false), 339, 0);
    rates_of(&r, &s, "qwen3-32b", &ctx);
    LH_CHECK_NEAR(lh_rl_tensors(&s.model, false), 707, 0);
    rates_of(&r, &s, "qwen3-30b-a3b", &ctx);
    LH_CHECK_NEAR(lh_rl_tensors(&s.model, false), 18867, 0);
    lh_ctx_end(&ctx);
}

/* 512 rows of one sample each, 128 micro-batches a replica: on the line through
 * 2 and 4 of them, as the step simulated whole. */
static void long_steps_lie_on_a_line(void)
{
    static const char text[] =
        "longhaul: 1\nmodel: llama-3.1-8b\ntraining: {sequence_length: 1024, "
        "micro_batch: 1}\nplan: {pipeline: 2}\nsites: [{name: a, gpus: 16, "
        "device: h100-sxm}]\nrl: {mode: sync, steps: 2, warmup_steps: 1, "
        "prompts_per_step: 64, samples_per_prompt: 8, prompt_length: 24, "
        "output_length: {kind: fixed, median: 1000}, trainer: {gpus: 8}, "
        "generators: [{gpus: 8}]}\n";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s, step;
    struct lh_topology *whole, *site;
    struct lh_program program;
    struct lh_trace trace;
    struct lh_rl_report r;

    LH_REQUIRE(lh_scenario_read_text(&s, "x.yaml", text, strlen(text), ".",
                                     NULL, 0, &ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&whole, &s, &ctx) == LH_OK);
    LH_REQUIRE(lh_rl_run(&r, &s, whole, &ctx) == LH_OK);
    LH_CHECK(r.train_shapes == 2);
    lh_rl_trainer(&step, &s, &ctx);
    LH_CHECK(step.training.global_batch == 512);
    LH_REQUIRE(lh_topology_build(&site, &step, &ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&program, &step, &ctx) == LH_OK);
    struct lh_sim_point point = {&step, &program, site};
    LH_REQUIRE(lh_sim_run(&trace, &point, &ctx) == LH_OK);
    LH_CHECK_NEAR(r.result.trainer.train_s / trace.step_time_s, 1, 1e-3);
    lh_topology_free(site);
    lh_topology_free(whole);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a sample is put back where memory is full", puts_back},
        {"so does stepping by tokens", equals_stepping},
        {"rows are filled with whole samples", fills_rows},
        {"the longest first", fits_the_longest_first},
        {"replicas wait for the one that has most", deals_unevenly},
        {"kernels of an iteration, and experts", counts_kernels},
        {"attention of a decode is a roofline", attends_at_its_roofline},
        {"prompts communicate", prompts_communicate},
        {"tensors of weights", counts_tensors},
        {"long steps lie on a line", long_steps_lie_on_a_line},
    };
    return lh_unit_run("rl generate", tests, LH_COUNT(tests));
}
