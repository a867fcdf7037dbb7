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
 * only for what it depends on.  After every completed step the intervals of
 * all classes are compared with those of the step before; when they agree the
 * state repeats and the run stops (docs/model.md, "The step").
 *
 * Where faults have dates one step is run from rest: compute follows the speed
 * of its rank piece by piece, and the engine is told of every change of a
 * link's capacity at its date (docs/model.md, "Faults").
 */
#include "exec.h"

#include <math.h>
#include <string.h>

/* Who waits for an op of a template (CSR): the op itself, or ~op for that op
 * of the next step. */
struct followers {
    int32_t *first; /* [n_ops + 1] */
    int32_t *op;
    uint16_t *waits;   /* [n_ops] what an op waits for in its own step */
    uint16_t *carried; /* [n_ops] and in the step before */
    int32_t last_compute;
    bool any_carried; /* by a dependency, not by the order of a stream */
};

struct call {
    struct exec *x;
    int64_t index; /* record or group */
    int32_t step;
};

struct link_change {
    struct exec *x;
    int32_t link;
    double bytes_per_s;
};

struct step {
    uint16_t *waits;                /* [n_records] */
    int32_t *arrived;               /* [n_groups] */
    struct lh__messages_run **runs; /* [n_groups], message by message */
    double *posted_s, *start_s, *end_s;
    int64_t *late;
    double *class_end_s;
    int64_t n_done;
};

struct exec {
    const struct lh__placed *p;
    struct lh_engine *engine;
    struct lh_ctx *ctx;
    int steps_max;
    struct lh__messages_plan **plans; /* NULL: coupled */
    struct followers *followers;      /* [n_templates] */
    int32_t *record_class;            /* [n_records] */
    struct step steps[LH__STEPS_MAX];
    struct call *record_calls; /* [n_records], message by message */
    struct call *group_calls;  /* [n_groups] */
    struct call *ready;        /* ops that became ready, to be started */
    size_t n_ready, ready_capacity;
    int finished_step; /* -1: still running */
    bool from_rest;    /* one step, with the dated faults */
    bool steady;
    enum lh_status st;
};

static const struct lh_template *class_template(const struct exec *x, int32_t c)
{
    return &x->p->program->templates[x->p->class_template[c]];
}

/* ---- who waits for whom -------------------------------------------------- */

struct edge {
    int32_t from;
    int32_t to; /* ~op: that op of the next step */
};

/* Every edge of a template: its dependencies, and the order of each stream,
 * which closes over the step boundary.  Returns their number. */
static int32_t edges_list(struct edge *out, const struct lh_template *t)
{
    int32_t n = 0;
    int32_t last[LH_STREAMS], head[LH_STREAMS];
    for (int s = 0; s < LH_STREAMS; s++)
        last[s] = head[s] = -1;
    for (int32_t o = 0; o < t->n_ops; o++) {
        int s = t->ops[o].stream;
        for (int32_t k = t->dep_begin[o]; k < t->dep_begin[o + 1]; k++) {
            int32_t d = t->deps[k];
            out[n++] = d >= 0 ? (struct edge){d, o} : (struct edge){~d, ~o};
        }
        if (last[s] >= 0)
            out[n++] = (struct edge){last[s], o};
        else
            head[s] = o;
        last[s] = o;
    }
    for (int s = 0; s < LH_STREAMS; s++) {
        if (head[s] >= 0)
            out[n++] = (struct edge){last[s], ~head[s]};
    }
    return n;
}

static void followers_build(struct followers *f, const struct lh_template *t,
                            struct lh_arena *arena)
{
    size_t n = (size_t)t->n_ops;
    size_t edges_max = (size_t)t->dep_begin[n] + n + LH_STREAMS;
    struct edge *edges = LH_NEW(arena, struct edge, edges_max);
    int32_t n_edges = edges_list(edges, t);
    f->first = LH_NEW(arena, int32_t, n + 2);
    f->op = LH_NEW(arena, int32_t, n_edges);
    f->waits = LH_NEW(arena, uint16_t, n);
    f->carried = LH_NEW(arena, uint16_t, n);
    for (int32_t e = 0; e < n_edges; e++) {
        int32_t to = edges[e].to;
        f->first[edges[e].from + 2]++;
        (*(to >= 0 ? &f->waits[to] : &f->carried[~to]))++;
    }
    for (size_t o = 0; o < n; o++)
        f->first[o + 2] += f->first[o + 1];
    for (int32_t e = 0; e < n_edges; e++)
        f->op[f->first[edges[e].from + 1]++] = edges[e].to;
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream == LH_STREAM_COMPUTE)
            f->last_compute = o;
    }
    for (int32_t k = 0; k < t->dep_begin[n]; k++)
        f->any_carried |= t->deps[k] < 0;
}

/* ---- state of a step ----------------------------------------------------- */

static void step_init(struct exec *x, int k)
{
    const struct lh__placed *p = x->p;
    struct lh_arena *arena = x->ctx->arena;
    struct step *s = &x->steps[k];
    size_t n = (size_t)p->n_records;
    s->waits = LH_NEW(arena, uint16_t, n);
    s->arrived = LH_NEW(arena, int32_t, p->n_groups);
    if (x->plans)
        s->runs = LH_NEW(arena, struct lh__messages_run *, p->n_groups);
    s->posted_s = LH_NEW(arena, double, n);
    s->start_s = LH_NEW(arena, double, n);
    s->end_s = LH_NEW(arena, double, n);
    s->late = LH_NEW(arena, int64_t, n);
    s->class_end_s = LH_NEW(arena, double, p->n_classes);
    for (size_t r = 0; r < n; r++) {
        s->start_s[r] = s->end_s[r] = -1.0;
        s->late[r] = -1;
    }
    for (int32_t c = 0; c < p->n_classes; c++) {
        const struct followers *f = &x->followers[p->class_template[c]];
        int64_t first = p->class_first[c];
        for (int64_t r = first; r < p->class_first[c + 1]; r++)
            s->waits[r] = (uint16_t)(f->waits[r - first]
                                     + (k > 0 ? f->carried[r - first] : 0));
    }
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

/* ---- the end of the run -------------------------------------------------- */

/* After the first step the state repeats if all classes end it at one instant
 * with nothing in flight and nothing carried over. */
static bool ends_agree(const struct exec *x)
{
    const struct step *s = &x->steps[0];
    double e = s->class_end_s[0];
    for (int32_t c = 1; c < x->p->n_classes; c++) {
        if (fabs(s->class_end_s[c] - e) > 1e-12 * e)
            return false;
    }
    for (int64_t r = 0; r < x->p->n_records; r++) {
        if (s->end_s[r] > e * (1 + 1e-12))
            return false;
    }
    for (int t = 0; t < x->p->program->n_templates; t++) {
        if (x->followers[t].any_carried)
            return false;
    }
    return true;
}

/* Later it repeats if every operation of a class ended one interval, the
 * class's own, after the same operation of the step before. */
static bool steps_agree(const struct exec *x, int k)
{
    const struct step *s = &x->steps[k], *before = &x->steps[k - 1];
    for (int32_t c = 0; c < x->p->n_classes; c++) {
        double interval_s = s->class_end_s[c] - before->class_end_s[c];
        for (int64_t r = x->p->class_first[c]; r < x->p->class_first[c + 1];
             r++) {
            double shift_s = s->end_s[r] - before->end_s[r];
            if (fabs(shift_s - interval_s) > 1e-12 * s->end_s[r])
                return false;
        }
    }
    return true;
}

static void step_finished(struct exec *x, int k)
{
    if (x->finished_step >= 0)
        return;
    bool steady = !x->from_rest && (k == 0 ? ends_agree(x) : steps_agree(x, k));
    if (!steady && k + 1 < x->steps_max)
        return;
    x->finished_step = k;
    x->steady = steady;
    x->engine->stop(x->engine->self);
}

/* ---- running ------------------------------------------------------------- */

static double now(const struct exec *x)
{
    return x->engine->now(x->engine->self);
}

/* The end of an op, now or at a later time that is already known. */
static void record_end(struct exec *x, int64_t r, int32_t step, double end_s)
{
    struct step *s = &x->steps[step];
    int32_t c = x->record_class[r];
    const struct followers *f = &x->followers[x->p->class_template[c]];
    int64_t first = x->p->class_first[c];
    int32_t o = (int32_t)(r - first);
    s->end_s[r] = end_s;
    if (o == f->last_compute)
        s->class_end_s[c] = end_s;
    for (int32_t k = f->first[o]; k < f->first[o + 1]; k++) {
        int32_t to = f->op[k];
        int32_t to_step = to >= 0 ? step : step + 1;
        if (to_step >= x->steps_max)
            continue;
        struct step *next = &x->steps[to_step];
        int64_t to_record = first + (to >= 0 ? to : ~to);
        if (next->waits == NULL)
            step_init(x, to_step);
        if (next->posted_s[to_record] < end_s)
            next->posted_s[to_record] = end_s;
        if (--next->waits[to_record] == 0)
            push_ready(x, to_record, to_step);
    }
    if (++s->n_done == x->p->n_records)
        step_finished(x, step);
}

static void drain(struct exec *x);

static void compute_start(struct exec *x, int64_t r, int32_t step)
{
    int32_t c = x->record_class[r];
    const struct lh_op *op =
        &class_template(x, c)->ops[r - x->p->class_first[c]];
    struct step *s = &x->steps[step];
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
static int64_t last_ready(const struct lh__placed *p, const struct step *s,
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
    struct step *s = &x->steps[step];
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
    struct step *s = &x->steps[call->step];
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
    struct step *s = &x->steps[step];
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
    bool is_last = ++x->steps[step].arrived[g] == members;
    if (x->plans && x->plans[p->group_shape[g]])
        member_start(x, r, step);
    else if (is_last)
        group_start(x, g, step);
}

/* Starts whatever became ready, at the time it became so. */
static void drain(struct exec *x)
{
    while (x->n_ready > 0 && x->st == LH_OK && x->finished_step < 0) {
        struct call next = x->ready[--x->n_ready];
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
    int32_t c = x->record_class[r];
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
    const struct step *s = &x->steps[k];
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
    for (int k = 0; k < x->steps_max && x->steps[k].waits && told == 0; k++)
        told = deadlock_report_step(x, k);
    if (told == 0)
        lh_error(x->ctx, LH_NOWHERE,
                 "deadlock: operations wait for each other in a circle");
}

/* ---- the run ------------------------------------------------------------- */

static void exec_init(struct exec *x)
{
    const struct lh__placed *p = x->p;
    struct lh_arena *arena = x->ctx->arena;
    int n_templates = p->program->n_templates;
    x->followers = LH_NEW(arena, struct followers, n_templates);
    for (int t = 0; t < n_templates; t++)
        followers_build(&x->followers[t], &p->program->templates[t], arena);
    x->record_class = LH_NEW(arena, int32_t, p->n_records);
    for (int32_t c = 0; c < p->n_classes; c++) {
        for (int64_t r = p->class_first[c]; r < p->class_first[c + 1]; r++)
            x->record_class[r] = c;
    }
    if (x->plans)
        x->record_calls = LH_NEW(arena, struct call, p->n_records);
    x->group_calls = LH_NEW(arena, struct call, p->n_groups);
    step_init(x, 0);
}

/* A step from rest ends for all as its last operation does. */
static double last_end_s(const struct step *s, int64_t n_records)
{
    double end_s = 0;
    for (int64_t r = 0; r < n_records; r++)
        end_s = fmax(end_s, s->end_s[r]);
    return end_s;
}

static void output_fill(struct lh__exec_output *out, const struct exec *x)
{
    const struct step *s = &x->steps[x->finished_step];
    size_t n = (size_t)x->p->n_records;
    memcpy(out->posted_s, s->posted_s, n * sizeof(double));
    memcpy(out->start_s, s->start_s, n * sizeof(double));
    memcpy(out->end_s, s->end_s, n * sizeof(double));
    memcpy(out->late, s->late, n * sizeof(int64_t));
    double all_end_s = x->from_rest ? last_end_s(s, x->p->n_records) : -1;
    for (int32_t c = 0; c < x->p->n_classes; c++) {
        out->class_end_s[c] = x->from_rest ? all_end_s : s->class_end_s[c];
        out->class_begin_s[c] =
            x->finished_step == 0
                ? 0.0
                : x->steps[x->finished_step - 1].class_end_s[c];
    }
    out->steady = x->steady;
    out->steps = x->finished_step + 1;
}

static void begin(void *data)
{
    struct exec *x = data;
    for (int64_t r = x->p->n_records - 1; r >= 0; r--) {
        if (x->steps[0].waits[r] == 0)
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
    x->from_rest = placed->incidence.faults && placed->incidence.faults->dated;
    x->steps_max = x->from_rest ? 1 : options->steps_max;
    x->plans = options->plans;
    x->finished_step = -1;
    exec_init(x);
    if (options->links)
        link_changes_ask(x, options->links, options->n_links);
    else
        link_changes_ask(x, placed->engine_schedule, placed->n_engine_links);
    begin(x);
    enum lh_status st = LH_OK;
    if (x->finished_step < 0 && x->st == LH_OK)
        st = engine->run(engine->self);
    if (st != LH_OK)
        return st;
    if (x->st != LH_OK)
        return x->st;
    if (x->finished_step < 0) {
        deadlock_report(x);
        return LH_FAILED;
    }
    output_fill(out, x);
    return LH_OK;
}
