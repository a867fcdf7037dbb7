/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul sweep: one scenario with many values of its keys, at once or in
 * steps (plan, run, merge, submit) that machines may share: docs/sweeps.md.
 *
 * Place: the command; points are simulated by sweep_run.c, kept by sweep/.
 */
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sweep.h"

enum verb { ALL, PLAN, RUN, MERGE, SUBMIT, VERBS };

static const char *const verbs[VERBS] = {NULL, "plan", "run", "merge",
                                         "submit"};

struct command {
    struct lh__input input;
    enum verb verb;
    struct lh_sweep sweep;
    size_t vary_capacity;
    struct lh__sweeping run;
    struct lh__submission submission;
    const char *csv, *sqlite;
};

enum {
    OPTION_VARY = 256,
    OPTION_ZIP,
    OPTION_STORE,
    OPTION_CSV,
    OPTION_SQLITE,
    OPTION_SHARD,
    OPTION_SHARDS,
    OPTION_SLURM,
    OPTION_SBATCH,
    OPTION_DRY_RUN,
    OPTION_PROGRESS,
    FAILURES_MAX = 20,
    SHARDS = 8
};

static const struct argp_option options[] = {
    {"vary", OPTION_VARY, "KEY=VALUES", 0,
     "A key and its values: A,B,C or LO..HI:xK or LO..HI:+S; of several keys "
     "all values with all others, the last key varies fastest",
     0},
    {"zip", OPTION_ZIP, 0, 0, "The first values, the second values, and so on",
     0},
    {"store", OPTION_STORE, "DIR", 0,
     "Keep results in DIR: a sweep that was stopped goes on from there", 0},
    {"csv", OPTION_CSV, "FILE", 0,
     "Write the table to FILE, not to standard output", 0},
    {"sqlite", OPTION_SQLITE, "FILE", 0,
     "Write the table to FILE as an SQLite database", 0},
    {"jobs", 'j', "N", 0, "Simulate N points at a time (2)", 0},
    {"progress", OPTION_PROGRESS, 0, 0,
     "Tell of progress also where standard error is no terminal", 0},
    {"shard", OPTION_SHARD, "K/N", 0,
     "run: points K, K+N, K+2N, ... (K from 1)", 1},
    {"shards", OPTION_SHARDS, "N", 0, "submit: N tasks (8)", 1},
    {"slurm", OPTION_SLURM, 0, 0, "submit: to Slurm, by sbatch", 1},
    {"sbatch", OPTION_SBATCH, "OPTION", 0,
     "submit: an option for sbatch, as in --sbatch='-p long'", 1},
    {"dry-run", OPTION_DRY_RUN, 0, 0,
     "submit: print the scripts and submit nothing", 1},
    {0},
};

/* ---- the command line ---------------------------------------------------- */

static void add_vary(struct command *c, const char *text)
{
    struct lh_sweep *s = &c->sweep;

    s->vary_texts =
        lh_grow(c->input.ctx->arena, s->vary_texts, &c->vary_capacity,
                (size_t)s->n_vary + 1, sizeof *s->vary_texts);
    s->vary_texts[s->n_vary++] = text;
}

static void read_shard(struct command *c, const struct argp_state *state,
                       const char *text)
{
    int end = 0;

    if (sscanf(text, "%9d/%9d%n", &c->run.shard, &c->run.shards, &end) != 2
        || text[end] != '\0' || c->run.shard < 1
        || c->run.shard > c->run.shards) {
        argp_error(state, "--shard needs K/N with K from 1 to N, not '%s'",
                   text);
    }
}

/* The first word may be a verb, else it is the scenario. */
static void read_word(struct command *c, const struct argp_state *state,
                      char *word)
{
    bool first = c->input.path == NULL && c->verb == ALL;

    for (int i = PLAN; i < VERBS && first; i++) {
        if (strcmp(word, verbs[i]) == 0) {
            c->verb = (enum verb)i;
            /* What the scenario's parser wants; nobody reads it. */
            c->input.path = i > PLAN ? "-" : NULL;
            return;
        }
    }
    if (c->input.path != NULL) {
        argp_error(state, "unexpected argument '%s'", word);
    }
    if (strcmp(word, "-") == 0) {
        argp_error(state, "a sweep reads its scenario many times: name a file");
    }
    c->input.path = word;
}

static bool asks_to_submit(const struct lh__submission *s)
{
    return s->slurm || s->dry_run || s->n_options > 0 || s->shards > 0;
}

static void check_words(struct command *c, const struct argp_state *state)
{
    bool asks = c->verb == ALL || c->verb == PLAN;

    if (asks != (c->sweep.n_vary > 0)) {
        argp_error(state, asks ? "--vary is needed"
                               : "--vary and a scenario are for `sweep plan'");
    }
    if (!asks && (c->sweep.zip || c->input.n_settings > 0)) {
        argp_error(state, "--zip and --set are for `sweep plan'");
    }
    if (c->verb != ALL && c->run.dir == NULL) {
        argp_error(state, "--store is needed");
    }
    if (c->verb == SUBMIT && !c->submission.slurm) {
        argp_error(state, "--slurm is needed: where to submit to");
    }
    if (c->verb != RUN && c->run.shards > 1) {
        argp_error(state, "--shard is for `sweep run'");
    }
    if (c->verb != SUBMIT && asks_to_submit(&c->submission)) {
        argp_error(state, "--slurm, --shards, --sbatch and --dry-run are for "
                          "`sweep submit'");
    }
    if ((c->verb == PLAN || c->verb == RUN)
        && (c->csv != NULL || c->sqlite != NULL)) {
        argp_error(state, "--csv and --sqlite are for `sweep merge', `sweep "
                          "submit' and a sweep in one go");
    }
    if (c->submission.shards == 0) {
        c->submission.shards = SHARDS;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct command *c = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &c->input; return 0;
    case OPTION_VARY: add_vary(c, arg); return 0;
    case OPTION_ZIP: c->sweep.zip = true; return 0;
    case OPTION_STORE: c->run.dir = arg; return 0;
    case OPTION_CSV: c->csv = arg; return 0;
    case OPTION_SQLITE: c->sqlite = arg; return 0;
    case OPTION_SHARD: read_shard(c, state, arg); return 0;
    case OPTION_SHARDS:
        c->submission.shards = lh__read_count(state, "--shards", arg, 1);
        return 0;
    case OPTION_SLURM: c->submission.slurm = true; return 0;
    case OPTION_SBATCH: lh__submission_option(&c->submission, arg); return 0;
    case OPTION_DRY_RUN: c->submission.dry_run = true; return 0;
    case OPTION_PROGRESS: c->run.progress = true; return 0;
    case 'j': c->run.jobs = lh__read_count(state, "--jobs", arg, 1); return 0;
    case ARGP_KEY_ARG: read_word(c, state, arg); return 0;
    case ARGP_KEY_END: check_words(c, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what was asked ------------------------------------------------------ */

static const char *absolute(const char *path, struct lh_ctx *ctx)
{
    char buffer[PATH_MAX];

    return path != NULL && realpath(path, buffer) != NULL
               ? lh_strdup(ctx->arena, buffer)
               : path;
}

static enum lh_status plan(struct command *c)
{
    struct lh_ctx *ctx = c->input.ctx;
    struct lh_sweep *s = &c->sweep;
    enum lh_status st;

    s->file = absolute(c->input.path, ctx);
    s->data_dir = absolute(ctx->data_dir, ctx);
    s->n_settings = (int)c->input.n_settings;
    s->settings = c->input.settings;
    s->version = PACKAGE_VERSION;
    st = lh_sweep_make(s, ctx);
    if (st == LH_OK) {
        st = lh__sweep_plan(&c->run);
    }
    return st == LH_OK ? lh_store_begin(c->run.dir, s, ctx) : st;
}

static enum lh_status read_plan(struct command *c)
{
    struct lh_ctx *ctx = c->input.ctx;
    enum lh_status st = lh_store_read(&c->sweep, c->run.dir, ctx);

    if (st == LH_OK && strcmp(c->sweep.version, PACKAGE_VERSION) != 0) {
        lh_error(ctx, (struct lh_where){c->run.dir, 0, 0},
                 "planned by longhaul %s, this is %s", c->sweep.version,
                 PACKAGE_VERSION);
        st = LH_BAD_INPUT;
    }
    c->run.check_ids = true;
    return st;
}

/* ---- what came of it ----------------------------------------------------- */

/* Of the points that this run had to do with.  Returns the exit status. */
static int list_failures(const struct command *c,
                         const struct lh_outcome *outcomes)
{
    int n_ok = 0, n_here = 0, n_said = 0;

    for (int i = c->run.shard - 1; i < c->sweep.n_points;
         i += c->run.shards, n_here++) {
        n_ok += outcomes[i].kind == LH_OUTCOME_OK;
        if (outcomes[i].kind == LH_OUTCOME_OK || n_said++ >= FAILURES_MAX) {
            continue;
        }
        fprintf(stderr, "point %d (%s): %s: %s\n", i,
                lh_sweep_title(&c->sweep, i, c->input.ctx->arena),
                lh_outcome_name(outcomes[i].kind), outcomes[i].message);
    }
    if (n_said > FAILURES_MAX) {
        fprintf(stderr, "... and %d more\n", n_said - FAILURES_MAX);
    }
    if (n_said > 0) {
        fprintf(stderr, "longhaul: error: %d of %d points have no result\n",
                n_said, n_here);
    }
    return n_ok == n_here ? LH__EXIT_OK : LH__EXIT_SOME;
}

static enum lh_status write_table(const struct command *c,
                                  const struct lh_outcome *outcomes,
                                  int *status)
{
    struct lh_ctx *ctx = c->input.ctx;
    struct lh_text text = lh_text_new(ctx->arena);
    struct lh_sweep_table table;
    int written;

    lh_sweep_table_make(&table, &c->sweep, outcomes, ctx->arena);
    lh_sweep_csv(&text, &table);
    if (c->csv != NULL || c->sqlite == NULL) {
        written = c->csv != NULL ? lh__print_file(c->csv, &text)
                                 : lh__print_result(&text);
        *status = written != LH__EXIT_OK ? written : *status;
    }
    return c->sqlite != NULL
               ? lh_sweep_sqlite(c->sqlite, &c->sweep, &table, ctx)
               : LH_OK;
}

static int finish(const struct command *c)
{
    struct lh_ctx *ctx = c->input.ctx;
    struct lh_outcome *outcomes =
        LH_NEW(ctx->arena, struct lh_outcome, c->sweep.n_points);
    enum lh_status st = lh_store_outcomes(outcomes, c->run.dir, &c->sweep, ctx);
    int status = LH__EXIT_OK;

    if (st == LH_OK) {
        status = list_failures(c, outcomes);
    }
    if (st == LH_OK && c->verb != RUN) {
        st = write_table(c, outcomes, &status);
    }
    if (st != LH_OK) {
        lh__print_messages(ctx);
        return lh__exit_status(st);
    }
    return status;
}

/* ---- a store of its own ---------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static const char *temporary(struct lh_ctx *ctx)
{
    char *dir = lh_strdup(ctx->arena, P_tmpdir "/longhaul-sweep.XXXXXX");

    return mkdtemp(dir);
}

/* ---- doors --------------------------------------------------------------- */

static int act(struct command *c)
{
    struct lh_ctx *ctx = c->input.ctx;
    bool asks = c->verb == ALL || c->verb == PLAN;
    enum lh_status st = asks ? plan(c) : read_plan(c);
    int status = LH__EXIT_OK;

    if (st == LH_OK && (c->verb == ALL || c->verb == RUN)) {
        st = lh__sweep_run(&c->run);
    }
    if (st == LH_OK && c->verb == SUBMIT) {
        st = lh__submit(&c->submission, c->run.dir, ctx);
    }
    lh__print_messages(ctx);
    if (st != LH_OK) {
        return lh__exit_status(st);
    }
    if (c->verb == PLAN) {
        fprintf(stderr, "%s: %d points\n", c->run.dir, c->sweep.n_points);
    } else if (c->verb != SUBMIT) {
        status = finish(c);
    }
    return status;
}

int lh__cmd_sweep(int argc, char **argv)
{
    static const struct argp_child children[] = {{&lh__input_argp, 0, 0, 0},
                                                 {0}};
    static const struct argp argp = {
        options,
        parse,
        "FILE --vary KEY=VALUES...\n"
        "plan FILE --vary KEY=VALUES... --store DIR\n"
        "run --store DIR [--shard K/N]\n"
        "merge --store DIR [--csv FILE] [--sqlite FILE]\n"
        "submit --slurm --store DIR [--shards N]",
        "Simulates the scenario FILE with many values of its keys and prints "
        "one table.  The steps can be taken one by one, and `run' on many "
        "machines that see DIR.  Exit status 3 where points failed or are "
        "missing.",
        children,
        0,
        0};
    struct lh_ctx ctx = lh_ctx_begin();
    struct command c = {.input = {.ctx = &ctx}, .submission = {.shards = 0}};
    bool own_store;
    int status;

    c.run = (struct lh__sweeping){
        .ctx = &ctx, .sweep = &c.sweep, .jobs = 2, .shard = 1, .shards = 1};
    c.submission.arena = ctx.arena;
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    own_store = c.run.dir == NULL;
    if (own_store && (c.run.dir = temporary(&ctx)) == NULL) {
        perror("longhaul: error: " P_tmpdir);
        return LH__EXIT_NO;
    }
    c.submission.jobs = c.run.jobs;
    c.submission.csv = c.csv;
    c.submission.sqlite = c.sqlite;
    status = act(&c);
    if (own_store) {
        nftw(c.run.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    lh_ctx_end(&ctx);
    return status;
}
