/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The result for people: what was run, how long a step takes, where the time
 * goes, what limits it.
 *
 * Place in the pipeline: the last stage, for a terminal.  At most 100 columns,
 * no colour; categories that took no time are left out.  The arrow stands on
 * the communication that costs most, if it costs a hundredth of the step or
 * more, and names the busiest link of those that it can run over: fibres for
 * wan_comm, links inside sites for all others.  A bar of 24 '#' is the largest
 * category.  Figures are rounded: the exact ones are in `-o json`.
 */
#include <longhaul/result.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "writers.h"

enum { COLUMNS = 100, BAR = 24, FIBRES_SHOWN = 6, NAME_COLUMNS = 44 };

static const char *const labels[LH_CATEGORIES] = {
    [LH_COMPUTE] = "compute",
    [LH_RECOMPUTE] = "recompute",
    [LH_TENSOR_COMM] = "tensor, exposed",
    [LH_EXPERT_COMM] = "expert, exposed",
    [LH_CONTEXT_COMM] = "context, exposed",
    [LH_PIPELINE_COMM] = "pipeline, exposed",
    [LH_PIPELINE_BUBBLE] = "pipeline bubble",
    [LH_DATA_COMM] = "data, exposed",
    [LH_WAN_COMM] = "WAN, exposed",
    [LH_OPTIMIZER] = "optimizer",
    [LH_WAIT] = "wait for slower",
    [LH_OTHER] = "launch gaps",
};

const char *lh__category_label(enum lh_category category)
{
    return labels[category];
}

/* ---- columns ------------------------------------------------------------- */

/* Code points: what is printed here is one column each. */
static int columns(const char *s)
{
    int n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

/* The first n columns of s, the last three dots where it is longer. */
static const char *clip(struct lh_arena *arena, const char *s, int n)
{
    int seen = 0;
    size_t i = 0;

    if (columns(s) <= n) {
        return s;
    }
    for (; seen < n - 3 || ((unsigned char)s[i] & 0xc0) == 0x80; i++) {
        seen += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return lh_format(arena, "%.*s...", (int)i, s);
}

static void line(struct lh_text *out, const char *s)
{
    lh_text_add(out, clip(out->arena, s, COLUMNS));
    lh_text_add(out, "\n");
}

/* s, then blanks up to n columns (at least one). */
static const char *padded(struct lh_arena *arena, const char *s, int n)
{
    int blanks = n - columns(s);

    return lh_format(arena, "%s%*s", s, blanks > 1 ? blanks : 1, "");
}

/* ---- figures ------------------------------------------------------------- */

/* 1.74 M, 8.03 G as "8.03 B": counts of people, not of bytes. */
static const char *count_text(struct lh_arena *arena, double n)
{
    static const struct {
        double at_least;
        const char *suffix;
    } steps[] = {{1e12, " T"}, {1e9, " B"}, {1e6, " M"}, {1e3, " k"}};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        double x = n / steps[i].at_least;
        if (x >= 1) {
            return lh_format(arena, "%.*f%s", x < 100 ? 2 : 1, x,
                             steps[i].suffix);
        }
    }
    return lh_format(arena, "%.4g", n);
}

/* 1234567 -> "1,234,567" */
static const char *grouped(struct lh_arena *arena, int64_t n)
{
    const char *digits = lh_format(arena, "%" PRId64, n);
    struct lh_text out = lh_text_new(arena);
    size_t length = strlen(digits);

    for (size_t i = 0; i < length; i++) {
        bool comma = i > 0 && digits[i - 1] != '-' && (length - i) % 3 == 0;
        lh_text_printf(&out, "%s%c", comma ? "," : "", digits[i]);
    }
    return out.s;
}

/* All times of one table in one unit, that of the step. */
static const char *seconds_text(struct lh_arena *arena, double value_s,
                                double step_s)
{
    if (step_s >= 1) {
        return lh_format(arena, "%.3f s", value_s);
    }
    if (step_s >= 1e-3) {
        return lh_format(arena, "%.3f ms", value_s * 1e3);
    }
    return lh_format(arena, "%.3f us", value_s * 1e6);
}

static const char *dashed(struct lh_arena *arena, const char *name)
{
    const char *arrow = strstr(name, "->");

    return arrow == NULL ? name
                         : lh_format(arena, "%.*s–%s", (int)(arrow - name),
                                     name, arrow + 2);
}

/* ---- what was run -------------------------------------------------------- */

static void write_model(struct lh_text *out, const struct lh_model *m)
{
    struct lh_text text = lh_text_new(out->arena);

    lh_text_add(&text, m->name);
    if (m->parameters > 0) {
        lh_text_printf(&text, "  %s parameters",
                       count_text(out->arena, (double)m->parameters));
    }
    if (m->active_parameters != m->parameters) {
        lh_text_printf(&text, ", %s active",
                       count_text(out->arena, (double)m->active_parameters));
    }
    if (m->source != NULL && m->source[0] != '\0') {
        /* the rest of a source is notes on it */
        lh_text_printf(&text, " (%.*s)", (int)strcspn(m->source, ";"),
                       m->source);
    }
    line(out, text.s);
}

/* "128 h100-sxm in 2 sites", "64 h100-sxm + 64 a100-sxm in 2 sites" */
static void add_machines(struct lh_text *text, const struct lh_scenario *s)
{
    for (int i = 0; i < s->n_sites; i++) {
        int64_t gpus = 0;
        bool seen = false;
        for (int j = 0; j < s->n_sites; j++) {
            if (strcmp(s->sites[j].device_name, s->sites[i].device_name) == 0) {
                gpus += s->sites[j].gpus;
                seen = seen || j < i;
            }
        }
        if (!seen) {
            lh_text_printf(text, "%s%s %s", i > 0 ? " + " : "",
                           grouped(text->arena, gpus), s->sites[i].device_name);
        }
    }
    lh_text_printf(text, " in %d site%s", s->n_sites,
                   s->n_sites == 1 ? "" : "s");
}

static void add_shards(struct lh_text *text, const struct lh_scenario *s)
{
    if (s->plan.zero >= 2)
        lh_text_printf(text, "  ZeRO-%" PRId64, s->plan.zero);
    if (s->plan.zero >= 1 && s->plan.shard > 0)
        lh_text_printf(text, " in shards of %" PRId64, s->plan.shard);
}

/* Who agrees how often. */
static void write_islands(struct lh_text *out, const struct lh_report *report)
{
    static const char *const kinds[] = {
        [LH_SYNC_LOCAL_SGD] = "local SGD",
        [LH_SYNC_DILOCO] = "DiLoCo",
        [LH_SYNC_STREAMING_DILOCO] = "Streaming DiLoCo",
        [LH_SYNC_GOSSIP] = "Gossip of pairs",
        [LH_SYNC_ASYNC_DILOCO] = "Asynchronous DiLoCo",
    };
    const struct lh_scenario *s = report->scenario;
    const struct lh_outer *outer = &s->outer;
    int64_t n = s->plan.data / outer->island;
    struct lh_text text = lh_text_new(out->arena);

    lh_text_printf(
        &text,
        "%s every %" PRId64 " steps, %" PRId64 " island%s of DP %" PRId64,
        kinds[s->sync], outer->every, n, n == 1 ? "" : "s", outer->island);
    if (outer->fragments > 1)
        lh_text_printf(&text, ", %" PRId64 " fragments", outer->fragments);
    if (outer->overlap > 0)
        lh_text_printf(&text, ", merged %" PRId64 " later", outer->overlap);
    if (s->sync == LH_SYNC_ASYNC_DILOCO)
        lh_text_printf(&text, ", quorum %" PRId64, outer->async.quorum);
    line(out, text.s);
}

/* "9 + 23 micro-batches a replica": in the order of the machines above. */
static void add_portions(struct lh_text *text, const struct lh_program *p)
{
    for (int d = 0; d < p->n_devices; d++) {
        lh_text_printf(text, "%s%s", d == 0 ? "" : " + ",
                       grouped(text->arena, p->device_batches[d]));
    }
    lh_text_add(text, " micro-batches a replica");
}

static void write_plan(struct lh_text *out, const struct lh_report *report)
{
    static const char *const schedules[] = {"gpipe",       "1f1b",
                                            "interleaved", "zero-bubble",
                                            "dualpipe",    "dualpipe-v"};
    const struct lh_scenario *s = report->scenario;
    const struct lh_axes *axes = &report->program->axes;
    struct lh_text text = lh_text_new(out->arena);
    int64_t micro_batches = report->program->micro_batches;

    add_machines(&text, s);
    lh_text_printf(&text, ", TP %" PRId64 "  PP %" PRId64,
                   axes->size[LH_AXIS_TENSOR], axes->size[LH_AXIS_PIPELINE]);
    if (axes->size[LH_AXIS_CONTEXT] > 1)
        lh_text_printf(&text, "  CP %" PRId64, axes->size[LH_AXIS_CONTEXT]);
    lh_text_printf(&text, "  DP %" PRId64, lh_axes_replicas(axes));
    add_shards(&text, s);
    if (s->plan.expert > 1)
        lh_text_printf(&text, "  EP %" PRId64, s->plan.expert);
    if (s->plan.whole_experts)
        lh_text_printf(&text, "  ETP 1");
    if (s->n_sites > 1) {
        lh_text_printf(&text, ", %s split across sites",
                       s->across_sites == LH_ACROSS_PIPELINE ? "stages"
                       : s->across_sites == LH_ACROSS_EXPERT ? "experts"
                                                             : "replicas");
    }
    line(out, text.s);
    if (s->sync != LH_SYNC_EVERY_STEP)
        write_islands(out, report);

    if (s->traced.chakra != NULL) {
        return; /* its micro-batches are not known as such */
    }
    text = lh_text_new(out->arena);
    if (s->traced.file == NULL) {
        lh_text_printf(&text, "%s sequence%s of %s tokens a step, ",
                       grouped(out->arena, s->training.global_batch),
                       s->training.global_batch == 1 ? "" : "s",
                       grouped(out->arena, s->training.sequence_length));
    }
    if (report->program->device_batches) {
        add_portions(&text, report->program);
    } else {
        lh_text_printf(&text, "%s micro-batch%s a replica",
                       grouped(out->arena, micro_batches),
                       micro_batches == 1 ? "" : "es");
    }
    if (axes->size[LH_AXIS_PIPELINE] > 1) {
        lh_text_printf(&text, ", %s", schedules[s->plan.schedule]);
    }
    line(out, text.s);
}

static void write_fibre(struct lh_text *out, const struct lh_link_info *link)
{
    struct lh_arena *arena = out->arena;
    struct lh_text text = lh_text_new(arena);

    lh_text_add(&text, dashed(arena, link->name));
    if (link->length_m > 0) {
        lh_text_printf(&text, "  %s",
                       lh_units_human(arena, link->length_m, LH_DIM_LENGTH));
    }
    lh_text_printf(
        &text, "  RTT %s  %s each way",
        lh_units_human(arena, 2 * link->latency_s, LH_DIM_TIME),
        lh_units_human(arena, link->capacity_bytes_per_s, LH_DIM_BANDWIDTH));
    line(out, text.s);
}

/* One line a cable: of its two directions, that from the lower node. */
static void write_fibres(struct lh_text *out, const struct lh_topology *t)
{
    int shown = 0;
    int more = 0;

    int n = t != NULL ? lh_topology_link_count(t) : 0;

    for (int i = t != NULL ? lh_topology_first_fibre(t) : 0; i < n; i++) {
        struct lh_link_info link = lh_topology_link_facts(t, (lh_link)i);
        if (link.from > link.to) {
            continue;
        }
        link = lh_topology_link_at(t, (lh_link)i);
        if (shown == FIBRES_SHOWN) {
            more++;
            continue;
        }
        write_fibre(out, &link);
        shown++;
    }
    if (more > 0) {
        lh_text_printf(out, "and %d more fibre%s (longhaul show topology)\n",
                       more, more == 1 ? "" : "s");
    }
}

/* ---- where the time goes ------------------------------------------------- */

static void write_step(struct lh_text *out, const struct lh_report *report)
{
    struct lh_arena *arena = out->arena;
    const struct lh_result *r = report->result;
    const struct lh_result *one = report->one_site;
    struct lh_text text = lh_text_new(arena);

    lh_text_printf(&text, "%-19s%10s", "step time",
                   seconds_text(arena, r->step_time_s, r->step_time_s));
    if (one != NULL) {
        lh_text_printf(&text,
                       "  %+5.1f %% over the same accelerators in one site"
                       " (%s)",
                       100 * (r->step_time_s / one->step_time_s - 1),
                       seconds_text(arena, one->step_time_s, one->step_time_s));
    }
    line(out, text.s);
    if (report->program->once) {
        lh_text_add(out, "one step from rest, as a trace is run\n");
    } else if (r->from_rest) {
        lh_text_add(out, "one step from rest: faults or background have dates "
                         "in it\n");
    } else if (report->async != NULL && !r->steady) {
        lh_text_add(out, "rounds from rest: faults or background have dates "
                         "in them\n");
    } else if (!r->steady) {
        lh_text_printf(out,
                       "not steady: the last of %d steps, which did not "
                       "repeat\n",
                       r->steps_simulated);
    }
}

static bool is_comm(int category)
{
    return category == LH_TENSOR_COMM || category == LH_EXPERT_COMM
           || category == LH_CONTEXT_COMM || category == LH_PIPELINE_COMM
           || category == LH_DATA_COMM || category == LH_WAN_COMM;
}

/* The communication that costs most, -1 where none costs 1 % of the step. */
static int worst_comm(const struct lh_result *r)
{
    int worst = -1;

    for (int i = 0; i < LH_CATEGORIES; i++) {
        if (is_comm(i) && r->breakdown_s[i] >= 0.01 * r->step_time_s
            && (worst < 0 || r->breakdown_s[i] > r->breakdown_s[worst])) {
            worst = i;
        }
    }
    return worst;
}

/* The arrow, as long as there is room for. */
static void add_arrow(struct lh_text *text, const struct lh_link_use *link)
{
    const char *says =
        lh_format(text->arena, "%s, %.0f %% busy",
                  dashed(text->arena, link->name), 100 * link->busy_frac);
    const char *arrow = "  ← bottleneck: ";

    if (columns(text->s) + columns(arrow) + columns(says) > COLUMNS) {
        arrow = "  ← ";
    }
    lh_text_printf(text, "%s%s", arrow, says);
}

static void write_breakdown(struct lh_text *out, const struct lh_result *r)
{
    struct lh_arena *arena = out->arena;
    int worst = worst_comm(r);
    double largest = 0;

    for (int i = 0; i < LH_CATEGORIES; i++) {
        largest = fmax(largest, r->breakdown_s[i]);
    }
    for (int i = 0; i < LH_CATEGORIES; i++) {
        struct lh_text text = lh_text_new(arena);
        double value_s = r->breakdown_s[i];
        int bar = (int)lround(BAR * value_s / largest);
        const struct lh_link_use *link;
        if (!(value_s > 0)) {
            continue;
        }
        lh_text_printf(&text, "  %-17s%10s  %4.1f %%", labels[i],
                       seconds_text(arena, value_s, r->step_time_s),
                       100 * value_s / r->step_time_s);
        if (bar > 0) {
            lh_text_printf(&text, "  %.*s", bar, "########################");
        }
        link = lh__busiest(r, i == LH_WAN_COMM ? LH__ON_WAN : LH__IN_SITES);
        if (i == worst && link != NULL) {
            add_arrow(&text, link);
        }
        line(out, text.s);
    }
}

/* Where a site waits for another for at least a thousandth of the step. */
static void write_sites(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_result *r = report->result;
    const struct lh_site *site = report->scenario->sites;
    bool waits = false;

    for (int i = 0; i < r->n_sites; i++) {
        waits = waits || r->sites[i].wait_s >= 1e-3 * r->step_time_s;
    }
    for (int i = 0; i < r->n_sites && waits; i++) {
        const struct lh_site_time *t = &r->sites[i];
        struct lh_text text = lh_text_new(out->arena);
        lh_text_printf(&text, "site %s  busy %.1f %%", site[i].name,
                       100 * t->busy_s / r->step_time_s);
        if (t->wait_s >= 1e-3 * r->step_time_s) {
            lh_text_printf(&text, ", waits %s for %s",
                           seconds_text(out->arena, t->wait_s, r->step_time_s),
                           site[t->waits_for].name);
        }
        line(out, text.s);
    }
}

/* ---- figures of the whole, links, bound ---------------------------------- */

static void write_figures(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_result *r = report->result;
    struct lh_fullest m = lh_memory_fullest(report->program, report->scenario);
    struct lh_text text = lh_text_new(out->arena);
    const double gib = 1024.0 * 1024.0 * 1024.0;

    if (report->program->tokens == 0) {
        return; /* of a trace nothing of this is known */
    }
    lh_text_printf(&text, "tokens/s %s   MFU %.1f %%",
                   count_text(out->arena, r->tokens_per_s), 100 * r->mfu);
    if (report->one_site != NULL) {
        lh_text_printf(&text, " (one site %.1f %%)",
                       100 * report->one_site->mfu);
    }
    lh_text_printf(&text, "   memory %.1f of %.1f GiB (%s)", m.bytes / gib,
                   m.device->memory_bytes / gib,
                   r->fits ? "fits" : "does not fit");
    line(out, text.s);
}

static void write_goodput(struct lh_text *out, const struct lh_report *report)
{
    struct lh_arena *arena = out->arena;
    struct lh_text text = lh_text_new(arena);
    struct lh_goodput g;

    if (!lh_goodput_make(&g, report)) {
        return;
    }
    lh_text_printf(&text, "goodput %.1f %%   tokens/s %s", 100 * g.frac,
                   count_text(arena, g.tokens_per_s));
    if (g.islands > 1) {
        lh_text_printf(&text, " (%.1f %% if a failure stopped all)",
                       100 * g.coupled_frac);
    }
    lh_text_printf(&text, "\n  a failure every %s, %s saved every %s, ",
                   lh_units_human(arena, g.mtbf_s / g.islands, LH_DIM_TIME),
                   lh_units_human(arena, g.checkpoint_bytes, LH_DIM_BYTES),
                   lh_units_human(arena, g.every_s, LH_DIM_TIME));
    lh_text_printf(&text, "restart %s\n",
                   lh_units_human(arena, g.restart_s, LH_DIM_TIME));
    lh_text_add(out, text.s);
}

static void write_equal_loss(struct lh_text *out,
                             const struct lh_report *report)
{
    const struct lh_equal_loss *loss = &report->scenario->equal_loss;
    struct lh_text text = lh_text_new(out->arena);
    struct lh_at_equal_loss e;

    if (!lh_equal_loss_make(&e, report)) {
        return;
    }
    if (!isfinite(loss->tokens_factor)) {
        line(out, "at equal loss: no published figure of the tokens needed");
        return;
    }
    lh_text_printf(&text, "at equal loss a step counts %s",
                   seconds_text(out->arena, e.step_time_s, e.step_time_s));
    if (isfinite(e.efficiency)) {
        lh_text_printf(&text, ", %+.1f %% over one site",
                       100 / e.efficiency - 100);
    }
    lh_text_printf(&text, ": %.3f x the tokens", loss->tokens_factor);
    if (loss->low < loss->high) {
        lh_text_printf(&text, " (%.2f to %.2f)", loss->low, loss->high);
    }
    line(out, text.s);
    line(out, lh_format(out->arena, "  %s", loss->basis));
    line(out, lh_format(out->arena, "  %s", loss->source));
}

static void write_bound(struct lh_text *out, const struct lh_report *report)
{
    struct lh_arena *arena = out->arena;
    const struct lh_result *r = report->result;
    const struct lh_bound *b = &r->bound;
    struct lh_text text = lh_text_new(arena);
    double step_s = r->step_time_s;

    lh_text_printf(&text, "bound %s", seconds_text(arena, b->bound_s, step_s));
    if (b->bound_s > 0) {
        lh_text_printf(&text, ", step %.2f x it", step_s / b->bound_s);
    }
    lh_text_printf(&text, ": compute %s",
                   seconds_text(arena, b->compute_s, step_s));
    if (b->network_s > 0) {
        lh_text_printf(&text, ", network %s",
                       seconds_text(arena, b->network_s, step_s));
        if (b->cut != NULL && b->cut[0] != '\0') {
            lh_text_printf(&text, " (%s)", dashed(arena, b->cut));
        }
    }
    line(out, text.s);
}

/* What published runs say of results like this one. */
static void write_validation(struct lh_text *out,
                             const struct lh_report *report)
{
    const struct lh_family_error *v = report->validation;

    if (v->n_rows > 0) {
        line(out, lh_format(out->arena,
                            "validated: %s: median |error| %.1f %% over %d "
                            "row%s (longhaul validate)",
                            v->family, 100 * v->median_abs_error, v->n_rows,
                            v->n_rows == 1 ? "" : "s"));
    } else {
        line(out, lh_format(out->arena,
                            "validated: no published row of this family, %s",
                            v->family));
    }
}

static void write_links(struct lh_text *out, const struct lh_report *report)
{
    struct lh_arena *arena = out->arena;
    int n = lh__link_rows(report);
    int width = (int)strlen("busiest links") + 2;

    if (n == 0) {
        return;
    }
    for (int i = 0; i < n; i++) {
        int name = columns(report->result->links[i].name) + 2;
        width = name > width ? name : width;
    }
    width = width > NAME_COLUMNS + 2 ? NAME_COLUMNS + 2 : width;
    lh_text_printf(out, "\n%s%-9s %7s  %-13s %-10s %6s\n",
                   padded(arena, "busiest links", width), "kind", "count",
                   "capacity", "bytes/step", "busy");
    for (int i = 0; i < n; i++) {
        const struct lh_link_use *link = &report->result->links[i];
        const char *capacity =
            isfinite(link->capacity_bytes_per_s) ? lh_units_human(
                arena, link->capacity_bytes_per_s, LH_DIM_BANDWIDTH)
                                                 : "no limit";
        if (!(link->bytes > 0)) {
            continue; /* idle links are no news */
        }
        lh_text_printf(out, "%s%-9s %7" PRId64 "  %-13s %-10s %4.1f %%\n",
                       padded(arena, clip(arena, link->name, width - 2), width),
                       lh__link_kind_name(link->kind), link->count, capacity,
                       lh_units_human(arena, link->bytes, LH_DIM_BYTES),
                       100 * link->busy_frac);
    }
}

void lh_write_text(struct lh_text *out, const struct lh_report *report)
{
    write_model(out, &report->scenario->model);
    write_plan(out, report);
    write_fibres(out, report->topology);
    if (report->rl != NULL) {
        lh__write_rl_text(out, report->rl);
        lh_text_add(out, "\ntrainer, one optimizer step:");
    }
    lh_text_add(out, "\n");
    write_step(out, report);
    write_breakdown(out, report->result);
    write_sites(out, report);
    write_figures(out, report);
    write_goodput(out, report);
    write_equal_loss(out, report);
    write_bound(out, report);
    if (report->async != NULL) {
        lh__write_async_text(out, report);
    }
    write_validation(out, report);
    write_links(out, report);
}
