/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Validation: rows become the scenarios they say; each quantity is what its
 * definition makes of the step; totals are what they say; JSON parses.  The
 * step itself is the simulator's: it is compared with a run of the same
 * scenario.  The built-in rows are read here, not simulated.
 */
#include <math.h>
#include <string.h>

#include <jansson.h>

#include <longhaul/result.h>

#include "unit.h"

#include "../analysis/validate.h"

static const char tiny[] = LH_SRCDIR "/tests/validate/tiny.csv";
static const char bus[] = LH_SRCDIR "/tests/validate/bus.csv";
static const char rl[] = LH_SRCDIR "/tests/validate/rl.csv";

enum { GPUS = 16, BATCH = 32, LENGTH = 2048 };
static const double tokens = (double)BATCH * LENGTH;

struct fixture {
    struct lh_ctx ctx;
    struct lh_validation v;
};

static void setup_file(struct fixture *f, const char *path)
{
    f->ctx = lh_ctx_begin();
    LH_REQUIRE(lh_validation_read(&f->v, &path, 1, &f->ctx) == LH_OK);
    LH_REQUIRE(lh_validation_run(&f->v, 2, &f->ctx) == LH_OK);
}

static void setup(struct fixture *f)
{
    setup_file(f, tiny);
}

static const struct lh_validation_row *row(const struct fixture *f,
                                           const char *name)
{
    const struct lh_validation_source *source = &f->v.sources[0];
    for (int i = 0; i < source->n_rows; i++) {
        if (strcmp(source->rows[i].name, name) == 0)
            return &source->rows[i];
    }
    return NULL;
}

/* The step of the base scenario, by a run of its own. */
static double step_s(struct lh_ctx *ctx)
{
    struct lh_scenario s;
    struct lh_program program;
    struct lh_topology *topology;
    struct lh_trace trace;
    LH_REQUIRE(lh_scenario_read(&s, LH_SRCDIR "/tests/validate/tiny.yaml", NULL,
                                0, ctx)
               == LH_OK);
    LH_REQUIRE(lh_program_build(&program, &s, ctx) == LH_OK);
    LH_REQUIRE(lh_topology_build(&topology, &s, ctx) == LH_OK);
    struct lh_sim_point point = {&s, &program, topology};
    LH_REQUIRE(lh_sim_run(&trace, &point, ctx) == LH_OK);
    lh_topology_free(topology);
    return trace.step_time_s;
}

/* Two layers of an accelerator: the forward of layer 1 is from 3 to 7 s, with a
 * communication that ends behind the product beside it; its backward from 7 to
 * 12 s begins with what is recomputed. */
static void times_a_layer(void)
{
    struct lh_op ops[] = {
        {.task = LH_TASK_FORWARD, .layer = 0},
        {.task = LH_TASK_FORWARD, .layer = 1},
        {.task = LH_TASK_FORWARD, .layer = 1, .kind = LH_OP_COMM},
        {.task = LH_TASK_RECOMPUTE, .layer = 1},
        {.task = LH_TASK_BACKWARD, .layer = 1},
        {.task = LH_TASK_BACKWARD, .layer = 0},
        {.task = LH_TASK_FORWARD, .layer = 1, .micro_batch = 1},
    };
    double start_s[] = {0, 3, 4, 7, 8, 12, 20};
    double end_s[] = {3, 6, 7, 8, 12, 15, 30};
    struct lh_template t = {.n_ops = LH_COUNT(ops), .ops = ops};
    struct lh_program program = {.n_templates = 1, .templates = &t};
    int32_t class_template = 0;
    int64_t class_first[] = {0, LH_COUNT(ops)};
    struct lh_trace trace = {.n_classes = 1,
                             .class_template = &class_template,
                             .class_first = class_first,
                             .start_s = start_s,
                             .end_s = end_s};

    LH_CHECK_NEAR(lh__layer_time_s(&trace, &program, 2, false), 4, 0);
    LH_CHECK_NEAR(lh__layer_time_s(&trace, &program, 2, true), 5, 0);
    LH_CHECK(isnan(lh__layer_time_s(&trace, &program, 6, true)));
}

static void times_and_rates(void)
{
    struct fixture f;
    setup(&f);
    double step = step_s(&f.ctx);
    LH_CHECK_NEAR(row(&f, "time")->simulated, step, 0);
    LH_CHECK_NEAR(row(&f, "time")->error, step - 1, 1e-14);
    LH_CHECK_NEAR(row(&f, "milliseconds")->simulated, 1e3 * step, 1e-14);
    LH_CHECK_NEAR(row(&f, "milliseconds")->error, step / 2 - 1, 1e-12);
    LH_CHECK_NEAR(row(&f, "tokens")->simulated, tokens / step, 1e-14);
    LH_CHECK_NEAR(row(&f, "tokens")->error, tokens / step / 5e4 - 1, 1e-12);
    LH_CHECK_NEAR(row(&f, "one's tokens")->simulated,
                  tokens / step / GPUS / 1e3, 1e-14);
    LH_CHECK_NEAR(row(&f, "sequences")->simulated, BATCH / step, 1e-14);
    lh_ctx_end(&f.ctx);
}

/* By hand: 24 layers of h = 2304, s = 2048, V = 51200.
 *   a layer's forward pass   24 h^2 + 4 s h = 146,276,352 a token
 *   the head's               2 h V          = 235,929,600
 *   model                    3 (24 layers + head) = 11,239,686,144
 *   with a forward pass more 24 layers + that     = 14,750,318,592 */
static void flops(void)
{
    const double model = 11239686144.0, hardware = 14750318592.0;
    const double peak = 312e12;
    struct fixture f;
    setup(&f);
    double rate = tokens / row(&f, "time")->simulated / GPUS;
    LH_CHECK_NEAR(row(&f, "model flops")->simulated, model * rate / 1e12,
                  1e-13);
    LH_CHECK_NEAR(row(&f, "hardware flops")->simulated, hardware * rate / 1e12,
                  1e-13);
    LH_CHECK_NEAR(row(&f, "SC'21 flops")->simulated, hardware * rate / 1e12,
                  1e-13);
    LH_CHECK_NEAR(row(&f, "utilisation")->simulated, 100 * model * rate / peak,
                  1e-13);
    LH_CHECK_NEAR(row(&f, "busy, all told")->simulated, hardware * rate / peak,
                  1e-13);
    lh_ctx_end(&f.ctx);
}

static void cells_are_settings(void)
{
    struct fixture f;
    setup(&f);
    const struct lh_validation_row *wide = row(&f, "wide");
    LH_CHECK(wide->n_settings == 2);
    LH_CHECK_TEXT(wide->settings[0].path, "plan.tensor");
    LH_CHECK_TEXT(wide->settings[0].value, "4");
    LH_CHECK_TEXT(wide->settings[1].path, "sites[0].gpus");
    LH_CHECK(row(&f, "time")->n_settings == 0);
    /* half of the accelerators, and a wider tensor group */
    LH_CHECK(wide->simulated < row(&f, "tokens")->simulated);
    LH_CHECK(wide->step_time_s > row(&f, "time")->simulated);
    lh_ctx_end(&f.ctx);
}

static void refused_rows_say_why(void)
{
    struct fixture f;
    setup(&f);
    const struct lh_validation_row *refused = row(&f, "too wide");
    LH_REQUIRE(refused->unsupported != NULL);
    LH_CHECK(strstr(refused->unsupported, "replica") != NULL);
    LH_CHECK(isnan(refused->simulated) && isnan(refused->error));
    LH_CHECK(lh_diag_count(&f.ctx, LH_ERROR) == 0);
    lh_ctx_end(&f.ctx);
}

/* Two files, of which one names its base; cells of one leave the other be. */
static void files_side_by_side(void)
{
    const char *paths[] = {tiny, LH_SRCDIR "/tests/validate/named.csv"};
    struct fixture f = {.ctx = lh_ctx_begin()};
    LH_REQUIRE(lh_validation_read(&f.v, paths, 2, &f.ctx) == LH_OK);
    LH_REQUIRE(lh_validation_run(&f.v, 1, &f.ctx) == LH_OK);
    LH_REQUIRE(f.v.n_sources == 2 && f.v.sources[1].n_rows == 1);
    LH_CHECK_NEAR(f.v.sources[1].rows[0].simulated, row(&f, "time")->simulated,
                  0);
    LH_CHECK_TEXT(f.v.sources[1].remarks, "");
    LH_CHECK(f.v.totals.n_rows == f.v.sources[0].n_rows + 1);
    LH_CHECK_NEAR(f.v.median_of_medians,
                  (f.v.sources[0].totals.median_abs_error
                   + f.v.sources[1].totals.median_abs_error)
                      / 2,
                  1e-15);
    lh_ctx_end(&f.ctx);
}

/* Made of the rows' errors, in another way. */
static void totals(void)
{
    struct fixture f;
    setup(&f);
    const struct lh_validation_source *source = &f.v.sources[0];
    const struct lh_validation_totals *t = &source->totals;
    int below = 0, above = 0, within = 0, n = 0, refused = 0;
    for (int i = 0; i < source->n_rows; i++) {
        double error = fabs(source->rows[i].error);
        refused += source->rows[i].unsupported != NULL;
        if (!source->rows[i].counts || source->rows[i].unsupported)
            continue;
        n++;
        below += error <= t->median_abs_error + 1e-15;
        above += error >= t->median_abs_error - 1e-15;
        within += error <= 0.1;
    }
    LH_CHECK(t->n_rows == source->n_rows);
    LH_CHECK(t->n_counted == source->n_rows - 1);
    LH_CHECK(t->n_compared == n);
    LH_CHECK(refused > 0 && t->n_unsupported == refused);
    LH_CHECK(2 * below >= n && 2 * above >= n);
    LH_CHECK_NEAR(t->within_10_frac, (double)within / n, 1e-15);
    LH_CHECK_NEAR(f.v.totals.median_abs_error, t->median_abs_error, 0);
    LH_CHECK_NEAR(f.v.median_of_medians, t->median_abs_error, 0);
    lh_ctx_end(&f.ctx);
}

static void comment_is_the_source(void)
{
    struct fixture f;
    setup(&f);
    LH_CHECK_TEXT(f.v.sources[0].name, "tiny");
    LH_CHECK_TEXT(f.v.sources[0].title, "A step in every quantity, for "
                                        "tests/test_validate.c and goldens.");
    LH_CHECK_TEXT(f.v.sources[0].remarks,
                  "Nobody measured this: the figures are round.\n\n"
                  "Second paragraph, \"quoted\".");
    lh_ctx_end(&f.ctx);
}

static void write_as(struct lh_text *out, const struct lh_validation *v,
                     const char *name)
{
    const struct lh_validation_output *output;
    for (int i = 0; (output = lh_validation_output_at(i)) != NULL; i++) {
        if (strcmp(output->name, name) == 0)
            output->write(out, v);
    }
}

static void json(void)
{
    struct fixture f;
    setup(&f);
    struct lh_text text = lh_text_new(f.ctx.arena);
    write_as(&text, &f.v, "json");
    json_t *root = json_loads(text.s, JSON_REJECT_DUPLICATES, NULL);
    LH_REQUIRE(root != NULL);
    json_t *rows = json_object_get(root, "rows");
    json_t *first = json_array_get(rows, 0);
    json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    json_t *all = json_object_get(root, "totals");
    json_t *sources = json_object_get(root, "sources");
    LH_CHECK((int)json_array_size(rows) == f.v.sources[0].n_rows);
    LH_CHECK_TEXT(json_string_value(json_object_get(first, "source")), "tiny");
    LH_CHECK_TEXT(json_string_value(json_object_get(first, "name")), "time");
    LH_CHECK_TEXT(json_string_value(json_object_get(first, "quantity")),
                  "step_time");
    LH_CHECK_TEXT(json_string_value(json_object_get(first, "unit")), "s");
    LH_CHECK(json_real_value(json_object_get(first, "simulated"))
             == row(&f, "time")->simulated);
    LH_CHECK(json_is_true(json_object_get(first, "counts")));
    LH_CHECK(json_is_null(json_object_get(first, "unsupported")));
    LH_CHECK(json_is_null(json_object_get(last, "simulated")));
    LH_CHECK(json_is_string(json_object_get(last, "unsupported")));
    LH_CHECK(json_real_value(json_object_get(all, "median_abs_error"))
             == f.v.totals.median_abs_error);
    LH_CHECK(json_is_number(json_object_get(all, "within_10_percent")));
    LH_CHECK(json_array_size(sources) == 1);
    LH_CHECK(
        json_integer_value(json_object_get(json_array_get(sources, 0), "n"))
        == f.v.totals.n_compared);
    json_decref(root);
    lh_ctx_end(&f.ctx);
}

/* By hand, on a switch of 50 GB/s with 1.4 us a link, base 8.4 us:
 *   ring of n = 4   6 hops of 2 links: 8.4 + 16.8 us; 2 (n-1)/n of the bytes
 *   all-gather      3 hops, (n-1)/n; eager PyTorch's dispatch of 25 us
 *   send            2 links, all of the bytes */
static void bus_bandwidth(void)
{
    const double link = 50e9, mib = 1024.0 * 1024.0;
    struct fixture f;
    setup_file(&f, bus);
    double ring_s = (8.4 + 16.8) * 1e-6 + 1.5 * 16 * mib / link;
    LH_CHECK_NEAR(row(&f, "large")->simulated, 1.5 * 16 * mib / ring_s / 1e9,
                  1e-9);
    ring_s = (8.4 + 16.8) * 1e-6 + 1.5 * mib / link;
    LH_CHECK_NEAR(row(&f, "middle")->simulated, 1.5 * mib / ring_s / 1e9, 1e-9);
    double gather_s = (25 + 8.4 + 8.4) * 1e-6 + 0.75 * 8 * mib / link;
    LH_CHECK_NEAR(row(&f, "eager")->simulated, 0.75 * 8 * mib / gather_s / 1e9,
                  1e-9);
    double send_s = (8.4 + 2.8) * 1e-6 + 8 * mib / link;
    LH_CHECK_NEAR(row(&f, "a send")->simulated, 8 * mib / send_s / 1e9, 1e-9);
    LH_CHECK_NEAR(row(&f, "large")->error, row(&f, "large")->simulated / 50 - 1,
                  1e-15);
    lh_ctx_end(&f.ctx);
}

/* Rows of 8 MiB and more, and of 0.5 to 8 MiB; never in the training totals. */
static void bus_totals(void)
{
    struct fixture f;
    setup_file(&f, bus);
    const struct lh_busbw_totals *t = &f.v.totals.busbw;
    LH_CHECK(t->n_rows == 6 && t->n_large == 3 && t->n_middle == 1);
    LH_CHECK_NEAR(t->median_middle, fabs(row(&f, "middle")->error), 0);
    double large = fabs(row(&f, "large")->error);
    double eager = fabs(row(&f, "eager")->error);
    double sent = fabs(row(&f, "a send")->error);
    LH_CHECK_NEAR(t->median_large,
                  fmax(fmin(large, eager), fmin(fmax(large, eager), sent)), 0);
    LH_CHECK(f.v.totals.n_rows == 1 && f.v.totals.n_compared == 1);
    LH_CHECK(!row(&f, "large")->counts && isnan(row(&f, "large")->step_time_s));
    lh_ctx_end(&f.ctx);
}

static void ablations(void)
{
    struct fixture f;
    setup_file(&f, bus);
    const struct lh_validation_row *of = row(&f, "step");
    const struct lh_validation_row *then = row(&f, "step, another stack");
    LH_CHECK_TEXT(then->ablates, "step");
    LH_CHECK_TEXT(then->quantity, "step_time");
    LH_CHECK(then->published == 1 && !then->counts && !then->judged);
    LH_CHECK(then->n_settings == 1);
    LH_CHECK(then->simulated > of->simulated); /* unfused attention */
    LH_CHECK(f.v.totals.n_compared == 1);
    lh_ctx_end(&f.ctx);
}

/* The loop of tests/validate/rl.yaml, by a run of its own. */
static void run_loop(struct lh_rl_report *out, struct lh_ctx *ctx)
{
    struct lh_scenario s;
    struct lh_topology *topology;

    LH_REQUIRE(
        lh_scenario_read(&s, LH_SRCDIR "/tests/validate/rl.yaml", NULL, 0, ctx)
        == LH_OK);
    LH_REQUIRE(lh_topology_build(&topology, &s, ctx) == LH_OK);
    LH_CHECK(lh_rl_run(out, &s, topology, ctx) == LH_OK);
    lh_topology_free(topology);
}

static void loops(void)
{
    struct fixture f;
    struct lh_rl_report r;
    setup_file(&f, rl);
    run_loop(&r, &f.ctx);
    double step = r.result.step_time_s;
    LH_CHECK_NEAR(row(&f, "in turns")->simulated, step, 1e-15);
    LH_CHECK_NEAR(row(&f, "in turns")->error, step / 3 - 1, 1e-15);
    LH_CHECK_NEAR(row(&f, "a push")->simulated, 1e3 * r.result.weight_sync_s,
                  1e-15);
    LH_CHECK_NEAR(row(&f, "training of the loop")->simulated,
                  r.result.trainer.train_s, 1e-15);
    double beside = row(&f, "beside")->simulated * 60; /* the first of two */
    const struct lh_validation_row *speed_up = &f.v.sources[0].rows[2];
    LH_CHECK(beside < step);
    LH_CHECK_NEAR(speed_up->simulated, step / beside, 1e-12);
    LH_CHECK_NEAR(speed_up->error, step / beside / 1.5 - 1, 1e-12);
    LH_CHECK_NEAR(row(&f, "trainer alone")->simulated, step_s(&f.ctx), 1e-15);
    LH_CHECK(strstr(row(&f, "no loop")->unsupported, "no loop"));
    LH_CHECK(strstr(row(&f, "nothing to compare")->unsupported, "compare"));
    lh_ctx_end(&f.ctx);
}

/* Steps, pushes and speed-ups apart, none among training rows. */
static void loop_totals(void)
{
    struct fixture f;
    setup_file(&f, rl);
    const struct lh_rl_totals *t = &f.v.totals.rl;
    LH_CHECK(t->n_rows == 9 && f.v.totals.n_rows == 0);
    LH_CHECK(t->n_steps == 4 && t->n_syncs == 1 && t->n_speed_ups == 1);
    LH_CHECK_NEAR(t->median_syncs, fabs(row(&f, "a push")->error), 0);
    LH_CHECK_NEAR(t->worst_sync, fabs(row(&f, "a push")->error), 0);
    LH_CHECK_NEAR(t->median_speed_ups, fabs(f.v.sources[0].rows[2].error), 0);
    int within = 0;
    for (int i = 0; i < 7; i++)
        within += i != 2 && i != 3 && i != 4
                  && fabs(f.v.sources[0].rows[i].error) <= 0.3;
    LH_CHECK_NEAR(t->within_30_frac, within / 4.0, 0);
    LH_CHECK(!row(&f, "in turns")->counts && isnan(f.v.median_of_medians));
    lh_ctx_end(&f.ctx);
}

static void families(void)
{
    struct lh_site sites[] = {{.device = {.name = "a"}},
                              {.device = {.name = "b"}},
                              {.device = {.name = "a"}}};
    struct lh_scenario s = {.n_sites = 1, .sites = sites};
    struct lh_ctx ctx = lh_ctx_begin();
    s.plan = (struct lh_plan){
        .tensor = 1, .pipeline = 1, .context = 1, .expert = 1, .zero = 1};
    LH_CHECK_TEXT(lh_family(&s, ctx.arena), "a with data");
    s.n_sites = 3;
    s.plan.tensor = 2;
    s.plan.pipeline = 4;
    LH_CHECK_TEXT(lh_family(&s, ctx.arena), "a+b with tensor+pipeline");
    s.plan = (struct lh_plan){
        .tensor = 1, .pipeline = 1, .context = 2, .expert = 8, .zero = 3};
    LH_CHECK_TEXT(lh_family(&s, ctx.arena), "a+b with context+expert+sharded");
    lh_ctx_end(&ctx);
}

/* The families of a run of rows are what a table made of it says. */
static void families_are_read_back(void)
{
    struct fixture f;
    setup(&f);
    struct lh_text text = lh_text_new(f.ctx.arena);
    write_as(&text, &f.v, "families");
    struct lh_csv csv;
    LH_REQUIRE(lh_csv_read_text(&csv, "families", text.s, text.n, &f.ctx)
               == LH_OK);
    LH_REQUIRE(csv.n_rows == 1);
    LH_CHECK_TEXT(lh_csv_cell(&csv, 0, 0), row(&f, "time")->family);
    LH_CHECK_TEXT(lh_csv_cell(&csv, 0, 1),
                  lh_format(f.ctx.arena, "%d", f.v.totals.n_compared));
    LH_CHECK_TEXT(lh_csv_cell(&csv, 0, 2),
                  lh_format(f.ctx.arena, "%.3f", f.v.totals.median_abs_error));
    lh_ctx_end(&f.ctx);
}

/* Every row of the program's own names a base scenario that is there, and a
 * source. */
static void built_in_rows(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_validation v;
    LH_REQUIRE(lh_validation_read(&v, NULL, 0, &ctx) == LH_OK);
    LH_CHECK(v.n_sources >= 8);
    for (int i = 0; i < v.n_sources; i++) {
        const struct lh_validation_source *source = &v.sources[i];
        LH_CHECK(strlen(source->title) > 40 && strlen(source->remarks) > 40);
        for (int k = 0; k < source->n_rows; k++)
            LH_CHECK(lh_data_text(source->rows[k].scenario) != NULL);
    }
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"times a layer", times_a_layer},
        {"times and rates are the step's", times_and_rates},
        {"FLOPs by each convention, by hand", flops},
        {"cells are settings, empty ones set nothing", cells_are_settings},
        {"a row that is refused says why, and is no error",
         refused_rows_say_why},
        {"files stand side by side", files_side_by_side},
        {"totals are of the rows that count", totals},
        {"the comment is citation and assumptions", comment_is_the_source},
        {"JSON holds rows, sources and totals", json},
        {"bus bandwidth by hand", bus_bandwidth},
        {"bus bandwidth has totals of its own", bus_totals},
        {"the RL loop, its pushes and speed-ups", loops},
        {"the RL loop has totals of its own", loop_totals},
        {"an ablation is the row with one thing changed", ablations},
        {"families are device and parallelism", families},
        {"a table of families holds their errors", families_are_read_back},
        {"the built-in rows are whole", built_in_rows},
    };
    return lh_unit_run("validate", tests, LH_COUNT(tests));
}
