/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a cut in mid-step, an outage of minutes and a slow site cost a program
 * that agrees in every step, with DiLoCo or Streaming DiLoCo, by hand; that
 * every byte arrives once and every optimiser step is made (docs/model.md,
 * "Faults", "Islands").  One accelerator a site, 1 Gbit/s between them:
 *
 *   T   a step of one site alone, all of it computing
 *   C   S / B + latency: what the fibre takes of S bytes
 *   D   the outage, inside the transfer
 *
 *   every step          T + C          cut: + D
 *   DiLoCo, H steps     H T + K + C    cut: + D
 *   streaming           the transfer of a fragment has until its merge, tau
 *                       steps later: a cut costs max(0, C + D - tau T)
 *   slow site, x        of T and K (memory) x - 1 more in every step
 *
 * Neighbour tests: tests/test_faults.c (schedules, links, stragglers),
 * tests/test_fibre.c (reroute), tests/test_sync.c (cycles without faults).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"
#include "whole_run.h"

#define MODEL                                                                  \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: 64, sequence_length: 2048, stack: "              \
    "cuda-graphs}\nplan: {overlap: {gradients: false}}\n"
#define SITES                                                                  \
    "sites:\n  - {name: a, gpus: 1, device: h100-sxm, fabric: switch}\n"       \
    "  - {name: b, gpus: 1, device: h100-sxm, fabric: switch}\n"
#define FIBRE(gbit)                                                            \
    "fibres: [{between: [a, b], length: 100 km, bandwidth: " gbit " Gbit/"     \
    "s}]\n"
#define IN_VAIN "faults: [{rank: 0, slowdown: 1, at: 1 ms}]\n"

enum { EVERY = 8 };

/* Payload of `bits` a parameter, in 4 fragments, merged a step later. */
static const char every_step[] = MODEL SITES FIBRE("1");
static const char diloco[] =
    MODEL SITES FIBRE("1") "sync: {kind: diloco, every: 8}\n";
static const char streaming[] = MODEL SITES FIBRE(
    "40") "sync: {kind: streaming-diloco, every: 8, fragments: 4, overlap: 1}"
          "\n";

struct run {
    struct whole_run of;
    double total_s; /* of the step, or of all of the cycle */
};

static void begin(struct run *r, const char *text, const char *faults)
{
    char all[4096];
    snprintf(all, sizeof all, "%s%s", text, faults);
    whole_run_begin(&r->of, all, NULL, 0);
    r->total_s =
        r->of.result.step_time_s * (double)lh_cycle_steps(&r->of.program);
}

static void end(struct run *r)
{
    whole_run_end(&r->of);
}

/* T, of 32 sequences; and the time of all runs of ops of a task of rank 0. */
static double alone_s(void)
{
    struct run r;
    begin(&r,
          "longhaul: 1\nmodel: mpt-125m\n"
          "training: {global_batch: 32, sequence_length: 2048, stack: "
          "cuda-graphs}\n"
          "sites: [{name: a, gpus: 1, device: h100-sxm, fabric: switch}]\n",
          "");
    double s = r.total_s;
    end(&r);
    return s;
}

static const struct lh_op *op_at(const struct run *r, int64_t record,
                                 int32_t *class)
{
    int32_t c = 0;
    while (r->of.trace.class_first[c + 1] <= record)
        c++;
    *class = c;
    return &r->of.program.templates[r->of.trace.class_template[c]]
                .ops[record - r->of.trace.class_first[c]];
}

/* Optimiser steps made by all ranks in the step or the cycle. */
static int64_t optimizer_steps(const struct run *r)
{
    int64_t n = 0;
    for (int32_t i = 0; i < lh_trace_steps(&r->of.trace); i++) {
        for (int64_t k = 0; k < r->of.trace.n_records; k++) {
            int32_t c = 0;
            const struct lh_op *op = op_at(r, k, &c);
            if (op->task == LH_TASK_OPTIMIZER && op->kind == LH_OP_COMPUTE
                && r->of.trace.start_s[i * r->of.trace.n_records + k] >= 0)
                n += r->of.trace.class_size[c]
                     * (r->of.trace.step_repeats
                            ? 1 + r->of.trace.step_repeats[i]
                            : 1);
        }
    }
    return n;
}

/* Start and end of the k-th transfer over the fibre, counted from 0. */
static void transfer(const struct run *r, int k, double *start_s, double *end_s)
{
    for (int32_t i = 0; i < lh_trace_steps(&r->of.trace); i++) {
        for (int64_t m = 0; m < r->of.trace.class_first[1]; m++) {
            int64_t record = i * r->of.trace.n_records + m;
            int32_t g = r->of.trace.group[m];
            if (g < 0 || !r->of.trace.group_wan[g]
                || r->of.program.comms[r->of.trace.group_comm[g]].bytes < 1e6
                || r->of.trace.start_s[record] < 0 || k-- > 0)
                continue;
            *start_s = r->of.trace.start_s[record];
            *end_s = r->of.trace.end_s[record];
            return;
        }
    }
    LH_REQUIRE(false);
}

static double bytes_on(const struct run *r, const char *link)
{
    for (int i = 0; i < r->of.result.n_links; i++) {
        if (strcmp(r->of.result.links[i].name, link) == 0)
            return r->of.result.links[i].bytes
                   * (double)lh_cycle_steps(&r->of.program);
    }
    return NAN;
}

/* Against the run without the faults: so much longer, the same bytes each way
 * over the fibre and so many of them, as many optimiser steps. */
static void check_delay(const char *text, const char *faults, double delay_s,
                        double bytes_a_parameter)
{
    struct run healthy, r;
    begin(&healthy, text, IN_VAIN);
    begin(&r, text, faults);
    double bytes = bytes_a_parameter * (double)r.of.scenario.model.parameters;
    LH_CHECK(fabs(r.total_s - healthy.total_s - delay_s) <= 1e-6);
    LH_CHECK_NEAR(bytes_on(&r, "fibre a->b"), bytes, 1e-9);
    LH_CHECK_NEAR(bytes_on(&r, "fibre b->a"), bytes, 1e-9);
    LH_CHECK(optimizer_steps(&r) == optimizer_steps(&healthy));
    LH_CHECK(optimizer_steps(&r) == 2 * lh_cycle_steps(&r.of.program));
    end(&r);
    end(&healthy);
}

static const char *outage(char *text, size_t n, double at_s, double for_s)
{
    snprintf(text, n,
             "faults: [{between: [a, b], capacity: 0, at: %.17g s, for: %.17g "
             "s}]\n",
             at_s, for_s);
    return text;
}

/* The middle of the k-th transfer, without faults. */
static double middle_s(const char *text, int k)
{
    struct run r;
    double start_s = 0, end_s = 0;
    begin(&r, text, IN_VAIN);
    transfer(&r, k, &start_s, &end_s);
    end(&r);
    return (start_s + end_s) / 2;
}

/* ---- tests --------------------------------------------------------------- */

/* What the others refer to: fp32 both, 4 bytes a parameter each way. */
static void without_faults_the_closed_forms_hold(void)
{
    double start_s = 0, end_s = 0, t = alone_s();
    struct run r;
    begin(&r, every_step, IN_VAIN);
    transfer(&r, 0, &start_s, &end_s);
    double c = 4 * (double)r.of.scenario.model.parameters / (1e9 / 8);
    LH_CHECK(end_s - start_s > c && end_s - start_s < c + 0.01);
    /* The sum of squares of the gradients goes both ways as well. */
    LH_CHECK(r.total_s - t - (end_s - start_s) < 0.01);
    end(&r);
    begin(&r, diloco, IN_VAIN);
    LH_CHECK(optimizer_steps(&r) == 2 * EVERY);
    transfer(&r, 0, &start_s, &end_s);
    LH_CHECK(end_s - start_s > c && end_s - start_s < c + 0.01);
    LH_CHECK(start_s >= EVERY * t && start_s < EVERY * t + 0.01);
    LH_CHECK(r.total_s - end_s > 0 && r.total_s - end_s < 0.01);
    end(&r);
}

static void a_cut_in_mid_step_costs_its_length(void)
{
    char text[256];
    double mid_s = middle_s(every_step, 0);
    check_delay(every_step, outage(text, sizeof text, mid_s, 2), 2, 4);
    mid_s = middle_s(diloco, 0);
    check_delay(diloco, outage(text, sizeof text, mid_s, 2), 2, 4);
}

static void so_does_an_outage_of_minutes(void)
{
    char text[256];
    double mid_s = middle_s(every_step, 0);
    check_delay(every_step, outage(text, sizeof text, mid_s, 300), 300, 4);
    mid_s = middle_s(diloco, 0);
    check_delay(diloco, outage(text, sizeof text, mid_s, 300), 300, 4);
}

/* While all compute nobody misses the fibre: seven of eight steps of DiLoCo. */
static void an_outage_while_all_compute_costs_nothing(void)
{
    char text[256];
    double t = alone_s();
    check_delay(every_step, outage(text, sizeof text, 0.1 * t, 0.8 * t), 0, 4);
    check_delay(diloco, outage(text, sizeof text, 0.5 * t, 7 * t), 0, 4);
}

/* From the end of a fragment's transfer to its merge there is T - C to spare:
 * it is sent at the end of step 2, and merged behind the optimiser of step 3,
 * in which nothing else is sent. */
static void streaming_hides_what_its_overlap_bears(void)
{
    char text[256];
    double start_s = 0, end_s = 0, t = alone_s();
    struct run r;
    begin(&r, streaming, IN_VAIN);
    transfer(&r, 0, &start_s, &end_s);
    end(&r);
    double mid_s = (start_s + end_s) / 2, spare_s = t - (end_s - start_s);
    LH_REQUIRE(spare_s > 0.1);
    check_delay(streaming, outage(text, sizeof text, mid_s, spare_s / 2), 0, 4);
    check_delay(streaming, outage(text, sizeof text, mid_s, spare_s - 1e-3), 0,
                4);
    check_delay(streaming, outage(text, sizeof text, mid_s, spare_s + 2), 2, 4);
    check_delay(streaming, outage(text, sizeof text, mid_s, 300), 300 - spare_s,
                4);
}

/* What a rank computes in the step, or in all of the cycle: H T + K. */
static double computing_s(const char *text)
{
    struct run r;
    double sum_s = 0;
    begin(&r, text, IN_VAIN);
    const struct lh_template *t = &r.of.program.templates[0];
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].kind == LH_OP_COMPUTE)
            sum_s +=
                t->ops[o].seconds
                * (t->ops[o].turn > 0 ? 1.0
                                      : (double)lh_cycle_steps(&r.of.program));
    }
    end(&r);
    return sum_s;
}

/* Computing of site b takes 1.5 times as long, all of the step or cycle; the
 * fibre no longer than before. */
static void a_slow_site_costs_its_extra_computing(void)
{
    static const char *const texts[] = {every_step, diloco, streaming};
    for (size_t i = 0; i < LH_COUNT(texts); i++)
        check_delay(texts[i],
                    "faults: [{rank: 1, slowdown: 1.5, at: 0 s, for: 1 h}]\n",
                    0.5 * computing_s(texts[i]), 4);
}

/* The same in the steady step, where nothing has a date. */
static void a_site_that_is_always_slow_costs_the_same(void)
{
    struct run healthy, r;
    begin(&healthy, diloco, "");
    begin(&r, diloco, "faults: [{site: b, slowdown: 1.5}]\n");
    LH_CHECK(r.of.result.steady && healthy.of.result.steady);
    LH_CHECK(fabs(r.total_s - healthy.total_s - 0.5 * computing_s(diloco))
             <= 1e-6);
    LH_CHECK(optimizer_steps(&r) == 2 * EVERY);
    LH_CHECK_NEAR(bytes_on(&r, "fibre a->b"), bytes_on(&r, "fibre b->a"),
                  1e-12);
    end(&r);
    end(&healthy);
}

/* For 3 s at a third of its speed: 2 s of work are missing. */
static void a_site_that_is_slow_for_a_while_costs_what_it_misses(void)
{
    static const char slow[] =
        "faults: [{site: b, slowdown: 3, at: 0.05 s, for: 3 s}]\n";
    LH_REQUIRE(alone_s() > 0.06);
    check_delay(diloco, slow, 2, 4);
    check_delay(streaming, slow, 2, 4);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"without faults the closed forms hold",
         without_faults_the_closed_forms_hold},
        {"a cut in mid-step costs its length",
         a_cut_in_mid_step_costs_its_length},
        {"so does an outage of minutes", so_does_an_outage_of_minutes},
        {"an outage while all compute costs nothing",
         an_outage_while_all_compute_costs_nothing},
        {"streaming hides what its overlap bears",
         streaming_hides_what_its_overlap_bears},
        {"a slow site costs its extra computing",
         a_slow_site_costs_its_extra_computing},
        {"a site that is always slow costs the same",
         a_site_that_is_always_slow_costs_the_same},
        {"a site that is slow for a while costs what it misses",
         a_site_that_is_slow_for_a_while_costs_what_it_misses},
    };
    return lh_unit_run("outages", tests, LH_COUNT(tests));
}
