/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The report's heat map: the step over bandwidth and length of the fibres, over
 * the same accelerators in one site (a loop's: over the same with its sites
 * side by side), with the line where it is 5 % more.
 *
 * The line is found by marching squares between neighbouring runs (Lorensen and
 * Cline, "Marching cubes", SIGGRAPH 1987, in two dimensions): on a side of a
 * square whose ends lie to either side of 1.05 it crosses where the logarithm
 * of the ratio, taken as straight between the two, is log 1.05.  A square with
 * four crossings (a saddle) is left as two lines from neighbouring sides.
 */
#include <math.h>

#include "report.h"

enum { LEFT = 110, TOP = 10, CELL = 46, BOTTOM = 48 };

static const double contour = 1.05;

static double cell_width(const struct lh_report_grid *g)
{
    return (double)(LH__WIDTH - LEFT - 16) / g->n_bandwidths;
}

/* The longest fibre is at the top. */
static double centre_x(const struct lh_report_grid *g, double i)
{
    return LEFT + (i + 0.5) * cell_width(g);
}

static double centre_y(const struct lh_report_grid *g, double k)
{
    return TOP + (g->n_lengths - 0.5 - k) * CELL;
}

static double ratio(const struct lh__page *p, int i, int k)
{
    const struct lh_report_grid *g = p->in->grid;

    return g->step_s[k * g->n_bandwidths + i] / g->base_s;
}

static const double bounds[] = {1.01, 1.05, 1.1, 1.25, 1.5, 2};
enum { BOUNDS = (int)(sizeof bounds / sizeof bounds[0]) };

static int shade(double x)
{
    int i = 0;

    while (i < BOUNDS && x > bounds[i])
        i++;
    return i;
}

static const char *over(struct lh_arena *arena, double x)
{
    if (!isfinite(x))
        return "refused";
    return x < 10 ? lh__change_text(arena, x - 1)
                  : lh_format(arena, "%.3g ×", x);
}

static void put_cells(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;
    double width = cell_width(g);

    for (int k = 0; k < g->n_lengths; k++) {
        for (int i = 0; i < g->n_bandwidths; i++) {
            double x = ratio(p, i, k);
            lh__svg_rect(p,
                         (double[]){centre_x(g, i) - width / 2,
                                    centre_y(g, k) - CELL / 2.0, width, CELL},
                         isfinite(x) ? lh_format(p->arena, "h%d", shade(x))
                                     : "panel",
                         NULL);
        }
    }
}

static void put_figures(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;

    for (int k = 0; k < g->n_lengths; k++) {
        for (int i = 0; i < g->n_bandwidths; i++) {
            double x = ratio(p, i, k);
            lh__svg_text(p, centre_x(g, i), centre_y(g, k) + 5,
                         !isfinite(x)   ? "dim middle"
                         : shade(x) > 3 ? "on-dark middle"
                         : shade(x) > 2 ? "on-light middle"
                                        : "on-light edged middle",
                         over(p->arena, x));
        }
    }
}

static void put_axes(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;
    double y = TOP + g->n_lengths * CELL;

    for (int i = 0; i < g->n_bandwidths; i++)
        lh__svg_text(p, centre_x(g, i), y + 18, "dim middle",
                     lh_units_human(p->arena, g->bandwidths_bytes_per_s[i],
                                    LH_DIM_BANDWIDTH));
    for (int k = 0; k < g->n_lengths; k++)
        lh__svg_text(p, LEFT - 8, centre_y(g, k) + 4, "dim end",
                     lh_units_human(p->arena, g->lengths_m[k], LH_DIM_LENGTH));
    lh__svg_text(p, LEFT + (LH__WIDTH - LEFT) / 2.0, y + 38, "middle",
                 !g->several            ? "bandwidth of the fibre, each way"
                 : g->unlike_bandwidths ? "bandwidth of the slowest fibre, "
                                          "each way; the others in proportion"
                                        : "bandwidth of every fibre, each way");
    lh__svg_text(p, 0, TOP + 4, "", g->unlike_lengths ? "longest" : "length");
}

/* ---- the contour --------------------------------------------------------- */

/* Where the contour crosses from run a to run b; false: it does not. */
static bool crossing(double at[2], struct lh__page *p, const int a[2],
                     const int b[2])
{
    const struct lh_report_grid *g = p->in->grid;
    double from = log(ratio(p, a[0], a[1]) / contour);
    double to = log(ratio(p, b[0], b[1]) / contour);
    double share;

    if (!isfinite(from) || !isfinite(to) || (from > 0) == (to > 0))
        return false;
    share = from / (from - to);
    at[0] = centre_x(g, a[0] + share * (b[0] - a[0]));
    at[1] = centre_y(g, a[1] + share * (b[1] - a[1]));
    return true;
}

static int put_square(struct lh__page *p, int i, int k)
{
    const int corners[5][2] = {
        {i, k}, {i + 1, k}, {i + 1, k + 1}, {i, k + 1}, {i, k}};
    double at[4][2];
    int n = 0;

    for (int side = 0; side < 4; side++)
        n += crossing(at[n], p, corners[side], corners[side + 1]);
    for (int line = 0; line + 1 < n; line += 2)
        lh__svg_line(p, at[line], at[line + 1], "contour");
    return n / 2;
}

static int put_contour(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;
    int n = 0;

    for (int k = 0; k + 1 < g->n_lengths; k++) {
        for (int i = 0; i + 1 < g->n_bandwidths; i++)
            n += put_square(p, i, k);
    }
    return n;
}

/* Where a value stands between ascending ones, by their logarithms. */
static double place_among(const double *values, int n, double value)
{
    for (int i = 0; i + 1 < n; i++) {
        if (value <= values[i + 1])
            return i
                   + fmax(0, log(value / values[i])
                                 / log(values[i + 1] / values[i]));
    }
    return n - 1;
}

/* Dark on light, to be seen on any shade. */
static void put_oval(struct lh__page *p, double x, double y,
                     const char *classes)
{
    lh_text_printf(p->out,
                   "<rect x=\"%.1f\" y=\"%.1f\" width=\"80\" height=\"30\" "
                   "rx=\"15\" class=\"%s\"/>\n",
                   x - 40, y - 15, classes);
}

static void put_own(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;
    double x = centre_x(g, place_among(g->bandwidths_bytes_per_s,
                                       g->n_bandwidths, g->own_bytes_per_s));
    double y = centre_y(g, place_among(g->lengths_m, g->n_lengths, g->own_m));

    if (!(g->own_m > 0))
        return;
    put_oval(p, x, y, "ring-back");
    put_oval(p, x, y, "ring");
}

/* ---- table and section --------------------------------------------------- */

static void put_table(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;
    const char **cells = LH_NEW(p->arena, const char *, g->n_bandwidths + 1);

    cells[0] = "length";
    for (int i = 0; i < g->n_bandwidths; i++)
        cells[i + 1] = lh_units_human(p->arena, g->bandwidths_bytes_per_s[i],
                                      LH_DIM_BANDWIDTH);
    lh__table_begin(p, cells, g->n_bandwidths + 1);
    for (int k = 0; k < g->n_lengths; k++) {
        cells[0] = lh_units_human(p->arena, g->lengths_m[k], LH_DIM_LENGTH);
        for (int i = 0; i < g->n_bandwidths; i++) {
            double step_s = g->step_s[k * g->n_bandwidths + i];
            cells[i + 1] =
                isfinite(step_s) ? lh__seconds(p->arena, step_s) : "refused";
        }
        lh__table_row(p, cells, g->n_bandwidths + 1);
    }
    lh__table_end(p);
}

static const char *beside(const struct lh__page *p)
{
    return p->in->report->rl != NULL ? "over the sites side by side"
                                     : "over one site";
}

static const char *line_says(struct lh__page *p, bool line)
{
    const struct lh_report *report = p->in->report;
    double own_s = report->rl != NULL ? report->rl->result.step_time_s
                                      : report->result->step_time_s;
    const char *oval =
        p->in->grid->own_m > 0
            ? lh_format(p->arena, "  The oval: the scenario (%s).",
                        over(p->arena, own_s / p->in->grid->base_s))
            : "";

    return lh_format(p->arena,
                     line ? "The thick line: 5 %% %s.%s"
                          : "All runs lie on one side of 5 %% %s.%s",
                     beside(p), oval);
}

/* What a cell is, and what is varied of several fibres. */
static const char *caption(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;

    return lh_format(
        p->arena, "%s; every cell is a run.%s%s",
        p->in->report->rl != NULL
            ? "Time of a step of the loop over that with the sites side by "
              "side"
            : "Step time over that of the same accelerators in one site",
        g->several ? "  All fibres are varied together" : "",
        !g->several         ? ""
        : g->unlike_lengths ? "; length is that of the longest, the others in "
                              "proportion."
                            : ".");
}

void lh__report_grid(struct lh__page *p)
{
    const struct lh_report_grid *g = p->in->grid;
    int lines;

    if (g == NULL)
        return;
    lh__section_begin(p, "grid", "How much fibre is enough?", caption(p));
    lh__svg_begin(
        p,
        lh_format(p->arena, "Step time %s, by bandwidth and length", beside(p)),
        TOP + g->n_lengths * CELL + BOTTOM);
    put_cells(p);
    put_axes(p);
    lines = put_contour(p);
    put_figures(p);
    put_own(p);
    lh__svg_end(p);
    lh_text_add(p->out, "<p>");
    lh__escaped(p->out, line_says(p, lines > 0));
    lh_text_add(p->out, "</p>\n");
    put_table(p);
    lh__section_end(p);
}
