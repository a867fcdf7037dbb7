/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What pictures over time share: an axis with round ticks, and lanes of equal
 * columns, in which neighbours of one kind are one rectangle, so that a picture
 * has a size that does not grow with what happens in it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* Of hours and days the ticks are whole ones, not so many seconds. */
struct unit {
    double s;
    const char *name; /* NULL: as lh__seconds() has it */
};

static struct unit unit_of(double seconds)
{
    return seconds >= 3 * 86400.0 ? (struct unit){86400, "d"}
           : seconds >= 3 * 3600  ? (struct unit){3600, "h"}
                                  : (struct unit){1, NULL};
}

static const char *tick_text(const struct lh__page *p, double seconds,
                             struct unit unit)
{
    if (seconds == 0)
        return "0";
    return unit.name ? lh_format(p->arena, "%g %s", seconds / unit.s, unit.name)
                     : lh__seconds(p->arena, seconds);
}

void lh__time_axis(struct lh__page *p, double x, double width, double height,
                   double seconds)
{
    struct unit unit = unit_of(seconds);
    double step_s = unit.s * lh__round_step(seconds / unit.s, TICKS);

    for (int i = 0; i * step_s <= seconds * (1 + 1e-9); i++) {
        double at = x + i * step_s / seconds * width;
        lh__svg_line(p, (double[]){at, 0}, (double[]){at, height}, "rule");
        lh__svg_text(p, at, height + 15,
                     i == 0                ? "dim"
                     : at > x + width - 30 ? "dim end"
                                           : "dim middle",
                     tick_text(p, i * step_s, unit));
    }
}

/* One decimal, with neither ".0" nor a 0 ahead of the point: a picture has
 * thousands. */
static void add_short(struct lh_text *path, char command, double value)
{
    char text[32];
    const char *digits = text;
    size_t n;

    snprintf(text, sizeof text, "%.1f", fabs(value));
    n = strlen(text);
    if (n > 2 && strcmp(text + n - 2, ".0") == 0)
        text[n - 2] = '\0';
    else if (text[0] == '0')
        digits++;
    lh_text_printf(path, "%c%s%s", command,
                   value < 0 && strcmp(digits, "0") != 0 ? "-" : "", digits);
}

static void add_rect(struct lh_text *path, const double box[4])
{
    add_short(path, 'M', box[0]);
    add_short(path, ' ', box[1]);
    add_short(path, 'h', box[2]);
    add_short(path, 'v', box[3]);
    add_short(path, 'h', -box[2]);
}

void lh__svg_columns(struct lh__page *p, const struct lh__columns *c,
                     const int *kinds, double y, double height)
{
    struct lh_text *paths = LH_NEW(p->arena, struct lh_text, c->n_kinds);
    double width = c->width / c->n;

    for (int k = 0; k < c->n_kinds; k++)
        paths[k] = lh_text_new(p->arena);
    for (int from = 0, to; from < c->n; from = to) {
        for (to = from + 1; to < c->n && kinds[to] == kinds[from]; to++)
            ;
        if (kinds[from] >= 0)
            add_rect(&paths[kinds[from]],
                     (double[]){c->x + from * width, y, (to - from) * width,
                                height});
    }
    for (int k = 0; k < c->n_kinds; k++) {
        if (paths[k].n > 0)
            lh_text_printf(p->out, "<path class=\"%s\" d=\"%s\"/>\n",
                           c->class_of(k), paths[k].s);
    }
}
