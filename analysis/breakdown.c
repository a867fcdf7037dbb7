/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the step goes (docs/model.md, "The breakdown").  On a rank's timeline
 * an instant belongs to the compute operation that runs; else to the operation
 * whose end releases the next compute operation: while it is in flight to its
 * dimension (or wan_comm), before that, while a member is missing, to
 * pipeline_bubble (the missing member is of another stage) or wait (of the
 * same).  Walking back along "what released this" from each compute operation
 * fills the gap before it, so the categories sum to the step by construction;
 * the sum is checked all the same.
 *
 * The critical path is the same walk from the last operation of the step, but
 * at a communication it goes on at the member that was ready last.
 *
 * Operations of the step before are those of this step, one step earlier: the
 * trace is of a steady step.  Of a steady cycle it has the steps that differ;
 * each counts as often as it is repeated, and steps are found by their number
 * in the cycle, those before its first in the cycle before.  A step from rest
 * (dated faults) has none before it, and ends for all ranks when the last
 * operation does: what follows a rank's own last operation is its wait.
 */
#include "breakdown.h"

#include <math.h>
#include <string.h>

/* Where a step is in the trace: `repeats` steps after one of it, `cycles`
 * cycles later. */
struct found {
    bool is_known;
    int32_t step;
    int64_t number, cycles, repeats;
};

struct analysis {
    struct found *found; /* [2] of the last even and odd number looked for */
    const struct lh_trace *trace;
    const struct lh_program *program;
    const int64_t *first; /* [n_classes] of its records in a step's times */
    int64_t cycle;        /* steps */
    int32_t **before; /* [template][op] previous op of every step on its stream;
                         ~op: of the step before; INT32_MIN: none */
    int32_t **turned; /* [template x LH_STREAMS + stream][n, then n ops with
                         turns] */
    double (*own_s)[LH_CATEGORIES]; /* [n_classes] of a step */
    struct lh__site_waits *sites;
};

/* A run of an op of a class: of step `number`, counted from the first of the
 * trace, before which numbers are negative. */
struct cursor {
    int32_t c;
    int32_t op;
    int64_t number;
};

/* Does the op run in a step of the trace, 0 .. cycle - 1? */
static bool runs(const struct analysis *a, const struct lh_op *op,
                 int64_t number)
{
    return lh_op_runs(op, a->trace->phase + number, a->cycle);
}

static const struct lh_template *template_of(const struct analysis *a,
                                             int32_t c)
{
    return &a->program->templates[a->trace->class_template[c]];
}

/* ---- steps by number ----------------------------------------------------- */

/* The step of the trace that holds step m >= 0 of the cycle. */
static int32_t step_at(const struct lh_trace *t, int64_t m)
{
    int32_t low = 0, high = lh_trace_steps(t) - 1;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (t->step_number[middle] <= m)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static double step_of(const struct analysis *a, int32_t step, int32_t c)
{
    int64_t i = (int64_t)step * a->trace->n_classes + c;
    return a->trace->class_end_s[i] - a->trace->class_begin_s[i];
}

static double cycle_of(const struct analysis *a, int32_t c)
{
    int64_t last =
        (int64_t)(lh_trace_steps(a->trace) - 1) * a->trace->n_classes + c;
    return a->trace->class_end_s[last] - a->trace->class_begin_s[c];
}

/* Found again and again for a step and the one before it. */
static const struct found *find_step(const struct analysis *a, int64_t number)
{
    struct found *f = &a->found[number & 1];
    if (f->is_known && f->number == number)
        return f;
    int64_t cycles = number / a->cycle, m = number % a->cycle;
    if (m < 0) {
        m += a->cycle;
        cycles--;
    }
    int32_t step = step_at(a->trace, m);
    *f = (struct found){
        .is_known = true,
        .number = number,
        .step = step,
        .cycles = cycles,
        .repeats =
            m - (a->trace->step_number ? a->trace->step_number[step] : 0)};
    return f;
}

/* Where in a step of the arrays, or of the times of a brief trace. */
static int64_t index_of(const struct analysis *a, const struct found *f,
                        struct cursor at)
{
    int64_t record = a->first[at.c] + at.op;
    return a->trace->times ? record : f->step * a->trace->n_records + record;
}

/* How much later than what is recorded a run was. */
static double later_of(const struct analysis *a, const struct found *f,
                       int32_t c)
{
    double later_s = 0.0;
    if (f->cycles != 0)
        later_s += (double)f->cycles * cycle_of(a, c);
    if (f->repeats > 0)
        later_s += (double)f->repeats * step_of(a, f->step, c);
    return later_s;
}

static double end_of(const struct analysis *a, struct cursor at)
{
    const struct found *f = find_step(a, at.number);
    const struct lh_trace *t = a->trace;
    int64_t i = index_of(a, f, at);
    return (t->times ? t->times[f->step][i].end_s : t->end_s[i])
           + later_of(a, f, at.c);
}

static double start_of(const struct analysis *a, struct cursor at)
{
    const struct found *f = find_step(a, at.number);
    const struct lh_trace *t = a->trace;
    int64_t i = index_of(a, f, at);
    return (t->times ? t->times[f->step][i].start_s : t->start_s[i])
           + later_of(a, f, at.c);
}

static double posted_of(const struct analysis *a, struct cursor at)
{
    const struct found *f = find_step(a, at.number);
    const struct lh_trace *t = a->trace;
    int64_t i = index_of(a, f, at);
    return (t->times ? t->times[f->step][i].posted_s : t->posted_s[i])
           + later_of(a, f, at.c);
}

static int64_t record_of(const struct analysis *a, struct cursor at)
{
    return a->trace->class_first[at.c] + at.op;
}

/* ---- what an op waited for ----------------------------------------------- */

static int32_t *before_build(const struct lh_template *t,
                             struct lh_arena *arena)
{
    int32_t *before = LH_NEW(arena, int32_t, t->n_ops);
    int32_t last[LH_STREAMS], head[LH_STREAMS];
    for (int s = 0; s < LH_STREAMS; s++)
        last[s] = head[s] = -1;
    for (int32_t o = 0; o < t->n_ops; o++) {
        int s = t->ops[o].stream;
        before[o] = last[s];
        if (t->ops[o].turn > 0)
            continue;
        if (last[s] < 0)
            head[s] = o;
        last[s] = o;
    }
    for (int32_t o = 0; o < t->n_ops; o++) {
        int s = t->ops[o].stream;
        if (before[o] < 0)
            before[o] = head[s] >= 0 ? ~last[s] : INT32_MIN;
    }
    return before;
}

static int32_t *turned_build(const struct lh_template *t, int stream,
                             struct lh_arena *arena)
{
    int32_t n = 0;
    for (int32_t o = 0; o < t->n_ops; o++)
        n += t->ops[o].turn > 0 && (int)t->ops[o].stream == stream;
    int32_t *turned = LH_NEW(arena, int32_t, n + 1);
    for (int32_t o = 0; o < t->n_ops && turned[0] < n; o++) {
        if (t->ops[o].turn > 0 && (int)t->ops[o].stream == stream)
            turned[++turned[0]] = o;
    }
    return turned;
}

static bool is_later(struct cursor a, struct cursor b)
{
    return a.number != b.number ? a.number > b.number : a.op > b.op;
}

/* The last run of an op with a turn before a run of another op. */
static struct cursor last_turn(const struct analysis *a, struct cursor at,
                               int32_t op)
{
    int64_t turn = template_of(a, at.c)->ops[op].turn - 1;
    int64_t back =
        ((at.number + a->trace->phase - turn) % a->cycle + a->cycle) % a->cycle;
    if (back == 0 && op >= at.op)
        back = a->cycle;
    return (struct cursor){at.c, op, at.number - back};
}

/* The run before it on its stream. */
static struct cursor stream_before(const struct analysis *a, struct cursor at)
{
    const struct lh_template *t = template_of(a, at.c);
    int32_t index = a->trace->class_template[at.c];
    int32_t before = a->before[index][at.op];
    struct cursor best = {at.c, -1, INT64_MIN};
    if (before != INT32_MIN)
        best = (struct cursor){at.c, before >= 0 ? before : ~before,
                               at.number - (before < 0)};
    const int32_t *turned =
        a->turned[index * LH_STREAMS + (int32_t)t->ops[at.op].stream];
    for (int32_t k = 1; k <= turned[0]; k++) {
        if (before >= 0 && (turned[k] < before || turned[k] > at.op))
            continue; /* not between the two, so not later */
        struct cursor run = last_turn(a, at, turned[k]);
        if (is_later(run, best))
            best = run;
    }
    return best;
}

/* The run of a dependency; false: it did not run then. */
static bool dependency(const struct analysis *a, struct cursor at, int32_t d,
                       struct cursor *out)
{
    const struct lh_op *ops = template_of(a, at.c)->ops;
    int32_t op = d >= 0 ? d : ~d;
    int64_t number =
        at.number - lh_op_lag(&ops[op], &ops[at.op], d < 0, a->cycle);
    int64_t m = (number % a->cycle + a->cycle) % a->cycle;
    *out = (struct cursor){at.c, op, number};
    return runs(a, &ops[op], m);
}

/* Ends that differ by no more than this are one instant, so that rounding does
 * not decide what was last. */
static double same_instant_s(double end_s)
{
    return 1e-12 * fabs(end_s);
}

/* What an op waited for last: of its dependencies and the op before it on its
 * stream the one that ended last, ties to the lowest op. */
static struct cursor releaser(const struct analysis *a, struct cursor at)
{
    const struct lh_template *t = template_of(a, at.c);
    struct cursor first = stream_before(a, at), best = first, next;
    int32_t from = t->dep_begin[at.op], to = t->dep_begin[at.op + 1];
    double last_s = end_of(a, first);
    for (int32_t k = from; k < to; k++) {
        if (dependency(a, at, t->deps[k], &next))
            last_s = fmax(last_s, end_of(a, next));
    }
    double least_s = last_s - same_instant_s(last_s);
    bool found = end_of(a, first) >= least_s;
    for (int32_t k = from; k < to; k++) {
        if (!dependency(a, at, t->deps[k], &next) || end_of(a, next) < least_s
            || (found && next.op >= best.op))
            continue;
        best = next;
        found = true;
    }
    return best;
}

static const struct lh_op *op_of(const struct analysis *a, struct cursor at)
{
    return &template_of(a, at.c)->ops[at.op];
}

static void add_compute(const struct lh_op *op, double seconds, double *to)
{
    double stretch = op->seconds > 0 ? seconds / op->seconds : 0.0;
    double gap_s = op->gap_s * stretch, slowest_s = op->slowest_s * stretch;
    to[op->category] += seconds - gap_s - slowest_s;
    to[LH_OTHER] += gap_s;
    to[LH_WAIT] += slowest_s;
}

static enum lh_category flight_category(const struct analysis *a,
                                        struct cursor at)
{
    int32_t group = a->trace->group[record_of(a, at)];
    if (a->trace->group_wan[group])
        return LH_WAN_COMM;
    return op_of(a, at)->category;
}

static int32_t class_of(const struct analysis *a, int64_t record)
{
    int32_t low = 0, high = a->trace->n_classes - 1;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (a->trace->class_first[middle] <= record)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* The member that was ready last; of a brief trace the lowest of those that
 * share its times. */
static int64_t late_of(const struct analysis *a, struct cursor at)
{
    const struct lh_trace *t = a->trace;
    const struct found *f = find_step(a, at.number);
    int64_t i = index_of(a, f, at), m, end;
    int64_t late = t->times ? t->times[f->step][i].late : t->late[i];
    if (t->times == NULL || t->class_twin == NULL || late < 0)
        return late;
    const int32_t *members =
        lh__site_waits_members(a->sites, record_of(a, at), &m, &end);
    for (; m + 1 < end; m++) {
        int32_t c = class_of(a, members[m]);
        if (a->first[c] + members[m] - t->class_first[c] == late)
            break;
    }
    return members[m];
}

/* Of the members that are as late as the last: one of this rank's site, if
 * there is one. */
static int32_t late_class(const struct analysis *a, struct cursor at,
                          int32_t last)
{
    int64_t first, end;
    const int32_t *members =
        lh__site_waits_members(a->sites, record_of(a, at), &first, &end);
    struct cursor late = {last, 0, at.number};
    late.op = (int32_t)(late_of(a, at) - a->trace->class_first[last]);
    double least_s = posted_of(a, late);
    least_s -= same_instant_s(least_s);
    if (lh__site_waits_same(a->sites, last, at.c))
        return last;
    for (int64_t m = first; m < end; m++) {
        int32_t c = class_of(a, members[m]);
        struct cursor member = {
            c, (int32_t)(members[m] - a->trace->class_first[c]), at.number};
        if (lh__site_waits_same(a->sites, c, at.c)
            && posted_of(a, member) >= least_s)
            return c;
    }
    return last;
}

static void add_waiting(const struct analysis *a, struct cursor at,
                        double seconds, double *to)
{
    int32_t c = class_of(a, late_of(a, at));
    to[template_of(a, c)->stage == template_of(a, at.c)->stage
           ? LH_WAIT
           : LH_PIPELINE_BUBBLE] += seconds;
    lh__site_waits_note(a->sites, late_class(a, at, c), seconds);
}

/* Gives the gap [low_s, high_s] that the end of `at` ends to categories. */
static void add_gap(const struct analysis *a, struct cursor at, double low_s,
                    double high_s, double *to)
{
    while (high_s > low_s) {
        const struct lh_op *op = op_of(a, at);
        bool is_host = op->stream == LH_STREAM_HOST;
        if ((op->kind == LH_OP_COMPUTE && !is_host) || end_of(a, at) <= low_s)
            break;
        double middle_s = fmax(low_s, fmin(high_s, start_of(a, at)));
        if (is_host) {
            to[op->category] += high_s - middle_s;
            high_s = middle_s;
            at = releaser(a, at);
            continue;
        }
        double first_s = fmax(low_s, fmin(middle_s, posted_of(a, at)));
        to[flight_category(a, at)] += high_s - middle_s;
        if (middle_s > first_s)
            add_waiting(a, at, middle_s - first_s, to);
        high_s = first_s;
        at = releaser(a, at);
    }
    to[LH_WAIT] += high_s - low_s; /* rounding only */
}

/* The op of a class that ends last, the lowest of equals, of all steps. */
static struct cursor last_of(const struct analysis *a, int32_t c)
{
    const struct lh_template *t = template_of(a, c);
    struct cursor last = {c, 0, 0};
    double last_s = -1;
    for (int64_t m = 0; m < a->cycle; m++) {
        for (int32_t o = 0; o < t->n_ops; o++) {
            struct cursor at = {c, o, m};
            double end_s = runs(a, &t->ops[o], m) ? end_of(a, at) : -1;
            if (end_s > last_s + same_instant_s(end_s)) {
                last = at;
                last_s = end_s;
            }
        }
    }
    return last;
}

/* From the last compute op of a step from rest to its end. */
static void add_rest(const struct analysis *a, int32_t c, double low_s,
                     double class_end_s, double *to)
{
    struct cursor last = last_of(a, c);
    double own_end_s = fmax(low_s, end_of(a, last));
    add_gap(a, last, low_s, own_end_s, to);
    to[LH_WAIT] += class_end_s - own_end_s;
}

/* One step of the trace. */
static void class_breakdown(const struct analysis *a, int32_t c, int32_t step,
                            double *to)
{
    const struct lh_trace *trace = a->trace;
    const struct lh_template *t = template_of(a, c);
    int64_t number = trace->step_number ? trace->step_number[step] : 0;
    int64_t i = (int64_t)step * trace->n_classes + c;
    double now_s = trace->class_begin_s[i];
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream != LH_STREAM_COMPUTE
            || !runs(a, &t->ops[o], number))
            continue;
        struct cursor at = {c, o, number};
        double start_s = start_of(a, at), end_s = end_of(a, at);
        if (start_s > now_s)
            add_gap(a, releaser(a, at), now_s, start_s, to);
        add_compute(&t->ops[o], end_s - start_s, to);
        now_s = end_s;
    }
    if (trace->from_rest && step == lh_trace_steps(trace) - 1)
        add_rest(a, c, now_s, trace->class_end_s[i], to);
}

/* ---- the critical path --------------------------------------------------- */

static struct cursor last_to_end_of_rest(const struct analysis *a)
{
    struct cursor last = last_of(a, 0);
    for (int32_t c = 1; c < a->trace->n_classes; c++) {
        struct cursor at = last_of(a, c);
        if (end_of(a, at) > end_of(a, last))
            last = at;
    }
    return last;
}

static struct cursor last_to_end(const struct analysis *a, int32_t step)
{
    const struct lh_trace *trace = a->trace;
    const double *end_s = trace->class_end_s + (int64_t)step * trace->n_classes;
    int64_t number = trace->step_number ? trace->step_number[step] : 0;
    int32_t last = 0;
    for (int32_t c = 1; c < trace->n_classes; c++) {
        if (end_s[c] > end_s[last])
            last = c;
    }
    struct cursor at = {last, 0, number};
    const struct lh_template *t = template_of(a, last);
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream == LH_STREAM_COMPUTE
            && runs(a, &t->ops[o], number))
            at.op = o;
    }
    return at;
}

static struct cursor to_late_member(const struct analysis *a, struct cursor at)
{
    int64_t late = late_of(a, at);
    int32_t c = class_of(a, late);
    return (struct cursor){c, (int32_t)(late - a->trace->class_first[c]),
                           at.number};
}

/* Back from `at` for so long. */
static void critical_path(const struct analysis *a, struct cursor at,
                          double length_s, double *to)
{
    double high_s = end_of(a, at);
    double low_s = high_s - length_s;
    int64_t steps_left =
        a->trace->n_records * (1 + (int64_t)lh_trace_steps(a->trace));
    while (high_s > low_s && steps_left-- > 0) {
        const struct lh_op *op = op_of(a, at);
        double from_s = fmax(low_s, fmin(high_s, start_of(a, at)));
        if (op->kind == LH_OP_COMPUTE) {
            add_compute(op, high_s - from_s, to);
        } else {
            to[flight_category(a, at)] += high_s - from_s;
            at = to_late_member(a, at);
        }
        high_s = from_s;
        if (high_s > low_s)
            at = releaser(a, at);
    }
    to[LH_WAIT] += fmax(0.0, high_s - low_s); /* rounding only */
}

/* ---- sums ---------------------------------------------------------------- */

static enum lh_status sum_check(const double *breakdown_s, double step_s,
                                const char *what, struct lh_ctx *ctx)
{
    double sum_s = 0;
    for (int i = 0; i < LH_CATEGORIES; i++)
        sum_s += breakdown_s[i];
    if (fabs(sum_s - step_s) <= 1e-9 * step_s)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "internal: the %s sums to %.17g s, the step takes %.17g s", what,
             sum_s, step_s);
    return LH_FAILED;
}

static double share_of(const struct analysis *a, int32_t c)
{
    return (double)a->trace->class_size[c]
           / (double)lh_axes_ranks(&a->program->axes);
}

/* Adds one step of the trace, `weight` times, to the mean over ranks. */
static enum lh_status add_step(struct lh_result *out, const struct analysis *a,
                               int32_t step, double weight, struct lh_ctx *ctx)
{
    const int32_t *twin = a->trace->class_twin;
    memset(a->own_s, 0, (size_t)a->trace->n_classes * sizeof *a->own_s);
    for (int32_t c = 0; c < a->trace->n_classes; c++) {
        const double *own_s = a->own_s[twin ? twin[c] : c];
        lh__site_waits_begin(a->sites);
        if (twin == NULL || twin[c] == c
            || lh__site_waits_has(a->sites, twin[c])) {
            class_breakdown(a, c, step, a->own_s[c]);
            enum lh_status st = sum_check(a->own_s[c], step_of(a, step, c),
                                          "breakdown of a rank", ctx);
            if (st != LH_OK)
                return st;
        }
        lh__site_waits_add(a->sites, c, own_s, weight);
        for (int i = 0; i < LH_CATEGORIES; i++)
            out->breakdown_s[i] += own_s[i] * weight * share_of(a, c);
    }
    return LH_OK;
}

/* Of a cycle the path of each step, of which they stand one behind the other,
 * over the mean length of the step; from rest one path. */
static void critical_paths(struct lh_result *out, const struct analysis *a)
{
    const struct lh_trace *trace = a->trace;
    int32_t n = lh_trace_steps(trace);
    if (trace->from_rest || n == 1) {
        critical_path(
            a, trace->from_rest ? last_to_end_of_rest(a) : last_to_end(a, 0),
            trace->step_time_s * (double)a->cycle, out->critical_path_s);
        for (int k = 0; k < LH_CATEGORIES; k++)
            out->critical_path_s[k] /= (double)a->cycle;
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        double own_s[LH_CATEGORIES] = {0}, length_s = 0;
        double times = 1.0 + (double)trace->step_repeats[i];
        for (int32_t c = 0; c < trace->n_classes; c++)
            length_s += step_of(a, i, c) * share_of(a, c);
        critical_path(a, last_to_end(a, i), length_s, own_s);
        for (int k = 0; k < LH_CATEGORIES; k++)
            out->critical_path_s[k] += own_s[k] * times / (double)a->cycle;
    }
}

/* Times of a long cycle are sums of many: what is next to nothing is nothing.
 */
static void drop_rounding(struct lh_result *out, double step_s)
{
    for (int i = 0; i < LH_CATEGORIES; i++) {
        if (out->breakdown_s[i] < 1e-10 * step_s)
            out->breakdown_s[i] = 0;
        if (out->critical_path_s[i] < 1e-10 * step_s)
            out->critical_path_s[i] = 0;
    }
}

enum lh_status lh__breakdown(struct lh_result *out,
                             const struct lh_trace *trace,
                             const struct lh_program *program,
                             struct lh_ctx *ctx)
{
    struct analysis a = {.trace = trace,
                         .program = program,
                         .first = trace->times ? trace->class_shared
                                               : trace->class_first,
                         .cycle = lh_cycle_steps(program)};
    a.found = LH_NEW(ctx->arena, struct found, 2);
    a.sites = lh__site_waits_new(trace, ctx);
    a.own_s = lh_alloc(ctx->arena, (size_t)trace->n_classes, sizeof *a.own_s);
    a.before = LH_NEW(ctx->arena, int32_t *, program->n_templates);
    a.turned = LH_NEW(ctx->arena, int32_t *, program->n_templates * LH_STREAMS);
    for (int t = 0; t < program->n_templates; t++) {
        a.before[t] = before_build(&program->templates[t], ctx->arena);
        for (int s = 0; s < LH_STREAMS; s++)
            a.turned[t * LH_STREAMS + s] =
                turned_build(&program->templates[t], s, ctx->arena);
    }
    for (int32_t i = 0; i < lh_trace_steps(trace); i++) {
        double times =
            trace->step_repeats ? 1.0 + (double)trace->step_repeats[i] : 1.0;
        enum lh_status st = add_step(out, &a, i, times / (double)a.cycle, ctx);
        if (st != LH_OK)
            return st;
    }
    lh__site_waits_finish(out, a.sites);
    critical_paths(out, &a);
    if (a.cycle > 1)
        drop_rounding(out, trace->step_time_s);
    enum lh_status st =
        sum_check(out->breakdown_s, trace->step_time_s, "breakdown", ctx);
    if (st != LH_OK)
        return st;
    return sum_check(out->critical_path_s, trace->step_time_s, "critical path",
                     ctx);
}
