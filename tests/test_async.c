/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners and a server (workloads/sync/async.c; docs/model.md, "Learners and a
 * server"): against arithmetic by hand on accelerators a thin fibre apart
 * (tests/test_async_loop.c has the machine alone).  T is the step of a learner
 * alone, S the payload over the bandwidth, K what goes through memory.
 *
 *   all wait for all     H T + K + 2 S a round, 4 S where two share a fibre
 *   nobody waits         each H T + K + 2 S of its own
 *   tau steps hide it    H T + K, as of diloco with its own K
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"
#include "whole_run.h"

#define HEAD                                                                   \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 12, sequence_length: 2048, stack: "              \
    "cuda-graphs}\n"
#define SITE(name, device)                                                     \
    "  - {name: " name ", gpus: 1, device: " device ", fabric: switch}\n"
#define FIBRE(from, to, gbit)                                                  \
    "  - {between: [" from ", " to "], length: 100 km, bandwidth: " gbit       \
    " Gbit/s}\n"
#define PAIR(device, gbit)                                                     \
    HEAD "sites:\n" SITE("a", "h100-sxm")                                      \
        SITE("b", device) "fibres:\n" FIBRE("a", "b", gbit)
/* b and c reach the server at a over one fibre. */
#define CHAIN                                                                  \
    HEAD "sites:\n" SITE("a", "h100-sxm") SITE("b", "h100-sxm")                \
        SITE("c", "h100-sxm") "fibres:\n" FIBRE("a", "b", "1")                 \
            FIBRE("b", "c", "1")
#define STEP                                                                   \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 6, sequence_length: 2048, stack: cuda-graphs}\n" \
    "sites:\n"

static const double bytes_per_s = 1e9 / 8;

static void run_it(struct whole_run *r, const char *machine, const char *sync)
{
    char text[4096];

    snprintf(text, sizeof text, "%s%s%s%s", machine, sync ? "sync: {" : "",
             sync ? sync : "", sync ? "}\n" : "");
    whole_run_begin(r, text, NULL, 0);
}

/* A round of the first learner of a site, as many steps as it has. */
static double round_s(const struct whole_run *r, int site)
{
    return r->async.sites[site].step_s * (double)r->async.sites[site].of.steps;
}

/* The same where all have one. */
static double all_round_s(const char *machine, const char *sync)
{
    struct whole_run r;
    run_it(&r, machine, sync);
    double s = round_s(&r, 0);
    for (int i = 1; i < r.async.n_sites; i++)
        LH_CHECK_NEAR(round_s(&r, i), s, 1e-9);
    LH_CHECK_NEAR(r.result.step_time_s * (double)r.async.sites[0].of.steps, s,
                  1e-9);
    whole_run_end(&r);
    return s;
}

static double step_s(const char *machine, const char *sync)
{
    struct whole_run r;
    run_it(&r, machine, sync);
    double s = r.result.step_time_s;
    whole_run_end(&r);
    return s;
}

static double parameters(void)
{
    struct whole_run r;
    run_it(&r, STEP SITE("a", "h100-sxm"), NULL);
    double n = (double)r.scenario.model.parameters;
    whole_run_end(&r);
    return n;
}

/* What bytes take through the memory of an H100. */
static double memory_s(double bytes)
{
    struct whole_run r;
    run_it(&r, STEP SITE("a", "h100-sxm"), NULL);
    const struct lh_device *d = &r.scenario.sites[0].device;
    double s = bytes / (d->memory_bytes_per_s * d->memory_frac);
    whole_run_end(&r);
    return s;
}

/* ---- a quorum of all ------------------------------------------------------
 */

static void a_round_of_all_is_its_steps_and_both_ways(void)
{
    double n = parameters();
    double alone_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double full_s = all_round_s(PAIR("h100-sxm", "1"),
                                "kind: async-diloco, every: 10, quorum: 2");
    double small_s = all_round_s(PAIR("h100-sxm", "1"),
                                 "kind: async-diloco, every: 10, quorum: 2, "
                                 "payload_bits: 4");
    double long_s = all_round_s(PAIR("h100-sxm", "1"),
                                "kind: async-diloco, every: 100, quorum: 2");
    LH_CHECK_NEAR(full_s - small_s, 2 * n * (4 - 0.5) / bytes_per_s, 1e-8);
    LH_CHECK_NEAR(long_s - full_s, 90 * alone_s, 1e-8);
    double rest_s = full_s - 10 * alone_s - 2 * 4 * n / bytes_per_s
                    - memory_s((12 + 14) * n);
    LH_CHECK(rest_s > 2 * 100e3 * 4.9e-9 && rest_s < 2 * 100e3 * 4.9e-9 + 1e-4);
}

/* The server is a parameter server's, whose answers begin before the last byte
 * has come; memory 26 bytes of outer optimiser, or 14. */
static void a_quorum_of_all_is_the_synchronous_form(void)
{
    double n = parameters(), more_s = memory_s((26 - 14) * n);
    double sync_s = 10
                    * step_s(PAIR("h100-sxm", "1"),
                             "kind: diloco, every: 10, algorithm: server");
    double async_s = all_round_s(PAIR("h100-sxm", "1"),
                                 "kind: async-diloco, every: 10, quorum: 2");
    LH_CHECK_NEAR(async_s - sync_s + more_s, 4 * n / bytes_per_s, 1e-4);
    sync_s = 10
             * step_s(PAIR("h100-sxm", "400"),
                      "kind: diloco, every: 10, overlap: 9");
    async_s =
        all_round_s(PAIR("h100-sxm", "400"),
                    "kind: async-diloco, every: 10, overlap: 9, quorum: 2");
    LH_CHECK_NEAR(async_s + more_s, sync_s, 1e-9);
}

static void a_bound_of_no_staleness_is_a_quorum_of_all(void)
{
    double quorum_s = all_round_s(CHAIN, "kind: async-diloco, quorum: 3");
    double bound_s = all_round_s(CHAIN, "kind: async-diloco, max_staleness: 0");
    LH_CHECK_NEAR(bound_s, quorum_s, 1e-9);
}

static void two_pushes_share_a_fibre(void)
{
    double n = parameters();
    double full_s =
        all_round_s(CHAIN, "kind: async-diloco, every: 10, quorum: 3");
    double small_s = all_round_s(
        CHAIN, "kind: async-diloco, every: 10, quorum: 3, payload_bits: 16");
    /* c's half on a-b is bound there, so both take twice as long, both ways */
    LH_CHECK_NEAR(full_s - small_s, 2 * 2 * 2 * n / bytes_per_s, 1e-6);
}

static void the_server_takes_its_time(void)
{
    double n = parameters();
    double free_s = all_round_s(CHAIN, "kind: async-diloco, quorum: 3");
    double slow_s = all_round_s(
        CHAIN, "kind: async-diloco, quorum: 3, server_bandwidth: 8 Gbit/s");
    LH_CHECK_NEAR(slow_s - free_s, 26 * n / 1e9, 1e-8);
}

/* ---- learners that do not wait ---------------------------------------------
 */

static void learners_have_rounds_of_their_own(void)
{
    struct whole_run r;
    double n = parameters();
    double fast_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double slow_s = step_s(STEP SITE("a", "a100-sxm"), NULL);
    run_it(&r, PAIR("a100-sxm", "1"), "kind: async-diloco, every: 50");
    double k_s = memory_s((12 + 14) * n);
    LH_CHECK(round_s(&r, 0) > 50 * fast_s + k_s);
    LH_CHECK_NEAR(round_s(&r, 0), 50 * fast_s + k_s, 1e-3);
    LH_CHECK_NEAR(round_s(&r, 1), 50 * slow_s + 2 * 4 * n / bytes_per_s, 1e-3);
    double tokens = 12 * 2048 / 2.0;
    LH_CHECK_NEAR(r.result.tokens_per_s,
                  tokens / r.async.sites[0].step_s
                      + tokens / r.async.sites[1].step_s,
                  1e-12);
    LH_CHECK(r.async.result->staleness_max > 0);
    /* each way over the fibre, of the second learner alone */
    for (int i = 0; i < r.result.n_links; i++) {
        if (r.result.links[i].kind != LH_LINK_WAN)
            continue;
        LH_CHECK_NEAR(r.result.links[i].bytes,
                      4 * n * r.result.step_time_s / round_s(&r, 1), 1e-9);
    }
    whole_run_end(&r);
}

static void steps_by_speed_end_together(void)
{
    struct whole_run r;
    double fast_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double slow_s = step_s(STEP SITE("a", "a100-sxm"), NULL);
    run_it(&r, PAIR("a100-sxm", "400"),
           "kind: async-diloco, every: 100, local_steps: by-speed");
    LH_CHECK(r.async.sites[0].of.steps == 100);
    LH_CHECK(r.async.sites[1].of.steps == (int)(100 * fast_s / slow_s));
    LH_CHECK(round_s(&r, 1) < round_s(&r, 0) * 1.02
             && round_s(&r, 1) > round_s(&r, 0) * 0.97);
    whole_run_end(&r);
}

/* The fast one may be one outer step ahead, and then waits; its pushes are
 * never more than so stale. */
static void the_bound_holds_a_fast_learner_back(void)
{
    struct whole_run r;
    double free_s, bound_s;
    run_it(&r, PAIR("a100-sxm", "1"), "kind: async-diloco, every: 50");
    free_s = r.async.sites[0].step_s;
    whole_run_end(&r);
    run_it(&r, PAIR("a100-sxm", "1"),
           "kind: async-diloco, every: 50, max_staleness: 2");
    bound_s = r.async.sites[0].step_s;
    LH_CHECK(r.async.result->staleness_max <= 2);
    LH_CHECK(bound_s > 1.05 * free_s);
    LH_CHECK(r.async.sites[0].wait_s > 0.05 * free_s);
    whole_run_end(&r);
}

/* Of a quarter of the weights: the outer parameters that it began at, what is
 * pushed and what comes back.  In one site nothing is WAN. */
static void a_learner_keeps_what_it_began_at(void)
{
    static const char eight[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 16, sequence_length: 2048}\n"
        "sites: [{name: a, gpus: 8, device: h100-sxm}]\n";
    struct whole_run plain, r;
    run_it(&plain, eight, NULL);
    run_it(&r, eight, "kind: async-diloco, island: 4, every: 5");
    LH_CHECK_NEAR(r.program.memory[0].optimizer
                      - plain.program.memory[0].optimizer,
                  (4 + 2 * 4) * (double)r.scenario.model.parameters / 4, 1e-9);
    LH_CHECK(r.async.n == 2 && r.async.sites[0].learners == 2);
    LH_CHECK(r.result.breakdown_s[LH_WAN_COMM] == 0);
    LH_CHECK(r.result.breakdown_s[LH_DATA_COMM] > r.async.sites[0].wan_s);
    whole_run_end(&plain);
    whole_run_end(&r);
}

/* ---- fragments ------------------------------------------------------------
 */

static double fibre_bytes(const struct whole_run *r)
{
    for (int i = 0; i < r->result.n_links; i++)
        if (r->result.links[i].kind == LH_LINK_WAN)
            return r->result.links[i].bytes;
    return NAN;
}

/* Equal learners that all wait for all: the cycle of Streaming DiLoCo, and its
 * bytes, but for 12 B of memory a parameter, which the server has. */
static void fragments_of_all_are_streaming(void)
{
    static const char *const patterns[] = {"strided", "sequential", "slices"};
    double more_s = memory_s((26 - 14) * parameters());

    for (size_t i = 0; i < LH_COUNT(patterns); i++) {
        char text[160];
        struct whole_run stream, r;
        snprintf(text, sizeof text,
                 "kind: streaming-diloco, every: 12, fragments: 4, overlap: 2, "
                 "pattern: %s",
                 patterns[i]);
        run_it(&stream, PAIR("h100-sxm", "400"), text);
        snprintf(text, sizeof text,
                 "kind: async-diloco, quorum: 2, every: 12, fragments: 4, "
                 "overlap: 2, pattern: %s",
                 patterns[i]);
        run_it(&r, PAIR("h100-sxm", "400"), text);
        LH_CHECK_NEAR(round_s(&r, 1) + more_s, 12 * stream.result.step_time_s,
                      1e-9);
        LH_CHECK_NEAR(round_s(&r, 0), round_s(&r, 1), 1e-9);
        LH_CHECK_NEAR(fibre_bytes(&r), fibre_bytes(&stream), 1e-9);
        LH_CHECK_NEAR(fibre_bytes(&r) * 12, 4 * parameters(), 1e-9);
        whole_run_end(&stream);
        whole_run_end(&r);
    }
}

/* Of four equal parts each shows what a step does not hide. */
static void fragments_show_what_is_not_hidden(void)
{
    double n = parameters();
    double alone_s = step_s(STEP SITE("a", "h100-sxm"), NULL);
    double full_s = all_round_s(PAIR("h100-sxm", "1"),
                                "kind: async-diloco, quorum: 2, every: 12, "
                                "fragments: 4, overlap: 1, pattern: slices");
    double small_s =
        all_round_s(PAIR("h100-sxm", "1"),
                    "kind: async-diloco, quorum: 2, every: 12, fragments: 4, "
                    "overlap: 1, pattern: slices, payload_bits: 4");
    LH_CHECK_NEAR(full_s - small_s, 2 * n * (4 - 0.5) / bytes_per_s, 1e-7);
    double rest_s = full_s - 12 * alone_s - memory_s((12 + 14) * n)
                    - 4 * (2 * n / bytes_per_s - alone_s);
    LH_CHECK(rest_s > 4 * 2 * 100e3 * 4.9e-9
             && rest_s < 4 * 2 * 100e3 * 4.9e-9 + 4e-4);
}

/* Adapters alone are pushed: of rank 8, beside four matrices in each of 12
 * layers of width 768. */
static void adapters_are_pushed(void)
{
    struct whole_run r;
    run_it(
        &r,
        "longhaul: 1\nmodel: mpt-125m\ntraining: {global_batch: 12, "
        "sequence_length: 2048, lora_rank: 8}\nsites:\n" SITE("a", "h100-sxm")
            SITE("b", "h100-sxm") "fibres:\n" FIBRE("a", "b", "1"),
        "kind: async-diloco, fragments: 3, every: 12");
    double adapters = 12 * 8.0 * (4 + 2 + 5 + 5) * 768;
    LH_CHECK_NEAR(r.async.bytes, 4 * adapters, 1e-12);
    LH_CHECK_NEAR(fibre_bytes(&r) / r.result.step_time_s,
                  4 * adapters / round_s(&r, 1), 1e-9);
    whole_run_end(&r);
}

/* ---- faults ----------------------------------------------------------------
 */

#define FAULT(text) "faults: [{" text "}]\n"
#define IN_VAIN     FAULT("site: b, slowdown: 1, at: 1 ms")

/* All the time that a site's learner took. */
static double total_s(const struct whole_run *r, int site)
{
    return r->async.result->times[r->async.sites[site].first].all_s;
}

/* A slow site computes x times as long; a quorum of one leaves the other as it
 * is, a quorum of both has it wait. */
static void a_slow_site_slows_who_waits_for_it(void)
{
    struct whole_run healthy, r;
    double n = parameters();
    run_it(&r, PAIR("h100-sxm", "400") FAULT("site: b, slowdown: 4"),
           "kind: async-diloco, every: 100, local_steps: by-speed");
    LH_CHECK(r.async.sites[0].of.steps == 100
             && r.async.sites[1].of.steps == 25);
    whole_run_end(&r);
    run_it(&healthy, PAIR("h100-sxm", "1"), "kind: async-diloco, every: 10");
    run_it(&r, PAIR("h100-sxm", "1") FAULT("site: b, slowdown: 3"),
           "kind: async-diloco, every: 10");
    LH_CHECK(r.result.steady);
    LH_CHECK_NEAR(round_s(&r, 0), round_s(&healthy, 0), 1e-9);
    double both_s = round_s(&healthy, 1) - round_s(&healthy, 0);
    LH_CHECK_NEAR(both_s, 2 * 4 * n / bytes_per_s, 1e-3);
    LH_CHECK_NEAR(round_s(&r, 1), 3 * round_s(&healthy, 0) + both_s, 1e-5);
    /* a's exchange inside its site, some us, is no slower */
    double slow_s = round_s(&r, 1);
    whole_run_end(&r);
    run_it(&r, PAIR("h100-sxm", "1") FAULT("site: b, slowdown: 3"),
           "kind: async-diloco, every: 10, quorum: 2");
    LH_CHECK_NEAR(round_s(&r, 0), slow_s, 1e-6);
    LH_CHECK_NEAR(round_s(&r, 1), slow_s, 1e-6);
    whole_run_end(&r);
    whole_run_end(&healthy);
}

/* Two minutes in the first push: who waits has them all, the other none. */
static void an_outage_of_minutes_delays_who_waits(void)
{
    static const char sync[] = "kind: async-diloco, every: 100, rounds: 5";
    struct whole_run healthy, r;
    run_it(&healthy, PAIR("h100-sxm", "1") IN_VAIN, sync);
    double first_s = 100 * healthy.async.sites[1].of.step_s + 1;
    char cut[1024];
    snprintf(cut, sizeof cut,
             PAIR("h100-sxm", "1")
                 FAULT("between: [a, b], capacity: 0, at: %.3f s, for: 120 s"),
             first_s);
    run_it(&r, cut, sync);
    LH_CHECK(!r.result.steady && healthy.async.result->skipped == 0);
    LH_CHECK_NEAR(total_s(&r, 1) - total_s(&healthy, 1), 120, 1e-7);
    LH_CHECK_NEAR(r.async.sites[0].step_s, healthy.async.sites[0].step_s, 1e-3);
    LH_CHECK(r.async.result->staleness_max
             > healthy.async.result->staleness_max);
    whole_run_end(&r);
    run_it(&r, cut, "kind: async-diloco, every: 100, rounds: 40, go_on: true");
    LH_CHECK(r.async.result->skipped > 0);
    LH_CHECK(r.async.sites[1].wan_s == 0);
    LH_CHECK_NEAR(r.async.sites[1].step_s, r.async.sites[1].of.step_s, 1e-2);
    whole_run_end(&r);
    run_it(&r, cut,
           "kind: async-diloco, every: 100, rounds: 5, max_staleness: 3, "
           "drop_stale: true");
    LH_CHECK(r.async.result->dropped == 1); /* the one that was late */
    LH_CHECK(r.async.result->staleness_max <= 3);
    whole_run_end(&r);
    whole_run_end(&healthy);
}

/* b's fibre is cut, and its way is c's, of half the width and by two: a quarter
 * of the rate. */
static void a_cut_is_routed_around(void)
{
    static const char triangle[] = HEAD
        "plan: {data: 3}\nsites:\n" SITE("a", "h100-sxm") SITE("b", "h100-sxm")
            SITE("c", "h100-sxm") "fibres:\n" FIBRE("a", "b", "1")
                FIBRE("a", "c", "0.5") FIBRE("c", "b", "0.5");
    static const char sync[] = "kind: async-diloco, every: 10, rounds: 5";
    double n = parameters();
    struct whole_run healthy, r;
    char text[2048];
    snprintf(text, sizeof text, "%s%s", triangle, IN_VAIN);
    run_it(&healthy, text, sync);
    snprintf(text, sizeof text, "%s%s", triangle,
             FAULT("between: [a, b], capacity: 0, at: 0 s, for: 1 h, reroute: "
                   "true, switch_time: 0 s"));
    run_it(&r, text, sync);
    LH_CHECK_NEAR(round_s(&r, 1) - round_s(&healthy, 1),
                  2 * (4 - 1) * 4 * n / bytes_per_s, 1e-6);
    whole_run_end(&r);
    whole_run_end(&healthy);
}

/* Half of the fibre is another's: both ways take twice as long. */
static void background_is_taken_off_the_fibre(void)
{
    double n = parameters();
    double free_s = all_round_s(PAIR("h100-sxm", "1"),
                                "kind: async-diloco, every: 10, quorum: 2");
    double half_s = all_round_s(
        PAIR("h100-sxm", "1") "background: [{between: [a, b], bandwidth: 500 "
                              "Mbit/s}]\n",
        "kind: async-diloco, every: 10, quorum: 2");
    LH_CHECK_NEAR(half_s - free_s, 2 * 4 * n / bytes_per_s, 1e-8);
}

/* Seconds that five rounds of b take less with a fault than with one in vain.
 */
static double saved_s(const char *pair_with_fault)
{
    static const char sync[] =
        "kind: async-diloco, every: 10, quorum: 2, rounds: 5";
    struct whole_run healthy, r;
    run_it(&healthy, PAIR("h100-sxm", "1") IN_VAIN, sync);
    run_it(&r, pair_with_fault, sync);
    double saved = total_s(&healthy, 1) - total_s(&r, 1);
    whole_run_end(&r);
    whole_run_end(&healthy);
    return saved;
}

/* A cut that ends before the first push is none; twice the bandwidth from some
 * date on halves both ways. */
static void a_fibre_may_get_better(void)
{
    double both_s = 2 * 4 * parameters() / bytes_per_s;
    LH_CHECK(fabs(saved_s(PAIR("h100-sxm", "1")
                              FAULT("between: [a, b], capacity: 0, at: 0 s, "
                                    "for: 1 ms")))
             < 1e-9);
    LH_CHECK_NEAR(saved_s(PAIR("h100-sxm", "1")
                              FAULT("between: [a, b], capacity: 2 Gbit/s, at: "
                                    "1 ms, for: 40 h")),
                  5 * both_s / 2, 1e-8);
}

/* Away in its second round: that is lost, and the parameters are fetched, which
 * takes as long as an answer. */
static void a_site_that_was_away_begins_anew(void)
{
    static const char sync[] = "kind: async-diloco, every: 100, rounds: 5";
    struct whole_run healthy, r;
    run_it(&healthy, PAIR("h100-sxm", "1") IN_VAIN, sync);
    double a_round_s = total_s(&healthy, 1) / 5;
    char away[1024];
    snprintf(away, sizeof away,
             PAIR("h100-sxm", "1") FAULT("site: b, at: %.6f s, for: 300 s"),
             a_round_s + 0.5);
    run_it(&r, away, sync);
    double one_way_s = 4 * parameters() / bytes_per_s;
    LH_CHECK_NEAR(total_s(&r, 1),
                  5 * a_round_s + 0.5 + 300 + one_way_s + 100e3 * 4.9e-9, 1e-6);
    LH_CHECK_NEAR(r.async.sites[1].away_s * 500,
                  0.5 + 300 + one_way_s + 100e3 * 4.9e-9, 1e-6);
    LH_CHECK(r.async.result->lost == 0);
    whole_run_end(&r);
    whole_run_end(&healthy);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a round of all is its steps and both ways",
         a_round_of_all_is_its_steps_and_both_ways},
        {"a quorum of all is the synchronous form",
         a_quorum_of_all_is_the_synchronous_form},
        {"a bound of no staleness is a quorum of all",
         a_bound_of_no_staleness_is_a_quorum_of_all},
        {"two pushes share a fibre", two_pushes_share_a_fibre},
        {"the server takes its time", the_server_takes_its_time},
        {"learners have rounds of their own",
         learners_have_rounds_of_their_own},
        {"steps by speed end together", steps_by_speed_end_together},
        {"the bound holds a fast learner back",
         the_bound_holds_a_fast_learner_back},
        {"a learner keeps what it began at", a_learner_keeps_what_it_began_at},
        {"fragments of all are streaming", fragments_of_all_are_streaming},
        {"fragments show what is not hidden",
         fragments_show_what_is_not_hidden},
        {"adapters are pushed", adapters_are_pushed},
        {"a slow site slows who waits for it",
         a_slow_site_slows_who_waits_for_it},
        {"an outage of minutes delays who waits",
         an_outage_of_minutes_delays_who_waits},
        {"a cut is routed around", a_cut_is_routed_around},
        {"background is taken off the fibre",
         background_is_taken_off_the_fibre},
        {"a fibre may get better", a_fibre_may_get_better},
        {"a site that was away begins anew", a_site_that_was_away_begins_anew},
    };
    return lh_unit_run("async", tests, LH_COUNT(tests));
}
