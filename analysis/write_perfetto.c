/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The steady step as Chrome trace events, which ui.perfetto.dev opens; of a
 * cycle its steps, with gaps where steps that repeat the one before are left
 * out.
 *
 * Place in the pipeline: beside the result writers; it writes what struct
 * lh_trace holds.  One process a rank class, one thread a stream, one "X"
 * event a record from its start to its end.  Times are whole nanoseconds after
 * the first record, written in microseconds: events of a stream follow one
 * another, and rounding both ends of each the same way keeps it so (Perfetto
 * drops events of one thread that overlap).
 *
 * The counter "WAN" is the use of all fibres in both directions.  The trace
 * holds the bytes that each link carries in the step and which groups cross a
 * fibre, not how much of each group does: the total B is shared among these
 * groups in proportion to count x bytes, and each group's share flows evenly
 * from its start to its end.  The integral over the step is B.
 *
 * Leaves out: rate changes while a flow runs, links inside sites.
 */
#include <longhaul/result.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "writers.h"

/* Chrome trace events, Google 2016, "Trace Event Format": ts, dur in us. */
enum { FIRST_PID = 1, FIRST_TID = 1 }; /* 0 is the idle process in Perfetto */

static const char *const stream_names[LH_STREAMS] = {
    [LH_STREAM_COMPUTE] = "compute",
    [LH_STREAM_TENSOR] = "tensor",
    [LH_STREAM_CONTEXT] = "context",
    [LH_STREAM_FORWARD_SEND] = "send activations",
    [LH_STREAM_FORWARD_RECV] = "receive activations",
    [LH_STREAM_BACKWARD_SEND] = "send gradients",
    [LH_STREAM_BACKWARD_RECV] = "receive gradients",
    [LH_STREAM_DATA] = "data",
    [LH_STREAM_WEIGHTS] = "gather weights",
    [LH_STREAM_REPLICAS] = "gradients of replicas",
    [LH_STREAM_RETURN_FORWARD_SEND] = "send activations, returning",
    [LH_STREAM_RETURN_FORWARD_RECV] = "receive activations, returning",
    [LH_STREAM_RETURN_BACKWARD_SEND] = "send gradients, returning",
    [LH_STREAM_RETURN_BACKWARD_RECV] = "receive gradients, returning",
    [LH_STREAM_PEER_SEND] = "send to the partner",
    [LH_STREAM_PEER_RECV] = "receive from the partner",
    [LH_STREAM_SITES] = "between sites, every second bucket",
    [LH_STREAM_HOST] = "host",
};

static const char *const task_names[] = {
    [LH_TASK_FORWARD] = "forward",
    [LH_TASK_BACKWARD] = "backward",
    [LH_TASK_RECOMPUTE] = "recompute",
    [LH_TASK_EMBEDDING] = "embedding",
    [LH_TASK_HEAD] = "head",
    [LH_TASK_OPTIMIZER] = "optimizer",
    [LH_TASK_GRADIENTS] = "gradients",
    [LH_TASK_NORM] = "gradient norm",
    [LH_TASK_WEIGHTS] = "weights",
    [LH_TASK_ACTIVATIONS] = "activations",
    [LH_TASK_DISPATCH] = "dispatch",
    [LH_TASK_COMBINE] = "combine",
    [LH_TASK_WEIGHT_GRADIENTS] = "weight gradients",
    [LH_TASK_OUTER] = "islands",
};

struct writer {
    struct lh_text *out;
    const struct lh_report *report;
    double zero_s; /* start of the first record */
    bool any;      /* an event was written */
};

static int64_t ns(const struct writer *w, double time_s)
{
    return llround((time_s - w->zero_s) * 1e9);
}

static void add_us(struct lh_text *out, int64_t t_ns)
{
    lh_text_printf(out, "%" PRId64 ".%03d", t_ns / 1000, (int)(t_ns % 1000));
}

/* One event a line; the caller adds fields and closes with "}". */
static void begin_event(struct writer *w, const char *phase, int64_t pid,
                        int tid)
{
    lh_text_printf(w->out, "%s\n{\"ph\":\"%s\",\"pid\":%" PRId64 ",\"tid\":%d",
                   w->any ? "," : "", phase, pid, tid);
    w->any = true;
}

/* kind: "process_name" or "thread_name". */
static void write_name(struct writer *w, const char *kind, int64_t pid, int tid,
                       const char *name)
{
    begin_event(w, "M", pid, tid);
    lh_text_printf(w->out, ",\"name\":\"%s\",\"args\":{\"name\":", kind);
    lh_text_json_string(w->out, name);
    lh_text_add(w->out, "}}");
}

static const char *op_name(const struct writer *w, const struct lh_op *op)
{
    struct lh_text name = lh_text_new(w->out->arena);

    if (op->kind == LH_OP_COMM) {
        const struct lh_comm *comm = &w->report->program->comms[op->comm];
        lh_text_printf(&name, "%s ",
                       op->role == LH_ROLE_RECEIVER
                           ? "receive"
                           : lh_collective_name(comm->collective));
    }
    lh_text_add(&name, task_names[op->task]);
    if (op->micro_batch >= 0) {
        lh_text_printf(&name, " mb %" PRId32, op->micro_batch);
    }
    if (op->layer >= 0) {
        lh_text_printf(&name, " layer %" PRId32, op->layer);
    }
    return name.s;
}

/* record: in the arrays of all steps. */
static void write_args(struct writer *w, int64_t record, const struct lh_op *op)
{
    const struct lh_trace *t = w->report->trace;
    int32_t group = t->group[record % t->n_records];
    int32_t algorithm;

    if (op->kind != LH_OP_COMM || group < 0) {
        return;
    }
    algorithm = t->group_algorithm[group];
    lh_text_add(w->out, ",\"args\":{\"bytes\":");
    lh_text_json_double(w->out, w->report->program->comms[op->comm].bytes);
    if (algorithm >= 0) {
        lh_text_add(w->out, ",\"algorithm\":");
        lh_text_json_string(w->out, lh_algorithm_at(algorithm)->name);
    }
    lh_text_add(w->out, ",\"waited_us\":");
    add_us(w->out, ns(w, t->start_s[record]) - ns(w, t->posted_s[record]));
    lh_text_add(w->out, "}");
}

static void write_record(struct writer *w, int64_t pid, int64_t record,
                         const struct lh_op *op)
{
    const struct lh_trace *t = w->report->trace;
    int64_t start = ns(w, t->start_s[record]);
    int32_t group = t->group[record % t->n_records];
    bool wan = group >= 0 && t->group_wan[group];

    begin_event(w, "X", pid, FIRST_TID + (int)op->stream);
    lh_text_add(w->out, ",\"ts\":");
    add_us(w->out, start);
    lh_text_add(w->out, ",\"dur\":");
    add_us(w->out, ns(w, t->end_s[record]) - start);
    lh_text_add(w->out, ",\"name\":");
    lh_text_json_string(w->out, op_name(w, op));
    lh_text_printf(w->out, ",\"cat\":\"%s\"",
                   lh_category_name(wan ? LH_WAN_COMM : op->category));
    write_args(w, record, op);
    lh_text_add(w->out, "}");
}

static void write_class(struct writer *w, int32_t c)
{
    const struct lh_trace *t = w->report->trace;
    const struct lh_template *template =
        &w->report->program->templates[t->class_template[c]];
    int64_t pid = FIRST_PID + c;
    bool used[LH_STREAMS] = {false};

    write_name(
        w, "process_name", pid, 0,
        lh_format(w->out->arena, "rank %" PRId64 "%s, %s", t->class_rank[c],
                  t->class_size[c] > 1
                      ? lh_format(w->out->arena, " and %" PRId64 " like it",
                                  t->class_size[c] - 1)
                      : "",
                  template->name));
    for (int32_t o = 0; o < template->n_ops; o++) {
        const struct lh_op *op = &template->ops[o];
        if (!used[op->stream]) {
            used[op->stream] = true;
            write_name(w, "thread_name", pid, FIRST_TID + (int)op->stream,
                       stream_names[op->stream]);
        }
        for (int32_t i = 0; i < lh_trace_steps(t); i++) {
            int64_t r = i * t->n_records + t->class_first[c] + o;
            if (t->start_s[r] >= 0)
                write_record(w, pid, r, op);
        }
    }
}

/* ---- the counter of WAN use ---------------------------------------------- */

struct change {
    int64_t t_ns;
    double bytes_per_s; /* added from here on */
    int flows;          /* +1 or -1 */
    int32_t group;      /* keeps the order the same from run to run */
    double over_s;      /* of the flow */
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a;
    const struct change *y = b;

    if (x->t_ns != y->t_ns) {
        return x->t_ns < y->t_ns ? -1 : 1;
    }
    if (x->flows != y->flows) {
        return x->flows < y->flows ? -1 : 1;
    }
    return (x->group > y->group) - (x->group < y->group);
}

static double wan_bytes(const struct lh_report *report)
{
    double sum = 0;

    for (int32_t i = 0; i < report->trace->n_links; i++) {
        lh_link first = report->trace->link_first[i];
        if (lh_topology_link_facts(report->topology, first).kind
            == LH_LINK_WAN) {
            sum += report->trace->link_bytes[i]
                   * (double)report->trace->link_count[i];
        }
    }
    return sum;
}

/* Start and end of every group in a step, from its records; NAN where it has
 * none. */
static void group_times(const struct lh_trace *t, int32_t step, double *start_s,
                        double *end_s)
{
    for (int32_t g = 0; g < t->n_groups; g++) {
        start_s[g] = NAN;
        end_s[g] = NAN;
    }
    for (int64_t r = 0; r < t->n_records; r++) {
        int64_t i = step * t->n_records + r;
        int32_t g = t->group[r];
        if (g >= 0 && t->start_s[i] >= 0) {
            start_s[g] = fmin(start_s[g], t->start_s[i]);
            end_s[g] = fmax(end_s[g], t->end_s[i]);
        }
    }
}

/* What crosses a fibre, with its share of the bytes as bytes_per_s at first;
 * `sum` of the shares counts a step as often as it is repeated. */
struct crossings {
    struct change *at;
    size_t n, capacity;
    double sum;
};

static void add_crossings(const struct writer *w, struct crossings *x,
                          int32_t step)
{
    const struct lh_trace *t = w->report->trace;
    struct lh_arena *arena = w->out->arena;
    double *start_s = LH_NEW(arena, double, t->n_groups);
    double *end_s = LH_NEW(arena, double, t->n_groups);
    double times = t->step_repeats ? 1.0 + (double)t->step_repeats[step] : 1.0;

    group_times(t, step, start_s, end_s);
    for (int32_t g = 0; g < t->n_groups; g++) {
        if (!t->group_wan[g] || !(end_s[g] > start_s[g])) {
            continue;
        }
        double share = (double)t->group_count[g]
                       * w->report->program->comms[t->group_comm[g]].bytes;
        double over_s = end_s[g] - start_s[g];
        x->sum += times * share;
        x->at = lh_grow(arena, x->at, &x->capacity, x->n + 2, sizeof *x->at);
        x->at[x->n++] = (struct change){ns(w, start_s[g]), share, 1, g, over_s};
        x->at[x->n++] = (struct change){ns(w, end_s[g]), -share, -1, g, over_s};
    }
}

/* The starts and ends of the flows that cross a fibre, in time order. */
static struct change *wan_changes(const struct writer *w, size_t *n_out)
{
    struct crossings x = {0};
    double total =
        wan_bytes(w->report) * (double)lh_cycle_steps(w->report->program);

    for (int32_t i = 0; i < lh_trace_steps(w->report->trace); i++) {
        add_crossings(w, &x, i);
    }
    for (size_t i = 0; i < x.n; i++) {
        struct change *c = &x.at[i];
        c->bytes_per_s = total * c->bytes_per_s / x.sum / c->over_s;
    }
    if (x.n > 0) {
        qsort(x.at, x.n, sizeof *x.at, by_time);
    }
    *n_out = x.n;
    return x.at;
}

static void write_wan(struct writer *w)
{
    int64_t pid = FIRST_PID + w->report->trace->n_classes;
    double rate = 0;
    int flows = 0;
    size_t n;
    const struct change *changes = wan_changes(w, &n);

    if (n == 0) {
        return;
    }
    write_name(w, "process_name", pid, 0, "fibres");
    for (size_t i = 0; i < n; i++) {
        flows += changes[i].flows;
        rate = flows > 0 ? fmax(rate + changes[i].bytes_per_s, 0) : 0;
        if (i + 1 < n && changes[i + 1].t_ns == changes[i].t_ns) {
            continue;
        }
        begin_event(w, "C", pid, 0);
        lh_text_add(w->out, ",\"ts\":");
        add_us(w->out, changes[i].t_ns);
        lh_text_add(w->out, ",\"name\":\"WAN, all fibres, both directions\""
                            ",\"args\":{\"bytes_per_s\":");
        lh_text_json_double(w->out, rate);
        lh_text_add(w->out, "}}");
    }
}

/* The first instant of the trace: an operation of the step may be posted
 * before the step of its rank begins. */
static double first_instant(const struct lh_trace *t)
{
    double first = INFINITY;

    for (int64_t r = 0; r < lh_trace_steps(t) * t->n_records; r++) {
        if (t->start_s[r] >= 0)
            first = fmin(first, fmin(t->posted_s[r], t->start_s[r]));
    }
    return t->n_records > 0 ? first : 0;
}

void lh_write_perfetto(struct lh_text *out, const struct lh_report *report)
{
    struct writer w = {
        .out = out, .report = report, .zero_s = first_instant(report->trace)};

    lh_text_add(out, "{\"displayTimeUnit\":\"ms\",\n\"otherData\":"
                     "{\"schema\":\"longhaul.trace/1\",\"scenario\":");
    lh_text_json_string(out, report->scenario->name);
    lh_text_add(out, "},\n\"traceEvents\":[");
    for (int32_t c = 0; c < report->trace->n_classes; c++) {
        write_class(&w, c);
    }
    write_wan(&w);
    if (report->rl)
        lh__write_rl_trace(out, report->rl,
                           FIRST_PID + report->trace->n_classes + 1);
    lh_text_add(out, "\n]}\n");
}
