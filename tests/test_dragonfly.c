/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Dragonflies: their cables, names and paths; and lone collectives, placed,
 * folded and simulated, against closed forms, with both routings.
 */
#include <math.h>
#include <string.h>

#include "../topologies/topology.h"
#include "lone_comm.h"
#include "unit.h"

static const double nic = 50e9, nic_s = 2e-6, global_s = 5e-7;
static const double base_s = 1e-5;

/* Groups of `group` nodes of one accelerator: no scale-up domain. */
static struct lh_fabric dragonfly_of(int64_t group, double oversubscription,
                                     enum lh_fabric_routing routing)
{
    return (struct lh_fabric){.name = "test",
                              .kind = LH_FABRIC_DRAGONFLY,
                              .scale_up_gpus = 1,
                              .scale_up_frac = 1,
                              .nic_bytes_per_s = nic,
                              .nic_latency_s = nic_s,
                              .nic_frac = 1,
                              .switch_latency_s = global_s,
                              .spread_frac = 0.8,
                              .n_levels = 1,
                              .group = {group},
                              .n_oversubscription = 1,
                              .oversubscription = {oversubscription},
                              .routing = routing};
}

struct world {
    struct lh_ctx ctx;
    struct lh_site site;
    struct lh_scenario scenario;
    struct lh_topology *t;
};

static enum lh_status world_build(struct world *w, const struct lh_fabric *f,
                                  int64_t gpus)
{
    *w = (struct world){.ctx = lh_ctx_begin()};
    w->site = (struct lh_site){.name = "hall",
                               .gpus = gpus,
                               .fabric = *f,
                               .gateway_bytes_per_s = (double)INFINITY};
    w->scenario.n_sites = 1;
    w->scenario.sites = &w->site;
    return lh_topology_build(&w->t, &w->scenario, &w->ctx);
}

static void world_end(struct world *w)
{
    lh_topology_free(w->t);
    lh_ctx_end(&w->ctx);
}

/* ---- cables and paths ---------------------------------------------------- */

/* Every two groups have one cable, even and odd numbers of groups, of the last
 * group also a part. */
static void cables_join_every_two_groups(void)
{
    for (int64_t gpus = 3; gpus <= 41; gpus++) {
        struct lh_fabric f = dragonfly_of(3, 1, LH_ROUTING_MINIMAL);
        struct world w;
        int64_t groups = (gpus + 2) / 3;

        LH_REQUIRE(world_build(&w, &f, gpus) == LH_OK);
        LH_CHECK(lh_topology_check(w.t, &w.ctx) == LH_OK);
        LH_CHECK(lh_topology_link_count(w.t)
                 == 2 * gpus + groups * (groups - 1));
        for (int64_t a = 0; a < groups; a++)
            for (int64_t b = 0; b < groups; b++) {
                struct lh_path path;

                if (a == b)
                    continue;
                lh_topology_path(&path, w.t, 3 * a, 3 * b);
                LH_CHECK(path.n_links == 3);
                LH_CHECK_TEXT(lh_topology_link_at(w.t, path.links[1]).name,
                              lh_format(w.ctx.arena,
                                        "hall/group%lld->group%lld",
                                        (long long)a, (long long)b));
            }
        world_end(&w);
    }
}

/* Groups of 4 NICs, U = 4 nic / 2 x 0.8; 5 groups: c = U / 4. */
static void bundles_share_what_leaves_a_group(void)
{
    struct lh_fabric f = dragonfly_of(4, 2, LH_ROUTING_MINIMAL);
    struct lh_path path;
    struct world w;

    LH_REQUIRE(world_build(&w, &f, 20) == LH_OK);
    lh_topology_path(&path, w.t, 1, 18);
    LH_CHECK_NEAR(lh_topology_link_capacity(w.t, path.links[1]),
                  4 * nic / 2 * 0.8 / 4, 1e-14);
    LH_CHECK_NEAR(path.latency_s, 2 * nic_s + global_s, 1e-12);
    LH_CHECK(lh_topology_latency(w.t, 1, 18) == path.latency_s);
    LH_CHECK_NEAR(lh_topology_latency(w.t, 1, 2), 2 * nic_s, 1e-12);
    world_end(&w);
    f.routing = LH_ROUTING_VALIANT; /* half of 5 bundles, the way there */
    LH_REQUIRE(world_build(&w, &f, 20) == LH_OK);
    LH_CHECK(lh_topology_check(w.t, &w.ctx) == LH_OK);
    lh_topology_path(&path, w.t, 1, 18);
    LH_REQUIRE(path.n_links == 4);
    LH_CHECK_NEAR(lh_topology_link_capacity(w.t, path.links[1]),
                  5 * (4 * nic / 2 * 0.8 / 4) / 2, 1e-14);
    LH_CHECK_TEXT(lh_topology_link_at(w.t, path.links[1]).name,
                  "hall/group0->mesh");
    LH_CHECK_TEXT(lh_topology_link_at(w.t, path.links[2]).name,
                  "hall/mesh->group4");
    LH_CHECK_NEAR(path.latency_s, 2 * nic_s + 2 * global_s, 1e-12);
    world_end(&w);
}

/* More than 2^14 links: the check looks at what stands for the rest. */
static void large_ones_are_checked(void)
{
    for (int routing = 0; routing < 2; routing++) {
        struct lh_fabric f =
            dragonfly_of(64, 1, (enum lh_fabric_routing)routing);
        struct world w;

        LH_REQUIRE(world_build(&w, &f, 10000) == LH_OK);
        LH_CHECK(lh_topology_check(w.t, &w.ctx) == LH_OK);
        world_end(&w);
    }
}

static void names_are_read_strictly(void)
{
    static const char *const none[] = {
        "hall/group0->group0",   "hall/group0->group5", "hall/group0->group01",
        "hall/group0->group1#0", "hall/group0->mesh",   "hall/leaf0->leaf1",
        "hall/group0",           "hall/group0->group1 "};
    struct lh_fabric f = dragonfly_of(4, 2, LH_ROUTING_MINIMAL);
    struct world w;

    LH_REQUIRE(world_build(&w, &f, 20) == LH_OK);
    for (size_t i = 0; i < LH_COUNT(none); i++)
        LH_CHECK(lh_topology_link_find(w.t, none[i]) == -1);
    LH_CHECK(lh_topology_link_find(w.t, "hall/group3->group1") >= 0);
    world_end(&w);
}

static void wrong_ones_are_refused(void)
{
    struct lh_fabric f = dragonfly_of(4, 2, LH_ROUTING_MINIMAL);
    struct world w;

    f.n_levels = 2;
    f.group[1] = 3;
    LH_CHECK(world_build(&w, &f, 20) == LH_BAD_INPUT);
    lh_ctx_end(&w.ctx);
    f.n_levels = 1;
    f.n_oversubscription = 2;
    f.oversubscription[1] = 1;
    LH_CHECK(world_build(&w, &f, 20) == LH_BAD_INPUT);
    lh_ctx_end(&w.ctx);
}

/* ---- lone collectives ---------------------------------------------------- */

static const double S = 256 * 1048576.0;

static double run_s(const struct lh_fabric *f, int64_t n,
                    enum lh_collective collective, double bytes, bool unfolded)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lone_comm c = {.fabric = *f,
                          .ranks = n,
                          .collective = collective,
                          .algorithm =
                              collective == LH_ALL_TO_ALL ? "auto" : "ring",
                          .bytes = bytes,
                          .base_s = base_s,
                          .unfolded = unfolded};
    struct lone_comm_result got;

    LH_REQUIRE(lone_comm_run(&got, &c, &ctx) == LH_OK);
    LH_CHECK(unfolded ? got.rank_classes == n : got.rank_classes <= 8);
    lh_ctx_end(&ctx);
    return got.time_s;
}

struct shape {
    int64_t group, groups;
    double over;
};

static const struct shape shapes[] = {{4, 2, 1},  {4, 8, 1},  {4, 8, 4},
                                      {4, 9, 16}, {8, 16, 2}, {16, 33, 1}};

/* U / (G - 1), and the part of G of them that a way of Valiant's has. */
static double bundle(const struct shape *s)
{
    return (double)s->group * nic / s->over * 0.8 / (double)(s->groups - 1);
}

static double half(const struct shape *s)
{
    return (double)s->groups * bundle(s) / 2;
}

/* Of a ring one hop leaves a group, to the next one: minimal routes take one
 * bundle of G - 1.  2 (n-1) hops are two rounds less two hops in a group. */
static void rings(void)
{
    for (size_t i = 0; i < LH_COUNT(shapes); i++) {
        const struct shape *s = &shapes[i];
        int64_t n = s->group * s->groups;
        double bytes = 2 * (double)(n - 1) / (double)n * S;

        for (int valiant = 0; valiant < 2; valiant++) {
            struct lh_fabric f = dragonfly_of(s->group, s->over,
                                              (enum lh_fabric_routing)valiant);
            double round_s = (double)n * 2 * nic_s
                             + (double)s->groups * (1 + valiant) * global_s;
            double rate = fmin(nic, valiant ? half(s) : bundle(s));
            double expected_s =
                base_s + 2 * round_s - 2 * 2 * nic_s + bytes / rate;

            LH_CHECK_NEAR(run_s(&f, n, LH_ALL_REDUCE, S, false), expected_s,
                          1e-9);
            if (n <= 64)
                LH_CHECK_NEAR(run_s(&f, n, LH_ALL_REDUCE, S, true), expected_s,
                              1e-9);
        }
    }
}

/* Every two accelerators exchange S / n: g^2 S / n cross a bundle, g (n - g)
 * S / n leave a group, (n - 1) S / n a NIC.  Twice the bytes take so much
 * longer; the latency of an all-to-all is not at issue here. */
static void all_to_alls(void)
{
    for (size_t i = 0; i < LH_COUNT(shapes); i++) {
        const struct shape *s = &shapes[i];
        double g = (double)s->group, n = g * (double)s->groups;
        double card_s = (n - 1) / n * S / nic;

        if (n > 128) /* n^2 pairs are listed */
            continue;
        for (int valiant = 0; valiant < 2; valiant++) {
            struct lh_fabric f = dragonfly_of(s->group, s->over,
                                              (enum lh_fabric_routing)valiant);
            double group_s = valiant ? g * (n - g) / n * S / half(s)
                                     : g * g / n * S / bundle(s);
            double longer_s = run_s(&f, (int64_t)n, LH_ALL_TO_ALL, 2 * S, false)
                              - run_s(&f, (int64_t)n, LH_ALL_TO_ALL, S, false);

            LH_CHECK_NEAR(longer_s, fmax(card_s, group_s), 1e-9);
        }
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"cables join every two groups", cables_join_every_two_groups},
        {"bundles share what leaves a group",
         bundles_share_what_leaves_a_group},
        {"large ones are checked", large_ones_are_checked},
        {"names are read strictly", names_are_read_strictly},
        {"wrong ones are refused", wrong_ones_are_refused},
        {"rings", rings},
        {"all-to-alls", all_to_alls},
    };

    return lh_unit_run("dragonfly", tests, LH_COUNT(tests));
}
