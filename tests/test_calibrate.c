/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Calibration: rows that are what the simulator makes of other constants give
 * those back; uses are counted; without its only source a constant is put in
 * the middle of its bounds; a written table differs in the fitted cell alone.
 */
#include <math.h>
#include <string.h>

#include <longhaul/result.h>

#include "unit.h"

static const char tiny[] = LH_SRCDIR "/tests/validate/tiny.csv";
static const char named[] = LH_SRCDIR "/tests/validate/named.csv";
static const char sustained[] =
    "accelerators:a100-sxm+a100-40gb-sxm.gemm_sustained_frac=0.5..1";
static const char dispatch[] = "stacks:megatron.dispatch=5 us..80 us";
static const char unused[] = "stacks:megatron-2022.dispatch=20..200";

struct fixture {
    struct lh_ctx ctx;
    struct lh_validation v;
    struct lh_constant constants[3];
    struct lh_calibration c;
};

static void setup(struct fixture *f, const char *const *paths, int n)
{
    *f = (struct fixture){.ctx = lh_ctx_begin()};
    LH_REQUIRE(lh_validation_read(&f->v, paths, n, &f->ctx) == LH_OK);
    f->c = (struct lh_calibration){
        .fit = true, .jobs = 2, .constants = f->constants};
}

static void add_constant(struct fixture *f, const char *text)
{
    LH_REQUIRE(
        lh_constant_read(&f->constants[f->c.n_constants++], text, &f->ctx)
        == LH_OK);
}

/* Publishes what is simulated with these cells of the tables. */
static void publish(struct fixture *f, const struct lh_override *cells, int n)
{
    f->ctx.overrides = cells;
    f->ctx.n_overrides = n;
    LH_REQUIRE(lh_validation_run(&f->v, 2, &f->ctx) == LH_OK);
    f->ctx.n_overrides = 0;
    for (int i = 0; i < f->v.n_sources; i++) {
        for (int k = 0; k < f->v.sources[i].n_rows; k++) {
            struct lh_validation_row *row = &f->v.sources[i].rows[k];
            if (!row->unsupported)
                row->published = row->simulated;
        }
    }
}

static const struct lh_override truth[] = {
    {"accelerators", "a100-sxm", "gemm_sustained_frac", "0.7"},
    {"stacks", "megatron", "dispatch", "40 us"},
};

static void gives_constants_back(void)
{
    const char *paths[] = {tiny};
    struct fixture f;
    setup(&f, paths, 1);
    publish(&f, truth, 1);
    add_constant(&f, sustained);
    LH_REQUIRE(lh_calibrate(&f.c, &f.v, &f.ctx) == LH_OK);
    LH_CHECK_NEAR(f.c.before[0], 0.85, 0);
    LH_CHECK(fabs(f.constants[0].value / 0.7 - 1) < 0.003);
    LH_CHECK(f.c.loss_before > 0.1 && f.c.loss_after < 0.002);
    LH_CHECK(f.c.sources[0].after < 0.1 * f.c.sources[0].before);
    lh_ctx_end(&f.ctx);
}

/* Steps that wait for the processor: the rest of the machine is idle. */
static void two_at_once(void)
{
    const char *paths[] = {tiny};
    struct fixture f;
    setup(&f, paths, 1);
    publish(&f, truth, 2);
    add_constant(&f, sustained);
    add_constant(&f, dispatch);
    LH_REQUIRE(lh_calibrate(&f.c, &f.v, &f.ctx) == LH_OK);
    LH_CHECK(f.c.loss_after < 0.1 * f.c.loss_before);
    LH_CHECK(f.c.loss_after < 0.01);
    lh_ctx_end(&f.ctx);
}

static void uses_are_counted(void)
{
    const char *paths[] = {tiny};
    struct fixture f;
    int counted = 0;
    setup(&f, paths, 1);
    f.c.fit = false;
    add_constant(&f, sustained);
    add_constant(&f, unused);
    LH_REQUIRE(lh_calibrate(&f.c, &f.v, &f.ctx) == LH_OK);
    LH_REQUIRE(lh_validation_run(&f.v, 2, &f.ctx) == LH_OK);
    counted = f.v.totals.n_compared;
    LH_CHECK(counted > 5);
    LH_CHECK(f.constants[0].n_used == counted && f.constants[0].n_models == 1);
    LH_CHECK(f.constants[1].n_used == 0 && f.constants[1].n_models == 0);
    LH_CHECK(f.constants[0].value == 0.85);
    lh_ctx_end(&f.ctx);
}

/* The middle of 0.5 and 0.98 by their logarithms is 0.7, which is true. */
static void left_out(void)
{
    const char *paths[] = {tiny};
    struct fixture f;
    setup(&f, paths, 1);
    publish(&f, truth, 1);
    add_constant(&f, "accelerators:a100-sxm.gemm_sustained_frac=0.5..0.98");
    f.c.leave_one_out = true;
    LH_REQUIRE(lh_calibrate(&f.c, &f.v, &f.ctx) == LH_OK);
    LH_CHECK(f.c.sources[0].left_out < 1e-12);
    lh_ctx_end(&f.ctx);
}

/* The other source has all that is needed. */
static void left_out_of_two(void)
{
    const char *paths[] = {tiny, named};
    struct fixture f;
    setup(&f, paths, 2);
    publish(&f, truth, 1);
    add_constant(&f, sustained);
    f.c.leave_one_out = true;
    LH_REQUIRE(lh_calibrate(&f.c, &f.v, &f.ctx) == LH_OK);
    LH_CHECK(f.c.n_sources == 2 && f.c.sources[1].n_rows == 1);
    LH_CHECK(f.c.sources[0].left_out < 0.005);
    LH_CHECK(f.c.sources[1].left_out < 0.005);
    LH_CHECK(f.c.sources[1].before > 0.05);
    lh_ctx_end(&f.ctx);
}

/* Both rows' cells, and no other byte. */
static void written_table(void)
{
    struct fixture f = {.ctx = lh_ctx_begin()};
    struct lh_text text = lh_text_new(f.ctx.arena);
    struct lh_csv then, now;
    int differ = 0;
    f.c = (struct lh_calibration){.constants = f.constants};
    add_constant(&f, sustained);
    f.constants[0].value = 0.5;
    LH_REQUIRE(lh_calibrated_table(&text, "accelerators", &f.c, &f.ctx)
               == LH_OK);
    LH_REQUIRE(lh_data_read(&then, "accelerators", &f.ctx) == LH_OK);
    LH_REQUIRE(lh_csv_read_text(&now, "now", text.s, text.n, &f.ctx) == LH_OK);
    LH_REQUIRE(now.n_rows == then.n_rows && now.n_columns == then.n_columns);
    for (int i = 0; i < now.n_rows; i++) {
        for (int k = 0; k < now.n_columns; k++)
            differ +=
                strcmp(lh_csv_cell(&now, i, k), lh_csv_cell(&then, i, k)) != 0;
    }
    LH_CHECK(differ == 2);
    LH_CHECK_TEXT(lh_csv_cell(&now, lh_csv_find(&now, "a100-40gb-sxm"),
                              lh_csv_column(&now, "gemm_sustained_frac")),
                  "0.5");
    LH_CHECK(text.n == strlen(lh_data_text("accelerators.csv")) - 2);
    lh_ctx_end(&f.ctx);
}

/* Those of data/fitted.csv can be read, and start inside their bounds. */
static void fitted_constants(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_constant *constants;
    struct lh_csv csv;
    int n = 0;
    LH_REQUIRE(lh_constants_fitted(&constants, &n, &ctx) == LH_OK);
    LH_REQUIRE(lh_data_read(&csv, "fitted", &ctx) == LH_OK);
    LH_CHECK(n > 0 && n <= csv.n_rows);
    for (int i = 0; i < csv.n_rows; i++) {
        struct lh_constant one;
        LH_CHECK(lh_constant_read(&one, lh_csv_cell(&csv, i, 0), &ctx)
                 == LH_OK);
        LH_CHECK(one.low < one.value && one.value < one.high);
    }
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"a fit gives back the constant that made the rows",
         gives_constants_back},
        {"a fit of two explains rows made with two", two_at_once},
        {"uses are rows that move", uses_are_counted},
        {"without its only source a constant is in the middle", left_out},
        {"a source is predicted from the other", left_out_of_two},
        {"a written table has the fitted cells", written_table},
        {"the constants of data/fitted.csv are cells", fitted_constants},
    };
    return lh_unit_run("calibrate", tests, LH_COUNT(tests));
}
