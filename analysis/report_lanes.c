/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What runs when in one step, in lanes of equal columns of time:
 *
 *   - of each stage in each site what an accelerator computes, and under it
 *     what it communicates: one class of ranks for all that are like it;
 *   - of the network what is in flight: inside the sites by what it is for,
 *     on fibre by the sites that it joins.
 *
 * A column holds the seconds of each kind in it.  Of a cycle the step in
 * which most crosses fibre is taken.  A column outside the step before or after
 * is not shown, but what goes on from there is.  Leaves out: which of several
 * links a communication runs over (the trace does not say), and of stages
 * beyond 20 classes of ranks the rest.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { CLASSES_MAX = 20, FIBRE_LANES = 6 };

/* ---- the step ------------------------------------------------------------ */

/* When a record runs in a step, `turn` cycles later: what a step begins may go
 * on in the next, and so in the first of the next cycle.  False: it does not
 * run there. */
static bool span_at(double span_s[2], const struct lh__lanes *lanes,
                    const struct lh_trace *t, int64_t i, int turn)
{
    span_s[0] = t->start_s[i] + turn * lanes->period_s;
    span_s[1] = t->end_s[i] + turn * lanes->period_s;
    return t->start_s[i] >= 0 && span_s[1] > span_s[0]
           && (turn == 0 || lanes->period_s > 0);
}

static double overlap_s(const double a[2], const double b[2])
{
    return fmax(fmin(a[1], b[1]) - fmax(a[0], b[0]), 0);
}

struct spans {
    double (*at)[2];
    size_t n, capacity;
};

/* All that crosses fibre, in the steps that are kept. */
static struct spans fibre_spans(const struct lh__lanes *lanes,
                                const struct lh_trace *t,
                                struct lh_arena *arena)
{
    struct spans spans = {0};

    for (int64_t i = 0; i < lh_trace_steps(t) * t->n_records; i++) {
        int32_t group = t->group[i % t->n_records];
        if (group < 0 || !t->group_wan[group])
            continue;
        for (int turn = -1; turn <= 1; turn++) {
            double span_s[2];
            if (!span_at(span_s, lanes, t, i, turn))
                continue;
            spans.at = lh_grow(arena, spans.at, &spans.capacity, spans.n + 1,
                               sizeof *spans.at);
            spans.at[spans.n][0] = span_s[0];
            spans.at[spans.n++][1] = span_s[1];
        }
    }
    return spans;
}

static void step_window(double window_s[2], const struct lh_trace *t,
                        int64_t step)
{
    window_s[0] = INFINITY;
    window_s[1] = -INFINITY;
    for (int32_t c = 0; c < t->n_classes; c++) {
        int64_t i = step * t->n_classes + c;
        window_s[0] = fmin(window_s[0], t->class_begin_s[i]);
        window_s[1] = fmax(window_s[1], t->class_end_s[i]);
    }
}

/* The step in which most is on its way over fibre; of equals the longest, then
 * the first. */
static void choose_step(struct lh__lanes *out, const struct lh_trace *t,
                        struct lh_arena *arena)
{
    struct spans spans = fibre_spans(out, t, arena);
    double most_s = -1;

    for (int64_t i = 0; i < lh_trace_steps(t); i++) {
        double window_s[2], fibre_s = 0;
        step_window(window_s, t, i);
        for (size_t k = 0; k < spans.n; k++)
            fibre_s += overlap_s(spans.at[k], window_s);
        if (fibre_s < most_s
            || (fibre_s == most_s
                && window_s[1] - window_s[0]
                       <= (out->end_s - out->begin_s) * (1 + 1e-9)))
            continue;
        most_s = fibre_s;
        out->step = i;
        out->begin_s = window_s[0];
        out->end_s = window_s[1];
    }
}

/* ---- lanes --------------------------------------------------------------- */

static struct lh__lane *lane_add(struct lh__lanes *lanes, const char *label,
                                 struct lh_arena *arena)
{
    struct lh__lane *lane;

    lanes->lanes = lh_grow(arena, lanes->lanes, &lanes->capacity,
                           (size_t)lanes->n + 1, sizeof *lanes->lanes);
    lane = &lanes->lanes[lanes->n++];
    lane->label = label;
    lane->busy_s = LH_NEW(arena, double, LH__LANE_COLUMNS *LH__LANE_KINDS);
    return lane;
}

/* Adds from begin to end to the columns that it lies in. */
static void lane_busy(struct lh__lane *lane, const struct lh__lanes *lanes,
                      int kind, const double span_s[2])
{
    double column_s = (lanes->end_s - lanes->begin_s) / LH__LANE_COLUMNS;
    double begin = (span_s[0] - lanes->begin_s) / column_s;
    double end = (span_s[1] - lanes->begin_s) / column_s;
    int first = (int)fmax(0, floor(fmin(begin, LH__LANE_COLUMNS)));
    for (int i = first; i < LH__LANE_COLUMNS && i < end; i++) {
        double part = fmin(end, i + 1) - fmax(begin, i);
        lane->busy_s[i * LH__LANE_KINDS + kind] += part * column_s;
    }
}

/* ---- classes of ranks ---------------------------------------------------- */

/* Classes of one stage, site and speed are one lane, that of the largest. */
struct rank_class {
    int32_t c;
    int stage, site;
    double speed;
    int64_t n;
};

static struct rank_class class_at(const struct lh_report *report, int32_t c)
{
    const struct lh_trace *t = report->trace;

    return (struct rank_class){
        .c = c,
        .stage = report->program->templates[t->class_template[c]].stage,
        .site =
            lh_topology_accelerator_site(report->topology, t->class_rank[c]),
        .speed = t->class_speed != NULL ? t->class_speed[c] : 1,
        .n = t->class_size[c]};
}

/* The fastest first. */
static int by_lane(const struct rank_class *a, const struct rank_class *b)
{
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return (a->speed < b->speed) - (a->speed > b->speed);
}

static int by_lane_and_size(const void *x, const void *y)
{
    const struct rank_class *a = x, *b = y;
    int d = by_lane(a, b);

    if (d == 0)
        d = (a->n < b->n) - (a->n > b->n);
    return d != 0 ? d : (a->c > b->c) - (a->c < b->c);
}

/* Too many lanes: the first of each stage. */
static int one_a_stage(struct rank_class *at, int n)
{
    int kept = 0;

    for (int i = 0; i < n; i++) {
        if (kept == 0 || at[kept - 1].stage != at[i].stage)
            at[kept++] = at[i];
    }
    return kept < CLASSES_MAX ? kept : CLASSES_MAX;
}

/* At most CLASSES_MAX, in *out. */
static int classes_find(struct rank_class **out, struct lh__lanes *lanes,
                        const struct lh_report *report, struct lh_arena *arena)
{
    int32_t all = report->trace->n_classes;
    struct rank_class *at = LH_NEW(arena, struct rank_class, all);
    int n = 0, kept;

    for (int32_t c = 0; c < all; c++)
        at[c] = class_at(report, c);
    qsort(at, (size_t)all, sizeof *at, by_lane_and_size);
    for (int32_t c = 0; c < all; c++) {
        if (n > 0 && by_lane(&at[n - 1], &at[c]) == 0)
            at[n - 1].n += at[c].n;
        else
            at[n++] = at[c];
    }
    *out = at;
    kept = n > CLASSES_MAX ? one_a_stage(at, n) : n;
    lanes->left_out = n - kept;
    return kept;
}

/* ---- records ------------------------------------------------------------- */

static bool crosses_wan(const struct lh_trace *t, int64_t record)
{
    int32_t group = t->group[record];

    return group >= 0 && t->group_wan[group];
}

static int kind_of(const struct lh_trace *t, int64_t record,
                   const struct lh_op *op)
{
    if (crosses_wan(t, record))
        return LH_WAN_COMM;
    if (op->category == LH_COMPUTE
        && (op->task == LH_TASK_BACKWARD
            || op->task == LH_TASK_WEIGHT_GRADIENTS))
        return LH__BACKWARD;
    return (int)op->category;
}

/* Adds what of a record lies in the step that is shown; with no lane (-1) only
 * says whether there is any. */
static bool add_record(struct lh__lanes *lanes, int lane,
                       const struct lh_trace *t, int64_t record, int kind)
{
    const double window_s[2] = {lanes->begin_s, lanes->end_s};
    bool any = false;

    for (int64_t step = 0; step < lh_trace_steps(t); step++) {
        for (int turn = -1; turn <= 1; turn++) {
            double span_s[2];
            if (!span_at(span_s, lanes, t, step * t->n_records + record, turn)
                || !(overlap_s(span_s, window_s) > 0))
                continue;
            any = true;
            if (lane >= 0)
                lane_busy(&lanes->lanes[lane], lanes, kind, span_s);
        }
    }
    return any;
}

static void add_class(struct lh__lanes *lanes, const struct lh_report *report,
                      const struct rank_class *at, struct lh_arena *arena)
{
    const struct lh_trace *t = report->trace;
    const struct lh_template *template =
        &report->program->templates[t->class_template[at->c]];
    int first = lanes->n;

    lane_add(lanes,
             lh_format(arena, "stage %d, %s", at->stage,
                       report->scenario->sites[at->site].name),
             arena)
        ->more =
        at->speed == 1
            ? (at->n == 1 ? "alone"
                          : lh_format(arena, "%s alike",
                                      lh__count_text(arena, (double)at->n)))
            : lh_format(arena, "%" PRId64 " at speed %.3g", at->n, at->speed);
    lane_add(lanes, "", arena)->thin = true;
    for (int32_t o = 0; o < template->n_ops; o++) {
        const struct lh_op *op = &template->ops[o];
        int64_t record = t->class_first[at->c] + o;
        add_record(lanes, first + (op->kind == LH_OP_COMM), t, record,
                   kind_of(t, record, op));
    }
}

/* ---- the network --------------------------------------------------------- */

struct network {
    struct lh__lanes *lanes;
    const struct lh_report *report;
    struct lh_arena *arena;
    int by_category[LH_CATEGORIES]; /* lane + 1 */
    uint64_t *group_sites;          /* [n_groups] one bit a site */
    int n_fibre;
    uint64_t fibre_sites[FIBRE_LANES];
    int fibre_lane[FIBRE_LANES];
};

static void find_group_sites(struct network *n)
{
    const struct lh_trace *t = n->report->trace;

    n->group_sites = LH_NEW(n->arena, uint64_t, t->n_groups);
    for (int32_t c = 0; c < t->n_classes; c++) {
        int site = class_at(n->report, c).site;
        for (int64_t r = t->class_first[c]; r < t->class_first[c + 1]; r++) {
            if (t->group[r] >= 0)
                n->group_sites[t->group[r]] |= 1ULL << (site < 63 ? site : 63);
        }
    }
}

/* Sites that fold into one are one here: then there is no telling which. */
static const char *fibre_label(const struct network *n, uint64_t sites)
{
    const struct lh_scenario *s = n->report->scenario;
    int ends[2], count = 0;

    for (int i = 0; i < s->n_sites && i < 63; i++) {
        if (sites >> i & 1) {
            if (count < 2)
                ends[count] = i;
            count++;
        }
    }
    if (count != 2 || sites >> 63)
        return "all fibres";
    return lh_format(n->arena, "%s – %s", s->sites[ends[0]].name,
                     s->sites[ends[1]].name);
}

static int fibre_lane(struct network *n, uint64_t sites)
{
    for (int i = 0; i < n->n_fibre; i++) {
        if (n->fibre_sites[i] == sites || i == FIBRE_LANES - 1)
            return n->fibre_lane[i];
    }
    n->fibre_sites[n->n_fibre] = sites;
    n->fibre_lane[n->n_fibre] = n->lanes->n;
    lane_add(n->lanes,
             n->n_fibre == FIBRE_LANES - 1 ? "other fibres"
                                           : fibre_label(n, sites),
             n->arena)
        ->more = "between sites";
    return n->fibre_lane[n->n_fibre++];
}

static int site_lane(struct network *n, enum lh_category category)
{
    if (n->by_category[category] == 0) {
        n->by_category[category] = n->lanes->n + 1;
        lane_add(n->lanes,
                 lh_format(n->arena, "links: %.*s",
                           (int)strcspn(lh__category_label(category), ","),
                           lh__category_label(category)),
                 n->arena)
            ->more = "inside the sites";
    }
    return n->by_category[category] - 1;
}

/* wan: what crosses fibre, else what does not. */
static void add_network(struct network *n, bool wan)
{
    const struct lh_trace *t = n->report->trace;

    for (int32_t c = 0; c < t->n_classes; c++) {
        const struct lh_template *template =
            &n->report->program->templates[t->class_template[c]];
        for (int32_t o = 0; o < template->n_ops; o++) {
            const struct lh_op *op = &template->ops[o];
            int64_t record = t->class_first[c] + o;
            int lane;
            if (op->kind != LH_OP_COMM || t->group[record] < 0
                || crosses_wan(t, record) != wan
                || !add_record(n->lanes, -1, t, record, 0))
                continue;
            lane = wan ? fibre_lane(n, n->group_sites[t->group[record]])
                       : site_lane(n, op->category);
            add_record(n->lanes, lane, t, record, kind_of(t, record, op));
        }
    }
}

void lh__lanes_find(struct lh__lanes *out, const struct lh_report *report,
                    struct lh_arena *arena)
{
    struct network network = {.lanes = out, .report = report, .arena = arena};
    struct rank_class *classes;
    int n;

    *out = (struct lh__lanes){.n = 0};
    if (report->trace->steady && !report->trace->from_rest)
        out->period_s = report->trace->step_time_s
                        * (double)lh_cycle_steps(report->program);
    choose_step(out, report->trace, arena);
    if (!(out->end_s > out->begin_s))
        return;
    n = classes_find(&classes, out, report, arena);
    for (int i = 0; i < n; i++)
        add_class(out, report, &classes[i], arena);
    find_group_sites(&network);
    add_network(&network, false);
    add_network(&network, true);
}
