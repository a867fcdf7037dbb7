/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two sections of the report: the busiest links, and what an accelerator of
 * each stage keeps in memory beside what it has.
 */
#include <inttypes.h>
#include <math.h>

#include "report.h"

enum { LINKS = 12, STAGES = 24 };

/* ---- links --------------------------------------------------------------- */

static const char *capacity_text(struct lh_arena *arena, double bytes_per_s)
{
    return isfinite(bytes_per_s)
               ? lh_units_human(arena, bytes_per_s, LH_DIM_BANDWIDTH)
               : "no limit";
}

/* Idle links are no news; links are in the order of their busy share. */
static int busy_links(const struct lh_result *r)
{
    int n = 0;

    while (n < LINKS && n < r->n_links && r->links[n].busy_frac > 0)
        n++;
    return n;
}

static void links_table(struct lh__page *p, const struct lh_result *r, int n)
{
    static const char *const heads[] = {"link",     "kind",  "how many like it",
                                        "capacity", "bytes", "busy"};

    lh__table_begin(p, heads, 6);
    for (int i = 0; i < n; i++) {
        const struct lh_link_use *link = &r->links[i];
        const char *cells[] = {
            lh__link_words(p->arena, link->name),
            lh__link_kind_name(link->kind),
            lh__count_text(p->arena, (double)link->count),
            capacity_text(p->arena, link->capacity_bytes_per_s),
            lh_units_human(p->arena, link->bytes, LH_DIM_BYTES),
            lh__share_text(p->arena, link->busy_frac)};
        lh__table_row(p, cells, 6);
    }
    lh__table_end(p);
}

void lh__report_links(struct lh__page *p)
{
    const struct lh_result *r = p->in->report->result;
    int n = busy_links(r);
    struct lh__bar *bars = LH_NEW(p->arena, struct lh__bar, n);

    if (n == 0)
        return;
    for (int i = 0; i < n; i++) {
        const struct lh_link_use *link = &r->links[i];
        bool wan = link->kind == LH_LINK_WAN || link->kind == LH_LINK_GATEWAY;
        struct lh__part *part = LH_NEW(p->arena, struct lh__part, 1);
        *part = (struct lh__part){link->busy_frac, wan ? "wan" : "tensor",
                                  lh__link_words(p->arena, link->name)};
        bars[i] = (struct lh__bar){
            .label = part->name,
            .figure = lh__share_text(p->arena, link->busy_frac),
            .n = 1,
            .parts = part,
            .mark = NAN,
            .strong = i == 0};
    }
    lh__section_begin(p, "links",
                      p->in->report->rl != NULL
                          ? "Busiest links of the trainer's optimizer step"
                          : "Busiest links",
                      "Bytes of a step over what the link could carry in it; "
                      "a row stands for all links that cannot be told from it. "
                      "The full width is 100 %.");
    lh__bars(p, "Busy share of the busiest links", bars, n, 1);
    links_table(p, r, n);
    lh__section_end(p);
}

/* ---- memory -------------------------------------------------------------- */

struct holder {
    int stage;
    const struct lh_device *device;
};

/* Stages on each device of the program that has ranks of them. */
static int holders_find(struct holder *out, const struct lh_report *report)
{
    const struct lh_program *program = report->program;
    int n = 0;

    for (int i = 0; i < program->n_templates; i++) {
        const struct lh_template *t = &program->templates[i];
        if (n < STAGES && t->n_ops > 0)
            out[n++] = (struct holder){t->stage, program->devices[t->device]};
    }
    return n;
}

static struct lh__bar memory_bar(struct lh__page *p, const struct holder *h)
{
    const struct lh_program *program = p->in->report->program;
    const struct lh_memory *m = &program->memory[h->stage];
    const struct lh__part all[] = {
        {m->weights, "weights", "weights"},
        {m->gradients, "gradients", "gradients"},
        {m->optimizer, "optimizer-state", "optimizer"},
        {m->activations, "activations", "activations"},
        {m->reserved, "reserved", "reserved by libraries"}};
    enum { N = (int)(sizeof all / sizeof all[0]) };
    struct lh__part *parts = LH_NEW(p->arena, struct lh__part, N);

    for (int i = 0; i < N; i++)
        parts[i] = all[i];
    return (struct lh__bar){
        .label = lh_format(p->arena, "stage %d, %s", h->stage, h->device->name),
        .figure = lh_format(p->arena, "%.1f of %s", m->total / 1073741824.0,
                            lh__gib(p->arena, h->device->memory_bytes)),
        .n = N,
        .parts = parts,
        .mark = h->device->memory_bytes,
        .strong = m->total > h->device->memory_bytes};
}

static void memory_table(struct lh__page *p, const struct holder *h, int n)
{
    static const char *const heads[] = {
        "accelerators", "weights",  "gradients", "optimizer",
        "activations",  "reserved", "in all",    "memory"};

    lh__table_begin(p, heads, 8);
    for (int i = 0; i < n; i++) {
        const struct lh_memory *m = &p->in->report->program->memory[h[i].stage];
        const char *cells[] = {
            lh_format(p->arena, "stage %d, %s", h[i].stage, h[i].device->name),
            lh__gib(p->arena, m->weights),
            lh__gib(p->arena, m->gradients),
            lh__gib(p->arena, m->optimizer),
            lh__gib(p->arena, m->activations),
            lh__gib(p->arena, m->reserved),
            lh__gib(p->arena, m->total),
            lh__gib(p->arena, h[i].device->memory_bytes)};
        lh__table_row(p, cells, 8);
    }
    lh__table_end(p);
}

static void memory_legend(struct lh__page *p)
{
    lh__legend_begin(p);
    lh__legend_item(p, "weights", "weights");
    lh__legend_item(p, "gradients", "gradients");
    lh__legend_item(p, "optimizer-state", "optimizer");
    lh__legend_item(p, "activations", "activations");
    lh__legend_item(p, "reserved", "reserved by libraries");
    lh__legend_end(p);
}

void lh__report_memory(struct lh__page *p)
{
    struct holder holders[STAGES];
    struct lh__bar bars[STAGES];
    int n = holders_find(holders, p->in->report);
    double most = 0;

    for (int i = 0; i < n; i++) {
        bars[i] = memory_bar(p, &holders[i]);
        most = fmax(most, holders[i].device->memory_bytes);
        most =
            fmax(most, p->in->report->program->memory[holders[i].stage].total);
    }
    if (!(most > 0))
        return;
    lh__section_begin(p, "memory", "Memory of an accelerator",
                      p->in->report->result->fits
                          ? "It fits.  The line is what the accelerator has."
                          : "It does not fit.  The line is what the "
                            "accelerator has.");
    memory_legend(p);
    lh__bars(p, "Memory of an accelerator by stage", bars, n, most);
    memory_table(p, holders, n);
    lh__section_end(p);
}
