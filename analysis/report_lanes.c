/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What runs when in one step, in lanes of equal columns of time:
 *
 *   - of each stage in each site what an accelerator computes, and under it
 *     what it communicates: one class of ranks for all that are like it;
 *   - of the network what is in flight: inside the sites by what it is for,
 *     on fibre by the sites that it joins.
 *
 * A column holds the seconds of each kind in it.  Of a cycle the longest step
 * that uses fibre is taken.  Leaves out: which of several links a communication
 * runs over (the trace does not say), and of stages beyond 20 classes of ranks
 * the rest.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { CLASSES_MAX = 20, FIBRE_LANES = 6 };

static bool uses_fibre(const struct lh_trace *t, int64_t step)
{
    for (int64_t r = 0; r < t->n_records; r++) {
        if (t->group[r] >= 0 && t->group_wan[t->group[r]]
            && t->start_s[step * t->n_records + r] >= 0)
            return true;
    }
    return false;
}

/* The longest step, of those that use fibre if there are any. */
static void choose_step(struct lh__lanes *out, const struct lh_trace *t)
{
    bool fibre = false;

    for (int64_t i = 0; i < lh_trace_steps(t); i++) {
        double begin = INFINITY, end = -INFINITY;
        bool uses = uses_fibre(t, i);
        for (int32_t c = 0; c < t->n_classes; c++) {
            begin = fmin(begin, t->class_begin_s[i * t->n_classes + c]);
            end = fmax(end, t->class_end_s[i * t->n_classes + c]);
        }
        if (fibre > uses
            || (fibre == uses && i > 0
                && !(end - begin > (out->end_s - out->begin_s) * (1 + 1e-9))))
            continue;
        fibre = uses;
        out->step = i;
        out->begin_s = begin;
        out->end_s = end;
    }
}

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
static void lane_busy(struct lh__lane *lane, struct lh__lanes *lanes, int kind,
                      const double span_s[2])
{
    double column_s = (lanes->end_s - lanes->begin_s) / LH__LANE_COLUMNS;
    double begin = (span_s[0] - lanes->begin_s) / column_s;
    double end = (span_s[1] - lanes->begin_s) / column_s;
    int first = (int)fmax(0, floor(fmin(begin, LH__LANE_COLUMNS)));

    lanes->cut = lanes->cut || end > LH__LANE_COLUMNS + 1;
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

/* Of the step that is shown; false: the op does not run in it. */
static bool span_of(double span_s[2], const struct lh__lanes *lanes,
                    const struct lh_trace *t, int64_t record)
{
    int64_t i = lanes->step * t->n_records + record;

    span_s[0] = t->start_s[i];
    span_s[1] = t->end_s[i];
    return span_s[0] >= 0 && span_s[1] > span_s[0];
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
        ->more = at->speed == 1 ? lh_format(arena, "%" PRId64 " alike", at->n)
                                : lh_format(arena, "%" PRId64 " at speed %.3g",
                                            at->n, at->speed);
    lane_add(lanes, "", arena)->thin = true;
    for (int32_t o = 0; o < template->n_ops; o++) {
        const struct lh_op *op = &template->ops[o];
        int64_t record = t->class_first[at->c] + o;
        double span_s[2];
        if (span_of(span_s, lanes, t, record))
            lane_busy(&lanes->lanes[first + (op->kind == LH_OP_COMM)], lanes,
                      kind_of(t, record, op), span_s);
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
            double span_s[2];
            int lane;
            if (op->kind != LH_OP_COMM || t->group[record] < 0
                || crosses_wan(t, record) != wan
                || !span_of(span_s, n->lanes, t, record))
                continue;
            lane = wan ? fibre_lane(n, n->group_sites[t->group[record]])
                       : site_lane(n, op->category);
            lane_busy(&n->lanes->lanes[lane], n->lanes, kind_of(t, record, op),
                      span_s);
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
    choose_step(out, report->trace);
    if (!(out->end_s > out->begin_s))
        return;
    n = classes_find(&classes, out, report, arena);
    for (int i = 0; i < n; i++)
        add_class(out, report, &classes[i], arena);
    find_group_sites(&network);
    add_network(&network, false);
    add_network(&network, true);
}
