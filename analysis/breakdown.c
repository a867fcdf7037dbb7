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
 * trace is of a steady step.  A step from rest (dated faults) has none before
 * it, and ends for all ranks when the last operation does: what follows a
 * rank's own last operation is its wait.
 */
#include "breakdown.h"

#include <math.h>

struct analysis {
    const struct lh_trace *trace;
    const struct lh_program *program;
    int32_t **before; /* [template][op] previous op on its stream; ~op: of the
                         step before */
};

/* An op of a class, `shift_s` earlier than its record says. */
struct cursor {
    int32_t c;
    int32_t op;
    double shift_s;
};

static const struct lh_template *template_of(const struct analysis *a,
                                             int32_t c)
{
    return &a->program->templates[a->trace->class_template[c]];
}

static int64_t record_of(const struct analysis *a, struct cursor at)
{
    return a->trace->class_first[at.c] + at.op;
}

static double step_of(const struct analysis *a, int32_t c)
{
    return a->trace->class_end_s[c] - a->trace->class_begin_s[c];
}

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
        if (last[s] < 0)
            head[s] = o;
        last[s] = o;
    }
    for (int s = 0; s < LH_STREAMS; s++) {
        if (head[s] >= 0)
            before[head[s]] = ~last[s];
    }
    return before;
}

/* The op `reference` (>= 0 of the same step, ~op of the one before). */
static struct cursor cursor_at(const struct analysis *a, struct cursor from,
                               int32_t reference)
{
    struct cursor to = from;
    to.op = reference >= 0 ? reference : ~reference;
    if (reference < 0)
        to.shift_s += step_of(a, from.c);
    return to;
}

static double end_of(const struct analysis *a, struct cursor at)
{
    return a->trace->end_s[record_of(a, at)] - at.shift_s;
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
    int32_t stream_before = a->before[a->trace->class_template[at.c]][at.op];
    struct cursor first = cursor_at(a, at, stream_before), best = first;
    int32_t from = t->dep_begin[at.op], to = t->dep_begin[at.op + 1];
    double last_s = end_of(a, first);
    for (int32_t k = from; k < to; k++)
        last_s = fmax(last_s, end_of(a, cursor_at(a, at, t->deps[k])));
    double least_s = last_s - same_instant_s(last_s);
    bool found = end_of(a, first) >= least_s;
    for (int32_t k = from; k < to; k++) {
        struct cursor next = cursor_at(a, at, t->deps[k]);
        if (end_of(a, next) < least_s || (found && next.op >= best.op))
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

static enum lh_category waiting_category(const struct analysis *a,
                                         struct cursor at)
{
    int64_t late = a->trace->late[record_of(a, at)];
    int32_t c = class_of(a, late);
    return template_of(a, c)->stage == template_of(a, at.c)->stage
               ? LH_WAIT
               : LH_PIPELINE_BUBBLE;
}

/* Gives the gap [low_s, high_s] that the end of `at` ends to categories. */
static void add_gap(const struct analysis *a, struct cursor at, double low_s,
                    double high_s, double *to)
{
    while (high_s > low_s) {
        const struct lh_op *op = op_of(a, at);
        if (op->kind == LH_OP_COMPUTE || end_of(a, at) <= low_s)
            break;
        int64_t r = record_of(a, at);
        double start_s = a->trace->start_s[r] - at.shift_s;
        double posted_s = a->trace->posted_s[r] - at.shift_s;
        double middle_s = fmax(low_s, fmin(high_s, start_s));
        double first_s = fmax(low_s, fmin(middle_s, posted_s));
        to[flight_category(a, at)] += high_s - middle_s;
        if (middle_s > first_s)
            to[waiting_category(a, at)] += middle_s - first_s;
        high_s = first_s;
        at = releaser(a, at);
    }
    to[LH_WAIT] += high_s - low_s; /* rounding only */
}

/* The op of a class that ends last, the lowest of equals. */
static struct cursor last_of(const struct analysis *a, int32_t c)
{
    struct cursor last = {c, 0, 0.0};
    int32_t n_ops = template_of(a, c)->n_ops;
    for (struct cursor at = last; at.op < n_ops; at.op++) {
        double end_s = end_of(a, at);
        if (end_s > end_of(a, last) + same_instant_s(end_s))
            last = at;
    }
    return last;
}

/* From the last compute op of a step from rest to its end. */
static void add_rest(const struct analysis *a, int32_t c, double low_s,
                     double *to)
{
    struct cursor last = last_of(a, c);
    double own_end_s = fmax(low_s, end_of(a, last));
    add_gap(a, last, low_s, own_end_s, to);
    to[LH_WAIT] += a->trace->class_end_s[c] - own_end_s;
}

static void class_breakdown(const struct analysis *a, int32_t c, double *to)
{
    const struct lh_template *t = template_of(a, c);
    double now_s = a->trace->class_begin_s[c];
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream != LH_STREAM_COMPUTE)
            continue;
        struct cursor at = {c, o, 0.0};
        int64_t r = record_of(a, at);
        if (a->trace->start_s[r] > now_s)
            add_gap(a, releaser(a, at), now_s, a->trace->start_s[r], to);
        add_compute(&t->ops[o], a->trace->end_s[r] - a->trace->start_s[r], to);
        now_s = a->trace->end_s[r];
    }
    if (a->trace->from_rest)
        add_rest(a, c, now_s, to);
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

static struct cursor last_to_end(const struct analysis *a)
{
    if (a->trace->from_rest)
        return last_to_end_of_rest(a);
    int32_t last = 0;
    for (int32_t c = 1; c < a->trace->n_classes; c++) {
        if (a->trace->class_end_s[c] > a->trace->class_end_s[last])
            last = c;
    }
    struct cursor at = {last, 0, 0.0};
    const struct lh_template *t = template_of(a, last);
    for (int32_t o = 0; o < t->n_ops; o++) {
        if (t->ops[o].stream == LH_STREAM_COMPUTE)
            at.op = o;
    }
    return at;
}

static struct cursor to_late_member(const struct analysis *a, struct cursor at)
{
    int64_t late = a->trace->late[record_of(a, at)];
    int32_t c = class_of(a, late);
    return (struct cursor){c, (int32_t)(late - a->trace->class_first[c]),
                           at.shift_s};
}

static void critical_path(const struct analysis *a, double step_s, double *to)
{
    struct cursor at = last_to_end(a);
    double high_s = end_of(a, at);
    double low_s = high_s - step_s;
    int64_t steps_left = a->trace->n_records * 2;
    while (high_s > low_s && steps_left-- > 0) {
        const struct lh_op *op = op_of(a, at);
        double start_s = a->trace->start_s[record_of(a, at)] - at.shift_s;
        double from_s = fmax(low_s, fmin(high_s, start_s));
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

enum lh_status lh__breakdown(struct lh_result *out,
                             const struct lh_trace *trace,
                             const struct lh_program *program,
                             struct lh_ctx *ctx)
{
    struct analysis a = {.trace = trace, .program = program};
    a.before = LH_NEW(ctx->arena, int32_t *, program->n_templates);
    for (int t = 0; t < program->n_templates; t++)
        a.before[t] = before_build(&program->templates[t], ctx->arena);

    double ranks = (double)lh_axes_ranks(&program->axes);
    for (int32_t c = 0; c < trace->n_classes; c++) {
        double own_s[LH_CATEGORIES] = {0};
        class_breakdown(&a, c, own_s);
        enum lh_status st =
            sum_check(own_s, step_of(&a, c), "breakdown of a rank", ctx);
        if (st != LH_OK)
            return st;
        for (int i = 0; i < LH_CATEGORIES; i++)
            out->breakdown_s[i] +=
                own_s[i] * (double)trace->class_size[c] / ranks;
    }
    critical_path(&a, trace->step_time_s, out->critical_path_s);
    enum lh_status st =
        sum_check(out->breakdown_s, trace->step_time_s, "breakdown", ctx);
    if (st != LH_OK)
        return st;
    return sum_check(out->critical_path_s, trace->step_time_s, "critical path",
                     ctx);
}
