/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What communication takes of multiprocessors: the kernels of scenarios against
 * the figures of data/protocols.csv, and a simulated step against the same one
 * in which nothing is taken.  By hand: tests/test_exec.c; over random steps:
 * tests/fold_steal.c.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

#include "../sim/place.h"

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_point point;
    struct lh__placed placed;
};

/* One site; `sms` is taken by every kernel of its library, -1: as it stands in
 * the table. */
static struct run *run_begin(const char *model, const char *plan,
                             const char *site, int64_t sms)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct run *r = LH_NEW(ctx.arena, struct run, 1);
    struct lh_text text = lh_text_new(ctx.arena);
    r->ctx = ctx;
    lh_text_printf(&text,
                   "longhaul: 1\nmodel: %s\ntraining: {stack: cuda-graphs}\n"
                   "plan: {%s}\nsites: [{name: a, %s}]\n",
                   model, plan, site);
    enum lh_status st = lh_scenario_read_text(&r->scenario, "x.yaml", text.s,
                                              text.n, ".", NULL, 0, &r->ctx);
    if (st != LH_OK)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, 0)->text, "");
    LH_REQUIRE(st == LH_OK);
    struct lh_library_sms *of = &r->scenario.sites[0].fabric.library.sms;
    if (sms >= 0)
        *of = (struct lh_library_sms){sms, sms, sms, sms, sms,
                                      sms, sms, sms, sms};
    LH_REQUIRE(lh_topology_build(&r->topology, &r->scenario, &r->ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&r->program, &r->scenario, &r->ctx) == LH_OK);
    r->point = (struct lh_sim_point){&r->scenario, &r->program, r->topology};
    LH_REQUIRE(lh__place(&r->placed, &r->point, &r->ctx) == LH_OK);
    return r;
}

static void run_end(struct run *r)
{
    struct lh_ctx ctx = r->ctx;
    lh__incidence_free(&r->placed.incidence);
    lh_topology_free(r->topology);
    lh_ctx_end(&ctx);
}

/* What every kernel of a collective in a dimension takes that moves some MB, or
 * a small one; -1: they differ, -2: there is none. */
static int64_t taken_by(const struct run *r, enum lh_collective collective,
                        enum lh_category category, bool small)
{
    const double many_bytes = 1e6;
    const struct lh__placed *p = &r->placed;
    int64_t all = -2;
    for (int32_t g = 0; g < p->n_groups; g++) {
        const struct lh_comm *c = &r->program.comms[p->group_comm[g]];
        bool is_one =
            small ? c->bytes <= LH__SMALL_BYTES : c->bytes >= many_bytes;
        if (c->collective != collective || c->category != category || !is_one)
            continue;
        all = all == -2 || all == p->group_sms[g] ? p->group_sms[g] : -1;
    }
    return all;
}

static const char *const h100s = "gpus: 64, device: h100-sxm";

static void rings_take_their_channels(void)
{
    struct run *r =
        run_begin("llama-3.1-8b", "tensor: 4, pipeline: 2, zero: 1", h100s, -1);
    for (int32_t c = 0; c < r->placed.n_classes; c++)
        LH_CHECK(r->placed.class_sms[c] == 132);
    LH_CHECK(taken_by(r, LH_ALL_GATHER, LH_TENSOR_COMM, false) == 24);
    LH_CHECK(taken_by(r, LH_REDUCE_SCATTER, LH_DATA_COMM, false) == 16);
    LH_CHECK(taken_by(r, LH_ALL_REDUCE, LH_OPTIMIZER, true) == 1);
    run_end(r);
}

/* Stages of 4 beside each other in a node, and of 8 in nodes of their own. */
static void sends_take_more_in_a_node(void)
{
    struct run *r =
        run_begin("llama-3.1-8b", "tensor: 4, pipeline: 2", h100s, -1);
    LH_CHECK(taken_by(r, LH_SEND, LH_PIPELINE_COMM, false) == 16);
    run_end(r);
    r = run_begin("llama-3.1-8b", "tensor: 8, pipeline: 2", h100s, -1);
    LH_CHECK(taken_by(r, LH_SEND, LH_PIPELINE_COMM, false) == 2);
    run_end(r);
}

static void switches_that_reduce_take_less(void)
{
    struct run *r = run_begin("llama-3.1-70b",
                              "tensor: 8, sequence_parallel: false", h100s, -1);
    LH_CHECK(taken_by(r, LH_ALL_REDUCE, LH_TENSOR_COMM, false) == 16);
    run_end(r);
    r = run_begin("llama-3.1-70b", "tensor: 8, sequence_parallel: false",
                  "gpus: 64, device: a100-sxm", -1);
    LH_CHECK(taken_by(r, LH_ALL_REDUCE, LH_TENSOR_COMM, false) == 24);
    LH_CHECK(r->placed.class_sms[0] == 108);
    run_end(r);
}

static void user_buffers_take_little(void)
{
    struct run *r = run_begin("llama-3.1-8b",
                              "tensor: 4, overlap: {tensor: true}", h100s, -1);
    LH_CHECK(taken_by(r, LH_ALL_GATHER, LH_TENSOR_COMM, false) == 1);
    LH_CHECK(taken_by(r, LH_REDUCE_SCATTER, LH_TENSOR_COMM, false) == 16);
    run_end(r);
}

static void dispatch_takes_what_sends_it(void)
{
    struct run *r = run_begin("mixtral-8x7b", "expert: 8", h100s, -1);
    LH_CHECK(taken_by(r, LH_ALL_TO_ALL, LH_EXPERT_COMM, false) == 16);
    run_end(r);
    r = run_begin("mixtral-8x7b", "expert: 8, dispatch: relay", h100s, -1);
    LH_CHECK(taken_by(r, LH_ALL_TO_ALL, LH_EXPERT_COMM, false) == 20);
    run_end(r);
}

/* Engines of their own move the bytes of tori; of an ideal switch nothing is
 * known. */
static void without_a_library_nothing_is_taken(void)
{
    static const char *const sites[] = {
        "gpus: 64, device: tpu-v4",
        "gpus: 64, device: h100-sxm, fabric: switch"};
    for (size_t i = 0; i < LH_COUNT(sites); i++) {
        struct run *r = run_begin("llama-3.1-8b", "tensor: 4", sites[i], -1);
        for (int32_t g = 0; g < r->placed.n_groups; g++)
            LH_CHECK(r->placed.group_sms[g] == 0);
        for (int32_t c = 0; c < r->placed.n_classes; c++)
            LH_CHECK(r->placed.class_sms[c] == 0);
        run_end(r);
    }
}

/* ---- a step -------------------------------------------------------------- */

struct step {
    double step_s;
    double compute_s; /* all that is computed */
    double beside_s;  /* of it, beside communication */
    double bound_s;
};

static double overlap_s(const struct lh_trace *t, int64_t a, int64_t b)
{
    return fmax(0.0, fmin(t->end_s[a], t->end_s[b])
                         - fmax(t->start_s[a], t->start_s[b]));
}

/* Computing of a class, and of it what is beside communication. */
static void class_add(struct step *s, const struct lh_trace *t, int32_t c)
{
    int64_t first = t->class_first[c], end = t->class_first[c + 1];
    for (int64_t a = first; a < end; a++) {
        s->compute_s += t->group[a] < 0 ? t->end_s[a] - t->start_s[a] : 0.0;
        for (int64_t b = first; t->group[a] < 0 && b < end; b++) {
            if (t->group[b] >= 0)
                s->beside_s += overlap_s(t, a, b);
        }
    }
}

/* Of replicas whose gradients are reduced while backward runs; one
 * communication at a time. */
static struct step step_taking(int64_t sms, enum lh_collectives mode)
{
    struct run *r =
        run_begin("llama-3.1-8b", "overlap: {gradients: true}, bucket: 1 GB",
                  "gpus: 8, device: a100-sxm", sms);
    struct lh_trace t;
    struct lh_result result;
    r->scenario.collectives = mode;
    LH_REQUIRE(lh_sim_run(&t, &r->point, &r->ctx) == LH_OK);
    LH_REQUIRE(lh_result_make(&result, &t, &r->program, r->topology, &r->ctx)
               == LH_OK);
    LH_REQUIRE(t.n_classes == (mode == LH_MESSAGES ? 8 : 1));
    LH_REQUIRE(t.steps_simulated == 1);
    struct step s = {.step_s = t.step_time_s, .bound_s = result.bound.bound_s};
    for (int32_t c = 0; c < t.n_classes; c++)
        class_add(&s, &t, c);
    s.compute_s /= t.n_classes;
    s.beside_s /= t.n_classes;
    run_end(r);
    return s;
}

/* A quarter taken for x s costs x/4 of computing.  The step is longer by that
 * or less, since what is exposed in the end may begin no later.  The bound
 * stays. */
static void computing_is_longer_by_what_is_taken(void)
{
    struct step nothing = step_taking(0, LH_COUPLED);
    struct step quarter = step_taking(27, LH_COUPLED);
    double longer_s = quarter.compute_s - nothing.compute_s;
    LH_CHECK(quarter.beside_s > 0.03 * nothing.step_s);
    LH_CHECK_NEAR(longer_s, quarter.beside_s / 4, 1e-9);
    LH_CHECK(quarter.step_s > nothing.step_s + 0.9 * longer_s);
    LH_CHECK(quarter.step_s <= nothing.step_s + longer_s * (1 + 1e-9));
    LH_CHECK_NEAR(quarter.bound_s, nothing.bound_s, 1e-12);
}

/* Message by message each member's kernel is in flight from its own start to
 * its own end. */
static void messages_take_as_well(void)
{
    struct step nothing = step_taking(0, LH_MESSAGES);
    struct step quarter = step_taking(27, LH_MESSAGES);
    LH_CHECK(quarter.beside_s > 0.03 * nothing.step_s);
    LH_CHECK_NEAR(quarter.compute_s - nothing.compute_s, quarter.beside_s / 4,
                  1e-9);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"rings take their channels", rings_take_their_channels},
        {"sends take more in a node", sends_take_more_in_a_node},
        {"switches that reduce take less", switches_that_reduce_take_less},
        {"user buffers take little", user_buffers_take_little},
        {"dispatch takes what sends it", dispatch_takes_what_sends_it},
        {"without a library nothing is taken",
         without_a_library_nothing_is_taken},
        {"computing is longer by what is taken",
         computing_is_longer_by_what_is_taken},
        {"messages take as well", messages_take_as_well},
    };
    return lh_unit_run("steal", tests, LH_COUNT(tests));
}
