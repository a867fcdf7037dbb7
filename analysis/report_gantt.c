/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One step of the report on a line of time: the lanes of report_lanes.c.
 *
 * A column of a lane of computing has the colour of what fills it most, and
 * none where less than half of it is filled; one of communication has that of
 * what is in flight, however short.  Equal neighbours are one rectangle, so the
 * picture has a size that does not grow with the step.
 */
#include <inttypes.h>
#include <math.h>

#include "report.h"

enum { LABEL = 160, RIGHT = 16, THICK = 16, THIN = 8, GAP = 7 };

static double column_s(const struct lh__lanes *lanes)
{
    return (lanes->end_s - lanes->begin_s) / LH__LANE_COLUMNS;
}

static bool is_computing(const struct lh__lanes *lanes, int i)
{
    return !lanes->lanes[i].thin && i + 1 < lanes->n
           && lanes->lanes[i + 1].thin;
}

/* -1: nothing. */
static int kind_in(const struct lh__lanes *lanes, int i, int column)
{
    const double *busy_s = &lanes->lanes[i].busy_s[column * LH__LANE_KINDS];
    double sum = 0;
    int most = 0;

    for (int k = 0; k < LH__LANE_KINDS; k++) {
        sum += busy_s[k];
        if (busy_s[k] > busy_s[most])
            most = k;
    }
    if (!(sum > 0) || (is_computing(lanes, i) && sum < column_s(lanes) / 2))
        return -1;
    return most;
}

static const char *kind_class(int kind)
{
    return kind == LH__BACKWARD ? "backward"
                                : lh__category_class((enum lh_category)kind);
}

static const char *kind_label(int kind)
{
    switch (kind) {
    case LH__BACKWARD: return "backward";
    case LH_COMPUTE: return "forward";
    case LH_TENSOR_COMM: return "tensor";
    case LH_EXPERT_COMM: return "expert";
    case LH_CONTEXT_COMM: return "context";
    case LH_PIPELINE_COMM: return "pipeline";
    case LH_DATA_COMM: return "data";
    case LH_WAN_COMM: return "crosses fibre";
    default: return lh__category_label((enum lh_category)kind);
    }
}

/* ---- the picture --------------------------------------------------------- */

static double height_of(const struct lh__lane *lane)
{
    return lane->thin ? THIN : THICK;
}

/* Lanes of one class of ranks touch. */
static double lane_y(const struct lh__lanes *lanes, int lane)
{
    double y = 4;

    for (int i = 1; i <= lane; i++)
        y += height_of(&lanes->lanes[i - 1]) + (lanes->lanes[i].thin ? 1 : GAP)
             + (lanes->lanes[i].thin || lanes->lanes[i - 1].thin ? 0 : 8);
    return y;
}

static void put_lane(struct lh__page *p, const struct lh__lanes *lanes, int i)
{
    const struct lh__columns columns = {LH__LANE_COLUMNS, LH__LANE_KINDS, LABEL,
                                        LH__WIDTH - LABEL - RIGHT, kind_class};
    int kinds[LH__LANE_COLUMNS];

    for (int c = 0; c < LH__LANE_COLUMNS; c++)
        kinds[c] = kind_in(lanes, i, c);
    lh__svg_columns(p, &columns, kinds, lane_y(lanes, i),
                    height_of(&lanes->lanes[i]));
}

static void put_label(struct lh__page *p, const struct lh__lanes *lanes, int i)
{
    const struct lh__lane *lane = &lanes->lanes[i];
    double y = lane_y(lanes, i);

    if (lane->thin)
        return;
    lh__svg_text(p, LABEL - 8, y + 10, "end",
                 lh__clipped(p->arena, lane->label, 18));
    lh__svg_text(p, LABEL - 8, y + 23, "end dim",
                 lh__clipped(p->arena, lane->more, 21));
}

/* ---- legend and table ---------------------------------------------------- */

static double lane_seconds(const struct lh__lanes *lanes, int i, int kind)
{
    double sum = 0;

    for (int c = 0; c < LH__LANE_COLUMNS; c++)
        sum += fmin(lanes->lanes[i].busy_s[c * LH__LANE_KINDS + kind],
                    column_s(lanes));
    return sum;
}

static bool is_used(const struct lh__lanes *lanes, int kind)
{
    for (int i = 0; i < lanes->n; i++) {
        if (lane_seconds(lanes, i, kind) > 0)
            return true;
    }
    return false;
}

static void put_legend(struct lh__page *p, const struct lh__lanes *lanes)
{
    lh__legend_begin(p);
    for (int k = 0; k < LH__LANE_KINDS; k++) {
        if (is_used(lanes, k))
            lh__legend_item(p, kind_class(k), kind_label(k));
    }
    lh__legend_end(p);
}

static const char *lane_words(struct lh__page *p, const struct lh__lanes *lanes,
                              int i)
{
    const struct lh__lane *lane = &lanes->lanes[i];

    if (lane->thin)
        return lh_format(p->arena, "%s, communication in flight",
                         lanes->lanes[i - 1].label);
    return lh_format(p->arena, "%s (%s)", lane->label, lane->more);
}

static void put_table(struct lh__page *p, const struct lh__lanes *lanes)
{
    const char *cells[LH__LANE_KINDS + 1] = {"lane"};
    int kinds[LH__LANE_KINDS], n = 0;

    for (int k = 0; k < LH__LANE_KINDS; k++) {
        if (is_used(lanes, k)) {
            kinds[n] = k;
            cells[++n] = kind_label(k);
        }
    }
    lh__table_begin(p, cells, n + 1);
    for (int i = 0; i < lanes->n; i++) {
        cells[0] = lane_words(p, lanes, i);
        for (int k = 0; k < n; k++) {
            double seconds = lane_seconds(lanes, i, kinds[k]);
            cells[k + 1] = seconds > 0 ? lh__seconds(p->arena, seconds) : "";
        }
        lh__table_row(p, cells, n + 1);
    }
    lh__table_end(p);
}

static const char *caption(struct lh__page *p, const struct lh__lanes *lanes)
{
    const struct lh_trace *t = p->in->report->trace;
    struct lh_text text = lh_text_new(p->arena);

    lh_text_add(&text, "One accelerator of each kind: above what it computes, "
                       "below what it communicates; then what is in flight on "
                       "the network, on any link of the kind.");
    if (lh_cycle_steps(p->in->report->program) > 1)
        lh_text_printf(
            &text,
            "  Step %" PRId64 " of a cycle of %" PRId64
            ", the one in which most crosses fibre: it takes %s, a mean step "
            "%s.",
            (t->phase + (t->step_number ? t->step_number[lanes->step] : 0))
                    % lh_cycle_steps(p->in->report->program)
                + 1,
            lh_cycle_steps(p->in->report->program),
            lh__seconds(p->arena, lanes->end_s - lanes->begin_s),
            lh__seconds(p->arena, t->step_time_s));

    if (lanes->left_out > 0)
        lh_text_printf(&text, "  %d more kinds are left out (--trace has all).",
                       lanes->left_out);
    return text.s;
}

void lh__report_gantt(struct lh__page *p)
{
    struct lh__lanes lanes;
    double height;

    if (p->in->report->trace == NULL)
        return;
    lh__lanes_find(&lanes, p->in->report, p->arena);
    if (lanes.n == 0)
        return;
    height = lane_y(&lanes, lanes.n - 1) + THICK + 12;
    lh__section_begin(p, "gantt",
                      p->in->report->rl != NULL
                          ? "One optimizer step of the trainer in time"
                          : "One step in time",
                      caption(p, &lanes));
    put_legend(p, &lanes);
    lh__svg_begin(p, "One step in time, by stage and network", height + 20);
    lh__time_axis(p, LABEL, LH__WIDTH - LABEL - RIGHT, height,
                  lanes.end_s - lanes.begin_s);
    for (int i = 0; i < lanes.n; i++) {
        lh__svg_rect(p,
                     (double[]){LABEL, lane_y(&lanes, i),
                                LH__WIDTH - LABEL - RIGHT,
                                height_of(&lanes.lanes[i])},
                     "panel", NULL);
        put_lane(p, &lanes, i);
        put_label(p, &lanes, i);
    }
    lh__svg_end(p);
    put_table(p, &lanes);
    lh__section_end(p);
}
