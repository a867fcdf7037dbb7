/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file of a golden, read and written, schema "longhaul.golden/1": where
 * the scenario is and what is set in it, tolerances, figures, the rows of data
 * it names, and its echo.  A line a figure, so that a change can be reviewed.
 *
 * Place in the pipeline: beside the comparison; the door that it has to JSON
 * is Jansson's.  Numbers are the shortest decimals that read back as the same
 * double.
 */
#include <longhaul/golden.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] = "longhaul.golden/1";

/* ---- tolerances ---------------------------------------------------------- */

void lh_tolerance_put(struct lh_kept *kept, struct lh_tolerance tolerance,
                      struct lh_arena *arena)
{
    int n = kept->n_tolerances;
    struct lh_tolerance *more = LH_NEW(arena, struct lh_tolerance, n + 1);

    for (int i = 0; i < n; i++) {
        if (strcmp(kept->tolerances[i].name, tolerance.name) == 0) {
            kept->tolerances[i] = tolerance;
            return;
        }
        more[i] = kept->tolerances[i];
    }
    more[n] = tolerance;
    kept->tolerances = more;
    kept->n_tolerances = n + 1;
}

static bool is_share(double x)
{
    return isfinite(x) && x >= 0;
}

enum lh_status lh_tolerance_read(struct lh_kept *kept, const char *text,
                                 struct lh_ctx *ctx)
{
    const char *equals = strchr(text, '=');
    const char *number = "";
    struct lh_tolerance t = {.absolute = 1e-6};
    char *end = NULL;

    if (equals != NULL && equals > text) {
        t.name = lh_strndup(ctx->arena, text, (size_t)(equals - text));
        number = equals + 1;
        t.relative = strtod(number, &end);
        if (end != number && *end == ',') {
            number = end + 1;
            t.absolute = strtod(number, &end);
        }
    }
    if (end == NULL || end == number || *end != '\0' || !is_share(t.relative)
        || !is_share(t.absolute)) {
        lh_error(ctx,
                 (struct lh_where){
                     lh_format(ctx->arena, "--tolerance %s", text), 0, 0},
                 "it is NAME=RELATIVE or NAME=RELATIVE,ABSOLUTE, e.g. "
                 "'default=0.01' or 'breakdown_s.wait=0.02,1e-3'");
        return LH_BAD_INPUT;
    }
    lh_tolerance_put(kept, t, ctx->arena);
    return LH_OK;
}

/* ---- reading ------------------------------------------------------------- */

static const char *text_of(const json_t *value, struct lh_arena *arena)
{
    const char *text = json_string_value(value);

    return text != NULL ? lh_strdup(arena, text) : NULL;
}

static bool read_settings(struct lh_kept *out, json_t *root,
                          struct lh_arena *arena)
{
    json_t *settings = json_object_get(root, "settings");
    const char *path;
    json_t *value;

    out->settings =
        LH_NEW(arena, struct lh_setting, json_object_size(settings));
    json_object_foreach(settings, path, value)
    {
        const char *text = text_of(value, arena);
        if (text == NULL) {
            return false;
        }
        out->settings[out->n_settings++] =
            (struct lh_setting){lh_strdup(arena, path), text};
    }
    return true;
}

static bool read_tolerances(struct lh_kept *out, json_t *root,
                            struct lh_arena *arena)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(root, "tolerance"), name, value)
    {
        const json_t *relative = json_object_get(value, "relative");
        const json_t *absolute = json_object_get(value, "absolute");
        struct lh_tolerance t = {lh_strdup(arena, name),
                                 json_number_value(relative),
                                 json_number_value(absolute)};
        if (!json_is_number(relative) || !json_is_number(absolute)
            || !is_share(t.relative) || !is_share(t.absolute)) {
            return false;
        }
        lh_tolerance_put(out, t, arena);
    }
    return true;
}

static bool read_values(struct lh_golden *out, json_t *root,
                        struct lh_arena *arena)
{
    json_t *values = json_object_get(root, "values");
    const char *name;
    json_t *value;

    out->values =
        LH_NEW(arena, struct lh_golden_value, json_object_size(values));
    json_object_foreach(values, name, value)
    {
        const char *copy = lh_strdup(arena, name);
        if (!json_is_number(value)) {
            return false;
        }
        out->values[out->n_values++] =
            (struct lh_golden_value){copy, copy, json_number_value(value)};
    }
    return out->n_values > 0;
}

static void read_cells(struct lh_golden_row *out, json_t *row,
                       struct lh_arena *arena)
{
    const char *column;
    json_t *cell;

    out->columns = LH_NEW(arena, const char *, json_object_size(row));
    out->cells = LH_NEW(arena, const char *, json_object_size(row));
    json_object_foreach(row, column, cell)
    {
        const char *text = text_of(cell, arena);
        if (text != NULL) {
            out->columns[out->n_cells] = lh_strdup(arena, column);
            out->cells[out->n_cells++] = text;
        }
    }
}

static void read_rows(struct lh_golden *out, json_t *root,
                      struct lh_arena *arena)
{
    json_t *rows = json_object_get(root, "data");
    const char *name;
    json_t *row;

    out->rows = LH_NEW(arena, struct lh_golden_row, json_object_size(rows));
    json_object_foreach(rows, name, row)
    {
        struct lh_golden_row *next = &out->rows[out->n_rows++];
        next->name = lh_strdup(arena, name);
        read_cells(next, row, arena);
    }
}

static bool read_echo(struct lh_golden *out, const json_t *root,
                      struct lh_arena *arena)
{
    char *text = json_dumps(json_object_get(root, "scenario"),
                            JSON_REAL_PRECISION(17) | JSON_INDENT(2));

    if (text == NULL) {
        return false;
    }
    out->echo = lh_strdup(arena, text);
    free(text);
    return true;
}

static bool read_root(struct lh_kept *out, json_t *root, struct lh_arena *arena)
{
    const char *said = json_string_value(json_object_get(root, "schema"));

    out->file = text_of(json_object_get(root, "file"), arena);
    if (said == NULL || strcmp(said, schema) != 0 || out->file == NULL) {
        return false;
    }
    read_rows(&out->golden, root, arena);
    return read_settings(out, root, arena) && read_tolerances(out, root, arena)
           && read_values(&out->golden, root, arena)
           && read_echo(&out->golden, root, arena);
}

static const char *beside(const char *path, const char *file,
                          struct lh_arena *arena)
{
    const char *slash = strrchr(path, '/');

    if (*file == '/' || slash == NULL) {
        return file;
    }
    return lh_format(arena, "%.*s%s", (int)(slash - path) + 1, path, file);
}

static const char *name_of(const char *path, struct lh_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');

    return lh_strndup(arena, base,
                      dot != NULL ? (size_t)(dot - base) : strlen(base));
}

enum lh_status lh_kept_read(struct lh_kept *out, const char *path,
                            struct lh_ctx *ctx)
{
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);
    json_t *root;
    bool good;

    *out = (struct lh_kept){.name = name_of(path, ctx->arena), .path = path};
    if (st != LH_OK) {
        return st;
    }
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    good = root != NULL && read_root(out, root, ctx->arena);
    json_decref(root);
    if (!good) {
        lh_error(ctx, (struct lh_where){path, 0, 0}, "it is no %s", schema);
        out->golden = (struct lh_golden){.echo = NULL};
        return LH_BAD_INPUT;
    }
    out->scenario_path = beside(path, out->file, ctx->arena);
    return LH_OK;
}

/* ---- writing ------------------------------------------------------------- */

static void string(struct lh_text *out, const char *before, const char *name,
                   const char *value)
{
    lh_text_add(out, before);
    lh_text_json_string(out, name);
    lh_text_add(out, ": ");
    lh_text_json_string(out, value);
}

static void begin(struct lh_text *out, const char *before, const char *name)
{
    lh_text_add(out, before);
    lh_text_json_string(out, name);
    lh_text_add(out, ": {");
}

static void write_tolerances(struct lh_text *out, const struct lh_kept *kept)
{
    begin(out, ",\n  ", "tolerance");
    for (int i = 0; i < kept->n_tolerances; i++) {
        const struct lh_tolerance *t = &kept->tolerances[i];
        begin(out, i > 0 ? ",\n    " : "\n    ", t->name);
        lh_text_add(out, "\"relative\": ");
        lh_text_json_double(out, t->relative);
        lh_text_add(out, ", \"absolute\": ");
        lh_text_json_double(out, t->absolute);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "}");
}

static void write_golden(struct lh_text *out, const struct lh_golden *g)
{
    begin(out, ",\n  ", "values");
    for (int i = 0; i < g->n_values; i++) {
        lh_text_add(out, i > 0 ? ",\n    " : "\n    ");
        lh_text_json_string(out, g->values[i].name);
        lh_text_add(out, ": ");
        lh_text_json_double(out, g->values[i].value);
    }
    begin(out, "\n  },\n  ", "data");
    for (int i = 0; i < g->n_rows; i++) {
        const struct lh_golden_row *row = &g->rows[i];
        begin(out, i > 0 ? ",\n    " : "\n    ", row->name);
        for (int k = 0; k < row->n_cells; k++) {
            string(out, k > 0 ? ", " : "", row->columns[k], row->cells[k]);
        }
        lh_text_add(out, "}");
    }
    lh_text_printf(out, "\n  },\n  \"scenario\": %s\n", g->echo);
}

void lh_kept_write(struct lh_text *out, const struct lh_kept *kept)
{
    string(out, "{\n  ", "schema", schema);
    string(out, ",\n  ", "file", kept->file);
    begin(out, ",\n  ", "settings");
    for (int i = 0; i < kept->n_settings; i++) {
        string(out, i > 0 ? ",\n    " : "\n    ", kept->settings[i].path,
               kept->settings[i].value);
    }
    lh_text_add(out, "}");
    write_tolerances(out, kept);
    write_golden(out, &kept->golden);
    lh_text_add(out, "}\n");
}
