/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The report and the figures for papers on results set by hand: places and
 * widths in the pictures are those that hand arithmetic gives.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

static const char two_sites[] =
    "longhaul: 1\n"
    "model: {name: llama-3.1-8b}\n"
    "training: {global_batch: 16, sequence_length: 8192}\n"
    "plan: {tensor: 4}\n"
    "sites:\n"
    "  - {name: west, location: [0, 0], gpus: 8, device: h100-sxm}\n"
    "  - {name: east, location: [0, 10], gpus: 8, device: h100-sxm}\n"
    "fibres:\n"
    "  - {between: [west, east], length: 1000 km, bandwidth: 400 Gbit/s}\n";

static const double GIB = 1073741824.0;

/* Of 4 s an accelerator computes 3; 1 GB crosses the fibre from 13.25 on. */
struct fixture {
    struct lh_ctx ctx;
    struct lh_scenario scenario;
    struct lh_topology *topology;
    struct lh_program program;
    struct lh_trace trace;
    struct lh_result result, one_site;
    struct lh_family_error validation;
    struct lh_report report;
    struct lh_report_page page;
};

static struct lh_op ops[2] = {
    {.kind = LH_OP_COMPUTE, .category = LH_COMPUTE, .task = LH_TASK_FORWARD},
    {.kind = LH_OP_COMM,
     .stream = LH_STREAM_DATA,
     .category = LH_DATA_COMM,
     .task = LH_TASK_GRADIENTS},
};
static struct lh_comm comm = {.collective = LH_ALL_REDUCE,
                              .category = LH_DATA_COMM};
static struct lh_template template = {
    .name = "stage 0", .n_ops = 2, .ops = ops};
static struct lh_memory memory;

static void fill_program(struct fixture *f)
{
    static const struct lh_device *devices[1];
    static struct lh_device device = {.name = "h100-sxm"};

    device.memory_bytes = 80 * GIB;
    devices[0] = &device;
    memory = (struct lh_memory){
        .weights = 10 * GIB, .activations = 20 * GIB, .total = 30 * GIB};
    f->program = (struct lh_program){.axes = {.size = {4, 1, 1, 1, 1, 4}},
                                     .n_devices = 1,
                                     .devices = devices,
                                     .n_templates = 1,
                                     .templates = &template,
                                     .n_comms = 1,
                                     .comms = &comm,
                                     .n_stages = 1,
                                     .memory = &memory};
}

static void fill_trace(struct fixture *f)
{
    static int64_t size[2] = {8, 8}, first[3] = {0, 2, 4}, count[1] = {8};
    static lh_rank rank[2] = {0, 8};
    static int32_t of_template[2], group[4] = {-1, 0, -1, 0}, group_comm[1];
    static double speed[2] = {1, 1}, begin[2] = {10, 10}, end[2] = {14, 14};
    static double start[4] = {10, 13.25, 10, 13.25};
    static double stop[4] = {13, 14, 13, 14};
    static uint8_t wan[1] = {1};

    f->trace = (struct lh_trace){.n_classes = 2,
                                 .class_size = size,
                                 .class_rank = rank,
                                 .class_template = of_template,
                                 .class_first = first,
                                 .class_speed = speed,
                                 .class_begin_s = begin,
                                 .class_end_s = end,
                                 .n_records = 4,
                                 .start_s = start,
                                 .end_s = stop,
                                 .group = group,
                                 .n_groups = 1,
                                 .group_wan = wan,
                                 .group_count = count,
                                 .group_comm = group_comm,
                                 .step_time_s = 4};
}

static void fill_results(struct fixture *f)
{
    static struct lh_link_use links[2] = {
        {"fibre west->east", LH_LINK_WAN, 1, 50e9, 40e9, 0.25},
        {"west/node0/gpu0->nvswitch", LH_LINK_SCALE_UP, 16, 450e9, 90e9, 0.05},
    };

    f->result = (struct lh_result){.step_time_s = 4,
                                   .tokens_per_s = 32768,
                                   .mfu = 0.375,
                                   .fits = true,
                                   .steady = true,
                                   .n_links = 2,
                                   .links = links};
    f->result.breakdown_s[LH_COMPUTE] = 3;
    f->result.breakdown_s[LH_TENSOR_COMM] = 0.25;
    f->result.breakdown_s[LH_WAN_COMM] = 0.75;
    f->one_site = f->result;
    f->one_site.step_time_s = 3.25;
    f->one_site.breakdown_s[LH_WAN_COMM] = 0;
}

static void begin(struct fixture *f)
{
    enum lh_status st;

    *f = (struct fixture){.ctx = lh_ctx_begin()};
    st = lh_scenario_read_text(&f->scenario, "two.yaml", two_sites,
                               strlen(two_sites), ".", NULL, 0, &f->ctx);
    LH_REQUIRE(st == LH_OK);
    st = lh_topology_build(&f->topology, &f->scenario, &f->ctx);
    LH_REQUIRE(st == LH_OK);
    fill_program(f);
    fill_trace(f);
    fill_results(f);
    f->validation = (struct lh_family_error){"this with that", 0, NAN, NAN};
    f->report = (struct lh_report){.scenario = &f->scenario,
                                   .program = &f->program,
                                   .topology = f->topology,
                                   .trace = &f->trace,
                                   .result = &f->result,
                                   .one_site = &f->one_site,
                                   .validation = &f->validation};
    f->page = (struct lh_report_page){.report = &f->report};
}

static void end(struct fixture *f)
{
    lh_topology_free(f->topology);
    lh_ctx_end(&f->ctx);
}

static const char *page_of(struct fixture *f)
{
    struct lh_text text = lh_text_new(f->ctx.arena);

    LH_REQUIRE(lh_write_html(&text, &f->page, &f->ctx) == LH_OK);
    return text.s;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- words --------------------------------------------------------------- */

static void says_it_first(void)
{
    struct fixture f;
    const char *body;

    begin(&f);
    body = strstr(page_of(&f), "<body>\n");
    LH_REQUIRE(body != NULL);
    LH_CHECK(strstr(body, "<h1>The largest part beside computing is WAN, "
                          "exposed: 750 ms of the step&#39;s 4 s (18.8 %); the "
                          "busiest link that it can run over: fibre west → "
                          "east, 25 % busy.</h1>")
             == body + strlen("<body>\n"));
    f.result.breakdown_s[LH_WAN_COMM] = 0;
    f.result.breakdown_s[LH_TENSOR_COMM] = 1;
    LH_CHECK(has(page_of(&f), "tensor, exposed: 1 s of the step&#39;s 4 s "
                              "(25.0 %); the busiest link that it can run "
                              "over: west/node0/gpu0 → nvswitch, 5 % busy."));
    f.result.breakdown_s[LH_TENSOR_COMM] = 0;
    LH_CHECK(has(page_of(&f), "loses nothing; the busiest link: fibre west → "
                              "east, 25 % busy."));
    end(&f);
}

static void escapes_names(void)
{
    struct fixture f;
    struct lh_report_bar bar = {.title = "</title><script>x('\"')</script>"};
    const char *page;

    begin(&f);
    bar.result = &f.one_site;
    f.scenario.name = "<a> & \"b\"'\x01\xff\xc2\x80\xef\xbf\xbf ü€𝄞";
    f.page.n_bars = 1;
    f.page.bars = &bar;
    page = page_of(&f);
    LH_CHECK(has(page, "<title>&lt;a&gt; &amp; &quot;b&quot;&#39;"
                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd ü€𝄞 "
                       "– longhaul</title>"));
    LH_CHECK(!has(page, "<script"));
    LH_CHECK(has(page, "&lt;/title&gt;&lt;script&gt;x(&#39;&quot;&#39;)"
                       "&lt;/script&gt;"));
    end(&f);
}

/* ---- pictures ------------------------------------------------------------ */

/* 480 of the width are 4 s: 120 a second, from 244 on. */
static void draws_the_parts(void)
{
    struct fixture f;
    const char *page;

    begin(&f);
    page = page_of(&f);
    LH_CHECK(has(page, "<rect x=\"244.0\" y=\"6.0\" width=\"360.0\" "
                       "height=\"20.0\" class=\"compute\">"));
    LH_CHECK(has(page, "<rect x=\"604.0\" y=\"6.0\" width=\"30.0\" "
                       "height=\"20.0\" class=\"tensor\">"));
    LH_CHECK(has(page, "<rect x=\"634.0\" y=\"6.0\" width=\"90.0\" "
                       "height=\"20.0\" class=\"wan\">"));
    LH_CHECK(has(page, "3.25 s (−18.8 %)"));
    end(&f);
}

/* 480 are 80 GiB: 6 a GiB. */
static void draws_the_memory(void)
{
    struct fixture f;
    const char *page;

    begin(&f);
    page = page_of(&f);
    LH_CHECK(has(page, "<rect x=\"244.0\" y=\"6.0\" width=\"60.0\" "
                       "height=\"20.0\" class=\"weights\">"));
    LH_CHECK(has(page, "<rect x=\"304.0\" y=\"6.0\" width=\"120.0\" "
                       "height=\"20.0\" class=\"activations\">"));
    LH_CHECK(has(page, "<line x1=\"724.0\" y1=\"3.0\" x2=\"724.0\""));
    LH_CHECK(has(page, "30.0 of 80.0 GiB"));
    end(&f);
}

/* 900 columns of 0.76 from 160 on.  Computing fills 675 of them; the transfer
 * begins in column 731, which is shown as it is in flight there. */
static void draws_the_step(void)
{
    struct fixture f;
    const char *page;

    begin(&f);
    page = page_of(&f);
    LH_CHECK(has(page, "<path class=\"compute\" d=\"M160 4h513v16h-513"));
    LH_CHECK(has(page, "<path class=\"wan\" d=\"M715.6 21h128.4v8"));
    LH_CHECK(has(page, "stage 0, west"));
    LH_CHECK(has(page, "west – east"));
    /* 171 of the width a second; lanes end at 84 */
    LH_CHECK(has(page, "<text x=\"331.0\" y=\"111.0\" class=\"dim middle\">1 "
                       "s</text>"));
    LH_CHECK(has(page, "class=\"dim end\">4 s</text>"));
    f.trace.steady = true; /* what goes on after the step is at its begin */
    f.trace.end_s[1] = 15;
    LH_CHECK(has(page_of(&f), "<path class=\"wan\" d=\"M160 21h171v8h-171"
                              "M715.6 21h128.4v8"));
    f.trace.end_s[1] = 14;
    f.report.trace = NULL;
    LH_CHECK(!has(page_of(&f), "id=\"gantt\""));
    end(&f);
}

/* Degrees 17.6 wide: 10 between the sites, 2 and 18 % to either side. */
static void draws_the_map(void)
{
    struct fixture f;
    const char *page;

    begin(&f);
    page = page_of(&f);
    LH_CHECK(has(page, "<circle cx=\"185.7\" cy=\"117.3\" r=\"8\""));
    LH_CHECK(has(page, "<circle cx=\"674.3\" cy=\"117.3\" r=\"8\""));
    LH_CHECK(has(page, "400 Gbit/s, 1000 km, 25 % busy"));
    LH_CHECK(!has(page, "Not to scale"));
    f.scenario.sites[0].has_location = false;
    f.scenario.sites[1].has_location = false;
    lh_topology_free(f.topology);
    LH_REQUIRE(lh_topology_build(&f.topology, &f.scenario, &f.ctx) == LH_OK);
    f.report.topology = f.topology;
    LH_CHECK(has(page_of(&f), "Not to scale"));
    end(&f);
}

/* Steps of 1.05^2 and of 1 times one site: on a scale of logarithms 1.05 lies
 * halfway, between the centres 293.5 and 660.5. */
static void draws_the_contour(void)
{
    struct fixture f;
    double bandwidths[2] = {25e9, 50e9}, lengths[2] = {1e3, 1e6};
    double step_s[4];
    struct lh_report_grid grid = {.n_bandwidths = 2,
                                  .n_lengths = 2,
                                  .bandwidths_bytes_per_s = bandwidths,
                                  .lengths_m = lengths,
                                  .step_s = step_s,
                                  .own_bytes_per_s = 50e9,
                                  .own_m = 1e6,
                                  .base_s = 3.25};
    const char *page;

    begin(&f);
    for (int i = 0; i < 4; i++)
        step_s[i] = 3.25 * (i % 2 == 0 ? 1.05 * 1.05 : 1);
    f.page.grid = &grid;
    page = page_of(&f);
    LH_CHECK(has(page, "<line x1=\"477.0\" y1=\"79.0\" x2=\"477.0\" "
                       "y2=\"33.0\" class=\"contour\"/>"));
    LH_CHECK(has(page, ">+10."));
    LH_CHECK(has(page, "<rect x=\"620.5\" y=\"18.0\" width=\"80\"")); /* own */
    LH_CHECK(has(page, ">bandwidth of the fibre, each way</text>"));
    grid.several = grid.unlike_bandwidths = grid.unlike_lengths = true;
    page = page_of(&f);
    LH_CHECK(has(page, ">bandwidth of the slowest fibre, each way; the others "
                       "in proportion</text>"));
    LH_CHECK(has(page, ">longest</text>"));
    step_s[0] = NAN;
    page = page_of(&f);
    LH_CHECK(has(page, ">refused</text>"));
    LH_CHECK(!has(page, "class=\"contour\"/>"));
    f.page.grid = NULL;
    LH_CHECK(!has(page_of(&f), "id=\"grid\""));
    end(&f);
}

/* 120 of the width a second: 2 s, 0.5, 1 and the 0.5 that are left. */
static void draws_the_sites(void)
{
    struct fixture f;
    struct lh_site_time sites[2] = {{8, 3.5, 0.5, 0, -1}, {8, 2, 0.5, 1, 0}};
    const char *page;

    begin(&f);
    f.result.n_sites = 2;
    f.result.sites = sites;
    page = page_of(&f);
    LH_CHECK(has(page, "<rect x=\"244.0\" y=\"36.0\" width=\"240.0\" "
                       "height=\"20.0\" class=\"compute\">"));
    LH_CHECK(has(page, "<rect x=\"544.0\" y=\"36.0\" width=\"120.0\" "
                       "height=\"20.0\" class=\"wait\">"));
    LH_CHECK(has(page, "<rect x=\"664.0\" y=\"36.0\" width=\"60.0\" "
                       "height=\"20.0\" class=\"other\">"));
    LH_CHECK(has(page, ">for west</text>"));
    sites[1].wait_s = 0.01;
    LH_CHECK(!has(page_of(&f), "id=\"sites\""));
    end(&f);
}

/* ---- other scenarios ------------------------------------------------------
 */

/* Steps end every 10 s; of 7, the first of them warm-up, 3 to 5 are shown: from
 * 20 to 50 s 22.8 of the width a second, from 160 on. */
static void draws_a_loop(void)
{
    struct fixture f;
    double step_s[7] = {10, 20, 30, 40, 50, 60, 70};
    struct lh_rl_span spans[3] = {
        {LH_RL_LANE_TRAINER, "train", 20, 35},
        {LH_RL_LANE_WEIGHTS, "push", 45, 55},
        {LH_RL_LANE_ROLES, "generate", 5, 80},
    };
    struct lh_rl_fleet fleet = {.site_name = "east"};
    struct lh_rl_fibre fibre = {"fibre west->east", 0, 50e9, 1e9, 5e11, 1};
    struct lh_rl_report rl = {.n_fibres = 1, .fibres = &fibre};
    struct lh_report_bar bar = {.title = "key=value"};
    const char *page;

    begin(&f);
    f.scenario.rl.trainer_site_name = "west";
    f.scenario.rl.warmup_steps = 1;
    f.scenario.rl.n_fleets = 1;
    f.scenario.rl.fleets = &fleet;
    fibre.link = lh_topology_first_fibre(f.topology);
    rl.scenario = &f.scenario;
    rl.spans = (struct lh_rl_spans){
        .n_spans = 3, .spans = spans, .n_steps = 7, .step_s = step_s};
    rl.result.step_time_s = 10;
    rl.result.trainer.train_s = 7;
    rl.result.trainer.wait_s = 3;
    bar.loop = &rl.result;
    rl.result.generators.generate_s = 8;
    rl.result.generators.away_s = 2;
    f.report.rl = &rl;
    bar.result = &f.result;
    page = page_of(&f);
    LH_CHECK(has(page, "<h1>The largest part of the trainer&#39;s loop beside "
                       "computing is waiting: 3 s of the step&#39;s 10 s (30.0 "
                       "%); the busiest link that weights cross: fibre west → "
                       "east, 100 % busy.</h1>"));
    LH_CHECK(has(page, "Of the trainer&#39;s optimizer step the largest part "
                       "beside computing is WAN, exposed: 750 ms"));
    LH_CHECK(has(page, "Steps 3 to 5 of 7; "));
    LH_CHECK(has(page, "<path class=\"train\" d=\"M160 4h342v16"));
    LH_CHECK(has(page, "<path class=\"wan\" d=\"M730 30h114v16"));
    LH_CHECK(has(page, "<path class=\"generate\" d=\"M160 56h684v16"));
    LH_CHECK(has(page, "<rect x=\"628.0\" y=\"36.0\" width=\"96.0\" "
                       "height=\"20.0\" class=\"other\">")); /* away */
    LH_CHECK(has(page, "400 Gbit/s, 1000 km, 100 % busy"));
    LH_CHECK(!has(page, "<rect x=\"628.0\" y=\"96.0\""));
    rl.n_fibres = 0;
    LH_CHECK(has(page_of(&f), "(30.0 %); the busiest link of its optimizer "
                              "step: fibre west → east, 25 % busy.</h1>"));
    rl.n_fibres = 1;
    f.page.n_bars = 1;
    f.page.bars = &bar;
    LH_CHECK(has(page_of(&f), "<rect x=\"628.0\" y=\"96.0\" width=\"96.0\" "
                              "height=\"20.0\" class=\"other\">"));
    LH_CHECK(has(page, "<td class=\"figure\">500 GB</td>"));
    end(&f);
}

/* 480 of the width are 4 s. */
static void draws_learners(void)
{
    struct fixture f;
    struct lh_async_site site = {.site = 1,
                                 .learners = 3,
                                 .gpus = 8,
                                 .step_s = 4,
                                 .wan_s = 1,
                                 .wait_s = 0.5};
    struct lh_async_report async = {.n_sites = 1, .sites = &site, .bytes = 1e9};
    struct lh_async_result *r;
    const char *page;

    begin(&f);
    r = (struct lh_async_result *)(void *)LH_NEW(f.ctx.arena, char,
                                                 lh_async_result_bytes(1));
    r->staleness_n = 3;
    r->staleness[0] = 4;
    r->staleness[2] = 6;
    async.result = r;
    f.report.async = &async;
    page = page_of(&f);
    LH_CHECK(has(page, "<rect x=\"244.0\" y=\"6.0\" width=\"300.0\" "
                       "height=\"20.0\" class=\"compute\">"));
    LH_CHECK(has(page, "<rect x=\"544.0\" y=\"6.0\" width=\"120.0\" "
                       "height=\"20.0\" class=\"wan\">"));
    LH_CHECK(has(page, "<rect x=\"664.0\" y=\"6.0\" width=\"60.0\" "
                       "height=\"20.0\" class=\"wait\">"));
    LH_CHECK(has(page, "came between: 4 by 0, 6 by 2."));
    end(&f);
}

/* What there is more of has headings and ids of its own. */
static void draws_two(void)
{
    struct fixture f;
    double bandwidth[1] = {50e9}, length[1] = {1e6}, step_s[1] = {4};
    struct lh_report_grid grid = {.n_bandwidths = 1,
                                  .n_lengths = 1,
                                  .bandwidths_bytes_per_s = bandwidth,
                                  .lengths_m = length,
                                  .step_s = step_s,
                                  .base_s = 3.25};
    struct lh_report_more more = {.label = "B"};
    const char *page;

    begin(&f);
    more.report = &f.report;
    more.grid = &grid;
    f.page.label = "A";
    f.page.n_more = 1;
    f.page.more = &more;
    page = page_of(&f);
    LH_CHECK(has(page, "<h1>A: The largest part"));
    LH_CHECK(has(page, "<section id=\"gantt\">\n<h2>A: One step in time</h2>"));
    LH_CHECK(
        has(page, "<section id=\"gantt-2\">\n<h2>B: One step in time</h2>"));
    LH_CHECK(!has(page, "id=\"grid\""));
    LH_CHECK(has(page, "<section id=\"grid-2\">\n<h2>B: How much fibre"));
    LH_CHECK(!has(page, "id=\"map-2\""));
    end(&f);
}

/* ---- figures for papers -------------------------------------------------- */

static const char *file_of(struct fixture *f, const char *ending)
{
    const struct lh_figure_file *file;

    for (int i = 0; (file = lh_figure_file_at(i)) != NULL; i++) {
        struct lh_text text = lh_text_new(f->ctx.arena);
        if (strcmp(file->ending, ending) == 0)
            return file->write(&text, &f->page, "dir/it's") ? text.s : NULL;
    }
    return NULL;
}

static void writes_figures(void)
{
    struct fixture f;
    double bandwidth[1] = {50e9}, length[1] = {1e6}, step_s[1] = {4};
    struct lh_report_grid grid = {.n_bandwidths = 1,
                                  .n_lengths = 1,
                                  .bandwidths_bytes_per_s = bandwidth,
                                  .lengths_m = length,
                                  .step_s = step_s,
                                  .base_s = 3.25};

    begin(&f);
    LH_CHECK(file_of(&f, "-grid.csv") == NULL);
    f.page.grid = &grid;
    LH_CHECK_TEXT(file_of(&f, "-grid.csv"),
                  "bandwidth_bytes_per_s,length_m,step_time_s,"
                  "one_site_step_time_s\n50000000000,1000000,4,3.25\n");
    LH_CHECK_TEXT(file_of(&f, "-links.csv"),
                  "link,kind,count,capacity_bytes_per_s,bytes,busy_fraction\n"
                  "\"fibre west->east\",wan,1,50000000000,40000000000,0.25\n"
                  "\"west/node0/gpu0->nvswitch\",scale-up,16,450000000000,"
                  "90000000000,0.05\n");
    LH_CHECK(has(file_of(&f, "-parts.csv"), "\n\"all in one site\",3.25,3,"));
    LH_CHECK(has(file_of(&f, ".gp"), "'it''s-parts.csv' using 3"));
    LH_CHECK(!has(file_of(&f, ".gp"), "expert, exposed"));
    end(&f);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"the first line says where the time goes", says_it_first},
        {"names are escaped", escapes_names},
        {"bars of the parts are as long as they are", draws_the_parts},
        {"memory stands beside what there is", draws_the_memory},
        {"a step stands on a line of time", draws_the_step},
        {"sites that wait for others say so", draws_the_sites},
        {"sites stand where they are", draws_the_map},
        {"the contour lies where it crosses 5 %", draws_the_contour},
        {"a loop stands on a line of time", draws_a_loop},
        {"learners stand still for transfers and others", draws_learners},
        {"a comparison has pictures of both", draws_two},
        {"figures for papers have the same numbers", writes_figures},
    };

    return lh_unit_run("report", tests, LH_COUNT(tests));
}
