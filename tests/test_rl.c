/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning: steps by hand arithmetic, and a replica
 * against one that steps token by token.
 */
#include "rl_loop.h"

/* ---- by hand ---------------------------------------------------------------
 */

/* Ten iterations: 10 x 10 ms + 1 us x (10 x 400 + 4 x (0 + .. + 9)); two
 * prompts: 2 x 100 x 100 us. */
static const double batch_s = 0.1 + 1e-6 * (4000 + 180) + 0.02;

static void takes_turns(void)
{
    struct loop l;
    loop_make(&l);
    l.input.gather_s = 0.2;
    l.inputs[0].push = (struct lh_rl_push){.transfer_s = 0.3, .load_s = 0.5};
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, batch_s + 4 + 0.2 + 0.3 + 0.5, 1e-12);
    LH_CHECK_NEAR(r.trainer.log_prob_s, 1, 1e-12);
    LH_CHECK_NEAR(r.trainer.train_s, 3, 1e-12);
    LH_CHECK_NEAR(r.trainer.gather_s, 0.2, 1e-12);
    LH_CHECK_NEAR(r.trainer.wait_s, batch_s + 0.8, 1e-12);
    LH_CHECK_NEAR(r.generators.generate_s, batch_s, 1e-12);
    LH_CHECK_NEAR(r.generators.update_s, 0.5, 1e-12);
    LH_CHECK_NEAR(r.weight_sync_exposed_s, 1.0, 1e-12);
    LH_CHECK_NEAR(r.weight_sync_s, 0.5, 1e-12);
    LH_CHECK(r.pushes == 2);
    LH_CHECK(r.tokens_generated == 120 && r.tokens_trained == 120);
    LH_CHECK(r.tokens_discarded == 0 && r.tokens_in_flight == 0);
    LH_CHECK(r.staleness_n == 1 && r.staleness[0] == 12);
    LH_CHECK(l.tokens == 120 + 12 * 100);
}

/* Half as many at once: two waves, each a prompt and its two samples. */
static void waits_for_room(void)
{
    struct loop l;
    loop_make(&l);
    l.inputs[0].rates.concurrency = 2;
    struct lh_rl_result r = loop_run(&l);
    double wave_s = 0.1 + 1e-6 * (2000 + 90) + 0.01;
    LH_CHECK_NEAR(r.step_time_s, 2 * wave_s + 4, 1e-12);
}

/* Four samples at one instant, two workers: 0.5 s each, in two rounds; then
 * one worker of 0.1 s, free when the second round comes. */
static void verifies_in_order(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.n_verifiers = 2;
    l.verifiers[0] =
        (struct lh_rl_verifier){.workers = 2, .time_s = 0.5, .keep_frac = 1};
    l.verifiers[1] =
        (struct lh_rl_verifier){.workers = 1, .time_s = 0.1, .keep_frac = 1};
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, batch_s + 1.2 + 4, 1e-12);
    LH_CHECK_NEAR(r.verify_s, (0.6 + 0.7 + 1.1 + 1.2) / 4, 1e-12);
}

/* A batch is generated beside the training on the one before; the weights of
 * the step before that are pushed beside generation, and loaded after it. */
static void trains_beside_generation(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.mode = LH_RL_ONE_STEP_OFF;
    l.rl.steps = 10;
    l.rl.warmup_steps = 4;
    l.inputs[0].push = (struct lh_rl_push){.transfer_s = 0.3, .load_s = 0.5};
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, 4, 1e-12); /* training bounds it */
    LH_CHECK(r.staleness_n == 2 && r.staleness[0] == 4);
    LH_CHECK(r.staleness[1] == 36);
    l.train_s = 0.05;
    l.log_prob_s = 0;
    r = loop_run(&l); /* generation does, and the load after it */
    LH_CHECK_NEAR(r.step_time_s, batch_s + 0.5, 1e-9);
    LH_CHECK_NEAR(r.weight_sync_exposed_s, 0.5, 1e-9);
}

/* Generation alone sets the pace of many steps: 4 samples run at all times,
 * 2 groups a batch. */
static void overlaps_all(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.mode = LH_RL_ASYNC;
    l.rl.steps = 10;
    l.rl.warmup_steps = 5;
    l.log_prob_s = 0;
    l.train_s = 0.001;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, batch_s, 1e-9);
    LH_CHECK(r.tokens_generated == r.tokens_trained + r.tokens_in_flight);
    l.train_s = 7; /* training alone */
    r = loop_run(&l);
    LH_CHECK_NEAR(r.step_time_s, 7, 1e-12);
    LH_CHECK(r.staleness_n <= 3);
}

/* New weights at 0.05 s into generation: the four samples have some tokens,
 * which are thrown away where they may not go on. */
static void begins_again(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.mode = LH_RL_ASYNC;
    l.rl.partial_rollouts = false;
    l.rl.steps = 4;
    l.log_prob_s = 0;
    l.train_s = 0.05;
    struct lh_rl_result r = loop_run(&l);
    LH_CHECK(r.tokens_discarded > 0 && r.tokens_discarded % 4 == 0);
    LH_CHECK(r.samples_discarded == 0);
    LH_CHECK(r.staleness_n == 1); /* all have the newest weights */
    l.rl.partial_rollouts = true;
    struct lh_rl_result kept = loop_run(&l);
    LH_CHECK(kept.tokens_discarded == 0);
    LH_CHECK(kept.step_time_s < r.step_time_s);
}

static void goes_by_rooflines(void)
{
    struct lh_rl_rates r = {.cpu_s = 1,
                            .sequence_s = 0.5,
                            .dense_s = 3,
                            .experts_s = 8,
                            .visit_frac = 0.5,
                            .flops_s = 2,
                            .kv_s = 0.25,
                            .prefill_s = 2,
                            .prefill_core_s = 0.5};
    /* One: 1/2 of the experts; two: 3/4; eight: products take longer. */
    LH_CHECK_NEAR(lh_rl_iteration_s(&r, 1), 1 + 0.5 + 3 + 4, 1e-12);
    LH_CHECK_NEAR(lh_rl_iteration_s(&r, 2), 1 + 1 + 3 + 6, 1e-12);
    LH_CHECK_NEAR(lh_rl_iteration_s(&r, 8), 1 + 4 + 16, 1e-12);
    /* Two sequences with 10 tokens: 10, 12 and 14 are read. */
    LH_CHECK_NEAR(lh_rl_decode_s(&r, 2, 10, 3), 33 + 0.25 * 36, 1e-12);
    LH_CHECK_NEAR(lh_rl_prefill_s(&r, 4), 8 + 0.5 * 6, 1e-12);
    r.comm = (struct lh_rl_comm){3, {1, 3, 5}, {10, 20, 60}};
    LH_CHECK_NEAR(lh_rl_comm_s(&r.comm, 2), 15, 1e-12);
    LH_CHECK_NEAR(lh_rl_comm_s(&r.comm, 4), 40, 1e-12);
    LH_CHECK_NEAR(lh_rl_comm_s(&r.comm, 7), 100, 1e-12);
}

/* Llama-3.1-8B on an H100 of 3.35 TB/s: 15.0 GB of weights without the
 * look-up, 131,072 bytes of keys and values a token. */
static void knows_models(void)
{
    static const char text[] =
        "longhaul: 1\nmodel: llama-3.1-8b\n"
        "sites: [{name: a, gpus: 4, device: h100-sxm}]\n"
        "rl: {mode: sync, trainer: {gpus: 2}, generators: [{gpus: 2, plan: "
        "{tensor: 2}}], output_length: {kind: fixed, median: 1000}}\n";
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_rl_rates r;
    LH_REQUIRE(lh_scenario_read_text(&s, "x.yaml", text, strlen(text), ".",
                                     NULL, 0, &ctx)
               == LH_OK);
    LH_REQUIRE(lh_rl_rates_make(&r, &s, 0, &ctx) == LH_OK);
    const struct lh_device *d = &s.sites[0].device;
    double memory = d->memory_bytes_per_s * d->memory_frac;
    LH_CHECK_NEAR(r.dense_s, (8030261248.0 - 128256.0 * 4096) / memory, 1e-12);
    LH_CHECK_NEAR(r.kv_s, 131072 / 2.0 / memory, 1e-12);
    LH_CHECK_NEAR(r.weight_bytes, 8030261248.0, 1e-12);
    double room = 2 * (0.9 * d->memory_bytes - 8030261248.0) / 131072;
    LH_CHECK_NEAR(r.kv_tokens, room, 1e-12);
    LH_CHECK(r.concurrency == (int64_t)(room / (1024 / 16.0 + 1000)));
    LH_CHECK(r.max_sequences == 1024); /* the engine's own limit */
    s.rl.length_median = 7000;
    LH_REQUIRE(lh_rl_rates_make(&r, &s, 0, &ctx) == LH_OK);
    LH_CHECK(r.concurrency == (int64_t)(room / (1024 / 16.0 + 7000)));
    lh_ctx_end(&ctx);
}

static void draws_lengths(void)
{
    struct loop l;
    loop_make(&l);
    l.rl.length_median = 1000;
    for (int kind = LH_LENGTHS_LOGNORMAL; kind <= LH_LENGTHS_PARETO; kind++) {
        int below = 0, n = 20000;
        l.rl.lengths = (enum lh_rl_lengths)kind;
        for (int i = 0; i < n; i++)
            below += lh_rl_length(&l.rl, 7, i / 16, i % 16) <= 1000;
        LH_CHECK_NEAR((double)below / n, 0.5, 0.02);
    }
    LH_CHECK(lh_rl_length(&l.rl, 7, 3, 4) == lh_rl_length(&l.rl, 7, 3, 4));
    LH_CHECK(lh_rl_length(&l.rl, 7, 3, 4) != lh_rl_length(&l.rl, 8, 3, 4));
    l.rl.length_max = 5;
    LH_CHECK(lh_rl_length(&l.rl, 7, 3, 4) == 5);
}

/* ---- against one that steps token by token ---------------------------------
 */

/* Seconds until all of a batch on one replica are generated. */
static double stepped_s(const struct loop *l)
{
    const struct lh_rl_rates *rates = &l->inputs[0].rates;
    int64_t n = l->rl.prompts * l->rl.samples, next = 0, running = 0;
    int64_t left[512], had[512];
    double seconds = 0;
    while (next < n || running > 0) {
        for (; running < rates->concurrency && next < n; next++) {
            if (next % l->rl.samples == 0)
                seconds += lh_rl_prefill_s(rates, (double)l->rl.prompt_length);
            had[running] = l->rl.prompt_length;
            left[running++] =
                lh_rl_length(&l->rl, l->input.seed, next / l->rl.samples,
                             next % l->rl.samples);
        }
        double context = 0;
        for (int64_t i = 0; i < running; i++)
            context += (double)had[i];
        seconds +=
            lh_rl_iteration_s(rates, (double)running) + rates->kv_s * context;
        int64_t kept = 0;
        for (int64_t i = 0; i < running; i++) {
            if (left[i] == 1)
                continue;
            left[kept] = left[i] - 1;
            had[kept++] = had[i] + 1;
        }
        running = kept;
    }
    return seconds;
}

static void equals_stepping(void)
{
    uint64_t random = 6;
    for (int draw = 0; draw < 40; draw++) {
        struct loop l;
        loop_make(&l);
        l.rl.steps = 1;
        l.rl.warmup_steps = 0;
        l.rl.prompts = 1 + pick(&random, 40);
        l.rl.samples = 1 + pick(&random, 8);
        l.rl.lengths = LH_LENGTHS_LOGNORMAL;
        l.rl.length_median = 50;
        l.input.seed = draw;
        l.inputs[0].rates.sequence_s = 1e-4;
        l.inputs[0].rates.flops_s = 2e-3;
        l.inputs[0].rates.dense_s = 7e-3;
        l.inputs[0].rates.concurrency = 1 + pick(&random, 30);
        struct lh_rl_result r = loop_run(&l);
        LH_CHECK_NEAR(r.trainer.wait_s, stepped_s(&l), 1e-10);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"takes turns", takes_turns},
        {"a replica takes what it has room for", waits_for_room},
        {"verifiers are queues", verifies_in_order},
        {"one step off trains beside generation", trains_beside_generation},
        {"async is as fast as the slower role", overlaps_all},
        {"samples that may not go on begin again", begins_again},
        {"an iteration is a roofline", goes_by_rooflines},
        {"rates of a model on a device", knows_models},
        {"lengths have their median and key", draws_lengths},
        {"completions equal stepping by tokens", equals_stepping},
    };
    return lh_unit_run("rl", tests, LH_COUNT(tests));
}
