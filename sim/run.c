/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a point (scenario, program, topology) to a trace.  A forked child
 * places and simulates, and leaves the trace as flat arrays in memory shared
 * with its parent, which copies them:
 *
 *   struct head | the arrays, each at a multiple of 8 bytes
 *
 * Points are placed and simulated in as many children at once as wanted.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "exec.h"
#include "fork.h"
#include "simgrid.h"
#include "twins.h"
#include "wire.h"

/* Of address space, for one trace; pages that are not written cost nothing. */
static const size_t shared_bytes = (size_t)3 << 30;

struct head {
    struct lh_trace trace; /* its arrays are in the memory, which child and
                              parent see at one address */
    struct lh_trace run;   /* n_classes .. late of what was run; twins of it
                              (twins.h) are told what they did by the parent */
    int32_t *class_run;    /* [trace.n_classes] of run; NULL: no twins */
    size_t used;
};

static double wall_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the child ----------------------------------------------------------- */

/* Weighted by class size, so that the breakdown's mean sums to it; equal for
 * all classes once the step is steady.  Of a cycle the mean over its steps. */
static double mean_step_s(const struct head *head, int64_t cycle)
{
    const struct lh_trace *t = &head->trace, *run = &head->run;
    int64_t last = (int64_t)(t->n_steps - 1) * run->n_classes;
    double sum_s = 0, ranks = 0;
    for (int32_t c = 0; c < t->n_classes; c++) {
        double size = (double)t->class_size[c];
        int32_t k = head->class_run ? head->class_run[c] : c;
        sum_s += size * (run->class_end_s[last + k] - run->class_begin_s[k]);
        ranks += size;
    }
    return sum_s / ranks / (double)cycle;
}

static void *room(struct head *head, int64_t n, size_t size)
{
    size_t at = head->used;
    head->used += ((size_t)n * size + 7) / 8 * 8;
    return (char *)head + at;
}

static void *put(struct head *head, const void *from, int64_t n, size_t size)
{
    void *to = room(head, n, size);
    if (n > 0)
        memcpy(to, from, (size_t)n * size);
    return to;
}

static void groups_put(struct head *head, const struct lh__placed *p)
{
    struct lh_trace *t = &head->trace;
    int32_t n = p->n_groups;
    t->n_groups = n;
    t->group_wan = room(head, n, sizeof *t->group_wan);
    t->group_algorithm = room(head, n, sizeof *t->group_algorithm);
    t->group_count = put(head, p->group_count, n, sizeof *t->group_count);
    t->group_comm = put(head, p->group_comm, n, sizeof *t->group_comm);
    t->group_sms = put(head, p->group_sms, n, sizeof *t->group_sms);
    for (int32_t g = 0; g < n; g++) {
        const struct lh__shape *shape = &p->shapes[p->group_shape[g]];
        t->group_wan[g] = shape->crosses_wan;
        t->group_algorithm[g] = shape->algorithm;
    }
}

static double most_of(const struct lh__schedule *changing, double constant)
{
    return changing ? lh__schedule_most(changing) : constant;
}

/* All that is known before the simulation, and room for what it finds. */
static void placed_put(struct head *head, const struct lh__placed *p)
{
    struct lh_trace *t = &head->trace;
    int32_t c = p->n_classes;
    int64_t n = p->n_records;
    t->n_classes = c;
    t->class_size = put(head, p->class_size, c, sizeof *t->class_size);
    t->class_rank = put(head, p->class_rank, c, sizeof *t->class_rank);
    t->class_template =
        put(head, p->class_template, c, sizeof *t->class_template);
    t->class_first = put(head, p->class_first, c + 1, sizeof *t->class_first);
    t->class_speed = put(head, p->class_speed, c, sizeof *t->class_speed);
    for (int32_t i = 0; i < c; i++)
        t->class_speed[i] = most_of(p->class_schedule[i], p->class_speed[i]);
    t->n_sites = p->incidence.ranks.n_sites;
    t->class_site = room(head, c, sizeof *t->class_site);
    for (int32_t i = 0; i < c; i++)
        t->class_site[i] = lh__rank_site(&p->incidence.ranks, p->class_rank[i]);
    t->n_records = n;
    t->group = put(head, p->record_group, n, sizeof *t->group);
    t->n_links = p->n_links;
    t->link_first = room(head, p->n_links, sizeof *t->link_first);
    for (int32_t j = 0; j < p->n_links; j++)
        t->link_first[j] = lh__fold_link(&p->fold, j);
    t->link_count =
        put(head, p->fold.link_size, p->n_links, sizeof *t->link_count);
    t->link_bytes = put(head, p->link_bytes, p->n_links, sizeof *t->link_bytes);
    t->link_capacity =
        put(head, p->link_capacity, p->n_links, sizeof *t->link_capacity);
    for (int32_t j = 0; j < p->n_links; j++)
        t->link_capacity[j] = most_of(p->link_schedule[j], p->link_capacity[j]);
    groups_put(head, p);
}

/* Upper bound of what placed_put() takes, and of what n steps take. */
static size_t placed_bytes(const struct lh__placed *p)
{
    return sizeof(struct head) + 80 * (size_t)p->n_classes
           + 8 * (size_t)p->n_records + 40 * (size_t)p->n_links
           + 40 * (size_t)p->n_groups + 1024;
}

static size_t steps_bytes(const struct lh__placed *p, int32_t n)
{
    return (size_t)n
           * (16 * (size_t)p->n_classes + 32 * (size_t)p->n_records + 64);
}

static enum lh_status check_room(const struct lh__placed *p, int32_t n_steps,
                                 struct lh_ctx *ctx)
{
    size_t bytes = placed_bytes(p) + steps_bytes(p, n_steps);
    if (bytes <= shared_bytes)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE, "the trace of %d step%s takes %zu bytes",
             (int)n_steps, n_steps == 1 ? "" : "s", bytes);
    return LH_FAILED;
}

static void steps_put(struct head *head, const struct lh__exec_output *out,
                      const struct lh__placed *p)
{
    struct lh_trace *t = &head->run;
    int32_t n = out->n_kept;
    int64_t records = p->n_records, classes = p->n_classes;
    head->trace.n_steps = n;
    head->trace.phase = out->phase;
    head->trace.step_number = room(head, n, sizeof *t->step_number);
    head->trace.step_repeats = room(head, n, sizeof *t->step_repeats);
    t->n_classes = p->n_classes;
    t->n_records = records;
    t->class_first = put(head, p->class_first, classes + 1, sizeof(int64_t));
    t->class_begin_s = room(head, n * classes, sizeof *t->class_begin_s);
    t->class_end_s = room(head, n * classes, sizeof *t->class_end_s);
    t->posted_s = room(head, n * records, sizeof *t->posted_s);
    t->start_s = room(head, n * records, sizeof *t->start_s);
    t->end_s = room(head, n * records, sizeof *t->end_s);
    t->late = room(head, n * records, sizeof *t->late);
    for (int32_t i = 0; i < n; i++) {
        const struct lh__kept_step *s = &out->kept[i];
        size_t size = (size_t)records * sizeof(double);
        size_t classes_size = (size_t)classes * sizeof(double);
        head->trace.step_number[i] = s->number;
        head->trace.step_repeats[i] = s->repeats;
        memcpy(t->class_begin_s + i * classes, s->class_begin_s, classes_size);
        memcpy(t->class_end_s + i * classes, s->class_end_s, classes_size);
        memcpy(t->posted_s + i * records, s->posted_s, size);
        memcpy(t->start_s + i * records, s->start_s, size);
        memcpy(t->end_s + i * records, s->end_s, size);
        memcpy(t->late + i * records, s->late, size);
    }
}

static void twins_put(struct head *head, const struct lh__twins *twins)
{
    int32_t n = head->trace.n_classes;
    if (twins->class_twin == NULL)
        return;
    head->class_run = put(head, twins->class_twin, n, sizeof(int32_t));
    head->trace.class_twin =
        put(head, twins->class_first_twin, n, sizeof(int32_t));
}

static enum lh_status simulate(struct head *head, const struct lh__placed *p,
                               const struct lh_scenario *scenario,
                               struct lh_ctx *ctx)
{
    struct lh_trace *t = &head->trace;
    struct lh_engine engine;
    struct lh__exec_options options = {.steps_max = LH__STEPS_MAX};
    struct lh__exec_output out = {.link_bytes = t->link_bytes};
    struct lh__twins twins = {.placed = *p};
    enum lh_status st;
    if (scenario->fold && scenario->collectives != LH_MESSAGES)
        lh__twins_make(&twins, p, ctx);
    twins_put(head, &twins);
    if (scenario->collectives == LH_MESSAGES)
        st = lh__wire_messages(&engine, &options, p, ctx);
    else
        st = lh__wire_coupled(&engine, &twins.placed, ctx);
    if (st == LH_OK)
        st = lh__exec_run(&out, &twins.placed, &engine, &options, ctx);
    if (st == LH_OK)
        st = check_room(p, out.n_kept, ctx);
    if (st != LH_OK)
        return st;
    steps_put(head, &out, &twins.placed);
    t->from_rest = p->program->once || p->incidence.faults->dated;
    t->steady = out.steady;
    t->steps_simulated = out.steps;
    t->events = lh__engine_stats(&engine).events;
    t->step_time_s = mean_step_s(head, lh_cycle_steps(p->program));
    return LH_OK;
}

static enum lh_status placed_run(struct head *head,
                                 const struct lh__placed *placed,
                                 const struct lh_scenario *scenario,
                                 struct lh_ctx *ctx)
{
    enum lh_status st = check_room(placed, 1, ctx);
    if (st != LH_OK)
        return st;
    head->used = sizeof *head;
    placed_put(head, placed);
    return simulate(head, placed, scenario, ctx);
}

/* Learners that are told apart by when they are ready. */
static bool is_loop(const struct lh_sim_point *p)
{
    return p->scenario->sync == LH_SYNC_ASYNC_DILOCO
           && p->program->axes.size[LH_AXIS_DATA] > 1;
}

static enum lh_status work(void *shared, const void *input, struct lh_ctx *ctx)
{
    const struct lh_sim_point *point = input;
    struct head *head = shared;
    struct lh__placed placed;
    double begin_s = wall_now_s();
    if (is_loop(point)) {
        lh_error(ctx, LH_NOWHERE,
                 "sync.kind: async-diloco is no step that repeats; 'run', "
                 "'compare' and 'solve' simulate it");
        return LH_BAD_INPUT;
    }
    enum lh_status st = lh__place(&placed, point, ctx);
    if (st == LH_OK)
        st = placed_run(head, &placed, point->scenario, ctx);
    lh__incidence_free(&placed.incidence);
    head->trace.wall_s = wall_now_s() - begin_s;
    return st;
}

/* ---- the parent ---------------------------------------------------------- */

/* Copies an array out of the shared memory, which is where it was. */
static void *taken(const void *from, int64_t n, size_t size, struct lh_ctx *ctx)
{
    void *to = lh_alloc(ctx->arena, (size_t)n, size);
    if (n > 0)
        memcpy(to, from, (size_t)n * size);
    return to;
}
#define TAKE(t, array, n)                                                      \
    ((t)->array = taken((t)->array, (n), sizeof *(t)->array, ctx))

/* The steps, which are the child's own where nothing has a twin. */
static void steps_take(struct lh_trace *t, const struct head *head,
                       struct lh_ctx *ctx)
{
    int64_t n = t->n_steps * t->n_records;
    if (head->class_run) {
        TAKE(t, class_twin, t->n_classes);
        lh__twins_tell(t, &head->run, head->class_run, ctx);
        return;
    }
    t->class_begin_s = head->run.class_begin_s;
    t->class_end_s = head->run.class_end_s;
    t->posted_s = head->run.posted_s;
    t->start_s = head->run.start_s;
    t->end_s = head->run.end_s;
    t->late = head->run.late;
    TAKE(t, class_begin_s, (int64_t)t->n_steps * t->n_classes);
    TAKE(t, class_end_s, (int64_t)t->n_steps * t->n_classes);
    TAKE(t, posted_s, n);
    TAKE(t, start_s, n);
    TAKE(t, end_s, n);
    TAKE(t, late, n);
}

static void trace_take(struct lh_trace *t, const void *shared,
                       struct lh_ctx *ctx)
{
    const struct head *head = shared;
    *t = head->trace;
    TAKE(t, class_size, t->n_classes);
    TAKE(t, class_rank, t->n_classes);
    TAKE(t, class_template, t->n_classes);
    TAKE(t, class_first, t->n_classes + 1);
    TAKE(t, class_speed, t->n_classes);
    TAKE(t, class_site, t->n_classes);
    TAKE(t, step_number, t->n_steps);
    TAKE(t, step_repeats, t->n_steps);
    TAKE(t, group, t->n_records);
    TAKE(t, group_wan, t->n_groups);
    TAKE(t, group_algorithm, t->n_groups);
    TAKE(t, group_count, t->n_groups);
    TAKE(t, group_comm, t->n_groups);
    TAKE(t, group_sms, t->n_groups);
    TAKE(t, link_first, t->n_links);
    TAKE(t, link_count, t->n_links);
    TAKE(t, link_bytes, t->n_links);
    TAKE(t, link_capacity, t->n_links);
    steps_take(t, head, ctx);
}

enum lh_status lh_sim_run_many(struct lh_trace *out, enum lh_status *status,
                               const struct lh_sim_point *points, int n,
                               int jobs, struct lh_ctx *ctx)
{
    struct lh__job *all = LH_NEW(ctx->arena, struct lh__job, n);
    for (int i = 0; i < n; i++)
        all[i] = (struct lh__job){
            .bytes = shared_bytes, .input = &points[i], .work = work};
    enum lh_status st = lh__fork_all(all, n, jobs, ctx);
    for (int i = 0; i < n; i++) {
        status[i] = all[i].status;
        if (status[i] == LH_OK)
            trace_take(&out[i], all[i].shared, ctx);
    }
    lh__fork_end(all, n);
    return st;
}

enum lh_status lh_sim_run(struct lh_trace *out,
                          const struct lh_sim_point *point, struct lh_ctx *ctx)
{
    enum lh_status status = LH_OK;
    return lh_sim_run_many(out, &status, point, 1, 1, ctx);
}

enum lh_status lh_sim_run_here(struct lh_trace *out,
                               const struct lh_sim_point *point,
                               struct lh_ctx *ctx)
{
    struct lh__job job = {.bytes = shared_bytes, .input = point};
    enum lh_status st = lh__job_map(&job, ctx);
    if (st == LH_OK)
        st = work(job.shared, point, ctx);
    if (st == LH_OK)
        trace_take(out, job.shared, ctx);
    lh__fork_end(&job, 1);
    return st;
}

enum lh_status lh_sim_check(const struct lh_sim_point *point,
                            struct lh_ctx *ctx)
{
    struct lh__placed placed;
    enum lh_status st = lh__place(&placed, point, ctx);
    lh__incidence_free(&placed.incidence);
    return st;
}

void lh_sim_settings_json(struct lh_text *out)
{
    lh_text_printf(out,
                   "{\"engine\": \"SimGrid %s\", \"network/model\": \"CM02\", "
                   "\"network/crosstraffic\": 0, \"network/TCP-gamma\": 0, "
                   "\"network/optim\": \"Full\", "
                   "\"surf/precision\": 1e-12, "
                   "\"maxmin/precision\": 1e-12, \"steps_max\": %d}",
                   lh__simgrid_version(), LH__STEPS_MAX);
}
