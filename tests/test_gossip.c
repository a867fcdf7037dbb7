/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Gossip of pairs (workloads/sync/gossip.c; docs/model.md, "Pairs"): who meets
 * whom, and islands of one accelerator a thin fibre apart against arithmetic by
 * hand.  T is the step alone, S the payload over the bandwidth, K what goes
 * through memory.
 *
 *   a round          H T + K + S, 2 S of outer state, whatever the number of
 *                    pairs where each has a fibre of its own
 *   three islands    3 (H T + K + S) in three rounds: who rests waits for one
 *                    that has met before
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"
#include "whole_run.h"

#define HEAD(batch)                                                            \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: " batch                                          \
    ", sequence_length: 2048, stack: cuda-graphs}\nsites:\n"
#define SITE(name)                                                             \
    "  - {name: " name ", gpus: 1, device: h100-sxm, fabric: switch}\n"
#define MESH  "fibre_layout: {kind: mesh, length: 100 km, bandwidth: 1 Gbit/s}\n"
#define TWO   HEAD("8") SITE("a") SITE("b") MESH
#define THREE HEAD("12") SITE("a") SITE("b") SITE("c") MESH
#define FOUR  HEAD("16") SITE("a") SITE("b") SITE("c") SITE("d") MESH

static const double bytes_per_s = 1e9 / 8;

static void run_it(struct whole_run *r, const char *machine, const char *sync)
{
    char text[2048];
    snprintf(text, sizeof text, "%s%s%s%s", machine, sync ? "sync: {" : "",
             sync ? sync : "", sync ? "}\n" : "");
    whole_run_begin(r, text, NULL, 0);
    LH_CHECK(r->result.steady);
}

/* The mean of a round of `every` steps. */
static double round_s(const char *machine, int every, const char *rest)
{
    struct whole_run r;
    char sync[256];
    snprintf(sync, sizeof sync, "kind: gossip, every: %d%s", every, rest);
    run_it(&r, machine, sync);
    double s = r.result.step_time_s * every;
    whole_run_end(&r);
    return s;
}

/* T, and K of so many bytes a parameter; N. */
struct alone {
    double step_s, memory_s, parameters;
};

static struct alone alone(double bytes)
{
    struct whole_run r;
    run_it(&r, HEAD("4") SITE("a"), NULL);
    const struct lh_device *d = &r.scenario.sites[0].device;
    double n = (double)r.scenario.model.parameters;
    struct alone a = {r.result.step_time_s,
                      bytes * n / (d->memory_bytes_per_s * d->memory_frac)
                          + 2 * d->kernel_gap_s,
                      n};
    whole_run_end(&r);
    return a;
}

/* ---- who meets whom --------------------------------------------------------
 */

static void all_meet_all_once_in_a_tournament(void)
{
    for (int64_t size = 2; size <= 33; size++) {
        int64_t rounds = lh_shift_rounds(LH_SHIFT_TOURNAMENT, size);
        bool met[33][33] = {{false}};
        LH_CHECK(rounds == size - (size % 2 == 0));
        for (int r = 0; r < rounds; r++) {
            int rest = 0;
            for (int64_t i = 0; i < size; i++) {
                int64_t to = lh_shift_to(LH_SHIFT_TOURNAMENT, r, size, i);
                LH_REQUIRE(to >= 0 && to < size);
                LH_CHECK(lh_shift_to(LH_SHIFT_TOURNAMENT, r, size, to) == i);
                LH_CHECK(!met[i][to]);
                met[i][to] = true;
                rest += to == i;
            }
            LH_CHECK(rest == size % 2);
        }
    }
}

/* Who has heard of whom, as bits. */
static void all_have_heard_of_all_after_a_hypercube(void)
{
    for (int64_t size = 2; size <= 64; size *= 2) {
        uint64_t heard[64], next[64];
        for (int64_t i = 0; i < size; i++)
            heard[i] = (uint64_t)1 << i;
        for (int r = 0; r < lh_shift_rounds(LH_SHIFT_HYPERCUBE, size); r++) {
            for (int64_t i = 0; i < size; i++)
                next[i] = heard[i]
                          | heard[lh_shift_to(LH_SHIFT_HYPERCUBE, r, size, i)];
            memcpy(heard, next, sizeof heard);
        }
        for (int64_t i = 0; i < size; i++)
            LH_CHECK(heard[i] == ~(uint64_t)0 >> (64 - size));
    }
}

/* ---- how long it takes ------------------------------------------------------
 */

static void a_round_is_its_steps_and_one_message_each_way(void)
{
    struct alone a = alone(4 + 14);
    double full_s = round_s(TWO, 10, "");
    double small_s = round_s(TWO, 10, ", payload_bits: 4");
    LH_CHECK_NEAR(full_s - small_s, 3.5 * a.parameters / bytes_per_s, 1e-9);
    double rest_s =
        full_s - 10 * a.step_s - a.memory_s - 4 * a.parameters / bytes_per_s;
    LH_CHECK(rest_s > 100e3 * 4.9e-9 && rest_s < 100e3 * 4.9e-9 + 1e-4);
    LH_CHECK_NEAR(round_s(TWO, 500, "") - full_s, 490 * a.step_s, 1e-9);
}

static void pairs_beside_each_other_take_no_longer(void)
{
    double two_s = round_s(TWO, 10, "");
    LH_CHECK_NEAR(round_s(FOUR, 10, ""), two_s, 1e-9);
    LH_CHECK_NEAR(round_s(FOUR, 10, ", pairs: hypercube"), two_s, 1e-9);
}

static void who_rests_waits_for_who_has_met(void)
{
    LH_CHECK_NEAR(round_s(THREE, 10, ""), round_s(TWO, 10, ""), 1e-9);
}

static void outer_state_is_twice_as_much(void)
{
    struct alone weights = alone(4 + 14), outer = alone(12 + 34);
    double more_s = round_s(TWO, 10, ", average: outer") - round_s(TWO, 10, "");
    LH_CHECK_NEAR(more_s,
                  4 * weights.parameters / bytes_per_s + outer.memory_s
                      - weights.memory_s,
                  1e-9);
}

static void steps_go_on_beside_it(void)
{
    struct alone a = alone(4 + 14);
    double waits_s = round_s(TWO, 10, "");
    LH_CHECK_NEAR(waits_s - round_s(TWO, 10, ", overlap: 4"), 4 * a.step_s,
                  1e-9);
    LH_CHECK_NEAR(round_s(TWO, 500, ", overlap: 400"),
                  500 * a.step_s + a.memory_s, 1e-9);
}

/* ---- bytes
 * -------------------------------------------------------------------
 */

static double bytes_of(const struct whole_run *r, const char *link)
{
    for (int i = 0; i < r->result.n_links; i++) {
        /* rows of equal links bear the name of the first */
        if (strcmp(r->result.links[i].name, link) == 0)
            return r->result.links[i].bytes;
    }
    return 0;
}

static void each_fibre_has_a_message_when_its_ends_meet(void)
{
    struct whole_run r;
    double n = alone(0).parameters, sum = 0;
    run_it(&r, FOUR, "kind: gossip, every: 10");
    LH_CHECK_NEAR(bytes_of(&r, "fibre a->b"), 4 * n / 30, 1e-9);
    for (int i = 0; i < r.result.n_links; i++) {
        if (r.result.links[i].kind == LH_LINK_WAN)
            sum += r.result.links[i].bytes * (double)r.result.links[i].count;
    }
    LH_CHECK_NEAR(sum, 12 * 4 * n / 30, 1e-9);
    whole_run_end(&r);
    run_it(&r, FOUR, "kind: gossip, every: 10, pairs: hypercube");
    LH_CHECK_NEAR(bytes_of(&r, "fibre a->b"), 4 * n / 20, 1e-9);
    LH_CHECK_NEAR(bytes_of(&r, "fibre a->c"), 4 * n / 20, 1e-9);
    LH_CHECK(bytes_of(&r, "fibre a->d") == 0);
    whole_run_end(&r);
}

/* Of a quarter of the weights: what is sent and what is received; and outer
 * parameters and momentum. */
static void what_is_on_its_way_counts_in_memory(void)
{
    static const char eight[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 16, sequence_length: 2048}\nsites:\n"
        "  - {name: a, gpus: 4, device: h100-sxm}\n"
        "  - {name: b, gpus: 4, device: h100-sxm}\n" MESH;
    static const struct {
        const char *sync;
        double bytes;
    } cases[] = {{"kind: gossip", 2 * 4},
                 {"kind: gossip, average: outer", 8 + 4 * 4},
                 {"kind: gossip, payload_bits: 8", 2},
                 {"kind: gossip, compression: top-k, keep: 0.25", 4 + 4}};
    struct whole_run plain, r;
    run_it(&plain, eight, NULL);
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        run_it(&r, eight, cases[i].sync);
        LH_CHECK_NEAR(
            r.program.memory[0].optimizer - plain.program.memory[0].optimizer,
            cases[i].bytes * (double)r.scenario.model.parameters / 4, 1e-9);
        whole_run_end(&r);
    }
    whole_run_end(&plain);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"all meet all once in a tournament",
         all_meet_all_once_in_a_tournament},
        {"all have heard of all after a hypercube",
         all_have_heard_of_all_after_a_hypercube},
        {"a round is its steps and one message each way",
         a_round_is_its_steps_and_one_message_each_way},
        {"pairs beside each other take no longer",
         pairs_beside_each_other_take_no_longer},
        {"who rests waits for who has met", who_rests_waits_for_who_has_met},
        {"outer state is twice as much", outer_state_is_twice_as_much},
        {"steps go on beside it", steps_go_on_beside_it},
        {"each fibre has a message when its ends meet",
         each_fibre_has_a_message_when_its_ends_meet},
        {"what is on its way counts in memory",
         what_is_on_its_way_counts_in_memory},
    };
    return lh_unit_run("gossip", tests, LH_COUNT(tests));
}
