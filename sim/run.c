/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a point (scenario, program, topology) to a trace.  A forked child
 * places and simulates, and leaves the trace as flat arrays in memory shared
 * with its parent, which keeps it:
 *
 *   struct head | the arrays, each at a multiple of 8 bytes
 *
 * Points are placed and simulated in as many children at once as wanted.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "fork.h"
#include "simgrid.h"
#include "twins.h"
#include "wire.h"

/* Of address space, for one trace; pages that are not written cost nothing. */
static const size_t shared_bytes = (size_t)3 << 30;

struct head {
    struct lh_trace trace; /* its arrays are in the memory, which child and
                              parent see at one address */
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
static double mean_step_s(const struct lh_trace *t, int64_t cycle)
{
    int64_t last = (int64_t)(t->n_steps - 1) * t->n_classes;
    double sum_s = 0, ranks = 0;
    for (int32_t c = 0; c < t->n_classes; c++) {
        double size = (double)t->class_size[c];
        sum_s += size * (t->class_end_s[last + c] - t->class_begin_s[c]);
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
           * (16 * (size_t)p->n_classes
              + sizeof(struct lh_times) * (size_t)p->n_records + 64);
}

static enum lh_status no_room(size_t bytes, int32_t n_steps, struct lh_ctx *ctx)
{
    lh_error(ctx, LH_NOWHERE, "the trace of %d step%s takes %zu bytes",
             (int)n_steps, n_steps == 1 ? "" : "s", bytes);
    return LH_FAILED;
}

static enum lh_status check_room(const struct lh__placed *p, int32_t n_steps,
                                 struct lh_ctx *ctx)
{
    size_t bytes = placed_bytes(p) + steps_bytes(p, n_steps);
    return bytes <= shared_bytes ? LH_OK : no_room(bytes, n_steps, ctx);
}

/* Where the executor leaves the times of a step. */
static void *step_room(void *data, size_t bytes)
{
    struct head *head = data;
    return bytes <= shared_bytes - head->used ? room(head, (int64_t)bytes, 1)
                                              : NULL;
}

/* What there is of each step beside the times, which are in their place. */
static enum lh_status steps_put(struct head *head,
                                const struct lh__exec_output *out,
                                const struct lh__twins *twins,
                                struct lh_ctx *ctx)
{
    struct lh_trace *t = &head->trace;
    int32_t n = out->n_kept, classes = t->n_classes;
    size_t bytes =
        head->used + (size_t)n * (16 * (size_t)classes + 32) + 16 * (size_t)n;
    if (bytes > shared_bytes)
        return no_room(bytes, n, ctx);
    t->n_steps = n;
    t->phase = out->phase;
    t->step_number = room(head, n, sizeof *t->step_number);
    t->step_repeats = room(head, n, sizeof *t->step_repeats);
    t->times = room(head, n, sizeof *t->times);
    t->class_begin_s = room(head, (int64_t)n * classes, sizeof(double));
    t->class_end_s = room(head, (int64_t)n * classes, sizeof(double));
    for (int32_t i = 0; i < n; i++) {
        const struct lh__kept_step *s = &out->kept[i];
        t->step_number[i] = s->number;
        t->step_repeats[i] = s->repeats;
        t->times[i] = s->times;
        for (int32_t c = 0; c < classes; c++) {
            int32_t run = twins->class_twin ? twins->class_twin[c] : c;
            int64_t at = (int64_t)i * classes + c;
            t->class_begin_s[at] = s->class_begin_s[run];
            t->class_end_s[at] = s->class_end_s[run];
        }
    }
    return LH_OK;
}

static void twins_put(struct head *head, const struct lh__twins *twins)
{
    struct lh_trace *t = &head->trace;
    const int64_t *first = twins->placed.class_first;
    t->class_shared = room(head, t->n_classes, sizeof *t->class_shared);
    for (int32_t c = 0; c < t->n_classes; c++)
        t->class_shared[c] =
            first[twins->class_twin ? twins->class_twin[c] : c];
    if (twins->class_twin)
        t->class_twin = put(head, twins->class_first_twin, t->n_classes,
                            sizeof *t->class_twin);
}

static enum lh_status simulate(struct head *head, const struct lh__placed *p,
                               const struct lh_scenario *scenario,
                               struct lh_ctx *ctx)
{
    struct lh_trace *t = &head->trace;
    struct lh_engine engine, counted;
    struct lh__ledger *ledger;
    struct lh__exec_options options = {
        .steps_max = LH__STEPS_MAX, .room = step_room, .room_data = head};
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
    if (st != LH_OK)
        return st;
    struct lh__wiring wiring = lh__engine_wiring(&engine);
    lh__ledger_open(&counted, &ledger, &engine, &wiring, ctx);
    st = lh__exec_run(&out, &twins.placed, &counted, &options, ctx);
    if (st == LH_OK)
        st = lh__ledger_close(ledger);
    if (st == LH_OK)
        st = lh__audit(&(struct lh__audit){p, &twins, &out, &options, ledger,
                                           t->link_bytes},
                       ctx);
    if (st == LH_OK)
        st = steps_put(head, &out, &twins, ctx);
    if (st != LH_OK)
        return st;
    t->from_rest = p->program->once || p->incidence.faults->dated;
    t->steady = out.steady;
    t->steps_simulated = out.steps;
    t->events = lh__engine_stats(&engine).events;
    t->step_time_s = mean_step_s(t, lh_cycle_steps(p->program));
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

/* The trace stays where the child wrote it. */
static void trace_take(struct lh_trace *t, struct lh__job *job,
                       struct lh_ctx *ctx)
{
    const struct head *head = job->shared;
    *t = head->trace;
    lh__job_keep(job, head->used, ctx);
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
            trace_take(&out[i], &all[i], ctx);
    }
    lh__fork_end(all, n);
    return st;
}

enum lh_status lh_sim_run(struct lh_trace *out,
                          const struct lh_sim_point *point, struct lh_ctx *ctx)
{
    enum lh_status status = LH_OK;
    enum lh_status st = lh_sim_run_many(out, &status, point, 1, 1, ctx);
    if (st == LH_OK)
        lh_trace_tell(out, ctx);
    return st;
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
        trace_take(out, &job, ctx);
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
