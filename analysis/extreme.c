/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The search behind `solve --maximise` and `--minimise`: the value of a key
 * with which a figure is best, such as the split of accelerators between two
 * roles.  It asks for values and is told what came of them, as search.c does.
 *
 *   named values   all are tried
 *   a range        both ends and 7 values between, evenly in log(x + x0); then,
 *                  in turns, the middles between the best value and those
 *                  beside it, until they are within the resolution of it, or
 *                  neighbours (a search of three points: each round halves
 *                  what is left, on a figure with one peak)
 *
 * A figure with several peaks over what was tried is said to be so: the answer
 * is then the best of what was tried.  Figures that differ by less than 1e-9 of
 * the largest are equal.
 * Place in the pipeline: beside search.c.
 */
#include "search.h"

#include <math.h>

/* -1, 0, 1: a is worse, as good, better than b.  Equal is what differs by less
 * than 1e-9 of the largest of all. */
static int compare(const struct lh_search *s, double a, double b)
{
    double largest = 0;

    for (int i = lh__search_usable(s, 0, 1); i >= 0;
         i = lh__search_usable(s, i + 1, 1))
        largest = fmax(largest, fabs(s->trials[i].figure));
    if (fabs(a - b) <= 1e-9 * largest)
        return 0;
    return (a > b) == s->target.at_least ? 1 : -1;
}

/* Of equals the lowest; -1: all were refused. */
static int best_of(const struct lh_search *s)
{
    int best = lh__search_usable(s, 0, 1);

    for (int i = best; i >= 0; i = lh__search_usable(s, i + 1, 1))
        if (compare(s, s->trials[i].figure, s->trials[best].figure) > 0)
            best = i;
    return best;
}

static int add(const struct lh_search *s, double *out, int n, double value)
{
    if (n == LH_SEARCH_ROUND || lh__search_is_tried(s, value))
        return n;
    out[n] = value;
    return n + 1;
}

static int next_named(const struct lh_search *s, double *out)
{
    int n = 0;

    for (int i = 0; i < s->vary.n; i++)
        n = add(s, out, n, s->vary.numbers[i]);
    return n;
}

static int next_middles(const struct lh_search *s, double *out)
{
    int best = best_of(s), n = 0;

    for (int d = -1; best >= 0 && d <= 1; d += 2) {
        int side = best + d;
        if (side < 0 || side >= s->n_trials)
            continue;
        double a = s->trials[d < 0 ? side : best].value;
        double b = s->trials[d < 0 ? best : side].value;
        if (!lh__search_is_narrow(s, a, b))
            n = add(s, out, n, lh__search_between(s, a, b, 1, 2));
    }
    return n;
}

int lh__extreme_next(struct lh_search *s, double *out)
{
    if (!s->vary.span)
        return next_named(s, out);
    if (s->n_trials == 0)
        return lh__search_scan(s, out);
    return next_middles(s, out);
}

/* ---- what was found --------------------------------------------------------
 */

/* Is trial i, or the run of equals that it begins, above both its sides? */
static bool is_peak(const struct lh_search *s, int i)
{
    int before = lh__search_usable(s, i - 1, -1), after = i;

    do {
        after = lh__search_usable(s, after + 1, 1);
    } while (after >= 0
             && compare(s, s->trials[after].figure, s->trials[i].figure) == 0);
    return (before < 0
            || compare(s, s->trials[i].figure, s->trials[before].figure) > 0)
           && (after < 0
               || compare(s, s->trials[i].figure, s->trials[after].figure) > 0);
}

static void find_ties(struct lh_extreme *out, const struct lh_search *s,
                      int best)
{
    out->ties = LH_NEW(s->arena, double, s->n_trials);
    for (int i = best; i >= 0; i = lh__search_usable(s, i + 1, 1)) {
        if (i != best
            && compare(s, s->trials[i].figure, s->trials[best].figure) == 0)
            out->ties[out->n_ties++] = s->trials[i].value;
    }
}

static void find_peaks(struct lh_extreme *out, const struct lh_search *s,
                       int best)
{
    out->one_peak = true;
    for (int i = lh__search_usable(s, 0, 1); i >= 0;
         i = lh__search_usable(s, i + 1, 1)) {
        int way = compare(s, s->trials[i].figure, s->trials[best].figure);
        out->has_effect |= way != 0;
        if (i == best || !is_peak(s, i))
            continue;
        if (out->one_peak
            || compare(s, s->trials[i].figure, out->other.figure) > 0)
            out->other = s->trials[i];
        out->one_peak = false;
    }
}

void lh_extreme_make(struct lh_extreme *out, const struct lh_search *s)
{
    int best = best_of(s);

    *out = (struct lh_extreme){.one_peak = true};
    if (best < 0)
        return;
    out->best = s->trials[best];
    find_ties(out, s, best);
    find_peaks(out, s, best);
    out->at_end = lh__search_usable(s, best - 1, -1) < 0
                  || lh__search_usable(s, best + 1, 1) < 0;
}
