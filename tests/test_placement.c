/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sites of unequal speed (docs/model.md, "Sites that differ"): which waits for
 * which and how long, and batches in proportion to speed, by hand.  One
 * accelerator a site; T_d(m) is the step of one on device d alone with m
 * micro-batches, t_d what one more takes.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"
#include "whole_run.h"

#define MODEL(batch, more)                                                     \
    "longhaul: 1\nmodel: mpt-125m\n"                                           \
    "training: {global_batch: " batch ", sequence_length: 2048, stack: "       \
    "cuda-graphs}\nplan: {overlap: {gradients: false}" more "}\n"
#define SITE(name, n, device)                                                  \
    "  - {name: " name ", gpus: " n ", device: " device ", fabric: switch}\n"
#define H100         "h100-sxm"
#define A100         "a100-sxm"
#define FIBRE        "fibre_layout: {kind: ring, length: 100 km}\n"
#define TWO          "sites:\n" SITE("new", "1", H100) SITE("old", "1", A100) FIBRE
#define PROPORTIONAL "placement: {replica_batch: proportional}\n"

static void begin(struct whole_run *r, const char *text)
{
    whole_run_begin(r, text, NULL, 0);
}

/* What a rank on a device of the program computes in a step. */
static double computing_s(const struct whole_run *r, int device)
{
    const struct lh_template *t = &r->program.templates[device];
    double sum_s = 0;
    for (int32_t o = 0; o < t->n_ops; o++)
        sum_s += t->ops[o].kind == LH_OP_COMPUTE ? t->ops[o].seconds : 0;
    return sum_s;
}

static double alone_s(const char *device, int micro_batches)
{
    struct whole_run r;
    char text[512];
    snprintf(text, sizeof text,
             "longhaul: 1\nmodel: mpt-125m\n"
             "training: {global_batch: %d, sequence_length: 2048, stack: "
             "cuda-graphs}\nplan: {overlap: {gradients: false}}\n"
             "sites: [{name: a, gpus: 1, device: %s, fabric: switch}]\n",
             micro_batches, device);
    begin(&r, text);
    double s = r.result.step_time_s;
    whole_run_end(&r);
    return s;
}

static double step_s(const char *text)
{
    struct whole_run r;
    begin(&r, text);
    double s = r.result.step_time_s;
    whole_run_end(&r);
    return s;
}

/* ---- who waits for whom -------------------------------------------------- */

static void the_faster_site_waits_for_the_slower(void)
{
    struct whole_run r;
    begin(&r, MODEL("64", "") TWO);
    const struct lh_site_time *site = r.result.sites;
    double late_s = computing_s(&r, 1) - computing_s(&r, 0);
    LH_REQUIRE(r.result.n_sites == 2 && late_s > 0.01);
    LH_CHECK(site[0].waits_for == 1 && site[1].waits_for == -1);
    LH_CHECK_NEAR(site[0].wait_s, late_s, 1e-9);
    LH_CHECK(site[1].wait_s == 0);
    LH_CHECK(site[0].ranks == 1 && site[1].ranks == 1);
    LH_CHECK(site[0].busy_s < site[1].busy_s);
    /* Both are busy, in flight between sites, or wait; mean over ranks. */
    LH_CHECK_NEAR((site[0].busy_s + site[1].busy_s) / 2,
                  r.result.breakdown_s[LH_COMPUTE]
                      + r.result.breakdown_s[LH_RECOMPUTE]
                      + r.result.breakdown_s[LH_OPTIMIZER],
                  1e-12);
    LH_CHECK_NEAR((site[0].wan_s + site[1].wan_s) / 2,
                  r.result.breakdown_s[LH_WAN_COMM], 1e-12);
    whole_run_end(&r);
}

/* Of a cycle of ten, the mean step. */
static void islands_wait_once_a_cycle(void)
{
    struct whole_run r;
    begin(&r, MODEL("64", "") TWO "sync: {kind: local-sgd, every: 10}\n");
    double late_s = 0;
    for (int d = 0; d < 2; d++) {
        const struct lh_template *t = &r.program.templates[d];
        for (int32_t o = 0; o < t->n_ops; o++) {
            if (t->ops[o].kind == LH_OP_COMPUTE)
                late_s += (d == 0 ? -1 : 1) * t->ops[o].seconds
                          * (t->ops[o].turn > 0 ? 1 : 10);
        }
    }
    LH_CHECK(r.result.sites[0].waits_for == 1);
    LH_CHECK_NEAR(r.result.sites[0].wait_s, late_s / 10, 1e-9);
    whole_run_end(&r);
}

static void equal_sites_wait_for_none(void)
{
    struct whole_run r;
    begin(&r, MODEL("96", "") "sites:\n" SITE("a", "4", H100)
                  SITE("b", "4", H100) SITE("c", "4", H100) SITE("d", "4", H100)
                      FIBRE "sync: {kind: diloco, every: 10}\n");
    for (int i = 0; i < r.result.n_sites; i++) {
        LH_CHECK(r.result.sites[i].waits_for == -1);
        LH_CHECK(r.result.sites[i].ranks == 4);
    }
    whole_run_end(&r);
}

/* Two fast sites, twins, wait for the slow one, each as long. */
static void twins_wait_alike(void)
{
    struct whole_run r;
    begin(&r, MODEL("96", "") "sites:\n" SITE("a", "1", H100)
                  SITE("b", "1", A100) SITE("c", "1", H100) FIBRE);
    const struct lh_site_time *site = r.result.sites;
    LH_REQUIRE(r.trace.class_twin != NULL);
    LH_CHECK(site[0].waits_for == 1 && site[2].waits_for == 1);
    LH_CHECK(site[1].waits_for == -1);
    LH_CHECK_NEAR(site[0].wait_s, site[2].wait_s, 0);
    LH_CHECK_NEAR(site[0].wait_s, computing_s(&r, 1) - computing_s(&r, 0),
                  1e-9);
    whole_run_end(&r);
}

/* ---- batches in proportion ----------------------------------------------- */

/* 64 micro-batches: no other split has a shorter slowest site. */
static void portions_are_the_best_whole_ones(void)
{
    struct whole_run r;
    begin(&r, MODEL("64", "") TWO PROPORTIONAL);
    const int64_t *m = r.program.device_batches;
    double t[2] = {alone_s(H100, 9) - alone_s(H100, 8),
                   alone_s(A100, 9) - alone_s(A100, 8)};
    LH_REQUIRE(m != NULL);
    double here_s = fmax((double)m[0] * t[0], (double)m[1] * t[1]);
    LH_CHECK(m[0] + m[1] == 64);
    LH_CHECK(m[0] > m[1]);
    for (int k = 1; k < 64; k++)
        LH_CHECK(fmax(k * t[0], (64 - k) * t[1]) >= here_s * (1 - 1e-9));
    LH_CHECK(r.program.tokens == 64 * 2048);
    whole_run_end(&r);
}

/* Of islands a step more is the slower one's own step on its portion. */
static void a_step_is_the_slower_ones_on_its_portion(void)
{
    struct whole_run r;
    begin(&r, MODEL("64", "") TWO PROPORTIONAL);
    double slower_s = fmax(alone_s(H100, (int)r.program.device_batches[0]),
                           alone_s(A100, (int)r.program.device_batches[1]));
    whole_run_end(&r);
#define EVERY(n) "sync: {kind: diloco, every: " n "}\n"
    double one_s = step_s(MODEL("64", "") TWO PROPORTIONAL EVERY("1"));
    double hundred_s = step_s(MODEL("64", "") TWO PROPORTIONAL EVERY("100"));
    LH_CHECK_NEAR(100 * hundred_s - one_s, 99 * slower_s, 1e-9);
    double equal_s = step_s(MODEL("64", "") TWO EVERY("100"));
    LH_CHECK(hundred_s < equal_s);
    LH_CHECK_NEAR(100 * equal_s - step_s(MODEL("64", "") TWO EVERY("1")),
                  99 * alone_s(A100, 32), 1e-9);
}

/* Three replicas on one device and one on the other: R_d m_d are all. */
static void unequal_sites_share_all_of_the_batch(void)
{
    struct whole_run r;
    begin(&r, MODEL("64", "") "sites:\n" SITE("new", "1", H100)
                  SITE("old", "3", A100) FIBRE PROPORTIONAL);
    const int64_t *m = r.program.device_batches;
    LH_REQUIRE(m != NULL);
    LH_CHECK(m[0] + 3 * m[1] == 64);
    LH_CHECK(m[0] > 16 && m[1] < 16);
    whole_run_end(&r);
}

/* Pipelines of two stages with tensor parallelism: rows within a replica are a
 * device's own, those between replicas are shared, in all schedules. */
static void pipelines_have_portions(void)
{
    static const char *const plans[] = {
        ", tensor: 2, pipeline: 2, schedule: gpipe",
        ", tensor: 2, pipeline: 2, schedule: 1f1b, zero: 1",
        ", tensor: 2, pipeline: 2, schedule: interleaved, interleave: 2",
        ", tensor: 2, pipeline: 2, schedule: zero-bubble"};
    for (size_t i = 0; i < LH_COUNT(plans); i++) {
        static const char sites[] =
            "sites:\n" SITE("new", "4", H100) SITE("old", "8", A100) FIBRE;
        struct whole_run equal, r;
        char text[2048];
        int n = snprintf(text, sizeof text,
                         "longhaul: 1\nmodel: mpt-125m\n"
                         "training: {global_batch: 72, sequence_length: 2048}\n"
                         "plan: {overlap: {gradients: false}%s}\n%s",
                         plans[i], sites);
        begin(&equal, text);
        snprintf(text + n, sizeof text - (size_t)n, PROPORTIONAL);
        begin(&r, text);
        const int64_t *m = r.program.device_batches;
        LH_REQUIRE(m != NULL);
        LH_CHECK(m[0] + 2 * m[1] == 72 && m[0] > m[1]);
        LH_CHECK(r.result.bound.compute_s < equal.result.bound.compute_s);
        whole_run_end(&equal);
        whole_run_end(&r);
    }
}

static void without_proportion_all_are_alike(void)
{
    struct whole_run r;
    begin(&r, MODEL("64", "") TWO);
    LH_CHECK(r.program.device_batches == NULL);
    whole_run_end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"the faster site waits for the slower",
         the_faster_site_waits_for_the_slower},
        {"islands wait once a cycle", islands_wait_once_a_cycle},
        {"equal sites wait for none", equal_sites_wait_for_none},
        {"twins wait alike", twins_wait_alike},
        {"portions are the best whole ones", portions_are_the_best_whole_ones},
        {"a step is the slower one's on its portion",
         a_step_is_the_slower_ones_on_its_portion},
        {"unequal sites share all of the batch",
         unequal_sites_share_all_of_the_batch},
        {"pipelines have portions", pipelines_have_portions},
        {"without proportion all are alike", without_proportion_all_are_alike},
    };
    return lh_unit_run("placement", tests, LH_COUNT(tests));
}
