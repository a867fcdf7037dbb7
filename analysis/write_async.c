/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Learners and a server in the formats of `run`: the object `async` of JSON, a
 * table for people, columns of CSV.
 *
 * Place in the pipeline: called by the writers, whose step is of as much time
 * as all learners together take for its tokens.  Definitions: docs/model.md,
 * "Learners and a server".
 */
#include "writers.h"

#include <inttypes.h>

/* Mean of what was pushed after warm-up. */
static double mean_staleness(const struct lh_async_result *r)
{
    double sum = 0, n = 0;

    for (int i = 0; i < r->staleness_n; i++) {
        sum += (double)i * (double)r->staleness[i];
        n += (double)r->staleness[i];
    }
    return n > 0 ? sum / n : 0;
}

const char *lh__async_column(double *value, const struct lh_async_report *a,
                             int i)
{
    const struct lh_async_result *r = a->result;
    const struct {
        const char *name;
        double value;
    } columns[LH__ASYNC_COLUMNS] = {
        {"async_updates_per_s", (double)r->versions / r->versions_s},
        {"async_staleness_mean", mean_staleness(r)},
        {"async_staleness_max", (double)r->staleness_max},
        {"async_waiting_fraction", a->wait_frac},
    };

    *value = columns[i].value;
    return columns[i].name;
}

/* A learner's time in which it does nothing, or what it does anew. */
static double still_frac(const struct lh_async_site *site)
{
    return (site->wan_s + site->wait_s + site->away_s) / site->step_s;
}

/* ---- JSON ---------------------------------------------------------------- */

static void number(struct lh_text *out, const char *before, const char *name,
                   double value)
{
    lh_text_printf(out, "%s\"%s\": ", before, name);
    lh_text_json_double(out, value);
}

static void integer(struct lh_text *out, const char *before, const char *name,
                    int64_t value)
{
    lh_text_printf(out, "%s\"%s\": %" PRId64, before, name, value);
}

static void site_json(struct lh_text *out, const struct lh_report *report,
                      const struct lh_async_site *site)
{
    double tokens = (double)report->program->tokens / (double)report->async->n;

    lh_text_add(out, "{\"site\": ");
    lh_text_json_string(out, report->scenario->sites[site->site].name);
    integer(out, ", ", "learners", site->learners);
    integer(out, ", ", "gpus", site->gpus);
    integer(out, ", ", "steps", site->of.steps);
    number(out, ",\n       ", "step_time_s", site->step_s);
    number(out, ", ", "alone_s",
           site->of.step_s
               + (site->of.send_s + site->of.merge_s) / (double)site->of.steps);
    number(out, ", ", "tokens_per_s", tokens / site->step_s);
    number(out, ",\n       ", "transfer_s", site->wan_s);
    number(out, ", ", "wait_s", site->wait_s);
    number(out, ", ", "away_s", site->away_s);
    number(out, ", ", "waiting_fraction", still_frac(site));
    number(out, ",\n       ", "exchange_s", site->exchange_s);
    number(out, ", ", "held_s", site->held_s);
    lh_text_add(out, "}");
}

void lh__write_async_json(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_async_report *a = report->async;
    const struct lh_async_result *r = a->result;

    lh_text_add(out, ",\n  \"async\": {");
    integer(out, "\n    ", "learners", a->n);
    integer(out, ",\n    ", "updates", r->versions);
    number(out, ",\n    ", "updates_per_s",
           (double)r->versions / r->versions_s);
    lh_text_add(out, ",\n    \"staleness_histogram\": [");
    for (int i = 0; i < r->staleness_n; i++)
        lh_text_printf(out, "%s%" PRId64, i > 0 ? ", " : "", r->staleness[i]);
    lh_text_add(out, "]");
    integer(out, ",\n    ", "staleness_max", r->staleness_max);
    number(out, ",\n    ", "staleness_mean", mean_staleness(r));
    number(out, ",\n    ", "waiting_fraction", a->wait_frac);
    number(out, ",\n    ", "push_bytes", a->bytes);
    number(out, ",\n    ", "outer_step_s", a->apply_s);
    integer(out, ",\n    ", "fragments", report->program->n_fragments);
    integer(out, ",\n    ", "pushes", r->pushed);
    integer(out, ", ", "received", r->received);
    integer(out, ", ", "applied", r->applied);
    integer(out, ", ", "returned", r->returned);
    integer(out, ",\n    ", "dropped", r->dropped);
    integer(out, ", ", "skipped", r->skipped);
    integer(out, ", ", "lost", r->lost);
    integer(out, ", ", "forced", r->forced);
    lh_text_add(out, ",\n    \"sites\": [");
    for (int i = 0; i < a->n_sites; i++) {
        lh_text_add(out, i > 0 ? ",\n      " : "\n      ");
        site_json(out, report, &a->sites[i]);
    }
    lh_text_add(out, "\n    ]\n  }");
}

/* ---- text ---------------------------------------------------------------- */

static void site_text(struct lh_text *out, const struct lh_report *report,
                      const struct lh_async_site *site)
{
    lh_text_printf(out,
                   "  %-14s%6" PRId64 " x %-6" PRId64 "%7" PRId64
                   "  %8.4g s  %7.4g s  %7.4g s   %5.1f %%\n",
                   report->scenario->sites[site->site].name, site->learners,
                   site->gpus, site->of.steps, site->step_s, site->wan_s,
                   site->wait_s, 100 * still_frac(site));
}

/* What was not as it should be; nothing, if all was. */
static void losses_text(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_async_report *a = report->async;
    const struct lh_async_result *r = a->result;
    const struct {
        const char *name, *why;
        int64_t n;
    } losses[] = {
        {"pushes skipped", "the answer to the one before was not back",
         r->skipped},
        {"pushes dropped", "too stale", r->dropped},
        {"outer steps of less than the quorum",
         "all stood still, for different fragments", r->forced},
        {"pushes and answers lost", "of islands that were away", r->lost},
    };

    for (int i = 0; i < a->n_sites; i++)
        if (a->sites[i].away_s > 0)
            lh_text_printf(out,
                           "%s: away %.4g s a step, with what it does "
                           "anew\n",
                           report->scenario->sites[a->sites[i].site].name,
                           a->sites[i].away_s);
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++)
        if (losses[i].n > 0)
            lh_text_printf(out, "%s: %" PRId64 " (%s)\n", losses[i].name,
                           losses[i].n, losses[i].why);
}

void lh__write_async_text(struct lh_text *out, const struct lh_report *report)
{
    const struct lh_async_report *a = report->async;
    const struct lh_async_result *r = a->result;

    lh_text_add(out, "\nlearners at    number x gpus    H   own step   "
                     "transfer     others   waiting\n");
    for (int i = 0; i < a->n_sites; i++)
        site_text(out, report, &a->sites[i]);
    lh_text_printf(
        out,
        "%.4g outer steps%s an hour, %s a push; staleness (outer "
        "steps: pushes)",
        3600 * (double)r->versions / r->versions_s,
        report->program->n_fragments > 1 ? " of a fragment" : "",
        lh_units_human(out->arena,
                       a->bytes / (double)report->program->n_fragments,
                       LH_DIM_BYTES));
    for (int i = 0; i < r->staleness_n; i++)
        if (r->staleness[i] > 0)
            lh_text_printf(out, "  %d%s: %" PRId64, i,
                           i == LH_ASYNC_STALENESS - 1 ? "+" : "",
                           r->staleness[i]);
    lh_text_add(out, "\n");
    losses_text(out, report);
}
