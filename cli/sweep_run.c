/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The points of a sweep simulated: planned (every scenario is read, for its
 * id), then their one-site baselines, each once however many points have it,
 * then the points, each in a child of its own that appends one line to its
 * worker's file.
 *
 * What is already in the store is left out, so a sweep that was killed goes on
 * where it was.  A child that dies costs its point alone.
 * Place: between cmd_sweep.c and the stages.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sweep.h"

enum { BLOCK = 16, MESSAGE_MAX = 400 };
enum { EXIT_DISK = 70 }; /* of a child: its line could not be written */

/* ---- reading a point ----------------------------------------------------- */

static enum lh_status read_point(struct lh__stages *out,
                                 const struct lh__sweeping *s, int point,
                                 struct lh_ctx *ctx)
{
    struct lh__input input = {.ctx = ctx, .path = s->sweep->file};
    int n;

    input.settings = lh_sweep_settings(s->sweep, point, &n, ctx->arena);
    input.n_settings = (size_t)n;
    ctx->data_dir = s->sweep->data_dir;
    return lh__stages_read(out, &input);
}

/* The first fault, with the option that it stands in. */
static const char *first_error(struct lh_ctx *ctx)
{
    for (int i = 0; i < lh_diag_total(ctx); i++) {
        const struct lh_message *m = lh_diag_at(ctx, i);
        if (m->severity == LH_ERROR && m->where.file != NULL
            && strncmp(m->where.file, "--", 2) == 0) {
            return lh_format(ctx->arena, "%s: %s", m->where.file, m->text);
        }
        if (m->severity == LH_ERROR) {
            return m->text;
        }
    }
    return "no reason is known";
}

/* ---- the plan ------------------------------------------------------------ */

struct planning {
    const struct lh__sweeping *s;
    bool *refused; /* shared, as the sweep's points are */
};

static int plan_block(void *data, int task, int slot)
{
    const struct planning *p = data;
    const struct lh_sweep *sweep = p->s->sweep;
    int end = (task + 1) * BLOCK;

    (void)slot;
    for (int i = task * BLOCK; i < end && i < sweep->n_points; i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh__stages stages;
        p->refused[i] = read_point(&stages, p->s, i, &ctx) != LH_OK;
        lh_sweep_identify(&sweep->points[i], sweep, i,
                          p->refused[i] ? NULL : &stages.scenario, &ctx);
        lh_ctx_end(&ctx);
    }
    return 0;
}

static bool plan_done(void *data, int task, int slot, int wait_status)
{
    (void)data, (void)task, (void)slot;
    return wait_status == 0;
}

/* Their own warnings are those of all, but for the values. */
static void warn_of_first(const struct lh__sweeping *s, int point)
{
    struct lh__stages stages;
    enum lh_status st = read_point(&stages, s, point, s->ctx);

    if (st == LH_OK) {
        lh__warn_of_unlike_sites(&stages.scenario, s->ctx);
    }
}

enum lh_status lh__sweep_plan(const struct lh__sweeping *s)
{
    struct lh_sweep *sweep = s->sweep;
    int n = sweep->n_points;
    struct planning p = {s, lh__pool_memory((size_t)n, s->ctx)};
    struct lh__pool pool = {.n = (n + BLOCK - 1) / BLOCK,
                            .jobs = s->jobs,
                            .data = &p,
                            .work = plan_block,
                            .done = plan_done};
    enum lh_status st;
    int first = 0;

    sweep->points = lh__pool_memory((size_t)n * sizeof *sweep->points, s->ctx);
    if (p.refused == NULL || sweep->points == NULL) {
        return LH_FAILED;
    }
    st = lh__pool_run(&pool, s->ctx);
    for (int i = 0; i < n && st == LH_OK; i++) {
        if (sweep->points[i].id[0] == '\0') {
            lh_error(s->ctx, LH_NOWHERE, "the plan: a process died");
            st = LH_FAILED;
        }
    }
    while (first < n && p.refused[first]) {
        first++;
    }
    if (st == LH_OK) {
        warn_of_first(s, first < n ? first : 0);
        st = first < n ? LH_OK : LH_BAD_INPUT;
    }
    lh_sweep_seal(sweep, s->ctx->arena);
    return st;
}

/* ---- what there is to do ------------------------------------------------- */

struct baseline {
    enum lh_status status;
    char message[MESSAGE_MAX];
    struct lh_result result; /* without links */
};

struct running {
    const struct lh__sweeping *s;
    int n_pending;
    int *pending;     /* points */
    int *baseline_of; /* [n_points] index; -1: none */
    int n_baselines;
    int *baseline_point;        /* a point of each */
    struct baseline *baselines; /* shared */
    int *files;                 /* of the slots */
    int n_done;
    double begin_s, said_s;
    bool disk_failed;
};

struct numbered {
    const char *key;
    int point;
};

static int by_key(const void *a, const void *b)
{
    const struct numbered *x = a;
    const struct numbered *y = b;
    int keys = strcmp(x->key, y->key);

    return keys != 0 ? keys : (x->point > y->point) - (x->point < y->point);
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a;
    int y = *(const int *)b;

    return (x > y) - (x < y);
}

/* Of points with one id the first. */
static void list_pending(struct running *r, const struct lh_outcome *outcomes)
{
    const struct lh_sweep *sweep = r->s->sweep;
    struct lh_arena *arena = r->s->ctx->arena;
    struct numbered *all = LH_NEW(arena, struct numbered, sweep->n_points);
    size_t n = 0;

    r->pending = LH_NEW(arena, int, sweep->n_points);
    for (int i = 0; i < sweep->n_points; i++) {
        bool known = outcomes[i].kind == LH_OUTCOME_OK
                     || outcomes[i].kind == LH_OUTCOME_REFUSED;
        if (!known && i % r->s->shards == r->s->shard - 1) {
            all[n++] = (struct numbered){sweep->points[i].id, i};
        }
    }
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(all[i].key, all[i - 1].key) != 0) {
            r->pending[r->n_pending++] = all[i].point;
        }
    }
    qsort(r->pending, (size_t)r->n_pending, sizeof *r->pending, by_number);
}

static void list_baselines(struct running *r)
{
    const struct lh_sweep *sweep = r->s->sweep;
    struct lh_arena *arena = r->s->ctx->arena;
    struct numbered *all = LH_NEW(arena, struct numbered, r->n_pending);
    size_t n = 0;

    r->baseline_of = LH_NEW(arena, int, sweep->n_points);
    r->baseline_point = LH_NEW(arena, int, r->n_pending);
    for (int i = 0; i < r->n_pending; i++) {
        const char *key = sweep->points[r->pending[i]].baseline;
        r->baseline_of[r->pending[i]] = -1;
        if (*key != '\0') {
            all[n++] = (struct numbered){key, r->pending[i]};
        }
    }
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(all[i].key, all[i - 1].key) != 0) {
            r->baseline_point[r->n_baselines++] = all[i].point;
        }
        r->baseline_of[all[i].point] = r->n_baselines - 1;
    }
}

/* ---- children ------------------------------------------------------------ */

/* With rl the loop simulates too, in children of its own, which must not have
 * an engine behind them. */
static enum lh_status simulate(struct lh_result *out,
                               const struct lh__stages *stages,
                               struct lh_ctx *ctx)
{
    struct lh_sim_point point = {&stages->scenario, &stages->program,
                                 stages->topology};
    struct lh_trace trace;
    enum lh_status st = stages->asked.rl.on
                            ? lh_sim_run(&trace, &point, ctx)
                            : lh_sim_run_here(&trace, &point, ctx);

    if (st == LH_OK) {
        st = lh_result_make(out, &trace, &stages->program, stages->topology,
                            ctx);
    }
    return st;
}

static int work_baseline(void *data, int task, int slot)
{
    const struct running *r = data;
    struct baseline *b = &r->baselines[task];
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh__stages here;
    struct lh__stages one = {.topology = NULL};
    enum lh_status st = read_point(&here, r->s, r->baseline_point[task], &ctx);

    (void)slot;
    if (st == LH_OK) {
        lh_scenario_one_site(&one.scenario, &here.scenario, &ctx);
        st = lh__stages_build(&one, &ctx);
    }
    if (st == LH_OK) {
        st = simulate(&b->result, &one, &ctx);
    }
    b->result.n_links = 0;
    b->result.links = NULL;
    b->result.bound.cut = NULL;
    if (st != LH_OK) {
        snprintf(b->message, sizeof b->message, "in one site: %s",
                 first_error(&ctx));
    }
    b->status = st;
    return 0;
}

/* The scenario as it was planned. */
static enum lh_status read_planned(struct lh__stages *out,
                                   const struct running *r, int point,
                                   struct lh_ctx *ctx)
{
    enum lh_status st = read_point(out, r->s, point, ctx);
    struct lh_planned now;

    if (!r->s->check_ids) {
        return st;
    }
    lh_sweep_identify(&now, r->s->sweep, point,
                      st == LH_OK ? &out->scenario : NULL, ctx);
    if (strcmp(now.id, r->s->sweep->points[point].id) != 0) {
        /* Ahead of what the reader has to say, which is of another scenario. */
        *ctx = lh_ctx_begin();
        lh_error(ctx, LH_NOWHERE,
                 "the scenario, what it names, or the program is not what the "
                 "sweep was planned with");
        return LH_FAILED;
    }
    return st;
}

static enum lh_status work_stages(struct lh_outcome *out,
                                  struct lh__stages *stages,
                                  const struct baseline *baseline,
                                  struct lh_ctx *ctx)
{
    struct lh_result result;
    struct lh_family_error validation;
    struct lh_rl_report rl;
    struct lh_report report = {
        .scenario = &stages->scenario,
        .program = &stages->program,
        .result = &result,
        .one_site = baseline != NULL ? &baseline->result : NULL,
        .validation = &validation,
        .rl = stages->asked.rl.on ? &rl : NULL,
    };
    enum lh_status st = simulate(&result, stages, ctx);

    report.topology = stages->topology;
    if (st == LH_OK && report.rl != NULL) {
        st = lh__loop_run(&rl, stages, ctx);
    }
    if (st == LH_OK) {
        st = lh_family_error_read(&validation, &stages->scenario, ctx);
    }
    if (st == LH_OK) {
        out->n = lh_report_columns(&out->columns, &report, ctx->arena);
    }
    return st;
}

static enum lh_status work_outcome(struct lh_outcome *out,
                                   const struct running *r, int point,
                                   struct lh_ctx *ctx)
{
    int b = r->baseline_of[point];
    const struct baseline *baseline = b >= 0 ? &r->baselines[b] : NULL;
    struct lh__stages stages;
    enum lh_status st = read_planned(&stages, r, point, ctx);

    if (st == LH_OK) {
        st = lh__stages_build(&stages, ctx);
    }
    if (st == LH_OK && baseline != NULL && baseline->status != LH_OK) {
        lh_error(ctx, LH_NOWHERE, "%s", baseline->message);
        st = baseline->status;
    }
    return st == LH_OK ? work_stages(out, &stages, baseline, ctx) : st;
}

static int work_point(void *data, int task, int slot)
{
    const struct running *r = data;
    int point = r->pending[task];
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_outcome outcome = {.id = r->s->sweep->points[point].id};
    enum lh_status st = work_outcome(&outcome, r, point, &ctx);
    struct lh_text line = lh_text_new(ctx.arena);

    if (st != LH_OK) {
        outcome.kind = st == LH_FAILED ? LH_OUTCOME_FAILED : LH_OUTCOME_REFUSED;
        outcome.message = first_error(&ctx);
    }
    lh_outcome_write(&line, point, &outcome);
    return lh_store_put(r->files[slot], &line) ? 0 : EXIT_DISK;
}

/* ---- the parent ---------------------------------------------------------- */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "312 of 1000 points, 19.4/s, ends in 36 s" */
static void say_progress(struct running *r)
{
    bool terminal = isatty(STDERR_FILENO);
    double now = now_s();
    double rate = r->n_done / fmax(now - r->begin_s, 1e-9);
    bool last = r->n_done == r->n_pending;

    if ((!terminal && !r->s->progress)
        || (!last && now - r->said_s < (terminal ? 0.1 : 1.0))) {
        return;
    }
    r->said_s = now;
    fprintf(stderr, "%s%d of %d points, %.3g/s, ends in %.0f s%s",
            terminal ? "\r" : "", r->n_done, r->n_pending, rate,
            (r->n_pending - r->n_done) / rate, terminal ? "\033[K" : "\n");
    if (terminal && last) {
        fputc('\n', stderr);
    }
}

static bool baseline_done(void *data, int task, int slot, int wait_status)
{
    struct running *r = data;
    struct baseline *b = &r->baselines[task];

    (void)slot;
    if (wait_status != 0) {
        b->status = LH_FAILED;
        snprintf(b->message, sizeof b->message,
                 "in one site: the simulation died");
    }
    return true;
}

/* The line of a child that died; before it the end of one that the child may
 * have begun. */
static bool put_dead(const struct running *r, int task, int slot,
                     const char *message)
{
    int point = r->pending[task];
    struct lh_outcome outcome = {.id = r->s->sweep->points[point].id,
                                 .kind = LH_OUTCOME_FAILED,
                                 .message = message};
    struct lh_text line = lh_text_new(r->s->ctx->arena);

    lh_text_add(&line, "\n");
    lh_outcome_write(&line, point, &outcome);
    return lh_store_put(r->files[slot], &line);
}

static bool point_done(void *data, int task, int slot, int wait_status)
{
    struct running *r = data;
    struct lh_arena *arena = r->s->ctx->arena;
    bool good = true;

    r->n_done++;
    say_progress(r);
    if (WIFSIGNALED(wait_status)) {
        int number = WTERMSIG(wait_status);
        good =
            put_dead(r, task, slot,
                     lh_format(arena, "the simulation died of signal %d (%s)",
                               number, strsignal(number)));
    } else if (WEXITSTATUS(wait_status) == EXIT_DISK) {
        good = false;
    } else if (WEXITSTATUS(wait_status) != 0) {
        good = put_dead(r, task, slot,
                        lh_format(arena,
                                  "the simulation ended with exit status %d",
                                  WEXITSTATUS(wait_status)));
    }
    r->disk_failed |= !good;
    return good;
}

static enum lh_status open_files(struct running *r)
{
    r->files = LH_NEW(r->s->ctx->arena, int, r->s->jobs);
    for (int i = 0; i < r->s->jobs && i < r->n_pending; i++) {
        r->files[i] = lh_store_open(r->s->dir, i, r->s->ctx);
        if (r->files[i] < 0) {
            return LH_FAILED;
        }
    }
    return LH_OK;
}

static enum lh_status run_baselines(struct running *r)
{
    struct lh__pool pool = {.n = r->n_baselines,
                            .jobs = r->s->jobs,
                            .data = r,
                            .work = work_baseline,
                            .done = baseline_done};

    r->baselines = lh__pool_memory(
        (size_t)r->n_baselines * sizeof *r->baselines, r->s->ctx);
    return r->baselines != NULL ? lh__pool_run(&pool, r->s->ctx) : LH_FAILED;
}

static enum lh_status run_points(struct running *r)
{
    struct lh__pool pool = {.n = r->n_pending,
                            .jobs = r->s->jobs,
                            .data = r,
                            .work = work_point,
                            .done = point_done};
    enum lh_status st = open_files(r);

    if (st == LH_OK) {
        r->begin_s = now_s();
        st = lh__pool_run(&pool, r->s->ctx);
    }
    if (st == LH_OK && r->disk_failed) {
        lh_error(r->s->ctx, (struct lh_where){r->s->dir, 0, 0},
                 "a result cannot be written: is the disk full?");
        st = LH_FAILED;
    }
    return st;
}

enum lh_status lh__sweep_run(const struct lh__sweeping *s)
{
    struct running r = {.s = s};
    struct lh_outcome *outcomes =
        LH_NEW(s->ctx->arena, struct lh_outcome, s->sweep->n_points);
    enum lh_status st = lh_store_outcomes(outcomes, s->dir, s->sweep, s->ctx);

    if (st != LH_OK) {
        return st;
    }
    list_pending(&r, outcomes);
    list_baselines(&r);
    st = run_baselines(&r);
    return st == LH_OK ? run_points(&r) : st;
}
