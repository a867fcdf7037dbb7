/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Transport over fibre: the rate that windows and losses leave, on paths, and
 * what it does to transfers and collectives.
 */
#include <math.h>
#include <string.h>

#include <longhaul/trace.h>

#include "unit.h"

#include "../topologies/topology.h"

/* ---- two sites and a fibre ----------------------------------------------- */

enum { GPUS = 8 }; /* a site */

struct world {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_topology *t;
};

static void world_read(struct world *w, const char *sites, const char *fibres)
{
    w->ctx = lh_ctx_begin();
    char *text = lh_format(w->ctx.arena,
                           "longhaul: 1\nmodel: llama-3.1-8b\nsites:\n%s%s\n",
                           sites, fibres);
    LH_REQUIRE(lh_scenario_read_text(&w->scenario, "t.yaml", text, strlen(text),
                                     ".", NULL, 0, &w->ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&w->t, &w->scenario, &w->ctx) == LH_OK);
}

/* 8 accelerators a site on switches with NICs of 50 GB/s, 10,000 km of fibre of
 * 400 Gbit/s = 50 GB/s. */
static void far_apart(struct world *w, const char *transport)
{
    struct lh_arena *arena = lh_arena_new();
    world_read(w,
               "  - {name: a, gpus: 8, device: h100-sxm, "
               "fabric: {name: switch}}\n"
               "  - {name: b, gpus: 8, device: h100-sxm, "
               "fabric: {name: switch}}\n",
               lh_format(arena,
                         "fibres:\n  - {between: [a, b], length: 10000 km, "
                         "bandwidth: 400 Gbit/s, transport: %s}",
                         transport));
    lh_arena_free(arena);
}

static void world_end(struct world *w)
{
    lh_topology_free(w->t);
    lh_ctx_end(&w->ctx);
}

static struct lh_path path_of(const struct world *w, int64_t from, int64_t to)
{
    struct lh_path path;
    lh_topology_path(&path, w->t, from, to);
    return path;
}

static const double window_bytes = 64 * 1048576.0;

/* ---- the formula --------------------------------------------------------- */

static double cap(struct lh_tcp tcp, double rtt_s)
{
    struct lh__fibre f = {.transport = LH_TRANSPORT_TCP, .tcp = tcp};
    const struct lh__trip trip = {rtt_s, INFINITY, 0};
    return lh__transport_cap(&f, &trip);
}

/* By hand, with MSS 1460: window / RTT; 1.054 x 1460 / (0.1^0.25 x
 * 10^-4.5) where CUBIC is faster; 1460 / 0.001 x sqrt(1500) where Reno is. */
static void windows_and_losses_limit(void)
{
    struct lh_tcp tcp = {1, 1e6, 0, 1500, 0, 0};
    LH_CHECK_NEAR(cap(tcp, 0.1), 1e7, 1e-15);
    tcp.streams = 16;
    LH_CHECK_NEAR(cap(tcp, 0.1), 16e7, 1e-15);
    tcp = (struct lh_tcp){1, 1e12, 1e-6, 1500, 0, 0};
    LH_CHECK_NEAR(cap(tcp, 0.1), 86535332.4855917, 1e-6);
    tcp.streams = 3;
    LH_CHECK_NEAR(cap(tcp, 0.1), 3 * 86535332.4855917, 1e-6);
    tcp = (struct lh_tcp){1, 1e12, 1e-3, 1500, 0, 0};
    LH_CHECK_NEAR(cap(tcp, 1e-3), 1460e3 * 38.7298334620742, 1e-14);
    tcp.window_bytes = 1e4;
    LH_CHECK_NEAR(cap(tcp, 1e-3), 1e7, 1e-15);
}

static void longer_packets_lose_less(void)
{
    struct lh_tcp tcp = {1, 1e12, 1e-6, 1500, 0, 0}, jumbo = tcp;
    jumbo.mtu_bytes = 9000;
    LH_CHECK_NEAR(cap(jumbo, 0.1) / cap(tcp, 0.1), 8960.0 / 1460.0, 1e-14);
}

/* ---- paths --------------------------------------------------------------- */

static void only_paths_between_sites_are_capped(void)
{
    struct world w;
    far_apart(&w, "{kind: tcp}");
    struct lh_path inside = path_of(&w, 0, 1), across = path_of(&w, 0, GPUS);
    LH_CHECK(isinf(inside.cap_bytes_per_s));
    LH_CHECK_NEAR(across.cap_bytes_per_s, window_bytes / (2 * across.latency_s),
                  1e-15);
    LH_CHECK_NEAR(across.latency_s, 0.049 + 20e-6, 1e-3);
    world_end(&w);
    far_apart(&w, "ideal");
    LH_CHECK(isinf(path_of(&w, 0, GPUS).cap_bytes_per_s));
    world_end(&w);
}

static const char *const three_sites =
    "  - {name: a, gpus: 8, device: h100-sxm, fabric: {name: switch}}\n"
    "  - {name: b, gpus: 8, device: h100-sxm, fabric: {name: switch}}\n"
    "  - {name: c, gpus: 8, device: h100-sxm, fabric: {name: switch}}\n";

/* a - b - c: the round trip is that of the whole path, the least cap holds,
 * and an ideal fibre has none. */
static void the_least_of_several_fibres_holds(void)
{
    struct world w;
    world_read(&w, three_sites,
               "fibres:\n"
               "  - {between: [a, b], length: 100 km, transport: "
               "{kind: tcp, streams: 3, window: 2 MiB}}\n"
               "  - {between: [b, c], length: 900 km, transport: "
               "{kind: tcp, window: 4 MiB}}\n");
    struct lh_path ab = path_of(&w, 0, GPUS), ac = path_of(&w, 0, 2 * GPUS);
    LH_CHECK_NEAR(ab.cap_bytes_per_s, 6 * 1048576 / (2 * ab.latency_s), 1e-15);
    LH_CHECK_NEAR(ac.cap_bytes_per_s, 4 * 1048576 / (2 * ac.latency_s), 1e-15);
    world_end(&w);
}

static void a_layout_has_a_transport(void)
{
    struct world w;
    world_read(&w, three_sites,
               "fibre_layout: {kind: ring, length: 500 km, transport: "
               "{kind: tcp, window: 1 MiB}}\n");
    for (int s = 1; s < 3; s++) {
        struct lh_path path = path_of(&w, 0, s * GPUS);
        LH_CHECK_NEAR(path.cap_bytes_per_s, 1048576 / (2 * path.latency_s),
                      1e-15);
    }
    world_end(&w);
}

/* Parallel fibres that only their windows tell apart are no bundle. */
static void unequal_windows_are_no_bundle(void)
{
    struct world w;
    world_read(&w, three_sites,
               "fibres:\n"
               "  - {between: [a, b], length: 10 km, transport: "
               "{kind: tcp, window: 1 MiB}}\n"
               "  - {between: [a, b], length: 10 km, transport: "
               "{kind: tcp, window: 2 MiB}}\n"
               "  - {between: [a, b], length: 10 km, transport: "
               "{kind: tcp, window: 2 MiB}}\n"
               "  - {between: [b, c], length: 10 km}\n");
    LH_CHECK(w.t->wan.n_fibres == 3);
    LH_CHECK(w.t->wan.fibres[1].n_cables == 2);
    world_end(&w);
}

/* ---- transfers ----------------------------------------------------------- */

static double time_of(struct world *w, struct lh_collective_case c)
{
    double end_s = NAN;
    LH_REQUIRE(lh_sim_collective(&end_s, &c, w->t, &w->ctx) == LH_OK);
    return end_s;
}

static struct lh_collective_case send_of(const int64_t *pair, double bytes,
                                         enum lh_collectives mode)
{
    return (struct lh_collective_case){.collective = LH_SEND,
                                       .algorithm = "auto",
                                       .n = 2,
                                       .accelerators = pair,
                                       .bytes = bytes,
                                       .mode = mode};
}

/* 1 stream of 64 MiB over 10,000 km: 0.68 of 50 GB/s; 1 GiB takes 1.57 s, not
 * 0.02 s.  Coupled and as a message. */
static void a_transfer_runs_at_window_over_rtt(void)
{
    static const int64_t pair[] = {0, GPUS};
    const double bytes = 1073741824.0;
    struct world w;
    far_apart(&w, "{kind: tcp, streams: 1, window: 64 MiB}");
    double latency_s = path_of(&w, 0, GPUS).latency_s;
    double expected_s = latency_s + bytes / (window_bytes / (2 * latency_s));
    LH_CHECK_NEAR(expected_s, 1.62, 0.01);
    LH_CHECK_NEAR(time_of(&w, send_of(pair, bytes, LH_COUPLED)), expected_s,
                  1e-12);
    LH_CHECK_NEAR(time_of(&w, send_of(pair, bytes, LH_MESSAGES)), expected_s,
                  1e-12);
    world_end(&w);
}

/* Where the share of the fibre is less than the windows allow, they do not
 * show. */
static void wide_windows_do_not_show(void)
{
    static const int64_t pair[] = {0, GPUS};
    struct world w;
    far_apart(&w, "{kind: tcp, streams: 1000, window: 64 MiB}");
    double latency_s = path_of(&w, 0, GPUS).latency_s;
    LH_CHECK_NEAR(time_of(&w, send_of(pair, 1e9, LH_COUPLED)),
                  latency_s + 1e9 / 50e9, 1e-12);
    world_end(&w);
}

static struct lh_collective_case all_reduce(const char *algorithm,
                                            enum lh_collectives mode)
{
    static const int64_t all[2 * GPUS] = {0, 1, 2,  3,  4,  5,  6,  7,
                                          8, 9, 10, 11, 12, 13, 14, 15};
    return (struct lh_collective_case){.collective = LH_ALL_REDUCE,
                                       .algorithm = algorithm,
                                       .n = 2 * GPUS,
                                       .accelerators = all,
                                       .bytes = 8e9,
                                       .mode = mode};
}

/* A flat ring crosses with one hop each way, of 2(n-1)/n S; its alpha is the
 * difference to the ideal fibre's.  The 50 GB/s of fibre and NICs are far
 * above window / RTT = 0.68 GB/s. */
static void one_hop_of_a_flat_ring_crosses(void)
{
    struct world w;
    double hop_bytes = 2.0 * 15 / 16 * 8e9;
    far_apart(&w, "ideal");
    double alpha_s =
        time_of(&w, all_reduce("ring", LH_COUPLED)) - hop_bytes / 50e9;
    world_end(&w);
    far_apart(&w, "{kind: tcp, window: 64 MiB}");
    double rate = path_of(&w, GPUS - 1, GPUS).cap_bytes_per_s;
    LH_CHECK_NEAR(time_of(&w, all_reduce("ring", LH_COUPLED)),
                  alpha_s + hop_bytes / rate, 1e-12);
    world_end(&w);
}

/* Hierarchical: 8 pairs cross at once, each with an eighth of S and at its own
 * window / RTT: 8 x 0.68 GB/s, less than the fibre.  Every hop across carries
 * 2 (M-1)/M of its owner's share. */
static void pairs_of_a_hierarchical_each_have_their_window(void)
{
    struct world w;
    far_apart(&w, "ideal");
    double alpha_s = time_of(&w, all_reduce("hierarchical", LH_COUPLED));
    double inside_s = 2.0 * 7 / 8 * 8e9 / 50e9;
    double across_s = 8e9 / 50e9;
    alpha_s -= fmax(inside_s + across_s / 8, across_s);
    world_end(&w);
    far_apart(&w, "{kind: tcp, window: 64 MiB}");
    double rate = path_of(&w, 0, GPUS).cap_bytes_per_s;
    LH_CHECK(8 * rate < 50e9);
    LH_CHECK_NEAR(time_of(&w, all_reduce("hierarchical", LH_COUPLED)),
                  alpha_s + 1e9 / rate, 1e-12);
    world_end(&w);
}

/* Message by message the same windows hold: the coupled form is not faster
 * than they allow, and the two agree as on other slow fibres. */
static void messages_have_the_same_windows(void)
{
    struct world w;
    far_apart(&w, "{kind: tcp, window: 64 MiB}");
    double rate = path_of(&w, 0, GPUS).cap_bytes_per_s;
    double messages_s = time_of(&w, all_reduce("hierarchical", LH_MESSAGES));
    double coupled_s = time_of(&w, all_reduce("hierarchical", LH_COUPLED));
    LH_CHECK(messages_s >= 1e9 / rate);
    LH_CHECK_NEAR(messages_s, coupled_s, 0.1);
    world_end(&w);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"windows and losses limit", windows_and_losses_limit},
        {"longer packets lose less", longer_packets_lose_less},
        {"only paths between sites are capped",
         only_paths_between_sites_are_capped},
        {"the least of several fibres holds",
         the_least_of_several_fibres_holds},
        {"a layout has a transport", a_layout_has_a_transport},
        {"unequal windows are no bundle", unequal_windows_are_no_bundle},
        {"a transfer runs at window over RTT",
         a_transfer_runs_at_window_over_rtt},
        {"wide windows do not show", wide_windows_do_not_show},
        {"one hop of a flat ring crosses", one_hop_of_a_flat_ring_crosses},
        {"pairs of a hierarchical each have their window",
         pairs_of_a_hierarchical_each_have_their_window},
        {"messages have the same windows", messages_have_the_same_windows},
    };
    return lh_unit_run("transport", tests, LH_COUNT(tests));
}
