/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What pictures over time share: an axis with round ticks, and lanes of equal
 * columns, in which neighbours of one kind are one rectangle, so that a picture
 * has a size that does not grow with what happens in it.
 */
#include <math.h>

#include "report.h"

enum { TICKS = 6 };

double lh__round_step(double range, int most)
{
    static const double digits[] = {1, 2, 5};
    double ten = pow(10, floor(log10(range / most)));

    for (int i = 0; i < 3; i++) {
        if (range / (digits[i] * ten) <= most * (1 + 1e-9))
            return digits[i] * ten;
    }
    return 10 * ten;
}

void lh__time_axis(struct lh__page *p, double x, double width, double height,
                   double seconds)
{
    double step_s = lh__round_step(seconds, TICKS);

    for (int i = 0; i * step_s <= seconds * (1 + 1e-9); i++) {
        double at = x + i * step_s / seconds * width;
        lh__svg_line(p, (double[]){at, 0}, (double[]){at, height}, "rule");
        lh__svg_text(p, at, height + 15,
                     i == 0                ? "dim"
                     : at > x + width - 30 ? "dim end"
                                           : "dim middle",
                     i == 0 ? "0" : lh__seconds(p->arena, i * step_s));
    }
}

void lh__svg_columns(struct lh__page *p, const struct lh__columns *c,
                     const int *kinds, double y, double height)
{
    struct lh_text *paths = LH_NEW(p->arena, struct lh_text, c->n_kinds);
    double width = c->width / c->n;

    for (int k = 0; k < c->n_kinds; k++)
        paths[k] = lh_text_new(p->arena);
    for (int from = 0, to; from < c->n; from = to) {
        double x = c->x + from * width, wide;
        for (to = from + 1; to < c->n && kinds[to] == kinds[from]; to++)
            ;
        wide = c->x + to * width - x;
        if (kinds[from] >= 0)
            lh_text_printf(&paths[kinds[from]], "M%.1f %.0fh%.1fv%.0fh%.1fz", x,
                           y, wide, height, -wide);
    }
    for (int k = 0; k < c->n_kinds; k++) {
        if (paths[k].n > 0)
            lh_text_printf(p->out, "<path class=\"%s\" d=\"%s\"/>\n",
                           c->class_of(k), paths[k].s);
    }
}
