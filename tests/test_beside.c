/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step beside a push of weights (sim/beside.c) by hand arithmetic: two
 * accelerators compute for 0.1 s and exchange gradients of 2 GB over NICs of
 * 20 GB/s, 0.1 s alone.
 */
#include <math.h>
#include <string.h>

#include "unit.h"

#include <longhaul/trace.h>

static const char two[] =
    "longhaul: 1\n"
    "model: {ideal: {layers: 10, parameters: 1e9, step_time: 100 ms}}\n"
    "training: {gradient_precision: bf16, stack: none}\n"
    "plan: {overlap: {gradients: false}}\n"
    "sites:\n"
    "  - {name: a, gpus: 2, device: h100-sxm, fabric: {name: switch,\n"
    "     nic_bandwidth: 160 Gbit/s, nic_latency: 0 s, switch_latency: 0 s}}\n";

static struct lh_sim_beside_result step_beside(double bytes, double cap)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_beside beside = {bytes, cap};
    struct lh_sim_beside_result r = {0};
    LH_REQUIRE(lh_scenario_read_text(&scenario, "t.yaml", two, strlen(two), ".",
                                     NULL, 0, &ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&topology, &scenario, &ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&program, &scenario, &ctx) == LH_OK);
    struct lh_sim_point point = {&scenario, &program, topology};
    LH_CHECK(lh_sim_beside(&r, &point, &beside, &ctx) == LH_OK);
    lh_topology_free(topology);
    lh_ctx_end(&ctx);
    return r;
}

/* 1 GB is through before gradients are sent. */
static void hides_beside_computing(void)
{
    struct lh_sim_beside_result r = step_beside(1e9, INFINITY);
    LH_CHECK_NEAR(r.step_time_s, 0.2, 1e-9);
    LH_CHECK_NEAR(r.bytes_per_s, 1e9 / 0.2, 1e-9);
}

/* Of 3 GB one is left when gradients are sent: the step is longer by what it
 * takes at 20 GB/s. */
static void costs_what_it_takes(void)
{
    struct lh_sim_beside_result r = step_beside(3e9, INFINITY);
    LH_CHECK_NEAR(r.step_time_s, 0.2 + 1e9 / 20e9, 1e-9);
    LH_CHECK_NEAR(r.bytes_per_s, 3e9 / 0.25, 1e-9);
}

/* All the time: gradients at half the rate; 2 GB alone, 2 GB beside them. */
static void shares_all_the_time(void)
{
    struct lh_sim_beside_result r = step_beside(INFINITY, INFINITY);
    LH_CHECK_NEAR(r.step_time_s, 0.3, 1e-9);
    LH_CHECK_NEAR(r.bytes_per_s, 4e9 / 0.3, 1e-6);
}

/* Behind a fibre that lets 5 GB/s pass gradients have 15. */
static void takes_no_more_than_its_cap(void)
{
    struct lh_sim_beside_result r = step_beside(INFINITY, 5e9);
    LH_CHECK_NEAR(r.step_time_s, 0.1 + 2.0 / 15, 1e-9);
    LH_CHECK_NEAR(r.bytes_per_s, 5e9, 1e-6);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"hides beside computing", hides_beside_computing},
        {"costs what it takes", costs_what_it_takes},
        {"shares all the time", shares_all_the_time},
        {"takes no more than its cap", takes_no_more_than_its_cap},
    };
    return lh_unit_run("beside", tests, LH_COUNT(tests));
}
