/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bars of the report: one under the other on a common scale from 0, each of
 * parts one after the other, with its figure behind it.  A part that has room
 * says its share of the bar.
 */
#include <math.h>

#include "report.h"

enum { LABEL = 244, FIGURE = 136, ROW = 30, BAR = 20, TOP = 6 };

static double bar_width(void)
{
    return LH__WIDTH - LABEL - FIGURE;
}

static double sum_of(const struct lh__bar *bar)
{
    double sum = 0;

    for (int i = 0; i < bar->n; i++)
        sum += bar->parts[i].value;
    return sum;
}

/* A part is a share of its bar; what is alone is what the bar says. */
static const char *part_text(const struct lh__page *p,
                             const struct lh__bar *bar,
                             const struct lh__part *part, double sum)
{
    return bar->n == 1 ? bar->figure
                       : lh__share_text(p->arena, part->value / sum);
}

static void put_parts(struct lh__page *p, const struct lh__bar *bar, double y,
                      double per_unit)
{
    double x = LABEL, sum = sum_of(bar);

    for (int i = 0; i < bar->n; i++) {
        const struct lh__part *part = &bar->parts[i];
        double width = part->value * per_unit;
        if (!(part->value > 0))
            continue;
        lh__svg_rect(p, (double[]){x, y, fmax(width, 0.3), BAR}, part->classes,
                     lh_format(p->arena, "%s: %s", part->name,
                               part_text(p, bar, part, sum)));
        x += width;
    }
}

static void put_bar(struct lh__page *p, const struct lh__bar *bar, double y,
                    double per_unit)
{
    double end = LABEL + sum_of(bar) * per_unit;

    lh__svg_text(p, LABEL - 8, y + 15, bar->strong ? "end strong" : "end",
                 lh__clipped(p->arena, bar->label, bar->strong ? 27 : 31));
    put_parts(p, bar, y, per_unit);
    if (isfinite(bar->mark)) {
        double x = LABEL + bar->mark * per_unit;
        lh__svg_line(p, (double[]){x, y - 3}, (double[]){x, y + BAR + 3},
                     "mark");
        end = fmax(end, x);
    }
    lh__svg_text(p, end + 7, y + 15, bar->strong ? "strong" : "", bar->figure);
}

void lh__bars(struct lh__page *p, const char *title, const struct lh__bar *bars,
              int n, double most)
{
    double per_unit = most > 0 ? bar_width() / most : 0;

    lh__svg_begin(p, title, TOP + (double)n * ROW + 4);
    lh__svg_line(p, (double[]){LABEL, 0},
                 (double[]){LABEL, TOP + (double)n * ROW}, "axis");
    for (int i = 0; i < n; i++)
        put_bar(p, &bars[i], TOP + (double)i * ROW, per_unit);
    lh__svg_end(p);
}
