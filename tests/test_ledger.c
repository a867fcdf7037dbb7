/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Conservation of bytes (sim/ledger.c, sim/audit.c): what is right passes, on
 * the fake engine and on SimGrid; and each planted fault is found: an engine
 * that loses a byte, that is too fast, that lets flows pass through each other;
 * a communication begun and not ended, a link that carries a byte less than it
 * says, a way that ends where nobody receives.
 */
#include <math.h>
#include <string.h>

#include "fake_engine.h"
#include "unit.h"

#include "../sim/audit.h"
#include "../sim/engine.h"
#include "../sim/fork.h"

/* ---- the ledger ----------------------------------------------------------
 */

static const int32_t both_links[] = {0, 1}, second_link[] = {1};
static const int64_t ones[] = {1, 2};
static const double capacities[] = {100, 50};

/* Over link 0, and over link 1 at twice its rate; over link 1, at most at 40
 * byte/s. */
static const struct lh_channel_spec specs[] = {{.n_links = 2,
                                                .links = both_links,
                                                .weights = ones,
                                                .alpha_s = 1,
                                                .phi = 1},
                                               {.n_links = 1,
                                                .links = second_link,
                                                .weights = ones,
                                                .phi = 1,
                                                .cap_bytes_per_s = 40}};
static const struct lh__wiring wiring = {2, capacities, 2, specs};

struct bench {
    struct lh_ctx ctx;
    struct lh_engine fake, counted;
    struct lh__ledger *ledger;
    int ended;
    double end_s;
};

static void bench_begin(struct bench *b, const double *engine_capacities)
{
    memset(b, 0, sizeof *b);
    b->ctx = lh_ctx_begin();
    LH_REQUIRE(fake_engine_open(&b->fake, 2, engine_capacities, &b->ctx)
               == LH_OK);
    for (int i = 0; i < 2; i++)
        LH_REQUIRE(fake_engine_channel(&b->fake, &specs[i]) == i);
    lh__ledger_open(&b->counted, &b->ledger, &b->fake, &wiring, &b->ctx);
}

static void bench_end(struct bench *b)
{
    lh_ctx_end(&b->ctx);
}

static void count_end(void *data)
{
    struct bench *b = data;
    b->ended++;
    b->end_s = b->counted.now(b->counted.self);
}

static lh_flow send(struct bench *b, lh_channel channel, double bytes)
{
    lh_flow flow;
    LH_REQUIRE(
        b->counted.send(b->counted.self, channel, bytes, count_end, b, &flow)
        == LH_OK);
    return flow;
}

static enum lh_status run_and_close(struct bench *b)
{
    LH_REQUIRE(b->counted.run(b->counted.self) == LH_OK);
    return lh__ledger_close(b->ledger);
}

static const char *first_text(struct lh_ctx *ctx)
{
    return lh_diag_total(ctx) > 0 ? lh_diag_at(ctx, 0)->text : "";
}

/* 100 byte at 25 byte/s after 1 s: 5 s. */
static void sums_what_arrives(void)
{
    struct bench b;
    bench_begin(&b, capacities);
    send(&b, 0, 100);
    send(&b, 1, 0);
    LH_CHECK(run_and_close(&b) == LH_OK);
    struct lh__ledger_sum sum = lh__ledger_sum(b.ledger, 0);
    LH_CHECK(sum.sent == 100 && sum.arrived == 100 && sum.cancelled == 0);
    LH_CHECK(b.ended == 2);
    LH_CHECK_NEAR(b.end_s, 5, 1e-12);
    bench_end(&b);
}

struct cancel {
    struct bench *b;
    lh_flow flow;
};

static void cancel_now(void *data)
{
    struct cancel *c = data;
    LH_CHECK_NEAR(c->b->counted.left(c->b->counted.self, c->flow), 75, 1e-12);
    c->b->counted.cancel(c->b->counted.self, c->flow);
}

/* A receiver that goes away after 2 s, of which 1 s is latency. */
static void counts_what_is_cancelled(void)
{
    struct bench b;
    bench_begin(&b, capacities);
    struct cancel c = {&b, send(&b, 0, 100)};
    LH_REQUIRE(b.counted.at(b.counted.self, 2, cancel_now, &c) == LH_OK);
    LH_CHECK(run_and_close(&b) == LH_OK);
    struct lh__ledger_sum sum = lh__ledger_sum(b.ledger, 0);
    LH_CHECK(sum.sent == 100 && sum.arrived == 0 && sum.cancelled == 100);
    LH_CHECK(b.ended == 0);
    bench_end(&b);
}

static void open_link(void *data)
{
    struct bench *b = data;
    LH_CHECK(b->counted.link_set(b->counted.self, 1, 200) == LH_OK);
}

/* Nothing for 2 s, then 100 byte/s, by link 0. */
static void follows_links_that_change(void)
{
    struct bench b;
    bench_begin(&b, capacities);
    LH_REQUIRE(b.counted.link_set(b.counted.self, 1, 0) == LH_OK);
    LH_REQUIRE(b.counted.at(b.counted.self, 2, open_link, &b) == LH_OK);
    send(&b, 0, 50);
    LH_CHECK(run_and_close(&b) == LH_OK);
    LH_CHECK_NEAR(b.end_s, 2.5, 1e-12);
    bench_end(&b);
}

static double leaves_a_byte(void *self, lh_flow flow)
{
    (void)self, (void)flow;
    return 1;
}

static void sees_a_byte_that_is_lost(void)
{
    struct bench b;
    bench_begin(&b, capacities);
    b.fake.left = leaves_a_byte;
    send(&b, 0, 1e6);
    LH_CHECK(run_and_close(&b) == LH_FAILED);
    LH_CHECK_TEXT(first_text(&b.ctx),
                  "internal: a flow of 1000000 bytes on channel 0 ended when 1 "
                  "bytes had not arrived");
    bench_end(&b);
}

static void sees_a_flow_that_is_too_fast(void)
{
    static const double twice[] = {200, 100};
    struct bench b;
    bench_begin(&b, twice);
    send(&b, 0, 100);
    LH_CHECK(run_and_close(&b) == LH_FAILED);
    LH_CHECK_TEXT(first_text(&b.ctx),
                  "internal: a flow of 100 bytes on channel 0 arrived after 3 "
                  "s, but its links take 5 s");
    bench_end(&b);
}

/* Each has what it may have alone. */
static void sees_a_link_that_is_too_full(void)
{
    static const double wide[] = {100, 1000};
    struct bench b;
    bench_begin(&b, wide);
    send(&b, 1, 80);
    send(&b, 1, 80);
    LH_CHECK(run_and_close(&b) == LH_FAILED);
    LH_CHECK_TEXT(first_text(&b.ctx),
                  "internal: link 1 carried 160 bytes in 2 s, but has room for "
                  "100");
    bench_end(&b);
}

static enum lh_status on_simgrid(void *shared, const void *input,
                                 struct lh_ctx *ctx)
{
    struct lh__wiring w;
    struct bench b = {.ctx = *ctx};
    (void)input;
    enum lh_status st = lh__engine_open(&b.fake, 2, capacities, ctx);
    for (int i = 0; i < 2 && st == LH_OK; i++)
        lh__engine_channel(&b.fake, &specs[i]);
    if (st != LH_OK)
        return st;
    w = lh__engine_wiring(&b.fake);
    lh__ledger_open(&b.counted, &b.ledger, &b.fake, &w, ctx);
    for (int i = 0; i < 8; i++)
        send(&b, i % 2, 1000.0 / (3 + i));
    st = run_and_close(&b);
    *(struct lh__ledger_sum *)shared = lh__ledger_sum(b.ledger, 1);
    return st;
}

/* What SimGrid's own integral of rates leaves of a flow is nothing. */
static void agrees_with_simgrid(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__job job = {.bytes = sizeof(struct lh__ledger_sum),
                          .work = on_simgrid};
    LH_REQUIRE(lh__fork_all(&job, 1, 1, &ctx) == LH_OK);
    const struct lh__ledger_sum *sum = job.shared;
    double sent = 1000.0 / 4 + 1000.0 / 6 + 1000.0 / 8 + 1000.0 / 10;
    LH_CHECK_NEAR(sum->sent, sent, 1e-15);
    LH_CHECK_NEAR(sum->arrived, sent, 1e-12);
    lh__fork_end(&job, 1);
    lh_ctx_end(&ctx);
}

/* ---- the audit -------------------------------------------------------------
 */

static const char two_sites[] =
    "longhaul: 1\nmodel: mpt-125m\n"
    "training: {global_batch: 64, sequence_length: 2048}\n"
    "plan: {tensor: 2, pipeline: 2}\n"
    "sites:\n  - {name: a, gpus: 16, device: h100-sxm}\n"
    "  - {name: b, gpus: 16, device: h100-sxm}\n"
    "fibres:\n  - {between: [a, b], length: 500 km, bandwidth: 1 Gbit/s}\n";

struct step {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh__placed placed;
    struct lh__twins twins;
    struct lh__exec_options options;
    struct lh__exec_output out;
    struct lh__wiring wiring;
    struct lh_engine fake, counted;
    struct lh__ledger *ledger;
    double *link_bytes; /* a copy, to plant faults in */
};

static void step_build(struct step *s)
{
    struct lh_sim_point point = {&s->scenario, &s->program, NULL};
    LH_REQUIRE(lh_scenario_read_text(&s->scenario, "t.yaml", two_sites,
                                     strlen(two_sites), ".", NULL, 0, &s->ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&s->topology, &s->scenario, &s->ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&s->program, &s->scenario, &s->ctx) == LH_OK);
    point.topology = s->topology;
    LH_REQUIRE(lh__place(&s->placed, &point, &s->ctx) == LH_OK);
    lh__twins_make(&s->twins, &s->placed, &s->ctx);
}

static void step_begin(struct step *s)
{
    memset(s, 0, sizeof *s);
    s->ctx = lh_ctx_begin();
    step_build(s);
    const struct lh__placed *run = &s->twins.placed;
    s->options.steps_max = LH__STEPS_MAX;
    s->wiring = (struct lh__wiring){run->n_engine_links, run->engine_capacity,
                                    run->n_shapes, run->channels};
    LH_REQUIRE(fake_engine_open(&s->fake, run->n_engine_links,
                                run->engine_capacity, &s->ctx)
               == LH_OK);
    for (int32_t i = 0; i < run->n_shapes; i++)
        (void)fake_engine_channel(&s->fake, &run->channels[i]);
    lh__ledger_open(&s->counted, &s->ledger, &s->fake, &s->wiring, &s->ctx);
    LH_REQUIRE(lh__exec_run(&s->out, run, &s->counted, &s->options, &s->ctx)
               == LH_OK);
    LH_CHECK(lh__ledger_close(s->ledger) == LH_OK);
    s->link_bytes = LH_NEW(s->ctx.arena, double, s->placed.n_links);
    memcpy(s->link_bytes, s->placed.link_bytes,
           (size_t)s->placed.n_links * sizeof *s->link_bytes);
}

static void step_end(struct step *s)
{
    lh__incidence_free(&s->placed.incidence);
    lh_topology_free(s->topology);
    lh_ctx_end(&s->ctx);
}

static enum lh_status audited(struct step *s)
{
    struct lh__audit audit = {&s->placed,  &s->twins, &s->out,
                              &s->options, s->ledger, s->link_bytes};
    return lh__audit(&audit, &s->ctx);
}

/* A group whose flows the engine sees. */
static int32_t engine_group(const struct lh__placed *p)
{
    for (int32_t g = 0; g < p->n_groups; g++)
        if (p->group_alone_s[g] < 0 && p->group_bytes[g] > 0)
            return g;
    return -1;
}

static void passes_a_step(void)
{
    struct step s;
    step_begin(&s);
    LH_CHECK(audited(&s) == LH_OK);
    LH_CHECK(s.twins.class_twin != NULL);
    LH_CHECK(engine_group(&s.twins.placed) >= 0);
    step_end(&s);
}

static void check_fault(struct step *s, const char *text)
{
    LH_CHECK(audited(s) == LH_FAILED);
    LH_CHECK(strstr(first_text(&s->ctx), text) != NULL);
    step_end(s);
}

static void sees_a_communication_that_never_ends(void)
{
    struct step s;
    step_begin(&s);
    s.out.group_ended[engine_group(&s.twins.placed)]--;
    check_fault(&s, "communications of");
    step_begin(&s);
    s.out.group_started[engine_group(&s.twins.placed)]++;
    check_fault(&s, "communications of");
}

/* A thousandth byte of some hundred millions is within rounding; one is not. */
static void sees_a_link_that_carries_less(void)
{
    struct step s;
    step_begin(&s);
    int32_t fibre = s.placed.n_links - 1;
    s.link_bytes[fibre] -= 1;
    LH_CHECK(s.link_bytes[fibre] < 1e9);
    check_fault(&s, "its flows carried");
}

/* A member's operation did not run in the step that is reported. */
static void sees_a_member_that_sends_nothing(void)
{
    struct step s;
    step_begin(&s);
    const struct lh__placed *run = &s.twins.placed;
    struct lh__kept_step *last = &s.out.kept[s.out.n_kept - 1];
    size_t n = (size_t)run->n_records;
    struct lh_times *times = LH_NEW(s.ctx.arena, struct lh_times, n);
    memcpy(times, last->times, n * sizeof *times);
    times[run->group_record[run->group_first[run->n_groups] - 1]].start_s = -1;
    last->times = times;
    LH_CHECK(audited(&s) == LH_FAILED);
    step_end(&s);
}

/* A link that accelerators send on is left out of a way. */
static void sees_a_way_without_its_beginning(void)
{
    struct step s;
    step_begin(&s);
    struct lh__incidence *in = &s.placed.incidence;
    int64_t u = 0, n = lh_topology_accelerator_count(s.topology);
    while (lh_topology_link_facts(s.topology, in->link[in->use_link[u]]).from
           >= n)
        u++;
    LH_REQUIRE(in->use_weight != NULL);
    in->use_weight[u]--;
    LH_CHECK(audited(&s) == LH_FAILED);
    LH_CHECK(strstr(first_text(&s.ctx), "more enter than leave") != NULL);
    in->use_weight[u]++;
    step_end(&s);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"sums what arrives", sums_what_arrives},
        {"counts what is cancelled", counts_what_is_cancelled},
        {"follows links that change", follows_links_that_change},
        {"sees a byte that is lost", sees_a_byte_that_is_lost},
        {"sees a flow that is too fast", sees_a_flow_that_is_too_fast},
        {"sees a link that is too full", sees_a_link_that_is_too_full},
        {"agrees with SimGrid", agrees_with_simgrid},
        {"passes a step", passes_a_step},
        {"sees a communication that never ends",
         sees_a_communication_that_never_ends},
        {"sees a link that carries less", sees_a_link_that_carries_less},
        {"sees a member that sends nothing", sees_a_member_that_sends_nothing},
        {"sees a way without its beginning", sees_a_way_without_its_beginning},
    };
    return lh_unit_run("ledger", tests, LH_COUNT(tests));
}
