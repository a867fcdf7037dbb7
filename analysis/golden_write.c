/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The comparison with goldens as text, JSON, JUnit XML (for the test pages of
 * CI systems) and GitHub's workflow commands, which put a message beside the
 * file that it is of.
 *
 * Sources of the formats: https://github.com/testmoapp/junitxml (the common
 * subset) and https://docs.github.com/actions/reference/workflow-commands.
 * Place in the pipeline: the last stage.
 */
#include <longhaul/golden.h>

#include <math.h>
#include <string.h>

enum { SHOWN_MAX = 5 };

static int n_failed(const struct lh_golden_report *report)
{
    int n = 0;

    for (int i = 0; i < report->n; i++) {
        n += !lh_golden_passed(&report->results[i]);
    }
    return n;
}

/* "+4.5 %" */
static const char *percent(double share, struct lh_arena *arena)
{
    return isfinite(share) ? lh_format(arena, "%+.3g %%", 100 * share) : "-";
}

static bool is_time(const char *name)
{
    size_t n = strlen(name);

    return strstr(name, "breakdown_s.") != NULL
           || (n > 2 && strcmp(name + n - 2, "_s") == 0
               && strstr(name, "_per_s") == NULL);
}

static const char *figure(const char *name, double value,
                          struct lh_arena *arena)
{
    if (!isfinite(value)) {
        return "none";
    }
    return is_time(name) ? lh_units_human(arena, value, LH_DIM_TIME)
                         : lh_format(arena, "%.6g", value);
}

/* "WAN, exposed 0.82 s -> 1.01 s (+22.7 %, tolerance 0.5 %)" */
static const char *moved(const struct lh_deviation *d, struct lh_arena *arena)
{
    return lh_format(arena, "%s %s -> %s (%s, tolerance %.3g %%)", d->label,
                     figure(d->name, d->kept, arena),
                     figure(d->name, d->now, arena),
                     percent(d->relative, arena), 100 * d->tolerance.relative);
}

const char *lh_golden_sentence(const struct lh_golden_result *r,
                               struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);

    if (r->error != NULL) {
        return r->error;
    }
    lh_text_add(&text, moved(&r->deviations[0], arena));
    for (int i = 0; i < r->n_causes; i++) {
        lh_text_printf(&text, "%s%s", i > 0 ? ", " : ": ", r->causes[i]);
    }
    return text.s;
}

/* ---- text ---------------------------------------------------------------- */

static void write_text_row(struct lh_text *out,
                           const struct lh_golden_result *r, int width)
{
    struct lh_arena *arena = out->arena;

    lh_text_printf(out, "%-*s", width, r->kept->name);
    if (r->error != NULL) {
        lh_text_printf(out, "  ERROR  %s\n", r->error);
        return;
    }
    lh_text_printf(out, " %10s %10s %10s %9.3g %%  %s\n",
                   figure("step_time_s", r->step_kept_s, arena),
                   figure("step_time_s", r->step_now_s, arena),
                   percent(r->step_now_s / r->step_kept_s - 1, arena),
                   100 * r->step_tolerance.relative,
                   lh_golden_passed(r) ? "ok" : "FAIL");
    for (int i = 0; i < r->n_deviations && i < SHOWN_MAX; i++) {
        lh_text_printf(out, "    %s\n", moved(&r->deviations[i], arena));
    }
    if (r->n_deviations > SHOWN_MAX) {
        lh_text_printf(out, "    and %d more\n", r->n_deviations - SHOWN_MAX);
    }
    for (int i = 0; i < r->n_causes; i++) {
        lh_text_printf(out, "    because of: %s\n", r->causes[i]);
    }
}

static void write_text(struct lh_text *out,
                       const struct lh_golden_report *report)
{
    int failed = n_failed(report);
    int width = 8;

    for (int i = 0; i < report->n; i++) {
        int n = (int)strlen(report->results[i].kept->name);
        width = n > width ? n : width;
    }
    lh_text_printf(out, "%-*s %10s %10s %10s %11s\n", width, "scenario",
                   "golden", "now", "change", "tolerance");
    for (int i = 0; i < report->n; i++) {
        write_text_row(out, &report->results[i], width);
    }
    lh_text_printf(out, "%d of %d outside tolerance", failed, report->n);
    for (int i = 0, said = 0; i < report->n; i++) {
        const struct lh_golden_result *r = &report->results[i];
        if (!lh_golden_passed(r) && r->error == NULL) {
            lh_text_printf(
                out, "%s %s",
                said++ > 0 ? "" : "; accept with: longhaul golden --update",
                r->kept->path);
        }
    }
    lh_text_add(out, "\n");
}

/* ---- JSON ---------------------------------------------------------------- */

static void json_text(struct lh_text *out, const char *before, const char *name,
                      const char *value)
{
    lh_text_printf(out, "%s\"%s\": ", before, name);
    if (value != NULL) {
        lh_text_json_string(out, value);
    } else {
        lh_text_add(out, "null");
    }
}

static void json_number(struct lh_text *out, const char *before,
                        const char *name, double value)
{
    lh_text_printf(out, "%s\"%s\": ", before, name);
    lh_text_json_double(out, value);
}

static void json_result(struct lh_text *out, const struct lh_golden_result *r)
{
    json_text(out, "    {", "name", r->kept->name);
    json_text(out, ", ", "file", r->kept->path);
    lh_text_printf(out, ", \"passed\": %s",
                   lh_golden_passed(r) ? "true" : "false");
    json_text(out, ", ", "error", r->error);
    lh_text_add(out, ", \"deviations\": [");
    for (int i = 0; i < r->n_deviations; i++) {
        const struct lh_deviation *d = &r->deviations[i];
        json_text(out, i > 0 ? ",\n      {" : "\n      {", "name", d->name);
        json_text(out, ", ", "label", d->label);
        json_number(out, ", ", "golden", d->kept);
        json_number(out, ", ", "now", d->now);
        json_number(out, ", ", "relative", d->relative);
        json_number(out, ", ", "tolerance_relative", d->tolerance.relative);
        json_number(out, ", ", "tolerance_absolute", d->tolerance.absolute);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "], \"causes\": [");
    for (int i = 0; i < r->n_causes; i++) {
        lh_text_add(out, i > 0 ? ", " : "");
        lh_text_json_string(out, r->causes[i]);
    }
    lh_text_add(out, "]}");
}

static void write_json(struct lh_text *out,
                       const struct lh_golden_report *report)
{
    lh_text_printf(out,
                   "{\n  \"schema\": \"longhaul.golden-report/1\",\n"
                   "  \"compared\": %d,\n  \"failed\": %d,\n"
                   "  \"results\": [\n",
                   report->n, n_failed(report));
    for (int i = 0; i < report->n; i++) {
        json_result(out, &report->results[i]);
        lh_text_add(out, i + 1 < report->n ? ",\n" : "\n");
    }
    lh_text_add(out, "  ]\n}\n");
}

/* ---- JUnit --------------------------------------------------------------- */

static void xml(struct lh_text *out, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '&': lh_text_add(out, "&amp;"); break;
        case '<': lh_text_add(out, "&lt;"); break;
        case '>': lh_text_add(out, "&gt;"); break;
        case '"': lh_text_add(out, "&quot;"); break;
        default:
            /* Control characters are no XML, however written. */
            lh_text_printf(out, "%c", (unsigned char)*s < 0x20 ? ' ' : *s);
        }
    }
}

static void junit_case(struct lh_text *out, const struct lh_golden_result *r)
{
    lh_text_add(out, "    <testcase classname=\"golden\" name=\"");
    xml(out, r->kept->name);
    lh_text_add(out, "\" file=\"");
    xml(out, r->kept->path);
    if (lh_golden_passed(r)) {
        lh_text_add(out, "\"/>\n");
        return;
    }
    lh_text_printf(out, "\">\n      <%s message=\"",
                   r->error != NULL ? "error" : "failure");
    xml(out, lh_golden_sentence(r, out->arena));
    lh_text_add(out, "\">");
    for (int i = 0; i < r->n_deviations; i++) {
        lh_text_add(out, "\n");
        xml(out, moved(&r->deviations[i], out->arena));
    }
    lh_text_printf(out, "</%s>\n    </testcase>\n",
                   r->error != NULL ? "error" : "failure");
}

static void write_junit(struct lh_text *out,
                        const struct lh_golden_report *report)
{
    int errors = 0;

    for (int i = 0; i < report->n; i++) {
        errors += report->results[i].error != NULL;
    }
    lh_text_printf(out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<testsuites>\n"
                   "  <testsuite name=\"longhaul golden\" tests=\"%d\" "
                   "failures=\"%d\" errors=\"%d\">\n",
                   report->n, n_failed(report) - errors, errors);
    for (int i = 0; i < report->n; i++) {
        junit_case(out, &report->results[i]);
    }
    lh_text_add(out, "  </testsuite>\n</testsuites>\n");
}

/* ---- GitHub -------------------------------------------------------------- */

static void escaped(struct lh_text *out, const char *s, const char *more)
{
    for (; *s != '\0'; s++) {
        if (*s == '%' || *s == '\r' || *s == '\n' || strchr(more, *s)) {
            lh_text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
        } else {
            lh_text_printf(out, "%c", *s);
        }
    }
}

static void write_github(struct lh_text *out,
                         const struct lh_golden_report *report)
{
    for (int i = 0; i < report->n; i++) {
        const struct lh_golden_result *r = &report->results[i];
        if (lh_golden_passed(r)) {
            continue;
        }
        lh_text_add(out, "::error file=");
        escaped(out, r->kept->path, ":,");
        lh_text_add(out, ",title=");
        escaped(out, r->kept->name, ":,");
        lh_text_add(out, "::");
        escaped(out, lh_golden_sentence(r, out->arena), "");
        lh_text_add(out, "\n");
    }
    lh_text_printf(out,
                   "::notice title=longhaul golden::%d of %d outside "
                   "tolerance\n",
                   n_failed(report), report->n);
}

static const struct lh_golden_output outputs[] = {
    {"text", write_text},
    {"json", write_json},
    {"junit", write_junit},
    {"github", write_github},
};

const struct lh_golden_output *lh_golden_output_at(int i)
{
    return i < (int)(sizeof outputs / sizeof outputs[0]) ? &outputs[i] : NULL;
}
