/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The doors of scenario/: a file or a text, with settings, to struct
 * lh_scenario.
 * Pipeline:
 *   yaml.c -> tables.c -> settings.c -> read.c -> resolve.c -> lh_scenario
 *   tree      rows of     --set         types,    names, derived values,
 *             CSV files                 defaults  checks of several keys
 */
#include "schema.h"

#include <string.h>

enum { FILE_MAX_MIB = 64 };

const char *lh__join_path(struct lh_arena *arena, const char *dir,
                          const char *path)
{
    if (*path == '/' || !dir || !*dir || strcmp(dir, ".") == 0)
        return path;
    const char *slash = dir[strlen(dir) - 1] == '/' ? "" : "/";
    return lh_format(arena, "%s%s%s", dir, slash, path);
}

/* The mapping and the last name of a path; NULL: no such mapping. */
static struct lh__value *parent_of(const struct lh__reader *r, const char *path,
                                   const char **name)
{
    const char *dot = strrchr(path, '.');

    *name = dot ? dot + 1 : path;
    if (!dot)
        return r->values;
    return lh__value_at(r->values,
                        lh_strndup(r->ctx->arena, path, (size_t)(dot - path)));
}

struct lh_where lh__where_at(const struct lh__reader *r, const char *path)
{
    const struct lh__value *value = lh__value_at(r->values, path);
    char part[256];

    snprintf(part, sizeof part, "%s", path);
    while (!value && *part) {
        size_t n = strlen(part);
        while (n > 0 && part[n - 1] != '.' && part[n - 1] != '[')
            n--;
        part[n > 0 ? n - 1 : 0] = '\0';
        value = lh__value_at(r->values, part);
    }
    return value ? value->where : r->values->where;
}

struct lh_where lh__key_where(const struct lh__reader *r, const char *path)
{
    const char *name;
    const struct lh__value *parent = parent_of(r, path, &name);

    for (int i = 0; parent && parent->kind == LH__MAPPING && i < parent->n;
         i++) {
        if (strcmp(parent->names[i], name) == 0)
            return parent->places[i];
    }
    return lh__where_at(r, path);
}

void lh__mark_bad(struct lh__reader *r, const char *path)
{
    struct lh__value *value = lh__value_at(r->values, path);

    if (value)
        value->bad = true;
}

/* "dir/two-sites.yaml" -> "two-sites" */
static const char *stem(struct lh_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);

    bool file = n > 0 && *base != '<'; /* not "<stdin>" */
    return file ? lh_strndup(arena, base, n) : "scenario";
}

/* `tables` must be set before its files are read, all else after. */
static void apply_settings(struct lh__reader *r,
                           const struct lh_setting *settings, int n_settings,
                           bool tables)
{
    for (int i = 0; i < n_settings; i++) {
        size_t n = strcspn(settings[i].path, ".[");
        bool is_table = n == strlen("tables")
                        && strncmp(settings[i].path, "tables", n) == 0;
        if (is_table == tables)
            lh__read_setting(r, &settings[i]);
    }
}

struct source {
    const char *name, *dir, *text;
    size_t n;
    const struct lh_setting *settings;
    int n_settings;
};

static enum lh_status read_source(struct lh_scenario *out,
                                  const struct source *source,
                                  struct lh_ctx *ctx)
{
    struct lh__root root = {0};
    struct lh__reader r = {&root, NULL, source->dir, ctx};
    int before = lh_diag_count(ctx, LH_ERROR);
    struct lh_where place = {source->name, 1, 1};

    if (source->n > (size_t)FILE_MAX_MIB << 20) {
        place.line = 0;
        lh_error(ctx, place, "larger than %d MiB", FILE_MAX_MIB);
        return LH_BAD_INPUT;
    }
    /* Faults of the text are counted below with all others. */
    if (lh__yaml_parse(&r.values, source->text, source->n, place, ctx)
        == LH_FAILED)
        return LH_FAILED;
    if (!r.values)
        return LH_BAD_INPUT;
    root.s.file = lh_strdup(ctx->arena, source->name);
    if (r.values->kind == LH__MAPPING) {
        apply_settings(&r, source->settings, source->n_settings, true);
        lh__read_tables(&r);
        apply_settings(&r, source->settings, source->n_settings, false);
    }
    lh__read_root(&r);
    if (!root.s.name)
        root.s.name = stem(ctx->arena, source->name);
    if (r.values->kind == LH__MAPPING)
        lh__resolve(&r);
    if (lh_diag_count(ctx, LH_ERROR) > before)
        return LH_BAD_INPUT;
    lh__warn_idle_keys(&r);
    root.s.values = LH_NEW(ctx->arena, struct lh_values, 1);
    *root.s.values = (struct lh_values){r.values, root.extra};
    *out = root.s;
    return LH_OK;
}

enum lh_status lh_scenario_read_text(struct lh_scenario *out, const char *name,
                                     const char *text, size_t n,
                                     const char *dir,
                                     const struct lh_setting *settings,
                                     int n_settings, struct lh_ctx *ctx)
{
    struct source source = {name, dir, text, n, settings, n_settings};

    return read_source(out, &source, ctx);
}

enum lh_status lh_scenario_read(struct lh_scenario *out, const char *path,
                                const struct lh_setting *settings,
                                int n_settings, struct lh_ctx *ctx)
{
    const char *slash = strrchr(path, '/');
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);

    if (st != LH_OK)
        return st;
    /* The folder with its slash: "/x.yaml" stands in "/". */
    const char *dir =
        slash ? lh_strndup(ctx->arena, path, (size_t)(slash - path) + 1) : "";
    struct source source = {path, dir, text, n, settings, n_settings};
    return read_source(out, &source, ctx);
}
