/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Twins (sim/twins.c; docs/folding.md): which classes are run once, and that
 * the whole, run on the fake engine, does the same in every bit as what it is
 * told by those that stand for it.
 */
#include <string.h>

#include "fake_engine.h"
#include "unit.h"

#include "../sim/twins.h"

#define HEAD                                                                   \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 192, sequence_length: 2048}\n"                   \
    "plan: {tensor: 2, pipeline: 2}\n"
#define SITE(name, device)                                                     \
    "  - {name: " name ", gpus: 16, device: " device "}\n"
#define H100 "h100-sxm"
#define FOUR                                                                   \
    "sites:\n" SITE("a", H100) SITE("b", H100) SITE("c", H100) SITE("d", H100)
#define RING     "fibre_layout: {kind: ring, length: 500 km}\n"
#define EACH_HAS 2 /* stages: classes of a site */

struct bed {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_point point;
    struct lh__placed placed;
    struct lh__twins twins;
};

static void begin(struct bed *b, const char *text)
{
    memset(b, 0, sizeof *b);
    b->ctx = lh_ctx_begin();
    enum lh_status st = lh_scenario_read_text(
        &b->scenario, "t.yaml", text, strlen(text), ".", NULL, 0, &b->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&b->topology, &b->scenario, &b->ctx);
    if (st == LH_OK)
        st = lh_program_build(&b->program, &b->scenario, &b->ctx);
    b->point = (struct lh_sim_point){&b->scenario, &b->program, b->topology};
    if (st == LH_OK)
        st = lh__place(&b->placed, &b->point, &b->ctx);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&b->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&b->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
    lh__twins_make(&b->twins, &b->placed, &b->ctx);
}

static void end(struct bed *b)
{
    lh__incidence_free(&b->placed.incidence);
    lh_topology_free(b->topology);
    lh_ctx_end(&b->ctx);
}

/* Classes before and after; whole: none is a twin. */
static void check_classes(const char *text, int32_t whole, int32_t run)
{
    struct bed b;
    begin(&b, text);
    LH_CHECK(b.placed.n_classes == whole);
    LH_CHECK(b.twins.placed.n_classes == run);
    LH_CHECK((b.twins.class_twin == NULL) == (whole == run));
    end(&b);
}

static struct lh__exec_output run(const struct lh__placed *placed,
                                  struct lh_ctx *ctx)
{
    struct lh_engine engine;
    struct lh__exec_options options = {.steps_max = LH__STEPS_MAX};
    struct lh__exec_output out = {0};
    LH_REQUIRE(fake_engine_open(&engine, placed->n_engine_links,
                                placed->engine_capacity, ctx)
               == LH_OK);
    for (int32_t i = 0; i < placed->n_shapes; i++)
        (void)fake_engine_channel(&engine, &placed->channels[i]);
    LH_REQUIRE(lh__exec_run(&out, placed, &engine, &options, ctx) == LH_OK);
    return out;
}

/* A kept step as a trace of one has it. */
static void times_of(struct lh_trace *out, const struct lh__kept_step *step,
                     int64_t n, struct lh_ctx *ctx)
{
    out->posted_s = LH_NEW(ctx->arena, double, n);
    out->start_s = LH_NEW(ctx->arena, double, n);
    out->end_s = LH_NEW(ctx->arena, double, n);
    out->late = LH_NEW(ctx->arena, int64_t, n);
    lh__times_spread(out->posted_s, out->start_s, out->end_s, out->late,
                     step->times, n);
}

/* What the twins of a brief trace are told of a step. */
static void tell(struct lh_trace *told, const struct bed *b,
                 const struct lh__kept_step *step, struct lh_ctx *ctx)
{
    told->n_steps = 1;
    told->times = LH_NEW(ctx->arena, const struct lh_times *, 1);
    told->times[0] = step->times;
    told->class_shared = LH_NEW(ctx->arena, int64_t, told->n_classes);
    for (int32_t c = 0; c < told->n_classes; c++)
        told->class_shared[c] =
            b->twins.placed.class_first[b->twins.class_twin[c]];
    lh_trace_tell(told, ctx);
}

static bool same_bits(const void *a, const void *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * 8) == 0;
}

static void bits_are_the_same(const char *text)
{
    struct bed b;
    struct lh_trace told;
    begin(&b, text);
    LH_REQUIRE(b.twins.class_twin != NULL);
    LH_REQUIRE(lh_sim_run(&told, &b.point, &b.ctx) == LH_OK);
    struct lh__exec_output whole = run(&b.placed, &b.ctx);
    struct lh__exec_output twins = run(&b.twins.placed, &b.ctx);
    LH_REQUIRE(whole.n_kept == twins.n_kept && whole.steps == twins.steps);
    for (int32_t i = 0; i < whole.n_kept; i++) {
        const struct lh__kept_step *w = &whole.kept[i], *t = &twins.kept[i];
        struct lh_trace right;
        tell(&told, &b, t, &b.ctx);
        times_of(&right, w, told.n_records, &b.ctx);
        LH_CHECK(w->number == t->number && w->repeats == t->repeats);
        LH_CHECK(same_bits(told.posted_s, right.posted_s, told.n_records));
        LH_CHECK(same_bits(told.start_s, right.start_s, told.n_records));
        LH_CHECK(same_bits(told.end_s, right.end_s, told.n_records));
        LH_CHECK(same_bits(told.late, right.late, told.n_records));
        for (int32_t c = 0; c < told.n_classes; c++) {
            int32_t k = b.twins.class_twin[c];
            LH_CHECK(t->class_end_s[k] == w->class_end_s[c]);
            LH_CHECK(t->class_begin_s[k] == w->class_begin_s[c]);
        }
    }
    end(&b);
}

/* ---- tests --------------------------------------------------------------- */

static void equal_sites_are_run_once(void)
{
    check_classes(HEAD FOUR RING, 4 * EACH_HAS, EACH_HAS);
    check_classes(HEAD FOUR RING "sync: {kind: diloco, every: 10}\n",
                  4 * EACH_HAS, EACH_HAS);
}

static const char unequal_fibres[] =
    "fibres:\n  - {between: [a, b], length: 5 km, bandwidth: 10 Gbit/s}\n"
    "  - {between: [b, c], length: 500 km, bandwidth: 1 Gbit/s}\n"
    "  - {between: [c, d], length: 50 km, bandwidth: 2 Gbit/s}\n";

static void fibres_do_not_tell_sites_apart(void)
{
    char text[2048];
    snprintf(text, sizeof text, "%s%ssync: {algorithm: flat-ring}\n", HEAD FOUR,
             unequal_fibres);
    check_classes(text, 4 * EACH_HAS, EACH_HAS);
    bits_are_the_same(text);
}

static void what_differs_is_run(void)
{
    check_classes(HEAD "sites:\n" SITE("a", H100) SITE("b", H100)
                      SITE("c", "h200-sxm") RING,
                  3 * EACH_HAS, 2 * EACH_HAS);
    check_classes(HEAD "sites:\n" SITE("a", H100) SITE("b", "h200-sxm") RING,
                  2 * EACH_HAS, 2 * EACH_HAS);
}

/* Its class is its own, of the sites beside it those of one are run. */
static void a_straggler_is_no_twin(void)
{
    struct bed b;
    begin(&b, HEAD FOUR RING "faults: [{rank: 5, slowdown: 2}]\n");
    int32_t slow = lh__fold_rank_class(&b.placed.fold, 5), n_like = 0,
            others = 0;
    LH_REQUIRE(b.twins.class_twin != NULL);
    for (int32_t c = 0; c < b.placed.n_classes; c++) {
        n_like += b.twins.class_twin[c] == b.twins.class_twin[slow];
        others += b.twins.class_first_twin[c] < c;
    }
    LH_CHECK(b.placed.class_size[slow] == 1);
    LH_CHECK(n_like == 1);
    LH_CHECK(others == b.placed.n_classes - b.twins.placed.n_classes);
    LH_CHECK(b.twins.placed.class_speed[b.twins.class_twin[slow]] == 0.5);
    end(&b);
}

static void dated_faults_are_run_whole(void)
{
    check_classes(HEAD FOUR RING "faults: [{between: [a, b], capacity: 1 "
                                 "Gbit/s, at: 1 s, for: 1 s}]\n",
                  4 * EACH_HAS, 4 * EACH_HAS);
}

/* Islands a + b and c + d on a line a - c - b - d: both cross c - b, so that
 * one alone would have it to itself. */
static void twins_on_one_link_are_run(void)
{
    check_classes(HEAD FOUR "fibres:\n  - {between: [a, c], length: 500 km}\n"
                            "  - {between: [c, b], length: 500 km}\n"
                            "  - {between: [b, d], length: 500 km}\n"
                            "sync: {kind: diloco, every: 10, island: 8}\n",
                  4 * EACH_HAS, 4 * EACH_HAS);
}

static void the_whole_is_told_what_it_would_have_done(void)
{
    static const char *const sync[] = {
        "", "{algorithm: hierarchical}", "{kind: diloco, every: 12}",
        "{kind: streaming-diloco, every: 12, fragments: 3, overlap: 2}",
        "{kind: local-sgd, every: 3, compression: top-k}"};
    for (size_t i = 0; i < LH_COUNT(sync); i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s%s\n", HEAD FOUR RING,
                 *sync[i] ? "sync: " : "", sync[i]);
        bits_are_the_same(text);
    }
    bits_are_the_same(HEAD FOUR RING "faults: [{rank: 5, slowdown: 2}]\n"
                                     "sync: {kind: diloco, every: 4}\n");
}

/* Two stages send to each other over links of like use: what goes one way and
 * what goes the other are no twins, though the sites are: half of the channels
 * are left, not less. */
static void sends_there_and_back_are_told_apart(void)
{
    static const char text[] =
        "longhaul: 1\nmodel: llama-3.1-8b\n"
        "training: {global_batch: 8, sequence_length: 2048, stack: "
        "megatron-2022}\n"
        "plan: {pipeline: 2, schedule: interleaved, interleave: 2, overlap: "
        "{gradients: false}}\n"
        "sites:\n"
        "  - {name: a, gpus: 4, device: h100-sxm, fabric: switch}\n"
        "  - {name: b, gpus: 4, device: h100-sxm, fabric: switch}\n" RING;
    struct bed b;
    int32_t between_sites = 0;
    begin(&b, text);
    LH_REQUIRE(b.twins.class_twin != NULL);
    for (int32_t s = 0; s < b.placed.n_shapes; s++)
        between_sites += b.placed.shapes[s].crosses_wan;
    LH_CHECK(2 * (b.twins.placed.n_shapes - between_sites)
             == b.placed.n_shapes - between_sites);
    end(&b);
    bits_are_the_same(text);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"equal sites are run once", equal_sites_are_run_once},
        {"fibres do not tell sites apart", fibres_do_not_tell_sites_apart},
        {"what differs is run", what_differs_is_run},
        {"a straggler is no twin", a_straggler_is_no_twin},
        {"dated faults are run whole", dated_faults_are_run_whole},
        {"twins on one link are run", twins_on_one_link_are_run},
        {"sends there and back are told apart",
         sends_there_and_back_are_told_apart},
        {"the whole is told what it would have done",
         the_whole_is_told_what_it_would_have_done},
    };

    return lh_unit_run("twins", tests, LH_COUNT(tests));
}
