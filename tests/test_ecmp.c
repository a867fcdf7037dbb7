/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Hashed ECMP (docs/model.md, "Hashed ECMP"): cables of an uplink and their
 * capacities by hand, ids, units and names of theirs, paths over all pairs, how
 * evenly the hash spreads; the time of flows that collide on a cable and of
 * flows that do not by hand; and what is refused.
 * That folded and unfolded steps agree is tests/test_fold.c's.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "../topologies/topology.h"
#include "unit.h"

#define US   1e-6
#define GB_S 1e9

/* A topology of one or two sites filled by hand, hashed by seed 1. */
struct bed {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_site sites[2];
    struct lh_fibre fibre;
    struct lh_topology *t;
};

/* A leaf of a pod of 4 nodes has 4 NICs of 50 GB/s below, 100 GB/s above. */
static struct lh_fabric rails(void)
{
    return (struct lh_fabric){
        .name = "test-rails",
        .kind = LH_FABRIC_RAILS,
        .scale_up_gpus = 8,
        .scale_up_bytes_per_s = 400 * GB_S,
        .scale_up_latency_s = 2 * US,
        .scale_up_frac = 0.75,
        .nic_bytes_per_s = 50 * GB_S,
        .nic_latency_s = 1 * US,
        .nic_frac = 0.9,
        .switch_latency_s = 0.5 * US,
        .spread_frac = 0.8,
        .n_levels = 1,
        .group = {4},
        .n_oversubscription = 1,
        .oversubscription = {2},
    };
}

/* Leaves of 2 nodes, spine layers of 3 leaves, and a core. */
static struct lh_fabric fat_tree(void)
{
    struct lh_fabric f = rails();

    f.name = "test-fat-tree";
    f.kind = LH_FABRIC_FAT_TREE;
    f.n_levels = 2;
    f.group[0] = 2;
    f.group[1] = 3;
    f.n_oversubscription = 2;
    f.oversubscription[1] = 1;
    return f;
}

static void bed_begin(struct bed *b, struct lh_fabric fabric, int64_t gpus)
{
    memset(b, 0, sizeof *b);
    b->ctx = lh_ctx_begin();
    b->scenario.n_sites = 1;
    b->scenario.sites = b->sites;
    b->scenario.routing = LH_ECMP;
    b->scenario.seed = 1;
    b->sites[0] = (struct lh_site){.name = "a",
                                   .gpus = gpus,
                                   .fabric = fabric,
                                   .gateway_bytes_per_s = (double)INFINITY,
                                   .where = {"t.yaml", 10, 3}};
}

/* And a second site, with a fibre to it. */
static void bed_join(struct bed *b, struct lh_fabric fabric, int64_t gpus)
{
    b->sites[1] = b->sites[0];
    b->sites[1].name = "b";
    b->sites[1].gpus = gpus;
    b->sites[1].fabric = fabric;
    b->scenario.n_sites = 2;
    b->fibre = (struct lh_fibre){.site_b = 1,
                                 .length_m = 100e3,
                                 .route_factor = 1,
                                 .bytes_per_s = 50 * GB_S,
                                 .where = {"t.yaml", 20, 3}};
    b->scenario.n_fibres = 1;
    b->scenario.fibres = &b->fibre;
}

/* Builds it; its invariants hold, paths among them. */
static bool bed_build(struct bed *b)
{
    if (lh_topology_build(&b->t, &b->scenario, &b->ctx) != LH_OK)
        return false;
    LH_CHECK(lh_topology_check(b->t, &b->ctx) == LH_OK);
    return true;
}

static void bed_end(struct bed *b)
{
    lh_topology_free(b->t);
    lh_ctx_end(&b->ctx);
}

static double capacity(const struct bed *b, const char *name)
{
    lh_link link = lh_topology_link_find(b->t, name);

    return link < 0 ? (double)NAN : lh_topology_link_capacity(b->t, link);
}

static const char *name_of(const struct bed *b, lh_link link)
{
    return lh_topology_link_at(b->t, link).name;
}

static int count_of(const struct bed *b, enum lh_link_kind kind)
{
    int n = 0;

    for (lh_link l = 0; l < lh_topology_link_count(b->t); l++)
        n += lh_topology_link_facts(b->t, l).kind == kind;
    return n;
}

/* ---- cables -------------------------------------------------------------- */

static void cables_are_derived(void)
{
    struct bed b;

    bed_begin(&b, rails(), 72); /* pods of 4, 4 and 1 nodes */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(lh_topology_is_hashed(b.t));
    /* 4 NICs / 2, in both directions, of the partly filled pod as well */
    LH_CHECK(count_of(&b, LH_LINK_LEAF) == 2 * 3 * 8 * 2);
    LH_CHECK_NEAR(capacity(&b, "a/pod2/leaf7->spine#1"), 50 * GB_S, 1e-14);
    LH_CHECK_NEAR(capacity(&b, "a/spine->pod0/leaf0#0"), 50 * GB_S, 1e-14);
    LH_CHECK_NEAR(capacity(&b, "a/node0/gpu0->leaf0"), 45 * GB_S, 1e-14);
    bed_end(&b);
    bed_begin(&b, fat_tree(), 128); /* 8 leaves, 3 spine layers */
    LH_REQUIRE(bed_build(&b));
    /* 2 x 8 / 2 of a leaf, 3 / 1 of a spine layer, each as fast as a leaf's */
    LH_CHECK(count_of(&b, LH_LINK_LEAF) == 2 * 8 * 8);
    LH_CHECK(count_of(&b, LH_LINK_SPINE) == 2 * 3 * 3);
    LH_CHECK_NEAR(capacity(&b, "a/leaf7->spine2#7"), 50 * GB_S, 1e-14);
    LH_CHECK_NEAR(capacity(&b, "a/spine2->core#2"), 400 * GB_S, 1e-14);
    bed_end(&b);
    bed_begin(&b, fat_tree(), 128);
    b.sites[0].fabric.oversubscription[1] = 7; /* 3 / 7: at least 1 */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity(&b, "a/spine2->core"), 1200.0 / 7 * GB_S, 1e-14);
    bed_end(&b);
}

static void cables_are_given(void)
{
    struct bed b;

    bed_begin(&b, fat_tree(), 128);
    b.sites[0].fabric.n_cables = 1; /* of a leaf; further up derived */
    b.sites[0].fabric.cables[0] = 5;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK_NEAR(capacity(&b, "a/leaf7->spine2#4"), 80 * GB_S, 1e-14);
    LH_CHECK(isnan(capacity(&b, "a/leaf7->spine2#5")));
    LH_CHECK_NEAR(capacity(&b, "a/spine2->core#2"), 400 * GB_S, 1e-14);
    struct lh_text text = lh_text_new(b.ctx.arena);
    lh_topology_print(&text, b.t);
    LH_CHECK(strstr(text.s, ", 5 hashed cables up from a leaf, 3 hashed cables "
                            "up from a spine\n")
             != NULL);
    LH_CHECK(strstr(text.s, "  leaf          80 links  640 Gbit/s") != NULL);
    bed_end(&b);
    bed_begin(&b, rails(), 72);
    b.sites[0].fabric.n_cables = 1;
    b.sites[0].fabric.cables[0] = 0;
    LH_CHECK(!bed_build(&b));
    LH_CHECK_TEXT(lh_diag_at(&b.ctx, 0)->text,
                  "site 'a': fabric: cables[0] is 0; it must be 1 to 65536");
    bed_end(&b);
}

static void sprayed_over_they_are_one(void)
{
    struct bed b;

    bed_begin(&b, rails(), 72);
    b.scenario.routing = LH_SPRAY;
    b.sites[0].fabric.n_cables = 1;
    b.sites[0].fabric.cables[0] = 5;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(!lh_topology_is_hashed(b.t));
    LH_CHECK(count_of(&b, LH_LINK_LEAF) == 2 * 3 * 8);
    LH_CHECK_NEAR(capacity(&b, "a/pod2/leaf7->spine"), 80 * GB_S, 1e-14);
    bed_end(&b);
    bed_begin(&b, rails(), 32); /* one pod has no uplinks */
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(!lh_topology_is_hashed(b.t));
    bed_end(&b);
    bed_begin(&b, rails(), 72); /* one cable: what is left is no spraying */
    b.sites[0].fabric.n_cables = 1;
    b.sites[0].fabric.cables[0] = 1;
    LH_REQUIRE(bed_build(&b));
    LH_CHECK(!lh_topology_is_hashed(b.t));
    LH_CHECK_NEAR(capacity(&b, "a/pod2/leaf7->spine"), 100 * GB_S, 1e-14);
    bed_end(&b);
}

/* ---- ids, names, units --------------------------------------------------- */

/* The graph lists its cables from the accelerators up; ids are inverted. */
static void links_are_those_of_the_graph(void)
{
    struct bed b;
    int wrong = 0;

    bed_begin(&b, fat_tree(), 128);
    bed_join(&b, rails(), 75);
    LH_REQUIRE(bed_build(&b));
    const struct lh__graph *g = lh__graph(b.t, &b.ctx);
    LH_REQUIRE(g != NULL && g->whole);
    LH_CHECK(igraph_ecount(&g->graph) == lh_topology_link_count(b.t));
    for (lh_link l = 0; l < lh_topology_link_count(b.t); l++)
        wrong += lh__link_from(b.t, l) != IGRAPH_FROM(&g->graph, l)
                 || lh__link_to(b.t, l) != IGRAPH_TO(&g->graph, l)
                 || lh_topology_link_find(b.t, name_of(&b, l)) != l;
    LH_CHECK(wrong == 0);
    bed_end(&b);
}

static void no_other_name_finds_a_link(void)
{
    static const char *const none[] = {
        "a/leaf0->spine0",
        "a/leaf0->spine0#",
        "a/leaf0->spine0#8",
        "a/leaf0->spine0#08",
        "a/leaf0->spine0#-1",
        "a/leaf0->spine0 #1",
        "a/leaf0->spine1#0",
        "a/leaf0#1->spine0",
        "a/spine0->leaf0#8",
        "a/node0/gpu0->leaf0#0",
        "a/core->gateway#0",
        "fibre a->b#0",
        "a/leaf0->spine0#99999999999999999999",
    };
    struct bed b;

    bed_begin(&b, fat_tree(), 128);
    bed_join(&b, rails(), 75);
    LH_REQUIRE(bed_build(&b));
    for (size_t i = 0; i < LH_COUNT(none); i++)
        LH_CHECK(lh_topology_link_find(b.t, none[i]) == -1);
    lh_link up = lh_topology_link_find(b.t, "a/leaf0->spine0#7");
    LH_CHECK_TEXT(name_of(&b, up ^ 1), "a/spine0->leaf0#7");
    bed_end(&b);
}

/* A cable stands in the unit of its lower end, and moves by units as it. */
static void cables_move_with_their_switch(void)
{
    struct bed b;
    int wrong = 0, n = 0;

    bed_begin(&b, rails(), 75); /* units of 32 */
    bed_join(&b, fat_tree(), 128);
    LH_REQUIRE(bed_build(&b));
    for (lh_link l = 0; l < lh_topology_link_count(b.t); l++) {
        struct lh_link_info link = lh_topology_link_facts(b.t, l);
        if (link.kind != LH_LINK_LEAF && link.kind != LH_LINK_SPINE)
            continue;
        int64_t unit = lh_topology_unit(b.t, link.site_from);
        int64_t at = lh_topology_link_unit(b.t, l);
        lh_link next = lh_topology_link_shift(b.t, l, unit);
        wrong += at < 0 || (at - (link.site_from ? 75 : 0)) % unit != 0;
        if (next < 0)
            continue;
        n++;
        wrong += lh_topology_link_unit(b.t, next) != at + unit
                 || lh_topology_link_facts(b.t, next).kind != link.kind
                 || lh_topology_link_shift(b.t, next, -unit) != l;
    }
    LH_CHECK(wrong == 0);
    /* of 3 pods 2, 8 leaves and 2 cables each; of 3 spines 2, 3 cables; of 8
     * leaves 5 */
    LH_CHECK(n == 2 * (2 * 8 * 2 + 2 * 3 + 5 * 8));
    lh_link l = lh_topology_link_find(b.t, "a/pod1/leaf5->spine#1");
    LH_CHECK(lh_topology_link_unit(b.t, l) == 32);
    LH_CHECK_TEXT(name_of(&b, lh_topology_link_shift(b.t, l, 32)),
                  "a/pod2/leaf5->spine#1");
    LH_CHECK(lh_topology_link_shift(b.t, l, 64) == -1);
    bed_end(&b);
}

static void large_machines_add_up(void)
{
    struct bed b;

    bed_begin(&b, rails(), 65536 + 40);
    bed_join(&b, fat_tree(), 65536 + 17);
    b.sites[0].fabric.n_cables = 1;
    b.sites[0].fabric.cables[0] = 1000;
    LH_CHECK(bed_build(&b)); /* counts_check() */
    const struct lh__graph *g = lh__graph(b.t, &b.ctx);
    LH_REQUIRE(g != NULL);
    LH_CHECK(!g->whole && g->n_edges < 1000);
    bed_end(&b);
    bed_begin(&b, rails(), 10 * 1000 * 1000);
    b.sites[0].fabric.n_cables = 1;
    b.sites[0].fabric.cables[0] = 65536;
    LH_CHECK(!bed_build(&b));
    LH_CHECK(strstr(lh_diag_at(&b.ctx, 0)->text,
                    "more than 2147483647 are not supported")
             != NULL);
    bed_end(&b);
}

/* ---- paths --------------------------------------------------------------- */

/* Up over cables and down over those of the same index, level by level. */
static bool mirrors(const struct bed *b, const struct lh_path *path)
{
    int64_t cable[2][LH__LEVELS];
    int n[2] = {0, 0};

    for (int i = 0; i < path->n_links; i++) {
        const struct lh__site *s = lh__link_site(b->t, path->links[i]);
        if (path->links[i] >= b->t->first_wan)
            continue;
        const struct lh__block *block = lh__link_block(s, path->links[i]);
        int way = path->links[i] % 2;
        if (block->kind == LH_LINK_LEAF || block->kind == LH_LINK_SPINE)
            cable[way][n[way]++] = lh__link_cable(block, path->links[i]);
    }
    for (int i = 0; i < n[0]; i++)
        if (n[0] != n[1] || cable[0][i] != cable[1][n[1] - 1 - i])
            return false;
    return true;
}

/* That paths are walks is lh_topology_check()'s, of a small machine for all
 * pairs. */
static void down_as_up(void)
{
    for (int i = 0; i < 3; i++) {
        struct bed b;
        int wrong = 0, n_hashed = 0;

        bed_begin(&b, i == 0 ? rails() : fat_tree(), 100);
        if (i == 2)
            bed_join(&b, fat_tree(), 100);
        LH_REQUIRE(bed_build(&b));
        int64_t n = lh_topology_accelerator_count(b.t);
        for (int64_t from = 0; from < n; from++)
            for (int64_t to = 0; to < n; to++) {
                struct lh_path path;

                if (from == to)
                    continue;
                lh_topology_path(&path, b.t, from, to);
                wrong += !mirrors(&b, &path);
                wrong += path.latency_s != lh_topology_latency(b.t, from, to);
                n_hashed += path.n_links > 3;
            }
        LH_CHECK(wrong == 0);
        LH_CHECK(n_hashed > 1000);
        bed_end(&b);
    }
}

static void small_machines_have_walks(void)
{
    struct bed b;

    bed_begin(&b, fat_tree(), 16);
    b.sites[0].fabric.scale_up_gpus = 1; /* all pairs: 8 leaves, 3 spines */
    LH_CHECK(bed_build(&b));
    bed_end(&b);
}

/* The cable of level k up from the leaf of one, to another leaf. */
static int64_t cable_up(const struct bed *b, int64_t from, int64_t to, int k)
{
    struct lh_path path;

    lh_topology_path(&path, b->t, from, to);
    for (int i = 0; i < path.n_links; i++) {
        const struct lh__block *block =
            lh__link_block(lh__link_site(b->t, path.links[i]), path.links[i]);
        if (block->kind >= LH_LINK_LEAF && block->level == k)
            return lh__link_cable(block, path.links[i]);
    }
    return -1;
}

/* Pearson's sum of n counts that are expected to be equal. */
static double chi_squared(const int64_t *count, int n)
{
    int64_t all = 0;
    double sum = 0;

    for (int i = 0; i < n; i++)
        all += count[i];
    double mean = (double)all / n;
    for (int i = 0; i < n; i++)
        sum += pow((double)count[i] - mean, 2) / mean;
    return sum;
}

enum { BINS = 16 }; /* 15 degrees of freedom: 99.9 % lie below 37.7 */

/* Over connections between any two pods of a rail.  A sum over seeds has the
 * sum of their degrees of freedom: 1500, standard deviation 55. */
static void the_hash_spreads_evenly(void)
{
    double sum = 0;

    for (int64_t seed = 1; seed <= 100; seed++) {
        struct bed b;
        int64_t count[BINS] = {0};

        bed_begin(&b, rails(), 512);
        b.scenario.seed = seed;
        b.sites[0].fabric.n_cables = 1;
        b.sites[0].fabric.cables[0] = BINS;
        LH_REQUIRE(lh_topology_build(&b.t, &b.scenario, &b.ctx) == LH_OK);
        for (int64_t from = 0; from < 512; from += 8)
            for (int64_t to = 0; to < 512; to += 8)
                if (from / 32 != to / 32)
                    count[cable_up(&b, from, to, 0)]++;
        for (int i = 0; i < BINS; i++)
            LH_CHECK(count[i] > 0);
        sum += chi_squared(count, BINS);
        bed_end(&b);
    }
    LH_CHECK(fabs(sum - 1500) < 3 * 55);
}

/* No polarisation: the cable of the spine does not follow from the leaf's. */
static void levels_choose_independently(void)
{
    struct bed b;
    int64_t count[BINS] = {0};

    bed_begin(&b, fat_tree(), 480); /* 30 leaves, 10 spines */
    b.sites[0].fabric.n_cables = 2;
    b.sites[0].fabric.cables[0] = 4;
    b.sites[0].fabric.cables[1] = 4;
    LH_REQUIRE(bed_build(&b));
    for (int64_t from = 0; from < 480; from += 4)
        for (int64_t to = 0; to < 480; to += 4)
            if (from / 48 != to / 48)
                count[4 * cable_up(&b, from, to, 0)
                      + cable_up(&b, from, to, 1)]++;
    LH_CHECK(chi_squared(count, BINS) < 37.7);
    bed_end(&b);
}

/* The same seed has the same paths, another one others: of 2 cables half. */
static void the_seed_decides(void)
{
    struct bed b[3];
    int same = 0, as_other = 0, n = 0;

    for (int i = 0; i < 3; i++) {
        bed_begin(&b[i], rails(), 512);
        b[i].scenario.seed = i < 2 ? 7 : 8;
        LH_REQUIRE(bed_build(&b[i]));
    }
    for (int64_t from = 0; from < 512; from += 8)
        for (int64_t to = 0; to < 512; to += 8) {
            if (from / 32 == to / 32)
                continue;
            int64_t cable = cable_up(&b[0], from, to, 0);
            n++;
            same += cable == cable_up(&b[1], from, to, 0);
            as_other += cable == cable_up(&b[2], from, to, 0);
        }
    LH_CHECK(same == n);
    LH_CHECK_NEAR((double)as_other / n, 0.5, 0.05);
    for (int i = 0; i < 3; i++)
        bed_end(&b[i]);
}

/* ---- steps --------------------------------------------------------------- */

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_sim_point point;
    struct lh_trace trace;
};

static void run_begin(struct run *r, const char *text)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    enum lh_status st = lh_scenario_read_text(
        &r->scenario, "t.yaml", text, strlen(text), ".", NULL, 0, &r->ctx);
    if (st == LH_OK)
        st = lh_topology_build(&r->topology, &r->scenario, &r->ctx);
    if (st == LH_OK)
        st = lh_program_build(&r->program, &r->scenario, &r->ctx);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&r->ctx); i++)
        LH_CHECK_TEXT(lh_diag_at(&r->ctx, i)->text, "");
    LH_REQUIRE(st == LH_OK);
    r->point = (struct lh_sim_point){&r->scenario, &r->program, r->topology};
}

static void run_end(struct run *r)
{
    lh_topology_free(r->topology);
    lh_ctx_end(&r->ctx);
}

/* Two pods of two accelerators, and two cables of 200 Gbit/s from pod to pod.
 * Tensor groups are the pods; accelerator 0 exchanges gradients with 2, at the
 * same time as 1 does with 3. */
static const char two_pods[] =
    "longhaul: 1\nmodel: llama-3.1-8b\nseed: %d\n"
    "training: {global_batch: 2, sequence_length: 2048}\n"
    "plan: {tensor: 2, zero: 0, overlap: {gradients: false}}\n"
    "sync: {algorithm: ring}\n"
    "engine: {routing: ecmp, collectives: %s}\n"
    "sites:\n  - name: a\n    gpus: 4\n    device: h100-sxm\n"
    "    fabric: {name: h100-roce-pods, scale_up_gpus: 1, group: [2],\n"
    "             oversubscription: 2, cables: [2]}\n";

static bool is_exchange(const struct run *r, int64_t record)
{
    int32_t g = r->trace.group[record];

    return g >= 0
           && r->program.comms[r->trace.group_comm[g]].axes
                  == LH_AXIS_BIT(LH_AXIS_DATA)
           && r->program.comms[r->trace.group_comm[g]].bytes > 1e9;
}

/* Both leave a pod over one cable: 0 and 1 upwards, or 2 and 3. */
static bool collides(const struct run *r)
{
    struct bed b = {.t = r->topology};

    return cable_up(&b, 0, 2, 0) == cable_up(&b, 1, 3, 0)
           || cable_up(&b, 2, 0, 0) == cable_up(&b, 3, 1, 0);
}

/* 2 (n - 1) / n S = S bytes cross each way, over a cable of 25 GB/s or, where
 * two share it, half of that; and the latency of two hops of Simple, which so
 * many bytes take. */
static void check_exchange(const struct run *r)
{
    double cable_bytes_per_s = 25 * GB_S / (collides(r) ? 2 : 1);
    const struct lh_protocol *p =
        &r->scenario.sites[0].fabric.library.protocol[LH_PROTOCOL_SIMPLE];
    double alpha_s = p->base_s + 2 * (2 * 1.8 * US + 2 * 1 * US + p->network_s);
    int n = 0;

    for (int64_t i = 0; i < r->trace.n_records; i++) {
        if (!is_exchange(r, i))
            continue;
        double bytes =
            r->program.comms[r->trace.group_comm[r->trace.group[i]]].bytes;
        LH_CHECK_NEAR(r->trace.end_s[i] - r->trace.start_s[i],
                      alpha_s + bytes / cable_bytes_per_s, 1e-9);
        n++;
    }
    LH_CHECK(n >= 1);
}

static void flows_that_collide_share_a_cable(void)
{
    int n_collide = 0;

    for (int seed = 1; seed <= 12; seed++) {
        struct run r;
        struct lh_arena *arena = lh_arena_new();

        run_begin(&r, lh_format(arena, two_pods, seed, "coupled"));
        LH_REQUIRE(lh_sim_run(&r.trace, &r.point, &r.ctx) == LH_OK);
        check_exchange(&r);
        n_collide += collides(&r);
        run_end(&r);
        lh_arena_free(arena);
    }
    LH_CHECK(n_collide > 2 && n_collide < 12); /* three of four on average */
}

/* Message by message the same cables are taken. */
static void messages_take_the_same_cables(void)
{
    double longest_s[2] = {0, 0}; /* without and with a collision */

    for (int seed = 1; seed <= 8; seed++) {
        struct run r;
        struct lh_arena *arena = lh_arena_new();

        run_begin(&r, lh_format(arena, two_pods, seed, "messages"));
        LH_REQUIRE(lh_sim_run(&r.trace, &r.point, &r.ctx) == LH_OK);
        for (int64_t i = 0; i < r.trace.n_records; i++)
            if (is_exchange(&r, i))
                longest_s[collides(&r)] =
                    fmax(longest_s[collides(&r)],
                         r.trace.end_s[i] - r.trace.start_s[i]);
        run_end(&r);
        lh_arena_free(arena);
    }
    LH_CHECK_NEAR(longest_s[1] / longest_s[0], 2.0, 0.01);
}

/* ---- what does not fold -------------------------------------------------- */

/* Tensor groups over two leaves: every rank has its own cables. */
static const char unfolded[] =
    "longhaul: 1\nmodel: llama-3.1-8b\n"
    "plan: {tensor: 8, overlap: {gradients: false}}\n"
    "engine: {routing: %s}\n"
    "sites:\n  - name: a\n    gpus: %d\n    device: h100-sxm\n"
    "    fabric: {name: h100-roce-pods, scale_up_gpus: 4,\n"
    "             group: [1, 64, 64]}\n";

static enum lh_status check_of(struct run *r, const char *routing, int gpus)
{
    struct lh_arena *arena = lh_arena_new();

    run_begin(r, lh_format(arena, unfolded, routing, gpus));
    lh_arena_free(arena);
    return lh_sim_check(&r->point, &r->ctx);
}

static void too_many_classes_are_refused(void)
{
    struct run r;

    LH_CHECK(check_of(&r, "ecmp", 2000) == LH_OK);
    run_end(&r);
    LH_CHECK(check_of(&r, "ecmp", 2048) == LH_UNREACHABLE);
    LH_CHECK(lh_diag_total(&r.ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&r.ctx, 0)->text,
                  "hashed routes leave 2048 classes of 2048 ranks; this "
                  "version simulates at most 2000: fewer accelerators, e.g. "
                  "--set sites[0].gpus=..., or --set engine.routing=spray");
    run_end(&r);
    LH_CHECK(check_of(&r, "spray", 2048) == LH_OK);
    run_end(&r);
}

/* One large ring of aligned rails: few classes, whatever the hash. */
static void large_rings_fold(void)
{
    static const char text[] =
        "longhaul: 1\nmodel: llama-3.1-8b\n"
        "plan: {tensor: 8, overlap: {gradients: false}}\n"
        "engine: {routing: ecmp}\n"
        "sites: [{name: a, gpus: 16384, device: h100-sxm}]\n";
    struct run r;

    run_begin(&r, text);
    LH_CHECK(lh_topology_is_hashed(r.topology));
    LH_REQUIRE(lh_sim_run(&r.trace, &r.point, &r.ctx) == LH_OK);
    LH_CHECK(r.trace.n_classes <= 16);
    run_end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"cables are derived", cables_are_derived},
        {"cables are given", cables_are_given},
        {"sprayed over they are one", sprayed_over_they_are_one},
        {"links are those of the graph", links_are_those_of_the_graph},
        {"no other name finds a link", no_other_name_finds_a_link},
        {"cables move with their switch", cables_move_with_their_switch},
        {"large machines add up", large_machines_add_up},
        {"down as up", down_as_up},
        {"small machines have walks", small_machines_have_walks},
        {"the hash spreads evenly", the_hash_spreads_evenly},
        {"levels choose independently", levels_choose_independently},
        {"the seed decides", the_seed_decides},
        {"flows that collide share a cable", flows_that_collide_share_a_cable},
        {"messages take the same cables", messages_take_the_same_cables},
        {"too many classes are refused", too_many_classes_are_refused},
        {"large rings fold", large_rings_fold},
    };

    return lh_unit_run("ecmp", tests, LH_COUNT(tests));
}
