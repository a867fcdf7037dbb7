/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The points of a sweep simulated: their one-site baselines, each once however
 * many points have it, then the points, each in a child of its own that appends
 * one line to its worker's file.
 *
 * What is already in the store is left out, so a sweep that was killed goes on
 * where it was.  A child that dies costs its point alone.
 * Place: between cmd_sweep.c and sweep_work.c.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sweep.h"

/* ---- what there is to do ------------------------------------------------- */

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
static void list_pending(struct lh__running *r,
                         const struct lh_outcome *outcomes)
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

static void list_baselines(struct lh__running *r)
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

/* ---- the parent ---------------------------------------------------------- */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "312 of 1000 points, 19.4/s, ends in 36 s" */
static void say_progress(struct lh__running *r)
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
    struct lh__running *r = data;
    struct lh__baseline_run *b = &r->baselines[task];

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
static bool put_dead(const struct lh__running *r, int task, int slot,
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
    struct lh__running *r = data;
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
    } else if (WEXITSTATUS(wait_status) == LH__EXIT_DISK) {
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

static enum lh_status open_files(struct lh__running *r)
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

static enum lh_status run_baselines(struct lh__running *r)
{
    struct lh__pool pool = {.n = r->n_baselines,
                            .jobs = r->s->jobs,
                            .data = r,
                            .work = lh__work_baseline,
                            .done = baseline_done};

    r->baselines = lh__pool_memory(
        (size_t)r->n_baselines * sizeof *r->baselines, r->s->ctx);
    return r->baselines != NULL ? lh__pool_run(&pool, r->s->ctx) : LH_FAILED;
}

static enum lh_status run_points(struct lh__running *r)
{
    struct lh__pool pool = {.n = r->n_pending,
                            .jobs = r->s->jobs,
                            .data = r,
                            .work = lh__work_point,
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
    struct lh__running r = {.s = s};
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
