/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A small loop of reinforcement learning for tests/test_rl*.c.
 */
#ifndef LH_TESTS_RL_LOOP_H
#define LH_TESTS_RL_LOOP_H

#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

#include "random.h"

enum { FLEETS = 3 };

struct loop {
    struct lh_rl rl;
    struct lh_rl_fleet fleets[FLEETS];
    struct lh_rl_verifier verifiers[2];
    struct lh_rl_fleet_input inputs[FLEETS];
    struct lh_rl_judge_input judges[2];
    struct lh_rl_input input;
    double log_prob_s, train_s; /* of every step */
    int64_t tokens;             /* of all steps */
};

static enum lh_status train(void *self, int64_t tokens, double *log_prob_s,
                            double *train_s)
{
    struct loop *l = self;
    l->tokens += tokens;
    *log_prob_s = l->log_prob_s;
    *train_s = l->train_s;
    return LH_OK;
}

/* Two prompts of 100 tokens, two samples of 10 each; one replica for four; an
 * iteration takes 10 ms and 1 us a token of context, a prompt's token 100 us;
 * four seconds of training. */
static void loop_make(struct loop *l)
{
    memset(l, 0, sizeof *l);
    l->rl = (struct lh_rl){
        .on = true,
        .mode = LH_RL_SYNC,
        .steps = 3,
        .warmup_steps = 1,
        .prompts = 2,
        .samples = 2,
        .max_staleness = 2,
        .partial_rollouts = true,
        .prompt_length = 100,
        .lengths = LH_LENGTHS_FIXED,
        .length_median = 10,
        .length_sigma = 0.8,
        .length_shape = 1.5,
        .length_max = 10000,
        .n_fleets = 1,
        .fleets = l->fleets,
        .verifiers = l->verifiers,
        .push_every = 1,
        .push_interval_s = -1,
        .keep_kv = true,
        .turns = 1,
    };
    for (int i = 0; i < FLEETS; i++) {
        l->fleets[i].gpus = 1;
        l->fleets[i].up_s = -1;
        l->inputs[i] = (struct lh_rl_fleet_input){
            .replicas = 1,
            .rates = {.cpu_s = 0.01,
                      .kv_s = 1e-6,
                      .prefill_s = 1e-4,
                      .concurrency = 4},
        };
    }
    l->log_prob_s = 1;
    l->train_s = 3;
    l->input = (struct lh_rl_input){.rl = &l->rl,
                                    .seed = 1,
                                    .n_fleets = 1,
                                    .fleets = l->inputs,
                                    .judges = l->judges,
                                    .train = train,
                                    .self = l};
}

static struct lh_rl_result loop_run(struct loop *l)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_engine clock;
    struct lh_rl_result out;
    lh_rl_clock(&clock, &ctx);
    enum lh_status st = lh_rl_loop(&out, &l->input, &clock, &ctx);
    if (st != LH_OK && lh_diag_total(&ctx) > 0)
        LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->text, "");
    LH_CHECK(st == LH_OK);
    lh_ctx_end(&ctx);
    return out;
}

#endif
