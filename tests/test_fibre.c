/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fibres (docs/model.md, "Fibres between sites", "Transport over fibre",
 * "Faults"): bandwidth and latency from their parts, RDMA and the library's
 * window, background over the day, cuts with and without another route, ducts,
 * and how many cuts part two sites.  What a cut costs is known by hand.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

#include "../sim/faults.h"
#include "../topologies/topology.h"

#define HEAD                                                                   \
    "longhaul: 1\nmodel: llama-3.1-8b\n"                                       \
    "training: {global_batch: 16, sequence_length: 2048}\n"                    \
    "plan: {overlap: {gradients: false}}\n"
#define SITE(name) "  - {name: " name ", gpus: 4, device: h100-sxm}\n"
#define TWO        "sites:\n" SITE("a") SITE("b")
#define THREE      "sites:\n" SITE("a") SITE("b") SITE("c")
/* The second one is longer, so that it is idle until the first is cut. */
#define BESIDE(bandwidth, duct)                                                \
    TWO "fibres:\n"                                                            \
        "  - {between: [a, b], length: 100 km, bandwidth: 100 Gbit/s, "        \
        "duct: river}\n"                                                       \
        "  - {between: [a, b], length: 101 km, bandwidth: " bandwidth          \
        ", duct: " duct "}\n"

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_trace trace;
    struct lh_result result;
};

static enum lh_status build(struct run *r, const char *text)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    enum lh_status st = lh_scenario_read_text(
        &r->scenario, "t.yaml", text, strlen(text), ".", NULL, 0, &r->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&r->topology, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_topology_check(r->topology, &r->ctx);
    if (st == LH_OK)
        st = lh_program_build(&r->program, &r->scenario, &r->ctx);
    return st;
}

static void build_it(struct run *r, const char *text)
{
    enum lh_status st = build(r, text);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&r->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
}

static void end(struct run *r)
{
    lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}

static void run_it(struct run *r, const char *text)
{
    build_it(r, text);
    struct lh_sim_point point = {&r->scenario, &r->program, r->topology};
    LH_REQUIRE(lh_sim_run(&r->trace, &point, &r->ctx) == LH_OK);
    LH_REQUIRE(
        lh_result_make(&r->result, &r->trace, &r->program, r->topology, &r->ctx)
        == LH_OK);
}

static double step_s(const char *text)
{
    struct run r;
    run_it(&r, text);
    double s = r.result.step_time_s;
    end(&r);
    return s;
}

static bool is_said(const struct run *r, const char *words)
{
    for (int i = 0; i < lh_diag_total(&r->ctx); i++) {
        if (strstr(lh_diag_at(&r->ctx, i)->text, words))
            return true;
    }
    return false;
}

static const struct lh__fibre *fibre(const struct run *r, int i)
{
    LH_REQUIRE(i < r->topology->wan.n_fibres);
    return &r->topology->wan.fibres[i];
}

/* ---- parts ----------------------------------------------------------------
 */

/* 2 x 64 x 400 Gbit/s x 0.95 = 48.64 Tbit/s = 6.08 TB/s. */
static void wavelengths_add_up(void)
{
    struct run r;
    build_it(&r, HEAD TWO "fibres: [{between: [a, b], length: 1000 km, "
                          "wavelengths: 64, pairs: 2}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->bytes_per_s[0], 6.08e12, 1e-12);
    end(&r);
    build_it(&r, HEAD TWO
             "fibres: [{between: [a, b], length: 1000 km, wavelengths: 10, "
             "rate: 100 Gbit/s, framing: 0.9, bandwidth: 1 Tbit/s}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->bytes_per_s[0], 125e9, 1e-15);
    LH_CHECK(is_said(&r, "900 Gbit/s"));
    end(&r);
    build_it(&r, HEAD TWO "fibres: [{between: [a, b], length: 1000 km, "
                          "pairs: 2}]\n");
    LH_CHECK(is_said(&r, "pairs has no effect because wavelengths is none"));
    end(&r);
}

/* 1,000 km in spans of 80: 13 spans, 14 amplifiers. */
static void amplifiers_and_transponders_add_up(void)
{
    struct run r;
    build_it(&r, HEAD TWO "fibres: [{between: [a, b], length: 1000 km, "
                          "amplifier_spacing: 80 km}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->latency_s, 4.9e-3 + 14 * 150e-9 + 20e-6, 1e-12);
    end(&r);
    build_it(&r, HEAD TWO
             "fibres: [{between: [a, b], length: 160 km, amplifier_spacing: "
             "80 km, amplifier_latency: 1 us, transponder_latency: 50 us}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->latency_s, 784e-6 + 3e-6 + 100e-6, 1e-12);
    end(&r);
    build_it(&r, HEAD TWO
             "fibres: [{between: [a, b], length: 160 km, amplifier_spacing: "
             "80 km, equipment_latency: 5 us}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->latency_s, 789e-6, 1e-12);
    LH_CHECK(is_said(&r, "because equipment_latency is given"));
    end(&r);
}

/* ---- transport ------------------------------------------------------------
 */

/* W = 50 GB/s x 10 ms / 4,096 B = 122,070.3125 packets. */
static void go_back_n_resends_its_window(void)
{
    struct lh__fibre f = {
        .transport = LH_TRANSPORT_RDMA,
        .tcp = {.streams = 1, .loss = 1e-4, .mtu_bytes = 4096}};
    const struct lh__trip trip = {0.01, 50e9, 0};
    double p = 1e-4, w = 122070.3125;
    LH_CHECK_NEAR(lh__transport_cap(&f, &trip),
                  50e9 * (1 - p) / (1 - p + p * w), 1e-12);
    f.tcp.streams = 4; /* each a quarter of the line */
    LH_CHECK_NEAR(lh__transport_cap(&f, &trip),
                  50e9 * (1 - p) / (1 - p + p * w / 4), 1e-12);
    f.tcp.loss = 0;
    LH_CHECK(isinf(lh__transport_cap(&f, &trip)));
}

static double cap_of(const char *transport)
{
    struct run r;
    struct lh_path path;
    struct lh_arena *arena = lh_arena_new();
    build_it(&r, lh_format(arena,
                           HEAD TWO "fibres: [{between: [a, b], length: 1000 "
                                    "km, transport: %s}]\n",
                           transport));
    lh_topology_path(&path, r.topology, 0, 4);
    double cap = path.cap_bytes_per_s * 2 * path.latency_s;
    end(&r);
    lh_arena_free(arena);
    return cap;
}

/* NCCL holds 2 channels of 4 MiB a network card in flight. */
static void the_library_has_a_window(void)
{
    LH_CHECK(isinf(cap_of("ideal")));
    LH_CHECK_NEAR(cap_of("rdma"), 8 * 1048576.0, 1e-12);
    LH_CHECK(isinf(cap_of("{kind: rdma, library_window: 0}")));
    LH_CHECK_NEAR(cap_of("{kind: rdma, library_window: 1 GiB}"), 1073741824.0,
                  1e-12);
    LH_CHECK_NEAR(cap_of("{kind: tcp}"), 64 * 1048576.0, 1e-12);
    LH_CHECK_NEAR(cap_of("{kind: tcp, library_window: 8 MiB}"), 8 * 1048576.0,
                  1e-12);
}

/* 4.92 ms there and as much back: 100 MB pass at 10.16 GB/s. */
static void short_buffers_pass_less(void)
{
    struct run r;
    build_it(&r, HEAD TWO
             "fibres: [{between: [a, b], length: 1000 km, bandwidth: 400 "
             "Gbit/s, transport: {kind: rdma, buffer: 100 MB}}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->bytes_per_s[0], 1e8 / 9.84e-3, 1e-12);
    LH_CHECK(is_said(&r, "needs buffers of 492 MB"));
    end(&r);
    build_it(&r, HEAD TWO
             "fibres: [{between: [a, b], length: 1000 km, bandwidth: 400 "
             "Gbit/s, transport: {kind: rdma, buffer: 500 MB}}]\n");
    LH_CHECK_NEAR(fibre(&r, 0)->bytes_per_s[0], 50e9, 1e-15);
    LH_CHECK(lh_diag_count(&r.ctx, LH_WARNING) == 0);
    end(&r);
}

/* ---- background -----------------------------------------------------------
 */

static double left_of(const char *time)
{
    struct run r;
    struct lh__faults f;
    struct lh_arena *arena = lh_arena_new();
    build_it(&r,
             lh_format(arena,
                       HEAD TWO "fibres: [{between: [a, b], length: 100 km, "
                                "bandwidth: 100 Gbit/s}]\n"
                                "background: [{between: [a, b], bandwidth: 80 "
                                "Gbit/s, day: [0.25, 0.5, 1, 0.75]}]\n%s",
                       time));
    struct lh_sim_point point = {&r.scenario, &r.program, r.topology};
    LH_REQUIRE(lh__faults_make(&f, &point, &r.ctx) == LH_OK);
    int32_t id = lh__faults_link(&f, lh_topology_first_fibre(r.topology));
    LH_REQUIRE(id >= 0 && f.schedules[id].n == 1);
    double left = f.schedules[id].changes[0].value * 8e-9;
    end(&r);
    lh_arena_free(arena);
    return left;
}

static void the_time_of_day_picks_the_level(void)
{
    LH_CHECK_NEAR(left_of(""), 100 - 80 * 0.625, 1e-12);
    LH_CHECK_NEAR(left_of("time_of_day: 0 h\n"), 80, 1e-12);
    LH_CHECK_NEAR(left_of("time_of_day: 11.9 h\n"), 60, 1e-12);
    LH_CHECK_NEAR(left_of("time_of_day: 12 h\n"), 20, 1e-12);
    LH_CHECK_NEAR(left_of("time_of_day: 24 h\n"), 80, 1e-12);
    struct run r;
    build_it(&r, HEAD "time_of_day: 3 h\n"
                      "sites: [{name: a, gpus: 8, device: h100-sxm}]\n");
    LH_CHECK(is_said(&r, "time_of_day has no effect"));
    end(&r);
}

/* ---- cuts ------------------------------------------------------------------
 */

/* The exchange of BESIDE, one flow over the first fibre; *exchange_end_s is its
 * end, and the result the step from rest without a cut. */
static double uncut_s(double *exchange_end_s)
{
    struct run r;
    run_it(&r,
           HEAD BESIDE("100 Gbit/s",
                       "road") "faults: [{rank: 0, slowdown: 1, at: 1 s}]\n");
    double begin_s = INFINITY, end_s = 0;
    for (int64_t i = 0; i < r.trace.n_records; i++) {
        int32_t g = r.trace.group[i];
        if (g < 0 || !r.trace.group_wan[g])
            continue;
        begin_s = fmin(begin_s, r.trace.start_s[i]);
        end_s = fmax(end_s, r.trace.end_s[i]);
    }
    LH_CHECK(begin_s < 0.8 && end_s > 2.5);
    *exchange_end_s = end_s;
    double s = r.result.step_time_s;
    end(&r);
    return s;
}

/* What is sent over the idle fibre loses the time to switch; over one of half
 * the bandwidth also half of the time that it is taken. */
static void a_cut_costs_the_switch_and_what_the_detour_lacks(void)
{
    double end_s = 0, s = uncut_s(&end_s);
#define CUT(more) "faults: [{duct: river, capacity: 0, at: 1 s" more "}]\n"
    LH_CHECK_NEAR(step_s(HEAD BESIDE("100 Gbit/s", "road")
                             CUT(", for: 1 s, reroute: true")),
                  s + 0.05, 1e-9);
    LH_CHECK_NEAR(step_s(HEAD BESIDE("100 Gbit/s", "road")
                             CUT(", reroute: true, switch_time: 0.3 s")),
                  s + 0.3, 1e-9);
    LH_CHECK_NEAR(step_s(HEAD BESIDE("50 Gbit/s", "road")
                             CUT(", for: 1 s, reroute: true")),
                  s + 0.05 + 0.95 / 2, 1e-9);
    /* Minutes: everything left goes the slow way, and twice as long. */
    LH_CHECK_NEAR(step_s(HEAD BESIDE("50 Gbit/s", "road")
                             CUT(", for: 10 min, reroute: true")),
                  s + 0.05 + (end_s - 1), 1e-9);
    LH_CHECK_NEAR(
        step_s(HEAD BESIDE("50 Gbit/s", "road") CUT(", reroute: true")),
        s + 0.05 + (end_s - 1), 1e-9);
    LH_CHECK_NEAR(step_s(HEAD BESIDE("50 Gbit/s", "road") CUT(", for: 3 min")),
                  s + 180, 1e-9);
    /* No other route, or none that is not cut as well: it waits. */
    LH_CHECK_NEAR(step_s(HEAD BESIDE("100 Gbit/s", "river")
                             CUT(", for: 1 s, reroute: true")),
                  s + 1, 1e-9);
    LH_CHECK_NEAR(step_s(HEAD BESIDE("100 Gbit/s", "road") CUT(", for: 1 s")),
                  s + 1, 1e-9);
    LH_CHECK_NEAR(step_s(HEAD BESIDE("100 Gbit/s", "road")
                             CUT(", for: 40 ms, reroute: true")),
                  s + 0.04, 1e-9);
}

static double carried(const struct run *r, const char *name)
{
    for (int i = 0; i < r->result.n_links; i++) {
        if (strcmp(r->result.links[i].name, name) == 0)
            return r->result.links[i].bytes;
    }
    return 0;
}

/* Every byte goes once: over the first fibre until 1 s and from 2 s on, over
 * the second in between, at 12.5 GB/s. */
static void what_is_sent_is_carried_once(void)
{
    struct run whole, cut;
    run_it(&whole, HEAD BESIDE("100 Gbit/s", "road"));
    run_it(&cut,
           HEAD BESIDE("100 Gbit/s", "road") CUT(", for: 1 s, reroute: true"));
    double all = carried(&whole, "fibre a->b");
    LH_CHECK_NEAR(carried(&cut, "fibre a->b #2"), 0.95 * 12.5e9, 1e-9);
    LH_CHECK_NEAR(carried(&cut, "fibre a->b") + carried(&cut, "fibre a->b #2"),
                  all, 1e-9);
    LH_CHECK_NEAR(carried(&cut, "fibre b->a") + carried(&cut, "fibre b->a #2"),
                  carried(&whole, "fibre b->a"), 1e-9);
    for (int i = 0; i < cut.result.n_links; i++)
        LH_CHECK(cut.result.links[i].busy_frac <= 1);
    end(&cut);
    end(&whole);
}

static void folded_is_unfolded(void)
{
    LH_CHECK_NEAR(step_s(HEAD BESIDE("50 Gbit/s", "road")
                             CUT(", for: 1 s, reroute: true")),
                  step_s(HEAD BESIDE("50 Gbit/s", "road") CUT(
                      ", for: 1 s, reroute: true") "engine: {fold: off}\n"),
                  1e-12);
}

#define TRIANGLE(ab, bc, ca)                                                   \
    THREE "fibres:\n"                                                          \
          "  - {between: [a, b], length: 100 km, duct: " ab "}\n"              \
          "  - {between: [b, c], length: 200 km, duct: " bc "}\n"              \
          "  - {between: [c, a], length: 300 km, duct: " ca "}\n"

/* A cut without date: as if the fibre were not there, and the step is the
 * steady one. */
static void a_cut_for_ever_is_no_fibre(void)
{
    struct run r;
    double without = step_s("longhaul: 1\nmodel: llama-3.1-8b\n" THREE
                            "fibres:\n  - {between: [b, c], length: 200 km}\n"
                            "  - {between: [c, a], length: 300 km}\n");
    run_it(
        &r,
        "longhaul: 1\nmodel: llama-3.1-8b\n" TRIANGLE(
            "x", "y",
            "z") "faults: [{between: [a, b], capacity: 0, reroute: true}]\n");
    LH_CHECK(r.result.steady);
    LH_CHECK_NEAR(r.result.step_time_s, without, 1e-12);
    end(&r);
    LH_CHECK(
        build(&r, "longhaul: 1\nmodel: llama-3.1-8b\n" TRIANGLE(
                      "x", "y",
                      "x") "faults: [{duct: x, capacity: 0, reroute: true}]\n")
        == LH_BAD_INPUT);
    LH_CHECK(is_said(&r, "no fibre joins site 'b' to site 'a'")
             || is_said(&r, "no fibre joins site 'c' to site 'a'"));
    end(&r);
}

/* ---- ducts ------------------------------------------------------------------
 */

/* Two equal fibres are a bundle also in two ducts, of which one keeps half. */
static void a_bundle_loses_the_cables_of_a_duct(void)
{
#define TWINS                                                                  \
    TWO "fibres:\n"                                                            \
        "  - {between: [a, b], length: 100 km, bandwidth: 50 Gbit/s, "         \
        "duct: river}\n"                                                       \
        "  - {between: [b, a], length: 100 km, bandwidth: 50 Gbit/s}\n"
    double half = step_s(HEAD TWO "fibres: [{between: [a, b], length: 100 km, "
                                  "bandwidth: 50 Gbit/s}]\n");
    struct run r;
    build_it(&r, HEAD TWINS);
    LH_CHECK(r.topology->wan.n_fibres == 1);
    LH_CHECK_NEAR(lh_topology_duct_left(r.topology,
                                        lh_topology_first_fibre(r.topology),
                                        "river", 0),
                  6.25e9, 1e-15);
    LH_CHECK(lh__cuts_to_part(r.topology, 0, 1) == 2);
    end(&r);
    LH_CHECK_NEAR(step_s(HEAD TWINS
                         "faults: [{duct: river, capacity: 0, reroute: "
                         "true}]\n"),
                  half, 1e-12);
    LH_CHECK(build(&r, HEAD TWINS "faults: [{duct: rivet, capacity: 0, for: 1 "
                                  "s}]\n")
             == LH_BAD_INPUT);
    LH_CHECK(is_said(&r, "did you mean 'river'?"));
    end(&r);
}

static int cuts(const char *text, int a, int b)
{
    struct run r;
    build_it(&r, text);
    int n = lh__cuts_to_part(r.topology, a, b);
    end(&r);
    return n;
}

/* b hangs on x and y; where x is also c - a, that of a and b is still two, but
 * x alone parts b where it has both of b's fibres. */
static void cuts_that_part_sites_are_counted(void)
{
#define MODEL "longhaul: 1\nmodel: llama-3.1-8b\n"
    LH_CHECK(cuts(MODEL TRIANGLE("x", "y", "z"), 0, 1) == 2);
    LH_CHECK(cuts(MODEL TRIANGLE("x", "y", "x"), 0, 1) == 1);
    LH_CHECK(cuts(MODEL TRIANGLE("x", "y", "x"), 1, 2) == 2);
    LH_CHECK(cuts(MODEL TRIANGLE("x", "x", "z"), 0, 1) == 1);
    LH_CHECK(cuts(MODEL TRIANGLE("x", "x", "z"), 0, 2) == 2);
    LH_CHECK(
        cuts(MODEL THREE "fibre_layout: {kind: mesh, length: 10 km}\n", 0, 2)
        == 2);
    LH_CHECK(
        cuts(MODEL THREE "fibre_layout: {kind: hub, length: 10 km}\n", 1, 2)
        == 1);
    /* Four cables in three ducts, two of them shared with b - c. */
    LH_CHECK(cuts(MODEL THREE "fibres:\n"
                              "  - {between: [a, b], length: 1 km, duct: u}\n"
                              "  - {between: [a, b], length: 2 km, duct: v}\n"
                              "  - {between: [a, b], length: 2 km, duct: w}\n"
                              "  - {between: [b, c], length: 1 km, duct: u}\n"
                              "  - {between: [b, c], length: 1 km, duct: v}\n",
                  0, 2)
             == 2);
}

static void reroutes_are_between_sites(void)
{
    struct run r;
    struct lh__faults f;
    build_it(&r, HEAD BESIDE("100 Gbit/s",
                             "road") "faults: [{link: 'a/node0/gpu1->leaf1', "
                                     "capacity: 0, at: 1 s, "
                                     "for: 1 s, reroute: true}]\n");
    struct lh_sim_point point = {&r.scenario, &r.program, r.topology};
    LH_CHECK(lh__faults_make(&f, &point, &r.ctx) == LH_BAD_INPUT);
    LH_CHECK(is_said(&r, "no fibre between sites"));
    end(&r);
    build_it(&r, HEAD BESIDE("100 Gbit/s",
                             "road") "faults: [{duct: river, capacity: 1 "
                                     "Gbit/s, reroute: true}]\n");
    LH_CHECK(is_said(&r, "reroute has no effect because capacity is 1 Gbit/s"));
    end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"wavelengths add up", wavelengths_add_up},
        {"amplifiers and transponders add up",
         amplifiers_and_transponders_add_up},
        {"go-back-N resends its window", go_back_n_resends_its_window},
        {"the library has a window", the_library_has_a_window},
        {"short buffers pass less", short_buffers_pass_less},
        {"the time of day picks the level", the_time_of_day_picks_the_level},
        {"a cut costs the switch and what the detour lacks",
         a_cut_costs_the_switch_and_what_the_detour_lacks},
        {"what is sent is carried once", what_is_sent_is_carried_once},
        {"folded is unfolded", folded_is_unfolded},
        {"a cut for ever is no fibre", a_cut_for_ever_is_no_fibre},
        {"a bundle loses the cables of a duct",
         a_bundle_loses_the_cables_of_a_duct},
        {"cuts that part sites are counted", cuts_that_part_sites_are_counted},
        {"reroutes are between sites", reroutes_are_between_sites},
    };
    return lh_unit_run("fibre", tests, LH_COUNT(tests));
}
