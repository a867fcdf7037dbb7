/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners and a server in the report: what a step of the learners of each site
 * is made of, as bars on one scale, and how far behind their pushes come.
 * Definitions: docs/model.md, "Learners and a server".  Leaves out: single
 * learners of a site, and the server's own time.
 */
#include <inttypes.h>
#include <math.h>

#include "report.h"

enum { SITES = 24, PARTS = 3 };

static struct lh__bar site_bar(struct lh__page *p,
                               const struct lh_async_site *of, const char *name)
{
    struct lh__part *parts = LH_NEW(p->arena, struct lh__part, PARTS);

    parts[0] = (struct lh__part){of->step_s - of->wan_s - of->wait_s, "compute",
                                 "its own step"};
    parts[1] = (struct lh__part){of->wan_s, "wan", "transfer"};
    parts[2] = (struct lh__part){of->wait_s, "wait", "others"};
    return (struct lh__bar){.label = name,
                            .figure = lh__seconds(p->arena, of->step_s),
                            .n = PARTS,
                            .parts = parts,
                            .mark = NAN};
}

static void put_table(struct lh__page *p, const struct lh_async_report *async)
{
    static const char *const heads[] = {
        "learners at",       "number",
        "accelerators each", "step",
        "own step",          "waits for transfer",
        "waits for others",  "push to answer"};

    lh__table_begin(p, heads, 8);
    for (int i = 0; i < async->n_sites; i++) {
        const struct lh_async_site *of = &async->sites[i];
        const char *cells[] = {
            p->in->report->scenario->sites[of->site].name,
            lh_format(p->arena, "%" PRId64, of->learners),
            lh__count_text(p->arena, (double)of->gpus),
            lh__seconds(p->arena, of->step_s),
            lh__seconds(p->arena, of->step_s - of->wan_s - of->wait_s),
            lh__seconds(p->arena, of->wan_s),
            lh__seconds(p->arena, of->wait_s),
            lh__seconds(p->arena, of->exchange_s)};
        lh__table_row(p, cells, 8);
    }
    lh__table_end(p);
}

static const char *caption(struct lh__page *p,
                           const struct lh_async_report *async)
{
    const struct lh_async_result *r = async->result;
    struct lh_text text = lh_text_new(p->arena);
    int n = 0;

    lh_text_printf(&text,
                   "What a learner's accelerators do in one of its steps: the "
                   "step itself, and what of its exchange with the server they "
                   "stand still for.  A push is %s; pushes by the outer steps "
                   "that came between: ",
                   lh_units_human(p->arena, async->bytes, LH_DIM_BYTES));
    for (int i = 0; i < r->staleness_n; i++) {
        if (r->staleness[i] > 0)
            lh_text_printf(&text, "%s%" PRId64 " by %d", n++ > 0 ? ", " : "",
                           r->staleness[i], i);
    }
    lh_text_add(&text, ".");
    return text.s;
}

void lh__report_async(struct lh__page *p)
{
    const struct lh_async_report *async = p->in->report->async;
    struct lh__bar bars[SITES];
    double most = 0;
    int n;

    if (async == NULL)
        return;
    n = async->n_sites < SITES ? async->n_sites : SITES;
    for (int i = 0; i < n; i++) {
        const struct lh_async_site *of = &async->sites[i];
        bars[i] =
            site_bar(p, of, p->in->report->scenario->sites[of->site].name);
        most = fmax(most, of->step_s);
    }
    lh__section_begin(p, "learners", "A step of the learners",
                      caption(p, async));
    lh__legend_begin(p);
    lh__legend_item(p, "compute", "its own step");
    lh__legend_item(p, "wan", "waits for a transfer");
    lh__legend_item(p, "wait", "waits for others");
    lh__legend_end(p);
    lh__bars(p, "A step of the learners by site", bars, n, most);
    put_table(p, async);
    lh__section_end(p);
}
