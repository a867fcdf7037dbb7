/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The writers of analysis/ on figures set by hand: what is printed must be
 * these figures, in the order and the words that docs and goldens promise.
 */
#include <math.h>
#include <string.h>

#include <jansson.h>

#include <longhaul/result.h>

#include "unit.h"

static const char two_sites[] =
    "longhaul: 1\n"
    "name: 'two, \"sites\"'\n"
    "model: {name: llama-3.1-8b}\n"
    "training: {global_batch: 16, sequence_length: 8192}\n"
    "plan: {tensor: 4}\n"
    "sites:\n"
    "  - {name: ashburn, gpus: 8, device: h100-sxm}\n"
    "  - {name: memphis, gpus: 8, device: h100-sxm}\n"
    "fibres:\n"
    "  - {between: [ashburn, memphis], length: 1000 km,\n"
    "     bandwidth: 400 Gbit/s, equipment_latency: 0 s}\n";

/* Two rank classes of two operations: a forward pass, then a reduction of
 * 1 GB across the fibre. */
struct fixture {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_topology *topology;
    struct lh_program program;
    struct lh_trace trace;
    struct lh_result result;
    struct lh_result one_site;
    struct lh_family_error validation;
    struct lh_report report;
};

static struct lh_op ops[2] = {
    {.kind = LH_OP_COMPUTE,
     .stream = LH_STREAM_COMPUTE,
     .category = LH_COMPUTE,
     .task = LH_TASK_FORWARD,
     .comm = -1,
     .seconds = 3,
     .micro_batch = 2,
     .layer = 5},
    {.kind = LH_OP_COMM,
     .stream = LH_STREAM_DATA,
     .category = LH_DATA_COMM,
     .task = LH_TASK_GRADIENTS,
     .comm = 0,
     .micro_batch = -1,
     .layer = -1},
};
static struct lh_comm comm = {.collective = LH_ALL_REDUCE,
                              .axes = LH_AXIS_BIT(LH_AXIS_DATA),
                              .bytes = 1e9,
                              .category = LH_DATA_COMM,
                              .algorithm = "auto"};
static struct lh_template template = {
    .name = "stage 0 of 1 on h100-sxm", .n_ops = 2, .ops = ops};
static struct lh_memory memory = {.weights = 10 * 1073741824.0,
                                  .gradients = 8 * 1073741824.0,
                                  .optimizer = 4 * 1073741824.0,
                                  .activations = 2 * 1073741824.0,
                                  .reserved = 1073741824.0,
                                  .total = 25 * 1073741824.0};

static void fill_program(struct fixture *f)
{
    f->program = (struct lh_program){
        .axes = {.size = {4, 1, 1, 1, 1, 1, 4}, .stride = {1, 4, 4, 4, 4, 4, 4}},
        .n_templates = 1,
        .templates = &template,
        .n_comms = 1,
        .comms = &comm,
        .n_stages = 1,
        .memory = &memory,
        .micro_batches = 4,
        .tokens = 131072,
    };
}

static void fill_trace(struct fixture *f)
{
    static int64_t class_size[2] = {8, 8};
    static lh_rank class_rank[2] = {0, 8};
    static int32_t class_template[2] = {0, 0};
    static int64_t class_first[3] = {0, 2, 4};
    static double posted_s[4] = {10, 13, 10, 13.25};
    static double start_s[4] = {10, 13.25, 10, 13.25};
    static double end_s[4] = {13, 14.25, 13.25, 14.25};
    static int64_t late[4] = {-1, 3, -1, 3};
    static int32_t group[4] = {-1, 0, -1, 0};
    static uint8_t group_wan[1] = {1};
    static int32_t group_algorithm[1] = {0};
    static int64_t group_count[1] = {8};
    static int32_t group_comm[1] = {0};
    int n_links = lh_topology_link_count(f->topology);

    f->trace = (struct lh_trace){
        .n_classes = 2,
        .class_size = class_size,
        .class_rank = class_rank,
        .class_template = class_template,
        .class_first = class_first,
        .n_records = 4,
        .posted_s = posted_s,
        .start_s = start_s,
        .end_s = end_s,
        .late = late,
        .group = group,
        .n_groups = 1,
        .group_wan = group_wan,
        .group_algorithm = group_algorithm,
        .group_count = group_count,
        .group_comm = group_comm,
        .n_links = n_links,
        .link_first = LH_NEW(f->ctx.arena, lh_link, n_links),
        .link_count = LH_NEW(f->ctx.arena, int64_t, n_links),
        .link_bytes = LH_NEW(f->ctx.arena, double, n_links),
        .link_capacity = LH_NEW(f->ctx.arena, double, n_links),
        .steady = true,
        .step_time_s = 4,
        .wall_s = 0.125,
    };
    for (int i = 0; i < n_links; i++) {
        f->trace.link_first[i] = i;
        f->trace.link_count[i] = 1;
        f->trace.link_bytes[i] = 5e9;
        f->trace.link_capacity[i] = lh_topology_link_capacity(f->topology, i);
    }
}

static void fill_results(struct fixture *f)
{
    static struct lh_link_use links[3] = {
        {"fibre ashburn->memphis", LH_LINK_WAN, 1, 50e9, 40e9, 0.2},
        {"ashburn/node0/gpu0->nvswitch", LH_LINK_SCALE_UP, 16, 450e9, 90e9,
         0.05},
        {"memphis/spine->gateway", LH_LINK_GATEWAY, 2, INFINITY, 40e9, 0},
    };

    f->result = (struct lh_result){
        .step_time_s = 4,
        .tokens_per_s = 32768,
        .mfu = 0.375,
        .hfu = 0.5,
        .fits = true,
        .steady = true,
        .steps_simulated = 3,
        .n_links = 3,
        .links = links,
        .bound = {3, 0.8, 3, "fibre ashburn->memphis"},
        .events = 77,
        .rank_classes = 2,
        .group_classes = 1,
        .link_classes = 3,
    };
    f->result.breakdown_s[LH_COMPUTE] = 3;
    f->result.breakdown_s[LH_WAN_COMM] = 0.75;
    f->result.breakdown_s[LH_TENSOR_COMM] = 0.25;
    f->result.critical_path_s[LH_COMPUTE] = 4;
    f->one_site = f->result;
    f->one_site.step_time_s = 3.2;
    f->one_site.mfu = 0.46875;
}

static void begin(struct fixture *f)
{
    enum lh_status st;

    *f = (struct fixture){.ctx = lh_ctx_begin()};
    st = lh_scenario_read_text(&f->scenario, "two.yaml", two_sites,
                               strlen(two_sites), ".", NULL, 0, &f->ctx);
    for (int i = 0; st != LH_OK && i < lh_diag_total(&f->ctx); i++) {
        LH_CHECK_TEXT(lh_diag_at(&f->ctx, i)->text, "");
    }
    LH_REQUIRE(st == LH_OK);
    st = lh_topology_build(&f->topology, &f->scenario, &f->ctx);
    LH_REQUIRE(st == LH_OK);
    fill_program(f);
    fill_trace(f);
    fill_results(f);
    f->validation = (struct lh_family_error){"this with that", 3, 0.0625, 0.5};
    f->report = (struct lh_report){.scenario = &f->scenario,
                                   .program = &f->program,
                                   .topology = f->topology,
                                   .trace = &f->trace,
                                   .result = &f->result,
                                   .one_site = &f->one_site,
                                   .validation = &f->validation,
                                   .max_links = -1};
}

static void end(struct fixture *f)
{
    lh_topology_free(f->topology);
    lh_ctx_end(&f->ctx);
}

static char *written(struct fixture *f, const char *output)
{
    struct lh_text text = lh_text_new(f->ctx.arena);

    lh_output_find(output)->write(&text, &f->report);
    return text.s;
}

/* ---- text -------------------------------------------------------------- */

static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);

    for (const char *at = text; (at = strstr(at, line)) != NULL; at++) {
        if ((at == text || at[-1] == '\n') && at[n] == '\n') {
            return true;
        }
    }
    return false;
}

static void says_it_in_text(void)
{
    struct fixture f;
    const char *text;

    begin(&f);
    text = written(&f, "text");
    LH_CHECK(has_line(text, "16 h100-sxm in 2 sites, TP 4  PP 1  DP 4, "
                            "replicas split across sites"));
    LH_CHECK(has_line(text, "fibre ashburn–memphis  1000 km  RTT 9.8 ms  "
                            "400 Gbit/s each way"));
    LH_CHECK(has_line(text, "step time             4.000 s  +25.0 % over the "
                            "same accelerators in one site (3.200 s)"));
    LH_CHECK(has_line(text, "  compute             3.000 s  75.0 %  "
                            "########################"));
    LH_CHECK(has_line(text, "  tensor, exposed     0.250 s   6.2 %  ##"));
    LH_CHECK(has_line(text, "  WAN, exposed        0.750 s  18.8 %  ######"
                            "  ← bottleneck: fibre ashburn–memphis, "
                            "20 % busy"));
    LH_CHECK(strstr(text, "optimizer") == NULL);
    LH_CHECK(strstr(text, "MFU 37.5 % (one site 46.9 %)   memory 25.0 of ")
             != NULL);
    LH_CHECK(has_line(text, "bound 3.000 s, step 1.33 x it: compute "
                            "3.000 s, network 0.800 s "
                            "(fibre ashburn–memphis)"));
    LH_CHECK(strstr(text, "no limit") != NULL);
    end(&f);
}

static void points_into_the_site(void)
{
    struct fixture f;
    const char *text;

    begin(&f);
    f.report.one_site = NULL;
    f.result.fits = false;
    f.result.breakdown_s[LH_WAN_COMM] = 0.25;
    f.result.breakdown_s[LH_TENSOR_COMM] = 0.75;
    text = written(&f, "text");
    LH_CHECK(strstr(text, "###  ← bottleneck: ashburn/node0/gpu0–nvswitch, "
                          "5 % busy\n")
             != NULL);
    LH_CHECK(strstr(text, "one site") == NULL);
    LH_CHECK(strstr(text, "(does not fit)") != NULL);
    end(&f);
}

static void keeps_to_100_columns(void)
{
    struct fixture f;
    char name[400];
    const char *line;

    begin(&f);
    memset(name, 'x', sizeof name);
    memcpy(name, "fibre ", 6);
    name[sizeof name - 1] = '\0';
    f.result.links[0].name = name;
    f.result.bound.cut = name;
    f.scenario.model.source = name;
    line = written(&f, "text");
    f.result.links[0].name = "fibre ashburn->memphis"; /* it is static */
    LH_CHECK(strlen(line) > 500);
    while (*line != '\0') {
        const char *stop = strchr(line, '\n');
        int columns = 0;
        LH_REQUIRE(stop != NULL);
        for (; line < stop; line++) {
            columns += ((unsigned char)*line & 0xc0) != 0x80;
        }
        LH_CHECK(columns <= 100);
        line = stop + 1;
    }
    end(&f);
}

/* ---- JSON -------------------------------------------------------------- */

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (json == NULL) {
        LH_CHECK_TEXT(error.text, "");
    }
    LH_REQUIRE(json != NULL);
    return json;
}

static double real_at(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void check_keys(const json_t *object, const char *expected)
{
    char keys[600] = "";
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        if (keys[0] != '\0') {
            strcat(keys, " ");
        }
        strcat(keys, key);
    }
    LH_CHECK_TEXT(keys, expected);
}

static const char categories[] =
    "compute recompute tensor_comm expert_comm context_comm pipeline_comm "
    "pipeline_bubble data_comm wan_comm optimizer wait other";

static void writes_json_keys_in_order(void)
{
    struct fixture f;
    json_t *json;
    json_t *engine;

    begin(&f);
    json = parsed(written(&f, "json"));
    check_keys(json, "schema scenario model step_time_s tokens_per_s mfu hfu "
                     "fits steady breakdown_s critical_path_s memory_bytes "
                     "links bound_s bound one_site validation engine");
    check_keys(json_object_get(json, "validation"),
               "family rows median_abs_error within_10_percent");
    LH_CHECK(real_at(json_object_get(json, "validation"), "median_abs_error")
             == 0.0625);
    check_keys(json_object_get(json, "breakdown_s"), categories);
    check_keys(json_object_get(json, "critical_path_s"), categories);
    check_keys(json_object_get(json, "model"),
               "name parameters active_parameters source");
    check_keys(json_array_get(json_object_get(json, "memory_bytes"), 0),
               "weights gradients optimizer activations reserved total");
    check_keys(json_array_get(json_object_get(json, "links"), 0),
               "name kind count capacity_bytes_per_s bytes busy_fraction");
    check_keys(json_object_get(json, "bound"), "compute_s network_s cut");
    engine = json_object_get(json, "engine");
    check_keys(engine, "events classes steps fold settings");
    check_keys(json_object_get(engine, "fold"), "ranks groups links");
    json_decref(json);
    end(&f);
}

static void writes_json_values(void)
{
    struct fixture f;
    json_t *json;
    json_t *links;
    json_t *one;

    begin(&f);
    f.report.timing = true;
    f.result.step_time_s = 0.1 + 0.2; /* needs 17 digits */
    json = parsed(written(&f, "json"));
    LH_CHECK(real_at(json, "step_time_s") == 0.1 + 0.2);
    LH_CHECK(json_is_true(json_object_get(json, "fits")));
    LH_CHECK(real_at(json, "bound_s") == 3);
    links = json_object_get(json, "links");
    LH_CHECK(json_array_size(links) == 3);
    LH_CHECK(json_is_null(
        json_object_get(json_array_get(links, 2), "capacity_bytes_per_s")));
    one = json_object_get(json, "one_site");
    LH_CHECK(real_at(one, "step_time_s") == 3.2);
    LH_CHECK_NEAR(real_at(one, "efficiency"), 3.2 / (0.1 + 0.2), 1e-15);
    check_keys(json_object_get(one, "breakdown_s"), categories);
    LH_CHECK(real_at(json_object_get(json, "engine"), "wall_s") == 0.125);
    json_decref(json);
    end(&f);
}

static void cuts_the_links(void)
{
    struct fixture f;
    json_t *json;

    begin(&f);
    f.report.max_links = 1;
    f.report.one_site = NULL;
    json = parsed(written(&f, "json"));
    LH_CHECK(json_array_size(json_object_get(json, "links")) == 1);
    LH_CHECK(json_is_null(json_object_get(json, "one_site")));
    json_decref(json);
    f.report.max_links = 0;
    json = parsed(written(&f, "json"));
    LH_CHECK(json_array_size(json_object_get(json, "links")) == 0);
    json_decref(json);
    end(&f);
}

/* ---- CSV --------------------------------------------------------------- */

static void writes_csv(void)
{
    struct fixture f;

    begin(&f);
    LH_CHECK_TEXT(
        written(&f, "csv"),
        "scenario,step_time_s,tokens_per_s,mfu,hfu,fits,compute_s,"
        "recompute_s,tensor_comm_s,expert_comm_s,context_comm_s,"
        "pipeline_comm_s,pipeline_bubble_s,data_comm_s,wan_comm_s,"
        "optimizer_s,wait_s,other_s,one_site_step_time_s,efficiency,bound_s,"
        "busiest_link,busiest_link_busy_fraction,family,"
        "family_median_abs_error\n"
        "\"two, \"\"sites\"\"\",4,32768,0.375,0.5,true,3,0,0.25,0,0,0,0,0,"
        "0.75,0,0,0,3.2,0.8,3,fibre ashburn->memphis,0.2,this with that,"
        "0.0625\n");
    f.report.one_site = NULL;
    f.result.n_links = 0;
    LH_CHECK(strstr(written(&f, "csv"), ",0,0,0,,,3,,,this with that,0.0625\n")
             != NULL);
    end(&f);
}

/* ---- trace ------------------------------------------------------------- */

static json_t *trace_events(struct fixture *f, json_t **whole)
{
    struct lh_text text = lh_text_new(f->ctx.arena);

    lh_write_perfetto(&text, &f->report);
    *whole = parsed(text.s);
    return json_object_get(*whole, "traceEvents");
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static void traces_every_record(void)
{
    struct fixture f;
    json_t *whole;
    json_t *events;
    json_t *event;
    double ends_us[2][LH_STREAMS] = {{0}};
    size_t i;
    int n = 0;

    begin(&f);
    events = trace_events(&f, &whole);
    json_array_foreach(events, i, event)
    {
        int class = (int)real_at(event, "pid") - 1;
        int stream = (int)real_at(event, "tid") - 1;
        if (strcmp(text_at(event, "ph"), "X") != 0) {
            continue;
        }
        LH_REQUIRE(class >= 0 && class < 2 && stream >= 0
                   && stream < LH_STREAMS);
        LH_CHECK(real_at(event, "ts") >= ends_us[class][stream]);
        ends_us[class][stream] = real_at(event, "ts") + real_at(event, "dur");
        LH_CHECK_TEXT(text_at(event, "name"), stream == LH_STREAM_COMPUTE
                                                  ? "forward mb 2 layer 5"
                                                  : "all-reduce gradients");
        LH_CHECK_TEXT(text_at(event, "cat"),
                      stream == LH_STREAM_COMPUTE ? "compute" : "wan_comm");
        n++;
    }
    LH_CHECK(n == 4);
    LH_CHECK_NEAR(ends_us[0][LH_STREAM_COMPUTE], 3e6, 1e-12);
    LH_CHECK_NEAR(ends_us[1][LH_STREAM_DATA], 4.25e6, 1e-12);
    json_decref(whole);
    end(&f);
}

/* The counter's integral is the bytes of the fibre: 5 GB each way. */
static void counts_the_fibre(void)
{
    struct fixture f;
    json_t *whole;
    json_t *events;
    json_t *event;
    double last_us = 0;
    double rate = 0;
    double bytes = 0;
    size_t i;

    begin(&f);
    events = trace_events(&f, &whole);
    json_array_foreach(events, i, event)
    {
        if (strcmp(text_at(event, "ph"), "C") == 0) {
            bytes += rate * (real_at(event, "ts") - last_us) * 1e-6;
            last_us = real_at(event, "ts");
            rate = real_at(json_object_get(event, "args"), "bytes_per_s");
        }
    }
    LH_CHECK_NEAR(bytes, 10e9, 1e-9);
    LH_CHECK(rate == 0);
    LH_CHECK_NEAR(last_us, 4.25e6, 1e-12);
    json_decref(whole);
    end(&f);
}

/* ---- the list ---------------------------------------------------------- */

static void lists_the_outputs(void)
{
    LH_CHECK(lh_output_count() >= 3);
    LH_CHECK_TEXT(lh_output_at(0)->name, "text"); /* the default of run */
    LH_CHECK(lh_output_find("json") != NULL);
    LH_CHECK(lh_output_find("JSON") == NULL);
}

/* Shares of memory decide, not bytes: the smaller device may be the fuller. */
static void finds_the_fullest_stage(void)
{
    struct lh_memory stages[2] = {{.total = 60e9}, {.total = 50e9}};
    struct lh_program program = {
        .axes = {.size = {8, 1, 1, 2, 1, 1, 1}, .stride = {1, 8, 8, 8, 16, 16, 16}},
        .n_stages = 2,
        .memory = stages};
    struct lh_site sites[2] = {
        {.gpus = 8, .device = {.name = "big", .memory_bytes = 80e9}},
        {.gpus = 8, .device = {.name = "small", .memory_bytes = 40e9}}};
    struct lh_scenario s = {
        .n_sites = 2, .sites = sites, .across_sites = LH_ACROSS_PIPELINE};
    struct lh_fullest m = lh_memory_fullest(&program, &s);

    LH_CHECK(m.stage == 1);
    LH_CHECK_TEXT(m.device->name, "small");
    LH_CHECK(m.bytes == 50e9);
    s.across_sites = LH_ACROSS_DATA; /* stage 0 on the small ones too */
    m = lh_memory_fullest(&program, &s);
    LH_CHECK(m.stage == 0);
    LH_CHECK_TEXT(m.device->name, "small");
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"text has the figures, the bars and the arrow", says_it_in_text},
        {"the arrow points into the site for other communication",
         points_into_the_site},
        {"text keeps to 100 columns", keeps_to_100_columns},
        {"JSON has its keys in the agreed order", writes_json_keys_in_order},
        {"JSON has exact values and null where there is none",
         writes_json_values},
        {"links are cut to the rows asked for", cuts_the_links},
        {"CSV quotes and leaves empty", writes_csv},
        {"the trace has every record, none overlapping", traces_every_record},
        {"the WAN counter integrates to the bytes carried", counts_the_fibre},
        {"the outputs are listed", lists_the_outputs},
        {"the fullest stage is found by share", finds_the_fullest_stage},
    };

    return lh_unit_run("writers", tests, LH_COUNT(tests));
}
