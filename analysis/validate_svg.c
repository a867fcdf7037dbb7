/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/validation.svg: step times simulated over published, both axes
 * logarithmic, with the band of 10 % to either side.  A row that published a
 * rate is drawn at the step time that the rate means.
 *
 * Place in the pipeline: after lh_validation_run().  Whole tenths of pixels,
 * so that the same figures give the same bytes.  Leaves out rows that were
 * refused, that ablate another, or that are of no step.
 */
#include <math.h>

#include "validate.h"

enum { LEFT = 70, TOP = 40, SIDE = 480, LEGEND = LEFT + SIDE + 20 };

struct picture {
    struct lh_text *out;
    double low, high; /* powers of ten, of both axes */
};

static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73",
                                      "#cc79a7", "#e69f00", "#56b4e9",
                                      "#332288", "#882255"};
enum { N_COLOURS = (int)(sizeof colours / sizeof colours[0]) };

static double along(const struct picture *p, double step_s)
{
    return SIDE * (log10(step_s) - p->low) / (p->high - p->low);
}

static double x_of(const struct picture *p, double step_s)
{
    return LEFT + along(p, step_s);
}

static double y_of(const struct picture *p, double step_s)
{
    return TOP + SIDE - along(p, step_s);
}

static bool is_drawn(const struct lh_validation_row *row)
{
    return isfinite(row->step_time_s) && *row->ablates == '\0';
}

static bool has_drawn(const struct lh_validation_source *source)
{
    for (int i = 0; i < source->n_rows; i++) {
        if (is_drawn(&source->rows[i]))
            return true;
    }
    return false;
}

static const char *colour_of(const struct lh_validation *v, int source)
{
    int n = 0;
    for (int i = 0; i < source; i++)
        n += has_drawn(&v->sources[i]);
    return colours[n % N_COLOURS];
}

static void find_range(struct picture *p, const struct lh_validation *v)
{
    double least = INFINITY, most = 0;
    for (int i = 0; i < v->n_sources; i++) {
        for (int k = 0; k < v->sources[i].n_rows; k++) {
            const struct lh_validation_row *row = &v->sources[i].rows[k];
            if (!is_drawn(row))
                continue;
            double published = lh__published_step_s(row);
            least = fmin(least, fmin(published, row->step_time_s));
            most = fmax(most, fmax(published, row->step_time_s));
        }
    }
    p->low = most > 0 ? floor(log10(least)) : -1;
    p->high = most > 0 ? ceil(log10(most)) : 1;
    if (p->high <= p->low)
        p->high = p->low + 1;
}

static void put_text(struct lh_text *out, double x, double y,
                     const char *anchor, const char *text)
{
    lh_text_printf(out,
                   "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" "
                   "font-size=\"12\">",
                   x, y, anchor);
    for (; *text; text++)
        lh_text_printf(out,
                       *text == '<'   ? "&lt;"
                       : *text == '&' ? "&amp;"
                                      : "%c",
                       *text);
    lh_text_add(out, "</text>\n");
}

static void put_line(struct lh_text *out, const double from[2],
                     const double to[2], const char *colour)
{
    lh_text_printf(out,
                   "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                   "stroke=\"%s\"/>\n",
                   from[0], from[1], to[0], to[1], colour);
}

static void put_axes(const struct picture *p)
{
    for (double power = p->low; power <= p->high; power++) {
        double step_s = pow(10, power);
        double x = x_of(p, step_s), y = y_of(p, step_s);
        const char *label = lh_format(p->out->arena, "%g s", step_s);
        put_line(p->out, (double[]){x, TOP}, (double[]){x, TOP + SIDE},
                 "#dddddd");
        put_line(p->out, (double[]){LEFT, y}, (double[]){LEFT + SIDE, y},
                 "#dddddd");
        put_text(p->out, x, TOP + SIDE + 18, "middle", label);
        put_text(p->out, LEFT - 8, y + 4, "end", label);
    }
    put_text(p->out, LEFT + SIDE / 2.0, TOP + SIDE + 40, "middle",
             "step, published");
    put_text(p->out, LEFT, TOP - 12, "start", "step, simulated");
}

/* The band, cut at the frame by a clip. */
static void put_band(const struct picture *p)
{
    double low = pow(10, p->low), high = pow(10, p->high);
    lh_text_printf(p->out,
                   "<clipPath id=\"frame\"><rect x=\"%d\" y=\"%d\" "
                   "width=\"%d\" height=\"%d\"/></clipPath>\n",
                   LEFT, TOP, SIDE, SIDE);
    lh_text_printf(p->out,
                   "<polygon clip-path=\"url(#frame)\" fill=\"#e8e8e8\" "
                   "points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n",
                   x_of(p, low), y_of(p, 1.1 * low), x_of(p, high),
                   y_of(p, 1.1 * high), x_of(p, high), y_of(p, 0.9 * high),
                   x_of(p, low), y_of(p, 0.9 * low));
}

static void put_rows(const struct picture *p,
                     const struct lh_validation_source *source,
                     const char *colour)
{
    for (int i = 0; i < source->n_rows; i++) {
        const struct lh_validation_row *row = &source->rows[i];
        if (!is_drawn(row))
            continue;
        lh_text_printf(p->out,
                       "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\" "
                       "stroke=\"%s\"/>\n",
                       x_of(p, lh__published_step_s(row)),
                       y_of(p, row->step_time_s), row->counts ? "3.5" : "2.5",
                       row->counts ? colour : "none", colour);
    }
}

static void put_legend(const struct picture *p, const struct lh_validation *v)
{
    int y = TOP + 10;
    for (int i = 0; i < v->n_sources; i++) {
        if (!has_drawn(&v->sources[i]))
            continue;
        lh_text_printf(p->out,
                       "<circle cx=\"%d\" cy=\"%d\" r=\"3.5\" fill=\"%s\"/>\n",
                       LEGEND, y, colour_of(v, i));
        put_text(p->out, LEGEND + 10, y + 4, "start", v->sources[i].name);
        y += 20;
    }
    put_text(p->out, LEGEND - 4, y + 10, "start", "hollow: does not count");
    put_text(p->out, LEGEND - 4, y + 28, "start", "grey: within 10 %");
}

void lh__validation_svg(struct lh_text *out, const struct lh_validation *v)
{
    struct picture p = {.out = out};
    find_range(&p, v);
    lh_text_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
                   "height=\"%d\" viewBox=\"0 0 %d %d\" "
                   "font-family=\"sans-serif\" role=\"img\">\n"
                   "<title>Step times of published runs, simulated over "
                   "published</title>\n"
                   "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
                   LEGEND + 190, TOP + SIDE + 60, LEGEND + 190, TOP + SIDE + 60,
                   LEGEND + 190, TOP + SIDE + 60);
    put_band(&p);
    put_axes(&p);
    for (int i = 0; i < v->n_sources; i++)
        put_rows(&p, &v->sources[i], colour_of(v, i));
    put_legend(&p, v);
    lh_text_add(out, "</svg>\n");
}
