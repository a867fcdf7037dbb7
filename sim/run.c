/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a point (scenario, program, topology) to a trace: placed in the parent,
 * simulated in a forked child that writes its arrays to shared memory:
 *
 *   struct head | posted start end (doubles) | late | class begin end
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "exec.h"
#include "fork.h"
#include "simgrid.h"
#include "wire.h"

struct head {
    bool steady;
    int steps;
    int64_t events;
    double wall_s;
};

struct input {
    const struct lh_sim_point *point;
    struct lh__placed placed;
};

static size_t shared_bytes(const struct lh__placed *p)
{
    size_t n = (size_t)p->n_records, c = (size_t)p->n_classes;
    return sizeof(struct head) + n * (3 * sizeof(double) + sizeof(int64_t)) +
           c * 2 * sizeof(double);
}

/* The arrays of the shared memory. */
static struct lh__exec_output arrays_of(void *shared,
                                        const struct lh__placed *p)
{
    size_t n = (size_t)p->n_records, c = (size_t)p->n_classes;
    struct lh__exec_output a = {0};
    a.posted_s = (double *)((char *)shared + sizeof(struct head));
    a.start_s = a.posted_s + n;
    a.end_s = a.start_s + n;
    a.late = (int64_t *)(a.end_s + n);
    a.class_begin_s = (double *)(a.late + n);
    a.class_end_s = a.class_begin_s + c;
    return a;
}

static double wall_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum lh_status simulate(void *shared, const void *data,
                               struct lh_ctx *ctx)
{
    const struct input *in = data;
    const struct lh__placed *p = &in->placed;
    double begin_s = wall_now_s();
    struct lh_engine engine;
    struct lh__exec_options options = {.steps_max = LH__STEPS_MAX};
    enum lh_status st;
    if (in->point->scenario->collectives == LH_MESSAGES) {
        options.plans =
            LH_NEW(ctx->arena, struct lh__messages_plan *, p->n_shapes);
        st = lh__wire_messages(&engine, options.plans, p, ctx);
    } else {
        st = lh__wire_coupled(&engine, p, ctx);
    }
    if (st != LH_OK)
        return st;
    struct lh__exec_output out = arrays_of(shared, p);
    st = lh__exec_run(&out, p, &engine, &options, ctx);
    if (st != LH_OK)
        return st;
    struct head *head = shared;
    head->steady = out.steady;
    head->steps = out.steps;
    head->events = lh__engine_stats(&engine).events;
    head->wall_s = wall_now_s() - begin_s;
    return LH_OK;
}

static void *copy(struct lh_ctx *ctx, const void *from, int64_t n, size_t size)
{
    void *to = lh_alloc(ctx->arena, (size_t)n, size);
    if (n > 0)
        memcpy(to, from, (size_t)n * size);
    return to;
}

/* Weighted by class size, so that the breakdown's mean sums to it; equal for
 * all classes once the step is steady. */
static double mean_step_s(const struct lh_trace *t)
{
    double sum_s = 0, ranks = 0;
    for (int32_t c = 0; c < t->n_classes; c++) {
        double size = (double)t->class_size[c];
        sum_s += size * (t->class_end_s[c] - t->class_begin_s[c]);
        ranks += size;
    }
    return sum_s / ranks;
}

static void trace_groups(struct lh_trace *t, const struct lh__placed *p,
                         struct lh_ctx *ctx)
{
    t->n_groups = p->n_groups;
    t->group_wan = LH_NEW(ctx->arena, uint8_t, p->n_groups);
    t->group_algorithm = LH_NEW(ctx->arena, int32_t, p->n_groups);
    for (int32_t g = 0; g < p->n_groups; g++) {
        const struct lh__shape *shape = &p->shapes[p->group_shape[g]];
        t->group_wan[g] = shape->crosses_wan;
        t->group_algorithm[g] = shape->algorithm;
    }
    t->group_count = p->group_count;
    t->group_comm = p->group_comm;
}

static void trace_make(struct lh_trace *t, void *shared,
                       const struct lh__placed *p, struct lh_ctx *ctx)
{
    const struct head *head = shared;
    struct lh__exec_output a = arrays_of(shared, p);
    int64_t n = p->n_records;
    *t = (struct lh_trace){
        .n_classes = p->n_classes, .class_size = p->class_size,
        .class_rank = p->class_rank, .class_template = p->class_template,
        .class_first = p->class_first, .n_records = n,
        .group = p->record_group,
        .n_links = p->n_links, .link_first = p->fold.link_first,
        .link_count = p->fold.link_size, .link_bytes = p->link_bytes,
        .steady = head->steady,
        .steps_simulated = head->steps, .events = head->events,
        .n_engine_links = p->n_engine_links, .wall_s = head->wall_s};
    t->class_begin_s =
        copy(ctx, a.class_begin_s, p->n_classes, sizeof(double));
    t->class_end_s = copy(ctx, a.class_end_s, p->n_classes, sizeof(double));
    t->posted_s = copy(ctx, a.posted_s, n, sizeof(double));
    t->start_s = copy(ctx, a.start_s, n, sizeof(double));
    t->end_s = copy(ctx, a.end_s, n, sizeof(double));
    t->late = copy(ctx, a.late, n, sizeof(int64_t));
    trace_groups(t, p, ctx);
    t->step_time_s = mean_step_s(t);
}

enum lh_status lh_sim_run_many(struct lh_trace *out, enum lh_status *status,
                               const struct lh_sim_point *points, int n,
                               int jobs, struct lh_ctx *ctx)
{
    struct input *inputs = LH_NEW(ctx->arena, struct input, n);
    struct lh__job *work = LH_NEW(ctx->arena, struct lh__job, n);
    enum lh_status st = LH_OK;
    for (int i = 0; i < n; i++) {
        inputs[i].point = &points[i];
        st = lh__place(&inputs[i].placed, &points[i], ctx);
        if (st != LH_OK)
            return st;
        work[i] = (struct lh__job){.bytes = shared_bytes(&inputs[i].placed),
                                   .input = &inputs[i],
                                   .work = simulate};
    }
    st = lh__fork_all(work, n, jobs, ctx);
    for (int i = 0; i < n; i++) {
        status[i] = work[i].status;
        if (status[i] == LH_OK)
            trace_make(&out[i], work[i].shared, &inputs[i].placed, ctx);
    }
    lh__fork_end(work, n);
    return st;
}

enum lh_status lh_sim_run(struct lh_trace *out, const struct lh_sim_point *point,
                          struct lh_ctx *ctx)
{
    enum lh_status status = LH_OK;
    return lh_sim_run_many(out, &status, point, 1, 1, ctx);
}

enum lh_status lh_sim_run_here(struct lh_trace *out,
                               const struct lh_sim_point *point,
                               struct lh_ctx *ctx)
{
    struct input in = {.point = point};
    enum lh_status st = lh__place(&in.placed, point, ctx);
    if (st != LH_OK)
        return st;
    void *shared = lh_alloc(ctx->arena, 1, shared_bytes(&in.placed));
    st = simulate(shared, &in, ctx);
    if (st == LH_OK)
        trace_make(out, shared, &in.placed, ctx);
    return st;
}

void lh_sim_settings_json(struct lh_text *out)
{
    lh_text_printf(out,
                   "{\"engine\": \"SimGrid %s\", \"network/model\": \"CM02\", "
                   "\"network/crosstraffic\": 0, \"network/TCP-gamma\": 0, "
                   "\"surf/precision\": 1e-12, \"steps_max\": %d}",
                   lh__simgrid_version(), LH__STEPS_MAX);
}
