/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs operations by counting what each still waits for: its dependencies, the
 * operation before it on its stream, and for a communication its other
 * members.  A communication starts when its last member is ready and is one
 * flow on the group's channel.
 *
 * Only a flow that shares a link needs the engine: the end of a communication
 * that has its links to itself is known as soon as its start is, and that of a
 * compute operation until a communication begins or ends to take
 * multiprocessors from it (pace.c).  These ends are an agenda, which is gone
 * through in the order of dates; while no flow is in flight it runs ahead of
 * the engine's clock.
 *
 * Steps follow each other without a barrier: an operation of step k + 1 waits
 * only for what it depends on.  When the state repeats the run stops (steps.c;
 * docs/model.md, "The step").  What follows steps that are left out becomes
 * ready later than it is known to: it is on the agenda until then.
 *
 * Where faults have dates one step is run from rest: compute follows the speed
 * of its rank piece by piece, and the engine is told of every change of a
 * link's capacity at its date (docs/model.md, "Faults").
 */
#include "exec_state.h"

#include <math.h>
#include <string.h>

static void fail(struct lh__exec *x, enum lh_status st)
{
    if (st == LH_OK || x->st != LH_OK)
        return;
    x->st = st;
    x->engine->stop(x->engine->self);
}

static void push_ready(struct lh__exec *x, int64_t record, int32_t step)
{
    x->ready = lh_grow(x->ctx->arena, x->ready, &x->ready_capacity,
                       x->n_ready + 1, sizeof *x->ready);
    x->ready[x->n_ready++] = (struct lh__call){x, record, step};
}

/* ---- running ------------------------------------------------------------- */

static double engine_now(const struct lh__exec *x)
{
    return x->engine->now(x->engine->self);
}

/* Ready at once, or when it is due. */
static void becomes_ready(struct lh__exec *x, int64_t r, int32_t step)
{
    double due_s = x->steps.at[step]->posted_s[r];
    if (due_s <= x->now_s || x->due_step == NULL) {
        push_ready(x, r, step);
        return;
    }
    x->due_step[r] = step;
    lh__agenda_put(&x->agenda, x->due_slot + (int32_t)r, due_s);
}

/* The end of an op, now. */
static void record_end(struct lh__exec *x, int64_t r, int32_t step)
{
    double end_s = x->now_s;
    struct lh__step *s = x->steps.at[step];
    int32_t c = x->steps.record_class[r];
    const struct lh__followers *f =
        &x->steps.followers[x->p->class_template[c]];
    int32_t o = (int32_t)(r - x->p->class_first[c]);
    s->end_s[r] = end_s;
    if (x->ends_class[r])
        s->class_end_s[c] = end_s; /* in order: the last one stays */
    if (x->has_turn && x->has_turn[r])
        x->steps.turned_end_s = end_s;
    for (int32_t k = f->first[o]; k < f->first[o + 1]; k++) {
        struct lh__landing to = lh__steps_land(&x->steps, r, step, k, end_s);
        if (to.is_ready)
            becomes_ready(x, to.record, to.slot);
    }
    if (lh__steps_ended(&x->steps, step))
        x->engine->stop(x->engine->self);
}

static void compute_start(struct lh__exec *x, int64_t r, int32_t step)
{
    int32_t c = x->steps.record_class[r];
    x->steps.at[step]->start_s[r] = x->now_s;
    if (x->hosts && x->is_host[r]) {
        x->hosts[c] = (struct lh__call){x, r, step};
        lh__agenda_put(&x->agenda, x->host_slot + c, x->now_s + x->seconds[r]);
        return;
    }
    x->computes[c] = (struct lh__call){x, r, step};
    lh__pace_begin(&x->pace[c], x->now_s, x->seconds[r]);
    lh__agenda_put(&x->agenda, c, lh__pace_end_s(&x->pace[c]));
}

static void compute_end(struct lh__exec *x, int32_t c)
{
    x->pace[c].runs = false;
    record_end(x, x->computes[c].index, x->computes[c].step);
}

/* The kernel of a member's communication begins (+1) or ends (-1). */
static void kernel_turn(struct lh__exec *x, int64_t r, int sign)
{
    const struct lh__placed *p = x->p;
    int32_t c = x->steps.record_class[r];
    int64_t sms = p->group_sms ? p->group_sms[p->record_group[r]] : 0;
    if (sms > 0 && lh__pace_take(&x->pace[c], x->now_s, sign * sms))
        lh__agenda_put(&x->agenda, c, lh__pace_end_s(&x->pace[c]));
}

/* Asks the engine for a call now, or at a time that it has yet to reach. */
static void flow_at(struct lh__exec *x, double date_s, lh_callback call,
                    struct lh__call *data)
{
    x->n_flows++;
    if (date_s <= engine_now(x))
        call(data);
    else
        fail(x, x->engine->at(x->engine->self, date_s, call, data));
}

static void pump(struct lh__exec *x);

/* The engine has ended a flow. */
static void flow_over(struct lh__exec *x)
{
    x->n_flows--;
    x->now_s = fmax(x->now_s, engine_now(x));
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

static void group_end(struct lh__exec *x, int64_t g, int32_t step)
{
    const struct lh__placed *p = x->p;
    for (int64_t k = p->group_first[g]; k < p->group_first[g + 1]; k++) {
        kernel_turn(x, p->group_record[k], -1);
        record_end(x, p->group_record[k], step);
    }
}

static void flow_ended(void *data)
{
    const struct lh__call *call = data;
    flow_over(call->x);
    lh__detour_over(call->x->detour, call->index);
    group_end(call->x, call->index, call->step);
    pump(call->x);
}

static void flow_start(void *data)
{
    struct lh__call *call = data;
    struct lh__exec *x = call->x;
    int64_t g = call->index;
    fail(x, x->engine->send(x->engine->self, x->p->group_shape[g],
                            x->p->group_bytes[g], flow_ended, call,
                            lh__detour_flow(x->detour, g)));
}

/* A group that has its links to itself ends at a time known at once. */
static void group_start(struct lh__exec *x, int32_t g, int32_t step)
{
    const struct lh__placed *p = x->p;
    struct lh__step *s = x->steps.at[step];
    int64_t first = p->group_first[g], end = p->group_first[g + 1];
    int64_t late = last_ready(p, s, first, end);
    for (int64_t k = first; k < end; k++) {
        s->start_s[p->group_record[k]] = x->now_s;
        s->late[p->group_record[k]] = late;
        kernel_turn(x, p->group_record[k], +1);
    }
    x->group_calls[g] = (struct lh__call){x, g, step};
    if (p->group_alone_s && p->group_alone_s[g] >= 0)
        lh__agenda_put(&x->agenda, p->n_classes + g,
                       x->now_s + p->group_alone_s[g]);
    else
        flow_at(x, x->now_s, flow_start, &x->group_calls[g]);
}

/* ---- message by message -------------------------------------------------- */

static void member_ended(void *data, int64_t member)
{
    const struct lh__call *call = data;
    struct lh__exec *x = call->x;
    int64_t r = x->p->group_record[x->p->group_first[call->index] + member];
    flow_over(x);
    kernel_turn(x, r, -1);
    record_end(x, r, call->step);
    pump(x);
}

static void member_join(void *data)
{
    const struct lh__call *call = data;
    struct lh__exec *x = call->x;
    const struct lh__placed *p = x->p;
    struct lh__step *s = x->steps.at[call->step];
    int32_t g = p->record_group[call->index];
    if (s->runs[g] == NULL) {
        struct lh__call *of_group = LH_NEW(x->ctx->arena, struct lh__call, 1);
        *of_group = (struct lh__call){x, g, call->step};
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
static void member_start(struct lh__exec *x, int64_t r, int32_t step)
{
    struct lh__step *s = x->steps.at[step];
    s->start_s[r] = x->now_s;
    s->late[r] = r;
    kernel_turn(x, r, +1);
    x->record_calls[r] = (struct lh__call){x, r, step};
    flow_at(x, x->now_s, member_join, &x->record_calls[r]);
}

static void comm_ready(struct lh__exec *x, int64_t r, int32_t step)
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

/* Starts whatever became ready, now. */
static void drain(struct lh__exec *x)
{
    while (x->n_ready > 0 && x->st == LH_OK && x->steps.finished < 0) {
        struct lh__call next = x->ready[--x->n_ready];
        if (x->p->record_group[next.index] >= 0)
            comm_ready(x, next.index, next.step);
        else
            compute_start(x, next.index, next.step);
    }
}

static void woken(void *data)
{
    struct lh__exec *x = data;
    if (engine_now(x) < x->wake_s)
        return; /* asked for before something earlier came up */
    x->wake_s = INFINITY;
    pump(x);
}

/* What the agenda has in a slot has come. */
static void agenda_act(struct lh__exec *x, int32_t slot)
{
    int32_t first_group = x->p->n_classes;
    if (slot < first_group)
        compute_end(x, slot);
    else if (x->hosts && slot >= x->host_slot)
        record_end(x, x->hosts[slot - x->host_slot].index,
                   x->hosts[slot - x->host_slot].step);
    else if (slot < x->due_slot)
        group_end(x, slot - first_group,
                  x->group_calls[slot - first_group].step);
    else
        push_ready(x, slot - x->due_slot, x->due_step[slot - x->due_slot]);
}

/* Goes through what is known to come, in the order of dates.  While flows are
 * in flight their ends may come first, so the engine is asked to call. */
static void pump(struct lh__exec *x)
{
    drain(x);
    while (x->agenda.n > 0 && x->st == LH_OK && x->steps.finished < 0) {
        double date_s = lh__agenda_first_s(&x->agenda);
        if (x->n_flows > 0 && date_s > engine_now(x)) {
            if (date_s < x->wake_s)
                fail(x, x->engine->at(x->engine->self, date_s, woken, x));
            x->wake_s = fmin(x->wake_s, date_s);
            return;
        }
        x->now_s = fmax(x->now_s, date_s);
        agenda_act(x, lh__agenda_pop(&x->agenda));
        drain(x);
    }
}

/* ---- links that change --------------------------------------------------- */

struct link_change {
    struct lh__exec *x;
    int32_t link;
    double bytes_per_s;
};

static void link_change(void *data)
{
    const struct link_change *c = data;
    fail(c->x,
         c->x->engine->link_set(c->x->engine->self, c->link, c->bytes_per_s));
}

/* Asks for a call at every change; what links begin with the engine has. */
static void link_changes_ask(struct lh__exec *x,
                             const struct lh__schedule *links, int32_t n_links)
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

/* ---- the run ------------------------------------------------------------- */

static void records_init(struct lh__exec *x)
{
    const struct lh__placed *p = x->p;
    x->seconds = LH_NEW(x->ctx->arena, double, p->n_records);
    x->ends_class = LH_NEW(x->ctx->arena, bool, p->n_records);
    if (x->steps.cycle > 1)
        x->has_turn = LH_NEW(x->ctx->arena, bool, p->n_records);
    for (int32_t c = 0; c < p->n_classes; c++) {
        const struct lh_template *t =
            &p->program->templates[p->class_template[c]];
        for (int32_t o = 0; o < t->n_ops; o++) {
            int64_t r = p->class_first[c] + o;
            x->seconds[r] = t->ops[o].seconds;
            x->ends_class[r] = t->ops[o].stream == LH_STREAM_COMPUTE;
            if (t->ops[o].stream == LH_STREAM_HOST) {
                if (x->hosts == NULL) {
                    x->hosts = LH_NEW(x->ctx->arena, struct lh__call,
                                      p->n_classes);
                    x->is_host = LH_NEW(x->ctx->arena, bool, p->n_records);
                }
                x->is_host[r] = true;
            }
            if (x->has_turn)
                x->has_turn[r] = t->ops[o].turn > 0;
        }
    }
}

static void exec_init(struct lh__exec *x,
                      const struct lh__exec_options *options)
{
    const struct lh__placed *p = x->p;
    struct lh_arena *arena = x->ctx->arena;
    int64_t n_slots = (int64_t)p->n_classes + p->n_groups;
    lh__steps_begin(&x->steps, p, options, x->ctx);
    records_init(x);
    if (x->plans)
        x->record_calls = LH_NEW(arena, struct lh__call, p->n_records);
    x->group_calls = LH_NEW(arena, struct lh__call, p->n_groups);
    x->computes = LH_NEW(arena, struct lh__call, p->n_classes);
    x->pace = LH_NEW(arena, struct lh__pace, p->n_classes);
    for (int32_t c = 0; c < p->n_classes; c++)
        x->pace[c] = (struct lh__pace){
            .schedule = p->class_schedule ? p->class_schedule[c] : NULL,
            .speed = p->class_speed[c],
            .sms = p->class_sms ? p->class_sms[c] : 0};
    x->due_slot = (int32_t)n_slots;
    if (x->steps.cycle > 1) {
        x->due_step = LH_NEW(arena, int32_t, p->n_records);
        n_slots += p->n_records;
    }
    x->host_slot = (int32_t)n_slots;
    if (x->hosts)
        n_slots += p->n_classes;
    lh__agenda_make(&x->agenda, (int32_t)n_slots, arena);
    x->wake_s = INFINITY;
}

/* A step (or cycle) from rest ends for all as its last operation does. */
static double last_end_s(const struct lh__exec *x)
{
    double end_s = 0;
    for (int32_t i = x->steps.first; i <= x->steps.finished; i++) {
        for (int64_t r = 0; r < x->p->n_records; r++)
            end_s = fmax(end_s, x->steps.at[i]->end_s[r]);
    }
    return end_s;
}

/* The end of the step before a slot, those left out included. */
static double begin_s(const struct lh__exec *x, int32_t slot, int32_t c)
{
    if (slot == 0)
        return 0.0;
    const struct lh__step *before = x->steps.at[slot - 1];
    double end_s = before->class_end_s[c] + before->ahead_s;
    if (before->repeats == 0)
        return end_s;
    return end_s + (double)before->repeats * before->repeat_s[c];
}

/* From the clock to times that count the steps left out. */
static void step_put_off(const struct lh__exec *x, const struct lh__step *s)
{
    for (int64_t r = 0; r < x->p->n_records; r++) {
        if (s->start_s[r] < 0)
            continue;
        s->posted_s[r] += s->ahead_s;
        s->start_s[r] += s->ahead_s;
        s->end_s[r] += s->ahead_s;
    }
    for (int32_t c = 0; c < x->p->n_classes; c++)
        s->class_end_s[c] += s->ahead_s;
}

/* Copies the last step to where the caller wants it. */
static void last_copy(struct lh__exec_output *out, const struct lh__exec *x)
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

static void output_fill(struct lh__exec_output *out, const struct lh__exec *x)
{
    const struct lh__steps *s = &x->steps;
    int32_t n_classes = x->p->n_classes;
    out->n_kept = s->finished - s->first + 1;
    out->phase = s->at[s->first]->number % s->cycle;
    out->kept = LH_NEW(x->ctx->arena, struct lh__kept_step, out->n_kept);
    for (int32_t i = s->finished; i >= s->first; i--) {
        const struct lh__step *step = s->at[i];
        double *class_begin_s = LH_NEW(x->ctx->arena, double, n_classes);
        for (int32_t c = 0; c < n_classes; c++)
            class_begin_s[c] = begin_s(x, i, c);
        if (step->ahead_s > 0)
            step_put_off(x, step);
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

static void begin(struct lh__exec *x)
{
    for (int64_t r = x->p->n_records - 1; r >= 0; r--) {
        if (x->steps.at[0]->waits[r] == 0)
            push_ready(x, r, 0);
    }
    pump(x);
}

enum lh_status lh__exec_run(struct lh__exec_output *out,
                            const struct lh__placed *placed,
                            struct lh_engine *engine,
                            const struct lh__exec_options *options,
                            struct lh_ctx *ctx)
{
    struct lh__exec *x = LH_NEW(ctx->arena, struct lh__exec, 1);
    x->p = placed;
    x->engine = engine;
    x->ctx = ctx;
    x->plans = options->plans;
    exec_init(x, options);
    if (options->links)
        link_changes_ask(x, options->links, options->n_links);
    else
        link_changes_ask(x, placed->engine_schedule, placed->n_engine_links);
    fail(x, lh__detour_begin(&x->detour, placed, engine, ctx));
    begin(x);
    enum lh_status st = LH_OK;
    if (x->steps.finished < 0 && x->st == LH_OK)
        st = engine->run(engine->self);
    if (st != LH_OK)
        return st;
    if (x->st != LH_OK)
        return x->st;
    if (x->steps.finished < 0) {
        lh__exec_deadlock(x);
        return LH_FAILED;
    }
    output_fill(out, x);
    if (x->detour && out->link_bytes)
        lh__detour_bytes(out->link_bytes, x->detour);
    return LH_OK;
}
