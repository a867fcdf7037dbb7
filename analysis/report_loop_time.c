/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Three steps from the middle of the loop of reinforcement learning on a line
 * of time: the trainer, weights on their way, the first replica of each entry
 * of generators and the first worker of each verifier (workloads/rl/spans.c).
 *
 * A column of a lane has the colour of what fills it most, however short.
 * Leaves out: other replicas and workers, and entries beyond a dozen.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report.h"

enum { STEPS = 3, LEFT = 160, RIGHT = 16, LANE = 16, PITCH = 26, LANES = 18 };
enum { COLUMNS = LH__LANE_COLUMNS };

static const struct kind {
    const char *span, *classes, *label;
} kinds[] = {
    {"train", "train", "train"},
    {"log-probs", "log-prob", "forward passes"},
    {"gather weights", "gather", "gather or load weights"},
    {"load weights", "gather", NULL},
    {"switch", "switch", "switch"},
    {"push", "wan", "weights on their way"},
    {"generate", "generate", "generate"},
    {"judge", "tensor", "judge"},
};
enum { KINDS = (int)(sizeof kinds / sizeof kinds[0]) };

struct picture {
    const struct lh_rl_report *rl;
    int n;         /* lanes */
    int64_t first; /* of the steps shown */
    double begin_s, end_s;
    double (*busy_s)[COLUMNS][KINDS]; /* [n] */
    double sum_s[LANES][KINDS];
};

static int kind_of(const char *span)
{
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].span, span) == 0)
            return i;
    }
    return -1;
}

/* Where an entry or a verifier has none of the lanes that are drawn: -1. */
static int lane_of(const struct picture *at, int span_lane)
{
    return span_lane < at->n ? span_lane : -1;
}

static const char *label_of(const struct picture *at, int lane,
                            struct lh_arena *arena)
{
    const struct lh_rl *rl = &at->rl->scenario->rl;
    int role = lane - LH_RL_LANE_ROLES;

    if (lane == LH_RL_LANE_TRAINER)
        return lh_format(arena, "trainer, %s", rl->trainer_site_name);
    if (lane == LH_RL_LANE_WEIGHTS)
        return "weights";
    if (role < rl->n_fleets)
        return lh_format(arena, "generator, %s", rl->fleets[role].site_name);
    role -= rl->n_fleets;
    return lh_format(arena, "%s, %s", lh__rl_judge(&rl->verifiers[role]),
                     rl->verifiers[role].site_name);
}

static void add_span(struct picture *at, const struct lh_rl_span *span)
{
    double column_s = (at->end_s - at->begin_s) / COLUMNS;
    double begin = fmax((span->begin_s - at->begin_s) / column_s, 0);
    double end = fmin((span->end_s - at->begin_s) / column_s, COLUMNS);
    int lane = lane_of(at, span->lane), kind = kind_of(span->name);

    if (lane < 0 || kind < 0 || !(end > begin))
        return;
    at->sum_s[lane][kind] += (end - begin) * column_s;
    for (int i = (int)begin; i < COLUMNS && i < end; i++)
        at->busy_s[lane][i][kind] += fmin(end, i + 1) - fmax(begin, i);
}

static bool find(struct picture *out, const struct lh_rl_report *rl,
                 struct lh_arena *arena)
{
    const struct lh_rl_spans *spans = &rl->spans;
    int n = LH_RL_LANE_ROLES + rl->scenario->rl.n_fleets
            + rl->scenario->rl.n_verifiers;
    int64_t first =
        (rl->scenario->rl.warmup_steps + spans->n_steps - STEPS) / 2;

    /* what is unfinished at the end has left no span */
    if (first < 1 || first + STEPS > spans->n_steps)
        return false;
    *out = (struct picture){.rl = rl,
                            .n = n < LANES ? n : LANES,
                            .first = first,
                            .begin_s = spans->step_s[first - 1],
                            .end_s = spans->step_s[first - 1 + STEPS]};
    out->busy_s = (double(*)[COLUMNS][KINDS])(void *)LH_NEW(
        arena, double, out->n *COLUMNS *KINDS);
    for (int64_t i = 0; i < spans->n_spans; i++)
        add_span(out, &spans->spans[i]);
    return out->end_s > out->begin_s;
}

/* ---- picture ---------------------------------------------------------------
 */

static const char *class_of(int kind)
{
    return kinds[kind].classes;
}

static void put_lane(struct lh__page *p, const struct picture *at, int lane)
{
    const struct lh__columns columns = {COLUMNS, KINDS, LEFT,
                                        LH__WIDTH - LEFT - RIGHT, class_of};
    int most[COLUMNS];
    double y = 4 + lane * PITCH;

    for (int i = 0; i < COLUMNS; i++) {
        const double *busy_s = at->busy_s[lane][i];
        most[i] = -1;
        for (int k = 0; k < KINDS; k++) {
            if (busy_s[k] > (most[i] < 0 ? 0 : busy_s[most[i]]))
                most[i] = k;
        }
    }
    lh__svg_rect(p, (double[]){LEFT, y, columns.width, LANE}, "panel", NULL);
    lh__svg_columns(p, &columns, most, y, LANE);
    lh__svg_text(p, LEFT - 8, y + 13, "end",
                 lh__clipped(p->arena, label_of(at, lane, p->arena), 20));
}

/* Where the trainer's steps end. */
static void put_ends(struct lh__page *p, const struct picture *at,
                     double height)
{
    const struct lh_rl_spans *spans = &at->rl->spans;

    for (int64_t i = at->first; i < at->first + STEPS - 1; i++) {
        double x = LEFT
                   + (spans->step_s[i] - at->begin_s)
                         / (at->end_s - at->begin_s)
                         * (LH__WIDTH - LEFT - RIGHT);
        lh__svg_line(p, (double[]){x, 0}, (double[]){x, height}, "mark");
    }
}

static double used_s(const struct picture *at, int kind)
{
    double sum = 0;

    for (int lane = 0; lane < at->n; lane++)
        sum += at->sum_s[lane][kind];
    return sum;
}

static void put_legend(struct lh__page *p, const struct picture *at)
{
    lh__legend_begin(p);
    for (int k = 0; k < KINDS; k++) {
        bool next = k + 1 < KINDS && kinds[k + 1].label == NULL;
        if (kinds[k].label != NULL
            && (used_s(at, k) > 0 || (next && used_s(at, k + 1) > 0)))
            lh__legend_item(p, kinds[k].classes, kinds[k].label);
    }
    lh__legend_end(p);
}

static void put_table(struct lh__page *p, const struct picture *at)
{
    const char *cells[KINDS + 1] = {"lane"};
    int shown[KINDS], n = 0;

    for (int k = 0; k < KINDS; k++) {
        if (used_s(at, k) > 0) {
            shown[n] = k;
            cells[++n] = kinds[k].span;
        }
    }
    lh__table_begin(p, cells, n + 1);
    for (int lane = 0; lane < at->n; lane++) {
        cells[0] = label_of(at, lane, p->arena);
        for (int i = 0; i < n; i++) {
            double seconds = at->sum_s[lane][shown[i]];
            cells[i + 1] = seconds > 0 ? lh__seconds(p->arena, seconds) : "";
        }
        lh__table_row(p, cells, n + 1);
    }
    lh__table_end(p);
}

void lh__report_loop_time(struct lh__page *p)
{
    struct picture at;
    double height;

    if (p->in->report->rl == NULL || !find(&at, p->in->report->rl, p->arena))
        return;
    height = 4 + at.n * PITCH;
    lh__section_begin(
        p, "looptime", "The loop in time",
        lh_format(p->arena,
                  "Steps %" PRId64 " to %" PRId64 " of %" PRId64
                  "; thick lines: the trainer ends one.  Of generators and "
                  "verifiers the first replica or worker, which stands for no "
                  "other.",
                  at.first + 1, at.first + STEPS, at.rl->spans.n_steps));
    put_legend(p, &at);
    lh__svg_begin(p, "The loop in time, by role and site", height + 20);
    lh__time_axis(p, LEFT, LH__WIDTH - LEFT - RIGHT, height,
                  at.end_s - at.begin_s);
    for (int lane = 0; lane < at.n; lane++)
        put_lane(p, &at, lane);
    put_ends(p, &at, height);
    lh__svg_end(p);
    put_table(p, &at);
    lh__section_end(p);
}
