/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Islands of replicas (workloads/sync/outer.c; docs/model.md, "Islands")
 * against arithmetic by hand, on two accelerators a thin fibre apart, and on
 * two sites of four: T is the step of one island alone, C what the fibre takes,
 * M what goes through memory.
 *
 *   diloco             H T + M + C a cycle
 *   overlap tau = 1    H T + M + max(0, C - T)
 *   unequal islands    the slower one's H T, then as above
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"
#include "whole_run.h"

/* One accelerator a site: no traffic but that between islands. */
#define MODEL                                                                  \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 8, sequence_length: 2048, stack: cuda-graphs}\n"
#define PAIR(device)                                                           \
    "sites:\n  - {name: a, gpus: 1, device: h100-sxm, fabric: switch}\n"       \
    "  - {name: b, gpus: 1, device: " device ", fabric: switch}\n"
#define FIBRE(gbit)                                                            \
    "fibres: [{between: [a, b], length: 100 km, bandwidth: " gbit " Gbit/"     \
    "s}]\n"
#define ALONE                                                                  \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 4, sequence_length: 2048, stack: cuda-graphs}\n" \
    "sites: [{name: a, gpus: 1, device: h100-sxm, fabric: switch}]\n"

/* Of a cycle of `every` steps, sync: {kind, every, rest}. */
static double cycle_s(const char *text, const char *kind, int every,
                      const char *rest)
{
    struct whole_run r;
    char sync[512];
    snprintf(sync, sizeof sync, "%ssync: {kind: %s, every: %d%s}\n", text, kind,
             every, rest);
    whole_run_begin(&r, sync, NULL, 0);
    double step_s = r.result.step_time_s;
    LH_CHECK(r.result.steady || r.result.from_rest);
    whole_run_end(&r);
    return step_s * every;
}

static double step_s(const char *text)
{
    struct whole_run r;
    whole_run_begin(&r, text, NULL, 0);
    double s = r.result.step_time_s;
    whole_run_end(&r);
    return s;
}

static double parameters(void)
{
    struct whole_run r;
    whole_run_begin(&r, ALONE, NULL, 0);
    double n = (double)r.scenario.model.parameters;
    whole_run_end(&r);
    return n;
}

/* What bytes take through the memory of an H100, with gaps. */
static double memory_s(double bytes, int kernels)
{
    struct whole_run r;
    whole_run_begin(&r, ALONE, NULL, 0);
    const struct lh_device *d = &r.scenario.sites[0].device;
    double s = bytes / (d->memory_bytes_per_s * d->memory_frac)
               + kernels * d->kernel_gap_s;
    whole_run_end(&r);
    return s;
}

/* ---- tests --------------------------------------------------------------- */

static const char thin[] = MODEL PAIR("h100-sxm") FIBRE("1");

/* The fibre is what limits.  One all-reduce
 * of two members moves S each way; what is left of the difference of two
 * payloads is the fibre alone. */
static void a_cycle_is_its_steps_and_what_the_fibre_takes(void)
{
    double n = parameters(), alone_s = step_s(ALONE);
    double full_s = cycle_s(thin, "diloco", 10, "");
    double small_s = cycle_s(thin, "diloco", 10, ", payload_bits: 4");
    double fibre_s = n * (4 - 0.5) / (1e9 / 8);
    LH_CHECK_NEAR(full_s - small_s, fibre_s, 1e-9);
    /* latency: 2 hops of 100 km and two cards, beside the library's own */
    double rest_s =
        full_s - 10 * alone_s - 4 * n / (1e9 / 8) - memory_s((12 + 26) * n, 2);
    LH_CHECK(rest_s > 2 * 100e3 * 4.9e-9 && rest_s < 2 * 100e3 * 4.9e-9 + 1e-4);
}

static void steps_that_repeat_are_left_out_exactly(void)
{
    static const int every[] = {1, 2, 3, 4, 5, 7, 20, 100, 5000};
    double alone_s = step_s(ALONE);
    double outer_s = cycle_s(thin, "diloco", 1, "") - alone_s;
    for (size_t i = 1; i < LH_COUNT(every); i++)
        LH_CHECK_NEAR(cycle_s(thin, "diloco", every[i], ""),
                      every[i] * alone_s + outer_s, 1e-10);
    struct whole_run r;
    whole_run_begin(&r,
                    "longhaul: 1\nmodel: mpt-125m\nsync: {kind: diloco, every: "
                    "5000}\n" PAIR("h100-sxm") FIBRE("1"),
                    NULL, 0);
    LH_CHECK(r.result.steps_simulated < 20);
    whole_run_end(&r);
}

static void the_mean_of_weights_needs_no_outer_state(void)
{
    double n = parameters();
    double diloco_s = cycle_s(thin, "diloco", 10, "");
    double mean_s = cycle_s(thin, "local-sgd", 10, "");
    LH_CHECK_NEAR(diloco_s - mean_s, memory_s((12 + 26 - 4 - 10) * n, 0), 1e-6);
}

static void what_is_merged_a_step_later_hides_behind_it(void)
{
    double n = parameters(), alone_s = step_s(ALONE);
    double fast_s = cycle_s(MODEL PAIR("h100-sxm") FIBRE("400"), "diloco", 10,
                            ", overlap: 1, payload_bits: 4");
    LH_CHECK_NEAR(fast_s, 10 * alone_s + memory_s((12 + 26) * n, 2), 1e-10);
    double waits_s = cycle_s(thin, "diloco", 10, "");
    double slow_s = cycle_s(thin, "diloco", 10, ", overlap: 1");
    LH_CHECK_NEAR(waits_s - slow_s, alone_s, 1e-9);
    slow_s = cycle_s(thin, "diloco", 10, ", overlap: 4");
    LH_CHECK_NEAR(waits_s - slow_s, 4 * alone_s, 1e-9);
}

/* Four fragments, whose reductions follow each other on a fibre that is never
 * idle: the cycle is what they take, whatever the steps. */
static void a_fibre_that_is_never_idle_sets_the_cycle(void)
{
    double n = parameters();
    double two_s =
        cycle_s(thin, "streaming-diloco", 8, ", fragments: 4, overlap: 2");
    double small_s = cycle_s(thin, "streaming-diloco", 8,
                             ", fragments: 4, overlap: 2, payload_bits: 16");
    LH_CHECK_NEAR(two_s - small_s, n * 2 / (1e9 / 8), 1e-9);
    LH_CHECK(two_s > 4 * n / (1e9 / 8));
    LH_CHECK(two_s < 4 * n / (1e9 / 8) + 8 * step_s(ALONE));
}

static void the_slower_island_is_waited_for(void)
{
    double slow_s = step_s(
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 4, sequence_length: 2048, stack: "
        "cuda-graphs}\n"
        "sites: [{name: a, gpus: 1, device: a100-sxm, fabric: switch}]\n");
    double one_s = cycle_s(MODEL PAIR("a100-sxm") FIBRE("1"), "diloco", 1, "");
    double hundred_s =
        cycle_s(MODEL PAIR("a100-sxm") FIBRE("1"), "diloco", 100, "");
    LH_CHECK_NEAR(hundred_s - one_s, 99 * slow_s, 1e-10);
}

/* A fibre cut in the middle of the reduction, once a cycle. */
static void a_cut_delays_the_cycle_by_its_length(void)
{
    double healthy_s = cycle_s(thin, "diloco", 5, "");
    double cut_s = cycle_s(
        MODEL PAIR("h100-sxm")
            FIBRE("1") "faults: [{between: [a, b], capacity: 0, at: 1 s, "
                       "for: 90 s}]\n",
        "diloco", 5, "");
    LH_CHECK_NEAR(cut_s - healthy_s, 90, 1e-9);
}

/* A fault in vain makes a cycle from rest of which every step is simulated; it
 * is the steady one, where a cycle leaves nothing to the next. */
static void what_is_left_out_is_what_would_have_been(void)
{
    static const char sites[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 32, sequence_length: 2048}\n"
        "plan: {tensor: 2, pipeline: 2}\n"
        "sites:\n  - {name: a, gpus: 16, device: h100-sxm}\n"
        "  - {name: b, gpus: 16, device: h100-sxm}\n" FIBRE("10");
    char in_vain[1024];
    snprintf(in_vain, sizeof in_vain,
             "%sfaults: [{rank: 0, slowdown: 1, at: 1 ms}]\n", sites);
    LH_CHECK_NEAR(cycle_s(sites, "diloco", 40, ""),
                  cycle_s(in_vain, "diloco", 40, ""), 1e-10);
}

/* A reduction that ends some steps after it is sent takes multiprocessors from
 * those; they agree with each other, and are not what is left out. */
static void what_is_left_out_has_no_reduction_beside_it(void)
{
    static const char sites[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 64, sequence_length: 2048}\n"
        "plan: {pipeline: 2}\n"
        "sites:\n  - {name: a, gpus: 8, device: h100-sxm}\n"
        "  - {name: b, gpus: 8, device: h100-sxm}\n" FIBRE("20");
    double short_s = cycle_s(sites, "diloco", 12, ", overlap: 10");
    double step_s =
        (cycle_s(sites, "diloco", 14, ", overlap: 10") - short_s) / 2;
    LH_CHECK_NEAR(cycle_s(sites, "diloco", 100, ", overlap: 10"),
                  short_s + 88 * step_s, 1e-9);
}

/* Two sites of four: a quarter of the weights each, S = N in all. */
static void bytes_on_the_fibre_are_the_payload_once_a_cycle(void)
{
    static const char four[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 16, sequence_length: 2048}\n"
        "sites:\n  - {name: a, gpus: 4, device: h100-sxm}\n"
        "  - {name: b, gpus: 4, device: h100-sxm}\n" FIBRE(
            "10") "sync: {kind: streaming-diloco, every: 20, fragments: 3, "
                  "payload_bits: 8}\n";
    for (int zero = 0; zero < 4; zero++) {
        struct whole_run r;
        char value[2] = {(char)('0' + zero), 0};
        struct lh_setting settings[] = {{"plan.zero", value}};
        whole_run_begin(&r, four, settings, 1);
        double bytes = 0;
        for (int i = 0; i < r.result.n_links; i++) {
            if (r.result.links[i].kind == LH_LINK_WAN)
                bytes +=
                    r.result.links[i].bytes * (double)r.result.links[i].count;
        }
        LH_CHECK_NEAR(bytes, 2 * (double)r.scenario.model.parameters / 20,
                      1e-12);
        whole_run_end(&r);
    }
}

static double bytes_of(const struct whole_run *r, const char *link)
{
    for (int i = 0; i < r->result.n_links; i++) {
        if (strcmp(r->result.links[i].name, link) == 0)
            return r->result.links[i].bytes;
    }
    return NAN;
}

/* Campuses a-b and c-d.  A cycle of 10: fibre b-c has the payload, 4 N in two
 * halves, of which that of a and c is on a-b as well; there every step has its
 * gradients, 4 N, and the cycle the other half of its merged weights, N. */
static void an_island_may_be_a_campus(void)
{
    struct whole_run r;
    double n = parameters();
    whole_run_begin(&r,
                    "longhaul: 1\nmodel: mpt-125m\n"
                    "training: {global_batch: 16, sequence_length: 2048}\n"
                    "sites:\n  - {name: a, gpus: 1, device: h100-sxm}\n"
                    "  - {name: b, gpus: 1, device: h100-sxm}\n"
                    "  - {name: c, gpus: 1, device: h100-sxm}\n"
                    "  - {name: d, gpus: 1, device: h100-sxm}\n"
                    "fibres:\n  - {between: [a, b], length: 1 km}\n"
                    "  - {between: [b, c], length: 1000 km}\n"
                    "  - {between: [c, d], length: 1 km}\n"
                    "sync: {kind: diloco, every: 10, island: 2}\n",
                    NULL, 0);
    LH_CHECK_NEAR(bytes_of(&r, "fibre b->c"), 4 * n / 10, 1e-9);
    LH_CHECK_NEAR(bytes_of(&r, "fibre a->b"), 4 * n + (2 * n + n) / 10, 1e-9);
    whole_run_end(&r);
}

/* One number of a hundred: with its place, or two factors summed in a ring. */
static void what_is_compressed_takes_its_bytes(void)
{
    static const struct {
        const char *sync;
        double bytes; /* a parameter, each way */
    } cases[] = {
        {"compression: top-k, keep: 0.01, payload_bits: 16", 0.06},
        {"compression: demo, keep: 0.01, payload_bits: 32", 0.06},
        {"compression: low-rank, keep: 0.02, payload_bits: 16", 0.04},
    };
    double n = parameters();
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        char rest[1024];
        struct whole_run r;
        snprintf(rest, sizeof rest, "%ssync: {kind: local-sgd, every: 1, %s}\n",
                 thin, cases[i].sync);
        whole_run_begin(&r, rest, NULL, 0);
        LH_CHECK_NEAR(r.result.links[0].bytes, cases[i].bytes * n, 1e-9);
        LH_CHECK(r.result.links[0].kind == LH_LINK_WAN);
        whole_run_end(&r);
    }
    double all_s = cycle_s(thin, "local-sgd", 1, ", compression: low-rank");
    double half_s =
        cycle_s(thin, "local-sgd", 1, ", compression: low-rank, keep: 0.005");
    LH_CHECK_NEAR(all_s - half_s,
                  0.005 * 4 * n / (1e9 / 8) + memory_s(0.005 * 4 * n, 0), 1e-9);
}

/* 8 bytes a parameter of an accelerator's quarter, and the payload of the
 * largest fragment. */
static void outer_state_counts_in_memory(void)
{
    static const char four[] =
        "longhaul: 1\nmodel: mpt-125m\n"
        "training: {global_batch: 16, sequence_length: 2048}\n"
        "sites:\n  - {name: a, gpus: 4, device: h100-sxm}\n"
        "  - {name: b, gpus: 4, device: h100-sxm}\n" FIBRE("10");
    static const struct {
        const char *kind, *on_host;
        double bytes;
    } cases[] = {{"diloco", "false", 12},
                 {"diloco", "true", 4},
                 {"local-sgd", "false", 4}};
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct whole_run plain, r;
        struct lh_setting settings[] = {{"sync.kind", cases[i].kind},
                                        {"sync.on_host", cases[i].on_host}};
        whole_run_begin(&plain, four, NULL, 0);
        whole_run_begin(&r, four, settings, i < 2 ? 2 : 1);
        LH_CHECK_NEAR(
            r.program.memory[0].optimizer - plain.program.memory[0].optimizer,
            cases[i].bytes * (double)r.scenario.model.parameters / 4, 1e-9);
        whole_run_end(&plain);
        whole_run_end(&r);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a cycle is its steps and what the fibre takes",
         a_cycle_is_its_steps_and_what_the_fibre_takes},
        {"steps that repeat are left out exactly",
         steps_that_repeat_are_left_out_exactly},
        {"the mean of weights needs no outer state",
         the_mean_of_weights_needs_no_outer_state},
        {"what is merged a step later hides behind it",
         what_is_merged_a_step_later_hides_behind_it},
        {"a fibre that is never idle sets the cycle",
         a_fibre_that_is_never_idle_sets_the_cycle},
        {"the slower island is waited for", the_slower_island_is_waited_for},
        {"a cut delays the cycle by its length",
         a_cut_delays_the_cycle_by_its_length},
        {"what is left out is what would have been",
         what_is_left_out_is_what_would_have_been},
        {"what is left out has no reduction beside it",
         what_is_left_out_has_no_reduction_beside_it},
        {"bytes on the fibre are the payload once a cycle",
         bytes_on_the_fibre_are_the_payload_once_a_cycle},
        {"an island may be a campus", an_island_may_be_a_campus},
        {"what is compressed takes its bytes",
         what_is_compressed_takes_its_bytes},
        {"outer state counts in memory", outer_state_counts_in_memory},
    };
    return lh_unit_run("sync", tests, LH_COUNT(tests));
}
