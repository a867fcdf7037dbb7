/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Figures for papers (`longhaul run FILE --plot PREFIX`): the tables behind the
 * report's pictures as CSV in SI units, and a gnuplot script that draws them as
 * PDF or SVG, to be changed at will.
 *
 * Place in the pipeline: beside the report.  Texts in CSV are quoted as RFC
 * 4180 says.  Leaves out: the map and the time line.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report.h"

static void put_quoted(struct lh_text *out, const char *text)
{
    lh_text_add(out, "\"");
    for (; *text != '\0'; text++)
        lh_text_printf(out, *text == '"' ? "\"%c" : "%c", *text);
    lh_text_add(out, "\"");
}

static void put_number(struct lh_text *out, double value)
{
    lh_text_add(out, ",");
    if (isfinite(value))
        lh_text_double(out, value);
}

/* ---- tables -------------------------------------------------------------- */

static void parts_row(struct lh_text *out, const char *title,
                      const struct lh_result *r)
{
    put_quoted(out, title);
    put_number(out, r->step_time_s);
    for (int i = 0; i < LH_CATEGORIES; i++)
        put_number(out, r->breakdown_s[i]);
    lh_text_add(out, "\n");
}

static bool write_parts(struct lh_text *out, const struct lh_report_page *page,
                        const char *name)
{
    (void)name;
    lh_text_add(out, "scenario,step_time_s");
    for (int i = 0; i < LH_CATEGORIES; i++)
        lh_text_printf(out, ",%s_s", lh_category_name((enum lh_category)i));
    lh_text_add(out, "\n");
    parts_row(out, "as it stands", page->report->result);
    if (page->report->one_site != NULL)
        parts_row(out, "all in one site", page->report->one_site);
    for (int i = 0; i < page->n_bars; i++)
        parts_row(out, page->bars[i].title, page->bars[i].result);
    return true;
}

static bool write_links(struct lh_text *out, const struct lh_report_page *page,
                        const char *name)
{
    const struct lh_result *r = page->report->result;

    (void)name;
    lh_text_add(out, "link,kind,count,capacity_bytes_per_s,bytes,"
                     "busy_fraction\n");
    for (int i = 0; i < r->n_links; i++) {
        const struct lh_link_use *link = &r->links[i];
        if (!(link->busy_frac > 0))
            break;
        put_quoted(out, link->name);
        lh_text_printf(out, ",%s,%" PRId64, lh__link_kind_name(link->kind),
                       link->count);
        put_number(out, link->capacity_bytes_per_s);
        put_number(out, link->bytes);
        put_number(out, link->busy_frac);
        lh_text_add(out, "\n");
    }
    return true;
}

static bool write_grid(struct lh_text *out, const struct lh_report_page *page,
                       const char *name)
{
    const struct lh_report_grid *g = page->grid;

    (void)name;
    if (g == NULL)
        return false;
    lh_text_printf(out, "bandwidth_bytes_per_s,length_m,step_time_s,%s\n",
                   page->report->rl != NULL ? "side_by_side_step_time_s"
                                            : "one_site_step_time_s");
    for (int k = 0; k < g->n_lengths; k++) {
        for (int i = 0; i < g->n_bandwidths; i++) {
            lh_text_double(out, g->bandwidths_bytes_per_s[i]);
            put_number(out, g->lengths_m[k]);
            put_number(out, g->step_s[k * g->n_bandwidths + i]);
            put_number(out, g->base_s);
            lh_text_add(out, "\n");
        }
    }
    return true;
}

/* ---- the script ---------------------------------------------------------- */

/* In any bar. */
static bool is_used(const struct lh_report_page *page, int category)
{
    if (page->report->result->breakdown_s[category] > 0
        || (page->report->one_site != NULL
            && page->report->one_site->breakdown_s[category] > 0))
        return true;
    for (int i = 0; i < page->n_bars; i++) {
        if (page->bars[i].result->breakdown_s[category] > 0)
            return true;
    }
    return false;
}

static void script_parts(struct lh_text *out, const struct lh_report_page *page,
                         const char *name)
{
    static const char *const colours[LH_CATEGORIES] = {
        [LH_COMPUTE] = "#0072b2",
        [LH_RECOMPUTE] = "#56b4e9",
        [LH_TENSOR_COMM] = "#009e73",
        [LH_EXPERT_COMM] = "#f0e442",
        [LH_CONTEXT_COMM] = "#88ccaa",
        [LH_PIPELINE_COMM] = "#e69f00",
        [LH_PIPELINE_BUBBLE] = "#c8c8c8",
        [LH_DATA_COMM] = "#cc79a7",
        [LH_WAN_COMM] = "#d55e00",
        [LH_OPTIMIZER] = "#000000",
        [LH_WAIT] = "#8a8a8a",
        [LH_OTHER] = "#bcbcbc"};
    const char *before = "";

    lh_text_printf(out,
                   "set output '%s-parts.'.ending\n"
                   "set style data histograms\n"
                   "set style histogram rowstacked\n"
                   "set style fill solid noborder\nset boxwidth 0.7\n"
                   "set ylabel 'seconds of a step'\nset yrange [0:*]\n"
                   "set tics nomirror out\n"
                   "set xtics rotate by -20 noenhanced\n"
                   "set key outside right invert\nplot \\\n",
                   name);
    for (int i = 0; i < LH_CATEGORIES; i++) {
        if (!is_used(page, i))
            continue;
        lh_text_printf(out,
                       "%s    '%s-parts.csv' using %d:xtic(1) title '%s' "
                       "linecolor rgb '%s'",
                       before, name, i + 3,
                       lh__category_label((enum lh_category)i), colours[i]);
        before = ", \\\n";
    }
    lh_text_add(out, "\n");
}

static void script_links(struct lh_text *out, const char *name)
{
    lh_text_printf(out,
                   "\nreset\nset datafile separator ','\n"
                   "set datafile columnheaders\n"
                   "set output '%s-links.'.ending\n"
                   "set style data histograms\nset style fill solid noborder\n"
                   "set boxwidth 0.7\nset ylabel 'busy share'\n"
                   "set yrange [0:1]\nset tics nomirror out\nset xtics rotate "
                   "by -30 noenhanced\n"
                   "unset key\n"
                   "plot '%s-links.csv' every ::0::11 using 6:xtic(1) "
                   "linecolor rgb '#d55e00'\n",
                   name, name);
}

/* Its rows stand in the script, since a contour needs an empty line behind
 * each length, which a table has not. */
static void script_grid(struct lh_text *out, const struct lh_report_page *page,
                        const char *name)
{
    const struct lh_report_grid *g = page->grid;

    lh_text_add(out, "\nreset\nset datafile separator ','\n"
                     "unset datafile columnheaders\n$grid << EOD\n");
    for (int k = 0; k < g->n_lengths; k++) {
        for (int i = 0; i < g->n_bandwidths; i++) {
            double step_s = g->step_s[k * g->n_bandwidths + i];
            lh_text_double(out, 8e-9 * g->bandwidths_bytes_per_s[i]);
            put_number(out, g->lengths_m[k] / 1000);
            put_number(out, step_s / g->base_s);
            lh_text_add(out, "\n");
        }
        lh_text_add(out, "\n");
    }
    lh_text_printf(
        out,
        "EOD\nset output '%s-grid.'.ending\nset logscale xy\n"
        "set xlabel 'bandwidth of a fibre, Gbit/s each way'\n"
        "set ylabel 'length, km'\nset cblabel 'step over %s'\n"
        "set logscale cb\nset view map\nset autoscale fix\n"
        "set tics nomirror out\nset lmargin at screen 0.12\n"
        "set palette defined (0 '#f7fbff', 0.4 '#7fb6da', 1 '#08306b')\n"
        "set contour base\nset cntrparam levels discrete 1.05\n"
        "set cntrlabel onecolor\nunset key\n"
        "splot $grid with pm3d, \\\n"
        "    $grid with lines nosurface linecolor rgb '#d55e00' linewidth 3\n",
        name,
        page->report->rl != NULL ? "that with the sites side by side"
                                 : "one site");
}

/* In a string of gnuplot's a quote is written twice. */
static const char *in_quotes(struct lh_arena *arena, const char *s)
{
    struct lh_text text = lh_text_new(arena);

    for (; *s != '\0'; s++)
        lh_text_printf(&text, *s == '\'' ? "'%c" : "%c", *s);
    return text.s;
}

/* PREFIX without its folders: the script stands beside its tables. */
static bool write_script(struct lh_text *out, const struct lh_report_page *page,
                         const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = in_quotes(out->arena, slash != NULL ? slash + 1 : name);

    lh_text_add(out, "# Draws the tables beside it as PDF, or as SVG by\n"
                     "# gnuplot -e \"kind='svg'\".\n"
                     "if (!exists('kind')) kind = 'pdfcairo'\n"
                     "ending = kind eq 'svg' ? 'svg' : 'pdf'\n"
                     "if (kind eq 'svg') set terminal svg size 720,440 "
                     "background rgb 'white'; else set terminal pdfcairo size "
                     "16cm,10cm\n"
                     "set datafile separator ','\n"
                     "set datafile columnheaders\n");
    script_parts(out, page, base);
    script_links(out, base);
    if (page->grid != NULL)
        script_grid(out, page, base);
    return true;
}

static const struct lh_figure_file files[] = {
    {"-parts.csv", write_parts},
    {"-links.csv", write_links},
    {"-grid.csv", write_grid},
    {".gp", write_script},
};

const struct lh_figure_file *lh_figure_file_at(int i)
{
    return i < (int)(sizeof files / sizeof files[0]) ? &files[i] : NULL;
}
