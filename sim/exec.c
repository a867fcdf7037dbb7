/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs operations by counting what each still waits for: its dependencies, the
 * operation before it on its stream, and for a communication its other
 * members.  A communication starts when its last member is ready and is one
 * flow on the group's channel.
 *
 * Only a flow that shares a link needs the engine: the end of a compute
 * operation, and of a communication that has its links to itself, is known as
 * soon as its start is, and so is what follows it.  So times run ahead of the
 * engine's clock up to the next flow that has to be shared.
 *
 * Steps follow each other without a barrier: an operation of step k + 1 waits
 * only for what it depends on.  When the state repeats the run stops (steps.c;
 * docs/model.md, "The step").
 *
 * Where faults have dates one step is run from rest: compute follows the speed
 * of its rank piece by piece, and the engine is told of every change of a
 * link's capacity at its date (docs/model.md, "Faults").
 */
#include "steps.h"

#include <math.h>
#include <string.h>

struct call {
    struct exec *x;
    int64_t index; /* record or group */
    int32_t step;  /* slot */
};

struct link_change {
    struct exec *x;
    int32_t link;
    double bytes_per_s;
};

struct exec {
    const struct lh__placed *p;
    struct lh_engine *engine;
    struct lh_ctx *ctx;
    struct lh__messages_plan **plans; /* NULL: coupled */
    struct lh__steps steps;
    struct call *record_calls; /* [n_records], message by message */
    struct call *group_calls;  /* [n_groups] */
    struct call *ready;        /* ops that became ready, to be started */
    size_t n_ready, ready_capacity;
    enum lh_status st;
};

static const struct lh_template *class_template(const struct exec *x, int32_t c)
{
    return &x->p->program->templates[x->p->class_template[c]];
}

static void fail(struct exec *x, enum lh_status st)
{
    if (st == LH_OK || x->st != LH_OK)
        return;
    x->st = st;
    x->engine->stop(x->engine->self);
}

static void push_ready(struct exec *x, int64_t record, int32_t step)
{
    x->ready = lh_grow(x->ctx->arena, x->ready, &x->ready_capacity,
                       x->n_ready + 1, sizeof *x->ready);
    x->ready[x->n_ready++] = (struct call){x, record, step};
}

/* ---- running ------------------------------------------------------------- */

static double now(const struct exec *x)
{
    return x->engine->now(x->engine->self);
}

/* The end of an op, now or at a later time that is already known. */
static void record_end(struct exec *x, int64_t r, int32_t step, double end_s)
{
    struct lh__step *s = x->steps.at[step];
    int32_t c = x->steps.record_class[r];
    const struct lh__followers *f =
        &x->steps.followers[x->p->class_template[c]];
    int32_t o = (int32_t)(r - x->p->class_first[c]);
    s->end_s[r] = end_s;
    if (class_template(x, c)->ops[o].stream == LH_STREAM_COMPUTE)
        s->class_end_s[c] = end_s; /* in order: the last one stays */
    for (int32_t k = f->first[o]; k < f->first[o + 1]; k++) {
        struct lh__landing to = lh__steps_land(&x->steps, r, step, k, end_s);
        if (to.is_ready)
            push_ready(x, to.record, to.slot);
    }
    if (lh__steps_ended(&x->steps, step))
        x->engine->stop(x->engine->self);
}

static void drain(struct exec *x);

static void compute_start(struct exec *x, int64_t r, int32_t step)
{
    int32_t c = x->steps.record_class[r];
    const struct lh_op *op =
        &class_template(x, c)->ops[r - x->p->class_first[c]];
    struct lh__step *s = x->steps.at[step];
    const struct lh__schedule *speed =
        x->p->class_schedule ? x->p->class_schedule[c] : NULL;
    s->start_s[r] = s->posted_s[r];
    record_end(x, r, step,
               speed ? lh__schedule_end(speed, s->start_s[r], op->seconds)
                     : s->start_s[r] + op->seconds / x->p->class_speed[c]);
}

/* Calls at a time that may have come already. */
static void call_at(struct exec *x, double date_s, lh_callback call,
                    struct call *data)
{
    if (date_s <= now(x))
        call(data);
    else
        fail(x, x->engine->at(x->engine->self, date_s, call, data));
}

/* ---- communications ------------------------------------------------------ */

/* The member that was ready last; of equals the lowest record, so that the
 * engine's order of simultaneous events does not show. */
static int64_t last_ready(const struct lh__placed *p, const struct lh__step *s,
                          int64_t first, int64_t end)
{
    int64_t late = p->group_record[first];
    for (int64_t k = first + 1; k < end; k++) {
        int64_t r = p->group_record[k];
        double ahead_s = s->posted_s[r] - s->posted_s[late];
        double same_s = 1e-12 * s->posted_s[late];
        if (ahead_s > same_s || (ahead_s >= -same_s && r < late))
            late = r;
    }
    return late;
}

static void group_end(struct exec *x, int64_t g, int32_t step, double end_s)
{
    const struct lh__placed *p = x->p;
    for (int64_t k = p->group_first[g]; k < p->group_first[g + 1]; k++)
        record_end(x, p->group_record[k], step, end_s);
}

static void flow_ended(void *data)
{
    const struct call *call = data;
    group_end(call->x, call->index, call->step, now(call->x));
    drain(call->x);
}

static void flow_start(void *data)
{
    struct call *call = data;
    struct exec *x = call->x;
    int64_t g = call->index;
    fail(x, x->engine->send(x->engine->self, x->p->group_shape[g],
                            x->p->group_bytes[g], flow_ended, call, NULL));
}

/* A group that has its links to itself ends at a time known at once. */
static void group_start(struct exec *x, int32_t g, int32_t step)
{
    const struct lh__placed *p = x->p;
    struct lh__step *s = x->steps.at[step];
    int64_t first = p->group_first[g], end = p->group_first[g + 1];
    int64_t late = last_ready(p, s, first, end);
    double start_s = s->posted_s[late];
    for (int64_t k = first; k < end; k++)
        start_s = fmax(start_s, s->posted_s[p->group_record[k]]);
    for (int64_t k = first; k < end; k++) {
        s->start_s[p->group_record[k]] = start_s;
        s->late[p->group_record[k]] = late;
    }
    if (p->group_alone_s && p->group_alone_s[g] >= 0) {
        group_end(x, g, step, start_s + p->group_alone_s[g]);
        return;
    }
    x->group_calls[g] = (struct call){x, g, step};
    call_at(x, start_s, flow_start, &x->group_calls[g]);
}

/* ---- message by message -------------------------------------------------- */

static void member_ended(void *data, int64_t member)
{
    const struct call *call = data;
    struct exec *x = call->x;
    record_end(x, x->p->group_record[x->p->group_first[call->index] + member],
               call->step, now(x));
    drain(x);
}

static void member_join(void *data)
{
    const struct call *call = data;
    struct exec *x = call->x;
    const struct lh__placed *p = x->p;
    struct lh__step *s = x->steps.at[call->step];
    int32_t g = p->record_group[call->index];
    if (s->runs[g] == NULL) {
        struct call *of_group = LH_NEW(x->ctx->arena, struct call, 1);
        *of_group = (struct call){x, g, call->step};
        struct lh__messages_options options = {
            .engine = x->engine,
            .bytes = p->program->comms[p->group_comm[g]].bytes,
            .done = member_ended,
            .data = of_group};
        lh__messages_run_make(&s->runs[g], x->plans[p->group_shape[g]],
                              &options, x->ctx);
    }
    int64_t member = p->group_first[g];
    while (p->group_record[member] != call->index)
        member++;
    fail(x, lh__messages_join(s->runs[g], member - p->group_first[g]));
}

/* A member starts as it arrives. */
static void member_start(struct exec *x, int64_t r, int32_t step)
{
    struct lh__step *s = x->steps.at[step];
    s->start_s[r] = s->posted_s[r];
    s->late[r] = r;
    x->record_calls[r] = (struct call){x, r, step};
    call_at(x, s->posted_s[r], member_join, &x->record_calls[r]);
}

static void comm_ready(struct exec *x, int64_t r, int32_t step)
{
    const struct lh__placed *p = x->p;
    int32_t g = p->record_group[r];
    int64_t members = p->group_first[g + 1] - p->group_first[g];
    bool is_last = ++x->steps.at[step]->arrived[g] == members;
    if (x->plans && x->plans[p->group_shape[g]])
        member_start(x, r, step);
    else if (is_last)
        group_start(x, g, step);
}

static void resume(void *data)
{
    struct call *call = data;
    push_ready(call->x, call->index, call->step);
    drain(call->x);
}

/* What runs many steps ahead of the others (of a site that does not wait for
 * them) waits for the clock. */
static bool held_back(struct exec *x, const struct call *next)
{
    double posted_s = x->steps.at[next->step]->posted_s[next->index];
    if (next->step <= x->steps.n_complete + LH__STEPS_MAX || posted_s <= now(x))
        return false;
    struct call *call = LH_NEW(x->ctx->arena, struct call, 1);
    *call = *next;
    fail(x, x->engine->at(x->engine->self, posted_s, resume, call));
    return true;
}

/* Starts whatever became ready, at the time it became so. */
static void drain(struct exec *x)
{
    while (x->n_ready > 0 && x->st == LH_OK && x->steps.finished < 0) {
        struct call next = x->ready[--x->n_ready];
        if (held_back(x, &next))
            continue;
        if (x->p->record_group[next.index] >= 0)
            comm_ready(x, next.index, next.step);
        else
            compute_start(x, next.index, next.step);
    }
}

/* ---- links that change --------------------------------------------------- */

static void link_change(void *data)
{
    const struct link_change *c = data;
    fail(c->x,
         c->x->engine->link_set(c->x->engine->self, c->link, c->bytes_per_s));
}

/* Asks for a call at every change; what links begin with the engine has. */
static void link_changes_ask(struct exec *x, const struct lh__schedule *links,
                             int32_t n_links)
{
    for (int32_t i = 0; links && i < n_links; i++) {
        struct link_change *c =
            LH_NEW(x->ctx->arena, struct link_change, links[i].n);
        for (int32_t k = 1; k < links[i].n; k++) {
            c[k] = (struct link_change){x, i, links[i].changes[k].value};
            fail(x, x->engine->at(x->engine->self, links[i].changes[k].at_s,
                                  link_change, &c[k]));
        }
    }
}

/* ---- who waits for what -------------------------------------------------- */

static const char *op_text(const struct exec *x, int64_t r)
{
    int32_t c = x->steps.record_class[r];
    const struct lh_template *t = class_template(x, c);
    const struct lh_op *op = &t->ops[r - x->p->class_first[c]];
    const char *what =
        op->kind == LH_OP_COMPUTE
            ? "compute"
            : lh_collective_name(x->p->program->comms[op->comm].collective);
    return lh_format(
        x->ctx->arena, "rank %lld (%s) operation %lld (%s, micro-batch %d)",
        (long long)x->p->class_rank[c], t->name,
        (long long)(r - x->p->class_first[c]), what, op->micro_batch);
}

static int deadlock_report_step(const struct exec *x, int k)
{
    const struct lh__step *s = x->steps.at[k];
    int told = 0;
    for (int32_t g = 0; g < x->p->n_groups && told < 3; g++) {
        int64_t first = x->p->group_first[g], end = x->p->group_first[g + 1];
        if (s->arrived[g] == 0 || s->arrived[g] == end - first)
            continue;
        int64_t here = -1, missing = -1;
        for (int64_t i = first; i < end; i++) {
            int64_t r = x->p->group_record[i];
            if (s->waits[r] == 0)
                here = r;
            else if (missing < 0)
                missing = r;
        }
        lh_error(x->ctx, LH_NOWHERE,
                 "deadlock in step %d: %s waits for %s, which is not ready", k,
                 op_text(x, here), op_text(x, missing));
        told++;
    }
    return told;
}

static void deadlock_report(const struct exec *x)
{
    int told = 0;
    for (int32_t k = x->steps.n_complete; k < x->steps.n && told == 0; k++)
        told = deadlock_report_step(x, k);
    if (told == 0)
        lh_error(x->ctx, LH_NOWHERE,
                 "deadlock: operations wait for each other in a circle");
}

/* ---- the run ------------------------------------------------------------- */

static void exec_init(struct exec *x, const struct lh__exec_options *options)
{
    lh__steps_begin(&x->steps, x->p, options, x->ctx);
    if (x->plans)
        x->record_calls = LH_NEW(x->ctx->arena, struct call, x->p->n_records);
    x->group_calls = LH_NEW(x->ctx->arena, struct call, x->p->n_groups);
}

/* A step (or cycle) from rest ends for all as its last operation does. */
static double last_end_s(const struct exec *x)
{
    double end_s = 0;
    for (int32_t i = x->steps.first; i <= x->steps.finished; i++) {
        for (int64_t r = 0; r < x->p->n_records; r++)
            end_s = fmax(end_s, x->steps.at[i]->end_s[r]);
    }
    return end_s;
}

/* The end of the step before a slot, those left out included. */
static double begin_s(const struct exec *x, int32_t slot, int32_t c)
{
    if (slot == 0)
        return 0.0;
    const struct lh__step *before = x->steps.at[slot - 1];
    if (before->repeats == 0)
        return before->class_end_s[c];
    return before->class_end_s[c]
           + (double)before->repeats * before->repeat_s[c];
}

/* Copies the last step to where the caller wants it. */
static void last_copy(struct lh__exec_output *out, const struct exec *x)
{
    const struct lh__kept_step *last = &out->kept[out->n_kept - 1];
    size_t n = (size_t)x->p->n_records;
    size_t n_classes = (size_t)x->p->n_classes;
    memcpy(out->posted_s, last->posted_s, n * sizeof(double));
    memcpy(out->start_s, last->start_s, n * sizeof(double));
    memcpy(out->end_s, last->end_s, n * sizeof(double));
    memcpy(out->late, last->late, n * sizeof(int64_t));
    memcpy(out->class_begin_s, last->class_begin_s, n_classes * sizeof(double));
    memcpy(out->class_end_s, last->class_end_s, n_classes * sizeof(double));
}

static void output_fill(struct lh__exec_output *out, const struct exec *x)
{
    const struct lh__steps *s = &x->steps;
    int32_t n_classes = x->p->n_classes;
    out->n_kept = s->finished - s->first + 1;
    out->phase = s->at[s->first]->number % s->cycle;
    out->kept = LH_NEW(x->ctx->arena, struct lh__kept_step, out->n_kept);
    for (int32_t i = s->first; i <= s->finished; i++) {
        const struct lh__step *step = s->at[i];
        double *class_begin_s = LH_NEW(x->ctx->arena, double, n_classes);
        for (int32_t c = 0; c < n_classes; c++)
            class_begin_s[c] = begin_s(x, i, c);
        out->kept[i - s->first] =
            (struct lh__kept_step){step->number - s->at[s->first]->number,
                                   step->repeats,
                                   step->posted_s,
                                   step->start_s,
                                   step->end_s,
                                   step->late,
                                   class_begin_s,
                                   step->class_end_s};
    }
    struct lh__kept_step *last = &out->kept[out->n_kept - 1];
    double all_end_s = s->from_rest ? last_end_s(x) : 0;
    for (int32_t c = 0; s->from_rest && c < n_classes; c++)
        last->class_end_s[c] = all_end_s;
    if (out->posted_s)
        last_copy(out, x);
    out->steady = s->steady;
    out->steps = s->finished + 1;
}

static void begin(void *data)
{
    struct exec *x = data;
    for (int64_t r = x->p->n_records - 1; r >= 0; r--) {
        if (x->steps.at[0]->waits[r] == 0)
            push_ready(x, r, 0);
    }
    drain(x);
}

enum lh_status lh__exec_run(struct lh__exec_output *out,
                            const struct lh__placed *placed,
                            struct lh_engine *engine,
                            const struct lh__exec_options *options,
                            struct lh_ctx *ctx)
{
    struct exec *x = LH_NEW(ctx->arena, struct exec, 1);
    x->p = placed;
    x->engine = engine;
    x->ctx = ctx;
    x->plans = options->plans;
    exec_init(x, options);
    if (options->links)
        link_changes_ask(x, options->links, options->n_links);
    else
        link_changes_ask(x, placed->engine_schedule, placed->n_engine_links);
    begin(x);
    enum lh_status st = LH_OK;
    if (x->steps.finished < 0 && x->st == LH_OK)
        st = engine->run(engine->self);
    if (st != LH_OK)
        return st;
    if (x->st != LH_OK)
        return x->st;
    if (x->steps.finished < 0) {
        deadlock_report(x);
        return LH_FAILED;
    }
    output_fill(out, x);
    return LH_OK;
}
