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
    if (x->n_ready == x->ready_capacity)
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
    double due_s = x->steps.at[step]->times[r].posted_s;
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
    const struct lh__unit *unit = &x->units[r];
    struct lh__step *s = x->steps.at[step];
    const struct lh__followers *f = lh__steps_followers(&x->steps, unit->class);
    int32_t o = (int32_t)(r - x->p->class_first[unit->class]);
    s->times[r].end_s = end_s;
    if (unit->ends_class)
        s->class_end_s[unit->class] = end_s; /* in order: the last one stays */
    if (unit->has_turn)
        x->steps.turned_end_s = end_s;
    for (int32_t k = f->first[o]; k < f->first[o + 1]; k++) {
        struct lh__landing to =
            lh__steps_land(&x->steps, unit->class, step, f->of[k], end_s);
        if (to.is_ready)
            becomes_ready(x, to.record, to.slot);
    }
    if (lh__steps_ended(&x->steps, step))
        x->engine->stop(x->engine->self);
}

/* Asks the memory for the record that comes so many later on the rank, while
 * others are seen to: all that runs is more than a cache holds. */
static void fetch_next(const struct lh__exec *x, int64_t r, int32_t step)
{
    int64_t next = r + 3 < x->p->n_records ? r + 3 : r;
    __builtin_prefetch(&x->units[next]);
    __builtin_prefetch(&x->steps.at[step]->times[next], 1);
}

static void compute_start(struct lh__exec *x, int64_t r, int32_t step)
{
    const struct lh__unit *unit = &x->units[r];
    int32_t c = unit->class;
    x->steps.at[step]->times[r].start_s = x->now_s;
    if (unit->is_host) {
        x->running[unit->slot] = (struct lh__call){x, r, step};
        lh__agenda_put(&x->agenda, unit->slot, x->now_s + unit->seconds);
        return;
    }
    x->running[c] = (struct lh__call){x, r, step};
    fetch_next(x, r, step);
    lh__pace_begin(&x->pace[c], x->now_s, unit->seconds);
    lh__agenda_put(&x->agenda, c, lh__pace_end_s(&x->pace[c]));
}

static void compute_end(struct lh__exec *x, int32_t c)
{
    x->pace[c].runs = false;
    record_end(x, x->running[c].index, x->running[c].step);
}

/* The kernel of a member's communication begins (+1) or ends (-1). */
static void kernel_turn(struct lh__exec *x, int64_t r, int sign)
{
    int32_t c = x->units[r].class, sms = x->units[r].sms;
    if (sms > 0 && lh__pace_take(&x->pace[c], x->now_s, sign * sms))
        lh__agenda_put(&x->agenda, c, lh__pace_end_s(&x->pace[c]));
}

/* Asks the engine for a call now, or at a time that it has yet to reach. */
static void flow_at(struct lh__exec *x, double date_s, lh_callback call,
                    struct lh__call *data)
{
    x->n_flows++;
    x->quiet_s = 0;
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
        double late_s = s->times[late].posted_s;
        double ahead_s = s->times[r].posted_s - late_s;
        double same_s = 1e-12 * late_s;
        if (ahead_s > same_s || (ahead_s >= -same_s && r < late))
            late = r;
    }
    return late;
}

static void group_end(struct lh__exec *x, int64_t g, int32_t step)
{
    const struct lh__placed *p = x->p;
    x->group_ended[g]++;
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
    x->group_started[g]++;
    fail(x, x->engine->send(x->engine->self, x->p->group_shape[g],
                            x->p->group_bytes[g], flow_ended, call,
                            lh__detour_flow(x->detour, g)));
}

/* Its members start; one that has its links to itself ends at a time known at
 * once. */
static void group_start(struct lh__exec *x, int32_t g, int32_t step)
{
    const struct lh__placed *p = x->p;
    struct lh__step *s = x->steps.at[step];
    int64_t first = p->group_first[g], end = p->group_first[g + 1];
    int64_t late = last_ready(p, s, first, end);
    int64_t leader = p->group_record[first];
    const struct lh__unit *unit = &x->units[leader];
    for (int64_t k = first; k < end; k++) {
        s->times[p->group_record[k]].start_s = x->now_s;
        s->times[p->group_record[k]].late = (int32_t)late;
        kernel_turn(x, p->group_record[k], +1);
    }
    if (unit->seconds >= 0) {
        x->running[unit->slot] = (struct lh__call){x, leader, step};
        lh__agenda_put(&x->agenda, unit->slot, x->now_s + unit->seconds);
        return;
    }
    x->group_calls[g] = (struct lh__call){x, g, step};
    flow_at(x, x->now_s, flow_start, &x->group_calls[g]);
}

static void lone_start(struct lh__exec *x, int64_t r, int32_t step)
{
    const struct lh__unit *unit = &x->units[r];
    struct lh_times *times = &x->steps.at[step]->times[r];
    times->start_s = x->now_s;
    times->late = (int32_t)r;
    fetch_next(x, r, step);
    kernel_turn(x, r, +1);
    x->running[unit->slot] = (struct lh__call){x, r, step};
    lh__agenda_put(&x->agenda, unit->slot, x->now_s + unit->seconds);
}

/* A communication alone on its links, of one member or of several, or what the
 * host runs. */
static void alone_end(struct lh__exec *x, struct lh__call call)
{
    const struct lh__unit *unit = &x->units[call.index];
    if (unit->is_host) {
        record_end(x, call.index, call.step);
        return;
    }
    if (!unit->is_lone) {
        group_end(x, unit->group, call.step);
        return;
    }
    kernel_turn(x, call.index, -1);
    record_end(x, call.index, call.step);
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
    s->times[r].start_s = x->now_s;
    s->times[r].late = (int32_t)r;
    kernel_turn(x, r, +1);
    x->record_calls[r] = (struct lh__call){x, r, step};
    flow_at(x, x->now_s, member_join, &x->record_calls[r]);
}

static void comm_ready(struct lh__exec *x, int64_t r, int32_t step)
{
    const struct lh__placed *p = x->p;
    int32_t g = x->units[r].group;
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
        const struct lh__unit *unit = &x->units[next.index];
        if (unit->group < 0)
            compute_start(x, next.index, next.step);
        else if (unit->is_lone)
            lone_start(x, next.index, next.step);
        else
            comm_ready(x, next.index, next.step);
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
    if (slot < x->p->n_classes)
        compute_end(x, slot);
    else if (slot < x->due_slot)
        alone_end(x, x->running[slot]);
    else
        push_ready(x, slot - x->due_slot, x->due_step[slot - x->due_slot]);
}

/* May the clock go ahead of the engine's to a date?  Nothing that happens in
 * the engine comes first. */
static bool is_quiet(struct lh__exec *x, double date_s)
{
    if (x->n_flows == 0 || date_s < x->quiet_s || date_s <= engine_now(x))
        return true;
    if (x->engine->next && x->quiet_s == 0)
        x->quiet_s = x->engine->next(x->engine->self);
    return date_s < x->quiet_s;
}

/* Goes through what is known to come, in the order of dates.  While flows are
 * in flight their ends may come first, so the engine is asked to call. */
static void pump(struct lh__exec *x)
{
    x->quiet_s = 0;
    drain(x);
    while (x->agenda.n > 0 && x->st == LH_OK && x->steps.finished < 0) {
        double date_s = lh__agenda_first_s(&x->agenda);
        if (!is_quiet(x, date_s)) {
            if (date_s < x->wake_s)
                fail(x, x->engine->at(x->engine->self, date_s, woken, x));
            x->wake_s = fmin(x->wake_s, date_s);
            return;
        }
        x->now_s = date_s > x->now_s ? date_s : x->now_s;
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

static bool has_plan(const struct lh__exec *x, int32_t g)
{
    return x->plans && x->plans[x->p->group_shape[g]];
}

static void comm_init(struct lh__exec *x, struct lh__unit *unit)
{
    const struct lh__placed *p = x->p;
    int32_t g = unit->group;
    unit->sms = p->group_sms ? (int32_t)p->group_sms[g] : 0;
    unit->seconds =
        p->group_alone_s && !has_plan(x, g) ? p->group_alone_s[g] : -1.0;
    unit->is_lone =
        unit->seconds >= 0 && p->group_first[g + 1] - p->group_first[g] == 1;
}

static void units_init(struct lh__exec *x)
{
    const struct lh__placed *p = x->p;
    x->units = LH_NEW(x->ctx->arena, struct lh__unit, p->n_records);
    for (int32_t c = 0; c < p->n_classes; c++) {
        const struct lh_template *t = lh__steps_template(&x->steps, c);
        for (int32_t o = 0; o < t->n_ops; o++) {
            struct lh__unit *unit = &x->units[p->class_first[c] + o];
            const struct lh_op *op = &t->ops[o];
            unit->class = c;
            unit->group = p->record_group[p->class_first[c] + o];
            unit->slot = p->n_classes + c * LH_STREAMS + (int32_t)op->stream;
            unit->ends_class = op->stream == LH_STREAM_COMPUTE;
            unit->has_turn = op->turn > 0;
            unit->is_host = op->stream == LH_STREAM_HOST;
            if (unit->group >= 0)
                comm_init(x, unit);
            else
                unit->seconds = op->seconds;
        }
    }
}

static void exec_init(struct lh__exec *x,
                      const struct lh__exec_options *options)
{
    const struct lh__placed *p = x->p;
    struct lh_arena *arena = x->ctx->arena;
    lh__steps_begin(&x->steps, p, options, x->ctx);
    units_init(x);
    if (x->plans)
        x->record_calls = LH_NEW(arena, struct lh__call, p->n_records);
    x->group_calls = LH_NEW(arena, struct lh__call, p->n_groups);
    x->group_started = LH_NEW(arena, int64_t, p->n_groups);
    x->group_ended = LH_NEW(arena, int64_t, p->n_groups);
    x->due_slot = p->n_classes * (1 + LH_STREAMS);
    x->running = LH_NEW(arena, struct lh__call, x->due_slot);
    x->pace = LH_NEW(arena, struct lh__pace, p->n_classes);
    for (int32_t c = 0; c < p->n_classes; c++)
        x->pace[c] = (struct lh__pace){
            .schedule = p->class_schedule ? p->class_schedule[c] : NULL,
            .speed = p->class_speed[c],
            .sms = p->class_sms ? p->class_sms[c] : 0};
    int64_t n_slots = x->due_slot;
    if (x->steps.cycle > 1) {
        x->due_step = LH_NEW(arena, int32_t, p->n_records);
        n_slots += p->n_records;
    }
    lh__agenda_make(&x->agenda, (int32_t)n_slots, arena);
    x->wake_s = INFINITY;
}

/* A step (or cycle) from rest ends for all as its last operation does. */
static double last_end_s(const struct lh__exec *x)
{
    double end_s = 0;
    for (int32_t i = x->steps.first; i <= x->steps.finished; i++) {
        for (int64_t r = 0; r < x->p->n_records; r++)
            end_s = fmax(end_s, x->steps.at[i]->times[r].end_s);
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
        struct lh_times *t = &s->times[r];
        if (t->start_s < 0)
            continue;
        t->posted_s += s->ahead_s;
        t->start_s += s->ahead_s;
        t->end_s += s->ahead_s;
    }
    for (int32_t c = 0; c < x->p->n_classes; c++)
        s->class_end_s[c] += s->ahead_s;
}

void lh__times_spread(double *posted_s, double *start_s, double *end_s,
                      int64_t *late, const struct lh_times *times, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        posted_s[r] = times[r].posted_s;
        start_s[r] = times[r].start_s;
        end_s[r] = times[r].end_s;
        late[r] = times[r].late;
    }
}

/* Copies the last step to where the caller wants it. */
static void last_copy(struct lh__exec_output *out, const struct lh__exec *x)
{
    const struct lh__kept_step *last = &out->kept[out->n_kept - 1];
    size_t n_classes = (size_t)x->p->n_classes;
    lh__times_spread(out->posted_s, out->start_s, out->end_s, out->late,
                     last->times, x->p->n_records);
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
        out->kept[i - s->first] = (struct lh__kept_step){
            step->number - s->at[s->first]->number, step->repeats, step->times,
            class_begin_s, step->class_end_s};
    }
    struct lh__kept_step *last = &out->kept[out->n_kept - 1];
    double all_end_s = s->from_rest ? last_end_s(x) : 0;
    for (int32_t c = 0; s->from_rest && c < n_classes; c++)
        last->class_end_s[c] = all_end_s;
    if (out->posted_s)
        last_copy(out, x);
    out->group_started = x->group_started;
    out->group_ended = x->group_ended;
    out->steady = s->steady;
    out->steps = s->finished + 1;
}

static void begin(struct lh__exec *x)
{
    for (int64_t r = x->p->n_records - 1; r >= 0; r--) {
        if (x->steps.at[0]->times[r].waits == 0)
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
