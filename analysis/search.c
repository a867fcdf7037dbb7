/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The search behind `solve`: which value of a key is the last that reaches a
 * target.  It asks for values and is told what came of them; who simulates is
 * not its affair.
 *
 *   scan     both ends and up to 7 values between, evenly in log(x + x0); x0 is
 *            0 where the range begins above 0, else the dimension's least unit
 *   near     instead of it, where there is a guess: a value on either side of
 * it, then beyond, in turns by the line below and ever further away, until the
 * target lies between two round    of the bracket, the last value that reaches
 * the target and its neighbour that does not, in turns: two values around the
 * point at which y, linear in u, reaches the target; the values at 1/3 and 2/3
 * (y = 1/figure of `>=`, figure of `<=`; u = 1/x where the smallest x is
 * sought, else x: exact where a time grows with bytes over a bandwidth, or with
 * a distance) end      whole numbers: neighbours; else (hi + x0)/(lo + x0) <= 1
 * + resolution
 *
 * Two values a round after the first, whatever the number of jobs, so that the
 * answer is always the same.  The better end of the range says what is sought:
 * where the figure improves with the key, the smallest value that reaches the
 * target, else the largest.  A figure that is not monotone over the values
 * simulated is said to be so: the answer is then the edge nearest to the worse
 * end of the last run of values, seen from the better end, that all reach the
 * target. Place in the pipeline: beside lh_result_make().
 */
#include "search.h"

#include <math.h>
#include <string.h>

enum { SCAN = 8 }; /* intervals */

/* ---- the axis ------------------------------------------------------------ */

static double least_unit(const struct lh_search *s)
{
    switch (s->vary.range.dimension) {
    case LH_DIM_TIME: return 1e-6;
    case LH_DIM_BANDWIDTH: return 0.125;
    case LH_DIM_LENGTH:
    case LH_DIM_BYTES: return 1;
    default: return s->vary.range.whole ? 1 : s->vary.hi / 1000;
    }
}

static int index_of(const struct lh_search *s, double value)
{
    int i = 0;

    while (i < s->vary.n - 1 && s->vary.numbers[i] != value)
        i++;
    return i;
}

/* To as many digits as people read, where the resolution leaves that many. */
static double readable(const struct lh_search *s, double value)
{
    const struct lh_range *range = &s->vary.range;
    const char *text = lh_units_human(s->arena, value, range->dimension);
    const char *why;
    double read;

    if (s->resolution < 1e-3
        || lh_units_read(&read, text, range->dimension, s->arena, &why)
               != LH_OK)
        return value;
    return read;
}

/* k / m of the way from a to b. */
double lh__search_between(const struct lh_search *s, double a, double b, int k,
                          int m)
{
    double x;

    if (!s->vary.span) {
        int from = index_of(s, a), to = index_of(s, b);
        return s->vary.numbers[from + (to - from) * k / m];
    }
    x = (a + s->x0) * pow((b + s->x0) / (a + s->x0), (double)k / m) - s->x0;
    return s->vary.range.whole ? round(x) : readable(s, x);
}

bool lh__search_is_narrow(const struct lh_search *s, double a, double b)
{
    if (!s->vary.span)
        return index_of(s, b) - index_of(s, a) <= 1;
    if (s->vary.range.whole)
        return b - a <= 1;
    return b + s->x0 <= (1 + s->resolution) * (a + s->x0);
}

/* ---- trials -------------------------------------------------------------- */

static bool usable(const struct lh_trial *trial)
{
    return isfinite(trial->figure);
}

/* -1, 0, 1: a is worse, as good, better than b. */
static int compare(const struct lh_search *s, double a, double b)
{
    double slack = 1e-9 * fmax(fabs(a), fabs(b));

    if (fabs(a - b) <= slack)
        return 0;
    return (a > b) == s->target.at_least ? 1 : -1;
}

void lh_search_add(struct lh_search *s, const struct lh_trial *trial)
{
    size_t i;

    s->trials = lh_grow(s->arena, s->trials, &s->capacity,
                        (size_t)s->n_trials + 1, sizeof *s->trials);
    for (i = (size_t)s->n_trials++;
         i > 0 && s->trials[i - 1].value > trial->value; i--)
        s->trials[i] = s->trials[i - 1];
    s->trials[i] = *trial;
}

/* The next usable trial from i on, in steps of d; -1: none. */
int lh__search_usable(const struct lh_search *s, int i, int d)
{
    while (i >= 0 && i < s->n_trials && !usable(&s->trials[i]))
        i += d;
    return i < s->n_trials ? i : -1;
}

static void find_order(const struct lh_search *s, struct lh_solution *out)
{
    int last = lh__search_usable(s, 0, 1);

    out->monotone = true;
    out->has_effect = false;
    for (int i = last; i >= 0; i = lh__search_usable(s, i + 1, 1)) {
        int way = compare(s, s->trials[i].figure, s->trials[last].figure);
        out->has_effect |= way != 0;
        if ((out->smallest && way < 0) || (!out->smallest && way > 0)) {
            out->monotone = false;
            out->breaks[0] = s->trials[last];
            out->breaks[1] = s->trials[i];
        }
        last = i;
    }
}

/* From the better end to the first that reaches the target, and on to the last
 * of those in a row; -1: none reaches it. */
static int find_edge(const struct lh_search *s, bool smallest, int *beyond)
{
    int d = smallest ? -1 : 1;
    int i = lh__search_usable(s, smallest ? s->n_trials - 1 : 0, d);
    int edge = -1;

    while (i >= 0 && !lh_target_reached(&s->target, s->trials[i].figure))
        i = lh__search_usable(s, i + d, d);
    for (; i >= 0 && lh_target_reached(&s->target, s->trials[i].figure);
         i = lh__search_usable(s, i + d, d))
        edge = i;
    *beyond = edge >= 0 ? i : -1;
    return edge;
}

/* Of equals that at the better end. */
static int best_trial(const struct lh_search *s, bool smallest)
{
    int best = lh__search_usable(s, 0, 1);

    for (int i = best; i >= 0; i = lh__search_usable(s, i + 1, 1)) {
        int way = compare(s, s->trials[i].figure, s->trials[best].figure);
        if (way > 0 || (way == 0 && smallest))
            best = i;
    }
    return best;
}

void lh_search_solution(struct lh_solution *out, const struct lh_search *s)
{
    int first = lh__search_usable(s, 0, 1);
    int last = lh__search_usable(s, s->n_trials - 1, -1);
    int edge, beyond, best;

    *out = (struct lh_solution){.smallest = true};
    if (first < 0)
        return;
    out->smallest =
        compare(s, s->trials[last].figure, s->trials[first].figure) >= 0;
    find_order(s, out);
    best = best_trial(s, out->smallest);
    out->best = s->trials[best];
    edge = find_edge(s, out->smallest, &beyond);
    out->reached = edge >= 0;
    if (edge < 0)
        return;
    out->answer = s->trials[edge];
    out->everywhere = beyond < 0;
    if (beyond >= 0)
        out->beyond = s->trials[beyond];
}

/* ---- rounds -------------------------------------------------------------- */

bool lh__search_is_tried(const struct lh_search *s, double value)
{
    for (int i = 0; i < s->n_trials; i++) {
        if (s->trials[i].value == value)
            return true;
    }
    return false;
}

static int add_between(const struct lh_search *s, double *out, double a,
                       double b, int m)
{
    int n = 0;

    for (int k = 1; k < m; k++) {
        double x = lh__search_between(s, a, b, k, m);
        if (x > (n > 0 ? out[n - 1] : a) && x < b && !lh__search_is_tried(s, x))
            out[n++] = x;
    }
    return n;
}

/* ---- where a line reaches the target ------------------------------------- */

/* Linear in abscissa() where a time is, see the top. */
static double linear(const struct lh_search *s, double figure)
{
    return s->target.at_least ? 1 / figure : figure;
}

static double abscissa(const struct lh_search *s, bool smallest, double x)
{
    return smallest ? 1 / (x + s->x0) : x + s->x0;
}

/* NAN, or nonsense, where two trials do not tell. */
static double crossing(const struct lh_search *s, bool smallest,
                       const struct lh_trial *a, const struct lh_trial *b)
{
    double ya = linear(s, a->figure), yb = linear(s, b->figure);
    double ua = abscissa(s, smallest, a->value);
    double ub = abscissa(s, smallest, b->value);
    double u = ua + (linear(s, s->target.bound) - ya) * (ub - ua) / (yb - ya);

    return (smallest ? 1 / u : u) - s->x0;
}

/* x, moved by a factor; within the range. */
static double moved(const struct lh_search *s, double x, double factor)
{
    double to = (x + s->x0) * factor - s->x0;

    to = s->vary.range.whole ? round(to) : readable(s, to);
    return fmin(fmax(to, s->vary.lo), s->vary.hi);
}

/* One more value, if it is new. */
static int add_new(const struct lh_search *s, double *out, int n, double x)
{
    if (lh__search_is_tried(s, x) || (n > 0 && out[n - 1] == x))
        return n;
    out[n] = x;
    return n + 1;
}

/* Two values around x, as near to each other as the answer shall be. */
static int add_around(const struct lh_search *s, double *out, double x)
{
    double side = pow(1 + s->resolution, 0.35);
    int n = 0;

    if (s->vary.range.whole) {
        n = add_new(s, out, n, fmax(floor(x), s->vary.lo));
        return add_new(s, out, n, fmin(floor(x) + 1, s->vary.hi));
    }
    n = add_new(s, out, n, moved(s, x, 1 / side));
    return add_new(s, out, n, moved(s, x, side));
}

/* ---- near a guess -------------------------------------------------------- */

/* Beyond all trials, up or down, where a line through the last two of them
 * reaches the target. */
static int add_beyond(const struct lh_search *s, bool smallest, bool up,
                      double *out)
{
    const struct lh_trial *last = &s->trials[up ? s->n_trials - 1 : 0];
    double x;

    if (s->n_trials < 2)
        return 0;
    x = crossing(s, smallest, last, last + (up ? -1 : 1));
    if (!(x > s->vary.lo && x < s->vary.hi)
        || !(up ? x > last->value : x < last->value))
        return 0;
    return add_around(s, out, x);
}

/* Values beyond those tried, further away with every round; both ways as long
 * as the key shows no effect, or where all reach the target. */
static int go_on(struct lh_search *s, const struct lh_solution *found,
                 double *out)
{
    double first = s->trials[0].value;
    double last = s->trials[s->n_trials - 1].value;
    double factor = exp2(s->n_trials);
    bool up = found->reached != found->smallest;
    int n = 0;

    if (found->has_effect && s->rounds++ % 2 == 0)
        n = add_beyond(s, found->smallest, up, out);
    if (found->has_effect && n == 0) {
        double from = up ? last : first;
        n = add_new(s, out, n, moved(s, from, up ? factor : 1 / factor));
        /* what never reaches the target does not at the range's end */
        n = add_new(s, out, n, up ? s->vary.hi : s->vary.lo);
    }
    if (n == 0 && (found->reached || !found->has_effect)) {
        n = add_new(s, out, n, moved(s, first, 1 / factor));
        n = add_new(s, out, n, moved(s, last, factor));
    }
    return n;
}

/* ---- rounds -------------------------------------------------------------- */

int lh__search_scan(const struct lh_search *s, double *out)
{
    int n = 1 + add_between(s, out + 1, s->vary.lo, s->vary.hi, SCAN);

    out[0] = s->vary.lo;
    out[n] = s->vary.hi;
    return n + (s->vary.hi > s->vary.lo);
}

static int narrow(struct lh_search *s, const struct lh_solution *found,
                  double *out)
{
    double a = fmin(found->answer.value, found->beyond.value);
    double b = fmax(found->answer.value, found->beyond.value);
    double x = crossing(s, found->smallest, &found->answer, &found->beyond);
    int n = 0;

    if (lh__search_is_narrow(s, a, b))
        return 0;
    if (s->vary.span && s->rounds++ % 2 == 0 && x > a && x < b)
        n = add_around(s, out, x);
    return n > 0 ? n : add_between(s, out, a, b, 3);
}

/* The first values: around the guess; where they are known already, and none of
 * what is known reaches the target, the range's better end. */
static int begin(const struct lh_search *s, double *out)
{
    struct lh_solution found;
    int n;

    if (s->near <= 0)
        return s->n_trials == 0 ? lh__search_scan(s, out) : 0;
    n = s->near == s->vary.lo || s->near == s->vary.hi
            ? add_new(s, out, 0, s->near)
            : add_around(s, out, s->near);
    if (n > 0)
        return n;
    lh_search_solution(&found, s);
    return found.reached
               ? 0
               : add_new(s, out, 0, found.smallest ? s->vary.hi : s->vary.lo);
}

int lh_search_next(struct lh_search *s, double *out)
{
    struct lh_solution found;
    int n;

    if (s->target.extreme)
        return lh__extreme_next(s, out);
    if (!s->begun) {
        s->begun = true;
        n = begin(s, out);
        if (n > 0)
            return n;
    }
    lh_search_solution(&found, s);
    if (found.reached && !found.everywhere)
        return narrow(s, &found, out);
    return s->near > 0 ? go_on(s, &found, out) : 0;
}

/* ---- the beginning ------------------------------------------------------- */

static enum lh_status check_list(struct lh_search *s, struct lh_where where,
                                 struct lh_ctx *ctx)
{
    for (int i = 1; i < s->vary.n; i++) {
        if (!(s->vary.numbers[i] > s->vary.numbers[i - 1])) {
            lh_error(ctx, where, "values must go up; %s follows %s",
                     s->vary.values[i], s->vary.values[i - 1]);
            return LH_BAD_INPUT;
        }
    }
    s->vary.lo = s->vary.numbers[0];
    s->vary.hi = s->vary.numbers[s->vary.n - 1];
    return LH_OK;
}

enum lh_status lh_search_begin(struct lh_search *out,
                               const struct lh_vary *vary,
                               const struct lh_target *target,
                               double resolution, struct lh_ctx *ctx)
{
    struct lh_where where = {lh_format(ctx->arena, "--vary %s", vary->path), 0,
                             0};

    *out = (struct lh_search){.arena = ctx->arena,
                              .vary = *vary,
                              .target = *target,
                              .resolution = resolution};
    if (!vary->is_number) {
        lh_error(ctx, where,
                 "solve bisects numbers; this key is none (compare --vary sets "
                 "its values side by side)");
        return LH_BAD_INPUT;
    }
    if (!vary->span)
        return check_list(out, where, ctx);
    if (!isfinite(vary->hi)) {
        lh_error(ctx, where, "it has no largest value; give %s=lo..hi",
                 vary->path);
        return LH_BAD_INPUT;
    }
    if (vary->lo <= 0 && vary->range.above_min)
        out->vary.lo = least_unit(out);
    out->x0 = out->vary.lo > 0 ? 0 : least_unit(out);
    return LH_OK;
}
