/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The points of a sweep and their order, ids that tell scenarios apart, the
 * store (torn lines, the best of several lines, another sweep), the table, and
 * the scripts for Slurm.  Nothing is simulated; tests/run-sweep does that.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <longhaul/sweep.h>

#include "unit.h"

static const char *const lengths[] = {"fibres[0].length=10,20 km",
                                      "plan.tensor=1,2,4"};

static struct lh_sweep sweep_of(const char *const *texts, int n, bool zip,
                                struct lh_ctx *ctx)
{
    struct lh_sweep s = {.file = LH_SRCDIR "/examples/llama-8b-two-sites.yaml",
                         .zip = zip,
                         .n_vary = n,
                         .version = "1"};

    s.vary_texts = LH_NEW(ctx->arena, const char *, n);
    for (int i = 0; i < n; i++)
        s.vary_texts[i] = texts[i];
    return s;
}

static void orders_points(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(lengths, 2, false, &ctx);

    LH_REQUIRE(lh_sweep_make(&s, &ctx) == LH_OK);
    LH_CHECK(s.n_points == 6);
    LH_CHECK_TEXT(lh_sweep_title(&s, 0, ctx.arena),
                  "fibres[0].length=10 km, plan.tensor=1");
    LH_CHECK_TEXT(lh_sweep_title(&s, 1, ctx.arena),
                  "fibres[0].length=10 km, plan.tensor=2");
    LH_CHECK_TEXT(lh_sweep_title(&s, 3, ctx.arena),
                  "fibres[0].length=20 km, plan.tensor=1");
    lh_ctx_end(&ctx);
}

static void zips(void)
{
    static const char *const texts[] = {"plan.tensor=1,2,4",
                                        "plan.pipeline=4,2,1"};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(texts, 2, true, &ctx);

    LH_REQUIRE(lh_sweep_make(&s, &ctx) == LH_OK);
    LH_CHECK(s.n_points == 3);
    LH_CHECK_TEXT(lh_sweep_title(&s, 2, ctx.arena),
                  "plan.tensor=4, plan.pipeline=1");
    s = sweep_of(lengths, 2, true, &ctx);
    LH_CHECK(lh_sweep_make(&s, &ctx) == LH_BAD_INPUT);
    lh_ctx_end(&ctx);
}

static void refuses_spans_and_twins(void)
{
    static const char *const span[] = {"fibres[0].length=10..20 km"};
    static const char *const twins[] = {"plan.tensor=1,2", "plan.tensor=4"};
    static const char *const many[] = {"training.global_batch=1..2000:+1",
                                       "seed=1..2000:+1"};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(span, 1, false, &ctx);

    LH_CHECK(lh_sweep_make(&s, &ctx) == LH_BAD_INPUT);
    s = sweep_of(twins, 2, false, &ctx);
    LH_CHECK(lh_sweep_make(&s, &ctx) == LH_BAD_INPUT);
    s = sweep_of(many, 2, false, &ctx);
    LH_CHECK(lh_sweep_make(&s, &ctx) == LH_BAD_INPUT);
    lh_ctx_end(&ctx);
}

static void identify(struct lh_sweep *s, struct lh_ctx *ctx)
{
    LH_REQUIRE(lh_sweep_make(s, ctx) == LH_OK);
    for (int i = 0; i < s->n_points; i++) {
        struct lh_scenario scenario;
        int n;
        struct lh_setting *settings = lh_sweep_settings(s, i, &n, ctx->arena);
        enum lh_status st =
            lh_scenario_read(&scenario, s->file, settings, n, ctx);
        lh_sweep_identify(&s->points[i], s, i, st == LH_OK ? &scenario : NULL,
                          ctx);
    }
    lh_sweep_seal(s, ctx->arena);
}

static void tells_scenarios_apart(void)
{
    /* The same length twice; a plan that does not fit the machine. */
    static const char *const texts[] = {"fibres[0].length=10 km,10000 m,20 km",
                                        "plan.tensor=4,3"};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(texts, 2, false, &ctx);
    struct lh_sweep other = sweep_of(texts, 2, false, &ctx);

    identify(&s, &ctx);
    LH_CHECK(strlen(s.points[0].id) == LH_ID_LENGTH);
    LH_CHECK_TEXT(s.points[0].id, s.points[2].id);
    LH_CHECK(strcmp(s.points[0].id, s.points[4].id) != 0);
    LH_CHECK(strcmp(s.points[0].id, s.points[1].id) != 0);
    LH_CHECK(strcmp(s.points[1].id, s.points[5].id) != 0);
    LH_CHECK_TEXT(s.points[0].baseline, s.points[4].baseline);
    LH_CHECK_TEXT(s.points[1].baseline, "");
    other.version = "2";
    identify(&other, &ctx);
    LH_CHECK(strcmp(s.points[0].id, other.points[0].id) != 0);
    LH_CHECK(strcmp(s.id, other.id) != 0);
    lh_ctx_end(&ctx);
}

/* ---- the store ----------------------------------------------------------- */

static char *new_dir(struct lh_ctx *ctx)
{
    char *dir = lh_strdup(ctx->arena, "/tmp/longhaul-test.XXXXXX");

    LH_REQUIRE(mkdtemp(dir) != NULL);
    return dir;
}

static void put(int file, int point, const struct lh_outcome *outcome,
                struct lh_ctx *ctx)
{
    struct lh_text line = lh_text_new(ctx->arena);

    lh_outcome_write(&line, point, outcome);
    LH_CHECK(lh_store_put(file, &line));
}

static void clean(const char *dir, struct lh_ctx *ctx)
{
    LH_CHECK(system(lh_format(ctx->arena, "rm -r '%s'", dir)) == 0);
}

static void keeps_and_finds(void)
{
    struct lh_column columns[] = {{"name", "a \"b\", c", NAN},
                                  {"x", NULL, 0.1 + 0.2},
                                  {"none", NULL, NAN}};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(lengths, 2, false, &ctx);
    struct lh_sweep again;
    struct lh_outcome out[6];
    char *dir = new_dir(&ctx);
    int file;

    identify(&s, &ctx);
    LH_REQUIRE(lh_store_begin(dir, &s, &ctx) == LH_OK);
    LH_CHECK(lh_store_begin(dir, &s, &ctx) == LH_OK);
    file = lh_store_open(dir, 0, &ctx);
    LH_REQUIRE(file >= 0);
    /* Failed, then ok: ok counts.  Refused.  Torn in the middle. */
    put(file, 0,
        &(struct lh_outcome){
            .id = s.points[0].id, .kind = LH_OUTCOME_FAILED, .message = "died"},
        &ctx);
    put(file, 0,
        &(struct lh_outcome){.id = s.points[0].id, .n = 3, .columns = columns},
        &ctx);
    put(file, 1,
        &(struct lh_outcome){
            .id = s.points[1].id, .kind = LH_OUTCOME_REFUSED, .message = "no"},
        &ctx);
    LH_CHECK(write(file, "{\"point\": 2, \"id", 16) == 16);
    LH_CHECK(close(file) == 0);
    LH_REQUIRE(lh_store_read(&again, dir, &ctx) == LH_OK);
    LH_CHECK_TEXT(again.id, s.id);
    LH_CHECK(again.n_points == 6);
    LH_CHECK_TEXT(again.points[5].id, s.points[5].id);
    LH_REQUIRE(lh_store_outcomes(out, dir, &again, &ctx) == LH_OK);
    LH_CHECK(out[0].kind == LH_OUTCOME_OK);
    LH_REQUIRE(out[0].n == 3);
    LH_CHECK_TEXT(out[0].columns[0].text, columns[0].text);
    LH_CHECK(out[0].columns[1].number == 0.1 + 0.2);
    LH_CHECK(isnan(out[0].columns[2].number));
    LH_CHECK(out[1].kind == LH_OUTCOME_REFUSED);
    LH_CHECK(out[2].kind == LH_OUTCOME_MISSING);
    clean(dir, &ctx);
    lh_ctx_end(&ctx);
}

static void refuses_another_sweep(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(lengths, 2, false, &ctx);
    struct lh_sweep other = sweep_of(lengths, 1, false, &ctx);
    char *dir = new_dir(&ctx);

    identify(&s, &ctx);
    identify(&other, &ctx);
    LH_REQUIRE(lh_store_begin(dir, &s, &ctx) == LH_OK);
    LH_CHECK(lh_store_begin(dir, &other, &ctx) == LH_BAD_INPUT);
    clean(dir, &ctx);
    lh_ctx_end(&ctx);
}

/* ---- the table ----------------------------------------------------------- */

static void makes_a_table(void)
{
    static const char *const texts[] = {"fibres[0].bandwidth=8,16 Gbit/s"};
    struct lh_column one[] = {{"a", NULL, 1.5}, {"t", "x,y", NAN}};
    struct lh_column two[] = {{"b", NULL, 2}, {"a", NULL, 3}};
    struct lh_outcome outcomes[] = {
        {.message = "", .n = 2, .columns = one},
        {.message = "", .n = 2, .columns = two},
    };
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_sweep s = sweep_of(texts, 1, false, &ctx);
    struct lh_text text = lh_text_new(ctx.arena);
    struct lh_sweep_table table;

    LH_REQUIRE(lh_sweep_make(&s, &ctx) == LH_OK);
    lh_sweep_table_make(&table, &s, outcomes, ctx.arena);
    lh_sweep_csv(&text, &table);
    LH_CHECK_TEXT(text.s,
                  "point,fibres[0].bandwidth,fibres[0].bandwidth_bytes_per_s,"
                  "status,a,t,b,message\n"
                  "0,8 Gbit/s,1000000000,ok,1.5,\"x,y\",,\n"
                  "1,16 Gbit/s,2000000000,ok,3,,2,\n");
    lh_ctx_end(&ctx);
}

static void writes_scripts(void)
{
    static const char *const options[] = {"-p long"};
    struct lh_slurm slurm = {.program = "/opt/it's/longhaul",
                             .dir = "/data/s",
                             .shards = 4,
                             .jobs = 2,
                             .n_options = 1,
                             .options = (const char **)options,
                             .csv = "/data/s.csv"};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_text text = lh_text_new(ctx.arena);

    lh_slurm_array(&text, &slurm);
    LH_CHECK_TEXT(text.s,
                  "#!/bin/sh\n"
                  "#SBATCH --job-name=longhaul-sweep\n"
                  "#SBATCH --array=1-4\n"
                  "#SBATCH --cpus-per-task=2\n"
                  "#SBATCH --output=\"/data/s/slurm-%A_%a.log\"\n"
                  "#SBATCH -p long\n"
                  "exec '/opt/it'\\''s/longhaul' sweep run --store '/data/s' "
                  "--shard \"$SLURM_ARRAY_TASK_ID/4\" --jobs 2\n");
    text = lh_text_new(ctx.arena);
    lh_slurm_merge(&text, &slurm);
    LH_CHECK(strstr(text.s, "sweep merge --store '/data/s' --csv "
                            "'/data/s.csv'\n")
             != NULL);
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"orders points, the last key fastest", orders_points},
        {"zips lists of one length", zips},
        {"refuses spans, a key twice, too many points",
         refuses_spans_and_twins},
        {"ids tell scenarios apart, not spellings", tells_scenarios_apart},
        {"keeps results, passes over torn lines", keeps_and_finds},
        {"a store of another sweep is refused", refuses_another_sweep},
        {"makes one table of unlike rows", makes_a_table},
        {"writes Slurm's scripts", writes_scripts},
    };

    return lh_unit_run("sweep", tests, LH_COUNT(tests));
}
