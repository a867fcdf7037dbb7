/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The result as one JSON object, schema "longhaul.result/1".
 *
 * Place in the pipeline: the last stage, for programs.  Keys, order and
 * meaning are those of docs/formats.md ("Result"); every number is
 * the shortest decimal that reads back as the same double, so the same input
 * gives the same bytes.  What is not a number (no efficiency, no limit) is
 * null.  No wall-clock time, unless --timing asked for it.
 */
#include <longhaul/result.h>

#include <inttypes.h>

#include "writers.h"

static void key(struct lh_text *out, const char *before, const char *name)
{
    lh_text_add(out, before);
    lh_text_json_string(out, name);
    lh_text_add(out, ": ");
}

static void number(struct lh_text *out, const char *before, const char *name,
                   double value)
{
    key(out, before, name);
    lh_text_json_double(out, value);
}

static void integer(struct lh_text *out, const char *before, const char *name,
                    int64_t value)
{
    key(out, before, name);
    lh_text_printf(out, "%" PRId64, value);
}

static void boolean(struct lh_text *out, const char *before, const char *name,
                    bool value)
{
    key(out, before, name);
    lh_text_add(out, value ? "true" : "false");
}

static void string(struct lh_text *out, const char *before, const char *name,
                   const char *value)
{
    key(out, before, name);
    if (value != NULL) {
        lh_text_json_string(out, value);
    } else {
        lh_text_add(out, "null");
    }
}

/* "name": {category: seconds, ...}, all twelve keys. */
static void categories(struct lh_text *out, const char *before,
                       const char *name, const double *seconds)
{
    key(out, before, name);
    lh_text_add(out, "{");
    for (int i = 0; i < LH_CATEGORIES; i++) {
        number(out, i > 0 ? ", " : "", lh_category_name((enum lh_category)i),
               seconds[i]);
    }
    lh_text_add(out, "}");
}

static void model(struct lh_text *out, const struct lh_model *m)
{
    key(out, ",\n  ", "model");
    string(out, "{", "name", m->name);
    integer(out, ", ", "parameters", m->parameters);
    integer(out, ", ", "active_parameters", m->active_parameters);
    string(out, ", ", "source", m->source);
    lh_text_add(out, "}");
}

static void memory(struct lh_text *out, const struct lh_program *program)
{
    key(out, ",\n  ", "memory_bytes");
    lh_text_add(out, "[");
    for (int i = 0; i < program->n_stages; i++) {
        const struct lh_memory *m = &program->memory[i];
        lh_text_add(out, i > 0 ? ",\n    {" : "\n    {");
        number(out, "", "weights", m->weights);
        number(out, ", ", "gradients", m->gradients);
        number(out, ", ", "optimizer", m->optimizer);
        number(out, ", ", "activations", m->activations);
        number(out, ", ", "reserved", m->reserved);
        number(out, ", ", "total", m->total);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "\n  ]");
}

static void links(struct lh_text *out, const struct lh_report *report)
{
    int n = lh__link_rows(report);

    key(out, ",\n  ", "links");
    lh_text_add(out, "[");
    for (int i = 0; i < n; i++) {
        const struct lh_link_use *link = &report->result->links[i];
        lh_text_add(out, i > 0 ? ",\n    {" : "\n    {");
        string(out, "", "name", link->name);
        string(out, ", ", "kind", lh__link_kind_name(link->kind));
        integer(out, ", ", "count", link->count);
        number(out, ", ", "capacity_bytes_per_s", link->capacity_bytes_per_s);
        number(out, ", ", "bytes", link->bytes);
        number(out, ", ", "busy_fraction", link->busy_frac);
        lh_text_add(out, "}");
    }
    lh_text_add(out, n > 0 ? "\n  ]" : "]");
}

static void sites(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_result *r = report->result;
    const struct lh_site *site = report->scenario->sites;

    if (r->n_sites < 2) {
        return;
    }
    key(out, ",\n  ", "sites");
    lh_text_add(out, "[");
    for (int i = 0; i < r->n_sites; i++) {
        const struct lh_site_time *t = &r->sites[i];
        lh_text_add(out, i > 0 ? ",\n    {" : "\n    {");
        string(out, "", "name", site[i].name);
        integer(out, ", ", "accelerators", t->ranks);
        number(out, ", ", "busy_s", t->busy_s);
        number(out, ", ", "wan_s", t->wan_s);
        number(out, ", ", "wait_s", t->wait_s);
        string(out, ", ", "waits_for",
               t->waits_for >= 0 ? site[t->waits_for].name : NULL);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "\n  ]");
}

static void bound(struct lh_text *out, const char *before,
                  const struct lh_bound *b)
{
    number(out, before, "bound_s", b->bound_s);
    key(out, before, "bound");
    number(out, "{", "compute_s", b->compute_s);
    number(out, ", ", "network_s", b->network_s);
    string(out, ", ", "cut", b->cut);
    lh_text_add(out, "}");
}

/* Figures are null where no published row is of the family. */
static void validation(struct lh_text *out, const struct lh_family_error *v)
{
    key(out, ",\n  ", "validation");
    string(out, "{", "family", v->family);
    integer(out, ", ", "rows", v->n_rows);
    number(out, ", ", "median_abs_error", v->median_abs_error);
    number(out, ", ", "within_10_percent", v->within_10_frac);
    lh_text_add(out, "}");
}

static void one_site(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_result *r = report->one_site;

    key(out, ",\n  ", "one_site");
    if (r == NULL) {
        lh_text_add(out, "null");
        return;
    }
    number(out, "{\n    ", "step_time_s", r->step_time_s);
    number(out, ",\n    ", "efficiency", lh__efficiency(report));
    number(out, ",\n    ", "tokens_per_s", r->tokens_per_s);
    number(out, ",\n    ", "mfu", r->mfu);
    number(out, ",\n    ", "hfu", r->hfu);
    boolean(out, ",\n    ", "steady", r->steady);
    categories(out, ",\n    ", "breakdown_s", r->breakdown_s);
    categories(out, ",\n    ", "critical_path_s", r->critical_path_s);
    bound(out, ",\n    ", &r->bound);
    lh_text_add(out, "\n  }");
}

/* Only where the scenario says what fails. */
static void goodput(struct lh_text *out, const struct lh_report *report)
{
    struct lh_goodput g;

    if (!lh_goodput_make(&g, report)) {
        return;
    }
    key(out, ",\n  ", "goodput");
    number(out, "{", "goodput", g.frac);
    number(out, ", ", "coupled", g.coupled_frac);
    number(out, ", ", "tokens_per_s", g.tokens_per_s);
    number(out, ", ", "mtbf_s", g.mtbf_s / g.islands);
    number(out, ", ", "islands", g.islands);
    number(out, ", ", "spans", g.spans);
    number(out, ", ", "checkpoint_bytes", g.checkpoint_bytes);
    number(out, ", ", "checkpoint_every_s", g.every_s);
    number(out, ", ", "checkpoint_pause_s", g.pause_s);
    number(out, ", ", "checkpoint_write_s", g.write_s);
    number(out, ", ", "restart_s", g.restart_s);
    lh_text_add(out, "}");
}

/* Only where the scenario asks for it; null where no figure is published. */
static void equal_loss(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_equal_loss *loss = &report->scenario->equal_loss;
    struct lh_at_equal_loss e;

    if (!lh_equal_loss_make(&e, report)) {
        return;
    }
    key(out, ",\n  ", "equal_loss");
    number(out, "{", "tokens_factor", loss->tokens_factor);
    number(out, ", ", "tokens_factor_low", loss->low);
    number(out, ", ", "tokens_factor_high", loss->high);
    number(out, ", ", "step_time_s", e.step_time_s);
    number(out, ", ", "tokens_per_s", e.tokens_per_s);
    number(out, ", ", "efficiency", e.efficiency);
    string(out, ", ", "basis", loss->basis);
    string(out, ", ", "source", loss->source);
    lh_text_add(out, "}");
}

static void engine(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_result *r = report->result;

    key(out, ",\n  ", "engine");
    integer(out, "{\n    ", "events", r->events);
    integer(out, ",\n    ", "classes", r->rank_classes);
    integer(out, ",\n    ", "steps", r->steps_simulated);
    key(out, ",\n    ", "fold");
    integer(out, "{", "ranks", r->rank_classes);
    integer(out, ", ", "groups", r->group_classes);
    integer(out, ", ", "links", r->link_classes);
    lh_text_add(out, "}");
    if (report->timing) {
        number(out, ",\n    ", "wall_s", report->trace->wall_s);
    }
    key(out, ",\n    ", "settings");
    lh_sim_settings_json(out);
    lh_text_add(out, "\n  }");
}

void lh_write_json(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_result *r = report->result;

    string(out, "{\n  ", "schema", "longhaul.result/1");
    key(out, ",\n  ", "scenario");
    lh_scenario_print_json(
        out, report->rl ? report->rl->scenario : report->scenario, 2);
    model(out, &report->scenario->model);
    number(out, ",\n  ", "step_time_s", r->step_time_s);
    number(out, ",\n  ", "tokens_per_s", r->tokens_per_s);
    number(out, ",\n  ", "mfu", r->mfu);
    number(out, ",\n  ", "hfu", r->hfu);
    boolean(out, ",\n  ", "fits", r->fits);
    boolean(out, ",\n  ", "steady", r->steady);
    categories(out, ",\n  ", "breakdown_s", r->breakdown_s);
    categories(out, ",\n  ", "critical_path_s", r->critical_path_s);
    memory(out, report->program);
    sites(out, report);
    links(out, report);
    bound(out, ",\n  ", &r->bound);
    one_site(out, report);
    validation(out, report->validation);
    goodput(out, report);
    equal_loss(out, report);
    if (report->rl != NULL) {
        lh__write_rl_json(out, report->rl);
    }
    if (report->async != NULL) {
        lh__write_async_json(out, report);
    }
    engine(out, report);
    lh_text_add(out, "\n}\n");
}
