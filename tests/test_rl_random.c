/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What holds in random loops of reinforcement learning, whatever they are made
 * of: bounds of staleness, sums of tokens and times, the same bytes twice;
 * async against sync; some replicas for many against all.
 */
#include "rl_loop.h"

/* ---- random loops -----------------------------------------------------------
 */

static double part(uint64_t *random)
{
    return uniform(random, 0, 1);
}

static void draw_judges(struct loop *l, uint64_t *random)
{
    for (int i = 0; i < 2; i++) {
        struct lh_rl_verifier *v = &l->verifiers[i];
        *v = (struct lh_rl_verifier){
            .workers = 1 + pick(random, 9),
            .time_s = part(random) / 4,
            .keep_frac = pick(random, 2) ? 1 : part(random),
        };
        v->kind = (enum lh_rl_judge)pick(random, 3);
        v->output = pick(random, 2) ? 0 : 1 + pick(random, 30);
        l->judges[i] = (struct lh_rl_judge_input){
            .replicas = 1 + pick(random, 3),
            .rates = {.cpu_s = 0.001,
                      .flops_s = 0.001 * part(random),
                      .prefill_s = 1e-4 * part(random),
                      .concurrency = 1 + pick(random, 5)},
        };
    }
}

static void draw_turns(struct lh_rl *rl, uint64_t *random)
{
    if (pick(random, 3) > 0)
        return;
    rl->turns = 2 + pick(random, 3);
    rl->tool_s = part(random);
    rl->tool_sigma = pick(random, 2) ? 0.5 : 0;
    rl->tool_tokens = pick(random, 20);
    rl->turn_keeps_kv = pick(random, 2);
}

static void draw_absences(struct loop *l, uint64_t *random)
{
    if (l->rl.mode == LH_RL_CO_LOCATED || pick(random, 3) > 0)
        return;
    l->rl.length_max = 200; /* else none is ever complete */
    for (int i = 0; i < l->rl.n_fleets; i++) {
        if (pick(random, 3) == 0)
            continue;
        l->fleets[i].up_s = 20 + 20 * part(random);
        l->fleets[i].down_s = 5 * part(random);
        l->inputs[i].push.join_s = part(random);
    }
}

/* Bytes of weights; links that pushes and training share. */
static void draw_sharing(struct loop *l, uint64_t *random)
{
    for (int i = 0; i < l->rl.n_fleets; i++) {
        l->inputs[i].push.bytes = 1e9 * part(random);
        l->inputs[i].push.join_bytes = 1e9 * part(random);
        l->inputs[i].push.to_each = pick(random, 2);
    }
    if (l->rl.mode != LH_RL_ASYNC && l->rl.mode != LH_RL_ONE_STEP_OFF)
        return;
    l->input.train_extra = pick(random, 2) ? part(random) : 0;
    l->input.push_extra = pick(random, 2) ? part(random) : 0;
}

/* Prompts in chunks, drafted tokens. */
static void draw_iterations(struct lh_rl_rates *rates, uint64_t *random)
{
    if (pick(random, 2))
        rates->chunk = 8 + (double)pick(random, 300);
    if (pick(random, 3) == 0) {
        rates->drafted = 1 + (double)pick(random, 4);
        rates->accepted = rates->drafted * part(random);
        rates->draft_frac = part(random) / 5;
    }
    if (rates->chunk > 0
        && (double)rates->concurrency * (1 + rates->drafted) > rates->chunk)
        rates->concurrency = (int64_t)(rates->chunk / (1 + rates->drafted));
}

static void draw_loop(struct loop *l, uint64_t *random)
{
    loop_make(l);
    l->rl.mode = (enum lh_rl_mode)pick(random, 4);
    l->rl.steps = 4 + pick(random, 12);
    l->rl.warmup_steps = pick(random, 3);
    l->rl.prompts = 1 + pick(random, 12);
    l->rl.samples = 1 + pick(random, 6);
    l->rl.lengths = (enum lh_rl_lengths)pick(random, 3);
    l->rl.length_median = 5 + pick(random, 100);
    l->rl.partial_rollouts = pick(random, 2);
    l->rl.keep_kv = pick(random, 2);
    l->rl.apply = (enum lh_rl_apply)pick(random, 3);
    l->rl.max_staleness = pick(random, 4);
    l->rl.push_every = 1 + pick(random, 3);
    if (l->rl.push_every > l->rl.max_staleness + 1)
        l->rl.push_every = l->rl.max_staleness + 1;
    if (l->rl.mode == LH_RL_ASYNC && pick(random, 4) == 0)
        l->rl.push_interval_s = 0.05 + 3 * part(random);
    if (l->rl.mode != LH_RL_ASYNC) { /* as the reader leaves them */
        l->rl.apply = LH_APPLY_AT_ONCE;
        l->rl.partial_rollouts = true;
        l->rl.keep_kv = false;
        l->rl.push_every = 1;
    }
    l->rl.n_fleets = l->input.n_fleets = 1 + pick(random, FLEETS);
    for (int i = 0; i < l->rl.n_fleets; i++) {
        struct lh_rl_fleet_input *f = &l->inputs[i];
        f->replicas = 1 + pick(random, 4);
        f->rates.cpu_s = 0.001 + 0.02 * part(random);
        f->rates.flops_s = 0.001 * part(random);
        f->rates.concurrency = 1 + pick(random, 20);
        f->rates.kv_tokens = pick(random, 2) ? 150 + pick(random, 2000) : 0;
        draw_iterations(&f->rates, random);
        f->push.transfer_s = pick(random, 3) ? 2 * part(random) : 0;
        f->push.load_s = pick(random, 3) ? part(random) : 0;
        l->fleets[i].gpus = f->replicas;
    }
    l->rl.n_verifiers = pick(random, 3);
    draw_judges(l, random);
    draw_turns(&l->rl, random);
    draw_absences(l, random);
    l->input.seed = pick(random, 1000000);
    l->input.gather_s = pick(random, 2) ? part(random) / 4 : 0;
    l->input.switch_s = l->rl.mode == LH_RL_CO_LOCATED ? part(random) : 0;
    l->log_prob_s = part(random);
    l->train_s = 3 * part(random);
    draw_sharing(l, random);
}

static int64_t bound_of(const struct lh_rl *rl)
{
    return rl->mode == LH_RL_ASYNC          ? rl->max_staleness
           : rl->mode == LH_RL_ONE_STEP_OFF ? 1
                                            : 0;
}

static void check_sums(const struct lh_rl_result *r)
{
    int64_t trained = 0;
    double trainer_s = r->trainer.log_prob_s + r->trainer.train_s
                       + r->trainer.gather_s + r->trainer.switch_s
                       + r->trainer.wait_s;
    for (int i = 0; i < r->staleness_n; i++)
        trained += r->staleness[i];
    LH_CHECK(trained == r->samples_trained);
    LH_CHECK(r->tokens_generated
             == r->tokens_trained + r->tokens_discarded + r->tokens_in_flight);
    LH_CHECK(r->tokens_in_flight >= 0);
    LH_CHECK_NEAR(trainer_s, r->step_time_s, 1e-9);
    LH_CHECK(r->trainer.wait_s >= 0);
    LH_CHECK(r->generators.wait_s >= -1e-9 * r->step_time_s);
}

static void holds_in_random_loops(void)
{
    uint64_t random = 11;
    int seen[13] = {0};
    for (int draw = 0; draw < 600; draw++) {
        struct loop l, again;
        draw_loop(&l, &random);
        again = l;
        struct lh_rl_result r = loop_run(&l);
        LH_CHECK(r.staleness_n - 1 <= bound_of(&l.rl));
        check_sums(&r);
        again.rl.fleets = again.fleets;
        again.rl.verifiers = again.verifiers;
        again.input.rl = &again.rl;
        again.input.fleets = again.inputs;
        again.input.judges = again.judges;
        again.input.self = &again;
        struct lh_rl_result same = loop_run(&again);
        LH_CHECK(memcmp(&r, &same, sizeof r) == 0);
        seen[0] += r.staleness_n > 2;
        seen[1] += r.samples_discarded > 0;
        seen[2] += r.tokens_in_flight > 0;
        seen[3] += l.rl.mode == LH_RL_ASYNC && r.staleness_n == 1;
        seen[4] += l.rl.mode == LH_RL_ASYNC && l.rl.push_interval_s > 0;
        seen[5] += r.departures > 0;
        seen[6] += r.environment_s > 0 && l.rl.turn_keeps_kv;
        seen[7] += r.environment_s > 0 && !l.rl.partial_rollouts;
        seen[8] += l.rl.n_verifiers > 0 && l.verifiers[0].output > 0
                   && l.verifiers[0].kind != LH_JUDGE_RULE;
        bool chunks = l.inputs[0].rates.chunk > 0;
        seen[9] += chunks && l.inputs[0].rates.kv_tokens > 0;
        seen[10] += chunks && l.inputs[0].rates.accepted > 0;
        seen[11] += chunks && l.rl.mode == LH_RL_ASYNC && !l.rl.keep_kv;
        seen[12] += chunks && l.rl.mode == LH_RL_ASYNC && !l.rl.partial_rollouts
                    && r.tokens_discarded > 0;
    }
    for (int i = 0; i < 13; i++)
        LH_CHECK(seen[i] >= 10);
}

/* Equal lengths, the same split: what is gained by not waiting costs a push of
 * weights at most. */
static void async_is_no_slower(void)
{
    uint64_t random = 12;
    for (int draw = 0; draw < 200; draw++) {
        struct loop l;
        draw_loop(&l, &random);
        l.rl.lengths = LH_LENGTHS_FIXED;
        l.rl.n_verifiers = 0;
        l.rl.steps = 40;
        l.rl.warmup_steps = 20;
        l.rl.push_interval_s = -1;
        l.rl.push_every = 1;
        l.rl.apply = LH_APPLY_AT_ONCE;
        l.rl.partial_rollouts = l.rl.keep_kv = true;
        l.input.switch_s = l.rl.tool_sigma = 0;
        for (int i = 0; i < l.rl.n_fleets; i++)
            l.fleets[i].up_s = -1;
        l.rl.mode = LH_RL_SYNC;
        double sync_s = loop_run(&l).step_time_s, push_s = 0;
        l.rl.mode = LH_RL_ASYNC;
        double async_s = loop_run(&l).step_time_s;
        for (int i = 0; i < l.rl.n_fleets; i++)
            push_s = fmax(push_s, l.inputs[i].push.transfer_s
                                      + l.inputs[i].push.load_s);
        LH_CHECK(async_s <= (sync_s + push_s + l.input.gather_s) * (1 + 1e-9));
    }
}

/* Five hundred replicas, all of them and some for all. */
static void some_for_many(void)
{
    uint64_t random = 13;
    for (int draw = 0; draw < 8; draw++) {
        struct loop l;
        loop_make(&l);
        l.rl.mode = (enum lh_rl_mode)(draw % 4);
        l.rl.lengths = draw < 4 ? LH_LENGTHS_LOGNORMAL : LH_LENGTHS_PARETO;
        l.rl.length_median = 100;
        l.rl.length_max = 1500;
        l.rl.steps = 12;
        l.rl.prompts = 1500;
        l.rl.samples = 4;
        l.rl.n_fleets = l.input.n_fleets = 3;
        l.input.seed = draw;
        for (int i = 0; i < 3; i++) {
            l.inputs[i].replicas = l.fleets[i].gpus = 100 * (1 + i) - 50;
            l.inputs[i].rates.cpu_s = 0.005 * (1 + i);
            l.inputs[i].rates.sequence_s = 1e-4;
            l.inputs[i].rates.concurrency = 6 + pick(&random, 12);
            l.inputs[i].push.transfer_s = part(&random);
            if (draw % 2 == 0) {
                l.inputs[i].rates.chunk = 256;
                l.inputs[i].rates.drafted = 3;
                l.inputs[i].rates.accepted = 1.25;
                l.inputs[i].rates.draft_frac = 0.05;
            }
        }
        l.inputs[2].replicas = l.fleets[2].gpus = 300;
        l.rl.engine = LH_RL_EXACT;
        struct lh_rl_result all = loop_run(&l);
        l.rl.engine = LH_RL_ORDER_STATISTICS;
        struct lh_rl_result some = loop_run(&l);
        LH_CHECK(all.simulated == 500 && some.simulated < 200);
        LH_CHECK_NEAR(some.step_time_s, all.step_time_s,
                      l.rl.mode == LH_RL_ASYNC ? 0.02 : 0.005);
        LH_CHECK_NEAR(some.tokens_trained_per_s, all.tokens_trained_per_s,
                      0.02);
        LH_CHECK(some.rounding_frac <= 0.005);
        check_sums(&some);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"bounds and sums of random loops", holds_in_random_loops},
        {"async is no slower than sync and a push", async_is_no_slower},
        {"some replicas for many", some_for_many},
    };
    return lh_unit_run("rl_random", tests, LH_COUNT(tests));
}
