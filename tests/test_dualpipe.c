/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * DualPipe and DualPipeV beyond their bubbles (tests/test_workload.c): what two
 * copies of the weights exchange, memory, and what of the experts'
 * communication a pair of passes hides.
 */
#include "unit.h"

#include "../workloads/workload.h"

#include <longhaul/result.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

struct built {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
};

static void build(struct built *b, const char *model, const char *training,
                  const char *plan, int gpus)
{
    memset(b, 0, sizeof *b);
    b->ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(b->ctx.arena);
    lh_text_printf(&text,
                   "longhaul: 1\nmodel: %s\ntraining: {stack: cuda-graphs, "
                   "%s}\nplan: {%s}\n"
                   "sites: [{name: a, gpus: %d, device: h100-sxm}]\n",
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

/* Of the stage's sends between mirror images. */
static double sent_bytes(const struct built *b, int stage, enum lh_task task)
{
    const struct lh_template *t = &b->program.templates[stage];
    double sum = 0.0;

    for (int32_t i = 0; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        if (op->kind == LH_OP_COMM && op->role == LH_ROLE_SENDER
            && op->task == task) {
            const struct lh_comm *c = &b->program.comms[op->comm];
            LH_CHECK(stage + c->shift == 3 - stage);
            LH_CHECK(c->category == LH_DATA_COMM);
            sum += c->bytes;
        }
    }
    return sum;
}

static const char tiny[] =
    "{config: " LH_SRCDIR "/tests/golden/tiny_config.json}";

/* zero 0: all gradients, each way; zero 1, over 4 replicas and 2 copies: half
 * of a quarter, and as many weights back. */
static void copies_add_up_their_gradients(void)
{
    struct built b;

    build(&b, tiny, "sequence_length: 512", "pipeline: 4, schedule: dualpipe",
          16);
    LH_CHECK(b.program.micro_batches == 8);
    for (int s = 0; s < 4; s++) {
        double n = b.program.memory[s].parameters;
        LH_CHECK_NEAR(n, b.program.memory[3 - s].parameters, 1e-12);
        LH_CHECK_NEAR(sent_bytes(&b, s, LH_TASK_GRADIENTS), 4 * n, 1e-12);
        LH_CHECK(sent_bytes(&b, s, LH_TASK_WEIGHTS) == 0.0);
        LH_CHECK_NEAR(b.program.memory[s].optimizer, 12 * n, 1e-12);
    }
    end(&b);
    build(&b, tiny, "sequence_length: 512",
          "pipeline: 4, schedule: dualpipe, zero: 1", 16);
    for (int s = 0; s < 4; s++) {
        double n = b.program.memory[s].parameters;
        LH_CHECK_NEAR(sent_bytes(&b, s, LH_TASK_GRADIENTS), 4 * n / 8, 1e-12);
        LH_CHECK_NEAR(sent_bytes(&b, s, LH_TASK_WEIGHTS), 2 * n / 8, 1e-12);
        LH_CHECK_NEAR(b.program.memory[s].optimizer, 12 * n / 8, 1e-12);
    }
    end(&b);
}

/* Every parameter of the model is held twice; there and back once. */
static void holds_the_model_twice_or_once(void)
{
    static const char *const plans[] = {"pipeline: 2, schedule: dualpipe",
                                        "pipeline: 2, schedule: dualpipe-v"};

    for (size_t i = 0; i < LH_COUNT(plans); i++) {
        struct built b;
        double sum = 0.0;
        build(&b, tiny, "sequence_length: 512", plans[i], 8);
        for (int s = 0; s < 2; s++)
            sum += b.program.memory[s].parameters;
        LH_CHECK_NEAR(
            sum, (i == 0 ? 2.0 : 1.0) * (double)b.scenario.model.parameters,
            1e-12);
        end(&b);
    }
}

static double expert_s(const char *plan, const char *schedule)
{
    struct built b;
    struct lh_topology *topology = NULL;
    enum lh_status status;
    struct lh_trace trace;
    struct lh_result result;
    char both[160];

    snprintf(both, sizeof both, "%s, schedule: %s", plan, schedule);
    build(&b, "mixtral-8x7b", "global_batch: 128, sequence_length: 4096", both,
          16);
    LH_CHECK(b.program.micro_batches == 16);
    LH_REQUIRE(lh_topology_build(&topology, &b.scenario, &b.ctx) == LH_OK);
    struct lh_sim_point point = {&b.scenario, &b.program, topology};
    LH_REQUIRE(lh_sim_run_many(&trace, &status, &point, 1, 1, &b.ctx) == LH_OK);
    LH_REQUIRE(lh_result_make(&result, &trace, &b.program, topology, &b.ctx)
               == LH_OK);
    double seconds = result.breakdown_s[LH_EXPERT_COMM];
    lh_topology_free(topology);
    end(&b);
    return seconds;
}

/* Two stages, 16 micro-batches, 16 layers a stage: of 16 forwards and 16
 * backwards three each stand alone (F F F .. B, B B), and show all of their
 * 2 x 16 exchanges.  A pair shows none but what the first forward's layer is
 * not beside, one exchange at most. */
static void pairs_hide_what_experts_exchange(void)
{
    static const char plan[] = "pipeline: 2, expert: 8, recompute: none";
    double all = expert_s(plan, "1f1b");
    double shown = expert_s(plan, "dualpipe");
    double one = all / (16 * 2 * 2 * 16);

    LH_CHECK(all > 1e-2);
    LH_CHECK(shown >= all * 3 / 16 * (1 - 1e-9));
    LH_CHECK(shown <= all * 3 / 16 + 13 * one);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"copies add up their gradients", copies_add_up_their_gradients},
        {"holds the model twice or once", holds_the_model_twice_or_once},
        {"pairs hide what experts exchange", pairs_hide_what_experts_exchange},
    };

    return lh_unit_run("dualpipe", tests, LH_COUNT(tests));
}
