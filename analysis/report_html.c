/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The report (`longhaul run FILE --report F.html`): one page that needs neither
 * script nor network, for whoever would rather look than read figures.
 *
 * Place in the pipeline: the last stage, beside the other writers; nothing here
 * simulates, the runs of the heat map and of variants come with the page.  The
 * same input gives the same bytes.  Leaves out what text and JSON have and no
 * picture needs: the bound, the critical path, the scenario in full.
 */
#include <inttypes.h>
#include <math.h>

#include "report.h"

static void put_head(struct lh__page *p)
{
    lh_text_add(p->out, "<!DOCTYPE html>\n"
                        "<html xmlns=\"http://www.w3.org/1999/xhtml\" "
                        "lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                        "<meta name=\"viewport\" "
                        "content=\"width=device-width, initial-scale=1\"/>\n"
                        "<title>");
    lh__escaped(p->out, p->in->report->scenario->name);
    lh_text_printf(p->out,
                   " – longhaul</title>\n<style>\n%s</style>\n</head>\n"
                   "<body>\n",
                   lh__report_style);
}

/* The first line of the page is what it all comes to. */
static void put_headline(struct lh__page *p)
{
    lh_text_add(p->out, "<h1>");
    if (p->in->label != NULL)
        lh_text_printf(p->out, "%s: ", p->in->label);
    lh__escaped(p->out,
                lh__sentence(p->arena, lh__headline(p->in->report, p->arena)));
    lh_text_add(p->out, "</h1>\n");
}

static int64_t accelerators(const struct lh_scenario *s)
{
    int64_t n = 0;

    for (int i = 0; i < s->n_sites; i++)
        n += s->sites[i].gpus;
    return n;
}

static void put_facts(struct lh__page *p)
{
    const struct lh_report *report = p->in->report;
    const struct lh_scenario *s =
        report->rl != NULL ? report->rl->scenario : report->scenario;
    const struct lh_result *r = report->result;
    struct lh_text text = lh_text_new(p->arena);

    lh_text_printf(&text,
                   "%s: %s on %s accelerators in %d site%s.  %s %s, "
                   "%s tokens/s",
                   s->name, s->model.name,
                   lh__count_text(p->arena, (double)accelerators(s)),
                   s->n_sites, s->n_sites == 1 ? "" : "s",
                   report->rl != NULL ? "The trainer's optimizer step" : "Step",
                   lh__seconds(p->arena, r->step_time_s),
                   lh__count_text(p->arena, r->tokens_per_s));
    if (r->mfu > 0)
        lh_text_printf(&text, ", MFU %.1f %%", 100 * r->mfu);
    if (report->one_site != NULL)
        lh_text_printf(
            &text, "; the same accelerators in one site: %s (%s here)",
            lh__seconds(p->arena, report->one_site->step_time_s),
            lh__change_text(
                p->arena, r->step_time_s / report->one_site->step_time_s - 1));
    lh_text_add(&text, r->fits ? ".  It fits into memory."
                               : ".  It does not fit into memory.");
    if (!r->steady && !r->from_rest)
        lh_text_add(&text, "  Steps did not repeat: this is the last.");
    if (r->from_rest)
        lh_text_add(&text, "  One step from rest: faults or background have "
                           "dates in it.");
    if (report->rl != NULL)
        lh_text_printf(&text, "  %s", lh__trainer_line(report, p->arena));
    lh_text_add(p->out, "<p>");
    lh__escaped(p->out, text.s);
    lh_text_add(p->out, "</p>\n");
}

/* Of every scenario that the page has more of than a bar. */
static void put_each(struct lh__page *p, void (*section)(struct lh__page *p))
{
    section(p);
    for (int i = 0; i < p->in->n_more; i++) {
        const struct lh_report_more *more = &p->in->more[i];
        struct lh_report_page in = {
            .report = more->report, .grid = more->grid, .label = more->label};
        struct lh__page beside = *p;
        beside.in = &in;
        beside.number = i + 1;
        section(&beside);
    }
}

static void put_sections(struct lh__page *p)
{
    lh__report_loop(p);
    put_each(p, lh__report_loop_time);
    lh__report_parts(p);
    put_each(p, lh__report_sites);
    lh__report_map(p);
    put_each(p, lh__report_async);
    put_each(p, lh__report_gantt);
    put_each(p, lh__report_grid);
    lh__report_push(p);
    lh__report_links(p);
    lh__report_memory(p);
    lh__report_validation(p);
}

enum lh_status lh_write_html(struct lh_text *out,
                             const struct lh_report_page *page,
                             struct lh_ctx *ctx)
{
    struct lh_csv land, families;
    struct lh__page p = {.out = out,
                         .arena = ctx->arena,
                         .ctx = ctx,
                         .in = page,
                         .land = &land,
                         .families = &families};
    enum lh_status st = lh_data_read(&land, "land", ctx);

    if (st == LH_OK)
        st = lh_data_read(&families, "validated", ctx);
    if (st != LH_OK)
        return st;
    put_head(&p);
    put_headline(&p);
    put_facts(&p);
    lh_text_add(out, lh__report_patterns);
    put_sections(&p);
    lh_text_add(out, "<footer><p>Made by longhaul, a simulator: definitions of "
                     "the figures are in its docs/model.md.</p></footer>\n"
                     "</body>\n</html>\n");
    return LH_OK;
}
