/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Published models of synchronisation that know a step's time and a number of
 * parameters only, as scenarios with model.ideal (workloads/ideal.c), against
 * their own figures and closed forms; reference is ../shared/reference.
 *
 *   05a, 05b  the bandwidth at which compute is a share of the time, on the
 *             grid 10^(-1 + 4 i / 49) Gbit/s; a cell is the last grid point
 *             that does not reach it
 *   05d       C + (2 N / W (1 - 1 / R) + eps) a step, no overlap
 *   05e       128 buckets, released evenly over the backward pass
 *   06a       INTELLECT-1: a ring of nodes, int8, 100 steps
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

#define IDEAL(settings) "model: {ideal: {" settings "}}\n"
#define SWITCH(nic, latency)                                                   \
    "fabric: {name: switch, nic_bandwidth: " nic ", nic_latency: " latency     \
    ", switch_latency: 0 s}"
#define HEAD "longhaul: 1\ntraining: {gradient_precision: bf16, stack: none}\n"
#define SITE(name, gpus, nic, latency)                                         \
    "  - {name: " name ", gpus: " gpus                                         \
    ", device: h100-sxm, " SWITCH(nic, latency) "}\n"
/* Two data centres of one accelerator; the bandwidth comes as a setting. */
#define TWO                                                                    \
    "sites:\n" SITE("a", "1", "100 Tbit/s", "0 s") SITE(                       \
        "b", "1", "100 Tbit/s", "0 s") "fibres: [{between: [a, b], length: 0 " \
                                       "m, equipment_latency: 0 s}]\n"

static double step_s(const char *text, const struct lh_setting *settings, int n)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_program program;
    struct lh_topology *topology = NULL;
    struct lh_trace trace;
    struct lh_result result;
    enum lh_status st = lh_scenario_read_text(&s, "t.yaml", text, strlen(text),
                                              ".", settings, n, &ctx);
    if (st == LH_OK)
        st = lh_topology_build(&topology, &s, &ctx);
    if (st == LH_OK)
        st = lh_program_build(&program, &s, &ctx);
    if (st == LH_OK)
        st = lh_program_check(&program, &ctx);
    struct lh_sim_point point = {&s, &program, topology};
    if (st == LH_OK)
        st = lh_sim_run(&trace, &point, &ctx);
    if (st == LH_OK)
        st = lh_result_make(&result, &trace, &program, topology, &ctx);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
    LH_CHECK(result.steady);
    double step = result.step_time_s;
    lh_topology_free(topology);
    lh_ctx_end(&ctx);
    return step;
}

/* With one setting more, the bandwidth of the fibre. */
static double step_at(const char *text, double gbit)
{
    char value[64];
    snprintf(value, sizeof value, "%.12g Gbit/s", gbit);
    struct lh_setting settings[] = {{"fibres[0].bandwidth", value}};
    return step_s(text, settings, 1);
}

/* ---- 05a, 05b ------------------------------------------------------------ */

static double grid_gbit(int i)
{
    return pow(10, -1 + 4 * i / 49.0);
}

static const double shares[] = {0.50, 0.80, 0.90, 0.95, 0.99};

/* The grid point of a printed cell, which is rounded. */
static int notch_of(double printed_gbit)
{
    int best = 0;
    for (int i = 1; i < 50; i++) {
        if (fabs(grid_gbit(i) - printed_gbit)
            < fabs(grid_gbit(best) - printed_gbit))
            best = i;
    }
    return best;
}

/* How many notches above the printed cell the simulated one is. */
static int apart_by(const char *text, double compute_s, double share,
                    double printed_gbit)
{
    int i = notch_of(printed_gbit);
    while (i > 0
           && compute_s / step_at(text, grid_gbit(i)) >= share * (1 - 1e-9))
        i--;
    while (i < 49
           && compute_s / step_at(text, grid_gbit(i + 1)) < share * (1 - 1e-9))
        i++;
    return i - notch_of(printed_gbit);
}

#define OVERLAPPED "plan: {overlap: {forward: true}}\n"
static const struct {
    const char *text;
    double compute_s;
    double gbit[5];
} data_parallel[] = {
    {HEAD OVERLAPPED TWO IDEAL(
         "layers: 24, parameters: 1e9, step_time: 100 ms"),
     0.1,
     {86.8, 152.6, 184.2, 222.3, 569.0}},
    {HEAD OVERLAPPED TWO IDEAL(
         "layers: 48, parameters: 10e9, step_time: 800 ms"),
     0.8,
     {104.8, 222.3, 222.3, 268.3, 471.5}},
    {HEAD OVERLAPPED TWO IDEAL(
         "layers: 108, parameters: 100e9, step_time: 4.9 s"),
     4.9,
     {184.2, 323.8, 390.7, 390.7, 471.5}},
};

static void data_parallel_rows_are_those_of_the_papers(void)
{
    static const double other_gbit[] = {104.8, 184.2, 222.3, 222.3, 390.7};
    int exact = 0;
    for (int m = 0; m < 3; m++) {
        for (int k = 0; k < 5; k++) {
            int n = apart_by(data_parallel[m].text, data_parallel[m].compute_s,
                             shares[k], data_parallel[m].gbit[k]);
            LH_CHECK(n >= -1 && n <= 1);
            exact += n == 0;
        }
    }
    printf("%d of 15 cells exact ", exact);
    LH_CHECK(exact >= 13);
    for (int k = 0; k < 5; k++) {
        int n = apart_by(data_parallel[1].text, 0.8, shares[k], other_gbit[k]);
        LH_CHECK(n >= -1 && n <= 1);
    }
}

/* Kale et al. 2025 (arXiv:2502.12996), table 5, of the same simulator:
 * Streaming DiLoCo in bf16, and in 4 bits with one step of overlap, H = 100. */
static const struct {
    const char *sync;
    double gbit[3][5];
} streaming[] = {
    {"sync: {kind: streaming-diloco, every: 100, overlap: 0, payload_bits: "
     "16}\n",
     {{1.4, 5.2, 9.1, 16.0, 28.1},
      {1.7, 5.2, 9.1, 13.3, 19.3},
      {2.4, 6.2, 9.1, 11.0, 19.3}}},
    {"sync: {kind: streaming-diloco, every: 100, overlap: 1, payload_bits: "
     "4}\n",
     {{0.4, 0.9, 1.7, 2.0, 3.0},
      {0.4, 0.9, 1.4, 1.4, 1.7},
      {0.5, 0.9, 1.1, 1.1, 1.4}}},
};

/* 0.5 is printed for two grid points; the nearer one is taken. */
static void streaming_rows_are_within_a_notch(void)
{
    static const int at_least[] = {13, 11};
    for (size_t s = 0; s < LH_COUNT(streaming); s++) {
        int exact = 0;
        for (int m = 0; m < 3; m++) {
            char text[2048];
            snprintf(text, sizeof text, "%s%s", data_parallel[m].text,
                     streaming[s].sync);
            for (int k = 0; k < 5; k++) {
                int n = apart_by(text, data_parallel[m].compute_s, shares[k],
                                 streaming[s].gbit[m][k]);
                LH_CHECK(n >= -1 && n <= 1);
                exact += n == 0;
            }
        }
        printf("%d of 15 cells exact ", exact);
        LH_CHECK(exact >= at_least[s]);
    }
}

/* ---- 05d ----------------------------------------------------------------- */

/* R = 8 chips in M = 2 islands, N = 2.4e9 parameters of 16 bits, 2 s of
 * computing; H = 30.  Latency of a ring, 2 (n - 1) hops: within a data centre
 * two cards each, between them also the fibre, and of the 14 hops in a row of
 * the eight four cross it. */
static const double params_bits = 2.4e9 * 16, compute_s = 2;

static double all_reduce_s(double n, double bit_per_s, double eps_s)
{
    return 2 * params_bits / bit_per_s * (1 - 1 / n) + eps_s;
}

#define APPENDIX                                                               \
    HEAD IDEAL(                                                                \
        "layers: 4, parameters: 2.4e9, step_time: 2 s") "plan: {overlap: "     \
                                                        "{gradients: "         \
                                                        "false}}\n"
#define CENTRES                                                                \
    "sites:\n" SITE("a", "4", "400 Gbit/s", "8 us") SITE(                      \
        "b", "4", "400 Gbit/s", "8 us") "fibres: [{between: [a, b], length: "  \
                                        "0 m, bandwidth: 10 Gbit/s, "          \
                                        "equipment_latency: 2 ms}]\n"
#define ONE_CENTRE "sites:\n" SITE("a", "8", "100 Gbit/s", "30 us")

static const double fibre_s = 2e-3;

static void wall_clock_of_the_scaling_laws_is_met(void)
{
    double eps_0 = 6 * 2 * 8e-6, eps_1 = 14 * 2 * 8e-6 + 4 * fibre_s;
    double eps_m = 14 * 2 * 30e-6;
    LH_CHECK_NEAR(
        step_s(APPENDIX CENTRES "sync: {algorithm: flat-ring}\n", NULL, 0),
        compute_s + all_reduce_s(8, 10e9, eps_1), 1e-9);
    LH_CHECK_NEAR(step_s(APPENDIX CENTRES
                         "sync: {kind: diloco, every: 30, reduction: "
                         "flat, algorithm: flat-ring, payload_bits: 16}\n",
                         NULL, 0),
                  compute_s + all_reduce_s(4, 400e9, eps_0)
                      + all_reduce_s(8, 10e9, eps_1) / 30,
                  1e-9);
    LH_CHECK_NEAR(
        step_s(APPENDIX ONE_CENTRE
               "sync: {kind: diloco, every: 30, "
               "reduction: flat, payload_bits: 16, algorithm: flat-ring}\n",
               NULL, 0),
        compute_s + all_reduce_s(8, 100e9, eps_m) * (1 + 1 / 30.0), 1e-9);
    LH_CHECK_NEAR(
        step_s(APPENDIX CENTRES
               "sync: {kind: streaming-diloco, every: 30, fragments: 4, "
               "overlap: 0, reduction: flat, algorithm: flat-ring, "
               "payload_bits: 16}\n",
               NULL, 0),
        compute_s + all_reduce_s(4, 400e9, eps_0)
            + (all_reduce_s(8, 10e9, eps_1) + 3 * eps_1) / 30,
        1e-9);
}

/* ---- 05e ----------------------------------------------------------------- */

/* K = 128 buckets of the backward, which is two thirds of a second; on the
 * fibre each takes c seconds.  What is late is max(c, T/3 + 2T/3/K + K c - T)
 * after the step, and tau steps less. */
static double late_s(double gbit, double parameters, double centres)
{
    double c = parameters * 16 * 2 * (1 - 1 / centres) / 128 / (gbit * 1e9);
    return fmax(c, 1 / 3.0 + 2 / 3.0 / 128 + 128 * c - 1);
}

#define WEB                                                                    \
    HEAD IDEAL("layers: 128, parameters: 10e9, step_time: 1 s, "               \
               "backward: 0.66666666666666667")

static void the_web_simulator_is_met(void)
{
    static const double gbits[] = {0.5, 2, 10, 50, 200, 239, 300, 1000};
    for (size_t i = 0; i < LH_COUNT(gbits); i++) {
        double late = late_s(gbits[i], 10e9, 2);
        LH_CHECK_NEAR(step_at(WEB TWO, gbits[i]), 1 + late, 1e-8);
        double step =
            step_at(WEB TWO "sync: {kind: diloco, every: 30, payload_bits: "
                            "16}\n",
                    gbits[i]);
        LH_CHECK_NEAR(step, 1 + late / 30, 1e-8);
        /* over the 2000 steps of the page 66 agreements lie */
        double cu = 2000 / (2000 + 66 * (step - 1) * 30);
        LH_CHECK_NEAR(cu, 2000 / (2000 + 66 * late), 1e-8);
    }
}

/* 16 slices of every layer, tau = 1, H = 100: one on its way at a time where
 * it takes less than the six steps to the next. */
static void the_web_simulator_is_met_with_fragments(void)
{
    static const double gbits[] = {2, 3, 5, 8, 20, 100};
    for (size_t i = 0; i < LH_COUNT(gbits); i++) {
        double late = fmax(0, late_s(gbits[i], 10e9 / 16, 2) - 1);
        double step = step_at(
            WEB TWO "sync: {kind: streaming-diloco, every: 100, fragments: 16, "
                    "pattern: slices, payload_bits: 16}\n",
            gbits[i]);
        LH_CHECK_NEAR(step, 1 + 16 * late / 100, 1e-8);
    }
}

static void four_data_centres_send_half_as_much_again(void)
{
    static const char four[] = WEB "sites:\n" SITE("a", "1", "100 Tbit/s",
                                                   "0 s")
        SITE("b", "1", "100 Tbit/s", "0 s") SITE("c", "1", "100 Tbit/s", "0 s")
            SITE("d", "1", "100 Tbit/s",
                 "0 s") "fibre_layout: {kind: ring, length: 0 m, "
                        "equipment_latency: 0 s, "
                        "bandwidth: 20 Gbit/s}\n"
                        "sync: {kind: diloco, every: 50, payload_bits: 16}\n";
    LH_CHECK_NEAR(step_s(four, NULL, 0), 1 + late_s(20, 10e9, 4) / 50, 1e-7);
}

/* ---- 06a ----------------------------------------------------------------- */

/* 38 minutes of computing in 100 steps, then 103 s for an all-reduce of 10e9
 * bytes in a ring of 14 nodes: the slowest link has 1.44 Gbit/s. */
static void intellect_1_implies_the_bandwidth_of_its_links(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    double gbit = 2 * 13 / 14.0 * 10e9 * 8 / 103 / 1e9;
    const char *path = LH_SRCDIR "/examples/intellect-1-usa.yaml";
    LH_REQUIRE(lh_scenario_read(&s, path, NULL, 0, &ctx) == LH_OK);
    printf("implied: %.3f Gbit/s ", gbit);
    LH_CHECK_NEAR(s.layout.bytes_per_s, gbit * 1e9 / 8, 1e-3);
    struct lh_topology *topology;
    struct lh_program program;
    struct lh_trace trace;
    LH_REQUIRE(lh_topology_build(&topology, &s, &ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&program, &s, &ctx) == LH_OK);
    struct lh_sim_point point = {&s, &program, topology};
    LH_REQUIRE(lh_sim_run(&trace, &point, &ctx) == LH_OK);
    LH_CHECK_NEAR(100 * trace.step_time_s, 2280 + 103, 1e-3);
    LH_CHECK_NEAR(2280 / (100 * trace.step_time_s), 0.957, 1e-3);
    lh_topology_free(topology);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"data-parallel rows are those of the papers",
         data_parallel_rows_are_those_of_the_papers},
        {"streaming rows are within a notch",
         streaming_rows_are_within_a_notch},
        {"wall clock of the scaling laws is met",
         wall_clock_of_the_scaling_laws_is_met},
        {"the web simulator is met", the_web_simulator_is_met},
        {"the web simulator is met with fragments",
         the_web_simulator_is_met_with_fragments},
        {"four data centres send half as much again",
         four_data_centres_send_half_as_much_again},
        {"INTELLECT-1 implies the bandwidth of its links",
         intellect_1_implies_the_bandwidth_of_its_links},
    };
    return lh_unit_run("ideal", tests, LH_COUNT(tests));
}
