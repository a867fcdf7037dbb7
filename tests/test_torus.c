/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tori: their cables, names and paths; the collectives along their dimensions
 * against a literal run of the algorithm, unit by unit; and lone collectives,
 * placed, folded and simulated, against closed forms.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/flow.h"
#include "../topologies/topology.h"
#include "lone_comm.h"
#include "unit.h"

enum { CHIPS_MAX = 256 };

static const double link_bytes_per_s = 40e9, link_s = 1e-6;
static const double nic = 50e9, nic_s = 2e-6, level_s = 5e-7;
static const double base_s = 1e-5;

/* Sides of one to three dimensions, 0: no more. */
struct sides {
    int64_t n[LH_TORUS_DIMS];
};

static const struct sides all_sides[] = {
    {{4, 4, 4}}, {{2, 2, 2}}, {{3, 3, 3}}, {{2, 3, 4}}, {{4, 1, 2}},
    {{1, 5, 1}}, {{4, 4, 0}}, {{3, 5, 0}}, {{6, 2, 0}}, {{2, 0, 0}},
    {{7, 0, 0}}, {{8, 0, 0}}, {{5, 3, 2}}, {{2, 8, 3}}, {{3, 6, 5}},
};

static struct lh_fabric torus_of(const struct sides *s)
{
    struct lh_fabric f = {.name = "test",
                          .kind = LH_FABRIC_TORUS,
                          .scale_up_gpus = 1,
                          .scale_up_bytes_per_s = 2 * link_bytes_per_s,
                          .scale_up_latency_s = link_s,
                          .scale_up_frac = 0.5,
                          .nic_bytes_per_s = nic,
                          .nic_latency_s = nic_s,
                          .nic_frac = 1,
                          .switch_latency_s = level_s,
                          .spread_frac = 1,
                          .n_oversubscription = 1,
                          .oversubscription = {1}};

    for (int d = 0; d < LH_TORUS_DIMS && s->n[d] > 0; d++) {
        f.dims[f.n_dims++] = s->n[d];
        f.scale_up_gpus *= s->n[d];
    }
    return f;
}

struct world {
    struct lh_ctx ctx;
    struct lh_site site;
    struct lh_scenario scenario;
    struct lh_topology *t;
    const struct sides *sides;
    int64_t slice;
};

static enum lh_status world_build(struct world *w, const struct lh_fabric *f,
                                  int64_t gpus)
{
    *w = (struct world){.ctx = lh_ctx_begin(), .slice = f->scale_up_gpus};
    w->site = (struct lh_site){.name = "s",
                               .gpus = gpus,
                               .fabric = *f,
                               .gateway_bytes_per_s = (double)INFINITY};
    w->scenario =
        (struct lh_scenario){.name = "torus", .n_sites = 1, .sites = &w->site};
    return lh_topology_build(&w->t, &w->scenario, &w->ctx);
}

static void world_begin(struct world *w, const struct sides *s, int slices)
{
    struct lh_fabric f = torus_of(s);

    LH_REQUIRE(world_build(w, &f, slices * f.scale_up_gpus) == LH_OK);
    w->sides = s;
}

static void world_end(struct world *w)
{
    lh_topology_free(w->t);
    lh_ctx_end(&w->ctx);
}

static int64_t side(const struct sides *s, int d)
{
    return s->n[d] > 0 ? s->n[d] : 1;
}

static int64_t coordinate(const struct sides *s, int64_t chip, int d)
{
    for (int k = 0; k < d; k++)
        chip /= side(s, k);
    return chip % side(s, d);
}

static const char *message(const struct world *w, int i)
{
    return i < lh_diag_total(&w->ctx) ? lh_diag_at(&w->ctx, i)->text : "";
}

/* ---- cables and names ---------------------------------------------------- */

static int64_t cables_of(const struct sides *s, int64_t slice)
{
    int64_t n = 0;

    for (int d = 0; d < LH_TORUS_DIMS; d++)
        n += side(s, d) == 1 ? 0 : side(s, d) == 2 ? slice / 2 : slice;
    return n;
}

/* The chip that a link's name says it leads to: one further along the axis. */
static bool leads_where_it_says(const struct world *w,
                                const struct lh_link_info *link)
{
    const char *arrow = strstr(link->name, "->");
    int d = arrow[2] - 'x';
    int step = arrow[3] == '+' ? 1 : -1;

    for (int k = 0; k < LH_TORUS_DIMS; k++) {
        int64_t size = side(w->sides, k);
        int64_t from = coordinate(w->sides, link->from % w->slice, k);
        int64_t to = coordinate(w->sides, link->to % w->slice, k);
        if (to != (k == d ? (from + step + size) % size : from))
            return false;
    }
    return link->from / w->slice == link->to / w->slice;
}

static void cables_join_neighbours(void)
{
    for (size_t i = 0; i < LH_COUNT(all_sides); i++) {
        struct world w;
        world_begin(&w, &all_sides[i], 3);
        const struct lh__site *site = &w.t->sites[0];
        int64_t n = 2 * 3 * cables_of(w.sides, w.slice);
        LH_CHECK(lh_topology_check(w.t, &w.ctx) == LH_OK);
        LH_CHECK(site->first_nic - site->first_scale_up == n);
        LH_CHECK(lh_topology_link_count(w.t) == n + 2 * 3 * w.slice);
        for (lh_link l = 0; l < n; l++) {
            struct lh_link_info link = lh_topology_link_at(w.t, l);
            LH_CHECK(leads_where_it_says(&w, &link));
            LH_CHECK(link.kind == LH_LINK_SCALE_UP);
            LH_CHECK(link.capacity_bytes_per_s == link_bytes_per_s);
            LH_CHECK(link.latency_s == link_s);
            LH_CHECK(lh__torus_link_find(site, link.name + 2) == l);
        }
        world_end(&w);
    }
}

static void names_are_read_strictly(void)
{
    static const struct sides sides = {{2, 3, 1}};
    static const char *const wrong[] = {
        "",
        "slice0",
        "slice0/chip(0,0,0)",
        "slice0/chip(0,0,0)->",
        "slice0/chip(0,0,0)->x",
        "slice0/chip(0,0,0)->x-", /* two chips have one cable */
        "slice0/chip(1,0,0)->x+",
        "slice0/chip(0,0,0)->z+", /* a side of one has none */
        "slice0/chip(0,0,0)->w+",
        "slice0/chip(0,0,0)->y+ ",
        "slice0/chip(00,0,0)->y+",
        "slice0/chip(0,3,0)->y+",
        "slice0/chip(0,0)->y+",
        "slice0/chip(0,0,0,0)->y+",
        "slice0/chip(0,-1,0)->y+",
        "slice0/chip(0,99999999999,0)->y+",
        "slice2/chip(0,0,0)->y+",
        "node0/gpu0->nvswitch",
    };
    struct world w;

    world_begin(&w, &sides, 2);
    LH_CHECK(lh__torus_link_find(&w.t->sites[0], "slice0/chip(0,0,0)->y-")
             >= 0);
    for (size_t i = 0; i < LH_COUNT(wrong); i++) {
        if (lh__torus_link_find(&w.t->sites[0], wrong[i]) >= 0)
            printf("'%s' is taken for a link\n", wrong[i]);
        LH_CHECK(lh__torus_link_find(&w.t->sites[0], wrong[i]) == -1);
    }
    world_end(&w);
}

static void wrong_tori_are_refused(void)
{
    static const struct sides good = {{4, 4, 2}}, large = {{90, 90, 90}};
    struct lh_fabric f = torus_of(&good);
    struct world w;

    LH_CHECK(world_build(&w, &f, 40) == LH_BAD_INPUT);
    LH_CHECK_TEXT(message(&w, 0), "site 's': 40 accelerators are no whole "
                                  "number of slices of 32");
    world_end(&w);
    f.scale_up_gpus = 16;
    LH_CHECK(world_build(&w, &f, 32) == LH_BAD_INPUT);
    LH_CHECK_TEXT(message(&w, 0),
                  "site 's': fabric: a torus has one to 3 dims whose product "
                  "is scale_up_gpus");
    world_end(&w);
    f.n_dims = 0;
    LH_CHECK(world_build(&w, &f, 32) == LH_BAD_INPUT);
    world_end(&w);
    f = torus_of(&large);
    LH_CHECK(world_build(&w, &f, f.scale_up_gpus) == LH_BAD_INPUT);
    LH_CHECK_TEXT(message(&w, 0),
                  "site 's': fabric: a path in a torus of these dims has up "
                  "to 135 links; more than 128 are not supported by this "
                  "version");
    world_end(&w);
}

/* ---- paths --------------------------------------------------------------- */

/* Links from chip `from` to all of its slice, breadth first over the links. */
static void distances(int *out, const struct world *w, int64_t from)
{
    lh_link n = w->t->sites[0].first_nic;

    for (int64_t c = 0; c < w->slice; c++)
        out[c] = c == from ? 0 : INT32_MAX;
    for (int round = 0; round < w->slice; round++)
        for (lh_link l = 0; l < n; l++) {
            struct lh_link_info link = lh_topology_link_facts(w->t, l);
            if (link.from < w->slice && out[link.from] == round
                && out[link.to] > round + 1)
                out[link.to] = round + 1;
        }
}

/* Along x, then y, then z; half way round is gone upwards. */
static bool is_dimension_ordered(const struct world *w,
                                 const struct lh_path *path, int64_t from,
                                 int64_t to)
{
    int last = 0;

    for (int i = 0; i < path->n_links; i++) {
        struct lh_link_info link = lh_topology_link_at(w->t, path->links[i]);
        const char *axis = strstr(link.name, "->") + 2;
        int d = axis[0] - 'x';
        int64_t ahead = coordinate(w->sides, to, d)
                        - coordinate(w->sides, from, d) + side(w->sides, d);
        if (d < last)
            return false;
        if (2 * (ahead % side(w->sides, d)) == side(w->sides, d)
            && side(w->sides, d) > 2 && axis[1] != '+')
            return false;
        last = d;
    }
    return true;
}

static void paths_are_shortest(void)
{
    for (size_t i = 0; i < LH_COUNT(all_sides); i++) {
        struct world w;
        int distance[CHIPS_MAX];
        int most = 0;
        world_begin(&w, &all_sides[i], 1);
        for (int64_t a = 0; a < w.slice; a++) {
            distances(distance, &w, a);
            for (int64_t b = 0; b < w.slice; b++) {
                struct lh_path path;
                if (a == b)
                    continue;
                lh_topology_path(&path, w.t, a, b);
                LH_CHECK(path.n_links == distance[b]);
                LH_CHECK(is_dimension_ordered(&w, &path, a, b));
                LH_CHECK_NEAR(path.latency_s, path.n_links * link_s, 1e-12);
                most = path.n_links > most ? path.n_links : most;
            }
        }
        LH_CHECK(most == lh__torus_diameter(&w.site.fabric));
        world_end(&w);
    }
}

static const char *path_text(struct world *w, int64_t from, int64_t to)
{
    struct lh_text text = lh_text_new(w->ctx.arena);
    struct lh_path path;

    lh_topology_path(&path, w->t, from, to);
    for (int i = 0; i < path.n_links; i++)
        lh_text_printf(&text, "%s%s", i > 0 ? " | " : "",
                       lh_topology_link_at(w->t, path.links[i]).name);
    return text.s;
}

/* Leaves join two slices of eight, which have eight NICs each. */
static void slices_are_joined_by_nics(void)
{
    static const struct sides sides = {{2, 2, 2}};
    struct lh_fabric f = torus_of(&sides);
    struct world w;

    f.n_levels = 1;
    f.group[0] = 2;
    f.oversubscription[0] = 4;
    LH_REQUIRE(world_build(&w, &f, 4 * 8) == LH_OK);
    LH_CHECK(lh_topology_check(w.t, &w.ctx) == LH_OK);
    LH_CHECK_TEXT(path_text(&w, 1, 8), "s/slice0/chip(1,0,0)->leaf0 | "
                                       "s/leaf0->slice1/chip(0,0,0)");
    LH_CHECK_TEXT(path_text(&w, 0, 31),
                  "s/slice0/chip(0,0,0)->leaf0 | s/leaf0->spine | "
                  "s/spine->leaf1 | s/leaf1->slice3/chip(1,1,1)");
    lh_link up = w.t->sites[0].first_up[0];
    LH_CHECK_NEAR(lh_topology_link_capacity(w.t, up), 2 * 8 * nic / 4, 1e-14);
    LH_CHECK(lh_topology_accelerator_domain(w.t, 31) == 3);
    LH_CHECK(lh_topology_accelerator_place(w.t, 31) == 7);
    int64_t dims[LH_TORUS_DIMS];
    LH_CHECK(lh_topology_torus(w.t, 9, dims) == 3 && dims[2] == 2);
    world_end(&w);
}

/* ---- collectives --------------------------------------------------------- */

/* Members of one slice, chip i as member order[i]. */
static void members_fill(int64_t *accelerators, const struct world *w,
                         bool shuffled)
{
    for (int64_t i = 0; i < w->slice; i++)
        accelerators[i] = i;
    for (int64_t i = w->slice - 1; shuffled && i > 0; i--) {
        int64_t k = i * 7919 % (i + 1), swap = accelerators[i];
        accelerators[i] = accelerators[k];
        accelerators[k] = swap;
    }
}

static bool is_defined(const char *name, const struct sides *s)
{
    struct world w;
    int64_t accelerators[CHIPS_MAX];

    world_begin(&w, s, 1);
    members_fill(accelerators, &w, false);
    struct lh__flow_request request = {.collective = LH_ALL_REDUCE,
                                       .algorithm = name,
                                       .n = w.slice,
                                       .accelerators = accelerators,
                                       .bytes = 1e9};
    struct lh_members members = lh__flow_members(&request, w.t, &w.ctx);
    bool defined = lh_algorithm_find(name)->defined(LH_ALL_REDUCE, &members);
    world_end(&w);
    return defined;
}

static void defined_on_whole_tori_alone(void)
{
    static const struct sides odd = {{3, 5, 3}}, even = {{3, 5, 2}},
                              line = {{1, 7, 1}}, one = {{1, 1, 1}};
    struct world w;
    int64_t accelerators[CHIPS_MAX];

    LH_CHECK(is_defined("torus", &odd) && !is_defined("hamiltonian", &odd));
    LH_CHECK(is_defined("torus", &even) && is_defined("hamiltonian", &even));
    LH_CHECK(is_defined("torus", &line) && is_defined("hamiltonian", &line));
    LH_CHECK(!is_defined("torus", &one));
    world_begin(&w, &even, 2);
    for (int64_t shift = 0; shift < w.slice; shift += w.slice / 2) {
        for (int64_t i = 0; i < w.slice; i++)
            accelerators[i] = i + shift;
        for (int64_t n = w.slice - 1; n <= w.slice; n++) {
            struct lh__flow_request request = {.collective = LH_ALL_REDUCE,
                                               .algorithm = "torus",
                                               .n = n,
                                               .accelerators = accelerators,
                                               .bytes = 1e9};
            struct lh_members m = lh__flow_members(&request, w.t, &w.ctx);
            LH_CHECK(lh_algorithm_find("torus")->defined(LH_ALL_REDUCE, &m)
                     == (n == w.slice && shift == 0));
            LH_CHECK(!lh_algorithm_find("torus")->defined(LH_SEND, &m));
        }
    }
    world_end(&w);
}

/* A literal reduce-scatter of one part, which is `n` units: every chip holds
 * for each unit the set of chips whose value is in its sum, and the range of
 * units that is still its own.  Counts the units over each ordered pair of
 * chips. */
struct literal {
    const struct sides *s;
    int64_t n;
    uint64_t sum[64][64]; /* [chip][unit] */
    int64_t begin[64], end[64];
    int64_t passed[64][64]; /* [from][to] units */
};

static int64_t neighbour(const struct literal *l, int64_t chip, int d, int step)
{
    int64_t stride = 1, size = side(l->s, d), at = coordinate(l->s, chip, d);

    for (int k = 0; k < d; k++)
        stride *= side(l->s, k);
    return chip + ((at + step + size) % size - at) * stride;
}

/* Along d: in step k the chip at place i passes on shard i - 1 - k of the range
 * its ring shares, with what it has added to it. */
static void literal_scatter(struct literal *l, int d, int step)
{
    int64_t size = side(l->s, d);

    for (int64_t k = 0; k + 1 < size; k++) {
        uint64_t sent[64][64];
        memcpy(sent, l->sum, sizeof sent);
        for (int64_t c = 0; c < l->n; c++) {
            int64_t to = neighbour(l, c, d, step);
            int64_t at = step > 0 ? coordinate(l->s, c, d)
                                  : size - 1 - coordinate(l->s, c, d);
            int64_t shard = (at - 1 - k + 2 * size) % size;
            int64_t width = (l->end[c] - l->begin[c]) / size;
            for (int64_t u = l->begin[c] + shard * width;
                 u < l->begin[c] + (shard + 1) * width; u++) {
                LH_CHECK((l->sum[to][u] & sent[c][u]) == 0);
                l->sum[to][u] |= sent[c][u];
                l->passed[c][to]++;
            }
        }
    }
    for (int64_t c = 0; c < l->n; c++) {
        int64_t at = step > 0 ? coordinate(l->s, c, d)
                              : size - 1 - coordinate(l->s, c, d);
        int64_t width = (l->end[c] - l->begin[c]) / size;
        l->begin[c] += at * width;
        l->end[c] = l->begin[c] + width;
    }
}

/* All parts; each chip must end with one unit of each, summed over all. */
static void literal_run(struct literal *l, const struct sides *s, int64_t n)
{
    int axes[LH_TORUS_DIMS], n_axes = 0;

    memset(l, 0, sizeof *l);
    l->s = s;
    l->n = n;
    for (int d = 0; d < LH_TORUS_DIMS; d++)
        if (side(s, d) > 1)
            axes[n_axes++] = d;
    for (int part = 0; part < 2 * n_axes; part++) {
        for (int64_t c = 0; c < n; c++) {
            for (int64_t u = 0; u < n; u++)
                l->sum[c][u] = (uint64_t)1 << c;
            l->begin[c] = 0;
            l->end[c] = n;
        }
        for (int k = 0; k < n_axes; k++)
            literal_scatter(l, axes[(part / 2 + k) % n_axes],
                            part % 2 == 0 ? 1 : -1);
        for (int64_t c = 0; c < n; c++) {
            LH_CHECK(l->end[c] - l->begin[c] == 1);
            LH_CHECK(l->sum[c][l->begin[c]] == ~(uint64_t)0 >> (64 - n));
        }
    }
}

static void torus_moves_what_it_must(void)
{
    static struct literal l;

    for (size_t i = 0; i < LH_COUNT(all_sides); i++) {
        struct world w;
        int64_t accelerators[CHIPS_MAX];
        world_begin(&w, &all_sides[i], 1);
        if (w.slice > 64) {
            world_end(&w);
            continue;
        }
        literal_run(&l, w.sides, w.slice);
        int n_axes = 0;
        for (int d = 0; d < LH_TORUS_DIMS; d++)
            n_axes += side(w.sides, d) > 1;
        double unit = 1.0 / (2.0 * n_axes * (double)w.slice);
        for (int c = 0; c < LH_ALL_TO_ALL; c++) {
            members_fill(accelerators, &w, i % 2 == 1);
            struct lh__flow_request request = {.collective =
                                                   (enum lh_collective)c,
                                               .algorithm = "torus",
                                               .n = w.slice,
                                               .accelerators = accelerators,
                                               .bytes = 1e9};
            struct lh__flow_shape shape;
            double worst = 0;
            LH_REQUIRE(lh__flow_shape_make(&shape, &request, w.t, &w.ctx)
                       == LH_OK);
            for (int32_t k = 0; k < shape.n_links; k++) {
                struct lh_link_info link =
                    lh_topology_link_facts(w.t, shape.links[k]);
                double expected = (c == LH_ALL_REDUCE ? 2 : 1) * unit
                                  * (double)l.passed[link.from][link.to];
                double got = (double)shape.weights[k] * shape.unit_frac;
                worst = fmax(worst, fabs(got / expected - 1));
            }
            LH_CHECK(worst < 1e-12);
            LH_CHECK(shape.n_links == 2 * cables_of(w.sides, w.slice));
        }
        world_end(&w);
    }
}

/* Every hop is one link, and the ring passes every chip once. */
static void snakes_bite_their_tails(void)
{
    for (size_t i = 0; i < LH_COUNT(all_sides); i++) {
        struct world w;
        int64_t accelerators[CHIPS_MAX];
        struct lh_hops hops;
        bool seen[CHIPS_MAX] = {false};
        if (!is_defined("hamiltonian", &all_sides[i]))
            continue;
        world_begin(&w, &all_sides[i], 1);
        members_fill(accelerators, &w, i % 2 == 0);
        struct lh__flow_request request = {.collective = LH_ALL_REDUCE,
                                           .algorithm = "hamiltonian",
                                           .n = w.slice,
                                           .accelerators = accelerators,
                                           .bytes = 1e9};
        struct lh_members m = lh__flow_members(&request, w.t, &w.ctx);
        lh_algorithm_find("hamiltonian")
            ->hops(&hops, LH_ALL_REDUCE, &m, &w.ctx);
        LH_CHECK(hops.n == w.slice);
        for (int64_t h = 0; h < hops.n; h++) {
            struct lh_path path;
            lh_topology_path(&path, w.t, accelerators[hops.from[h]],
                             accelerators[hops.to[h]]);
            LH_CHECK(path.n_links == 1);
            LH_CHECK(hops.to[h] == hops.from[(h + 1) % hops.n]);
            LH_CHECK(!seen[hops.from[h]]);
            seen[hops.from[h]] = true;
        }
        world_end(&w);
    }
}

static double passed_apart(const struct lh_hops *hops,
                           const struct lh_pipes *pipes, int64_t n,
                           struct lh_ctx *ctx)
{
    double *sum = LH_NEW(ctx->arena, double, n *n);
    double worst = 0;

    for (int64_t h = 0; h < hops->n; h++)
        sum[hops->from[h] * n + hops->to[h]] +=
            (double)hops->weight[h] * hops->unit_frac;
    for (int64_t p = 0; p < pipes->n; p++)
        for (int64_t k = pipes->round_begin[p]; k < pipes->round_begin[p + 1];
             k++)
            sum[pipes->from[p] * n + pipes->to[p]] -= pipes->round_frac[k];
    for (int64_t i = 0; i < n * n; i++)
        worst = fmax(worst, fabs(sum[i]));
    return worst;
}

static void messages_carry_the_same(void)
{
    static const char *const names[] = {"torus", "hamiltonian"};

    for (size_t i = 0; i < 2 * LH_COUNT(all_sides); i++) {
        const struct lh_algorithm *a = lh_algorithm_find(names[i % 2]);
        struct world w;
        int64_t accelerators[CHIPS_MAX];
        world_begin(&w, &all_sides[i / 2], 1);
        members_fill(accelerators, &w, true);
        for (int c = 0; c < LH_ALL_TO_ALL; c++) {
            enum lh_collective collective = (enum lh_collective)c;
            struct lh__flow_request request = {.collective = collective,
                                               .algorithm = a->name,
                                               .n = w.slice,
                                               .accelerators = accelerators,
                                               .bytes = 1e9};
            struct lh_members m = lh__flow_members(&request, w.t, &w.ctx);
            struct lh_hops hops;
            struct lh_pipes pipes;
            if (!a->defined(collective, &m))
                continue;
            a->hops(&hops, collective, &m, &w.ctx);
            a->pipes(&pipes, collective, &m, &w.ctx);
            LH_CHECK(passed_apart(&hops, &pipes, m.n, &w.ctx) < 1e-12);
        }
        world_end(&w);
    }
}

struct comparison {
    struct sides sides;
    enum lh_collective collective;
    const char *algorithm;
    double bytes;
    double tolerance;
};

#define MiB 1048576.0

/* Cubes keep step, so messages take the same time to rounding; elsewhere parts
 * wait for each other: docs/model.md has the table. */
static const struct comparison comparisons[] = {
    {{{4, 4, 4}}, LH_ALL_REDUCE, "torus", 64 * MiB, 1e-6},
    {{{4, 4, 4}}, LH_REDUCE_SCATTER, "torus", MiB, 1e-6},
    {{{3, 3, 0}}, LH_ALL_GATHER, "torus", MiB, 1e-6},
    {{{2, 2, 2}}, LH_ALL_REDUCE, "torus", 1024 * MiB, 1e-6},
    {{{8, 0, 0}}, LH_ALL_REDUCE, "torus", MiB, 1e-6},
    {{{4, 4, 2}}, LH_ALL_REDUCE, "hamiltonian", MiB, 1e-6},
    {{{4, 4, 2}}, LH_ALL_GATHER, "hamiltonian", 64 * MiB, 1e-6},
    {{{4, 8, 0}}, LH_ALL_REDUCE, "torus", 1024 * MiB, 0.01},
    {{{4, 8, 0}}, LH_ALL_GATHER, "torus", 1024 * MiB, 0.01},
    {{{2, 2, 4}}, LH_ALL_REDUCE, "torus", 1024 * MiB, 0.01},
    {{{2, 4, 0}}, LH_REDUCE_SCATTER, "torus", 1024 * MiB, 0.03},
};

static void messages_take_as_long(void)
{
    for (size_t i = 0; i < LH_COUNT(comparisons); i++) {
        const struct comparison *of = &comparisons[i];
        struct world w;
        int64_t accelerators[CHIPS_MAX];
        double coupled_s, messages_s;
        world_begin(&w, &of->sides, 1);
        members_fill(accelerators, &w, false);
        struct lh_collective_case c = {.collective = of->collective,
                                       .algorithm = of->algorithm,
                                       .n = w.slice,
                                       .accelerators = accelerators,
                                       .bytes = of->bytes,
                                       .mode = LH_COUPLED};
        LH_REQUIRE(lh_sim_collective(&coupled_s, &c, w.t, &w.ctx) == LH_OK);
        c.mode = LH_MESSAGES;
        LH_REQUIRE(lh_sim_collective(&messages_s, &c, w.t, &w.ctx) == LH_OK);
        LH_CHECK(fabs(messages_s / coupled_s - 1) <= of->tolerance);
        world_end(&w);
    }
}

/* ---- whole runs ---------------------------------------------------------- */

struct run_case {
    enum lh_fabric_kind kind;
    struct sides sides;
    enum lh_collective collective;
    const char *algorithm, *taken;
    int64_t ranks;
    double chain_s;                   /* alpha without base */
    double link_bytes_frac, capacity; /* of the link that limits */
    bool slow_z;                      /* links along z have half of it */
};

static const double S = 1024 * MiB;

static void run_check(const struct run_case *r, bool unfolded)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lone_comm c = {.fabric = torus_of(&r->sides),
                          .ranks = r->ranks,
                          .collective = r->collective,
                          .algorithm = r->algorithm,
                          .bytes = S,
                          .base_s = base_s,
                          .unfolded = unfolded};
    struct lone_comm_result got;
    double expected_s =
        base_s + r->chain_s + r->link_bytes_frac * S / r->capacity;

    if (r->slow_z) {
        c.fabric.n_dims_frac = LH_TORUS_DIMS;
        c.fabric.dims_frac[0] = c.fabric.dims_frac[1] = 1;
        c.fabric.dims_frac[2] = 0.5;
    }
    c.fabric.kind = r->kind;
    if (r->kind == LH_FABRIC_SWITCH)
        c.fabric.scale_up_gpus = 1;
    if (r->kind == LH_FABRIC_FAT_TREE) {
        c.fabric.n_levels = 2;
        c.fabric.group[0] = 8;
        c.fabric.group[1] = 32;
    }
    LH_REQUIRE(lone_comm_run(&got, &c, &ctx) == LH_OK);
    LH_CHECK_TEXT(got.algorithm, r->taken);
    LH_CHECK_NEAR(got.time_s, expected_s, 1e-9);
    LH_CHECK(unfolded ? got.rank_classes == r->ranks : got.rank_classes <= 8);
    lh_ctx_end(&ctx);
}

/* 2 (n-1)/n S over one NIC, 2 (n-1) hops over the switch. */
static void rings_on_a_switch(void)
{
    for (int64_t n = 8; n <= 4096; n *= 8) {
        double rounds = (double)(n - 1) / (double)n;
        struct run_case r = {LH_FABRIC_SWITCH,
                             {{1}},
                             LH_ALL_REDUCE,
                             "ring",
                             "ring",
                             n,
                             (double)(2 * (n - 1)) * 2 * nic_s,
                             2 * rounds,
                             nic,
                             false};
        run_check(&r, false);
        if (n <= 64)
            run_check(&r, true);
        r.collective = LH_ALL_GATHER;
        r.chain_s /= 2;
        r.link_bytes_frac /= 2;
        run_check(&r, false);
    }
}

/* Nodes of 4 with 4 NICs: 4 channels.  2 (n-1) hops are two rounds without the
 * two hops inside a node that follow each other. */
static void rings_on_a_fat_tree(void)
{
    for (int64_t n = 64; n <= 4096; n *= 8) {
        double nodes = (double)n / 4, all = (double)n;
        double leaves = nodes / 8, spines = leaves / 32;
        double levels = (leaves > 1 ? leaves : 0) + (spines > 1 ? spines : 0);
        double round_s =
            3 * nodes * 2 * link_s + nodes * 2 * nic_s + levels * 2 * level_s;
        struct run_case r = {LH_FABRIC_FAT_TREE,
                             {{4}},
                             LH_ALL_REDUCE,
                             "ring",
                             "ring",
                             n,
                             2 * round_s - 2 * 2 * link_s,
                             2 * (all - 1) / all,
                             fmin(4 * nic, link_bytes_per_s * 4 / 3),
                             false};
        run_check(&r, false);
        if (n <= 64)
            run_check(&r, true);
    }
}

/* Equal sides: S 2 (n-1)/n / (2 D) on every link and direction; a side of two
 * has one cable for both directions. */
static void cubes_of_parts(void)
{
    for (int64_t k = 2; k <= 16; k *= 2) {
        for (int dims = 1; dims <= LH_TORUS_DIMS; dims++) {
            struct run_case r = {.kind = LH_FABRIC_TORUS,
                                 .collective = LH_ALL_REDUCE,
                                 .algorithm = k == 2 ? "torus" : "auto",
                                 .taken = "torus",
                                 .ranks = 1,
                                 .capacity = link_bytes_per_s};
            for (int d = 0; d < dims; d++) {
                r.sides.n[d] = k;
                r.ranks *= k;
            }
            double n = (double)r.ranks;
            r.chain_s = 2 * dims * (double)(k - 1) * link_s;
            r.link_bytes_frac = (k == 2 ? 2 : 1) * 2 * (n - 1) / n / (2 * dims);
            run_check(&r, false);
            if (r.ranks <= 64)
                run_check(&r, true);
        }
    }
}

/* Sides a, b: part 1 passes (a-1)/a along a and (b-1)/(a b) along b, part 2
 * (b-1)/b along b and (a-1)/(a b) along a; each part is S/2 in two directions,
 * an all-reduce passes twice that. */
static void unequal_sides(void)
{
    static const double a = 4, b = 16;
    double along_a = (a - 1) / a + (a - 1) / (a * b);
    double along_b = (b - 1) / (a * b) + (b - 1) / b;
    struct run_case r = {LH_FABRIC_TORUS,
                         {{4, 1, 16}},
                         LH_ALL_REDUCE,
                         "torus",
                         "torus",
                         64,
                         2 * (a - 1 + b - 1) * link_s,
                         fmax(along_a, along_b) / 2,
                         link_bytes_per_s,
                         false};

    run_check(&r, false);
    run_check(&r, true);
    r.collective = LH_REDUCE_SCATTER;
    r.chain_s /= 2;
    r.link_bytes_frac /= 2;
    run_check(&r, false);
}

/* Parts are equal, so all wait for the slow dimension: an UltraServer. */
static void unequal_links(void)
{
    struct run_case r = {.kind = LH_FABRIC_TORUS,
                         .sides = {{4, 4, 4}},
                         .collective = LH_ALL_REDUCE,
                         .algorithm = "auto",
                         .taken = "torus",
                         .ranks = 64,
                         .chain_s = 2 * 9 * link_s,
                         .link_bytes_frac = 2 * 63.0 / 64 / 6,
                         .capacity = link_bytes_per_s / 2,
                         .slow_z = true};
    struct sides sides = r.sides;
    struct lh_fabric f = torus_of(&sides);
    struct world w;

    run_check(&r, false);
    run_check(&r, true);
    f.n_dims_frac = 2;
    LH_CHECK(world_build(&w, &f, 64) == LH_BAD_INPUT);
    world_end(&w);
    f.n_dims_frac = 3;
    f.dims_frac[0] = f.dims_frac[1] = 1;
    f.dims_frac[2] = 0.25;
    LH_REQUIRE(world_build(&w, &f, 128) == LH_OK);
    LH_CHECK(lh_topology_check(w.t, &w.ctx) == LH_OK);
    LH_CHECK_NEAR(
        lh_topology_link_capacity(
            w.t, lh_topology_link_find(w.t, "s/slice1/chip(1,2,3)->z+")),
        link_bytes_per_s / 4, 1e-14);
    LH_CHECK_NEAR(
        lh_topology_link_capacity(
            w.t, lh_topology_link_find(w.t, "s/slice1/chip(1,2,3)->y-")),
        link_bytes_per_s, 1e-14);
    world_end(&w);
}

static void snakes(void)
{
    static const struct sides sides[] = {
        {{2, 2, 2}}, {{4, 4, 4}}, {{3, 8, 5}}, {{16, 16, 16}}, {{1, 9, 1}}};

    for (size_t i = 0; i < LH_COUNT(sides); i++) {
        int64_t n = sides[i].n[0] * sides[i].n[1] * sides[i].n[2];
        struct run_case r = {LH_FABRIC_TORUS,
                             sides[i],
                             LH_ALL_REDUCE,
                             "hamiltonian",
                             "hamiltonian",
                             n,
                             (double)(2 * (n - 1)) * link_s,
                             2 * (double)(n - 1) / (double)n,
                             link_bytes_per_s,
                             false};
        run_check(&r, false);
    }
}

/* Of a site of several slices no communicator of all is one torus. */
static void several_slices_take_a_ring(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    static const struct sides sides = {{2, 2, 2}};
    struct lone_comm c = {.fabric = torus_of(&sides),
                          .ranks = 32,
                          .collective = LH_ALL_REDUCE,
                          .algorithm = "auto",
                          .bytes = S,
                          .base_s = base_s};
    struct lone_comm_result folded, unfolded;

    LH_REQUIRE(lone_comm_run(&folded, &c, &ctx) == LH_OK);
    c.unfolded = true;
    LH_REQUIRE(lone_comm_run(&unfolded, &c, &ctx) == LH_OK);
    LH_CHECK_TEXT(folded.algorithm, "ring");
    LH_CHECK_NEAR(folded.time_s, unfolded.time_s, 1e-12);
    LH_CHECK(folded.rank_classes < unfolded.rank_classes);
    c.algorithm = "torus";
    LH_CHECK(lone_comm_run(&folded, &c, &ctx) == LH_BAD_INPUT);
    lh_ctx_end(&ctx);
}

/* ---- whole steps --------------------------------------------------------- */

static double step_of(const char *tensor, const char *fold)
{
    const struct lh_setting settings[] = {
        {"sites[0].gpus", "16"},         {"sites[0].fabric.dims", "[2, 2, 2]"},
        {"sites[1].gpus", "16"},         {"sites[1].fabric.dims", "[4, 2]"},
        {"training.global_batch", "32"}, {"plan.tensor", tensor},
        {"engine.fold", fold},
    };
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    struct lh_program program;
    struct lh_topology *t;
    struct lh_trace trace;

    LH_REQUIRE(lh_scenario_read(&s, LH_SRCDIR "/tests/golden/torus.yaml",
                                settings, LH_COUNT(settings), &ctx)
               == LH_OK);
    LH_REQUIRE(lh_topology_build(&t, &s, &ctx) == LH_OK);
    LH_REQUIRE(lh_program_build(&program, &s, &ctx) == LH_OK);
    struct lh_sim_point point = {&s, &program, t};
    LH_REQUIRE(lh_sim_run(&trace, &point, &ctx) == LH_OK);
    double step_s = trace.step_time_s;
    lh_topology_free(t);
    lh_ctx_end(&ctx);
    return step_s;
}

/* Tensor groups of 8 are whole slices, cubes here and planes there; smaller
 * ones lie in a slice. */
static void steps_fold_exactly(void)
{
    static const char *const tensors[] = {"8", "4", "2", "1"};

    for (size_t i = 0; i < LH_COUNT(tensors); i++)
        LH_CHECK_NEAR(step_of(tensors[i], "auto"), step_of(tensors[i], "off"),
                      1e-12);
}

/* 8 of 12 accelerators a site are used; 16 in one site are two slices of 12. */
static void one_site_has_whole_slices(void)
{
    static const struct lh_setting settings[] = {
        {"sites[0].gpus", "12"},
        {"sites[1].gpus", "12"},
        {"training.global_batch", "2"},
        {"plan.tensor", "8"},
    };
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s, one;
    struct lh_topology *t;

    LH_REQUIRE(lh_scenario_read(&s, LH_SRCDIR "/tests/golden/torus.yaml",
                                settings, LH_COUNT(settings), &ctx)
               == LH_OK);
    lh_scenario_one_site(&one, &s, &ctx);
    LH_CHECK(one.n_sites == 1 && one.sites[0].gpus == 24);
    LH_REQUIRE(lh_topology_build(&t, &one, &ctx) == LH_OK);
    lh_topology_free(t);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"cables join neighbours", cables_join_neighbours},
        {"names are read strictly", names_are_read_strictly},
        {"wrong tori are refused", wrong_tori_are_refused},
        {"paths are shortest", paths_are_shortest},
        {"slices are joined by NICs", slices_are_joined_by_nics},
        {"defined on whole tori alone", defined_on_whole_tori_alone},
        {"torus moves what it must", torus_moves_what_it_must},
        {"snakes bite their tails", snakes_bite_their_tails},
        {"messages carry the same", messages_carry_the_same},
        {"messages take as long", messages_take_as_long},
        {"rings on a switch", rings_on_a_switch},
        {"rings on a fat-tree", rings_on_a_fat_tree},
        {"cubes of parts", cubes_of_parts},
        {"unequal sides", unequal_sides},
        {"unequal links", unequal_links},
        {"snakes", snakes},
        {"several slices take a ring", several_slices_take_a_ring},
        {"steps fold exactly", steps_fold_exactly},
        {"one site has whole slices", one_site_has_whole_slices},
    };

    return lh_unit_run("torus", tests, LH_COUNT(tests));
}
