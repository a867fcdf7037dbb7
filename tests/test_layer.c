/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A layer as stacks and models differ: what a backward hides, scattered sends,
 * the parallel block, the attention window, gradients of biases; each by hand
 * arithmetic on the op list or the costs of a small scenario.
 */
#include "unit.h"

#include "../workloads/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 48, HIDDEN = 6144, TENSOR = 8, TOKENS = 4 * 2048 };

/* The layer of Korthikanti et al. 2022, table 4, on 16 A100 in two stages. */
static const char base[] =
    "longhaul: 1\n"
    "model: {name: megatron-22b}\n"
    "training: {global_batch: 8, sequence_length: 2048, micro_batch: 4,\n"
    "           stack: megatron-2022}\n"
    "plan: {tensor: 8, pipeline: 2, recompute: none}\n"
    "sites: [{gpus: 16, device: a100-sxm}]\n";

struct fixture {
    struct lh_ctx ctx;
    struct lh_scenario s;
    struct lh__fit fit;
    struct lh__costs costs;
    struct lh_program p;
};

/* The base with one or two settings; "" is none. */
static void setup(struct fixture *f, const char *path, const char *value,
                  const char *path2, const char *value2)
{
    struct lh_setting settings[2] = {{path, value}, {path2, value2}};
    int n = (*path != '\0') + (*path2 != '\0');

    f->ctx = lh_ctx_begin();
    f->ctx.data_dir = LH_SRCDIR "/data";
    LH_REQUIRE(lh_scenario_read_text(&f->s, "base.yaml", base, strlen(base),
                                     ".", settings, n, &f->ctx)
               == LH_OK);
    LH_REQUIRE(lh__fit_make(&f->fit, &f->s, &f->ctx) == LH_OK);
    lh__costs_make(&f->costs, &f->fit, &f->s.sites[0].device);
    LH_REQUIRE(lh_program_build(&f->p, &f->s, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_program_check(&f->p, &f->ctx) == LH_OK);
}

/* Tensor communications of a layer's forward or backward. */
static int count_comms(const struct fixture *f, enum lh_task task,
                       enum lh_collective collective)
{
    const struct lh_template *t = &f->p.templates[0];
    int n = 0;

    for (int32_t i = 0; i < t->n_ops; i++)
        n += t->ops[i].kind == LH_OP_COMM && t->ops[i].layer == 1
             && t->ops[i].micro_batch == 0 && t->ops[i].task == task
             && f->p.comms[t->ops[i].comm].collective == collective;
    return n;
}

/* Compute seconds of a layer's backward that are beside a communication: the
 * op behind it does not wait for it. */
static double hidden_s(const struct fixture *f, int *n)
{
    const struct lh_template *t = &f->p.templates[0];
    double sum_s = 0;

    *n = 0;
    for (int32_t i = 1; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];
        bool waits = false;

        if (op->kind != LH_OP_COMPUTE || op->layer != 1 || op->micro_batch != 0
            || op->task != LH_TASK_BACKWARD
            || t->ops[i - 1].stream != LH_STREAM_TENSOR)
            continue;
        for (int32_t k = t->dep_begin[i]; k < t->dep_begin[i + 1]; k++)
            waits = waits || t->deps[k] == i - 1;
        if (waits)
            continue;
        sum_s += op->seconds - op->gap_s - op->slowest_s;
        ++*n;
    }
    return sum_s;
}

static double gemm_s(const struct fixture *f, double m, double n, double k,
                     bool accumulate)
{
    struct lh__gemm gemm = {
        .batch = 1, .m = m, .n = n, .k = k, .accumulate = accumulate};
    struct lh__work work = {0};

    lh__work_gemm(&work, &f->s.sites[0].device, &gemm);
    return work.kernel_s;
}

/* All-reduces beside the weight gradients of QKV and of the first of the MLP;
 * with sequence parallelism gathers beside their input gradients as well. */
static void hides_what_the_stack_hides(void)
{
    const double qkv = 3.0 * HIDDEN / TENSOR, wide = 4.0 * HIDDEN / TENSOR;
    struct fixture f;
    double weights_s, inputs_s;
    int n;

    setup(&f, "plan.sequence_parallel", "false", "", "");
    weights_s = gemm_s(&f, HIDDEN, qkv, TOKENS, true)
                + gemm_s(&f, HIDDEN, wide, TOKENS, true);
    inputs_s = gemm_s(&f, TOKENS, HIDDEN, qkv, false)
               + gemm_s(&f, TOKENS, HIDDEN, wide, false);
    LH_CHECK_NEAR(hidden_s(&f, &n), weights_s, 1e-12);
    LH_CHECK(n == 2);
    LH_CHECK(count_comms(&f, LH_TASK_BACKWARD, LH_ALL_REDUCE) == 2);
    lh_ctx_end(&f.ctx);

    setup(&f, "plan.sequence_parallel", "true", "", "");
    LH_CHECK_NEAR(hidden_s(&f, &n), weights_s + inputs_s, 1e-12);
    LH_CHECK(n == 4);
    LH_CHECK(count_comms(&f, LH_TASK_BACKWARD, LH_ALL_GATHER) == 4);
    LH_CHECK(count_comms(&f, LH_TASK_BACKWARD, LH_REDUCE_SCATTER) == 2);
    lh_ctx_end(&f.ctx);

    setup(&f, "training.stack", "megatron-2021", "", "");
    LH_CHECK(hidden_s(&f, &n) == 0 && n == 0);
    LH_CHECK(count_comms(&f, LH_TASK_BACKWARD, LH_ALL_GATHER) == 2);
    lh_ctx_end(&f.ctx);
}

/* Every communication and compute operation of a layer is there once, hidden
 * or not: the same seconds. */
static void hides_no_work(void)
{
    struct fixture f;
    double seconds[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        setup(&f, "training.stack", i ? "megatron-2022" : "megatron-2021",
              "plan.sequence_parallel", "false");
        for (int32_t o = 0; o < f.p.templates[0].n_ops; o++)
            seconds[i] +=
                f.p.templates[0].ops[o].seconds - f.p.templates[0].ops[o].gap_s;
        lh_ctx_end(&f.ctx);
    }
    LH_CHECK_NEAR(seconds[0], seconds[1], 1e-12);
}

/* 2 T h bytes, an eighth from each accelerator, which the receiver gathers. */
static void scatters_sends(void)
{
    struct fixture f;
    int n_gathers = 0;

    setup(&f, "plan.sequence_parallel", "false", "", "");
    for (int32_t i = 0; i < f.p.templates[1].n_ops; i++) {
        const struct lh_op *op = &f.p.templates[1].ops[i];

        n_gathers += op->stream == LH_STREAM_TENSOR
                     && op->task == LH_TASK_ACTIVATIONS
                     && op->category == LH_PIPELINE_COMM;
        if (op->role == LH_ROLE_RECEIVER && op->task == LH_TASK_ACTIVATIONS)
            LH_CHECK_NEAR(f.p.comms[op->comm].bytes,
                          2.0 * TOKENS * HIDDEN / TENSOR, 1e-12);
    }
    LH_CHECK(n_gathers == 2); /* micro-batches */
    lh_ctx_end(&f.ctx);
    setup(&f, "plan.sequence_parallel", "false", "training.stack", "megatron");
    for (int32_t i = 0; i < f.p.templates[1].n_ops; i++) {
        const struct lh_op *op = &f.p.templates[1].ops[i];

        LH_CHECK(op->category != LH_PIPELINE_COMM
                 || op->stream != LH_STREAM_TENSOR);
        if (op->role == LH_ROLE_RECEIVER && op->task == LH_TASK_ACTIVATIONS)
            LH_CHECK_NEAR(f.p.comms[op->comm].bytes, 2.0 * TOKENS * HIDDEN,
                          1e-12);
    }
    lh_ctx_end(&f.ctx);
}

/* One segment with all products, one norm and one residual less: 4 and 7 bytes
 * a value, backward 6, 7 and 5; memory and parameters of a norm and a dropout
 * mask less. */
static void puts_blocks_side_by_side(void)
{
    const double values = (double)TOKENS * HIDDEN / TENSOR;
    struct fixture a, b;
    double rate, kept;

    setup(&a, "", "", "", "");
    setup(&b, "model.parallel_block", "true", "", "");
    rate = a.s.sites[0].device.memory_bytes_per_s
           * a.s.sites[0].device.memory_frac;
    LH_CHECK_NEAR(a.costs.attention_forward.kernel_s
                      + a.costs.mlp_forward.kernel_s
                      - b.costs.attention_forward.kernel_s,
                  11.0 * values / rate, 1e-9);
    /* and the gradient of one output's bias less: 2 bytes a value */
    LH_CHECK_NEAR(a.costs.attention_backward.kernel_s
                      + a.costs.mlp_backward.kernel_s
                      - b.costs.attention_backward.kernel_s,
                  18.0 * values / rate, 1e-9);
    LH_CHECK(a.s.model.parameters - b.s.model.parameters
             == (int64_t)LAYERS * 2 * HIDDEN);
    kept = lh__layer_activation_bytes(&a.fit, 1)
           - lh__layer_activation_bytes(&b.fit, 1);
    LH_CHECK_NEAR(kept, 5.0 * values, 1e-9);
    LH_CHECK(count_comms(&a, LH_TASK_FORWARD, LH_ALL_GATHER) == 2);
    LH_CHECK(count_comms(&b, LH_TASK_FORWARD, LH_ALL_GATHER) == 1);
    LH_CHECK(count_comms(&b, LH_TASK_FORWARD, LH_REDUCE_SCATTER) == 1);
    LH_CHECK(count_comms(&b, LH_TASK_BACKWARD, LH_ALL_GATHER) == 2);
    LH_CHECK(count_comms(&b, LH_TASK_BACKWARD, LH_REDUCE_SCATTER) == 1);
    LH_CHECK_NEAR(a.p.model_flops, b.p.model_flops, 1e-12);
    lh_ctx_end(&a.ctx);
    lh_ctx_end(&b.ctx);
}

/* Of 2,048 tokens the last 512: 2048 - 1536^2 / 2048 = 896 positions count.  A
 * kernel on tiles of 128 does (1 + 1/16) / 2 - 1536 x 1408 / (2 x 2048^2) of
 * the square, at the rate of 896 rows. */
static void looks_through_a_window(void)
{
    const double kept = 0.53125 - 1536.0 * 1408.0 / (2.0 * 2048 * 2048);
    struct fixture all, near;
    double flops, rate;

    setup(&all, "training.stack", "megatron", "", "");
    setup(&near, "training.stack", "megatron", "model.attention_window", "512");
    LH_CHECK_NEAR(all.p.model_flops - near.p.model_flops,
                  3.0 * 8 * 2048 * LAYERS * 4.0 * HIDDEN * (2048 - 896), 1e-9);
    flops = 4.0 * 4 * 8 * 2048 * 2048 * 96 * kept;
    rate = all.s.sites[0].device.bf16_flops_per_s
           * all.s.sites[0].device.attention_forward_frac * 896 / (896 + 450.0);
    LH_CHECK_NEAR(near.costs.core.kernel_s, flops / rate, 1e-9);
    LH_CHECK(near.costs.core.kernel_s < all.costs.core.kernel_s);
    lh_ctx_end(&all.ctx);
    lh_ctx_end(&near.ctx);

    /* unfused scores are masked, not left out */
    setup(&all, "", "", "", "");
    setup(&near, "model.attention_window", "512", "", "");
    LH_CHECK(near.costs.core.kernel_s == all.costs.core.kernel_s);
    lh_ctx_end(&all.ctx);
    lh_ctx_end(&near.ctx);
}

/* Sums over tokens of the gradients of QKV, projection, and the MLP's two
 * products, 2 bytes a value; they are part of the gradients of weights. */
static void sums_gradients_of_biases(void)
{
    const double split = TOKENS * 7.0 * HIDDEN / TENSOR;
    const double whole = TOKENS * 2.0 * HIDDEN / TENSOR; /* sequence parallel */
    struct fixture f;
    struct lh__costs without;
    double rate;

    setup(&f, "", "", "", "");
    rate = f.s.sites[0].device.memory_bytes_per_s
           * f.s.sites[0].device.memory_frac;
    f.s.stack.bias_gradients = false;
    lh__costs_make(&without, &f.fit, &f.s.sites[0].device);
    LH_CHECK_NEAR(f.costs.attention_backward.weights_s
                      + f.costs.mlp_backward.weights_s
                      - without.attention_backward.weights_s
                      - without.mlp_backward.weights_s,
                  2.0 * (split + whole) / rate, 1e-9);
    LH_CHECK(f.costs.mlp_forward.kernel_s == without.mlp_forward.kernel_s);
    lh_ctx_end(&f.ctx);
}

static void refuses(const char *path, const char *value, const char *path2,
                    const char *value2, const char *message)
{
    struct lh_setting settings[2] = {{path, value}, {path2, value2}};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_program p;

    ctx.data_dir = LH_SRCDIR "/data";
    LH_REQUIRE(lh_scenario_read_text(&s, "base.yaml", base, strlen(base), ".",
                                     settings, 2, &ctx)
               == LH_OK);
    LH_CHECK(lh_program_build(&p, &s, &ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_count(&ctx, LH_ERROR) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, lh_diag_total(&ctx) - 1)->text, message);
    lh_ctx_end(&ctx);
}

static void refuses_what_is_not_modelled(void)
{
    refuses("model.name", "mixtral-8x7b", "model.parallel_block", "true",
            "model.parallel_block with experts or latent attention is not "
            "supported by this version");
    refuses("model.attention_window", "512", "training.stack", "fsdp-pytorch",
            "model.attention_window with the first flash attention is not "
            "supported by this version");
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"hides what the stack hides", hides_what_the_stack_hides},
        {"hides no work", hides_no_work},
        {"scatters sends", scatters_sends},
        {"puts blocks side by side", puts_blocks_side_by_side},
        {"looks through a window", looks_through_a_window},
        {"sums gradients of biases", sums_gradients_of_biases},
        {"refuses what is not modelled", refuses_what_is_not_modelled},
    };

    return lh_unit_run("layer", tests, LH_COUNT(tests));
}
