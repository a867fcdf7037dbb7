/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * topologies/: capacities and latencies of every kind of path by hand
 * arithmetic, WAN layouts, maps, cuts, names and prints; ids, units and names
 * of links against the graph, and sites that are too large to list.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <longhaul/topology.h>

#include "../topologies/topology.h"

#define ZOO  LH_SRCDIR "/../shared/inputs/topology-zoo/"
#define MAPS LH_SRCDIR "/examples/maps/"
#define US   1e-6
#define GBIT 0.125e9

enum { SITES_MAX = 16 };

/* A scenario filled by hand: numbers that are easy to add up. */
struct bed {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_site sites[SITES_MAX];
    struct lh_fibre fibres[8];
    struct lh_topology *t;
    enum lh_status st;
};

static const struct lh_fabric rails_fabric = {
    .name = "test-rails",
    .kind = LH_FABRIC_RAILS,
    .scale_up_gpus = 8,
    .scale_up_bytes_per_s = 400e9,
    .scale_up_latency_s = 2 * US,
    .scale_up_frac = 0.75,
    .nic_bytes_per_s = 50e9,
    .nic_latency_s = 1 * US,
    .nic_frac = 0.9,
    .switch_latency_s = 0.5 * US,
    .spread_frac = 0.8,
    .n_levels = 1,
    .group = {4},
    .n_oversubscription = 1,
    .oversubscription = {2},
};

static struct lh_fabric fabric_of(enum lh_fabric_kind kind)
{
    struct lh_fabric fabric = rails_fabric;

    fabric.kind = kind;
    if (kind == LH_FABRIC_FAT_TREE) {
        fabric.name = "test-fat-tree";
        fabric.n_levels = 2;
        fabric.group[0] = 2;
        fabric.group[1] = 3;
        fabric.n_oversubscription = 2;
        fabric.oversubscription[0] = 2;
        fabric.oversubscription[1] = 7;
    }
    if (kind == LH_FABRIC_DRAGONFLY)
        fabric.group[0] = 2;
    if (kind == LH_FABRIC_SWITCH) {
        fabric.name = "test-switch";
        fabric.scale_up_gpus = 1;
        fabric.n_levels = 0;
    }
    return fabric;
}

/* Buildings 2 km from each other, a quarter of whose traffic leaves them. */
static void in_buildings(struct lh_fabric *fabric, int64_t gpus)
{
    fabric->building_gpus = gpus;
    fabric->building_oversubscription = 4;
    fabric->building_length_m = 2000;
}

static void bed_begin(struct bed *b, int n_sites, enum lh_fabric_kind kind,
                      int64_t gpus)
{
    static const char *const names[SITES_MAX] = {
        "s0", "s1", "s2",  "s3",  "s4",  "s5",  "s6",  "s7",
        "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
    };

    memset(b, 0, sizeof *b);
    b->ctx = lh_ctx_begin();
    b->scenario.n_sites = n_sites;
    b->scenario.sites = b->sites;
    b->scenario.fibres = b->fibres;
    for (int i = 0; i < n_sites; i++) {
        b->sites[i].name = names[i];
        b->sites[i].gpus = gpus;
        b->sites[i].fabric = fabric_of(kind);
        b->sites[i].gateway_bytes_per_s = (double)INFINITY;
        b->sites[i].where = (struct lh_where){"t.yaml", 10 + i, 3};
    }
    b->scenario.layout = (struct lh_layout){
        .kind = LH_LAYOUT_NONE,
        .length_m = 100e3,
        .route_factor = 1.5,
        .bytes_per_s = 10 * GBIT,
        .where = {"t.yaml", 5, 1},
    };
}

static void fibre_add(struct bed *b, int from, int to, double length_m,
                      double bytes_per_s)
{
    b->fibres[b->scenario.n_fibres++] = (struct lh_fibre){
        .site_a = from,
        .site_b = to,
        .length_m = length_m,
        .route_factor = 1.5,
        .bytes_per_s = bytes_per_s,
        .equipment_latency_s = 20 * US,
        .transport = LH_TRANSPORT_IDEAL,
        .where = {"t.yaml", 20, 5},
    };
}

/* Builds and checks the invariants; false where the build failed. */
static bool bed_build(struct bed *b)
{
    b->st = lh_topology_build(&b->t, &b->scenario, &b->ctx);
    if (b->st != LH_OK)
        return false;
    LH_CHECK(lh_topology_check(b->t, &b->ctx) == LH_OK);
    return true;
}

static void bed_end(struct bed *b)
{
    lh_topology_free(b->t);
    lh_ctx_end(&b->ctx);
}

static int links_of(const struct bed *b, enum lh_link_kind kind)
{
    int n = 0;

    for (int i = 0; i < lh_topology_link_count(b->t); i++)
        n += lh_topology_link_at(b->t, i).kind == kind;
    return n;
}

static double sum_of(const struct bed *b, enum lh_link_kind kind)
{
    double sum = 0;

    for (int i = 0; i < lh_topology_link_count(b->t); i++) {
        struct lh_link_info info = lh_topology_link_at(b->t, i);

        if (info.kind == kind)
            sum += info.capacity_bytes_per_s;
    }
    return sum;
}

static double capacity_of(const struct bed *b, const char *name)
{
    for (int i = 0; i < lh_topology_link_count(b->t); i++) {
        struct lh_link_info info = lh_topology_link_at(b->t, i);

        if (strcmp(info.name, name) == 0)
            return info.capacity_bytes_per_s;
    }
    return (double)NAN;
}

/* The path as the names of its links, " | " between them. */
static const char *path_text(struct bed *b, int64_t from, int64_t to)
{
    struct lh_text text = lh_text_new(b->ctx.arena);
    struct lh_path path;

    lh_topology_path(&path, b->t, from, to);
    for (int i = 0; i < path.n_links; i++)
        lh_text_printf(&text, "%s%s", i > 0 ? " | " : "",
                       lh_topology_link_at(b->t, path.links[i]).name);
    return text.s;
}

static double path_latency_s(const struct bed *b, int64_t from, int64_t to)
{
    struct lh_path path;

    lh_topology_path(&path, b->t, from, to);
    return path.latency_s;
}

static const char *message(const struct bed *b, int i)
{
    return i < lh_diag_total(&b->ctx) ? lh_diag_at(&b->ctx, i)->text : "";
}

/* ---- inside a site ------------------------------------------------------- */

static void switch_joins_all(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_SWITCH, 5);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(lh_topology_link_count(b.t) == 10);
    LH_CHECK(links_of(&b, LH_LINK_NIC) == 10);
    LH_CHECK_NEAR(sum_of(&b, LH_LINK_NIC), 10 * 45e9, 1e-14);
    LH_CHECK_TEXT(path_text(&b, 1, 4), "s0/gpu1->switch | s0/switch->gpu4");
    LH_CHECK_NEAR(path_latency_s(&b, 1, 4), 2 * US, 1e-12);
    LH_CHECK(lh_topology_accelerator_domain(b.t, 4) == 4);
    bed_end(&b);
}

static void rails_of_one_pod(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 32); /* 4 nodes, the pod is full */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_SCALE_UP) == 64);
    LH_CHECK(links_of(&b, LH_LINK_NIC) == 64);
    LH_CHECK(lh_topology_link_count(b.t) == 128);
    LH_CHECK_NEAR(capacity_of(&b, "s0/node3/gpu5->nvswitch"), 300e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s0/node3/nvswitch->gpu5"), 300e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s0/node3/gpu5->leaf5"), 45e9, 1e-14);
    LH_CHECK_TEXT(path_text(&b, 1, 6),
                  "s0/node0/gpu1->nvswitch | s0/node0/nvswitch->gpu6");
    LH_CHECK_NEAR(path_latency_s(&b, 1, 6), 4 * US, 1e-12);
    LH_CHECK_TEXT(path_text(&b, 1, 9),
                  "s0/node0/gpu1->leaf1 | s0/pod0/leaf1->node1/gpu1");
    LH_CHECK_NEAR(path_latency_s(&b, 1, 9), 2 * US, 1e-12);
    LH_CHECK_TEXT(path_text(&b, 1, 10), /* another rail: PXN */
                  "s0/node0/gpu1->nvswitch | s0/node0/nvswitch->gpu2 | "
                  "s0/node0/gpu2->leaf2 | s0/pod0/leaf2->node1/gpu2");
    LH_CHECK_NEAR(path_latency_s(&b, 1, 10), 6 * US, 1e-12);
    LH_CHECK(lh_topology_accelerator_domain(b.t, 31) == 3);
    bed_end(&b);
}

static void rails_of_several_pods(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 72); /* 9 nodes: pods of 4, 4, 1 */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_LEAF) == 2 * 3 * 8);
    /* 4 nodes x 50 GB/s / 2 x 0.8, of the partly filled pod as well */
    LH_CHECK_NEAR(capacity_of(&b, "s0/pod0/leaf2->spine"), 80e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s0/spine->pod2/leaf2"), 80e9, 1e-14);
    LH_CHECK_TEXT(path_text(&b, 3, 67),
                  "s0/node0/gpu3->leaf3 | s0/pod0/leaf3->spine | "
                  "s0/spine->pod2/leaf3 | s0/pod2/leaf3->node8/gpu3");
    LH_CHECK_NEAR(path_latency_s(&b, 3, 67), 3 * US, 1e-12);
    LH_CHECK_NEAR(path_latency_s(&b, 3, 68), 7 * US, 1e-12);
    bed_end(&b);
}

static void rails_of_a_partly_filled_node(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 11); /* nodes of 8 and 3 */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_TEXT(path_text(&b, 6, 9), /* b's rail 1 is in a's node */
                  "s0/node0/gpu6->nvswitch | s0/node0/nvswitch->gpu1 | "
                  "s0/node0/gpu1->leaf1 | s0/pod0/leaf1->node1/gpu1");
    LH_CHECK_TEXT(path_text(&b, 9, 6), /* rail 6 is not in a's node */
                  "s0/node1/gpu1->leaf1 | s0/pod0/leaf1->node0/gpu1 | "
                  "s0/node0/gpu1->nvswitch | s0/node0/nvswitch->gpu6");
    bed_end(&b);
}

static void fat_tree_levels(void)
{
    struct bed b;

    /* 16 nodes, 2 a leaf: 8 leaves, 3 a spine layer: 3, and a level added */
    bed_begin(&b, 1, LH_FABRIC_FAT_TREE, 128);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_LEAF) == 2 * 8);
    LH_CHECK(links_of(&b, LH_LINK_SPINE) == 2 * 3);
    LH_CHECK(links_of(&b, LH_LINK_CORE) == 0);
    /* leaf: 2 x 8 x 50 GB/s / 2; spine: 3 x that / 7; both x 0.8 */
    LH_CHECK_NEAR(capacity_of(&b, "s0/leaf7->spine2"), 320e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s0/spine2->core"), 3 * 400e9 / 7 * 0.8,
                  1e-14);
    LH_CHECK_TEXT(path_text(&b, 0, 9),
                  "s0/node0/gpu0->leaf0 | s0/leaf0->node1/gpu1");
    LH_CHECK_NEAR(path_latency_s(&b, 0, 9), 2 * US, 1e-12);
    LH_CHECK_NEAR(path_latency_s(&b, 0, 16), 3 * US, 1e-12);
    LH_CHECK_TEXT(path_text(&b, 0, 127),
                  "s0/node0/gpu0->leaf0 | s0/leaf0->spine0 | s0/spine0->core "
                  "| s0/core->spine2 | s0/spine2->leaf7 | "
                  "s0/leaf7->node15/gpu7");
    LH_CHECK_NEAR(path_latency_s(&b, 0, 127), 4 * US, 1e-12);
    bed_end(&b);
}

static void fat_tree_oversubscription(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_FAT_TREE, 128);
    b.sites[0].fabric.n_oversubscription = 1; /* the same at every level */
    b.sites[0].fabric.oversubscription[0] = 4;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "s0/leaf0->spine0"), 200e9 * 0.8, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s0/spine0->core"), 150e9 * 0.8, 1e-14);
    bed_end(&b);
    bed_begin(&b, 1, LH_FABRIC_FAT_TREE, 16); /* one leaf is enough */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_LEAF) == 0);
    bed_end(&b);
}

/* A building of 64: 2 pods and a spine.  The third is partly filled. */
static void buildings_of_rails(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 136);
    in_buildings(&b.sites[0].fabric, 64);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_LEAF) == 2 * 5 * 8);
    LH_CHECK(links_of(&b, LH_LINK_SPINE) == 2 * 3);
    LH_CHECK_NEAR(capacity_of(&b, "s0/pod4/leaf2->spine2"), 80e9, 1e-14);
    /* 64 x 50 GB/s / 4 x 0.8, of the partly filled building as well */
    LH_CHECK_NEAR(capacity_of(&b, "s0/spine0->campus"), 640e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s0/campus->spine2"), 640e9, 1e-14);
    LH_CHECK_TEXT(path_text(&b, 3, 35), /* in a building */
                  "s0/node0/gpu3->leaf3 | s0/pod0/leaf3->spine0 | "
                  "s0/spine0->pod1/leaf3 | s0/pod1/leaf3->node4/gpu3");
    LH_CHECK_NEAR(path_latency_s(&b, 3, 35), 3 * US, 1e-12);
    LH_CHECK_TEXT(path_text(&b, 3, 131),
                  "s0/node0/gpu3->leaf3 | s0/pod0/leaf3->spine0 | "
                  "s0/spine0->campus | s0/campus->spine2 | "
                  "s0/spine2->pod4/leaf3 | s0/pod4/leaf3->node16/gpu3");
    /* 2 NIC links, 4 of switches, 2 km of fibre at 4.9 us a km */
    LH_CHECK_NEAR(path_latency_s(&b, 3, 131), (2 + 4 * 0.5 + 9.8) * US, 1e-12);
    bed_end(&b);
}

/* A building that is one pod has no spine: its rails go to the core, each with
 * its part.  A building of one leaf does so too. */
static void buildings_of_one_pod(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 72); /* 3 buildings of 3 nodes */
    in_buildings(&b.sites[0].fabric, 24);
    LH_REQUIRE(bed_build(&b));
    /* 24 x 50 GB/s / 4 x 0.8 / 8 rails */
    LH_CHECK_NEAR(capacity_of(&b, "s0/pod2/leaf7->campus"), 30e9, 1e-14);
    LH_CHECK_NEAR(path_latency_s(&b, 0, 48), (2 + 2 * 0.5 + 9.8) * US, 1e-12);
    bed_end(&b);
    bed_begin(&b, 1, LH_FABRIC_FAT_TREE, 32);
    in_buildings(&b.sites[0].fabric, 8); /* half of a leaf's nodes */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "s0/leaf3->campus"), 80e9, 1e-14);
    bed_end(&b);
}

static void one_building_is_no_campus(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 72);
    in_buildings(&b.sites[0].fabric, 72);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "s0/pod0/leaf2->spine"), 80e9, 1e-14);
    bed_end(&b);
}

static void buildings_are_whole_groups(void)
{
    static const struct {
        enum lh_fabric_kind kind;
        int64_t building;
        const char *fault;
    } wrong[] = {
        {LH_FABRIC_RAILS, 20, "whole number of nodes and groups"},
        {LH_FABRIC_RAILS, 40, "whole number of nodes and groups"},
        {LH_FABRIC_FAT_TREE, 24, "whole number of nodes and groups"},
        {LH_FABRIC_FAT_TREE, 64, "whole number of nodes and groups"},
        {LH_FABRIC_SWITCH, 64, "buildings have rails"},
        {LH_FABRIC_DRAGONFLY, 64, "buildings have rails"},
    };

    for (size_t i = 0; i < LH_COUNT(wrong); i++) {
        struct bed b;

        bed_begin(&b, 1, wrong[i].kind, 200);
        in_buildings(&b.sites[0].fabric, wrong[i].building);
        LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
        LH_CHECK(strstr(message(&b, 0), wrong[i].fault) != NULL);
        bed_end(&b);
    }
}

static void accelerators_are_numbered_by_site(void)
{
    struct bed b;

    bed_begin(&b, 2, LH_FABRIC_RAILS, 16);
    b.sites[0].gpus = 11;
    fibre_add(&b, 0, 1, 1000e3, 400 * GBIT);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(lh_topology_accelerator_count(b.t) == 27);
    LH_CHECK(lh_topology_accelerator_site(b.t, 10) == 0);
    LH_CHECK(lh_topology_accelerator_site(b.t, 11) == 1);
    LH_CHECK(lh_topology_accelerator_domain(b.t, 10) == 1);
    LH_CHECK(lh_topology_accelerator_domain(b.t, 11) == 2);
    LH_CHECK(lh_topology_accelerator_domain(b.t, 26) == 3);
    bed_end(&b);
}

static void wrong_fabrics_are_refused(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 16);
    b.sites[0].fabric.nic_bytes_per_s = 0;
    b.sites[0].fabric.n_levels = 2;
    b.sites[0].fabric.group[1] = 0;
    LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
    LH_CHECK_TEXT(message(&b, 0),
                  "site 's0': fabric: nic_bandwidth is out of range");
    LH_CHECK_TEXT(message(&b, 1), "site 's0': fabric: group[1] is 0; it must "
                                  "be at least 1");
    LH_CHECK(strstr(message(&b, 2), "one level of pods") != NULL);
    bed_end(&b);
}

/* ---- between sites ------------------------------------------------------- */

static void two_sites_by_hand(void)
{
    struct bed b;
    struct lh_path path;

    bed_begin(&b, 2, LH_FABRIC_RAILS, 16);
    fibre_add(&b, 0, 1, 1000e3, 400 * GBIT);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "fibre s0->s1"), 50e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "fibre s1->s0"), 50e9, 1e-14);
    LH_CHECK(isinf(capacity_of(&b, "s0/pod0/leaf3->gateway")));
    LH_CHECK_TEXT(path_text(&b, 3, 16 + 11),
                  "s0/node0/gpu3->leaf3 | s0/pod0/leaf3->gateway | "
                  "fibre s0->s1 | s1/gateway->pod0/leaf3 | "
                  "s1/pod0/leaf3->node1/gpu3");
    lh_topology_path(&path, b.t, 3, 16 + 11);
    LH_CHECK(path.crosses_wan);
    /* 2 NIC + 2 gateway links + 1000 km x 4.9 us/km + 20 us */
    LH_CHECK_NEAR(path.latency_s, 2 * US + 1 * US + 4.9e-3 + 20 * US, 1e-12);
    lh_topology_path(&path, b.t, 0, 8);
    LH_CHECK(!path.crosses_wan);
    LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 1), 50e9, 1e-9);
    bed_end(&b);
}

static void gateways_limit_in_total(void)
{
    struct bed b;

    bed_begin(&b, 2, LH_FABRIC_RAILS, 16);
    b.sites[1].fabric = fabric_of(LH_FABRIC_FAT_TREE);
    b.sites[0].gateway_bytes_per_s = 20e9;
    b.sites[1].gateway_bytes_per_s = 30e9;
    fibre_add(&b, 0, 1, 1000e3, 400 * GBIT);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "s0/border->gateway"), 20e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "s1/leaf0->gateway"), 30e9, 1e-14);
    LH_CHECK_TEXT(path_text(&b, 16, 2), /* to rails from a tree: own NIC */
                  "s1/node0/gpu0->leaf0 | s1/leaf0->gateway | fibre s1->s0 | "
                  "s0/gateway->border | s0/border->pod0/leaf2 | "
                  "s0/pod0/leaf2->node0/gpu2");
    LH_CHECK_NEAR(path_latency_s(&b, 16, 2), 2 * US + 1 * US + 4.9e-3 + 20 * US,
                  1e-12);
    LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 1), 20e9, 1e-9);
    bed_end(&b);
}

static void spine_carries_the_gateway(void)
{
    struct bed b;

    bed_begin(&b, 2, LH_FABRIC_RAILS, 40);
    fibre_add(&b, 0, 1, 0, 400 * GBIT);
    b.fibres[0].equipment_latency_s = 0;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_GATEWAY) == 4);
    LH_CHECK_TEXT(path_text(&b, 0, 72),
                  "s0/node0/gpu0->leaf0 | s0/pod0/leaf0->spine | "
                  "s0/spine->gateway | fibre s0->s1 | s1/gateway->spine | "
                  "s1/spine->pod1/leaf0 | s1/pod1/leaf0->node4/gpu0");
    LH_CHECK_NEAR(path_latency_s(&b, 0, 72), 4 * US, 1e-12);
    bed_end(&b);
}

static void lengths_are_geodesics(void)
{
    struct bed b;
    const double latency_s_per_m = 4.9e-9;

    /* Flinders Peak - Buninyong, 54,972.271 m: GDA94 Technical Manual, the
     * test line of Vincenty's formulae (GRS 80; WGS 84 differs by 1e-11). */
    bed_begin(&b, 2, LH_FABRIC_SWITCH, 1);
    b.sites[0].has_location = b.sites[1].has_location = true;
    b.sites[0].latitude_deg = -(37 + 57 / 60.0 + 3.72030 / 3600);
    b.sites[0].longitude_deg = 144 + 25 / 60.0 + 29.52440 / 3600;
    b.sites[1].latitude_deg = -(37 + 39 / 60.0 + 10.15610 / 3600);
    b.sites[1].longitude_deg = 143 + 55 / 60.0 + 35.38390 / 3600;
    fibre_add(&b, 0, 1, -1, 400 * GBIT);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(path_latency_s(&b, 0, 1) - 3 * US - 20 * US,
                  54972.271 * 1.5 * latency_s_per_m, 2e-8);
    bed_end(&b);
}

static void unknown_lengths_are_refused(void)
{
    struct bed b;

    bed_begin(&b, 2, LH_FABRIC_SWITCH, 1);
    b.sites[0].has_location = true;
    fibre_add(&b, 0, 1, -1, 400 * GBIT);
    LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
    LH_CHECK(lh_diag_total(&b.ctx) == 1);
    LH_CHECK_TEXT(message(&b, 0),
                  "the fibre between 's0' and 's1' has no "
                  "length, and 's1' no location to compute it from");
    LH_CHECK(lh_diag_at(&b.ctx, 0)->where.line == 20);
    bed_end(&b);
}

static void parallel_fibres(void)
{
    struct bed b;

    bed_begin(&b, 2, LH_FABRIC_SWITCH, 2);
    fibre_add(&b, 0, 1, 100e3, 100 * GBIT);
    fibre_add(&b, 1, 0, 100e3, 300 * GBIT); /* equal: one bundle */
    fibre_add(&b, 0, 1, 50e3, 10 * GBIT);   /* shorter: a link of its own */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_WAN) == 4);
    LH_CHECK_NEAR(capacity_of(&b, "fibre s0->s1"), 50e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "fibre s0->s1 #2"), 1.25e9, 1e-14);
    LH_CHECK_TEXT(path_text(&b, 0, 2),
                  "s0/gpu0->switch | s0/switch->gateway "
                  "| fibre s0->s1 #2 | s1/gateway->switch | s1/switch->gpu0");
    LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 1), 51.25e9, 1e-9);
    bed_end(&b);
}

static void layouts_have_their_fibres(void)
{
    static const struct {
        enum lh_layout_kind kind;
        int n_sites;
        int n_fibres;
    } cases[] = {
        {LH_LAYOUT_MESH, 5, 10}, {LH_LAYOUT_RING, 5, 5}, {LH_LAYOUT_HUB, 5, 4},
        {LH_LAYOUT_TREE, 5, 4},  {LH_LAYOUT_MESH, 2, 1}, {LH_LAYOUT_RING, 2, 1},
        {LH_LAYOUT_RING, 3, 3},
    };

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct bed b;

        bed_begin(&b, cases[i].n_sites, LH_FABRIC_SWITCH, 1);
        b.scenario.layout.kind = cases[i].kind;
        LH_REQUIRE(bed_build(&b));
        LH_CHECK(links_of(&b, LH_LINK_WAN) == 2 * cases[i].n_fibres);
        bed_end(&b);
    }
}

static void routes_take_least_latency(void)
{
    struct bed b;

    bed_begin(&b, 4, LH_FABRIC_SWITCH, 1);
    b.scenario.layout.kind = LH_LAYOUT_RING;
    LH_REQUIRE(bed_build(&b));
    /* two equal ways round: the lowest link id at the fork is 0 -> 1 */
    LH_CHECK(strstr(path_text(&b, 0, 2), "fibre s0->s1 | fibre s1->s2")
             != NULL);
    LH_CHECK(strstr(path_text(&b, 0, 3), "fibre s0->s3") != NULL);
    LH_CHECK_NEAR(path_latency_s(&b, 0, 2), 3 * US + 2 * 0.49e-3, 1e-12);
    /* a ring has two disjoint ways, each of the layout's bandwidth */
    LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 2), 20 * GBIT, 1e-9);
    bed_end(&b);

    bed_begin(&b, 3, LH_FABRIC_SWITCH, 1); /* equal latency: fewest links */
    fibre_add(&b, 0, 1, 0, GBIT);
    fibre_add(&b, 1, 2, 0, GBIT);
    fibre_add(&b, 0, 2, 0, GBIT);
    for (int i = 0; i < 3; i++)
        b.fibres[i].equipment_latency_s = 0;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(strstr(path_text(&b, 0, 2), "| fibre s0->s2 |") != NULL);
    bed_end(&b);
}

static void cuts_of_meshes(void)
{
    struct bed b;

    bed_begin(&b, 6, LH_FABRIC_SWITCH, 1);
    b.scenario.layout.kind = LH_LAYOUT_MESH;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(lh_topology_cut(b.t, 1, 4), 5 * 10 * GBIT, 1e-9);
    LH_CHECK(isinf(lh_topology_cut(b.t, 2, 2)));
    bed_end(&b);
    bed_begin(&b, 5, LH_FABRIC_SWITCH, 1);
    b.scenario.layout.kind = LH_LAYOUT_HUB;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(lh_topology_cut(b.t, 1, 4), 10 * GBIT, 1e-9);
    bed_end(&b);
}

static void lone_sites_are_refused(void)
{
    struct bed b;

    bed_begin(&b, 4, LH_FABRIC_SWITCH, 1);
    fibre_add(&b, 0, 2, 1e3, GBIT);
    LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
    LH_CHECK(lh_diag_count(&b.ctx, LH_ERROR) == 2);
    LH_CHECK_TEXT(message(&b, 0),
                  "no fibre joins site 's1' to site 's0'; "
                  "give fibres or a fibre_layout that join all sites");
    LH_CHECK(lh_diag_at(&b.ctx, 1)->where.line == 13);
    bed_end(&b);
}

/* ---- maps ---------------------------------------------------------------- */

static void bed_map(struct bed *b, const char *file, const char *node_a,
                    const char *node_b)
{
    bed_begin(b, 2, LH_FABRIC_SWITCH, 1);
    b->sites[0].node = node_a;
    b->sites[1].node = node_b;
    b->scenario.layout.kind = LH_LAYOUT_GRAPHML;
    b->scenario.layout.file = file;
    b->scenario.layout.length_m = -1;
}

static void bed_map_text(struct bed *b, const char *name, const char *text)
{
    static char path[256];
    FILE *file;

    snprintf(path, sizeof path, "/tmp/lh-test-topology-%ld-%s", (long)getpid(),
             name);
    file = fopen(path, "w");
    LH_REQUIRE(file != NULL);
    LH_REQUIRE(fputs(text, file) >= 0 && fclose(file) == 0);
    bed_map(b, path, "a", "b");
}

static void bed_map_end(struct bed *b)
{
    remove(b->scenario.layout.file);
    bed_end(b);
}

static void our_maps_read(void)
{
    struct bed b;

    bed_map(&b, MAPS "america.graphml", NULL, NULL);
    b.sites[0].name = "ashburn"; /* letters' case does not count */
    b.sites[1].name = "memphis";
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_TEXT(path_text(&b, 0, 1),
                  "ashburn/gpu0->switch | "
                  "ashburn/switch->gateway | fibre ashburn->Atlanta | "
                  "fibre Atlanta->memphis | memphis/gateway->switch | "
                  "memphis/switch->gpu0");
    /* the bundle to Chicago adds up; memphis has 3 fibres, ashburn 2 x 400
     * to Chicago, of which 400 go on directly, 400 over Denver and Dallas */
    LH_CHECK_NEAR(capacity_of(&b, "fibre ashburn->Chicago"), 100e9, 1e-14);
    LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 1), 150e9, 1e-9);
    bed_end(&b);

    bed_map(&b, MAPS "europe.graphml", "Dublin", "stockholm");
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(strstr(message(&b, lh_diag_total(&b.ctx) - 1),
                    "1 of the nodes used have no coordinates")
             != NULL);
    LH_CHECK(strstr(path_text(&b, 0, 1), "fibre Hut 7->s1") != NULL);
    bed_end(&b);
}

static const char *const zoo[] = {
    "Abilene.graphml",   "Abilene.gml",         "Agis.graphml",
    "AttMpls.graphml",   "Esnet.graphml",       "Geant2010.graphml",
    "Geant2012.graphml", "Internet2.graphml",   "Renater2010.graphml",
    "Sprint.graphml",    "Uninett2011.graphml",
};

static bool zoo_is_here(void)
{
    if (access(ZOO "Abilene.graphml", R_OK) == 0)
        return true;
    lh_unit_skip("no " ZOO);
    return false;
}

/* Sites at the first and last node by label; true where it was built. */
static bool zoo_build(struct bed *b, const char *name, double length_m)
{
    static char path[512];

    snprintf(path, sizeof path, ZOO "%s", name);
    bed_map(b, path, NULL, NULL);
    b->scenario.layout.length_m = length_m;
    b->sites[0].has_location = b->sites[1].has_location = true;
    b->sites[0].latitude_deg = 45;
    b->sites[0].longitude_deg = -100;
    b->sites[1].latitude_deg = 50;
    b->sites[1].longitude_deg = 20;
    if (strcmp(name, "Internet2.graphml") == 0) {
        b->sites[0].has_location = b->sites[1].has_location = false;
        b->sites[0].node = "CENIC";
        b->sites[1].node = "University of Utah";
    }
    return bed_build(b);
}

static void zoo_files_read(void)
{
    if (!zoo_is_here())
        return;
    for (size_t i = 0; i < LH_COUNT(zoo); i++) {
        struct bed b;
        bool placed = strcmp(zoo[i], "Internet2.graphml") != 0;

        LH_CHECK(zoo_build(&b, zoo[i], -1) == placed);
        LH_CHECK(lh_diag_count(&b.ctx, LH_ERROR) == !placed);
        bed_end(&b);
        LH_CHECK(zoo_build(&b, zoo[i], 100e3));
        LH_CHECK(lh_topology_cut(b.t, 0, 1) > 0);
        bed_end(&b);
    }
}

static void zoo_without_coordinates(void)
{
    struct bed b;

    if (!zoo_is_here())
        return;
    LH_CHECK(!zoo_build(&b, "Internet2.graphml", -1));
    LH_CHECK(strstr(message(&b, lh_diag_total(&b.ctx) - 1),
                    "have no coordinates, nor have any node joined to them: ")
             != NULL);
    bed_end(&b);
}

static void abilene_by_name(void)
{
    static const char *const files[] = {ZOO "Abilene.graphml",
                                        ZOO "Abilene.gml"};
    double latency_s[2];

    if (!zoo_is_here())
        return;
    for (int i = 0; i < 2; i++) {
        struct bed b;

        bed_map(&b, files[i], "New York", "Los Angeles");
        LH_REQUIRE(bed_build(&b));
        LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 1), 20 * GBIT, 1e-9);
        latency_s[i] = path_latency_s(&b, 0, 1);
        bed_end(&b);
    }
    LH_CHECK(latency_s[0] == latency_s[1]);
    /* not shorter than the great circle, 3,936 km, at factor 1.5 */
    LH_CHECK(latency_s[0] > 3930e3 * 1.5 * 4.9e-9 && latency_s[0] < 0.05);
}

static void map_bandwidths(void)
{
    struct bed b;

    if (!zoo_is_here())
        return;
    bed_map(&b, ZOO "Renater2010.graphml", "Bordeaux", "Pau");
    b.scenario.layout.bytes_per_s = 0;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "fibre s0->s1"), 155e6 / 8, 1e-14);
    bed_end(&b);
    bed_map(&b, ZOO "Abilene.graphml", "New York", "Seattle");
    b.scenario.layout.bytes_per_s = 0;
    LH_CHECK(!bed_build(&b));
    LH_CHECK(strstr(message(&b, lh_diag_total(&b.ctx) - 1),
                    "state no bandwidth, e.g. 'New York' to 'Chicago'; give "
                    "fibre_layout one, e.g. 'bandwidth: 400 Gbit/s'")
             != NULL);
    bed_end(&b);
}

static void malformed_maps_are_refused(void)
{
    static const struct {
        const char *file;
        int line;
        const char *text;
    } cases[] = {
        {"malformed/Psnc.graphml", 226,
         "this GraphML file cannot be read: "
         "Opening and ending tag mismatch: node line 221 and noczecin"},
        {"malformed/Uninett.graphml", 208,
         "this GraphML file cannot be read: "
         "Opening and ending tag mismatch: data line 202 and node"},
    };

    if (!zoo_is_here())
        return;
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct bed b;

        LH_CHECK(!zoo_build(&b, cases[i].file, -1) && b.st == LH_BAD_INPUT);
        LH_CHECK(lh_diag_total(&b.ctx) == 1);
        LH_CHECK_TEXT(message(&b, 0), cases[i].text);
        LH_CHECK(lh_diag_at(&b.ctx, 0)->where.line == cases[i].line);
        bed_end(&b);
    }
}

static void broken_maps_are_refused(void)
{
#define HEAD                                                                   \
    "<graphml><key id=\"r\" for=\"edge\" attr.name=\"LinkSpeedRaw\" "          \
    "attr.type=\"string\"/>"
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"1.graphml", "hello",
         "this GraphML file cannot be read: Document is empty"},
        {"2.graphml", "<?xml version=\"1.0\"?><html></html>",
         "this is not a GraphML file: there is no <graph> in it"},
        {"3.graphml", "", "the file is empty"},
        {"4.gml", "graph [ node [ id 0 ] edge [ source 0 target 9 ] ]",
         "this GML file cannot be read: Unknown target node id found in an "
         "edge in GML file, line 1."},
        {"5.graphml",
         HEAD
         "<graph><node id=\"a\"/><node id=\"b\"/>"
         "<edge source=\"a\" target=\"b\"><data key=\"r\">fast</data></edge>"
         "</graph></graphml>",
         "edge 0: LinkSpeedRaw 'fast' is not a number"},
        {"6.graphml",
         HEAD "<graph><node id=\"a\"/><node id=\"b\"/>"
              "<edge source=\"a\" target=\"b\"><data key=\"r\">-4</data></edge>"
              "</graph></graphml>",
         "the edge between 'a' and 'b' has a negative "
         "or infinite bandwidth or length"},
        {"7.graphml",
         "<graphml><key id=\"x\" for=\"node\" "
         "attr.name=\"label\" attr.type=\"integer\"/><graph/></graphml>",
         "this GraphML file cannot be read: Unknown attribute type "
         "'integer'."},
    };
#undef HEAD

    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        struct bed b;

        bed_map_text(&b, cases[i].name, cases[i].text);
        LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
        LH_CHECK(lh_diag_total(&b.ctx) == 1);
        LH_CHECK_TEXT(message(&b, 0), cases[i].message);
        bed_map_end(&b);
    }
}

static void missing_maps_are_refused(void)
{
    struct bed b;

    bed_map(&b, "/nowhere/map.graphml", "a", "b");
    LH_CHECK(!bed_build(&b) && b.st != LH_OK);
    LH_CHECK(lh_diag_count(&b.ctx, LH_ERROR) == 1);
    bed_end(&b);
    bed_map(&b, "/tmp", "a", "b");
    LH_CHECK(!bed_build(&b) && b.st != LH_OK);
    LH_CHECK(lh_diag_count(&b.ctx, LH_ERROR) == 1);
    bed_end(&b);
}

static void sites_need_a_node(void)
{
    struct bed b;

    bed_map(&b, MAPS "america.graphml", "Chigaco", NULL);
    LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
    LH_CHECK_TEXT(message(&b, 0),
                  "site 's0': the map " MAPS "america.graphml "
                  "has no node 'Chigaco'; did you mean 'Chicago'?");
    LH_CHECK(strstr(message(&b, 1), "it has no location to find the nearest "
                                    "one; give node: LABEL")
             != NULL);
    bed_end(&b);
}

static void sites_attach_to_the_nearest(void)
{
    struct bed b;

    bed_map(&b, MAPS "america.graphml", "Denver", NULL);
    b.sites[1].has_location = true; /* 1 degree east of Memphis */
    b.sites[1].latitude_deg = 35.15;
    b.sites[1].longitude_deg = -89.05;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(isinf(capacity_of(&b, "fibre s1->Memphis")));
    LH_CHECK(strstr(message(&b, 0), "site 's1' is joined to the nearest node "
                                    "of the map, 'Memphis', by a fibre of 136.")
                 != NULL
             || strstr(message(&b, 1), "'Memphis', by a fibre of 136.")
                    != NULL);
    bed_end(&b);
}

static void sites_share_a_node(void)
{
    struct bed b;

    bed_map(&b, MAPS "america.graphml", "Denver", "denver");
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(path_latency_s(&b, 0, 1), 3 * US, 1e-12);
    LH_CHECK(isinf(lh_topology_cut(b.t, 0, 1)));
    bed_end(&b);
}

static void unused_nodes_do_not_matter(void)
{
    struct bed b;

    /* b - c: a stub without coordinates; d: a part of its own; e-e: a loop */
    bed_map_text(
        &b, "stub.graphml",
        "<graphml>"
        "<key id=\"x\" for=\"edge\" attr.name=\"length_km\" "
        "attr.type=\"double\"/>"
        "<graph edgedefault=\"undirected\"><node id=\"a\"/><node id=\"b\"/>"
        "<node id=\"c\"/><node id=\"d\"/><node id=\"e\"/>"
        "<edge source=\"a\" target=\"b\"><data key=\"x\">100</data></edge>"
        "<edge source=\"b\" target=\"c\"/><edge source=\"d\" target=\"e\"/>"
        "<edge source=\"b\" target=\"b\"/></graph></graphml>");
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(links_of(&b, LH_LINK_WAN) == 2);
    LH_CHECK_NEAR(path_latency_s(&b, 0, 1), 3 * US + 0.49e-3, 1e-12);
    LH_CHECK_TEXT(message(&b, 0),
                  "2 of 5 nodes and 1 of 4 edges lie on routes "
                  "between the sites; the others are left out (an edge from a "
                  "node to itself never lies on a route)");
    bed_map_end(&b);
}

static void directed_maps_pair_their_edges(void)
{
    struct bed b;

    bed_map_text(
        &b, "directed.graphml",
        "<graphml>"
        "<key id=\"x\" for=\"edge\" attr.name=\"length_km\" "
        "attr.type=\"double\"/><key id=\"r\" for=\"edge\" "
        "attr.name=\"bandwidth_bits_per_s\" attr.type=\"double\"/>"
        "<graph edgedefault=\"directed\"><node id=\"a\"/><node id=\"b\"/>"
        "<node id=\"c\"/>"
        "<edge source=\"a\" target=\"b\"><data key=\"x\">100</data>"
        "<data key=\"r\">8e9</data></edge>"
        "<edge source=\"b\" target=\"a\"><data key=\"x\">100</data>"
        "<data key=\"r\">16e9</data></edge>"
        "<edge source=\"b\" target=\"c\"><data key=\"x\">9</data></edge>"
        "<edge source=\"c\" target=\"a\"><data key=\"x\">9</data></edge>"
        "</graph></graphml>");
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity_of(&b, "fibre s0->s1"), 1e9, 1e-14);
    LH_CHECK_NEAR(capacity_of(&b, "fibre s1->s0"), 2e9, 1e-14);
    LH_CHECK(links_of(&b, LH_LINK_WAN) == 6);
    LH_CHECK(strstr(message(&b, 0), "2 edges of this directed map have no "
                                    "opposite")
             != NULL);
    LH_CHECK_NEAR(lh_topology_cut(b.t, 0, 1), 1e9 + 10 * GBIT, 1e-9);
    LH_CHECK_NEAR(lh_topology_cut(b.t, 1, 0), 2e9 + 10 * GBIT, 1e-9);
    bed_map_end(&b);
}

static void labels_become_unique(void)
{
    struct bed b;

    bed_map_text(
        &b, "labels.graphml",
        "<graphml>"
        "<key id=\"l\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>"
        "<graph edgedefault=\"undirected\">"
        "<node id=\"0\"><data key=\"l\">a</data></node>"
        "<node id=\"1\"><data key=\"l\">x</data></node>"
        "<node id=\"2\"><data key=\"l\">x</data></node>"
        "<node id=\"3\"><data key=\"l\">b->a #2</data></node>"
        "<node id=\"4\"><data key=\"l\">b</data></node>"
        "<edge source=\"0\" target=\"1\"/><edge source=\"1\" target=\"2\"/>"
        "<edge source=\"2\" target=\"3\"/><edge source=\"3\" target=\"4\"/>"
        "</graph></graphml>");
    b.scenario.layout.length_m = 1e3;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(strstr(path_text(&b, 0, 1),
                    "fibre s0->x | fibre x->x (node 2) | "
                    "fibre x (node 2)->b-_a _2 | fibre b-_a _2->s1")
             != NULL);
    bed_map_end(&b);
}

/* ---- the whole ----------------------------------------------------------- */

static void prints_are_stable(void)
{
    struct bed b;
    struct lh_text text, again;

    bed_begin(&b, 2, LH_FABRIC_RAILS, 2);
    b.sites[1].fabric = fabric_of(LH_FABRIC_SWITCH);
    b.sites[1].gpus = 1;
    fibre_add(&b, 0, 1, 1000e3, 400 * GBIT);
    LH_REQUIRE(bed_build(&b));
    text = lh_text_new(b.ctx.arena);
    again = lh_text_new(b.ctx.arena);
    lh_topology_print(&text, b.t);
    lh_topology_print(&again, b.t);
    LH_CHECK_TEXT(text.s, again.s);
    LH_CHECK(strstr(text.s, "site s0: 2 accelerators in 1 node of 8, rails "
                            "(test-rails), 2 leaf switches\n")
             != NULL);
    LH_CHECK(strstr(text.s, "fibre s0 - s1: 1000 km, RTT 9.84 ms, 400 Gbit/s, "
                            "ideal\n")
             != NULL);
    LH_CHECK(strstr(text.s, "route s0 -> s1: 1 fibre, 1000 km, RTT 9.84 ms, "
                            "400 Gbit/s; cut 400 Gbit/s there, 400 Gbit/s "
                            "back; parted by 1 cut\n")
             != NULL);
    LH_CHECK(strstr(text.s, "s0/node0/gpu1->nvswitch\n") != NULL);
    bed_end(&b);
}

static void large_sites_are_cheap(void)
{
    struct bed b;
    struct timespec begin, end;

    bed_begin(&b, 2, LH_FABRIC_RAILS, 8192);
    b.sites[1].fabric = fabric_of(LH_FABRIC_FAT_TREE);
    fibre_add(&b, 0, 1, 1000e3, 400 * GBIT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    LH_REQUIRE(lh_topology_build(&b.t, &b.scenario, &b.ctx) == LH_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double cpu_s = (double)(end.tv_sec - begin.tv_sec)
                   + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    /* 0.02 s on the machine of 2026; a sanitizer build takes some 10 x */
    LH_CHECK(cpu_s < 1.0);
    LH_CHECK(links_of(&b, LH_LINK_NIC) == 2 * 16384);
    LH_CHECK(lh_topology_check(b.t, &b.ctx) == LH_OK);
    bed_end(&b);
}

/* ---- links by arithmetic ------------------------------------------------- */

/* Machines of all kinds that are small enough for all pairs. */
struct machine {
    enum lh_fabric_kind kind[2];
    int64_t gpus[2];
    double gateway_bytes_per_s;
    int64_t unit[2];
    int64_t building[2]; /* accelerators; 0: one building */
};

static const struct machine machines[] = {
    {{LH_FABRIC_RAILS, LH_FABRIC_RAILS},
     {72, 32},
     (double)INFINITY,
     {32, 8},
     {0, 0}},
    {{LH_FABRIC_RAILS, LH_FABRIC_RAILS}, {100, 11}, 20e9, {32, 8}, {0, 0}},
    {{LH_FABRIC_FAT_TREE, LH_FABRIC_FAT_TREE},
     {128, 16},
     20e9,
     {48, 8},
     {0, 0}},
    {{LH_FABRIC_FAT_TREE, LH_FABRIC_SWITCH}, {33, 5}, 20e9, {16, 1}, {0, 0}},
    {{LH_FABRIC_RAILS, LH_FABRIC_RAILS}, {3, 8}, 20e9, {8, 8}, {0, 0}},
    {{LH_FABRIC_DRAGONFLY, LH_FABRIC_DRAGONFLY},
     {64, 33},
     20e9,
     {64, 40},
     {0, 0}},
    {{LH_FABRIC_DRAGONFLY, LH_FABRIC_RAILS}, {16, 72}, 20e9, {8, 32}, {0, 0}},
    {{LH_FABRIC_RAILS, LH_FABRIC_RAILS}, {150, 72}, 20e9, {64, 24}, {64, 24}},
    {{LH_FABRIC_FAT_TREE, LH_FABRIC_FAT_TREE},
     {200, 40},
     20e9,
     {96, 8},
     {96, 8}},
    {{LH_FABRIC_FAT_TREE, LH_FABRIC_RAILS}, {64, 64}, 20e9, {48, 32}, {64, 32}},
};

static void machine_begin(struct bed *b, const struct machine *m)
{
    bed_begin(b, 2, m->kind[0], m->gpus[0]);
    b->sites[1].fabric = fabric_of(m->kind[1]);
    b->sites[1].gpus = m->gpus[1];
    for (int i = 0; i < 2; i++)
        in_buildings(&b->sites[i].fabric, m->building[i]);
    b->sites[0].gateway_bytes_per_s = m->gateway_bytes_per_s;
    b->sites[1].gateway_bytes_per_s = m->gateway_bytes_per_s;
    fibre_add(b, 0, 1, 1000e3, 400 * GBIT);
    fibre_add(b, 1, 0, 900e3, 100 * GBIT);
}

/* The graph lists its cables from the accelerators up; ids are inverted. */
static void ends_are_those_of_the_graph(void)
{
    for (size_t i = 0; i < LH_COUNT(machines); i++) {
        struct bed b;
        int wrong = 0;

        machine_begin(&b, &machines[i]);
        LH_REQUIRE(bed_build(&b));
        const struct lh__graph *g = lh__graph(b.t, &b.ctx);
        LH_REQUIRE(g != NULL && g->whole);
        LH_CHECK(igraph_vcount(&g->graph) == b.t->n_vertices);
        LH_CHECK(igraph_ecount(&g->graph) == lh_topology_link_count(b.t));
        for (lh_link l = 0; l < lh_topology_link_count(b.t); l++) {
            struct lh_link_info link = lh_topology_link_facts(b.t, l);

            wrong += link.from != IGRAPH_FROM(&g->graph, l)
                     || link.to != IGRAPH_TO(&g->graph, l)
                     || link.from != lh__link_from(b.t, l)
                     || link.to != lh__link_to(b.t, l)
                     || link.site_from != lh__vertex_at(b.t, link.from).site
                     || link.site_to != lh__vertex_at(b.t, link.to).site;
        }
        LH_CHECK(wrong == 0);
        bed_end(&b);
    }
}

static void links_are_found_by_name(void)
{
    static const char *const none[] = {
        "",
        "s0",
        "s0/",
        "s2/node0/gpu0->nvswitch",
        "s0/node00/gpu0->nvswitch",
        "s0/node0/gpu8->nvswitch",
        "s0/node0/gpu0->nvswitch ",
        "s0/node0/gpu0->node0/nvswitch",
        "s0/node0/gpu0->leaf1",
        "s0/node0/gpu0->pod0/leaf0",
        "s0/node12/gpu4->leaf4",
        "s0/node99999999999999999999/gpu0->leaf0",
        "s0/pod0/leaf0->node4/gpu0",
        "s0/pod0/leaf0->gateway",
        "s0/pod4/leaf0->spine",
        "s0/spine->gateway->spine",
        "s0/gateway->border",
        "s1/spine->gateway",
        "fibre s0->s0",
        "fibre s0->s1 #1",
        "fibre s0->s1 #3",
        "fibre s0->s1 #02",
        "fibre s0->s1#2",
        "fibre s0>s1",
        "fibre ->s1",
        "fibre s0->",
    };

    for (size_t i = 0; i < LH_COUNT(machines); i++) {
        struct bed b;
        int wrong = 0;

        machine_begin(&b, &machines[i]);
        LH_REQUIRE(bed_build(&b));
        for (lh_link l = 0; l < lh_topology_link_count(b.t); l++)
            wrong +=
                lh_topology_link_find(b.t, lh_topology_link_at(b.t, l).name)
                != l;
        LH_CHECK(wrong == 0);
        bed_end(&b);
    }
    struct bed b;
    machine_begin(&b, &machines[1]);
    LH_REQUIRE(bed_build(&b));
    for (size_t i = 0; i < LH_COUNT(none); i++)
        LH_CHECK(lh_topology_link_find(b.t, none[i]) == -1);
    LH_CHECK(lh_topology_link_find(b.t, "fibre s1->s0")
             == lh_topology_first_fibre(b.t) + 1);
    LH_CHECK(lh_topology_link_find(b.t, "fibre s1->s0 #2")
             == lh_topology_first_fibre(b.t) + 2);
    bed_end(&b);
}

/* The first accelerator of the unit that an accelerator stands in. */
static int64_t unit_of(const struct bed *b, int64_t a)
{
    int site = lh_topology_accelerator_site(b->t, a);
    int64_t first = site == 0 ? 0 : b->sites[0].gpus;
    int64_t unit = lh_topology_unit(b->t, site);

    return first + (a - first) / unit * unit;
}

/* Of a mesh of groups each has a cable of its own to the gateway. */
static bool is_of_a_group(const struct bed *b, lh_link link)
{
    const struct lh__site *s = lh__link_site(b->t, link);

    return lh__is_mesh(s) && (s->border < 0 || link < s->border_link);
}

/* Links of a path that are neither of its ends' units nor of no unit. */
static int strangers(const struct bed *b, const struct lh_path *path,
                     int64_t from, int64_t to)
{
    int n = 0;

    for (int i = 0; i < path->n_links; i++) {
        lh_link l = path->links[i];
        int64_t unit = lh_topology_link_unit(b->t, l);
        enum lh_link_kind kind = lh_topology_link_facts(b->t, l).kind;

        if (kind == LH_LINK_WAN
            || (kind == LH_LINK_GATEWAY && !is_of_a_group(b, l)))
            n += unit != -1;
        else
            n += unit < 0
                 || (unit != unit_of(b, from) && unit != unit_of(b, to));
    }
    return n;
}

static void paths_keep_to_the_units_of_their_ends(void)
{
    for (size_t i = 0; i < LH_COUNT(machines); i++) {
        struct bed b;
        int wrong = 0;

        machine_begin(&b, &machines[i]);
        LH_REQUIRE(bed_build(&b));
        LH_CHECK(lh_topology_unit(b.t, 0) == machines[i].unit[0]);
        LH_CHECK(lh_topology_unit(b.t, 1) == machines[i].unit[1]);
        int64_t n = lh_topology_accelerator_count(b.t);
        for (int64_t from = 0; from < n; from++)
            for (int64_t to = 0; to < n; to++) {
                struct lh_path path;

                if (from == to)
                    continue;
                lh_topology_path(&path, b.t, from, to);
                wrong += strangers(&b, &path, from, to);
                wrong += path.latency_s != lh_topology_latency(b.t, from, to);
                wrong += !isinf(path.cap_bytes_per_s);
            }
        LH_CHECK(wrong == 0);
        bed_end(&b);
    }
}

/* Whether the path of a pair, a unit further, is the path moved by a unit. */
static bool moves(const struct bed *b, int64_t from, int64_t to, int64_t unit)
{
    struct lh_path path, next;

    lh_topology_path(&path, b->t, from, to);
    lh_topology_path(&next, b->t, from + unit, to + unit);
    if (path.n_links != next.n_links || path.latency_s != next.latency_s)
        return false;
    for (int i = 0; i < path.n_links; i++)
        if (lh_topology_link_shift(b->t, path.links[i], unit) != next.links[i]
            || lh_topology_link_shift(b->t, next.links[i], -unit)
                   != path.links[i])
            return false;
    return true;
}

static void whole_units_are_alike(void)
{
    int64_t n_pairs = 0;

    for (size_t i = 0; i < LH_COUNT(machines); i++) {
        struct bed b;
        int wrong = 0;

        machine_begin(&b, &machines[i]);
        LH_REQUIRE(bed_build(&b));
        for (int site = 0; site < 2; site++) {
            int64_t unit = lh_topology_unit(b.t, site);
            int64_t first = site == 0 ? 0 : b.sites[0].gpus;
            int64_t end = first + (b.sites[site].gpus / unit - 1) * unit;

            for (int64_t from = first; from < end; from++)
                for (int64_t to = first; to < end; to++)
                    if (from != to) {
                        wrong += !moves(&b, from, to, unit);
                        n_pairs++;
                    }
        }
        LH_CHECK(wrong == 0);
        bed_end(&b);
    }
    LH_CHECK(n_pairs > 8000);
}

static void links_move_within_their_site(void)
{
    struct bed b;
    int wrong = 0;

    machine_begin(&b, &machines[0]); /* 72: pods of 32, 32 and 8 */
    LH_REQUIRE(bed_build(&b));
    for (lh_link l = 0; l < lh_topology_link_count(b.t); l++) {
        struct lh_link_info link = lh_topology_link_facts(b.t, l);
        int64_t unit = lh_topology_link_unit(b.t, l);

        if (unit < 0) {
            wrong += lh_topology_link_shift(b.t, l, 32) != l;
            continue;
        }
        int64_t size = lh_topology_unit(b.t, link.site_from);
        lh_link next = lh_topology_link_shift(b.t, l, size);
        if (next < 0)
            continue;
        struct lh_link_info moved = lh_topology_link_facts(b.t, next);
        wrong += lh_topology_link_unit(b.t, next) != unit + size
                 || moved.kind != link.kind || next % 2 != l % 2
                 || moved.site_from != link.site_from
                 || lh_topology_link_shift(b.t, next, -size) != l;
    }
    LH_CHECK(wrong == 0);
    lh_link leaf = lh_topology_link_find(b.t, "s0/pod1/leaf5->spine");
    LH_CHECK(lh_topology_link_unit(b.t, leaf) == 32);
    LH_CHECK_TEXT(
        lh_topology_link_at(b.t, lh_topology_link_shift(b.t, leaf, 32)).name,
        "s0/pod2/leaf5->spine");
    LH_CHECK(lh_topology_link_shift(b.t, leaf, 64) == -1);
    LH_CHECK(lh_topology_link_shift(b.t, leaf, -64) == -1);
    leaf = lh_topology_link_find(b.t, "s0/node8/gpu7->leaf7");
    LH_CHECK(lh_topology_link_unit(b.t, leaf) == 64);
    LH_CHECK(lh_topology_link_shift(b.t, leaf, 32) == -1);
    bed_end(&b);
}

/* Two sites of a size and one on a switch; of the last ones the domain, the
 * pod and the leaf are partly filled where the size says so. */
static void large_begin(struct bed *b, int64_t gpus)
{
    bed_begin(b, 3, LH_FABRIC_RAILS, gpus);
    b->sites[1].fabric = fabric_of(LH_FABRIC_FAT_TREE);
    b->sites[1].fabric.group[0] = 16;
    b->sites[1].fabric.group[1] = 64;
    in_buildings(&b->sites[1].fabric, 8 * 16 * 64);
    b->sites[2].fabric = fabric_of(LH_FABRIC_SWITCH);
    b->sites[2].gpus = 16384;
    fibre_add(b, 0, 1, 1000e3, 400 * GBIT);
    fibre_add(b, 1, 2, 1000e3, 400 * GBIT);
}

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void ten_million_accelerators_cost_nothing(void)
{
    enum { GPUS = 10 * 1024 * 1024 };
    long before_kib = peak_kib();
    struct bed b;

    large_begin(&b, GPUS + 3);
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(lh_topology_accelerator_count(b.t) == 2 * (GPUS + 3) + 16384);
    const struct lh__graph *g = lh__graph(b.t, &b.ctx);
    LH_REQUIRE(g != NULL && !g->whole);
    LH_CHECK(g->n_vertices < 100 && g->n_edges < 400);
    /* an array of a byte a link would be 80 MiB */
    LH_CHECK(peak_kib() - before_kib < 8 * 1024);
    lh_link last = lh_topology_first_fibre(b.t) - 1;
    LH_CHECK(lh_topology_link_find(b.t, lh_topology_link_at(b.t, last).name)
             == last);
    LH_CHECK_TEXT(path_text(&b, 0, GPUS + 2),
                  "s0/node0/gpu0->nvswitch | s0/node0/nvswitch->gpu2 | "
                  "s0/node0/gpu2->leaf2 | s0/pod0/leaf2->spine | "
                  "s0/spine->pod327680/leaf2 | "
                  "s0/pod327680/leaf2->node1310720/gpu2");
    bed_end(&b);
}

/* The vertices and links of a large machine, and what stands for them. */
static void what_stands_for_a_machine_adds_up(void)
{
    static const int64_t sizes[] = {8192, 8193, 8192 + 7, 8192 + 32, 8192 + 40};

    for (size_t i = 0; i < LH_COUNT(sizes); i++) {
        struct bed b;

        large_begin(&b, sizes[i]);
        b.sites[0].gateway_bytes_per_s = 20e9;
        LH_CHECK(bed_build(&b)); /* counts_check() */
        bed_end(&b);
        bed_begin(&b, 1, LH_FABRIC_RAILS, sizes[i]); /* one pod, no gateway */
        b.sites[0].fabric.group[0] = 4096;
        LH_CHECK(bed_build(&b));
        bed_end(&b);
        bed_begin(&b, 1, LH_FABRIC_RAILS, 3 * sizes[i]); /* huge domains */
        b.sites[0].fabric.scale_up_gpus = 6000;
        b.sites[0].fabric.group[0] = 2;
        LH_CHECK(bed_build(&b));
        bed_end(&b);
    }
}

/* The second fibre joins the first two sites as well: the third is alone. */
static void fibre_misplace(struct lh_topology *t)
{
    t->wan.fibres[1] = t->wan.fibres[0];
    t->wan.fibres[1].ordinal = 2;
    t->by_name = lh__by_name_make(&t->wan, t->arena);
}

/* Something is wrong; the check must say so, and what. */
static void planted_faults_are_found(void)
{
    static const char *const wanted[] = {
        NULL,
        "capacity is not above 0",
        "latency is out of range",
        "cannot reach accelerator 0",
        "internal error: topology: ",
        "internal error: topology: ",
        "internal error: topology: ",
        "internal error: topology: ",
    };

    for (size_t i = 0; i < 2 * LH_COUNT(wanted); i++) {
        bool large = i % 2;
        const char *text = wanted[i / 2];
        struct bed b;

        large_begin(&b, large ? 40000 : 80);
        b.sites[2].gpus = large ? 40000 : 7;
        LH_REQUIRE(lh_topology_build(&b.t, &b.scenario, &b.ctx) == LH_OK);
        struct lh__site *s = b.t->sites;
        switch (i / 2) {
        case 0: break;
        case 1: s[0].blocks[1].capacity_bytes_per_s = 0; break;
        case 2: s[1].blocks[0].latency_s = (double)NAN; break;
        case 3: fibre_misplace(b.t); break;
        case 4: s[2].gateway = s[2].first_switch[0]; break;
        case 5: s[1].gateway = s[0].gateway; break;
        case 6: s[0].first_nic += 2; break;
        case 7: s[0].first_up[0] -= 2; break;
        }
        enum lh_status st = lh_topology_check(b.t, &b.ctx);
        LH_CHECK(st == (text == NULL ? LH_OK : LH_FAILED));
        LH_CHECK(text == NULL || strstr(message(&b, 0), text) != NULL);
        bed_end(&b);
    }
}

static void too_many_links_are_refused(void)
{
    struct bed b;

    bed_begin(&b, 1, LH_FABRIC_RAILS, 100000000); /* 4.5 links each */
    b.st = lh_topology_build(&b.t, &b.scenario, &b.ctx);
    LH_REQUIRE(b.st == LH_OK);
    LH_CHECK(lh_topology_check(b.t, &b.ctx) == LH_OK);
    bed_end(&b);
    bed_begin(&b, 6, LH_FABRIC_SWITCH, 100000000); /* 2 each: they fit */
    b.scenario.layout.kind = LH_LAYOUT_RING;
    LH_CHECK(bed_build(&b));
    bed_end(&b);
    bed_begin(&b, 6, LH_FABRIC_RAILS, 100000000);
    b.scenario.layout.kind = LH_LAYOUT_RING;
    LH_CHECK(!bed_build(&b) && b.st == LH_BAD_INPUT);
    LH_CHECK(lh_diag_total(&b.ctx) == 1);
    LH_CHECK_TEXT(message(&b, 0),
                  "600000000 accelerators have 2700000024 links; more than "
                  "2147483647 are not supported by this version");
    bed_end(&b);
}

static void table_rows_build(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv csv;

    LH_REQUIRE(lh_data_read(&csv, "fabrics", &ctx) == LH_OK);
    LH_REQUIRE(csv.n_rows >= 7);
    for (int i = 0; i < csv.n_rows; i++) {
        struct bed b;

        bed_begin(&b, 1, LH_FABRIC_SWITCH, 1280); /* whole slices of tori */
        LH_REQUIRE(lh_fabric_by_name(&b.sites[0].fabric,
                                     lh_csv_cell(&csv, i, 0), LH_NOWHERE,
                                     &b.ctx)
                   == LH_OK);
        LH_CHECK(bed_build(&b));
        LH_CHECK(lh_diag_total(&b.ctx) == 0);
        bed_end(&b);
    }
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a switch joins all", switch_joins_all},
        {"rails of one pod", rails_of_one_pod},
        {"rails of several pods", rails_of_several_pods},
        {"rails of a partly filled node", rails_of_a_partly_filled_node},
        {"levels of a fat-tree", fat_tree_levels},
        {"oversubscription of a fat-tree", fat_tree_oversubscription},
        {"buildings of rails", buildings_of_rails},
        {"buildings of one pod", buildings_of_one_pod},
        {"one building is no campus", one_building_is_no_campus},
        {"buildings are whole groups", buildings_are_whole_groups},
        {"accelerators by site", accelerators_are_numbered_by_site},
        {"wrong fabrics are refused", wrong_fabrics_are_refused},
        {"two sites by hand", two_sites_by_hand},
        {"gateways limit in total", gateways_limit_in_total},
        {"the spine carries the gateway", spine_carries_the_gateway},
        {"lengths are geodesics", lengths_are_geodesics},
        {"unknown lengths are refused", unknown_lengths_are_refused},
        {"parallel fibres", parallel_fibres},
        {"layouts have their fibres", layouts_have_their_fibres},
        {"routes take least latency", routes_take_least_latency},
        {"cuts of meshes and hubs", cuts_of_meshes},
        {"lone sites are refused", lone_sites_are_refused},
        {"our maps read", our_maps_read},
        {"all of the zoo reads", zoo_files_read},
        {"a map without coordinates", zoo_without_coordinates},
        {"Abilene by name", abilene_by_name},
        {"bandwidths of maps", map_bandwidths},
        {"malformed maps are refused", malformed_maps_are_refused},
        {"broken maps are refused", broken_maps_are_refused},
        {"missing maps are refused", missing_maps_are_refused},
        {"sites need a node", sites_need_a_node},
        {"sites attach to the nearest node", sites_attach_to_the_nearest},
        {"sites share a node", sites_share_a_node},
        {"unused nodes do not matter", unused_nodes_do_not_matter},
        {"directed maps pair their edges", directed_maps_pair_their_edges},
        {"labels become unique", labels_become_unique},
        {"prints are stable", prints_are_stable},
        {"large sites are cheap", large_sites_are_cheap},
        {"ends are those of the graph", ends_are_those_of_the_graph},
        {"links are found by name", links_are_found_by_name},
        {"paths keep to the units of their ends",
         paths_keep_to_the_units_of_their_ends},
        {"whole units are alike", whole_units_are_alike},
        {"links move within their site", links_move_within_their_site},
        {"ten million accelerators cost nothing",
         ten_million_accelerators_cost_nothing},
        {"what stands for a machine adds up",
         what_stands_for_a_machine_adds_up},
        {"planted faults are found", planted_faults_are_found},
        {"too many links are refused", too_many_links_are_refused},
        {"rows of fabrics.csv build", table_rows_build},
    };

    return lh_unit_run("topology", tests, LH_COUNT(tests));
}
