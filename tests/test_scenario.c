/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scenario/: reading, defaults, settings, tables, what is derived, warnings,
 * the canonical echo, help.  Messages of faults are tested by tests/bad.
 */
#include <longhaul/program.h>
#include <longhaul/scenario.h>

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define HEAD "longhaul: 1\nmodel: llama-3.1-8b\n"
#define SITE "sites:\n- {name: a, gpus: 16, device: h100-sxm}\n"
#define TWO                                                                    \
    "sites:\n- {name: a, gpus: 16, device: h100-sxm}\n"                        \
    "- {name: b, gpus: 16, device: h100-sxm}\n"
#define FIBRE "fibres:\n- {between: [a, b], length: 10 km}\n"

static enum lh_status read_with(struct lh_scenario *out, const char *text,
                                const struct lh_setting *settings, int n,
                                struct lh_ctx *ctx)
{
    return lh_scenario_read_text(out, "test.yaml", text, strlen(text),
                                 LH_SRCDIR "/examples", settings, n, ctx);
}

static enum lh_status read_one(struct lh_scenario *out, const char *text,
                               struct lh_ctx *ctx)
{
    return read_with(out, text, NULL, 0, ctx);
}

static const char *yaml_of(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_text text = lh_text_new(ctx->arena);

    lh_scenario_print_yaml(&text, s);
    return text.s;
}

static const char *json_of(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_text text = lh_text_new(ctx->arena);

    lh_scenario_print_json(&text, s, 2);
    return text.s;
}

static bool has_message(const struct lh_ctx *ctx, enum lh_severity severity,
                        const char *part)
{
    for (int i = 0; i < lh_diag_total(ctx); i++) {
        const struct lh_message *m = lh_diag_at(ctx, i);
        if (m->severity == severity && strstr(m->text, part))
            return true;
    }
    return false;
}

/* ---- reading ------------------------------------------------------------ */

static void reads_the_example(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(lh_scenario_read(&s,
                                LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
                                NULL, 0, &ctx)
               == LH_OK);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    LH_CHECK_TEXT(s.name, "llama-8b-two-sites");
    LH_CHECK(s.model.layers == 32 && s.model.hidden == 4096);
    LH_CHECK(s.training.global_batch == 512);
    LH_CHECK(s.training.sequence_length == 8192);
    LH_CHECK(s.plan.tensor == 4 && s.plan.data == 32);
    LH_CHECK(s.plan.recompute == LH_RECOMPUTE_SELECTIVE);
    LH_CHECK(s.plan.overlap_gradients && !s.plan.overlap_tensor);
    LH_REQUIRE(s.n_sites == 2 && s.n_fibres == 1);
    LH_CHECK_TEXT(s.sites[1].name, "memphis");
    LH_CHECK(s.sites[0].has_location);
    LH_CHECK(s.sites[0].latitude_deg == 39.04);
    LH_CHECK(s.sites[0].longitude_deg == -77.49);
    LH_CHECK(s.sites[0].fabric.kind == LH_FABRIC_RAILS);
    LH_CHECK(s.sites[0].where.line == 26);
    LH_CHECK(isinf(s.sites[0].gateway_bytes_per_s));
    LH_CHECK(s.fibres[0].site_a == 0 && s.fibres[0].site_b == 1);
    LH_CHECK(s.fibres[0].length_m == 1e6);
    LH_CHECK(s.fibres[0].bytes_per_s == 50e9);
    LH_CHECK(s.fibres[0].equipment_latency_s == 20e-6);
    LH_CHECK(s.layout.kind == LH_LAYOUT_NONE);
    LH_CHECK(s.fold && s.collectives == LH_COUPLED);
    lh_ctx_end(&ctx);
}

static void fills_defaults(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(
        read_one(&s, HEAD "sites: [{gpus: 16, device: h100-sxm}]\n", &ctx)
        == LH_OK);
    LH_CHECK_TEXT(s.name, "test");
    LH_CHECK_TEXT(s.sites[0].name, "site0");
    LH_CHECK_TEXT(s.sites[0].fabric.name, "dgx-h100-rails");
    LH_CHECK_TEXT(s.stack.name, "megatron");
    LH_CHECK_TEXT(s.sync_algorithm, "auto");
    LH_CHECK(s.seed == 1 && s.training.micro_batch == 1);
    LH_CHECK(s.plan.tensor == 1 && s.plan.data == 16);
    LH_CHECK(s.training.global_batch == 16);
    LH_CHECK(s.plan.bucket_bytes == 160e6);
    LH_CHECK(s.plan.schedule == LH_SCHEDULE_1F1B);
    lh_ctx_end(&ctx);
}

static void reads_plain_values_by_type(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(read_one(&s,
                        "longhaul: '1'\nmodel: llama-3.1-8b\nname: no\n"
                        "seed: 010\nplan: {tensor: \"2\"}\n"
                        "sites: [{name: 12, gpus: 16, device: h100-sxm}]\n",
                        &ctx)
               == LH_OK);
    LH_CHECK_TEXT(s.name, "no");
    LH_CHECK_TEXT(s.sites[0].name, "12");
    LH_CHECK(s.seed == 10 && s.plan.tensor == 2);
    lh_ctx_end(&ctx);
}

static void overrides_a_fabric(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(read_one(&s,
                        HEAD
                        "sites:\n- gpus: 16\n  device: h100-sxm\n"
                        "  fabric: {name: h100-roce-pods, group: [2, 4, 2],\n"
                        "    oversubscription: [1, 3.5], nic_latency: 1 ms,\n"
                        "    nic_bandwidth: 25 GB/s, nic_efficiency: 0.5}\n",
                        &ctx)
               == LH_OK);
    const struct lh_fabric *f = &s.sites[0].fabric;
    LH_CHECK_TEXT(f->name, "h100-roce-pods");
    LH_CHECK(f->n_levels == 3 && f->group[0] == 2 && f->group[2] == 2);
    LH_CHECK(f->n_oversubscription == 2 && f->oversubscription[1] == 3.5);
    LH_CHECK(f->nic_latency_s == 1e-3 && f->nic_bytes_per_s == 25e9);
    LH_CHECK(f->nic_frac == 0.5);
    LH_CHECK(f->scale_up_gpus == 8); /* the row's */
    lh_ctx_end(&ctx);
}

static void a_single_value_stands_for_a_mapping(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    static const struct lh_setting settings[] = {
        {"sites[0].fabric.oversubscription", "2"},
    };

    LH_REQUIRE(read_with(&s,
                         HEAD "sync: every-step\nfibre_layout: none\n"
                              "sites:\n- {gpus: 16, device: h100-sxm, "
                              "fabric: dgx-h200-rails}\n",
                         settings, 1, &ctx)
               == LH_OK);
    LH_CHECK_TEXT(s.sites[0].fabric.name, "dgx-h200-rails");
    LH_CHECK(s.sites[0].fabric.oversubscription[0] == 2);
    lh_ctx_end(&ctx);
}

static void reads_a_config_beside_it(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(lh_scenario_read(&s, LH_SRCDIR "/examples/config-json.yaml",
                                NULL, 0, &ctx)
               == LH_OK);
    LH_CHECK(s.model.hidden == 3072 && s.model.kv_heads == 8);
    LH_CHECK(strstr(yaml_of(&s, &ctx), "/examples/small-3b_config.json"));
    lh_ctx_end(&ctx);
}

/* ---- settings ----------------------------------------------------------- */

static void applies_settings(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    static const struct lh_setting settings[] = {
        {"fibres[0].length", "80 km"},
        {"plan.overlap.gradients", "false"},
        {"plan", "{tensor: 2, pipeline: 2}"},
        {"plan.stage_layers", "[15, 17]"},
        {"sites[1].name", "c"},
        {"fibres[0].between[1]", "c"},
        {"fibres[0].length", "81 km"},
        {"engine.collectives", "messages"},
    };

    LH_REQUIRE(read_with(&s, HEAD TWO FIBRE, settings, LH_COUNT(settings), &ctx)
               == LH_OK);
    LH_CHECK(s.fibres[0].length_m == 81e3); /* the later one */
    LH_CHECK(s.plan.overlap_gradients);     /* plan was replaced whole */
    LH_CHECK(s.plan.tensor == 2 && s.plan.pipeline == 2);
    LH_CHECK(s.plan.n_stage_layers == 2 && s.plan.stage_layers[1] == 17);
    LH_CHECK_TEXT(s.sites[s.fibres[0].site_b].name, "c");
    LH_CHECK(s.collectives == LH_MESSAGES);
    lh_ctx_end(&ctx);
}

static void setting_faults_name_the_setting(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    static const struct lh_setting settings[] = {{"plan.tensor", "x"}};

    LH_CHECK(read_with(&s, HEAD SITE, settings, 1, &ctx) == LH_BAD_INPUT);
    LH_REQUIRE(lh_diag_total(&ctx) == 1);
    LH_CHECK_TEXT(lh_diag_at(&ctx, 0)->where.file, "--set plan.tensor");
    LH_CHECK(lh_diag_at(&ctx, 0)->where.line == 0);
    lh_ctx_end(&ctx);
}

/* ---- tables ------------------------------------------------------------- */

static void tables_are_sites_and_fibres(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    static const struct lh_setting settings[] = {
        {"sites[2].gpus", "64"}, {"training.global_batch", "384"}};

    LH_REQUIRE(
        lh_scenario_read(&s, LH_SRCDIR "/examples/csv-tables/three-sites.yaml",
                         settings, 2, &ctx)
        == LH_OK);
    LH_REQUIRE(s.n_sites == 3 && s.n_fibres == 2);
    LH_CHECK_TEXT(s.sites[2].name, "remote");
    LH_CHECK(s.sites[2].gpus == 64);
    LH_CHECK(s.sites[1].latitude_deg == 41.20);
    LH_CHECK(s.sites[1].longitude_deg == -95.93);
    LH_CHECK(s.fibres[0].length_m == 12e3);
    LH_CHECK(s.fibres[1].length_m < 0);
    LH_CHECK(s.fibres[1].site_a == 1 && s.fibres[1].site_b == 2);
    LH_CHECK(strstr(s.fibres[1].where.file, "fibres.csv") != NULL);
    LH_CHECK(s.fibres[1].where.line == 3);
    lh_ctx_end(&ctx);
}

/* ---- what is derived ---------------------------------------------------- */

static void derives_replicas_by_site(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(read_one(&s,
                        HEAD "plan: {tensor: 4, pipeline: 3}\n"
                             "sites:\n- {name: a, gpus: 26, device: h100-sxm}\n"
                             "- {name: b, gpus: 12, device: h100-sxm}\n" FIBRE,
                        &ctx)
               == LH_OK);
    LH_CHECK(s.plan.data == 3); /* 2 + 1 replicas of 12 */
    LH_CHECK(s.training.global_batch == 9);
    LH_CHECK(lh_diag_total(&ctx) == 1);
    LH_CHECK(has_message(&ctx, LH_WARNING, "2 of the 26 accelerators"));
    lh_ctx_end(&ctx);
}

static void derives_replicas_of_stages(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(read_one(&s,
                        HEAD "plan: {tensor: 2, pipeline: 4, data: 4}\n"
                             "sites:\n- {name: a, gpus: 8, device: h100-sxm}\n"
                             "- {name: b, gpus: 24, device: h100-sxm}\n" FIBRE
                             "placement: {across_sites: pipeline}\n",
                        &ctx)
               == LH_OK);
    LH_CHECK(s.plan.data == 4); /* 1 stage of 8 in a, 3 in b */
    LH_CHECK(s.across_sites == LH_ACROSS_PIPELINE);
    lh_ctx_end(&ctx);
}

static void one_site_keeps_plan_and_accelerators(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s, one, again;

    LH_REQUIRE(read_one(&s,
                        HEAD "plan: {tensor: 2, pipeline: 4}\n" TWO FIBRE
                             "placement: {across_sites: pipeline}\n"
                             "sync: {algorithm: tree}\n",
                        &ctx)
               == LH_OK);
    lh_scenario_one_site(&one, &s, &ctx);
    LH_CHECK(one.n_sites == 1 && one.n_fibres == 0);
    LH_CHECK(one.sites[0].gpus == 32);
    LH_CHECK(one.plan.data == s.plan.data);
    LH_CHECK(one.layout.kind == LH_LAYOUT_NONE);
    LH_CHECK(one.across_sites == LH_ACROSS_DATA);
    LH_CHECK_TEXT(one.sync_algorithm, "auto");
    LH_CHECK(s.n_sites == 2 && s.sites[0].gpus == 16); /* untouched */
    LH_REQUIRE(read_one(&again, yaml_of(&one, &ctx), &ctx) == LH_OK);
    LH_CHECK(again.plan.data == one.plan.data);
    lh_ctx_end(&ctx);
}

static void buckets_follow_precision_and_replicas(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(
        read_one(&s, HEAD "training: {gradient_precision: bf16}\n" SITE, &ctx)
        == LH_OK);
    LH_CHECK(s.plan.bucket_bytes == 80e6); /* 40 million x 2 B */
    LH_REQUIRE(read_one(&s,
                        HEAD "sites: [{name: a, gpus: 64, device: h100-sxm}]\n",
                        &ctx)
               == LH_OK);
    LH_CHECK(s.plan.bucket_bytes == 256e6); /* 64 million x 4 B */
    lh_ctx_end(&ctx);
}

/* ---- warnings ----------------------------------------------------------- */

static const struct {
    const char *text, *warning;
} idle_keys[] = {
    {HEAD "plan: {interleave: 2}\n" SITE,
     "plan.interleave has no effect because plan.schedule is 1f1b"},
    {HEAD "plan: {bucket: 80 MB, overlap: {gradients: false}}\n" SITE,
     "plan.bucket has no effect because plan.overlap.gradients is false"},
    {HEAD "plan: {overlap: {pipeline: false}}\n" SITE,
     "plan.overlap.pipeline has no effect because plan.pipeline is 1"},
    {"longhaul: 1\nmodel: {name: llama-3.1-8b, attention_window: 8192}\n" SITE,
     "model.attention_window has no effect because sequences have 8192 tokens"},
    {HEAD "sites: [{gpus: 8, device: h100-sxm, gateway_bandwidth: 1 Tbit/s}]",
     "sites[0].gateway_bandwidth has no effect because there is only one"},
    {HEAD TWO "fibres: [{between: [a, b], length: 1 km, route_factor: 1.2}]",
     "fibres[0].route_factor has no effect because length is given"},
    {HEAD SITE "fibre_layout: {kind: ring, length: 1 km}\n",
     "fibre_layout.kind has no effect because there is only one site"},
    {HEAD TWO FIBRE "fibre_layout: {bandwidth: 1 Gbit/s}\n",
     "fibre_layout.bandwidth has no effect because fibre_layout.kind is none"},
    {HEAD SITE "placement: {across_sites: pipeline}\n",
     "placement.across_sites has no effect because there is only one site"},
    {HEAD "sites: [{gpus: 8, device: h100-sxm, node: X}]\n",
     "sites[0].node has no effect because fibre_layout.kind is none"},
    {HEAD "sites: [{gpus: 8, device: h100-sxm, "
          "fabric: {name: switch, group: [4]}}]\n",
     "sites[0].fabric.group has no effect because fabric.kind is switch"},
    {HEAD "sites: [{gpus: 8, device: h100-sxm, fabric: {cables: [4]}}]\n",
     "sites[0].fabric.cables has no effect because engine.routing is spray"},
    {HEAD "sites: [{gpus: 8, device: h100-sxm, "
          "fabric: {name: switch, cables: [4]}}]\n"
          "engine: {routing: ecmp}\n",
     "sites[0].fabric.cables has no effect because fabric.kind is switch"},
    {HEAD "sites: [{gpus: 8, device: h100-sxm, "
          "fabric: {spread_efficiency: 0.9}}]\n"
          "engine: {routing: ecmp}\n",
     "sites[0].fabric.spread_efficiency has no effect because engine.routing "
     "is ecmp"},
};

static void warns_of_keys_without_effect(void)
{
    for (size_t i = 0; i < LH_COUNT(idle_keys); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_scenario s, again;
        LH_REQUIRE(read_one(&s, idle_keys[i].text, &ctx) == LH_OK);
        LH_CHECK(lh_diag_count(&ctx, LH_WARNING) == 1);
        LH_CHECK(has_message(&ctx, LH_WARNING, idle_keys[i].warning));
        LH_CHECK(lh_diag_at(&ctx, 0)->where.line > 0);
        /* The echo says nothing in vain. */
        LH_REQUIRE(read_one(&again, yaml_of(&s, &ctx), &ctx) == LH_OK);
        LH_CHECK(lh_diag_count(&ctx, LH_WARNING) == 1);
        lh_ctx_end(&ctx);
    }
}

static void defaults_written_out_warn_of_nothing(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(read_one(&s,
                        HEAD
                        "plan: {interleave: 1}\n"
                        "placement: {across_sites: data}\nfaults: []\n" SITE,
                        &ctx)
               == LH_OK);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    lh_ctx_end(&ctx);
}

/* ---- echo --------------------------------------------------------------- */

/* Every double below came out of the same text, so it must be the same. */
static void check_equal(const struct lh_scenario *a,
                        const struct lh_scenario *b)
{
    LH_REQUIRE(a->n_sites == b->n_sites && a->n_fibres == b->n_fibres);
    LH_CHECK(a->plan.bucket_bytes == b->plan.bucket_bytes);
    LH_CHECK(a->plan.data == b->plan.data);
    LH_CHECK(a->training.global_batch == b->training.global_batch);
    LH_CHECK_TEXT(a->name, b->name);
    for (int i = 0; i < a->n_sites; i++) {
        const struct lh_fabric *f = &a->sites[i].fabric;
        const struct lh_fabric *g = &b->sites[i].fabric;
        LH_CHECK_TEXT(a->sites[i].name, b->sites[i].name);
        LH_CHECK(a->sites[i].gpus == b->sites[i].gpus);
        LH_CHECK(a->sites[i].latitude_deg == b->sites[i].latitude_deg);
        LH_CHECK(f->scale_up_bytes_per_s == g->scale_up_bytes_per_s);
        LH_CHECK(f->scale_up_latency_s == g->scale_up_latency_s);
        LH_CHECK(f->nic_bytes_per_s == g->nic_bytes_per_s);
        LH_CHECK(f->nic_latency_s == g->nic_latency_s);
        LH_CHECK(f->spread_frac == g->spread_frac);
        LH_CHECK(f->n_levels == g->n_levels);
        LH_CHECK(f->n_oversubscription == g->n_oversubscription);
        LH_CHECK(f->oversubscription[0] == g->oversubscription[0]);
        LH_CHECK(f->n_cables == g->n_cables);
        LH_CHECK(f->cables[0] == g->cables[0]);
    }
    for (int i = 0; i < a->n_fibres; i++) {
        LH_CHECK(a->fibres[i].site_b == b->fibres[i].site_b);
        LH_CHECK(a->fibres[i].length_m == b->fibres[i].length_m);
        LH_CHECK(a->fibres[i].bytes_per_s == b->fibres[i].bytes_per_s);
        LH_CHECK(a->fibres[i].route_factor == b->fibres[i].route_factor);
        LH_CHECK(a->fibres[i].equipment_latency_s
                 == b->fibres[i].equipment_latency_s);
    }
    LH_CHECK(a->routing == b->routing);
    LH_CHECK(a->layout.kind == b->layout.kind);
    LH_CHECK(a->layout.length_m == b->layout.length_m);
    LH_CHECK(a->layout.bytes_per_s == b->layout.bytes_per_s);
}

static void check_echo(const struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh_scenario again;
    const char *yaml = yaml_of(s, ctx);
    const char *json = json_of(s, ctx);
    int before = lh_diag_total(ctx);

    LH_REQUIRE(read_one(&again, yaml, ctx) == LH_OK);
    LH_CHECK(lh_diag_total(ctx) == before);
    check_equal(s, &again);
    LH_CHECK_TEXT(yaml_of(&again, ctx), yaml);
    LH_REQUIRE(read_one(&again, json, ctx) == LH_OK);
    check_equal(s, &again);
    LH_CHECK_TEXT(json_of(&again, ctx), json);
    LH_CHECK_TEXT(yaml_of(&again, ctx), yaml);
}

static void echo_of(const char *path)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(lh_scenario_read(&s, path, NULL, 0, &ctx) == LH_OK);
    LH_CHECK(lh_diag_total(&ctx) == 0);
    check_echo(&s, &ctx);
    lh_ctx_end(&ctx);
}

static void echo_of_every_example_reads_back_equal(void)
{
    glob_t examples;

    LH_REQUIRE(glob(LH_SRCDIR "/examples/*.yaml", 0, NULL, &examples) == 0);
    LH_CHECK(examples.gl_pathc > 30);
    for (size_t i = 0; i < examples.gl_pathc; i++)
        echo_of(examples.gl_pathv[i]);
    globfree(&examples);
    echo_of(LH_SRCDIR "/examples/csv-tables/three-sites.yaml");
}

static void echo_keeps_odd_values(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;

    LH_REQUIRE(
        read_one(
            &s,
            HEAD
            "name: \"two: 'halls' # \\\"x\\\" \\\\ \\u00e9\"\n"
            "plan: {bucket: 123456789.123 B, tensor: 2}\n"
            "sites:\n- {name: 1e5, gpus: 16, device: h100-sxm,\n"
            "   gateway_bandwidth: 333.3333333333333 Gbit/s,\n"
            "   fabric: {nic_latency: 1.2345678901234567 us,\n"
            "            spread_efficiency: 0.1, oversubscription: 1.7}}\n"
            "- {name: true, gpus: 16, device: h100-sxm}\n"
            "fibres: [{between: [1e5, true], length: 0.1 m,\n"
            "          bandwidth: 1.3 bit/s, equipment_latency: 1e-300 s}]\n",
            &ctx)
        == LH_OK);
    LH_CHECK_TEXT(s.name, "two: 'halls' # \"x\" \\ \xc3\xa9");
    check_echo(&s, &ctx);
    lh_ctx_end(&ctx);
}

static void echo_includes_settings(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    static const struct lh_setting settings[] = {
        {"fibres[0].bandwidth", "1.6 Tbit/s"}};

    LH_REQUIRE(read_with(&s, HEAD TWO FIBRE, settings, 1, &ctx) == LH_OK);
    LH_CHECK(strstr(yaml_of(&s, &ctx), "    bandwidth: 1.6 Tbit/s\n"));
    LH_CHECK(strstr(json_of(&s, &ctx), "\"bandwidth\": \"1.6 Tbit/s\""));
    lh_ctx_end(&ctx);
}

/* ---- faults ------------------------------------------------------------- */

static void huge_text_is_refused(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    size_t n = (size_t)65 << 20;
    char *text = calloc(1, n);

    LH_REQUIRE(text != NULL);
    memset(text, '#', n);
    LH_CHECK(lh_scenario_read_text(&s, "huge", text, n, ".", NULL, 0, &ctx)
             == LH_BAD_INPUT);
    LH_CHECK(has_message(&ctx, LH_ERROR, "larger than 64 MiB"));
    free(text);
    lh_ctx_end(&ctx);
}

/* Draws of a plain generator (Knuth, TAOCP 2, 3.3.4, line 26). */
static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void damaged_text_is_read_or_refused(void)
{
    static const char strange[] = "{}[]:,-#&*!|>'\"%@`\t\n 0\x80\xff\x01~?";
    struct lh_ctx outer = lh_ctx_begin();
    uint64_t state = 1;
    char *text;
    size_t n;

    LH_REQUIRE(lh_file_read(&text, &n,
                            LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
                            &outer)
               == LH_OK);
    for (int i = 0; i < 400; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_scenario s;
        char *copy = lh_strndup(ctx.arena, text, n);
        for (int k = i % 5; k >= 0; k--)
            copy[draw(&state) % n] =
                strange[draw(&state) % (sizeof strange - 1)];
        enum lh_status st =
            lh_scenario_read_text(&s, "x", copy, n, ".", NULL, 0, &ctx);
        LH_CHECK((st == LH_OK) == (lh_diag_count(&ctx, LH_ERROR) == 0));
        lh_ctx_end(&ctx);
    }
    lh_ctx_end(&outer);
}

/* ---- help --------------------------------------------------------------- */

static void explains_keys(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(ctx.arena);

    LH_CHECK(lh_schema_explain(&text, "fibres[0].bandwidth", &ctx) == LH_OK);
    LH_CHECK(strncmp(text.s, "fibres[].bandwidth\n", 19) == 0);
    LH_CHECK(strstr(text.s, "default   400 Gbit/s") != NULL);
    text = lh_text_new(ctx.arena);
    LH_CHECK(lh_schema_explain(&text, "bandwidth", &ctx) == LH_OK);
    LH_CHECK(strstr(text.s, "fibre_layout.bandwidth\n") != NULL);
    LH_CHECK(lh_schema_explain(&text, "bandwidthh", &ctx) == LH_BAD_INPUT);
    LH_CHECK(has_message(&ctx, LH_ERROR, "did you mean 'bandwidth'?"));
    lh_ctx_end(&ctx);
}

static void reference_page_is_up_to_date(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(ctx.arena);
    char *page;
    size_t n;

    lh_schema_print_markdown(&text, &ctx);
    LH_REQUIRE(lh_file_read(&page, &n, LH_SRCDIR "/docs/keys.md", &ctx)
               == LH_OK);
    LH_CHECK_TEXT(page, text.s); /* else: longhaul explain --markdown */
    lh_ctx_end(&ctx);
}

static void json_schema_holds_the_keys(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(ctx.arena);
    int depth = 0;

    lh_schema_print_json_schema(&text, &ctx);
    LH_CHECK(strstr(text.s, "2020-12/schema") != NULL);
    LH_CHECK(strstr(text.s, "\"required\": [\"gpus\", \"device\"]") != NULL);
    LH_CHECK(strstr(text.s, "\"enum\": [\"gpipe\", \"1f1b\", "
                            "\"interleaved\", \"zero-bubble\", "
                            "\"dualpipe\", \"dualpipe-v\"]")
             != NULL);
    for (const char *p = text.s; *p; p++)
        depth += (*p == '{') - (*p == '}');
    LH_CHECK(depth == 0);
    lh_ctx_end(&ctx);
}

/* sync.algorithm names those that can reduce gradients, and no others. */
static void knows_every_collective(void)
{
    static const int32_t site[] = {0, 1};
    static const int64_t domain[] = {0, 1};
    static const int32_t one_site[4] = {0};
    static const int64_t one_domain[4] = {0}, place[] = {0, 1, 2, 3};
    static const int64_t two_domains[] = {0, 0, 1, 1};
    const struct lh_members two = {.n = 2, .site = site, .domain = domain};
    const struct lh_members in_domain = {.n = 2,
                                         .site = one_site,
                                         .domain = one_domain,
                                         .has_library = true,
                                         .in_network = true};
    const struct lh_members in_domains = {.n = 4,
                                          .site = one_site,
                                          .domain = two_domains,
                                          .has_library = true,
                                          .in_network = true,
                                          .nvls_tree = true,
                                          .sharp = true};
    const struct lh_members torus = {.n = 4,
                                     .site = one_site,
                                     .domain = one_domain,
                                     .place = place,
                                     .n_dims = 1,
                                     .dims = {4}};
    for (int i = -1; i < lh_algorithm_count(); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_scenario s;
        const struct lh_setting setting = {
            "sync.algorithm", i < 0 ? "flat-ring" : lh_algorithm_at(i)->name};
        const struct lh_algorithm *a = lh_algorithm_at(i < 0 ? 0 : i);
        bool reduces = i < 0 || a->defined(LH_ALL_REDUCE, &two)
                       || a->defined(LH_ALL_REDUCE, &torus)
                       || a->defined(LH_ALL_REDUCE, &in_domain)
                       || a->defined(LH_ALL_REDUCE, &in_domains);
        LH_CHECK((read_with(&s, HEAD SITE, &setting, 1, &ctx) == LH_OK)
                 == reduces);
        lh_ctx_end(&ctx);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"reads the example", reads_the_example},
        {"fills defaults", fills_defaults},
        {"reads plain values by type", reads_plain_values_by_type},
        {"overrides a fabric", overrides_a_fabric},
        {"a single value stands for a mapping",
         a_single_value_stands_for_a_mapping},
        {"reads a config beside it", reads_a_config_beside_it},
        {"applies settings", applies_settings},
        {"setting faults name the setting", setting_faults_name_the_setting},
        {"tables are sites and fibres", tables_are_sites_and_fibres},
        {"derives replicas by site", derives_replicas_by_site},
        {"derives replicas of stages", derives_replicas_of_stages},
        {"one site keeps plan and accelerators",
         one_site_keeps_plan_and_accelerators},
        {"buckets follow precision and replicas",
         buckets_follow_precision_and_replicas},
        {"warns of keys without effect", warns_of_keys_without_effect},
        {"defaults written out warn of nothing",
         defaults_written_out_warn_of_nothing},
        {"echo of every example reads back equal",
         echo_of_every_example_reads_back_equal},
        {"echo keeps odd values", echo_keeps_odd_values},
        {"echo includes settings", echo_includes_settings},
        {"huge text is refused", huge_text_is_refused},
        {"damaged text is read or refused", damaged_text_is_read_or_refused},
        {"explains keys", explains_keys},
        {"reference page is up to date", reference_page_is_up_to_date},
        {"JSON schema holds the keys", json_schema_holds_the_keys},
        {"knows every collective", knows_every_collective},
    };

    return lh_unit_run("scenario", tests, LH_COUNT(tests));
}
