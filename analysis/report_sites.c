/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which site waits for which, in the report: of a step the mean over the
 * accelerators of a site, as bars on one scale; where one waits for another at
 * all.  Definitions: analysis/sites.c.
 */
#include <math.h>

#include "report.h"

enum { SITES = 24, PARTS = 4 };
static const double worth_frac = 0.005;

static const char *name_of(const struct lh_report *report, int site)
{
    return site >= 0 ? report->scenario->sites[site].name : "";
}

static void parts_of(double out[PARTS], const struct lh_result *r,
                     const struct lh_site_time *of)
{
    out[0] = of->busy_s;
    out[1] = of->wan_s;
    out[2] = of->wait_s;
    out[3] = fmax(r->step_time_s - of->busy_s - of->wan_s - of->wait_s, 0);
}

static struct lh__bar bar_of(struct lh__page *p, int site)
{
    static const char *const classes[PARTS] = {"compute", "wan", "wait",
                                               "other"};
    static const char *const names[PARTS] = {
        "computing", "what is between sites", "other sites", "inside the site"};
    const struct lh_report *report = p->in->report;
    const struct lh_site_time *of = &report->result->sites[site];
    struct lh__part *parts = LH_NEW(p->arena, struct lh__part, PARTS);
    double seconds[PARTS];

    parts_of(seconds, report->result, of);
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct lh__part){seconds[i], classes[i], names[i]};
    return (struct lh__bar){
        .label = name_of(report, site),
        .figure = of->waits_for >= 0 ? lh_format(
                      p->arena, "for %s",
                      lh__clipped(p->arena, name_of(report, of->waits_for), 13))
                                     : "",
        .n = PARTS,
        .parts = parts,
        .mark = NAN};
}

static void put_row(struct lh__page *p, int site)
{
    const struct lh_report *report = p->in->report;
    const struct lh_site_time *of = &report->result->sites[site];
    double seconds[PARTS];
    const char *cells[PARTS + 2];

    parts_of(seconds, report->result, of);
    cells[0] = name_of(report, site);
    for (int i = 0; i < PARTS; i++)
        cells[i + 1] = lh__seconds(p->arena, seconds[i]);
    cells[PARTS + 1] = name_of(report, of->waits_for);
    lh__table_row(p, cells, PARTS + 2);
}

static bool anybody_waits(const struct lh_result *r)
{
    for (int i = 0; i < r->n_sites; i++) {
        if (r->sites[i].wait_s > worth_frac * r->step_time_s)
            return true;
    }
    return false;
}

void lh__report_sites(struct lh__page *p)
{
    static const char *const heads[] = {
        "site",        "computes",        "waits: between sites",
        "other sites", "inside the site", "longest for"};
    const struct lh_result *r = p->in->report->result;
    int shown[SITES], n = 0;
    struct lh__bar bars[SITES];

    if (!anybody_waits(r))
        return;
    for (int i = 0; i < r->n_sites && n < SITES; i++) {
        if (r->sites[i].ranks > 0) {
            shown[n] = i;
            bars[n++] = bar_of(p, i);
        }
    }
    lh__section_begin(p, "sites", "Which site waits for which",
                      "Of a step, mean over the accelerators of a site; behind "
                      "a bar the site that it waits for longest.");
    lh__legend_begin(p);
    lh__legend_item(p, "compute", "computes");
    lh__legend_item(p, "wan", "waits for what is between sites");
    lh__legend_item(p, "wait", "waits for other sites");
    lh__legend_item(p, "other", "communicates or waits inside");
    lh__legend_end(p);
    lh__bars(p, "What the sites do in a step", bars, n, r->step_time_s);
    lh__table_begin(p, heads, PARTS + 2);
    for (int i = 0; i < n; i++)
        put_row(p, shown[i]);
    lh__table_end(p);
    lh__section_end(p);
}
