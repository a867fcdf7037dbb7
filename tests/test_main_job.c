/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The main job, examples/llama-8b-two-sites.yaml, against the closed forms of
 * docs/model.md: what is exposed on the fibre, its bytes, and the two limits
 * (sites side by side, sites far apart on a thin fibre).
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

struct run {
    struct lh_ctx ctx;
    struct lh_scenario scenario[2]; /* as given, in one site */
    struct lh_program program[2];
    struct lh_topology *topology[2];
    struct lh_trace trace[2];
    struct lh_result result[2];
};

static enum lh_status build(struct run *r, int i)
{
    enum lh_status st =
        lh_topology_build(&r->topology[i], &r->scenario[i], &r->ctx);
    if (st != LH_OK)
        return st;
    return lh_program_build(&r->program[i], &r->scenario[i], &r->ctx);
}

/* Runs the example with settings, on its sites (and with_one_site). */
static void run_begin(struct run *r, const struct lh_setting *settings,
                      int n_settings, bool with_one_site)
{
    memset(r, 0, sizeof *r);
    r->ctx = lh_ctx_begin();
    int n = with_one_site ? 2 : 1;
    enum lh_status st = lh_scenario_read(
        &r->scenario[0], LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
        settings, n_settings, &r->ctx);
    LH_CHECK(st == LH_OK);
    lh_scenario_one_site(&r->scenario[1], &r->scenario[0], &r->ctx);
    struct lh_sim_point points[2];
    enum lh_status status[2];
    for (int i = 0; i < n; i++) {
        LH_CHECK(build(r, i) == LH_OK);
        points[i] = (struct lh_sim_point){&r->scenario[i], &r->program[i],
                                          r->topology[i]};
    }
    LH_CHECK(lh_sim_run_many(r->trace, status, points, n, 2, &r->ctx) == LH_OK);
    for (int i = 0; i < n; i++)
        LH_CHECK(lh_result_make(&r->result[i], &r->trace[i], &r->program[i],
                                r->topology[i], &r->ctx)
                 == LH_OK);
}

static void run_end(struct run *r)
{
    lh_topology_free(r->topology[0]);
    lh_topology_free(r->topology[1]);
    lh_ctx_end(&r->ctx);
}

/* The gradients' buffer of one rank. */
static double gradient_bytes(const struct run *r)
{
    const struct lh_program *p = &r->program[0];
    double bytes = 0;
    for (int32_t i = 0; i < p->n_comms; i++) {
        if (p->comms[i].axes == LH_AXIS_BIT(LH_AXIS_DATA))
            bytes += p->comms[i].bytes;
    }
    return bytes;
}

static double latency_s(const struct run *r, int64_t from, int64_t to)
{
    struct lh_path path;
    lh_topology_path(&path, r->topology[0], from, to);
    return path.latency_s;
}

/* Of Simple, which so many bytes take (docs/model.md, "Protocols"). */
static double hop_s(const struct run *r, int64_t from, int64_t to)
{
    const struct lh_protocol *p =
        &r->scenario[0].sites[0].fabric.library.protocol[LH_PROTOCOL_SIMPLE];
    return lh_topology_accelerator_domain(r->topology[0], from)
                   == lh_topology_accelerator_domain(r->topology[0], to)
               ? p->scale_up_s
               : latency_s(r, from, to) + p->network_s;
}

/* base + 2 x the longest chain of n_a - 1 hops of the ring inside a site
 * + 2 (M - 1) hops between the sites (docs/model.md, hierarchical). */
static double alpha_s(const struct run *r)
{
    const struct lh_axes *axes = &r->program[0].axes;
    int64_t here = axes->size[LH_AXIS_DATA] / 2;
    int64_t stride = axes->stride[LH_AXIS_DATA];
    double sum_s = 0, least_s = INFINITY;
    for (int64_t i = 0; i < here; i++) {
        double next_s = hop_s(r, i * stride, (i + 1) % here * stride);
        sum_s += next_s;
        least_s = fmin(least_s, next_s);
    }
    double inside_s = sum_s - least_s;
    double across_s = hop_s(r, 0, here * stride);
    return r->scenario[0]
               .sites[0]
               .fabric.library.protocol[LH_PROTOCOL_SIMPLE]
               .base_s
           + 2 * inside_s + 2 * across_s;
}

static const struct lh_link_use *fibre(const struct run *r)
{
    for (int i = 0; i < r->result[0].n_links; i++) {
        if (r->result[0].links[i].kind == LH_LINK_WAN)
            return &r->result[0].links[i];
    }
    return NULL;
}

static void wan_is_bytes_over_capacity_plus_alpha(void)
{
    static const char *const bandwidths[] = {
        "5 Gbit/s", "20 Gbit/s", "50 Gbit/s", "100 Gbit/s", "400 Gbit/s"};
    static const char *const lengths[] = {"1 km", "100 km", "1000 km",
                                          "8000 km"};
    for (size_t b = 0; b < LH_COUNT(bandwidths); b++) {
        for (size_t l = 0; l < LH_COUNT(lengths); l++) {
            struct lh_setting settings[] = {
                {"fibres[0].bandwidth", bandwidths[b]},
                {"fibres[0].length", lengths[l]},
                {"plan.overlap.gradients", "false"},
                {"training.global_batch", "32"},
                {"sync.algorithm", "hierarchical"}};
            struct run r;
            run_begin(&r, settings, LH_COUNT(settings), false);
            double groups = (double)r.program[0].axes.size[LH_AXIS_TENSOR];
            double bytes = groups * gradient_bytes(&r); /* 2 (M-1)/M = 1 */
            LH_CHECK_NEAR(fibre(&r)->bytes, bytes, 1e-9);
            double expected_s =
                alpha_s(&r) + bytes / r.scenario[0].fibres[0].bytes_per_s;
            LH_CHECK_NEAR(r.result[0].breakdown_s[LH_WAN_COMM], expected_s,
                          1e-6);
            run_end(&r);
        }
    }
}

static double fibre_bytes(const char *algorithm)
{
    struct lh_setting settings[] = {{"sync.algorithm", algorithm}};
    struct run r;
    run_begin(&r, settings, 1, false);
    double bytes = fibre(&r)->bytes;
    run_end(&r);
    return bytes;
}

static void hierarchical_saves_as_the_formula_says(void)
{
    double n = 32, sites = 2;
    double expected = (2 * (sites - 1) / sites) / (2 * (n - 1) / n);
    LH_CHECK_NEAR(fibre_bytes("hierarchical") / fibre_bytes("flat-ring"),
                  expected, 1e-12);
}

static void side_by_side_is_one_site(void)
{
    struct lh_setting settings[] = {{"fibres[0].bandwidth", "1000 Tbit/s"},
                                    {"fibres[0].length", "1 m"},
                                    {"fibres[0].equipment_latency", "0 s"}};
    struct run r;
    run_begin(&r, settings, LH_COUNT(settings), true);
    LH_CHECK_NEAR(r.result[0].step_time_s, r.result[1].step_time_s, 0.01);
    run_end(&r);
}

static void far_on_a_thin_fibre_is_more_than_twice(void)
{
    struct lh_setting settings[] = {{"fibres[0].bandwidth", "10 Gbit/s"},
                                    {"fibres[0].length", "5000 km"}};
    struct run r;
    run_begin(&r, settings, LH_COUNT(settings), true);
    LH_CHECK(r.result[0].step_time_s > 2 * r.result[1].step_time_s);
    run_end(&r);
}

/* A slower device holds the other stage: the bound is that of the stages as
 * they are placed, not of each stage on each device. */
static void the_bound_is_below_the_step(void)
{
    struct lh_setting settings[] = {{"sites[0].device", "a100-sxm"},
                                    {"plan.pipeline", "2"},
                                    {"training.global_batch", "128"},
                                    {"placement.across_sites", "pipeline"}};
    struct run r;
    run_begin(&r, settings, LH_COUNT(settings), false);
    double busiest_s = 0;
    for (int32_t c = 0; c < r.trace[0].n_classes; c++) {
        const struct lh_template *t =
            &r.program[0].templates[r.trace[0].class_template[c]];
        double sum_s = 0;
        for (int32_t o = 0; o < t->n_ops; o++)
            sum_s += t->ops[o].seconds - t->ops[o].gap_s - t->ops[o].slowest_s;
        busiest_s = fmax(busiest_s, sum_s);
    }
    LH_CHECK_NEAR(r.result[0].bound.compute_s, busiest_s, 1e-12);
    LH_CHECK(r.result[0].bound.bound_s <= r.result[0].step_time_s);
    run_end(&r);
}

/* Three sites on a published map: the whole path, twice the same. */
static void runs_on_abilene(void)
{
    const char *map =
        LH_SRCDIR "/../shared/inputs/topology-zoo/Abilene.graphml";
    FILE *there = fopen(map, "r");
    if (there == NULL) {
        lh_unit_skip("no ../shared/inputs/topology-zoo");
        return;
    }
    fclose(there);
    struct run r = {.ctx = lh_ctx_begin()};
    const char *text = lh_format(
        r.ctx.arena,
        "longhaul: 1\n"
        "model: {name: llama-3.1-8b}\n"
        "training: {global_batch: 48}\n"
        "plan: {tensor: 8, overlap: {gradients: false}}\n"
        "sites:\n"
        "  - {name: Seattle, gpus: 16, device: h100-sxm}\n"
        "  - {name: Houston, gpus: 16, device: h100-sxm}\n"
        "  - {name: ny, node: New York, gpus: 16, device: h100-sxm}\n"
        "fibre_layout: {kind: graphml, file: %s, bandwidth: 100 Gbit/s}\n",
        map);
    LH_CHECK(lh_scenario_read_text(&r.scenario[0], "abilene", text,
                                   strlen(text), "/", NULL, 0, &r.ctx)
             == LH_OK);
    LH_CHECK(build(&r, 0) == LH_OK);
    struct lh_sim_point point = {&r.scenario[0], &r.program[0], r.topology[0]};
    LH_CHECK(lh_sim_run(&r.trace[0], &point, &r.ctx) == LH_OK);
    LH_CHECK(lh_result_make(&r.result[0], &r.trace[0], &r.program[0],
                            r.topology[0], &r.ctx)
             == LH_OK);
    /* Hierarchical over 3 sites: 4/3 of 4 bytes a gradient each way, the
     * slowest fibre shared by at least one of the ring's three legs. */
    double bytes = 4.0 / 3.0 * 8 * gradient_bytes(&r);
    LH_CHECK(r.result[0].breakdown_s[LH_WAN_COMM] >= bytes / 12.5e9);
    LH_CHECK(fibre(&r)->bytes >= bytes * (1 - 1e-9));
    run_end(&r);
}

/* SimGrid in this process, where the sanitizers see it: last, because no run
 * can be forked after it. */
static void runs_in_this_process(void)
{
    struct lh_setting settings[] = {{"training.global_batch", "32"}};
    struct run r;
    struct lh_trace here;
    run_begin(&r, settings, LH_COUNT(settings), false);
    struct lh_sim_point point = {&r.scenario[0], &r.program[0], r.topology[0]};
    LH_CHECK(lh_sim_run_here(&here, &point, &r.ctx) == LH_OK);
    LH_CHECK(here.step_time_s == r.trace[0].step_time_s);
    LH_CHECK(here.events == r.trace[0].events && here.events > 0);
    run_end(&r);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"wan_comm is bytes / capacity + alpha",
         wan_is_bytes_over_capacity_plus_alpha},
        {"hierarchical over flat ring on the fibre",
         hierarchical_saves_as_the_formula_says},
        {"side by side is one site", side_by_side_is_one_site},
        {"far on a thin fibre is more than twice one site",
         far_on_a_thin_fibre_is_more_than_twice},
        {"the bound is below the step", the_bound_is_below_the_step},
        {"runs on Abilene", runs_on_abilene},
        {"runs in this process", runs_in_this_process},
    };
    return lh_unit_run("main job", tests, LH_COUNT(tests));
}
