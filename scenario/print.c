/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * struct lh_scenario -> canonical text: every key with its value and unit, in
 * the order of the table of keys; as YAML or as JSON.  Left out are a value
 * that is absent and a derived one that has no effect.
 * Reading it again gives an equal scenario, to the last bit of every double.
 * Tables have become lists, settings values, relative paths absolute ones.
 */
#include "schema.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct emitter {
    struct lh_text *out;
    struct lh_arena *arena;
    const struct lh__root *root;
    bool json;
    int depth;  /* columns of the line to begin */
    bool dash;  /* YAML: the next line opens an entry of a list */
    bool first; /* JSON: no comma before the next key */
};

/* ---- values ------------------------------------------------------------- */

static bool looks_otherwise(const char *s)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], s) == 0)
            return true;
    }
    return s[strspn(s, "0123456789.eE+-_")] == '\0';
}

/* May the text stand without quotes, for us and for other readers? */
static bool is_plain(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(s);

    if (n == 0 || (!strchr(letters, s[0]) && s[0] != '/'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!strchr(letters, s[i]) && !strchr("_./+-", s[i])
            && !(s[i] == ' ' && i + 1 < n))
            return false;
    }
    return !looks_otherwise(s);
}

static void put_string(struct emitter *e, const char *s)
{
    if (!e->json && is_plain(s))
        lh_text_add(e->out, s);
    else
        lh_text_json_string(e->out, s);
}

static const char *absolute(struct lh_arena *arena, const char *path)
{
    char buffer[PATH_MAX];

    if (realpath(path, buffer))
        return lh_strdup(arena, buffer);
    if (*path == '/' || !getcwd(buffer, sizeof buffer))
        return path;
    return lh_format(arena, "%s/%s", buffer, path);
}

static void put_pair(struct emitter *e, const struct lh__key *key,
                     const void *object)
{
    const char *at = object;
    const struct lh_site *sites = e->root->s.sites;
    int a = *(const int *)(const void *)(at + key->offset);
    int b = *(const int *)(const void *)(at + key->count);

    lh_text_add(e->out, "[");
    put_string(e, sites[a].name);
    lh_text_add(e->out, ", ");
    put_string(e, sites[b].name);
    lh_text_add(e->out, "]");
}

static void put_value(struct emitter *e, const struct lh__key *key,
                      const void *object)
{
    const char *text = lh__key_text(key, object, e->arena);

    switch (key->type) {
    case LH__COUNT:
    case LH__NUMBER: lh_text_add(e->out, text); break;
    case LH__FLAG:
        if (key->choices)
            put_string(e, text);
        else
            lh_text_add(e->out, text);
        break;
    case LH__NUMBERS:
        lh_text_printf(e->out,
                       strchr(text, ',') || *text == '\0' ? "[%s]" : "%s",
                       text);
        break;
    case LH__COUNTS:
    case LH__LOCATION: lh_text_printf(e->out, "[%s]", text); break;
    case LH__PAIR: put_pair(e, key, object); break;
    case LH__LATER: lh_text_add(e->out, key->fallback); break;
    case LH__FILE: put_string(e, absolute(e->arena, text)); break;
    default: put_string(e, text);
    }
}

/* ---- which keys --------------------------------------------------------- */

static bool is_shown(const struct emitter *e, const struct lh__key *key,
                     const void *object)
{
    const struct lh__key *child = NULL;
    const char *because;
    const char *text;

    if (key->flags & LH__SILENT)
        return false;
    if (key->type == LH__GROUP && key->count
        && !*((const bool *)object + key->count))
        return false;
    if (key->type == LH__GROUP) {
        while ((child = lh__key_next(key, child))) {
            if (is_shown(e, child, object))
                return true;
        }
        return false;
    }
    if (key->type == LH__LATER)
        return key->fallback != NULL;
    if (key->type == LH__GROUPS)
        return true;
    if (key->type == LH__PAIR)
        return *(const int *)(const void *)((const char *)object + key->offset)
               >= 0;
    if (!key->fallback
        && !lh__key_applies(key, e->root, object, e->arena, &because))
        return false;
    text = lh__key_text(key, object, e->arena);
    return text && (*text || key->flags & LH__ROW);
}

/* ---- lines -------------------------------------------------------------- */

static void put_indent(struct emitter *e, int columns)
{
    lh_text_printf(e->out, "%*s", columns, "");
}

static void begin_key(struct emitter *e, const struct lh__key *key)
{
    const char *name = lh__key_name(key);

    if (e->json) {
        lh_text_add(e->out, e->first ? "\n" : ",\n");
        put_indent(e, e->depth);
        lh_text_printf(e->out, "\"%s\": ", name);
        e->first = false;
        return;
    }
    put_indent(e, e->dash ? e->depth - 2 : e->depth);
    lh_text_printf(e->out, "%s%s:", e->dash ? "- " : "", name);
    e->dash = false;
}

static void put_keys(struct emitter *e, const struct lh__key *group,
                     const void *object);

/* The keys of a mapping, one level further in. */
static void put_mapping(struct emitter *e, const struct lh__key *group,
                        const void *object)
{
    if (e->json)
        lh_text_add(e->out, "{");
    e->first = true;
    e->depth += 2;
    put_keys(e, group, object);
    e->depth -= 2;
    e->first = false;
    if (e->json) {
        lh_text_add(e->out, "\n");
        put_indent(e, e->depth);
        lh_text_add(e->out, "}");
    }
}

static void put_list(struct emitter *e, const struct lh__key *list,
                     const void *object)
{
    const char *at = object;
    int n = *(const int *)(const void *)(at + list->count);
    const char *array = *(const char *const *)(const void *)(at + list->offset);

    if (n == 0) {
        lh_text_add(e->out, e->json ? "[]" : " []\n");
        return;
    }
    lh_text_add(e->out, e->json ? "[" : "\n");
    e->depth += 2;
    for (int i = 0; i < n; i++) {
        if (e->json) {
            lh_text_add(e->out, i ? ",\n" : "\n");
            put_indent(e, e->depth);
        }
        e->dash = true;
        put_mapping(e, list, array + (size_t)i * list->size);
    }
    e->depth -= 2;
    e->dash = false;
    if (e->json) {
        lh_text_add(e->out, "\n");
        put_indent(e, e->depth);
        lh_text_add(e->out, "]");
    }
}

static void put_keys(struct emitter *e, const struct lh__key *group,
                     const void *object)
{
    const struct lh__key *key = NULL;

    while ((key = lh__key_next(group, key))) {
        if (!is_shown(e, key, object))
            continue;
        begin_key(e, key);
        if (key->type == LH__GROUP) {
            if (!e->json)
                lh_text_add(e->out, "\n");
            put_mapping(e, key, object);
        } else if (key->type == LH__GROUPS) {
            put_list(e, key, object);
        } else {
            if (!e->json)
                lh_text_add(e->out, " ");
            put_value(e, key, object);
            if (!e->json)
                lh_text_add(e->out, "\n");
        }
    }
}

/* ---- doors -------------------------------------------------------------- */

static struct lh__root root_of(const struct lh_scenario *s)
{
    struct lh__root root = {.s = *s};

    if (s->values)
        root.extra = s->values->extra;
    else
        root.extra =
            (struct lh__extra){.version = 1, .model_name = s->model.name};
    return root;
}

void lh_scenario_print_yaml(struct lh_text *out, const struct lh_scenario *s)
{
    struct lh__root root = root_of(s);
    struct emitter e = {.out = out, .arena = out->arena, .root = &root};

    put_keys(&e, NULL, &root);
}

void lh_scenario_print_json(struct lh_text *out, const struct lh_scenario *s,
                            int indent)
{
    struct lh__root root = root_of(s);
    struct emitter e = {.out = out,
                        .arena = out->arena,
                        .root = &root,
                        .json = true,
                        .depth = indent};

    put_mapping(&e, NULL, &root);
}
